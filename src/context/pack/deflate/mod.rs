//! Who does the deflating, chosen when the program is built.
//!
//! libdeflate by default: at the same level, it is a third faster than `pigz` and smaller. Without a C compiler, zlib-rs,
//! which is as fast and a quarter larger at level 1. With the feature `isal`, Intel's ISA-L does level 1 at twice the
//! speed of libdeflate; to build it takes autotools and nasm.

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
