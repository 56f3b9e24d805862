//! `doctor`: what runs a model, how far the answers are apart, how fast.

use crate::repository::{Ran, Repository, SPEC, source};
use crate::server::Server;
use crate::test_graph::{With, int, list, model, node, value};
use rten_onnx::onnx::DataType;

/// The digits with an operator that rten computes wrongly: Sign in place of Relu, a
/// name of the same length, so that the file is whole still.
pub fn signs() -> Vec<u8> {
    let mut bytes = std::fs::read(source("models/digits.onnx")).unwrap();
    let places: Vec<usize> = (0..bytes.len() - 4)
        .filter(|&at| &bytes[at..at + 4] == b"Relu")
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at..at + 4].copy_from_slice(b"Sign");
    }
    bytes
}

#[track_caller]
fn assert_says(ran: &Ran, code: i32, words: &[&str]) {
    assert_eq!(ran.code, code, "{}", ran.all());
    for words in words {
        assert!(ran.all().contains(words), "{words}: {}", ran.all());
    }
}

/// The figure of a line: `speed       84,600 examples a second, …`.
fn rate(ran: &Ran, what: &str) -> f64 {
    let line = ran
        .stdout
        .lines()
        .find_map(|line| line.trim().strip_prefix(what));
    let number = line.unwrap_or_else(|| panic!("{what}: {}", ran.all()));
    let number = number.split_whitespace().next().unwrap();
    number.replace(',', "").parse().unwrap()
}

#[test]
fn a_spec_is_examined_with_its_data() {
    let repository = Repository::digits();
    for named in ["digits", "robustness-specs/digits.toml"] {
        let ran = repository.steadfast(&["doctor", named]);
        assert_says(
            &ran,
            0,
            &[
                "models/digits.onnx\n",
                // sha256sum models/digits.onnx
                "sha256:1e47a74ca46f9aaf9ee11cf91014ea1b0c57b66de6041ae0bb8efadacd9d8f19",
                "ai.onnx 17",
                "x: FLOAT (?, 1, 8, 8)",
                "logits: FLOAT (?, 10)",
                "asked about all 500 examples of data/digits-test.npz",
                "rten 0.27.0, built in (the spec's)",
                // The accuracy in README.md.
                "logits, 10 an example; the class is the label for 98.8 %",
                "in batches of 64, ",
            ],
        );
        assert!(rate(&ran, "speed") > 0.0 && rate(&ran, "gradients") > 0.0);
    }
}

#[test]
fn a_file_alone_is_asked_about_random_numbers_and_says_what_they_cannot_show() {
    let repository = Repository::digits();
    std::fs::remove_dir_all(repository.root().join("robustness-specs")).unwrap();
    let ran = repository.steadfast(&["doctor", "models/digits.onnx"]);
    assert_says(
        &ran,
        0,
        &[
            "asked about 256 random examples",
            "not whether they agree on\nreal examples",
        ],
    );
    assert!(!ran.stdout.contains("the label"), "{}", ran.all());
    let data = [
        "doctor",
        "models/digits.onnx",
        "--data",
        "data/digits-test.npz",
    ];
    let ran = repository.steadfast(&data);
    assert_says(&ran, 0, &["all 500 examples", "the label for 98.8 %"]);
    let ran = repository.steadfast(&[&data[..], &["--inputs", "images"]].concat());
    assert_says(&ran, 6, &["no array `images`"]);
    repository.copy("data/adult-test.npz", "data/adult-test.npz");
    let ran = repository.steadfast(&["doctor", data[1], "--output", "label"]);
    assert_says(&ran, 6, &["It has `logits` (here: --input or --output)"]);
    let ran = repository.steadfast(&["doctor", data[1], "--data", "data/adult-test.npz"]);
    assert_says(
        &ran,
        6,
        &["the model takes examples of the shape [1, 8, 8]"],
    );
}

