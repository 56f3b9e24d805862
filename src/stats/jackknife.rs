//! Leaving clusters out one at a time, also within strata: the standard error, limits,
//! and the p-values that they stand for.

use std::collections::BTreeMap;

use super::Limits;
use super::distribution::{t_cdf, t_quantile};

/// What leaving clusters out one at a time says of an estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jackknife {
    /// The standard error; zero where no stratum has two clusters.
    pub error: f64,
    /// Degrees of freedom: clusters less strata, or fewer [of unequal size](Self::of_sizes).
    pub degrees: f64,
}

impl Jackknife {
    /// From the values with each cluster left out. With `strata`, one a cluster,
    /// clusters are compared within their stratum: the numbers in each are held
    /// fixed, as a bootstrap within strata holds them.
    ///
    /// Source: Efron & Tibshirani 1993, 11.5 and 14.10; of several strata Davison &
    /// Hinkley 1997, 3.2 and 5.3, as `scipy.stats.bootstrap` has it.
    pub fn new(left_out: &[f64], strata: Option<&[u32]>) -> Self {
        let mut sums = BTreeMap::<u32, (f64, f64)>::new();
        let stratum = |cluster: usize| {
            strata
                .and_then(|strata| strata.get(cluster).copied())
                .unwrap_or(0)
        };
        for (cluster, value) in left_out.iter().enumerate() {
            let sum = sums.entry(stratum(cluster)).or_default();
            sum.0 += value;
            sum.1 += 1.0;
        }
        let mut variance = 0.0;
        for (cluster, value) in left_out.iter().enumerate() {
            let Some(&(sum, count)) = sums.get(&stratum(cluster)) else {
                continue;
            };
            let influence = (count - 1.0) / count * (sum / count - value);
            if count > 1.0 {
                variance += count / (count - 1.0) * influence * influence;
            }
        }
        Self {
            error: variance.sqrt(),
            degrees: left_out.len() as f64 - sums.len() as f64,
        }
    }

    /// The same where the clusters left out hold so many rows each: of unequal size they
    /// count as N² / Σ n_g², one less of which are the degrees of freedom.
    ///
    /// Source: the effective clusters of Kish 1965; measured in docs/statistics.md.
    pub fn of_sizes(self, rows: &[usize]) -> Self {
        let effective = effective_clusters(rows);
        Self {
            degrees: self.degrees.min((effective - 1.0).max(1.0)),
            ..self
        }
    }

    /// One-sided limits at `alpha` each: the estimate ∓ t times the error.
    pub fn limits(&self, estimate: f64, alpha: f64) -> Limits {
        if self.degrees < 1.0 {
            return Limits {
                lower: f64::NEG_INFINITY,
                upper: f64::INFINITY,
            };
        }
        let reach = t_quantile(1.0 - alpha, self.degrees) * self.error;
        Limits {
            lower: estimate - reach,
            upper: estimate + reach,
        }
    }

    /// The alpha at which the lower limit is `value`: the p-value against a truth
    /// that is no larger.
    pub fn p_above(&self, estimate: f64, value: f64) -> f64 {
        if self.degrees < 1.0 {
            return 1.0;
        }
        t_p_above(estimate - value, self.error, self.degrees)
    }
}

/// N² / Σ n_g²: how many clusters of equal size say as much as those with so many `rows`
/// each; zero of none.
///
/// Source: Kish 1965.
pub fn effective_clusters(rows: &[usize]) -> f64 {
    let all: f64 = rows.iter().map(|&rows| rows as f64).sum();
    let squares: f64 = rows.iter().map(|&rows| (rows as f64).powi(2)).sum();
    if squares > 0.0 {
        all * all / squares
    } else {
        0.0
    }
}

