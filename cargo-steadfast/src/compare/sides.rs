//! Better, worse, or neither: what is shown, and what matters. Two different
//! questions, and the words that keep them apart.

/// Where one model stands against another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Better.
    Win,
    /// Neither.
    Tie,
    /// Worse.
    Loss,
}

impl Side {
    /// As JSON has it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Win => "win",
            Self::Tie => "tie",
            Self::Loss => "loss",
        }
    }
}

/// What was found about one difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which side is shown, its p-value adjusted by Holm.
    pub statistical: Side,
    /// On which side the observed change exceeds the margin; `None`: there is none.
    pub practical: Option<Side>,
    /// Whether the interval excludes any change beyond the margin.
    pub is_equal: bool,
}

impl Finding {
    /// In words.
    pub fn words(self) -> &'static str {
        match (self.statistical, self.practical) {
            (Side::Loss, Some(Side::Loss)) => "worse, beyond the margin",
            (Side::Loss, Some(_)) => {
                "worse, within the margin (statistically significant, practically not)"
            }
            (Side::Loss, None) => "worse (no margin is known)",
            (Side::Win, Some(Side::Win)) => "better, beyond the margin",
            (Side::Win, Some(_)) => {
                "better, within the margin (statistically significant, practically not)"
            }
            (Side::Win, None) => "better (no margin is known)",
            (Side::Tie, Some(Side::Loss)) => {
                "no difference shown, though beyond the margin (worse)"
            }
            (Side::Tie, Some(Side::Win)) => {
                "no difference shown, though beyond the margin (better)"
            }
            (Side::Tie, Some(Side::Tie)) if self.is_equal => "equal within the margin (shown)",
            (Side::Tie, _) => "no difference shown",
        }
    }
}

/// Wins, ties and losses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often better.
    pub win: usize,
    /// How often neither.
    pub tie: usize,
    /// How often worse.
    pub loss: usize,
}

impl Count {
    /// Counts one more.
    pub fn add(&mut self, side: Side) {
        match side {
            Side::Win => self.win += 1,
            Side::Tie => self.tie += 1,
            Side::Loss => self.loss += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_and_what_matters_are_told_apart() {
        let words = |statistical, practical, is_equal| {
            let finding = Finding {
                statistical,
                practical,
                is_equal,
            };
            finding.words()
        };
        use Side::{Loss, Tie, Win};
        assert_eq!(words(Loss, Some(Loss), false), "worse, beyond the margin");
        assert!(words(Loss, Some(Tie), true).contains("practically not"));
        assert!(words(Win, Some(Tie), false).starts_with("better, within"));
        assert_eq!(
            words(Tie, Some(Tie), true),
            "equal within the margin (shown)"
        );
        assert_eq!(words(Tie, Some(Tie), false), "no difference shown");
        assert_eq!(words(Tie, None, false), "no difference shown");
        assert!(words(Tie, Some(Loss), false).contains("beyond the margin (worse)"));
    }
}
