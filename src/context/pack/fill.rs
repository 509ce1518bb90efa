//! Makes the bytes of one block: headers, and content read from disk.

use std::io::{self, Read};
use std::ops::Range;

use super::blocks::{Block, Item, Large, Member};
use super::buffer::Buffer;
use super::header::{self, END};
use crate::context::content::{Files, Part};
use crate::context::listing::{Content, Entry, Kind};
use crate::error::ContextError;

/// Where content is, and where it goes.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    pub(super) files: Files<'a>,
    /// The archive's directory with a slash, or nothing.
    pub(super) prefix: &'a [u8],
}

impl Layout<'_> {
    /// Fills `out`, which is empty, with the bytes of `block`; returns how many of them are content.
    ///
    /// # Errors
    /// A file that cannot be read, or that is shorter than it was, by name.
    pub(super) fn fill(&self, block: &Block, out: &mut Buffer) -> Result<u64, ContextError> {
        let mut content = 0;
        for item in &block.items {
            match item {
                Item::Whole(member) => content += self.whole(member, out)?,
                Item::Header(of) => self.header(&of.member, out),
                Item::Part { of, range } => content += self.part(of, range, out)?,
                Item::End => out.extend(&END),
            }
        }
        debug_assert_eq!(out.as_slice().len(), block.size, "what was planned is what was made");
        Ok(content)
    }

    fn whole(&self, member: &Member, out: &mut Buffer) -> Result<u64, ContextError> {
        let entry = &member.entry;
        self.header(member, out);
        let Kind::File { size, content } = &entry.kind else { return Ok(0) };
        match content {
            Content::Memory(bytes) => out.extend(bytes),
            Content::Disk | Content::At(_) | Content::Spooled(_) if *size == 0 => {}
            Content::Spooled(start) => self.spooled(entry, *start, 0..*size, out)?,
            Content::Disk | Content::At(_) => {
                let mut file = self.files.on_disk(entry).map_err(|source| unreadable(entry, source))?;
                read(&mut file, entry, 0..*size, out)?;
            }
        }
        out.zeros(header::padding(*size));
        Ok(*size)
    }

    fn part(&self, of: &Large, range: &Range<u64>, out: &mut Buffer) -> Result<u64, ContextError> {
        let entry = &of.member.entry;
        let Kind::File { size, content } = &entry.kind else { return Ok(0) };
        match content {
            Content::Memory(bytes) => out.extend(&bytes[range.start as usize..range.end as usize]),
            Content::Spooled(start) => self.spooled(entry, *start, range.clone(), out)?,
            Content::Disk | Content::At(_) => {
                let file = of.file.get_or_init(|| self.files.on_disk(entry));
                let file = file.as_ref().map_err(|error| unreadable(entry, again(error)))?;
                read(&mut Part::new(file, range.clone()), entry, range.clone(), out)?;
            }
        }
        if range.end == *size {
            out.zeros(header::padding(*size));
        }
        Ok(range.end - range.start)
    }

    fn spooled(&self, entry: &Entry, start: u64, range: Range<u64>, out: &mut Buffer) -> Result<(), ContextError> {
        let part = self.files.spooled(start + range.start..start + range.end);
        read(&mut part.map_err(|source| unreadable(entry, source))?, entry, range, out)
    }

    fn header(&self, member: &Member, out: &mut Buffer) {
        header::write(&member.entry, if member.inside { self.prefix } else { b"" }, out);
    }
}

/// Exactly the bytes `range` of the file that `entry` is: bytes that came after the walk are left out, missing ones are
/// an error.
fn read(file: &mut impl Read, entry: &Entry, range: Range<u64>, out: &mut Buffer) -> Result<(), ContextError> {
    let wanted = (range.end - range.start) as usize;
    let room = out.room(wanted);
    let mut read = 0;
    while read < wanted {
        match file.read(&mut room[read..]) {
            Ok(0) => {
                let read = range.start + read as u64;
                let path = entry.path.clone();
                return Err(ContextError::Shrank { path, expected: entry.kind.size(), read });
            }
            Ok(count) => read += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => return Err(unreadable(entry, source)),
        }
    }
    out.advance(wanted);
    Ok(())
}

fn unreadable(entry: &Entry, source: io::Error) -> ContextError {
    ContextError::Io { action: "read", path: entry.path.clone(), source }
}

/// An error that several blocks run into.
fn again(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}
