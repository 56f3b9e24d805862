//! Models that are served, and servers that misbehave.

use std::io::Read;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ndarray::Axis;
use serde_json::json;
use steadfast::model::{Model, endpoint};

use crate::mlserver::MlServer;
use crate::repository::{Repository, digits, skipped, source};
use crate::server::{Reply, Server, describe, digits_model, infer};

const CASE: &str = "digits::identity";

fn request(server: &Server) -> endpoint::Request {
    endpoint::Request {
        url: server.model(),
        input: None,
        output: None,
        connections: 2,
        answer: Duration::from_secs(20),
        retries: 4,
        token_variable: None,
    }
}

/// What a batch of two ends in, and how long it took.
fn ask(server: &Server, request: &endpoint::Request) -> (Result<(), String>, Duration) {
    let model = endpoint::open(request).unwrap_or_else(|error| panic!("{}: {error}", server.url));
    let data = digits();
    let examples = [data.example(0).unwrap(), data.example(1).unwrap()];
    let batch = ndarray::stack(Axis(0), &examples.each_ref().map(|one| one.view())).unwrap();
    let start = Instant::now();
    let answer = model.predict(batch.view());
    let answer = answer.map(|_| ()).map_err(|error| error.to_string());
    (answer, start.elapsed())
}

/// The digits repository with its model on a server.
fn served(server: &Server, more: &str) -> Repository {
    let repository = Repository::digits();
    repository.edit(
        "robustness-specs/digits.toml",
        "onnx = \"models/digits.onnx\"",
        &format!("endpoint = \"{}\"\n{more}", server.model()),
    );
    repository
}

#[test]
fn a_served_model_has_the_outcomes_of_its_file() {
    let own = Repository::digits();
    own.bless_all();
    for binary in [false, true] {
        let server = Server::digits(binary, |_| None);
        let repository = served(&server, "");
        let ran = repository.steadfast(&["test"]);
        assert_eq!(ran.code, 4, "no baseline yet: {}", ran.all());
        let blessed = repository.steadfast(&["bless", "--reason", "first baseline"]);
        assert_eq!(blessed.code, 0, "{}", blessed.all());
        let again = repository.steadfast(&["test"]);
        assert_eq!(again.code, 0, "{}", again.all());
        for (path, file) in own.files("baselines") {
            let served = path.strip_prefix(own.root()).unwrap();
            let served = repository.root().join(served);
            let columns = |bytes: &[u8]| {
                let file: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                (
                    file["columns"].clone(),
                    file["environment"]["engine"].clone(),
                )
            };
            let (columns_of_file, _) = columns(&file);
            let (columns_served, engine) = columns(&std::fs::read(&served).unwrap());
            assert_eq!(columns_of_file, columns_served, "{}", served.display());
            assert_eq!(engine, "endpoint play 1 test");
        }
    }
}

#[test]
fn a_busy_server_is_asked_again() {
    let busy = |before| {
        (before < 2)
            .then(|| Reply::Say(503, vec!["Retry-After: 0".to_owned()], b"loading".to_vec()))
    };
    let server = Server::digits(false, busy);
    assert_eq!(ask(&server, &request(&server)).0, Ok(()));
    assert_eq!(server.inferences.load(Ordering::SeqCst), 3);

    let gone = Server::digits(true, |before| (before == 0).then_some(Reply::Drop));
    assert_eq!(ask(&gone, &request(&gone)).0, Ok(()));
}

#[test]
fn a_storm_of_503_ends_with_the_last_of_the_servers_words() {
    let server = Server::digits(false, |_| {
        Some(Reply::Say(503, Vec::new(), b"no worker is free".to_vec()))
    });
    let (answer, took) = ask(&server, &request(&server));
    let message = answer.unwrap_err();
    for words in [
        "5 attempts",
        "it answered 503: no worker is free",
        "answer_seconds",
    ] {
        assert!(message.contains(words), "{words}: {message}");
    }
    // Pauses of 0.1, 0.2, 0.4 and 0.8 s.
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert_eq!(server.inferences.load(Ordering::SeqCst), 5);
}

