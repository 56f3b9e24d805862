//! The Poisson distribution.
//!
//! A count is found by walking along the distribution function from a place where
//! it is known: from zero for small rates, else from the whole number nearest the
//! rate, where it has an asymptotic series. The walk is about 0.8 √rate steps long.
//!
//! What draws many counts spares most of the walks, and gives the same counts: by a
//! table of a few rates' walks, or by bounds on the count that are equal.

use std::f64::consts::PI;
use std::sync::LazyLock;

use super::{normal, normal_f32};
use crate::perturb::wide;
use crate::seed::{uniform, words_below};

/// Below this rate the walk starts at zero.
const SMALL: f64 = 16.0;

/// From this rate on, a count is rounded from a normal draw.
const LARGE: f64 = 1e7;

/// The Poisson draw of mean `rate` that `uniform` in (0, 1) stands for: the
/// smallest whole number k with P(X ≤ k) ≥ `uniform`.
///
/// The distribution function is computed to a few units of 10⁻¹⁶. For rates of
/// 10⁷ and more, k is Cornish and Fisher's (1938) expansion to its second term,
/// which is seldom off, and then by one. A rate of zero or less gives zero; one
/// that is not finite gives NaN (or zero, if negative).
///
/// ```
/// use steadfast::perturb::draw;
/// // P(X ≤ 2) = 0.4232 and P(X ≤ 3) = 0.6472 where the rate is 3.
/// assert_eq!(draw::poisson(0.42, 3.0), 2.0);
/// assert_eq!(draw::poisson(0.43, 3.0), 3.0);
/// ```
pub fn poisson(uniform: f64, rate: f64) -> f64 {
    if rate < LARGE {
        let start = Place::start(rate);
        if start.up_to < uniform {
            start.climb(uniform, rate)
        } else {
            start.descend(uniform, rate)
        }
    } else {
        let z = normal(uniform);
        libm::ceil(rate + z * libm::sqrt(rate) + (z * z - 1.0) / 6.0 - 0.5)
    }
}

/// The Poisson draws of a few rates, for all words: what [`poisson`] gives for the
/// word's uniform, to the last bit, by a look into a table.
pub struct PoissonTable {
    /// The bucket of a word is the word without its last so many bits.
    shift: u32,
    /// Where among `steps` the draws of a bucket begin: bucket after bucket, rate
    /// after rate.
    starts: Vec<u32>,
    /// The draws, upwards, rate after rate.
    steps: Vec<Step>,
}

/// What is drawn by the words after those of the step before.
struct Step {
    last_word: u32,
    draw: f32,
}

impl PoissonTable {
    /// The table of `rates`, each at least 0 and below 10⁷, of which a count is
    /// handed out as `draw(count)`.
    ///
    /// The time that it takes to make, and its memory, grow with the square root of
    /// each rate.
    pub fn new(rates: &[f64], draw: impl Fn(f64) -> f32) -> Self {
        let largest = rates.iter().copied().fold(1.0, f64::max);
        // So narrow that few buckets hold more than two steps.
        let buckets = ((8.0 * libm::sqrt(largest)) as u32).next_power_of_two();
        let shift = 32 - buckets.ilog2();
        let mut starts = Vec::with_capacity(rates.len() * buckets as usize);
        let mut steps = Vec::new();
        for &rate in rates {
            let mut step = steps.len();
            steps.extend(
                distribution(rate)
                    .into_iter()
                    .map(|(count, last_word)| Step {
                        last_word,
                        draw: draw(count),
                    }),
            );
            for bucket in 0..buckets {
                while steps[step].last_word < bucket << shift {
                    step += 1;
                }
                starts.push(step as u32);
            }
        }
        Self {
            shift,
            starts,
            steps,
        }
    }

    /// The draw of `word` at the rate of the number `rate`.
    ///
    /// # Panics
    ///
    /// Where there are not so many rates.
    #[inline]
    pub fn draw(&self, rate: usize, word: u32) -> f32 {
        let bucket = (rate << (32 - self.shift)) + (word >> self.shift) as usize;
        let start = self.starts[bucket] as usize;
        let after = |step: usize| word > self.steps[step].last_word;
        // The first step by arithmetic: whether it is taken cannot be foretold.
        let mut step = start + usize::from(after(start));
        while after(step) {
            step += 1;
        }
        self.steps[step].draw
    }
}

