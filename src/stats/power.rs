//! What a test can see: the smallest harm that it would show with a given
//! probability, and the number of examples that a given harm needs.
//!
//! Harm adds to the churn that there is anyway, so that a drop d is seen among a
//! discordance of ψ₀ + d, with ψ₀ the discordance without harm.

use super::distribution::normal_quantile;
use super::mcnemar::fewest_harms;

/// What is to be shown of a true change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToShow {
    /// That it is harm; that the harm is observed beyond the margin is asked, too.
    Harm,
    /// That it is harm beyond the margin.
    HarmBeyondMargin,
    /// That it is no harm beyond the margin.
    WithinMargin,
}

/// A one-sided test at `alpha`, to show harm with probability `power`, that also
/// asks that the observed harm exceed `margin`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Test {
    /// The error rate of the one side.
    pub alpha: f64,
    /// The probability of showing the harm.
    pub power: f64,
    /// What the observed harm must exceed.
    pub margin: f64,
}

impl Test {
    fn quantiles(&self) -> (f64, f64) {
        (
            normal_quantile(1.0 - self.alpha),
            normal_quantile(self.power),
        )
    }

    /// The number of pairs that show a drop with discordance `psi` (Connor 1987),
    /// and with it that the observed drop exceeds the margin; `None` where no
    /// number does.
    pub fn pairs_needed(&self, drop: f64, psi: f64) -> Option<f64> {
        let (z_alpha, z_power) = self.quantiles();
        if drop <= self.margin || drop <= 0.0 {
            return None;
        }
        let psi = psi.max(drop);
        let seen = (z_alpha * psi.sqrt() + z_power * (psi - drop * drop).max(0.0).sqrt()) / drop;
        let beyond = z_power.max(0.0) * psi.sqrt() / (drop - self.margin);
        Some((seen * seen).max(beyond * beyond))
    }

