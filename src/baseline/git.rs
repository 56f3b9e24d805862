//! Baselines among git's objects: at a tag, on the two sides of a merge.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::file::{BaselineFile, parse};
use super::folder::{ANCHORS, FOLDER, Lookup, case_of, path};
use crate::digest::Digest;

/// The two sides of a file that git could not merge.
#[derive(Debug)]
pub struct Sides {
    /// What the branch has that the other is merged into; in a rebase, the branch that is
    /// rebased onto. `None`: it deleted the file.
    pub ours: Option<Vec<u8>>,
    /// What the other has.
    pub theirs: Option<Vec<u8>>,
}

/// The baseline of `case` at the tag `name`; `Lookup::Missing` where the tag does
/// not have it.
///
/// # Errors
/// In words, with the cure, where the tag cannot be read.
#[cfg(feature = "git")]
pub fn at_tag(root: &Path, name: &str, case: &str) -> Result<Lookup, String> {
    let failed = |error: git2::Error| {
        format!(
            "failed to read the git tag {name}: {}. Fetch it: git fetch --tags (in CI: fetch-depth: 0), or correct [gate] anchor",
            error.message()
        )
    };
    let repository = git2::Repository::discover(root).map_err(failed)?;
    let tree = repository
        .find_reference(&format!("refs/tags/{name}"))
        .and_then(|reference| reference.peel_to_tree())
        .map_err(failed)?;
    let shown = path(case);
    let Ok(entry) = tree.get_path(&inside(&repository, root).join(&shown)) else {
        return Ok(Lookup::Missing);
    };
    let blob = repository.find_blob(entry.id()).map_err(failed)?;
    Ok(
        match parse(&format!("{shown} at {name}"), case, blob.content()) {
            Ok(file) => Lookup::Found(Box::new(file)),
            Err(error) => Lookup::Unusable(error),
        },
    )
}

/// Without the feature `git` no tag can be read.
#[cfg(not(feature = "git"))]
pub fn at_tag(_: &Path, name: &str, _: &str) -> Result<Lookup, String> {
    Err(format!(
        "the anchor is the git tag {name}, and this build has no git: enable the feature `git` of steadfast"
    ))
}

/// The cases of which git could not merge the baseline or the anchor, and was not told how;
/// none outside a repository.
#[cfg(feature = "git")]
pub fn unmerged(root: &Path) -> BTreeSet<String> {
    let paths = || -> Result<Vec<PathBuf>, git2::Error> {
        let repository = git2::Repository::discover(root)?;
        let inside = inside(&repository, root);
        let index = repository.index()?;
        let mut found = Vec::new();
        for conflict in index.conflicts()? {
            let conflict = conflict?;
            let entries = [conflict.our, conflict.their, conflict.ancestor];
            let path = entries.into_iter().flatten().next().map(|entry| entry.path);
            let path = PathBuf::from(String::from_utf8_lossy(&path.unwrap_or_default()).as_ref());
            found.extend(path.strip_prefix(&inside).map(Path::to_owned));
        }
        Ok(found)
    };
    let paths = paths().unwrap_or_default();
    paths.iter().filter_map(|path| case_of(path)).collect()
}

/// Without the feature `git` nothing is known of merges.
#[cfg(not(feature = "git"))]
pub fn unmerged(_: &Path) -> BTreeSet<String> {
    BTreeSet::new()
}

/// What is to be said of such a case.
pub fn is_unmerged(case: &str) -> String {
    format!(
        "two branches changed {}, and git has not been told how it is merged. cargo steadfast resolve takes one side and keeps both histories; then git add {FOLDER} {ANCHORS}",
        path(case)
    )
}

/// The two sides of a path of `root` that git could not merge; `None`: it could.
///
/// # Errors
/// What git says.
#[cfg(feature = "git")]
pub fn sides(root: &Path, path: &str) -> Result<Option<Sides>, git2::Error> {
    let repository = git2::Repository::discover(root)?;
    let path = inside(&repository, root).join(path);
    let index = repository.index()?;
    let stage = |stage: i32| {
        let entry = index.get_path(&path, stage)?;
        let blob = repository.find_blob(entry.id).ok()?;
        Some(blob.content().to_vec())
    };
    let (ours, theirs) = (stage(2), stage(3));
    Ok((ours.is_some() || theirs.is_some()).then_some(Sides { ours, theirs }))
}

/// The file of a case that has this digest, at `path` of `root` on any side of what is being
/// merged, or on the branch as it was before: an anchor that the merge moved or deleted.
#[cfg(feature = "git")]
pub fn find(root: &Path, path: &str, case: &str, digest: &Digest) -> Option<BaselineFile> {
    let repository = git2::Repository::discover(root).ok()?;
    let path = inside(&repository, root).join(path);
    let index = repository.index().ok()?;
    let staged = (0..=3).filter_map(|stage| Some(index.get_path(&path, stage)?.id));
    let heads = [
        "HEAD",
        "MERGE_HEAD",
        "CHERRY_PICK_HEAD",
        "REBASE_HEAD",
        "ORIG_HEAD",
    ];
    let committed = heads.iter().filter_map(|head| {
        let tree = repository.revparse_single(head).ok()?.peel_to_tree().ok()?;
        Some(tree.get_path(&path).ok()?.id())
    });
    let mut files = staged.chain(committed).filter_map(|id| {
        let blob = repository.find_blob(id).ok()?;
        parse("an anchor", case, blob.content()).ok()
    });
    files.find(|file| file.digest == *digest)
}

/// Where `root` is in its repository.
#[cfg(feature = "git")]
fn inside(repository: &git2::Repository, root: &Path) -> PathBuf {
    let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let top = repository
        .workdir()
        .and_then(|folder| std::fs::canonicalize(folder).ok());
    let inside = top.as_deref().and_then(|top| root.strip_prefix(top).ok());
    inside.unwrap_or(Path::new("")).to_owned()
}
