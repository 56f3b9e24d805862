//! What a way in costs on top of the model, in one run: the digits by each of them
//! beside the bare model, then round trips in which nothing is computed.
//!
//!     RAYON_NUM_THREADS=1 RTEN_NUM_THREADS=1 \
//!         cargo bench -p steadfast --features ort,endpoint --bench ways -- [--python PYTHON]
//!
//! Batches of 64, one thread; the time that one call in ten is quicker than. PYTHON has
//! NumPy, PyTorch and ONNX Runtime, and MLSERVER_FOLDER names what
//! `tests/endpoint/install.sh` installs; what is not there is skipped. The bare model is
//! timed before and after ours, and the better of the two counts.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use ndarray::{ArrayD, IxDyn};
use rten_tensor::prelude::*;
use steadfast::model::onnx::{self, OnnxEngine, on_threads};
use steadfast::model::{Gives, Model, endpoint, from_fn, worker};

#[path = "../../tests/support/digits.rs"]
mod digits;
mod http;
#[path = "../../tests/support/mlserver.rs"]
mod mlserver;
mod pipe;

const BATCH: usize = 64;
const CLASSES: usize = 10;
const BUDGET: Duration = Duration::from_secs(2);

fn main() {
    let mut words = std::env::args().skip_while(|word| word != "--python");
    let python = words.nth(1).unwrap_or_else(|| "python3".to_owned());
    on_threads(|| {
        println!("| the digits, ms a batch of {BATCH} | bare | by this way | on top |");
        println!("|---|---|---|---|");
        digits_by_each(&python);
        println!(
            "\n| nothing computed, ms | MB | worker | worker's gradient | endpoint, binary | endpoint, JSON |"
        );
        println!("|---|---|---|---|---|---|");
        for example in [&[1, 8, 8][..], &[3, 32, 32], &[3, 224, 224]] {
            let batch = numbers(&[&[BATCH], example].concat());
            let [predict, gradient] = pipe::round_trips(&python, &batch);
            let [binary, json] = [true, false].map(|binary| http::round_trip(binary, &batch));
            println!(
                "| {:?} | {:.2} | {} | {} | {} | {} |",
                batch.shape(),
                4e-6 * batch.len() as f64,
                shown(predict),
                shown(gradient),
                shown(binary),
                shown(json)
            );
        }
    });
}

fn shown(time: Option<f64>) -> String {
    time.map_or(String::new(), |time| match time {
        ..0.1 => format!("{time:.3}"),
        ..1.0 => format!("{time:.2}"),
        ..100.0 => format!("{time:.1}"),
        _ => format!("{time:.0}"),
    })
}

/// Numbers in \[0, 1) that take all their digits to write.
fn numbers(shape: &[usize]) -> ArrayD<f32> {
    let mut state = 1_u32;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 24) as f32
    })
}

/// The time that one call in ten is quicker than, in milliseconds: little of what others do
/// on the machine is in it.
fn quick(mut call: impl FnMut()) -> f64 {
    call();
    let start = Instant::now();
    let mut times = Vec::new();
    while times.len() < 5 || start.elapsed() < BUDGET {
        let before = Instant::now();
        call();
        times.push(before.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    1e3 * times[times.len() / 10]
}

fn row(name: &str, bare: impl Fn() -> Option<f64>, ours: &dyn Fn()) {
    let before = bare();
    let ours = quick(ours);
    let better = before.zip(bare()).map(|(one, other)| one.min(other));
    println!(
        "| {name} | {} | {} | {} |",
        shown(better),
        shown(Some(ours)),
        better.map_or(String::new(), |bare| format!("{:+.3}", ours - bare))
    );
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn digits_by_each(python: &str) {
    let (file, weights) = (
        root("models/digits.onnx"),
        root("models/digits.safetensors"),
    );
    let batch = numbers(&[BATCH, 1, 8, 8]);
    let ask = |model: &dyn Model| {
        black_box(model.predict(batch.view()).expect("it answers"));
    };
    let load = |engine| {
        onnx::load(&onnx::Request {
            path: file.clone(),
            shown: "models/digits.onnx".to_owned(),
            input: None,
            output: None,
            engine,
            gradient: None,
            examples: None,
            batch: 64,
        })
    };
    let bare = |engine, file: &Path| {
        let path = std::env::join_paths([root("python"), root("tests/support")]).unwrap();
        let ran = Command::new(python)
            .arg(root("benches/ways/bare.py"))
            .args([engine, file.to_str()?])
            .env("PYTHONPATH", path)
            .output();
        let ran = ran.ok().filter(|ran| ran.status.success())?;
        String::from_utf8(ran.stdout).ok()?.trim().parse().ok()
    };

    let network = digits::Digits::load(&weights).expect("the weights");
    let forward = || Some(quick(|| drop(black_box(network.forward(batch.view())))));
    let model = from_fn(Gives::Logits, |batch| network.forward(batch));
    row("Rust closure", forward, &|| ask(&model));

    let engine = rten::Model::load_file(&file).expect("the model");
    let tensor = rten_tensor::NdTensor::from_data(
        [BATCH, 1, 8, 8],
        batch.iter().copied().collect::<Vec<f32>>(),
    );
    let run = || {
        Some(quick(|| {
            black_box(engine.run_one(tensor.view().into(), None).expect("logits"));
        }))
    };
    let model = load(OnnxEngine::Rten).expect("the model");
    row("ONNX on rten", run, &|| ask(&model));

    match load(OnnxEngine::Ort) {
        Ok(model) => row(
            "ONNX on ONNX Runtime (bare: in Python)",
            || bare("onnxruntime", &file),
            &|| ask(&model),
        ),
        Err(reason) => println!("skipped: {reason}"),
    }

    let path = std::env::join_paths([root("python")]).unwrap();
    let program = root("tests/support/digits.py");
    let command = [python, program.to_str().unwrap(), weights.to_str().unwrap()];
    let path = format!("PYTHONPATH={}", path.to_str().unwrap());
    let request = worker::Request {
        command: ["env", &path]
            .iter()
            .chain(&command)
            .map(|&word| word.to_owned())
            .collect(),
        folder: root(""),
        workers: 1,
        start: Duration::from_secs(120),
        answer: Duration::from_secs(60),
        stop: Duration::from_secs(5),
    };
    match worker::open(&request) {
        Ok(model) => row("worker with PyTorch", || bare("torch", &weights), &|| {
            ask(&model)
        }),
        Err(reason) => println!("skipped: {reason}"),
    }

    let server = mlserver::MlServer::start(&file);
    match server.and_then(|server| {
        let model = endpoint::open(&server.request("")).map_err(|error| error.to_string())?;
        Ok((server, model))
    }) {
        Ok((_server, model)) => row(
            "served by MLServer (bare: ONNX Runtime in Python)",
            || bare("onnxruntime", &file),
            &|| ask(&model),
        ),
        Err(reason) => println!("skipped: {reason}"),
    }
}
