//! The Gaussian filter, as `scipy.ndimage.gaussian_filter` and scikit-image define it.

use super::border::Border;
use super::taps::{Pair, SymmetricalTaps, Tap, fill};
use crate::perturb::image::Planes;

/// A Gaussian of standard deviation `sigma` pixels, cut off after
/// ⌊`truncate` × `sigma` + 1/2⌋ pixels: exp(-i² / 2σ²), made to sum to 1.
pub struct Gaussian {
    /// The weights from the centre outwards.
    weights: Vec<f32>,
}

impl Gaussian {
    /// Both are at least zero. Scikit-image truncates at 4 where it is not told.
    pub fn new(sigma: f64, truncate: f64) -> Self {
        let radius = (truncate * sigma + 0.5) as u32;
        let bell = |i: u32| match i {
            0 => 1.0,
            _ => libm::exp(-f64::from(i * i) / (2.0 * sigma * sigma)),
        };
        let total = 1.0 + 2.0 * (1..=radius).map(bell).sum::<f64>();
        Self {
            weights: (0..=radius).map(|i| (bell(i) / total) as f32).collect(),
        }
    }

    /// The weights from the centre outwards.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    /// Filters each plane, along the columns and then along the rows.
    pub fn filter(&self, planes: &mut Planes<'_>, border: Border) {
        let radius = self.weights.len() - 1;
        let (height, width) = (planes.height, planes.width);
        if radius == 0 {
            return;
        }
        let mut source = vec![0.0; height * width];
        let mut row = vec![0.0; width + 2 * radius];
        let along_rows = self.pairs(|distance| [radius - distance, radius + distance]);
        let mut along_columns = along_rows.clone();
        for plane in planes.each() {
            source.copy_from_slice(plane);
            for (y, target) in plane.chunks_exact_mut(width).enumerate() {
                let start = |y: isize| border.index(y, height) * width;
                let y = y as isize;
                for (pair, distance) in along_columns.iter_mut().zip(1..) {
                    pair.offsets = [start(y - distance), start(y + distance)];
                }
                let column = SymmetricalTaps {
                    source: &source,
                    centre: self.centre(start(y)),
                    pairs: &along_columns,
                };
                fill(&mut row[radius..radius + width], &column);
                border.fill_ends(&mut row, radius, width);
                let row = SymmetricalTaps {
                    source: &row,
                    centre: self.centre(radius),
                    pairs: &along_rows,
                };
                fill(target, &row);
            }
        }
    }

    fn centre(&self, offset: usize) -> Tap {
        Tap {
            offset,
            weight: self.weights[0],
        }
    }

    /// The taps at each distance from 1 on.
    fn pairs(&self, offsets: impl Fn(usize) -> [usize; 2]) -> Vec<Pair> {
        let weights = self.weights.iter().enumerate().skip(1);
        weights
            .map(|(distance, &weight)| Pair {
                offsets: offsets(distance),
                weight,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filtered(
        sigma: f64,
        truncate: f64,
        border: Border,
        width: usize,
        values: &[f32],
    ) -> Vec<f32> {
        let mut values = values.to_vec();
        let mut planes = Planes {
            height: values.len() / width,
            width,
            values: &mut values,
        };
        Gaussian::new(sigma, truncate).filter(&mut planes, border);
        values
    }

    /// `scipy.ndimage.gaussian_filter(x, 1.3, mode=…, truncate=3)` of SciPy 1.17.1 for
    /// x = arange(20).reshape(4, 5) * 7 % 17 / 16: its corners and its centre.
    #[test]
    fn it_is_the_filter_of_scipy() {
        let values: Vec<f32> = (0..20_u8).map(|i| f32::from(i * 7 % 17) / 16.0).collect();
        for (border, expected) in [
            (
                Border::Nearest,
                [0.2175209, 0.6261410, 0.5381948, 0.2810610, 0.6896811],
            ),
            (
                Border::Reflect,
                [0.2862433, 0.5965307, 0.5405826, 0.3321629, 0.6424503],
            ),
            (
                Border::Mirror,
                [0.4309654, 0.5607056, 0.5548768, 0.4441811, 0.5739213],
            ),
        ] {
            let found = filtered(1.3, 3.0, border, 5, &values);
            for (place, expected) in [0, 4, 7, 15, 19].into_iter().zip(expected) {
                let error = (f64::from(found[place]) - expected).abs();
                assert!(error < 1e-6, "{border:?} {place}: {}", found[place]);
            }
        }
    }

    /// The cut is after four times sigma, rounded: 6 pixels for 1.5, none for 0.1.
    #[test]
    fn an_impulse_becomes_the_bell() {
        let mut impulse = [0.0; 21 * 21];
        impulse[10 * 21 + 10] = 1.0;
        let found = filtered(1.5, 4.0, Border::Nearest, 21, &impulse);
        let bell = |i: i32| {
            if i.abs() > 6 {
                0.0
            } else {
                (-f64::from(i * i) / 4.5).exp()
            }
        };
        let total: f64 = (-6..=6).map(bell).sum();
        for (place, &found) in (0..).zip(&found) {
            let expected = bell(place / 21 - 10) * bell(place % 21 - 10) / (total * total);
            assert!((f64::from(found) - expected).abs() < 1e-7, "{place}");
        }
        assert_eq!(filtered(0.1, 4.0, Border::Nearest, 21, &impulse), impulse);
    }

    proptest! {
        #[test]
        fn what_is_even_stays_even(
            (height, width) in (1_usize..9, 1_usize..90),
            sigma in 0.0..8.0,
            value in 0.0_f32..=1.0,
        ) {
            for border in [Border::Nearest, Border::Reflect, Border::Mirror] {
                for found in filtered(sigma, 4.0, border, width, &vec![value; height * width]) {
                    prop_assert!((found - value).abs() < 1e-6);
                }
            }
        }

        /// Mirrored input gives mirrored output, to the last bit: no block or border of
        /// the computation shows.
        #[test]
        fn left_and_right_are_treated_alike(
            (width, values) in (1_usize..90).prop_flat_map(|width| {
                (Just(width), proptest::collection::vec(0.0_f32..=1.0, 3 * width))
            }),
            sigma in 0.0..8.0,
        ) {
            let mirrored = |values: &[f32]| -> Vec<f32> {
                values.chunks(width).flat_map(|row| row.iter().rev().copied()).collect()
            };
            let filtered = |values: &[f32]| filtered(sigma, 4.0, Border::Reflect, width, values);
            prop_assert_eq!(mirrored(&filtered(&values)), filtered(&mirrored(&values)));
        }
    }
}
