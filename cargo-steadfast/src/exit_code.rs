//! What the subcommand exits with: one meaning a number, documented in
//! `docs/exit-codes.md`.

use steadfast::error::{Error, ErrorKind};
use steadfast::verdict::{Status, Verdict};

/// An exit code. When several hold, the first of [`ExitCode::FIRST`] wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// All is good.
    Good = 0,
    /// A case regressed.
    Regressed = 1,
    /// The command, its arguments or an environment variable.
    Usage = 2,
    /// A spec or `suite.toml` is invalid.
    Spec = 3,
    /// A baseline is missing or stale.
    Baseline = 4,
    /// A case cannot tell, and its policy is to fail.
    Inconclusive = 5,
    /// A model or data set is unavailable, or a case errored.
    Unavailable = 6,
    /// A defect of steadfast.
    Defect = 70,
}

impl ExitCode {
    /// The order in which codes win over each other.
    const FIRST: [Self; 8] = [
        Self::Defect,
        Self::Usage,
        Self::Spec,
        Self::Unavailable,
        Self::Regressed,
        Self::Baseline,
        Self::Inconclusive,
        Self::Good,
    ];

    /// The code of an error.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::Usage => Self::Usage,
            ErrorKind::Spec => Self::Spec,
            ErrorKind::Unavailable | ErrorKind::Evidence => Self::Unavailable,
            ErrorKind::Defect => Self::Defect,
        }
    }

    /// The code of a case.
    pub fn of_verdict(verdict: Verdict, status: Status) -> Self {
        match (verdict, status) {
            (_, Status::Pass | Status::Warn) => Self::Good,
            (Verdict::Error, _) => Self::Unavailable,
            (Verdict::Missing | Verdict::Stale, _) => Self::Baseline,
            (Verdict::Inconclusive, _) => Self::Inconclusive,
            _ => Self::Regressed,
        }
    }

    /// The one that wins.
    pub fn and(self, other: Self) -> Self {
        let wins = |code: &Self| *code == self || *code == other;
        Self::FIRST.into_iter().find(wins).unwrap_or(self)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_graver_code_wins_whatever_the_order() {
        use ExitCode::{Baseline, Good, Regressed, Spec, Unavailable};
        for (one, other, winner) in [
            (Good, Baseline, Baseline),
            (Baseline, Regressed, Regressed),
            (Regressed, Unavailable, Unavailable),
            (Unavailable, Spec, Spec),
        ] {
            assert_eq!(one.and(other), winner);
            assert_eq!(other.and(one), winner);
        }
    }
}
