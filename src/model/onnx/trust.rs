//! What an engine may not be trusted with: operators, and settings of operators,
//! for which rten 0.27.0 answers something other than the ONNX specification
//! without an error, or for which the answer depends on chance or on an example's
//! neighbours in the batch, whichever engine gives it.
//!
//! What it refuses by itself (an operator or attribute that it does not have) is
//! not here. Rules on wrong answers were seen by running a graph, or read off the
//! engine's source. `conformance` holds engines and rules against the node tests of
//! the specification: look again at each when the version changes.

use std::borrow::Cow;

use rten_onnx::onnx::{AttributeProto, DataType, GraphProto, ModelProto, NodeProto, TensorProto};

use super::engine::Engine;
use super::interface::{self, attribute, casts_to, dependencies};
use super::shapes::{self, Shape, Shapes};
use super::varying::Varying;

/// Whose answer a rule is on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// The embedded engine computes it wrongly.
    Embedded,
    /// Every engine here computes it wrongly, or draws it at random.
    Any,
    /// By the specification it depends on an example's neighbours in the batch, where it
    /// has any.
    Neighbours,
}

/// A kind of node that is refused.
struct Rule {
    whose: Whose,
    /// With their domain, where it is not the standard one.
    operators: &'static [&'static str],
    applies: fn(&Place<'_>) -> bool,
    reason: &'static str,
}

/// A reason: the engine's answer is not the specification's.
macro_rules! wrong {
    ($what:literal) => {
        concat!(
            "the embedded engine rten computes it wrongly: ",
            $what,
            ". Export the model without it, or use ONNX Runtime (`engine = \"ort\"`)"
        )
    };
}

const ALWAYS: fn(&Place<'_>) -> bool = |_| true;

const RULES: &[Rule] = &[
    Rule {
        whose: Whose::Embedded,
        operators: &["Sign"],
        applies: ALWAYS,
        reason: wrong!("the sign of 0 comes out as 1, not 0"),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["NonMaxSuppression"],
        applies: ALWAYS,
        reason: wrong!(
            "of each box only the best class is kept, and boxes with flipped corners are taken as empty"
        ),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["ArgMax", "ArgMin"],
        applies: ALWAYS,
        reason: wrong!("of equal numbers it takes the last, not the first"),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["ConvInteger"],
        applies: ALWAYS,
        reason: wrong!("padding, zero points and weights of int8 are counted wrongly"),
    },
    Rule {
        whose: Whose::Neighbours,
        operators: &[
            "DynamicQuantizeLinear",
            "com.microsoft.DynamicQuantizeLSTM",
            "com.microsoft.DynamicQuantizeMatMul",
        ],
        applies: ALWAYS,
        reason: "the scale is taken over the whole batch, so that an example's answer depends on its neighbours. Export the model with static quantisation, or without any",
    },
    Rule {
        whose: Whose::Any,
        operators: &["MaxUnpool"],
        applies: |place| place.input(2).is_some(),
        reason: "with an output_shape ONNX Runtime counts the places within that shape, and the specification within the one that the pooling had; the embedded engine has no such operator. Export the model without output_shape, with a Pad behind it",
    },
    Rule {
        whose: Whose::Any,
        operators: &[
            "Bernoulli",
            "Multinomial",
            "RandomNormal",
            "RandomNormalLike",
            "RandomUniform",
            "RandomUniformLike",
        ],
        applies: ALWAYS,
        reason: "it draws at random, so that no answer can be reproduced. Export the model without it, or register a Rust model with `model.stochastic`",
    },
    Rule {
        whose: Whose::Any,
        operators: &["Dropout"],
        applies: trains,
        reason: "in training mode it draws at random. Export the model in evaluation mode",
    },
    Rule {
        whose: Whose::Neighbours,
        operators: &["BatchNormalization"],
        applies: |place| place.int("training_mode").unwrap_or(0) != 0 || place.outputs() > 1,
        reason: "in training mode it normalises over the batch, so that an example's answer depends on its neighbours. Export the model in evaluation mode",
    },
    Rule {
        whose: Whose::Neighbours,
        operators: &["If"],
        applies: |place| place.varies(0),
        reason: "it takes one branch for the whole batch, and which one follows from the examples' numbers, so that an example's answer depends on its neighbours. Export the model with Where in its place, or for batches of one (a batch axis of size 1)",
    },
    Rule {
        whose: Whose::Neighbours,
        operators: &["Loop"],
        applies: |place| place.varies(0) || place.varies(1) || ends_by_examples(place),
        reason: "it takes one number of steps for the whole batch, and which one follows from the examples' numbers, so that an example's answer depends on its neighbours. Export the model with a fixed number of steps, or for batches of one (a batch axis of size 1)",
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["Resize"],
        applies: |place| place.text("mode") == Some("cubic"),
        reason: wrong!("cubic interpolation is computed as linear"),
    },
    Rule {
        whose: Whose::Any,
        operators: &["Resize"],
        applies: |place| {
            place.text("coordinate_transformation_mode") == Some("align_corners")
                && !aligns_whole_pixels(place)
        },
        reason: "with align_corners and scales that may be fractional, the engines take positions from the rounded size of the output, and the specification from the exact one. Export the model with sizes in place of scales",
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["AveragePool", "Conv", "ConvTranspose", "MaxPool"],
        applies: |place| place.text("auto_pad") == Some("SAME_LOWER") && !pads_evenly(place),
        reason: wrong!(
            "auto_pad = SAME_LOWER is computed as SAME_UPPER: an odd pixel of padding goes to the wrong side"
        ),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["LSTM", "GRU"],
        applies: |place| place.input(4).is_some(),
        reason: wrong!(
            "the input sequence_lens is ignored: padding at the end of a sequence changes the answer"
        ),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["QuantizeLinear"],
        applies: |place| place.int("axis").is_none() && !has_one_scale(place),
        reason: wrong!("without `axis`, scales are taken along the last axis, not the second"),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["MatMul"],
        applies: multiplies_tables_by_a_vector,
        reason: wrong!(
            "a product with a vector keeps an axis of length 1, which is then broadcast"
        ),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["ReduceMean"],
        applies: |place| place.int("noop_with_empty_axes").unwrap_or(0) != 0 && !names_axes(place),
        reason: wrong!("noop_with_empty_axes is ignored: the mean is taken over all axes"),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["Softmax", "LogSoftmax"],
        applies: |place| place.known.opset < 13 && !is_over_one_axis(place),
        reason: "before operator set 13 all axes from `axis` on are normalised together, and the embedded engine rten takes only that one. Export the model with operator set 13 or newer, or use ONNX Runtime (`engine = \"ort\"`)",
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["Cast"],
        applies: |place| casts_to(place.node, DataType::BOOL) && !is_truth_value(place),
        reason: wrong!("a cast to bool keeps the integer part: 0.5 becomes false and 2 stays 2"),
    },
    Rule {
        whose: Whose::Embedded,
        operators: &["Cast"],
        applies: |place| casts_to(place.node, DataType::FLOAT16),
        reason: wrong!("float16 is computed in float32, so that nothing is rounded to it"),
    },
];

/// A node that is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Untrusted {
    pub(super) operator: String,
    pub(super) node: String,
    pub(super) reason: &'static str,
}

