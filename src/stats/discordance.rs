//! Pairs of single yes-or-no answers, none of which belong together: McNemar's test of
//! harm, Tango's limits, and what they cannot see.

use super::Limits;
use super::distribution::{binomial_cdf, normal_cdf, normal_quantile};
use super::mcnemar::{fewest_harms, mid_p};
use super::power::{Test, ToShow, pairs_to_prove, smallest_beyond_margin};
use super::root;
use super::tango::Table;

/// Counts of pairs that differ, among `n`. They are whole but where they are planned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Discordance {
    /// Right before, wrong now.
    pub harm: u64,
    /// Wrong before, right now.
    pub gain: u64,
    /// All pairs.
    pub n: u64,
}

impl Discordance {
    fn table(&self) -> Table {
        Table {
            harm: self.harm as f64,
            gain: self.gain as f64,
            n: self.n as f64,
        }
    }

    /// The difference (gain − harm) / n.
    pub fn estimate(&self) -> f64 {
        (self.gain as f64 - self.harm as f64) / self.n.max(1) as f64
    }

    /// The standard error of the difference.
    pub fn error(&self) -> f64 {
        let (n, estimate) = (self.n as f64, self.estimate());
        let churn = (self.harm + self.gain) as f64 / n.max(1.0);
        ((churn - estimate * estimate).max(0.0) / (n - 1.0).max(1.0)).sqrt()
    }

    /// The same with harm and gain exchanged.
    #[must_use]
    pub fn turned(&self) -> Self {
        Self {
            harm: self.gain,
            gain: self.harm,
            ..*self
        }
    }

    /// The mid-p value of McNemar's test against no harm.
    pub fn p_harm(&self) -> f64 {
        mid_p(self.harm, self.gain)
    }

    /// The p-value against a drop of `margin` or less: small, where harm beyond the margin
    /// is shown.
    ///
    /// Source: Bonett & Price 2012, whose limits keep small alphas, as Tango's do not.
    pub fn p_beyond(&self, margin: f64) -> f64 {
        self.table().adjusted_p_below(-margin)
    }

    /// The p-value against a drop of `margin` or more: small, where harm beyond the margin
    /// is excluded. Tango's, but never below the probability that none was drawn of the
    /// examples that would make it the margin, nor that so few of them are wrong now.
    ///
    /// Source: Tango 1998; the two guards and their size are statistics.md II.1's.
    pub fn p_within(&self, margin: f64) -> f64 {
        let n = self.n as f64;
        let score = normal_cdf(-self.table().score(-margin));
        let unseen = libm::pow((1.0 - margin) / (1.0 + self.estimate()), n);
        let lost = self.harm.saturating_sub(self.gain);
        score
            .max(unseen.min(1.0))
            .max(binomial_cdf(lost, self.n, margin))
    }

    /// One-sided limits at `alpha` each, which say what the p-values of what is `to_show`
    /// say: Tango's, those of Bonett & Price of harm beyond the margin, and of a proof where
    /// [`p_within`](Self::p_within) is alpha.
    pub fn limits(&self, to_show: ToShow, alpha: f64) -> Limits {
        let z = normal_quantile(1.0 - alpha);
        match to_show {
            ToShow::Harm => self.table().score_limits(z),
            ToShow::HarmBeyondMargin => self.table().adjusted_limits(z),
            ToShow::WithinMargin => {
                let upper = |side: Self| {
                    let p = |value| side.turned().p_within(value);
                    root::where_p_is(alpha, p, side.estimate(), 1.0)
                };
                Limits {
                    lower: -upper(self.turned()),
                    upper: upper(*self),
                }
            }
        }
    }

