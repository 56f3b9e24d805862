//! How far each pixel is from the nearest marked one, by the two sweeps of a 5 × 5
//! chamfer mask (Borgefors 1986) with the weights of OpenCV's `distanceTransform`.

use super::framed::Framed;
use crate::perturb::wide;

/// One pixel, in the units of the distances.
pub const PIXEL: i32 = 10_000;

// A step to the side, along a diagonal (1.4 pixels) and by a knight's move (2.1969).
const SIDE: i32 = PIXEL;
const DIAGONAL: i32 = 14_000;
const KNIGHT: i32 = 21_969;

/// Farther than anything within a picture.
const FAR: i32 = i32::MAX / 2;

/// The distance of each pixel from the nearest that is 1 in `marked`, at most `limit`,
/// which is also the distance where nothing is marked.
pub fn distances(marked: &Framed, limit: i32) -> Framed {
    // A frame two pixels wide.
    let stride = marked.width + 4;
    let mut swept = vec![FAR; (marked.height + 4) * stride];
    let mut distances = Framed::zeros(marked.height, marked.width);
    wide(
        #[inline(always)]
        || {
            let rows = swept.chunks_exact_mut(stride).skip(2);
            for (row, marks) in rows.zip(marked.rows()) {
                for (distance, mark) in row[2..].iter_mut().zip(marks) {
                    *distance = if *mark == 1 { 0 } else { FAR };
                }
            }
            sweep(&mut swept, stride);
            let rows = swept.chunks_exact(stride).skip(2);
            for (target, row) in distances.rows_mut().zip(rows) {
                for (target, distance) in target.iter_mut().zip(&row[2..]) {
                    *target = (*distance).min(limit);
                }
            }
        },
    );
    distances
}

/// Goes down the rows, and to the right in each, then up and to the left.
#[inline(always)]
fn sweep(swept: &mut [i32], stride: usize) {
    let (first, last) = (2, swept.len() / stride - 2);
    for y in first..last {
        let (above, here) = swept.split_at_mut(y * stride);
        let (second, next) = above[(y - 2) * stride..].split_at(stride);
        let row = &mut here[..stride];
        reach(row, next, second);
        along(row[2..stride - 2].iter_mut());
    }
    for y in (first..last).rev() {
        let (here, below) = swept.split_at_mut((y + 1) * stride);
        let (next, second) = below[..2 * stride].split_at(stride);
        let row = &mut here[y * stride..];
        reach(row, next, second);
        along(row[2..stride - 2].iter_mut().rev());
    }
}

/// Lets each value be reached from the one before.
#[inline(always)]
fn along<'a>(values: impl Iterator<Item = &'a mut i32>) {
    let mut reached = FAR;
    for distance in values {
        reached = (*distance).min(reached + SIDE);
        *distance = reached;
    }
}

/// Lets a row be reached from the row next to it and the second from it.
#[inline(always)]
fn reach(row: &mut [i32], next: &[i32], second: &[i32]) {
    let width = row.len() - 4;
    let (blocks, rest) = row[2..width + 2].as_chunks_mut::<16>();
    let start = reach_blocks(0, blocks, next, second);
    let (blocks, _) = rest.as_chunks_mut::<1>();
    reach_blocks(start, blocks, next, second);
}

/// The same for blocks from `start` on; where the next would begin.
#[inline(always)]
fn reach_blocks<const N: usize>(
    mut start: usize,
    blocks: &mut [[i32; N]],
    next: &[i32],
    second: &[i32],
) -> usize {
    for block in blocks {
        let steps = [
            (&next[start + 2..], SIDE),
            (&next[start + 1..], DIAGONAL),
            (&next[start + 3..], DIAGONAL),
            (&next[start..], KNIGHT),
            (&next[start + 4..], KNIGHT),
            (&second[start + 1..], KNIGHT),
            (&second[start + 3..], KNIGHT),
        ];
        let mut reached = *block;
        for (from, length) in steps {
            for (distance, from) in reached.iter_mut().zip(&from[..N]) {
                *distance = (*distance).min(from + length);
            }
        }
        *block = reached;
        start += N;
    }
    start
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::image::weather::framed::testing::{framed, values};

    /// `cv2.distanceTransform(…, cv2.DIST_L2, 5)` of OpenCV 4.11.
    #[test]
    fn it_is_the_transform_of_opencv() {
        let mut marks = [0; 35];
        marks[9] = 1;
        let expected = [
            21_969, 14_000, 10_000, 14_000, 21_969, 31_969, 41_969, //
            20_000, 10_000, 0, 10_000, 20_000, 30_000, 40_000, //
            21_969, 14_000, 10_000, 14_000, 21_969, 31_969, 41_969, //
            28_000, 21_969, 20_000, 21_969, 28_000, 35_969, 43_938, //
            35_969, 31_969, 30_000, 31_969, 35_969, 42_000, 49_969,
        ];
        assert_eq!(
            values(&distances(&framed(7, &marks), 100 * PIXEL)),
            expected
        );
    }

    #[test]
    fn nothing_is_farther_than_the_limit() {
        let found = distances(&framed(5, &[0; 10]), 3 * PIXEL);
        assert_eq!(values(&found), [3 * PIXEL; 10]);
    }

    /// The shortest way over a free plane: as many knight's moves as there can be, then
    /// sides or diagonals.
    fn way(dy: usize, dx: usize) -> i32 {
        let (short, long) = (dy.min(dx) as i32, dy.max(dx) as i32);
        if long >= 2 * short {
            short * KNIGHT + (long - 2 * short) * SIDE
        } else {
            (long - short) * KNIGHT + (2 * short - long) * DIAGONAL
        }
    }

    proptest! {
        #[test]
        fn it_is_the_way_to_the_nearest_mark(
            (width, marks) in (1_usize..40).prop_flat_map(|width| {
                (Just(width), proptest::collection::vec(0..12_i32, 6 * width))
            }),
        ) {
            let marks: Vec<i32> = marks.into_iter().map(|mark| i32::from(mark == 0)).collect();
            let found = values(&distances(&framed(width, &marks), 20 * PIXEL));
            for (place, found) in found.into_iter().enumerate() {
                let ways = (0..marks.len()).filter(|&mark| marks[mark] == 1).map(|mark| {
                    let rows = (place / width).abs_diff(mark / width);
                    way(rows, (place % width).abs_diff(mark % width))
                });
                prop_assert_eq!(found, ways.min().unwrap_or(i32::MAX).min(20 * PIXEL));
            }
        }
    }
}
