//! A metric that is the mean of per-example values (statistics.md 2.1 to 2.3b):
//! replicates are averaged within an example, clusters are summed.

use std::borrow::Cow;

use super::pair::{FEWEST_CLUSTERS, Harm, Pair, by_error};
use crate::metric::Rows;
use crate::outcome::QUANTA;
use crate::spec::{Examples, Mode, Null, SeedScope};
use crate::stats::clustered::{self, Mean};
use crate::stats::distribution::{normal_cdf, normal_quantile, t_quantile};
use crate::stats::mcnemar::{drop_exceeds, mid_p};
use crate::stats::power::{fewest_to_prove, pairs_to_prove};
use crate::stats::shared::Estimate;
use crate::stats::tango::Table;
use crate::stats::unseen::{Unseen, fewest};
use crate::stats::{exhaustive, shared, sign_flip};

/// Judges the pair.
pub fn judge(pair: &Pair<'_>) -> Harm {
    // Whole-number differences of each row: 1 is a flip, or a quantum of a score.
    let rows: Vec<i64> = row_differences(pair);
    let per_example = pair.new.per_example;
    let columns = pair.metric.columns(&pair.spec.label, &pair.spec.parameters);
    let range = columns.first().and_then(|column| column.range);
    let is_score = range.is_some();
    let quantum = range.map_or(1.0, |(low, high)| (high - low) / f64::from(QUANTA));
    if pair.design.examples == Examples::Exhaustive {
        let values: Vec<f64> = rows.iter().map(|&row| row as f64 * quantum).collect();
        return by_estimate(pair, exhaustive::fixed_set(&values, per_example));
    }
    if pair.design.seed_scope == SeedScope::Shared && per_example > 1 {
        let values: Vec<f64> = rows.iter().map(|&row| row as f64 * quantum).collect();
        return by_estimate(pair, shared::crossed(&values, per_example));
    }
    let examples: Vec<i64> = rows
        .chunks(per_example)
        .map(|rows| rows.iter().sum())
        .collect();
    let sums = by_cluster(&examples, pair.clusters);
    let scale = quantum / per_example as f64;
    let values: Vec<f64> = examples
        .iter()
        .map(|&example| example as f64 * scale)
        .collect();
    let largest = range.map_or(1.0, |(low, high)| high - low);
    let effective = clustered::mean_of_sizes(&values, largest, pair.clusters);
    let unseen = is_score.then(|| Unseen {
        estimate: effective.estimate,
        range: largest,
        n: effective.effective_clusters(),
    });
    let single = !is_score && per_example == 1 && pair.clusters.is_none();

    let (harm, gain) = rows
        .iter()
        .fold((0_u64, 0_u64), |(harm, gain), &row| match row {
            row if row < 0 => (harm + row.unsigned_abs(), gain),
            row => (harm, gain + row.unsigned_abs()),
        });
    let beyond = if is_score {
        [
            -effective.estimate > pair.margin(),
            effective.estimate > pair.margin(),
        ]
    } else {
        let (margin, n) = (pair.test.margin.fraction(), rows.len() as u64);
        [
            drop_exceeds(harm, gain, n, margin),
            drop_exceeds(gain, harm, n, margin),
        ]
    };
    let (alpha, m) = (pair.alpha(), pair.margin());
    let (p_harm, p_gain, p_margin, limits, excludes, shows_beyond);
    if single {
        let table = Table {
            harm: harm as f64,
            gain: gain as f64,
            n: rows.len() as f64,
        };
        let z = normal_quantile(1.0 - alpha);
        p_harm = mid_p(harm, gain);
        p_gain = mid_p(gain, harm);
        limits = table.score_limits(z);
        excludes = [table.score(-m) >= z, -table.score(m) >= z];
        let sides = [table, table.turned()];
        shows_beyond = sides.map(|side| side.adjusted_limits(z).upper < -m);
        p_margin = pair.p_margin(
            || normal_cdf(-table.score(-m)),
            || sides.map(|side| side.adjusted_p_below(-m, f64::INFINITY)),
        );
    } else {
        // Flips of a right answer are all as large: what few could do, their counts say.
        let missed = |p: &dyn Fn(&Unseen) -> f64| unseen.as_ref().map_or(0.0, p);
        let turned: Vec<i64> = sums.iter().map(|sum| -sum).collect();
        p_harm = sign_flip::p(&sums, alpha, &mut pair.stream("sign_flip"))
            .max(missed(&|unseen| unseen.p_below(0.0)));
        p_gain = sign_flip::p(&turned, alpha, &mut pair.stream("sign_flip"))
            .max(missed(&|unseen| unseen.p_above(0.0)));
        let [above, below] = [
            missed(&|unseen| unseen.p_above(-m)),
            missed(&|unseen| unseen.p_below(m)),
        ];
        limits = unseen.as_ref().map_or(effective.limits(alpha), |unseen| {
            effective.limits(alpha).or_wider(unseen.limits(alpha))
        });
        // To rounding: eight clusters of equal size are enough.
        let enough = effective.effective_clusters() > FEWEST_CLUSTERS as f64 - 1e-9;
        excludes = [
            enough && above <= alpha && effective.excludes_down_to(-m, alpha),
            enough && below <= alpha && effective.excludes_up_to(m, alpha),
        ];
        let sides = [
            (effective, missed(&|unseen| unseen.p_below(-m))),
            (effective.turned(), missed(&|unseen| unseen.p_above(m))),
        ];
        shows_beyond = sides
            .map(|(side, missed)| enough && missed <= alpha && side.adjusted_upper(alpha) < -m);
        let p = pair.p_margin(
            || effective.p_above(-m).max(above),
            || sides.map(|(side, missed)| side.adjusted_p_below(-m).max(missed)),
        );
        p_margin = p.filter(|_| enough);
    }
    let (detectable, needed) = if single && pair.test.null != Null::Margin {
        let churn = (harm + gain) as f64 / rows.len().max(1) as f64;
        let drop = pair.test.detectable_drop.value();
        let test = pair.power();
        let needed = match pair.test.mode {
            Mode::Detect => test.pairs_needed(drop, (churn + drop).min(1.0)),
            Mode::Prove => Some(pairs_to_prove(test.alpha, test.power, m, churn)),
        };
        (
            pair.power().smallest_drop(rows.len() as u64, churn),
            needed.map(|pairs| pairs.ceil() as u64),
        )
    } else {
        let critical = effective.critical(alpha);
        let least = sign_flip::least_p(effective.clusters);
        let error = error_with_harm(pair, &effective, is_score);
        let known = by_error(pair, error, critical, least);
        match &unseen {
            Some(unseen) => despite(pair, unseen, error, known),
            None => known,
        }
    };
    Harm {
        estimate: effective.estimate,
        error: effective.error,
        replicate_share: replicate_share(&rows, per_example, quantum, effective.error),
        limits: Some(limits),
        p_harm,
        p_gain,
        p_margin,
        beyond,
        excludes,
        shows_beyond,
        detectable,
        needed,
        slice: None,
    }
}

