//! What a Dockerfile says, read as BuildKit reads it: that is what Docker and Kaniko build with. Pure.
//!
//! [`parse()`] tells instructions apart and says where each part of them is; [`Dockerfile::stages`] makes stages of them
//! and refuses what a builder refuses, in its words; [`Expansion`] replaces variables. Tests compare all of it with
//! BuildKit's own packages, whose answers are in `fixtures/dockerfiles`.

mod error;
mod expand;
mod flags;
pub(crate) mod go;
mod images;
mod json;
mod lines;
mod parse;
mod pattern;
mod stages;
mod syntax;
#[cfg(test)]
mod tests;
mod words;

pub use error::{CsvError, FlagProblem, InstructionProblem, ParseError, Problem};
pub use expand::{Escapes, ExpandError, ExpandProblem, Expansion, Quotes, Unset, Variables};
pub use flags::Mount;
pub use go::{DurationProblem, NumberError};
pub use images::base_images;
pub(crate) use parse::heredoc_mark;
pub use parse::parse;
pub use pattern::PatternError;
pub use stages::{Arg, Channel, Command, Copy, CopyOption, InlineFile, Origin, Source, Stage, Stages, Step};
pub use syntax::{Arguments, Delimiter, Directive, Dockerfile, Escape, Heredoc, Instruction, Keyword, Pair, Word};
