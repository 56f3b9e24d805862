//! What the test of a metric can see before it has anything to judge: from the last
//! run that differed, from recorded retrains, or from a churn that is assumed.

use super::metric::paired;
use super::pair::{Comparison, Design, to_show};
use crate::baseline::BaselineFile;
use crate::metric::ACCURACY;
use crate::record::Run;
use crate::spec::{MetricSpec, Null, Question, Spec, TestSpec};
use crate::stats::distribution::normal_quantile;
use crate::stats::mcnemar::fewest_harms;
use crate::stats::power::{Test, ToShow, pairs_to_prove, smallest_beyond_margin};
use crate::stats::root::least;

/// The share of examples that two equally good models answer differently, where
/// nothing else is known.
pub const ASSUMED_CHURN: f64 = 0.05;

/// What a test can see.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// In detect mode the smallest harm that is seen with the asked power, in prove mode
    /// the smallest margin that an equally good model is shown to keep with it; `None`:
    /// none is.
    pub smallest: Option<f64>,
    /// The number of examples that what is asked needs; `None`: no number does.
    pub needed: Option<u64>,
    /// The number of replicates that would do instead; `None`: none would, or it cannot
    /// be told.
    pub replicates: Option<u64>,
    /// The margin that these examples bear; `None`: none does.
    pub margin: Option<f64>,
    /// What that rests on.
    pub basis: Basis,
}

/// What an outlook rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Basis {
    /// The differences between the last run and the baseline: their standard error.
    Run(f64),
    /// Those between that many recorded retrains and the baseline, likewise of the one that
    /// lies furthest.
    Retrains(usize, f64),
    /// This share of examples, answered differently.
    Assumed(f64),
}

impl Outlook {
    /// Whether the test sees what it is asked to see.
    pub fn is_enough(&self, test: &TestSpec) -> bool {
        let asked = match test.question {
            Question::Harm { .. } => &test.detectable_drop,
            Question::Proof => &test.margin,
        };
        self.smallest
            .is_some_and(|smallest| smallest <= asked.value())
    }

    /// From a comparison of two runs that differ, of `replicates` each.
    pub fn of_run(test: &TestSpec, comparison: &Comparison, replicates: usize) -> Self {
        let error = comparison.error;
        let share = comparison.replicate_share;
        Self {
            smallest: comparison.detectable(),
            needed: comparison.needed(),
            // The spread of retrains is not one of examples.
            margin: comparison
                .bearable_margin()
                .filter(|_| comparison.retrains.is_none()),
            replicates: share.and_then(|share| more_replicates(test, error, share, replicates)),
            basis: Basis::Run(error),
        }
    }

    /// From the retrains that a baseline of `spec` records: the one that lies furthest from
    /// it decides. `None` where there is none.
    pub fn of_retrains(
        test: &TestSpec,
        baseline: &BaselineFile,
        metric: &MetricSpec,
        spec: &Spec,
    ) -> Option<Self> {
        let known = Self::of_recorded(test, baseline, metric, spec)
            .or_else(|| Self::of_recorded_errors(test, baseline, metric))?;
        let spread = super::retrain::spread(metric, baseline);
        let spread = spread.filter(|_| test.question.null() == Null::Retrain);
        let Some(spread) = spread else {
            return Some(known);
        };
        // What the spread of retrains hides, no number of examples shows.
        let asked = question(test);
        let smallest = super::retrain::smallest(&asked, &spread);
        let hidden = smallest > test.detectable_drop.value();
        Some(Self {
            smallest: known.smallest.map(|known| known.max(smallest)),
            needed: known.needed.filter(|_| !hidden),
            replicates: known.replicates.filter(|_| !hidden),
            margin: known
                .margin
                .map(|known| known.max(super::retrain::smallest_margin(&asked, &spread))),
            ..known
        })
    }

    /// From their outcomes; `None` where none are recorded.
    fn of_recorded(
        test: &TestSpec,
        baseline: &BaselineFile,
        metric: &MetricSpec,
        spec: &Spec,
    ) -> Option<Self> {
        let run = baseline.run().ok()?;
        let design = Design::of(spec);
        let replicates = run.outcomes.replicates;
        let outlooks = baseline.retrains.iter().filter_map(|retrain| {
            let new = Run {
                outcomes: baseline.outcomes_of(retrain, &run.outcomes)?,
                ..run.clone()
            };
            let comparison = paired(metric, test, design, (&run.outcomes, &new))?;
            Some(Self::of_run(test, &comparison, replicates))
        });
        let outlooks: Vec<Self> = outlooks.collect();
        let count = outlooks.len();
        let size = |outlook: &Self| outlook.smallest.unwrap_or(f64::INFINITY);
        let furthest = outlooks
            .into_iter()
            .max_by(|one, other| size(one).total_cmp(&size(other)))?;
        let Basis::Run(error) = furthest.basis else {
            return None;
        };
        Some(Self {
            basis: Basis::Retrains(count, error),
            ..furthest
        })
    }

