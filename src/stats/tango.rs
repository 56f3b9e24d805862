//! Limits of the difference of paired proportions: Tango's score method, and the
//! adjusted Wald limits of Bonett & Price.

use super::Limits;
use super::jackknife::t_p_above;

/// A paired table: `n` pairs, of which `harm` were right before and are wrong now
/// and `gain` the other way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Table {
    /// Right before, wrong now.
    pub harm: f64,
    /// Wrong before, right now.
    pub gain: f64,
    /// All pairs.
    pub n: f64,
}

impl Table {
    /// Tango's score statistic for the hypothesis that the difference (gain −
    /// harm) / n is `difference`, in (−1, 1): large where the data lie above it.
    ///
    /// Source: Tango 1998, equations 24 to 26, as statistics.md 2.1 has it.
    pub fn score(&self, difference: f64) -> f64 {
        let Self {
            harm: b,
            gain: c,
            n,
        } = *self;
        if n <= 0.0 {
            return 0.0;
        }
        let first = 2.0 * n;
        let second = -b - c + (2.0 * n - c + b) * difference;
        let third = -b * difference * (1.0 - difference);
        let root = (second * second - 4.0 * first * third).max(0.0).sqrt();
        // The larger root, in the form that does not cancel.
        let q = if second <= 0.0 {
            (root - second) / (2.0 * first)
        } else {
            -2.0 * third / (root + second)
        };
        let variance = n * (2.0 * q + difference * (1.0 - difference));
        let distance = c - b - n * difference;
        if variance <= 0.0 {
            return match distance {
                d if d > 0.0 => f64::INFINITY,
                d if d < 0.0 => f64::NEG_INFINITY,
                _ => 0.0,
            };
        }
        distance / variance.sqrt()
    }

    /// The one-sided limits at the critical value `z` each, by bisection of
    /// [`score`](Self::score), which falls in the difference. Without discordant
    /// pairs they are ∓z² / (n + z²).
    pub fn score_limits(&self, z: f64) -> Limits {
        if self.n <= 0.0 || !z.is_finite() {
            return Limits {
                lower: -1.0,
                upper: 1.0,
            };
        }
        if self.harm + self.gain == 0.0 {
            let limit = z * z / (self.n + z * z);
            return Limits {
                lower: -limit,
                upper: limit,
            };
        }
        let estimate = (self.gain - self.harm) / self.n;
        let bisect = |mut inside: f64, mut outside: f64, target: f64| {
            let downwards = outside < inside;
            for _ in 0..200 {
                let middle = 0.5 * (inside + outside);
                if middle == inside || middle == outside {
                    break;
                }
                let beyond = if downwards {
                    self.score(middle) > target
                } else {
                    self.score(middle) < target
                };
                if beyond {
                    outside = middle;
                } else {
                    inside = middle;
                }
            }
            0.5 * (inside + outside)
        };
        Limits {
            lower: bisect(estimate, -1.0, z),
            upper: bisect(estimate, 1.0, -z),
        }
    }

    /// The p-value against a difference of `value` or more: the upper
    /// [adjusted limit](Self::adjusted_limits) is below `value` where it is below the alpha.
    pub fn adjusted_p_below(&self, value: f64) -> f64 {
        let (difference, error) = self.adjusted();
        t_p_above(value - difference, error, f64::INFINITY)
    }

    /// The same pairs with harm and gain exchanged.
    pub fn turned(&self) -> Self {
        Self {
            harm: self.gain,
            gain: self.harm,
            ..*self
        }
    }

    /// The difference and its standard error with one pair added to each cell.
    fn adjusted(&self) -> (f64, f64) {
        let total = self.n + 2.0;
        let [harm, gain] = [(self.harm + 1.0) / total, (self.gain + 1.0) / total];
        let difference = gain - harm;
        let error = ((harm + gain - difference * difference).max(0.0) / total).sqrt();
        (difference, error)
    }

