//! The same through the harness: a scratch repository with twenty cases over the
//! same examples, its committed baselines, and retrained models that are each
//! judged by a run of the harness as its own process.
//!
//! The model is a table of logits in a file, the input is the number of a row, and
//! a perturbation of its own says which case's column of the table is meant.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use ndarray::{Array2, ArrayViewD, ArrayViewMutD, Axis};
use rayon::prelude::*;
use steadfast::baseline::{self, Accepted, BaselineFile, Draft, ExamplesSeen};
use steadfast::catalogue::{Parameter, Parameters, PerturbationKind};
use steadfast::data::{Request, open};
use steadfast::digest::Digest;
use steadfast::judge::{accepted_metrics, wanted_columns};
use steadfast::model::{Gives, ModelError, from_fn};
use steadfast::perturb::{Perturbation, PerturbationError};
use steadfast::record::{Record, Run};
use steadfast::seed::Stream;
use steadfast::spec::{Case, Specs};
use steadfast::verdict::{Status, Verdict};

use crate::Effort;
use crate::family::Layout;
use crate::flips::FlipGate;
use crate::gate::{Rule, Test};
use crate::simulate::{Draw, Pair};
use crate::table::{Rate, Table, number};

/// Set where this program is to be the harness of the scratch repository.
const SIDE: &str = "CALIBRATION_SIDE";
const TABLE: &str = "models/table.bin";
const EXAMPLES: usize = 500;
const LAYOUT: Layout = Layout {
    groups: 5,
    in_group: 4,
};
const MARGIN: f64 = 0.02;
const FAMILY_ALPHA: f64 = 0.05;
const PAIR: Pair = Pair {
    accuracy: 0.9,
    drop: 0.0,
    discordance: 0.05,
};

/// Inputs are on [0, 1] by the time that a perturbation meets them: a row's number
/// and a case's over these powers of two, so that nothing is rounded.
const ROWS: f32 = 1024.0;
const CELLS: f32 = 32.0;

pub fn is_side() -> bool {
    std::env::var_os(SIDE).is_some()
}

/// Runs as the harness of the scratch repository.
pub fn side() -> ExitCode {
    let table = steadfast::env::root().join(TABLE);
    steadfast::harness()
        .model("table", move || {
            let bytes = std::fs::read(&table).map_err(|source| ModelError::Unreadable {
                path: TABLE.to_owned(),
                source,
            })?;
            let number =
                |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            let logits: Vec<f32> = bytes.chunks_exact(4).map(number).collect();
            Ok(from_fn(Gives::Logits, move |batch: ArrayViewD<'_, f32>| {
                answers(&logits, &batch)
            }))
        })
        .perturbation("cell", Cell)
        .run()
}

fn answers(logits: &[f32], batch: &ArrayViewD<'_, f32>) -> Array2<f32> {
    let mut answers = Array2::zeros((batch.len_of(Axis(0)), 2));
    for (input, mut answer) in batch.axis_iter(Axis(0)).zip(answers.rows_mut()) {
        let row = (input[[0]] * ROWS).round() as usize;
        let cell = (input[[1]] * CELLS).round() as usize;
        let at = 2 * (cell * EXAMPLES + row);
        answer[0] = logits[at];
        answer[1] = logits[at + 1];
    }
    answers
}

/// Says which case is asked.
struct Cell;

static CELL: PerturbationKind = PerturbationKind {
    name: "cell",
    version: 1,
    about: "Writes a case's number into the second element.",
    source: "none",
    stochastic: false,
    parameters: &[Parameter {
        name: "cell",
        about: "Which.",
        minimum: 0.0,
        maximum: 31.0,
        integer: true,
        default: None,
    }],
    severities: &[],
};

impl Perturbation for Cell {
    fn kind(&self) -> &'static PerturbationKind {
        &CELL
    }

    fn check(&self, _: &[usize]) -> Result<(), PerturbationError> {
        Ok(())
    }

    fn apply(&self, mut example: ArrayViewMutD<'_, f32>, parameters: &Parameters, _: &mut Stream) {
        example[[1]] = parameters.get("cell") as f32 / CELLS;
    }
}

/// A scratch repository, removed when it is dropped.
struct Repository {
    folder: tempfile::TempDir,
    cases: Vec<Case>,
    /// What baselines remember of the examples.
    seen: ExamplesSeen,
    /// The runs of the first baseline model: what the drafts of all others are
    /// made from.
    runs: Vec<Run>,
}

