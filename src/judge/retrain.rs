//! `null = "retrain"`: is the new model worse than one more retrain of the accepted
//! pipeline would be?
//!
//! statistics.md 1.1 adds an estimated variance of the pipeline to the standard error
//! and takes it for known. With few retrains that alarms many times too often (at
//! alpha 0.0005 up to 74 times: docs/statistics.md). The rule here is exact instead:
//! the new value against the mean of the accepted ones, by Student's t; and the
//! paired test against the baseline as well, so that nothing fails that would pass
//! without.

use super::metric::MetricJudgement;
use super::pair::Comparison;
use crate::baseline::BaselineFile;
use crate::spec::{Case, MetricSpec, TestSpec};
use crate::stats::distribution::{normal_quantile, t_quantile};
use crate::stats::power::Test;
use crate::stats::prediction::{one_from_another, one_more};
use crate::stats::shared::Estimate;
use crate::verdict::Verdict;

/// Retrains without which their spread is not known: harm is then tested as if
/// `null` were `"no_harm"`.
pub const FEWEST_RETRAINS: usize = 3;

impl Comparison {
    /// Whether the spread of recorded retrains is in the p-values. It is not in the
    /// limits, which are of this model alone.
    pub fn has_spread(&self) -> bool {
        self.retrains >= Some(FEWEST_RETRAINS)
    }

    /// Where that spread hides the detectable drop: the margin whose double is seen beyond
    /// it, and the margin of which that holds with any number of such retrains.
    pub fn margin_of_retrains(&self) -> Option<(f64, f64)> {
        let spread = self.spread.as_ref().filter(|_| self.hidden_by_retrains())?;
        let count = spread.degrees + 1.0;
        let of_many = Estimate {
            error: spread.error / libm::sqrt(1.0 + 1.0 / count),
            degrees: 1e9,
            ..*spread
        };
        let margin = |spread| smallest_margin(&self.test, spread);
        Some((margin(spread), margin(&of_many)))
    }

    /// Whether harm would be shown, beyond the margin, if retrains did not differ by chance:
    /// what a pass that rests on them must not hide.
    pub fn is_hidden_harm(&self) -> bool {
        self.harm_without_spread
    }
}

/// What the new value is held against, beside the spread of accepted ones.
#[derive(Clone, Copy, Debug)]
pub enum Reference {
    /// The mean of the accepted ones. They are of all examples of the baseline: where
    /// only some can be compared, the change over those (new minus baseline) is what
    /// the baseline's own value is taken to have changed by.
    Accepted {
        /// The metric's change since the baseline.
        change: f64,
    },
    /// The anchor: one model, which is not among the accepted ones.
    Anchor {
        /// The metric's change since the anchor.
        change: f64,
    },
}

/// Makes harm and gain what goes beyond the spread of accepted retrains.
pub fn widen(
    comparison: &mut Comparison,
    spec: &MetricSpec,
    test: &TestSpec,
    baseline: &BaselineFile,
    reference: Reference,
) {
    let identity = spec.identity();
    comparison.retrains = Some(retrained(&identity, baseline).len());
    let Some(accepted) = accepted(&identity, baseline) else {
        return;
    };
    let sign = test.direction.sign(spec.kind.better) as f64;
    let signed: Vec<f64> = accepted.iter().map(|value| sign * value).collect();
    let found = match reference {
        Reference::Accepted { change } => signed
            .last()
            .and_then(|own| one_more(own + sign * change, &signed)),
        Reference::Anchor { change } => one_from_another(sign * change, &signed),
    };
    let Some(found) = found else {
        return;
    };
    let margin = test.margin.value();
    let harmed = comparison.p_harm <= comparison.alpha_side;
    comparison.harm_without_spread = harmed && comparison.harm_exceeds_margin;
    comparison.spread = Some(found);
    comparison.p_harm = comparison.p_harm.max(found.p_harm());
    comparison.p_gain = comparison.p_gain.max(1.0 - found.p_harm());
    comparison.harm_exceeds_margin &= -found.estimate > margin;
    comparison.gain_exceeds_margin &= found.estimate > margin;
}

/// The values of a metric in the recorded retrains, one each whatever the number of
/// tests of the metric.
fn retrained(identity: &str, baseline: &BaselineFile) -> Vec<f64> {
    let retrains = baseline.retrains.iter();
    retrains
        .filter_map(|retrain| {
            let metrics = &mut retrain.metrics.iter();
            metrics.find(|metric| metric.identity == identity)
        })
        .map(|metric| metric.value)
        .collect()
}

/// The same with the baseline's own; `None` where there are too few.
fn accepted(identity: &str, baseline: &BaselineFile) -> Option<Vec<f64>> {
    let mut accepted = retrained(identity, baseline);
    if accepted.len() < FEWEST_RETRAINS {
        return None;
    }
    let own = &mut baseline.metrics.iter();
    let own = own.find(|metric| metric.identity == identity);
    accepted.extend(own.map(|metric| metric.value));
    Some(accepted)
}

/// How far one more retrain would lie from the accepted ones; `None` where there are
/// too few.
pub fn spread(spec: &MetricSpec, baseline: &BaselineFile) -> Option<Estimate> {
    let accepted = accepted(&spec.identity(), baseline)?;
    one_more(*accepted.last()?, &accepted)
}

/// Whether some metric of a case shows a gain that exceeds what the recorded retrains differ
/// by; without enough of them none does.
pub fn is_gain(case: &Case, metrics: &[MetricJudgement], baseline: &BaselineFile) -> bool {
    case.metrics().iter().zip(metrics).any(|(spec, judged)| {
        let (Some(test), Some(Verdict::Improved)) = (&spec.test, judged.verdict) else {
            return false;
        };
        let (Some(accepted), Some(comparison)) =
            (accepted(&spec.identity(), baseline), &judged.comparison)
        else {
            return false;
        };
        let sign = test.direction.sign(spec.kind.better) as f64;
        let signed: Vec<f64> = accepted.iter().map(|value| sign * value).collect();
        let own = signed.last().map(|own| own + sign * comparison.change);
        own.and_then(|own| one_more(own, &signed))
            .is_some_and(|found| 1.0 - found.p_harm() <= comparison.alpha_side)
    })
}

/// The smallest margin whose double is seen beyond that spread with the asked power.
pub fn smallest_margin(test: &Test, spread: &Estimate) -> f64 {
    let critical = t_quantile(1.0 - test.alpha, spread.degrees);
    let power = normal_quantile(test.power);
    spread.error * (0.5 * (critical + power)).max(power)
}

/// The smallest harm that is seen beyond that spread with the asked power.
pub fn smallest(test: &Test, spread: &Estimate) -> f64 {
    let critical = t_quantile(1.0 - test.alpha, spread.degrees);
    let power = normal_quantile(test.power);
    let beyond = test.margin + power * spread.error;
    ((critical + power) * spread.error).max(beyond)
}
