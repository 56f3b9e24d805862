//! The bias-corrected and accelerated bootstrap: limits, and the p-values that they
//! stand for.

use super::distribution::{normal_cdf, normal_quantile};
use super::{Limits, quantile};

/// The bootstrap's values of an estimate, with the acceleration of their limits.
///
/// Source: Efron 1987; the bias correction counts ties half, and quantiles are
/// linear between order statistics, as `scipy.stats.bootstrap` has them. Unlike
/// there, limits are defined where all values lie on one side of the estimate, and
/// where the correction turns over, beyond six standard errors at the earliest.
#[derive(Clone, Debug, PartialEq)]
pub struct Accelerated {
    estimate: f64,
    sorted: Vec<f64>,
    acceleration: f64,
}

impl Accelerated {
    /// From the bootstrap's values, and a sixth of the skewness of the influence of
    /// what was drawn.
    pub fn new(estimate: f64, mut bootstrap: Vec<f64>, acceleration: f64) -> Self {
        bootstrap.sort_by(f64::total_cmp);
        Self {
            estimate,
            sorted: bootstrap,
            acceleration,
        }
    }

    /// Smallest and largest value, where they differ.
    fn range(&self) -> Option<(f64, f64)> {
        let (&smallest, &largest) = (self.sorted.first()?, self.sorted.last()?);
        (smallest < largest).then_some((smallest, largest))
    }

    /// One-sided limits at `alpha` each; the estimate itself where all values are one.
    pub fn limits(&self, alpha: f64) -> Limits {
        if self.range().is_none() {
            return Limits {
                lower: self.estimate,
                upper: self.estimate,
            };
        }
        let bias = self.bias();
        let limit = |p: f64| {
            let z = bias + normal_quantile(p);
            let stretch = 1.0 - self.acceleration * z;
            let adjusted = if stretch > 0.0 {
                normal_cdf(bias + z / stretch)
            } else if z > 0.0 {
                // Towards a stretch of 0 the correction grows without bound, and
                // beyond it would come back from the other side.
                1.0
            } else {
                0.0
            };
            quantile::of_sorted(&self.sorted, adjusted).unwrap_or(self.estimate)
        };
        Limits {
            lower: limit(alpha),
            upper: limit(1.0 - alpha),
        }
    }

    /// The alpha at which the lower limit is `value`: the p-value against a truth
    /// that is no larger, no smaller than the draws resolve. One less it is the
    /// alpha at which the upper limit is `value`.
    ///
    /// Source: the map of the limits solved for alpha; Efron & Tibshirani 1993,
    /// 15.4, call it the achieved significance level.
    pub fn p_above(&self, value: f64) -> f64 {
        let count = self.sorted.len() as f64;
        let p = if self.range().is_none() {
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

    /// The bias correction. Values that differ by rounding are ties, and where all lie
    /// on one side the bias is that of half a value on the other.
    fn bias(&self) -> f64 {
        let (smallest, largest) = self.range().unwrap_or_default();
        let slack = 1e-12 * smallest.abs().max(largest.abs());
        let count = self.sorted.len() as f64;
        let estimate = self.estimate;
        let below = self
            .sorted
            .partition_point(|&value| value < estimate - slack);
        let up_to = self
            .sorted
            .partition_point(|&value| value <= estimate + slack);
        let share = (below + up_to) as f64 / (2.0 * count);
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
    use crate::stats::jackknife::Jackknife;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    fn bca_limits(estimate: f64, bootstrap: &[f64], left_out: &[f64], alpha: f64) -> Limits {
        let acceleration = Jackknife::new(left_out, None).acceleration;
        Accelerated::new(estimate, bootstrap.to_vec(), acceleration).limits(alpha)
    }

    fn acceleration(left_out: &[f64]) -> f64 {
        Jackknife::new(left_out, None).acceleration
    }

    #[test]
    fn bca_limits_agree_with_the_reference() {
        let group = group("bca");
        let numbers = |value: &serde_json::Value| -> Vec<f64> {
            value
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item.as_f64().unwrap())
                .collect()
        };
        let data = numbers(&group["data"]);
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let median = |values: &[f64]| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            quantile::of_sorted(&sorted, 0.5).unwrap()
        };
        let variance = |values: &[f64]| {
            let mean = mean(values);
            values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (values.len() - 1) as f64
        };
        for case in group["cases"].as_array().unwrap() {
            let statistic: &dyn Fn(&[f64]) -> f64 = match case["statistic"].as_str().unwrap() {
                "mean" => &mean,
                "median" => &median,
                "variance_ddof1" => &variance,
                other => panic!("{other}"),
            };
            let bootstrap: Vec<f64> = group["indices"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| {
                    let drawn: Vec<f64> = row
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|i| data[i.as_u64().unwrap() as usize])
                        .collect();
                    statistic(&drawn)
                })
                .collect();
            let left_out: Vec<f64> = (0..data.len())
                .map(|out| {
                    let rest: Vec<f64> = data
                        .iter()
                        .enumerate()
                        .filter(|(i, _)| *i != out)
                        .map(|(_, v)| *v)
                        .collect();
                    statistic(&rest)
                })
                .collect();
            let alpha = case["alpha_each_side"].as_f64().unwrap();
            // One bootstrap mean equals the estimate, and the reference counts it below
            // for a rounding error: here, too.
            let rounding = if case["statistic"] == "mean" {
                1e-9
            } else {
                0.0
            };
            let estimate = statistic(&data) + rounding;
            let limits = bca_limits(estimate, &bootstrap, &left_out, alpha);
            let expected = numbers(&case["ci_linear_percentile"]);
            assert!(
                close(limits.lower, expected[0]),
                "{}: {limits:?} {expected:?}",
                case["statistic"]
            );
            assert!(
                close(limits.upper, expected[1]),
                "{}: {limits:?} {expected:?}",
                case["statistic"]
            );
            // Bootstrap medians are ties, of which a limit says no one p-value.
            if case["statistic"] != "median" {
                let acceleration = acceleration(&left_out);
                let accelerated = Accelerated::new(estimate, bootstrap, acceleration);
                assert!(close(accelerated.p_above(expected[0]), alpha));
                assert!(close(accelerated.p_above(expected[1]), 1.0 - alpha));
            }
        }
    }