    /// The smallest drop that `n` pairs show, with a discordance of `churn` + drop;
    /// `None` where even a drop to nothing is not shown.
    pub fn smallest_drop(&self, n: u64, churn: f64) -> Option<f64> {
        let shows = |drop: f64| {
            let needed = self.pairs_needed(drop, (churn + drop).min(1.0));
            needed.is_some_and(|needed| needed <= n as f64)
        };
        if n == 0 || !shows(1.0) {
            return None;
        }
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if shows(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        // Fewer harms than the floor cannot be shown at all.
        let floor = fewest_harms(self.alpha) as f64 / n as f64;
        let smallest = high.max(floor);
        (smallest <= 1.0).then_some(smallest)
    }

    /// The smallest harm that a mean with this standard error shows, against the
    /// `critical` value of its test.
    pub fn smallest_mean(&self, error: f64, critical: f64) -> f64 {
        let (_, z_power) = self.quantiles();
        ((critical + z_power) * error).max(self.margin + z_power.max(0.0) * error)
    }
}

/// The smallest harm whose excess over `margin` is shown (null = "margin") by a
/// mean with this standard error, against the `critical` value of its test.
pub fn smallest_beyond_margin(critical: f64, power: f64, margin: f64, error: f64) -> f64 {
    margin + (critical + normal_quantile(power)) * error
}

/// The number of pairs with which a model that is no worse is shown to be within
/// `margin`, with probability `power`, at discordance `psi`: with the variance
/// under the hypothesis, and never below the number at which no discordance at
/// all would do.
pub fn pairs_to_prove(alpha: f64, power: f64, margin: f64, psi: f64) -> f64 {
    let (z_alpha, z_power) = (normal_quantile(1.0 - alpha), normal_quantile(power));
    // The restricted estimate of Tango's q for b = c = ψ/2 of one pair.
    let half = psi / 2.0;
    let (first, second, third) = (2.0, -psi - 2.0 * margin, half * margin * (1.0 + margin));
    let root = (second * second - 4.0 * first * third).max(0.0).sqrt();
    let q = (root - second) / (2.0 * first);
    let variance = 2.0 * q - margin * (1.0 + margin);
    let needed = (z_alpha * variance.max(0.0).sqrt() + z_power * psi.sqrt()) / margin;
    (needed * needed).max(fewest_to_prove(alpha, margin))
}

/// The number of pairs below which nothing can be proven: z² (1 − m) / m.
pub fn fewest_to_prove(alpha: f64, margin: f64) -> f64 {
    let z = normal_quantile(1.0 - alpha);
    z * z * (1.0 - margin) / margin
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::group;

    #[test]
    fn sample_sizes_are_those_of_the_design() {
        // statistics.md 4: n for 80 %, m = .01, to show 2m; with ψ = 1 % a drop of
        // 2m needs ψ = 2 %.
        for (alpha, expected) in [
            (0.05, [308.0, 771.0, 2317.0]),
            (0.01, [500.0, 1252.0, 3761.0]),
            (0.05 / 75.0, [817.0, 2048.0, 6149.0]),
        ] {
            let test = Test {
                alpha,
                power: 0.8,
                margin: 0.01,
            };
            for (psi, expected) in [0.02, 0.05, 0.15].into_iter().zip(expected) {
                let found = test.pairs_needed(0.02, psi).unwrap().ceil();
                assert!(
                    (found - expected).abs() <= 1.0,
                    "alpha {alpha}, psi {psi}: {found}"
                );
            }
        }
        for (alpha, expected) in [
            (0.05, [856.0, 3162.0, 9293.0]),
            (0.01, [1435.0, 5146.0, 15089.0]),
            (0.05 / 75.0, [2406.0, 8428.0, 24669.0]),
        ] {
            for (psi, expected) in [0.01, 0.05, 0.15].into_iter().zip(expected) {
                let found = pairs_to_prove(alpha, 0.8, 0.01, psi).ceil();
                assert!(
                    (found - expected).abs() <= 2.0,
                    "prove alpha {alpha}, psi {psi}: {found}"
                );
            }
        }
        // Near the margin it is the observed drop that decides: z √ψ / (d − m).
        let test = Test {
            alpha: 0.05,
            power: 0.8,
            margin: 0.01,
        };
        let near = 0.841_621_233_572_914_2 * 0.05_f64.sqrt() / 0.002;
        let found = test.pairs_needed(0.012, 0.05).unwrap();
        assert!((found / (near * near) - 1.0).abs() < 1e-9, "{found}");
        // 2.1: the least n to prove, 268, 536 and 1020.
        for (alpha, expected) in [(0.05, 268.0), (0.01, 536.0), (0.05 / 75.0, 1020.0)] {
            assert!((fewest_to_prove(alpha, 0.01) - expected).abs() < 1.5);
        }
    }

    #[test]
    fn the_smallest_drop_is_where_the_needed_number_is_met() {
        let test = Test {
            alpha: 0.0005,
            power: 0.8,
            margin: 0.01,
        };
        // 1.3: at ψ 5 % the smallest drop is .041, .029 and .013 at n = 500, 1000
        // and 5000 with ψ held fixed; churn on top makes it larger, not smaller.
        for (n, fixed) in [(500, 0.041), (1000, 0.029), (5000, 0.013)] {
            let drop = test.smallest_drop(n, 0.05).unwrap();
            assert!(drop >= fixed - 5e-4, "{n}: {drop}");
            assert!(drop <= fixed * 1.45 + 0.003, "{n}: {drop}");
            let needed = test.pairs_needed(drop, 0.05 + drop).unwrap();
            assert!((needed - n as f64).abs() < 1.0, "{n}: {needed}");
        }
        assert_eq!(test.smallest_drop(0, 0.05), None);
        // The floor: 11 harms at this alpha.
        assert!(test.smallest_drop(100, 0.0).unwrap() >= 0.1);
        // No number shows what does not exceed the margin, or no harm.
        let needed = |margin, drop| Test { margin, ..test }.pairs_needed(drop, 0.05);
        assert_eq!((needed(0.02, 0.01), needed(-0.01, 0.0)), (None, None));
        // Even a drop to nothing is 0.2 beyond this margin: (.8416 / .2)² = 17.7 pairs.
        let far = Test {
            margin: 0.8,
            ..test
        };
        assert_eq!(
            (
                far.smallest_drop(17, 0.0),
                far.smallest_drop(18, 0.0).is_some()
            ),
            (None, true)
        );
    }

    #[test]
    fn the_smallest_mean_by_hand() {
        let test = |margin| Test {
            alpha: 0.05,
            power: 0.8,
            margin,
        };
        // z = 0.8416212 for 80 %, and a critical value of 1.6.
        let z = 0.841_621_233_572_914_2;
        let near = |found: f64, expected: f64| (found - expected).abs() < 1e-12;
        assert!(near(test(0.01).smallest_mean(0.01, 1.6), (1.6 + z) * 0.01));
        assert!(near(test(0.05).smallest_mean(0.01, 1.6), 0.05 + z * 0.01));
        assert!(near(
            smallest_beyond_margin(1.6, 0.8, 0.03, 0.01),
            0.03 + (1.6 + z) * 0.01
        ));
        // Without margin or power to spare, harm counts for nothing on top.
        let even = Test {
            alpha: 0.05,
            power: 0.4,
            margin: 0.05,
        };
        assert_eq!(even.smallest_mean(0.01, 1.6), 0.05);
    }

    #[test]
    fn connor_agrees_with_the_reference() {
        let group = group("mcnemar_power");
        for case in group["cases"].as_array().unwrap() {
            let number = |key: &str| case[key].as_f64().unwrap();
            let Some(expected) = case["n_for_80pct_connor"].as_f64() else {
                continue;
            };
            let drop = number("p_harm") - number("p_gain");
            let test = Test {
                alpha: number("alpha_one_sided"),
                power: 0.8,
                margin: -1e9,
            };
            let found = test
                .pairs_needed(drop, number("p_harm") + number("p_gain"))
                .unwrap();
            assert!(
                (found - expected).abs() <= 1e-9 * expected,
                "{case}: {found}"
            );
        }
    }
}
