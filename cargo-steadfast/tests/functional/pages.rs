//! Pages of the docs, followed to the letter: their files written, their commands run.

use std::path::Path;
use std::process::{Command, Output};

use crate::repository::{Repository, skipped, source};

/// What is there before: the subcommand and Python's packages, the repository, the data.
const BEFORE: [&str; 5] = ["cargo install", "pip install", "git init", "curl", "unzip"];

/// Whether Python has the modules; else it is said that it has not.
fn python(modules: &str, install: &str) -> bool {
    let import = format!("import {modules}");
    let ran = Command::new("python3").args(["-c", &import]).output();
    let found = ran.is_ok_and(|ran| ran.status.success());
    if !found {
        skipped(&format!(
            "python3 cannot import {modules}. pip install {install}"
        ));
    }
    found
}

fn run(repository: &Repository, command: &str) -> Output {
    let program = Path::new(env!("CARGO_BIN_EXE_cargo-steadfast"));
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let paths = std::env::split_paths(&paths);
    let paths = std::iter::once(program.parent().unwrap().to_owned()).chain(paths);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .current_dir(repository.root())
        .env("PATH", std::env::join_paths(paths).unwrap());
    shell.env("CI", "false");
    for variable in ["CARGO_MANIFEST_DIR", "STEADFAST_DIR"] {
        shell.env_remove(variable);
    }
    shell.output().unwrap()
}

/// Writes the blocks that begin with a file's name, and runs the commands after `$`; each
/// succeeds, or ends in the exit code that its comment says.
fn follow(repository: &Repository, page: &str) -> Vec<String> {
    let text = std::fs::read_to_string(source(page)).unwrap();
    let blocks: Vec<(&str, &str)> = text
        .split("\n```")
        .skip(1)
        .step_by(2)
        .map(|block| block.split_once('\n').unwrap())
        .collect();
    for (_, body) in &blocks {
        let named = body.lines().next().and_then(|line| line.strip_prefix("# "));
        if let Some(path) = named.filter(|name| name.ends_with(".py") || name.ends_with(".toml")) {
            repository.write(path, body);
        }
    }
    let commands = blocks.iter().filter(|(language, _)| *language == "console");
    let commands = commands.flat_map(|(_, body)| body.lines());
    let mut done = Vec::new();
    for command in commands.filter_map(|line| line.strip_prefix("$ ")) {
        if BEFORE.iter().any(|before| command.starts_with(before)) {
            continue;
        }
        let code = command.split_once("# exit code ");
        let code = code.map_or(0, |(_, code)| code[..1].parse().unwrap());
        let ran = run(repository, command);
        let output = format!(
            "{}{}",
            String::from_utf8_lossy(&ran.stdout),
            String::from_utf8_lossy(&ran.stderr)
        );
        assert_eq!(ran.status.code(), Some(code), "{page}: {command}\n{output}");
        // What the page says that a command prints.
        if let Some((_, words)) = command.split_once("# prints ") {
            assert!(output.contains(words), "{page}: {command}\n{output}");
        }
        done.push(command.to_owned());
    }
    done
}

#[test]
fn a_pytorch_model_is_gated_from_the_page() {
    if !python("numpy, torch, sklearn", "numpy torch scikit-learn") {
        return;
    }
    // As a worker; then the page of repositories that are not Rust, with the same model.
    let repository = Repository::empty();
    let done = follow(&repository, "docs/models/worker.md");
    assert_eq!(done.len(), 6, "{done:?}");
    let spec = repository.read("robustness-specs/digits.toml");
    assert!(
        spec.contains("files = [\"model.py\", \"digits.pt\"]"),
        "{spec}"
    );

    let other = Repository::empty();
    for file in ["model.py", "digits.pt", "digits.npz"] {
        let bytes = std::fs::read(repository.root().join(file)).unwrap();
        other.write(file, bytes);
    }
    let done = follow(&other, "docs/without-rust.md");
    assert_eq!(done.len(), 7, "{done:?}");
    let tracked = Command::new("git")
        .args(["ls-files"])
        .current_dir(other.root())
        .output()
        .unwrap();
    let tracked = String::from_utf8(tracked.stdout).unwrap();
    assert!(
        tracked.contains("baselines/digits/identity.json"),
        "{tracked}"
    );
    assert!(!tracked.contains("records"), "{tracked}");
}

#[test]
fn a_scikit_learn_pipeline_is_gated_from_the_page() {
    if !python(
        "numpy, pandas, sklearn, skl2onnx, onnxruntime",
        "scikit-learn pandas skl2onnx onnxruntime",
    ) {
        return;
    }
    if !cfg!(feature = "ort") {
        return skipped("the page of scikit-learn: built without the feature ort");
    }
    let adult = "../shared/assets/registry/tabular-adult-dice";
    let repository = Repository::empty();
    for file in ["adult.data", "adult.test"] {
        let path = format!("{adult}/{file}");
        if !source(&path).is_file() {
            return skipped(&format!("{path} is not there"));
        }
        repository.copy(&path, file);
    }
    let done = follow(&repository, "docs/models/scikit-learn.md");
    assert_eq!(done.len(), 10, "{done:?}");
    // The same trees by both ways: the same examples are right.
    let correct = |name: &str| {
        let file = repository.read(&format!("baselines/{name}/identity.json"));
        let file: serde_json::Value = serde_json::from_str(&file).unwrap();
        file["columns"].clone()
    };
    assert_eq!(correct("income"), correct("income_onnx"));
}
