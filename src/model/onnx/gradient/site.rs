//! What a rule sees of its node, and how it writes.

use std::collections::HashSet;

use rten_onnx::onnx::{AttributeProto, DataType, NodeProto};

use super::super::engine::Numbers;
use super::super::interface::attribute;
use super::Rounding;
use super::path::is_number;
use super::tensors::{Constant, Size, Tensors, fixed};
use super::writer::{Attribute, Var, Writer};

/// What arrives at a tensor.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flow {
    pub(super) cotangent: Var,
    /// Whether it is 0 wherever the tensor is not above 0.
    pub(super) only_above_zero: bool,
}

impl From<Var> for Flow {
    fn from(cotangent: Var) -> Self {
        Self {
            cotangent,
            only_above_zero: false,
        }
    }
}

/// A node on the way back.
///
/// The cotangents of its outputs have arrived; the rule gives one to every input
/// that [`Site::wants`] one, with [`Site::flow`].
pub(super) struct Site<'a> {
    node: &'a NodeProto,
    tensors: &'a Tensors<'a>,
    path: &'a HashSet<&'a str>,
    cotangents: Vec<Option<Flow>>,
    flows: Vec<(usize, Flow)>,
    writer: &'a mut Writer,
    /// What to make of rounding.
    pub(super) rounding: Rounding,
}

impl<'a> Site<'a> {
    pub(super) fn new(
        node: &'a NodeProto,
        tensors: &'a Tensors<'a>,
        path: &'a HashSet<&'a str>,
        cotangents: Vec<Option<Flow>>,
        rounding: Rounding,
        writer: &'a mut Writer,
    ) -> Self {
        Self {
            node,
            tensors,
            path,
            cotangents,
            flows: Vec::new(),
            writer,
            rounding,
        }
    }

    /// Whether all that carries cotangents here is float32.
    pub(super) fn is_float(&self) -> bool {
        let inputs = self.node.input.iter().enumerate();
        let inputs = inputs.filter(|&(index, _)| self.wants(index));
        let outputs = self.node.output.iter().zip(&self.cotangents);
        let outputs = outputs.filter(|(_, cotangent)| cotangent.is_some());
        inputs
            .map(|(_, name)| name)
            .chain(outputs.map(|(name, _)| name))
            .all(|name| self.tensors.is_float(name))
    }

    /// An input that the rule should have given a cotangent to, and did not.
    pub(super) fn left_out(&self) -> Option<usize> {
        (0..self.inputs()).find(|&input| {
            self.wants(input) && !self.flows.iter().any(|&(given, _)| given == input)
        })
    }

    /// The cotangents that the rule gave, by the index of the input.
    pub(super) fn into_flows(self) -> Vec<(usize, Flow)> {
        self.flows
    }
}

/// What the node says.
impl Site<'_> {
    /// The operator set of the forward graph.
    pub(super) fn opset(&self) -> i64 {
        self.tensors.opset
    }

    /// Whether the engine groups the numbers of a sum by where they lie in memory.
    pub(super) fn sums_by_alignment(&self) -> bool {
        !self.tensors.engine.is_embedded()
    }

    pub(super) fn inputs(&self) -> usize {
        self.node.input.len()
    }

    pub(super) fn outputs(&self) -> usize {
        self.node.output.len()
    }

    /// Whether an input is given. An empty name stands for none.
    pub(super) fn has(&self, input: usize) -> bool {
        self.node
            .input
            .get(input)
            .is_some_and(|name| !name.is_empty())
    }

    pub(super) fn int(&self, name: &str) -> Option<i64> {
        // What is left out of the file is 0, as proto3 writes it.
        Some(self.attribute(name)?.i.unwrap_or_default())
    }

    pub(super) fn float(&self, name: &str) -> Option<f32> {
        Some(self.attribute(name)?.f.unwrap_or_default())
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.attribute(name)?.s.as_deref()
    }

    pub(super) fn ints(&self, name: &str) -> Option<&[i64]> {
        Some(&self.attribute(name)?.ints)
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        attribute(self.node, name)
    }
}

