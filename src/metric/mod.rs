//! What a metric is, and the built-in ones: one file a metric or close family.
//!
//! A metric says what it keeps of each prediction (its columns) and how its value
//! follows from sums over the kept numbers. How a change of it is judged is in
//! `judge`.

use crate::catalogue::{MetricKind, Parameters};
use crate::outcome::{ColumnSpec, Outcomes, Per};
use crate::spec::MetricSpec;
use family::{FamilyCell, Linear};

mod accuracy;
mod adaptive;
mod auroc;
mod calibration;
mod classwise;
mod corruption;
mod curve;
mod f1;
pub mod family;
mod probability;
mod slices;

pub use accuracy::{ACCURACY, Accuracy};
pub use adaptive::{ADAPTIVE_CALIBRATION_ERROR, AdaptiveCalibrationError};
pub use auroc::{AUROC, Auroc};
pub use calibration::{EXPECTED_CALIBRATION_ERROR, ExpectedCalibrationError};
pub use classwise::{CLASSWISE_CALIBRATION_ERROR, ClasswiseCalibrationError};
pub use corruption::{
    ALEXNET, CORRUPTION_ERROR, CorruptionError, MEAN_CORRUPTION_ERROR, RELATIVE_CORRUPTION_ERROR,
    RELATIVE_MEAN_CORRUPTION_ERROR,
};
pub use curve::{AREA_UNDER_SEVERITY_CURVE, AreaUnderSeverityCurve};
pub use f1::{MACRO_F1, MacroF1};
pub use probability::{BRIER_SCORE, BrierScore, NEGATIVE_LOG_LIKELIHOOD, NegativeLogLikelihood};
pub use slices::{WORST_SLICE_ACCURACY, WorstSliceAccuracy};

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
    /// A function of how often each class is predicted for each (statistics.md II.4).
    Classes,
    /// Anything else that follows from sums over all records (statistics.md 2.4).
    Whole,
    /// The order of one column between two classes (statistics.md II.2).
    Ranking,
    /// The smallest of the means of one column over the slices: each slice has its
    /// own test (statistics.md 2.4).
    WorstSlice,
}

/// Which examples stand for one another when a metric's sampling error is
/// estimated (statistics.md 6b).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strata {
    /// All.
    All,
    /// Those of one class.
    Classes,
    /// Those of this class, and those of all others: the first column ranks the
    /// one against the other.
    OneAgainstRest(u32),
}

impl Strata {
    /// The number of an example's stratum, by its class.
    pub fn of(self, label: u32) -> u32 {
        match self {
            Self::All => 0,
            Self::Classes => label,
            Self::OneAgainstRest(class) => u32::from(label == class),
        }
    }

    /// What a stratum is called.
    pub fn words(self, stratum: u32) -> String {
        match (self, stratum) {
            (Self::All, _) => "the data".to_owned(),
            (Self::Classes, class) => format!("class {class}"),
            (Self::OneAgainstRest(class), 0) => format!("the rest, beside class {class},"),
            (Self::OneAgainstRest(class), _) => format!("class {class}"),
        }
    }
}

/// What the number of a metric's sums follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Labels and predicted classes are below this.
    pub classes: usize,
    /// Number of slices; one where there are none.
    pub slices: usize,
    /// The largest number in the first column.
    pub largest: usize,
}

/// The kept numbers of one replicate of one example.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    columns: &'a [&'a [u32]],
    row: usize,
    /// The true class.
    pub label: u32,
    /// The number of the example's slice.
    pub slice: u32,
}

impl Row<'_> {
    /// The value of the metric's column `column`, in the order of
    /// [`Metric::columns`].
    pub fn value(&self, column: usize) -> i64 {
        i64::from(self.columns[column][self.row])
    }
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

    /// Why it cannot be computed from the answers of a model of that many classes.
    fn check(&self, classes: usize, parameters: &Parameters) -> Result<(), String> {
        let _ = (classes, parameters);
        Ok(())
    }

    /// The score of one prediction, for a metric that is the mean of a score.
    fn score(&self, prediction: &Prediction<'_>, parameters: &Parameters) -> f64 {
        let _ = parameters;
        f64::from(u8::from(prediction.class == prediction.label))
    }

    /// How its value follows from the right answers in the cells of a spec, for a metric
    /// of all of them together ([`MetricKind::family`]); or why it does not.
    fn over_cells(&self, cells: &[FamilyCell], parameters: &Parameters) -> Result<Linear, String> {
        let _ = (cells, parameters);
        Err(format!("`{}` is of one cell", self.kind().name))
    }

    /// Which examples are drawn again for one another.
    fn strata(&self, parameters: &Parameters) -> Strata {
        let _ = parameters;
        Strata::All
    }

    /// The number of sums; one, where its value is a mean.
    fn sums(&self, sizes: Sizes, parameters: &Parameters) -> usize {
        let _ = (sizes, parameters);
        1
    }

    /// How many neighbouring sums make a cell. A cell of zeros does not change the
    /// value, and of the others only the order matters, so that cells that no row
    /// touches can be left out.
    fn cell(&self) -> usize {
        1
    }

    /// What one row adds to which sums; its first column, where the value is a mean.
    fn terms(&self, row: Row<'_>, parameters: &Parameters, add: &mut dyn FnMut(usize, i64)) {
        let _ = parameters;
        add(0, row.value(0));
    }

    /// The value that `sums` over `rows` rows stand for.
    fn value(&self, sums: &[i64], rows: usize, parameters: &Parameters) -> f64;
}