impl Repository {
    /// With specs and data, and the baselines of a first model accepted.
    fn new() -> Self {
        // In memory where there is such a folder: every record is flushed to the
        // disk, which would take most of the time.
        let memory = Path::new("/dev/shm");
        let folder = if memory.is_dir() {
            tempfile::tempdir_in(memory)
        } else {
            tempfile::tempdir()
        };
        let folder = folder.expect("a temporary folder");
        let write = |path: &str, bytes: &[u8]| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, bytes).expect("a file");
        };
        write("robustness-specs/calibration.toml", spec().as_bytes());
        let suite = format!(
            "[family]\nalpha = {FAMILY_ALPHA}\ncapacity = {}\n",
            LAYOUT.cells()
        );
        write("robustness-specs/suite.toml", suite.as_bytes());
        write("data/rows.npz", &data());
        let specs = Specs::read(folder.path(), &steadfast::builtin::catalogue());
        let cases = specs.cases();
        assert_eq!(cases.len(), LAYOUT.cells(), "{:?}", specs.errors);
        let rows = open(&Request {
            path: folder.path().join("data/rows.npz"),
            shown: "data/rows.npz".to_owned(),
            inputs: "x".to_owned(),
            labels: "y".to_owned(),
            ids: None,
            cluster: None,
            slice: None,
            range: (0.0, 1.0),
            limit: None,
        });
        let mut repository = Self {
            folder,
            cases,
            seen: ExamplesSeen::of(&rows.expect("the data")),
            runs: Vec::new(),
        };
        let first: Vec<Vec<u16>> = draw(0.0, u64::MAX)[0].clone();
        let records = repository.run(&first);
        assert!(
            records
                .iter()
                .all(|record| record.verdict == Verdict::Missing)
        );
        let state = repository.state();
        repository.runs = records
            .iter()
            .map(|record| record.run(&state).expect("a sound record").expect("a run"))
            .collect();
        // What `bless` writes, and what is written for all later baselines.
        for (cell, run) in repository.runs.iter().enumerate() {
            let drafted = repository.draft(cell, &first);
            let accepted = repository.file(cell, run.clone());
            assert!(drafted.is_same(&accepted), "{drafted:?}\n{accepted:?}");
        }
        repository
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    /// The baseline file that `bless` makes of a run.
    fn file(&self, cell: usize, run: Run) -> BaselineFile {
        let case = &self.cases[cell];
        Draft {
            case: case.name.clone(),
            metrics: accepted_metrics(case, &run),
            outcomes: run
                .outcomes
                .select(&wanted_columns(case))
                .expect("the columns of the metrics"),
            identity: run.identity,
            history: Vec::new(),
            examples: Some(self.seen.clone()),
            accepted: Accepted {
                by: "calibration".to_owned(),
                at: "2000-01-01T00:00:00Z".to_owned(),
                commit: None,
                reason: "simulated".to_owned(),
            },
        }
        .finish()
    }

    /// The baseline file of another model: the first one's run with the outcomes
    /// and the digest of this one.
    fn draft(&self, cell: usize, table: &[Vec<u16>]) -> BaselineFile {
        let mut run = self.runs[cell].clone();
        for column in &mut run.outcomes.columns {
            if column.spec.name == steadfast::outcome::CORRECT {
                column.values.clone_from(&table[cell]);
            }
        }
        if self.runs[cell].outcomes != run.outcomes {
            run.identity.model.digest = Some(Digest::of(&logits(table)));
        }
        self.file(cell, run)
    }

    /// Commits to the baselines of a model.
    fn accept(&self, table: &[Vec<u16>]) {
        for cell in 0..self.cases.len() {
            let file = self.draft(cell, table);
            baseline::write(self.root(), &file).expect("a baseline");
        }
    }

    /// Which cases of a new model fail against a baseline model.
    fn judge(&self, tables: &[Vec<Vec<u16>>; 2]) -> Failed {
        self.accept(&tables[0]);
        let records = self.run(&tables[1]);
        let judged = |record: &Record| {
            !matches!(
                record.verdict,
                Verdict::Error | Verdict::Missing | Verdict::Stale | Verdict::Nondeterministic
            )
        };
        assert!(records.iter().all(judged), "a case was not judged");
        let fails = |record: &Record| record.status == Status::Fail;
        records.iter().map(fails).collect()
    }

    /// Runs the harness on a model, in its own process, and reads the records.
    fn run(&self, table: &[Vec<u16>]) -> Vec<Record> {
        let path = self.root().join(TABLE);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, logits(table)).expect("the model");
        let state = self.state();
        let _ = std::fs::remove_dir_all(&state);
        let program = std::env::current_exe().expect("the path of this program");
        let mut command = Command::new(program);
        for variable in [
            "CI",
            "TF_BUILD",
            "NEXTEST",
            "NEXTEST_RUN_ID",
            "NEXTEST_EXECUTION_MODE",
        ] {
            command.env_remove(variable);
        }
        let output = command
            .current_dir(self.root())
            .env("CARGO_MANIFEST_DIR", self.root())
            .env("STEADFAST_DIR", &state)
            .env("RAYON_NUM_THREADS", "1")
            .env("RTEN_NUM_THREADS", "1")
            .env(SIDE, "harness")
            .args(["--test-threads", "1"])
            .stdin(Stdio::null())
            .output()
            .expect("this program again");
        let records: Vec<Record> = self
            .cases
            .iter()
            .map(|case| {
                Record::read(&state, &case.name).unwrap_or_else(|error| {
                    panic!(
                        "{error}\n{}\n{}",
                        String::from_utf8_lossy(&output.stdout),
                        String::from_utf8_lossy(&output.stderr)
                    )
                })
            })
            .collect();
        // The process says what its records say.
        let fails = records.iter().any(|record| record.status == Status::Fail);
        assert_eq!(output.status.success(), !fails, "{output:?}");
        records
    }
}

