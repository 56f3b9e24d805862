//! Paired proportions: is the new run worse, given the discordant pairs?

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

/// The smallest number of harms without a gain at which [`mid_p`] is at most
/// `alpha`: with fewer, nothing can be shown.
pub fn fewest_harms(alpha: f64) -> u64 {
    (1..2000)
        .find(|&harm| mid_p(harm, 0) <= alpha)
        .unwrap_or(2000)
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
        }
    }

    #[test]
    fn floors_are_those_of_the_design() {
        // statistics.md 2.1: 4, 6 and 10 harms at alpha .05, .01 and .00067.
        assert_eq!([0.05, 0.01, 0.000_67].map(fewest_harms), [4, 6, 10]);
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
}
