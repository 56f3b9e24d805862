//! Models that are served, and servers that misbehave.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ndarray::Axis;
use serde_json::json;
use steadfast::model::{Model, endpoint};

use crate::repository::{Repository, digits};
use crate::server::{Reply, Server, describe};

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
            .contains("answered 307: your token is [the token]"),
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
    let none = describe(json!([]), json!([])).unwrap_err();
    assert!(none.contains("Name it with the key model.input"), "{none}");
    let two = json!([
        { "name": "a", "datatype": "FP32", "shape": [-1] },
        { "name": "b", "datatype": "FP32", "shape": [-1] },
    ]);
    let several = describe(tensor("x", "FP32"), two).unwrap_err();
    assert!(several.contains("several outputs: `a`, `b`"), "{several}");
}
