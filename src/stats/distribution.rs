//! Quantiles and tails of the distributions that the tests rest on.
//!
//! Nothing here uses platform mathematics, so that a verdict is the same on every
//! machine, and every iteration is bounded. Masses and densities are in the
//! saddle-point form of Loader (2000), "Fast and accurate computation of binomial
//! probabilities", which keeps its digits where counts are large.

use std::f64::consts::{LN_2, PI, SQRT_2};

pub use super::normal::normal_quantile;

/// Steps after which a continued fraction or a series is taken as it is. About
/// √(a + b) are needed near the mean, so that this is for counts beyond 10¹⁰.
const MOST_STEPS: u32 = 500_000;

/// A factor or term that differs from 1 or 0 by less changes nothing.
const NEGLIGIBLE: f64 = 1e-16;

/// The standard normal distribution function.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / SQRT_2)
}

/// Student's t quantile of `p` with `degrees` > 0 of freedom; the normal one where
/// they are infinite. Distances beyond 10¹⁵⁰ or so are not told apart.
pub fn t_quantile(p: f64, degrees: f64) -> f64 {
    if !degrees.is_finite() {
        return normal_quantile(p);
    }
    if p == 0.5 {
        return 0.0;
    }
    let degrees = degrees.max(1e-3);
    let tail = p.min(1.0 - p);
    // ν / (ν + T²) is beta: the logit of its quantile is log (ν / t²). The smaller
    // of its tails keeps its relative precision.
    let logit = if tail <= 0.25 {
        beta_logit(2.0 * tail, 0.5 * degrees, 0.5)
    } else {
        -beta_logit(2.0 * (0.5 - tail), 0.5, 0.5 * degrees)
    };
    let distance = libm::sqrt(degrees) * libm::exp(-0.5 * logit);
    if p < 0.5 { -distance } else { distance }
}

/// P(T ≤ x) of Student's t with `degrees` > 0 of freedom.
pub fn t_cdf(x: f64, degrees: f64) -> f64 {
    if !degrees.is_finite() {
        return normal_cdf(x);
    }
    let degrees = degrees.max(1e-3);
    let square = x * x;
    let share = [
        1.0 / (1.0 + square / degrees),
        1.0 / (1.0 + degrees / square),
    ];
    let tail = 0.5 * beta_tail([0.5 * degrees, 0.5], share);
    if x < 0.0 { tail } else { 1.0 - tail }
}

/// The regularised incomplete beta function I(x; a, b) = P(X ≤ x) of a beta
/// distribution of a, b > 0.
pub fn beta_cdf(x: f64, a: f64, b: f64) -> f64 {
    beta_tail([a, b], [x, 1.0 - x])
}

/// The beta quantile of `p` for a, b > 0; 0 and 1 at the ends.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    if p <= 0.0 || a <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 || b <= 0.0 {
        return 1.0;
    }
    // The smaller tail keeps its relative precision.
    let logit = if p <= 0.5 {
        beta_logit(p, a, b)
    } else {
        -beta_logit(1.0 - p, b, a)
    };
    1.0 / (1.0 + libm::exp(-logit))
}

/// log (x / (1 − x)) of the beta quantile x of `p`, for 0 < p ≤ 1/2.
///
/// The logarithm of the distribution function is concave in it (Bagnoli &
/// Bergstrom 2005), so that Newton's method cannot run away; where a step leaves
/// the bracket, or the function underflows, the bracket is halved.
fn beta_logit(p: f64, a: f64, b: f64) -> f64 {
    if p <= 0.0 {
        return f64::NEG_INFINITY;
    }
    let middle = libm::log(a) - libm::log(b);
    let mut logit = middle + normal_quantile(p) * libm::sqrt(1.0 / a + 1.0 / b);
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    let target = libm::log(p);
    for _ in 0..200 {
        let share = [
            1.0 / (1.0 + libm::exp(-logit)),
            1.0 / (1.0 + libm::exp(logit)),
        ];
        let tail = beta_tail([a, b], share);
        let excess = libm::log(tail) - target;
        if excess < 0.0 {
            low = logit;
        } else {
            high = logit;
        }
        // The density in the logit is x (1 − x) times that in x.
        let mut next = logit - excess * tail / beta_kernel([a, b], share);
        if !(next >= low && next <= high) {
            next = 0.5 * (low.max(middle - 1e6) + high.min(middle + 1e6));
        } else if excess.abs() < 1e-8 {
            // Newton's error is of the order of the square.
            return next;
        }
        if next == logit {
            break;
        }
        logit = next;
    }
    logit
}

