//! Reads the content of a listing's files, wherever it is: on disk, in memory, or in the archive that the context came as.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;

use super::listing::{Content, Entry, Kind};
use crate::sys::{FileExt, Root};

/// Where the content of a listing's files is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Files<'a> {
    /// The directory that files on disk are in, if any are.
    pub root: Option<&'a Root>,
    /// The archive that the context came as, where [`Content::Spooled`] is.
    pub spool: Option<&'a File>,
}

impl<'a> Files<'a> {
    /// The content of a file.
    ///
    /// # Errors
    /// It is no file, or cannot be opened any more.
    pub fn open(self, entry: &'a Entry) -> io::Result<Box<dyn Read + 'a>> {
        let Kind::File { size, content } = &entry.kind else { return Err(io::ErrorKind::InvalidInput.into()) };
        Ok(match content {
            Content::Memory(bytes) => Box::new(&bytes[..]),
            Content::Spooled(start) => Box::new(self.spooled(*start..start + size)?),
            Content::Disk | Content::At(_) => Box::new(self.on_disk(entry)?),
        })
    }

    /// The file that is on disk for an entry.
    ///
    /// # Errors
    /// It cannot be opened any more.
    pub(super) fn on_disk(self, entry: &Entry) -> io::Result<File> {
        let path = match &entry.kind {
            Kind::File { content: Content::At(path), .. } => path,
            _ => &entry.path,
        };
        self.root.ok_or(io::ErrorKind::NotFound)?.open_file(path)
    }

    /// Bytes of the archive.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn spooled(self, range: Range<u64>) -> io::Result<Part<'a>> {
        Ok(Part::new(self.spool.ok_or(io::ErrorKind::NotFound)?, range))
    }
}

/// A part of a file that others read elsewhere, at the same time.
#[derive(Debug)]
pub(super) struct Part<'a> {
    file: &'a File,
    left: Range<u64>,
}

impl<'a> Part<'a> {
    pub(super) fn new(file: &'a File, range: Range<u64>) -> Self {
        Self { file, left: range }
    }
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.left.end - self.left.start).unwrap_or(usize::MAX).min(buffer.len());
        let count = self.file.read_at(&mut buffer[..left], self.left.start)?;
        self.left.start += count as u64;
        Ok(count)
    }
}
