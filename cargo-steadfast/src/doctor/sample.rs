//! What a model is asked about.

use ndarray::{ArrayD, Axis, IxDyn};
use steadfast::data::Dataset;
use steadfast::error::Error;
use steadfast::model::onnx;
use steadfast::seed::{Stream, uniform};
use steadfast::text::Page;

use crate::unspecified;

/// Examples, and what they are.
pub struct Sample {
    /// The examples, along the first axis.
    pub inputs: ArrayD<f32>,
    /// With the ids of the examples.
    pub labels: Option<(Vec<usize>, Vec<String>)>,
    /// What it is, in words.
    pub words: Page,
}

/// The most random examples, where no data are given.
const RANDOM: usize = 256;

/// The most numbers that they may be, where they are not fewer than the trial of a file
/// takes.
const RANDOM_NUMBERS: usize = 1 << 20;

/// The most numbers of an example that is made up: 64 MB.
const VAST: usize = 1 << 24;

impl Sample {
    /// Some examples of a data set, which a message calls `shown`.
    pub fn of(data: &Dataset, shown: String) -> Result<Self, Error> {
        let some = unspecified::some(data)?;
        let ids = some.places.iter().map(|&place| data.ids()[place].clone());
        let share = match some.places.len() {
            all if all == data.len() => format!("all {all}"),
            part => format!("{part} of the {}", data.len()),
        };
        Ok(Self {
            words: Page::of(format_args!("{share} examples of {shown}")),
            labels: Some((some.labels, ids.collect())),
            inputs: some.inputs,
        })
    }

    /// Numbers of a fixed seed, for an input whose shape is declared and not vast: at
    /// least one batch, and what a file is tried on when it is opened.
    pub fn random(shape: &[usize], batch: Option<usize>) -> Option<Self> {
        let size = unspecified::numbers(shape);
        if shape.is_empty() || shape.contains(&0) || size > VAST {
            return None;
        }
        let least = batch.unwrap_or(0).max(onnx::TRIED);
        let count = (RANDOM_NUMBERS / size).min(RANDOM).max(least);
        let mut drawn = vec![0; count * size];
        Stream::new(1, "doctor@1", 0, "").fill(&mut drawn);
        let numbers = drawn.into_iter().map(|word| uniform(word) as f32);
        let shape = [&[count], shape].concat();
        let mut words = Page::of(format_args!(
            "{count} random examples, each number uniform on [0, 1], of seed 1."
        ));
        words.line("They show whether the engines compute the same, and how fast; not whether they agree on");
        words.line("real examples, nor whether the answers are right: --data names a file of labelled ones");
        Some(Self {
            inputs: ArrayD::from_shape_vec(IxDyn(&shape), numbers.collect()).ok()?,
            labels: None,
            words,
        })
    }

    /// Those that a file is tried on when it is opened.
    pub fn tried(&self) -> ArrayD<f32> {
        let count = onnx::TRIED.min(self.inputs.len_of(Axis(0)));
        self.inputs.slice_axis(Axis(0), (..count).into()).to_owned()
    }
}
