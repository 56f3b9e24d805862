//! Many cases over the same examples: what a family of tests does together.

use rayon::prelude::*;
use steadfast::stats::distribution::normal_quantile;

use crate::Effort;
use crate::flips::{FlipGate, flips};
use crate::gate::{Gate, Rule, Test, right_or_wrong};
use crate::simulate::{Draw, Latent, Pair};
use crate::table::{Rate, Table};
use crate::today::{Exit, fixed_threshold, nemo_compare, nemo_gate};

/// Shares of the variance of a score: of the example, of the example under one
/// kind of perturbation, and of the single case.
const SHARES: [f64; 3] = [0.5, 0.2, 0.3];

/// Cases in groups (a kind of perturbation each), over the same examples.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    pub groups: usize,
    pub in_group: usize,
}

impl Layout {
    pub fn cells(self) -> usize {
        self.groups * self.in_group
    }

    /// The right and wrong answers of a baseline and a new model, by cell and
    /// example. `thresholds` are the new model's; harm adds to the churn.
    pub fn rows(
        self,
        latent: Latent,
        thresholds: &[f64],
        n: usize,
        draw: &mut Draw,
    ) -> [Vec<Vec<u32>>; 2] {
        let (shared, own) = latent.shares();
        let [example, group, cell] = SHARES.map(f64::sqrt);
        // One part of the scores of both models.
        let part = |draw: &mut Draw, weight: f64| {
            let common = shared * draw.normal();
            [0; 2].map(|_| weight * (common + own * draw.normal()))
        };
        let mut rows = [0; 2].map(|_| vec![Vec::with_capacity(n); self.cells()]);
        for _ in 0..n {
            let of_example = part(draw, example);
            for g in 0..self.groups {
                let of_group = part(draw, group);
                for k in 0..self.in_group {
                    let of_cell = part(draw, cell);
                    let at = g * self.in_group + k;
                    for (model, threshold) in [latent.base, thresholds[at]].into_iter().enumerate()
                    {
                        let score = of_example[model] + of_group[model] + of_cell[model];
                        rows[model][at].push(u32::from(score < threshold));
                    }
                }
            }
        }
        rows
    }
}

const MARGIN: f64 = 0.01;
const ALPHA: f64 = 0.05;
/// Numbers of corruptions, and the severities of each.
const GROUPS: [usize; 2] = [5, 15];
const IN_GROUP: usize = 5;

