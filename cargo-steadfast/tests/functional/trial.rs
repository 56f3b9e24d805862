//! Models that would take the run with them: they fail their own cases, and the others have
//! their verdicts.

use crate::hostile::onnx;
use crate::repository::Repository;

/// A good model and a graph, each with one case.
fn beside(graph: Vec<u8>, more: &str) -> Repository {
    let repository = Repository::empty();
    repository.rows(&(0..40).collect::<Vec<_>>(), false);
    for (name, graph, more) in [("good", onnx::plain(), ""), ("hostile", graph, more)] {
        repository.write(&format!("models/{name}.onnx"), graph);
        repository.write(
            &format!("robustness-specs/{name}.toml"),
            format!(
                "schema = 1\nseed = 1\n\n[model]\nonnx = \"models/{name}.onnx\"\ngives = \"logits\"\n{more}\n\n\
                 [data]\npath = \"data/rows.npz\"\ninputs = \"x\"\nlabels = \"y\"\nrange = [0, 4096]\n\n\
                 [gate]\nmargin = 0.3\nanchor = \"none\"\n\n[[perturbation]]\nkind = \"identity\"\n"
            ),
        );
    }
    repository
}

/// What is said of the graph; the good model is judged all the same.
fn said_of(graph: Vec<u8>, more: &str) -> String {
    let repository = beside(graph, more);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(
        repository.verdict("good::identity"),
        "missing",
        "{}",
        ran.all()
    );
    assert_eq!(
        repository.verdict("hostile::identity"),
        "error",
        "{}",
        ran.all()
    );
    ran.stdout
}

const APART: &str = "the trial of models/hostile.onnx in a process of its own";

#[test]
fn a_graph_that_asks_for_more_memory_than_there_is_fails_its_own_cases() {
    for (more, limit) in [("", "8 GiB"), ("open_memory = \"500 MB\"", "476 MiB")] {
        let said = said_of(onnx::vast(), more);
        assert!(said.contains(APART), "{said}");
        assert!(said.contains("memory allocation of"), "{said}");
        let cure = format!("If it needs more than {limit} of memory, raise [model] open_memory");
        assert!(said.contains(&cure), "{said}");
    }
}

#[test]
fn a_graph_that_never_answers_is_ended() {
    let said = said_of(onnx::endless(), "open_seconds = 2");
    assert!(said.contains(APART), "{said}");
    assert!(said.contains("not through within 2 s"), "{said}");
    assert!(said.contains("[model] open_seconds"), "{said}");
}

#[test]
fn a_graph_that_goes_too_deep_fails_its_own_cases() {
    let said = said_of(onnx::deep(5_000), "");
    assert!(said.contains(APART), "{said}");
    assert!(said.contains("overflowed its stack"), "{said}");
}

#[test]
fn a_declared_input_without_end_is_refused() {
    let said = said_of(onnx::wide(), "");
    assert!(said.contains("1099511627776"), "{said}");
}

/// A name that is no text is no way around the trial.
#[cfg(target_os = "linux")]
#[test]
fn whatever_a_model_is_called_it_is_tried_apart() {
    use std::os::unix::ffi::OsStrExt;
    let repository = beside(onnx::plain(), "");
    let odd = std::ffi::OsStr::from_bytes(b"models/\xff.onnx");
    let odd = repository.root().join(odd);
    std::fs::write(&odd, onnx::deep(5_000)).unwrap();
    repository.remove("models/hostile.onnx");
    std::os::unix::fs::symlink(&odd, repository.root().join("models/hostile.onnx")).unwrap();
    let ran = repository.test(&[]);
    assert_eq!(
        repository.verdict("good::identity"),
        "missing",
        "{}",
        ran.all()
    );
    assert_eq!(
        repository.verdict("hostile::identity"),
        "error",
        "{}",
        ran.all()
    );
    assert!(ran.stdout.contains(APART), "{}", ran.all());
}

#[test]
fn a_model_that_passed_is_not_tried_again_until_something_changes() {
    let repository = beside(onnx::plain(), "");
    repository.test(&[]);
    let trials = || repository.files("state/trials").len();
    let first = trials();
    assert!(first > 0);
    // Another trial would write anew what it finds.
    for path in repository.files("state/trials").into_keys() {
        let remembered = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{remembered} ")).unwrap();
    }
    let before = repository.files("state/trials");
    repository.test(&[]);
    assert_eq!(repository.files("state/trials"), before);
    repository.rows(&(1..41).collect::<Vec<_>>(), false);
    repository.test(&[]);
    assert!(trials() > first, "other data are another trial");
}

/// What a commit brings was not tried here.
#[test]
fn a_committed_trial_is_none() {
    let repository = beside(onnx::plain(), "");
    repository.test(&[]);
    for path in repository.files("state/trials").into_keys() {
        std::fs::write(path, r#"{"as_written":true,"gradient":null}"#).unwrap();
    }
    let engine = || {
        repository.test(&[]);
        repository.record("good::identity")["identity"]["environment"]["engine"].to_string()
    };
    assert!(engine().contains("without fusions"));
    repository.git(&["add", "-f", "state/trials"]);
    repository.git(&["commit", "-q", "-m", "trials"]);
    let engine = engine();
    assert!(!engine.contains("without fusions"), "{engine}");
}

#[test]
fn the_variable_of_the_trial_is_nobody_elses() {
    let repository = Repository::digits();
    let ran = repository.test_with(&[("STEADFAST_TRIAL", "1")], &[]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("unset it"), "{}", ran.all());
}
