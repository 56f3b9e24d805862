//! What `bless` does with anchors: the first baseline of a case is kept when later
//! ones take its place, and only `--reanchor` lets go of it.

use steadfast::baseline::{self, Anchor, BaselineFile, Common, Lookup};
use steadfast::error::{Error, ErrorKind};
use steadfast::report::number;
use steadfast::spec::{AnchorAt, Exact};

use crate::acceptance::Acceptance;
use crate::cases::Recorded;
use crate::repository::Repository;

/// Keeps, or lets go of, the anchor of a case whose baseline is about to be `file`,
/// and names it there.
pub fn keep(
    repository: &Repository,
    case: &Recorded,
    acceptance: &Acceptance,
    file: &mut BaselineFile,
) -> Result<(), Error> {
    let name = &case.case.name;
    let failed = |error| {
        let path = baseline::anchor_path(name);
        Error::new(
            ErrorKind::Evidence,
            format!("failed to write {path}: {error}"),
        )
    };
    let let_go = || baseline::remove_anchor(&repository.root, name).map_err(failed);
    let keep = |anchor: &BaselineFile| -> Result<_, Error> {
        baseline::write_anchor(&repository.root, anchor).map_err(failed)?;
        Ok(Some(anchor.digest.clone()))
    };
    let Lookup::Found(old) = &case.references.baseline else {
        if acceptance.reanchor {
            // What an unreadable baseline was held against goes with it.
            let_go()?;
        }
        return Ok(());
    };
    // A baseline with the same outcomes is as good an anchor.
    let first = case.case.anchor() == Some(&AnchorAt::First) && !acceptance.reanchor;
    let itself = || {
        let comparable = old.inputs_digest == case.run.identity.inputs_digest
            || case
                .references
                .common
                .as_ref()
                .is_some_and(Common::is_enough);
        let same = old
            .columns
            .iter()
            .all(|column| file.columns.contains(column));
        if first && comparable && !same {
            keep(old)
        } else {
            Ok(None)
        }
    };
    let anchor = match &case.references.anchor {
        _ if acceptance.reanchor => {
            let_go()?;
            None
        }
        Anchor::Found { file: anchor, .. } if first => {
            // A metric that is younger than the anchor has its first baseline there.
            let mut anchor = anchor.as_ref().clone();
            if anchor.add_metrics(old) {
                keep(&anchor)?
            } else {
                Some(anchor.digest)
            }
        }
        Anchor::Incomparable(reason) if first => {
            say!("  the anchor is let go of: {reason}; accepted losses count anew");
            let_go()?;
            itself()?
        }
        Anchor::Unusable(reason) => {
            return Err(Error::new(ErrorKind::Evidence, reason.clone()));
        }
        _ => itself()?,
    };
    file.anchor = anchor;
    file.seal();
    Ok(())
}

/// How much of what is tolerable since the anchor is spent, metric by metric.
pub fn spent(case: &Recorded, acceptance: &Acceptance) -> Vec<String> {
    if acceptance.reanchor {
        return vec!["it is the anchor now: harm counts anew".to_owned()];
    }
    losses(case)
        .filter(|loss| loss.harm > 0.0)
        .map(|loss| {
            format!(
                "{}: {} of the {} that are tolerable since the anchor are spent",
                loss.metric,
                number(loss.harm),
                loss.tolerable
            )
        })
        .collect()
}

/// The metrics whose losses since the anchor are more than is tolerable, in words.
pub fn overdrawn(case: &Recorded) -> Vec<String> {
    let guarded = case
        .case
        .metrics()
        .iter()
        .filter_map(|metric| metric.test.as_ref());
    let guarded = guarded.filter(|test| test.anchor.is_some()).count() > 0;
    let dropped = case.judgement.dropped.as_ref().filter(|_| guarded);
    if dropped.is_some_and(|dropped| dropped.ids.len() == dropped.of) {
        return vec![format!(
            "{}: none of the baseline's examples is known to be in the data, so that what it lost since its anchor cannot be told",
            case.case.name
        )];
    }
    losses(case)
        .filter(|loss| loss.harm > loss.tolerable.value())
        .map(|loss| {
            format!(
                "{}: {} would have lost {} since its anchor, and {} is tolerable",
                case.case.name,
                loss.metric,
                number(loss.harm),
                loss.tolerable
            )
        })
        .collect()
}

/// What a metric has lost since the anchor, and may lose.
struct Loss<'a> {
    metric: &'a str,
    harm: f64,
    tolerable: &'a Exact,
}

fn losses(case: &Recorded) -> impl Iterator<Item = Loss<'_>> {
    let metrics = case.case.metrics().iter().zip(&case.judgement.metrics);
    metrics.filter_map(|(spec, metric)| {
        let test = spec.test.as_ref()?;
        let asked = test.anchor.as_ref()?;
        let sign = test.direction.sign(spec.kind.better) as f64;
        // Examples that are let go of were right, and are counted as lost.
        let (change, dropped) = match &metric.anchor {
            Some(since) => (since.comparison.change, since.dropped),
            None => {
                let dropped = case.judgement.dropped.as_ref();
                let dropped = dropped.map_or(0.0, |dropped| dropped.share());
                (metric.value - metric.baseline?, dropped)
            }
        };
        let unit = spec.kind.range == (0.0, 1.0);
        Some(Loss {
            metric: &metric.name,
            harm: if unit { dropped } else { 0.0 } - sign * change,
            tolerable: &asked.margin,
        })
    })
}
