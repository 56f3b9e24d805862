//! The baseline file: a head for people, packed columns below, and a digest over
//! both.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::grown::ExamplesSeen;
use super::stated;

use crate::digest::{Digest, canonical_json};
use crate::outcome::{CLUSTER, LABEL, Outcomes, PackedColumn, SLICE, UnpackError, pack, unpack};
use crate::provenance::{Environment, Identity, ModelIdentity};
use crate::record::{Run, Slices};

/// The version of the format that is written.
pub const SCHEMA: u32 = 2;

/// The oldest that is read: without labels, clusters and slices, so that rows that changed
/// make it stale.
const OLDEST: u32 = 1;

/// The schema from which labels are kept, and inputs are remembered apart from them.
pub(super) const WITH_LABELS: u32 = 2;

/// A baseline file, its keys in this order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineFile {
    /// [`SCHEMA`], or an older one.
    pub schema: u32,
    /// The case's name.
    pub case: String,
    /// What was accepted, for people: verdicts are computed from the columns.
    pub metrics: Vec<BaselineMetric>,
    /// How much there is.
    pub counts: Counts,
    /// What `inputs_digest` is of.
    pub inputs: Value,
    /// What the model was asked.
    pub inputs_digest: Digest,
    /// Which model.
    pub model: ModelIdentity,
    /// What computed.
    pub environment: Environment,
    /// Who accepted it, and why.
    pub accepted: Accepted,
    /// What was accepted before, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub history: Vec<Blessing>,
    /// The digest of the anchor that it is also held against; `None`: itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub anchor: Option<Digest>,
    /// Honest retrains of the accepted model.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub retrains: Vec<Retrain>,
    /// What the other side of a merge accepted, and was not taken: the case is stale until the
    /// merged model is blessed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub merged: Option<Blessing>,
    /// What the examples were; `None`: nothing that changed data could be held against.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub examples: Option<ExamplesSeen>,
    /// What the slices are called, by number.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub slices: Vec<String>,
    /// The outcomes, and the labels, clusters and slices that they are of.
    pub columns: Vec<PackedColumn>,
    /// The examples' ids, in order.
    pub ids_digest: Digest,
    /// The digest of the canonical JSON of all the rest.
    pub digest: Digest,
}

/// A metric's value when it was accepted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineMetric {
    /// What the spec calls it.
    pub name: String,
    /// `name@version(parameters)`.
    pub identity: String,
    /// Its value, to six digits.
    pub value: f64,
    /// The 95 % confidence interval; `None`: the metric has no valid one.
    pub interval: Option<(f64, f64)>,
}

/// How much there is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Examples.
    pub n: usize,
    /// Draws an example.
    pub replicates: usize,
}

/// Who accepted a baseline, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// `Name <address>`, from git's configuration.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
    /// The commit that the run was at, with `+` where the tree differed from it.
    pub commit: Option<String>,
    /// In the author's words.
    pub reason: String,
}

/// An earlier baseline of the case, in brief.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Blessing {
    /// Who and why.
    pub accepted: Accepted,
    /// The value of each metric.
    pub values: BTreeMap<String, f64>,
}

/// An honest retrain of the accepted model: the same pipeline, another seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retrain {
    /// Its model.
    pub model: Digest,
    /// Who recorded it, and what it is.
    pub accepted: Accepted,
    /// What each metric was.
    pub metrics: Vec<RetrainMetric>,
    /// Its outcomes, in the columns of the baseline; none: an older steadfast recorded it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub columns: Vec<PackedColumn>,
}

/// A metric of a retrain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrainMetric {
    /// `name@version(parameters)`.
    pub identity: String,
    /// Its value.
    pub value: f64,
    /// The standard error of its difference to the accepted model's.
    pub error: f64,
}

