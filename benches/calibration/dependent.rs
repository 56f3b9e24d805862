//! Rows that belong together: several replicates of an example, and clusters of
//! examples.

use rayon::prelude::*;

use crate::Effort;
use crate::gate::{Gate, Groups, Rule, Test, right_or_wrong};
use crate::simulate::{Draw, Pair};
use crate::table::{Cells, Rate, Table, against};
use crate::today::{fixed_threshold, unpaired_z};

const ALPHA: f64 = 0.05;

/// What one simulated model meets: the threshold, the unpaired test, the rules.
type Met = [bool; 5];

fn rates(met: &[Met]) -> [Rate; 5] {
    [0, 1, 2, 3, 4].map(|rule| Rate::of(met.iter().map(|one| one[rule])))
}

fn gate(margin: f64) -> Gate {
    let tests = Rule::PLAIN.map(|rule| Test::accuracy(margin, ALPHA, rule));
    Gate::new(&tests)
}

fn meet(
    gate: &Gate,
    margin: f64,
    rows: [Vec<u32>; 2],
    replicates: usize,
    clusters: Option<Vec<u32>>,
) -> Met {
    let right = |rows: &[u32]| rows.iter().map(|&row| row as usize).sum();
    let n = rows[0].len();
    let (old_right, new_right) = (right(&rows[0]), right(&rows[1]));
    let [old, new] = rows.map(|rows| right_or_wrong(rows, replicates));
    let findings = gate.judge_grouped(
        &gate.baseline(&old),
        new,
        Groups {
            clusters,
            slices: None,
        },
    );
    [
        fixed_threshold(n, old_right, new_right, margin),
        // With replicates it is given their mean as one row an example, which is
        // kind to it: rows as independent would fail more.
        unpaired_z(
            n / replicates,
            old_right / replicates,
            new_right / replicates,
            ALPHA,
        ),
        findings[0].fails,
        findings[1].fails,
        findings[2].fails,
    ]
}

/// Several draws of a perturbation an example.
pub fn replicates(effort: Effort) -> String {
    const REPLICATES: usize = 5;
    /// The correlation of the scores of an example's replicates.
    const SAME_EXAMPLE: f64 = 0.7;
    const MARGIN: f64 = 0.01;
    let gate = gate(MARGIN);
    let mut table = Table::new(&[
        "true drop",
        "n",
        "acc ≥ base − m",
        "unpaired z",
        "**detect**",
        "detect, null = \"margin\"",
        "prove",
    ]);
    let mut promises = Promises::new();
    for (margins, name) in [(0.0, "0"), (0.5, "m/2"), (1.0, "m"), (2.0, "2m")] {
        for (n, models) in [(50, 2_000), (200, 2_000), (1000, 1_000), (5000, 200)] {
            let drop = margins * MARGIN;
            let mut cells: Vec<[Rate; 5]> = Vec::new();
            for accuracy in [0.5, 0.9, 0.99] {
                for discordance in [0.01_f64, 0.05, 0.15] {
                    // Scores that differ in a threshold alone: a drop needs more churn
                    // than itself.
                    let pair = Pair {
                        accuracy,
                        drop,
                        discordance: discordance.max(1.05 * drop),
                    };
                    if !pair.is_feasible() {
                        continue;
                    }
                    let latent = pair.latent();
                    let (shared, own) = latent.shares();
                    let weights = [SAME_EXAMPLE.sqrt(), (1.0 - SAME_EXAMPLE).sqrt()];
                    let met: Vec<Met> = (0..effort.models(models))
                        .into_par_iter()
                        .map(|model| {
                            let cell = format!("{n} {}", pair.name());
                            let mut draw = Draw::new("replicates", &cell, model);
                            let mut part = |weight: f64| {
                                let common = shared * draw.normal();
                                [0; 2].map(|_| weight * (common + own * draw.normal()))
                            };
                            let mut rows = [0; 2].map(|_| Vec::with_capacity(n * REPLICATES));
                            for _ in 0..n {
                                let of_example = part(weights[0]);
                                for _ in 0..REPLICATES {
                                    let of_row = part(weights[1]);
                                    for (model, threshold) in
                                        [latent.base, latent.new].into_iter().enumerate()
                                    {
                                        let score = of_example[model] + of_row[model];
                                        rows[model].push(u32::from(score < threshold));
                                    }
                                }
                            }
                            meet(&gate, MARGIN, rows, REPLICATES, None)
                        })
                        .collect();
                    cells.push(rates(&met));
                }
            }
            let column = |rule: usize| Cells(cells.iter().map(|cell| cell[rule]).collect());
            let mut row = vec![name.to_owned(), n.to_string()];
            row.extend((0..5).map(|rule| column(rule).text()));
            table.row(&row);
            promises.note(
                margins,
                &format!("n = {n}"),
                &[column(2), column(3), column(4)],
            );
        }
    }
    format!(
        "Five replicates an example; the scores of an example's replicates have correlation .7. m = .01, alpha = .05, the same grid.\n\n{}\n{}",
        table.text(),
        promises.text()
    )
}

