//! Lines as the builder sees them: physical lines joined where they are continued, comments and empty lines in between
//! left out. Each byte knows where in the file it was, so that whatever is read from a line has its span in the file.

use std::ops::Range;

/// Bytes of a physical line that the builder's reader holds (Go's `bufio.MaxScanTokenSize`).
pub(super) const LINE_LIMIT: usize = 64 * 1024;

/// The physical lines of a file, line ends included, up to the first that is longer than the reader holds.
#[derive(Debug)]
pub(super) struct Physical<'t> {
    text: &'t str,
    at: usize,
    number: usize,
    too_long: Option<Range<usize>>,
}

impl<'t> Physical<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, number: 0, too_long: None }
    }

    /// Where the next line begins.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// How many lines were read.
    pub(super) fn number(&self) -> usize {
        self.number
    }

    /// The line that ended the reading, if one was too long.
    pub(super) fn too_long(&self) -> Option<Range<usize>> {
        self.too_long.clone()
    }
}

impl Iterator for Physical<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.is_empty() || self.too_long.is_some() {
            return None;
        }
        let held = &rest[..rest.len().min(LINE_LIMIT)];
        let length = match held.iter().position(|byte| *byte == b'\n') {
            Some(feed) => feed + 1,
            None if held.len() < LINE_LIMIT => held.len(),
            None => {
                self.too_long = Some(self.at..self.text.len());
                return None;
            }
        };
        let start = self.at;
        self.at += length;
        self.number += 1;
        Some(start..self.at)
    }
}

/// What an instruction is read from, and where in the file its bytes were.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    /// Where in `text` a part begins, and where in the file.
    parts: Vec<(usize, usize)>,
}

impl Line {
    /// Adds a part of the file.
    pub(super) fn push(&mut self, text: &str, range: Range<usize>) {
        self.parts.push((self.text.len(), range.start));
        self.text.push_str(&text[range]);
    }

    /// All of it.
    pub(super) fn whole(&self) -> Piece<'_> {
        Piece { line: self, start: 0, end: self.text.len() }
    }

    /// Where in the file the byte at `at` is, or would be.
    fn place(&self, at: usize) -> usize {
        let next = self.parts.partition_point(|(start, _)| *start <= at);
        next.checked_sub(1).and_then(|part| self.parts.get(part)).map_or(0, |(start, place)| place + (at - start))
    }
}

/// A part of a line.
#[derive(Debug, Clone, Copy)]
pub(super) struct Piece<'l> {
    line: &'l Line,
    start: usize,
    end: usize,
}

impl<'l> Piece<'l> {
    pub(super) fn text(self) -> &'l str {
        &self.line.text[self.start..self.end]
    }

    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Where it is in the file, from its first byte to its last: what was left out in between is in it.
    pub(super) fn span(self) -> Range<usize> {
        let start = self.line.place(self.start);
        if self.is_empty() { start..start } else { start..self.line.place(self.end - 1) + 1 }
    }

    /// A part of it; `range` counts from its start and lies on borders of characters.
    pub(super) fn part(self, range: Range<usize>) -> Self {
        Self { line: self.line, start: self.start + range.start, end: self.start + range.end }
    }

    /// What is left from `at` on; within a character, from the next.
    pub(super) fn from(self, at: usize) -> Self {
        self.part(self.border(at)..self.text().len())
    }

    /// The part before `at`; within a character, with all of it.
    pub(super) fn until(self, at: usize) -> Self {
        self.part(0..self.border(at))
    }

    /// The first border of characters that is not before `at`.
    fn border(self, at: usize) -> usize {
        (at..self.end - self.start).find(|at| self.text().is_char_boundary(*at)).unwrap_or(self.end - self.start)
    }

    pub(super) fn trim(self) -> Self {
        let start = self.text().len() - self.text().trim_start().len();
        self.part(start..start + self.text().trim().len())
    }

    /// Its words, told apart by what a regular expression of Go calls whitespace, and the vertical tab.
    pub(super) fn split_whitespace(self) -> Vec<Self> {
        let mut words = Vec::new();
        let mut rest = self;
        while let (word, Some(after)) = rest.split_once_whitespace() {
            words.push(word);
            rest = after;
        }
        words.push(rest);
        words
    }

    /// The first word and what follows, if there is whitespace at all.
    pub(super) fn split_once_whitespace(self) -> (Self, Option<Self>) {
        let text = self.text();
        let Some(end) = text.find(is_blank) else { return (self, None) };
        let next = text[end..].find(|character| !is_blank(character)).map_or(text.len(), |next| end + next);
        (self.part(0..end), Some(self.part(next..text.len())))
    }
}

fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\u{b}' | '\u{c}' | '\r' | ' ')
}

/// `range` of `text` without what ends a line.
pub(super) fn without_line_end(text: &str, range: Range<usize>) -> Range<usize> {
    range.start..range.start + text[range].trim_end_matches(['\r', '\n']).len()
}

/// Whether a line is a comment, wherever in the line that begins.
pub(super) fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The length of a line before the mark that continues it, if it is continued. Two marks are none.
pub(super) fn continued(line: &str, escape: char) -> Option<usize> {
    let before = line.trim_end_matches([' ', '\t']).strip_suffix(escape)?;
    (!before.ends_with(escape)).then_some(before.len())
}
