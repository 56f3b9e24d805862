//! Counter-based randomness: a stream of uniform numbers that is a pure function
//! of (seed, algorithm, replicate, example), so that one example's draws never
//! depend on which others ran, in what order, or on how many threads.
//!
//! What the uniforms are turned into (normal, Poisson, …) lives with the
//! algorithm that needs it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

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
    generator: ChaCha8Rng,
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
            generator: ChaCha8Rng::from_seed(hash.finalize().into()),
        }
    }

    /// The next 64 random bits.
    pub fn word(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// Fills `words` with 32 random bits each: one word an element is the fixed
    /// budget of an elementwise perturbation.
    pub fn fill(&mut self, words: &mut [u32]) {
        for word in words {
            *word = self.generator.next_u32();
        }
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
pub fn uniform(word: u32) -> f64 {
    (f64::from(word) + 0.5) * (1.0 / 4_294_967_296.0)
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
