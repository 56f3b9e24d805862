//! Each input damaged in turn: a typed error that names the file and the cure, or
//! a changed digest that is named; never a panic, never another case harmed.

use crate::repository::{Ran, Repository};

/// A blessed repository with a second, healthy spec beside the damaged one.
fn healthy() -> Repository {
    let repository = Repository::digits();
    repository.copy("models/digits.onnx", "models/other.onnx");
    repository.copy("data/digits-test.npz", "data/other.npz");
    let spec = repository
        .read("robustness-specs/digits.toml")
        .replace("digits.onnx", "other.onnx")
        .replace("digits-test.npz", "other.npz");
    repository.write("robustness-specs/other.toml", spec);
    repository.write("robustness-specs/suite.toml", "[family]\ncapacity = 50\n");
    repository.bless_all();
    repository
}

fn damaged(repository: &Repository) -> Ran {
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert!(
        !ran.all().contains("test panicked") && !ran.all().contains("RUST_BACKTRACE"),
        "{}",
        ran.all()
    );
    let fine = ran
        .stdout
        .lines()
        .filter(|line| line.contains("other::") && line.ends_with("ok"))
        .count();
    assert_eq!(fine, 4, "no other case is harmed: {}", ran.all());
    ran
}

/// Truncated, emptied, and with one bit flipped at several places.
fn damages(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut all = vec![("empty".to_owned(), Vec::new())];
    for share in [3, 50, 99] {
        let end = bytes.len() * share / 100;
        all.push((format!("cut at {end}"), bytes[..end].to_vec()));
    }
    for share in [0, 1, 20, 50, 80, 99] {
        let place = bytes.len() * share / 100;
        let mut flipped = bytes.to_vec();
        flipped[place] ^= 0x10;
        all.push((format!("a bit flipped at {place}"), flipped));
    }
    all
}

#[test]
fn damaged_models_and_data_are_named() {
    for (file, digest) in [
        ("models/digits.onnx", "model    sha256:"),
        ("data/digits-test.npz", "data.digest: sha256:"),
    ] {
        let repository = healthy();
        let good = std::fs::read(repository.root().join(file)).unwrap();
        for (what, bytes) in damages(&good) {
            repository.write(file, bytes);
            let ran = repository.test(&[]);
            let told = ran.stdout.contains(file) || ran.stdout.contains(digest);
            // A flipped low bit of a weight may change nothing that is kept.
            let harmless = ran.code == 0 && what.contains("flipped") && file.ends_with(".onnx");
            assert!(
                (ran.code == 101 && told) || harmless,
                "{file} {what}: {}",
                ran.all()
            );
            assert!(
                !ran.all().contains("test panicked"),
                "{file} {what}: {}",
                ran.all()
            );
            let fine = ran
                .stdout
                .lines()
                .filter(|line| line.contains("other::") && line.ends_with("ok"))
                .count();
            assert_eq!(fine, 4, "{file} {what}: {}", ran.all());
        }
    }
}

#[test]
fn a_huge_header_is_not_believed() {
    let repository = healthy();
    let mut bytes = b"PK\x03\x04".to_vec();
    bytes.extend([0xff; 60]);
    repository.write("data/digits-test.npz", bytes);
    let ran = damaged(&repository);
    assert!(
        ran.stdout.contains(
            "failed to read the data set data/digits-test.npz: the archive is truncated or damaged"
        ),
        "{}",
        ran.all()
    );
    // A protobuf field that claims two gigabytes.
    repository.copy("data/digits-test.npz", "data/digits-test.npz");
    repository.write(
        "models/digits.onnx",
        [0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x00],
    );
    let ran = damaged(&repository);
    assert!(ran.stdout.contains("models/digits.onnx"), "{}", ran.all());
}

