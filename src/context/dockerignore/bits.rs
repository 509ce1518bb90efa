//! One bit per pattern, kept for every directory on the way down.
//!
//! Almost every ignore file has fewer patterns than [`INLINE_BITS`]; those sets live on the stack,
//! so judging a path allocates nothing.

const WORD_BITS: usize = u64::BITS as usize;
const INLINE_WORDS: usize = 4;
const INLINE_BITS: usize = INLINE_WORDS * WORD_BITS;

/// A set of pattern indices, fixed in size when made.
#[derive(Debug, Clone)]
pub(super) enum BitSet {
    Inline([u64; INLINE_WORDS]),
    Heap(Box<[u64]>),
}

impl BitSet {
    /// An empty set with room for the indices `0..bits`.
    pub(super) fn with_room_for(bits: usize) -> Self {
        if bits <= INLINE_BITS {
            Self::Inline([0; INLINE_WORDS])
        } else {
            Self::Heap(vec![0; bits.div_ceil(WORD_BITS)].into_boxed_slice())
        }
    }

    /// Whether `index` is in the set; an index beyond its room is not.
    pub(super) fn contains(&self, index: usize) -> bool {
        let words: &[u64] = match self {
            Self::Inline(words) => words,
            Self::Heap(words) => words,
        };
        words.get(index / WORD_BITS).is_some_and(|word| word >> (index % WORD_BITS) & 1 == 1)
    }

    /// Adds `index`; an index beyond the set's room is dropped.
    pub(super) fn insert(&mut self, index: usize) {
        let words: &mut [u64] = match self {
            Self::Inline(words) => words,
            Self::Heap(words) => words,
        };
        if let Some(word) = words.get_mut(index / WORD_BITS) {
            *word |= 1 << (index % WORD_BITS);
        }
    }
}