    /// From their errors alone, by the normal distribution.
    fn of_recorded_errors(
        test: &TestSpec,
        baseline: &BaselineFile,
        spec: &MetricSpec,
    ) -> Option<Self> {
        if spec.kind.needs_slices {
            // The error is not that of a slice at its share of alpha.
            return None;
        }
        let identity = spec.identity();
        let squares: Vec<f64> = baseline
            .retrains
            .iter()
            .filter_map(|retrain| {
                let mut metrics = retrain.metrics.iter();
                metrics.find(|metric| metric.identity == identity)
            })
            .map(|metric| metric.error * metric.error)
            .collect();
        let count = squares.len();
        if count == 0 {
            return None;
        }
        let error = (squares.iter().sum::<f64>() / count as f64).sqrt();
        let basis = Basis::Retrains(count, error);
        let examples = baseline.counts.n;
        let known = Self::of_error(test, error, examples, basis);
        // Fewer flips than the floor show nothing, whatever their error.
        let floor = fewest_harms(question(test).alpha) as f64 / examples.max(1) as f64;
        let floored = test.question != Question::Proof && spec.kind.name == ACCURACY.name;
        Some(Self {
            smallest: known.smallest.map(|smallest| {
                if floored {
                    smallest.max(floor)
                } else {
                    smallest
                }
            }),
            ..known
        })
    }

    /// Of a proportion over `examples` independent rows, of which `churn` are answered
    /// differently by two equally good models. More replicates see more.
    pub fn assumed(test: &TestSpec, examples: usize, churn: f64) -> Self {
        let n = examples as u64;
        let asked = question(test);
        let basis = Basis::Assumed(churn);
        let drop = test.detectable_drop.value();
        match to_show(test.question) {
            ToShow::Harm => Self {
                smallest: asked.smallest_drop(n, churn),
                needed: asked
                    .pairs_needed(drop, (churn + drop).min(1.0))
                    .map(|needed| needed.ceil() as u64),
                replicates: None,
                margin: least(
                    |margin| {
                        let test = Test { margin, ..asked };
                        test.smallest_drop(n, churn)
                            .is_some_and(|drop| drop <= 2.0 * margin)
                    },
                    0.0,
                    0.5,
                ),
                basis,
            },
            ToShow::WithinMargin => {
                let needed = |margin| pairs_to_prove(asked.alpha, asked.power, margin, churn);
                let margin = least(|margin| needed(margin) <= n as f64, 0.0, 0.5);
                Self {
                    smallest: margin,
                    needed: Some(needed(asked.margin).ceil() as u64),
                    replicates: None,
                    margin,
                    basis,
                }
            }
            ToShow::HarmBeyondMargin => {
                let error = (churn / (n.max(1) as f64)).sqrt();
                Self::of_error(test, error, examples, basis)
            }
        }
    }

    /// From the standard error of a difference without harm, by the normal distribution.
    fn of_error(test: &TestSpec, error: f64, examples: usize, basis: Basis) -> Self {
        let asked = question(test);
        let z_alpha = normal_quantile(1.0 - asked.alpha);
        let z_power = normal_quantile(asked.power);
        let reach = (z_alpha + z_power) * error;
        let allowed = allowed_error(test);
        let more = (error / allowed) * (error / allowed);
        if test.question == Question::Proof {
            // The variance at the margin and the floor are in the number of pairs.
            let n = examples as f64;
            let churn = error * error * n;
            let needed = |margin| pairs_to_prove(asked.alpha, asked.power, margin, churn);
            let margin = least(|margin| needed(margin) <= n, 0.0, 0.5);
            return Self {
                smallest: margin,
                needed: Some(needed(asked.margin).ceil() as u64),
                replicates: None,
                margin,
                basis,
            };
        }
        let (smallest, margin) = match test.question.null() {
            Null::Margin => (
                smallest_beyond_margin(z_alpha, asked.power, asked.margin, error),
                reach,
            ),
            Null::NoHarm | Null::Retrain => (
                asked.smallest_mean(error, z_alpha),
                (0.5 * reach).max(z_power * error),
            ),
        };
        Self {
            smallest: Some(smallest),
            needed: Some((examples as f64 * more).ceil() as u64),
            replicates: None,
            margin: Some(margin),
            basis,
        }
    }
}

/// The test whose power is asked for, one side of it.
fn question(test: &TestSpec) -> Test {
    Test {
        alpha: super::pair::alpha_side(test),
        power: test.power.value(),
        margin: test.margin.value(),
    }
}

/// The largest standard error with which the test sees what it is asked to see.
fn allowed_error(test: &TestSpec) -> f64 {
    let asked = question(test);
    let z_power = normal_quantile(asked.power);
    let reach = normal_quantile(1.0 - asked.alpha) + z_power;
    let drop = test.detectable_drop.value();
    match to_show(test.question) {
        ToShow::WithinMargin => asked.margin / reach,
        ToShow::HarmBeyondMargin => (drop - asked.margin) / reach,
        ToShow::Harm if z_power > 0.0 => (drop / reach).min((drop - asked.margin) / z_power),
        ToShow::Harm => drop / reach,
    }
}

