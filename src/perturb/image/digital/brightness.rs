//! Brightness: of the hour of the day, of the exposure.

use ndarray::ArrayViewMutD;

use super::colours;
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{grey_or_rgb, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`Brightness`] in the catalogue.
pub static BRIGHTNESS: PerturbationKind = PerturbationKind {
    name: "brightness",
    version: 1,
    about: "Adds to the value of each pixel in HSV, keeping hue and saturation.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; HSV: Smith (1978)",
    stochastic: false,
    parameters: &[Parameter {
        name: "shift",
        about: "What is added to the HSV value, on the unit scale; below zero is darker.",
        minimum: -1.0,
        maximum: 1.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[0.1], &[0.2], &[0.3], &[0.4], &[0.5]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[0.05], &[0.1], &[0.15], &[0.2], &[0.3]],
        },
    ],
};

/// V' = clip(V + `shift`, 0, 1) with V = max(red, green, blue), hue and saturation
/// kept; grey values are x + `shift`.
///
/// In HSV, a colour of given hue and saturation is proportional to V, so that the
/// change is a multiplication by V'/V, and no conversion is needed. Black, which
/// has no hue and saturation zero, becomes grey.
pub struct Brightness;

impl Perturbation for Brightness {
    fn kind(&self) -> &'static PerturbationKind {
        &BRIGHTNESS
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        grey_or_rgb(&BRIGHTNESS, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let shift = parameters.get("shift");
        with_planes(example, |mut planes| match colours(&mut planes) {
            Some(colours) => shift_colours(colours, shift),
            None => shift_values(planes.values, shift),
        });
    }
}

fn shift_values(values: &mut [f32], shift: f64) {
    wide(
        #[inline(always)]
        || {
            for value in &mut *values {
                *value = (f64::from(*value) + shift) as f32;
            }
        },
    );
}

