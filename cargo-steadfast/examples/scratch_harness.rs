//! The harness of the functional tests' scratch repositories: beside ONNX models,
//! Rust models that behave in every way, and a perturbation of one's own.

use std::path::PathBuf;

use ndarray::{Array2, ArrayViewD, ArrayViewMutD, Axis};
use steadfast::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use steadfast::model::{Gives, Model, ModelError, from_fn};
use steadfast::perturb::{Depth, Perturbation, PerturbationError};
use steadfast::seed::Stream;

#[path = "../../tests/support/digits.rs"]
mod digits;

/// The brightness of the left half against the right half, as ten logits.
fn answers(batch: &ArrayViewD<'_, f32>) -> Array2<f32> {
    let mut logits = Array2::zeros((batch.len_of(Axis(0)), 10));
    for (image, mut row) in batch.axis_iter(Axis(0)).zip(logits.rows_mut()) {
        for (place, value) in image.iter().enumerate() {
            row[place % 10] += value;
        }
    }
    logits
}

/// Whether an example is the one that misbehaving models trip over: row 3.
fn is_third(image: &ArrayViewD<'_, f32>) -> bool {
    let sum: f32 = image.iter().sum();
    (sum - third()).abs() < 1e-4
}

/// The sum of the pixels of row 3 of the digits.
fn third() -> f32 {
    std::env::var("THIRD")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(f32::NAN)
}

/// Moves every element by one column.
struct Roll;

static ROLL: PerturbationKind = PerturbationKind {
    name: "roll",
    version: 3,
    about: "Moves every element along.",
    source: "none",
    stochastic: false,
    parameters: &[Parameter {
        name: "by",
        about: "How far.",
        minimum: 0.0,
        maximum: 8.0,
        integer: true,
        default: None,
    }],
    severities: &[],
};

impl Perturbation for Roll {
    fn kind(&self) -> &'static PerturbationKind {
        &ROLL
    }

    fn check(&self, _: &[usize]) -> Result<(), PerturbationError> {
        Ok(())
    }

    fn apply(
        &self,
        mut example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let mut values: Vec<f32> = example.iter().copied().collect();
        values.rotate_right(parameters.get("by") as usize);
        for (element, value) in example.iter_mut().zip(values) {
            *element = value;
        }
    }
}

/// Says in the second element which cell a row is asked about.
struct Cell;

static CELL_KIND: PerturbationKind = CELL;
const CELL: PerturbationKind = PerturbationKind {
    name: "cell",
    version: 1,
    about: "Names a cell of a table.",
    source: "none",
    stochastic: false,
    parameters: &[Parameter {
        name: "cell",
        about: "Which.",
        minimum: 0.0,
        maximum: 100.0,
        integer: true,
        default: None,
    }],
    severities: &[],
};

impl Perturbation for Cell {
    fn kind(&self) -> &'static PerturbationKind {
        &CELL_KIND
    }

    fn check(&self, _: &[usize]) -> Result<(), PerturbationError> {
        Ok(())
    }

    fn apply(
        &self,
        mut example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        // Perturbations work on the unit scale; the data's range is [0, 4096].
        example[[1]] = parameters.get("cell") as f32 / 4096.0;
    }
}

/// Says by its severity which cell a row is asked about: five after the first.
struct Severe(&'static PerturbationKind);

static DIM: PerturbationKind = PerturbationKind {
    name: "dim",
    severities: &[SeverityTable {
        scale: Scale::ImagenetC,
        rows: [&[1.0], &[2.0], &[3.0], &[4.0], &[5.0]],
    }],
    ..CELL
};

static BLUR: PerturbationKind = PerturbationKind {
    name: "blur",
    severities: &[SeverityTable {
        scale: Scale::ImagenetC,
        rows: [&[6.0], &[7.0], &[8.0], &[9.0], &[10.0]],
    }],
    ..CELL
};

impl Perturbation for Severe {
    fn kind(&self) -> &'static PerturbationKind {
        self.0
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        Cell.check(shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        depth: Depth,
        stream: &mut Stream,
    ) {
        Cell.apply(example, parameters, depth, stream);
    }
}

/// A model that is a table: line by line the cells, letter by letter whether each
/// row is right. All labels are 0.
fn table(batch: &ArrayViewD<'_, f32>, cells: &[Vec<u8>]) -> Array2<f32> {
    let mut logits = Array2::zeros((batch.len_of(Axis(0)), 2));
    for (input, mut row) in batch.axis_iter(Axis(0)).zip(logits.rows_mut()) {
        let [example, cell] = [input[[0]], input[[1]]].map(|value| value.round() as usize);
        row[usize::from(cells[cell][example] != b'1')] = 3.0;
    }
    logits
}

/// A file of the scratch repository.
fn file(path: &str) -> PathBuf {
    PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default()).join(path)
}

