//! Listing and filtering: nothing but the list on stdout, and neither model nor
//! data opened.

use crate::repository::{Repository, SPEC};

#[test]
fn listing_opens_neither_model_nor_data() {
    let repository = Repository::digits();
    std::fs::remove_dir_all(repository.root().join("models")).unwrap();
    std::fs::remove_dir_all(repository.root().join("data")).unwrap();
    let list = repository.test(&["--list", "--format", "terse"]);
    assert_eq!(list.code, 0, "{}", list.all());
    let lines: Vec<&str> = list.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "suite::environment: test",
            "suite::ledger: test",
            "digits::identity: test",
            "digits::gaussian_noise::severity_1: test",
            "digits::gaussian_noise::severity_5: test",
            "digits::contrast::severity_5: test",
        ]
    );
    assert_eq!(list.stderr, "");
    // nextest lists the ignored ones by themselves.
    repository.edit(
        "robustness-specs/digits.toml",
        "seed = 7",
        "seed = 7\nignore = \"flaky sensor\"",
    );
    let ignored = repository.test(&["--list", "--format", "terse", "--ignored"]);
    assert_eq!(ignored.stdout.lines().count(), 4, "{}", ignored.all());
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "ignored cases do not run: {}", ran.all());
    assert!(ran.stdout.contains("4 ignored"), "{}", ran.all());
}

#[test]
fn a_thousand_cases_are_listed_quickly() {
    let repository = Repository::digits();
    let severities: Vec<String> = (0..100)
        .map(|step| format!("{:.2}", 1.0 + f64::from(step) * 0.04))
        .collect();
    for index in 0..10 {
        let spec = SPEC.replace(
            "severity = [1, 5]",
            &format!("severity = [{}]", severities.join(", ")),
        );
        repository.write(&format!("robustness-specs/many{index}.toml"), spec);
    }
    let fastest = (0..5)
        .map(|_| {
            let started = std::time::Instant::now();
            let list = repository.test(&["--list", "--format", "terse"]);
            assert!(list.stdout.lines().count() > 1000, "{}", list.all());
            started.elapsed()
        })
        .min()
        .unwrap();
    // Listing is to take 50 ms; the bound is loose for a busy machine.
    assert!(fastest.as_millis() < 500, "{fastest:?}");
    eprintln!("listing 1,020 cases took {fastest:?}");
}

#[test]
fn filters_are_libtests() {
    let repository = Repository::digits();
    repository.bless_all();
    let count = |arguments: &[&str]| {
        let ran = repository.test(arguments);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran.stdout
            .lines()
            .filter(|line| line.ends_with("... ok"))
            .count()
    };
    assert_eq!(count(&["gaussian"]), 2);
    assert_eq!(count(&["--exact", "digits::identity"]), 1);
    assert_eq!(count(&["--skip", "suite", "--skip", "gaussian"]), 2);
    assert_eq!(count(&["--test-threads", "1"]), 6);
}

#[test]
fn no_spec_at_all_is_a_failure() {
    let repository = Repository::digits();
    std::fs::remove_file(repository.root().join("robustness-specs/digits.toml")).unwrap();
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    assert!(ran.stdout.contains("no spec is found in"), "{}", ran.all());
}

#[test]
fn an_unknown_variable_and_an_overspent_budget_fail_their_own_trials() {
    let repository = Repository::digits();
    repository.bless_all();
    let ran = repository.test_with(&[("STEADFAST_THREADS", "4")], &[]);
    assert_eq!(ran.code, 101);
    assert!(
        ran.stdout
            .contains("the environment variable STEADFAST_THREADS is unknown"),
        "{}",
        ran.all()
    );
    assert!(
        ran.stdout
            .contains("test result: FAILED. 5 passed; 1 failed"),
        "{}",
        ran.all()
    );
    repository.write(
        "robustness-specs/suite.toml",
        "[family]\nalpha = 0.05\ncapacity = 15\n",
    );
    let ran = repository.test(&[]);
    assert!(
        ran.stdout
            .contains("have 16 tests whose alphas add up to 0.053"),
        "{}",
        ran.all()
    );
    assert_eq!(repository.steadfast(&["status"]).code, 3);
}
