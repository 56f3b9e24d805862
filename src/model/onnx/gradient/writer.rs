//! Writes the nodes, constants and inputs of a new graph.

use std::cell::RefCell;
use std::collections::HashMap;

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

use super::super::engine::Numbers;
use super::super::outputs::Sign;
use super::tensors::Constant;
use super::{Arrival, Backward, OPSET};

/// A tensor of the graph that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Var(usize);

/// The value of an attribute.
#[derive(Clone, Copy, Debug)]
pub(super) enum Attribute<'a> {
    Int(i64),
    Float(f32),
    Ints(&'a [i64]),
    Text(&'a str),
}

/// Sizes as attributes and lists take them.
pub(super) fn ints(sizes: &[usize]) -> Vec<i64> {
    sizes.iter().map(|&size| size as i64).collect()
}

/// A graph that grows.
#[derive(Default)]
pub(super) struct Writer {
    names: Vec<String>,
    graph: GraphProto,
    saved: HashMap<String, Var>,
    order: Vec<String>,
    signs: Vec<Sign>,
}

impl Writer {
    /// An input of the graph under a name that is made of `hint`.
    pub(super) fn input(&mut self, hint: &str, kind: DataType) -> (Var, String) {
        let var = self.name(hint);
        let name = self.names[var.0].clone();
        self.declare(&name, kind);
        (var, name)
    }

    /// A tensor of the forward pass, under its own name.
    pub(super) fn saved(&mut self, name: &str, kind: DataType) -> Var {
        if let Some(&var) = self.saved.get(name) {
            return var;
        }
        let var = Var(self.names.len());
        self.names.push(name.to_owned());
        self.declare(name, kind);
        self.saved.insert(name.to_owned(), var);
        self.order.push(name.to_owned());
        var
    }

    /// Whether the numbers of a float32 tensor of the forward pass are above 0: truths
    /// that it finds itself, so that it need not keep the numbers.
    pub(super) fn above_zero(&mut self, tensor: &str) -> Var {
        let truth = format!("backward/{tensor}/above zero");
        if !self.saved.contains_key(&truth) {
            self.signs.push(Sign {
                tensor: tensor.to_owned(),
                truth: truth.clone(),
            });
        }
        self.saved(&truth, DataType::BOOL)
    }

    /// A node with one output.
    pub(super) fn node(
        &mut self,
        operator: &str,
        inputs: &[Var],
        attributes: &[(&str, Attribute<'_>)],
    ) -> Var {
        let made = self.name(operator);
        let name = |var: &Var| self.names.get(var.0).cloned().unwrap_or_default();
        let node = NodeProto {
            name: Some(name(&made)),
            op_type: Some(operator.to_owned()),
            input: inputs.iter().map(name).collect(),
            output: vec![name(&made)],
            attribute: attributes.iter().map(attribute).collect(),
            domain: None,
        };
        self.graph.node.push(node);
        made
    }

    /// What stands for an input that is left out.
    pub(super) fn none(&mut self) -> Var {
        let var = Var(self.names.len());
        self.names.push(String::new());
        var
    }

    /// A constant of float32 numbers.
    pub(super) fn floats(&mut self, shape: &[usize], numbers: &[f32]) -> Var {
        self.constant(DataType::FLOAT, shape, bytes(numbers, f32::to_le_bytes))
    }

    /// A constant of int64 numbers.
    pub(super) fn ints(&mut self, shape: &[usize], numbers: &[i64]) -> Var {
        self.constant(DataType::INT64, shape, bytes(numbers, i64::to_le_bytes))
    }

    /// A constant of truth values.
    pub(super) fn bools(&mut self, shape: &[usize], truths: impl Iterator<Item = bool>) -> Var {
        self.constant(DataType::BOOL, shape, truths.map(u8::from).collect())
    }

    fn constant(&mut self, kind: DataType, shape: &[usize], bytes: Vec<u8>) -> Var {
        let var = self.name("constant");
        let constant = tensor(&self.names[var.0], kind, shape, bytes);
        self.graph.initializer.push(constant);
        var
    }

    /// The sum of tensors of one shape.
    pub(super) fn sum(&mut self, terms: &[Var]) -> Var {
        let sum = |sum, &term| self.node("Add", &[sum, term], &[]);
        terms[1..].iter().fold(terms[0], sum)
    }

    pub(super) fn name_of(&self, var: Var) -> &str {
        &self.names[var.0]
    }

    /// The graph that computes `gradient`.
    pub(super) fn finish(
        mut self,
        gradient: Var,
        cotangent: String,
        arrivals: Vec<Arrival>,
    ) -> Backward {
        let gradient = self.node("Identity", &[gradient], &[]);
        let gradient = self.names[gradient.0].clone();
        self.graph
            .output
            .push(declaration(&gradient, DataType::FLOAT));
        Backward {
            model: model(self.graph, OPSET),
            saved: self.order,
            signs: self.signs,
            cotangent,
            gradient,
            arrivals,
        }
    }

    /// A new name. A slash and the running number keep it apart from those of
    /// the forward graph.
    fn name(&mut self, hint: &str) -> Var {
        let var = Var(self.names.len());
        self.names.push(format!("backward/{}/{hint}", var.0));
        var
    }

    fn declare(&mut self, name: &str, kind: DataType) {
        self.graph.input.push(declaration(name, kind));
    }
}

fn tensor(name: &str, kind: DataType, shape: &[usize], bytes: Vec<u8>) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: ints(shape),
        data_type: Some(kind),
        raw_data: Some(RefCell::new(bytes)),
        ..TensorProto::default()
    }
}

/// A tensor of these numbers.
pub(super) fn constant(name: &str, Constant { shape, numbers }: &Constant) -> TensorProto {
    let (kind, bytes) = match numbers {
        Numbers::Floats(numbers) => (DataType::FLOAT, bytes(numbers, f32::to_le_bytes)),
        Numbers::Ints(numbers) => (DataType::INT64, bytes(numbers, i64::to_le_bytes)),
    };
    tensor(name, kind, shape, bytes)
}

/// A model of one node with one input that is not among `weights`, and one output.
pub(super) fn model_of(
    node: NodeProto,
    weights: Vec<TensorProto>,
    opset: i64,
    input: &str,
    output: &str,
) -> ModelProto {
    let graph = GraphProto {
        node: vec![node],
        initializer: weights,
        input: vec![declaration(input, DataType::FLOAT)],
        output: vec![declaration(output, DataType::FLOAT)],
        ..GraphProto::default()
    };
    model(graph, opset)
}

fn model(graph: GraphProto, opset: i64) -> ModelProto {
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(opset),
        }],
        graph: Some(graph),
        ..ModelProto::default()
    }
}

