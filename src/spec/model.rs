//! `[model]`: the four ways in, which keys belong to which, and their defaults.

use std::time::Duration;

use super::address::{self, Address};
use super::diagnostic::Problem;
use super::parse::{choice, size, texts};
use super::read::{Located, Reader, Section};
use super::value::{Gives, OnnxEngine};

/// `[model]`.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelSpec {
    /// Where it comes from.
    pub origin: ModelOrigin,
    /// Tensor names.
    pub input: Option<String>,
    /// Likewise.
    pub output: Option<String>,
    /// What the answers are, where the spec says it.
    pub gives: Option<Gives>,
    /// What identifies a registered model or a worker.
    pub files: Vec<Located<String>>,
    /// Examples a forward pass.
    pub batch: usize,
    /// Whether answers vary.
    pub stochastic: bool,
}

/// Where a model comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelOrigin {
    /// An ONNX file.
    Onnx(OnnxSpec),
    /// A Rust model of this name, registered in the harness.
    Registered(Located<String>),
    /// A program that answers over a pipe.
    Worker(WorkerSpec),
    /// A model that is served.
    Endpoint(EndpointSpec),
}

/// An ONNX file.
#[derive(Clone, Debug, PartialEq)]
pub struct OnnxSpec {
    /// The file, relative to the repository's root.
    pub path: Located<String>,
    /// What runs it.
    pub engine: OnnxEngine,
    /// Whether gradients pass rounding as if it were not there.
    pub straight_through: bool,
    /// The most bytes of memory that its trial may take.
    pub open_memory: u64,
    /// How long the trial may take.
    pub open: Duration,
}

/// A program that answers over a pipe.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkerSpec {
    /// The program and its arguments.
    pub command: Located<Vec<String>>,
    /// Processes side by side.
    pub workers: usize,
    /// How long it may take to start.
    pub start: Duration,
    /// How long it may take to answer a batch.
    pub answer: Duration,
    /// How long it may take to end.
    pub stop: Duration,
}

/// A model that is served by the Open Inference Protocol v2.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointSpec {
    /// `http://host:8080/v2/models/digits`.
    pub url: Located<String>,
    /// Requests in hand at once.
    pub connections: usize,
    /// How long a batch may take, retries included.
    pub answer: Duration,
    /// How often a request is sent again.
    pub retries: u32,
    /// The environment variable that holds the bearer token.
    pub token_variable: Option<Located<String>>,
}

impl ModelOrigin {
    /// In words, as identities have it: `onnx models/digits.onnx`.
    pub fn text(&self) -> String {
        match self {
            Self::Onnx(onnx) => format!("onnx {}", onnx.path.value),
            Self::Registered(name) => format!("registered {}", name.value),
            Self::Worker(worker) => format!("worker {}", worker.command.value.join(" ")),
            Self::Endpoint(endpoint) => format!("endpoint {}", endpoint.url.value),
        }
    }
}

/// A way in: its key, the keys that are of use with it alone, and what a value of it
/// looks like.
struct Way {
    key: &'static str,
    own: &'static [&'static str],
    example: &'static str,
}

const WAYS: [Way; 4] = [
    Way {
        key: "onnx",
        own: &[
            "input",
            "output",
            "engine",
            "straight_through",
            "open_memory",
            "open_seconds",
        ],
        example: "onnx = \"models/….onnx\"",
    },
    Way {
        key: "registered",
        own: &["files"],
        example: "registered = \"name\" for a Rust model",
    },
    Way {
        key: "worker",
        own: &[
            "files",
            "workers",
            "start_seconds",
            "answer_seconds",
            "stop_seconds",
        ],
        example: "worker = [\"python3\", \"model.py\"]",
    },
    Way {
        key: "endpoint",
        own: &[
            "input",
            "output",
            "connections",
            "retries",
            "answer_seconds",
            "token_variable",
        ],
        example: "endpoint = \"http://…/v2/models/…\"",
    },
];

