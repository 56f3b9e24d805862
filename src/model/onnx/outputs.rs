//! A graph with other outputs: tensors from within it, and where they are above 0.

use rten_onnx::onnx::{DataType, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};

use super::engine::Engine;
use super::trust;

/// A model, parsed and as the bytes of its file.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) model: &'a ModelProto,
    pub(super) bytes: &'a [u8],
}

/// What a graph is asked of a tensor of its own: where it is above 0.
pub(super) struct Sign {
    pub(super) tensor: String,
    pub(super) truth: String,
}

/// The bytes of a model with the tensors `outputs` among its outputs; `signs` may be
/// among them.
pub(super) fn with_outputs(
    engine: Engine,
    written: Written<'_>,
    outputs: &[&str],
    signs: &[Sign],
) -> Result<Vec<u8>, String> {
    let Written { model, bytes } = written;
    let declared = model.graph.as_ref().map(|graph| graph.output.as_slice());
    let declared = declared.unwrap_or_default();
    let declaration = |name: &&str| {
        let mut declared = declared.iter();
        let found = declared.find(|value| value.name.as_deref() == Some(*name));
        found.cloned()
    };
    let undeclared = |name: &&str| ValueInfoProto {
        name: Some((*name).to_owned()),
        r#type: None,
    };
    let write = |model: ModelProto| model.write_buf().map_err(|error| error.to_string());
    if engine.is_embedded() {
        let mut graph = model.graph.clone().unwrap_or_default();
        let outputs = outputs.iter();
        graph.output = outputs
            .map(|name| declaration(name).unwrap_or_else(|| undeclared(name)))
            .collect();
        write_signs(&mut graph, signs);
        return write(ModelProto {
            ir_version: model.ir_version,
            graph: Some(graph),
            opset_import: model.opset_import.clone(),
            ..ModelProto::default()
        });
    }
    // What follows a message in Protocol Buffers is a part of it. So the file is kept
    // whole, with the names of subgraphs, which ONNX Runtime asks for and the parser
    // leaves out.
    let new = outputs.iter().filter(|name| declaration(name).is_none());
    let mut more = GraphProto {
        output: new.map(undeclared).collect(),
        ..GraphProto::default()
    };
    write_signs(&mut more, signs);
    let more = write(ModelProto {
        graph: Some(more),
        ..ModelProto::default()
    })?;
    Ok([bytes, &more].concat())
}

/// Gives each node without a name that of what it makes, which messages call it.
pub(super) fn name_all(graph: &mut GraphProto) {
    for node in &mut graph.node {
        node.name = Some(trust::name(node).to_owned());
    }
}

/// Lets a graph tell where its tensors are above 0.
fn write_signs(graph: &mut GraphProto, signs: &[Sign]) {
    let zero = "backward/zero";
    if !signs.is_empty() {
        graph.initializer.push(TensorProto {
            name: Some(zero.to_owned()),
            data_type: Some(DataType::FLOAT),
            float_data: vec![0.0],
            ..TensorProto::default()
        });
    }
    for Sign { tensor, truth } in signs {
        graph.node.push(NodeProto {
            name: Some(truth.clone()),
            op_type: Some("Greater".to_owned()),
            input: vec![tensor.clone(), zero.to_owned()],
            output: vec![truth.clone()],
            attribute: Vec::new(),
            domain: None,
        });
    }
}
