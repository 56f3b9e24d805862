//! The verdicts, as types. How one is reached is in `judge`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was found about one metric of one case, or about the whole case: the
/// table of statistics.md 1.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The run or the baseline cannot be used.
    Error,
    /// There is no baseline yet.
    Missing,
    /// The baseline was made from other inputs, or by another version of a metric.
    Stale,
    /// An example marked critical was right and is wrong.
    Critical,
    /// Nothing changed, and the outcomes differ.
    Nondeterministic,
    /// Harm beyond the anchor's margin is shown since the anchor.
    Drifted,
    /// Harm beyond the margin is shown.
    Regressed,
    /// Harm is shown, within the margin.
    Degraded,
    /// There are too few examples to tell.
    Inconclusive,
    /// Improvement is shown.
    Improved,
    /// Nothing is shown, and harm of the size that matters would have been seen.
    NoRegression,
    /// Harm beyond the margin is excluded.
    NonInferior,
    /// Change beyond the margin is excluded in both directions.
    Equivalent,
    /// The stored outcomes are equal.
    Identical,
}

impl Verdict {
    /// All, worst first: a case's verdict is the worst of its metrics'.
    pub const WORST_FIRST: [Self; 14] = [
        Self::Error,
        Self::Missing,
        Self::Stale,
        Self::Critical,
        Self::Nondeterministic,
        Self::Drifted,
        Self::Regressed,
        Self::Degraded,
        Self::Inconclusive,
        Self::Improved,
        Self::NoRegression,
        Self::NonInferior,
        Self::Equivalent,
        Self::Identical,
    ];

    /// The position in [`Self::WORST_FIRST`].
    pub fn rank(self) -> usize {
        Self::WORST_FIRST
            .iter()
            .position(|&other| other == self)
            .unwrap_or(0)
    }

    /// Whether `bless` moves the baseline of such a case without being told `--all`.
    pub fn moves(self) -> bool {
        matches!(
            self,
            Self::Missing
                | Self::Stale
                | Self::Critical
                | Self::Drifted
                | Self::Regressed
                | Self::Degraded
                | Self::Improved
        )
    }

    /// As it is written in records and messages.
    pub fn text(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Missing => "missing",
            Self::Stale => "stale",
            Self::Critical => "critical",
            Self::Nondeterministic => "nondeterministic",
            Self::Drifted => "drifted",
            Self::Regressed => "regressed",
            Self::Degraded => "degraded",
            Self::Inconclusive => "inconclusive",
            Self::Improved => "improved",
            Self::NoRegression => "no_regression",
            Self::NonInferior => "non_inferior",
            Self::Equivalent => "equivalent",
            Self::Identical => "identical",
        }
    }

    /// What it means, in a few words for a person.
    pub fn words(self) -> &'static str {
        match self {
            Self::Error => "could not be run",
            Self::Missing => "no baseline yet",
            Self::Stale => "the baseline is of other inputs, or of a merge",
            Self::Critical => "a critical example is wrong, changed or gone",
            Self::Nondeterministic => "nothing changed, and the outcomes differ",
            Self::Drifted => "drifted from the anchor",
            Self::Regressed => "regressed",
            Self::Degraded => "worse, within the margin",
            Self::Inconclusive => "cannot tell: too few examples",
            Self::Improved => "improved",
            Self::NoRegression => "no harm shown, and it would have been seen",
            Self::NonInferior => "not worse by more than the margin",
            Self::Equivalent => "equal within the margin",
            Self::Identical => "identical",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

/// What a verdict does to the trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Passes in silence.
    Pass,
    /// Passes, and says why it is worth a look.
    Warn,
    /// Fails.
    Fail,
}
