//! Macro F1 where its limits rest on little: of few rows, and over clusters of unequal
//! size.

use rayon::prelude::*;
use steadfast::metric::{Metric, Rows};
use steadfast::outcome::{CLASS, Column, ColumnSpec, LABEL, Outcomes};

use crate::Effort;
use crate::dependent::{Promises, layouts, of_clusters};
use crate::gate::{Gate, Groups, Rule, Test};
use crate::simulate::{Draw, Pair};
use crate::table::{Cells, Rate, Table, number};

const ALPHA: f64 = 0.05;
const MARGIN: f64 = 0.02;
/// That of clusters that are enough to prove it.
const WIDE: f64 = 0.05;
const CLASSES: u32 = 3;
/// Base accuracy and discordance of independent rows.
const CELLS: [(f64, f64); 3] = [(0.9, 0.02), (0.9, 0.1), (0.8, 0.2)];
/// Independent rows, and simulated models.
const SIZES: [(usize, u64); 3] = [(60, 4_000), (200, 2_000), (1000, 400)];

/// What one simulated model meets: the threshold, then the rules.
type Met = [bool; 4];

/// Outcomes of two models that are right or wrong. Classes are as frequent and as often
/// mistaken, so that the macro F1 of the population is the accuracy. A wrong answer is
/// the same of both models.
fn outcomes(gate: &Gate, right: &[Vec<u32>; 2], labels: &[u32], draw: &mut Draw) -> [Outcomes; 2] {
    let others: Vec<u32> = labels
        .iter()
        .map(|label| (label + 1 + draw.below(CLASSES as usize - 1) as u32) % CLASSES)
        .collect();
    right.each_ref().map(|right| {
        let answers = right.iter().zip(labels.iter().zip(&others));
        let answers: Vec<u32> = answers
            .map(|(&right, (&label, &other))| if right == 1 { label } else { other })
            .collect();
        let columns = gate.columns().into_iter().map(|spec| {
            assert_eq!(spec.name, CLASS);
            Column {
                values: answers.clone(),
                spec,
            }
        });
        let labels = Column {
            spec: ColumnSpec::label(),
            values: labels.to_vec(),
        };
        Outcomes {
            examples: answers.len(),
            replicates: 1,
            columns: columns.chain([labels]).collect(),
        }
    })
}

fn meet(gate: &Gate, margin: f64, [old, new]: [Outcomes; 2], clusters: Option<Vec<u32>>) -> Met {
    let (metric, parameters): (&dyn Metric, _) = gate.metric();
    let columns = metric.columns("test_0", parameters);
    let value = |outcomes: &Outcomes| {
        let labels = &outcomes.column(LABEL).expect("labels").values;
        let rows = Rows::new(outcomes, &columns, labels).expect("the columns");
        rows.value(metric, parameters, CLASSES as usize)
    };
    let drop = value(&old) - value(&new);
    let groups = Groups {
        clusters,
        slices: None,
    };
    let found = gate.judge_grouped(&gate.baseline(&old), new, groups);
    [
        drop > margin + 1e-12,
        found[0].fails,
        found[1].fails,
        found[2].fails,
    ]
}

/// How often simulated models meet each.
fn rates(models: u64, meet: impl Fn(u64) -> Met + Send + Sync) -> [Rate; 4] {
    let met: Vec<Met> = (0..models).into_par_iter().map(meet).collect();
    [0, 1, 2, 3].map(|at| Rate::of(met.iter().map(|one| one[at])))
}

pub fn section(effort: Effort) -> String {
    let gate_of = |margin| {
        let tests = Rule::PLAIN.map(|rule| Test::new("macro_f1", margin, ALPHA, rule));
        Gate::new(&tests)
    };
    let gate = gate_of(MARGIN);
    let mut table = Table::new(&[
        "rows",
        "base, discordance",
        "true harm",
        "new is worse by > m",
        "**detect**",
        "detect, null = \"margin\"",
        "prove",
    ]);
    let mut promises = Promises::new();
    let mut note = |rows: &str, cell: &str, (margins, name): (f64, &str), rates: [Rate; 4]| {
        let mut row = vec![rows.to_owned(), cell.to_owned(), name.to_owned()];
        row.extend(rates.map(Rate::text));
        table.row(&row);
        let place = format!("{rows}; {cell}");
        promises.note(margins, &place, &[1, 2, 3].map(|at| Cells(vec![rates[at]])));
    };
    let harms = [(0.0, "0"), (1.0, "m"), (2.0, "2m")];
    for (n, models) in SIZES {
        let labels: Vec<u32> = (0..n).map(|row| row as u32 % CLASSES).collect();
        for (accuracy, discordance) in CELLS {
            let cell = format!("{}, {:.0} %", number(accuracy, 1), 100.0 * discordance);
            for harm in harms {
                let drop = harm.0 * MARGIN;
                let pair = Pair {
                    accuracy,
                    drop,
                    // Models that differ by it differ at least so often.
                    discordance: discordance.max(drop),
                };
                let found = rates(effort.models(models), |model| {
                    let mut draw = Draw::new("f1", &format!("{n} {}", pair.name()), model);
                    let (old, new) = pair.rows(n, &mut draw);
                    let runs = outcomes(&gate, &[old, new], &labels, &mut draw);
                    meet(&gate, MARGIN, runs, None)
                });
                note(&n.to_string(), &cell, harm, found);
            }
        }
    }
    let many = [vec![40; 20], vec![10; 60]].concat();
    let more = [("20 × 40, 60 × 10", many, WIDE)];
    let layouts = layouts().map(|(layout, sizes)| (layout, sizes, MARGIN));
    for (layout, sizes, margin) in layouts.into_iter().chain(more) {
        let gate = gate_of(margin);
        for harm in harms {
            let found = rates(effort.models(1_000), |model| {
                let mut draw = Draw::new("f1", &format!("{layout} {}", harm.1), model);
                let (right, clusters) = of_clusters(&sizes, harm.0 * margin, &mut draw);
                let labels: Vec<u32> = clusters
                    .iter()
                    .map(|_| draw.below(CLASSES as usize) as u32)
                    .collect();
                let runs = outcomes(&gate, &right, &labels, &mut draw);
                meet(&gate, margin, runs, Some(clusters))
            });
            note(
                &format!("{layout}, m = {}", number(margin, 2)),
                ".8, 20 %",
                harm,
                found,
            );
        }
    }
    format!(
        "Three classes, equally frequent and equally often mistaken, so that the macro F1 of the population is the accuracy. Independent rows of which the numbers in each class are fixed, or numbers of clusters × rows in each, as in the section on clusters; the last say as much as 51.6 of equal size. m = .02 if nothing else is said, alpha = .05. What says less than z² (1 − m) / m rows or clusters of equal size, 133 at m = .02 and 52 at .05, proves nothing, whatever is observed.\n\n{}\n{}",
        table.text(),
        promises.text()
    )
}
