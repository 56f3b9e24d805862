//! Models that are another program: judged like any other; one that misbehaves fails
//! its own case, in time, and leaves no process behind, whatever ends the harness.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::repository::{Ran, Repository, SPEC};

/// A repository whose only spec has a worker, with a baseline, that behaves from now on
/// as is said.
fn repository(behaviour: &str, keys: &str) -> Repository {
    let repository = Repository::digits();
    let model = format!("worker = [\"python3\", \"model.py\"]\nfiles = [\"model.py\"]\n{keys}");
    let spec = SPEC
        .replace("onnx = \"models/digits.onnx\"", &model)
        .replace("gives = \"logits\"\n", "");
    repository.write("robustness-specs/digits.toml", spec);
    repository.write("model.py", include_str!("worker.py"));
    repository.write("behaviour", "");
    repository.bless_all();
    repository.write("processes", "");
    repository.write("behaviour", behaviour);
    repository
}

/// How the processes that were started are, where they are at all: `Z` for a zombie.
fn states(repository: &Repository) -> Vec<String> {
    let processes = repository.read("processes");
    let state = |process| {
        let listed = Command::new("ps")
            .args(["-o", "stat=", "-p", process])
            .output();
        String::from_utf8(listed.unwrap().stdout)
            .unwrap()
            .trim()
            .to_owned()
    };
    let mut states: Vec<String> = processes.lines().map(state).collect();
    states.retain(|state| !state.is_empty());
    states
}

/// Runs all four cases: one errors, the others are answered as before.
fn one_errors(behaviour: &str, keys: &str, words: &[&str]) -> Ran {
    let repository = repository(behaviour, keys);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    for word in words {
        assert!(
            ran.stdout.contains(word),
            "{behaviour}: {word}\n{}",
            ran.all()
        );
    }
    assert!(ran.stderr.contains("3 identical"), "{}", ran.all());
    assert!(ran.stderr.contains("1 error"), "{}", ran.all());
    assert_eq!(states(&repository), [""; 0], "{behaviour}");
    // It was once.
    assert_eq!(repository.test(&[]).code, 0, "{behaviour}");
    ran
}

#[test]
fn a_worker_is_judged_like_any_other_model() {
    let repository = repository("", "workers = 2\n");
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stderr.contains("4 identical"), "{}", ran.all());
    let record = repository.record("digits::identity");
    assert!(
        record.to_string().contains("brightness 1"),
        "what computed is recorded: {record}"
    );
    assert_eq!(states(&repository), [""; 0]);
    // The same numbers by another way in.
    repository.edit(
        "robustness-specs/digits.toml",
        "worker = [\"python3\", \"model.py\"]\nfiles = [\"model.py\"]\nworkers = 2\n",
        "registered = \"good\"\n",
    );
    repository.test(&[]);
    let other = repository.record("digits::identity");
    let accuracy = |record: &serde_json::Value| record["metrics"][0]["value"].clone();
    assert_eq!(accuracy(&record), accuracy(&other));
}

#[test]
fn one_that_dies_hangs_or_prints_fails_one_case_with_its_last_words() {
    let ran = one_errors(
        "dies",
        "",
        &[
            "the worker `python3 model.py` ended when it was asked to predict (exit status: 3). Its last words on stderr:",
            "  | Segmentation fault of CUDA",
        ],
    );
    assert!(
        !ran.stdout.contains("each alone is answered"),
        "{}",
        ran.all()
    );
    one_errors(
        "hangs",
        "answer_seconds = 5\n",
        &[
            "did not answer within 5 s when it was asked to predict and was killed: see what it waits for, or raise [model] answer_seconds",
        ],
    );
    one_errors(
        "prints",
        "",
        &[
            "cannot be understood: it wrote what is no frame to its stdout, which is for frames only: \"epoch 1\\n",
        ],
    );
}

#[test]
fn an_exception_or_a_nan_names_the_example() {
    for (behaviour, words) in [
        (
            "refuses",
            "example 3: the worker `python3 model.py` failed: ValueError: third example met. Its last words on stderr:",
        ),
        (
            "nan",
            "example 3: the model answered NaN (class 4): its outputs must be finite",
        ),
    ] {
        let repository = repository(behaviour, "");
        let ran = repository.test(&["identity"]);
        assert_eq!(ran.code, 101, "{}", ran.all());
        assert!(ran.stdout.contains(words), "{}", ran.all());
        assert_eq!(states(&repository), [""; 0]);
    }
}

#[test]
fn one_that_cannot_be_asked_is_refused_beforehand() {
    let broken = repository("cannot start", "");
    let ran = broken.test(&[]);
    assert!(
        ran.stdout.contains(
            "ended before it said what it is (exit status: 1). Its last words on stderr:"
        ) && ran
            .stdout
            .contains("  | ModuleNotFoundError: No module named 'torch'"),
        "{}",
        ran.all()
    );
    assert_eq!(
        broken.read("processes").lines().count(),
        1,
        "it is tried once"
    );
    let colours = repository("takes colours", "");
    let listed = colours.steadfast(&["list", "--check"]);
    assert_eq!(listed.code, 6, "{}", listed.all());
    assert!(
        listed
            .stdout
            .contains("the model takes examples of the shape [3, 8, 8]"),
        "{}",
        listed.all()
    );
    assert_eq!(states(&colours), [""; 0]);
}

#[test]
fn whatever_ends_the_harness_ends_its_workers() {
    for signal in ["INT", "KILL"] {
        let repository = repository("hangs for ever", "");
        let mut harness = repository.test_command(&[]);
        let mut harness = harness
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let wait = |what: &str, done: &dyn Fn() -> bool| {
            let since = Instant::now();
            while !done() {
                assert!(
                    since.elapsed() < Duration::from_secs(60),
                    "{signal}: {what}"
                );
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        let hanging = repository.root().join("hanging");
        wait("it is never asked", &|| hanging.exists());
        let process = harness.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(sent.unwrap().success());
        assert!(!harness.wait().unwrap().success());
        assert!(repository.read("processes").lines().count() >= 2);
        // Zombies are now those of the system's first process.
        wait("a worker or its child is left", &|| {
            let states = states(&repository);
            states.iter().all(|state| state.starts_with('Z'))
        });
    }
}
