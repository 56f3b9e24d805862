//! What `init` and `doctor` make of data and of a model of which no spec says
//! anything yet.

use std::path::Path;
use std::time::Duration;

use ndarray::{ArrayD, ArrayView1, Axis};
use steadfast::data::{self, Dataset};
use steadfast::error::{Error, ErrorKind};
use steadfast::model::onnx::child::Limits;
use steadfast::model::{Gives, ModelError};

/// The most examples a forward pass.
pub const BATCH: usize = 64;

/// What the trial of a model may take, as without a word in a spec.
pub fn limits() -> Limits {
    Limits {
        memory: 8 << 30,
        time: Duration::from_secs(300),
        remembered: None,
    }
}

/// The most numbers of one: seven images of 224 x 224 pixels. A network holds some hundred
/// times as many while it computes a gradient.
const BATCH_NUMBERS: usize = 1 << 20;

/// The most examples that are asked about.
const MOST: usize = 1000;

/// The most numbers that they may be: 128 MB.
const MOST_NUMBERS: usize = 1 << 25;

/// A labelled data file.
#[derive(clap::Args)]
pub struct Columns {
    /// The array of inputs, or the column of image files; x or file where not given
    #[arg(long)]
    pub inputs: Option<String>,
    /// The array or column of labels; y or label where not given
    #[arg(long)]
    pub labels: Option<String>,
    /// The array or column of the examples' ids; where not given the row numbers, and of a
    /// folder of images their files
    #[arg(long)]
    pub ids: Option<String>,
}

/// A data file that was opened.
pub struct Opened {
    /// What is in it.
    pub data: Dataset,
    /// Its range.
    pub range: (f64, f64),
    /// What its ids are, where they are not the row numbers.
    pub ids: Option<String>,
}

impl Columns {
    /// The names of the inputs and of the labels in the data file `data`.
    pub fn names(&self, data: &str) -> (&str, &str) {
        let (inputs, labels) = match is_folder(data) {
            true => ("file", "label"),
            false => ("x", "y"),
        };
        (
            self.inputs.as_deref().unwrap_or(inputs),
            self.labels.as_deref().unwrap_or(labels),
        )
    }

    /// Opens the data file and finds its range: [0, 1], which is a spec's default,
    /// where all values are in it. Images are known by their files, where each is there
    /// once.
    pub fn open(&self, root: &Path, data: &str) -> Result<Opened, Error> {
        if self.ids.is_some() || !is_folder(data) {
            return self.open_with(root, data, self.ids.clone());
        }
        let (files, _) = self.names(data);
        self.open_with(root, data, Some(files.to_owned()))
            .or_else(|_| self.open_with(root, data, None))
    }

    fn open_with(&self, root: &Path, data: &str, ids: Option<String>) -> Result<Opened, Error> {
        let (inputs, labels) = self.names(data);
        let request = |range| data::Request {
            path: root.join(data),
            shown: data.to_owned(),
            inputs: inputs.to_owned(),
            labels: labels.to_owned(),
            ids: ids.clone(),
            cluster: None,
            slice: None,
            range,
            unpacked_limit: 8 << 30,
            limit: None,
        };
        let default = (0.0, 1.0);
        match data::open(&request(default)) {
            Err(error) if error.is_outside_range() => {
                let widest = (f64::from(f32::MIN), f64::from(f32::MAX));
                let range = spread(&data::open(&request(widest))?)?;
                let data = data::open(&request(range))?;
                Ok(Opened { data, range, ids })
            }
            other => Ok(Opened {
                data: other?,
                range: default,
                ids,
            }),
        }
    }
}

/// Whether a data file labels a folder of images.
fn is_folder(data: &str) -> bool {
    let extension = Path::new(data).extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
}

/// The smallest and largest value of a data set.
fn spread(data: &Dataset) -> Result<(f64, f64), Error> {
    let mut spread = (f64::INFINITY, f64::NEG_INFINITY);
    for example in 0..data.len() {
        for &value in &data.example(example)? {
            spread.0 = spread.0.min(f64::from(value));
            spread.1 = spread.1.max(f64::from(value));
        }
    }
    Ok(if spread.0 == spread.1 {
        (spread.0, spread.0 + 1.0)
    } else {
        spread
    })
}

/// Some of the examples of a data set.
pub struct Chosen {
    /// Where they stand in the data.
    pub places: Vec<usize>,
    /// First axis the examples.
    pub inputs: ArrayD<f32>,
    /// In the same order.
    pub labels: Vec<usize>,
}

/// At most [`MOST`] examples and [`MOST_NUMBERS`] numbers, evenly spread over the data.
pub fn some(data: &Dataset) -> Result<Chosen, Error> {
    let count = MOST.min(bearable(data.shape())).clamp(1, data.len());
    let places: Vec<usize> = (0..count).map(|at| at * data.len() / count).collect();
    let rows: Vec<_> = places
        .iter()
        .map(|&place| data.example(place))
        .collect::<Result<_, _>>()?;
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    let inputs = ndarray::stack(Axis(0), &views)
        .map_err(|error| Error::new(ErrorKind::Unavailable, error))?;
    let labels = places.iter().map(|&place| data.labels()[place]).collect();
    Ok(Chosen {
        places,
        inputs,
        labels,
    })
}

/// How many examples of a shape [`MOST_NUMBERS`] numbers are.
fn bearable(shape: &[usize]) -> usize {
    MOST_NUMBERS / numbers(shape)
}

/// How many examples of a shape a forward pass takes.
pub fn batch(shape: &[usize]) -> usize {
    (BATCH_NUMBERS / numbers(shape)).clamp(2, BATCH)
}

/// How many numbers an example of a shape is.
pub fn numbers(shape: &[usize]) -> usize {
    let product = shape
        .iter()
        .fold(1, |all: usize, &size| all.saturating_mul(size));
    product.max(1)
}

/// The class that an answer names; the first of equal ones.
pub fn class(gives: Gives, answer: ArrayView1<'_, f32>) -> usize {
    if gives == Gives::PositiveProbability {
        return usize::from(answer.first().is_some_and(|&p| p > 0.5));
    }
    let mut best = (0, f32::NEG_INFINITY);
    for (class, &value) in answer.iter().enumerate() {
        if value > best.1 {
            best = (class, value);
        }
    }
    best.0
}

/// The error of a model whose tensors are named by flags, and by no keys yet.
pub fn flagged(error: ModelError) -> Error {
    let hint = match error {
        ModelError::Tensor { .. } => " (here: --input or --output)",
        _ => "",
    };
    let error = Error::from(error);
    Error::new(error.kind(), format!("{error}{hint}"))
}
