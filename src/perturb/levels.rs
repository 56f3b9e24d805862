//! The levels of 8 bits, k/255, that data of 8 bits fall back to, after a change and
//! where a definition has them on its way.

use super::wide;

/// How far below a level, in levels, a value may lie and still be that level: sums in
/// single precision, and the way onto the unit scale and back, are that far from what
/// they mean. The weights of the narrowest Gaussian of the tables, 0.0003, are more.
const SLACK: f32 = 1e-4;

/// The level, 0 to 255, that a value of the unit scale becomes: clipped, and truncated.
#[inline(always)]
pub fn level(value: f32) -> f32 {
    (value.clamp(0.0, 1.0) * 255.0 + SLACK).floor()
}

/// Replaces each value by the nearest level, halves by the higher one.
pub fn round(values: &mut [f32]) {
    lower(values, 0.5);
}

/// Replaces each value by the level that it is on or above, as a cast of 255 times it
/// to integers does.
pub fn truncate(values: &mut [f32]) {
    lower(values, SLACK);
}

fn lower(values: &mut [f32], slack: f32) {
    wide(
        #[inline(always)]
        || {
            for value in &mut *values {
                *value = (*value * 255.0 + slack).floor() / 255.0;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_stay_and_what_lies_between_is_rounded_or_truncated() {
        for level in 0..=255_u8 {
            let at = |shift: f32| (f32::from(level) + shift) / 255.0;
            let mut values = [at(0.0), at(0.4), at(0.6)];
            round(&mut values);
            assert_eq!(values, [at(0.0), at(0.0), at(1.0)]);
            let mut values = [at(0.0), at(-5e-5), at(0.4), at(0.99)];
            truncate(&mut values);
            assert_eq!(values, [at(0.0); 4]);
            let mut values = [at(0.999_7)];
            truncate(&mut values);
            assert_eq!(values, [at(0.0)]);
        }
    }
}
