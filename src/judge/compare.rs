//! The change of a metric between two runs, p-values, limits, and what the test could
//! have seen. How each form of metric gets there is in `mean`, `whole` and `slices`.

use super::pair::{Comparison, Pair};
use super::{mean, slices, whole};
use crate::metric::Form;
use crate::spec::SeedScope;
use crate::stats::Limits;

/// Compares the two runs.
pub fn compare(pair: &Pair<'_>) -> Comparison {
    let harm = match pair.metric.form() {
        Form::Mean => mean::judge(pair),
        Form::Whole => whole::judge(pair),
        Form::WorstSlice => slices::judge(pair),
    };
    let sign = pair.sign() as f64;
    let turned = |limits: Limits| {
        if sign > 0.0 {
            (limits.lower, limits.upper)
        } else {
            (-limits.upper, -limits.lower)
        }
    };
    let crossed = pair.design.seed_scope == SeedScope::Shared && pair.new.per_example > 1;
    Comparison {
        change: sign * harm.estimate,
        error: harm.error,
        limits: harm.limits.map(turned),
        p_harm: harm.p_harm,
        p_gain: harm.p_gain,
        p_margin: harm.p_margin,
        mode: pair.test.mode,
        alpha_side: pair.alpha(),
        harm_exceeds_margin: harm.beyond[0],
        gain_exceeds_margin: harm.beyond[1],
        excludes_harm: harm.excludes[0],
        excludes_gain: harm.excludes[1],
        shows_harm_beyond_margin: harm.shows_beyond[0],
        shows_gain_beyond_margin: harm.shows_beyond[1],
        detectable: harm.detectable,
        needed: harm.needed,
        too_few_replicates: crossed && pair.new.per_example < 5,
        replicate_share: harm.replicate_share,
        retrains: None,
        slice: harm.slice,
    }
}
