//! Git contexts: what of a git repository the executor would build from, and how that differs from a directory.
//!
//! [`address`], [`object`], [`outputs`], [`mod@difference`] and `parts` are pure. [`repository`] and [`contents`] ask the
//! user's own `git`, by way of `run`. A repository may be anybody's: no command that is run here starts a program that
//! the repository's configuration names (`git status` would start its filters), or speaks to a network.
//! All of it blocks.

pub mod address;
pub mod contents;
pub mod difference;
pub mod object;
pub mod outputs;
pub(crate) mod parts;
pub mod repository;
#[expect(clippy::disallowed_methods, reason = "edge: runs git")]
mod run;

pub use address::{Address, AddressError};
pub use contents::Contents;
pub use difference::{Committed, ContentDifference, Kind, difference};
pub use object::ObjectId;
pub use repository::{History, Pack, REMOTE, Reachable, Repository, Source, Tracked, remote_refs};
pub use run::{GitError, Stop};
