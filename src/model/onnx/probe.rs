//! What a graph is asked before anything that counts: whether the engine computes it
//! at all, and whether its answer about an example is the same beside other examples.

use ndarray::{Array1, Array2, ArrayD, ArrayView1, Axis};
use rten_onnx::onnx::{GraphProto, ModelProto, NodeProto};

use super::engine::{Graph, Input, Numbers, Value};
use super::interface::{Interface, dependencies};
use super::outputs::{Written, with_outputs};
use super::{Fault, OnnxModel, guarded, trust};

/// Examples asked about at once.
const EXAMPLES: usize = 3;

/// Where the example that is asked about twice stands in the one batch and the other: with
/// others on both sides, and elsewhere.
const PLACES: [usize; 2] = [1, 0];

/// Examples in both batches together.
const BOTH: usize = 2 * EXAMPLES - 1;

/// How many examples are of use.
pub const MOST: usize = BOTH * TIMES;

/// A difference of more than this share of the largest answer is no rounding.
const ROUNDING: f32 = 1e-3;

/// How often answers must differ until it is no accident, as a number is at the edge of
/// a rounding step.
const TIMES: usize = 3;

/// What is wrong with a model.
pub(super) enum Finding {
    Fault(Fault),
    /// An answer depends on the other examples of its batch.
    Mixes,
}

impl OnnxModel {
    /// Asks about some examples (first axis), the first [`MOST`] of them.
    pub(super) fn probe(&self, examples: &ArrayD<f32>) -> Result<(), Finding> {
        for time in 0..TIMES {
            if self.answers_alike(examples, time).map_err(Finding::Fault)? {
                return Ok(());
            }
        }
        Err(Finding::Mixes)
    }

    /// Why the engine fails at some examples, in its words with each node called
    /// by its operator and its name; `None` where it tells the operator anyway. The
    /// model is of no use afterwards.
    pub(super) fn reason_by_operator(
        &mut self,
        mut model: ModelProto,
        examples: &ArrayD<f32>,
    ) -> Option<String> {
        if !self.engine.is_embedded() {
            return None;
        }
        name_by_operator(model.graph.as_mut()?);
        let bytes = model.write_buf().ok()?;
        let Interface { input, output, .. } = &self.interface;
        let graph = guarded(|| Graph::load(self.engine, bytes, &[input], &[output]));
        self.graph = graph.ok()?;
        match self.probe(examples) {
            Err(Finding::Fault(Fault::Engine(reason))) => Some(reason),
            _ => None,
        }
    }

    /// Whether an example has the same answer to rounding beside other examples, and at
    /// another place in the batch.
    fn answers_alike(&self, examples: &ArrayD<f32>, time: usize) -> Result<bool, Fault> {
        let answers = |inputs: &ArrayD<f32>| -> Result<Array2<f32>, Fault> {
            guarded(|| Ok(self.answers(&inputs.view()))).map_err(Fault::Engine)?
        };
        let [first, second] = questions(examples, time);
        let (first, second) = (answers(&first)?, answers(&second)?);
        Ok(are_alike(first.row(PLACES[0]), second.row(PLACES[1])))
    }

    /// The first node whose numbers about an example depend on the others, of those that
    /// the output needs and that keep the examples on the first axis; `None` where it
    /// cannot be told.
    pub(super) fn mixing_node<'a>(
        &self,
        written: Written<'a>,
        examples: &ArrayD<f32>,
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
            let [first, second] = questions(examples, 0).map(|inputs| {
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
            let rows = own(first, PLACES[0]).zip(own(second, PLACES[1]));
            rows.is_some_and(|(first, second)| !are_alike(first.view(), second.view()))
        });
        found.map(|(node, _)| node)
    }
}

/// Two batches of examples with the same one at its [`PLACES`] and others beside it, as
/// far as there are others.
fn questions(examples: &ArrayD<f32>, time: usize) -> [ArrayD<f32>; 2] {
    let row = |number: usize| (BOTH * time + number) % examples.len_of(Axis(0));
    [[1, 0, 2], [0, 3, 4]].map(|numbers| examples.select(Axis(0), &numbers.map(row)))
}

/// The numbers about the example at a place, where the first axis is the batch.
fn own(value: &Value, place: usize) -> Option<Array1<f32>> {
    let Some(Numbers::Floats(numbers)) = value.numbers() else {
        return None;
    };
    let rows = ArrayD::from_shape_vec(value.shape(), numbers).ok()?;
    let batch = rows.shape().first() == Some(&EXAMPLES);
    batch.then(|| rows.index_axis(Axis(0), place).iter().copied().collect())
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
