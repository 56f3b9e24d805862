//! Macro F1: the mean over classes of the harmonic mean of precision and recall.

use super::{Form, Metric, Row, Sizes, Strata};
use crate::catalogue::{Better, MetricKind, Parameters};
use crate::outcome::ColumnSpec;

/// The catalogue's entry.
pub static MACRO_F1: MetricKind = MetricKind {
    name: "macro_f1",
    version: 1,
    about: "The unweighted mean over classes of 2·TP / (2·TP + FP + FN); a class that is neither a label nor predicted does not count.",
    source: "Sokolova & Lapalme 2009",
    better: Better::Higher,
    range: (0.0, 1.0),
    has_limits: true,
    needs_slices: false,
    family: None,
    parameters: &[],
};

/// See the module.
pub struct MacroF1;

impl Metric for MacroF1 {
    fn kind(&self) -> &'static MetricKind {
        &MACRO_F1
    }

    fn form(&self) -> Form {
        Form::Classes
    }

    fn columns(&self, _: &str, _: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::class()]
    }

    /// A class has two sums: true positives, and labels plus predictions
    /// (2·TP + FP + FN).
    fn sums(&self, sizes: Sizes, _: &Parameters) -> usize {
        2 * sizes.classes
    }

    fn cell(&self) -> usize {
        2
    }

    fn strata(&self, _: &Parameters) -> Strata {
        Strata::Classes
    }

    fn terms(&self, row: Row<'_>, _: &Parameters, add: &mut dyn FnMut(usize, i64)) {
        let [class, label] = [row.value(0) as usize, row.label as usize];
        if class == label {
            add(2 * class, 1);
        }
        add(2 * class + 1, 1);
        add(2 * label + 1, 1);
    }

    fn value(&self, sums: &[i64], _: usize, _: &Parameters) -> f64 {
        let (mut total, mut classes) = (0.0, 0_u32);
        for class in sums.chunks_exact(2) {
            if class[1] > 0 {
                total += 2.0 * class[0] as f64 / class[1] as f64;
                classes += 1;
            }
        }
        total / f64::from(classes.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::testing::value;

    fn f1(pairs: &[(u32, u32)]) -> f64 {
        let (labels, classes): (Vec<u32>, Vec<f64>) = pairs
            .iter()
            .map(|&(label, class)| (label, f64::from(class)))
            .unzip();
        value(&MacroF1, &Parameters::default(), &labels, &[classes])
    }

    #[test]
    fn closed_forms() {
        assert_eq!(f1(&[(0, 0), (1, 1)]), 1.0);
        assert_eq!(f1(&[(0, 1), (1, 0)]), 0.0);
        // Class 0: TP 1, FN 1: 2/3. Class 1: TP 1, FP 1: 2/3. Class 2 is not there.
        assert!((f1(&[(0, 0), (0, 1), (1, 1)]) - 2.0 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn agrees_with_the_reference() {
        let group = crate::stats::reference::group("ml_metrics");
        let numbers = |name: &str| -> Vec<u32> {
            let items = group[name].as_array().unwrap().iter();
            items.map(|item| item.as_u64().unwrap() as u32).collect()
        };
        let pairs: Vec<(u32, u32)> = numbers("multiclass_y")
            .into_iter()
            .zip(numbers("multiclass_pred"))
            .collect();
        let expected = group["macro_f1"].as_f64().unwrap();
        assert!((f1(&pairs) - expected).abs() < 1e-12);
    }
}
