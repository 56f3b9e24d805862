//! The files of this process: each one is opened, listed, written and deleted here, so
//! that two rules hold wherever it is.
//!
//! - What is read is a regular file: a named pipe would wait for ever, and a device
//!   would give bytes without end.
//! - No link that git tracks leads out of its repository. Whoever writes to a repository
//!   does not say where files of this machine are read, written or deleted; a link that
//!   git does not track is the operator's own.
//!
//! [`Fence`](crate::fence::Fence) holds the paths that a repository names to more.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Component, Path, PathBuf};

use crate::env::{self, ROOTS_VARIABLE};

/// The most links on the way to one file; Linux has the same.
const MOST_LINKS: usize = 40;

/// How the names of files begin that are not to be committed.
pub const OWN: &str = ".steadfast-";

/// How those end that are a part of another.
const TEMPORARY: &str = ".tmp";

/// Why a file is not touched; [`Refusal::cure`] is what to do.
///
/// It comes within an [`io::Error`], whose message has both: see [`Refusal::of`].
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    /// A folder, a named pipe, a device.
    #[error("{path} is {kind}, not a regular file{}", never(kind))]
    Irregular {
        /// As it was asked for.
        path: String,
        /// What it is.
        kind: &'static str,
    },
    /// A link that a repository tracks leads out of it.
    #[error(
        "{path} goes through the link {link}, which is committed, to {real}, outside the repository {top}: a commit must not reach other files of this machine"
    )]
    Link {
        /// As it was asked for.
        path: String,
        /// The link.
        link: String,
        /// Where it leads in the end.
        real: String,
        /// The repository's folder.
        top: String,
        /// What would allow it.
        folder: String,
    },
    /// A link that a repository tracks leads elsewhere what would be written.
    #[error(
        "{path} goes through the link {link}, which is committed, to {real}: a commit must not say where files are written or deleted"
    )]
    Led {
        /// As it was asked for.
        path: String,
        /// The link.
        link: String,
        /// Where it leads in the end.
        real: String,
    },
    /// A path of a repository leads out of it.
    #[error(
        "{path} leads to {real}, outside the repository {top}: what is committed must not reach other files of this machine"
    )]
    Outside {
        /// As it was asked for.
        path: String,
        /// Where it leads in the end.
        real: String,
        /// The repository's folder.
        top: String,
        /// What would allow it.
        folder: String,
    },
    /// A path of a repository leads into git's own folder.
    #[error(
        "{path} leads to {real}, into git's own folder, where git may keep passwords: that is no part of what is committed"
    )]
    Git {
        /// As it was asked for.
        path: String,
        /// Where it leads in the end.
        real: String,
    },
}

impl Refusal {
    /// The refusal that an error holds, if it does.
    pub fn of(error: &io::Error) -> Option<&Self> {
        let cured: &Cured = error.get_ref()?.downcast_ref()?;
        Some(&cured.0)
    }

    /// What to do.
    pub fn cure(&self) -> String {
        match self {
            Self::Irregular { .. } => "name a regular file".to_owned(),
            Self::Led { .. } => "remove the link from the repository".to_owned(),
            Self::Git { .. } => "name a file of the repository".to_owned(),
            Self::Link { folder, .. } => format!(
                "replace the link; or, as the one who runs steadfast, allow that folder: {ROOTS_VARIABLE}={folder}"
            ),
            Self::Outside { folder, .. } => format!(
                "put it into the repository; or, as the one who runs steadfast, allow that folder: {ROOTS_VARIABLE}={folder}"
            ),
        }
    }
}

/// A refusal with its cure.
#[derive(Debug, thiserror::Error)]
#[error("{0}. Cure: {cure}", cure = .0.cure())]
struct Cured(Refusal);

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, Cured(refusal))
    }
}

/// Opens a regular file to read it. It never waits.
///
/// # Errors
/// A [`Refusal`], and what the system says.
pub fn open(path: &Path) -> io::Result<File> {
    open_real(&own(path)?, path)
}

/// The bytes of a regular file.
///
/// # Errors
/// A [`Refusal`], and what the system says.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    all(open(path)?)
}

/// What is in a folder, in the order of its names.
///
/// # Errors
/// A [`Refusal`], and what the system says.
pub fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    own(folder)?;
    list(folder)
}

