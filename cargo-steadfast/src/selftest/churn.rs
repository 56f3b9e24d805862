//! Change without harm. An example that changes answers as another example of its class
//! and slice does, if that one was right more or less often: any example is as likely to
//! take as to give, so that what every metric is expected to be stays what it was.
//! Recorded retrains are mixed example by example instead.

use std::collections::BTreeMap;

use steadfast::outcome::{LABEL, Outcomes};
use steadfast::record::Run;
use steadfast::seed::words_below;

use super::draws::{Draws, place};
use super::material::{Source, right};

/// Which examples may answer like which, and how much that changes.
pub struct Churn {
    /// The number of each example's class and slice.
    kin: Vec<usize>,
    /// The examples of each.
    members: Vec<Vec<usize>>,
    /// How many replicates of each example are right; `None`: that is not kept.
    right: Option<Vec<u32>>,
    /// For each example the first of its cluster: a cluster changes as one.
    pub first: Vec<usize>,
    /// The share of answers that change where every example may.
    pub most: f64,
}

impl Churn {
    /// Of a run of the baseline's model.
    pub fn of(run: &Run) -> Self {
        let outcomes = &run.outcomes;
        let labels = outcomes.column(LABEL).map(|column| &column.values);
        let slices = run.slices.as_ref().map(|slices| &slices.of);
        let number = |values: Option<&Vec<u32>>, example: usize| {
            values.and_then(|values| values.get(example)).copied()
        };
        let mut known = BTreeMap::new();
        let mut members: Vec<Vec<usize>> = Vec::new();
        let mut kin = Vec::new();
        for example in 0..outcomes.examples {
            let key = (number(labels, example), number(slices, example));
            let next = members.len();
            let group = *known.entry(key).or_insert(next);
            if group == next {
                members.push(Vec::new());
            }
            members[group].push(example);
            kin.push(group);
        }
        let rows = right(outcomes);
        let most = rows
            .as_ref()
            .map_or(1.0, |rows| differing(outcomes, rows, &members));
        Self {
            kin,
            members,
            right: rows.map(|rows| by_example(&rows, outcomes.replicates)),
            first: firsts(run),
            most,
        }
    }

    /// With which probability an example may change, so that the share `churn` of all
    /// answers does, as far as there are wrong answers to exchange for right ones.
    pub fn chance(&self, churn: f64) -> f64 {
        if self.most <= 0.0 {
            return 0.0;
        }
        (churn / self.most).min(1.0)
    }

    /// The sources of a model that is as good as the baseline.
    pub fn plan(&self, chance: f64, draws: &Draws) -> Vec<Source> {
        let changes = words_below(chance);
        let source = |example: usize| {
            if u64::from(draws.change[self.first[example]]) >= changes {
                return Source::Own;
            }
            let kin = &self.members[self.kin[example]];
            let other = kin[place(draws.donor[example], kin.len())];
            let same = |right: &Vec<u32>| right[other] == right[example];
            if other == example || self.right.as_ref().is_some_and(same) {
                Source::Own
            } else {
                Source::Example(other)
            }
        };
        (0..self.kin.len()).map(source).collect()
    }

    /// The sources of a model that mixes the baseline and `retrains` recorded retrains.
    pub fn mixed(&self, retrains: usize, draws: &Draws) -> Vec<Source> {
        let model = |first: &usize| match place(draws.change[*first], retrains + 1) {
            0 => Source::Own,
            retrain => Source::Recorded(retrain - 1),
        };
        self.first.iter().map(model).collect()
    }

    /// The same sources, with the share `harmed` of the examples answered wrongly.
    pub fn harmed(&self, plan: &[Source], harmed: f64, draws: &Draws) -> Vec<Source> {
        let below = words_below(harmed);
        let is_harmed = |example: usize| u64::from(draws.harm[self.first[example]]) < below;
        let sources = plan.iter().enumerate();
        sources
            .map(|(example, &source)| match is_harmed(example) {
                true => Source::Harmed,
                false => source,
            })
            .collect()
    }
}

/// For each example the first of its cluster.
fn firsts(run: &Run) -> Vec<usize> {
    let Some(clusters) = &run.clusters else {
        return (0..run.outcomes.examples).collect();
    };
    let mut known = BTreeMap::new();
    let clusters = clusters.iter().enumerate();
    clusters
        .map(|(example, cluster)| *known.entry(cluster).or_insert(example))
        .collect()
}

fn by_example(rows: &[u32], replicates: usize) -> Vec<u32> {
    let examples = rows.chunks(replicates.max(1));
    examples.map(|rows| rows.iter().sum()).collect()
}

