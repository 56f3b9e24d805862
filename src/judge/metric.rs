//! One metric of one case: its values, its verdict, and what became of it since the
//! anchor.

use super::anchor::{self, AnchorJudgement};
use super::changed::{self, As};
use super::compare::compare;
use super::decide::{self, Decision};
use super::pair::{Comparison, Design, Pair};
use super::{Beside, retrain};
use crate::baseline::{BaselineFile, RetrainMetric};
use crate::catalogue::Better;
use crate::measure::{algorithm, classes, rows, value};
use crate::metric::Form;
use crate::outcome::{Outcomes, Per};
use crate::record::Run;
use crate::spec::{Case, Direction, MetricSpec, Null, Question, TestSpec};
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
pub struct Judging<'a> {
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

impl Judging<'_> {
    /// Judges one metric.
    pub fn judge(&self, spec: &MetricSpec) -> MetricJudgement {
        let (file, rows) = (self.beside.file, self.beside.rows_of(spec));
        let after = value(spec, &rows.new.outcomes, &rows.new).unwrap_or(f64::NAN);
        let judgement = MetricJudgement::new(spec, after, value(spec, &rows.old, &rows.new));
        let Some(test) = &spec.test else {
            return MetricJudgement {
                rule: "only reported".to_owned(),
                ..judgement
            };
        };
        if let Some((verdict, status, rule)) = self.beforehand(spec, test, file) {
            return judgement.decided(verdict, status, rule);
        }
        let Some((comparison, decision)) = self.decide(spec, test, rows) else {
            let rule = "the baseline does not have the columns that this metric needs";
            return judgement.decided(Verdict::Error, Status::Fail, rule);
        };
        let mut judgement = if self.drifted_alone {
            let rule = "nothing changed but the outcomes";
            judgement.decided(Verdict::Nondeterministic, Status::Fail, rule)
        } else {
            let decision = self.with_vanished(spec, test, decision);
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

    /// What is known without a test.
    fn beforehand(
        &self,
        spec: &MetricSpec,
        test: &TestSpec,
        file: &BaselineFile,
    ) -> Option<(Verdict, Status, String)> {
        let fail = |verdict, rule: String| Some((verdict, Status::Fail, rule));
        let known = file.metrics.iter().find(|metric| metric.name == spec.label);
        let Some(known) = known else {
            let rule = "the baseline does not have this metric yet".to_owned();
            return fail(Verdict::Missing, rule);
        };
        if known.identity != spec.identity() {
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
            return fail(Verdict::Stale, rule);
        }
        let rows = self.beside.rows_of(spec);
        if let Some(few) = rows.shortfall() {
            let rule = format!("the data changed, so that nothing was tested: {few}");
            return fail(Verdict::Stale, rule);
        }
        let gone = rows.vanished.len();
        let dropped = self.beside.dropped_of(spec);
        if let Some(dropped) = dropped.filter(|_| is_of_all(spec)) {
            let rule = format!(
                "{}, and {} is of all of them together. {}",
                dropped.words(),
                spec.label,
                restore(&self.case.name)
            );
            return fail(Verdict::Stale, rule);
        }
        let identical = self.identical && !self.drifted_alone && gone == 0;
        if identical && (test.question != Question::Proof || self.same_model) {
            let rule = "every stored outcome is equal".to_owned();
            return Some((Verdict::Identical, Status::Pass, rule));
        }
        None
    }

    /// Compares and decides, over some rows.
    fn decide(
        &self,
        spec: &MetricSpec,
        test: &TestSpec,
        rows: &changed::Rows<'_>,
    ) -> Option<(Comparison, Decision)> {
        let mut comparison = self.compare(spec, test, rows)?;
        if test.question.null() == Null::Retrain {
            let before = value(spec, &rows.old, &rows.new)?;
            let change = value(spec, &rows.new.outcomes, &rows.new)? - before;
            let reference = retrain::Reference::Accepted { change };
            retrain::widen(&mut comparison, spec, test, self.beside.file, reference);
        }
        let gone = !self.beside.rows_of(spec).vanished.is_empty();
        let identical = self.identical && !gone;
        let decision = decide::decide(&comparison, test, identical);
        if gone && decision.verdict == Verdict::Improved && decision.status == Status::Pass {
            // Rows may have been chosen: what is left of them is no gain.
            comparison.p_gain = 1.0;
            let decision = decide::decide(&comparison, test, identical);
            return Some((comparison, decision));
        }
        Some((comparison, decision))
    }

    /// The same with rows that are gone counted as harm, and where either change fails as
    /// gain: a failure that only they hide is stale.
    fn with_vanished(&self, spec: &MetricSpec, test: &TestSpec, decision: Decision) -> Decision {
        if decision.status == Status::Fail {
            return decision;
        }
        let beside = self.beside;
        for counted in counted(spec, test) {
            let rows = beside.rows_of(spec);
            let Some(rows) = rows.with_vanished(beside.file, counted) else {
                continue;
            };
            let Some((_, second)) = self.decide(spec, test, &rows) else {
                continue;
            };
            if second.status == Status::Fail {
                return Decision {
                    verdict: Verdict::Stale,
                    status: Status::Fail,
                    rule: format!(
                        "{}; counted as {} they are {}. {}",
                        beside
                            .dropped_of(spec)
                            .map_or(String::new(), |it| it.words()),
                        words(spec, counted),
                        match (test.question, second.verdict) {
                            (Question::Proof, _) => "no proof of the margin",
                            (_, Verdict::Inconclusive) => "too few to tell",
                            (_, Verdict::Improved) => "a change beyond the margin",
                            _ => "harm beyond the margin",
                        },
                        restore(&self.case.name)
                    ),
                };
            }
        }
        decision
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
        if !known {
            return judgement;
        }
        let since = |rows: &changed::Rows<'_>| -> Option<AnchorJudgement> {
            let mut comparison = self.compare(spec, test, rows)?;
            let before = value(spec, &rows.old, &rows.new)?;
            if test.question.null() == Null::Retrain {
                let after = value(spec, &rows.new.outcomes, &rows.new)?;
                let change = after - before;
                let reference = retrain::Reference::Anchor { change };
                retrain::widen(&mut comparison, spec, test, self.beside.file, reference);
            }
            let files = (beside.file, self.beside.file);
            Some(AnchorJudgement::new(spec, test, before, comparison, files))
        };
        let rows = beside.rows_of(spec);
        if let Some(few) = rows.shortfall() {
            let rule = format!("since the anchor: {few}. {}", anew(&self.case.name));
            return match judgement.status {
                Status::Fail => judgement,
                _ => judgement.decided(Verdict::Stale, Status::Fail, rule),
            };
        }
        if let Some(dropped) = beside.dropped_of(spec).filter(|_| is_of_all(spec)) {
            if judgement.status == Status::Fail {
                return judgement;
            }
            let rule = format!(
                "since the anchor: {}, and {} is of all of them together. {}",
                dropped.words(),
                spec.label,
                anew(&self.case.name)
            );
            return judgement.decided(Verdict::Stale, Status::Fail, rule);
        }
        let Some(found) = since(rows) else {
            return judgement;
        };
        let judgement = if found.drifted && found.comparison.too_few_replicates {
            let rule = "harm since the anchor is shown, beyond its margin, but fewer than 5 shared draws are too few to fail by";
            match judgement.status {
                Status::Fail => judgement,
                _ => judgement.decided(Verdict::Drifted, Status::Warn, rule),
            }
        } else if found.drifted {
            let rule = anchor::rule(test, &found.comparison);
            judgement.decided(Verdict::Drifted, Status::Fail, rule)
        } else {
            let hidden = counted(spec, test).into_iter().find(|&counted| {
                let rows = rows.with_vanished(beside.file, counted);
                rows.and_then(|rows| since(&rows))
                    .is_some_and(|it| it.drifted && !it.comparison.too_few_replicates)
            });
            match hidden.filter(|_| judgement.status != Status::Fail) {
                Some(counted) => {
                    let rule = format!(
                        "since the anchor: {}; counted as {} they are harm beyond the anchor's margin. {}",
                        beside
                            .dropped_of(spec)
                            .map_or(String::new(), |it| it.words()),
                        words(spec, counted),
                        anew(&self.case.name)
                    );
                    judgement.decided(Verdict::Stale, Status::Fail, rule)
                }
                None => judgement,
            }
        };
        let found = AnchorJudgement {
            dropped: beside
                .dropped_of(spec)
                .map_or(0.0, |dropped| dropped.share()),
            ..found
        };
        MetricJudgement {
            anchor: Some(found),
            ..judgement
        }
    }

    /// The paired statistics of a metric between an accepted run and this one.
    fn compare(
        &self,
        spec: &MetricSpec,
        test: &TestSpec,
        rows: &changed::Rows<'_>,
    ) -> Option<Comparison> {
        let design = Design::of(&self.case.spec);
        paired(spec, test, design, (&rows.old, &rows.new))
    }
}

