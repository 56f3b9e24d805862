//! A small HTTP server that plays an inference server, and its faults.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ndarray::{ArrayD, IxDyn};
use serde_json::{Value, json};
use steadfast::model::{Model, ModelError, onnx};

use crate::repository::source;

/// What was asked.
pub struct Asked {
    /// `POST /v2/models/digits/infer`.
    pub line: String,
    /// The header lines, as they came.
    pub headers: Vec<String>,
    /// All of the body.
    pub body: Vec<u8>,
}

impl Asked {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let own = |line: &&String| {
            line.split_once(':')
                .is_some_and(|(own, _)| own.eq_ignore_ascii_case(name))
        };
        let line = self.headers.iter().find(own)?;
        Some(line.split_once(':')?.1.trim())
    }
}

/// What the server does.
pub enum Reply {
    /// Status, header lines, body.
    Say(u16, Vec<String>, Vec<u8>),
    /// Promises more bytes than it sends.
    Cut(Vec<u8>),
    /// Sends its body a byte at a time, each after this pause.
    Drip(Duration, Vec<u8>),
    /// Sends this and nothing else.
    Raw(Vec<u8>),
    /// Closes the connection.
    Drop,
    /// Waits, then closes the connection.
    Hang(Duration),
}

impl Reply {
    /// JSON and 200.
    pub fn json(value: &Value) -> Self {
        Self::Say(200, Vec::new(), value.to_string().into_bytes())
    }
}

/// A server on this machine.
pub struct Server {
    /// `http://127.0.0.1:…`.
    pub url: String,
    /// How often it was asked for an inference.
    pub inferences: Arc<AtomicUsize>,
    /// What the last inference was asked with.
    pub last: Arc<Mutex<Option<Asked>>>,
}

impl Server {
    /// Answers each request with what `reply` says of it and of the number of
    /// inferences before it.
    pub fn start(reply: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = Self {
            url,
            inferences: Arc::default(),
            last: Arc::default(),
        };
        let (count, last) = (Arc::clone(&server.inferences), Arc::clone(&server.last));
        let reply = Arc::new(reply);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (count, last) = (Arc::clone(&count), Arc::clone(&last));
                let reply = Arc::clone(&reply);
                std::thread::spawn(move || {
                    let Some(asked) = read(&stream) else {
                        return;
                    };
                    let inference = asked.line.contains("/infer");
                    let before = match inference {
                        true => count.fetch_add(1, Ordering::SeqCst),
                        false => count.load(Ordering::SeqCst),
                    };
                    answer(stream, reply(&asked, before));
                    if inference {
                        *last.lock().unwrap() = Some(asked);
                    }
                });
            }
        });
        server
    }

    /// Serves the digits by the embedded engine; `fault` may say something else to an
    /// inference, by its number.
    pub fn digits(
        binary: bool,
        fault: impl Fn(usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::of(digits_model(), binary, fault)
    }

    /// The same with another model.
    pub fn of(
        model: onnx::OnnxModel,
        binary: bool,
        fault: impl Fn(usize) -> Option<Reply> + Send + Sync + 'static,
    ) -> Self {
        Self::start(move |asked, before| {
            if asked.line.contains("/infer") {
                return fault(before).unwrap_or_else(|| infer(&model, asked, binary));
            }
            describe(asked, binary)
        })
    }

    /// The URL of the model.
    pub fn model(&self) -> String {
        format!("{}/v2/models/digits", self.url)
    }
}

/// The digits by the embedded engine.
pub fn digits_model() -> onnx::OnnxModel {
    onnx_model("models/digits.onnx", onnx::OnnxEngine::Rten).unwrap()
}

/// A model of the example suite, with its gradients.
pub fn onnx_model(path: &str, engine: onnx::OnnxEngine) -> Result<onnx::OnnxModel, ModelError> {
    onnx::load(&onnx::Request {
        path: source(path),
        shown: path.to_owned(),
        input: None,
        output: None,
        engine,
        gradient: Some(onnx::Rounding::Refused),
        examples: None,
        batch: 64,
    })
}

