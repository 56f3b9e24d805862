//! Pixelation: of images that were stored small and are shown large.

use std::ops::Range;

use ndarray::ArrayViewMutD;

use super::{LANES, Pixel, deinterleave, interleave};
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{Planes, any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`Pixelate`] in the catalogue.
pub static PIXELATE: PerturbationKind = PerturbationKind {
    name: "pixelate",
    version: 1,
    about: "Shrinks the image by averaging boxes, and enlarges it again without smoothing.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; box filter: Pillow's Image.resize",
    stochastic: false,
    parameters: &[Parameter {
        name: "share",
        about: "The share of its width and height that the image is shrunk to.",
        minimum: 0.001,
        maximum: 1.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[0.6], &[0.5], &[0.4], &[0.3], &[0.25]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[0.95], &[0.9], &[0.85], &[0.75], &[0.65]],
        },
    ],
};

/// The image shrunk to ⌊height · `share`⌋ × ⌊width · `share`⌋ pixels, at least one,
/// each the mean of the pixels whose middles lie in its box, and enlarged again by the
/// same filter, which then takes the nearest pixel.
///
/// As Pillow does it: along the rows first, then along the columns, 8-bit data rounded
/// to levels in between and at the end.
pub struct Pixelate;

impl Perturbation for Pixelate {
    fn kind(&self) -> &'static PerturbationKind {
        &PIXELATE
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&PIXELATE, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        depth: Depth,
        _: &mut Stream,
    ) {
        let share = parameters.get("share");
        with_planes(example, |planes| pixelate(planes, share, depth));
    }
}

fn pixelate(mut planes: Planes<'_>, shrink: f64, depth: Depth) {
    let (height, width) = (planes.height, planes.width);
    if height * width == 0 {
        return;
    }
    let shrunk = |size: usize| ((size as f64 * shrink) as usize).max(1);
    let (across, down) = (boxes(width, shrunk(width)), boxes(height, shrunk(height)));
    let back_across = boxes(shrunk(width), width);
    let back_down = boxes(shrunk(height), height);
    let shares: Vec<[f64; LANES]> = across
        .iter()
        .map(|pixels| [share(pixels, depth); LANES])
        .collect();
    let most = across.iter().map(ExactSizeIterator::len).max().unwrap_or(1);
    // A window of `most` pixels fits behind each start.
    let mut row = vec![[0.0; LANES]; width + most];
    let mut narrow = vec![[0.0; LANES]; shrunk(width) * height];
    let mut small = vec![[0.0; LANES]; shrunk(width)];
    let mut planes: Vec<&mut [f32]> = planes.each().collect();
    for planes in planes.chunks_mut(LANES) {
        wide(
            #[inline(always)]
            || {
                for (y, means) in narrow.chunks_exact_mut(small.len()).enumerate() {
                    interleave(planes, y * width, &mut row[..width]);
                    to_levels(row.as_flattened_mut(), depth);
                    sum_along(&row, &across, most, means);
                    let shares = shares.as_flattened().iter().copied();
                    sums_to_means(means.as_flattened_mut(), shares, depth);
                }
                let mut shown = None;
                for (y, from) in back_down.iter().enumerate() {
                    if shown == Some(from.start) {
                        for plane in &mut *planes {
                            plane.copy_within((y - 1) * width..y * width, y * width);
                        }
                        continue;
                    }
                    shown = Some(from.start);
                    let rows = &down[from.start];
                    sum_rows(&narrow, rows, &mut small);
                    let shares = std::iter::repeat(share(rows, depth));
                    sums_to_means(small.as_flattened_mut(), shares, depth);
                    from_levels(small.as_flattened_mut(), depth);
                    for (value, from) in row.iter_mut().zip(&back_across) {
                        *value = small[from.start];
                    }
                    deinterleave(&row[..width], planes, y * width);
                }
            },
        );
    }
}

/// 8-bit values as whole numbers, of which sums are exact.
#[inline(always)]
fn to_levels(values: &mut [f32], depth: Depth) {
    if depth == Depth::EightBit {
        for value in values {
            *value = (*value * 255.0 + 0.5).floor();
        }
    }
}

#[inline(always)]
fn from_levels(levels: &mut [f32], depth: Depth) {
    if depth == Depth::EightBit {
        for level in levels {
            *level /= 255.0;
        }
    }
}

/// The sum of the pixels of each box along a row, none of more than `most`.
#[inline(always)]
fn sum_along(row: &[Pixel], boxes: &[Range<usize>], most: usize, sums: &mut [Pixel]) {
    // Loops of a length that the compiler knows, for the boxes of the severities.
    match most {
        1 => sum_along_of::<1>(row, boxes, sums),
        2 => sum_along_of::<2>(row, boxes, sums),
        3 => sum_along_of::<3>(row, boxes, sums),
        4 => sum_along_of::<4>(row, boxes, sums),
        5 => sum_along_of::<5>(row, boxes, sums),
        _ => {
            for (sum, pixels) in sums.iter_mut().zip(boxes) {
                let mut total = [0.0; LANES];
                for pixel in &row[pixels.start..pixels.end] {
                    add(&mut total, pixel);
                }
                *sum = total;
            }
        }
    }
}

