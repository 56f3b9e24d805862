//! Spatter: drops of water or of mud on the lens.

use ndarray::ArrayViewMutD;

use super::distance::{PIXEL, distances};
use super::edges::edges;
use super::equalise::equalise;
use super::extremes::range;
use super::framed::Framed;
use super::layer::Layer;
use super::luma;
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::border::Border;
use crate::perturb::image::filter::gaussian::Gaussian;
use crate::perturb::image::{Planes, grey_or_rgb, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`Spatter`] in the catalogue.
pub static SPATTER: PerturbationKind = PerturbationKind {
    name: "spatter",
    version: 1,
    about: "Puts drops of water, lit at their rims, or spots of mud on the image. Severities are water below 3.5, and mud from there on.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; edges: Canny (1986); distances: Borgefors (1986)",
    stochastic: true,
    parameters: &[
        Parameter {
            name: "mean",
            about: "Mean of the noise that drops are made of, on a scale of its own.",
            minimum: 0.0,
            maximum: 1.0,
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
            name: "blur_sigma",
            about: "Standard deviation of the Gaussian that the noise is blurred by, in pixels: the size of a drop.",
            minimum: 0.0,
            maximum: 100.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "threshold",
            about: "The blurred noise that a drop begins at.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "mud",
            about: "0 for water; 1, or anything from 0.5 on, for mud.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "strength",
            about: "The part of its colour that the brightest point of the water adds; of no effect on mud.",
            minimum: 0.0,
            maximum: 1.0,
            integer: false,
            default: Some(0.5),
        },
        Parameter {
            name: "rim_sigma",
            about: "Standard deviation of the Gaussian that smooths the rims of mud, in pixels; of no effect on water.",
            minimum: 0.0,
            maximum: 100.0,
            integer: false,
            default: Some(1.5),
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[0.65, 0.3, 4.0, 0.69, 0.0, 0.6, 1.5],
                &[0.65, 0.3, 3.0, 0.68, 0.0, 0.6, 1.5],
                &[0.65, 0.3, 2.0, 0.68, 0.0, 0.5, 1.5],
                &[0.65, 0.3, 1.0, 0.65, 1.0, 0.5, 1.5],
                &[0.67, 0.4, 1.0, 0.65, 1.0, 0.5, 1.5],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[0.62, 0.1, 0.7, 0.7, 0.0, 0.5, 0.6],
                &[0.65, 0.1, 0.8, 0.7, 0.0, 0.5, 0.6],
                &[0.65, 0.3, 1.0, 0.69, 0.0, 0.5, 0.6],
                &[0.65, 0.1, 0.7, 0.69, 1.0, 0.5, 0.6],
                &[0.65, 0.1, 0.5, 0.68, 1.0, 0.5, 0.6],
            ],
        },
    ],
};

/// Pale turquoise, and its luma (ITU-R BT.601), which is what grey images get.
const WATER: [f32; 4] = colour([175, 238, 238]);

/// Brown, likewise.
const MUD: [f32; 4] = colour([63, 42, 20]);

const fn colour([red, green, blue]: [u16; 3]) -> [f32; 4] {
    let [red, green, blue] = [
        red as f32 / 255.0,
        green as f32 / 255.0,
        blue as f32 / 255.0,
    ];
    [red, green, blue, luma([red, green, blue])]
}

/// Drops where normal noise, blurred, reaches `threshold`.
///
/// Water adds a multiple of its colour, which is brightest where the drop is thick
/// and its rim is lit from the top left: noise times shade, scaled to `strength` at its
/// most. (Nothing is added where there is no drop.) The shade: of the noise as 8-bit
/// levels, the edges (Canny, thresholds 50 and 150), the distance from them up to 20
/// pixels, averaged over 3 × 3 pixels, equalised, embossed, and averaged again.
///
/// Mud covers the image: x (1 - m) + colour m, with m the drops as 0 and 1, their rims
/// smoothed by a Gaussian, and 0 where that is less than 0.8.
///
/// Water's noise is 8-bit for any data, as edges and equalisation are defined on levels;
/// noise above 1, which the reference lets wrap around to 0, stays at the highest level.
/// One word is drawn for each pixel.
///
/// The published tables have one number that is the strength of water or the sigma of
/// mud's rims; these are two parameters here, and each row carries the neighbours' value
/// of the one that it does not use, so that there is something between water and mud.
pub struct Spatter;

