//! Snow: flakes that fall through the picture, and the paleness of the air behind.

use ndarray::ArrayViewMutD;

use super::layer::Layer;
use super::zoom::{Enlarged, enlarge};
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::motion::Motion;
use crate::perturb::image::{Planes, channels, refuse, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::{Stream, uniform};

/// The entry of [`Snow`] in the catalogue.
pub static SNOW: PerturbationKind = PerturbationKind {
    name: "snow",
    version: 1,
    about: "Makes the image paler and adds flakes: enlarged bright noise, blurred along its fall.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; motion blur: ImageMagick",
    stochastic: true,
    parameters: &[
        Parameter {
            name: "mean",
            about: "Mean of the noise that flakes are made of, on the unit scale of the data.",
            minimum: -1.0,
            maximum: 2.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "std",
            about: "Standard deviation of the noise.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "zoom",
            about: "What the noise is enlarged by: the size of a flake in pixels.",
            minimum: 1.0,
            maximum: 100.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "threshold",
            about: "The darkest flake: what is below it is air.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "blur_radius",
            about: "Half the length of a flake's trail in pixels, rounded up.",
            minimum: 0.0,
            maximum: 200.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "blur_sigma",
            about: "Standard deviation, in pixels, of the one-sided bell that the trail fades by.",
            minimum: 0.01,
            maximum: 200.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "image_weight",
            about: "The part of the image that stays as it is; the rest becomes paler.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: None,
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[0.1, 0.3, 3.0, 0.5, 10.0, 4.0, 0.8],
                &[0.2, 0.3, 2.0, 0.5, 12.0, 4.0, 0.7],
                &[0.55, 0.3, 4.0, 0.9, 12.0, 8.0, 0.7],
                &[0.55, 0.3, 4.5, 0.85, 12.0, 8.0, 0.65],
                &[0.55, 0.3, 2.5, 0.85, 12.0, 12.0, 0.55],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[0.1, 0.2, 1.0, 0.6, 8.0, 3.0, 0.95],
                &[0.1, 0.2, 1.0, 0.5, 10.0, 4.0, 0.9],
                &[0.15, 0.3, 1.75, 0.55, 10.0, 4.0, 0.9],
                &[0.25, 0.3, 2.25, 0.6, 12.0, 6.0, 0.85],
                &[0.3, 0.3, 1.25, 0.65, 14.0, 12.0, 0.8],
            ],
        },
    ],
};

/// w x + (1 - w) max(x, 1.5 g + 0.5) + s + s', with w = `image_weight`, g the luma of
/// the pixel (the pixel itself in a grey image), s a layer of flakes and s' the same
/// turned by 180 degrees.
///
/// Flakes: normal noise, its middle enlarged by `zoom`, with zero for what is below
/// `threshold`, clipped to [0, 1], and blurred along a direction drawn from 45 to 135
/// degrees, so that each trails upwards or downwards (with its turned copy, both). In
/// 8-bit data, the layer is truncated to levels before the blur and rounded to levels
/// after it, as the reference has it in an 8-bit picture there. One word is drawn for
/// the direction, and one for each pixel, of which the enlarged middle is used.
pub struct Snow;

impl Perturbation for Snow {
    fn kind(&self) -> &'static PerturbationKind {
        &SNOW
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        match channels(shape) {
            Some(1 | 3) => Ok(()),
            _ => Err(refuse(
                &SNOW,
                "grey or RGB images, [1 or 3 channels, height, width] or [height, width]",
                shape,
            )),
        }
    }

    fn apply(&self, example: ArrayViewMutD<'_, f32>, parameters: &Parameters, depth: Depth, stream: &mut Stream) {
        let image_weight = parameters.get("image_weight") as f32;
        with_planes(example, |planes| {
            let flakes = flakes(planes.height, planes.width, parameters, depth, stream);
            wide(
                #[inline(always)]
                || fall(planes, &flakes, image_weight),
            );
        });
    }
}

/// The layer of flakes over an image of `height` and `width`.
fn flakes(height: usize, width: usize, parameters: &Parameters, depth: Depth, stream: &mut Stream) -> Vec<f32> {
    let mut word = [0];
    stream.fill(&mut word);
    let angle = -135.0 + 90.0 * uniform(word[0]);
    let layer = Layer::new(height, width, stream);
    if height * width == 0 {
        return Vec::new();
    }
    let [mean, std, zoom] = ["mean", "std", "zoom"].map(|name| parameters.get(name));
    let [rows, columns] = [height, width].map(|length| Enlarged::new(length, zoom));
    let mut middle = vec![0.0; rows.count * columns.count];
    for (y, row) in middle.chunks_exact_mut(columns.count).enumerate() {
        layer.row(rows.start + y, columns.start, mean, std, row);
    }
    let mut flakes = enlarge(&middle, &rows, &columns);
    let threshold = parameters.get("threshold") as f32;
    let eight_bit = depth == Depth::EightBit;
    wide(
        #[inline(always)]
        || {
            for value in &mut flakes {
                let flake = if *value < threshold { 0.0 } else { *value };
                let flake = flake.clamp(0.0, 1.0);
                *value = if eight_bit { (flake * 255.0).floor() / 255.0 } else { flake };
            }
        },
    );
    let [radius, sigma] = ["blur_radius", "blur_sigma"].map(|name| parameters.get(name));
    Motion::new(radius, sigma, angle).filter(&mut Planes {
        height,
        width,
        values: &mut flakes,
    });
    if eight_bit {
        wide(
            #[inline(always)]
            || {
                for value in &mut flakes {
                    *value = (*value * 255.0 + 0.5).floor() / 255.0;
                }
            },
        );
    }
    flakes
}

/// Makes the image paler and adds the flakes and their turned copy.
#[inline(always)]
fn fall(planes: Planes<'_>, flakes: &[f32], image_weight: f32) {
    let both = flakes.iter().zip(flakes.iter().rev());
    let mut paler = |value: &mut f32, luma: f32, (flake, turned): (&f32, &f32)| {
        let pale = (luma * 1.5 + 0.5).max(*value);
        *value = image_weight * *value + (1.0 - image_weight) * pale + flake + turned;
    };
    if planes.values.len() == flakes.len() {
        for (value, both) in planes.values.iter_mut().zip(both) {
            paler(value, *value, both);
        }
        return;
    }
    let (red, others) = planes.values.split_at_mut(flakes.len());
    let (green, blue) = others.split_at_mut(flakes.len());
    for (((red, green), blue), both) in red.iter_mut().zip(green).zip(blue).zip(both) {
        // The luma of ITU-R BT.601.
        let luma = 0.299 * *red + 0.587 * *green + 0.114 * *blue;
        for value in [red, green, blue] {
            paler(value, luma, both);
        }
    }
}
