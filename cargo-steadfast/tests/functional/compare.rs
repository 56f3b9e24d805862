//! Models against each other: from records, from ONNX files, over repositories.

use serde_json::Value;

use crate::repository::{Ran, Repository, source};

/// Runs the harness with its records in `folder`.
fn record(repository: &Repository, folder: &str) {
    let ran = repository.test_with(&[("STEADFAST_DIR", folder)], &[]);
    assert!(
        ran.stderr.contains("missing"),
        "nothing is blessed here: {}",
        ran.all()
    );
}

fn json(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{}", ran.all());
    serde_json::from_str(&ran.stdout).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

fn is_near(value: &Value, expected: f64) {
    let value = number(value);
    assert!(
        (value - expected).abs() <= 1e-9 + 1e-9 * expected.abs(),
        "{value} {expected}"
    );
}

/// 1,000 rows in three cells; of B against A 60 are newly wrong and 20 newly right,
/// 28 and 22, 5 and none.
fn three_cells() -> Repository {
    let repository = Repository::table(1000, 3, "margin = 0.02", "");
    let rows = |ranges: [std::ops::Range<usize>; 3]| ranges.map(Iterator::collect);
    repository.wrong(1000, &rows([60..80, 128..150, 0..0]));
    record(&repository, "a");
    repository.wrong(1000, &rows([0..60, 100..128, 0..5]));
    record(&repository, "b");
    repository
}

#[test]
fn each_difference_has_its_interval_p_values_and_finding() {
    let repository = three_cells();
    // Records alone: specs, model and data are not there.
    for folder in ["robustness-specs", "models", "data"] {
        std::fs::remove_dir_all(repository.root().join(folder)).unwrap();
    }
    let arguments = ["compare", "a", "b/records", "--alpha", "0.1"];
    let report = json(&repository.steadfast(&[&arguments[..], &["--json"]].concat()));
    assert_eq!(report["tests"], 3);
    let pair = &report["pairs"][0];
    let metric = |case: usize| &pair["cases"][case]["metrics"][0];
    // The reference's mid-p values and Tango limits (statistics.json).
    for (case, difference, limits) in [
        (0, -0.04, [-0.055243222018015216, -0.025773777648628225]),
        (1, -0.006, [-0.018032329274394625, 0.00577252308636021]),
        (2, -0.005, [-0.010235331506720884, -0.0022882655440406735]),
    ] {
        is_near(&metric(case)["difference"], difference);
        is_near(&metric(case)["margin_fraction"], difference / 0.02);
        for (found, expected) in metric(case)["interval"]
            .as_array()
            .unwrap()
            .iter()
            .zip(limits)
        {
            assert!(
                (number(found) - expected).abs() < 1e-7,
                "{found} {expected}"
            );
        }
    }
    is_near(&metric(0)["a"], 0.98);
    is_near(&metric(0)["b"], 0.94);
    is_near(&metric(0)["p"], 5.656214894965938e-06);
    is_near(&metric(0)["p_holm"], 3.0 * 5.656214894965938e-06);
    is_near(&metric(2)["p"], 0.03125);
    is_near(&metric(2)["p_holm"], 2.0 * 0.03125);
    is_near(&metric(2)["p_benjamini_hochberg"], 1.5 * 0.03125);
    for (case, finding) in [
        (0, "worse, beyond the margin"),
        (1, "equal within the margin (shown)"),
        (
            2,
            "worse, within the margin (statistically significant, practically not)",
        ),
    ] {
        assert_eq!(metric(case)["finding"], finding);
    }
    let tally = &pair["tallies"][0];
    assert_eq!(
        tally["statistical"],
        serde_json::json!({ "win": 0, "tie": 1, "loss": 2 })
    );
    assert_eq!(
        tally["practical"],
        serde_json::json!({ "win": 0, "tie": 2, "loss": 1 })
    );
    // By hand: 5 rows contribute −2/3, 83 −1/3, 42 +1/3.
    let mean = &pair["over_cases"][0]["mean"];
    is_near(&mean["difference"], -0.017);
    let squares = 145.0 / 9.0 - 1000.0 * 0.017 * 0.017;
    is_near(&mean["variance"], squares / (1000.0 * 999.0));
    assert!(pair["over_cases"][0]["not_pooled"].is_string());

    let ran = repository.steadfast_with(&[("CI", "true")], &arguments);
    for words in [
        "A = a (3 cases, recorded)",
        "table: registered table, sha256:",
        "## B against A",
        "two-sided at 90 %",
        "| worse, beyond the margin ",
        "over all 3 tests shown",
        "accuracy@1: not pooled: 3 effects are fewer than 5; each is shown by itself.",
        "table, accuracy@1: not computed: it takes two perturbations with the same number of replicates, two or more, and 0 of the 3 here have any.",
        "There is one study.",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    // The other way round everything is mirrored.
    let turned = json(&repository.steadfast(&["compare", "b", "a", "--alpha", "0.1", "--json"]));
    let turned = &turned["pairs"][0]["cases"][0]["metrics"][0];
    is_near(&turned["difference"], 0.04);
    is_near(&turned["p_holm"], 3.0 * 5.656214894965938e-06);
    assert_eq!(turned["finding"], "better, beyond the margin");
}

#[test]
fn studies_of_several_repositories_are_pooled() {
    let (one, other) = (
        Repository::table(400, 1, "margin = 0.02", ""),
        Repository::table(400, 1, "margin = 0.02", ""),
    );
    let harms = [8, 12, 40, 16, 24];
    one.wrong(400, &[vec![]]);
    record(&one, "before");
    one.wrong(400, &[(0..harms[0]).collect()]);
    record(&one, "after");
    other.wrong(400, &[vec![]]);
    record(&other, "before");
    let mut arguments: Vec<String> = ["compare", "before", "after", "--json"]
        .map(str::to_owned)
        .to_vec();
    let path = |folder: &str| other.root().join(folder).display().to_string();
    for harm in &harms[1..] {
        other.wrong(400, &[(0..*harm).collect()]);
        let after = format!("after{harm}");
        record(&other, &after);
        arguments.extend(["--and".to_owned(), path("before"), path(&after)]);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let report = json(&one.steadfast(&arguments));
    let over = &report["over_studies"][0];
    assert_eq!(over["effects"][1]["name"], "B2 against A2");
    // DerSimonian and Laird 1986, as statistics.md 6 writes it.
    let effects = harms.map(|harm| {
        let harm = harm as f64;
        let variance = (harm - harm * harm / 400.0) / (400.0 * 399.0);
        (-harm / 400.0, variance)
    });
    let sum =
        |term: &dyn Fn(f64, f64) -> f64| -> f64 { effects.iter().map(|&(y, v)| term(y, v)).sum() };
    let weights = sum(&|_, v| 1.0 / v);
    let fixed = sum(&|y, v| y / v) / weights;
    let q = sum(&|y, v| (y - fixed) * (y - fixed) / v);
    let tau2 = (q - 4.0) / (weights - sum(&|_, v| 1.0 / (v * v)) / weights);
    assert!(tau2 > 0.0);
    let random = sum(&|_, v| 1.0 / (v + tau2));
    let mean = sum(&|y, v| y / (v + tau2)) / random;
    let found = &over["random_effects"];
    for (effect, (estimate, variance)) in over["effects"].as_array().unwrap().iter().zip(effects) {
        is_near(&effect["difference"], estimate);
        is_near(&effect["variance"], variance);
    }
    is_near(&found["q"], q);
    is_near(&found["tau_squared"], tau2);
    is_near(&found["i_squared"], 1.0 - 4.0 / q);
    is_near(&found["mean"], mean);
    is_near(
        &found["dersimonian_laird"]["standard_error"],
        (1.0 / random).sqrt(),
    );
    let spread = sum(&|y, v| (y - mean) * (y - mean) / (v + tau2)) / 4.0;
    is_near(
        &found["hartung_knapp"]["standard_error"],
        (spread / random).sqrt(),
    );
    is_near(
        &found["hartung_knapp_guarded"]["standard_error"],
        (spread.max(1.0) / random).sqrt(),
    );
    assert_eq!(found["prediction_interval"].as_array().unwrap().len(), 2);

    let arguments: Vec<&str> = arguments
        .into_iter()
        .filter(|argument| *argument != "--json")
        .collect();
    let ran = one.steadfast(&arguments);
    for words in [
        "## B5 against A5",
        "## Over studies",
        "over 5 effects",
        "95 % prediction interval of one more study",
        "heterogeneity: Q = ",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
}

#[test]
fn onnx_files_are_run_with_the_cases_of_the_specs() {
    let repository = Repository::digits();
    for model in ["digits-worse", "digits-retrained"] {
        let path = format!("models/{model}.onnx");
        repository.copy(&path, &path);
    }
    let before = repository.files("");
    let ran = repository.steadfast_with(
        &[("CI", "true")],
        &[
            "compare",
            "models/digits.onnx",
            "models/digits-worse.onnx",
            "models/digits-retrained.onnx",
            "--json",
        ],
    );
    let report = json(&ran);
    assert_eq!(repository.files(""), before, "nothing is written");
    let pairs: Vec<(&str, &str)> = report["pairs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pair| (pair["a"].as_str().unwrap(), pair["b"].as_str().unwrap()))
        .collect();
    assert_eq!(pairs, [("A", "B"), ("A", "C"), ("B", "C")]);
    let accuracy = |pair: usize| {
        let cases = report["pairs"][pair]["cases"].as_array().unwrap();
        let identity = cases
            .iter()
            .find(|case| case["case"] == "digits::identity")
            .unwrap();
        assert_eq!(identity["metrics"][0]["metric"], "accuracy");
        &identity["metrics"][0]
    };
    is_near(&accuracy(0)["a"], 0.988);
    is_near(&accuracy(0)["b"], 0.896);
    assert_eq!(accuracy(0)["finding"], "worse, beyond the margin");
    is_near(&accuracy(1)["b"], 0.98);
    assert_eq!(accuracy(1)["practical"], "tie");
    assert_eq!(accuracy(2)["finding"], "better, beyond the margin");
    // Two severities of two replicates each.
    let spread = &report["variance_components"][0];
    assert_eq!(
        (&spread["models"], &spread["replicates"]),
        (&3.into(), &2.into())
    );
    assert_eq!(spread["cells"].as_array().unwrap().len(), 2);
    let shares = spread["shares"].as_object().unwrap().values().map(number);
    assert!((shares.sum::<f64>() - 1.0).abs() < 1e-9);
    let variance = |replicates: u64, perturbations: u64| {
        let studies = spread["decision_study"].as_array().unwrap().iter();
        let mut studies = studies.filter(|study| {
            study["replicates"] == replicates && study["perturbations"] == perturbations
        });
        number(&studies.next().unwrap()["variance_of_difference"])
    };
    let clipped = |source: &str| number(&spread["clipped"][source]);
    let expected = 2.0
        * (clipped("model_perturbation") / 2.0
            + clipped("model_replicate") / 5.0
            + clipped("rest") / 10.0);
    assert!((variance(5, 2) - expected).abs() < 1e-15);

    // No interval of a change in calibration error is valid, over cases neither.
    let calibration = &report["pairs"][0]["over_cases"][1];
    assert_eq!(
        calibration["metric"],
        "expected_calibration_error@1(bins=15)"
    );
    assert_eq!(calibration["mean"]["interval"], Value::Null);
    assert!(
        calibration["not_pooled"]
            .as_str()
            .unwrap()
            .contains("biased")
    );

    // A recorded run of a model and the file itself are the same.
    record(&repository, "recorded");
    let ran = repository.steadfast(&["compare", "recorded", "models/digits.onnx"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stdout.contains("note: A and B are the same model"),
        "{}",
        ran.all()
    );
    assert!(ran.stdout.contains("| accuracy@1 "), "{}", ran.all());
    let same =
        json(&repository.steadfast(&["compare", "recorded", "models/digits.onnx", "--json"]));
    for case in same["pairs"][0]["cases"].as_array().unwrap() {
        for metric in case["metrics"].as_array().unwrap() {
            assert_eq!(
                (number(&metric["difference"]), number(&metric["p"])),
                (0.0, 1.0)
            );
        }
    }
}

#[test]
fn what_cannot_be_paired_is_named_and_left_out() {
    let repository = Repository::digits();
    record(&repository, "a");
    repository.edit("robustness-specs/digits.toml", "seed = 7", "seed = 8");
    repository.edit(
        "robustness-specs/digits.toml",
        "severity = [1, 5]",
        "severity = [1, 4]",
    );
    record(&repository, "b");
    let ran = repository.steadfast(&["compare", "a", "b"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for words in [
        "not compared: digits::gaussian_noise::severity_1: the inputs differ: seed: 7 → 8",
        "not compared: digits::gaussian_noise::severity_5: B has no run of it",
        "not compared: digits::gaussian_noise::severity_4: A has no run of it",
        "| digits::contrast::severity_5 | accuracy ",
        "| digits::identity ",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    assert!(
        !ran.stdout.contains("| digits::gaussian_noise"),
        "{}",
        ran.all()
    );
    // A folder in which two models' records are mixed is told.
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    repository.test_with(&[("STEADFAST_DIR", "b")], &["--exact", "digits::identity"]);
    let ran = repository.steadfast(&["compare", "a", "b", "--spec", "digits::identity"]);
    assert!(ran.stdout.contains("B = b (1 case,"), "{}", ran.all());
    let ran = repository.steadfast(&["compare", "a", "b"]);
    assert!(
        ran.stdout.contains("these are records of several models"),
        "{}",
        ran.all()
    );
    // Nothing at all in common.
    let ran = repository.steadfast(&["compare", "a", "b", "--spec", "digits::gaussian_noise"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(
        ran.stderr.contains("there is no case to compare")
            && ran.stderr.contains("the inputs differ: seed: 7 → 8"),
        "{}",
        ran.all()
    );
}

#[test]
fn margins_come_from_the_records_or_from_the_command_line() {
    let reported = "[[metric]]\nkind = \"accuracy\"\nreport_only = true\n";
    let repository = Repository::table(200, 1, "margin = 0.02", reported);
    repository.wrong(200, &[vec![]]);
    record(&repository, "a");
    repository.wrong(200, &[(0..20).collect()]);
    record(&repository, "b");
    let ran = repository.steadfast(&["compare", "a", "b"]);
    for words in [
        "worse (no margin is known)",
        "accuracy@1: no margin is known in 1 case; --margin accuracy=… gives one.",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    for (margin, finding) in [
        ("0.05", "worse, beyond the margin"),
        (
            "accuracy=0.1",
            "worse, within the margin (statistically significant, practically not)",
        ),
    ] {
        let ran = repository.steadfast(&["compare", "a", "b", "--margin", margin]);
        assert!(ran.stdout.contains(finding), "{finding}: {}", ran.all());
    }
    // A margin of the records is overruled by its name only.
    let repository = three_cells();
    let first = |margin: &str| {
        let ran = repository.steadfast(&["compare", "a", "b", "--margin", margin, "--json"]);
        json(&ran)["pairs"][0]["cases"][0]["metrics"][0]["margin"].clone()
    };
    is_near(&first("0.5"), 0.02);
    is_near(&first("accuracy=0.5"), 0.5);
}

#[test]
fn models_in_rust_are_compared_by_their_records() {
    let repository = Repository::table(400, 1, "margin = 0.02", "");
    repository.wrong(400, &[vec![]]);
    record(&repository, "a");
    repository.copy("models/digits.onnx", "models/digits.onnx");
    let ran = repository.steadfast(&["compare", "a", "models/digits.onnx"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    for words in [
        "table::custom::cell::cell_0: its spec's model is no ONNX file (registered table)",
        "under STEADFAST_DIR=…",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.all());
    }
}

#[test]
fn bad_input_is_told_with_its_exit_code() {
    let repository = Repository::table(400, 1, "margin = 0.02", "");
    repository.wrong(400, &[vec![]]);
    record(&repository, "a");
    repository.write("empty/readme.txt", "");
    for (arguments, code, words) in [
        (&["a"][..], 2, "2 values required"),
        (
            &["a", "nowhere"],
            2,
            "there is no nowhere: a model is a folder of records or an ONNX file",
        ),
        (
            &["a", "empty"],
            2,
            "empty holds no records. A run writes them there with STEADFAST_DIR=empty",
        ),
        (
            &["a", "a", "--spec", "tables"],
            2,
            "no case of these models begins with the segments `tables`",
        ),
        (
            &["a", "a", "--alpha", "1"],
            2,
            "an alpha is between 0 and 1",
        ),
        (
            &["a", "a", "--margin", "accuracy=-1"],
            2,
            "a margin is above 0",
        ),
        (&["a", "a", "--and", "a"], 2, "2 values required"),
    ] {
        let ran = repository.steadfast(&[&["compare"], arguments].concat());
        assert_eq!(ran.code, code, "{}", ran.all());
        assert!(ran.stderr.contains(words), "{words}: {}", ran.all());
    }
    let path = "a/records/table/custom/cell/cell_0.json";
    repository.edit(path, "\"schema\":2", "\"schema\":9");
    let ran = repository.steadfast(&["compare", "a", "a"]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(ran.stderr.contains(path), "{}", ran.all());
    assert!(ran.stderr.contains("its schema is 9"), "{}", ran.all());
}

#[test]
fn a_pooled_case_is_shown_and_not_counted_beside_its_cells() {
    let repository = Repository::table(200, 2, "margin = 0.03\npooled = true", "");
    repository.wrong(200, &[vec![], vec![]]);
    record(&repository, "a");
    repository.wrong(200, &[(0..20).collect(), (0..10).collect()]);
    record(&repository, "b");
    let report = json(&repository.steadfast(&["compare", "a", "b", "--json"]));
    let pair = &report["pairs"][0];
    let cases = pair["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    assert_eq!(
        (&cases[2]["case"], &cases[2]["pooled"]),
        (&"table::pooled".into(), &true.into())
    );
    assert_eq!(report["tests"], 3);
    assert_eq!(pair["tallies"][0]["statistical"]["loss"], 2);
    assert_eq!(
        pair["over_cases"][0]["effects"].as_array().unwrap().len(),
        2
    );
    // The mean over the cells is what the pooled case is.
    let pooled = &cases[2]["metrics"][0];
    let mean = &pair["over_cases"][0]["mean"];
    is_near(&mean["difference"], number(&pooled["difference"]));
    let error = number(&pooled["standard_error"]);
    is_near(&mean["variance"], error * error);
}

#[test]
fn examples_that_are_all_there_are_give_a_bound() {
    let repository = Repository::table(200, 2, "margin = 0.02", "");
    repository.edit(
        "robustness-specs/table.toml",
        "range = [0, 4096]",
        "range = [0, 4096]\nexamples = \"exhaustive\"",
    );
    repository.wrong(200, &[vec![], vec![]]);
    record(&repository, "a");
    repository.wrong(200, &[(0..20).collect(), (0..10).collect()]);
    record(&repository, "b");
    let report = json(&repository.steadfast(&["compare", "a", "b", "--json"]));
    let pair = &report["pairs"][0];
    let mean = &pair["over_cases"][0]["mean"];
    assert_eq!(mean["variance_is_a_bound"], true);
    // All examples, and no random draw: nothing is uncertain.
    assert_eq!(number(&mean["variance"]), 0.0);
    assert_eq!(number(&pair["cases"][0]["metrics"][0]["p"]), 0.0);
    let ran = repository.steadfast(&["compare", "a", "b"]);
    assert!(
        ran.stdout.contains("* The largest that it can be"),
        "{}",
        ran.all()
    );
}

#[test]
fn a_metric_of_slices_is_of_the_slice_that_decides() {
    let repository = crate::slices::adult();
    repository.copy("models/adult-worse.onnx", "models/adult-worse.onnx");
    let arguments = ["compare", "models/adult.onnx", "models/adult-worse.onnx"];
    let report = json(&repository.steadfast(&[&arguments[..], &["--json"]].concat()));
    let pair = &report["pairs"][0];
    let [auroc, slice] = [0, 1].map(|metric| &pair["cases"][1]["metrics"][metric]);
    assert_eq!(slice["slice"], "female = 0");
    let (a, b) = (number(&slice["a"]), number(&slice["b"]));
    is_near(&slice["difference"], b - a);
    assert_eq!(slice["finding"], "worse, beyond the margin");
    assert_eq!(auroc["slice"], Value::Null);
    // Of the ranking the mean over cases is known about as well as each.
    let over = pair["over_cases"].as_array().unwrap();
    assert_eq!(over.len(), 1, "the smallest of slices is not averaged");
    let ratio = number(&over[0]["mean"]["variance"]).sqrt() / number(&auroc["standard_error"]);
    assert!((0.8..1.2).contains(&ratio), "{ratio}");
    let ran = repository.steadfast(&arguments);
    for words in [
        "| worst_slice_accuracy, female = 0 ",
        "worst_slice_accuracy@1: not taken together over cases: each case's difference is of its own slice.",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
}

/// The page shows what the command prints, up to the part that it leaves out.
#[test]
fn the_page_shows_what_is_printed() {
    let repository = Repository::digits();
    for path in [
        "robustness-specs/digits.toml",
        "robustness-specs/suite.toml",
        "models/digits-worse.onnx",
    ] {
        repository.copy(path, path);
    }
    let command =
        "compare models/digits.onnx models/digits-worse.onnx --spec digits::gaussian_noise";
    let ran = repository.steadfast(&command.split(' ').collect::<Vec<_>>());
    assert_eq!(ran.code, 0, "{}", ran.all());
    let page = std::fs::read_to_string(source("docs/compare.md")).unwrap();
    assert!(page.contains(&format!("cargo steadfast {command}\n")));
    let shown = page.split_once("```text\n").unwrap().1;
    let shown = shown.split_once("\n…\n").unwrap().0;
    assert!(
        ran.stdout.starts_with(shown),
        "docs/compare.md shows other numbers than `cargo steadfast {command}` prints:\n{}",
        ran.stdout
    );
}
