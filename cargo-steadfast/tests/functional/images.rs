//! A folder of images through the harness and the subcommand.

use crate::repository::{Repository, SPEC, digits, npy, npz};

const LABELS: &str = "data/photos/labels.csv";
const SPEC_PATH: &str = "robustness-specs/digits.toml";

/// A grey PNG of 8 × 8 pixels.
fn png(levels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(levels).unwrap();
    writer.finish().unwrap();
    bytes
}

/// The digits as levels of 8 bits, with their classes.
fn levels() -> Vec<(Vec<u8>, usize)> {
    let data = digits();
    (0..data.len())
        .map(|row| {
            let image = data.example(row).unwrap();
            let levels = image.iter().map(|value| (value * 255.0).round() as u8);
            (levels.collect(), data.labels()[row])
        })
        .collect()
}

fn file(row: usize) -> String {
    format!("{:02}/{row:03}.png", row / 100)
}

/// A labels file of some rows.
fn labels(rows: &[(Vec<u8>, usize)]) -> String {
    let line = |(row, (_, label)): (usize, &(Vec<u8>, usize))| {
        format!("{},{label},{}\n", file(row), ["even", "odd"][row % 2])
    };
    let lines: String = rows.iter().enumerate().map(line).collect();
    format!("file,label,half\n{lines}")
}

/// The digits model gated on a folder of images; `ids` goes into `[data]`.
fn photos(ids: &str) -> Repository {
    let repository = Repository::digits();
    let rows = levels();
    for (row, (levels, _)) in rows.iter().enumerate() {
        repository.write(&format!("data/photos/{}", file(row)), png(levels));
    }
    repository.write(LABELS, labels(&rows));
    let spec = SPEC
        .replace("data/digits-test.npz", LABELS)
        .replace("\"x\"", "\"file\"")
        .replace("labels = \"y\"", &format!("labels = \"label\"\n{ids}"));
    repository.write(SPEC_PATH, spec);
    repository
}

