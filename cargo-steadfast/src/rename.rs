//! `rename`: another name for a spec, a perturbation, or a case, with its baselines and
//! anchors, of which all is kept but the name.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast::baseline::{self, BaselineError, Lookup, Side};
use steadfast::error::{Error, ErrorKind};
use steadfast::fence::Fence;
use steadfast::spec::{AnchorAt, FOLDER, POOLED, Source, is_segment, parse_spec};
use toml_edit::{DocumentMut, Item, value};

use crate::acceptance::written;
use crate::cases::{refuse_in_ci, refuse_unmerged};
use crate::exit_code::ExitCode;
use crate::repository::{Repository, matches};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// A spec (`digits`), a perturbation of one (`digits::gaussian_noise`), or the first
    /// segments of cases
    old: String,
    /// What it is to be called, likewise
    new: String,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    refuse_in_ci("rename")?;
    let (old, new) = (&arguments.old, &arguments.new);
    if let Some(odd) = new.split("::").find(|segment| !is_segment(segment)) {
        return Err(usage(format!(
            "`{odd}` cannot be part of a case's name: lower-case letters, digits, `_`, `.` and `-`"
        )));
    }
    if new.rsplit("::").next() == Some(POOLED) && new.contains("::") {
        return Err(usage(format!(
            "`{POOLED}` is what the case over all perturbations is called"
        )));
    }
    if old == new {
        return Err(usage("both names are the same".to_owned()));
    }
    let (repository, alone) = Repository::open_alone()?;
    refuse_unmerged(&repository, &[])?;
    let edit = edit(&repository, old, new)?;
    let moves = moves(&repository, old, new)?;
    if moves.is_empty() && edit.is_none() {
        return Err(usage(format!(
            "nothing is called {old}. `cargo steadfast list` prints all cases"
        )));
    }
    let cases = repository.specs.cases();
    if edit.is_none() {
        let unknown = moves
            .iter()
            .find(|one| !cases.iter().any(|case| case.name == one.new));
        if let Some(unknown) = unknown {
            return Err(usage(format!(
                "no spec asks for {}: change the spec first, and give the command again",
                unknown.new
            )));
        }
    }
    let at_tag = cases.iter().find_map(|case| match case.anchor() {
        Some(AnchorAt::Tag(tag)) if matches(old, &case.name) || matches(new, &case.name) => {
            Some(tag.clone())
        }
        _ => None,
    });
    // New files first: whenever this stops, the same command goes on from there.
    for one in &moves {
        let result = baseline::write_beside(
            &alone,
            &repository.root,
            &one.side.baseline,
            one.side.anchor.as_ref(),
        );
        written(&one.new, result)?;
        say!("{} -> {}", one.old, one.new);
    }
    let fence = Fence::around(&repository.root);
    let failed = |error| Error::new(ErrorKind::Evidence, error);
    if let Some(edit) = edit {
        fence
            .write(&edit.to, edit.text.as_bytes())
            .map_err(failed)?;
        if edit.from == edit.to {
            say!("changed: {}", edit.to.display());
        } else {
            fence.remove(&edit.from).map_err(failed)?;
            say!("{} -> {}", edit.from.display(), edit.to.display());
        }
    }
    for path in moves.iter().flat_map(|one| &one.left) {
        fence.remove(path).map_err(failed)?;
    }
    if let Some(tag) = at_tag {
        say!(
            "note: the anchor is the git tag {tag}, where the case has its old name: name a later tag in [gate] anchor"
        );
    }
    say!(
        "{} renamed. Run them once more: records are of the old names",
        steadfast::report::plural(moves.len(), "baseline")
    );
    Ok(ExitCode::Good)
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

/// A baseline that gets another name.
struct Move {
    old: String,
    new: String,
    /// The baseline and its anchor, with the new name.
    side: Side,
    /// The files that are to go.
    left: Vec<PathBuf>,
}

/// All that is to be moved; nothing is, where one cannot be.
fn moves(repository: &Repository, old: &str, new: &str) -> Result<Vec<Move>, Error> {
    let root = &repository.root;
    let failed = |error| Error::new(ErrorKind::Evidence, error);
    let files = baseline::files(root, baseline::FOLDER).map_err(failed)?;
    let mut cases = BTreeSet::new();
    for (case, _) in files {
        if matches(old, &case) {
            cases.insert(case);
        } else if matches(new, &case)
            // Its file was moved by hand.
            && let Lookup::Unusable(BaselineError::Case { found, .. }) =
                baseline::look_up(root, &case)
            && renamed(&found, old, new).as_ref() == Some(&case)
        {
            cases.insert(found);
        }
    }
    let moves = cases.into_iter().filter_map(|case| {
        let to = renamed(&case, old, new)?;
        Some(one(root, case, to))
    });
    moves.collect()
}

/// A case's name with `new` for `old` at its beginning.
fn renamed(case: &str, old: &str, new: &str) -> Option<String> {
    matches(old, case).then(|| format!("{new}{}", &case[old.len()..]))
}