/// The largest change that one example can have: from one end of its score's range to the
/// other, else of the metric's.
pub fn largest_change(metric: &dyn Metric, spec: &MetricSpec) -> f64 {
    let columns = metric.columns(&spec.label, &spec.parameters);
    let scored = columns.iter().find(|column| column.per == Per::Example);
    let (low, high) = scored
        .and_then(|column| column.range)
        .unwrap_or(spec.kind.range);
    high - low
}

/// The rows of a metric's columns: for each example its replicates, or one row
/// where the columns are kept by example.
pub struct Rows<'a> {
    columns: Vec<&'a [u32]>,
    labels: &'a [u32],
    slices: Option<&'a [u32]>,
    /// Rows an example.
    pub per_example: usize,
}

impl<'a> Rows<'a> {
    /// The rows of `columns` in `outcomes`; `None` where one is missing or of
    /// another kind.
    pub fn new(outcomes: &'a Outcomes, columns: &[ColumnSpec], labels: &'a [u32]) -> Option<Self> {
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
            slices: None,
            per_example,
        })
    }

    /// The same with the number of each example's slice.
    pub fn with_slices(self, slices: Option<&'a [u32]>) -> Self {
        Self { slices, ..self }
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.labels.len() * self.per_example
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The true class of each example.
    pub fn labels(&self) -> &'a [u32] {
        self.labels
    }

    /// The number of each example's slice.
    pub fn slices(&self) -> Option<&'a [u32]> {
        self.slices
    }

    /// The values of the metric's column `column`, row by row.
    pub fn column(&self, column: usize) -> &'a [u32] {
        self.columns[column]
    }

    /// One row.
    pub fn row(&self, row: usize) -> Row<'_> {
        let example = row / self.per_example.max(1);
        Row {
            columns: &self.columns,
            row,
            label: self.labels[example],
            slice: self.slices.map_or(0, |slices| slices[example]),
        }
    }

    /// What the number of sums follows from.
    pub fn sizes(&self, classes: usize) -> Sizes {
        let last = self.slices.and_then(|slices| slices.iter().max());
        Sizes {
            classes,
            slices: last.map_or(1, |&last| last as usize + 1),
            largest: self.columns[0].iter().max().map_or(0, |&it| it as usize),
        }
    }

    /// The metric's value over all rows.
    pub fn value(&self, metric: &dyn Metric, parameters: &Parameters, classes: usize) -> f64 {
        let mut sums = vec![0; metric.sums(self.sizes(classes), parameters)];
        for row in 0..self.len() {
            metric.terms(self.row(row), parameters, &mut |sum, amount| {
                sums[sum] += amount;
            });
        }
        metric.value(&sums, self.len(), parameters)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Outcomes by hand, for tests of metrics.

    use super::{Metric, Rows};
    use crate::catalogue::Parameters;
    use crate::outcome::{Column, Outcomes};

    /// Parameters by name.
    pub(crate) fn parameters(values: &[(&str, f64)]) -> Parameters {
        let named = values.iter().map(|&(name, value)| (name.to_owned(), value));
        Parameters(named.collect())
    }

    /// One replicate's outcomes: the true values of `metric`'s columns, which are
    /// rounded as a run's are.
    pub(crate) fn outcomes(
        metric: &dyn Metric,
        parameters: &Parameters,
        columns: &[Vec<f64>],
    ) -> Outcomes {
        let specs = metric.columns("x", parameters);
        assert_eq!(specs.len(), columns.len());
        Outcomes {
            examples: columns[0].len(),
            replicates: 1,
            columns: specs
                .into_iter()
                .zip(columns)
                .map(|(spec, values)| Column {
                    values: values.iter().map(|&value| spec.quantise(value)).collect(),
                    spec,
                })
                .collect(),
        }
    }

    /// The value of `metric` of outcomes by hand.
    pub(crate) fn value(
        metric: &dyn Metric,
        parameters: &Parameters,
        labels: &[u32],
        columns: &[Vec<f64>],
    ) -> f64 {
        let outcomes = outcomes(metric, parameters, columns);
        let specs = metric.columns("x", parameters);
        let rows = Rows::new(&outcomes, &specs, labels).unwrap();
        let classes = labels.iter().max().map_or(0, |&last| last as usize) + 1;
        rows.value(metric, parameters, classes)
    }
}
