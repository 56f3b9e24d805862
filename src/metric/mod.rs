//! What a metric is, and the built-in ones: one file a metric or close family.
//!
//! A metric says what it keeps of each prediction (its columns) and how its value
//! follows from sums over the kept numbers. How a change of it is judged is in
//! `judge`.

use crate::catalogue::{MetricKind, Parameters};
use crate::outcome::{ColumnSpec, Outcomes};

mod accuracy;
mod calibration;
mod f1;
mod probability;

pub use accuracy::{ACCURACY, Accuracy};
pub use calibration::{EXPECTED_CALIBRATION_ERROR, ExpectedCalibrationError};
pub use f1::{MACRO_F1, MacroF1};
pub use probability::{BRIER_SCORE, BrierScore, NEGATIVE_LOG_LIKELIHOOD, NegativeLogLikelihood};

/// One answer of a model to one perturbed example.
#[derive(Clone, Copy, Debug)]
pub struct Prediction<'a> {
    /// The true class.
    pub label: usize,
    /// The predicted class: the first of the most probable.
    pub class: usize,
    /// One probability a class, summing to one.
    pub probabilities: &'a [f64],
}

/// How the value of a metric is made of its columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The mean of one column over examples and replicates: paired differences of
    /// means have exact tests (statistics.md 2.1, 2.2).
    Mean,
    /// Anything else that follows from sums over all records (statistics.md 2.4).
    Whole,
}

/// The kept numbers of one replicate of one example.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The values of the metric's columns, in the order of [`Metric::columns`].
    pub values: &'a [u16],
    /// The true class.
    pub label: u16,
}

/// A metric.
///
/// Its value is a function of sums of whole numbers over rows, so that it does
/// not depend on the order of summation, and exchanging a few rows costs as much
/// as those rows.
pub trait Metric: Send + Sync {
    /// Its entry in the catalogue.
    fn kind(&self) -> &'static MetricKind;

    /// How its value is made.
    fn form(&self) -> Form;

    /// What it keeps of each prediction; `label` is its name in the spec.
    fn columns(&self, label: &str, parameters: &Parameters) -> Vec<ColumnSpec>;

    /// The score of one prediction, for a metric that is the mean of a score.
    fn score(&self, prediction: &Prediction<'_>, parameters: &Parameters) -> f64 {
        let _ = parameters;
        f64::from(u8::from(prediction.class == prediction.label))
    }

    /// The number of sums, for labels and classes below `classes`.
    fn sums(&self, classes: usize, parameters: &Parameters) -> usize;

    /// Adds `sign` times what one row contributes.
    fn add(&self, row: Row<'_>, parameters: &Parameters, sign: i64, sums: &mut [i64]);

    /// The value that `sums` over `rows` rows stand for.
    fn value(&self, sums: &[i64], rows: usize, parameters: &Parameters) -> f64;
}

/// Columns that one metric may keep.
const MOST_COLUMNS: usize = 4;

/// The rows of a metric's columns: for each example its replicates, or one row
/// where the columns are kept by example.
pub struct Rows<'a> {
    columns: Vec<&'a [u16]>,
    labels: &'a [u16],
    /// Rows an example.
    pub per_example: usize,
}

impl<'a> Rows<'a> {
    /// The rows of `columns` in `outcomes`; `None` where one is missing or of
    /// another kind.
    pub fn new(outcomes: &'a Outcomes, columns: &[ColumnSpec], labels: &'a [u16]) -> Option<Self> {
        let mut found = Vec::new();
        let mut per_example = 1;
        for spec in columns {
            let column = outcomes.column(&spec.name)?;
            if column.spec != *spec {
                return None;
            }
            per_example = column.values.len() / outcomes.examples.max(1);
            found.push(column.values.as_slice());
        }
        let equal = found.windows(2).all(|pair| pair[0].len() == pair[1].len());
        (equal && labels.len() == outcomes.examples).then_some(Self {
            columns: found,
            labels,
            per_example,
        })
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.len() * self.per_example
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds `sign` times the contributions of one example.
    pub fn add(
        &self,
        example: usize,
        metric: &dyn Metric,
        parameters: &Parameters,
        sign: i64,
        sums: &mut [i64],
    ) {
        for row in example * self.per_example..(example + 1) * self.per_example {
            self.add_row(row, metric, parameters, sign, sums);
        }
    }

    /// Adds `sign` times the contributions of one row.
    pub fn add_row(
        &self,
        row: usize,
        metric: &dyn Metric,
        parameters: &Parameters,
        sign: i64,
        sums: &mut [i64],
    ) {
        let mut values = [0; MOST_COLUMNS];
        let width = self.columns.len().min(MOST_COLUMNS);
        for (value, column) in values.iter_mut().zip(&self.columns) {
            *value = column[row];
        }
        let row = Row {
            values: &values[..width],
            label: self.labels[row / self.per_example],
        };
        metric.add(row, parameters, sign, sums);
    }

    /// The metric's value over all rows.
    pub fn value(&self, metric: &dyn Metric, parameters: &Parameters, classes: usize) -> f64 {
        let mut sums = vec![0; metric.sums(classes, parameters)];
        for example in 0..self.labels.len() {
            self.add(example, metric, parameters, 1, &mut sums);
        }
        metric.value(&sums, self.len(), parameters)
    }
}
