//! Means of paired differences over rows that may belong together: replicates are
//! averaged within a row before, clusters are dealt with here.

use std::collections::BTreeMap;

use super::Limits;
use super::distribution::{t_cdf, t_quantile};
use super::tango::Table;

/// Clusters with a difference below which whole clusters that flip are guarded
/// against (statistics.md 2.2).
const FEW: usize = 5;

/// A mean paired difference with the effective table that its limits come from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mean {
    /// The mean difference; negative is harm.
    pub estimate: f64,
    /// Its standard error over clusters.
    pub error: f64,
    /// Number of clusters.
    pub clusters: usize,
    /// Degrees of freedom of Student's t.
    pub degrees: f64,
    /// Σ n_g² / N²: the share of the variance of whole clusters that flip together.
    pub concentration: f64,
    /// How much larger the variance is than that of independent whole flips.
    pub design_effect: f64,
    /// What differences were divided by so that none exceeds 1.
    scale: f64,
    /// The counts over the design effect.
    table: Table,
}

/// The mean of `differences`, one a row, none of which can exceed `largest`;
/// `clusters` says which rows belong together, or each is its own.
///
/// Source: Rao & Scott 1992; Nam & Kwon 2009; Yang, Sun & Hardin 2012, as
/// statistics.md 2.2 joins them.
pub fn mean(differences: &[f64], largest: f64, clusters: Option<&[u32]>) -> Mean {
    by(differences, largest, clusters, Sizes::TakenAsEqual)
}

/// The same for clusters of any sizes: a large one pulls the mean towards itself, so
/// that its deviation is too small and G − 1 degrees of freedom are too many. Of equal
/// clusters it is the [mean].
///
/// Source: the deviations of Bell & McCaffrey 2002 (their bias reduced linearisation,
/// CR2), N² / Σ n_g² effective clusters of Kish 1965; measured in docs/statistics.md.
pub fn mean_of_sizes(differences: &[f64], largest: f64, clusters: Option<&[u32]>) -> Mean {
    by(differences, largest, clusters, Sizes::Known)
}

/// What the error of a mean knows of the sizes of clusters.
#[derive(Clone, Copy, PartialEq)]
enum Sizes {
    TakenAsEqual,
    Known,
}

fn by(differences: &[f64], largest: f64, clusters: Option<&[u32]>, sizes: Sizes) -> Mean {
    let n = differences.len() as f64;
    // Not the largest that was met: limits would depend on one outlier.
    let scale = if largest > 1.0 { largest } else { 1.0 };
    let scaled = || differences.iter().map(|difference| difference / scale);
    let estimate = scaled().sum::<f64>() / n.max(1.0);
    let harm: f64 = scaled().map(|d| (-d).max(0.0)).sum();
    let gain: f64 = scaled().map(|d| d.max(0.0)).sum();

    // By cluster: the sum of deviations, rows, and whether anything differs.
    let mut sums: BTreeMap<u32, (f64, f64, bool)> = BTreeMap::new();
    for (row, difference) in scaled().enumerate() {
        let cluster = clusters
            .and_then(|clusters| clusters.get(row).copied())
            .unwrap_or(row as u32);
        let entry = sums.entry(cluster).or_default();
        entry.0 += difference - estimate;
        entry.1 += 1.0;
        entry.2 |= difference != 0.0;
    }
    let groups = sums.len() as f64;
    let rows: f64 = sums.values().map(|(_, rows, _)| rows * rows).sum();
    let concentration = rows / (n * n).max(1.0);
    let squares: f64 = sums
        .values()
        .map(|&(sum, rows, _)| match sizes {
            Sizes::TakenAsEqual => groups / (groups - 1.0) * sum * sum,
            Sizes::Known => sum * sum / (1.0 - rows / n),
        })
        .sum();
    let variance = if groups > 1.0 { squares / (n * n) } else { 0.0 };
    let effective = match sizes {
        Sizes::TakenAsEqual => groups,
        Sizes::Known => n * n / rows,
    };
    // Equal differences leave a rest of rounding, which is no variance.
    let rounding = 1e-12 * (harm + gain) / n.max(1.0);
    let variance = if variance.sqrt() <= rounding {
        0.0
    } else {
        variance
    };
    let independent =
        ((harm + gain) - (gain - harm) * (gain - harm) / n.max(1.0)) / (n * n).max(1.0);
    let mut design_effect = if variance > 0.0 && independent > 0.0 {
        variance / independent
    } else {
        1.0
    };
    let discordant = sums.values().filter(|(_, _, differs)| *differs).count();
    if clusters.is_some() && discordant < FEW {
        design_effect = design_effect.max(rows / n.max(1.0));
    }
    Mean {
        estimate: estimate * scale,
        error: variance.sqrt() * scale,
        clusters: sums.len(),
        degrees: (effective - 1.0).max(1.0),
        concentration,
        design_effect,
        scale,
        table: Table {
            harm: harm / design_effect,
            gain: gain / design_effect,
            n: n / design_effect,
        },
    }
}

