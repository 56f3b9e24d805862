//! The sign-flip test: under no change, each cluster's difference is as likely to
//! have the other sign.

use super::distribution::log_half_binomial;
use super::permutation::{Count, sequential_p};
use crate::seed::Stream;

/// Multiplications that the exact test may cost before [`p`] samples instead.
const MOST_WORK: f64 = 3e8;

/// Masses below this are left out of the exact distribution: with at most 2¹⁶
/// distinct sizes and less than 10⁵ masses each, 10⁻²⁰ of the total at most.
const SMALLEST_MASS: f64 = 1e-30;

/// The one-sided mid-p value of harm, P(S < s) + P(S = s) / 2, for S the sum of
/// the differences with random signs and s the observed sum; exact, by convolving
/// the binomials of each size. `None` where that would cost too much.
///
/// Zeros drop out. With sizes of one it is McNemar's mid-p value. Without any
/// difference it is 1.
///
/// Source: Fisher 1935; the dynamic programme is statistics.md 2.2's.
pub fn exact_mid_p(differences: &[i64]) -> Option<f64> {
    let mut sizes = std::collections::BTreeMap::<u64, u64>::new();
    for &difference in differences.iter().filter(|&&difference| difference != 0) {
        *sizes.entry(difference.unsigned_abs()).or_default() += 1;
    }
    if sizes.is_empty() {
        return Some(1.0);
    }
    // T is the sum of the sizes with a positive sign: S = 2T − total.
    let total: i128 = sizes
        .iter()
        .map(|(&size, &count)| i128::from(size) * i128::from(count))
        .sum();
    let observed: i128 = differences
        .iter()
        .map(|&difference| i128::from(difference))
        .sum();
    let target = (observed + total) / 2;
    // What it would cost is known before anything is convolved.
    let binomials: Vec<(usize, u64, Vec<f64>)> = sizes
        .iter()
        .rev()
        .map(|(&size, &count)| {
            let (first, binomial) = half_binomial(count);
            Some((usize::try_from(size).ok()?, first, binomial))
        })
        .collect::<Option<_>>()?;
    let (mut length, mut work) = (1_usize, 0.0);
    for (step, _, binomial) in &binomials {
        let longer = length.checked_add(step.checked_mul(binomial.len() - 1)?)?;
        work += length as f64 * binomial.len() as f64 + longer as f64;
        length = longer;
    }
    if work > MOST_WORK {
        return None;
    }
    let mut start: i128 = 0;
    let mut masses = vec![1.0];
    for (step, first, binomial) in &binomials {
        let mut next = vec![0.0; masses.len() + step * (binomial.len() - 1)];
        for (index, &mass) in binomial.iter().enumerate() {
            let target = &mut next[index * step..index * step + masses.len()];
            for (sum, &other) in target.iter_mut().zip(&masses) {
                *sum += mass * other;
            }
        }
        masses = next;
        start += i128::from(*first) * *step as i128;
    }
    let mut p = 0.0;
    for (index, mass) in masses.into_iter().enumerate() {
        match (start + index as i128).cmp(&target) {
            std::cmp::Ordering::Less => p += mass,
            std::cmp::Ordering::Equal => p += 0.5 * mass,
            std::cmp::Ordering::Greater => {}
        }
    }
    Some(p.min(1.0))
}

/// The masses of a binomial of `n` and 1/2 that are worth keeping, from the first.
fn half_binomial(n: u64) -> (u64, Vec<f64>) {
    let middle = n / 2;
    let mode = libm::exp(log_half_binomial(middle, n));
    let mut above = Vec::new();
    let mut mass = mode;
    for k in middle..n {
        mass *= (n - k) as f64 / (k + 1) as f64;
        if mass < SMALLEST_MASS {
            break;
        }
        above.push(mass);
    }
    let mut below = Vec::new();
    mass = mode;
    for k in (1..=middle).rev() {
        mass *= k as f64 / (n - k + 1) as f64;
        if mass < SMALLEST_MASS {
            break;
        }
        below.push(mass);
    }
    let first = middle - below.len() as u64;
    let masses = below.into_iter().rev().chain([mode]).chain(above);
    (first, masses.collect())
}

