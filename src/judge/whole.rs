//! A metric of all rows together (statistics.md 2.4): exchanges of clusters for the
//! test; for limits the jackknife, and the bootstrap as well, over clusters, or of a
//! ranking DeLong's error.

use super::pair::{FEWEST_CLUSTERS, Harm, Pair, by_error};
use super::sums::Sums;
use crate::metric::{Form, Metric, Rows, Strata};
use crate::spec::{MetricSpec, Mode, Null};
use crate::stats::Limits;
use crate::stats::accelerated::Accelerated;
use crate::stats::auroc;
use crate::stats::distribution::{normal_quantile, t_quantile};
use crate::stats::jackknife::{Jackknife, t_p_above};
use crate::stats::permutation::{least_swap_p, swap_p};
use crate::stats::power::fewest_to_prove;
use crate::stats::proportion::wilson;

/// Bootstrap draws of limits that are bias-corrected and accelerated.
const BOOTSTRAP: usize = 1_999;

/// Judges the pair.
pub fn judge(pair: &Pair<'_>) -> Harm {
    let sums = Sums::new(
        pair.metric,
        &pair.spec.parameters,
        &[pair.old, pair.new],
        pair.clusters,
        pair.classes,
    );
    let sign = pair.sign() as f64;
    let [old, new] = [sums.totals(0), sums.totals(1)];
    let observed = sign * (sums.value(new) - sums.value(old));

    // Both runs' sums are known from one: what the other loses, this one gains.
    let both: Vec<i64> = old.iter().zip(new).map(|(old, new)| old + new).collect();
    let changes = sums.changes();
    let mut mine = new.to_vec();
    let mut others = old.to_vec();
    let mut exchanged = |swapped: &[u64]| {
        mine.copy_from_slice(new);
        for (index, terms) in changes.iter().enumerate() {
            if swapped[index / 64] >> (index % 64) & 1 == 1 {
                for &(place, change) in terms {
                    mine[place as usize] -= i64::from(change);
                }
            }
        }
        for ((other, both), sum) in others.iter_mut().zip(&both).zip(&mine) {
            *other = both - sum;
        }
        sign * (sums.value(&mine) - sums.value(&others))
    };
    let alpha = pair.alpha();
    let count = changes.len();
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

    let has_limits = pair.spec.kind.has_limits;
    let sampling = Sampling::of(pair, &sums, observed);
    // Exchanging records is exact where the two models' records are exchangeable. Two
    // models may be as badly calibrated in opposite ways: an error that does not take
    // them for exchangeable must agree (docs/statistics.md).
    let (p_harm, p_gain) = if has_limits {
        (p_harm, p_gain)
    } else {
        let gain = sampling.p_above(0.0);
        (p_harm.max(sampling.p_below(0.0)), p_gain.max(gain))
    };
    let limits = has_limits.then(|| sampling.limits(alpha));
    let m = pair.margin();
    // Resampling no change at all gives limits of no width: they prove nothing
    // that the same number of pairs without discordance would not. Of a change that
    // exchanging records shows as well they are believed.
    // To rounding: eight clusters of equal size are enough.
    let effective = sums.effective_clusters() + 1e-9;
    let several = has_limits && effective >= FEWEST_CLUSTERS as f64;
    let enough = several && effective >= fewest_to_prove(alpha, m);
    let within = |test: &dyn Fn(Limits) -> bool| enough && limits.is_some_and(test);
    let beyond =
        |p: f64, test: &dyn Fn(Limits) -> bool| several && p <= alpha && limits.is_some_and(test);
    let p_margin = pair.p_margin(
        || sampling.p_above(-m),
        || {
            [
                p_harm.max(sampling.p_below(-m)),
                p_gain.max(sampling.p_above(m)),
            ]
        },
    );
    let (known, least) = match (pair.test.mode, pair.test.null) {
        (Mode::Detect, Null::Margin) if !several => (false, 1.0),
        (mode, _) => (
            several && (enough || mode == Mode::Detect),
            least_swap_p(sums.clusters(), alpha),
        ),
    };
    let (detectable, needed) = by_error(pair, sampling.error(), sampling.critical(alpha), least);
    Harm {
        estimate: observed,
        error: sampling.error(),
        replicate_share: None,
        limits,
        p_harm,
        p_gain,
        p_margin: p_margin.filter(|_| known),
        beyond: [-observed > m + ROUNDING, observed > m + ROUNDING],
        excludes: [
            within(&|limits| limits.lower > -m),
            within(&|limits| limits.upper < m),
        ],
        shows_beyond: [
            beyond(p_harm, &|limits| limits.upper < -m),
            beyond(p_gain, &|limits| limits.lower > m),
        ],
        detectable,
        needed,
        slice: None,
    }
}

