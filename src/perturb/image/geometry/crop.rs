//! Crop: of a detector that cuts its object out too closely.

use ndarray::ArrayViewMutD;

use super::{on_both_scales, place};
use crate::catalogue::{Parameter, Parameters, PerturbationKind};
use crate::perturb::image::resample::{Weights, resample};
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::Stream;

/// The entry of [`Crop`] in the catalogue.
pub static CROP: PerturbationKind = PerturbationKind {
    name: "crop",
    version: 1,
    about: "Cuts a part out of the image at a random place and enlarges it to the whole size.",
    source: "The random resized crop of Szegedy et al. (2015), arXiv:1409.4842, of a fixed area and \
             shape; severities chosen here, within the 8 to 100% of area that networks are trained on",
    stochastic: true,
    parameters: &[Parameter {
        name: "area",
        about: "The share of the image's area that is kept; the stream decides where.",
        minimum: 0.01,
        maximum: 1.0,
        integer: false,
        default: None,
    }],
    severities: &on_both_scales([&[0.8], &[0.65], &[0.5], &[0.35], &[0.2]]),
};

/// A part of the image's own proportions and of `area` of its area, bilinearly enlarged.
///
/// All places within the image are equally likely. Its edges may lie within pixels, so
/// that every area is exact; the crop of a higher severity lies within that of a lower.
pub struct Crop;

impl Perturbation for Crop {
    fn kind(&self) -> &'static PerturbationKind {
        &CROP
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&CROP, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        let place = place(stream);
        let side = parameters.get("area").sqrt();
        if side == 1.0 || example.is_empty() {
            return;
        }
        with_planes(example, |mut planes| {
            let width = planes.width;
            let [rows, columns] =
                [(planes.height, place[0]), (width, place[1])].map(|(size, place)| {
                    Weights::bilinear(size, size, place * (1.0 - side) * size as f64, side)
                });
            for plane in planes.each() {
                plane.copy_from_slice(&resample(plane, width, &rows, &columns));
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;
    use crate::perturb::testing::{parameters, perturbed, ramp};

    fn with(area: f64, image: &ArrayD<f32>, id: &str) -> ArrayD<f32> {
        perturbed(&Crop, image, &parameters(&[("area", area)]), id)
    }

    /// The first and last row that are seen, of an image whose values are its rows.
    fn rows_seen(area: f64, id: &str) -> [f32; 2] {
        let image = ArrayD::from_shape_fn(vec![101, 101], |place| place[0] as f32 / 100.0);
        let seen = with(area, &image, id);
        [seen[[0, 0]] * 100.0, seen[[100, 0]] * 100.0]
    }

    #[test]
    fn the_part_has_the_area_and_lies_within_the_image() {
        let mut first_rows = Vec::new();
        for id in 0..200 {
            let [first, last] = rows_seen(0.25, &id.to_string());
            // Half the side: 100 steps of half a pixel, but for the edge's own half pixel.
            assert!((49.7..50.01).contains(&(last - first)), "{first} {last}");
            first_rows.push(first);
        }
        // From one end to the other, evenly: of 0 to 50.5 the mean is 25, ± 1.
        let mean = first_rows.iter().sum::<f32>() / 200.0;
        assert!((21.0..29.0).contains(&mean), "{mean}");
        assert!(first_rows.iter().any(|&first| first < 3.0));
        assert!(first_rows.iter().any(|&first| first > 47.0));
    }

    #[test]
    fn a_smaller_crop_lies_within_a_larger() {
        for id in (0..20).map(|id| id.to_string()) {
            let seen = [0.8, 0.65, 0.5, 0.35, 0.2].map(|area| rows_seen(area, &id));
            for pair in seen.windows(2) {
                assert!(
                    pair[1][0] >= pair[0][0] && pair[1][1] <= pair[0][1],
                    "{seen:?}"
                );
            }
        }
    }

    #[test]
    fn the_whole_is_kept_as_it_is() {
        let image = ramp(&[3, 5, 6]);
        assert_eq!(with(1.0, &image, "0"), image);
    }
}
