//! Intel's ISA-L: C and assembler, very fast at its low levels.

use isal::{Codec, CompressionLevel, compress_into};

/// Compresses `block` into `out` and says how many bytes that took; none if `out` is too small.
pub(super) fn compress(block: &[u8], out: &mut [u8]) -> Option<usize> {
    compress_into(block, out, CompressionLevel::One, Codec::Deflate).ok()
}