/// The mean over each example's features, or over the batch.
fn mean(axis: i64, features: &[i64]) -> Vec<u8> {
    let mean = node("ReduceMean", &["x"], &["mean"])
        .with("axes", list(&[axis]))
        .with("keepdims", int(1));
    let add = node("Add", &["x", "mean"], &["y"]);
    let shape = [&[-1], features].concat();
    model(&shape, &shape, vec![mean, add], Vec::new())
        .write_buf()
        .unwrap()
}

/// What an answer takes from the other examples of its batch shows on random ones, too.
#[test]
fn a_file_alone_is_tried_in_two_batches() {
    let repository = Repository::empty();
    repository.write("mixes.onnx", mean(0, &[4]));
    let ran = repository.steadfast(&["doctor", "mixes.onnx"]);
    assert_says(
        &ran,
        6,
        &["cannot run", "another answer beside other examples"],
    );
    repository.write("own.onnx", mean(1, &[4]));
    assert_says(&repository.steadfast(&["doctor", "own.onnx"]), 0, &[]);
}

#[test]
fn a_file_that_is_asked_nothing_is_no_success() {
    let repository = Repository::empty();
    repository.write("free.onnx", mean(1, &[-1]));
    let ran = repository.steadfast(&["doctor", "free.onnx"]);
    assert_says(&ran, 6, &["not asked", "--data names a file of real ones"]);
    let mut named = model(
        &[-1, 4],
        &[-1, 4],
        vec![node("Relu", &["x"], &["y"])],
        Vec::new(),
    );
    let graph = named.graph.as_mut().unwrap();
    graph.input.push(value("unused", DataType::FLOAT, &[-1, 2]));
    repository.write("named.onnx", named.write_buf().unwrap());
    let ran = repository.steadfast(&["doctor", "named.onnx", "--input", "x"]);
    assert_says(&ran, 0, &["256 random examples"]);
}

/// A batch of large examples is small, unless it is asked for.
#[test]
fn a_batch_is_as_large_as_is_asked_for_or_as_examples_are_small() {
    let repository = Repository::digits();
    let image = model(
        &[-1, 3, 224, 224],
        &[-1, 3],
        vec![
            node("GlobalAveragePool", &["x"], &["mean"]),
            node("Flatten", &["mean"], &["y"]),
        ],
        Vec::new(),
    );
    repository.write("image.onnx", image.write_buf().unwrap());
    let ran = repository.steadfast(&["doctor", "image.onnx"]);
    // The trial takes eighteen; a million numbers are six examples.
    assert_says(&ran, 0, &["18 random examples", "in batches of 6, "]);
    let ran = repository.steadfast(&["doctor", "image.onnx", "--batch", "20"]);
    assert_says(&ran, 0, &["20 random examples", "in batches of 20, "]);
    for model in ["digits", "models/digits.onnx"] {
        let ran = repository.steadfast(&["doctor", model, "--batch", "10"]);
        assert_says(&ran, 0, &["in batches of 10, "]);
    }
    let ran = repository.steadfast(&["doctor", "digits", "--batch", "1"]);
    assert_says(&ran, 2, &["--batch"]);
}

#[test]
fn what_cannot_be_examined_is_told_apart() {
    let repository = Repository::digits();
    repository.write("models/none.onnx", "no model");
    repository.write("robustness-specs/broken.toml", "schema = 1\nsed = 2\n");
    let registered = SPEC.replace("onnx = \"models/digits.onnx\"", "registered = \"mine\"");
    repository.write("robustness-specs/mine.toml", registered);
    for (arguments, code, words) in [
        (
            &["doctor", "models/missing.onnx"][..],
            6,
            "models/missing.onnx",
        ),
        (&["doctor", "models/none.onnx"], 6, "models/none.onnx"),
        (&["doctor", "digit"], 2, "there are digits, mine"),
        (&["doctor", "broken"], 3, "sed"),
        (&["doctor", "mine"], 6, "registered in the test binary"),
        (
            &["doctor", "digits", "--data", "data/digits-test.npz"],
            2,
            "a spec names its own",
        ),
    ] {
        assert_says(&repository.steadfast(arguments), code, &[words]);
    }
}