/// What the forward pass knows. Errors are reasons for having no gradient.
impl Site<'_> {
    /// The shape of an input.
    pub(super) fn shape(&self, input: usize) -> Result<Vec<Size>, String> {
        self.tensors.shape(self.name(input)?)
    }

    /// The sizes of the first input's axes behind batch and channels.
    pub(super) fn spatial(&self) -> Result<Vec<usize>, String> {
        fixed(self.shape(0)?.get(2..).unwrap_or_default())
            .ok_or_else(|| "an axis behind the channels grows with the batch".to_owned())
    }

    /// The shape of an output.
    pub(super) fn output_shape(&self, output: usize) -> Result<Vec<Size>, String> {
        let name = self.node.output.get(output);
        self.tensors.shape(name.map_or("", String::as_str))
    }

    /// The numbers of an input that is the same for every example.
    pub(super) fn constant(&self, input: usize) -> Option<Constant> {
        self.tensors.constant(self.name(input).ok()?)
    }

    /// The integers of an input that must be constant, such as axes.
    pub(super) fn constant_ints(&self, input: usize) -> Result<Vec<i64>, String> {
        let constant = self.constant(input);
        let ints = constant.as_ref().and_then(Constant::ints);
        ints.map(<[i64]>::to_vec)
            .ok_or_else(|| format!("its input {input} is no constant list of integers"))
    }

    /// The shape and the numbers of the first output where the node alone is run on a
    /// first input of these.
    pub(super) fn run_alone(
        &self,
        shape: &[usize],
        numbers: &[f32],
    ) -> Result<(Vec<usize>, Vec<f32>), String> {
        self.tensors.run_alone(self.node, shape, numbers)
    }

    /// Whether an input holds integers or truth values.
    pub(super) fn is_whole(&self, input: usize) -> bool {
        self.name(input)
            .is_ok_and(|name| self.tensors.is_whole(name))
    }

    /// The type of an input: as a weight declares it, else FLOAT or INT64.
    pub(super) fn kind(&self, input: usize) -> Result<DataType, String> {
        Ok(self.tensors.kind(self.name(input)?))
    }

    fn name(&self, input: usize) -> Result<&str, String> {
        let name = self.node.input.get(input).map(String::as_str);
        name.filter(|name| !name.is_empty())
            .ok_or_else(|| format!("its input {input} is not given"))
    }
}

