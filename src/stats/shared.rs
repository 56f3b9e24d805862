//! Replicates that all examples share: examples and replicates are crossed, and
//! both are sources of variance.

use super::Limits;
use super::distribution::{t_cdf, t_quantile};
use super::jackknife::t_p_above;

/// A mean with a standard error and its degrees of freedom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The mean difference; negative is harm.
    pub estimate: f64,
    /// Its standard error.
    pub error: f64,
    /// By Satterthwaite's approximation.
    pub degrees: f64,
}

impl Estimate {
    /// P(T ≤ t): the one-sided p-value of harm. Without any variance it is 0 for
    /// harm, 1 for gain and 1/2 for neither.
    pub fn p_harm(&self) -> f64 {
        if self.error == 0.0 {
            return match self.estimate {
                d if d < 0.0 => 0.0,
                d if d > 0.0 => 1.0,
                _ => 0.5,
            };
        }
        t_cdf(self.estimate / self.error, self.degrees)
    }

    /// The p-value against a truth of `value` or less.
    pub fn p_above(&self, value: f64) -> f64 {
        t_p_above(self.estimate - value, self.error, self.degrees)
    }

    /// The p-value against a truth of `value` or more.
    pub fn p_below(&self, value: f64) -> f64 {
        t_p_above(value - self.estimate, self.error, self.degrees)
    }

    /// One-sided limits at `alpha` each.
    pub fn limits(&self, alpha: f64) -> Limits {
        let reach = if self.error == 0.0 {
            0.0
        } else {
            t_quantile(1.0 - alpha, self.degrees) * self.error
        };
        Limits {
            lower: self.estimate - reach,
            upper: self.estimate + reach,
        }
    }
}

