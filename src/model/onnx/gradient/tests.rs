//! Gradients against PyTorch's (`tests/reference/README.md`), and what is refused.

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use ndarray::{Array2, ArrayD, IxDyn};
use rten_onnx::onnx::{AttributeProto, AttributeType, DataType, GraphProto, ModelProto};

use super::super::test_graph::*;
use super::super::{ModelError, OnnxEngine, OnnxModel, Request, load};
use super::{Rounding, rules};
use crate::model::Model;

mod adjoint;
mod networks;
mod same_bits;
mod straight_through;

const FILE: &str = include_str!("../../../../tests/reference/gradients.json");

#[derive(serde::Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    onnx: String,
    #[serde(default)]
    straight_through: bool,
    shape: Vec<usize>,
    x: Vec<f32>,
    cotangent: Vec<f32>,
    gradient: Vec<f64>,
}

impl Case {
    fn bytes(&self) -> Vec<u8> {
        base64::prelude::BASE64_STANDARD.decode(&self.onnx).unwrap()
    }

    fn rounding(&self) -> Rounding {
        match self.straight_through {
            true => Rounding::StraightThrough,
            false => Rounding::Refused,
        }
    }

    fn inputs(&self) -> ArrayD<f32> {
        ArrayD::from_shape_vec(IxDyn(&self.shape), self.x.clone()).unwrap()
    }

    /// How many answers an example has.
    fn answers(&self) -> usize {
        self.cotangent.len() / self.shape[0]
    }
}

fn open(bytes: &[u8]) -> Result<OnnxModel, ModelError> {
    open_on(OnnxEngine::Rten, bytes, Rounding::Refused)
}

fn open_on(engine: OnnxEngine, bytes: &[u8], rounding: Rounding) -> Result<OnnxModel, ModelError> {
    open_for(None, engine, bytes, rounding)
}

/// For examples of this shape.
fn open_for(
    example: Option<&[usize]>,
    engine: OnnxEngine,
    bytes: &[u8],
    rounding: Rounding,
) -> Result<OnnxModel, ModelError> {
    let examples = example.map(|example| super::super::tests::noise(&[&[4], example].concat()));
    open_with(examples, engine, bytes, rounding)
}

/// For these examples, if they are known.
fn open_with(
    examples: Option<ArrayD<f32>>,
    engine: OnnxEngine,
    bytes: &[u8],
    rounding: Rounding,
) -> Result<OnnxModel, ModelError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    load(&Request {
        path: file.path().to_owned(),
        shown: "models/m.onnx".to_owned(),
        input: None,
        output: None,
        engine,
        gradient: Some(rounding),
        examples,
        batch: 64,
    })
}

/// Those that are here.
fn engines() -> Vec<OnnxEngine> {
    let mut engines = vec![OnnxEngine::Rten];
    if cfg!(feature = "ort") && super::super::engine::Engine::of(OnnxEngine::Ort).is_ok() {
        engines.push(OnnxEngine::Ort);
    }
    engines
}

/// How the names of cases begin whose forward graph rten refuses, and what it says.
const BEYOND_RTEN: &[(&str, &str)] = &[
    (
        "pad, named axes",
        "Pad operator does not yet support `axes`",
    ),
    (
        "resize, named axes",
        "unsupported or duplicated attributes: axes",
    ),
    (
        "max pool with dilations",
        "error in attribute \"dilations\": unsupported value",
    ),
    ("Celu", "Celu operator not supported"),
    ("LRN", "LRN operator not supported"),
    ("Mish", "Mish operator not supported"),
    ("Selu", "Selu operator not supported"),
    (
        "group normalisation",
        "GroupNormalization operator not supported",
    ),
    (
        "Pow, integer exponent",
        "Unsupported base and exponent type combination",
    ),
    ("matmul (2, 3, 4) by a vector", "keeps an axis"),
    ("matmul (2, 2, 3, 4) by a vector", "keeps an axis"),
    ("Softmax over all axes", "takes only that one"),
    ("LogSoftmax over all axes", "takes only that one"),
    (
        "Slice without axes",
        "`starts` length must match axis count",
    ),
    ("Resize of set 10", "only version 11 and later"),
    ("quantised by default", "unsupported input type"),
    (
        "quantised along an axis that is not named",
        "QuantizeLinear",
    ),
    ("quantised to int16", "unsupported data type INT16"),
    ("quantised to uint16", "unsupported data type UINT16"),
    ("Sign", "the sign of 0 comes out as 1"),
    ("a binarised network", "the sign of 0 comes out as 1"),
];

