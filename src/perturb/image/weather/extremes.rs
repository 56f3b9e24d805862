//! The extremes of many values, in a loop that vectors run.

/// The smallest and the largest of `values`, passing over what is no number.
#[inline(always)]
pub fn range(values: &[f32]) -> (f32, f32) {
    const LANES: usize = 16;
    let mut lowest = [f32::INFINITY; LANES];
    let mut highest = [f32::NEG_INFINITY; LANES];
    let mut see = |values: &[f32]| {
        for ((low, high), &value) in lowest.iter_mut().zip(&mut highest).zip(values) {
            *low = if value < *low { value } else { *low };
            *high = if value > *high { value } else { *high };
        }
    };
    let (whole, rest) = values.as_chunks::<LANES>();
    for values in whole {
        see(values);
    }
    see(rest);
    (
        lowest.into_iter().fold(f32::INFINITY, f32::min),
        highest.into_iter().fold(f32::NEG_INFINITY, f32::max),
    )
}
