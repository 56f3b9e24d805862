//! One case's versioned result: what ran, on what, what came out, and what was
//! found. Every case writes one, in CI too; `bless` works from records alone.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::file::write_atomically;
use crate::outcome::{
    Column, ColumnSpec, LABEL, Outcomes, PackedColumn, UnpackError, pack, unpack,
};
use crate::provenance::{Commit, Host, Identity};
use crate::spec::Direction;
use crate::verdict::{Status, Verdict};

/// The version of the record's format.
pub const SCHEMA: u32 = 2;

/// The oldest that reports read: without a digest. `bless` takes the newest only.
const OLDEST: u32 = 1;

/// Example ids that a message lists.
const LISTED: usize = 10;

/// What the execution of a case gives, before anything is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// What decided the outcomes.
    pub identity: Identity,
    /// The outcomes, with the column of labels.
    pub outcomes: Outcomes,
    /// The ids of the examples; `None`: they are 0, 1, 2, ….
    pub ids: Option<Vec<String>>,
    /// Which rows belong together, numbered from 0; `None`: all are independent.
    pub clusters: Option<Vec<u32>>,
    /// Which slice each example is in; `None`: the data names none.
    pub slices: Option<Slices>,
    /// What the columns of ranks are of, where the run was made here: ranks of several
    /// cells say nothing beside each other. No record keeps them.
    pub ranked: Vec<(String, Vec<f64>)>,
}

/// The slices of the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slices {
    /// Each example's, by number.
    pub of: Vec<u32>,
    /// What they are called.
    pub names: Vec<String>,
}

impl Run {
    /// The id of an example.
    pub fn id(&self, example: usize) -> String {
        match &self.ids {
            Some(ids) => ids.get(example).cloned().unwrap_or_default(),
            None => example.to_string(),
        }
    }

    /// The same run of the examples at `places` only. Clusters and slices are
    /// numbered anew, as they first appear.
    pub fn examples_at(&self, places: &[usize]) -> Self {
        let clusters = self.clusters.as_deref();
        Self {
            identity: self.identity.clone(),
            outcomes: self.outcomes.examples_at(places),
            ids: Some(places.iter().map(|&place| self.id(place)).collect()),
            clusters: clusters.map(|clusters| renumbered(clusters, places).0),
            slices: self.slices.as_ref().map(|slices| {
                let (of, numbers) = renumbered(&slices.of, places);
                let name = |number: &u32| slices.names.get(*number as usize).cloned();
                Slices {
                    of,
                    names: numbers.iter().filter_map(name).collect(),
                }
            }),
            ranked: Vec::new(),
        }
    }

    /// The ids of some examples in words: the first ten, and how many there are.
    pub fn listed(&self, examples: &[usize]) -> String {
        let first = examples.iter().take(LISTED);
        let ids: Vec<String> = first.map(|&example| self.id(example)).collect();
        let more = if examples.len() > LISTED {
            format!(", … ({} in all)", examples.len())
        } else {
            String::new()
        };
        format!("{}{more}", ids.join(", "))
    }

    /// What the slices are called, by number.
    pub fn slice_names(&self) -> &[String] {
        self.slices.as_ref().map_or(&[], |slices| &slices.names)
    }

    /// What a baseline keeps: the columns that metrics need, and with them labels, clusters
    /// and slices, which data that change may not change unseen. `None` where one of
    /// `columns` is not there.
    pub fn kept(&self, columns: &[ColumnSpec]) -> Option<Outcomes> {
        let mut kept = self.outcomes.select(columns)?;
        kept.columns.extend(self.outcomes.column(LABEL).cloned());
        let slices = self.slices.as_ref().map(|slices| &slices.of);
        for (spec, values) in [
            (ColumnSpec::cluster(), self.clusters.as_ref()),
            (ColumnSpec::slice(), slices),
        ] {
            kept.columns.extend(values.map(|values| Column {
                spec,
                values: values.clone(),
            }));
        }
        Some(kept)
    }

    /// The true classes.
    pub fn labels(&self) -> &[u32] {
        self.outcomes
            .column(LABEL)
            .map_or(&[], |column| &column.values)
    }
}

/// The numbers at `places`, numbered anew as they first appear, and what each new
/// number was.
fn renumbered(numbers: &[u32], places: &[usize]) -> (Vec<u32>, Vec<u32>) {
    let mut known = std::collections::HashMap::new();
    let mut before = Vec::new();
    let anew = places
        .iter()
        .filter_map(|&place| numbers.get(place))
        .map(|&number| {
            *known.entry(number).or_insert_with(|| {
                before.push(number);
                before.len() as u32 - 1
            })
        })
        .collect();
    (anew, before)
}

