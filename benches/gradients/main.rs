//! Input gradients a second on four networks, beside PyTorch's autograd and ONNX
//! Runtime on the same files in the same run.
//!
//!     RAYON_NUM_THREADS=1 cargo bench --bench gradients -- [--engine rten|ort]
//!         [--peer PYTHON] [--peers FOLDER] [--assets FOLDER] [--budget SECONDS] [MODEL.onnx]…
//!
//! With `--engine ort` it needs `--features ort`. A call is the gradient of the sum of
//! cross-entropies for a batch of 64, from float32 examples to float32 gradients; a rate is the median of the calls. Each network is
//! timed here before and after the peer's run, and the better half counts, so that what
//! else the machine does hits both alike.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use ndarray::{ArrayD, IxDyn};
use serde_json::Value;
use steadfast::model::onnx::{OnnxEngine, Request, Rounding, load, on_threads};
use steadfast::model::{Gives, Model, loss};

const BATCH: usize = 64;

const NETWORKS: [&str; 4] = [
    "registry/digits_cnn.onnx",
    "registry/digits32_cnn.onnx",
    "registry/resnet20.onnx",
    "reference/mnist_kw.onnx",
];

struct Arguments {
    /// Python with the peer, if it is to be run.
    peer: Option<PathBuf>,
    peers: PathBuf,
    engine: OnnxEngine,
    assets: PathBuf,
    budget: f64,
    models: Vec<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        peer: None,
        peers: "../shared/peers".into(),
        engine: OnnxEngine::Rten,
        assets: "../shared/assets".into(),
        budget: 1.0,
        models: Vec::new(),
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--peer" => found.peer = Some(value()?.into()),
            "--engine" => {
                let name = value()?;
                let engine = OnnxEngine::from_text(&name);
                found.engine = engine.ok_or(format!("--engine: {name} is none"))?;
            }
            "--peers" => found.peers = value()?.into(),
            "--assets" => found.assets = value()?.into(),
            "--budget" => {
                found.budget = value()?
                    .parse()
                    .map_err(|error| format!("--budget: {error}"))?;
            }
            other if other.starts_with('-') => return Err(format!("{other} is no flag")),
            model => found.models.push(model.into()),
        }
    }
    if found.models.is_empty() {
        found.models = NETWORKS.map(|name| found.assets.join(name)).into();
    }
    Ok(found)
}

/// Examples a second, by the median of the calls within `budget` seconds.
fn rate(budget: f64, mut call: impl FnMut()) -> f64 {
    call();
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || start.elapsed().as_secs_f64() < budget {
        let before = Instant::now();
        call();
        times.push(before.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    BATCH as f64 / times[times.len() / 2]
}

/// Forward passes and gradients a second.
fn ours(path: &Path, engine: OnnxEngine, budget: f64) -> Result<[f64; 2], String> {
    let model = load(&Request {
        path: path.to_owned(),
        shown: path.display().to_string(),
        input: None,
        output: None,
        engine,
        gradient: Some(Rounding::Refused),
        examples: None,
        batch: 64,
    })
    .map_err(|error| error.to_string())?;
    let described = model.describe();
    let example: Option<Vec<usize>> = described.input_shape.into_iter().collect();
    let example = example.ok_or("the input's shape is not declared")?;
    let mut state = 1_u32;
    let x = ArrayD::from_shape_simple_fn(IxDyn(&[&[BATCH], example.as_slice()].concat()), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    });
    let classes = described.classes.unwrap_or(2);
    let labels: Vec<usize> = (0..BATCH).map(|row| row % classes).collect();
    on_threads(|| {
        model.predict(x.view()).map_err(|error| error.to_string())?;
        let forward = rate(budget, || {
            let _ = std::hint::black_box(model.predict(x.view()));
        });
        let cotangents = |answers: ndarray::ArrayView2<'_, f32>| {
            loss::cross_entropy(Gives::Logits, answers, &labels).unwrap()
        };
        model
            .gradient(x.view(), &cotangents)
            .map_err(|error| error.to_string())?;
        let gradient = rate(budget, || {
            let _ = std::hint::black_box(model.gradient(x.view(), &cotangents));
        });
        Ok([forward, gradient])
    })
}

/// What the peer's script prints of one network.
fn theirs(arguments: &Arguments, python: &Path, path: &Path) -> Result<Value, String> {
    let output = Command::new(python)
        .arg(arguments.peers.join("gradients.py"))
        .arg("--budget")
        .arg(arguments.budget.to_string())
        .arg(path)
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("failed to run {}: {error}", python.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    let printed: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let results = printed["results"].as_object();
    let first = results.and_then(|results| results.values().next());
    first
        .cloned()
        .ok_or_else(|| "the peer printed no result".to_owned())
}

fn run() -> Result<(), String> {
    let arguments = arguments()?;
    println!(
        "| network | forward | gradient | torch forward | torch gradient | ort forward | ort gradient | gradient / torch's |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for path in &arguments.models {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let before = ours(path, arguments.engine, arguments.budget)?;
        let peer = match &arguments.peer {
            Some(python) => theirs(&arguments, python, path)?,
            None => Value::Null,
        };
        let after = ours(path, arguments.engine, arguments.budget)?;
        let [forward, gradient] = [0, 1].map(|which| before[which].max(after[which]));
        let cell = |key: &str| {
            peer[key]
                .as_f64()
                .map_or("–".to_owned(), |rate| format!("{rate:.0}"))
        };
        let ratio = peer["torch_gradient_per_s"]
            .as_f64()
            .map(|torch| gradient / torch);
        println!(
            "| {name} | {forward:.0} | {gradient:.0} | {} | {} | {} | {} | {} |",
            cell("torch_forward_per_s"),
            cell("torch_gradient_per_s"),
            cell("ort_forward_per_s"),
            cell("ort_gradient_per_s"),
            ratio.map_or("–".to_owned(), |ratio| format!("{ratio:.2}")),
        );
    }
    Ok(())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