/// Rows may be added and moved: an image is known by its file, where it is there once.
#[test]
fn init_names_images_by_their_files() {
    let repository = photos("");
    let init = [
        "init",
        "--model",
        "models/digits.onnx",
        "--data",
        LABELS,
        "--yes",
        "--name",
    ];
    let ran = repository.steadfast(&[&init[..], &["own"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.all());
    let spec = repository.read("robustness-specs/own.toml");
    assert!(spec.contains("ids = \"file\"\n"), "{spec}");
    let ran = repository.steadfast(&[&init[..], &["half", "--ids", "half"]].concat());
    assert_eq!(ran.code, 6, "{}", ran.all());
    let twice = format!("{}{},3,even\n", repository.read(LABELS), file(0));
    repository.write(LABELS, twice);
    let ran = repository.steadfast(&[&init[..], &["twice"]].concat());
    assert_eq!(ran.code, 0, "{}", ran.all());
    let spec = repository.read("robustness-specs/twice.toml");
    assert!(!spec.contains("ids ="), "{spec}");
}

#[test]
fn a_folder_of_images_is_gated() {
    let repository = photos("ids = \"file\"\nslice = \"half\"");
    repository.edit(
        SPEC_PATH,
        "expected_calibration_error",
        "worst_slice_accuracy",
    );
    repository.bless_all();
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert_eq!(
        repository.verdict("digits::gaussian_noise::severity_5"),
        "identical"
    );
    repository.copy("models/digits-worse.onnx", "models/digits.onnx");
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict("digits::identity"), "regressed");
    // Examples are called by their files, slices by the values of their column.
    assert!(ran.stdout.contains(".png"), "{}", ran.all());
    assert!(ran.stdout.contains("slice half = "), "{}", ran.all());
}

#[test]
fn images_are_the_array_of_their_levels() {
    let repository = photos("");
    let rows = levels();
    let shape = format!("({}, 1, 8, 8)", rows.len());
    let pixels = rows.iter().flat_map(|(levels, _)| levels.clone()).collect();
    let classes = rows.iter().map(|(_, label)| *label as u8).collect();
    let arrays = vec![
        ("x.npy", npy("|u1", shape, pixels)),
        ("y.npy", npy("|u1", format!("({},)", rows.len()), classes)),
    ];
    repository.write("data/levels.npz", npz(arrays));
    repository.write(
        "robustness-specs/arrays.toml",
        SPEC.replace("digits-test.npz", "levels.npz"),
    );
    repository.test(&[]);
    for case in [
        "identity",
        "gaussian_noise::severity_1",
        "gaussian_noise::severity_5",
        "contrast::severity_5",
    ] {
        let [images, arrays] =
            ["digits", "arrays"].map(|spec| repository.record(&format!("{spec}::{case}")));
        assert!(images["columns"].is_array(), "{images}");
        assert_eq!(images["columns"], arrays["columns"], "{case}");
        assert_ne!(images["identity"], arrays["identity"], "{case}");
    }
}

#[test]
fn a_damaged_image_fails_the_case_by_name() {
    let repository = photos("ids = \"file\"");
    repository.bless_all();
    let path = format!("data/photos/{}", file(17));
    let mut bytes = std::fs::read(repository.root().join(&path)).unwrap();
    let good = bytes.clone();
    // Behind the header, in the pixels.
    bytes[45] ^= 1;
    repository.write(&path, &bytes);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    for words in [
        "example 00/017.png: failed to read the data set data/photos/labels.csv: line 19: the image 00/017.png is truncated or damaged",
        "write or fetch it again",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }
    std::fs::remove_file(repository.root().join(&path)).unwrap();
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    assert!(
        ran.stdout
            .contains("line 19: the image 00/017.png is not there"),
        "{}",
        ran.all()
    );
    assert_eq!(repository.steadfast(&["status"]).code, 6);
    repository.write(&path, &good);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    // Another image under the same name is another example.
    repository.write(&path, png(&[7; 64]));
    // Accuracy is judged on the rest, and calibration is of all of them together.
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    let record = repository.record("digits::identity");
    assert_eq!(record["metrics"][0]["verdict"], "equivalent");
    assert_eq!(record["metrics"][1]["verdict"], "stale");
    let words = "1 example of the baseline's 500 is gone or changed, of which 1 was right, and expected_calibration_error is of all of them together";
    assert!(ran.stdout.contains(words), "{}", ran.all());
    let words = "judged on the 499 examples that are the baseline's, of its 500";
    assert!(ran.stderr.contains(words), "{}", ran.all());
}

#[test]
fn a_changed_image_makes_the_baseline_stale_where_rows_have_no_ids() {
    let repository = photos("");
    repository.bless_all();
    repository.write(&format!("data/photos/{}", file(17)), png(&[7; 64]));
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101);
    assert_eq!(repository.verdict("digits::identity"), "stale");
    assert!(ran.stdout.contains("data.digest: sha256:"), "{}", ran.all());
}

#[test]
fn images_that_were_added_are_left_out_until_they_are_blessed() {
    let repository = photos("ids = \"file\"");
    repository.bless_all();
    let mut rows = levels();
    for _ in 0..20 {
        let row = rows.len();
        repository.write(&format!("data/photos/{}", file(row)), png(&[row as u8; 64]));
        rows.push((Vec::new(), 0));
    }
    repository.write(LABELS, labels(&rows));
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stderr
            .contains("judged on the 500 examples that are the baseline's, of its 500"),
        "{}",
        ran.all()
    );
}

#[test]
fn init_sets_up_a_folder_of_images() {
    let repository = photos("");
    std::fs::remove_dir_all(repository.root().join("robustness-specs")).unwrap();
    repository.write(
        "Cargo.toml",
        "[package]\nname = \"mine\"\nversion = \"0.1.0\"\n",
    );
    let arguments = [
        "init",
        "--model",
        "models/digits.onnx",
        "--data",
        LABELS,
        "--yes",
    ];
    let ran = repository.steadfast(&arguments);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(
        ran.stdout.contains("500 examples of shape [1, 8, 8]") && ran.stdout.contains("98.8 %"),
        "{}",
        ran.all()
    );
    let spec = repository.read(SPEC_PATH);
    assert!(
        spec.contains("inputs = \"file\"\nlabels = \"label\"\n"),
        "{spec}"
    );
    repository.bless_all();
    assert_eq!(repository.test(&[]).code, 0);
}
