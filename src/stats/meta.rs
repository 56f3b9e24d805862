//! Effects of several specs taken together, for the merged report: they never gate.
//!
//! Effects are taken for independent; those of specs on the same images are not,
//! and are averaged by image before. With fewer than five the report shows the
//! effects themselves only (statistics.md 6).

use super::Limits;
use super::distribution::{chi_squared_upper_tail, normal_quantile, t_quantile};

/// A variance at or below this counts as zero: one over it leaves the range of numbers.
const LEAST_VARIANCE: f64 = 1e-300;

/// One estimate with the square of its standard error.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Effect {
    /// The estimate.
    pub estimate: f64,
    /// The square of its standard error.
    pub variance: f64,
}

/// A mean with its standard error and limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pooled {
    /// The standard error of the mean.
    pub error: f64,
    /// Its limits, at half of alpha each.
    pub limits: Limits,
}

/// A random-effects analysis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RandomEffects {
    /// The number of effects, k.
    pub count: usize,
    /// The mean if all effects were one: weighted by 1 / v.
    pub fixed_mean: f64,
    /// Its standard error.
    pub fixed_error: f64,
    /// Cochran's Q: Σ (y − mean)² / v about the fixed mean.
    pub q: f64,
    /// P(χ² ≥ Q) of k − 1 degrees of freedom.
    pub q_p: f64,
    /// I²: the share of the spread that is not sampling, max(0, 1 − (k − 1) / Q).
    pub i_squared: f64,
    /// The variance between effects, by DerSimonian & Laird, not below 0.
    pub tau_squared: f64,
    /// The mean over effects: weighted by 1 / (v + τ²).
    pub mean: f64,
    /// With normal limits, as DerSimonian & Laird have them: too narrow for few effects.
    pub classical: Pooled,
    /// With the weighted spread of the effects and Student's t of k − 1 degrees of
    /// freedom: Hartung & Knapp 2001, Sidik & Jonkman 2002.
    pub hartung_knapp: Pooled,
    /// The same, but never with a smaller error than the classical: for few effects,
    /// which agree by luck (Röver, Knapp & Friede 2015).
    pub hartung_knapp_guarded: Pooled,
    /// Limits of the effect of a further spec, mean ∓ t of k − 2 degrees of freedom
    /// times √(τ² + classical error²); `None` for fewer than three effects.
    /// Higgins, Thompson & Spiegelhalter 2009.
    pub prediction: Option<Limits>,
}

/// Pools `effects` at the two-sided error rate `alpha`. `None` for fewer than two,
/// for estimates that are not finite, for variances that are negative or not
/// finite, and where all variances are zero.
///
/// A variance of zero is that of an estimate in which nothing was seen to vary, and
/// does not mean that it is known exactly: it is raised to the smallest positive
/// one of the others.
///
/// Source: DerSimonian & Laird 1986; statistics.md 6.
pub fn random_effects(effects: &[Effect], alpha: f64) -> Option<RandomEffects> {
    let usable = |effect: &Effect| {
        effect.estimate.is_finite() && effect.variance.is_finite() && effect.variance >= 0.0
    };
    if effects.len() < 2 || !effects.iter().all(usable) {
        return None;
    }
    let variances = || effects.iter().map(|effect| effect.variance);
    let smallest = variances()
        .filter(|&variance| variance > LEAST_VARIANCE)
        .reduce(f64::min)?;
    let effects: Vec<Effect> = effects
        .iter()
        .map(|effect| Effect {
            estimate: effect.estimate,
            variance: effect.variance.max(smallest),
        })
        .collect();

    let degrees = effects.len() as f64 - 1.0;
    let fixed = weigh(&effects, 0.0);
    let q = fixed.spread;
    let weights = || effects.iter().map(|effect| 1.0 / effect.variance);
    // Σw − Σw² / Σw, in the form that does not cancel.
    let scale: f64 = weights()
        .map(|weight| weight * (1.0 - weight / fixed.total))
        .sum();
    let tau_squared = ((q - degrees) / scale).max(0.0);
    let random = weigh(&effects, tau_squared);
    let ratio = random.spread / degrees;
    let pooled = |ratio: f64, critical: f64| {
        let error = libm::sqrt(ratio / random.total);
        Pooled {
            error,
            limits: around(random.mean, critical * error),
        }
    };
    let student = t_quantile(1.0 - alpha / 2.0, degrees);
    let classical = pooled(1.0, normal_quantile(1.0 - alpha / 2.0));
    Some(RandomEffects {
        count: effects.len(),
        fixed_mean: fixed.mean,
        fixed_error: libm::sqrt(1.0 / fixed.total),
        q,
        q_p: chi_squared_upper_tail(q, degrees),
        // 0 for a Q of 0, too.
        i_squared: (1.0 - degrees / q).max(0.0),
        tau_squared,
        mean: random.mean,
        classical,
        hartung_knapp: pooled(ratio, student),
        hartung_knapp_guarded: pooled(ratio.max(1.0), student),
        prediction: (effects.len() >= 3).then(|| {
            let error = libm::sqrt(tau_squared + classical.error * classical.error);
            let student = t_quantile(1.0 - alpha / 2.0, degrees - 1.0);
            around(random.mean, student * error)
        }),
    })
}

