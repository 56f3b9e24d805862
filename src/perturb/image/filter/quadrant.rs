//! The filter of any weights that are symmetrical about both axes.

use super::border::Border;
use super::taps::{Blocks, Pair, SymmetricalTaps, Tap};
use crate::perturb::image::Planes;
use crate::perturb::wide;

/// A filter whose weight at (±x, ±y) is one and the same, made for weights that are
/// constant in a large part of it.
///
/// With F_y the sum of the rows y above and y below, and w(x, y) the weights,
///
/// ```text
/// Σ over y, x of w(x, y) F_y[±x]  =  Σ over x of H_x[±x],
/// H_x = H_(x+1) + Σ over y of (w(x, y) - w(x+1, y)) F_y,
/// ```
///
/// so that only the places count at which the weight changes along a row: the edge of
/// a disk, not its points. Nothing large is ever subtracted.
pub struct Quadrant {
    /// For each x from the outermost to zero, the y at which the weight changes, and by
    /// how much.
    changes: Vec<Vec<(usize, f32)>>,
}

/// Changes smaller than this, as a share of the largest weight, are none.
const NEGLIGIBLE: f64 = 1e-8;

impl Quadrant {
    /// The filter of the weights `quadrant[y][x]`, x and y at least zero, in a square.
    pub fn new(quadrant: &[Vec<f64>]) -> Self {
        let weight = |x: usize, y: usize| quadrant[y].get(x).copied().unwrap_or(0.0);
        let largest = quadrant.iter().flatten().copied().fold(0.0, f64::max);
        let changes = (0..quadrant.len()).rev().map(|x| {
            let changes = (0..quadrant.len()).map(|y| (y, weight(x, y) - weight(x + 1, y)));
            let counting = changes.filter(|(_, change)| change.abs() > NEGLIGIBLE * largest);
            counting.map(|(y, change)| (y, change as f32)).collect()
        });
        Self {
            changes: changes
                .skip_while(|changes: &Vec<_>| changes.is_empty())
                .collect(),
        }
    }

    /// Filters each plane.
    pub fn filter(&self, planes: &mut Planes<'_>, border: Border) {
        let Some(reach) = self.changes.len().checked_sub(1) else {
            return;
        };
        let reach_along_columns = self
            .changes
            .iter()
            .flatten()
            .map(|&(y, _)| y)
            .max()
            .unwrap_or(0);
        let (height, width) = (planes.height, planes.width);
        let stride = (width + 2 * reach).next_multiple_of(16);
        let mut source = vec![0.0; height * stride];
        let mut folded = vec![0.0; (reach_along_columns + 1) * stride];
        let mut sums = vec![0.0; (reach + 1) * stride];
        // The sums lie in the order of `changes`: the outermost first.
        let centre = Tap {
            offset: reach * stride + reach,
            weight: 1.0,
        };
        let pairs: Vec<Pair> = (1..=reach)
            .map(|x| (reach - x) * stride + reach)
            .zip(1..)
            .map(|(start, x)| Pair {
                offsets: [start - x, start + x],
                weight: 1.0,
            })
            .collect();
        for plane in planes.each() {
            let rows = plane.chunks_exact(width);
            for (row, extended) in rows.zip(source.chunks_exact_mut(stride)) {
                border.extend(row, reach, extended);
            }
            let row = |y: isize| &source[border.index(y, height) * stride..][..stride];
            for (y, target) in plane.chunks_exact_mut(width).enumerate() {
                let y = y as isize;
                wide(
                    #[inline(always)]
                    || {
                        folded[..stride].copy_from_slice(row(y));
                        for (folded, distance) in folded.chunks_exact_mut(stride).skip(1).zip(1..) {
                            fold(folded, row(y - distance), row(y + distance));
                        }
                        self.accumulate(&mut sums, &folded, stride);
                        let along_row = SymmetricalTaps {
                            source: &sums,
                            centre,
                            pairs: &pairs,
                        };
                        along_row.fill(target);
                    },
                );
            }
        }
    }

    /// Fills `sums` with the H of every x, rows of `stride` values, from the F of every
    /// y, `folded`.
    #[inline(always)]
    fn accumulate(&self, sums: &mut [f32], folded: &[f32], stride: usize) {
        let mut start = 0;
        while stride - start >= 64 {
            self.accumulate_block::<64>(&mut sums[start..], &folded[start..], stride);
            start += 64;
        }
        while stride - start >= 16 {
            self.accumulate_block::<16>(&mut sums[start..], &folded[start..], stride);
            start += 16;
        }
    }

    #[inline(always)]
    fn accumulate_block<const N: usize>(&self, sums: &mut [f32], folded: &[f32], stride: usize) {
        let mut sum = [0.0_f32; N];
        for (changes, sums) in self.changes.iter().zip(sums.chunks_mut(stride)) {
            for &(y, change) in changes {
                for (sum, value) in sum.iter_mut().zip(&folded[y * stride..][..N]) {
                    *sum += change * value;
                }
            }
            sums[..N].copy_from_slice(&sum);
        }
    }
}

/// The sum of two rows.
#[inline(always)]
fn fold(sum: &mut [f32], above: &[f32], below: &[f32]) {
    for ((sum, above), below) in sum.iter_mut().zip(above).zip(below) {
        *sum = above + below;
    }
}
