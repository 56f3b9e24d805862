//! The folders of baselines and of anchors: one file a case, `digits::identity` in
//! `baselines/digits/identity.json`.

use std::io;
use std::path::{Path, PathBuf};

use super::file::{BaselineError, BaselineFile, parse, render};
use super::lock::Alone;
use crate::digest::Digest;
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

/// Where an anchor waits until the baseline that names it is written.
pub fn waiting_anchor_path(case: &str) -> String {
    path_in(ANCHORS, &format!("{case}{NEXT}"))
}

/// How its name ends, before that of all baselines; no case is called so.
const NEXT: &str = "+next";

fn path_in(folder: &str, case: &str) -> String {
    format!("{folder}/{}.json", case.replace("::", "/"))
}

/// The case that a file of baselines or anchors would be of, by its path from the root.
pub fn case_of(path: &Path) -> Option<String> {
    let inside = [FOLDER, ANCHORS].map(|folder| path.strip_prefix(folder).ok());
    let inside = inside.into_iter().flatten().next()?;
    let inside = inside.to_string_lossy().replace('\\', "/");
    let stem = inside.strip_suffix(".json")?;
    let stem = stem.strip_suffix(NEXT).unwrap_or(stem);
    Some(stem.replace('/', "::"))
}

/// Reads the baseline of a case.
pub fn look_up(root: &Path, case: &str) -> Lookup {
    look_up_at(root, &path(case), case)
}

/// Reads the anchor of a case that its baseline names by its digest. Another file that
/// stands there is given where that one does not.
pub fn look_up_anchor(root: &Path, case: &str, named: &Digest) -> Lookup {
    let is_named = |lookup: &Lookup| matches!(lookup, Lookup::Found(file) if file.digest == *named);
    let at_path = look_up_at(root, &anchor_path(case), case);
    if is_named(&at_path) {
        return at_path;
    }
    let next = look_up_at(root, &waiting_anchor_path(case), case);
    if is_named(&next) { next } else { at_path }
}

/// The anchor of a case that its baseline names by its digest.
pub fn find_anchor(root: &Path, case: &str, named: &Digest) -> Option<BaselineFile> {
    match look_up_anchor(root, case, named) {
        Lookup::Found(anchor) if anchor.digest == *named => Some(*anchor),
        _ => None,
    }
}

