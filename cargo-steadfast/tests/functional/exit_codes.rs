//! What success promises: something was judged, and nothing that holds for all cases is wrong.

use crate::repository::Repository;

const GATE: &str = "margin = 0.03\nanchor = \"none\"";

/// A blessed repository of two cases.
fn blessed() -> Repository {
    let repository = Repository::table(200, 2, GATE, "");
    repository.wrong(200, &[vec![], vec![]]);
    repository.bless_all();
    repository
}

#[test]
fn nothing_judged_is_not_green() {
    let repository = Repository::digits();
    repository.bless_all();
    for verb in ["test", "report", "status"] {
        let ran = repository.steadfast(&[verb, "no_such_case"]);
        assert_eq!(ran.code, 2, "{verb}: {}", ran.all());
    }
    // The harness keeps libtest's success, and says that it means nothing.
    let ran = repository.test(&["no_such_case"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stderr.contains("warning: nothing was judged"),
        "{}",
        ran.all()
    );
    let spec = "robustness-specs/digits.toml";
    let good = repository.read(spec);
    repository.write(spec, format!("ignore = \"broken sensor\"\n{good}"));
    for verb in ["test", "report", "status"] {
        let ran = repository.steadfast(&[verb]);
        assert_eq!(ran.code, 2, "{verb}: {}", ran.all());
        assert!(ran.stderr.contains("ignored"), "{verb}: {}", ran.all());
    }
    repository.remove(spec);
    for verb in ["test", "report", "status"] {
        let ran = repository.steadfast(&[verb]);
        assert_eq!(ran.code, 2, "{verb}: {}", ran.all());
        assert!(
            ran.stderr.contains("no spec is found"),
            "{verb}: {}",
            ran.all()
        );
    }
}

#[test]
fn no_threads_are_an_error_and_no_hang() {
    let repository = blessed();
    let ran = repository.test(&["--test-threads", "0"]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(
        ran.stderr.contains("--test-threads 0 runs nothing"),
        "{}",
        ran.all()
    );
    let digits = Repository::digits();
    let ran = digits.steadfast(&["test", "--test-threads", "0"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
}

#[test]
fn what_is_wrong_for_every_case_fails_a_filtered_run_too() {
    let repository = blessed();
    assert_eq!(repository.test(&["table"]).code, 0);
    let ran = repository.test_with(&[("STEADFAST_DRI", "x")], &["table"]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(ran.stderr.contains("STEADFAST_DRI"), "{}", ran.all());
    repository.write("robustness-specs/suite.toml", "[famly]\n");
    let ran = repository.test(&["table"]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(ran.stderr.contains("Error: "), "{}", ran.all());
    assert!(ran.stderr.contains("famly"), "{}", ran.all());
}

#[test]
fn specs_that_would_be_passed_over_are_named() {
    let repository = blessed();
    let spec = repository.read("robustness-specs/table.toml");
    for (file, words) in [
        ("D.TOML", "the extension is not in lower case"),
        (".d.toml", "the name begins with a dot"),
        ("sub/d.toml", "d.toml stands in a folder"),
        ("aux.toml", "Windows keeps the name"),
        ("com1.x.toml", "Windows keeps the name"),
    ] {
        let path = format!("robustness-specs/{file}");
        repository.write(&path, &spec);
        let ran = repository.test(&[]);
        assert_eq!(ran.code, 101, "{file}: {}", ran.all());
        assert!(ran.stdout.contains(words), "{file}: {}", ran.all());
        repository.remove(&path);
        if file.starts_with("sub") {
            std::fs::remove_dir(repository.root().join("robustness-specs/sub")).unwrap();
        }
    }
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn ten_thousand_cases_are_the_most() {
    let repository = Repository::digits();
    let severity = |step: u32| format!("{:.4}", 1.0 + f64::from(step) / 1e4);
    let severities: Vec<String> = (1..=10_001).map(severity).collect();
    let spec = repository.read("robustness-specs/digits.toml");
    let more = format!(
        "{spec}\n[[perturbation]]\nkind = \"shot_noise\"\nseverity = [{}]\n",
        severities.join(", ")
    );
    repository.write("robustness-specs/digits.toml", more);
    let ran = repository.steadfast(&["list"]);
    assert_eq!(ran.code, 3, "{}", ran.all());
    assert!(ran.all().contains("and 10000 is the most"), "{}", ran.all());
}

#[test]
fn the_last_line_counts_what_was_not_judged() {
    let repository = blessed();
    let ran = repository.test(&[]);
    let line = "steadfast: 2 cases: 2 identical, 0 inconclusive, 0 ignored";
    assert!(ran.stderr.contains(line), "{}", ran.all());
}

#[test]
fn rejecting_is_for_people() {
    let repository = Repository::digits();
    for (variable, value) in [
        ("CI", "true"),
        ("GITHUB_ACTIONS", "true"),
        ("JENKINS_URL", "https://x"),
    ] {
        let mut command = repository.steadfast_command(&[], &["reject", "digits"]);
        command.env("CI", "").env(variable, value);
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{variable}");
    }
}