/// What a baseline is made of.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The case's name.
    pub case: String,
    /// The metrics' values.
    pub metrics: Vec<BaselineMetric>,
    /// What decided the outcomes.
    pub identity: Identity,
    /// What [`Run::kept`](crate::record::Run::kept) gives.
    pub outcomes: Outcomes,
    /// What the slices are called, by number.
    pub slices: Vec<String>,
    /// Who and why.
    pub accepted: Accepted,
    /// What was accepted before.
    pub history: Vec<Blessing>,
    /// What the examples are.
    pub examples: Option<ExamplesSeen>,
}

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It cannot be read.
    #[error("failed to read the baseline {path}: {source}. Restore it: git checkout -- {path}")]
    Unreadable {
        /// From the root.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Git left both sides of a merge in it.
    #[error(
        "the baseline {path} has the marks of a merge conflict: two branches accepted other outcomes of {case}. cargo steadfast resolve takes one side and keeps both histories and the older anchor; then run the merged model, and bless what it gives"
    )]
    Conflict {
        /// From the root.
        path: String,
        /// The case's name.
        case: String,
    },
    /// It is not a baseline.
    #[error(
        "failed to parse the baseline {path}: {reason}. Restore it: git checkout -- {path}; or let go of its history and its anchor: cargo steadfast bless {case} --reanchor --reason \"…\""
    )]
    Malformed {
        /// From the root.
        path: String,
        /// The case's name.
        case: String,
        /// What was met, with line and column.
        reason: String,
    },
    /// It is of another version of the format.
    #[error(
        "the baseline {path} has schema {found}, and this steadfast reads {OLDEST} to {SCHEMA}. Update steadfast, or let go of its history and its anchor (bless --reanchor)"
    )]
    Schema {
        /// From the root.
        path: String,
        /// What it says.
        found: u32,
    },
    /// It was changed after it was written.
    #[error(
        "the baseline {path} was changed by hand or damaged: its digest is {found} and its content has {actual}. Restore it: git checkout -- {path}; or let go of its history and its anchor (bless --reanchor)"
    )]
    Digest {
        /// From the root.
        path: String,
        /// What it says.
        found: String,
        /// What it is.
        actual: String,
    },
    /// Its head and its columns do not say the same.
    #[error(
        "the baseline {path} contradicts itself: {reason}. It was changed by hand or damaged. Restore it: git checkout -- {path}; or let go of its history and its anchor (bless --reanchor)"
    )]
    Contradiction {
        /// From the root.
        path: String,
        /// What differs.
        reason: String,
    },
    /// It is another case's.
    #[error(
        "the baseline {path} is of the case {found}. If that one was renamed: cargo steadfast rename {found} {case}. Else move the file where it belongs, or let go of its history and its anchor (bless --reanchor)"
    )]
    Case {
        /// From the root.
        path: String,
        /// The case's name.
        case: String,
        /// What it says.
        found: String,
    },
    /// Its outcomes are damaged.
    #[error(
        "failed to unpack the baseline {path}: {source}. Restore it: git checkout -- {path}; or let go of its history and its anchor (bless --reanchor)"
    )]
    Damaged {
        /// From the root.
        path: String,
        /// What was met.
        source: UnpackError,
    },
}

impl From<BaselineError> for crate::error::Error {
    fn from(error: BaselineError) -> Self {
        Self::new(crate::error::ErrorKind::Evidence, error)
    }
}

