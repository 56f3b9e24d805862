//! Data sets: labelled examples, checked once, shared by all cases.
//!
//! Either the arrays of one file, which are in memory (`npz` and `npy` know how they
//! are stored, `table` what they mean), or a folder of images beside a labels file,
//! which are decoded when they are asked for (`labels` knows the file, `image` the
//! images, `folder` what belongs together). Which arrays or columns to read is the
//! spec's to say; what is done with the examples is the engine's.

use std::path::PathBuf;
use std::sync::OnceLock;

use ndarray::{ArrayD, Axis, CowArray, IxDyn};
use serde_json::Value;

use crate::digest::{Digest, Hasher};
use crate::fence::Fence;
use crate::file;
use crate::seed::Stream;

mod array;
mod deviations;
mod error;
mod folder;
mod image;
mod labels;
mod npy;
mod npz;
mod table;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use error::{DataError, ImageFault, Problem};

/// Names the random stream of [`Limit`]; another way to draw needs another version.
const LIMIT_ALGORITHM: &str = "data_limit@1";

/// What to read, as a spec asks for it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The file to open: `.npz`, or the `.csv` that labels the images in its folder.
    pub path: PathBuf,
    /// The file as the spec writes it, for messages.
    pub shown: String,
    /// The name of the array of inputs: float32, float64 or uint8, `[examples, …]`;
    /// or of the column of image files, relative to the labels file's folder.
    pub inputs: String,
    /// The name of the array or column of labels: integers from 0, `[examples]`.
    pub labels: String,
    /// The name of the array or column of ids: integers or strings, `[examples]`, no two
    /// the same. `None`: an example's id is its position in the file, from 0.
    pub ids: Option<String>,
    /// The name of an array or column of integers or strings, `[examples]`: rows in which
    /// it is the same are not independent of each other.
    pub cluster: Option<String>,
    /// The name of an array or column of integers or strings, `[examples]`: the slice of
    /// the data that each row is in.
    pub slice: Option<String>,
    /// The least and the greatest value of an input, both allowed.
    pub range: (f64, f64),
    /// The most bytes that arrays may take once they are unpacked, all that are used together.
    pub unpacked_limit: u64,
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
/// range that was asked for, or an image that is yet to be decoded, and there is one
/// label, one id and, where asked for, one cluster for each example, of which there is
/// at least one.
#[derive(Debug)]
pub struct Dataset {
    shown: String,
    labels_name: String,
    inputs: Inputs,
    labels: Vec<usize>,
    /// The examples' positions in the file, ascending.
    rows: Vec<usize>,
    ids: Vec<String>,
    clusters: Option<Vec<usize>>,
    slices: Option<Slices>,
    digest: Digest,
    ids_digest: Digest,
    quantised: bool,
    /// Computed when they are first asked for.
    deviations: OnceLock<Vec<f64>>,
}

/// Where the inputs are.
#[derive(Debug)]
enum Inputs {
    /// `[examples, …]`, the last axis varying fastest.
    Array(ArrayD<f32>),
    Images(folder::Images),
}

/// What is said of every row of a file, beside its input.
struct Columns {
    labels: Vec<usize>,
    ids: Vec<String>,
    clusters: Option<Vec<String>>,
    slices: Option<Vec<String>>,
}

/// Which slice each example is in.
#[derive(Debug)]
struct Slices {
    numbers: Vec<usize>,
    names: Vec<String>,
}

/// Reads and checks a data set: the arrays of an `.npz` file, or the images that a
/// `.csv` file labels.
///
/// An `.npz` file is read once, so that the [digest](Dataset::digest) is that of the
/// very bytes that were decoded. Of a folder every image is hashed and its header
/// checked, in parallel; its pixels are decoded by [`Dataset::example`], from bytes that
/// still have that hash. Only the arrays or columns that `request` names are read, and
/// all rows of them are checked and hashed, also those that a limit leaves out.
///
/// The file is one that whoever runs this named. What a labels file names must be within
/// its repository, or its folder, or a folder of `STEADFAST_ROOTS`: see [`Fence`].
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
///     unpacked_limit: 8 << 30,
///     limit: None,
/// })?;
/// digits.check_labels(10)?;
/// println!("{} examples of shape {:?}", digits.len(), digits.shape());
/// # Ok::<(), steadfast::data::DataError>(())
/// ```
pub fn open(request: &Request) -> Result<Dataset, DataError> {
    let read = || {
        let fence = Fence::around(&folder::of(&request.path)?);
        decode(request, || file::read(&request.path), &fence)
    };
    read().map_err(|problem| problem.of(request))
}

/// The same for a request that a repository makes: the file, too, must be within the
/// `fence`.
///
/// # Errors
///
/// As [`open`].
pub fn open_within(request: &Request, fence: &Fence) -> Result<Dataset, DataError> {
    let read = || fence.read(&request.path);
    decode(request, read, fence).map_err(|problem| problem.of(request))
}

fn decode(
    request: &Request,
    read: impl FnOnce() -> std::io::Result<Vec<u8>>,
    fence: &Fence,
) -> Result<Dataset, Problem> {
    let bytes = || read().map_err(Problem::Unreadable);
    match request.path.extension() {
        Some(extension) if extension.eq_ignore_ascii_case("npz") => {
            decode_arrays(&bytes()?, request)
        }
        Some(extension) if extension.eq_ignore_ascii_case("csv") => {
            open_folder(&bytes()?, request, fence)
        }
        _ => Err(Problem::UnknownFormat),
    }
}

