//! Everything that is printed passes through `src/text.rs`: no source of the library or of
//! the subcommand writes to stdout or stderr by another way, or hands words to what does.

use std::path::{Path, PathBuf};

/// What writes, or hands words to something that writes, with the files that may.
const WAYS: [(&str, &[&str]); 16] = [
    ("println!", &[]),
    ("eprintln!", &[]),
    ("print!(", &[]),
    ("eprint!(", &[]),
    ("dbg!", &[]),
    // A writer; `is_terminal` asks and writes nothing.
    ("stdout()", &["src/text.rs"]),
    ("stderr()", &["src/text.rs"]),
    ("io::Stdout", &[]),
    ("io::Stderr", &[]),
    ("/dev/std", &[]),
    // A file of ours, whose lines are known.
    (
        ".ours(",
        &[
            "src/spec/diagnostic.rs",
            "cargo-steadfast/src/schema.rs",
            "cargo-steadfast/src/worker.rs",
        ],
    ),
    // libtest-mimic prints the names of trials and the messages of failures.
    ("Trial::test(", &["src/harness.rs"]),
    ("Failed::from", &[]),
    // miette renders sources, similar renders differences, clap repeats arguments.
    ("render_report", &["src/spec/diagnostic.rs"]),
    ("unified_diff", &["src/diff.rs"]),
    ("parse_from(", &["cargo-steadfast/src/main.rs"]),
];

/// Calls that show words, and how their argument may begin.
const SHOWN: [(&str, &[&str]); 1] = [(".set_message(", &["\"", "escaped("])];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if name != "tests" {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// The lines of a source that are neither comments nor its tests.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let end = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    let lines = text[..end].lines().enumerate();
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a file is compiled into tests only.
fn is_of_tests(name: &str) -> bool {
    ["conformance.rs", "testing.rs"]
        .iter()
        .any(|end| name.ends_with(end))
}

#[test]
fn everything_is_printed_by_pages() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    sources(&root.join("src"), &mut found);
    sources(&root.join("cargo-steadfast/src"), &mut found);
    assert!(found.len() > 200, "the scan found {} sources", found.len());
    let mut around = Vec::new();
    let mut seen = 0;
    for path in found {
        let name = path.strip_prefix(root).unwrap().to_string_lossy();
        if is_of_tests(&name) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in code(&text) {
            let mut report = |what: &str| {
                around.push(format!("{name}:{}: {what}: {}", number + 1, line.trim()));
            };
            for (way, allowed) in WAYS {
                if line.contains(way) && !line.contains("is_terminal()") {
                    seen += 1;
                    if !allowed.contains(&name.as_ref()) {
                        report(way);
                    }
                }
            }
            for (call, begins) in SHOWN {
                if let Some((_, argument)) = line.split_once(call)
                    && !begins.iter().any(|begin| argument.starts_with(begin))
                {
                    report(call);
                }
            }
        }
    }
    assert!(seen > 8, "the scan saw only {seen} ways");
    assert!(
        around.is_empty(),
        "these go around src/text.rs, which keeps others' words in their line: {around:#?}"
    );
}
