//! Sampled tests: how many draws an alpha needs, when to stop, and the exchange of
//! two runs' records.

use crate::seed::Stream;

/// The fewest draws of any sampled test.
const FEWEST: u64 = 9_999;

/// The most: a p-value is then no smaller than 5e-7. A test at an alpha below that is
/// refused; above it, from 1e-5 down, alpha is resolved less finely than 20 times.
const MOST: u64 = 2_000_000;

/// A sampled p-value cannot fall below 1 / (draws + 1): that is this many times
/// smaller than the alpha that it is held against (statistics.md 2.4).
const RESOLUTION: f64 = 20.0;

/// The fewest draws at least as extreme as the observation after which sampling
/// stops: large p-values are then known to about 14 %.
const ENOUGH: u64 = 50;

/// The number of draws of a test at `alpha`: the smallest B with 1 / (B + 1) at
/// most alpha / 20, no fewer than 9,999 and no more than 2,000,000.
pub fn draws_for(alpha: f64) -> u64 {
    let needed = (RESOLUTION / alpha).ceil() - 1.0;
    if needed.is_finite() {
        (needed as u64).clamp(FEWEST, MOST)
    } else {
        FEWEST
    }
}

/// Whether a draw is at least as extreme as the observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// It is.
    Exceeds,
    /// It is not.
    Falls,
}

/// The p-value of up to [`draws_for`] `alpha` draws: (1 + exceeding) / (1 + draws),
/// or, once enough exceed, exceeding / drawn, which is valid too.
///
/// Source: Besag & Clifford 1991.
pub fn sequential_p(alpha: f64, mut draw: impl FnMut() -> Count) -> f64 {
    let draws = draws_for(alpha);
    // One more than a test that rejects with all draws may have: no decision at
    // alpha depends on stopping.
    let enough = ENOUGH.max((alpha * (draws + 1) as f64) as u64 + 1);
    let mut exceeding = 0;
    for drawn in 1..=draws {
        if draw() == Count::Exceeds {
            exceeding += 1;
            if exceeding == enough {
                return enough as f64 / drawn as f64;
            }
        }
    }
    (1 + exceeding) as f64 / (1 + draws) as f64
}

/// The p-value of harm by exchanging the two runs' records of random clusters:
/// exact under exchangeability for any metric. `statistic` gives the harm-signed
/// difference (negative is harm) where the clusters whose bits are set in the
/// words are exchanged; `observed` is its value with none.
///
/// Source: statistics.md 2.4, after Pitman 1937.
pub fn swap_p(
    clusters: usize,
    observed: f64,
    alpha: f64,
    stream: &mut Stream,
    mut statistic: impl FnMut(&[u64]) -> f64,
) -> f64 {
    if clusters == 0 {
        return 1.0;
    }
    let mut words = vec![0; clusters.div_ceil(64)];
    // Sums are of whole numbers: equal statistics differ by rounding at most.
    let bound = observed + 1e-12 * (1.0 + observed.abs());
    sequential_p(alpha, || {
        words.iter_mut().for_each(|word| *word = stream.word());
        // A statistic that is not a number is no evidence of harm.
        if statistic(&words) > bound {
            Count::Falls
        } else {
            Count::Exceeds
        }
    })
}

/// The smallest p-value that a sampled test at `alpha` can give: 1 / (draws + 1).
pub fn least_sampled_p(alpha: f64) -> f64 {
    1.0 / (draws_for(alpha) + 1) as f64
}

/// The smallest p-value that exchanging `clusters` at `alpha` can give.
pub fn least_swap_p(clusters: usize, alpha: f64) -> f64 {
    libm::exp2(-(clusters as f64)).max(least_sampled_p(alpha))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_resolve_alpha_and_stopping_changes_no_decision() {
        assert_eq!(draws_for(0.05), 9_999);
        assert_eq!(draws_for(0.0005), 39_999);
        // One in a thousand exceeds: p is just above alpha with all draws, and
        // stopping early says the same.
        for (alpha, every) in [0.0005, 0.01, 0.05].into_iter().flat_map(|alpha| {
            [15, 19, 21, 25, 95, 101, 500, 1_900, 2_100].map(|every| (alpha, every))
        }) {
            let mut drawn = 0;
            let p = sequential_p(alpha, || {
                drawn += 1;
                if drawn % every == 0 {
                    Count::Exceeds
                } else {
                    Count::Falls
                }
            });
            let exceeding = draws_for(alpha) / every;
            let full = (1 + exceeding) as f64 / (1 + draws_for(alpha)) as f64;
            assert_eq!(p <= alpha, full <= alpha, "every {every}: {p} {full}");
        }
        // A test at .05 rejects with up to 499 of 9,999, and stops at 501; at .0005 with
        // up to 19, and 50 are enough to know a p-value by.
        for (alpha, enough) in [(0.05, 501), (0.0005, 50)] {
            let mut drawn = 0;
            let p = sequential_p(alpha, || {
                drawn += 1;
                if drawn % 3 == 0 {
                    Count::Exceeds
                } else {
                    Count::Falls
                }
            });
            assert_eq!((drawn, p), (3 * enough, 1.0 / 3.0));
        }
    }

    /// Where only the last draws exceed: 499 are 5 %, 500 are one too many, and of 513
    /// the 499th is at draw 9,985, where stopping would call them 4.998 %.
    #[test]
    fn late_draws_count() {
        let p_of_last = |exceeding: u64| {
            let mut drawn = 0;
            sequential_p(0.05, || {
                drawn += 1;
                if drawn > 9_999 - exceeding {
                    Count::Exceeds
                } else {
                    Count::Falls
                }
            })
        };
        assert_eq!(p_of_last(499), 0.05);
        assert_eq!(p_of_last(500), 501.0 / 10_000.0);
        assert_eq!(p_of_last(513), 501.0 / 9_987.0);
    }

    #[test]
    fn swapping_finds_harm_and_no_harm() {
        // 40 clusters, each worse by one: of 2^40 exchanges only one is as bad.
        let mut stream = Stream::new(1, "test@1", 0, "");
        let harm = |swapped: &[u64]| 2.0 * f64::from(swapped[0].count_ones().min(64)) - 64.0;
        let p = swap_p(64, -64.0, 0.05, &mut stream, harm);
        assert!((p - 1.0 / 10_000.0).abs() < 1e-12);
        let p = swap_p(64, 0.0, 0.05, &mut stream, harm);
        assert!(p > 0.3 && p < 0.8, "{p}");
        // What differs from the observation by rounding is as bad.
        let tied = |_: &[u64]| -64.0 + 3e-11;
        assert_eq!(swap_p(64, -64.0, 0.05, &mut stream, tied), 1.0);
        assert_eq!(swap_p(64, 0.0, 0.05, &mut stream, |_| 5e-13), 1.0);
        let better = |_: &[u64]| -64.0 + 1e-10;
        assert!(swap_p(64, -64.0, 0.05, &mut stream, better) < 0.001);
        assert_eq!(least_swap_p(3, 0.05), 0.125);
        assert_eq!(least_swap_p(64, 0.05), 1.0 / 10_000.0);
        assert_eq!(swap_p(0, 0.0, 0.05, &mut stream, |_| 0.0), 1.0);
    }
}
