//! Packs entries into an archive: the same tree gives the same bytes.
//!
//! ```text
//! found ──► entries ──► blocks ──► workers: fill, compress ──► in order ──► out
//! ```
//!
//! `blocks` cuts the archive into blocks of equal size before any of it exists, from names and sizes alone; `fill`
//! makes the bytes of one block, `gzip` compresses it into a gzip member of its own, and `pipeline` lets threads do
//! that to several blocks at once and writes them in their order. So neither the number of threads nor their luck shows
//! in the bytes, and memory depends on neither the number of files nor their size.

mod blocks;
mod buffer;
mod deflate;
mod fill;
mod gzip;
mod header;
mod level;
mod pipeline;

use std::io::{self, Write};
use std::num::NonZero;

use self::blocks::{Blocks, Member};
use self::level::Level;
use super::Compression;
use super::content::Files;
use super::listing::Entry;
use crate::error::{ContextError, Error};

/// More threads than this pack faster than anything reads, and each has its own blocks in memory.
const THREADS: usize = 8;

/// An archive to write.
#[derive(Debug)]
pub struct Archive<'a> {
    /// Where the content of its files is.
    pub files: Files<'a>,
    /// The directory in the archive that holds the entries; `None` for the archive's own root.
    pub directory: Option<&'a str>,
    /// Entries that follow, outside of [`Archive::directory`].
    pub extra: Vec<Entry>,
}

/// How the bytes of a block are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// As they are.
    Plain,
    /// As a gzip member of its own.
    Gzip,
}

/// What becomes of a block that deflate cannot shrink, as in jars and images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incompressible {
    /// It is a gzip member like the others, stored: the archive is one gzip file.
    Stored,
    /// It is left as it is: the reader has to be told, and is spared the work.
    Plain,
}

/// Takes an archive, block by block.
pub trait Sink {
    /// Takes the next block. All blocks, each decoded, make the tar archive.
    ///
    /// # Errors
    /// It cannot be passed on.
    fn block(&mut self, coding: Coding, bytes: &[u8]) -> io::Result<()>;
}

/// A file holds blocks of one coding: nothing says where one ends and the next begins.
impl<W: Write> Sink for W {
    fn block(&mut self, _: Coding, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }
}

/// How an archive is written.
#[derive(Debug, Clone, Copy)]
pub struct Packing {
    /// Its compression.
    pub compression: Compression,
    /// What becomes of what cannot be compressed.
    pub incompressible: Incompressible,
    /// Threads that read and compress.
    pub threads: NonZero<usize>,
}

impl Packing {
    /// One gzip or plain file, with as many threads as the machine has for us.
    pub fn new(compression: Compression) -> Self {
        let threads = std::thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let threads = threads.min(NonZero::new(THREADS).unwrap_or(NonZero::<usize>::MIN));
        Self { compression, incompressible: Incompressible::Stored, threads }
    }
}

impl Archive<'_> {
    /// Writes the archive to `out` and returns how many entries it has, directories included. `packed` is told the bytes
    /// of content after each step. What `found` gives becomes an entry, or nothing, by `examine`: they run beside each
    /// other.
    ///
    /// # Errors
    /// Those of `examine`; a file that cannot be read, or that shrank, by name; a failure of `out`.
    pub fn write<T: Send>(
        self,
        found: impl Iterator<Item = T> + Send,
        examine: impl Fn(T) -> Option<Result<Entry, ContextError>> + Send,
        out: &mut (impl Sink + ?Sized),
        packing: Packing,
        packed: &mut dyn FnMut(u64),
    ) -> Result<u64, Error> {
        let directory = self.directory.map(Entry::made_directory);
        let above = directory.into_iter().map(|entry| Ok(Member { entry, inside: false }));
        let extra = self.extra.into_iter().map(|entry| Ok(Member { entry, inside: false }));
        let prefix = self.directory.map(|directory| format!("{directory}/")).unwrap_or_default();
        let layout = fill::Layout { files: self.files, prefix: prefix.as_bytes() };
        let level = Level::new(packing.compression);
        std::thread::scope(|scope| {
            let entries = pipeline::ahead(scope, found)?.filter_map(examine);
            let members = entries.map(|entry| Ok(Member { entry: entry?, inside: true }));
            let blocks = Blocks::new(above.chain(members).chain(extra), prefix.len());
            pipeline::run(blocks, &layout, &level, packing, out, packed)
        })
    }
}

#[cfg(test)]
mod tests;