/// Replaces each rate by the draw of its word: what [`poisson`] gives for the word's
/// uniform.
pub fn poissons(rates: &mut [f64], words: &[u32]) {
    const CHUNK: usize = 256;
    let (mut low, mut high) = ([0.0; CHUNK], [0.0; CHUNK]);
    for (rates, words) in rates.chunks_mut(CHUNK).zip(words.chunks(CHUNK)) {
        wide(
            #[inline(always)]
            || {
                let bounds = low.iter_mut().zip(&mut high);
                for ((low, high), (&word, &rate)) in bounds.zip(words.iter().zip(rates.iter())) {
                    (*low, *high) = bounds_of_large(word, rate);
                }
            },
        );
        let bounds = low.iter().zip(&high);
        for ((&low, &high), (&word, rate)) in bounds.zip(words.iter().zip(rates)) {
            let (low, high) = if *rate < SMALL {
                bounds_of_small(word, *rate)
            } else {
                (low, high)
            };
            *rate = if low == high && *rate < LARGE {
                low
            } else {
                poisson(uniform(word), *rate)
            };
        }
    }
}

/// Between which counts the draw of a rate from `SMALL` on lies.
///
/// Cornish and Fisher's expansion to the order of 1/rate. The bound on what it leaves
/// out has the form that Giles (2016) uses in "Algorithm 955: Approximation of the
/// inverse Poisson cumulative distribution function"; the largest remainder found, at
/// any step of the distribution, is 0.78 of it.
#[inline(always)]
fn bounds_of_large(word: u32, rate: f64) -> (f64, f64) {
    let z = f64::from(normal_f32(word));
    let (square, root) = (z * z, rate.sqrt());
    let next = rate + root * z + (1.0 / 3.0 + square / 6.0)
        - z * (1.0 / 36.0 + square / 72.0) / root
        + (-8.0 / 405.0 + square * (7.0 / 810.0 + square / 270.0)) / rate;
    let left_out = (1.0 / 40.0 + square * (1.0 / 80.0 + square / 160.0)) / rate;
    let error = left_out + 1e-6 * root;
    ((next - error).floor(), (next + error).floor())
}

/// The same of a rate below: from the rates on either side in a table, as a draw is
/// monotone in the rate.
fn bounds_of_small(word: u32, rate: f64) -> (f64, f64) {
    /// Rates a unit.
    const STEPS: f64 = 16.0;
    static TABLE: LazyLock<PoissonTable> = LazyLock::new(|| {
        let rates: Vec<f64> = (0..=(SMALL * STEPS) as u32)
            .map(|step| f64::from(step) / STEPS)
            .collect();
        PoissonTable::new(&rates, |count| count as f32)
    });
    let below = (rate * STEPS) as usize;
    let bound = |step| f64::from(TABLE.draw(step, word));
    (bound(below), bound(below + 1))
}

/// The counts that words draw at `rate`, upwards, each with the last word that draws
/// it: the last of all words at the end.
fn distribution(rate: f64) -> Vec<(f64, u32)> {
    // The last word whose uniform is at most `up_to`.
    let last_word = |up_to: f64| Some((words_below(up_to.next_up()).checked_sub(1)?) as u32);
    let mut steps = Vec::new();

    let mut place = Place::start(rate);
    while place.count > 0.0
        && let Some(word) = last_word(place.below())
    {
        steps.push((place.count - 1.0, word));
        place = place.down(rate);
    }
    steps.reverse();

    let mut place = Place::start(rate);
    while let word = last_word(place.up_to)
        && word != Some(u32::MAX)
    {
        steps.extend(word.map(|word| (place.count, word)));
        place = place.up(rate);
    }
    steps.push((place.count, u32::MAX));
    steps
}

/// A count, with what the distribution says of it.
struct Place {
    count: f64,
    /// P(X = count).
    mass: f64,
    /// P(X ≤ count).
    up_to: f64,
}

impl Place {
    /// Where the walk at `rate`, below `LARGE`, starts.
    fn start(rate: f64) -> Self {
        if rate < SMALL {
            let none = libm::exp(-rate);
            Self {
                count: 0.0,
                mass: none,
                up_to: none,
            }
        } else {
            Self::nearest(rate)
        }
    }

