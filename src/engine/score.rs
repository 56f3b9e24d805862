//! Answers become outcomes: probabilities, the predicted class, the columns that
//! the metrics ask for.

use std::sync::Arc;

use ndarray::{Array2, ArrayView1};

use super::batch::Plan;
use super::{RunError, Scores};
use crate::data::Dataset;
use crate::metric::Prediction;
use crate::model::Gives;
use crate::outcome::{
    CLASS, CONFIDENCE, CORRECT, Column, ColumnSpec, Outcomes, PROBABILITY, Per, RANK,
};

/// How far from one the probabilities of an answer may sum.
const TOLERANCE: f64 = 1e-3;

/// Turns answers into scores.
pub struct Scorer<'a> {
    /// What the answers are.
    pub gives: Gives,
    /// The true classes.
    pub labels: &'a [usize],
    /// What is asked for.
    pub scores: &'a Scores,
}

/// The scores of one batch: one list a column, in the columns' order.
pub struct Scored {
    columns: Vec<Vec<f64>>,
}

impl Scorer<'_> {
    /// Scores the answers to a batch.
    pub fn score(
        &self,
        plan: &Plan<'_>,
        batch: usize,
        answers: &Array2<f32>,
    ) -> Result<Scored, RunError> {
        let rows = plan.rows(batch);
        let mut columns = vec![Vec::with_capacity(rows.len()); self.scores.columns.len()];
        let mut probabilities = Vec::new();
        for (answer, row) in answers.rows().into_iter().zip(rows) {
            let fail = |reason: String| RunError::Answer {
                place: plan.words(row),
                reason,
            };
            self.probabilities(answer, &mut probabilities)
                .map_err(&fail)?;
            let (example, _) = plan.place(row);
            let label = self.labels[example];
            if label >= probabilities.len() {
                plan.data
                    .check_labels(probabilities.len())
                    .map_err(Arc::new)?;
            }
            if probabilities.len() > usize::from(u16::MAX) {
                return Err(fail(format!(
                    "the model answers with {} classes; at most 65,535 are kept",
                    probabilities.len()
                )));
            }
            for (label, (metric, parameters)) in &self.scores.metrics {
                metric
                    .check(probabilities.len(), parameters)
                    .map_err(|reason| fail(format!("[[metric]] `{label}`: {reason}")))?;
            }
            let class = first_largest(&probabilities);
            let prediction = Prediction {
                label,
                class,
                probabilities: &probabilities,
            };
            for ((spec, scorer), values) in self.scores.columns.iter().zip(&mut columns) {
                values.push(match (spec.name.as_str(), scorer) {
                    (_, Some((metric, parameters))) => metric.score(&prediction, parameters),
                    (CORRECT, None) => f64::from(u8::from(class == label)),
                    (CLASS, None) => class as f64,
                    (CONFIDENCE, None) => probabilities[class],
                    (other, None) if let Some(of) = class_of(PROBABILITY, other) => {
                        probabilities[of]
                    }
                    (other, None) if let Some(of) = class_of(RANK, other) => {
                        self.ranking_score(answer, of, &probabilities)
                    }
                    (other, None) => {
                        return Err(fail(format!("no metric fills the column `{other}`")));
                    }
                });
            }
        }
        Ok(Scored { columns })
    }

    /// What ranks examples by a class: of logits its log odds, which do not round to 0 or 1
    /// as probabilities do.
    fn ranking_score(&self, answer: ArrayView1<'_, f32>, class: usize, of: &[f64]) -> f64 {
        if self.gives != Gives::Logits {
            return of[class];
        }
        let others = || {
            let others = answer.iter().enumerate();
            others
                .filter(|(other, _)| *other != class)
                .map(|(_, &logit)| f64::from(logit))
        };
        let largest = others().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = others().map(|logit| libm::exp(logit - largest)).sum();
        f64::from(answer[class]) - largest - libm::log(sum)
    }

    /// The probabilities that an answer stands for.
    fn probabilities(
        &self,
        answer: ArrayView1<'_, f32>,
        into: &mut Vec<f64>,
    ) -> Result<(), String> {
        into.clear();
        if let Some((class, value)) = answer
            .iter()
            .enumerate()
            .find(|(_, value)| !value.is_finite())
        {
            return Err(format!(
                "the model answered {value} (class {class}): its outputs must be finite"
            ));
        }
        match self.gives {
            Gives::Logits => {
                if answer.len() < 2 {
                    return Err("the model answered one logit; two classes or more are needed (for one number, give positive_probability)".to_owned());
                }
                // Softmax, shifted by the largest logit so that nothing overflows.
                let largest = answer.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                into.extend(
                    answer
                        .iter()
                        .map(|&logit| libm::exp(f64::from(logit) - f64::from(largest))),
                );
                let sum: f64 = into.iter().sum();
                into.iter_mut().for_each(|value| *value /= sum);
            }
            Gives::Probabilities => {
                into.extend(answer.iter().map(|&value| f64::from(value)));
                let sum: f64 = into.iter().sum();
                if answer.len() < 2
                    || (sum - 1.0).abs() > TOLERANCE
                    || into.iter().any(|&value| value < -TOLERANCE)
                {
                    return Err(format!(
                        "the model answered {} numbers that sum to {sum:.4}, and [model] gives = \"probabilities\". Are they logits?",
                        answer.len()
                    ));
                }
                into.iter_mut()
                    .for_each(|value| *value = value.clamp(0.0, 1.0));
            }
            Gives::PositiveProbability => {
                let [positive] = answer.as_slice().unwrap_or(&[]) else {
                    return Err(format!(
                        "the model answered {} numbers, and [model] gives = \"positive_probability\" means one",
                        answer.len()
                    ));
                };
                let positive = f64::from(*positive);
                if !(-TOLERANCE..=1.0 + TOLERANCE).contains(&positive) {
                    return Err(format!(
                        "the model answered {positive}, which is no probability. Is it a logit?"
                    ));
                }
                let positive = positive.clamp(0.0, 1.0);
                into.extend([1.0 - positive, positive]);
            }
        }
        Ok(())
    }
}

