//! The outcomes of the case over all cells of a spec, made of the same sources as those of
//! the cells: what one example is in a cell, it is there too.

use steadfast::engine::family_cells;
use steadfast::outcome::{CORRECT, Column, LABEL, Outcomes, Per, QUANTA};
use steadfast::spec::Case;

use super::family::Plans;
use super::material::{right, values_an_example};
use super::subject::Subject;

/// The case over all cells.
pub struct Pooled {
    /// It.
    pub subject: Subject,
    /// Its columns of scores, and what they are made of.
    scores: Vec<Score>,
}

/// A score of each example that is a weighted sum over the cells.
struct Score {
    /// Its column.
    name: String,
    /// The cells' column that it is a sum of: by replicate, their mean.
    of: String,
    /// The weight of each cell, in quanta.
    weights: Vec<f64>,
}

impl Pooled {
    /// Of the case and its cells; or why it cannot be made of them.
    pub fn of(subject: Subject, cells: &[Subject]) -> Result<Self, String> {
        let cases: Vec<Case> = cells.iter().map(|cell| cell.case.clone()).collect();
        let seen = family_cells(&cases);
        let mut scores = Vec::new();
        for column in &subject.material.base.columns {
            let Some((low, high)) = column
                .spec
                .range
                .filter(|_| column.spec.per == Per::Example)
            else {
                continue;
            };
            let name = &column.spec.name;
            let mut metrics = subject.case.metrics().iter();
            let metric =
                metrics.find(|metric| metric.label == *name && metric.kind.family.is_some());
            let (of, weights) = match metric {
                None => (name.clone(), vec![1.0 / cells.len() as f64; cells.len()]),
                Some(metric) => {
                    let algorithm = steadfast::builtin::metric(metric.kind.name)
                        .ok_or_else(|| format!("nothing computes {}", metric.kind.name))?;
                    let linear = algorithm.over_cells(&seen, &metric.parameters)?;
                    let quanta = f64::from(QUANTA) / (high - low);
                    let weights = linear.right.iter().map(|weight| weight * quanta).collect();
                    (CORRECT.to_owned(), weights)
                }
            };
            if let Some(cell) = cells
                .iter()
                .find(|cell| cell.material.base.column(&of).is_none())
            {
                return Err(format!(
                    "the baseline of {} does not have the column `{of}`, which {name} is made of",
                    cell.case.name
                ));
            }
            scores.push(Score {
                name: name.clone(),
                of,
                weights,
            });
        }
        let blocks = subject.material.base.replicates;
        if cells.is_empty() || !blocks.is_multiple_of(cells.len()) {
            return Err("it has a baseline of another number of cells".to_owned());
        }
        let examples = subject.examples.count;
        if let Some(other) = cells.iter().find(|cell| cell.examples.count != examples) {
            return Err(format!(
                "its baseline has {examples} examples, and that of {} has {}",
                other.case.name, other.examples.count
            ));
        }
        Ok(Self { subject, scores })
    }

    /// The share of examples of the `harmed` cells that is harm of a size in a metric of
    /// all cells; `None`: no share is.
    pub fn share(
        &self,
        metric: &str,
        size: u32,
        harmed: &[usize],
        cells: &[Subject],
    ) -> Option<f64> {
        let (metric, test) = self
            .subject
            .tests()
            .find(|(known, _)| known.label == metric)?;
        let score = self
            .scores
            .iter()
            .find(|score| score.name == metric.label)?;
        let column = self.subject.material.base.column(&score.name)?;
        let (low, high) = column.spec.range?;
        let lost: f64 = harmed
            .iter()
            .filter_map(|&cell| {
                let right = right(&cells[cell].material.base)?;
                let mean = right.iter().map(|&right| f64::from(right)).sum::<f64>();
                Some(score.weights[cell] * mean / right.len().max(1) as f64)
            })
            .sum();
        let sign = test.direction.sign(metric.kind.better) as f64;
        let whole = sign * lost * (high - low) / f64::from(QUANTA);
        let share = f64::from(size) * test.margin.value() / whole;
        (whole > 0.0 && share <= 1.0).then_some(share)
    }

    /// The outcomes of a model whose cells have these sources.
    pub fn made(&self, cells: &[Subject], plans: &Plans) -> Outcomes {
        let base = &self.subject.material.base;
        let columns = base.columns.iter().enumerate().map(|(place, column)| {
            let score = self
                .scores
                .iter()
                .find(|score| score.name == column.spec.name);
            Column {
                spec: column.spec.clone(),
                values: match (score, column.spec.per) {
                    (Some(score), _) => score.made(column, cells, plans),
                    (None, Per::Replicate) => self.rows(place, plans),
                    (None, Per::Example) => {
                        debug_assert_eq!(column.spec.name, LABEL);
                        column.values.clone()
                    }
                },
            }
        });
        Outcomes {
            columns: columns.collect(),
            ..*base
        }
    }

    /// A column by replicate: those of an example are the cells' one after the other.
    fn rows(&self, place: usize, plans: &Plans) -> Vec<u32> {
        let material = &self.subject.material;
        let all = material.base.replicates;
        let each = all / plans.len().max(1);
        let mut values = Vec::with_capacity(material.base.examples * all);
        for example in 0..material.base.examples {
            for (cell, plan) in plans.iter().enumerate() {
                let (from, row) = material.find(plan[example], example);
                let first = row * all + cell * each;
                values.extend_from_slice(&from.columns[place].values[first..][..each]);
            }
        }
        values
    }
}

impl Score {
    /// The column of a model: the baseline's, and by how much the cells differ from theirs.
    fn made(&self, own: &Column, cells: &[Subject], plans: &Plans) -> Vec<u32> {
        let mut sums: Vec<f64> = own.values.iter().map(|&own| f64::from(own)).collect();
        for ((cell, plan), &weight) in cells.iter().zip(plans).zip(&self.weights) {
            let mean = |outcomes: &Outcomes, example: usize| {
                let Some(column) = outcomes.column(&self.of) else {
                    return 0.0;
                };
                let each = values_an_example(column, outcomes.replicates);
                let values = &column.values[example * each..][..each];
                values.iter().map(|&value| f64::from(value)).sum::<f64>() / each.max(1) as f64
            };
            if weight == 0.0 {
                continue;
            }
            for (example, (sum, &source)) in sums.iter_mut().zip(plan).enumerate() {
                let (from, row) = cell.material.find(source, example);
                *sum += weight * (mean(from, row) - mean(&cell.material.base, example));
            }
        }
        let quantum = |sum: f64| sum.round().clamp(0.0, f64::from(QUANTA)) as u32;
        sums.into_iter().map(quantum).collect()
    }
}
