//! Runs a forward and a backward graph, one on the other's tensors.

use ndarray::ArrayD;

use super::super::engine::{Engine, Graph, Input, Numbers, Value};
use super::super::interface::Interface;
use super::super::outputs::{Written, with_outputs};
use super::tensors::{self, PROBED, Tensors};
use super::{NoRule, Rounding, backward, check};

/// A gradient that is ready to run, for examples of one shape.
pub(in crate::model::onnx) struct Pass {
    forward: Graph,
    backward: Graph,
    /// What the backward graph takes after the cotangent.
    takes: Vec<Source>,
}

/// Where a tensor that the backward graph reads comes from.
enum Source {
    Inputs,
    Answers,
    Saved,
}

/// Why there is no gradient.
pub(in crate::model::onnx) enum Refusal {
    NoRule(NoRule),
    /// In the engine's words.
    Engine(String),
}

impl From<NoRule> for Refusal {
    fn from(refusal: NoRule) -> Self {
        Self::NoRule(refusal)
    }
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self::Engine(reason)
    }
}

/// What the way back needs of a forward pass.
pub(in crate::model::onnx) struct Forward {
    output: Value,
    saved: Vec<Value>,
}

impl Pass {
    /// Writes the backward graph for examples of the shape `example`, and loads
    /// both.
    pub(in crate::model::onnx) fn new(
        engine: Engine,
        written: Written<'_>,
        opset: i64,
        interface: &Interface,
        example: &[usize],
        rounding: Rounding,
        examples: Option<&ArrayD<f32>>,
    ) -> Result<Self, Refusal> {
        let (input, output) = (interface.input.as_str(), interface.output.as_str());
        let examples = examples.filter(|examples| examples.shape()[1..] == *example);
        let names = (input, output);
        let batch = interface.batch;
        let tensors = Tensors::of(engine, written, opset, names, example, batch, examples)?;
        let backward = backward(&tensors, input, output, rounding)?;

        let mut outputs = vec![output];
        let source = |name: &String| match name {
            name if name == input => Source::Inputs,
            name if name == output => Source::Answers,
            _ => Source::Saved,
        };
        let takes: Vec<Source> = backward.saved.iter().map(source).collect();
        let saved = backward.saved.iter().zip(&takes);
        outputs.extend(
            saved
                .filter(|(_, source)| matches!(source, Source::Saved))
                .map(|(name, _)| name.as_str()),
        );
        let bytes = with_outputs(engine, written, &outputs, &backward.signs)?;
        let forward = Graph::load(engine, bytes, &[input], &outputs)?;

        let inputs: Vec<&str> = [&backward.cotangent]
            .into_iter()
            .chain(&backward.saved)
            .map(String::as_str)
            .collect();
        let bytes = backward.model.write_buf();
        let bytes = bytes.map_err(|error| error.to_string())?;
        let pass = Self {
            forward,
            backward: Graph::load(engine, bytes, &inputs, &[&backward.gradient])?,
            takes,
        };
        let batch = |size| [&[batch.unwrap_or(size)], example].concat();
        let probed = batch(PROBED);
        let numbers: Vec<f32> = tensors::inputs(examples)
            .take(probed.iter().product())
            .collect();
        let question = (probed.as_slice(), numbers.as_slice());
        check::shapes(engine, &pass, &backward, &inputs, &tensors, question)?;
        // Of what passes rounding straight through there are no differences.
        if rounding == Rounding::Refused {
            check::differences(&pass, &batch(check::EXAMPLES), examples)?;
        }
        Ok(pass)
    }

    /// What the way back needs of a batch; the shape and the numbers of the
    /// answers to it.
    pub(in crate::model::onnx) fn forward(
        &self,
        batch: Input<'_>,
    ) -> Result<(Forward, Vec<usize>, Vec<f32>), String> {
        let mut values = self.forward.run(vec![batch])?.into_iter();
        let output = values.next().ok_or("the engine gave no output")?;
        let Some(Numbers::Floats(answers)) = output.numbers() else {
            return Err("the output is not float32; set `model.output` to the scores".to_owned());
        };
        let shape = output.shape();
        let saved = values.collect();
        Ok((Forward { output, saved }, shape, answers))
    }

    /// The gradient with respect to the `batch` that `forward` was made from.
    /// `cotangent` has as many numbers as the answers.
    pub(in crate::model::onnx) fn backward(
        &self,
        forward: Forward,
        batch: Input<'_>,
        cotangent: &[f32],
    ) -> Result<Vec<f32>, String> {
        let shape = forward.output.shape();
        let inputs = self.arguments(forward, batch, &shape, cotangent)?;
        let gradient = self.backward.run(inputs)?.into_iter().next();
        let (_, gradient) = gradient.ok_or("the engine gave no output")?.into_floats()?;
        Ok(gradient)
    }

    /// What the backward graph takes; the cotangent has the shape `shape`.
    pub(super) fn arguments<'a>(
        &self,
        forward: Forward,
        batch: Input<'a>,
        shape: &'a [usize],
        cotangent: &'a [f32],
    ) -> Result<Vec<Input<'a>>, String> {
        let mut inputs = vec![Input::Floats {
            shape,
            numbers: cotangent,
        }];
        let mut batch = Some(batch);
        let mut output = Some(forward.output);
        let mut saved = forward.saved.into_iter();
        for source in &self.takes {
            let input = match source {
                Source::Inputs => batch.take(),
                Source::Answers => output.take().map(Input::Value),
                Source::Saved => saved.next().map(Input::Value),
            };
            inputs.push(input.ok_or("a tensor is missing")?);
        }
        Ok(inputs)
    }
}

#[cfg(test)]
impl Pass {
    /// The forward graph of one and the backward graph of another.
    pub(super) fn with_backward_of(self, other: Self) -> Self {
        Self {
            backward: other.backward,
            ..self
        }
    }

    /// Has the embedded engine compute on so many threads.
    pub(super) fn on_threads(&mut self, threads: usize) {
        let pool = std::sync::Arc::new(rten::ThreadPool::with_num_threads(threads));
        for graph in [&mut self.forward, &mut self.backward] {
            match graph {
                Graph::Rten(graph) => graph.threads = std::sync::Arc::clone(&pool),
                #[cfg(feature = "ort")]
                Graph::Ort(_) => {}
            }
        }
    }
}