fn bytes<T: Copy, const N: usize>(numbers: &[T], bytes: fn(T) -> [u8; N]) -> Vec<u8> {
    let bytes = numbers.iter().flat_map(|&number| bytes(number));
    bytes.collect()
}

/// A tensor of any shape.
fn declaration(name: &str, kind: DataType) -> ValueInfoProto {
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TypeProtoTensor {
                elem_type: Some(kind),
                shape: None,
            }),
            ..TypeProto::default()
        }),
    }
}

fn attribute((name, value): &(&str, Attribute<'_>)) -> AttributeProto {
    let name = Some((*name).to_owned());
    let empty = AttributeProto::default();
    match *value {
        Attribute::Int(number) => AttributeProto {
            name,
            r#type: Some(AttributeType::INT),
            i: Some(number),
            ..empty
        },
        Attribute::Float(number) => AttributeProto {
            name,
            r#type: Some(AttributeType::FLOAT),
            f: Some(number),
            ..empty
        },
        Attribute::Text(text) => AttributeProto {
            name,
            r#type: Some(AttributeType::STRING),
            s: Some(text.to_owned()),
            ..empty
        },
        Attribute::Ints(numbers) => AttributeProto {
            name,
            r#type: Some(AttributeType::INTS),
            ints: numbers.to_vec(),
            ..empty
        },
    }
}
