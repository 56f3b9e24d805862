//! What runs a graph: named tensors in, named tensors out.
//!
//! One graph's results can be another's inputs, so that tensors stay the
//! engine's own, and are copied only where numbers are read.

use crate::spec::OnnxEngine;

#[cfg(feature = "ort")]
mod library;
#[cfg(feature = "ort")]
mod ort;
mod plain;
#[cfg(feature = "ort")]
mod provider;
mod rten;

pub(super) use rten::inferred;
pub use rten::on_threads;

/// The embedded engine and its version, as records name it.
pub const EMBEDDED: &str = "rten 0.27.0";

/// An engine as it is here, with its version and the file that it was found in.
///
/// # Errors
/// Why it is not here, and the cure.
pub fn available(engine: OnnxEngine) -> Result<String, String> {
    Ok(match Engine::of(engine)? {
        Engine::Rten | Engine::RtenAsWritten => format!("{EMBEDDED}, built in"),
        #[cfg(feature = "ort")]
        Engine::Ort(runtime) => runtime.words(),
    })
}

/// What runs graphs, ready to load them.
#[derive(Clone, Copy)]
pub(super) enum Engine {
    Rten,
    /// Without the fusions of nodes by which rten is faster, and not always right.
    RtenAsWritten,
    #[cfg(feature = "ort")]
    Ort(ort::Runtime),
}

/// A graph that is ready to run.
pub(super) enum Graph {
    Rten(Box<rten::Graph>),
    #[cfg(feature = "ort")]
    Ort(ort::Graph),
}

/// A tensor that an engine made.
pub(super) enum Value {
    Rten(::rten::Value),
    #[cfg(feature = "ort")]
    Ort(::ort::value::DynValue),
}

/// What goes into a graph.
pub(super) enum Input<'a> {
    /// Numbers in memory, row by row.
    Floats {
        shape: &'a [usize],
        numbers: &'a [f32],
    },
    /// Another graph's result.
    Value(Value),
}

/// The numbers of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Numbers {
    Floats(Vec<f32>),
    /// Of any integer type; truth values are 0 and 1.
    Ints(Vec<i64>),
}

impl Engine {
    /// The engine that a spec names. The error says why there is none, and the
    /// cure.
    pub(super) fn of(wanted: OnnxEngine) -> Result<Self, String> {
        match wanted {
            OnnxEngine::Rten => Ok(Self::Rten),
            #[cfg(feature = "ort")]
            wanted => ort::Runtime::of(wanted).map(Self::Ort),
            #[cfg(not(feature = "ort"))]
            _ => Err(
                "this program was built without the feature `ort`. Turn it on (`features = [\"ort\"]` of the dependency steadfast, `cargo install cargo-steadfast --features ort`), or remove `engine`".to_owned(),
            ),
        }
    }

    /// The engine and its version, as records name it.
    pub(super) fn name(self) -> String {
        match self {
            Self::Rten => EMBEDDED.to_owned(),
            Self::RtenAsWritten => format!("{EMBEDDED} without fusions"),
            #[cfg(feature = "ort")]
            Self::Ort(runtime) => format!("ort {runtime}"),
        }
    }

    /// The engine as messages name it.
    pub(super) fn words(self) -> String {
        match self {
            Self::Rten | Self::RtenAsWritten => "the embedded engine rten".to_owned(),
            #[cfg(feature = "ort")]
            Self::Ort(runtime) => format!("ONNX Runtime {runtime}"),
        }
    }

    /// How many examples to run a batch of `count` as, the last of which are then
    /// there to fill it up.
    ///
    /// ONNX Runtime computes logarithms and exponentials four numbers at a time, and
    /// what is left at the end of a tensor by another formula. In a multiple of four
    /// examples nothing is left.
    pub(super) fn size_for(self, count: usize) -> usize {
        match self {
            Self::Rten | Self::RtenAsWritten => count,
            #[cfg(feature = "ort")]
            Self::Ort(_) => count.next_multiple_of(4),
        }
    }

    /// The same, for a graph that is looked into: rten may take two tensors that are the same
    /// for one, and execution providers do not show each.
    pub(super) fn as_written(self) -> Self {
        match self {
            Self::Rten | Self::RtenAsWritten => Self::RtenAsWritten,
            #[cfg(feature = "ort")]
            Self::Ort(runtime) => Self::Ort(runtime.on_cpu()),
        }
    }

    /// Whether it is rten without its fusions.
    pub(super) fn is_as_written(self) -> bool {
        matches!(self, Self::RtenAsWritten)
    }

    pub(super) fn is_embedded(self) -> bool {
        matches!(self, Self::Rten | Self::RtenAsWritten)
    }
}

impl Graph {
    /// Loads the graph that the bytes of an ONNX file hold, with the inputs and
    /// outputs that [`Graph::run`] takes and gives. The error is the engine's own
    /// words.
    pub(super) fn load(
        engine: Engine,
        bytes: Vec<u8>,
        inputs: &[&str],
        outputs: &[&str],
    ) -> Result<Self, String> {
        match engine {
            Engine::Rten | Engine::RtenAsWritten => {
                let fused = matches!(engine, Engine::Rten);
                let graph = rten::Graph::load(bytes, inputs, outputs, fused)?;
                Ok(Self::Rten(Box::new(graph)))
            }
            #[cfg(feature = "ort")]
            Engine::Ort(runtime) => {
                ort::Graph::load(runtime, bytes, inputs, outputs).map(Self::Ort)
            }
        }
    }

    /// Runs the graph on `inputs`, in the order of [`Graph::load`]. Gives its
    /// outputs, in that order.
    pub(super) fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Value>, String> {
        match self {
            Self::Rten(graph) => graph.run(inputs),
            #[cfg(feature = "ort")]
            Self::Ort(graph) => graph.run(inputs),
        }
    }
}

impl Value {
    pub(super) fn shape(&self) -> Vec<usize> {
        match self {
            Self::Rten(value) => rten::shape(value),
            #[cfg(feature = "ort")]
            Self::Ort(value) => ort::shape(value),
        }
    }

    /// The shape and the numbers, which must be float32.
    pub(super) fn into_floats(self) -> Result<(Vec<usize>, Vec<f32>), String> {
        match self {
            Self::Rten(value) => rten::into_floats(value),
            #[cfg(feature = "ort")]
            Self::Ort(value) => ort::into_floats(&value),
        }
    }

    /// A copy of the numbers; `None` for what is no tensor of numbers.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        match self {
            Self::Rten(value) => rten::numbers(value),
            #[cfg(feature = "ort")]
            Self::Ort(value) => ort::numbers(value),
        }
    }
}
