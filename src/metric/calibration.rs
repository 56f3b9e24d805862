//! Expected calibration error: how far confidence is from accuracy.

use super::{Form, Metric, Row, Sizes};
use crate::catalogue::{Better, MetricKind, Parameter, Parameters};
use crate::outcome::{ColumnSpec, QUANTA};

/// The catalogue's entry.
pub static EXPECTED_CALIBRATION_ERROR: MetricKind = MetricKind {
    name: "expected_calibration_error",
    version: 1,
    about: "The mean distance of confidence from accuracy over equal-width bins of the confidence, (0, 1/bins], …, weighted by their rows. Biased for few rows a bin.",
    source: "Naeini et al. 2015; Guo et al. 2017",
    better: Better::Lower,
    range: (0.0, 1.0),
    has_limits: false,
    needs_slices: false,
    family: None,
    parameters: &[Parameter {
        name: "bins",
        about: "Number of bins of equal width.",
        minimum: 2.0,
        maximum: 1000.0,
        integer: true,
        default: Some(15.0),
    }],
};

/// The bin of equal width that a value in quanta is in: of c in (b/bins,
/// (b+1)/bins], in whole numbers; 0 is in the first.
pub(super) fn bin(value: i64, bins: i64) -> usize {
    ((value * bins - 1).max(0) / i64::from(QUANTA)) as usize
}

/// See the module.
pub struct ExpectedCalibrationError;

impl Metric for ExpectedCalibrationError {
    fn kind(&self) -> &'static MetricKind {
        &EXPECTED_CALIBRATION_ERROR
    }

    fn form(&self) -> Form {
        Form::Whole
    }

    fn columns(&self, _: &str, _: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::correct(), ColumnSpec::confidence()]
    }

    fn sums(&self, _: Sizes, parameters: &Parameters) -> usize {
        parameters.get("bins") as usize
    }

    /// A bin's sum is that of (correct − confidence), in quanta: its absolute
    /// value over all rows is the bin's share of the error.
    fn terms(&self, row: Row<'_>, parameters: &Parameters, add: &mut dyn FnMut(usize, i64)) {
        let [correct, confidence] = [row.value(0), row.value(1)];
        let bin = bin(confidence, parameters.get("bins") as i64);
        add(bin, correct * i64::from(QUANTA) - confidence);
    }

    fn value(&self, sums: &[i64], rows: usize, _: &Parameters) -> f64 {
        let distance: i64 = sums.iter().map(|sum| sum.abs()).sum();
        distance as f64 / (rows.max(1) as f64 * f64::from(QUANTA))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::testing::{parameters, value};

    fn error(rows: &[(u32, f64)], bins: f64) -> f64 {
        let (correct, confidence) = rows
            .iter()
            .map(|&(correct, confidence)| (f64::from(correct), confidence))
            .unzip();
        value(
            &ExpectedCalibrationError,
            &parameters(&[("bins", bins)]),
            &vec![0; rows.len()],
            &[correct, confidence],
        )
    }

    #[test]
    fn closed_forms() {
        // One bin of (0.5, 0.6] with accuracy 1/2 and mean confidence 0.55.
        assert!((error(&[(1, 0.55), (0, 0.55)], 10.0) - 0.05).abs() < 1e-4);
        // Two bins: |1 − 0.95| and |0 − 0.15|, half of the rows each.
        assert!((error(&[(1, 0.95), (0, 0.15)], 10.0) - 0.1).abs() < 1e-4);
        assert_eq!(error(&[(1, 1.0), (0, 0.0)], 10.0), 0.0);
    }

    #[test]
    fn an_edge_belongs_to_the_bin_below_it() {
        // 1/3 of 65535 is whole: with three bins it is the top of the first, so
        // that the two rows share a bin and their errors cancel.
        let third = 1.0 / 3.0;
        assert!(error(&[(1, third), (0, 0.2)], 3.0) < 0.5);
        assert!((error(&[(1, third), (0, 0.2)], 3.0) - (1.0 - third - 0.2) / 2.0).abs() < 1e-4);
    }

    #[test]
    fn agrees_with_the_reference() {
        let group = crate::stats::reference::group("ml_metrics");
        let labels = group["y"].as_array().unwrap();
        for (scores, expected) in [("score_a", "ece10_a"), ("score_b", "ece10_b")] {
            // The reference bins P(y = 1); as rows: confidence P, correct y.
            let rows: Vec<(u32, f64)> = labels
                .iter()
                .zip(group[scores].as_array().unwrap())
                .map(|(label, score)| (label.as_u64().unwrap() as u32, score.as_f64().unwrap()))
                .collect();
            let expected = group[expected].as_f64().unwrap();
            // Confidence is kept in 16 bits: half a quantum is 7.6e-6.
            assert!((error(&rows, 10.0) - expected).abs() < 8e-6);
        }
    }
}
