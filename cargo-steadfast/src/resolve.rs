//! `resolve`: the baselines that git could not merge, because two branches accepted other
//! outcomes of one case. As git's merge driver it does the same for one file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use steadfast::baseline::{self, BaselineFile, Lookup, Side};
use steadfast::error::{Error, ErrorKind};
use steadfast::file;
use steadfast::spec::FOLDER;

use crate::acceptance::written;
use crate::cases::refuse_in_ci;
use crate::exit_code::ExitCode;
use crate::repository::{Repository, matches};

/// What git is told to run where both sides changed a baseline.
pub const DRIVER: &str = "cargo steadfast resolve --driver %O %A %B %P";

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
    let repository = Repository::open()?;
    let _alone = repository.hold()?;
    let cases = unmerged(&repository, &arguments.filter)?;
    if cases.is_empty() {
        return Err(Error::new(
            ErrorKind::Usage,
            format!(
                "git knows of no such conflict in {}/ or {}/. Where a file with the marks of a conflict was added already, git checkout -m -- PATH brings the conflict back",
                baseline::FOLDER,
                baseline::ANCHORS
            ),
        ));
    }
    let mut left = 0;
    for case in &cases {
        match resolve(&repository, case, arguments.theirs) {
            Ok(lines) => lines.iter().for_each(|line| say!("{line}")),
            Err(error) => {
                left += 1;
                warn!("left: {case}: {error}");
            }
        }
    }
    say!("{} resolved, {left} left", cases.len() - left);
    if left < cases.len() {
        let anchors = match repository.root.join(baseline::ANCHORS).is_dir() {
            true => format!(" {}", baseline::ANCHORS),
            false => String::new(),
        };
        say!(
            "next: git add {}{anchors}, and commit the merge; then run the merged model and bless what it gives: until then these cases are stale",
            baseline::FOLDER
        );
    }
    Ok(match left {
        0 => ExitCode::Good,
        _ => ExitCode::Unavailable,
    })
}

/// The cases of which git could not merge the baseline or the anchor.
fn unmerged(repository: &Repository, filters: &[String]) -> Result<BTreeSet<String>, Error> {
    let paths = baseline::unmerged(&repository.root).map_err(git_failed)?;
    let cases = paths.iter().filter_map(|path| baseline::case_of(path));
    let wanted =
        |case: &String| filters.is_empty() || filters.iter().any(|filter| matches(filter, case));
    Ok(cases.filter(wanted).collect())
}

fn git_failed(error: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::Usage, format!("git failed: {error}"))
}

/// Settles one case; gives what is to be said.
fn resolve(repository: &Repository, case: &str, theirs: bool) -> Result<Vec<String>, Error> {
    let path = baseline::path(case);
    let (ours, others) = match baseline::sides(&repository.root, &path).map_err(git_failed)? {
        // Only the anchor is in conflict.
        None => {
            let standing = standing(repository, case)?;
            (standing.clone(), standing)
        }
        Some(sides) => {
            let side = |name: &str, bytes: Option<Vec<u8>>| match bytes {
                Some(bytes) => Ok(baseline::parse(&format!("{path} ({name})"), case, &bytes)?),
                None => Err(Error::new(
                    ErrorKind::Evidence,
                    format!(
                        "one side deleted {path}: keep it (git add {path}) or delete it (git rm {path})"
                    ),
                )),
            };
            (side("ours", sides.ours)?, side("theirs", sides.theirs)?)
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
    let result = baseline::write_beside(&repository.root, &merged.baseline, merged.anchor.as_ref());
    written(case, result)?;
    let accepted = |file: &BaselineFile| {
        let day = file.accepted.at.get(..10).unwrap_or(&file.accepted.at);
        format!("{day}, {}, \"{}\"", file.accepted.by, file.accepted.reason)
    };
    let mut lines = vec![format!("resolved: {path}")];
    if merged.baseline.merged.is_some() {
        lines.push(format!("  taken:     {}", accepted(&taken.baseline)));
        lines.push(format!("  not taken: {}", accepted(&other.baseline)));
    } else {
        lines.push("  both sides accepted the same outcomes".to_owned());
    }
    lines.push(match &merged.anchor {
        Some(anchor) => format!("  anchor:    {}", accepted(anchor)),
        None => "  anchor:    itself".to_owned(),
    });
    Ok(lines)
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

/// A baseline and the anchor that it names, wherever the merge has left that.
fn beside_its_anchor(
    repository: &Repository,
    case: &str,
    file: BaselineFile,
) -> Result<Side, Error> {
    let Some(named) = &file.anchor else {
        return Ok(Side {
            baseline: file,
            anchor: None,
        });
    };
    let path = baseline::anchor_path(case);
    let found = match baseline::look_up_anchor(&repository.root, case, named) {
        Lookup::Found(anchor) if anchor.digest == *named => Some(*anchor),
        _ => baseline::find(&repository.root, &path, case, named),
    };
    let anchor = found.ok_or_else(|| {
        Error::new(
            ErrorKind::Evidence,
            format!(
                "the anchor {path} that one side names is on neither. Restore it by hand; or take a side (git checkout --ours -- {}), and bless --reanchor",
                baseline::path(case)
            ),
        )
    })?;
    Ok(Side {
        baseline: file,
        anchor: Some(anchor),
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
    let (ours, theirs) = (parse(ours)?, parse(theirs)?);
    if ours.anchor != theirs.anchor {
        return None;
    }
    // Each is its own anchor: the older one is kept.
    let is_older = ours.anchor.is_none() && theirs.accepted.at < ours.accepted.at;
    Some(match is_older {
        true => baseline::join(&theirs, &ours),
        false => baseline::join(&ours, &theirs),
    })
}
