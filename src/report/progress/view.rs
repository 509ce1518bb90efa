//! A build as a terminal shows it: what is over, a line each with its time; what goes on, with the last lines of what it
//! says; and of what failed, all that it said.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, IsTerminal, Seek, Write};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};
use tempfile::SpooledTempFile;

use super::region::{Size, Ticks, clear, draw};
use super::{Ending, lines, lock, print_log};
use crate::event::Event;
use crate::executor::log::without_usage;
use crate::report::progress::LogForm;
use crate::report::terminal::sanitise;
use crate::words;

/// Lines of what goes on that are shown.
const TAIL: usize = 5;
/// Columns before a line of what goes on.
const INDENT: &str = "             ";
/// Columns of the bar of an upload.
const BAR: usize = 20;
/// Bytes of what a step says that are kept in memory; the rest is in a file without a name.
const IN_MEMORY: usize = 1 << 20;

/// Turns as long as something goes on.
const SPINNER: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

const DONE: Style = AnsiColor::Green.on_default();
const FAILED: Style = AnsiColor::Red.on_default().bold();
const STOPPED: Style = Style::new();

/// The view, drawn anew while it lives.
pub(super) struct View {
    state: Arc<Mutex<State>>,
    ticks: Mutex<Option<Ticks>>,
}

struct State {
    started: Instant,
    turns: usize,
    current: Option<Current>,
    upload: Option<(u64, u64)>,
    tail: VecDeque<String>,
    /// All that was said since the current one began.
    said: SpooledTempFile,
}

/// What goes on.
struct Current {
    what: String,
    since: Instant,
    total: Option<u64>,
}

#[derive(Clone, Copy)]
enum Mark {
    Done,
    Failed,
    Stopped,
    None,
}

impl View {
    pub(super) fn start() -> Self {
        let state = State {
            started: Instant::now(),
            turns: 0,
            current: None,
            upload: None,
            tail: VecDeque::new(),
            said: tempfile::spooled_tempfile(IN_MEMORY),
        };
        let state = Arc::new(Mutex::new(state));
        let ticks = Mutex::new(Some(Ticks::start(&state, State::tick)));
        Self { state, ticks }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn event(&self, event: &Event) {
        self.state().event(event);
    }

    /// Ends what goes on.
    pub(super) fn finish(&self, ending: Ending) {
        // The thread wants the state: it has to be left to it.
        let ticks = lock(&self.ticks).take();
        drop(ticks);
        self.state().finish(ending);
    }
}

impl State {
    fn event(&mut self, event: &Event) {
        match event {
            Event::Scanned { .. } => {
                let took = self.started.elapsed();
                lines::line(event).iter().for_each(|line| self.row(Mark::Done, Some(took), line));
            }
            Event::PodCreated { .. } => lines::line(event).into_iter().for_each(|line| self.begin(line)),
            Event::Waiting { trouble: None, .. } => {
                self.tail.clear();
                self.tail.extend(lines::line(event));
            }
            Event::UploadStarted { total } => {
                self.end();
                self.begin("uploading".to_owned());
                self.upload = Some((0, 0));
                self.current.iter_mut().for_each(|current| current.total = Some(*total));
            }
            Event::UploadProgress { packed, sent } => self.upload = Some((*packed, *sent)),
            Event::Uploaded { .. } => {
                self.current.iter_mut().for_each(|current| current.what = lines::line(event).unwrap_or_default());
                self.end();
                self.begin("executor: start".to_owned());
            }
            Event::UploadBroke { .. } | Event::Again { .. } => {
                self.current.take();
                lines::line(event).iter().for_each(|line| self.row(Mark::Failed, None, line));
            }
            Event::Building => {
                // Where the executor takes its context itself, nothing was waited for.
                self.current.get_or_insert_with(|| Current::new("executor: start".to_owned()));
                self.tail.clear();
            }
            Event::StepStarted { step } => {
                self.end();
                self.begin(sanitise(step.to_string().as_bytes()));
            }
            Event::StepEnded { step, took, cached } => {
                self.current.take();
                let cached = if *cached { " (cached)" } else { "" };
                self.row(Mark::Done, Some(*took), &in_a_row(&sanitise(format!("{step}{cached}").as_bytes())));
            }
            Event::Log { line, .. } => self.said(line),
            Event::Built { .. } => {
                self.current.take();
                self.forget();
                lines::line(event).iter().for_each(|line| self.row(Mark::None, None, line));
            }
            Event::Waiting { .. } | Event::Timed(_) | Event::PodDeleted { .. } => {
                lines::line(event).iter().for_each(|line| self.row(Mark::None, None, line));
            }
            Event::Scheduled { .. } | Event::Warning { .. } => {}
        }
    }

