//! One finding.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::code::Code;
use crate::context::advice::Advice;
use crate::error::Error;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something could be better.
    Advice,
    /// Something is likely wrong.
    Warning,
    /// It does not work.
    Error,
}

impl Severity {
    /// As it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One finding: what, where, the evidence, one action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// One phrase that names the thing.
    pub message: String,
    /// Where it is.
    pub spans: Vec<Span>,
    /// The evidence.
    pub notes: Vec<String>,
    /// One action, if one is sure to help.
    pub help: Option<String>,
}

/// A text without passwords and values of build arguments. A user of `git` alone is no secret.
pub(crate) fn without_secrets(text: &str) -> String {
    static ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"://([^/\s@`]+)@").ok());
    static ARGUMENT: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"(--build-arg[ =]+[A-Za-z_][A-Za-z0-9_]*=)[^\s`]+").ok());
    let hidden = |found: &Captures| match &found[1] {
        "git" => found[0].to_owned(),
        _ => "://***@".to_owned(),
    };
    let text = ADDRESS.as_ref().map_or(text.into(), |address| address.replace_all(text, hidden));
    ARGUMENT
        .as_ref()
        .map_or(text.clone(), |argument| argument.replace_all(&text, "${1}***").into_owned().into())
        .into_owned()
}

/// A part of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The file, as a user would name it.
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
}

/// Lines and columns count from 1, columns in characters; the end is behind the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// First line.
    pub line: usize,
    /// First column.
    pub column: usize,
    /// Last line.
    pub end_line: usize,
    /// The column after the last one.
    pub end_column: usize,
}

impl Place {
    /// The start of a line, where no more is known.
    pub fn start_of(line: usize) -> Self {
        Self { line, column: 1, end_line: line, end_column: 1 }
    }

    /// Where the bytes `span` of `text` are; bytes within a character belong to it.
    pub fn in_text(text: &str, span: &Range<usize>) -> Self {
        let (line, column) = line_and_column(text, span.start);
        let (end_line, end_column) = line_and_column(text, span.end.max(span.start));
        Self { line, column, end_line, end_column }
    }
}

/// The mark that some editors begin a file with takes no column.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let is_before = |(start, _): &(usize, char)| *start < at;
    let (mut line, mut column) = (1, 1);
    for (start, character) in text.char_indices().take_while(is_before) {
        match character {
            '\n' => (line, column) = (line + 1, 1),
            '\u{feff}' if start == 0 => {}
            _ => column += 1,
        }
    }
    (line, column)
}

impl TryFrom<Error> for Finding {
    type Error = Error;

    /// The error as a finding, unless it has no code.
    fn try_from(error: Error) -> Result<Self, Error> {
        let Some(code) = error.code() else { return Err(error) };
        Ok(Self {
            code,
            severity: Severity::Error,
            message: error.to_string(),
            spans: vec![],
            notes: error.notes(),
            help: error.help(),
        })
    }
}

impl Finding {
    /// With evidence that goes before what it has.
    #[must_use]
    pub(super) fn because(mut self, notes: impl IntoIterator<Item = String>) -> Self {
        self.notes.splice(0..0, notes);
        self
    }

    /// Takes out what nobody else may read: passwords in addresses, and values of build arguments. What the executor was
    /// given is repeated, and documents are passed on.
    pub(crate) fn hide_secrets(&mut self) {
        let texts = self.notes.iter_mut().chain([&mut self.message]).chain(&mut self.help);
        for text in texts {
            *text = without_secrets(text);
        }
    }

    /// With an action, if there is one.
    #[must_use]
    pub(super) fn with_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// An advice about a file of the context in `root`; relative to the context without one.
    pub fn of_advice(advice: &Advice, root: Option<&Path>) -> Self {
        let file = match root {
            Some(root) if root != Path::new(".") => root.join(&advice.path),
            _ => advice.path.clone(),
        };
        Self {
            code: advice.code,
            severity: Severity::Advice,
            message: advice.message.clone(),
            spans: advice.line.map(|line| Span { file, place: Place::start_of(line) }).into_iter().collect(),
            notes: advice.notes.clone(),
            help: advice.help.clone(),
        }
    }
}

/// Findings as the tests of rules look at them.
#[cfg(test)]
pub(super) mod told {
    use super::*;

    /// The one finding with this code.
    #[track_caller]
    pub(in crate::diagnose) fn the_one(found: &[Finding], code: Code) -> Finding {
        let mut with_code = found.iter().filter(|finding| finding.code == code);
        match (with_code.next(), with_code.next()) {
            (Some(finding), None) => finding.clone(),
            _ => panic!("not one `{}`: {found:#?}", code.name()),
        }
    }

    #[track_caller]
    pub(in crate::diagnose) fn none_of(found: &[Finding], code: Code) {
        assert!(found.iter().all(|finding| finding.code != code), "{found:#?}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_and_values_of_build_arguments_are_hidden() {
        for (text, shown) in [
            ("use `git://me:secret@h.example/a`", "use `git://***@h.example/a`"),
            (
                "https://oauth2:token@h.example and https://t0ken@h.example",
                "https://***@h.example and https://***@h.example",
            ),
            ("git://git@h.example:a/b", "git://git@h.example:a/b"),
            (
                "`--build-arg PW=secret` and `--build-arg=PW=secret --x=y`",
                "`--build-arg PW=***` and `--build-arg=PW=*** --x=y`",
            ),
            ("dir:///workspace@x", "dir:///workspace@x"),
        ] {
            assert_eq!(without_secrets(text), shown);
        }
    }

    #[test]
    fn places_count_lines_and_characters_from_1() {
        for (text, span, wanted) in [
            ("ab\nçd", 0..2, (1, 1, 1, 3)),
            ("ab\nçd", 3..5, (2, 1, 2, 2)),
            ("ab\nçd", 5..6, (2, 2, 2, 3)),
            ("ab\nçd", 1..6, (1, 2, 2, 3)),
            ("ab\n", 3..3, (2, 1, 2, 1)),
            ("\u{feff}ab", 3..4, (1, 1, 1, 2)),
        ] {
            let Place { line, column, end_line, end_column } = Place::in_text(text, &span);
            assert_eq!((line, column, end_line, end_column), wanted, "{span:?} of {text:?}");
        }
    }
}
