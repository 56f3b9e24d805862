//! Who accepts what, and why: what every change of a baseline is signed with.

use steadfast::baseline::{self, Accepted};
use steadfast::error::{Error, ErrorKind};

use crate::cases::Recorded;
use crate::repository::Repository;

/// Who accepts, and why.
pub struct Acceptance {
    /// `Name <address>`.
    pub by: String,
    /// In the author's words.
    pub reason: String,
    /// Whether the new baselines are the anchors, too.
    pub reanchor: bool,
}

impl Acceptance {
    /// As a baseline keeps it; `case` knows the commit of its run.
    pub fn of(&self, case: &Recorded) -> Accepted {
        let commit = case.record.commit.as_ref();
        Accepted {
            by: self.by.clone(),
            at: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            commit: commit.map(|commit| {
                let mark = if commit.dirty { "+" } else { "" };
                format!("{}{mark}", commit.id)
            }),
            reason: self.reason.clone(),
        }
    }
}

/// What writing the baseline of a case came to.
pub fn written(case: &str, result: std::io::Result<()>) -> Result<(), Error> {
    result.map_err(|error| {
        let path = baseline::path(case);
        Error::new(
            ErrorKind::Evidence,
            format!("failed to write {path}, or the anchor beside it: {error}"),
        )
    })
}

/// `Name <address>` from git's configuration.
pub fn author(repository: &Repository) -> Result<String, Error> {
    let config = match git2::Repository::discover(&repository.root) {
        Ok(git) => git.config(),
        Err(_) => git2::Config::open_default(),
    };
    let get = |key: &str| {
        let config = config.as_ref().ok()?;
        let value = config.get_string(key).ok()?;
        (!value.trim().is_empty()).then_some(value)
    };
    match (get("user.name"), get("user.email")) {
        (Some(name), Some(address)) => Ok(format!("{name} <{address}>")),
        _ => Err(Error::new(
            ErrorKind::Usage,
            "git does not know who you are, and every baseline has an author: git config user.name \"…\" and git config user.email \"…\"",
        )),
    }
}