/// The data set in the `.npz` file that `bytes` are.
fn decode_arrays(bytes: &[u8], request: &Request) -> Result<Dataset, Problem> {
    let mut archive = npz::Archive::open(bytes, request.unpacked_limit)?;
    let (inputs, quantised) = table::inputs(&mut archive, &request.inputs, request.range)?;
    let columns = table::columns(&mut archive, request, inputs.len_of(Axis(0)))?;
    let rows = rows(request.limit, columns.labels.len())?;
    let inputs = match rows.len() == columns.labels.len() {
        true => inputs,
        false => inputs.select(Axis(0), &rows),
    };
    let inputs = (Inputs::Array(inputs), quantised);
    Ok(Dataset::new(
        request,
        inputs,
        columns,
        rows,
        Digest::of(bytes),
    ))
}

/// The data set whose labels file `bytes` are.
fn open_folder(bytes: &[u8], request: &Request, fence: &Fence) -> Result<Dataset, Problem> {
    let (images, columns, digest) = folder::open(bytes, request, fence)?;
    let rows = rows(request.limit, columns.labels.len())?;
    let inputs = (Inputs::Images(images.select(&rows)), true);
    Ok(Dataset::new(request, inputs, columns, rows, digest))
}

/// The rows that are used, ascending.
fn rows(limit: Option<Limit>, examples: usize) -> Result<Vec<usize>, Problem> {
    match limit {
        None => Ok((0..examples).collect()),
        Some(limit) => draw(limit, examples),
    }
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
    /// The data set of those `rows` of `columns` whose inputs are given, with whether
    /// they are 8-bit levels.
    fn new(
        request: &Request,
        (inputs, quantised): (Inputs, bool),
        columns: Columns,
        rows: Vec<usize>,
        digest: Digest,
    ) -> Self {
        let ids = pick(&columns.ids, &rows);
        Self {
            shown: request.shown.clone(),
            labels_name: request.labels.clone(),
            inputs,
            labels: pick(&columns.labels, &rows),
            clusters: columns
                .clusters
                .map(|clusters| table::number(&pick(&clusters, &rows)).0),
            slices: columns.slices.map(|slices| {
                let (numbers, names) = table::number(&pick(&slices, &rows));
                Slices { numbers, names }
            }),
            digest,
            ids_digest: Digest::of_json(&Value::from(ids.clone())),
            rows,
            ids,
            quantised,
            deviations: OnceLock::new(),
        }
    }

    /// The number of examples, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a data set is never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The shape of one example, without the axis of examples; of an image
    /// `[channels, height, width]`.
    pub fn shape(&self) -> &[usize] {
        match &self.inputs {
            Inputs::Array(inputs) => inputs.shape().get(1..).unwrap_or_default(),
            Inputs::Images(images) => images.shape(),
        }
    }

    /// The input of one example, of [this shape](Self::shape): a view of an array, or an
    /// image that is decoded now.
    ///
    /// # Errors
    ///
    /// A [`DataError`] for an image that cannot be decoded, or whose file is another than
    /// it was when the data set was opened.
    ///
    /// # Panics
    ///
    /// Where `example` is not below [`len`](Self::len).
    pub fn example(&self, example: usize) -> Result<CowArray<'_, f32, IxDyn>, DataError> {
        match &self.inputs {
            Inputs::Array(inputs) => Ok(inputs.index_axis(Axis(0), example).into()),
            Inputs::Images(images) => match images.decode(example) {
                Ok(image) => Ok(image.into()),
                Err(problem) => Err(self.error(problem)),
            },
        }
    }

    /// Adds what the input of one example is known by: its values as little-endian
    /// float32, or the digest of its image file, which is not read again.
    ///
    /// # Panics
    ///
    /// Where `example` is not below [`len`](Self::len).
    pub fn hash_input(&self, example: usize, hasher: &mut Hasher) {
        match &self.inputs {
            Inputs::Array(inputs) => {
                let values = inputs.index_axis(Axis(0), example);
                let bytes: Vec<u8> = values
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                hasher.update(&bytes);
            }
            Inputs::Images(images) => {
                hasher.update(images.digest(example).to_string().as_bytes());
            }
        }
    }

    /// Each example's class, from 0.
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// Each example's id. Where the spec names no ids it is the position in the file,
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

    /// The SHA-256 of the file; of a folder that of the digests, as text, of the labels
    /// file and of every row's image, in the order of the rows.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The SHA-256 of the ids of these examples, in order, as a JSON array of
    /// strings without spaces.
    pub fn ids_digest(&self) -> &Digest {
        &self.ids_digest
    }

    /// The standard deviation of each column of a table over these examples; `None`: they
    /// are no rows of a table.
    pub fn deviations(&self) -> Option<&[f64]> {
        match &self.inputs {
            Inputs::Array(inputs) if inputs.ndim() == 2 => Some(
                self.deviations
                    .get_or_init(|| deviations::deviations(inputs)),
            ),
            _ => None,
        }
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
        let labels = self.labels.iter().enumerate();
        let Some((example, &value)) = labels.into_iter().find(|&(_, &label)| label >= classes)
        else {
            return Ok(());
        };
        let place = match &self.inputs {
            Inputs::Array(_) => format!("`{}[{}]`", self.labels_name, self.rows[example]),
            Inputs::Images(images) => images.place(example),
        };
        Err(self.error(Problem::LabelBeyondClasses {
            place,
            value,
            classes,
        }))
    }

    fn error(&self, problem: Problem) -> DataError {
        DataError {
            file: self.shown.clone(),
            problem: Box::new(problem),
        }
    }
}
