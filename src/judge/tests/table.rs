//! The table of statistics.md 1.2 from *regressed* down, row by row: what is known of
//! a metric, and what follows from it in each mode and direction. The expected values
//! are written from that table.

use super::super::decide::decide;
use super::super::pair::{Comparison, Part};
use super::super::sampling::Sampling;
use crate::spec::{Direction, Exact, Null, OnInconclusive, Question, TestSpec};
use crate::stats::power::Test;
use crate::stats::shared::Estimate;
use crate::verdict::{Status, Verdict};

/// The alpha of one side.
const ALPHA: f64 = 0.05;

/// What follows; without a status it is `on_inconclusive` that decides.
type Expected = (Verdict, Option<Status>);

struct Row {
    about: &'static str,
    /// The row holds with these, and of a proof where harm is held against none.
    nulls: &'static [Null],
    known: fn(&mut Comparison),
    /// With one harmful direction, in detect and in prove mode.
    one: [Expected; 2],
    /// With two.
    both: [Expected; 2],
}

const ANY: &[Null] = &[Null::NoHarm, Null::Margin, Null::Retrain];
const POINT: &[Null] = &[Null::NoHarm, Null::Retrain];
const MARGIN: &[Null] = &[Null::Margin];

const fn passes(verdict: Verdict) -> Expected {
    (verdict, Some(Status::Pass))
}

const fn warns(verdict: Verdict) -> Expected {
    (verdict, Some(Status::Warn))
}

const fn fails(verdict: Verdict) -> Expected {
    (verdict, Some(Status::Fail))
}

const INCONCLUSIVE: Expected = (Verdict::Inconclusive, None);

/// The next number after alpha.
fn above_alpha() -> f64 {
    f64::from_bits(ALPHA.to_bits() + 1)
}

use Verdict::{Degraded, Equivalent, Improved, NoRegression, NonInferior, Regressed};