/// The class that a column of such names is of.
fn class_of(names: &str, column: &str) -> Option<usize> {
    column.strip_prefix(names)?.parse().ok()
}

/// The rank of each score among the distinct ones, from 0.
pub fn ranks(scores: &[f64]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&one, &other| scores[one].total_cmp(&scores[other]));
    let mut ranks = vec![0; scores.len()];
    let ties = order.chunk_by(|&one, &other| scores[one] == scores[other]);
    for (rank, ties) in ties.enumerate() {
        for &row in ties {
            ranks[row] = rank as u32;
        }
    }
    ranks
}

/// The first class of the largest probability.
fn first_largest(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, &probability) in probabilities.iter().enumerate() {
        if probability > probabilities[best] {
            best = class;
        }
    }
    best
}

/// What the columns of ranks are of, by name.
pub type Ranked = Vec<(String, Vec<f64>)>;

/// Puts the batches together, in order, and adds the labels.
pub fn collect(
    scores: &Scores,
    batches: Vec<Scored>,
    data: &Dataset,
    replicates: usize,
) -> Result<(Outcomes, Ranked), RunError> {
    let rows = data.len() * replicates;
    let mut all: Vec<Vec<f64>> = vec![Vec::with_capacity(rows); scores.columns.len()];
    for batch in batches {
        for (column, mut values) in all.iter_mut().zip(batch.columns) {
            column.append(&mut values);
        }
    }
    let (mut columns, mut ranked) = (Vec::new(), Vec::new());
    for ((spec, _), values) in scores.columns.iter().zip(all) {
        if values.len() != rows {
            return Err(RunError::Mismatch(format!(
                "{} of {rows} rows were answered",
                values.len()
            )));
        }
        let values: Vec<u32> = match (spec.per, spec.range) {
            (Per::Replicate, None) if spec.name.starts_with(RANK) => {
                let found = ranks(&values);
                ranked.push((spec.name.clone(), values));
                found
            }
            (Per::Replicate, None) => values.into_iter().map(|value| value as u32).collect(),
            (Per::Replicate, Some(_)) => values
                .into_iter()
                .map(|value| spec.quantise(value))
                .collect(),
            // The mean of the replicates is taken before rounding, in their order.
            (Per::Example, _) => values
                .chunks(replicates)
                .map(|scores| spec.quantise(scores.iter().sum::<f64>() / replicates as f64))
                .collect(),
        };
        columns.push(Column {
            spec: spec.clone(),
            values,
        });
    }
    let labels = data.labels().iter().map(|&label| label as u32).collect();
    columns.push(Column {
        spec: ColumnSpec::label(),
        values: labels,
    });
    let outcomes = Outcomes {
        examples: data.len(),
        replicates,
        columns,
    };
    Ok((outcomes, ranked))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::arr1;

    fn scorer<'a>(gives: Gives, scores: &'a Scores) -> Scorer<'a> {
        Scorer {
            gives,
            labels: &[],
            scores,
        }
    }

    static NONE: Scores = Scores {
        columns: Vec::new(),
        metrics: Vec::new(),
    };

    #[test]
    fn equal_scores_have_one_rank() {
        assert_eq!(ranks(&[0.5, -1.0, 0.5, 7.0, -0.0, 0.0]), [2, 0, 2, 3, 1, 1]);
        assert_eq!(ranks(&[]), [0_u32; 0]);
    }

    /// Of three logits the log odds of class 1: log(p / (1 − p)) of its softmax.
    #[test]
    fn a_logit_is_ranked_by_its_log_odds() {
        let scorer = scorer(Gives::Logits, &NONE);
        let answer = arr1(&[0.5_f32, 2.0, -1.0]);
        let odds = 2.0_f64.exp() / (0.5_f64.exp() + (-1.0_f64).exp());
        let found = scorer.ranking_score(answer.view(), 1, &[]);
        assert!((found - odds.ln()).abs() < 1e-12, "{found}");
        // Probabilities as they are.
        let given = self::scorer(Gives::Probabilities, &NONE);
        assert_eq!(given.ranking_score(answer.view(), 1, &[0.3, 0.6, 0.1]), 0.6);
    }

    /// Logits that are shifted or scaled alike, and so far that every probability is 0 or 1,
    /// are the same ranking.
    #[test]
    fn scores_that_are_scaled_rank_alike() {
        let logits = [-9.0_f32, -8.5, 0.0, 0.25, 60.0, 61.0, 300.0];
        let of = |scale: f32, shift: f32| {
            let scorer = scorer(Gives::Logits, &NONE);
            let score = |&logit: &f32| {
                let answer = arr1(&[shift, scale * logit + shift]);
                scorer.ranking_score(answer.view(), 1, &[])
            };
            ranks(&logits.iter().map(score).collect::<Vec<_>>())
        };
        assert_eq!(of(1.0, 0.0), [0, 1, 2, 3, 4, 5, 6]);
        assert_eq!(of(7.0, 3.0), of(1.0, 0.0));
        assert_eq!(of(0.01, -2.0), of(1.0, 0.0));
    }
}
