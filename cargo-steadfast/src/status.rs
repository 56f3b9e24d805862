//! `status`: which baselines are missing, stale, orphaned or pending, and how
//! large they are.

use std::path::PathBuf;

use steadfast::baseline::{self, BaselineFile, Lookup, look_up};
use steadfast::engine::{self, RunError, differing_fields, tree_inputs};
use steadfast::error::{Error, ErrorKind};
use steadfast::record::Record;
use steadfast::report::plural;
use steadfast::spec::{Case, ledger};
use steadfast::text::{self, Page, print};
use steadfast::verdict::{Status, Verdict};

use crate::cases::{Recorded, recorded};
use crate::exit_code::ExitCode;
use crate::power;
use crate::prune::orphans;
use crate::repository::Repository;

/// Above this many bytes of baselines a repository grows uncomfortable.
const LARGE: u64 = 5_000_000;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names
    filter: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let (repository, _shared) = Repository::open_shared()?;
    let mut code = repository.report_spec_errors(&arguments.filter);
    for case in baseline::unmerged(&repository.root) {
        warn!("Error: {}", baseline::is_unmerged(&case));
        code = code.and(ExitCode::Unavailable);
    }
    let mut counts = Counts::default();
    let mut seen = Vec::new();
    for case in repository.judged_cases(&arguments.filter)? {
        // Judged once, for what is said of the case and for what it can see.
        let recorded = match case.spec.ignore {
            Some(_) => None,
            None => recorded(&repository, case.clone()).ok(),
        };
        let (found, message) = examine(&repository, &case, recorded.as_ref());
        seen.push((case, recorded));
        if let Found::Pending(verdict) = found {
            code = code.and(verdict);
        }
        counts.add(found);
        if let Some(message) = message {
            print(&message);
        }
        code = code.and(match found {
            Found::Missing | Found::Stale => ExitCode::Baseline,
            Found::Unusable => ExitCode::Unavailable,
            Found::Good | Found::Unrun | Found::Pending(_) | Found::Ignored => ExitCode::Good,
        });
    }
    for name in gains(&seen) {
        say!("to hold what was gained: cargo steadfast bless {name} --reason \"…\"");
    }
    let orphans = orphans(&repository)?;
    for (name, path) in &orphans {
        say!(
            "orphaned: {} (no spec asks for {name}; `bless --prune` deletes it)",
            repository.shown(path)
        );
    }
    for line in renamings(&repository, &seen, &orphans) {
        say!("{line}");
    }
    let failed = |error| Error::new(ErrorKind::Evidence, error);
    for path in baseline::temporary_files(&repository.root).map_err(failed)? {
        say!(
            "left over: {} (of a process that was killed; the next `bless` removes it)",
            path.display()
        );
    }
    say!("{}, {} orphaned", counts.words(), orphans.len());
    let ledger = ledger(&repository.specs.suite, &repository.specs.specs);
    say!(
        "error budget: {} spending {:.6} of {}, capacity {}",
        plural(ledger.tests, "test"),
        ledger.spent,
        ledger.budget,
        repository.specs.suite.capacity
    );
    // Of a suite that is not read nothing is known.
    let is_read = repository.specs.suite_error.is_none();
    if let Some(problem) = steadfast::harness::ledger_problem(&ledger).filter(|_| is_read) {
        text::warn(&Page::headed("Error: ", &problem));
        code = code.and(ExitCode::Spec);
    }
    let (lines, blind) = power::lint(&repository, seen);
    for line in lines {
        say!("{line}");
    }
    code = code.and(blind);
    let size = baseline::total_size(&repository.root).map_err(failed)?;
    say!("baselines: {:.1} kB", size as f64 / 1000.0);
    if size > LARGE {
        say!(
            "warning: the baselines take {:.1} MB of the repository. Fewer examples ([data] limit), fewer replicates or fewer score metrics take less",
            size as f64 / 1e6
        );
    }
    Ok(code)
}

/// The cases whose gain is worth holding: beyond what recorded retrains differ by, in a
/// spec of which nothing failed.
fn gains(seen: &[(Case, Option<Recorded>)]) -> Vec<&str> {
    let judged = || {
        seen.iter()
            .filter_map(|(case, recorded)| Some((case, &recorded.as_ref()?.judgement)))
    };
    let failed: Vec<&str> = judged()
        .filter(|(_, judgement)| judgement.status == Status::Fail)
        .map(|(case, _)| case.spec.name.as_str())
        .collect();
    judged()
        .filter(|(case, judgement)| judgement.is_gain && !failed.contains(&case.spec.name.as_str()))
        .map(|(case, _)| case.name.as_str())
        .collect()
}

/// What to do about baselines that no spec asks for and that are of the inputs of cases
/// without one: those were renamed in the specs alone.
fn renamings(
    repository: &Repository,
    seen: &[(Case, Option<Recorded>)],
    orphans: &[(String, PathBuf)],
) -> Vec<String> {
    let cases = seen.iter().map(|(case, _)| case);
    let missing: Vec<&Case> = cases
        .filter(|case| matches!(look_up(&repository.root, &case.name), Lookup::Missing))
        .collect();
    let mut lines = Vec::new();
    for (orphan, _) in orphans {
        let Lookup::Found(file) = look_up(&repository.root, orphan) else {
            continue;
        };
        let is_of = |case: &&&Case| {
            let wanted = tree_inputs(case, &repository.context, &file.inputs);
            wanted.is_ok_and(|wanted| differing_fields(&file.inputs, &wanted).is_empty())
        };
        if let Some(case) = missing.iter().find(is_of) {
            let (old, new) = without_common_end(orphan, &case.name);
            let line = format!(
                "renamed? what is called {new} has no baseline and the inputs of {old}, which no spec asks for: cargo steadfast rename {old} {new}"
            );
            if !lines.contains(&line) {
                lines.push(line);
            }
        }
    }
    lines
}

