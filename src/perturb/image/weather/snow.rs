//! Snow: flakes that fall through the picture, and the paleness of the air behind.

use ndarray::ArrayViewMutD;

use super::layer::Layer;
use super::luma;
use super::zoom::{Enlarged, enlarge};
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::motion::Motion;
use crate::perturb::image::{Planes, grey_or_rgb, with_planes};
use crate::perturb::levels::truncate;
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
/// 8-bit data, the layer is truncated to levels before the blur and after it, as the
/// reference has it in an 8-bit picture there. One word is drawn for
/// the direction, and one for each pixel, of which the enlarged middle is used.
pub struct Snow;

impl Perturbation for Snow {
    fn kind(&self) -> &'static PerturbationKind {
        &SNOW
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        grey_or_rgb(&SNOW, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        depth: Depth,
        stream: &mut Stream,
    ) {
        let image_weight = parameters.get("image_weight") as f32;
        with_planes(example, |mut planes| {
            let flakes = flakes(planes.height, planes.width, parameters, depth, stream);
            wide(
                #[inline(always)]
                || fall(&mut planes, &flakes, image_weight),
            );
        });
    }
}

/// The layer of flakes over an image of `height` and `width`.
fn flakes(
    height: usize,
    width: usize,
    parameters: &Parameters,
    depth: Depth,
    stream: &mut Stream,
) -> Vec<f32> {
    let mut word = [0];
    stream.fill(&mut word);
    let angle = -135.0 + 90.0 * uniform(word[0]);
    let layer = Layer::new(height, width, stream);
    if height * width == 0 {
        return Vec::new();
    }
    let [mean, std] = ["mean", "std"].map(|name| parameters.get(name) as f32);
    let zoom = parameters.get("zoom");
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
                *value = flake.clamp(0.0, 1.0);
            }
        },
    );
    if eight_bit {
        truncate(&mut flakes);
    }
    let [radius, sigma] = ["blur_radius", "blur_sigma"].map(|name| parameters.get(name));
    Motion::new(radius, sigma, angle).filter(&mut Planes {
        height,
        width,
        values: &mut flakes,
    });
    if eight_bit {
        truncate(&mut flakes);
    }
    flakes
}

