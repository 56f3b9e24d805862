//! The ChaCha generator with 8 rounds (Bernstein 2008; Aumasson 2019): 64 bits of
//! counter, no nonce.
//!
//! Blocks do not depend on each other, so that a plain loop over them is compiled to
//! vectors of blocks: three times the rate of the crates, which work at a few blocks
//! at a time.

use crate::wide::wide;

/// Words of a block.
const BLOCK: usize = 16;

/// Blocks that are made together: one a lane of the widest vectors.
const LANES: usize = 16;

/// Words that are made together.
pub const BATCH: usize = BLOCK * LANES;

/// The blocks of one key, in order.
pub struct ChaCha8 {
    /// What each block starts from, but for its counter.
    start: [u32; BLOCK],
    /// The next block.
    counter: u64,
}

impl ChaCha8 {
    pub fn new(key: [u8; 32]) -> Self {
        let mut start = [0; BLOCK];
        // "expand 32-byte k"
        start[..4].copy_from_slice(&[0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574]);
        for (word, bytes) in start[4..12].iter_mut().zip(key.as_chunks().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self { start, counter: 0 }
    }

    /// The next words of the stream.
    pub fn generate(&mut self, words: &mut [u32; BATCH]) {
        wide(
            #[inline(always)]
            || {
                // Copies, which the words that are written cannot be part of.
                let Self { start, counter } = *self;
                for (lane, block) in (0..).zip(words.as_chunks_mut().0) {
                    *block = rounds(&start, counter.wrapping_add(lane));
                }
            },
        );
        self.counter = self.counter.wrapping_add(LANES as u64);
    }
}

/// Block number `counter`.
#[inline(always)]
fn rounds(start: &[u32; BLOCK], counter: u64) -> [u32; BLOCK] {
    let mut start = *start;
    start[12] = counter as u32;
    start[13] = (counter >> 32) as u32;
    // Not a loop: only straight code is vectorised across blocks.
    let end = double_round(double_round(double_round(double_round(start))));
    std::array::from_fn(
        #[inline(always)]
        |word| end[word].wrapping_add(start[word]),
    )
}

#[inline(always)]
fn double_round(mut state: [u32; BLOCK]) -> [u32; BLOCK] {
    quarter_round(&mut state, 0, 4, 8, 12);
    quarter_round(&mut state, 1, 5, 9, 13);
    quarter_round(&mut state, 2, 6, 10, 14);
    quarter_round(&mut state, 3, 7, 11, 15);
    quarter_round(&mut state, 0, 5, 10, 15);
    quarter_round(&mut state, 1, 6, 11, 12);
    quarter_round(&mut state, 2, 7, 8, 13);
    quarter_round(&mut state, 3, 4, 9, 14);
    state
}

#[inline(always)]
fn quarter_round(state: &mut [u32; BLOCK], a: usize, b: usize, c: usize, d: usize) {
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(16);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(12);
    state[a] = state[a].wrapping_add(state[b]);
    state[d] = (state[d] ^ state[a]).rotate_left(8);
    state[c] = state[c].wrapping_add(state[d]);
    state[b] = (state[b] ^ state[c]).rotate_left(7);
}

#[cfg(test)]
mod tests {
    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::{Rng, SeedableRng};

    use super::{BATCH, ChaCha8};

    /// Also where the counter outgrows 32 bits.
    #[test]
    fn the_words_are_those_of_the_reference() {
        for (key, first) in [([0; 32], 0), ([7; 32], u64::from(u32::MAX) - 20)] {
            let mut own = ChaCha8::new(key);
            own.counter = first;
            let mut reference = ChaCha8Rng::from_seed(key);
            reference.set_word_pos(u128::from(first) * 16);
            for _ in 0..4 {
                let mut words = [0; BATCH];
                own.generate(&mut words);
                assert!(words.iter().all(|&word| word == reference.next_u32()));
            }
        }
    }

    /// The first bytes of the stream of a key of zeros, as the ChaCha test vectors of
    /// J. Strombergson (draft-strombergson-chacha-test-vectors) print them.
    #[test]
    fn the_words_are_those_of_the_test_vectors() {
        let mut words = [0; BATCH];
        ChaCha8::new([0; 32]).generate(&mut words);
        let bytes: Vec<u8> = words[..4]
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        assert_eq!(
            bytes,
            [
                0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6, 0x7f, 0x5b, 0xb8, 0xe8, 0x1f, 0x09,
                0xa5, 0xa1
            ]
        );
    }
}
