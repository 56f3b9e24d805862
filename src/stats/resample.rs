//! Resampling: how many draws an alpha needs, when to stop, and limits from
//! leaving clusters out or drawing them again.

use super::distribution::{normal_cdf, normal_quantile, t_quantile};
use super::{Limits, quantile};
use crate::seed::Stream;

/// The fewest draws of any sampled test.
const FEWEST: u64 = 9_999;

/// A sampled p-value cannot fall below 1 / (draws + 1): that is this many times
/// smaller than the alpha that it is held against (statistics.md 2.4).
const RESOLUTION: f64 = 20.0;

/// The fewest draws at least as extreme as the observation after which sampling
/// stops: large p-values are then known to about 14 %.
const ENOUGH: u64 = 50;

/// The number of draws of a test at `alpha`: the smallest B with 1 / (B + 1) at
/// most alpha / 20, and no fewer than 9,999.
pub fn draws_for(alpha: f64) -> u64 {
    let needed = (RESOLUTION / alpha).ceil() - 1.0;
    if needed.is_finite() {
        (needed as u64).clamp(FEWEST, 100_000_000)
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

/// The smallest p-value that exchanging `clusters` at `alpha` can give.
pub fn least_swap_p(clusters: usize, alpha: f64) -> f64 {
    libm::exp2(-(clusters as f64)).max(1.0 / (draws_for(alpha) + 1) as f64)
}

/// The jackknife's standard error from the values with each cluster left out
/// (Efron & Tibshirani 1993, 11.5); zero for fewer than two.
pub fn jackknife_error(left_out: &[f64]) -> f64 {
    let count = left_out.len() as f64;
    if count < 2.0 {
        return 0.0;
    }
    let mean = left_out.iter().sum::<f64>() / count;
    let squares: f64 = left_out
        .iter()
        .map(|value| (value - mean) * (value - mean))
        .sum();
    (squares * (count - 1.0) / count).sqrt()
}

/// One-sided jackknife limits at `alpha` each: the estimate ∓ t of G − 1 degrees
/// of freedom times the jackknife's error.
pub fn jackknife_limits(estimate: f64, left_out: &[f64], alpha: f64) -> Limits {
    let degrees = left_out.len() as f64 - 1.0;
    if degrees < 1.0 {
        return Limits {
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
        };
    }
    let reach = t_quantile(1.0 - alpha, degrees) * jackknife_error(left_out);
    Limits {
        lower: estimate - reach,
        upper: estimate + reach,
    }
}

/// One-sided bias-corrected and accelerated bootstrap limits at `alpha` each, from
/// the bootstrap values and those with each cluster left out.
///
/// Source: Efron 1987; the bias correction counts ties half, and quantiles are
/// linear between order statistics, as `scipy.stats.bootstrap` has them. Unlike
/// there, limits are defined where all values lie on one side of the estimate, and
/// where the correction turns over, beyond six standard errors at the earliest.
pub fn bca_limits(estimate: f64, bootstrap: &[f64], left_out: &[f64], alpha: f64) -> Limits {
    accelerated_limits(estimate, bootstrap, acceleration(left_out), alpha)
}

/// [`bca_limits`] of a known acceleration.
pub(super) fn accelerated_limits(
    estimate: f64,
    bootstrap: &[f64],
    acceleration: f64,
    alpha: f64,
) -> Limits {
    let mut sorted = bootstrap.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (smallest, largest) = match (sorted.first(), sorted.last()) {
        (Some(&smallest), Some(&largest)) if smallest < largest => (smallest, largest),
        _ => {
            return Limits {
                lower: estimate,
                upper: estimate,
            };
        }
    };
    // Values that differ by rounding are ties.
    let slack = 1e-12 * smallest.abs().max(largest.abs());
    let count = sorted.len() as f64;
    let below = sorted.partition_point(|&value| value < estimate - slack);
    let up_to = sorted.partition_point(|&value| value <= estimate + slack);
    // All values on one side show a bias beyond what so many can measure: it is
    // that of half a value on the other.
    let share = ((below + up_to) as f64 / (2.0 * count)).clamp(0.5 / count, 1.0 - 0.5 / count);
    let bias = normal_quantile(share);
    let limit = |p: f64| {
        let z = bias + normal_quantile(p);
        let stretch = 1.0 - acceleration * z;
        let adjusted = if stretch > 0.0 {
            normal_cdf(bias + z / stretch)
        } else if z > 0.0 {
            // Towards a stretch of 0 the correction grows without bound, and beyond
            // it would come back from the other side.
            1.0
        } else {
            0.0
        };
        quantile::of_sorted(&sorted, adjusted).unwrap_or(estimate)
    };
    Limits {
        lower: limit(alpha),
        upper: limit(1.0 - alpha),
    }
}

/// Efron's acceleration: a sixth of the skewness of the jackknife's influence.
fn acceleration(left_out: &[f64]) -> f64 {
    let mean = left_out.iter().sum::<f64>() / left_out.len().max(1) as f64;
    let (squares, cubes) = left_out.iter().fold((0.0, 0.0), |(squares, cubes), value| {
        let distance = mean - value;
        (
            squares + distance * distance,
            cubes + distance * distance * distance,
        )
    });
    if squares > 0.0 {
        cubes / (6.0 * squares * libm::sqrt(squares))
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};

    #[test]
    fn bca_limits_agree_with_the_reference() {
        let Some(group) = group("bca") else { return };
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
        }
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

    #[test]
    fn the_jackknife_of_a_mean_is_its_standard_error() {
        let data = [0.61, 0.12, 0.95, 0.33, 0.47];
        let sum: f64 = data.iter().sum();
        let left_out: Vec<f64> = data.iter().map(|value| (sum - value) / 4.0).collect();
        let mean = sum / 5.0;
        let variance = data.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 4.0;
        assert!(close(jackknife_error(&left_out), (variance / 5.0).sqrt()));
    }

    #[test]
    fn jackknife_limits_are_students() {
        let left_out = [0.1, 0.3, 0.2, 0.5, 0.4];
        // Squares of 0.1, four fifths of which are the variance; t of four degrees.
        let reach = 2.131_846_786_326_649 * 0.08_f64.sqrt();
        let limits = jackknife_limits(7.0, &left_out, 0.05);
        assert!(close(limits.lower, 7.0 - reach) && close(limits.upper, 7.0 + reach));
        let two = jackknife_limits(7.0, &[0.0, 2.0], 0.05);
        assert!(close(two.upper, 7.0 + 6.313_751_514_675_043));
        let one = jackknife_limits(7.0, &[0.0], 0.05);
        assert_eq!((one.lower, one.upper), (f64::NEG_INFINITY, f64::INFINITY));
        assert_eq!(jackknife_error(&[0.3]), 0.0);
    }

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
        let better = |_: &[u64]| -64.0 + 1e-10;
        assert!(swap_p(64, -64.0, 0.05, &mut stream, better) < 0.001);
        assert_eq!(least_swap_p(3, 0.05), 0.125);
        assert_eq!(least_swap_p(64, 0.05), 1.0 / 10_000.0);
        assert_eq!(swap_p(0, 0.0, 0.05, &mut stream, |_| 0.0), 1.0);
    }
}
