//! Errors as people read them: what, the evidence, one action.

use std::io::Write;

use anstyle::{AnsiColor, Style};

use super::terminal::sanitise;
use crate::error::Error;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const NOTE: Style = AnsiColor::Cyan.on_default();
const HELP: Style = AnsiColor::Green.on_default();

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
