//! Many cases over the same examples: what a family of tests does together.

use rayon::prelude::*;

use crate::Effort;
use crate::flips::FlipGate;
use crate::gate::{Gate, Rule, Test, right_or_wrong};
use crate::simulate::{Draw, Latent, Pair};
use crate::table::{Rate, Table};
use crate::today::fixed_threshold;

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
    ) -> [Vec<Vec<u16>>; 2] {
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
                        rows[model][at].push(u16::from(score < threshold));
                    }
                }
            }
        }
        rows
    }
}

const MARGIN: f64 = 0.01;
const ALPHA: f64 = 0.05;
const LAYOUT: Layout = Layout {
    groups: 15,
    in_group: 5,
};

/// Which cases are worse, and by how many margins.
const SCENARIOS: [(&str, usize, f64); 3] = [
    ("no drop", 0, 0.0),
    ("one cell drops 5m", 1, 5.0),
    ("every cell drops 2m", 75, 2.0),
];

/// What one simulated model meets.
struct Met {
    fixed: bool,
    each_at_alpha: bool,
    budgeted: bool,
    halved: bool,
    pooled: bool,
}

pub fn section(effort: Effort) -> String {
    let cells = LAYOUT.cells() as f64;
    let test = |alpha: f64| Test::accuracy(MARGIN, alpha, Rule::Detect);
    let [cell, pooled] = Gate::pooled(&test(ALPHA / cells), LAYOUT.cells());
    let gates = Gates {
        plain: FlipGate::new(&[test(ALPHA), test(ALPHA / cells)]),
        cell: FlipGate::of(cell),
        pooled,
    };
    let mut table = Table::new(&[
        "P(any of 75 fails)",
        "n",
        "acc ≥ base − m, each",
        "detect, each at .05",
        "**detect, .05 / 75 each**",
        "pooled = true (.025, and .025 / 75 each)",
    ]);
    for (name, worse, margins) in SCENARIOS {
        for (n, models) in [(200, 2_000), (1000, 1_000), (5000, 300)] {
            let models = effort.models(models);
            let pair = Pair {
                accuracy: 0.9,
                drop: 0.0,
                discordance: 0.05,
            };
            let latent = pair.latent();
            let lower = Pair {
                drop: margins * MARGIN,
                discordance: 0.05_f64.max(margins * MARGIN),
                ..pair
            };
            let lower = lower.latent().new;
            let thresholds: Vec<f64> = (0..LAYOUT.cells())
                .map(|cell| if cell < worse { lower } else { latent.new })
                .collect();
            let met: Vec<Met> = (0..models)
                .into_par_iter()
                .map(|model| {
                    let mut draw = Draw::new("family", &format!("{name} {n}"), model);
                    let [old, new] = LAYOUT.rows(latent, &thresholds, n, &mut draw);
                    gates.meet(&old, &new)
                })
                .collect();
            let rate = |hit: &dyn Fn(&Met) -> bool| Rate::of(met.iter().map(hit)).text();
            table.row(&[
                name.to_owned(),
                n.to_string(),
                rate(&|met| met.fixed),
                rate(&|met| met.each_at_alpha),
                rate(&|met| met.budgeted),
                rate(&|met| met.halved || met.pooled),
            ]);
        }
    }
    format!(
        "15 corruptions × 5 severities over the same images: half of the variance of a score is the image's, a fifth is the corruption's on that image. \
         Base accuracy .9, discordance 5 % without harm, m = .01, family alpha .05.\n\n{}",
        table.text()
    )
}

/// The gates that each model meets.
struct Gates {
    /// Every cell at the family's alpha, and at its share of it.
    plain: FlipGate,
    /// Of a spec with `pooled = true`: a cell, and the pooled case.
    cell: FlipGate,
    pooled: Gate,
}

impl Gates {
    fn meet(&self, old: &[Vec<u16>], new: &[Vec<u16>]) -> Met {
        // The cells are an example's replicates, as the engine pools them.
        let joined = |cells: &[Vec<u16>]| {
            let examples = 0..cells[0].len();
            let rows = examples.flat_map(|example| cells.iter().map(move |cell| cell[example]));
            right_or_wrong(rows.collect(), cells.len())
        };
        let baseline = self.pooled.baseline(&joined(old));
        let mut met = Met {
            fixed: false,
            each_at_alpha: false,
            budgeted: false,
            halved: false,
            pooled: self.pooled.judge(&baseline, joined(new))[0].fails,
        };
        for (old, new) in old.iter().zip(new) {
            let right = |rows: &[u16]| rows.iter().map(|&row| usize::from(row)).sum();
            met.fixed |= fixed_threshold(old.len(), right(old), right(new), MARGIN);
            let findings = self.plain.pair(1, old, new);
            met.each_at_alpha |= findings[0].fails;
            met.budgeted |= findings[1].fails;
            met.halved |= self.cell.pair(1, old, new)[0].fails;
        }
        met
    }
}