/// A number to six significant digits.
pub(super) fn six_digits(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

impl Draft {
    /// The file of this draft.
    pub fn finish(self) -> BaselineFile {
        let mut file = BaselineFile {
            schema: SCHEMA,
            case: self.case,
            metrics: self
                .metrics
                .into_iter()
                .map(|metric| BaselineMetric {
                    value: six_digits(metric.value),
                    interval: metric
                        .interval
                        .map(|(lower, upper)| (six_digits(lower), six_digits(upper))),
                    ..metric
                })
                .collect(),
            counts: Counts {
                n: self.outcomes.examples,
                replicates: self.outcomes.replicates,
            },
            inputs: self.identity.inputs,
            inputs_digest: self.identity.inputs_digest,
            model: self.identity.model,
            environment: self.identity.environment,
            accepted: self.accepted,
            history: self.history,
            anchor: None,
            retrains: Vec::new(),
            merged: None,
            examples: self.examples,
            slices: self.slices,
            columns: pack(&self.outcomes),
            ids_digest: self.identity.ids_digest,
            digest: Digest::of(b""),
        };
        file.seal();
        file
    }
}

impl BaselineFile {
    /// The digest of everything but the digest itself.
    fn content_digest(&self) -> Digest {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.remove("digest");
        }
        Digest::of_json(&value)
    }

    /// Makes the digest that of the content.
    pub fn seal(&mut self) {
        self.digest = self.content_digest();
    }

    /// Adds the metrics that `other` has and this one has not, or has of another version,
    /// with their columns; says whether there were any. Both must be of the same examples.
    pub fn add_metrics(&mut self, other: &Self) -> bool {
        let same = |one: &BaselineMetric, other: &BaselineMetric| {
            one.name == other.name && one.identity == other.identity
        };
        let new: Vec<BaselineMetric> = other
            .metrics
            .iter()
            .filter(|metric| !self.metrics.iter().any(|known| same(known, metric)))
            .cloned()
            .collect();
        if new.is_empty() || self.counts != other.counts || self.inputs != other.inputs {
            return false;
        }
        let there = |name: &str| self.columns.iter().any(|column| column.name == name);
        let columns = other.columns.iter().filter(|column| !there(&column.name));
        let columns: Vec<PackedColumn> = columns.cloned().collect();
        let outdated = |known: &BaselineMetric| new.iter().any(|metric| metric.name == known.name);
        self.metrics.retain(|known| !outdated(known));
        self.metrics.extend(new);
        self.columns.extend(columns);
        self.seal();
        true
    }

    /// This baseline in brief, for the history of the one that takes its place.
    pub fn blessing(&self) -> Blessing {
        let values = self.metrics.iter();
        Blessing {
            accepted: self.accepted.clone(),
            values: values
                .map(|metric| (metric.name.clone(), metric.value))
                .collect(),
        }
    }

    /// The outcomes.
    pub fn outcomes(&self) -> Result<Outcomes, UnpackError> {
        unpack(self.counts.n, self.counts.replicates, &self.columns)
    }

    /// The run that was accepted, as far as it is kept: its ids and raw scores are not.
    pub fn run(&self) -> Result<Run, UnpackError> {
        Ok(self.run_with(self.outcomes()?))
    }

    /// The same where the outcomes are unpacked already.
    pub(super) fn run_with(&self, mut outcomes: Outcomes) -> Run {
        let mut taken = |name: &str| {
            let mut columns = outcomes.columns.iter();
            let place = columns.position(|column| column.spec.name == name)?;
            Some(outcomes.columns.remove(place).values)
        };
        let (clusters, slices) = (taken(CLUSTER), taken(SLICE));
        Run {
            identity: Identity {
                inputs: self.inputs.clone(),
                inputs_digest: self.inputs_digest.clone(),
                ids_digest: self.ids_digest.clone(),
                model: self.model.clone(),
                environment: self.environment.clone(),
            },
            outcomes,
            ids: None,
            clusters,
            slices: slices.map(|of| Slices {
                of,
                names: self.slices.clone(),
            }),
            ranked: Vec::new(),
        }
    }

    /// The outcomes of a retrain with the columns of `base`, which are those of this
    /// baseline, and its labels; `None` where one was not recorded.
    pub fn outcomes_of(&self, retrain: &Retrain, base: &Outcomes) -> Option<Outcomes> {
        let (examples, replicates) = (self.counts.n, self.counts.replicates);
        let recorded = unpack(examples, replicates, &retrain.columns).ok()?;
        let columns = base.columns.iter().map(|column| {
            if column.spec.name == LABEL {
                return Some(column.clone());
            }
            let found = recorded.column(&column.spec.name)?;
            (found.spec == column.spec && found.values.len() == column.values.len())
                .then(|| found.clone())
        });
        Some(Outcomes {
            columns: columns.collect::<Option<_>>()?,
            ..*base
        })
    }

    /// Whether `other` accepts the same outcomes of the same inputs, model and
    /// environment: then nothing is to be written, not even a reason. (A file that does
    /// not remember its examples is not the same as one that does.)
    pub fn is_same(&self, other: &Self) -> bool {
        let strip = |file: &Self| Self {
            accepted: other.accepted.clone(),
            history: Vec::new(),
            retrains: Vec::new(),
            digest: other.digest.clone(),
            ..file.clone()
        };
        strip(self) == strip(other)
    }
}

