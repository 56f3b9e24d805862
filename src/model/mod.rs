//! What a model is to the engine, and the ways in: a Rust value, an ONNX file, a
//! program that answers over a pipe (worker), a server (endpoint).
//!
//! How outputs become scores is the metrics' business; how batches are made and
//! padded is the engine's.

use std::borrow::Cow;

use ndarray::{Array2, ArrayD, ArrayView2, ArrayViewD};
use serde::{Deserialize, Serialize};

pub mod endpoint;
pub mod loss;
pub mod onnx;
mod rust;
pub mod worker;

pub use crate::spec::Gives;
pub use rust::{FromFn, from_fn};

/// The engine of a Rust model, as [`Description::engine`] names it.
pub const RUST_ENGINE: &str = "rust";

/// What a model declares about itself before it is asked anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// What it answers with; `None` where only the spec can say (ONNX).
    pub gives: Option<Gives>,
    /// The number of classes; `None` where it is known from the first answer only.
    pub classes: Option<usize>,
    /// The shape of one example, without the batch; `None` for a free axis, and
    /// an empty list where nothing is declared.
    pub input_shape: Vec<Option<usize>>,
    /// What computes, with its version: `rten 0.27.0`, `rust`.
    pub engine: String,
    /// Whether several threads may call `predict` at once.
    pub concurrent: bool,
    /// How many batches it answers at once, where that is bounded: more wait for their
    /// turn, and are dropped when their case has failed by then.
    pub at_once: Option<usize>,
    /// What identifies a model whose content cannot be seen, as a server reports it.
    pub version: Option<String>,
    /// Whether it has a [`Model::gradient`].
    pub gradient: bool,
}

impl Description {
    /// How many batches it may be handed at once, where that is bounded.
    pub fn bound(&self) -> Option<usize> {
        match self.concurrent {
            true => self.at_once.map(|bound| bound.max(1)),
            false => Some(1),
        }
    }

    /// Whether examples of the shape `given` go in, as far as it is declared.
    pub fn takes(&self, given: &[usize]) -> bool {
        takes(&self.input_shape, given)
    }
}

/// Whether examples of the shape `given` are such as are `declared`.
fn takes(declared: &[Option<usize>], given: &[usize]) -> bool {
    let mut axes = declared.iter().zip(given);
    let same = |(declared, given): (&Option<usize>, &usize)| declared.is_none_or(|it| it == *given);
    declared.is_empty() || (declared.len() == given.len() && axes.all(same))
}

/// The most examples, and numbers of all of them, of a batch whose size a model declares:
/// every question is filled up to it. 1 GiB.
const LARGEST_BATCH: (usize, usize) = (1 << 16, 1 << 28);

/// Whether batches of so many examples of a shape are beyond what is filled up.
fn is_vast(batch: usize, example: &[Option<usize>]) -> bool {
    let known = example.iter().map(|size| size.unwrap_or(1));
    let numbers = known.fold(batch, usize::saturating_mul);
    batch > LARGEST_BATCH.0 || numbers > LARGEST_BATCH.1
}

impl Default for Description {
    fn default() -> Self {
        Self {
            gives: None,
            classes: None,
            input_shape: Vec::new(),
            engine: RUST_ENGINE.to_owned(),
            concurrent: true,
            at_once: None,
            version: None,
            gradient: false,
        }
    }
}

/// A classifier.
///
/// The engine calls `predict` with batches of at least two examples, from
/// several threads where the model says it may, and fails the case, never the
/// run, when it panics.
pub trait Model: Send + Sync {
    /// What the model is.
    fn describe(&self) -> Description;

    /// The answers to `inputs` (float32, first axis the batch): one row an
    /// example, one column a class, or a single column for
    /// [`Gives::PositiveProbability`].
    ///
    /// An answer must depend on its own example only, not on its neighbours in
    /// the batch.
    fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError>;

    /// The answers to `inputs`, and the gradient of a loss with respect to them.
    ///
    /// The loss is given by its derivatives: `cotangents` is called once, with the
    /// answers, and says how fast each example's loss grows with each of its
    /// answers (one row an example, as [`loss`] has them). The gradient is that
    /// of the sum of the examples' losses, so that an example's is its own.
    ///
    /// # Errors
    /// [`ModelError::NoGradient`] where the model has none, which
    /// [`Description::gradient`] says beforehand.
    fn gradient(
        &self,
        inputs: ArrayViewD<'_, f32>,
        cotangents: &dyn Fn(ArrayView2<'_, f32>) -> Array2<f32>,
    ) -> Result<Gradients, ModelError> {
        let _ = (inputs, cotangents);
        Err(ModelError::NoGradient)
    }
}

/// What a forward and a backward pass give.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradients {
    /// As [`Model::predict`] gives them, to rounding.
    pub answers: Array2<f32>,
    /// The gradient with respect to the inputs, of their shape.
    pub inputs: ArrayD<f32>,
}