impl Perturbation for Spatter {
    fn kind(&self) -> &'static PerturbationKind {
        &SPATTER
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        grey_or_rgb(&SPATTER, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        with_planes(example, |mut planes| {
            let (height, width) = (planes.height, planes.width);
            let layer = Layer::new(height, width, stream);
            if planes.values.is_empty() {
                return;
            }
            let [mean, std] = ["mean", "std"].map(|name| parameters.get(name) as f32);
            let mut noise = vec![0.0; height * width];
            for (y, row) in noise.chunks_exact_mut(width).enumerate() {
                layer.row(y, 0, mean, std, row);
            }
            blur(height, width, &mut noise, parameters.get("blur_sigma"));
            let mud = parameters.get("mud") >= 0.5;
            let threshold = parameters.get("threshold") as f32;
            let (colour, drops) = if mud {
                let rim_sigma = parameters.get("rim_sigma");
                (MUD, mud_drops(height, width, noise, threshold, rim_sigma))
            } else {
                let strength = parameters.get("strength") as f32;
                (
                    WATER,
                    water_drops(height, width, noise, threshold, strength),
                )
            };
            let [red, green, blue, luma] = colour;
            let one = planes.values.len() == drops.len();
            let colour = if one { [luma; 3] } else { [red, green, blue] };
            wide(
                #[inline(always)]
                || {
                    for (plane, part) in planes.each().zip(colour) {
                        for (value, drop) in plane.iter_mut().zip(&drops) {
                            let kept = if mud { 1.0 - drop } else { 1.0 };
                            *value = *value * kept + part * drop;
                        }
                    }
                },
            );
        });
    }
}

/// Blurs a plane as `skimage.filters.gaussian` does.
fn blur(height: usize, width: usize, plane: &mut [f32], sigma: f64) {
    let mut planes = Planes {
        height,
        width,
        values: plane,
    };
    Gaussian::new(sigma, 4.0).filter(&mut planes, Border::Nearest);
}

/// How much of each pixel is covered by mud.
fn mud_drops(
    height: usize,
    width: usize,
    mut noise: Vec<f32>,
    threshold: f32,
    sigma: f64,
) -> Vec<f32> {
    const RIM: f32 = 0.8;
    wide(
        #[inline(always)]
        || {
            for value in &mut noise {
                *value = if *value > threshold { 1.0 } else { 0.0 };
            }
        },
    );
    blur(height, width, &mut noise, sigma);
    wide(
        #[inline(always)]
        || {
            for value in &mut noise {
                *value = if *value < RIM { 0.0 } else { *value };
            }
        },
    );
    noise
}

/// How much of water's colour is added to each pixel.
fn water_drops(
    height: usize,
    width: usize,
    mut noise: Vec<f32>,
    threshold: f32,
    strength: f32,
) -> Vec<f32> {
    let mut levels = Framed::zeros(height, width);
    wide(
        #[inline(always)]
        || {
            for (row, noise) in levels.rows_mut().zip(noise.chunks_exact_mut(width)) {
                for (level, noise) in row.iter_mut().zip(noise) {
                    let drop = if *noise < threshold { 0.0 } else { *noise };
                    *level = (drop * 255.0) as i32;
                    *level = (*level).min(255);
                    *noise = *level as f32;
                }
            }
        },
    );
    let shade = shade(levels);
    wide(
        #[inline(always)]
        || {
            for (drops, shade) in noise.chunks_exact_mut(width).zip(shade.rows()) {
                for (drop, shade) in drops.iter_mut().zip(shade) {
                    *drop *= *shade as f32;
                }
            }
            let (_, most) = range(&noise);
            let scale = if most > 0.0 { strength / most } else { 0.0 };
            for drop in &mut noise {
                *drop *= scale;
            }
        },
    );
    noise
}

