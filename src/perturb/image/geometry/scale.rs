//! Scale: of an object that is farther away, or nearer, than those in training.

use ndarray::ArrayViewMutD;

use super::on_both_scales;
use crate::catalogue::{Parameter, Parameters, PerturbationKind};
use crate::perturb::image::resample::{Weights, resample};
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::Stream;

/// The entry of [`Rescale`] in the catalogue.
pub static SCALE: PerturbationKind = PerturbationKind {
    name: "scale",
    version: 1,
    about: "Makes what is in the image smaller or larger about its centre, at the same size of \
            the image; beyond its edges it is mirrored.",
    source: "Bilinear without aliasing as in Pillow and torchvision; severities chosen here: even \
             steps to an object at twice the distance",
    stochastic: false,
    parameters: &[Parameter {
        name: "factor",
        about: "How many times as large; below 1 is smaller.",
        minimum: 0.1,
        maximum: 10.0,
        integer: false,
        default: None,
    }],
    severities: &on_both_scales([&[0.9], &[0.8], &[0.7], &[0.6], &[0.5]]),
};

/// The image magnified by `factor` about its centre.
///
/// The severities make things smaller; `crop` makes them larger, elsewhere than in the
/// middle. Where things get smaller, more than two pixels are averaged, as the camera
/// does which is farther away; plain affine transforms (OpenCV's, torchvision's) do not,
/// and show aliasing below 1/2.
pub struct Rescale;

impl Perturbation for Rescale {
    fn kind(&self) -> &'static PerturbationKind {
        &SCALE
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&SCALE, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let factor = parameters.get("factor");
        if factor == 1.0 || example.is_empty() {
            return;
        }
        let about_centre = |size: usize| {
            let seen = size as f64 / factor;
            Weights::bilinear(size, size, (size as f64 - seen) / 2.0, 1.0 / factor)
        };
        with_planes(example, |mut planes| {
            let (rows, columns) = (about_centre(planes.height), about_centre(planes.width));
            let width = planes.width;
            for plane in planes.each() {
                plane.copy_from_slice(&resample(plane, width, &rows, &columns));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{parameters, perturbed, ramp};

    fn with(factor: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(&Rescale, image, &parameters(&[("factor", factor)]), "0")
    }

    #[test]
    fn twice_as_large_is_the_middle_half() {
        let image = arr2(&[[9.0, 0.0, 4.0, 9.0]]).into_dyn();
        // Quarters of the way between the centres of the pixels.
        let expected = arr2(&[[2.25, 1.0, 3.0, 5.25]]).into_dyn();
        assert_eq!(with(2.0, &image), expected);
    }

    #[test]
    fn half_as_large_has_its_mirror_images_beside_it() {
        // A bright half: of a triangle of four pixels, 1 3 3 1 eighths, one or three are bright.
        let image = arr2(&[[0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]]).into_dyn();
        let expected = arr2(&[[0.125, 0.0, 0.0, 0.125, 0.875, 1.0, 1.0, 0.875]]).into_dyn();
        assert_eq!(with(0.5, &image), expected);
    }

    #[test]
    fn no_change_is_none() {
        let image = ramp(&[3, 5, 6]);
        assert_eq!(with(1.0, &image), image);
    }

    proptest! {
        #[test]
        fn the_centre_stays_and_what_rises_evenly_does_so_by_the_factor(factor in 0.2..5.0) {
            let image = ArrayD::from_shape_fn(vec![1, 101, 3], |place| {
                0.5 + (place[1] as f32 - 50.0) / 200.0
            });
            let scaled = with(factor, &image);
            // A wide triangle, as Pillow weighs it at the centres of pixels, is off by a
            // small part of a pixel.
            let allowed = if factor < 1.0 { 1e-3 } else { 1e-5 };
            // Three pixels about the centre do not see beyond the edges.
            for row in 49..=51 {
                let expected = 0.5 + (row as f64 - 50.0) / 200.0 / factor;
                let found = f64::from(scaled[[0, row, 1]]);
                prop_assert!((found - expected).abs() < allowed, "{found} {expected}");
            }
        }
    }
}
