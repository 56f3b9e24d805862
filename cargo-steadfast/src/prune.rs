//! Baselines and anchors of cases that no spec asks for.

use std::collections::HashSet;
use std::path::PathBuf;

use steadfast::baseline::{self, Alone};
use steadfast::error::{Error, ErrorKind};
use steadfast::fence::Fence;

use crate::repository::{Repository, is_wanted, matches};

/// The orphans: the case that each file would be of, and the file.
///
/// # Errors
/// When the folder cannot be read.
pub fn orphans(repository: &Repository) -> Result<Vec<(String, PathBuf)>, Error> {
    let cases = repository.specs.cases();
    let asked: HashSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let mut files = Vec::new();
    for folder in [baseline::FOLDER, baseline::ANCHORS] {
        files.extend(baseline::files(&repository.root, folder).map_err(|error| {
            Error::new(
                ErrorKind::Evidence,
                format!("failed to read {folder}/: {error}"),
            )
        })?);
    }
    // The cases of a spec that does not parse are not known: none of its files is an orphan.
    let broken = |name: &str| {
        repository
            .specs
            .errors
            .iter()
            .any(|(stem, _)| matches(stem, name))
    };
    Ok(files
        .into_iter()
        .filter(|(name, _)| !broken(name) && !asked.contains(name.as_str()))
        .collect())
}

/// Deletes the orphans that `filters` match.
pub fn run(_: &Alone, repository: &Repository, filters: &[String]) -> Result<(), Error> {
    let fence = Fence::around(&repository.root);
    for (name, path) in orphans(repository)? {
        if !is_wanted(filters, &name) {
            continue;
        }
        fence.remove(&path).map_err(|error| {
            Error::new(
                ErrorKind::Evidence,
                format!("failed to delete {}: {error}", path.display()),
            )
        })?;
        say!("pruned: {}", repository.shown(&path));
    }
    Ok(())
}
