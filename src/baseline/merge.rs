//! What becomes of two baselines of one case that two branches accepted.
//!
//! The outcomes of one side are taken, though the merged model may have those of neither: the
//! baseline says so, and its case is stale until the merged model is run and blessed. What
//! both sides remember is kept: both histories, and the older anchor.

use super::file::{BaselineFile, Blessing};

/// A baseline as one branch accepted it.
#[derive(Clone, Debug)]
pub struct Side {
    /// The baseline.
    pub baseline: BaselineFile,
    /// The anchor that the baseline names; `None`: itself.
    pub anchor: Option<BaselineFile>,
}

impl Side {
    /// What its later baselines are held against.
    fn anchor(&self) -> &BaselineFile {
        self.anchor.as_ref().unwrap_or(&self.baseline)
    }

    /// The same of a case that has another name now.
    pub fn named(self, case: &str) -> Self {
        let named = |file: BaselineFile| {
            let mut file = BaselineFile {
                case: case.to_owned(),
                ..file
            };
            file.seal();
            file
        };
        let anchor = self.anchor.map(named);
        let baseline = named(BaselineFile {
            anchor: anchor.as_ref().map(|anchor| anchor.digest.clone()),
            ..self.baseline
        });
        Self { baseline, anchor }
    }
}

/// The side that is taken, with what `other` remembers, beside the older anchor.
pub fn merge(taken: &Side, other: &Side) -> Side {
    // Times are in seconds: of two anchors of one second the one is older that was let go of
    // for nothing since.
    let age = |side: &Side| (side.anchor().accepted.at.clone(), side.anchor.is_none());
    let older = match age(other) < age(taken) {
        true => other.anchor(),
        false => taken.anchor(),
    };
    // The baseline is its own anchor where it is the older one.
    let anchor = (older.digest != taken.baseline.digest).then(|| older.clone());
    let mut baseline = join(&taken.baseline, &other.baseline);
    baseline.anchor = anchor.as_ref().map(|anchor| anchor.digest.clone());
    baseline.seal();
    Side { baseline, anchor }
}

/// The same of two baselines alone, as git's merge driver is given them; `None`: an anchor
/// would have to be moved, which is another file. Of two that are their own anchors the older
/// one is taken, so that the anchor stays where it is.
pub fn merge_alone(ours: BaselineFile, theirs: BaselineFile) -> Option<BaselineFile> {
    if ours.anchor != theirs.anchor {
        return None;
    }
    let is_newer = ours.anchor.is_none() && theirs.accepted.at < ours.accepted.at;
    Some(match is_newer {
        true => join(&theirs, &ours),
        false => join(&ours, &theirs),
    })
}

/// What becomes of two baselines, whatever their anchors.
fn join(taken: &BaselineFile, other: &BaselineFile) -> BaselineFile {
    let mut baseline = taken.clone();
    baseline.history = joined(taken.history.iter().chain(&other.history));
    let same_outcomes = taken.columns == other.columns
        && taken.inputs_digest == other.inputs_digest
        && taken.model == other.model;
    if same_outcomes {
        for retrain in &other.retrains {
            let mut known = baseline.retrains.iter();
            if !known.any(|known| known.model == retrain.model) {
                baseline.retrains.push(retrain.clone());
            }
        }
        baseline.merged = baseline.merged.or_else(|| other.merged.clone());
        if other.accepted != taken.accepted {
            // Both are answerable for what both accepted.
            let theirs = other.blessing();
            baseline.history = joined(baseline.history.iter().chain([&theirs]));
        }
    } else {
        // What either has of an earlier merge was accepted all the same.
        let earlier = [&taken.merged, &other.merged].into_iter().flatten();
        baseline.history = joined(baseline.history.iter().chain(earlier));
        baseline.merged = Some(other.blessing());
    }
    baseline.seal();
    baseline
}

/// Blessings in the order of their times, each once.
pub fn joined<'a>(blessings: impl Iterator<Item = &'a Blessing>) -> Vec<Blessing> {
    let mut all: Vec<Blessing> = Vec::new();
    for blessing in blessings {
        if !all.contains(blessing) {
            all.push(blessing.clone());
        }
    }
    all.sort_by(|one, other| one.accepted.at.cmp(&other.accepted.at));
    all
}

#[cfg(test)]
mod tests {
    use super::super::file::tests::of_day;
    use super::*;

    fn side(day: u32, history: &[u32], anchor: Option<u32>) -> Side {
        let anchor = anchor.map(of_day);
        let mut baseline = of_day(day);
        baseline.history = history.iter().map(|&day| of_day(day).blessing()).collect();
        baseline.anchor = anchor.as_ref().map(|anchor| anchor.digest.clone());
        baseline.seal();
        Side { baseline, anchor }
    }

    fn reasons(blessings: &[Blessing]) -> Vec<&str> {
        let reasons = blessings.iter().map(|one| one.accepted.reason.as_str());
        reasons.collect()
    }

    #[test]
    fn histories_are_joined_and_the_side_that_is_not_taken_is_remembered() {
        let (ours, theirs) = (side(4, &[1, 3], Some(1)), side(5, &[1, 2], Some(1)));
        let merged = merge(&ours, &theirs);
        assert_eq!(
            reasons(&merged.baseline.history),
            ["day 1", "day 2", "day 3"]
        );
        assert_eq!(merged.baseline.accepted.reason, "day 4");
        let other = merged.baseline.merged.as_ref().unwrap();
        assert_eq!(other.accepted.reason, "day 5");
        assert_eq!(merged.anchor, ours.anchor);
        // A merge of merges loses nobody either.
        let again = merge(&merged, &side(7, &[1], Some(1)));
        assert_eq!(
            reasons(&again.baseline.history),
            ["day 1", "day 2", "day 3", "day 5"]
        );
    }

    #[test]
    fn the_older_anchor_is_kept_whichever_side_is_taken() {
        let (kept, anew) = (side(4, &[1], Some(1)), side(5, &[1], None));
        for (taken, other) in [(&kept, &anew), (&anew, &kept)] {
            let merged = merge(taken, other);
            assert_eq!(merged.anchor, kept.anchor);
            assert_eq!(
                merged.baseline.anchor,
                kept.anchor.as_ref().map(|anchor| anchor.digest.clone())
            );
        }
        // Both are their own: the older one stays the anchor.
        let (older, younger) = (side(4, &[1], None), side(5, &[1], None));
        assert_eq!(merge(&older, &younger).anchor, None);
        let anchor = merge(&younger, &older).anchor.unwrap();
        assert_eq!(anchor.digest, older.baseline.digest);
    }

    #[test]
    fn sides_of_the_same_outcomes_need_no_new_run() {
        let (ours, mut theirs) = (side(4, &[1], None), side(4, &[1, 2], None));
        theirs.baseline.accepted.reason = "others' words".to_owned();
        theirs.baseline.seal();
        let merged = merge(&ours, &theirs);
        assert_eq!(merged.baseline.merged, None);
        assert_eq!(
            reasons(&merged.baseline.history),
            ["day 1", "day 2", "others' words"]
        );
    }
}
