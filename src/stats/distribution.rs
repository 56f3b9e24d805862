//! Quantiles and tails of the distributions that the tests rest on.

use statrs::distribution::{Continuous, ContinuousCDF, StudentsT};
use statrs::function::beta::{beta_reg, inv_beta_reg};

pub use super::normal::normal_quantile;

/// The standard normal distribution function.
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x / std::f64::consts::SQRT_2)
}

/// Student's t quantile of `p` with `degrees` > 0 of freedom; the normal one where
/// they are infinite. Newton steps sharpen the library's value.
pub fn t_quantile(p: f64, degrees: f64) -> f64 {
    if !degrees.is_finite() || degrees > 1e8 {
        return normal_quantile(p);
    }
    let Ok(distribution) = StudentsT::new(0.0, 1.0, degrees.max(1e-3)) else {
        return normal_quantile(p);
    };
    if p == 0.5 {
        return 0.0;
    }
    // The lower tail keeps its relative precision.
    let (tail, sign) = if p < 0.5 { (p, 1.0) } else { (1.0 - p, -1.0) };
    let mut x = distribution.inverse_cdf(tail);
    for _ in 0..4 {
        let density = distribution.pdf(x);
        let step = (t_lower_tail(x, degrees) - tail) / density;
        if !step.is_finite() {
            break;
        }
        x -= step;
    }
    sign * x
}

/// P(T ≤ x) of Student's t.
pub fn t_cdf(x: f64, degrees: f64) -> f64 {
    if !degrees.is_finite() || degrees > 1e8 {
        return normal_cdf(x);
    }
    if x < 0.0 {
        t_lower_tail(x, degrees)
    } else {
        1.0 - t_lower_tail(-x, degrees)
    }
}

/// P(T ≤ x) for x ≤ 0, by the regularised incomplete beta function.
fn t_lower_tail(x: f64, degrees: f64) -> f64 {
    0.5 * beta_reg(0.5 * degrees, 0.5, degrees / (degrees + x * x))
}

/// The beta quantile of `p`; 0 and 1 at the ends.
pub fn beta_quantile(p: f64, a: f64, b: f64) -> f64 {
    let mut x = inv_beta_reg(a, b, p.clamp(0.0, 1.0));
    let log_beta = libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    for _ in 0..4 {
        if !(0.0..1.0).contains(&x) || x == 0.0 {
            return x.clamp(0.0, 1.0);
        }
        let density = libm::exp((a - 1.0) * libm::log(x) + (b - 1.0) * libm::log1p(-x) - log_beta);
        let step = (beta_reg(a, b, x) - p) / density;
        if !step.is_finite() {
            break;
        }
        x = (x - step).clamp(0.5 * x, 0.5 * (1.0 + x));
    }
    x
}

/// log P(X = k) for X binomial of `n` and 1/2.
pub fn log_half_binomial(k: u64, n: u64) -> f64 {
    let [k, n] = [k as f64, n as f64];
    libm::lgamma(n + 1.0)
        - libm::lgamma(k + 1.0)
        - libm::lgamma(n - k + 1.0)
        - n * std::f64::consts::LN_2
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
    if 2 * k < n + 1 {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    #[test]
    fn quantiles_agree_with_the_reference() {
        let Some(group) = group("quantiles") else {
            return;
        };
        let mut seen = std::collections::BTreeMap::new();
        for case in group["cases"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let found = match case["dist"].as_str().unwrap() {
                "norm" => normal_quantile(number("p")),
                "t" => t_quantile(number("p"), number("df")),
                "beta" => beta_quantile(number("p"), number("a"), number("b")),
                "binom_cdf" if number("p") == 0.5 => {
                    let (k, n) = (case["k"].as_u64().unwrap(), case["n"].as_u64().unwrap());
                    assert!(
                        close(half_binomial_upper_tail(k, n), number("sf_ge")),
                        "{case}"
                    );
                    1.0 - half_binomial_upper_tail(k + 1, n)
                }
                _ => continue,
            };
            assert!(close(found, number("x")), "{case}: {found}");
            *seen
                .entry(case["dist"].as_str().unwrap().to_owned())
                .or_insert(0) += 1;
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
    }

    proptest! {
        #[test]
        fn distribution_functions_invert_quantiles(p in 1e-6..0.999_999f64, degrees in 1.0..500.0f64) {
            prop_assert!((normal_cdf(normal_quantile(p)) - p).abs() < 1e-12);
            prop_assert!((t_cdf(t_quantile(p, degrees), degrees) - p).abs() < 1e-9);
        }

        #[test]
        fn tails_add_up(n in 0u64..5000, share in 0.0..1.0f64) {
            let k = (share * n as f64) as u64;
            let total = half_binomial_upper_tail(k, n) + half_binomial_upper_tail(n - k + 1, n);
            prop_assert!((total - 1.0).abs() < 1e-10);
        }
    }
}
