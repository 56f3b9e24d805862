//! Sums of shifted rows, each by its weight: the loop that the filters spend their
//! time in, written in vectors so that the sums stay in registers.
//!
//! Products are not fused into sums: the results are the same for vectors of any width.

use pulp::{Arch, Scalar, Simd, WithSimd};

/// A row whose values can be computed at any place, for several vectors at once.
pub trait Blocks {
    /// The values from `start` on.
    fn block<S: Simd, const K: usize>(&self, simd: S, start: usize) -> [S::f32s; K];
}

/// Computes the whole of `row`.
pub fn fill(row: &mut [f32], blocks: &impl Blocks) {
    Arch::new().dispatch(Fill { row, blocks });
}

struct Fill<'a, B> {
    row: &'a mut [f32],
    blocks: &'a B,
}

impl<B: Blocks> WithSimd for Fill<'_, B> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let (row, blocks) = (self.row, self.blocks);
        let start = fill_by::<S, 8>(simd, row, 0, blocks);
        let start = fill_by::<S, 4>(simd, row, start, blocks);
        let start = fill_by::<S, 1>(simd, row, start, blocks);
        if start == row.len() {
            return;
        }
        // What is left by a vector that ends with it, or value by value.
        if let Some(start) = row.len().checked_sub(S::F32_LANES) {
            fill_by::<S, 1>(simd, row, start, blocks);
        } else {
            fill_by::<Scalar, 1>(Scalar::new(), row, start, blocks);
        }
    }
}

/// Computes as many blocks from `start` on as `row` has room for; where the next begins.
#[inline(always)]
fn fill_by<S: Simd, const K: usize>(
    simd: S,
    row: &mut [f32],
    start: usize,
    blocks: &impl Blocks,
) -> usize {
    let mut place = start;
    for chunk in row[start..].chunks_exact_mut(K * S::F32_LANES) {
        let block = blocks.block::<S, K>(simd, place);
        for (target, vector) in S::as_mut_simd_f32s(chunk).0.iter_mut().zip(block) {
            *target = vector;
        }
        place += K * S::F32_LANES;
    }
    place
}

/// The `K` vectors of `source` from `start` on.
#[inline(always)]
pub fn vectors<S: Simd, const K: usize>(source: &[f32], start: usize) -> &[S::f32s] {
    &S::as_simd_f32s(&source[start..][..K * S::F32_LANES]).0[..K]
}

/// One neighbour: the values that begin at `offset` of the source, by `weight`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tap {
    /// Where the values begin.
    pub offset: usize,
    /// What they are multiplied by.
    pub weight: f32,
}

/// Two neighbours of one weight, as a symmetrical filter has them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Where the values of each begin.
    pub offsets: [usize; 2],
    /// What their sum is multiplied by.
    pub weight: f32,
}

/// Σ weight × source\[offset + x\].
pub struct Taps<'a> {
    /// The values.
    pub source: &'a [f32],
    /// The neighbours.
    pub taps: &'a [Tap],
}

impl Blocks for Taps<'_> {
    #[inline(always)]
    fn block<S: Simd, const K: usize>(&self, simd: S, start: usize) -> [S::f32s; K] {
        let mut sums = [simd.splat_f32s(0.0); K];
        for tap in self.taps {
            let weight = simd.splat_f32s(tap.weight);
            let values = vectors::<S, K>(self.source, start + tap.offset);
            for k in 0..K {
                sums[k] = simd.add_f32s(sums[k], simd.mul_f32s(weight, values[k]));
            }
        }
        sums
    }
}

/// The same of a tap in the centre and of pairs about it.
pub struct SymmetricalTaps<'a> {
    /// The values.
    pub source: &'a [f32],
    /// The pixel itself.
    pub centre: Tap,
    /// Its neighbours.
    pub pairs: &'a [Pair],
}

impl Blocks for SymmetricalTaps<'_> {
    #[inline(always)]
    fn block<S: Simd, const K: usize>(&self, simd: S, start: usize) -> [S::f32s; K] {
        let weight = simd.splat_f32s(self.centre.weight);
        let values = vectors::<S, K>(self.source, start + self.centre.offset);
        let mut sums = [simd.splat_f32s(0.0); K];
        for k in 0..K {
            sums[k] = simd.mul_f32s(weight, values[k]);
        }
        for pair in self.pairs {
            let weight = simd.splat_f32s(pair.weight);
            let one = vectors::<S, K>(self.source, start + pair.offsets[0]);
            let other = vectors::<S, K>(self.source, start + pair.offsets[1]);
            for k in 0..K {
                let both = simd.add_f32s(one[k], other[k]);
                sums[k] = simd.add_f32s(sums[k], simd.mul_f32s(weight, both));
            }
        }
        sums
    }
}
