//! Errors as people read them: what, the evidence, one action.

use std::io::Write;
use std::path::Path;

use anstyle::{AnsiColor, Style};

use super::terminal::sanitise;
use crate::context::advice::{ALIKE, Advice};
use crate::context::listing::Totals;
use crate::error::Error;
use crate::words;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const ADVICE: Style = AnsiColor::Yellow.on_default();
const NOTE: Style = AnsiColor::Cyan.on_default();
const HELP: Style = AnsiColor::Green.on_default();

/// Pieces of advice that are printed.
const ADVICE_LIMIT: usize = 20;

/// Prints an error to standard error. The text is the same with and without colour.
pub fn print_error(error: &Error) {
    let mut text = labelled(ERROR, "error", &error.to_string());
    for note in error.notes() {
        text.push_str(&labelled(NOTE, "note", &note));
    }
    if let Some(help) = error.help() {
        text.push_str(&labelled(HELP, "help", &help));
    }
    print(&text);
}

/// Prints one line on what is sent and, if it was counted, on what is not.
pub fn print_totals(sent: &Totals, excluded: Option<&Totals>) {
    let excluded = excluded.map(|totals| format!("; excluded: {}", words::totals(totals))).unwrap_or_default();
    print(&format!("context: {}{excluded}\n", words::totals(sent)));
}

/// Prints advice to standard error, as much of it as anybody reads. What one line leaves out is told together.
pub fn print_advice(advice: &[Advice]) {
    let mut text = String::new();
    let share_line =
        |left: &Advice, right: &Advice| left.ignore_line.is_some() && left.ignore_line == right.ignore_line;
    let mut told = 0;
    for alike in advice.chunk_by(share_line).take(ADVICE_LIMIT) {
        text.push_str(&advice_text(alike));
        told += alike.len();
    }
    if let more @ 1.. = advice.len() - told {
        text.push_str(&labelled(NOTE, "note", &format!("and {more} more; `-o json` has all of them")));
    }
    print(&text);
}

/// Prints that `path` cannot be sent.
pub fn print_special(path: &Path) {
    print_note(&format!("`{}` is a socket, FIFO or device and is not sent", path.display()));
}

/// Pieces of advice with one help.
fn advice_text(alike: &[Advice]) -> String {
    let mut text = String::new();
    for advice in alike.iter().take(ALIKE) {
        text.push_str(&labelled(ADVICE, "advice", &advice.message));
        advice.notes.iter().for_each(|note| text.push_str(&labelled(NOTE, "note", note)));
    }
    if let more @ 1.. = alike.len().saturating_sub(ALIKE) {
        text.push_str(&labelled(NOTE, "note", &format!("and {more} more of that name; `-o json` has all of them")));
    }
    text.extend(
        alike.iter().take(1).filter_map(|advice| advice.help.as_ref()).map(|help| labelled(HELP, "help", help)),
    );
    text
}

/// Prints one note to standard error.
pub fn print_note(note: &str) {
    print(&labelled(NOTE, "note", note));
}

fn labelled(style: Style, label: &str, text: &str) -> String {
    let text = sanitise(text.as_bytes()).replace('\n', "\n  ");
    format!("{style}{label}{style:#}: {text}\n")
}

fn print(text: &str) {
    // Nobody is left to be told that standard error is gone.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
}
