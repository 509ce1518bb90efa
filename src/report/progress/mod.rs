//! A build on standard error, as it goes on: a view that is drawn anew on a terminal, else lines, or a stream of documents
//! for programs.

mod events;
mod lines;
mod region;
mod view;

use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};

use lines::Lines;
use view::View;

use super::human::special;
use super::terminal::sanitise;
use crate::error::Error;
use crate::event::{Event, Listener};
use crate::executor::log::without_usage;

pub use events::{Events, Verbose, finished};
pub(super) use events::{error_event, finding_event, note_event};
pub(super) use region::{clear, print as print_above};
pub use view::Ticker;

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// What goes on is drawn anew, for a terminal.
    Redrawn,
    /// Lines.
    Lines,
    /// Only the log of a build that failed, and warnings.
    Quiet,
    /// A document a line.
    Events,
}

/// How the lines of a build's log are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// As text that is safe on a terminal.
    Text,
    /// Byte for byte.
    Raw,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// There is an image.
    Well,
    /// There is none, and what was said tells why.
    Failed,
    /// Somebody wanted an end.
    Stopped,
}

impl<T> From<&Result<T, Error>> for Ending {
    fn from(result: &Result<T, Error>) -> Self {
        match result {
            Ok(_) => Self::Well,
            Err(Error::Interrupted(_)) => Self::Stopped,
            Err(_) => Self::Failed,
        }
    }
}

/// Shows events.
pub struct Progress {
    log: LogForm,
    display: Display,
}

enum Display {
    View(View),
    Lines(Mutex<Lines>),
    Events(Mutex<Events>),
    /// The lines that are shown if it fails.
    Quiet(Mutex<Vec<Vec<u8>>>),
}

/// Lines that a quiet build keeps for the case that it fails.
const HELD: usize = 200;

impl Progress {
    /// Shows events in this style, and the log in this form.
    pub fn new(style: Style, log: LogForm) -> Self {
        let display = match style {
            Style::Redrawn => Display::View(View::start()),
            Style::Lines => Display::Lines(Mutex::new(Lines::new(log))),
            Style::Events => Display::Events(Mutex::default()),
            Style::Quiet => Display::Quiet(Mutex::default()),
        };
        Self { log, display }
    }

    /// Ends what is drawn; of a build that failed, what was not shown so far of the reason is shown.
    pub fn finish(&self, ending: Ending) {
        match &self.display {
            Display::View(view) => view.finish(ending),
            Display::Quiet(held) if ending != Ending::Well => {
                let lines = std::mem::take(&mut *lock(held));
                without_usage(lines.into_iter()).for_each(|line| print_log(last_words(&line), self.log));
            }
            Display::Lines(_) | Display::Events(_) | Display::Quiet(_) => {}
        }
    }
}

impl Listener for Progress {
    fn event(&self, event: Event) {
        if let Display::Events(events) = &self.display {
            return lock(events).event(&event);
        }
        match &event {
            Event::Warning { message } => warn(message),
            Event::Scanned { special: found, .. } => found.iter().for_each(|path| warn(&special(path))),
            _ => {}
        }
        match (&self.display, &event) {
            (Display::View(view), event) => view.event(event),
            (Display::Lines(lines), event) => lock(lines).event(event),
            (Display::Quiet(held), Event::Log { line, .. }) => hold(&mut lock(held), line.clone()),
            (Display::Quiet(_) | Display::Events(_), _) => {}
        }
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn hold(held: &mut Vec<Vec<u8>>, line: Vec<u8>) {
    if held.len() == HELD {
        held.remove(0);
    }
    held.push(line);
}

/// What is left of a line that a program wrote over and over, as git does in a clone.
fn last_words(line: &[u8]) -> &[u8] {
    line.rsplit(|byte| *byte == b'\r').find(|part| !part.is_empty()).unwrap_or_default()
}

/// A line of the log. Nothing takes colours out of a raw one.
fn print_log(line: &[u8], form: LogForm) {
    match form {
        LogForm::Text => print(&sanitise(line)),
        LogForm::Raw => {
            // Nobody is left to be told that standard error is gone.
            let _ = std::io::stderr().lock().write_all(&[line, b"\n"].concat());
        }
    }
}

fn warn(message: &str) {
    print(&format!("warning: {}", sanitise(message.as_bytes())));
}

fn print(line: &str) {
    print_above(&format!("{line}\n"));
}
