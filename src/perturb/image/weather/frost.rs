//! Frost: ice on the glass before the lens.

use ndarray::ArrayViewMutD;

use super::texture::{SIDE, TEXTURES, texture};
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{channels, refuse, with_planes};
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
        match channels(shape) {
            Some(1 | 3) => Ok(()),
            _ => Err(refuse(
                &FROST,
                "grey or RGB images, [1 or 3 channels, height, width] or [height, width]",
                shape,
            )),
        }
    }

    fn apply(&self, example: ArrayViewMutD<'_, f32>, parameters: &Parameters, _: Depth, stream: &mut Stream) {
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