/// Reads the section; what is wrong with it is reported.
pub(super) fn parse(reader: &mut Reader<'_>, section: &Section) -> Option<ModelSpec> {
    let way = way(reader, section)?;
    refuse_keys_of_others(reader, section, way);
    let gives = choice(section, "gives", Gives::from_text);
    let silent = gives.is_none() && !section.order.iter().any(|key| key == "gives");
    if silent && matches!(way.key, "onnx" | "endpoint") {
        reader.report(
            section.span.clone(),
            format!(
                "[model] has no `gives`, and {} does not say what its answers are",
                if way.key == "onnx" {
                    "an ONNX file"
                } else {
                    "an endpoint"
                }
            ),
            "must be given here",
            Some("gives = \"logits\", \"probabilities\" or \"positive_probability\"".to_owned()),
        );
    }
    Some(ModelSpec {
        origin: origin(reader, section, way)?,
        input: section.text("input").map(str::to_owned),
        output: section.text("output").map(str::to_owned),
        gives,
        files: texts(section, "files"),
        batch: whole(section, "batch", 64),
        stochastic: section.boolean("stochastic").copied().unwrap_or(false),
    })
}

/// The one way in that is given.
fn way(reader: &mut Reader<'_>, section: &Section) -> Option<&'static Way> {
    let written: Vec<&Way> = section
        .order
        .iter()
        .filter_map(|key| WAYS.iter().find(|way| way.key == key))
        .collect();
    match written.as_slice() {
        // What is written wrongly is reported already.
        [only] => section.entries.contains_key(only.key).then_some(*only),
        [] => {
            let examples = WAYS.map(|way| way.example).join(", or ");
            reader.report(
                section.span.clone(),
                "[model] does not say which model".to_owned(),
                "must be given here",
                Some(examples),
            );
            None
        }
        [first, second, ..] => {
            reader.report(
                section.place(second.key),
                format!("[model] has both `{}` and `{}`", first.key, second.key),
                "one too many",
                Some("a spec has one model: keep one of the two".to_owned()),
            );
            None
        }
    }
}

/// A key that says nothing about this kind of model is a mistake.
fn refuse_keys_of_others(reader: &mut Reader<'_>, section: &Section, way: &Way) {
    for key in &section.order {
        let owners: Vec<&str> = WAYS
            .iter()
            .filter(|other| other.own.contains(&key.as_str()))
            .map(|other| other.key)
            .collect();
        if owners.is_empty() || owners.contains(&way.key) {
            continue;
        }
        reader.report(
            section.place(key),
            format!(
                "`{key}` is of models given by {}, and this one is given by `{}`",
                owners
                    .iter()
                    .map(|owner| format!("`{owner}`"))
                    .collect::<Vec<_>>()
                    .join(" or "),
                way.key
            ),
            "of no use here",
            Some("remove it".to_owned()),
        );
    }
}

fn origin(reader: &mut Reader<'_>, section: &Section, way: &Way) -> Option<ModelOrigin> {
    Some(match way.key {
        "onnx" => ModelOrigin::Onnx(OnnxSpec {
            path: section.located_text("onnx")?,
            engine: choice(section, "engine", OnnxEngine::from_text).unwrap_or(OnnxEngine::Rten),
            straight_through: section
                .boolean("straight_through")
                .copied()
                .unwrap_or(false),
            open_memory: size(section, "open_memory", 8 << 30),
            open: seconds(section, "open_seconds", 300),
        }),
        "registered" => ModelOrigin::Registered(section.located_text("registered")?),
        "worker" => {
            let command = texts(section, "worker");
            if command
                .first()
                .is_none_or(|program| program.value.is_empty())
            {
                reader.report(
                    section.place("worker"),
                    "`worker` names no program".to_owned(),
                    "the program and its arguments",
                    Some("worker = [\"python3\", \"model.py\"]".to_owned()),
                );
                return None;
            }
            ModelOrigin::Worker(WorkerSpec {
                command: Located {
                    value: command.into_iter().map(|part| part.value).collect(),
                    span: section.place("worker"),
                },
                workers: whole(section, "workers", 1),
                start: seconds(section, "start_seconds", 60),
                answer: seconds(section, "answer_seconds", 60),
                stop: seconds(section, "stop_seconds", 5),
            })
        }
        _ => ModelOrigin::Endpoint(EndpointSpec {
            url: url(reader, section)?,
            connections: whole(section, "connections", 4),
            answer: seconds(section, "answer_seconds", 60),
            retries: section
                .integer("retries")
                .and_then(|&retries| u32::try_from(retries).ok())
                .unwrap_or(4),
            token_variable: section.located_text("token_variable"),
        }),
    })
}

/// The URL of a model. Where it holds a secret, it is not shown.
fn url(reader: &mut Reader<'_>, section: &Section) -> Option<Located<String>> {
    let url = section.located_text("endpoint")?;
    let Err(wrong) = Address::parse(&url.value) else {
        return Some(url);
    };
    reader.problems.push(Problem {
        message: format!("`endpoint` is no URL of a model: {}", wrong.reason),
        label: "here".to_owned(),
        span: section.place("endpoint"),
        help: Some(address::CURE.to_owned()),
        secret: wrong.secret,
    });
    None
}

/// The whole number at `key`, whose bounds the grammar has checked.
fn whole(section: &Section, key: &str, absent: usize) -> usize {
    section
        .integer(key)
        .and_then(|&number| usize::try_from(number).ok())
        .unwrap_or(absent)
}

fn seconds(section: &Section, key: &str, absent: u64) -> Duration {
    section
        .number(key)
        .and_then(|number| Duration::try_from_secs_f64(number.value()).ok())
        .unwrap_or(Duration::from_secs(absent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::Catalogue;
    use crate::spec::grammar::MODEL;

    /// The model of a section of these lines, or what is wrong with them.
    fn model(lines: &str) -> Result<ModelSpec, String> {
        let catalogue = Catalogue::default();
        let mut reader = Reader {
            catalogue: &catalogue,
            problems: Vec::new(),
        };
        let section = reader.document(lines, MODEL).unwrap();
        let model = parse(&mut reader, &section);
        let problems = reader.problems.into_iter();
        let problems: Vec<String> = problems.map(|problem| problem.message).collect();
        match (model, problems.as_slice()) {
            (Some(model), []) => Ok(model),
            _ => Err(problems.join("; ")),
        }
    }

    #[test]
    fn each_way_in_has_its_keys_and_defaults() {
        let onnx = model("onnx = \"m.onnx\"\ngives = \"logits\"\nengine = \"ort\"").unwrap();
        assert!(matches!(
            &onnx.origin,
            ModelOrigin::Onnx(onnx) if onnx.engine == OnnxEngine::Ort && !onnx.straight_through
        ));
        let worker = model(
            "worker = [\"python3\", \"model.py\"]\nfiles = [\"model.py\"]\nworkers = 3\nanswer_seconds = 0.5",
        )
        .unwrap();
        let ModelOrigin::Worker(program) = &worker.origin else {
            panic!("{:?} is no worker", worker.origin);
        };
        assert_eq!(
            *program,
            WorkerSpec {
                command: Located {
                    value: vec!["python3".to_owned(), "model.py".to_owned()],
                    span: program.command.span.clone(),
                },
                workers: 3,
                start: Duration::from_secs(60),
                answer: Duration::from_millis(500),
                stop: Duration::from_secs(5),
            }
        );
        assert_eq!(worker.origin.text(), "worker python3 model.py");
        let url = "http://localhost:8080/v2/models/digits";
        let endpoint = model(&format!(
            "endpoint = \"{url}\"\ngives = \"probabilities\"\nretries = 0\ntoken_variable = \"TOKEN\""
        ))
        .unwrap();
        let ModelOrigin::Endpoint(endpoint) = endpoint.origin else {
            panic!("{:?} is no endpoint", endpoint.origin);
        };
        assert_eq!((endpoint.url.value.as_str(), endpoint.retries), (url, 0));
        assert_eq!(
            endpoint.token_variable.map(|name| name.value).as_deref(),
            Some("TOKEN")
        );
        assert_eq!(endpoint.connections, 4);
    }

    #[test]
    fn what_does_not_fit_the_way_in_is_refused_with_the_cure() {
        for (lines, message) in [
            (
                "onnx = \"m.onnx\"\nworker = [\"m\"]\ngives = \"logits\"",
                "[model] has both `onnx` and `worker`",
            ),
            ("gives = \"logits\"", "[model] does not say which model"),
            (
                "onnx = \"m.onnx\"",
                "an ONNX file does not say what its answers are",
            ),
            (
                "endpoint = \"http://h/v2/models/m\"",
                "an endpoint does not say what its answers are",
            ),
            (
                "registered = \"mine\"\ninput = \"x\"",
                "`input` is of models given by `onnx` or `endpoint`, and this one is given by `registered`",
            ),
            (
                "onnx = \"m.onnx\"\ngives = \"logits\"\nworkers = 2",
                "`workers` is of models given by `worker`, and this one is given by `onnx`",
            ),
            ("worker = []", "`worker` names no program"),
            ("worker = [\"m\"]\nstart_seconds = 0", "start_seconds"),
        ] {
            let error = model(lines).unwrap_err();
            assert!(error.contains(message), "{lines}: {error}");
        }
    }
}