#[test]
fn a_deadline_holds_for_all_attempts_together() {
    for reply in [
        || Reply::Hang(Duration::from_secs(30)),
        || Reply::Say(503, vec!["Retry-After: 3600".to_owned()], b"later".to_vec()),
        || Reply::Drop,
        || Reply::Drip(Duration::from_millis(50), vec![b' '; 1000]),
    ] {
        let server = Server::digits(false, move |_| Some(reply()));
        let request = endpoint::Request {
            answer: Duration::from_millis(700),
            retries: 100,
            ..request(&server)
        };
        let (answer, took) = ask(&server, &request);
        let message = answer.unwrap_err();
        assert!(message.contains("did not answer within 0.7 s"), "{message}");
        assert!(took < Duration::from_secs(10), "{took:?}: {message}");
    }
}

#[test]
fn what_cannot_be_used_says_why() {
    let say = |status: u16, body: &'static str| Reply::Say(status, Vec::new(), body.into());
    let rows = |shape: serde_json::Value, kind: &str| {
        Reply::json(&json!({ "outputs": [
            { "name": "logits", "datatype": kind, "shape": shape, "data": [0.5] },
        ]}))
    };
    for (reply, words) in [
        (
            say(200, "<html>"),
            "no answer of the Open Inference Protocol v2",
        ),
        (
            say(400, "unexpected shape"),
            "answered 400: unexpected shape. Look at model.input",
        ),
        (say(404, "no such model"), "is loaded"),
        (
            say(500, "out of memory"),
            "answered 500: out of memory. Look at the server's log",
        ),
        (
            rows(json!([1, 10]), "FP32"),
            "the shape [1, 10] for 2 examples",
        ),
        (rows(json!([2, 10]), "BYTES"), "the output holds BYTES"),
    ] {
        let reply = std::sync::Mutex::new(Some(reply));
        let server = Server::digits(false, move |_| reply.lock().unwrap().take());
        let message = ask(&server, &request(&server)).0.unwrap_err();
        assert!(message.contains(words), "{words}: {message}");
        assert!(message.contains("/v2/models/digits/infer"), "{message}");
    }
    let cut = Server::digits(false, |_| Some(Reply::Cut(b"{\"outputs\": [".to_vec())));
    let request = endpoint::Request {
        retries: 1,
        ..request(&cut)
    };
    let message = ask(&cut, &request).0.unwrap_err();
    assert!(message.contains("2 attempts"), "{message}");
}

#[test]
fn a_server_that_is_not_there_and_a_model_that_it_does_not_have() {
    let url = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/v2/models/digits", listener.local_addr().unwrap())
    };
    let gone = endpoint::Request {
        url,
        retries: 1,
        ..request(&Server::digits(false, |_| None))
    };
    let message = endpoint::open(&gone).err().unwrap().to_string();
    assert!(message.contains("2 attempts"), "{message}");
    assert!(message.contains("refused"), "{message}");

    let server = Server::start(|_, _| Reply::Say(404, Vec::new(), b"unknown model".to_vec()));
    let message = endpoint::open(&request(&server)).err().unwrap().to_string();
    assert!(message.contains("answered 404: unknown model"), "{message}");
    assert!(
        message.contains("Look whether the model has that name"),
        "{message}"
    );
}

