//! What the outcomes of a simulated model are made of: example by example those of the
//! baseline, of another example, of a recorded retrain, or of a model that is all wrong.

use steadfast::outcome::{Column, LABEL, Outcomes, Per};

/// Where a simulated model takes its answers to one example from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The baseline's own.
    Own,
    /// Those that the baseline gives to another example.
    Example(usize),
    /// Those of a recorded retrain.
    Recorded(usize),
    /// Those of a model that answers all wrongly.
    Harmed,
}

/// The outcomes that those of simulated models are taken from, all with the same columns.
pub struct Material {
    /// The baseline's.
    pub base: Outcomes,
    /// Those of recorded retrains.
    pub recorded: Vec<Outcomes>,
    /// Those of a model that answers all wrongly.
    pub harmed: Outcomes,
}

impl Material {
    /// The outcomes of a model that takes each example from its source.
    pub fn made(&self, plan: &[Source]) -> Outcomes {
        let columns = self.base.columns.iter().enumerate().map(|(place, column)| {
            let each = values_an_example(column, self.base.replicates);
            let mut values = Vec::with_capacity(column.values.len());
            for (example, &source) in plan.iter().enumerate() {
                let (from, row) = self.find(source, example);
                values.extend_from_slice(&from.columns[place].values[row * each..][..each]);
            }
            Column {
                spec: column.spec.clone(),
                values,
            }
        });
        Outcomes {
            columns: columns.collect(),
            ..self.base
        }
    }

    /// The outcomes, and the example in them, that a source means.
    pub fn find(&self, source: Source, example: usize) -> (&Outcomes, usize) {
        match source {
            Source::Own => (&self.base, example),
            Source::Example(other) => (&self.base, other),
            Source::Recorded(retrain) => (&self.recorded[retrain], example),
            Source::Harmed => (&self.harmed, example),
        }
    }
}

/// How many values of a column an example has.
pub fn values_an_example(column: &Column, replicates: usize) -> usize {
    match column.spec.per {
        Per::Replicate => replicates,
        Per::Example => 1,
    }
}

/// Which rows are right, by replicate; `None` where the outcomes do not say it.
pub fn right(outcomes: &Outcomes) -> Option<Vec<u32>> {
    use steadfast::outcome::{CLASS, CORRECT};
    if let Some(column) = outcomes.column(CORRECT) {
        return Some(column.values.clone());
    }
    let labels = &outcomes.column(LABEL)?.values;
    let classes = outcomes.column(CLASS)?.values.iter().enumerate();
    let each = outcomes.replicates.max(1);
    Some(
        classes
            .map(|(row, class)| u32::from(labels.get(row / each) == Some(class)))
            .collect(),
    )
}

#[cfg(test)]
pub mod testing {
    //! Outcomes by hand.

    use super::*;
    use steadfast::outcome::ColumnSpec;

    /// Right and wrong of `replicates` rows an example, all of class 0.
    pub fn outcomes(correct: &[u32], replicates: usize) -> Outcomes {
        let examples = correct.len() / replicates;
        Outcomes {
            examples,
            replicates,
            columns: vec![
                Column {
                    spec: ColumnSpec::correct(),
                    values: correct.to_vec(),
                },
                Column {
                    spec: ColumnSpec::label(),
                    values: vec![0; examples],
                },
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::outcomes;
    use super::*;

    #[test]
    fn each_example_comes_from_its_source() {
        let material = Material {
            base: outcomes(&[1, 1, 0, 0, 1, 0], 2),
            recorded: vec![outcomes(&[0, 0, 1, 1, 0, 1], 2)],
            harmed: outcomes(&[0; 6], 2),
        };
        let made = |plan: [Source; 3]| material.made(&plan).columns[0].values.clone();
        assert_eq!(made([Source::Own; 3]), [1, 1, 0, 0, 1, 0]);
        assert_eq!(
            made([Source::Harmed, Source::Recorded(0), Source::Example(0)]),
            [0, 0, 1, 1, 1, 1]
        );
    }
}
