//! Zoom blur: of a camera that comes nearer during the exposure.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`ZoomBlur`] in the catalogue.
pub static ZOOM_BLUR: PerturbationKind = PerturbationKind {
    name: "zoom_blur",
    version: 1,
    about: "Replaces the image by the mean of itself and of enlargements of its middle.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: false,
    parameters: &[
        Parameter {
            name: "end",
            about: "The factors of enlargement go from 1 up to, and not including, this one.",
            minimum: 1.0,
            maximum: 4.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "step",
            about: "The difference between one factor and the next.",
            minimum: 0.001,
            maximum: 3.0,
            integer: false,
            default: None,
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[1.11, 0.01],
                &[1.16, 0.01],
                &[1.21, 0.02],
                &[1.26, 0.02],
                &[1.31, 0.03],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[1.06, 0.01],
                &[1.11, 0.01],
                &[1.16, 0.01],
                &[1.21, 0.01],
                &[1.26, 0.01],
            ],
        },
    ],
};

/// (x + Σ of the enlargements) / (n + 1), of n factors of enlargement 1, 1 + `step`, …
/// below `end`.
///
/// An enlargement by z takes the middle ⌈height / z⌉ rows and ⌈width / z⌉ columns to
/// z times as many, rounded, and cuts out the middle of those. It interpolates
/// linearly, between the first pixel, which stays the first, and the last.
pub struct ZoomBlur;

impl Perturbation for ZoomBlur {
    fn kind(&self) -> &'static PerturbationKind {
        &ZOOM_BLUR
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&ZOOM_BLUR, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let factors = factors(parameters.get("end"), parameters.get("step"));
        with_planes(example, |mut planes| {
            let (height, width) = (planes.height, planes.width);
            let mut all: Vec<&mut [f32]> = planes.each().collect();
            // Without pixels, or without factors, there is nothing to add.
            let ([_, ..], Some((_, others))) = (&all[..], factors.split_first()) else {
                return;
            };
            let enlargements: Vec<Enlargement> = others
                .iter()
                .map(|&factor| Enlargement {
                    rows: places(height, factor),
                    columns: places(width, factor),
                })
                .collect();
            match &mut all[..] {
                [plane] => blur::<1>(&mut [plane], width, &enlargements),
                _ => {
                    for planes in all.chunks_mut(TOGETHER) {
                        blur::<TOGETHER>(planes, width, &enlargements);
                    }
                }
            }
        });
    }
}

/// How many planes are enlarged at once: three colours, and one to make a vector.
const TOGETHER: usize = 4;

/// `numpy.arange(1, end, step)`, rounding and all: 1.11 in steps of 0.01 is among its own
/// factors.
fn factors(end: f64, step: f64) -> Vec<f64> {
    let count = ((end - 1.0) / step).ceil().max(0.0) as u32;
    let step = (1.0 + step) - 1.0;
    (0..count).map(|i| 1.0 + f64::from(i) * step).collect()
}

/// Where a row (or column) of an enlargement comes from: two neighbours in the image,
/// and the share of the second.
struct Place {
    first: u32,
    second: u32,
    share: f32,
}

/// The rows and columns of an enlargement.
struct Enlargement {
    rows: Vec<Place>,
    columns: Vec<Place>,
}

/// Where each of `length` rows (or columns) comes from in the enlargement by `factor`.
fn places(length: usize, factor: f64) -> Vec<Place> {
    let taken = (length as f64 / factor).ceil() as usize;
    let start = (length - taken) / 2;
    let enlarged = libm::rint(taken as f64 * factor) as usize;
    // Never less than `length`, but for rounding.
    let trimmed = enlarged.saturating_sub(length) / 2;
    let ratio = (taken - 1) as f64 / (enlarged - 1).max(1) as f64;
    (0..length)
        .map(|place| {
            let position = (place + trimmed) as f64 * ratio;
            let first = (position as usize).min(taken - 1);
            Place {
                first: (start + first) as u32,
                second: (start + (first + 1).min(taken - 1)) as u32,
                share: (position - first as f64) as f32,
            }
        })
        .collect()
}

/// Blurs up to `N` planes side by side, so that a pixel's place is looked up once.
/// `enlargements` are those by more than 1.
fn blur<const N: usize>(planes: &mut [&mut [f32]], width: usize, enlargements: &[Enlargement]) {
    let size = planes.first().map_or(0, |plane| plane.len());
    let mut pixels = vec![[0.0_f32; N]; size];
    for (lane, plane) in planes.iter().enumerate() {
        for (pixel, value) in pixels.iter_mut().zip(&**plane) {
            pixel[lane] = *value;
        }
    }
    let share = 1.0 / (enlargements.len() + 2) as f32;
    let mut between = vec![[0.0; N]; width];
    let mut sums = vec![[0.0; N]; width];
    for y in 0..size / width {
        let row = |y: usize| &pixels[y * width..][..width];
        // The image itself, and its enlargement by 1.
        for (sum, pixel) in sums.iter_mut().zip(row(y)) {
            *sum = pixel.map(|value| 2.0 * value);
        }
        for Enlargement { rows, columns } in enlargements {
            let place = &rows[y];
            let (first, second) = (row(place.first as usize), row(place.second as usize));
            wide(
                #[inline(always)]
                || {
                    mix(
                        between.as_flattened_mut(),
                        first.as_flattened(),
                        second.as_flattened(),
                        place.share,
                    );
                    add_stretched(&mut sums, &between, columns);
                },
            );
        }
        for (lane, plane) in planes.iter_mut().enumerate() {
            for (value, sum) in plane[y * width..][..width].iter_mut().zip(&sums) {
                *value = sum[lane] * share;
            }
        }
    }
}

