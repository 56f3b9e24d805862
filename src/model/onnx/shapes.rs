//! The shapes of a graph's tensors, as far as they follow from those of the inputs and
//! weights: what the file declares of them, and what rten infers.

use std::cell::OnceCell;
use std::collections::HashMap;

use rten_onnx::onnx::{GraphProto, ModelProto, NodeProto};

use super::engine::inferred;
use super::guarded;
use super::interface::{self, attribute, name};
use super::trust;

/// The size of each axis; `None` where it is free, or not known.
pub(super) type Shape = Vec<Option<usize>>;

/// The shapes of the tensors of a model's graph, those of its subgraphs left out.
pub(super) struct Shapes<'a> {
    model: &'a ModelProto,
    /// Inferred when one is asked for: most graphs need none.
    inferred: OnceCell<HashMap<String, Shape>>,
}

impl<'a> Shapes<'a> {
    pub(super) fn of(model: &'a ModelProto) -> Self {
        Self {
            model,
            inferred: OnceCell::new(),
        }
    }

    /// The shape of a tensor: as inferred, else as the file declares it.
    pub(super) fn get(&self, tensor: &str) -> Option<Shape> {
        let graph = self.model.graph.as_ref()?;
        let inferred = self
            .inferred
            .get_or_init(|| self.infer(graph).unwrap_or_default());
        let inferred = inferred.get(tensor).cloned();
        inferred.or_else(|| declared(graph, tensor))
    }

    /// Of every tensor that a node makes. The error is a reason for knowing none.
    fn infer(&self, graph: &GraphProto) -> Result<HashMap<String, Shape>, String> {
        // rten takes the output of a reduction that reduces nothing for a reduced one.
        let noop = |node: &&NodeProto| {
            attribute(node, "noop_with_empty_axes").is_some_and(|noop| noop.i != Some(0))
        };
        if let Some(node) = graph.node.iter().find(noop) {
            return Err(format!("{:?} may reduce nothing", trust::name(node)));
        }
        let made = graph.node.iter().flat_map(|node| &node.output);
        let made: Vec<&str> = made.map(String::as_str).collect();
        let mut graph = graph.clone();
        // A node of the name of a tensor would be found in its place.
        graph.node.iter_mut().for_each(|node| node.name = None);
        let model = ModelProto {
            ir_version: self.model.ir_version,
            opset_import: self.model.opset_import.clone(),
            graph: Some(graph),
            ..ModelProto::default()
        };
        let bytes = model.write_buf().map_err(|error| error.to_string())?;
        let shapes = guarded(|| inferred(bytes, &made))?;
        let pairs = made.into_iter().zip(shapes);
        Ok(pairs
            .filter_map(|(tensor, shape)| Some((tensor.to_owned(), shape?)))
            .collect())
    }
}

/// The shape of a tensor as a graph, or a weight of it, declares it.
pub(super) fn declared(graph: &GraphProto, tensor: &str) -> Option<Shape> {
    let mut weights = graph.initializer.iter();
    let weight = weights.find(|weight| weight.name.as_deref() == Some(tensor));
    let size = |&size: &i64| usize::try_from(size).ok();
    weight
        .map(|weight| weight.dims.iter().map(size).collect())
        .or_else(|| {
            let values = graph.input.iter().chain(&graph.value_info);
            let mut values = values.chain(&graph.output);
            interface::shape(values.find(|value| name(value) == tensor)?)
        })
}

/// Whether a tensor may have a shape, by what is known of it.
#[cfg(test)]
pub(super) fn holds(known: &[Option<usize>], actual: &[usize]) -> bool {
    let mut sizes = known.iter().zip(actual);
    known.len() == actual.len()
        && sizes.all(|(known, size)| known.is_none_or(|known| known == *size))
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;

    use super::super::engine::{Engine, Graph, Input};
    use super::super::outputs::{Written, with_outputs};
    use super::*;

    #[derive(serde::Deserialize)]
    struct File {
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        name: String,
        onnx: String,
        shape: Vec<usize>,
        x: Vec<f32>,
    }

    /// On the graphs of the gradients' references, networks among them, with all that they
    /// declare of what nodes make left out.
    #[test]
    fn inferred_shapes_are_those_of_the_tensors_when_the_graph_is_run() {
        let file = include_str!("../../../tests/reference/gradients.json");
        let file: File = serde_json::from_str(file).unwrap();
        let (mut tensors, mut ranks, mut wrong) = (0, 0, Vec::new());
        for case in file.cases {
            let bytes = base64::prelude::BASE64_STANDARD.decode(&case.onnx).unwrap();
            let mut model = ModelProto::parse_buf(&bytes).unwrap();
            let graph = model.graph.as_mut().unwrap();
            graph.value_info.clear();
            for output in &mut graph.output {
                output.r#type = None;
            }
            let nodes = graph.node.clone();
            let made = nodes.iter().flat_map(|node| &node.output);
            let made: Vec<&str> = made
                .map(String::as_str)
                .filter(|name| !name.is_empty())
                .collect();
            let written = Written {
                model: &model,
                bytes: &bytes,
            };
            let whole = with_outputs(Engine::Rten, written, &made, &[]).unwrap();
            let run = guarded(|| {
                let graph = Graph::load(Engine::RtenAsWritten, whole, &["x"], &made)?;
                graph.run(vec![Input::Floats {
                    shape: &case.shape,
                    numbers: &case.x,
                }])
            });
            // Some are ONNX Runtime's alone.
            let Ok(values) = run else { continue };
            let shapes = Shapes::of(&model);
            for (tensor, value) in made.into_iter().zip(values) {
                let actual = value.shape();
                tensors += 1;
                let Some(inferred) = shapes.get(tensor) else {
                    continue;
                };
                ranks += 1;
                if !holds(&inferred, &actual) {
                    wrong.push(format!(
                        "{}: {tensor}: {inferred:?}, not {actual:?}",
                        case.name
                    ));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert!(
            tensors > 1000 && 100 * ranks > 95 * tensors,
            "{ranks} of {tensors}"
        );
    }
}
