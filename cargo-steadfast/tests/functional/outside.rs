//! Nothing outside the repository is read, written or deleted because of what the
//! repository says, and nothing that would wait for ever is opened.
#![cfg(unix)]

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::repository::{Ran, Repository, SPEC};

const SECRET: &str = "hunter2";
const SPEC_PATH: &str = "robustness-specs/digits.toml";

/// Another folder of the machine, with files that are no business of the repository.
fn elsewhere() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("secret.csv", &format!("{SECRET},label\na.png,1\n"));
    write("secret.toml", &format!("{SECRET} = {SECRET}\n"));
    write("secret.json", &format!("{{\"schema\": \"{SECRET}\"}}\n"));
    write("gone.json", "{}\n");
    folder
}

fn link(repository: &Repository, target: impl AsRef<Path>, path: &str) {
    let path = repository.root().join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = std::fs::remove_file(&path);
    symlink(target, path).unwrap();
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().unwrap();
    assert!(made.success());
}

fn commit(repository: &Repository) {
    repository.git(&["add", "--all", "--force"]);
    repository.git(&["commit", "--quiet", "--message", "all"]);
}

/// All files of a folder with their contents.
fn contents(folder: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            (path.display().to_string(), text)
        })
        .collect();
    files.sort();
    files
}

/// Runs a command that must end by itself.
fn in_time(mut command: Command) -> Ran {
    command.stdin(Stdio::null());
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > Duration::from_secs(30) {
            child.kill().unwrap();
            panic!("{command:?} waits for ever");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// What was printed, as if no line had been broken.
fn words(ran: &Ran) -> String {
    let all = ran.all();
    let words = all.split_whitespace().filter(|word| *word != "│");
    words.collect::<Vec<_>>().join(" ")
}

/// Neither what was printed nor what was recorded has the secret.
fn assert_kept(repository: &Repository, ran: &Ran) {
    assert!(!ran.all().contains(SECRET), "{}", ran.all());
    for (path, bytes) in repository.files("state") {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!text.contains(SECRET), "{}: {text}", path.display());
    }
}

/// The digits, with the data of the spec at another path.
fn with_data(path: &str) -> Repository {
    let repository = Repository::digits();
    let spec = SPEC
        .replace("data/digits-test.npz", path)
        .replace("\"x\"", "\"file\"")
        .replace("labels = \"y\"", "labels = \"label\"");
    repository.write(SPEC_PATH, spec);
    repository
}

#[test]
fn a_labels_file_outside_is_not_read_however_it_is_named() {
    let elsewhere = elsewhere();
    let secret = elsewhere.path().join("secret.csv");
    let absolute = secret.display().to_string();
    let root = Repository::empty();
    let up = "../".repeat(root.root().components().count());
    for (path, target) in [
        ("env.csv", Some(secret.clone())),
        ("env.csv", Some("/proc/self/environ".into())),
        ("data/folder/secret.csv", Some(secret.clone())),
        (&absolute, None),
        (&format!("{up}{absolute}"), None),
    ] {
        let repository = with_data(path);
        match target {
            Some(_) if path.contains("folder") => {
                link(&repository, elsewhere.path(), "data/folder");
            }
            Some(target) => link(&repository, target, path),
            None => {}
        }
        let mut command = repository.test_command(&["identity"]);
        command.env("TOKEN", SECRET);
        for ran in [
            in_time(command),
            repository.steadfast_with(&[("TOKEN", SECRET)], &["test", "identity"]),
            repository.steadfast_with(&[("TOKEN", SECRET)], &["list", "--check"]),
        ] {
            assert_ne!(ran.code, 0, "{path}: {}", ran.all());
            assert_kept(&repository, &ran);
            let all = words(&ran);
            for said in [
                "outside the repository",
                "[data] path",
                "STEADFAST_ROOTS=",
                "robustness-specs/digits.toml:10",
            ] {
                assert!(all.contains(said), "{path}: {said}\n{all}");
            }
        }
    }
}

#[test]
fn the_operator_names_the_folders_that_a_repository_may_reach() {
    let elsewhere = elsewhere();
    let data = std::fs::read(crate::repository::source("data/digits-test.npz")).unwrap();
    std::fs::write(elsewhere.path().join("digits.npz"), data).unwrap();
    let repository = Repository::digits();
    link(
        &repository,
        elsewhere.path().join("digits.npz"),
        "data/digits-test.npz",
    );
    commit(&repository);
    assert_eq!(repository.steadfast(&["list", "--check"]).code, 6);
    let root = elsewhere.path().display().to_string();
    let roots = format!("/no/such/folder:{root}");
    let ran = repository.steadfast_with(&[("STEADFAST_ROOTS", &roots)], &["list", "--check"]);
    assert_eq!(ran.code, 0, "{}", ran.all());

    // Not what a committed link is said to be.
    link(&repository, elsewhere.path(), "mount");
    commit(&repository);
    let mount = repository.root().join("mount").display().to_string();
    let ran = repository.steadfast_with(&[("STEADFAST_ROOTS", &mount)], &["list", "--check"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    let ran = repository.steadfast_with(&[("STEADFAST_ROOTS", "mount")], &["list", "--check"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(ran.stderr.contains("a relative path"), "{}", ran.all());
}

#[test]
fn gits_own_folder_is_no_part_of_the_repository() {
    let repository = with_data("labels.csv");
    repository.git(&["config", "http.extraheader", SECRET]);
    link(&repository, ".git/config", "labels.csv");
    let ran = repository.test(&["identity"]);
    assert_eq!(ran.code, 101);
    assert_kept(&repository, &ran);
    assert!(ran.stdout.contains("git's own folder"), "{}", ran.all());
}

#[test]
fn models_their_files_specs_and_baselines_are_not_read_outside() {
    let elsewhere = elsewhere();
    let outside = |name: &str| elsewhere.path().join(name);
    let cases = [
        ("secret.json", "models/digits.onnx"),
        ("secret.toml", "robustness-specs/other.toml"),
        ("secret.toml", "robustness-specs/suite.toml"),
        ("secret.json", "baselines/digits/identity.json"),
        ("secret.json", "weights"),
    ];
    for (target, path) in cases {
        let repository = Repository::digits();
        if path == "weights" {
            repository.edit(
                SPEC_PATH,
                "onnx = \"models/digits.onnx\"",
                "registered = \"good\"\nfiles = [\"weights\"]",
            );
        }
        link(&repository, outside(target), path);
        let ran = repository.test(&[]);
        assert_eq!(ran.code, 101, "{path}: {}", ran.all());
        assert_kept(&repository, &ran);
        let is_said = words(&ran).contains("outside the repository");
        assert!(is_said, "{path}: {}", ran.all());
    }
    // The folder of specs.
    let repository = Repository::digits();
    std::fs::remove_dir_all(repository.root().join("robustness-specs")).unwrap();
    link(&repository, elsewhere.path(), "robustness-specs");
    for ran in [repository.test(&[]), repository.steadfast(&["list"])] {
        assert_ne!(ran.code, 0, "{}", ran.all());
        assert_kept(&repository, &ran);
        assert!(
            words(&ran).contains("outside the repository"),
            "{}",
            ran.all()
        );
    }
}

#[test]
fn an_image_outside_is_not_read_and_a_pipe_does_not_hang() {
    let elsewhere = elsewhere();
    let repository = with_data("data/labels.csv");
    repository.write("data/labels.csv", "file,label\na.png,1\n");
    link(
        &repository,
        elsewhere.path().join("secret.csv"),
        "data/a.png",
    );
    let ran = repository.test(&["identity"]);
    assert_eq!(ran.code, 101);
    assert_kept(&repository, &ran);
    for said in ["a.png", "outside the repository", "STEADFAST_ROOTS="] {
        assert!(words(&ran).contains(said), "{said}\n{}", ran.all());
    }
    std::fs::remove_file(repository.root().join("data/a.png")).unwrap();
    fifo(&repository.root().join("data/a.png"));
    let ran = in_time(repository.test_command(&["identity"]));
    assert_eq!(ran.code, 101);
    assert!(ran.stdout.contains("a.png is no file"), "{}", ran.all());
}

#[test]
fn no_command_waits_for_a_pipe_or_a_device() {
    let repository = Repository::digits();
    let pipe = repository.root().join("pipe");
    fifo(&pipe);
    link(&repository, "pipe", "pipe.onnx");
    link(&repository, "pipe", "pipe.npz");
    link(&repository, "pipe", "pipe.csv");
    link(&repository, "/dev/zero", "zero.onnx");
    link(&repository, "/dev/zero", "zero.npz");
    let model = "models/digits.onnx";
    for (arguments, kind) in [
        (vec!["doctor", "pipe.onnx"], "a named pipe"),
        (vec!["doctor", model, "--data", "pipe.npz"], "a named pipe"),
        (vec!["doctor", model, "--data", "pipe.csv"], "a named pipe"),
        (vec!["doctor", "zero.onnx"], "a device"),
        (
            vec!["init", "--model", model, "--data", "pipe.npz"],
            "a named pipe",
        ),
        (
            vec!["init", "--model", model, "--data", "zero.npz"],
            "a device",
        ),
        (
            vec![
                "init",
                "--model",
                "pipe.onnx",
                "--data",
                "data/digits-test.npz",
            ],
            "a named pipe",
        ),
    ] {
        let ran = in_time(repository.steadfast_command(&[], &arguments));
        assert_ne!(ran.code, 0, "{arguments:?}: {}", ran.all());
        assert!(ran.stderr.contains(kind), "{arguments:?}: {}", ran.all());
    }
    for path in [
        "robustness-specs/pipe.toml",
        "robustness-specs/suite.toml",
        "baselines/digits/identity.json",
        "state/records/digits/identity.json",
    ] {
        let repository = Repository::digits();
        let path = repository.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        fifo(&path);
        for arguments in [&["status"][..], &["report"], &["power"]] {
            in_time(repository.steadfast_command(&[], arguments));
        }
        in_time(repository.test_command(&["identity"]));
    }
}

#[test]
fn nothing_is_deleted_or_written_through_a_folder_that_leads_out() {
    let other = elsewhere();
    let before = contents(other.path());
    for folder in ["baselines", "anchors"] {
        for is_committed in [true, false] {
            let repository = Repository::digits();
            assert_eq!(repository.test(&[]).code, 101);
            link(&repository, other.path(), folder);
            if is_committed {
                commit(&repository);
            }
            for arguments in [
                &["bless", "--prune", "--reason", "r"][..],
                &["bless", "digits::identity", "--reason", "r"],
                &["bless", "digits::identity", "--reanchor", "--reason", "r"],
            ] {
                let ran = repository.steadfast(arguments);
                assert_eq!(contents(other.path()), before, "{}", ran.all());
                if folder == "baselines" {
                    assert_ne!(ran.code, 0, "{arguments:?}: {}", ran.all());
                    let is_said = words(&ran).contains("outside the repository");
                    assert!(is_said, "{}", ran.all());
                }
            }
        }
    }
}

#[test]
fn a_committed_link_does_not_move_the_state_and_the_operators_own_does() {
    for is_committed in [true, false] {
        let other = tempfile::tempdir().unwrap();
        let repository = Repository::digits();
        link(&repository, other.path(), "state");
        if is_committed {
            commit(&repository);
        }
        let ran = repository.test(&["--exact", "digits::identity"]);
        let written = std::fs::read_dir(other.path()).unwrap().count();
        assert_eq!(written == 0, is_committed, "{}", ran.all());
        if is_committed {
            assert_eq!(ran.code, 101);
            for said in ["which is committed", "STEADFAST_ROOTS="] {
                assert!(words(&ran).contains(said), "{said}\n{}", ran.all());
            }
            let root = other.path().display().to_string();
            let roots = [("STEADFAST_ROOTS", root.as_str())];
            repository.test_with(&roots, &["--exact", "digits::identity"]);
            // Records, and remembered trials.
            assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 2);
            // Nor is anything deleted there.
            let before = repository.files("state");
            repository.steadfast(&["reject", "digits"]);
            assert_eq!(repository.files("state"), before);
        } else {
            let ran = repository.steadfast(&["reject", "digits::identity"]);
            assert!(ran.stdout.contains("1 records deleted"), "{}", ran.all());
        }
    }
}

/// Within a repository there are git's own folder, and the baselines.
#[test]
fn a_committed_link_leads_no_record_anywhere() {
    for folder in [".git", "baselines", "models"] {
        let repository = Repository::digits();
        repository.bless_all();
        std::fs::remove_dir_all(repository.root().join("state")).unwrap();
        std::fs::create_dir(repository.root().join("state")).unwrap();
        let records = repository.root().join("state/records");
        std::os::unix::fs::symlink(format!("../{folder}"), records).unwrap();
        repository.git(&["add", "-f", "state/records"]);
        repository.git(&["commit", "-q", "-m", "link"]);
        let before = repository.files(folder);
        let ran = repository.test(&["--exact", "digits::identity"]);
        assert_eq!(ran.code, 101, "{}", ran.all());
        assert!(words(&ran).contains("which is committed"), "{}", ran.all());
        repository.steadfast(&["reject", "digits"]);
        assert_eq!(repository.files(folder), before, "{folder}");
    }
}

#[test]
fn init_writes_nothing_where_a_folder_leads_out() {
    for folder in [".github", ".github/workflows", "robustness-specs"] {
        let other = tempfile::tempdir().unwrap();
        let repository = Repository::digits();
        std::fs::remove_dir_all(repository.root().join("robustness-specs")).unwrap();
        link(&repository, other.path(), folder);
        let ran = repository.steadfast(&[
            "init",
            "--model",
            "models/digits.onnx",
            "--data",
            "data/digits-test.npz",
            "--yes",
        ]);
        assert_eq!(ran.code, 2, "{folder}: {}", ran.all());
        assert!(
            words(&ran).contains("outside the repository"),
            "{}",
            ran.all()
        );
        assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);
        assert!(
            !repository.root().join(".gitignore").exists(),
            "all or nothing"
        );
    }
}

/// A spec whose worker leaves a file when it is started.
fn with_worker() -> Repository {
    let repository = Repository::digits();
    let spec = SPEC
        .replace(
            "onnx = \"models/digits.onnx\"",
            "worker = [\"/bin/sh\", \"-c\", \"echo > started\"]",
        )
        .replace("gives = \"logits\"\n", "");
    repository.write(SPEC_PATH, spec);
    repository
}

/// The event of a pull request from a repository.
fn pull_request(repository: &Repository, head: &str) -> String {
    let event = serde_json::json!({
        "repository": {"full_name": "us/models"},
        "pull_request": {"head": {"repo": {"full_name": head}}},
    });
    repository.write("event.json", event.to_string());
    let path = repository.root().join("event.json");
    path.display().to_string()
}

#[test]
fn a_worker_is_started_where_the_operator_lets_specs_do_so() {
    let ways = |event: &str| {
        let fork = vec![
            ("GITHUB_EVENT_NAME", "pull_request".to_owned()),
            ("GITHUB_EVENT_PATH", event.to_owned()),
        ];
        let and = |more: (&'static str, &str)| {
            let mut all = fork.clone();
            all.push((more.0, more.1.to_owned()));
            all
        };
        let allow = "STEADFAST_ALLOW_WORKERS";
        vec![
            (vec![], "us/models", true),
            (vec![(allow, "no".to_owned())], "us/models", false),
            (fork.clone(), "us/models", true),
            (fork.clone(), "them/models", false),
            (and((allow, "yes")), "them/models", true),
        ]
    };
    let count = ways("").len();
    for way in 0..count {
        let repository = with_worker();
        let event = repository.root().join("event.json").display().to_string();
        let (variables, head, is_allowed) = ways(&event).swap_remove(way);
        pull_request(&repository, head);
        let variables: Vec<(&str, &str)> = variables
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        for ran in [
            repository.test_with(&variables, &["identity"]),
            repository.steadfast_with(&variables, &["test", "identity"]),
            repository.steadfast_with(&variables, &["doctor", "digits"]),
        ] {
            assert_ne!(ran.code, 0, "{}", ran.all());
            let is_started = repository.root().join("started").exists();
            assert_eq!(is_started, is_allowed, "{variables:?}: {}", ran.all());
            if !is_allowed {
                for said in ["STEADFAST_ALLOW_WORKERS=yes", "digits.toml:6:"] {
                    assert!(words(&ran).contains(said), "{said}: {}", ran.all());
                }
            }
        }
    }
}

#[test]
fn a_token_is_read_from_the_variables_that_the_operator_names() {
    let repository = Repository::digits();
    let spec = SPEC.replace(
        "onnx = \"models/digits.onnx\"",
        "endpoint = \"http://localhost:9/v2/models/m\"\nretries = 0\nanswer_seconds = 1\ntoken_variable = \"TOKEN\"",
    );
    repository.write(SPEC_PATH, spec);
    let event = pull_request(&repository, "them/models");
    let fork = [
        ("TOKEN", SECRET),
        ("GITHUB_EVENT_NAME", "pull_request_target"),
        ("GITHUB_EVENT_PATH", &event),
    ];
    let names = |names| {
        let mut all = fork.to_vec();
        all.push(("STEADFAST_TOKEN_VARIABLES", names));
        all
    };
    for (variables, is_read) in [
        (vec![("TOKEN", SECRET)], true),
        (fork.to_vec(), false),
        (names("OTHER"), false),
        (names("OTHER,TOKEN"), true),
    ] {
        let ran = repository.steadfast_with(&variables, &["test", "identity"]);
        assert_ne!(ran.code, 0);
        assert_kept(&repository, &ran);
        let words = "the variable TOKEN is not read";
        assert_eq!(ran.all().contains(words), !is_read, "{}", ran.all());
        let cure = "STEADFAST_TOKEN_VARIABLES=TOKEN";
        assert_eq!(ran.all().contains(cure), !is_read, "{}", ran.all());
    }
}
