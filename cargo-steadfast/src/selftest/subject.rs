//! One case that is simulated: the new model before anything changed, what its outcomes
//! are made of, and what it is held against.

use steadfast::baseline::{BaselineFile, Lookup, References, look_up};
use steadfast::digest::Digest;
use steadfast::judge::{Judgement, judge};
use steadfast::outcome::{LABEL, Outcomes};
use steadfast::record::Run;
use steadfast::spec::{Case, MetricSpec, TestSpec};
use steadfast::verdict::{Status, Verdict};

use super::churn::Churn;
use super::draws::Examples;
use super::harmed::harmed;
use super::material::Material;
use super::trial::{Trial, trials};
use crate::repository::Repository;

/// A case with a baseline that can be simulated from.
pub struct Subject {
    /// The case.
    pub case: Case,
    /// Whether it was asked for and has something to fail by.
    pub is_judged: bool,
    /// Its examples, which other cases may share.
    pub examples: Examples,
    /// What its outcomes are made of.
    pub material: Material,
    /// How they change.
    pub churn: Churn,
    /// Its tests, each in a case of its own, those that are cheap first.
    trials: Vec<Trial>,
    /// What it is held against.
    references: References,
    /// The new model with the outcomes of the baseline.
    run: Run,
}

/// What a simulated model did in a case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Finding {
    /// Whether the case failed.
    pub fails: bool,
    /// How many of its tests did.
    pub failing: usize,
}

impl Subject {
    /// Of a case of the repository; or why it cannot be simulated.
    pub fn of(
        repository: &Repository,
        case: &Case,
        is_chosen: bool,
        seed: u64,
    ) -> Result<Self, String> {
        let bless = format!(
            "run it, then cargo steadfast bless --all {} --reason \"…\"",
            case.name
        );
        let file = match look_up(&repository.root, &case.name) {
            Lookup::Found(file) => file,
            Lookup::Missing => return Err(format!("it has no baseline: {bless}")),
            Lookup::Unusable(error) => return Err(error.to_string()),
        };
        let run = new_model(&file)?;
        if run.outcomes.column(LABEL).is_none() {
            return Err(format!(
                "its baseline has schema {} and keeps no labels, without which nobody knows which answers may change into which: {bless}",
                file.schema
            ));
        }
        let examples = Examples {
            key: format!("{} {}", file.ids_digest, data_of(&file)),
            count: file.counts.n,
        };
        let references = References::look_up(&repository.root, case, &run, None);
        let tested = case.metrics().iter().any(|metric| metric.test.is_some());
        let subject = Self {
            trials: trials(case, &run, &references),
            is_judged: is_chosen && (tested || case.spec.critical.is_some()),
            material: Material {
                base: run.outcomes.clone(),
                recorded: Vec::new(),
                harmed: harmed(case, &run, seed),
            },
            churn: Churn::of(&run),
            case: case.clone(),
            examples,
            references,
            run,
        };
        let unchanged = subject.judgement(subject.run.outcomes.clone());
        match unchanged.verdict {
            Verdict::Missing | Verdict::Stale | Verdict::Error => {
                let rules = unchanged.metrics.into_iter().map(|metric| metric.rule);
                let mut why = unchanged.notes.into_iter().chain(rules);
                let why = why.find(|why| !why.is_empty()).unwrap_or_default();
                Err(format!("{}: {why}", unchanged.verdict))
            }
            _ => Ok(subject),
        }
    }

    /// Its baseline.
    pub fn baseline(&self) -> Option<&BaselineFile> {
        match &self.references.baseline {
            Lookup::Found(file) => Some(file),
            _ => None,
        }
    }

    /// The retrains whose outcomes are recorded.
    pub fn retrains(&self) -> Vec<Digest> {
        let retrains = self.baseline().map_or(&[][..], |file| &file.retrains);
        let known = retrains
            .iter()
            .filter(|retrain| self.recorded(&retrain.model).is_some());
        known.map(|retrain| retrain.model.clone()).collect()
    }

    /// Makes these retrains what its outcomes are taken from.
    pub fn record(&mut self, retrains: &[Digest]) {
        let recorded = retrains.iter().filter_map(|model| self.recorded(model));
        self.material.recorded = recorded.collect();
    }

    fn recorded(&self, model: &Digest) -> Option<Outcomes> {
        let file = self.baseline()?;
        let mut retrains = file.retrains.iter();
        let retrain = retrains.find(|retrain| retrain.model == *model)?;
        file.outcomes_of(retrain, &self.material.base)
    }

    /// The new model with these outcomes.
    pub fn with(&self, outcomes: Outcomes) -> Run {
        Run {
            identity: self.run.identity.clone(),
            outcomes,
            ids: None,
            clusters: self.run.clusters.clone(),
            slices: self.run.slices.clone(),
            ranked: Vec::new(),
        }
    }

    /// The new model before anything changed.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// What the gate says of these outcomes.
    pub fn judgement(&self, outcomes: Outcomes) -> Judgement {
        judge(&self.case, &self.with(outcomes), &self.references)
    }

    /// What the gate says of these outcomes where the case is `other`: the same with
    /// other tests.
    pub fn judgement_as(&self, other: &Case, outcomes: Outcomes) -> Judgement {
        judge(other, &self.with(outcomes), &self.references)
    }

    /// What becomes of every test.
    pub fn finding(&self, outcomes: Outcomes) -> Finding {
        let run = self.with(outcomes);
        let failing = self
            .trials
            .iter()
            .filter(|trial| self.fails_in(trial, &run));
        let failing = failing.count();
        Finding {
            fails: failing > 0,
            failing,
        }
    }

