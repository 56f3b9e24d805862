//! `review`: walks through what differs, one case at a time.

use std::io::{BufRead, IsTerminal};

use steadfast::error::{Error, ErrorKind};
use steadfast::text::{self, Page, print};
use steadfast::verdict::Verdict;

use crate::acceptance::{Acceptance, author};
use crate::bless::{Tally, accept};
use crate::cases::{Recorded, recorded, refuse_in_ci};
use crate::exit_code::ExitCode;
use crate::objection::{self, Objections};
use crate::reject::reject;
use crate::repository::Repository;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names
    filter: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    refuse_in_ci("review")?;
    if !std::io::stdin().is_terminal() {
        let message = "`review` asks questions and needs a terminal; `bless` and `reject` do not";
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let (repository, shared) = Repository::open_shared()?;
    let code = repository.report_spec_errors(&arguments.filter);
    let author = author(&repository)?;
    let mut pending: Vec<Recorded> = Vec::new();
    for case in repository.cases(&arguments.filter)? {
        match recorded(&repository, case) {
            Ok(case) if case.is_pending() => pending.push(case),
            Ok(_) => {}
            Err(unusable) => text::warn(&Page::headed("skipped: ", unusable.message())),
        }
    }
    // Nobody holds the lock at a question.
    drop(shared);
    let mut tally = Tally::default();
    let mut input = std::io::stdin().lock();
    let count = pending.len();
    for (index, case) in pending.iter().enumerate() {
        say!("");
        let place = format!("[{}/{count}] ", index + 1);
        print(&Page::headed(place, &case.message()));
        say!("");
        match ask(&mut input)? {
            Answer::Bless => {
                let acceptance = Acceptance {
                    by: author.clone(),
                    reason: ask_reason(&mut input)?,
                    // What was shown is the drift itself: accepting it is a new start.
                    reanchor: case.judgement.verdict == Verdict::Drifted,
                };
                bless(case, &acceptance, &mut tally)?;
            }
            Answer::Reject => {
                let (repository, _alone) = Repository::open_alone()?;
                reject(&repository, &case.case.name)?;
                say!("rejected: {}", case.case.name);
            }
            Answer::Skip => {}
            Answer::Quit => break,
        }
    }
    if count == 0 {
        say!("nothing differs");
    } else {
        tally.print(&repository);
    }
    Ok(code)
}

/// Accepts a case, if it is as it was shown, though its question may have waited for hours,
/// and if `bless` would accept it.
fn bless(shown: &Recorded, acceptance: &Acceptance, tally: &mut Tally) -> Result<(), Error> {
    let (repository, alone) = Repository::open_alone()?;
    let case = match as_shown(&repository, shown) {
        Ok(case) => case,
        Err(changed) => {
            print(&Page::headed("skipped: ", &changed));
            return Ok(());
        }
    };
    let objections = Objections::new(&repository, acceptance.reanchor, false)?;
    if let Some(objection) = objections.to(&case, true) {
        objection::report(&[objection]);
        warn!("skipped: review accepts what a plain bless accepts");
        return Ok(());
    }
    repository.tidy(&alone)?;
    for line in accept(&alone, &repository, &case, acceptance, tally)? {
        say!("{line}");
    }
    Ok(())
}

/// A case read again, if it is as it was shown: the record, the tree that the record is of,
/// and what it is held against.
fn as_shown(repository: &Repository, shown: &Recorded) -> Result<Recorded, Page> {
    let name = &shown.case.name;
    let again = || {
        Page::of(format_args!(
            "{name} changed since it was shown. Review it again"
        ))
    };
    let mut cases = repository
        .cases(std::slice::from_ref(name))
        .map_err(|error| error.page())?;
    let case = cases.pop().ok_or_else(again)?;
    let now = recorded(repository, case).map_err(|unusable| unusable.message().clone())?;
    match now.message() == shown.message() && now.record.digest == shown.record.digest {
        true => Ok(now),
        false => Err(again()),
    }
}

enum Answer {
    Bless,
    Reject,
    Skip,
    Quit,
}

fn ask(input: &mut impl BufRead) -> Result<Answer, Error> {
    loop {
        match line(input, "b(less), r(eject), s(kip), q(uit)? ")?.as_deref() {
            Some("b" | "bless") => return Ok(Answer::Bless),
            Some("r" | "reject") => return Ok(Answer::Reject),
            Some("s" | "skip") => return Ok(Answer::Skip),
            Some("q" | "quit") | None => return Ok(Answer::Quit),
            Some(_) => say!("one of b, r, s, q"),
        }
    }
}

fn ask_reason(input: &mut impl BufRead) -> Result<String, Error> {
    loop {
        match line(input, "reason: ")? {
            Some(reason) if !reason.is_empty() => return Ok(reason),
            Some(_) => say!("a reason is needed: what changed, and why it is acceptable"),
            None => return Err(Error::new(ErrorKind::Usage, "no reason was given")),
        }
    }
}

/// One trimmed line; `None` at the end of the input.
fn line(input: &mut impl BufRead, prompt: &'static str) -> Result<Option<String>, Error> {
    let failed = |error| Error::new(ErrorKind::Usage, error);
    text::ask(prompt).map_err(failed)?;
    let mut answer = String::new();
    let read = input.read_line(&mut answer).map_err(failed)?;
    Ok((read > 0).then(|| answer.trim().to_owned()))
}
