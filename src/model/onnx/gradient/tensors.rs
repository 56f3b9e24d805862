//! What is known of the tensors of a forward graph: their shapes, and the
//! numbers of those that are the same for every input.
//!
//! Nothing is inferred: the graph is run on two small batches with every tensor
//! as an output, and looked at.

use std::collections::{HashMap, HashSet};

use ndarray::ArrayD;
use rten_onnx::onnx::{DataType, GraphProto, NodeProto, TensorProto};

use super::super::engine::{Engine, Graph, Input, Numbers, Value};
use super::super::interface::{dependencies, read_by};
use super::super::outputs::{Written, with_outputs};
use super::writer;

/// The size of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    Fixed(usize),
    /// This many for each example of the batch.
    Batch(usize),
}

impl Size {
    /// In a batch of [`PROBED`] examples, or of as many as the graph takes.
    pub(super) fn in_probe(self) -> usize {
        match self {
            Self::Fixed(size) => size,
            Self::Batch(each) => each * PROBED,
        }
    }
}

/// The examples in the first batch that is looked at.
pub(super) const PROBED: usize = 2;

/// The sizes of axes, where none grows with the batch.
pub(super) fn fixed(axes: &[Size]) -> Option<Vec<usize>> {
    let sizes = axes.iter().map(|axis| match axis {
        Size::Fixed(size) => Some(*size),
        Size::Batch(_) => None,
    });
    sizes.collect()
}

/// Numbers that are the same for every input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constant {
    pub(super) shape: Vec<usize>,
    pub(super) numbers: Numbers,
}

impl Constant {
    pub(super) fn floats(&self) -> Option<&[f32]> {
        match &self.numbers {
            Numbers::Floats(numbers) => Some(numbers),
            Numbers::Ints(_) => None,
        }
    }

    pub(super) fn ints(&self) -> Option<&[i64]> {
        match &self.numbers {
            Numbers::Ints(numbers) => Some(numbers),
            Numbers::Floats(_) => None,
        }
    }
}

/// The tensors of a graph.
pub(in crate::model::onnx) struct Tensors<'a> {
    graph: &'a GraphProto,
    pub(super) engine: Engine,
    pub(super) opset: i64,
    weights: HashMap<&'a str, &'a TensorProto>,
    made: HashMap<&'a str, Made>,
}

/// What the numbers of a tensor are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Float32,
    /// Integers or truth values.
    Whole,
    /// Of another precision, or no numbers.
    Other,
}

/// A tensor that a node makes, or the input.
struct Made {
    holds: Holds,
    /// `None` where an axis neither keeps its size nor grows with the batch.
    shape: Option<Vec<Size>>,
    /// The numbers in the first batch, where those of the input do not matter.
    numbers: Option<Constant>,
    /// Whether they are the same in a batch of another size.
    is_constant: bool,
}

impl<'a> Tensors<'a> {
    /// Runs a model on examples of the shape `example`, and looks at what the output is
    /// made from; they are those of `examples`, where some are known. `batch` is the
    /// number of examples where the graph takes only one. The error is the engine's own
    /// words.
    pub(in crate::model::onnx) fn of(
        engine: Engine,
        written: Written<'a>,
        opset: i64,
        (input, output): (&'a str, &str),
        example: &[usize],
        batch: Option<usize>,
        examples: Option<&ArrayD<f32>>,
    ) -> Result<Self, String> {
        let graph = written.model.graph.as_ref().ok_or("it holds no graph")?;
        let mut weights: HashMap<&str, &TensorProto> = graph
            .initializer
            .iter()
            .filter_map(|weight| Some((weight.name.as_deref()?, weight)))
            .collect();
        // Weights that are written as nodes, whose types no engine tells whole.
        for node in &graph.node {
            let mut attributes = node.attribute.iter();
            let value = attributes.find_map(|attribute| attribute.t.as_ref());
            if let ([name], Some(value), Some("Constant")) =
                (node.output.as_slice(), value, node.op_type.as_deref())
            {
                weights.insert(name, value);
            }
        }
        let needed = dependencies(graph, &[output]);
        let names: Vec<&str> = graph
            .node
            .iter()
            .flat_map(|node| {
                let made = node.output.iter().map(String::as_str);
                let is_needed = |name: &&str| needed.contains(name);
                // Where the parts of a Split that nobody reads are is told by their sizes.
                let all = node.op_type.as_deref() == Some("Split")
                    && made.clone().any(|name| is_needed(&name));
                made.filter(move |name| !name.is_empty() && (all || is_needed(name)))
            })
            .collect();
        let bytes = with_outputs(engine, written, &names, &[])?;
        let runner = Graph::load(engine.as_written(), bytes, &[input], &names)?;
        let sizes = batch.map_or([PROBED, PROBED + 1], |size| [size, size]);
        let [two, three] = sizes.map(|size| {
            let shape: Vec<usize> = [&[size], example].concat();
            let numbers: Vec<f32> = inputs(examples).take(shape.iter().product()).collect();
            runner.run(vec![Input::Floats {
                shape: &shape,
                numbers: &numbers,
            }])
        });

        let varying = varying(graph, input);
        let fixed = example.iter().map(|&size| Size::Fixed(size));
        let first = batch.map_or(Size::Batch(1), Size::Fixed);
        let mut made = HashMap::from([(
            input,
            Made {
                holds: Holds::Float32,
                shape: Some([first].into_iter().chain(fixed).collect()),
                numbers: None,
                is_constant: false,
            },
        )]);
        for ((name, two), three) in names.into_iter().zip(two?).zip(three?) {
            made.insert(name, Made::of(&two, &three, varying.contains(name)));
        }
        Ok(Self {
            graph,
            engine,
            opset,
            weights,
            made,
        })
    }

    pub(super) fn graph(&self) -> &'a GraphProto {
        self.graph
    }

