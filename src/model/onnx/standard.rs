//! Whether a graph means what the specification says of its operators: it is of versions
//! that were looked at, every tensor of it is defined once, and nothing that it needs is
//! a function of its own or in another file.

use std::collections::HashSet;

use rten_onnx::onnx::{DataLocation, GraphProto, ModelProto, NodeProto};

use super::engine::Engine;
use super::interface::{given, name};
use super::{trust, wire};

/// Operators had other meanings (of axes, of broadcasting, of training) before
/// this version of the operator set; only the later ones were held against rten,
/// and ONNX Runtime promises no earlier ones.
pub(super) const OLDEST: i64 = 7;

/// The newest versions that the embedded engine was held against: those of `RELEASE`, whose
/// tests `conformance` runs. The engine does not ask which set a graph is of, and takes a
/// new meaning for the old one. ONNX Runtime refuses by itself what it does not know.
pub(super) const NEWEST: i64 = 23;
pub(super) const NEWEST_IR: i64 = 11;
pub(super) const RELEASE: &str = "onnx 1.18.0";

/// The version of the standard operators that a model uses.
pub(super) fn opset(model: &ModelProto) -> Option<i64> {
    let mut sets = model.opset_import.iter();
    let standard = sets.find(|set| matches!(set.domain.as_deref(), None | Some("" | "ai.onnx")));
    standard?.version
}

/// Refuses versions of the operators and of the format that `engine` was not held
/// against.
pub(super) fn versions(model: &ModelProto, opset: i64, engine: Engine) -> Result<(), String> {
    if opset < OLDEST {
        return Err(format!(
            "its operators are of set {opset}, and those before {OLDEST} had other meanings. Export the model with a newer operator set"
        ));
    }
    if !engine.is_embedded() {
        return Ok(());
    }
    let unknown = |what: String, newest: i64| {
        Err(format!(
            "{what}, and this engine was held against the specification up to {newest} ({RELEASE}): it would compute what is new since then as the old, and not say so. Export the model with operator set {NEWEST} or older and IR version {NEWEST_IR} or older (onnx.version_converter, model.ir_version), or use ONNX Runtime (`engine = \"ort\"`)"
        ))
    };
    let ir = model.ir_version.unwrap_or_default();
    match (opset > NEWEST, ir > NEWEST_IR) {
        (true, _) => unknown(format!("its operators are of set {opset}"), NEWEST),
        (false, true) => unknown(format!("its format is of IR version {ir}"), NEWEST_IR),
        (false, false) => Ok(()),
    }
}

/// Refuses a tensor that is defined twice in one graph, whose meaning is then nobody's to
/// say. (Old files list weights among the inputs: that is one definition.)
pub(super) fn once(graph: &GraphProto) -> Result<(), String> {
    let weights = graph.initializer.iter();
    let weights = weights.filter_map(|weight| weight.name.as_deref());
    let inputs = given(graph).into_iter().map(name);
    let made = graph.node.iter().flat_map(|node| &node.output);
    let names = weights.chain(inputs).chain(made.map(String::as_str));
    let mut defined = HashSet::new();
    // An empty name stands for no tensor.
    let mut names = names.filter(|name| !name.is_empty());
    if let Some(twice) = names.find(|&name| !defined.insert(name)) {
        return Err(format!(
            "the tensor {twice:?} is defined twice, and an engine would take one of the two, whichever. Each input, weight and output of a node needs a name of its own"
        ));
    }
    subgraphs(graph).try_for_each(once)
}

/// Refuses what a graph needs beyond its operators: functions of the file's own, numbers
/// that are elsewhere.
pub(super) fn whole(graph: &GraphProto, functions: &[wire::Function]) -> Result<(), String> {
    if let Some(call) = find(graph, &|node| functions.iter().any(|own| calls(node, own))) {
        return Err(format!(
            "the node {:?} calls {}, a function that the file defines itself. Inline it when exporting (onnx.inliner.inline_local_functions)",
            trust::name(call),
            call.op_type.as_deref().unwrap_or_default()
        ));
    }
    if let Some(tensor) = external(graph) {
        return Err(format!(
            "the tensor {tensor:?} is kept in another file, which the model's digest would not cover. Save the model as one file (onnx.save_model with save_as_external_data=False)"
        ));
    }
    Ok(())
}

/// Whether a node calls a function of the file.
fn calls(node: &NodeProto, function: &wire::Function) -> bool {
    let domain = node.domain.as_deref().unwrap_or_default();
    node.op_type.as_deref() == Some(&function.name) && domain == function.domain
}

/// The graphs within the nodes of a graph.
fn subgraphs(graph: &GraphProto) -> impl Iterator<Item = &GraphProto> {
    let attributes = graph.node.iter().flat_map(|node| &node.attribute);
    attributes.filter_map(|attribute| attribute.g.as_ref())
}

/// The first node for which `wanted` holds, in the graph or its subgraphs.
fn find<'a>(graph: &'a GraphProto, wanted: &dyn Fn(&NodeProto) -> bool) -> Option<&'a NodeProto> {
    let here = graph.node.iter().find(|node| wanted(node));
    here.or_else(|| subgraphs(graph).find_map(|subgraph| find(subgraph, wanted)))
}

/// The first tensor whose numbers are not in the file.
fn external(graph: &GraphProto) -> Option<String> {
    let constants = graph.node.iter().flat_map(|node| &node.attribute);
    let here = constants
        .filter_map(|attribute| attribute.t.as_ref())
        .chain(&graph.initializer)
        .find(|tensor| tensor.data_location == Some(DataLocation::EXTERNAL))
        .map(|tensor| tensor.name.clone().unwrap_or_default());
    here.or_else(|| subgraphs(graph).find_map(external))
}
