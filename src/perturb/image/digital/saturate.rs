//! Saturation: of the camera's colour processing, of the light.

use ndarray::ArrayViewMutD;

use super::colours;
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{grey_or_rgb, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`Saturate`] in the catalogue.
pub static SATURATE: PerturbationKind = PerturbationKind {
    name: "saturate",
    version: 1,
    about: "Multiplies the saturation of each pixel in HSV, and adds to it, keeping hue and value. Severities 1 and 2 take colour away and 3 to 5 add it: in between, at about 2.5, is no change.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; HSV: Smith (1978)",
    stochastic: false,
    parameters: &[
        Parameter {
            name: "factor",
            about: "What the HSV saturation is multiplied by; 0 leaves grey, 1 changes nothing.",
            minimum: 0.0,
            maximum: 100.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "shift",
            about: "What is then added to the saturation, on the unit scale.",
            minimum: -1.0,
            maximum: 1.0,
            integer: false,
            default: Some(0.0),
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[0.3, 0.0],
                &[0.1, 0.0],
                &[2.0, 0.0],
                &[5.0, 0.1],
                &[20.0, 0.2],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[0.3, 0.0],
                &[0.1, 0.0],
                &[1.5, 0.0],
                &[2.0, 0.1],
                &[2.5, 0.2],
            ],
        },
    ],
};

/// S' = clip(`factor` S + `shift`, 0, 1) with S = (V - least) / V and V = max(red,
/// green, blue); hue and value kept.
///
/// In HSV, the distance of each part from V is proportional to S, so that the change
/// is a multiplication of these distances by S'/S, and no conversion is needed. A
/// pixel of no saturation has no hue either: as in the reference it counts as red, so
/// that `shift` takes its green and blue down. An image of one channel has no colour
/// and stays as it is.
pub struct Saturate;

impl Perturbation for Saturate {
    fn kind(&self) -> &'static PerturbationKind {
        &SATURATE
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        grey_or_rgb(&SATURATE, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let (factor, shift) = (parameters.get("factor"), parameters.get("shift"));
        with_planes(example, |mut planes| {
            if let Some(colours) = colours(&mut planes) {
                saturate(colours, factor, shift);
            }
        });
    }
}

