//! The build context: which files it has, which of them are sent, and the archive they are sent in.
//!
//! [`dockerignore`], [`listing`], [`as_sent`], [`sizes`], [`advice`] and [`tarball`] are pure; [`locate`], [`scan`],
//! [`stdin`], [`content`], [`facts`], [`mounts`], [`unpack`], [`pack`], [`watch`] and [`why`] do I/O. Data flows one way:
//! `locate` finds the Dockerfile and the ignore file, `scan` walks the directory and asks the matcher, `pack` turns what it
//! finds into bytes. A context that comes as an archive on `stdin` is listed by `tarball` instead. `facts` looks at what `advice` wants
//! to know about a listing. `as_sent` and `mounts` are the files of a pod: as this tool lays them out, and as others do.

pub mod advice;
pub mod as_sent;
pub mod content;
pub mod dockerignore;
#[expect(clippy::disallowed_methods, reason = "edge: reads heads of files and .gitignore files")]
pub mod facts;
pub mod listing;
#[expect(clippy::disallowed_methods, reason = "edge: finds and reads the Dockerfile and the ignore file")]
pub mod locate;
#[expect(clippy::disallowed_methods, reason = "edge: looks at what is mounted")]
pub mod mounts;
pub mod pack;
#[expect(clippy::disallowed_methods, reason = "edge: lists directories")]
pub mod scan;
pub mod sizes;
pub mod stdin;
pub mod tarball;
pub mod unpack;
#[expect(clippy::disallowed_methods, reason = "edge: lists directories to watch them")]
pub mod watch;
pub mod why;

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// gzip, at whatever level the reader of the archive leaves time for.
    Auto,
    /// A plain tar.
    None,
    /// gzip at this level, 1 to 9, or 0 for gzip that stores. The executor and busybox read no other compression.
    Gzip(u8),
}
