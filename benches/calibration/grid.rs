//! One row an example: the rules side by side over the grid of base accuracy and
//! discordance.

use rayon::prelude::*;

use crate::Effort;
use crate::flips::{FlipGate, flips};
use crate::gate::{Rule, Test};
use crate::simulate::{Draw, Pair};
use crate::table::{Cells, Rate, Table, number};
use crate::today::{Exit, fixed_threshold, nemo_compare, unpaired_z};

const MARGIN: f64 = 0.01;
const SIZES: [usize; 4] = [50, 200, 1000, 5000];
const ALPHAS: [f64; 3] = [0.05, 0.01, 0.0005];
const ACCURACIES: [f64; 3] = [0.5, 0.9, 0.99];
const DISCORDANCES: [f64; 3] = [0.01, 0.05, 0.15];
/// True drops, in margins.
const DROPS: [(f64, &str); 4] = [(0.0, "0"), (0.5, "m/2"), (1.0, "m"), (2.0, "2m")];

/// The rates of one cell: of the fixed threshold, and by alpha of the unpaired
/// test, of NeMo's comparison and of each rule.
struct Measured {
    fixed: Rate,
    by_alpha: Vec<[Rate; 5]>,
}

/// A row of the tables.
struct Row {
    drop: usize,
    n: usize,
    cells: Vec<Measured>,
}

pub fn section(effort: Effort) -> String {
    let tests: Vec<Test> = ALPHAS
        .iter()
        .flat_map(|&alpha| Rule::PLAIN.map(|rule| Test::accuracy(MARGIN, alpha, rule)))
        .collect();
    let gate = FlipGate::new(&tests);
    let models = effort.models(5_000);
    let mut rows = Vec::new();
    for (drop, &(margins, _)) in DROPS.iter().enumerate() {
        for n in SIZES {
            let cells = pairs(margins)
                .into_iter()
                .map(|pair| measure(&gate, pair, n, models))
                .collect();
            rows.push(Row { drop, n, cells });
        }
    }
    let mut text = format!(
        "Each cell is base accuracy × discordance (the share of examples on which exactly one of the two models is right), \
         {{.5, .9, .99}} × {{1, 5, 15 %}}, {models} retrained models each. A rate is the mean over the feasible cells with its exact 95 % interval, \
         and the smallest and largest cell in brackets. Infeasible, and left out: {}. \
         `nel compare`, of NVIDIA's NeMo Evaluator 0.4.0, blocks if the exact one-sided test of McNemar rejects at alpha and the measured drop is above m.\n\n",
        infeasible()
    );
    for (index, alpha) in ALPHAS.into_iter().enumerate() {
        text.push_str(&format!(
            "**P(the gate fails), accuracy, K = 1, m = .01, alpha = {}**\n\n",
            number(alpha, if alpha < 0.01 { 4 } else { 2 })
        ));
        let mut table = Table::new(&[
            "true drop",
            "n",
            "acc ≥ base − m",
            "unpaired z",
            "`nel compare`: BLOCK",
            "**detect**",
            "detect, null = \"margin\"",
            "prove",
        ]);
        for row in &rows {
            let cells = |rate: &dyn Fn(&Measured) -> Rate| {
                Cells(row.cells.iter().map(rate).collect()).text()
            };
            let mut line = vec![DROPS[row.drop].1.to_owned(), row.n.to_string()];
            line.push(cells(&|cell| cell.fixed));
            for test in 0..5 {
                line.push(cells(&|cell| cell.by_alpha[index][test]));
            }
            table.row(&line);
        }
        text.push_str(&table.text());
        text.push('\n');
    }
    text.push_str(&declared(&gate, effort));
    text
}

/// The cells of a drop. A drop of 2m needs a discordance of 2 %, in place of 1 %.
fn pairs(margins: f64) -> Vec<Pair> {
    let drop = margins * MARGIN;
    let all = ACCURACIES.iter().flat_map(|&accuracy| {
        DISCORDANCES.iter().map(move |&discordance: &f64| Pair {
            accuracy,
            drop,
            discordance: discordance.max(drop),
        })
    });
    all.filter(|pair| pair.is_feasible()).collect()
}

fn infeasible() -> String {
    let mut names = Vec::new();
    for accuracy in ACCURACIES {
        for discordance in DISCORDANCES {
            let missing: Vec<&str> = DROPS
                .iter()
                .filter(|(margins, _)| {
                    let drop = margins * MARGIN;
                    let pair = Pair {
                        accuracy,
                        drop,
                        discordance: discordance.max(drop),
                    };
                    !pair.is_feasible()
                })
                .map(|&(_, name)| name)
                .collect();
            if !missing.is_empty() {
                names.push(format!(
                    "({}, {} %) for drops {}",
                    number(accuracy, 2),
                    (discordance * 100.0).round(),
                    missing.join(", ")
                ));
            }
        }
    }
    names.join("; ")
}

