//! One metric of one case: its values, its verdict, and what became of it since the
//! anchor.

use super::anchor::{self, AnchorJudgement};
use super::compare::compare;
use super::pair::{Comparison, Design, Pair};
use super::{Beside, decide, retrain, whole};
use crate::baseline::{BaselineMetric, RetrainMetric};
use crate::metric::{Metric, Rows};
use crate::outcome::{ColumnSpec, Outcomes};
use crate::record::Run;
use crate::spec::{Case, MetricSpec, Mode, Null, TestSpec};
use crate::verdict::{Status, Verdict};

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
    /// What became of it since the anchor; `None`: there is none to compare with.
    pub anchor: Option<AnchorJudgement>,
}

impl MetricJudgement {
    fn new(spec: &MetricSpec, value: f64, baseline: Option<f64>) -> Self {
        Self {
            name: spec.label.clone(),
            identity: spec.identity(),
            value,
            baseline,
            verdict: None,
            status: Status::Pass,
            comparison: None,
            rule: String::new(),
            anchor: None,
        }
    }

    /// Of a case whose verdict no metric decides.
    pub fn plain(spec: &MetricSpec, run: &Run, verdict: Verdict) -> Self {
        let value = value(spec, &run.outcomes, run).unwrap_or(f64::NAN);
        Self {
            verdict: spec.test.as_ref().map(|_| verdict),
            status: Status::Fail,
            ..Self::new(spec, value, None)
        }
    }

    fn decided(self, verdict: Verdict, status: Status, rule: impl Into<String>) -> Self {
        Self {
            verdict: Some(verdict),
            status,
            rule: rule.into(),
            ..self
        }
    }
}

/// What all metrics of a case are judged by.
pub struct Question<'a> {
    /// The case.
    pub case: &'a Case,
    /// The baseline beside the run.
    pub beside: &'a Beside<'a>,
    /// The anchor beside the run.
    pub anchor: Option<&'a Beside<'a>>,
    /// Every stored column is equal, but for rounding.
    pub identical: bool,
    /// The model's bytes are the baseline's.
    pub same_model: bool,
    /// Nothing but the outcomes differs.
    pub drifted_alone: bool,
}

impl Question<'_> {
    /// Judges one metric.
    pub fn judge(&self, spec: &MetricSpec) -> MetricJudgement {
        let Beside { file, old, new } = self.beside;
        let after = value(spec, &new.outcomes, new).unwrap_or(f64::NAN);
        let judgement = MetricJudgement::new(spec, after, value(spec, old, new));
        let Some(test) = &spec.test else {
            return MetricJudgement {
                rule: "only reported".to_owned(),
                ..judgement
            };
        };
        let fail = |verdict, rule: String| (verdict, Status::Fail, rule);
        let known = file.metrics.iter().find(|metric| metric.name == spec.label);
        let fixed = match known {
            None => Some(fail(
                Verdict::Missing,
                "the baseline does not have this metric yet".to_owned(),
            )),
            Some(known) if known.identity != spec.identity() => {
                let rule = match spec.differing_parameters(&known.identity) {
                    Some(differing) => format!(
                        "the baseline has other parameters: {}",
                        differing.join("; ")
                    ),
                    None => format!(
                        "the baseline has {}, and this is {}",
                        known.identity,
                        spec.identity()
                    ),
                };
                Some(fail(Verdict::Stale, rule))
            }
            Some(_) if self.drifted_alone => None,
            Some(_) if self.identical && (test.mode == Mode::Detect || self.same_model) => Some((
                Verdict::Identical,
                Status::Pass,
                "every stored outcome is equal".to_owned(),
            )),
            Some(_) => None,
        };
        if let Some((verdict, status, rule)) = fixed {
            return judgement.decided(verdict, status, rule);
        }
        let Some(mut comparison) = self.compare(spec, test, self.beside) else {
            let rule = "the baseline does not have the columns that this metric needs";
            return judgement.decided(Verdict::Error, Status::Fail, rule);
        };
        if test.null == Null::Retrain {
            let change = after - judgement.baseline.unwrap_or(f64::NAN);
            let reference = retrain::Reference::Accepted { change };
            retrain::widen(&mut comparison, spec, test, file, reference);
        }
        let mut judgement = if self.drifted_alone {
            let rule = "nothing changed but the outcomes";
            judgement.decided(Verdict::Nondeterministic, Status::Fail, rule)
        } else {
            let decision = decide::decide(&comparison, test, self.identical);
            let decided = judgement.decided(decision.verdict, decision.status, decision.rule);
            if decided.verdict == Some(Verdict::Identical) {
                decided
            } else {
                self.since_the_anchor(decided, spec, test)
            }
        };
        judgement.comparison = Some(comparison);
        judgement
    }

    /// Adds the test against the anchor, which overrules all that passes and a
    /// regression; *identical* comes before it.
    fn since_the_anchor(
        &self,
        judgement: MetricJudgement,
        spec: &MetricSpec,
        test: &TestSpec,
    ) -> MetricJudgement {
        let (Some(beside), Some(asked)) = (self.anchor, &test.anchor) else {
            return judgement;
        };
        // An anchor without this metric, or with another version of it, has nothing to say.
        let known = beside
            .file
            .metrics
            .iter()
            .any(|metric| metric.name == spec.label && metric.identity == spec.identity());
        let test = &anchor::test(test, asked);
        let comparison = known.then(|| self.compare(spec, test, beside)).flatten();
        let before = value(spec, &beside.old, &beside.new);
        let (Some(mut comparison), Some(before)) = (comparison, before) else {
            return judgement;
        };
        if test.null == Null::Retrain {
            let after = value(spec, &beside.new.outcomes, &beside.new);
            let change = after.map_or(f64::NAN, |after| after - before);
            let reference = retrain::Reference::Anchor { change };
            retrain::widen(&mut comparison, spec, test, self.beside.file, reference);
        }
        let since = AnchorJudgement::new(
            spec,
            test,
            before,
            comparison,
            (beside.file, self.beside.file),
        );
        let judgement = if since.drifted && since.comparison.too_few_replicates {
            let rule = "harm since the anchor is shown, beyond its margin, but fewer than 5 shared draws are too few to fail by";
            match judgement.status {
                Status::Fail => judgement,
                _ => judgement.decided(Verdict::Drifted, Status::Warn, rule),
            }
        } else if since.drifted {
            let rule = anchor::rule(test, &since.comparison);
            judgement.decided(Verdict::Drifted, Status::Fail, rule)
        } else {
            judgement
        };
        MetricJudgement {
            anchor: Some(since),
            ..judgement
        }
    }

    /// The paired statistics of a metric between an accepted run and this one.
    fn compare(
        &self,
        spec: &MetricSpec,
        test: &TestSpec,
        beside: &Beside<'_>,
    ) -> Option<Comparison> {
        let design = Design::of(&self.case.spec);
        paired(spec, test, design, (&beside.old, &beside.new))
    }
}

