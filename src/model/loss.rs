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
