//! A metric that is the mean of per-example values (statistics.md 2.1, 2.3 and II.1):
//! replicates are averaged within an example, clusters are summed.

use std::collections::BTreeMap;

use super::pair::{Finding, Pair};
use super::sampling::{Sampling, exceeds};
use crate::metric::Rows;
use crate::outcome::QUANTA;
use crate::spec::{Examples, SeedScope};
use crate::stats::discordance::Discordance;
use crate::stats::shared;
use crate::stats::shared::Estimate;
use crate::stats::studentised::Rare;
use crate::stats::unseen::Differences;

/// Judges the pair.
pub fn judge(pair: &Pair<'_>) -> Finding {
    // Whole-number differences of each row: 1 is a flip, or a quantum of a score.
    let rows: Vec<i64> = row_differences(pair);
    let per_example = pair.new.per_example;
    let columns = pair.metric.columns(&pair.spec.label, &pair.spec.parameters);
    let range = columns.first().and_then(|column| column.range);
    let quantum = range.map_or(1.0, |(low, high)| (high - low) / f64::from(QUANTA));
    let values = || -> Vec<f64> { rows.iter().map(|&row| row as f64 * quantum).collect() };
    let fixed = pair.design.examples == Examples::Exhaustive;
    let sampling = if fixed && !pair.is_drawn {
        // All that there is was asked, and would answer the same again.
        Sampling::Draws {
            estimate: Estimate {
                estimate: mean(&values()),
                error: 0.0,
                degrees: 1.0,
            },
            unseen: None,
            largest_seen: 0.0,
        }
    } else if pair.is_crossed() {
        let estimate = shared::crossed(&values(), per_example);
        // The draws are few; the examples say no more than they would without any.
        let largest_seen = largest(&values(), per_example);
        let unseen = Some(Rare {
            most: [pair.largest_change(largest_seen); 2],
            drawn: pair.examples() as f64,
        });
        Sampling::Draws {
            estimate,
            unseen,
            largest_seen,
        }
    } else if range.is_none() && per_example == 1 && pair.clusters.is_none() {
        let count = |sign: i64| rows.iter().filter(|row| row.signum() == sign).count() as u64;
        Sampling::Flips(Discordance {
            harm: count(-1),
            gain: count(1),
            n: rows.len() as u64,
        })
    } else {
        // Of a fixed set the draws are the sample: rows are independent, and that some
        // examples differ from others makes them less variable than rows that are alike
        // (Hoeffding 1956). A score keeps the mean of its draws, a row an example.
        let each = if fixed { 1 } else { per_example };
        let differences = |largest_change| {
            Differences::new(
                clusters(&rows, each, pair.clusters),
                quantum / each as f64,
                largest_change,
                pair.design.largest_cluster,
            )
        };
        Sampling::Mean(pair.assuming(differences, Differences::largest_seen))
    };
    let beyond = beyond(pair, &rows, range);
    let error = sampling.error();
    let own_draws = pair.design.seed_scope == SeedScope::Example;
    Finding {
        replicate_share: replicate_share(&values(), per_example, error).filter(|_| own_draws),
        ..Finding::new(pair, sampling, beyond)
    }
}

/// Whether the observed harm, and gain, is beyond the margin.
fn beyond(pair: &Pair<'_>, rows: &[i64], range: Option<(f64, f64)>) -> [bool; 2] {
    let total: i128 = rows.iter().map(|&row| i128::from(row)).sum();
    let all = rows.len() as i128;
    match range {
        None => [(0, total), (total, 0)].map(|sides| exceeds(sides, all, &pair.test.margin)),
        // A quantum is no decimal number.
        Some((low, high)) => {
            let mean = total as f64 / all.max(1) as f64 * (high - low) / f64::from(QUANTA);
            [-mean > pair.margin(), mean > pair.margin()]
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The largest change of the mean of `each` rows.
fn largest(values: &[f64], each: usize) -> f64 {
    let means = values.chunks(each).map(|rows| rows.iter().sum::<f64>());
    means.map(f64::abs).fold(0.0, f64::max) / each as f64
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
fn replicate_share(values: &[f64], per_example: usize, error: f64) -> Option<f64> {
    if per_example < 2 || error <= 0.0 || !error.is_finite() {
        return None;
    }
    let squares = values.chunks(per_example).map(|rows| {
        let mean = mean(rows);
        let deviations = rows.iter().map(|value| (value - mean) * (value - mean));
        deviations.sum::<f64>() / (per_example - 1) as f64
    });
    let examples = (values.len() / per_example) as f64;
    let within = squares.sum::<f64>() / (per_example as f64 * examples * examples);
    Some((within / (error * error)).min(1.0))
}

/// The sum and the examples of each cluster; each example is its own where there are none.
fn clusters(rows: &[i64], per_example: usize, clusters: Option<&[u32]>) -> Vec<(i64, u64)> {
    let examples = rows.chunks(per_example).map(|rows| rows.iter().sum());
    let Some(clusters) = clusters else {
        return examples.map(|sum| (sum, 1)).collect();
    };
    let mut sums = BTreeMap::<u32, (i64, u64)>::new();
    for (sum, &cluster) in examples.zip(clusters) {
        let sum: i64 = sum;
        let of = sums.entry(cluster).or_default();
        of.0 += sum;
        of.1 += 1;
    }
    sums.into_values().collect()
}
