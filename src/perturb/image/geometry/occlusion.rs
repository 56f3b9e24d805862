//! Occlusion: of something that stands before the object.

use ndarray::ArrayViewMutD;

use super::{on_both_scales, place};
use crate::catalogue::{Parameter, Parameters, PerturbationKind};
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::Stream;

/// The entry of [`Occlusion`] in the catalogue.
pub static OCCLUSION: PerturbationKind = PerturbationKind {
    name: "occlusion",
    version: 1,
    about: "Covers a part of the image with grey at a random place.",
    source: "CutOut of DeVries & Taylor (2017), arXiv:1708.04552; severities chosen here: sides of \
             0.2 to 0.6 of the image's, of which 0.5 is their own for CIFAR-10",
    stochastic: true,
    parameters: &[
        Parameter {
            name: "area",
            about: "The share of the image's area that is covered; the stream decides where.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "fill",
            about: "What it is covered with, on the unit scale: 0 is black, 1 is white.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: Some(0.5),
        },
    ],
    severities: &on_both_scales([
        &[0.04, 0.5],
        &[0.09, 0.5],
        &[0.16, 0.5],
        &[0.25, 0.5],
        &[0.36, 0.5],
    ]),
};

/// A part of the image's own proportions (of a square image, a square) and of `area` of
/// its area, rounded to whole pixels, becomes `fill` in every channel.
///
/// CutOut fills with the mean of the data, which mid-grey stands for here: black would
/// be an object of its own. All places within the image are equally likely; CutOut's
/// squares may lie half outside, and then cover less. What a higher severity covers
/// includes what a lower does.
pub struct Occlusion;

impl Perturbation for Occlusion {
    fn kind(&self) -> &'static PerturbationKind {
        &OCCLUSION
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&OCCLUSION, shape)
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
        let fill = parameters.get("fill") as f32;
        if example.is_empty() {
            return;
        }
        with_planes(example, |mut planes| {
            let width = planes.width;
            let [rows, columns] =
                [(planes.height, place[0]), (width, place[1])].map(|(size, place)| {
                    let start = place * (1.0 - side);
                    let pixel = |share: f64| ((share * size as f64).round() as usize).min(size);
                    pixel(start)..pixel(start + side)
                });
            for plane in planes.each() {
                for row in plane
                    .chunks_exact_mut(width)
                    .take(rows.end)
                    .skip(rows.start)
                {
                    row[columns.clone()].fill(fill);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{parameters, perturbed, ramp};

    /// Which pixels are covered, of an image of `shape`.
    fn covered(area: f64, shape: &[usize], id: &str) -> ArrayD<bool> {
        let amount = parameters(&[("area", area), ("fill", 1.0)]);
        perturbed(&Occlusion, &ArrayD::zeros(shape), &amount, id).mapv(|value| value == 1.0)
    }

    #[test]
    fn the_share_of_the_area_is_covered() {
        for id in (0..50).map(|id| id.to_string()) {
            for area in [0.04, 0.09, 0.16, 0.25, 0.36] {
                let pixels = covered(area, &[200, 100], &id)
                    .iter()
                    .filter(|&&hit| hit)
                    .count();
                let share = pixels as f64 / 20_000.0;
                // A pixel more or less at each side.
                assert!((share - area).abs() < 0.01, "{area}: {share}");
            }
            assert!(!covered(0.0, &[9, 9], &id).iter().any(|&hit| hit));
            assert!(covered(1.0, &[9, 9], &id).iter().all(|&hit| hit));
        }
    }

    #[test]
    fn a_part_is_filled_and_the_rest_is_kept() {
        let image = ramp(&[3, 20, 20]);
        let found = perturbed(
            &Occlusion,
            &image,
            &parameters(&[("area", 0.25), ("fill", 0.3)]),
            "0",
        );
        let mut kept = 0;
        for (&found, &value) in found.iter().zip(&image) {
            assert!(found == 0.3 || found == value);
            kept += usize::from(found == value);
        }
        assert_eq!(kept, 3 * 300);
    }

    #[test]
    fn every_pixel_is_covered_in_some_example() {
        let mut ever = ArrayD::from_elem(vec![8, 8], false);
        for id in 0..300 {
            ever.zip_mut_with(&covered(0.25, &[8, 8], &id.to_string()), |ever, &hit| {
                *ever |= hit
            });
        }
        assert!(ever.iter().all(|&ever| ever), "{ever}");
    }

    proptest! {
        #[test]
        fn more_area_covers_what_less_did(
            height in 1_usize..40,
            width in 1_usize..40,
            less in 0.0..1.0,
            more in 0.0..1.0,
            id in 0..1000_u32,
        ) {
            let (less, more) = if less < more { (less, more) } else { (more, less) };
            let id = id.to_string();
            let (less, more) = (covered(less, &[height, width], &id), covered(more, &[height, width], &id));
            prop_assert!(less.iter().zip(&more).all(|(&less, &more)| !less || more));
        }
    }
}
