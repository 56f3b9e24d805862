//! New values against a few accepted ones of the same kind: is one lower than one more
//! of them would be, or lower than another is by luck?

use super::shared::Estimate;

/// The difference of `value` to the mean of `accepted`, with the standard error that
/// one more value of the same normal distribution would have, s √(1 + 1/R), and
/// R − 1 degrees of freedom; `None` for fewer than two accepted values.
///
/// Accuracies of retrains on the same examples are exchangeable, so that this covers
/// both the spread between retrains and that of their answers, and holds its level
/// for any number of them, where a variance that is estimated and then taken for
/// known does not.
///
/// Source: Crawford & Howell 1998; the prediction interval of the normal sample.
pub fn one_more(value: f64, accepted: &[f64]) -> Option<Estimate> {
    let count = accepted.len() as f64;
    if count < 2.0 {
        return None;
    }
    let mean = accepted.iter().sum::<f64>() / count;
    let squares: f64 = accepted.iter().map(|one| (one - mean) * (one - mean)).sum();
    Some(Estimate {
        estimate: value - mean,
        error: (squares / (count - 1.0) * (1.0 + 1.0 / count)).sqrt(),
        degrees: count - 1.0,
    })
}

/// A `difference` of two values, neither of which is among the `accepted` ones, with
/// the standard error that two of the same spread would have, s √2, and R − 1 degrees
/// of freedom; `None` for fewer than two accepted values.
///
/// The means of the two may differ from that of the accepted: only s is taken from
/// them, and it is independent of the difference, so that the ratio is exactly
/// Student's t. Source: Student's two samples of one value each, with the variance of
/// a third (Welch 1938 has the general form).
pub fn one_from_another(difference: f64, accepted: &[f64]) -> Option<Estimate> {
    let spread = one_more(0.0, accepted)?;
    let count = accepted.len() as f64;
    Some(Estimate {
        estimate: difference,
        error: spread.error * (2.0 / (1.0 + 1.0 / count)).sqrt(),
        degrees: spread.degrees,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prediction_interval_of_a_small_sample() {
        // Mean 3, s² = 2.5, so that the error is √(2.5 · 1.2) = √3; with four degrees
        // of freedom P(T ≤ −2.131847) = 0.05 (any table of Student's t).
        let accepted = [1.0, 2.0, 3.0, 4.0, 5.0];
        let found = one_more(3.0 - 2.131_846_786 * f64::sqrt(3.0), &accepted).unwrap();
        assert!((found.error - f64::sqrt(3.0)).abs() < 1e-12);
        assert_eq!(found.degrees, 4.0);
        assert!((found.p_harm() - 0.05).abs() < 1e-8, "{}", found.p_harm());
        assert_eq!(one_more(0.0, &[1.0]), None);
        // Two are enough: s² = 1/2, and one degree of freedom.
        let two = one_more(0.0, &[1.0, 2.0]).unwrap();
        assert_eq!((two.estimate, two.degrees), (-1.5, 1.0));
        assert!((two.error - f64::sqrt(0.5 * 1.5)).abs() < 1e-12);
    }

    #[test]
    fn two_values_differ_by_twice_the_variance_of_one() {
        // s² = 2.5, so that the error is √5, of the same four degrees of freedom.
        let accepted = [1.0, 2.0, 3.0, 4.0, 5.0];
        let found = one_from_another(-2.131_846_786 * f64::sqrt(5.0), &accepted).unwrap();
        assert!((found.error - f64::sqrt(5.0)).abs() < 1e-12);
        assert_eq!(found.degrees, 4.0);
        assert!((found.p_harm() - 0.05).abs() < 1e-8, "{}", found.p_harm());
        assert_eq!(one_from_another(0.0, &[1.0]), None);
    }

    #[test]
    fn values_without_spread_are_defined() {
        assert_eq!(one_more(0.9, &[0.9; 3]).unwrap().p_harm(), 0.5);
        assert_eq!(one_more(0.8, &[0.9; 3]).unwrap().p_harm(), 0.0);
    }
}
