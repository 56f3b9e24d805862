//! Outcomes against a baseline: the decision procedure of statistics.md 1.2.
//!
//! A verdict is a function of (case, baseline, run) and of nothing else. The
//! paired statistics that it rests on begin in `compare.rs`; the words for people
//! are in `report`.

mod compare;
mod decide;
mod mean;
mod slices;
mod sums;
#[cfg(test)]
mod tests;
mod whole;

pub use compare::{Comparison, Decisive, smallest_bearable_margin};

use crate::baseline::{BaselineFile, BaselineMetric, Lookup};
use crate::engine::differing_fields;
use crate::metric::{Metric, Rows};
use crate::outcome::{CORRECT, ColumnSpec, Outcomes};
use crate::record::Run;
use crate::spec::{Case, MetricSpec};
use crate::verdict::{Status, Verdict};

/// Quanta by which scores may differ and still be the same but for rounding.
const ROUNDING: u16 = 2;

/// What was found about a case.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// The worst of the metrics'.
    pub verdict: Verdict,
    /// What it does to the trial.
    pub status: Status,
    /// Why, where the metrics do not say it.
    pub note: Option<String>,
    /// Each metric, in the order of the spec.
    pub metrics: Vec<MetricJudgement>,
    /// Which examples became wrong or right; `None` where it is not kept.
    pub flips: Option<Flips>,
}

/// What was found about one metric.
#[derive(Clone, Debug)]
pub struct MetricJudgement {
    /// What the spec calls it.
    pub name: String,
    /// `name@version(parameters)`.
    pub identity: String,
    /// Its value in this run.
    pub value: f64,
    /// Its value in the baseline, from the same columns.
    pub baseline: Option<f64>,
    /// The verdict; `None`: it is only reported.
    pub verdict: Option<Verdict>,
    /// What the verdict does.
    pub status: Status,
    /// The numbers that the verdict rests on.
    pub comparison: Option<Comparison>,
    /// Which rule decided, in words.
    pub rule: String,
}

/// Examples whose correctness changed. A flip is counted by replicate; an example
/// is listed when its mean changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flips {
    /// Right before, wrong now.
    pub harm: u64,
    /// Wrong before, right now.
    pub gain: u64,
    /// Examples that are right less often now.
    pub worse: Vec<usize>,
    /// Examples that are right more often now.
    pub better: Vec<usize>,
}

/// Judges a run.
pub fn judge(case: &Case, run: &Run, lookup: &Lookup) -> Judgement {
    match lookup {
        Lookup::Missing => plain(case, run, Verdict::Missing, "no baseline yet".to_owned()),
        Lookup::Unusable(error) => plain(case, run, Verdict::Error, error.to_string()),
        Lookup::Found(baseline) => against(case, run, baseline),
    }
}

/// A verdict that no metric decides.
fn plain(case: &Case, run: &Run, verdict: Verdict, note: String) -> Judgement {
    let metrics = case.spec.metrics.iter().map(|spec| MetricJudgement {
        name: spec.label.clone(),
        identity: spec.identity(),
        value: value(spec, &run.outcomes, run).unwrap_or(f64::NAN),
        baseline: None,
        verdict: spec.test.as_ref().map(|_| verdict),
        status: Status::Fail,
        comparison: None,
        rule: String::new(),
    });
    Judgement {
        verdict,
        status: Status::Fail,
        note: Some(note),
        metrics: metrics.collect(),
        flips: None,
    }
}

