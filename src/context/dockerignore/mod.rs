//! `.dockerignore`: which paths of a build context Docker leaves out.
//!
//! The rules here are those of the code Docker runs (moby/patternmatcher, called by BuildKit's
//! fsutil), oddities included, not those of its manual and not those of `.gitignore`. A context
//! that differs by one file builds a different image, so nothing is tidied up on the way.
//!
//! The way of an ignore file through this module:
//!
//! 1. `parse` turns its bytes into a list of patterns, each with its line.
//! 2. [`Matcher::from_file`] has them checked and compiled.
//! 3. [`Matcher::root`] starts a walk; [`PathState::child`] judges one entry from its parent's
//!    state, and [`PathState::may_skip_directory`] tells whether to look inside.
//!
//! [`Rules`] answers for single paths and says why, for Docker's rules and for the executor's own,
//! which differ ([`Dialect`]).
//!
//! Nothing here touches the file system, the environment or a terminal.

mod bits;
mod charclass;
mod error;
mod executor;
mod explain;
mod goregexp;
mod matcher;
mod parse;
mod pattern;
mod syntax;
mod text;
mod translate;
mod unicode;

#[cfg(test)]
mod tests;

pub use error::{IgnoreError, RegexpError};
pub use executor::tested_by_executor;
pub use explain::{Dialect, Explanation, Judgement, Pruned, Rules, Step};
pub use matcher::{Matcher, PathState, Verdict};
pub use pattern::Pattern;