#[inline(always)]
fn sum_along_of<const MOST: usize>(row: &[Pixel], boxes: &[Range<usize>], sums: &mut [Pixel]) {
    let none = [0.0; LANES];
    for (sum, pixels) in sums.iter_mut().zip(boxes) {
        if let Some(window) = row[pixels.start..].first_chunk::<MOST>() {
            let mut total = window[0];
            for (at, pixel) in (pixels.start + 1..).zip(&window[1..]) {
                let within = at < pixels.end;
                add(&mut total, if within { pixel } else { &none });
            }
            *sum = total;
        }
    }
}

#[inline(always)]
fn add(total: &mut Pixel, pixel: &Pixel) {
    for lane in 0..LANES {
        total[lane] += pixel[lane];
    }
}

/// The sum of the given rows, each as long as `sum`.
#[inline(always)]
fn sum_rows(values: &[Pixel], rows: &Range<usize>, sum: &mut [Pixel]) {
    let width = sum.len();
    let mut rows = values[rows.start * width..rows.end * width].chunks_exact(width);
    if let Some(first) = rows.next() {
        sum.copy_from_slice(first);
    }
    for row in rows {
        for (sum, pixel) in sum.iter_mut().zip(row) {
            add(sum, pixel);
        }
    }
}

#[inline(always)]
fn sums_to_means(sums: &mut [f32], shares: impl Iterator<Item = f64>, depth: Depth) {
    match depth {
        Depth::Continuous => {
            for (sum, share) in sums.iter_mut().zip(shares) {
                *sum = (f64::from(*sum) * share) as f32;
            }
        }
        Depth::EightBit => {
            for (sum, share) in sums.iter_mut().zip(shares) {
                *sum = (f64::from(*sum) * share + 0.5).floor() as f32;
            }
        }
    }
}

/// One over the number of pixels in a box. For 8-bit data in Pillow's units of 2⁻²²,
/// which decides about means half way between two levels.
fn share(pixels: &Range<usize>, depth: Depth) -> f64 {
    const UNITS: f64 = 4_194_304.0;
    let count = pixels.len() as f64;
    match depth {
        Depth::Continuous => 1.0 / count,
        Depth::EightBit => (UNITS / count + 0.5).floor() / UNITS,
    }
}

