//! Models that panic, answer nonsense or cannot be opened: each fails its own
//! case with a message that names the example, and harms no other.

use crate::repository::{Ran, Repository, SPEC};

/// A repository whose second spec has the model `name`.
fn beside(name: &str) -> Repository {
    let repository = Repository::digits();
    repository.bless_all();
    let spec = SPEC
        .replace(
            "onnx = \"models/digits.onnx\"",
            &format!("registered = \"{name}\""),
        )
        .replace("gives = \"logits\"\n", "");
    repository.write("robustness-specs/rust.toml", spec);
    repository
}

fn run(name: &str) -> Ran {
    let repository = beside(name);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(
        ran.stderr.contains("4 identical"),
        "the others go on: {}",
        ran.all()
    );
    assert_eq!(
        repository.record("rust::identity")["verdict"],
        "error",
        "{}",
        ran.all()
    );
    let refused = repository.steadfast(&["bless", "rust", "--reason", "no"]);
    assert_eq!(refused.code, 6, "{}", refused.all());
    assert!(
        refused
            .stderr
            .contains("rust::identity errored in its last run"),
        "{}",
        refused.all()
    );
    ran
}

fn expect(name: &str, words: &[&str]) {
    let ran = run(name);
    for word in words {
        assert!(ran.stdout.contains(word), "{name}: {word}\n{}", ran.all());
    }
}

#[test]
fn a_panic_names_the_example() {
    expect(
        "panics",
        &["example 3: the model panicked: third example met at"],
    );
    assert!(
        !run("panics").stderr.contains("panicked at"),
        "no stray panic message"
    );
}

#[test]
fn a_nan_names_the_example_and_the_class() {
    expect(
        "nan",
        &["example 3: the model answered NaN (class 4): its outputs must be finite"],
    );
}

#[test]
fn wrong_shapes_say_what_was_wanted() {
    expect(
        "few_rows",
        &["the model answered 1 rows to a batch of 64: one row an example is needed"],
    );
    expect(
        "few_classes",
        &[
            "data/digits-test.npz: the label `y[1]` is 9, but the model has 4 classes, numbered from 0",
        ],
    );
}

#[test]
fn a_model_that_cannot_be_opened_says_why() {
    expect("unavailable", &["the licence server is away"]);
    expect(
        "nobody",
        &[
            "no model is registered as \"nobody\"; registered are",
            "robustness-specs/rust.toml:6:14",
        ],
    );
}

#[test]
fn a_rust_model_is_judged_like_any_other() {
    let repository = beside("good");
    repository.write("robustness-specs/suite.toml", "[family]\ncapacity = 50\n");
    repository.test(&[]);
    assert_eq!(
        repository
            .steadfast(&["bless", "rust", "--reason", "first"])
            .code,
        0
    );
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let baseline = repository.read("baselines/rust/identity.json");
    assert!(
        baseline.contains("\"digest\": null"),
        "what identifies the model is not known, and said so"
    );
}

#[test]
fn answers_that_change_from_run_to_run_are_named() {
    let repository = beside("moody");
    repository.edit(
        "robustness-specs/rust.toml",
        "registered = \"moody\"",
        "registered = \"moody\"\nfiles = [\"models/digits.onnx\"]",
    );
    repository.test(&[]);
    assert_eq!(
        repository
            .steadfast(&["bless", "rust", "--reason", "first"])
            .code,
        0
    );
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(
        repository.record("rust::identity")["verdict"],
        "nondeterministic",
        "{}",
        ran.all()
    );
    assert!(
        ran.stdout.contains("set [model] stochastic = true"),
        "{}",
        ran.all()
    );
    repository.edit(
        "robustness-specs/rust.toml",
        "registered = ",
        "stochastic = true\nregistered = ",
    );
    let ran = repository.test(&[]);
    assert_ne!(
        repository.record("rust::identity")["verdict"],
        "nondeterministic",
        "{}",
        ran.all()
    );
}

#[test]
fn a_perturbation_of_ones_own_joins_by_name() {
    let repository = Repository::digits();
    let own = "\n[[perturbation]]\nkind = \"custom::roll\"\nby = 2\n\n[[metric]]";
    let spec = SPEC.replacen("\n[[metric]]", own, 1);
    repository.write("robustness-specs/digits.toml", &spec);
    repository.bless_all();
    assert!(
        repository
            .read("baselines/digits/custom/roll/by_2.json")
            .contains("custom::roll@3")
    );
    assert_eq!(repository.test(&[]).code, 0);
    assert_eq!(repository.steadfast(&["status"]).code, 0);
    repository.write(
        "robustness-specs/digits.toml",
        spec.replace("by = 2", "by = 9"),
    );
    let ran = repository.test(&[]);
    assert!(
        ran.stdout
            .contains("custom::roll: `by` must be from 0 to 8, not 9"),
        "{}",
        ran.all()
    );
    repository.write(
        "robustness-specs/digits.toml",
        spec.replace("custom::roll", "custom::spin"),
    );
    let ran = repository.test(&[]);
    assert!(
        ran.stdout.contains(
            "no perturbation is registered as \"spin\"; registered are blur, cell, dim, roll"
        ),
        "{}",
        ran.all()
    );
}
