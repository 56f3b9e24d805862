//! The blur of an exposure during which the camera moved, as ImageMagick's
//! `MotionBlurImage` defines it.

use super::border::Border;
use super::taps::{Tap, Taps, fill};
use crate::perturb::image::Planes;

/// A one-sided Gaussian along a line that sets out from the pixel.
pub struct Motion {
    /// What each neighbour weighs, and where it lies: columns to the right, rows down.
    neighbours: Vec<(f64, isize, isize)>,
}

impl Motion {
    /// Of `2 ⌈radius⌉ + 1` points, one pixel apart, `sigma` pixels (more than zero) of
    /// standard deviation, at `angle` degrees, clockwise from the right as the image is
    /// seen. The weights exp(-i² / 2σ²) are made to sum to 1; each point is the pixel
    /// nearest to it, halves towards the top left.
    pub fn new(radius: f64, sigma: f64, angle: f64) -> Self {
        let points = 2 * radius.ceil() as u32 + 1;
        let bell = |i: u32| libm::exp(-f64::from(i * i) / (2.0 * sigma * sigma));
        let total: f64 = (0..points).map(bell).sum();
        let (right, down) = (libm::cos(angle.to_radians()), libm::sin(angle.to_radians()));
        let mut neighbours: Vec<(f64, isize, isize)> = Vec::new();
        for i in 0..points {
            let weight = bell(i) / total;
            let place = |step: f64| libm::ceil(f64::from(i) * step - 0.5) as isize;
            let (x, y) = (place(right), place(down));
            match neighbours.last_mut() {
                // Two points of a slanted line can be in one pixel.
                Some(last) if (last.1, last.2) == (x, y) => last.0 += weight,
                _ => neighbours.push((weight, x, y)),
            }
        }
        Self { neighbours }
    }

    /// Filters each plane; beyond the edge is the nearest value.
    pub fn filter(&self, planes: &mut Planes<'_>) {
        let border = Border::Nearest;
        let (height, width) = (planes.height, planes.width);
        let columns = self.neighbours.iter().map(|&(_, x, _)| x);
        let before = columns.clone().min().unwrap_or(0).min(0).unsigned_abs();
        let after = columns.max().unwrap_or(0).max(0).unsigned_abs();
        let stride = before + width + after;
        let mut source = vec![0.0; height * stride];
        let mut taps: Vec<Tap> = Vec::with_capacity(self.neighbours.len());
        for plane in planes.each() {
            let rows = plane.chunks_exact(width);
            for (row, extended) in rows.zip(source.chunks_exact_mut(stride)) {
                border.extend(row, before, extended);
            }
            for (y, target) in plane.chunks_exact_mut(width).enumerate() {
                taps.clear();
                taps.extend(self.neighbours.iter().map(|&(weight, right, down)| Tap {
                    offset: border.index(y as isize + down, height) * stride
                        + before.wrapping_add_signed(right),
                    weight: weight as f32,
                }));
                let line = Taps {
                    source: &source,
                    taps: &taps,
                };
                fill(target, &line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filtered(motion: &Motion, height: usize, values: &[f32]) -> Vec<f32> {
        let mut values = values.to_vec();
        let mut planes = Planes {
            height,
            width: values.len() / height,
            values: &mut values,
        };
        motion.filter(&mut planes);
        values
    }

    /// A point is seen from where the line leads to it: at its left for angle 0, above
    /// it for 90 degrees, at its left and above for 45.
    #[test]
    fn an_impulse_becomes_the_trail() {
        let mut impulse = [0.0; 9 * 9];
        impulse[4 * 9 + 4] = 1.0;
        let bell = |i: f64| (-i * i / 4.5).exp();
        let total: f64 = (0..5).map(|i| bell(f64::from(i))).sum();
        for (angle, step) in [(0.0, 1), (90.0, 9), (180.0, -1), (-90.0, -9)] {
            let found = filtered(&Motion::new(2.0, 1.5, angle), 9, &impulse);
            for (place, found) in (0..).zip(found) {
                let distance = (40 - place) / step;
                let on_line = distance * step == 40 - place && (0..5).contains(&distance);
                let expected = if on_line {
                    bell(f64::from(distance)) / total
                } else {
                    0.0
                };
                assert!(
                    (f64::from(found) - expected).abs() < 1e-7,
                    "{angle} {place}"
                );
            }
        }
        // At 45 degrees the points 0, 1, 2, 3, 4 lie 0, 1, 1, 2, 3 pixels down and right.
        let found = filtered(&Motion::new(2.0, 1.5, 45.0), 9, &impulse);
        let weights = [bell(0.0), bell(1.0) + bell(2.0), bell(3.0), bell(4.0)];
        for (place, weight) in [40, 30, 20, 10].into_iter().zip(weights) {
            assert!(
                (f64::from(found[place]) - weight / total).abs() < 1e-7,
                "{place}"
            );
        }
    }

    /// What ImageMagick 6.9.11 (Q16) makes of this image with `-motion-blur 2x1.5+30`, in
    /// levels of 16 bits.
    #[test]
    fn it_is_the_blur_of_imagemagick() {
        let values: Vec<f32> = (0..30_u8).map(|i| f32::from(i * 7 % 17) / 17.0).collect();
        let expected: [u16; 30] = [
            15205, 38457, 31225, 28763, 27129, 10902, 42312, 35080, 30747, 22441, 15310, 26668,
            38935, 34602, 28158, 25696, 24062, 7835, 38086, 31642, 31042, 34077, 26946, 38304,
            39373, 27433, 32329, 29868, 50321, 61680,
        ];
        let found = filtered(&Motion::new(2.0, 1.5, 30.0), 5, &values);
        for (found, expected) in found.into_iter().zip(expected) {
            assert!(
                (found * 65_535.0 - f32::from(expected)).abs() < 0.6,
                "{expected}: {found}"
            );
        }
    }

    proptest! {
        #[test]
        fn it_is_the_sum_along_the_line(
            (height, width) in (1_usize..6, 1_usize..80),
            (radius, sigma, angle) in (0.0..20.0_f64, 0.5..16.0_f64, -180.0..180.0_f64),
        ) {
            let values: Vec<f32> = (0..height * width).map(|i| (i * 7 % 17) as f32 / 16.0).collect();
            let found = filtered(&Motion::new(radius, sigma, angle), height, &values);
            let (sin, cos) = angle.to_radians().sin_cos();
            for (place, found) in found.into_iter().enumerate() {
                let (mut sum, mut total) = (0.0, 0.0);
                for i in 0..=2 * radius.ceil() as u32 {
                    let i = f64::from(i);
                    let weight = (-i * i / (2.0 * sigma * sigma)).exp();
                    let y = (place / width) as f64 + (i * sin - 0.5).ceil();
                    let x = (place % width) as f64 + (i * cos - 0.5).ceil();
                    let (y, x) = (y.clamp(0.0, height as f64 - 1.0), x.clamp(0.0, width as f64 - 1.0));
                    sum += weight * f64::from(values[y as usize * width + x as usize]);
                    total += weight;
                }
                prop_assert!((f64::from(found) - sum / total).abs() < 1e-5);
            }
        }
    }
}
