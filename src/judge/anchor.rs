//! What became of a metric since the anchor: accepted changes, each within the margin,
//! must not add up to harm (statistics.md 5.2).

use super::pair::Comparison;
use crate::baseline::{Accepted, BaselineFile};
use crate::spec::{AnchorSpec, Direction, Exact, MetricSpec, Null, Question, TestSpec};

/// A metric since the anchor.
#[derive(Clone, Debug)]
pub struct AnchorJudgement {
    /// Who accepted the anchor, and why.
    pub accepted: Accepted,
    /// The metric's value then.
    pub value: f64,
    /// This run against it.
    pub comparison: Comparison,
    /// The largest tolerable harm since then.
    pub margin: Exact,
    /// The share of the anchor's examples that were right and are gone.
    pub dropped: f64,
    /// Whether harm beyond that is shown.
    pub drifted: bool,
    /// What was accepted in between, oldest first.
    pub steps: Vec<Step>,
}

/// One accepted change of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Who accepted it, and why.
    pub accepted: Accepted,
    /// The value before it.
    pub before: f64,
    /// The value after it.
    pub after: f64,
}

impl AnchorJudgement {
    /// `test`: the test against the anchor; `files`: the anchor and the baseline.
    pub fn new(
        spec: &MetricSpec,
        test: &TestSpec,
        value: f64,
        comparison: Comparison,
        (anchor, baseline): (&BaselineFile, &BaselineFile),
    ) -> Self {
        let [harm, gain] = match test.question.null() {
            Null::Margin => [
                comparison.shows_harm_beyond_margin,
                comparison.shows_gain_beyond_margin,
            ],
            Null::NoHarm | Null::Retrain => [
                comparison.p_harm <= comparison.alpha_side && comparison.harm_exceeds_margin,
                comparison.p_gain <= comparison.alpha_side && comparison.gain_exceeds_margin,
            ],
        };
        let both = test.direction == Direction::Both;
        Self {
            accepted: anchor.accepted.clone(),
            value,
            dropped: 0.0,
            drifted: harm || both && gain,
            comparison,
            margin: test.margin.clone(),
            steps: steps(&spec.label, anchor, baseline),
        }
    }
}

/// The test of a metric against its anchor: of the same null, and of a proof, too, whether
/// there is harm.
pub fn test(test: &TestSpec, anchor: &AnchorSpec) -> TestSpec {
    TestSpec {
        margin: anchor.margin.clone(),
        detectable_drop: anchor
            .margin
            .times(2)
            .unwrap_or_else(|| test.detectable_drop.clone()),
        alpha: anchor.alpha.clone(),
        question: Question::Harm {
            null: test.question.null(),
        },
        anchor: None,
        ..test.clone()
    }
}

/// How drift was shown, in words.
pub fn rule(test: &TestSpec, comparison: &Comparison) -> &'static str {
    match test.question.null() {
        Null::Margin => "the whole interval since the anchor lies beyond the anchor's margin",
        Null::Retrain if comparison.has_spread() => {
            "harm since the anchor beyond the spread of accepted retrains is shown (p ≤ alpha), and the change is beyond the anchor's margin"
        }
        Null::NoHarm | Null::Retrain => {
            "harm since the anchor is shown (p ≤ alpha), beyond the anchor's margin"
        }
    }
}

/// What was accepted of the metric called `name` after the anchor.
fn steps(name: &str, anchor: &BaselineFile, baseline: &BaselineFile) -> Vec<Step> {
    let own = [anchor.blessing(), baseline.blessing()];
    // The anchor itself is in the history, unless the baseline went another way since.
    let history = &baseline.history;
    let after = history
        .iter()
        .rposition(|blessing| blessing.accepted == anchor.accepted);
    let later = history.iter().skip(after.map_or(0, |place| place + 1));
    let later = later.filter(|blessing| blessing.accepted.at >= anchor.accepted.at);
    let accepted: Vec<_> = own[..1].iter().chain(later).chain(&own[1..]).collect();
    accepted
        .windows(2)
        .filter_map(|pair| {
            Some(Step {
                accepted: pair[1].accepted.clone(),
                before: *pair[0].values.get(name)?,
                after: *pair[1].values.get(name)?,
            })
        })
        .collect()
}