#[test]
fn the_token_goes_to_the_server_and_into_nothing_else() {
    let secret = "s3cret-t0ken";
    let server = Server::start(move |asked, _| {
        if asked.header("Authorization") != Some("Bearer s3cret-t0ken") {
            return Reply::Say(401, Vec::new(), b"who are you?".to_vec());
        }
        if asked.line.contains("/infer") {
            // An answer that gives the token away, to a place that must not have it.
            let elsewhere = "Location: http://127.0.0.1:9/".to_owned();
            return Reply::Say(307, vec![elsewhere], b"your token is s3cret-t0ken".to_vec());
        }
        describe(asked, false)
    });
    let repository = served(&server, "token_variable = \"THE_TOKEN\"");
    let without = repository.steadfast(&["test", "--exact", CASE]);
    assert_eq!(without.code, 6, "{}", without.all());
    assert!(
        without
            .all()
            .contains("the environment variable THE_TOKEN is not set"),
        "{}",
        without.all()
    );
    let wrong = repository.steadfast_with(&[("THE_TOKEN", "other")], &["test", "--exact", CASE]);
    assert!(
        wrong.all().contains("answered 401: who are you?"),
        "{}",
        wrong.all()
    );
    let ran = repository.steadfast_with(&[("THE_TOKEN", secret)], &["test", "--exact", CASE]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(
        ran.all()
            .contains("answered 307: [not shown: the token is in it]"),
        "{}",
        ran.all()
    );
    assert!(!ran.all().contains(secret), "{}", ran.all());
    for (path, bytes) in repository.files("") {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(secret), "{}", path.display());
    }
}

#[test]
fn a_token_is_not_sent_where_it_can_be_read() {
    let open = endpoint::Request {
        url: "http://models.example/v2/models/digits".to_owned(),
        token_variable: Some("PATH".to_owned()),
        ..request(&Server::digits(false, |_| None))
    };
    let message = endpoint::open(&open).err().unwrap().to_string();
    assert!(message.contains("Use https://"), "{message}");
}

#[test]
fn what_a_server_declares_is_held_against_the_spec() {
    let describe = |inputs: serde_json::Value, outputs: serde_json::Value| {
        let page = json!({ "name": "m", "platform": "", "inputs": inputs, "outputs": outputs });
        let server = Server::start(move |_, _| Reply::json(&page));
        let opened = endpoint::open(&request(&server));
        opened
            .map(|model| model.describe())
            .map_err(|error| error.to_string())
    };
    let tensor =
        |name: &str, kind: &str| json!([{ "name": name, "datatype": kind, "shape": [-1, 3] }]);
    let known = describe(tensor("x", "FP32"), tensor("y", "FP32")).unwrap();
    assert_eq!((known.classes, known.input_shape), (Some(3), vec![Some(3)]));
    assert_eq!(known.version, None);
    let bytes = describe(tensor("x", "BYTES"), tensor("y", "FP32")).unwrap_err();
    assert!(bytes.contains("the input `x` holds BYTES"), "{bytes}");
    let vast = json!([{ "name": "x", "datatype": "FP32", "shape": [1_u64 << 40, 3] }]);
    let vast = describe(vast, tensor("y", "FP32")).unwrap_err();
    assert!(vast.contains("batches of 1099511627776 examples"), "{vast}");
    let none = describe(json!([]), json!([])).unwrap_err();
    assert!(none.contains("Name it with the key model.input"), "{none}");
    let two = json!([
        { "name": "a", "datatype": "FP32", "shape": [-1] },
        { "name": "b", "datatype": "FP32", "shape": [-1] },
    ]);
    let several = describe(tensor("x", "FP32"), two).unwrap_err();
    assert!(several.contains("several outputs: `a`, `b`"), "{several}");
}

#[test]
fn an_absurd_wait_is_not_waited_for() {
    let asks = format!("Retry-After: {}", u64::MAX);
    let server = Server::digits(false, move |_| {
        Some(Reply::Say(429, vec![asks.clone()], b"too many".to_vec()))
    });
    let (answer, _) = ask(&server, &request(&server));
    let message = answer.unwrap_err();
    assert!(message.contains("within 20 s (1 attempt)"), "{message}");
    assert!(
        message.contains("asks to wait for 18446744073709551615 s"),
        "{message}"
    );
}

