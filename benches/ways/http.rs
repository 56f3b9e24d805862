//! Requests to a server on this machine that computes nothing: what HTTP costs, with
//! numbers as JSON and as bytes.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use ndarray::ArrayD;
use steadfast::model::{Model, endpoint};

use crate::{BATCH, CLASSES, quick};

/// The time of a request, in milliseconds.
pub fn round_trip(binary: bool, batch: &ArrayD<f32>) -> Option<f64> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v2/models/m", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(&stream, binary));
        }
    });
    let model = endpoint::open(&endpoint::Request {
        url,
        input: None,
        output: None,
        connections: 1,
        answer: Duration::from_secs(60),
        retries: 0,
        token_variable: None,
    });
    match model {
        Ok(model) => Some(quick(|| {
            black_box(model.predict(batch.view()).expect("it answers"));
        })),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// Answers the requests of one connection.
fn serve(stream: &TcpStream, binary: bool) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::with_capacity(1 << 16, stream);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut length = 0;
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).unwrap();
            if header.trim().is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap();
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let (more, body) = answer(&line, binary);
        let head = format!(
            "HTTP/1.1 200 OK\r\n{more}Content-Length: {}\r\n\r\n",
            body.len()
        );
        let bytes = [head.as_bytes(), &body].concat();
        writer.write_all(&bytes).unwrap();
    }
}

/// Further headers, and the body.
fn answer(line: &str, binary: bool) -> (String, Vec<u8>) {
    let declared = |name: &str| serde_json::json!([{ "name": name, "datatype": "FP32", "shape": [-1, CLASSES] }]);
    if line.contains("/infer") {
        let mut output = serde_json::json!({
            "name": "y", "datatype": "FP32", "shape": [BATCH, CLASSES],
        });
        if !binary {
            output["data"] = vec![0.123_f32; BATCH * CLASSES].into();
            let body = serde_json::json!({ "outputs": [output] }).to_string();
            return (String::new(), body.into_bytes());
        }
        output["parameters"] = serde_json::json!({ "binary_data_size": 4 * BATCH * CLASSES });
        let mut body = serde_json::json!({ "outputs": [output] })
            .to_string()
            .into_bytes();
        let header = format!("Inference-Header-Content-Length: {}\r\n", body.len());
        body.extend([0; 4 * BATCH * CLASSES]);
        return (header, body);
    }
    let page = match line.contains("/models/") {
        true => serde_json::json!({
            "name": "m",
            "inputs": [{ "name": "x", "datatype": "FP32", "shape": [] }],
            "outputs": declared("y"),
        }),
        false if binary => serde_json::json!({ "extensions": ["binary_tensor_data"] }),
        false => serde_json::json!({}),
    };
    (String::new(), page.to_string().into_bytes())
}
