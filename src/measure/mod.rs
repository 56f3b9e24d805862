//! What a metric is over stored outcomes: the columns that it needs, its value, its interval.
//! How two runs of it are compared is `judge`'s.

mod interval;
mod sums;

pub use interval::{Ranked, interval, scores};
pub use sums::Sums;

use crate::metric::{Metric, Rows};
use crate::outcome::{ColumnSpec, Outcomes};
use crate::record::Run;
use crate::spec::{Case, MetricSpec};

/// The columns that a case's metrics need, each once: what its baseline keeps.
pub fn wanted_columns(case: &Case) -> Vec<ColumnSpec> {
    columns_of(case, case.metrics())
}

/// The columns that `[critical]` and these metrics of a case need, each once.
pub fn columns_of<'a>(
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
pub fn algorithm(spec: &MetricSpec) -> &'static dyn Metric {
    crate::builtin::metric(spec.kind.name).unwrap_or(&crate::metric::Accuracy)
}

/// The number of classes that labels and answers are of.
pub fn classes(run: &Run, outcomes: &[&Outcomes]) -> usize {
    let predicted = outcomes
        .iter()
        .filter_map(|outcomes| outcomes.column(crate::outcome::CLASS))
        .flat_map(|column| &column.values);
    let largest = predicted.chain(run.labels()).max().copied().unwrap_or(0);
    largest as usize + 1
}

/// The rows of some outcomes of the run's examples.
pub fn rows<'a>(outcomes: &'a Outcomes, columns: &[ColumnSpec], run: &'a Run) -> Option<Rows<'a>> {
    let rows = Rows::new(outcomes, columns, run.labels())?;
    Some(rows.with_slices(run.slices.as_ref().map(|slices| slices.of.as_slice())))
}

/// The value of a metric over some outcomes; `None` where its columns are not there.
pub fn value(spec: &MetricSpec, outcomes: &Outcomes, run: &Run) -> Option<f64> {
    let metric = algorithm(spec);
    let columns = metric.columns(&spec.label, &spec.parameters);
    let rows = rows(outcomes, &columns, run)?;
    Some(rows.value(metric, &spec.parameters, classes(run, &[outcomes])))
}