/// Writes `bytes` to `path` so that a reader, or a machine that loses power,
/// finds the old file or the new one and never a part: a temporary file in the
/// same folder, flushed to the disk, renamed over the target. Missing folders
/// are made. A link at `path` itself is replaced, and what it leads to is left alone.
///
/// # Errors
/// A [`Refusal`], and what the system says.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let (folder, name) = split(path)?;
    write_real(&own_to_write(folder)?, name, bytes)
}

/// Deletes a file; of a link the link itself.
///
/// # Errors
/// A [`Refusal`], and what the system says: [`io::ErrorKind::NotFound`] where there is
/// none.
pub fn remove(path: &Path) -> io::Result<()> {
    let (folder, name) = split(path)?;
    remove_real(&own_to_write(folder)?, name)
}

/// Whether git tracks a file, or a link on the way to it: then it is what a commit brought,
/// and nothing of this machine. What cannot be looked up counts as tracked.
pub fn is_committed(path: &Path) -> bool {
    let Ok(followed) = follow(path) else {
        return true;
    };
    let mut all = followed.links.iter().chain([&followed.real]);
    all.any(|path| {
        path.parent()
            .and_then(top)
            .is_some_and(|top| is_in_index(top, path, None))
    })
}

/// The size of a file in bytes; of a link its own.
///
/// # Errors
/// What the system says.
pub fn size(path: &Path) -> io::Result<u64> {
    Ok(std::fs::symlink_metadata(path)?.len())
}

/// A path without its links.
pub(crate) struct Followed {
    /// Where it leads. What is missing of it is as it was written.
    pub real: PathBuf,
    /// The links on the way, each without links before its own name.
    pub links: Vec<PathBuf>,
}

/// Follows the links of a path, whether or not it leads to anything.
pub(crate) fn follow(path: &Path) -> io::Result<Followed> {
    let parts = |path: &Path| -> Vec<OsString> {
        let parts = path.components().rev();
        parts.map(|part| part.as_os_str().to_owned()).collect()
    };
    let mut rest = parts(&std::path::absolute(path)?);
    let mut real = PathBuf::new();
    let mut links = Vec::new();
    while let Some(part) = rest.pop() {
        if part == Component::ParentDir.as_os_str() {
            real.pop();
            continue;
        }
        if part == Component::CurDir.as_os_str() {
            continue;
        }
        let next = real.join(&part);
        let is_link = match std::fs::symlink_metadata(&next) {
            // The root, or a drive, of which not every way of writing can be asked about.
            _ if next.file_name().is_none() => false,
            Ok(about) => about.is_symlink(),
            Err(error) if is_missing(&error) => false,
            Err(error) => return Err(error),
        };
        if !is_link {
            real = next;
            continue;
        }
        if links.len() == MOST_LINKS {
            let message = format!("{} goes through too many links", path.display());
            return Err(io::Error::other(message));
        }
        // An absolute target begins with the root, which `join` begins anew with.
        rest.extend(parts(&std::fs::read_link(&next)?));
        links.push(spelt(&real)?.join(part));
    }
    Ok(Followed {
        real: spelt(&real)?,
        links,
    })
}

