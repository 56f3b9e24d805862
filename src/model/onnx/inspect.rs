//! What an ONNX file says of itself, whether or not an engine takes it.

use std::fmt;
use std::path::Path;

use rten_onnx::onnx::{DataType, ValueInfoProto};

use super::interface::{element_type, given, name, shape, show};
use super::parse;
use crate::digest::Digest;
use crate::model::ModelError;

/// What an ONNX file says of itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    /// The SHA-256 of the file's bytes.
    pub digest: Digest,
    /// Each set of operators that it uses, with its version: `ai.onnx 17`.
    pub operator_sets: Vec<String>,
    /// Each input that is no weight.
    pub inputs: Vec<Tensor>,
    /// Each output.
    pub outputs: Vec<Tensor>,
}

impl Contents {
    /// The input of this name, or the only one.
    pub fn input(&self, wanted: Option<&str>) -> Option<&Tensor> {
        match (wanted, self.inputs.as_slice()) {
            (None, [only]) => Some(only),
            (None, _) => None,
            (Some(wanted), inputs) => inputs.iter().find(|input| input.name == wanted),
        }
    }
}

/// What a file declares of an input or an output. As text: `x: FLOAT (?, 1, 8, 8)`, with
/// `?` for a free axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its name.
    pub name: String,
    /// The type of its numbers; `None`: it is no tensor.
    kind: Option<DataType>,
    /// Its axes, where they are declared; `None` for a free one.
    pub shape: Option<Vec<Option<usize>>>,
}

impl Tensor {
    fn of(value: &ValueInfoProto) -> Self {
        Self {
            name: name(value).to_owned(),
            kind: element_type(value),
            shape: shape(value),
        }
    }

    /// Whether it is a tensor, and no list or dictionary.
    pub fn is_tensor(&self) -> bool {
        self.kind.is_some()
    }

    /// Whether it is a tensor of float32 numbers.
    pub fn is_float32(&self) -> bool {
        self.kind == Some(DataType::FLOAT)
    }

    /// The shape of one example of it, where that is declared: without the batch.
    pub fn example(&self) -> Option<Vec<usize>> {
        let [_, example @ ..] = self.shape.as_deref()? else {
            return None;
        };
        example.iter().copied().collect()
    }
}

impl fmt::Display for Tensor {
    fn fmt(&self, page: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(kind) = self.kind else {
            return write!(page, "{}: no tensor", self.name);
        };
        write!(page, "{}: {kind}", self.name)?;
        match &self.shape {
            Some(axes) => write!(page, " {}", show(axes)),
            None => Ok(()),
        }
    }
}

/// Reads the file at `path`, which messages call `shown`.
///
/// # Errors
/// [`ModelError::Unreadable`], and [`ModelError::NotOnnx`].
pub fn inspect(path: &Path, shown: &str) -> Result<Contents, ModelError> {
    let bytes = crate::file::read(path).map_err(|source| ModelError::Unreadable {
        path: shown.to_owned(),
        source,
    })?;
    let not_onnx = |reason| ModelError::NotOnnx {
        path: shown.to_owned(),
        reason,
    };
    let (model, _) = parse(&bytes).map_err(not_onnx)?;
    let graph = model
        .graph
        .as_ref()
        .ok_or_else(|| not_onnx("it holds no graph".to_owned()))?;
    let sets = model.opset_import.iter().map(|set| {
        let domain = set.domain.as_deref().filter(|domain| !domain.is_empty());
        let version = set.version.unwrap_or_default();
        format!("{} {version}", domain.unwrap_or("ai.onnx"))
    });
    Ok(Contents {
        digest: Digest::of(&bytes),
        operator_sets: sets.collect(),
        inputs: given(graph).into_iter().map(Tensor::of).collect(),
        outputs: graph.output.iter().map(Tensor::of).collect(),
    })
}
