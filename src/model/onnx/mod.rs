//! ONNX models, run by the embedded engine rten or by ONNX Runtime.
//!
//! A file is opened in steps, each of which can refuse it with a reason: its
//! bytes are whole (`wire`), it means what the specification says (`standard`), it has
//! the tensors that a spec means (`interface`), its operators are computed rightly
//! (`trust`), the engine takes it (`engine`), and answers about examples one by one
//! (`probe`). What the answers mean is the spec's to say.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use ndarray::{
    Array, Array2, ArrayD, ArrayView2, ArrayViewD, Axis, CowArray, IxDyn, RemoveAxis, Slice,
    concatenate,
};
use rten_onnx::onnx::ModelProto;

use super::{Description, Gradients, Model, ModelError};
use crate::digest::Digest;
use engine::{Engine, Graph, Input, Value};
use gradient::{Pass, Refusal};
use interface::{Interface, show};
use outputs::Written;
use probe::{Finding, Trial};

pub mod child;
mod engine;
mod gradient;
mod inspect;
mod interface;
mod outputs;
mod probe;
mod shapes;
mod standard;
#[cfg(test)]
mod test_graph;
mod trust;
mod varying;
mod wire;

pub use crate::spec::OnnxEngine;
pub use engine::{EMBEDDED, available, on_threads};
pub use gradient::Rounding;
pub use inspect::{Contents, Tensor, inspect};
pub use probe::MOST as TRIED;

/// Which ONNX file to open, and which of its tensors to use.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Where the file is.
    pub path: PathBuf,
    /// The path as the spec writes it, for messages.
    pub shown: String,
    /// The input tensor's name; the only one where it is `None`.
    pub input: Option<String>,
    /// The output tensor's name; the only one where it is `None`.
    pub output: Option<String>,
    /// What runs it.
    pub engine: OnnxEngine,
    /// Whether gradients will be asked for, and how they pass rounding.
    pub gradient: Option<Rounding>,
    /// Some of the examples that it will be asked about (first axis), where they are
    /// known: whether the engine can compute the answers, each for itself, and the
    /// gradients, is then found out here. [`TRIED`] are of use, or as many as `batch`.
    pub examples: Option<ArrayD<f32>>,
    /// How many examples it will be asked about at once.
    pub batch: usize,
}

/// An ONNX model that is ready to answer.
///
/// The answer to an example is the same to the bit in batches of every size of at
/// least two, at every position, and for every number of threads, so far as the
/// operators of feed-forward, convolutional, recurrent and attention networks were
/// tried; batches of one differ in the last bits. So is its gradient. ONNX Runtime
/// is an exception where it sums neighbouring numbers whose count is no multiple of
/// four (InstanceNormalization, ReduceMean over the last axes): it groups them by
/// where they lie in memory. A graph that is made for one batch size is run in
/// batches of that size.
pub struct OnnxModel {
    digest: Digest,
    interface: Interface,
    engine: Engine,
    graph: Graph,
    gradient: Option<Gradient>,
}

/// What gradients are made from, and those that are ready.
struct Gradient {
    bytes: Vec<u8>,
    opset: i64,
    engine: Engine,
    rounding: Rounding,
    /// Some of those that it will be asked about, where they are known.
    examples: Option<ArrayD<f32>>,
    /// As messages name the file.
    path: String,
    /// By the shape of an example.
    passes: Mutex<HashMap<Vec<usize>, Arc<Pass>>>,
}

impl OnnxModel {
    /// The SHA-256 of the file's bytes.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Adds what gradients are made from. The pass is made here where the shape of
    /// an example is known, so that what it lacks is said before it is needed.
    fn add(&mut self, gradient: Gradient, request: &Request) -> Result<(), ModelError> {
        if let Some(example) = self.example(request) {
            gradient.pass(&self.interface, &example)?;
        }
        self.gradient = Some(gradient);
        Ok(())
    }

    /// The shape of an example, where it is known.
    fn example(&self, request: &Request) -> Option<Vec<usize>> {
        let declared = &self.interface.example;
        let known = request.examples.as_ref();
        known
            .map(|examples| examples.shape()[1..].to_vec())
            .filter(|example| super::takes(declared, example))
            .or_else(|| declared.iter().copied().collect())
            .filter(|example| !example.is_empty())
    }
}

