//! Macro F1 (statistics.md II.4): by what each example contributes to the ratio of each
//! class, not by exchanging records, which holds its level for models at one operating
//! point only.

use super::pair::{Finding, Pair};
use super::sampling::Sampling;
use crate::stats::macro_f1;

/// A difference of two quotients of whole numbers is known to about this.
const ROUNDING: f64 = 1e-12;

/// Judges the pair.
pub fn judge(pair: &Pair<'_>) -> Finding {
    let per_example = pair.new.per_example;
    let rows = || (0..pair.new.len()).map(|row| row / per_example);
    let labels: Vec<u32> = rows().map(|example| pair.new.labels()[example]).collect();
    let cluster = |example: usize| pair.clusters.map_or(example as u32, |of| of[example]);
    let clusters: Vec<u32> = rows().map(cluster).collect();
    let predicted = [pair.old.column(0), pair.new.column(0)];
    let mut known = macro_f1::change(&labels, predicted, &clusters, pair.classes);
    if pair.sign() < 0 {
        known = known.turned();
    }
    let (estimate, m) = (known.estimate, pair.margin());
    let beyond = [-estimate > m + ROUNDING, estimate > m + ROUNDING];
    Finding::new(pair, Sampling::Contributions(known), beyond)
}