const ROWS: &[Row] = &[
    Row {
        about: "nothing is shown, and too little would be",
        nulls: ANY,
        known: |_| {},
        one: [INCONCLUSIVE, INCONCLUSIVE],
        both: [INCONCLUSIVE, INCONCLUSIVE],
    },
    Row {
        about: "nothing is shown, and harm of exactly the detectable drop would be",
        nulls: ANY,
        known: |it| it.drop = SEEN,
        one: [passes(NoRegression), INCONCLUSIVE],
        both: [passes(NoRegression), INCONCLUSIVE],
    },
    Row {
        about: "nothing is shown, and nothing could be",
        nulls: ANY,
        known: |it| (it.drop, it.parts[0].sampling) = (1.0, sampling(f64::INFINITY)),
        one: [INCONCLUSIVE, INCONCLUSIVE],
        both: [INCONCLUSIVE, INCONCLUSIVE],
    },
    Row {
        about: "p of harm just above alpha, the change beyond the margin",
        nulls: ANY,
        known: |it| {
            it.p_harm = above_alpha();
            it.harm_exceeds_margin = true;
            it.drop = SEEN;
        },
        one: [passes(NoRegression), INCONCLUSIVE],
        both: [passes(NoRegression), INCONCLUSIVE],
    },
    Row {
        about: "L > -m",
        nulls: ANY,
        known: |it| {
            it.excludes_harm = true;
            it.drop = SEEN;
        },
        one: [passes(NonInferior), passes(NonInferior)],
        // With both directions a proof needs L > -m and U < m.
        both: [passes(NonInferior), INCONCLUSIVE],
    },
    Row {
        about: "U < m alone",
        nulls: ANY,
        known: |it| it.excludes_gain = true,
        one: [INCONCLUSIVE, INCONCLUSIVE],
        both: [INCONCLUSIVE, INCONCLUSIVE],
    },
    Row {
        about: "L > -m and U < m",
        nulls: ANY,
        known: |it| {
            it.excludes_harm = true;
            it.excludes_gain = true;
        },
        one: [passes(Equivalent), passes(Equivalent)],
        both: [passes(Equivalent), passes(Equivalent)],
    },
    Row {
        about: "p of gain exactly alpha, within the margin",
        nulls: ANY,
        known: |it| it.p_gain = ALPHA,
        one: [passes(Improved), fails(Improved)],
        both: [passes(Improved), fails(Improved)],
    },
    Row {
        about: "gain and L > -m",
        nulls: ANY,
        known: |it| {
            it.p_gain = ALPHA;
            it.excludes_harm = true;
        },
        one: [passes(Improved), passes(Improved)],
        both: [passes(Improved), fails(Improved)],
    },
    Row {
        about: "gain and both limits",
        nulls: ANY,
        known: |it| {
            it.p_gain = ALPHA;
            it.excludes_harm = true;
            it.excludes_gain = true;
        },
        one: [passes(Improved), passes(Improved)],
        both: [passes(Improved), passes(Improved)],
    },
    Row {
        about: "gain beyond the margin",
        nulls: POINT,
        known: |it| {
            it.p_gain = ALPHA;
            it.gain_exceeds_margin = true;
            it.excludes_harm = true;
        },
        one: [passes(Improved), passes(Improved)],
        both: [fails(Improved), fails(Improved)],
    },
    Row {
        about: "p of gain just above alpha, the change beyond the margin",
        nulls: ANY,
        known: |it| {
            it.p_gain = above_alpha();
            it.gain_exceeds_margin = true;
            it.excludes_harm = true;
        },
        one: [passes(NonInferior), passes(NonInferior)],
        both: [passes(NonInferior), INCONCLUSIVE],
    },
    Row {
        about: "gain beyond the margin, and L ≤ m",
        nulls: MARGIN,
        known: |it| {
            it.p_gain = ALPHA;
            it.gain_exceeds_margin = true;
            it.excludes_harm = true;
        },
        one: [passes(Improved), passes(Improved)],
        both: [passes(Improved), fails(Improved)],
    },
    Row {
        about: "L > m",
        nulls: MARGIN,
        known: |it| {
            it.p_gain = ALPHA;
            it.gain_exceeds_margin = true;
            it.shows_gain_beyond_margin = true;
            it.excludes_harm = true;
        },
        one: [passes(Improved), passes(Improved)],
        both: [fails(Improved), fails(Improved)],
    },
    Row {
        about: "gain beyond the margin by too few shared draws: these warn only (2.3)",
        nulls: ANY,
        known: |it| {
            it.p_gain = ALPHA;
            it.gain_exceeds_margin = true;
            it.shows_gain_beyond_margin = true;
            it.excludes_harm = true;
            it.too_few_replicates = true;
        },
        one: [passes(Improved), passes(Improved)],
        both: [warns(Improved), fails(Improved)],
    },
    Row {
        about: "p of harm exactly alpha, the change exactly the margin",
        nulls: ANY,
        known: |it| {
            it.p_harm = ALPHA;
            it.harm_exceeds_margin = false;
            it.drop = SEEN;
        },
        one: [warns(Degraded), fails(Degraded)],
        both: [warns(Degraded), fails(Degraded)],
    },
    Row {
        about: "harm and L > -m",
        nulls: ANY,
        known: |it| {
            it.p_harm = ALPHA;
            it.excludes_harm = true;
        },
        one: [warns(Degraded), warns(Degraded)],
        both: [warns(Degraded), fails(Degraded)],
    },
    Row {
        about: "harm and both limits",
        nulls: ANY,
        known: |it| {
            it.p_harm = ALPHA;
            it.excludes_harm = true;
            it.excludes_gain = true;
        },
        one: [warns(Degraded), warns(Degraded)],
        both: [warns(Degraded), warns(Degraded)],
    },
    Row {
        about: "p of harm exactly alpha, the change beyond the margin",
        nulls: POINT,
        known: |it| {
            it.p_harm = ALPHA;
            it.harm_exceeds_margin = true;
            it.drop = SEEN;
        },
        one: [fails(Regressed), fails(Regressed)],
        both: [fails(Regressed), fails(Regressed)],
    },
    Row {
        // The table has no row of its own for it: harm is real, and not shown to be
        // more than the margin, so that it is told and does not fail.
        about: "harm beyond the margin, and U ≥ -m",
        nulls: MARGIN,
        known: |it| {
            it.p_harm = ALPHA;
            it.harm_exceeds_margin = true;
            it.drop = SEEN;
        },
        one: [warns(Degraded), fails(Degraded)],
        both: [warns(Degraded), fails(Degraded)],
    },
    Row {
        about: "U < -m",
        nulls: MARGIN,
        known: |it| {
            it.p_harm = 0.0;
            it.harm_exceeds_margin = true;
            it.shows_harm_beyond_margin = true;
        },
        one: [fails(Regressed), fails(Regressed)],
        both: [fails(Regressed), fails(Regressed)],
    },
    Row {
        // Under "retrain" p is of harm beyond their spread: the interval says nothing of it.
        about: "U < -m, and no harm against the null that is asked about",
        nulls: POINT,
        known: |it| {
            it.harm_exceeds_margin = true;
            it.shows_harm_beyond_margin = true;
        },
        one: [INCONCLUSIVE, INCONCLUSIVE],
        both: [INCONCLUSIVE, INCONCLUSIVE],
    },
    Row {
        about: "harm beyond the margin by too few shared draws: these warn only (2.3)",
        nulls: ANY,
        known: |it| {
            it.p_harm = 0.0;
            it.harm_exceeds_margin = true;
            it.shows_harm_beyond_margin = true;
            it.too_few_replicates = true;
        },
        one: [warns(Regressed), fails(Regressed)],
        both: [warns(Regressed), fails(Regressed)],
    },
];

