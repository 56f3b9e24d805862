//! One test of a case, in a case of its own: what the gate says of it does not depend on
//! the others. Where the observed change is within the margin and nothing else could make
//! it fail, the gate is not asked: sampled tests take long.

use std::sync::Arc;

use steadfast::baseline::{Anchor, BaselineFile, References};
use steadfast::judge::metric_value;
use steadfast::metric::Form;
use steadfast::outcome::LABEL;
use steadfast::record::Run;
use steadfast::spec::{
    Case, Direction, MetricSpec, Null, OnInconclusive, Question, Subject, TestSpec,
};

use super::material::right;

/// What rounding may hide of a change.
const ROUNDING: f64 = 1e-9;

/// One test of a case.
pub struct Trial {
    /// The case with this test alone.
    pub case: Case,
    /// What must be observed for it to fail; `None`: nothing rules that out.
    beyond: Option<Beyond>,
}

/// A change beyond a margin.
struct Beyond {
    metric: MetricSpec,
    /// What it is since: the baseline, and the anchor.
    since: Vec<Since>,
    /// 1 where a fall is harm, −1 where a rise is; `None`: either change fails.
    sign: Option<f64>,
}

/// An accepted run.
struct Since {
    /// Its values: one, or one a slice, of which any may decide.
    values: Vec<f64>,
    margin: f64,
}

/// The tests of a case, those first that are not sampled.
pub fn trials(case: &Case, run: &Run, references: &References) -> Vec<Trial> {
    let metrics = case.metrics().iter();
    let mut tested: Vec<(&MetricSpec, &TestSpec)> = metrics
        .filter_map(|metric| Some((metric, metric.test.as_ref()?)))
        .collect();
    tested.sort_by_key(|(metric, _)| is_sampled(metric));
    let mut trials: Vec<Trial> = tested
        .into_iter()
        .map(|(metric, test)| Trial {
            case: alone(case, Some(metric)),
            beyond: beyond(case, metric, test, run, references),
        })
        .collect();
    // What is critical fails without any metric.
    if trials.is_empty() && case.spec.critical.is_some() {
        trials.push(Trial {
            case: alone(case, None),
            beyond: None,
        });
    }
    trials
}

impl Trial {
    /// Whether it may fail: the gate decides.
    pub fn may_fail(&self, run: &Run) -> bool {
        let Some(beyond) = &self.beyond else {
            return true;
        };
        let Some(after) = values(&beyond.metric, run) else {
            return true;
        };
        beyond.since.iter().any(|since| {
            let mut pairs = since.values.iter().zip(&after);
            pairs.any(|(before, after)| {
                let fall = before - after;
                let harm = beyond.sign.map_or(fall.abs(), |sign| sign * fall);
                harm.is_nan() || harm > since.margin - ROUNDING
            })
        })
    }
}

/// The value of a metric, or what it is the least of in each slice; `None`: not known.
fn values(metric: &MetricSpec, run: &Run) -> Option<Vec<f64>> {
    if !metric.kind.needs_slices {
        return Some(vec![metric_value(metric, run)?]);
    }
    let slices = run.slices.as_ref()?;
    let rows = right(&run.outcomes)?;
    let each = run.outcomes.replicates.max(1);
    let mut sums = vec![(0.0, 0.0); slices.names.len()];
    for (row, &right) in rows.iter().enumerate() {
        let (sum, count) = sums.get_mut(*slices.of.get(row / each)? as usize)?;
        *sum += f64::from(right);
        *count += 1.0;
    }
    let filled = sums.into_iter().filter(|(_, count)| *count > 0.0);
    Some(filled.map(|(sum, count)| sum / count).collect())
}

fn is_sampled(metric: &MetricSpec) -> bool {
    let algorithm = steadfast::builtin::metric(metric.kind.name);
    !algorithm.is_some_and(|algorithm| {
        matches!(
            algorithm.form(),
            Form::Mean | Form::WorstSlice | Form::Ranking
        )
    })
}

/// The change without which a test against no harm does not fail; `None` where it may fail
/// by something else.
fn beyond(
    case: &Case,
    metric: &MetricSpec,
    test: &TestSpec,
    run: &Run,
    references: &References,
) -> Option<Beyond> {
    let by_harm = matches!(
        test.question,
        Question::Harm {
            null: Null::NoHarm | Null::Retrain
        }
    );
    if !by_harm || test.on_inconclusive == OnInconclusive::Fail || case.spec.critical.is_some() {
        return None;
    }
    let mut since = vec![Since {
        values: values(metric, run)?,
        margin: test.margin.value(),
    }];
    if let (Anchor::Found { file, .. }, Some(asked)) = (&references.anchor, &test.anchor) {
        since.push(Since {
            values: values(metric, &anchored(file, run)?)?,
            margin: asked.margin.value(),
        });
    }
    Some(Beyond {
        metric: metric.clone(),
        since,
        sign: match test.direction {
            Direction::Both => None,
            direction => Some(direction.sign(metric.kind.better) as f64),
        },
    })
}

/// The run with the outcomes of its anchor, by its own labels.
fn anchored(file: &BaselineFile, run: &Run) -> Option<Run> {
    let mut outcomes = file.outcomes().ok()?;
    outcomes.columns.retain(|column| column.spec.name != LABEL);
    let labels = run.outcomes.column(LABEL)?;
    outcomes.columns.push(labels.clone());
    Some(Run {
        outcomes,
        ..run.clone()
    })
}

/// The case with one of its metrics, or with none.
pub fn alone(case: &Case, metric: Option<&MetricSpec>) -> Case {
    let mut spec = (*case.spec).clone();
    let kept: Vec<MetricSpec> = metric.into_iter().cloned().collect();
    match (case.subject, &mut spec.pooled) {
        (Subject::Pooled, Some(pooled)) => *pooled = kept,
        _ => spec.metrics = kept,
    }
    Case {
        spec: Arc::new(spec),
        ..case.clone()
    }
}
