//! How far an observed change may be from the true one: the tests that the forms of
//! metrics are judged by, as one value that answers every question about the change.

use crate::spec::Exact;
use crate::stats::Limits;
use crate::stats::discordance::Discordance;
use crate::stats::distribution::{normal_quantile, t_quantile};
use crate::stats::jackknife::Jackknife;
use crate::stats::power::{Test, ToShow, smallest_beyond_margin};
use crate::stats::root;
use crate::stats::shared::Estimate;
use crate::stats::studentised::{Rare, Studentised};
use crate::stats::unseen::Differences;

/// By how much more examples a question may need, before it is said that no number will do.
const MOST_TIMES: f64 = 1e6;

/// An observed change, negative where it is harm, and what it says of the true one.
#[derive(Clone, Debug, PartialEq)]
pub enum Sampling {
    /// Single yes-or-no answers to independent examples.
    Flips(Discordance),
    /// A mean over examples or clusters.
    Mean(Differences),
    /// A metric of all rows whose contributions are known (a ranking).
    Contributions(Studentised),
    /// A mean with few draws of what is random, by Student's t.
    Draws {
        /// The mean and its error.
        estimate: Estimate,
        /// What is left unseen; `None`: nothing.
        unseen: Option<Rare>,
        /// The largest change of what was drawn.
        largest_seen: f64,
    },
    /// A metric of all rows, by exchanging records: the p-values of harm and gain are all
    /// that is known, and an error to plan by.
    Exchanges {
        /// The change.
        estimate: f64,
        /// The p-values of harm and of gain.
        p: [f64; 2],
        /// The error of leaving clusters out.
        jackknife: Jackknife,
        /// The smallest p-value that there can be.
        least: f64,
    },
}

impl Sampling {
    /// The change.
    pub fn estimate(&self) -> f64 {
        match self {
            Self::Flips(flips) => flips.estimate(),
            Self::Mean(differences) => differences.estimate(),
            Self::Contributions(known) => known.estimate,
            Self::Draws { estimate, .. } => estimate.estimate,
            Self::Exchanges { estimate, .. } => *estimate,
        }
    }

    /// Its standard error.
    pub fn error(&self) -> f64 {
        match self {
            Self::Flips(flips) => flips.error(),
            Self::Mean(differences) => differences.error(),
            Self::Contributions(known) => known.error,
            Self::Draws { estimate, .. } => estimate.error,
            Self::Exchanges { jackknife, .. } => jackknife.error,
        }
    }

    /// The same with harm and gain exchanged.
    pub fn turned(&self) -> Self {
        match self {
            Self::Flips(flips) => Self::Flips(flips.turned()),
            Self::Mean(differences) => Self::Mean(differences.turned()),
            Self::Contributions(known) => Self::Contributions(known.turned()),
            Self::Draws {
                estimate,
                unseen,
                largest_seen,
            } => Self::Draws {
                estimate: Estimate {
                    estimate: -estimate.estimate,
                    ..*estimate
                },
                unseen: *unseen,
                largest_seen: *largest_seen,
            },
            Self::Exchanges {
                estimate,
                p: [harm, gain],
                jackknife,
                least,
            } => Self::Exchanges {
                estimate: -estimate,
                p: [*gain, *harm],
                jackknife: *jackknife,
                least: *least,
            },
        }
    }

    /// The p-value of harm: against no change, or gain.
    pub fn p_harm(&self) -> f64 {
        match self {
            Self::Flips(flips) => flips.p_harm(),
            Self::Exchanges { p, .. } => p[0],
            Self::Draws {
                estimate, unseen, ..
            } => estimate.p_harm().max(missed(estimate, unseen, 0.0)),
            _ => self.p_below(0.0),
        }
    }

    /// The p-value against harm of `margin` or less: small, where more is shown.
    pub fn p_beyond(&self, margin: f64) -> f64 {
        match self {
            Self::Flips(flips) => flips.p_beyond(margin),
            _ => self.p_below(-margin),
        }
    }

    /// The p-value against harm of `margin` or more: small, where less is shown.
    pub fn p_within(&self, margin: f64) -> f64 {
        match self {
            Self::Flips(flips) => flips.p_within(margin),
            _ => self.turned().p_below(margin),
        }
    }

    /// The p-value against a true change of `value` or more.
    fn p_below(&self, value: f64) -> f64 {
        match self {
            Self::Mean(differences) => differences.p_below(value),
            Self::Contributions(known) => known.p_below(value),
            Self::Draws {
                estimate, unseen, ..
            } => {
                let by_error = estimate.p_below(value);
                by_error.max(missed(estimate, unseen, value))
            }
            // Neither is asked of these.
            Self::Flips(_) | Self::Exchanges { .. } => 1.0,
        }
    }

    /// One-sided limits at `alpha` each, where the p-values of what is `to_show` are alpha;
    /// `None`: none is valid.
    pub fn limits(&self, to_show: ToShow, alpha: f64) -> Option<Limits> {
        match self {
            Self::Flips(flips) => Some(flips.limits(to_show, alpha)),
            Self::Mean(differences) => Some(differences.limits(alpha)),
            Self::Contributions(known) => Some(known.limits(alpha)),
            Self::Draws { estimate, .. } if !estimate.error.is_finite() => None,
            Self::Draws {
                estimate,
                unseen: None,
                ..
            } => Some(estimate.limits(alpha)),
            Self::Draws { .. } => Some(Limits {
                lower: -self.turned().upper(alpha),
                upper: self.upper(alpha),
            }),
            Self::Exchanges { .. } => None,
        }
    }

