//! `resolve`: the baselines that git could not merge, because two branches accepted other
//! outcomes of one case. As git's merge driver it does the same for one file.

use std::path::{Path, PathBuf};

use steadfast::baseline::{self, Alone, BaselineError, BaselineFile, Lookup, Side};
use steadfast::error::{Error, ErrorKind};
use steadfast::file;
use steadfast::spec::FOLDER;

use crate::acceptance::written;
use crate::cases::refuse_in_ci;
use crate::exit_code::ExitCode;
use crate::repository::{Repository, is_wanted};

/// What git is told to run where both sides changed a baseline.
///
/// Not by way of cargo, which does what `.cargo/config.toml` and `rust-toolchain.toml` of the
/// tree say that is merged.
pub const DRIVER: &str = "cargo-steadfast resolve --driver %O %A %B %P";

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names
    filter: Vec<String>,
    /// Take the outcomes of the branch that is merged in (in a rebase: of the commits that are
    /// moved), and not those of the branch that is checked out
    #[arg(long)]
    theirs: bool,
    /// Do what git's merge driver is to do with the files BASE, OURS, THEIRS, and the PATH
    #[arg(long, hide = true, conflicts_with = "theirs")]
    driver: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    refuse_in_ci("resolve")?;
    if arguments.driver {
        return drive(&arguments.filter);
    }
    let (repository, alone) = Repository::open_alone()?;
    let mut cases = baseline::unmerged(&repository.root);
    let all = cases.len();
    cases.retain(|case| is_wanted(&arguments.filter, case));
    if cases.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!(
                "git knows of no such conflict in {}/ or {}/. Where a file with the marks of a conflict was added already, git checkout -m -- PATH brings the conflict back; where it was committed, take a side: git checkout COMMIT -- PATH",
                baseline::FOLDER,
                baseline::ANCHORS
            ),
        ));
    }
    let (mut left, mut stale) = (0, 0);
    for case in &cases {
        match resolve(&alone, &repository, case, arguments.theirs) {
            Ok(resolved) => {
                stale += usize::from(resolved.is_stale);
                resolved.lines.iter().for_each(|line| say!("{line}"));
            }
            Err(error) => {
                left += 1;
                warn!("left: {case}: {error}");
            }
        }
    }
    say!("{} resolved, {left} left", cases.len() - left);
    if left > 0 || cases.len() < all {
        say!("settle what is left before git add: nothing is lost until then");
        return Ok(match left {
            0 => ExitCode::Good,
            _ => ExitCode::Unavailable,
        });
    }
    say!("next: {}, and commit the merge", repository.add_command());
    if stale > 0 {
        say!(
            "then run the merged model, and bless what it gives: until then these cases are stale"
        );
    }
    Ok(ExitCode::Good)
}

/// What came of a case.
struct Resolved {
    lines: Vec<String>,
    is_stale: bool,
}

fn git_failed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Usage, format!("git failed: {error}"))
}

/// Settles one case.
fn resolve(
    alone: &Alone,
    repository: &Repository,
    case: &str,
    theirs: bool,
) -> Result<Resolved, Error> {
    let path = baseline::path(case);
    let (ours, others) = match baseline::sides(&repository.root, &path).map_err(git_failed)? {
        // Only the anchor is in conflict.
        None => {
            let standing = standing(repository, case)?;
            (standing.clone(), standing)
        }
        Some(sides) => {
            let sides = (
                side(&path, case, sides.ours)?,
                side(&path, case, sides.theirs)?,
            );
            refuse_settled(repository, case, &sides)?;
            sides
        }
    };
    let (ours, others) = (
        beside_its_anchor(repository, case, ours)?,
        beside_its_anchor(repository, case, others)?,
    );
    let (taken, other) = match theirs {
        true => (others, ours),
        false => (ours, others),
    };
    let merged = baseline::merge(&taken, &other);
    let anchor = merged.anchor.as_ref();
    let result = baseline::write_beside(alone, &repository.root, &merged.baseline, anchor);
    written(case, result)?;
    let accepted = |file: &BaselineFile| {
        let day = file.accepted.at.get(..10).unwrap_or(&file.accepted.at);
        format!("{day}, {}, \"{}\"", file.accepted.by, file.accepted.reason)
    };
    let is_stale = merged.baseline.merged.is_some();
    let mut lines = vec![format!("resolved: {path}")];
    if is_stale {
        lines.push(format!("  taken:     {}", accepted(&taken.baseline)));
        lines.push(format!("  not taken: {}", accepted(&other.baseline)));
    } else {
        lines.push("  both sides accepted the same outcomes".to_owned());
    }
    lines.push(match anchor {
        Some(anchor) => format!("  anchor:    {}", accepted(anchor)),
        None => "  anchor:    itself".to_owned(),
    });
    if anchor.is_some() && (taken.anchor.is_none() || other.anchor.is_none()) {
        lines.push(
            "  one side counted losses anew (--reanchor), and the older anchor is kept: bless --reanchor does it again"
                .to_owned(),
        );
    }
    Ok(Resolved { lines, is_stale })
}

