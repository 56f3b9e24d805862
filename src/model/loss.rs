//! Losses, by their derivatives with respect to a model's answers.

use ndarray::{Array2, ArrayView2};

use super::Gives;

/// Probabilities below this are taken for it, so that a derivative is finite.
const FLOOR: f32 = 1e-12;

/// The derivatives of each example's cross-entropy, −log p of its label, with
/// respect to its answers: `softmax − onehot` for logits, −1/p at the label for
/// probabilities. `labels` are classes, 0 or 1 for
/// [`Gives::PositiveProbability`].
///
/// A label that is no class of the answers has no loss.
pub fn cross_entropy(gives: Gives, answers: ArrayView2<'_, f32>, labels: &[usize]) -> Array2<f32> {
    let mut cotangents = Array2::zeros(answers.dim());
    let rows = cotangents.outer_iter_mut().zip(answers.outer_iter());
    for ((mut cotangent, answer), &label) in rows.zip(labels) {
        match gives {
            Gives::Logits => {
                if label >= answer.len() {
                    continue;
                }
                let largest = answer.fold(f32::NEG_INFINITY, |largest, &logit| largest.max(logit));
                cotangent.assign(&answer.mapv(|logit| (logit - largest).exp()));
                let sum = cotangent.sum();
                cotangent.mapv_inplace(|odds| odds / sum);
                cotangent[label] -= 1.0;
            }
            Gives::Probabilities => {
                if let Some(derivative) = cotangent.get_mut(label) {
                    *derivative = -1.0 / answer[label].max(FLOOR);
                }
            }
            Gives::PositiveProbability => match (label, answer.first()) {
                (1, Some(positive)) => cotangent[0] = -1.0 / positive.max(FLOOR),
                (0, Some(positive)) => cotangent[0] = 1.0 / (1.0 - positive).max(FLOOR),
                _ => {}
            },
        }
    }
    cotangents
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
            let found = cross_entropy(gives, row.view(), &[label]);
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
        let huge = cross_entropy(Gives::Logits, array![[1e30_f32, -1e30]].view(), &[1]);
        assert_eq!(huge, array![[1.0, -1.0]]);
        for (gives, answers) in [
            (Gives::Probabilities, array![[0.0_f32, 1.0]]),
            (Gives::PositiveProbability, array![[1.0_f32]]),
        ] {
            let found = cross_entropy(gives, answers.view(), &[0]);
            assert!(found.iter().all(|one| one.is_finite()), "{gives:?}");
            assert!(found[[0, 0]].abs() > 1e6, "{gives:?}");
        }
    }
}
