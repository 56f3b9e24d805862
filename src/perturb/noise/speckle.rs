//! Speckle noise: of a sensor whose noise grows with the light.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::{Depth, Perturbation, PerturbationError, draw};
use crate::seed::Stream;

/// The entry of [`SpeckleNoise`] in the catalogue.
pub static SPECKLE_NOISE: PerturbationKind = PerturbationKind {
    name: "speckle_noise",
    version: 1,
    about: "Multiplies each value by independent normal noise about 1.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: true,
    parameters: &[Parameter {
        name: "std",
        about: "Standard deviation, as a share of the value.",
        minimum: 0.0,
        maximum: 1.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[0.15], &[0.2], &[0.35], &[0.45], &[0.6]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[0.06], &[0.1], &[0.12], &[0.16], &[0.2]],
        },
    ],
};

/// x + x `std` z with z standard normal: black stays black.
pub struct SpeckleNoise;

impl Perturbation for SpeckleNoise {
    fn kind(&self) -> &'static PerturbationKind {
        &SPECKLE_NOISE
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
        let std = parameters.get("std") as f32;
        draw::each_word(
            example,
            stream,
            #[inline(always)]
            move |value, word| value + value * (std * draw::normal_f32(word)),
        );
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array;

    use super::*;
    use crate::perturb::testing::{assert_severities, parameters, perturbed, ramp};

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, values| assert_severities(&SPECKLE_NOISE, scale, values);
        published(Scale::ImagenetC, [0.15, 0.2, 0.35, 0.45, 0.6]);
        published(Scale::Cifar10C, [0.06, 0.1, 0.12, 0.16, 0.2]);
    }

    /// Mean x, standard deviation x std, no skewness, fourth moment that of the normal
    /// distribution; n = 49,152 draws, bounds at 4.5 standard errors.
    #[test]
    fn the_moments_are_those_of_noise_in_proportion() {
        for (value, std) in [(0.5, 0.15), (0.25, 0.6), (1.0, 0.35), (0.01, 0.6)] {
            let flat = Array::from_elem([3, 128, 128], value).into_dyn();
            let noisy = perturbed(&SpeckleNoise, &flat, &parameters(&[("std", std)]), "0");
            let n = noisy.len() as f64;
            let moment = |power| {
                let deviations = noisy
                    .iter()
                    .map(|&x| f64::from(x - value) / (f64::from(value) * std));
                deviations.map(|z| z.powi(power)).sum::<f64>() / n
            };
            let bound = |variance: f64| 4.5 * (variance / n).sqrt();
            assert!(moment(1).abs() < bound(1.0), "{}", moment(1));
            assert!((moment(2) - 1.0).abs() < bound(2.0), "{}", moment(2));
            assert!(moment(3).abs() < bound(15.0), "{}", moment(3));
            assert!((moment(4) - 3.0).abs() < bound(96.0), "{}", moment(4));
        }
    }

    #[test]
    fn black_stays_black_and_what_is_no_number_stays_none() {
        let clean = ndarray::arr1(&[0.0, f32::NAN, 0.0]).into_dyn();
        let noisy = perturbed(&SpeckleNoise, &clean, &parameters(&[("std", 0.6)]), "0");
        assert_eq!((noisy[0], noisy[2]), (0.0, 0.0));
        assert!(noisy[1].is_nan());
    }

    #[test]
    fn severities_share_their_draws() {
        let clean = ramp(&[3, 8, 8]);
        let noise = |severity| {
            let parameters = SPECKLE_NOISE.at_severity(Scale::ImagenetC, severity);
            perturbed(&SpeckleNoise, &clean, &parameters.unwrap(), "0") - &clean
        };
        for (one, two) in noise(1.0).iter().zip(&noise(3.0)) {
            assert!((two - one * (0.35 / 0.15)).abs() < 1e-6, "{one} {two}");
        }
    }

    #[test]
    fn no_deviation_is_no_change() {
        let clean = ramp(&[1, 7]);
        let same = perturbed(&SpeckleNoise, &clean, &parameters(&[("std", 0.0)]), "0");
        assert_eq!(same, clean);
    }
}
