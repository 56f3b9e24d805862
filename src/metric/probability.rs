//! Proper scores of the predicted probabilities: negative log likelihood and
//! Brier score, each the mean of a score an example.

use super::{Form, Metric, Prediction};
use crate::catalogue::{Better, MetricKind, Parameter, Parameters};
use crate::outcome::{ColumnSpec, QUANTA};

/// −ln(10⁻³): the largest negative log likelihood at the default clip.
const LARGEST: f64 = 6.907_755_278_982_137;

/// The catalogue's entry.
pub static NEGATIVE_LOG_LIKELIHOOD: MetricKind = MetricKind {
    name: "negative_log_likelihood",
    version: 1,
    about: "The mean of −ln p of the true class, with p no smaller than `clip`: unbounded losses have no valid test.",
    source: "Good 1952; clipping: statistics.md 2.2 after Bahadur & Savage 1956",
    better: Better::Lower,
    range: (0.0, LARGEST),
    has_limits: true,
    needs_slices: false,
    family: None,
    parameters: &[Parameter {
        name: "clip",
        about: "The smallest probability that is told apart.",
        minimum: 1e-6,
        maximum: 0.1,
        integer: false,
        default: Some(1e-3),
    }],
};

/// The catalogue's entry.
pub static BRIER_SCORE: MetricKind = MetricKind {
    name: "brier_score",
    version: 1,
    about: "The mean squared distance of the probabilities from the true class, summed over all classes: 0 to 2 (for two classes, twice the score of the positive class alone).",
    source: "Brier 1950",
    better: Better::Lower,
    range: (0.0, 2.0),
    has_limits: true,
    needs_slices: false,
    family: None,
    parameters: &[],
};

/// See the module.
pub struct NegativeLogLikelihood;

impl Metric for NegativeLogLikelihood {
    fn kind(&self) -> &'static MetricKind {
        &NEGATIVE_LOG_LIKELIHOOD
    }

    fn form(&self) -> Form {
        Form::Mean
    }

    fn columns(&self, label: &str, parameters: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::score(label, (0.0, largest(parameters)))]
    }

    fn score(&self, prediction: &Prediction<'_>, parameters: &Parameters) -> f64 {
        let probability = prediction
            .probabilities
            .get(prediction.label)
            .copied()
            .unwrap_or(0.0);
        -libm::log(probability.max(parameters.get("clip")))
    }

    fn value(&self, sums: &[i64], rows: usize, parameters: &Parameters) -> f64 {
        mean_of_quanta(sums[0], rows) * largest(parameters)
    }
}

fn largest(parameters: &Parameters) -> f64 {
    let clip = parameters.get("clip");
    if clip == 1e-3 {
        LARGEST
    } else {
        -libm::log(clip)
    }
}

/// See the module.
pub struct BrierScore;

impl Metric for BrierScore {
    fn kind(&self) -> &'static MetricKind {
        &BRIER_SCORE
    }

    fn form(&self) -> Form {
        Form::Mean
    }

    fn columns(&self, label: &str, _: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::score(label, BRIER_SCORE.range)]
    }

    fn score(&self, prediction: &Prediction<'_>, _: &Parameters) -> f64 {
        prediction
            .probabilities
            .iter()
            .enumerate()
            .map(|(class, &probability)| {
                let truth = f64::from(u8::from(class == prediction.label));
                (probability - truth) * (probability - truth)
            })
            .sum()
    }

    fn value(&self, sums: &[i64], rows: usize, _: &Parameters) -> f64 {
        mean_of_quanta(sums[0], rows) * BRIER_SCORE.range.1
    }
}

/// The mean of a score over `rows` rows, as a share of its range.
pub(super) fn mean_of_quanta(sum: i64, rows: usize) -> f64 {
    sum as f64 / (rows.max(1) as f64 * f64::from(QUANTA))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(value: f64) -> Parameters {
        Parameters(vec![("clip".to_owned(), value)])
    }

    #[test]
    fn closed_forms() {
        let prediction = Prediction {
            label: 1,
            class: 0,
            probabilities: &[0.5, 0.25, 0.25],
        };
        // −ln 1/4 = 2 ln 2; 0.25 + 0.5625 + 0.0625.
        let loss = NegativeLogLikelihood.score(&prediction, &clip(1e-3));
        assert!((loss - 2.0 * std::f64::consts::LN_2).abs() < 1e-12);
        assert!((BrierScore.score(&prediction, &Parameters::default()) - 0.875).abs() < 1e-12);
    }

    #[test]
    fn a_hopeless_prediction_costs_the_largest_loss() {
        let prediction = Prediction {
            label: 1,
            class: 0,
            probabilities: &[1.0, 0.0],
        };
        for value in [1e-3, 0.05] {
            let loss = NegativeLogLikelihood.score(&prediction, &clip(value));
            let column = &NegativeLogLikelihood.columns("x", &clip(value))[0];
            assert_eq!(column.quantise(loss), QUANTA);
        }
        assert_eq!(BrierScore.score(&prediction, &Parameters::default()), 2.0);
    }
}