/// What is to be trusted with what.
pub(super) struct Asked<'a> {
    pub(super) model: &'a ModelProto,
    /// The inputs that hold examples, and the outputs that are needed.
    pub(super) inputs: &'a [&'a str],
    pub(super) outputs: &'a [&'a str],
    /// The version of the standard operators.
    pub(super) opset: i64,
    pub(super) engine: Engine,
    /// Whether examples come in batches of one.
    pub(super) alone: bool,
}

/// What is known of a graph.
struct Known<'a> {
    opset: i64,
    engine: Engine,
    alone: bool,
    shapes: Shapes<'a>,
    varying: Varying<'a>,
}

/// The first node, subgraphs included, that the engine may not be trusted with, of those
/// that the outputs are computed from.
pub(super) fn refuse(asked: &Asked<'_>) -> Option<Untrusted> {
    let graph = asked.model.graph.as_ref()?;
    let needed = dependencies(graph, asked.outputs);
    let known = Known {
        opset: asked.opset,
        engine: asked.engine,
        alone: asked.alone,
        shapes: Shapes::of(asked.model),
        varying: Varying::from(graph, asked.inputs),
    };
    refuse_within(&[graph], &known, &|node| {
        let mut made = node.output.iter();
        made.any(|name| needed.contains(name.as_str()))
    })
}

/// As [`refuse`], for the nodes of the last of `scopes` that are `needed`; names may come
/// from those before it.
fn refuse_within(
    scopes: &[&GraphProto],
    known: &Known<'_>,
    needed: &dyn Fn(&NodeProto) -> bool,
) -> Option<Untrusted> {
    let graph = scopes.last()?;
    let mut nodes = graph.node.iter().filter(|node| needed(node));
    nodes.find_map(|node| {
        let place = Place {
            node,
            known,
            scopes,
        };
        let operator = node.op_type.as_deref().unwrap_or_default();
        let full: Cow<'_, str> = match node.domain.as_deref() {
            None | Some("" | "ai.onnx") => operator.into(),
            Some(domain) => format!("{domain}.{operator}").into(),
        };
        let rule = RULES
            .iter()
            .filter(|rule| match rule.whose {
                Whose::Embedded => known.engine.is_embedded(),
                Whose::Any => true,
                Whose::Neighbours => !known.alone,
            })
            .find(|rule| rule.operators.contains(&full.as_ref()) && (rule.applies)(&place));
        if let Some(rule) = rule {
            return Some(Untrusted {
                operator: operator.to_owned(),
                node: name(node).to_owned(),
                reason: rule.reason,
            });
        }
        node.attribute
            .iter()
            .filter_map(|attribute| attribute.g.as_ref())
            .find_map(|subgraph| refuse_within(&[scopes, &[subgraph]].concat(), known, &|_| true))
    })
}

