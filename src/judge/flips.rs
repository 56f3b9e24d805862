//! Examples whose correctness changed, and the critical ones among them.

use std::collections::HashSet;

use crate::outcome::{CORRECT, Outcomes};
use crate::record::Run;
use crate::spec::{Case, CriticalSpec};

/// Examples whose correctness changed. A flip is counted by replicate; an example
/// is listed when its mean changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Flips {
    /// Right before, wrong now.
    pub harm: u64,
    /// Wrong before, right now.
    pub gain: u64,
    /// Examples that are right less often now.
    pub worse: Vec<usize>,
    /// Examples that are right more often now.
    pub better: Vec<usize>,
    /// Examples of which any replicate was right and is wrong.
    pub wrong: Vec<usize>,
}

impl Flips {
    /// The same with each position looked up in `places`.
    pub fn at(self, places: &[usize]) -> Self {
        let moved = |examples: Vec<usize>| -> Vec<usize> {
            let moved = examples.into_iter();
            moved
                .filter_map(|example| places.get(example).copied())
                .collect()
        };
        Self {
            worse: moved(self.worse),
            better: moved(self.better),
            wrong: moved(self.wrong),
            ..self
        }
    }
}

/// Whether the spec marks an example of a run as critical.
fn is_critical(critical: &CriticalSpec, run: &Run, example: usize) -> bool {
    let slice = run.slices.as_ref().and_then(|slices| {
        let number = *slices.of.get(example)?;
        slices.names.get(number as usize)
    });
    critical.examples.contains(&run.id(example))
        || slice.is_some_and(|name| critical.slices.contains(name))
}

/// What is to be said of the critical examples of which a replicate was right and is
/// wrong; `None` where there is none.
pub fn critical(case: &Case, run: &Run, flips: Option<&Flips>) -> Option<String> {
    let critical = case.spec.critical.as_ref()?;
    let wrong = flips?.wrong.iter();
    let wrong: Vec<usize> = wrong
        .copied()
        .filter(|&example| is_critical(critical, run, example))
        .collect();
    (!wrong.is_empty()).then(|| {
        format!(
            "critical examples were right and are wrong: {}",
            run.listed(&wrong)
        )
    })
}

/// What is to be said of the critical examples of a run that are wrong without having
/// flipped: they were wrong in the baseline, or are not in it.
pub fn standing(
    case: &Case,
    run: &Run,
    flips: Option<&Flips>,
    places: Option<&[usize]>,
) -> Option<String> {
    let critical = case.spec.critical.as_ref()?;
    let correct = run.outcomes.column(CORRECT)?;
    let flipped: HashSet<usize> = flips
        .into_iter()
        .flat_map(|flips| &flips.wrong)
        .filter_map(|&example| match places {
            None => Some(example),
            Some(places) => places.get(example).copied(),
        })
        .collect();
    let rows = correct.values.chunks(run.outcomes.replicates.max(1));
    let wrong: Vec<usize> = rows
        .enumerate()
        .filter(|(example, rows)| rows.contains(&0) && !flipped.contains(example))
        .filter(|(example, _)| is_critical(critical, run, *example))
        .map(|(example, _)| example)
        .collect();
    (!wrong.is_empty()).then(|| {
        format!(
            "critical examples are wrong, and were not right in the baseline: {}",
            run.listed(&wrong)
        )
    })
}

/// Counts and lists the flips between two runs over the same examples; `None` where
/// correctness is not kept.
pub fn flips(old: &Outcomes, new: &Outcomes) -> Option<Flips> {
    let (before, after) = (old.column(CORRECT)?, new.column(CORRECT)?);
    let mut flips = Flips::default();
    let replicates = new.replicates.max(1);
    let pairs = before
        .values
        .chunks(replicates)
        .zip(after.values.chunks(replicates));
    for (example, (before, after)) in pairs.enumerate() {
        let mut change = 0_i64;
        let harm = flips.harm;
        for (&before, &after) in before.iter().zip(after) {
            match (before != 0, after != 0) {
                (true, false) => {
                    flips.harm += 1;
                    change -= 1;
                }
                (false, true) => {
                    flips.gain += 1;
                    change += 1;
                }
                _ => {}
            }
        }
        if flips.harm > harm {
            flips.wrong.push(example);
        }
        match change.signum() {
            -1 => flips.worse.push(example),
            1 => flips.better.push(example),
            _ => {}
        }
    }
    Some(flips)
}
