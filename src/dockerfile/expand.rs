//! Variables in words: what `$NAME` and `${NAME…}` become, and what quotes and escapes leave.
//!
//! It is the builder's own reading, which is near a shell's and not the same. Its oddities are kept: they are what the
//! image is built with.

use std::iter::Peekable;
use std::str::Chars;

use super::go;
use super::pattern::{self, PatternError};
use super::syntax::Escape;

/// How deep a `${…}` may be in another. The builder knows no limit; a file that exceeds this one was made to.
const NESTING_LIMIT: usize = 100;

/// Gives variables their values; none if one is not set.
pub type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

/// How words are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expansion {
    /// The character that takes the meaning of the next one away. Kaniko takes the backslash whatever the file says.
    pub escape: Escape,
    /// What becomes of quotes.
    pub quotes: Quotes,
    /// What becomes of the escape character.
    pub escapes: Escapes,
    /// What becomes of variables that are not set.
    pub unset: Unset,
}

/// What becomes of quotes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Quotes {
    /// They have their meaning and go.
    #[default]
    Remove,
    /// They have their meaning and stay.
    Keep,
    /// They are characters like others, as in a heredoc.
    Ignore,
}

/// What becomes of the escape character before another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Escapes {
    /// It goes.
    #[default]
    Remove,
    /// It stays.
    Keep,
}

/// What becomes of variables that are not set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Unset {
    /// They are empty.
    #[default]
    Empty,
    /// They stay as they are, `${NAME:-else}` and all.
    Keep,
    /// Their names stay; `${NAME:-else}` and the like do what they do.
    KeepName,
}

/// A word whose variables cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to process {}: {problem}", go::quote(word))]
pub struct ExpandError {
    /// The word.
    pub word: String,
    /// What is wrong with it.
    pub problem: ExpandProblem,
}

/// What is wrong with a word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandProblem {
    /// A quote that does not end.
    #[error("unexpected end of statement while looking for matching single-quote")]
    SingleQuote,
    /// A quote that does not end.
    #[error("unexpected end of statement while looking for matching double-quote")]
    DoubleQuote,
    /// A text that does not end where it has to.
    #[error("unexpected end of statement while looking for matching {0}")]
    End(char),
    /// `${NAME`.
    #[error("syntax error: missing '}}'")]
    MissingBrace,
    /// `${NAME/pattern`.
    #[error("syntax error: missing '/' in ${{}}")]
    MissingSlash,
    /// `${}` and the like.
    #[error("syntax error: bad substitution")]
    BadSubstitution,
    /// `${NAME~…}`.
    #[error("unsupported modifier ({0}) in substitution")]
    UnsupportedModifier(String),
    /// `${NAME?message}` of a variable that is not set.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// The Dockerfile's message, or one in its stead.
        message: String,
    },
    /// A pattern that is none.
    #[error("invalid pattern ({pattern}) in substitution: {error}")]
    Pattern {
        /// As it is used, which is backwards for `%`.
        pattern: String,
        /// What is wrong with it.
        error: PatternError,
    },
    /// More than anyone would write.
    #[error("${{}} within ${{}} more than {NESTING_LIMIT} times")]
    Nesting,
}

impl Expansion {
    /// Of instructions: quotes and escapes go, what is not set is empty.
    pub fn new(escape: Escape) -> Self {
        Self { escape, quotes: Quotes::default(), escapes: Escapes::default(), unset: Unset::default() }
    }

    /// The whole of `word`, blanks included.
    pub fn word(self, word: &str, variables: Variables<'_>) -> Result<String, ExpandError> {
        self.process(word, variables).map(|(whole, _)| whole)
    }

    /// The words that `word` is after variables are replaced.
    pub fn words(self, word: &str, variables: Variables<'_>) -> Result<Vec<String>, ExpandError> {
        self.process(word, variables).map(|(_, words)| words)
    }

