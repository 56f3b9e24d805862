//! `init`: sets up a repository for a model and a data file. It shows what it
//! would write, and overwrites nothing.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use ndarray::{ArrayView2, Axis};
use steadfast::data::{self, Dataset};
use steadfast::error::{Error, ErrorKind};
use steadfast::file::write_atomically;
use steadfast::model::{Gives, Model, onnx};
use steadfast::spec::{FOLDER, is_segment};
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use crate::exit_code::ExitCode;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// The ONNX model, relative to this folder
    #[arg(long)]
    model: String,
    /// The labelled data (.npz), relative to this folder
    #[arg(long)]
    data: String,
    /// The array of inputs
    #[arg(long, default_value = "x")]
    inputs: String,
    /// The array of labels
    #[arg(long, default_value = "y")]
    labels: String,
    /// What the model answers with; found out by asking it where not given
    #[arg(long, value_parser = ["logits", "probabilities", "positive_probability"])]
    gives: Option<String>,
    /// The name of the first spec; the model's file name where not given
    #[arg(long)]
    name: Option<String>,
    /// Depend on steadfast in this folder, instead of the published version
    #[arg(long)]
    steadfast: Option<String>,
    /// Write without asking
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let root = std::env::current_dir().map_err(|error| Error::new(ErrorKind::Usage, error))?;
    let name = name(arguments)?;
    let found = Found::look(&root, arguments)?;
    say!("{}", found.words(arguments));
    let spec_path = format!("{FOLDER}/{name}.toml");
    let mut files = vec![
        (PathBuf::from("tests/robustness.rs"), HARNESS.to_owned()),
        (PathBuf::from(FOLDER).join("suite.toml"), found.suite()),
        (PathBuf::from(spec_path), found.spec(arguments)),
        (
            PathBuf::from(".github/workflows/robustness.yml"),
            WORKFLOW.to_owned(),
        ),
    ];
    let manifest = manifest(&root, arguments.steadfast.as_deref())?;
    let mut kept = Vec::new();
    files.retain(|(path, _)| {
        let there = root.join(path).exists();
        if there {
            kept.push(path.display().to_string());
        }
        !there
    });
    for (path, text) in &files {
        say!("would write {}:\n{}", path.display(), indent(text));
    }
    match &manifest {
        Some((_, added)) => say!("would add to Cargo.toml:\n{}", indent(added)),
        None => kept.push("Cargo.toml".to_owned()),
    }
    if !kept.is_empty() {
        say!("kept as they are: {}", kept.join(", "));
    }
    if !confirmed(arguments)? {
        say!("nothing was written; --yes writes without asking");
        return Ok(ExitCode::Good);
    }
    for (path, text) in &files {
        save(&root.join(path), text)?;
    }
    if let Some((text, _)) = manifest {
        save(&root.join("Cargo.toml"), &text)?;
    }
    say!(
        "written. Next:\n  cargo test --test robustness                          # runs the cases: no baseline yet\n  cargo steadfast bless {name} --reason \"first baseline\"  # accepts what they found\n  cargo test --test robustness                          # passes"
    );
    Ok(ExitCode::Good)
}

