//! Adaptive calibration error: the expected calibration error with bins that hold
//! equally many rows.

use super::{Form, Metric, Row, Sizes};
use crate::catalogue::{Better, MetricKind, Parameter, Parameters};
use crate::outcome::{ColumnSpec, QUANTA};

/// The catalogue's entry.
pub static ADAPTIVE_CALIBRATION_ERROR: MetricKind = MetricKind {
    name: "adaptive_calibration_error",
    version: 1,
    about: "The mean distance of confidence from accuracy over bins of the confidence that hold equally many rows; rows of equal confidence on an edge are split between the bins in proportion. Biased for few rows a bin.",
    source: "Nguyen & O'Connor 2015; Nixon et al. 2019",
    better: Better::Lower,
    range: (0.0, 1.0),
    has_limits: false,
    needs_slices: false,
    family: None,
    parameters: &[Parameter {
        name: "bins",
        about: "Number of bins of equal mass.",
        minimum: 2.0,
        maximum: 1000.0,
        integer: true,
        default: Some(15.0),
    }],
};

/// See the module.
pub struct AdaptiveCalibrationError;

impl Metric for AdaptiveCalibrationError {
    fn kind(&self) -> &'static MetricKind {
        &ADAPTIVE_CALIBRATION_ERROR
    }

    fn form(&self) -> Form {
        Form::Whole
    }

    fn columns(&self, _: &str, _: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::correct(), ColumnSpec::confidence()]
    }

    /// A confidence in quanta has two: its rows, and the sum of (correct −
    /// confidence), in quanta.
    fn sums(&self, _: Sizes, _: &Parameters) -> usize {
        2 * (QUANTA as usize + 1)
    }

    fn cell(&self) -> usize {
        2
    }

    fn terms(&self, row: Row<'_>, _: &Parameters, add: &mut dyn FnMut(usize, i64)) {
        let [correct, confidence] = [row.value(0), row.value(1)];
        let cell = 2 * confidence as usize;
        add(cell, 1);
        add(cell + 1, correct * i64::from(QUANTA) - confidence);
    }

    fn value(&self, sums: &[i64], rows: usize, parameters: &Parameters) -> f64 {
        // Masses are in rows times bins, so that a bin holds `rows` of them and an
        // edge is a whole number.
        let (bins, full) = (parameters.get("bins") as i64, rows.max(1) as i64);
        // The gap of the bin: of whole cells, and of parts of cells.
        let (mut whole, mut part, mut room, mut distance) = (0_i64, 0.0, full, 0.0);
        for cell in sums.chunks_exact(2) {
            let mut mass = cell[0] * bins;
            if mass < room {
                whole += cell[1];
                room -= mass;
                continue;
            }
            let a_mass = cell[1] as f64 / mass as f64;
            while mass >= room && mass > 0 {
                distance += (whole as f64 + part + room as f64 * a_mass).abs();
                mass -= room;
                (whole, part, room) = (0, 0.0, full);
            }
            part = mass as f64 * a_mass;
            room -= mass;
        }
        distance / (full as f64 * f64::from(QUANTA))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::testing::{parameters, value};
    use proptest::prelude::*;

    fn error(rows: &[(bool, f64)], bins: f64) -> f64 {
        let (correct, confidence) = rows
            .iter()
            .map(|&(correct, confidence)| (f64::from(u8::from(correct)), confidence))
            .unzip();
        value(
            &AdaptiveCalibrationError,
            &parameters(&[("bins", bins)]),
            &vec![0; rows.len()],
            &[correct, confidence],
        )
    }

    #[test]
    fn closed_forms() {
        // Two bins of two rows: |1/2 − 0.55|, |1 − 0.85|.
        let rows = [(true, 0.5), (false, 0.6), (true, 0.8), (true, 0.9)];
        assert!((error(&rows, 2.0) - (0.05 + 0.15) / 2.0).abs() < 1e-4);
        // One row a bin: |1 − .5|, |0 − .6|, |1 − .8|, |1 − .9|.
        assert!((error(&rows, 4.0) - 1.4 / 4.0).abs() < 1e-4);
        // Right half the time at 1/2.
        assert!(error(&[(true, 0.5), (false, 0.5)], 2.0) < 1e-4);
        assert_eq!(error(&[(true, 1.0), (false, 0.0)], 2.0), 0.0);
        assert_eq!(error(&[(false, 1.0)], 15.0), 1.0);
    }

    #[test]
    fn equal_confidences_are_split_in_proportion() {
        // Three rows, two bins of 1½: the first has 0.6 and half of (0.8, 0.8), of
        // which one is right: |1 − 0.6 + (0.5 − 0.8) / 2|; the second 1.5 · |0.5 − 0.8|.
        let rows = [(true, 0.6), (true, 0.8), (false, 0.8)];
        let expected = ((0.4 - 0.15_f64).abs() + 0.45) / 3.0;
        assert!((error(&rows, 2.0) - expected).abs() < 1e-4);
    }

    proptest! {
        #[test]
        fn order_does_not_matter_and_it_is_the_mean_over_equal_bins(
            rows in prop::collection::vec((any::<bool>(), 0u16..400), 1..60),
            bins in 2u16..9,
        ) {
            let mut rows: Vec<(bool, f64)> =
                rows.iter().map(|row| (row.0, f64::from(row.1) / 400.0)).collect();
            let found = error(&rows, f64::from(bins));
            rows.reverse();
            prop_assert_eq!(found, error(&rows, f64::from(bins)));
            // Each row as `bins` parts; equal confidences share their mean correctness.
            rows.sort_by(|a, b| a.1.total_cmp(&b.1));
            let mean = |confidence: f64| {
                let of: Vec<bool> =
                    rows.iter().filter(|row| row.1 == confidence).map(|row| row.0).collect();
                of.iter().filter(|correct| **correct).count() as f64 / of.len() as f64
            };
            let parts: Vec<f64> = rows
                .iter()
                .flat_map(|row| vec![mean(row.1) - row.1; usize::from(bins)])
                .collect();
            let expected: f64 =
                parts.chunks(rows.len()).map(|bin| bin.iter().sum::<f64>().abs()).sum();
            prop_assert!((found - expected / parts.len() as f64).abs() < 1e-5);
            prop_assert!((0.0..=1.0).contains(&found));
        }
    }
}
