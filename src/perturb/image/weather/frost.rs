//! Frost: ice on the glass before the lens.

use ndarray::ArrayViewMutD;

use super::texture::{SIDE, TEXTURES, texture};
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{grey_or_rgb, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`Frost`] in the catalogue.
pub static FROST: PerturbationKind = PerturbationKind {
    name: "frost",
    version: 1,
    about: "Mixes the image with a piece of one of five drawn pictures of frosted glass.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261, with pictures of our own",
    stochastic: true,
    parameters: &[
        Parameter {
            name: "image_weight",
            about: "What the image is multiplied by.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "frost_weight",
            about: "What the picture of frost is multiplied by before it is added.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "frost_scale",
            about: "Size of the picture of frost, as a part of its own 512 pixels.",
            minimum: 0.05,
            maximum: 20.0,
            integer: false,
            default: Some(1.0),
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[1.0, 0.4, 1.0],
                &[0.8, 0.6, 1.0],
                &[0.7, 0.7, 1.0],
                &[0.65, 0.7, 1.0],
                &[0.6, 0.75, 1.0],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[1.0, 0.2, 0.2],
                &[1.0, 0.3, 0.2],
                &[0.9, 0.4, 0.2],
                &[0.85, 0.4, 0.2],
                &[0.75, 0.45, 0.2],
            ],
        },
    ],
};

/// a x + b f with a = `image_weight`, b = `frost_weight`, and f a piece of a picture of
/// frosted glass; which picture and which piece of it is drawn. A grey image gets the
/// picture's luma.
///
/// The reference crops five photographs; these are drawn instead (see `texture`), with
/// the means and deviations of such photographs in each channel, and a spectrum that
/// falls as theirs does. They go on for ever, so that an image of any size is covered;
/// the reference needs an image smaller than its photographs. A picture that is scaled
/// is sampled between its pixels linearly, without being smoothed before, as OpenCV
/// resizes: at the scale 0.2, it is every fifth pixel.
pub struct Frost;

impl Perturbation for Frost {
    fn kind(&self) -> &'static PerturbationKind {
        &FROST
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        grey_or_rgb(&FROST, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        let image_weight = parameters.get("image_weight") as f32;
        let frost_weight = (parameters.get("frost_weight") / 255.0) as f32;
        let step = 1.0 / parameters.get("frost_scale");
        let picture = texture(stream.below(TEXTURES as u64) as usize);
        let [top, left] = [(); 2].map(|()| stream.below(SIDE as u64) as usize);
        with_planes(example, |mut planes| {
            let (width, pixels) = (planes.width, planes.height * planes.width);
            let [red, green, blue, luma] = &picture.0;
            let pictures = if planes.values.len() == pixels {
                [luma; 3]
            } else {
                [red, green, blue]
            };
            let columns: Vec<Between> = (0..width).map(|x| Between::new(left, step, x)).collect();
            let mut frost = vec![0.0; width];
            for (plane, picture) in planes.each().zip(pictures) {
                for (y, values) in plane.chunks_exact_mut(width).enumerate() {
                    if step == 1.0 {
                        crop(picture, top + y, left, &mut frost);
                    } else {
                        sample(picture, &Between::new(top, step, y), &columns, &mut frost);
                    }
                    wide(
                        #[inline(always)]
                        || {
                            for (value, frost) in values.iter_mut().zip(&frost) {
                                *value = image_weight * *value + frost_weight * frost;
                            }
                        },
                    );
                }
            }
        });
    }
}

/// A row of the picture from `left` on.
fn crop(picture: &[u8], y: usize, left: usize, row: &mut [f32]) {
    let (start, whole) = picture[y % SIDE * SIDE..][..SIDE].split_at(left);
    let mut row = row;
    for piece in [whole, start].into_iter().cycle() {
        let count = piece.len().min(row.len());
        let (filled, rest) = row.split_at_mut(count);
        for (value, &level) in filled.iter_mut().zip(piece) {
            *value = f32::from(level);
        }
        if rest.is_empty() {
            return;
        }
        row = rest;
    }
}

/// Two neighbours in a row or column of the picture, and the part of the second.
struct Between {
    places: [usize; 2],
    share: f32,
}

impl Between {
    /// Where the pixel `index` of an image lies that sets out from `start`, if a pixel
    /// of the image is `step` pixels of the picture wide.
    fn new(start: usize, step: f64, index: usize) -> Self {
        let place = start as f64 + (index as f64 + 0.5) * step - 0.5;
        let before = place.floor();
        let wrap = |place: f64| place.rem_euclid(SIDE as f64) as usize % SIDE;
        Self {
            places: [wrap(before), wrap(before + 1.0)],
            share: (place - before) as f32,
        }
    }

    fn mix(&self, [first, second]: [f32; 2]) -> f32 {
        first + self.share * (second - first)
    }
}

