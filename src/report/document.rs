//! Results for scripts: on standard output or in files, the same bytes for the same facts.

use std::io::{self, Write};

use anstream::adapter::strip_str;
use serde_json::{Value, json};

use super::progress::clear;
use crate::diagnose::post_mortem::{Cause, Explained};
use crate::diagnose::{Finding, Span, without_secrets};
use crate::error::Error;
use crate::executor::files::{Mount, local};
use crate::executor::resolve::{Candidate, End, Outcome, Resolution};
use crate::reference::{Digest, Reference};
use crate::timeline::Timeline;

/// Writes a result to standard output. A reader that went away is no failure of ours: the work is done.
///
/// # Errors
/// Standard output cannot be written, a full disk for example.
pub fn write_stdout(bytes: &[u8]) -> Result<(), Error> {
    clear();
    let mut stdout = io::stdout().lock();
    to_stdout(stdout.write_all(bytes).and_then(|()| stdout.flush()))
}

/// What became of writing there.
pub(super) fn to_stdout(written: io::Result<()>) -> Result<(), Error> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.map_err(|source| Error::Output { what: "standard output".to_owned(), source }),
    }
}

/// The same for text with colours: they are left out where nobody sees them.
///
/// # Errors
/// Standard output cannot be written.
pub fn write_stdout_coloured(text: &str) -> Result<(), Error> {
    match anstream::stdout().current_choice() {
        anstream::ColorChoice::Never => write_stdout(strip_str(text).to_string().as_bytes()),
        _ => write_stdout(text.as_bytes()),
    }
}

/// A finding, in the form that all documents have it in.
pub(super) fn finding_json(finding: &Finding) -> Value {
    let span = |Span { file, place }: &Span| {
        json!({
            "file": file.to_string_lossy(),
            "line": place.line,
            "column": place.column,
            "end_line": place.end_line,
            "end_column": place.end_column,
        })
    };
    json!({
        "code": finding.code.name(),
        "severity": finding.severity.name(),
        "message": finding.message,
        "spans": finding.spans.iter().map(span).collect::<Vec<_>>(),
        "notes": finding.notes,
        "help": finding.help,
    })
}

/// `check -o json`. What an executor would make of its arguments is there if there are any.
pub fn check_json(findings: &[Finding], resolved: Option<(&Resolution, &[Mount])>) -> Value {
    let findings: Vec<Value> = findings.iter().map(finding_json).collect();
    let resolution = resolved.map(|(resolution, mounts)| resolution_json(resolution, mounts));
    json!({ "schema": "kaniko-local/check/v1", "findings": findings, "resolution": resolution })
}

/// `explain -o json`.
pub fn explain_json(explained: &[Explained]) -> Value {
    let cause = |cause: &Cause| {
        let mut document = finding_json(&cause.finding);
        document["confidence"] = json!(cause.sure.name());
        document
    };
    let builds: Vec<Value> = explained
        .iter()
        .map(|explained| {
            json!({
                "namespace": explained.pod.as_ref().map(|pod| &pod.namespace),
                "pod": explained.pod.as_ref().map(|pod| &pod.name),
                "container": explained.pod.as_ref().map(|pod| &pod.container),
                "state": explained.state,
                "causes": explained.causes.iter().map(cause).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "schema": "kaniko-local/explain/v1", "builds": builds })
}

fn resolution_json(resolution: &Resolution, mounts: &[Mount]) -> Value {
    let text = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    let candidate = |candidate: &Candidate| {
        json!({
            "pod_path": text(&candidate.path),
            "local_path": local(mounts, &candidate.path).map(|path| path.to_string_lossy().into_owned()),
            "outcome": match candidate.outcome {
                Outcome::Missing => "missing",
                Outcome::Chosen => "chosen",
                Outcome::Unusable => "unusable",
                Outcome::Shadowed => "shadowed",
            },
        })
    };
    json!({
        "context": resolution.context.as_ref().map(|context| {
            json!({ "given": without_secrets(&context.given), "root": text(&context.absolute) })
        }),
        "dockerfile": resolution.dockerfile.as_ref().map(|dockerfile| {
            json!({
                "given": dockerfile.given,
                "candidates": dockerfile.candidates.iter().map(candidate).collect::<Vec<_>>(),
                "chosen": dockerfile.chosen.as_deref().map(text),
            })
        }),
        "ignore_file": resolution.ignore_file.as_deref().map(text),
        "predicted_error": match &resolution.end {
            End::Failed(words) => Some(words),
            End::Built | End::NoBuild | End::Unknown(_) => None,
        },
    })
}

/// `--metadata-file`, under BuildKit's keys, with what the time went into.
pub fn metadata_json(tags: &[Reference], digest: &Digest, timeline: &Timeline) -> Value {
    let names: Vec<String> = tags.iter().map(Reference::to_string).collect();
    json!({
        "containerimage.digest": digest.to_string(),
        "image.name": names.join(","),
        "kaniko-local.phases": timeline.spans,
    })
}