/// How many cases are worse, and by how many margins.
type Scenario = (&'static str, usize, f64);

const SCENARIOS: [Scenario; 3] = [
    ("no drop", 0, 0.0),
    ("one cell drops 5m", 1, 5.0),
    ("every cell drops 2m", usize::MAX, 2.0),
];

/// What one simulated model meets.
struct Met {
    cells: Vec<Found>,
    pooled: bool,
}

/// What is found of one cell.
struct Found {
    fixed: bool,
    compare: Exit,
    gate: Exit,
    at_alpha: bool,
    budgeted: bool,
    /// At half of the budget, as beside a pooled case.
    halved: bool,
}

const PAIR: Pair = Pair {
    accuracy: 0.9,
    drop: 0.0,
    discordance: 0.05,
};

pub fn section(effort: Effort) -> String {
    let mut failing = Table::new(&[
        "P(any case fails)",
        "cases",
        "n",
        "acc ≥ base − m, each",
        "`nel compare`: BLOCK",
        "`nel gate`: NO-GO",
        "detect, each at .05",
        "**detect, .05 / cases each**",
        "pooled = true (.025, and .025 / cases each)",
    ]);
    let mut stopping = Table::new(&[
        "P(exit code is not 0)",
        "cases",
        "n",
        "`nel compare`: any not PASS",
        "`nel gate`: not GO",
        "**detect, .05 / cases each**",
    ]);
    for groups in GROUPS {
        let gates = Gates::new(Layout {
            groups,
            in_group: IN_GROUP,
        });
        let cells = gates.layout.cells();
        for scenario in SCENARIOS {
            let (name, worse, _) = scenario;
            for (n, models) in [(200, 2_000), (1000, 1_000), (5000, 300)] {
                let met = gates.models(scenario, n, effort.models(models));
                let head = |name: &str| [name.to_owned(), cells.to_string(), n.to_string()];
                // Whether something is so of any of the first cells.
                let any = |first: usize, hit: fn(&Found) -> bool| {
                    Rate::of(met.iter().map(|met| met.cells[..first].iter().any(hit))).text()
                };
                let rules = |first: usize| {
                    [
                        any(first, |found| found.fixed),
                        any(first, |found| found.compare == Exit::Fails),
                        any(first, |found| found.gate == Exit::Fails),
                        any(first, |found| found.at_alpha),
                        any(first, |found| found.budgeted),
                    ]
                };
                let halved = |met: &Met| met.pooled || met.cells.iter().any(|found| found.halved);
                let pooled = Rate::of(met.iter().map(halved)).text();
                failing.row(&[&head(name)[..], &rules(cells), &[pooled]].concat());
                // Of that one alone: what fails beside it is a false alarm.
                if worse == 1 {
                    let own = any(1, |found| found.halved);
                    failing.row(&[&head("… and it is that one")[..], &rules(1), &[own]].concat());
                }
                let stopped = [
                    any(cells, |found| found.compare != Exit::Passes),
                    any(cells, |found| found.gate != Exit::Passes),
                    any(cells, |found| found.budgeted),
                ];
                stopping.row(&[head(name), stopped].concat());
            }
        }
    }
    format!(
        "5 or 15 corruptions × 5 severities over the same images: half of the variance of a score is the image's, a fifth is the corruption's on that image. \
         Base accuracy .9, discordance 5 % without harm, m = .01, family alpha .05.\n\n\
         `nel compare` and `nel gate` are the rules of NVIDIA's NeMo Evaluator 0.4.0, with a tolerated drop of m. \
         The first blocks a case if the exact one-sided test of McNemar rejects at .05 and the accuracy that was measured fell by more than m; \
         the second if the two-sided 95 % t interval of the drop is beyond m, which is a test against the margin, as null = \"margin\" is, and not against no harm. \
         Neither shares anything out over cases.\n\n{}\n\
         A case that is not blocked need not pass: `nel compare` calls a test that did not reject inconclusive where 2.8 / √flips is above 2m, which is below 19 600 flips here, \
         and `nel gate` an interval with m inside it. The exit code is then 2, by default.\n\n{}",
        failing.text(),
        stopping.text()
    )
}

/// The gates that each model meets.
struct Gates {
    layout: Layout,
    /// Every cell at the family's alpha, and at its share of it.
    plain: FlipGate,
    /// Of a spec with `pooled = true`: a cell, and the pooled case.
    cell: FlipGate,
    pooled: Gate,
}

impl Gates {
    fn new(layout: Layout) -> Self {
        let share = ALPHA / layout.cells() as f64;
        let test = |alpha: f64| Test::accuracy(MARGIN, alpha, Rule::Detect);
        let [cell, pooled] = Gate::pooled(&test(share), layout.cells());
        Self {
            layout,
            plain: FlipGate::new(&[test(ALPHA), test(share)]),
            cell: FlipGate::of(cell),
            pooled,
        }
    }

    /// What simulated models meet in a scenario with `n` examples.
    fn models(&self, (name, worse, margins): Scenario, n: usize, models: u64) -> Vec<Met> {
        let cells = self.layout.cells();
        let latent = PAIR.latent();
        let lower = normal_quantile(PAIR.accuracy - margins * MARGIN);
        let threshold = |cell| if cell < worse { lower } else { latent.new };
        let thresholds: Vec<f64> = (0..cells).map(threshold).collect();
        let meet = |model| {
            let mut draw = Draw::new("family", &format!("{name} {cells} {n}"), model);
            let [old, new] = self.layout.rows(latent, &thresholds, n, &mut draw);
            self.meet(&old, &new)
        };
        (0..models).into_par_iter().map(meet).collect()
    }

    fn meet(&self, old: &[Vec<u32>], new: &[Vec<u32>]) -> Met {
        // The cells are an example's replicates, as the engine pools them.
        let joined = |cells: &[Vec<u32>]| {
            let examples = 0..cells[0].len();
            let rows = examples.flat_map(|example| cells.iter().map(move |cell| cell[example]));
            right_or_wrong(rows.collect(), cells.len())
        };
        let baseline = self.pooled.baseline(&joined(old));
        let find = |(old, new): (&Vec<u32>, &Vec<u32>)| {
            let n = old.len();
            let (harm, gain) = flips(old, new);
            let findings = self.plain.pair(1, old, new);
            Found {
                fixed: fixed_threshold(n, harm, gain, MARGIN),
                compare: nemo_compare(n, harm, gain, MARGIN, ALPHA),
                gate: nemo_gate(n, harm, gain, MARGIN),
                at_alpha: findings[0].fails,
                budgeted: findings[1].fails,
                halved: self.cell.pair(1, old, new)[0].fails,
            }
        };
        Met {
            cells: old.iter().zip(new).map(find).collect(),
            pooled: self.pooled.judge(&baseline, joined(new))[0].fails,
        }
    }
}
