//! The filter of any weights that are symmetrical about both axes.

use pulp::{Arch, Simd, WithSimd};

use super::border::Border;
use super::taps::{Pair, SymmetricalTaps, Tap, fill, vectors};
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
        // Whole vectors, of which the last values mean nothing.
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
                border.extend(row, reach, &mut extended[..width + 2 * reach]);
            }
            let row = |y: isize| &source[border.index(y, height) * stride..][..stride];
            for (y, target) in plane.chunks_exact_mut(width).enumerate() {
                let y = y as isize;
                folded[..stride].copy_from_slice(row(y));
                for (folded, distance) in folded.chunks_exact_mut(stride).skip(1).zip(1..) {
                    fold(folded, row(y - distance), row(y + distance));
                }
                Arch::new().dispatch(Accumulate {
                    sums: &mut sums,
                    changes: &self.changes,
                    folded: &folded,
                    stride,
                });
                let along_row = SymmetricalTaps {
                    source: &sums,
                    centre,
                    pairs: &pairs,
                };
                fill(target, &along_row);
            }
        }
    }
}

/// Fills `sums` with the H of every x, rows of `stride` values, from the F of every y,
/// `folded`.
struct Accumulate<'a> {
    sums: &'a mut [f32],
    changes: &'a [Vec<(usize, f32)>],
    folded: &'a [f32],
    stride: usize,
}

impl WithSimd for Accumulate<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(mut self, simd: S) {
        let start = self.blocks::<S, 8>(simd, 0);
        let start = self.blocks::<S, 4>(simd, start);
        self.blocks::<S, 1>(simd, start);
    }
}

impl Accumulate<'_> {
    #[inline(always)]
    fn blocks<S: Simd, const K: usize>(&mut self, simd: S, mut start: usize) -> usize {
        let size = K * S::F32_LANES;
        while self.stride - start >= size {
            let mut totals = [simd.splat_f32s(0.0); K];
            for (changes, sums) in self
                .changes
                .iter()
                .zip(self.sums.chunks_exact_mut(self.stride))
            {
                for &(y, change) in changes {
                    let change = simd.splat_f32s(change);
                    let values = vectors::<S, K>(self.folded, y * self.stride + start);
                    for k in 0..K {
                        totals[k] = simd.add_f32s(totals[k], simd.mul_f32s(change, values[k]));
                    }
                }
                let sums = S::as_mut_simd_f32s(&mut sums[start..start + size]).0;
                for (sum, total) in sums.iter_mut().zip(totals) {
                    *sum = total;
                }
            }
            start += size;
        }
        start
    }
}

/// The sum of two rows.
fn fold(sum: &mut [f32], above: &[f32], below: &[f32]) {
    wide(
        #[inline(always)]
        || {
            for ((sum, above), below) in sum.iter_mut().zip(above).zip(below) {
                *sum = above + below;
            }
        },
    );
}
