//! Workers that misbehave, as a user would meet them: each failure has its message,
//! in time, and what is asked next is answered.

mod python;

use std::time::Instant;

use ndarray::{Array2, arr2};

use super::*;

/// A worker of `worker.py` in a folder of its own.
struct Scene {
    folder: tempfile::TempDir,
    request: Request,
}

impl Scene {
    fn new(behaviour: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("worker.py"), include_str!("worker.py")).unwrap();
        let seconds = Duration::from_secs;
        let request = Request {
            command: ["python3", "worker.py", behaviour]
                .map(str::to_owned)
                .to_vec(),
            folder: folder.path().to_owned(),
            workers: 1,
            start: seconds(60),
            answer: seconds(60),
            stop: seconds(60),
        };
        Self { folder, request }
    }

    fn open(&self) -> WorkerModel {
        open(&self.request).unwrap()
    }

    /// Why it does not open.
    fn refused(&self) -> String {
        open(&self.request).err().unwrap().to_string()
    }

    /// The child that the worker has started.
    fn child(&self) -> u32 {
        let path = self.folder.path().join("child");
        std::fs::read_to_string(path).unwrap().parse().unwrap()
    }
}

fn inputs() -> Array2<f32> {
    arr2(&[[1.0, 2.0, 0.5], [-1.0, 0.0, 4.0]])
}

/// Asks, and holds the sums; which process answered.
fn ask(model: &WorkerModel) -> Result<u32, String> {
    let answers = model.predict(inputs().into_dyn().view());
    let answers = answers.map_err(|error| error.to_string())?;
    assert_eq!(answers.column(0).to_vec(), [3.5, 3.0]);
    assert_eq!(answers[[0, 1]], answers[[1, 1]]);
    Ok(answers[[0, 1]] as u32)
}

/// Whether a process runs; a zombie does not.
fn runs(process: u32) -> bool {
    let status = std::process::Command::new("ps")
        .args(["-o", "stat=", "-p", &process.to_string()])
        .output()
        .unwrap();
    let state = String::from_utf8(status.stdout).unwrap();
    !state.trim().is_empty() && !state.starts_with('Z')
}

/// Whether a process is known to the system, as a zombie too.
fn is_known(process: u32) -> bool {
    let status = std::process::Command::new("ps")
        .args(["-p", &process.to_string()])
        .output()
        .unwrap();
    status.status.success()
}

/// Goes wrong at the second request: what is said, and what the third is answered by.
fn second(behaviour: &str, change: impl FnOnce(&mut Request)) -> (String, u32, u32) {
    let mut scene = Scene::new(behaviour);
    change(&mut scene.request);
    let model = scene.open();
    let first = ask(&model).unwrap();
    let message = ask(&model).unwrap_err();
    let third = ask(&model).unwrap();
    drop(model);
    assert!(
        !is_known(first) && !is_known(third),
        "{behaviour}: left behind"
    );
    (message, first, third)
}

#[test]
fn a_worker_answers_with_gradients() {
    let scene = Scene::new("well");
    let model = scene.open();
    let description = model.describe();
    assert_eq!(description.gives, Some(Gives::Logits));
    assert_eq!(description.classes, Some(2));
    assert_eq!(description.input_shape, [None]);
    assert_eq!(description.engine, "tests 1");
    let first = ask(&model).unwrap();
    // Its columns are not in a row, as it stands in memory.
    let turned = arr2(&[[1.0, -1.0], [2.0, 0.0], [0.5, 4.0]]).reversed_axes();
    let cotangents = |answers: ArrayView2<'_, f32>| {
        assert_eq!(answers.column(0).to_vec(), [3.5, 3.0]);
        arr2(&[[2.0, 0.0], [-3.0, 9.0]])
    };
    let Gradients {
        answers,
        inputs: gradient,
    } = model
        .gradient(turned.view().into_dyn(), &cotangents)
        .unwrap();
    assert_eq!(answers[[1, 0]], 3.0);
    let expected = arr2(&[[2.0, 2.0, 2.0], [-3.0, -3.0, -3.0]]);
    assert_eq!(gradient, expected.into_dyn());
    assert_eq!(ask(&model).unwrap(), first);
    drop(model);
    assert!(!is_known(first), "it is waited for");
}

