//! Worlds in which few gain, or lose, all while the others change a little the other way:
//! what symmetric tests of means take for harm, or for proof. Sizes at the hypothesis
//! itself, through the gate, and of small alphas by enumeration.

use rayon::prelude::*;
use steadfast::outcome::{Column, ColumnSpec, Outcomes};
use steadfast::stats::distribution::log_binomial;
use steadfast::stats::unseen::Differences;

use crate::Effort;
use crate::gate::{Gate, Groups, Rule, Test, right_or_wrong};
use crate::simulate::Draw;
use crate::table::{Rate, Table, against};

const ALPHAS: [f64; 2] = [0.05, 0.0025];
const MARGIN: f64 = 0.02;

/// Which hypothesis a world lies on, what a rejection of it is, and the true change.
const QUESTIONS: [(&str, Rule, f64); 3] = [
    ("detect, no change", Rule::Detect, 0.0),
    ("null = \"margin\", −m", Rule::DetectMargin, -MARGIN),
    ("prove, −m", Rule::Prove, -MARGIN),
];

/// The rates at which models that lie on the hypothesis are rejected, at each alpha.
fn rejected(
    metric: &'static str,
    rule: Rule,
    models: u64,
    draw: impl Fn(&Gate, u64) -> ([Outcomes; 2], Groups) + Sync,
) -> [Rate; 2] {
    // A margin that detect asks for besides would hide what its test does.
    let margin = if rule == Rule::Detect { 1e-6 } else { MARGIN };
    let gate = Gate::new(&ALPHAS.map(|alpha| Test::new(metric, margin, alpha, rule)));
    let met: Vec<[bool; 2]> = (0..models)
        .into_par_iter()
        .map(|model| {
            let ([old, new], groups) = draw(&gate, model);
            let found = gate.judge_grouped(&gate.baseline(&old), new, groups);
            [0, 1].map(|alpha| match rule {
                Rule::Prove => !found[alpha].fails,
                _ => found[alpha].fails,
            })
        })
        .collect();
    [0, 1].map(|alpha| Rate::of(met.iter().map(|one| one[alpha])))
}

fn row(table: &mut Table, world: &str, name: &str, cells: &[(String, [Rate; 2])]) {
    let mut row = vec![world.to_owned(), name.to_owned()];
    for (place, alpha) in ALPHAS.into_iter().enumerate() {
        let worst = cells
            .iter()
            .max_by(|one, other| one.1[place].value().total_cmp(&other.1[place].value()));
        if let Some((of, rates)) = worst {
            row.push(format!("{} ({of})", rates[place].text()));
            row.push(against(rates[place], alpha, cells.len()));
        }
    }
    table.row(&row);
}

/// Rows of two models in groups of `sizes`: a share `few` of the groups gains all or, where
/// `turned`, loses all, and the others change by single rows the other way, so that the mean
/// changes by `change`.
fn grouped(sizes: &[usize], few: f64, turned: bool, change: f64, draw: &mut Draw) -> [Vec<u32>; 2] {
    let sign = if turned { -1.0 } else { 1.0 };
    // few · sign − (1 − few) · others = change.
    let others = (few * sign - change) / (1.0 - few);
    let [mut old, mut new] = [Vec::new(), Vec::new()];
    for &size in sizes {
        let (all, is_few) = (sign > 0.0, draw.uniform() < few);
        for _ in 0..size {
            let changes = is_few || draw.uniform() < others.abs();
            // Right before, right now: the few go one way, the others the other.
            let up = if is_few { all } else { others < 0.0 };
            let before = u32::from(changes != up || (!changes && draw.uniform() < 0.9));
            old.push(if changes { u32::from(!up) } else { before });
            new.push(if changes { u32::from(up) } else { before });
        }
    }
    [old, new]
}

/// Accuracy of groups of rows: replicates of an example, or clusters.
fn groups(effort: Effort, table: &mut Table) {
    let replicates = [(2, 200), (5, 60), (5, 200), (5, 1000), (20, 200)];
    let layouts: [(&str, Vec<usize>); 6] = [
        ("8 clusters of 50", vec![50; 8]),
        ("40 of 25", vec![25; 40]),
        ("200 of 10", vec![10; 200]),
        ("400 of 5", vec![5; 400]),
        ("4 of 150, 30 of 10", [vec![150; 4], vec![10; 30]].concat()),
        ("20 of 40, 60 of 10", [vec![40; 20], vec![10; 60]].concat()),
    ];
    for (name, rule, change) in QUESTIONS {
        let turned = rule == Rule::Prove;
        let few = |share: f64| if turned { share.max(-change) } else { share };
        for (each, n) in replicates {
            let cells = [0.0025, 0.01, 0.03].map(|share| {
                let rates = rejected("accuracy", rule, effort.models(4_000), |_, model| {
                    let key = format!("{name} {each} {n} {share}");
                    let mut draw = Draw::new("skewed", &key, model);
                    let rows = grouped(&vec![each; n], few(share), turned, change, &mut draw);
                    (
                        rows.map(|rows| right_or_wrong(rows, each)),
                        Groups::default(),
                    )
                });
                (format!("{share}"), rates)
            });
            row(
                table,
                &format!("{n} examples, {each} replicates"),
                name,
                &cells,
            );
        }
        for (layout, sizes) in &layouts {
            let cells = [0.01, 0.03, 0.1].map(|share| {
                let rates = rejected("accuracy", rule, effort.models(2_000), |_, model| {
                    let key = format!("{name} {layout} {share}");
                    let mut draw = Draw::new("skewed", &key, model);
                    let rows = grouped(sizes, few(share), turned, change, &mut draw);
                    let of = sizes.iter().enumerate();
                    let clusters = of.flat_map(|(cluster, &size)| vec![cluster as u32; size]);
                    let groups = Groups {
                        clusters: Some(clusters.collect()),
                        slices: None,
                    };
                    (rows.map(|rows| right_or_wrong(rows, 1)), groups)
                });
                (format!("{share}"), rates)
            });
            row(table, layout, name, &cells);
        }
    }
}

