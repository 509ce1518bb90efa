//! Flags of instructions: which there are, what they may say, and the lines of CSV that some of them hold.

use std::ops::Range;

use super::error::{CsvError, FlagProblem, meant};
use super::go;
use super::stages::Channel;
use super::syntax::Word;

/// What a flag takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// `true`, `false`, or nothing, which is `true`.
    Boolean,
    /// One value.
    Value,
    /// One value each time it is given.
    Values,
}

/// The flags of an instruction, found to be right.
#[derive(Debug, Default)]
pub(super) struct Flags<'i>(Vec<(&'i str, Word)>);

impl<'i> Flags<'i> {
    /// Reads them; `known` are those that this instruction has, without their dashes.
    pub(super) fn read(
        typed: &'i [Word],
        known: &[(&'static str, Takes)],
        channel: Channel,
    ) -> Result<Self, FlagProblem> {
        let mut read = Self::default();
        for word in typed {
            let (flag, value) = word.text.split_once('=').map_or((word.text.as_str(), None), |(f, v)| (f, Some(v)));
            let name = flag.strip_prefix("--").unwrap_or(flag);
            let Some((_, takes)) = known.iter().find(|(known, _)| *known == name) else {
                if channel == Channel::Any {
                    continue;
                }
                let meant = meant(name, known.iter().map(|(known, _)| *known)).map(str::to_owned);
                return Err(FlagProblem::Unknown { flag: flag.to_owned(), meant });
            };
            if *takes != Takes::Values && read.get(name).is_some() {
                return Err(FlagProblem::Duplicate(flag.to_owned()));
            }
            let text = match (takes, value) {
                (Takes::Boolean, None) => "true",
                (Takes::Boolean, Some(value)) => boolean(flag, value)?,
                (_, Some(value)) => value,
                (_, None) => return Err(FlagProblem::MissingValue(flag.to_owned())),
            };
            read.0.push((name, Word { text: text.to_owned(), span: word.span.clone() }));
        }
        Ok(read)
    }

    /// The value of a flag that was given.
    pub(super) fn get(&self, name: &str) -> Option<&Word> {
        self.all(name).next()
    }

    /// The same, to keep.
    pub(super) fn given(&self, name: &str) -> Option<Word> {
        self.get(name).cloned()
    }

    /// The value of a flag, empty if it was not given, as the builder has it.
    pub(super) fn text(&self, name: &str) -> &str {
        self.get(name).map_or("", |word| &word.text)
    }

    /// Whether a flag is `true`.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// Every value of a flag.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &Word> {
        self.0.iter().filter(move |(given, _)| *given == name).map(|(_, word)| word)
    }
}

fn boolean(flag: &str, value: &str) -> Result<&'static str, FlagProblem> {
    match go::to_lower(value).as_str() {
        "true" => Ok("true"),
        "false" => Ok("false"),
        "" => Err(FlagProblem::MissingValue(flag.to_owned())),
        _ => Err(FlagProblem::NotBoolean { flag: flag.to_owned(), value: value.to_owned() }),
    }
}

/// A mount of `RUN --mount=`. Values are as typed: the builder expands variables in all but `from`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `bind` unless said otherwise.
    pub kind: String,
    /// The stage or image it comes from.
    pub from: Option<String>,
    /// The path there.
    pub source: Option<String>,
    /// The flag.
    pub span: Range<usize>,
}

impl Mount {
    /// The builder looks no further before it runs the instruction.
    pub(super) fn read(flag: &Word) -> Result<Self, FlagProblem> {
        let mut mount = Self { kind: "bind".to_owned(), from: None, source: None, span: flag.span.clone() };
        for field in csv(&flag.text).map_err(FlagProblem::MountFields)? {
            let Some((key, value)) = field.split_once('=') else { continue };
            let value = value.to_owned();
            match go::to_lower(key).as_str() {
                "from" if value.find('$').is_some_and(|at| at + 1 < value.len()) => return Err(FlagProblem::MountFrom),
                "from" => mount.from = Some(value).filter(|from| !from.is_empty()),
                "type" => mount.kind = go::to_lower(&value),
                "source" | "src" => mount.source = Some(value),
                _ => {}
            }
        }
        Ok(mount)
    }
}

/// Refuses what `RUN --device=` cannot say.
pub(super) fn check_device(flag: &Word) -> Result<(), FlagProblem> {
    let mut name = String::new();
    for field in csv(&flag.text).map_err(FlagProblem::DeviceFields)? {
        let (key, value) = field.split_once('=').map_or((field.as_str(), None), |(key, value)| (key, Some(value)));
        let key = go::to_lower(key);
        match (key.as_str(), value) {
            ("required", None) => {}
            ("required", Some(value)) => {
                go::parse_bool(value).ok_or_else(|| FlagProblem::DeviceRequired(value.to_owned()))?;
            }
            ("name", Some(_)) if !name.is_empty() => return Err(FlagProblem::DeviceName(name)),
            ("name", Some(value)) => name = value.to_owned(),
            _ if name.is_empty() => name = field,
            (_, None) => return Err(FlagProblem::DeviceField(field)),
            (_, Some(_)) => {
                let meant = meant(&key, ["name", "required"]).map(str::to_owned);
                return Err(FlagProblem::DeviceKey { key, field, meant });
            }
        }
    }
    Ok(())
}

/// The fields of a line of CSV.
fn csv(line: &str) -> Result<Vec<String>, CsvError> {
    if line.is_empty() {
        return Err(CsvError::Empty);
    }
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        let (field, length) = match line[at..].strip_prefix('"') {
            Some(quoted) => quoted_field(quoted, at + 1)?,
            None => plain_field(&line[at..], at)?,
        };
        fields.push(field);
        at += length;
        match line[at..].strip_prefix(',') {
            Some(_) => at += 1,
            None => return Ok(fields),
        }
    }
}

fn plain_field(rest: &str, at: usize) -> Result<(String, usize), CsvError> {
    let field = rest.split_once(',').map_or(rest, |(field, _)| field);
    match field.find('"') {
        Some(quote) => Err(CsvError::BareQuote(at + quote + 1)),
        None => Ok((field.to_owned(), field.len())),
    }
}

/// `rest` is what follows the opening quote, and `at` where that is; the length has both quotes.
fn quoted_field(rest: &str, at: usize) -> Result<(String, usize), CsvError> {
    let mut field = String::new();
    let mut read = 0;
    loop {
        let Some((part, after)) = rest[read..].split_once('"') else { return Err(CsvError::Quote(at + read + 1)) };
        field.push_str(part);
        read += part.len() + 1;
        match after.chars().next() {
            None | Some(',') => return Ok((field, read + 1)),
            Some('"') => {
                field.push('"');
                read += 1;
            }
            Some(_) => return Err(CsvError::Quote(at + read)),
        }
    }
}