/// What goes into the backward graph.
impl Site<'_> {
    /// The cotangent of the only output.
    pub(super) fn cotangent(&self) -> Result<Var, String> {
        let others = self.cotangents.iter().skip(1);
        self.cotangent_of(0)
            .filter(|_| others.flatten().next().is_none())
            .ok_or_else(|| "there is no rule for the gradient of its other outputs".to_owned())
    }

    /// The cotangent of an output, where one arrives.
    pub(super) fn cotangent_of(&self, output: usize) -> Option<Var> {
        let flow = self.cotangents.get(output).copied().flatten();
        flow.map(|flow| flow.cotangent)
    }

    /// Whether the cotangent of the first output is 0 wherever that is not above 0.
    pub(super) fn only_above_zero(&self) -> bool {
        matches!(self.cotangents.first(), Some(Some(flow)) if flow.only_above_zero)
    }

    /// Whether an input carries cotangents.
    pub(super) fn wants(&self, input: usize) -> bool {
        let name = self.node.input.get(input);
        name.is_some_and(|name| {
            self.path.contains(name.as_str())
                && is_number(self.node, input, self.tensors.is_float(name))
        })
    }

    /// Gives an input its cotangent, of the input's shape. May be called several
    /// times, and for inputs that want none.
    pub(super) fn flow(&mut self, input: usize, cotangent: Var) {
        if self.wants(input) {
            self.flows.push((input, cotangent.into()));
        }
    }

    /// The same for a cotangent that is 0 wherever the input is not above 0.
    pub(super) fn flow_above_zero(&mut self, input: usize, cotangent: Var) {
        self.flow(input, cotangent);
        if let Some((_, flow)) = self.flows.last_mut() {
            flow.only_above_zero = true;
        }
    }

    /// A float32 input, as the forward pass had it.
    pub(super) fn read(&mut self, input: usize) -> Result<Var, String> {
        self.read_as(input, DataType::FLOAT)
    }

    /// An input of the type FLOAT, INT64 or BOOL.
    pub(super) fn read_as(&mut self, input: usize, kind: DataType) -> Result<Var, String> {
        let name = self.name(input)?.to_owned();
        Ok(self.read_tensor(&name, kind))
    }

    /// Whether a Relu made an input.
    pub(super) fn is_rectified(&self, input: usize) -> bool {
        let name = self.node.input.get(input);
        let mut nodes = self.tensors.graph().node.iter();
        let made_by = nodes.find(|node| node.output.first() == name);
        made_by.is_some_and(|node| node.op_type.as_deref() == Some("Relu"))
    }

    /// The first output, float32, as the forward pass had it.
    pub(super) fn read_output(&mut self) -> Var {
        let name = self.node.output[0].clone();
        self.read_tensor(&name, DataType::FLOAT)
    }

    /// Whether the numbers of an input are above 0, as truths.
    pub(super) fn input_above_zero(&mut self, input: usize) -> Result<Var, String> {
        let name = self.name(input)?.to_owned();
        Ok(self.writer.above_zero(&name))
    }

    /// Whether the numbers of the first output are above 0, as truths.
    pub(super) fn output_above_zero(&mut self) -> Var {
        self.writer.above_zero(&self.node.output[0])
    }

    fn read_tensor(&mut self, name: &str, kind: DataType) -> Var {
        let Some(Constant { shape, numbers }) = self.tensors.constant(name) else {
            return self.writer.saved(name, kind);
        };
        match numbers {
            Numbers::Floats(numbers) => self.writer.floats(&shape, &numbers),
            Numbers::Ints(truths) if kind == DataType::BOOL => self
                .writer
                .bools(&shape, truths.iter().map(|&truth| truth != 0)),
            Numbers::Ints(numbers) => self.writer.ints(&shape, &numbers),
        }
    }

    /// A node without attributes.
    pub(super) fn op(&mut self, operator: &str, inputs: &[Var]) -> Var {
        self.writer.node(operator, inputs, &[])
    }

    /// A node with attributes.
    pub(super) fn op_with(
        &mut self,
        operator: &str,
        inputs: &[Var],
        attributes: &[(&str, Attribute<'_>)],
    ) -> Var {
        self.writer.node(operator, inputs, attributes)
    }

    /// An input that is left out.
    pub(super) fn none(&mut self) -> Var {
        self.writer.none()
    }

    /// A constant of one float32 number, without axes.
    pub(super) fn scalar(&mut self, number: f32) -> Var {
        self.writer.floats(&[], &[number])
    }

    /// A constant of float32 numbers, row by row.
    pub(super) fn constant_floats(&mut self, shape: &[usize], numbers: &[f32]) -> Var {
        self.writer.floats(shape, numbers)
    }

    /// A constant list of int64 numbers.
    pub(super) fn list(&mut self, numbers: &[i64]) -> Var {
        self.writer.ints(&[numbers.len()], numbers)
    }

    /// `tensor` as numbers of another type.
    pub(super) fn cast(&mut self, tensor: Var, kind: DataType) -> Var {
        self.op_with(
            "Cast",
            &[tensor],
            &[("to", Attribute::Int(i64::from(kind.0)))],
        )
    }

    /// Truth values as 0 and 1.
    pub(super) fn as_float(&mut self, truth: Var) -> Var {
        self.cast(truth, DataType::FLOAT)
    }

    /// `tensor` times a number.
    pub(super) fn scaled(&mut self, tensor: Var, factor: f32) -> Var {
        let factor = self.scalar(factor);
        self.op("Mul", &[tensor, factor])
    }

    /// `tensor` plus a number.
    pub(super) fn shifted(&mut self, tensor: Var, term: f32) -> Var {
        let term = self.scalar(term);
        self.op("Add", &[tensor, term])
    }

    /// The part of `tensor` from start to before end, every step-th, along axes:
    /// `(axis, start, end, step)`.
    pub(super) fn cut(&mut self, tensor: Var, cuts: &[(usize, i64, i64, i64)]) -> Var {
        let mut lists = [const { Vec::new() }; 4];
        for &(axis, start, end, step) in cuts {
            for (list, number) in lists.iter_mut().zip([start, end, axis as i64, step]) {
                list.push(number);
            }
        }
        let [starts, ends, axes, steps] = lists.map(|list| self.list(&list));
        self.op("Slice", &[tensor, starts, ends, axes, steps])
    }

    /// Gives a tensor the shape `shape`, with the same numbers in the same order.
    pub(super) fn reshape(&mut self, tensor: Var, shape: &[Size]) -> Result<Var, String> {
        let target = self.list(&target(shape)?);
        Ok(self.op("Reshape", &[tensor, target]))
    }
}

/// A shape as Reshape takes it: −1 for the axis that grows with the batch.
fn target(shape: &[Size]) -> Result<Vec<i64>, String> {
    let growing = shape.iter().filter(|size| matches!(size, Size::Batch(_)));
    if growing.count() > 1 {
        return Err("two axes of one tensor grow with the batch".to_owned());
    }
    let size = |size: &Size| match size {
        Size::Fixed(size) => *size as i64,
        Size::Batch(_) => -1,
    };
    Ok(shape.iter().map(size).collect())
}

/// The index of an axis that may be counted from the end.
pub(super) fn axis(axis: i64, rank: usize) -> usize {
    let from_start = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(from_start).unwrap_or_default()
}