/// Brier scores: a share changes by half of the range.
fn scores(effort: Effort, table: &mut Table) {
    for (name, rule, change) in QUESTIONS {
        let turned = rule == Rule::Prove;
        for n in [50, 200, 1000] {
            let cells = [0.01_f64, 0.03, 0.1].map(|share| {
                let rates = rejected("brier_score", rule, effort.models(2_000), |gate, model| {
                    let key = format!("{name} brier {n} {share}");
                    let mut draw = Draw::new("skewed", &key, model);
                    // A loss: a rise is harm, so that the true rise is −change.
                    let far = if turned { 1.0 } else { -1.0 };
                    let others = (-change - share * far) / (1.0 - share);
                    let pairs: Vec<(f64, f64)> = (0..n)
                        .map(|_| {
                            let before = 1.0 - 0.5 * far + 0.1 * (draw.uniform() - 0.5);
                            let by = if draw.uniform() < share { far } else { others };
                            (before, before + by)
                        })
                        .collect();
                    let side = |value: fn(&(f64, f64)) -> f64| Outcomes {
                        examples: n,
                        replicates: 1,
                        columns: gate
                            .columns()
                            .into_iter()
                            .map(|spec| Column {
                                values: pairs.iter().map(|it| spec.quantise(value(it))).collect(),
                                spec,
                            })
                            .chain([Column {
                                spec: ColumnSpec::label(),
                                values: vec![0; n],
                            }])
                            .collect(),
                    };
                    ([side(|it| it.0), side(|it| it.1)], Groups::default())
                });
                (format!("{share}"), rates)
            });
            row(table, &format!("Brier score, n = {n}"), name, &cells);
        }
    }
}

/// P(p ≤ alpha) of three-point laws of mean 0, a loss, nothing, a gain, by adding up all
/// counts: the largest over laws, as a multiple of alpha.
fn enumerated(table: &mut Table) {
    let sides = [0.05, 0.2, 1.0];
    let shares = [0.01, 0.03, 0.1, 0.3, 0.9];
    for n in [8_u64, 50, 200] {
        for alpha in [0.05, 0.0025, 0.00025] {
            let laws: Vec<(f64, f64, f64)> = sides
                .iter()
                .flat_map(|&loss| sides.iter().map(move |&gain| (loss, gain)))
                .flat_map(|(loss, gain)| shares.iter().map(move |&share| (loss, gain, share)))
                .collect();
            let worst = laws
                .into_par_iter()
                .map(|law| (size(n, alpha, law), law))
                .reduce_with(|one, other| if one.0 >= other.0 { one } else { other });
            if let Some((size, (loss, gain, share))) = worst {
                table.row(&[
                    n.to_string(),
                    format!("{alpha}"),
                    format!("{:.3}", size / alpha),
                    format!("−{loss} or +{gain}, a share of {share} differs"),
                ]);
            }
        }
    }
}

/// P(p ≤ alpha) of `n` examples of which a `share` changes, by −`loss` or +`gain`, with mean 0.
fn size(n: u64, alpha: f64, (loss, gain, share): (f64, f64, f64)) -> f64 {
    const UNIT: f64 = 0.05;
    let units = |value: f64| (value / UNIT).round() as i64;
    let (up, down) = (share * loss / (loss + gain), share * gain / (loss + gain));
    let rejects = |lost: u64, won: u64| {
        let rows = [
            (-units(loss), lost),
            (units(gain), won),
            (0, n - lost - won),
        ];
        let rows = rows.into_iter();
        let clusters = rows.flat_map(|(sum, count)| vec![(sum, 1); count as usize]);
        Differences::new(clusters, UNIT, 1.0, None).p_below(0.0) <= alpha
    };
    let mut total = 0.0;
    for won in 0..=n {
        let mass = libm::exp(log_binomial(won, n, up));
        if mass < 1e-15 {
            continue;
        }
        // The fewest losses that reject.
        let (mut low, mut high) = (0, n - won + 1);
        while low < high {
            let middle = low + (high - low) / 2;
            if rejects(middle, won) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        if low <= n - won {
            let tail = steadfast::stats::distribution::binomial_upper_tail(
                low,
                n - won,
                (down / (1.0 - up)).min(1.0),
            );
            total += mass * tail;
        }
    }
    total
}

pub fn section(effort: Effort) -> String {
    let columns = [
        "world",
        "hypothesis",
        "worst at .05 (share)",
        "it is",
        "at .0025",
        "it is",
    ];
    let mut table = Table::new(&columns);
    groups(effort, &mut table);
    scores(effort, &mut table);
    let mut exact = Table::new(&["n", "alpha", "worst P / alpha", "law"]);
    enumerated(&mut exact);
    format!(
        "A share of the examples, or of the clusters, gains all (in `prove`: loses all) and the others change the other way, so that the true change is exactly the hypothesis; detect without its margin, which would hide what its test does. The worst of three shares each; m = .02. A column is the share of models that are rejected: at most alpha is promised.\n\n{}\nP(p ≤ alpha) by adding up all counts, no simulation; the largest over 45 laws of mean 0, as a multiple of alpha: at most 1 is promised.\n\n{}",
        table.text(),
        exact.text()
    )
}
