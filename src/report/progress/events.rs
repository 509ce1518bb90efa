//! Events for programs: a JSON document a line on standard error, each complete in itself. `docs/progress.schema.json` is
//! their schema.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::super::document::finding_json;
use super::print_above;
use crate::diagnose::Finding;
use crate::error::Error;
use crate::event::Event;
use crate::executor::steps::Step;
use crate::timeline::rounded;

/// What programs rely on.
const SCHEMA: &str = "kaniko-local/progress/v1";
/// Time between two documents about the same upload.
const EVERY: Duration = Duration::from_secs(1);

/// Whether standard error has documents and nothing else. There is one standard error.
static IN_USE: AtomicBool = AtomicBool::new(false);

/// Writes events.
#[derive(Default)]
pub struct Events {
    told: Option<Instant>,
    /// What is gone on with, as lines of the log belong to it.
    step: Option<Value>,
}

impl Events {
    /// From here on standard error has documents only.
    pub fn begin() {
        IN_USE.store(true, Ordering::Relaxed);
    }

    pub(super) fn event(&mut self, event: &Event) {
        let (name, mut fields) = fields(event);
        match event {
            Event::UploadProgress { .. } if self.told.is_some_and(|told| told.elapsed() < EVERY) => return,
            Event::UploadProgress { .. } => self.told = Some(Instant::now()),
            Event::StepStarted { step } => self.step = Some(step_json(step)),
            Event::StepEnded { .. } => self.step = None,
            Event::Log { .. } => fields["step"] = json!(self.step),
            _ => {}
        }
        put(name, fields);
    }
}

/// An event's name, and what there is to say of it.
fn fields(event: &Event) -> (&'static str, Value) {
    match event {
        Event::Scanned { totals, special } => (
            "scanned",
            json!({
                "files": totals.files,
                "bytes": totals.bytes,
                "not_sent": special.iter().map(|path| path.to_string_lossy()).collect::<Vec<_>>(),
            }),
        ),
        Event::PodCreated { namespace, pod } => ("pod-created", json!({ "namespace": namespace, "pod": pod })),
        Event::Scheduled { node } => ("scheduled", json!({ "node": node })),
        Event::Waiting { what, trouble } => ("waiting", json!({ "what": what, "trouble": trouble })),
        Event::UploadStarted { total } => ("upload-started", json!({ "bytes": total })),
        Event::UploadProgress { packed, sent } => ("upload-progress", json!({ "packed": packed, "sent": sent })),
        Event::UploadBroke { why, attempt } => ("upload-broke", json!({ "why": why, "attempt": attempt })),
        Event::Again { why, transport } => ("another-pod", json!({ "why": why, "transport": transport.word() })),
        Event::Uploaded { packed, sent, elapsed, proven } => {
            ("uploaded", json!({ "packed": packed, "sent": sent, "seconds": rounded(*elapsed), "proven": proven }))
        }
        Event::Building => ("building", json!({})),
        Event::StepStarted { step } => ("step-started", json!({ "step": step_json(step) })),
        Event::StepEnded { step, took, cached } => {
            ("step-ended", json!({ "step": step_json(step), "seconds": rounded(*took), "cached": cached }))
        }
        Event::Log { line, time, .. } => {
            ("log", json!({ "line": String::from_utf8_lossy(line), "written": time.map(|time| time.to_string()) }))
        }
        Event::Built { elapsed } => ("built", json!({ "seconds": rounded(*elapsed) })),
        Event::Timed(timeline) => ("timed", json!({ "phases": timeline.spans })),
        Event::PodDeleted { pod } => ("pod-deleted", json!({ "pod": pod })),
        Event::Warning { message } => ("warning", json!({ "message": message })),
    }
}

fn step_json(step: &Step) -> Value {
    json!({
        "text": step.text,
        "stage": step.place.as_ref().and_then(|place| place.stage.as_ref()),
        "number": step.place.as_ref().map(|place| place.number),
        "of": step.place.as_ref().map(|place| place.of),
    })
}

/// Writes the last document, if standard error has documents.
pub fn finished(exit_code: u8) {
    if IN_USE.load(Ordering::Relaxed) {
        put("finished", json!({ "exit_code": exit_code }));
    }
}

/// Writes an error as a document, if standard error has documents.
pub(in crate::report) fn error_event(error: &Error) -> bool {
    in_place_of_text("error", || {
        json!({
            "code": error.code().map(|code| code.name()),
            "message": error.to_string(),
            "notes": error.notes(),
            "help": error.help(),
        })
    })
}

/// The same of a finding.
pub(in crate::report) fn finding_event(finding: &Finding) -> bool {
    in_place_of_text("finding", || finding_json(finding))
}

/// The same of a note.
pub(in crate::report) fn note_event(note: &str) -> bool {
    in_place_of_text("note", || json!({ "message": note }))
}

/// Where the lines of `-v` go: a line is written at once.
pub struct Verbose;

impl Write for Verbose {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if !in_place_of_text("verbose", || json!({ "message": text.trim_end() })) {
            print_above(&text);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn in_place_of_text(name: &str, fields: impl FnOnce() -> Value) -> bool {
    let in_use = IN_USE.load(Ordering::Relaxed);
    if in_use {
        put(name, fields());
    }
    in_use
}

fn put(name: &str, fields: Value) {
    let mut document = Map::new();
    document.insert("schema".to_owned(), SCHEMA.into());
    document.insert("event".to_owned(), name.into());
    document.insert("time".to_owned(), Timestamp::now().to_string().into());
    if let Value::Object(fields) = fields {
        document.extend(fields);
    }
    // Nobody is left to be told that standard error is gone.
    let _ = std::io::stderr().lock().write_all(format!("{}\n", Value::Object(document)).as_bytes());
}
