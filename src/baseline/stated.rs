//! What the head of a baseline states of its columns: made here, and held against them
//! whenever a file is read. Reviewers read the head, and verdicts come from the columns.

use serde_json::Value;

use super::file::{BaselineFile, BaselineMetric, WITH_LABELS, six_digits};
use crate::builtin;
use crate::measure::{algorithm, classes, interval, rows, value};
use crate::outcome::{CLUSTER, CORRECT, ColumnSpec, LABEL, Outcomes, SLICE};
use crate::record::Run;
use crate::spec::{Case, MetricSpec};

/// By how much two computations of a number may differ that is stated to six digits.
const ROUNDING: f64 = 1.1e-5;

/// The values and 95 % intervals that a baseline of this run states.
pub fn accepted_metrics(case: &Case, run: &Run) -> Vec<BaselineMetric> {
    let metrics = case.metrics().iter();
    metrics.map(|spec| stated(spec, run)).collect()
}

pub(super) fn stated(spec: &MetricSpec, run: &Run) -> BaselineMetric {
    let metric = algorithm(spec);
    let columns = metric.columns(&spec.label, &spec.parameters);
    let classes = classes(run, &[&run.outcomes]);
    let rows = rows(&run.outcomes, &columns, run);
    BaselineMetric {
        name: spec.label.clone(),
        identity: spec.identity(),
        value: value(spec, &run.outcomes, run).unwrap_or(f64::NAN),
        interval: rows
            .and_then(|rows| interval(metric, spec, &rows, run.clusters.as_deref(), classes)),
    }
}

/// Where the head and the columns of a file contradict each other; `None`: nowhere. Metrics
/// of versions that this steadfast does not have are not known, and say nothing.
pub fn contradiction(file: &BaselineFile, outcomes: Outcomes) -> Option<String> {
    let ids = file
        .inputs
        .pointer("/data/ids_digest")
        .and_then(Value::as_str);
    if ids.is_some_and(|ids| ids != file.ids_digest.to_string()) {
        return Some("it states two digests of the examples' ids".to_owned());
    }
    let catalogue = builtin::catalogue();
    let known = |metric: &BaselineMetric| {
        MetricSpec::from_identity(&catalogue, &metric.name, &metric.identity)
    };
    let specs: Vec<Option<MetricSpec>> = file.metrics.iter().map(known).collect();
    let all_known = specs.iter().all(Option::is_some);
    let known: Vec<&MetricSpec> = specs.iter().flatten().collect();
    columns_that_differ(file, &known, all_known, &outcomes).or_else(|| {
        let run = file.run_with(outcomes);
        values_that_differ(file, &specs, &run).or_else(|| retrains_that_differ(file, &known, &run))
    })
}

/// Columns are those of the metrics of the head, of their kind: none less and none more.
fn columns_that_differ(
    file: &BaselineFile,
    known: &[&MetricSpec],
    all_known: bool,
    outcomes: &Outcomes,
) -> Option<String> {
    let columns = known
        .iter()
        .flat_map(|spec| algorithm(spec).columns(&spec.label, &spec.parameters));
    let wanted: Vec<ColumnSpec> = columns.collect();
    for column in &wanted {
        match outcomes.column(&column.name) {
            None => {
                return Some(format!(
                    "the column {} is not there, which its metrics are computed from",
                    column.name
                ));
            }
            Some(found) if found.spec != *column => {
                return Some(format!("the column {} is of another kind", column.name));
            }
            Some(_) => {}
        }
    }
    if file.schema >= WITH_LABELS && outcomes.column(LABEL).is_none() {
        return Some(format!("the column {LABEL} is not there"));
    }
    let is_wanted = |name: &str| {
        // What is critical is kept whatever the metrics need.
        [LABEL, CLUSTER, SLICE, CORRECT].contains(&name)
            || wanted.iter().any(|column| column.name == name)
    };
    let mut columns = outcomes.columns.iter();
    let more = columns.find(|column| !is_wanted(&column.spec.name));
    more.filter(|_| all_known).map(|column| {
        format!(
            "no metric that it states has the column {}",
            column.spec.name
        )
    })
}

fn values_that_differ(
    file: &BaselineFile,
    specs: &[Option<MetricSpec>],
    run: &Run,
) -> Option<String> {
    let metrics = file.metrics.iter().zip(specs);
    let metrics = metrics.filter_map(|(stated, spec)| Some((stated, spec.as_ref()?)));
    for (given, spec) in metrics {
        if file
            .metrics
            .iter()
            .filter(|it| it.name == given.name)
            .count()
            > 1
        {
            return Some(format!("it states {} twice", given.name));
        }
        let found = stated(spec, run);
        if found.value.is_nan() && file.schema < WITH_LABELS {
            // Its labels were not kept.
            continue;
        }
        if !same(given.value, found.value) {
            return Some(format!(
                "it states that {} is {}, and its columns give {}",
                given.name,
                given.value,
                six_digits(found.value)
            ));
        }
        let intervals_differ = match (given.interval, found.interval) {
            (Some(given), Some(found)) => !same(given.0, found.0) || !same(given.1, found.1),
            (given, found) => given.is_some() != found.is_some(),
        };
        // Older ones had others, or none.
        if intervals_differ && file.schema >= WITH_LABELS {
            return Some(format!(
                "it states another interval of {} than its columns give",
                given.name
            ));
        }
    }
    None
}

/// The values of retrains whose outcomes are kept.
fn retrains_that_differ(file: &BaselineFile, known: &[&MetricSpec], run: &Run) -> Option<String> {
    for retrain in file.retrains.iter().filter(|it| !it.columns.is_empty()) {
        let Some(outcomes) = file.outcomes_of(retrain, &run.outcomes) else {
            return Some(format!(
                "the columns of the retrain {} are not those of the baseline",
                retrain.model.short()
            ));
        };
        for given in &retrain.metrics {
            let spec = known.iter().find(|spec| spec.identity() == given.identity);
            let found = spec.and_then(|spec| value(spec, &outcomes, run));
            if found.is_some_and(|found| !same(given.value, found)) {
                return Some(format!(
                    "it states that {} of the retrain {} is {}, and its columns give another value",
                    given.identity,
                    retrain.model.short(),
                    given.value
                ));
            }
        }
    }
    None
}

fn same(stated: f64, found: f64) -> bool {
    let scale = stated.abs().max(found.abs());
    (stated - found).abs() <= ROUNDING * scale + 1e-12
}
