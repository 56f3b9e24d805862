//! `bless`: the outcomes of the last run become the new baselines, from the
//! records alone and without computing anything again.

use std::collections::BTreeMap;

use steadfast::baseline::{self, Alone, BaselineFile, Draft, accepted_metrics};
use steadfast::error::{Error, ErrorKind};
use steadfast::measure::wanted_columns;
use steadfast::report::{number, plural};
use steadfast::text::{self, Page, print};

use crate::acceptance::{Acceptance, author, written};
use crate::anchor;
use crate::cases::{Recorded, Unusable, recorded, refuse_in_ci, refuse_unmerged};
use crate::exit_code::ExitCode;
use crate::objection::{self, Objection, Objections};
use crate::prune;
use crate::repository::Repository;
use crate::retrain;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names: `digits`, `digits::gaussian_noise`
    filter: Vec<String>,
    /// Why the change is acceptable; kept in the baseline
    #[arg(long, value_parser = reason)]
    reason: String,
    /// Move also the cases in which nothing was shown
    #[arg(long)]
    all: bool,
    /// Move all matched cases, and make the new baselines the anchors, too: harm counts anew
    #[arg(long)]
    reanchor: bool,
    /// Accept changes that together cost more than is tolerable since the anchor, and keep it
    #[arg(long, conflicts_with = "reanchor")]
    overdraw: bool,
    /// Record the run as an honest retrain of the accepted model, and move nothing
    #[arg(long, conflicts_with_all = ["all", "reanchor", "overdraw"])]
    retrain: bool,
    /// Delete the baselines and anchors of cases that no spec asks for
    #[arg(long)]
    prune: bool,
}

fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a reason is needed: what changed, and why it is acceptable".to_owned());
    }
    Ok(text.to_owned())
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    refuse_in_ci("bless")?;
    let (repository, alone) = Repository::open_alone()?;
    refuse_unmerged(&repository, &arguments.filter)?;
    let code = repository.report_spec_errors(&arguments.filter);
    if code != ExitCode::Good {
        warn!("nothing was moved");
        return Ok(code);
    }
    let author = author(&repository)?;
    let cases = repository.judged_cases(&arguments.filter)?;
    for case in cases.iter().filter(|case| case.spec.ignore.is_some()) {
        say!("ignored: {}", case.name);
    }
    let (ready, unusable): (Vec<_>, Vec<_>) = cases
        .into_iter()
        .filter(|case| case.spec.ignore.is_none())
        .map(|case| recorded(&repository, case))
        .partition(Result::is_ok);
    let unusable: Vec<Unusable> = unusable.into_iter().filter_map(Result::err).collect();
    if !unusable.is_empty() {
        for one in &unusable {
            text::warn(&Page::headed("Error: ", one.message()));
        }
        warn!("nothing was moved");
        let errored = unusable
            .iter()
            .any(|one| matches!(one, Unusable::Errored(_)));
        return Ok(if errored {
            ExitCode::Unavailable
        } else {
            ExitCode::Baseline
        });
    }
    let ready: Vec<Recorded> = ready.into_iter().filter_map(Result::ok).collect();
    let acceptance = Acceptance {
        by: author,
        reason: arguments.reason.clone(),
        reanchor: arguments.reanchor,
    };
    if arguments.retrain {
        return retrain::run(&alone, &repository, &ready, &acceptance);
    }
    let mut tally = Tally::default();
    let is_moved = |case: &Recorded| {
        let moves = case.judgement.verdict.moves() || case.lookup_is_unusable();
        // A baseline of other data is judged by what it remembers of them until it moves.
        let is_of_other_data = case.references.common.is_some();
        moves || is_of_other_data || arguments.all || arguments.reanchor
    };
    let objections = Objections::new(&repository, arguments.reanchor, arguments.overdraw)?;
    let objections: Vec<Objection> = ready
        .iter()
        .filter_map(|case| objections.to(case, is_moved(case)))
        .collect();
    if !objections.is_empty() {
        let code = objection::report(&objections);
        warn!("nothing was moved");
        return Ok(code);
    }
    if arguments.overdraw {
        for line in ready
            .iter()
            .filter(|case| is_moved(case))
            .flat_map(anchor::overdrawn)
        {
            warn!("OVERDRAWN: {line}");
        }
    }
    let (moved, kept): (Vec<_>, Vec<_>) = ready.into_iter().partition(is_moved);
    repository.tidy(&alone)?;
    let is_brief = moved.len() > MANY;
    for (index, case) in moved.iter().enumerate() {
        if !is_brief && (case.is_pending() || case.references.common.is_some()) {
            print(&case.message());
        }
        let accepted = accept(&alone, &repository, case, &acceptance, &mut tally);
        if let (Err(_), true) = (&accepted, index > 0) {
            warn!(
                "stopped half-way: {index} of {} cases are done, and the rest stand as they were. Mend what follows and give the same command again: it goes on from there",
                moved.len()
            );
        }
        for line in accepted?.iter().filter(|_| !is_brief) {
            say!("{line}");
        }
    }
    if is_brief {
        for line in by_spec(&moved) {
            say!("{line}");
        }
    }
    for case in &kept {
        let verdict = case.judgement.verdict.words();
        tally.kept.push(format!("{}: {verdict}", case.case.name));
    }
    tally.print(&repository);
    if arguments.prune {
        prune::run(&alone, &repository, &arguments.filter)?;
    }
    Ok(ExitCode::Good)
}