    /// The whole number n nearest to `rate`, which is at least `SMALL`.
    ///
    /// P(X ≤ n - 1) is the regularised incomplete gamma function Q(n, rate). At
    /// rate = n it is 1/2 - θ p, where p = nⁿ e⁻ⁿ / n! and θ is Ramanujan's series
    /// in 1/n (DLMF 8.11.12; p by Stirling's series, DLMF 5.11.1). From there to
    /// the rate, its derivative -p e⁻ˢ (1 + s/n)ⁿ⁻¹, s = rate - n, is integrated
    /// as a power series.
    fn nearest(rate: f64) -> Self {
        let n = libm::floor(rate + 0.5);
        let s = rate - n;
        let inverse = 1.0 / n;

        let stirling = inverse * polynomial(&STIRLING, inverse * inverse);
        let peak = libm::exp(-stirling) / libm::sqrt(2.0 * PI * n);
        let below_at_n = 0.5 - peak * polynomial(&RAMANUJAN, inverse);

        // With h(s) = e⁻ˢ (1 + s/n)ⁿ⁻¹ = Σ c_j sʲ, (1 + s/n) h' = -(1 + s) h / n
        // gives c_j = -(c_{j-1} + c_{j-2} / j) / n. Twelve terms leave 10⁻¹⁷.
        let (mut before, mut term) = (0.0, 1.0);
        let (mut h, mut integral) = (1.0, s);
        for j in 1..12 {
            let j = f64::from(j);
            let next = -(term + before * s / j) * s * inverse;
            (before, term) = (term, next);
            h += term;
            integral += term * s / (j + 1.0);
        }

        let mass = peak * h * (1.0 + s * inverse);
        Self {
            count: n,
            mass,
            up_to: below_at_n - peak * integral + mass,
        }
    }

    /// The next count.
    fn up(&self, rate: f64) -> Self {
        let count = self.count + 1.0;
        let mass = self.mass * (rate / count);
        Self {
            count,
            mass,
            up_to: self.up_to + mass,
        }
    }

    /// The count before, of which there is one.
    fn down(&self, rate: f64) -> Self {
        Self {
            count: self.count - 1.0,
            mass: self.mass * (self.count / rate),
            up_to: self.below(),
        }
    }

    /// P(X < count).
    fn below(&self) -> f64 {
        self.up_to - self.mass
    }

    /// The smallest count from here on with P(X ≤ count) ≥ `uniform`.
    fn climb(mut self, uniform: f64, rate: f64) -> f64 {
        while self.up_to < uniform {
            let next = self.up(rate);
            // So far out that nothing is added: `uniform` is one up to rounding.
            if next.up_to == self.up_to {
                return next.count;
            }
            self = next;
        }
        self.count
    }

    /// The same from here down; P(X ≤ count) ≥ `uniform` holds here.
    fn descend(mut self, uniform: f64, rate: f64) -> f64 {
        while self.count > 0.0 && self.below() >= uniform {
            self = self.down(rate);
        }
        self.count
    }
}

/// Σ `coefficients`[j] xʲ.
fn polynomial(coefficients: &[f64], x: f64) -> f64 {
    coefficients
        .iter()
        .rev()
        .fold(0.0, |value, coefficient| value * x + coefficient)
}

/// ln(n! / (√(2πn) nⁿ e⁻ⁿ)), over 1/n, in powers of 1/n².
const STIRLING: [f64; 5] = [
    1.0 / 12.0,
    -1.0 / 360.0,
    1.0 / 1260.0,
    -1.0 / 1680.0,
    1.0 / 1188.0,
];