/// Sizes of clusters by what they are called: equal, and unequal ones that say as much as
/// 10.9, 8.7 and 3.8 of equal size.
pub fn layouts() -> [(&'static str, Vec<usize>); 4] {
    [
        ("20 × 20", vec![20; 20]),
        ("3 × 100, 30 × 10", [vec![100; 3], vec![10; 30]].concat()),
        ("4 × 150, 30 × 10", [vec![150; 4], vec![10; 30]].concat()),
        ("300, 20 × 15", [vec![300], vec![15; 20]].concat()),
    ]
}

/// Rows of two models in clusters of these `sizes`, and the cluster of each row. The true
/// change varies from cluster to cluster, uniformly with standard deviation .05 about
/// `drop`; base accuracy .8, discordance 20 %.
pub fn of_clusters(sizes: &[usize], drop: f64, draw: &mut Draw) -> ([Vec<u32>; 2], Vec<u32>) {
    const SPREAD: f64 = 0.05;
    let [mut old, mut new] = [Vec::new(), Vec::new()];
    let mut clusters = Vec::new();
    for (cluster, &rows) in sizes.iter().enumerate() {
        let of_cluster = SPREAD * 12.0_f64.sqrt() * (draw.uniform() - 0.5);
        let pair = Pair {
            accuracy: 0.8,
            drop: drop + of_cluster,
            discordance: 0.2,
        };
        let (before, after) = pair.rows(rows, draw);
        old.extend(before);
        new.extend(after);
        clusters.extend(vec![cluster as u32; rows]);
    }
    ([old, new], clusters)
}

/// Rows in clusters of equal and unequal size, whose change varies from cluster to cluster.
pub fn clusters(effort: Effort) -> String {
    const MARGIN: f64 = 0.02;
    let gate = gate(MARGIN);
    let mut table = Table::new(&[
        "clusters",
        "true drop",
        "spec says",
        "acc ≥ base − m",
        "unpaired z",
        "**detect**",
        "detect, null = \"margin\"",
        "prove",
    ]);
    let mut promises = Promises::new();
    for (layout, sizes) in &layouts() {
        let equal = sizes.iter().all(|size| size == &sizes[0]);
        let models = if equal { 10_000 } else { 2_000 };
        for (margins, name) in [(0.0, "0"), (0.5, "m/2"), (1.0, "m"), (2.0, "2m")] {
            let cell = if equal {
                name.to_owned()
            } else {
                format!("{layout} {name}")
            };
            let met: Vec<[Met; 2]> = (0..effort.models(models))
                .into_par_iter()
                .map(|model| {
                    let mut draw = Draw::new("clusters", &cell, model);
                    let (rows, clusters) = of_clusters(sizes, margins * MARGIN, &mut draw);
                    [
                        meet(&gate, MARGIN, rows.clone(), 1, Some(clusters)),
                        meet(&gate, MARGIN, rows, 1, None),
                    ]
                })
                .collect();
            for (at, says) in ["its clusters", "nothing, though there are clusters"]
                .into_iter()
                .enumerate()
            {
                let met: Vec<Met> = met.iter().map(|both| both[at]).collect();
                let rates = rates(&met);
                let mut row = vec![(*layout).to_owned(), name.to_owned(), says.to_owned()];
                row.extend(rates.iter().map(|rate| rate.text()));
                table.row(&row);
                // A spec that hides its clusters is promised nothing.
                if at == 0 {
                    let cells = [2, 3, 4].map(|rule| Cells(vec![rates[rule]]));
                    promises.note(margins, layout, &cells);
                }
            }
        }
    }
    format!(
        "Numbers of clusters × rows in each, base accuracy .8, discordance 20 %, the true change of a cluster uniform with standard deviation .05 around the drop. m = .02, alpha = .05. The unequal ones say as much as 10.9, 8.7 and 3.8 clusters of equal size (N² / Σ n_g²): with the last, questions about the margin are not answered.\n\n{}\n{}",
        table.text(),
        promises.text()
    )
}

/// What is declared at alpha .05, against the worst cell.
pub struct Promises {
    table: Table,
}

impl Promises {
    pub fn new() -> Self {
        Self {
            table: Table::new(&["promise at alpha .05", "where", "worst cell", "it is"]),
        }
    }

    /// The cells of detect, detect with null = "margin", and prove, at a drop of so
    /// many margins. Rules that a metric does not have have no cells.
    pub fn note(&mut self, margins: f64, place: &str, cells: &[Cells; 3]) {
        let passes = |cells: &Cells| {
            let turned = cells.0.iter().map(|rate| Rate {
                hits: rate.of - rate.hits,
                of: rate.of,
            });
            Cells(turned.collect())
        };
        let found: Vec<(&str, Cells)> = if margins == 0.0 {
            vec![("detect fails a model that is not worse", cells[0].clone())]
        } else if margins == 1.0 {
            vec![
                (
                    "detect, null = \"margin\" fails a model that is worse by m",
                    cells[1].clone(),
                ),
                ("prove passes a model that is worse by m", passes(&cells[2])),
            ]
        } else {
            Vec::new()
        };
        for (promise, cells) in found {
            if cells.0.is_empty() {
                continue;
            }
            self.table.row(&[
                promise.to_owned(),
                place.to_owned(),
                cells.worst().text(),
                against(cells.worst(), ALPHA, cells.0.len()),
            ]);
        }
    }

    pub fn text(self) -> String {
        self.table.text()
    }
}