/// Reads the file of a case at a path from the root, where a baseline or an anchor may be that was
/// moved by hand.
pub fn look_up_at(root: &Path, shown: &str, case: &str) -> Lookup {
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

/// Writes a baseline that names the anchor that the one before names.
pub fn write(_: &Alone, root: &Path, file: &BaselineFile) -> io::Result<()> {
    write_to(root, &path(&file.case), file)
}

fn write_to(root: &Path, path: &str, file: &BaselineFile) -> io::Result<()> {
    Fence::around(root).write(Path::new(path), render(file).as_bytes())
}

/// Writes a baseline and the anchor that it names; `None`: the baseline itself is the anchor.
///
/// Whenever that stops, the baseline that stands finds the anchor that it names: a new anchor
/// waits beside the old one until the baseline that names the new one is written.
pub fn write_beside(
    alone: &Alone,
    root: &Path,
    file: &BaselineFile,
    anchor: Option<&BaselineFile>,
) -> io::Result<()> {
    settle(root, &file.case)?;
    if let Some(anchor) = anchor
        && find_anchor(root, &file.case, &anchor.digest).is_none()
    {
        write_to(root, &waiting_anchor_path(&file.case), anchor)?;
    }
    write(alone, root, file)?;
    settle_beside(root, file)
}

/// Brings all anchors to their places that wait for it.
pub fn settle_all(_: &Alone, root: &Path) -> io::Result<()> {
    for (case, path) in files(root, ANCHORS)? {
        if path.to_string_lossy().contains(NEXT) {
            settle(root, &case)?;
        }
    }
    Ok(())
}

/// Whether an anchor stands for a case, whatever its baseline says.
pub fn has_anchor(root: &Path, case: &str) -> bool {
    let paths = [anchor_path(case), waiting_anchor_path(case)];
    let mut lookups = paths.iter().map(|path| look_up_at(root, path, case));
    lookups.any(|lookup| !matches!(lookup, Lookup::Missing))
}

/// What was left to do for a case where [`write_beside`] stopped.
fn settle(root: &Path, case: &str) -> io::Result<()> {
    match look_up(root, case) {
        Lookup::Found(baseline) => settle_beside(root, &baseline),
        _ => Ok(()),
    }
}

/// Brings the anchor of a baseline that stands to its place, and removes what the baseline
/// does not name.
fn settle_beside(root: &Path, baseline: &BaselineFile) -> io::Result<()> {
    let case = baseline.case.as_str();
    let fence = Fence::around(root);
    let remove = |path: String| match fence.remove(Path::new(&path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    };
    let Some(named) = &baseline.anchor else {
        remove(anchor_path(case))?;
        return remove(waiting_anchor_path(case));
    };
    let next = look_up_at(root, &waiting_anchor_path(case), case);
    if let Lookup::Found(next) = next
        && next.digest == *named
    {
        write_to(root, &anchor_path(case), &next)?;
    }
    remove(waiting_anchor_path(case))
}

/// What was being written into the folders of baselines and anchors when its process ended.
pub fn temporary_files(root: &Path) -> io::Result<Vec<PathBuf>> {
    let is_temporary = |path: &Path| path.file_name().is_some_and(file::is_temporary);
    let mut found = Vec::new();
    for folder in [FOLDER, ANCHORS] {
        let files = walk(root, folder)?;
        found.extend(files.into_iter().filter(|path| is_temporary(path)));
    }
    Ok(found)
}

/// All files under a `folder` of `root`, [`FOLDER`] or [`ANCHORS`]: the case that
/// each would be of, and its path. A case that no spec asks for is an orphan.
pub fn files(root: &Path, folder: &str) -> io::Result<Vec<(String, PathBuf)>> {
    let files = walk(root, folder)?.into_iter();
    Ok(files
        .filter_map(|path| Some((case_of(&path)?, path)))
        .collect())
}

/// All that is no folder under a `folder` of `root`; of a link itself.
fn walk(root: &Path, folder: &str) -> io::Result<Vec<PathBuf>> {
    fn walk(fence: &Fence, root: &Path, folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
        for path in fence.entries(folder)? {
            if path.is_dir() && !path.is_symlink() {
                walk(fence, root, &path, found)?;
            } else {
                found.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
            }
        }
        Ok(())
    }
    let mut found = Vec::new();
    match walk(&Fence::around(root), root, Path::new(folder), &mut found) {
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
            total += file::size(&root.join(path))?;
        }
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::of_day;
    use super::super::lock::hold;
    use super::*;

    /// Whether the baseline that stands finds the anchor that it names.
    fn is_whole(root: &Path, case: &str) -> bool {
        let Lookup::Found(baseline) = look_up(root, case) else {
            return false;
        };
        let finds = |named| find_anchor(root, case, named).is_some();
        baseline.anchor.as_ref().is_none_or(finds)
    }

    #[test]
    fn wherever_a_bless_stops_a_baseline_finds_its_anchor() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let alone = hold(root).unwrap();
        let [first, second, mut third] = [1, 2, 3].map(of_day);
        let case = first.case.clone();
        write_beside(&alone, root, &second, None).unwrap();
        assert!(is_whole(root, &case));
        // Another anchor than stands there, in the steps of `write_beside`.
        let mut beside_first = second.clone();
        beside_first.anchor = Some(first.digest.clone());
        beside_first.seal();
        write_beside(&alone, root, &beside_first, Some(&first)).unwrap();
        assert!(is_whole(root, &case));
        third.anchor = Some(second.digest.clone());
        third.seal();
        write_to(root, &waiting_anchor_path(&case), &second).unwrap();
        assert!(is_whole(root, &case));
        assert_eq!(files(root, ANCHORS).unwrap().len(), 2);
        write(&alone, root, &third).unwrap();
        assert!(is_whole(root, &case));
        // The next one that writes puts it right, whatever it does.
        let fourth = of_day(4);
        write_beside(&alone, root, &fourth, None).unwrap();
        assert!(is_whole(root, &case));
        assert_eq!(files(root, ANCHORS).unwrap(), []);
        write(&alone, root, &third).unwrap();
        write_to(root, &waiting_anchor_path(&case), &second).unwrap();
        write_beside(&alone, root, &third, Some(&second)).unwrap();
        assert!(is_whole(root, &case));
        let anchors = files(root, ANCHORS).unwrap();
        assert_eq!(anchors, [(case.clone(), PathBuf::from(anchor_path(&case)))]);
    }

    #[test]
    fn what_a_killed_process_left_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let first = of_day(1);
        let alone = hold(folder.path()).unwrap();
        write(&alone, folder.path(), &first).unwrap();
        let beside = folder.path().join(path(&first.case));
        let left = beside.parent().unwrap().join(".steadfast-x7.tmp");
        std::fs::write(&left, "{").unwrap();
        let found = temporary_files(folder.path()).unwrap();
        assert_eq!(found, [left.strip_prefix(folder.path()).unwrap()]);
        assert_eq!(files(folder.path(), FOLDER).unwrap().len(), 1);
    }
}
