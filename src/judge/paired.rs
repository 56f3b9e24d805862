//! The paired statistics of one metric: change, p-values, limits, and what the
//! test could have seen.

use std::borrow::Cow;

use crate::metric::{Form, Metric, Rows};
use crate::outcome::QUANTA;
use crate::seed::Stream;
use crate::spec::{Direction, Examples, MetricSpec, Mode, Null, SeedScope, Spec, TestSpec};
use crate::stats::clustered::{self, Mean};
use crate::stats::distribution::{normal_quantile, t_quantile};
use crate::stats::mcnemar::{drop_exceeds, mid_p};
use crate::stats::power::{Test, fewest_to_prove, pairs_to_prove, smallest_beyond_margin};
use crate::stats::proportion::wilson;
use crate::stats::resample::{bca_limits, jackknife_error, jackknife_limits, least_swap_p, swap_p};
use crate::stats::shared::Estimate;
use crate::stats::tango::Table;
use crate::stats::{Limits, exhaustive, shared, sign_flip};

/// The seed of the judge's own draws: a verdict is the same on every run.
const SEED: u64 = 0;

/// Bootstrap draws of limits that are bias-corrected and accelerated.
const BOOTSTRAP: usize = 1_999;

/// Below this number of clusters nothing is proven (statistics.md 2.2).
const FEWEST_CLUSTERS: usize = 8;

/// The numbers that a verdict rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The change of the metric, new minus baseline, in its own unit.
    pub change: f64,
    /// One-sided limits of the change at `alpha_side` each; `None`: none is valid.
    pub limits: Option<(f64, f64)>,
    /// The p-value of harm.
    pub p_harm: f64,
    /// The p-value of gain.
    pub p_gain: f64,
    /// The alpha of each one-sided test.
    pub alpha_side: f64,
    /// Whether the observed harm exceeds the margin.
    pub harm_exceeds_margin: bool,
    /// Whether the observed gain exceeds the margin.
    pub gain_exceeds_margin: bool,
    /// Whether harm beyond the margin is excluded.
    pub excludes_harm: bool,
    /// Whether gain beyond the margin is excluded.
    pub excludes_gain: bool,
    /// Whether the whole interval lies beyond the margin.
    pub shows_harm_beyond_margin: bool,
    /// The smallest harm that would be seen with the asked power.
    pub detectable: Option<f64>,
    /// The number of examples with which the detectable drop would be seen.
    pub needed: Option<u64>,
    /// Why a failing verdict is not to be trusted with few shared replicates.
    pub too_few_replicates: bool,
}

/// Two runs of one metric over the same examples.
pub struct Pair<'a> {
    /// How the metric is computed.
    pub metric: &'a dyn Metric,
    /// Its entry in the spec.
    pub spec: &'a MetricSpec,
    /// How it is judged.
    pub test: &'a TestSpec,
    /// The spec.
    pub case: &'a Spec,
    /// The baseline's rows.
    pub old: &'a Rows<'a>,
    /// This run's rows.
    pub new: &'a Rows<'a>,
    /// Which examples belong together.
    pub clusters: Option<&'a [u32]>,
    /// Number of classes.
    pub classes: usize,
}

/// Everything in terms of harm: a difference is negative where the new run is
/// worse, and in the unit of the metric.
struct Harm {
    estimate: f64,
    limits: Option<Limits>,
    p_harm: f64,
    p_gain: f64,
    beyond: [bool; 2],
    excludes: [bool; 2],
    shows_beyond: bool,
    detectable: Option<f64>,
    needed: Option<u64>,
}

