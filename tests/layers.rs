//! The layers of the crate: an import points up the list in `lib.rs`, never down.

use std::path::{Path, PathBuf};

/// The layers, from the bottom.
const LAYERS: [&[&str]; 7] = [
    &[
        "seed", "digest", "file", "fence", "permit", "env", "error", "stats", "text", "wide",
    ],
    &["catalogue", "spec", "outcome", "verdict"],
    &["data", "model", "perturb", "metric", "provenance", "record"],
    &["builtin", "measure", "engine"],
    &["baseline", "judge", "diff"],
    &["report"],
    &["harness"],
];

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn imports_point_downwards() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    files(&source, &mut found);
    let mut imports = 0;
    let mut wrong = Vec::new();
    for path in found {
        let relative = path.strip_prefix(&source).unwrap();
        let module = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy();
        let module = module.trim_end_matches(".rs");
        if module == "lib" {
            continue;
        }
        let Some(own) = layer(module) else {
            panic!("{module} is in no layer: add it to tests/layers.rs and to lib.rs");
        };
        for part in std::fs::read_to_string(&path)
            .unwrap()
            .split("crate::")
            .skip(1)
        {
            let name: String = part
                .chars()
                .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                .collect();
            if let Some(other) = layer(&name) {
                imports += 1;
                if other > own {
                    wrong.push(format!("{} imports crate::{name}", relative.display()));
                }
            }
        }
    }
    assert!(imports > 50, "the scan found only {imports} imports");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
