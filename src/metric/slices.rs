//! Worst-slice accuracy: the accuracy of the slice of the data that fares worst.

use super::{Form, Metric, Row, Sizes};
use crate::catalogue::{Better, MetricKind, Parameters};
use crate::outcome::ColumnSpec;

/// The catalogue's entry.
pub static WORST_SLICE_ACCURACY: MetricKind = MetricKind {
    name: "worst_slice_accuracy",
    version: 1,
    about: "The smallest accuracy over the slices of the data, which `[data] slice` names. Every slice is tested: in `detect` at alpha over their number, in `prove` all at alpha.",
    source: "Sagawa et al. 2020; Berger 1982",
    better: Better::Higher,
    range: (0.0, 1.0),
    has_limits: true,
    needs_slices: true,
    family: None,
    parameters: &[],
};

/// See the module.
pub struct WorstSliceAccuracy;

impl Metric for WorstSliceAccuracy {
    fn kind(&self) -> &'static MetricKind {
        &WORST_SLICE_ACCURACY
    }

    fn form(&self) -> Form {
        Form::WorstSlice
    }

    fn columns(&self, _: &str, _: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::correct()]
    }

    /// A slice has two: its rows, and those that are right.
    fn sums(&self, sizes: Sizes, _: &Parameters) -> usize {
        2 * sizes.slices
    }

    fn cell(&self) -> usize {
        2
    }

    fn terms(&self, row: Row<'_>, _: &Parameters, add: &mut dyn FnMut(usize, i64)) {
        add(2 * row.slice as usize, 1);
        add(2 * row.slice as usize + 1, row.value(0));
    }

    fn value(&self, sums: &[i64], _: usize, _: &Parameters) -> f64 {
        sums.chunks_exact(2)
            .filter(|slice| slice[0] > 0)
            .map(|slice| slice[1] as f64 / slice[0] as f64)
            .reduce(f64::min)
            .unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::Rows;
    use crate::metric::testing::outcomes;

    fn worst(slices: &[u32], correct: &[f64]) -> f64 {
        let parameters = Parameters::default();
        let outcomes = outcomes(&WorstSliceAccuracy, &parameters, &[correct.to_vec()]);
        let labels = vec![0; slices.len()];
        let columns = WorstSliceAccuracy.columns("x", &parameters);
        Rows::new(&outcomes, &columns, &labels)
            .unwrap()
            .with_slices(Some(slices))
            .value(&WorstSliceAccuracy, &parameters, 2)
    }

    #[test]
    fn closed_forms() {
        // 1/2, 2/3, 1.
        assert_eq!(
            worst(&[0, 0, 1, 1, 1, 2], &[1.0, 0.0, 1.0, 0.0, 1.0, 1.0]),
            0.5
        );
        assert_eq!(worst(&[0, 1], &[1.0, 0.0]), 0.0);
        assert_eq!(worst(&[0, 0, 0], &[1.0; 3]), 1.0);
    }
}