fn saturate([red, green, blue]: [&mut [f32]; 3], factor: f64, shift: f64) {
    wide(
        #[inline(always)]
        || {
            for ((red, green), blue) in red.iter_mut().zip(&mut *green).zip(&mut *blue) {
                let value = f64::from(red.max(*green).max(*blue));
                let spread = value - f64::from(red.min(*green).min(*blue));
                let saturation = if value > 0.0 { spread / value } else { 0.0 };
                let spread_then = value * (factor * saturation + shift).clamp(0.0, 1.0);
                let scale = spread_then / spread;
                let hueless = value - spread_then;
                let part = |part: f32, hueless: f64| {
                    let scaled = value - (value - f64::from(part)) * scale;
                    if spread > 0.0 {
                        scaled as f32
                    } else {
                        hueless as f32
                    }
                };
                (*red, *green, *blue) = (
                    part(*red, value),
                    part(*green, hueless),
                    part(*blue, hueless),
                );
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{assert_rows, assert_view_as_copy, parameters, perturbed, ramp};

    fn with(factor: f64, shift: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        let parameters = parameters(&[("factor", factor), ("shift", shift)]);
        perturbed(&Saturate, image, &parameters, "0")
    }

    fn pixel(factor: f64, shift: f64, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        let image = ArrayD::from_shape_vec(vec![3, 1, 1], vec![red, green, blue]).unwrap();
        let image = with(factor, shift, &image);
        [image[[0, 0, 0]], image[[1, 0, 0]], image[[2, 0, 0]]]
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, rows| assert_rows(&SATURATE, scale, rows);
        published(
            Scale::ImagenetC,
            [
                &[0.3, 0.0],
                &[0.1, 0.0],
                &[2.0, 0.0],
                &[5.0, 0.1],
                &[20.0, 0.2],
            ],
        );
        published(
            Scale::Cifar10C,
            [
                &[0.3, 0.0],
                &[0.1, 0.0],
                &[1.5, 0.0],
                &[2.0, 0.1],
                &[2.5, 0.2],
            ],
        );
    }

    /// By hand: S of (1, 0.75, 0.5) is 0.5, and of (0.5, 0.25, 0) it is 1.
    #[test]
    fn distances_from_the_value_are_scaled() {
        assert_eq!(pixel(0.5, 0.0, [1.0, 0.75, 0.5]), [1.0, 0.875, 0.75]);
        assert_eq!(pixel(1.5, 0.0, [0.5, 0.75, 1.0]), [0.25, 0.625, 1.0]);
        assert_eq!(pixel(0.0, 0.0, [0.5, 0.25, 0.0]), [0.5, 0.5, 0.5]);
        assert_eq!(pixel(0.0, 0.25, [0.5, 0.25, 0.0]), [0.5, 0.4375, 0.375]);
        // S is clipped: no more than full saturation of the same hue, no less than none.
        assert_eq!(pixel(20.0, 0.2, [1.0, 0.75, 0.5]), [1.0, 0.5, 0.0]);
        assert_eq!(pixel(0.5, -1.0, [1.0, 0.75, 0.5]), [1.0, 1.0, 1.0]);
    }

    /// The reference's own behaviour: `skimage.color.rgb2hsv` gives grey the hue 0, red.
    #[test]
    fn grey_pixels_turn_red_and_black_stays() {
        assert_eq!(pixel(5.0, 0.25, [0.5, 0.5, 0.5]), [0.5, 0.375, 0.375]);
        assert_eq!(pixel(5.0, 0.0, [0.5, 0.5, 0.5]), [0.5, 0.5, 0.5]);
        assert_eq!(pixel(5.0, 0.25, [0.0, 0.0, 0.0]), [0.0, 0.0, 0.0]);
        assert_eq!(pixel(20.0, 0.25, [1.0, 1.0, 1.0]), [1.0, 0.75, 0.75]);
    }

    #[test]
    fn images_of_every_size_are_perturbed() {
        for shape in [&[3, 1, 1][..], &[3, 1, 9], &[3, 5, 7], &[3, 0, 2]] {
            let image = ramp(shape);
            let same = with(1.0, 0.0, &image);
            assert_eq!(same.shape(), shape);
            assert!(
                same.iter()
                    .zip(&image)
                    .all(|(same, was)| (same - was).abs() < 1e-6)
            );
        }
        for shape in [&[1, 5, 7][..], &[5, 7], &[0, 3]] {
            assert_eq!(with(20.0, 0.2, &ramp(shape)), ramp(shape));
        }
        assert!(Saturate.check(&[4, 5, 7]).is_err() && Saturate.check(&[30]).is_err());
    }

    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        let amount = parameters(&[("factor", 2.0), ("shift", 0.1)]);
        assert_view_as_copy(&Saturate, &amount, [6, 5, 3], Depth::Continuous);
    }

    proptest! {
        /// Value and least part determine V and S; the middle one's place between
        /// them is the hue within its sextant.
        #[test]
        fn value_and_hue_are_kept_and_saturation_is_scaled(
            colour in proptest::array::uniform3(0.1_f32..=1.0),
            factor in 0.0..3.0,
            shift in -0.2..0.3,
        ) {
            let changed = pixel(factor, shift, colour);
            let order = |colour: [f32; 3]| {
                let mut parts = [0, 1, 2];
                parts.sort_by(|&a, &b| colour[a].total_cmp(&colour[b]));
                parts
            };
            let [low, middle, high] = order(colour);
            let hsv = |colour: [f32; 3]| {
                let [low, middle, high] = [low, middle, high].map(|part| f64::from(colour[part]));
                ((middle - low) / (high - low), (high - low) / high, high)
            };
            let ((hue, saturation, value), (hue_then, saturation_then, value_then)) =
                (hsv(colour), hsv(changed));
            prop_assume!(saturation > 0.01);
            prop_assert_eq!(value, value_then);
            let expected = (factor * saturation + shift).clamp(0.0, 1.0);
            prop_assert!((saturation_then - expected).abs() < 1e-5);
            if expected > 0.01 {
                prop_assert!((hue - hue_then).abs() < 1e-3);
            }
        }

        #[test]
        fn what_is_no_number_does_not_stop_it(parts in proptest::array::uniform3(0_u8..3)) {
            let colour = parts.map(|part| [0.0, 0.7, f32::NAN][usize::from(part)]);
            pixel(5.0, 0.1, colour);
        }
    }
}
