//! What the process learns from its environment: variables, CI and test runner,
//! the folders of the repository and of the state.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The variable that moves the state folder.
pub const STATE_VARIABLE: &str = "STEADFAST_DIR";

/// The variable that names folders outside the repository that its paths may lead to,
/// written as `PATH` is.
pub const ROOTS_VARIABLE: &str = "STEADFAST_ROOTS";

/// The variable that says whether a spec may start a worker: `yes` or `no`.
pub const WORKERS_VARIABLE: &str = "STEADFAST_ALLOW_WORKERS";

/// The variable that names those that a spec may read a token from, by commas.
pub const TOKENS_VARIABLE: &str = "STEADFAST_TOKEN_VARIABLES";

/// All variables that steadfast reads; any other `STEADFAST_…` is a mistake.
const VARIABLES: [&str; 4] = [
    STATE_VARIABLE,
    ROOTS_VARIABLE,
    WORKERS_VARIABLE,
    TOKENS_VARIABLE,
];

/// A variable that is not one of ours, or has no usable value.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum EnvironmentError {
    /// No such variable.
    #[error(
        "the environment variable {name} is unknown to steadfast; it reads {known}. Unset it, or correct its name"
    )]
    Unknown {
        /// As it is set.
        name: String,
        /// All that there are.
        known: String,
    },
    /// It is empty.
    #[error("the environment variable {name} is empty. Unset it, or set it to {wanted}")]
    Empty {
        /// Which.
        name: String,
        /// What it takes.
        wanted: &'static str,
    },
    /// A folder from which the way is not known.
    #[error(
        "the environment variable {ROOTS_VARIABLE} names {folder}, a relative path, which depends on where steadfast is run. Write it from the root of the file system"
    )]
    RelativeRoot {
        /// The folder.
        folder: String,
    },
    /// Neither yes nor no.
    #[error(
        "the environment variable {WORKERS_VARIABLE} is {value:?}, so that no worker is started. Set it to yes or no"
    )]
    NeitherYesNorNo {
        /// As it is set.
        value: String,
    },
}

impl From<EnvironmentError> for crate::error::Error {
    fn from(error: EnvironmentError) -> Self {
        Self::new(crate::error::ErrorKind::Usage, error)
    }
}

/// Whether every `STEADFAST_…` variable is known and has a value.
pub fn check(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(), EnvironmentError> {
    for (name, value) in variables {
        let name = name.to_string_lossy().into_owned();
        if !name.starts_with("STEADFAST_") {
            continue;
        }
        if !VARIABLES.contains(&name.as_str()) {
            return Err(EnvironmentError::Unknown {
                name,
                known: VARIABLES.join(", "),
            });
        }
        if value.is_empty() {
            let wanted = wanted(&name);
            return Err(EnvironmentError::Empty { name, wanted });
        }
        if name == ROOTS_VARIABLE
            && let Some(folder) = std::env::split_paths(&value).find(|folder| folder.is_relative())
        {
            let folder = format!("{:?}", folder.display().to_string());
            return Err(EnvironmentError::RelativeRoot { folder });
        }
        if name == WORKERS_VARIABLE && value != "yes" && value != "no" {
            let value = value.to_string_lossy().into_owned();
            return Err(EnvironmentError::NeitherYesNorNo { value });
        }
    }
    Ok(())
}

fn wanted(name: &str) -> &'static str {
    match name {
        ROOTS_VARIABLE => "folders, written as PATH is",
        WORKERS_VARIABLE => "yes or no",
        TOKENS_VARIABLE => "names of variables, by commas",
        _ => "a folder",
    }
}

/// The folders of `STEADFAST_ROOTS`; a relative one, which [`check`] refuses, is none.
pub fn roots() -> Vec<PathBuf> {
    let value = std::env::var_os(ROOTS_VARIABLE).unwrap_or_default();
    std::env::split_paths(&value)
        .filter(|folder| folder.is_absolute())
        .collect()
}

/// What CI systems set in their jobs, beside `CI`, as their manuals say.
pub const CI_VARIABLES: [&str; 13] = [
    "APPVEYOR",
    "BITBUCKET_BUILD_NUMBER",
    "BUILDKITE",
    "CIRCLECI",
    "CODEBUILD_BUILD_ID",
    "DRONE",
    "GITHUB_ACTIONS",
    "GITLAB_CI",
    "JENKINS_URL",
    "TEAMCITY_VERSION",
    "TF_BUILD",
    "TRAVIS",
    "WOODPECKER",
];

/// Whether this is a CI job: `CI` is neither `false` nor `0`; where it is not set, or empty,
/// whether any of [`CI_VARIABLES`] is.
pub fn is_ci() -> bool {
    is_ci_in(|name| std::env::var(name).ok())
}

fn is_ci_in(variable: impl Fn(&str) -> Option<String>) -> bool {
    match variable("CI").filter(|value| !value.is_empty()) {
        Some(value) => !matches!(value.as_str(), "0" | "false"),
        None => CI_VARIABLES
            .iter()
            .any(|name| variable(name).is_some_and(|value| !value.is_empty())),
    }
}