fn spec() -> String {
    let mut text = format!(
        "schema = 1\nseed = 1\n\n[model]\nregistered = \"table\"\nfiles = [\"{TABLE}\"]\n\n\
         [data]\npath = \"data/rows.npz\"\ninputs = \"x\"\nlabels = \"y\"\n\n[gate]\nmargin = {MARGIN}\nanchor = \"none\"\n"
    );
    for cell in 0..LAYOUT.cells() {
        text.push_str(&format!(
            "\n[[perturbation]]\nkind = \"custom::cell\"\ncell = {cell}\n"
        ));
    }
    text
}

/// The label of a row.
fn label(row: usize) -> usize {
    row % 2
}

/// A model that answers the label where the table says so, and the other class else.
fn logits(table: &[Vec<u16>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(8 * LAYOUT.cells() * EXAMPLES);
    for cell in table {
        for (row, &right) in cell.iter().enumerate() {
            let class = label(row) ^ usize::from(right == 0);
            for index in 0..2 {
                let logit: f32 = if index == class { 1.0 } else { -1.0 };
                bytes.extend(logit.to_le_bytes());
            }
        }
    }
    bytes
}

/// The rows' numbers and labels as an `.npz` file.
fn data() -> Vec<u8> {
    let array = |kind: &str, shape: &str, bytes: Vec<u8>| {
        let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        // The head is padded so that the data begin at a multiple of 64.
        while !(head.len() + 11).is_multiple_of(64) {
            head.push(' ');
        }
        head.push('\n');
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((head.len() as u16).to_le_bytes());
        file.extend(head.as_bytes());
        file.extend(bytes);
        file
    };
    let inputs = (0..EXAMPLES).flat_map(|row| [row as f32 / ROWS, 0.0]);
    let labels = (0..EXAMPLES).map(|row| label(row) as i64);
    let files = [
        (
            "x.npy",
            array(
                "<f4",
                &format!("({EXAMPLES}, 2)"),
                inputs.flat_map(f32::to_le_bytes).collect(),
            ),
        ),
        (
            "y.npy",
            array(
                "<i8",
                &format!("({EXAMPLES},)"),
                labels.flat_map(i64::to_le_bytes).collect(),
            ),
        ),
    ];
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        archive.start_file(name, options).expect("an archive");
        archive.write_all(&bytes).expect("an archive");
    }
    archive.finish().expect("an archive").into_inner()
}

/// A baseline model and a new one that is worse by so many margins in every case.
fn draw(margins: f64, number: u64) -> [Vec<Vec<u16>>; 2] {
    let mut draw = Draw::new("harness", &format!("{margins}"), number);
    LAYOUT.rows(PAIR.latent(), &thresholds(margins), EXAMPLES, &mut draw)
}

fn thresholds(margins: f64) -> Vec<f64> {
    let lower = Pair {
        drop: margins * MARGIN,
        ..PAIR
    };
    vec![lower.latent().new; LAYOUT.cells()]
}

/// Which cases failed, of one model.
type Failed = Vec<bool>;

/// Rates of cases and of families.
struct Rates {
    /// Cases that failed. Those of one model are correlated, so that the interval is
    /// by models: the mean, and 1.96 standard errors.
    cases: (f64, f64),
    family: Rate,
}

