//! Gamma: of a display, or of a decoder, with another curve than the camera's.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The steps of both scales: the curve knows nothing of the image's size.
const ROWS: [&[f64]; 5] = [&[1.25], &[1.5], &[1.8], &[2.2], &[2.6]];

/// The entry of [`Gamma`] in the catalogue.
pub static GAMMA: PerturbationKind = PerturbationKind {
    name: "gamma",
    version: 1,
    about: "Raises each value to a power: above 1 the middle gets darker, below 1 lighter.",
    source: "By definition, as in torchvision's adjust_gamma; severities chosen here: up to the \
             exponents of displays (2.2 and, in cinemas, 2.6) applied once too often",
    stochastic: false,
    parameters: &[Parameter {
        name: "gamma",
        about: "The exponent; 1 changes nothing.",
        minimum: 0.1,
        maximum: 10.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: ROWS,
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: ROWS,
        },
    ],
};

/// x to the power of `gamma`. Black and white stay as they are; what is below black,
/// and has no power, becomes black.
pub struct Gamma;

impl Perturbation for Gamma {
    fn kind(&self) -> &'static PerturbationKind {
        &GAMMA
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&GAMMA, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        depth: Depth,
        _: &mut Stream,
    ) {
        let gamma = parameters.get("gamma") as f32;
        if gamma != 1.0 {
            with_planes(example, |planes| match depth {
                Depth::EightBit => look_up(planes.values, gamma),
                Depth::Continuous => raise(planes.values, gamma),
            });
        }
    }
}

/// Raises each value to the power of `gamma`.
fn raise(values: &mut [f32], gamma: f32) {
    wide(
        #[inline(always)]
        || {
            for value in &mut *values {
                *value = power(*value, gamma);
            }
        },
    );
}

/// The same for values that are levels of 8 bits, of which there are 256.
fn look_up(values: &mut [f32], gamma: f32) {
    let mut table: [f32; 256] = std::array::from_fn(|level| level as f32 / 255.0);
    raise(&mut table, gamma);
    wide(
        #[inline(always)]
        || {
            for value in &mut *values {
                *value = table[usize::from((*value * 255.0 + 0.5) as u8)];
            }
        },
    );
}

/// `base` to the power of `exponent`, which is between 0.1 and 10, by its binary
/// logarithm; on [0, 1] within 3e-7. Plain arithmetic, which the compiler vectorises:
/// `libm::powf` takes many times as long.
///
/// What is below 1.2e-38, where floats lose precision, is taken for zero; NaN stays NaN.
#[inline(always)]
fn power(base: f32, exponent: f32) -> f32 {
    let raised = exp2(exponent * log2(base.clamp(f32::MIN_POSITIVE, f32::MAX)));
    if base >= f32::MIN_POSITIVE {
        raised
    } else if base.is_nan() {
        base
    } else {
        0.0
    }
}

/// The logarithm to base 2 of a positive, normal number.
#[inline(always)]
fn log2(number: f32) -> f32 {
    // number = 2^whole × part, part from √½ to √2.
    const ROOT_HALF: i32 = 0x3f35_04f3;
    let bits = number.to_bits() as i32;
    let whole = (bits - ROOT_HALF) >> 23;
    let part = f32::from_bits((bits - (whole << 23)) as u32);
    // ln(part) = 2 artanh(t), whose series ends at t⁹: t is at most 0.172.
    let t = (part - 1.0) / (part + 1.0);
    let square = t * t;
    let series =
        1.0 + square * (1.0 / 3.0 + square * (0.2 + square * (1.0 / 7.0 + square * (1.0 / 9.0))));
    whole as f32 + (2.0 * std::f32::consts::LOG2_E) * t * series
}

/// 2 to the power of `number`, down to 2⁻¹²⁶ and up to 2¹²⁷.
#[inline(always)]
fn exp2(number: f32) -> f32 {
    // Added to a number, 1.5 × 2²³ rounds it to a whole one, which then is in its last bits.
    const ROUNDER: f32 = 12_582_912.0;
    let number = number.clamp(-126.0, 127.0);
    let rounded = number + ROUNDER;
    // exp(t) for t = ln 2 × the rest, at most 0.347, by its series to t⁷.
    let t = (number - (rounded - ROUNDER)) * std::f32::consts::LN_2;
    let high = 1.0 / 24.0 + t * (1.0 / 120.0 + t * (1.0 / 720.0 + t * (1.0 / 5040.0)));
    let series = 1.0 + t * (1.0 + t * (0.5 + t * (1.0 / 6.0 + t * high)));
    series * f32::from_bits((rounded.to_bits() + 127) << 23)
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{assert_severities, parameters, perturbed, ramp};

    fn with(gamma: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(&Gamma, image, &parameters(&[("gamma", gamma)]), "0")
    }

    #[test]
    fn the_severities_darken_more_and_more() {
        for scale in Scale::ALL {
            assert_severities(&GAMMA, scale, [1.25, 1.5, 1.8, 2.2, 2.6]);
        }
    }

    #[test]
    fn one_changes_nothing() {
        let image = ramp(&[3, 5, 6]);
        assert_eq!(with(1.0, &image), image);
    }

    #[test]
    fn black_and_white_stay_and_what_has_no_power_is_black() {
        let odd = arr2(&[[0.0, 1.0, -0.0, -0.5, f32::NEG_INFINITY, 1e-40]]).into_dyn();
        let expected = arr2(&[[0.0, 1.0, 0.0, 0.0, 0.0, 0.0]]).into_dyn();
        for gamma in [0.1, 0.5, 2.2, 10.0] {
            assert_eq!(with(gamma, &odd), expected);
        }
        for nan in [f32::NAN, -f32::NAN] {
            assert!(with(2.2, &arr2(&[[nan]]).into_dyn())[[0, 0]].is_nan());
        }
    }

    #[test]
    fn the_depth_of_the_data_makes_no_difference() {
        let mut levels: Vec<f32> = (0..=255_u8).map(|level| f32::from(level) / 255.0).collect();
        let mut others = levels.clone();
        look_up(&mut levels, 1.8);
        raise(&mut others, 1.8);
        assert_eq!(levels, others);
    }

    #[test]
    fn levels_of_eight_bits_are_those_of_the_power_function() {
        // After truncation to levels, as after double precision's, but for the levels
        // within a rounding error of the next.
        let levels = ArrayD::from_shape_fn(vec![16, 16], |place| {
            (place[0] * 16 + place[1]) as f32 / 255.0
        });
        for gamma in [0.3, 0.5, 1.0 / 2.2, 1.25, 1.5, 1.8, 2.2, 2.6, 7.0] {
            for (found, level) in with(gamma, &levels).iter().zip(0..) {
                let expected = 255.0 * libm::pow(f64::from(level) / 255.0, gamma);
                let found = f64::from(found * 255.0);
                assert!(
                    (found - expected).abs() < 1e-4,
                    "{level} {gamma}: {found} {expected}"
                );
            }
        }
    }

    proptest! {
        #[test]
        fn it_is_the_power_function(value in 0.0_f32..=1.0, gamma in 0.1_f32..=10.0) {
            let expected = libm::pow(f64::from(value), f64::from(gamma));
            let found = f64::from(power(value, gamma));
            prop_assert!((found - expected).abs() < 3e-7, "{found} {expected}");
        }

        #[test]
        fn lighter_stays_lighter(low in 0.0_f32..=1.0, more in 1e-4_f32..=1.0, gamma in 0.1_f32..=3.0) {
            prop_assert!(power(low, gamma) <= power(low + more, gamma));
        }
    }
}