#[test]
fn a_program_that_does_not_start_says_why() {
    let mut scene = Scene::new("well");
    scene.request.command = vec!["no-such-program".to_owned(), "model.py".to_owned()];
    let message = scene.refused();
    assert!(
        message
            .starts_with("the worker `no-such-program model.py` cannot be started: No such file"),
        "{message}"
    );
    let message = Scene::new("fails at the start").refused();
    assert!(
        message.contains("ended before it said what it is (exit status: 1). Its last words on stderr:\n  | ModuleNotFoundError: No module named 'torch'"),
        "{message}"
    );
    let message = Scene::new("speaks otherwise").refused();
    assert!(
        message.contains("speaks protocol 2, and this version of steadfast speaks protocol 1: `cargo steadfast worker > steadfast_worker.py` writes what speaks it"),
        "{message}"
    );
    let mut scene = Scene::new("hangs at the start");
    scene.request.start = Duration::from_secs(2);
    let message = scene.refused();
    assert!(
        message.contains("did not answer within 2 s before it said what it is and was killed")
            && message.contains("start_seconds")
            && message.ends_with("\n  | reading 8 GB of weights"),
        "{message}"
    );
}

#[test]
fn one_that_dies_fails_its_request_and_is_started_anew() {
    let (message, first, third) = second("exits", |_| {});
    assert!(
        message.ends_with("ended when it was asked to predict (exit status: 3). Its last words on stderr:\n  | the licence has run out"),
        "{message}"
    );
    assert_ne!(first, third);
    let (message, ..) = second("is killed", |_| {});
    assert!(message.contains("(signal: 11 (SIGSEGV)"), "{message}");
    assert!(message.ends_with("It wrote nothing to stderr"), "{message}");
    let (message, ..) = second("breaks off", |_| {});
    assert!(
        message.contains("cannot be understood: it ended in the middle of a frame"),
        "{message}"
    );
    let (message, ..) = second("closes its stdout", |_| {});
    assert!(message.contains("it closed its stdout"), "{message}");
}

#[test]
fn one_that_hangs_is_killed_when_its_time_is_over() {
    let limit = |request: &mut Request| request.answer = Duration::from_secs(2);
    for behaviour in ["hangs", "stops short"] {
        let (message, first, third) = second(behaviour, limit);
        assert!(
            message.contains("did not answer within 2 s when it was asked to predict and was killed: see what it waits for, or raise [model] answer_seconds"),
            "{behaviour}: {message}"
        );
        assert_ne!(first, third);
    }
}

#[test]
fn what_is_no_answer_is_named() {
    for (behaviour, expected) in [
        (
            "prints",
            "it wrote what is no frame to its stdout, which is for frames only: \"epoch 1: loss 0.5\\n",
        ),
        (
            "rambles",
            "it announced a header of 2147483648 bytes, and 65536 are the most",
        ),
        (
            "mumbles",
            "it wrote a header that cannot be read (key must be a string",
        ),
        (
            "shouts",
            "it announced a tensor of shape [2, 4611686018427387904], and an answer here has 131072 elements at most",
        ),
        (
            "few rows",
            "answered with the shape [1, 2], and [2, 2] (one row an example) is needed",
        ),
        ("more columns", "answered with the shape [2, 3], and [2, 2]"),
        (
            "other axes",
            "answered with the shape [2, 2, 1], and [2, 2]",
        ),
        ("no tensor", "answered without a tensor, and [2, 2]"),
        (
            "answers another",
            "answers request 4 when request 3 was asked",
        ),
        (
            "answers the last",
            "answers request 2 when request 3 was asked",
        ),
        (
            "fails for another",
            "answers request 4 when request 3 was asked",
        ),
    ] {
        let (message, first, third) = second(behaviour, |request| {
            request.answer = Duration::from_secs(3);
        });
        assert!(message.contains(expected), "{behaviour}: {message}");
        assert_ne!(first, third, "{behaviour}");
    }
}

/// What comes after an answer is nothing that the next case has asked for.
#[test]
fn what_a_worker_does_between_two_requests_fails_neither() {
    for behaviour in ["speaks afterwards", "answers again", "ends afterwards"] {
        let scene = Scene::new(behaviour);
        let model = scene.open();
        let first = ask(&model).unwrap();
        let spoke = scene.folder.path().join("spoke");
        while !spoke.exists() || (behaviour == "ends afterwards" && runs(first)) {
            std::thread::sleep(Duration::from_millis(10));
        }
        // As long as the harness takes to hear it.
        std::thread::sleep(Duration::from_millis(100));
        let second = ask(&model).unwrap_or_else(|message| panic!("{behaviour}: {message}"));
        assert_ne!(first, second, "{behaviour}");
        assert!(!is_known(first), "{behaviour}: left behind");
    }
}

