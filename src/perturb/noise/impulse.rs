//! Impulse noise, "salt and pepper": of bits that are lost.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::{Depth, Perturbation, PerturbationError, draw};
use crate::seed::{Stream, words_below};

/// The entry of [`ImpulseNoise`] in the catalogue.
pub static IMPULSE_NOISE: PerturbationKind = PerturbationKind {
    name: "impulse_noise",
    version: 1,
    about: "Sets a share of the values to the lowest or the highest value.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: true,
    parameters: &[Parameter {
        name: "amount",
        about: "Expected share of the values that are replaced, half by 0, half by 1.",
        minimum: 0.0,
        maximum: 1.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[0.03], &[0.06], &[0.09], &[0.17], &[0.27]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[0.01], &[0.02], &[0.03], &[0.05], &[0.07]],
        },
    ],
};

/// 0 where u < `amount`/2, 1 where u ≥ 1 - `amount`/2: each value (each channel of
/// a pixel) by itself. One uniform decides whether and which, so that what one
/// amount replaces every larger one does, by the same value.
pub struct ImpulseNoise;

impl Perturbation for ImpulseNoise {
    fn kind(&self) -> &'static PerturbationKind {
        &IMPULSE_NOISE
    }

    fn check(&self, _shape: &[usize]) -> Result<(), PerturbationError> {
        Ok(())
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        let half = parameters.get("amount") / 2.0;
        // Half of the words at most are salted, so that one is spared.
        let (pepper, last_spared) = (
            words_below(half) as u32,
            (words_below(1.0 - half) - 1) as u32,
        );
        draw::each_word(
            example,
            stream,
            #[inline(always)]
            move |value, word| {
                let value = if word < pepper { 0.0 } else { value };
                if word > last_spared { 1.0 } else { value }
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;
    use crate::perturb::testing::{assert_severities, parameters, perturbed, stream};
    use crate::seed::uniform;

    fn grey_with(amount: f64) -> Vec<f32> {
        let grey = Array::from_elem([3, 100, 100], 0.5).into_dyn();
        let noisy = perturbed(
            &ImpulseNoise,
            &grey,
            &parameters(&[("amount", amount)]),
            "0",
        );
        noisy.into_iter().collect()
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, values| assert_severities(&IMPULSE_NOISE, scale, values);
        published(Scale::ImagenetC, [0.03, 0.06, 0.09, 0.17, 0.27]);
        published(Scale::Cifar10C, [0.01, 0.02, 0.03, 0.05, 0.07]);
    }

    #[test]
    fn the_uniform_of_a_value_decides() {
        let clean = Array::from_elem([20_000], 0.5).into_dyn();
        for amount in [0.0, 1e-4, 0.03, 0.27, 0.999, 1.0] {
            let parameters = parameters(&[("amount", amount)]);
            let noisy = perturbed(&ImpulseNoise, &clean, &parameters, "0");
            let mut words = vec![0; clean.len()];
            stream(&ImpulseNoise, "0").fill(&mut words);
            for (&value, word) in noisy.iter().zip(words) {
                let u = uniform(word);
                let expected = match u {
                    _ if u < amount / 2.0 => 0.0,
                    _ if u >= 1.0 - amount / 2.0 => 1.0,
                    _ => 0.5,
                };
                assert_eq!(value, expected, "{amount} {u}");
            }
        }
    }

    /// Counts are binomial; bounds at 4.5 standard errors.
    #[test]
    fn half_of_the_amount_is_pepper_and_half_salt() {
        for amount in [0.01, 0.27, 0.8] {
            let noisy = grey_with(amount);
            let n = noisy.len() as f64;
            for extreme in [0.0, 1.0] {
                let count = noisy.iter().filter(|&&value| value == extreme).count() as f64;
                let (mean, bound) = (
                    n * amount / 2.0,
                    4.5 * (n * amount / 2.0 * (1.0 - amount / 2.0)).sqrt(),
                );
                assert!((count - mean).abs() < bound, "{amount} {extreme}: {count}");
            }
        }
    }

    #[test]
    fn what_is_replaced_stays_replaced_by_the_same_at_every_larger_amount() {
        let amounts = [0.0, 0.01, 0.03, 0.06, 0.09, 0.17, 0.27, 0.6, 1.0];
        for pair in amounts.windows(2) {
            let (less, more) = (grey_with(pair[0]), grey_with(pair[1]));
            for (less, more) in less.into_iter().zip(more) {
                assert!(less == 0.5 || more == less, "{pair:?}");
            }
        }
        assert!(grey_with(0.0).into_iter().all(|value| value == 0.5));
        assert!(grey_with(1.0).into_iter().all(|value| value != 0.5));
    }
}
