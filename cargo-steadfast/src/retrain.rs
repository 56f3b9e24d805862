//! `bless --retrain`: honest retrains of the accepted model, whose spread
//! `null = "retrain"` takes into account.

use steadfast::baseline::{self, Alone, Retrain};
use steadfast::error::{Error, ErrorKind};
use steadfast::judge::{FEWEST_RETRAINS, retrain_metrics};
use steadfast::measure::wanted_columns;
use steadfast::outcome::{PackedColumn, pack};
use steadfast::spec::Null;
use steadfast::text::{Page, print};
use steadfast::verdict::{Status, Verdict};

use crate::acceptance::{Acceptance, written};
use crate::cases::Recorded;
use crate::exit_code::ExitCode;
use crate::repository::Repository;

/// Adds the last run of each case to its baseline as a retrain.
///
/// # Errors
/// All that is wrong at once, and then nothing is written.
pub fn run(
    alone: &Alone,
    repository: &Repository,
    cases: &[Recorded],
    acceptance: &Acceptance,
) -> Result<ExitCode, Error> {
    let mut added = Vec::new();
    let mut known = Vec::new();
    let mut problems = Vec::new();
    for case in cases {
        match add(case, acceptance) {
            Ok(Some(file)) => added.push((case, file)),
            Ok(None) => known.push(case.case.name.as_str()),
            Err(problem) => problems.push(format!("{}: {problem}", case.case.name)),
        }
    }
    if !problems.is_empty() {
        let mut message = Page::new();
        for problem in problems {
            message.line(problem);
        }
        message.line("nothing was recorded");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    if added.is_empty() && !known.is_empty() {
        let known = known.join(", ");
        let mut message = Page::of(format_args!("this retrain is recorded already: {known}"));
        message.line("nothing was recorded");
        return Err(Error::new(ErrorKind::Usage, message));
    }
    for name in known {
        say!("{name}: this retrain is recorded already");
    }
    for (case, file) in &added {
        print(&case.message());
        written(&file.case, baseline::write(alone, &repository.root, file))?;
        if case.judgement.status == Status::Fail {
            say!(
                "CAUTION: this one fails by itself ({}), and widens what passes as a retrain. If the pipeline gives such models, keep it: a record without the unlucky ones cries wolf. If something went wrong with it, take it out (git checkout -- {})",
                case.judgement.verdict.words(),
                baseline::path(&file.case)
            );
        }
        let count = file.retrains.len();
        let more = if count < FEWEST_RETRAINS {
            format!("; {FEWEST_RETRAINS} are needed")
        } else {
            String::new()
        };
        let unused = case
            .case
            .metrics()
            .iter()
            .filter_map(|spec| spec.test.as_ref());
        let unused = if unused
            .clone()
            .any(|test| test.question.null() == Null::Retrain)
        {
            ""
        } else {
            "; they count once the spec says [gate] null = \"retrain\""
        };
        say!(
            "{}: {count} recorded{more}{unused}",
            baseline::path(&file.case)
        );
    }
    Ok(ExitCode::Good)
}

/// The outcomes of a retrain over the examples of its baseline; none where the data changed.
fn outcomes(case: &Recorded, old: &baseline::BaselineFile) -> Vec<PackedColumn> {
    if case.run.identity.inputs_digest != old.inputs_digest {
        return Vec::new();
    }
    let columns = case.run.outcomes.select(&wanted_columns(&case.case));
    columns.map_or(Vec::new(), |outcomes| pack(&outcomes))
}

/// The baseline with the retrain; `None`: it has it already.
fn add(case: &Recorded, acceptance: &Acceptance) -> Result<Option<baseline::BaselineFile>, String> {
    let Some(old) = case.baseline() else {
        return Err("there is no baseline that this could be a retrain of".to_owned());
    };
    if matches!(
        case.judgement.verdict,
        Verdict::Stale | Verdict::Missing | Verdict::Error
    ) {
        return Err(format!(
            "{}: bless the accepted model anew first",
            case.judgement.verdict.words()
        ));
    }
    if case.judgement.dropped.is_some() {
        return Err(
            "examples of the baseline are gone, so that its value is of other examples: restore them"
                .to_owned(),
        );
    }
    let Some(model) = case.run.identity.model.digest.clone() else {
        return Err(
            "the model is not identified, so that it could be the accepted one: give [model] files"
                .to_owned(),
        );
    };
    if old.model.digest.as_ref() == Some(&model) {
        return Err("this is the accepted model itself, and no retrain of it".to_owned());
    }
    if old.retrains.iter().any(|retrain| retrain.model == model) {
        return Ok(None);
    }
    let mut file = old.clone();
    file.retrains.push(Retrain {
        model,
        accepted: acceptance.of(case),
        metrics: retrain_metrics(&case.judgement.metrics),
        columns: outcomes(case, old),
    });
    file.seal();
    Ok(Some(file))
}
