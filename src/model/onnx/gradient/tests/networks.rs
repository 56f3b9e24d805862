//! Whole networks against PyTorch's autograd in float64.

use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use ndarray::{ArrayD, IxDyn};

use super::open_on;
use crate::model::loss::cross_entropy;
use crate::model::onnx::{OnnxEngine, Rounding};
use crate::model::{Gives, Model};

const FILE: &str = include_str!("../../../../../tests/reference/networks.json");

#[derive(serde::Deserialize)]
struct File {
    networks: Vec<Network>,
}

#[derive(serde::Deserialize)]
struct Network {
    name: String,
    file: String,
    shape: Vec<usize>,
    /// Levels of 255.
    pixels: String,
    labels: Vec<usize>,
    /// Float32 numbers.
    gradient: String,
    /// By how much each example's gradient may differ since a ReLU's input is within
    /// 10⁻⁵ of zero: 0 where none is.
    kinks: Vec<f64>,
}

fn decoded(text: &str) -> Vec<u8> {
    base64::prelude::BASE64_STANDARD.decode(text).unwrap()
}

/// The largest error of each example's gradient, relative to its largest entry.
fn errors(network: &Network, path: &Path, engine: OnnxEngine) -> Vec<f64> {
    let bytes = std::fs::read(path).unwrap();
    let model = open_on(engine, &bytes, Rounding::Refused).unwrap();
    let pixels = decoded(&network.pixels);
    let x = pixels.iter().map(|&level| f32::from(level) / 255.0);
    let x = ArrayD::from_shape_vec(IxDyn(&network.shape), x.collect()).unwrap();
    let gradients = model.gradient(x.view(), &|answers| {
        cross_entropy(Gives::Logits, answers, &network.labels).unwrap()
    });
    let gradients = gradients.unwrap().inputs;
    let exact = decoded(&network.gradient);
    let (exact, rest) = exact.as_chunks();
    assert!(rest.is_empty());
    let exact: Vec<f64> = exact
        .iter()
        .map(|&bytes| f32::from_le_bytes(bytes).into())
        .collect();
    let size = exact.len() / network.labels.len();
    let examples = gradients.outer_iter().zip(exact.chunks(size));
    examples
        .map(|(ours, exact)| {
            let largest = exact.iter().fold(0.0, |most: f64, one| most.max(one.abs()));
            let pairs = ours.iter().zip(exact);
            pairs
                .map(|(&ours, exact)| (f64::from(ours) - exact).abs() / largest)
                .max_by(f64::total_cmp)
                .unwrap_or_default()
        })
        .collect()
}

fn networks_have_the_gradients_of_float64(engine: OnnxEngine) {
    let file: File = serde_json::from_str(FILE).unwrap();
    let mut tried = 0;
    for network in &file.networks {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(&network.file);
        if !path.is_file() {
            assert!(network.file.starts_with("../shared"), "{}", network.file);
            // Past the capture of a test's output: a test that is skipped says so.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: the network {} is absent ({})",
                network.name,
                path.display()
            );
            continue;
        }
        tried += 1;
        let errors = errors(network, &path, engine);
        let words: Vec<String> = errors.iter().map(|error| format!("{error:.1e}")).collect();
        eprintln!("{}, {}: {}", network.name, engine.text(), words.join(" "));
        let exact = errors.iter().filter(|&&error| error < 1e-5).count();
        assert!(
            exact * 2 > errors.len(),
            "{}: {exact} of {} are exact",
            network.name,
            errors.len()
        );
        for (example, (error, kinks)) in errors.iter().zip(&network.kinks).enumerate() {
            assert!(
                *error < 1e-5 + kinks,
                "{}: example {example} is off by {error:.1e}, and kinks make {kinks:.1e}",
                network.name
            );
        }
    }
    assert!(tried >= 2, "{tried} networks");
}

#[test]
fn networks_have_the_gradients_that_pytorch_gives_in_float64() {
    networks_have_the_gradients_of_float64(OnnxEngine::Rten);
}

#[cfg(feature = "ort")]
#[test]
fn networks_have_them_on_onnx_runtime_too() {
    if crate::model::onnx::ort_tests::library() {
        networks_have_the_gradients_of_float64(OnnxEngine::Ort);
    }
}
