//! Why a case is not accepted as it is asked: something would be lost, or more accepted than
//! is tolerable, that nobody has asked for. `bless` and `review` object alike.

use steadfast::baseline::{self, Anchor, BaselineError, Lookup, look_up};
use steadfast::digest::Digest;
use steadfast::error::Error;
use steadfast::spec::AnchorAt;
use steadfast::verdict::Verdict;

use crate::anchor;
use crate::cases::Recorded;
use crate::exit_code::ExitCode;
use crate::prune::orphans;
use crate::repository::Repository;

/// An objection, its reasons, and what to do.
pub struct Objection {
    /// What the command exits with.
    pub code: ExitCode,
    /// What stands against it, a line each.
    pub reasons: Vec<String>,
    /// What to do, the same for all cases.
    pub cure: &'static str,
}

/// What is asked for, and what it is held against.
pub struct Objections<'a> {
    repository: &'a Repository,
    /// Whether the new baselines are to be the anchors, too.
    reanchor: bool,
    /// Whether losses beyond what is tolerable are accepted beside the anchor.
    overdraw: bool,
    /// The cases that no spec asks for, and of which inputs their baselines are.
    orphans: Vec<(String, Digest)>,
}

impl<'a> Objections<'a> {
    /// Objections to a bless.
    ///
    /// # Errors
    /// When the folder of baselines cannot be read.
    pub fn new(repository: &'a Repository, reanchor: bool, overdraw: bool) -> Result<Self, Error> {
        let orphans = orphans(repository)?.into_iter();
        let with_inputs = orphans.filter_map(|(name, _)| match look_up(&repository.root, &name) {
            Lookup::Found(file) => Some((name, file.inputs_digest)),
            _ => None,
        });
        Ok(Self {
            repository,
            reanchor,
            overdraw,
            orphans: with_inputs.collect(),
        })
    }

    /// What stands against accepting a case; `moves` is whether its baseline would move.
    pub fn to(&self, case: &Recorded, moves: bool) -> Option<Objection> {
        let name = &case.case.name;
        let object = |code, reason: String, cure| {
            let reasons = vec![format!("Error: {reason}")];
            Some(Objection {
                code,
                reasons,
                cure,
            })
        };
        if self.reanchor {
            return match case.case.anchor() {
                Some(AnchorAt::Tag(tag)) => object(
                    ExitCode::Usage,
                    format!("the anchor of {name} is the git tag {tag}"),
                    "name a later tag in [gate] anchor, or leave such cases out",
                ),
                _ => None,
            };
        }
        match (&case.references.baseline, &case.references.anchor) {
            (Lookup::Unusable(error), _) => {
                let cure = match error {
                    BaselineError::Conflict { .. } => "cargo steadfast resolve, first",
                    _ => {
                        "a baseline that cannot be read may hold a history and an anchor, and they would be lost"
                    }
                };
                return object(ExitCode::Unavailable, error.to_string(), cure);
            }
            (Lookup::Missing, _) => return self.to_the_first(case),
            (Lookup::Found(_), Anchor::Unusable(reason)) => {
                return object(
                    ExitCode::Unavailable,
                    reason.clone(),
                    "without its anchor, what a case has lost cannot be told",
                );
            }
            (Lookup::Found(_), Anchor::Incomparable(_)) if case.judgement.dropped.is_some() => {
                return object(
                    ExitCode::Regressed,
                    format!(
                        "{name}: so many examples are gone that the anchor cannot be compared with any more, and accepted losses would count anew"
                    ),
                    "restore the examples; bless --reanchor lets go of the anchor",
                );
            }
            _ => {}
        }
        if self.overdraw {
            return None;
        }
        if case.judgement.verdict == Verdict::Drifted {
            return object(
                ExitCode::Regressed,
                format!("{name}: accepted changes have added up to harm since the anchor"),
                "look at the steps (cargo steadfast review, or the trial's message); bless --reanchor accepts all of it and counts anew, --overdraw accepts it beside the old anchor, against which each next run of other outcomes fails as well",
            );
        }
        let overdrawn = anchor::overdrawn(case);
        (moves && !overdrawn.is_empty()).then(|| Objection {
            code: ExitCode::Regressed,
            reasons: overdrawn
                .iter()
                .map(|line| format!("OVERDRAWN: {line}"))
                .collect(),
            cure: "these losses are more than is tolerable since the anchor: each next run of other outcomes fails as drifted. bless --reanchor counts losses anew from here; bless --overdraw accepts them beside the old anchor",
        })
    }

    /// What stands against the first baseline of a case, which may not be the first.
    fn to_the_first(&self, case: &Recorded) -> Option<Objection> {
        let name = &case.case.name;
        let root = &self.repository.root;
        if baseline::has_anchor(root, name) {
            let path = baseline::path(name);
            return Some(Objection {
                code: ExitCode::Unavailable,
                reasons: vec![format!(
                    "Error: {} is there, and {path}, which names it, is not: git checkout -- {path}",
                    baseline::anchor_path(name)
                )],
                cure: "with the baseline its history and its anchor would be lost; bless --reanchor lets go of them",
            });
        }
        let inputs = &case.run.identity.inputs_digest;
        let (orphan, _) = self.orphans.iter().find(|(_, of)| of == inputs)?;
        Some(Objection {
            code: ExitCode::Unavailable,
            reasons: vec![format!(
                "Error: {}, which no spec asks for, is of the inputs of {name}. If the case was renamed: cargo steadfast rename {orphan} {name}",
                baseline::path(orphan)
            )],
            cure: "rename keeps history and anchors; bless --reanchor begins without them",
        })
    }
}

/// Says what stands against a bless; gives the code to exit with.
pub fn report(objections: &[Objection]) -> ExitCode {
    let mut cures = Vec::new();
    for objection in objections {
        for reason in &objection.reasons {
            warn!("{reason}");
        }
        if !cures.contains(&objection.cure) {
            cures.push(objection.cure);
        }
    }
    for cure in cures {
        warn!("{cure}");
    }
    let codes = objections.iter().map(|objection| objection.code);
    codes.fold(ExitCode::Good, ExitCode::and)
}