fn measure(gate: &FlipGate, pair: Pair, n: usize, models: u64) -> Measured {
    // By model: the fixed threshold, and by alpha the other tests of today and the
    // rules.
    let found: Vec<(bool, Vec<[bool; 5]>)> = (0..models)
        .into_par_iter()
        .map(|model| {
            let mut draw = Draw::new("grid", &format!("{n} {}", pair.name()), model);
            let (old, new) = pair.rows(n, &mut draw);
            let right = |rows: &[u32]| rows.iter().map(|&row| row as usize).sum();
            let (old_right, new_right): (usize, usize) = (right(&old), right(&new));
            let (harm, gain) = flips(&old, &new);
            let findings = gate.pair(model, &old, &new);
            let by_alpha = ALPHAS
                .iter()
                .zip(findings.chunks(3))
                .map(|(&alpha, rules)| {
                    let unpaired = unpaired_z(n, old_right, new_right, alpha);
                    let nemo = nemo_compare(n, harm, gain, MARGIN, alpha) == Exit::Fails;
                    let [detect, margin, prove] = [0, 1, 2].map(|rule| rules[rule].fails);
                    [unpaired, nemo, detect, margin, prove]
                })
                .collect();
            (fixed_threshold(n, old_right, new_right, MARGIN), by_alpha)
        })
        .collect();
    let rate = |alpha: usize, test: usize| Rate::of(found.iter().map(|(_, by)| by[alpha][test]));
    Measured {
        fixed: Rate::of(found.iter().map(|(fixed, _)| *fixed)),
        by_alpha: (0..ALPHAS.len())
            .map(|alpha| [0, 1, 2, 3, 4].map(|test| rate(alpha, test)))
            .collect(),
    }
}

/// What the gate promises, against the worst cell. The probabilities are exact: of
/// each table of flips, times whether the gate fails it.
fn declared(gate: &FlipGate, effort: Effort) -> String {
    let mut table = Table::new(&[
        "promise",
        "alpha",
        "n",
        "mean over cells",
        "worst cell",
        "the worst cell is",
    ]);
    // A promise: what is bounded, at which drop, by which rule, and whether it is
    // the passes that are bounded.
    let promises = [
        ("detect fails a model that is not worse", 0.0, 0, false),
        (
            "detect, null = \"margin\" fails a model that is worse by m",
            1.0,
            1,
            false,
        ),
        ("prove passes a model that is worse by m", 1.0, 2, true),
    ];
    // And where prove can only just pass at all: with no flip in 268 rows.
    let mut sizes: Vec<usize> = SIZES.into_iter().chain([268]).collect();
    sizes.sort_unstable();
    let sizes: Vec<usize> = sizes
        .into_iter()
        .filter(|&n| n < 5000 || !effort.is_quick())
        .collect();
    for (promise, drop, rule, passes) in promises {
        let by_size: Vec<Vec<Vec<f64>>> = sizes
            .iter()
            .map(|&n| {
                let cells = pairs(drop).into_iter();
                // The flips do not depend on the base's accuracy.
                let mut cells: Vec<Pair> = cells.filter(|pair| pair.accuracy == 0.5).collect();
                cells.dedup();
                let fails = cells.into_iter().map(|pair| exact(gate, pair, n));
                fails.collect()
            })
            .collect();
        for (index, alpha) in ALPHAS.into_iter().enumerate() {
            for (n, cells) in sizes.iter().zip(&by_size) {
                let rates: Vec<f64> = cells
                    .iter()
                    .map(|fails| fails[3 * index + rule])
                    .map(|fails| if passes { 1.0 - fails } else { fails })
                    .collect();
                let worst = rates.iter().copied().fold(0.0, f64::max);
                let mean = rates.iter().sum::<f64>() / rates.len() as f64;
                let digits = if alpha < 0.01 { 5 } else { 4 };
                table.row(&[
                    promise.to_owned(),
                    format!("≤ {}", number(alpha, if alpha < 0.01 { 4 } else { 2 })),
                    n.to_string(),
                    number(mean, digits),
                    number(worst, digits),
                    if worst <= alpha {
                        "on the safe side".to_owned()
                    } else {
                        format!("**above by {}**", number(worst - alpha, digits))
                    },
                ]);
            }
        }
    }
    format!(
        "**What is declared, against the worst of the discordances 1, 5, 15 %.** No simulation: the probability of every table of flips, times whether the gate fails it.\n\n{}",
        table.text()
    )
}

/// P(the gate fails) of each test.
fn exact(gate: &FlipGate, pair: Pair, n: usize) -> Vec<f64> {
    let [harm, gain] = [pair.harm(), pair.gain()];
    let reach = |p: f64| {
        let (mean, sd) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
        let low = (mean - 7.0 * sd - 3.0).max(0.0) as usize;
        low..=((mean + 7.0 * sd + 12.0) as usize).min(n)
    };
    let log_factorial = |k: usize| libm::lgamma(k as f64 + 1.0);
    let log_power = |k: usize, p: f64| if k == 0 { 0.0 } else { k as f64 * p.ln() };
    let tables: Vec<(usize, usize, f64)> = reach(harm)
        .flat_map(|b| reach(gain).map(move |c| (b, c)))
        .filter(|(b, c)| b + c <= n)
        .map(|(b, c)| {
            let rest = n - b - c;
            let log = log_factorial(n) - log_factorial(b) - log_factorial(c) - log_factorial(rest)
                + log_power(b, harm)
                + log_power(c, gain)
                + log_power(rest, 1.0 - harm - gain);
            (b, c, log.exp())
        })
        .filter(|(_, _, mass)| *mass > 1e-10)
        .collect();
    let total: f64 = tables.iter().map(|(_, _, mass)| mass).sum();
    assert!((total - 1.0).abs() < 1e-5, "{total}");
    let by_table: Vec<Vec<f64>> = tables
        .into_par_iter()
        .map(|(b, c, mass)| {
            let findings = gate.flips(n, b, c);
            findings
                .iter()
                .map(|finding| if finding.fails { mass / total } else { 0.0 })
                .collect()
        })
        .collect();
    // In order, so that the sum is the same whatever the threads do.
    let mut sums = vec![0.0; by_table.first().map_or(0, Vec::len)];
    for masses in by_table {
        for (sum, mass) in sums.iter_mut().zip(masses) {
            *sum += mass;
        }
    }
    sums
}
