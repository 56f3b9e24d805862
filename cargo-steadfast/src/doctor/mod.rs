//! `doctor`: whether a model runs here, on which engines, how far their answers are
//! apart on some examples, and how fast each is.

mod examine;
mod sample;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use steadfast::engine::{self, LoadedModel};
use steadfast::error::{Error, ErrorKind};
use steadfast::model::onnx::{self, OnnxEngine};
use steadfast::model::{Model, ModelError};
use steadfast::spec::{FOLDER, ModelOrigin, Spec};
use steadfast::text::{Page, print};

use self::examine::examine;
use self::sample::Sample;
use crate::exit_code::ExitCode;
use crate::repository::Repository;
use crate::unspecified;
use crate::unspecified::{Columns, flagged};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// An ONNX file; or a spec, by its name or its file: its model, asked about its data
    model: String,
    /// The labelled data to ask an ONNX file about (.npz, or the .csv that labels a folder
    /// of images); random numbers where not given
    #[arg(long)]
    data: Option<String>,
    #[command(flatten)]
    columns: Columns,
    /// The input tensor of an ONNX file; the only one where not given
    #[arg(long)]
    input: Option<String>,
    /// The output tensor of an ONNX file; the only one where not given
    #[arg(long)]
    output: Option<String>,
    /// Examples a call; where not given the spec's batch, and for a file 64, or as many as
    /// a million numbers are
    #[arg(long, value_parser = clap::value_parser!(u16).range(2..))]
    batch: Option<u16>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let path = Path::new(&arguments.model);
    let batch = arguments.batch.map(usize::from);
    let extension = path.extension().unwrap_or_default();
    if extension == "onnx" || path.is_file() && extension != "toml" {
        return file(arguments, batch);
    }
    let only_for_files = arguments.data.is_some()
        || arguments.columns.inputs.is_some()
        || arguments.columns.labels.is_some()
        || arguments.columns.ids.is_some()
        || arguments.input.is_some()
        || arguments.output.is_some();
    if only_for_files {
        return Err(usage(
            "--data, --inputs, --labels, --ids, --input and --output go with an ONNX file; a spec names its own".to_owned(),
        ));
    }
    let repository = Repository::open().map_err(|error| {
        usage(format!(
            "{} is no ONNX file, and no spec: {error}",
            arguments.model
        ))
    })?;
    of_spec(
        find(&repository, &arguments.model)?.as_ref(),
        &repository,
        batch,
    )
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

/// The spec of a name, or of a file in the folder of specs.
fn find(repository: &Repository, wanted: &str) -> Result<Arc<Spec>, Error> {
    let path = Path::new(wanted);
    let name = match path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        true => path.file_stem().unwrap_or_default().to_string_lossy(),
        false => wanted.into(),
    };
    let specs = &repository.specs;
    if let Some(spec) = specs.specs.iter().find(|spec| spec.name == name) {
        return Ok(Arc::clone(spec));
    }
    if let Some((_, error)) = specs.errors.iter().find(|(stem, _)| *stem == name) {
        return Err(Error::new(ErrorKind::Spec, error.page()));
    }
    let known: Vec<&str> = specs.specs.iter().map(|spec| spec.name.as_str()).collect();
    Err(usage(format!(
        "{wanted} is no ONNX file, and no spec in {FOLDER}/; there are {}",
        known.join(", ")
    )))
}

/// An ONNX file of which no spec says anything.
fn file(arguments: &Arguments, batch: Option<usize>) -> Result<ExitCode, Error> {
    let here = std::env::current_dir().map_err(|error| usage(error.to_string()))?;
    let mut request = onnx::Request {
        path: here.join(&arguments.model),
        shown: arguments.model.clone(),
        input: arguments.input.clone(),
        output: arguments.output.clone(),
        engine: OnnxEngine::Rten,
        gradient: Some(onnx::Rounding::Refused),
        examples: None,
        batch: batch.unwrap_or(unspecified::BATCH),
    };
    let contents = describe(&request)?;
    let sample = match &arguments.data {
        Some(path) => {
            let data = arguments.columns.open(&here, path)?.data;
            request.batch = batch.unwrap_or_else(|| unspecified::batch(data.shape()));
            request.examples = engine::tried(&data, request.batch);
            Some(Sample::of(&data, path.clone())?)
        }
        None => {
            let input = contents.input(request.input.as_deref());
            let shape = input.and_then(onnx::Tensor::example);
            let sample = shape.and_then(|shape| Sample::random(&shape, batch));
            request.examples = sample.as_ref().map(Sample::tried);
            sample
        }
    };
    Ok(examine(&on_engines(&request, None), sample, None, batch))
}

