//! Classwise calibration error: how far the probability of each class, not only
//! of the predicted one, is from how often it is the true one.

use super::calibration::bin;
use super::{Form, Metric, Row, Sizes};
use crate::catalogue::{Better, MetricKind, Parameter, Parameters};
use crate::outcome::{ColumnSpec, QUANTA};

/// The catalogue's entry.
pub static CLASSWISE_CALIBRATION_ERROR: MetricKind = MetricKind {
    name: "classwise_calibration_error",
    version: 1,
    about: "The mean over all classes of the calibration error of that class's probability, in bins of equal width weighted by their rows. Keeps every probability. Biased for few rows a bin.",
    source: "Nixon et al. 2019 (static calibration error); Kull et al. 2019",
    better: Better::Lower,
    range: (0.0, 1.0),
    has_limits: false,
    needs_slices: false,
    family: None,
    parameters: &[
        Parameter {
            name: "classes",
            about: "Number of classes that the model answers with.",
            minimum: 2.0,
            maximum: 256.0,
            integer: true,
            default: None,
        },
        Parameter {
            name: "bins",
            about: "Number of bins of equal width.",
            minimum: 2.0,
            maximum: 1000.0,
            integer: true,
            default: Some(15.0),
        },
    ],
};

/// See the module.
pub struct ClasswiseCalibrationError;

impl Metric for ClasswiseCalibrationError {
    fn kind(&self) -> &'static MetricKind {
        &CLASSWISE_CALIBRATION_ERROR
    }

    fn form(&self) -> Form {
        Form::Whole
    }

    fn columns(&self, _: &str, parameters: &Parameters) -> Vec<ColumnSpec> {
        (0..parameters.get("classes") as usize)
            .map(ColumnSpec::probability)
            .collect()
    }

    fn check(&self, classes: usize, parameters: &Parameters) -> Result<(), String> {
        let asked = parameters.get("classes") as usize;
        if classes == asked {
            return Ok(());
        }
        Err(format!(
            "classes = {asked}, and the model answers with {classes} classes. Write classes = {classes}"
        ))
    }

    fn sums(&self, _: Sizes, parameters: &Parameters) -> usize {
        (parameters.get("classes") * parameters.get("bins")) as usize
    }

    /// A bin of a class has the sum of (whether it is the true class −
    /// probability), in quanta.
    fn terms(&self, row: Row<'_>, parameters: &Parameters, add: &mut dyn FnMut(usize, i64)) {
        let bins = parameters.get("bins") as i64;
        for class in 0..parameters.get("classes") as usize {
            let probability = row.value(class);
            let truth = i64::from(row.label as usize == class);
            let gap = truth * i64::from(QUANTA) - probability;
            // Most of many classes have no probability, and are not the label.
            if gap != 0 {
                add(class * bins as usize + bin(probability, bins), gap);
            }
        }
    }

    fn value(&self, sums: &[i64], rows: usize, parameters: &Parameters) -> f64 {
        let distance: i64 = sums.iter().map(|sum| sum.abs()).sum();
        let terms = rows.max(1) as f64 * parameters.get("classes").max(1.0);
        distance as f64 / (terms * f64::from(QUANTA))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::testing::{parameters, value};

    fn error(labels: &[u32], rows: &[&[f64]], bins: f64) -> f64 {
        let classes = rows[0].len();
        let column = |class: usize| rows.iter().map(|row| row[class]).collect::<Vec<f64>>();
        value(
            &ClasswiseCalibrationError,
            &parameters(&[("classes", classes as f64), ("bins", bins)]),
            labels,
            &(0..classes).map(column).collect::<Vec<_>>(),
        )
    }

    #[test]
    fn closed_forms() {
        // Certain and right, certain and wrong.
        assert_eq!(error(&[0, 1], &[&[1.0, 0.0], &[0.0, 1.0]], 10.0), 0.0);
        assert_eq!(error(&[1, 0], &[&[1.0, 0.0], &[0.0, 1.0]], 10.0), 1.0);
        // By hand: class 0 has probability 0.6 and share 1/2, class 1 has 0.3 and
        // 1/2, class 2 has 0.1 and none: (0.1 + 0.2 + 0.1) / 3.
        let rows: [&[f64]; 2] = [&[0.6, 0.3, 0.1], &[0.6, 0.3, 0.1]];
        assert!((error(&[0, 1], &rows, 15.0) - 0.4 / 3.0).abs() < 2e-5);
    }

    #[test]
    fn a_class_that_is_never_predicted_counts() {
        // The confidences are right; between the others the probability is wrong.
        let rows: [&[f64]; 2] = [&[0.5, 0.5, 0.0], &[0.5, 0.5, 0.0]];
        assert!((error(&[0, 2], &rows, 15.0) - 1.0 / 3.0).abs() < 2e-5);
    }

    #[test]
    fn agrees_with_the_reference() {
        let group = crate::stats::reference::group("ml_metrics");
        let labels: Vec<u32> = group["y"]
            .as_array()
            .unwrap()
            .iter()
            .map(|label| label.as_u64().unwrap() as u32)
            .collect();
        for (scores, expected) in [("score_a", "ece10_a"), ("score_b", "ece10_b")] {
            let scores: Vec<f64> = group[scores]
                .as_array()
                .unwrap()
                .iter()
                .map(|score| score.as_f64().unwrap())
                .collect();
            // Of two classes the one's error, in bins (a, b], is the reference's; the
            // other's bins are the mirrored ones, [1 − b, 1 − a), and no score here
            // is on an edge but those that the first class's rule decides.
            assert!(scores.iter().all(|s| (s * 10.0).fract() > 1e-9));
            let rows: Vec<[f64; 2]> = scores.iter().map(|&s| [1.0 - s, s]).collect();
            let rows: Vec<&[f64]> = rows.iter().map(|row| row.as_slice()).collect();
            let found = error(&labels, &rows, 10.0);
            assert!((found - group[expected].as_f64().unwrap()).abs() < 8e-6);
        }
    }

    #[test]
    fn another_number_of_classes_is_told() {
        let parameters = parameters(&[("classes", 3.0), ("bins", 15.0)]);
        assert_eq!(ClasswiseCalibrationError.check(3, &parameters), Ok(()));
        for classes in [2, 4] {
            let message = ClasswiseCalibrationError
                .check(classes, &parameters)
                .unwrap_err();
            assert!(
                message.contains(&format!("classes = {classes}")),
                "{message}"
            );
        }
    }
}
