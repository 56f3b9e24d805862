//! What a sample says about examples that are not in it: a score may lie far away in a
//! few, which a small sample has none of, whatever those that it has agree on.

use super::Limits;

/// A mean difference of scores, and what it leaves open about what was not drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Unseen {
    /// The mean difference that was observed.
    pub estimate: f64,
    /// The largest difference that there can be, either way.
    pub range: f64,
    /// The number of examples, or of clusters that would say as much.
    pub n: f64,
}

impl Unseen {
    /// The probability that none was drawn of the examples that would make the mean
    /// `value` or less: differences of −range, beside others like those that were seen.
    /// A p-value against that must not be smaller.
    ///
    /// Source: the rule of three (Hanley & Lippman-Hand 1983) for a share of the range.
    pub fn p_above(&self, value: f64) -> f64 {
        self.missed(self.range + value, self.range + self.estimate)
    }

    /// The same of a mean of `value` or more.
    pub fn p_below(&self, value: f64) -> f64 {
        self.missed(self.range - value, self.range - self.estimate)
    }

    /// The values that have a p-value of `alpha`: no limit may be closer.
    pub fn limits(&self, alpha: f64) -> Limits {
        let kept = libm::pow(alpha, 1.0 / self.n);
        Limits {
            lower: (self.range + self.estimate) * kept - self.range,
            upper: self.range - (self.range - self.estimate) * kept,
        }
    }

    /// The smallest observed harm that has a p-value of `alpha` against a mean of
    /// `-harm` or more.
    pub fn smallest_beyond(&self, harm: f64, alpha: f64) -> f64 {
        (self.range + harm) * libm::pow(alpha, -1.0 / self.n) - self.range
    }

    /// (left / seen)^n, where `left / seen` is the share of the examples that are as
    /// those that were drawn.
    fn missed(&self, left: f64, seen: f64) -> f64 {
        if left <= 0.0 {
            0.0
        } else if left >= seen {
            1.0
        } else {
            libm::pow(left / seen, self.n)
        }
    }
}

/// The number of examples at which a mean harm of `seen` has a p-value of `alpha`
/// against a mean harm of `harm` or less, `range` being the largest difference.
pub fn fewest(range: f64, seen: f64, harm: f64, alpha: f64) -> f64 {
    -libm::log(alpha) / libm::log((range + seen) / (range + harm))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::close;
    use proptest::prelude::*;

    /// Without a difference in n examples, a share of 1 − alpha^(1/n) may have the
    /// largest: `scipy.stats.beta.ppf(0.95, 1, 20)` of 20, Clopper & Pearson's limit.
    #[test]
    fn nothing_seen_is_the_exact_limit_of_a_proportion() {
        let unseen = Unseen {
            estimate: 0.0,
            range: 1.0,
            n: 20.0,
        };
        let limits = unseen.limits(0.05);
        assert!(close(limits.lower, -0.139_108_340_668_265_16), "{limits:?}");
        assert!(close(limits.upper, 0.139_108_340_668_265_16));
    }

    /// 0.99^50 is the probability of none of the one in a hundred examples that gain 5,
    /// beside which the others lose 5 / 99: the true mean is zero.
    #[test]
    fn what_a_small_sample_misses_is_no_harm() {
        let unseen = Unseen {
            estimate: -5.0 / 99.0,
            range: 5.0,
            n: 50.0,
        };
        assert!(close(unseen.p_below(0.0), 0.605_006_067_137_536_7));
        assert_eq!(unseen.p_above(0.0), 1.0);
        assert_eq!(unseen.p_above(-5.0), 0.0);
        // Its inverses: the harm, and the number of examples.
        let alpha = 0.605_006_067_137_536_7;
        assert!(close(unseen.smallest_beyond(0.0, alpha), 5.0 / 99.0));
        assert!(close(unseen.smallest_beyond(0.94, alpha), 1.0));
        assert!(close(fewest(5.0, 5.0 / 99.0, 0.0, alpha), 50.0));
        assert!(close(fewest(5.0, 1.0, 0.94, alpha), 50.0));
    }

    proptest! {
        #[test]
        fn limits_are_where_p_is_alpha(
            estimate in -0.9..0.9f64, n in 1.0..5000.0f64, alpha in 0.0001..0.4f64,
        ) {
            let unseen = Unseen { estimate: 3.0 * estimate, range: 3.0, n };
            let limits = unseen.limits(alpha);
            prop_assert!((unseen.p_above(limits.lower) / alpha - 1.0).abs() < 1e-8);
            prop_assert!((unseen.p_below(limits.upper) / alpha - 1.0).abs() < 1e-8);
            prop_assert!(limits.lower < unseen.estimate && unseen.estimate < limits.upper);
            let harm = Unseen { estimate: -unseen.smallest_beyond(0.1, alpha), ..unseen };
            if harm.estimate > -3.0 {
                prop_assert!((harm.p_below(-0.1) / alpha - 1.0).abs() < 1e-8);
            }
        }
    }
}
