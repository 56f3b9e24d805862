//! A pooled case: the outcomes of all cells of a spec side by side, as if the cells
//! were replicates of each example.

use std::sync::Arc;

use super::RunError;
use crate::outcome::{Column, Outcomes, Per};
use crate::provenance::Identity;
use crate::record::Run;

/// Joins the runs of the cells, all of the same examples.
///
/// Each example has, cell by cell, as many replicates as the cell with the most: a
/// deterministic cell's one answer counts as often as the draws of the others, so
/// that every cell has the same weight. A score kept by example is the mean over
/// the cells.
pub fn pool(identity: Identity, cells: &[Arc<Run>]) -> Result<Run, RunError> {
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
        let of_cells = cells
            .iter()
            .map(|run| {
                run.outcomes
                    .column(&column.spec.name)
                    .map(|found| (found.values.as_slice(), run.outcomes.replicates))
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| {
                RunError::Mismatch(format!(
                    "not every cell has the column `{}`",
                    column.spec.name
                ))
            })?;
        let values = match column.spec.per {
            Per::Replicate => replicates(&of_cells, examples, most),
            Per::Example => means(&of_cells, examples),
        };
        columns.push(Column {
            spec: column.spec.clone(),
            values,
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
    })
}

/// Example by example, cell by cell: the replicates, or as many copies of the one.
fn replicates(cells: &[(&[u16], usize)], examples: usize, most: usize) -> Vec<u16> {
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
fn means(cells: &[(&[u16], usize)], examples: usize) -> Vec<u16> {
    let count = cells.len() as u64;
    (0..examples)
        .map(|example| {
            let sum: u64 = cells
                .iter()
                .map(|(column, _)| u64::from(column[example]))
                .sum();
            ((sum + count / 2) / count) as u16
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cell_has_the_same_weight() {
        // A cell without draws beside one of two draws, over two examples.
        let cells: [(&[u16], usize); 2] = [(&[1, 0], 1), (&[0, 1, 1, 1], 2)];
        assert_eq!(replicates(&cells, 2, 2), [1, 1, 0, 1, 0, 0, 1, 1]);
        let scores: [(&[u16], usize); 2] = [(&[10, 3], 1), (&[13, 3], 2)];
        assert_eq!(means(&scores, 2), [12, 3]);
    }
}