/// A record file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The case's name.
    pub case: String,
    /// What the records of one run share.
    pub run_id: String,
    /// `robustness-specs/digits.toml:41`.
    pub place: String,
    /// The digest of the spec's text.
    pub spec_digest: crate::digest::Digest,
    /// The spec's seed.
    pub seed: u64,
    /// Each perturbation and metric as `name@version`.
    pub algorithms: Vec<String>,
    /// The version of steadfast.
    pub steadfast: String,
    /// The commit of the repository.
    pub commit: Option<Commit>,
    /// The machine.
    pub host: Host,
    /// When it began, RFC 3339.
    pub started: String,
    /// How long it took.
    pub seconds: f64,
    /// The verdict at the time.
    pub verdict: Verdict,
    /// What it did to the trial.
    pub status: Status,
    /// The value of each metric.
    pub metrics: Vec<MetricValue>,
    /// The message that the trial gave, if it had something to say.
    pub message: Option<String>,
    /// What decided the outcomes; `None` where the case errored.
    pub identity: Option<Identity>,
    /// Number of examples.
    pub examples: usize,
    /// Draws an example.
    pub replicates: usize,
    /// The ids of the examples; `None`: they are 0, 1, 2, ….
    pub ids: Option<Vec<String>>,
    /// Which rows belong together.
    pub clusters: Option<Vec<u32>>,
    /// The examples are all there are, and no sample.
    #[serde(skip_serializing_if = "is_false", default)]
    pub exhaustive: bool,
    /// Which slice each example is in.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub slices: Option<Slices>,
    /// The outcomes.
    pub columns: Vec<PackedColumn>,
    /// The digest of the canonical JSON of all the rest, made when the record is written:
    /// it finds accidents, and stops nobody who makes another.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub digest: Option<Digest>,
}

/// A metric's value in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricValue {
    /// What the spec calls it.
    pub name: String,
    /// `name@version(parameters)`.
    pub identity: String,
    /// Its value.
    pub value: f64,
    /// The verdict about it; `None`: it is only reported, or nothing was judged.
    pub verdict: Option<Verdict>,
    /// The change to the baseline, with its limits and p-value, in words.
    pub evidence: Option<String>,
    /// The largest tolerable harm, as the spec writes it; `None`: it is only reported.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub margin: Option<String>,
    /// Which change is harm, where the spec judges the metric.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub direction: Option<Direction>,
}

fn is_false(value: &bool) -> bool {
    !value
}

/// Why a record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// It is not there.
    #[error("{case} has no record. Run it first")]
    Missing {
        /// The case's name.
        case: String,
    },
    /// It cannot be read.
    #[error("failed to read the record {path}: {source}. Run the case again")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It is not a record of this version.
    #[error("failed to parse the record {path}: {reason}. Run the case again")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What was met.
        reason: String,
    },
    /// It is not what was written.
    #[error(
        "the record {path} was changed after its run, or is damaged: its digest is not that of its content. Run the case again"
    )]
    Digest {
        /// The file.
        path: PathBuf,
    },
    /// Its outcomes are damaged.
    #[error("failed to unpack the record {path}: {source}. Run the case again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was met.
        source: UnpackError,
    },
}

impl From<RecordError> for Error {
    fn from(error: RecordError) -> Self {
        Self::new(ErrorKind::Evidence, error)
    }
}

/// Where the record of a case stands under the state folder.
pub fn path(state: &Path, case: &str) -> PathBuf {
    let mut path = state.join("records");
    path.extend(case.split("::"));
    path.set_file_name(format!(
        "{}.json",
        path.file_name().unwrap_or_default().to_string_lossy()
    ));
    path
}

impl Record {
    /// Fills in the outcomes of `run`.
    pub fn with_run(mut self, run: &Run) -> Self {
        self.examples = run.outcomes.examples;
        self.replicates = run.outcomes.replicates;
        self.columns = pack(&run.outcomes);
        self.identity = Some(run.identity.clone());
        self.ids = run.ids.clone();
        self.clusters = run.clusters.clone();
        self.slices = run.slices.clone();
        self
    }

    /// The run that the record is of; `None` where the case errored.
    pub fn run(&self, state: &Path) -> Result<Option<Run>, RecordError> {
        self.run_in(path(state, &self.case))
    }

