//! Blocks as gzip members (RFC 1952) of raw deflate data (RFC 1951). Pure.
//!
//! Members that follow each other are one gzip file (RFC 1952, 2.2), for Go's reader in the executor and for busybox in
//! the pod too. A cut between two members looks like an end to both; what proves the whole is outside of the archive, the
//! upload's end marker. A block that deflate cannot shrink, as in jars and images, is stored or left as it is: finding out
//! costs a look at a sample, where trying would cost thirty times a copy.

use super::buffer::Buffer;
use super::deflate::{Deflate, crc32};
use super::{Coding, Incompressible};

/// Longest stored block of deflate.
const STORED: usize = 0xffff;
/// Magic, deflate, no flags, no time, no hint, unknown system: nothing that differs from run to run.
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// The level that compresses nothing, for a reader that wants gzip.
pub(super) const STORE: u8 = 0;

/// Pieces of a block that are looked at, and bytes in each.
const SAMPLES: usize = 64;
const SAMPLE: usize = 256;
/// Bytes that are compressed to see whether that helps.
const TRIAL: usize = 8 * 1024;

/// Makes gzip members, one after the other.
#[derive(Debug)]
pub(super) struct Gzip {
    incompressible: Incompressible,
    deflate: Deflate,
    trial: Buffer,
}

impl Gzip {
    pub(super) fn new(incompressible: Incompressible) -> Self {
        Self { incompressible, deflate: Deflate::default(), trial: Buffer::default() }
    }

    /// Puts `block` into `out`, which is empty, and says how. What is left as it is, is taken out of `block`.
    pub(super) fn encode(&mut self, level: u8, block: &mut Buffer, out: &mut Buffer) -> Coding {
        let incompressible = level == STORE || self.is_incompressible(block.as_slice());
        if incompressible && self.incompressible == Incompressible::Plain {
            std::mem::swap(block, out);
            return Coding::Plain;
        }
        let block = block.as_slice();
        out.extend(&HEADER);
        if incompressible || !self.deflate.compress(level, block, out) {
            store(block, out);
        }
        out.extend(&crc32(block).to_le_bytes());
        // The size is modulo 2³² by definition; a block is far smaller.
        out.extend(&(block.len() as u32).to_le_bytes());
        Coding::Gzip
    }

    fn is_incompressible(&mut self, block: &[u8]) -> bool {
        if !looks_random(block) {
            return false;
        }
        // Random to the eye may still repeat itself.
        let middle = (block.len() - TRIAL) / 2;
        let trial = &block[middle..middle + TRIAL];
        self.trial.clear();
        !self.deflate.compress(1, trial, &mut self.trial) || self.trial.as_slice().len() > TRIAL * 98 / 100
    }
}

/// Whether all byte values are about equally frequent: the chance that two sampled bytes are equal is nearly 1/256.
fn looks_random(block: &[u8]) -> bool {
    if block.len() < 2 * SAMPLES * SAMPLE {
        return false;
    }
    let mut counts = [0_u64; 256];
    let step = (block.len() - SAMPLE) / (SAMPLES - 1);
    for sample in 0..SAMPLES {
        let start = sample * step;
        block[start..start + SAMPLE].iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    }
    let total = (SAMPLES * SAMPLE) as u64;
    let collisions: u64 = counts.iter().map(|count| count * count).sum();
    // Random bytes give 1 + 256/16,384 = 1.016 times the least; deflate's output at most 1.05, text 4 and more.
    collisions * 256 * 100 < total * total * 110
}

/// Stored blocks of deflate (RFC 1951, 3.2.4).
fn store(block: &[u8], out: &mut Buffer) {
    let count = block.len().div_ceil(STORED).max(1);
    for index in 0..count {
        let chunk = &block[index * STORED..block.len().min((index + 1) * STORED)];
        let length = chunk.len() as u16;
        out.extend(&[u8::from(index + 1 == count)]);
        out.extend(&length.to_le_bytes());
        out.extend(&(!length).to_le_bytes());
        out.extend(chunk);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::MultiGzDecoder;

    use super::*;

    fn encoded(incompressible: Incompressible, level: u8, block: &[u8]) -> (Coding, Vec<u8>) {
        let (mut plain, mut out) = (Buffer::default(), Buffer::default());
        plain.extend(block);
        let coding = Gzip::new(incompressible).encode(level, &mut plain, &mut out);
        (coding, out.as_slice().to_vec())
    }

    fn member(level: u8, block: &[u8]) -> Vec<u8> {
        encoded(Incompressible::Stored, level, block).1
    }

    fn random(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        })
        .take(length)
        .collect()
    }

    #[test]
    fn every_level_gives_members_that_any_reader_joins() {
        let blocks = [b"".to_vec(), b"x".to_vec(), b"some text ".repeat(50_000), random(500_000), vec![0; 300_000]];
        for level in STORE..=9 {
            let joined: Vec<u8> = blocks.iter().flat_map(|block| member(level, block)).collect();
            let mut read = Vec::new();
            MultiGzDecoder::new(&joined[..]).read_to_end(&mut read).unwrap();
            assert_eq!(read, blocks.concat(), "level {level}");
        }
    }

    #[test]
    fn what_deflate_cannot_shrink_grows_by_less_than_a_thousandth() {
        let block = random(512 * 1024);
        let stored = member(1, &block).len();
        assert!(stored > block.len() && stored < block.len() + block.len() / 1000, "{stored}");
    }

    #[test]
    fn what_deflate_cannot_shrink_is_left_as_it_is_for_a_reader_that_is_told() {
        let block = random(512 * 1024);
        assert_eq!(encoded(Incompressible::Plain, 1, &block), (Coding::Plain, block));
        let text = b"some text ".repeat(50_000);
        assert_eq!(encoded(Incompressible::Plain, 1, &text), (Coding::Gzip, member(1, &text)));
    }

    #[test]
    fn random_bytes_that_repeat_are_compressed() {
        let block = random(4 * 1024).repeat(128);
        let length = member(1, &block).len();
        assert!(length < block.len() / 20, "{length}");
    }

    #[test]
    fn a_level_has_bytes_of_its_own_and_always_the_same() {
        let block = include_bytes!("../dockerignore/pattern.rs").repeat(20);
        assert_eq!(member(6, &block), member(6, &block));
        assert!(member(9, &block).len() <= member(1, &block).len());
    }
}
