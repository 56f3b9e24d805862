//! Data sets: labelled examples read from a file, checked once, shared by all
//! cases.
//!
//! `npz` and `npy` know how arrays are stored, `table` what they mean. Which
//! arrays to read is the spec's to say; what is done with the examples is the
//! engine's.

use std::path::{Path, PathBuf};

use ndarray::{ArrayD, ArrayViewD, Axis};
use serde_json::Value;

use crate::digest::Digest;
use crate::seed::Stream;

mod array;
mod error;
mod npy;
mod npz;
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use error::{DataError, Problem};

/// Names the random stream of [`Limit`]; another way to draw needs another version.
const LIMIT_ALGORITHM: &str = "data_limit@1";

/// What to read, as a spec asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The file to open.
    pub path: PathBuf,
    /// The file as the spec writes it, for messages.
    pub shown: String,
    /// The name of the array of inputs: float32, float64 or uint8, `[examples, …]`.
    pub inputs: String,
    /// The name of the array of labels: integers from 0, `[examples]`.
    pub labels: String,
    /// The name of the array of ids: integers or strings, `[examples]`, no two the
    /// same. `None`: an example's id is its position in the file, from 0.
    pub ids: Option<String>,
    /// The name of an array of integers or strings, `[examples]`: rows in which it
    /// is the same are not independent of each other.
    pub cluster: Option<String>,
    /// The name of an array of integers or strings, `[examples]`: the slice of the
    /// data that each row is in.
    pub slice: Option<String>,
    /// The least and the greatest value of an input, both allowed.
    pub range: (f64, f64),
    /// `None`: all examples.
    pub limit: Option<Limit>,
}

/// A draw of some of the examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many, at least one and at most all.
    pub examples: usize,
    /// The seed of the draw.
    pub seed: u64,
}

/// Labelled examples that were checked: every input is a finite float32 within the
/// range that was asked for, and there is one label, one id and, where asked for,
/// one cluster for each example, of which there is at least one.
#[derive(Debug)]
pub struct Dataset {
    shown: String,
    labels_name: String,
    inputs: ArrayD<f32>,
    labels: Vec<usize>,
    /// The examples' positions in the file, ascending.
    rows: Vec<usize>,
    ids: Vec<String>,
    clusters: Option<Vec<usize>>,
    slices: Option<Slices>,
    digest: Digest,
    ids_digest: Digest,
    quantised: bool,
}

/// Which slice each example is in.
#[derive(Debug)]
struct Slices {
    numbers: Vec<usize>,
    names: Vec<String>,
}

/// Reads and checks a data set.
///
/// The file is read once, so that the [digest](Dataset::digest) is that of the very
/// bytes that were decoded. Only the arrays that `request` names are decoded, and
/// all rows of them are checked, also those that a limit leaves out.
///
/// # Errors
///
/// A [`DataError`] for a file that cannot be read, and for anything in it that is
/// not as [`Request`] says.
///
/// ```no_run
/// use steadfast::data::{Request, open};
/// let digits = open(&Request {
///     path: "data/digits_test.npz".into(),
///     shown: "data/digits_test.npz".to_owned(),
///     inputs: "x".to_owned(),
///     labels: "y".to_owned(),
///     ids: None,
///     cluster: None,
///     slice: None,
///     range: (0.0, 1.0),
///     limit: None,
/// })?;
/// digits.check_labels(10)?;
/// println!("{} examples of shape {:?}", digits.len(), digits.shape());
/// # Ok::<(), steadfast::data::DataError>(())
/// ```
pub fn open(request: &Request) -> Result<Dataset, DataError> {
    read_file(&request.path)
        .and_then(|bytes| decode(&bytes, request))
        .map_err(|problem| DataError {
            file: request.shown.clone(),
            problem: Box::new(problem),
        })
}

fn read_file(path: &Path) -> Result<Vec<u8>, Problem> {
    match path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("npz") => {
            std::fs::read(path).map_err(Problem::Unreadable)
        }
        _ => Err(Problem::UnknownFormat),
    }
}