/// P(X ≤ x) of a beta distribution of `shape` a, b, with `share` x and 1 − x, each
/// to its own precision.
///
/// The continued fraction is that of Didonato & Morris 1992 (TOMS 708, BFRAC).
fn beta_tail(shape: [f64; 2], share: [f64; 2]) -> f64 {
    let ([a, b], [x, y]) = (shape, share);
    if x <= 0.0 {
        return 0.0;
    }
    if y <= 0.0 {
        return 1.0;
    }
    // Beyond the mean the other tail's fraction is the one that converges.
    if x * (a + b + 2.0) > a + 1.0 {
        return 1.0 - beta_fraction([b, a], [y, x]);
    }
    beta_fraction(shape, share)
}

fn beta_fraction(shape: [f64; 2], share: [f64; 2]) -> f64 {
    let ([a, b], [x, y]) = (shape, share);
    let beyond = a * y - b * x + 1.0;
    let fraction = continued_fraction(|step| {
        let m = f64::from(step);
        let odd = a + 2.0 * m - 1.0;
        let (numerator, first) = if step == 0 {
            (1.0, 0.0)
        } else {
            let common = m * (b - m) * x / odd;
            (
                (a + m - 1.0) * (a + b + m - 1.0) * x * common / odd,
                m + common,
            )
        };
        let last = (a + m) / (a + 2.0 * m + 1.0) * (beyond + m * (1.0 + y));
        (numerator, first + last)
    });
    (beta_kernel(shape, share) * fraction).clamp(0.0, 1.0)
}

/// xᵃ (1 − x)ᵇ / B(a, b).
fn beta_kernel(shape: [f64; 2], share: [f64; 2]) -> f64 {
    let ([a, b], [x, y]) = (shape, share);
    let n = a + b;
    // a − n x, without the rounding of n x.
    let distance = a * y - b * x;
    let exponent = stirling_error(n)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, n * x, distance)
        - deviance(b, n * y, -distance);
    libm::sqrt(a / n * b / (2.0 * PI)) * libm::exp(exponent)
}

/// α₀ / (β₀ + α₁ / (β₁ + …)) of the terms (α, β), by the modified method of Lentz
/// (Thompson & Barnett 1986).
fn continued_fraction(term: impl Fn(u32) -> (f64, f64)) -> f64 {
    let nonzero = |value: f64| if value == 0.0 { 1e-300 } else { value };
    let (numerator, denominator) = term(0);
    let mut c = nonzero(denominator);
    let mut fraction = c;
    let mut d = 0.0;
    for step in 1..MOST_STEPS {
        let (alpha, beta) = term(step);
        d = 1.0 / nonzero(beta + alpha * d);
        c = nonzero(beta + alpha / c);
        let factor = c * d;
        fraction *= factor;
        if (factor - 1.0).abs() < NEGLIGIBLE {
            break;
        }
    }
    numerator / fraction
}