impl Pair<'_> {
    /// −1 where a rise is harm.
    fn sign(&self) -> i64 {
        match self.test.direction {
            Direction::Lower | Direction::Both => 1,
            Direction::Higher => -1,
        }
    }

    fn margin(&self) -> f64 {
        self.test.margin.value()
    }

    fn alpha(&self) -> f64 {
        let alpha = self.test.alpha.value();
        // Two one-sided tests prove equivalence at alpha each (Schuirmann 1987).
        let halved = self.test.direction == Direction::Both && self.test.mode == Mode::Detect;
        if halved { alpha / 2.0 } else { alpha }
    }

    /// The test whose power is asked for.
    fn power(&self) -> Test {
        Test {
            alpha: self.alpha(),
            power: self.test.power.value(),
            margin: self.margin(),
        }
    }

    fn stream(&self, use_of: &str) -> Stream {
        Stream::new(SEED, &format!("{use_of}@1"), 0, &self.spec.identity())
    }

    fn examples(&self) -> usize {
        self.new.len() / self.new.per_example.max(1)
    }
}

/// Compares the two runs.
pub fn compare(pair: &Pair<'_>) -> Comparison {
    let harm = match pair.metric.form() {
        Form::Mean => mean(pair),
        Form::Whole => whole(pair),
    };
    let sign = pair.sign() as f64;
    let turned = |limits: Limits| {
        if sign > 0.0 {
            (limits.lower, limits.upper)
        } else {
            (-limits.upper, -limits.lower)
        }
    };
    let crossed = pair.case.seed_scope == SeedScope::Shared && pair.new.per_example > 1;
    Comparison {
        change: sign * harm.estimate,
        limits: harm.limits.map(turned),
        p_harm: harm.p_harm,
        p_gain: harm.p_gain,
        alpha_side: pair.alpha(),
        harm_exceeds_margin: harm.beyond[0],
        gain_exceeds_margin: harm.beyond[1],
        excludes_harm: harm.excludes[0],
        excludes_gain: harm.excludes[1],
        shows_harm_beyond_margin: harm.shows_beyond,
        detectable: harm.detectable,
        needed: harm.needed,
        too_few_replicates: crossed && pair.new.per_example < 5,
    }
}

