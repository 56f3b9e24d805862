//! What runs a graph: named tensors in, named tensors out.
//!
//! One graph's results can be another's inputs, so that tensors stay the
//! engine's own, and are copied only where numbers are read.

mod rten;

pub use rten::on_threads;

/// A graph that is ready to run.
pub(super) enum Graph {
    Rten(rten::Graph),
}

/// A tensor that an engine made.
pub(super) enum Value {
    Rten(::rten::Value),
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

impl Graph {
    /// Loads the graph that the bytes of an ONNX file hold, with the inputs and
    /// outputs that [`Graph::run`] takes and gives. The error is the engine's own
    /// words.
    pub(super) fn load(bytes: Vec<u8>, inputs: &[&str], outputs: &[&str]) -> Result<Self, String> {
        rten::Graph::load(bytes, inputs, outputs).map(Self::Rten)
    }

    /// Runs the graph on `inputs`, in the order of [`Graph::load`]. Gives its
    /// outputs, in that order.
    pub(super) fn run(&self, inputs: Vec<Input<'_>>) -> Result<Vec<Value>, String> {
        match self {
            Self::Rten(graph) => graph.run(inputs),
        }
    }
}

impl Value {
    pub(super) fn shape(&self) -> Vec<usize> {
        match self {
            Self::Rten(value) => rten::shape(value),
        }
    }

    /// The shape and the numbers, which must be float32.
    pub(super) fn into_floats(self) -> Result<(Vec<usize>, Vec<f32>), String> {
        match self {
            Self::Rten(value) => rten::into_floats(value),
        }
    }

    /// A copy of the numbers; `None` for what is no tensor of numbers.
    pub(super) fn numbers(&self) -> Option<Numbers> {
        match self {
            Self::Rten(value) => rten::numbers(value),
        }
    }
}
