//! Whether the stored columns of two runs are the same.

use crate::baseline::BaselineMetric;
use crate::measure::columns_of;
use crate::outcome::Outcomes;
use crate::record::Run;
use crate::spec::{Case, MetricSpec};

/// Quanta by which scores may differ and still be the same but for rounding.
const ROUNDING: u32 = 2;

/// How the stored columns of two runs compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Equality {
    /// To the last bit.
    Exact,
    /// Scores differ by at most two quanta, all else is equal.
    Rounding,
    /// Otherwise. (A metric whose columns the baseline lacks is judged by itself.)
    Different,
}

/// Compares the columns that the metrics of the case need. A metric that the baseline,
/// whose metrics are `known`, has with other parameters is stale, and with it what it
/// alone needs: the same outcomes give other scores.
pub fn equality(case: &Case, known: &[BaselineMetric], old: &Outcomes, run: &Run) -> Equality {
    let is_stale = |spec: &&MetricSpec| {
        let mut known = known.iter();
        known.any(|known| known.name == spec.label && known.identity != spec.identity())
    };
    let current = case.metrics().iter().filter(|spec| !is_stale(spec));
    let mut worst = Equality::Exact;
    for spec in columns_of(case, current) {
        let (Some(before), Some(after)) = (old.column(&spec.name), run.outcomes.column(&spec.name))
        else {
            continue;
        };
        if before.values == after.values {
            continue;
        }
        let close = spec.range.is_some()
            && before
                .values
                .iter()
                .zip(&after.values)
                .all(|(a, b)| a.abs_diff(*b) <= ROUNDING);
        if !close {
            return Equality::Different;
        }
        worst = Equality::Rounding;
    }
    worst
}
