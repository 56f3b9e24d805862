//! A model that answers all wrongly: what harm takes its answers from.
//!
//! An answer that was right becomes another class, as sure of itself and with as bad a
//! score as the wrong answers that the baseline has; where it has none, as its worst.

use steadfast::catalogue::Better;
use steadfast::outcome::{
    CLASS, CONFIDENCE, CORRECT, Column, LABEL, Outcomes, PROBABILITY, Per, RANK,
};
use steadfast::record::Run;
use steadfast::seed::Stream;
use steadfast::spec::Case;

use super::material::right;

/// What the stream of these answers is keyed by.
const ALGORITHM: &str = "selftest_harm@1";

/// The share of examples that count as the worst, where none is known to be wrong.
const WORST: usize = 10;

/// The outcomes of a model that answers all wrongly.
pub fn harmed(case: &Case, run: &Run, seed: u64) -> Outcomes {
    let outcomes = &run.outcomes;
    let labels = outcomes
        .column(LABEL)
        .map_or(&[] as &[u32], |column| &column.values);
    let wrong = Wrong::of(case, outcomes, labels, seed);
    let columns = outcomes.columns.iter().map(|column| Column {
        spec: column.spec.clone(),
        values: wrong.column(column),
    });
    Outcomes {
        columns: columns.collect(),
        ..*outcomes
    }
}

/// What is known of wrong answers.
struct Wrong<'a> {
    case: &'a Case,
    outcomes: &'a Outcomes,
    labels: &'a [u32],
    seed: u64,
    replicates: usize,
    /// Which rows are right, where that is kept.
    right: Option<Vec<u32>>,
    /// The rows that are wrong.
    rows: Vec<usize>,
    /// The class that each example is taken for.
    taken_for: Vec<u32>,
}

impl<'a> Wrong<'a> {
    fn of(case: &'a Case, outcomes: &'a Outcomes, labels: &'a [u32], seed: u64) -> Self {
        let right = right(outcomes);
        let rows = right.iter().flatten().enumerate();
        let rows = rows
            .filter(|(_, right)| **right == 0)
            .map(|(row, _)| row)
            .collect();
        let wrong = Self {
            case,
            outcomes,
            labels,
            seed,
            replicates: outcomes.replicates.max(1),
            right,
            rows,
            taken_for: Vec::new(),
        };
        Self {
            taken_for: wrong.confusions(),
            ..wrong
        }
    }

    fn stream(&self, use_of: &str) -> Stream {
        Stream::new(
            self.seed,
            ALGORITHM,
            0,
            &format!("{} {use_of}", self.case.name),
        )
    }

    /// For each example a class that others of its class are taken for, else any other.
    fn confusions(&self) -> Vec<u32> {
        let predicted = self.outcomes.column(CLASS).map(|column| &column.values);
        let largest = self.labels.iter().chain(predicted.into_iter().flatten());
        let classes = largest
            .max()
            .map_or(0, |&largest| largest as usize + 1)
            .max(2);
        let mut known: Vec<Vec<u32>> = vec![Vec::new(); classes];
        for &row in &self.rows {
            if let Some(&class) = predicted.and_then(|classes| classes.get(row)) {
                known[self.labels[row / self.replicates] as usize].push(class);
            }
        }
        let mut stream = self.stream(CLASS);
        let labels = self.labels.iter();
        labels
            .map(|&label| match picked(&known[label as usize], &mut stream) {
                Some(class) => class,
                None => {
                    let other = stream.below(classes as u64 - 1) as u32;
                    other + u32::from(other >= label)
                }
            })
            .collect()
    }

    fn is_right(&self, row: usize) -> bool {
        self.right.as_ref().is_none_or(|right| right[row] != 0)
    }