/// Opens an ONNX file: reads its bytes once, checks them, and prepares the graph.
///
/// # Errors
/// Every [`ModelError`] but [`ModelError::Failed`]; none of them is a panic,
/// whatever the bytes are.
pub fn load(request: &Request) -> Result<OnnxModel, ModelError> {
    let (opened, missing) = load_with_gradient(request)?;
    match missing.filter(|_| request.gradient.is_some()) {
        Some(missing) => Err(missing),
        None => Ok(opened),
    }
}

/// As [`load`], without gradients where they are all that cannot be had; then with
/// the reason.
///
/// # Errors
/// Those of [`load`].
pub fn load_with_gradient(
    request: &Request,
) -> Result<(OnnxModel, Option<ModelError>), ModelError> {
    opened(request, None)
}

/// The same of a model that is first tried in a process of its own, of limited memory and
/// time: a graph that ends the process which runs it, or never answers, is then an error. The
/// program lends itself to that where it calls [`child::serve`] when [`child::is_asked`];
/// without that the model is tried in this process.
///
/// # Errors
/// Those of [`load`].
pub fn load_apart(
    request: &Request,
    limits: &child::Limits,
) -> Result<(OnnxModel, Option<ModelError>), ModelError> {
    opened(request, child::apart(request, limits)?)
}

fn opened(
    request: &Request,
    passed: Option<child::Passed>,
) -> Result<(OnnxModel, Option<ModelError>), ModelError> {
    let (mut opened, gradient) = open(request, passed.as_ref())?;
    let missing = match (passed.and_then(|passed| passed.gradient), gradient) {
        (Some(missing), _) => Some(missing),
        (None, Some(gradient)) => opened.add(gradient, request).err(),
        (None, None) => Some(ModelError::NoGradient),
    };
    Ok((opened, missing))
}

