//! What a graph is asked before anything that counts: whether the engine computes it
//! at all, and whether its answer about an example is the same beside other examples.

use ndarray::{Array1, Array2, ArrayD, ArrayView1, Axis};
use rten_onnx::onnx::{DataType, GraphProto, ModelProto, NodeProto};

use super::engine::{Graph, Input, Numbers, Value};
use super::interface::{Interface, casts_to, dependencies};
use super::outputs::{Written, with_outputs};
use super::trust::answers_truth;
use super::{Fault, OnnxModel, guarded, trust};

/// Two batches, by the number of the example in each place. Example 0 is in both: at
/// another place, beside others, and among more. The second goes on with further examples
/// up to the size of the batches that count: what holds of a few need not hold of those.
const BATCHES: [&[usize]; 2] = [&[1, 0, 2], &[0, 3, 4, 5, 1]];

/// Where example 0 stands.
const PLACES: [usize; 2] = [1, 0];

/// Examples in both batches together, as far as they are written out.
const BOTH: usize = 6;

/// How many examples are of use, at least.
pub const MOST: usize = BOTH * TIMES;

/// A difference of more than this share of the largest number is no rounding.
const ROUNDING: f32 = 1e-3;

/// How many trials there are. Answers that differ by chance, as a number is at the edge of
/// a rounding step, do so in some of them, and by little.
const TIMES: usize = 3;

/// A difference of more than this share is no such step; two of them are enough.
const FAR: f32 = 0.05;

/// What a model is tried on.
#[derive(Clone, Copy)]
pub(super) struct Trial<'a> {
    examples: &'a ArrayD<f32>,
    /// The size of the larger batch.
    batch: usize,
}

impl<'a> Trial<'a> {
    /// On these examples (first axis), in batches of up to `batch`, and of two at least, as
    /// it will be asked: the trial needs no more memory than that.
    pub(super) fn of(examples: &'a ArrayD<f32>, batch: usize) -> Self {
        let others = examples.len_of(Axis(0)).max(BATCHES[1].len());
        let batch = batch.min(others).max(2);
        Self { examples, batch }
    }

    /// The shape of an example.
    pub(super) fn example(self) -> &'a [usize] {
        &self.examples.shape()[1..]
    }

    /// The same in the batches as they are written out: for what keeps more of a batch than
    /// the answers.
    fn small(self) -> Self {
        let batch = self.batch.min(BATCHES[1].len());
        Self { batch, ..self }
    }

    /// Two batches with the same example at its [`PLACES`] and others beside it, as far as
    /// there are others.
    fn questions(self, time: usize) -> [ArrayD<f32>; 2] {
        let row = |number: usize| (BOTH * time + number) % self.examples.len_of(Axis(0));
        let [mut few, many] = BATCHES.map(|numbers| numbers.iter().copied());
        let batch = |numbers: &mut dyn Iterator<Item = usize>| {
            let rows: Vec<usize> = numbers.take(self.batch).map(row).collect();
            self.examples.select(Axis(0), &rows)
        };
        // None twice, as long as there are others.
        let mut more = many.chain([2]).chain(BOTH..);
        [batch(&mut few), batch(&mut more)]
    }
}

/// What is wrong with a model.
pub(super) enum Finding {
    Fault(Fault),
    /// An answer depends on the other examples of its batch.
    Mixes,
}

impl OnnxModel {
    /// Asks about some examples. `steps` is whether answers may differ by chance.
    pub(super) fn probe(&self, trial: Trial<'_>, steps: bool) -> Result<(), Finding> {
        let (mut beyond, mut far) = (0, 0);
        for time in 0..TIMES {
            let apart = self.apart(trial, time).map_err(Finding::Fault)?;
            beyond += usize::from(apart > ROUNDING);
            far += usize::from(apart > FAR);
        }
        let mixes = match steps {
            true => beyond == TIMES || far >= 2,
            false => beyond > 0,
        };
        match mixes {
            true => Err(Finding::Mixes),
            false => Ok(()),
        }
    }

    /// The graph without fusions, where the one that runs answers otherwise about some
    /// examples, or not at all, and this one does.
    pub(super) fn without_fusions(&self, bytes: &[u8], trial: Trial<'_>) -> Option<Graph> {
        let Interface { input, output, .. } = &self.interface;
        let load = || {
            Graph::load(
                self.engine.as_written(),
                bytes.to_vec(),
                &[input],
                &[output],
            )
        };
        let written = guarded(load).ok()?;
        let [asked, _] = trial.questions(0);
        let answers = |graph: &Graph| {
            let answers = || Ok(self.answers_of(graph, &asked.view()));
            guarded(answers).ok()?.ok()
        };
        let right = answers(&written)?;
        let same = answers(&self.graph).is_some_and(|found| {
            let mut rows = found.rows().into_iter().zip(right.rows());
            found.dim() == right.dim() && rows.all(|(one, other)| apart(one, other) <= ROUNDING)
        });
        (!same).then_some(written)
    }