#[test]
fn one_that_says_that_it_failed_goes_on() {
    let (message, first, third) = second("refuses", |_| {});
    assert!(
        message.contains("failed: ValueError: no such column. Its last words on stderr:\n  | Traceback: somewhere"),
        "{message}"
    );
    assert_eq!(first, third, "the same process answers");
    let scene = Scene::new("has no gradient");
    let model = scene.open();
    let error = model
        .gradient(inputs().into_dyn().view(), &|answers| answers.to_owned())
        .unwrap_err();
    assert!(
        error.to_string().contains("has no gradient: give"),
        "{error}"
    );
    ask(&model).unwrap();
}

#[test]
fn slow_answers_are_waited_for() {
    assert!(ask(&Scene::new("is slow").open()).is_ok());
}

#[test]
fn neither_side_waits_for_the_other_with_a_full_pipe() {
    let scene = Scene::new("answers before it reads");
    let model = scene.open();
    // More than any pipe holds, both ways, and on stderr.
    let large = Array2::from_elem((200, 16_384), 0.5).into_dyn();
    let found = model.with_worker(|worker| {
        let limit = model.request.answer;
        worker.ask(Verb::Predict, Some(large.view()), large.len(), limit)
    });
    assert_eq!(found.unwrap().tensor.unwrap().shape(), [200, 16_384]);
}

#[test]
fn one_that_stops_reading_is_an_error_in_time() {
    let mut scene = Scene::new("closes its stdin");
    scene.request.stop = Duration::ZERO;
    let model = scene.open();
    let large = Array2::from_elem((200, 16_384), 0.5).into_dyn();
    let error = model.predict(large.view()).unwrap_err().to_string();
    assert!(
        error.contains("does not read its stdin (Broken pipe"),
        "{error}"
    );
}

#[test]
fn several_answer_side_by_side() {
    let mut scene = Scene::new("is slow");
    scene.request.workers = 2;
    let model = scene.open();
    let together = std::sync::Barrier::new(4);
    let one = || {
        together.wait();
        ask(&model).unwrap()
    };
    let processes: Vec<u32> = std::thread::scope(|scope| {
        let asking: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let distinct: std::collections::BTreeSet<_> = processes.iter().collect();
    assert_eq!(distinct.len(), 2, "{processes:?}");
}

#[test]
fn one_that_becomes_another_model_is_refused() {
    let scene = Scene::new("changes");
    let model = scene.open();
    ask(&model).unwrap();
    ask(&model).unwrap_err();
    let message = ask(&model).unwrap_err();
    assert!(
        message.contains("says after a restart that it is another model")
            && message.contains("Some(3)"),
        "{message}"
    );
}

#[test]
fn a_panic_between_the_passes_ends_the_worker() {
    let scene = Scene::new("well");
    let model = scene.open();
    let first = ask(&model).unwrap();
    let asked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        model.gradient(inputs().into_dyn().view(), &|_| panic!("no such loss"))
    }));
    assert!(asked.is_err());
    assert_ne!(ask(&model).unwrap(), first);
    assert!(!is_known(first));
}

#[test]
fn its_own_children_end_with_it() {
    let scene = Scene::new("has a child");
    let model = scene.open();
    let worker = ask(&model).unwrap();
    let child = scene.child();
    assert!(runs(worker) && runs(child));
    drop(model);
    assert!(!is_known(worker) && !runs(child));
    // A child that holds the pipes of a worker that has ended is no reason to wait.
    let scene = Scene::new("leaves a child");
    let model = scene.open();
    ask(&model).unwrap();
    let asked = Instant::now();
    let message = ask(&model).unwrap_err();
    assert!(message.contains("(exit status: 4)"), "{message}");
    assert!(
        asked.elapsed() < Duration::from_secs(30),
        "not until its time is over"
    );
    assert!(!runs(scene.child()));
}

#[test]
fn one_that_does_not_end_is_killed() {
    let mut scene = Scene::new("does not end");
    scene.request.stop = Duration::from_millis(300);
    let model = scene.open();
    let worker = ask(&model).unwrap();
    drop(model);
    assert!(!is_known(worker));
}
