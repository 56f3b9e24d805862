//! A plane of whole numbers in a frame one pixel wide, for what is made of the 3 × 3
//! neighbourhood of each pixel.

use crate::perturb::image::filter::border::Border;
use crate::perturb::wide;

/// The 3 × 3 values about a pixel, row after row.
pub type Neighbourhood = [[i32; 3]; 3];

/// `height` × `width` values and the frame about them.
pub struct Framed {
    /// Rows without the frame.
    pub height: usize,
    /// Columns without the frame.
    pub width: usize,
    /// Rows of `width` + 2 values, with the frame.
    pub values: Vec<i32>,
}

impl Framed {
    /// All zero.
    pub fn zeros(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            values: vec![0; (height + 2) * (width + 2)],
        }
    }

    /// The values of a row with the frame's at both ends; row 0 is the frame's.
    #[inline(always)]
    fn framed_row(&self, row: usize) -> &[i32] {
        &self.values[row * (self.width + 2)..][..self.width + 2]
    }

    /// The rows without the frame.
    #[inline(always)]
    pub fn rows(&self) -> impl Iterator<Item = &[i32]> {
        (1..=self.height).map(|row| &self.framed_row(row)[1..=self.width])
    }

    /// The same, to be changed.
    #[inline(always)]
    pub fn rows_mut(&mut self) -> impl Iterator<Item = &mut [i32]> {
        let width = self.width;
        let rows = self.values.chunks_exact_mut(width + 2);
        let inside = rows.skip(1).take(self.height);
        inside.map(move |row| &mut row[1..=width])
    }

    /// Fills the frame with what lies beyond the edge.
    pub fn frame(&mut self, border: Border) {
        let (height, width, stride) = (self.height, self.width, self.width + 2);
        let end = |length: usize| 1 + border.index(length as isize, length);
        let start = |length: usize| 1 + border.index(-1, length);
        for row in self.values.chunks_exact_mut(stride) {
            (row[0], row[width + 1]) = (row[start(width)], row[end(width)]);
        }
        for (to, from) in [(0, start(height)), (height + 1, end(height))] {
            self.values
                .copy_within(from * stride..(from + 1) * stride, to * stride);
        }
    }

    /// The plane of what `value` makes of each neighbourhood, in a frame of zeros.
    pub fn neighbourhoods(&self, value: impl Fn(Neighbourhood) -> i32) -> Self {
        let mut plane = Self::zeros(self.height, self.width);
        plane.combine(
            self,
            #[inline(always)]
            |_, around| value(around),
        );
        plane
    }

    /// Changes each value to what `value` makes of it and of the neighbourhood of its
    /// place in `other`, which is of the same size.
    ///
    /// `value` must be `#[inline(always)]`.
    pub fn combine(&mut self, other: &Self, value: impl Fn(i32, Neighbourhood) -> i32) {
        wide(
            #[inline(always)]
            || {
                for (row, values) in self.rows_mut().enumerate() {
                    let around = [0, 1, 2].map(|below| other.framed_row(row + below));
                    let (blocks, rest) = values.as_chunks_mut::<16>();
                    let start = combine_blocks(0, blocks, around, &value);
                    let (blocks, _) = rest.as_chunks_mut::<1>();
                    combine_blocks(start, blocks, around, &value);
                }
            },
        );
    }
}

/// Changes the blocks of a row from `start` on; where the next would begin.
///
/// All neighbours of a block are read before anything is decided, so that the decisions
/// are made on vectors and not one by one.
#[inline(always)]
fn combine_blocks<const N: usize>(
    mut start: usize,
    blocks: &mut [[i32; N]],
    around: [&[i32]; 3],
    value: &impl Fn(i32, Neighbourhood) -> i32,
) -> usize {
    let [above, here, below] = around;
    for block in blocks {
        let read = |row: &[i32], right: usize| -> [i32; N] {
            let mut values = [0; N];
            values.copy_from_slice(&row[start + right..][..N]);
            values
        };
        let (a, b, c) = (read(above, 0), read(above, 1), read(above, 2));
        let (d, e, f) = (read(here, 0), read(here, 1), read(here, 2));
        let (g, h, i) = (read(below, 0), read(below, 1), read(below, 2));
        for (n, target) in block.iter_mut().enumerate() {
            let around = [[a[n], b[n], c[n]], [d[n], e[n], f[n]], [g[n], h[n], i[n]]];
            *target = value(*target, around);
        }
        start += N;
    }
    start
}

#[cfg(test)]
pub mod testing {
    use super::Framed;

    /// A plane of these values.
    pub fn framed(width: usize, values: &[i32]) -> Framed {
        let mut plane = Framed::zeros(values.len() / width, width);
        for (target, row) in plane.rows_mut().zip(values.chunks_exact(width)) {
            target.copy_from_slice(row);
        }
        plane
    }

    /// The values of a plane.
    pub fn values(plane: &Framed) -> Vec<i32> {
        plane.rows().flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{framed, values};
    use super::*;

    #[test]
    fn the_frame_is_what_lies_beyond_the_edge() {
        let mut plane = framed(3, &[1, 2, 3, 4, 5, 6]);
        plane.frame(Border::Mirror);
        let expected = [5, 4, 5, 6, 5, 2, 1, 2, 3, 2, 5, 4, 5, 6, 5, 2, 1, 2, 3, 2];
        assert_eq!(plane.values, expected);
        plane.frame(Border::Nearest);
        let expected = [1, 1, 2, 3, 3, 1, 1, 2, 3, 3, 4, 4, 5, 6, 6, 4, 4, 5, 6, 6];
        assert_eq!(plane.values, expected);
    }

    /// At any width: blocks and what is left after them.
    #[test]
    fn each_value_sees_its_neighbours() {
        for width in 1..40 {
            let numbers: Vec<i32> = (0..3 * width as i32).collect();
            let mut plane = framed(width, &numbers);
            plane.frame(Border::Nearest);
            let lefts = plane.neighbourhoods(
                #[inline(always)]
                |[[a, ..], _, _]| a,
            );
            let mut expected = Vec::new();
            for row in [0, 0, 1] {
                let row = &numbers[row * width..][..width];
                expected.push(row[0]);
                expected.extend(&row[..width - 1]);
            }
            assert_eq!(values(&lefts), expected);
        }
    }
}
