//! A served model as the engine's model.

use ndarray::{Array2, ArrayViewD, Axis, concatenate};

use super::http::{Client, Question};
use super::protocol::{self, Config, Metadata, Readiness, Server, Tensor};
use super::token::Token;
use super::{EndpointError, Request};
use crate::model::{Description, Model, ModelError, is_vast};
use crate::spec::address::Address;

/// A model on a server.
pub struct EndpointModel {
    client: Client,
    /// Where batches are sent.
    url: String,
    input: String,
    output: Option<String>,
    batch: Batch,
    /// Whether numbers go as bytes.
    binary: bool,
    description: Description,
}

/// How many examples a model takes at once.
enum Batch {
    Any,
    Exactly(usize),
    AtMost(usize),
}

impl EndpointModel {
    /// Asks the server what its model is.
    pub(super) fn open(request: &Request) -> Result<Self, EndpointError> {
        let address = Address::parse(&request.url)?;
        let token = match &request.token_variable {
            Some(_) if address.open => {
                return Err(EndpointError::Token(
                    "over http:// the token could be read on the way. Use https://, or a server on this machine".to_owned(),
                ));
            }
            Some(name) => Some(Token::from_variable(name)?),
            None => None,
        };
        let client = Client::new(request, token, &address)?;
        let model = address.model();
        let wrong = |reason: String| EndpointError::Answer {
            url: model.clone(),
            reason: client.words(reason.as_bytes()),
        };
        let page = client.ask(&model, &Question::Get)?;
        let metadata: Metadata = serde_json::from_slice(&page.body).map_err(|error| {
            wrong(format!(
                "this is no description of a model by the Open Inference Protocol v2: {error}. Look at the path in model.endpoint. It said: {}",
                client.words(&page.body)
            ))
        })?;
        ready(&client, &model)?;
        // Not every server describes itself; none has to.
        let about = client.ask(&format!("{}/v2", address.server), &Question::Get);
        let server: Server = about
            .ok()
            .and_then(|page| serde_json::from_slice(&page.body).ok())
            .unwrap_or_default();

        let offers = |name: &str| server.extensions.iter().any(|offered| offered == name);
        let most = if offers("model_configuration") {
            let page = client.ask(&format!("{model}/config"), &Question::Get)?;
            let config: Config = serde_json::from_slice(&page.body).unwrap_or_default();
            config.max_batch_size
        } else {
            0
        };

        let inputs = metadata.inputs.as_deref().unwrap_or_default();
        let input = choose("input", inputs, request.input.as_deref()).map_err(&wrong)?;
        if let Some(tensor) = inputs.iter().find(|tensor| tensor.name == input)
            && !matches!(tensor.datatype.as_str(), "FP32" | "")
        {
            return Err(wrong(format!(
                "the input `{input}` holds {}, and examples are FP32. Serve the model with a float32 input and a cast behind it",
                tensor.datatype
            )));
        }
        let outputs = metadata.outputs.as_deref().unwrap_or_default();
        let output = match (request.output.as_deref(), outputs) {
            (None, []) => None,
            (wanted, _) => Some(choose("output", outputs, wanted).map_err(&wrong)?),
        };
        let shape = |tensors: &[Tensor], name: &str| -> Vec<Option<usize>> {
            let tensor = tensors.iter().find(|tensor| tensor.name == name);
            let sizes = tensor.map_or(&[] as &[i64], |tensor| &tensor.shape).iter();
            sizes.map(|&size| usize::try_from(size).ok()).collect()
        };
        let (batch, input_shape) = match shape(inputs, &input).as_slice() {
            [batch, example @ ..] => (*batch, example.to_vec()),
            [] => (None, Vec::new()),
        };
        let scores = output.as_deref().map(|name| shape(outputs, name));
        let classes = match scores.as_deref() {
            Some([_, Some(classes)]) if *classes > 1 => Some(*classes),
            _ => None,
        };
        let words = [&server.name, &server.version, &metadata.platform];
        let words: Vec<&str> = words
            .into_iter()
            .map(String::as_str)
            .filter(|word| !word.is_empty())
            .collect();
        // What is recorded is a server's words as well.
        let engine = match words.as_slice() {
            [] => "endpoint".to_owned(),
            words => client.words(format!("endpoint {}", words.join(" ")).as_bytes()),
        };
        let versions = metadata.versions.unwrap_or_default();
        let asked = address.path.split_once("/versions/");
        let version = match asked {
            Some((_, version)) => Some(version.to_owned()),
            None => (!versions.is_empty()).then(|| versions.join(", ")),
        };
        let version = version.map(|version| {
            client.redact(&format!(
                "{} {} {version}",
                metadata.name, metadata.platform
            ))
        });
        if let Some(size) = batch.filter(|&size| is_vast(size, &input_shape)) {
            return Err(wrong(format!(
                "the input `{input}` declares batches of {size} examples, up to which every question would be filled. Serve the model with a free batch axis"
            )));
        }
        let batch = match batch {
            Some(size) if size > 0 => Batch::Exactly(size),
            _ if most > 0 => Batch::AtMost(most),
            _ => Batch::Any,
        };
        Ok(Self {
            url: format!("{model}/infer"),
            binary: offers("binary_tensor_data"),
            client,
            input,
            output,
            batch,
            description: Description {
                classes,
                input_shape,
                engine,
                version,
                at_once: Some(request.connections),
                ..Description::default()
            },
        })
    }