impl Mean {
    /// The critical value of a one-sided test at `alpha`: Student's t.
    pub fn critical(&self, alpha: f64) -> f64 {
        t_quantile(1.0 - alpha, self.degrees)
    }

    /// N² / Σ n_g²: how many clusters of equal size would say as much.
    pub fn effective_clusters(&self) -> f64 {
        1.0 / self.concentration
    }

    /// The p-value against a mean difference of `value` or less: below an alpha
    /// where [that](Self::excludes_down_to) is excluded at it.
    pub fn p_above(&self, value: f64) -> f64 {
        let value = value / self.scale;
        if value <= -1.0 {
            0.0
        } else {
            t_cdf(-self.table.score(value), self.degrees)
        }
    }

    /// The p-value against a mean difference of `value` or more: below an alpha
    /// where [the upper limit](Self::adjusted_upper) is below `value`.
    pub fn adjusted_p_below(&self, value: f64) -> f64 {
        let value = value / self.scale;
        self.table.adjusted_p_below(value, self.degrees)
    }

    /// The same differences with harm and gain exchanged.
    pub fn turned(&self) -> Self {
        Self {
            estimate: -self.estimate,
            table: self.table.turned(),
            ..*self
        }
    }

    /// One-sided limits at `alpha` each.
    pub fn limits(&self, alpha: f64) -> Limits {
        let limits = self.table.score_limits(self.critical(alpha));
        Limits {
            lower: limits.lower * self.scale,
            upper: limits.upper * self.scale,
        }
    }

    /// Whether a mean difference of `value` or less is excluded at `alpha`.
    pub fn excludes_down_to(&self, value: f64, alpha: f64) -> bool {
        let value = value / self.scale;
        value <= -1.0 || self.table.score(value) >= self.critical(alpha)
    }

    /// Whether a mean difference of `value` or more is excluded at `alpha`.
    pub fn excludes_up_to(&self, value: f64, alpha: f64) -> bool {
        let value = value / self.scale;
        value >= 1.0 || -self.table.score(value) >= self.critical(alpha)
    }

