//! Sums of shifted rows, each by its weight: the loop that the filters spend their
//! time in.
//!
//! Everything here is `#[inline(always)]` for [`wide`](crate::perturb::wide).

/// A row that is computed in blocks whose sums stay in registers.
pub trait Blocks {
    /// The `N` values from `start` on.
    fn block<const N: usize>(&self, start: usize) -> [f32; N];

    /// Computes the whole of `row`.
    #[inline(always)]
    fn fill(&self, row: &mut [f32]) {
        let length = row.len();
        let mut start = 0;
        while length - start >= 64 {
            row[start..start + 64].copy_from_slice(&self.block::<64>(start));
            start += 64;
        }
        while length - start >= 16 {
            row[start..start + 16].copy_from_slice(&self.block::<16>(start));
            start += 16;
        }
        if start == length {
            return;
        }
        // The last values by a block that ends with them, or one by one.
        if let Some(start) = length.checked_sub(16) {
            row[start..].copy_from_slice(&self.block::<16>(start));
            return;
        }
        for start in start..length {
            row[start] = self.block::<1>(start)[0];
        }
    }
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
    fn block<const N: usize>(&self, start: usize) -> [f32; N] {
        let mut sums = [0.0; N];
        for tap in self.taps {
            let values = &self.source[start + tap.offset..][..N];
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += tap.weight * value;
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
    fn block<const N: usize>(&self, start: usize) -> [f32; N] {
        let mut sums = [0.0; N];
        let centre = &self.source[start + self.centre.offset..][..N];
        for (sum, value) in sums.iter_mut().zip(centre) {
            *sum = self.centre.weight * value;
        }
        for pair in self.pairs {
            let [one, other] = pair
                .offsets
                .map(|offset| &self.source[start + offset..][..N]);
            for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
                *sum += pair.weight * (one + other);
            }
        }
        sums
    }
}
