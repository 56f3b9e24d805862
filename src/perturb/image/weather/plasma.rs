//! Plasma: a fractal landscape by the diamond-square algorithm (Fournier, Fussell &
//! Carpenter 1982), on a torus.

use super::extremes::range;
use crate::perturb::wide;
use crate::seed::Stream;

/// A square map of heights in [0, 1], of which the lowest is 0 and the highest 1.
pub struct Plasma {
    /// Points of a side.
    pub size: usize,
    /// Rows of `size` + 1 heights: the last is the first again.
    heights: Vec<f32>,
}

impl Plasma {
    /// A map of `size` (a power of two) points a side.
    ///
    /// From one point, each level halves the step: the centre of every square
    /// becomes the mean of its four corners, then the middle of every side the mean
    /// of its two ends and of the two centres beside it, each plus
    /// `wibble * U(-wibble, wibble)`. The wibble is divided by `decay` (1 or more)
    /// from level to level; where it starts does not matter, as the heights are
    /// stretched to [0, 1] in the end.
    ///
    /// The two words of a square give three uniforms of 21 bits: 2 (`size`² - 1) / 3
    /// words altogether, level by level, so that all maps begin with the same draws.
    pub fn new(size: usize, decay: f32, stream: &mut Stream) -> Self {
        debug_assert!(size.is_power_of_two());
        let mut heights = vec![0.0; 2];
        let (mut squares, mut wibble) = (1, 1.0_f32);
        while squares < size {
            let mut words = vec![0; 2 * squares * squares];
            stream.fill(&mut words);
            heights = wide(
                #[inline(always)]
                || finer(&heights, &words, squares, wibble * wibble),
            );
            squares *= 2;
            wibble /= decay;
        }
        wide(
            #[inline(always)]
            || stretch(&mut heights),
        );
        Self { size, heights }
    }

    /// The heights of a row.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.heights[row * (self.size + 1)..][..self.size]
    }
}

/// The map of twice as many points a side as `corners` has, which is `squares`.
#[inline(always)]
fn finer(corners: &[f32], words: &[u32], squares: usize, amplitude: f32) -> Vec<f32> {
    let (first, second) = words.split_at(squares * squares);
    let words = |row: usize| {
        let row = row * squares..(row + 1) * squares;
        first[row.clone()].iter().zip(&second[row])
    };
    let closed = squares + 1;
    let corners = |row: usize| &corners[row % squares * closed..][..closed];

    // Rows of centres open with their last, as each side has a centre before it.
    let mut centres = vec![0.0; closed * squares];
    for (row, centres) in centres.chunks_exact_mut(closed).enumerate() {
        let (above, below) = (corners(row), corners(row + 1));
        let left = above[..squares].iter().zip(&below[..squares]);
        let right = above[1..].iter().zip(&below[1..]);
        let around = left.zip(right).zip(words(row));
        for (centre, (((a, b), (c, d)), (word, _))) in centres[1..].iter_mut().zip(around) {
            *centre = (a + b + c + d) * 0.25 + amplitude * around_zero(word >> 11);
        }
        centres[0] = centres[squares];
    }
    let centres = |row: usize| &centres[row % squares * closed..][..closed];

    let mut map = vec![0.0; 2 * squares * (2 * squares + 1)];
    for (row, rows) in map.chunks_exact_mut(2 * (2 * squares + 1)).enumerate() {
        let (even, odd) = rows.split_at_mut(2 * squares + 1);
        let (above, below) = (corners(row), corners(row + 1));
        let (before, here) = (&centres(row + squares - 1)[1..], centres(row));
        let along = above[..squares].iter().zip(&above[1..]);
        let across = before.iter().zip(&here[1..]).zip(words(row));
        let (pairs, _) = even.as_chunks_mut::<2>();
        for (pair, ((a, b), ((c, d), (_, word)))) in pairs.iter_mut().zip(along.zip(across)) {
            let side = (a + b + c + d) * 0.25 + amplitude * around_zero(word >> 11);
            *pair = [*a, side];
        }
        let along = above[..squares].iter().zip(&below[..squares]);
        let across = here[..squares].iter().zip(&here[1..]).zip(words(row));
        let (pairs, _) = odd.as_chunks_mut::<2>();
        for (pair, ((a, b), ((c, d), (one, other)))) in pairs.iter_mut().zip(along.zip(across)) {
            let word = (one & 0x7ff) << 10 | (other & 0x3ff);
            let side = (a + b + c + d) * 0.25 + amplitude * around_zero(word);
            *pair = [side, *d];
        }
        even[2 * squares] = even[0];
        odd[2 * squares] = odd[0];
    }
    map
}

