//! Whether the gate's error rates are what it says they are: retrained models are
//! simulated and judged by the library itself, beside what teams do today.
//!
//!     cargo bench --bench calibration -- [--quick] [--only SECTION]… [--write docs/statistics-tables.md]
//!
//! Prints Markdown; `--write` puts it between the markers of a file, section by
//! section. `cargo bench --bench calibration -- --quick` simulates a tenth.
//! The numbers do not depend on the number of threads (`RAYON_NUM_THREADS`).

mod anchor;
mod dependent;
mod f1;
mod family;
mod flips;
mod gate;
mod grid;
mod harness;
mod metrics;
mod ranking;
mod rare;
mod retrain;
mod scratch;
mod simulate;
mod skewed;
mod succession;
mod table;
mod today;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

/// How much is simulated.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    quick: bool,
}

impl Effort {
    pub fn is_quick(self) -> bool {
        self.quick
    }

    /// The number of simulated models: `full`, or a tenth.
    pub fn models(self, full: u64) -> u64 {
        if self.quick { full.div_ceil(10) } else { full }
    }
}

/// A part of the report.
struct Section {
    name: &'static str,
    title: &'static str,
    run: fn(Effort) -> String,
}

const SECTIONS: &[Section] = &[
    Section {
        name: "grid",
        title: "One replicate an example",
        run: grid::section,
    },
    Section {
        name: "replicates",
        title: "Five replicates an example",
        run: dependent::replicates,
    },
    Section {
        name: "clusters",
        title: "Clusters",
        run: dependent::clusters,
    },
    Section {
        name: "skewed",
        title: "Few that gain or lose all",
        run: skewed::section,
    },
    Section {
        name: "ranking",
        title: "AUROC on any scales",
        run: ranking::section,
    },
    Section {
        name: "metrics",
        title: "Other metrics",
        run: metrics::section,
    },
    Section {
        name: "f1",
        title: "Macro F1 of few rows and of clusters",
        run: f1::section,
    },
    Section {
        name: "rare",
        title: "Scores that change a lot in a few examples",
        run: rare::section,
    },
    Section {
        name: "family",
        title: "Families of 25 and of 75 cases",
        run: family::section,
    },
    Section {
        name: "harness",
        title: "Through the harness",
        run: harness::section,
    },
    Section {
        name: "frog",
        title: "Many small losses",
        run: succession::boiling_frog,
    },
    Section {
        name: "curse",
        title: "Luck that a baseline keeps",
        run: succession::winners_curse,
    },
    Section {
        name: "anchor",
        title: "Since the anchor, against the margin and retrains",
        run: anchor::section,
    },
    Section {
        name: "retrain",
        title: "Retrains that differ in truth",
        run: retrain::section,
    },
];

const BEGIN: &str = "<!-- calibration:begin -->";
const END: &str = "<!-- calibration:end -->";

struct Arguments {
    effort: Effort,
    only: Vec<String>,
    write: Option<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
    let mut found = Arguments {
        effort: Effort { quick: false },
        only: Vec::new(),
        write: None,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            // What cargo adds.
            "--bench" => {}
            "--quick" => found.effort.quick = true,
            "--only" => found.only.push(value()?),
            "--write" => found.write = Some(value()?.into()),
            other => return Err(format!("unknown argument {other}")),
        }
    }
    let known = |name: &String| SECTIONS.iter().any(|section| section.name == name);
    if let Some(name) = found.only.iter().find(|name| !known(name)) {
        let names: Vec<&str> = SECTIONS.iter().map(|section| section.name).collect();
        return Err(format!("no section {name}: {}", names.join(", ")));
    }
    Ok(found)
}

fn main() -> ExitCode {
    if scratch::is_side() {
        return scratch::side();
    }
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("Error: {message}");
            return ExitCode::from(2);
        }
    };
    let mut done: Vec<(&str, String)> = Vec::new();
    for section in SECTIONS {
        let wanted = arguments.only.is_empty() || arguments.only.iter().any(|n| n == section.name);
        if !wanted {
            continue;
        }
        let started = Instant::now();
        let text = (section.run)(arguments.effort);
        eprintln!("{}: {:.0} s", section.name, started.elapsed().as_secs_f64());
        println!("{}{}\n\n{text}", HEADING, section.title);
        done.push((section.title, text));
        // What is done is written at once: the whole takes its time.
        if let Some(path) = &arguments.write
            && let Err(message) = write(path, &done)
        {
            eprintln!("Error: {message}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// What each section begins with.
const HEADING: &str = "### ";

/// Puts sections between the markers of a file, in the place of those of the same
/// titles. Relative paths are from the package's root, which is where cargo runs
/// benches.
fn write(path: &std::path::Path, done: &[(&str, String)]) -> Result<(), String> {
    let shown = path.display();
    let old = std::fs::read_to_string(path).map_err(|error| format!("{shown}: {error}"))?;
    let [begin, end] = [BEGIN, END].map(|marker| old.find(marker));
    let (Some(begin), Some(end)) = (begin, end) else {
        return Err(format!("{shown} has no markers {BEGIN} and {END}"));
    };
    let begin = begin + BEGIN.len();
    let kept: Vec<(&str, &str)> = old
        .get(begin..end)
        .ok_or_else(|| format!("{shown}: {END} is before {BEGIN}"))?
        .split(&format!("\n{HEADING}"))
        .filter_map(|section| section.split_once('\n'))
        .collect();
    let mut text = format!("{}\n", &old[..begin]);
    for section in SECTIONS {
        let new = done.iter().find(|(title, _)| *title == section.title);
        let old = kept.iter().find(|(title, _)| *title == section.title);
        let body = new.map(|(_, body)| body.as_str()).or(old.map(|old| old.1));
        if let Some(body) = body {
            text.push_str(&format!(
                "\n{HEADING}{}\n\n{}\n",
                section.title,
                body.trim()
            ));
        }
    }
    text.push('\n');
    text.push_str(&old[end..]);
    steadfast::file::write_atomically(path, text.as_bytes())
        .map_err(|error| format!("{shown}: {error}"))
}