    fn process(self, word: &str, variables: Variables<'_>) -> Result<(String, Vec<String>), ExpandError> {
        // As the builder's scanner does.
        let characters = word.strip_prefix('\u{feff}').unwrap_or(word).chars().peekable();
        let mut expander =
            Expander { how: self, characters, variables, escapes: self.escapes, current: String::new(), depth: 0 };
        let result = expander.until(None, self.escapes);
        result.map_err(|problem| ExpandError { word: word.to_owned(), problem })
    }
}

type Result<T, E = ExpandProblem> = std::result::Result<T, E>;

struct Expander<'w> {
    how: Expansion,
    characters: Peekable<Chars<'w>>,
    variables: Variables<'w>,
    /// Patterns keep their escapes, whatever else is done.
    escapes: Escapes,
    /// The word that is being made. There is one for all: a `${…}` with a text of its own drops what stands before it,
    /// in words, not in the whole.
    current: String,
    depth: usize,
}

/// Words in the making.
#[derive(Default)]
struct Words {
    words: Vec<String>,
    in_word: bool,
}

impl Words {
    /// Adds a character that ends the word if it is a space.
    fn add(&mut self, current: &mut String, character: char) {
        if !character.is_whitespace() {
            self.add_literally(current, character);
        } else if self.in_word && !current.is_empty() {
            self.words.push(std::mem::take(current));
            self.in_word = false;
        }
    }

    fn add_literally(&mut self, current: &mut String, character: char) {
        current.push(character);
        self.in_word = true;
    }

    fn finish(mut self, current: &mut String) -> Vec<String> {
        if !current.is_empty() {
            self.words.push(std::mem::take(current));
        }
        self.words
    }
}