    /// Why the engine fails at some examples, in its words with each node called
    /// by its operator and its name; `None` where it tells the operator anyway. The
    /// model is of no use afterwards.
    pub(super) fn reason_by_operator(
        &mut self,
        mut model: ModelProto,
        trial: Trial<'_>,
    ) -> Option<String> {
        if !self.engine.is_embedded() {
            return None;
        }
        name_by_operator(model.graph.as_mut()?);
        let bytes = model.write_buf().ok()?;
        let Interface { input, output, .. } = &self.interface;
        let graph = guarded(|| Graph::load(self.engine, bytes, &[input], &[output]));
        self.graph = graph.ok()?;
        match self.probe(trial, true) {
            Err(Finding::Fault(Fault::Engine(reason))) => Some(reason),
            _ => None,
        }
    }

    /// How far the answers to an example are apart, beside other examples and at another
    /// place in the batch.
    fn apart(&self, trial: Trial<'_>, time: usize) -> Result<f32, Fault> {
        let answers = |inputs: &ArrayD<f32>| -> Result<Array2<f32>, Fault> {
            guarded(|| Ok(self.answers(&inputs.view()))).map_err(Fault::Engine)?
        };
        let [first, second] = trial.questions(time);
        let (first, second) = (answers(&first)?, answers(&second)?);
        Ok(apart(first.row(PLACES[0]), second.row(PLACES[1])))
    }

    /// The first node whose numbers about an example depend on the others, of those that
    /// the output needs and that keep the examples on the first axis; `None` where it
    /// cannot be told.
    pub(super) fn mixing_node<'a>(
        &self,
        written: Written<'a>,
        trial: Trial<'_>,
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
            let graph = Graph::load(self.engine.as_written(), bytes, &[input], &names)?;
            let [first, second] = trial.small().questions(0).map(|inputs| {
                let values = graph.run(vec![Input::Floats {
                    shape: inputs.shape(),
                    numbers: inputs.as_slice().unwrap_or_default(),
                }]);
                Ok::<_, String>((inputs.len_of(Axis(0)), values?))
            });
            Ok((first?, second?))
        });
        let ((few, first), (many, second)) = all.ok()?;
        let mut pairs = nodes.into_iter().zip(first.iter().zip(&second));
        let found = pairs.find(|(_, (first, second))| {
            let rows = own(first, few, PLACES[0]).zip(own(second, many, PLACES[1]));
            rows.is_some_and(|(first, second)| apart(first.view(), second.view()) > ROUNDING)
        });
        found.map(|(node, _)| node)
    }
}

/// Whether a graph goes by steps anywhere: what is rounded, chosen or counted may then come
/// out otherwise by the last bit of what it is made from.
pub(super) fn has_steps(graph: &GraphProto) -> bool {
    let floats = [DataType::FLOAT, DataType::DOUBLE];
    let is_step = |node: &NodeProto| {
        let operator = node.op_type.as_deref().unwrap_or_default();
        let subgraphs = node
            .attribute
            .iter()
            .filter_map(|attribute| attribute.g.as_ref());
        // Trees choose.
        node.domain.as_deref() == Some("ai.onnx.ml")
            || answers_truth(operator)
            || ["Quantize", "QLinear", "Integer"]
                .iter()
                .any(|part| operator.contains(part))
            || matches!(
                operator,
                "ArgMax"
                    | "ArgMin"
                    | "Ceil"
                    | "Floor"
                    | "Mod"
                    | "NonMaxSuppression"
                    | "NonZero"
                    | "Round"
                    | "Sign"
                    | "TopK"
                    | "Unique"
            )
            || operator == "Cast" && !floats.iter().any(|&kind| casts_to(node, kind))
            || subgraphs.into_iter().any(has_steps)
    };
    graph.node.iter().any(is_step)
}

/// The numbers about the example at a place of a batch of `count`, where the first axis is
/// the batch.
fn own(value: &Value, count: usize, place: usize) -> Option<Array1<f32>> {
    let Some(Numbers::Floats(numbers)) = value.numbers() else {
        return None;
    };
    let rows = ArrayD::from_shape_vec(value.shape(), numbers).ok()?;
    let fits = rows.shape().first() == Some(&count);
    let own = || rows.index_axis(Axis(0), place);
    fits.then(|| own().iter().copied().collect())
}

/// How far two answers are apart, as a share of the largest number; without end where one has
/// a number and the other none.
fn apart(first: ArrayView1<'_, f32>, second: ArrayView1<'_, f32>) -> f32 {
    let numbers = first.iter().chain(second);
    let finite = numbers.filter(|number| number.is_finite());
    let largest = finite.fold(0.0_f32, |largest, number| largest.max(number.abs()));
    let difference = |(&one, &other): (&f32, &f32)| match one.is_finite() && other.is_finite() {
        true => (one - other).abs(),
        false if one == other || one.is_nan() && other.is_nan() => 0.0,
        false => f32::INFINITY,
    };
    let differences = first.iter().zip(second).map(difference);
    differences.fold(0.0, f32::max) / largest.max(f32::MIN_POSITIVE)
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
