//! One mechanism for each way out of the process: whoever opens, lists, writes or deletes
//! a file does so through `file` or `fence`, and whoever starts a program, or reads a
//! variable that is not its own, is listed here with the reason.
//!
//! This is a scan of the sources, tests apart.

use std::path::{Path, PathBuf};

/// What goes around the mechanism, in the words of the source.
const WAYS: [(&str, &[&str]); 4] = [
    (
        "files",
        &[
            "fs::",
            "File::open",
            "File::create",
            "OpenOptions",
            ".read_dir(",
            "tempfile::",
            "NamedTempFile",
            "from_path(",
            "ZipArchive::new(File",
            "UnixStream",
        ],
    ),
    ("programs", &["Command::new"]),
    (
        "models that a spec names",
        &["worker::open(", "endpoint::open("],
    ),
    ("git", &["git2::Repository::", "Repository::discover"]),
];

/// Where it is allowed, and why.
const ALLOWED: [(&str, &str, &str); 14] = [
    ("src/file.rs", "files", "it is the mechanism"),
    (
        "src/file.rs",
        "git",
        "it asks the index whether a link is committed",
    ),
    (
        "cargo-steadfast/src/init/origin.rs",
        "models that a spec names",
        "a person types them",
    ),
    (
        "src/engine/context.rs",
        "models that a spec names",
        "it asks `permit` before",
    ),
    (
        "src/model/worker/process.rs",
        "programs",
        "the worker, which `permit` allows before",
    ),
    (
        "src/model/worker/group.rs",
        "programs",
        "a shell with words of our own",
    ),
    (
        "src/model/onnx/child.rs",
        "programs",
        "this program again, to try a model apart",
    ),
    (
        "src/model/onnx/engine/library.rs",
        "programs",
        "Python with words of our own, without the working folder on its path",
    ),
    (
        "cargo-steadfast/src/repository.rs",
        "programs",
        "cargo says where its target folder is",
    ),
    ("src/provenance.rs", "git", "the commit that is checked out"),
    (
        "src/baseline/git.rs",
        "git",
        "a baseline among git's objects, which are no files",
    ),
    (
        "cargo-steadfast/src/init/origin.rs",
        "git",
        "whether a file is ignored",
    ),
    (
        "cargo-steadfast/src/merge_driver.rs",
        "git",
        "it sets the merge driver in git's configuration",
    ),
    (
        "cargo-steadfast/src/acceptance.rs",
        "git",
        "the author's name",
    ),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_test = ["tests", "tests.rs", "testing.rs", "conformance.rs"].contains(&&*name)
            || name.ends_with("_tests.rs");
        if path.is_dir() && !is_test {
            files(&path, found);
        } else if name.ends_with(".rs") && !is_test {
            found.push(path);
        }
    }
}

/// The source without its comments and its modules of tests. Asking where a path leads
/// reads nothing, and a type has its name.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_test = line.starts_with("#[cfg(") && line.contains("test");
        if is_test && lines.peek().is_some_and(|next| next.ends_with(" {")) {
            lines.find(|line| *line == "}");
        } else if !line.trim_start().starts_with("//") {
            code.push_str(line);
            code.push('\n');
        }
    }
    code.replace("fs::canonicalize(", "(")
        .replace("use std::fs::File;", "")
        .replace("use std::fs::TryLockError;", "")
}

#[test]
fn no_file_is_touched_and_no_program_started_around_the_mechanism() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "cargo-steadfast/src"] {
        files(&root.join(folder), &mut found);
    }
    assert!(found.len() > 100, "the scan found only {}", found.len());
    let mut wrong = Vec::new();
    let mut used = Vec::new();
    for path in &found {
        let shown = path.strip_prefix(root).unwrap().display().to_string();
        let code = code(&std::fs::read_to_string(path).unwrap());
        for (way, words) in WAYS {
            for word in words.iter().filter(|word| code.contains(**word)) {
                let is_allowed =
                    |(file, allowed, _): &&(_, _, _)| *file == shown && *allowed == way;
                match ALLOWED.iter().find(is_allowed) {
                    Some(allowed) => used.push(allowed),
                    None => wrong.push(format!("{shown}: {word} ({way})")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "through file or fence: {wrong:#?}");
    let idle: Vec<_> = ALLOWED
        .iter()
        .filter(|allowed| !used.contains(allowed))
        .collect();
    assert!(idle.is_empty(), "allowed, and not needed: {idle:#?}");
}

/// What a spec, a suite, a baseline or a labels file names is looked for behind the fence:
/// whoever handles such names does not use `file`, which is for what a person named.
#[test]
fn what_a_repository_names_is_behind_the_fence() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (path, most) in [
        ("src/spec/folder.rs", 0),
        ("src/baseline/folder.rs", 0),
        ("src/data/folder.rs", 0),
        // The file that a person named.
        ("src/data/mod.rs", 1),
        ("src/engine/context.rs", 1),
        ("cargo-steadfast/src/prune.rs", 0),
        ("cargo-steadfast/src/rename.rs", 0),
        ("cargo-steadfast/src/merge_driver.rs", 0),
        ("cargo-steadfast/src/init/mod.rs", 0),
        ("cargo-steadfast/src/init/package.rs", 0),
    ] {
        let code = code(&std::fs::read_to_string(root.join(path)).unwrap());
        let words = ["file::read(", "file::open(", "file::write", "file::remove("];
        let count: usize = words.iter().map(|word| code.matches(word).count()).sum();
        assert!(count <= most, "{path} goes around the fence");
    }
}
