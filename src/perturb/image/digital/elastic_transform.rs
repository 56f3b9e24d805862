//! Elastic deformation: of paper, cloth and tissue, of a rolling shutter.

use ndarray::ArrayViewMutD;

use super::{LANES, Pixel, cosines, deinterleave, interleave};
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::border::Border;
use crate::perturb::image::filter::gaussian::Gaussian;
use crate::perturb::image::{Planes, any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`ElasticTransform`] in the catalogue.
pub static ELASTIC_TRANSFORM: PerturbationKind = PerturbationKind {
    name: "elastic_transform",
    version: 1,
    about: "Tilts the image, and moves each pixel by a smooth random displacement.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; Simard et al. (2003)",
    stochastic: true,
    parameters: &[
        Parameter {
            name: "displacement",
            about: "What the smoothed noise on [-1, 1] is multiplied by, in pixels.",
            minimum: 0.0,
            maximum: 10_000.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "smoothing",
            about: "The standard deviation of the Gaussian that smooths the noise, in pixels.",
            minimum: 0.0,
            maximum: 1_000.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "tilt",
            about: "How far three corners are moved at most along each axis, in pixels, the whole image with them.",
            minimum: 0.0,
            maximum: 1_000.0,
            integer: false,
            default: Some(0.0),
        },
    ],
    // The published ones are multiples of 244 and of 32 pixels.
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[488.0, 170.8, 24.4],
                &[488.0, 19.52, 48.8],
                &[12.2, 2.44, 4.88],
                &[17.08, 2.44, 4.88],
                &[29.28, 2.44, 4.88],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[0.0, 0.0, 2.56],
                &[1.6, 6.4, 2.24],
                &[2.56, 1.92, 1.92],
                &[3.2, 1.28, 1.6],
                &[3.2, 0.96, 0.96],
            ],
        },
    ],
};

/// The image under a random affine map, then each pixel taken from where a smooth random
/// displacement points, both by bilinear interpolation.
///
/// The map is the one by which three corners of a square about the middle, of two thirds
/// of the shorter side, go to places within ±`tilt` of theirs; beyond its edges the image
/// is mirrored about its last pixels. The displacement along each axis is noise, uniform
/// on [-1, 1], smoothed by a Gaussian that is cut off at three deviations, times
/// `displacement`; noise and image are mirrored about their edges. All three parameters
/// are in pixels of the image as it is, whatever its size. Of an image with a side below
/// three pixels there is no such square, and it is not tilted.
///
/// Six words an image and two a pixel are drawn, which all channels share.
pub struct ElasticTransform;

impl Perturbation for ElasticTransform {
    fn kind(&self) -> &'static PerturbationKind {
        &ELASTIC_TRANSFORM
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&ELASTIC_TRANSFORM, shape)
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
            if height * width == 0 {
                return;
            }
            let mut corners = [0; 6];
            stream.fill(&mut corners);
            let tilt = Tilt::new(
                height,
                width,
                parameters.get("tilt"),
                corners.map(symmetrical),
            );
            let displacements = displacements(
                [height, width],
                parameters.get("displacement"),
                parameters.get("smoothing"),
                stream,
            );
            let mut planes: Vec<&mut [f32]> = planes.each().collect();
            for planes in planes.chunks_mut(LANES) {
                deform(planes, [height, width], &tilt, &displacements);
            }
        });
    }
}

fn deform(
    planes: &mut [&mut [f32]],
    [height, width]: [usize; 2],
    tilt: &Tilt,
    displacements: &[f32],
) {
    let mut image = Image::new(height, width);
    let mut places = Places::new(width);
    let (across, down) = displacements.split_at(height * width);
    wide(
        #[inline(always)]
        || {
            resample(
                planes,
                &mut image,
                &mut places,
                #[inline(always)]
                |y, places| {
                    tilt.places(y, places);
                    places.mirror(height, width);
                },
            );
            resample(
                planes,
                &mut image,
                &mut places,
                #[inline(always)]
                |y, places| {
                    let row = y * width..(y + 1) * width;
                    places.displaced(y, &across[row.clone()], &down[row]);
                    places.reflect(height, width);
                },
            );
        },
    );
}

