//! Edges by the method of Canny (1986), in whole numbers as OpenCV's `Canny` has it:
//! Sobel's 3 × 3 gradient, its magnitude |dx| + |dy|, thinned to its ridges, and
//! followed from what is above the high threshold down to the low one.

use super::framed::{Framed, Neighbourhood};
use crate::perturb::image::filter::border::Border;
use crate::perturb::wide;

/// 1 at the edges of `levels` (0 to 255), 0 elsewhere. Beyond the picture, its last
/// values go on.
pub fn edges(mut levels: Framed, low: i32, high: i32) -> Framed {
    levels.frame(Border::Nearest);
    let magnitudes = levels.neighbourhoods(
        #[inline(always)]
        |around| {
            let (dx, dy) = gradient(around);
            dx.abs() + dy.abs()
        },
    );
    let mut ridges = levels.neighbourhoods(
        #[inline(always)]
        |around| {
            let (dx, dy) = gradient(around);
            direction(dx, dy)
        },
    );
    ridges.combine(
        &magnitudes,
        #[inline(always)]
        |direction, around| {
            let ridge = is_ridge(direction, around);
            let magnitude = around[1][1];
            let kind = if magnitude > high { STRONG } else { WEAK };
            if ridge & (magnitude > low) {
                kind
            } else {
                NONE
            }
        },
    );
    follow(&mut ridges);
    ridges
}

// What a pixel of a ridge is, and which of them are edges in the end.
const NONE: i32 = 0;
const WEAK: i32 = 2;
const STRONG: i32 = 1;

// Which way the gradient points, to the nearest eighth of a turn.
const ACROSS: i32 = 0;
const DOWN: i32 = 1;
const FALLING: i32 = 2;
const RISING: i32 = 3;

#[inline(always)]
fn gradient([[a, b, c], [d, _, f], [g, h, i]]: Neighbourhood) -> (i32, i32) {
    (c - a + 2 * (f - d) + i - g, g - a + 2 * (h - b) + i - c)
}

#[inline(always)]
fn direction(dx: i32, dy: i32) -> i32 {
    /// The tangent of a sixteenth of a turn, in units of 2⁻¹⁵; that of three is larger by 2.
    const TANGENT: i32 = 13_573;
    let (x, y) = (dx.abs(), dy.abs() << 15);
    let flat = x * TANGENT;
    let diagonal = if (dx ^ dy) < 0 { RISING } else { FALLING };
    let steep = if y > flat + (x << 16) { DOWN } else { diagonal };
    if y < flat { ACROSS } else { steep }
}

/// Whether the magnitude in the middle is larger than those before and behind it.
#[inline(always)]
fn is_ridge(direction: i32, [[a, b, c], [d, e, f], [g, h, i]]: Neighbourhood) -> bool {
    // Of two equals in a row or column, the first is the ridge; on a diagonal, none.
    let across = (e > d) & (e >= f);
    let down = (e > b) & (e >= h);
    let falling = (e > a) & (e > i);
    let rising = (e > c) & (e > g);
    ((direction == ACROSS) & across)
        | ((direction == DOWN) & down)
        | ((direction == FALLING) & falling)
        | ((direction == RISING) & rising)
}

/// Makes weak ridges strong that touch a strong one, and removes the others.
fn follow(ridges: &mut Framed) {
    let stride = ridges.width + 2;
    let around = |place: usize| {
        let rows = [place - stride, place, place + stride];
        rows.into_iter().flat_map(|row| [row - 1, row, row + 1])
    };
    let values = &mut ridges.values;
    let weak = wide(
        #[inline(always)]
        || places(values, WEAK),
    );
    let mut reached = Vec::new();
    for place in weak {
        if values[place] == WEAK && around(place).any(|other| values[other] == STRONG) {
            values[place] = STRONG;
            reached.push(place);
        }
        while let Some(place) = reached.pop() {
            for other in around(place) {
                if values[other] == WEAK {
                    values[other] = STRONG;
                    reached.push(other);
                }
            }
        }
    }
    wide(
        #[inline(always)]
        || {
            for value in values.iter_mut() {
                *value &= STRONG;
            }
        },
    );
}

