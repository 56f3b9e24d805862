//! A suite says how often it cries wolf, and what it misses.

use crate::repository::{Ran, Repository};

const N: usize = 1000;

/// Two perturbations' cases of a model that is right on nine of ten.
fn repository(gate: &str) -> Repository {
    let repository = Repository::table(N, 2, gate, "");
    repository.wrong(N, &[(0..100).collect(), (50..150).collect()]);
    repository.bless_all();
    repository
}

fn json(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.all()))
}

#[test]
fn harm_of_a_margin_is_caught_every_second_time_and_of_two_nearly_always() {
    let repository = repository("margin = 0.02\nalpha = 0.025\nanchor = \"none\"");
    let ran = repository.steadfast(&["selftest", "--models", "200", "--format", "json"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let found = json(&ran);
    assert_eq!(found["models"], 200);
    // What fails is beyond the margin, too: with a churn of 1 % that is 6 standard errors.
    assert_eq!(found["no_change"][0]["churn"], 0.01);
    assert_eq!(found["no_change"][0]["any_failure"]["count"], 0);
    // At harm of exactly the margin about every second model is beyond it.
    let test = &found["tests"][0]["harm"];
    let power = |size: &str| test[size]["rate"].as_f64().unwrap();
    assert!((0.3..0.7).contains(&power("1")), "{test}");
    assert!(power("2") > 0.9 && power("4") > 0.99, "{test}");
    let everywhere = &found["harm"][2];
    assert_eq!(everywhere["where"], "everywhere");
    assert_eq!(everywhere["any_case_fails"]["4"]["rate"], 1.0);
    // Nothing of it is written, and nothing is judged anew.
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn the_same_seed_says_the_same_within_80_columns() {
    let repository = repository("margin = 0.02\nanchor = \"none\"");
    let run = |seed: &str| {
        let ran = repository.steadfast(&["selftest", "--models", "60", "--seed", seed]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        ran.stdout
    };
    let one = run("1");
    assert_eq!(one, run("1"));
    assert_ne!(one, run("2"));
    for line in one.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    for words in [
        "2 cases of 1 spec, 60 simulated models through the judge, seed 1",
        "NO CHANGE FOR THE WORSE: does the gate cry wolf?",
        "churn 15 %",
        "HARM: what does it miss? (on top of churn 5 %)",
        "in one perturbation",
    ] {
        assert!(one.contains(words), "{words}: {one}");
    }
}

#[test]
fn weak_tests_say_what_would_mend_them() {
    let repository = repository("margin = 0.005\nalpha = 0.001\nanchor = \"none\"");
    let ran = repository.steadfast(&[
        "selftest",
        "--models",
        "60",
        "--format",
        "terminal,markdown",
    ]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for words in [
        "WEAKEST TESTS FIRST: 2 of 2 see 2 margins less often than asked",
        "power .80 at 0.0100 needs n =",
        "or margin =",
        "# Self-test of the suite",
        "| table::custom::cell::cell_1 | accuracy | 0.005 |",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
}

#[test]
fn recorded_retrains_are_what_models_are_made_of() {
    let repository = repository("margin = 0.02\nalpha = 0.025\nanchor = \"none\"");
    for more in [8, 16] {
        let wrong = |first: usize| (first..first + 92).chain(600..600 + more).collect();
        repository.wrong(N, &[wrong(0), wrong(50)]);
        assert_eq!(repository.test(&[]).code, 0);
        let ran = repository.steadfast(&["bless", "--retrain", "--reason", "another seed"]);
        assert_eq!(ran.code, 0, "{}", ran.all());
    }
    let ran = repository.steadfast(&["selftest", "--models", "40"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for words in [
        "mixed of 2 recorded retrains",
        "recorded retrains, mixed",
        "the same, each as it is   0 of 2",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    assert!(!ran.stdout.contains("churn 15 %"), "{}", ran.all());
    // A churn that is declared is the churn.
    let ran = repository.steadfast(&["selftest", "--models", "40", "--churn", "3%"]);
    assert!(ran.stdout.contains("churn 3 %"), "{}", ran.all());
}

#[test]
fn without_baselines_there_is_nothing_to_simulate_from() {
    let repository = Repository::table(N, 2, "margin = 0.02", "");
    let ran = repository.steadfast(&["selftest"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    for words in [
        "no case can be simulated from its baseline",
        "it has no baseline: run it, then cargo steadfast bless",
        "(and 1 other case likewise)",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.all());
    }
    let ran = repository.steadfast(&["selftest", "--churn", "1.5"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(
        ran.stderr.contains("a churn is a share of the answers"),
        "{}",
        ran.all()
    );
}
