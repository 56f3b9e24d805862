//! Rows that changed since a baseline (statistics.md II.3): what both runs have is compared
//! by the baseline's own labels, clusters and slices, and rows that are gone are counted
//! against the new run as well.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::baseline::{BaselineFile, Common, ENOUGH, is_enough};
use crate::outcome::{CLASS, CLUSTER, CORRECT, Column, LABEL, Outcomes, Per, QUANTA, RANK, SLICE};
use crate::record::{Run, Slices};

/// An accepted run beside the rows of this one that are the same examples.
pub struct Rows<'a> {
    /// The accepted outcomes.
    pub old: Outcomes,
    /// The new ones, by the labels, clusters and slices of the old.
    pub new: Cow<'a, Run>,
    /// Rows of the accepted run that the new one does not have, with their outcomes;
    /// positions in the baseline.
    pub vanished: Vec<usize>,
    /// What a bless without them would let go of; `None`: nothing.
    pub dropped: Option<Dropped>,
    /// All rows of the accepted run, where some are gone.
    all: Option<Outcomes>,
    /// Where the rows of `new` stand in the run.
    places: Option<Vec<usize>>,
}

/// Examples of a baseline that are gone, or whose input or label is another.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropped {
    /// Their ids.
    pub ids: Vec<String>,
    /// How many were right; `None`: that is not kept.
    pub right: Option<usize>,
    /// Examples of the baseline.
    pub of: usize,
}

impl Dropped {
    /// What a bless without these `rows` of a baseline, whose `outcomes` are these, would let
    /// go of; `None`: nothing.
    pub(super) fn of(
        file: &BaselineFile,
        outcomes: Option<&Outcomes>,
        rows: &[usize],
    ) -> Option<Self> {
        let seen = file.examples.as_ref();
        let id = |&row: &usize| seen.map_or(row.to_string(), |seen| seen.id(row));
        let right = |outcomes: &Outcomes| -> Option<usize> {
            let each = outcomes.replicates.max(1);
            let correct = &outcomes.column(CORRECT)?.values;
            let of = rows
                .iter()
                .filter_map(|&row| correct.get(row * each..(row + 1) * each));
            let right: u32 = of.flatten().sum();
            Some((f64::from(right) / each as f64).round() as usize)
        };
        (!rows.is_empty()).then(|| Self {
            ids: rows.iter().map(id).collect(),
            right: outcomes.and_then(right),
            of: file.counts.n,
        })
    }

    /// The first ids, at most so many.
    pub fn listed(&self, most: usize) -> String {
        let first = self.ids[..self.ids.len().min(most)].join(", ");
        let more = if self.ids.len() > most { ", …" } else { "" };
        format!("{first}{more}")
    }

    /// The share of the baseline's examples that were right, and are let go of.
    pub fn share(&self) -> f64 {
        self.right.unwrap_or(self.ids.len()) as f64 / self.of.max(1) as f64
    }

    /// In words.
    pub fn words(&self) -> String {
        let all = self.ids.len();
        let (examples, are) = match all {
            1 => ("1 example".to_owned(), "is"),
            all => (format!("{all} examples"), "are"),
        };
        let right = self.right.map_or(String::new(), |right| {
            format!(
                ", of which {right} {} right",
                if right == 1 { "was" } else { "were" }
            )
        });
        format!(
            "{examples} of the baseline's {} {are} gone or changed{right}",
            self.of
        )
    }
}

/// How rows that are gone are counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum As {
    /// As wrong in every replicate, with the lowest score.
    Lowest,
    /// As right, with the highest score.
    Highest,
}

impl<'a> Rows<'a> {
    /// Of a run of the very same data.
    pub fn same(old: Outcomes, run: &'a Run) -> Self {
        Self {
            old,
            new: Cow::Borrowed(run),
            vanished: Vec::new(),
            dropped: None,
            all: None,
            places: None,
        }
    }

