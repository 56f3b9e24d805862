//! Outcomes against a baseline: the decision procedure of statistics.md 1.2 (sections of the
//! design, `../shared/design/statistics.md`; for users it is told in `docs/verdicts.md`).
//!
//! A verdict is a function of (case, baseline, run) and of nothing else. The
//! paired statistics that it rests on begin in `compare.rs`; the words for people
//! are in `report`.

mod anchor;
mod chance;
mod changed;
mod classes;
mod compare;
mod decide;
mod difference;
mod equality;
mod flips;
mod mean;
mod metric;
mod outlook;
mod pair;
mod ranking;
mod retrain;
mod sampling;
mod slices;
#[cfg(test)]
mod tests;
mod whole;

pub use anchor::{AnchorJudgement, Step};
pub use changed::Dropped;
pub use difference::{Asked, contributions, difference, metric_value, replicate_values};
pub use flips::Flips;
pub use metric::{MetricJudgement, retrain_metrics};
pub use outlook::{ASSUMED_CHURN, Basis, Outlook};
pub use pair::{Assumed, Comparison, Decisive, Design, smallest_bearable_margin};
pub use retrain::FEWEST_RETRAINS;

use crate::baseline::{Anchor, BaselineFile, Blessing, Common, ENOUGH, Lookup, References};
use crate::engine::differing_fields;
use crate::record::Run;
use crate::spec::{Case, MetricSpec, Null, Question};
use crate::verdict::{Status, Verdict};
use chance::near_chance;
use changed::Rows;
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
    /// Whether a gain is shown that exceeds what recorded retrains differ by.
    pub is_gain: bool,
    /// The baseline's examples that a bless would let go of; `None`: none.
    pub dropped: Option<Dropped>,
}

/// Judges a run against what it is held against.
pub fn judge(case: &Case, run: &Run, references: &References) -> Judgement {
    match &references.baseline {
        Lookup::Missing => plain(case, run, Verdict::Missing, "no baseline yet".to_owned()),
        Lookup::Unusable(error) => plain(case, run, Verdict::Error, error.to_string()),
        Lookup::Found(baseline) => {
            let judgement = against(case, run, baseline, references);
            let judgement = judgement.unwrap_or_else(|(verdict, note)| Judgement {
                dropped: references.common.as_ref().and_then(|common| {
                    Dropped::of(
                        baseline,
                        baseline.outcomes().ok().as_ref(),
                        &common.vanished,
                    )
                }),
                ..beside_stated(plain(case, run, verdict, note), baseline)
            });
            match &baseline.merged {
                Some(other) => of_a_merge(judgement, baseline, other),
                None => judgement,
            }
        }
    }
}

/// A judgement beside a baseline of which a merge took one side: whatever it is, the merged
/// model is nobody's.
fn of_a_merge(judgement: Judgement, taken: &BaselineFile, other: &Blessing) -> Judgement {
    let mut notes = vec![format!(
        "the baseline comes from a merge: the side of {} ({}) was taken, and not that of {} ({}). Look at what the merged model gives, and bless it",
        taken.accepted.by, taken.accepted.reason, other.accepted.by, other.accepted.reason
    )];
    notes.extend(judgement.notes);
    let graver = judgement.verdict.rank() < Verdict::Stale.rank();
    Judgement {
        verdict: if graver {
            judgement.verdict
        } else {
            Verdict::Stale
        },
        status: Status::Fail,
        is_gain: false,
        notes,
        ..judgement
    }
}

