//! The backward pass of an ONNX graph, written as an ONNX graph of its own.
//!
//! The nodes of the model are walked from the output to the input; for each, the
//! rule of its operator writes nodes that turn the cotangent of its output (the
//! loss's derivative with respect to it) into those of its inputs. Weights become
//! constants of the new graph; tensors that a rule reads from the forward pass
//! become its inputs. So any engine that runs the model runs its gradient.
//!
//! What was written is run on a few examples and held against the answers (`check`).
//!
//! Only numbers between the input and the output carry cotangents. Whatever else a
//! graph computes (shapes, indices, masks) is as the forward pass made it.

use std::collections::HashMap;

use rten_onnx::onnx::{DataType, ModelProto, NodeProto};

use super::outputs::Sign;
use super::trust;
use path::Path;
use site::{Flow, Site};
use tensors::Tensors;
use writer::{Var, Writer};

mod broadcast;
mod check;
mod linear_map;
mod pass;
mod path;
mod ramp;
mod rules;
mod site;
mod sum;
mod tensors;
mod tiles;
mod window;
mod writer;

#[cfg(test)]
mod tests;

pub(super) use pass::{Pass, Refusal};

/// What a gradient makes of rounding and quantisation, whose derivative is zero
/// nearly everywhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounding {
    /// A model that rounds on the way has no gradient.
    Refused,
    /// Rounding passes the gradient on as if it were not there
    /// (Bengio et al. 2013, arXiv:1308.3432).
    StraightThrough,
}

/// The operator set that the backward graph is written in.
const OPSET: i64 = 18;

/// A backward pass.
struct Backward {
    /// Its inputs are `cotangent`, then the `saved` tensors, all under the names
    /// that they have in the forward graph; its output is `gradient`.
    model: ModelProto,
    /// Tensors of the forward pass that it reads, `signs` among them.
    saved: Vec<String>,
    signs: Vec<Sign>,
    cotangent: String,
    gradient: String,
    arrivals: Vec<Arrival>,
}

/// What a rule sends to an input of its node.
struct Arrival {
    /// In the backward graph.
    cotangent: String,
    /// In the forward graph, of the same shape.
    tensor: String,
    operator: String,
    node: String,
}

/// A node that no cotangent gets through.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NoRule {
    pub(super) operator: String,
    pub(super) node: String,
    pub(super) reason: String,
}

/// Writes the backward pass from `output` to `input`.
fn backward(
    tensors: &Tensors<'_>,
    input: &str,
    output: &str,
    rounding: Rounding,
) -> Result<Backward, NoRule> {
    let path = Path::between(tensors, input, output);
    let mut writer = Writer::default();
    let (seed, cotangent) = writer.input("cotangent", DataType::FLOAT);
    let mut arrived: HashMap<&str, Vec<Flow>> = HashMap::from([(output, vec![seed.into()])]);
    let mut arrivals = Vec::new();
    let mut last = None;
    for node in path.nodes.iter().rev() {
        let cotangents: Vec<Option<Flow>> = node
            .output
            .iter()
            .map(|name| Some(all_of(&mut writer, &arrived.remove(name.as_str())?)))
            .collect();
        if cotangents.iter().all(Option::is_none) {
            continue;
        }
        last = Some(*node);
        let operator = path::operator(node);
        let refuse = |reason| NoRule {
            operator: operator.to_owned(),
            node: trust::name(node).to_owned(),
            reason,
        };
        let standard = matches!(node.domain.as_deref(), None | Some("" | "ai.onnx"));
        let (of, rule) = rules::of(operator)
            .filter(|_| standard)
            .ok_or_else(|| refuse("there is no rule for its gradient".to_owned()))?;
        let mut site = Site::new(
            node,
            tensors,
            &path.tensors,
            cotangents,
            rounding,
            &mut writer,
        );
        if of == rules::Of::Float32 && !site.is_float() {
            return Err(refuse(
                "it computes with numbers that are not float32".to_owned(),
            ));
        }
        rule(&mut site).map_err(refuse)?;
        if let Some(input) = site.left_out() {
            return Err(refuse(format!(
                "there is no rule for the gradient of its input {input}"
            )));
        }
        for (index, flow) in site.into_flows() {
            let tensor = &node.input[index];
            arrivals.push(Arrival {
                cotangent: writer.name_of(flow.cotangent).to_owned(),
                tensor: tensor.clone(),
                operator: operator.to_owned(),
                node: trust::name(node).to_owned(),
            });
            arrived.entry(tensor).or_default().push(flow);
        }
    }
    let Some(arriving) = arrived.remove(input) else {
        let mut nodes = tensors.graph().node.iter();
        let makes = |node: &&NodeProto| node.output.iter().any(|made| made == output);
        let node = last.or_else(|| nodes.find(makes));
        return Err(NoRule {
            operator: node.map(path::operator).unwrap_or_default().to_owned(),
            node: node.map(trust::name).unwrap_or_default().to_owned(),
            reason: "nothing that a rule takes leads from the input to it: its numbers come from what those of the input are compared to, where they are, how many they are, or from integers".to_owned(),
        });
    };
    let gradient = all_of(&mut writer, &arriving).cotangent;
    Ok(writer.finish(gradient, cotangent, arrivals))
}

/// All that arrives at one tensor.
fn all_of(writer: &mut Writer, terms: &[Flow]) -> Flow {
    let cotangents: Vec<Var> = terms.iter().map(|term| term.cotangent).collect();
    Flow {
        cotangent: writer.sum(&cotangents),
        only_above_zero: terms.iter().all(|term| term.only_above_zero),
    }
}
