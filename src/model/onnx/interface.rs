//! What goes into a graph and what comes out: which tensors a spec means, and
//! what the file declares of them.

use std::collections::HashSet;

use rten_onnx::onnx::{AttributeProto, DataType, GraphProto, NodeProto, ValueInfoProto};

use crate::model::is_vast;

/// The tensor that examples go into, and the one that answers come out of.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) input: String,
    pub(super) output: String,
    /// The input's declared shape without the batch; empty where none is.
    pub(super) example: Vec<Option<usize>>,
    /// The number of examples, where the graph has only one answer to that.
    pub(super) batch: Option<usize>,
    /// The output's last axis, where it is declared and there are two or more.
    pub(super) classes: Option<usize>,
}

impl Interface {
    /// Finds the tensors that `input` and `output` name, or the only ones. The
    /// error is a message for [`crate::model::ModelError::Tensor`].
    pub(super) fn of(
        graph: &GraphProto,
        input: Option<&str>,
        output: Option<&str>,
    ) -> Result<Self, String> {
        let inputs = given(graph);
        let outputs: Vec<&ValueInfoProto> = graph.output.iter().collect();

        let input = choose("input", &inputs, input)?;
        let output = choose("output", &outputs, output)?;
        let needed = dependencies(graph, &[name(output)]);
        if !needed.contains(name(input)) {
            return Err(format!(
                "the output `{}` does not depend on the input `{}`; set `model.input` or `model.output` to another",
                name(output),
                name(input)
            ));
        }
        let others: Vec<&str> = inputs
            .iter()
            .map(|value| name(value))
            .filter(|other| *other != name(input) && needed.contains(other))
            .collect();
        if !others.is_empty() {
            return Err(format!(
                "the output `{}` also needs {}, and a spec gives one input only. Export the model with the others fixed, or wrap it as a Rust model",
                name(output),
                list(&others)
            ));
        }

        let kind = element_type(input).unwrap_or(DataType::FLOAT);
        if kind != DataType::FLOAT {
            return Err(format!(
                "the input `{}` holds {kind} numbers, and examples are FLOAT (float32). Export the model with a float32 input and a cast behind it",
                name(input)
            ));
        }
        let shape = shape(input);
        let (batch, example) = match shape.as_deref() {
            None => (None, Vec::new()),
            Some([batch, example @ ..]) if !example.is_empty() => (*batch, example.to_vec()),
            Some(shape) => {
                return Err(format!(
                    "the input `{}` has the shape {}, without an axis for the batch and one for the features. Export the model with a batch axis first",
                    name(input),
                    show(shape)
                ));
            }
        };
        if batch == Some(0) {
            return Err(format!(
                "the input `{}` declares batches of no examples. Export the model with a dynamic batch axis",
                name(input)
            ));
        }
        if let Some(batch) = batch.filter(|&batch| is_vast(batch, &example)) {
            return Err(format!(
                "the input `{}` declares batches of {batch} examples, up to which every question would be filled. Export the model with a dynamic batch axis",
                name(input)
            ));
        }
        let classes = self::shape(output)
            .filter(|shape| shape.len() == 2)
            .and_then(|shape| shape.get(1).copied().flatten())
            .filter(|&classes| classes > 1);
        Ok(Self {
            input: name(input).to_owned(),
            output: name(output).to_owned(),
            example,
            batch,
            classes,
        })
    }
}

/// The inputs that are to be given: old files list weights among them.
pub(super) fn given(graph: &GraphProto) -> Vec<&ValueInfoProto> {
    let weights: HashSet<&str> = graph
        .initializer
        .iter()
        .filter_map(|weight| weight.name.as_deref())
        .collect();
    let inputs = graph.input.iter();
    inputs
        .filter(|value| !weights.contains(name(value)))
        .collect()
}