/// The model without gradients, and what they would be made from, if asked for. One that has
/// `passed` its trial is not tried again.
fn open(
    request: &Request,
    passed: Option<&child::Passed>,
) -> Result<(OnnxModel, Option<Gradient>), ModelError> {
    let path = || request.shown.clone();
    let not_onnx = |reason| ModelError::NotOnnx {
        path: path(),
        reason,
    };
    let engine = Engine::of(request.engine).map_err(|reason| ModelError::NoEngine {
        path: path(),
        engine: request.engine.text().into(),
        reason,
    })?;
    let unsupported = |reason| ModelError::Unsupported {
        engine: engine.words(),
        path: path(),
        reason,
    };
    let bytes = crate::file::read(&request.path).map_err(|source| ModelError::Unreadable {
        path: path(),
        source,
    })?;
    let digest = Digest::of(&bytes);
    let (model, functions) = parse(&bytes).map_err(not_onnx)?;
    let graph = model
        .graph
        .as_ref()
        .ok_or_else(|| not_onnx("it holds no graph".to_owned()))?;
    let opset = standard::opset(&model)
        .ok_or_else(|| not_onnx("it does not say which operator set it uses".to_owned()))?;
    standard::once(graph).map_err(not_onnx)?;
    standard::versions(&model, opset, engine).map_err(unsupported)?;
    standard::whole(graph, &functions).map_err(unsupported)?;
    let (input, output) = (request.input.as_deref(), request.output.as_deref());
    let interface = Interface::of(graph, input, output).map_err(|reason| ModelError::Tensor {
        path: path(),
        reason,
    })?;
    let asked = trust::Asked {
        model: &model,
        inputs: &[&interface.input],
        outputs: &[&interface.output],
        opset,
        engine,
        alone: interface.batch == Some(1),
    };
    if let Some(refusal) = trust::refuse(&asked) {
        return Err(ModelError::Untrusted {
            path: path(),
            operator: refusal.operator,
            node: refusal.node,
            reason: refusal.reason.into(),
        });
    }
    let steps = probe::has_steps(graph);
    let (input, output) = (interface.input.as_str(), interface.output.as_str());
    let load = |engine| guarded(|| Graph::load(engine, bytes.clone(), &[input], &[output]));
    let first = match passed {
        Some(passed) if passed.as_written && engine.is_embedded() => engine.as_written(),
        _ => engine,
    };
    let (engine, graph) = match (first, load(first)) {
        (Engine::Rten, Err(_)) => (Engine::RtenAsWritten, load(Engine::RtenAsWritten)),
        (engine, graph) => (engine, graph),
    };
    let lacking = |reason| {
        let or = match engine.is_embedded() {
            true => ", or use ONNX Runtime (`engine = \"ort\"`)",
            false => "",
        };
        unsupported(format!(
            "{reason}. Export the model with operators that it has{or}"
        ))
    };
    let mut opened = OnnxModel {
        digest,
        engine,
        graph: graph.map_err(lacking)?,
        interface,
        gradient: None,
    };
    let examples = request.examples.as_ref().filter(|_| passed.is_none());
    let examples = examples.filter(|examples| {
        !examples.is_empty() && super::takes(&opened.interface.example, &examples.shape()[1..])
    });
    // A graph of one batch size is never asked about more.
    let fixed = opened.interface.batch.unwrap_or(request.batch);
    let trial = examples.map(|examples| Trial::of(examples, request.batch.min(fixed)));
    if let Some(trial) = trial
        && let Engine::Rten = opened.engine
        && let Some(graph) = opened.without_fusions(&bytes, trial)
    {
        opened.graph = graph;
        opened.engine = Engine::RtenAsWritten;
    }
    let engine = opened.engine;
    if let Some(trial) = trial
        && let Err(finding) = opened.probe(trial, steps)
    {
        return Err(match finding {
            Finding::Fault(Fault::Engine(reason)) => {
                let reason = opened.reason_by_operator(model, trial).unwrap_or(reason);
                let shape = trial.example();
                lacking(format!(
                    "asked about examples of these data, of the shape {shape:?}: {reason}. Are they the model's data?"
                ))
            }
            Finding::Fault(Fault::Output(reason)) => ModelError::Tensor {
                path: path(),
                reason,
            },
            Finding::Mixes => {
                let (model, bytes) = (&model, bytes.as_slice());
                let node = opened.mixing_node(Written { model, bytes }, trial);
                let place = node.map_or(String::new(), |node| {
                    let operator = node.op_type.as_deref().unwrap_or_default();
                    format!(
                        " for its operator {operator} (node {:?})",
                        trust::name(node)
                    )
                });
                let path = path();
                ModelError::Mixes { path, place }
            }
        });
    }
    let gradient = request.gradient.map(|rounding| Gradient {
        bytes,
        opset,
        engine,
        rounding,
        examples: examples.map(spread),
        path: path(),
        passes: Mutex::default(),
    });
    Ok((opened, gradient))
}

/// Some of many examples, evenly spread: what is kept of them for as long as the model.
fn spread(examples: &ArrayD<f32>) -> ArrayD<f32> {
    let step = examples.len_of(Axis(0)).div_ceil(TRIED).max(1);
    let rows = Slice::new(0, None, step.cast_signed());
    examples.slice_axis(Axis(0), rows).to_owned()
}

/// Why there is no answer.
enum Fault {
    /// In the engine's words.
    Engine(String),
    /// The output is no table of scores.
    Output(String),
}

impl From<Fault> for ModelError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Engine(reason) | Fault::Output(reason) => Self::Failed(reason),
        }
    }
}

impl Gradient {
    /// The gradient for examples of a shape, made where it is new.
    fn pass(&self, interface: &Interface, example: &[usize]) -> Result<Arc<Pass>, ModelError> {
        // A panic within leaves the map as it was.
        let mut passes = self.passes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pass) = passes.get(example) {
            return Ok(Arc::clone(pass));
        }
        let pass =
            guarded(|| ModelProto::parse_buf(&self.bytes).map_err(|error| error.to_string()))
                .map_err(Refusal::from)
                .and_then(|mut model| {
                    model.graph.iter_mut().for_each(outputs::name_all);
                    let written = Written {
                        model: &model,
                        bytes: &self.bytes,
                    };
                    Pass::new(
                        self.engine,
                        written,
                        self.opset,
                        interface,
                        example,
                        self.rounding,
                        self.examples.as_ref(),
                    )
                });
        let pass = Arc::new(pass.map_err(|refusal| match refusal {
            Refusal::NoRule(refusal) => ModelError::NoRule {
                path: self.path.clone(),
                operator: refusal.operator,
                node: refusal.node,
                reason: refusal.reason,
            },
            Refusal::Engine(reason) => ModelError::Unsupported {
                engine: self.engine.words(),
                path: self.path.clone(),
                reason: format!("its gradient cannot be computed: {reason}"),
            },
        })?);
        passes.insert(example.to_vec(), Arc::clone(&pass));
        Ok(pass)
    }
}

