//! Sets of characters in Go's regular expressions: brackets, `\d`, `\pL`, and single characters
//! behind a backslash.
//!
//! The `regex` crate gives meaning to `[`, `&&`, `--` and `~~` inside brackets and lets `\d` match
//! any digit of Unicode. Go does neither. Every set is therefore taken apart by Go's rules (package
//! `regexp/syntax`) and written anew, characters as `\x{..}`, so that nothing is left to
//! interpretation.

use std::fmt::Write as _;

use super::error::RegexpError;
use super::unicode;

/// Matches no character.
const NOTHING: &str = r"[^\x{0}-\x{10FFFF}]";
/// Matches every character.
const ANYTHING: &str = r"[\x{0}-\x{10FFFF}]";
/// Code points that Go's escapes can name and that no text holds.
const SURROGATES: std::ops::RangeInclusive<u32> = 0xD800..=0xDFFF;

/// What was read, and the text behind it.
type Parsed<'t, T> = Result<(T, &'t str), RegexpError>;

/// The text of the `regex` crate that matches just the code point `char`.
pub(super) fn literal(char: u32) -> String {
    let mut text = String::new();
    if SURROGATES.contains(&char) {
        text.push_str(NOTHING);
    } else {
        push_code_point(&mut text, char);
    }
    text
}

fn push_code_point(text: &mut String, char: u32) {
    match char::from_u32(char) {
        Some(char) if char.is_ascii_alphanumeric() => text.push(char),
        // Writing to a String cannot fail.
        _ => drop(write!(text, r"\x{{{char:X}}}")),
    }
}

fn push_range(items: &mut String, low: u32, high: u32) {
    let below = (low, high.min(SURROGATES.start() - 1));
    let above = (low.max(SURROGATES.end() + 1), high);
    for (low, high) in [below, above] {
        if low <= high {
            push_code_point(items, low);
            items.push('-');
            push_code_point(items, high);
        }
    }
}

fn bracketed(items: &str, negated: bool) -> String {
    match (items.is_empty(), negated) {
        (true, false) => NOTHING.to_owned(),
        (true, true) => ANYTHING.to_owned(),
        (false, false) => format!("[{items}]"),
        (false, true) => format!("[^{items}]"),
    }
}

/// Reads a bracket expression; `text` starts behind its `[`.
pub(super) fn brackets(text: &str) -> Parsed<'_, String> {
    let (negated, mut rest) = match text.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let mut items = String::new();
    loop {
        // Before the first item, `]` is an ordinary character.
        rest = item(&mut items, rest)?;
        if let Some(rest) = rest.strip_prefix(']') {
            return Ok((bracketed(&items, negated), rest));
        }
    }
}

/// Reads one item inside brackets, adds it to `items`, and gives the text behind it.
fn item<'t>(items: &mut String, text: &'t str) -> Result<&'t str, RegexpError> {
    if let Some((posix, rest)) = posix_class(text)? {
        items.push_str(posix);
        return Ok(rest);
    }
    if let Some((set, rest)) = set_escape(text)? {
        items.push_str(&set);
        return Ok(rest);
    }
    let (low, rest) = bracket_char(text)?;
    let (high, rest) = match rest.strip_prefix('-') {
        Some(rest) if !rest.is_empty() && !rest.starts_with(']') => bracket_char(rest)?,
        _ => (low, rest),
    };
    if high < low {
        return Err(RegexpError::InvalidRange);
    }
    push_range(items, low, high);
    Ok(rest)
}

fn bracket_char(text: &str) -> Parsed<'_, u32> {
    if text.starts_with('\\') {
        return char_escape(text);
    }
    let mut chars = text.chars();
    let char = chars.next().ok_or(RegexpError::UnclosedClass)?;
    Ok((char.into(), chars.as_str()))
}

/// Reads `[:alpha:]` and the like. Both Go and the `regex` crate mean ASCII by them and know the
/// same names, so the text is taken over.
fn posix_class(text: &str) -> Result<Option<(&str, &str)>, RegexpError> {
    let Some((name, rest)) = text.strip_prefix("[:").and_then(|text| text.split_once(":]")) else {
        return Ok(None);
    };
    if !POSIX_NAMES.contains(&name.strip_prefix('^').unwrap_or(name)) {
        return Err(RegexpError::InvalidRange);
    }
    let length = text.len() - rest.len();
    Ok(text.get(..length).map(|class| (class, rest)))
}