/// The p-value of harm by random signs, with the resolution that `alpha` needs
/// and Besag-Clifford stopping; the stream makes it reproducible.
pub fn sampled_p(differences: &[i64], alpha: f64, stream: &mut Stream) -> f64 {
    let differences: Vec<i64> = differences
        .iter()
        .copied()
        .filter(|&difference| difference != 0)
        .collect();
    if differences.is_empty() {
        return 1.0;
    }
    let observed: i64 = differences.iter().sum();
    let total: i64 = differences.iter().map(|difference| difference.abs()).sum();
    // The sum over a byte of signs is looked up: S = 2 · (positive part) − total.
    let tables: Vec<[i64; 256]> = differences
        .chunks(8)
        .map(|chunk| {
            let mut table = [0; 256];
            for (signs, sum) in table.iter_mut().enumerate() {
                *sum = chunk
                    .iter()
                    .enumerate()
                    .filter(|(bit, _)| signs >> bit & 1 == 1)
                    .map(|(_, difference)| difference.abs())
                    .sum();
            }
            table
        })
        .collect();
    sequential_p(alpha, || {
        let mut positive = 0;
        for tables in tables.chunks(8) {
            let signs = stream.word().to_le_bytes();
            for (table, signs) in tables.iter().zip(signs) {
                positive += table[usize::from(signs)];
            }
        }
        if 2 * positive - total <= observed {
            Count::Exceeds
        } else {
            Count::Falls
        }
    })
}

/// The smallest p-value that `clusters` can give: all of them worse by the same.
pub fn least_p(clusters: usize) -> f64 {
    libm::exp2(-(clusters as f64) - 1.0)
}