    /// The answers to one batch.
    fn answer(&self, batch: &ArrayViewD<'_, f32>) -> Result<Array2<f32>, EndpointError> {
        let output = self.output.as_deref();
        let (body, json) = protocol::request(batch, &self.input, output, self.binary);
        let question = Question::Post { body: &body, json };
        let answer = self.client.ask(&self.url, &question)?;
        let count = batch.len_of(Axis(0));
        protocol::answer(&answer.body, answer.json, output, count).map_err(|reason| {
            EndpointError::Answer {
                url: self.url.clone(),
                reason: self.client.words(reason.as_bytes()),
            }
        })
    }

    /// The answers to at most `size` examples, asked for in a batch of that many: the
    /// last example is repeated to fill up.
    fn answer_of_size(
        &self,
        batch: &ArrayViewD<'_, f32>,
        size: usize,
    ) -> Result<Array2<f32>, EndpointError> {
        let count = batch.len_of(Axis(0));
        if count == size {
            return self.answer(batch);
        }
        let rows: Vec<usize> = (0..size).map(|row| row.min(count - 1)).collect();
        let mut answers = self.answer(&batch.select(Axis(0), &rows).view())?;
        answers.slice_axis_inplace(Axis(0), (..count).into());
        Ok(answers)
    }
}

impl Model for EndpointModel {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        let size = match self.batch {
            Batch::Any => return Ok(self.answer(&inputs)?),
            Batch::Exactly(size) | Batch::AtMost(size) => size,
        };
        // What is left over is no batch of one, where the model takes more.
        let fill = |count: usize| match self.batch {
            Batch::Exactly(size) => size,
            _ => count.max(size.min(2)),
        };
        let answers: Vec<Array2<f32>> = inputs
            .axis_chunks_iter(Axis(0), size)
            .map(|chunk| self.answer_of_size(&chunk, fill(chunk.len_of(Axis(0)))))
            .collect::<Result<_, _>>()?;
        let views: Vec<_> = answers.iter().map(|answers| answers.view()).collect();
        concatenate(Axis(0), &views)
            .map_err(|error| ModelError::Failed(format!("its answers do not fit: {error}")))
    }
}

/// Whether the server calls a model ready that it describes. One that is being loaded
/// (503) is waited for; a server that has no such page is taken at its description.
fn ready(client: &Client, model: &str) -> Result<(), EndpointError> {
    let not = |words: &str| EndpointError::Answer {
        url: model.to_owned(),
        reason: format!(
            "the server knows the model, and it is not ready ({words}). Load it, or look at the server's log for why it is not"
        ),
    };
    match client.ask(&format!("{model}/ready"), &Question::Get) {
        Ok(page) => {
            let page: Readiness = serde_json::from_slice(&page.body).unwrap_or_default();
            match page.ready {
                Some(false) => Err(not("`ready` is false")),
                _ => Ok(()),
            }
        }
        Err(EndpointError::Refused {
            status: 404 | 405 | 501,
            ..
        }) => Ok(()),
        Err(EndpointError::Refused { status, words, .. }) => {
            Err(not(&format!("{status}: {words}")))
        }
        Err(error) => Err(error),
    }
}

/// The tensor that the spec names, or the only one.
fn choose(side: &str, tensors: &[Tensor], wanted: Option<&str>) -> Result<String, String> {
    let names: Vec<String> = tensors
        .iter()
        .map(|tensor| format!("`{}`", tensor.name))
        .collect();
    let names = names.join(", ");
    match (wanted, tensors) {
        // A server need not declare tensors: what the spec says must do.
        (Some(wanted), []) => Ok(wanted.to_owned()),
        (None, []) => Err(format!(
            "the server declares no {side}s. Name it with the key model.{side}"
        )),
        (None, [only]) => Ok(only.name.clone()),
        (None, _) => Err(format!(
            "the model has several {side}s: {names}. Name one with the key model.{side}"
        )),
        (Some(wanted), _) if tensors.iter().any(|tensor| tensor.name == wanted) => {
            Ok(wanted.to_owned())
        }
        (Some(wanted), _) => Err(format!(
            "model.{side} names `{wanted}`, which is no {side} of the model. It has {names}"
        )),
    }
}