/// Makes the image paler and adds the flakes and their turned copy.
#[inline(always)]
fn fall(planes: &mut Planes<'_>, flakes: &[f32], image_weight: f32) {
    let both = flakes.iter().zip(flakes.iter().rev());
    let paler = |value: &mut f32, luma: f32, (flake, turned): (&f32, &f32)| {
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
        let luma = luma([*red, *green, *blue]);
        for value in [red, green, blue] {
            paler(value, luma, both);
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, ArrayD};

    use super::*;
    use crate::perturb::testing::{assert_rows, parameters, perturbed, ramp, stream};

    #[test]
    fn the_severities_are_the_published_ones() {
        let rows: [&[f64]; 5] = [
            &[0.1, 0.3, 3.0, 0.5, 10.0, 4.0, 0.8],
            &[0.2, 0.3, 2.0, 0.5, 12.0, 4.0, 0.7],
            &[0.55, 0.3, 4.0, 0.9, 12.0, 8.0, 0.7],
            &[0.55, 0.3, 4.5, 0.85, 12.0, 8.0, 0.65],
            &[0.55, 0.3, 2.5, 0.85, 12.0, 12.0, 0.55],
        ];
        assert_rows(&SNOW, Scale::ImagenetC, rows);
        let rows: [&[f64]; 5] = [
            &[0.1, 0.2, 1.0, 0.6, 8.0, 3.0, 0.95],
            &[0.1, 0.2, 1.0, 0.5, 10.0, 4.0, 0.9],
            &[0.15, 0.3, 1.75, 0.55, 10.0, 4.0, 0.9],
            &[0.25, 0.3, 2.25, 0.6, 12.0, 6.0, 0.85],
            &[0.3, 0.3, 1.25, 0.65, 14.0, 12.0, 0.8],
        ];
        assert_rows(&SNOW, Scale::Cifar10C, rows);
    }

    /// Even noise of the value `mean`, of which all or nothing is snow.
    fn even(mean: f64, image_weight: f64) -> Parameters {
        parameters(&[
            ("mean", mean),
            ("std", 0.0),
            ("zoom", 2.0),
            ("threshold", 0.5),
            ("blur_radius", 5.0),
            ("blur_sigma", 2.0),
            ("image_weight", image_weight),
        ])
    }

    fn pixel(parameters: &Parameters, depth: Depth, pixel: [f32; 3]) -> [f32; 3] {
        let mut image = Array::from_shape_fn([3, 9, 9], |(c, _, _)| pixel[c]).into_dyn();
        Snow.apply(image.view_mut(), parameters, depth, &mut stream(&Snow, "0"));
        [0, 1, 2].map(|c| image[[c, 4, 4]])
    }

    #[test]
    fn without_flakes_the_image_becomes_paler() {
        let close = |found: [f32; 3], expected: [f32; 3]| {
            let pairs = found.into_iter().zip(expected);
            assert!(
                pairs.into_iter().all(|(a, b)| (a - b).abs() < 1e-6),
                "{found:?} {expected:?}"
            );
        };
        let air = even(0.4, 0.75);
        close(pixel(&air, Depth::EightBit, [0.0; 3]), [0.125; 3]);
        // Luma 0.299, so that what is paler is 0.9485: below red, above the others.
        close(
            pixel(&air, Depth::EightBit, [1.0, 0.0, 0.0]),
            [1.0, 0.237125, 0.237125],
        );
        close(
            pixel(&even(0.4, 1.0), Depth::EightBit, [0.2, 0.5, 0.9]),
            [0.2, 0.5, 0.9],
        );
    }

    /// 0.7 is the level 178 and a half: truncated in 8-bit data, kept in others. Noise
    /// beyond 1 is clipped.
    #[test]
    fn flakes_are_added_twice() {
        for (mean, depth, flake) in [
            (0.7, Depth::EightBit, 178.0 / 255.0),
            (0.7, Depth::Continuous, 0.7),
            (1.7, Depth::EightBit, 1.0),
        ] {
            for value in pixel(&even(mean, 1.0), depth, [0.25; 3]) {
                assert!((value - 0.25 - 2.0 * flake).abs() < 1e-6, "{value}");
            }
        }
    }

    fn flakes(severity: f64) -> ArrayD<f32> {
        let mut parameters = SNOW.at_severity(Scale::ImagenetC, severity).unwrap();
        parameters.0[6].1 = 1.0;
        perturbed(&Snow, &Array::zeros([64, 65]).into_dyn(), &parameters, "0")
    }

    #[test]
    fn the_snow_is_the_same_upside_down() {
        let (found, _) = flakes(2.0).into_raw_vec_and_offset();
        for (one, other) in found.iter().zip(found.iter().rev()) {
            assert_eq!(one, other);
        }
    }

    /// The trails go down more than aside: neighbours in a column are more alike.
    #[test]
    fn snow_falls() {
        for severity in 1..=5 {
            let found = flakes(f64::from(severity));
            let (mut along, mut aside) = (0.0, 0.0);
            for y in 0..60 {
                for x in 0..60 {
                    along += (found[[y, x]] - found[[y + 3, x]]).abs();
                    aside += (found[[y, x]] - found[[y, x + 3]]).abs();
                }
            }
            assert!(aside > along, "{severity}: {along} {aside}");
        }
    }

    #[test]
    fn snow_never_darkens() {
        let image = ramp(&[3, 40, 50]);
        for severity in 1..=5 {
            let parameters = SNOW
                .at_severity(Scale::ImagenetC, f64::from(severity))
                .unwrap();
            let found = perturbed(&Snow, &image, &parameters, "0");
            assert!(
                found
                    .iter()
                    .zip(&image)
                    .all(|(after, before)| after >= &(before - 1e-6))
            );
        }
    }
}