    /// A column where every answer is wrong.
    fn column(&self, column: &Column) -> Vec<u32> {
        let name = column.spec.name.as_str();
        let own = &column.values;
        let row_by_row = |value: &mut dyn FnMut(usize, u32) -> u32| -> Vec<u32> {
            let rows = own.iter().enumerate();
            rows.map(|(row, &own)| {
                if self.is_right(row) {
                    value(row, own)
                } else {
                    own
                }
            })
            .collect()
        };
        let mut stream = self.stream(name);
        let class_after = |prefix: &str| name.strip_prefix(prefix)?.parse::<u32>().ok();
        match name {
            CORRECT => vec![0; own.len()],
            CLASS => row_by_row(&mut |row, _| self.taken_for[row / self.replicates]),
            CONFIDENCE => row_by_row(&mut |_, own| {
                picked(&self.rows, &mut stream).map_or(own, |row| column.values[row])
            }),
            _ if let Some(class) = class_after(PROBABILITY) => {
                row_by_row(&mut |row, own| self.exchanged(class, row, own))
            }
            _ if let Some(class) = class_after(RANK) => self.ranks(class, own, &mut stream),
            _ if column.spec.per == Per::Example && column.spec.range.is_some() => {
                self.scores(name, own, &mut stream)
            }
            _ => own.clone(),
        }
    }

    /// A probability where that of the label and that of the class that it is taken for
    /// are exchanged.
    fn exchanged(&self, class: u32, row: usize, own: u32) -> u32 {
        let example = row / self.replicates;
        let of = |class: u32| {
            let column = self.outcomes.column(&format!("{PROBABILITY}{class}"));
            column.and_then(|column| column.values.get(row)).copied()
        };
        let (label, other) = (self.labels[example], self.taken_for[example]);
        if class == label {
            of(other).unwrap_or(own)
        } else if class == other {
            of(label).unwrap_or(own)
        } else {
            own
        }
    }

    /// Ranks where examples of a class stand where those of the others stood, and these
    /// where those did.
    fn ranks(&self, class: u32, own: &[u32], stream: &mut Stream) -> Vec<u32> {
        let is_of = |row: usize| self.labels[row / self.replicates] == class;
        let (of, others): (Vec<usize>, Vec<usize>) = (0..own.len()).partition(|&row| is_of(row));
        let rank = |row: usize| {
            let from = if is_of(row) { &others } else { &of };
            picked(from, stream).map_or(own[row], |row| own[row])
        };
        (0..own.len()).map(rank).collect()
    }

    /// Scores as bad as those of examples that are wrong.
    fn scores(&self, name: &str, own: &[u32], stream: &mut Stream) -> Vec<u32> {
        let metrics = self.case.metrics().iter();
        let better = metrics
            .clone()
            .find(|metric| metric.label == name)
            .map_or(Better::Lower, |metric| metric.kind.better);
        let worse = |one: u32, other: u32| match better {
            Better::Higher => one.min(other),
            Better::Lower => one.max(other),
        };
        let all_wrong = |example: &usize| {
            self.right.as_ref().is_some_and(|right| {
                let rows = &right[example * self.replicates..][..self.replicates];
                rows.iter().all(|&right| right == 0)
            })
        };
        let mut bad: Vec<usize> = (0..own.len()).filter(all_wrong).collect();
        let is_bad: Vec<bool> = (0..own.len()).map(|example| all_wrong(&example)).collect();
        if bad.is_empty() {
            bad = (0..own.len()).collect();
            bad.sort_by_key(|&example| match better {
                Better::Higher => i64::from(own[example]),
                Better::Lower => -i64::from(own[example]),
            });
            bad.truncate(own.len().div_ceil(WORST));
        }
        let score = |example: usize| match picked(&bad, stream) {
            Some(from) if !is_bad[example] => worse(own[example], own[from]),
            _ => own[example],
        };
        (0..own.len()).map(score).collect()
    }
}

/// One of them at random; `None` where there is none.
fn picked<T: Copy>(of: &[T], stream: &mut Stream) -> Option<T> {
    of.get(stream.below(of.len() as u64) as usize).copied()
}
