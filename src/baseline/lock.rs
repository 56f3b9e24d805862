//! One lock for the baselines of a repository: runs share it, and who changes baselines
//! holds it alone, so that nobody reads a baseline beside the anchor of another.
//!
//! The system lets go of a lock when its process ends, however it ends. Nobody holds the
//! lock at a question to a person.

use std::fs::File;
use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::folder::FOLDER;
use crate::fence::Fence;
use crate::file::OWN;
use crate::text::{Page, warn};

/// How long one waits before saying so.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often one asks until then.
const PAUSE: Duration = Duration::from_millis(20);

/// A lock that is held until this goes out of scope.
#[must_use = "the lock is let go of when this goes out of scope"]
#[derive(Debug)]
pub struct Lock {
    /// `None`: the file system has no locks, or nothing there can be written.
    _file: Option<File>,
}

/// The lock, held alone: who changes baselines shows it.
#[must_use = "the lock is let go of when this goes out of scope"]
#[derive(Debug)]
pub struct Alone {
    _lock: Lock,
}

/// Shares the lock, to read.
///
/// # Errors
/// What the system says. A repository without baselines, or one that cannot be written to,
/// has nobody to wait for.
pub fn share(root: &Path) -> io::Result<Lock> {
    match open(root, false) {
        Ok(file) => take(file, File::try_lock_shared, File::lock_shared),
        Err(error) if is_nobody_there(&error) => Ok(Lock { _file: None }),
        Err(error) => Err(error),
    }
}

/// Holds the lock alone, to write.
///
/// # Errors
/// What the system says.
pub fn hold(root: &Path) -> io::Result<Alone> {
    let file = open(root, true)?;
    take(file, File::try_lock, File::lock).map(|_lock| Alone { _lock })
}

fn open(root: &Path, to_write: bool) -> io::Result<File> {
    let path = Path::new(FOLDER).join(format!("{OWN}lock"));
    Fence::around(root).open_lock(&path, to_write)
}

fn is_nobody_there(error: &io::Error) -> bool {
    use io::ErrorKind::{NotFound, PermissionDenied, ReadOnlyFilesystem};
    let denied = error.kind() == PermissionDenied && crate::file::Refusal::of(error).is_none();
    denied || matches!(error.kind(), NotFound | ReadOnlyFilesystem)
}

fn take(
    file: File,
    attempt: fn(&File) -> Result<(), TryLockError>,
    wait: fn(&File) -> io::Result<()>,
) -> io::Result<Lock> {
    let asked = Instant::now();
    let mut taken = attempt(&file);
    while matches!(taken, Err(TryLockError::WouldBlock)) && asked.elapsed() < PATIENCE {
        std::thread::sleep(PAUSE);
        taken = attempt(&file);
    }
    let taken = match taken {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => {
            warn(&Page::of(format_args!(
                "waiting: another steadfast is at work on {FOLDER}/; this one goes on when that one ends"
            )));
            wait(&file)
        }
    };
    match taken {
        Ok(()) => Ok(Lock { _file: Some(file) }),
        Err(error) if error.kind() == io::ErrorKind::Unsupported => {
            warn(&Page::of(format_args!(
                "warning: the file system of {FOLDER}/ has no locks: do not run and bless at the same time"
            )));
            Ok(Lock { _file: None })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(FOLDER)).unwrap();
        folder
    }

    #[test]
    fn who_reads_shares_and_who_writes_is_alone() {
        let folder = repository();
        let first = share(folder.path()).unwrap();
        let second = share(folder.path()).unwrap();
        let path = folder.path().join(FOLDER).join(".steadfast-lock");
        let other = File::options().write(true).open(&path).unwrap();
        assert!(matches!(other.try_lock(), Err(TryLockError::WouldBlock)));
        drop((first, second));
        let alone = hold(folder.path()).unwrap();
        assert!(matches!(
            other.try_lock_shared(),
            Err(TryLockError::WouldBlock)
        ));
        drop(alone);
        other.try_lock().unwrap();
    }

    #[test]
    fn a_writer_waits_for_a_reader() {
        let folder = repository();
        let reader = share(folder.path()).unwrap();
        let root = folder.path().to_owned();
        let (sender, receiver) = std::sync::mpsc::channel();
        let writer = std::thread::spawn(move || {
            let lock = hold(&root).unwrap();
            sender.send(()).unwrap();
            drop(lock);
        });
        // Beyond the patience, so that both ways of waiting are gone through.
        let early = receiver.recv_timeout(PATIENCE + 20 * PAUSE);
        assert!(early.is_err());
        drop(reader);
        receiver.recv_timeout(Duration::from_secs(30)).unwrap();
        writer.join().unwrap();
    }

    #[test]
    fn without_baselines_a_reader_waits_for_nobody_and_makes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        drop(share(folder.path()).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_that_is_a_link_or_a_pipe_is_refused() {
        let folder = repository();
        let path = folder.path().join(FOLDER).join(".steadfast-lock");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert!(share(folder.path()).is_err());
        std::fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(folder.path().join("elsewhere"), &path).unwrap();
        assert!(share(folder.path()).is_err());
        assert!(!folder.path().join("elsewhere").exists());
    }
}
