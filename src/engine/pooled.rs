//! A pooled case: the outcomes of all cells of a spec side by side, as if the cells
//! were replicates of each example; and the scores of each example in all of them
//! together, for the metrics of the whole family.

use std::sync::Arc;

use super::score::ranks;
use super::{RunError, metric};
use crate::metric::family::{FamilyCell, Linear};
use crate::outcome::{CLASS, CORRECT, Column, ColumnSpec, LABEL, Outcomes, Per};
use crate::provenance::Identity;
use crate::record::Run;
use crate::spec::{Case, Setting};

/// The columns of a pooled case.
pub struct Wanted {
    /// Those that are joined from the cells, by name.
    joined: Vec<String>,
    /// Those that are made of the right answers in all cells, and how.
    family: Vec<(ColumnSpec, Linear)>,
}

impl Wanted {
    /// What `case` asks for. Known before any cell is run.
    pub fn of(case: &Case, cells: &[Case]) -> Result<Self, RunError> {
        let mut joined = vec![LABEL.to_owned(), CLASS.to_owned()];
        if case.spec.critical.is_some() {
            joined.push(CORRECT.to_owned());
        }
        let mut seen: Option<Vec<FamilyCell>> = None;
        let mut family = Vec::new();
        for spec in case.metrics() {
            let algorithm = metric(spec)?;
            let columns = algorithm.columns(&spec.label, &spec.parameters);
            if spec.kind.family.is_none() {
                joined.extend(columns.into_iter().map(|column| column.name));
                continue;
            }
            let cells = match &mut seen {
                Some(cells) => cells,
                none => none.insert(family_cells(cells)),
            };
            let linear = algorithm
                .over_cells(cells, &spec.parameters)
                .map_err(|reason| {
                    RunError::Mismatch(format!("[[metric]] `{}`: {reason}", spec.label))
                })?;
            family.extend(columns.into_iter().map(|column| (column, linear.clone())));
        }
        Ok(Self { joined, family })
    }
}

/// The cells as the metrics of a family see them.
pub fn family_cells(cells: &[Case]) -> Vec<FamilyCell> {
    let mut seen = Vec::new();
    for case in cells {
        let Some((entry, setting)) = case.cell() else {
            continue;
        };
        let same = |other: &crate::spec::PerturbationSpec| std::ptr::eq(other, entry);
        let number = case.spec.perturbations.iter().position(same);
        seen.push(FamilyCell {
            entry: number.unwrap_or(0),
            kind: entry.kind.kind(),
            severity: match setting {
                Setting::Severity(severity) => Some(severity.value()),
                _ => None,
            },
        });
    }
    seen
}

/// Joins the runs of the cells, all of the same examples.
///
/// Each example has, cell by cell, as many replicates as the cell with the most: a
/// deterministic cell's one answer counts as often as the draws of the others, so
/// that every cell has the same weight. A score kept by example is the mean over
/// the cells.
pub fn pool(identity: Identity, wanted: &Wanted, cells: &[Arc<Run>]) -> Result<Run, RunError> {
    let Some(first) = cells.first() else {
        return Err(RunError::Mismatch("there is no cell to pool".to_owned()));
    };
    let examples = first.outcomes.examples;
    let most = cells
        .iter()
        .map(|run| run.outcomes.replicates)
        .max()
        .unwrap_or(1);
    let mut columns = Vec::new();
    for column in &first.outcomes.columns {
        if !wanted.joined.contains(&column.spec.name) {
            continue;
        }
        let of_cells = of_cells(cells, &column.spec.name)?;
        let ranked = cells.iter().map(|run| {
            let (_, scores) = run
                .ranked
                .iter()
                .find(|(name, _)| *name == column.spec.name)?;
            Some((scores.as_slice(), run.outcomes.replicates))
        });
        let values = match column.spec.per {
            // Ranks of one cell say nothing beside those of another: the scores do.
            Per::Replicate if let Some(scores) = ranked.collect::<Option<Vec<_>>>() => {
                ranks(&replicates(&scores, examples, most))
            }
            Per::Replicate => replicates(&of_cells, examples, most),
            Per::Example => means(&of_cells, examples),
        };
        columns.push(Column {
            spec: column.spec.clone(),
            values,
        });
    }
    for (spec, linear) in &wanted.family {
        columns.push(Column {
            values: scores(&of_cells(cells, CORRECT)?, examples, linear)
                .map(|score| spec.quantise(score))
                .collect(),
            spec: spec.clone(),
        });
    }
    Ok(Run {
        identity,
        outcomes: Outcomes {
            examples,
            replicates: most * cells.len(),
            columns,
        },
        ids: first.ids.clone(),
        clusters: first.clusters.clone(),
        slices: first.slices.clone(),
        ranked: Vec::new(),
    })
}