    /// Whether any test fails, the cheap ones first.
    pub fn fails(&self, outcomes: Outcomes) -> bool {
        let run = self.with(outcomes);
        self.trials.iter().any(|trial| self.fails_in(trial, &run))
    }

    /// The same with a baseline that does not have this retrain.
    pub fn fails_without(&self, retrain: &Digest, outcomes: Outcomes) -> bool {
        let Some(mut file) = self.baseline().cloned() else {
            return false;
        };
        file.retrains.retain(|recorded| recorded.model != *retrain);
        let references = References {
            baseline: Lookup::Found(Box::new(file)),
            common: self.references.common.clone(),
            anchor: self.references.anchor.clone(),
        };
        judge(&self.case, &self.with(outcomes), &references).status == Status::Fail
    }

    fn fails_in(&self, trial: &Trial, run: &Run) -> bool {
        trial.may_fail(run) && judge(&trial.case, run, &self.references).status == Status::Fail
    }

    /// Its tests.
    pub fn tests(&self) -> impl Iterator<Item = (&MetricSpec, &TestSpec)> {
        let metrics = self.case.metrics().iter();
        metrics.filter_map(|metric| Some((metric, metric.test.as_ref()?)))
    }
}

/// What tells the data of a baseline from others.
fn data_of(file: &BaselineFile) -> String {
    let data = file.inputs.get("data");
    let digest = data.and_then(|data| data.get("digest"));
    digest
        .or(data)
        .map_or_else(String::new, ToString::to_string)
}

/// Another model that answers as the baseline's does.
fn new_model(file: &BaselineFile) -> Result<Run, String> {
    let mut run = file.run().map_err(|error| error.to_string())?;
    run.identity.model.digest = Some(Digest::of(
        b"a model that cargo steadfast selftest simulated",
    ));
    Ok(run)
}

#[cfg(test)]
pub mod testing {
    //! Cases by hand.

    use std::sync::Arc;

    use steadfast::baseline::accepted_metrics;
    use steadfast::baseline::{Accepted, Anchor, Draft};
    use steadfast::measure::wanted_columns;
    use steadfast::provenance::{Environment, Identity, ModelIdentity};
    use steadfast::spec::{Source, Suite, cases, parse_spec};

    use super::*;

    /// The cases of a spec with `more` behind its data.
    pub fn cases_of(more: &str) -> Vec<Case> {
        let source = Arc::new(Source {
            path: "simulated.toml".to_owned(),
            text: format!(
                "schema = 1\nseed = 1\n\n[model]\nregistered = \"simulated\"\ngives = \"logits\"\n\n\
                 [data]\npath = \"none.npz\"\ninputs = \"x\"\nlabels = \"y\"\nslice = \"s\"\n\n{more}"
            ),
        });
        let catalogue = steadfast::builtin::catalogue();
        let spec = parse_spec("simulated", &source, &Suite::default(), &catalogue);
        let spec = spec.unwrap_or_else(|error| panic!("{:?}", error.problems));
        cases(&Arc::new(spec))
    }

    /// The baseline's model with these outcomes.
    pub fn run(outcomes: Outcomes) -> Run {
        let inputs = serde_json::Value::Null;
        Run {
            identity: Identity {
                inputs_digest: Digest::of_json(&inputs),
                inputs,
                ids_digest: Digest::of(b"ids"),
                model: ModelIdentity {
                    origin: "registered simulated".to_owned(),
                    digest: Some(Digest::of(b"baseline")),
                    gives: "logits".to_owned(),
                    input: None,
                    output: None,
                },
                environment: Environment::of_engine("none"),
            },
            outcomes,
            ids: None,
            clusters: None,
            slices: None,
            ranked: Vec::new(),
        }
    }

    /// A case whose baseline has these outcomes.
    pub fn subject(case: &Case, outcomes: Outcomes) -> Subject {
        held_against(case, run(outcomes))
    }

    /// A case whose baseline is this run.
    pub fn held_against(case: &Case, baseline: Run) -> Subject {
        of(case, baseline, Anchor::None)
    }

    /// A case whose baseline and anchor are these runs.
    pub fn anchored(case: &Case, baseline: Run, anchor: Run) -> Subject {
        let anchor = Anchor::Found {
            file: Box::new(file(case, anchor)),
            common: None,
        };
        of(case, baseline, anchor)
    }

    fn of(case: &Case, baseline: Run, anchor: Anchor) -> Subject {
        let file = file(case, baseline);
        let run = new_model(&file).unwrap();
        let references = References {
            anchor,
            ..References::baseline(Lookup::Found(Box::new(file)))
        };
        Subject {
            trials: trials(case, &run, &references),
            case: case.clone(),
            is_judged: true,
            examples: Examples {
                key: "x".to_owned(),
                count: run.outcomes.examples,
            },
            material: Material {
                base: run.outcomes.clone(),
                recorded: Vec::new(),
                harmed: harmed(case, &run, 1),
            },
            churn: Churn::of(&run),
            references,
            run,
        }
    }

    fn file(case: &Case, run: Run) -> BaselineFile {
        let outcomes = run.kept(&wanted_columns(case)).unwrap();
        Draft {
            case: case.name.clone(),
            metrics: accepted_metrics(case, &run),
            outcomes,
            slices: run.slice_names().to_vec(),
            identity: run.identity,
            accepted: Accepted {
                by: "test".to_owned(),
                at: "2000-01-01T00:00:00Z".to_owned(),
                commit: None,
                reason: "test".to_owned(),
            },
            history: Vec::new(),
            examples: None,
        }
        .finish()
    }
}
