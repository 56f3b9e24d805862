//! Tests of an estimate that is nearly a mean of independent contributions, by Student's t
//! with a correction for their skewness: approximate, and never surer than the examples
//! that were not drawn leave it.

use super::Limits;
use super::distribution::{normal_quantile, t_cdf};
use super::power::{Test, ToShow};
use super::root;

/// An estimate, and what the contributions of examples or clusters say of its law.
#[derive(Clone, Debug, PartialEq)]
pub struct Studentised {
    /// The estimate of a change; negative is harm.
    pub estimate: f64,
    /// Its standard error; infinite where it cannot be known.
    pub error: f64,
    /// The skewness of the estimate: Σ c³ / (Σ c²)^1.5 of independent contributions c.
    pub skewness: f64,
    /// How far the estimate is curved in the contributions, likewise of variance 1; 0 where
    /// it is their sum.
    pub curvature: f64,
    /// Degrees of freedom of the error.
    pub degrees: f64,
    /// The parts of the data of which few may have been drawn.
    pub rare: Vec<Rare>,
    /// The largest change of one of those that were drawn.
    pub largest_seen: f64,
}

/// A part of the data, such as a class, that may be far from what was drawn of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rare {
    /// The number of examples, or of equal clusters, that were drawn of it.
    pub drawn: f64,
    /// The largest change, gain and loss, if all of those that were not drawn changed alike.
    pub most: [f64; 2],
}

impl Rare {
    /// The probability that none was drawn of those that would make a change of `estimate`
    /// one of `value` or more, if they gained most: ((R − value) / (R − estimate))^n.
    pub fn missed(&self, estimate: f64, value: f64) -> f64 {
        let (left, seen) = (self.most[0] - value, self.most[0] - estimate);
        if estimate >= value || self.drawn <= 0.0 {
            1.0
        } else if left <= 0.0 {
            0.0
        } else {
            libm::pow(left / seen, self.drawn)
        }
    }
}

/// The largest change of an area or of an F1.
const LARGEST: f64 = 1.0;

impl Studentised {
    /// Of data that say nothing: every p-value is 1/2 or more.
    pub fn unknown() -> Self {
        Self {
            estimate: 0.0,
            error: f64::INFINITY,
            skewness: 0.0,
            curvature: 0.0,
            degrees: 1.0,
            rare: Vec::new(),
            largest_seen: 0.0,
        }
    }

    /// The p-value against a true change of `value` or more: the largest of Student's t, of
    /// t after Hall's monotone cubic, and of the probability that none was drawn of those
    /// that would make the change `value`.
    ///
    /// Source: Hall 1992, with the curvature of Edgeworth's first term for a smooth function
    /// of means (Hall 1992b, 2.4).
    pub fn p_below(&self, value: f64) -> f64 {
        let rare = self.rare.iter();
        let missed = rare.map(|rare| rare.missed(self.estimate, value));
        let unseen = missed.fold(0.0, f64::max);
        if !self.error.is_finite() || self.error <= 0.0 && self.estimate >= value {
            return 1.0;
        }
        if self.error <= 0.0 {
            return unseen;
        }
        let [plain, corrected] = self.by_error(value);
        plain.max(corrected).max(unseen)
    }

    /// The p-values of Student's t, and of t corrected for skewness and curvature.
    fn by_error(&self, value: f64) -> [f64; 2] {
        let t = (self.estimate - value) / self.error;
        let bend = self.skewness / 3.0 + 0.5 * self.curvature;
        let start = self.skewness / 6.0 + 0.5 * self.curvature;
        let cubic = t + start + bend * t * t + bend * bend * t * t * t / 3.0;
        [t, cubic].map(|t| t_cdf(t, self.degrees))
    }

    /// The p-value against a true change of `value` or less.
    pub fn p_above(&self, value: f64) -> f64 {
        self.turned().p_below(-value)
    }

    /// The same with harm and gain exchanged.
    #[must_use]
    pub fn turned(&self) -> Self {
        let rare = self.rare.iter().map(|rare| Rare {
            most: [rare.most[1], rare.most[0]],
            ..*rare
        });
        Self {
            estimate: -self.estimate,
            skewness: -self.skewness,
            curvature: -self.curvature,
            rare: rare.collect(),
            ..*self
        }
    }

    /// One-sided limits at `alpha` each: where the p-values are alpha.
    pub fn limits(&self, alpha: f64) -> Limits {
        Limits {
            lower: -self.turned().upper(alpha),
            upper: self.upper(alpha),
        }
    }

