//! Where the spread of a metric over models, perturbations and seeds comes from, and
//! how many of the last two a comparison needs.

use ndarray::Array3;
use steadfast::builtin::catalogue;
use steadfast::judge::replicate_values;
use steadfast::spec::MetricSpec;
use steadfast::stats::components::{Components, components};

use super::source::{CaseRun, Source};

/// Replicates and perturbations that the decision study shows beside those that are
/// there.
const SHOWN: [usize; 5] = [1, 3, 5, 10, 20];

/// The spread of one metric of one spec in one study.
pub struct Spread {
    /// Which study.
    pub study: usize,
    /// The spec.
    pub spec: String,
    /// The metric.
    pub identity: String,
    /// What was found, or why nothing was.
    pub found: Result<Table, String>,
}

/// An analysis of variance with its decision study.
pub struct Table {
    /// How many models.
    pub models: usize,
    /// The perturbation cases.
    pub cells: Vec<String>,
    /// How many replicates each has.
    pub replicates: usize,
    /// The components of variance.
    pub components: Components,
}

impl Table {
    /// The numbers of replicates of the decision study.
    pub fn replicates_shown(&self) -> Vec<usize> {
        with(self.replicates)
    }

    /// The numbers of perturbations of the decision study.
    pub fn perturbations_shown(&self) -> Vec<usize> {
        with(self.cells.len())
    }
}

fn with(own: usize) -> Vec<usize> {
    let mut shown = SHOWN.to_vec();
    shown.push(own);
    shown.sort_unstable();
    shown.dedup();
    shown
}

/// Each metric of each spec, study by study.
pub fn spreads(studies: &[Vec<usize>], sources: &[Source]) -> Vec<Spread> {
    let mut spreads = Vec::new();
    for (study, members) in studies.iter().enumerate() {
        let members: Vec<&Source> = members.iter().map(|&member| &sources[member]).collect();
        for (spec, cells) in specs(&members) {
            let mut identities: Vec<(&str, &str)> = Vec::new();
            for measured in cells.iter().flat_map(|(_, runs)| &runs[0].metrics) {
                let metric = (measured.label.as_str(), measured.identity.as_str());
                if !identities.contains(&metric) {
                    identities.push(metric);
                }
            }
            for (label, identity) in identities {
                let metric = MetricSpec::from_identity(&catalogue(), label, identity);
                spreads.push(Spread {
                    study,
                    spec: spec.clone(),
                    identity: identity.to_owned(),
                    found: metric
                        .ok_or_else(|| "this steadfast does not have the metric".to_owned())
                        .and_then(|metric| table(&metric, &cells)),
                });
            }
        }
    }
    spreads
}

/// A cell with the run of each model.
type Cell<'a> = (String, Vec<&'a CaseRun>);

/// Spec by spec, the cells that all models have answered for the same inputs.
fn specs<'a>(members: &[&'a Source]) -> Vec<(String, Vec<Cell<'a>>)> {
    let mut specs: Vec<(String, Vec<Cell<'a>>)> = Vec::new();
    let Some((first, others)) = members.split_first() else {
        return specs;
    };
    for (name, run) in &first.cases {
        if run.is_pooled() {
            continue;
        }
        let inputs = &run.run.identity.inputs_digest;
        let same = |other: &&'a Source| {
            let other = other.cases.get(name)?;
            (other.run.identity.inputs_digest == *inputs).then_some(other)
        };
        let Some(mut runs) = others.iter().map(same).collect::<Option<Vec<_>>>() else {
            continue;
        };
        runs.insert(0, run);
        let spec = name.split("::").next().unwrap_or(name);
        let cell = (name.clone(), runs);
        match specs.iter_mut().find(|(known, _)| known == spec) {
            Some((_, cells)) => cells.push(cell),
            None => specs.push((spec.to_owned(), vec![cell])),
        }
    }
    specs
}

/// The analysis over the largest set of cells that have equally many replicates.
fn table(metric: &MetricSpec, cells: &[Cell<'_>]) -> Result<Table, String> {
    let identity = metric.identity();
    let has = |run: &CaseRun| {
        let mut metrics = run.metrics.iter();
        metrics.any(|known| known.label == metric.label && known.identity == identity)
    };
    let replicated: Vec<&Cell<'_>> = cells
        .iter()
        .filter(|(_, runs)| runs.iter().all(|run| has(run)))
        .filter(|(_, runs)| runs[0].run.outcomes.replicates >= 2)
        .collect();
    let count = |replicates: usize| {
        let of = |cell: &&&Cell<'_>| cell.1[0].run.outcomes.replicates == replicates;
        replicated.iter().filter(of).count()
    };
    let most = replicated
        .iter()
        .map(|(_, runs)| runs[0].run.outcomes.replicates)
        .max_by_key(|&replicates| (count(replicates), replicates));
    let Some(replicates) = most.filter(|&replicates| count(replicates) >= 2) else {
        return Err(format!(
            "it takes two perturbations with the same number of replicates, two or more, and {} of the {} here have any",
            replicated.len(),
            cells.len()
        ));
    };
    let mut names = Vec::new();
    let mut values = Vec::new();
    for (name, runs) in replicated {
        if runs[0].run.outcomes.replicates != replicates {
            continue;
        }
        let of_models: Option<Vec<Vec<f64>>> = runs
            .iter()
            .map(|run| replicate_values(metric, &run.run))
            .collect();
        let Some(of_models) = of_models else {
            return Err(
                "it is recorded as one score an example, the mean of its replicates, and has no value a replicate"
                    .to_owned(),
            );
        };
        names.push(name.clone());
        values.push(of_models);
    }
    let models = values.first().map_or(0, Vec::len);
    let equal = values
        .iter()
        .flatten()
        .all(|of_model| of_model.len() == replicates);
    if !equal {
        return Err("the models have answered different numbers of replicates".to_owned());
    }
    let scores = Array3::from_shape_fn((models, names.len(), replicates), |(model, cell, draw)| {
        values[cell][model][draw]
    });
    if scores.iter().any(|score| !score.is_finite()) {
        return Err("some of its values are not numbers".to_owned());
    }
    let Some(components) = components(scores.view()) else {
        return Err("it takes two models, two perturbations and two replicates".to_owned());
    };
    if components.shares() == Default::default() {
        return Err("nothing varies: all its values are equal".to_owned());
    }
    Ok(Table {
        models,
        cells: names,
        replicates,
        components,
    })
}

#[cfg(test)]
mod tests {
    use super::with;

    #[test]
    fn the_decision_study_shows_what_is_there_too() {
        assert_eq!(with(7), [1, 3, 5, 7, 10, 20]);
        assert_eq!(with(3), [1, 3, 5, 10, 20]);
    }
}