impl Rates {
    fn of(failed: &[Failed]) -> Self {
        let count = failed.len() as f64;
        let share = |failed: &Failed| {
            failed.iter().filter(|&&failed| failed).count() as f64 / failed.len() as f64
        };
        let mean = failed.iter().map(share).sum::<f64>() / count;
        let squares: f64 = failed.iter().map(|one| (share(one) - mean).powi(2)).sum();
        Self {
            cases: (mean, (squares / (count - 1.0).max(1.0) / count).sqrt()),
            family: Rate::of(failed.iter().map(|one| one.contains(&true))),
        }
    }

    fn cases_text(&self) -> String {
        let (mean, error) = self.cases;
        format!("{} ± {}", number(mean, 4), number(1.96 * error, 4))
    }
}

pub fn section(effort: Effort) -> String {
    let processes = effort.models(1_000);
    let simulations = effort.models(20_000);
    let alpha = FAMILY_ALPHA / LAYOUT.cells() as f64;
    let gate = FlipGate::new(&[Test::accuracy(MARGIN, alpha, Rule::Detect)]);
    let judged = |tables: &[Vec<Vec<u16>>; 2]| -> Failed {
        let pairs = tables[0].iter().zip(&tables[1]);
        pairs
            .map(|(old, new)| gate.pair(1, old, new)[0].fails)
            .collect()
    };
    let mut table = Table::new(&[
        "retrained models",
        "through",
        "models",
        "a case fails",
        "any of the 20 fails",
    ]);
    let mut notes = String::new();
    for (name, margins) in [("no change", 0.0), ("worse by 2m in every case", 2.0)] {
        // Each process's verdicts, and those of the library on the same tables.
        // A repository a thread; a pair's verdicts do not depend on which.
        let threads = rayon::current_num_threads() as u64;
        let met: Vec<(Failed, Failed)> = (0..threads)
            .into_par_iter()
            .flat_map_iter(|thread| {
                let repository = Repository::new();
                (thread * processes / threads..(thread + 1) * processes / threads)
                    .map(|number| {
                        let tables = draw(margins, number);
                        (repository.judge(&tables), judged(&tables))
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        let differing = met.iter().filter(|(process, own)| process != own).count();
        let through: Vec<Failed> = met.into_iter().map(|(process, _)| process).collect();
        let simulated: Vec<Failed> = (0..simulations)
            .into_par_iter()
            // Other models than those of the processes.
            .map(|number| judged(&draw(margins, 1_000_000 + number)))
            .collect();
        let (through, simulated) = (Rates::of(&through), Rates::of(&simulated));
        for (what, models, rates) in [
            ("the harness", processes, &through),
            ("the function", simulations, &simulated),
        ] {
            table.row(&[
                name.to_owned(),
                what.to_owned(),
                models.to_string(),
                rates.cases_text(),
                rates.family.text(),
            ]);
        }
        notes.push_str(&format!(
            "- {name}: {}; of the {processes} processes' own tables, judged by the function too, {differing} have another verdict in any case.\n",
            agreement(&through, &simulated)
        ));
    }
    format!(
        "A scratch repository with 20 cases over the same {EXAMPLES} examples, accuracy, m = .02, family alpha .05 and capacity 20 (alpha {} a case), base accuracy .9, discordance 5 % without harm. \
         Every simulated pair has its own committed baselines and is judged by a run of the harness as its own process; verdicts are read from the records.\n\n{}\n{notes}",
        number(alpha, 4),
        table.text()
    )
}

/// Whether two pairs of rates differ by more than Monte Carlo error, at 1 %.
fn agreement(one: &Rates, other: &Rates) -> String {
    let z = |difference: f64, variance: f64| {
        if variance > 0.0 {
            difference / variance.sqrt()
        } else {
            0.0
        }
    };
    let cases = z(
        one.cases.0 - other.cases.0,
        one.cases.1.powi(2) + other.cases.1.powi(2),
    );
    let pooled = Rate::pooled([&one.family, &other.family]).value();
    let family = z(
        one.family.value() - other.family.value(),
        pooled * (1.0 - pooled) * (1.0 / one.family.of as f64 + 1.0 / other.family.of as f64),
    );
    let agree = cases.abs() < 2.58 && family.abs() < 2.58;
    format!(
        "harness and function {} within Monte Carlo error (z = {cases:.2} for cases, {family:.2} for families)",
        if agree { "agree" } else { "**do not agree**" }
    )
}