    /// The same of a record that was read from `path`.
    pub fn run_in(&self, path: PathBuf) -> Result<Option<Run>, RecordError> {
        let Some(identity) = self.identity.clone() else {
            return Ok(None);
        };
        let malformed = |reason: &str| RecordError::Malformed {
            path: path.clone(),
            reason: reason.to_owned(),
        };
        let outcomes = unpack(self.examples, self.replicates, &self.columns).map_err(|source| {
            RecordError::Damaged {
                path: path.clone(),
                source,
            }
        })?;
        if self
            .ids
            .as_ref()
            .is_some_and(|ids| ids.len() != self.examples)
            || self
                .clusters
                .as_ref()
                .is_some_and(|clusters| clusters.len() != self.examples)
        {
            return Err(malformed("ids or clusters are not as many as the examples"));
        }
        let is_slice = |slices: &Slices| {
            let names = slices.names.len();
            slices.of.len() == self.examples && slices.of.iter().all(|&of| (of as usize) < names)
        };
        if !self.slices.as_ref().is_none_or(is_slice) {
            return Err(malformed("slices are not one an example, each with a name"));
        }
        if outcomes.column(LABEL).is_none() {
            return Err(malformed("the labels are missing"));
        }
        Ok(Some(Run {
            identity,
            outcomes,
            ids: self.ids.clone(),
            clusters: self.clusters.clone(),
            slices: self.slices.clone(),
            ranked: Vec::new(),
        }))
    }

    /// The digest of everything but the digest itself.
    fn content_digest(&self) -> Digest {
        let mut value = serde_json::to_value(self).unwrap_or_default();
        if let Some(object) = value.as_object_mut() {
            object.remove("digest");
        }
        Digest::of_json(&value)
    }

    /// Writes the record whole or not at all.
    pub fn write(&self, state: &Path) -> Result<(), Error> {
        let path = path(state, &self.case);
        let sealed = Self {
            digest: Some(self.content_digest()),
            ..self.clone()
        };
        let mut text =
            serde_json::to_vec(&sealed).map_err(|error| Error::new(ErrorKind::Defect, error))?;
        text.push(b'\n');
        write_atomically(&path, &text).map_err(|error| {
            let message = format!(
                "failed to write the record {}: {error}. Is the folder writable? {} moves it",
                path.display(),
                crate::env::STATE_VARIABLE
            );
            Error::new(ErrorKind::Evidence, message)
        })
    }

    /// Reads the newest record of a case.
    pub fn read(state: &Path, case: &str) -> Result<Self, RecordError> {
        let path = path(state, case);
        if !path.exists() {
            return Err(RecordError::Missing {
                case: case.to_owned(),
            });
        }
        let record = Self::open(&path)?;
        if record.case != case {
            return Err(RecordError::Malformed {
                path,
                reason: format!("it is of the case {}", record.case),
            });
        }
        Ok(record)
    }

    /// Reads a record, whichever case it is of.
    pub fn open(path: &Path) -> Result<Self, RecordError> {
        let text = crate::file::read(path).map_err(|source| RecordError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        let malformed = |reason: String| RecordError::Malformed {
            path: path.to_owned(),
            reason,
        };
        let record: Self =
            serde_json::from_slice(&text).map_err(|error| malformed(error.to_string()))?;
        if !(OLDEST..=SCHEMA).contains(&record.schema) {
            return Err(malformed(format!(
                "its schema is {}, and this steadfast reads {OLDEST} to {SCHEMA}",
                record.schema
            )));
        }
        let sealed = record.digest.as_ref();
        if record.schema == SCHEMA && sealed != Some(&record.content_digest()) {
            return Err(RecordError::Digest {
                path: path.to_owned(),
            });
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What tells changed data apart from changed answers.
    #[test]
    fn a_baseline_keeps_labels_clusters_and_slices() {
        let column = |spec: ColumnSpec, values: &[u32]| Column {
            spec,
            values: values.to_vec(),
        };
        let mut run = Run {
            identity: Identity::of_nothing(),
            outcomes: Outcomes {
                examples: 2,
                replicates: 1,
                columns: vec![
                    column(ColumnSpec::class(), &[1, 2]),
                    column(ColumnSpec::correct(), &[1, 0]),
                    column(ColumnSpec::label(), &[1, 1]),
                ],
            },
            ids: None,
            clusters: Some(vec![0, 3]),
            slices: Some(Slices {
                of: vec![1, 0],
                names: vec!["day".to_owned(), "night".to_owned()],
            }),
            ranked: Vec::new(),
        };
        let names = |run: &Run| -> Vec<String> {
            let kept = run.kept(&[ColumnSpec::correct()]).unwrap();
            kept.columns
                .into_iter()
                .map(|column| column.spec.name)
                .collect()
        };
        assert_eq!(names(&run), ["correct", "label", "cluster", "slice"]);
        assert_eq!(run.kept(&[ColumnSpec::confidence()]), None);
        (run.clusters, run.slices) = (None, None);
        assert_eq!(names(&run), ["correct", "label"]);
    }

    #[test]
    fn what_is_left_is_numbered_anew_in_the_order_of_its_appearance() {
        // Of the numbers 2 0 2 1 the first is left out: 0 2 1.
        assert_eq!(
            renumbered(&[2, 0, 2, 1], &[1, 2, 3]),
            (vec![0, 1, 2], vec![0, 2, 1])
        );
        assert_eq!(
            renumbered(&[5, 5, 7], &[2, 0, 1]),
            (vec![0, 1, 1], vec![7, 5])
        );
    }
}
