//! One model by every way in: the same answers, to rounding, and the same verdicts.

use std::process::Command;
use std::time::Duration;

use ndarray::{Array2, ArrayD, ArrayView2, Axis};
use steadfast::model::onnx::OnnxEngine;
use steadfast::model::{Gives, Model, endpoint, from_fn, loss, worker};
use steadfast::outcome::{CONFIDENCE, CORRECT};
use steadfast::record::Record;

use crate::digits::Digits;
use crate::mlserver::MlServer;
use crate::repository::{Repository, SPEC, digits, skipped, source};
use crate::server::{Server, onnx_model};

/// Largest difference of logits, which are up to 22: sums of at most 144 float32 products,
/// in another order in each of four layers, are off by a few units of 2⁻²⁴ of their size.
/// Seen: 6e-6.
const LOGITS: f32 = 2e-5;

/// Largest difference of an input gradient, relative to the largest of its example; for
/// the same reason. Seen: 3e-6.
const GRADIENT: f32 = 2e-5;

/// One way in.
struct Way {
    name: &'static str,
    /// What the spec says in `[model]`.
    keys: String,
    /// The same by the library.
    model: Box<dyn Model>,
    _server: Option<MlServer>,
}

/// The model of a name (`digits`, `digits-worse`) by all ways that there are here.
fn ways(repository: &Repository, name: &str) -> Vec<Way> {
    let onnx = format!("models/{name}.onnx");
    let weights = format!("models/{name}.safetensors");
    for file in [&onnx, &weights] {
        repository.copy(file, file);
    }
    let network = Digits::load(&source(&weights)).unwrap();
    let mut ways = vec![
        Way {
            name: "Rust",
            keys: format!("registered = \"{name}\"\nfiles = [\"{weights}\"]"),
            model: Box::new(from_fn(Gives::Logits, move |batch| network.forward(batch))),
            _server: None,
        },
        Way {
            name: "ONNX by rten",
            keys: format!("onnx = \"{onnx}\"\ngives = \"logits\""),
            model: Box::new(onnx_model(&onnx, OnnxEngine::Rten).unwrap()),
            _server: None,
        },
    ];
    match onnx_model(&onnx, OnnxEngine::Ort) {
        Ok(model) => ways.push(Way {
            name: "ONNX by ONNX Runtime",
            keys: format!("onnx = \"{onnx}\"\ngives = \"logits\"\nengine = \"ort\""),
            model: Box::new(model),
            _server: None,
        }),
        Err(reason) => skipped(&reason.to_string()),
    }
    match Command::new("python3")
        .args(["-c", "import torch"])
        .output()
    {
        Ok(output) if output.status.success() => {
            repository.copy("tests/support/digits.py", "digits.py");
            repository.copy("python/steadfast_worker.py", "steadfast_worker.py");
            let request = worker::Request {
                command: ["python3", "digits.py", &weights].map(str::to_owned).into(),
                folder: repository.root().to_owned(),
                workers: 1,
                start: Duration::from_secs(120),
                answer: Duration::from_secs(60),
                stop: Duration::from_secs(5),
            };
            ways.push(Way {
                name: "worker with PyTorch",
                keys: format!(
                    "worker = [\"python3\", \"digits.py\", \"{weights}\"]\nfiles = [\"digits.py\", \"{weights}\"]\nstart_seconds = 120"
                ),
                model: Box::new(worker::open(&request).unwrap()),
                _server: None,
            });
        }
        _ => skipped("the worker: python3 has no PyTorch. Install it with pip install torch numpy"),
    }
    let served = |name, url: String, server| {
        let request = endpoint::Request {
            url: url.clone(),
            input: None,
            output: None,
            connections: 2,
            answer: Duration::from_secs(60),
            retries: 4,
            token_variable: None,
        };
        Way {
            name,
            keys: format!("endpoint = \"{url}\"\ngives = \"logits\""),
            model: Box::new(endpoint::open(&request).unwrap()),
            _server: server,
        }
    };
    for (name, binary) in [("served, JSON", false), ("served, binary", true)] {
        let model = onnx_model(&onnx, OnnxEngine::Rten).unwrap();
        let server = Server::of(model, binary, |_| None);
        ways.push(served(name, server.model(), None));
    }
    match MlServer::start(&source(&onnx)) {
        Ok(server) => ways.push(served(
            "served by MLServer",
            server.url.clone(),
            Some(server),
        )),
        Err(reason) => skipped(&reason),
    }
    ways
}

/// What a case came to.
struct Outcome {
    record: Record,
    correct: Vec<u32>,
    /// In steps of 1/65,535.
    confidence: Vec<u32>,
}

