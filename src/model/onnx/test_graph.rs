//! Small ONNX graphs for tests, written with `rten-onnx`.

use std::cell::RefCell;

use rten_onnx::onnx::{
    AttributeProto, AttributeType, DataType, Dimension, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, TensorProto, TensorShapeProto, TypeProto, TypeProtoTensor, ValueInfoProto,
};

/// A float32 tensor of a free batch axis (`-1`) and others.
pub(super) fn value(name: &str, kind: DataType, shape: &[i64]) -> ValueInfoProto {
    let axis = |&size: &i64| Dimension {
        dim_value: (size >= 0).then_some(size),
        dim_param: (size < 0).then(|| "batch".to_owned()),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            tensor_type: Some(TypeProtoTensor {
                elem_type: Some(kind),
                shape: Some(TensorShapeProto {
                    dim: shape.iter().map(axis).collect(),
                }),
            }),
            ..TypeProto::default()
        }),
    }
}

pub(super) fn floats(name: &str, shape: &[i64], numbers: &[f32]) -> TensorProto {
    tensor(
        name,
        DataType::FLOAT,
        shape,
        numbers.iter().flat_map(|number| number.to_le_bytes()),
    )
}

pub(super) fn ints(name: &str, numbers: &[i64]) -> TensorProto {
    let shape = [numbers.len() as i64];
    tensor(
        name,
        DataType::INT64,
        &shape,
        numbers.iter().flat_map(|number| number.to_le_bytes()),
    )
}

pub(super) fn int32s(name: &str, numbers: &[i32]) -> TensorProto {
    let shape = [numbers.len() as i64];
    let bytes = numbers.iter().flat_map(|number| number.to_le_bytes());
    tensor(name, DataType::INT32, &shape, bytes)
}

pub(super) fn bools(name: &str, truths: &[bool]) -> TensorProto {
    let shape = [truths.len() as i64];
    tensor(
        name,
        DataType::BOOL,
        &shape,
        truths.iter().map(|&truth| u8::from(truth)),
    )
}

pub(super) fn uint8s(name: &str, shape: &[i64], numbers: &[u8]) -> TensorProto {
    tensor(name, DataType::UINT8, shape, numbers.iter().copied())
}

fn tensor(
    name: &str,
    kind: DataType,
    shape: &[i64],
    bytes: impl IntoIterator<Item = u8>,
) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: shape.to_vec(),
        data_type: Some(kind),
        raw_data: Some(RefCell::new(bytes.into_iter().collect())),
        ..TensorProto::default()
    }
}

/// A node named after its operator.
pub(super) fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        name: Some(format!("the_{}", operator.to_lowercase())),
        op_type: Some(operator.to_owned()),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: outputs.iter().map(|&name| name.to_owned()).collect(),
        ..NodeProto::default()
    }
}

/// Attributes for a node, one a call.
pub(super) trait With {
    fn with(self, name: &str, attribute: AttributeProto) -> Self;
}

impl With for NodeProto {
    fn with(mut self, name: &str, attribute: AttributeProto) -> Self {
        self.attribute.push(AttributeProto {
            name: Some(name.to_owned()),
            ..attribute
        });
        self
    }
}

pub(super) fn text(text: &str) -> AttributeProto {
    AttributeProto {
        s: Some(text.to_owned()),
        r#type: Some(AttributeType::STRING),
        ..AttributeProto::default()
    }
}

pub(super) fn int(number: i64) -> AttributeProto {
    AttributeProto {
        i: Some(number),
        r#type: Some(AttributeType::INT),
        ..AttributeProto::default()
    }
}

pub(super) fn list(numbers: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: numbers.to_vec(),
        r#type: Some(AttributeType::INTS),
        ..AttributeProto::default()
    }
}

pub(super) fn subgraph(graph: GraphProto) -> AttributeProto {
    AttributeProto {
        g: Some(graph),
        r#type: Some(AttributeType::GRAPH),
        ..AttributeProto::default()
    }
}

/// A model of one float input `x` and one output `y`.
pub(super) fn model(
    input: &[i64],
    output: &[i64],
    mut nodes: Vec<NodeProto>,
    initializers: Vec<TensorProto>,
) -> ModelProto {
    // ONNX Runtime takes a name once only.
    let names: Vec<_> = nodes.iter().map(|node| node.name.clone()).collect();
    for (at, node) in nodes.iter_mut().enumerate() {
        if names[..at].contains(&node.name) {
            let name = node.name.as_deref().unwrap_or_default();
            node.name = Some(format!("{name}_{at}"));
        }
    }
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(17),
        }],
        graph: Some(GraphProto {
            node: nodes,
            initializer: initializers,
            input: vec![value("x", DataType::FLOAT, input)],
            output: vec![value("y", DataType::FLOAT, output)],
            value_info: Vec::new(),
        }),
        ..ModelProto::default()
    }
}
