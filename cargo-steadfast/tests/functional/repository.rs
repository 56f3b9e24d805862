//! A scratch model repository, as a user's: specs, a model, data and baselines in
//! a temporary folder, run by the harness of `examples/scratch_harness.rs` and by
//! the built subcommand.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A repository in a temporary folder, removed when it is dropped.
pub struct Repository {
    folder: tempfile::TempDir,
}

/// What a command did.
pub struct Ran {
    /// The exit code.
    pub code: i32,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Both outputs, for messages of assertions.
    pub fn all(&self) -> String {
        format!("exit {}\n{}\n{}", self.code, self.stdout, self.stderr)
    }
}

/// The example suite's own files.
pub fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Says why a test does nothing, past the capture of its output.
pub fn skipped(reason: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "skipped: {reason}");
}

/// One array in NumPy's format: its type, its shape as Python writes it, its elements.
pub fn npy(descr: &str, shape: String, data: Vec<u8>) -> Vec<u8> {
    let mut header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}");
    while (11 + header.len()) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(data);
    bytes
}

/// The array of the ids `r0`, `r1`, … of some rows.
fn ids(rows: &[usize]) -> Vec<u8> {
    let letters = rows.iter().flat_map(|row| {
        let letters: Vec<char> = format!("r{row}").chars().collect();
        (0..6).map(move |place| letters.get(place).map_or(0, |&letter| letter as u32))
    });
    let bytes = letters.flat_map(u32::to_le_bytes).collect();
    npy("<U6", format!("({},)", rows.len()), bytes)
}