fn decode(bytes: &[u8], request: &Request) -> Result<Dataset, Problem> {
    let mut archive = npz::Archive::open(bytes)?;
    let (inputs, quantised) = table::inputs(&mut archive, &request.inputs, request.range)?;
    let examples = inputs.len_of(Axis(0));
    let check_length = |array: &str, key: &'static str, rows: usize| match rows == examples {
        true => Ok(()),
        false => Err(Problem::DifferentLengths {
            inputs: request.inputs.clone(),
            examples,
            array: array.to_owned(),
            key,
            rows,
        }),
    };

    let labels = table::labels(&mut archive, &request.labels)?;
    check_length(&request.labels, table::LABELS.key, labels.len())?;
    let ids = match &request.ids {
        None => (0..examples).map(|row| row.to_string()).collect(),
        Some(name) => {
            let ids = table::names(&mut archive, name, &table::IDS)?;
            check_length(name, table::IDS.key, ids.len())?;
            table::check_unique(&ids, name)?;
            ids
        }
    };
    let mut group = |array: &Option<String>, role: &array::Role| match array {
        None => Ok(None),
        Some(name) => {
            let groups = table::names(&mut archive, name, role)?;
            check_length(name, role.key, groups.len())?;
            Ok(Some(groups))
        }
    };
    let clusters = group(&request.cluster, &table::CLUSTER)?;
    let slices = group(&request.slice, &table::SLICE)?;

    let rows = match request.limit {
        None => (0..examples).collect(),
        Some(limit) => draw(limit, examples)?,
    };
    let inputs = match rows.len() == examples {
        true => inputs,
        false => inputs.select(Axis(0), &rows),
    };
    let ids: Vec<String> = pick(&ids, &rows);
    Ok(Dataset {
        shown: request.shown.clone(),
        labels_name: request.labels.clone(),
        inputs,
        labels: pick(&labels, &rows),
        clusters: clusters.map(|clusters| table::number(&pick(&clusters, &rows)).0),
        slices: slices.map(|slices| {
            let (numbers, names) = table::number(&pick(&slices, &rows));
            Slices { numbers, names }
        }),
        digest: Digest::of(bytes),
        ids_digest: Digest::of_json(&Value::from(ids.clone())),
        rows,
        ids,
        quantised,
    })
}

/// The rows of a limit, ascending: all subsets of its size are equally likely.
///
/// A partial shuffle (Fisher and Yates 1938; Durstenfeld 1964, Algorithm 235).
fn draw(limit: Limit, examples: usize) -> Result<Vec<usize>, Problem> {
    if limit.examples == 0 || limit.examples > examples {
        return Err(Problem::Limit {
            limit: limit.examples,
            examples,
        });
    }
    let mut stream = Stream::new(limit.seed, LIMIT_ALGORITHM, 0, "");
    let mut rows: Vec<usize> = (0..examples).collect();
    for drawn in 0..limit.examples {
        let left = (examples - drawn) as u64;
        rows.swap(drawn, drawn + stream.below(left) as usize);
    }
    rows.truncate(limit.examples);
    rows.sort_unstable();
    Ok(rows)
}

/// The values of `rows`.
fn pick<T: Clone>(values: &[T], rows: &[usize]) -> Vec<T> {
    rows.iter()
        .filter_map(|&row| values.get(row).cloned())
        .collect()
}

impl Dataset {
    /// The number of examples, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The shape of one example, without the axis of examples.
    pub fn shape(&self) -> &[usize] {
        self.inputs.shape().get(1..).unwrap_or_default()
    }

    /// All inputs, `[examples, …]`, the last axis varying fastest.
    pub fn inputs(&self) -> ArrayViewD<'_, f32> {
        self.inputs.view()
    }

    /// The input of one example, of [this shape](Self::shape).
    ///
    /// # Panics
    ///
    /// Where `example` is not below [`len`](Self::len).
    pub fn example(&self, example: usize) -> ArrayViewD<'_, f32> {
        self.inputs.index_axis(Axis(0), example)
    }

    /// Each example's class, from 0.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Each example's id. Without an array of ids it is the position in the file,
    /// which a [`Limit`] does not change.
    pub fn ids(&self) -> &[String] {
        &self.ids
    }

    /// Each example's cluster, numbered 0, 1, 2, … as they first appear.
    pub fn clusters(&self) -> Option<&[usize]> {
        self.clusters.as_deref()
    }

    /// Each example's slice, numbered 0, 1, 2, … as they first appear.
    pub fn slices(&self) -> Option<&[usize]> {
        self.slices.as_ref().map(|slices| slices.numbers.as_slice())
    }

    /// What the slices are called, by number; none where none were asked for.
    pub fn slice_names(&self) -> &[String] {
        self.slices.as_ref().map_or(&[], |slices| &slices.names)
    }

    /// The SHA-256 of the file.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The SHA-256 of the ids of these examples, in order, as a JSON array of
    /// strings without spaces.
    pub fn ids_digest(&self) -> &Digest {
        &self.ids_digest
    }

    /// Whether the inputs were uint8: 256 levels in equal steps over the range.
    pub fn quantised(&self) -> bool {
        self.quantised
    }

    /// Checks that a model with `classes` classes has one for every label.
    ///
    /// # Errors
    ///
    /// A [`DataError`] that names the first row whose label is `classes` or more.
    pub fn check_labels(&self, classes: usize) -> Result<(), DataError> {
        let beyond = self
            .rows
            .iter()
            .zip(&self.labels)
            .find(|&(_, &label)| label >= classes);
        match beyond {
            None => Ok(()),
            Some((row, &value)) => Err(DataError {
                file: self.shown.clone(),
                problem: Box::new(Problem::LabelBeyondClasses {
                    element: format!("{}[{row}]", self.labels_name),
                    value,
                    classes,
                }),
            }),
        }
    }
}