#[test]
fn a_damaged_baseline_is_named_with_its_cure() {
    let repository = healthy();
    let path = "baselines/digits/gaussian_noise/severity_5.json";
    let good = repository.read(path);
    for (what, bytes) in damages(good.as_bytes()) {
        repository.write(path, bytes);
        let ran = damaged(&repository);
        assert!(ran.stdout.contains(path), "{what}: {}", ran.all());
        assert!(
            ran.stdout.contains("git checkout -- ") || ran.stdout.contains("Update steadfast"),
            "{what}: {}",
            ran.all()
        );
    }
    for (from, to, words) in [
        ("\"schema\": 2", "\"schema\": 9", "has schema 9"),
        ("\"n\":500", "\"n\":501", "was changed by hand or damaged"),
        (
            "first baseline",
            "a better reason",
            "was changed by hand or damaged",
        ),
        (
            "\"name\":\"correct\"",
            "\"nome\":\"correct\"",
            "unknown field `nome`",
        ),
    ] {
        repository.write(path, good.replace(from, to));
        let ran = damaged(&repository);
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    // Another case's file.
    repository.write(path, repository.read("baselines/digits/identity.json"));
    let ran = damaged(&repository);
    assert!(
        ran.stdout.contains("is of the case digits::identity"),
        "{}",
        ran.all()
    );
    // It may be blessed anew by who lets go of its history and anchor.
    let bless = ["bless", "digits", "--reason", "the file was damaged"];
    let refused = repository.steadfast(&bless);
    assert_eq!(refused.code, 6, "{}", refused.all());
    let blessed = repository.steadfast(&[&bless[..], &["--reanchor"]].concat());
    assert_eq!(blessed.code, 0, "{}", blessed.all());
    assert_eq!(repository.test(&[]).code, 0);
}

#[test]
fn a_damaged_spec_fails_as_itself() {
    let repository = healthy();
    let good = repository.read("robustness-specs/digits.toml");
    for (from, to, words) in [
        (
            "margin = 0.05",
            "margni = 0.05",
            "robustness-specs/digits.toml:15:1: unknown key `margni` of [gate]",
        ),
        (
            "margin = 0.05",
            "margin = \"wide\"",
            "robustness-specs/digits.toml:15:10",
        ),
        ("margin = 0.05", "margin = 2", "must be from 0 to 1"),
        (
            "kind = \"contrast\"",
            "kind = \"contrats\"",
            "did you mean \"contrast\"?",
        ),
        (
            "severity = [1, 5]",
            "severity = [1, 1]",
            "two cases of this spec would be called",
        ),
        (
            "severity = [1, 5]",
            "severity = [1, 6]",
            "must be from 1 to 5, not 6",
        ),
        (
            "kind = \"expected_calibration_error\"",
            "kind = \"brier_score\"\nname = \"class\"\nmargin = 0.1",
            "no metric can be called `class`",
        ),
        (
            "margin = 0.05",
            "margin = 0.05\nlargest_change = 0.05",
            "the largest change 0.05 is not above the margin 0.05",
        ),
        (
            "labels = \"y\"",
            "labels = \"y\"\nlargest_cluster = 9",
            "`largest_cluster` says nothing without `cluster`",
        ),
        ("schema = 1", "schema = 2", "`schema` must be 1, not 2"),
        (
            "gives = \"logits\"",
            "gives = \"logit\"",
            "did you mean \"logits\"?",
        ),
        ("gives = \"logits\"\n", "", "[model] has no `gives`"),
        ("seed = 7\n", "", "the spec has no `seed`"),
        ("[gate]", "[gate", "robustness-specs/digits.toml:14"),
    ] {
        repository.write("robustness-specs/digits.toml", good.replacen(from, to, 1));
        let ran = damaged(&repository);
        assert!(ran.stdout.contains("digits::spec"), "{}", ran.all());
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
        assert_eq!(repository.steadfast(&["status"]).code, 3);
    }
    repository.write("robustness-specs/digits.toml", b"\xff\xfe");
    assert!(damaged(&repository).stdout.contains("is not UTF-8 text"));
    // A changed digit is a changed input, and named.
    repository.write(
        "robustness-specs/digits.toml",
        good.replace("seed = 7", "seed = 8"),
    );
    let ran = damaged(&repository);
    assert!(
        ran.stdout.contains(
            "the baseline was made from other inputs, so that nothing was tested: seed: 7 → 8"
        ),
        "{}",
        ran.all()
    );
    assert_eq!(repository.steadfast(&["status"]).code, 4);
    // A path that leads nowhere points at itself.
    repository.write(
        "robustness-specs/digits.toml",
        good.replace("digits.onnx", "digit.onnx"),
    );
    let ran = damaged(&repository);
    assert!(
        ran.stdout.contains(
            "robustness-specs/digits.toml:6:8: [model] onnx: there is no file models/digit.onnx"
        ),
        "{}",
        ran.all()
    );
}

#[test]
fn a_damaged_record_is_not_blessed() {
    let repository = healthy();
    let path = "state/records/digits/identity.json";
    let good = repository.read(path);
    for (what, bytes) in damages(good.as_bytes()) {
        repository.write(path, &bytes);
        let ran = repository.steadfast(&["bless", "digits::identity", "--all", "--reason", "x"]);
        assert!(!ran.all().contains("panicked"), "{what}: {}", ran.all());
        let value = |bytes: &[u8]| serde_json::from_slice::<serde_json::Value>(bytes).ok();
        let same = value(&bytes) == value(good.as_bytes());
        let expected: &[i32] = if same { &[0] } else { &[4, 6] };
        assert!(expected.contains(&ran.code), "{what}: {}", ran.all());
    }
    // What was changed by hand is no run, however well it reads.
    repository.write(path, good.replace("\"seconds\":", "\"seconds\":1"));
    let ran = repository.steadfast(&["bless", "digits::identity", "--all", "--reason", "x"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(
        ran.stderr.contains("was changed after its run"),
        "{}",
        ran.all()
    );
    repository.write(path, good.replace("\"schema\":2", "\"schema\":7"));
    let ran = repository.steadfast(&["bless", "digits::identity", "--all", "--reason", "x"]);
    assert_eq!(ran.code, 4, "{}", ran.all());
    assert!(
        ran.stderr.contains("Run it again") || ran.stderr.contains("Run the case again"),
        "{}",
        ran.all()
    );
}

/// A sealed baseline that lies, as a pull request would bring it, passes no worse model, and
/// no verb shows its head as if it were true.
#[test]
fn a_baseline_whose_head_and_columns_differ_passes_nothing() {
    use steadfast::baseline::{BaselineFile, render};
    let repository = Repository::digits();
    repository.bless_all();
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    let path = "baselines/digits/identity.json";
    let good = repository.read(path);
    type Change = &'static dyn Fn(&mut BaselineFile);
    let cases: [(Change, &str); 4] = [
        (
            &|file| file.columns.clear(),
            "the column correct is not there",
        ),
        (
            &|file| {
                // All wrong: whatever comes is no harm, under a head that says otherwise.
                let zero = |digit| if digit == '=' { '=' } else { 'A' };
                let zeros = file.columns[0].data.concat().chars().map(zero).collect();
                file.columns[0].data = vec![zeros];
            },
            "it states that accuracy is 0.988, and its columns give",
        ),
        (
            &|file| {
                let label = file
                    .columns
                    .iter_mut()
                    .find(|column| column.name == "label");
                let data = &mut label.unwrap().data;
                let turned: String = data.concat().chars().rev().collect();
                let padding = turned.chars().take_while(|it| *it == '=').count();
                let turned = format!("{}{}", &turned[padding..], "=".repeat(padding));
                *data = vec![turned];
            },
            "",
        ),
        (
            &|file| file.metrics[0].value = 0.5,
            "it states that accuracy is 0.5, and its columns give 0.988",
        ),
    ];
    for (change, words) in cases {
        let mut file: BaselineFile = serde_json::from_str(&good).unwrap();
        change(&mut file);
        file.seal();
        repository.write(path, render(&file));
        let ran = repository.test(&["digits::identity"]);
        assert_eq!(ran.code, 101, "{words}: {}", ran.all());
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
        assert!(!ran.all().contains("panicked"), "{}", ran.all());
        if !words.is_empty() {
            assert!(ran.stdout.contains("contradicts itself"), "{}", ran.all());
            let ran = repository.steadfast(&["status"]);
            assert_ne!(ran.code, 0, "{}", ran.all());
            assert!(ran.all().contains("contradicts itself"), "{}", ran.all());
        }
    }
}
