//! Lines at the bottom of a terminal that are drawn anew again and again; what is printed goes above them.
//!
//! Standard error is one for the whole process, and so are they: whoever prints a line prints it above them.
//!
//! Whatever is drawn was cut to the terminal's width before. A terminal that is made narrower breaks lines that are there
//! already, as tmux, VTE, kitty, Konsole, iTerm2 and Windows Terminal do: so many rows are taken back.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use terminal_size::{Height, Width, terminal_size_of};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::lock;

/// Between two drawings of lines that change by themselves.
const TICK: Duration = Duration::from_millis(100);

static SCREEN: Mutex<Screen> = Mutex::new(Screen { drawn: vec![], lines: vec![] });

/// Prints whole lines on standard error, above those that are drawn.
pub(in crate::report) fn print(text: &str) {
    let mut screen = lock(&SCREEN);
    match screen.is_empty() {
        true => write(text),
        false => write(&screen.text(Size::of_stderr(), text)),
    }
}

/// Draws these lines instead of those that were, below what is printed.
pub(super) fn draw(above: &str, lines: Vec<String>) {
    let mut screen = lock(&SCREEN);
    // Where nothing can be drawn anew, there is only what stays.
    screen.lines = if std::io::stderr().is_terminal() { lines } else { vec![] };
    let text = screen.text(Size::of_stderr(), above);
    write(&text);
}

/// Takes them away, before others write to the terminal.
pub(in crate::report) fn clear() {
    draw("", vec![]);
}

fn write(text: &str) {
    if !text.is_empty() {
        // Nobody is left to be told that standard error is gone.
        let _ = anstream::stderr().lock().write_all(text.as_bytes());
    }
}

/// Columns and rows of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

impl Size {
    /// That of the terminal that standard error is; a usual one's if it does not tell.
    pub(super) fn of_stderr() -> Self {
        let (Width(columns), Height(rows)) = terminal_size_of(std::io::stderr()).unwrap_or((Width(80), Height(24)));
        Self { columns: columns.into(), rows: rows.into() }
    }

    /// The text in one row, with a column left for the cursor.
    pub(super) fn cut(self, text: &str) -> String {
        let room = self.columns.saturating_sub(1);
        if text.width() <= room {
            return text.to_owned();
        }
        let mut used = 0;
        let kept = text.chars().take_while(|character| {
            used += character.width().unwrap_or(0);
            used < room
        });
        kept.chain(['…']).collect()
    }
}

/// The lines at the bottom.
#[derive(Debug)]
struct Screen {
    /// Columns of each line that is drawn.
    drawn: Vec<usize>,
    lines: Vec<String>,
}

impl Screen {
    fn is_empty(&self) -> bool {
        self.drawn.is_empty() && self.lines.is_empty()
    }

    /// What prints whole lines where the drawn ones are, and draws these anew.
    fn text(&mut self, size: Size, above: &str) -> String {
        let rows: usize = self.drawn.drain(..).map(|columns| columns.div_ceil(size.columns).max(1)).sum();
        // Row by row: tmux keeps what is cleared from the top of the screen to its end.
        let erase = vec!["\r\x1b[K"; rows].join("\x1b[A");
        let shown = self.lines.iter().take(size.rows.saturating_sub(1)).map(|line| size.cut(line));
        let shown: Vec<String> = shown.collect();
        self.drawn = shown.iter().map(|line| line.width()).collect();
        format!("{erase}{above}{}", shown.join("\r\n"))
    }
}

/// Calls something again and again, until it is dropped.
pub(super) struct Ticks {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Ticks {
    /// Calls this with the state that it shares.
    pub(super) fn start<T: Send + 'static>(state: &Arc<Mutex<T>>, draw: impl Fn(&mut T) + Send + 'static) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (state, over) = (Arc::clone(state), Arc::clone(&over));
            move || {
                while !over.load(Ordering::Relaxed) {
                    draw(&mut lock(&state));
                    std::thread::park_timeout(TICK);
                }
            }
        });
        Self { over, thread: Some(thread) }
    }
}

impl Drop for Ticks {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            // It draws nothing more once it is over, whether well or not.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen() -> Screen {
        Screen { drawn: vec![], lines: vec![] }
    }

    fn drawn(screen: &mut Screen, columns: usize, above: &str, lines: &[&str]) -> String {
        screen.lines = lines.iter().map(|line| (*line).to_owned()).collect();
        screen.text(Size { columns, rows: 24 }, above)
    }

    #[test]
    fn what_is_printed_replaces_the_lines_and_they_follow_it() {
        let mut screen = screen();
        assert_eq!(drawn(&mut screen, 20, "", &["one", "two"]), "one\r\ntwo");
        assert_eq!(drawn(&mut screen, 20, "above\n", &["three"]), "\r\x1b[K\x1b[A\r\x1b[Kabove\nthree");
        assert_eq!(drawn(&mut screen, 20, "", &[]), "\r\x1b[K");
        assert_eq!(drawn(&mut screen, 20, "", &[]), "");
    }

    #[test]
    fn a_line_never_takes_more_than_its_row() {
        let size = Size { columns: 8, rows: 2 };
        for (text, cut) in [("1234567", "1234567"), ("12345678", "123456…"), ("日本語日", "日本語…"), ("", "")]
        {
            assert_eq!(size.cut(text), cut, "{text}");
            assert!(size.cut(text).width() <= size.columns, "{text}");
        }
        assert_eq!(Size { columns: 0, rows: 0 }.cut("abc"), "…");
    }

    #[test]
    fn lines_that_a_narrower_terminal_broke_are_taken_back_with_all_their_rows() {
        let mut screen = screen();
        drawn(&mut screen, 40, "", &["0123456789012345", "x"]);
        assert_eq!(drawn(&mut screen, 8, "", &["y"]), "\r\x1b[K\x1b[A\r\x1b[K\x1b[A\r\x1b[Ky");
    }

    #[test]
    fn a_low_terminal_shows_the_first_lines() {
        let lines = (0..9).map(|number| number.to_string()).collect();
        assert_eq!(Screen { drawn: vec![], lines }.text(Size { columns: 9, rows: 3 }, ""), "0\r\n1");
    }
}