    fn upper(&self, alpha: f64) -> f64 {
        let p = |value| self.p_below(value);
        root::where_p_is(alpha, p, self.estimate, LARGEST)
    }

    /// Whether what is asked would be answered, with its power, by data of this law: harm
    /// of `harm` shown, or an equal model within the margin.
    pub fn shows(&self, to_show: ToShow, test: &Test, harm: f64) -> bool {
        let reach = normal_quantile(test.power) * self.error;
        let observed = |estimate| Self {
            estimate,
            ..self.clone()
        };
        match to_show {
            ToShow::Harm => {
                let observed = observed(reach - harm);
                -observed.estimate > test.margin && observed.p_below(0.0) <= test.alpha
            }
            ToShow::HarmBeyondMargin => observed(reach - harm).p_below(-test.margin) <= test.alpha,
            ToShow::WithinMargin => observed(-reach).p_above(-test.margin) <= test.alpha,
        }
    }

    /// The same law with `factor` times as many examples.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let root = libm::sqrt(factor);
        let more = |rare: &Rare| Rare {
            drawn: rare.drawn * factor,
            ..*rare
        };
        Self {
            error: self.error / root,
            skewness: self.skewness / root,
            curvature: self.curvature / root,
            degrees: self.degrees * factor,
            rare: self.rare.iter().map(more).collect(),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::distribution::t_quantile;
    use proptest::prelude::*;

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-9 * expected.abs()
    }

    fn law() -> Studentised {
        Studentised {
            estimate: -0.1,
            error: 0.04,
            degrees: 30.0,
            ..Studentised::unknown()
        }
    }

    fn rare(drawn: f64, gain: f64, loss: f64) -> Rare {
        Rare {
            drawn,
            most: [gain, loss],
        }
    }

    #[test]
    fn without_skewness_it_is_students() {
        let law = law();
        assert!(near(law.p_below(0.0), t_cdf(-2.5, 30.0)));
        assert!(near(law.p_above(0.0), t_cdf(2.5, 30.0)));
        let limits = law.limits(0.05);
        let reach = 0.04 * t_quantile(0.95, 30.0);
        assert!(near(limits.upper, reach - 0.1) && near(limits.lower, -reach - 0.1));
    }

    #[test]
    fn skewness_and_curvature_by_hand() {
        // Hall's cubic at t = −2.5 with γ = .6: −2.5 + .1 + .2 · 6.25 + .04 / 3 · −15.625.
        let skewed = Studentised {
            skewness: 0.6,
            ..law()
        };
        let cubic = -2.5 + 0.1 + 1.25 - 0.625 / 3.0;
        assert!(near(skewed.p_below(0.0), t_cdf(cubic, 30.0)));
        // Skewed the other way it would be surer than Student's t, which then counts.
        let other = Studentised {
            skewness: -0.6,
            ..law()
        };
        assert!(near(other.p_below(0.0), t_cdf(-2.5, 30.0)));
        // Curvature of .4 starts at .2, and adds as much to the bend.
        let curved = Studentised {
            curvature: 0.4,
            ..law()
        };
        let cubic = -2.5 + 0.2 + 0.2 * 6.25 - 0.04 / 3.0 * 15.625;
        assert!(near(curved.p_below(0.0), t_cdf(cubic, 30.0)));
    }

    #[test]
    fn what_was_not_drawn_counts_most() {
        let sure = Studentised {
            error: 0.0,
            rare: vec![
                rare(20.0, 0.5, 1.0),
                rare(8.0, 0.3, 0.2),
                rare(50.0, 0.05, 1.0),
            ],
            ..law()
        };
        // (R − v) / (R + .1): the second has most; of the third none could.
        assert!(near(sure.p_below(0.0), 0.75_f64.powi(8)));
        assert!(near(sure.p_below(0.1), 0.5_f64.powi(8)));
        assert_eq!(sure.p_below(-0.1), 1.0);
        assert_eq!(sure.p_below(0.6), 0.0);
        // The other way loss counts: of the first class most, though more of it were drawn.
        assert!(near(sure.p_above(-0.15), (0.85_f64 / 0.9).powi(20)));
        // Where nothing was drawn, nothing is shown.
        let none = Studentised {
            rare: vec![rare(0.0, 0.3, 0.3)],
            ..sure
        };
        assert_eq!(none.p_below(0.0), 1.0);
    }

