//! A part of a plane, enlarged to the size of the whole, as `scipy.ndimage.zoom` with
//! `order=1` enlarges: the corners of the part stay corners.

use crate::perturb::wide;

/// How one axis is enlarged.
pub struct Enlarged {
    /// Where the part begins.
    pub start: usize,
    /// How many values it has.
    pub count: usize,
    /// For each value of the result: the place in the part before it, and the share
    /// of the place after.
    places: Vec<(usize, f32)>,
}

impl Enlarged {
    /// The middle ⌈`length` / `factor`⌉ of `length` values, made `factor` (1 or more)
    /// times as many, of which the middle `length` are kept.
    pub fn new(length: usize, factor: f64) -> Self {
        let count = ((length as f64 / factor).ceil() as usize).clamp(1, length.max(1));
        let enlarged = (libm::rint(count as f64 * factor) as usize).max(length);
        let step = (count - 1) as f64 / (enlarged.max(2) - 1) as f64;
        let trimmed = (enlarged - length) / 2;
        let places = (trimmed..trimmed + length).map(|index| {
            let place = index as f64 * step;
            let before = (place as usize).min(count.saturating_sub(2));
            (before, (place - before as f64) as f32)
        });
        Self {
            start: (length.max(1) - count) / 2,
            count,
            places: places.collect(),
        }
    }
}

/// The plane whose part along `columns` and `rows` is `part`, row after row.
pub fn enlarge(part: &[f32], rows: &Enlarged, columns: &Enlarged) -> Vec<f32> {
    let width = columns.places.len();
    let after = usize::from(columns.count > 1);
    let mut wider = Vec::with_capacity(rows.count * width);
    for row in part.chunks_exact(columns.count) {
        wider.extend(columns.places.iter().map(|&(before, share)| {
            let (first, second) = (row[before], row[before + after]);
            first + share * (second - first)
        }));
    }
    let after = width * usize::from(rows.count > 1);
    let mut plane = vec![0.0; rows.places.len() * width];
    if width == 0 {
        return plane;
    }
    wide(
        #[inline(always)]
        || {
            for (target, &(before, share)) in plane.chunks_exact_mut(width).zip(&rows.places) {
                let first = &wider[before * width..][..width];
                let second = &wider[before * width + after..][..width];
                for ((value, first), second) in target.iter_mut().zip(first).zip(second) {
                    *value = first + share * (second - first);
                }
            }
        },
    );
    plane
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `scipy.ndimage.zoom([[1, 2, 4], [0, 8, 1], [5, 5, 3]], 2, order=1)` of SciPy
    /// 1.17.1, without its last row and column, which an image of 5 × 5 pixels has not.
    #[test]
    fn it_is_the_zoom_of_scipy() {
        let part = [1.0, 2.0, 4.0, 0.0, 8.0, 1.0, 5.0, 5.0, 3.0];
        let axis = Enlarged::new(5, 2.0);
        assert_eq!((axis.start, axis.count), (1, 3));
        let expected = [
            [1.0, 1.4, 1.8, 2.4, 3.2],
            [0.6, 2.12, 3.64, 4.08, 3.44],
            [0.2, 2.84, 5.48, 5.76, 3.68],
            [1.0, 3.56, 6.12, 6.2, 3.8],
            [3.0, 4.28, 5.56, 5.4, 3.8],
        ];
        let found = enlarge(&part, &axis, &axis);
        for (found, expected) in found.iter().zip(expected.as_flattened()) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    proptest! {
        #[test]
        fn a_slope_stays_a_slope(
            (height, width) in (1_usize..40, 1_usize..40),
            factor in 1.0..6.0_f64,
        ) {
            let [rows, columns] = [height, width].map(|length| Enlarged::new(length, factor));
            prop_assert!(rows.start + rows.count <= height);
            let part: Vec<f32> = (0..rows.count * columns.count)
                .map(|n| (n / columns.count) as f32 + 100.0 * (n % columns.count) as f32)
                .collect();
            let found = enlarge(&part, &rows, &columns);
            prop_assert_eq!(found.len(), height * width);
            let step = |from: usize, to: usize| found[to] - found[from];
            for n in 0..found.len() {
                if n % width > 1 {
                    prop_assert!((step(n - 2, n - 1) - step(n - 1, n)).abs() < 1e-2);
                }
                if n >= 2 * width {
                    prop_assert!((step(n - 2 * width, n - width) - step(n - width, n)).abs() < 1e-2);
                }
            }
        }

        #[test]
        fn once_is_the_plane_itself((height, width) in (1_usize..9, 1_usize..9)) {
            let plane: Vec<f32> = (0..height * width).map(|n| (n * 7 % 17) as f32).collect();
            let [rows, columns] = [height, width].map(|length| Enlarged::new(length, 1.0));
            prop_assert_eq!(enlarge(&plane, &rows, &columns), plane);
        }
    }
}
