//! What a model is asked about.

use ndarray::{ArrayD, IxDyn};
use steadfast::data::Dataset;
use steadfast::error::Error;
use steadfast::model::Model;
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

    /// Numbers of a fixed seed, where the model declares a shape that fits in memory.
    pub fn random(model: &dyn Model) -> Option<Self> {
        let shape: Option<Vec<usize>> = model.describe().input_shape.into_iter().collect();
        let shape = shape.filter(|shape| !shape.is_empty())?;
        let count = unspecified::bearable(&shape).min(RANDOM);
        if count < 2 {
            return None;
        }
        let mut drawn = vec![0; count * shape.iter().product::<usize>()];
        Stream::new(1, "doctor@1", 0, "").fill(&mut drawn);
        let numbers = drawn.into_iter().map(|word| uniform(word) as f32);
        let shape = [&[count], shape.as_slice()].concat();
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
}
