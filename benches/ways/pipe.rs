//! Round trips to a Python worker that computes nothing: what the pipe costs.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use ndarray::{ArrayD, ArrayView2};
use steadfast::model::{Model, worker};

use crate::quick;

const PROGRAM: &str = "
import numpy as np, steadfast_worker

def predict(inputs):
    return np.zeros((len(inputs), 10), np.float32)

def gradient(inputs, cotangents_of):
    cotangents_of(predict(inputs))
    return inputs

steadfast_worker.serve(predict, gives='logits', classes=10, gradient=gradient)
";

/// Of answers and of gradients, in milliseconds.
pub fn round_trips(python: &str, batch: &ArrayD<f32>) -> [Option<f64>; 2] {
    let request = worker::Request {
        command: [python, "-c", PROGRAM].map(str::to_owned).into(),
        folder: Path::new(env!("CARGO_MANIFEST_DIR")).join("python"),
        workers: 1,
        start: Duration::from_secs(60),
        answer: Duration::from_secs(60),
        stop: Duration::from_secs(5),
    };
    let model = match worker::open(&request) {
        Ok(model) => model,
        Err(error) => {
            println!("skipped: {error}");
            return [None; 2];
        }
    };
    let predict = quick(|| {
        black_box(model.predict(batch.view()).expect("it answers"));
    });
    let gradient = quick(|| {
        let cotangents = |answers: ArrayView2<'_, f32>| answers.to_owned();
        let gradient = model.gradient(batch.view(), &cotangents);
        black_box(gradient.expect("it answers"));
    });
    [predict, gradient].map(Some)
}