    /// Whether `pairs` pairs that differ as often as these would answer what is asked, with
    /// its power: harm of `harm` shown, or an equal model within the margin.
    pub fn shows(&self, to_show: ToShow, test: &Test, harm: f64, pairs: f64) -> bool {
        let churn = (self.harm + self.gain) as f64 / self.n.max(1) as f64;
        let with_harm = (churn + harm).min(1.0);
        match to_show {
            ToShow::Harm => {
                let needed = test.pairs_needed(harm, with_harm);
                needed.is_some_and(|needed| needed <= pairs)
                    && fewest_harms(test.alpha) as f64 <= harm * pairs
            }
            ToShow::HarmBeyondMargin => {
                let error = (with_harm / pairs).sqrt();
                let critical = normal_quantile(1.0 - test.alpha);
                smallest_beyond_margin(critical, test.power, test.margin, error) <= harm
            }
            ToShow::WithinMargin => {
                let needed = pairs_to_prove(test.alpha, test.power, test.margin, churn);
                let lost = normal_quantile(test.power) * (churn * pairs).sqrt();
                let unseen = libm::pow((1.0 - test.margin) / (1.0 - lost / pairs), pairs);
                let few = binomial_cdf(lost.max(0.0) as u64, pairs as u64, test.margin);
                needed <= pairs && unseen <= test.alpha && few <= test.alpha
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::pairs::{Pairs, drop_exceeds};
    use crate::stats::reference::{close, group};
    use crate::stats::unseen::Differences;
    use proptest::prelude::*;

    fn of(harm: u64, gain: u64, n: u64) -> Discordance {
        Discordance { harm, gain, n }
    }

    #[test]
    fn the_guards_of_a_proof_agree_with_the_reference() {
        let group = group("prove_single");
        let cases = group["cases"].as_array().unwrap();
        let mut decisive = [0; 3];
        for case in cases {
            let count = |key: &str| case[key].as_u64().unwrap();
            let number = |key: &str| case[key].as_f64().unwrap();
            let pairs = of(count("b"), count("c"), count("n"));
            let margin = number("margin");
            let score = normal_cdf(-pairs.table().score(-margin));
            let parts = [score, number("unseen"), number("binomial")];
            let expected = parts.into_iter().fold(0.0, f64::max);
            let found = pairs.p_within(margin);
            assert!(close(found, expected), "{case}: {found} {parts:?}");
            for (part, decisive) in parts.into_iter().zip(&mut decisive) {
                *decisive += u32::from(part == expected);
            }
        }
        assert!(
            cases.len() > 25 && decisive.iter().all(|&count| count >= 2),
            "{decisive:?}"
        );
    }

    /// The probability of `holds` of (harm, gain), where pairs are independent.
    fn probability(pairs: &Pairs, holds: impl Fn(u64, u64) -> bool) -> f64 {
        use crate::stats::distribution::log_binomial;
        let mut sum = 0.0;
        let likely = |k: u64, n: u64, p: f64| {
            let log = log_binomial(k, n, p);
            (log > -30.0).then(|| libm::exp(log))
        };
        for discordant in 0..=pairs.n {
            let psi = pairs.harm + pairs.gain;
            let Some(mass) = likely(discordant, pairs.n, psi) else {
                continue;
            };
            for harm in 0..=discordant {
                if let Some(share) = likely(harm, discordant, pairs.harm / psi)
                    && holds(harm, discordant - harm)
                {
                    sum += mass * share;
                }
            }
        }
        sum
    }

    /// statistics.md II.1: a drop of the margin passes with .0515 at most where it is .01
    /// and alpha .05, and with .0550 where it is .1.
    #[test]
    fn a_drop_of_the_margin_is_proven_as_seldom_as_the_design_says() {
        for (margin, size, counts) in [(0.01, 0.0515, [268, 300, 500]), (0.1, 0.055, [27, 50, 100])]
        {
            for n in counts {
                for gain in [0.0, 0.002, 0.01, 0.03] {
                    let pairs = Pairs {
                        n,
                        harm: gain + margin,
                        gain,
                    };
                    let passes = probability(&pairs, |harm, gain| {
                        of(harm, gain, n).p_within(margin) <= 0.05
                    });
                    assert!(passes <= size + 5e-5, "{margin} {n} {gain}: {passes}");
                }
            }
        }
    }

    #[test]
    fn what_is_asked_of_pairs_is_what_the_tests_say() {
        let test = Test {
            alpha: 0.05,
            power: 0.8,
            margin: 0.01,
        };
        let pairs = of(25, 25, 1000);
        // Harm is shown from where its power says so, of which enumeration has .8.
        let drop = test.smallest_drop(1000, 0.05).unwrap();
        let shows = |harm| pairs.shows(ToShow::Harm, &test, harm, 1000.0);
        assert!(shows(drop * 1.000_001) && !shows(drop * 0.999_999));
        let law = Pairs {
            n: 1000,
            harm: 0.025 + drop,
            gain: 0.025,
        };
        let power = law.gate_power(0.05, (1, 100));
        assert!((power - 0.8).abs() < 0.02, "{power}");
        let rejects = |harm, gain| {
            drop_exceeds(harm, gain, 1000, (1, 100)) && of(harm, gain, 1000).p_harm() <= 0.05
        };
        assert!((probability(&law, rejects) - power).abs() < 1e-9);
        // Without churn a proof needs ln alpha / ln(1 − m) pairs, and what Tango needs.
        let proves = |pairs: Discordance, n: f64| pairs.shows(ToShow::WithinMargin, &test, 0.0, n);
        assert!(proves(of(0, 0, 1000), 299.0) && !proves(of(0, 0, 1000), 298.0));
        assert!(proves(of(25, 25, 1000), 3163.0) && !proves(of(25, 25, 1000), 3161.0));
        // Beyond the margin: as far as harm without one, and the margin more.
        let beyond = |harm| pairs.shows(ToShow::HarmBeyondMargin, &test, harm, 1000.0);
        assert!(!beyond(drop) && beyond(2.0 * drop) && !beyond(0.01));
    }

    #[test]
    fn the_ends_are_defined() {
        for pairs in [
            of(0, 0, 0),
            of(0, 0, 9),
            of(9, 0, 9),
            of(0, 9, 9),
            of(5, 4, 9),
        ] {
            for p in [pairs.p_harm(), pairs.p_beyond(0.02), pairs.p_within(0.02)] {
                assert!((0.0..=1.0).contains(&p), "{pairs:?}: {p}");
            }
            let limits = pairs.limits(ToShow::Harm, 0.05);
            assert!(limits.lower <= pairs.estimate() && pairs.estimate() <= limits.upper);
            assert!(pairs.error() >= 0.0);
        }
        assert_eq!(of(9, 0, 9).p_within(0.02), 1.0);
        assert_eq!(of(0, 0, 9).p_harm(), 1.0);
    }

    proptest! {
        #[test]
        fn estimates_and_errors_are_those_of_differences(
            harm in 0u64..40, gain in 0u64..40, same in 0u64..200,
        ) {
            prop_assume!(harm + gain + same > 1);
            let pairs = of(harm, gain, harm + gain + same);
            let flips = [(-1, harm), (1, gain), (0, same)];
            let rows = flips.into_iter().flat_map(|(flip, count)| vec![(flip, 1); count as usize]);
            let differences = Differences::new(rows, 1.0, 1.0, None);
            prop_assert!((pairs.estimate() - differences.estimate()).abs() < 1e-12);
            prop_assert!((pairs.error() - differences.error()).abs() < 1e-12);
            prop_assert_eq!(pairs.turned().turned(), pairs);
            prop_assert_eq!(pairs.turned().estimate(), -pairs.estimate());
        }

        /// One harm more never makes a proof surer, nor harm less sure.
        #[test]
        fn more_harm_is_more_harm(
            harm in 0u64..60, gain in 0u64..60, more in 0u64..2000,
            margin in prop::sample::select(vec![0.005, 0.01, 0.05, 0.1]),
        ) {
            let n = harm + gain + more + 1;
            let (one, other) = (of(harm, gain, n), of(harm + 1, gain, n));
            let slack = 1.0 + 1e-9;
            prop_assert!(other.p_within(margin) * slack >= one.p_within(margin));
            prop_assert!(other.p_harm() <= one.p_harm() * slack);
            // Without any flip p is 1, not mid-p.
            let flips = harm + gain > 0;
            prop_assert!(!flips || one.turned().p_harm() <= other.turned().p_harm() * slack);
        }
    }
}
