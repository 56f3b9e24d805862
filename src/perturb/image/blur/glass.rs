//! Glass blur: of frosted glass, which hands each point a neighbour's light.

use ndarray::ArrayViewMutD;

use super::gaussian::TRUNCATE;
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::border::Border;
use crate::perturb::image::filter::gaussian::Gaussian;
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::levels::truncate;
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`GlassBlur`] in the catalogue.
pub static GLASS_BLUR: PerturbationKind = PerturbationKind {
    name: "glass_blur",
    version: 1,
    about: "Replaces each pixel by one near it that is drawn, between two Gaussian blurs.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: true,
    parameters: &[
        Parameter {
            name: "sigma",
            about: "The standard deviation of both Gaussians, in pixels; below 1/8 they change nothing.",
            minimum: 0.0,
            maximum: 100.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "max_delta",
            about: "How far a pixel may come from along each axis, in pixels; rounded between severities.",
            minimum: 1.0,
            maximum: 100.0,
            integer: true,
            default: None,
        },
        Parameter {
            name: "iterations",
            about: "How often each pixel is replaced; rounded between severities.",
            minimum: 0.0,
            maximum: 20.0,
            integer: true,
            default: None,
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[0.7, 1.0, 2.0],
                &[0.9, 2.0, 1.0],
                &[1.0, 2.0, 3.0],
                &[1.1, 3.0, 2.0],
                &[1.5, 4.0, 2.0],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[0.05, 1.0, 1.0],
                &[0.25, 1.0, 1.0],
                &[0.4, 1.0, 1.0],
                &[0.25, 1.0, 2.0],
                &[0.4, 1.0, 2.0],
            ],
        },
    ],
};

/// A Gaussian blur (its result truncated where data are 8-bit), `iterations` times the
/// copying, and the Gaussian blur again.
///
/// With d = `max_delta`, the copying goes through the rows from height - d down to
/// d + 1, and in each through the columns likewise: the pixel there becomes a copy of
/// the one that is dy rows further down and dx columns to the right, dx and dy
/// uniform among -d, …, d - 1. The reference means to swap the two, but copies.
///
/// In each iteration every pixel has a word of its own, so that severities share their
/// draws.
pub struct GlassBlur;

impl Perturbation for GlassBlur {
    fn kind(&self) -> &'static PerturbationKind {
        &GLASS_BLUR
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&GLASS_BLUR, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        depth: Depth,
        stream: &mut Stream,
    ) {
        let gaussian = Gaussian::new(parameters.get("sigma"), TRUNCATE);
        let whole = |name| (parameters.get(name) + 0.5) as usize;
        let (max_delta, iterations) = (whole("max_delta"), whole("iterations"));
        with_planes(example, |mut planes| {
            gaussian.filter(&mut planes, Border::Nearest);
            if depth == Depth::EightBit {
                truncate(planes.values);
            }
            let sources = sources((planes.height, planes.width), max_delta, iterations, stream);
            let mut before = vec![0.0; sources.len()];
            for plane in planes.each() {
                before.copy_from_slice(plane);
                for (value, &source) in plane.iter_mut().zip(&sources) {
                    *value = before[source as usize];
                }
            }
            gaussian.filter(&mut planes, Border::Nearest);
        });
    }
}

/// Where in a plane each pixel comes from.
fn sources(
    (height, width): (usize, usize),
    max_delta: usize,
    iterations: usize,
    stream: &mut Stream,
) -> Vec<u32> {
    let mut sources: Vec<u32> = (0..(height * width) as u32).collect();
    let mut words = vec![0; height * width];
    let mut neighbours = vec![0; width];
    for _ in 0..iterations {
        stream.fill(&mut words);
        for y in (max_delta + 1..=height.saturating_sub(max_delta)).rev() {
            let words = &words[y * width..][..width];
            wide(
                #[inline(always)]
                || fill_neighbours(&mut neighbours, words, y * width, max_delta, width),
            );
            for x in (max_delta + 1..=width.saturating_sub(max_delta)).rev() {
                sources[y * width + x] = sources[neighbours[x] as usize];
            }
        }
    }
    sources
}

