//! From a regular expression in Go's syntax to one of the `regex` crate that matches the same.
//!
//! Patterns reach the regular expression with their braces, bars and escapes intact, and there the two dialects part:
//! Go takes `{js,ts}` for text, refuses `a{2}{3}` and `\1`, counts to 1000 and no further, and quotes with `\Q`. This is
//! a parser for what a translated pattern can hold, which has no groups but `(.*/)?`. It follows Go's `regexp/syntax`
//! `parse` with the flags `Perl` and refuses what that refuses.

use super::charclass;
use super::error::RegexpError;

/// The only group in a translated pattern; it comes as a whole.
const GROUP: &str = "(.*/)?";

/// Most repetitions Go allows, nested ones multiplied.
const MAX_REPEAT: u32 = 1000;

/// Rewrites `go` for the `regex` crate.
///
/// # Errors
///
/// The reason why Go's `regexp.Compile` refuses `go`.
pub(super) fn to_rust(go: &str) -> Result<String, RegexpError> {
    let mut parser =
        Parser { rest: go, finished: String::with_capacity(2 * go.len()), last: None, after_repeat: false };
    while !parser.rest.is_empty() {
        parser.after_repeat = parser.step()?;
    }
    parser.flush();
    Ok(parser.finished)
}

struct Parser<'t> {
    rest: &'t str,
    /// Everything before `last`, rewritten.
    finished: String,
    /// What a repetition that comes next would apply to.
    last: Option<Atom>,
    after_repeat: bool,
}

struct Atom {
    text: String,
    /// How often nested counted repetitions repeat it.
    copies: u32,
}

/// A repetition: its text, and its bounds if it is a counted one.
struct Repeat {
    text: String,
    bounds: Option<(u32, Option<u32>)>,
}

impl Parser<'_> {
    /// Reads one item and tells whether it was a repetition.
    fn step(&mut self) -> Result<bool, RegexpError> {
        if let Some(rest) = self.rest.strip_prefix(GROUP) {
            self.rest = rest;
            self.push("(?:.*/)?".to_owned());
            return Ok(true);
        }
        if let Some((repeat, rest)) = repetition(self.rest)? {
            self.rest = rest.strip_prefix('?').unwrap_or(rest);
            self.repeat(&repeat)?;
            return Ok(true);
        }
        self.item()?;
        Ok(false)
    }

    fn item(&mut self) -> Result<(), RegexpError> {
        let mut chars = self.rest.chars();
        let Some(char) = chars.next() else {
            return Ok(());
        };
        let rest = chars.as_str();
        match char {
            '\\' => return self.escape(),
            '[' => {
                let (class, rest) = charclass::brackets(rest)?;
                self.push(class);
                self.rest = rest;
                return Ok(());
            }
            '|' => {
                self.flush();
                self.finished.push('|');
            }
            '^' | '$' | '.' => self.push(char.to_string()),
            _ => self.push(charclass::literal(char.into())),
        }
        self.rest = rest;
        Ok(())
    }

    fn escape(&mut self) -> Result<(), RegexpError> {
        if let Some(quoted) = self.rest.strip_prefix(r"\Q") {
            let (literals, rest) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            for char in literals.chars() {
                self.push(charclass::literal(char.into()));
            }
            self.rest = rest;
            return Ok(());
        }
        if let Some((text, rest)) = assertion(self.rest) {
            self.push(text.to_owned());
            self.rest = rest;
        } else if let Some((set, rest)) = charclass::set_escape(self.rest)? {
            self.push(set);
            self.rest = rest;
        } else {
            let (char, rest) = charclass::char_escape(self.rest)?;
            self.push(charclass::literal(char));
            self.rest = rest;
        }
        Ok(())
    }

    fn push(&mut self, text: String) {
        self.flush();
        self.last = Some(Atom { text, copies: 1 });
    }

    fn flush(&mut self) {
        if let Some(atom) = self.last.take() {
            self.finished.push_str(&atom.text);
        }
    }

    fn repeat(&mut self, repeat: &Repeat) -> Result<(), RegexpError> {
        if self.after_repeat {
            return Err(RegexpError::NestedRepeat);
        }
        let atom = self.last.as_mut().ok_or(RegexpError::MissingRepeatArgument)?;
        if let Some((min, max)) = repeat.bounds {
            // What is repeated no times does not count, whatever it holds.
            atom.copies = match max {
                Some(0) => 1,
                _ => atom.copies.saturating_mul(max.unwrap_or(min).max(1)),
            };
            if atom.copies > MAX_REPEAT {
                return Err(RegexpError::InvalidRepeatCount);
            }
        }
        atom.text = format!("(?:{}){}", atom.text, repeat.text);
        Ok(())
    }
}

/// An escape that matches a place, not a character. Go's word boundaries are those of ASCII.
fn assertion(text: &str) -> Option<(&'static str, &str)> {
    const ASSERTIONS: [(&str, &str); 4] = [(r"\A", r"\A"), (r"\z", r"\z"), (r"\b", r"(?-u:\b)"), (r"\B", r"(?-u:\B)")];
    ASSERTIONS.iter().find_map(|&(go, rust)| Some((rust, text.strip_prefix(go)?)))
}

/// Reads a repetition. A brace that starts no count is none, and then stands for itself.
fn repetition(text: &str) -> Result<Option<(Repeat, &str)>, RegexpError> {
    let mut chars = text.chars();
    match chars.next() {
        Some(sign @ ('*' | '+' | '?')) => {
            let repeat = Repeat { text: sign.to_string(), bounds: None };
            Ok(Some((repeat, chars.as_str())))
        }
        Some('{') => counted(chars.as_str()),
        _ => Ok(None),
    }
}

/// Reads `2}`, `2,}` or `2,5}` behind a `{`.
fn counted(text: &str) -> Result<Option<(Repeat, &str)>, RegexpError> {
    let Some(((min, max), rest)) = bounds(text) else {
        return Ok(None);
    };
    if min.max(max.unwrap_or(min)) > MAX_REPEAT || max.is_some_and(|max| max < min) {
        return Err(RegexpError::InvalidRepeatCount);
    }
    let text = match max {
        Some(max) => format!("{{{min},{max}}}"),
        None => format!("{{{min},}}"),
    };
    Ok(Some((Repeat { text, bounds: Some((min, max)) }, rest)))
}

/// The bounds of a counted repetition; the upper one may be missing.
fn bounds(text: &str) -> Option<((u32, Option<u32>), &str)> {
    let (min, rest) = number(text)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => {
            let (max, rest) = number(rest)?;
            (Some(max), rest)
        }
    };
    Some(((min, max), rest.strip_prefix('}')?))
}

/// A decimal number without leading zeros; one that is out of all bounds becomes the largest.
fn number(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(length)?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    Some((digits.parse().unwrap_or(u32::MAX), rest))
}
