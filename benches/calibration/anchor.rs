//! What the test since the anchor, which is the default, adds to the failures of a
//! model that `null = "margin"` or `"retrain"` is to pass.

use rayon::prelude::*;

use crate::Effort;
use crate::gate::{Gate, Rule, Test, right_or_wrong};
use crate::retrain::{COINS, EASY};
use crate::simulate::Draw;
use crate::table::{Rate, Table, number};

const MARGIN: f64 = 0.01;

/// The share of `new` models that fail beside a baseline alone, and with an anchor too.
type Rates = [Rate; 2];

/// The gate alone, and with the default anchor.
fn gates(alpha: f64, rule: Rule) -> [Gate; 2] {
    let test = [Test::accuracy(MARGIN, alpha, rule)];
    [Gate::new(&test), Gate::with(&test, "")]
}

fn rates(failed: Vec<[bool; 2]>) -> Rates {
    [0, 1].map(|which| Rate::of(failed.iter().map(|one| one[which])))
}

pub fn section(effort: Effort) -> String {
    let mut text = String::from(
        "m = .01, the anchor's margin .02. The test since the anchor has an alpha of its own of the same size, so that at most 2 alpha is declared with it.\n\n\
         **Retrains**, `null = \"retrain\"`: anchor, baseline, R recorded retrains and the new model are of one pipeline, as in the next section; the new one is worse by luck alone, or by 5m as well.\n\n",
    );
    let mut table = Table::new(&[
        "alpha",
        "τ",
        "n",
        "R",
        "the new model is",
        "fails, no anchor",
        "fails, anchor",
    ]);
    for (alpha, spread, n, recorded) in [
        (0.05, 0.01, 1000, 3),
        (0.05, 0.01, 5000, 3),
        (0.05, 0.01, 5000, 10),
        (0.05, 0.02, 5000, 5),
        (0.0005, 0.01, 5000, 10),
    ] {
        for (name, harm, models) in [("one more", 0.0, 5000), ("worse by 5m", 5.0 * MARGIN, 1000)] {
            let setting = Retrains {
                spread,
                n,
                recorded,
                harm,
            };
            let gates = gates(alpha, Rule::DetectRetrain);
            let rates = setting.rates(&gates, effort.models(models));
            let mut row = vec![
                number(alpha, if alpha < 0.01 { 4 } else { 2 }),
                number(spread, 3),
                n.to_string(),
                recorded.to_string(),
                name.to_owned(),
            ];
            row.extend(rates.iter().map(|rate| rate.text()));
            table.row(&row);
        }
    }
    text.push_str(&table.text());
    text.push_str(
        "\n**The margin**, `null = \"margin\"`, alpha .05: anchor and baseline are equal, and differ from each other as from the new model, which is worse than both by so much.\n\n",
    );
    let mut table = Table::new(&[
        "n",
        "discordance",
        "the new model is worse by",
        "fails, no anchor",
        "fails, anchor",
    ]);
    let gates = gates(0.05, Rule::DetectMargin);
    for (n, discordance) in [(200, 0.05), (1000, 0.05), (1000, 0.15), (5000, 0.15)] {
        for (name, harm, models) in [
            ("m", MARGIN, 5000),
            ("2m", 2.0 * MARGIN, 2000),
            ("4m", 4.0 * MARGIN, 1000),
        ] {
            let rates = margin(&gates, n, discordance, harm, effort.models(models));
            let mut row = vec![
                n.to_string(),
                format!("{} %", number(100.0 * discordance, 0)),
                name.to_owned(),
            ];
            row.extend(rates.iter().map(|rate| rate.text()));
            table.row(&row);
        }
    }
    text.push_str(&table.text());
    text
}

/// What a row is to all models.
#[derive(Clone, Copy, PartialEq)]
enum Row {
    Coin,
    Easy,
    Hard,
}

struct Retrains {
    /// Of true accuracies.
    spread: f64,
    n: usize,
    recorded: usize,
    /// What the new model lost beside luck.
    harm: f64,
}

impl Retrains {
    fn rates(&self, gates: &[Gate; 2], models: u64) -> Rates {
        let cell = format!("{} {} {} {}", self.spread, self.n, self.recorded, self.harm);
        let failed = (0..models)
            .into_par_iter()
            .map(|model| self.one(gates, &mut Draw::new("anchor_retrain", &cell, model)));
        rates(failed.collect())
    }

    fn one(&self, gates: &[Gate; 2], draw: &mut Draw) -> [bool; 2] {
        let rows: Vec<Row> = (0..self.n)
            .map(|_| match draw.uniform() {
                u if u < COINS => Row::Coin,
                u if u < COINS + EASY => Row::Easy,
                _ => Row::Hard,
            })
            .collect();
        let mut model = |harm: f64| -> Vec<u32> {
            let coin = 0.5 + (self.spread * draw.normal() - harm) / COINS;
            // Harm beyond the coins falls on what is easy.
            let easy = 1.0 + coin.min(0.0) * COINS / EASY;
            let right = |row: &Row| match row {
                Row::Coin => draw.uniform() < coin,
                Row::Easy => easy >= 1.0 || draw.uniform() < easy,
                Row::Hard => false,
            };
            rows.iter().map(right).map(u32::from).collect()
        };
        let [anchor, old, new] = [0.0, 0.0, self.harm].map(&mut model);
        let retrains: Vec<f64> = (0..self.recorded)
            .map(|_| model(0.0).into_iter().map(f64::from).sum::<f64>() / self.n as f64)
            .collect();
        let [anchor, old, new] = [anchor, old, new].map(|rows| right_or_wrong(rows, 1));
        let [alone, anchored] = gates;
        let standing = anchored.retrained(&old, &retrains);
        let standing = standing.since(anchored.anchored(&anchor, &old));
        [
            alone.judge(&alone.retrained(&old, &retrains), new.clone())[0].fails,
            anchored.judge(&standing, new)[0].fails,
        ]
    }
}

/// Three models that differ from what they share on `discordance / 2` of the rows each,
/// equally many of those that are right and wrong; base accuracy .9.
fn margin(gates: &[Gate; 2], n: usize, discordance: f64, harm: f64, models: u64) -> Rates {
    let cell = format!("{n} {discordance} {harm}");
    let one = |number: u64| {
        let draw = &mut Draw::new("anchor_margin", &cell, number);
        let (mut anchor, mut old, mut new) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..n {
            let shared = draw.uniform() < 0.9;
            let mut right = |harm: f64| {
                let flips = 0.25 * discordance;
                let u = draw.uniform();
                u32::from(if shared {
                    u >= (flips + harm) / 0.9
                } else {
                    u < flips / 0.1
                })
            };
            anchor.push(right(0.0));
            old.push(right(0.0));
            new.push(right(harm));
        }
        let [anchor, old, new] = [anchor, old, new].map(|rows| right_or_wrong(rows, 1));
        let [alone, anchored] = gates;
        let standing = anchored.anchored(&anchor, &old);
        [
            alone.judge(&alone.baseline(&old), new.clone())[0].fails,
            anchored.judge(&standing, new)[0].fails,
        ]
    };
    rates((0..models).into_par_iter().map(one).collect())
}