    /// Of a run of data that changed.
    pub fn of(file: &BaselineFile, all: Outcomes, run: &Run, common: &Common) -> Self {
        let mut old = all.examples_at(&common.old);
        let mut new = run.examples_at(&common.new);
        by_the_baseline(file, &old, &mut new);
        rank_anew(&mut old);
        rank_anew(&mut new.outcomes);
        Self {
            old,
            new: Cow::Owned(new),
            dropped: Dropped::of(file, Some(&all), &common.vanished),
            all: (!common.vanished.is_empty()).then_some(all),
            vanished: common.vanished.clone(),
            places: Some(common.new.clone()),
        }
    }

    /// That too few rows are left to be judged; `None`: enough are.
    pub fn shortfall(&self) -> Option<String> {
        let kept = self.old.examples;
        let of = kept + self.vanished.len();
        (!is_enough(kept, of)).then(|| {
            format!("{kept} of the baseline's {of} examples are there with the label of its scores, and {} % are needed", 100.0 * ENOUGH)
        })
    }

    /// Where the rows stand in the run; `None`: as they are.
    pub fn places(&self) -> Option<&[usize]> {
        self.places.as_deref()
    }

    /// The same with the rows that are gone behind the others; `None` where none is.
    pub fn with_vanished(&self, file: &BaselineFile, counted: As) -> Option<Rows<'static>> {
        let all = self.all.as_ref()?;
        let gone = all.examples_at(&self.vanished);
        let mut new = self.new.clone().into_owned();
        for column in &mut new.outcomes.columns {
            let each = match column.spec.per {
                Per::Replicate => new.outcomes.replicates,
                Per::Example => 1,
            };
            let values = match column.spec.name.as_str() {
                LABEL => column_of(&gone, LABEL),
                CORRECT => vec![u32::from(counted == As::Highest); self.vanished.len() * each],
                _ => vec![u32::from(counted == As::Highest) * QUANTA; self.vanished.len() * each],
            };
            column.values.extend(values);
        }
        new.outcomes.examples += self.vanished.len();
        if let Some(clusters) = &mut new.clusters {
            clusters.extend(column_of(&gone, CLUSTER));
        }
        if let Some(slices) = &mut new.slices {
            slices.of.extend(column_of(&gone, SLICE));
        }
        if let Some(ids) = &mut new.ids {
            let seen = file.examples.as_ref();
            let id = |&row: &usize| seen.map_or(row.to_string(), |seen| seen.id(row));
            ids.extend(self.vanished.iter().map(id));
        }
        Some(Rows {
            old: joined(&self.old, &gone),
            new: Cow::Owned(new),
            vanished: Vec::new(),
            dropped: None,
            all: None,
            places: None,
        })
    }
}

/// Ranks are among all rows: of some of them they are counted anew.
fn rank_anew(outcomes: &mut Outcomes) {
    let columns = outcomes.columns.iter_mut();
    for column in columns.filter(|column| column.spec.name.starts_with(RANK)) {
        let mut ranks = column.values.clone();
        ranks.sort_unstable();
        ranks.dedup();
        for value in &mut column.values {
            *value = ranks.partition_point(|rank| rank < value) as u32;
        }
    }
}

/// The common rows without those that have another label now: these are gone.
pub fn same_labels(all: &Outcomes, run: &Run, common: &Common) -> Common {
    let before = column_of(all, LABEL);
    let after = run.labels();
    let pairs = common.old.iter().copied().zip(common.new.iter().copied());
    let (kept, gone): (Vec<_>, Vec<_>) = pairs.partition(|&(old, new)| {
        let labels = before.get(old).zip(after.get(new));
        labels.is_none_or(|(before, after)| before == after)
    });
    let (old, new) = kept.into_iter().unzip();
    let gone = gone.into_iter().map(|(row, _)| row);
    let mut vanished: Vec<usize> = common.vanished.iter().copied().chain(gone).collect();
    vanished.sort_unstable();
    Common { old, new, vanished }
}