/// The smallest harm that is seen where nothing varies: the margin itself.
const SEEN: f64 = 0.01;

fn sampling(error: f64) -> Sampling {
    Sampling::Draws {
        estimate: Estimate {
            estimate: 0.0,
            error,
            degrees: 1.0,
        },
        unseen: None,
        largest_seen: 0.0,
    }
}

/// Nothing is known yet; just too little would be seen.
fn unknown(question: Question) -> Comparison {
    Comparison {
        p_harm: 0.5,
        p_gain: 0.5,
        question,
        alpha_side: ALPHA,
        drop: SEEN - 1e-9,
        test: Test {
            alpha: ALPHA,
            power: 0.8,
            margin: SEEN,
        },
        parts: vec![Part {
            name: String::new(),
            examples: 100,
            sampling: sampling(0.0),
        }],
        p_margin: None,
        harm_exceeds_margin: false,
        gain_exceeds_margin: false,
        excludes_harm: false,
        excludes_gain: false,
        shows_harm_beyond_margin: false,
        shows_gain_beyond_margin: false,
        ..super::slices("margin = 0.01", &[(100, 0), (100, 0)])
    }
}

fn test(question: Question, direction: Direction, on_inconclusive: OnInconclusive) -> TestSpec {
    let number = |text| Exact::parse(text).unwrap();
    TestSpec {
        margin: number("0.01"),
        detectable_drop: number("0.02"),
        alpha: number("0.05"),
        power: number("0.8"),
        question,
        direction,
        largest_change: None,
        on_inconclusive,
        anchor: None,
    }
}

const NO_HARM: Question = Question::Harm { null: Null::NoHarm };

/// Each question that a row holds with, with its place in it.
fn questions(row: &Row) -> Vec<(usize, Question)> {
    let nulls = row.nulls.iter();
    let harm = nulls.map(|&null| (0, Question::Harm { null }));
    let proof = row.nulls.contains(&Null::NoHarm);
    harm.chain(proof.then_some((1, Question::Proof))).collect()
}

/// Each answer to *inconclusive*, with what it does.
const ANSWERS: [(OnInconclusive, Status); 3] = [
    (OnInconclusive::Pass, Status::Pass),
    (OnInconclusive::Warn, Status::Warn),
    (OnInconclusive::Fail, Status::Fail),
];

#[test]
fn every_row_in_every_mode_and_direction() {
    for row in ROWS {
        for (place, question) in questions(row) {
            for (direction, expected) in [
                (Direction::Lower, row.one[place]),
                (Direction::Higher, row.one[place]),
                (Direction::Both, row.both[place]),
            ] {
                for (on_inconclusive, otherwise) in ANSWERS {
                    let test = test(question, direction, on_inconclusive);
                    let mut comparison = unknown(question);
                    (row.known)(&mut comparison);
                    let found = decide(&comparison, &test, false);
                    assert_eq!(
                        (found.verdict, found.status),
                        (expected.0, expected.1.unwrap_or(otherwise)),
                        "{}: {question:?} {direction:?} {on_inconclusive:?}",
                        row.about
                    );
                }
            }
        }
    }
}

