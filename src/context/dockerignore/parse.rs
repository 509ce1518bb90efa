//! The reader: bytes of an ignore file to a list of patterns.
//!
//! Follows moby/patternmatcher `ignorefile.ReadAll` step by step. The order of the steps is what
//! makes ` #x` a pattern and `#x` a comment, so they are kept in that order.

use super::error::IgnoreError;
use super::text::{BYTE_ORDER_MARK, trim};
use crate::gopath::clean;

/// Longest line in bytes, line feed not counted, that Docker's reader accepts (one less than
/// Go's `bufio.MaxScanTokenSize`).
pub(super) const LINE_LIMIT: usize = 64 * 1024 - 1;

/// One pattern as an ignore file lists it, before it is checked or compiled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedPattern {
    line: usize,
    original: Box<[u8]>,
    text: Box<[u8]>,
}

impl ListedPattern {
    /// A pattern that did not come through [`parse`], for instance from a list in memory. `line`
    /// is its 1-based position. Docker treats such a pattern almost like one from a file, but
    /// keeps a leading `/` and the blanks after a `!`.
    #[cfg(test)]
    pub(super) fn new(line: usize, pattern: &[u8]) -> Self {
        Self { line, original: pattern.into(), text: pattern.into() }
    }

    /// The 1-based number of the line it stands on.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The line as written, without its line end and without a byte order mark.
    pub(super) fn original(&self) -> &[u8] {
        &self.original
    }

    /// The pattern as the reader hands it on: trimmed, cleaned, relative, a `!` still in front.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }
}

/// Reads an ignore file: `file` is its whole content, the result its patterns in order.
///
/// Comments and blank lines are gone from the result. Patterns are not checked here; a lone `!`
/// passes, and [`Matcher::new`](super::Matcher::new) refuses it.
///
/// # Errors
///
/// [`IgnoreError::LineTooLong`] if a line exceeds [`LINE_LIMIT`].
pub(super) fn parse(file: &[u8]) -> Result<Vec<ListedPattern>, IgnoreError> {
    let mut listed = Vec::new();
    for (index, raw) in file.split(|&byte| byte == b'\n').enumerate() {
        let line = index + 1;
        if raw.len() > LINE_LIMIT {
            return Err(IgnoreError::LineTooLong { line, length: raw.len() });
        }
        let original = without_line_marks(raw, line);
        if let Some(text) = pattern_of_line(original) {
            listed.push(ListedPattern { line, original: original.into(), text: text.into() });
        }
    }
    Ok(listed)
}

/// A line without the carriage return at its end and, if it is the first, without the byte order
/// mark at its start.
fn without_line_marks(raw: &[u8], line: usize) -> &[u8] {
    let text = raw.strip_suffix(b"\r").unwrap_or(raw);
    match text.strip_prefix(BYTE_ORDER_MARK) {
        Some(unmarked) if line == 1 => unmarked,
        _ => text,
    }
}

/// The pattern on one line, or none for comments and blank lines.
fn pattern_of_line(line: &[u8]) -> Option<Vec<u8>> {
    if line.starts_with(b"#") {
        return None;
    }
    let trimmed = trim(line);
    match trimmed.split_first()? {
        (b'!', rest) => Some([b"!", relative(trim(rest)).as_slice()].concat()),
        _ => Some(relative(trimmed)),
    }
}

/// `pattern` cleaned and without its leading slash, unless nothing else is left of it.
fn relative(pattern: &[u8]) -> Vec<u8> {
    if pattern.is_empty() {
        return Vec::new();
    }
    let mut path = clean(pattern);
    if path.len() > 1 && path.starts_with(b"/") {
        path.remove(0);
    }
    path
}