/// The share of answers in which an example differs from one of its kin that was right
/// more or less often, both drawn at random.
fn differing(outcomes: &Outcomes, rows: &[u32], members: &[Vec<usize>]) -> f64 {
    let replicates = outcomes.replicates.max(1);
    let mut sum = 0.0;
    for kin in members {
        // Examples that are right as often: how many, and in which replicates.
        let mut alike: BTreeMap<u32, (f64, Vec<f64>)> = BTreeMap::new();
        for &example in kin {
            let own = &rows[example * replicates..][..replicates];
            let entry = alike
                .entry(own.iter().sum())
                .or_insert_with(|| (0.0, vec![0.0; replicates]));
            entry.0 += 1.0;
            for (sum, &right) in entry.1.iter_mut().zip(own) {
                *sum += f64::from(right);
            }
        }
        for (one, (count, right)) in &alike {
            for (_, (others, wanted)) in alike.iter().filter(|(other, _)| *other != one) {
                let pairs = right.iter().zip(wanted);
                // Of all pairs those of which exactly one is right.
                let differ: f64 = pairs.map(|(a, b)| a * (others - b) + (count - a) * b).sum();
                sum += differ / kin.len() as f64;
            }
        }
    }
    sum / (outcomes.examples * replicates).max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::super::draws::Examples;
    use super::super::material::Material;
    use super::super::material::testing::outcomes;
    use super::super::subject::testing::run;
    use super::*;

    const EXAMPLES: usize = 200;

    fn draws(model: usize) -> Draws {
        let examples = Examples {
            key: "x".to_owned(),
            count: EXAMPLES,
        };
        Draws::new(1, model, &examples)
    }

    /// The mean over models of the change of accuracy and of the share of answers that
    /// changed, of 200 examples with two replicates: 20 wrong in both, 20 in one.
    fn simulated(churn: f64) -> (f64, f64) {
        let correct = (0..EXAMPLES).flat_map(|example| match example {
            0..20 => [0, 0],
            20..40 => [1, 0],
            _ => [1, 1],
        });
        let base = outcomes(&correct.collect::<Vec<_>>(), 2);
        let material = Material {
            harmed: base.clone(),
            recorded: Vec::new(),
            base,
        };
        let known = Churn::of(&run(material.base.clone()));
        let before = &material.base.columns[0].values;
        let (mut change, mut churned) = (0.0, 0.0);
        for model in 0..2_000 {
            let plan = known.plan(known.chance(churn), &draws(model));
            let after = &material.made(&plan).columns[0].values;
            for (before, after) in before.iter().zip(after) {
                change += f64::from(*after) - f64::from(*before);
                churned += f64::from(u8::from(before != after));
            }
        }
        let answers = 2_000.0 * before.len() as f64;
        (change / answers, churned / answers)
    }

    /// By hand: a wrong example (1/10) differs from a right one (8/10) in both answers,
    /// and either from one that is right once (1/10) in one:
    /// 2 (.1 · .8 + ½ · .1 · .1 + ½ · .8 · .1) = .25.
    #[test]
    fn churn_is_what_is_declared_and_the_expected_accuracy_stays() {
        let (change, churned) = simulated(0.05);
        assert!(change.abs() < 4e-4, "{change}");
        assert!((churned - 0.05).abs() < 1e-3, "{churned}");
        let (change, churned) = simulated(0.9);
        assert!(change.abs() < 1e-3, "{change}");
        assert!((churned - 0.25).abs() < 2e-3, "{churned}");
    }

    #[test]
    fn a_cluster_changes_as_one() {
        let mut run = run(outcomes(&[1; EXAMPLES], 1));
        run.clusters = Some((0..EXAMPLES as u32).map(|example| example / 50).collect());
        let churn = Churn::of(&run);
        for model in 0..20 {
            let mixed = churn.mixed(3, &draws(model));
            for cluster in mixed.chunks(50) {
                assert!(cluster.iter().all(|source| *source == cluster[0]));
            }
        }
    }

    #[test]
    fn retrains_are_mixed_evenly() {
        let churn = Churn::of(&run(outcomes(&[1; EXAMPLES], 1)));
        let mut counts = [0; 3];
        for model in 0..300 {
            for source in churn.mixed(2, &draws(model)) {
                match source {
                    Source::Own => counts[0] += 1,
                    Source::Recorded(retrain) => counts[retrain + 1] += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        for count in counts {
            assert!((19_300..20_700).contains(&count), "{counts:?}");
        }
    }
}
