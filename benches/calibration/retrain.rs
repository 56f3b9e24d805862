//! Retrains of one pipeline whose true accuracies differ: how often a rule fails
//! one that came out worse by luck. The gate's own rule (`null = "retrain"`) beside
//! others that might have been it.

use rayon::prelude::*;
use steadfast::stats::distribution::{normal_quantile, t_quantile};

use crate::Effort;
use crate::gate::{Gate, Rule, Test, right_or_wrong};
use crate::simulate::Draw;
use crate::table::{Rate, Table, number};

const MARGIN: f64 = 0.01;
const ALPHAS: [f64; 2] = [0.05, 0.0005];
const ACCURACY: f64 = 0.9;
/// The share of examples that retrains answer by a coin: two equal ones differ on
/// half of them.
pub const COINS: f64 = 0.1;
/// Of those, retrains are right on half.
pub const EASY: f64 = ACCURACY - COINS / 2.0;

/// The rules compared.
const RULES: [&str; 6] = [
    "paired test alone",
    "z",
    "t, Satterthwaite",
    "t, R",
    "prediction t",
    "**the gate**",
];

/// Whether each rule rejects.
type Rejected = [bool; 6];

pub fn section(effort: Effort) -> String {
    let mut text = String::from(
        "Retrains' true accuracies are normal with standard deviation τ around .9, discordance 5 %, m = .01. R retrains are recorded beside the baseline, from the same pipeline. \
         With SE² the squared standard error of the paired change d̂, s² the variance of the R + 1 accuracies, τ̂² = max(0, s² − SE²/2) and V = SE² + 2τ̂², a rule rejects if d̂ < −m and\n\n\
         - *z*: d̂ < −z √V;\n\
         - *t, Satterthwaite*: the same with t of V²/((2τ̂²)²/R) degrees of freedom;\n\
         - *t, R*: the same with t of R degrees of freedom;\n\
         - *prediction t* (Crawford & Howell 1998): the change to the mean of the R + 1 is below −m and below −t s √(1 + 1/(R + 1)), t of R degrees of freedom;\n\
         - *the gate*, `null = \"retrain\"`: prediction t, and the paired test against the baseline as well.\n\n",
    );
    let mut headings = vec!["alpha", "τ", "n", "R", "rate of"];
    headings.extend(RULES);
    let mut rows: Vec<(usize, Vec<String>)> = Vec::new();
    let gates = ALPHAS.map(|alpha| {
        let test = Test::accuracy(MARGIN, alpha, Rule::DetectRetrain);
        // One a spec: a retrain's values are known by what is measured, so that two
        // tests of one metric would count each retrain twice.
        Gate::new(&[test])
    });
    for spread in [0.005, 0.01] {
        for n in [1000, 5000] {
            for recorded in [3, 5, 10] {
                for (name, harm, models) in [
                    ("false alarms", 0.0, 10_000),
                    ("power, 2m", 2.0 * MARGIN, 2_000),
                    ("power, 5m", 5.0 * MARGIN, 2_000),
                ] {
                    let setting = Setting {
                        spread,
                        n,
                        recorded,
                        harm,
                    };
                    let rates = setting.rates(&gates, effort.models(models));
                    for (at, (alpha, rates)) in ALPHAS.into_iter().zip(rates).enumerate() {
                        let mut row = vec![
                            number(alpha, if alpha < 0.01 { 4 } else { 2 }),
                            number(spread, 3),
                            n.to_string(),
                            recorded.to_string(),
                            name.to_owned(),
                        ];
                        let digits = if alpha < 0.01 && harm == 0.0 { 4 } else { 3 };
                        let [others @ .., own] = &rates;
                        row.extend(others.iter().map(|rate| number(rate.value(), digits)));
                        row.push(own.text());
                        rows.push((at, row));
                    }
                }
            }
        }
    }
    rows.sort_by_key(|(alpha, _)| *alpha);
    let mut table = Table::new(&headings);
    for (_, row) in &rows {
        table.row(row);
    }
    text.push_str(&table.text());
    text
}

struct Setting {
    /// Of true accuracies.
    spread: f64,
    n: usize,
    /// Retrains beside the baseline.
    recorded: usize,
    harm: f64,
}