/// A row between two rows of the picture, at the `columns`.
fn sample(picture: &[u8], between: &Between, columns: &[Between], row: &mut [f32]) {
    let rows = between.places.map(|y| &picture[y * SIDE..][..SIDE]);
    for (value, column) in row.iter_mut().zip(columns) {
        let across = |row: &[u8]| column.mix(column.places.map(|x| f32::from(row[x])));
        *value = between.mix(rows.map(across));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, ArrayD};

    use super::*;
    use crate::perturb::testing::{assert_rows, parameters, perturbed, ramp};

    #[test]
    fn the_severities_are_the_published_ones() {
        let rows: [&[f64]; 5] = [
            &[1.0, 0.4, 1.0],
            &[0.8, 0.6, 1.0],
            &[0.7, 0.7, 1.0],
            &[0.65, 0.7, 1.0],
            &[0.6, 0.75, 1.0],
        ];
        assert_rows(&FROST, Scale::ImagenetC, rows);
        let rows: [&[f64]; 5] = [
            &[1.0, 0.2, 0.2],
            &[1.0, 0.3, 0.2],
            &[0.9, 0.4, 0.2],
            &[0.85, 0.4, 0.2],
            &[0.75, 0.45, 0.2],
        ];
        assert_rows(&FROST, Scale::Cifar10C, rows);
    }

    fn with(weights: [f64; 2], scale: f64, image: &ArrayD<f32>, id: &str) -> ArrayD<f32> {
        let [image_weight, frost_weight] = weights;
        let parameters = parameters(&[
            ("image_weight", image_weight),
            ("frost_weight", frost_weight),
            ("frost_scale", scale),
        ]);
        perturbed(&Frost, image, &parameters, id)
    }

    fn frost(scale: f64, shape: [usize; 3], id: &str) -> ArrayD<f32> {
        with([0.0, 1.0], scale, &Array::zeros(shape).into_dyn(), id)
    }

    #[test]
    fn the_result_is_the_weighted_sum() {
        let image = ramp(&[3, 20, 30]);
        assert_eq!(with([1.0, 0.0], 1.0, &image, "0"), image);
        let expected = 0.7 * &image + 0.4 * frost(1.0, [3, 20, 30], "0");
        for (found, expected) in with([0.7, 0.4], 1.0, &image, "0").iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn frost_is_levels_of_a_picture() {
        for (value, id) in frost(1.0, [3, 50, 50], "0").iter().zip(0..) {
            let level = value * 255.0;
            assert!((level - level.round()).abs() < 1e-4, "{id}");
            assert!((0.0..=1.0).contains(value));
        }
    }

    /// Each of the five comes up, in pieces that differ.
    #[test]
    fn pictures_and_pieces_are_drawn() {
        let ids: Vec<String> = (0..40).map(|id| id.to_string()).collect();
        let pieces: Vec<ArrayD<f32>> = ids.iter().map(|id| frost(1.0, [3, 512, 512], id)).collect();
        for (index, piece) in pieces.iter().enumerate() {
            assert!(pieces[..index].iter().all(|other| other != piece));
        }
        // The whole of a picture has the same sum, wherever it begins.
        let sum = |piece: &ArrayD<f32>| {
            piece
                .iter()
                .map(|level| (level * 255.0).round() as i64)
                .sum()
        };
        let sums: std::collections::BTreeSet<i64> = pieces.iter().map(sum).collect();
        assert_eq!(sums.len(), TEXTURES);
    }

    #[test]
    fn a_picture_goes_on_for_ever() {
        for scale in [1.0, 0.5] {
            let side = (512.0 * scale) as usize;
            let found = frost(scale, [1, 2, 1_200], "0");
            for x in 0..1_200 - side {
                assert_eq!(found[[0, 1, x]], found[[0, 1, x + side]]);
            }
            let found = frost(scale, [1, 1_200, 2], "0");
            for y in 0..1_200 - side {
                assert_eq!(found[[0, y, 1]], found[[0, y + side, 1]]);
            }
        }
    }

    /// OpenCV's linear resizing by 1/5 takes the middle one of five, by 1/2 the mean of
    /// two; by 2 it takes quarters and three quarters.
    #[test]
    fn a_picture_is_scaled() {
        let whole = frost(1.0, [3, 100, 100], "0");
        let small = frost(0.2, [3, 20, 20], "0");
        for ((c, y, x), value) in small
            .into_dimensionality::<ndarray::Ix3>()
            .unwrap()
            .indexed_iter()
        {
            assert_eq!(*value, whole[[c, 5 * y + 2, 5 * x + 2]]);
        }
        let half = frost(0.5, [3, 50, 50], "0");
        let mean: f32 = [(6, 8), (6, 9), (7, 8), (7, 9)]
            .map(|(y, x)| whole[[1, y, x]])
            .iter()
            .sum();
        assert!((half[[1, 3, 4]] - mean / 4.0).abs() < 1e-6);
        let twice = frost(2.0, [3, 100, 100], "0");
        let expected = 0.75 * (0.25 * whole[[0, 3, 5]] + 0.75 * whole[[0, 3, 6]])
            + 0.25 * (0.25 * whole[[0, 4, 5]] + 0.75 * whole[[0, 4, 6]]);
        assert!((twice[[0, 7, 12]] - expected).abs() < 1e-6);
    }
}
