//! What a case can and cannot see is said before anybody relies on it.

use crate::repository::Repository;

const CASE: &str = "table::custom::cell::cell_0";

#[test]
fn before_any_run_it_is_said_for_churn_that_is_assumed() {
    // statistics.md 4: at alpha .05, churn 5 % and a margin of .01 a drop of twice the
    // margin needs 1080 examples, and a proof 3162.
    let detect = "margin = 0.01\nalpha = 0.05\nanchor = \"none\"";
    let repository = Repository::table(1000, 1, detect, "");
    let ran = repository.steadfast(&["power"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let line = ran.stdout.lines().find(|line| line.contains("if 0.05 of"));
    let line = line.unwrap();
    assert!(
        line.trim_start()
            .starts_with("! accuracy: detects a change of 0.02"),
        "{line}"
    );
    assert!(
        line.contains("that needs n = 1080, or margin = 0.011"),
        "{line}"
    );
    let status = repository.steadfast(&["status"]);
    assert!(
        status
            .stdout
            .contains(&format!("warning: {CASE}: accuracy detects a change of")),
        "{}",
        status.all()
    );
    let enough = Repository::table(1100, 1, detect, "");
    let status = enough.steadfast(&["status"]);
    assert!(!status.stdout.contains("warning"), "{}", status.all());
}

#[test]
fn a_proof_that_cannot_be_had_is_an_error() {
    let prove = "margin = 0.01\nmode = \"prove\"\nanchor = \"none\"";
    let repository = Repository::table(3000, 1, prove, "");
    repository.wrong(3000, &[vec![1]]);
    repository.bless_all();
    let status = repository.steadfast(&["status"]);
    assert_eq!(status.code, 5, "{}", status.all());
    assert!(
        status.stdout.contains(&format!(
            "Error: {CASE}: accuracy proves an equal model to be within"
        )) && status.stdout.contains("that needs n = 316"),
        "{}",
        status.all()
    );
    let enough = Repository::table(3200, 1, prove, "");
    enough.wrong(3200, &[vec![1]]);
    enough.bless_all();
    let status = enough.steadfast(&["status"]);
    assert_eq!(status.code, 0, "{}", status.all());
}

#[test]
fn after_a_run_it_rests_on_what_changed() {
    let repository = Repository::table(1000, 1, "margin = 0.01\nalpha = 0.05", "");
    repository.wrong(1000, &[(0..100).collect()]);
    repository.bless_all();
    // 40 flips in 1,000: the standard error of their mean is .0063.
    repository.wrong(1000, &[(20..120).collect()]);
    repository.test(&[]);
    let ran = repository.steadfast(&["power", CASE]);
    assert!(
        ran.stdout.contains("standard error 0.0063 in the last run"),
        "{}",
        ran.all()
    );
    assert_eq!(ran.stdout.matches("accuracy").count(), 1, "{}", ran.all());
}

#[test]
fn the_report_adjusts_for_the_number_of_tests() {
    let gate = "margin = 0.01\nalpha = 0.01\nanchor = \"none\"";
    let repository = Repository::table(1000, 3, gate, "");
    repository.wrong(1000, &vec![(0..50).collect(); 3]);
    repository.bless_all();
    // Ten, six and one newly wrong, none newly right: mid-p 2⁻¹¹, 2⁻⁷ and 1/4.
    let cells: Vec<Vec<usize>> = [10, 6, 1]
        .iter()
        .map(|more| (0..50 + more).collect())
        .collect();
    repository.wrong(1000, &cells);
    repository.test(&[]);
    let ran = repository.steadfast(&["report"]);
    let row = |cell: usize| {
        let name = format!("| table::custom::cell::cell_{cell} | accuracy |");
        let line = ran.stdout.lines().find(|line| line.starts_with(&name));
        line.unwrap_or_else(|| panic!("{}", ran.all())).to_owned()
    };
    // Holm: 3 · 2⁻¹¹, 2 · 2⁻⁷, 1/4. Benjamini–Hochberg: 3 · 2⁻¹¹, 3/2 · 2⁻⁷, 1/4.
    assert!(
        row(0).ends_with("| -1.00 | 0.00049 | 0.0015 | 0.0015 |"),
        "{}",
        row(0)
    );
    assert!(
        row(1).ends_with("| -0.60 | 0.0078 | 0.016 | 0.012 |"),
        "{}",
        row(1)
    );
    assert!(
        row(2).ends_with("| -0.10 | 0.25 | 0.25 | 0.25 |"),
        "{}",
        row(2)
    );
    // A drop of exactly the margin is no failure.
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stdout
            .contains("3 cases: 0 failed, 2 passed with a warning, 1 passed.")
    );
}