/// θ in powers of 1/n. From n = 16 on, ten terms leave 2·10⁻¹⁶ of p.
const RAMANUJAN: [f64; 10] = [
    1.0 / 3.0,
    4.0 / 135.0,
    -8.0 / 2_835.0,
    -16.0 / 8_505.0,
    8_992.0 / 12_629_925.0,
    334_144.0 / 492_567_075.0,
    -698_752.0 / 1_477_701_225.0,
    -23_349_012_224.0 / 39_565_450_299_375.0,
    1_357_305_243_136.0 / 2_255_230_667_064_375.0,
    6_319_924_923_392.0 / 6_765_692_001_193_125.0,
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{LARGE, PoissonTable, SMALL, poisson, poissons};
    use crate::seed::uniform;

    /// The distribution function by nothing but the ratio of neighbouring masses:
    /// weights relative to the mode's, over their sum. (first count, P(X ≤ k) of it
    /// and of those that follow).
    fn distribution(rate: f64) -> (f64, Vec<f64>) {
        let mode = rate.floor();
        let mut down = vec![1.0];
        let mut count = mode;
        while count > 0.0 && down.last().is_some_and(|&weight| weight > 1e-30) {
            down.push(down[down.len() - 1] * count / rate);
            count -= 1.0;
        }
        let mut weights: Vec<f64> = down.into_iter().rev().collect();
        let mut above = mode;
        while weights.last().is_some_and(|&weight| weight > 1e-30) {
            above += 1.0;
            weights.push(weights[weights.len() - 1] * rate / above);
        }
        let total: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let steps = weights.into_iter().map(|weight| {
            sum += weight;
            sum / total
        });
        (count, steps.collect())
    }

    #[test]
    fn every_step_of_the_distribution_is_where_it_belongs() {
        let rates = [
            1e-9,
            0.1,
            0.5,
            1.0,
            3.0,
            7.25,
            15.999,
            SMALL,
            16.2,
            16.5,
            16.75,
            17.499,
            24.5,
            60.0,
            99.9,
            250.3,
            500.0,
            4_321.5,
            1e5,
            1e6,
            1_000_000.5,
        ];
        for rate in rates {
            let (first, steps) = distribution(rate);
            let margin = if rate < 1_000.0 { 1e-14 } else { 1e-12 };
            let mut tested = 0;
            for (count, up_to) in (0..).map(|k| first + f64::from(k)).zip(steps) {
                let (under, over) = (up_to - margin, up_to + margin);
                // Farther out, a step is not larger than the margin.
                if under > 1e-8 && over < 1.0 - 1e-8 {
                    assert_eq!(poisson(under, rate), count, "rate {rate}, {under}");
                    assert_eq!(poisson(over, rate), count + 1.0, "rate {rate}, {over}");
                    tested += 1;
                }
            }
            assert!(
                tested as f64 >= 10.0 * rate.sqrt() || rate < 4.0,
                "{rate}: {tested}"
            );
        }
    }

    #[test]
    fn the_steps_are_those_of_the_closed_form() {
        // P(X ≤ 0) = e⁻ʳ, P(X ≤ 1) = e⁻ʳ (1 + r), P(X ≤ 2) = e⁻ʳ (1 + r + r²/2).
        for rate in [0.01, 0.7, 2.0, 5.5, 15.0] {
            let none = f64::exp(-rate);
            let steps = [
                none,
                none * (1.0 + rate),
                none * (1.0 + rate + rate * rate / 2.0),
            ];
            for (count, step) in steps.into_iter().enumerate() {
                assert_eq!(poisson(step * (1.0 - 1e-14), rate), count as f64);
                assert_eq!(poisson(step * (1.0 + 1e-14), rate), count as f64 + 1.0);
            }
        }
    }

    /// One draw in the middle of each of 20,000 equal cells of (0, 1): the mean is
    /// then the rate, the variance the rate, the third central moment the rate, but
    /// for the two outermost cells.
    #[test]
    fn the_moments_are_those_of_the_distribution() {
        for rate in [0.3, 3.0, 12.0, 16.0, 25.0, 60.0, 500.0] {
            let cells = 20_000;
            let draws: Vec<f64> = (0..cells)
                .map(|cell| poisson((f64::from(cell) + 0.5) / f64::from(cells), rate) - rate)
                .collect();
            let moment =
                |power| draws.iter().map(|draw| draw.powi(power)).sum::<f64>() / f64::from(cells);
            let spread = rate.sqrt();
            assert!(moment(1).abs() < 2e-3 * spread, "{rate}: {}", moment(1));
            assert!(
                (moment(2) / rate - 1.0).abs() < 5e-3,
                "{rate}: {}",
                moment(2)
            );
            assert!(
                (moment(3) - rate).abs() < 0.03 * spread.powi(3).max(rate),
                "{rate}: {}",
                moment(3)
            );
        }
    }

    #[test]
    fn large_rates_continue_where_the_exact_ones_end() {
        for u in [1e-9, 0.01, 0.3, 0.5, 0.77, 0.999, 1.0 - 1e-9] {
            let exact = poisson(u, LARGE.next_down());
            assert!((poisson(u, LARGE) - exact).abs() <= 1.0, "{u}: {exact}");
        }
    }

    #[test]
    fn odd_rates_and_uniforms_end_too() {
        assert_eq!(poisson(0.999_999, 0.0), 0.0);
        assert_eq!(poisson(0.5, -1.0), 0.0);
        assert!(poisson(0.5, f64::NAN).is_nan());
        for rate in [0.5, 20.0, 1e6] {
            assert!(poisson(0.0, rate) < rate);
            assert!(poisson(1.0, rate) > rate);
        }
        assert!((poisson(0.3, 1e30) / 1e30 - 1.0).abs() < 1e-14);
    }

    /// At every word next to a step, and at others.
    #[test]
    fn the_table_is_the_draw_of_each_word() {
        let rates = [
            0.0, 1e-12, 0.01, 0.7, 3.0, 12.0, 15.999, SMALL, 16.6, 25.0, 59.8, 60.0, 250.3, 500.0,
            4_321.5,
        ];
        let table = PoissonTable::new(&rates, |count| count as f32);
        for (index, rate) in rates.into_iter().enumerate() {
            let steps = super::distribution(rate);
            let near = steps
                .iter()
                .flat_map(|&(_, word)| [word.saturating_sub(1), word, word.saturating_add(1)]);
            for word in near
                .chain((0..=u32::MAX).step_by(1 << 20))
                .chain([0, u32::MAX])
            {
                let exact = poisson(uniform(word), rate) as f32;
                assert_eq!(table.draw(index, word), exact, "rate {rate}, word {word}");
            }
        }
    }

    /// At every word next to a step.
    #[test]
    fn bounds_of_the_count_hold() {
        let rates = [
            -1.0, 0.0, 1e-9, 0.01, 0.3, 3.0, 7.77, 15.999, SMALL, 16.3, 17.5, 20.9, 33.3, 60.0,
            123.4, 499.9, 4_321.5, 1e5, 1e6,
        ];
        for rate in rates {
            for (_, word) in super::distribution(rate) {
                let words = [word.saturating_sub(1), word, word.saturating_add(1)];
                let mut draws = [rate; 3];
                poissons(&mut draws, &words);
                assert_eq!(
                    draws,
                    words.map(|word| poisson(uniform(word), rate)),
                    "{rate} {word}"
                );
            }
        }
        let mut odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e30];
        poissons(&mut odd, &[1 << 31; 4]);
        assert!(odd[0].is_nan() && odd[2] == 0.0);
    }

    proptest! {
        #[test]
        fn many_draws_are_the_draws_of_each(draws: [(u32, u32); 300], largest in 0.1..600.0) {
            let rates = draws.map(|(_, share)| uniform(share) * largest);
            let words = draws.map(|(word, _)| word);
            let mut counts = rates;
            poissons(&mut counts, &words);
            for ((count, rate), word) in counts.into_iter().zip(rates).zip(words) {
                prop_assert_eq!(count, poisson(uniform(word), rate));
            }
        }

        #[test]
        fn a_table_of_any_rate_is_the_draw(rate in 0.0..600.0, words: [u32; 32]) {
            let table = PoissonTable::new(&[rate], |count| count as f32);
            for word in words {
                prop_assert_eq!(table.draw(0, word), poisson(uniform(word), rate) as f32);
            }
        }

        #[test]
        fn draws_are_monotone_in_the_uniform(rate in 0.0..600.0, one: u32, other: u32) {
            let (low, high) = (one.min(other), one.max(other));
            prop_assert!(poisson(uniform(low), rate) <= poisson(uniform(high), rate));
        }

        #[test]
        fn draws_are_monotone_in_the_rate(rate in 0.0..600.0, more in 1e-6..30.0, word: u32) {
            prop_assert!(poisson(uniform(word), rate) <= poisson(uniform(word), rate + more));
        }
    }
}
