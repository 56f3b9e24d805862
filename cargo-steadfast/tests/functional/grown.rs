//! Data that grew are judged on the examples that the baseline has.

use crate::repository::Repository;

const N: usize = 1200;
const CASE: &str = "table::custom::cell::cell_0";

fn grown(named: bool) -> Repository {
    let repository = Repository::table(N, 1, "margin = 0.02", "");
    if named {
        let labels = "labels = \"y\"";
        repository.edit(
            "robustness-specs/table.toml",
            labels,
            "labels = \"y\"\nids = \"id\"",
        );
    }
    repository.rows(&(0..1000).collect::<Vec<_>>(), named);
    repository.wrong(N, &[(0..50).collect()]);
    repository.bless_all();
    repository
}

#[test]
fn rows_that_were_appended_are_left_out() {
    let repository = grown(false);
    repository.rows(&(0..N).collect::<Vec<_>>(), false);
    // All new rows are wrong: that is for the next baseline.
    repository.wrong(N, &[(0..50).chain(1000..N).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(repository.verdict(CASE), "identical");
    assert!(
        ran.stderr
            .contains("judged on the 1000 examples that are the baseline's, of its 1000"),
        "{}",
        ran.all()
    );
    let status = repository.steadfast(&["status"]);
    assert_eq!(status.code, 0, "{}", status.all());
    // Harm on the old ones is seen, by the ids that they have now.
    repository.wrong(N, &[(0..130).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    for words in [
        "judged on the 1000 examples that are the baseline's, of its 1000 and of 1200 now",
        "wrong: 50, 51, 52",
        "accuracy fell 0.9500 → 0.8700",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
}

#[test]
fn a_changed_row_makes_the_baseline_stale() {
    let repository = grown(false);
    let mut rows: Vec<usize> = (0..N).collect();
    rows.swap(3, 4);
    repository.rows(&rows, false);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    assert_eq!(repository.verdict(CASE), "stale");
    let words = "the data do not begin with the baseline's 1000 examples";
    assert!(ran.stdout.contains(words), "{}", ran.all());
}

#[test]
fn examples_with_ids_may_come_and_go_by_one_in_twenty() {
    let repository = grown(true);
    // 960 of the 1,000 are there, in another order, among others.
    let rows: Vec<usize> = (40..N).rev().collect();
    repository.rows(&rows, true);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    // Rows that are gone may have been chosen: nothing is identical without them.
    assert_eq!(repository.verdict(CASE), "equivalent");
    repository.wrong(N, &[(0..130).collect()]);
    let ran = repository.test(&[]);
    assert!(
        ran.stdout
            .contains("judged on the 960 examples that are the baseline's, of its 1000")
            && ran.stdout.contains("r50"),
        "{}",
        ran.all()
    );
    // 100 rows fewer: of the 960 that are left, ids 100 to 999.
    repository.rows(&rows[..1100], true);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    assert_eq!(repository.verdict(CASE), "stale");
    let words = "900 of the baseline's 1000 examples are there unchanged, and 95 % are needed";
    for ran in [ran, repository.steadfast(&["status"])] {
        assert!(ran.stdout.contains(words), "{}", ran.all());
    }
}