fn around(mean: f64, reach: f64) -> Limits {
    Limits {
        lower: mean - reach,
        upper: mean + reach,
    }
}

/// A weighted mean.
struct Weighed {
    mean: f64,
    /// The sum of the weights.
    total: f64,
    /// The weighted sum of squares about the mean.
    spread: f64,
}

/// Weighs by one over the variance with `between` on top.
fn weigh(effects: &[Effect], between: f64) -> Weighed {
    let weight = |effect: &Effect| 1.0 / (effect.variance + between);
    let total: f64 = effects.iter().map(weight).sum();
    let mean = effects
        .iter()
        .map(|effect| weight(effect) / total * effect.estimate)
        .sum::<f64>();
    let spread = effects
        .iter()
        .map(|effect| {
            let distance = effect.estimate - mean;
            weight(effect) * distance * distance
        })
        .sum();
    Weighed {
        mean,
        total,
        spread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    fn effects(pairs: &[(f64, f64)]) -> Vec<Effect> {
        pairs
            .iter()
            .map(|&(estimate, variance)| Effect { estimate, variance })
            .collect()
    }

    #[test]
    fn agrees_with_the_reference() {
        let group = group("meta_analysis");
        for key in ["bcg", "small", "homogeneous"] {
            let case = &group[key];
            let numbers = |key: &str| -> Vec<f64> {
                let values = case[key].as_array().unwrap().iter();
                values.map(|value| value.as_f64().unwrap()).collect()
            };
            let pairs: Vec<(f64, f64)> = numbers("yi").into_iter().zip(numbers("vi")).collect();
            let found = random_effects(&effects(&pairs), 0.05).unwrap();
            let prediction = found.prediction.unwrap();
            assert_eq!(found.count as u64, case["k"].as_u64().unwrap());
            for (found, name) in [
                (found.fixed_mean, "fixed_mean"),
                (found.fixed_error, "fixed_se"),
                (found.q, "Q"),
                (found.q_p, "Q_p"),
                (found.tau_squared, "tau2_dl"),
                (found.i_squared, "I2"),
                (found.mean, "mu_dl"),
                (found.classical.error, "se_dl"),
                (found.hartung_knapp.error, "se_hk"),
                (found.hartung_knapp_guarded.error, "se_hk_adhoc_max1"),
            ] {
                let expected = case[name].as_f64().unwrap();
                assert!(close(found, expected), "{key} {name}: {found} {expected}");
            }
            for (found, name) in [
                (found.classical.limits, "ci95_dl"),
                (found.hartung_knapp.limits, "ci95_hk"),
                (found.hartung_knapp_guarded.limits, "ci95_hk_adhoc"),
                (prediction, "pred95_t_km2"),
            ] {
                let expected = numbers(name);
                assert!(
                    close(found.lower, expected[0]),
                    "{key} {name}: {found:?} {expected:?}"
                );
                assert!(
                    close(found.upper, expected[1]),
                    "{key} {name}: {found:?} {expected:?}"
                );
            }
        }
        // The tail is a relative number: 2e-26 is not 0.
        let bcg = &group["bcg"];
        let tail = chi_squared_upper_tail(bcg["Q"].as_f64().unwrap(), 12.0);
        assert!((tail / bcg["Q_p"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_pooled_is_none() {
        for unusable in [
            &[][..],
            &[(0.1, 0.01)],
            &[(0.1, 0.01), (0.1, -0.01)],
            &[(0.1, 0.01), (0.1, f64::NAN)],
            &[(0.1, 0.01), (0.1, f64::INFINITY)],
            &[(0.1, 0.01), (f64::NAN, 0.01)],
            &[(0.1, 0.0), (0.2, 0.0)],
            &[(0.1, 1e-300), (0.2, 1e-310)],
        ] {
            assert_eq!(random_effects(&effects(unusable), 0.05), None);
        }
        let two = random_effects(&effects(&[(0.1, 0.01), (0.3, 0.01)]), 0.05).unwrap();
        assert_eq!(two.prediction, None);
        // By hand: Q = 0.02 / 0.01, and a tau² of 0.02 − 0.01.
        assert!(close(two.mean, 0.2) && close(two.q, 2.0) && close(two.tau_squared, 0.01));
        assert!(close(two.i_squared, 0.5) && close(two.classical.error, 0.1));
    }

    #[test]
    fn a_variance_of_zero_counts_as_the_smallest() {
        let zero = random_effects(&effects(&[(0.0, 0.0), (0.1, 0.01), (0.2, 0.02)]), 0.05);
        let raised = random_effects(&effects(&[(0.0, 0.01), (0.1, 0.01), (0.2, 0.02)]), 0.05);
        assert!(zero.is_some());
        assert_eq!(zero, raised);
        let tiny = random_effects(&effects(&[(0.0, 1e-310), (0.1, 0.01), (0.2, 0.02)]), 0.05);
        assert_eq!(tiny, raised);
        // Equal effects: a Q of 0.
        let equal = random_effects(&effects(&[(0.1, 0.25), (0.1, 0.25)]), 0.05).unwrap();
        assert_eq!((equal.q, equal.q_p, equal.i_squared), (0.0, 1.0, 0.0));
        assert_eq!(equal.hartung_knapp.error, 0.0);
    }

    proptest! {
        #[test]
        fn shifts_and_scales_carry_over(
            pairs in prop::collection::vec((-1.0..1.0f64, 0.001..1.0f64), 2..20),
            shift in -3.0..3.0f64,
            scale in 0.1..10.0f64,
        ) {
            let one = random_effects(&effects(&pairs), 0.1).unwrap();
            let moved: Vec<(f64, f64)> = pairs
                .iter()
                .map(|(estimate, variance)| (scale * (estimate + shift), scale * scale * variance))
                .collect();
            let other = random_effects(&effects(&moved), 0.1).unwrap();
            let near = |found: f64, expected: f64| (found - expected).abs() < 1e-7 * (1.0 + expected.abs());
            prop_assert!(near(other.mean, scale * (one.mean + shift)));
            prop_assert!(near(other.q, one.q));
            prop_assert!(near(other.tau_squared, scale * scale * one.tau_squared));
            prop_assert!(near(other.hartung_knapp.error, scale * one.hartung_knapp.error));
            prop_assert!(one.hartung_knapp_guarded.error >= one.classical.error * (1.0 - 1e-12));
            prop_assert!(one.hartung_knapp_guarded.error >= one.hartung_knapp.error);
            prop_assert!(one.classical.error >= one.fixed_error * (1.0 - 1e-12));
            prop_assert!((0.0..=1.0).contains(&one.i_squared) && (0.0..=1.0).contains(&one.q_p));
        }
    }
}
