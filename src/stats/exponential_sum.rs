//! The probability that a weighted sum of independent exponential numbers is not
//! below zero: what the test of [`unseen`](super::unseen) is a value of.

use super::root;

/// One coefficient, and how many of the exponential numbers have it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coefficient {
    /// The coefficient.
    pub value: f64,
    /// How many; need not be whole.
    pub count: f64,
}

/// Distinct coefficients up to which none are rounded.
const DISTINCT: usize = 5_000;

/// Where the trapezoid rule ends, whatever its terms are.
const END: f64 = 22.0;

/// A term below this share of the sum ends the trapezoid rule.
const NEGLIGIBLE: f64 = 1e-17;

/// Steps 1/16, 1/32, … of the trapezoid rule are halved to this agreement, but not
/// below 1/8192.
const AGREEMENT: f64 = 1e-9;
const COARSEST: u32 = 16;
const FINEST: u32 = 8192;

/// A coefficient below this share of the largest is a rest of rounding.
const ROUNDING: f64 = 1e-13;

/// P(Σ λ_j E_j ≥ 0) for independent exponential E_j of mean 1, each λ_j with its
/// count. Good to about 1e-11, relative, down to 1e-300. Beyond 5,000 distinct
/// coefficients they are rounded up in groups, so that the answer is never too small.
///
/// The integral of the moment generating function Π (1 − λ_j s)^−1 / s along the line
/// through its saddle point, by the trapezoid rule in the t of y = w sinh t.
///
/// Source: Imhof 1961 and Rice 1980 for the contour through the saddle point; the
/// trapezoid rule after a sinh substitution is Takahasi & Mori's (1974).
///
/// ```
/// # use steadfast::stats::exponential_sum::{Coefficient, p_not_negative};
/// let of = |value, count| Coefficient { value, count };
/// // P(E₁ ≥ E₂) = 1/2; P(2 E₁ ≥ E₂) = 2/3.
/// assert!((p_not_negative(&[of(1.0, 1.0), of(-1.0, 1.0)]) - 0.5).abs() < 1e-11);
/// assert!((p_not_negative(&[of(2.0, 1.0), of(-1.0, 1.0)]) - 2.0 / 3.0).abs() < 1e-11);
/// ```
pub fn p_not_negative(coefficients: &[Coefficient]) -> f64 {
    let sizes = coefficients.iter().map(|term| term.value.abs());
    let scale = sizes.fold(0.0, f64::max);
    let mut terms: Vec<Coefficient> = coefficients
        .iter()
        .filter(|term| term.value.abs() > ROUNDING * scale && term.count > 0.0)
        .copied()
        .collect();
    terms.sort_unstable_by(|one, other| one.value.total_cmp(&other.value));
    terms.dedup_by(|next, kept| {
        let equal = next.value == kept.value;
        if equal {
            kept.count += next.count;
        }
        equal
    });
    let Some(largest) = terms.last().map(|term| term.value) else {
        return 1.0;
    };
    if terms[0].value > 0.0 {
        return 1.0;
    }
    if largest < 0.0 {
        return 0.0;
    }
    // The largest is what was not drawn, and stays as it is.
    if terms.len() > DISTINCT + 1 {
        terms = rounded_up(&terms);
    }
    for term in &mut terms {
        term.value /= largest;
    }
    let positive = terms.iter().filter(|term| term.value > 0.0).count();
    if positive == 1 && terms.last().is_some_and(|term| term.count == 1.0) {
        // The sum of the others is below E_0 with the product of these probabilities.
        let below = terms.iter().filter(|term| term.value < 0.0);
        let logarithm: f64 = below
            .map(|term| -term.count * libm::log1p(-term.value))
            .sum();
        return libm::exp(logarithm);
    }
    Contour::through_the_saddle(&terms).integral()
}

/// The coefficients, sorted, in [`DISTINCT`] groups of about equal count, each at its
/// largest.
fn rounded_up(sorted: &[Coefficient]) -> Vec<Coefficient> {
    let Some((last, rest)) = sorted.split_last() else {
        return Vec::new();
    };
    let bound = |group: usize| group * rest.len() / DISTINCT;
    let groups = (0..DISTINCT).map(|group| &rest[bound(group)..bound(group + 1)]);
    let rounded = groups.map(|group| Coefficient {
        value: group.last().map_or(0.0, |last| last.value),
        count: group.iter().map(|term| term.count).sum(),
    });
    rounded.chain([*last]).collect()
}