    /// Values 1 to 99 about 50: no bias, and p without acceleration is the share below.
    #[test]
    fn p_values_of_an_even_distribution() {
        let p = |acceleration: f64, value: f64| {
            let values = (1..=99).rev().map(f64::from).collect();
            Accelerated::new(50.0, values, acceleration).p_above(value)
        };
        assert!(close(p(0.0, 25.5), 24.5 / 98.0) && close(p(0.0, 80.0), 79.0 / 98.0));
        // By hand: z / (1 + a z) of z = Φ⁻¹(1/4) = −0.6744898.
        let z = -0.674_489_750_196_081_7;
        assert!(close(p(0.1, 25.5), normal_cdf(z / (1.0 + 0.1 * z))));
        // No p-value is smaller than the draws resolve, below and above all values, and
        // where the acceleration is so strong that no alpha has its limit there.
        for acceleration in [-0.1, 0.0, 0.1] {
            assert_eq!((p(acceleration, 0.5), p(acceleration, 99.5)), (0.01, 0.99));
        }
        assert_eq!((p(0.5, 1.5), p(-0.5, 98.5)), (0.01, 0.99));
        // Values that are all one: the estimate is all that is known.
        let one = Accelerated::new(3.0, vec![2.0; 4], 0.0);
        assert_eq!(
            [2.5, 3.0, 3.5].map(|value| one.p_above(value)),
            [0.2, 0.8, 0.8]
        );
    }

    /// Only one side of the estimate, and a cluster so far off that the acceleration
    /// turns the correction over: limits are values of the bootstrap, in order.
    #[test]
    fn bca_limits_of_odd_distributions_are_defined() {
        let values: Vec<f64> = (1..=99).map(f64::from).collect();
        let even = [1.0, 2.0, 3.0];
        let limits =
            |estimate: f64, left_out: &[f64]| bca_limits(estimate, &values, left_out, 0.05);
        // Half a value of 99 on the other side is a bias of −2.57, twice which moves
        // the upper limit to −3.50 and the lower one beyond all.
        let all_above = limits(0.0, &even);
        assert_eq!(
            all_above.lower,
            1.0 + 98.0 * normal_cdf(2.0 * normal_quantile(0.5 / 99.0) + normal_quantile(0.05))
        );
        assert_eq!(
            all_above.upper,
            1.0 + 98.0 * normal_cdf(2.0 * normal_quantile(0.5 / 99.0) - normal_quantile(0.05))
        );
        let all_below = limits(100.0, &even);
        assert!(close(all_below.lower, 100.0 - all_above.upper));
        assert!(close(all_below.upper, 100.0 - all_above.lower));
        // One harm in 100 rows is near the strongest acceleration, −1/6: at 6.4
        // standard errors the correction of the lower limit turns over.
        let mut left_out = [-0.01; 100];
        left_out[0] = 0.0;
        assert!((acceleration(&left_out) + 0.1642).abs() < 1e-4);
        let far = |left_out: &[f64]| bca_limits(50.0, &values, left_out, 1e-10);
        assert_eq!(far(&left_out).lower, 1.0);
        // Φ(6.36 / (1 + .1642 · 6.36)) of the way.
        let z = -normal_quantile(1e-10);
        let upper = 1.0 + 98.0 * normal_cdf(z / (1.0 - acceleration(&left_out) * z));
        assert!(
            close(far(&left_out).upper, upper) && upper < 98.95,
            "{upper}"
        );
        let turned = left_out.map(|value| -value);
        assert_eq!(far(&turned).upper, 99.0);
        assert!(close(far(&turned).lower, 100.0 - upper));
        assert_eq!(
            bca_limits(3.0, &[], &even, 0.05),
            Limits {
                lower: 3.0,
                upper: 3.0
            }
        );
        assert_eq!(
            bca_limits(3.0, &[2.0; 5], &even, 0.05),
            Limits {
                lower: 3.0,
                upper: 3.0
            }
        );
        // Tiny numbers are not all ties.
        let tiny: Vec<f64> = values.iter().map(|value| value * 1e-20).collect();
        let scaled = bca_limits(30e-20, &tiny, &even, 0.05);
        assert!((scaled.lower / limits(30.0, &even).lower - 1e-20).abs() < 1e-30);
    }

    proptest! {
        #[test]
        fn p_values_and_limits_decide_alike(
            bootstrap in prop::collection::vec(-1.0..1.0f64, 200..400),
            acceleration in -0.1..0.1f64, value in -1.0..1.0f64, alpha in 0.01..0.4f64,
        ) {
            let accelerated = Accelerated::new(bootstrap[0], bootstrap, acceleration);
            let (p, limits) = (accelerated.p_above(value), accelerated.limits(alpha));
            if (p - alpha).abs() > 1e-9 {
                prop_assert_eq!(p < alpha, limits.lower > value);
            }
            if (1.0 - p - alpha).abs() > 1e-9 {
                prop_assert_eq!(1.0 - p < alpha, limits.upper < value);
            }
        }
    }
}
