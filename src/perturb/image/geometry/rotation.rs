//! Rotation: of a camera that is not held level.

use ndarray::ArrayViewMutD;

use super::on_both_scales;
use crate::catalogue::{Parameter, Parameters, PerturbationKind};
use crate::perturb::image::{Planes, any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`Rotation`] in the catalogue.
pub static ROTATION: PerturbationKind = PerturbationKind {
    name: "rotation",
    version: 1,
    about: "Turns the image about its centre, to one side or the other; beyond its edges it is mirrored.",
    source: "Bilinear, pixel centres as in OpenCV and torchvision; severities chosen here: from a \
             horizon that is visibly crooked to a camera held carelessly",
    stochastic: true,
    parameters: &[Parameter {
        name: "degrees",
        about: "The angle in degrees, of which the stream decides the side.",
        minimum: 0.0,
        maximum: 180.0,
        integer: false,
        default: None,
    }],
    severities: &on_both_scales([&[5.0], &[10.0], &[15.0], &[20.0], &[30.0]]),
};

/// The image turned by exactly `degrees`, counterclockwise or clockwise with equal
/// chance.
///
/// torchvision's `RandomRotation` draws the angle from the whole of ±`degrees`, so that
/// half of its examples are turned by less than half. Here a severity is an angle, and
/// a curve over severities is accuracy over the angle.
pub struct Rotation;

impl Perturbation for Rotation {
    fn kind(&self) -> &'static PerturbationKind {
        &ROTATION
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&ROTATION, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        let clockwise = stream.below(2) == 1;
        let degrees = parameters.get("degrees");
        if degrees != 0.0 && !example.is_empty() {
            let (sine, cosine) = sine_and_cosine(degrees);
            let sine = if clockwise { -sine } else { sine };
            with_planes(example, |planes| turn(planes, sine as f32, cosine as f32));
        }
    }
}

/// Exact where the angle is a multiple of 90 degrees, which π is not.
fn sine_and_cosine(degrees: f64) -> (f64, f64) {
    let quarters = (degrees / 90.0).round();
    let (sine, cosine) = libm::sincos((degrees - quarters * 90.0).to_radians());
    match quarters.rem_euclid(4.0) as u8 {
        0 => (sine, cosine),
        1 => (cosine, -sine),
        2 => (-sine, -cosine),
        _ => (-cosine, sine),
    }
}

/// Four channels of a pixel: what a vector of the oldest processor holds.
type Pixel = [f32; 4];

/// Turns counterclockwise, four channels at a time.
fn turn(planes: Planes<'_>, sine: f32, cosine: f32) {
    let Planes {
        height,
        width,
        values,
    } = planes;
    let mut source = vec![Pixel::default(); (height + 1) * (width + 1)];
    let mut cells = vec![Cell::default(); width];
    let mut pixels = vec![Pixel::default(); width];
    for group in values.chunks_mut(4 * height * width) {
        gather(group, height, width, &mut source);
        for row in 0..height {
            wide(
                #[inline(always)]
                || {
                    let down = row as f32 - (height as f32 - 1.0) / 2.0;
                    for (column, cell) in cells.iter_mut().enumerate() {
                        let right = column as f32 - (width as f32 - 1.0) / 2.0;
                        let x = cosine * right - sine * down + (width as f32 - 1.0) / 2.0;
                        let y = sine * right + cosine * down + (height as f32 - 1.0) / 2.0;
                        *cell = Cell::at(x, y, height, width);
                    }
                    for (pixel, cell) in pixels.iter_mut().zip(&cells) {
                        *pixel = cell.value(&source, width + 1);
                    }
                    for (channel, plane) in group.chunks_exact_mut(height * width).enumerate() {
                        let target = &mut plane[row * width..][..width];
                        for (value, pixel) in target.iter_mut().zip(&pixels) {
                            *value = pixel[channel];
                        }
                    }
                },
            );
        }
    }
}

/// The planes of `group`, one to four, as pixels, with the last row and the last column
/// once more, so that every pixel has a neighbour to the right and below.
fn gather(group: &[f32], height: usize, width: usize, source: &mut [Pixel]) {
    for (channel, plane) in group.chunks_exact(height * width).enumerate() {
        for (row, target) in source.chunks_exact_mut(width + 1).enumerate() {
            let values = &plane[row.min(height - 1) * width..][..width];
            for (pixel, &value) in target.iter_mut().zip(values) {
                pixel[channel] = value;
            }
            target[width][channel] = values[width - 1];
        }
    }
}

/// A place between four pixels.
#[derive(Clone, Copy, Default)]
struct Cell {
    /// The index of the upper left one.
    first: u32,
    /// How far to the right of it, from 0 to 1.
    right: f32,
    /// How far below it.
    down: f32,
}

impl Cell {
    /// The place (x, y), in pixels from the centre of the first one.
    #[inline(always)]
    fn at(x: f32, y: f32, height: usize, width: usize) -> Self {
        let (x, y) = (mirrored(x, width as f32), mirrored(y, height as f32));
        let (column, row) = (x.floor(), y.floor());
        Self {
            first: whole(row) * (width as u32 + 1) + whole(column),
            right: x - column,
            down: y - row,
        }
    }

    /// The value there, of rows of `stride` pixels.
    #[inline(always)]
    fn value(&self, source: &[Pixel], stride: usize) -> Pixel {
        let near = &source[self.first as usize..][..stride + 2];
        let (above, below) = (
            between(near[0], near[1], self.right),
            between(near[stride], near[stride + 1], self.right),
        );
        between(above, below, self.down)
    }
}