#[test]
fn slow_answers_within_the_deadline_are_answers() {
    let model = digits_model();
    let slow = Server::start(move |asked, _| {
        if !asked.line.contains("/infer") {
            return describe(asked, false);
        }
        let Reply::Say(_, _, body) = infer(&model, asked, false) else {
            panic!("it answers");
        };
        Reply::Drip(Duration::from_millis(1), body)
    });
    assert_eq!(ask(&slow, &request(&slow)).0, Ok(()));
}

#[test]
fn what_is_no_transient_fault_is_not_tried_again() {
    let server = Server::digits(false, |_| {
        Some(Reply::Raw(b"220 mail ready\r\n\r\n".to_vec()))
    });
    let message = ask(&server, &request(&server)).0.unwrap_err();
    assert!(message.contains("does not speak HTTP"), "{message}");
    assert_eq!(server.inferences.load(Ordering::SeqCst), 1);
}

#[test]
fn a_connection_that_is_reset_is_made_again() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v2/models/digits", listener.local_addr().unwrap());
    let count = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            // What is left unread makes the system reset the connection.
            let _ = stream.read_exact(&mut [0; 4]);
            *counted.lock().unwrap() += 1;
        }
    });
    let reset = endpoint::Request {
        url,
        retries: 2,
        ..request(&Server::digits(false, |_| None))
    };
    let message = endpoint::open(&reset).err().unwrap().to_string();
    assert!(
        message.contains("did not answer in 3 attempts"),
        "{message}"
    );
    assert!(message.contains("reset"), "{message}");
    assert_eq!(*count.lock().unwrap(), 3);
}

#[test]
fn an_endless_description_is_not_read_to_its_end() {
    let server = Server::start(|_, _| Reply::Say(200, Vec::new(), vec![b' '; (1 << 24) + 1]));
    let message = endpoint::open(&request(&server)).err().unwrap().to_string();
    assert!(message.contains("larger than request limit"), "{message}");
}

#[test]
fn the_end_of_a_traceback_is_shown() {
    let words = format!(
        "Traceback (most recent call last):\n{}ValueError: x is missing.",
        "  File\n".repeat(500)
    );
    let server = Server::digits(false, move |_| {
        Some(Reply::Say(500, Vec::new(), words.clone().into_bytes()))
    });
    let message = ask(&server, &request(&server)).0.unwrap_err();
    assert!(message.contains("500: Traceback"), "{message}");
    assert!(
        message.contains("ValueError: x is missing. Look at the server's log"),
        "{message}"
    );
    assert!(message.len() < 800, "{message}");
}

#[test]
fn the_batches_that_a_server_takes_are_kept_to() {
    // As Triton declares them: a maximum in the configuration, or a fixed first axis.
    for (most, first, expected) in [
        (3, -1, vec![3, 3, 2]),
        (4, -1, vec![4, 3]),
        (0, 4, vec![4, 4]),
        (0, -1, vec![7]),
    ] {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&sizes);
        let model = digits_model();
        let server = Server::start(move |asked, _| {
            if asked.line.contains("/infer") {
                let sent: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
                seen.lock()
                    .unwrap()
                    .push(sent["inputs"][0]["shape"][0].as_i64().unwrap());
                return infer(&model, asked, false);
            }
            Reply::json(&if asked.line.contains("/config ") {
                json!({ "name": "digits", "max_batch_size": most })
            } else if asked.line.contains("/models/") {
                json!({
                    "name": "digits",
                    "inputs": [{ "name": "x", "datatype": "FP32", "shape": [first, 1, 8, 8] }],
                    "outputs": [{ "name": "logits", "datatype": "FP32", "shape": [first, 10] }],
                })
            } else {
                json!({ "name": "triton", "extensions": ["model_configuration"] })
            })
        });
        let data = digits();
        let examples: Vec<_> = (0..7).map(|row| data.example(row).unwrap()).collect();
        let views: Vec<_> = examples.iter().map(|one| one.view()).collect();
        let batch = ndarray::stack(Axis(0), &views).unwrap();
        let served = endpoint::open(&request(&server))
            .unwrap()
            .predict(batch.view())
            .unwrap();
        assert_eq!(*sizes.lock().unwrap(), expected, "{most} {first}");
        let own = digits_model().predict(batch.view()).unwrap();
        assert_eq!(served, own, "{most} {first}");
    }
}

