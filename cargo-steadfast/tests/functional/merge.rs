//! Two branches that accept other outcomes of one case, with git itself.

use crate::repository::Repository;

const PATH: &str = "baselines/table/custom/cell/cell_0.json";

fn commit(repository: &Repository, message: &str) {
    repository.git(&["add", "-A"]);
    repository.git(&["commit", "-q", "-m", message]);
}

/// A model that is wrong on the first `wrong` of 400, accepted and committed.
fn accept(repository: &Repository, wrong: usize, reason: &str) {
    repository.wrong(400, &[(0..wrong).collect()]);
    repository.test(&[]);
    let ran = repository.steadfast(&["bless", "--all", "--reason", reason]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    commit(repository, reason);
}

/// A repository in the middle of a merge whose baseline both sides changed.
fn in_conflict() -> Repository {
    let repository = Repository::table(400, 1, "margin = 0.03", "");
    repository.write(".gitignore", "state/\n");
    accept(&repository, 10, "first");
    repository.git(&["branch", "other"]);
    accept(&repository, 12, "ours");
    repository.git(&["checkout", "-q", "other"]);
    accept(&repository, 14, "theirs");
    let merged = std::process::Command::new("git")
        .args(["merge", "-q", "-"])
        .current_dir(repository.root())
        .output()
        .unwrap();
    assert!(!merged.status.success());
    assert!(repository.read(PATH).contains("<<<<<<< "));
    repository
}

#[test]
fn a_conflict_is_told_and_nothing_is_lost() {
    let repository = in_conflict();
    repository.wrong(400, &[(0..13).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    for words in [
        "the marks of a merge conflict",
        "git checkout --ours -- baselines/",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    // A bless over it would lose history and anchor: it is refused, and changes nothing.
    let before = repository.read(PATH);
    let ran = repository.steadfast(&["bless", "--all", "--reason", "merged"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(ran.stderr.contains("they would be lost"), "{}", ran.all());
    assert_eq!(repository.read(PATH), before);
    // What the message says works.
    repository.git(&["checkout", "-q", "--ours", "--", "baselines"]);
    repository.git(&["add", "-A"]);
    repository.test(&[]);
    let ran = repository.steadfast(&["bless", "--all", "--reason", "merged"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let file: serde_json::Value = serde_json::from_str(&repository.read(PATH)).unwrap();
    let history = file["history"].as_array().unwrap();
    let reasons: Vec<&str> = history
        .iter()
        .map(|blessing| blessing["accepted"]["reason"].as_str().unwrap())
        .collect();
    assert_eq!(reasons, ["first", "theirs"]);
    assert!(file["anchor"].is_string(), "{file}");
}

#[test]
fn letting_go_of_what_cannot_be_read_is_said() {
    let repository = Repository::table(400, 1, "margin = 0.03", "");
    accept(&repository, 10, "first");
    accept(&repository, 12, "second");
    let anchor = repository
        .root()
        .join("anchors/table/custom/cell/cell_0.json");
    assert!(anchor.is_file());
    repository.write(PATH, "{");
    let ran = repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(
        ran.stderr
            .contains("bless table::custom::cell::cell_0 --reanchor"),
        "{}",
        ran.all()
    );
    let ran = repository.steadfast(&["bless", "--reanchor", "--reason", "x"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(!anchor.exists());
    assert_eq!(repository.test(&[]).code, 0);
}
