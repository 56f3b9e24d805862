//! Leaving clusters out one at a time, also within strata; and the bootstrap that it
//! accelerates. Both give limits, and the p-values that the limits stand for.

use std::collections::BTreeMap;

use super::Limits;
use super::distribution::{normal_cdf, normal_quantile, t_cdf, t_quantile};
use super::resample::accelerated_limits;

/// What leaving clusters out one at a time says of an estimate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jackknife {
    /// The standard error; zero where no stratum has two clusters.
    pub error: f64,
    /// Degrees of freedom: clusters less strata.
    pub degrees: f64,
    /// Efron's acceleration: a sixth of the skewness of the influence values.
    acceleration: f64,
}

impl Jackknife {
    /// From the values with each cluster left out. With `strata`, one a cluster,
    /// clusters are compared within their stratum: the numbers in each are held
    /// fixed, as a bootstrap within strata holds them.
    ///
    /// Source: Efron & Tibshirani 1993, 11.5 and 14.10; of several strata Davison &
    /// Hinkley 1997, 3.2 and 5.3, as `scipy.stats.bootstrap` has it.
    pub fn new(left_out: &[f64], strata: Option<&[u16]>) -> Self {
        let mut sums = BTreeMap::<u16, (f64, f64)>::new();
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
        let (mut variance, mut squares, mut cubes) = (0.0, 0.0, 0.0);
        for (cluster, value) in left_out.iter().enumerate() {
            let Some(&(sum, count)) = sums.get(&stratum(cluster)) else {
                continue;
            };
            let influence = (count - 1.0) / count * (sum / count - value);
            squares += influence * influence;
            cubes += influence * influence * influence;
            if count > 1.0 {
                variance += count / (count - 1.0) * influence * influence;
            }
        }
        Self {
            error: variance.sqrt(),
            degrees: left_out.len() as f64 - sums.len() as f64,
            acceleration: if squares > 0.0 {
                cubes / (6.0 * squares * libm::sqrt(squares))
            } else {
                0.0
            },
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

/// The bias-corrected and accelerated bootstrap of an estimate.
///
/// Source: Efron 1987, as [`bca_limits`](super::resample::bca_limits) has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Accelerated {
    estimate: f64,
    sorted: Vec<f64>,
    acceleration: f64,
}

impl Accelerated {
    /// From the bootstrap's values.
    pub fn new(estimate: f64, mut bootstrap: Vec<f64>, jackknife: &Jackknife) -> Self {
        bootstrap.sort_by(f64::total_cmp);
        Self {
            estimate,
            sorted: bootstrap,
            acceleration: jackknife.acceleration,
        }
    }

    /// One-sided limits at `alpha` each.
    pub fn limits(&self, alpha: f64) -> Limits {
        accelerated_limits(self.estimate, &self.sorted, self.acceleration, alpha)
    }

    /// The alpha at which the lower limit is `value`: the p-value against a truth
    /// that is no larger, no smaller than the draws resolve. One less it is the
    /// alpha at which the upper limit is `value`.
    ///
    /// Source: the map of the limits solved for alpha; Efron & Tibshirani 1993,
    /// 15.4, call it the achieved significance level.
    pub fn p_above(&self, value: f64) -> f64 {
        let count = self.sorted.len() as f64;
        let p = if self.sorted.first() == self.sorted.last() {
            f64::from(u8::from(self.estimate <= value))
        } else {
            let bias = self.bias();
            let below = normal_quantile(share_below(&self.sorted, value)) - bias;
            let scale = 1.0 + self.acceleration * below;
            match below {
                _ if below == f64::NEG_INFINITY => 0.0,
                _ if below == f64::INFINITY => 1.0,
                // Beyond what the map reaches for any alpha.
                _ if scale <= 0.0 => f64::from(u8::from(below > 0.0)),
                _ => normal_cdf(below / scale - bias),
            }
        };
        let least = 1.0 / (count + 1.0);
        p.clamp(least, 1.0 - least)
    }

    /// The bias correction of the limits.
    fn bias(&self) -> f64 {
        let largest = |value: Option<&f64>| value.map_or(0.0, |value| value.abs());
        let slack = 1e-12 * largest(self.sorted.first()).max(largest(self.sorted.last()));
        let count = self.sorted.len() as f64;
        let below = |bound: f64| self.sorted.partition_point(|&value| value < bound);
        let up_to = |bound: f64| self.sorted.partition_point(|&value| value <= bound);
        let both = below(self.estimate - slack) + up_to(self.estimate + slack);
        let share = both as f64 / (2.0 * count);
        normal_quantile(share.clamp(0.5 / count, 1.0 - 0.5 / count))
    }
}

/// The p of which `value` is the quantile, linear between values: 0 below all values, 1 above.
fn share_below(sorted: &[f64], value: f64) -> f64 {
    let above = sorted.partition_point(|&other| other <= value);
    if above == 0 {
        return 0.0;
    }
    match (sorted.get(above - 1), sorted.get(above)) {
        (Some(&low), Some(&high)) => {
            let place = (above - 1) as f64 + (value - low) / (high - low);
            place / (sorted.len() - 1) as f64
        }
        _ => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::close;
    use crate::stats::resample::jackknife_error;
    use proptest::prelude::*;

    #[test]
    fn without_strata_it_is_the_plain_jackknife() {
        let left_out = [0.61, 0.12, 0.95, 0.33, 0.47];
        let jackknife = Jackknife::new(&left_out, None);
        assert!(close(jackknife.error, jackknife_error(&left_out)));
        assert_eq!(jackknife.degrees, 4.0);
        let limits = jackknife.limits(0.5, 0.05);
        assert!(close(jackknife.p_above(0.5, limits.lower), 0.05));
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
            bootstrap in prop::collection::vec(-1.0..1.0f64, 200..400),
            left_out in prop::collection::vec(-0.1..0.1f64, 10..30),
            value in -1.0..1.0f64, alpha in 0.01..0.4f64,
        ) {
            let estimate = bootstrap[0];
            let jackknife = Jackknife::new(&left_out, None);
            let accelerated = Accelerated::new(estimate, bootstrap, &jackknife);
            for (p, limits) in [
                (accelerated.p_above(value), accelerated.limits(alpha)),
                (jackknife.p_above(estimate, value), jackknife.limits(estimate, alpha)),
            ] {
                if (p - alpha).abs() > 1e-9 {
                    prop_assert_eq!(p < alpha, limits.lower > value);
                }
                if (1.0 - p - alpha).abs() > 1e-9 {
                    prop_assert_eq!(1.0 - p < alpha, limits.upper < value);
                }
            }
        }
    }
}
