//! What could not be shown whatever the model did is refused before it is asked, and
//! every command says the same of it.

use crate::repository::Repository;

const CASE: &str = "table::custom::cell::cell_0";
const SPEC: &str = "robustness-specs/table.toml";

#[test]
fn no_command_offers_what_a_run_refuses() {
    let repository = Repository::table(10, 1, "margin = 0.1", "");
    repository.wrong(10, &[vec![1]]);
    // 8 harms without a gain reach .0025 (2⁻⁹ = .00195): a drop of .8, and .2 is asked for.
    // The subcommand does not know whether a perturbation of one's own draws: of draws the
    // least is .0025^(−1/10) − 1 = .82.
    let words = [
        "accuracy: 10 examples cannot show a drop below 0.8",
        "examples to see one of 0.2",
    ];
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    for ran in [
        ran,
        repository.steadfast(&["power"]),
        repository.steadfast(&["status"]),
    ] {
        for words in words {
            assert!(ran.all().contains(words), "{words}: {}", ran.all());
        }
        for wrong in ["detects", "bless", "nothing could be shown"] {
            assert!(!ran.all().contains(wrong), "{wrong}: {}", ran.all());
        }
    }
}

/// The two sides and the slices share alpha: .00125 takes 9 harms (2⁻¹⁰).
#[test]
fn what_is_needed_is_for_the_share_of_alpha_that_a_test_has() {
    let both = "margin = 0.1\ndirection = \"both\"";
    // Of 42 examples 9 are more than the drop of .2 that is asked for, and 8 are not.
    let repository = Repository::table(42, 1, both, "");
    repository.wrong(42, &[vec![1]]);
    let ran = repository.test(&[]);
    let words = "no harm is shown unless 9 of them become wrong";
    assert!(ran.stdout.contains(words), "{}", ran.all());
    let one = Repository::table(42, 1, "margin = 0.1", "");
    one.wrong(42, &[vec![1]]);
    let ran = one.test(&[]);
    assert!(!ran.all().contains("cannot show"), "{}", ran.all());
}

/// A sampled p-value has a floor of 1 / 2,000,000.
#[test]
fn an_alpha_that_sampling_does_not_reach_is_refused() {
    let error = "[[metric]]\nkind = \"expected_calibration_error\"\n";
    let gate = "margin = 0.1\nanchor = \"none\"\nalpha = 1e-7";
    let repository = Repository::table(300, 1, gate, error);
    repository.wrong(300, &[(0..10).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    let words = "the p-value of expected_calibration_error is sampled and never below 5e-7, so that its test at alpha 1e-7 could not show anything";
    assert!(ran.stdout.contains(words), "{}", ran.all());
    // Flips are counted, not sampled.
    repository.edit(SPEC, "expected_calibration_error", "accuracy");
    let ran = repository.test(&[]);
    assert!(ran.stdout.contains("missing"), "{}", ran.all());
    assert!(!ran.all().contains("sampled"), "{}", ran.all());
}

/// With one replicate of all there are, nothing but the change itself decides.
#[test]
fn a_change_without_an_error_is_said_to_be_seen_as_it_is() {
    let repository = Repository::table(60, 1, "margin = 0.1\nanchor = \"none\"", "");
    let all = "labels = \"y\"\nexamples = \"exhaustive\"";
    repository.edit(SPEC, "labels = \"y\"", all);
    repository.wrong(60, &[vec![1]]);
    repository.bless_all();
    repository.wrong(60, &[vec![1, 2]]);
    repository.test(&[]);
    let ran = repository.steadfast(&["power", CASE]);
    assert!(
        ran.stdout.contains("any change is seen as it is"),
        "{}",
        ran.all()
    );
    assert!(!ran.stdout.contains("not known"), "{}", ran.all());
}

#[test]
fn the_ledger_says_what_would_mend_it() {
    let gate = "margin = 0.1\nanchor = \"none\"\nalpha = 0.05";
    let repository = Repository::table(100, 2, gate, "");
    let ran = repository.test(&["suite::ledger"]);
    assert_eq!(ran.code, 101);
    assert!(
        ran.stdout
            .contains("2 tests whose alphas add up to 0.100000")
            && ran.stdout.contains("lower the alphas that the specs give")
            && !ran.stdout.contains("raise"),
        "{}",
        ran.all()
    );
    // Anchors share, and 22 of 20 are too many.
    let shared = Repository::table(100, 11, "margin = 0.1", "");
    let ran = shared.test(&["suite::ledger"]);
    assert!(ran.stdout.contains("raise `capacity`"), "{}", ran.all());
}
