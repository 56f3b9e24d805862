//! Adjusted p-values of several tests, for the merged report: they never gate.
//!
//! Each function gives one value a test, in the order of the input, at most 1.

/// Holm's step-down: the largest of (m − j + 1) p₍ⱼ₎ over the tests up to this
/// one in ascending order. Controls the probability of any false rejection, whatever
/// the dependence.
///
/// Source: Holm 1979.
///
/// ```
/// # use steadfast::stats::multiplicity::holm;
/// assert_eq!(holm(&[0.5, 0.125, 0.03125]), [0.5, 0.25, 0.09375]);
/// ```
pub fn holm(p: &[f64]) -> Vec<f64> {
    let count = p.len();
    let mut adjusted = vec![0.0; count];
    let mut largest = 0.0_f64;
    for (rank, place) in ascending(p).into_iter().enumerate() {
        largest = largest.max(p[place] * (count - rank) as f64).min(1.0);
        adjusted[place] = largest;
    }
    adjusted
}

/// The step-up values of Benjamini & Hochberg 1995: the smallest of m p₍ⱼ₎ / j over
/// the tests from this one on in ascending order. Controls the expected share of
/// false rejections among all, for independent or positively dependent tests.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let count = p.len() as f64;
    let mut adjusted = vec![0.0; p.len()];
    let mut smallest = 1.0_f64;
    for (rank, place) in ascending(p).into_iter().enumerate().rev() {
        smallest = smallest.min(p[place] * (count / (rank + 1) as f64));
        adjusted[place] = smallest;
    }
    adjusted
}

/// The places of the values from the smallest to the largest: the inverse of
/// their ranks, and not the ranks.
fn ascending(p: &[f64]) -> Vec<usize> {
    let mut places: Vec<usize> = (0..p.len()).collect();
    places.sort_by(|&one, &other| p[one].total_cmp(&p[other]));
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    type Adjust = fn(&[f64]) -> Vec<f64>;
    const METHODS: [(&str, Adjust); 2] = [("holm", holm), ("fdr_bh", benjamini_hochberg)];

    #[test]
    fn agree_with_the_reference() {
        let group = group("multiplicity");
        let cases = group["cases"].as_array().unwrap();
        assert!(cases.len() >= 5);
        for case in cases {
            let numbers = |key: &str| -> Vec<f64> {
                let values = case[key].as_array().unwrap().iter();
                values.map(|value| value.as_f64().unwrap()).collect()
            };
            for (key, adjust) in METHODS {
                let (found, expected) = (adjust(&numbers("p")), numbers(key));
                assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(&expected) {
                    assert!(close(*found, *expected), "{key}: {found} {expected}");
                }
            }
        }
    }

    /// A cycle of three: its order of places, (1, 2, 0), is not its ranks, (2, 0, 1),
    /// so that one taken for the other gives other values.
    #[test]
    fn places_are_not_ranks() {
        let p = [0.3, 0.01, 0.02];
        let close_all = |found: Vec<f64>, expected: [f64; 3]| {
            for (found, expected) in found.iter().zip(expected) {
                assert!(close(*found, expected), "{found} {expected}");
            }
        };
        close_all(holm(&p), [0.3, 0.03, 0.04]);
        close_all(benjamini_hochberg(&p), [0.3, 0.03, 0.03]);
    }

    #[test]
    fn none_and_one_are_defined() {
        for (_, adjust) in METHODS {
            assert!(adjust(&[]).is_empty());
            assert_eq!(adjust(&[0.25]), [0.25]);
            assert_eq!(adjust(&[0.0, 1.0]), [0.0, 1.0]);
        }
    }

    proptest! {
        #[test]
        fn order_changes_nothing_and_the_methods_are_ordered(
            p in prop::collection::vec(0.0..=1.0f64, 1..40), turn in 0usize..40,
        ) {
            let turn = turn % p.len();
            let mut turned = p.clone();
            turned.rotate_left(turn);
            for (name, adjust) in METHODS {
                let mut adjusted = adjust(&p);
                for (raw, adjusted) in p.iter().zip(&adjusted) {
                    prop_assert!(raw <= adjusted && *adjusted <= 1.0, "{}", name);
                }
                adjusted.rotate_left(turn);
                prop_assert_eq!(adjust(&turned), adjusted);
            }
            let [holm, hochberg] = METHODS.map(|(_, adjust)| adjust(&p));
            for place in 0..p.len() {
                prop_assert!(holm[place] <= (p[place] * p.len() as f64).min(1.0));
                prop_assert!(hochberg[place] <= holm[place] + 1e-12);
            }
        }

        /// Rejecting adjusted values at alpha is what the step-down procedure rejects.
        #[test]
        fn holm_is_its_procedure(p in prop::collection::vec(0.0..=0.2f64, 1..12)) {
            let mut sorted = p.clone();
            sorted.sort_by(f64::total_cmp);
            let count = p.len();
            let rejected = sorted
                .iter()
                .enumerate()
                .take_while(|(rank, p)| **p * (count - rank) as f64 <= 0.05)
                .count();
            prop_assert_eq!(holm(&p).iter().filter(|&&p| p <= 0.05).count(), rejected);
        }
    }
}
