//! `init`: sets up a repository for a model and a data file. It shows what it
//! would write, and overwrites nothing.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ndarray::ArrayView2;
use steadfast::data::Dataset;
use steadfast::engine;
use steadfast::error::{Error, ErrorKind};
use steadfast::fence::Fence;
use steadfast::model::onnx::{self, OnnxEngine};
use steadfast::model::{Gives, Model, ModelError, endpoint, worker};
use steadfast::spec::address::{self, Address};
use steadfast::spec::{FOLDER, is_segment};
use steadfast::text::{self, Page, print};
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use crate::exit_code::ExitCode;
use crate::repository::STATE;
use crate::unspecified::{self, Chosen, Columns, flagged};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The labelled data (.npz, or the .csv that labels a folder of images), relative to
    /// this folder
    #[arg(long)]
    data: String,
    #[command(flatten)]
    columns: Columns,
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

/// The model: where it is, and what of it is meant.
#[derive(clap::Args)]
struct ModelArguments {
    #[command(flatten)]
    origin: Origin,
    /// The input tensor of an ONNX or served model; the only one where not given
    #[arg(long, conflicts_with = "worker")]
    input: Option<String>,
    /// The output tensor of an ONNX or served model; the only one where not given
    #[arg(long, conflicts_with = "worker")]
    output: Option<String>,
    /// The environment variable that holds the server's bearer token
    #[arg(long, value_name = "NAME", conflicts_with_all = ["model", "worker"])]
    token_variable: Option<String>,
}

/// One of these.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Origin {
    /// The ONNX model, relative to this folder
    #[arg(long, value_name = "FILE")]
    model: Option<String>,
    /// The program that answers for the model, with its arguments, quoted as in a shell:
    /// "python3 model.py"
    #[arg(long, value_name = "COMMAND")]
    worker: Option<String>,
    /// Where the model is served (Open Inference Protocol v2)
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
}

impl Origin {
    /// What it is called in messages.
    fn shown(&self) -> &str {
        let given = [&self.model, &self.worker, &self.endpoint];
        given
            .into_iter()
            .flatten()
            .next()
            .map_or("", String::as_str)
    }

    /// The words of the worker's command.
    fn command(&self) -> Vec<String> {
        let line = self.worker.as_deref().unwrap_or_default();
        shlex::split(line).unwrap_or_default()
    }

    /// Whether a command and a URL are such.
    fn check(&self) -> Result<(), Error> {
        if let Some(line) = &self.worker
            && self.command().is_empty()
        {
            return Err(usage(match line.trim() {
                "" => "--worker names no program: \"python3 model.py\"".to_owned(),
                _ => "--worker has a quote that is not closed".to_owned(),
            }));
        }
        let address = self
            .endpoint
            .as_deref()
            .map_or(Ok(()), |url| Address::parse(url).map(drop));
        address.map_err(|wrong| usage(format!("--endpoint: {wrong}; {}", address::CURE)))
    }

    /// What a spec is named after.
    fn name(&self) -> String {
        let served = self.endpoint.as_deref().map(Address::parse);
        if let Some(Ok(address)) = served {
            return address.name().to_owned();
        }
        let last = self.command().pop().or(self.model.clone());
        let last = last.unwrap_or_default();
        let stem = Path::new(&last).file_stem().unwrap_or_default();
        stem.to_string_lossy().into_owned()
    }

    /// The repository's files among the words: what identifies a worker at the least. An
    /// interpreter in a virtual environment is none of them.
    fn files(&self, root: &Path) -> Vec<String> {
        let folder = root.canonicalize().unwrap_or(root.to_owned());
        let repository = git2::Repository::discover(root).ok();
        let ignored = |file: &Path| {
            let repository = repository.as_ref()?;
            let inside = file.strip_prefix(repository.workdir()?.canonicalize().ok()?);
            repository.is_path_ignored(inside.ok()?).ok()
        };
        let mut words = self.command();
        words.retain(|word| {
            let file = root.join(word).canonicalize().unwrap_or_default();
            let own = Path::new(word).is_relative() && file.starts_with(&folder);
            own && file.is_file() && !ignored(&file).unwrap_or(false)
        });
        words
    }
}

/// An opened model.
struct Opened {
    model: Box<dyn Model>,
    /// What runs an ONNX file, where it is not the default.
    engine: Option<OnnxEngine>,
}

impl ModelArguments {
    /// Opens it for some data.
    fn open(&self, root: &Path, data: &Dataset) -> Result<Opened, Error> {
        let other = |model| Opened {
            model,
            engine: None,
        };
        if let Some(file) = &self.origin.model {
            return self.onnx(root, file, data);
        }
        if let Some(url) = &self.origin.endpoint {
            return Ok(other(Box::new(endpoint::open(&endpoint::Request {
                url: url.clone(),
                input: self.input.clone(),
                output: self.output.clone(),
                connections: 1,
                answer: PATIENCE,
                retries: 4,
                token_variable: self.token_variable.clone(),
            })?)));
        }
        Ok(other(Box::new(worker::open(&worker::Request {
            command: self.origin.command(),
            folder: root.to_owned(),
            workers: 1,
            start: PATIENCE,
            answer: PATIENCE,
            stop: PARTING,
        })?)))
    }

