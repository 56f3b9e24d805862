//! `python/steadfast_worker.py` as a user's program has it. Needs a Python with NumPy:
//! `PYTHON` names one, else `python3` is tried; without it the tests say so and pass.

use super::*;

/// A program beside the module; `None` where there is no Python with NumPy.
fn program(text: &str) -> Option<(tempfile::TempDir, Request)> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let numpy = std::process::Command::new(&python)
        .args(["-c", "import numpy"])
        .output();
    if !numpy.is_ok_and(|numpy| numpy.status.success()) {
        eprintln!("skipped: {python} has no NumPy; set PYTHON to one that has");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("steadfast_worker.py"), PYTHON_MODULE).unwrap();
    std::fs::write(folder.path().join("model.py"), text).unwrap();
    let seconds = Duration::from_secs;
    let request = Request {
        command: vec![python, "model.py".to_owned()],
        folder: folder.path().to_owned(),
        workers: 1,
        start: seconds(60),
        answer: seconds(60),
        stop: seconds(60),
    };
    Some((folder, request))
}

fn opened(text: &str) -> Option<(tempfile::TempDir, WorkerModel)> {
    let (folder, request) = program(text)?;
    let model = open(&request).unwrap();
    Some((folder, model))
}

/// A linear model, in float64, that prints wherever it can.
const LINEAR: &str = "
import steadfast_worker
import os, subprocess
import numpy as np

print('loading')
os.write(1, b'from C\\n')
subprocess.run(['echo', 'from a child'])
weights = np.array([[1.0, -2.0], [0.5, 3.0], [0.0, 1.0]])

def predict(inputs):
    print('predicting', inputs.shape)
    return inputs.reshape(len(inputs), -1)[:, :3] @ weights

def gradient(inputs, cotangents_of):
    result = np.zeros(inputs.shape)
    cotangents = cotangents_of(predict(inputs))
    result.reshape(len(inputs), -1)[:, :3] = cotangents @ weights.T
    return result

steadfast_worker.serve(predict, gives='logits', classes=2, gradient=gradient, input_shape=(None, 3))
";

#[test]
fn a_function_becomes_a_model() {
    let Some((_folder, model)) = opened(LINEAR) else {
        return;
    };
    let description = model.describe();
    assert_eq!(description.input_shape, [None, Some(3)]);
    assert!(
        description.engine.starts_with("python 3.") && description.engine.contains("numpy "),
        "{}",
        description.engine
    );
    // A small batch after a large one: the memory is kept, and what is beyond it is not seen.
    for length in [1, 400_000, 1] {
        let mut inputs = ndarray::Array3::<f32>::from_elem((2, length, 3), 7.0);
        inputs[[0, 0, 0]] = 1.0;
        inputs[[0, 0, 1]] = 2.0;
        inputs[[0, 0, 2]] = 0.5;
        let inputs = inputs.into_dyn();
        // By hand: [1, 2, 0.5] and [7, 7, 7] times the weights.
        let expected = arr2(&[[2.0, 4.5], [10.5, 14.0]]);
        assert_eq!(model.predict(inputs.view()).unwrap(), expected);
        let cotangents = |answers: ArrayView2<'_, f32>| {
            assert_eq!(answers, expected);
            arr2(&[[1.0, 0.0], [2.0, -1.0]])
        };
        let Gradients {
            answers,
            inputs: gradient,
        } = model.gradient(inputs.view(), &cotangents).unwrap();
        assert_eq!(answers, expected);
        let gradient = gradient.into_shape_with_order((2, 3 * length)).unwrap();
        let (first, rest) = gradient.view().split_at(Axis(1), 3);
        assert_eq!(first, arr2(&[[1.0, 0.5, 0.0], [4.0, -2.0, -1.0]]));
        assert!(rest.iter().all(|&rest| rest == 0.0));
    }
}

#[test]
fn an_exception_is_an_error_and_the_worker_goes_on() {
    let text = "
import steadfast_worker
import numpy as np
calls = 0

def predict(inputs):
    global calls
    calls += 1
    if calls == 1:
        return {}['age']
    if calls == 2:
        return np.zeros((1, 3))
    if calls == 3:
        return input()
    if calls == 4:
        raise SystemExit(7)
    return [0.25] * len(inputs)

def gradient(inputs, cotangents_of):
    return inputs

steadfast_worker.serve(predict, gives='positive_probability', gradient=gradient)
";
    let Some((_folder, model)) = opened(text) else {
        return;
    };
    let inputs = inputs().into_dyn();
    let ask = || {
        model
            .predict(inputs.view())
            .map_err(|error| error.to_string())
    };
    let message = ask().unwrap_err();
    assert!(
        message.contains("failed: KeyError: 'age'. Its last words on stderr:"),
        "{message}"
    );
    assert!(message.contains("line 10, in predict"), "{message}");
    let message = ask().unwrap_err();
    assert!(
        message.contains(
            "failed: ValueError: the answers have the shape (1, 3), and (2, classes) is needed"
        ),
        "{message}"
    );
    let message = ask().unwrap_err();
    assert!(
        message.contains("failed: EOFError"),
        "requests are not a user's to read: {message}"
    );
    let message = model
        .gradient(inputs.view(), &|answers| answers.to_owned())
        .unwrap_err();
    assert!(
        message
            .to_string()
            .contains("failed: ValueError: gradient has to call cotangents_of(answers)"),
        "{message}"
    );
    let message = ask().unwrap_err();
    assert!(message.contains("(exit status: 7)"), "{message}");
}

#[test]
fn one_number_an_example_may_be_a_plain_list() {
    let text = "
import steadfast_worker
steadfast_worker.serve(lambda inputs: [0.25] * len(inputs), gives='positive_probability')
";
    let Some((_folder, model)) = opened(text) else {
        return;
    };
    let answers = model.predict(inputs().into_dyn().view()).unwrap();
    assert_eq!(answers, arr2(&[[0.25], [0.25]]));
}

#[test]
fn prints_before_the_import_are_shown_with_the_cure() {
    let text = "print('loading', flush=True)\n".to_owned() + LINEAR;
    let Some((_folder, request)) = program(&text) else {
        return;
    };
    let message = open(&request).err().unwrap().to_string();
    for words in [
        "it wrote what is no frame to its stdout, which is for frames only: \"loading",
        "in Python `import steadfast_worker` before anything prints",
    ] {
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn by_hand_it_says_what_it_is_for() {
    let Some((folder, request)) = program(LINEAR) else {
        return;
    };
    let ran = std::process::Command::new(&request.command[0])
        .arg("model.py")
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(ran.status.code(), Some(1));
    let said = String::from_utf8(ran.stderr).unwrap();
    assert!(
        said.contains("worker = [\"python3\", \"model.py\"]"),
        "{said}"
    );
}