/// One side's baseline, under the name of its case there: it may have been renamed on the
/// other.
fn side(path: &str, case: &str, bytes: Option<Vec<u8>>) -> Result<BaselineFile, Error> {
    let bytes = bytes.ok_or_else(|| {
        Error::new(
            ErrorKind::Evidence,
            format!(
                "one side deleted {path}: keep it (git add {path}) or delete it (git rm {path})"
            ),
        )
    })?;
    let parse = |case: &str| baseline::parse(path, case, &bytes);
    Ok(match parse(case) {
        Err(BaselineError::Case { found, .. }) => parse(&found)?,
        parsed => parsed?,
    })
}

/// Whoever resolved a case, or blessed it since, is not overrun.
fn refuse_settled(
    repository: &Repository,
    case: &str,
    (ours, theirs): &(BaselineFile, BaselineFile),
) -> Result<(), Error> {
    match baseline::look_up(&repository.root, case) {
        Lookup::Found(there) if ![&ours.digest, &theirs.digest].contains(&&there.digest) => {
            let path = baseline::path(case);
            Err(Error::new(
                ErrorKind::Usage,
                format!(
                    "it is settled already: git add {path}. To settle it otherwise: git checkout -m -- {path}, and resolve again"
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// The baseline that stands in the working tree.
fn standing(repository: &Repository, case: &str) -> Result<BaselineFile, Error> {
    match baseline::look_up(&repository.root, case) {
        Lookup::Found(file) => Ok(*file),
        Lookup::Unusable(error) => Err(error.into()),
        Lookup::Missing => Err(Error::new(
            ErrorKind::Evidence,
            format!("{} is not there", baseline::path(case)),
        )),
    }
}

/// A baseline under the name `case`, and the anchor that it names, wherever the merge has left
/// that.
fn beside_its_anchor(
    repository: &Repository,
    case: &str,
    file: BaselineFile,
) -> Result<Side, Error> {
    let root = &repository.root;
    let anchor = match &file.anchor {
        None => None,
        Some(named) => {
            let then = &file.case;
            let paths = [then.as_str(), case].map(baseline::anchor_path);
            let standing = baseline::find_anchor(root, then, named);
            let mut committed = paths
                .iter()
                .filter_map(|path| baseline::find(root, path, then, named));
            let anchor = standing.or_else(|| committed.next()).ok_or_else(|| {
                Error::new(
                    ErrorKind::Evidence,
                    format!(
                        "the anchor {} that one side names is on neither. Restore it by hand; or take a side (git checkout --ours -- {}), and bless --reanchor",
                        paths[1],
                        baseline::path(case)
                    ),
                )
            })?;
            Some(anchor)
        }
    };
    let side = Side {
        baseline: file,
        anchor,
    };
    Ok(match side.baseline.case == case {
        true => side,
        false => side.named(case),
    })
}

/// Git's merge driver: writes what becomes of both sides over OURS. What needs an anchor to
/// be moved, which is another file, stays a conflict.
fn drive(arguments: &[String]) -> Result<ExitCode, Error> {
    let [_, ours, theirs, path] = arguments else {
        return Err(Error::new(
            ErrorKind::Usage,
            "a merge driver is given four paths: %O %A %B %P",
        ));
    };
    let failed = |error: std::io::Error| Error::new(ErrorKind::Evidence, error);
    let (ours, theirs) = (Path::new(ours), Path::new(theirs));
    let (own, others) = (
        file::read(ours).map_err(failed)?,
        file::read(theirs).map_err(failed)?,
    );
    let merged = case_within(Path::new(path)).and_then(|case| driven(&case, &own, &others));
    let Some(merged) = merged else {
        let marked = [
            b"<<<<<<< ours\n".as_slice(),
            &own,
            b"=======\n",
            &others,
            b">>>>>>> theirs\n",
        ];
        file::write_atomically(ours, &marked.concat()).map_err(failed)?;
        warn!("{path} is left to `cargo steadfast resolve`");
        return Ok(ExitCode::Regressed);
    };
    file::write_atomically(ours, baseline::render(&merged).as_bytes()).map_err(failed)?;
    Ok(ExitCode::Good)
}

/// The case of a baseline by its path from git's top level.
fn case_within(path: &Path) -> Option<String> {
    let parts: Vec<_> = path.components().collect();
    let places = 0..parts.len();
    let mut places = places.filter(|&place| parts[place].as_os_str() == baseline::FOLDER);
    let place = places.find(|&place| {
        let root: PathBuf = parts[..place].iter().collect();
        root.join(FOLDER).is_dir()
    })?;
    baseline::case_of(&parts[place..].iter().collect::<PathBuf>())
}

/// What becomes of two sides that need no other anchor than stands there.
fn driven(case: &str, ours: &[u8], theirs: &[u8]) -> Option<BaselineFile> {
    let parse = |bytes| baseline::parse("a side", case, bytes).ok();
    baseline::merge_alone(parse(ours)?, parse(theirs)?)
}