/// The standard error that a mean would have if harm of the detectable drop came
/// on top: its whole flips of examples add their own variance.
fn error_with_harm(pair: &Pair<'_>, effective: &Mean, is_score: bool) -> f64 {
    if is_score {
        return effective.error;
    }
    let drop = pair.test.detectable_drop.value();
    let harm = drop * (1.0 - drop) * effective.concentration;
    (effective.error * effective.error + harm).sqrt()
}

/// What a test of scores sees, and the examples that it needs, despite those that may
/// not have been drawn.
fn despite(
    pair: &Pair<'_>,
    unseen: &Unseen,
    error: f64,
    (detectable, needed): (Option<f64>, Option<u64>),
) -> (Option<f64>, Option<u64>) {
    let test = pair.power();
    let drop = pair.test.detectable_drop.value();
    // The harm that is to be seen, and the harm that it is held against.
    let (seen, against) = match (pair.test.mode, pair.test.null) {
        (Mode::Prove, _) => (0.0, -test.margin),
        (Mode::Detect, Null::Margin) => (drop, test.margin),
        (Mode::Detect, Null::NoHarm | Null::Retrain) => (drop, 0.0),
    };
    let smallest =
        unseen.smallest_beyond(against.max(0.0), test.alpha) + normal_quantile(test.power) * error;
    let rows = pair.examples() as f64 / unseen.n;
    let fewest = rows * fewest(unseen.range, seen, against, test.alpha);
    (
        detectable.map(|detectable| detectable.max(smallest)),
        needed
            .filter(|_| fewest.is_finite())
            .map(|needed| needed.max(fewest.ceil() as u64)),
    )
}