fn against(case: &Case, run: &Run, baseline: &BaselineFile) -> Judgement {
    if baseline.inputs_digest != run.identity.inputs_digest {
        let fields = differing_fields(&baseline.inputs, &run.identity.inputs);
        let note = format!(
            "the baseline was made from other inputs: {}",
            fields.join("; ")
        );
        return plain(case, run, Verdict::Stale, note);
    }
    let old = match baseline.outcomes() {
        Ok(old) => old,
        Err(error) => return plain(case, run, Verdict::Error, error.to_string()),
    };
    if (old.examples, old.replicates) != (run.outcomes.examples, run.outcomes.replicates) {
        let note = format!(
            "the baseline holds {} examples with {} replicates, and this run has {} with {}",
            old.examples, old.replicates, run.outcomes.examples, run.outcomes.replicates
        );
        return plain(case, run, Verdict::Error, note);
    }
    let same_model =
        run.identity.model.digest.is_some() && baseline.model.digest == run.identity.model.digest;
    let same_environment = baseline.environment == run.identity.environment;
    let equality = equality(case, &old, run);
    let deterministic = !case.spec.model.stochastic;
    let drifted_alone =
        equality == Equality::Different && same_model && same_environment && deterministic;
    let metrics: Vec<MetricJudgement> = case
        .spec
        .metrics
        .iter()
        .map(|spec| {
            metric(
                case,
                spec,
                run,
                &old,
                baseline,
                &equality,
                same_model,
                drifted_alone,
            )
        })
        .collect();
    let judged = metrics.iter().filter_map(|metric| metric.verdict);
    let verdict = judged
        .min_by_key(|verdict| verdict.rank())
        .unwrap_or(match equality {
            Equality::Different => Verdict::NoRegression,
            _ => Verdict::Identical,
        });
    let status = metrics
        .iter()
        .map(|metric| metric.status)
        .max()
        .unwrap_or(Status::Pass);
    // A case says first what made it fail.
    let verdict = metrics
        .iter()
        .filter(|metric| metric.status == status && status > Status::Pass)
        .filter_map(|metric| metric.verdict)
        .min_by_key(|verdict| verdict.rank())
        .unwrap_or(verdict);
    let note = match (verdict, &equality) {
        (Verdict::Nondeterministic, _) => Some(
            "model, data, spec, algorithms and environment are the same, and the outcomes are not: the model answers differently from run to run. Find the source of randomness, or set [model] stochastic = true".to_owned(),
        ),
        (Verdict::Identical, Equality::Rounding) => Some("equal but for rounding".to_owned()),
        _ => None,
    };
    Judgement {
        verdict,
        status,
        note,
        metrics,
        flips: flips(&old, &run.outcomes),
    }
}

/// How the stored columns of two runs compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Equality {
    /// To the last bit.
    Exact,
    /// Scores differ by at most two quanta, all else is equal.
    Rounding,
    /// Otherwise. (A metric whose columns the baseline lacks is judged by itself.)
    Different,
}

fn equality(case: &Case, old: &Outcomes, run: &Run) -> Equality {
    let mut worst = Equality::Exact;
    for spec in wanted_columns(case) {
        let (Some(before), Some(after)) = (old.column(&spec.name), run.outcomes.column(&spec.name))
        else {
            continue;
        };
        if before.values == after.values {
            continue;
        }
        let close = spec.range.is_some()
            && before
                .values
                .iter()
                .zip(&after.values)
                .all(|(a, b)| a.abs_diff(*b) <= ROUNDING);
        if !close {
            return Equality::Different;
        }
        worst = Equality::Rounding;
    }
    worst
}

/// The columns that a case's metrics need, each once: what its baseline keeps.
pub fn wanted_columns(case: &Case) -> Vec<ColumnSpec> {
    let mut columns: Vec<ColumnSpec> = Vec::new();
    for spec in &case.spec.metrics {
        for column in algorithm(spec).columns(&spec.label, &spec.parameters) {
            if !columns.iter().any(|known| known.name == column.name) {
                columns.push(column);
            }
        }
    }
    columns
}

/// The built-in algorithm of a metric: the catalogue that specs are parsed
/// against lists no other.
fn algorithm(spec: &MetricSpec) -> &'static dyn Metric {
    crate::builtin::metric(spec.kind.name).unwrap_or(&crate::metric::Accuracy)
}

fn classes(run: &Run, outcomes: &[&Outcomes]) -> usize {
    let predicted = outcomes
        .iter()
        .filter_map(|outcomes| outcomes.column(crate::outcome::CLASS))
        .flat_map(|column| &column.values);
    let largest = predicted.chain(run.labels()).max().copied().unwrap_or(0);
    usize::from(largest) + 1
}

/// The rows of some outcomes of the run's examples.
fn rows<'a>(outcomes: &'a Outcomes, columns: &[ColumnSpec], run: &'a Run) -> Option<Rows<'a>> {
    let rows = Rows::new(outcomes, columns, run.labels())?;
    Some(rows.with_slices(run.slices.as_ref().map(|slices| slices.of.as_slice())))
}

/// The value of a metric over some outcomes; `None` where its columns are not there.
fn value(spec: &MetricSpec, outcomes: &Outcomes, run: &Run) -> Option<f64> {
    let metric = algorithm(spec);
    let columns = metric.columns(&spec.label, &spec.parameters);
    let rows = rows(outcomes, &columns, run)?;
    Some(rows.value(metric, &spec.parameters, classes(run, &[outcomes])))
}

