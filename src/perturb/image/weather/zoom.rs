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
