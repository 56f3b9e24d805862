//! A metric of all rows together (statistics.md 2.4): exchanges of clusters for the
//! test, the jackknife and the bootstrap over clusters for limits.

use super::compare::{FEWEST_CLUSTERS, Harm, Pair, by_error};
use crate::metric::{Metric, Rows};
use crate::spec::MetricSpec;
use crate::stats::Limits;
use crate::stats::distribution::t_quantile;
use crate::stats::power::fewest_to_prove;
use crate::stats::proportion::wilson;
use crate::stats::resample::{bca_limits, jackknife_error, jackknife_limits, least_swap_p, swap_p};

/// Bootstrap draws of limits that are bias-corrected and accelerated.
const BOOTSTRAP: usize = 1_999;

/// Judges the pair.
pub fn judge(pair: &Pair<'_>) -> Harm {
    let parameters = &pair.spec.parameters;
    let value = |sums: &[i64]| pair.metric.value(sums, pair.new.len(), parameters);
    let sign = pair.sign() as f64;
    let width = pair.metric.sums(pair.classes, parameters);
    let clusters = Exchange::new(pair, width);
    let [old, new] = [&clusters.old, &clusters.new];
    let observed = sign * (value(new) - value(old));

    // Both runs' sums are known from one: what the other loses, this one gains.
    let both: Vec<i64> = old.iter().zip(new).map(|(old, new)| old + new).collect();
    let mut sums = new.clone();
    let mut others = old.clone();
    let mut exchanged = |swapped: &[u64]| {
        sums.copy_from_slice(new);
        for (index, changes) in clusters.changes.iter().enumerate() {
            if swapped[index / 64] >> (index % 64) & 1 == 1 {
                for &(place, change) in changes {
                    sums[place as usize] -= i64::from(change);
                }
            }
        }
        for ((other, both), sum) in others.iter_mut().zip(&both).zip(&sums) {
            *other = both - sum;
        }
        sign * (value(&sums) - value(&others))
    };
    let alpha = pair.alpha();
    let count = clusters.changes.len();
    let p_harm = swap_p(
        count,
        observed,
        alpha,
        &mut pair.stream("swap"),
        &mut exchanged,
    );
    let p_gain = swap_p(
        count,
        -observed,
        alpha,
        &mut pair.stream("swap"),
        |swapped| -exchanged(swapped),
    );

    let left_out = clusters.left_out(pair, width, sign);
    let error = jackknife_error(&left_out);
    let limits = pair.spec.kind.has_limits.then(|| {
        // Limits with fewer than 20 draws beyond them are the jackknife's.
        if alpha * BOOTSTRAP as f64 >= 20.0 {
            bca_limits(
                observed,
                &clusters.bootstrap(pair, width, sign),
                &left_out,
                alpha,
            )
        } else {
            jackknife_limits(observed, &left_out, alpha)
        }
    });
    let m = pair.margin();
    // Resampling no change at all gives limits of no width: they prove nothing
    // that the same number of pairs without discordance would not.
    let enough =
        left_out.len() >= FEWEST_CLUSTERS && left_out.len() as f64 >= fewest_to_prove(alpha, m);
    let within = |test: &dyn Fn(Limits) -> bool| enough && limits.is_some_and(test);
    let critical = t_quantile(1.0 - alpha, (left_out.len() as f64 - 1.0).max(1.0));
    let least = least_swap_p(left_out.len(), alpha);
    let (detectable, needed) = by_error(pair, error, critical, least);
    Harm {
        estimate: observed,
        error,
        replicate_share: None,
        limits,
        p_harm,
        p_gain,
        beyond: [-observed > m + ROUNDING, observed > m + ROUNDING],
        excludes: [
            within(&|limits| limits.lower > -m),
            within(&|limits| limits.upper < m),
        ],
        shows_beyond: within(&|limits| limits.upper < -m),
        detectable,
        needed,
    }
}

/// A difference of two quotients of whole numbers is known to about this.
const ROUNDING: f64 = 1e-12;

/// The sums of both runs, and what each cluster contributes.
struct Exchange {
    old: Vec<i64>,
    new: Vec<i64>,
    /// Of the clusters whose records differ: what the new run has more than the
    /// old, by sum.
    changes: Vec<Vec<(u32, i32)>>,
    /// The examples of each cluster.
    members: Vec<Vec<usize>>,
}

