//! Confidence intervals of one proportion: Wilson's is that of a stated accuracy,
//! Clopper and Pearson's that of the rates in docs/statistics.md. The gate asks for
//! neither: it compares pairs.

use super::Limits;
use super::distribution::{beta_quantile, normal_quantile};

/// Wilson's score interval of `successes` of `n` at the two-sided error rate
/// `alpha` (Wilson 1927); [0, 1] where `n` is zero.
pub fn wilson(successes: u64, n: u64, alpha: f64) -> Limits {
    if n == 0 {
        return Limits {
            lower: 0.0,
            upper: 1.0,
        };
    }
    let (count, total) = (successes as f64, n as f64);
    let z = normal_quantile(1.0 - alpha / 2.0);
    let rate = count / total;
    let middle = rate + z * z / (2.0 * total);
    let half = z * ((rate * (1.0 - rate) + z * z / (4.0 * total)) / total).sqrt();
    let scale = 1.0 + z * z / total;
    Limits {
        lower: if successes == 0 {
            0.0
        } else {
            ((middle - half) / scale).max(0.0)
        },
        upper: if successes >= n {
            1.0
        } else {
            ((middle + half) / scale).min(1.0)
        },
    }
}

/// The exact interval of Clopper & Pearson 1934 at the two-sided error rate
/// `alpha`; [0, 1] where `n` is zero.
pub fn clopper_pearson(successes: u64, n: u64, alpha: f64) -> Limits {
    let (count, total) = (successes as f64, n as f64);
    Limits {
        lower: if successes == 0 {
            0.0
        } else {
            beta_quantile(alpha / 2.0, count, total - count + 1.0)
        },
        upper: if successes >= n {
            1.0
        } else {
            beta_quantile(1.0 - alpha / 2.0, count + 1.0, total - count)
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};

    #[test]
    fn agree_with_the_reference() {
        let group = group("wilson_clopper_pearson");
        let cases = group["cases"].as_array().unwrap();
        assert!(cases.len() > 100);
        for case in cases {
            let (x, n) = (case["x"].as_u64().unwrap(), case["n"].as_u64().unwrap());
            let alpha = case["alpha_two_sided"].as_f64().unwrap();
            for (limits, key) in [
                (wilson(x, n, alpha), "wilson"),
                (clopper_pearson(x, n, alpha), "clopper_pearson"),
            ] {
                let expected = |side: usize| case[key][side].as_f64().unwrap();
                // At no success the reference is a rest of rounding, 2e-19, where Wilson's
                // formula is 0.
                let lower = if x == 0 { 0.0 } else { expected(0) };
                assert!(close(limits.lower, lower), "{key} {case}: {limits:?}");
                assert!(close(limits.upper, expected(1)), "{key} {case}: {limits:?}");
            }
        }
    }
}
