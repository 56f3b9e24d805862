//! Outcomes against a baseline: the decision procedure of statistics.md 1.2.
//!
//! A verdict is a function of (case, baseline, run) and of nothing else. The
//! paired statistics that it rests on begin in `compare.rs`; the words for people
//! are in `report`.

mod anchor;
mod compare;
mod decide;
mod difference;
mod equality;
mod flips;
mod mean;
mod metric;
mod outlook;
mod pair;
mod retrain;
mod slices;
mod sums;
#[cfg(test)]
mod tests;
mod whole;

use std::borrow::Cow;

pub use anchor::{AnchorJudgement, Step};
pub use difference::{Asked, contributions, difference, metric_value, replicate_values};
pub use flips::Flips;
pub use metric::{MetricJudgement, accepted_metrics, retrain_metrics, wanted_columns};
pub use outlook::{ASSUMED_CHURN, Basis, Outlook};
pub use pair::{Comparison, Decisive, Design, smallest_bearable_margin};
pub use retrain::FEWEST_RETRAINS;

use crate::baseline::{Anchor, BaselineFile, Common, Lookup, References};
use crate::engine::differing_fields;
use crate::outcome::Outcomes;
use crate::record::Run;
use crate::spec::Case;
use crate::verdict::{Status, Verdict};
use equality::{Equality, equality};
use flips::{critical, flips, standing};

/// What was found about a case.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The worst of the metrics'.
    pub verdict: Verdict,
    /// What it does to the trial.
    pub status: Status,
    /// Why, where the metrics do not say it, and what else is worth knowing.
    pub notes: Vec<String>,
    /// What a pass must not hide: data that grew, a guard that is away, critical
    /// examples that are wrong.
    pub cautions: Vec<String>,
    /// Each metric, in the order of the spec.
    pub metrics: Vec<MetricJudgement>,
    /// Which examples became wrong or right; `None` where it is not kept. The
    /// positions are those of the run.
    pub flips: Option<Flips>,
}

/// Judges a run against what it is held against.
pub fn judge(case: &Case, run: &Run, references: &References) -> Judgement {
    match &references.baseline {
        Lookup::Missing => plain(case, run, Verdict::Missing, "no baseline yet".to_owned()),
        Lookup::Unusable(error) => plain(case, run, Verdict::Error, error.to_string()),
        Lookup::Found(baseline) => {
            against(case, run, baseline, references).unwrap_or_else(|(verdict, note)| {
                beside_stated(plain(case, run, verdict, note), baseline)
            })
        }
    }
}

/// A verdict that no metric decides.
fn plain(case: &Case, run: &Run, verdict: Verdict, note: String) -> Judgement {
    let metrics = case.metrics().iter();
    Judgement {
        verdict,
        status: Status::Fail,
        notes: vec![note],
        cautions: Vec::new(),
        metrics: metrics
            .map(|spec| MetricJudgement::plain(spec, run, verdict))
            .collect(),
        flips: None,
    }
}

/// The same beside a baseline that cannot be compared with: its values are shown as it
/// states them.
fn beside_stated(judgement: Judgement, baseline: &BaselineFile) -> Judgement {
    let metrics = judgement.metrics.into_iter().map(|metric| {
        let mut stated = baseline.metrics.iter();
        MetricJudgement {
            baseline: stated
                .find(|stated| stated.name == metric.name)
                .map(|stated| stated.value),
            ..metric
        }
    });
    Judgement {
        metrics: metrics.collect(),
        ..judgement
    }
}

/// An accepted run beside the rows of this one that it can be compared with.
struct Beside<'a> {
    file: &'a BaselineFile,
    old: Outcomes,
    new: Cow<'a, Run>,
}

impl<'a> Beside<'a> {
    fn new(
        file: &'a BaselineFile,
        run: &'a Run,
        common: Option<&Common>,
    ) -> Result<Self, (Verdict, String)> {
        if let Some(few) = common.filter(|common| !common.is_enough()) {
            let note = format!(
                "the data changed, so that nothing was tested: {}",
                few.shortfall()
            );
            return Err((Verdict::Stale, note));
        }
        if common.is_none() && file.inputs_digest != run.identity.inputs_digest {
            let fields = differing_fields(&file.inputs, &run.identity.inputs);
            let note = format!(
                "the baseline was made from other inputs, so that nothing was tested: {}",
                fields.join("; ")
            );
            return Err((Verdict::Stale, note));
        }
        let old = file
            .outcomes()
            .map_err(|error| (Verdict::Error, error.to_string()))?;
        let (old, new) = match common {
            None => (old, Cow::Borrowed(run)),
            Some(common) => (
                old.examples_at(&common.old),
                Cow::Owned(run.examples_at(&common.new)),
            ),
        };
        if (old.examples, old.replicates) != (new.outcomes.examples, new.outcomes.replicates) {
            let note = format!(
                "the baseline holds {} examples with {} replicates, and this run has {} with {}",
                old.examples, old.replicates, new.outcomes.examples, new.outcomes.replicates
            );
            return Err((Verdict::Error, note));
        }
        Ok(Self { file, old, new })
    }
}

