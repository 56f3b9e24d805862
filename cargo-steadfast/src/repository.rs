//! The repository that the command is typed in: its root, its state folder, its
//! specs.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use steadfast::baseline::{self, Alone, ExamplesSeen, Lock};
use steadfast::engine::{Context, Registry};
use steadfast::env;
use steadfast::error::{Error, ErrorKind};
use steadfast::fence::Fence;
use steadfast::spec::{Case, FOLDER, Specs};
use steadfast::text::{self, Page};

use crate::exit_code::ExitCode;

/// A repository with specs.
pub struct Repository {
    /// The folder that `robustness-specs/` is in.
    pub root: PathBuf,
    /// Where records are.
    pub state: PathBuf,
    /// All specs.
    pub specs: Specs,
    /// Opened data sets and hashed models.
    pub context: Context,
    /// What is remembered of the examples of each data set, by its digests.
    examples: RefCell<HashMap<String, Option<ExamplesSeen>>>,
}

impl Repository {
    /// Opens the repository that the working folder is in.
    pub fn open() -> Result<Self, Error> {
        Ok(Self::at(root()?))
    }

    /// The same, to read baselines beside others who read them.
    pub fn open_shared() -> Result<(Self, Lock), Error> {
        let root = root()?;
        let lock = baseline::share(&root).map_err(unlocked)?;
        // Only now: specs may have changed while it waited.
        Ok((Self::at(root), lock))
    }

    /// The same, to change baselines, alone.
    pub fn open_alone() -> Result<(Self, Alone), Error> {
        let root = root()?;
        let alone = baseline::hold(&root).map_err(unlocked)?;
        Ok((Self::at(root), alone))
    }

    fn at(root: PathBuf) -> Self {
        let state = state_folder(&root);
        let mut context = Context::new(root.clone(), Registry::default());
        context.try_apart(&state);
        Self {
            state,
            specs: Specs::read(&root, &steadfast::builtin::catalogue()),
            context,
            examples: RefCell::default(),
            root,
        }
    }

    /// Finishes what a process that was killed had begun among the baselines: anchors come to
    /// their places, and parts of files go.
    pub fn tidy(&self, alone: &Alone) -> Result<(), Error> {
        let failed = |error| Error::new(ErrorKind::Evidence, error);
        baseline::settle_all(alone, &self.root).map_err(failed)?;
        let fence = Fence::around(&self.root);
        for path in baseline::temporary_files(&self.root).map_err(failed)? {
            fence.remove(&path).map_err(failed)?;
            say!("removed: {}, which a killed process left", path.display());
        }
        Ok(())
    }

    /// The cases that any of `filters` matches; all where there is none.
    ///
    /// # Errors
    /// When a filter matches nothing.
    pub fn cases(&self, filters: &[String]) -> Result<Vec<Case>, Error> {
        let cases = self.specs.cases();
        for filter in filters {
            let broken = self
                .specs
                .errors
                .iter()
                .any(|(stem, _)| matches(filter, stem));
            if !broken && !cases.iter().any(|case| matches(filter, &case.name)) {
                let message = format!(
                    "no case begins with the segments `{filter}`. `cargo steadfast list` prints all"
                );
                return Err(Error::new(ErrorKind::Usage, message));
            }
        }
        let cases = cases.into_iter();
        Ok(cases
            .filter(|case| is_wanted(filters, &case.name))
            .collect())
    }

    /// The same for a verb whose success says that something was judged: an error where no
    /// case is left that is not ignored, and no spec is broken, which is said elsewhere.
    pub fn judged_cases(&self, filters: &[String]) -> Result<Vec<Case>, Error> {
        let cases = self.cases(filters)?;
        let broken = !self.specs.errors.is_empty() || self.specs.suite_error.is_some();
        if broken || cases.iter().any(|case| case.spec.ignore.is_none()) {
            return Ok(cases);
        }
        let message = if self.specs.is_empty() {
            format!(
                "no spec is found in {}: nothing is judged. Write one, or let `cargo steadfast init` do it",
                self.root.join(steadfast::spec::FOLDER).display()
            )
        } else {
            "all of these cases are ignored: nothing is judged. Take `ignore` out of their specs, or ask for others".to_owned()
        };
        Err(Error::new(ErrorKind::Usage, message))
    }