/// A uniform number on [-1, 1].
#[inline(always)]
fn symmetrical(word: u32) -> f32 {
    word.cast_signed() as f32 * (1.0 / 2_147_483_648.0)
}

/// Fills `values` with noise on [-`scale`, `scale`].
fn fill_with_noise(values: &mut [f32], scale: f64, stream: &mut Stream) {
    let mut words = [0; 1024];
    for values in values.chunks_mut(words.len()) {
        stream.fill(&mut words[..values.len()]);
        wide(
            #[inline(always)]
            || {
                for (value, word) in values.iter_mut().zip(words) {
                    *value = symmetrical(word) * scale as f32;
                }
            },
        );
    }
}

/// The displacements of all pixels along the rows, then of all along the columns, in
/// pixels.
fn displacements(
    [height, width]: [usize; 2],
    scale: f64,
    smoothing: f64,
    stream: &mut Stream,
) -> Vec<f32> {
    let mut values = vec![0.0; 2 * height * width];
    fill_with_noise(&mut values, scale, stream);
    let gaussian = Gaussian::new(smoothing, 3.0);
    let weights = gaussian.weights();
    let mut fields = Planes {
        height,
        width,
        values: &mut values,
    };
    if 2 * weights.len() > height.max(width) {
        cosines::smooth(&mut fields, weights);
    } else {
        gaussian.filter(&mut fields, Border::Reflect);
    }
    values
}

/// Takes each pixel of up to four planes from the place that `find` gives for it, a row
/// at a time.
#[inline(always)]
fn resample(
    planes: &mut [&mut [f32]],
    image: &mut Image,
    places: &mut Places,
    mut find: impl FnMut(usize, &mut Places),
) {
    let width = image.stride - 1;
    image.fill(planes);
    let mut row = vec![[0.0; LANES]; width];
    for y in 0..image.height {
        find(y, places);
        image.sample(places, &mut row);
        deinterleave(&row, planes, y * width);
    }
}

/// Where the pixels of the tilted image come from.
struct Tilt {
    /// The place that pixel (0, 0) comes from, x and y.
    origin: [f64; 2],
    /// How much farther on the next pixel's is, and the next row's.
    steps: [[f64; 2]; 2],
}

impl Tilt {
    fn new(height: usize, width: usize, tilt: f64, moves: [f32; 6]) -> Self {
        let size = (height.min(width) / 3) as f64;
        let [ax, ay, bx, by, cx, cy] = moves.map(|part| tilt * f64::from(part));
        let none = Self {
            origin: [0.0, 0.0],
            steps: [[1.0, 0.0], [0.0, 1.0]],
        };
        // b is the corner at the top right, a the one below it, c the one on its left.
        let side = 2.0 * size;
        let (right, down) = (
            [1.0 + (bx - cx) / side, (by - cy) / side],
            [(ax - bx) / side, 1.0 + (ay - by) / side],
        );
        let area = right[0] * down[1] - right[1] * down[0];
        if size == 0.0 || area == 0.0 {
            return none;
        }
        let steps = [
            [down[1] / area, -right[1] / area],
            [-down[0] / area, right[0] / area],
        ];
        let corner = [(width / 2) as f64 + size, (height / 2) as f64 - size];
        let there = [corner[0] + bx, corner[1] + by];
        let origin =
            [0, 1].map(|axis| corner[axis] - there[0] * steps[0][axis] - there[1] * steps[1][axis]);
        Self { origin, steps }
    }

    /// Where the pixels of row `y` come from.
    #[inline(always)]
    fn places(&self, y: usize, places: &mut Places) {
        let [along, down] = self.steps;
        let y = y as f64;
        let (start_x, start_y) = (self.origin[0] + y * down[0], self.origin[1] + y * down[1]);
        for (x, (place_x, place_y)) in places.x.iter_mut().zip(&mut places.y).enumerate() {
            let x = x as f64;
            *place_x = (start_x + x * along[0]) as f32;
            *place_y = (start_y + x * along[1]) as f32;
        }
    }
}

/// Places in an image between its pixels, whose middles have whole numbers.
struct Places {
    x: Vec<f32>,
    y: Vec<f32>,
    /// Of the pixel up and to the left of each.
    offsets: Vec<i32>,
}