/// A mean that a t test judges.
fn by_estimate(pair: &Pair<'_>, estimate: Estimate) -> Harm {
    let (alpha, m) = (pair.alpha(), pair.margin());
    let limits = estimate.limits(alpha);
    // A sample too small to prove anything proves nothing by having no variance.
    let enough = pair.design.examples == Examples::Exhaustive
        || pair.examples() as f64 >= fewest_to_prove(alpha, m);
    let p_harm = estimate.p_harm();
    let critical = t_quantile(1.0 - alpha, estimate.degrees);
    let (detectable, needed) = by_error(pair, estimate.error, critical, 0.0);
    Harm {
        estimate: estimate.estimate,
        error: estimate.error,
        replicate_share: None,
        limits: Some(limits),
        p_harm,
        p_gain: 1.0 - p_harm,
        p_margin: pair
            .p_margin(
                || estimate.p_above(-m),
                || [estimate.p_below(-m), estimate.p_above(m)],
            )
            .filter(|_| enough || pair.test.mode == Mode::Detect),
        beyond: [-estimate.estimate > m, estimate.estimate > m],
        excludes: [enough && limits.lower > -m, enough && limits.upper < m],
        shows_beyond: [limits.upper < -m, limits.lower > m],
        detectable,
        needed,
        slice: None,
    }
}

/// The harm-signed difference of each row.
fn row_differences(pair: &Pair<'_>) -> Vec<i64> {
    let sign = pair.sign();
    let value = |rows: &Rows<'_>, row: usize| {
        let mut sum = 0;
        let add = &mut |_, amount| sum += amount;
        pair.metric.terms(rows.row(row), &pair.spec.parameters, add);
        sum
    };
    (0..pair.new.len())
        .map(|row| sign * (value(pair.new, row) - value(pair.old, row)))
        .collect()
}

/// The share of the squared error of a mean that is the draws': Σ sᵢ² / (K n²) of it,
/// with sᵢ² the variance within an example. More replicates take that away, and no more.
fn replicate_share(rows: &[i64], per_example: usize, quantum: f64, error: f64) -> Option<f64> {
    if per_example < 2 || error <= 0.0 {
        return None;
    }
    let values: Vec<f64> = rows.iter().map(|&row| row as f64 * quantum).collect();
    let within = exhaustive::fixed_set(&values, per_example).error;
    Some((within / error * (within / error)).min(1.0))
}

/// The sums over clusters; the values themselves where every row is its own.
fn by_cluster<'a>(values: &'a [i64], clusters: Option<&[u32]>) -> Cow<'a, [i64]> {
    let Some(clusters) = clusters else {
        return Cow::Borrowed(values);
    };
    let count = clusters.iter().max().map_or(0, |&last| last as usize + 1);
    let mut sums = vec![0; count];
    for (&value, &cluster) in values.iter().zip(clusters) {
        sums[cluster as usize] += value;
    }
    Cow::Owned(sums)
}
