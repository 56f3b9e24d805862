//! Gaussian noise: of a sensor in bad light.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::{Depth, Perturbation, PerturbationError, draw};
use crate::seed::Stream;

/// The entry of [`GaussianNoise`] in the catalogue.
pub static GAUSSIAN_NOISE: PerturbationKind = PerturbationKind {
    name: "gaussian_noise",
    version: 2,
    about: "Adds independent normal noise to each value.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: true,
    parameters: &[Parameter {
        name: "std",
        about: "Standard deviation, on the unit scale of the data.",
        minimum: 0.0,
        maximum: 1.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[0.08], &[0.12], &[0.18], &[0.26], &[0.38]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[0.04], &[0.06], &[0.08], &[0.09], &[0.10]],
        },
    ],
};

/// x + `std` z with z standard normal.
pub struct GaussianNoise;

impl Perturbation for GaussianNoise {
    fn kind(&self) -> &'static PerturbationKind {
        &GAUSSIAN_NOISE
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
            move |value, word| value + std * draw::normal_f32(word),
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
        let published = |scale, values| assert_severities(&GAUSSIAN_NOISE, scale, values);
        published(Scale::ImagenetC, [0.08, 0.12, 0.18, 0.26, 0.38]);
        published(Scale::Cifar10C, [0.04, 0.06, 0.08, 0.09, 0.10]);
    }

    /// n = 49,152 draws: standard errors of the mean std/√n, of the variance
    /// std² √(2/n), of the fourth moment std⁴ √(96/n); bounds at 4.5 of them.
    #[test]
    fn the_moments_are_those_of_the_normal_distribution() {
        let std = 0.3;
        let zero = Array::zeros([3, 128, 128]).into_dyn();
        let noise = perturbed(&GaussianNoise, &zero, &parameters(&[("std", std)]), "0");
        let n = noise.len() as f64;
        let moment = |power| {
            let powers = noise.iter().map(|&z| (f64::from(z) / std).powi(power));
            powers.sum::<f64>() / n
        };
        let bound = |variance: f64| 4.5 * (variance / n).sqrt();
        assert!(moment(1).abs() < bound(1.0), "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < bound(2.0), "{}", moment(2));
        assert!(moment(3).abs() < bound(15.0), "{}", moment(3));
        assert!((moment(4) - 3.0).abs() < bound(96.0), "{}", moment(4));
    }

    #[test]
    fn neighbouring_values_are_uncorrelated() {
        let zero = Array::zeros([40_000]).into_dyn();
        let noise = perturbed(&GaussianNoise, &zero, &parameters(&[("std", 1.0)]), "0");
        let noise = noise.as_slice().unwrap();
        let products = noise.windows(2).map(|pair| f64::from(pair[0] * pair[1]));
        let correlation = products.sum::<f64>() / 40_000.0;
        assert!(correlation.abs() < 4.5 / 200.0, "{correlation}");
    }

    #[test]
    fn severities_share_their_draws() {
        let clean = ramp(&[3, 8, 8]);
        let noise = |severity| {
            let parameters = GAUSSIAN_NOISE.at_severity(Scale::ImagenetC, severity);
            perturbed(&GaussianNoise, &clean, &parameters.unwrap(), "0") - &clean
        };
        for (one, two) in noise(1.0).iter().zip(&noise(2.0)) {
            assert!((two - one * (0.12 / 0.08)).abs() < 5e-7, "{one} {two}");
        }
    }

    #[test]
    fn no_deviation_is_no_change() {
        let clean = ramp(&[1, 7]);
        let same = perturbed(&GaussianNoise, &clean, &parameters(&[("std", 0.0)]), "0");
        assert_eq!(same, clean);
    }
}