    /// Whether a tensor holds float32 numbers.
    pub(super) fn is_float(&self, name: &str) -> bool {
        match (self.made.get(name), self.weights.get(name)) {
            (Some(made), _) => made.holds == Holds::Float32,
            (None, Some(weight)) => weight.data_type == Some(DataType::FLOAT),
            (None, None) => false,
        }
    }

    /// Whether a tensor that a node makes holds neither float32 numbers nor whole ones: it
    /// is of another precision, or a sequence.
    pub(super) fn is_other(&self, name: &str) -> bool {
        let made = self.made.get(name);
        made.is_some_and(|made| made.holds == Holds::Other)
    }

    /// Whether a tensor that a node makes holds integers or truth values.
    pub(super) fn is_whole(&self, name: &str) -> bool {
        let made = self.made.get(name);
        made.is_some_and(|made| made.holds == Holds::Whole)
    }

    /// The type of a tensor: as a weight declares it, else FLOAT or INT64.
    pub(super) fn kind(&self, name: &str) -> DataType {
        let declared = self.weights.get(name).and_then(|weight| weight.data_type);
        declared.unwrap_or(if self.is_float(name) {
            DataType::FLOAT
        } else {
            DataType::INT64
        })
    }

    /// The shape of a tensor. The error is a reason for having no gradient.
    pub(super) fn shape(&self, name: &str) -> Result<Vec<Size>, String> {
        if let Some(weight) = self.weights.get(name) {
            let sizes = weight.dims.iter();
            return Ok(sizes.map(|&size| Size::Fixed(size as usize)).collect());
        }
        self.made
            .get(name)
            .and_then(|made| made.shape.clone())
            .ok_or_else(|| format!("the shape of `{name}` does not follow the batch's"))
    }

    /// The numbers of a tensor that does not depend on the input.
    pub(super) fn constant(&self, name: &str) -> Option<Constant> {
        let weight = self.weights.get(name).and_then(|weight| read(weight));
        weight.or_else(|| {
            let made = self.made.get(name).filter(|made| made.is_constant);
            made?.numbers.clone()
        })
    }

    /// Runs a node alone, on a first input of its own, its others as they are in the
    /// first batch. Gives the shape and the numbers of its first output.
    pub(super) fn run_alone(
        &self,
        node: &NodeProto,
        shape: &[usize],
        numbers: &[f32],
    ) -> Result<(Vec<usize>, Vec<f32>), String> {
        let mut node = node.clone();
        let (input, output) = ("alone/input", "alone/output");
        let mut others = Vec::new();
        for name in node.input.iter().skip(1).filter(|name| !name.is_empty()) {
            let weight = self.weights.get(name.as_str()).copied().cloned();
            let made = || {
                let numbers = self.made.get(name.as_str())?.numbers.as_ref()?;
                Some(writer::constant(name, numbers))
            };
            let other = weight.or_else(made);
            let mut other = other.ok_or_else(|| format!("its input `{name}` is no constant"))?;
            other.name = Some(name.clone());
            others.push(other);
        }
        node.input[0] = input.to_owned();
        node.output = vec![output.to_owned()];
        let bytes = writer::model_of(node, others, self.opset, input, output).write_buf();
        let bytes = bytes.map_err(|error| error.to_string())?;
        let graph = Graph::load(self.engine, bytes, &[input], &[output])?;
        let outputs = graph.run(vec![Input::Floats { shape, numbers }])?;
        let output = outputs.into_iter().next();
        output.ok_or("the engine gave no output")?.into_floats()
    }
}