fn one(root: &Path, old: String, new: String) -> Result<Move, Error> {
    let (path, new_path) = (baseline::path(&old), baseline::path(&new));
    let found = match baseline::look_up_at(root, &path, &old) {
        Lookup::Missing => baseline::look_up_at(root, &new_path, &old),
        there => there,
    };
    let file = match found {
        Lookup::Found(file) => *file,
        Lookup::Unusable(error) => return Err(error.into()),
        Lookup::Missing => return Err(usage(format!("{path} is not there"))),
    };
    let anchor_path = baseline::anchor_path(&old);
    let anchor = match &file.anchor {
        None => None,
        Some(named) => {
            let moved = || match baseline::look_up_at(root, &baseline::anchor_path(&new), &old) {
                Lookup::Found(anchor) if anchor.digest == *named => Some(*anchor),
                _ => None,
            };
            let anchor = baseline::find_anchor(root, &old, named).or_else(moved);
            Some(anchor.ok_or_else(|| {
                usage(format!(
                    "the anchor {anchor_path} that {path} names is not there: restore it (git checkout -- {anchor_path}), and give the command again"
                ))
            })?)
        }
    };
    let side = Side {
        baseline: file,
        anchor,
    };
    let side = side.named(&new);
    match baseline::look_up(root, &new) {
        Lookup::Found(there) if there.digest == side.baseline.digest => {}
        Lookup::Found(_) => {
            return Err(usage(format!(
                "{new_path} is there already, and is another: nothing was renamed"
            )));
        }
        // It is this one, and was moved by hand.
        Lookup::Unusable(BaselineError::Case { found, .. }) if found == old => {}
        Lookup::Unusable(error) => return Err(error.into()),
        Lookup::Missing => {}
    }
    let next = baseline::waiting_anchor_path(&old);
    let left = [path, anchor_path, next].map(PathBuf::from).into_iter();
    Ok(Move {
        left: left.filter(|path| root.join(path).is_file()).collect(),
        old,
        new,
        side,
    })
}

/// What is to be changed of a spec.
struct Edit {
    from: PathBuf,
    to: PathBuf,
    text: String,
}

/// The spec that has the old name, or the entry with it; `None`: specs have the new one.
fn edit(repository: &Repository, old: &str, new: &str) -> Result<Option<Edit>, Error> {
    let file = |stem: &str| Path::new(FOLDER).join(format!("{stem}.toml"));
    let is_there = |path: &Path| repository.root.join(path).is_file();
    let read = |path: &Path| -> Result<DocumentMut, Error> {
        let unreadable = |reason: String| {
            Error::new(
                ErrorKind::Spec,
                format!("failed to read {}: {reason}", path.display()),
            )
        };
        let bytes = Fence::around(&repository.root).read(path);
        let bytes = bytes.map_err(|error| unreadable(error.to_string()))?;
        let text = String::from_utf8_lossy(&bytes);
        text.parse()
            .map_err(|error: toml_edit::TomlError| unreadable(error.to_string()))
    };
    match (old.split_once("::"), new.split_once("::")) {
        (None, None) => {
            let (from, to) = (file(old), file(new));
            if !is_there(&from) {
                return Ok(None);
            }
            let mut document = read(&from)?;
            if let Some(known) = document.get_mut("name").and_then(Item::as_value_mut) {
                // What stands around the name, a comment perhaps, stays.
                let around = known.decor().clone();
                *known = new.into();
                *known.decor_mut() = around;
            }
            let text = document.to_string();
            let source = Arc::new(Source {
                path: to.display().to_string(),
                text: text.clone(),
            });
            let catalogue = steadfast::builtin::catalogue();
            parse_spec(new, &source, &repository.specs.suite, &catalogue)?;
            // One that is there with this very text was written before this was stopped.
            if is_there(&to) && read(&to)?.to_string() != text {
                return Err(usage(format!("{} is there already", to.display())));
            }
            Ok(Some(Edit { from, to, text }))
        }
        (Some((spec, label)), Some((same, to))) if spec == same => {
            let of = |label: &str| {
                let specs = &repository.specs.specs;
                let spec = specs.iter().find(|known| known.name == spec)?;
                let mut entries = spec.perturbations.iter();
                entries.position(|entry| entry.label == label)
            };
            let Some(place) = of(label) else {
                return Ok(None);
            };
            if of(to).is_some() {
                return Err(usage(format!("{new} is there already")));
            }
            let path = file(spec);
            let mut document = read(&path)?;
            let entries = document
                .get_mut("perturbation")
                .and_then(|item| item.as_array_of_tables_mut());
            let Some(entry) = entries.and_then(|entries| entries.get_mut(place)) else {
                return Err(usage(format!(
                    "{} does not write its perturbations as [[perturbation]]: give the entry name = \"{to}\", and give the command again",
                    path.display()
                )));
            };
            entry.insert("name", value(to));
            let text = document.to_string();
            Ok(Some(Edit {
                from: path.clone(),
                to: path,
                text,
            }))
        }
        _ => Ok(None),
    }
}
