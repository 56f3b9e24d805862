//! The folders of baselines and of anchors: one file a case, `digits::identity` in
//! `baselines/digits/identity.json`.

use std::io;
use std::path::{Path, PathBuf};

use super::file::{BaselineError, BaselineFile, parse, render};
use crate::fence::Fence;
use crate::file;

/// The folder, beside `Cargo.toml`.
pub const FOLDER: &str = "baselines";

/// The folder of anchors, beside it: the baseline that a case's later ones are also
/// held against. There is none while the baseline itself is the anchor.
pub const ANCHORS: &str = "anchors";

/// What stands where a case's baseline should be.
#[derive(Debug)]
pub enum Lookup {
    /// Nothing.
    Missing,
    /// A baseline.
    Found(Box<BaselineFile>),
    /// Something else.
    Unusable(BaselineError),
}

/// The file of a case, from the root, with `/` between the segments.
pub fn path(case: &str) -> String {
    path_in(FOLDER, case)
}

/// The file of a case's anchor, likewise.
pub fn anchor_path(case: &str) -> String {
    path_in(ANCHORS, case)
}

fn path_in(folder: &str, case: &str) -> String {
    format!("{folder}/{}.json", case.replace("::", "/"))
}

/// Reads the baseline of a case.
pub fn look_up(root: &Path, case: &str) -> Lookup {
    read(root, &path(case), case)
}

/// Reads the anchor of a case.
pub fn look_up_anchor(root: &Path, case: &str) -> Lookup {
    read(root, &anchor_path(case), case)
}

fn read(root: &Path, shown: &str, case: &str) -> Lookup {
    match Fence::around(root).read(Path::new(shown)) {
        Ok(text) => match parse(shown, case, &text) {
            Ok(file) => Lookup::Found(Box::new(file)),
            Err(error) => Lookup::Unusable(error),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Lookup::Missing,
        Err(source) => Lookup::Unusable(BaselineError::Unreadable {
            path: shown.to_owned(),
            source,
        }),
    }
}

/// Writes a baseline whole or not at all.
pub fn write(root: &Path, file: &BaselineFile) -> io::Result<()> {
    Fence::around(root).write(Path::new(&path(&file.case)), render(file).as_bytes())
}

/// Keeps a baseline as the anchor of its case, whole or not at all.
pub fn write_anchor(root: &Path, file: &BaselineFile) -> io::Result<()> {
    let path = anchor_path(&file.case);
    Fence::around(root).write(Path::new(&path), render(file).as_bytes())
}

/// Removes the anchor of a case, so that its baseline is the anchor; says whether
/// there was one.
pub fn remove_anchor(root: &Path, case: &str) -> io::Result<bool> {
    match Fence::around(root).remove(Path::new(&anchor_path(case))) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// All files under a `folder` of `root`, [`FOLDER`] or [`ANCHORS`]: the case that
/// each would be of, and its path. A case that no spec asks for is an orphan.
pub fn files(root: &Path, folder: &str) -> io::Result<Vec<(String, PathBuf)>> {
    fn walk(
        fence: &Fence,
        folder: &Path,
        segments: &mut Vec<String>,
        found: &mut Vec<(String, PathBuf)>,
    ) -> io::Result<()> {
        for path in fence.entries(folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if path.is_dir() && !path.is_symlink() {
                segments.push(name.into_owned());
                walk(fence, &path, segments, found)?;
                segments.pop();
            } else if let Some(stem) = name.strip_suffix(".json") {
                segments.push(stem.to_owned());
                found.push((segments.join("::"), path.clone()));
                segments.pop();
            }
        }
        Ok(())
    }
    let fence = Fence::around(root);
    let mut found = Vec::new();
    match walk(&fence, Path::new(folder), &mut Vec::new(), &mut found) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(()) => Ok(found),
    }
}

/// The size of all files of baselines and anchors, in bytes.
pub fn total_size(root: &Path) -> io::Result<u64> {
    let mut total = 0;
    for folder in [FOLDER, ANCHORS] {
        for (_, path) in files(root, folder)? {
            total += file::size(&path)?;
        }
    }
    Ok(total)
}
