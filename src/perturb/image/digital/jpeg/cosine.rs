//! The discrete cosine transform of blocks of 8 × 8 pixels, by the method of Loeffler,
//! Ligtenberg and Moschytz (1989) in integers of 13 bits after the point, 2 of which are
//! kept between rows and columns; what libjpeg calls `islow`.
//!
//! Two blocks side by side are transformed at once, lane by lane.

use super::nearest;

/// Pixels along a block.
pub const SIDE: usize = 8;

/// Bits after the point of the constants.
const CONSTANT_BITS: u32 = 13;

/// Bits after the point that are kept between the two passes.
const PASS_BITS: u32 = 2;

/// `value` in units of 2⁻¹³.
const fn fixed(value: f64) -> i32 {
    (value * (1 << CONSTANT_BITS) as f64 + 0.5) as i32
}

/// Columns that are transformed at once: those of two blocks.
const LANES: usize = 2 * SIDE;

/// A value for each place in two blocks, row after row.
type Blocks<T> = [[T; LANES]; SIDE];

/// What coefficients are divided by.
pub struct Divisors {
    steps: Blocks<i32>,
    /// One over eight times the step: coefficients are eight times too large.
    inverses: Blocks<f32>,
}

impl Divisors {
    /// The steps of a block, row after row.
    pub fn new(table: &[u8; SIDE * SIDE]) -> Self {
        let step = |y: usize, lane: usize| i32::from(table[y * SIDE + lane % SIDE]);
        let each = |y: usize| std::array::from_fn(|lane| step(y, lane));
        let steps: Blocks<i32> = std::array::from_fn(each);
        Self {
            inverses: steps.map(|row| row.map(|step| 1.0 / (SIDE as i32 * step) as f32)),
            steps,
        }
    }
}

/// Replaces the levels from 0 to 255 in a strip of blocks, 8 rows of a multiple of 8
/// values, by those that their quantised coefficients stand for.
#[inline(always)]
pub fn compress(strip: &mut [i16], divisors: &Divisors) {
    let width = strip.len() / SIDE;
    let mut blocks = [[0; LANES]; SIDE];
    let mut turned = [[0; LANES]; SIDE];
    for start in (0..width).step_by(LANES) {
        let count = LANES.min(width - start);
        for (lanes, row) in blocks.iter_mut().zip(strip.chunks_exact(width)) {
            for (lane, level) in lanes.iter_mut().zip(&row[start..start + count]) {
                *lane = i32::from(*level) - 128;
            }
        }
        turn(&blocks, &mut turned);
        each_lane(
            &mut turned,
            #[inline(always)]
            |values| forward(values, CONSTANT_BITS - PASS_BITS),
        );
        turn(&turned, &mut blocks);
        each_lane(
            &mut blocks,
            #[inline(always)]
            |values| forward(values, CONSTANT_BITS + PASS_BITS),
        );
        quantise(&mut blocks, divisors);
        each_lane(
            &mut blocks,
            #[inline(always)]
            |values| inverse(values, CONSTANT_BITS - PASS_BITS),
        );
        turn(&blocks, &mut turned);
        each_lane(
            &mut turned,
            #[inline(always)]
            |values| inverse(values, CONSTANT_BITS + PASS_BITS + 3),
        );
        turn(&turned, &mut blocks);
        for (lanes, row) in blocks.iter().zip(strip.chunks_exact_mut(width)) {
            for (level, lane) in row[start..start + count].iter_mut().zip(lanes) {
                *level = (lane + 128).clamp(0, 255) as i16;
            }
        }
    }
}

/// Replaces each coefficient by the nearest multiple of its step, halves away from zero;
/// takes the factor of eight out.
#[inline(always)]
fn quantise(blocks: &mut Blocks<i32>, divisors: &Divisors) {
    let divisors = divisors
        .steps
        .as_flattened()
        .iter()
        .zip(divisors.inverses.as_flattened());
    for (value, (step, inverse)) in blocks.as_flattened_mut().iter_mut().zip(divisors) {
        let size = (value.abs() + 4 * step) as f32;
        // Rounded down: the quotient is no whole number, for the half that is added to it.
        let steps = nearest((size + 0.5) * inverse - 0.5);
        *value = if *value < 0 { -steps } else { steps } * step;
    }
}

/// Turns each block over, its rows becoming its columns.
#[inline(always)]
fn turn(from: &Blocks<i32>, to: &mut Blocks<i32>) {
    for block in [0, SIDE] {
        for x in 0..SIDE {
            for y in 0..SIDE {
                to[x][block + y] = from[y][block + x];
            }
        }
    }
}

/// Replaces the eight values of each lane, one in each row.
#[inline(always)]
fn each_lane(blocks: &mut Blocks<i32>, change: impl Fn([i32; SIDE]) -> [i32; SIDE]) {
    for lane in 0..LANES {
        let [a, b, c, d, e, f, g, h] = blocks;
        let values = [
            a[lane], b[lane], c[lane], d[lane], e[lane], f[lane], g[lane], h[lane],
        ];
        for (row, value) in blocks.iter_mut().zip(change(values)) {
            row[lane] = value;
        }
    }
}

/// `value` / 2^`bits`, rounded.
#[inline(always)]
fn descale(value: i32, bits: u32) -> i32 {
    (value + (1 << (bits - 1))) >> bits
}