/// The digits network, computed here.
fn digits(weights: &str) -> Result<impl Model + use<>, ModelError> {
    let network = digits::Digits::load(&file(weights));
    let network = network.map_err(|error| ModelError::Failed(error.to_string()))?;
    Ok(from_fn(Gives::Logits, move |batch| network.forward(batch)))
}

fn main() -> std::process::ExitCode {
    let good = || {
        Ok(from_fn(Gives::Logits, |batch: ArrayViewD<'_, f32>| {
            answers(&batch)
        }))
    };
    steadfast::harness()
        .model("good", good)
        .model("panics", || {
            Ok(from_fn(Gives::Logits, |batch: ArrayViewD<'_, f32>| {
                assert!(
                    !batch.axis_iter(Axis(0)).any(|image| is_third(&image)),
                    "third example met"
                );
                answers(&batch)
            }))
        })
        .model("nan", || {
            Ok(from_fn(Gives::Logits, |batch: ArrayViewD<'_, f32>| {
                let mut logits = answers(&batch);
                for (image, mut row) in batch.axis_iter(Axis(0)).zip(logits.rows_mut()) {
                    if is_third(&image) {
                        row[4] = f32::NAN;
                    }
                }
                logits
            }))
        })
        .model("few_rows", || {
            Ok(from_fn(Gives::Logits, |_: ArrayViewD<'_, f32>| {
                Array2::zeros((1, 10))
            }))
        })
        .model("few_classes", || {
            Ok(from_fn(Gives::Logits, |batch: ArrayViewD<'_, f32>| {
                Array2::zeros((batch.len_of(Axis(0)), 4))
            }))
        })
        .model("moody", || {
            let calls = std::sync::atomic::AtomicU32::new(std::process::id());
            Ok(from_fn(Gives::Logits, move |batch: ArrayViewD<'_, f32>| {
                let call = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let mut logits = answers(&batch);
                let rows = logits.nrows();
                logits.row_mut(call as usize % rows)[call as usize % 10] += 100.0;
                logits
            }))
        })
        .model("unavailable", || {
            // Its type is that of a model; there is none.
            let away = true;
            if away {
                return Err(ModelError::Failed("the licence server is away".to_owned()));
            }
            Ok(from_fn(Gives::Logits, |batch: ArrayViewD<'_, f32>| {
                answers(&batch)
            }))
        })
        .model("table", || {
            let text = std::fs::read_to_string(file("models/table.txt"))
                .map_err(|error| ModelError::Failed(error.to_string()))?;
            let cells: Vec<Vec<u8>> = text.lines().map(|line| line.as_bytes().to_vec()).collect();
            Ok(from_fn(Gives::Logits, move |batch: ArrayViewD<'_, f32>| {
                table(&batch, &cells)
            }))
        })
        .model("scores", || {
            let text = std::fs::read_to_string(file("models/table.txt"))
                .map_err(|error| ModelError::Failed(error.to_string()))?;
            let scores: Vec<f32> = text.lines().filter_map(|line| line.parse().ok()).collect();
            Ok(from_fn(Gives::Logits, move |batch: ArrayViewD<'_, f32>| {
                let mut logits = Array2::zeros((batch.len_of(Axis(0)), 2));
                for (input, mut row) in batch.axis_iter(Axis(0)).zip(logits.rows_mut()) {
                    row[1] = scores[input[[0]].round() as usize];
                }
                logits
            }))
        })
        .model("digits", || digits("models/digits.safetensors"))
        .model("digits-worse", || digits("models/digits-worse.safetensors"))
        .perturbation("roll", Roll)
        .perturbation("cell", Cell)
        .perturbation("dim", Severe(&DIM))
        .perturbation("blur", Severe(&BLUR))
        .run()
}
