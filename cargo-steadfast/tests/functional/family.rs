//! Metrics of a whole family of perturbations, gated as one number.

use crate::repository::Repository;

const N: usize = 500;
/// The cell without a perturbation, and two perturbations at five severities.
const CELLS: usize = 11;

const FIVE: &str = "severity = [1, 2, 3, 4, 5]\nscale = \"imagenet_c\"\n\n";

const ERROR: &str = "[[metric]]\nkind = \"mean_corruption_error\"\nmargin = 0.1\n\
                     reference = { \"custom::dim\" = 0.5, \"custom::blur\" = 0.25 }\n\n";

const AREA: &str = "[[metric]]\nkind = \"area_under_severity_curve\"\n\n";

const RELATIVE: &str = "[[metric]]\nkind = \"relative_mean_corruption_error\"\nmargin = 0.06\n\
                        reference = { \"custom::dim\" = 0.5, \"custom::blur\" = 0.25, identity = 0.05 }\n\n";

fn family(gate: &str, metrics: &str) -> Repository {
    let more = format!(
        "[[perturbation]]\nkind = \"identity\"\n\n[[perturbation]]\nkind = \"custom::dim\"\n{FIVE}\
         [[perturbation]]\nkind = \"custom::blur\"\n{FIVE}{metrics}"
    );
    let repository = Repository::table(N, 0, &format!("margin = 0.01\n{gate}"), &more);
    repository.write("robustness-specs/suite.toml", "[family]\ncapacity = 40\n");
    // A tenth is wrong in each cell.
    repository.wrong(N, &vec![(0..50).collect(); CELLS]);
    repository
}

/// Eight rows more are wrong in each cell with a perturbation, other rows in each: too
/// few for a test of the cell.
fn harm_everywhere(repository: &Repository) {
    let cells: Vec<Vec<usize>> = (0..CELLS)
        .map(|cell| {
            let more = (0..8).map(|row| 50 + (row * 29 + cell * 17) % 450);
            let more = more.filter(|_| cell > 0);
            (0..50).chain(more).collect()
        })
        .collect();
    repository.wrong(N, &cells);
}

fn metric(repository: &Repository, index: usize) -> serde_json::Value {
    repository.record("table::pooled")["metrics"][index].clone()
}

fn is_near(value: &serde_json::Value, expected: f64) {
    let value = value["value"].as_f64().unwrap();
    assert!((value - expected).abs() < 1e-4, "{value} {expected}");
}

#[test]
fn the_family_fails_as_one_number_where_no_cell_does() {
    let metrics = format!("[[metric]]\nkind = \"accuracy\"\n\n{ERROR}{AREA}{RELATIVE}");
    let repository = family("", &metrics);
    repository.bless_all();
    // 0.1 / 0.5 and 0.1 / 0.25; an area of 0.9; 0.1 less 0.1.
    is_near(&metric(&repository, 0), 0.3);
    is_near(&metric(&repository, 1), 0.9);
    is_near(&metric(&repository, 2), 0.0);
    assert_eq!(repository.test(&[]).code, 0);
    harm_everywhere(&repository);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict("table::pooled"), "regressed");
    for cell in ["custom::dim::severity_3", "custom::blur::severity_5"] {
        let verdict = repository.verdict(&format!("table::{cell}"));
        assert_ne!(verdict, "regressed", "{cell}");
    }
    // 0.016 more: / 0.5 and / 0.25, and in the relative form / 0.45 and / 0.2.
    is_near(&metric(&repository, 0), 0.348);
    is_near(&metric(&repository, 1), 0.884);
    is_near(&metric(&repository, 2), (0.016 / 0.45 + 0.016 / 0.2) / 2.0);
    // Of the relative form an example can be anything from −3.6 to 3.6: five hundred may have
    // missed a few that make up for 0.06 with a probability of (7.2 / 7.26)⁵⁰⁰ = 0.02.
    for (index, verdict) in ["degraded", "regressed", "inconclusive"].iter().enumerate() {
        assert_eq!(metric(&repository, index)["verdict"], *verdict, "{index}");
    }
    // Each has an alpha of its own.
    let evidence = metric(&repository, 1)["evidence"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        evidence.contains("limits [") && evidence.contains("at alpha 0.00125"),
        "{evidence}"
    );
    let message = ran.stdout;
    for told in [
        "table::pooled: area_under_severity_curve fell 0.9000 → 0.8840 (margin 0.01)",
        "curves   custom::dim: area 0.9000 → 0.8840, error 0.2000 → 0.2320; accuracy 0.884 0.884",
        "         custom::blur: area 0.9000 → 0.8840, error 0.4000 → 0.4640; accuracy 0.884 0.884",
    ] {
        assert!(message.contains(told), "{told}\n{message}");
    }
}