impl Model for OnnxModel {
    fn describe(&self) -> Description {
        Description {
            gives: None,
            classes: self.interface.classes,
            input_shape: self.interface.example.clone(),
            engine: self.engine.name(),
            concurrent: true,
            at_once: None,
            version: None,
            gradient: self.gradient.is_some(),
        }
    }

    fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        self.check_shape(&inputs)?;
        Ok(self.answers(&inputs)?)
    }

    fn gradient(
        &self,
        inputs: ArrayViewD<'_, f32>,
        cotangents: &dyn Fn(ArrayView2<'_, f32>) -> Array2<f32>,
    ) -> Result<Gradients, ModelError> {
        self.check_shape(&inputs)?;
        let gradient = self.gradient.as_ref().ok_or(ModelError::NoGradient)?;
        let pass = gradient.pass(&self.interface, &inputs.shape()[1..])?;
        let mut answers = Vec::new();
        let mut forwards = Vec::new();
        for (count, batch) in self.batches(&inputs) {
            let (forward, shape, numbers) =
                pass.forward(input(&batch)).map_err(ModelError::Failed)?;
            let rows = self.rows(batch.len_of(Axis(0)), &shape, numbers)?;
            answers.push(first(rows, count));
            forwards.push((count, batch, forward));
        }
        let answers = self.join(answers)?;
        let cotangents = cotangents(answers.view());
        if cotangents.dim() != answers.dim() {
            return Err(ModelError::Failed(format!(
                "the loss gave cotangents of the shape {:?} for answers of the shape {:?}",
                cotangents.dim(),
                answers.dim()
            )));
        }
        let mut start = 0;
        let mut gradients = Vec::new();
        for (count, batch, forward) in forwards {
            // Examples that fill up a batch have no loss.
            let mut cotangent = Array2::zeros((batch.len_of(Axis(0)), cotangents.ncols()));
            let own = cotangents.slice_axis(Axis(0), (start..start + count).into());
            cotangent
                .slice_axis_mut(Axis(0), (..count).into())
                .assign(&own);
            start += count;
            let gradient = pass.backward(
                forward,
                input(&batch),
                cotangent.as_slice().unwrap_or_default(),
            );
            let gradient = gradient
                .and_then(|numbers| {
                    ArrayD::from_shape_vec(batch.raw_dim(), numbers)
                        .map_err(|error| format!("its gradient has the wrong size: {error}"))
                })
                .map_err(ModelError::Failed)?;
            gradients.push(first(gradient, count));
        }
        Ok(Gradients {
            answers,
            inputs: self.join(gradients)?,
        })
    }
}

/// The whole of a batch, for an engine.
fn input<'a>(batch: &'a Batch<'_>) -> Input<'a> {
    Input::Floats {
        shape: batch.shape(),
        numbers: batch.as_slice().unwrap_or_default(),
    }
}

/// Examples in rows, one after another in memory.
type Batch<'a> = CowArray<'a, f32, IxDyn>;

/// The first `count` rows.
fn first<D: RemoveAxis>(mut rows: Array<f32, D>, count: usize) -> Array<f32, D> {
    rows.slice_axis_inplace(Axis(0), (..count).into());
    rows
}

impl OnnxModel {
    /// The answers to examples of the shape that the graph takes.
    fn answers(&self, inputs: &ArrayViewD<'_, f32>) -> Result<Array2<f32>, Fault> {
        self.answers_of(&self.graph, inputs)
    }

