//! Round trips to a Python worker that computes nothing, in milliseconds: what the pipe
//! costs beside the model. `PYTHON` names an interpreter that has NumPy.

use std::path::Path;
use std::time::{Duration, Instant};

use ndarray::{ArrayD, ArrayView2, IxDyn};
use steadfast::model::{Model, worker};

const PROGRAM: &str = "
import numpy as np, steadfast_worker

def predict(inputs):
    return np.zeros((len(inputs), 10), np.float32)

def gradient(inputs, cotangents_of):
    cotangents_of(predict(inputs))
    return inputs

steadfast_worker.serve(predict, gives='logits', classes=10, gradient=gradient)
";

fn main() {
    let module = Path::new(env!("CARGO_MANIFEST_DIR")).join("python");
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let request = worker::Request {
        command: vec![python, "-c".to_owned(), PROGRAM.to_owned()],
        folder: module,
        workers: 1,
        start: Duration::from_secs(60),
        answer: Duration::from_secs(60),
        stop: Duration::from_secs(5),
    };
    let model = match worker::open(&request) {
        Ok(model) => model,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    println!("batch                    bytes   predict  gradient   (ms, the fastest of each)");
    for (shape, rounds) in [
        (&[64, 1, 8, 8][..], 2000),
        (&[64, 3, 32, 32], 300),
        (&[64, 3, 224, 224], 20),
    ] {
        let inputs = ArrayD::<f32>::ones(IxDyn(shape));
        let fastest = |ask: &dyn Fn()| {
            let times = (0..rounds).map(|_| {
                let since = Instant::now();
                ask();
                since.elapsed()
            });
            1e3 * times.min().unwrap_or_default().as_secs_f64()
        };
        let predict = fastest(&|| {
            model.predict(inputs.view()).expect("it answers");
        });
        let gradient = fastest(&|| {
            let cotangents = |answers: ArrayView2<'_, f32>| answers.to_owned();
            model
                .gradient(inputs.view(), &cotangents)
                .expect("it answers");
        });
        let shape = format!("{shape:?}");
        let bytes = 4 * inputs.len();
        println!("{shape:20} {bytes:>9} {predict:>9.3} {gradient:>9.3}");
    }
}
