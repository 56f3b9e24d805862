//! `init`: from a model and a data file to a first spec.

use crate::repository::Repository;

const MANIFEST: &str = "[package]\nname = \"mine\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";

fn bare() -> Repository {
    let repository = Repository::digits();
    std::fs::remove_dir_all(repository.root().join("robustness-specs")).unwrap();
    repository.write("Cargo.toml", MANIFEST);
    repository.write("src/lib.rs", "");
    repository
}

const ARGUMENTS: [&str; 5] = [
    "init",
    "--model",
    "models/digits.onnx",
    "--data",
    "data/digits-test.npz",
];

#[test]
fn shows_what_it_would_write_and_writes_nothing_unasked() {
    let repository = bare();
    let shown = repository.steadfast(&ARGUMENTS);
    assert_eq!(shown.code, 0, "{}", shown.all());
    for words in [
        "500 examples of shape [1, 8, 8]",
        "98.8 %",
        "would write tests/robustness.rs",
        "would add to Cargo.toml",
        "nothing was written",
    ] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.all());
    }
    assert_eq!(repository.read("Cargo.toml"), MANIFEST);
    assert!(!repository.root().join("tests").exists());
}

#[test]
fn what_it_writes_runs_and_a_second_time_changes_nothing() {
    let repository = bare();
    let mut arguments = ARGUMENTS.to_vec();
    arguments.push("--yes");
    let written = repository.steadfast(&arguments);
    assert_eq!(written.code, 0, "{}", written.all());
    let manifest = repository.read("Cargo.toml");
    for words in [
        "[dev-dependencies]\nsteadfast = ",
        "name = \"robustness\"\nharness = false",
        "[profile.dev.package]\nsteadfast = { opt-level = 3 }",
    ] {
        assert!(manifest.contains(words), "{words}: {manifest}");
    }
    let spec = repository.read("robustness-specs/digits.toml");
    // Eight cases, each against its baseline and its anchor: capacity 20, alpha .0025;
    // by Connor's formula 500 examples show a drop of .06 (n = 404) and not of .04
    // (n = 746).
    assert!(
        spec.contains("gives = \"logits\"") && spec.contains("margin = 0.03 "),
        "{spec}"
    );
    repository.bless_all();
    assert_eq!(repository.test(&[]).code, 0);
    let before = repository.files("");
    let again = repository.steadfast(&arguments);
    assert!(
        again
            .stdout
            .contains("kept as they are: tests/robustness.rs"),
        "{}",
        again.all()
    );
    assert_eq!(before, repository.files(""));
}

#[test]
fn what_cannot_be_opened_is_said_before_anything_is_written() {
    let repository = bare();
    let ran = repository.steadfast(&[
        "init",
        "--model",
        "models/digits.onnx",
        "--data",
        "data/digits-test.npz",
        "--inputs",
        "images",
        "--yes",
    ]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(
        ran.stderr.contains(
            "there is no array `images`, which data.inputs asks for; the file holds `x`, `y`"
        ),
        "{}",
        ran.all()
    );
    assert!(!repository.root().join("tests").exists());
}
