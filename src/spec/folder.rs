//! The specs of a repository: `robustness-specs/*.toml` and `suite.toml`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Problem, Source, SpecError};
use super::expand::cases;
use super::parse::{parse_spec, parse_suite};
use super::value::{Case, Spec, Suite};
use crate::catalogue::Catalogue;
use crate::fence::Fence;
use crate::file::Refusal;

/// The folder of specs, beside `Cargo.toml`.
pub const FOLDER: &str = "robustness-specs";

/// The name of the suite's file in it.
pub const SUITE_FILE: &str = "suite.toml";

/// All specs of a repository. One that does not parse harms no other.
#[derive(Debug, Default)]
pub struct Specs {
    /// What all share.
    pub suite: Suite,
    /// What is wrong with `suite.toml`; its defaults hold then.
    pub suite_error: Option<SpecError>,
    /// Those that parse, by name.
    pub specs: Vec<Arc<Spec>>,
    /// Those that do not: the file's stem and why.
    pub errors: Vec<(String, SpecError)>,
}

impl Specs {
    /// Reads the specs under `root`. Nothing but TOML is opened.
    pub fn read(root: &Path, catalogue: &Catalogue) -> Self {
        let mut specs = Self::default();
        let fence = Fence::around(root);
        let entries = match fence.entries(Path::new(FOLDER)) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return specs,
            Err(error) => {
                specs.suite_error = Some(unread(FOLDER, &error));
                return specs;
            }
        };
        let mut files = Vec::new();
        for path in entries {
            match misplaced(&fence, &path) {
                Some(problem) => specs.errors.push(problem),
                None if path.extension().is_some_and(|it| it == "toml") => files.push(path),
                None => {}
            }
        }
        let is_suite = |path: &PathBuf| path.file_name().is_some_and(|name| name == SUITE_FILE);
        if let Some(path) = files.iter().find(|path| is_suite(path)) {
            match read_source(&fence, path, SUITE_FILE)
                .and_then(|source| parse_suite(&source, catalogue))
            {
                Ok(suite) => specs.suite = suite,
                Err(error) => specs.suite_error = Some(error),
            }
        }
        for path in files {
            let file = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            // An editor's lock, beside a file that it has open.
            if file == SUITE_FILE || file.starts_with(".#") {
                continue;
            }
            let stem = file.strip_suffix(".toml").unwrap_or(&file).to_owned();
            let spec = read_source(&fence, &path, &file)
                .and_then(|source| parse_spec(&stem, &source, &specs.suite, catalogue));
            match spec {
                Ok(spec) => specs.specs.push(Arc::new(spec)),
                Err(error) => specs.errors.push((stem, error)),
            }
        }
        specs
    }

    /// The cases of all specs, by spec and in the order of each file.
    pub fn cases(&self) -> Vec<Case> {
        self.specs.iter().flat_map(cases).collect()
    }

    /// Whether there is no spec at all, not even one that does not parse.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty() && self.errors.is_empty() && self.suite_error.is_none()
    }
}

/// Why a spec is not read where it stands, with the name of the trial that says so; `None`:
/// it is, or it is none. What is passed over in silence guards nothing.
fn misplaced(fence: &Fence, path: &Path) -> Option<(String, SpecError)> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let is_spec = |name: &str| name.to_ascii_lowercase().ends_with(".toml");
    let (message, help) = if path.is_dir() {
        let names = fence.entries(path).ok()?.into_iter();
        let mut names =
            names.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        let inside = names.find(|name| is_spec(name))?;
        (
            format!("{inside} stands in a folder, and only files beside it are read"),
            format!("move the file up: git mv {FOLDER}/{name}/{inside} {FOLDER}/"),
        )
    } else if !is_spec(&name) || name.starts_with(".#") {
        return None;
    } else if !name.ends_with(".toml") {
        (
            "the extension is not in lower case, so that the file is not read".to_owned(),
            format!("rename the file to {}", name.to_ascii_lowercase()),
        )
    } else if name.starts_with('.') {
        (
            "the name begins with a dot, so that the file is not read".to_owned(),
            format!("rename the file to {}", name.trim_start_matches('.')),
        )
    } else {
        return None;
    };
    let shown = format!("{FOLDER}/{name}");
    let problem = failed(&shown, message, &help);
    Some((name, problem))
}

/// What is wrong with a file, or the folder, as a whole.
fn failed(shown: &str, message: String, help: &str) -> SpecError {
    let source = Arc::new(Source {
        path: shown.to_owned(),
        text: String::new(),
    });
    SpecError::one(
        &source,
        Problem {
            message,
            label: "this file".to_owned(),
            span: 0..0,
            help: Some(help.to_owned()),
            secret: false,
        },
    )
}

fn unread(shown: &str, error: &std::io::Error) -> SpecError {
    match Refusal::of(error) {
        Some(refusal) => failed(shown, refusal.to_string(), &refusal.cure()),
        None => failed(
            shown,
            format!("failed to read the file: {error}"),
            "check its permissions",
        ),
    }
}

fn read_source(fence: &Fence, path: &Path, file: &str) -> Result<Arc<Source>, SpecError> {
    let shown = format!("{FOLDER}/{file}");
    let bytes = fence.read(path).map_err(|error| unread(&shown, &error))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let byte = error.utf8_error().valid_up_to();
        failed(
            &shown,
            format!("the file is not UTF-8 text (byte {byte})"),
            "save it as UTF-8",
        )
    })?;
    Ok(Arc::new(Source { path: shown, text }))
}
