//! The model that `init` is given: an ONNX file, a program, a server; how it is opened,
//! and how a spec names it.

use std::path::Path;
use std::time::Duration;

use steadfast::data::Dataset;
use steadfast::engine;
use steadfast::error::{Error, ErrorKind};
use steadfast::model::onnx::{self, OnnxEngine, Tensor};
use steadfast::model::{Gives, Model, endpoint, worker};
use steadfast::spec::address::{self, Address};

use super::usage;
use crate::unspecified;
use crate::unspecified::flagged;

/// The model: where it is, and what of it is meant.
#[derive(clap::Args)]
pub struct ModelArguments {
    #[command(flatten)]
    pub origin: Origin,
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
pub struct Origin {
    /// The ONNX model, relative to this folder
    #[arg(long, value_name = "FILE")]
    model: Option<String>,
    /// The program that answers for the model, with its arguments, quoted as in a shell:
    /// "python3 model.py"
    #[arg(long, value_name = "COMMAND")]
    worker: Option<String>,
    /// Where the model is served (Open Inference Protocol v2)
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
}

impl Origin {
    /// What it is called in messages.
    pub fn shown(&self) -> &str {
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
    pub fn check(&self) -> Result<(), Error> {
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
    pub fn name(&self) -> String {
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

/// A model, and how a spec names it.
pub struct Opened {
    /// The model; or why it is not here to be asked, and what to do.
    pub model: Result<Box<dyn Model>, String>,
    /// What runs an ONNX file, where it is not the default.
    pub engine: Option<OnnxEngine>,
    /// The output, where one is to be named.
    pub output: Option<String>,
}

impl ModelArguments {
    /// Opens it for some data.
    pub fn open(&self, root: &Path, data: &Dataset) -> Result<Opened, Error> {
        let other = |model| Opened {
            model: Ok(model),
            engine: None,
            output: self.output.clone(),
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

    /// The file on the embedded engine; on ONNX Runtime where the other does not take it,
    /// whether or not that is here.
    fn onnx(&self, root: &Path, file: &str, data: &Dataset) -> Result<Opened, Error> {
        let path = root.join(file);
        let output = match &self.output {
            Some(named) => Some(named.clone()),
            None => scores(&onnx::inspect(&path, file)?.outputs)?,
        };
        let batch = unspecified::batch(data.shape());
        let load = |engine| {
            let request = onnx::Request {
                path: path.clone(),
                shown: file.to_owned(),
                input: self.input.clone(),
                output: output.clone(),
                engine,
                gradient: None,
                examples: engine::tried(data, batch),
                batch,
            };
            let opened = onnx::load_apart(&request, &unspecified::limits());
            opened.map(|(model, _)| Box::new(model) as Box<dyn Model>)
        };
        let (model, engine) = match load(OnnxEngine::Rten) {
            Ok(model) => (Ok(model), None),
            Err(error) if error.proposes_onnx_runtime() => {
                let model = match onnx::available(OnnxEngine::Ort) {
                    Ok(_) => Ok(load(OnnxEngine::Ort).map_err(flagged)?),
                    Err(missing) => Err(format!("{error}. ONNX Runtime: {missing}")),
                };
                (model, Some(OnnxEngine::Ort))
            }
            Err(error) => return Err(flagged(error)),
        };
        Ok(Opened {
            model,
            engine,
            output,
        })
    }

    /// `[model]` of the spec.
    pub fn section(
        &self,
        root: &Path,
        gives: Gives,
        (engine, output): (Option<OnnxEngine>, Option<&str>),
    ) -> String {
        let gives = gives.text();
        let key = |name: &str, value: Option<&str>| {
            value.map_or(String::new(), |value| format!("{name} = {value:?}\n"))
        };
        let tensors = key("input", self.input.as_deref()) + &key("output", output);
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

/// The output of scores, where there are several: the only float32 one, or the only one
/// of those that is called after probabilities. `None`: there is one output, or it cannot
/// be told.
///
/// # Errors
/// Where the scores are dictionaries.
fn scores(outputs: &[Tensor]) -> Result<Option<String>, Error> {
    if outputs.len() < 2 {
        return Ok(None);
    }
    let floats: Vec<&Tensor> = outputs.iter().filter(|it| it.is_float32()).collect();
    if floats.is_empty()
        && let Some(list) = outputs.iter().find(|output| !output.is_tensor())
    {
        return Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "the output `{}` is a list of dictionaries, not a table of scores. Export the model with a table: to_onnx(model, x[:1], options={{id(model): {{\"zipmap\": False}}}})",
                list.name
            ),
        ));
    }
    let called = floats.iter().copied().filter(|it| is_probability(&it.name));
    let called: Vec<&Tensor> = called.collect();
    Ok(match (floats.as_slice(), called.as_slice()) {
        ([only], _) | (_, [only]) => Some(only.name.clone()),
        _ => None,
    })
}

/// Whether an output is called after probabilities, as scikit-learn's are.
pub fn is_probability(name: &str) -> bool {
    name.to_ascii_lowercase().contains("prob")
}
