//! Rankings and slices through the harness, on the census data.

use crate::repository::Repository;

const ADULT: &str = r#"schema = 1
seed = 7
replicates = 2

[model]
onnx = "models/adult.onnx"
gives = "positive_probability"

[data]
path = "data/adult-test.npz"
inputs = "x"
labels = "y"
slice = "female"

[gate]
margin = 0.01

[[perturbation]]
kind = "identity"

[[perturbation]]
kind = "gaussian_noise"
columns = [0, 1]
std = 0.02

[[metric]]
kind = "auroc"

[[metric]]
kind = "worst_slice_accuracy"
"#;

/// The census data with a slice and two metrics of it.
pub fn adult() -> Repository {
    let repository = Repository::digits();
    std::fs::remove_file(repository.root().join("robustness-specs/digits.toml")).unwrap();
    repository.copy("models/adult.onnx", "models/adult.onnx");
    repository.copy("data/adult-test.npz", "data/adult-test.npz");
    repository.write("robustness-specs/adult.toml", ADULT);
    repository
}

fn evidence(repository: &Repository, metric: usize) -> String {
    let record = repository.record("adult::identity");
    record["metrics"][metric]["evidence"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

#[test]
fn an_honest_retrain_passes_and_a_worse_model_fails_by_name_of_the_slice() {
    let repository = adult();
    repository.bless_all();
    assert_eq!(repository.test(&[]).code, 0);
    repository.copy("models/adult-retrained.onnx", "models/adult.onnx");
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    repository.copy("models/adult-worse.onnx", "models/adult.onnx");
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    for text in [
        "adult::identity: auroc fell 0.8837 → 0.8385 (margin 0.01)",
        "✗ worst_slice_accuracy  0.7944 → 0.7292  regressed",
        "change   slice female = 0: -0.0652 against a margin of 0.0100",
    ] {
        assert!(ran.stdout.contains(text), "{text}\n{}", ran.all());
    }
    // By itself the metric says in the headline which slice it was.
    let auroc = "[[metric]]\nkind = \"auroc\"\n\n";
    repository.edit("robustness-specs/adult.toml", auroc, "");
    let ran = repository.test(&["--exact", "adult::identity"]);
    let headline = "worst_slice_accuracy of slice female = 0 fell 0.7944 → 0.7292 (margin 0.01)";
    assert!(ran.stdout.contains(headline), "{}", ran.all());
}

#[test]
fn both_can_be_proven_and_say_the_p_value_about_the_margin() {
    let repository = adult();
    repository.bless_all();
    let spec = "robustness-specs/adult.toml";
    repository.edit(spec, "margin = 0.01", "margin = 0.01\nmode = \"prove\"");
    repository.copy("models/adult-retrained.onnx", "models/adult.onnx");
    let ran = repository.test(&["--exact", "adult::identity"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    for metric in [0, 1] {
        let evidence = evidence(&repository, metric);
        assert!(evidence.ends_with("(within the margin)"), "{evidence}");
    }
    repository.copy("models/adult-worse.onnx", "models/adult.onnx");
    assert_eq!(repository.test(&["--exact", "adult::identity"]).code, 101);
    repository.edit(spec, "mode = \"prove\"", "null = \"margin\"");
    let ran = repository.test(&["--exact", "adult::identity"]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    for metric in [0, 1] {
        let evidence = evidence(&repository, metric);
        assert!(evidence.ends_with("(beyond the margin)"), "{evidence}");
    }
}

#[test]
fn slices_that_are_not_named_are_asked_for_at_their_place() {
    let repository = adult();
    let spec = "robustness-specs/adult.toml";
    repository.edit(spec, "slice = \"female\"\n", "");
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    for text in [
        "`worst_slice_accuracy` is of slices, and [data] names none",
        "adult.toml:28",
        "[data] slice = ",
    ] {
        assert!(ran.all().contains(text), "{text}\n{}", ran.all());
    }
    // Another array is another question.
    repository.write(spec, ADULT);
    repository.bless_all();
    repository.edit(spec, "slice = \"female\"", "slice = \"white\"");
    let ran = repository.test(&["--exact", "adult::identity"]);
    assert!(
        ran.stdout.contains("data.slice: \"female\" → \"white\""),
        "{}",
        ran.all()
    );
    repository.edit(spec, "slice = \"white\"", "slice = \"site\"");
    let ran = repository.test(&["--exact", "adult::identity"]);
    assert!(
        ran.stdout
            .contains("there is no array `site`, which data.slice asks for"),
        "{}",
        ran.all()
    );
}

/// Refused before the model is asked anything.
#[test]
fn a_class_that_is_hardly_there_is_not_judged_by() {
    let repository = adult();
    let spec = "robustness-specs/adult.toml";
    repository.edit(spec, "slice =", "limit = 20\nslice =");
    // The 15 in the larger slice suffice for the other metric, whose slices show a third.
    repository.edit(spec, "margin = 0.01", "margin = 0.2\nalpha = 0.05");
    let ran = repository.test(&["--exact", "adult::identity"]);
    let few = "`auroc` is judged within classes, and class 1 has ";
    assert!(ran.stdout.contains(few), "{}", ran.all());
    assert!(
        ran.stdout
            .contains("it takes 10. Use more examples, or give the metric report_only = true"),
        "{}",
        ran.all()
    );
    repository.edit(
        spec,
        "kind = \"auroc\"",
        "kind = \"auroc\"\nreport_only = true",
    );
    let ran = repository.test(&["--exact", "adult::identity"]);
    assert!(ran.stdout.contains("no baseline yet"), "{}", ran.all());
}

#[test]
fn a_model_of_other_classes_is_told() {
    let repository = adult();
    let spec = "robustness-specs/adult.toml";
    let classwise = "kind = \"classwise_calibration_error\"\nclasses = 3";
    repository.edit(spec, "kind = \"auroc\"", classwise);
    let ran = repository.test(&["--exact", "adult::identity"]);
    let told = "`classwise_calibration_error`: classes = 3, and the model answers with 2 classes. Write classes = 2";
    assert!(ran.stdout.contains(told), "{}", ran.all());
    repository.edit(spec, classwise, "kind = \"auroc\"\nclass = 2");
    let ran = repository.test(&["--exact", "adult::identity"]);
    let told = "`auroc`: class = 2, and the model answers with 2 classes, 0 to 1";
    assert!(ran.stdout.contains(told), "{}", ran.all());
}