/// A whole number from 0 to 2²³ - 1: the last bits of the float that is 2²³ larger. The
/// plain conversion, which minds NaN, is not vectorised.
#[inline(always)]
fn whole(number: f32) -> u32 {
    (number + 8_388_608.0).to_bits() & 0x007f_ffff
}

/// From `first` towards `second`; two equal values give just that.
#[inline(always)]
fn between(first: Pixel, second: Pixel, share: f32) -> Pixel {
    std::array::from_fn(|channel| first[channel] + share * (second[channel] - first[channel]))
}

/// Where in an axis of `size` pixels the place `position` of the axis continued by its
/// mirror images is found: `resample::mirror` for places between pixels.
#[inline(always)]
fn mirrored(position: f32, size: f32) -> f32 {
    let period = 2.0 * size;
    let place = position + 0.5;
    let place = place - period * (place / period).floor();
    (place.min(period - place) - 0.5).max(0.0).min(size - 1.0)
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, Axis, Ix2, arr2, s};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{parameters, perturbed, ramp};

    fn with(degrees: f64, image: &ArrayD<f32>, id: &str) -> ArrayD<f32> {
        perturbed(&Rotation, image, &parameters(&[("degrees", degrees)]), id)
    }

    /// The ids of an example that is turned counterclockwise, and of one clockwise.
    fn sides() -> [String; 2] {
        // The upper pixel of two is seen on the left after a quarter turn counterclockwise.
        let image = arr2(&[[0.0, 1.0, 0.0], [0.0; 3], [0.0; 3]]).into_dyn();
        [[1, 0], [1, 2]].map(|seen| {
            (0..100)
                .map(|id| id.to_string())
                .find(|id| with(90.0, &image, id)[seen] == 1.0)
                .unwrap()
        })
    }

    #[test]
    fn quarter_turns_are_exact() {
        let [left, right] = sides();
        let image = ramp(&[7, 7]);
        let square = image.clone().into_dimensionality::<Ix2>().unwrap();
        let counterclockwise = square.t().slice(s![..;-1, ..]).to_owned().into_dyn();
        let clockwise = square.t().slice(s![.., ..;-1]).to_owned().into_dyn();
        let half = square.slice(s![..;-1, ..;-1]).to_owned().into_dyn();
        assert_eq!(with(90.0, &image, &left), counterclockwise);
        assert_eq!(with(90.0, &image, &right), clockwise);
        assert_eq!(with(180.0, &image, &left), half);
        assert_eq!(with(180.0, &image, &right), half);
        assert_eq!(with(0.0, &image, &left), image);
        // Of an even size, the centre is between pixels.
        let even = ramp(&[6, 6]);
        let square = even.clone().into_dimensionality::<Ix2>().unwrap();
        let turned = square.t().slice(s![..;-1, ..]).to_owned().into_dyn();
        assert_eq!(with(90.0, &even, &left), turned);
    }

    #[test]
    fn a_plane_that_rises_evenly_is_turned_as_one() {
        // Bilinear interpolation of a linear function is the function itself.
        let [left, right] = sides();
        let size = 41;
        let image = ArrayD::from_shape_fn(vec![size, size], |place| {
            0.5 + 0.01 * (place[1] as f32 - 20.0) + 0.002 * (place[0] as f32 - 20.0)
        });
        for (id, sign) in [(left, 1.0), (right, -1.0)] {
            let turned = with(30.0, &image, &id);
            let (sine, cosine) = (sign * 0.5, 0.75_f64.sqrt());
            // Within this circle nothing comes from beyond the edges.
            for row in 7..34 {
                for column in 7..34 {
                    let (x, y) = (column as f64 - 20.0, row as f64 - 20.0);
                    let expected =
                        0.5 + 0.01 * (cosine * x - sine * y) + 0.002 * (sine * x + cosine * y);
                    let found = f64::from(turned[[row, column]]);
                    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
                }
            }
        }
    }

    #[test]
    fn a_small_angle_and_a_large_one_go_the_same_way() {
        // A bright pixel right of the centre goes up where it is turned counterclockwise.
        let mut image = ArrayD::zeros(vec![31, 31]);
        image[[15, 25]] = 1.0;
        for id in (0..20).map(|id| id.to_string()) {
            let height = |degrees| {
                let turned = with(degrees, &image, &id);
                let rows = turned.sum_axis(Axis(1));
                let weighted: f32 = rows
                    .iter()
                    .zip(0..)
                    .map(|(sum, row)| sum * row as f32)
                    .sum();
                15.0 - weighted / rows.sum()
            };
            let heights = [5.0, 10.0, 15.0, 20.0, 30.0].map(height);
            let sign = heights[0].signum();
            assert!(sign * heights[0] > 0.5);
            for pair in heights.windows(2) {
                assert!(sign * (pair[1] - pair[0]) > 0.5, "{heights:?}");
            }
        }
    }

    #[test]
    fn the_sides_are_equally_likely() {
        let mut image = ArrayD::zeros(vec![3, 3]);
        image[[0, 1]] = 1.0;
        let left = (0..1000)
            .filter(|id| with(90.0, &image, &id.to_string())[[1, 0]] == 1.0)
            .count();
        // Four standard deviations of 16.
        assert!((436..=564).contains(&left), "{left}");
    }

    proptest! {
        #[test]
        fn the_mirror_is_that_of_whole_pixels(index in -300_i64..300, size in 1_usize..40) {
            let expected = crate::perturb::image::resample::mirror(index, size) as f32;
            let found = mirrored(index as f32, size as f32);
            prop_assert!((found - expected).abs() < 1e-3, "{found} {expected}");
        }
    }
}
