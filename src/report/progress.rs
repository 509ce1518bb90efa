//! The progress of a build on standard error: lines, and on a terminal a bar and a waiting line that are redrawn.

use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::terminal::sanitise;
use crate::event::{Event, Listener};
use crate::words;

/// Time between two lines about the same upload.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A bar and a waiting line that are redrawn.
    Redrawn,
    /// Lines.
    Lines,
    /// Only the log of a build that failed, and warnings.
    Quiet,
}

/// How the lines of a build's log are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogForm {
    /// As text that is safe on a terminal.
    Text,
    /// Byte for byte.
    Raw,
}

/// Shows events.
pub struct Progress {
    style: Style,
    log: LogForm,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    total: u64,
    upload: Option<Instant>,
    line: Option<Instant>,
    /// What a quiet build would show if it failed.
    held: Vec<Vec<u8>>,
}

/// A line with the time that goes by, until it is dropped; nothing where there is no terminal.
pub struct Ticker(ProgressBar);

impl Ticker {
    /// Begins, with what is waited for.
    pub fn start(what: &str) -> Self {
        let bar = spinner("{spinner} {elapsed} {wide_msg}");
        bar.set_message(sanitise(what.as_bytes()));
        Self(bar)
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// Lines that a quiet build keeps for the case that it fails.
const HELD: usize = 200;

impl Progress {
    /// Shows events in this style, and the log in this form.
    pub fn new(style: Style, log: LogForm) -> Self {
        Self { style, log, state: Mutex::default() }
    }

    /// Ends redrawing; with `failed`, a quiet build's log is shown after all.
    pub fn finish(&self, failed: bool) {
        let mut state = self.state();
        state.clear_bar();
        if failed {
            std::mem::take(&mut state.held).iter().for_each(|line| print_log(line, self.log));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Progress {
    fn event(&self, event: Event) {
        let mut state = self.state();
        match (&event, self.style) {
            (Event::Warning { message }, _) => state.line(&format!("warning: {}", sanitise(message.as_bytes()))),
            (Event::Scanned { special, .. }, style) => {
                for path in special {
                    let path = sanitise(path.as_os_str().as_bytes());
                    state.line(&format!("warning: `{path}` is a socket, FIFO or device and is not sent"));
                }
                if style != Style::Quiet {
                    state.show(&event);
                }
            }
            (Event::Log { line, .. }, Style::Quiet) => state.hold(line.clone()),
            (Event::Log { line, .. }, _) => state.above_bar(|| print_log(line, self.log)),
            (_, Style::Quiet) => {}
            (Event::Waiting { what, trouble: None }, Style::Redrawn) => state.spin(what),
            (Event::UploadStarted { total }, Style::Redrawn) => state.start_bar(*total),
            (Event::UploadProgress { packed, sent }, Style::Redrawn) => state.move_bar(*packed, *sent),
            (Event::UploadProgress { packed, sent }, Style::Lines) => state.upload_line(*packed, *sent),
            (Event::UploadStarted { total }, Style::Lines) => state.start_upload(*total),
            _ => state.show(&event),
        }
    }
}

impl State {
    /// A line for what happened, if it is worth one.
    fn show(&mut self, event: &Event) {
        let line = match event {
            Event::Scanned { totals, .. } => format!(
                "context: {}{}",
                words::totals(totals),
                if totals.files == 0 { " (nothing but the Dockerfile is sent)" } else { "" },
            ),
            Event::PodCreated { namespace, pod } => format!("pod: {pod} in namespace {namespace}"),
            Event::Waiting { what, trouble: None } => format!("waiting for {what}"),
            Event::Waiting { what, trouble: Some(trouble) } => {
                sanitise(format!("waiting for {what}, after: {trouble}").as_bytes())
            }
            Event::UploadBroke { why, attempt } => sanitise(format!("{}, attempt {attempt}", one_line(why)).as_bytes()),
            Event::Again { why, transport } => {
                sanitise(format!("{}; trying another pod, with `{}`", one_line(why), transport.word()).as_bytes())
            }
            Event::Uploaded { packed, sent, elapsed, proven } => format!(
                "uploaded: {} as {} in {:.1} s, {}/s{}",
                HumanBytes(*packed),
                HumanBytes(*sent),
                elapsed.as_secs_f64(),
                HumanBytes(rate(*sent, *elapsed)),
                if *proven { "; complete" } else { "" },
            ),
            Event::Building => "building".to_owned(),
            Event::Built { elapsed } => format!("built in {:.1} s", elapsed.as_secs_f64()),
            Event::Timed(timeline) => format!("time: {}", words::times(timeline)),
            Event::PodDeleted { pod } => format!("pod: {pod} deleted"),
            Event::Scheduled
            | Event::UploadStarted { .. }
            | Event::UploadProgress { .. }
            | Event::Warning { .. }
            | Event::Log { .. } => return,
        };
        let ends_bar = matches!(
            event,
            Event::Uploaded { .. }
                | Event::UploadBroke { .. }
                | Event::Again { .. }
                | Event::Building
                | Event::Built { .. }
        );
        if ends_bar {
            self.clear_bar();
        }
        self.line(&line);
    }

    fn line(&mut self, line: &str) {
        self.above_bar(|| print(line));
    }

    fn above_bar(&mut self, print: impl FnOnce()) {
        match &self.bar {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn hold(&mut self, line: Vec<u8>) {
        if self.held.len() == HELD {
            self.held.remove(0);
        }
        self.held.push(line);
    }

    fn spin(&mut self, what: &str) {
        let bar = self.bar.get_or_insert_with(|| spinner("{spinner} {elapsed} waiting for {wide_msg}"));
        bar.set_message(sanitise(what.as_bytes()).replace('\n', " "));
    }

    fn start_bar(&mut self, total: u64) {
        self.clear_bar();
        self.start_upload(total);
        let bar = ProgressBar::with_draw_target(Some(total.max(1)), ProgressDrawTarget::stderr());
        bar.set_style(style("uploading {bar:24} {elapsed} {binary_bytes} of {binary_total_bytes}, {wide_msg}"));
        self.bar = Some(bar);
    }

    fn move_bar(&mut self, packed: u64, sent: u64) {
        if let (Some(bar), Some(started)) = (&self.bar, self.upload) {
            bar.set_position(packed);
            bar.set_message(format!("sent {}, {}/s", HumanBytes(sent), HumanBytes(rate(sent, started.elapsed()))));
        }
    }

    fn start_upload(&mut self, total: u64) {
        self.total = total;
        self.upload = Some(Instant::now());
        self.line = self.upload;
    }

    fn upload_line(&mut self, packed: u64, sent: u64) {
        let (Some(started), Some(last)) = (self.upload, self.line) else { return };
        if last.elapsed() < LINE_EVERY {
            return;
        }
        self.line = Some(Instant::now());
        print(&format!(
            "uploading: {} of {}, sent {}, {}/s, {}",
            HumanBytes(packed),
            HumanBytes(self.total),
            HumanBytes(sent),
            HumanBytes(rate(sent, started.elapsed())),
            HumanDuration(started.elapsed()),
        ));
    }

    fn clear_bar(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

/// A line that is redrawn by itself.
fn spinner(template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    bar.set_style(style(template));
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

fn one_line(text: &str) -> String {
    text.replace('\n', "; ")
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1000) / milliseconds
}

/// A line of the log. Nothing takes colours out of a raw one.
fn print_log(line: &[u8], form: LogForm) {
    match form {
        LogForm::Text => print(&sanitise(line)),
        LogForm::Raw => {
            let _ = std::io::stderr().lock().write_all(&[line, b"\n"].concat());
        }
    }
}

fn print(line: &str) {
    // Nobody is left to be told that standard error is gone.
    let _ = writeln!(anstream::stderr().lock(), "{line}");
}
