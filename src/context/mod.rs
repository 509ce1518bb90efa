//! The build context: which files it has, which of them are sent, and the archive they are sent in.
//!
//! [`dockerignore`] and [`listing`] are pure; [`locate`], [`scan`], [`pack`] and [`why`] read the disk. Data flows one way:
//! `locate` finds the Dockerfile and the ignore file, `scan` walks the directory and asks the matcher, `pack` turns the
//! listing into bytes.

pub mod dockerignore;
pub mod listing;
#[expect(clippy::disallowed_methods, reason = "edge: finds and reads the Dockerfile and the ignore file")]
pub mod locate;
#[expect(clippy::disallowed_methods, reason = "edge: opens what is packed")]
pub mod pack;
pub mod scan;
pub mod why;

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// A plain tar.
    None,
    /// One gzip member at this level, 1 to 9. The executor and busybox read no other compression.
    Gzip(u32),
}
