//! Baselines as they are at a git tag.

use std::path::Path;

use super::folder::Lookup;

/// The baseline of `case` at the tag `name`; `Lookup::Missing` where the tag does
/// not have it.
///
/// # Errors
/// In words, with the cure, where the tag cannot be read.
#[cfg(feature = "git")]
pub fn look_up(root: &Path, name: &str, case: &str) -> Result<Lookup, String> {
    use super::file::parse;
    use super::folder::path;

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
    let root = std::fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
    let top = repository
        .workdir()
        .and_then(|folder| std::fs::canonicalize(folder).ok());
    let inside = top
        .as_deref()
        .and_then(|top| root.strip_prefix(top).ok())
        .unwrap_or(Path::new(""));
    let Ok(entry) = tree.get_path(&inside.join(&shown)) else {
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
pub fn look_up(_: &Path, name: &str, _: &str) -> Result<Lookup, String> {
    Err(format!(
        "the anchor is the git tag {name}, and this build has no git: enable the feature `git` of steadfast"
    ))
}