/// The mean of `differences[example · replicates + replicate]` where all examples
/// of a replicate share one random draw.
///
/// The variance is max(MS examples + MS replicates − MS rest, MS examples, MS
/// replicates) / (n K).
///
/// Source: Owen 2007; statistics.md 2.3.
pub fn crossed(differences: &[f64], replicates: usize) -> Estimate {
    let k = replicates.max(1);
    let n = differences.len() / k;
    let total = (n * k).max(1) as f64;
    let estimate = differences.iter().sum::<f64>() / total;
    if n < 2 || k < 2 {
        return Estimate {
            estimate,
            // Nothing is known of a variance that has one value.
            error: f64::INFINITY,
            degrees: 1.0,
        };
    }
    let [rows, columns] = [n as f64, k as f64];
    let by_example: Vec<f64> = differences
        .chunks(k)
        .map(|row| row.iter().sum::<f64>() / columns)
        .collect();
    let by_replicate: Vec<f64> = (0..k)
        .map(|replicate| differences.iter().skip(replicate).step_by(k).sum::<f64>() / rows)
        .collect();
    let square = |values: &[f64]| {
        values
            .iter()
            .map(|value| (value - estimate) * (value - estimate))
            .sum::<f64>()
    };
    let examples = columns * square(&by_example) / (rows - 1.0);
    let shared = rows * square(&by_replicate) / (columns - 1.0);
    let rest: f64 = differences
        .iter()
        .enumerate()
        .map(|(place, value)| {
            let residual = value - by_example[place / k] - by_replicate[place % k] + estimate;
            residual * residual
        })
        .sum::<f64>()
        / ((rows - 1.0) * (columns - 1.0));
    let sum = examples + shared - rest;
    let (mean_square, degrees) = if sum >= examples && sum >= shared && sum > 0.0 {
        let spread = examples * examples / (rows - 1.0)
            + shared * shared / (columns - 1.0)
            + rest * rest / ((rows - 1.0) * (columns - 1.0));
        (sum, sum * sum / spread)
    } else if examples >= shared {
        (examples, rows - 1.0)
    } else {
        (shared, columns - 1.0)
    };
    Estimate {
        estimate,
        error: (mean_square / total).sqrt(),
        degrees: degrees.max(1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::close;

    #[test]
    fn a_shared_draw_that_moves_all_examples_widens_the_error() {
        // Replicates differ by a constant for all examples: only their spread counts.
        let offsets = [-0.02, 0.01, 0.03, -0.01, -0.01];
        let differences: Vec<f64> = (0..200).flat_map(|_| offsets).collect();
        let found = crossed(&differences, 5);
        let variance = offsets.iter().map(|o| o * o).sum::<f64>() / 4.0;
        assert!((found.error - (variance / 5.0).sqrt()).abs() < 1e-12);
        assert!((found.degrees - 4.0).abs() < 1e-9);
        assert!(found.estimate.abs() < 1e-12);
    }

    #[test]
    fn without_a_shared_part_it_is_the_error_over_examples() {
        // Examples differ, replicates do not.
        let values = [0.0, 0.2, -0.4, 0.0, -0.2, 0.1];
        let differences: Vec<f64> = values.iter().flat_map(|&value| [value; 3]).collect();
        let found = crossed(&differences, 3);
        let mean = values.iter().sum::<f64>() / 6.0;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 5.0;
        assert!((found.error - (variance / 6.0).sqrt()).abs() < 1e-12);
        assert!((found.degrees - 5.0).abs() < 1e-9);
    }

    /// Mean squares by statsmodels 0.15, of one line a cell:
    /// `anova_lm(ols("y ~ C(example) + C(replicate)", cells).fit()).mean_sq`.
    #[test]
    fn mean_squares_and_degrees_are_those_of_the_analysis_of_variance() {
        let table = [0.0, 1.0, 4.0, 2.0, 7.0, 5.0, 1.0, 3.0, 3.0, 6.0, 6.0, 10.0];
        let found = crossed(&table, 3);
        let (examples, shared, rest) = (178.0 / 9.0, 10.75, 79.0 / 36.0);
        let sum: f64 = examples + shared - rest;
        assert!(close(found.estimate, 4.0));
        assert!(close(found.error, (sum / 12.0).sqrt()));
        // Satterthwaite's, of 3, 2 and 6 degrees: 4.248.
        let spread = examples * examples / 3.0 + shared * shared / 2.0 + rest * rest / 6.0;
        assert!(close(found.degrees, sum * sum / spread));
        assert!(close(found.degrees, 4.248_160_518_729_636));
        // Replicates vary less (31/12) than the rest does (67/12): examples alone (257/12).
        let table = [
            [0.0, 1.0, 5.0],
            [2.0, 7.0, 3.0],
            [4.0, 1.0, 1.0],
            [6.0, 9.0, 8.0],
        ];
        let found = crossed(table.as_flattened(), 3);
        assert!(close(found.error, (257.0_f64 / 12.0 / 12.0).sqrt()));
        assert_eq!(found.degrees, 3.0);
        // Turned, it is the replicates alone.
        let turned: Vec<f64> = (0..3).flat_map(|k| table.map(|row| row[k])).collect();
        let found = crossed(&turned, 4);
        assert!(close(found.estimate, 47.0 / 12.0));
        assert!(close(found.error, (257.0_f64 / 12.0 / 12.0).sqrt()));
        assert_eq!(found.degrees, 3.0);
    }

    #[test]
    fn no_variance_is_defined() {
        for (value, p) in [(-0.25, 0.0), (0.0, 0.5), (0.25, 1.0)] {
            let found = crossed(&[value; 12], 3);
            assert_eq!((found.error, found.degrees), (0.0, 3.0));
            assert_eq!(found.p_harm(), p);
            let limits = found.limits(0.05);
            assert_eq!((limits.lower, limits.upper), (value, value));
            assert_eq!((found.p_above(-1.0), found.p_above(1.0)), (0.0, 1.0));
        }
    }

    #[test]
    fn one_example_or_replicate_says_nothing_of_its_variance() {
        for (values, replicates) in [(&[0.5, -0.25, 0.0][..], 3), (&[0.5, -0.25, 0.0], 1)] {
            let found = crossed(values, replicates);
            assert!(close(found.estimate, 0.25 / 3.0));
            assert_eq!((found.error, found.degrees), (f64::INFINITY, 1.0));
        }
        // Two of each do: means of examples 0 and 2, of replicates 0 and 2 about 1; mean
        // squares 4 and 4 and no rest, 8 / 4 with 8² / (4² + 4²) degrees of freedom.
        let two = crossed(&[-1.0, 1.0, 1.0, 3.0], 2);
        assert!(close(two.estimate, 1.0) && close(two.error, 2.0_f64.sqrt()));
        assert!(close(two.degrees, 2.0));
    }

    /// The t of 4 degrees of freedom and 95 % is 2.131847 (any table).
    #[test]
    fn p_values_and_limits_are_students() {
        let found = Estimate {
            estimate: 7.0,
            error: 2.0,
            degrees: 4.0,
        };
        let reach = 2.0 * 2.131_846_786_326_649;
        let limits = found.limits(0.05);
        assert!(close(limits.lower, 7.0 - reach) && close(limits.upper, 7.0 + reach));
        assert!(close(found.p_above(7.0 - reach), 0.05) && close(found.p_below(7.0 + reach), 0.05));
        assert!(close(found.p_above(7.0 + reach), 0.95) && close(found.p_below(7.0 - reach), 0.95));
        let harm = Estimate {
            estimate: -reach,
            ..found
        };
        assert!(close(harm.p_harm(), 0.05));
    }
}
