//! Area under the ROC curve: how well the score of one class ranks its
//! examples above the others.

use super::{Form, Metric, Row, Sizes, Strata};
use crate::catalogue::{Better, MetricKind, Parameter, Parameters};
use crate::outcome::ColumnSpec;

/// The catalogue's entry.
pub static AUROC: MetricKind = MetricKind {
    name: "auroc",
    version: 2,
    about: "The area under the ROC curve of one class against the rest: the share of pairs, one of the class and one not, in which the score of the class is the greater, ties counting half. 0.5 where one side is empty. The score is the probability of the class; from logits its logit, less the logarithm of the sum of the others' exponentials, which has the same order and no rounding to 0 or 1.",
    source: "Hanley & McNeil 1982; DeLong, DeLong & Clarke-Pearson 1988",
    better: Better::Higher,
    range: (0.0, 1.0),
    has_limits: true,
    needs_slices: false,
    family: None,
    parameters: &[Parameter {
        name: "class",
        about: "The class whose score ranks.",
        minimum: 0.0,
        maximum: 65_534.0,
        integer: true,
        default: Some(1.0),
    }],
};

/// See the module.
pub struct Auroc;

impl Metric for Auroc {
    fn kind(&self) -> &'static MetricKind {
        &AUROC
    }

    fn form(&self) -> Form {
        Form::Ranking
    }

    fn columns(&self, _: &str, parameters: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::rank(parameters.get("class") as usize)]
    }

    fn check(&self, classes: usize, parameters: &Parameters) -> Result<(), String> {
        let class = parameters.get("class") as usize;
        if class < classes {
            return Ok(());
        }
        Err(format!(
            "class = {class}, and the model answers with {classes} classes, 0 to {}. Name one of them",
            classes - 1
        ))
    }

    fn strata(&self, parameters: &Parameters) -> Strata {
        Strata::OneAgainstRest(parameters.get("class") as u32)
    }

    /// A rank has two: its rows of the rest, and of the class.
    fn sums(&self, sizes: Sizes, _: &Parameters) -> usize {
        2 * (sizes.largest + 1)
    }

    fn cell(&self) -> usize {
        2
    }

    fn terms(&self, row: Row<'_>, parameters: &Parameters, add: &mut dyn FnMut(usize, i64)) {
        let side = usize::from(f64::from(row.label) == parameters.get("class"));
        add(2 * row.value(0) as usize + side, 1);
    }

    fn value(&self, sums: &[i64], _: usize, _: &Parameters) -> f64 {
        // Twice the pairs that are ranked right, ties once.
        let (mut rest, mut class, mut twice) = (0_i64, 0_i64, 0_i128);
        for score in sums.chunks_exact(2) {
            twice += i128::from(score[1]) * i128::from(2 * rest + score[0]);
            rest += score[0];
            class += score[1];
        }
        let pairs = i128::from(rest) * i128::from(class);
        if pairs == 0 {
            return 0.5;
        }
        twice as f64 / (2.0 * pairs as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::testing::{parameters, value};
    use proptest::prelude::*;

    fn auroc(labels: &[u32], scores: &[f64]) -> f64 {
        let mut distinct = scores.to_vec();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        let rank = |score: &f64| distinct.partition_point(|other| other < score) as f64;
        let ranks = scores.iter().map(rank).collect();
        value(&Auroc, &parameters(&[("class", 1.0)]), labels, &[ranks])
    }

    #[test]
    fn closed_forms() {
        assert_eq!(auroc(&[0, 0, 1, 1], &[0.1, 0.2, 0.3, 0.4]), 1.0);
        assert_eq!(auroc(&[1, 1, 0, 0], &[0.1, 0.2, 0.3, 0.4]), 0.0);
        assert_eq!(auroc(&[0, 1, 0, 1], &[0.5; 4]), 0.5);
        // Of four pairs three are right.
        assert_eq!(auroc(&[0, 1, 0, 1], &[0.1, 0.2, 0.3, 0.4]), 0.75);
        // Classes 0 and 2 are the rest of class 1.
        assert_eq!(auroc(&[0, 1, 2], &[0.1, 0.9, 0.2]), 1.0);
    }

    #[test]
    fn one_class_alone_is_defined() {
        assert_eq!(auroc(&[1, 1], &[0.1, 0.9]), 0.5);
        assert_eq!(auroc(&[0], &[0.1]), 0.5);
    }

    #[test]
    fn a_class_that_the_model_has_not_is_told() {
        let parameters = parameters(&[("class", 2.0)]);
        assert_eq!(Auroc.check(3, &parameters), Ok(()));
        let message = Auroc.check(2, &parameters).unwrap_err();
        assert!(
            message.contains("class = 2") && message.contains("0 to 1"),
            "{message}"
        );
    }

    #[test]
    fn agrees_with_the_reference() {
        let group = crate::stats::reference::group("ml_metrics");
        let labels = |list: &serde_json::Value| -> Vec<u32> {
            let items = list.as_array().unwrap().iter();
            items.map(|item| item.as_u64().unwrap() as u32).collect()
        };
        let scores = |list: &serde_json::Value| -> Vec<f64> {
            let items = list.as_array().unwrap().iter();
            items.map(|item| item.as_f64().unwrap()).collect()
        };
        for (scored, expected) in [
            ("score_a", &group["auroc_a"]),
            ("score_b", &group["delong"]["auc_b"]),
        ] {
            let found = auroc(&labels(&group["y"]), &scores(&group[scored]));
            assert!(
                (found - expected.as_f64().unwrap()).abs() < 1e-12,
                "{found}"
            );
        }
        let ties = &group["auroc_ties"];
        let found = auroc(&labels(&ties["y"]), &scores(&ties["s"]));
        assert!((found - ties["auroc"].as_f64().unwrap()).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn it_is_the_share_of_pairs_in_order(
            rows in prop::collection::vec((0u32..3, 0u32..6), 1..40),
        ) {
            let labels: Vec<u32> = rows.iter().map(|row| row.0).collect();
            let scores: Vec<f64> = rows.iter().map(|row| f64::from(row.1) / 6.0).collect();
            let (mut right, mut pairs) = (0.0, 0.0);
            for (label, score) in &rows {
                for (other, below) in &rows {
                    if *label == 1 && *other != 1 {
                        pairs += 1.0;
                        right += match score.cmp(below) {
                            std::cmp::Ordering::Greater => 1.0,
                            std::cmp::Ordering::Equal => 0.5,
                            std::cmp::Ordering::Less => 0.0,
                        };
                    }
                }
            }
            let expected = if pairs > 0.0 { right / pairs } else { 0.5 };
            prop_assert!((auroc(&labels, &scores) - expected).abs() < 1e-12);
        }
    }
}
