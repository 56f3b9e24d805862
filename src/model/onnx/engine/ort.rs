//! The engine ONNX Runtime.
//!
//! A session answers one call at a time: whoever finds none idle opens another,
//! so that there are as many as threads that ask at once. Each computes on the
//! thread that asks, so that no sum depends on the number of threads.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use ort::logging::LogLevel;
use ort::session::builder::SessionBuilder;
use ort::session::{HasSelectedOutputs, OutputSelector, RunOptions, Session, SessionInputValue};
use ort::value::{
    DynValue, PrimitiveTensorElementType, Tensor, TensorElementType, TensorRef, ValueType,
};

use super::library::Library;
use super::provider::Provider;
use super::{Input, Numbers, Value};
use crate::spec::OnnxEngine;

/// ONNX Runtime, and what it computes on. Displayed, it is version and provider.
#[derive(Clone, Copy)]
pub(in crate::model::onnx) struct Runtime {
    library: &'static Library,
    provider: Provider,
}

impl Runtime {
    /// The one that a spec names. The error says why it is not here, and the cure.
    pub(super) fn of(engine: OnnxEngine) -> Result<Self, String> {
        let runtime = Self {
            library: Library::get()?,
            provider: Provider::of(engine).unwrap_or(Provider::Cpu),
        };
        let provider = runtime.provider;
        let checked = provider.check().and_then(|()| match provider {
            Provider::Cpu => Ok(()),
            // It may lack what it loads in its turn.
            _ => runtime.builder().map(drop).map_err(|error| {
                let words = crate::error::words(&error.to_string());
                format!("it does not start: {words}. See what it needs beside it, or set engine = \"ort\" for the CPU")
            }),
        });
        checked.map_err(|reason| format!("ONNX Runtime {runtime}: {reason}"))?;
        Ok(runtime)
    }

    /// Of sessions that compute on it.
    fn builder(self) -> ort::Result<SessionBuilder> {
        let builder = Session::builder(&self.library.environment)?
            .with_intra_threads(1)?
            .with_log_level(LogLevel::Fatal)?;
        self.provider.add(builder)
    }

    /// The same library on the CPU: other providers do not show every tensor.
    pub(super) fn on_cpu(self) -> Self {
        Self {
            provider: Provider::Cpu,
            ..self
        }
    }

    /// Which it is, and where it was found.
    pub(super) fn words(self) -> String {
        format!("{}{}", self.library.words(), self.provider.suffix())
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.library.version)?;
        formatter.write_str(self.provider.suffix())
    }
}

/// A graph that is ready to run.
pub(in crate::model::onnx) struct Graph {
    runtime: Runtime,
    bytes: Vec<u8>,
    inputs: Vec<String>,
    outputs: Vec<String>,
    idle: Mutex<Vec<Runner>>,
}

/// A session, and which outputs it is asked for.
struct Runner {
    session: Session,
    options: RunOptions<HasSelectedOutputs>,
}

impl Graph {
    pub(super) fn load(
        runtime: Runtime,
        bytes: Vec<u8>,
        inputs: &[&str],
        outputs: &[&str],
    ) -> Result<Self, String> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let graph = Self {
            runtime,
            bytes,
            inputs: names(inputs),
            outputs: names(outputs),
            idle: Mutex::default(),
        };
        let first = graph.runner()?;
        graph.idle().push(first);
        Ok(graph)
    }

    pub(super) fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Value>, String> {
        // In a statement of its own: no lock is held while a session is opened.
        let idle = self.idle().pop();
        let mut runner = match idle {
            Some(runner) => runner,
            None => self.runner()?,
        };
        let outputs = self.run_on(&mut runner, inputs);
        self.idle().push(runner);
        outputs
    }

    fn run_on(&self, runner: &mut Runner, inputs: Vec<Input<'_>>) -> Result<Vec<Value>, String> {
        let inputs = self
            .inputs
            .iter()
            .zip(inputs)
            .map(|(name, input)| {
                let value: SessionInputValue<'_> = match input {
                    Input::Floats { shape, numbers } => {
                        TensorRef::from_array_view((shape, numbers))
                            .map_err(text)?
                            .into()
                    }
                    Input::Value(Value::Ort(value)) => {
                        as_declared(value, &runner.session, name)?.into()
                    }
                    Input::Value(Value::Rten(_)) => {
                        return Err(format!("`{name}` is a tensor of another engine"));
                    }
                };
                Ok((name.as_str(), value))
            })
            .collect::<Result<Vec<_>, String>>()?;
        let ran = runner.session.run_with_options(inputs, &runner.options);
        let mut outputs = ran.map_err(text)?;
        self.outputs
            .iter()
            .map(|name| {
                let value = outputs.remove(name).map(Value::Ort);
                value.ok_or_else(|| format!("the engine gave no output `{name}`"))
            })
            .collect()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Runner>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn runner(&self) -> Result<Runner, String> {
        let mut builder = self.runtime.builder().map_err(text)?;
        let session = builder.commit_from_memory(&self.bytes).map_err(text)?;
        let outputs = self.outputs.iter();
        let selected = outputs.fold(OutputSelector::no_default(), OutputSelector::with);
        let options = RunOptions::new().map_err(text)?.with_outputs(selected);
        Ok(Runner { session, options })
    }
}