/// The uniform in (-1, 1) that 21 random bits stand for.
#[inline(always)]
fn around_zero(bits: u32) -> f32 {
    const CELL: f32 = 1.0 / 1_048_576.0;
    (bits as i32 as f32) * CELL + (0.5 * CELL - 1.0)
}

/// Stretches `heights` to [0, 1]. A flat map becomes 0.
#[inline(always)]
fn stretch(heights: &mut [f32]) {
    let (lowest, highest) = range(heights);
    let extent = highest - lowest;
    let scale = if extent > 0.0 { 1.0 / extent } else { 0.0 };
    for height in heights {
        *height = (*height - lowest) * scale;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stream() -> Stream {
        Stream::new(7, "plasma", 0, "0")
    }

    /// The algorithm on the map itself, point by point, in double precision.
    fn directly(size: usize, decay: f64) -> Vec<f64> {
        let mut stream = stream();
        let mut map = vec![0.0; size * size];
        let (mut step, mut wibble) = (size, 100.0_f64);
        while step > 1 {
            let (half, squares) = (step / 2, size / step);
            let mut words = vec![0; 2 * squares * squares];
            stream.fill(&mut words);
            let wibble_of =
                |bits: u32| wibble * wibble * ((f64::from(bits) + 0.5) / 1_048_576.0 - 1.0);
            let at = |y: usize, x: usize| y % size * size + x % size;
            let places =
                || (0..squares * squares).map(|n| (n, n / squares * step, n % squares * step));
            for (n, y, x) in places() {
                let corners = [(0, 0), (0, step), (step, 0), (step, step)];
                let sum: f64 = corners.iter().map(|(dy, dx)| map[at(y + dy, x + dx)]).sum();
                map[at(y + half, x + half)] = sum / 4.0 + wibble_of(words[n] >> 11);
            }
            for (n, y, x) in places() {
                let (first, second) = (words[n], words[squares * squares + n]);
                let back = size - half;
                let ends = [(0, 0), (0, step), (half, half), (back, half)];
                let sum: f64 = ends.iter().map(|(dy, dx)| map[at(y + dy, x + dx)]).sum();
                map[at(y, x + half)] = sum / 4.0 + wibble_of(second >> 11);
                let ends = [(0, 0), (step, 0), (half, half), (half, back)];
                let sum: f64 = ends.iter().map(|(dy, dx)| map[at(y + dy, x + dx)]).sum();
                let bits = (first % 2_048) * 1_024 + second % 1_024;
                map[at(y + half, x)] = sum / 4.0 + wibble_of(bits);
            }
            step = half;
            wibble /= decay;
        }
        let lowest = map.iter().copied().fold(f64::INFINITY, f64::min);
        let highest = map.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        map.into_iter()
            .map(|height| (height - lowest) / (highest - lowest))
            .collect()
    }

    #[test]
    fn one_point_is_flat() {
        assert_eq!(Plasma::new(1, 2.0, &mut stream()).row(0), [0.0]);
    }

    proptest! {
        #[test]
        fn it_is_the_diamond_square_algorithm(level in 1..7_u32, decay in 1.0_f32..4.0) {
            let size = 1 << level;
            let expected = directly(size, f64::from(decay));
            let mut stream = stream();
            let plasma = Plasma::new(size, decay, &mut stream);
            for (row, expected) in expected.chunks(size).enumerate() {
                prop_assert_eq!(plasma.row(row).len(), size);
                for (found, expected) in plasma.row(row).iter().zip(expected) {
                    prop_assert!((f64::from(*found) - expected).abs() < 1e-5);
                }
            }
            // Two words for each three points but one.
            let mut words = vec![0; 2 * (size * size - 1) / 3 + 2];
            super::tests::stream().fill(&mut words);
            let (_, next) = words.split_at(words.len() - 2);
            prop_assert_eq!(stream.word(), u64::from(next[0]) | u64::from(next[1]) << 32);
        }
    }
}
