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

/// Merges a branch; says whether git could.
fn merge(repository: &Repository, branch: &str) -> bool {
    repository.tries_git(&["merge", "-q", "--no-edit", branch])
}

/// A repository whose two branches changed a baseline; the second one, `other`, is checked
/// out.
fn two_branches() -> Repository {
    let repository = Repository::table(400, 1, "margin = 0.03", "");
    repository.write(".gitignore", "state/\n.steadfast-*\n");
    accept(&repository, 10, "first");
    repository.git(&["branch", "other"]);
    accept(&repository, 12, "ours");
    repository.git(&["checkout", "-q", "other"]);
    accept(&repository, 14, "theirs");
    repository
}

/// The same in the middle of a merge.
fn in_conflict() -> Repository {
    let repository = two_branches();
    assert!(!merge(&repository, "-"));
    assert!(repository.read(PATH).contains("<<<<<<< "));
    repository
}

#[test]
fn a_conflict_is_told_and_nothing_is_lost() {
    let repository = in_conflict();
    repository.wrong(400, &[(0..13).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    for words in ["the marks of a merge conflict", "cargo steadfast resolve"] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    // A bless over it would lose history and anchor: it is refused, and changes nothing.
    let before = repository.read(PATH);
    let ran = repository.steadfast(&["bless", "--all", "--reason", "merged"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(
        ran.stderr.contains("cargo steadfast resolve"),
        "{}",
        ran.all()
    );
    assert_eq!(repository.read(PATH), before);
    // What the message says works.
    let ran = repository.steadfast(&["resolve"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for words in [
        "\"theirs\"\n  not taken:",
        "\"ours\"\n  anchor:",
        "\"first\"\n1 resolved, 0 left",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    // Once is enough: nobody's choice, and no bless, is overrun.
    let settled = repository.read(PATH);
    let ran = repository.steadfast(&["resolve", "--theirs"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(
        ran.stderr.contains("it is settled already"),
        "{}",
        ran.all()
    );
    assert_eq!(repository.read(PATH), settled);
    is_stale_until_blessed(&repository);
    assert_eq!(repository.steadfast(&["resolve"]).code, 2);
}

/// A driver that could not be started leaves our side, without marks.
#[test]
fn a_conflict_without_marks_is_told() {
    let repository = two_branches();
    repository.git(&["config", "merge.steadfast.driver", "none-such %A"]);
    repository.write(
        ".git/info/attributes",
        "baselines/**/*.json merge=steadfast\n",
    );
    assert!(!merge(&repository, "-"));
    assert!(!repository.read(PATH).contains("<<<<<<< "));
    repository.wrong(400, &[(0..14).collect()]);
    for arguments in [&[][..], &["--exact", "table::custom::cell::cell_0"]] {
        let ran = repository.test(arguments);
        assert_eq!(ran.code, 101, "{}", ran.all());
        assert!(
            ran.all().contains("cargo steadfast resolve"),
            "{}",
            ran.all()
        );
    }
    for arguments in [&["status"][..], &["bless", "--all", "--reason", "r"]] {
        let ran = repository.steadfast(arguments);
        assert_eq!(ran.code, 6, "{}", ran.all());
        assert!(
            ran.stderr.contains("cargo steadfast resolve"),
            "{}",
            ran.all()
        );
    }
    assert_eq!(repository.steadfast(&["resolve"]).code, 0);
}

/// One branch renames, the other accepts.
#[test]
fn a_rename_and_a_bless_are_merged() {
    let repository = Repository::table(400, 1, "margin = 0.03", "");
    repository.write(".gitignore", "state/\n.steadfast-*\n");
    accept(&repository, 10, "first");
    accept(&repository, 11, "second");
    repository.git(&["branch", "other"]);
    let ran = repository.steadfast(&["rename", "table", "renamed"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    commit(&repository, "rename");
    repository.git(&["checkout", "-q", "other"]);
    accept(&repository, 12, "third");
    assert!(!merge(&repository, "-"));
    let ran = repository.steadfast(&["resolve"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let path = "baselines/renamed/custom/cell/cell_0.json";
    let file: serde_json::Value = serde_json::from_str(&repository.read(path)).unwrap();
    assert_eq!(file["accepted"]["reason"], "third");
    assert_eq!(file["history"][0]["accepted"]["reason"], "first");
    assert_eq!(file["case"], "renamed::custom::cell::cell_0");
    let anchor = repository.read("anchors/renamed/custom/cell/cell_0.json");
    let anchor: serde_json::Value = serde_json::from_str(&anchor).unwrap();
    assert_eq!(file["anchor"], anchor["digest"]);
}

#[test]
fn a_first_baseline_that_is_not_the_first_is_refused() {
    let repository = Repository::table(400, 1, "margin = 0.03", "");
    accept(&repository, 10, "first");
    accept(&repository, 12, "second");
    repository.test(&[]);
    let kept = repository.read(PATH);
    repository.remove(PATH);
    let bless = || repository.steadfast(&["bless", "--reason", "r"]);
    let ran = bless();
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(
        ran.stderr.contains(&format!("git checkout -- {PATH}")),
        "{}",
        ran.all()
    );
    repository.write(PATH, kept);
    // Renamed in the spec alone.
    let spec = repository.read("robustness-specs/table.toml");
    repository.remove("robustness-specs/table.toml");
    repository.write("robustness-specs/other.toml", spec);
    repository.test(&[]);
    let ran = bless();
    assert_eq!(ran.code, 6, "{}", ran.all());
    let offer = "rename table::custom::cell::cell_0 other::custom::cell::cell_0";
    assert!(ran.stderr.contains(offer), "{}", ran.all());
    let ran = repository.steadfast(&["rename", "table", "other"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(repository.test(&[]).code, 0);
}

/// After a merge of the branches that accepted "ours" and "theirs" since "first".
fn is_stale_until_blessed(repository: &Repository) {
    commit(repository, "merge");
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(ran.stdout.contains("comes from a merge"), "{}", ran.all());
    let ran = repository.steadfast(&["status"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stdout.contains("one side of a merge"), "{}", ran.all());
    let ran = repository.steadfast(&["bless", "--reason", "merged"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let file: serde_json::Value = serde_json::from_str(&repository.read(PATH)).unwrap();
    let history = file["history"].as_array().unwrap();
    let mut reasons: Vec<&str> = history
        .iter()
        .map(|blessing| blessing["accepted"]["reason"].as_str().unwrap())
        .collect();
    // The two were accepted within a second or so.
    reasons.sort_unstable();
    assert_eq!(reasons, ["first", "ours", "theirs"]);
    assert!(file["anchor"].is_string(), "{file}");
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn a_branch_that_let_go_of_the_anchor_does_not_take_it_from_the_other() {
    let repository = Repository::table(400, 1, "margin = 0.03", "");
    repository.write(".gitignore", "state/\n.steadfast-*\n");
    accept(&repository, 10, "first");
    accept(&repository, 11, "second");
    repository.git(&["branch", "other"]);
    accept(&repository, 12, "ours");
    repository.git(&["checkout", "-q", "other"]);
    repository.wrong(400, &[(0..14).collect()]);
    repository.test(&[]);
    repository.steadfast(&["bless", "--reanchor", "--reason", "theirs"]);
    commit(&repository, "theirs");
    merge(&repository, "-");
    let anchor = repository
        .root()
        .join("anchors/table/custom/cell/cell_0.json");
    let ran = repository.steadfast(&["resolve"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(anchor.is_file(), "{}", ran.all());
    commit(&repository, "merge");
    repository.wrong(400, &[(0..13).collect()]);
    repository.test(&[]);
    let ran = repository.steadfast(&["bless", "--reason", "merged"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let anchor: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(anchor).unwrap()).unwrap();
    assert_eq!(anchor["accepted"]["reason"], "first");
}

#[test]
fn git_merges_baselines_by_itself_where_it_was_told_to() {
    let repository = two_branches();
    let ran = repository.steadfast(&["init", "--git"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let config = repository.read(".git/config");
    assert!(
        config.contains("cargo-steadfast resolve --driver %O %A %B %P"),
        "{config}"
    );
    commit(&repository, "attributes");
    let again = repository.steadfast(&["init", "--git"]);
    assert_eq!(again.code, 0, "{}", again.all());
    assert!(!again.stdout.contains("added"), "{}", again.all());
    // The program is the one that is built here.
    let program = env!("CARGO_BIN_EXE_cargo-steadfast");
    repository.edit(
        ".git/config",
        "cargo-steadfast resolve",
        &format!("{program} resolve"),
    );
    // The models are in conflict, and the baselines are not.
    assert!(!merge(&repository, "-"));
    let file: serde_json::Value = serde_json::from_str(&repository.read(PATH)).unwrap();
    assert!(file["merged"].is_object(), "{file}");
    assert_eq!(repository.steadfast(&["resolve"]).code, 2);
    repository.wrong(400, &[(0..13).collect()]);
    is_stale_until_blessed(&repository);
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