    #[test]
    fn of_nothing_known_nothing_is_shown() {
        let unknown = Studentised::unknown();
        for value in [-1.0, -0.1, 0.0, 0.1, 1.0] {
            assert!(unknown.p_below(value) >= 0.5 && unknown.p_above(value) >= 0.5);
        }
        let limits = unknown.limits(0.05);
        assert!(
            limits.lower < -0.999_999 && limits.upper > 0.999_999,
            "{limits:?}"
        );
        let test = Test {
            alpha: 0.05,
            power: 0.8,
            margin: 0.01,
        };
        for to_show in [ToShow::Harm, ToShow::HarmBeyondMargin, ToShow::WithinMargin] {
            assert!(!unknown.shows(to_show, &test, 1.0), "{to_show:?}");
        }
    }

    #[test]
    fn what_is_shown_is_what_the_test_would_say() {
        let law = Studentised {
            degrees: 1e9,
            ..law()
        };
        let test = |margin| Test {
            alpha: 0.05,
            power: 0.8,
            margin,
        };
        let z = normal_quantile(0.95) + normal_quantile(0.8);
        let detectable = z * law.error;
        let shows = |to_show, margin, harm| law.shows(to_show, &test(margin), harm);
        for (to_show, margin, harm) in [
            (ToShow::Harm, 0.01, detectable),
            (ToShow::HarmBeyondMargin, 0.01, detectable + 0.01),
            // Observed beyond the margin it must be, too.
            (ToShow::Harm, 0.2, 0.2 + normal_quantile(0.8) * law.error),
        ] {
            assert!(shows(to_show, margin, harm * (1.0 + 1e-6)), "{to_show:?}");
            assert!(!shows(to_show, margin, harm * (1.0 - 1e-6)), "{to_show:?}");
        }
        assert!(shows(ToShow::WithinMargin, detectable * (1.0 + 1e-6), 0.0));
        assert!(!shows(ToShow::WithinMargin, detectable * (1.0 - 1e-6), 0.0));
        // Four times the examples: half the error, and four times as many of each class.
        let more = Studentised {
            skewness: 0.6,
            curvature: 0.2,
            rare: vec![rare(8.0, 0.3, 0.2)],
            ..law
        }
        .scaled(4.0);
        assert!(near(more.error, 0.02) && near(more.skewness, 0.3) && near(more.curvature, 0.1));
        assert!(near(more.degrees, 4e9) && near(more.rare[0].drawn, 32.0));
        assert_eq!(more.estimate, -0.1);
    }

    fn any() -> impl Strategy<Value = Studentised> {
        let rare = (0.5..200.0f64, 0.01..1.0f64, 0.01..1.0f64);
        let rare = rare.prop_map(|(drawn, gain, loss)| self::rare(drawn, gain, loss));
        (
            -0.3..0.3f64,
            0.001..0.2f64,
            -2.0..2.0f64,
            -1.0..1.0f64,
            1.0..300.0f64,
            prop::collection::vec(rare, 0..4),
        )
            .prop_map(|(estimate, error, skewness, curvature, degrees, rare)| {
                Studentised {
                    estimate,
                    error,
                    skewness,
                    curvature,
                    degrees,
                    rare,
                    ..Studentised::unknown()
                }
            })
    }

    proptest! {
        #[test]
        fn p_falls_in_the_value_and_limits_are_where_it_is_alpha(
            law in any(), value in -1.0..1.0f64, step in 0.0..0.3f64,
            alpha in prop::sample::select(vec![0.05, 0.0025]),
        ) {
            let p = law.p_below(value);
            prop_assert!((0.0..=1.0).contains(&p));
            prop_assert!(law.p_below(value + step) <= p * (1.0 + 1e-9));
            prop_assert_eq!(law.turned().turned(), law.clone());
            prop_assert_eq!(law.turned().p_above(-value), p);
            let limits = law.limits(alpha);
            prop_assert!(limits.lower <= law.estimate && law.estimate <= limits.upper);
            for (law, upper) in [(law.clone(), limits.upper), (law.turned(), -limits.lower)] {
                let p = |value: f64| law.p_below(value);
                // p may fall at a step: where a class has nothing left to gain.
                prop_assert!(upper > 1.0 - 1e-9 || p(upper + 1e-9) <= alpha * (1.0 + 1e-6));
                prop_assert!(p(upper - 1e-9) >= alpha * (1.0 - 1e-6));
            }
        }
    }
}
