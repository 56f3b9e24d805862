//! What a case is held against: its baseline, its anchor, and which of their
//! examples are this run's.

use std::path::Path;

use super::file::BaselineFile;
use super::folder::{Lookup, anchor_path, look_up, look_up_anchor};
use super::git;
use super::grown::{Common, common};
use crate::data::Dataset;
use crate::record::Run;
use crate::spec::{AnchorAt, Case};

/// What a case is held against.
#[derive(Debug)]
pub struct References {
    /// What stands as its baseline.
    pub baseline: Lookup,
    /// The examples that the baseline shares with the run, where nothing but the data
    /// changed; they may be too few.
    pub common: Option<Common>,
    /// The anchor.
    pub anchor: Anchor,
}

/// What stands as the anchor of a case.
#[derive(Clone, Debug)]
pub enum Anchor {
    /// None is asked for, or the baseline itself is it.
    None,
    /// Another one than the baseline.
    Found {
        /// It.
        file: Box<BaselineFile>,
        /// The examples that it shares with the run, where the data grew.
        common: Option<Common>,
    },
    /// The case is younger than it: why there is none.
    Absent(String),
    /// It was made from other inputs: when.
    Incomparable(String),
    /// It cannot be read: why, and what to do.
    Unusable(String),
}

impl References {
    /// Of a case without an anchor.
    pub fn baseline(lookup: Lookup) -> Self {
        Self {
            baseline: lookup,
            common: None,
            anchor: Anchor::None,
        }
    }

    /// Looks up what the case of `run` is held against. `data` are its examples,
    /// `None` where they cannot be had: nothing is then taken for grown.
    pub fn look_up(root: &Path, case: &Case, run: &Run, data: Option<&Dataset>) -> Self {
        let baseline = look_up(root, &case.name);
        let shared = |file: &BaselineFile| {
            if file.inputs_digest == run.identity.inputs_digest {
                return None;
            }
            common(file, &run.identity.inputs, data?)
        };
        let common = match &baseline {
            Lookup::Found(file) => shared(file),
            _ => None,
        };
        let anchor = match &baseline {
            // Without a baseline there is nothing to be anchored.
            Lookup::Found(file) => anchor(root, case, file),
            _ => Anchor::None,
        };
        let anchor = match anchor {
            Anchor::Found { file, .. } => {
                let common = shared(&file).filter(Common::is_enough);
                if common.is_some() || file.inputs_digest == run.identity.inputs_digest {
                    Anchor::Found { file, common }
                } else {
                    Anchor::Incomparable(format!(
                        "the anchor of {} was made from other inputs",
                        file.accepted.at.get(..10).unwrap_or(&file.accepted.at)
                    ))
                }
            }
            other => other,
        };
        Self {
            baseline,
            common,
            anchor,
        }
    }
}

fn anchor(root: &Path, case: &Case, baseline: &BaselineFile) -> Anchor {
    let lookup = match case.anchor() {
        None => return Anchor::None,
        Some(AnchorAt::First) => return first(root, case, baseline),
        Some(AnchorAt::Tag(name)) => match git::at_tag(root, name, &case.name) {
            Ok(Lookup::Missing) => {
                return Anchor::Absent(format!("the case has no baseline at the tag {name}"));
            }
            Ok(other) => other,
            Err(reason) => return Anchor::Unusable(reason),
        },
    };
    match lookup {
        Lookup::Found(file) if file.digest == baseline.digest => Anchor::None,
        Lookup::Found(file) => Anchor::Found { file, common: None },
        Lookup::Missing => Anchor::None,
        Lookup::Unusable(error) => Anchor::Unusable(error.to_string()),
    }
}

/// The anchor that the baseline names: one that is not there, or is another, is no
/// silent pass.
fn first(root: &Path, case: &Case, baseline: &BaselineFile) -> Anchor {
    let Some(wanted) = &baseline.anchor else {
        return Anchor::None;
    };
    let path = anchor_path(&case.name);
    let cure = format!(
        "Restore it: git checkout -- {path} (the folder is to be committed beside the baselines); or start the count of accepted losses anew: cargo steadfast bless {} --reanchor --reason \"…\"",
        case.name
    );
    match look_up_anchor(root, &case.name, wanted) {
        Lookup::Found(file) if file.digest == *wanted => Anchor::Found { file, common: None },
        Lookup::Found(_) => Anchor::Unusable(format!(
            "the anchor {path} is not the one that the baseline was accepted beside. {cure}"
        )),
        Lookup::Missing => Anchor::Unusable(format!(
            "the anchor {path} of the baseline is not there. {cure}"
        )),
        Lookup::Unusable(_) => Anchor::Unusable(format!(
            "the anchor {path} is damaged or cannot be read. {cure}"
        )),
    }
}