/// Whether a metric is of scores, each of which belongs to a label.
pub(super) fn is_scored(spec: &MetricSpec) -> bool {
    let columns = algorithm(spec).columns(&spec.label, &spec.parameters);
    columns.iter().any(|column| column.per == Per::Example)
}

/// Whether a metric has no value for each example, so that none can be left out.
fn is_of_all(spec: &MetricSpec) -> bool {
    !matches!(algorithm(spec).form(), Form::Mean | Form::WorstSlice)
}

/// How rows that are gone are counted: as harm and, where either change fails, as gain.
fn counted(spec: &MetricSpec, test: &TestSpec) -> Vec<As> {
    let fall_is_harm = test.direction.sign(spec.kind.better) > 0;
    match (test.direction, fall_is_harm) {
        (Direction::Both, true) => vec![As::Lowest, As::Highest],
        (Direction::Both, false) => vec![As::Highest, As::Lowest],
        (_, true) => vec![As::Lowest],
        (_, false) => vec![As::Highest],
    }
}

/// What such rows are, in words.
fn words(spec: &MetricSpec, counted: As) -> &'static str {
    if (counted == As::Highest) == (spec.kind.better == Better::Higher) {
        "right"
    } else {
        "wrong"
    }
}

/// What to do where rows are gone since the anchor.
fn anew(case: &str) -> String {
    format!(
        "Restore them, or start the count of accepted losses anew: cargo steadfast bless {case} --reanchor --reason \"…\""
    )
}

/// What to do where rows are gone.
fn restore(case: &str) -> String {
    format!(
        "Restore them, or bless the new data with the old model first: cargo steadfast bless {case} --reason \"…\""
    )
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
        is_drawn: design.stochastic_model || new.outcomes.replicates > 1 || new.identity.is_drawn(),
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