impl Exchange {
    fn new(pair: &Pair<'_>, width: usize) -> Self {
        let examples = pair.examples();
        let members: Vec<Vec<usize>> = match pair.clusters {
            None => (0..examples).map(|example| vec![example]).collect(),
            Some(clusters) => {
                let count = clusters.iter().max().map_or(0, |&last| last as usize + 1);
                let mut members = vec![Vec::new(); count];
                for (example, &cluster) in clusters.iter().enumerate() {
                    members[cluster as usize].push(example);
                }
                members
            }
        };
        let mut exchange = Self {
            old: vec![0; width],
            new: vec![0; width],
            changes: Vec::new(),
            members,
        };
        let mut difference = vec![0; width];
        for cluster in &exchange.members {
            difference.fill(0);
            for &example in cluster {
                let parameters = &pair.spec.parameters;
                pair.old
                    .add(example, pair.metric, parameters, 1, &mut exchange.old);
                pair.new
                    .add(example, pair.metric, parameters, 1, &mut exchange.new);
                pair.new
                    .add(example, pair.metric, parameters, 1, &mut difference);
                pair.old
                    .add(example, pair.metric, parameters, -1, &mut difference);
            }
            let changed: Vec<(u32, i32)> = difference
                .iter()
                .enumerate()
                .filter(|(_, change)| **change != 0)
                .map(|(place, &change)| (place as u32, change as i32))
                .collect();
            if !changed.is_empty() {
                exchange.changes.push(changed);
            }
        }
        exchange
    }

    /// The difference with each cluster left out.
    fn left_out(&self, pair: &Pair<'_>, width: usize, sign: f64) -> Vec<f64> {
        let parameters = &pair.spec.parameters;
        let (mut old, mut new) = (vec![0; width], vec![0; width]);
        self.members
            .iter()
            .map(|cluster| {
                old.copy_from_slice(&self.old);
                new.copy_from_slice(&self.new);
                for &example in cluster {
                    pair.old.add(example, pair.metric, parameters, -1, &mut old);
                    pair.new.add(example, pair.metric, parameters, -1, &mut new);
                }
                let rows = pair.new.len() - cluster.len() * pair.new.per_example;
                sign * (pair.metric.value(&new, rows, parameters)
                    - pair.metric.value(&old, rows, parameters))
            })
            .collect()
    }

    /// The difference over clusters drawn with replacement.
    fn bootstrap(&self, pair: &Pair<'_>, width: usize, sign: f64) -> Vec<f64> {
        let parameters = &pair.spec.parameters;
        let mut stream = pair.stream("bootstrap");
        let count = self.members.len() as u64;
        let (mut old, mut new) = (vec![0; width], vec![0; width]);
        (0..BOOTSTRAP)
            .map(|_| {
                old.fill(0);
                new.fill(0);
                let mut rows = 0;
                for _ in 0..count {
                    let cluster = &self.members[stream.below(count) as usize];
                    rows += cluster.len() * pair.new.per_example;
                    for &example in cluster {
                        pair.old.add(example, pair.metric, parameters, 1, &mut old);
                        pair.new.add(example, pair.metric, parameters, 1, &mut new);
                    }
                }
                sign * (pair.metric.value(&new, rows, parameters)
                    - pair.metric.value(&old, rows, parameters))
            })
            .collect()
    }
}

/// The 95 % confidence interval of a metric of one run; `None` where it has no
/// valid one. Wilson's for a proportion, else the jackknife's over clusters.
pub fn interval(
    metric: &dyn Metric,
    spec: &MetricSpec,
    rows: &Rows<'_>,
    clusters: Option<&[u32]>,
    classes: usize,
) -> Option<(f64, f64)> {
    if !spec.kind.has_limits {
        return None;
    }
    let parameters = &spec.parameters;
    let mut sums = vec![0; metric.sums(classes, parameters)];
    let examples = rows.len() / rows.per_example.max(1);
    for example in 0..examples {
        rows.add(example, metric, parameters, 1, &mut sums);
    }
    let is_proportion = spec.kind.name == crate::metric::ACCURACY.name;
    if is_proportion && rows.per_example == 1 && clusters.is_none() {
        let limits = wilson(u64::try_from(sums[0]).ok()?, rows.len() as u64, 0.05);
        return Some((limits.lower, limits.upper));
    }
    let count = clusters.map_or(examples, |clusters| {
        clusters.iter().max().map_or(0, |&last| last as usize + 1)
    });
    let mut members = vec![Vec::new(); count];
    for example in 0..examples {
        let cluster = clusters.map_or(example, |clusters| clusters[example] as usize);
        members[cluster].push(example);
    }
    let estimate = metric.value(&sums, rows.len(), parameters);
    let mut rest = sums.clone();
    let left_out: Vec<f64> = members
        .iter()
        .map(|cluster| {
            rest.copy_from_slice(&sums);
            for &example in cluster {
                rows.add(example, metric, parameters, -1, &mut rest);
            }
            metric.value(
                &rest,
                rows.len() - cluster.len() * rows.per_example,
                parameters,
            )
        })
        .collect();
    let limits = jackknife_limits(estimate, &left_out, 0.025);
    let (low, high) = spec.kind.range;
    Some((limits.lower.max(low), limits.upper.min(high)))
}
