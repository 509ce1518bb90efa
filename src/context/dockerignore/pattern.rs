//! One pattern, ready to be tested against paths.
//!
//! Besides the test itself, a pattern knows two cheap facts about the paths it can match: text
//! they must start and end with, which spares most runs of a regular expression, and whether any
//! of them can lie below a given directory, which lets a walk leave directories out.

use std::borrow::Cow;
use std::cell::OnceCell;

use regex::{Regex, RegexBuilder};

use super::error::{IgnoreError, RegexpError};
use super::goregexp;
use super::parse::ListedPattern;
use super::syntax;
use super::text::{BYTE_ORDER_MARK, go_text, trim};
use super::translate::{self, Kind};
use crate::gopath::clean;

/// Most memory one compiled expression may take; `?{1000}` needs a small part of it.
const REGEX_SIZE_LIMIT: usize = 64 << 20;

/// Bytes that keep BuildKit from reasoning about a pattern (fsutil `patternChars`).
const BUILDKIT_PATTERN_BYTES: &[u8] = br"*[]?^\";

/// A checked and compiled pattern of an ignore file.
#[derive(Debug)]
pub struct Pattern {
    line: usize,
    original: Box<[u8]>,
    /// Cleaned, without the `!`.
    text: Box<[u8]>,
    exception: bool,
    test: Test,
}

#[derive(Debug)]
enum Test {
    Exact,
    Prefix,
    Suffix,
    Regexp(Box<Expression>),
    /// Refused by Go, which finds out only when it comes to test it.
    Broken(RegexpError),
}

#[derive(Debug)]
struct Expression {
    regex: Regex,
    shape: Option<Shape>,
}

/// What is known about the paths that a pattern of nothing but text, `*`, `?` and `**` matches.
#[derive(Debug)]
struct Shape {
    /// They start with this.
    head: Box<[u8]>,
    /// They end with this.
    tail: Box<[u8]>,
    /// They have this many slashes; none if `**` allows any number.
    slashes: Option<usize>,
}

/// A path to be tested; its text in Go's sense is made once, when a pattern first needs it.
pub(super) struct Subject<'p> {
    path: &'p [u8],
    text: OnceCell<Cow<'p, str>>,
}

impl<'p> Subject<'p> {
    pub(super) fn new(path: &'p [u8]) -> Self {
        Self { path, text: OnceCell::new() }
    }

    fn text(&self) -> &str {
        self.text.get_or_init(|| go_text(self.path))
    }
}

impl Pattern {
    /// Checks and compiles a listed pattern (moby/patternmatcher `New`); none if it is blank.
    pub(super) fn new(listed: &ListedPattern) -> Result<Option<Self>, IgnoreError> {
        let trimmed = trim(listed.text());
        if trimmed.is_empty() {
            return Ok(None);
        }
        let cleaned = clean(trimmed);
        let (exception, text) = match cleaned.strip_prefix(b"!") {
            Some(text) => (true, text),
            None => (false, cleaned.as_slice()),
        };
        let line = listed.line();
        if text.is_empty() {
            return Err(IgnoreError::LoneExclamation { line });
        }
        if !syntax::is_well_formed(text) {
            let pattern = String::from_utf8_lossy(listed.original()).into_owned();
            return Err(IgnoreError::MalformedPattern { line, pattern });
        }
        Ok(Some(Self { line, original: listed.original().into(), text: text.into(), exception, test: Test::of(text) }))
    }

    /// The 1-based number of the line the pattern stands on.
    pub fn line(&self) -> usize {
        self.line
    }

    /// The line as written, without its line end.
    pub fn original(&self) -> &[u8] {
        &self.original
    }

    /// Whether the pattern starts with `!`, so that it takes paths back in.
    pub fn is_exception(&self) -> bool {
        self.exception
    }