    /// What a baseline of `case` remembers of its examples; `None` where a draw of them
    /// is used, which grown data would change, or where they cannot be told apart.
    pub fn examples(&self, case: &Case) -> Result<Option<ExamplesSeen>, Error> {
        if case.spec.data.limit.is_some() {
            return Ok(None);
        }
        let data = self.context.dataset(&case.spec).map_err(Error::from)?;
        let asked = &case.spec.data;
        let key = format!(
            "{} {} {:?} {:?} {:?}",
            data.digest(),
            data.ids_digest(),
            asked.ids,
            asked.cluster,
            asked.slice
        );
        let mut known = self.examples.borrow_mut();
        let seen = known
            .entry(key)
            .or_insert_with(|| Some(ExamplesSeen::of(&data, asked.ids.is_some())));
        Ok(seen.clone())
    }

    /// What adds all baselines and anchors to a commit.
    pub fn add_command(&self) -> String {
        let anchors = match self.root.join(baseline::ANCHORS).is_dir() {
            true => format!(" {}", baseline::ANCHORS),
            false => String::new(),
        };
        format!("git add {}{anchors}", baseline::FOLDER)
    }

    /// How a case is run here.
    pub fn run_command(&self, case: &str) -> String {
        format!("{} --exact {case}", env::run_command(&self.root))
    }

    /// A path as people read it: from the root.
    pub fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.display().to_string()
    }

    /// Prints what is wrong with the specs that `filters` could mean.
    pub fn report_spec_errors(&self, filters: &[String]) -> ExitCode {
        let mut code = ExitCode::Good;
        if let Some(error) = &self.specs.suite_error {
            text::warn(&Page::headed("Error: ", &error.page()));
            code = ExitCode::Spec;
        }
        for (stem, error) in &self.specs.errors {
            let meant = |filter: &String| filter.split("::").next() == Some(stem);
            if filters.is_empty() || filters.iter().any(meant) {
                text::warn(&Page::headed("Error: ", &error.page()));
                code = ExitCode::Spec;
            }
        }
        code
    }
}

/// The folder with specs that the working folder is in.
fn root() -> Result<PathBuf, Error> {
    let here = std::env::current_dir().map_err(|error| Error::new(ErrorKind::Usage, error))?;
    let found = here.ancestors().find(|folder| folder.join(FOLDER).is_dir());
    found.map(Path::to_path_buf).ok_or_else(|| {
        let message =
            format!("there is no {FOLDER}/ here or above. `cargo steadfast init` makes one");
        Error::new(ErrorKind::Usage, message)
    })
}

fn unlocked(error: std::io::Error) -> Error {
    let message = format!("failed to lock {}/: {error}", baseline::FOLDER);
    Error::new(ErrorKind::Evidence, message)
}

/// Whether `filter` is a case's name or its first segments.
pub fn matches(filter: &str, name: &str) -> bool {
    name == filter
        || name
            .strip_prefix(filter)
            .is_some_and(|rest| rest.starts_with("::"))
}

/// Whether any of `filters` matches a case's name, or there is none.
pub fn is_wanted(filters: &[String], name: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| matches(filter, name))
}

/// The state folder of a repository that is no package.
pub const STATE: &str = ".steadfast";

/// Where records are: `STEADFAST_DIR`, else in cargo's target folder, else in `STATE`.
fn state_folder(root: &Path) -> PathBuf {
    if let Some(folder) = env::configured_state_folder(root) {
        return folder;
    }
    let package = root
        .ancestors()
        .any(|folder| folder.join("Cargo.toml").is_file());
    if !package {
        return root.join(STATE);
    }
    let target = target_folder(root).unwrap_or_else(|| root.join("target"));
    target.join("steadfast")
}

/// Cargo's target folder, as cargo itself says.
fn target_folder(root: &Path) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .current_dir(root)
        .output()
        .ok()?;
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(PathBuf::from(metadata.get("target_directory")?.as_str()?))
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_filter_matches_whole_segments_from_the_start() {
        assert!(matches("digits", "digits::identity"));
        assert!(matches(
            "digits::gaussian_noise",
            "digits::gaussian_noise::severity_1"
        ));
        assert!(matches("digits::identity", "digits::identity"));
        assert!(!matches("digit", "digits::identity"));
        assert!(!matches("identity", "digits::identity"));
        assert!(!matches(
            "digits::gaussian",
            "digits::gaussian_noise::severity_1"
        ));
    }
}