fn save(path: &Path, text: &str) -> Result<(), Error> {
    write_atomically(path, text.as_bytes()).map_err(|error| {
        Error::new(
            ErrorKind::Usage,
            format!("failed to write {}: {error}", path.display()),
        )
    })
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

fn confirmed(arguments: &Arguments) -> Result<bool, Error> {
    if arguments.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let failed = |error| Error::new(ErrorKind::Usage, error);
    print!("write these? [y/N] ");
    std::io::stdout().flush().map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn name(arguments: &Arguments) -> Result<String, Error> {
    let name = arguments.name.clone().unwrap_or_else(|| {
        let stem = Path::new(&arguments.model).file_stem().unwrap_or_default();
        stem.to_string_lossy().to_lowercase().replace(' ', "_")
    });
    if is_segment(&name) && !matches!(name.as_str(), "suite" | "spec") {
        return Ok(name);
    }
    Err(Error::new(
        ErrorKind::Usage,
        format!(
            "`{name}` cannot name a spec: give --name of lower-case letters, digits, `_`, `.` and `-`"
        ),
    ))
}

/// What the model and the data turned out to be.
struct Found {
    data: Dataset,
    range: (f64, f64),
    gives: Gives,
    accuracy: f64,
    image: bool,
}

impl Found {
    fn look(root: &Path, arguments: &Arguments) -> Result<Self, Error> {
        let request = |range| data::Request {
            path: root.join(&arguments.data),
            shown: arguments.data.clone(),
            inputs: arguments.inputs.clone(),
            labels: arguments.labels.clone(),
            ids: None,
            cluster: None,
            slice: None,
            range,
            limit: None,
        };
        // The range is found out: a spec's default is [0, 1].
        let mut range = (0.0, 1.0);
        let data = match data::open(&request(range)) {
            Err(error) if error.is_outside_range() => {
                range = spread(&data::open(&request((
                    f64::from(f32::MIN),
                    f64::from(f32::MAX),
                )))?);
                data::open(&request(range))?
            }
            other => other?,
        };
        let model = onnx::load(&onnx::Request {
            path: root.join(&arguments.model),
            shown: arguments.model.clone(),
            input: None,
            output: None,
        })?;
        let (gives, accuracy) = ask(&model, &data, arguments)?;
        Ok(Self {
            image: (2..=3).contains(&data.shape().len()),
            data,
            range,
            gives,
            accuracy,
        })
    }

    fn words(&self, arguments: &Arguments) -> String {
        format!(
            "{}: {} examples of shape {:?}; {} answers with {} and is right on {:.1} % of them\n",
            arguments.data,
            self.data.len(),
            self.data.shape(),
            arguments.model,
            self.gives.text(),
            100.0 * self.accuracy
        )
    }

    /// Tests of the first spec: the clean case and those below, each against its
    /// baseline and against its anchor.
    fn tests(&self) -> u32 {
        2 * if self.image { 1 + 3 + 2 + 2 } else { 1 + 2 }
    }

    fn capacity(&self) -> u32 {
        let tests = self.tests();
        let steps = [10, 20, 50, 100, 200, 500];
        steps.into_iter().find(|&step| step > tests).unwrap_or(500)
    }

    fn margin(&self) -> f64 {
        let alpha = 0.05 / f64::from(self.capacity());
        steadfast::judge::smallest_bearable_margin(self.data.len() as u64, alpha)
    }

    fn suite(&self) -> String {
        format!(
            "# What all specs share: the error budget. A test is one metric of one case against\n\
             # its baseline or its anchor; each has the alpha 0.05 / capacity, whatever other\n\
             # specs there are.\n\
             [family]\nalpha = 0.05\ncapacity = {}\n",
            self.capacity()
        )
    }

    fn spec(&self, arguments: &Arguments) -> String {
        let (low, high) = self.range;
        let range = if (low, high) == (0.0, 1.0) {
            String::new()
        } else {
            format!(
                "range = [{low}, {high}]           # of this file; set it to what inputs may be\n"
            )
        };
        let perturbations = if self.image {
            "[[perturbation]]\nkind = \"gaussian_noise\"\nseverity = [1, 3, 5]\n\n\
             [[perturbation]]\nkind = \"brightness\"\nseverity = [1, 3]\n\n\
             [[perturbation]]\nkind = \"contrast\"\nseverity = [1, 3]\n"
        } else {
            "# Noise on every column; `columns = [0, 1]` keeps it to the continuous ones.\n\
             [[perturbation]]\nkind = \"gaussian_noise\"\nstd = 0.02\n\n\
             [[perturbation]]\nkind = \"gaussian_noise\"\nstd = 0.1\n"
        };
        format!(
            "schema = 1\nseed = 1\nreplicates = 5\n\n\
             [model]\nonnx = {:?}\ngives = \"{}\"\n\n\
             [data]\npath = {:?}\ninputs = {:?}\nlabels = {:?}\n{range}\n\
             [gate]\nmargin = {}                  # the smallest that {} examples bear\n\n\
             [[perturbation]]\nkind = \"identity\"\n\n{perturbations}\n\
             [[metric]]\nkind = \"accuracy\"\n",
            arguments.model,
            self.gives.text(),
            arguments.data,
            arguments.inputs,
            arguments.labels,
            self.margin(),
            self.data.len()
        )
    }
}

/// The smallest and largest value of a data set.
fn spread(data: &Dataset) -> (f64, f64) {
    let mut spread = (f64::INFINITY, f64::NEG_INFINITY);
    for &value in data.inputs() {
        spread.0 = spread.0.min(f64::from(value));
        spread.1 = spread.1.max(f64::from(value));
    }
    if spread.0 == spread.1 {
        (spread.0, spread.0 + 1.0)
    } else {
        spread
    }
}

/// What the answers are, and how many of at most 1,000 examples are right.
fn ask(
    model: &onnx::OnnxModel,
    data: &Dataset,
    arguments: &Arguments,
) -> Result<(Gives, f64), Error> {
    let asked = data.len().min(1000);
    let mut rows: Vec<_> = (0..asked).map(|index| data.example(index)).collect();
    if let [only] = rows.as_slice() {
        rows.push(only.clone());
    }
    let batch = ndarray::stack(Axis(0), &rows)
        .map_err(|error| Error::new(ErrorKind::Unavailable, error))?;
    let answers = model.predict(batch.view())?;
    let gives = match &arguments.gives {
        Some(text) => Gives::from_text(text).unwrap_or(Gives::Logits),
        None => guess(answers.view()),
    };
    let class = |row: ndarray::ArrayView1<'_, f32>| match gives {
        Gives::PositiveProbability => usize::from(row.first().is_some_and(|&p| p > 0.5)),
        _ => {
            row.iter()
                .enumerate()
                .fold((0, f32::NEG_INFINITY), |best, (class, &value)| {
                    if value > best.1 { (class, value) } else { best }
                })
                .0
        }
    };
    let right = answers
        .rows()
        .into_iter()
        .zip(data.labels())
        .filter(|(row, label)| class(*row) == **label)
        .count();
    Ok((gives, right as f64 / asked as f64))
}

fn guess(answers: ArrayView2<'_, f32>) -> Gives {
    let unit = answers.iter().all(|value| (0.0..=1.0).contains(value));
    let sums = answers
        .rows()
        .into_iter()
        .all(|row| (row.sum() - 1.0).abs() < 1e-3);
    match (answers.ncols(), unit, sums) {
        (1, _, _) => Gives::PositiveProbability,
        (_, true, true) => Gives::Probabilities,
        _ => Gives::Logits,
    }
}

/// `Cargo.toml` with what is missing, and the added part; `None`: nothing is missing.
fn manifest(root: &Path, steadfast: Option<&str>) -> Result<Option<(String, String)>, Error> {
    let path = root.join("Cargo.toml");
    let text = std::fs::read_to_string(&path).map_err(|error| {
        let message = format!(
            "failed to read {}: {error}. `cargo init --lib` makes a package",
            path.display()
        );
        Error::new(ErrorKind::Usage, message)
    })?;
    let mut document: DocumentMut = text.parse().map_err(|error| {
        Error::new(
            ErrorKind::Usage,
            format!("failed to parse Cargo.toml: {error}"),
        )
    })?;
    let mut added = Vec::new();
    let table = || Item::Table(Table::new());
    let dependencies = document.entry("dev-dependencies").or_insert_with(table);
    if dependencies.get("steadfast").is_none() {
        let version = value(env!("CARGO_PKG_VERSION"));
        let wanted = steadfast.map_or(version, |path| {
            let mut table = InlineTable::new();
            table.insert("path", path.into());
            value(table)
        });
        added.push(format!(
            "[dev-dependencies]\nsteadfast = {}",
            wanted.to_string().trim()
        ));
        dependencies["steadfast"] = wanted;
    }
    let tests = document
        .entry("test")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    if let Some(tests) = tests.as_array_of_tables_mut() {
        let there = tests
            .iter()
            .any(|test| test.get("name").and_then(Item::as_str) == Some("robustness"));
        if !there {
            let mut test = Table::new();
            test["name"] = value("robustness");
            test["harness"] = value(false);
            tests.push(test);
            added.push("[[test]]\nname = \"robustness\"\nharness = false".to_owned());
        }
    }
    let mut packages = &mut document["profile"];
    for key in ["dev", "package"] {
        if packages.is_none() {
            let mut implicit = Table::new();
            implicit.set_implicit(true);
            *packages = Item::Table(implicit);
        }
        packages = &mut packages[key];
    }
    if packages.is_none() {
        let mut table = Table::new();
        let mut lines = vec![
            "[profile.dev.package]    # inference is tens of times slower unoptimised".to_owned(),
        ];
        for name in COMPUTES {
            let mut entry = InlineTable::new();
            entry.insert("opt-level", 3.into());
            table[name] = value(entry);
            lines.push(format!("{name} = {{ opt-level = 3 }}"));
        }
        *packages = Item::Table(table);
        added.push(lines.join("\n"));
    }
    if added.is_empty() {
        return Ok(None);
    }
    Ok(Some((document.to_string(), added.join("\n\n"))))
}

/// What computes: optimising these alone builds in a third of the time that
/// optimising every dependency takes.
const COMPUTES: [&str; 12] = [
    "steadfast",
    "libm",
    "ndarray",
    "rayon-core",
    "rten",
    "rten-base",
    "rten-gemm",
    "rten-simd",
    "rten-tensor",
    "rten-vecmath",
    "sha2",
    "zlib-rs",
];

const HARNESS: &str = "//! Every spec of `robustness-specs/` against its baseline.\n\n\
fn main() -> std::process::ExitCode {\n    steadfast::harness().run()\n}\n";

const WORKFLOW: &str = include_str!("workflow.yml");
