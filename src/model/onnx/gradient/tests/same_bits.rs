//! The gradient of an example depends on neither its batch, its neighbours, nor the
//! threads, to the bit.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;

use ndarray::{Array2, ArrayD, ArrayView, Axis, Dimension, Slice};

use super::{Case, File, open_on};
use crate::model::Model;
use crate::model::onnx::tests::{attention, noise};
use crate::model::onnx::{ModelError, OnnxEngine, OnnxModel, Rounding};

/// The first of the smaller batches, each from another place, whose gradients are not
/// those of a batch of 64.
fn another(model: &mut OnnxModel, inputs: &ArrayD<f32>, answers: usize) -> Option<String> {
    let cotangent = noise(&[64, answers]);
    let gradient = |model: &OnnxModel, start: usize, size: usize| {
        let rows: Vec<usize> = (start..start + size).collect();
        let cotangents = cotangent.select(Axis(0), &rows);
        let cotangents: Array2<f32> = cotangents.into_dimensionality().unwrap();
        let inputs = inputs.select(Axis(0), &rows);
        let gradients = model.gradient(inputs.view(), &|_| cotangents.clone());
        gradients.unwrap()
    };
    let whole = gradient(model, 0, 64);
    for threads in [1, 2, 3] {
        on(model, threads);
        for size in [2, 3, 7, 64] {
            for start in [0, 5, 64 - size] {
                let start = start.min(64 - size);
                let part = gradient(model, start, size);
                let rows = Slice::from(start..start + size);
                let answers = whole.answers.slice_axis(Axis(0), rows);
                let inputs = whole.inputs.slice_axis(Axis(0), rows);
                for (what, same) in [
                    ("answers", same(part.answers.view(), answers)),
                    ("gradients", same(part.inputs.view(), inputs)),
                ] {
                    if !same {
                        return Some(format!(
                            "{what} in a batch of {size} from {start}, {threads} threads"
                        ));
                    }
                }
            }
        }
    }
    None
}

fn same<D: Dimension>(left: ArrayView<'_, f32, D>, right: ArrayView<'_, f32, D>) -> bool {
    let mut pairs = left.iter().zip(&right);
    pairs.all(|(left, right)| left.to_bits() == right.to_bits())
}

/// Has the embedded engine compute on so many threads. ONNX Runtime computes on the
/// thread that asks.
fn on(model: &mut OnnxModel, threads: usize) {
    let passes = model.gradient.as_mut().unwrap().passes.get_mut().unwrap();
    for pass in passes.values_mut() {
        Arc::get_mut(pass).unwrap().on_threads(threads);
    }
}

/// How the names of cases begin in which ONNX Runtime sums neighbouring numbers on the
/// way forward, by where they lie in memory.
const BY_ALIGNMENT: &[&str] = &[
    "ReduceMean",
    "ReduceSum",
    "group normalisation",
    "instance normalisation",
];

fn every_case(engine: OnnxEngine) {
    let file: File = serde_json::from_str(super::FILE).unwrap();
    let mut tried = 0;
    let mut others = Vec::new();
    for case in &file.cases {
        let opened = open_on(engine, &case.bytes(), case.rounding());
        let mut model = match opened {
            Ok(model) => model,
            Err(ModelError::Untrusted { .. } | ModelError::Unsupported { .. }) => continue,
            Err(error) => panic!("{}: {error}", case.name),
        };
        tried += 1;
        if let Some(batch) = another(&mut model, &repeated(case), case.answers()) {
            others.push(format!("{}: {batch}", case.name));
        }
    }
    if engine != OnnxEngine::Rten {
        others.retain(|other| !BY_ALIGNMENT.iter().any(|name| other.starts_with(name)));
    }
    assert!(
        others.is_empty(),
        "{} of {tried}:\n{}",
        others.len(),
        others.join("\n")
    );
    assert!(tried * 10 > file.cases.len() * 9, "{tried} cases");
}

/// The examples of a case over and over: 64 in all, each of them a little larger.
fn repeated(case: &Case) -> ArrayD<f32> {
    let rows: Vec<usize> = (0..64).map(|row| row % case.shape[0]).collect();
    let mut inputs = case.inputs().select(Axis(0), &rows);
    for (row, mut example) in inputs.outer_iter_mut().enumerate() {
        let factor = 1.0 + row as f32 / 512.0;
        // Categories stay what they are.
        example.mapv_inplace(|number| number * factor);
    }
    inputs
}

fn networks(engine: OnnxEngine) {
    for (file, example, answers) in [
        ("models/digits.onnx", &[1, 8, 8][..], 10),
        ("models/digits32.onnx", &[1, 32, 32], 10),
        ("models/adult.onnx", &[29], 1),
        ("../shared/assets/reference/mnist_kw.onnx", &[1, 28, 28], 10),
        ("../shared/assets/registry/resnet20.onnx", &[3, 32, 32], 10),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        if !path.is_file() {
            assert!(file.starts_with("../shared"), "{file}");
            // Past the capture of a test's output: a test that is skipped says so.
            let _ = writeln!(std::io::stderr(), "skipped: {} is absent", path.display());
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        let mut model = open_on(engine, &bytes, Rounding::Refused).unwrap();
        let inputs = noise(&[&[64], example].concat());
        assert_eq!(another(&mut model, &inputs, answers), None, "{file}");
    }
    let bytes = attention().write_buf().unwrap();
    let mut model = open_on(engine, &bytes, Rounding::Refused).unwrap();
    let inputs = noise(&[64, 5, 8]);
    let answers = model.predict(inputs.view()).unwrap().ncols();
    assert_eq!(another(&mut model, &inputs, answers), None, "attention");
}

#[test]
fn every_rule_gives_the_same_in_every_batch() {
    every_case(OnnxEngine::Rten);
}

#[test]
fn networks_give_the_same_in_every_batch() {
    networks(OnnxEngine::Rten);
}

#[cfg(feature = "ort")]
#[test]
fn onnx_runtime_gives_the_same_in_every_batch_too() {
    if crate::model::onnx::ort_tests::library() {
        every_case(OnnxEngine::Ort);
        networks(OnnxEngine::Ort);
    }
}
