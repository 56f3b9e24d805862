//! What an ONNX file says of itself, whether or not an engine takes it.

use std::path::Path;

use rten_onnx::onnx::ValueInfoProto;

use super::interface::{element_type, given, name, shape, show};
use super::parse;
use crate::digest::Digest;
use crate::model::ModelError;

/// What an ONNX file says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The SHA-256 of the file's bytes.
    pub digest: Digest,
    /// Each set of operators that it uses, with its version: `ai.onnx 17`.
    pub operator_sets: Vec<String>,
    /// Each input that is no weight: `x: FLOAT (?, 1, 8, 8)`, with `?` for a free axis.
    pub inputs: Vec<String>,
    /// Each output, likewise.
    pub outputs: Vec<String>,
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
        inputs: given(graph).into_iter().map(words).collect(),
        outputs: graph.output.iter().map(words).collect(),
    })
}

fn words(value: &ValueInfoProto) -> String {
    match element_type(value) {
        Some(kind) => {
            let shape = shape(value).map_or(String::new(), |shape| format!(" {}", show(&shape)));
            format!("{}: {kind}{shape}", name(value))
        }
        None => format!("{}: no tensor", name(value)),
    }
}
