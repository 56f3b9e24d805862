//! A scratch repository with twenty cases over the same examples, and this program
//! as its harness.
//!
//! The model is a table of logits in a file, the input is the number of a row, and
//! a perturbation of its own says which case's column of the table is meant.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use ndarray::{Array2, ArrayViewD, ArrayViewMutD, Axis};
use steadfast::baseline::{self, Accepted, BaselineFile, Draft, ExamplesSeen, accepted_metrics};
use steadfast::catalogue::{Parameter, Parameters, PerturbationKind};
use steadfast::data::{Request, open};
use steadfast::digest::Digest;
use steadfast::measure::wanted_columns;
use steadfast::model::{Gives, ModelError, from_fn};
use steadfast::perturb::{Depth, Perturbation, PerturbationError};
use steadfast::record::{Record, Run};
use steadfast::seed::Stream;
use steadfast::spec::{Case, Specs};
use steadfast::verdict::{Status, Verdict};

use crate::family::Layout;

pub const EXAMPLES: usize = 500;
pub const LAYOUT: Layout = Layout {
    groups: 5,
    in_group: 4,
};
pub const MARGIN: f64 = 0.02;
pub const FAMILY_ALPHA: f64 = 0.05;

/// The answers of a model: right or wrong, by case and example.
pub type Answers = Vec<Vec<u32>>;

/// Set where this program is to be the harness of the scratch repository.
const SIDE: &str = "CALIBRATION_SIDE";
const TABLE: &str = "models/table.bin";
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

    fn apply(
        &self,
        mut example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        example[[1]] = parameters.get("cell") as f32 / CELLS;
    }
}

/// A scratch repository, removed when it is dropped.
pub struct Repository {
    folder: tempfile::TempDir,
    cases: Vec<Case>,
    /// What baselines remember of the examples.
    seen: ExamplesSeen,
    /// The runs of the first baseline model: what the drafts of all others are
    /// made from.
    runs: Vec<Run>,
}

impl Repository {
    /// With specs and data. What two baseline models leave behind is what all other
    /// baselines are made from, and what that is checked with.
    pub fn new(two: [&Answers; 2]) -> Self {
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
            unpacked_limit: 8 << 30,
            limit: None,
        });
        let mut repository = Self {
            folder,
            cases,
            seen: ExamplesSeen::of(&rows.expect("the data"), false),
            runs: Vec::new(),
        };
        let [mut first, second] = two.map(|table| repository.runs_of(table));
        repository.runs.append(&mut first);
        // What `bless` writes of the second model is what is made from the first's run.
        for (cell, run) in second.into_iter().enumerate() {
            let drafted = repository.draft(cell, two[1]);
            let blessed = repository.file(cell, run);
            assert_eq!(drafted.columns, blessed.columns);
            assert_eq!(drafted.inputs_digest, blessed.inputs_digest);
            assert_eq!(drafted.metrics, blessed.metrics);
        }
        repository
    }

    fn root(&self) -> &Path {
        self.folder.path()
    }

    fn state(&self) -> PathBuf {
        self.root().join("state")
    }

    /// The runs of a model while there is no baseline.
    fn runs_of(&self, table: &Answers) -> Vec<Run> {
        let run = |record: Record| {
            assert_eq!(record.verdict, Verdict::Missing);
            let run = record.run(&self.state()).expect("a sound record");
            run.expect("a run")
        };
        self.run(table).into_iter().map(run).collect()
    }

    /// The baseline file that `bless` makes of a run.
    fn file(&self, cell: usize, run: Run) -> BaselineFile {
        let case = &self.cases[cell];
        Draft {
            case: case.name.clone(),
            metrics: accepted_metrics(case, &run),
            outcomes: run
                .kept(&wanted_columns(case))
                .expect("the columns of the metrics"),
            slices: run.slice_names().to_vec(),
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
    fn draft(&self, cell: usize, table: &Answers) -> BaselineFile {
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
    fn accept(&self, table: &Answers) {
        let alone = baseline::hold(self.root()).expect("the lock");
        for cell in 0..self.cases.len() {
            let file = self.draft(cell, table);
            baseline::write(&alone, self.root(), &file).expect("a baseline");
        }
    }

    /// Which cases of a new model fail against a baseline model.
    pub fn judge(&self, tables: &[Answers; 2]) -> Vec<bool> {
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
    fn run(&self, table: &Answers) -> Vec<Record> {
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
fn logits(table: &Answers) -> Vec<u8> {
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
        file.extend((head.len() as u32).to_le_bytes());
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