#[test]
fn where_only_the_family_is_judged_the_cells_are_shown() {
    let repository = family("anchor = \"none\"", AREA);
    repository.bless_all();
    harm_everywhere(&repository);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    let cell = repository.record("table::custom::dim::severity_1");
    assert_eq!(cell["status"], "pass");
    assert_eq!(cell["metrics"][0]["name"], "accuracy");
    assert_eq!(cell["metrics"][0]["verdict"], serde_json::Value::Null);
    // One test is paid for.
    let status = repository.steadfast(&["status"]);
    assert!(
        status.stdout.contains("1 test spending 0.001250"),
        "{}",
        status.all()
    );
    let listed = repository.steadfast(&["list"]);
    assert!(listed.stdout.contains("table::pooled"), "{}", listed.all());
    let power = repository.steadfast(&["power", "table::pooled"]);
    assert!(
        power
            .stdout
            .contains("area_under_severity_curve: detects a change of 0.0"),
        "{}",
        power.all()
    );
    let report = repository.steadfast(&["report"]);
    for told in [
        "| table::custom::dim::severity_1 | no_regression | not judged: its metrics are only reported |",
        "Severity curves of table (accuracy, baseline → now",
        "| perturbation | 1 | 2 | 3 | 4 | 5 | area |",
        "| custom::dim | 0.9000 → 0.8840 |",
    ] {
        assert!(report.stdout.contains(told), "{told}\n{}", report.all());
    }
    let blessed = repository.steadfast(&["bless", "table", "--reason", "a smaller model"]);
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    assert!(
        blessed.stdout.contains("curves   custom::dim: area"),
        "{}",
        blessed.all()
    );
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn another_reference_makes_the_baseline_stale_and_is_named() {
    let repository = family("", ERROR);
    repository.bless_all();
    repository.edit(
        "robustness-specs/table.toml",
        "blur\" = 0.25",
        "blur\" = 0.3",
    );
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict("table::pooled"), "stale");
    let told = "the baseline has other parameters: custom::blur: 0.25 → 0.3";
    assert!(ran.stdout.contains(told), "{}", ran.all());
    // The cells do not know of it.
    assert_eq!(
        repository.verdict("table::custom::blur::severity_1"),
        "identical"
    );
}

#[test]
fn another_cell_makes_the_baseline_stale_and_is_named() {
    let repository = family("", AREA);
    repository.bless_all();
    let other = format!("[[perturbation]]\nkind = \"custom::cell\"\ncell = 3\n\n{AREA}");
    repository.edit("robustness-specs/table.toml", AREA, &other);
    let ran = repository.test(&[]);
    assert_eq!(repository.verdict("table::pooled"), "stale");
    assert!(ran.stdout.contains("cells: 11 → 12"), "{}", ran.all());
}

#[test]
fn the_budget_of_a_pooled_spec_is_shared_and_the_familys_own_is_added() {
    let spent = |gate: &str, metrics: &str| {
        let repository = family(&format!("anchor = \"none\"\n{gate}"), metrics);
        let text = repository.steadfast(&["status"]).stdout;
        let line = text.lines().find(|line| line.starts_with("error budget"));
        line.unwrap().split("spending ").nth(1).unwrap()[..8].to_owned()
    };
    let accuracy = "[[metric]]\nkind = \"accuracy\"\n\n";
    assert_eq!(spent("", accuracy), "0.013750");
    assert_eq!(spent("pooled = true", accuracy), "0.013750");
    assert_eq!(spent("", &format!("{accuracy}{AREA}")), "0.015000");
    assert_eq!(
        spent("pooled = true", &format!("{accuracy}{AREA}")),
        "0.015000"
    );
    assert_eq!(spent("", AREA), "0.001250");
}

#[test]
fn alone_and_in_company_it_is_the_same() {
    let repository = family("pooled = true", &format!("{AREA}{ERROR}"));
    repository.bless_all();
    harm_everywhere(&repository);
    repository.test(&[]);
    let company = repository.record("table::pooled");
    repository.test(&["--exact", "table::pooled"]);
    let alone = repository.record("table::pooled");
    for key in ["metrics", "columns", "verdict"] {
        assert_eq!(company[key], alone[key], "{key}");
    }
}

/// The area over two severities is the mean accuracy at them, and is judged as it is.
#[test]
fn an_area_of_two_severities_is_their_pooled_accuracy() {
    let repository = family(
        "pooled = true\nanchor = \"none\"",
        &format!("[[metric]]\nkind = \"accuracy\"\n\n{AREA}"),
    );
    let spec = repository.read("robustness-specs/table.toml");
    let (head, _) = spec.split_once("[[perturbation]]").unwrap();
    let (_, metrics) = spec.split_once("[[metric]]").unwrap();
    let two =
        "[[perturbation]]\nkind = \"custom::dim\"\nseverity = [1, 5]\nscale = \"imagenet_c\"\n\n";
    repository.write(
        "robustness-specs/table.toml",
        format!("{head}{two}[[metric]]{metrics}"),
    );
    repository.bless_all();
    harm_everywhere(&repository);
    repository.test(&[]);
    let [pooled, area] = [0, 1].map(|index| metric(&repository, index));
    is_near(&area, pooled["value"].as_f64().unwrap());
    let limits = |metric: &serde_json::Value| -> [f64; 2] {
        let evidence = metric["evidence"].as_str().unwrap();
        assert!(evidence.contains("] at alpha 0.00125"), "{evidence}");
        let (_, after) = evidence.split_once("limits [").unwrap();
        let (limits, _) = after.split_once(']').unwrap();
        let (lower, upper) = limits.split_once(", ").unwrap();
        [lower, upper].map(|limit| limit.parse().unwrap())
    };
    let [[lower, upper], [area_lower, area_upper]] = [&pooled, &area].map(limits);
    assert_eq!([lower, upper], [area_lower, area_upper]);
    assert_eq!(pooled["verdict"], area["verdict"]);
}