/// The p-value of a mean that lies `distance` above what it is held against, with
/// its standard error and degrees of freedom; without any error the answer is
/// certain.
pub fn t_p_above(distance: f64, error: f64, degrees: f64) -> f64 {
    if error > 0.0 {
        t_cdf(-distance / error, degrees)
    } else if distance > 0.0 {
        0.0
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::close;
    use proptest::prelude::*;

    #[test]
    fn of_a_mean_it_is_the_standard_error() {
        let data = [0.61, 0.12, 0.95, 0.33, 0.47];
        let sum: f64 = data.iter().sum();
        let left_out: Vec<f64> = data.iter().map(|value| (sum - value) / 4.0).collect();
        let mean = sum / 5.0;
        let variance = data.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 4.0;
        let jackknife = Jackknife::new(&left_out, None);
        assert!(close(jackknife.error, (variance / 5.0).sqrt()));
        assert_eq!(jackknife.degrees, 4.0);
    }

    #[test]
    fn limits_are_students() {
        // Squares of 0.1, four fifths of which are the variance; t of four degrees.
        let jackknife = Jackknife::new(&[0.1, 0.3, 0.2, 0.5, 0.4], None);
        let reach = 2.131_846_786_326_649 * 0.08_f64.sqrt();
        let limits = jackknife.limits(7.0, 0.05);
        assert!(close(limits.lower, 7.0 - reach) && close(limits.upper, 7.0 + reach));
        assert!(close(jackknife.p_above(7.0, limits.lower), 0.05));
        let two = Jackknife::new(&[0.0, 2.0], None).limits(7.0, 0.05);
        assert!(close(two.upper, 7.0 + 6.313_751_514_675_043));
        // One degree of freedom: Cauchy's, a quarter of which is below −1.
        assert!(close(
            Jackknife::new(&[0.0, 2.0], None).p_above(7.0, 6.0),
            0.25
        ));
        let one = Jackknife::new(&[0.0], None);
        let limits = one.limits(7.0, 0.05);
        assert_eq!(
            (limits.lower, limits.upper),
            (f64::NEG_INFINITY, f64::INFINITY)
        );
        assert_eq!((one.error, one.p_above(7.0, 0.0)), (0.0, 1.0));
    }

    /// NumPy and SciPy: t of 16² / 56 − 1 degrees of freedom.
    #[test]
    fn clusters_of_unequal_size_have_fewer_degrees_of_freedom() {
        let left_out = [0.1, 0.3, 0.2, 0.5, 0.4, 0.15];
        let rows = [1, 3, 2, 5, 4, 1];
        assert!(close(effective_clusters(&rows), 32.0 / 7.0));
        let jackknife = Jackknife::new(&left_out, None).of_sizes(&rows);
        assert!(close(jackknife.error, 0.314_576_434_802_947_9));
        let limits = jackknife.limits(7.0, 0.05);
        assert!(close(limits.lower, 6.305_567_227_599_474));
        assert!(close(limits.upper, 7.694_432_772_400_526));
        assert!(close(jackknife.p_above(7.0, 6.5), 0.097_788_006_883_110_13));
        // Equal ones lose none, also within strata, and one alone leaves one.
        let strata = [0, 0, 0, 1, 1, 1];
        for strata in [None, Some(&strata[..])] {
            let plain = Jackknife::new(&left_out, strata);
            assert_eq!(plain.of_sizes(&[3; 6]), plain);
        }
        let alone = Jackknife::new(&left_out, None).of_sizes(&[1_000_000, 1, 1, 1, 1, 1]);
        assert_eq!(alone.degrees, 1.0);
        assert_eq!(effective_clusters(&[]), 0.0);
    }

    #[test]
    fn without_error_the_answer_is_certain() {
        let p = |distance| t_p_above(distance, 0.0, 4.0);
        assert_eq!([p(1.0), p(0.0), p(-1.0)], [0.0, 1.0, 1.0]);
    }

    #[test]
    fn within_strata_only_their_own_spread_counts() {
        // The mean of two strata of two and three, which differ by a lot: the sum
        // over strata of (n_h / n)² s²_h / n_h.
        let data = [10.0, 11.0, 0.2, 0.5, 0.2];
        let strata = [1, 1, 7, 7, 7];
        // A mean with one left out of its stratum keeps the stratum's weight.
        let means = [10.5, 0.3];
        let left_out: Vec<f64> = data
            .iter()
            .zip(&strata)
            .map(|(value, stratum)| {
                let (mean, count, other) = match stratum {
                    1 => (means[0], 2.0, 3.0 * means[1]),
                    _ => (means[1], 3.0, 2.0 * means[0]),
                };
                (count * (count * mean - value) / (count - 1.0) + other) / 5.0
            })
            .collect();
        let jackknife = Jackknife::new(&left_out, Some(&strata));
        let expected = (2.0 / 5.0_f64).powi(2) * 0.5 / 2.0 + (3.0 / 5.0_f64).powi(2) * 0.03 / 3.0;
        assert!(
            close(jackknife.error, expected.sqrt()),
            "{}",
            jackknife.error
        );
        assert_eq!(jackknife.degrees, 3.0);
    }

    proptest! {
        #[test]
        fn p_values_and_limits_decide_alike(
            left_out in prop::collection::vec(-0.1..0.1f64, 10..30),
            value in -1.0..1.0f64, alpha in 0.01..0.4f64,
        ) {
            let jackknife = Jackknife::new(&left_out, None);
            let (p, limits) = (jackknife.p_above(0.0, value), jackknife.limits(0.0, alpha));
            if (p - alpha).abs() > 1e-9 {
                prop_assert_eq!(p < alpha, limits.lower > value);
            }
            if (1.0 - p - alpha).abs() > 1e-9 {
                prop_assert_eq!(1.0 - p < alpha, limits.upper < value);
            }
        }
    }
}
