//! Which tensors of a graph follow from the numbers of the examples, and not from their
//! shape alone: what is decided by one of them is decided for a whole batch by all.

use std::collections::{HashMap, HashSet};

use rten_onnx::onnx::{GraphProto, NodeProto};

use super::interface::name;

/// What of a tensor.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Part {
    Numbers,
    Shape,
}

type Fact<'a> = (&'a str, Part);

/// The tensors whose numbers follow from those of the examples. Names of subgraphs are
/// among them.
pub(super) struct Varying<'a>(HashSet<Fact<'a>>);

impl<'a> Varying<'a> {
    /// What follows from the numbers of `inputs`.
    pub(super) fn from(graph: &'a GraphProto, inputs: &[&'a str]) -> Self {
        let mut leads = Leads::default();
        leads.add(graph);
        let mut open: Vec<Fact<'_>> = inputs.iter().map(|&input| (input, Part::Numbers)).collect();
        let mut found: HashSet<Fact<'_>> = open.iter().copied().collect();
        while let Some(fact) = open.pop() {
            let next = leads.0.get(&fact).into_iter().flatten();
            open.extend(next.filter(|&&fact| found.insert(fact)));
        }
        Self(found)
    }

    pub(super) fn has(&self, tensor: &str) -> bool {
        self.0.contains(&(tensor, Part::Numbers))
    }
}

/// What follows from what.
#[derive(Default)]
struct Leads<'a>(HashMap<Fact<'a>, Vec<Fact<'a>>>);

impl<'a> Leads<'a> {
    fn add(&mut self, graph: &'a GraphProto) {
        for node in &graph.node {
            let attributes = node.attribute.iter();
            let subgraphs = attributes.filter_map(|attribute| attribute.g.as_ref());
            let mut is_plain = true;
            for subgraph in subgraphs {
                is_plain = false;
                self.within(node, subgraph);
                self.add(subgraph);
            }
            if is_plain {
                self.through(node);
            }
        }
    }

    /// Through a node without subgraphs.
    fn through(&mut self, node: &'a NodeProto) {
        let operator = node.op_type.as_deref().unwrap_or_default();
        for (index, input) in node.input.iter().enumerate() {
            for output in &node.output {
                if matches!(operator, "Shape" | "Size") {
                    self.lead((input, Part::Shape), (output, Part::Numbers));
                    continue;
                }
                self.copy(input, output);
                if shapes_its_output(operator, index) {
                    self.lead((input, Part::Numbers), (output, Part::Shape));
                }
            }
        }
    }

    /// Into a subgraph, from one step of it to the next, and out again. What a condition
    /// or a number of steps decides is left out: it is refused where it varies.
    fn within(&mut self, node: &'a NodeProto, body: &'a GraphProto) {
        let operator = node.op_type.as_deref().unwrap_or_default();
        let (into, out): (Vec<&str>, Vec<&str>) = (
            body.input.iter().map(name).collect(),
            body.output.iter().map(name).collect(),
        );
        for (input, inside) in node.input.iter().zip(&into) {
            self.copy(input, inside);
        }
        // The first output of a Loop's body is whether there is a next step, the first two
        // inputs are how many there are and whether there is one.
        let conditions = usize::from(operator == "Loop");
        if matches!(operator, "Loop" | "Scan") {
            for (made, next) in out.iter().zip(&into[conditions.min(into.len())..]) {
                self.copy(made, next);
            }
        }
        for (made, output) in out.iter().skip(conditions).zip(&node.output) {
            self.copy(made, output);
        }
        // A Loop of no steps.
        if operator == "Loop" {
            for (start, output) in node.input.iter().skip(2).zip(&node.output) {
                self.copy(start, output);
            }
        }
    }

    /// What holds of one tensor holds of another.
    fn copy(&mut self, from: &'a str, to: &'a str) {
        for part in [Part::Numbers, Part::Shape] {
            self.lead((from, part), (to, part));
        }
    }

    fn lead(&mut self, from: Fact<'a>, to: Fact<'a>) {
        // An empty name stands for no tensor.
        if !from.0.is_empty() && !to.0.is_empty() {
            self.0.entry(from).or_default().push(to);
        }
    }
}

/// Whether the numbers of an input say which shape an operator's output has.
fn shapes_its_output(operator: &str, input: usize) -> bool {
    match operator {
        "Compress" | "ConstantOfShape" | "NonMaxSuppression" | "NonZero" | "Range" | "Unique" => {
            true
        }
        "CenterCropPad" | "Expand" | "OneHot" | "Pad" | "Reshape" | "Resize" | "SequenceAt"
        | "Slice" | "Split" | "SplitToSequence" | "Squeeze" | "Tile" | "TopK" | "Unsqueeze"
        | "Upsample" => input > 0,
        _ => false,
    }
}