    /// Where the p-value against more is alpha.
    fn upper(&self, alpha: f64) -> f64 {
        let largest = match self {
            Self::Draws {
                unseen: Some(rare), ..
            } => rare.most[0],
            _ => 1.0,
        };
        root::where_p_is(alpha, |value| self.p_below(value), self.estimate(), largest)
    }

    /// Whether `factor` times as many examples as these would answer what is asked, with
    /// its power: harm of `harm` shown, or an equal model within the margin.
    fn shows(&self, (to_show, test): (ToShow, &Test), harm: f64, factor: f64) -> bool {
        match self {
            Self::Flips(flips) => flips.shows(to_show, test, harm, flips.n as f64 * factor),
            Self::Mean(differences) => differences.scaled(factor).shows(to_show, test, harm),
            Self::Contributions(known) => known.scaled(factor).shows(to_show, test, harm),
            Self::Draws {
                estimate, unseen, ..
            } => {
                let error = estimate.error / factor.sqrt();
                let critical = t_quantile(1.0 - test.alpha, estimate.degrees);
                let reach = normal_quantile(test.power) * error;
                let (observed, value) = match to_show {
                    ToShow::Harm => (reach - harm, 0.0),
                    ToShow::HarmBeyondMargin => (reach - harm, -test.margin),
                    // Turned: an equal model that came out worse.
                    ToShow::WithinMargin => (reach, test.margin),
                };
                let observed = Estimate {
                    estimate: observed,
                    ..*estimate
                };
                let more = unseen.map(|rare| Rare {
                    drawn: rare.drawn * factor,
                    ..rare
                });
                by_error(to_show, test, harm, error, critical)
                    && missed(&observed, &more, value) <= test.alpha
            }
            Self::Exchanges {
                jackknife, least, ..
            } => {
                let error = jackknife.error / factor.sqrt();
                let critical = t_quantile(1.0 - test.alpha, jackknife.degrees.max(1.0));
                *least <= test.alpha && by_error(to_show, test, harm, error, critical)
            }
        }
    }

    /// Whether these examples answer what is asked about harm of `harm`.
    pub fn sees(&self, asked: (ToShow, &Test), harm: f64) -> bool {
        self.planned().shows(asked, harm, 1.0)
    }

    /// The smallest harm, up to `largest`, that is shown with the asked power; of a proof
    /// the smallest margin that an equal model is shown to keep. `None`: none is.
    pub fn smallest(&self, (to_show, test): (ToShow, &Test), largest: f64) -> Option<f64> {
        let planned = self.planned();
        let shown = |harm: f64| {
            let test = match to_show {
                ToShow::WithinMargin => Test {
                    margin: harm,
                    ..*test
                },
                ToShow::Harm | ToShow::HarmBeyondMargin => *test,
            };
            planned.shows((to_show, &test), harm, 1.0)
        };
        root::least(shown, 0.0, largest)
    }

    /// By how many times more examples what is asked about harm of `harm` is answered;
    /// `None`: by no number.
    pub fn more_needed(&self, asked: (ToShow, &Test), harm: f64) -> Option<f64> {
        let planned = self.planned();
        let most = libm::log(MOST_TIMES);
        let shown = |logarithm: f64| planned.shows(asked, harm, libm::exp(logarithm));
        root::least(shown, -most, most).map(libm::exp)
    }

    /// What is planned from: coarser than what is decided from.
    fn planned(&self) -> std::borrow::Cow<'_, Self> {
        match self {
            Self::Mean(differences) => std::borrow::Cow::Owned(Self::Mean(differences.coarse())),
            other => std::borrow::Cow::Borrowed(other),
        }
    }

    /// The largest change of an example or cluster that was drawn, where one that was not is
    /// assumed to change by no more than is declared.
    pub fn largest_seen(&self) -> Option<f64> {
        match self {
            Self::Mean(differences) => Some(differences.largest_seen()),
            Self::Contributions(known) => Some(known.largest_seen),
            Self::Draws {
                unseen: Some(_),
                largest_seen,
                ..
            } => Some(*largest_seen),
            _ => None,
        }
    }
}

/// What was not drawn leaves open of an estimate, where anything was not.
fn missed(estimate: &Estimate, unseen: &Option<Rare>, value: f64) -> f64 {
    let unseen = unseen.as_ref();
    unseen.map_or(0.0, |rare| rare.missed(estimate.estimate, value))
}

/// Whether a mean with this error answers what is asked, against the `critical` value of
/// its test.
fn by_error(to_show: ToShow, test: &Test, harm: f64, error: f64, critical: f64) -> bool {
    match to_show {
        ToShow::Harm => test.smallest_mean(error, critical) <= harm,
        ToShow::HarmBeyondMargin => {
            smallest_beyond_margin(critical, test.power, test.margin, error) <= harm
        }
        ToShow::WithinMargin => (critical + normal_quantile(test.power)) * error <= test.margin,
    }
}

/// Whether an observed harm is beyond a margin, on whole numbers: `lost` less `won` of
/// `all`, each of which is `unit` of the metric.
pub fn exceeds((lost, won): (i128, i128), all: i128, margin: &Exact) -> bool {
    let (numerator, denominator) = margin.fraction();
    (lost - won) * i128::from(denominator) > i128::from(numerator) * all
}
