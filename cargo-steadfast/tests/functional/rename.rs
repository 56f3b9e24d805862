//! `rename`: other names for specs, perturbations and cases, whose baselines go with them.

use crate::repository::Repository;

const OLD: &str = "baselines/table/custom/cell/cell_0.json";
const OLD_ANCHOR: &str = "anchors/table/custom/cell/cell_0.json";

/// A case whose baseline has a history and an anchor.
fn repository() -> Repository {
    let repository = Repository::table(400, 1, "margin = 0.03", "");
    for (wrong, reason) in [(10, "first"), (12, "second")] {
        repository.wrong(400, &[(0..wrong).collect()]);
        repository.test(&[]);
        let ran = repository.steadfast(&["bless", "--all", "--reason", reason]);
        assert_eq!(ran.code, 0, "{}", ran.all());
    }
    repository
}

/// The case has all that it had under its old name, and is judged by it.
fn is_whole(repository: &Repository, path: &str) {
    for old in [OLD, OLD_ANCHOR] {
        assert!(!repository.root().join(old).exists(), "{old}");
    }
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let ran = repository.steadfast(&["status"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("1 in order"), "{}", ran.all());
    assert!(ran.stdout.contains(" 0 orphaned"), "{}", ran.all());
    let file: serde_json::Value =
        serde_json::from_str(&repository.read(&format!("baselines/{path}"))).unwrap();
    assert_eq!(file["history"][0]["accepted"]["reason"], "first");
    let anchor: serde_json::Value =
        serde_json::from_str(&repository.read(&format!("anchors/{path}"))).unwrap();
    assert_eq!(file["anchor"], anchor["digest"]);
    // Harm since the anchor is still counted from where it was.
    repository.wrong(400, &[(0..120).collect()]);
    let ran = repository.test(&[]);
    assert!(ran.stdout.contains("\"first\""), "{}", ran.all());
}

#[test]
fn a_spec_is_renamed_with_its_baselines() {
    let repository = repository();
    repository.edit(
        "robustness-specs/table.toml",
        "seed = 1\n",
        "name = \"table\" # ours\nseed = 1\n",
    );
    let ran = repository.steadfast(&["rename", "table", "other"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let spec = repository.read("robustness-specs/other.toml");
    assert!(spec.contains("name = \"other\" # ours\n"), "{spec}");
    assert!(
        !repository
            .root()
            .join("robustness-specs/table.toml")
            .exists()
    );
    is_whole(&repository, "other/custom/cell/cell_0.json");
}

#[test]
fn a_perturbation_is_renamed_within_its_spec() {
    let repository = repository();
    let ran = repository.steadfast(&["rename", "table::custom::cell", "table::mine"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let spec = repository.read("robustness-specs/table.toml");
    assert!(spec.contains("name = \"mine\"\n"), "{spec}");
    is_whole(&repository, "table/mine/cell_0.json");
}

#[test]
fn what_was_moved_by_hand_is_recognised() {
    let repository = repository();
    let moved = |from: &str, to: &str| {
        let (from, to) = (repository.root().join(from), repository.root().join(to));
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::rename(from, to).unwrap();
    };
    moved("robustness-specs/table.toml", "robustness-specs/other.toml");
    let ran = repository.steadfast(&["status"]);
    let offer = "cargo steadfast rename table other\n";
    assert!(ran.stdout.contains(offer), "{}", ran.all());
    moved("baselines/table", "baselines/other");
    moved("anchors/table", "anchors/other");
    let ran = repository.test(&[]);
    let offer = "cargo steadfast rename table::custom::cell::cell_0 other::custom::cell::cell_0";
    assert!(ran.stdout.contains(offer), "{}", ran.all());
    let ran = repository.steadfast(&["rename", "table", "other"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    is_whole(&repository, "other/custom/cell/cell_0.json");
}

#[test]
fn nothing_is_renamed_where_something_is_in_the_way() {
    let repository = repository();
    let spec = repository.read("robustness-specs/table.toml");
    repository.write("robustness-specs/other.toml", format!("# Another.\n{spec}"));
    let before = repository.files("");
    for (old, new, words) in [
        (
            "table",
            "other",
            "robustness-specs/other.toml is there already",
        ),
        ("table", "Other", "`Other` cannot be part of a case's name"),
        ("table", "table", "both names are the same"),
        (
            "table::custom::cell",
            "table::pooled",
            "the case over all perturbations",
        ),
        ("none", "other", "nothing is called none"),
        (
            "table::custom::cell::cell_0",
            "table::custom::cell::cell_7",
            "no spec asks for",
        ),
    ] {
        let ran = repository.steadfast(&["rename", old, new]);
        assert_eq!(ran.code, 2, "{old} {new}: {}", ran.all());
        assert!(ran.stderr.contains(words), "{words}: {}", ran.all());
    }
    assert_eq!(repository.files(""), before);
    let ran = repository.steadfast_with(&[("CI", "true")], &["rename", "table", "mine"]);
    assert_eq!(ran.code, 2, "{}", ran.all());
}

#[test]
fn a_rename_that_was_stopped_goes_on() {
    let repository = repository();
    let spec = "robustness-specs/table.toml";
    let (old, anchor) = (repository.read(OLD), repository.read(OLD_ANCHOR));
    let text = repository.read(spec);
    let ran = repository.steadfast(&["rename", "table", "other"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    // As it was before the old files went.
    repository.write(spec, text);
    repository.write(OLD, old);
    repository.write(OLD_ANCHOR, anchor);
    let ran = repository.steadfast(&["rename", "table", "other"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(!repository.root().join(spec).exists());
    is_whole(&repository, "other/custom/cell/cell_0.json");
}

#[test]
fn what_cannot_be_read_is_not_renamed_over() {
    let repository = repository();
    let there = "baselines/other/custom/cell/cell_0.json";
    for bytes in ["{", "<<<<<<< ours\n=======\n>>>>>>> theirs\n"] {
        repository.write(there, bytes);
        let ran = repository.steadfast(&["rename", "table", "other"]);
        assert_eq!(ran.code, 6, "{}", ran.all());
        assert_eq!(repository.read(there), bytes);
    }
}