/// What to call a node in a message: its name, else the tensor that it makes.
pub(super) fn name(node: &NodeProto) -> &str {
    let mut names = node.name.iter().chain(&node.output);
    names
        .find(|name| !name.is_empty())
        .map_or("unnamed", String::as_str)
}

/// A node and where it stands.
struct Place<'a> {
    node: &'a NodeProto,
    known: &'a Known<'a>,
    scopes: &'a [&'a GraphProto],
}

impl<'a> Place<'a> {
    fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        attribute(self.node, name)
    }

    fn int(&self, name: &str) -> Option<i64> {
        // What is left out of the file is 0, as proto3 writes it.
        Some(self.attribute(name)?.i.unwrap_or_default())
    }

    fn text(&self, name: &str) -> Option<&'a str> {
        self.attribute(name)?.s.as_deref()
    }

    fn ints(&self, name: &str) -> &'a [i64] {
        self.attribute(name)
            .map_or(&[], |attribute| &attribute.ints)
    }

    /// The name of an input that is given. An empty name stands for none.
    fn input(&self, index: usize) -> Option<&'a str> {
        let name = self.node.input.get(index)?.as_str();
        (!name.is_empty()).then_some(name)
    }

    /// The number of outputs that are asked for.
    fn outputs(&self) -> usize {
        let names = self.node.output.iter();
        names.filter(|name| !name.is_empty()).count()
    }

    /// The node that makes a tensor.
    fn producer(&self, tensor: &str) -> Option<&'a NodeProto> {
        self.scopes.iter().rev().find_map(|graph| {
            let mut nodes = graph.node.iter();
            nodes.find(|node| node.output.iter().any(|output| output == tensor))
        })
    }

    /// The value of a tensor that is written in the file.
    fn constant(&self, tensor: &str) -> Option<&'a TensorProto> {
        let initializer = self.scopes.iter().rev().find_map(|graph| {
            let mut initializers = graph.initializer.iter();
            initializers.find(|value| value.name.as_deref() == Some(tensor))
        });
        initializer.or_else(|| {
            self.producer(tensor)
                .filter(|node| node.op_type.as_deref() == Some("Constant"))?
                .attribute
                .iter()
                .find_map(|attribute| attribute.t.as_ref())
        })
    }

    /// The shape of an input, as far as it is known.
    fn shape(&self, index: usize) -> Option<Shape> {
        self.shape_of(self.input(index)?)
    }

    fn shape_of(&self, tensor: &str) -> Option<Shape> {
        let defines = |graph: &&GraphProto| {
            let mut made = graph.node.iter().flat_map(|node| &node.output);
            let mut inputs = graph.input.iter().map(interface::name);
            let mut weights = graph.initializer.iter();
            made.any(|output| output == tensor)
                || inputs.any(|input| input == tensor)
                || weights.any(|weight| weight.name.as_deref() == Some(tensor))
        };
        match self.scopes.iter().rposition(defines)? {
            0 => self.known.shapes.get(tensor),
            within => shapes::declared(self.scopes[within], tensor),
        }
    }

    /// Whether the numbers of an input follow from those of the examples.
    fn varies(&self, index: usize) -> bool {
        let tensor = self.input(index);
        tensor.is_some_and(|tensor| self.known.varying.has(tensor))
    }
}

/// Whether a Dropout may draw: `training_mode` is given and not written as false.
fn trains(place: &Place<'_>) -> bool {
    let Some(mode) = place.input(2) else {
        return false;
    };
    !place.constant(mode).is_some_and(|value| {
        let raw = value.raw_data.as_ref();
        raw.is_none_or(|raw| raw.borrow().iter().all(|&byte| byte == 0))
            && value.int32_data.iter().all(|&number| number == 0)
    })
}

/// Whether the body of a Loop says by the examples' numbers that there is no further step.
fn ends_by_examples(place: &Place<'_>) -> bool {
    let body = place.attribute("body").and_then(|body| body.g.as_ref());
    let goes_on = body.and_then(|body| body.output.first());
    goes_on.is_some_and(|goes_on| place.known.varying.has(interface::name(goes_on)))
}