/// Digits of 8 × 8 pixels, whose severities are CIFAR-10-C's.
fn fog_of_small_images(reference: &str) -> Repository {
    let repository = Repository::digits();
    let spec = repository.read("robustness-specs/digits.toml");
    let head = spec.split("[[perturbation]]").next().unwrap();
    repository.write(
        "robustness-specs/digits.toml",
        format!(
            "{head}[[perturbation]]\nkind = \"fog\"\nseverity = [1, 2, 3, 4, 5]\n\n\
             [[metric]]\nkind = \"mean_corruption_error\"\nmargin = 0.1\nreference = {reference}\n"
        ),
    );
    repository
}

#[test]
fn a_reference_is_of_its_own_scale_and_known_by_its_name() {
    let named = fog_of_small_images("\"alexnet\"");
    let ran = named.test(&[]);
    // Every cell says so, before the model is asked.
    for case in ["digits::fog::severity_1", "digits::pooled"] {
        let record = named.record(case);
        assert_eq!(record["verdict"], "error", "{}", ran.all());
        let message = record["message"].as_str().unwrap();
        assert!(
            message.contains("the errors of alexnet are on the scale imagenet_c, and the severities here are cifar10_c"),
            "{message}"
        );
    }
    // The same number, by the user's own table, is the user's own.
    let own = fog_of_small_images("{ fog = 0.819324 }");
    let ran = own.test(&[]);
    assert_eq!(
        own.record("digits::pooled")["verdict"],
        "missing",
        "{}",
        ran.all()
    );
}

#[test]
fn another_reference_makes_no_other_metric_nondeterministic() {
    let metrics = format!("{ERROR}{AREA}{RELATIVE}");
    let repository = family("", &metrics);
    repository.bless_all();
    let spec = "robustness-specs/table.toml";
    repository.edit(spec, "identity = 0.05", "identity = 0.06");
    // The record is of the reference of then.
    let report = repository.steadfast(&["report"]);
    assert_eq!(report.code, 4, "{}", report.all());
    assert!(
        report.stdout.contains(
            "- table::pooled was not run on this tree: relative_mean_corruption_error was"
        ) && !report.stdout.contains("does not have the columns"),
        "{}",
        report.all()
    );
    let ran = repository.test(&[]);
    let verdicts: Vec<_> = (0..3)
        .map(|index| metric(&repository, index)["verdict"].clone())
        .collect();
    assert_eq!(
        verdicts,
        ["identical", "identical", "stale"],
        "{}",
        ran.all()
    );
}

/// The range of the scores is the same, and the scores are not.
#[test]
fn a_reference_of_swapped_errors_makes_its_metric_stale_alone() {
    let repository = family("", &format!("{ERROR}{AREA}"));
    harm_everywhere(&repository);
    repository.bless_all();
    let swapped = "\"custom::dim\" = 0.25, \"custom::blur\" = 0.5 }";
    repository.edit(
        "robustness-specs/table.toml",
        "\"custom::dim\" = 0.5, \"custom::blur\" = 0.25 }",
        swapped,
    );
    let ran = repository.test(&[]);
    let verdicts = [0, 1].map(|index| metric(&repository, index)["verdict"].clone());
    assert_eq!(verdicts, ["stale", "identical"], "{}", ran.all());
}

#[test]
fn another_clip_makes_no_other_metric_nondeterministic() {
    let likelihood = |clip: f64| {
        format!(
            "[[metric]]\nkind = \"negative_log_likelihood\"\nclip = {clip}\nreport_only = true\n"
        )
    };
    let accuracy = "[[metric]]\nkind = \"accuracy\"\n\n";
    let more = format!("{accuracy}{}", likelihood(0.001));
    let repository = Repository::table(N, 1, "margin = 0.01", &more);
    repository.wrong(N, &[(0..50).collect()]);
    repository.bless_all();
    repository.edit(
        "robustness-specs/table.toml",
        &likelihood(0.001),
        &likelihood(0.01),
    );
    let ran = repository.test(&[]);
    let record = repository.record("table::custom::cell::cell_0");
    assert_eq!(
        record["metrics"][0]["verdict"],
        "identical",
        "{}",
        ran.all()
    );
    assert_eq!(record["verdict"], "identical", "{}", ran.all());
}
