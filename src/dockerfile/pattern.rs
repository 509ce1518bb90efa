//! The patterns of `${NAME#pattern}`, `${NAME%pattern}` and `${NAME/pattern/text}`: `*` and `?`, no brackets.

use regex::Regex;

use super::expand::ExpandProblem;

/// What is wrong with a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// A backslash before something that has no other meaning.
    #[error("invalid escape '\\{0}'")]
    Escape(char),
    /// Longer than this program can compile.
    #[error("the pattern is too large")]
    TooLarge,
}

type Result<T, E = ExpandProblem> = std::result::Result<T, E>;

/// How much a `*` takes.
#[derive(Clone, Copy)]
enum Greed {
    Shortest,
    Longest,
}

/// `value` without what `word` matches at its start: the shortest, or the longest if the operator is there twice.
pub(super) fn without_prefix(word: &str, value: &str) -> Result<String> {
    let (pattern, greed) = split(word, '#');
    trim(pattern, value, greed)
}

/// The same at its end. Both are turned around: a search goes from left to right.
pub(super) fn without_suffix(word: &str, value: &str) -> Result<String> {
    let (pattern, greed) = split(word, '%');
    let value: String = value.chars().rev().collect();
    Ok(trim(&reversed(pattern), &value, greed)?.chars().rev().collect())
}

/// `value` with `text` for the first match.
pub(super) fn replace_first(pattern: &str, value: &str, text: &str) -> Result<String> {
    let regex = compile(pattern, Greed::Longest, "")?;
    Ok(match regex.find(value) {
        Some(found) => [&value[..found.start()], text, &value[found.end()..]].concat(),
        None => value.to_owned(),
    })
}

/// `value` with `text` for every match. Only here a `$` in `text` is a reference to what matched.
pub(super) fn replace_all(pattern: &str, value: &str, text: &str) -> Result<String> {
    let regex = compile(pattern, Greed::Longest, "")?;
    let replacement = |found: &regex::Captures<'_>| fill_in(text, &found[0]);
    Ok(regex.replace_all(value, replacement).into_owned())
}

fn split(word: &str, operator: char) -> (&str, Greed) {
    match word.strip_prefix(operator) {
        Some(pattern) => (pattern, Greed::Longest),
        None => (word, Greed::Shortest),
    }
}

fn trim(pattern: &str, value: &str, greed: Greed) -> Result<String> {
    let regex = compile(pattern, greed, "^")?;
    Ok(value[regex.find(value).map_or(0, |found| found.end())..].to_owned())
}

fn compile(pattern: &str, greed: Greed, anchor: &str) -> Result<Regex> {
    let regex =
        regex_of(pattern, greed, anchor).and_then(|regex| Regex::new(&regex).map_err(|_| PatternError::TooLarge));
    regex.map_err(|error| ExpandProblem::Pattern { pattern: pattern.to_owned(), error })
}

fn regex_of(pattern: &str, greed: Greed, anchor: &str) -> Result<String, PatternError> {
    let star = match greed {
        Greed::Shortest => ".*?",
        Greed::Longest => ".*",
    };
    let mut regex = anchor.to_owned();
    let mut characters = pattern.strip_prefix('\u{feff}').unwrap_or(pattern).chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '*' => regex.push_str(star),
            '?' => regex.push('.'),
            // What would have ended the pattern: the backslash is none of its own.
            '\\' if matches!(characters.peek(), Some('}' | '/')) => {}
            '\\' => match characters.next() {
                Some(escaped @ ('*' | '?' | '\\')) => regex.extend(['\\', escaped]),
                other => return Err(PatternError::Escape(other.unwrap_or(char::REPLACEMENT_CHARACTER))),
            },
            _ => regex.push_str(&regex::escape(character.encode_utf8(&mut [0; 4]))),
        }
    }
    Ok(regex)
}

/// The pattern from right to left, escaped characters still behind their backslash.
fn reversed(pattern: &str) -> String {
    let mut parts = Vec::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        let escaped = if character == '\\' { characters.next() } else { None };
        parts.push((character, escaped));
    }
    parts.into_iter().rev().flat_map(|(character, escaped)| std::iter::once(character).chain(escaped)).collect()
}

/// Go's templates: `$0` and `${0}` are the match, other names are nothing, `$$` is a dollar, and a `$` before anything
/// else is one too.
fn fill_in(template: &str, found: &str) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('$') {
        filled.push_str(before);
        rest = after;
        if let Some(after) = rest.strip_prefix('$') {
            filled.push('$');
            rest = after;
        } else if let Some((name, after)) = reference(rest) {
            filled.push_str(if name == "0" { found } else { "" });
            rest = after;
        } else {
            filled.push('$');
        }
    }
    filled + rest
}

/// The name that follows a `$`, and what follows that.
fn reference(text: &str) -> Option<(&str, &str)> {
    let (name, closed) = match text.strip_prefix('{') {
        Some(inner) => (inner, false),
        None => (text, true),
    };
    let is_of_name =
        |character: char| character == '_' || super::go::is_letter(character) || super::go::is_digit(character);
    let end = name.find(|character| !is_of_name(character)).unwrap_or(name.len());
    let (name, after) = name.split_at(end);
    let after = if closed { after } else { after.strip_prefix('}')? };
    (!name.is_empty()).then_some((name, after))
}