/// An archive of arrays.
pub fn npz(arrays: Vec<(&str, Vec<u8>)>) -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in arrays {
        let options = zip::write::SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored);
        archive.start_file(name, options).unwrap();
        std::io::Write::write_all(&mut archive, &bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

impl Repository {
    /// With nothing in it.
    pub fn empty() -> Self {
        let repository = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        repository.git(&["init", "--quiet"]);
        repository.git(&["config", "user.name", "A Tester"]);
        repository.git(&["config", "user.email", "tester@example.org"]);
        repository
    }

    /// With the digits model and data, and one spec of a few cases.
    pub fn digits() -> Self {
        let repository = Self::empty();
        repository.copy("models/digits.onnx", "models/digits.onnx");
        repository.copy("data/digits-test.npz", "data/digits-test.npz");
        repository.write("robustness-specs/digits.toml", SPEC);
        repository
    }

    /// With a model that is a table: of each of `cells` cells, which of the examples
    /// are right. `gate` goes into `[gate]`, `more` to the end of the spec.
    pub fn table(examples: usize, cells: usize, gate: &str, more: &str) -> Self {
        let repository = Self::empty();
        let perturbations: String = (0..cells)
            .map(|cell| format!("[[perturbation]]\nkind = \"custom::cell\"\ncell = {cell}\n\n"))
            .collect();
        repository.write(
            "robustness-specs/table.toml",
            format!(
                "schema = 1\nseed = 1\n\n[model]\nregistered = \"table\"\nfiles = [\"models/table.txt\"]\n\n\
                 [data]\npath = \"data/rows.npz\"\ninputs = \"x\"\nlabels = \"y\"\nrange = [0, 4096]\n\n\
                 [gate]\n{gate}\n\n{perturbations}{more}"
            ),
        );
        repository.rows(&(0..examples).collect::<Vec<_>>(), false);
        repository
    }

    /// Data whose examples are the given rows of the table, under ids `r0`, `r1`, … if
    /// they are `named`. The array `part` numbers their hundreds.
    pub fn rows(&self, rows: &[usize], named: bool) {
        let inputs = rows.iter().flat_map(|&row| [row as f32, 0.0]);
        let inputs = inputs.flat_map(f32::to_le_bytes).collect();
        let count = rows.len();
        let mut arrays = vec![
            ("x.npy", npy("<f4", format!("({count}, 2)"), inputs)),
            (
                "y.npy",
                npy("<i8", format!("({count},)"), vec![0; 8 * count]),
            ),
        ];
        let parts = rows.iter().map(|&row| (row / 100) as i64);
        let parts = parts.flat_map(i64::to_le_bytes).collect();
        arrays.push(("part.npy", npy("<i8", format!("({count},)"), parts)));
        if named {
            arrays.push(("id.npy", ids(rows)));
        }
        self.write("data/rows.npz", npz(arrays));
    }

    /// Data of `labels.len()` rows of a table, under ids `r0`, `r1`, …, in these clusters.
    pub fn labelled(&self, labels: &[i64], clusters: &[i64]) {
        let count = labels.len();
        let inputs = (0..count).flat_map(|row| [row as f32, 0.0]);
        let numbers = |of: &[i64]| -> Vec<u8> {
            let bytes = of.iter().flat_map(|number| number.to_le_bytes());
            npy("<i8", format!("({count},)"), bytes.collect())
        };
        let inputs = inputs.flat_map(f32::to_le_bytes).collect();
        self.write(
            "data/rows.npz",
            npz(vec![
                ("x.npy", npy("<f4", format!("({count}, 2)"), inputs)),
                ("y.npy", numbers(labels)),
                ("part.npy", numbers(clusters)),
                ("id.npy", ids(&(0..count).collect::<Vec<_>>())),
            ]),
        );
    }

    /// The scores of the rows of a table.
    pub fn scores(&self, scores: &[f32]) {
        let lines = scores.iter().map(|score| format!("{score:e}\n"));
        self.write("models/table.txt", lines.collect::<String>());
    }

    /// Which examples the table answers wrongly, cell by cell.
    pub fn wrong(&self, examples: usize, cells: &[Vec<usize>]) {
        let line = |wrong: &Vec<usize>| -> String {
            (0..examples)
                .map(|row| if wrong.contains(&row) { '0' } else { '1' })
                .chain(['\n'])
                .collect()
        };
        self.write(
            "models/table.txt",
            cells.iter().map(line).collect::<String>(),
        );
    }

    /// The verdict of the last run of a case.
    pub fn verdict(&self, case: &str) -> String {
        self.record(case)["verdict"].as_str().unwrap().to_owned()
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// Copies a file of the example suite.
    pub fn copy(&self, from: &str, to: &str) {
        let to = self.root().join(to);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::write(to, std::fs::read(source(from)).unwrap()).unwrap();
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Removes a file.
    pub fn remove(&self, path: &str) {
        std::fs::remove_file(self.root().join(path)).unwrap();
    }

    /// The text of a file.
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.root().join(path)).unwrap()
    }

    /// Replaces text in a file; it must be there.
    pub fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(
            text.contains(from),
            "{path} does not contain {from}:\n{text}"
        );
        self.write(path, text.replace(from, to));
    }

    /// Runs git.
    pub fn git(&self, arguments: &[&str]) {
        assert!(self.tries_git(arguments), "git {arguments:?}");
    }

    /// The same; says whether it succeeded.
    pub fn tries_git(&self, arguments: &[&str]) -> bool {
        let mut command = self.command(Path::new("git"));
        command.args(arguments).status().unwrap().success()
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.root())
            .env("CARGO_MANIFEST_DIR", self.root());
        command.env("STEADFAST_DIR", "state");
        command.env("CI", "false");
        for variable in [
            "NEXTEST_RUN_ID",
            "NEXTEST_EXECUTION_MODE",
            "NEXTEST",
            "GITHUB_EVENT_NAME",
            "GITHUB_EVENT_PATH",
            "STEADFAST_ROOTS",
            "STEADFAST_ALLOW_WORKERS",
            "STEADFAST_TOKEN_VARIABLES",
        ] {
            command.env_remove(variable);
        }
        command
    }

    /// Runs the harness, as `cargo test --test robustness -- …` does.
    pub fn test(&self, arguments: &[&str]) -> Ran {
        self.test_with(&[], arguments)
    }

    /// The same with environment variables.
    pub fn test_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        let mut command = self.test_command(arguments);
        Ran::new(command.envs(variables.iter().copied()).output().unwrap())
    }

    /// The command itself.
    pub fn test_command(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(&harness());
        command.env("THIRD", third_sum()).args(arguments);
        command
    }

    /// Runs `cargo steadfast …`.
    pub fn steadfast(&self, arguments: &[&str]) -> Ran {
        self.steadfast_with(&[], arguments)
    }

    /// The same with environment variables.
    pub fn steadfast_with(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
        Ran::new(
            self.steadfast_command(variables, arguments)
                .output()
                .unwrap(),
        )
    }

    /// The command itself.
    pub fn steadfast_command(&self, variables: &[(&str, &str)], arguments: &[&str]) -> Command {
        let mut command = self.command(Path::new(env!("CARGO_BIN_EXE_cargo-steadfast")));
        command
            .env_remove("CARGO_MANIFEST_DIR")
            .envs(variables.iter().copied());
        command.arg("steadfast").args(arguments);
        command
    }

    /// Runs all cases and accepts them.
    pub fn bless_all(&self) {
        let ran = self.test(&[]);
        assert_eq!(ran.code, 101, "nothing is blessed yet: {}", ran.all());
        let ran = self.steadfast(&["bless", "--reason", "first baseline"]);
        assert_eq!(ran.code, 0, "{}", ran.all());
    }

    /// The record of a case.
    pub fn record(&self, case: &str) -> serde_json::Value {
        let path = format!("state/records/{}.json", case.replace("::", "/"));
        serde_json::from_str(&self.read(&path)).unwrap()
    }

    /// Every file under a folder, by path; the lock, which is made by whoever asks for it and
    /// holds nothing, apart.
    pub fn files(&self, folder: &str) -> std::collections::BTreeMap<PathBuf, Vec<u8>> {
        fn walk(folder: &Path, files: &mut std::collections::BTreeMap<PathBuf, Vec<u8>>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    walk(&path, files);
                } else if !path.ends_with(".steadfast-lock") {
                    files.insert(path.clone(), std::fs::read(&path).unwrap());
                }
            }
        }
        let mut files = std::collections::BTreeMap::new();
        walk(&self.root().join(folder), &mut files);
        files
    }
}