/// How far our gradient is from PyTorch's, relative to its largest entry.
fn error(engine: OnnxEngine, case: &Case) -> Result<f64, ModelError> {
    let model = open_on(engine, &case.bytes(), case.rounding())?;
    let x = case.inputs();
    let cotangent =
        Array2::from_shape_vec((case.shape[0], case.answers()), case.cotangent.clone()).unwrap();
    let gradients = model.gradient(x.view(), &|_| cotangent.clone())?;
    assert_eq!(gradients.inputs.shape(), x.shape(), "{}", case.name);
    let largest = case
        .gradient
        .iter()
        .fold(0.0_f64, |most, one| most.max(one.abs()));
    let pairs = gradients.inputs.iter().zip(&case.gradient);
    Ok(pairs
        .map(|(&ours, theirs)| (f64::from(ours) - theirs).abs() / largest)
        // Above all where it is no number.
        .max_by(f64::total_cmp)
        .unwrap_or_default())
}

#[test]
fn every_rule_gives_the_gradient_that_pytorch_gives_in_float64() {
    let file: File = serde_json::from_str(FILE).unwrap();
    let mut wrong = Vec::new();
    for case in &file.cases {
        let beyond = BEYOND_RTEN
            .iter()
            .find(|(name, _)| case.name.starts_with(name));
        // Sums of at most a few hundred float32 products.
        match error(OnnxEngine::Rten, case) {
            Err(error) if beyond.is_some_and(|(_, words)| error.to_string().contains(words)) => {}
            Ok(_) if beyond.is_some() => wrong.push(format!("{}: rten runs it now", case.name)),
            Ok(error) if error < 1e-5 => {}
            Ok(error) => wrong.push(format!("{}: off by {error:.1e}", case.name)),
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_operator_that_has_a_rule_has_three_cases() {
    let file: File = serde_json::from_str(FILE).unwrap();
    let mut cases: HashMap<String, usize> = HashMap::new();
    for case in &file.cases {
        let model = ModelProto::parse_buf(&case.bytes()).unwrap();
        let nodes = model.graph.unwrap().node;
        // The last one makes a table of the answers.
        let (_, nodes) = nodes.split_last().unwrap();
        let operators = nodes.iter().map(|node| node.op_type.clone().unwrap());
        for operator in operators.collect::<HashSet<_>>() {
            *cases.entry(operator).or_default() += 1;
        }
    }
    let few = |operator: &&str| cases.get(*operator).is_none_or(|&cases| cases < 3);
    let few: Vec<&str> = rules::operators().filter(few).collect();
    assert!(
        few.is_empty(),
        "fewer than three cases of {}. Write them in tests/reference/make_gradients.py",
        few.join(", ")
    );
}

#[cfg(feature = "ort")]
#[test]
fn every_rule_gives_it_on_onnx_runtime_too() {
    if !super::super::ort_tests::library() {
        return;
    }
    let file: File = serde_json::from_str(FILE).unwrap();
    let mut wrong = Vec::new();
    for case in &file.cases {
        match error(OnnxEngine::Ort, case) {
            Ok(error) if error < 1e-5 => {}
            Ok(error) => wrong.push(format!("{}: off by {error:.1e}", case.name)),
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        file.cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn an_operator_without_a_rule_is_refused_by_name_when_the_model_is_opened() {
    let graph = model(
        &[-1, 2],
        &[-1, 2],
        vec![
            node("Relu", &["x"], &["h"]),
            node("Floor", &["h"], &["r"]),
            node("Sinh", &["r"], &["y"]),
        ],
        vec![],
    );
    let Err(error) = open(&graph.write_buf().unwrap()) else {
        panic!("the model was opened");
    };
    let text = error.to_string();
    assert!(matches!(error, ModelError::NoRule { .. }), "{text}");
    assert!(text.contains("Sinh") && text.contains("the_sinh"), "{text}");
}

#[test]
fn equal_maxima_share_what_arrives() {
    let graph = model(
        &[-1, 1, 2, 2],
        &[-1, 1, 1, 1],
        vec![node("GlobalMaxPool", &["x"], &["y"])],
        vec![],
    );
    let opened = open(&graph.write_buf().unwrap()).unwrap();
    let zeros = ArrayD::zeros(IxDyn(&[2, 1, 2, 2]));
    let gradients = opened.gradient(zeros.view(), &|answers| Array2::ones(answers.dim()));
    let gradients = gradients.unwrap().inputs;
    assert!(gradients.iter().all(|&share| share == 0.25), "{gradients}");
}

/// A pool of a Relu's output, which may be read elsewhere too: the Relu holds back what
/// arrives where its output is 0, whoever asks first.
#[test]
fn a_pool_of_a_relu_lets_nothing_through_where_the_relu_does_not() {
    let graph = |also_read: bool| {
        let relu = node("Relu", &["x"], &["h"]);
        let pool = node("MaxPool", &["h"], &["p"])
            .with("kernel_shape", list(&[2, 2]))
            .with("strides", list(&[2, 2]));
        let ends = match also_read {
            false => vec![node("Flatten", &["p"], &["y"])],
            true => vec![
                node("GlobalAveragePool", &["h"], &["m"]),
                node("Add", &["p", "m"], &["s"]),
                node("Flatten", &["s"], &["y"]),
            ],
        };
        let nodes = [vec![relu, pool], ends].concat();
        model(&[-1, 1, 2, 4], &[-1, 2], nodes, vec![])
    };
    let x = ArrayD::from_shape_vec(
        IxDyn(&[2, 1, 2, 4]),
        vec![
            // Two equal maxima; a window that the Relu leaves empty.
            3.0, 3.0, -1.0, -2.0, 1.0, 0.0, 0.0, -3.0, //
            // One maximum; one at 0 that is none for the Relu.
            2.0, -1.0, 0.0, -1.0, 1.0, 0.5, -1.0, -1.0,
        ],
    )
    .unwrap();
    let pooled = [
        0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, //
        1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    ];
    for also_read in [false, true] {
        let opened = open(&graph(also_read).write_buf().unwrap()).unwrap();
        let gradients = opened.gradient(x.view(), &|answers| Array2::ones(answers.dim()));
        // Each of two answers has an eighth of every number above 0.
        let expected = x.iter().zip(pooled).map(|(&number, pooled)| {
            let mean = if also_read && number > 0.0 { 0.25 } else { 0.0 };
            pooled + mean
        });
        let gradients: Vec<f32> = gradients.unwrap().inputs.into_iter().collect();
        assert_eq!(gradients, expected.collect::<Vec<f32>>(), "{also_read}");
    }
}

#[test]
fn a_graph_of_one_batch_size_is_filled_up() {
    let free = model(&[-1, 2], &[-1, 2], dense(), vec![weights()]);
    let four = model(&[4, 2], &[4, 2], dense(), vec![weights()]);
    let x = ArrayD::from_shape_fn(IxDyn(&[6, 2]), |at| at[0] as f32 - 2.0 * at[1] as f32);
    let gradient = |graph: &rten_onnx::onnx::ModelProto| {
        let opened = open(&graph.write_buf().unwrap()).unwrap();
        let cotangents = |answers: ndarray::ArrayView2<'_, f32>| {
            assert_eq!(answers.dim(), (6, 2));
            Array2::from_shape_fn((6, 2), |(row, column)| (row * 2 + column) as f32)
        };
        opened.gradient(x.view(), &cotangents).unwrap()
    };
    assert_eq!(gradient(&free), gradient(&four));
}

fn dense() -> Vec<rten_onnx::onnx::NodeProto> {
    vec![
        node("MatMul", &["x", "w"], &["h"]),
        node("Tanh", &["h"], &["y"]),
    ]
}

fn weights() -> rten_onnx::onnx::TensorProto {
    floats("w", &[2, 2], &[1.0, -1.0, 0.5, 2.0])
}

#[test]
fn what_a_rule_does_not_cover_is_refused_by_name_with_the_cure() {
    let resize = |inputs: &[&str], mode: &str| {
        let resize = node("Resize", inputs, &["y"]);
        resize.with("mode", text(mode))
    };
    let cases = [
        (
            resize(&["x", "", "s"], "cubic"),
            vec![floats("s", &[4], &[1.0, 1.0, 2.0, 2.0])],
        ),
        (
            resize(&["x", "", "s"], "linear").with("antialias", int(1)),
            vec![floats("s", &[4], &[1.0, 1.0, 0.5, 0.5])],
        ),
        (
            resize(&["x", "roi", "s"], "linear")
                .with("coordinate_transformation_mode", text("tf_crop_and_resize")),
            vec![
                floats("s", &[4], &[1.0, 1.0, 0.5, 0.5]),
                floats("roi", &[8], &[0.0; 8]),
            ],
        ),
        (
            node("ConvTranspose", &["x", "w"], &["y"])
                .with("strides", list(&[2, 2]))
                .with("dilations", list(&[1, 1]))
                .with("auto_pad", text("SAME_UPPER")),
            vec![floats("w", &[1, 1, 2, 2], &[1.0; 4])],
        ),
        (
            node("Elu", &["x"], &["y"]).with(
                "alpha",
                AttributeProto {
                    f: Some(-1.0),
                    r#type: Some(AttributeType::FLOAT),
                    ..AttributeProto::default()
                },
            ),
            vec![],
        ),
        (node("Sinh", &["x"], &["y"]), vec![]),
    ];
    for engine in engines() {
        for (refused, weights) in cases.clone() {
            let (operator, name) = (refused.op_type.clone(), refused.name.clone());
            let mut graph = model(&[-1, 1, 4, 4], &[], vec![refused], weights);
            graph.opset_import[0].version = Some(18);
            let whole = graph.graph.as_mut().unwrap();
            whole.node.push(node("Flatten", &["y"], &["flat"]));
            whole.output = vec![value("flat", DataType::FLOAT, &[-1, -1])];
            let bytes = graph.write_buf().unwrap();
            let opened = open_on(engine, &bytes, Rounding::Refused);
            let Err(error) = opened else {
                panic!("{operator:?} was opened");
            };
            let text = error.to_string();
            let (operator, name) = (operator.unwrap(), name.unwrap());
            eprintln!("{text}");
            assert!(text.contains(&name), "{text}");
            assert!(text.contains("xport the model"), "{text}");
            // The embedded engine has some of them not even on the way forward.
            if engine == OnnxEngine::Ort {
                assert!(matches!(error, ModelError::NoRule { .. }), "{text}");
                assert!(text.contains(&operator), "{text}");
            }
        }
    }
}

#[test]
fn what_takes_sums_over_the_batch_is_refused() {
    for refused in [
        node("ReduceMean", &["x"], &["y"]).with("axes", list(&[0])),
        node("Softmax", &["x"], &["y"]).with("axis", int(0)),
        node("LayerNormalization", &["x", "s"], &["y"]).with("axis", int(0)),
    ] {
        let operator = refused.op_type.clone().unwrap();
        let scale = floats("s", &[2], &[1.0, 1.0]);
        // Of no shape that is known: asked about one, it would not be opened at all.
        let graph = model(&[-1, -1], &[-1, -1], vec![refused], vec![scale]);
        let opened = open(&graph.write_buf().unwrap()).unwrap();
        let asked = ArrayD::zeros(IxDyn(&[2, 2]));
        let Err(error) = opened.gradient(asked.view(), &|answers| answers.to_owned()) else {
            panic!("{operator} has a gradient");
        };
        let text = error.to_string();
        assert!(matches!(error, ModelError::NoRule { .. }), "{text}");
        assert!(text.contains(&operator) && text.contains("batch"), "{text}");
    }
}

#[test]
fn an_if_on_the_way_has_no_rule() {
    let branch = |operator: &str| {
        subgraph(GraphProto {
            node: vec![node(operator, &["x"], &["h"])],
            output: vec![value("h", DataType::FLOAT, &[-1, 2])],
            ..GraphProto::default()
        })
    };
    let chosen = node("If", &["t"], &["y"])
        .with("then_branch", branch("Relu"))
        .with("else_branch", branch("Tanh"));
    let graph = model(&[-1, 2], &[-1, 2], vec![chosen], vec![bools("t", &[true])]);
    let Err(error) = open(&graph.write_buf().unwrap()) else {
        panic!("the model was opened");
    };
    let text = error.to_string();
    assert!(matches!(error, ModelError::NoRule { .. }), "{text}");
    assert!(text.contains("operator If (node \"the_if\")"), "{text}");
}

#[test]
fn answers_that_only_count_and_compare_have_no_gradient() {
    let nodes = vec![
        node("Greater", &["x", "zero"], &["t"]),
        node("Cast", &["t"], &["y"]).with("to", int(1)),
    ];
    let graph = model(&[-1, 2], &[-1, 2], nodes, vec![floats("zero", &[], &[0.0])]);
    let Err(error) = open(&graph.write_buf().unwrap()) else {
        panic!("the model was opened");
    };
    let text = error.to_string();
    assert!(matches!(error, ModelError::NoRule { .. }), "{text}");
    assert!(text.contains("operator Cast (node \"the_cast\")"), "{text}");
}

/// The gradient of the sum of the answers.
fn gradient_of(opened: &OnnxModel, inputs: &ArrayD<f32>) -> Vec<f32> {
    let ones = |answers: ndarray::ArrayView2<'_, f32>| Array2::ones(answers.dim());
    let gradients = opened.gradient(inputs.view(), &ones).unwrap();
    gradients.inputs.into_iter().collect()
}

/// rten finds out that it has no such Pow when it runs it.
#[test]
fn what_the_output_does_not_need_takes_no_gradient_away() {
    let nodes = vec![
        node("Pow", &["x", "three"], &["nobody reads it"]),
        node("Relu", &["x"], &["y"]),
    ];
    let graph = model(&[-1, 2], &[-1, 2], nodes, vec![ints("three", &[3])]);
    let opened = open(&graph.write_buf().unwrap()).unwrap();
    let inputs = ArrayD::from_shape_vec(IxDyn(&[1, 2]), vec![2.0, -1.0]).unwrap();
    assert_eq!(gradient_of(&opened, &inputs), [1.0, 0.0]);
}

/// Were it left out, the gradient would be that of the other branch alone.
#[test]
fn a_branch_that_no_rule_takes_is_refused() {
    let sequence = [
        node("SplitToSequence", &["x", "two"], &["parts"]).with("axis", int(1)),
        node("SequenceAt", &["parts", "first"], &["part"]),
    ];
    let precise = [
        node("Cast", &["x"], &["wide"]).with("to", int(11)),
        node("Exp", &["wide"], &["grown"]),
        node("Cast", &["grown"], &["part"]).with("to", int(1)),
    ];
    for engine in engines() {
        for (branch, operator) in [(&sequence[..], "SequenceAt"), (&precise, "Exp")] {
            // In rten float64 is float32.
            if engine == OnnxEngine::Rten && operator == "Exp" {
                continue;
            }
            let sum = node("Add", &["x", "part"], &["y"]);
            let weights = vec![ints("two", &[2]), ints("first", &[0])];
            let graph = model(&[-1, 2], &[-1, 2], [branch, &[sum]].concat(), weights);
            let opened = open_on(engine, &graph.write_buf().unwrap(), Rounding::Refused);
            let Err(error) = opened else {
                panic!("{engine:?}: {operator} is left out");
            };
            let text = error.to_string();
            assert!(
                text.contains(&format!("operator {operator}")),
                "{engine:?}: {text}"
            );
        }
    }
}

/// Of proto3 writers an attribute of value 0 has a name and no value.
#[test]
fn what_is_left_out_of_an_attribute_is_zero() {
    let zero = || AttributeProto {
        name: Some(String::new()),
        r#type: Some(AttributeType::FLOAT),
        ..AttributeProto::default()
    };
    let nodes = vec![node("Clip", &["x"], &["y"]).with("min", zero())];
    let mut graph = model(&[-1, 2], &[-1, 2], nodes, vec![]);
    graph.opset_import[0].version = Some(10);
    let inputs = ArrayD::from_shape_vec(IxDyn(&[1, 2]), vec![2.0, -1.0]).unwrap();
    for engine in engines() {
        let opened = open_on(engine, &graph.write_buf().unwrap(), Rounding::Refused).unwrap();
        assert_eq!(gradient_of(&opened, &inputs), [1.0, 0.0], "{engine:?}");
    }
}

/// Degrees beside dollars, normalised within: one step for both would be far beyond the
/// bend of the one.
#[test]
fn columns_of_other_scales_have_their_own_steps() {
    let nodes = vec![
        node("Sub", &["x", "mean"], &["centred"]),
        node("Div", &["centred", "deviation"], &["normal"]),
        node("Tanh", &["normal"], &["y"]),
    ];
    let (mean, deviation) = ([37.0, 1.5e5], [0.5, 1e5]);
    let weights = vec![
        floats("mean", &[2], &mean),
        floats("deviation", &[2], &deviation),
    ];
    let graph = model(&[-1, 2], &[-1, 2], nodes, weights)
        .write_buf()
        .unwrap();
    let rows = vec![36.5, 2e5, 37.0, 1e5, 37.5, 5e4, 36.8, 3e5, 37.2, 1.5e5];
    let inputs = ArrayD::from_shape_vec(IxDyn(&[5, 2]), rows).unwrap();
    for engine in engines() {
        let opened = open_with(Some(inputs.clone()), engine, &graph, Rounding::Refused).unwrap();
        let gradient = gradient_of(&opened, &inputs);
        for (at, (found, input)) in gradient.iter().zip(&inputs).enumerate() {
            let (mean, deviation) = (mean[at % 2], deviation[at % 2]);
            let expected = (1.0 - ((input - mean) / deviation).tanh().powi(2)) / deviation;
            assert!(
                (found / expected - 1.0).abs() < 1e-3,
                "{engine:?}: {found} and {expected}"
            );
        }
    }
}

/// A category from 2020 on is looked up, and the rest is a number.
#[test]
fn a_gradient_is_tried_on_the_data() {
    let nodes = vec![
        node("Split", &["x"], &["category", "rest"]).with("axis", int(1)),
        node("Cast", &["category"], &["year"]).with("to", int(7)),
        node("Sub", &["year", "start"], &["row"]),
        node("Gather", &["table", "row"], &["looked up"]),
        node("Add", &["looked up", "rest"], &["y"]),
    ];
    let weights = vec![ints("start", &[2020]), floats("table", &[2], &[5.0, 7.0])];
    let graph = model(&[-1, 2], &[-1, 1], nodes, weights)
        .write_buf()
        .unwrap();
    let inputs = ArrayD::from_shape_vec(IxDyn(&[2, 2]), vec![2020.0, 0.5, 2021.0, 1.5]).unwrap();
    for engine in engines() {
        let opened = open_with(Some(inputs.clone()), engine, &graph, Rounding::Refused);
        assert_eq!(gradient_of(&opened.unwrap(), &inputs), [0.0, 1.0, 0.0, 1.0]);
    }
}

#[test]
fn where_the_graph_leaves_the_size_free_the_data_decides() {
    let weights = |name, shape: &[i64]| {
        let count = shape.iter().product::<i64>() as usize;
        floats(name, shape, &vec![0.5; count])
    };
    let nodes = vec![
        node("Transpose", &["x"], &["t"]).with("perm", list(&[1, 0, 2])),
        node("LSTM", &["t", "w", "r"], &["", "h"]).with("hidden_size", int(3)),
        node("Squeeze", &["h", "axis"], &["y"]),
    ];
    let weights = vec![
        weights("w", &[1, 12, 2]),
        weights("r", &[1, 12, 3]),
        ints("axis", &[0]),
    ];
    let graph = model(&[-1, -1, 2], &[-1, 3], nodes, weights);
    let bytes = graph.write_buf().unwrap();
    for engine in engines() {
        let opened = open_for(Some(&[5, 2]), engine, &bytes, Rounding::Refused);
        let Err(error) = opened else {
            panic!("the model was opened");
        };
        let text = error.to_string();
        assert!(matches!(error, ModelError::NoRule { .. }), "{text}");
        assert!(text.contains("operator LSTM (node \"the_lstm\")"), "{text}");
    }
}

#[test]
fn a_padding_of_the_output_beyond_the_stride_is_refused() {
    let nodes = vec![
        node("ConvTranspose", &["x", "w"], &["h"]).with("output_padding", list(&[1, 1])),
        node("GlobalAveragePool", &["h"], &["p"]),
        node("Flatten", &["p"], &["y"]),
    ];
    let weights = vec![floats("w", &[2, 3, 3, 3], &[0.1; 54])];
    let graph = model(&[-1, 2, 5, 5], &[-1, 3], nodes, weights);
    // With a padding that is not below the stride; ONNX Runtime has no answer either.
    let Err(error) = open(&graph.write_buf().unwrap()) else {
        panic!("the model was opened");
    };
    let text = error.to_string();
    assert!(
        text.contains("ConvTranspose") && text.contains("output_padding"),
        "{text}"
    );
}

#[test]
fn answers_that_are_the_input_have_their_cotangents_for_a_gradient() {
    let graph = model(
        &[-1, 2],
        &[-1, 2],
        vec![node("Identity", &["x"], &["y"])],
        vec![],
    );
    let x = ArrayD::from_shape_fn(IxDyn(&[3, 2]), |at| (2 * at[0] + at[1]) as f32);
    for engine in engines() {
        let opened = open_on(engine, &graph.write_buf().unwrap(), Rounding::Refused).unwrap();
        let gradients = opened.gradient(x.view(), &|answers| answers.to_owned());
        assert_eq!(gradients.unwrap().inputs, x, "{engine:?}");
    }
}
