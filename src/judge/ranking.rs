//! The area under the ROC curve (statistics.md II.2): placement changes, by ranks, so that
//! scores that are shifted or scaled alike are the same.

use super::pair::{Finding, Pair};
use super::sampling::{Sampling, exceeds};
use crate::measure::{Ranked, scores};
use crate::metric::Strata;
use crate::stats::auroc;
use crate::stats::studentised::Studentised;

/// Judges the pair.
pub fn judge(pair: &Pair<'_>) -> Finding {
    let class = match pair.metric.strata(&pair.spec.parameters) {
        Strata::OneAgainstRest(class) => class,
        Strata::All | Strata::Classes => 1,
    };
    let ranked = Ranked::of(pair.new, class, pair.clusters);
    let [old, new] = [pair.old, pair.new].map(|rows| rows.column(0));
    let [before, after] = [old, new].map(scores);
    let change = |largest_change| {
        let clusters = ranked.clusters.as_deref();
        let known = auroc::change(&ranked.labels, &before, &after, clusters, largest_change);
        known.unwrap_or_else(Studentised::unknown)
    };
    let known = pair.assuming(change, |known| known.largest_seen);
    let known = if pair.sign() < 0 {
        known.turned()
    } else {
        known
    };
    let [twice_before, twice_after] =
        [old, new].map(|ranks| auroc::twice_ranked_right(&ranked.labels, ranks));
    let (lost, pairs) = (twice_before.0 - twice_after.0, 2 * twice_before.1);
    let lost = lost * i128::from(pair.sign());
    let beyond = [(lost, 0), (0, lost)].map(|sides| exceeds(sides, pairs, &pair.test.margin));
    Finding::new(pair, Sampling::Contributions(known), beyond)
}