/// The number of replicates with which the error is what is allowed, where `share` of
/// its square comes from the draws and the rest from the examples.
fn more_replicates(test: &TestSpec, error: f64, share: f64, replicates: usize) -> Option<u64> {
    let allowed = allowed_error(test) / error;
    let left = allowed * allowed - (1.0 - share);
    let needed = (replicates as f64 * share / left).ceil();
    // Fewer than there are is no advice.
    (left > 0.0 && needed > replicates as f64 && needed <= 10_000.0).then_some(needed as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Direction, Exact, OnInconclusive};

    const HARM: Question = Question::Harm { null: Null::NoHarm };

    fn test(question: Question, alpha: &str) -> TestSpec {
        let number = |text| Exact::parse(text).unwrap();
        TestSpec {
            margin: number("0.01"),
            detectable_drop: number("0.02"),
            alpha: number(alpha),
            power: number("0.8"),
            question,
            direction: Direction::Lower,
            largest_change: None,
            on_inconclusive: OnInconclusive::Warn,
            anchor: None,
        }
    }

    #[test]
    fn assumed_churn_gives_the_numbers_of_the_design() {
        // statistics.md 4: 1080 examples for a drop of 2m with churn on top, and 3162 to
        // prove a margin of .01, at alpha .05 and churn 5 %.
        let detect = Outlook::assumed(&test(HARM, "0.05"), 1080, 0.05);
        assert_eq!(detect.needed, Some(1080));
        assert!(detect.is_enough(&test(HARM, "0.05")));
        assert!((detect.smallest.unwrap() - 0.02).abs() < 1e-4);
        assert!((detect.margin.unwrap() - 0.01).abs() < 1e-4);
        assert!(!Outlook::assumed(&test(HARM, "0.05"), 1070, 0.05).is_enough(&test(HARM, "0.05")));
        let prove = test(Question::Proof, "0.05");
        let proof = Outlook::assumed(&prove, 3162, 0.05);
        assert!(proof.needed.unwrap().abs_diff(3162) <= 2, "{proof:?}");
        assert!((proof.margin.unwrap() - 0.01).abs() < 1e-5);
    }

    #[test]
    fn replicates_help_only_against_the_noise_of_the_draws() {
        let test = test(HARM, "0.05");
        let allowed = allowed_error(&test);
        // All noise is of the draws: twice the error needs four times the draws.
        assert_eq!(more_replicates(&test, 2.0 * allowed, 1.0, 5), Some(20));
        // A quarter of it is of the examples, which is all that is allowed.
        assert_eq!(more_replicates(&test, 2.0 * allowed, 0.75, 5), None);
        // More than that is of the examples.
        assert_eq!(more_replicates(&test, 4.0 * allowed, 0.75, 5), None);
        // 1 / 4 − 1 / 8 is left for the draws, which have 7 / 8 at five.
        assert_eq!(more_replicates(&test, 2.0 * allowed, 0.875, 5), Some(35));
    }

    /// With z = norm.ppf(.95) = 1.644853627 and norm.ppf(.8) = 0.841621234.
    #[test]
    fn the_error_that_is_allowed_is_by_the_question() {
        let is = |test: &TestSpec, expected: f64| {
            let allowed = allowed_error(test);
            assert!(
                (allowed / expected - 1.0).abs() < 1e-8,
                "{allowed} {expected}"
            );
        };
        let reach = 1.644_853_627 + 0.841_621_234;
        is(&test(Question::Proof, "0.05"), 0.01 / reach);
        let detect = |drop: &str, null| TestSpec {
            detectable_drop: Exact::parse(drop).unwrap(),
            ..test(Question::Harm { null }, "0.05")
        };
        is(&detect("0.03", Null::Margin), 0.02 / reach);
        is(&detect("0.02", Null::NoHarm), 0.02 / reach);
        // A drop just beyond the margin must be observed beyond it as well.
        is(&detect("0.012", Null::NoHarm), 0.002 / 0.841_621_234);
        // With power 1 / 2 it is so by itself.
        let even = TestSpec {
            power: Exact::parse("0.5").unwrap(),
            ..detect("0.012", Null::NoHarm)
        };
        is(&even, 0.012 / 1.644_853_627);
    }

    /// 253 examples bear a margin of 0.05 at alpha 0.0005, whatever margin is asked
    /// (Connor's formula in SciPy, as for `smallest_bearable_margin`).
    #[test]
    fn the_margin_that_is_borne_is_not_the_one_that_is_asked() {
        let found = Outlook::assumed(&test(HARM, "0.0005"), 253, 0.05);
        let margin = found.margin.unwrap();
        assert!((0.0495..0.05).contains(&margin), "{margin}");
    }
}
