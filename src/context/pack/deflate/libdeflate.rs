//! libdeflate: whole blocks at once, C.

use libdeflater::{CompressionLvl, Compressor, Crc};

#[derive(Default)]
pub(super) struct Deflate(Option<(u8, Compressor)>);

impl Deflate {
    /// Compresses `block` into `out` and says how many bytes that took; none if `out` is too small.
    pub(super) fn compress(&mut self, level: u8, block: &[u8], out: &mut [u8]) -> Option<usize> {
        if self.0.as_ref().is_none_or(|(of, _)| *of != level) {
            let effort = CompressionLvl::new(i32::from(level)).unwrap_or_default();
            self.0 = Some((level, Compressor::new(effort)));
        }
        let (_, compressor) = self.0.as_mut()?;
        compressor.deflate_compress(block, out).ok()
    }
}

pub(in super::super) fn crc32(block: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(block);
    crc.sum()
}
