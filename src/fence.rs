//! Where the paths that a repository names may lead: into the repository, and into the
//! folders that the operator named in `STEADFAST_ROOTS`.
//!
//! The repository is git's top level above the package, or the folder of
//! `robustness-specs/` where there is no git. A path is what its links lead to.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crate::file::{self, Refusal};

/// Git's own folder, and what of it are files of the repository: those of git-annex.
const GIT: (&str, &str) = (".git", "annex");

/// The folders that a repository's paths lead to. Relative paths start at its root.
#[derive(Clone, Debug)]
pub struct Fence {
    root: PathBuf,
    top: PathBuf,
    roots: Vec<PathBuf>,
}

impl Fence {
    /// That of the repository whose specs, or whose labels file, are in the folder `root`.
    pub fn around(root: &Path) -> Self {
        // A root that is not there has nothing in it that could be reached.
        let root = std::path::absolute(root).unwrap_or(root.to_owned());
        let real = file::follow(&root).map_or(root.clone(), |followed| followed.real);
        Self {
            root,
            top: file::top(&real).unwrap_or(&real).to_owned(),
            roots: file::roots(),
        }
    }

    /// Where a path leads, whether or not anything is there.
    ///
    /// # Errors
    /// A [`Refusal`] where that is elsewhere, and what the system says.
    pub fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let real = file::follow(&self.root.join(path))?.real;
        let (git, annex) = (self.top.join(GIT.0), self.top.join(GIT.0).join(GIT.1));
        if self.roots.iter().any(|root| real.starts_with(root)) || real.starts_with(annex) {
            return Ok(real);
        }
        let shown = self.shown(path).display().to_string();
        if real.starts_with(git) || is_gits_own(&real, &self.top) {
            let real = real.display().to_string();
            return Err(Refusal::Git { path: shown, real }.into());
        }
        if real.starts_with(&self.top) {
            return Ok(real);
        }
        Err(Refusal::Outside {
            path: shown,
            folder: file::folder_of(&real),
            real: real.display().to_string(),
            top: self.top.display().to_string(),
        }
        .into())
    }

    /// A path as people read it: from the root.
    fn shown<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// Where a path leads, which is a regular file.
    ///
    /// # Errors
    /// A [`Refusal`], and what the system says.
    pub fn locate(&self, path: &Path) -> io::Result<PathBuf> {
        let real = self.resolve(path)?;
        file::open_real(&real, self.shown(path))?;
        Ok(real)
    }

    /// Opens a regular file to read it. It never waits.
    ///
    /// # Errors
    /// A [`Refusal`], and what the system says.
    pub fn open(&self, path: &Path) -> io::Result<File> {
        file::open_real(&self.resolve(path)?, self.shown(path))
    }

    /// The bytes of a regular file.
    ///
    /// # Errors
    /// A [`Refusal`], and what the system says.
    pub fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        file::all(self.open(path)?)
    }

    /// What is in a folder, in the order of its names; each path begins with that of the
    /// folder, from the root.
    ///
    /// # Errors
    /// A [`Refusal`], and what the system says.
    pub fn entries(&self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.resolve(folder)?;
        file::list(&self.root.join(folder))
    }

    /// Writes a file as [`file::write_atomically`] does.
    ///
    /// # Errors
    /// A [`Refusal`], and what the system says.
    pub fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (folder, name) = file::split(path)?;
        file::write_real(&self.resolve(folder)?, name, bytes)
    }

    /// Opens the file that stands for a lock, and makes it where it is not there; `to_write`
    /// who will hold it alone, with its folder.
    ///
    /// # Errors
    /// A [`Refusal`], and what the system says.
    pub fn open_lock(&self, path: &Path, to_write: bool) -> io::Result<File> {
        let (folder, name) = file::split(path)?;
        file::open_lock_real(&self.resolve(folder)?, name, to_write)
    }

    /// Deletes a file; of a link the link itself.
    ///
    /// # Errors
    /// A [`Refusal`], and what the system says: [`io::ErrorKind::NotFound`] where there
    /// is none.
    pub fn remove(&self, path: &Path) -> io::Result<()> {
        let (folder, name) = file::split(path)?;
        file::remove_real(&self.resolve(folder)?, name)
    }
}

