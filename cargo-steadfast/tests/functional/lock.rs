//! Who changes baselines is alone, and who was killed leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::repository::Repository;

/// One case that is to be blessed again.
fn repository() -> Repository {
    let repository = Repository::table(400, 1, "margin = 0.03", "");
    repository.wrong(400, &[(0..10).collect()]);
    repository.bless_all();
    repository.wrong(400, &[(0..30).collect()]);
    repository.test(&[]);
    repository
}

#[test]
fn a_bless_waits_for_a_run_and_says_so() {
    let repository = repository();
    let lock = repository.root().join("baselines/.steadfast-lock");
    let lock = std::fs::File::options().write(true).open(lock).unwrap();
    // As a run of the harness holds it.
    lock.lock_shared().unwrap();
    let ran = repository.steadfast(&["status"]);
    assert_eq!(ran.code, 1, "readers share it: {}", ran.all());
    let mut bless = repository
        .steadfast_command(&[], &["bless", "--reason", "x"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = String::new();
    let mut stderr = BufReader::new(bless.stderr.take().unwrap());
    stderr.read_line(&mut said).unwrap();
    assert!(said.starts_with("waiting: another steadfast"), "{said}");
    assert!(bless.try_wait().unwrap().is_none());
    lock.unlock().unwrap();
    assert!(bless.wait().unwrap().success());
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn what_a_killed_process_left_is_listed_and_removed() {
    let repository = repository();
    let left = "baselines/table/custom/cell/.steadfast-x7Yz.tmp";
    repository.write(left, "{");
    let ran = repository.steadfast(&["status"]);
    assert!(
        ran.stdout.contains(&format!("left over: {left}")),
        "{}",
        ran.all()
    );
    let ran = repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(!repository.root().join(left).exists());
}

#[test]
fn the_lock_makes_no_tree_dirty() {
    let repository = repository();
    repository.write(".gitignore", "state/\n");
    repository.git(&["add", "-A", "--", ":!baselines/.steadfast-lock"]);
    repository.git(&["commit", "-q", "-m", "all"]);
    repository.test(&[]);
    let record = repository.record("table::custom::cell::cell_0");
    assert_eq!(record["commit"]["dirty"], false, "{record}");
}

#[cfg(unix)]
#[test]
fn a_bless_that_stops_half_way_says_how_to_go_on() {
    use std::os::unix::fs::PermissionsExt;
    let repository = Repository::table(400, 3, "margin = 0.03", "");
    let wrong = |count: usize| vec![(0..count).collect::<Vec<_>>(); 3];
    repository.wrong(400, &wrong(10));
    repository.bless_all();
    repository.wrong(400, &wrong(30));
    repository.test(&[]);
    // The anchor of the second case has no place.
    let folder = repository.root().join("anchors/table/custom/cell");
    let in_the_way = folder.join("cell_1+next.json");
    std::fs::create_dir_all(&in_the_way).unwrap();
    let ran = repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(
        ran.stderr
            .contains("stopped half-way: 1 of 3 cases are done"),
        "{}",
        ran.all()
    );
    std::fs::remove_dir(&in_the_way).unwrap();
    let ran = repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stdout.contains("2 moved, 0 unchanged, 1 kept"),
        "{}",
        ran.all()
    );
    assert_eq!(repository.test(&[]).code, 0);
    // A folder that cannot be written to is no reason for a run to stop.
    let baselines = repository.root().join("baselines");
    let mode = |mode| std::fs::set_permissions(&baselines, PermissionsExt::from_mode(mode));
    std::fs::remove_file(baselines.join(".steadfast-lock")).unwrap();
    mode(0o555).unwrap();
    assert_eq!(repository.test(&[]).code, 0);
    mode(0o755).unwrap();
}

#[test]
fn a_bless_of_many_is_a_line_a_spec() {
    let repository = Repository::table(100, 60, "margin = 0.3", "");
    repository.write(
        "robustness-specs/suite.toml",
        "schema = 1\n\n[family]\ncapacity = 200\n",
    );
    let wrong = |count: usize| vec![(0..count).collect::<Vec<_>>(); 60];
    repository.wrong(100, &wrong(1));
    repository.test(&[]);
    let ran = repository.steadfast(&["bless", "--reason", "first"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    repository.wrong(100, &wrong(60));
    repository.test(&[]);
    let ran = repository.steadfast(&["bless", "--reason", "worse", "--reanchor"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.lines().count() < 8, "{}", ran.all());
    assert!(
        ran.stdout
            .contains("  table: 60 cases: 60 regressed; the largest loss: 0.59"),
        "{}",
        ran.all()
    );
}