#[test]
fn a_token_that_the_server_gives_back_is_neither_recorded_nor_shown() {
    let token = "abc/d+e\u{22}f==";
    let model = digits_model();
    let honest = Server::start(move |asked, _| {
        if asked.line.contains("/infer") {
            return infer(&model, asked, false);
        }
        let page = json!({
            "name": token, "versions": [token], "platform": token, "version": token,
            "inputs": [{ "name": "x", "datatype": "FP32", "shape": [-1, 1, 8, 8] }],
            "outputs": [{ "name": "logits", "datatype": "FP32", "shape": [-1, 10] }],
        });
        Reply::json(&page)
    });
    // As it is, in JSON, in JSON with every escape, in a URL, and as the name of a tensor.
    let faults = [
        Reply::Say(400, Vec::new(), b"bad: abc/d+e\"f==".to_vec()),
        Reply::Say(
            400,
            Vec::new(),
            br#"{"error": "bad: abc/d+e\"f=="}"#.to_vec(),
        ),
        Reply::Say(
            400,
            Vec::new(),
            br#"{"error": "bad: abc\/d+e\"f=="}"#.to_vec(),
        ),
        Reply::Say(400, Vec::new(), b"bad: abc%2Fd%2Be%22f%3D%3D".to_vec()),
        Reply::json(
            &json!({ "outputs": [{ "name": token, "datatype": token, "shape": [2, 1], "data": [0, 0] }] }),
        ),
        Reply::json(
            &json!({ "outputs": [{ "name": "logits", "datatype": token, "shape": [2, 1], "data": [token] }] }),
        ),
    ];
    let check = |server: &Server, code: i32| {
        let repository = served(server, "token_variable = \"THE_TOKEN\"");
        let variables = [("THE_TOKEN", token)];
        let ran = repository.steadfast_with(&variables, &["test", "--exact", CASE]);
        assert_eq!(ran.code, code, "{}", ran.all());
        repository.steadfast_with(&variables, &["bless", "--reason", "first"]);
        let mut said = ran.all();
        for bytes in repository.files("").values() {
            said.push_str(&String::from_utf8_lossy(bytes));
        }
        for part in ["abc/d", "abc\\/d", "abc%2F"] {
            assert!(!said.contains(part), "{}", ran.all());
        }
    };
    check(&honest, 4);
    for reply in faults {
        let reply = Mutex::new(Some(reply));
        let server = Server::digits(false, move |_| {
            Some(reply.lock().unwrap().take().unwrap_or(Reply::Drop))
        });
        check(&server, 6);
    }
}

#[test]
fn a_password_in_the_url_is_neither_recorded_nor_shown() {
    let repository = Repository::digits();
    repository.edit(
        "robustness-specs/digits.toml",
        "onnx = \"models/digits.onnx\"",
        "endpoint = \"http://user:geheim@127.0.0.1:9/v2/models/digits\"",
    );
    for arguments in [
        &["test"][..],
        &["list", "--check"],
        &["bless", "--reason", "first"],
        &["status"],
    ] {
        let ran = repository.steadfast(arguments);
        assert_ne!(ran.code, 0, "{arguments:?}: {}", ran.all());
        assert!(
            !ran.all().contains("geheim"),
            "{arguments:?}: {}",
            ran.all()
        );
    }
    let list = repository.steadfast(&["list"]);
    assert!(!list.all().contains("geheim"), "{}", list.all());
    let compare = repository.steadfast(&["compare", "models/digits.onnx"]);
    assert!(!compare.all().contains("geheim"), "{}", compare.all());
    let ran = repository.steadfast(&["test"]);
    assert!(
        ran.all().contains("the URL holds a user or a"),
        "{}",
        ran.all()
    );
    for (path, bytes) in repository.files("") {
        let spec = path.ends_with("digits.toml");
        assert!(
            spec || !String::from_utf8_lossy(&bytes).contains("geheim"),
            "{}",
            path.display()
        );
    }
}

