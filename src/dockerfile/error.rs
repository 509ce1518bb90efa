//! Why a builder does not take a Dockerfile, in the builder's own words: what a user finds in the log is what is said
//! here.

use std::fmt;
use std::ops::Range;

use super::expand::ExpandError;
use super::go::{NumberError, quote};
use super::lines::LINE_LIMIT;
use super::syntax::Keyword;

/// A Dockerfile that is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub problem: Problem,
    /// The part at fault, in bytes.
    pub span: Range<usize>,
    /// The number of the line where that begins, from 1.
    pub line: usize,
}

impl fmt::Display for ParseError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Problem::Instruction(_) = self.problem {
            write!(formatter, "dockerfile parse error on line {}: ", self.line)?;
        }
        self.problem.fmt(formatter)
    }
}

impl std::error::Error for ParseError {}

/// What is wrong with a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A parser directive for the second time.
    #[error("only one {0} parser directive can be used")]
    RepeatedDirective(String),
    /// `# escape=` with something that escapes nothing.
    #[error("invalid escape token '{0}' does not match ` or \\")]
    EscapeDirective(String),
    /// A JSON array of other things than strings.
    #[error("when using JSON array syntax, arrays must be comprised of strings only")]
    OtherThanStrings,
    /// `ENV NAME` or `LABEL NAME`.
    #[error("{} must have two arguments", .0.name())]
    MissingValue(Keyword),
    /// A word of `ENV` or `LABEL` that does not say what it is the value of.
    #[error("Syntax error - can't find = in {}. Must be of the form: name=value", quote(.0))]
    MissingEquals(String),
    /// The word behind `<<` cannot be read.
    #[error("{0}")]
    HeredocWord(ExpandError),
    /// The word behind `<<` is one word or several, as quotes are read.
    #[error("internal lexing of heredoc produced inconsistent results: {0}")]
    HeredocQuotes(String),
    /// A heredoc without its end.
    #[error("unterminated heredoc")]
    UnterminatedHeredoc,
    /// Nothing but comments and directives.
    #[error("file with no instructions")]
    NoInstructions,
    /// A line that the builder's reader does not hold.
    #[error("dockerfile line greater than max allowed size of {}", LINE_LIMIT - 1)]
    LineTooLong,
    /// An instruction before the first `FROM`.
    #[error("no build stage in current context")]
    NoStage,
    /// An instruction that cannot be.
    #[error("{0}")]
    Instruction(#[from] InstructionProblem),
}

