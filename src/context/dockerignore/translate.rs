//! From a pattern to the way it is tested: the kind, and for one kind a regular expression in
//! Go's syntax.
//!
//! Follows moby/patternmatcher `compile`. What that function gets wrong is Docker's behaviour by
//! now: `{`, `}` and `|` were meant to be escaped and are not, text in brackets is translated as
//! outside them, and `**a*` needs a `/` where `**a` does not.

use std::iter::Peekable;
use std::str::Chars;

use super::text::go_text;

/// How a pattern is compared with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// Equal, byte for byte.
    Exact,
    /// Starts with the pattern less its final `**`.
    Prefix,
    /// Ends with the pattern less its leading `**`.
    Suffix,
    /// Matches this regular expression of Go's.
    Regexp(String),
}

/// Which kinds are still possible, as upstream's `detectedType`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Detected {
    Exact,
    Prefix,
    Suffix,
    Regexp,
}

/// The kind of a checked pattern, given without its `!`.
pub(super) fn kind(pattern: &[u8]) -> Kind {
    let text = go_text(pattern);
    // Go's text scanner drops a byte order mark at its start.
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(&text);
    let mut translation = Translation { detected: Detected::Exact, regexp: String::from("^") };
    let mut chars = text.chars().peekable();
    let mut at_start = true;
    while let Some(char) = chars.next() {
        translation.token(char, &mut chars, at_start);
        at_start = false;
    }
    translation.finish()
}

struct Translation {
    detected: Detected,
    regexp: String,
}

impl Translation {
    fn token(&mut self, char: char, rest: &mut Peekable<Chars<'_>>, at_start: bool) {
        match char {
            '*' if rest.next_if_eq(&'*').is_some() => self.double_star(rest, at_start),
            '*' => self.special("[^/]*"),
            '?' => self.special("[^/]"),
            '.' | '+' | '(' | ')' | '$' => self.regexp.extend(['\\', char]),
            '\\' => self.backslash(rest.next()),
            '[' | ']' => {
                self.detected = Detected::Regexp;
                self.regexp.push(char);
            }
            // Includes `{`, `}`, `|` and `^`, which the regular expression then takes for its own.
            _ => self.regexp.push(char),
        }
    }

    fn special(&mut self, regexp: &str) {
        self.detected = Detected::Regexp;
        self.regexp.push_str(regexp);
    }

    fn double_star(&mut self, rest: &mut Peekable<Chars<'_>>, at_start: bool) {
        let _slash = rest.next_if_eq(&'/');
        match (rest.peek(), self.detected) {
            (Some(_), _) => self.special("(.*/)?"),
            (None, Detected::Exact) => self.detected = Detected::Prefix,
            (None, _) => self.special(".*"),
        }
        if at_start {
            self.detected = Detected::Suffix;
        }
    }

    fn backslash(&mut self, escaped: Option<char>) {
        self.regexp.push('\\');
        // At the end of the pattern it is left to escape the closing `$`.
        if let Some(escaped) = escaped {
            self.detected = Detected::Regexp;
            self.regexp.push(escaped);
        }
    }

    fn finish(mut self) -> Kind {
        match self.detected {
            Detected::Exact => Kind::Exact,
            Detected::Prefix => Kind::Prefix,
            Detected::Suffix => Kind::Suffix,
            Detected::Regexp => {
                self.regexp.push('$');
                Kind::Regexp(self.regexp)
            }
        }
    }
}
