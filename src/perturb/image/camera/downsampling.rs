//! Downsampling: of a camera of fewer pixels, or a thumbnail that was enlarged.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::resample::{Weights, resample};
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::Stream;

/// The entry of [`Downsampling`] in the catalogue.
pub static DOWNSAMPLING: PerturbationKind = PerturbationKind {
    name: "downsampling",
    version: 1,
    about: "Averages the image to fewer pixels, and enlarges it smoothly to its size again.",
    source: "Area means as OpenCV's INTER_AREA, then bilinear; severities chosen here: of 224 \
             pixels 112 to 28, of 32 pixels 26 to 8, where objects are last recognised",
    stochastic: false,
    parameters: &[Parameter {
        name: "factor",
        about: "How many times fewer rows and columns there are in between.",
        minimum: 1.0,
        maximum: 100.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[2.0], &[3.0], &[4.0], &[6.0], &[8.0]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[1.25], &[1.5], &[2.0], &[3.0], &[4.0]],
        },
    ],
};

/// height / `factor` rows and width / `factor` columns, rounded and at least one, each
/// the mean of its area; then as many as before, bilinearly.
///
/// `pixelate` goes the same way down, and comes back in blocks, which have edges of
/// their own; here only detail is lost.
pub struct Downsampling;

impl Perturbation for Downsampling {
    fn kind(&self) -> &'static PerturbationKind {
        &DOWNSAMPLING
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&DOWNSAMPLING, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let factor = parameters.get("factor");
        if example.is_empty() {
            return;
        }
        with_planes(example, |mut planes| {
            let (height, width) = (planes.height, planes.width);
            let [fewer_rows, fewer_columns] =
                [height, width].map(|size| (size as f64 / factor).round().max(1.0) as usize);
            if (fewer_rows, fewer_columns) == (height, width) {
                return;
            }
            let down = [(height, fewer_rows), (width, fewer_columns)]
                .map(|(size, fewer)| Weights::area(size, fewer));
            let up = [(height, fewer_rows), (width, fewer_columns)].map(|(size, fewer)| {
                Weights::bilinear(fewer, size, 0.0, fewer as f64 / size as f64)
            });
            for plane in planes.each() {
                let small = resample(plane, width, &down[0], &down[1]);
                plane.copy_from_slice(&resample(&small, fewer_columns, &up[0], &up[1]));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{assert_severities, parameters, perturbed, ramp};

    fn with(factor: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(
            &Downsampling,
            image,
            &parameters(&[("factor", factor)]),
            "0",
        )
    }

    #[test]
    fn the_severities_leave_fewer_and_fewer_pixels() {
        assert_severities(&DOWNSAMPLING, Scale::ImagenetC, [2.0, 3.0, 4.0, 6.0, 8.0]);
        assert_severities(&DOWNSAMPLING, Scale::Cifar10C, [1.25, 1.5, 2.0, 3.0, 4.0]);
    }

    #[test]
    fn pairs_are_averaged_and_joined_by_lines() {
        let image = arr2(&[[0.0, 0.5, 0.25, 0.25, 1.0, 0.5]]).into_dyn();
        // Means 0.25, 0.25, 0.75; quarters of the way between their centres.
        let expected = arr2(&[[0.25, 0.25, 0.25, 0.375, 0.625, 0.75]]).into_dyn();
        assert_eq!(with(2.0, &image), expected);
    }

    #[test]
    fn of_one_pixel_the_mean_is_left() {
        let image = ramp(&[4, 4]);
        let mean = image.mean().unwrap();
        let found = with(100.0, &image);
        assert!(found.iter().all(|value| (value - mean).abs() < 1e-6));
    }

    #[test]
    fn one_changes_nothing() {
        let image = ramp(&[3, 5, 6]);
        assert_eq!(with(1.0, &image), image);
    }

    proptest! {
        #[test]
        fn an_even_image_stays_even(
            height in 1_usize..20,
            width in 1_usize..20,
            level in 0.0_f32..=1.0,
            factor in 1.0..10.0,
        ) {
            let image = ArrayD::from_elem(vec![2, height, width], level);
            prop_assert!(with(factor, &image).iter().all(|value| (value - level).abs() < 1e-6));
        }
    }
}
