//! `null = "retrain"`: what other retrains do, too, is no regression.

use crate::repository::Repository;

const N: usize = 1000;
const CASE: &str = "table::custom::cell::cell_0";

fn repository() -> Repository {
    let gate = "margin = 0.01\nalpha = 0.05\nnull = \"retrain\"\nanchor = \"none\"";
    let repository = Repository::table(N, 1, gate, "");
    repository.wrong(N, &[(0..100).collect()]);
    repository.bless_all();
    repository
}

fn record(repository: &Repository, wrong: usize) -> crate::repository::Ran {
    repository.wrong(N, &[(0..wrong).collect()]);
    repository.test(&[]);
    repository.steadfast(&["bless", "--retrain", "--reason", "another seed"])
}

#[test]
fn a_retrain_as_bad_as_others_passes_and_a_worse_one_fails() {
    let repository = repository();
    // Without retrains it is judged against no harm, and says so.
    repository.wrong(N, &[(0..115).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(
        ran.stdout.contains("fewer than 3 retrains are recorded"),
        "{}",
        ran.all()
    );
    for (wrong, words) in [
        (112, "1 recorded; 3 are needed"),
        (90, "2 recorded"),
        (104, "3 recorded"),
    ] {
        let ran = record(&repository, wrong);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert!(ran.stdout.contains(words), "{}", ran.all());
    }
    // By hand: accuracies .900 .888 .910 .896, mean .8985, s = .00915; one more would
    // lie below .8985 − 2.353 · .00915 · √1.25 = .8744 in one of twenty.
    repository.wrong(N, &[(0..115).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    repository.wrong(N, &[(0..125).collect()]);
    assert_eq!(repository.test(&[]).code, 0);
    repository.wrong(N, &[(0..127).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict(CASE), "regressed");
    assert!(
        ran.stdout
            .contains("harm beyond the spread of accepted retrains is shown"),
        "{}",
        ran.all()
    );
}

/// The anchor, which is the default, is one more retrain: by hand, s² = 2e-4 / 3 of .91, .90,
/// .92 and .91, and .88 lies 3.46 s √2 below the anchor's .92: of three degrees of freedom
/// p = .0203, and .0231 against the mean of the four.
#[test]
fn since_the_anchor_a_retrain_is_held_against_the_same_spread() {
    let gate = "margin = 0.01\nalpha = 0.02\nnull = \"retrain\"";
    let repository = Repository::table(N, 1, gate, "");
    repository.wrong(N, &[(10..90).collect()]);
    repository.bless_all();
    repository.wrong(N, &[(0..90).collect()]);
    repository.test(&[]);
    let blessed = repository.steadfast(&["bless", "--all", "--reason", "an honest retrain"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    assert_eq!(repository.files("anchors").len(), 1);
    for (wrong, count) in [(0..100, 1), (0..80, 2), (1..91, 3)] {
        repository.wrong(N, &[wrong.collect()]);
        repository.test(&[]);
        let ran = repository.steadfast(&["bless", "--retrain", "--reason", "another seed"]);
        let words = format!("{count} recorded");
        assert!(ran.stdout.contains(&words), "{}", ran.all());
    }
    repository.wrong(N, &[(0..120).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let spec = "robustness-specs/table.toml";
    repository.edit(spec, "alpha = 0.02", "alpha = 0.021");
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict(CASE), "drifted");
    for words in [
        "harm since the anchor beyond the spread of accepted retrains is shown",
        "limits of this model alone [",
        "p = 0.02 (harm beyond the spread of retrains)",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
}

#[test]
fn only_other_models_are_retrains() {
    let repository = repository();
    let ran = record(&repository, 100);
    assert_eq!(ran.code, 2, "{}", ran.all());
    assert!(
        ran.stderr.contains("this is the accepted model itself"),
        "{}",
        ran.all()
    );
    assert_eq!(record(&repository, 110).code, 0);
    let ran = record(&repository, 110);
    assert!(
        ran.stderr.contains("this retrain is recorded already"),
        "{}",
        ran.all()
    );
    // The baseline has not moved.
    repository.wrong(N, &[(0..100).collect()]);
    assert_eq!(repository.test(&[]).code, 0);
    assert_eq!(repository.verdict(CASE), "identical");
}
