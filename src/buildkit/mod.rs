//! What `docker build` does: a model of BuildKit v0.34.2 with the Dockerfile front end that it brings. Pure.
//!
//! It is the measure for what the executor does: the image that a Dockerfile asks for.

mod build;
mod copies;
mod platform;
mod unpack;
mod users;
pub mod variables;

use crate::members::Found;
use crate::rootfs::{Content, RootFs};

pub use build::{Asked, Built, End, build, is_remote};
pub use platform::Platform;

/// What a source of `COPY` or `ADD` names: itself, or what its pattern matches, symlinks not followed. None if the builder
/// fails over it.
pub(crate) fn matching(context: &RootFs, source: &[u8]) -> Option<Vec<Vec<u8>>> {
    copies::matching(context, source).ok()
}

/// Knows nothing of any file but that it is no archive: for tests.
#[cfg(test)]
pub(crate) struct NoContents;

#[cfg(test)]
impl Contents for NoContents {
    fn text(&self, _: &Content) -> Option<Vec<u8>> {
        None
    }

    fn found(&self, _: &Content) -> Found {
        Found::File
    }
}

/// Looks into files, where that decides what becomes of them.
pub trait Contents {
    /// What is in a small file; none if nobody knows.
    fn text(&self, content: &Content) -> Option<Vec<u8>>;
    /// What a file is to `ADD`.
    fn found(&self, content: &Content) -> Found;
}
