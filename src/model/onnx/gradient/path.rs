//! What lies between the input and the output: the nodes, and the tensors that carry
//! cotangents.
//!
//! These are the float32 tensors that are made from the input, and what rounding makes
//! of them: the integers of a quantised graph, which are numbers still. Numbers of another
//! precision and sequences carry them too, though no rule takes them further. Truth
//! values, shapes, positions and indices do not; nothing gets through them.

use std::collections::HashSet;

use rten_onnx::onnx::{DataType, NodeProto};

use super::super::interface::{casts_to, read_by};
use super::super::trust::answers_truth;
use super::tensors::Tensors;

pub(super) struct Path<'a> {
    /// In the order of the graph.
    pub(super) nodes: Vec<&'a NodeProto>,
    /// The tensors that carry cotangents.
    pub(super) tensors: HashSet<&'a str>,
}

impl<'a> Path<'a> {
    pub(super) fn between(tensors: &Tensors<'a>, input: &'a str, output: &'a str) -> Self {
        let mut reached = HashSet::from([input]);
        let mut nodes = Vec::new();
        for node in &tensors.graph().node {
            let mut read = read_as_numbers(node, tensors);
            read.retain(|name| reached.contains(name));
            if read.is_empty() {
                continue;
            }
            let rounded = makes_numbers(node)
                && (is_rounding(node) || read.iter().any(|name| !tensors.is_float(name)));
            let made = node.output.iter().map(String::as_str);
            // Text is a category, to be looked up.
            let is_text = casts_to(node, DataType::STRING);
            let made = made.filter(|name| {
                rounded || tensors.is_float(name) || tensors.is_other(name) && !is_text
            });
            let before = reached.len();
            reached.extend(made.filter(|name| !name.is_empty()));
            if reached.len() > before {
                nodes.push(node);
            }
        }
        let mut wanted = HashSet::from([output]);
        let mut between = Vec::new();
        for node in nodes.into_iter().rev() {
            let mut outputs = node.output.iter();
            if outputs.any(|name| wanted.contains(name.as_str())) {
                let read = read_as_numbers(node, tensors);
                wanted.extend(read.iter().filter(|name| reached.contains(*name)));
                between.push(node);
            }
        }
        between.reverse();
        Self {
            nodes: between,
            tensors: wanted,
        }
    }
}

/// The tensors that a node reads as numbers, those of its subgraphs included.
fn read_as_numbers<'a>(node: &'a NodeProto, tensors: &Tensors<'a>) -> Vec<&'a str> {
    let mut read = Vec::new();
    read_by(node, &mut |name| read.push(name));
    // Behind the inputs come those that subgraphs read, in whatever way.
    let numbers = |&(index, name): &(usize, &str)| {
        let float = tensors.is_float(name) || tensors.is_other(name);
        index >= node.input.len() || is_number(node, index, float)
    };
    let numbers = read.into_iter().enumerate().filter(numbers);
    numbers.map(|(_, name)| name).collect()
}

/// Whether what a node does with an input is done with its numbers: integers may be
/// indices, axes or a shape instead.
pub(super) fn is_number(node: &NodeProto, input: usize, float: bool) -> bool {
    float
        || match operator(node) {
            "Add" | "Concat" | "Div" | "Max" | "Mean" | "Min" | "Mod" | "Mul" | "Pow" | "Sub"
            | "Sum" => true,
            "Where" => input > 0,
            "OneHot" => false,
            _ => input == 0,
        }
}

/// Whether the integers that a node makes of numbers are numbers again.
fn makes_numbers(node: &NodeProto) -> bool {
    let operator = operator(node);
    !answers_truth(operator)
        && !matches!(operator, "ArgMax" | "ArgMin" | "NonZero" | "Shape" | "Size")
}

/// Whether a node makes other numbers of float32 numbers, near the same.
fn is_rounding(node: &NodeProto) -> bool {
    match operator(node) {
        "QuantizeLinear" => true,
        "Cast" => !casts_to(node, DataType::BOOL) && !casts_to(node, DataType::STRING),
        _ => false,
    }
}

/// The name of a node's operator.
pub(super) fn operator(node: &NodeProto) -> &str {
    node.op_type.as_deref().unwrap_or_default()
}