/// Above this many cases only a line a spec is printed.
const MANY: usize = 50;

/// A line a spec: what its cases came to, and the largest loss among them.
fn by_spec(moved: &[Recorded]) -> Vec<String> {
    let mut lines = Vec::new();
    for cases in moved.chunk_by(|one, next| one.case.spec.name == next.case.spec.name) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for case in cases {
            *counts.entry(case.judgement.verdict.words()).or_default() += 1;
        }
        let counts = counts
            .iter()
            .map(|(verdict, count)| format!("{count} {verdict}"));
        let mut line = format!(
            "  {}: {}: {}",
            cases[0].case.spec.name,
            plural(cases.len(), "case"),
            counts.collect::<Vec<_>>().join(", ")
        );
        let losses = cases.iter().flat_map(losses);
        if let Some(largest) = losses.max_by(|one, next| one.1.total_cmp(&next.1)) {
            let (of, loss) = largest;
            line.push_str(&format!("; the largest loss: {} of {of}", number(loss)));
        }
        lines.push(line);
    }
    lines.push("  git diff shows each one".to_owned());
    lines
}

/// By how much each tested metric of a case is worse than its baseline, where it is.
fn losses(case: &Recorded) -> impl Iterator<Item = (String, f64)> {
    let metrics = case.case.metrics().iter().zip(&case.judgement.metrics);
    metrics.filter_map(|(spec, metric)| {
        let sign = spec.test.as_ref()?.direction.sign(spec.kind.better) as f64;
        let loss = sign * (metric.baseline? - metric.value);
        let of = format!("{} in {}", metric.name, case.case.name);
        (loss > 0.0).then_some((of, loss))
    })
}

/// Dropped examples that are listed; the old baseline in git has all.
const LISTED: usize = 50;

/// What was done.
#[derive(Default)]
pub struct Tally {
    moved: Vec<String>,
    unchanged: Vec<String>,
    kept: Vec<String>,
}

impl Tally {
    /// Prints it.
    pub fn print(&self, repository: &Repository) {
        for (word, names) in [("unchanged", &self.unchanged), ("kept", &self.kept)] {
            for name in names {
                say!("{word}: {name}");
            }
        }
        say!(
            "{} moved, {} unchanged, {} kept{}",
            self.moved.len(),
            self.unchanged.len(),
            self.kept.len(),
            if self.kept.is_empty() {
                ""
            } else {
                " (nothing was shown there; --all moves them too)"
            }
        );
        if !self.moved.is_empty() {
            say!("commit them: {} && git commit", repository.add_command());
        }
    }
}

impl Recorded {
    /// Whether a file stands there that is no baseline: it may be replaced.
    pub fn lookup_is_unusable(&self) -> bool {
        matches!(self.references.baseline, baseline::Lookup::Unusable(_))
    }
}

/// Writes the baseline of a case whose diff was shown; gives what else is to be said.
pub fn accept(
    alone: &Alone,
    repository: &Repository,
    case: &Recorded,
    acceptance: &Acceptance,
    tally: &mut Tally,
) -> Result<Vec<String>, Error> {
    let name = &case.case.name;
    let mut file = draft(repository, case, acceptance)?.finish();
    let anchor = anchor::keep(case, acceptance, &mut file)?;
    let same = case
        .baseline()
        .is_some_and(|old: &BaselineFile| old.is_same(&file));
    if same {
        tally.unchanged.push(name.clone());
        return Ok(Vec::new());
    }
    let result = baseline::write_beside(alone, &repository.root, &file, anchor.as_ref());
    written(name, result)?;
    let mut lines = vec![format!("  blessed:   {}", baseline::path(name))];
    let mut line = |text: String| lines.push(format!("             {text}"));
    if let Some(dropped) = &case.judgement.dropped {
        line(dropped.words());
        line(format!("dropped: {}", dropped.listed(LISTED)));
    }
    anchor::spent(case, acceptance)
        .into_iter()
        .for_each(&mut line);
    let retrains = case.baseline().map_or(0, |old| old.retrains.len());
    if retrains > 0 {
        line(format!(
            "the {retrains} recorded retrains are let go of: they were held against the baseline before. Record retrains anew (bless --retrain)"
        ));
    }
    lines.push(String::new());
    tally.moved.push(name.clone());
    Ok(lines)
}

fn draft(
    repository: &Repository,
    case: &Recorded,
    acceptance: &Acceptance,
) -> Result<Draft, Error> {
    let columns = wanted_columns(&case.case);
    let outcomes = case.run.kept(&columns).ok_or_else(|| {
        let message = format!(
            "the record of {} does not have the columns that its metrics need. Run it again: {}",
            case.case.name,
            repository.run_command(&case.case.name)
        );
        Error::new(ErrorKind::Evidence, message)
    })?;
    let history = case.baseline().map_or(Vec::new(), |old| {
        let all = old.history.iter().chain(&old.merged);
        baseline::joined(all.chain([&old.blessing()]))
    });
    Ok(Draft {
        case: case.case.name.clone(),
        metrics: accepted_metrics(&case.case, &case.run),
        identity: case.run.identity.clone(),
        outcomes,
        slices: case.run.slice_names().to_vec(),
        accepted: acceptance.of(case),
        history,
        examples: repository.examples(&case.case)?,
    })
}
