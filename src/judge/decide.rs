//! One metric's verdict from its numbers: the table of statistics.md 1.2, from
//! *regressed* down.

use super::pair::Comparison;
use super::retrain::FEWEST_RETRAINS;
use crate::spec::{Direction, Null, OnInconclusive, Question, TestSpec};
use crate::verdict::{Status, Verdict};

/// A verdict, what it does, and why.
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// What it does to the trial.
    pub status: Status,
    /// Which rule decided.
    pub rule: String,
}

/// Decides. `identical`: the stored outcomes are equal, and the model's bytes are
/// not (in prove mode that is no proof yet).
pub fn decide(comparison: &Comparison, test: &TestSpec, identical: bool) -> Decision {
    let both = test.direction == Direction::Both;
    let prove = test.question == Question::Proof;
    let null = test.question.null();
    let not_worse = comparison.excludes_harm;
    let not_better = comparison.excludes_gain;
    let proven = not_worse && (!both || not_better);
    let alpha = comparison.alpha_side;
    let harmed = comparison.p_harm <= alpha;
    let gained = comparison.p_gain <= alpha;
    let decision = |verdict, status, rule: &str| Decision {
        verdict,
        status,
        rule: match prove && !proven && status == Status::Fail && verdict != Verdict::Inconclusive {
            true => format!("{rule}, and harm beyond the margin is not excluded"),
            false => rule.to_owned(),
        },
    };
    let unless_proven = |passes: Status| {
        if !prove || proven {
            passes
        } else {
            Status::Fail
        }
    };

    if identical && proven {
        return decision(
            Verdict::Identical,
            Status::Pass,
            "every stored outcome is equal",
        );
    }
    let spread = comparison
        .retrains
        .is_some_and(|retrains| retrains >= FEWEST_RETRAINS);
    let regressed = match null {
        Null::NoHarm | Null::Retrain => harmed && comparison.harm_exceeds_margin,
        Null::Margin => comparison.shows_harm_beyond_margin,
    };
    if regressed {
        let rule = match null {
            Null::NoHarm => "harm is shown (p ≤ alpha) and the change is beyond the margin",
            Null::Retrain if spread => {
                "harm beyond the spread of accepted retrains is shown (p ≤ alpha) and the change is beyond the margin"
            }
            Null::Retrain => {
                "harm is shown (p ≤ alpha) and the change is beyond the margin; fewer than 3 retrains are recorded, so that their spread is not known (bless --retrain)"
            }
            Null::Margin => "the whole interval lies beyond the margin",
        };
        if comparison.too_few_replicates {
            let rule = "harm beyond the margin is shown, but fewer than 5 shared draws are too few to fail by";
            return decision(Verdict::Regressed, unless_proven(Status::Warn), rule);
        }
        return decision(Verdict::Regressed, Status::Fail, rule);
    }
    let (gained_beyond, rule) = match null {
        Null::NoHarm | Null::Retrain => (
            gained && comparison.gain_exceeds_margin,
            "a change in the other direction is shown, beyond the margin, and direction = \"both\"",
        ),
        Null::Margin => (
            comparison.shows_gain_beyond_margin,
            "the whole interval lies beyond the margin in the other direction, and direction = \"both\"",
        ),
    };
    if both && gained_beyond {
        if comparison.too_few_replicates {
            let rule = "a change in the other direction is shown, beyond the margin, but fewer than 5 shared draws are too few to fail by";
            return decision(Verdict::Improved, unless_proven(Status::Warn), rule);
        }
        return decision(Verdict::Improved, Status::Fail, rule);
    }
    if harmed {
        let rule = if comparison.harm_exceeds_margin {
            "harm is shown (p ≤ alpha), and not that it is beyond the margin"
        } else {
            "harm is shown (p ≤ alpha), within the margin"
        };
        return decision(Verdict::Degraded, unless_proven(Status::Warn), rule);
    }
    if gained {
        return decision(
            Verdict::Improved,
            unless_proven(Status::Pass),
            "improvement is shown (p ≤ alpha)",
        );
    }
    if not_worse && not_better {
        return decision(
            Verdict::Equivalent,
            Status::Pass,
            "both limits lie within the margin",
        );
    }
    if not_worse && (!both || !prove) {
        return decision(
            Verdict::NonInferior,
            Status::Pass,
            "the lower limit lies within the margin",
        );
    }
    if !prove && comparison.sees_what_is_asked() {
        return decision(
            Verdict::NoRegression,
            Status::Pass,
            "no harm is shown, and harm of the detectable drop would have been seen",
        );
    }
    let rule = if comparison.hidden_by_retrains() {
        "no harm is shown, and the recorded retrains differ by too much to see the detectable drop"
    } else if prove {
        "harm beyond the margin is not excluded"
    } else {
        "no harm is shown, and there are too few examples to see the detectable drop"
    };
    let status = match test.on_inconclusive {
        OnInconclusive::Pass => Status::Pass,
        OnInconclusive::Warn => Status::Warn,
        OnInconclusive::Fail => Status::Fail,
    };
    decision(Verdict::Inconclusive, status, rule)
}
