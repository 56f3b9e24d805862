//! A chain of accepted changes, each within the margin, does not add up to harm.

use crate::repository::Repository;

const N: usize = 1000;

/// One cell of 1,000 rows; margin .02, so that the anchor's is .04.
fn anchored(gate: &str) -> Repository {
    let gate = format!("margin = 0.02\n{gate}");
    let repository = Repository::table(N, 1, &gate, "");
    repository.wrong(N, &[(0..50).collect()]);
    repository.bless_all();
    repository
}

/// The model loses rows up to `wrong`, and the loss is accepted.
fn step(repository: &Repository, wrong: usize, reason: &str) {
    repository.wrong(N, &[(0..wrong).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "a step is within the margin: {}", ran.all());
    assert_eq!(
        repository.verdict("table::custom::cell::cell_0"),
        "degraded"
    );
    let blessed = repository.steadfast(&["bless", "--reason", reason]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
}

#[test]
fn small_accepted_losses_are_stopped_when_they_add_up() {
    let repository = anchored("");
    assert!(repository.files("anchors").is_empty());
    step(&repository, 68, "a smaller model for the phone");
    assert_eq!(repository.files("anchors").len(), 1);
    step(&repository, 86, "fewer training examples");
    // Another loss within the margin of the baseline; since the first .054.
    repository.wrong(N, &[(0..104).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict("table::custom::cell::cell_0"), "drifted");
    for words in [
        "accuracy drifted 0.9500 → 0.8960 since its anchor (margin 0.04)",
        "\"first baseline\"",
        "-0.0180  0.9500 → 0.9320:",
        "\"a smaller model for the phone\"",
        "-0.0180  0.9320 → 0.9140:",
        "\"fewer training examples\"",
        "cargo steadfast bless table::custom::cell::cell_0 --reanchor --reason",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    // It is not accepted by the way, and is with `--reanchor`.
    let refused = repository.steadfast(&["bless", "--reason", "and another"]);
    assert_eq!(refused.code, 1, "{}", refused.all());
    assert!(
        refused.stderr.contains("nothing was moved"),
        "{}",
        refused.all()
    );
    let blessed = repository.steadfast(&["bless", "--reanchor", "--reason", "a new product"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    assert!(repository.files("anchors").is_empty());
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn a_bless_says_how_much_of_the_anchors_margin_is_spent() {
    let repository = anchored("");
    repository.wrong(N, &[(0..68).collect()]);
    repository.test(&[]);
    let blessed = repository.steadfast(&["bless", "--reason", "smaller"]);
    let words = "accuracy: 0.0180 of the 0.04 that are tolerable since the anchor are spent";
    assert!(blessed.stdout.contains(words), "{}", blessed.all());
    repository.wrong(N, &[(0..86).collect()]);
    repository.test(&[]);
    let blessed = repository.steadfast(&["bless", "--reason", "smaller again"]);
    let words = "accuracy: 0.0360 of the 0.04 that are tolerable since the anchor are spent";
    assert!(blessed.stdout.contains(words), "{}", blessed.all());
}

#[test]
fn without_an_anchor_nothing_stops_the_chain() {
    let repository = anchored("anchor = \"none\"");
    for wrong in [68, 86, 104] {
        step(&repository, wrong, "a step");
    }
    assert!(repository.files("anchors").is_empty());
}

#[test]
fn the_anchor_may_be_a_git_tag() {
    let repository = anchored("anchor = \"tag:v1\"");
    // The tag is not there yet: that is no silent pass.
    let ran = repository.test(&["--exact", "table::custom::cell::cell_0"]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(
        ran.stdout.contains("failed to read the git tag v1")
            && ran.stdout.contains("git fetch --tags"),
        "{}",
        ran.all()
    );
    repository.git(&["add", "."]);
    repository.git(&["commit", "--quiet", "-m", "release"]);
    repository.git(&["tag", "v1"]);
    assert_eq!(repository.test(&[]).code, 0);
    for wrong in [68, 86] {
        step(&repository, wrong, "a step");
    }
    repository.wrong(N, &[(0..104).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(ran.stdout.contains("since its anchor"), "{}", ran.all());
    // A later tag is a later anchor.
    repository.git(&["add", "."]);
    repository.git(&["commit", "--quiet", "-m", "release"]);
    repository.git(&["tag", "v2"]);
    repository.edit("robustness-specs/table.toml", "tag:v1", "tag:v2");
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn an_improvement_that_nobody_accepted_is_noted() {
    let repository = anchored("");
    repository.wrong(N, &[(0..20).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0);
    assert_eq!(
        repository.verdict("table::custom::cell::cell_0"),
        "improved"
    );
    // No retrain is recorded: nothing says that this is more than luck.
    assert!(!ran.all().contains("bless table"), "{}", ran.all());
    let words = "table::custom::cell::cell_0 improved. One lucky draw is no gain to bless: record retrains first";
    assert!(ran.stderr.contains(words), "{}", ran.all());
}

#[test]
fn what_is_no_anchor_is_an_error_with_its_place() {
    let repository = Repository::table(10, 1, "margin = 0.02\nanchor = \"last\"", "");
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    assert!(
        ran.stdout.contains("`last` is no anchor") && ran.stdout.contains("table.toml:16"),
        "{}",
        ran.all()
    );
}

#[test]
fn an_anchor_that_is_not_there_is_no_silent_pass() {
    let repository = anchored("");
    step(&repository, 68, "a step");
    step(&repository, 86, "a step");
    let path = "anchors/table/custom/cell/cell_0.json";
    let good = repository.read(path);
    std::fs::remove_dir_all(repository.root().join("anchors")).unwrap();
    for damage in [
        None,
        Some(good.replace("first baseline", "another")),
        Some("{".to_owned()),
    ] {
        if let Some(text) = &damage {
            repository.write(path, text);
        }
        let ran = repository.test(&[]);
        assert_eq!(ran.code, 101, "{}", ran.all());
        assert!(
            ran.stdout.contains(&format!("git checkout -- {path}"))
                && ran.stdout.contains("--reanchor"),
            "{}",
            ran.all()
        );
        let blessed = repository.steadfast(&["bless", "--all", "--reason", "x"]);
        assert_eq!(blessed.code, 6, "{}", blessed.all());
    }
    repository.write(path, good);
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn a_metric_that_is_younger_than_the_anchor_is_anchored_too() {
    let brier = "[[metric]]\nkind = \"brier_score\"\nmargin = 0.5\n";
    let repository = Repository::table(N, 1, "margin = 0.02", brier);
    repository.wrong(N, &[(0..50).collect()]);
    repository.bless_all();
    // The anchor is of the Brier score alone.
    repository.wrong(N, &[(0..52).collect()]);
    repository.test(&[]);
    assert_eq!(
        repository
            .steadfast(&["bless", "--all", "--reason", "x"])
            .code,
        0
    );
    let with_accuracy = format!("{brier}\n[[metric]]\nkind = \"accuracy\"\n");
    repository.edit("robustness-specs/table.toml", brier, &with_accuracy);
    repository.test(&[]);
    assert_eq!(repository.steadfast(&["bless", "--reason", "x"]).code, 0);
    for wrong in [70, 88] {
        step(&repository, wrong, "a step");
    }
    repository.wrong(N, &[(0..106).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(
        repository.verdict("table::custom::cell::cell_0"),
        "drifted",
        "{}",
        ran.all()
    );
}

#[test]
fn a_tag_without_the_case_is_warned_of_and_cannot_be_reanchored() {
    let repository = Repository::table(N, 1, "margin = 0.02\nanchor = \"tag:v0\"", "");
    repository.git(&["add", "."]);
    repository.git(&["commit", "--quiet", "-m", "before"]);
    repository.git(&["tag", "v0"]);
    repository.wrong(N, &[(0..50).collect()]);
    repository.bless_all();
    repository.wrong(N, &[(0..52).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0);
    let words = "harm since the anchor cannot be seen: the case has no baseline at the tag v0";
    assert!(ran.stderr.contains(words), "{}", ran.all());
    let ran = repository.steadfast(&["bless", "--reanchor", "--reason", "x"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("name a later tag"), "{}", ran.all());
}
