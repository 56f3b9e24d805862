//! From no baseline to a blessed one, to a worse model, to a spec added.

use crate::repository::Repository;

#[test]
fn a_first_baseline_is_missing_then_blessed_then_identical() {
    let repository = Repository::digits();
    let first = repository.test(&[]);
    assert_eq!(first.code, 101);
    assert!(
        first.stdout.contains("digits::identity: no baseline yet"),
        "{}",
        first.all()
    );
    assert!(
        first
            .stdout
            .contains("accept:    cargo steadfast bless digits::identity"),
        "{}",
        first.all()
    );

    let blessed = repository.steadfast(&["bless", "digits", "--reason", "first baseline"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    assert!(
        blessed.stdout.contains("4 moved, 0 unchanged, 0 kept"),
        "{}",
        blessed.all()
    );
    let baseline: serde_json::Value =
        serde_json::from_str(&repository.read("baselines/digits/gaussian_noise/severity_5.json"))
            .unwrap();
    assert_eq!(baseline["accepted"]["by"], "A Tester <tester@example.org>");
    assert_eq!(baseline["accepted"]["reason"], "first baseline");
    assert!(baseline["accepted"]["at"].as_str().unwrap().ends_with('Z'));

    let second = repository.test(&[]);
    assert_eq!(second.code, 0, "{}", second.all());
    assert!(
        second.stderr.contains("4 cases: 4 identical"),
        "{}",
        second.all()
    );
}

#[test]
fn a_worse_model_fails_with_the_whole_story() {
    let repository = Repository::digits();
    repository.bless_all();
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    let worse = repository.test(&[]);
    assert_eq!(worse.code, 101);
    for words in [
        "digits::identity: accuracy fell 0.9880 → 0.8960 (margin 0.05)",
        "--> robustness-specs/digits.toml:17",
        "change   -0.0920 against a margin of 0.0500, limits [",
        "p = ",
        "n = 500, 1 replicate",
        "n = 500, 2 replicates",
        "47 newly wrong, 1 newly right",
        "data, spec, algorithms, environment: the same",
        "\"first baseline\"",
        "reproduce: cargo steadfast test --exact digits::identity",
        "accept:    cargo steadfast bless digits::identity --reason",
    ] {
        assert!(worse.stdout.contains(words), "{words}\n{}", worse.all());
    }
    let before = repository.files("baselines");
    let blessed = repository.steadfast(&["bless", "digits", "--reason", "we accept less"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    assert!(
        blessed.stdout.contains("accuracy fell 0.9880 → 0.8960"),
        "the same diff: {}",
        blessed.all()
    );
    assert_ne!(before, repository.files("baselines"));
    let after = repository.test(&[]);
    assert_eq!(after.code, 0, "{}", after.all());
}

#[test]
fn an_honest_retrain_passes_and_its_baselines_are_kept() {
    let repository = Repository::digits();
    repository.bless_all();
    repository.copy("models/digits-retrained.onnx", "models/digits.onnx");
    let retrained = repository.test(&[]);
    assert_eq!(retrained.code, 0, "{}", retrained.all());
    let before = repository.files("baselines");
    let blessed = repository.steadfast(&["bless", "digits::identity", "--reason", "retrained"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    assert!(
        blessed.stdout.contains("kept: digits::identity"),
        "{}",
        blessed.all()
    );
    assert!(blessed.stdout.contains("0 moved"), "{}", blessed.all());
    assert_eq!(before, repository.files("baselines"));
    let forced = repository.steadfast(&[
        "bless",
        "digits::identity",
        "--all",
        "--reason",
        "retrained",
    ]);
    assert!(forced.stdout.contains("1 moved"), "{}", forced.all());
}

#[test]
fn an_added_spec_is_a_new_case_that_disturbs_no_other() {
    let repository = Repository::digits();
    repository.bless_all();
    let noisy = repository.record("digits::gaussian_noise::severity_5")["columns"].clone();
    let spec = repository
        .read("robustness-specs/digits.toml")
        .replace("severity = [1, 5]", "severity = [2, 5]");
    repository.write("robustness-specs/another.toml", spec);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    assert!(
        ran.stdout
            .contains("another::gaussian_noise::severity_2: no baseline yet"),
        "{}",
        ran.all()
    );
    assert!(
        ran.stderr.contains("4 identical") && ran.stderr.contains("4 missing"),
        "{}",
        ran.all()
    );
    // Neither the spec's name nor its other cases are in the key of the noise.
    assert_eq!(
        noisy,
        repository.record("digits::gaussian_noise::severity_5")["columns"]
    );
    assert_eq!(
        noisy,
        repository.record("another::gaussian_noise::severity_5")["columns"]
    );
}

#[test]
fn blessing_the_same_outcomes_again_changes_no_byte() {
    let repository = Repository::digits();
    repository.bless_all();
    let before = repository.files("baselines");
    repository.test(&[]);
    let again = repository.steadfast(&["bless", "--all", "--reason", "another reason"]);
    assert!(
        again.stdout.contains("0 moved, 4 unchanged"),
        "{}",
        again.all()
    );
    assert_eq!(before, repository.files("baselines"));
}

#[test]
fn nextest_finds_the_same_cases_and_verdicts() {
    let repository = Repository::digits();
    repository.bless_all();
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    repository.test(&[]);
    let together = repository.record("digits::identity");
    // As nextest runs one test: by its exact name, in a process of its own.
    let process = [
        ("NEXTEST_EXECUTION_MODE", "process-per-test"),
        ("NEXTEST", "1"),
        ("NEXTEST_RUN_ID", "r1"),
    ];
    let alone = repository.test_with(&process, &["--exact", "digits::identity", "--nocapture"]);
    assert_eq!(alone.code, 101);
    assert!(
        alone
            .stderr
            .starts_with("Error: digits::identity: accuracy fell"),
        "{}",
        alone.all()
    );
    let record = repository.record("digits::identity");
    assert_eq!(record["run_id"], "r1");
    for key in ["verdict", "metrics", "columns", "message"] {
        assert_eq!(record[key], together[key], "{key}");
    }
    // A name that is not there is no success.
    let unknown = repository.test_with(&process, &["--exact", "digits::gone", "--nocapture"]);
    assert_eq!(unknown.code, 101, "{}", unknown.all());
}
