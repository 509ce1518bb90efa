//! Events as lines: for a log, for CI, and for whoever wants to see all that a build says.

use std::time::{Duration, Instant};

use super::{LogForm, print, print_log};
use crate::event::Event;
use crate::report::terminal::sanitise;
use crate::words;

/// Time between two lines about the same upload.
const EVERY: Duration = Duration::from_secs(5);

/// What there is to remember from one line to the next.
pub(super) struct Lines {
    log: LogForm,
    upload: Option<Upload>,
}

/// An upload that is under way.
struct Upload {
    total: u64,
    started: Instant,
    told: Instant,
}

impl Lines {
    pub(super) fn new(log: LogForm) -> Self {
        Self { log, upload: None }
    }

    pub(super) fn event(&mut self, event: &Event) {
        match event {
            Event::Log { line, .. } => print_log(line, self.log),
            Event::UploadStarted { total } => {
                let now = Instant::now();
                self.upload = Some(Upload { total: *total, started: now, told: now });
            }
            Event::UploadProgress { packed, sent } => self.uploading(*packed, *sent),
            _ => line(event).iter().for_each(|line| print(line)),
        }
    }

    fn uploading(&mut self, packed: u64, sent: u64) {
        let Some(upload) = self.upload.as_mut().filter(|upload| upload.told.elapsed() >= EVERY) else { return };
        upload.told = Instant::now();
        let elapsed = upload.started.elapsed();
        print(&format!("uploading: {}, {}", uploaded(packed, upload.total, sent, elapsed), words::seconds(elapsed)));
    }
}

/// A line for what happened, if it is worth one.
pub(super) fn line(event: &Event) -> Option<String> {
    let line = match event {
        Event::Scanned { totals, .. } => format!(
            "context: {}{}",
            words::totals(totals),
            if totals.files == 0 { " (nothing but the Dockerfile is sent)" } else { "" },
        ),
        Event::PodCreated { namespace, pod } => format!("pod: {pod} in namespace {namespace}"),
        Event::Waiting { what, trouble: None } => format!("waiting for {what}"),
        Event::Waiting { what, trouble: Some(trouble) } => format!("waiting for {what}, after: {trouble}"),
        Event::UploadBroke { why, attempt } => format!("{}, attempt {attempt}", one_line(why)),
        Event::Again { why, transport } => {
            format!("{}; trying another pod, with `{}`", one_line(why), transport.word())
        }
        Event::Uploaded { packed, sent, elapsed, proven } => format!(
            "uploaded: {} as {} in {:.1} s, {}/s{}",
            words::size(*packed),
            words::size(*sent),
            elapsed.as_secs_f64(),
            words::size(rate(*sent, *elapsed)),
            if *proven { "; complete" } else { "" },
        ),
        Event::Building => "building".to_owned(),
        Event::Built { elapsed } => format!("built in {:.1} s", elapsed.as_secs_f64()),
        Event::Timed(timeline) => format!("time: {}", words::times(timeline)),
        Event::PodDeleted { pod } => format!("pod: {pod} deleted"),
        Event::Scheduled { .. }
        | Event::UploadStarted { .. }
        | Event::UploadProgress { .. }
        | Event::Warning { .. }
        | Event::Log { .. }
        | Event::StepStarted { .. }
        | Event::StepEnded { .. } => return None,
    };
    Some(sanitise(line.as_bytes()))
}

/// How far an upload is.
pub(super) fn uploaded(packed: u64, total: u64, sent: u64, elapsed: Duration) -> String {
    let rate = rate(sent, elapsed);
    format!("{} of {}, sent {}, {}/s", words::size(packed), words::size(total), words::size(sent), words::size(rate))
}

fn one_line(text: &str) -> String {
    text.replace('\n', "; ")
}

fn rate(bytes: u64, elapsed: Duration) -> u64 {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    bytes.saturating_mul(1000) / milliseconds
}