    fn begin(&mut self, what: String) {
        self.current = Some(Current::new(what));
        self.forget();
        self.tick();
    }

    /// What goes on is over, and well.
    fn end(&mut self) {
        if let Some(current) = self.current.take() {
            self.row(Mark::Done, Some(current.since.elapsed()), &current.what);
        }
    }

    fn forget(&mut self) {
        self.upload = None;
        self.tail.clear();
        self.said = tempfile::spooled_tempfile(IN_MEMORY);
    }

    fn said(&mut self, line: &[u8]) {
        // A full disk takes from what is shown of a failure, and nothing from the build.
        let _ = self.said.write_all(&[line, b"\n"].concat());
        let shown = strip_str(&sanitise(line)).to_string();
        for line in shown.lines() {
            if self.tail.len() == TAIL {
                self.tail.pop_front();
            }
            self.tail.push_back(line.replace('\t', " "));
        }
    }

    fn finish(&mut self, ending: Ending) {
        let current = self.current.take();
        let took = current.as_ref().map(|current| current.since.elapsed());
        let what = current.map(|current| current.what);
        match (ending, what) {
            (Ending::Well, _) | (Ending::Stopped, None) => clear(),
            (Ending::Stopped, Some(what)) => self.row(Mark::Stopped, took, &in_a_row(&what)),
            (Ending::Failed, what) => {
                what.iter().for_each(|what| self.row(Mark::Failed, took, &in_a_row(what)));
                clear();
                self.tell_all();
            }
        }
        self.forget();
    }

    fn tell_all(&mut self) {
        if self.said.rewind().is_ok() {
            let lines = BufReader::new(&mut self.said).split(b'\n').map_while(Result::ok);
            without_usage(lines).for_each(|line| print_log(&line, LogForm::Text));
        }
    }

    /// A row that stays.
    fn row(&mut self, mark: Mark, took: Option<Duration>, text: &str) {
        let took = took.map(words::seconds).unwrap_or_default();
        let (style, mark) = match mark {
            Mark::Done => (DONE, '✓'),
            Mark::Failed => (FAILED, '✗'),
            Mark::Stopped => (STOPPED, '-'),
            Mark::None => (STOPPED, ' '),
        };
        draw(&format!("{style}{mark}{style:#} {took:>9}  {text}\n"), self.lines());
    }

    fn tick(&mut self) {
        self.turns += 1;
        draw("", self.lines());
    }

    fn lines(&self) -> Vec<String> {
        let Some(current) = &self.current else { return vec![] };
        let took = words::seconds(current.since.elapsed());
        let what = match (self.upload, current.total) {
            (Some((packed, sent)), Some(total)) => {
                let bar = bar(packed, total);
                format!("uploading {bar} {}", lines::uploaded(packed, total, sent, current.since.elapsed()))
            }
            _ => current.what.clone(),
        };
        let head = format!("{} {took:>9}  {what}", spinner(self.turns));
        std::iter::once(head).chain(self.tail.iter().map(|line| format!("{INDENT}{line}"))).collect()
    }
}

impl Current {
    fn new(what: String) -> Self {
        Self { what, since: Instant::now(), total: None }
    }
}

/// An instruction may be of any length.
fn in_a_row(text: &str) -> String {
    let size = Size::of_stderr();
    Size { columns: size.columns.saturating_sub(INDENT.len()).max(8), ..size }.cut(text)
}

fn bar(done: u64, total: u64) -> String {
    let full = usize::try_from(words::percent(done, total)).unwrap_or(100).min(100) * BAR / 100;
    "█".repeat(full) + &"░".repeat(BAR - full)
}

fn spinner(turns: usize) -> char {
    SPINNER[turns % SPINNER.len()]
}

/// A line with the time that goes by, until it is dropped; nothing where there is no terminal.
pub struct Ticker(Option<Ticks>);

impl Ticker {
    /// Begins, with what is waited for.
    pub fn start(what: &str) -> Self {
        let what = sanitise(what.as_bytes());
        let state = Arc::new(Mutex::new((0, Instant::now())));
        let draw = move |(turns, since): &mut (usize, Instant)| {
            *turns += 1;
            draw("", vec![format!("{} {:>9}  {what}", spinner(*turns), words::seconds(since.elapsed()))]);
        };
        Self(std::io::stderr().is_terminal().then(|| Ticks::start(&state, draw)))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        if let Some(ticks) = self.0.take() {
            drop(ticks);
            clear();
        }
    }
}
