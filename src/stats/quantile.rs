//! Sample quantiles and their limits: by order statistics for independent values,
//! by resampling blocks for latencies, which follow one another.
//!
//! The gate uses [`of_sorted`]; the rest is for users of the library, since a latency is
//! not to be compared with a number from another machine (statistics.md 2.5).

use rayon::prelude::*;

use super::Limits;
use super::distribution::{binomial_cdf, binomial_upper_tail};
use crate::seed::Stream;

/// The quantile of ascending values, linear between them (type 7 of Hyndman & Fan
/// 1996); `None` of none.
///
/// ```
/// # use steadfast::stats::quantile::of_sorted;
/// assert_eq!(of_sorted(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
/// ```
pub fn of_sorted(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let (low, share) = place(last, p);
    Some(between(
        *sorted.get(low)?,
        *sorted.get((low + 1).min(last))?,
        share,
    ))
}

/// The place of the quantile of `p` among those from 0 to `last`, and how far to the
/// next.
fn place(last: usize, p: f64) -> (usize, f64) {
    let place = p.clamp(0.0, 1.0) * last as f64;
    let low = place.floor();
    (low as usize, place - low)
}

fn between(below: f64, above: f64, share: f64) -> f64 {
    if share == 0.0 {
        below
    } else {
        below + share * (above - below)
    }
}

/// An order statistic that limits a quantile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rank {
    /// Its place among the ascending values, from 1.
    pub rank: u64,
    /// The probability that it does limit the quantile: at least 1 − alpha.
    pub confidence: f64,
}

/// A probability that exceeds alpha by rounding alone does not.
fn within(probability: f64, alpha: f64) -> bool {
    probability <= alpha * (1.0 + 1e-12)
}

/// The smallest order statistic of `n` independent values that is not below the
/// quantile of `q` with confidence 1 − `alpha`: the least u with
/// P(Bin(n, q) ≤ u − 1) ≥ 1 − alpha. `None` where even the largest value is not,
/// for fewer than [`fewest_for_upper`] values.
///
/// Source: Hahn & Meeker 1991, 5.2.
pub fn upper_rank(n: u64, q: f64, alpha: f64) -> Option<Rank> {
    let enough = |rank: u64| within(binomial_upper_tail(rank, n, q), alpha);
    if n == 0 || !enough(n) {
        return None;
    }
    let rank = first(1, n, enough);
    Some(Rank {
        rank,
        confidence: binomial_cdf(rank - 1, n, q),
    })
}

/// The largest order statistic that is not above the quantile of `q` with
/// confidence 1 − `alpha`: the greatest l with P(Bin(n, q) ≥ l) ≥ 1 − alpha. `None`
/// where even the smallest value is.
pub fn lower_rank(n: u64, q: f64, alpha: f64) -> Option<Rank> {
    let too_high = |rank: u64| !within(binomial_cdf(rank - 1, n, q), alpha);
    if n == 0 || too_high(1) {
        return None;
    }
    let rank = first(1, n + 1, |rank| rank > n || too_high(rank)) - 1;
    Some(Rank {
        rank,
        confidence: binomial_upper_tail(rank, n, q),
    })
}

/// The first in `low..=high` that `holds`, as all after it and `high` do.
fn first(mut low: u64, mut high: u64, holds: impl Fn(u64) -> bool) -> u64 {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    high
}

/// The smallest number of values whose largest limits the quantile of `q` from above
/// with confidence 1 − `alpha`: log alpha / log q, rounded up. `None` for a `q` of 1
/// and an alpha of 0, for which none does.
pub fn fewest_for_upper(q: f64, alpha: f64) -> Option<u64> {
    if q >= 1.0 || alpha <= 0.0 {
        return None;
    }
    if q <= 0.0 || alpha >= 1.0 {
        return Some(1);
    }
    let ratio = libm::log(alpha) / libm::log(q);
    // A whole number that is exceeded by rounding alone is not.
    Some(((ratio * (1.0 - 1e-12)).ceil() as u64).max(1))
}