    /// The upper limit for showing that harm exceeds a margin: adjusted Wald, which
    /// keeps its level at small alphas where the score limits are too eager.
    pub fn adjusted_upper(&self, alpha: f64) -> f64 {
        self.table.adjusted_limits(self.critical(alpha)).upper * self.scale
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    const LARGEST: f64 = 1.0;

    #[test]
    fn agrees_with_the_reference() {
        let group = group("paired_mean_and_clusters");
        let case = &group["cluster_case"];
        let differences: Vec<f64> = case["d"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d.as_f64().unwrap())
            .collect();
        let clusters: Vec<u32> = case["cluster"]
            .as_array()
            .unwrap()
            .iter()
            .map(|c| c.as_u64().unwrap() as u32)
            .collect();
        let mean = mean(&differences, LARGEST, Some(&clusters));
        let expected = |key: &str| case[key].as_f64().unwrap();
        assert!(close(mean.estimate, expected("mean")));
        assert!(close(mean.error, expected("se")));
        assert!(close(mean.design_effect, expected("deff")));
        assert!(close(mean.table.harm, expected("b_eff")));
        assert!(close(mean.table.gain, expected("c_eff")));
        assert!(close(mean.table.n, expected("n_eff")));
        assert!(close(mean.critical(0.05), expected("t_crit_05")));
        let limits = mean.limits(0.05);
        assert!(
            close(limits.lower, expected("rao_scott_tango_lower")),
            "{limits:?}"
        );
        assert!(
            close(limits.upper, expected("rao_scott_tango_upper")),
            "{limits:?}"
        );
        assert_eq!(mean.clusters, case["G"].as_u64().unwrap() as usize);
        // Sizes 3, 2, 4, 1, 2, 3, 1 and 4: the squares add up to 60, of 20² rows.
        assert!(close(mean.concentration, 60.0 / 400.0));
        // The limits and their p-values are one another's.
        assert!(close(mean.p_above(limits.lower), 0.05));
        assert!(close(mean.p_above(limits.upper), 0.95));
        // Bonett & Price's limit of the effective counts.
        let [b, c, n] = ["b_eff", "c_eff", "n_eff"].map(expected);
        let difference = (c - b) / (n + 2.0);
        let variance = ((b + c + 2.0) / (n + 2.0) - difference * difference) / (n + 2.0);
        let upper = difference + expected("t_crit_05") * variance.sqrt();
        assert!(close(mean.adjusted_upper(0.05), upper));
        assert!(close(mean.adjusted_p_below(upper), 0.05));
        assert!(close(mean.adjusted_p_below(2.0 * difference - upper), 0.95));

        // In units of a third, which is the range of a score then, all is three times as large.
        let tripled: Vec<f64> = differences.iter().map(|d| 3.0 * d).collect();
        let mean = super::mean(&tripled, 3.0, Some(&clusters));
        assert!(close(mean.estimate, 3.0 * expected("mean")));
        assert!(close(mean.error, 3.0 * expected("se")));
        assert!(close(mean.design_effect, expected("deff")));
        let scaled = mean.limits(0.05);
        assert!(close(scaled.lower, 3.0 * limits.lower) && close(scaled.upper, 3.0 * limits.upper));
        assert!(close(mean.p_above(3.0 * limits.lower), 0.05));
        assert_eq!(mean.p_above(-3.0), 0.0);
        assert!(mean.p_above(-2.0) > 0.0);
        assert!(close(mean.adjusted_upper(0.05), 3.0 * upper));
        assert!(close(mean.adjusted_p_below(3.0 * upper), 0.05));
    }

    /// The same clusters, with their sizes known: NumPy and SciPy by the formulas, the
    /// deviations' squares over 1 − n_g / N, t of N² / Σ n_g² − 1 degrees of freedom.
    #[test]
    fn clusters_of_unequal_size_are_known_less_well() {
        let group = group("paired_mean_and_clusters");
        let case = &group["cluster_case"];
        let list = |key: &str| case[key].as_array().unwrap().iter();
        let differences: Vec<f64> = list("d").map(|d| d.as_f64().unwrap()).collect();
        let clusters: Vec<u32> = list("cluster")
            .map(|c| c.as_u64().unwrap() as u32)
            .collect();
        let found = mean_of_sizes(&differences, LARGEST, Some(&clusters));
        assert!(close(found.error, 0.174_389_568_799_932_37));
        assert!(close(found.effective_clusters(), 20.0 / 3.0));
        assert!(close(found.critical(0.05), 1.963_844_122_994_455));
        let limits = found.limits(0.05);
        assert!(close(limits.lower, -0.474_067_191_197_416_97));
        assert!(close(limits.upper, 0.213_209_282_662_554_34));
        // Of clusters of one size nothing changes, nor of rows by themselves.
        let pairs: Vec<u32> = (0..20).map(|row| row / 2).collect();
        for clusters in [None, Some(&pairs[..])] {
            let [plain, known] =
                [mean, mean_of_sizes].map(|by| by(&differences, LARGEST, clusters));
            assert!(close(known.error, plain.error) && close(known.degrees, plain.degrees));
            assert!(close(known.limits(0.01).lower, plain.limits(0.01).lower));
        }
    }

    #[test]
    fn harm_and_gain_are_exchanged() {
        let found = mean(&[-1.0, -1.0, -1.0, 0.5, 0.0, 0.0], LARGEST, None);
        let (limits, turned) = (found.limits(0.05), found.turned());
        assert_eq!(turned.estimate, 2.5 / 6.0);
        assert_eq!(turned.error, found.error);
        assert!(close(turned.limits(0.05).lower, -limits.upper));
        assert!(close(turned.limits(0.05).upper, -limits.lower));
        assert!(turned.adjusted_upper(0.05) > found.adjusted_upper(0.05));
    }

    /// Flips that cancel within their clusters show no variance; where few clusters have
    /// any, that counts for nothing.
    #[test]
    fn few_clusters_with_a_difference_are_guarded() {
        let design_effect = |pairs: &[(f64, u32)]| {
            let (differences, clusters): (Vec<f64>, Vec<u32>) = pairs.iter().copied().unzip();
            let found = mean(&differences, LARGEST, Some(&clusters));
            assert_eq!((found.estimate, found.error), (0.0, 0.0));
            (found.design_effect, found.concentration)
        };
        // Sizes 4, 2, 1 and 1: Σ n² = 22 of N = 8.
        let uneven = [-1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
            .into_iter()
            .zip([6, 6, 6, 6, 2, 2, 4, 5])
            .collect::<Vec<_>>();
        assert_eq!(design_effect(&uneven), (22.0 / 8.0, 22.0 / 64.0));
        // Clusters of two, of which four differ, or five: enough.
        let even = |differing: u32| -> Vec<(f64, u32)> {
            (0..6)
                .flat_map(|c| {
                    if c < differing {
                        [(-1.0, c), (1.0, c)]
                    } else {
                        [(0.0, c); 2]
                    }
                })
                .collect()
        };
        assert_eq!(design_effect(&even(4)), (2.0, 1.0 / 6.0));
        assert_eq!(design_effect(&even(5)), (1.0, 1.0 / 6.0));
    }

    #[test]
    fn equal_differences_have_no_variance() {
        // Sevenths of a sum of tenths are not tenths.
        for value in [0.1, -0.1] {
            let found = mean(&[value; 7], LARGEST, None);
            assert_eq!((found.error, found.design_effect), (0.0, 1.0));
            assert!(found.limits(0.05).lower < value && value < found.limits(0.05).upper);
        }
        assert_eq!(mean(&[-1.0], LARGEST, None).error, 0.0);
        // Tiny ones that differ have: s² = 1e-26, of four.
        let tiny = mean(&[1e-13, 2e-13, 3e-13], LARGEST, None);
        assert!((tiny.error / (1e-26_f64 / 3.0).sqrt() - 1.0).abs() < 1e-9);
        // So have many that are large and nearly equal: s² = 2^-54 · 1000 / 999.
        let nearly: Vec<f64> = (0..1000)
            .map(|row| 1.0 + f64::from(row % 2) * libm::exp2(-26.0))
            .collect();
        let error = mean(&nearly, 2.0, None).error;
        assert!(
            close(error, libm::exp2(-27.0) / f64::sqrt(999.0)),
            "{error}"
        );
    }

    #[test]
    fn no_discordance_and_single_rows_are_defined() {
        for rows in [vec![0.0], vec![0.0; 40], vec![-1.0], vec![1.0; 3]] {
            let mean = mean(&rows, LARGEST, None);
            let limits = mean.limits(0.05);
            assert!(
                limits.lower.is_finite() && limits.upper.is_finite(),
                "{rows:?}: {limits:?}"
            );
            assert!(limits.lower <= mean.estimate + 1e-12 && limits.upper >= mean.estimate - 1e-12);
        }
    }

    #[test]
    fn whole_clusters_that_flip_are_not_taken_for_independent_rows() {
        // One cluster of twenty in ten flips: with rows as independent the limit
        // would be near −0.1 − 0.05.
        let differences: Vec<f64> = (0..200)
            .map(|row| if row < 20 { -1.0 } else { 0.0 })
            .collect();
        let clusters: Vec<u32> = (0..200).map(|row| row / 20).collect();
        let by_row = mean(&differences, LARGEST, None).limits(0.05);
        let by_cluster = mean(&differences, LARGEST, Some(&clusters)).limits(0.05);
        assert!(
            by_cluster.lower < by_row.lower - 0.1,
            "{by_row:?} {by_cluster:?}"
        );
    }

    proptest! {
        #[test]
        fn swapping_the_runs_mirrors(
            differences in prop::collection::vec(prop_oneof![Just(0.0), -1.0..1.0f64, -3.0..3.0f64], 2..60),
            margin in 0.001..0.5f64,
        ) {
            let one = mean(&differences, 3.0, None);
            let turned: Vec<f64> = differences.iter().map(|d| -d).collect();
            let other = mean(&turned, 3.0, None);
            let (a, b) = (one.limits(0.01), other.limits(0.01));
            prop_assert!((a.lower + b.upper).abs() < 1e-8, "{a:?} {b:?}");
            prop_assert_eq!(one.excludes_down_to(-margin, 0.01), other.excludes_up_to(margin, 0.01));
        }

        #[test]
        fn limits_and_decisions_agree(
            differences in prop::collection::vec(prop_oneof![Just(0.0), -1.0..1.0f64], 2..60),
            margin in 0.001..0.5f64,
        ) {
            let mean = mean(&differences, LARGEST, None);
            let lower = mean.limits(0.01).lower;
            prop_assume!((lower + margin).abs() > 1e-9);
            prop_assert_eq!(mean.excludes_down_to(-margin, 0.01), lower > -margin);
        }
    }
}
