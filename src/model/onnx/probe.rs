//! What a graph is asked before anything that counts: whether the engine computes it
//! at all, and whether its answer about an example is the same beside other examples.

use ndarray::{Array1, Array2, ArrayD, ArrayView1, Axis, IxDyn};
use rten_onnx::onnx::{GraphProto, ModelProto, NodeProto};

use super::engine::{Graph, Input, Numbers, Value};
use super::interface::{Interface, dependencies};
use super::outputs::{Written, with_outputs};
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
        let answers = |inputs: &ArrayD<f32>| -> Result<Array2<f32>, Fault> {
            guarded(|| Ok(self.answers(&inputs.view()))).map_err(Fault::Engine)?
        };
        let [first, second] = questions(example, time);
        let (first, second) = (answers(&first)?, answers(&second)?);
        Ok(are_alike(first.row(MIDDLE), second.row(MIDDLE)))
    }

    /// The first node whose numbers about an example depend on the others, of those that
    /// the output needs and that keep the examples on the first axis; `None` where it
    /// cannot be told.
    pub(super) fn mixing_node<'a>(
        &self,
        written: Written<'a>,
        example: &[usize],
    ) -> Option<&'a NodeProto> {
        if self.interface.batch.is_some() {
            return None;
        }
        let Interface { input, output, .. } = &self.interface;
        let graph = written.model.graph.as_ref()?;
        let needed = dependencies(graph, &[output]);
        let made = graph.node.iter().flat_map(|node| {
            let names = node.output.iter().map(String::as_str);
            names.map(move |name| (node, name))
        });
        let (nodes, names): (Vec<&NodeProto>, Vec<&str>) =
            made.filter(|(_, name)| needed.contains(name)).unzip();
        let all = guarded(|| {
            let bytes = with_outputs(self.engine, written, &names, &[])?;
            let graph = Graph::load_as_written(self.engine, bytes, &[input], &names)?;
            let [first, second] = questions(example, 0).map(|inputs| {
                graph.run(vec![Input::Floats {
                    shape: inputs.shape(),
                    numbers: inputs.as_slice().unwrap_or_default(),
                }])
            });
            Ok((first?, second?))
        });
        let (first, second) = all.ok()?;
        let mut pairs = nodes.into_iter().zip(first.iter().zip(&second));
        let found = pairs.find(|(_, (first, second))| {
            let rows = middle(first).zip(middle(second));
            rows.is_some_and(|(first, second)| !are_alike(first.view(), second.view()))
        });
        found.map(|(node, _)| node)
    }
}

/// Two batches of random examples with the same one in the middle.
fn questions(example: &[usize], time: u64) -> [ArrayD<f32>; 2] {
    let shape = [&[EXAMPLES], example].concat();
    let [first, mut second] = [2 * time, 2 * time + 1].map(|draw| noise(&shape, draw));
    let own = first.index_axis(Axis(0), MIDDLE);
    second.index_axis_mut(Axis(0), MIDDLE).assign(&own);
    [first, second]
}

/// The numbers about the example in the middle, where the first axis is the batch.
fn middle(value: &Value) -> Option<Array1<f32>> {
    let Some(Numbers::Floats(numbers)) = value.numbers() else {
        return None;
    };
    let rows = ArrayD::from_shape_vec(value.shape(), numbers).ok()?;
    let own = rows.axis_iter(Axis(0)).nth(MIDDLE)?;
    (rows.len_of(Axis(0)) == EXAMPLES).then(|| own.iter().copied().collect())
}

/// Whether two answers are equal to rounding. Of what is no number nothing can be said.
fn are_alike(first: ArrayView1<'_, f32>, second: ArrayView1<'_, f32>) -> bool {
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
