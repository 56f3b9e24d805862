//! `null = "retrain"`: is the new model worse than one more retrain of the accepted
//! pipeline would be?
//!
//! statistics.md 1.1 adds an estimated variance of the pipeline to the standard error
//! and takes it for known. With few retrains that alarms many times too often (at
//! alpha 0.0005 up to 74 times: docs/statistics.md). The rule here is exact instead:
//! the new value against the mean of the accepted ones, by Student's t; and the
//! paired test against the baseline as well, so that nothing fails that would pass
//! without.

use super::compare::Comparison;
use crate::baseline::BaselineFile;
use crate::spec::{Direction, MetricSpec, TestSpec};
use crate::stats::distribution::{normal_quantile, t_quantile};
use crate::stats::prediction::one_more;

/// Retrains without which their spread is not known: harm is then tested as if
/// `null` were `"no_harm"`.
pub const FEWEST_RETRAINS: usize = 3;

/// Makes harm and gain what goes beyond the spread of accepted retrains.
pub fn widen(
    comparison: &mut Comparison,
    spec: &MetricSpec,
    test: &TestSpec,
    baseline: &BaselineFile,
    value: f64,
) {
    let identity = spec.identity();
    // Once a retrain, whatever the number of tests of the same metric.
    let mut accepted: Vec<f64> = baseline
        .retrains
        .iter()
        .filter_map(|retrain| {
            let metrics = &mut retrain.metrics.iter();
            metrics.find(|metric| metric.identity == identity)
        })
        .map(|metric| metric.value)
        .collect();
    comparison.retrains = Some(accepted.len());
    if accepted.len() < FEWEST_RETRAINS {
        return;
    }
    let own = &mut baseline.metrics.iter();
    let own = own.find(|metric| metric.identity == identity);
    accepted.extend(own.map(|metric| metric.value));
    let sign = match test.direction {
        Direction::Higher => -1.0,
        Direction::Lower | Direction::Both => 1.0,
    };
    let signed: Vec<f64> = accepted.iter().map(|value| sign * value).collect();
    let Some(found) = one_more(sign * value, &signed) else {
        return;
    };
    let margin = test.margin.value();
    comparison.p_harm = comparison.p_harm.max(found.p_harm());
    comparison.p_gain = comparison.p_gain.max(1.0 - found.p_harm());
    comparison.harm_exceeds_margin &= -found.estimate > margin;
    comparison.gain_exceeds_margin &= found.estimate > margin;
    let critical = t_quantile(1.0 - comparison.alpha_side, found.degrees);
    let power = normal_quantile(test.power.value());
    let smallest = ((critical + power) * found.error).max(margin + power * found.error);
    comparison.detectable = comparison.detectable.map(|known| known.max(smallest));
}
