//! What `bless` does with anchors: the first baseline of a case is kept when later
//! ones take its place, and only `--reanchor` lets go of it.

use steadfast::baseline::{self, Anchor, BaselineFile, Lookup};
use steadfast::error::{Error, ErrorKind};
use steadfast::report::number;
use steadfast::spec::{AnchorAt, Direction};

use crate::bless::Acceptance;
use crate::cases::Recorded;
use crate::repository::Repository;

/// Keeps, or lets go of, the anchor of a case whose baseline is about to move; says
/// whether an anchor was let go of. `file` is to be the new baseline.
pub fn keep(
    repository: &Repository,
    case: &Recorded,
    acceptance: &Acceptance,
    file: &BaselineFile,
) -> Result<bool, Error> {
    let name = &case.case.name;
    let failed = |error| {
        let path = baseline::anchor_path(name);
        Error::new(
            ErrorKind::Evidence,
            format!("failed to write {path}: {error}"),
        )
    };
    let first = case.case.metrics().iter().any(|metric| {
        let anchor = metric.test.as_ref().and_then(|test| test.anchor.as_ref());
        anchor.is_some_and(|anchor| anchor.at == AnchorAt::First)
    });
    if acceptance.reanchor {
        return baseline::remove_anchor(&repository.root, name).map_err(failed);
    }
    let Lookup::Found(old) = &case.references.baseline else {
        return Ok(false);
    };
    // A baseline with the same outcomes is as good an anchor.
    if !first || old.columns == file.columns {
        return Ok(false);
    }
    match &case.references.anchor {
        Anchor::Found { .. } | Anchor::Unusable(_) => Ok(false),
        Anchor::Absent(_) => Ok(false),
        Anchor::Incomparable(reason) => {
            say!("  the anchor is let go of: {reason}");
            baseline::remove_anchor(&repository.root, name).map_err(failed)
        }
        Anchor::None => {
            let comparable = old.inputs_digest == case.run.identity.inputs_digest
                || case.references.common.is_some();
            if comparable {
                baseline::write_anchor(&repository.root, old).map_err(failed)?;
            }
            Ok(false)
        }
    }
}

/// How much of what is tolerable since the anchor is spent, metric by metric.
pub fn spent(case: &Recorded, acceptance: &Acceptance) -> Vec<String> {
    if acceptance.reanchor {
        return vec!["it is the anchor now: harm counts anew".to_owned()];
    }
    let metrics = case.case.metrics().iter().zip(&case.judgement.metrics);
    metrics
        .filter_map(|(spec, metric)| {
            let test = spec.test.as_ref()?;
            let asked = test.anchor.as_ref()?;
            let before = match &metric.anchor {
                Some(since) => since.value,
                None => metric.baseline?,
            };
            let sign = if test.direction == Direction::Higher {
                -1.0
            } else {
                1.0
            };
            let harm = sign * (before - metric.value);
            (harm > 0.0).then(|| {
                format!(
                    "{}: {} of the {} that are tolerable since the anchor are spent",
                    metric.name,
                    number(harm),
                    asked.margin
                )
            })
        })
        .collect()
}