/// The engine's own words, without the full stop that some end with.
fn text(error: ort::Error) -> String {
    error.to_string().trim_end_matches('.').to_owned()
}

/// Whole numbers in the type that a graph declares for its input: all that is
/// written of a tensor of the forward pass is that it holds some.
fn as_declared(value: DynValue, session: &Session, name: &str) -> Result<DynValue, String> {
    let mut inputs = session.inputs().iter();
    let declared = inputs.find(|input| input.name() == name);
    let Some(wanted) = declared.and_then(|input| element(input.dtype())) else {
        return Ok(value);
    };
    if element(value.dtype()) == Some(wanted) {
        return Ok(value);
    }
    let Some(Numbers::Ints(ints)) = numbers(&value) else {
        return Ok(value);
    };
    let shape = shape(&value);
    let whole = |ints: Vec<i64>| Tensor::from_array((shape.clone(), ints));
    match wanted {
        TensorElementType::Int64 => whole(ints).map(Tensor::into_dyn),
        TensorElementType::Int32 => {
            let ints: Vec<i32> = ints.into_iter().map(|number| number as i32).collect();
            Tensor::from_array((shape, ints)).map(Tensor::into_dyn)
        }
        TensorElementType::Bool => {
            let truths: Vec<bool> = ints.into_iter().map(|number| number != 0).collect();
            Tensor::from_array((shape, truths)).map(Tensor::into_dyn)
        }
        _ => return Ok(value),
    }
    .map_err(text)
}

fn element(kind: &ValueType) -> Option<TensorElementType> {
    match kind {
        ValueType::Tensor { ty, .. } => Some(*ty),
        _ => None,
    }
}

pub(super) fn shape(value: &DynValue) -> Vec<usize> {
    match value.dtype() {
        ValueType::Tensor { shape, .. } => shape.iter().map(|&size| size as usize).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn into_floats(value: &DynValue) -> Result<(Vec<usize>, Vec<f32>), String> {
    let shape = shape(value);
    // As the embedded engine computes it.
    if element(value.dtype()) == Some(TensorElementType::Float64) {
        let (_, wide) = value.try_extract_tensor::<f64>().map_err(text)?;
        return Ok((shape, wide.iter().map(|&number| number as f32).collect()));
    }
    match numbers(value) {
        Some(Numbers::Floats(numbers)) => Ok((shape, numbers)),
        _ => Err(format!(
            "the output holds {}, not float32. Set `model.output` to the scores, or export the model with them as an output",
            value.dtype()
        )),
    }
}

pub(super) fn numbers(value: &DynValue) -> Option<Numbers> {
    fn read<T: PrimitiveTensorElementType + Copy>(value: &DynValue) -> Option<Vec<T>> {
        if shape(value).contains(&0) {
            return Some(Vec::new());
        }
        let (_, numbers) = value.try_extract_tensor().ok()?;
        Some(numbers.to_vec())
    }
    fn ints<T: PrimitiveTensorElementType + Copy + Into<i64>>(value: &DynValue) -> Option<Numbers> {
        let numbers = read::<T>(value)?.into_iter().map(T::into);
        Some(Numbers::Ints(numbers.collect()))
    }
    match element(value.dtype())? {
        TensorElementType::Float32 => read(value).map(Numbers::Floats),
        TensorElementType::Int64 => read(value).map(Numbers::Ints),
        TensorElementType::Int32 => ints::<i32>(value),
        TensorElementType::Int16 => ints::<i16>(value),
        TensorElementType::Uint16 => ints::<u16>(value),
        TensorElementType::Int8 => ints::<i8>(value),
        TensorElementType::Uint8 => ints::<u8>(value),
        TensorElementType::Bool => ints::<bool>(value),
        _ => None,
    }
}
