//! Whether the stored columns of two runs are the same.

use super::metric::wanted_columns;
use crate::outcome::Outcomes;
use crate::record::Run;
use crate::spec::Case;

/// Quanta by which scores may differ and still be the same but for rounding.
const ROUNDING: u16 = 2;

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

/// Compares the columns that the metrics of the case need.
pub fn equality(case: &Case, old: &Outcomes, run: &Run) -> Equality {
    let mut worst = Equality::Exact;
    for spec in wanted_columns(case) {
        let (Some(before), Some(after)) = (old.column(&spec.name), run.outcomes.column(&spec.name))
        else {
            continue;
        };
        // On another range other numbers mean the same: its metric is stale.
        if before.values == after.values || before.spec.range != after.spec.range {
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