/// Whether a path is within a folder of git's own: that of another checkout within the
/// repository, or one without a working tree, whatever that is called.
fn is_gits_own(real: &Path, top: &Path) -> bool {
    let inside = real.strip_prefix(top).unwrap_or(real);
    let is_git = |part: std::path::Component<'_>| part.as_os_str().eq_ignore_ascii_case(GIT.0);
    let is_bare = |folder: &&Path| {
        folder.join("HEAD").is_file()
            && folder.join("objects").is_dir()
            && folder.join("refs").is_dir()
    };
    let above = real.ancestors().skip(1);
    let mut above = above.take_while(|folder| folder.starts_with(top));
    inside.components().any(is_git) || above.any(|folder| is_bare(&folder))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A repository beside another folder, which has a file in it.
    fn scratch() -> (tempfile::TempDir, PathBuf, Fence) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("repository/package");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::create_dir_all(folder.path().join("repository/.git/annex")).unwrap();
        std::fs::create_dir_all(folder.path().join("other")).unwrap();
        std::fs::write(folder.path().join("other/secret"), "secret").unwrap();
        std::fs::write(folder.path().join("repository/beside"), "beside").unwrap();
        std::fs::write(folder.path().join("repository/.git/config"), "token").unwrap();
        std::fs::write(folder.path().join("repository/.git/annex/1"), "large").unwrap();
        for other in ["nested/.git", "bare"] {
            let other = folder.path().join("repository").join(other);
            std::fs::create_dir_all(other.join("objects")).unwrap();
            std::fs::create_dir(other.join("refs")).unwrap();
            std::fs::write(other.join("HEAD"), "ref: refs/heads/main").unwrap();
            std::fs::write(other.join("config"), "token").unwrap();
        }
        let fence = Fence::around(&root);
        (folder, root, fence)
    }

    fn is_refused<T: std::fmt::Debug>(result: io::Result<T>) -> bool {
        result.is_err_and(|error| Refusal::of(&error).is_some())
    }

    #[test]
    fn what_is_read_is_in_the_repository() {
        let (folder, root, fence) = scratch();
        symlink("../../other/secret", root.join("link")).unwrap();
        symlink("../../other", root.join("folder")).unwrap();
        symlink("../../other/none", root.join("dangling")).unwrap();
        symlink("../.git/config", root.join("config")).unwrap();
        symlink("../.git/annex/1", root.join("annexed")).unwrap();
        symlink("../beside", root.join("near")).unwrap();
        let read = |path: &str| fence.read(Path::new(path));
        for path in [
            "link",
            "folder/secret",
            "dangling",
            "config",
            "../.git/config",
            "../nested/.git/config",
            "../nested/.GIT/config",
            "../bare/config",
            "../../other/secret",
            "/proc/self/environ",
            folder.path().join("other/secret").to_str().unwrap(),
        ] {
            assert!(is_refused(read(path)), "{path}");
        }
        assert_eq!(read("../beside").unwrap(), b"beside");
        assert_eq!(read("near").unwrap(), b"beside");
        assert_eq!(read("annexed").unwrap(), b"large");
        assert_eq!(read("none").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_written_and_deleted_is_in_the_repository() {
        let (folder, root, fence) = scratch();
        let secret = folder.path().join("other/secret");
        symlink("../../other", root.join("folder")).unwrap();
        symlink(&secret, root.join("link")).unwrap();
        for path in ["folder/secret", "folder/new", "folder/new/new"] {
            assert!(is_refused(fence.write(Path::new(path), b"")), "{path}");
            assert!(is_refused(fence.remove(Path::new(path))), "{path}");
        }
        assert!(is_refused(fence.entries(Path::new("folder"))));
        // A link is replaced, and deleted, itself.
        fence.write(Path::new("link"), b"own").unwrap();
        assert_eq!(std::fs::read(root.join("link")).unwrap(), b"own");
        fence.remove(Path::new("link")).unwrap();
        assert_eq!(std::fs::read(&secret).unwrap(), b"secret");
        fence.write(Path::new("new/deep/file"), b"own").unwrap();
        assert!(root.join("new/deep/file").is_file());
    }

    #[test]
    fn without_git_the_repository_is_the_root() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("root")).unwrap();
        std::fs::write(folder.path().join("beside"), "").unwrap();
        let fence = Fence::around(&folder.path().join("root"));
        // Where the folder of temporary files is in no repository.
        if file::top(&folder.path().canonicalize().unwrap()).is_none() {
            assert!(is_refused(fence.read(Path::new("../beside"))));
        }
    }
}