impl Setting {
    fn rates(&self, gates: &[Gate; 2], models: u64) -> [[Rate; 6]; 2] {
        let cell = format!("{} {} {} {}", self.spread, self.n, self.recorded, self.harm);
        let rejected: Vec<[Rejected; 2]> = (0..models)
            .into_par_iter()
            .map(|model| self.one(gates, &mut Draw::new("retrain", &cell, model)))
            .collect();
        [0, 1].map(|alpha| {
            [0, 1, 2, 3, 4, 5].map(|rule| Rate::of(rejected.iter().map(|one| one[alpha][rule])))
        })
    }

    fn one(&self, gates: &[Gate; 2], draw: &mut Draw) -> [Rejected; 2] {
        let n = self.n as f64;
        let coins = binomial(self.n, COINS, draw);
        let easy = binomial(self.n - coins, EASY / (1.0 - COINS), draw);
        // A model's probability of being right on a coin, and on what is easy: harm
        // beyond the coins falls there.
        let model = |harm: f64, draw: &mut Draw| {
            let p = 0.5 + (self.spread * draw.normal() - harm) / COINS;
            let rest = 1.0 + p.min(0.0) * COINS / EASY;
            (p.clamp(0.0, 1.0), rest.clamp(0.0, 1.0))
        };
        let (p, rest) = model(0.0, draw);
        let right = binomial(coins, p, draw);
        let sure = easy - binomial(easy, 1.0 - rest, draw);
        let (p, rest) = model(self.harm, draw);
        let lost = binomial(right, 1.0 - p, draw) + binomial(sure, 1.0 - rest, draw);
        let gained = binomial(coins - right, p, draw);
        let change = (gained as f64 - lost as f64) / n;
        let square = ((gained + lost) as f64 / n - change * change) / (n - 1.0);

        let mut accuracies = vec![(right + sure) as f64 / n];
        while accuracies.len() <= self.recorded {
            let (p, rest) = model(0.0, draw);
            let sure = easy - binomial(easy, 1.0 - rest, draw);
            accuracies.push((binomial(coins, p, draw) + sure) as f64 / n);
        }
        let own = self.judged(gates, right + sure, lost, gained, &accuracies[1..]);
        let count = accuracies.len() as f64;
        let mean = accuracies.iter().sum::<f64>() / count;
        let variance = accuracies.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let between = 2.0 * (variance - 0.5 * square).max(0.0);
        let whole = square + between;
        let beyond = change < -MARGIN;
        let to_mean = accuracies[0] + change - mean;
        [0, 1].map(|at| {
            let alpha = ALPHAS[at];
            let z = normal_quantile(1.0 - alpha);
            let satterthwaite = if between > 0.0 {
                let degrees = whole * whole / (between * between / (count - 1.0));
                t_quantile(1.0 - alpha, degrees)
            } else {
                z
            };
            let t = t_quantile(1.0 - alpha, count - 1.0);
            [
                beyond && change < -z * square.sqrt(),
                beyond && change < -z * whole.sqrt(),
                beyond && change < -satterthwaite * whole.sqrt(),
                beyond && change < -t * whole.sqrt(),
                to_mean < -MARGIN && to_mean < -t * (variance * (1.0 + 1.0 / count)).sqrt(),
                own[at],
            ]
        })
    }

    /// Whether the gate fails, by alpha.
    fn judged(
        &self,
        gates: &[Gate; 2],
        right: usize,
        lost: usize,
        gained: usize,
        retrains: &[f64],
    ) -> [bool; 2] {
        let mut old = vec![0; self.n];
        old[..right].fill(1);
        let mut new = old.clone();
        new[..lost].fill(0);
        new[right..right + gained].fill(1);
        [0, 1].map(|at| {
            let standing = gates[at].retrained(&right_or_wrong(old.clone(), 1), retrains);
            gates[at].judge(&standing, right_or_wrong(new.clone(), 1))[0].fails
        })
    }
}

/// The number of successes in `n` trials: by the lengths of the gaps between them
/// (Devroye 1986, X.4), which is quick where `p` is small.
fn binomial(n: usize, p: f64, draw: &mut Draw) -> usize {
    if p > 0.5 {
        return n - binomial(n, 1.0 - p, draw);
    }
    if p <= 0.0 {
        return 0;
    }
    let scale = libm::log1p(-p);
    let (mut at, mut count) = (0.0, 0);
    loop {
        at += (libm::log(draw.uniform()) / scale).floor() + 1.0;
        if at > n as f64 {
            return count;
        }
        count += 1;
    }
}
