//! The levels of 8 bits, k/255, where a definition falls back to them on its way.

use crate::perturb::wide;

/// How far below a level a value may lie and still be that level, in levels: sums in
/// single precision are that far from what they mean.
const SLACK: f32 = 1e-3;

/// Replaces each value by the nearest level, halves by the higher one.
pub fn round(values: &mut [f32]) {
    lower(values, 0.5);
}

/// Replaces each value by the level below it, as a cast of 255 times it to integers does.
pub fn truncate(values: &mut [f32]) {
    lower(values, SLACK);
}

fn lower(values: &mut [f32], slack: f32) {
    wide(
        #[inline(always)]
        || {
            for value in values {
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
            let mut values = [at(0.0), at(-1e-4), at(0.4), at(0.99)];
            truncate(&mut values);
            assert_eq!(values, [at(0.0); 4]);
        }
    }
}
