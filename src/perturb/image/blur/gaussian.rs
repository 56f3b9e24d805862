//! Gaussian blur: of a lens out of focus, as it is usually imitated.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::border::Border;
use crate::perturb::image::filter::gaussian::Gaussian;
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::Stream;

/// The entry of [`GaussianBlur`] in the catalogue.
pub static GAUSSIAN_BLUR: PerturbationKind = PerturbationKind {
    name: "gaussian_blur",
    version: 1,
    about: "Replaces each value by the mean of its neighbours, weighed by a Gaussian.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: false,
    parameters: &[Parameter {
        name: "sigma",
        about: "The standard deviation of the Gaussian, in pixels; below 1/8 nothing changes.",
        minimum: 0.0,
        maximum: 100.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[1.0], &[2.0], &[3.0], &[4.0], &[6.0]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[0.4], &[0.6], &[0.7], &[0.8], &[1.0]],
        },
    ],
};

/// After how many standard deviations the Gaussian of scikit-image is cut off.
pub(super) const TRUNCATE: f64 = 4.0;

/// The Gaussian of `sigma`, cut off after 4 `sigma`; beyond the edge is the nearest
/// value.
pub struct GaussianBlur;

impl Perturbation for GaussianBlur {
    fn kind(&self) -> &'static PerturbationKind {
        &GAUSSIAN_BLUR
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&GAUSSIAN_BLUR, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let gaussian = Gaussian::new(parameters.get("sigma"), TRUNCATE);
        with_planes(example, |mut planes| {
            gaussian.filter(&mut planes, Border::Nearest)
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perturb::testing::assert_severities;

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, values| assert_severities(&GAUSSIAN_BLUR, scale, values);
        published(Scale::ImagenetC, [1.0, 2.0, 3.0, 4.0, 6.0]);
        published(Scale::Cifar10C, [0.4, 0.6, 0.7, 0.8, 1.0]);
    }
}