/// The paired statistics of a metric between some outcomes and a run of the same
/// examples; `None` where one of them does not have the columns.
pub(super) fn paired(
    spec: &MetricSpec,
    test: &TestSpec,
    design: Design,
    (old, new): (&Outcomes, &Run),
) -> Option<Comparison> {
    let metric = algorithm(spec);
    let columns = metric.columns(&spec.label, &spec.parameters);
    Some(compare(&Pair {
        metric,
        spec,
        test,
        design,
        old: &rows(old, &columns, new)?,
        new: &rows(&new.outcomes, &columns, new)?,
        clusters: new.clusters.as_deref(),
        slices: new.slice_names(),
        slice_array: new
            .identity
            .inputs
            .pointer("/data/slice")
            .and_then(serde_json::Value::as_str),
        classes: classes(new, &[old, &new.outcomes]),
    }))
}

/// The columns that a case's metrics need, each once: what its baseline keeps.
pub fn wanted_columns(case: &Case) -> Vec<ColumnSpec> {
    columns_of(case, case.metrics())
}

/// The columns that `[critical]` and these metrics of a case need, each once.
pub(super) fn columns_of<'a>(
    case: &Case,
    metrics: impl IntoIterator<Item = &'a MetricSpec>,
) -> Vec<ColumnSpec> {
    let mut columns: Vec<ColumnSpec> = Vec::new();
    if case.spec.critical.is_some() {
        columns.push(ColumnSpec::correct());
    }
    for spec in metrics {
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
pub(super) fn algorithm(spec: &MetricSpec) -> &'static dyn Metric {
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
pub(super) fn value(spec: &MetricSpec, outcomes: &Outcomes, run: &Run) -> Option<f64> {
    let metric = algorithm(spec);
    let columns = metric.columns(&spec.label, &spec.parameters);
    let rows = rows(outcomes, &columns, run)?;
    Some(rows.value(metric, &spec.parameters, classes(run, &[outcomes])))
}

/// The values and 95 % intervals that a baseline of this run states.
pub fn accepted_metrics(case: &Case, run: &Run) -> Vec<BaselineMetric> {
    case.metrics()
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

/// What each metric of a run is, and how well its difference to a baseline is known:
/// what a baseline keeps of a retrain.
pub fn retrain_metrics(judged: &[MetricJudgement]) -> Vec<RetrainMetric> {
    judged
        .iter()
        .filter_map(|metric| {
            let error = match (&metric.comparison, metric.verdict) {
                (Some(comparison), _) => comparison.error,
                (None, Some(Verdict::Identical)) => 0.0,
                (None, _) => return None,
            };
            Some(RetrainMetric {
                identity: metric.identity.clone(),
                value: metric.value,
                error,
            })
        })
        .collect()
}
