//! What a build context holds after the ignore file had its say: plain data, in archive order. Pure.

use std::path::PathBuf;

use bytes::Bytes;

use crate::gopath;
use crate::rootfs::{self, Node, RootFs};
use crate::sys::OsStrExt;

/// The sent context: entries in archive order (a directory before what it holds, names in byte order), and what was
/// left out.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// What is sent.
    pub entries: Vec<Entry>,
    /// What the ignore file keeps out, as far as it was looked at: a pruned directory counts as nothing.
    pub excluded: Totals,
    /// Sockets, FIFOs and devices: they cannot be sent.
    pub special: Vec<PathBuf>,
}

impl Listing {
    /// Sums over the entries.
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        self.entries.iter().for_each(|entry| totals.add(&entry.kind));
        totals
    }

    /// What `docker build` has of it: all of it is root's.
    pub fn rootfs(&self) -> RootFs {
        let mut rootfs = RootFs::default();
        for entry in &self.entries {
            let path = entry.path.as_os_str().as_bytes();
            let kind = match &entry.kind {
                Kind::Directory => rootfs::Kind::Directory,
                Kind::File { .. } => rootfs::Kind::File(rootfs::Content::Context(path.to_vec())),
                Kind::Symlink { target } => rootfs::Kind::Symlink(target.as_os_str().as_bytes().to_vec()),
            };
            rootfs.put(gopath::join(&[b"/", path]), Node { kind, mode: entry.mode, ..Node::directory(0) });
        }
        rootfs
    }
}

/// One thing in the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the context's root; bytes as the disk has them, which need not be UTF-8.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with setuid, setgid and sticky: `0o7777` at most.
    pub mode: u32,
    /// Modification time in seconds since the epoch.
    pub mtime: u64,
}

/// What an entry is. Hard links are files: each carries its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file of that many bytes.
    File {
        /// Bytes at the time of the walk.
        size: u64,
        /// Where they are.
        content: Content,
    },
    /// A directory.
    Directory,
    /// A symbolic link, never followed.
    Symlink {
        /// Its target, verbatim.
        target: PathBuf,
    },
}

/// Where the content of a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// On disk, at the entry's path below the context's root.
    Disk,
    /// On disk, at another path below the context's root.
    At(PathBuf),
    /// In the archive that the context came as, from this byte on.
    Spooled(u64),
    /// In memory.
    Memory(Bytes),
}

impl Entry {
    /// A file made up on the spot.
    pub fn made(path: &str, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let kind = Kind::File { size: content.len() as u64, content: Content::Memory(content) };
        Self { path: path.into(), kind, mode: 0o644, mtime: 0 }
    }

    /// A directory made up on the spot.
    pub fn made_directory(path: &str) -> Self {
        Self { path: path.into(), kind: Kind::Directory, mode: 0o755, mtime: 0 }
    }
}

impl Kind {
    /// The word for it in documents.
    pub fn word(&self) -> &'static str {
        match self {
            Self::File { .. } => "file",
            Self::Directory => "directory",
            Self::Symlink { .. } => "symlink",
        }
    }

    /// Bytes of content.
    pub fn size(&self) -> u64 {
        match self {
            Self::File { size, .. } => *size,
            Self::Directory | Self::Symlink { .. } => 0,
        }
    }
}

/// Something that is not sent, with everything below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Relative to the context's root.
    pub path: PathBuf,
    /// The sums over it.
    pub totals: Totals,
}

impl LeftOut {
    /// Whether it is a directory, of which nothing is sent.
    pub fn is_directory(&self) -> bool {
        self.totals.directories > 0
    }

    /// The word for it in documents.
    pub fn word(&self) -> &'static str {
        match self.totals {
            Totals { directories: 1.., .. } => "directory",
            Totals { files: 1.., .. } => "file",
            Totals { symlinks: 1.., .. } => "symlink",
            Totals { .. } => "special",
        }
    }
}

/// How much of what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Regular files.
    pub files: u64,
    /// Directories.
    pub directories: u64,
    /// Symbolic links.
    pub symlinks: u64,
    /// Bytes in regular files.
    pub bytes: u64,
}

impl Totals {
    /// Adds what `other` counts.
    pub(super) fn add_all(&mut self, other: &Self) {
        self.files += other.files;
        self.directories += other.directories;
        self.symlinks += other.symlinks;
        // Sparse files may claim more bytes than there are numbers.
        self.bytes = self.bytes.saturating_add(other.bytes);
    }

    /// Counts one more.
    pub fn add(&mut self, kind: &Kind) {
        match kind {
            Kind::File { size, .. } => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(*size);
            }
            Kind::Directory => self.directories += 1,
            Kind::Symlink { .. } => self.symlinks += 1,
        }
    }
}