/// The harness of scratch repositories, built beside the subcommand.
pub fn harness() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_cargo-steadfast"))
        .parent()
        .unwrap();
    let path = folder.join("examples/scratch_harness");
    assert!(
        path.exists(),
        "{} is not built: cargo test builds it",
        path.display()
    );
    path
}

/// The examples of the digits.
pub fn digits() -> steadfast::data::Dataset {
    let request = steadfast::data::Request {
        path: source("data/digits-test.npz"),
        shown: "digits".to_owned(),
        inputs: "x".to_owned(),
        labels: "y".to_owned(),
        ids: None,
        cluster: None,
        slice: None,
        range: (0.0, 1.0),
        unpacked_limit: 8 << 30,
        limit: None,
    };
    steadfast::data::open(&request).unwrap()
}

/// The sum of the pixels of row 3 of the digits: misbehaving models know it by that.
fn third_sum() -> String {
    let data = digits();
    let third = data.example(3).unwrap();
    third.iter().sum::<f32>().to_string()
}

/// Four cases, each judged by accuracy and calibration.
pub const SPEC: &str = r#"schema = 1
seed = 7
replicates = 2

[model]
onnx = "models/digits.onnx"
gives = "logits"

[data]
path = "data/digits-test.npz"
inputs = "x"
labels = "y"

[gate]
margin = 0.05

[[perturbation]]
kind = "identity"

[[perturbation]]
kind = "gaussian_noise"
severity = [1, 5]

[[perturbation]]
kind = "contrast"
severity = 5

[[metric]]
kind = "accuracy"

[[metric]]
kind = "expected_calibration_error"
"#;