/// A column of each cell, with its number of replicates.
fn of_cells<'a>(cells: &'a [Arc<Run>], name: &str) -> Result<Vec<(&'a [u32], usize)>, RunError> {
    cells
        .iter()
        .map(|run| {
            run.outcomes
                .column(name)
                .map(|found| (found.values.as_slice(), run.outcomes.replicates))
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| RunError::Mismatch(format!("not every cell has the column `{name}`")))
}

/// Example by example: what the shares of right answers in each cell amount to.
fn scores<'a>(
    cells: &'a [(&'a [u32], usize)],
    examples: usize,
    linear: &'a Linear,
) -> impl Iterator<Item = f64> + 'a {
    (0..examples).map(move |example| {
        linear.value(cells.iter().map(|&(correct, replicates)| {
            let own = &correct[example * replicates..(example + 1) * replicates];
            let right: u32 = own.iter().sum();
            f64::from(right) / replicates as f64
        }))
    })
}

/// Example by example, cell by cell: the replicates, or as many copies of the one.
fn replicates<T: Copy>(cells: &[(&[T], usize)], examples: usize, most: usize) -> Vec<T> {
    let mut values = Vec::with_capacity(examples * cells.len() * most);
    for example in 0..examples {
        for &(column, replicates) in cells {
            let own = &column[example * replicates..(example + 1) * replicates];
            values.extend(own.iter().cycle().take(most));
        }
    }
    values
}

/// Example by example: the mean over the cells, to the nearest.
fn means(cells: &[(&[u32], usize)], examples: usize) -> Vec<u32> {
    let count = cells.len() as u64;
    (0..examples)
        .map(|example| {
            let sum: u64 = cells
                .iter()
                .map(|(column, _)| u64::from(column[example]))
                .sum();
            ((sum + count / 2) / count) as u32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_the_same_weight() {
        // A cell without draws beside one of two draws, over two examples.
        let cells: [(&[u32], usize); 2] = [(&[1, 0], 1), (&[0, 1, 1, 1], 2)];
        assert_eq!(replicates(&cells, 2, 2), [1, 1, 0, 1, 0, 0, 1, 1]);
        let scores: [(&[u32], usize); 2] = [(&[10, 3], 1), (&[13, 3], 2)];
        assert_eq!(means(&scores, 2), [12, 3]);
    }

    /// A rank of one cell is no rank among those of another: the scores are.
    #[test]
    fn ranks_are_of_the_scores_in_all_cells() {
        let cell = |scores: &[f64]| {
            let column = Column {
                spec: ColumnSpec::rank(1),
                values: ranks(scores),
            };
            Arc::new(Run {
                identity: Identity::of_nothing(),
                outcomes: Outcomes {
                    examples: 2,
                    replicates: scores.len() / 2,
                    columns: vec![column],
                },
                ids: None,
                clusters: None,
                slices: None,
                ranked: vec![("rank_1".to_owned(), scores.to_vec())],
            })
        };
        let wanted = Wanted {
            joined: vec!["rank_1".to_owned()],
            family: Vec::new(),
        };
        // One draw beside two, over two examples.
        let cells = [cell(&[5.0, 7.0]), cell(&[6.0, 5.0, 1.0, 8.0])];
        let found = pool(cells[0].identity.clone(), &wanted, &cells).unwrap();
        let scores = [5.0, 5.0, 6.0, 5.0, 7.0, 7.0, 1.0, 8.0];
        assert_eq!(found.outcomes.columns[0].values, ranks(&scores));
    }

    #[test]
    fn draws_are_averaged_within_a_cell() {
        // Half of the draws of the second cell are right, for the first example.
        let cells: [(&[u32], usize); 2] = [(&[1, 0], 1), (&[0, 1, 1, 1], 2)];
        let linear = Linear {
            constant: 1.0,
            right: vec![-0.25, -0.5],
        };
        let scores: Vec<f64> = super::scores(&cells, 2, &linear).collect();
        assert_eq!(scores, [0.5, 0.5]);
    }
}