/// What is wrong with one instruction.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InstructionProblem {
    /// No such instruction.
    #[error("unknown instruction: {name}{}", did_you_mean(.meant))]
    Unknown {
        /// As typed.
        name: String,
        /// What looks like it.
        meant: Option<String>,
    },
    /// Nothing follows.
    #[error("{} requires at least one argument", .0.name())]
    NoArguments(Keyword),
    /// None, or too many.
    #[error("{} requires exactly one argument", .0.name())]
    NotOneArgument(Keyword),
    /// `COPY` or `ADD` of a single word.
    #[error("{} requires at least two arguments, but only one was provided. Destination could not be determined", .0.name())]
    NoDestination(Keyword),
    /// `COPY x <<EOF`.
    #[error("{} cannot accept a heredoc as a destination", .0.name())]
    HeredocDestination(Keyword),
    /// `ENV =x`.
    #[error("{} names can not be blank", .0.name())]
    BlankName(Keyword),
    /// Neither `FROM image` nor `FROM image AS name`.
    #[error("FROM requires either one or three arguments")]
    FromArguments,
    /// A name that no stage can have.
    #[error("invalid name for build stage: {}, name can't start with a number or contain symbols", quote(.0))]
    StageName(String),
    /// `ONBUILD ONBUILD`.
    #[error("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")]
    ChainedOnbuild,
    /// `ONBUILD FROM` or `ONBUILD MAINTAINER`.
    #[error("{} isn't allowed as an ONBUILD trigger", .0.name())]
    Trigger(Keyword),
    /// `HEALTHCHECK NONE` and more.
    #[error("HEALTHCHECK NONE takes no arguments")]
    HealthcheckNone,
    /// `HEALTHCHECK CMD` alone.
    #[error("Missing command after HEALTHCHECK CMD")]
    HealthcheckCommand,
    /// A `HEALTHCHECK` of another kind.
    #[error("Unknown type {} in HEALTHCHECK (try CMD)", quote(.0))]
    HealthcheckType(String),
    /// A time of `HEALTHCHECK` below what is measured.
    #[error("Interval {} cannot be less than 1ms", quote(.0))]
    HealthcheckInterval(&'static str),
    /// Fewer than no retries.
    #[error("--retries cannot be negative ({0})")]
    NegativeRetries(i32),
    /// A number that is none.
    #[error("{0}")]
    Number(#[from] NumberError),
    /// A volume without a name.
    #[error("VOLUME specified can not be an empty string")]
    EmptyVolume,
    /// `SHELL` of words.
    #[error("SHELL requires the arguments to be in JSON form")]
    ShellForm,
    /// A flag that cannot be.
    #[error("{0}")]
    Flag(#[from] FlagProblem),
}

/// What is wrong with a flag, or with its value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagProblem {
    /// No such flag here.
    #[error("unknown flag: {flag}{}", did_you_mean(.meant))]
    Unknown {
        /// With its dashes.
        flag: String,
        /// What looks like it, without them.
        meant: Option<String>,
    },
    /// One that can be given once.
    #[error("duplicate flag specified: {0}")]
    Duplicate(String),
    /// No `=`, or nothing behind it.
    #[error("missing a value on flag: {0}")]
    MissingValue(String),
    /// Neither `true` nor `false`.
    #[error("expecting boolean value for flag {flag}, not: {value}")]
    NotBoolean {
        /// With its dashes.
        flag: String,
        /// What is there.
        value: String,
    },
    /// `RUN --network=` of a kind that is none.
    #[error("invalid network mode {}", quote(.0))]
    Network(String),
    /// `RUN --security=` of a kind that is none.
    #[error("security {} is not valid", quote(.0))]
    Security(String),
    /// `RUN --mount=` that is no line of CSV.
    #[error("failed to parse csv mounts: {0}")]
    MountFields(CsvError),
    /// `RUN --mount=from=$NAME`.
    #[error("'from' doesn't support variable expansion, define alias stage instead")]
    MountFrom,
    /// `RUN --device=` that is no line of CSV.
    #[error("failed to parse csv devices: {0}")]
    DeviceFields(CsvError),
    /// A device with two names.
    #[error("device name already set to {0}")]
    DeviceName(String),
    /// A second word that is no `key=value`.
    #[error("invalid field '{0}' must be a key=value pair")]
    DeviceField(String),
    /// `required=` of neither true nor false.
    #[error("invalid value for required: {0}")]
    DeviceRequired(String),
    /// A key that devices do not have.
    #[error("unexpected key '{key}' in '{field}'{}", did_you_mean(.meant))]
    DeviceKey {
        /// In lower case.
        key: String,
        /// As typed.
        field: String,
        /// What looks like it.
        meant: Option<String>,
    },
}

/// Why a text is no line of CSV.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CsvError {
    /// Nothing.
    #[error("EOF")]
    Empty,
    /// A quote within a field that has none at its start; the column in bytes, from 1.
    #[error("parse error on line 1, column {0}: bare \" in non-quoted-field")]
    BareQuote(usize),
    /// A field that goes on behind its quotes, or does not close them.
    #[error("parse error on line 1, column {0}: extraneous or missing \" in quoted-field")]
    Quote(usize),
}

fn did_you_mean(meant: &Option<String>) -> String {
    meant.as_ref().map(|meant| format!(" (did you mean {meant}?)")).unwrap_or_default()
}

/// What was likely meant by `typed`: one of `known` that is at most two letters away, and not the same.
pub(super) fn meant<'k>(typed: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // Names are short: what is longer than this is far from all of them, and may be the whole file.
    const LONGEST: usize = 32;
    if typed.len() > LONGEST {
        return None;
    }
    let distances = known.into_iter().map(|name| (strsim::levenshtein(typed, name), name));
    distances
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| matches!(distance, 1 | 2))
        .map(|(_, name)| name)
}
