//! Bootstrap means, in parallel and by counter: resample r is a function of the
//! seed, r and a key alone, so that any thread count, and any subset of the
//! resamples, gives the same bits.

use rayon::prelude::*;

use super::Limits;
use super::accelerated::Accelerated;
use super::distribution::log_binomial;
use crate::seed::Stream;

/// The name and version of the algorithm in the key of its streams.
const ALGORITHM: &str = "bootstrap@1";

/// Values for each distinct one from which drawing how often each comes up is
/// cheaper than drawing them one by one, as measured: part of the algorithm.
const FEW: usize = 64;

/// Resamples that a thread takes at once.
const BATCH: usize = 64;

/// Masses that are lost to rounding only.
const NEGLIGIBLE: f64 = 1e-20;

/// The means of `draws` resamples of `values` with replacement, in order of the
/// resamples; zeros of no values. The key tells samples of one seed apart.
///
/// Where values are few and repeated, as paired outcomes are (−1, 0 and 1), the
/// number of times that each comes up is drawn and not each value: multinomial
/// counts by conditional binomials, each by inversion of one uniform.
///
/// Source: Efron 1979; the inversion from the mode is Kemp's (1986).
pub fn means(values: &[f64], draws: usize, seed: u64, key: &str) -> Vec<f64> {
    let sample = Sample::new(values);
    (0..draws)
        .into_par_iter()
        .with_min_len(BATCH)
        .map(|resample| sample.mean(resample as u64, seed, key))
        .collect()
}