/// A verdict that no metric decides.
fn plain(case: &Case, run: &Run, verdict: Verdict, note: String) -> Judgement {
    let metrics = case.metrics().iter();
    Judgement {
        verdict,
        status: Status::Fail,
        notes: vec![note],
        cautions: near_chance(case, run).into_iter().collect(),
        metrics: metrics
            .map(|spec| MetricJudgement::plain(spec, run, verdict))
            .collect(),
        flips: None,
        is_gain: false,
        dropped: None,
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
    rows: Rows<'a>,
    /// The same for metrics of scores, where some rows have another label now: a score is of
    /// the label that it was made with, so that such rows are gone; `None`: as `rows`.
    scored: Option<Rows<'a>>,
    /// What changed of the rows that both have: labels, clusters, slices.
    regrouped: Vec<&'static str>,
}

impl<'a> Beside<'a> {
    fn new(
        case: &Case,
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
        let all = file
            .outcomes()
            .map_err(|error| (Verdict::Error, error.to_string()))?;
        let replicates = all.replicates;
        if let Some(other) = changed::of_other_data(file, &all, run).filter(|_| common.is_none()) {
            let note = format!(
                "the baseline states that it is of these data, and its {other} are others: it was changed by hand. Restore it: git checkout -- {}",
                crate::baseline::path(&case.name)
            );
            return Err((Verdict::Error, note));
        }
        let (rows, scored, regrouped) = match common {
            None => (Rows::same(all, run), None, Vec::new()),
            Some(common) => {
                let same_labels = changed::same_labels(&all, run, common);
                if !same_labels.is_enough() {
                    let note = format!(
                        "the data changed, so that nothing was tested: {} of the baseline's {} examples have the label that it states, and {} % are needed",
                        same_labels.old.len(),
                        common.of(),
                        100.0 * ENOUGH
                    );
                    return Err((Verdict::Stale, note));
                }
                let regrouped = changed::regrouped(file, &all, run, (common, &same_labels));
                let scored = case.metrics().iter().any(metric::is_scored)
                    && same_labels.old.len() < common.old.len();
                let scored = scored.then(|| Rows::of(file, all.clone(), run, &same_labels));
                (Rows::of(file, all, run, common), scored, regrouped)
            }
        };
        let new = &rows.new.outcomes;
        if (rows.old.examples, replicates) != (new.examples, new.replicates) {
            let note = format!(
                "the baseline holds {} examples with {replicates} replicates, and this run has {} with {}",
                rows.old.examples, new.examples, new.replicates
            );
            return Err((Verdict::Error, note));
        }
        Ok(Self {
            file,
            rows,
            scored,
            regrouped,
        })
    }

    /// The rows that a metric is judged on.
    fn rows_of(&self, spec: &MetricSpec) -> &Rows<'a> {
        let scored = self.scored.as_ref().filter(|_| metric::is_scored(spec));
        scored.unwrap_or(&self.rows)
    }

    /// The rows that are gone of those; `None`: none is.
    fn dropped_of(&self, spec: &MetricSpec) -> Option<&Dropped> {
        self.rows_of(spec).dropped.as_ref()
    }

    /// The rows that are gone for any metric; `None`: none is.
    fn dropped(&self) -> Option<&Dropped> {
        self.scored.as_ref().unwrap_or(&self.rows).dropped.as_ref()
    }
}

/// Ids that a message lists.
const LISTED: usize = 10;

