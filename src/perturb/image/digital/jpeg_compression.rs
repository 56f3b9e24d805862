//! JPEG compression: of what is stored small, or sent over thin lines.

use ndarray::ArrayViewMutD;

use super::colours;
use super::jpeg::{Tables, compress_colours, compress_grey};
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{grey_or_rgb, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`JpegCompression`] in the catalogue.
pub static JPEG_COMPRESSION: PerturbationKind = PerturbationKind {
    name: "jpeg_compression",
    version: 1,
    about: "Stores the image as JPEG, chrominance at half the resolution, and reads it again.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; ITU-T T.81; libjpeg's arithmetic",
    stochastic: false,
    parameters: &[Parameter {
        name: "quality",
        about: "What the recommended quantisation tables are scaled by, as libjpeg has it: 50 leaves them.",
        minimum: 1.0,
        maximum: 100.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[25.0], &[18.0], &[15.0], &[10.0], &[7.0]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[80.0], &[65.0], &[58.0], &[50.0], &[40.0]],
        },
    ],
};

/// The image as JPEG gives it back, to the level what Pillow with libjpeg-turbo makes of
/// it at this quality. The tables are scaled by 5000 / `quality` per cent below 50 and by
/// 200 - 2 `quality` from there on, rounded down, so that a quality need not be whole.
///
/// JPEG is of 8 bits: values of any depth are clipped to [0, 1] and rounded to levels of
/// 1/255 first, and the result is such levels; what is no number counts as 0. An image of
/// one channel is stored as grey.
pub struct JpegCompression;

impl Perturbation for JpegCompression {
    fn kind(&self) -> &'static PerturbationKind {
        &JPEG_COMPRESSION
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        grey_or_rgb(&JPEG_COMPRESSION, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let tables = Tables::new(parameters.get("quality"));
        with_planes(example, |mut planes| {
            let width = planes.width;
            if let Some(mut colours) = colours(&mut planes) {
                wide(
                    #[inline(always)]
                    || compress_colours(&mut colours, width, &tables),
                );
            } else {
                for plane in planes.each() {
                    wide(
                        #[inline(always)]
                        || compress_grey(plane, width, &tables),
                    );
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
    use crate::perturb::testing::{assert_severities, assert_view_as_copy, parameters, perturbed};

    fn with(quality: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(
            &JpegCompression,
            image,
            &parameters(&[("quality", quality)]),
            "0",
        )
    }

    fn levels(image: &ArrayD<f32>) -> Vec<u8> {
        image
            .iter()
            .map(|value| (value * 255.0).round() as u8)
            .collect()
    }

    /// An image with edges in all directions, of levels.
    fn pattern(shape: [usize; 3]) -> ArrayD<f32> {
        ndarray::Array3::from_shape_fn(shape, |(k, y, x)| {
            let level = (y * 31 + x * 17 + k * 101 + x * y * (k + 3) % 57) % 256;
            level as f32 / 255.0
        })
        .into_dyn()
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, values| assert_severities(&JPEG_COMPRESSION, scale, values);
        published(Scale::ImagenetC, [25.0, 18.0, 15.0, 10.0, 7.0]);
        published(Scale::Cifar10C, [80.0, 65.0, 58.0, 50.0, 40.0]);
    }

    /// What Pillow 13.0.0 with libjpeg-turbo 3.2.0 reads of the pattern that it has saved
    /// with `quality=20` and `quality=35`.
    #[test]
    #[rustfmt::skip]
    fn levels_are_those_of_pillow() {
        let grey = [
            4, 19, 40, 57, 70, 86, 107, 122, 137,
            40, 56, 78, 97, 112, 131, 153, 169, 190,
            68, 85, 109, 131, 150, 172, 196, 213, 238,
        ];
        assert_eq!(levels(&with(20.0, &pattern([1, 3, 9]))), grey);
        let colours = [
            0, 0, 24, 39, 84, 100,
            10, 51, 106, 91, 117, 155,
            75, 117, 165, 118, 106, 144,
            170, 165, 202, 169, 144, 165,
            209, 137, 176, 206, 205, 219,
            141, 144, 168, 162, 185, 190,
            146, 177, 210, 175, 177, 203,
            131, 163, 191, 119, 82, 109,
            163, 147, 163, 105, 54, 64,
            157, 73, 88, 92, 63, 65,
            113, 114, 133, 118, 129, 128,
            124, 153, 185, 142, 139, 161,
            118, 152, 182, 113, 78, 107,
            155, 143, 168, 121, 82, 98,
            146, 71, 102, 126, 123, 135,
        ];
        assert_eq!(levels(&with(35.0, &pattern([3, 5, 6]))), colours);
    }

    /// A flat block keeps its mean within half a step of the first coefficient, which is
    /// 8 means: 16 at quality 50.
    #[test]
    fn flat_images_stay_flat() {
        for level in [0_u8, 1, 100, 128, 254, 255] {
            let flat = ArrayD::from_elem(vec![9, 20], f32::from(level) / 255.0);
            let found = levels(&with(50.0, &flat));
            assert!(found.iter().all(|&value| value.abs_diff(level) <= 1));
            assert!(found.iter().all(|&value| value == found[0]));
        }
    }

    #[test]
    fn values_are_rounded_to_levels_before_it() {
        let image = pattern([3, 17, 12]);
        let off = image.mapv(|value| value + 0.4 / 255.0);
        assert_eq!(with(30.0, &image), with(30.0, &off));
        let beyond = image.mapv(|value| if value > 0.5 { 1.0 } else { 0.0 });
        let clipped = image.mapv(|value| if value > 0.5 { 7.0 } else { -3.0 });
        assert_eq!(with(30.0, &beyond), with(30.0, &clipped));
    }

    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        let amount = parameters(&[("quality", 10.0)]);
        assert_view_as_copy(&JpegCompression, &amount, [6, 5, 3], Depth::EightBit);
    }

    #[test]
    fn what_is_no_image_of_colours_is_refused() {
        for shape in [&[][..], &[30], &[2, 4, 4], &[4, 4, 4], &[1, 3, 4, 4]] {
            assert!(JpegCompression.check(shape).is_err(), "{shape:?}");
        }
    }

    proptest! {
        #[test]
        fn images_of_every_size_are_levels_afterwards(
            colour in any::<bool>(),
            height in 0_usize..35,
            width in 0_usize..35,
            quality in 1.0..100.0,
            odd in prop_oneof![Just(0.5_f32), Just(f32::NAN), Just(f32::INFINITY)],
        ) {
            let mut image = pattern([if colour { 3 } else { 1 }, height, width]);
            if let Some(value) = image.first_mut() {
                *value = odd;
            }
            let found = with(quality, &image);
            prop_assert_eq!(found.shape(), image.shape());
            for value in found {
                let level = value * 255.0;
                prop_assert!((0.0..=1.0).contains(&value) && (level - level.round()).abs() < 1e-3);
            }
        }

        /// Grey in three channels is nearly that in one: chrominance is flat at its middle.
        #[test]
        fn grey_stays_grey(height in 1_usize..20, width in 1_usize..20, quality in 5.0..95.0) {
            let grey = pattern([1, height, width]);
            let colours = grey.broadcast(vec![3, height, width]).unwrap().to_owned();
            let grey = with(quality, &grey);
            for channel in with(quality, &colours).outer_iter() {
                prop_assert_eq!(channel, grey.index_axis(ndarray::Axis(0), 0));
            }
        }
    }
}