/// The line along which the integral is taken.
struct Contour<'a> {
    terms: &'a [Coefficient],
    /// Where it crosses the real axis: the root of K'(s) = 1 / s.
    saddle: f64,
    /// The width of the integrand there: (K''(s) + 1 / s²)^−1/2.
    width: f64,
}

impl<'a> Contour<'a> {
    /// The largest of `terms` must be 1, and the smallest below 0.
    fn through_the_saddle(terms: &'a [Coefficient]) -> Self {
        let slope = |s: f64| {
            let tilted = terms.iter();
            let tilted = tilted.map(|term| term.count * term.value / (1.0 - term.value * s));
            1.0 / s - tilted.sum::<f64>()
        };
        let saddle = root::of_falling(slope, 0.0, 1.0);
        let curvature: f64 = terms
            .iter()
            .map(|term| {
                let tilted = term.value / (1.0 - term.value * saddle);
                term.count * tilted * tilted
            })
            .sum();
        Self {
            terms,
            saddle,
            width: 1.0 / libm::sqrt(curvature + 1.0 / (saddle * saddle)),
        }
    }

    fn integral(&self) -> f64 {
        let mut steps = COARSEST;
        let mut sum = 0.5 * self.integrand(0.0) + self.terms_between(1, 1, steps);
        let mut integral = sum / f64::from(steps);
        while steps < FINEST {
            // Those in the middle between the ones that are there.
            steps *= 2;
            sum += self.terms_between(1, 2, steps);
            let finer = sum / f64::from(steps);
            if (finer - integral).abs() <= AGREEMENT * finer.abs() {
                return finer.clamp(0.0, 1.0);
            }
            integral = finer;
        }
        // What cannot be computed shows nothing.
        1.0
    }

    /// The sum of the integrand at t = (first + i · stride) / steps, until it is
    /// negligible.
    fn terms_between(&self, first: u32, stride: u32, steps: u32) -> f64 {
        let start = self.integrand(0.0).abs();
        let (mut sum, mut place) = (0.0, first);
        loop {
            let t = f64::from(place) / f64::from(steps);
            if t > END {
                return sum;
            }
            let term = self.integrand(t);
            sum += term;
            // A term may cross zero; its size at the start does not.
            if term.abs() < NEGLIGIBLE * start && self.size(t) < NEGLIGIBLE * start {
                return sum;
            }
            place += stride;
        }
    }

    /// w / π cosh t Re(e^K(s) / s) at s = s₀ + i w sinh t.
    fn integrand(&self, t: f64) -> f64 {
        self.at(t).0
    }

    /// The same with the absolute value in place of the real part.
    fn size(&self, t: f64) -> f64 {
        self.at(t).1
    }

    fn at(&self, t: f64) -> (f64, f64) {
        let s = (self.saddle, self.width * libm::sinh(t));
        let mut product = Scaled::new(s.0, s.1);
        let (mut logarithm, mut angle) = (0.0, 0.0);
        for term in self.terms {
            let factor = (1.0 - term.value * s.0, -term.value * s.1);
            if term.count == 1.0 {
                product.multiply(factor);
            } else {
                let square = factor.0 * factor.0 + factor.1 * factor.1;
                logarithm += 0.5 * term.count * libm::log(square);
                angle += term.count * libm::atan2(factor.1, factor.0);
            }
        }
        // 1 / (product · e^(logarithm + i angle)).
        let (real, imaginary) = (product.real, product.imaginary);
        let square = real * real + imaginary * imaginary;
        let (cosine, sine) = (libm::cos(angle), libm::sin(angle));
        let part = (real * cosine - imaginary * sine) / square;
        let natural = -logarithm - product.exponent as f64 * std::f64::consts::LN_2;
        let weight = self.width / std::f64::consts::PI * libm::cosh(t) * libm::exp(natural);
        (weight * part, weight / libm::sqrt(square))
    }
}

/// A complex number times a power of two: products of thousands neither overflow nor
/// underflow.
struct Scaled {
    real: f64,
    imaginary: f64,
    exponent: i64,
}

impl Scaled {
    fn new(real: f64, imaginary: f64) -> Self {
        let mut number = Self {
            real,
            imaginary,
            exponent: 0,
        };
        number.normalise();
        number
    }

    fn multiply(&mut self, (real, imaginary): (f64, f64)) {
        let product = self.real * real - self.imaginary * imaginary;
        self.imaginary = self.real * imaginary + self.imaginary * real;
        self.real = product;
        self.normalise();
    }