/// The exit code of the four cases of a repository by one way, and what each came to.
fn outcomes(repository: &Repository, way: &Way) -> (i32, Vec<Outcome>) {
    let model = "onnx = \"models/digits.onnx\"\ngives = \"logits\"";
    assert!(SPEC.contains(model));
    repository.write(
        "robustness-specs/digits.toml",
        SPEC.replace(model, &way.keys),
    );
    let ran = repository.test(&[]);
    let state = repository.root().join("state");
    let listed = repository.test(&["--list"]).stdout;
    let cases = listed
        .lines()
        .filter_map(|line| line.strip_suffix(": test"));
    let cases = cases.filter(|case| case.starts_with("digits::"));
    let records = cases.map(|case| {
        let record = Record::read(&state, case).unwrap();
        let run = record.run(&state).unwrap();
        let run = run.unwrap_or_else(|| panic!("{}: {}", way.name, ran.all()));
        let column = |name| run.outcomes.column(name).unwrap().values.clone();
        Outcome {
            correct: column(CORRECT),
            confidence: column(CONFIDENCE),
            record,
        }
    });
    (ran.code, records.collect())
}

#[test]
fn outcomes_and_verdicts_are_the_same() {
    let repository = Repository::digits();
    let good = ways(&repository, "digits");
    let (code, expected) = outcomes(&repository, &good[0]);
    assert_eq!((code, expected.len()), (101, 4), "nothing is blessed yet");
    let blessed = repository.steadfast(&["bless", "--reason", "first baseline"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    for way in &good {
        let (code, found) = outcomes(&repository, way);
        assert_eq!(code, 0, "{}", way.name);
        for (found, expected) in found.iter().zip(&expected) {
            let case = format!("{}: {}", way.name, found.record.case);
            assert_eq!(found.record.verdict.to_string(), "identical", "{case}");
            assert_eq!(found.correct, expected.correct, "{case}");
            let apart = found.confidence.iter().zip(&expected.confidence);
            let apart = apart.map(|(one, other)| one.abs_diff(*other)).max();
            assert!(apart <= Some(2), "{case}: {apart:?}");
        }
    }
    let worse = ways(&repository, "digits-worse");
    let (_, expected) = outcomes(&repository, &worse[0]);
    let failed = |one: &&Outcome| one.record.verdict.to_string() == "regressed";
    let regressed = expected.iter().filter(failed).count();
    assert!((1..4).contains(&regressed), "some of the four: {regressed}");
    for way in &worse {
        let (code, found) = outcomes(&repository, way);
        assert_eq!(code, 101, "{}", way.name);
        for (found, expected) in found.iter().zip(&expected) {
            let case = format!("{}: {}", way.name, found.record.case);
            assert_eq!(found.record.verdict, expected.record.verdict, "{case}");
            assert_eq!(found.correct, expected.correct, "{case}");
        }
    }
}

/// 64 digits on an irregular background: where neighbours are equal, networks differ on
/// which maximum of a pool the gradient goes to.
fn examples() -> (ArrayD<f32>, Vec<usize>) {
    let data = digits();
    let images: Vec<_> = (0..64).map(|row| data.example(row).unwrap()).collect();
    let views: Vec<_> = images.iter().map(|image| image.view()).collect();
    let mut batch = ndarray::stack(Axis(0), &views).unwrap();
    for (place, value) in batch.iter_mut().enumerate() {
        *value = 0.8 * *value + 0.2 * (place as f32 * 0.618_034).fract();
    }
    (batch, (0..64).map(|row| row % 10).collect())
}

#[test]
fn answers_and_gradients_are_the_same_to_rounding() {
    let repository = Repository::digits();
    let (batch, labels) = examples();
    for name in ["digits", "digits-worse"] {
        let ways = ways(&repository, name);
        let expected = ways[0].model.predict(batch.view()).unwrap();
        let cotangents = |answers: ArrayView2<'_, f32>| {
            loss::cross_entropy(Gives::Logits, answers, &labels).unwrap()
        };
        let mut gradient: Option<Array2<f32>> = None;
        for way in &ways {
            let answers = way.model.predict(batch.view()).unwrap();
            let apart = (&answers - &expected).mapv(f32::abs);
            let apart = apart.fold(0.0, |largest: f32, &one| largest.max(one));
            assert!(apart <= LOGITS, "{name} by {}: {apart}", way.name);
            if !way.model.describe().gradient {
                continue;
            }
            let found = way
                .model
                .gradient(batch.view(), &cotangents)
                .unwrap()
                .inputs;
            let found = found.into_shape_with_order((64, 64)).unwrap();
            let expected = gradient.get_or_insert_with(|| found.clone());
            for (found, expected) in found.outer_iter().zip(expected.outer_iter()) {
                let size = expected.fold(0.0, |largest: f32, one| largest.max(one.abs()));
                let apart = (&found - &expected).fold(0.0, |most: f32, one| most.max(one.abs()));
                assert!(
                    apart <= GRADIENT * size,
                    "{name} by {}: {apart} of {size}",
                    way.name
                );
            }
        }
    }
}
