//! Accuracy: the share of predictions that are right. Under a perturbation this
//! is robust accuracy.

use super::{Form, Metric};
use crate::catalogue::{Better, MetricKind, Parameters};
use crate::outcome::ColumnSpec;

/// The catalogue's entry.
pub static ACCURACY: MetricKind = MetricKind {
    name: "accuracy",
    version: 1,
    about: "The share of predictions that are right: under a perturbation, robust accuracy.",
    source: "Hendrycks & Dietterich 2019",
    better: Better::Higher,
    range: (0.0, 1.0),
    has_limits: true,
    needs_slices: false,
    family: None,
    parameters: &[],
};

/// See the module.
pub struct Accuracy;

impl Metric for Accuracy {
    fn kind(&self) -> &'static MetricKind {
        &ACCURACY
    }

    fn form(&self) -> Form {
        Form::Mean
    }

    fn columns(&self, _: &str, _: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::correct()]
    }

    fn value(&self, sums: &[i64], rows: usize, _: &Parameters) -> f64 {
        sums[0] as f64 / rows.max(1) as f64
    }
}