impl Made {
    /// A tensor as it was with two batches.
    fn of(two: &Value, three: &Value, varies: bool) -> Self {
        let (two_numbers, three_numbers) = (two.numbers(), three.numbers());
        let holds = match two_numbers {
            Some(Numbers::Floats(_)) => Holds::Float32,
            Some(Numbers::Ints(_)) => Holds::Whole,
            None => Holds::Other,
        };
        let (two, three) = (two.shape(), three.shape());
        let is_constant = !varies && two == three && two_numbers == three_numbers;
        let numbers = two_numbers.filter(|_| !varies).map(|numbers| Constant {
            shape: two.clone(),
            numbers,
        });
        let size = |(two, three): (&usize, &usize)| match (two, three) {
            (two, three) if two == three => Some(Size::Fixed(*two)),
            (two, three) if two % 2 == 0 && two / 2 * 3 == *three => Some(Size::Batch(two / 2)),
            _ => None,
        };
        let shape = two.iter().zip(&three).map(size).collect::<Option<Vec<_>>>();
        Self {
            holds,
            shape: shape.filter(|_| two.len() == three.len()),
            numbers,
            is_constant,
        }
    }
}

/// The tensors whose numbers depend on those of the input. A shape does not.
fn varying<'a>(graph: &'a GraphProto, input: &'a str) -> HashSet<&'a str> {
    let mut found = HashSet::from([input]);
    for node in &graph.node {
        let mut reads = false;
        read_by(node, &mut |name| reads |= found.contains(name));
        if reads && !matches!(node.op_type.as_deref(), Some("Shape" | "Size")) {
            found.extend(node.output.iter().map(String::as_str));
        }
    }
    found
}

/// The numbers of a weight; `None` for types that no rule reads.
fn read(weight: &TensorProto) -> Option<Constant> {
    let raw = weight.raw_data.as_ref().map(|raw| raw.borrow());
    let raw = raw.as_deref().filter(|raw| !raw.is_empty());
    fn chunks<const N: usize, T>(raw: &[u8], number: fn([u8; N]) -> T) -> Vec<T> {
        raw.as_chunks().0.iter().copied().map(number).collect()
    }
    let small = || {
        weight
            .int32_data
            .iter()
            .map(|&number| i64::from(number))
            .collect()
    };
    let numbers = match weight.data_type? {
        DataType::FLOAT => Numbers::Floats(match raw {
            Some(raw) => chunks(raw, f32::from_le_bytes),
            None => weight.float_data.clone(),
        }),
        DataType::INT64 => Numbers::Ints(match raw {
            Some(raw) => chunks(raw, i64::from_le_bytes),
            None => weight.int64_data.clone(),
        }),
        DataType::INT32 => Numbers::Ints(match raw {
            Some(raw) => chunks(raw, |bytes| i64::from(i32::from_le_bytes(bytes))),
            None => small(),
        }),
        DataType::INT16 => Numbers::Ints(match raw {
            Some(raw) => chunks(raw, |bytes| i64::from(i16::from_le_bytes(bytes))),
            None => small(),
        }),
        DataType::UINT16 => Numbers::Ints(match raw {
            Some(raw) => chunks(raw, |bytes| i64::from(u16::from_le_bytes(bytes))),
            None => small(),
        }),
        DataType::INT8 => Numbers::Ints(match raw {
            Some(raw) => chunks(raw, |bytes| i64::from(i8::from_le_bytes(bytes))),
            None => small(),
        }),
        DataType::UINT8 | DataType::BOOL => Numbers::Ints(match raw {
            Some(raw) => raw.iter().map(|&number| i64::from(number)).collect(),
            None => small(),
        }),
        _ => return None,
    };
    Some(Constant {
        shape: weight.dims.iter().map(|&size| size as usize).collect(),
        numbers,
    })
}

/// Numbers of examples, one example after another: of those that are known, over and over,
/// else random ones.
pub(super) fn inputs(examples: Option<&ArrayD<f32>>) -> Box<dyn Iterator<Item = f32> + '_> {
    match examples {
        Some(examples) => Box::new(examples.iter().copied().cycle()),
        None => Box::new(noise()),
    }
}

/// Numbers in [0, 1) that follow no pattern.
pub(super) fn noise() -> impl Iterator<Item = f32> {
    let mut state = 1_u64;
    std::iter::repeat_with(move || {
        // The multiplier of Knuth's MMIX.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32
    })
}
