//! Counter-based randomness: a stream of uniform numbers that is a pure function
//! of (seed, algorithm, replicate, example), so that one example's draws never
//! depend on which others ran, in what order, or on how many threads.
//!
//! What the uniforms are turned into (normal, Poisson, …) lives with the
//! algorithm that needs it.

mod chacha;

use sha2::{Digest, Sha256};

use chacha::{BATCH, ChaCha8};

/// Separates the keys of this use of ChaCha8 from any other use of the same seed.
const DOMAIN: &[u8] = b"steadfast stream 1";

/// The random stream of one draw.
///
/// The generator is ChaCha with 8 rounds (Bernstein 2008; Aumasson 2019). Its key
/// is the SHA-256 of the four parts, each with its length, so that no two
/// different quadruples share a stream.
///
/// ```
/// use steadfast::seed::Stream;
/// let mut one = Stream::new(7, "gaussian_noise@1", 0, "17");
/// let mut same = Stream::new(7, "gaussian_noise@1", 0, "17");
/// let mut other = Stream::new(7, "gaussian_noise@1", 1, "17");
/// assert_eq!(one.word(), same.word());
/// assert_ne!(one.word(), other.word());
/// ```
pub struct Stream {
    generator: ChaCha8,
    made: [u32; BATCH],
    /// How many of the words made are taken.
    taken: usize,
}

impl Stream {
    /// The stream of `example` (its id, or the row's position written as a
    /// number) in `replicate` under `algorithm` (`name@version`).
    pub fn new(seed: u64, algorithm: &str, replicate: u64, example: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(seed.to_le_bytes());
        hash.update(replicate.to_le_bytes());
        for part in [algorithm, example] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        Self {
            generator: ChaCha8::new(hash.finalize().into()),
            made: [0; BATCH],
            taken: BATCH,
        }
    }

    /// The next 64 random bits.
    pub fn word(&mut self) -> u64 {
        let low = self.next();
        u64::from(self.next()) << 32 | u64::from(low)
    }

    /// Fills `words` with 32 random bits each: one word an element is the fixed
    /// budget of an elementwise perturbation.
    pub fn fill(&mut self, words: &mut [u32]) {
        let left = (BATCH - self.taken).min(words.len());
        let (begun, words) = words.split_at_mut(left);
        begun.copy_from_slice(&self.made[self.taken..self.taken + left]);
        self.taken += left;

        let (batches, rest) = words.as_chunks_mut();
        for batch in batches {
            self.generator.generate(batch);
        }
        for word in rest {
            *word = self.next();
        }
    }

    fn next(&mut self) -> u32 {
        if self.taken == BATCH {
            self.generator.generate(&mut self.made);
            self.taken = 0;
        }
        self.taken += 1;
        self.made[self.taken - 1]
    }

    /// A uniform integer in `0..bound`, by the multiply-shift of Lemire (2019)
    /// without its rejection step: the bias is below `bound` / 2⁶⁴.
    ///
    /// `bound` must be positive; zero gives zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.word()) * u128::from(bound)) >> 64) as u64
    }
}

/// The uniform in the open interval (0, 1) that a random word stands for: the
/// middle of its cell of width 2⁻³².
#[inline(always)]
pub fn uniform(word: u32) -> f64 {
    (f64::from(word) + 0.5) * (1.0 / WORDS)
}

/// 2³².
const WORDS: f64 = 4_294_967_296.0;

