//! zlib-rs through flate2: no C.

use flate2::{Compress, Compression, Crc, FlushCompress, Status};

#[derive(Default)]
pub(super) struct Deflate(Option<(u8, Compress)>);

impl Deflate {
    /// Compresses `block` into `out` and says how many bytes that took; none if `out` is too small.
    pub(super) fn compress(&mut self, level: u8, block: &[u8], out: &mut [u8]) -> Option<usize> {
        match &mut self.0 {
            Some((of, compress)) if *of == level => compress.reset(),
            other => *other = Some((level, Compress::new(Compression::new(u32::from(level)), false))),
        }
        let (_, compress) = self.0.as_mut()?;
        let ended = compress.compress(block, out, FlushCompress::Finish).ok()? == Status::StreamEnd;
        ended.then(|| compress.total_out() as usize)
    }
}

pub(in super::super) fn crc32(block: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(block);
    crc.sum()
}
