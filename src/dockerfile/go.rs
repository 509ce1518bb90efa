//! Go's standard library where its ways show in what the builder takes and says: letter case, quoting, numbers.

use std::sync::LazyLock;

use regex::Regex;

/// What ends a parse of a number or a duration, as Go says it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// No number.
    #[error("strconv.ParseInt: parsing {}: invalid syntax", quote(.0))]
    Syntax(String),
    /// A number of more than 32 bits.
    #[error("strconv.ParseInt: parsing {}: value out of range", quote(.0))]
    Range(String),
    /// No duration.
    #[error("time: {problem} duration {}", quote_bytes(text))]
    Duration {
        /// As it stands there.
        text: String,
        /// What is wrong with it.
        problem: DurationProblem,
    },
}

/// What is wrong with a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationProblem {
    /// It is none, or longer than Go can count.
    #[error("invalid")]
    Invalid,
    /// A number and nothing behind it.
    #[error("missing unit in")]
    MissingUnit,
    /// Something else behind it.
    #[error("unknown unit {} in", quote_bytes(.0))]
    UnknownUnit(String),
}

/// Character by character, as Go's `strings.ToLower`.
pub(super) fn to_lower(text: &str) -> String {
    text.chars().map(lower).collect()
}

/// Character by character, as Go's `strings.ToUpper`.
pub(super) fn to_upper(text: &str) -> String {
    text.chars().map(upper).collect()
}

/// Whether the texts differ in case at most, as Go's `strings.EqualFold` has it.
pub(super) fn equal_fold(left: &str, right: &str) -> bool {
    left.chars().map(|character| lower(upper(character))).eq(right.chars().map(|character| lower(upper(character))))
}

fn lower(character: char) -> char {
    // The one capital letter whose small one is two characters; Go takes the first.
    let mut lower = character.to_lowercase();
    lower.next().unwrap_or(character)
}

fn upper(character: char) -> char {
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) => upper,
        _ => character,
    }
}

/// Bytes as text, each that is in no character replaced, as a loop of Go's over a string has it.
pub(super) fn replace_invalid(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    text
}

/// In double quotes, as Go's `%q`.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            '\0'..=' ' | '\u{7f}' if character != ' ' => quoted.push_str(&format!("\\x{:02x}", u32::from(character))),
            _ if is_printable(character) => quoted.push(character),
            '\0'..='\u{ffff}' => quoted.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => quoted.push_str(&format!("\\U{:08x}", u32::from(character))),
        }
    }
    quoted.push('"');
    quoted
}

/// In double quotes, as Go's package `time` does it.
fn quote_bytes(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..0x80 => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

fn is_printable(character: char) -> bool {
    matches!(character, ' '..='~') || has_class(&PRINTABLE, character)
}

/// What Go's `unicode.IsLetter` calls a letter.
pub(super) fn is_letter(character: char) -> bool {
    if character.is_ascii() { character.is_ascii_alphabetic() } else { has_class(&LETTER, character) }
}

/// What Go's `unicode.IsDigit` calls a digit.
pub(super) fn is_digit(character: char) -> bool {
    if character.is_ascii() { character.is_ascii_digit() } else { has_class(&DIGIT, character) }
}

type Class = LazyLock<Option<Regex>>;

static PRINTABLE: Class = LazyLock::new(|| Regex::new(r"^[\pL\pM\pN\pP\pS]").ok());
static LETTER: Class = LazyLock::new(|| Regex::new(r"^\pL").ok());
static DIGIT: Class = LazyLock::new(|| Regex::new(r"^\p{Nd}").ok());

fn has_class(class: &Class, character: char) -> bool {
    class.as_ref().is_some_and(|class| class.is_match(character.encode_utf8(&mut [0; 4])))
}

/// Go's `strconv.ParseBool`.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Go's `strconv.ParseInt` of a decimal number of 32 bits.
pub(super) fn parse_int(text: &str) -> Result<i32, NumberError> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(NumberError::Syntax(text.to_owned()));
    }
    text.parse().map_err(|_| NumberError::Range(text.to_owned()))
}

/// Half of what Go counts to, in nanoseconds.
const DURATION_LIMIT: u64 = 1 << 63;

/// Go's `time.ParseDuration`, in nanoseconds.
pub(crate) fn parse_duration(text: &str) -> Result<i64, NumberError> {
    duration(text).map_err(|problem| NumberError::Duration { text: text.to_owned(), problem })
}

fn duration(text: &str) -> Result<i64, DurationProblem> {
    let negative = text.starts_with('-');
    let mut rest = text.strip_prefix(['+', '-']).unwrap_or(text);
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(DurationProblem::Invalid);
    }
    let mut sum = 0_u64;
    while !rest.is_empty() {
        let (part, after) = duration_part(rest)?;
        sum = sum.checked_add(part).filter(|sum| *sum <= DURATION_LIMIT).ok_or(DurationProblem::Invalid)?;
        rest = after;
    }
    match i64::try_from(sum) {
        Ok(sum) if negative => Ok(-sum),
        Ok(sum) => Ok(sum),
        Err(_) if negative => Ok(i64::MIN),
        Err(_) => Err(DurationProblem::Invalid),
    }
}

/// The first number with its unit, and what follows.
fn duration_part(text: &str) -> Result<(u64, &str), DurationProblem> {
    let (whole, after) = text.split_at(leading_digits(text));
    let (fraction, after) = match after.strip_prefix('.') {
        Some(after) => after.split_at(leading_digits(after)),
        None => ("", after),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationProblem::Invalid);
    }
    let whole = leading_int(whole).ok_or(DurationProblem::Invalid)?;
    let is_number = |character: char| character == '.' || character.is_ascii_digit();
    let (name, after) = after.split_at(after.find(is_number).unwrap_or(after.len()));
    if name.is_empty() {
        return Err(DurationProblem::MissingUnit);
    }
    let unit = unit(name).ok_or_else(|| DurationProblem::UnknownUnit(name.to_owned()))?;
    let part = whole.checked_mul(unit).and_then(|part| part.checked_add(fraction_of(fraction, unit)));
    part.map(|part| (part, after)).ok_or(DurationProblem::Invalid)
}

fn leading_digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn leading_int(digits: &str) -> Option<u64> {
    if digits.is_empty() {
        return Some(0);
    }
    digits.parse().ok().filter(|number| *number <= DURATION_LIMIT)
}

/// `0.digits` of a unit. Digits that Go has no room for count for nothing.
fn fraction_of(digits: &str, unit: u64) -> u64 {
    let (mut value, mut scale) = (0_u64, 1_f64);
    for digit in digits.bytes() {
        let longer = value.checked_mul(10).and_then(|longer| longer.checked_add(u64::from(digit - b'0')));
        match longer.filter(|longer| value <= (DURATION_LIMIT - 1) / 10 && *longer <= DURATION_LIMIT) {
            Some(longer) => value = longer,
            None => break,
        }
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as u64
}

fn unit(name: &str) -> Option<u64> {
    Some(match name {
        "ns" => 1,
        // Both letters that look like it.
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_as_in_go() {
        assert_eq!(quote("a\"b\\c\nd\u{1}–é"), "\"a\\\"b\\\\c\\nd\\x01–é\"");
    }

    #[test]
    fn switches_are_read_as_in_go() {
        assert_eq!([parse_bool("T"), parse_bool("0"), parse_bool("yes")], [Some(true), Some(false), None]);
    }
}
