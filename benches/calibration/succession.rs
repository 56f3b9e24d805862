//! Models one after the other: many small losses, baselines that move, and a
//! baseline that was chosen for its luck.

use rayon::prelude::*;
use steadfast::stats::distribution::normal_quantile;

use crate::Effort;
use crate::flips::FlipGate;
use crate::gate::{Gate, Rule, Test, right_or_wrong};
use crate::simulate::{Draw, Latent, Pair};
use crate::table::{Rate, Table, number};
use crate::today::fixed_threshold;

const MARGIN: f64 = 0.01;
const PAIR: Pair = Pair {
    accuracy: 0.9,
    drop: 0.0,
    discordance: 0.05,
};

/// A sequence of models over the same examples.
struct Sequence {
    latent: Latent,
    /// What the examples are to all models.
    common: Vec<f64>,
}

impl Sequence {
    fn new(latent: Latent, n: usize, draw: &mut Draw) -> Self {
        Self {
            latent,
            common: (0..n).map(|_| draw.normal()).collect(),
        }
    }

    /// The next model's right and wrong answers, `loss` below the first.
    fn model(&self, loss: f64, draw: &mut Draw) -> Vec<u32> {
        let (shared, own) = self.latent.shares();
        let threshold = normal_quantile(PAIR.accuracy - loss);
        let right = |common: &f64| u32::from(shared * common + own * draw.normal() < threshold);
        self.common.iter().map(right).collect()
    }
}

fn test(alpha: f64, rule: Rule) -> Test {
    Test::accuracy(MARGIN, alpha, rule)
}

fn right(rows: &[u32]) -> usize {
    rows.iter().map(|&row| row as usize).sum()
}

/// When the baseline moves, and what else holds.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Policy {
    FixedThreshold,
    BlessEveryPass,
    WithAnchor,
    Ladder,
    LadderWithAnchor,
}

impl Policy {
    const ALL: [Self; 5] = [
        Self::FixedThreshold,
        Self::BlessEveryPass,
        Self::WithAnchor,
        Self::Ladder,
        Self::LadderWithAnchor,
    ];

    fn text(self) -> &'static str {
        match self {
            Self::FixedThreshold => "acc ≥ base − m, bless every pass",
            Self::BlessEveryPass => "detect .01, bless every pass",
            Self::WithAnchor => "detect .005 + anchor .005 (M_c = 2m), bless every pass",
            Self::Ladder => "detect .01, bless a shown gain only",
            Self::LadderWithAnchor => "detect .005 + anchor .005, bless a shown gain only",
        }
    }

    /// The number of models that pass before one is stopped.
    fn passed(self, gates: &Gates, models: &[Vec<u32>]) -> usize {
        let mut baseline = 0;
        for (step, new) in models.iter().enumerate().skip(1) {
            let old = &models[baseline];
            let finding = match self {
                Self::FixedThreshold | Self::BlessEveryPass | Self::Ladder => {
                    gates.plain.pair(1, old, new)[0]
                }
                Self::WithAnchor | Self::LadderWithAnchor => {
                    let [anchor, old, new] =
                        [&models[0], old, new].map(|rows| right_or_wrong(rows.clone(), 1));
                    let standing = gates.anchored.anchored(&anchor, &old);
                    gates.anchored.judge(&standing, new)[0]
                }
            };
            let (fails, moves) = match self {
                Self::FixedThreshold => {
                    let (old, now) = (right(old), right(new));
                    (fixed_threshold(new.len(), old, now, MARGIN), true)
                }
                Self::BlessEveryPass | Self::WithAnchor => (finding.fails, true),
                Self::Ladder | Self::LadderWithAnchor => (finding.fails, finding.is_gain()),
            };
            if fails {
                return step - 1;
            }
            if moves {
                baseline = step;
            }
        }
        models.len() - 1
    }
}

/// The same total alpha without an anchor, and shared with one.
struct Gates {
    plain: FlipGate,
    anchored: Gate,
}

/// Thirty models that lose a little each.
pub fn boiling_frog(effort: Effort) -> String {
    const STEPS: usize = 30;
    let gates = Gates {
        plain: FlipGate::new(&[test(0.01, Rule::Detect)]),
        // A test and its anchor's have an alpha each.
        anchored: Gate::with(&[test(0.005, Rule::Detect)], "anchor = \"first\""),
    };
    let latent = PAIR.latent();
    let mut table = Table::new(&[
        "each model loses",
        "n",
        "policy",
        "stopped by step 30",
        "median step that is stopped",
        "mean loss that is shipped",
    ]);
    for (name, loss, n, sequences) in [
        (".4m", 0.4 * MARGIN, 5000, 1_000),
        ("nothing", 0.0, 1000, 3_000),
    ] {
        let passed: Vec<[usize; 5]> = (0..effort.models(sequences))
            .into_par_iter()
            .map(|number| {
                let mut draw = Draw::new("frog", &format!("{name} {n}"), number);
                let sequence = Sequence::new(latent, n, &mut draw);
                let models: Vec<Vec<u32>> = (0..=STEPS)
                    .map(|step| sequence.model(loss * step as f64, &mut draw))
                    .collect();
                Policy::ALL.map(|policy| policy.passed(&gates, &models))
            })
            .collect();
        for (at, policy) in Policy::ALL.into_iter().enumerate() {
            let mut passed: Vec<usize> = passed.iter().map(|one| one[at]).collect();
            passed.sort_unstable();
            let stopped = Rate::of(passed.iter().map(|&passed| passed < STEPS));
            let median = passed[passed.len() / 2];
            let mean = passed.iter().sum::<usize>() as f64 / passed.len() as f64;
            table.row(&[
                name.to_owned(),
                n.to_string(),
                policy.text().to_owned(),
                stopped.text(),
                if median < STEPS {
                    (median + 1).to_string()
                } else {
                    "none".to_owned()
                },
                format!("{:.1}m", mean * loss / MARGIN),
            ]);
        }
    }
    format!(
        "Thirty models one after the other, each from the same pipeline but for its loss; base accuracy .9, discordance 5 %, m = .01. The anchor is the first model.\n\n{}",
        table.text()
    )
}