/// The tensor that `wanted` names, or the only one.
fn choose<'a>(
    side: &str,
    tensors: &[&'a ValueInfoProto],
    wanted: Option<&str>,
) -> Result<&'a ValueInfoProto, String> {
    let names: Vec<&str> = tensors.iter().map(|value| name(value)).collect();
    match (wanted, tensors) {
        (_, []) => Err(format!("the graph has no {side}. Export the model again")),
        (None, [only]) => Ok(only),
        (None, _) => Err(format!(
            "the graph has several {side}s: {}. Name one with the key `model.{side}`",
            list(&names)
        )),
        (Some(wanted), _) => {
            let found = tensors.iter().find(|value| name(value) == wanted);
            found.copied().ok_or_else(|| {
                let similar = |other: &str| strsim::jaro_winkler(wanted, other);
                let nearest = names
                    .iter()
                    .max_by(|left, right| similar(left).total_cmp(&similar(right)))
                    .filter(|nearest| similar(nearest) > 0.7)
                    .map(|nearest| format!("; did you mean `{nearest}`?"))
                    .unwrap_or_default();
                format!(
                    "`model.{side}` names `{wanted}`, which is no {side} of the graph. It has {}{nearest}",
                    list(&names)
                )
            })
        }
    }
}

/// The names of all tensors that `outputs` are computed from, and their own.
pub(super) fn dependencies<'a>(graph: &'a GraphProto, outputs: &[&'a str]) -> HashSet<&'a str> {
    let mut found: HashSet<&str> = outputs.iter().copied().collect();
    let mut open = outputs.to_vec();
    while let Some(tensor) = open.pop() {
        let makes = |node: &&NodeProto| node.output.iter().any(|output| output == tensor);
        for node in graph.node.iter().filter(makes) {
            read_by(node, &mut |name| {
                // An empty name stands for no tensor.
                if !name.is_empty() && found.insert(name) {
                    open.push(name);
                }
            });
        }
    }
    found
}

/// Calls `visit` with the name of every tensor that a node reads, its subgraphs
/// included; names from within a subgraph, and its results, are among them.
pub(super) fn read_by<'a>(node: &'a NodeProto, visit: &mut impl FnMut(&'a str)) {
    node.input.iter().for_each(|name| visit(name));
    let attributes = node.attribute.iter();
    for subgraph in attributes.filter_map(|attribute| attribute.g.as_ref()) {
        subgraph.output.iter().for_each(|value| visit(name(value)));
        subgraph.node.iter().for_each(|node| read_by(node, visit));
    }
}

/// An attribute of a node, where it is written.
pub(super) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    let mut attributes = node.attribute.iter();
    attributes.find(|attribute| attribute.name.as_deref() == Some(name))
}

/// Whether a node is a Cast to a type.
pub(super) fn casts_to(node: &NodeProto, kind: DataType) -> bool {
    let to = attribute(node, "to").and_then(|to| to.i);
    node.op_type.as_deref() == Some("Cast") && to == Some(i64::from(kind.0))
}

pub(super) fn name(value: &ValueInfoProto) -> &str {
    value.name.as_deref().unwrap_or_default()
}

pub(super) fn element_type(value: &ValueInfoProto) -> Option<DataType> {
    value.r#type.as_ref()?.tensor_type.as_ref()?.elem_type
}

/// The declared shape; `None` for an axis that is free.
pub(super) fn shape(value: &ValueInfoProto) -> Option<Vec<Option<usize>>> {
    let tensor = value.r#type.as_ref()?.tensor_type.as_ref()?;
    let axes = tensor.shape.as_ref()?.dim.iter();
    let size = |size: i64| usize::try_from(size).ok();
    Some(axes.map(|axis| axis.dim_value.and_then(size)).collect())
}

/// A shape for a message, with `?` for a free axis: `(1, ?, 8)`.
pub(super) fn show(shape: &[Option<usize>]) -> String {
    let axes = shape.iter().map(|axis| match axis {
        Some(size) => size.to_string(),
        None => "?".to_owned(),
    });
    format!("({})", axes.collect::<Vec<_>>().join(", "))
}

/// Names for a message: `` `a`, `b` ``.
fn list(names: &[&str]) -> String {
    let names = names.iter().map(|name| format!("`{name}`"));
    names.collect::<Vec<_>>().join(", ")
}
