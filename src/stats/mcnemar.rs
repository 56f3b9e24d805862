//! Paired proportions: is the new run worse, given the discordant pairs?
//!
//! The gate uses the mid-p value; the exact one is for users of the library that must
//! not be above their alpha anywhere.

use super::distribution::{half_binomial_upper_tail, log_half_binomial};

/// The one-sided mid-p value of McNemar's test against no harm: with `harm` pairs
/// right before and wrong now and `gain` the other way, P(B > b) + P(B = b) / 2
/// for B ~ Bin(b + c, 1/2). Without discordant pairs it is 1.
///
/// Source: Fagerland, Lydersen & Laake 2013.
///
/// ```
/// # use steadfast::stats::mcnemar::mid_p;
/// assert_eq!(mid_p(0, 0), 1.0);
/// assert_eq!(mid_p(1, 0), 0.25);
/// ```
pub fn mid_p(harm: u64, gain: u64) -> f64 {
    let discordant = harm + gain;
    if discordant == 0 {
        return 1.0;
    }
    let equal = libm::exp(log_half_binomial(harm, discordant));
    half_binomial_upper_tail(harm + 1, discordant) + 0.5 * equal
}

/// The one-sided exact p-value of McNemar's test against no harm, P(B ≥ b) for
/// B ~ Bin(b + c, 1/2): never below the error rate that it states, and larger than
/// [`mid_p`]. Without discordant pairs it is 1.
///
/// ```
/// # use steadfast::stats::mcnemar::exact_p;
/// assert_eq!(exact_p(0, 0), 1.0);
/// assert_eq!(exact_p(1, 0), 0.5);
/// ```
pub fn exact_p(harm: u64, gain: u64) -> f64 {
    half_binomial_upper_tail(harm, harm + gain)
}

/// The smallest number of harms among `discordant` pairs at which `p`, [`mid_p`] or
/// [`exact_p`], is at most `alpha`: the test as whole numbers. `None` where even
/// harms alone do not reach it.
pub fn critical_harm(discordant: u64, alpha: f64, p: fn(u64, u64) -> f64) -> Option<u64> {
    let rejects = |harm: u64| p(harm, discordant - harm) <= alpha;
    if !rejects(discordant) {
        return None;
    }
    let (mut low, mut high) = (0, discordant);
    while low < high {
        let middle = low + (high - low) / 2;
        if rejects(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(high)
}

/// The smallest number of harms without a gain at which [`mid_p`] is at most
/// `alpha`: with fewer, nothing can be shown.
pub fn fewest_harms(alpha: f64) -> u64 {
    (1..2000)
        .find(|&harm| mid_p(harm, 0) <= alpha)
        .unwrap_or(2000)
}

/// Whether the observed harm, (harm − gain) / n, exceeds the margin
/// `numerator / denominator`: on whole numbers, so that a drop of exactly the
/// margin does not. `denominator` is positive.
pub fn drop_exceeds(harm: u64, gain: u64, n: u64, margin: (i64, i64)) -> bool {
    let drop = i128::from(harm) - i128::from(gain);
    drop * i128::from(margin.1) > i128::from(margin.0) * i128::from(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};

    #[test]
    fn agrees_with_the_reference() {
        let group = group("mcnemar");
        let cases = group["cases"].as_array().unwrap();
        assert!(cases.len() > 5);
        for case in cases {
            let (b, c) = (case["b"].as_u64().unwrap(), case["c"].as_u64().unwrap());
            let expected = |key: &str| case[key].as_f64().unwrap();
            assert!(
                close(mid_p(b, c), expected("midp_one_sided_harm")),
                "{case}"
            );
            assert!(
                close(exact_p(b, c), expected("exact_one_sided_harm")),
                "{case}"
            );
        }
    }

    #[test]
    fn floors_are_those_of_the_design() {
        // statistics.md 2.1: 4, 6 and 10 harms at alpha .05, .01 and .00067.
        assert_eq!([0.05, 0.01, 0.000_67].map(fewest_harms), [4, 6, 10]);
    }

    #[test]
    fn a_drop_of_exactly_the_margin_does_not_exceed_it() {
        assert!(!drop_exceeds(10, 0, 1000, (1, 100)));
        assert!(drop_exceeds(11, 0, 1000, (1, 100)));
        assert!(!drop_exceeds(0, 11, 1000, (1, 100)));
        assert!(!drop_exceeds(30, 0, 1000, (3, 100)));
        assert!(drop_exceeds(31, 0, 1000, (3, 100)));
        assert!(drop_exceeds(u64::MAX / 2, 0, u64::MAX / 2, (1, 100)));
    }

    #[test]
    fn huge_counts_keep_their_digits() {
        assert!((mid_p(100_000_000, 100_000_000) - 0.5).abs() < 1e-11);
        assert!(mid_p(1_010_000, 1_000_000) < 1e-9);
        // The mid-p value is the normal tail but for z (3 − z²) φ(z) / 12n + …
        for (harm, gain) in [(100_010_000_u64, 100_000_000_u64), (50_020_000, 50_000_000)] {
            let n = (harm + gain) as f64;
            let z = (harm - gain) as f64 / n.sqrt();
            let density = libm::exp(-0.5 * z * z) / (2.0 * std::f64::consts::PI).sqrt();
            let kurtosis = z * (3.0 - z * z) * density / (12.0 * n);
            let expected = 0.5 * libm::erfc(z / std::f64::consts::SQRT_2);
            let found = mid_p(harm, gain);
            assert!(
                (found - expected).abs() < 10.0 * kurtosis.abs() + 1e-12,
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn the_critical_harm_is_the_first_that_rejects() {
        for p in [mid_p, exact_p] {
            for alpha in [0.05, 0.01, 0.0005, 0.7] {
                for discordant in 0..60 {
                    let first = (0..=discordant).find(|&harm| p(harm, discordant - harm) <= alpha);
                    assert_eq!(critical_harm(discordant, alpha, p), first);
                }
            }
        }
        // statistics.md 2.1: the exact test needs 5, 7 and 11 harms.
        for (alpha, floor) in [(0.05, 5), (0.01, 7), (0.000_67, 11)] {
            assert_eq!(critical_harm(floor, alpha, exact_p), Some(floor));
            assert_eq!(critical_harm(floor - 1, alpha, exact_p), None);
        }
    }
}
