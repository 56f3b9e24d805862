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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extremes_are_found_wherever_they_are() {
        for length in 1..40 {
            for place in 0..length {
                let mut values = vec![0.5; length];
                values[place] = 2.0;
                values[(place + 1) % length] = -1.0;
                let highest = if length == 1 { -1.0 } else { 2.0 };
                assert_eq!(range(&values), (-1.0, highest));
            }
        }
        assert_eq!(range(&[f32::NAN, 3.0, f32::NAN]), (3.0, 3.0));
        assert_eq!(range(&[]), (f32::INFINITY, f32::NEG_INFINITY));
    }
}