/// The text of a baseline file: one entry of the head a line, so that a change
/// reads well in a diff, and packed data without indentation, so that it is small.
pub fn render(file: &BaselineFile) -> String {
    // Plain values with text keys always serialise.
    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap_or_default()
    }
    fn list<T: Serialize>(items: &[T]) -> String {
        let items: Vec<String> = items
            .iter()
            .map(|item| format!("\n  {}", json(item)))
            .collect();
        format!("[{}\n ]", items.join(","))
    }
    fn object(value: &impl Serialize) -> String {
        let value = serde_json::to_value(value).unwrap_or_default();
        let entries = value.as_object().into_iter().flatten();
        let mut lines: Vec<String> = entries
            .map(|(key, value)| format!("\n  {}: {}", json(key), canonical_json(value)))
            .collect();
        lines.sort();
        format!("{{{}\n }}", lines.join(","))
    }
    let columns: Vec<String> = file
        .columns
        .iter()
        .map(|column| {
            let head = PackedColumn {
                data: Vec::new(),
                ..column.clone()
            };
            let lines: Vec<String> = column.data.iter().map(json).collect();
            let head = json(&head);
            let head = head.strip_suffix("[]}").unwrap_or(&head);
            format!("\n  {head}[\n{}]}}", lines.join(",\n"))
        })
        .collect();
    let mut entries = vec![
        ("schema", json(&file.schema)),
        ("case", json(&file.case)),
        ("metrics", list(&file.metrics)),
        ("counts", json(&file.counts)),
        ("inputs", object(&file.inputs)),
        ("inputs_digest", json(&file.inputs_digest)),
        ("model", object(&file.model)),
        ("environment", object(&file.environment)),
        ("accepted", object(&file.accepted)),
    ];
    if !file.history.is_empty() {
        entries.push(("history", list(&file.history)));
    }
    if let Some(anchor) = &file.anchor {
        entries.push(("anchor", json(anchor)));
    }
    if !file.retrains.is_empty() {
        entries.push(("retrains", list(&file.retrains)));
    }
    if let Some(merged) = &file.merged {
        entries.push(("merged", object(merged)));
    }
    if let Some(examples) = &file.examples {
        entries.push(("examples", json(examples)));
    }
    if !file.slices.is_empty() {
        entries.push(("slices", json(&file.slices)));
    }
    entries.extend([
        ("columns", format!("[{}\n ]", columns.join(","))),
        ("ids_digest", json(&file.ids_digest)),
        ("digest", json(&file.digest)),
    ]);
    let lines: Vec<String> = entries
        .into_iter()
        .map(|(key, value)| format!(" \"{key}\": {value}"))
        .collect();
    format!("{{\n{}\n}}\n", lines.join(",\n"))
}

