//! What the harness costs beside the work itself: the digits 32×32 cases through
//! the harness, against perturbation kernels and bare forward passes of the same
//! engine over the same batches. One thread, each side a process that loads model
//! and data; median of five alternating pairs.
//!
//!     cargo bench --bench overhead

use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use ndarray::ArrayD;
use rten_tensor::prelude::*;
use steadfast::data::{Request, open};
use steadfast::perturb::Depth;
use steadfast::seed::Stream;
use steadfast::spec::{PerturbationRef, Setting, Specs};

const SIDE: &str = "OVERHEAD_SIDE";
const PAIRS: usize = 5;

fn main() -> ExitCode {
    match std::env::var(SIDE).as_deref() {
        Ok("harness") => steadfast::harness().run(),
        Ok(_) => {
            bare();
            ExitCode::SUCCESS
        }
        Err(_) => compare(),
    }
}

fn compare() -> ExitCode {
    let mut ratios = Vec::new();
    println!("| pair | harness, s | kernels and bare engine, s | ratio |\n|---|---|---|---|");
    for pair in 0..=PAIRS {
        let [harness, bare] = ["harness", "bare"].map(time);
        // The first pair warms the caches.
        if pair > 0 {
            println!(
                "| {pair} | {harness:.3} | {bare:.3} | {:.3} |",
                harness / bare
            );
            ratios.push(harness / bare);
        }
    }
    ratios.sort_by(f64::total_cmp);
    println!("\nmedian ratio {:.3}", ratios[PAIRS / 2]);
    ExitCode::SUCCESS
}

fn time(side: &str) -> f64 {
    let program = std::env::current_exe().expect("the path of this program");
    let mut command = Command::new(program);
    command
        .env(SIDE, side)
        .env("RAYON_NUM_THREADS", "1")
        .env("RTEN_NUM_THREADS", "1");
    if side == "harness" {
        command.args(["digits32::", "--test-threads", "1"]);
    }
    let started = Instant::now();
    let output = command
        .stderr(Stdio::null())
        .output()
        .expect("this program again");
    assert!(
        output.status.success(),
        "{side} failed:\n{}",
        String::from_utf8_lossy(&output.stdout)
    );
    started.elapsed().as_secs_f64()
}

/// The same rows in the same batches, perturbed and answered, and nothing else.
fn bare() {
    let root = steadfast::env::root();
    let specs = Specs::read(&root, &steadfast::builtin::catalogue());
    let spec = specs
        .specs
        .iter()
        .find(|spec| spec.name == "digits32")
        .expect("the spec digits32");
    let data = open(&Request {
        path: root.join(&spec.data.path.value),
        shown: spec.data.path.value.clone(),
        inputs: spec.data.inputs.clone(),
        labels: spec.data.labels.clone(),
        ids: None,
        cluster: None,
        slice: None,
        range: (0.0, 1.0),
        unpacked_limit: 8 << 30,
        limit: None,
    })
    .expect("the data");
    let model = rten::Model::load_file(root.join("models/digits32.onnx")).expect("the model");
    let mut sum = 0.0;
    for case in specs
        .cases()
        .iter()
        .filter(|case| case.spec.name == "digits32")
    {
        let PerturbationRef::BuiltIn(kind) = case.cell().expect("a cell").0.kind else {
            continue;
        };
        let algorithm = steadfast::builtin::perturbation(kind.name).expect("a built-in");
        let parameters = match case.cell().expect("a cell").1 {
            Setting::Severity(severity) => kind
                .at_severity(steadfast::catalogue::Scale::Cifar10C, severity.value())
                .expect("a severity"),
            Setting::Parameters(parameters) => parameters.clone(),
            Setting::Plain => steadfast::catalogue::Parameters::default(),
        };
        let replicates = if kind.stochastic {
            spec.replicates as usize
        } else {
            1
        };
        let rows: Vec<(usize, usize)> = (0..data.len())
            .flat_map(|example| (0..replicates).map(move |replicate| (example, replicate)))
            .collect();
        for batch in rows.chunks(spec.model.batch) {
            let mut inputs = Vec::with_capacity(batch.len() * 1024);
            for &(example, replicate) in batch {
                let mut image: ArrayD<f32> = data.example(example).expect("an array").into_owned();
                let id = &data.ids()[example];
                let mut stream = Stream::new(spec.seed, &kind.identity(), replicate as u64, id);
                algorithm.apply(
                    image.view_mut(),
                    &parameters,
                    Depth::Continuous,
                    &mut stream,
                );
                inputs.extend(image.iter().map(|value| value.clamp(0.0, 1.0)));
            }
            let tensor = rten_tensor::NdTensor::from_data([batch.len(), 1, 32, 32], inputs);
            let answers: rten_tensor::NdTensor<f32, 2> = model
                .run_one(tensor.view().into(), None)
                .expect("answers")
                .try_into()
                .expect("logits");
            sum += f64::from(answers[[0, 0]]);
        }
    }
    println!("{sum}");
}
