//! Uniform numbers turned into draws: each function here is the inverse of a
//! distribution function, so that one random word an element is enough, a draw
//! is monotone in its word, and no element depends on its neighbour.
//!
//! Own arithmetic and `libm` only: the same draws on every platform. Where the
//! words come from is `seed`; what the draws are used for is each kind's.

mod normal;
mod poisson;

use ndarray::ArrayViewMutD;

pub use crate::stats::normal::normal_quantile as normal;
pub use normal::normal_f32;
pub use poisson::{PoissonTable, poisson, poissons};

use super::wide;
use crate::seed::{Stream, uniform};

/// Values that are handed over together by [`each_block`], at most.
pub const BLOCK: usize = 1_024;

/// Replaces every value of `example` by `change(value, u)`, where u in (0, 1) is
/// the value's own uniform number: one 32-bit word each, in the logical (C) order
/// of the example, however it lies in memory. Of the rarest draws, those beyond
/// 2⁻³³ on either side (6.3 standard deviations), there are none.
///
/// ```
/// use ndarray::array;
/// use steadfast::perturb::draw;
/// use steadfast::seed::Stream;
/// let mut row = array![0.5_f32, 0.5].into_dyn();
/// let mut stream = Stream::new(7, "custom::jitter@1", 0, "17");
/// draw::each_value(row.view_mut(), &mut stream, |value, u| value + (u - 0.5) as f32);
/// assert_ne!(row[0], row[1]);
/// ```
pub fn each_value(
    example: ArrayViewMutD<'_, f32>,
    stream: &mut Stream,
    change: impl Fn(f32, f64) -> f32,
) {
    each_word(
        example,
        stream,
        #[inline(always)]
        |value, word| change(value, uniform(word)),
    );
}

/// The same by `change(value, word)`, from the word itself. Where `change` is plain
/// arithmetic, a `move` closure and marked `#[inline(always)]`, it runs on the processor's vectors
/// (see [`wide`]).
///
/// ```
/// use ndarray::array;
/// use steadfast::perturb::draw;
/// use steadfast::seed::Stream;
/// let mut row = array![0.5_f32, 0.5].into_dyn();
/// let mut stream = Stream::new(7, "custom::hiss@1", 0, "17");
/// draw::each_word(
///     row.view_mut(),
///     &mut stream,
///     #[inline(always)]
///     move |value, word| value + 0.1 * draw::normal_f32(word),
/// );
/// assert_ne!(row[0], row[1]);
/// ```
pub fn each_word(
    example: ArrayViewMutD<'_, f32>,
    stream: &mut Stream,
    change: impl Fn(f32, u32) -> f32 + Copy,
) {
    each_block(example, stream, |values, words| {
        wide(
            #[inline(always)]
            || {
                // A copy, which the values that are written cannot be part of.
                let own = change;
                for (value, &word) in values.iter_mut().zip(words) {
                    *value = own(*value, word);
                }
            },
        );
    });
}

/// Hands the values of `example` to `change` some at a time, in the logical order,
/// with the word of each.
pub fn each_block(
    mut example: ArrayViewMutD<'_, f32>,
    stream: &mut Stream,
    mut change: impl FnMut(&mut [f32], &[u32]),
) {
    let mut words = [0; BLOCK];
    let mut each = |values: &mut [f32]| {
        for values in values.chunks_mut(BLOCK) {
            let words = &mut words[..values.len()];
            stream.fill(words);
            change(values, words);
        }
    };
    if let Some(values) = example.as_slice_mut() {
        return each(values);
    }
    let mut values: Vec<f32> = example.iter().copied().collect();
    each(&mut values);
    for (target, value) in example.iter_mut().zip(values) {
        *target = value;
    }
}