/// Where `values` are `sought`, which few are: many are looked at together first.
#[inline(always)]
fn places(values: &[i32], sought: i32) -> Vec<usize> {
    const LANES: usize = 32;
    let mut places = Vec::new();
    let mut look = |start: usize, values: &[i32]| {
        for (place, value) in values.iter().enumerate() {
            if *value == sought {
                places.push(start + place);
            }
        }
    };
    let (chunks, rest) = values.as_chunks::<LANES>();
    for (chunk, values) in chunks.iter().enumerate() {
        let found: i32 = values.iter().map(|&value| i32::from(value == sought)).sum();
        if found > 0 {
            look(chunk * LANES, values);
        }
    }
    look(values.len() - rest.len(), rest);
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perturb::image::weather::framed::testing::{framed, values};

    fn found(width: usize, levels: &[i32]) -> Vec<i32> {
        values(&edges(framed(width, levels), 50, 150))
    }

    #[test]
    fn a_step_has_its_edge_on_its_near_side() {
        let levels = [0, 0, 0, 255, 255, 255].repeat(5);
        assert_eq!(found(6, &levels), [0, 0, 1, 0, 0, 0].repeat(5));
        // Across the width of a block of vectors too.
        let step = |width: usize| (0..width).map(move |x| if x < 17 { 0 } else { 255 });
        let expected: Vec<i32> = (0..40).map(|x| i32::from(x == 16)).collect();
        assert_eq!(
            found(40, &step(40).collect::<Vec<_>>().repeat(3)),
            expected.repeat(3)
        );
    }

    #[test]
    fn what_is_even_or_faint_has_none() {
        assert_eq!(found(6, &[200; 30]), [0; 30]);
        // |dx| = 4 × 12 is not above the low threshold, 4 × 20 not above the high one.
        for step in [12, 20] {
            assert_eq!(found(6, &[0, 0, 0, step, step, step].repeat(5)), [0; 30]);
        }
    }

    /// `cv2.Canny(levels, 50, 150)` of OpenCV 4.11: a faint edge that goes on in a
    /// stronger one is an edge.
    #[test]
    fn a_faint_edge_is_followed_from_a_strong_one() {
        let levels = [
            [0, 0, 0, 20, 20, 20].repeat(4),
            [0, 0, 0, 60, 60, 60].repeat(5),
        ]
        .concat();
        let expected = [
            [0, 0, 1, 0, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 0, 0, 1, 1, 1],
            [0, 0, 0, 1, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 0, 1, 0, 0, 0],
            [0, 0, 1, 0, 0, 0],
        ];
        assert_eq!(found(6, &levels), expected.as_flattened());
    }

    /// The same of a disk and a corner, which have edges in every direction.
    #[test]
    fn edges_of_every_direction_are_those_of_opencv() {
        let mut levels = Vec::new();
        for y in 0..8_i32 {
            for x in 0..8 {
                let disk = (y - 3) * (y - 3) + (x - 4) * (x - 4) < 7;
                let level = if disk { 200 } else { 0 };
                levels.push(if x + y > 11 { 70 } else { level });
            }
        }
        let expected = [
            [0, 0, 0, 0, 1, 0, 0, 0],
            [0, 0, 1, 1, 0, 1, 1, 0],
            [0, 0, 1, 0, 0, 0, 1, 0],
            [0, 1, 0, 0, 0, 0, 1, 0],
            [0, 0, 1, 0, 0, 0, 1, 0],
            [0, 0, 1, 1, 1, 1, 1, 1],
            [0, 0, 0, 0, 0, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 0, 0],
        ];
        assert_eq!(found(8, &levels), expected.as_flattened());
    }
}