    /// The same of another graph with that input and output.
    fn answers_of(
        &self,
        graph: &Graph,
        inputs: &ArrayViewD<'_, f32>,
    ) -> Result<Array2<f32>, Fault> {
        let answers = self.batches(inputs).map(|(count, batch)| {
            let answers = graph.run(vec![input(&batch)]);
            let (shape, numbers) = answers
                .map_err(Fault::Engine)?
                .into_iter()
                .next()
                .ok_or_else(|| "the engine gave no output".to_owned())
                .and_then(Value::into_floats)
                .map_err(Fault::Output)?;
            let rows = self.rows(batch.len_of(Axis(0)), &shape, numbers)?;
            Ok(first(rows, count))
        });
        self.join(answers.collect::<Result<_, Fault>>()?)
    }

    /// Holds the shape of a batch against what the graph declares.
    fn check_shape(&self, inputs: &ArrayViewD<'_, f32>) -> Result<(), ModelError> {
        let declared = &self.interface.example;
        let given = inputs.shape().get(1..).unwrap_or_default();
        if super::takes(declared, given) {
            return Ok(());
        }
        let given: Vec<Option<usize>> = given.iter().copied().map(Some).collect();
        Err(ModelError::Failed(format!(
            "an example has the shape {}, and the input `{}` takes {}",
            show(&given),
            self.interface.input,
            show(declared)
        )))
    }

    /// The batches that the graph takes, each after the number of its examples
    /// that count: where the graph takes exactly so many, the last example is
    /// repeated to fill up.
    fn batches<'a>(
        &self,
        inputs: &'a ArrayViewD<'a, f32>,
    ) -> impl Iterator<Item = (usize, Batch<'a>)> {
        let fixed = self.interface.batch;
        let size = fixed.unwrap_or_else(|| self.engine.size_for(inputs.len_of(Axis(0))));
        inputs.axis_chunks_iter(Axis(0), size).map(move |chunk| {
            let count = chunk.len_of(Axis(0));
            if count < size {
                let rows: Vec<usize> = (0..size).map(|row| row.min(count - 1)).collect();
                return (count, chunk.select(Axis(0), &rows).into());
            }
            let batch = if chunk.is_standard_layout() {
                chunk.into()
            } else {
                let ordered: Vec<f32> = chunk.iter().copied().collect();
                let shape = chunk.raw_dim();
                ArrayD::from_shape_vec(shape, ordered)
                    .unwrap_or_default()
                    .into()
            };
            (count, batch)
        })
    }

    /// Puts the results of several batches together again.
    fn join<D: RemoveAxis>(&self, mut parts: Vec<Array<f32, D>>) -> Result<Array<f32, D>, Fault> {
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
        concatenate(Axis(0), &views).map_err(|error| {
            Fault::Output(format!(
                "its answers to batches of {} do not fit: {error}",
                self.interface.batch.unwrap_or_default()
            ))
        })
    }

    /// The answers to one batch of `count`, as the engine gave them, as a table.
    fn rows(&self, count: usize, shape: &[usize], numbers: Vec<f32>) -> Result<Array2<f32>, Fault> {
        let columns = match shape {
            [rows] if *rows == count => Some(1),
            [rows, columns, ones @ ..] if *rows == count && ones.iter().all(|&size| size == 1) => {
                Some(*columns)
            }
            _ => None,
        };
        columns
            .and_then(|columns| Array2::from_shape_vec((count, columns), numbers).ok())
            .ok_or_else(|| {
                Fault::Output(format!(
                    "the output `{}` has the shape {shape:?} for {count} examples, where one row of scores an example is expected: [{count}, classes]. Set `model.output` to the scores",
                    self.interface.output
                ))
            })
    }
}

/// The parsed model and the functions that it defines itself. The error says what
/// is wrong with the bytes.
fn parse(bytes: &[u8]) -> Result<(ModelProto, Vec<wire::Function>), String> {
    if bytes.is_empty() {
        return Err("the file is empty".to_owned());
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return Err("it is a Git LFS pointer, not the model".to_owned());
    }
    let functions = wire::check(bytes)?;
    let model = guarded(|| ModelProto::parse_buf(bytes).map_err(|error| error.to_string()))?;
    Ok((model, functions))
}

/// Calls what may panic on what it did not expect; the panic is the reason.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or(panic.downcast_ref::<String>().map(String::as_str));
        Err(format!("it gave up: {}", text.unwrap_or("no reason given")))
    })
}

#[cfg(test)]
mod conformance;
#[cfg(all(test, feature = "ort"))]
mod ort_tests;
#[cfg(test)]
mod tests;