#[cfg(not(feature = "ort"))]
#[test]
fn an_engine_that_is_not_built_in_is_said_with_the_cure() {
    let repository = Repository::digits();
    let ran = repository.steadfast(&["doctor", "digits"]);
    assert_says(
        &ran,
        0,
        &["ONNX Runtime\n  cannot run  not here:", "the feature `ort`"],
    );
    assert!(!ran.stdout.contains("between the two"), "{}", ran.all());
    repository.write("models/signs.onnx", signs());
    let ran = repository.steadfast(&["doctor", "models/signs.onnx"]);
    assert_says(&ran, 6, &["its operator Sign", "engine = \"ort\""]);
}

#[cfg(feature = "ort")]
#[test]
fn two_engines_are_compared() {
    let repository = Repository::digits();
    let ran = repository.steadfast(&["doctor", "digits"]);
    if !crate::onnx_runtime::library(&ran) {
        return;
    }
    assert_says(
        &ran,
        0,
        &[
            "\nONNX Runtime 1.",
            "libonnxruntime",
            "between the two",
            "differ for 0 of 500 examples",
        ],
    );
    assert_eq!(ran.stdout.matches("the label for 98.8 %").count(), 2);
    let apart = ran.stdout.split("logits differ by ").nth(1).unwrap();
    let most: f32 = apart.split(' ').next().unwrap().parse().unwrap();
    assert!(most > 0.0 && most < 1e-4, "{}", ran.all());

    // One of them is enough.
    repository.write("models/signs.onnx", signs());
    let ran = repository.steadfast(&["doctor", "models/signs.onnx"]);
    assert_says(
        &ran,
        0,
        &[
            "cannot run  models/signs.onnx is refused for its operator Sign",
            "10 an example",
            "none: models/signs.onnx has no gradient for its operator Sign",
        ],
    );
    assert!(!ran.stdout.contains("between the two"), "{}", ran.all());

    let nowhere = [("PATH", "/nowhere"), ("ORT_DYLIB_PATH", "")];
    let ran = repository.steadfast_with(&nowhere, &["doctor", "models/signs.onnx"]);
    assert_says(&ran, 6, &["not here:", "onnxruntime>=1.20"]);
}

#[test]
fn a_worker_and_a_served_model_are_timed() {
    let repository = Repository::digits();
    let of = |keys: &str| SPEC.replace("onnx = \"models/digits.onnx\"", keys);
    let worker = "worker = [\"python3\", \"model.py\"]\nfiles = [\"model.py\"]";
    repository.write(
        "robustness-specs/worker.toml",
        of(worker).replace("gives = \"logits\"\n", ""),
    );
    repository.write("model.py", include_str!("worker.py"));
    repository.write("behaviour", "");
    repository.write("processes", "");
    // No example is one that it does not answer.
    let ran = repository.steadfast_with(&[("THIRD", "-1")], &["doctor", "worker"]);
    assert_says(
        &ran,
        0,
        &["worker python3 model.py\n", "brightness 1", "opened in"],
    );
    assert!(rate(&ran, "speed") > 0.0);

    let server = Server::digits(true, |_| None);
    let endpoint = format!("endpoint = \"{}\"", server.model());
    repository.write("robustness-specs/served.toml", of(&endpoint));
    let ran = repository.steadfast(&["doctor", "served"]);
    assert_says(
        &ran,
        0,
        &[
            "the class is the label for 98.8 %",
            "gradients   none: the model declares none",
        ],
    );
    assert!(rate(&ran, "speed") > 0.0);
    repository.edit(
        "robustness-specs/served.toml",
        &server.url,
        "http://127.0.0.1:9",
    );
    let ran = repository.steadfast(&["doctor", "served"]);
    assert_says(&ran, 6, &["127.0.0.1:9"]);
}