/// What the server says of itself and of its model.
pub fn describe(asked: &Asked, binary: bool) -> Reply {
    let extensions = match binary {
        true => vec!["binary_tensor_data"],
        false => Vec::new(),
    };
    let line = asked.line.replace("/versions/3 ", " ");
    Reply::json(&if line.starts_with("GET /v2/models/digits ") {
        json!({
            "name": "digits", "versions": ["7"], "platform": "test",
            "inputs": [{ "name": "x", "datatype": "FP32", "shape": [-1, 1, 8, 8] }],
            "outputs": [{ "name": "logits", "datatype": "FP32", "shape": [-1, 10] }],
        })
    } else {
        json!({ "name": "play", "version": "1", "extensions": extensions })
    })
}

pub fn infer(model: &onnx::OnnxModel, asked: &Asked, binary: bool) -> Reply {
    let length = asked.header("Inference-Header-Content-Length");
    let length = length.map(|length| length.parse::<usize>().unwrap());
    assert_eq!(length.is_some(), binary);
    let head = &asked.body[..length.unwrap_or(asked.body.len())];
    let request: Value = serde_json::from_slice(head).unwrap();
    let tensor = &request["inputs"][0];
    let shape: Vec<usize> = serde_json::from_value(tensor["shape"].clone()).unwrap();
    let numbers: Vec<f32> = match length {
        Some(length) => {
            let (numbers, _) = asked.body[length..].as_chunks();
            numbers.iter().copied().map(f32::from_le_bytes).collect()
        }
        None => serde_json::from_value(tensor["data"].clone()).unwrap(),
    };
    let batch = ArrayD::from_shape_vec(IxDyn(&shape), numbers).unwrap();
    let answers = model.predict(batch.view()).unwrap();
    let mut output = json!({ "name": "logits", "datatype": "FP32", "shape": answers.shape() });
    if !binary {
        output["data"] = answers.iter().copied().collect::<Vec<f32>>().into();
        return Reply::json(&json!({ "model_name": "digits", "outputs": [output] }));
    }
    output["parameters"] = json!({ "binary_data_size": 4 * answers.len() });
    let mut body = json!({ "outputs": [output] }).to_string().into_bytes();
    let header = format!("Inference-Header-Content-Length: {}", body.len());
    body.extend(answers.iter().flat_map(|number| number.to_le_bytes()));
    Reply::Say(200, vec![header], body)
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let header = header.trim_end();
        if header.is_empty() {
            break;
        }
        headers.push(header.to_owned());
    }
    let mut asked = Asked {
        line,
        headers,
        body: Vec::new(),
    };
    let length = asked.header("Content-Length").unwrap_or("0");
    asked.body = vec![0; length.parse().ok()?];
    reader.read_exact(&mut asked.body).ok()?;
    Some(asked)
}

fn answer(mut stream: TcpStream, reply: Reply) {
    let (status, headers, body, length) = match reply {
        Reply::Say(status, headers, body) => {
            let length = body.len();
            (status, headers, body, length)
        }
        Reply::Cut(body) => {
            let length = body.len() + 100;
            (200, Vec::new(), body, length)
        }
        Reply::Drip(pause, body) => {
            let _ = stream.write_all(
                format!("HTTP/1.1 200 it\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(),
            );
            for byte in body {
                std::thread::sleep(pause);
                if stream.write_all(&[byte]).is_err() {
                    return;
                }
            }
            return;
        }
        Reply::Raw(bytes) => {
            let _ = stream.write_all(&bytes);
            return;
        }
        Reply::Drop => return,
        Reply::Hang(time) => return std::thread::sleep(time),
    };
    let mut text =
        format!("HTTP/1.1 {status} it\r\nContent-Length: {length}\r\nConnection: close\r\n");
    for header in headers {
        text.push_str(&format!("{header}\r\n"));
    }
    text.push_str("\r\n");
    // The other side may have gone.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.write_all(&body);
}