/// A difference of two quotients of whole numbers is known to about this.
const ROUNDING: f64 = 1e-12;

/// How far a difference may be from the truth.
enum Sampling {
    /// By the normal distribution, with DeLong's error.
    Ranking { estimate: f64, error: f64 },
    /// By Student's t, with the jackknife's error; and by the bootstrap, where alpha
    /// leaves it enough draws: what both show. The bootstrap knows which way an estimate
    /// is skewed, and is too narrow where clusters are few (docs/statistics.md).
    LeftOut {
        estimate: f64,
        jackknife: Jackknife,
        bootstrap: Option<Accelerated>,
    },
}

impl Sampling {
    fn of(pair: &Pair<'_>, sums: &Sums<'_>, estimate: f64) -> Self {
        if let Strata::OneAgainstRest(class) = pair.metric.strata(&pair.spec.parameters) {
            let error = change_error(pair, class);
            return Self::Ranking { estimate, error };
        }
        let has_limits = pair.spec.kind.has_limits;
        let sign = pair.sign() as f64;
        let old = sums.left_out(0, has_limits);
        let mut left_out = sums.left_out(1, has_limits);
        for (new, old) in left_out.iter_mut().zip(old) {
            *new = sign * (*new - old);
        }
        let jackknife = sums.jackknife(&left_out);
        // At least 20 draws beyond each limit.
        let resolved = pair.alpha() * (BOOTSTRAP as f64) >= 20.0;
        let bootstrap = (has_limits && resolved).then(|| {
            let values = sums
                .bootstrap(BOOTSTRAP, &mut pair.stream("bootstrap"))
                .into_iter()
                .map(|values| sign * (values[1] - values[0]))
                .collect();
            Accelerated::new(estimate, values, jackknife.acceleration)
        });
        Self::LeftOut {
            estimate,
            jackknife,
            bootstrap,
        }
    }

    fn error(&self) -> f64 {
        match self {
            Self::Ranking { error, .. } => *error,
            Self::LeftOut { jackknife, .. } => jackknife.error,
        }
    }

    /// The critical value of a one-sided test.
    fn critical(&self, alpha: f64) -> f64 {
        match self {
            Self::Ranking { .. } => normal_quantile(1.0 - alpha),
            Self::LeftOut { jackknife, .. } => t_quantile(1.0 - alpha, jackknife.degrees.max(1.0)),
        }
    }

    /// One-sided limits at `alpha` each.
    fn limits(&self, alpha: f64) -> Limits {
        match self {
            Self::Ranking { estimate, error } => {
                let reach = normal_quantile(1.0 - alpha) * error;
                Limits {
                    lower: estimate - reach,
                    upper: estimate + reach,
                }
            }
            Self::LeftOut {
                estimate,
                jackknife,
                bootstrap,
            } => {
                let limits = jackknife.limits(*estimate, alpha);
                let bootstrap = bootstrap.as_ref().map(|drawn| drawn.limits(alpha));
                bootstrap.map_or(limits, |other| limits.or_wider(other))
            }
        }
    }

    /// The p-value against a truth of `value` or less.
    fn p_above(&self, value: f64) -> f64 {
        let [p, other] = self.alphas_above(value);
        p.max(other)
    }

    /// The p-value against a truth of `value` or more.
    fn p_below(&self, value: f64) -> f64 {
        let [p, other] = self.alphas_above(value);
        1.0 - p.min(other)
    }

