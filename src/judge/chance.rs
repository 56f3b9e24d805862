//! Whether a perturbed case is one that every model answers by guessing: no model can
//! then become worse at it, and its pass says nothing.

use std::collections::BTreeMap;

use crate::catalogue::CLEAN;
use crate::outcome::CORRECT;
use crate::record::Run;
use crate::spec::{Case, PerturbationRef};

/// Answers are near chance that are less than this part of the way from guesses to right
/// ones.
const NEAR: f64 = 0.1;

/// What is to be said of a perturbed case whose answers are hardly better than guesses.
///
/// The share of right answers is taken class by class and averaged (balanced accuracy):
/// of `k` classes, guesses that know nothing of the example are then right for 1/k, however
/// frequent each class is.
pub fn near_chance(case: &Case, run: &Run) -> Option<String> {
    let (entry, _) = case.cell()?;
    if matches!(entry.kind, PerturbationRef::BuiltIn(kind) if kind.name == CLEAN) {
        return None;
    }
    let correct = run.outcomes.column(CORRECT)?;
    is_near_chance(&correct.values, run.outcomes.replicates, run.labels()).then(|| {
        "its answers are near chance: class by class they are right hardly more often than guesses, so that a worse model is not seen here. Perturb less; where the columns of a table are of different scales, give noise `scale_by = \"std\"`".to_owned()
    })
}

/// Of `correct` the replicates of an example stand together.
fn is_near_chance(correct: &[u32], replicates: usize, labels: &[u32]) -> bool {
    let mut classes = BTreeMap::<u32, (f64, f64)>::new();
    for (rows, &label) in correct.chunks(replicates.max(1)).zip(labels) {
        let (right, all) = classes.entry(label).or_default();
        *right += rows.iter().map(|&right| f64::from(right)).sum::<f64>();
        *all += rows.len() as f64;
    }
    let count = classes.len() as f64;
    let recalls = classes.values().map(|(right, all)| right / all);
    let (balanced, chance) = (recalls.sum::<f64>() / count, 1.0 / count);
    classes.len() > 1 && balanced < chance + NEAR * (1.0 - chance)
}

#[cfg(test)]
mod tests {
    use super::is_near_chance;

    /// Of each class: how many examples, and how many of them are right.
    fn near(classes: &[(usize, usize)]) -> bool {
        let mut correct = Vec::new();
        let mut labels = Vec::new();
        for (label, &(all, right)) in classes.iter().enumerate() {
            correct.extend((0..all).map(|example| u32::from(example < right)));
            labels.extend(vec![label as u32; all]);
        }
        let twice: Vec<u32> = correct.iter().flat_map(|&right| [right, right]).collect();
        let found = is_near_chance(&correct, 1, &labels);
        assert_eq!(is_near_chance(&twice, 2, &labels), found);
        found
    }

    #[test]
    fn what_names_one_class_whatever_the_example_guesses_however_often_it_is_right() {
        assert!(near(&[(990, 990), (10, 0)]));
        assert!(near(&[(990, 0), (10, 10)]));
        assert!(near(&[(50, 26), (50, 26)]));
        assert!(near(&[(100, 12), (100, 8), (100, 100)]));
    }

    #[test]
    fn what_tells_classes_apart_does_not() {
        assert!(!near(&[(990, 980), (10, 4)]));
        assert!(!near(&[(50, 28), (50, 28)]));
        assert!(!near(&[(100, 80), (100, 70), (100, 90)]));
        // With one class there is nothing to tell apart.
        assert!(!near(&[(100, 0)]));
    }
}
