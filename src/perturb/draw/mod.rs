//! Uniform numbers turned into draws: each function here is the inverse of a
//! distribution function, so that one random word an element is enough, a draw
//! is monotone in its word, and no element depends on its neighbour.
//!
//! Own arithmetic and `libm` only: the same draws on every platform. Where the
//! words come from is `seed`; what the draws are used for is each kind's.

mod poisson;

use ndarray::ArrayViewMutD;

pub use crate::stats::normal::normal_quantile as normal;
pub use poisson::poisson;

use crate::seed::{Stream, uniform};

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
    mut example: ArrayViewMutD<'_, f32>,
    stream: &mut Stream,
    change: impl Fn(f32, f64) -> f32,
) {
    let mut word = [0];
    for value in &mut example {
        stream.fill(&mut word);
        *value = change(*value, uniform(word[0]));
    }
}