const POSIX_NAMES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper", "word",
    "xdigit",
];

/// Reads a backslash that stands for a set, such as `\d` or `\pL`; none if `text` does not start
/// with one.
pub(super) fn set_escape(text: &str) -> Result<Option<(String, &str)>, RegexpError> {
    let Some(escape) = text.strip_prefix('\\') else {
        return Ok(None);
    };
    let mut chars = escape.chars();
    let Some(kind) = chars.next() else {
        return Ok(None);
    };
    let items = match kind.to_ascii_lowercase() {
        'd' => "0-9",
        's' => r"\x{9}\x{A}\x{C}\x{D}\x{20}",
        'w' => "0-9A-Za-z_",
        'p' => return unicode_class(chars.as_str(), kind == 'P').map(Some),
        _ => return Ok(None),
    };
    Ok(Some((bracketed(items, kind.is_ascii_uppercase()), chars.as_str())))
}

/// Reads the name behind `\p` or `\P`: one character, or any number in braces.
fn unicode_class(text: &str, negated: bool) -> Parsed<'_, String> {
    let (name, rest) = if let Some(braced) = text.strip_prefix('{') {
        braced.split_once('}').ok_or(RegexpError::InvalidRange)?
    } else {
        let first = text.chars().next().ok_or(RegexpError::InvalidRange)?;
        text.split_at_checked(first.len_utf8()).ok_or(RegexpError::InvalidRange)?
    };
    let (negated, name) = match name.strip_prefix('^') {
        Some(name) => (!negated, name),
        None => (negated, name),
    };
    let items = unicode::class_items(name).ok_or(RegexpError::InvalidRange)?;
    Ok((bracketed(&items, negated), rest))
}

/// Reads a backslash that stands for one character; `text` starts with the backslash.
pub(super) fn char_escape(text: &str) -> Parsed<'_, u32> {
    let mut chars = text.chars();
    let _backslash = chars.next();
    let escaped = chars.next().ok_or(RegexpError::InvalidEscape)?;
    let rest = chars.as_str();
    match escaped {
        'a' => Ok((0x07, rest)),
        'f' => Ok((0x0C, rest)),
        'n' => Ok((0x0A, rest)),
        'r' => Ok((0x0D, rest)),
        't' => Ok((0x09, rest)),
        'v' => Ok((0x0B, rest)),
        'x' => hexadecimal(rest),
        '0'..='7' => octal(escaped, rest),
        _ if escaped.is_ascii() && !escaped.is_ascii_alphanumeric() => Ok((escaped.into(), rest)),
        _ => Err(RegexpError::InvalidEscape),
    }
}

/// `\x41`, two digits, or `\x{1F600}`, any number of them.
fn hexadecimal(text: &str) -> Parsed<'_, u32> {
    let (digits, rest) = match text.strip_prefix('{') {
        Some(braced) => braced.split_once('}').ok_or(RegexpError::InvalidEscape)?,
        None => text.split_at_checked(2).ok_or(RegexpError::InvalidEscape)?,
    };
    if digits.is_empty() {
        return Err(RegexpError::InvalidEscape);
    }
    let char = digits.chars().try_fold(0, |value: u32, digit| {
        let value = value * 16 + digit.to_digit(16)?;
        (value <= char::MAX.into()).then_some(value)
    });
    Ok((char.ok_or(RegexpError::InvalidEscape)?, rest))
}

/// Up to three octal digits. A single one that is not zero would be a back reference, which Go
/// refuses.
fn octal(first: char, text: &str) -> Parsed<'_, u32> {
    let mut value = first.to_digit(8).ok_or(RegexpError::InvalidEscape)?;
    let mut rest = text;
    for _ in 0..2 {
        let mut chars = rest.chars();
        let Some(digit) = chars.next().and_then(|digit| digit.to_digit(8)) else {
            break;
        };
        value = value * 8 + digit;
        rest = chars.as_str();
    }
    if first != '0' && rest.len() == text.len() {
        return Err(RegexpError::InvalidEscape);
    }
    Ok((value, rest))
}