    /// The file on the embedded engine; on ONNX Runtime, if it is here, where the other
    /// does not take it.
    fn onnx(&self, root: &Path, file: &str, data: &Dataset) -> Result<Opened, Error> {
        let load = |engine| {
            onnx::load(&onnx::Request {
                path: root.join(file),
                shown: file.to_owned(),
                input: self.input.clone(),
                output: self.output.clone(),
                engine,
                gradient: None,
                examples: engine::tried(data),
            })
        };
        match load(OnnxEngine::Rten) {
            Ok(model) => Ok(Opened {
                model: Box::new(model),
                engine: None,
            }),
            Err(ModelError::Untrusted { .. } | ModelError::Unsupported { .. })
                if onnx::available(OnnxEngine::Ort).is_ok() =>
            {
                Ok(Opened {
                    model: Box::new(load(OnnxEngine::Ort).map_err(flagged)?),
                    engine: Some(OnnxEngine::Ort),
                })
            }
            Err(error) => Err(flagged(error)),
        }
    }

    /// `[model]` of the spec.
    fn section(&self, root: &Path, gives: Gives, engine: Option<OnnxEngine>) -> String {
        let gives = gives.text();
        let key = |name: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!("{name} = {value:?}\n"))
        };
        let tensors = key("input", self.input.as_deref()) + &key("output", self.output.as_deref());
        if let Some(file) = &self.origin.model {
            let engine = key("engine", engine.map(OnnxEngine::text));
            return format!("[model]\nonnx = {file:?}\n{engine}{tensors}gives = \"{gives}\"\n");
        }
        if let Some(url) = &self.origin.endpoint {
            let token = key("token_variable", self.token_variable.as_deref());
            return format!("[model]\nendpoint = {url:?}\n{token}{tensors}gives = \"{gives}\"\n");
        }
        let mut files = self.origin.files(root);
        files
            .iter_mut()
            .for_each(|file| *file = format!("{file:?}"));
        format!(
            "[model]\nworker = {:?}\nfiles = [{}]          # all that decides its answers: add the weights\ngives = \"{gives}\"\n",
            self.origin.command(),
            files.join(", ")
        )
    }
}

/// How long a worker or an endpoint may take here.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a worker may take to end.
const PARTING: Duration = Duration::from_secs(5);

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let root = std::env::current_dir().map_err(|error| Error::new(ErrorKind::Usage, error))?;
    arguments.model.origin.check()?;
    let name = name(arguments)?;
    let found = Found::look(&root, arguments)?;
    say!("{}", found.words(arguments));
    say!("");
    let spec_path = format!("{FOLDER}/{name}.toml");
    // Without a package the subcommand is the harness.
    let package = root.join("Cargo.toml").is_file();
    let workflow = workflow(package, found.engine);
    let mut files = vec![
        (PathBuf::from(FOLDER).join("suite.toml"), found.suite()),
        (PathBuf::from(spec_path), found.spec(&root, arguments)),
        (PathBuf::from(".github/workflows/robustness.yml"), workflow),
    ];
    let (manifest, ignored) = if package {
        files.insert(
            0,
            (PathBuf::from("tests/robustness.rs"), HARNESS.to_owned()),
        );
        (
            manifest(
                &root,
                arguments.steadfast.as_deref(),
                found.feature(arguments),
            )?,
            None,
        )
    } else {
        (None, ignored(&root)?)
    };
    // All or nothing: what cannot be written is known before anything is.
    let fence = Fence::around(&root);
    for (path, _) in &files {
        let folder = fence.resolve(path.parent().unwrap_or(path));
        folder.map_err(|error| unwritten(path, &error))?;
    }
    let mut kept = Vec::new();
    files.retain(|(path, _)| {
        let there = root.join(path).exists();
        if there {
            kept.push(path.display().to_string());
        }
        !there
    });
    for (path, text) in &files {
        say!("would write {}:", path.display());
        print(&indent(text));
    }
    match &manifest {
        Some((_, added)) => {
            say!("would add to Cargo.toml:");
            print(&indent(added));
        }
        None if package => kept.push("Cargo.toml".to_owned()),
        None => {}
    }
    if ignored.is_some() {
        say!("would add to .gitignore:");
        print(&indent(&format!("{STATE}/")));
    }
    if !kept.is_empty() {
        say!("kept as they are: {}", kept.join(", "));
    }
    if !confirmed(arguments)? {
        say!("nothing was written; --yes writes without asking");
        return Ok(ExitCode::Good);
    }
    files.extend(manifest.map(|(text, _)| (PathBuf::from("Cargo.toml"), text)));
    files.extend(ignored.map(|text| (PathBuf::from(".gitignore"), text)));
    for (path, text) in &files {
        let written = fence.write(path, text.as_bytes());
        written.map_err(|error| unwritten(path, &error))?;
    }
    let test = match package {
        true => "cargo test --test robustness",
        false => "cargo steadfast test",
    };
    let bless = format!("cargo steadfast bless {name} --reason \"first baseline\"");
    let width = bless.len();
    say!("written. Next:");
    say!("  {test:width$}  # runs the cases: no baseline yet");
    say!("  {bless}  # accepts what they found");
    say!("  {test:width$}  # passes");
    Ok(ExitCode::Good)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("failed to write {}: {error}", path.display()),
    )
}