/// Where each pixel of the row that begins at `start` finds the neighbour that its word
/// stands for: the upper half says the row, the lower the column.
#[inline(always)]
fn fill_neighbours(
    neighbours: &mut [u32],
    words: &[u32],
    start: usize,
    max_delta: usize,
    width: usize,
) {
    let (choices, width) = (2 * max_delta as u32, width as u32);
    // Unsigned, and wrapped about zero on the way.
    let first = (start as u32).wrapping_sub(max_delta as u32 * (width + 1));
    for ((neighbour, word), x) in neighbours.iter_mut().zip(words).zip(0..) {
        let down = ((word >> 16) * choices) >> 16;
        let right = ((word & 0xFFFF) * choices) >> 16;
        *neighbour = first.wrapping_add(x + right + down * width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perturb::testing::{assert_rows, stream};

    #[test]
    fn the_severities_are_the_published_ones() {
        assert_rows(
            &GLASS_BLUR,
            Scale::ImagenetC,
            [
                &[0.7, 1.0, 2.0],
                &[0.9, 2.0, 1.0],
                &[1.0, 2.0, 3.0],
                &[1.1, 3.0, 2.0],
                &[1.5, 4.0, 2.0],
            ],
        );
        assert_rows(
            &GLASS_BLUR,
            Scale::Cifar10C,
            [
                &[0.05, 1.0, 1.0],
                &[0.25, 1.0, 1.0],
                &[0.4, 1.0, 1.0],
                &[0.25, 1.0, 2.0],
                &[0.4, 1.0, 2.0],
            ],
        );
    }

    /// The loop as the reference has it, pixel by pixel with signed numbers.
    #[test]
    fn pixels_are_copied_in_the_order_of_the_reference() {
        let (height, width, max_delta, iterations) = (11_i64, 14_i64, 3_i64, 2);
        let mut words = vec![0; (height * width) as usize];
        let mut expected: Vec<u32> = (0..words.len() as u32).collect();
        let mut draws = stream(&GlassBlur, "0");
        for _ in 0..iterations {
            draws.fill(&mut words);
            for y in ((max_delta + 1)..=(height - max_delta)).rev() {
                for x in ((max_delta + 1)..=(width - max_delta)).rev() {
                    let word = i64::from(words[(y * width + x) as usize]);
                    let delta = |half: i64| half * 2 * max_delta / 65_536 - max_delta;
                    let (down, right) = (delta(word / 65_536), delta(word % 65_536));
                    let neighbour = (y + down) * width + x + right;
                    expected[(y * width + x) as usize] = expected[neighbour as usize];
                }
            }
        }
        let found = sources((11, 14), 3, iterations, &mut stream(&GlassBlur, "0"));
        assert_eq!(found, expected);
        assert_ne!(found, (0..154).collect::<Vec<u32>>());
    }

    /// Of 397 × 396 pixels, each of the 4 × 4 offsets is about as frequent as any other:
    /// 1/16 of the draws is 9,826, with a standard deviation of 96.
    #[test]
    fn every_offset_is_as_likely_as_any_other() {
        let mut words = vec![0; 400 * 400];
        stream(&GlassBlur, "0").fill(&mut words);
        let mut neighbours = vec![0; 400];
        let mut counts = [[0_u32; 4]; 4];
        for y in 3..400 {
            fill_neighbours(&mut neighbours, &words[y * 400..][..400], y * 400, 2, 400);
            for (x, neighbour) in neighbours.iter().enumerate().take(399).skip(3) {
                let (row, column) = (*neighbour as usize / 400, *neighbour as usize % 400);
                // From two less to one more.
                counts[row + 2 - y][column + 2 - x] += 1;
            }
        }
        for count in counts.as_flattened() {
            assert!(count.abs_diff(9_826) < 430, "{counts:?}");
        }
    }

    #[test]
    fn an_image_too_small_for_a_neighbour_keeps_its_pixels() {
        for (height, width) in [(0, 0), (1, 9), (2, 2), (8, 30)] {
            let found = sources((height, width), 4, 3, &mut stream(&GlassBlur, "0"));
            assert!(found.into_iter().eq(0..(height * width) as u32));
        }
    }
}