impl Places {
    fn new(count: usize) -> Self {
        Self {
            x: vec![0.0; count],
            y: vec![0.0; count],
            offsets: vec![0; count],
        }
    }

    /// Those that the pixels of row `y` are moved to.
    #[inline(always)]
    fn displaced(&mut self, y: usize, across: &[f32], down: &[f32]) {
        for (x, (place, across)) in self.x.iter_mut().zip(across).enumerate() {
            *place = x as f32 + across;
        }
        for (place, down) in self.y.iter_mut().zip(down) {
            *place = y as f32 + down;
        }
    }

    /// Brings them into the image, which is mirrored about its outermost pixels.
    #[inline(always)]
    fn mirror(&mut self, height: usize, width: usize) {
        for (places, length) in [(&mut self.x, width), (&mut self.y, height)] {
            let last = (length - 1) as f32;
            let period = 2.0 * last;
            for place in places {
                *place = (*place - period * (*place / period + 0.5).floor()).abs();
                // Not a number where the image is one pixel wide, which max drops.
                *place = place.max(0.0).min(last);
            }
        }
    }

    /// Brings them into the image, which is mirrored about its edges.
    #[inline(always)]
    fn reflect(&mut self, height: usize, width: usize) {
        for (places, length) in [(&mut self.x, width), (&mut self.y, height)] {
            let period = 2.0 * length as f32;
            for place in places {
                let edge = *place + 0.5;
                *place = (edge - period * (edge / period + 0.5).floor()).abs() - 0.5;
                *place = place.max(0.0).min((length - 1) as f32);
            }
        }
    }
}

/// An image, pixel after pixel, with its last column and its last row twice, so that
/// each pixel has neighbours.
struct Image {
    height: usize,
    /// Pixels of a row.
    stride: usize,
    pixels: Vec<Pixel>,
}

impl Image {
    fn new(height: usize, width: usize) -> Self {
        let stride = width + 1;
        Self {
            height,
            stride,
            pixels: vec![[0.0; LANES]; stride * (height + 1)],
        }
    }

    #[inline(always)]
    fn fill(&mut self, planes: &[&mut [f32]]) {
        let (height, width) = (self.height, self.stride - 1);
        for (y, row) in self.pixels.chunks_exact_mut(width + 1).enumerate() {
            let y = y.min(height - 1);
            interleave(planes, y * width, &mut row[..width]);
            row[width] = row[width - 1];
        }
    }

