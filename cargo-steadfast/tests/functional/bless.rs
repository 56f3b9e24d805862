//! Who may bless what: CI never, nobody without a reason, and only records of the
//! tree as it stands. A bless that is killed leaves whole files.

use crate::repository::Repository;

#[test]
fn ci_and_silence_are_refused() {
    let repository = Repository::digits();
    repository.test(&[]);
    for ci in [&[("CI", "true")][..], &[("CI", ""), ("TF_BUILD", "1")]] {
        let ran = repository.steadfast_with(ci, &["bless", "--reason", "x"]);
        assert_eq!(ran.code, 2, "{}", ran.all());
        assert!(
            ran.stderr.contains("`bless` is refused under CI"),
            "{}",
            ran.all()
        );
    }
    for arguments in [&["bless"][..], &["bless", "--reason", "  "]] {
        let ran = repository.steadfast(arguments);
        assert_eq!(ran.code, 2, "{}", ran.all());
    }
    repository.git(&["config", "user.email", ""]);
    let ran = repository.steadfast_with(
        &[("GIT_CONFIG_GLOBAL", "/dev/null"), ("HOME", "/none")],
        &["bless", "--reason", "x"],
    );
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(
        ran.stderr.contains("git does not know who you are"),
        "{}",
        ran.all()
    );
    assert!(repository.files("baselines").is_empty());
}

#[test]
fn a_case_without_a_record_of_this_tree_moves_nothing() {
    let repository = Repository::digits();
    repository.test(&["identity"]);
    let ran = repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(
        ran.stderr
            .contains("digits::contrast::severity_5 has no record"),
        "{}",
        ran.all()
    );
    assert!(ran.stderr.contains("nothing was moved"), "{}", ran.all());
    assert!(repository.files("baselines").is_empty());
    // The model changes after the run.
    repository.test(&[]);
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    let ran = repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(
        ran.stderr
            .contains("is of another tree: the model has changed"),
        "{}",
        ran.all()
    );
    // So does the spec.
    repository.copy("models/digits.onnx", "models/digits.onnx");
    repository.edit("robustness-specs/digits.toml", "seed = 7", "seed = 8");
    let ran = repository.steadfast(&["bless", "digits::gaussian_noise", "--reason", "x"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(ran.stderr.contains("seed: 7 → 8"), "{}", ran.all());
}

#[test]
fn orphans_are_named_and_pruned_only_when_asked() {
    let repository = Repository::digits();
    repository.bless_all();
    repository.edit(
        "robustness-specs/digits.toml",
        "severity = [1, 5]",
        "severity = [1]",
    );
    let status = repository.steadfast(&["status"]);
    assert!(
        status
            .stdout
            .contains("orphaned: baselines/digits/gaussian_noise/severity_5.json"),
        "{}",
        status.all()
    );
    repository.test(&[]);
    repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(repository.files("baselines").len(), 4);
    let pruned = repository.steadfast(&[
        "bless",
        "--prune",
        "--reason",
        "severity 5 is no longer checked",
    ]);
    assert!(
        pruned
            .stdout
            .contains("pruned: baselines/digits/gaussian_noise/severity_5.json"),
        "{}",
        pruned.all()
    );
    assert_eq!(repository.files("baselines").len(), 3);
}

#[test]
fn reject_deletes_the_record_and_status_says_what_is_pending() {
    let repository = Repository::digits();
    repository.bless_all();
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    repository.test(&[]);
    let status = repository.steadfast(&["status"]);
    assert_eq!(status.code, 1, "{}", status.all());
    assert!(
        status
            .stdout
            .contains("pending: digits::identity: regressed"),
        "{}",
        status.all()
    );
    assert!(status.stdout.contains("baselines: "), "{}", status.all());
    let rejected = repository.steadfast(&["reject", "digits::identity"]);
    assert!(
        rejected.stdout.contains("rejected: digits::identity"),
        "{}",
        rejected.all()
    );
    assert_eq!(
        repository
            .steadfast(&["bless", "digits::identity", "--reason", "x"])
            .code,
        4
    );
    assert_eq!(repository.steadfast(&["reject", "nothing"]).code, 2);
}

/// Kills a bless after ever longer times: wherever it was, each baseline is the
/// old file or the new one, whole.
#[test]
fn a_bless_that_is_killed_leaves_whole_files() {
    let repository = Repository::digits();
    repository.bless_all();
    let old = repository.files("baselines");
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    repository.test(&[]);
    let restore = || {
        for (path, bytes) in &old {
            std::fs::write(path, bytes).unwrap();
        }
    };
    let arguments = ["bless", "--reason", "worse"];
    let started = std::time::Instant::now();
    assert_eq!(repository.steadfast(&arguments).code, 0);
    let whole = started.elapsed();
    // The time is part of a baseline: what a new file holds is compared without it.
    let told = |bytes: &[u8]| {
        let mut value: serde_json::Value = serde_json::from_slice(bytes).expect("a whole file");
        value["accepted"]["at"] = serde_json::Value::Null;
        value["digest"] = serde_json::Value::Null;
        value
    };
    let new = repository.files("baselines");
    let (mut untouched, mut finished) = (0, 0);
    // Sixty kills over the time that one takes, and longer ones while none has finished:
    // how long it takes depends on what else the machine does.
    let steps: u32 = 60;
    for step in 0..4 * steps {
        if step >= steps && finished > 0 {
            break;
        }
        restore();
        let mut child = repository
            .steadfast_command(&[], &arguments)
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(whole * step / (steps - 10));
        let _ = child.kill();
        child.wait().unwrap();
        let mut moved = 0;
        for (path, before) in &old {
            let found = std::fs::read(path).unwrap();
            if found != *before {
                assert_eq!(
                    told(&found),
                    told(&new[path]),
                    "{} is neither old nor new",
                    path.display()
                );
                moved += usize::from(told(&new[path]) != told(before));
            }
        }
        untouched += usize::from(moved == 0);
        finished += usize::from(moved == 4);
    }
    assert!(
        untouched > 0 && finished > 0,
        "killed before, during and after: {untouched} {finished}"
    );
}

#[test]
fn what_the_record_cannot_give_moves_nothing_at_all() {
    let repository = Repository::digits();
    repository.bless_all();
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    repository.test(&[]);
    let before = repository.files("baselines");
    // A second spec, blessed first by its name, is fine; the digits want a new column.
    let spec = repository.read("robustness-specs/digits.toml");
    repository.write("robustness-specs/a.toml", &spec);
    repository.test(&["a::"]);
    repository.write(
        "robustness-specs/digits.toml",
        format!("{spec}\n[[metric]]\nkind = \"auroc\"\n"),
    );
    let ran = repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(
        ran.stderr
            .contains("does not have the columns that its metrics need now"),
        "{}",
        ran.all()
    );
    assert_eq!(before, repository.files("baselines"));
    // Asking the model for another tensor is another tree, too.
    repository.write(
        "robustness-specs/digits.toml",
        spec.replace("gives =", "output = \"logits\"\ngives ="),
    );
    let ran = repository.steadfast(&["bless", "digits", "--reason", "x"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(
        ran.stderr
            .contains("[model] gives, input or output has changed"),
        "{}",
        ran.all()
    );
}
