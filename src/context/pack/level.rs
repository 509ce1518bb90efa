//! Which level to compress at: a fixed one, or one that follows whoever reads the archive. Pure.

use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use crate::context::Compression;

/// Cheapest and dearest level that is chosen without being asked for. From 8 on, the time doubles for less than 1 % in
/// size.
pub(super) const CHEAPEST: u8 = 1;
const DEAREST: u8 = 7;
/// How long the pace is watched before the level changes.
const WINDOW: Duration = Duration::from_millis(250);

/// The level of the next block.
#[derive(Debug)]
pub(super) struct Level {
    compression: Compression,
    chosen: AtomicU8,
}

impl Level {
    pub(super) fn new(compression: Compression) -> Self {
        Self { compression, chosen: AtomicU8::new(CHEAPEST) }
    }

    /// None for a plain archive.
    pub(super) fn get(&self) -> Option<u8> {
        match self.compression {
            Compression::None => None,
            Compression::Gzip(level) => Some(level),
            Compression::Auto => Some(self.chosen.load(Ordering::Relaxed)),
        }
    }

    /// Starts to watch how packing and sending keep up with each other.
    pub(super) fn pace(&self) -> Pace<'_> {
        Pace { level: self, packing: Duration::ZERO, sending: Duration::ZERO }
    }
}

/// Who waited for whom since the level was last thought over.
#[derive(Debug)]
pub(super) struct Pace<'a> {
    level: &'a Level,
    packing: Duration,
    sending: Duration,
}

impl Pace<'_> {
    /// One more block: how long it was waited for, and how long it took to write. While the reader is the slower one,
    /// a dearer level costs nothing and spares its time.
    pub(super) fn tell(&mut self, packing: Duration, sending: Duration) {
        self.packing += packing;
        self.sending += sending;
        let watched = self.packing + self.sending;
        if watched < WINDOW {
            return;
        }
        let level = self.level.chosen.load(Ordering::Relaxed);
        let waited = self.sending.as_secs_f64() / watched.as_secs_f64();
        let next = match waited {
            0.9.. => level + 2,
            0.6.. => level + 1,
            0.3.. => level,
            _ => level - 1,
        };
        self.level.chosen.store(next.clamp(CHEAPEST, DEAREST), Ordering::Relaxed);
        (self.packing, self.sending) = (Duration::ZERO, Duration::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn after(level: &Level, blocks: &[(u32, u32)]) -> Option<u8> {
        let mut pace = level.pace();
        blocks.iter().for_each(|(packing, sending)| pace.tell(MS * *packing, MS * *sending));
        level.get()
    }

    #[test]
    fn the_level_goes_up_while_the_reader_is_waited_for_and_down_when_the_packer_is() {
        let level = Level::new(Compression::Auto);
        assert_eq!(after(&level, &[(0, 100), (0, 100)]), Some(1), "too early to tell");
        assert_eq!(after(&level, &[(0, 100); 3]), Some(3));
        assert_eq!(after(&level, &[(30, 70); 3]), Some(4));
        assert_eq!(after(&level, &[(50, 50); 6]), Some(4), "they keep up with each other");
        assert_eq!(after(&level, &[(100, 0); 3]), Some(3));
        assert_eq!(after(&level, &[(0, 300); 9]), Some(DEAREST));
        assert_eq!(after(&level, &[(300, 0); 9]), Some(CHEAPEST));
    }

    #[test]
    fn a_level_that_was_asked_for_stays() {
        assert_eq!(after(&Level::new(Compression::Gzip(3)), &[(0, 300); 9]), Some(3));
        assert_eq!(after(&Level::new(Compression::None), &[(0, 300); 9]), None);
    }
}
