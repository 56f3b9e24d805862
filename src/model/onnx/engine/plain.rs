//! A graph in the form that rten reads: what it lacks, or takes only where it is
//! written, in words of the same meaning that it has.

use rten_onnx::onnx::{
    AttributeProto, AttributeType, GraphProto, ModelProto, NodeProto, ValueInfoProto,
};

use super::super::interface::attribute;

/// Operators over a window whose defaults rten does not know.
const WINDOWS: [&str; 4] = ["AveragePool", "Conv", "ConvTranspose", "MaxPool"];

/// The bytes of the graph in that form; `None` where it has it already.
pub(super) fn plain(bytes: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let mut parsed = ModelProto::parse_buf(bytes).map_err(|error| error.to_string())?;
    if !parsed.graph.as_mut().is_some_and(rewrite) {
        return Ok(None);
    }
    let written = parsed.write_buf();
    written
        .map(Some)
        .map_err(|error| format!("failed to write the graph for it: {error}"))
}

/// Rewrites a graph and its subgraphs. Says whether anything changed.
fn rewrite(graph: &mut GraphProto) -> bool {
    let mut changed = false;
    for at in 0..graph.node.len() {
        let node = &graph.node[at];
        let operator = node.op_type.as_deref().unwrap_or_default();
        if operator == "Dropout" {
            without_dropout(&mut graph.node[at]);
            changed = true;
        } else if WINDOWS.contains(&operator)
            && let Some(axes) = axes(node, graph)
        {
            changed |= with_defaults(&mut graph.node[at], axes);
        }
        let attributes = graph.node[at].attribute.iter_mut();
        for subgraph in attributes.filter_map(|attribute| attribute.g.as_mut()) {
            changed |= rewrite(subgraph);
        }
    }
    changed
}

/// Turns a Dropout into what it is outside of training, an Identity: rten has the
/// operator only together with its random ones.
fn without_dropout(node: &mut NodeProto) {
    node.op_type = Some("Identity".to_owned());
    node.input.truncate(1);
    node.output.truncate(1);
    node.attribute.clear();
}

/// The number of axes that a window has: the kernel's, else those of the weights
/// without the two of the channels.
fn axes(node: &NodeProto, graph: &GraphProto) -> Option<usize> {
    if let Some(kernel) = attribute(node, "kernel_shape") {
        return Some(kernel.ints.len());
    }
    let weights = node.input.get(1)?;
    let mut initializers = graph.initializer.iter();
    let written = initializers.find(|tensor| tensor.name.as_ref() == Some(weights));
    let rank = written.map(|tensor| tensor.dims.len()).or_else(|| {
        let declared = |value: &&ValueInfoProto| value.name.as_ref() == Some(weights);
        let mut values = graph.input.iter().chain(&graph.value_info);
        let tensor = values
            .find(declared)?
            .r#type
            .as_ref()?
            .tensor_type
            .as_ref()?;
        Some(tensor.shape.as_ref()?.dim.len())
    });
    rank?.checked_sub(2)
}

/// Writes out the defaults of a window over so many axes: a step and a spread of
/// one, no padding. Says whether one was missing.
fn with_defaults(node: &mut NodeProto, axes: usize) -> bool {
    let pools = node
        .op_type
        .as_deref()
        .is_some_and(|name| name.ends_with("Pool"));
    let pads_itself = attribute(node, "auto_pad")
        .and_then(|attribute| attribute.s.as_deref())
        .is_some_and(|how| how != "NOTSET");
    let mut changed = false;
    for (name, values, needed) in [
        ("strides", vec![1; axes], true),
        ("dilations", vec![1; axes], !pools),
        ("pads", vec![0; 2 * axes], !pads_itself),
    ] {
        if needed && attribute(node, name).is_none() {
            node.attribute.push(AttributeProto {
                name: Some(name.to_owned()),
                ints: values,
                r#type: Some(AttributeType::INTS),
                ..AttributeProto::default()
            });
            changed = true;
        }
    }
    changed
}