/// The shade of water whose thickness is `levels`, from 0 to 255.
fn shade(levels: Framed) -> Framed {
    const FARTHEST: i32 = 20 * PIXEL;
    let mut distances = distances(&edges(levels, 50, 150), FARTHEST);
    distances.frame(Border::Mirror);
    let mut rims = distances.neighbourhoods(
        #[inline(always)]
        |around| around.as_flattened().iter().sum::<i32>() / (9 * PIXEL),
    );
    equalise(&mut rims);
    rims.frame(Border::Mirror);
    let mut embossed = rims.neighbourhoods(
        #[inline(always)]
        |[[a, b, _], [d, e, f], [_, h, i]]| (-2 * a - b - d + e + f + h + 2 * i).clamp(0, 255),
    );
    embossed.frame(Border::Mirror);
    embossed.neighbourhoods(
        #[inline(always)]
        |around| (around.as_flattened().iter().sum::<i32>() + 4) / 9,
    )
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;
    use crate::perturb::testing::{assert_rows, parameters, perturbed, ramp};

    #[test]
    fn the_severities_are_the_published_ones() {
        let rows: [&[f64]; 5] = [
            &[0.65, 0.3, 4.0, 0.69, 0.0, 0.6, 1.5],
            &[0.65, 0.3, 3.0, 0.68, 0.0, 0.6, 1.5],
            &[0.65, 0.3, 2.0, 0.68, 0.0, 0.5, 1.5],
            &[0.65, 0.3, 1.0, 0.65, 1.0, 0.5, 1.5],
            &[0.67, 0.4, 1.0, 0.65, 1.0, 0.5, 1.5],
        ];
        assert_rows(&SPATTER, Scale::ImagenetC, rows);
        let rows: [&[f64]; 5] = [
            &[0.62, 0.1, 0.7, 0.7, 0.0, 0.5, 0.6],
            &[0.65, 0.1, 0.8, 0.7, 0.0, 0.5, 0.6],
            &[0.65, 0.3, 1.0, 0.69, 0.0, 0.5, 0.6],
            &[0.65, 0.1, 0.7, 0.69, 1.0, 0.5, 0.6],
            &[0.65, 0.1, 0.5, 0.68, 1.0, 0.5, 0.6],
        ];
        assert_rows(&SPATTER, Scale::Cifar10C, rows);
    }

    /// Even noise of the value `mean`: a drop over all of the image, or none.
    fn even(mean: f64, mud: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        let parameters = parameters(&[
            ("mean", mean),
            ("std", 0.0),
            ("blur_sigma", 2.0),
            ("threshold", 0.5),
            ("mud", mud),
            ("strength", 0.6),
            ("rim_sigma", 1.5),
        ]);
        perturbed(&Spatter, image, &parameters, "0")
    }

    #[test]
    fn where_no_drop_is_nothing_changes() {
        let image = ramp(&[3, 20, 30]);
        for mud in [0.0, 1.0] {
            assert_eq!(even(0.4, mud, &image), image);
        }
    }

    #[test]
    fn mud_hides_and_water_adds() {
        let image = ramp(&[3, 20, 30]);
        let (mud, water) = (even(0.8, 1.0, &image), even(0.8, 0.0, &image));
        for ((c, y, x), before) in image
            .clone()
            .into_dimensionality::<ndarray::Ix3>()
            .unwrap()
            .indexed_iter()
        {
            let brown = [63.0, 42.0, 20.0][c] / 255.0;
            assert!((mud[[c, y, x]] - brown).abs() < 1e-6);
            let turquoise = [175.0, 238.0, 238.0][c] / 255.0;
            assert!((water[[c, y, x]] - before - 0.6 * turquoise).abs() < 1e-6);
        }
    }

    /// Everywhere the colour, at most `strength` of it, and that somewhere.
    #[test]
    fn water_is_as_strong_as_asked() {
        for severity in 1..=3 {
            let parameters = SPATTER
                .at_severity(Scale::ImagenetC, f64::from(severity))
                .unwrap();
            let strength = parameters.get("strength") as f32;
            let black = ArrayD::zeros(vec![3, 96, 80]);
            let found = perturbed(&Spatter, &black, &parameters, "0");
            let found = found.into_dimensionality::<ndarray::Ix3>().unwrap();
            let parts = found
                .index_axis(ndarray::Axis(0), 0)
                .mapv(|red| red * 255.0 / 175.0);
            let most = parts.iter().copied().fold(0.0, f32::max);
            assert!((most - strength).abs() < 1e-5, "{severity}: {most}");
            for c in 1..3 {
                for (value, part) in found.index_axis(ndarray::Axis(0), c).iter().zip(&parts) {
                    assert!((value - part * 238.0 / 255.0).abs() < 1e-5);
                }
            }
        }
    }

    /// Mud covers nothing, or at least the 0.8 of a pixel; both happen.
    #[test]
    fn mud_has_rims() {
        for scale in Scale::ALL {
            for severity in 4..=5 {
                let parameters = SPATTER.at_severity(scale, f64::from(severity)).unwrap();
                let white = ArrayD::ones(vec![96, 80]);
                let found = perturbed(&Spatter, &white, &parameters, "0");
                let luma = MUD[3];
                let covered = found.mapv(|value| (1.0 - value) / (1.0 - luma));
                let muddy = |part: &&f32| **part >= 0.799;
                assert!(covered.iter().all(|part| *part == 0.0 || muddy(&part)));
                let count = covered.iter().filter(muddy).count();
                assert!((1..covered.len()).contains(&count), "{severity}: {count}");
            }
        }
    }
}
