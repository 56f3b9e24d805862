//! Gradients against PyTorch's (`tests/reference/README.md`), and what is refused.

use base64::Engine as _;
use ndarray::{Array2, ArrayD, IxDyn};

use super::super::test_graph::*;
use super::super::{ModelError, OnnxEngine, OnnxModel, Request, load};
use super::Rounding;
use crate::model::Model;

const FILE: &str = include_str!("../../../../tests/reference/gradients.json");

#[derive(serde::Deserialize)]
struct File {
    cases: Vec<Case>,
}

#[derive(serde::Deserialize)]
struct Case {
    name: String,
    onnx: String,
    shape: Vec<usize>,
    x: Vec<f32>,
    cotangent: Vec<f32>,
    gradient: Vec<f64>,
}

fn open(bytes: &[u8]) -> Result<OnnxModel, ModelError> {
    open_on(OnnxEngine::Rten, bytes)
}

fn open_on(engine: OnnxEngine, bytes: &[u8]) -> Result<OnnxModel, ModelError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    load(&Request {
        path: file.path().to_owned(),
        shown: "models/m.onnx".to_owned(),
        input: None,
        output: None,
        engine,
        gradient: Some(Rounding::Refused),
    })
}

/// Cases whose forward graph rten refuses, and what it says.
const BEYOND_RTEN: &[(&str, &str)] = &[
    (
        "pad, named axes",
        "Pad operator does not yet support `axes`",
    ),
    (
        "resize, named axes",
        "unsupported or duplicated attributes: axes",
    ),
];

/// How far our gradient is from PyTorch's, relative to its largest entry.
fn error(engine: OnnxEngine, case: &Case) -> Result<f64, ModelError> {
    let bytes = base64::prelude::BASE64_STANDARD.decode(&case.onnx).unwrap();
    let model = open_on(engine, &bytes)?;
    let x = ArrayD::from_shape_vec(IxDyn(&case.shape), case.x.clone()).unwrap();
    let cotangent = Array2::from_shape_vec(
        (case.shape[0], case.cotangent.len() / case.shape[0]),
        case.cotangent.clone(),
    );
    let cotangent = cotangent.unwrap();
    let gradients = model.gradient(x.view(), &|_| cotangent.clone())?;
    assert_eq!(gradients.inputs.shape(), x.shape(), "{}", case.name);
    let largest = case
        .gradient
        .iter()
        .fold(0.0_f64, |most, one| most.max(one.abs()));
    let pairs = gradients.inputs.iter().zip(&case.gradient);
    Ok(pairs
        .map(|(&ours, theirs)| (f64::from(ours) - theirs).abs() / largest)
        .fold(0.0, f64::max))
}

#[test]
fn every_rule_gives_the_gradient_that_pytorch_gives_in_float64() {
    let file: File = serde_json::from_str(FILE).unwrap();
    let mut wrong = Vec::new();
    for case in &file.cases {
        let beyond = BEYOND_RTEN.iter().find(|(name, _)| *name == case.name);
        // Sums of at most a few hundred float32 products.
        match error(OnnxEngine::Rten, case) {
            Err(error) if beyond.is_some_and(|(_, words)| error.to_string().contains(words)) => {}
            Ok(_) if beyond.is_some() => wrong.push(format!("{}: rten runs it now", case.name)),
            Ok(error) if error < 1e-5 => {}
            Ok(error) => wrong.push(format!("{}: off by {error:.1e}", case.name)),
            Err(error) => wrong.push(format!("{}: {error}", case.name)),
        }
    }
    assert!(file.cases.len() > 90, "{} cases", file.cases.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
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