fn against(
    case: &Case,
    run: &Run,
    baseline: &BaselineFile,
    references: &References,
) -> Result<Judgement, (Verdict, String)> {
    let common = references.common.as_ref();
    let beside = Beside::new(case, baseline, run, common)?;
    let (mut notes, mut cautions) = (Vec::new(), Vec::new());
    if let Some(common) = common {
        cautions.push(format!(
            "the data changed: judged on the {} examples that are the baseline's, of its {} and of {} now",
            beside.rows.new.outcomes.examples,
            common.of(),
            run.outcomes.examples
        ));
        if !beside.regrouped.is_empty() {
            cautions.push(format!(
                "{} of these changed: judged by the baseline's until it is blessed anew",
                beside.regrouped.join(" and ")
            ));
        }
        if let Some(dropped) = beside.dropped() {
            cautions.push(format!(
                "{} ({}): judged without them, and again with them as wrong. No gain is shown while they are gone",
                dropped.words(),
                dropped.listed(LISTED)
            ));
        }
    }
    let anchor = match &references.anchor {
        Anchor::None => None,
        Anchor::Found { file, common } => Some(Beside::new(case, file, run, common.as_ref())?),
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
    if let Some(anchor) = &anchor {
        let known = |spec: &&MetricSpec| {
            let mut metrics = anchor.file.metrics.iter();
            metrics.any(|it| it.name == spec.label && it.identity == spec.identity())
        };
        let asked = |spec: &&MetricSpec| spec.test.as_ref().is_some_and(|it| it.anchor.is_some());
        let unknown = case
            .metrics()
            .iter()
            .filter(asked)
            .filter(|spec| !known(spec));
        let unknown: Vec<&str> = unknown.map(|spec| spec.label.as_str()).collect();
        if !unknown.is_empty() {
            cautions.push(format!(
                "harm of {} since the anchor cannot be seen: it does not have this version of it. The next bless adds it",
                unknown.join(", ")
            ));
        }
    }
    let same_model =
        run.identity.model.digest.is_some() && baseline.model.digest == run.identity.model.digest;
    let same_environment = baseline.environment == run.identity.environment;
    let equality = equality(case, &baseline.metrics, &beside.rows.old, &beside.rows.new);
    let deterministic = !case.spec.model.stochastic;
    let question = metric::Judging {
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
    let refuted = metrics.iter().filter_map(refuted);
    let refuted: Vec<String> = refuted.collect();
    let flips = flips(&beside.rows.old, &beside.rows.new.outcomes);
    if case.spec.critical.is_some() && flips.is_none() {
        let note = format!(
            "the baseline does not say which examples were right, so that [critical] guards nothing. Make it anew: cargo steadfast bless --all {} --reason \"…\"",
            case.name
        );
        return Err((Verdict::Error, note));
    }
    let critical =
        critical(case, &beside.rows.new, flips.as_ref()).or_else(|| gone_critical(case, &beside));
    let (verdict, status) = if critical.is_some() {
        (Verdict::Critical, Status::Fail)
    } else {
        worst(&metrics, equality)
    };
    let status = match references.anchor {
        // A guard that is away is no silent pass.
        Anchor::Incomparable(_) | Anchor::Absent(_) => status.max(Status::Warn),
        _ if !refuted.is_empty() => status.max(Status::Warn),
        _ => status,
    };
    cautions.extend(refuted);
    if status < Status::Fail {
        cautions.extend(metrics.iter().filter_map(excused));
    }
    notes.extend(critical);
    let is_gain = status == Status::Pass && retrain::is_gain(case, &metrics, baseline);
    cautions.extend(near_chance(case, run));
    cautions.extend(standing(case, run, flips.as_ref(), beside.rows.places()));
    match (verdict, equality) {
        (Verdict::Nondeterministic, _) => notes.push(
            "model, data, spec, algorithms and environment are the same, and the outcomes are not: the model answers differently from run to run. Find the source of randomness, or set [model] stochastic = true".to_owned(),
        ),
        (Verdict::Identical, Equality::Rounding) => notes.push("equal but for rounding".to_owned()),
        (Verdict::Regressed, _) if status == Status::Fail && may_be_a_retrain(case, run, baseline) => {
            notes.push(
                "retrains of one pipeline differ by chance, and none is recorded here: if this is an honest one, record several, each as it came out (cargo steadfast bless --retrain), and set [gate] null = \"retrain\"".to_owned(),
            );
        }
        (Verdict::Improved, _) if status == Status::Pass => notes.push(
            if is_gain {
                "the gain exceeds what the recorded retrains differ by"
            } else {
                "one lucky draw is no gain: nothing says that it exceeds what retrains of the pipeline differ by (cargo steadfast bless --retrain records some)"
            }
            .to_owned(),
        ),
        _ => {}
    }
    Ok(Judgement {
        verdict,
        status,
        notes,
        cautions,
        metrics,
        flips: flips.map(|flips| match beside.rows.places() {
            None => flips,
            Some(places) => flips.at(places),
        }),
        is_gain,
        dropped: beside.dropped().cloned(),
    })
}

/// What is to be said of a declared `largest_change` that the data go beyond.
fn refuted(metric: &MetricJudgement) -> Option<String> {
    let anchor = metric.anchor.as_ref().map(|anchor| &anchor.comparison);
    let compared = metric.comparison.iter().chain(anchor);
    let of = compared.filter(|comparison| comparison.assumed.refuted);
    let of = of.filter_map(|comparison| comparison.assumed.change);
    let (declared, seen) = of.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    Some(format!(
        "largest_change = {declared} of {} is not true: a change of {} was seen. The test does without the declaration, and sees less. Declare what no example or cluster can go beyond, or remove largest_change",
        metric.name,
        (seen * 1e4).round() / 1e4
    ))
}

/// Whether a failure may be chance that recorded retrains would show: another model, judged
/// against no harm, beside none.
fn may_be_a_retrain(case: &Case, run: &Run, baseline: &BaselineFile) -> bool {
    let tests = case.metrics().iter().filter_map(|spec| spec.test.as_ref());
    baseline.retrains.is_empty()
        && baseline.model.digest != run.identity.model.digest
        && tests.into_iter().any(|test| {
            let harm = matches!(test.question, Question::Harm { .. });
            harm && test.question.null() != Null::Retrain
        })
}

/// What is to be said of harm that would fail if retrains did not differ by chance.
fn excused(metric: &MetricJudgement) -> Option<String> {
    let comparison = metric.comparison.as_ref()?;
    comparison.is_hidden_harm().then(|| {
        format!(
            "{} is worse than the baseline, beyond the margin, and within what the recorded retrains differ by: it passes as one of them",
            metric.name
        )
    })
}

/// What is to be said of critical examples that are gone, or whose input changed.
fn gone_critical(case: &Case, beside: &Beside<'_>) -> Option<String> {
    let critical = case.spec.critical.as_ref()?;
    let seen = beside.file.examples.as_ref()?;
    let slices = beside.file.outcomes().ok()?;
    let slices = slices.column(crate::outcome::SLICE);
    let in_slice = |row: usize| {
        let number = slices.and_then(|column| column.values.get(row))?;
        beside.file.slices.get(*number as usize)
    };
    let gone = beside.rows.vanished.iter().filter(|&&row| {
        critical.examples.contains(&seen.id(row))
            || in_slice(row).is_some_and(|name| critical.slices.contains(name))
    });
    let ids: Vec<String> = gone.map(|&row| seen.id(row)).collect();
    (!ids.is_empty()).then(|| {
        format!(
            "critical examples are gone, or their inputs or labels changed: {}",
            ids.join(", ")
        )
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
