//! What JPEG (ITU-T T.81, baseline) loses: everything on the way to the coefficients
//! and back, in the integer arithmetic of libjpeg, to whose output it is equal. The
//! entropy coding in between loses nothing and is left out.
//!
//! `colour` is the way between pixels and planes of luminance and chrominance, `cosine`
//! the transform of blocks, `tables` what coefficients are divided by.

mod colour;
mod cosine;
mod tables;

pub use colour::{compress_colours, compress_grey};
pub use tables::Tables;

/// The whole number nearest to `value`, which is from 0 to 2²²: adding 2²³ moves the point
/// of the mantissa behind its last bit. A cast has cases to tell apart that keep a loop
/// from vector instructions.
#[inline(always)]
fn nearest(value: f32) -> i32 {
    const POINT: f32 = 8_388_608.0;
    (value + POINT)
        .to_bits()
        .wrapping_sub(POINT.to_bits())
        .cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_whole_number_is_found() {
        for (value, expected) in [
            (0.0, 0),
            (0.49, 0),
            (0.51, 1),
            (254.9, 255),
            (4_194_303.6, 4_194_304),
        ] {
            assert_eq!(nearest(value), expected);
        }
    }
}
