//! Errors and findings as people read them: what, the evidence, one action.

use std::path::Path;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};

use super::progress::{error_event, finding_event, note_event, print_above as print};
use super::terminal::sanitise;
use crate::code::Code;
use crate::context::advice::{ALIKE, Advice};
use crate::context::listing::Totals;
use crate::diagnose::post_mortem::{Cause, Explained, Sure};
use crate::diagnose::{Finding, Severity};
use crate::error::Error;
use crate::program::Program;
use crate::words;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const ADVICE: Style = AnsiColor::Yellow.on_default();
const NOTE: Style = AnsiColor::Cyan.on_default();
const HELP: Style = AnsiColor::Green.on_default();

/// Pieces of advice that are printed.
const ADVICE_LIMIT: usize = 20;

/// In whose words hints are; like colour, the same for all that the process prints.
static PROGRAM: OnceLock<Program> = OnceLock::new();

/// Says how the tool was called, before anything is printed.
pub fn set_program(program: Program) {
    PROGRAM.get_or_init(|| program);
}

/// Prints an error to standard error.
pub fn print_error(error: &Error) {
    if !error_event(error) {
        print(&error_text(error));
    }
}

/// An error. The text is the same with and without colour.
pub fn error_text(error: &Error) -> String {
    let mut text = titled(Severity::Error, error.code(), &error.to_string());
    explain(&mut text, &error.notes(), error.help().as_deref());
    text
}

/// Prints a finding to standard error.
pub fn print_finding(finding: &Finding) {
    if !finding_event(finding) {
        print(&finding_text(finding));
    }
}

/// A finding; the file it is about is on a line of its own.
pub fn finding_text(finding: &Finding) -> String {
    let mut text = titled(finding.severity, Some(finding.code), &finding.message);
    for span in &finding.spans {
        let line = format!("{}:{}:{}", span.file.display(), span.place.line, span.place.column);
        text.push_str(&format!("  {NOTE}-->{NOTE:#} {}\n", sanitise(line.as_bytes()).replace('\n', "\\n")));
    }
    explain(&mut text, &finding.notes, finding.help.as_deref());
    text
}

/// What became of a build and why, the surest cause first.
pub fn explained_text(explained: &Explained) -> String {
    let mut text = match &explained.pod {
        Some(pod) => {
            format!(
                "container {} of pod {} in namespace {}: {}",
                pod.container, pod.name, pod.namespace, explained.state
            )
        }
        None => format!("log: {}", explained.state),
    };
    text = sanitise(text.as_bytes()) + "\n";
    for Cause { finding, sure } in &explained.causes {
        let note = match sure {
            Sure::Certain => None,
            Sure::Likely => Some("this is likely, and not certain".to_owned()),
            Sure::Unknown => Some("this is what failed; why is not known".to_owned()),
        };
        let notes = note.into_iter().chain(finding.notes.iter().cloned()).collect();
        text.push_str(&finding_text(&Finding { notes, ..finding.clone() }));
    }
    text
}

fn titled(severity: Severity, code: Option<Code>, message: &str) -> String {
    let style = match severity {
        Severity::Error => ERROR,
        Severity::Warning => WARNING,
        Severity::Advice => ADVICE,
    };
    let code = code.map(|code| format!("[{}]", code.name())).unwrap_or_default();
    labelled(style, &format!("{}{code}", severity.name()), message)
}

fn explain(text: &mut String, notes: &[String], help: Option<&str>) {
    notes.iter().for_each(|note| text.push_str(&labelled(NOTE, "note", note)));
    text.extend(help.map(|help| labelled(HELP, "help", help)));
}

/// Prints one line on what is sent and, if it was counted, on what is not.
pub fn print_totals(sent: &Totals, excluded: Option<&Totals>) {
    let excluded = excluded.map(|totals| format!("; excluded: {}", words::totals(totals))).unwrap_or_default();
    print(&format!("context: {}{excluded}\n", words::totals(sent)));
}

/// Prints advice to standard error.
pub fn print_advice(advice: &[Advice]) {
    print(&advice_text(advice));
}

/// Advice, as much of it as anybody reads. What one line leaves out is told together.
pub fn advice_text(advice: &[Advice]) -> String {
    let mut text = String::new();
    let share_line =
        |left: &Advice, right: &Advice| left.ignore_line.is_some() && left.ignore_line == right.ignore_line;
    let mut told = 0;
    for alike in advice.chunk_by(share_line).take(ADVICE_LIMIT) {
        text.push_str(&alike_text(alike));
        told += alike.len();
    }
    if let more @ 1.. = advice.len() - told {
        text.push_str(&labelled(NOTE, "note", &format!("and {more} more; `-o json` has all of them")));
    }
    text
}

/// Prints that `path` cannot be sent.
pub fn print_special(path: &Path) {
    print_note(&special(path));
}

/// That `path` cannot be sent, in one phrase.
pub(super) fn special(path: &Path) -> String {
    format!("`{}` is a socket, FIFO or device and is not sent", path.display())
}

/// Pieces of advice with one help.
fn alike_text(alike: &[Advice]) -> String {
    let mut text = String::new();
    for advice in alike.iter().take(ALIKE) {
        text.push_str(&titled(Severity::Advice, Some(advice.code), &advice.message));
        explain(&mut text, &advice.notes, None);
    }
    if let more @ 1.. = alike.len().saturating_sub(ALIKE) {
        text.push_str(&labelled(NOTE, "note", &format!("and {more} more of that name; `-o json` has all of them")));
    }
    text.extend(
        alike.iter().take(1).filter_map(|advice| advice.help.as_ref()).map(|help| labelled(HELP, "help", help)),
    );
    text
}

/// Prints how many findings there are, the worst first.
pub fn print_count(findings: &[Finding]) {
    let nouns = [
        (Severity::Error, "error", "errors"),
        (Severity::Warning, "warning", "warnings"),
        (Severity::Advice, "piece of advice", "pieces of advice"),
    ];
    let count = |(severity, one, many)| match findings.iter().filter(|finding| finding.severity == severity).count() {
        0 => None,
        1 => Some(format!("1 {one}")),
        count => Some(format!("{count} {many}")),
    };
    let counts: Vec<String> = nouns.into_iter().filter_map(count).collect();
    print(&format!("check: {}\n", if counts.is_empty() { "no findings".to_owned() } else { counts.join(", ") }));
}

/// Prints one note to standard error.
pub fn print_note(note: &str) {
    if !note_event(note) {
        print(&labelled(NOTE, "note", note));
    }
}

fn labelled(style: Style, label: &str, text: &str) -> String {
    let text = PROGRAM.get().unwrap_or(&Program::Own).in_text(text);
    let text = sanitise(text.as_bytes()).replace('\n', "\n  ");
    format!("{style}{label}{style:#}: {text}\n")
}