/// The values and 95 % intervals that a baseline of this run states.
pub fn accepted_metrics(case: &Case, run: &Run) -> Vec<BaselineMetric> {
    case.spec
        .metrics
        .iter()
        .map(|spec| {
            let metric = algorithm(spec);
            let columns = metric.columns(&spec.label, &spec.parameters);
            let rows = rows(&run.outcomes, &columns, run);
            let classes = classes(run, &[&run.outcomes]);
            BaselineMetric {
                name: spec.label.clone(),
                identity: spec.identity(),
                value: value(spec, &run.outcomes, run).unwrap_or(f64::NAN),
                interval: rows.and_then(|rows| {
                    whole::interval(metric, spec, &rows, run.clusters.as_deref(), classes)
                }),
            }
        })
        .collect()
}

#[allow(
    clippy::too_many_arguments,
    reason = "one metric's row of the table of verdicts"
)]
fn metric(
    case: &Case,
    spec: &MetricSpec,
    run: &Run,
    old: &Outcomes,
    baseline: &BaselineFile,
    equality: &Equality,
    same_model: bool,
    drifted_alone: bool,
) -> MetricJudgement {
    let algorithm = algorithm(spec);
    let columns = algorithm.columns(&spec.label, &spec.parameters);
    let classes = classes(run, &[old, &run.outcomes]);
    let new_rows = rows(&run.outcomes, &columns, run);
    let old_rows = rows(old, &columns, run);
    let rows_value = |rows: &Option<Rows<'_>>| {
        rows.as_ref()
            .map(|rows| rows.value(algorithm, &spec.parameters, classes))
    };
    let mut judgement = MetricJudgement {
        name: spec.label.clone(),
        identity: spec.identity(),
        value: rows_value(&new_rows).unwrap_or(f64::NAN),
        baseline: rows_value(&old_rows),
        verdict: None,
        status: Status::Pass,
        comparison: None,
        rule: String::new(),
    };
    let Some(test) = &spec.test else {
        judgement.rule = "only reported".to_owned();
        return judgement;
    };
    let mut fixed = |verdict: Verdict, status: Status, rule: String| {
        judgement.verdict = Some(verdict);
        judgement.status = status;
        judgement.rule = rule;
    };
    let known = baseline
        .metrics
        .iter()
        .find(|metric| metric.name == spec.label);
    match known {
        None => {
            fixed(
                Verdict::Missing,
                Status::Fail,
                "the baseline does not have this metric yet".to_owned(),
            );
            return judgement;
        }
        Some(known) if known.identity != spec.identity() => {
            let rule = format!(
                "the baseline has {}, and this is {}",
                known.identity,
                spec.identity()
            );
            fixed(Verdict::Stale, Status::Fail, rule);
            return judgement;
        }
        Some(_) => {}
    }
    let (Some(old_rows), Some(new_rows)) = (old_rows, new_rows) else {
        let rule = "the baseline does not have the columns that this metric needs".to_owned();
        fixed(Verdict::Error, Status::Fail, rule);
        return judgement;
    };
    if drifted_alone {
        fixed(
            Verdict::Nondeterministic,
            Status::Fail,
            "nothing changed but the outcomes".to_owned(),
        );
    } else {
        let identical = *equality != Equality::Different;
        if identical && (test.mode == crate::spec::Mode::Detect || same_model) {
            fixed(
                Verdict::Identical,
                Status::Pass,
                "every stored outcome is equal".to_owned(),
            );
            return judgement;
        }
    }
    let comparison = compare::compare(&compare::Pair {
        metric: algorithm,
        spec,
        test,
        case: &case.spec,
        old: &old_rows,
        new: &new_rows,
        clusters: run.clusters.as_deref(),
        slices: run.slices.as_ref().map_or(&[], |slices| &slices.names),
        classes,
    });
    if !drifted_alone {
        let decision = decide::decide(&comparison, test, *equality != Equality::Different);
        judgement.verdict = Some(decision.verdict);
        judgement.status = decision.status;
        judgement.rule = decision.rule;
    }
    judgement.comparison = Some(comparison);
    judgement
}

fn flips(old: &Outcomes, new: &Outcomes) -> Option<Flips> {
    let (before, after) = (old.column(CORRECT)?, new.column(CORRECT)?);
    let mut flips = Flips::default();
    let replicates = new.replicates.max(1);
    let pairs = before
        .values
        .chunks(replicates)
        .zip(after.values.chunks(replicates));
    for (example, (before, after)) in pairs.enumerate() {
        let mut change = 0_i64;
        for (&before, &after) in before.iter().zip(after) {
            match (before != 0, after != 0) {
                (true, false) => {
                    flips.harm += 1;
                    change -= 1;
                }
                (false, true) => {
                    flips.gain += 1;
                    change += 1;
                }
                _ => {}
            }
        }
        match change.signum() {
            -1 => flips.worse.push(example),
            1 => flips.better.push(example),
            _ => {}
        }
    }
    Some(flips)
}
