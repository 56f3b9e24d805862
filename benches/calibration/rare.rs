//! Scores that change a lot in a few examples and a little, the other way, in all
//! others: what a small sample has none of.

use rayon::prelude::*;
use steadfast::outcome::{Column, ColumnSpec, Outcomes};

use crate::Effort;
use crate::dependent::Promises;
use crate::gate::{Gate, Rule, Test};
use crate::simulate::Draw;
use crate::table::{Cells, Rate, Table};

const ALPHA: f64 = 0.05;
const MARGIN: f64 = 0.02;
/// The share of examples that change a lot, and by how many nats.
const SHARE: f64 = 0.01;
const FAR: f64 = 5.0;

/// The runs of two models of which the new one is worse by `harm` in the mean:
/// the few gain or, `turned`, lose.
fn runs(n: usize, harm: f64, turned: bool, gate: &Gate, draw: &mut Draw) -> [Outcomes; 2] {
    let few = if turned { FAR } else { -FAR };
    let others = (harm - SHARE * few) / (1.0 - SHARE);
    let (old, new): (Vec<f64>, Vec<f64>) = (0..n)
        .map(|_| {
            let (is_one, place, spread) = (draw.uniform(), draw.uniform(), draw.uniform());
            if is_one < SHARE {
                let before = if turned { 0.5 } else { 0.5 + FAR };
                return (before, before + few);
            }
            let before = 0.4 + 0.3 * place;
            (before, before + others * (0.8 + 0.4 * spread))
        })
        .unzip();
    [old, new].map(|losses| {
        let columns = gate.columns().into_iter().map(|spec| Column {
            values: losses.iter().map(|&loss| spec.quantise(loss)).collect(),
            spec,
        });
        let labels = Column {
            spec: ColumnSpec::label(),
            values: vec![0; n],
        };
        Outcomes {
            examples: n,
            replicates: 1,
            columns: columns.chain([labels]).collect(),
        }
    })
}

pub fn section(effort: Effort) -> String {
    let gate = Gate::new(
        &Rule::PLAIN.map(|rule| Test::new("negative_log_likelihood", MARGIN, ALPHA, rule)),
    );
    let mut table = Table::new(&[
        "true harm",
        "one in a hundred",
        "n",
        "**detect**",
        "detect, null = \"margin\"",
        "prove",
    ]);
    let mut promises = Promises::new();
    for (margins, name) in [(0.0, "0"), (1.0, "m"), (2.0, "2m")] {
        for (turned, few) in [(false, "gains 5 nats"), (true, "loses 5 nats")] {
            for n in [50, 200, 1000] {
                let met: Vec<[bool; 3]> = (0..effort.models(1_000))
                    .into_par_iter()
                    .map(|model| {
                        let mut draw = Draw::new("rare", &format!("{name} {few} {n}"), model);
                        let [old, new] = runs(n, margins * MARGIN, turned, &gate, &mut draw);
                        let found = gate.judge(&gate.baseline(&old), new);
                        [0, 1, 2].map(|rule| found[rule].fails)
                    })
                    .collect();
                let rates = [0, 1, 2].map(|rule| Rate::of(met.iter().map(|one| one[rule])));
                let mut row = vec![name.to_owned(), few.to_owned(), n.to_string()];
                row.extend(rates.map(Rate::text));
                table.row(&row);
                let place = format!("n = {n}, one in a hundred {few}");
                promises.note(margins, &place, &rates.map(|rate| Cells(vec![rate])));
            }
        }
    }
    format!(
        "`negative_log_likelihood` at its default clip, range 6.9: one example in a hundred changes by 5 nats, and the others by so much that the mean is worse by the harm. Of samples of 50 and 200 the shares .61 and .13 have none of the few, and show all examples to change the other way. m = .02, alpha = .05; a column is the share of models that fail. So few examples see little: detect needs harm of some 3 R / n, .41, .10 and .021, and prove, of a model that is equal by what is observed, 1034 examples.\n\n{}\n{}",
        table.text(),
        promises.text()
    )
}