/// The p-value of harm: exact where that is cheap, sampled else.
pub fn p(differences: &[i64], alpha: f64, stream: &mut Stream) -> f64 {
    exact_mid_p(differences).unwrap_or_else(|| sampled_p(differences, alpha, stream))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::mcnemar::mid_p;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    fn stream() -> Stream {
        Stream::new(1, "test@1", 0, "")
    }

    #[test]
    fn agrees_with_the_reference() {
        let group = group("sign_flip_exact");
        let cases = group["cases"].as_array().unwrap();
        assert!(cases.len() >= 6);
        for case in cases {
            let d: Vec<i64> = case["d"]
                .as_array()
                .unwrap()
                .iter()
                .map(|d| d.as_i64().unwrap())
                .collect();
            let expected = case["midp_one_sided_harm"].as_f64().unwrap();
            assert!(close(exact_mid_p(&d).unwrap(), expected), "{case}");
        }
    }

    #[test]
    fn large_sets_are_exact_and_quick() {
        // 200,000 clusters of up to 5 replicates; the normal approximation is near.
        let differences: Vec<i64> = (0..200_000)
            .map(|i| i64::from(i % 11 == 0) * (i % 5 + 1) * if i % 3 == 0 { 1 } else { -1 })
            .collect();
        let started = std::time::Instant::now();
        let p = exact_mid_p(&differences).unwrap();
        let (sum, squares) = differences
            .iter()
            .fold((0.0, 0.0), |(s, q), &d| (s + d as f64, q + (d * d) as f64));
        let normal = crate::stats::distribution::normal_cdf(sum / f64::sqrt(squares));
        assert!((p - normal).abs() < 1e-3, "{p} {normal}");
        eprintln!(
            "exact sign flip of 200,000 clusters: {:?}",
            started.elapsed()
        );
    }

    #[test]
    fn the_least_p_is_that_of_harm_alone() {
        for clusters in 1..12 {
            let p = exact_mid_p(&vec![-3; clusters]).unwrap();
            assert!((least_p(clusters) / p - 1.0).abs() < 1e-12);
        }
    }

    #[test]
    fn sampling_agrees_with_the_exact_test() {
        let differences: Vec<i64> = (0..60)
            .map(|i| if i % 3 == 0 { 7 } else { -(i % 5) })
            .collect();
        let exact = exact_mid_p(&differences).unwrap();
        let sampled = sampled_p(&differences, 1e-4, &mut stream());
        assert!((exact - sampled).abs() < 0.5 * exact, "{exact} {sampled}");
        // The same stream, the same answer.
        assert_eq!(sampled, sampled_p(&differences, 1e-4, &mut stream()));
    }

    /// All signs, one by one.
    #[test]
    fn sampling_is_near_the_share_of_all_signs() {
        let differences = [-9, -4, -6, 0, 1, -2, 5, 8, -3, -7, 2, 0, -4];
        let sizes: Vec<i64> = differences.iter().copied().filter(|&d| d != 0).collect();
        let observed: i64 = sizes.iter().sum();
        let all = 1_u32 << sizes.len();
        let low = (0..all)
            .filter(|signs| {
                let signed = |(bit, size): (usize, &i64)| {
                    if signs >> bit & 1 == 1 {
                        size.abs()
                    } else {
                        -size.abs()
                    }
                };
                sizes.iter().enumerate().map(signed).sum::<i64>() <= observed
            })
            .count();
        let expected = low as f64 / f64::from(all);
        assert!(expected > 0.1 && expected < 0.2, "{expected}");
        // At alpha .05 it stops at 501: to 4.5 %.
        let sampled = sampled_p(&differences, 0.05, &mut stream());
        assert!(
            (sampled / expected - 1.0).abs() < 0.15,
            "{sampled} {expected}"
        );
        // More than a word of signs.
        let many: Vec<i64> = (0..150).map(|i| (i * 37) % 23 - 11 - i % 2).collect();
        let exact = exact_mid_p(&many).unwrap();
        assert!(exact > 0.1 && exact < 0.3, "{exact}");
        let sampled = sampled_p(&many, 0.05, &mut stream());
        assert!((sampled / exact - 1.0).abs() < 0.15, "{sampled} {exact}");
        assert_eq!(sampled_p(&[0; 3], 0.05, &mut stream()), 1.0);
        // A draw's i-th bit that is set gives the i-th difference a positive sign.
        let mut words = stream();
        let by_bits = sequential_p(0.05, || {
            let word = words.word();
            let signed = |(bit, size): (usize, &i64)| {
                if word >> bit & 1 == 1 {
                    size.abs()
                } else {
                    -size.abs()
                }
            };
            if sizes.iter().enumerate().map(signed).sum::<i64>() <= observed {
                Count::Exceeds
            } else {
                Count::Falls
            }
        });
        assert_eq!(sampled_p(&differences, 0.05, &mut stream()), by_bits);
    }

    #[test]
    fn it_is_exact_where_that_is_cheap_and_sampled_else() {
        // −3 of {±1 ± 2}: P(S = −3) / 2.
        assert_eq!(p(&[-1, -2, 0], 0.05, &mut stream()), 0.125);
        // A billion places: P(S ≤ s) = 1/4 by sampling, to 4 %.
        let far = [-1_000_000_000, -1];
        assert_eq!(exact_mid_p(&far), None);
        let sampled = p(&far, 0.05, &mut stream());
        assert!((sampled - 0.25).abs() < 0.04, "{sampled}");
    }

    proptest! {
        #[test]
        fn single_flips_are_mcnemars_test(harm in 0u64..60, gain in 0u64..60, zeros in 0usize..20) {
            let mut differences = vec![-1; harm as usize];
            differences.extend(vec![1; gain as usize]);
            differences.extend(vec![0; zeros]);
            prop_assert!((exact_mid_p(&differences).unwrap() - mid_p(harm, gain)).abs() < 1e-12);
        }

        #[test]
        fn zeros_and_order_change_nothing_and_signs_mirror(
            mut differences in prop::collection::vec(-6i64..=6, 1..40),
        ) {
            let p = exact_mid_p(&differences).unwrap();
            let mirrored: Vec<i64> = differences.iter().map(|d| -d).collect();
            if differences.iter().any(|&d| d != 0) {
                prop_assert!((p + exact_mid_p(&mirrored).unwrap() - 1.0).abs() < 1e-12);
            }
            differences.reverse();
            differences.push(0);
            prop_assert!((p - exact_mid_p(&differences).unwrap()).abs() < 1e-12);
        }
    }
}
