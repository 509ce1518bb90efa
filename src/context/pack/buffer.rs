//! A byte buffer that is used again and again, and made at its full size at once: fresh memory from the system is zeros
//! already, and costs nothing until it is touched. Pure.

use super::blocks::BLOCK;

/// What a block takes, stored by gzip and with the padding of its last file.
const USUAL: usize = BLOCK + 4096;

/// Bytes, and room for more.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// Behind what is used, stale.
    bytes: Vec<u8>,
    used: usize,
}

impl Buffer {
    pub(super) fn as_slice(&self) -> &[u8] {
        &self.bytes[..self.used]
    }

    pub(super) fn clear(&mut self) {
        self.used = 0;
    }

    /// Room for `length` more bytes, whatever is in them; [`Buffer::advance`] makes them count.
    pub(super) fn room(&mut self, length: usize) -> &mut [u8] {
        let end = self.used + length;
        if self.bytes.len() < end {
            let mut bytes = vec![0; end.max(USUAL)];
            bytes[..self.used].copy_from_slice(self.as_slice());
            self.bytes = bytes;
        }
        &mut self.bytes[self.used..end]
    }

    pub(super) fn advance(&mut self, length: usize) {
        self.used += length;
        debug_assert!(self.used <= self.bytes.len());
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.room(bytes.len()).copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    pub(super) fn zeros(&mut self, length: usize) {
        self.room(length).fill(0);
        self.advance(length);
    }
}
