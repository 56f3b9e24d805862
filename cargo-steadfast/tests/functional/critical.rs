//! Critical examples: one flip to wrong fails, whatever the mean does.

use crate::repository::Repository;

const N: usize = 1000;

#[test]
fn one_critical_flip_fails_a_model_that_is_better_on_the_whole() {
    let critical = "[critical]\nexamples = [\"7\", \"400\", \"3\"]\n";
    let repository = Repository::table(N, 1, "margin = 0.02", critical);
    repository.wrong(N, &[(0..50).skip(5).collect()]);
    repository.bless_all();
    // 45 rows are right now; row 400 is not. (Row 7 was wrong all along: said, too.)
    repository.wrong(N, &[vec![7, 400]]);
    let ran = repository.test(&[]);
    let words = "critical examples are wrong, and were not right in the baseline: 7\n";
    assert!(ran.stdout.contains(words), "{}", ran.all());
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(
        repository.verdict("table::custom::cell::cell_0"),
        "critical"
    );
    assert!(
        ran.stdout
            .contains("critical examples were right and are wrong: 400\n"),
        "{}",
        ran.all()
    );
    // Another example may flip.
    repository.wrong(N, &[vec![7, 401]]);
    assert_eq!(repository.test(&[]).code, 0);
    assert_eq!(
        repository.verdict("table::custom::cell::cell_0"),
        "improved"
    );
}

#[test]
fn an_id_that_no_example_has_is_an_error() {
    let critical = "[critical]\nexamples = [\"1000\"]\n";
    let repository = Repository::table(N, 1, "margin = 0.02", critical);
    repository.wrong(N, &[vec![]]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    assert!(
        ran.stdout
            .contains("[critical] examples: no example has the id 1000"),
        "{}",
        ran.all()
    );
}

#[test]
fn a_whole_slice_may_be_critical() {
    let critical = "[critical]\nslices = [\"3\"]\n";
    let repository = Repository::table(N, 1, "margin = 0.02", critical);
    let spec = "robustness-specs/table.toml";
    let ran = repository.test(&[]);
    assert!(
        ran.stdout
            .contains("slices are marked critical, and [data] names none"),
        "{}",
        ran.all()
    );
    repository.edit(spec, "labels = \"y\"", "labels = \"y\"\nslice = \"part\"");
    repository.wrong(N, &[(0..50).collect()]);
    repository.bless_all();
    // Rows 300 to 399 are the slice.
    repository.wrong(N, &[vec![299, 400]]);
    assert_eq!(repository.test(&[]).code, 0);
    repository.wrong(N, &[vec![299, 399, 400]]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(
        ran.stdout
            .contains("critical examples were right and are wrong: 399\n"),
        "{}",
        ran.all()
    );
    repository.edit(spec, "slices = [\"3\"]", "slices = [\"night\"]");
    let ran = repository.test(&[]);
    assert!(
        ran.stdout
            .contains("[critical] slices: there is no slice night; there are 0, 1, 2"),
        "{}",
        ran.all()
    );
}