/// Puts the labels, clusters and slices of the baseline in place of the run's.
fn by_the_baseline(file: &BaselineFile, old: &Outcomes, new: &mut Run) {
    let labels = column_of(old, LABEL);
    let classes = new
        .outcomes
        .column(CLASS)
        .map(|column| column.values.clone());
    let each = new.outcomes.replicates.max(1);
    for column in &mut new.outcomes.columns {
        match (column.spec.name.as_str(), &classes) {
            (LABEL, _) if !labels.is_empty() => column.values.clone_from(&labels),
            (CORRECT, Some(classes)) if !labels.is_empty() => {
                let right = classes.iter().enumerate();
                let right = right.map(|(row, &class)| u32::from(class == labels[row / each]));
                column.values = right.collect();
            }
            _ => {}
        }
    }
    let clusters = column_of(old, CLUSTER);
    new.clusters = (!clusters.is_empty()).then_some(clusters);
    let slices = column_of(old, SLICE);
    new.slices = (!slices.is_empty()).then(|| Slices {
        of: slices,
        names: file.slices.clone(),
    });
}

fn column_of(outcomes: &Outcomes, name: &str) -> Vec<u32> {
    let column = outcomes.column(name);
    column.map_or(Vec::new(), |column| column.values.clone())
}

/// The rows of two outcomes with the same columns, one after the other.
fn joined(first: &Outcomes, second: &Outcomes) -> Outcomes {
    let columns = first.columns.iter().map(|column| {
        let more = column_of(second, &column.spec.name);
        Column {
            spec: column.spec.clone(),
            values: column.values.iter().copied().chain(more).collect(),
        }
    });
    Outcomes {
        examples: first.examples + second.examples,
        replicates: first.replicates,
        columns: columns.collect(),
    }
}

/// Which of the labels, clusters and slices that a baseline keeps are not those of a run of
/// the very same data.
pub fn of_other_data(file: &BaselineFile, old: &Outcomes, run: &Run) -> Option<&'static str> {
    let differs = |name: &str, now: &[u32]| {
        let kept = old.column(name);
        kept.is_some_and(|column| column.values != now)
    };
    let now = |of: Option<&Vec<u32>>| of.cloned().unwrap_or_default();
    let slices = now(run.slices.as_ref().map(|slices| &slices.of));
    if differs(LABEL, run.labels()) {
        Some("labels")
    } else if differs(CLUSTER, &now(run.clusters.as_ref())) {
        Some("clusters")
    } else if differs(SLICE, &slices)
        || old.column(SLICE).is_some() && file.slices != run.slice_names()
    {
        Some("slices")
    } else {
        None
    }
}

/// Which of the labels, clusters and slices of the common rows are others now, of which some
/// have the same labels.
pub fn regrouped(
    file: &BaselineFile,
    all: &Outcomes,
    run: &Run,
    (common, same_labels): (&Common, &Common),
) -> Vec<&'static str> {
    let (old, now) = (all.examples_at(&common.old), run.examples_at(&common.new));
    let mut changed = Vec::new();
    if same_labels.old.len() < common.old.len() {
        changed.push("labels");
    }
    let clusters = now.clusters.unwrap_or_default();
    if partition(&column_of(&old, CLUSTER)) != partition(&clusters) {
        changed.push("clusters");
    }
    let names = |of: &[u32], names: &[String]| -> Vec<Option<String>> {
        let names = |number: &u32| names.get(*number as usize).cloned();
        of.iter().map(names).collect()
    };
    let after = now
        .slices
        .map_or(Vec::new(), |slices| names(&slices.of, &slices.names));
    if names(&column_of(&old, SLICE), &file.slices) != after {
        changed.push("slices");
    }
    changed
}

/// Numbers as they first appear.
fn partition(of: &[u32]) -> Vec<usize> {
    let mut known = HashMap::new();
    of.iter()
        .map(|number| {
            let next = known.len();
            *known.entry(number).or_insert(next)
        })
        .collect()
}