/// Whether the output of a Resize has the size that its scales say exactly: it
/// is given by sizes, or the scales are whole numbers.
fn aligns_whole_pixels(place: &Place<'_>) -> bool {
    let Some(scales) = place.input(2) else {
        return place.input(3).is_some();
    };
    place.constant(scales).is_some_and(|value| {
        let mut numbers = value.float_data.clone();
        if let Some(raw) = &value.raw_data {
            let raw = raw.borrow();
            numbers.extend(
                raw.as_chunks::<4>()
                    .0
                    .iter()
                    .copied()
                    .map(f32::from_le_bytes),
            );
        }
        if numbers.is_empty() {
            // What PyTorch writes where sizes are given.
            return place.input(3).is_some();
        }
        value.data_type == Some(DataType::FLOAT)
            && numbers
                .iter()
                .all(|&scale| scale >= 1.0 && scale.fract() == 0.0)
    })
}

/// Whether a tensor is quantised by one scale for all its numbers.
fn has_one_scale(place: &Place<'_>) -> bool {
    let scale = place.shape(1);
    scale.is_some_and(|axes| axes.iter().all(|&size| size == Some(1)))
}

/// Whether the second factor has one axis, and the first more than two, as far as that is
/// known.
fn multiplies_tables_by_a_vector(place: &Place<'_>) -> bool {
    let [first, second] = [0, 1].map(|index| Some(place.shape(index)?.len()));
    second == Some(1) && first.is_none_or(|axes| axes > 2)
}

/// Whether a reduction is over axes that the file names.
fn names_axes(place: &Place<'_>) -> bool {
    let axes = place.input(1).and_then(|axes| place.constant(axes));
    axes.is_some_and(|axes| axes.dims.iter().product::<i64>() > 0)
}

/// Whether the padding of each axis is even, so that both sides get the same.
fn pads_evenly(place: &Place<'_>) -> bool {
    if place.node.op_type.as_deref() == Some("ConvTranspose") {
        return false;
    }
    let given = place.ints("kernel_shape").iter();
    let given: Shape = given.map(|&size| usize::try_from(size).ok()).collect();
    let kernel = match given.is_empty() {
        false => given,
        true => place.shape(1).into_iter().flatten().skip(2).collect(),
    };
    let number = |name: &str, axis: usize| {
        let given = place.ints(name).get(axis).copied().unwrap_or(1);
        usize::try_from(given).ok().filter(|&given| given > 0)
    };
    let image = place.shape(0);
    let padding = |(axis, size): (usize, &Option<usize>)| {
        let (stride, dilation) = (number("strides", axis)?, number("dilations", axis)?);
        let reach = dilation.checked_mul((*size)?.checked_sub(1)?)?;
        // Steps of one keep the size, whatever it is.
        let size = match stride {
            1 => return Some(reach),
            _ => (*image.as_ref()?.get(axis + 2)?)?,
        };
        let last = size.checked_sub(1)? / stride * stride;
        Some(last.checked_add(reach)?.saturating_sub(size - 1))
    };
    let mut axes = kernel.iter().enumerate().map(padding);
    !kernel.is_empty() && axes.all(|padding| padding.is_some_and(|padding| padding % 2 == 0))
}

/// Whether a Softmax of an operator set before 13 takes together what a new one does, one
/// axis alone. The old one starts at `axis`, or at 1, and rten takes `axis`, or the last.
fn is_over_one_axis(place: &Place<'_>) -> bool {
    let axis = place.int("axis");
    if axis == Some(-1) {
        return true;
    }
    let made = place.node.output.first();
    let shape = place.shape(0).or_else(|| place.shape_of(made?));
    shape.is_some_and(|shape| {
        let from_start = |axis: i64| match axis {
            0.. => usize::try_from(axis).ok(),
            _ => shape.len().checked_add_signed(isize::try_from(axis).ok()?),
        };
        let (from, taken) = (
            from_start(axis.unwrap_or(1)),
            from_start(axis.unwrap_or(-1)),
        );
        let alone = |axis: usize| Some(axis) == taken || shape[axis] == Some(1);
        from.is_some_and(|from| from < shape.len() && (from..shape.len()).all(alone))
    })
}

/// Whether what is cast is 0 or 1 already: the answer to a comparison.
fn is_truth_value(place: &Place<'_>) -> bool {
    place
        .input(0)
        .and_then(|tensor| place.producer(tensor))
        .and_then(|node| node.op_type.as_deref())
        .is_some_and(answers_truth)
}

/// Whether the answers of an operator are truth values.
pub(super) fn answers_truth(operator: &str) -> bool {
    matches!(
        operator,
        "And"
            | "Equal"
            | "Greater"
            | "GreaterOrEqual"
            | "IsInf"
            | "IsNaN"
            | "Less"
            | "LessOrEqual"
            | "Not"
            | "Or"
            | "Xor"
    )
}
