//! The random numbers of one simulated model: one set an example, which all cases over
//! that example share, so that the cases are as correlated as those of a real model.

use steadfast::seed::Stream;

/// What the stream of a simulated model is keyed by.
const ALGORITHM: &str = "selftest@1";

/// Examples that several cases may share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Examples {
    /// What tells them from others.
    pub key: String,
    /// How many there are.
    pub count: usize,
}

/// The random words of one model over some examples, one of each an example.
#[derive(Debug, PartialEq)]
pub struct Draws {
    /// Whether the example changes.
    pub change: Vec<u32>,
    /// Which other example it then answers like.
    pub donor: Vec<u32>,
    /// Whether it is harmed.
    pub harm: Vec<u32>,
}

impl Draws {
    /// Of the simulated model `model`, whichever thread asks.
    pub fn new(seed: u64, model: usize, examples: &Examples) -> Self {
        let mut stream = Stream::new(seed, ALGORITHM, model as u64, &examples.key);
        let mut words = || {
            let mut words = vec![0; examples.count];
            stream.fill(&mut words);
            words
        };
        Self {
            change: words(),
            donor: words(),
            harm: words(),
        }
    }
}

/// The place in `0..count` that a random word stands for.
pub fn place(word: u32, count: usize) -> usize {
    ((u64::from(word) * count as u64) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_has_its_own_numbers_and_the_same_in_every_case() {
        let examples = |key: &str| Examples {
            key: key.to_owned(),
            count: 100,
        };
        let drawn = Draws::new(1, 7, &examples("a"));
        assert_eq!(drawn, Draws::new(1, 7, &examples("a")));
        for other in [
            Draws::new(2, 7, &examples("a")),
            Draws::new(1, 8, &examples("a")),
            Draws::new(1, 7, &examples("b")),
        ] {
            assert_ne!(drawn, other);
        }
    }

    #[test]
    fn every_place_is_reached_and_no_other() {
        assert_eq!(place(0, 3), 0);
        assert_eq!(place(u32::MAX, 3), 2);
        assert_eq!(place(1 << 31, 2), 1);
    }
}