/// What lies between two rows.
#[inline(always)]
fn mix(between: &mut [f32], first: &[f32], second: &[f32], share: f32) {
    for ((between, first), second) in between.iter_mut().zip(first).zip(second) {
        *between = first + share * (second - first);
    }
}

/// Adds the pixels of `row` that lie at the places of `columns`.
#[inline(always)]
fn add_stretched<const N: usize>(sums: &mut [[f32; N]], row: &[[f32; N]], columns: &[Place]) {
    for (sum, place) in sums.iter_mut().zip(columns) {
        // On copies: the compiler makes vectors of what no store can change meanwhile.
        let (first, second) = (row[place.first as usize], row[place.second as usize]);
        let (share, mut total) = (place.share, *sum);
        for lane in 0..N {
            total[lane] += first[lane] + share * (second[lane] - first[lane]);
        }
        *sum = total;
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{assert_rows, parameters, perturbed, ramp};

    fn with(end: f64, step: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(
            &ZoomBlur,
            image,
            &parameters(&[("end", end), ("step", step)]),
            "0",
        )
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        assert_rows(
            &ZOOM_BLUR,
            Scale::ImagenetC,
            [
                &[1.11, 0.01],
                &[1.16, 0.01],
                &[1.21, 0.02],
                &[1.26, 0.02],
                &[1.31, 0.03],
            ],
        );
        assert_rows(
            &ZOOM_BLUR,
            Scale::Cifar10C,
            [
                &[1.06, 0.01],
                &[1.11, 0.01],
                &[1.16, 0.01],
                &[1.21, 0.01],
                &[1.26, 0.01],
            ],
        );
    }

    /// As many as `numpy.arange` has, which rounding gives one more now and then.
    #[test]
    fn the_factors_are_those_of_numpy() {
        for (scale, counts) in [
            (Scale::ImagenetC, [12, 16, 11, 13, 11]),
            (Scale::Cifar10C, [7, 12, 16, 21, 26]),
        ] {
            for (severity, count) in (1..).zip(counts) {
                let amount = ZOOM_BLUR.at_severity(scale, f64::from(severity)).unwrap();
                let found = factors(amount.get("end"), amount.get("step"));
                assert_eq!(
                    (found.len(), found[0]),
                    (count, 1.0),
                    "{scale:?} {severity}"
                );
                assert!(found.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
        assert_eq!(factors(1.0, 0.01), [0.0; 0]);
    }

    /// `scipy.ndimage.zoom` (order 1) of the middle of 0, 1, 2, …, cut to its middle, averaged with
    /// the row itself as the kind does for the one factor beside 1.
    #[test]
    fn an_enlargement_is_that_of_scipy() {
        for (length, factor, expected) in [
            (
                9,
                1.25,
                &[
                    0.000000, 0.777778, 1.555556, 2.333333, 3.111111, 3.888889, 4.666667, 5.444444,
                    6.222222,
                ][..],
            ),
            (
                10,
                1.5,
                &[
                    1.000000, 1.666667, 2.333333, 3.000000, 3.666667, 4.333333, 5.000000, 5.666667,
                    6.333333, 7.000000,
                ][..],
            ),
            (
                9,
                2.0,
                &[
                    2.000000, 2.444444, 2.888889, 3.333333, 3.777778, 4.222222, 4.666667, 5.111111,
                    5.555556,
                ][..],
            ),
        ] {
            let row = ArrayD::from_shape_fn(vec![1, length], |place| place[1] as f32);
            let blurred = with(factor + 1e-6, factor - 1.0, &row);
            for (x, expected) in expected.iter().enumerate() {
                let enlarged = 3.0 * f64::from(blurred[[0, x]]) - 2.0 * x as f64;
                assert!(
                    (enlarged - expected).abs() < 1e-5,
                    "{length} {factor} {x}: {enlarged}"
                );
            }
        }
    }

    #[test]
    fn without_a_factor_the_image_stays() {
        assert_eq!(with(1.0, 0.01, &ramp(&[3, 9, 8])), ramp(&[3, 9, 8]));
    }

    proptest! {
        /// However many planes are blurred side by side.
        #[test]
        fn each_channel_is_blurred_by_itself(channels in 1_usize..10, (height, width) in (1_usize..9, 1_usize..9)) {
            let image = ramp(&[channels, height, width]);
            let blurred = with(1.5, 0.1, &image);
            for (channel, blurred) in image.outer_iter().zip(blurred.outer_iter()) {
                prop_assert_eq!(with(1.5, 0.1, &channel.to_owned()), blurred.to_owned());
            }
        }

        /// Rows and columns are treated alike, in images that are not square too.
        #[test]
        fn a_turned_image_is_blurred_as_it_is((height, width) in (1_usize..40, 1_usize..40), end in 1.0..2.5) {
            let image = ramp(&[height, width]);
            let turned = with(end, 0.1, &image.clone().reversed_axes()).reversed_axes();
            for (one, other) in with(end, 0.1, &image).iter().zip(&turned) {
                prop_assert!((one - other).abs() < 1e-5);
            }
        }
    }
}