    /// The values at `places`, which are in the image, by bilinear interpolation.
    #[inline(always)]
    fn sample(&self, places: &mut Places, row: &mut [Pixel]) {
        let stride = self.stride as i32;
        let Places { x, y, offsets } = places;
        for ((x, y), offset) in x.iter_mut().zip(&mut *y).zip(&mut *offsets) {
            *offset = (*y as i32).wrapping_mul(stride).wrapping_add(*x as i32);
            (*x, *y) = (*x - x.floor(), *y - y.floor());
        }
        for ((pixel, (x, y)), offset) in row.iter_mut().zip(x.iter().zip(y)).zip(offsets) {
            let from = &self.pixels[*offset as usize..];
            let (Some([a, b]), Some([c, d])) = (
                from.first_chunk(),
                from.get(self.stride..).and_then(<[_]>::first_chunk),
            ) else {
                continue;
            };
            let mut sampled = [0.0; LANES];
            for lane in 0..LANES {
                let above = a[lane] + (b[lane] - a[lane]) * *x;
                let below = c[lane] + (d[lane] - c[lane]) * *x;
                sampled[lane] = above + (below - above) * *y;
            }
            *pixel = sampled;
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, ArrayD, arr2};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{assert_view_as_copy, parameters, perturbed, ramp, stream};

    fn with(displacement: f64, smoothing: f64, tilt: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        let parameters = parameters(&[
            ("displacement", displacement),
            ("smoothing", smoothing),
            ("tilt", tilt),
        ]);
        perturbed(&ElasticTransform, image, &parameters, "0")
    }

    /// The uniform numbers that `with` draws.
    fn draws(count: usize) -> Vec<f64> {
        let mut words = vec![0; count];
        stream(&ElasticTransform, "0").fill(&mut words);
        let draw = |word: &u32| f64::from(word.cast_signed()) / 2.0_f64.powi(31);
        words.iter().map(draw).collect()
    }

    /// Values that rise by 1/64 along a row and by 1/128 along a column.
    fn slope(x: f64, y: f64) -> f64 {
        x / 64.0 + y / 128.0
    }

    fn sloping(side: usize) -> ArrayD<f32> {
        Array2::from_shape_fn([side, side], |(y, x)| slope(x as f64, y as f64) as f32).into_dyn()
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, side: f64, rows: [[f64; 3]; 5]| {
            for (row, severity) in rows.into_iter().zip(1..) {
                let found = ELASTIC_TRANSFORM
                    .at_severity(scale, f64::from(severity))
                    .unwrap();
                for (multiple, (name, found)) in row.into_iter().zip(found.0) {
                    assert!(
                        (found - multiple * side).abs() < 1e-9,
                        "{name} {severity}: {found}"
                    );
                    let parameter = ELASTIC_TRANSFORM
                        .parameters
                        .iter()
                        .find(|parameter| parameter.name == name);
                    assert!(parameter.is_some_and(|it| (it.minimum..=it.maximum).contains(&found)));
                }
            }
        };
        published(
            Scale::ImagenetC,
            244.0,
            [
                [2.0, 0.7, 0.1],
                [2.0, 0.08, 0.2],
                [0.05, 0.01, 0.02],
                [0.07, 0.01, 0.02],
                [0.12, 0.01, 0.02],
            ],
        );
        published(
            Scale::Cifar10C,
            32.0,
            [
                [0.0, 0.0, 0.08],
                [0.05, 0.2, 0.07],
                [0.08, 0.06, 0.06],
                [0.1, 0.04, 0.05],
                [0.1, 0.03, 0.03],
            ],
        );
    }

    /// The mechanics of ImageNet-C on the same draws: `cv2.getAffineTransform` of OpenCV
    /// 4.11.0 and, of SciPy, `gaussian_filter(…, mode="reflect", truncate=3)` and
    /// `map_coordinates(…, order=1)` with mode "mirror" for the tilt and "reflect" for the
    /// displacements.
    #[test]
    fn it_is_what_scipy_makes_of_the_same_draws() {
        for (parameters, expected) in [
            (
                [4.0, 1.0, 1.5],
                [
                    [
                        0.48545, 0.43467, 0.42631, 0.41875, 0.49445, 0.54933, 0.61443,
                    ],
                    [
                        0.76931, 0.63353, 0.45747, 0.36573, 0.48768, 0.54854, 0.37956,
                    ],
                    [
                        0.51643, 0.45219, 0.60107, 0.53138, 0.59293, 0.63671, 0.50673,
                    ],
                    [
                        0.52444, 0.48933, 0.59163, 0.67071, 0.41312, 0.57344, 0.51705,
                    ],
                    [
                        0.61150, 0.56915, 0.43437, 0.29971, 0.59957, 0.44648, 0.38512,
                    ],
                    [
                        0.43913, 0.55225, 0.36028, 0.67518, 0.19728, 0.46682, 0.33038,
                    ],
                ],
            ),
            (
                [9.0, 4.0, 0.5],
                [
                    [
                        0.34934, 0.42243, 0.62198, 0.31272, 0.51958, 0.39047, 0.62368,
                    ],
                    [
                        0.19578, 0.25989, 0.57120, 0.23274, 0.57068, 0.80288, 0.57084,
                    ],
                    [
                        0.50799, 0.47391, 0.50625, 0.50438, 0.41351, 0.69216, 0.44066,
                    ],
                    [
                        0.65909, 0.66354, 0.48799, 0.69714, 0.42983, 0.56244, 0.34248,
                    ],
                    [
                        0.65770, 0.66618, 0.57590, 0.58831, 0.38941, 0.38664, 0.44218,
                    ],
                    [
                        0.66412, 0.66734, 0.65328, 0.63213, 0.47962, 0.41344, 0.44796,
                    ],
                ],
            ),
        ] {
            let [displacement, smoothing, tilt] = parameters;
            let found = with(displacement, smoothing, tilt, &ramp(&[6, 7]));
            for (found, expected) in found.iter().zip(&arr2(&expected)) {
                assert!(
                    (found - expected).abs() < 2e-5,
                    "{parameters:?}: {found} {expected}"
                );
            }
        }
    }

    /// Of a slope, each pixel has the value of the place that it is taken from.
    #[test]
    fn without_smoothing_each_pixel_has_its_own_displacement() {
        let found = with(2.0, 0.0, 0.0, &sloping(20));
        let draws = draws(6 + 2 * 400);
        let (across, down) = draws[6..].split_at(400);
        for y in 2..18 {
            for x in 2..18 {
                let at = y * 20 + x;
                let place = (x as f64 + 2.0 * across[at], y as f64 + 2.0 * down[at]);
                let error = (f64::from(found[[y, x]]) - slope(place.0, place.1)).abs();
                assert!(error < 1e-5, "{x} {y}: {error}");
            }
        }
    }

    /// A slope stays one, and has its value of the corner where the corner has gone to.
    #[test]
    fn the_corners_are_moved_as_drawn() {
        let found = with(0.0, 0.0, 3.0, &sloping(60));
        let at = |x: usize, y: usize| f64::from(found[[y, x]]);
        let (along, down) = (at(31, 30) - at(30, 30), at(30, 31) - at(30, 30));
        let corners = [[50.0, 50.0], [50.0, 10.0], [10.0, 10.0]];
        for (corner, moves) in corners.into_iter().zip(draws(6).chunks(2)) {
            let place = [0, 1].map(|axis| corner[axis] + 3.0 * moves[axis] - 30.0);
            let value = at(30, 30) + along * place[0] + down * place[1];
            let error = (value - slope(corner[0], corner[1])).abs();
            assert!(error < 2e-4, "{corner:?}: {error}");
        }
    }

    #[test]
    fn nothing_is_moved_by_nothing() {
        for shape in [
            &[3, 9, 7][..],
            &[1, 1],
            &[1, 9],
            &[9, 1],
            &[2, 2],
            &[6, 5, 8],
        ] {
            assert_eq!(with(0.0, 2.0, 0.0, &ramp(shape)), ramp(shape));
        }
    }

    #[test]
    fn flat_images_stay_flat() {
        let flat = ArrayD::from_elem(vec![3, 30, 20], 0.25);
        for found in with(50.0, 4.0, 5.0, &flat) {
            assert_eq!(found, 0.25);
        }
    }

    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        let amount = parameters(&[("displacement", 3.0), ("smoothing", 1.0), ("tilt", 1.0)]);
        assert_view_as_copy(&ElasticTransform, &amount, [6, 5, 3], Depth::EightBit);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert!(ElasticTransform.check(&[30]).is_err());
        assert!(ElasticTransform.check(&[1, 2, 3, 4]).is_err());
    }

    proptest! {
        /// Interpolation stays within what it interpolates; all channels move alike.
        #[test]
        fn images_of_every_size_are_moved(
            channels in 1_usize..7,
            height in 0_usize..12,
            width in 0_usize..40,
            displacement in 0.0..500.0,
            smoothing in 0.0..200.0,
            tilt in 0.0..50.0,
        ) {
            let image = ramp(&[channels, height, width]);
            let together = with(displacement, smoothing, tilt, &image);
            prop_assert_eq!(together.shape(), image.shape());
            prop_assert!(together.iter().all(|value| (-1e-6..=1.0 + 1e-6).contains(value)));
            for (together, image) in together.outer_iter().zip(image.outer_iter()) {
                let alone = with(displacement, smoothing, tilt, &image.to_owned());
                prop_assert_eq!(together, alone);
            }
        }

        #[test]
        fn what_is_no_number_does_not_stop_it(tilt in 0.0..50.0, displacement in 0.0..1e4) {
            let image = ArrayD::from_elem(vec![3, 4, 5], f32::NAN);
            prop_assert!(with(displacement, 1.0, tilt, &image).iter().all(|value| value.is_nan()));
        }
    }
}
