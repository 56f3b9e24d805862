//! Translation: of a camera that points beside its object.

use ndarray::ArrayViewMutD;

use super::on_both_scales;
use crate::catalogue::{Parameter, Parameters, PerturbationKind};
use crate::perturb::image::resample::mirror;
use crate::perturb::image::{Planes, any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::{Stream, uniform};

/// The entry of [`Translation`] in the catalogue.
pub static TRANSLATION: PerturbationKind = PerturbationKind {
    name: "translation",
    version: 1,
    about: "Moves the image in any direction by whole pixels; beyond its edges it is mirrored.",
    source: "Whole pixels as in torchvision's RandomAffine; severities chosen here: even steps to \
             a quarter of the side, where an object in the middle still is in the image",
    stochastic: true,
    parameters: &[Parameter {
        name: "share",
        about: "How far, as a share of the side; the stream decides the direction.",
        minimum: 0.0,
        maximum: 1.0,
        integer: false,
        default: None,
    }],
    severities: &on_both_scales([&[0.05], &[0.1], &[0.15], &[0.2], &[0.25]]),
};

/// The image moved by `share` of its height times the sine, and of its width times the
/// cosine, of an angle that is uniform on the circle.
///
/// Rounded to whole pixels: between them, interpolation would blur, which is another
/// change than the one in question. An image of few pixels may therefore stay where it
/// is at a small share.
pub struct Translation;

impl Perturbation for Translation {
    fn kind(&self) -> &'static PerturbationKind {
        &TRANSLATION
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&TRANSLATION, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        let mut word = [0];
        stream.fill(&mut word);
        let (sine, cosine) = libm::sincos(std::f64::consts::TAU * uniform(word[0]));
        let share = parameters.get("share");
        if !example.is_empty() {
            with_planes(example, |mut planes| {
                let down = (share * sine * planes.height as f64).round() as i64;
                let right = (share * cosine * planes.width as f64).round() as i64;
                shift(&mut planes, down, right);
            });
        }
    }
}

/// Moves each plane `down` and `right`.
fn shift(planes: &mut Planes<'_>, down: i64, right: i64) {
    let (height, width) = (planes.height, planes.width);
    if (down, right) == (0, 0) {
        return;
    }
    // A row and its mirror image come again and again: the row is a window of a ring.
    let mut ring = vec![0.0; 2 * width];
    let start = (-right).rem_euclid(2 * width as i64) as usize;
    let mut source = Vec::with_capacity(height * width);
    for plane in planes.each() {
        source.clear();
        source.extend_from_slice(plane);
        for (row, target) in plane.chunks_exact_mut(width).enumerate() {
            let from = mirror(row as i64 - down, height);
            let values = &source[from * width..][..width];
            ring[..width].copy_from_slice(values);
            for (value, &mirrored) in ring[width..].iter_mut().rev().zip(values) {
                *value = mirrored;
            }
            let before_end = width.min(2 * width - start);
            let (head, tail) = target.split_at_mut(before_end);
            head.copy_from_slice(&ring[start..][..before_end]);
            tail.copy_from_slice(&ring[..width - before_end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{parameters, perturbed, ramp};

    fn with(share: f64, image: &ArrayD<f32>, id: &str) -> ArrayD<f32> {
        perturbed(&Translation, image, &parameters(&[("share", share)]), id)
    }

    fn shifted(image: &ArrayD<f32>, down: i64, right: i64) -> ArrayD<f32> {
        let mut image = image.clone();
        with_planes(image.view_mut(), |mut planes| {
            shift(&mut planes, down, right)
        });
        image
    }

    #[test]
    fn what_leaves_on_one_side_is_mirrored_on_the_other() {
        let image = arr2(&[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]).into_dyn();
        let right = arr2(&[[1.0, 1.0, 2.0], [4.0, 4.0, 5.0]]).into_dyn();
        let left = arr2(&[[3.0, 3.0, 2.0], [6.0, 6.0, 5.0]]).into_dyn();
        let down = arr2(&[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]).into_dyn();
        assert_eq!(shifted(&image, 0, 1), right);
        assert_eq!(shifted(&image, 0, -2), left);
        assert_eq!(shifted(&image, 1, 0), down);
    }

    #[test]
    fn directions_are_all_round_and_the_distance_is_the_share() {
        let mut image = ArrayD::zeros(vec![101, 101]);
        image[[50, 50]] = 1.0;
        let mut sum = [0.0; 2];
        for id in 0..400 {
            let moved = with(0.2, &image, &id.to_string());
            let (place, _) = moved
                .indexed_iter()
                .find(|&(_, &value)| value == 1.0)
                .unwrap();
            let [down, right] = [0, 1].map(|axis| place[axis] as f64 - 50.0);
            // 20.2 pixels, rounded in each axis.
            assert!((down.hypot(right) - 20.2).abs() < 0.71, "{down} {right}");
            sum[0] += down / 20.2;
            sum[1] += right / 20.2;
        }
        // The mean of a cosine has standard error 0.035.
        assert!(sum.iter().all(|sum| (sum / 400.0).abs() < 0.15), "{sum:?}");
    }

    #[test]
    fn a_larger_share_goes_on_in_the_same_direction() {
        let mut image = ArrayD::zeros(vec![201, 201]);
        image[[100, 100]] = 1.0;
        for id in (0..10).map(|id| id.to_string()) {
            let way = |share| {
                let moved = with(share, &image, &id);
                let (place, _) = moved
                    .indexed_iter()
                    .find(|&(_, &value)| value == 1.0)
                    .unwrap();
                [0, 1].map(|axis| place[axis] as f64 - 100.0)
            };
            let ([near_down, near_right], [far_down, far_right]) = (way(0.1), way(0.4));
            assert!((far_down - 4.0 * near_down).abs() <= 2.5);
            assert!((far_right - 4.0 * near_right).abs() <= 2.5);
        }
    }

    proptest! {
        #[test]
        fn pixels_are_moved_and_not_changed(
            height in 1_usize..12,
            width in 1_usize..12,
            down in -30_i64..30,
            right in -30_i64..30,
        ) {
            let image = ramp(&[height, width]);
            let moved = shifted(&image, down, right);
            for (place, &value) in moved.indexed_iter() {
                let row = mirror(place[0] as i64 - down, height);
                let column = mirror(place[1] as i64 - right, width);
                prop_assert_eq!(value, image[[row, column]]);
            }
        }
    }
}
