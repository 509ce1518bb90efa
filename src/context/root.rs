//! The directory that a build context is read from, opened once.
//!
//! Files are reached from the open directory: the system walks its path once instead of twice a file, and a directory
//! that is moved meanwhile stays the same one. A link in the place of a file is not followed; one that takes the place of
//! a directory below the root while it is packed is, as it would be by `docker build`.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, openat, readlinkat, statat};

/// An open directory.
#[derive(Debug)]
pub struct Root(OwnedFd);

impl Root {
    /// Opens `directory`; a symlink to one will do.
    ///
    /// # Errors
    /// It is no directory, or may not be read.
    pub fn open(directory: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(rustix::fs::open(directory, flags, Mode::empty())?))
    }

    /// Opens the regular file at `path`. What is there may have been replaced since it was seen: a link would lead out of
    /// the context, and a FIFO would wait for a writer.
    ///
    /// # Errors
    /// It cannot be opened, or is no regular file any more.
    pub fn open_file(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.0, path, flags, Mode::empty())?;
        match FileType::from_raw_mode(fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(file.into()),
            _ => Err(io::Error::other("it is no regular file any more")),
        }
    }

    /// What is at `path`, links not followed.
    ///
    /// # Errors
    /// It cannot be examined, or is there no more.
    pub fn stat(&self, path: &Path) -> io::Result<Stat> {
        Ok(statat(&self.0, path, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// The target of the symlink at `path`, verbatim.
    ///
    /// # Errors
    /// It cannot be read, or is no symlink any more.
    pub fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let target = readlinkat(&self.0, path, Vec::new())?;
        Ok(OsString::from_vec(target.into_bytes()).into())
    }
}