    /// Divides by the power of two in the larger part.
    fn normalise(&mut self) {
        let larger = self.real.abs().max(self.imaginary.abs());
        let exponent = (larger.to_bits() >> 52) as i64 - 1023;
        let scale = f64::from_bits(((1023 - exponent) as u64) << 52);
        self.real *= scale;
        self.imaginary *= scale;
        self.exponent += exponent;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Stream, uniform};
    use crate::stats::distribution::{beta_cdf, half_binomial_upper_tail};
    use proptest::prelude::*;

    fn of(value: f64, count: f64) -> Coefficient {
        Coefficient { value, count }
    }

    fn singles(values: &[f64]) -> Vec<Coefficient> {
        values.iter().map(|&value| of(value, 1.0)).collect()
    }

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-10 * expected
    }

    /// By the contour, whatever closed form there is, and with none rounded.
    fn by_contour(coefficients: &[Coefficient]) -> f64 {
        let mut terms = coefficients.to_vec();
        terms.sort_unstable_by(|one, other| one.value.total_cmp(&other.value));
        let largest = terms.last().unwrap().value;
        for term in &mut terms {
            term.value /= largest;
        }
        Contour::through_the_saddle(&terms).integral()
    }

    #[test]
    fn without_both_signs_the_sum_is_certain() {
        for (values, expected) in [
            (vec![], 1.0),
            (vec![0.0], 1.0),
            (vec![2.0, 0.0], 1.0),
            (vec![-1.0], 0.0),
            (vec![-1.0, 0.0, -3.0], 0.0),
            // A rest of rounding is none.
            (vec![1.0, -1e-17], 1.0),
            (vec![-1.0, 1e-17], 0.0),
        ] {
            assert_eq!(p_not_negative(&singles(&values)), expected, "{values:?}");
        }
        assert_eq!(p_not_negative(&[of(1.0, 1.0), of(-1.0, 0.0)]), 1.0);
    }

    #[test]
    fn one_positive_one_is_a_product() {
        let p = p_not_negative(&[of(2.0, 1.0), of(-1.0, 3.0), of(-4.0, 1.5), of(0.0, 9.0)]);
        assert!(near(p, 1.5f64.powi(-3) * 3f64.powf(-1.5)));
        // Thousands of small ones, at which the contour loses digits.
        let p = p_not_negative(&[of(1.0, 1.0), of(-0.1, 5000.0)]);
        assert!((libm::log(p) / (-5000.0 * libm::log1p(0.1)) - 1.0).abs() < 1e-13);
    }

    /// P(Σ E of `gain` + 1 ≥ Σ E of `harm`) is that at most `gain` of `harm` + `gain` fair
    /// coins show the gain, down to 1e-290.
    #[test]
    fn equal_sizes_are_coins() {
        for (harm, gain) in [(1, 1), (20, 5), (5, 20), (300, 20), (900, 4), (2500, 2400)] {
            let gained = of(1.0, f64::from(gain + 1));
            let p = p_not_negative(&[gained, of(-1.0, f64::from(harm))]);
            let expected = half_binomial_upper_tail(u64::from(harm as u32), (harm + gain) as u64);
            assert!(near(p, expected), "{harm} {gain}: {p} {expected}");
        }
    }

    proptest! {
        /// Two sums, of counts that need not be whole: a beta distribution.
        #[test]
        fn two_sizes_are_a_beta(
            gains in 0.3..40.0f64, losses in 0.3..400.0f64, ratio in -4.0..2.0f64,
        ) {
            let loss = libm::exp(ratio);
            let p = p_not_negative(&[of(3.0, gains), of(-3.0 * loss, losses)]);
            // P(G ≥ loss · L) = P(L / (G + L) ≤ 1 / (1 + loss)).
            let expected = beta_cdf(1.0 / (1.0 + loss), losses, gains);
            let negligible = p < 1e-290 && expected < 1e-290;
            prop_assert!(negligible || near(p, expected), "{} {}", p, expected);
        }

        /// Positive coefficients that are all different: the sum over each of them of
        /// Π (1 − λ_j / λ_i)^−1.
        #[test]
        fn distinct_ones_are_the_sum_of_residues(
            gains in prop::collection::vec(0.0..0.5f64, 1..5),
            losses in prop::collection::vec(0.01..10.0f64, 1..30),
        ) {
            let gains = gains.iter().enumerate();
            let gains: Vec<f64> = gains.map(|(place, more)| (1 << place) as f64 + more).collect();
            let mut values: Vec<f64> = losses.iter().map(|loss| -loss).collect();
            values.extend(&gains);
            let residue = |gain: &f64| -> f64 {
                let others = values.iter().filter(|value| *value != gain);
                others.map(|value| 1.0 / (1.0 - value / gain)).product()
            };
            let expected: f64 = gains.iter().map(residue).sum();
            let p = p_not_negative(&singles(&values));
            prop_assert!((p - expected).abs() <= 1e-9 * expected, "{} {}", p, expected);
        }

        /// The closed form and the contour agree where only one is positive.
        #[test]
        fn the_product_is_the_contours(
            losses in prop::collection::vec((1e-6..1.0f64, 1.0..20.0f64), 1..20),
            gain in 0.05..20.0f64,
        ) {
            let mut terms: Vec<Coefficient> =
                losses.iter().map(|&(loss, count)| of(-loss, count.round())).collect();
            terms.push(of(gain, 1.0));
            let (p, contour) = (p_not_negative(&terms), by_contour(&terms));
            prop_assert!(near(contour, p), "{} {}", contour, p);
        }

        /// Turned over it is what is left to 1; neither the order nor the unit counts, nor
        /// whether equal ones come one by one.
        #[test]
        fn turned_ordered_scaled_and_split_alike(
            terms in prop::collection::vec((-10i32..10, 1u8..5), 2..12), unit in -20.0..20.0f64,
        ) {
            prop_assume!(terms.iter().any(|term| term.0 < 0));
            prop_assume!(terms.iter().any(|term| term.0 > 0));
            let with = |unit: f64| -> Vec<Coefficient> {
                let each = terms.iter();
                each.map(|&(value, count)| of(f64::from(value) * unit, count.into())).collect()
            };
            let p = p_not_negative(&with(1.0));
            let turned = p_not_negative(&with(-1.0));
            prop_assert!((p + turned - 1.0).abs() < 1e-10, "{} {}", p, turned);
            let mut split = Vec::new();
            for term in with(libm::exp(unit)).iter().rev() {
                split.extend(vec![of(term.value, 1.0); term.count as usize]);
            }
            prop_assert!(near(p_not_negative(&split), p));
        }
    }

    /// Drawing the exponential numbers gives the same, to its error.
    #[test]
    fn drawn_sums_agree() {
        const DRAWS: u32 = 40_000;
        for case in 0..24 {
            let mut stream = Stream::new(11, "exponential_sum", case, "");
            let terms: Vec<(f64, u64)> = (0..2 + stream.below(8))
                .map(|place| {
                    let value = uniform(stream.word() as u32).powi(2);
                    let sign = if place % 2 == 0 { 1.0 } else { -1.0 };
                    (sign * value, 1 + stream.below(4))
                })
                .collect();
            let mut exponential = || -libm::log(uniform(stream.word() as u32));
            let mut seen = 0;
            for _ in 0..DRAWS {
                let mut sum = 0.0;
                for &(value, count) in &terms {
                    sum += value * (0..count).map(|_| exponential()).sum::<f64>();
                }
                seen += u32::from(sum >= 0.0);
            }
            let terms: Vec<Coefficient> = terms
                .iter()
                .map(|&(value, count)| of(value, count as f64))
                .collect();
            let p = p_not_negative(&terms);
            let error = (p * (1.0 - p) / f64::from(DRAWS)).sqrt();
            let found = f64::from(seen) / f64::from(DRAWS);
            assert!(
                (found - p).abs() <= 5.0 * error + 1e-12,
                "{terms:?}: {p} {found}"
            );
        }
    }

    /// Beyond 5,000 distinct coefficients the answer is rounded up, by little.
    #[test]
    fn many_distinct_ones_are_never_too_few() {
        for count in [4_999_u32, 5_001, 7_500, 12_000] {
            for (offset, width) in [(0.505, 1.0), (0.52, 1.0), (0.9, 0.1)] {
                let place = |index: u32| f64::from(index * 7_919 % 104_729) / 104_729.0;
                let mut terms: Vec<Coefficient> = (0..count)
                    .map(|index| of(width * (place(index) - offset), 1.0))
                    .collect();
                terms.push(of(1.0, 1.0));
                let (p, exact) = (p_not_negative(&terms), by_contour(&terms));
                if count < 5_000 {
                    assert!(near(p, exact), "{count}: {p} {exact}");
                }
                assert!(p >= exact * (1.0 - 1e-10), "{count} {offset}: {p} {exact}");
                assert!(
                    p <= 1.01 * exact.powf(0.95),
                    "{count} {offset}: {p} {exact}"
                );
            }
        }
    }
}