    /// Whether testing it is an error.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.test, Test::Broken(_))
    }

    /// Number of components, `**` being one (moby/patternmatcher `Pattern.dirs`).
    pub(super) fn components(&self) -> usize {
        slashes(&self.text) + 1
    }

    /// Whether the pattern matches this very path, its parents left aside (moby/patternmatcher
    /// `Pattern.match`).
    pub(super) fn matches(&self, subject: &Subject<'_>) -> Result<bool, IgnoreError> {
        let path = subject.path;
        match &self.test {
            Test::Exact => Ok(*path == *self.text),
            Test::Prefix => Ok(path.starts_with(self.prefix())),
            Test::Suffix => Ok(self.matches_suffix(path)),
            Test::Regexp(expression) => Ok(expression.matches(subject)),
            Test::Broken(reason) => Err(IgnoreError::BadRegexp {
                line: self.line,
                pattern: String::from_utf8_lossy(&self.original).into_owned(),
                reason: *reason,
            }),
        }
    }

    fn prefix(&self) -> &[u8] {
        self.text.strip_suffix(b"**").unwrap_or(&self.text)
    }

    fn matches_suffix(&self, path: &[u8]) -> bool {
        // Two bytes are cut off whatever they are: behind a byte order mark they are not stars.
        let suffix = self.text.get(2..).unwrap_or_default();
        path.ends_with(suffix) || suffix.strip_prefix(b"/").is_some_and(|name| path == name)
    }

    /// Whether some path strictly below `directory` could match. May say yes too often, never no.
    pub(super) fn may_match_below(&self, directory: &[u8]) -> bool {
        match &self.test {
            Test::Exact => is_below(&self.text, directory),
            Test::Prefix => may_start_below(self.prefix(), directory),
            Test::Suffix | Test::Broken(_) => true,
            Test::Regexp(expression) => match &expression.shape {
                Some(shape) => shape.may_match_below(directory),
                None => true,
            },
        }
    }

    /// The pattern without a final `/**` or `/*` (fsutil `patternWithoutTrailingGlob`).
    fn anchor(&self) -> &[u8] {
        let text = self.text.strip_suffix(b"/**").unwrap_or(&self.text);
        text.strip_suffix(b"/*").unwrap_or(text)
    }

    /// Whether BuildKit takes the pattern for a plain path or everything below one.
    pub(super) fn is_literal_for_buildkit(&self) -> bool {
        !self.anchor().iter().any(|byte| BUILDKIT_PATTERN_BYTES.contains(byte))
    }

    /// Whether BuildKit looks into an excluded `directory` for the sake of this pattern.
    pub(super) fn leads_buildkit_into(&self, directory: &[u8]) -> bool {
        self.anchor() == directory || is_below(self.anchor(), directory)
    }
}

impl Test {
    fn of(text: &[u8]) -> Self {
        match translate::kind(text) {
            Kind::Exact => Self::Exact,
            Kind::Prefix => Self::Prefix,
            Kind::Suffix => Self::Suffix,
            Kind::Regexp(go) => match compile(&go) {
                Ok(regex) => Self::Regexp(Box::new(Expression { regex, shape: Shape::of(text) })),
                Err(reason) => Self::Broken(reason),
            },
        }
    }
}

fn compile(go: &str) -> Result<Regex, RegexpError> {
    RegexBuilder::new(&goregexp::to_rust(go)?).size_limit(REGEX_SIZE_LIMIT).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => RegexpError::TooLarge,
        _ => RegexpError::Unsupported,
    })
}

impl Expression {
    fn matches(&self, subject: &Subject<'_>) -> bool {
        self.shape.as_ref().is_none_or(|shape| shape.allows(subject.path)) && self.regex.is_match(subject.text())
    }
}

impl Shape {
    /// None if the pattern holds anything that the regular expression might take for a sign of
    /// its own, or bytes that it does not see as they are.
    fn of(pattern: &[u8]) -> Option<Self> {
        let plain = str::from_utf8(pattern).is_ok()
            && !pattern.starts_with(BYTE_ORDER_MARK)
            && !pattern.iter().any(|byte| br"[]\{}|^".contains(byte));
        let is_wildcard = |byte: &u8| matches!(byte, b'*' | b'?');
        let first = pattern.iter().position(is_wildcard)?;
        let last = pattern.iter().rposition(is_wildcard)?;
        let (head, tail) = (pattern.get(..first)?, pattern.get(last + 1..)?);
        let any_depth = pattern.windows(2).any(|pair| pair == b"**");
        // `**` eats a slash that follows it.
        let tail = tail.strip_prefix(b"/").filter(|_| any_depth).unwrap_or(tail);
        plain.then(|| Self { head: head.into(), tail: tail.into(), slashes: (!any_depth).then(|| slashes(pattern)) })
    }

    /// Whether `path` has the head and the tail. Empty ones are not compared: glibc's `memcmp` takes 100 ns over the
    /// dangling pointer of an empty box, more than the rest of a test.
    fn allows(&self, path: &[u8]) -> bool {
        (self.head.is_empty() || path.starts_with(&self.head)) && (self.tail.is_empty() || path.ends_with(&self.tail))
    }

    fn may_match_below(&self, directory: &[u8]) -> bool {
        may_start_below(&self.head, directory) && self.slashes.is_none_or(|count| count > slashes(directory))
    }
}

fn slashes(path: &[u8]) -> usize {
    path.iter().filter(|&&byte| byte == b'/').count()
}

/// Whether `path` lies strictly below `directory`.
fn is_below(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

/// Whether some path that starts with `head` lies strictly below `directory`.
fn may_start_below(head: &[u8], directory: &[u8]) -> bool {
    is_below(head, directory) || directory.starts_with(head)
}