/// Reads a baseline and checks all that can be checked without its case.
pub fn parse(path: &str, case: &str, text: &[u8]) -> Result<BaselineFile, BaselineError> {
    #[derive(Deserialize)]
    struct Head {
        schema: u32,
    }
    let malformed = |error: serde_json::Error| BaselineError::Malformed {
        path: path.to_owned(),
        case: case.to_owned(),
        reason: error.to_string(),
    };
    // No line of a baseline begins so.
    if text
        .split(|&byte| byte == b'\n')
        .any(|line| line.starts_with(b"<<<<<<< "))
    {
        return Err(BaselineError::Conflict {
            path: path.to_owned(),
            case: case.to_owned(),
        });
    }
    let head: Head = serde_json::from_slice(text).map_err(malformed)?;
    if !(OLDEST..=SCHEMA).contains(&head.schema) {
        return Err(BaselineError::Schema {
            path: path.to_owned(),
            found: head.schema,
        });
    }
    let file: BaselineFile = serde_json::from_slice(text).map_err(malformed)?;
    let actual = file.content_digest();
    if actual != file.digest {
        return Err(BaselineError::Digest {
            path: path.to_owned(),
            found: file.digest.short().to_owned(),
            actual: actual.short().to_owned(),
        });
    }
    if Digest::of_json(&file.inputs) != file.inputs_digest {
        return Err(BaselineError::Digest {
            path: path.to_owned(),
            found: file.inputs_digest.short().to_owned(),
            actual: Digest::of_json(&file.inputs).short().to_owned(),
        });
    }
    if file.case != case {
        return Err(BaselineError::Case {
            path: path.to_owned(),
            case: case.to_owned(),
            found: file.case,
        });
    }
    let names = file.slices.len();
    let outcomes = file.outcomes();
    let beyond = outcomes.as_ref().is_ok_and(|outcomes| {
        let slices = outcomes.column(SLICE);
        slices.is_some_and(|column| column.values.iter().any(|&of| of as usize >= names))
    });
    if beyond || file.counts.n == 0 {
        return Err(BaselineError::Malformed {
            path: path.to_owned(),
            case: case.to_owned(),
            reason: "it has no examples, or a slice without a name".to_owned(),
        });
    }
    let outcomes = outcomes.map_err(|source| BaselineError::Damaged {
        path: path.to_owned(),
        source,
    })?;
    match stated::contradiction(&file, outcomes) {
        None => Ok(file),
        Some(reason) => Err(BaselineError::Contradiction {
            path: path.to_owned(),
            reason,
        }),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::outcome::{Column, ColumnSpec};
    use crate::spec::MetricSpec;
    use proptest::prelude::*;
    use serde_json::json;

    /// A baseline as the digits suite has them, of `n` examples.
    fn draft(n: usize, replicates: usize, with_score: bool, fill: u32) -> Draft {
        let digest = Digest::of(b"x");
        let mut columns = vec![Column {
            spec: ColumnSpec::correct(),
            values: vec![fill % 2; n * replicates],
        }];
        if with_score {
            columns.push(Column {
                spec: ColumnSpec::score("brier_score", (0.0, 2.0)),
                values: vec![fill; n],
            });
        }
        let inputs = json!({
            "data": {"digest": digest.to_string(), "ids_digest": digest.to_string(), "inputs": "x", "labels": "y", "range": [0.0, 1.0]},
            "perturbation": {"kind": "gaussian_noise@1", "parameters": {"std": 0.08}},
            "replicates": replicates, "seed": 20260101, "seed_scope": "example",
        });
        let metric = |name: &str| BaselineMetric {
            name: name.to_owned(),
            identity: format!("{name}@1"),
            value: 0.123_456_789,
            interval: Some((0.1, 0.2)),
        };
        Draft {
            case: "digits::gaussian_noise::severity_3".to_owned(),
            metrics: vec![metric("accuracy"), metric("brier_score")],
            identity: Identity {
                inputs_digest: Digest::of_json(&inputs),
                inputs,
                ids_digest: digest.clone(),
                model: ModelIdentity {
                    origin: "onnx models/digits.onnx".to_owned(),
                    digest: Some(digest),
                    gives: "logits".to_owned(),
                    input: None,
                    output: None,
                },
                environment: Environment::of_engine("rten 0.27.0"),
            },
            outcomes: Outcomes {
                examples: n,
                replicates,
                columns,
            },
            accepted: Accepted {
                by: "A Tester <tester@example.org>".to_owned(),
                at: "2026-11-24T08:19:55Z".to_owned(),
                commit: Some("cbe35c93d1155c8ae081ab55ecfa3785be837785+".to_owned()),
                reason: "retrained with augmentation".to_owned(),
            },
            slices: if with_score {
                vec!["day".to_owned()]
            } else {
                Vec::new()
            },
            history: Vec::new(),
            examples: None,
        }
    }

    /// A baseline that was accepted on that day, and is another than that of any other day.
    pub fn of_day(day: u32) -> BaselineFile {
        let mut file = honest(draft(9, 2, false, day));
        file.accepted.at = format!("2026-11-{day:02}T08:00:00Z");
        file.accepted.reason = format!("day {day}");
        file.seal();
        file
    }

    /// The file of a draft of these examples, with the labels and the head that it must have
    /// to be read.
    fn honest(mut draft: Draft) -> BaselineFile {
        let examples = draft.outcomes.examples;
        draft.outcomes.columns.push(Column {
            spec: ColumnSpec::label(),
            values: vec![0; examples],
        });
        let columns = draft.outcomes.columns.len();
        draft.metrics.truncate(columns - 1);
        draft.slices.clear();
        let mut file = draft.finish();
        restate(&mut file);
        file
    }

    /// Makes the head what the columns say.
    fn restate(file: &mut BaselineFile) {
        let run = file.run().unwrap();
        let catalogue = crate::builtin::catalogue();
        for metric in &mut file.metrics {
            let spec = MetricSpec::from_identity(&catalogue, &metric.name, &metric.identity);
            *metric = stated::stated(&spec.unwrap(), &run);
        }
        file.seal();
    }

    #[test]
    fn ten_thousand_examples_take_what_the_format_promises() {
        let size = |with_score| render(&draft(10_000, 5, with_score, 1).finish()).len();
        assert!(
            size(false) <= 10_240,
            "{} bytes of correctness",
            size(false)
        );
        assert!(size(true) <= 40_960, "{} bytes with a score", size(true));
    }

    #[test]
    fn older_baselines_are_read_and_newer_ones_are_not() {
        let read = |schema: u32| {
            let mut file = honest(draft(9, 2, false, 7));
            file.schema = schema;
            file.seal();
            parse("b", &file.case, render(&file).as_bytes()).map(|read| read.schema)
        };
        assert_eq!((read(1).unwrap(), read(SCHEMA).unwrap()), (1, SCHEMA));
        for unknown in [0, SCHEMA + 1] {
            let error = read(unknown).unwrap_err();
            assert!(matches!(error, BaselineError::Schema { found, .. } if found == unknown));
        }
    }

    /// One change to a sealed file, each of which would pass a worse model or mislead a
    /// reviewer.
    #[test]
    fn a_head_that_its_columns_contradict_is_refused() {
        let read = |change: &dyn Fn(&mut BaselineFile)| {
            let mut file = honest(draft(9, 2, true, 7));
            change(&mut file);
            file.seal();
            let read = parse("b", &file.case, render(&file).as_bytes());
            read.err().map_or(String::new(), |error| error.to_string())
        };
        assert_eq!(read(&|_| {}), "");
        type Change = &'static dyn Fn(&mut BaselineFile);
        let cases: [(Change, &str); 10] = [
            (
                &|file| file.columns.clear(),
                "the column correct is not there",
            ),
            (
                &|file| drop(file.columns.remove(1)),
                "the column brier_score is not there",
            ),
            (
                &|file| file.columns[1].name = "other".to_owned(),
                "the column brier_score is not there",
            ),
            (
                &|file| drop(file.columns.pop()),
                "the column label is not there",
            ),
            (
                &|file| {
                    let mut more = file.columns[1].clone();
                    more.name = "more".to_owned();
                    file.columns.push(more);
                },
                "no metric that it states has the column more",
            ),
            (
                &|file| file.metrics[0].value = 0.988,
                "it states that accuracy is 0.988, and its columns give 1",
            ),
            (
                &|file| file.metrics[0].interval = Some((0.98, 0.99)),
                "another interval of accuracy",
            ),
            (
                &|file| file.metrics[1].interval = None,
                "another interval of brier_score",
            ),
            (
                &|file| {
                    let again = file.metrics[0].clone();
                    file.metrics.push(again);
                },
                "it states accuracy twice",
            ),
            (
                &|file| {
                    file.inputs["data"]["ids_digest"] = "x".into();
                    file.inputs_digest = Digest::of_json(&file.inputs);
                },
                "two digests of the examples' ids",
            ),
        ];
        for (change, words) in cases {
            let found = read(change);
            assert!(found.contains(words), "{words}: {found}");
        }
        // Of a retrain likewise.
        let found = read(&|file| {
            let mut columns = file.columns.clone();
            columns.retain(|column| column.name != "label");
            file.retrains = vec![Retrain {
                model: Digest::of(b"retrain"),
                accepted: file.accepted.clone(),
                metrics: vec![RetrainMetric {
                    identity: "accuracy@1".to_owned(),
                    value: 0.5,
                    error: 0.1,
                }],
                columns,
            }];
        });
        assert!(found.contains("accuracy@1 of the retrain"), "{found}");
    }

    #[test]
    fn only_outcomes_and_identities_make_a_file_another() {
        let file = draft(9, 2, true, 7).finish();
        let mut other = draft(9, 2, true, 7);
        other.accepted.reason = "something else".to_owned();
        assert!(file.is_same(&other.finish()));
        assert!(!file.is_same(&draft(9, 2, true, 8).finish()));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(
            n in 1usize..50, replicates in 1usize..4, with_score: bool, fill in 0u32..65_536, reason in "\\PC{0,40}",
        ) {
            let mut draft = draft(n, replicates, with_score, fill);
            draft.accepted.reason = reason;
            let mut file = honest(draft);
            file.history = vec![file.blessing(); n % 3];
            file.retrains = vec![
                Retrain {
                    model: Digest::of(b"retrain"),
                    accepted: file.accepted.clone(),
                    metrics: vec![RetrainMetric {
                        identity: "accuracy@1".to_owned(),
                        value: f64::from(fill % 2),
                        error: 1.0 / f64::from(fill.max(1)),
                    }],
                    columns: if with_score { file.columns.clone() } else { Vec::new() },
                };
                replicates % 3
            ];
            file.seal();
            file.anchor = with_score.then(|| Digest::of(b"anchor"));
            file.seal();
            let text = render(&file);
            let read = parse("baselines/x.json", &file.case, text.as_bytes()).unwrap();
            prop_assert_eq!(render(&read), text);
            prop_assert_eq!(read, file);
        }

        #[test]
        fn damage_is_an_error_and_never_a_panic(place in 0.0..1.0f64, bit in 0u8..8) {
            let file = honest(draft(40, 2, true, 9));
            let mut bytes = render(&file).into_bytes();
            let place = (place * bytes.len() as f64) as usize;
            // All but the newline at its end.
            let cut = parse("b", &file.case, &bytes[..place.min(bytes.len() - 2)]);
            prop_assert!(cut.is_err());
            bytes[place] ^= 1 << bit;
            // White space is no content: anything else is found.
            if let Ok(read) = parse("b", &file.case, &bytes) {
                prop_assert_eq!(read, file);
            }
        }
    }
}