/// Why a model cannot be opened, or did not answer.
///
/// What an ONNX file is refused for is told from one process to another.
#[derive(Debug, thiserror::Error, Serialize, Deserialize)]
pub enum ModelError {
    /// The file is missing or cannot be read.
    #[error("failed to read the model {path}: {source}")]
    Unreadable {
        /// As the spec writes it.
        path: String,
        /// The system's reason.
        #[serde(with = "in_words")]
        source: std::io::Error,
    },
    /// The bytes are not an ONNX graph.
    #[error(
        "failed to parse {path} as ONNX: {reason}. Export the model again, or check that the file is complete (git lfs pull?)"
    )]
    NotOnnx {
        /// As the spec writes it.
        path: String,
        /// What the parser met.
        reason: String,
    },
    /// The engine that the spec names is not here.
    #[error("{path} needs ONNX Runtime (engine = \"{engine}\"): {reason}")]
    NoEngine {
        /// As the spec writes it.
        path: String,
        /// As the spec names it.
        engine: Cow<'static, str>,
        /// What is missing, and the cure.
        reason: String,
    },
    /// The embedded engine would answer wrongly without saying so, or the answer
    /// would depend on chance or on an example's neighbours.
    #[error("{path} is refused for its operator {operator} (node {node:?}): {reason}")]
    Untrusted {
        /// As the spec writes it.
        path: String,
        /// The operator's ONNX name.
        operator: String,
        /// The node's name in the graph.
        node: String,
        /// What is wrong with the answer, and the cure.
        reason: Cow<'static, str>,
    },
    /// The process that tried the model ended, or was ended, before it was through.
    #[error(
        "the trial of {path} in a process of its own {how}. No run could end well, so that none is begun{words}"
    )]
    Trial {
        /// As the spec writes it.
        path: String,
        /// How it ended, and what would allow more.
        how: String,
        /// Its last words, each line after a mark; or nothing.
        words: String,
    },
    /// An answer depends on the other examples of its batch.
    #[error(
        "{path} is refused{place}: an example has another answer beside other examples, so that no verdict would be about the example alone. Export the model in evaluation mode (`model.eval()`), and without a mean, a softmax or a normalisation over the first axis, which is the batch's"
    )]
    Mixes {
        /// As the spec writes it.
        path: String,
        /// Where it is seen first, as far as that can be told: ` for its operator
        /// Softmax (node "softmax")`, or nothing.
        place: String,
    },
    /// The engine has no such operator, or cannot take the graph as it is.
    #[error("{engine} cannot run {path}: {reason}")]
    Unsupported {
        /// Which engine: `the embedded engine rten`, `ONNX Runtime 1.32.0`.
        engine: String,
        /// As the spec writes it.
        path: String,
        /// What it met, and the cure.
        reason: String,
    },
    /// `model.input` or `model.output` is needed, or names no tensor.
    #[error("{path}: {reason}")]
    Tensor {
        /// As the spec writes it.
        path: String,
        /// Which tensor, which there are, and which key to set.
        reason: String,
    },
    /// A worker did not start or did not answer.
    #[error(transparent)]
    #[serde(skip)]
    Worker(Box<worker::WorkerError>),
    /// The server of a model.
    #[error(transparent)]
    #[serde(skip)]
    Endpoint(#[from] endpoint::EndpointError),
    /// A node between the input and the output lets no gradient through.
    #[error(
        "{path} has no gradient for its operator {operator} (node {node:?}): {reason}. Use perturbations that need no gradient, or export the model without it"
    )]
    NoRule {
        /// As the spec writes it.
        path: String,
        /// The operator's ONNX name.
        operator: String,
        /// The node's name in the graph.
        node: String,
        /// What is missing.
        reason: String,
    },
    /// A gradient is asked of a model that has none.
    #[error(
        "the model has no gradient. Use perturbations that need none, or implement `Model::gradient`"
    )]
    NoGradient,
    /// The model did not answer.
    #[error("the model failed: {0}")]
    Failed(String),
    /// The model panicked.
    #[error("the model panicked: {0}")]
    Panicked(String),
}

/// An error of the system as its message.
mod in_words {
    use serde::{Deserialize, Deserializer, Serializer};
    use std::io::Error;

    pub fn serialize<S: Serializer>(error: &Error, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(error)
    }

    pub fn deserialize<'a, D: Deserializer<'a>>(deserializer: D) -> Result<Error, D::Error> {
        String::deserialize(deserializer).map(Error::other)
    }
}

impl ModelError {
    /// Whether the cure is another engine for the file: ONNX Runtime.
    pub fn proposes_onnx_runtime(&self) -> bool {
        let refused = matches!(self, Self::Untrusted { .. } | Self::Unsupported { .. });
        refused && self.to_string().contains("engine = \"ort\"")
    }

    /// Whether one example may have brought it about: each of the batch is then tried
    /// alone. A program that died or hangs, and a server that is away, would be so again
    /// and again.
    pub fn may_be_of_one_example(&self) -> bool {
        match self {
            Self::Worker(error) => matches!(error.failure, worker::Failure::Refused(_)),
            Self::Endpoint(error) => !matches!(error, endpoint::EndpointError::Unreachable { .. }),
            _ => true,
        }
    }
}

impl From<ModelError> for crate::error::Error {
    fn from(error: ModelError) -> Self {
        Self::new(crate::error::ErrorKind::Unavailable, error)
    }
}