/// Two names of cases without the last segments that they share; one is left of each.
fn without_common_end<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    match (one.rsplit_once("::"), other.rsplit_once("::")) {
        (Some((begin, end)), Some((other_begin, other_end))) if end == other_end => {
            without_common_end(begin, other_begin)
        }
        _ => (one, other),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Found {
    Good,
    /// Its baseline is good, and no record is of this tree.
    Unrun,
    /// With the code of its last run's verdict.
    Pending(ExitCode),
    Missing,
    Stale,
    Unusable,
    Ignored,
}

#[derive(Default)]
struct Counts([usize; 7]);

impl Counts {
    fn add(&mut self, found: Found) {
        let place = match found {
            Found::Good => 0,
            Found::Pending(_) => 1,
            Found::Missing => 2,
            Found::Stale => 3,
            Found::Unusable => 4,
            Found::Ignored => 5,
            Found::Unrun => 6,
        };
        self.0[place] += 1;
    }

    fn words(&self) -> String {
        let [good, pending, missing, stale, unusable, ignored, unrun] = self.0;
        let total: usize = self.0.iter().sum();
        format!(
            "{}: {good} in order, {unrun} not run on this tree, {pending} pending, {missing} missing, {stale} stale, {unusable} unusable, {ignored} ignored",
            plural(total, "case")
        )
    }
}

/// What stands for a case, and what is to be said about it.
fn examine(
    repository: &Repository,
    case: &Case,
    recorded: Option<&Recorded>,
) -> (Found, Option<Page>) {
    let name = case.name.clone();
    if case.spec.ignore.is_some() {
        return (Found::Ignored, None);
    }
    // What a run would refuse is not to be blessed.
    if let Err(error) = engine::check(case, &repository.context) {
        return (Found::Unusable, Some(unusable(&name, error)));
    }
    let baseline = match look_up(&repository.root, &name) {
        Lookup::Missing => {
            let next = match Record::read(&repository.state, &name) {
                Ok(record) if record.verdict == Verdict::Error => format!(
                    "it errored in its last run. Mend it and run it again: {}",
                    repository.run_command(&name)
                ),
                Ok(_) => format!("cargo steadfast bless {name} --reason \"…\""),
                Err(_) => format!("run it, then bless it: {}", repository.run_command(&name)),
            };
            return (
                Found::Missing,
                Some(Page::of(format_args!(
                    "missing: {name} has no baseline: {next}"
                ))),
            );
        }
        Lookup::Unusable(error) => {
            let message = Page::of(format_args!("unusable: {error}"));
            return (Found::Unusable, Some(message));
        }
        Lookup::Found(baseline) => baseline,
    };
    if baseline.merged.is_some() {
        let message = format!(
            "stale: {name}: its baseline is one side of a merge: run the merged model, and bless what it gives"
        );
        return (Found::Stale, Some(Page::of(message)));
    }
    match stale_fields(repository, case, &baseline) {
        Err(error) => {
            return (Found::Unusable, Some(unusable(&name, error)));
        }
        Ok(fields) if !fields.is_empty() => {
            let message = format!("stale: {name}: {}", fields.join("; "));
            return (Found::Stale, Some(Page::of(message)));
        }
        Ok(_) => {}
    }
    for metric in case.metrics() {
        let known = baseline
            .metrics
            .iter()
            .find(|known| known.name == metric.label);
        match known {
            Some(known) if known.identity != metric.identity() => {
                let message = format!("stale: {name}: {} → {}", known.identity, metric.identity());
                return (Found::Stale, Some(Page::of(message)));
            }
            None if metric.test.is_some() => {
                let message = format!(
                    "missing: {name}: the baseline does not have {} yet",
                    metric.label
                );
                return (Found::Missing, Some(Page::of(message)));
            }
            _ => {}
        }
    }
    match recorded {
        Some(recorded) if recorded.is_pending() => {
            let message = format!(
                "pending: {name}: {} in the last run: {}",
                recorded.judgement.verdict,
                steadfast::report::headline(&recorded.case, &recorded.judgement)
            );
            let code = ExitCode::of_verdict(recorded.judgement.verdict, recorded.judgement.status);
            (Found::Pending(code), Some(Page::of(message)))
        }
        Some(_) => (Found::Good, None),
        None => (Found::Unrun, None),
    }
}

/// A case that would not run.
fn unusable(name: &str, error: RunError) -> Page {
    let head = format!("unusable: {name}: ");
    Page::headed(head, &Error::from(error).page())
}

/// In what the inputs of a baseline differ from the tree's; nothing where only the
/// data grew.
fn stale_fields(
    repository: &Repository,
    case: &Case,
    baseline: &BaselineFile,
) -> Result<Vec<String>, RunError> {
    let wanted = tree_inputs(case, &repository.context, &baseline.inputs)?;
    let fields = differing_fields(&baseline.inputs, &wanted);
    if fields.is_empty() {
        return Ok(fields);
    }
    let data = repository.context.dataset(&case.spec)?;
    Ok(match baseline::common(baseline, &wanted, &data) {
        Some(common) if common.is_enough() => Vec::new(),
        Some(few) => vec![few.shortfall()],
        None => fields,
    })
}