#[test]
fn a_proxy_is_used_for_other_machines_and_never_for_this_one() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let proxy = Server::start(move |asked, _| {
        seen.lock().unwrap().push(asked.line.trim().to_owned());
        Reply::Say(403, Vec::new(), b"not through here".to_vec())
    });
    let variables = [("http_proxy", proxy.url.as_str()), ("THE_TOKEN", "s3cret")];
    let server = Server::digits(false, |_| None);
    let repository = served(&server, "token_variable = \"THE_TOKEN\"");
    let ran = repository.steadfast_with(&variables, &["test", "--exact", CASE]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert_eq!(*lines.lock().unwrap(), Vec::<String>::new());

    repository.edit(
        "robustness-specs/digits.toml",
        &server.model(),
        "http://models.example/v2/models/digits",
    );
    repository.edit(
        "robustness-specs/digits.toml",
        "token_variable = \"THE_TOKEN\"",
        "retries = 0",
    );
    // A proxy for https is none for http.
    let https = [("https_proxy", proxy.url.as_str())];
    let ran = repository.steadfast_with(&https, &["test", "--exact", CASE]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert_eq!(*lines.lock().unwrap(), Vec::<String>::new());
    let ran = repository.steadfast_with(&variables, &["test", "--exact", CASE]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    let lines = lines.lock().unwrap();
    assert!(
        lines.iter().any(|line| line.contains("models.example")),
        "{lines:?}"
    );
}

/// Answers every request with 501, over TLS.
const OVER_TLS: &str = r#"
import http.server, ssl, sys

server = http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("certificate.pem", "key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

#[test]
fn an_authority_of_ones_own_is_named_in_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("certificate.pem"), signed.cert.pem()).unwrap();
    std::fs::write(file("key.pem"), signed.signing_key.serialize_pem()).unwrap();
    let mut server = std::process::Command::new("python3")
        .args(["-c", OVER_TLS])
        .current_dir(folder.path())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut port = String::new();
    let mut said = std::io::BufReader::new(server.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut said, &mut port).unwrap();

    let repository = Repository::digits();
    repository.edit(
        "robustness-specs/digits.toml",
        "onnx = \"models/digits.onnx\"",
        &format!(
            "endpoint = \"https://localhost:{}/v2/models/m\"",
            port.trim()
        ),
    );
    let asked = |authorities: &str| {
        let variables = [("SSL_CERT_FILE", authorities)];
        let ran = repository.steadfast_with(&variables, &["test", "--exact", CASE]);
        assert_eq!(ran.code, 6, "{}", ran.all());
        ran.all()
    };
    let unknown = asked("");
    assert!(
        unknown.contains("the file that SSL_CERT_FILE names"),
        "{unknown}"
    );
    let known = asked(&file("certificate.pem").display().to_string());
    assert!(known.contains("answered 501"), "{known}");
    let none = asked(&file("key.pem").display().to_string());
    assert!(none.contains("it holds no certificate"), "{none}");
    let nowhere = asked("nowhere.pem");
    assert!(
        nowhere.contains("SSL_CERT_FILE=nowhere.pem: No such file"),
        "{nowhere}"
    );
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn mlserver_serves_the_digits() {
    let server = match MlServer::start(&source("models/digits.onnx")) {
        Ok(server) => server,
        Err(reason) => return skipped(&reason),
    };
    let model = endpoint::open(&server.request("/versions/7")).unwrap();
    let known = model.describe();
    assert_eq!(known.input_shape, [Some(1), Some(8), Some(8)]);
    assert_eq!(known.classes, Some(10));
    assert!(
        known.engine.starts_with("endpoint mlserver 1."),
        "{}",
        known.engine
    );
    assert_eq!(known.version.as_deref(), Some("digits onnxruntime 7"));

    // Another engine, so equal to rounding; the same verdicts.
    let data = digits();
    let examples: Vec<_> = (0..64).map(|row| data.example(row).unwrap()).collect();
    let views: Vec<_> = examples.iter().map(|one| one.view()).collect();
    let batch = ndarray::stack(Axis(0), &views).unwrap();
    let served = model.predict(batch.view()).unwrap();
    let own = digits_model().predict(batch.view()).unwrap();
    for (served, own) in served.iter().zip(&own) {
        assert!((served - own).abs() < 1e-4, "{served} and {own}");
    }
    let own = Repository::digits();
    let repository = Repository::digits();
    repository.edit(
        "robustness-specs/digits.toml",
        "onnx = \"models/digits.onnx\"",
        &format!("endpoint = \"{}\"", server.url),
    );
    for repository in [&own, &repository] {
        repository.steadfast(&["test"]);
        let blessed = repository.steadfast(&["bless", "--reason", "first baseline"]);
        assert_eq!(blessed.code, 0, "{}", blessed.all());
        let again = repository.steadfast(&["test"]);
        assert_eq!(again.code, 0, "{}", again.all());
    }
    let columns = |repository: &Repository, path: &std::path::Path| {
        let file: serde_json::Value =
            serde_json::from_slice(&std::fs::read(repository.root().join(path)).unwrap()).unwrap();
        let columns = file["columns"].as_array().unwrap().clone();
        let correct = columns
            .into_iter()
            .find(|column| column["name"] == "correct");
        correct.unwrap()
    };
    let files = own.files("baselines");
    assert!(!files.is_empty());
    for path in files.keys() {
        let path = path.strip_prefix(own.root()).unwrap();
        assert_eq!(
            columns(&own, path),
            columns(&repository, path),
            "{}",
            path.display()
        );
    }

    let unknown = endpoint::Request {
        url: server.url.replace("digits", "numbers"),
        ..server.request("")
    };
    let message = endpoint::open(&unknown).err().unwrap().to_string();
    assert!(
        message.contains("404: {\"error\":\"Model numbers not found\"}"),
        "{message}"
    );
    let wide = ndarray::ArrayD::zeros(vec![2, 1, 9, 9]);
    let message = model.predict(wide.view()).unwrap_err().to_string();
    assert!(
        message.contains("Got invalid dimensions for input"),
        "{message}"
    );
}

#[test]
fn a_model_that_is_not_ready_is_waited_for_or_named() {
    let open = |reply: fn(usize) -> Reply| {
        let asked_before = Mutex::new(0);
        let server = Server::start(move |asked, _| {
            if !asked.line.contains("/ready ") {
                return describe(asked, false);
            }
            let mut before = asked_before.lock().unwrap();
            *before += 1;
            reply(*before - 1)
        });
        let opened = endpoint::open(&request(&server));
        opened.map(|_| ()).map_err(|error| error.to_string())
    };
    let loads = |before: usize| match before {
        0 | 1 => Reply::Say(503, Vec::new(), b"loading".to_vec()),
        _ => Reply::json(&json!({ "name": "digits", "ready": true })),
    };
    assert_eq!(open(loads), Ok(()));
    assert_eq!(open(|_| Reply::Say(404, Vec::new(), Vec::new())), Ok(()));
    let refused = open(|_| Reply::Say(400, Vec::new(), b"unloaded".to_vec())).unwrap_err();
    assert!(
        refused.contains("it is not ready (400: unloaded)"),
        "{refused}"
    );
    let says_no = open(|_| Reply::json(&json!({ "ready": false }))).unwrap_err();
    assert!(says_no.contains("`ready` is false"), "{says_no}");
}
