//! The change of a metric between two runs, and its p-values. How each form of metric gets
//! there is in `mean`, `ranking`, `classes`, `whole` and `slices`.

use std::collections::HashMap;

use super::pair::{Assumed, Comparison, Decisive, Finding, Pair, Part, is_beyond};
use super::{classes, mean, ranking, slices, whole};
use crate::metric::Form;

/// Compares the two runs.
pub fn compare(pair: &Pair<'_>) -> Comparison {
    let finding = match pair.metric.form() {
        Form::WorstSlice => return slices::compare(pair),
        Form::Mean => mean::judge(pair),
        Form::Ranking => ranking::judge(pair),
        Form::Classes => classes::judge(pair),
        Form::Whole => whole::judge(pair),
    };
    let part = Part {
        name: String::new(),
        examples: pair.examples(),
        sampling: finding.sampling.clone(),
    };
    of(pair, finding, vec![part], 0, None)
}

/// A comparison of what was `found` about the part that decided.
pub(super) fn of(
    pair: &Pair<'_>,
    found: Finding,
    parts: Vec<Part>,
    decisive: usize,
    slice: Option<Decisive>,
) -> Comparison {
    let sign = pair.sign() as f64;
    let alpha = pair.alpha();
    Comparison {
        change: sign * found.sampling.estimate(),
        error: found.sampling.error(),
        p_harm: found.p_harm,
        p_gain: found.p_gain,
        p_margin: found.p_margin(pair),
        question: pair.test.question,
        alpha_side: alpha,
        harm_exceeds_margin: found.beyond[0],
        gain_exceeds_margin: found.beyond[1],
        excludes_harm: found.p_within[0] <= alpha,
        excludes_gain: found.p_within[1] <= alpha,
        shows_harm_beyond_margin: found.p_beyond[0] <= alpha,
        shows_gain_beyond_margin: found.p_beyond[1] <= alpha,
        too_few_replicates: pair.is_crossed() && pair.new.per_example < 5,
        replicate_share: found.replicate_share,
        retrains: None,
        slice,
        assumed: assumed(pair, &parts),
        spread: None,
        harm_without_spread: false,
        sign,
        test: pair.power(),
        drop: pair.test.detectable_drop.value(),
        largest: pair.range(),
        parts,
        decisive,
        examples: pair.examples(),
    }
}

/// What is assumed of what was not drawn.
fn assumed(pair: &Pair<'_>, parts: &[Part]) -> Assumed {
    let seen = parts.iter().filter_map(|part| part.sampling.largest_seen());
    let seen = seen.reduce(f64::max);
    // What macro F1 assumes of an example follows from its class.
    let declared = pair.test.largest_change.as_ref();
    let declared = declared.filter(|_| pair.metric.form() != Form::Classes);
    let change = declared.map(|declared| declared.value()).zip(seen);
    let sizes = pair.clusters.filter(|_| seen.is_some()).map(|clusters| {
        let mut sizes = HashMap::<u32, u64>::new();
        for &cluster in clusters {
            *sizes.entry(cluster).or_default() += 1;
        }
        let smallest = sizes.values().min().copied().unwrap_or(0);
        (smallest, sizes.into_values().max().unwrap_or(0))
    });
    let declared = pair.design.largest_cluster;
    Assumed {
        change,
        refuted: change.is_some_and(|(declared, seen)| is_beyond(seen, declared)),
        cluster: sizes
            .filter(|(smallest, largest)| smallest < largest || declared.is_some())
            .map(|(_, largest)| (declared, largest)),
    }
}