/// The lines of a file of ours, and an empty one.
fn indent(text: &str) -> Page {
    let mut page = Page::new();
    for line in text.lines() {
        page.line(format_args!("    {line}"));
    }
    page.line("");
    page
}

fn confirmed(arguments: &Arguments) -> Result<bool, Error> {
    if arguments.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let failed = |error| Error::new(ErrorKind::Usage, error);
    text::ask("write these? [y/N] ").map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn name(arguments: &Arguments) -> Result<String, Error> {
    let name = arguments.name.clone().unwrap_or_else(|| {
        let name = arguments.model.origin.name();
        name.to_lowercase().replace(' ', "_")
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
    /// What runs an ONNX file, where it is not the default.
    engine: Option<OnnxEngine>,
    gives: Gives,
    accuracy: f64,
    image: bool,
}

impl Found {
    fn look(root: &Path, arguments: &Arguments) -> Result<Self, Error> {
        let (data, range) = arguments.columns.open(root, &arguments.data)?;
        let chosen = unspecified::some(&data)?;
        let Opened { model, engine } = arguments.model.open(root, &data)?;
        let (gives, accuracy) = ask(model.as_ref(), &data, &chosen, arguments)?;
        Ok(Self {
            image: (2..=3).contains(&data.shape().len()),
            data,
            range,
            engine,
            gives,
            accuracy,
        })
    }

    fn words(&self, arguments: &Arguments) -> String {
        format!(
            "{}: {} examples of shape {:?}; {} answers with {} and is right on {:.1} % of them",
            arguments.data,
            self.data.len(),
            self.data.shape(),
            arguments.model.origin.shown(),
            self.gives.text(),
            100.0 * self.accuracy
        )
    }

    /// The feature of steadfast that a harness needs to open the model.
    fn feature(&self, arguments: &Arguments) -> Option<&'static str> {
        let served = arguments.model.origin.endpoint.is_some();
        match self.engine {
            Some(OnnxEngine::Ort) => Some("ort"),
            _ => served.then_some("endpoint"),
        }
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

    fn spec(&self, root: &Path, arguments: &Arguments) -> String {
        let (inputs, labels) = arguments.columns.names(&arguments.data);
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
             {}\n\
             [data]\npath = {:?}\ninputs = {:?}\nlabels = {:?}\n{range}\n\
             [gate]\nmargin = {}                  # the smallest that {} examples bear\n\n\
             [[perturbation]]\nkind = \"identity\"\n\n{perturbations}\n\
             [[metric]]\nkind = \"accuracy\"\n",
            arguments.model.section(root, self.gives, self.engine),
            arguments.data,
            inputs,
            labels,
            self.margin(),
            self.data.len()
        )
    }
}

/// What the answers are, and how many of some examples are right.
fn ask(
    model: &dyn Model,
    data: &Dataset,
    chosen: &Chosen,
    arguments: &Arguments,
) -> Result<(Gives, f64), Error> {
    let description = model.describe();
    let given = arguments.gives.as_deref().and_then(Gives::from_text);
    if let (Some(given), Some(declared)) = (given, description.gives)
        && given != declared
    {
        let (given, declared) = (given.text(), declared.text());
        return Err(usage(format!(
            "--gives {given}, and the model declares \"{declared}\". Leave the flag out, or correct the model"
        )));
    }
    let known = given.or(description.gives);
    engine::fit::check_shape(&description, data.shape())?;
    if let Some(gives) = known {
        engine::fit::check(&description, gives, &[], data)?;
    }
    let answers = engine::ask::answers(
        model,
        chosen.inputs.view(),
        unspecified::batch(data.shape()),
    )?;
    let gives = known.unwrap_or_else(|| guess(answers.view()));
    if (gives == Gives::PositiveProbability) != (answers.ncols() == 1) {
        return Err(usage(format!(
            "the model answers with {} numbers an example, and its answers are said to be \"{}\": one number is a positive_probability, and logits or probabilities are a number a class",
            answers.ncols(),
            gives.text()
        )));
    }
    if gives != Gives::Logits && !are_probabilities(answers.view()) {
        return Err(usage(format!(
            "the answers are said to be \"{}\", and are no numbers from 0 to 1 that sum to 1 where there are several. Are they logits?",
            gives.text()
        )));
    }
    if gives == Gives::Logits && description.gives.is_none() && are_probabilities(answers.view()) {
        return Err(usage(
            "--gives logits, and every answer is numbers from 0 to 1 that sum to 1: probabilities. Leave the flag out".to_owned(),
        ));
    }
    let answered = answers.rows().into_iter().zip(&chosen.labels);
    let right = answered.filter(|(answer, label)| unspecified::class(gives, *answer) == **label);
    Ok((gives, right.count() as f64 / chosen.labels.len() as f64))
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

fn guess(answers: ArrayView2<'_, f32>) -> Gives {
    match (answers.ncols(), are_probabilities(answers)) {
        (1, _) => Gives::PositiveProbability,
        (_, true) => Gives::Probabilities,
        _ => Gives::Logits,
    }
}

/// Whether each answer is one probability, or several that sum to 1, to rounding.
fn are_probabilities(answers: ArrayView2<'_, f32>) -> bool {
    const ROUNDING: f32 = 1e-3;
    let mut numbers = answers.iter();
    let mut rows = answers.rows().into_iter();
    numbers.all(|value| (-ROUNDING..=1.0 + ROUNDING).contains(value))
        && (answers.ncols() == 1 || rows.all(|row| (row.sum() - 1.0).abs() < ROUNDING))
}

/// `Cargo.toml` with what is missing, and the added part; `None`: nothing is missing.
fn manifest(
    root: &Path,
    steadfast: Option<&str>,
    feature: Option<&str>,
) -> Result<Option<(String, String)>, Error> {
    let path = root.join("Cargo.toml");
    let bytes = Fence::around(root).read(&path);
    let text = bytes.and_then(text).map_err(|error| {
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
        let version = env!("CARGO_PKG_VERSION");
        let mut table = InlineTable::new();
        match steadfast {
            Some(path) => table.insert("path", path.into()),
            None => table.insert("version", version.into()),
        };
        if let Some(feature) = feature {
            table.insert("features", [feature].into_iter().collect::<Array>().into());
        }
        let wanted = match (steadfast, feature) {
            (None, None) => value(version),
            _ => value(table),
        };
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
const COMPUTES: [&str; 17] = [
    "steadfast",
    "crc32fast",
    "fdeflate",
    "libm",
    "ndarray",
    "png",
    "rayon-core",
    "rten",
    "rten-base",
    "rten-gemm",
    "rten-simd",
    "rten-tensor",
    "rten-vecmath",
    "sha2",
    "simd-adler32",
    "zlib-rs",
    "zune-jpeg",
];

const HARNESS: &str = "//! Every spec of `robustness-specs/` against its baseline.\n\n\
fn main() -> std::process::ExitCode {\n    steadfast::harness().run()\n}\n";

const WORKFLOW: &str = include_str!("workflow.yml");

/// The workflow of a package, or of a repository with the subcommand alone.
fn workflow(package: bool, engine: Option<OnnxEngine>) -> String {
    let test = "      - run: cargo test --test robustness\n";
    let (library, feature) = match engine {
        Some(OnnxEngine::Ort) => (
            "      - run: pip install \"onnxruntime>=1.20\"\n",
            " --features ort",
        ),
        _ => ("", ""),
    };
    if package {
        return WORKFLOW.replace(test, &format!("{library}{test}"));
    }
    WORKFLOW
        .replace(
            &format!("      - uses: Swatinem/rust-cache@v2\n{test}"),
            &format!(
                "      - run: cargo install cargo-steadfast --locked{feature}\n\
                 \x20     # What the model itself needs goes here: pip install -r requirements.txt\n\
                 {library}\
                 \x20     - run: cargo steadfast test\n"
            ),
        )
        .replace("target/steadfast/records", &format!("{STATE}/records"))
}

fn text(bytes: Vec<u8>) -> std::io::Result<String> {
    let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    String::from_utf8(bytes).map_err(invalid)
}

/// `.gitignore` with the state folder, where it lacks it.
fn ignored(root: &Path) -> Result<Option<String>, Error> {
    let bytes = Fence::around(root).read(Path::new(".gitignore"));
    let mut text = match bytes.and_then(text) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let message = format!("failed to read .gitignore: {error}");
            return Err(Error::new(ErrorKind::Usage, message));
        }
    };
    let there = |line: &str| line.trim().trim_matches('/') == STATE;
    if text.lines().any(there) {
        return Ok(None);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("{STATE}/\n"));
    Ok(Some(text))
}
