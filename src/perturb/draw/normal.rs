//! The standard normal distribution, in the arithmetic of the vectors.

/// The standard normal draw that a random word stands for: within 10⁻⁶ of the quantile
/// of the word's [`uniform`](crate::seed::uniform), which lies in ±6.34, within
/// 3·10⁻⁷ in ±1. It is odd about the middle of the words, and rises with them but for
/// such errors.
///
/// Plain arithmetic without a branch, a table or a call: a loop over words is run on
/// vectors, to the same bits.
///
/// With t the probability beyond the draw, z / (1 - 2t) is a smooth function of
/// w = -log₂ 4t(1 - t) (the variable of Giles 2010, "Approximating the erfinv
/// function"): a rational one here, fitted for the least error of z over all words.
///
/// ```
/// use steadfast::perturb::draw;
/// // P(Z ≤ 1) = 0.841345.
/// let word = (0.841_344_746 * 4_294_967_296.0) as u32;
/// assert!((draw::normal_f32(word) - 1.0).abs() < 1e-6);
/// assert_eq!(draw::normal_f32(!word), -draw::normal_f32(word));
/// ```
#[inline(always)]
pub fn normal_f32(word: u32) -> f32 {
    const CELL: f32 = 1.0 / 2_147_483_648.0;
    let from_middle = (word ^ 0x8000_0000) as i32;
    let below = from_middle >> 31;
    let distance = from_middle ^ below;
    let left = distance ^ i32::MAX;

    // 1 - 2t and 2t, each to the last bit where it is small.
    let inner = (distance as f32 + 0.5) * CELL;
    let outer = (left as f32 + 0.5) * CELL;
    let w = -log2(outer * (2.0 - outer));
    // The line leaves little to the quotient, and to the rounding of its many steps.
    let rest = polynomial(&NUMERATOR, w) / polynomial(&DENOMINATOR, w);
    let z = inner * (LINE[0] + LINE[1] * w + rest);
    f32::from_bits(z.to_bits() ^ (below as u32 & 0x8000_0000))
}

/// log₂ of a positive normal number, to 5·10⁻⁸ and the rounding of the result.
#[inline(always)]
fn log2(x: f32) -> f32 {
    const TWO_THIRDS: u32 = 0x3f2a_aaab;
    let bits = x.to_bits();
    let exponent = (bits.wrapping_sub(TWO_THIRDS) as i32) >> 23;
    // Between 2/3 and 4/3.
    let mantissa = f32::from_bits(bits.wrapping_sub((exponent << 23) as u32));
    let from_one = mantissa - 1.0;
    exponent as f32 + from_one * polynomial(&LOG2, from_one)
}

/// Σ `coefficients`[j] xʲ.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f32; N], x: f32) -> f32 {
    let mut value = coefficients[N - 1];
    for coefficient in coefficients[..N - 1].iter().rev() {
        value = value * x + coefficient;
    }
    value
}

/// log₂(1 + f) / f in powers of f, |f| ≤ 1/3.
const LOG2: [f32; 8] = [
    1.442_694_1,
    -0.721_343_94,
    0.481_019_74,
    -0.360_927_67,
    0.284_587_83,
    -0.234_680_04,
    0.252_027_1,
    -0.231_980_07,
];

/// z / (1 - 2t), 0 ≤ w ≤ 31, is this line and the quotient of these polynomials, all
/// in powers of w: within 2.4·10⁻⁸ of z but for the rounding.
const LINE: [f32; 2] = [2.125, 0.09];
const NUMERATOR: [f32; 7] = [
    -8.716_860_4e-1,
    8.049_477e-2,
    2.249_288_4e-3,
    1.046_996_8e-3,
    7.004_489e-5,
    3.277_213_4e-6,
    -3.434_258_7e-8,
];
const DENOMINATOR: [f32; 6] = [
    1.0,
    6.532_153e-2,
    1.671_788_1e-2,
    7.638_303e-4,
    5.891_177_4e-5,
    6.393_486e-7,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::normal_f32 as normal;
    use crate::perturb::wide;
    use crate::seed::uniform;
    use crate::stats::normal::normal_quantile;

    const ERROR: f64 = 1e-6;

    /// Words of every size of the tail and all over the middle.
    fn words() -> impl Iterator<Item = u32> {
        let tail =
            (0..32).flat_map(|bit| (0..64).map(move |step| (1_u32 << bit) | (step << bit) >> 6));
        let tail = (0..5_000).chain(tail);
        let both = tail.flat_map(|word| [word, !word]);
        let middle = (0..5_000).map(|step| (1_u32 << 31) - 2_500 + step);
        both.chain(middle).chain((0..=u32::MAX).step_by(40_009))
    }

    #[test]
    fn a_draw_is_the_quantile_of_its_word() {
        for word in words() {
            let quantile = normal_quantile(uniform(word));
            let error = (f64::from(normal(word)) - quantile).abs();
            let bound = if quantile.abs() < 1.0 { 3e-7 } else { ERROR };
            assert!(error < bound, "{word}: {} is not {quantile}", normal(word));
        }
    }

    #[test]
    fn draws_are_the_same_on_vectors_and_one_by_one() {
        let words: Vec<u32> = words().collect();
        let mut draws = vec![0.0; words.len()];
        wide(
            #[inline(always)]
            || {
                for (draw, &word) in draws.iter_mut().zip(&words) {
                    *draw = normal(word);
                }
            },
        );
        for (draw, word) in draws.into_iter().zip(words) {
            assert_eq!(
                draw.to_bits(),
                normal(std::hint::black_box(word)).to_bits(),
                "{word}"
            );
        }
    }

    proptest! {
        #[test]
        fn draws_are_symmetric_and_monotone(one: u32, other: u32) {
            prop_assert_eq!(normal(one), -normal(!one));
            let (low, high) = (one.min(other), one.max(other));
            prop_assert!(normal(low) <= normal(high) + 2.0 * ERROR as f32);
        }

        /// Between words so far apart that the draws are, too, there is no fall.
        #[test]
        fn draws_rise_from_word_to_word(word in 0..u32::MAX - 4_096) {
            prop_assert!(normal(word) < normal(word + 4_096));
        }
    }
}