/// For each of `after` pixels along an axis that had `before`, the old ones whose
/// middles lie in its box, which has its upper end in it and not its lower. Where
/// there are more new pixels than old ones, that is the nearest one.
fn boxes(before: usize, after: usize) -> Vec<Range<usize>> {
    let step = before as f64 / after as f64;
    let reach = 0.5 * step.max(1.0);
    let within = |old: usize, centre: f64| {
        let distance = (old as f64 - centre + 0.5) / step.max(1.0);
        distance > -0.5 && distance <= 0.5
    };
    (0..after)
        .map(|new| {
            let centre = (new as f64 + 0.5) * step;
            let low = (centre - reach + 0.5).max(0.0) as usize;
            let high = ((centre + reach + 0.5) as usize).min(before);
            let start = (low..high).find(|&old| within(old, centre));
            let start = start.unwrap_or(low.min(before - 1));
            let last = (start..high).rev().find(|&old| within(old, centre));
            start..last.unwrap_or(start) + 1
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{
        assert_severities, assert_view_as_copy, parameters, ramp, stream,
    };

    fn with(share: f64, image: &ArrayD<f32>, depth: Depth) -> ArrayD<f32> {
        let mut image = image.clone();
        let parameters = parameters(&[("share", share)]);
        Pixelate.apply(
            image.view_mut(),
            &parameters,
            depth,
            &mut stream(&Pixelate, "0"),
        );
        image
    }

    /// One channel of levels.
    fn levels<const H: usize, const W: usize>(levels: [[u8; W]; H]) -> ArrayD<f32> {
        arr2(&levels)
            .mapv(|level| f32::from(level) / 255.0)
            .into_dyn()
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, values| assert_severities(&PIXELATE, scale, values);
        published(Scale::ImagenetC, [0.6, 0.5, 0.4, 0.3, 0.25]);
        published(Scale::Cifar10C, [0.95, 0.9, 0.85, 0.75, 0.65]);
    }

    #[test]
    fn whole_boxes_become_their_means() {
        let image = arr2(&[
            [0.0, 0.5, 1.0, 1.0],
            [0.5, 0.0, 1.0, 1.0],
            [0.25, 0.25, 0.0, 0.0],
            [0.25, 0.25, 1.0, 0.0],
        ]);
        let means = arr2(&[
            [0.25, 0.25, 1.0, 1.0],
            [0.25, 0.25, 1.0, 1.0],
            [0.25, 0.25, 0.25, 0.25],
            [0.25, 0.25, 0.25, 0.25],
        ]);
        let pixelated = with(0.5, &image.into_dyn(), Depth::Continuous);
        assert_eq!(pixelated, means.into_dyn());
    }

    /// Random levels, and what Pillow 13.0.0 makes of them by `Image.resize` with
    /// `Image.BOX`, down and up again.
    #[test]
    fn levels_are_those_of_pillow() {
        let image = levels([
            [99, 206, 239, 189, 230, 118, 144],
            [73, 8, 228, 231, 190, 155, 112],
            [158, 208, 7, 204, 143, 113, 181],
            [231, 80, 27, 44, 205, 203, 65],
            [175, 30, 212, 86, 125, 146, 254],
        ]);
        let pillow = levels([
            [97, 97, 222, 210, 210, 133, 133],
            [97, 97, 222, 210, 210, 133, 133],
            [183, 183, 106, 143, 143, 147, 147],
            [130, 130, 93, 165, 165, 167, 167],
            [130, 130, 93, 165, 165, 167, 167],
        ]);
        assert_eq!(with(0.6, &image, Depth::EightBit), pillow);
        let image = levels([
            [121, 137, 106, 41, 233, 190],
            [129, 210, 103, 144, 206, 5],
            [58, 0, 208, 132, 110, 164],
            [105, 179, 27, 31, 2, 68],
        ]);
        let pillow = levels([
            [115, 115, 115, 111, 111, 111],
            [115, 115, 115, 111, 111, 111],
            [115, 115, 115, 111, 111, 111],
            [115, 115, 115, 111, 111, 111],
        ]);
        assert_eq!(with(0.45, &image, Depth::EightBit), pillow);
    }

    #[test]
    fn images_of_every_size_and_depth_are_perturbed() {
        for depth in [Depth::Continuous, Depth::EightBit] {
            for shape in [
                &[1, 1][..],
                &[1, 9],
                &[9, 1],
                &[0, 4],
                &[4, 0],
                &[3, 7, 5],
                &[6, 5, 7],
            ] {
                let image = ramp(shape);
                let pixelated = with(0.3, &image, depth);
                assert_eq!(pixelated.shape(), shape);
                let same = with(1.0, &image, Depth::Continuous);
                assert_eq!(same, image);
            }
        }
        assert!(Pixelate.check(&[30]).is_err() && Pixelate.check(&[1, 2, 3, 4]).is_err());
    }

    /// A share so small that one pixel is left: the mean of all.
    #[test]
    fn one_pixel_is_always_left() {
        let image = ramp(&[2, 4, 7]);
        let flat = with(0.01, &image, Depth::Continuous);
        for (flat, image) in flat.outer_iter().zip(image.outer_iter()) {
            let mean = image.mean().unwrap();
            assert!(flat.iter().all(|value| (value - mean).abs() < 1e-6));
        }
    }

    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        let amount = parameters(&[("share", 0.4)]);
        assert_view_as_copy(&Pixelate, &amount, [6, 5, 3], Depth::Continuous);
    }

    proptest! {
        #[test]
        fn each_channel_is_perturbed_by_itself(
            channels in 1_usize..7,
            height in 1_usize..9,
            width in 1_usize..9,
            share in 0.1..1.0,
        ) {
            let image = ramp(&[channels, height, width]);
            let together = with(share, &image, Depth::EightBit);
            for (together, image) in together.outer_iter().zip(image.outer_iter()) {
                let alone = with(share, &image.to_owned().into_dyn(), Depth::EightBit);
                prop_assert_eq!(together, alone);
            }
        }

        /// Means lie within what is averaged, and 8-bit data stay levels.
        #[test]
        fn values_stay_within_their_range(
            values in proptest::collection::vec(0_u8..=255, 35),
            share in 0.05..1.0,
        ) {
            let (least, most) = (values.iter().min().unwrap(), values.iter().max().unwrap());
            let (least, most) = (f32::from(*least), f32::from(*most));
            let values = values.iter().map(|&level| f32::from(level) / 255.0).collect();
            let image = ArrayD::from_shape_vec(vec![5, 7], values).unwrap();
            for value in with(share, &image, Depth::EightBit) {
                let level = value * 255.0;
                prop_assert!((level - level.round()).abs() < 1e-3);
                prop_assert!(least <= level.round() && level.round() <= most);
            }
            for value in with(share, &image, Depth::Continuous) {
                prop_assert!(least / 255.0 - 1e-6 <= value && value <= most / 255.0 + 1e-6);
            }
        }

        #[test]
        fn what_is_no_number_does_not_stop_it(share in 0.05..1.0) {
            for depth in [Depth::Continuous, Depth::EightBit] {
                with(share, &ArrayD::from_elem(vec![3, 4, 5], f32::NAN), depth);
            }
        }
    }
}