/// Baselines that were chosen on the examples that then judge.
pub fn winners_curse(effort: Effort) -> String {
    const N: usize = 1000;
    const LATER: usize = 20;
    let alphas = [0.05, 0.0005];
    let gate = FlipGate::new(&alphas.map(|alpha| test(alpha, Rule::Detect)));
    let prove = FlipGate::new(&[test(0.05, Rule::Prove)]);
    let latent = PAIR.latent();
    let mut text =
        format!("Equal models, n = {N}, base accuracy .9, discordance 5 %, m = .01.\n\n");

    let mut table = Table::new(&[
        "the baseline is",
        "acc ≥ base − m fails a model",
        "detect .05",
        "detect .0005",
        "some of 20 later models fails, .05",
        ".0005",
    ]);
    for (name, candidates) in [
        ("one model", 1),
        ("the best of 5", 5),
        ("the best of 20", 20),
    ] {
        let failed: Vec<Vec<[bool; 3]>> = (0..effort.models(2_000))
            .into_par_iter()
            .map(|number| {
                let mut draw = Draw::new("curse", name, number);
                let sequence = Sequence::new(latent, N, &mut draw);
                let old = (0..candidates)
                    .map(|_| sequence.model(0.0, &mut draw))
                    .max_by_key(|rows| right(rows))
                    .expect("a candidate");
                (0..LATER)
                    .map(|_| {
                        let new = sequence.model(0.0, &mut draw);
                        let findings = gate.pair(1, &old, &new);
                        [
                            fixed_threshold(N, right(&old), right(&new), MARGIN),
                            findings[0].fails,
                            findings[1].fails,
                        ]
                    })
                    .collect()
            })
            .collect();
        // Later models share the baseline: one of each series is counted, so that
        // the interval is of independent ones.
        let first = |rule: usize| Rate::of(failed.iter().map(|series| series[0][rule])).text();
        let any = |rule: usize| {
            let any = failed
                .iter()
                .map(|series| series.iter().any(|one| one[rule]));
            Rate::of(any).text()
        };
        table.row(&[
            name.to_owned(),
            first(0),
            first(1),
            first(2),
            any(1),
            any(2),
        ]);
    }
    text.push_str(&table.text());

    let mut table = Table::new(&[
        "without drift, 40 models, bless a shown gain only",
        "the first model fails",
        "the fortieth fails",
    ]);
    for (at, alpha) in alphas.into_iter().enumerate() {
        let failed: Vec<[bool; 2]> = (0..effort.models(4_000))
            .into_par_iter()
            .map(|number| {
                let mut draw = Draw::new("ladder", &alpha.to_string(), number);
                let sequence = Sequence::new(latent, N, &mut draw);
                let mut old = sequence.model(0.0, &mut draw);
                let mut failed = [false; 2];
                for step in 1..=40 {
                    let new = sequence.model(0.0, &mut draw);
                    let finding = gate.pair(1, &old, &new)[at];
                    match step {
                        1 => failed[0] = finding.fails,
                        40 => failed[1] = finding.fails,
                        _ => {}
                    }
                    if finding.is_gain() {
                        old = new;
                    }
                }
                failed
            })
            .collect();
        let rate = |which: usize| Rate::of(failed.iter().map(|one| one[which])).text();
        table.row(&[
            format!("alpha {}", number(alpha, if alpha < 0.01 { 4 } else { 2 })),
            rate(0),
            rate(1),
        ]);
    }
    text.push('\n');
    text.push_str(&table.text());

    let passed: Vec<[bool; 2]> = (0..effort.models(5_000))
        .into_par_iter()
        .map(|number| {
            let mut draw = Draw::new("checkpoints", "", number);
            let sequence = Sequence::new(latent, N, &mut draw);
            let old = sequence.model(0.0, &mut draw);
            let passes: Vec<bool> = (0..5)
                .map(|_| !prove.pair(1, &old, &sequence.model(MARGIN, &mut draw))[0].fails)
                .collect();
            [passes[0], passes.contains(&true)]
        })
        .collect();
    let rate = |which: usize| Rate::of(passed.iter().map(|one| one[which])).text();
    text.push_str(&format!(
        "\nFive checkpoints that are each worse by m, prove at .05: one passes {}, some one of the five passes {}. Choose a checkpoint on other data.\n",
        rate(0),
        rate(1)
    ));
    text
}
