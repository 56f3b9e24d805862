//! Sets that are all there is: only the seeds are a sample.

use super::shared::Estimate;

/// The mean of `differences[example · replicates + replicate]` over a fixed set:
/// its variance is that within the examples, Σ sᵢ² / (K n²), with Satterthwaite's
/// degrees of freedom. With one replicate there is none, and the mean is exact.
///
/// Source: statistics.md 2.3b.
pub fn fixed_set(differences: &[f64], replicates: usize) -> Estimate {
    let k = replicates.max(1);
    let n = (differences.len() / k).max(1) as f64;
    let estimate = differences.iter().sum::<f64>() / (n * k as f64);
    if k < 2 {
        return Estimate {
            estimate,
            error: 0.0,
            degrees: 1.0,
        };
    }
    let (mut sum, mut squares) = (0.0, 0.0);
    for row in differences.chunks(k) {
        let mean = row.iter().sum::<f64>() / k as f64;
        let variance = row
            .iter()
            .map(|value| (value - mean) * (value - mean))
            .sum::<f64>()
            / (k as f64 - 1.0);
        sum += variance;
        squares += variance * variance;
    }
    Estimate {
        estimate,
        error: (sum / k as f64).sqrt() / n,
        degrees: if squares > 0.0 {
            sum * sum * (k as f64 - 1.0) / squares
        } else {
            1.0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_spread_within_examples_counts() {
        // Examples differ wildly, replicates do not: the mean is known exactly.
        let fixed = fixed_set(&[-1.0, -1.0, 1.0, 1.0, -1.0, -1.0], 2);
        assert_eq!(fixed.error, 0.0);
        assert!((fixed.estimate + 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(fixed.p_harm(), 0.0);
        // One example with variance 1/2 of three: sqrt(0.5 / 2) / 3.
        let one = fixed_set(&[-1.0, 0.0, 0.0, 0.0, 0.0, 0.0], 2);
        assert!((one.error - 0.5 / 3.0).abs() < 1e-12);
        assert!((one.degrees - 1.0).abs() < 1e-12);
        assert_eq!(fixed.degrees, 1.0);
        // Means 1, 2 and 2, variances 3, 1 and 7: √(11 / 3) / 3, with 11² · 2 / (9 + 1 + 49)
        // degrees of freedom.
        let three = fixed_set(&[0.0, 0.0, 3.0, 1.0, 2.0, 3.0, 0.0, 1.0, 5.0], 3);
        assert!((three.estimate - 5.0 / 3.0).abs() < 1e-12);
        assert!((three.error - (11.0_f64 / 3.0).sqrt() / 3.0).abs() < 1e-12);
        assert!((three.degrees - 242.0 / 59.0).abs() < 1e-12);
        // One replicate: the mean is exact.
        let single = fixed_set(&[-1.0, 0.0, 0.5], 1);
        assert!((single.estimate + 0.5 / 3.0).abs() < 1e-12);
        assert_eq!((single.error, single.degrees), (0.0, 1.0));
    }
}
