//! Packs a listing into an archive: the same tree gives the same bytes.
//!
//! Headers are written here field by field: the convenience calls of the `tar` crate follow symlinks, write sparse
//! entries that Kaniko skips in silence, normalise link targets, and copy a growing file past its header's size. Long
//! names and link targets travel as GNU `L` and `K` records and sizes from 8 GiB on in base 256, not as PAX records:
//! busybox's tar, which unpacks in the pod, passes over PAX (busybox 1.35 `get_header_tar.c`), and everything that reads
//! PAX reads these too.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::Compression;
use super::listing::{Entry, Kind, Listing};
use crate::error::{ContextError, Error};

/// Bytes in one record of a tar archive.
const RECORD: usize = 512;
/// Bytes of a name or a link target that fit its header field.
const SHORT: usize = 100;

/// An archive to write.
#[derive(Debug)]
pub struct Archive<'a> {
    /// Where the listed files are.
    pub root: &'a Path,
    /// What of it is packed.
    pub listing: &'a Listing,
    /// The directory in the archive that holds the listed files; `None` for the archive's own root.
    pub directory: Option<&'a str>,
    /// Files made up on the spot that follow, outside of [`Archive::directory`].
    pub extra: &'a [ExtraFile<'a>],
}

/// A file whose content is at hand.
#[derive(Debug)]
pub struct ExtraFile<'a> {
    /// Its path in the archive.
    pub name: &'a str,
    /// Its content.
    pub content: &'a [u8],
}

impl Archive<'_> {
    /// Entries in the archive, directories included.
    pub fn entries(&self) -> u64 {
        let count = self.listing.entries.len() + self.extra.len() + usize::from(self.directory.is_some());
        count as u64
    }

    /// Writes the archive to `out` and gives `out` back. `packed` is told the bytes of content after each step.
    ///
    /// # Errors
    /// A file that cannot be read or that shrank, by name; a failure of `out`.
    pub fn write<W: Write>(&self, out: W, compression: Compression, packed: &mut dyn FnMut(u64)) -> Result<W, Error> {
        match compression {
            Compression::None => self.write_tar(out, packed),
            Compression::Gzip(level) => {
                // The header's time stays 0 and it has no name: the same tree, the same bytes.
                let encoder = GzEncoder::new(out, flate2::Compression::new(level));
                self.write_tar(encoder, packed)?.finish().map_err(output)
            }
        }
    }

    fn write_tar<W: Write>(&self, out: W, packed: &mut dyn FnMut(u64)) -> Result<W, Error> {
        let mut tar = Tar { out, buffer: vec![0; 128 * 1024], packed };
        if let Some(directory) = self.directory {
            tar.entry(directory.as_bytes(), EntryType::Directory, 0o755, 0, 0, b"")?;
        }
        for entry in &self.listing.entries {
            let mut name = Vec::new();
            if let Some(directory) = self.directory {
                name.extend_from_slice(directory.as_bytes());
                name.push(b'/');
            }
            name.extend_from_slice(entry.path.as_os_str().as_bytes());
            tar.listed(self.root, entry, &name)?;
        }
        for file in self.extra {
            tar.entry(file.name.as_bytes(), EntryType::Regular, 0o644, 0, file.content.len() as u64, b"")?;
            tar.out.write_all(file.content).map_err(output)?;
            tar.pad(file.content.len() as u64)?;
        }
        tar.out.write_all(&[0; 2 * RECORD]).map_err(output)?;
        Ok(tar.out)
    }
}

struct Tar<'a, W> {
    out: W,
    buffer: Vec<u8>,
    packed: &'a mut dyn FnMut(u64),
}

impl<W: Write> Tar<'_, W> {
    fn listed(&mut self, root: &Path, entry: &Entry, name: &[u8]) -> Result<(), Error> {
        match &entry.kind {
            Kind::Directory => self.entry(name, EntryType::Directory, entry.mode, entry.mtime, 0, b""),
            Kind::Symlink { target } => {
                let target = target.as_os_str().as_bytes();
                self.entry(name, EntryType::Symlink, entry.mode, entry.mtime, 0, target)
            }
            Kind::File { size } => {
                // Opened before its header is written: what cannot be read leaves no half entry.
                let file = open(&root.join(&entry.path)).map_err(|source| unreadable(entry, source))?;
                self.entry(name, EntryType::Regular, entry.mode, entry.mtime, *size, b"")?;
                self.content(file, entry, *size)
            }
        }
    }

    /// Exactly `size` bytes of `file`: bytes that came after the walk are left out, missing ones are an error.
    fn content(&mut self, file: File, entry: &Entry, size: u64) -> Result<(), Error> {
        let mut file = file.take(size);
        let mut read = 0;
        while read < size {
            let count = match file.read(&mut self.buffer) {
                Ok(0) => {
                    let path = entry.path.clone();
                    return Err(ContextError::Shrank { path, expected: size, read }.into());
                }
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(unreadable(entry, source)),
            };
            read += count as u64;
            self.out.write_all(&self.buffer[..count]).map_err(output)?;
            (self.packed)(count as u64);
        }
        self.pad(size)
    }

    /// One header, with records before it for what does not fit.
    fn entry(
        &mut self,
        name: &[u8],
        kind: EntryType,
        mode: u32,
        mtime: u64,
        size: u64,
        target: &[u8],
    ) -> Result<(), Error> {
        let mut name = name.to_vec();
        if kind == EntryType::Directory {
            name.push(b'/');
        }
        if target.len() > SHORT {
            self.long(EntryType::GNULongLink, target)?;
        }
        if name.len() > SHORT {
            self.long(EntryType::GNULongName, &name)?;
        }
        let header = header(&name, kind, mode, mtime, size, target);
        self.out.write_all(header.as_bytes()).map_err(output)
    }

    /// A record that holds the name or the target of the entry after it, ended by NUL as GNU tar does.
    fn long(&mut self, kind: EntryType, value: &[u8]) -> Result<(), Error> {
        let size = value.len() as u64 + 1;
        let header = header(b"././@LongLink", kind, 0o644, 0, size, b"");
        self.out.write_all(header.as_bytes()).map_err(output)?;
        self.out.write_all(value).map_err(output)?;
        self.out.write_all(&[0]).map_err(output)?;
        self.pad(size)
    }

    fn pad(&mut self, size: u64) -> Result<(), Error> {
        let over = (size % RECORD as u64) as usize;
        match over {
            0 => Ok(()),
            _ => self.out.write_all(&[0; RECORD][over..]).map_err(output),
        }
    }
}

/// Opens what the walk saw as a regular file. It may have been replaced since: a link would lead out of the context, and
/// a FIFO would wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other("it is no regular file any more")),
    }
}

/// A GNU header for root's file: `uid` and `gid` are 0 as in Docker, which sends no owners.
fn header(name: &[u8], kind: EntryType, mode: u32, mtime: u64, size: u64, target: &[u8]) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(mtime);
    header.set_size(size);
    let fields = header.as_old_mut();
    copy(&mut fields.name, name);
    copy(&mut fields.linkname, target);
    header.set_cksum();
    header
}

fn copy(field: &mut [u8], value: &[u8]) {
    let length = value.len().min(field.len());
    field[..length].copy_from_slice(&value[..length]);
}

fn unreadable(entry: &Entry, source: io::Error) -> Error {
    ContextError::Io { action: "read", path: PathBuf::from(&entry.path), source }.into()
}

fn output(source: io::Error) -> Error {
    Error::Output { what: "the archive".to_owned(), source }
}