    /// The adjusted Wald limits at the critical value `z` each, not clipped to
    /// [−1, 1].
    ///
    /// Source: Bonett & Price 2012.
    pub fn adjusted_limits(&self, z: f64) -> Limits {
        let (difference, error) = self.adjusted();
        Limits {
            lower: difference - z * error,
            upper: difference + z * error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::distribution::normal_quantile;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    #[test]
    fn score_limits_agree_with_the_reference() {
        let group = group("tango_score_paired");
        let number = |case: &serde_json::Value, key: &str| case[key].as_f64().unwrap();
        let cases = group["cases"].as_array().unwrap().iter();
        let more = group["non_integer_counts"].as_array().unwrap().iter();
        let mut count = 0;
        for case in cases.chain(more) {
            let table = Table {
                harm: number(case, "b"),
                gain: number(case, "c"),
                n: number(case, "n"),
            };
            let limits = table.score_limits(number(case, "z"));
            assert!(
                close(limits.lower, number(case, "lower")),
                "{case}: {limits:?}"
            );
            assert!(
                close(limits.upper, number(case, "upper")),
                "{case}: {limits:?}"
            );
            for (key, difference) in [("T_at_-0.01", -0.01), ("T_at_-0.05", -0.05)] {
                if let Some(expected) = case[key].as_f64() {
                    assert!(close(table.score(difference), expected), "{case}");
                }
            }
            count += 1;
        }
        assert!(count > 70);
    }

    #[test]
    fn published_limits() {
        // Cavo 2012 in Fagerland et al. 2014; the contact lenses of Tango 1998, 6.1.
        let z = normal_quantile(0.975);
        let table = |harm, gain, n| Table { harm, gain, n };
        let lenses = table(1.0, 0.0, 44.0).score_limits(normal_quantile(0.95));
        assert!((lenses.lower + 0.096).abs() < 5e-4, "{lenses:?}");
        let cavo = table(16.0, 6.0, 161.0).score_limits(z);
        assert!(
            (cavo.lower + 0.1240).abs() < 5e-5 && (cavo.upper + 0.0054).abs() < 5e-5,
            "{cavo:?}"
        );
    }

    #[test]
    fn adjusted_limits_agree_with_the_reference() {
        let group = group("paired_difference_other");
        for case in group["cases"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let table = Table {
                harm: number("b"),
                gain: number("c"),
                n: number("a") + number("b") + number("c") + number("d"),
            };
            let z = normal_quantile(1.0 - number("alpha_two_sided") / 2.0);
            let limits = table.adjusted_limits(z);
            let expected = &case["bonett_price_unclipped"];
            assert!(close(limits.lower, expected[0].as_f64().unwrap()), "{case}");
            assert!(close(limits.upper, expected[1].as_f64().unwrap()), "{case}");
            // Each limit is where its p-value is the error rate.
            let half = number("alpha_two_sided") / 2.0;
            let p = |value| table.adjusted_p_below(value);
            assert!(close(p(limits.upper), half) && close(p(limits.lower), 1.0 - half));
        }
    }

    #[test]
    fn scores_and_limits_at_the_ends_are_defined() {
        let table = |harm, gain, n| Table { harm, gain, n };
        // No data are as far as these hypotheses, which leave nothing to chance.
        let some = table(2.0, 1.0, 10.0);
        assert_eq!(
            (some.score(-1.0), some.score(1.0)),
            (f64::INFINITY, f64::NEG_INFINITY)
        );
        assert_eq!(table(0.0, 0.0, 10.0).score(0.0), 0.0);
        assert_eq!(table(10.0, 0.0, 10.0).score(-1.0), 0.0);
        let all = Limits {
            lower: -1.0,
            upper: 1.0,
        };
        assert_eq!(table(0.0, 0.0, 0.0).score_limits(1.6), all);
        assert_eq!(table(0.0, 0.0, 10.0).score_limits(f64::INFINITY), all);
        assert_eq!(some.score_limits(f64::INFINITY), all);
        // At an alpha of 1/2 both are the estimate.
        let half = some.score_limits(0.0);
        assert!(
            close(half.lower, -0.1) && close(half.upper, -0.1),
            "{half:?}"
        );
    }

    proptest! {
        #[test]
        fn the_score_falls_and_swapping_the_runs_mirrors(
            harm in 0u32..200, gain in 0u32..200, more in 0u32..2000, z in 0.5..4.0f64,
            low in -0.99..0.99f64, step in 1e-4..0.5f64,
        ) {
            let n = f64::from(harm + gain + more + 1);
            let table = Table { harm: harm.into(), gain: gain.into(), n };
            let high = (low + step).min(0.995);
            prop_assert!(table.score(high) <= table.score(low) + 1e-9);
            let limits = table.score_limits(z);
            let mirrored = Table { harm: gain.into(), gain: harm.into(), n }.score_limits(z);
            prop_assert!((limits.lower + mirrored.upper).abs() < 1e-9);
            prop_assert!((limits.upper + mirrored.lower).abs() < 1e-9);
            prop_assert!(limits.lower <= limits.upper);
        }
    }
}
