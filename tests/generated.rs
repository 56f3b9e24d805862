//! Files that are made from the code, and are to be fresh.

use steadfast::spec::schema::{reference, spec_schema, suite_schema};

fn fresh(path: &str, expected: &str, argument: &str) {
    let file = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    let found = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        found == expected,
        "{path} is not what the code says. Make it anew:\n  cargo run -p cargo-steadfast -- steadfast schema {argument} > {path}"
    );
}

#[test]
fn the_schemas_and_the_reference_are_fresh() {
    let catalogue = steadfast::builtin::catalogue();
    let json = |value| format!("{}\n", serde_json::to_string_pretty(&value).unwrap());
    fresh(
        "docs/spec.schema.json",
        &json(spec_schema(&catalogue)),
        "spec",
    );
    fresh(
        "docs/suite.schema.json",
        &json(suite_schema(&catalogue)),
        "suite",
    );
    fresh("docs/spec.md", &reference(&catalogue), "reference");
}

/// A file that was exchanged without its source is found.
#[test]
fn sources_of_models_and_data_state_their_digests() {
    for (folder, page) in [("models", "models/SOURCE.md"), ("data", "data/SOURCE.md")] {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        let mut count = 0;
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "onnx" || extension == "npz")
            {
                let digest = steadfast::digest::Digest::of_file(&path)
                    .unwrap()
                    .to_string();
                let digits = digest.trim_start_matches("sha256:");
                assert!(
                    text.contains(digits),
                    "{page} does not state {digits} of {}",
                    path.display()
                );
                count += 1;
            }
        }
        assert!(count >= 3);
    }
}
