//! Who does the deflating, chosen when the program is built.
//!
//! libdeflate by default. Without a C compiler, zlib-rs: at level 1 a quarter faster on one core and a third larger, at 6
//! a quarter slower and as large (196 MB of Rust sources, in MB/s and size: 454, 0.164 and 202, 0.143 against 564, 0.220
//! and 146, 0.144). With the feature `isal`, Intel's ISA-L does level 1: 1,038, 0.178; to build it takes autotools and
//! nasm.

use super::buffer::Buffer;

#[cfg(feature = "isal")]
mod isal;
#[cfg(feature = "libdeflate")]
mod libdeflate;
#[cfg(not(feature = "libdeflate"))]
mod zlib;

#[cfg(feature = "isal")]
use isal as fast;
#[cfg(feature = "libdeflate")]
use libdeflate as backend;
#[cfg(not(feature = "libdeflate"))]
use zlib as backend;

pub(super) use backend::crc32;

/// A compressor that keeps its memory from one block to the next.
#[derive(Default)]
pub(super) struct Deflate(backend::Deflate);

impl Deflate {
    /// Appends `block`, compressed at `level` (1 to 9), to `out`. False if it would not be smaller: `out` is then as it
    /// was.
    pub(super) fn compress(&mut self, level: u8, block: &[u8], out: &mut Buffer) -> bool {
        // No room to grow: what does not shrink is stored.
        let room = out.room(block.len());
        #[cfg(feature = "isal")]
        let written = if level == 1 { fast::compress(block, room) } else { self.0.compress(level, block, room) };
        #[cfg(not(feature = "isal"))]
        let written = self.0.compress(level, block, room);
        out.advance(written.unwrap_or(0));
        written.is_some()
    }
}

impl std::fmt::Debug for Deflate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Deflate")
    }
}