impl Expander<'_> {
    /// Reads to `stop`, or to the end; gives the whole and its words.
    fn until(&mut self, stop: Option<char>, escapes: Escapes) -> Result<(String, Vec<String>)> {
        self.depth += 1;
        if self.depth > NESTING_LIMIT {
            return Err(ExpandProblem::Nesting);
        }
        let outer = std::mem::replace(&mut self.escapes, escapes);
        self.current.clear();
        let result = self.read(stop);
        self.escapes = outer;
        self.depth -= 1;
        result
    }

    fn read(&mut self, stop: Option<char>) -> Result<(String, Vec<String>)> {
        let mut whole = String::new();
        let mut words = Words::default();
        while let Some(character) = self.peek() {
            if stop == Some(character) {
                self.next();
                return Ok((whole, words.finish(&mut self.current)));
            }
            match character {
                '$' => {
                    let value = self.dollar()?;
                    value.chars().for_each(|character| words.add(&mut self.current, character));
                    whole.push_str(&value);
                }
                '<' | '\'' | '"' if character == '<' || self.how.quotes != Quotes::Ignore => {
                    let text = match character {
                        '<' => self.heredoc_mark(),
                        '\'' => self.single_quoted()?,
                        _ => self.double_quoted()?,
                    };
                    self.current.push_str(&text);
                    words.in_word = true;
                    whole.push_str(&text);
                }
                _ => {
                    self.next();
                    if character != self.how.escape.character() {
                        words.add(&mut self.current, character);
                        whole.push(character);
                        continue;
                    }
                    if self.escapes == Escapes::Keep {
                        words.add_literally(&mut self.current, character);
                        whole.push(character);
                    }
                    let Some(escaped) = self.next() else { break };
                    words.add_literally(&mut self.current, escaped);
                    whole.push(escaped);
                }
            }
        }
        match stop {
            Some(stop) => Err(ExpandProblem::End(stop)),
            None => Ok((whole, words.finish(&mut self.current))),
        }
    }

    /// Nothing between single quotes means anything, and nothing escapes one.
    fn single_quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        self.quote(&mut text);
        loop {
            match self.peek() {
                None => return Err(ExpandProblem::SingleQuote),
                Some('\'') => {
                    self.quote(&mut text);
                    return Ok(text);
                }
                Some(character) => text.push(character),
            }
            self.next();
        }
    }

    /// Between double quotes there are variables, and escapes of `"`, `$` and the escape character itself.
    fn double_quoted(&mut self) -> Result<String> {
        let mut text = String::new();
        self.quote(&mut text);
        loop {
            match self.peek() {
                None => return Err(ExpandProblem::DoubleQuote),
                Some('"') => {
                    self.quote(&mut text);
                    return Ok(text);
                }
                Some('$') => text.push_str(&self.dollar()?),
                Some(character) => {
                    self.next();
                    if character == self.how.escape.character() {
                        self.escaped_in_quotes(&mut text);
                    } else {
                        text.push(character);
                    }
                }
            }
        }
    }

    /// What the escape character stands for that was just read between quotes.
    fn escaped_in_quotes(&mut self, text: &mut String) {
        let escape = self.how.escape.character();
        if self.escapes == Escapes::Keep {
            text.push(escape);
        }
        match self.peek() {
            None => {}
            Some(character) if matches!(character, '"' | '$') || character == escape => {
                text.push(character);
                self.next();
            }
            Some(_) => text.push(escape),
        }
    }

    /// Passes over a quote, which may have to stay.
    fn quote(&mut self, text: &mut String) {
        let quote = self.next();
        text.extend(quote.filter(|_| self.how.quotes == Quotes::Keep));
    }

    /// `<<` and the blanks behind it are one, so that the word of a heredoc is not cut off.
    fn heredoc_mark(&mut self) -> String {
        self.next();
        let mut mark = String::from("<");
        if self.peek() == Some('<') {
            mark.extend(self.next());
            while let Some('\t' | '\r' | ' ') = self.peek() {
                mark.extend(self.next());
            }
        }
        mark
    }

    fn dollar(&mut self) -> Result<String> {
        self.next();
        if self.peek() == Some('{') {
            self.next();
            return self.braces();
        }
        let name = self.name();
        if name.is_empty() {
            return Ok("$".to_owned());
        }
        let value = (self.variables)(&name);
        Ok(value.unwrap_or_else(|| self.unset(|| format!("${name}"))))
    }

    /// What is left of a variable that is not set, given what was typed.
    fn unset(&self, typed: impl FnOnce() -> String) -> String {
        match self.how.unset {
            Unset::Empty => String::new(),
            Unset::Keep | Unset::KeepName => typed(),
        }
    }

    /// What follows `${`.
    fn braces(&mut self) -> Result<String> {
        match self.peek() {
            None => return Err(ExpandProblem::MissingBrace),
            Some('{' | '}' | ':') => return Err(ExpandProblem::BadSubstitution),
            Some(_) => {}
        }
        let name = self.name();
        match self.next() {
            Some('}') => {
                let value = (self.variables)(&name);
                Ok(value.unwrap_or_else(|| self.unset(|| format!("${{{name}}}"))))
            }
            Some(':') => {
                let operator = self.next();
                self.operation(name, operator, Empty::IsUnset)
            }
            Some(operator @ ('+' | '-' | '?' | '#' | '%')) => self.operation(name, Some(operator), Empty::IsSet),
            Some('/') => self.replacement(name),
            other => Err(unsupported(Empty::IsSet, other)),
        }
    }

    /// What follows an operator: a word or a pattern to the closing brace.
    fn operation(&mut self, name: String, operator: Option<char>, empty: Empty) -> Result<String> {
        let escapes = match operator {
            Some('#' | '%') if empty == Empty::IsUnset => return Err(unsupported(empty, operator)),
            Some('#' | '%') => Escapes::Keep,
            _ => Escapes::Remove,
        };
        let word = self.until_brace(escapes)?;
        let value = (self.variables)(&name);
        if value.is_none() && self.how.unset == Unset::Keep {
            return Ok(format!("${{{name}{}{word}}}", sign(empty, operator)));
        }
        let is_set = value.as_ref().is_some_and(|value| empty == Empty::IsSet || !value.is_empty());
        let required = |otherwise: &str| ExpandProblem::Required {
            name: name.clone(),
            message: if word.is_empty() { otherwise.to_owned() } else { word.clone() },
        };
        match (operator, value) {
            (Some('-'), Some(value)) if is_set => Ok(value),
            (Some('-'), _) => Ok(word),
            (Some('+'), _) => Ok(if is_set { word } else { String::new() }),
            (Some('?'), None) => Err(required("is not allowed to be unset")),
            (Some('?'), Some(_)) if !is_set => Err(required("is not allowed to be empty")),
            (Some('?'), Some(value)) => Ok(value),
            (Some('#'), value) => pattern::without_prefix(&word, &value.unwrap_or_default()),
            (Some('%'), value) => pattern::without_suffix(&word, &value.unwrap_or_default()),
            _ => Err(unsupported(empty, operator)),
        }
    }

    /// `${NAME/pattern/text}`, and with two slashes wherever it matches.
    fn replacement(&mut self, name: String) -> Result<String> {
        let everywhere = self.peek() == Some('/');
        if everywhere {
            self.next();
        }
        let pattern = match self.until(Some('/'), Escapes::Keep) {
            Ok((pattern, _)) => pattern,
            Err(_) if self.peek().is_none() => return Err(ExpandProblem::MissingSlash),
            Err(problem) => return Err(problem),
        };
        let text = self.until_brace(Escapes::Keep)?;
        match (self.variables)(&name) {
            None if self.how.unset == Unset::Keep => Ok(format!("${{{name}/{pattern}/{text}}}")),
            value if everywhere => pattern::replace_all(&pattern, &value.unwrap_or_default(), &text),
            value => pattern::replace_first(&pattern, &value.unwrap_or_default(), &text),
        }
    }

    /// Whatever is wrong before the end is a missing brace, if the end is reached.
    fn until_brace(&mut self, escapes: Escapes) -> Result<String> {
        match self.until(Some('}'), escapes) {
            Ok((word, _)) => Ok(word),
            Err(_) if self.peek().is_none() => Err(ExpandProblem::MissingBrace),
            Err(problem) => Err(problem),
        }
    }

    /// Letters, digits and underscores; or digits alone; or one of the shell's special parameters.
    fn name(&mut self) -> String {
        let mut name = String::new();
        match self.peek() {
            Some(first) if go::is_digit(first) => self.take_while(&mut name, go::is_digit),
            Some('@' | '*' | '#' | '?' | '-' | '$' | '!') => name.extend(self.next()),
            _ => self.take_while(&mut name, |next| go::is_letter(next) || go::is_digit(next) || next == '_'),
        }
        name
    }

    fn take_while(&mut self, text: &mut String, belongs: impl Fn(char) -> bool) {
        while let Some(next) = self.peek().filter(|next| belongs(*next)) {
            text.push(next);
            self.next();
        }
    }

    fn peek(&mut self) -> Option<char> {
        self.characters.peek().copied()
    }

    fn next(&mut self) -> Option<char> {
        self.characters.next()
    }
}

/// What an operator takes an empty variable for.
#[derive(Clone, Copy, PartialEq)]
enum Empty {
    IsSet,
    /// With a colon.
    IsUnset,
}

/// The operator as typed; what is not there is shown as a replacement character.
fn sign(empty: Empty, operator: Option<char>) -> String {
    let colon = if empty == Empty::IsUnset { ":" } else { "" };
    format!("{colon}{}", operator.unwrap_or(char::REPLACEMENT_CHARACTER))
}

fn unsupported(empty: Empty, operator: Option<char>) -> ExpandProblem {
    ExpandProblem::UnsupportedModifier(sign(empty, operator))
}
