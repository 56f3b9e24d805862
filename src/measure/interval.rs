//! The 95 % confidence interval of one run, of whichever metric.

use super::sums::Sums;
use crate::metric::{Form, Metric, Rows, Strata};
use crate::spec::MetricSpec;
use crate::stats::Limits;
use crate::stats::auroc;
use crate::stats::proportion::wilson;
use crate::stats::shared::Estimate;

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
    let limits = if let Strata::OneAgainstRest(class) = metric.strata(&spec.parameters) {
        of_ranking(rows, class, clusters)?
    } else {
        let sums = Sums::new(metric, &spec.parameters, &[rows], clusters, classes);
        let totals = sums.totals(0);
        let is_proportion = spec.kind.name == crate::metric::ACCURACY.name;
        if is_proportion && rows.per_example == 1 && clusters.is_none() {
            let right = u64::try_from(totals.iter().sum::<i64>()).ok()?;
            wilson(right, rows.len() as u64, 0.05)
        } else {
            let jackknife = sums.jackknife(&sums.left_out(0, true));
            jackknife.limits(sums.value(totals), 0.025)
        }
    };
    Some((limits.lower.max(low), limits.upper.min(high)))
}

/// The 95 % confidence interval of the area of one run; `None` where it is not known.
fn of_ranking(rows: &Rows<'_>, class: u32, clusters: Option<&[u32]>) -> Option<Limits> {
    let ranked = Ranked::of(rows, class, clusters);
    let scores = scores(rows.column(0));
    let area = auroc::area(&ranked.labels, &scores, ranked.clusters.as_deref())?;
    let estimate = Estimate {
        estimate: area.estimate,
        error: area.error,
        degrees: area.degrees,
    };
    area.error.is_finite().then(|| estimate.limits(0.025))
}

/// The rows of a ranking.
pub struct Ranked {
    /// Which rows are of the class.
    pub labels: Vec<bool>,
    /// Rows of one example, and examples of one cluster, are not independent.
    pub clusters: Option<Vec<u32>>,
}

impl Ranked {
    /// Of the rows of a class against the rest.
    pub fn of(rows: &Rows<'_>, class: u32, clusters: Option<&[u32]>) -> Self {
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

/// Ranks as scores.
pub fn scores(ranks: &[u32]) -> Vec<f64> {
    ranks.iter().map(|&rank| f64::from(rank)).collect()
}
