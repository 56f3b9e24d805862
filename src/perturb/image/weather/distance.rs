//! How far each pixel is from the nearest marked one, by the two sweeps of a 5 × 5
//! chamfer mask (Borgefors 1986) with the weights of OpenCV's `distanceTransform`.

use super::framed::Framed;
use crate::perturb::wide;

/// One pixel, in the units of the distances.
pub const PIXEL: i32 = 1 << 16;

// A step to the side, along a diagonal (1.4 pixels) and along a knight's move (2.1969).
const SIDE: i32 = PIXEL;
const DIAGONAL: i32 = 91_750;
const KNIGHT: i32 = 143_976;

/// Farther than anything within a picture.
const FAR: i32 = i32::MAX / 2;

/// The distance of each pixel from the nearest that is 1 in `marked`, at most `limit`,
/// which is also the distance where nothing is marked.
pub fn distances(marked: &Framed, limit: i32) -> Framed {
    let (height, width) = (marked.height, marked.width);
    // A frame two pixels wide.
    let stride = width + 4;
    let mut swept = vec![FAR; (height + 4) * stride];
    for (row, marks) in swept.chunks_exact_mut(stride).skip(2).zip(marked.rows()) {
        for (distance, mark) in row[2..].iter_mut().zip(marks) {
            *distance = if *mark == 1 { 0 } else { FAR };
        }
    }
    wide(
        #[inline(always)]
        || {
            for y in 2..height + 2 {
                let (above, rest) = swept.split_at_mut(y * stride);
                let (second, first) = above[(y - 2) * stride..].split_at(stride);
                let row = &mut rest[..stride];
                step_rows(row, first, second);
                let mut reached = FAR;
                for distance in &mut row[2..width + 2] {
                    reached = (*distance).min(reached + SIDE);
                    *distance = reached;
                }
            }
            for y in (2..height + 2).rev() {
                let (rest, below) = swept.split_at_mut((y + 1) * stride);
                let (first, second) = below[..2 * stride].split_at(stride);
                let row = &mut rest[y * stride..];
                step_rows(row, first, second);
                let mut reached = FAR;
                for distance in row[2..width + 2].iter_mut().rev() {
                    reached = (*distance).min(reached + SIDE);
                    *distance = reached;
                }
            }
        },
    );
    let mut distances = Framed::zeros(height, width);
    let rows = swept.chunks_exact(stride).skip(2);
    for (target, row) in distances.rows_mut().zip(rows) {
        for (target, distance) in target.iter_mut().zip(&row[2..]) {
            *target = (*distance).min(limit);
        }
    }
    distances
}

/// Lets a row be reached from the `first` and the `second` row beside it.
#[inline(always)]
fn step_rows(row: &mut [i32], first: &[i32], second: &[i32]) {
    let width = row.len() - 4;
    let sides = first[..width].iter().zip(&first[4..]);
    let diagonals = first[1..=width].iter().zip(&first[3..]);
    let knights = second[1..=width].iter().zip(&second[3..]);
    let straight = first[2..].iter();
    let neighbours = sides.zip(diagonals).zip(knights).zip(straight);
    for (distance, (((side, diagonal), knight), straight)) in row[2..width + 2].iter_mut().zip(neighbours) {
        let far = (*side.0).min(*side.1).min(*knight.0).min(*knight.1) + KNIGHT;
        let near = (*diagonal.0).min(*diagonal.1) + DIAGONAL;
        *distance = (*distance).min(far).min(near).min(straight + SIDE);
    }
}
