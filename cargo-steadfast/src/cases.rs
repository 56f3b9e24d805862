//! What the last run says about a case: its record, held against the tree and
//! against the baseline.

use std::sync::Arc;

use steadfast::baseline::{BaselineFile, Lookup, References, is_unmerged, look_up, unmerged};
use steadfast::engine::differences_to_tree;
use steadfast::error::{Error, ErrorKind};
use steadfast::judge::{Judgement, judge};
use steadfast::measure::wanted_columns;
use steadfast::record::{Record, RecordError, Run, SCHEMA};
use steadfast::report;
use steadfast::report::curves::{self, Accuracies, Curve};
use steadfast::spec::{Case, Spec};
use steadfast::text::Page;
use steadfast::verdict::{Status, Verdict};

use crate::repository::{Repository, is_wanted};

/// A case whose record is of the tree as it stands.
pub struct Recorded {
    /// The case.
    pub case: Case,
    /// Its record.
    pub record: Record,
    /// What the record holds.
    pub run: Run,
    /// What it is held against.
    pub references: References,
    /// What the record is worth against the baseline, judged now.
    pub judgement: Judgement,
    /// The severity curves of the spec, where the message shows them.
    pub curves: Vec<Curve>,
    /// How cases are run in the repository.
    run_command: &'static str,
}

impl Recorded {
    /// The baseline, if it can be used.
    pub fn baseline(&self) -> Option<&BaselineFile> {
        match &self.references.baseline {
            Lookup::Found(baseline) => Some(baseline),
            _ => None,
        }
    }

    /// The message that the trial would give.
    pub fn message(&self) -> Page {
        report::judged(
            &self.case,
            &self.run,
            self.baseline(),
            &self.judgement,
            &self.curves,
            self.run_command,
        )
    }

    /// Whether the record's outcomes are not those of the baseline.
    pub fn is_pending(&self) -> bool {
        self.judgement.verdict != Verdict::Identical
    }
}

/// Why a case cannot be accepted.
#[derive(Debug)]
pub enum Unusable {
    /// It has no record.
    Missing(Page),
    /// Its record is of another tree, or cannot be read.
    Stale(Page),
    /// It errored.
    Errored(Page),
}

impl Unusable {
    /// In words.
    pub fn message(&self) -> &Page {
        match self {
            Self::Missing(message) | Self::Stale(message) | Self::Errored(message) => message,
        }
    }
}

/// Reads the record of a case and judges it again.
pub fn recorded(repository: &Repository, case: Case) -> Result<Recorded, Unusable> {
    let record = Record::read(&repository.state, &case.name).map_err(|error| match error {
        RecordError::Missing { .. } => {
            let command = repository.run_command(&case.name);
            Unusable::Missing(Page::of(format_args!("{error}: {command}")))
        }
        other => Unusable::Stale(Page::of(format_args!("{}: {other}", case.name))),
    })?;
    if record.schema != SCHEMA {
        return Err(Unusable::Stale(Page::of(format_args!(
            "the record of {} is of another steadfast (schema {}, and this one writes {SCHEMA}). Run it again: {}",
            case.name,
            record.schema,
            repository.run_command(&case.name)
        ))));
    }
    let run = record
        .run(&repository.state)
        .map_err(|error| Unusable::Stale(Page::of(format_args!("{}: {error}", case.name))))?;
    let Some(run) = run else {
        return Err(Unusable::Errored(Page::of(format_args!(
            "{} errored in its last run and has no outcomes. Mend it and run it again: {}",
            case.name,
            repository.run_command(&case.name)
        ))));
    };
    let differences =
        differences_to_tree(&case, &repository.context, &run.identity).map_err(|error| {
            let head = format!("{}: ", case.name);
            Unusable::Errored(Page::headed(head, &Error::from(error).page()))
        })?;
    if !differences.is_empty() {
        return Err(Unusable::Stale(Page::of(format_args!(
            "the record of {} is of another tree: {}. Run it again: {}",
            case.name,
            differences.join("; "),
            repository.run_command(&case.name)
        ))));
    }
    for metric in case.metrics() {
        let known = record
            .metrics
            .iter()
            .find(|known| known.name == metric.label);
        // Stored scores are what the parameters of then made of the outcomes.
        if let Some(known) = known
            && known.identity != metric.identity()
            && run.outcomes.column(&metric.label).is_some()
        {
            return Err(Unusable::Stale(Page::of(format_args!(
                "{} was not run on this tree: {} was {} in its record, and is {}. Run it again: cargo test --test robustness -- --exact {}",
                case.name,
                metric.label,
                known.identity,
                metric.identity(),
                case.name
            ))));
        }
    }
    if run.outcomes.select(&wanted_columns(&case)).is_none() {
        return Err(Unusable::Stale(Page::of(format_args!(
            "the record of {} does not have the columns that its metrics need now. Run it again: {}",
            case.name,
            repository.run_command(&case.name)
        ))));
    }
    let data = repository.context.dataset(&case.spec).ok();
    let references = References::look_up(&repository.root, &case, &run, data.as_deref());
    let judgement = judge(&case, &run, &references);
    let shown = judgement.status != Status::Pass && curves::are_shown(case.metrics());
    let curves = if shown {
        curves_of(repository, &case.spec, &record.run_id)
    } else {
        Vec::new()
    };
    Ok(Recorded {
        case,
        record,
        run,
        references,
        judgement,
        curves,
        run_command: steadfast::env::run_command(&repository.root),
    })
}

/// The severity curves of a spec, from the records of one run and the baselines.
pub fn curves_of(repository: &Repository, spec: &Arc<Spec>, run_id: &str) -> Vec<Curve> {
    curves::curves(spec, |cell| {
        let record = Record::read(&repository.state, &cell.name).ok()?;
        let values = record.metrics.iter();
        let now = values.map(|metric| (metric.identity.as_str(), metric.value));
        let inputs = record.identity.as_ref().map(|known| &known.inputs_digest);
        let before = match look_up(&repository.root, &cell.name) {
            Lookup::Found(file) if Some(&file.inputs_digest) == inputs => {
                let values = file.metrics.iter();
                curves::accuracy(values.map(|metric| (metric.identity.as_str(), metric.value)))
            }
            _ => None,
        };
        let now = curves::accuracy(now).filter(|_| record.run_id == run_id)?;
        Some(Accuracies { before, now })
    })
}

/// Refuses a verb while git has both sides of baselines that it could not merge.
pub fn refuse_unmerged(repository: &Repository, filters: &[String]) -> Result<(), Error> {
    let unmerged = unmerged(&repository.root);
    match unmerged.iter().find(|case| is_wanted(filters, case)) {
        None => Ok(()),
        Some(case) => Err(Error::new(ErrorKind::Evidence, is_unmerged(case))),
    }
}

/// Refuses a verb under CI.
pub fn refuse_in_ci(verb: &str) -> Result<(), Error> {
    if !steadfast::env::is_ci() {
        return Ok(());
    }
    let message = format!(
        "`{verb}` is refused under CI: people decide what is accepted, and review it. Run it on a developer's machine and commit the result"
    );
    Err(Error::new(ErrorKind::Usage, message))
}