/// Whether cargo-nextest runs this process for a single test.
pub fn is_nextest_process() -> bool {
    std::env::var("NEXTEST_EXECUTION_MODE").is_ok_and(|mode| mode == "process-per-test")
}

/// What the records of one run share: nextest's run id, else one drawn by this
/// process.
pub fn run_id() -> String {
    static DRAWN: OnceLock<String> = OnceLock::new();
    if let Ok(id) = std::env::var("NEXTEST_RUN_ID") {
        return id;
    }
    DRAWN
        .get_or_init(|| {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            let nanoseconds = now.map_or(0, |elapsed| elapsed.as_nanos());
            let text = format!("{nanoseconds} {}", std::process::id());
            crate::digest::Digest::of(text.as_bytes())
                .short()
                .to_owned()
        })
        .clone()
}

/// The root of the repository under test: `CARGO_MANIFEST_DIR` as cargo and
/// nextest set it at run time (an archive may have moved it since the build),
/// else the working folder.
pub fn root() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(
        || std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        PathBuf::from,
    )
}

/// The state folder as the harness finds it: `STEADFAST_DIR`, else `steadfast`
/// in the target folder that the running executable is in, else in `target`
/// under `root`. A relative `STEADFAST_DIR` is relative to `root`.
pub fn state_folder(root: &Path) -> PathBuf {
    if let Some(folder) = configured_state_folder(root) {
        return folder;
    }
    let target = std::env::current_exe()
        .ok()
        .and_then(|executable| target_folder(&executable))
        .unwrap_or_else(|| root.join("target"));
    target.join("steadfast")
}

/// How cases are run in the repository at `root`; their names and libtest's flags
/// follow. A package has a test for it; elsewhere the subcommand does it.
pub fn run_command(root: &Path) -> &'static str {
    if root.join("tests/robustness.rs").is_file() {
        "cargo test --test robustness --"
    } else {
        "cargo steadfast test"
    }
}

/// The folder that `STEADFAST_DIR` names.
pub fn configured_state_folder(root: &Path) -> Option<PathBuf> {
    std::env::var_os(STATE_VARIABLE)
        .filter(|value| !value.is_empty())
        .map(|value| root.join(value))
}

/// The target folder above an executable: the nearest with cargo's
/// `CACHEDIR.TAG`, else the nearest that is called `target`.
fn target_folder(executable: &Path) -> Option<PathBuf> {
    let tagged = executable
        .ancestors()
        .skip(1)
        .find(|folder| folder.join("CACHEDIR.TAG").is_file());
    tagged
        .or_else(|| {
            executable
                .ancestors()
                .skip(1)
                .find(|folder| folder.file_name().is_some_and(|name| name == "target"))
        })
        .map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &'static [(&'static str, &'static str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn ci_is_told_by_its_variables() {
        assert!(is_ci_in(with(&[("CI", "true")])));
        assert!(is_ci_in(with(&[("CI", "1")])));
        assert!(is_ci_in(with(&[("TF_BUILD", "True")])));
        assert!(is_ci_in(with(&[("GITHUB_ACTIONS", "true")])));
        assert!(is_ci_in(with(&[(
            "JENKINS_URL",
            "https://ci.example.org/"
        )])));
        assert!(!is_ci_in(with(&[("GITLAB_CI", "")])));
        for value in ["", "0", "false"] {
            assert!(!is_ci_in(
                move |name| (name == "CI").then(|| value.to_owned())
            ));
        }
        assert!(!is_ci_in(with(&[("CI", "false"), ("TF_BUILD", "True")])));
        assert!(!is_ci_in(with(&[])));
    }

    #[test]
    fn a_misspelt_variable_is_an_error() {
        let check_one = |name: &str, value: &str| {
            check([(OsString::from(name), OsString::from(value))].into_iter())
        };
        assert_eq!(check_one("STEADFAST_DIR", "x"), Ok(()));
        assert_eq!(check_one("OTHER", ""), Ok(()));
        assert!(matches!(
            check_one("STEADFAST_DIRS", "x"),
            Err(EnvironmentError::Unknown { .. })
        ));
        for name in VARIABLES {
            let error = check_one(name, "").unwrap_err();
            assert!(matches!(error, EnvironmentError::Empty { .. }));
        }
        assert_eq!(check_one(WORKERS_VARIABLE, "no"), Ok(()));
        assert!(matches!(
            check_one(WORKERS_VARIABLE, "false"),
            Err(EnvironmentError::NeitherYesNorNo { .. })
        ));
        assert!(matches!(
            check_one(ROOTS_VARIABLE, "data"),
            Err(EnvironmentError::RelativeRoot { .. })
        ));
    }

    #[test]
    fn the_target_folder_is_found_by_its_tag_or_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let executable = folder.path().join("out/x86_64/debug/deps/robustness-1");
        std::fs::create_dir_all(executable.parent().unwrap()).unwrap();
        std::fs::write(folder.path().join("out/CACHEDIR.TAG"), "").unwrap();
        assert_eq!(target_folder(&executable), Some(folder.path().join("out")));
        let named = Path::new("/no/such/target/debug/deps/robustness-1");
        assert_eq!(target_folder(named), Some(PathBuf::from("/no/such/target")));
    }
}