/// Outcomes that are equal, of a model whose bytes are not, are proof where the limits
/// are; else the table goes on.
#[test]
fn equal_outcomes_of_another_model_are_identical_where_that_is_proven() {
    let found = |direction, known: [bool; 2]| {
        let test = test(Question::Proof, direction, OnInconclusive::Fail);
        let comparison = Comparison {
            excludes_harm: known[0],
            excludes_gain: known[1],
            ..unknown(Question::Proof)
        };
        let found = decide(&comparison, &test, true);
        (found.verdict, found.status)
    };
    let identical = (Verdict::Identical, Status::Pass);
    let inconclusive = (Verdict::Inconclusive, Status::Fail);
    for one in [Direction::Lower, Direction::Higher] {
        assert_eq!(found(one, [true, false]), identical);
        assert_eq!(found(one, [false, true]), inconclusive);
        assert_eq!(found(one, [false, false]), inconclusive);
    }
    assert_eq!(found(Direction::Both, [true, true]), identical);
    assert_eq!(found(Direction::Both, [true, false]), inconclusive);
    assert_eq!(found(Direction::Both, [false, true]), inconclusive);
}

/// Of slices one may be harmed for certain and another be better by more than the
/// margin. Under "both" the second fails; *degraded*, which comes first in the table,
/// would let it pass.
#[test]
fn harm_here_does_not_excuse_a_gain_there_beyond_the_margin() {
    let comparison = Comparison {
        p_harm: ALPHA,
        p_gain: ALPHA,
        gain_exceeds_margin: true,
        ..unknown(NO_HARM)
    };
    let found = |direction| {
        let test = test(NO_HARM, direction, OnInconclusive::Warn);
        let found = decide(&comparison, &test, false);
        (found.verdict, found.status)
    };
    assert_eq!(found(Direction::Both), (Improved, Status::Fail));
    assert_eq!(found(Direction::Lower), (Degraded, Status::Warn));
}

/// A message says what was shown, and nothing else.
#[test]
fn the_rule_says_what_was_shown() {
    let rule = |null, known: fn(&mut Comparison)| {
        let question = Question::Harm { null };
        let test = test(question, Direction::Both, OnInconclusive::Warn);
        let mut comparison = unknown(question);
        comparison.p_harm = 0.0;
        known(&mut comparison);
        decide(&comparison, &test, false).rule
    };
    let within = rule(Null::NoHarm, |_| {});
    assert_eq!(within, "harm is shown (p ≤ alpha), within the margin");
    // The observed change is beyond the margin, which alone shows nothing here.
    let beyond = rule(Null::Margin, |it| it.harm_exceeds_margin = true);
    assert_eq!(
        beyond,
        "harm is shown (p ≤ alpha), and not that it is beyond the margin"
    );
    let retrained = |retrains: fn(&mut Comparison)| rule(Null::Retrain, retrains);
    let few = retrained(|it| {
        it.harm_exceeds_margin = true;
        it.retrains = Some(2);
    });
    assert!(few.contains("fewer than 3 retrains"), "{few}");
    let enough = retrained(|it| {
        it.harm_exceeds_margin = true;
        it.retrains = Some(3);
    });
    assert!(
        enough.contains("beyond the spread of accepted retrains"),
        "{enough}"
    );
    let draws = rule(Null::NoHarm, |it| {
        it.harm_exceeds_margin = true;
        it.too_few_replicates = true;
    });
    assert!(draws.contains("fewer than 5 shared draws"), "{draws}");
    let gained = rule(Null::NoHarm, |it| {
        (it.p_harm, it.p_gain) = (1.0, 0.0);
        it.gain_exceeds_margin = true;
        it.too_few_replicates = true;
    });
    assert!(gained.contains("fewer than 5 shared draws"), "{gained}");
}

/// A proof that is not had says so, whatever else is known; silence in detect mode says
/// why it is none.
#[test]
fn the_rule_says_what_was_not_shown() {
    for (question, words) in [
        (Question::Proof, "harm beyond the margin is not excluded"),
        (
            NO_HARM,
            "no harm is shown, and there are too few examples to see the detectable drop",
        ),
    ] {
        let test = test(question, Direction::Lower, OnInconclusive::Warn);
        assert_eq!(decide(&unknown(question), &test, false).rule, words);
    }
}