/// log Γ(x + 1) less Stirling's (x + ½) log x − x + ½ log 2π, for x > 0.
fn stirling_error(x: f64) -> f64 {
    let mut x = x;
    let mut sum = 0.0;
    // The series is for large x: smaller ones are led there.
    while x < 16.0 {
        sum += (x + 0.5) * libm::log1p(1.0 / x) - 1.0;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let series = 1.0 / 12.0
        - square
            * (1.0 / 360.0 - square * (1.0 / 1260.0 - square * (1.0 / 1680.0 - square / 1188.0)));
    sum + series / x
}

/// x log (x / mean) + mean − x, for positive numbers, with `distance` x − mean:
/// by its series where they are near.
fn deviance(x: f64, mean: f64, distance: f64) -> f64 {
    let ratio = distance / (x + mean);
    if ratio.abs() >= 0.1 {
        return x * libm::log(x / mean) - distance;
    }
    let mut sum = distance * ratio;
    let mut power = 2.0 * x * ratio;
    let mut divisor = 1.0;
    loop {
        power *= ratio * ratio;
        divisor += 2.0;
        let next = sum + power / divisor;
        // A ratio below a tenth ends this within twenty steps.
        if next == sum || !next.is_finite() {
            return sum;
        }
        sum = next;
    }
}

/// log P(X = k) for X binomial of `n` and `p`.
pub fn log_binomial(k: u64, n: u64, p: f64) -> f64 {
    if k > n {
        return f64::NEG_INFINITY;
    }
    let rest = (n - k) as f64;
    let [k, n] = [k as f64, n as f64];
    // At the ends there is one arrangement.
    if k == 0.0 {
        return if n == 0.0 { 0.0 } else { n * libm::log1p(-p) };
    }
    if rest == 0.0 {
        return n * libm::log(p);
    }
    if p <= 0.0 || p >= 1.0 {
        return f64::NEG_INFINITY;
    }
    let distance = k * (1.0 - p) - rest * p;
    stirling_error(n)
        - stirling_error(k)
        - stirling_error(rest)
        - deviance(k, n * p, distance)
        - deviance(rest, n * (1.0 - p), -distance)
        - 0.5 * libm::log(2.0 * PI * k * (rest / n))
}

/// log P(X = k) for X binomial of `n` and 1/2.
pub fn log_half_binomial(k: u64, n: u64) -> f64 {
    if k == 0 || k == n {
        return -(n as f64) * LN_2;
    }
    log_binomial(k, n, 0.5)
}

/// P(X ≤ k) for X binomial of `n` and `p`.
pub fn binomial_cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    beta_tail([(n - k) as f64, k as f64 + 1.0], [1.0 - p, p])
}

/// P(X ≥ k) for X binomial of `n` and `p`.
pub fn binomial_upper_tail(k: u64, n: u64, p: f64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    beta_tail([k as f64, (n - k) as f64 + 1.0], [p, 1.0 - p])
}

/// P(X ≥ k) + weight · P(X = k − 1) is built from this: the sum of the binomial
/// masses of `n` and 1/2 from `k` to `n`.
pub fn half_binomial_upper_tail(k: u64, n: u64) -> f64 {
    if k == 0 {
        return 1.0;
    }
    if k > n {
        return 0.0;
    }
    // The shorter tail is summed, from its largest term outwards.
    if k <= n / 2 {
        return 1.0 - half_binomial_upper_tail(n - k + 1, n);
    }
    let mut mass = libm::exp(log_half_binomial(k, n));
    let mut sum = mass;
    for j in k..n {
        mass *= (n - j) as f64 / (j + 1) as f64;
        sum += mass;
        if mass < sum * 1e-17 {
            break;
        }
    }
    sum.min(1.0)
}