/// The transform of eight values; `bits` fewer after the point than the products have.
#[inline(always)]
fn forward([a, b, c, d, e, f, g, h]: [i32; SIDE], bits: u32) -> [i32; SIDE] {
    let (outer, inner) = ([a + h, d + e], [b + g, c + f]);
    let (sums, differences) = (
        [outer[0] + outer[1], inner[0] + inner[1]],
        [outer[0] - outer[1], inner[0] - inner[1]],
    );
    let (second, sixth) = even(differences[0], differences[1]);
    let [seventh, fifth, third, first] = odd([d - e, c - f, b - g, a - h]);
    let whole = |value: i32| descale(value << CONSTANT_BITS, bits);
    [
        whole(sums[0] + sums[1]),
        descale(first, bits),
        descale(second, bits),
        descale(third, bits),
        whole(sums[0] - sums[1]),
        descale(fifth, bits),
        descale(sixth, bits),
        descale(seventh, bits),
    ]
}

/// The way back.
#[inline(always)]
fn inverse(terms: [i32; SIDE], bits: u32) -> [i32; SIDE] {
    let (outer, inner) = even(terms[2], terms[6]);
    let (sum, difference) = (
        (terms[0] + terms[4]) << CONSTANT_BITS,
        (terms[0] - terms[4]) << CONSTANT_BITS,
    );
    let even = [
        sum + outer,
        difference + inner,
        difference - inner,
        sum - outer,
    ];
    let [fourth, third, second, first] = odd([terms[7], terms[5], terms[3], terms[1]]);
    let odd = [first, second, third, fourth];
    [
        descale(even[0] + odd[0], bits),
        descale(even[1] + odd[1], bits),
        descale(even[2] + odd[2], bits),
        descale(even[3] + odd[3], bits),
        descale(even[3] - odd[3], bits),
        descale(even[2] - odd[2], bits),
        descale(even[1] - odd[1], bits),
        descale(even[0] - odd[0], bits),
    ]
}

/// The rotation of the even half, by six sixteenths of a half turn, times √2.
#[inline(always)]
fn even(a: i32, b: i32) -> (i32, i32) {
    let both = (a + b) * fixed(0.541_196_100);
    (
        both + a * fixed(0.765_366_865),
        both - b * fixed(1.847_759_065),
    )
}

/// The odd half, which is its own inverse but for the order.
#[inline(always)]
fn odd([a, b, c, d]: [i32; 4]) -> [i32; 4] {
    let all = (a + b + c + d) * fixed(1.175_875_602);
    let ad = -(a + d) * fixed(0.899_976_223);
    let bc = -(b + c) * fixed(2.562_915_447);
    let ac = all - (a + c) * fixed(1.961_570_560);
    let bd = all - (b + d) * fixed(0.390_180_644);
    [
        a * fixed(0.298_631_336) + ad + ac,
        b * fixed(2.053_119_869) + bc + bd,
        c * fixed(3.072_711_026) + bc + ac,
        d * fixed(1.501_321_110) + ad + bd,
    ]
}

#[cfg(test)]
mod tests {
    use std::f64::consts::PI;

    use super::*;

    /// Σ a(u) a(v) cos(π(2x + 1)u/16) cos(π(2y + 1)v/16) s(x, y) / 4, as T.81 has it
    /// (A.3.3), eight times too large.
    fn by_definition(samples: &[[i32; SIDE]; SIDE]) -> [[f64; SIDE]; SIDE] {
        let cosine = |x: usize, u: usize| (PI * ((2 * x + 1) * u) as f64 / 16.0).cos();
        let norm = |u: usize| if u == 0 { 0.5_f64.sqrt() } else { 1.0 };
        std::array::from_fn(|v| {
            std::array::from_fn(|u| {
                let each = (0..64).map(|at| (at % 8, at / 8));
                let terms =
                    each.map(|(x, y)| f64::from(samples[y][x]) * cosine(x, u) * cosine(y, v));
                2.0 * norm(u) * norm(v) * terms.sum::<f64>()
            })
        })
    }

    #[test]
    fn coefficients_are_those_of_the_definition() {
        let samples: [[i32; SIDE]; SIDE] = std::array::from_fn(|y| {
            std::array::from_fn(|x| ((x * 7 + y * 83 + x * y * 31) % 256) as i32 - 128)
        });
        let rows = samples.map(|row| forward(row, CONSTANT_BITS - PASS_BITS));
        let expected = by_definition(&samples);
        for u in 0..SIDE {
            let column = forward(rows.map(|row| row[u]), CONSTANT_BITS + PASS_BITS);
            for v in 0..SIDE {
                let error = (f64::from(column[v]) - expected[v][u]).abs();
                assert!(error < 1.5, "{u} {v}: {} {}", column[v], expected[v][u]);
            }
        }
    }

    /// Steps of 1 lose half a unit of each coefficient, so that levels come back but for
    /// one; in strips of any number of blocks.
    #[test]
    fn the_finest_steps_give_the_image_back() {
        for blocks in 1..5 {
            let width = blocks * SIDE;
            let levels: Vec<i16> = (0..SIDE * width)
                .map(|at| (at * 7919 % 256) as i16)
                .collect();
            let mut strip = levels.clone();
            compress(&mut strip, &Divisors::new(&[1; 64]));
            let errors = strip.iter().zip(&levels).map(|(a, b)| (a - b).abs());
            assert!(errors.max().unwrap() <= 2);
        }
    }

    /// Only the mean is left, in steps of 255/8.
    #[test]
    fn the_coarsest_steps_leave_flat_blocks() {
        let mut strip: Vec<i16> = (0..SIDE * SIDE).map(|at| 100 + (at % 3) as i16).collect();
        compress(&mut strip, &Divisors::new(&[255; 64]));
        assert_eq!(strip, [96; SIDE * SIDE]);
    }
}