/// The ratio of the quantiles of two series of latencies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LogRatio {
    /// log (new / baseline), natural: positive where the new one is slower.
    pub estimate: f64,
    /// Its one-sided limits, at alpha each.
    pub limits: Limits,
    /// The length of the blocks that were drawn.
    pub block: usize,
}

/// The length of a block of `n` values that follow one another: 2 n^(1/3), rounded up.
fn block_length(n: usize) -> usize {
    let enough = |length: u64| u128::from(length).pow(3) >= 8 * n as u128;
    first(1, n.max(2) as u64, enough) as usize
}

/// Compares the quantile of `q` of two series of positive latencies that were
/// measured in turns (ABBA), so that their i-th values met the same machine, by
/// `draws` resamples of blocks of successive pairs; the limits are percentiles.
///
/// Resample r is a function of `seed`, r and `key` alone. `None` where the series
/// differ in length, hold anything but positive finite numbers or are too short for
/// two blocks (fewer than 8), or without draws.
///
/// Source: Künsch 1989 (moving blocks); statistics.md 2.5.
pub fn log_ratio_limits(
    baseline: &[f64],
    new: &[f64],
    q: f64,
    alpha: f64,
    draws: usize,
    seed: u64,
    key: &str,
) -> Option<LogRatio> {
    let n = baseline.len();
    let block = block_length(n);
    let positive = |series: &[f64]| series.iter().all(|&value| value > 0.0 && value.is_finite());
    if n != new.len() || 2 * block > n || draws == 0 || !positive(baseline) || !positive(new) {
        return None;
    }
    let ratio = |buffers: &mut [Vec<f64>; 2]| {
        let [old, new] = buffers;
        libm::log(quantile(new, q)) - libm::log(quantile(old, q))
    };
    let estimate = ratio(&mut [baseline.to_vec(), new.to_vec()]);
    let mut drawn: Vec<f64> = (0..draws)
        .into_par_iter()
        .with_min_len(16)
        .map_init(Default::default, |buffers: &mut [Vec<f64>; 2], resample| {
            let mut stream = Stream::new(seed, "moving_block_bootstrap@1", resample as u64, key);
            buffers.iter_mut().for_each(Vec::clear);
            let mut left = n;
            while left > 0 {
                let start = stream.below((n - block + 1) as u64) as usize;
                let end = start + block.min(left);
                buffers[0].extend_from_slice(&baseline[start..end]);
                buffers[1].extend_from_slice(&new[start..end]);
                left -= end - start;
            }
            ratio(buffers)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    Some(LogRatio {
        estimate,
        limits: Limits {
            lower: of_sorted(&drawn, alpha)?,
            upper: of_sorted(&drawn, 1.0 - alpha)?,
        },
        block,
    })
}

/// The quantile of values in any order, at least one, which it reorders.
fn quantile(values: &mut [f64], p: f64) -> f64 {
    let (low, share) = place(values.len() - 1, p);
    let (_, &mut below, rest) = values.select_nth_unstable_by(low, f64::total_cmp);
    let above = rest.iter().copied().reduce(f64::min).unwrap_or(below);
    between(below, above, share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::distribution::normal_quantile;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    #[test]
    fn ranks_agree_with_the_reference() {
        let group = group("quantile_order_statistics");
        let cases = group["cases"].as_array().unwrap();
        assert!(cases.len() >= 6);
        for case in cases {
            let number = |key: &str| case[key].as_f64().unwrap();
            let n = case["n"].as_u64().unwrap();
            let (q, alpha) = (number("q"), number("alpha_one_sided"));
            for (found, rank, confidence) in [
                (upper_rank(n, q, alpha), "upper_rank_1based", "upper_conf"),
                (lower_rank(n, q, alpha), "lower_rank_1based", "lower_conf"),
            ] {
                let found = found.unwrap();
                assert_eq!(found.rank, case[rank].as_u64().unwrap(), "{case}");
                assert!(close(found.confidence, number(confidence)), "{case}");
            }
        }
    }

    #[test]
    fn the_fewest_values_are_those_of_the_design() {
        // statistics.md 2.5: 59 for p95 and 299 for p99.
        assert_eq!(fewest_for_upper(0.95, 0.05), Some(59));
        assert_eq!(fewest_for_upper(0.99, 0.05), Some(299));
        // Whole ratios are not rounded up.
        assert_eq!(fewest_for_upper(0.5, 0.25), Some(2));
        assert_eq!(fewest_for_upper(0.1, 0.01), Some(2));
        assert_eq!(fewest_for_upper(0.1, 0.001), Some(3));
        assert_eq!(fewest_for_upper(1.0, 0.05), None);
        assert_eq!(fewest_for_upper(0.5, 0.0), None);
        assert_eq!(fewest_for_upper(0.0, 0.05), Some(1));
        assert_eq!(fewest_for_upper(0.5, 1.0), Some(1));
        assert_eq!(fewest_for_upper(0.01, 0.5), Some(1));
        for (q, alpha) in [(0.95, 0.05), (0.99, 0.05), (0.1, 0.01), (0.999, 0.0005)] {
            let fewest = fewest_for_upper(q, alpha).unwrap();
            assert_eq!(upper_rank(fewest, q, alpha).unwrap().rank, fewest);
            assert_eq!(upper_rank(fewest - 1, q, alpha), None);
        }
    }

    #[test]
    fn ranks_at_the_ends_are_defined() {
        assert_eq!(upper_rank(0, 0.5, 0.05), None);
        assert_eq!(lower_rank(0, 0.5, 0.05), None);
        assert_eq!(lower_rank(4, 0.5, 0.05), None);
        assert_eq!(lower_rank(5, 0.5, 0.05).unwrap().rank, 1);
        assert_eq!(upper_rank(3, 0.0, 0.05).unwrap().rank, 1);
        assert_eq!(lower_rank(3, 1.0, 0.05).unwrap().rank, 3);
    }

    #[test]
    fn quantiles_are_linear_between_values() {
        let values = [1.0, 2.0, 4.0, 8.0];
        for (p, expected) in [(0.0, 1.0), (0.5, 3.0), (0.25, 1.75), (0.9, 6.8), (1.0, 8.0)] {
            assert!(close(of_sorted(&values, p).unwrap(), expected), "{p}");
            let mut turned = [8.0, 1.0, 4.0, 2.0];
            assert_eq!(quantile(&mut turned, p), of_sorted(&values, p).unwrap());
        }
        assert_eq!(of_sorted(&values, -1.0), Some(1.0));
        assert_eq!(of_sorted(&values, 2.0), Some(8.0));
        assert_eq!(of_sorted(&[], 0.5), None);
        assert_eq!(of_sorted(&[3.0], 0.5), Some(3.0));
        // An infinite neighbour that has no share is none.
        assert_eq!(of_sorted(&[1.0, 2.0, f64::INFINITY], 0.5), Some(2.0));
    }

    #[test]
    fn blocks_are_twice_the_cube_root() {
        let lengths = [8, 27, 28, 1000, 1001].map(block_length);
        assert_eq!(lengths, [4, 6, 7, 20, 21]);
    }

    /// Latencies with an even spread and a drift that both series share.
    fn series(n: usize, factor: f64, seed: u64) -> Vec<f64> {
        let mut stream = Stream::new(seed, "latency@1", 0, "");
        let mut words = vec![0; n];
        stream.fill(&mut words);
        let noise = words.into_iter().map(crate::seed::uniform);
        noise
            .enumerate()
            .map(|(i, u)| {
                let drift = 1.0 + 0.3 * libm::sin(i as f64 / 40.0);
                factor * drift * libm::exp(0.1 * normal_quantile(u))
            })
            .collect()
    }

    #[test]
    fn a_slower_series_is_found_and_an_equal_one_is_not() {
        let compare = |factor| {
            let (old, new) = (series(1000, 1.0, 1), series(1000, factor, 2));
            log_ratio_limits(&old, &new, 0.95, 0.05, 999, 7, "p95").unwrap()
        };
        let equal = compare(1.0);
        assert_eq!(equal.block, 20);
        assert!(
            equal.limits.lower < 0.0 && equal.limits.upper > 0.0,
            "{equal:?}"
        );
        let slower = compare(1.2);
        assert!(close(slower.estimate, equal.estimate + libm::log(1.2)));
        assert!((slower.limits.lower - equal.limits.lower - libm::log(1.2)).abs() < 1e-9);
        assert!(slower.limits.lower > 0.0, "{slower:?}");
        // The shared drift is in neither: its own spread is 0.2.
        assert!(equal.limits.upper - equal.limits.lower < 0.1, "{equal:?}");
    }

    #[test]
    fn limits_are_the_same_on_any_number_of_threads_and_turn_with_the_series() {
        let (old, new) = (series(100, 1.0, 1), series(100, 1.1, 2));
        let limits = || log_ratio_limits(&old, &new, 0.5, 0.05, 200, 7, "").unwrap();
        let one = limits();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            assert_eq!(pool.unwrap().install(limits), one);
        }
        let turned = log_ratio_limits(&new, &old, 0.5, 0.05, 200, 7, "").unwrap();
        assert!(close(turned.estimate, -one.estimate));
        assert!(close(turned.limits.upper, -one.limits.lower));
        let other = log_ratio_limits(&old, &new, 0.5, 0.05, 200, 8, "").unwrap();
        assert_ne!(other.limits, one.limits);
    }

    #[test]
    fn what_cannot_be_compared_is_none() {
        let eight = [1.0; 8];
        let equal = log_ratio_limits(&eight, &eight, 0.5, 0.05, 10, 1, "").unwrap();
        assert_eq!(
            (equal.estimate, equal.limits.lower, equal.limits.upper),
            (0.0, 0.0, 0.0)
        );
        let compare =
            |old: &[f64], new: &[f64], draws| log_ratio_limits(old, new, 0.5, 0.05, draws, 1, "");
        assert_eq!(compare(&eight[..7], &eight[..7], 10), None);
        assert_eq!(compare(&[], &[], 10), None);
        assert_eq!(compare(&eight, &[1.0; 9], 10), None);
        assert_eq!(compare(&eight, &eight, 0), None);
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let mut series = eight;
            series[3] = bad;
            assert_eq!(compare(&eight, &series, 10), None);
            assert_eq!(compare(&series, &eight, 10), None);
        }
    }

    /// Blocks of four of eight start at five places: the first value and the last are in
    /// one each, and in 1 − (4/5)² of the resamples of two blocks.
    #[test]
    fn blocks_reach_both_ends() {
        for end in [0, 7] {
            let mut slow = [1.0; 8];
            slow[end] = 2.0;
            let found = log_ratio_limits(&[1.0; 8], &slow, 1.0, 0.2, 1000, 3, "").unwrap();
            assert_eq!(
                (found.limits.lower, found.limits.upper),
                (0.0, libm::log(2.0))
            );
            let rarer = log_ratio_limits(&[1.0; 8], &slow, 1.0, 0.45, 1000, 3, "").unwrap();
            assert_eq!(rarer.limits.upper, 0.0);
        }
    }

    proptest! {
        #[test]
        fn ranks_are_the_definition(n in 1u64..120, q in 0.01..0.99f64, alpha in 0.001..0.3f64) {
            let upper = (1..=n).find(|&k| binomial_cdf(k - 1, n, q) >= 1.0 - alpha);
            let lower = (1..=n).rev().find(|&k| binomial_upper_tail(k, n, q) >= 1.0 - alpha);
            prop_assert_eq!(upper_rank(n, q, alpha).map(|found| found.rank), upper);
            prop_assert_eq!(lower_rank(n, q, alpha).map(|found| found.rank), lower);
        }

        #[test]
        fn quantiles_of_any_order_are_the_same(
            mut values in prop::collection::vec(-5.0..5.0f64, 1..50), p in 0.0..=1.0f64,
        ) {
            let mut sorted = values.clone();
            sorted.sort_by(f64::total_cmp);
            prop_assert_eq!(Some(quantile(&mut values, p)), of_sorted(&sorted, p));
        }
    }
}