/// The one-sided bias-corrected and accelerated limits of the mean of `values` at
/// `alpha` each, from `draws` resamples. Infinite for fewer than two values, of whose
/// spread nothing is known.
///
/// Source: Efron 1987, as [`Accelerated`] has it; a sixth of the skewness over √n is
/// the jackknife's acceleration in closed form.
pub fn bca_mean(values: &[f64], draws: usize, alpha: f64, seed: u64, key: &str) -> Limits {
    if values.len() < 2 {
        return Limits {
            lower: f64::NEG_INFINITY,
            upper: f64::INFINITY,
        };
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let (squares, cubes) = values.iter().fold((0.0, 0.0), |(squares, cubes), value| {
        let distance = value - mean;
        (
            squares + distance * distance,
            cubes + distance * distance * distance,
        )
    });
    let acceleration = if squares > 0.0 {
        cubes / (6.0 * squares * libm::sqrt(squares))
    } else {
        0.0
    };
    Accelerated::new(mean, means(values, draws, seed, key), acceleration).limits(alpha)
}

/// What is drawn from.
enum Sample<'a> {
    /// Distinct values, the commonest first, each with the number of times that it and
    /// those after it are there; the number of the first is always drawn alike.
    Counts {
        distinct: Vec<(f64, u64)>,
        first: Binomial,
    },
    /// All values, fewer than 2³².
    Values(&'a [f64]),
}

impl<'a> Sample<'a> {
    fn new(values: &'a [f64]) -> Self {
        match counted(values) {
            Some(counts) => Self::counts(counts),
            None => Self::Values(values),
        }
    }

    fn counts(mut distinct: Vec<(f64, u64)>) -> Self {
        distinct.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
        let mut left = 0;
        for (_, count) in distinct.iter_mut().rev() {
            left += *count;
            *count = left;
        }
        let next = distinct.get(1).map_or(0, |&(_, left)| left);
        let first = Binomial::new(left, share(left - next, left));
        Self::Counts { distinct, first }
    }

    fn mean(&self, resample: u64, seed: u64, key: &str) -> f64 {
        let mut stream = Stream::new(seed, ALGORITHM, resample, key);
        match self {
            Self::Counts { distinct, first } => {
                let n = first.n;
                let mut rest = n;
                let mut sum = 0.0;
                for (place, &(value, left)) in distinct.iter().enumerate() {
                    let times = match distinct.get(place + 1) {
                        None => rest,
                        Some(&(_, next)) => {
                            // Drawn even where nothing is left, so that each resample
                            // takes the same number of words.
                            let uniform = unit(stream.word());
                            if place == 0 {
                                first.draw(uniform)
                            } else {
                                Binomial::new(rest, share(left - next, left)).draw(uniform)
                            }
                        }
                    };
                    sum += times as f64 * value;
                    rest -= times;
                }
                sum / n.max(1) as f64
            }
            Self::Values(values) => resampled_sum(values, &mut stream) / values.len().max(1) as f64,
        }
    }
}

fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// The uniform in (0, 1) of the upper 52 bits of a word: with 53, the middle of the
/// last cell would round to 1.
fn unit(word: u64) -> f64 {
    ((word >> 12) as f64 + 0.5) * (1.0 / 4_503_599_627_370_496.0)
}

/// The sum of as many values, each drawn by the multiply-shift of half a word (Lemire
/// 2019). Four sums in turn, so that they need not wait for one another.
fn resampled_sum(values: &[f64], stream: &mut Stream) -> f64 {
    let n = values.len() as u64;
    let pick = |half: u64| values[((half * n) >> 32) as usize];
    let mut sums = [0.0; 4];
    for _ in 0..values.len() / 4 {
        let (one, two) = (stream.word(), stream.word());
        sums[0] += pick(one & 0xFFFF_FFFF);
        sums[1] += pick(one >> 32);
        sums[2] += pick(two & 0xFFFF_FFFF);
        sums[3] += pick(two >> 32);
    }
    for sum in sums.iter_mut().take(values.len() % 4) {
        *sum += pick(stream.word() >> 32);
    }
    (sums[0] + sums[1]) + (sums[2] + sums[3])
}

/// The distinct values in ascending order and how often each is there, where they
/// are [`FEW`] enough.
fn counted(values: &[f64]) -> Option<Vec<(f64, u64)>> {
    let most = values.len().div_ceil(FEW);
    let mut distinct: Vec<(f64, u64)> = Vec::new();
    for &value in values {
        match distinct.binary_search_by(|(other, _)| other.total_cmp(&value)) {
            Ok(place) => distinct[place].1 += 1,
            Err(_) if distinct.len() == most => return None,
            Err(place) => distinct.insert(place, (value, 1)),
        }
    }
    Some(distinct)
}

/// A binomial distribution, drawn from by adding up masses from the mode outwards.
struct Binomial {
    n: u64,
    odds: f64,
    mode: u64,
    mass: f64,
}

impl Binomial {
    fn new(n: u64, p: f64) -> Self {
        let mode = (((n + 1) as f64 * p) as u64).min(n);
        Self {
            n,
            odds: p / (1.0 - p),
            mode,
            mass: libm::exp(log_binomial(mode, n, p)),
        }
    }

    /// The count that `uniform` stands for where the counts are laid out from the mode
    /// to both sides in turn.
    fn draw(&self, uniform: f64) -> u64 {
        let mut left = uniform - self.mass;
        if left < 0.0 {
            return self.mode;
        }
        let (mut up, mut down) = (self.mode, self.mode);
        let (mut mass_up, mut mass_down) = (self.mass, self.mass);
        while mass_up > NEGLIGIBLE || mass_down > NEGLIGIBLE {
            mass_up *= (self.n - up) as f64 / (up + 1) as f64 * self.odds;
            // Beyond the last count the mass is 0.
            up = (up + 1).min(self.n);
            left -= mass_up;
            if left < 0.0 {
                return up;
            }
            mass_down *= down as f64 / ((self.n - down + 1) as f64 * self.odds);
            down = down.saturating_sub(1);
            left -= mass_down;
            if left < 0.0 {
                return down;
            }
        }
        // The masses add up to 1 but for rounding.
        self.mode
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::distribution::{binomial_cdf, normal_cdf};
    use crate::stats::jackknife::Jackknife;
    use crate::stats::quantile::of_sorted;
    use crate::stats::reference::close;
    use proptest::prelude::*;

    /// −1, 0 and 1, as paired outcomes are, in an order that means nothing.
    fn outcomes(harm: usize, gain: usize, n: usize) -> Vec<f64> {
        let mut values = vec![-1.0; harm];
        values.resize(harm + gain, 1.0);
        values.resize(n, 0.0);
        values.rotate_left(n / 3);
        values
    }

    /// Mean, variance and the quantiles of 5, 50 and 95 %.
    fn summary(draws: &[f64]) -> (f64, f64, [f64; 3]) {
        let count = draws.len() as f64;
        let mean = draws.iter().sum::<f64>() / count;
        let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / count;
        let mut sorted = draws.to_vec();
        sorted.sort_by(f64::total_cmp);
        (
            mean,
            variance,
            [0.05, 0.5, 0.95].map(|p| of_sorted(&sorted, p).unwrap()),
        )
    }

    fn by_index(values: &[f64], draws: usize, seed: u64) -> Vec<f64> {
        let sample = Sample::Values(values);
        (0..draws as u64)
            .map(|r| sample.mean(r, seed, ""))
            .collect()
    }

    #[test]
    fn draws_have_the_mean_and_variance_of_theory_either_way() {
        const DRAWS: usize = 20_000;
        let count = DRAWS as f64;
        let eleven: Vec<f64> = (0..700)
            .map(|i| ((i * i) % 11) as f64 / 5.0 - 1.0)
            .collect();
        for values in [outcomes(30, 20, 1000), outcomes(300, 500, 1000), eleven] {
            assert!(matches!(Sample::new(&values), Sample::Counts { .. }));
            let n = values.len() as f64;
            let mean = values.iter().sum::<f64>() / n;
            let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n * n);
            let error = variance.sqrt();
            let (counted, indexed) = (means(&values, DRAWS, 3, ""), by_index(&values, DRAWS, 4));
            let mut quantiles = Vec::new();
            for draws in [counted, indexed] {
                let (found, spread, limits) = summary(&draws);
                // Four and a half standard errors.
                assert!(
                    (found - mean).abs() < 4.5 * error / count.sqrt(),
                    "{found} {mean}"
                );
                assert!(
                    (spread / variance - 1.0).abs() < 4.5 * (2.0 / count).sqrt(),
                    "{spread} {variance}"
                );
                quantiles.push(limits);
            }
            for (one, other) in quantiles[0].iter().zip(quantiles[1]) {
                // A quantile of 5 % has a standard error of 2.1 / √draws standard deviations;
                // one step of the lattice on top.
                assert!(
                    (one - other).abs() < 4.5 * 2.1 * 1.5 * error / count.sqrt() + 1.0 / n,
                    "{quantiles:?}"
                );
            }
        }
    }

    /// The counts of two values are binomial: the greatest distance of the two
    /// distribution functions is below Kolmogorov's limit (1.95 / √draws, p = .001).
    #[test]
    fn counts_are_binomial() {
        for (ones, n) in [(3, 200), (70, 200), (190, 200), (33, 66)] {
            let mut values = vec![1.0; ones];
            values.resize(n, 0.0);
            let mut draws = means(&values, 20_000, 5, "");
            draws.sort_by(f64::total_cmp);
            let share = ones as f64 / n as f64;
            for k in 0..=n {
                let up_to = draws.partition_point(|&mean| mean * n as f64 <= k as f64 + 0.5);
                let found = up_to as f64 / draws.len() as f64;
                let expected = binomial_cdf(k as u64, n as u64, share);
                assert!(
                    (found - expected).abs() < 1.95 / 20_000_f64.sqrt(),
                    "{ones} {k}"
                );
            }
        }
    }

    /// Laid out from the mode, each count takes exactly its mass of uniforms.
    #[test]
    fn inversion_gives_each_count_its_mass() {
        for (n, p) in [(1, 0.5), (7, 0.3), (20, 0.02), (20, 0.97), (400, 0.5)] {
            let binomial = Binomial::new(n, p);
            let mut found = vec![0.0; n as usize + 1];
            let steps = 100_000;
            for step in 0..steps {
                found[binomial.draw((f64::from(step) + 0.5) / f64::from(steps)) as usize] += 1.0;
            }
            for (k, found) in found.into_iter().enumerate() {
                let expected = libm::exp(log_binomial(k as u64, n, p));
                assert!(
                    (found / f64::from(steps) - expected).abs() <= 1.01 / f64::from(steps),
                    "{n} {p} {k}"
                );
            }
            assert!(binomial.draw(1.0 - 1e-17) <= n);
            assert_eq!(binomial.draw(0.0), binomial.mode);
        }
        // The mode of 7 and .3 is 2; after its mass comes that of 3, then of 1.
        let binomial = Binomial::new(7, 0.3);
        let mass = |k| libm::exp(log_binomial(k, 7, 0.3));
        assert_eq!(binomial.draw(mass(2) - 1e-9), 2);
        assert_eq!(binomial.draw(mass(2) + 1e-9), 3);
        assert_eq!(binomial.draw(mass(2) + mass(3) + 1e-9), 1);
        assert_eq!(Binomial::new(0, 0.3).draw(0.9), 0);
    }

    #[test]
    fn bits_are_the_same_on_any_number_of_threads_and_for_any_subset() {
        let repeated = outcomes(100, 60, 5000);
        let distinct: Vec<f64> = (0..501).map(|i| libm::sin(f64::from(i))).collect();
        for values in [&repeated, &distinct] {
            let all = means(values, 1000, 11, "a");
            for threads in [1, 2, 5] {
                let pool = rayon::ThreadPoolBuilder::new()
                    .num_threads(threads)
                    .build()
                    .unwrap();
                assert_eq!(pool.install(|| means(values, 1000, 11, "a")), all);
            }
            assert_eq!(means(values, 37, 11, "a"), all[..37]);
            let alone = Sample::new(values).mean(999, 11, "a");
            assert_eq!(alone.to_bits(), all[999].to_bits());
            assert_ne!(means(values, 1000, 12, "a"), all);
            assert_ne!(means(values, 1000, 11, "b"), all);
        }
    }

    /// What the algorithm's version stands for: other numbers need another version.
    #[test]
    fn bootstrap_1_gives_these_means() {
        let counted = means(&outcomes(30, 20, 1000), 4, 1, "pinned")
            .iter()
            .map(|mean| mean * 1000.0)
            .collect::<Vec<_>>();
        let indexed = means(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 4, 1, "pinned")
            .iter()
            .map(|mean| mean * 7.0)
            .collect::<Vec<_>>();
        assert_eq!(counted, [-2.0, 1.0, -20.0, 0.0]);
        assert_eq!(indexed, [25.0, 31.0, 26.0, 17.0]);
    }

    #[test]
    fn uniforms_are_the_middles_of_their_cells() {
        let cell = libm::exp2(-52.0);
        assert_eq!(unit(0), 0.5 * cell);
        assert_eq!(unit(3 << 12), 3.5 * cell);
        assert!(unit(u64::MAX) < 1.0);
    }

    #[test]
    fn every_value_can_be_drawn_and_no_other() {
        // Seven distinct values are drawn by index; the sums of all that can be drawn.
        let values: Vec<f64> = (0..7).map(|i| f64::from(1 << (4 * i))).collect();
        assert!(matches!(Sample::new(&values), Sample::Values(_)));
        let mut seen = [0.0; 7];
        for mean in means(&values, 5000, 1, "") {
            let mut sum = (mean * 7.0).round() as u64;
            let mut total = 0;
            for seen in &mut seen {
                *seen += (sum % 16) as f64;
                total += sum % 16;
                sum /= 16;
            }
            assert_eq!((total, sum), (7, 0));
        }
        for count in seen {
            // 5,000 ± 66.
            assert!((count - 5000.0).abs() < 300.0, "{seen:?}");
        }
    }

    #[test]
    fn how_values_are_drawn_depends_on_how_many_are_distinct() {
        let values = |distinct: usize, n: usize| -> Vec<f64> {
            (0..n).map(|i| (i % distinct) as f64).collect()
        };
        let counted =
            |distinct, n| matches!(Sample::new(&values(distinct, n)), Sample::Counts { .. });
        assert!(counted(1, 1) && counted(1, 64) && !counted(2, 64) && counted(2, 65));
        assert!(counted(10, 640) && !counted(11, 640));
    }

    #[test]
    fn no_values_and_equal_values_are_defined() {
        assert_eq!(means(&[], 3, 1, ""), [0.0; 3]);
        assert!(means(&[1.0], 0, 1, "").is_empty());
        assert_eq!(means(&[2.5], 2, 1, ""), [2.5; 2]);
        assert_eq!(means(&[-1.0; 100], 5, 1, ""), [-1.0; 5]);
        for values in [&[][..], &[0.3]] {
            let limits = bca_mean(values, 10, 0.05, 1, "");
            assert_eq!(
                (limits.lower, limits.upper),
                (f64::NEG_INFINITY, f64::INFINITY)
            );
        }
        // Two values have a spread: all limits are among them.
        let two = bca_mean(&[0.25, 0.75], 100, 0.05, 1, "");
        assert_eq!((two.lower, two.upper), (0.25, 0.75));
        let none = bca_mean(&[0.0; 50], 100, 0.05, 1, "");
        assert_eq!((none.lower, none.upper), (0.0, 0.0));
    }

    #[test]
    fn bca_is_that_of_the_values_left_out() {
        for values in [
            outcomes(40, 10, 1000),
            (0..300)
                .map(|i| libm::exp(libm::sin(f64::from(i))))
                .collect(),
        ] {
            let n = values.len() as f64;
            let sum: f64 = values.iter().sum();
            let left_out: Vec<f64> = values
                .iter()
                .map(|value| (sum - value) / (n - 1.0))
                .collect();
            let drawn = means(&values, 2000, 9, "k");
            let acceleration = Jackknife::new(&left_out, None).acceleration;
            let expected = Accelerated::new(sum / n, drawn, acceleration).limits(0.05);
            let found = bca_mean(&values, 2000, 0.05, 9, "k");
            assert!(close(found.lower, expected.lower) && close(found.upper, expected.upper));
            assert!(found.lower < sum / n && sum / n < found.upper);
            // Near the normal limits.
            let variance = values
                .iter()
                .map(|v| (v - sum / n) * (v - sum / n))
                .sum::<f64>()
                / (n * n);
            let reach = (found.upper - found.lower) / variance.sqrt();
            assert!((normal_cdf(reach / 2.0) - 0.95).abs() < 0.01, "{reach}");
        }
    }

    proptest! {
        #[test]
        fn means_lie_among_the_values_in_any_order(
            mut values in prop::collection::vec(prop_oneof![Just(-1.0), Just(0.0), Just(1.0)], 129..300),
            seed: u64,
        ) {
            let one = means(&values, 20, seed, "");
            prop_assert!(one.iter().all(|mean| (-1.0..=1.0).contains(mean)));
            values.reverse();
            // Counts know no order.
            prop_assert_eq!(one, means(&values, 20, seed, ""));
        }
    }
}