/// A path without links as the system spells it: letters' case, and on Windows its
/// beginning.
fn spelt(path: &Path) -> io::Result<PathBuf> {
    for there in path.ancestors() {
        match std::fs::canonicalize(there) {
            Ok(spelt) => {
                let missing = path.strip_prefix(there).unwrap_or(Path::new(""));
                return Ok(match missing.as_os_str().is_empty() {
                    true => spelt,
                    false => spelt.join(missing),
                });
            }
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(path.to_owned())
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// The folder of the git repository that a path without links is in.
pub(crate) fn top(path: &Path) -> Option<&Path> {
    // Git does not track anything that is called so.
    path.ancestors()
        .find(|folder| std::fs::symlink_metadata(folder.join(".git")).is_ok())
}

/// The folders that the operator named, without links. One that is reached through a
/// committed link is none of his.
pub(crate) fn roots() -> Vec<PathBuf> {
    let followed = env::roots().into_iter().filter_map(|root| {
        let followed = follow(&root).ok()?;
        let own = leads_out(&followed).is_none();
        own.then_some(followed.real)
    });
    followed.collect()
}

/// Where a path leads, by no committed link out of a repository.
fn own(path: &Path) -> io::Result<PathBuf> {
    Ok(followed_own(path)?.real)
}

/// The same with the links on the way.
fn followed_own(path: &Path) -> io::Result<Followed> {
    let followed = follow(path)?;
    let allowed = || roots().iter().any(|root| followed.real.starts_with(root));
    match leads_out(&followed) {
        Some((link, top)) if !allowed() => Err(Refusal::Link {
            path: path.display().to_string(),
            link: link.display().to_string(),
            folder: folder_of(&followed.real),
            real: followed.real.display().to_string(),
            top: top.display().to_string(),
        }
        .into()),
        _ => Ok(followed),
    }
}

/// The same for what is written or deleted: by no committed link at all, since within a
/// repository there are git's own folder, and the baselines.
fn own_to_write(path: &Path) -> io::Result<PathBuf> {
    let Followed { real, links } = followed_own(path)?;
    let committed = links.iter().find(|link| {
        let top = link.parent().and_then(top);
        top.is_some_and(|top| is_tracked(top, link))
    });
    match committed {
        Some(link) if !roots().iter().any(|root| real.starts_with(root)) => Err(Refusal::Led {
            path: path.display().to_string(),
            link: link.display().to_string(),
            real: real.display().to_string(),
        }
        .into()),
        _ => Ok(real),
    }
}

/// The folder to allow, so that a path may be reached.
pub(crate) fn folder_of(real: &Path) -> String {
    let folder = match std::fs::metadata(real) {
        Ok(about) if about.is_dir() => real,
        _ => real.parent().unwrap_or(real),
    };
    folder.display().to_string()
}

/// The first committed link that leads out of its repository, and that repository.
fn leads_out(followed: &Followed) -> Option<(&Path, &Path)> {
    followed.links.iter().find_map(|link| {
        let top = top(link.parent()?)?;
        let out = !followed.real.starts_with(top) && is_tracked(top, link);
        out.then_some((link.as_path(), top))
    })
}

/// Whether git tracks a link. One that cannot be looked up counts as tracked.
fn is_tracked(top: &Path, link: &Path) -> bool {
    const LINK: u32 = 0o120_000;
    is_in_index(top, link, Some(LINK))
}

/// Whether git tracks a path, of a mode if that is said.
#[cfg(feature = "git")]
fn is_in_index(top: &Path, path: &Path, mode: Option<u32>) -> bool {
    let Ok(index) = git2::Repository::open(top).and_then(|repository| repository.index()) else {
        return true;
    };
    let inside = path.strip_prefix(top).unwrap_or(path);
    let parts = inside.components();
    let parts: Vec<_> = parts
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    // Some systems find a file whatever the case of its name.
    let name = parts.join("/");
    index.iter().any(|entry| {
        mode.is_none_or(|mode| entry.mode == mode)
            && entry.path.eq_ignore_ascii_case(name.as_bytes())
    })
}

/// Without the feature `git` it is not known: whatever is in a repository counts.
#[cfg(not(feature = "git"))]
fn is_in_index(_: &Path, _: &Path, _: Option<u32>) -> bool {
    true
}

/// Opens a regular file at a path without links, which messages call `shown`.
pub(crate) fn open_real(real: &Path, shown: &Path) -> io::Result<File> {
    open_as(OpenOptions::new().read(true), real, shown)
}

/// Opens a regular file as `options` say.
fn open_as(options: &mut OpenOptions, real: &Path, shown: &Path) -> io::Result<File> {
    // Before, because opening a device may do something; and after, because another file
    // may have taken its place.
    regular(&std::fs::symlink_metadata(real)?, shown)?;
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY;
        options.custom_flags(flags.bits() as i32);
    }
    let file = options.open(real)?;
    regular(&file.metadata()?, shown)?;
    Ok(file)
}

/// Opens the file that stands for a lock, and makes it where it is not there; `to_write` who
/// will hold it alone, with its folder.
pub(crate) fn open_lock_real(folder: &Path, name: &OsStr, to_write: bool) -> io::Result<File> {
    if to_write {
        std::fs::create_dir_all(folder)?;
    }
    let path = folder.join(name);
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        // What stands there may be a link, or a named pipe; and another's, to be read only.
        Err(_) if std::fs::symlink_metadata(&path).is_ok() => {
            open_as(OpenOptions::new().read(true).write(to_write), &path, &path)
        }
        opened => opened,
    }
}

/// Why it is not read, where that has to be said.
fn never(kind: &str) -> &'static str {
    match kind {
        FOLDER => "",
        _ => ": reading it might never end",
    }
}

