//! What a graph is asked before anything that counts: whether the engine computes it
//! at all, and whether its answer about an example is the same beside other examples.

use ndarray::{Array1, ArrayD, Axis, IxDyn};
use rten_onnx::onnx::{GraphProto, ModelProto};

use super::engine::Graph;
use super::interface::Interface;
use super::{Fault, OnnxModel, guarded, trust};
use crate::seed::{Stream, uniform};

/// Examples asked about at once; the one in the middle has others on both sides.
const EXAMPLES: usize = 3;
const MIDDLE: usize = 1;

/// The most numbers that are asked about at once: 128 MB.
const MOST_NUMBERS: usize = 1 << 25;

/// A difference of more than this share of the largest answer is no rounding.
const ROUNDING: f32 = 1e-3;

/// How often answers must differ until it is no accident, as a number is at the edge of
/// a rounding step.
const TIMES: u64 = 3;

/// What is wrong with a model.
pub(super) enum Finding {
    Fault(Fault),
    /// An answer depends on the other examples of its batch.
    Mixes,
}

impl OnnxModel {
    /// Asks about random examples of a shape, each number uniform on [0, 1]; about none
    /// where they would not fit in memory.
    pub(super) fn probe(&self, example: &[usize]) -> Result<(), Finding> {
        let rows = self.interface.batch.unwrap_or(EXAMPLES).max(EXAMPLES);
        let numbers = example
            .iter()
            .fold(rows, |all: usize, &size| all.saturating_mul(size));
        if numbers == 0 || numbers > MOST_NUMBERS {
            return Ok(());
        }
        for time in 0..TIMES {
            if self.answers_alike(example, time).map_err(Finding::Fault)? {
                return Ok(());
            }
        }
        Err(Finding::Mixes)
    }

    /// Why the engine fails at examples of a shape, in its words with each node called
    /// by its operator and its name; `None` where it tells the operator anyway. The
    /// model is of no use afterwards.
    pub(super) fn reason_by_operator(
        &mut self,
        mut model: ModelProto,
        example: &[usize],
    ) -> Option<String> {
        if !self.engine.is_embedded() {
            return None;
        }
        name_by_operator(model.graph.as_mut()?);
        let bytes = model.write_buf().ok()?;
        let Interface { input, output, .. } = &self.interface;
        let graph = guarded(|| Graph::load(self.engine, bytes, &[input], &[output]));
        self.graph = graph.ok()?;
        match self.probe(example) {
            Err(Finding::Fault(Fault::Engine(reason))) => Some(reason),
            _ => None,
        }
    }

    /// Whether an example has the same answer to rounding between others as between
    /// yet others.
    fn answers_alike(&self, example: &[usize], time: u64) -> Result<bool, Fault> {
        let shape = [&[EXAMPLES], example].concat();
        let [first, mut second] = [2 * time, 2 * time + 1].map(|draw| noise(&shape, draw));
        let own = first.index_axis(Axis(0), MIDDLE);
        second.index_axis_mut(Axis(0), MIDDLE).assign(&own);
        let answer = |inputs: &ArrayD<f32>| -> Result<Array1<f32>, Fault> {
            let answers = guarded(|| Ok(self.answers(&inputs.view())));
            Ok(answers.map_err(Fault::Engine)??.row(MIDDLE).to_owned())
        };
        Ok(are_alike(&answer(&first)?, &answer(&second)?))
    }
}

/// Whether two answers are equal to rounding. Of what is no number nothing can be said.
fn are_alike(first: &Array1<f32>, second: &Array1<f32>) -> bool {
    let numbers = first.iter().chain(second);
    let largest = numbers.fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let mut pairs = first.iter().zip(second);
    pairs.all(|(first, second)| {
        let apart = (first - second).abs();
        !apart.is_finite() || apart <= ROUNDING * largest
    })
}

/// Numbers uniform on [0, 1], of a fixed seed.
fn noise(shape: &[usize], draw: u64) -> ArrayD<f32> {
    let mut words = vec![0; shape.iter().product()];
    Stream::new(1, "probe@1", draw, "").fill(&mut words);
    let mut numbers = words.into_iter().map(|word| uniform(word) as f32);
    ArrayD::from_shape_simple_fn(IxDyn(shape), || numbers.next().unwrap_or_default())
}

/// Calls each node by its operator and its name.
fn name_by_operator(graph: &mut GraphProto) {
    for node in &mut graph.node {
        let operator = node.op_type.as_deref().unwrap_or_default();
        node.name = Some(format!("{operator} ({})", trust::name(node)));
        let attributes = node.attribute.iter_mut();
        attributes
            .filter_map(|attribute| attribute.g.as_mut())
            .for_each(name_by_operator);
    }
}
