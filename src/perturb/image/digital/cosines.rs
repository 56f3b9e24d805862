//! Gaussian smoothing by kernels longer than the field, which goes on mirrored beyond
//! its edges.
//!
//! Such a field is periodic and even, and so a cosine series along each axis (DCT-II),
//! of which smoothing multiplies each term by a factor. Where the kernel is longer than
//! the axis, only the first few terms are left.

use std::f64::consts::PI;

use crate::perturb::image::Planes;
use crate::perturb::wide;

/// The terms that are kept. Of a kernel that is cut off after three deviations, and
/// whose two sides are as long as the axis, the factor of term k is below 0.02 / k from
/// the tenth on, all of it by the cutting off.
const TERMS: usize = 32;

/// Values that are summed at a time, in registers.
const BLOCK: usize = 32;

/// Smooths each plane along both axes by the symmetrical kernel whose weights from its
/// centre outwards are `weights`.
pub fn smooth(planes: &mut Planes<'_>, weights: &[f32]) {
    let (height, width) = (planes.height, planes.width);
    if height * width == 0 {
        return;
    }
    let along = Series::new(width, weights);
    let other = (height != width).then(|| Series::new(height, weights));
    let down = other.as_ref().unwrap_or(&along);
    let mut of_rows = vec![0.0; height * TERMS];
    let mut of_both = vec![0.0; TERMS * TERMS];
    for values in planes.each() {
        wide(
            #[inline(always)]
            || {
                product(values, width, &along.cosines, TERMS, &mut of_rows);
                product(&down.factors, height, &of_rows, TERMS, &mut of_both);
                product(&down.cosines, TERMS, &of_both, TERMS, &mut of_rows);
                product(&of_rows, TERMS, &along.factors, width, values);
            },
        );
    }
}

/// The series along an axis of n values.
struct Series {
    /// cos(πk(x + ½)/n): the terms k of one place x after those of another.
    cosines: Vec<f32>,
    /// The same by the factor of each term: the places of one term after those of
    /// another.
    factors: Vec<f32>,
}

impl Series {
    fn new(length: usize, weights: &[f32]) -> Self {
        // All that are needed are of the form cos(πj/2n), which has period 4n in j.
        let period = 4 * length;
        let table: Vec<f64> = (0..period)
            .map(|j| libm::cos(PI * j as f64 / (2 * length) as f64))
            .collect();
        // Both sides of the kernel, wrapped round the period of the mirrored axis.
        let mut kernel = vec![0.0; 2 * length];
        for (distance, weight) in weights.iter().enumerate() {
            let sides = if distance == 0 { 1.0 } else { 2.0 };
            kernel[distance % (2 * length)] += sides * f64::from(*weight);
        }
        let mut cosines = vec![0.0; length * TERMS];
        let mut factors = vec![0.0; length * TERMS];
        for (term, factors) in factors.chunks_exact_mut(length).enumerate().take(length) {
            let each = |first: usize| {
                let step = 2 * term % period;
                let next = move |&j: &usize| {
                    let j = j + step;
                    Some(if j < period { j } else { j - period })
                };
                std::iter::successors(Some(first % period), next).map(|j| table[j])
            };
            let products = kernel.iter().zip(each(0));
            let factor: f64 = products.map(|(weight, cosine)| weight * cosine).sum();
            let factor = factor / length as f64;
            let factor = if term == 0 { factor } else { 2.0 * factor };
            for (x, (value, cosine)) in factors.iter_mut().zip(each(term)).enumerate() {
                cosines[x * TERMS + term] = cosine as f32;
                *value = (factor * cosine) as f32;
            }
        }
        Self { cosines, factors }
    }
}

/// The matrix product of `left`, rows of `inner` values, and `right`, rows of `width`.
#[inline(always)]
fn product(left: &[f32], inner: usize, right: &[f32], width: usize, into: &mut [f32]) {
    // Two rows at a time: a sum waits for the one before it, not for its neighbours.
    let mut pairs = left.chunks_exact(2 * inner);
    let mut targets = into.chunks_exact_mut(2 * width);
    for (left, into) in (&mut pairs).zip(&mut targets) {
        let (one, other) = left.split_at(inner);
        let (into_one, into_other) = into.split_at_mut(width);
        rows([one, other], right, [into_one, into_other]);
    }
    if !pairs.remainder().is_empty() {
        rows([pairs.remainder()], right, [targets.into_remainder()]);
    }
}

/// Some rows of the product.
#[inline(always)]
fn rows<const R: usize>(left: [&[f32]; R], right: &[f32], into: [&mut [f32]; R]) {
    let width = into[0].len();
    let whole = width - width % BLOCK;
    for start in (0..whole).step_by(BLOCK) {
        let sums = sums::<R, BLOCK>(left, &right[start..], width);
        for row in 0..R {
            into[row][start..start + BLOCK].copy_from_slice(&sums[row]);
        }
    }
    for at in whole..width {
        let sums = sums::<R, 1>(left, &right[at..], width);
        for row in 0..R {
            into[row][at] = sums[row][0];
        }
    }
}

/// `N` values of each of these rows.
#[inline(always)]
fn sums<const R: usize, const N: usize>(
    left: [&[f32]; R],
    right: &[f32],
    width: usize,
) -> [[f32; N]; R] {
    let mut sums = [[0.0; N]; R];
    for at in 0..left[0].len() {
        let right = &right[at * width..][..N];
        for row in 0..R {
            let factor = left[row][at];
            for column in 0..N {
                sums[row][column] += factor * right[column];
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::perturb::image::filter::border::Border;
    use crate::perturb::image::filter::gaussian::Gaussian;
    use crate::seed::{Stream, uniform};

    /// Beside the sum itself, of white noise on [-1, 1]: what is lost is below 0.6 % of the
    /// least that is left, its mean, whose square times the number of pixels is 1/3 in the
    /// mean.
    #[test]
    fn it_is_the_gaussian_filter() {
        for (height, width, sigma) in [
            (224, 224, 170.8),
            (50, 61, 11.0),
            (7, 3, 40.0),
            (1, 90, 15.0),
        ] {
            let mut words = vec![0; height * width];
            Stream::new(1, "noise", 0, "0").fill(&mut words);
            let noise = words.iter().map(|&word| (2.0 * uniform(word) - 1.0) as f32);
            let mut series: Vec<f32> = noise.collect();
            let mut sums = series.clone();
            let gaussian = Gaussian::new(sigma, 3.0);
            for (smoothed, by_series) in [(&mut series, true), (&mut sums, false)] {
                let mut planes = Planes {
                    height,
                    width,
                    values: smoothed,
                };
                if by_series {
                    smooth(&mut planes, gaussian.weights());
                } else {
                    gaussian.filter(&mut planes, Border::Reflect);
                }
            }
            let lost = series.iter().zip(&sums);
            let lost: f64 = lost.map(|(a, b)| f64::from(a - b).powi(2)).sum();
            let bound = 0.006_f64.powi(2) / 3.0;
            assert!(lost < bound, "{height} {width} {sigma}: {lost} {bound}");
        }
    }

    #[test]
    fn what_is_even_stays_even() {
        let mut values = [0.25; 5 * 7];
        let mut planes = Planes {
            height: 5,
            width: 7,
            values: &mut values,
        };
        smooth(&mut planes, Gaussian::new(30.0, 3.0).weights());
        assert!(
            values.iter().all(|value| (value - 0.25).abs() < 1e-6),
            "{values:?}"
        );
    }
}
