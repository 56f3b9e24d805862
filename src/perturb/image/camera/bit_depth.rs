//! Bit depth: of a sensor, a display or a file of fewer grey levels.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The published steps; the number of levels knows nothing of the image's size.
const ROWS: [&[f64]; 5] = [&[5.0], &[4.0], &[3.0], &[2.0], &[1.0]];

/// The entry of [`BitDepth`] in the catalogue.
pub static BIT_DEPTH: PerturbationKind = PerturbationKind {
    name: "bit_depth",
    version: 1,
    about: "Keeps the highest bits of the 8 that a value has.",
    source: "Colour quantisation of Kar et al. (2022), arXiv:2203.01441, whose severities are \
             these; posterize in Pillow, torchvision and albumentations",
    stochastic: false,
    parameters: &[Parameter {
        name: "bits",
        about: "Bits that are kept of each value; 8 changes no 8-bit data.",
        minimum: 1.0,
        maximum: 8.0,
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

/// The k-th of 2 to the power of `bits` equal stretches of [0, 1] becomes the 8-bit level
/// at which it begins, 256 k / 2^`bits`, over 255. Where `bits` is no whole number, the
/// number of stretches is rounded, and the level is not.
///
/// For 8-bit data that is the low bits set to zero. The published definition has it so,
/// which darkens, by half a stretch on average, and leaves no white; a decoder that
/// spreads the levels over the whole range would not.
pub struct BitDepth;

impl Perturbation for BitDepth {
    fn kind(&self) -> &'static PerturbationKind {
        &BIT_DEPTH
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&BIT_DEPTH, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let stretches = libm::exp2(parameters.get("bits")).round() as f32;
        let highest = stretches - 1.0;
        let step = 256.0 / stretches;
        with_planes(example, |planes| {
            wide(
                #[inline(always)]
                || {
                    for value in &mut *planes.values {
                        // Not `min`, which would make a number of NaN.
                        let stretch = (*value * stretches).floor();
                        let stretch = if stretch > highest { highest } else { stretch };
                        *value = stretch * step / 255.0;
                    }
                },
            );
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{assert_severities, parameters, perturbed};

    fn with(bits: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(&BitDepth, image, &parameters(&[("bits", bits)]), "0")
    }

    /// Every level of 8 bits.
    fn levels() -> ArrayD<f32> {
        ArrayD::from_shape_fn(vec![16, 16], |place| {
            (place[0] * 16 + place[1]) as f32 / 255.0
        })
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        for scale in Scale::ALL {
            assert_severities(&BIT_DEPTH, scale, [5.0, 4.0, 3.0, 2.0, 1.0]);
        }
    }

    #[test]
    fn of_eight_bits_the_low_ones_are_cleared() {
        for bits in 1..=8_u8 {
            let kept = with(f64::from(bits), &levels());
            for (level, found) in (0..=255_u8).zip(kept) {
                let expected = level & (0xff_u8 << (8 - bits));
                assert_eq!(found, f32::from(expected) / 255.0, "{level} at {bits}");
            }
        }
    }

    #[test]
    fn between_two_depths_there_are_as_many_levels() {
        for (bits, expected) in [(1.5, 3), (2.5, 6), (3.5, 11), (4.5, 23)] {
            let mut found: Vec<u32> = with(bits, &levels())
                .iter()
                .map(|value| value.to_bits())
                .collect();
            found.sort_unstable();
            found.dedup();
            assert_eq!(found.len(), expected, "{bits}");
        }
    }

    #[test]
    fn what_is_no_number_stays_none() {
        let found = with(3.0, &arr2(&[[f32::NAN, 1.0, 2.0]]).into_dyn());
        assert!(found[[0, 0]].is_nan());
        // The whole unit and more is in the highest stretch.
        assert_eq!(
            (found[[0, 1]], found[[0, 2]]),
            (224.0 / 255.0, 224.0 / 255.0)
        );
    }

    proptest! {
        #[test]
        fn what_is_lost_is_less_than_a_stretch(value in 0.0_f32..=1.0, bits in 1.0..=8.0) {
            let found = with(bits, &arr2(&[[value]]).into_dyn())[[0, 0]];
            // Levels are of 255, stretches of 256.
            prop_assert!(found * (255.0 / 256.0) <= value + 1e-6);
            prop_assert!(value - found <= 1.0 / libm::exp2f(bits as f32).round() + 1e-6);
        }
    }
}