/// A mean of per-example values (statistics.md 2.1 to 2.3b).
fn mean(pair: &Pair<'_>) -> Harm {
    // Whole-number differences of each row: 1 is a flip, or a quantum of a score.
    let rows: Vec<i64> = row_differences(pair);
    let per_example = pair.new.per_example;
    let columns = pair.metric.columns(&pair.spec.label, &pair.spec.parameters);
    let range = columns.first().and_then(|column| column.range);
    let is_score = range.is_some();
    let quantum = range.map_or(1.0, |(low, high)| (high - low) / f64::from(QUANTA));
    if pair.case.data.examples == Examples::Exhaustive {
        let values: Vec<f64> = rows.iter().map(|&row| row as f64 * quantum).collect();
        return by_estimate(pair, exhaustive::fixed_set(&values, per_example));
    }
    if pair.case.seed_scope == SeedScope::Shared && per_example > 1 {
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
    let effective = clustered::mean(&values, pair.clusters);
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
    let (p_harm, p_gain, limits, excludes, shows_beyond);
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
        shows_beyond = table.adjusted_limits(z).upper < -m;
    } else {
        let turned: Vec<i64> = sums.iter().map(|sum| -sum).collect();
        p_harm = sign_flip::p(&sums, alpha, &mut pair.stream("sign_flip"));
        p_gain = sign_flip::p(&turned, alpha, &mut pair.stream("sign_flip"));
        limits = effective.limits(alpha);
        let enough = effective.clusters >= FEWEST_CLUSTERS;
        excludes = [
            enough && effective.excludes_down_to(-m, alpha),
            enough && effective.excludes_up_to(m, alpha),
        ];
        shows_beyond = enough && effective.adjusted_upper(alpha) < -m;
    }
    let (detectable, needed) = if single && pair.test.null == Null::NoHarm {
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
        by_error(
            pair,
            error_with_harm(pair, &effective, is_score),
            critical,
            least,
        )
    };
    Harm {
        estimate: effective.estimate,
        limits: Some(limits),
        p_harm,
        p_gain,
        beyond,
        excludes,
        shows_beyond,
        detectable,
        needed,
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

/// What a mean with this standard error can see against a `critical` value, and
/// the number of examples that the question needs. A test whose `least` reachable
/// p-value is above its alpha sees nothing.
fn by_error(pair: &Pair<'_>, error: f64, critical: f64, least: f64) -> (Option<f64>, Option<u64>) {
    let test = pair.power();
    let drop = pair.test.detectable_drop.value();
    let n = pair.examples() as f64;
    let z_power = normal_quantile(test.power);
    let smallest = match pair.test.null {
        Null::NoHarm => test.smallest_mean(error, critical),
        Null::Margin => smallest_beyond_margin(critical, test.power, test.margin, error),
    };
    let more = match (pair.test.mode, pair.test.null) {
        (Mode::Prove, _) => Some(((critical + z_power) * error / test.margin).powi(2)),
        (Mode::Detect, Null::NoHarm) => test.more_needed(drop, error, critical),
        (Mode::Detect, Null::Margin) => {
            Some(((smallest - test.margin) / (drop - test.margin)).powi(2))
        }
    };
    let fewest = match pair.test.mode {
        Mode::Prove => fewest_to_prove(test.alpha, test.margin),
        Mode::Detect => 0.0,
    };
    if least > test.alpha {
        return (None, None);
    }
    let needed = more.map(|more| (n * more).max(fewest).ceil() as u64);
    (smallest.is_finite().then_some(smallest), needed)
}

/// A mean that a t test judges.
fn by_estimate(pair: &Pair<'_>, estimate: Estimate) -> Harm {
    let (alpha, m) = (pair.alpha(), pair.margin());
    let limits = estimate.limits(alpha);
    // A sample too small to prove anything proves nothing by having no variance.
    let enough = pair.case.data.examples == Examples::Exhaustive
        || pair.examples() as f64 >= fewest_to_prove(alpha, m);
    let p_harm = estimate.p_harm();
    let critical = t_quantile(1.0 - alpha, estimate.degrees);
    let (detectable, needed) = by_error(pair, estimate.error, critical, 0.0);
    Harm {
        estimate: estimate.estimate,
        limits: Some(limits),
        p_harm,
        p_gain: 1.0 - p_harm,
        beyond: [-estimate.estimate > m, estimate.estimate > m],
        excludes: [enough && limits.lower > -m, enough && limits.upper < m],
        shows_beyond: limits.upper < -m,
        detectable,
        needed,
    }
}

/// The harm-signed difference of each row.
fn row_differences(pair: &Pair<'_>) -> Vec<i64> {
    let (mut old, mut new) = (vec![0; 1], vec![0; 1]);
    let sign = pair.sign();
    let mut differences = Vec::with_capacity(pair.new.len());
    for row in 0..pair.new.len() {
        (old[0], new[0]) = (0, 0);
        pair.old
            .add_row(row, pair.metric, &pair.spec.parameters, 1, &mut old);
        pair.new
            .add_row(row, pair.metric, &pair.spec.parameters, 1, &mut new);
        differences.push(sign * (new[0] - old[0]));
    }
    differences
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

/// A metric of all rows together (statistics.md 2.4).
fn whole(pair: &Pair<'_>) -> Harm {
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

/// The margin that `n` examples bear at `alpha`: the smallest usual one whose
/// double would be seen with power 0.8 at a churn of 5 % (statistics.md 1.3).
pub fn smallest_bearable_margin(n: u64, alpha: f64) -> f64 {
    const USUAL: [f64; 7] = [0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1];
    let bears = |margin: f64| {
        let test = Test {
            alpha,
            power: 0.8,
            margin,
        };
        test.smallest_drop(n, 0.05)
            .is_some_and(|drop| drop <= 2.0 * margin)
    };
    USUAL
        .into_iter()
        .find(|&margin| bears(margin))
        .unwrap_or(0.1)
}