fn against(
    case: &Case,
    run: &Run,
    baseline: &BaselineFile,
    references: &References,
) -> Result<Judgement, (Verdict, String)> {
    let common = references.common.as_ref();
    let beside = Beside::new(baseline, run, common)?;
    let (mut notes, mut cautions) = (Vec::new(), Vec::new());
    if let Some(common) = common {
        cautions.push(format!(
            "the data changed: judged on the {} examples that the baseline has of its {}, of {} now",
            common.old.len(),
            common.of,
            run.outcomes.examples
        ));
    }
    let anchor = match &references.anchor {
        Anchor::None => None,
        Anchor::Found { file, common } => Some(Beside::new(file, run, common.as_ref())?),
        Anchor::Absent(reason) => {
            cautions.push(format!("harm since the anchor cannot be seen: {reason}"));
            None
        }
        Anchor::Incomparable(reason) => {
            cautions.push(format!(
                "harm since the anchor cannot be seen: {reason}. bless --reanchor, or a later tag, makes a new one"
            ));
            None
        }
        Anchor::Unusable(reason) => return Err((Verdict::Error, reason.clone())),
    };
    let same_model =
        run.identity.model.digest.is_some() && baseline.model.digest == run.identity.model.digest;
    let same_environment = baseline.environment == run.identity.environment;
    let equality = equality(case, &baseline.metrics, &beside.old, &beside.new);
    let deterministic = !case.spec.model.stochastic;
    let question = metric::Question {
        case,
        beside: &beside,
        anchor: anchor.as_ref(),
        identical: equality != Equality::Different,
        same_model,
        // Other answers that are asked of the same bytes are another model.
        drifted_alone: equality == Equality::Different
            && run.identity.model.is_known_same(&baseline.model)
            && same_environment
            && deterministic,
    };
    let metrics: Vec<MetricJudgement> = case
        .metrics()
        .iter()
        .map(|spec| question.judge(spec))
        .collect();
    let flips = flips(&beside.old, &beside.new.outcomes);
    if case.spec.critical.is_some() && flips.is_none() {
        let note = format!(
            "the baseline does not say which examples were right, so that [critical] guards nothing. Make it anew: cargo steadfast bless --all {} --reason \"…\"",
            case.name
        );
        return Err((Verdict::Error, note));
    }
    let critical = critical(case, &beside.new, flips.as_ref());
    let (verdict, status) = if critical.is_some() {
        (Verdict::Critical, Status::Fail)
    } else {
        worst(&metrics, equality)
    };
    let status = match references.anchor {
        // A guard that is away is no silent pass.
        Anchor::Incomparable(_) | Anchor::Absent(_) => status.max(Status::Warn),
        _ => status,
    };
    notes.extend(critical);
    cautions.extend(standing(case, run, flips.as_ref(), common));
    match (verdict, equality) {
        (Verdict::Nondeterministic, _) => notes.push(
            "model, data, spec, algorithms and environment are the same, and the outcomes are not: the model answers differently from run to run. Find the source of randomness, or set [model] stochastic = true".to_owned(),
        ),
        (Verdict::Identical, Equality::Rounding) => notes.push("equal but for rounding".to_owned()),
        (Verdict::Improved, _) if status == Status::Pass => notes.push(format!(
            "the baseline is behind the model: to hold what was gained, cargo steadfast bless {} --reason \"…\"",
            case.name
        )),
        _ => {}
    }
    Ok(Judgement {
        verdict,
        status,
        notes,
        cautions,
        metrics,
        flips: flips.map(|flips| match common {
            None => flips,
            Some(common) => flips.at(&common.new),
        }),
    })
}

/// The worst verdict among those of the worst status: a case says first what made
/// it fail.
fn worst(metrics: &[MetricJudgement], equality: Equality) -> (Verdict, Status) {
    let status = metrics
        .iter()
        .map(|metric| metric.status)
        .max()
        .unwrap_or(Status::Pass);
    let of_status = metrics
        .iter()
        .filter(|metric| status == Status::Pass || metric.status == status)
        .filter_map(|metric| metric.verdict)
        .min_by_key(|verdict| verdict.rank());
    let verdict = of_status.unwrap_or(match equality {
        Equality::Different => Verdict::NoRegression,
        _ => Verdict::Identical,
    });
    (verdict, status)
}
