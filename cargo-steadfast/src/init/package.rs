//! What `init` writes of a repository beside its specs: the package's manifest and
//! harness, the workflow, what git ignores.

use std::path::Path;

use steadfast::error::{Error, ErrorKind};
use steadfast::fence::Fence;
use steadfast::file::OWN;
use steadfast::model::onnx::OnnxEngine;
use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use crate::repository::STATE;

/// `Cargo.toml` with what is missing, and the added part; `None`: nothing is missing.
pub fn manifest(
    root: &Path,
    steadfast: Option<&str>,
    feature: Option<&str>,
) -> Result<Option<(String, String)>, Error> {
    let path = root.join("Cargo.toml");
    let bytes = Fence::around(root).read(&path);
    let text = bytes.and_then(text).map_err(|error| {
        let message = format!(
            "failed to read {}: {error}. `cargo init --lib` makes a package",
            path.display()
        );
        Error::new(ErrorKind::Usage, message)
    })?;
    let mut document: DocumentMut = text.parse().map_err(|error| {
        Error::new(
            ErrorKind::Usage,
            format!("failed to parse Cargo.toml: {error}"),
        )
    })?;
    let mut added = Vec::new();
    let table = || Item::Table(Table::new());
    let no_table = |key: &str| {
        let message = format!("Cargo.toml: `{key}` is no table, so that nothing can be added");
        Error::new(ErrorKind::Usage, message)
    };
    let dependencies = document.entry("dev-dependencies").or_insert_with(table);
    let dependencies = dependencies
        .as_table_like_mut()
        .ok_or_else(|| no_table("dev-dependencies"))?;
    if dependencies.get("steadfast").is_none() {
        let version = env!("CARGO_PKG_VERSION");
        let mut table = InlineTable::new();
        match steadfast {
            Some(path) => table.insert("path", path.into()),
            None => table.insert("version", version.into()),
        };
        if let Some(feature) = feature {
            table.insert("features", [feature].into_iter().collect::<Array>().into());
        }
        let wanted = match (steadfast, feature) {
            (None, None) => value(version),
            _ => value(table),
        };
        added.push(format!(
            "[dev-dependencies]\nsteadfast = {}",
            wanted.to_string().trim()
        ));
        dependencies.insert("steadfast", wanted);
    }
    let tests = document
        .entry("test")
        .or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    if let Some(tests) = tests.as_array_of_tables_mut() {
        let there = tests
            .iter()
            .any(|test| test.get("name").and_then(Item::as_str) == Some("robustness"));
        if !there {
            let mut test = Table::new();
            test["name"] = value("robustness");
            test["harness"] = value(false);
            tests.push(test);
            added.push("[[test]]\nname = \"robustness\"\nharness = false".to_owned());
        }
    }
    let mut packages = &mut document["profile"];
    for (key, inner) in [("profile", "dev"), ("profile.dev", "package")] {
        if packages.is_none() {
            let mut implicit = Table::new();
            implicit.set_implicit(true);
            *packages = Item::Table(implicit);
        }
        if !packages.is_table_like() {
            return Err(no_table(key));
        }
        packages = &mut packages[inner];
    }
    if packages.is_none() {
        let mut table = Table::new();
        let mut lines = vec![
            "[profile.dev.package]    # inference is tens of times slower unoptimised".to_owned(),
        ];
        for name in COMPUTES {
            let mut entry = InlineTable::new();
            entry.insert("opt-level", 3.into());
            table[name] = value(entry);
            lines.push(format!("{name} = {{ opt-level = 3 }}"));
        }
        *packages = Item::Table(table);
        added.push(lines.join("\n"));
    }
    if added.is_empty() {
        return Ok(None);
    }
    Ok(Some((document.to_string(), added.join("\n\n"))))
}

/// What computes: optimising these alone builds in a third of the time that
/// optimising every dependency takes.
const COMPUTES: [&str; 17] = [
    "steadfast",
    "crc32fast",
    "fdeflate",
    "libm",
    "ndarray",
    "png",
    "rayon-core",
    "rten",
    "rten-base",
    "rten-gemm",
    "rten-simd",
    "rten-tensor",
    "rten-vecmath",
    "sha2",
    "simd-adler32",
    "zlib-rs",
    "zune-jpeg",
];

/// `tests/robustness.rs`.
pub const HARNESS: &str = "//! Every spec of `robustness-specs/` against its baseline.\n\n\
fn main() -> std::process::ExitCode {\n    steadfast::harness().run()\n}\n";

const WORKFLOW: &str = include_str!("workflow.yml");

/// The workflow of a package, or of a repository with the subcommand alone.
pub fn workflow(package: bool, engine: Option<OnnxEngine>) -> String {
    let test = "      - run: cargo test --test robustness\n";
    let (library, feature) = match engine {
        Some(OnnxEngine::Ort) => (
            "      - run: pip install \"onnxruntime>=1.20\"\n",
            " --features ort",
        ),
        _ => ("", ""),
    };
    if package {
        return WORKFLOW.replace(test, &format!("{library}{test}"));
    }
    WORKFLOW
        .replace(
            &format!("      - uses: Swatinem/rust-cache@v2\n{test}"),
            &format!(
                "      - run: cargo install cargo-steadfast --locked{feature}\n\
                 \x20     # What the model itself needs goes here: pip install -r requirements.txt\n\
                 {library}\
                 \x20     - run: cargo steadfast test\n"
            ),
        )
        .replace("target/steadfast/records", &format!("{STATE}/records"))
}

/// The text that bytes are.
pub fn text(bytes: Vec<u8>) -> std::io::Result<String> {
    let invalid = |error| std::io::Error::new(std::io::ErrorKind::InvalidData, error);
    String::from_utf8(bytes).map_err(invalid)
}

/// `.gitignore` with what is of this machine alone, and the lines that it lacked: parts of
/// baselines that a killed process left, and in a repository that is no package the state
/// folder. `None`: it has all.
pub fn ignored(root: &Path, package: bool) -> Result<Option<(String, Vec<String>)>, Error> {
    let bytes = Fence::around(root).read(Path::new(".gitignore"));
    let mut text = match bytes.and_then(text) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => {
            let message = format!("failed to read .gitignore: {error}");
            return Err(Error::new(ErrorKind::Usage, message));
        }
    };
    let state = (!package).then(|| format!("{STATE}/"));
    let wanted = [Some(format!("{OWN}*")), state].into_iter().flatten();
    let there = |wanted: &String| {
        let same = |line: &str| line.trim().trim_matches('/') == wanted.trim_matches('/');
        text.lines().any(same)
    };
    let lacking: Vec<String> = wanted.filter(|wanted| !there(wanted)).collect();
    if lacking.is_empty() {
        return Ok(None);
    }
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    for line in &lacking {
        text.push_str(&format!("{line}\n"));
    }
    Ok(Some((text, lacking)))
}