/// P(X ≥ x) for X chi-squared of `degrees` > 0 of freedom.
pub fn chi_squared_upper_tail(x: f64, degrees: f64) -> f64 {
    let (a, x) = (0.5 * degrees, 0.5 * x);
    if x <= 0.0 {
        return 1.0;
    }
    if a <= 0.0 || x == f64::INFINITY {
        return 0.0;
    }
    // xᵃ e⁻ˣ / Γ(a).
    let kernel = libm::sqrt(a / (2.0 * PI)) * libm::exp(-stirling_error(a) - deviance(a, x, a - x));
    if x >= a + 1.0 {
        // Legendre's continued fraction.
        let fraction = continued_fraction(|step| {
            let m = f64::from(step);
            let numerator = if step == 0 { 1.0 } else { m * (a - m) };
            (numerator, x + 2.0 * m + 1.0 - a)
        });
        return (kernel * fraction).min(1.0);
    }
    let mut term = 1.0 / a;
    let mut sum = term;
    for step in 1..MOST_STEPS {
        term *= x / (a + f64::from(step));
        sum += term;
        if term < sum * NEGLIGIBLE {
            break;
        }
    }
    (1.0 - kernel * sum).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;
    use statrs::function::beta::beta_reg;

    fn near(found: f64, expected: f64, tolerance: f64) -> bool {
        (found - expected).abs() <= tolerance * expected.abs()
    }

    #[test]
    fn quantiles_agree_with_the_reference() {
        let group = group("quantiles");
        let mut seen = std::collections::BTreeMap::new();
        for case in group["cases"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let found = match case["dist"].as_str().unwrap() {
                "norm" => normal_quantile(number("p")),
                "t" => t_quantile(number("p"), number("df")),
                "beta" => beta_quantile(number("p"), number("a"), number("b")),
                "chi2_sf" => chi_squared_upper_tail(number("stat"), number("df")),
                "binom_cdf" => {
                    let (k, n) = (case["k"].as_u64().unwrap(), case["n"].as_u64().unwrap());
                    let p = number("p");
                    let tail = binomial_upper_tail(k, n, p);
                    assert!(close(tail, number("sf_ge")), "{case}: {tail}");
                    if p == 0.5 {
                        let half = half_binomial_upper_tail(k, n);
                        assert!(near(half, tail, 1e-12), "{case}: {half} {tail}");
                    }
                    binomial_cdf(k, n, p)
                }
                other => panic!("{other}"),
            };
            assert!(
                near(found, number("x"), 1e-13) || found.abs() < 1e-15,
                "{case}: {found}"
            );
            *seen
                .entry(case["dist"].as_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 5, "{seen:?}");
    }

    #[test]
    fn stirlings_error_is_that_of_the_factorials() {
        // log n! by sums of logarithms.
        let mut factorial = 0.0;
        for n in 1..200_u32 {
            let x = f64::from(n);
            factorial += libm::log(x);
            let stirling = (x + 0.5) * libm::log(x) - x + 0.5 * libm::log(2.0 * PI);
            let error = stirling_error(x);
            assert!(
                (stirling + error - factorial).abs() < 1e-12 * factorial.max(1.0),
                "{n}"
            );
        }
        // Γ(3/2) = √π / 2 leaves (1 − log 2) / 2.
        assert!((stirling_error(0.5) - 0.5 * (1.0 - LN_2)).abs() < 1e-15);
        // The series at its first point is as good as the recursion to a later one.
        let led = stirling_error(17.0) + 16.5 * libm::log1p(1.0 / 16.0) - 1.0;
        assert!((stirling_error(16.0) - led).abs() < 1e-15);
    }

    #[test]
    fn the_deviance_is_smooth_where_its_form_changes() {
        for mean in [0.9, 1.0, 1.1, 1.22, 1.223, 0.818, 0.82, 0.5, 3.0] {
            for scale in [1.0, 1e6] {
                let (x, mean) = (scale, mean * scale);
                let plain = x * libm::log(x / mean) + mean - x;
                let found = deviance(x, mean, x - mean);
                assert!(
                    (found - plain).abs() < 1e-15 * scale,
                    "{x} {mean}: {found} {plain}"
                );
            }
        }
        assert_eq!(deviance(3.0, 3.0, 0.0), 0.0);
    }

    #[test]
    fn closed_forms_of_the_beta() {
        for x in [1e-9, 0.01, 0.3, 0.5, 0.77, 0.999] {
            for a in [0.1, 0.5, 1.0, 3.0, 250.0, 1e6] {
                // I(x; a, 1) = xᵃ and I(x; 1, b) = 1 − (1 − x)ᵇ.
                let power = libm::exp(a * libm::log(x));
                assert!(
                    near(beta_cdf(x, a, 1.0), power, 1e-9) || power < 1e-290,
                    "{x} {a}"
                );
                let rest = -libm::expm1(a * libm::log1p(-x));
                assert!(near(beta_cdf(x, 1.0, a), rest, 1e-13), "{x} {a}");
            }
            // The arcsine law.
            let arcsine = 2.0 / PI * libm::asin(libm::sqrt(x));
            assert!(near(beta_cdf(x, 0.5, 0.5), arcsine, 1e-13), "{x}");
        }
        // Their quantiles, on either side of a half: p^(1/a) and 1 − (1 − p)^(1/b).
        for p in [1e-9, 0.025, 0.3, 0.5, 0.7, 0.975, 1.0 - 1e-9] {
            for a in [0.5, 1.0, 3.0, 250.0] {
                let power = libm::exp(libm::log(p) / a);
                assert!(near(beta_quantile(p, a, 1.0), power, 1e-13), "{p} {a}");
                let rest = -libm::expm1(libm::log1p(-p) / a);
                assert!(near(beta_quantile(p, 1.0, a), rest, 1e-13), "{p} {a}");
            }
        }
        // Symmetric shapes have their median in the middle, however large.
        for a in [0.01, 0.5, 1.0, 30.0, 1e4, 1e7, 1e8] {
            assert!((beta_cdf(0.5, a, a) - 0.5).abs() < 1e-11, "{a}");
            assert!((beta_quantile(0.5, a, a) - 0.5).abs() < 1e-14, "{a}");
        }
        assert_eq!(beta_cdf(0.0, 2.0, 3.0), 0.0);
        assert_eq!(beta_cdf(1.0, 2.0, 3.0), 1.0);
        assert_eq!(beta_quantile(0.0, 2.0, 3.0), 0.0);
        assert_eq!(beta_quantile(1.0, 2.0, 3.0), 1.0);
        for p in [0.3, 0.7] {
            assert_eq!(beta_quantile(p, 0.0, 3.0), 0.0);
            assert_eq!(beta_quantile(p, 2.0, 0.0), 1.0);
        }
    }

    #[test]
    fn closed_forms_of_students_t() {
        for t in [-50.0, -1.0, -0.3, 0.0, 0.2, 1.0, 7.0] {
            let cauchy = 0.5 + libm::atan(t) / PI;
            assert!(near(t_cdf(t, 1.0), cauchy, 1e-12), "{t}");
            let two = 0.5 + 0.5 * t / libm::sqrt(2.0 + t * t);
            assert!(near(t_cdf(t, 2.0), two, 1e-12), "{t}");
        }
        for p in [1e-12, 0.001, 0.2, 0.25, 0.3, 0.499_999_9, 0.5, 0.6, 0.999] {
            let two = (2.0 * p - 1.0) / libm::sqrt(2.0 * p * (1.0 - p));
            let found = t_quantile(p, 2.0);
            assert!(near(found, two, 1e-12), "{p}: {found} {two}");
        }
        assert_eq!(t_quantile(0.0, 3.0), f64::NEG_INFINITY);
        assert_eq!(t_quantile(1.0, 3.0), f64::INFINITY);
        assert_eq!(t_cdf(f64::INFINITY, 3.0), 1.0);
        assert_eq!(t_cdf(f64::NEG_INFINITY, 3.0), 0.0);
        // Heavy tails leave the range of numbers, and are no NaN.
        assert!(t_quantile(1e-9, 1e-9) < -1e150);
        assert!(t_cdf(-1e100, 1e-9) > 0.2);
    }

    /// For many degrees of freedom t is normal but for (z³ + z) / 4ν + …
    #[test]
    fn many_degrees_are_nearly_normal() {
        for degrees in [1e5, 1e6, 1e7, 1e8, 1e10, 1e13] {
            for p in [1e-12, 0.0005, 0.05, 0.3, 0.5, 0.8, 0.9995] {
                let z = normal_quantile(p);
                let second = (5.0 * libm::pow(z, 5.0) + 16.0 * libm::pow(z, 3.0) + 3.0 * z) / 96.0;
                let expected = z + (z * z * z + z) / (4.0 * degrees) + second / (degrees * degrees);
                let found = t_quantile(p, degrees);
                assert!(
                    (found - expected).abs() < 1e-12 * (1.0 + z.abs()),
                    "{degrees} {p}: {found} {expected}"
                );
                assert!(near(t_cdf(found, degrees), p, 1e-11), "{degrees} {p}");
            }
        }
        assert_eq!(t_quantile(0.1, f64::INFINITY), normal_quantile(0.1));
        assert_eq!(t_cdf(-1.3, f64::INFINITY), normal_cdf(-1.3));
    }

    /// The binomial with its skewness and kurtosis: Edgeworth's expansion to 1/n, at
    /// the half-integers between counts.
    #[test]
    fn large_counts_are_nearly_normal() {
        for n in [1_000_000_u64, 10_000_000, 100_000_000] {
            for p in [0.5, 0.05, 0.9] {
                let size = n as f64;
                let deviation = libm::sqrt(size * p * (1.0 - p));
                for shift in [-3.0, -0.7, 0.0, 1.0, 2.5] {
                    let k = (size * p + shift * deviation) as u64;
                    let z = (k as f64 + 0.5 - size * p) / deviation;
                    let density = libm::exp(-0.5 * z * z) / libm::sqrt(2.0 * PI);
                    let skewness = (1.0 - 2.0 * p) / deviation;
                    let expected = normal_cdf(z) - density * skewness * (z * z - 1.0) / 6.0;
                    let found = binomial_cdf(k, n, p);
                    assert!((found - expected).abs() < 2.0 / size, "{n} {p} {shift}");
                    let total = found + binomial_upper_tail(k + 1, n, p);
                    assert!((total - 1.0).abs() < 1e-11, "{n} {p} {shift}: {total}");
                }
            }
        }
        // Clopper-Pearson-like limits at 10⁷ trials: their tails come back.
        let limit = beta_quantile(0.0005, 500_000.0, 9_500_001.0);
        assert!(near(
            binomial_upper_tail(500_000, 10_000_000, limit),
            0.0005,
            1e-9
        ));
        assert!((limit - 0.049_773).abs() < 1e-5, "{limit}");
    }

    #[test]
    fn binomial_ends_are_defined() {
        for p in [0.0, 0.3, 1.0] {
            assert_eq!(binomial_upper_tail(0, 5, p), 1.0);
            assert_eq!(binomial_upper_tail(6, 5, p), 0.0);
            assert_eq!(binomial_cdf(5, 5, p), 1.0);
            assert_eq!(binomial_cdf(0, 0, p), 1.0);
            assert_eq!(log_binomial(0, 0, p), 0.0);
            assert_eq!(log_binomial(3, 2, p), f64::NEG_INFINITY);
            let total: f64 = (0..=5).map(|k| libm::exp(log_binomial(k, 5, p))).sum();
            assert!((total - 1.0).abs() < 1e-14);
        }
        assert_eq!(binomial_cdf(4, 5, 1.0), 0.0);
        assert_eq!(binomial_cdf(0, 5, 0.0), 1.0);
        assert!(near(binomial_upper_tail(5, 5, 0.3), 0.002_43, 1e-14));
        assert_eq!(half_binomial_upper_tail(6, 5), 0.0);
        assert_eq!(half_binomial_upper_tail(5, 5), 1.0 / 32.0);
        assert_eq!(half_binomial_upper_tail(1, 1), 0.5);
        // By hand, 10 of 16.
        assert!(near(
            libm::exp(log_half_binomial(10, 16)),
            8008.0 / 65536.0,
            1e-14
        ));
    }

    /// At 2·10⁸ the logarithm is near −10 and its terms are near 10⁹: the naive sum
    /// keeps seven digits of the mass, this form keeps thirteen.
    #[test]
    fn masses_keep_their_digits_at_large_counts() {
        let n = 200_000_000_u64;
        // P(X = n/2) = √(2/πn) (1 − 1/4n + 1/32n² + …).
        let size = n as f64;
        let middle = libm::sqrt(2.0 / (PI * size)) * (1.0 - 0.25 / size);
        assert!(near(libm::exp(log_half_binomial(n / 2, n)), middle, 1e-14));
        // P(k + 1) / P(k) = (n − k) / (k + 1).
        for k in [n / 2 + 20_000, n / 2 - 1, n / 3] {
            let ratio = log_half_binomial(k + 1, n) - log_half_binomial(k, n);
            let expected = libm::log((n - k) as f64 / (k + 1) as f64);
            assert!(
                (ratio - expected).abs() < 1e-7 * expected.abs().max(1e-6),
                "{k}"
            );
        }
        for k in [n / 2 + 1, n / 2 + 14_000, n / 2 + 30_000, n / 2 - 10_000] {
            let (sum, beta) = (
                half_binomial_upper_tail(k, n),
                binomial_upper_tail(k, n, 0.5),
            );
            assert!(near(sum, beta, 1e-11), "{k}: {sum} {beta}");
        }
    }

    #[test]
    fn closed_forms_of_chi_squared() {
        for x in [1e-6, 0.5, 1.0, 3.84, 4.0, 30.0, 1400.0] {
            // Of one and two degrees; of four, e^(−x/2) (1 + x/2).
            assert!(
                near(
                    chi_squared_upper_tail(x, 1.0),
                    libm::erfc(libm::sqrt(x / 2.0)),
                    1e-12
                ),
                "{x}"
            );
            assert!(
                near(chi_squared_upper_tail(x, 2.0), libm::exp(-x / 2.0), 1e-12),
                "{x}"
            );
            let four = libm::exp(-x / 2.0) * (1.0 + x / 2.0);
            assert!(near(chi_squared_upper_tail(x, 4.0), four, 1e-12), "{x}");
        }
        assert_eq!(chi_squared_upper_tail(0.0, 3.0), 1.0);
        assert_eq!(chi_squared_upper_tail(f64::INFINITY, 3.0), 0.0);
        assert_eq!(chi_squared_upper_tail(1.0, 0.0), 0.0);
        assert!((chi_squared_upper_tail(1e6, 1e6) - 0.5).abs() < 1e-3);
    }

    proptest! {
        #[test]
        fn distribution_functions_invert_quantiles(p in 1e-6..0.999_999f64, degrees in 1.0..500.0f64) {
            prop_assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-12);
            prop_assert!((t_cdf(t_quantile(p, degrees), degrees) - p).abs() < 1e-13);
            prop_assert!(near(t_quantile(p, degrees), -t_quantile(1.0 - p, degrees), 1e-9));
        }

        #[test]
        fn beta_quantiles_come_back(
            log_p in -300.0..0.0f64, log_a in -5.0..12.0f64, log_b in -5.0..12.0f64,
        ) {
            let [p, a, b] = [log_p, log_a, log_b].map(libm::exp);
            let x = beta_quantile(p, a, b);
            prop_assume!(x > 1e-290 && x < 0.9);
            prop_assert!(near(beta_cdf(x, a, b), p, 1e-9), "{} {} {}: {}", p, a, b, x);
        }

        /// An independent implementation: statrs after Numerical Recipes.
        #[test]
        fn the_beta_agrees_with_statrs(
            x in 0.0..=1.0f64, log_a in -3.0..8.0f64, log_b in -3.0..8.0f64, near_mean: bool,
        ) {
            let [a, b] = [log_a, log_b].map(libm::exp);
            let mean = a / (a + b);
            // Half of the cases where the mass is.
            let x = if near_mean {
                (mean + (x - 0.5) * 6.0 * libm::sqrt(mean * (1.0 - mean) / (a + b + 1.0))).clamp(0.0, 1.0)
            } else {
                x
            };
            let (found, other) = (beta_cdf(x, a, b), beta_reg(a, b, x));
            prop_assert!((found - other).abs() < 1e-11, "{} {} {}: {} {}", x, a, b, found, other);
            prop_assert!((found + beta_cdf(1.0 - x, b, a) - 1.0).abs() < 1e-11);
        }

        #[test]
        fn chi_squared_agrees_with_statrs(x in 0.001..300.0f64, degrees in 0.5..200.0f64) {
            let other = statrs::function::gamma::gamma_ur(degrees / 2.0, x / 2.0);
            let found = chi_squared_upper_tail(x, degrees);
            prop_assert!((found - other).abs() < 1e-12, "{} {}", found, other);
        }

        #[test]
        fn binomial_tails_are_sums_of_masses(n in 1u64..400, share in 0.0..=1.0f64, p in 0.0..=1.0f64) {
            let k = (share * n as f64) as u64;
            let below: f64 = (0..=k).map(|j| libm::exp(log_binomial(j, n, p))).sum();
            let above: f64 = (k..=n).map(|j| libm::exp(log_binomial(j, n, p))).sum();
            prop_assert!((binomial_cdf(k, n, p) - below).abs() < 1e-12);
            prop_assert!((binomial_upper_tail(k, n, p) - above).abs() < 1e-12);
        }

        #[test]
        fn tails_add_up(n in 0u64..5000, share in 0.0..1.0f64) {
            let k = (share * n as f64) as u64;
            let total = half_binomial_upper_tail(k, n) + half_binomial_upper_tail(n - k + 1, n);
            prop_assert!((total - 1.0).abs() < 1e-12);
            prop_assert!((half_binomial_upper_tail(k, n) - binomial_upper_tail(k, n, 0.5)).abs() < 1e-12);
        }
    }
}
