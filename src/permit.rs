//! What the operator lets a spec do beside reading files: start a program, and read a
//! token from the environment.
//!
//! A spec is code: whoever writes one decides what runs. By default a repository is
//! trusted; a fork's pull request is not, and the event file of GitHub says so.

use std::path::Path;

use serde_json::Value;

use crate::env::{TOKENS_VARIABLE, WORKERS_VARIABLE};
use crate::file;

/// What a spec may not do here.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Denied {
    /// It starts a program.
    #[error("the worker is not started: {0}")]
    Worker(Why),
    /// It reads a variable.
    #[error("the variable {name} is not read: {why}")]
    Token {
        /// The variable.
        name: String,
        /// Why not.
        why: Why,
    },
}

impl Denied {
    /// What allows it, and what that means.
    pub fn cure(&self) -> String {
        match self {
            Self::Worker(_) => format!(
                "whoever trusts the commands of these specs allows them: {WORKERS_VARIABLE}=yes"
            ),
            Self::Token { name, .. } => format!(
                "whoever trusts these specs, and the servers that they name, with the token allows it: {TOKENS_VARIABLE}={name}"
            ),
        }
    }
}

/// Why it may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// The variable for it says so.
    #[error("{WORKERS_VARIABLE} does not say yes")]
    WorkersSaid,
    /// It is not on the list.
    #[error("{TOKENS_VARIABLE} does not name it")]
    TokensSaid,
    /// Who wrote the spec may be anybody.
    #[error("this is the pull request of a fork, whose specs anybody may have written")]
    Fork,
}

/// Whether a spec may start a worker.
///
/// # Errors
/// Where it may not.
pub fn worker() -> Result<(), Denied> {
    worker_in(variable)
}

/// Whether a spec may read a token from the variable called `name`.
///
/// # Errors
/// Where it may not.
pub fn token(name: &str) -> Result<(), Denied> {
    token_in(name, variable)
}

/// A variable that cannot be read is not what it is compared with.
fn variable(name: &str) -> Option<String> {
    std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
}

fn worker_in(variable: impl Fn(&str) -> Option<String>) -> Result<(), Denied> {
    match variable(WORKERS_VARIABLE) {
        Some(said) if said == "yes" => Ok(()),
        Some(_) => Err(Denied::Worker(Why::WorkersSaid)),
        None if is_fork(variable) => Err(Denied::Worker(Why::Fork)),
        None => Ok(()),
    }
}

fn token_in(name: &str, variable: impl Fn(&str) -> Option<String>) -> Result<(), Denied> {
    let denied = |why| {
        Err(Denied::Token {
            name: name.to_owned(),
            why,
        })
    };
    match variable(TOKENS_VARIABLE) {
        Some(names) if names.split(',').any(|known| known.trim() == name) => Ok(()),
        Some(_) => denied(Why::TokensSaid),
        None if is_fork(variable) => denied(Why::Fork),
        None => Ok(()),
    }
}

/// Whether this is the CI job of a fork's pull request. One whose event cannot be read
/// counts as a fork's.
fn is_fork(variable: impl Fn(&str) -> Option<String>) -> bool {
    let name = variable("GITHUB_EVENT_NAME").unwrap_or_default();
    // `pull_request_target` has the secrets, and `workflow_run` may follow a pull request.
    if !name.starts_with("pull_request") && name != "workflow_run" {
        return false;
    }
    let event = variable("GITHUB_EVENT_PATH").and_then(|path| {
        let text = file::read(Path::new(&path)).ok()?;
        serde_json::from_slice::<Value>(&text).ok()
    });
    event.is_none_or(|event| is_foreign(&event))
}

/// Whether what an event runs is of another repository than its own: a fork that was
/// deleted is `null`.
fn is_foreign(event: &Value) -> bool {
    let name = |path: &str| event.pointer(path).and_then(Value::as_str);
    let own = name("/repository/full_name").or(name("/pull_request/base/repo/full_name"));
    let head = match event.get("workflow_run") {
        Some(_) => name("/workflow_run/head_repository/full_name"),
        None => name("/pull_request/head/repo/full_name"),
    };
    own.is_none() || head != own
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<String> + Clone + use<> {
        let pairs: Vec<(String, String)> = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        move |name| {
            let found = pairs.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        }
    }

    #[test]
    fn the_operator_says_what_a_spec_may_do() {
        assert_eq!(worker_in(of(&[])), Ok(()));
        assert_eq!(worker_in(of(&[(WORKERS_VARIABLE, "yes")])), Ok(()));
        for said in ["no", "", "1", "YES"] {
            let denied = worker_in(of(&[(WORKERS_VARIABLE, said)]));
            assert_eq!(denied, Err(Denied::Worker(Why::WorkersSaid)));
        }
        assert_eq!(token_in("TOKEN", of(&[])), Ok(()));
        let names = of(&[(TOKENS_VARIABLE, "OTHER, TOKEN")]);
        assert_eq!(token_in("TOKEN", names.clone()), Ok(()));
        assert!(token_in("AWS_SECRET_ACCESS_KEY", names).is_err());
    }

    #[test]
    fn a_fork_may_do_neither_unless_the_operator_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("event.json");
        let run = |name: &str, event: Option<Value>, more: (&str, &str)| {
            match event {
                Some(event) => std::fs::write(&path, event.to_string()).unwrap(),
                None => std::fs::write(&path, "{").unwrap(),
            }
            let variables = of(&[
                ("GITHUB_EVENT_NAME", name),
                ("GITHUB_EVENT_PATH", path.to_str().unwrap()),
                more,
            ]);
            let both = (worker_in(variables.clone()), token_in("TOKEN", variables));
            (both.0.is_ok(), both.1.is_ok())
        };
        let pull = |head: Value| {
            Some(json!({
                "repository": {"full_name": "us/models"},
                "pull_request": {"head": {"repo": head}},
            }))
        };
        let ours = || pull(json!({"full_name": "us/models"}));
        let fork = || pull(json!({"full_name": "them/models"}));
        let none = ("", "");
        assert_eq!(run("pull_request", ours(), none), (true, true));
        assert_eq!(run("push", fork(), none), (true, true));
        for name in ["pull_request", "pull_request_target"] {
            for event in [fork(), pull(Value::Null), Some(json!({})), None] {
                assert_eq!(run(name, event, none), (false, false));
            }
        }
        let allowed = (WORKERS_VARIABLE, "yes");
        assert_eq!(run("pull_request", fork(), allowed), (true, false));
        let allowed = (TOKENS_VARIABLE, "TOKEN");
        assert_eq!(run("pull_request", fork(), allowed), (false, true));
        let after = |head: &str| {
            Some(json!({
                "repository": {"full_name": "us/models"},
                "workflow_run": {"head_repository": {"full_name": head}},
            }))
        };
        assert_eq!(
            run("workflow_run", after("them/models"), none),
            (false, false)
        );
        assert_eq!(run("workflow_run", after("us/models"), none), (true, true));
    }
}
