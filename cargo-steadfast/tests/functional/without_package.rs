//! A repository that is no package: `cargo steadfast test` is its harness.

use crate::repository::Repository;

/// Of a spec of the digits: one clean case, and some noise.
const CASES: &str = "digits::identity";

#[test]
fn the_subcommand_judges_as_the_test_binary_does() {
    let repository = Repository::digits();
    let ran = repository.steadfast(&["test"]);
    assert_eq!(ran.code, 4, "no baseline yet: {}", ran.all());
    assert!(
        ran.all()
            .contains("reproduce: cargo steadfast test --exact digits::identity"),
        "{}",
        ran.all()
    );
    let blessed = repository.steadfast(&["bless", "--reason", "first baseline"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    let ran = repository.steadfast(&["test"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    // The same cases as the test binary's, and the same verdicts.
    let listed = repository.steadfast(&["test", "--list"]);
    assert_eq!(listed.stdout, repository.test(&["--list"]).stdout);
    assert_eq!(repository.test(&[]).code, 0);

    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    let worse = repository.steadfast(&["test", "--exact", CASES]);
    assert_eq!(worse.code, 1, "{}", worse.all());
    assert!(worse.stdout.contains("1 failed"), "{}", worse.all());
    assert_eq!(repository.verdict(CASES), "regressed");
    // Out of habit: `cargo test … -- --exact`.
    let habit = repository.steadfast(&["test", "--", "--exact", CASES]);
    assert_eq!(habit.code, 1, "{}", habit.all());
}

#[test]
fn what_is_wrong_has_its_exit_code() {
    let repository = Repository::digits();
    let none = repository.steadfast(&["test", "--exact", "digits::nothing"]);
    assert_eq!(none.code, 2, "{}", none.all());
    assert!(
        none.stderr.contains("the filter matches no case"),
        "{}",
        none.all()
    );
    repository.write("models/digits.onnx", "no model");
    let broken = repository.steadfast(&["test", "--exact", CASES]);
    assert_eq!(broken.code, 6, "{}", broken.all());
    repository.edit("robustness-specs/digits.toml", "seed = ", "sed = ");
    let spec = repository.steadfast(&["test"]);
    assert_eq!(spec.code, 3, "{}", spec.all());
    assert!(spec.all().contains("digits.toml:"), "{}", spec.all());
}

#[test]
fn init_needs_no_package_and_writes_no_rust() {
    let repository = Repository::digits();
    std::fs::remove_dir_all(repository.root().join("robustness-specs")).unwrap();
    repository.write(".gitignore", "*.pyc");
    let init = [
        "init",
        "--model",
        "models/digits.onnx",
        "--data",
        "data/digits-test.npz",
        "--yes",
    ];
    let written = repository.steadfast(&init);
    assert_eq!(written.code, 0, "{}", written.all());
    assert!(
        written.stdout.contains("\n  cargo steadfast test"),
        "{}",
        written.all()
    );
    assert!(!repository.root().join("tests").exists());
    assert!(!repository.root().join("Cargo.toml").exists());
    assert_eq!(
        repository.read(".gitignore"),
        "*.pyc\n.steadfast-*\n.steadfast/\n"
    );
    let workflow = repository.read(".github/workflows/robustness.yml");
    for (words, there) in [
        ("run: cargo steadfast test", true),
        ("cargo install cargo-steadfast", true),
        (".steadfast/records", true),
        ("cargo test", false),
        ("target/", false),
    ] {
        assert_eq!(workflow.contains(words), there, "{words}: {workflow}");
    }
    assert_eq!(repository.steadfast(&init).code, 0);
    assert_eq!(
        repository.read(".gitignore"),
        "*.pyc\n.steadfast-*\n.steadfast/\n"
    );
    assert_eq!(repository.steadfast(&["test"]).code, 4);
}

#[test]
fn records_are_kept_beside_the_specs() {
    let repository = Repository::digits();
    let mut command = repository.steadfast_command(&[], &["test", "--exact", CASES]);
    command.env_remove("STEADFAST_DIR");
    assert_eq!(command.output().unwrap().status.code(), Some(4));
    let record = ".steadfast/records/digits/identity.json";
    assert!(repository.root().join(record).is_file());
}

#[test]
fn a_check_opens_every_model_and_asks_none() {
    let repository = Repository::digits();
    let good = repository.steadfast(&["list", "--check"]);
    assert_eq!(good.code, 0, "{}", good.all());
    assert!(
        good.stdout
            .contains("digits: onnx models/digits.onnx: rten 0.27.0, gives logits, 10 classes, input gradients"),
        "{}",
        good.all()
    );
    repository.copy("models/digits32.onnx", "models/digits.onnx");
    let other = repository.steadfast(&["list", "--check"]);
    assert_eq!(other.code, 6, "{}", other.all());
    assert!(
        other.stdout.contains(
            "the model takes examples of the shape [1, 32, 32], and those of the data have [1, 8, 8]"
        ),
        "{}",
        other.all()
    );
    assert!(!repository.root().join("state/records").exists());
    // A case says the same, before any prediction.
    let case = repository.test(&["--exact", CASES]);
    assert!(
        case.stdout.contains("takes examples of the shape"),
        "{}",
        case.all()
    );
}

#[test]
fn what_an_engine_fails_at_is_said_before_any_prediction() {
    let repository = Repository::digits();
    let path = repository.root().join("models/digits.onnx");
    let mut model = std::fs::read(&path).unwrap();
    // Numbers of elements go into pools, and the graph leaves the shape of an example
    // to the data: a size of 8 (field 1 of a dimension) becomes an empty name (field 2).
    for (from, to) in [
        (&b"\x22\x04Relu"[..], &b"\x22\x04Size"[..]),
        (b"\x0a\x02\x08\x08", b"\x0a\x02\x12\x00"),
    ] {
        for at in 0..model.len() - from.len() {
            if model[at..].starts_with(from) {
                model[at..at + from.len()].copy_from_slice(to);
            }
        }
    }
    std::fs::write(&path, model).unwrap();
    let check = repository.steadfast(&["list", "--check"]);
    let case = repository.steadfast(&["test", "--exact", CASES]);
    let data = ["--data", "data/digits-test.npz"];
    let doctor = [&["doctor", "models/digits.onnx"], &data[..]].concat();
    for ran in [check, case, repository.steadfast(&doctor)] {
        assert_eq!(ran.code, 6, "{}", ran.all());
        for words in [
            "the embedded engine rten cannot run models/digits.onnx",
            "operator \"MaxPool (/MaxPool)\" failed",
            "use ONNX Runtime (`engine = \"ort\"`)",
        ] {
            assert!(ran.all().contains(words), "{words}: {}", ran.all());
        }
    }
}

#[test]
fn a_model_that_rounds_has_gradients_where_its_spec_says_how() {
    const RELU: &[u8] = b"\x22\x04Relu"; // The operator of a node, as the file has it.
    let repository = Repository::digits();
    let path = repository.root().join("models/digits.onnx");
    let mut model = std::fs::read(&path).unwrap();
    for at in 0..model.len() - RELU.len() {
        if model[at..].starts_with(RELU) {
            model[at + 2..at + RELU.len()].copy_from_slice(b"Ceil");
        }
    }
    std::fs::write(&path, model).unwrap();
    let check = || repository.steadfast(&["list", "--check"]);
    let refused = check();
    assert_eq!(refused.code, 0, "{}", refused.all());
    for words in [
        "no input gradients",
        "operator Ceil (node ",
        "Set [model] straight_through = true",
    ] {
        assert!(refused.stdout.contains(words), "{}", refused.all());
    }
    let spec = "robustness-specs/digits.toml";
    repository.edit(spec, "gives = ", "straight_through = true\ngives = ");
    let passed = check();
    assert_eq!(passed.code, 0, "{}", passed.all());
    assert!(
        passed.stdout.contains("10 classes, input gradients"),
        "{}",
        passed.all()
    );
}