/// What most often is no regular file.
const FOLDER: &str = "a folder";

fn regular(about: &Metadata, shown: &Path) -> io::Result<()> {
    if about.is_file() {
        return Ok(());
    }
    Err(Refusal::Irregular {
        path: shown.display().to_string(),
        kind: kind(about),
    }
    .into())
}

fn kind(about: &Metadata) -> &'static str {
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt;
        let kind = about.file_type();
        if kind.is_fifo() {
            return "a named pipe";
        }
        if kind.is_socket() {
            return "a socket";
        }
        if kind.is_block_device() || kind.is_char_device() {
            return "a device";
        }
    }
    match about.is_dir() {
        true => FOLDER,
        false => "something else",
    }
}

/// All bytes of an open file.
pub(crate) fn all(mut file: File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Whether a file is steadfast's own and no content: a part of one that was being written
/// when its process ended, or a lock.
pub fn is_own(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(OWN)
}

/// Whether it is a part of a file that was being written when its process ended.
pub fn is_temporary(name: &OsStr) -> bool {
    is_own(name) && name.to_string_lossy().ends_with(TEMPORARY)
}

/// What is in a folder that may be listed, in the order of its names.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut names = std::fs::read_dir(folder)?
        .map(|entry| Ok(entry?.file_name()))
        .collect::<io::Result<Vec<_>>>()?;
    names.sort();
    Ok(names.into_iter().map(|name| folder.join(name)).collect())
}

/// A path's folder, and its name in it.
pub(crate) fn split(path: &Path) -> io::Result<(&Path, &OsStr)> {
    let name = path.file_name().ok_or_else(|| {
        let message = format!("{} is no name of a file", path.display());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })?;
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    Ok((folder, name))
}

/// Writes a file into a folder that may be written to.
pub(crate) fn write_real(folder: &Path, name: &OsStr, bytes: &[u8]) -> io::Result<()> {
    let path = folder.join(name);
    std::fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(OWN)
        .suffix(TEMPORARY)
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    #[cfg(unix)]
    {
        // `tempfile` makes files private; what is committed has the usual mode.
        use std::os::unix::fs::PermissionsExt;
        let old = std::fs::symlink_metadata(&path).ok();
        let old = old.filter(Metadata::is_file);
        let mode = old.map_or(0o644, |old| old.permissions().mode());
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    file.persist(&path).map_err(|error| error.error)?;
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Deletes the file called `name` in a folder that may be written to.
pub(crate) fn remove_real(folder: &Path, name: &OsStr) -> io::Result<()> {
    std::fs::remove_file(folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/c.json");
        write_atomically(&path, b"old").unwrap();
        write_atomically(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        let beside = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
        assert_eq!(beside, 1, "no temporary file is left");
    }

    #[test]
    fn a_target_that_cannot_be_replaced_is_left_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("taken");
        std::fs::create_dir_all(path.join("inside")).unwrap();
        assert!(write_atomically(&path, b"new").is_err());
        assert!(path.join("inside").is_dir());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let error = read(folder.path()).unwrap_err();
        assert!(matches!(
            Refusal::of(&error),
            Some(Refusal::Irregular { kind: FOLDER, .. })
        ));
        let error = read(&folder.path().join("none")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_one_by_one_to_what_is_there_and_to_what_is_not() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("a/b")).unwrap();
        std::fs::write(root.join("a/file"), "").unwrap();
        symlink("b/../file", root.join("a/one")).unwrap();
        symlink(root.join("a"), root.join("two")).unwrap();
        symlink("nowhere/at/all", root.join("three")).unwrap();
        symlink("four", root.join("four")).unwrap();
        let followed = follow(&root.join("two/./one")).unwrap();
        assert_eq!(followed.real, root.join("a/file"));
        assert_eq!(followed.links, [root.join("two"), root.join("a/one")]);
        let followed = follow(&root.join("three/x")).unwrap();
        assert_eq!(followed.real, root.join("nowhere/at/all/x"));
        let followed = follow(&root.join("two/b/../..")).unwrap();
        assert_eq!(followed.real, root);
        assert!(follow(&root.join("four")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_named_pipe_does_not_keep_anybody_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            let error = read(path).unwrap_err();
            let refusal = Refusal::of(&error);
            assert!(
                matches!(refusal, Some(Refusal::Irregular { .. })),
                "{error}"
            );
        }
    }
}
