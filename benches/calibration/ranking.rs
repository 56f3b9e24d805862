//! AUROC of two models whose scores are on any scales: sizes and power through the gate.

use rayon::prelude::*;
use steadfast::outcome::{Column, ColumnSpec, Outcomes};
use steadfast::stats::distribution::normal_cdf;
use steadfast::stats::normal::normal_quantile;

use crate::Effort;
use crate::gate::{Gate, Rule, Test};
use crate::simulate::Draw;
use crate::table::{Rate, Table, against};

const ALPHAS: [f64; 2] = [0.05, 0.0025];
const MARGIN: f64 = 0.02;

/// Scores of positives and negatives, normal, of two models that agree with correlation .9.
#[derive(Clone, Copy)]
struct World {
    name: &'static str,
    /// The standard deviation of the new model's positives.
    spread: f64,
    /// Scores are rounded to whole numbers.
    ties: bool,
    /// The new scores are 5 s − 2 of these.
    rescaled: bool,
}

const WORLDS: [World; 4] = [
    World {
        name: "rescaled",
        spread: 1.0,
        ties: false,
        rescaled: true,
    },
    World {
        name: "wider positives",
        spread: 2.0,
        ties: false,
        rescaled: true,
    },
    World {
        name: "narrower positives",
        spread: 0.5,
        ties: false,
        rescaled: false,
    },
    World {
        name: "ties",
        spread: 1.0,
        ties: true,
        rescaled: false,
    },
];

/// The ranks of the two models, `positives` of `n` rows being positive, and the new area
/// lower by `drop`.
fn runs(world: World, n: usize, positives: usize, drop: f64, draw: &mut Draw) -> [Outcomes; 2] {
    let (root, apart) = (std::f64::consts::SQRT_2, 2.0);
    let area = normal_cdf(apart / root) - drop;
    let spread = (1.0 + world.spread * world.spread).sqrt();
    let new_apart = normal_quantile(area) * spread;
    let agreement = 0.9_f64;
    let (common, own) = (agreement.sqrt(), (1.0 - agreement).sqrt());
    let [mut old, mut new] = [Vec::with_capacity(n), Vec::with_capacity(n)];
    for row in 0..n {
        let shared = common * draw.normal();
        let [before, after] = [0; 2].map(|_| shared + own * draw.normal());
        let positive = row < positives;
        let after = if positive {
            world.spread * after + new_apart
        } else {
            after
        };
        let round = |score: f64| if world.ties { score.round() } else { score };
        old.push(round(before + if positive { apart } else { 0.0 }));
        new.push(if world.rescaled {
            5.0 * round(after) - 2.0
        } else {
            round(after)
        });
    }
    let labels: Vec<u32> = (0..n).map(|row| u32::from(row < positives)).collect();
    [old, new].map(|scores| Outcomes {
        examples: n,
        replicates: 1,
        columns: vec![
            Column {
                spec: ColumnSpec::rank(1),
                values: ranks(&scores),
            },
            Column {
                spec: ColumnSpec::label(),
                values: labels.clone(),
            },
        ],
    })
}

fn ranks(scores: &[f64]) -> Vec<u32> {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&one, &other| scores[one].total_cmp(&scores[other]));
    let mut ranks = vec![0; scores.len()];
    for (rank, ties) in order
        .chunk_by(|&one, &other| scores[one] == scores[other])
        .enumerate()
    {
        for &row in ties {
            ranks[row] = rank as u32;
        }
    }
    ranks
}

pub fn section(effort: Effort) -> String {
    let mut table = Table::new(&[
        "scores",
        "positives of n",
        "alpha",
        "detect, no drop",
        "it is",
        "prove passes −m",
        "it is",
        "detect, 2m",
        "prove passes an equal model",
    ]);
    let sizes = [(200, 20), (200, 100), (500, 50), (1000, 300), (2000, 20)];
    for world in WORLDS {
        for (n, positives) in sizes {
            let models = effort.models(if n > 500 { 1_000 } else { 2_000 });
            let failed = |drop: f64, margin: f64, rule: Rule| -> [Rate; 2] {
                let tests = ALPHAS.map(|alpha| Test::new("auroc", margin, alpha, rule));
                let gate = Gate::new(&tests);
                let met: Vec<[bool; 2]> = (0..models)
                    .into_par_iter()
                    .map(|model| {
                        let key = format!("{} {n} {positives} {drop}", world.name);
                        let mut draw = Draw::new("ranking", &key, model);
                        let [old, new] = runs(world, n, positives, drop, &mut draw);
                        let found = gate.judge(&gate.baseline(&old), new);
                        [0, 1].map(|alpha| found[alpha].fails == (rule != Rule::Prove))
                    })
                    .collect();
                [0, 1].map(|alpha| Rate::of(met.iter().map(|one| one[alpha])))
            };
            let equal = failed(0.0, 1e-6, Rule::Detect);
            let at_margin = failed(MARGIN, MARGIN, Rule::Prove);
            let harmed = failed(2.0 * MARGIN, MARGIN, Rule::Detect);
            let passed = failed(0.0, MARGIN, Rule::Prove);
            for (place, alpha) in ALPHAS.into_iter().enumerate() {
                table.row(&[
                    world.name.to_owned(),
                    format!("{positives} of {n}"),
                    format!("{alpha}"),
                    equal[place].text(),
                    against(equal[place], alpha, WORLDS.len() * sizes.len()),
                    at_margin[place].text(),
                    against(at_margin[place], alpha, WORLDS.len() * sizes.len()),
                    harmed[place].text(),
                    passed[place].text(),
                ]);
            }
        }
    }
    format!(
        "Normal scores, two standard deviations apart (AUROC .92), the two models' with correlation .9; the new model's area is the old one's less the drop, exactly. m = .02; \"no drop\" without the margin, which would hide what the test does.\n\n{}",
        table.text()
    )
}
