//! What `bless` does with anchors: the first baseline of a case is kept when later
//! ones take its place, and only `--reanchor` lets go of it.

use steadfast::baseline::{Anchor, BaselineFile, Common, Lookup};
use steadfast::error::{Error, ErrorKind};
use steadfast::report::number;
use steadfast::spec::{AnchorAt, Exact};

use crate::acceptance::Acceptance;
use crate::cases::Recorded;

/// The anchor to stand beside `file`, which is about to be the baseline of a case and names
/// the anchor from here on; `None`: the baseline itself is it.
pub fn keep(
    case: &Recorded,
    acceptance: &Acceptance,
    file: &mut BaselineFile,
) -> Result<Option<BaselineFile>, Error> {
    let anchor = match &case.references.baseline {
        Lookup::Found(old) if !acceptance.reanchor => beside(case, old, file)?,
        _ => None,
    };
    file.anchor = anchor.as_ref().map(|anchor| anchor.digest.clone());
    file.seal();
    Ok(anchor)
}

/// The anchor beside a baseline that takes the place of `old`.
fn beside(
    case: &Recorded,
    old: &BaselineFile,
    file: &BaselineFile,
) -> Result<Option<BaselineFile>, Error> {
    let first = case.case.anchor() == Some(&AnchorAt::First);
    let itself = || {
        let comparable = old.inputs_digest == case.run.identity.inputs_digest
            || case
                .references
                .common
                .as_ref()
                .is_some_and(Common::is_enough);
        // A baseline with the same outcomes is as good an anchor.
        let same = old
            .columns
            .iter()
            .all(|column| file.columns.contains(column));
        (first && comparable && !same).then(|| old.clone())
    };
    match &case.references.anchor {
        Anchor::Found { file: anchor, .. } if first => {
            // A metric that is younger than the anchor has its first baseline there.
            let mut anchor = anchor.as_ref().clone();
            anchor.add_metrics(old);
            Ok(Some(anchor))
        }
        Anchor::Incomparable(reason) if first => {
            say!("  the anchor is let go of: {reason}; accepted losses count anew");
            Ok(itself())
        }
        Anchor::Unusable(reason) => Err(Error::new(ErrorKind::Evidence, reason.clone())),
        _ => Ok(itself()),
    }
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