/// The model of a spec, asked about the data of the spec.
fn of_spec(spec: &Spec, repository: &Repository, batch: Option<usize>) -> Result<ExitCode, Error> {
    let data = || {
        let data = repository.context.dataset(spec).map_err(Error::from)?;
        Sample::of(&data, spec.data.path.value.clone()).map(Some)
    };
    let batch = batch.or(Some(spec.model.batch.max(2)));
    match &spec.model.origin {
        ModelOrigin::Onnx(onnx) => {
            let request = repository.context.onnx_request(spec, onnx);
            let request = request.map_err(Error::from)?;
            describe(&request)?;
            let ways = on_engines(&request, Some(request.engine));
            Ok(examine(&ways, data()?, spec.model.gives, batch))
        }
        ModelOrigin::Registered(name) => Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "the model \"{}\" is registered in the test binary, which alone can open it: cargo test --test robustness",
                name.value
            ),
        )),
        origin => {
            say!("{}", origin.text());
            let started = Instant::now();
            let opened = repository.context.model(spec).map_err(Error::from)?;
            let description = &opened.description;
            let mut title = description.engine.clone();
            title.extend(
                description
                    .version
                    .iter()
                    .map(|version| format!(" {version}")),
            );
            let missing = (!description.gradient).then(|| "the model declares none".to_owned());
            let (time, gives) = (started.elapsed(), opened.gives);
            let model = Handle::Other(opened);
            let opened = Ok(Opened {
                model,
                missing,
                time,
            });
            let way = Way {
                title,
                own: true,
                opened,
            };
            Ok(examine(&[way], data()?, Some(gives), batch))
        }
    }
}

/// Says what a file says of itself.
fn describe(request: &onnx::Request) -> Result<onnx::Contents, Error> {
    let contents = onnx::inspect(&request.path, &request.shown)?;
    say!("{}", request.shown);
    line("digest", &contents.digest.to_string());
    line("operators", &contents.operator_sets.join(", "));
    for input in &contents.inputs {
        line("input", &input.to_string());
    }
    for output in &contents.outputs {
        line("output", &output.to_string());
    }
    Ok(contents)
}

fn line(what: &str, words: &str) {
    say!("  {what:<11} {words}");
}

/// The same of an error, of several lines perhaps.
fn error_line(what: &str, error: &Page) {
    print(&Page::headed(format_args!("  {what:<11} "), error));
}

/// A way to run the model.
struct Way {
    title: String,
    /// Whether a spec names it.
    own: bool,
    opened: Result<Opened, Page>,
}

struct Opened {
    model: Handle,
    /// Why it has no gradients, where it has none.
    missing: Option<String>,
    /// What opening it took.
    time: Duration,
}

enum Handle {
    Onnx(Box<onnx::OnnxModel>),
    Other(Arc<LoadedModel>),
}

impl Handle {
    fn model(&self) -> &dyn Model {
        match self {
            Self::Onnx(model) => model.as_ref(),
            Self::Other(loaded) => loaded.model(),
        }
    }
}

/// Both engines, and the file on each; `named` is the one of the spec, and says with
/// which execution provider ONNX Runtime is asked.
fn on_engines(request: &onnx::Request, named: Option<OnnxEngine>) -> Vec<Way> {
    let other = named.filter(|&engine| engine != OnnxEngine::Rten);
    let engines = [
        (OnnxEngine::Rten, "rten"),
        (other.unwrap_or(OnnxEngine::Ort), "ONNX Runtime"),
    ];
    let ways = engines.map(|(engine, name)| {
        let own = named == Some(engine);
        let (words, opened) = match onnx::available(engine) {
            Err(reason) => {
                let message = Page::of(format_args!("not here: {reason}"));
                (name.to_owned(), Err(message))
            }
            Ok(words) => {
                let opened = on(engine, request).map_err(|error| match named {
                    Some(_) => Error::from(error),
                    None => flagged(error),
                });
                (words, opened.map_err(|error| error.page()))
            }
        };
        let unfused = opened.as_ref().is_ok_and(|opened| {
            let engine = opened.model.model().describe().engine;
            engine.ends_with("without fusions")
        });
        let plain = match unfused {
            true => ", without its fusions of nodes, which change the answers",
            false => "",
        };
        let mark = if own { " (the spec's)" } else { "" };
        Way {
            title: format!("{words}{plain}{mark}"),
            own,
            opened,
        }
    });
    ways.into()
}

fn on(engine: OnnxEngine, request: &onnx::Request) -> Result<Opened, ModelError> {
    let started = Instant::now();
    let request = onnx::Request {
        engine,
        ..request.clone()
    };
    let (model, missing) = onnx::load_apart(&request, &unspecified::limits())?;
    Ok(Opened {
        model: Handle::Onnx(Box::new(model)),
        missing: missing.map(|error| Error::from(error).to_string()),
        time: started.elapsed(),
    })
}