fn shift_colours([red, green, blue]: [&mut [f32]; 3], shift: f64) {
    wide(
        #[inline(always)]
        || {
            for ((red, green), blue) in red.iter_mut().zip(&mut *green).zip(&mut *blue) {
                let value = f64::from(f32::NEG_INFINITY.max(*red).max(*green).max(*blue));
                let shifted = (value + shift).clamp(0.0, 1.0);
                let scale = shifted / value;
                let part = |part: f32| {
                    let scaled = f64::from(part) * scale;
                    if value > 0.0 {
                        scaled as f32
                    } else {
                        shifted as f32
                    }
                };
                (*red, *green, *blue) = (part(*red), part(*green), part(*blue));
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, Axis, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{
        assert_severities, assert_view_as_copy, parameters, perturbed, ramp,
    };

    fn with(shift: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(&Brightness, image, &parameters(&[("shift", shift)]), "0")
    }

    fn pixel(shift: f64, [red, green, blue]: [f32; 3]) -> [f32; 3] {
        let image = ArrayD::from_shape_vec(vec![3, 1, 1], vec![red, green, blue]).unwrap();
        let image = with(shift, &image);
        [image[[0, 0, 0]], image[[1, 0, 0]], image[[2, 0, 0]]]
    }

    /// Hue in sixths of a turn, saturation, value: Smith's hexcone, as Foley et al.
    /// print it.
    fn to_hsv([red, green, blue]: [f64; 3]) -> [f64; 3] {
        let value = red.max(green).max(blue);
        let spread = value - red.min(green).min(blue);
        let hue = if spread == 0.0 {
            0.0
        } else if value == red {
            ((green - blue) / spread).rem_euclid(6.0)
        } else if value == green {
            (blue - red) / spread + 2.0
        } else {
            (red - green) / spread + 4.0
        };
        let saturation = if value == 0.0 { 0.0 } else { spread / value };
        [hue, saturation, value]
    }

    fn from_hsv([hue, saturation, value]: [f64; 3]) -> [f64; 3] {
        let (sextant, share) = (hue.floor(), hue - hue.floor());
        let low = value * (1.0 - saturation);
        let falling = value * (1.0 - saturation * share);
        let rising = value * (1.0 - saturation * (1.0 - share));
        match sextant as u8 % 6 {
            0 => [value, rising, low],
            1 => [falling, value, low],
            2 => [low, value, rising],
            3 => [low, falling, value],
            4 => [rising, low, value],
            _ => [value, low, falling],
        }
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, values| assert_severities(&BRIGHTNESS, scale, values);
        published(Scale::ImagenetC, [0.1, 0.2, 0.3, 0.4, 0.5]);
        published(Scale::Cifar10C, [0.05, 0.1, 0.15, 0.2, 0.3]);
    }

    #[test]
    fn colours_are_shifted_in_value() {
        assert_eq!(pixel(0.25, [0.5, 0.25, 0.0]), [0.75, 0.375, 0.0]);
        // The value is clipped, not the channels: a bright colour keeps its hue.
        assert_eq!(pixel(0.5, [1.0, 0.5, 0.25]), [1.0, 0.5, 0.25]);
        assert_eq!(pixel(0.5, [0.0, 0.0, 0.0]), [0.5, 0.5, 0.5]);
        assert_eq!(pixel(-0.5, [0.5, 0.25, 0.0]), [0.0, 0.0, 0.0]);
        assert_eq!(pixel(-0.5, [0.0, 0.0, 0.0]), [0.0, 0.0, 0.0]);
    }

    #[test]
    fn grey_images_are_shifted() {
        let shifted = arr2(&[[0.25, 1.25]]).into_dyn();
        assert_eq!(with(0.25, &arr2(&[[0.0, 1.0]]).into_dyn()), shifted);
        let one_channel = shifted.clone().insert_axis(Axis(0));
        assert_eq!(
            with(0.25, &one_channel),
            one_channel.mapv(|value| value + 0.25)
        );
    }

    #[test]
    fn images_of_every_size_are_perturbed() {
        for shape in [
            &[3, 1, 1][..],
            &[3, 1, 9],
            &[3, 5, 7],
            &[3, 0, 2],
            &[1, 5, 7],
            &[5, 7],
        ] {
            let image = ramp(shape);
            assert_eq!(with(0.3, &image).shape(), shape);
            assert_eq!(with(0.0, &image), image);
        }
    }

    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        let amount = parameters(&[("shift", 0.3)]);
        assert_view_as_copy(&Brightness, &amount, [6, 5, 3], Depth::Continuous);
    }

    #[test]
    fn what_is_no_image_of_colours_is_refused() {
        let message = Brightness.check(&[32, 32, 3]).unwrap_err().to_string();
        assert_eq!(
            message,
            "brightness needs grey or RGB images, [1 or 3 channels, height, width] or \
             [height, width], and an example here has the shape [32, 32, 3]"
        );
        for shape in [&[][..], &[30], &[2, 4, 4], &[1, 3, 4, 4]] {
            assert!(Brightness.check(shape).is_err(), "{shape:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_shift_of_value_in_hsv(
            colour in proptest::array::uniform3(0.0_f32..=1.0),
            shift in -0.5_f64..0.5,
        ) {
            let [hue, saturation, value] = to_hsv(colour.map(f64::from));
            let expected = from_hsv([hue, saturation, (value + shift).clamp(0.0, 1.0)]);
            let found = pixel(shift, colour).map(f64::from);
            for (found, expected) in found.iter().zip(expected) {
                prop_assert!((found - expected).abs() < 1e-6, "{found} {expected}");
            }
        }

        #[test]
        fn hue_and_saturation_are_kept(
            colour in proptest::array::uniform3(0.1_f32..=1.0),
            shift in -0.05..0.5,
        ) {
            let [hue, saturation, _] = to_hsv(colour.map(f64::from));
            let [new_hue, new_saturation, _] = to_hsv(pixel(shift, colour).map(f64::from));
            prop_assert!((saturation - new_saturation).abs() < 1e-5);
            // A hue is as uncertain as the colour is unsaturated; 6 is 0 again.
            let turn = (hue - new_hue).abs();
            prop_assert!(turn.min(6.0 - turn) * saturation < 1e-5, "{hue} {new_hue}");
        }
    }
}