    /// The alphas at which the lower limits are `value`; twice the same of a single one.
    fn alphas_above(&self, value: f64) -> [f64; 2] {
        match self {
            Self::Ranking { estimate, error } => {
                [t_p_above(estimate - value, *error, f64::INFINITY); 2]
            }
            Self::LeftOut {
                estimate,
                jackknife,
                bootstrap,
            } => {
                let p = jackknife.p_above(*estimate, value);
                [
                    p,
                    bootstrap.as_ref().map_or(p, |drawn| drawn.p_above(value)),
                ]
            }
        }
    }
}

/// The 95 % confidence interval of a metric of one run; `None` where it has no
/// valid one. Wilson's for a proportion, DeLong's for a ranking, else the
/// jackknife's over clusters.
pub fn interval(
    metric: &dyn Metric,
    spec: &MetricSpec,
    rows: &Rows<'_>,
    clusters: Option<&[u32]>,
    classes: usize,
) -> Option<(f64, f64)> {
    // The smallest of several is biased: it has limits of a change, by slice, only.
    if !spec.kind.has_limits || metric.form() == Form::WorstSlice {
        return None;
    }
    let (low, high) = spec.kind.range;
    let sums = Sums::new(metric, &spec.parameters, &[rows], clusters, classes);
    let totals = sums.totals(0);
    let is_proportion = spec.kind.name == crate::metric::ACCURACY.name;
    if is_proportion && rows.per_example == 1 && clusters.is_none() {
        let right = u64::try_from(totals.iter().sum::<i64>()).ok()?;
        let limits = wilson(right, rows.len() as u64, 0.05);
        return Some((limits.lower, limits.upper));
    }
    let estimate = sums.value(totals);
    let limits = match metric.strata(&spec.parameters) {
        Strata::OneAgainstRest(class) => {
            let reach = normal_quantile(0.975) * area_error(rows, class, clusters)?;
            Limits {
                lower: estimate - reach,
                upper: estimate + reach,
            }
        }
        _ => sums
            .jackknife(&sums.left_out(0, true))
            .limits(estimate, 0.025),
    };
    Some((limits.lower.max(low), limits.upper.min(high)))
}

/// The rows of a ranking.
struct Ranked {
    labels: Vec<bool>,
    /// Rows of one example, and examples of one cluster, are not independent.
    clusters: Option<Vec<u32>>,
}

impl Ranked {
    fn of(rows: &Rows<'_>, class: u16, clusters: Option<&[u32]>) -> Self {
        let examples = || (0..rows.len()).map(|row| row / rows.per_example);
        let group = |example: usize| clusters.map_or(example as u32, |clusters| clusters[example]);
        Self {
            labels: examples()
                .map(|example| rows.labels()[example] == class)
                .collect(),
            clusters: (clusters.is_some() || rows.per_example > 1)
                .then(|| examples().map(group).collect()),
        }
    }
}

fn scores(rows: &Rows<'_>) -> Vec<f64> {
    let quanta = rows.column(0).iter();
    quanta.map(|&score| f64::from(score)).collect()
}

/// The standard error of the change of an area under the ROC curve; infinite where
/// there are too few clusters to know it.
fn change_error(pair: &Pair<'_>, class: u16) -> f64 {
    let ranked = Ranked::of(pair.new, class, pair.clusters);
    let [old, new] = [pair.old, pair.new].map(scores);
    let areas = auroc::paired(&ranked.labels, &old, &new, ranked.clusters.as_deref());
    areas.map_or(f64::INFINITY, |areas| areas.error)
}

/// The standard error of an area under the ROC curve, where it is known.
fn area_error(rows: &Rows<'_>, class: u16, clusters: Option<&[u32]>) -> Option<f64> {
    let ranked = Ranked::of(rows, class, clusters);
    let scores = scores(rows);
    let areas = auroc::paired(&ranked.labels, &scores, &scores, ranked.clusters.as_deref());
    areas.map(|areas| areas.variance_new.max(0.0).sqrt())
}