/// How many words have a [`uniform`] below `share`: the first so many.
///
/// Zero for a share of zero or less, all 2³² for one and more.
pub fn words_below(share: f64) -> u64 {
    // Exact: scaling by a power of two, and a difference of which no bit is lost
    // where it is positive.
    libm::ceil(share * WORDS - 0.5).clamp(0.0, WORDS) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_key_matters() {
        let first = |seed, algorithm, replicate, example| {
            Stream::new(seed, algorithm, replicate, example).word()
        };
        let base = first(1, "a@1", 0, "0");
        assert_eq!(base, first(1, "a@1", 0, "0"));
        for other in [
            first(2, "a@1", 0, "0"),
            first(1, "a@2", 0, "0"),
            first(1, "a@1", 1, "0"),
            first(1, "a@1", 0, "1"),
            first(1, "a@1", 0, ""),
        ] {
            assert_ne!(base, other);
        }
        // The lengths are part of the key: moving a letter over is another key.
        assert_ne!(first(1, "ab", 0, "c"), first(1, "a", 0, "bc"));
    }

    #[test]
    fn words_are_the_two_halves_of_the_stream_in_order() {
        let mut whole = Stream::new(3, "x@1", 2, "id");
        let mut parts = Stream::new(3, "x@1", 2, "id");
        let mut words = [0; 4];
        parts.fill(&mut words);
        for pair in words.chunks(2) {
            assert_eq!(whole.word(), u64::from(pair[0]) | u64::from(pair[1]) << 32);
        }
    }

    /// Whatever the lengths of the fills, and the single words between them.
    #[test]
    fn fills_go_on_where_the_last_draw_ended() {
        let mut whole = [0; 5_000];
        Stream::new(3, "x@1", 2, "id").fill(&mut whole);
        let mut parts = Stream::new(3, "x@1", 2, "id");
        let mut found = Vec::new();
        for length in [0, 1, 254, 1, 256, 255, 3, 257, 513, 0, 1_024, 1, 2_000, 7] {
            let mut words = vec![0; length];
            parts.fill(&mut words);
            found.extend(words);
            let word = parts.word();
            found.extend([word as u32, (word >> 32) as u32]);
        }
        assert!(whole.starts_with(&found) && found.len() > 4_000);
    }

    #[test]
    fn uniforms_are_uniform() {
        // 100,000 draws: the mean has standard error 0.0009, the share below 0.1 has 0.00095.
        let mut stream = Stream::new(1, "test@1", 0, "0");
        let mut words = vec![0; 100_000];
        stream.fill(&mut words);
        let draws: Vec<f64> = words.into_iter().map(uniform).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let low = draws.iter().filter(|&&u| u < 0.1).count() as f64 / draws.len() as f64;
        assert!((mean - 0.5).abs() < 0.005, "{mean}");
        assert!((low - 0.1).abs() < 0.005, "{low}");
        assert!(draws.iter().all(|&u| u > 0.0 && u < 1.0));
        assert!(uniform(0) > 0.0 && uniform(u32::MAX) < 1.0);
    }

    #[test]
    fn the_words_below_a_share_are_those_whose_uniforms_are() {
        let cells = [0, 1, 2, 1_000, 1 << 31, u32::MAX - 1, u32::MAX].map(uniform);
        let near = cells
            .into_iter()
            .flat_map(|u| [u.next_down(), u, u.next_up()]);
        for share in near.chain([1e-300, 1e-10, 0.015, 0.3, 1.0 - 1e-12]) {
            let count = words_below(share);
            let word = |index| u32::try_from(index).ok();
            let last = count.checked_sub(1).and_then(word);
            assert!(last.is_none_or(|word| uniform(word) < share), "{share}");
            assert!(
                word(count).is_none_or(|word| uniform(word) >= share),
                "{share}"
            );
        }
        assert_eq!((words_below(0.0), words_below(-1.0)), (0, 0));
        assert_eq!((words_below(1.0), words_below(2.0)), (1 << 32, 1 << 32));
    }

    #[test]
    fn below_reaches_every_value_and_no_other() {
        let mut stream = Stream::new(1, "test@1", 0, "0");
        let mut seen = [0u32; 6];
        for _ in 0..6_000 {
            seen[stream.below(6) as usize] += 1;
        }
        assert!(
            seen.iter().all(|&count| (850..1150).contains(&count)),
            "{seen:?}"
        );
    }
}
