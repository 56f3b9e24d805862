//! Losses, by their derivatives with respect to a model's answers.

use ndarray::{Array2, ArrayView2};

use super::Gives;

/// Probabilities below this are taken for it, so that a derivative is finite.
const FLOOR: f32 = 1e-12;

/// Labels that do not go with the answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Not one label an example.
    #[error("there are {labels} labels for {examples} examples. Give each example its own")]
    Count {
        /// How many labels were given.
        labels: usize,
        /// How many rows of answers there are.
        examples: usize,
    },
    /// A label that is none of the classes.
    #[error(
        "the label {label} of example {example} is none of the {classes} classes, which are counted from 0"
    )]
    Class {
        /// The row of the answers.
        example: usize,
        /// Its label.
        label: usize,
        /// How many classes the answers have.
        classes: usize,
    },
}

/// The derivatives of each example's cross-entropy, −log p of its label, with
/// respect to its answers: `softmax − onehot` for logits, −1/p at the label for
/// probabilities. `labels` are classes, 0 or 1 for
/// [`Gives::PositiveProbability`].
///
/// # Errors
/// [`LabelError`] where there is not one label an example, or a label is no class.
pub fn cross_entropy(
    gives: Gives,
    answers: ArrayView2<'_, f32>,
    labels: &[usize],
) -> Result<Array2<f32>, LabelError> {
    let examples = answers.nrows();
    if labels.len() != examples {
        let labels = labels.len();
        return Err(LabelError::Count { labels, examples });
    }
    let classes = match gives {
        Gives::PositiveProbability => 2,
        Gives::Logits | Gives::Probabilities => answers.ncols(),
    };
    let mut numbered = labels.iter().copied().enumerate();
    if let Some((example, label)) = numbered.find(|&(_, label)| label >= classes) {
        return Err(LabelError::Class {
            example,
            label,
            classes,
        });
    }
    let mut cotangents = Array2::zeros(answers.dim());
    let rows = cotangents.outer_iter_mut().zip(answers.outer_iter());
    for ((mut cotangent, answer), &label) in rows.zip(labels) {
        match gives {
            Gives::Logits => {
                let largest = answer.fold(f32::NEG_INFINITY, |largest, &logit| largest.max(logit));
                cotangent.assign(&answer.mapv(|logit| (logit - largest).exp()));
                let own = std::mem::take(&mut cotangent[label]);
                let others = cotangent.sum();
                // Not p − 1, of which nothing is left where p is nearly 1.
                cotangent[label] = -others;
                cotangent.mapv_inplace(|odds| odds / (own + others));
            }
            Gives::Probabilities => cotangent[label] = -1.0 / answer[label].max(FLOOR),
            Gives::PositiveProbability => {
                for (derivative, &positive) in cotangent.iter_mut().zip(&answer) {
                    *derivative = match label {
                        1 => -1.0 / positive.max(FLOOR),
                        _ => 1.0 / (1.0 - positive).max(FLOOR),
                    };
                }
            }
        }
    }
    Ok(cotangents)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// −log p of the label.
    fn loss(gives: Gives, answers: &[f64], label: usize) -> f64 {
        -match gives {
            Gives::Logits => {
                let sum: f64 = answers.iter().map(|logit| logit.exp()).sum();
                answers[label] - sum.ln()
            }
            Gives::Probabilities => answers[label].ln(),
            Gives::PositiveProbability if label == 1 => answers[0].ln(),
            Gives::PositiveProbability => (1.0 - answers[0]).ln(),
        }
    }

    #[test]
    fn derivatives_are_those_of_central_differences() {
        let cases = [
            (Gives::Logits, vec![0.5_f32, -1.25, 2.0], 1),
            (Gives::Logits, vec![0.5, -1.25, 2.0], 2),
            (Gives::Probabilities, vec![0.25, 0.125, 0.625], 0),
            (Gives::PositiveProbability, vec![0.25], 0),
            (Gives::PositiveProbability, vec![0.25], 1),
        ];
        for (gives, answers, label) in cases {
            let row = Array2::from_shape_vec((1, answers.len()), answers.clone()).unwrap();
            let found = cross_entropy(gives, row.view(), &[label]).unwrap();
            for column in 0..answers.len() {
                let at = |step: f64| {
                    let mut moved: Vec<f64> = answers.iter().map(|&one| one.into()).collect();
                    moved[column] += step;
                    loss(gives, &moved, label)
                };
                let numeric = (at(1e-6) - at(-1e-6)) / 2e-6;
                let exact = f64::from(found[[0, column]]);
                assert!(
                    (numeric - exact).abs() < 1e-5,
                    "{gives:?} {label} {column}: {exact}"
                );
            }
        }
    }

    #[test]
    fn certainty_has_finite_derivatives() {
        let huge = cross_entropy(Gives::Logits, array![[1e30_f32, -1e30]].view(), &[1]).unwrap();
        assert_eq!(huge, array![[1.0, -1.0]]);
        for (gives, answers) in [
            (Gives::Probabilities, array![[0.0_f32, 1.0]]),
            (Gives::PositiveProbability, array![[1.0_f32]]),
        ] {
            let found = cross_entropy(gives, answers.view(), &[0]).unwrap();
            assert!(found.iter().all(|one| one.is_finite()), "{gives:?}");
            assert!(found[[0, 0]].abs() > 1e6, "{gives:?}");
        }
    }

    #[test]
    fn a_sure_example_has_the_small_derivatives_that_it_has() {
        // p of the others is e⁻²⁰ / (1 + 2·e⁻²⁰), of which 1 − p in float32 shows nothing.
        let found = cross_entropy(Gives::Logits, array![[20.0_f32, 0.0, 0.0]].view(), &[0]);
        let other = (-20.0_f64).exp() / (1.0 + 2.0 * (-20.0_f64).exp());
        for (&found, expected) in found.unwrap().iter().zip([-2.0 * other, other, other]) {
            let off = (f64::from(found) - expected).abs();
            assert!(off < 1e-6 * other, "{found:e}, not {expected:e}");
        }
    }

    #[test]
    fn labels_that_do_not_go_with_the_answers_are_refused() {
        let three = array![[0.2_f32, 0.3, 0.5], [0.1, 0.1, 0.8]];
        let one = array![[0.2_f32], [0.7]];
        for (gives, answers, classes) in [
            (Gives::Logits, &three, 3),
            (Gives::Probabilities, &three, 3),
            (Gives::PositiveProbability, &one, 2),
        ] {
            let refused = |labels: &[usize]| cross_entropy(gives, answers.view(), labels);
            let counted = LabelError::Count {
                labels: 1,
                examples: 2,
            };
            assert_eq!(refused(&[0]), Err(counted));
            let none = LabelError::Class {
                example: 1,
                label: classes,
                classes,
            };
            assert_eq!(refused(&[0, classes]), Err(none));
            assert!(refused(&[0, 1]).is_ok());
        }
    }
}
