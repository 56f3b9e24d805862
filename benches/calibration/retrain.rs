//! Retrains of one pipeline whose true accuracies differ: how often a rule fails
//! one that came out worse by luck. A study of rules, by itself: the gate's own is
//! beside it where specs have `null = "retrain"`.

use rayon::prelude::*;
use steadfast::stats::distribution::{normal_quantile, t_quantile};

use crate::Effort;
use crate::simulate::Draw;
use crate::table::{Rate, Table, number};

const MARGIN: f64 = 0.01;
const ACCURACY: f64 = 0.9;
/// The share of examples that retrains answer by a coin: two equal ones differ on
/// half of them.
const COINS: f64 = 0.1;
/// Of those, retrains are right on half.
const EASY: f64 = ACCURACY - COINS / 2.0;

/// The rules compared.
const RULES: [&str; 5] = [
    "paired test alone",
    "z",
    "t, Satterthwaite",
    "t, R − 1",
    "prediction t",
];

pub fn section(effort: Effort) -> String {
    let mut text = String::from(
        "Retrains' true accuracies are normal with standard deviation τ around .9, discordance 5 %, m = .01. R accepted retrains are recorded, the baseline is one of them. \
         With SE² the squared standard error of the paired change d̂, s² the variance of the R accuracies, and τ̂² = max(0, s² − SE²/2), a rule rejects if d̂ < −m and\n\n\
         - *z*: d̂ < −z √(SE² + 2τ̂²);\n\
         - *t, Satterthwaite*: the same with t of V²/((2τ̂²)²/(R−1)) degrees of freedom, V = SE² + 2τ̂²;\n\
         - *t, R − 1*: the same with t of R − 1 degrees of freedom;\n\
         - *prediction t* (Crawford & Howell 1998): the change to the mean of the R is below −m and below −t s √(1 + 1/R), t of R − 1 degrees of freedom.\n\n",
    );
    let mut headings = vec!["τ", "n", "R", "alpha", "rate of"];
    headings.extend(RULES);
    let mut table = Table::new(&headings);
    for spread in [0.005, 0.01] {
        for n in [1000, 5000] {
            for recorded in [3, 5, 10] {
                for alpha in [0.05, 0.0005] {
                    for (name, harm, models) in [
                        (
                            "false alarms",
                            0.0,
                            if alpha < 0.01 { 200_000 } else { 20_000 },
                        ),
                        ("power, 2m", 2.0 * MARGIN, 5_000),
                        ("power, 5m", 5.0 * MARGIN, 5_000),
                    ] {
                        let setting = Setting {
                            spread,
                            n,
                            recorded,
                            harm,
                        };
                        let rates = setting.rates(alpha, effort.models(models));
                        let mut row = vec![
                            number(spread, 3),
                            n.to_string(),
                            recorded.to_string(),
                            number(alpha, if alpha < 0.01 { 4 } else { 2 }),
                            name.to_owned(),
                        ];
                        let digits = if alpha < 0.01 && harm == 0.0 { 4 } else { 3 };
                        row.extend(rates.iter().map(|rate| number(rate.value(), digits)));
                        table.row(&row);
                    }
                }
            }
        }
    }
    text.push_str(&table.text());
    text
}

struct Setting {
    /// Of true accuracies.
    spread: f64,
    n: usize,
    /// Accepted retrains.
    recorded: usize,
    harm: f64,
}

impl Setting {
    fn rates(&self, alpha: f64, models: u64) -> [Rate; 5] {
        let cell = format!("{} {} {} {}", self.spread, self.n, self.recorded, self.harm);
        let rejected: Vec<[bool; 5]> = (0..models)
            .into_par_iter()
            .map(|model| self.one(alpha, &mut Draw::new("retrain", &cell, model)))
            .collect();
        [0, 1, 2, 3, 4].map(|rule| Rate::of(rejected.iter().map(|one| one[rule])))
    }

    fn one(&self, alpha: f64, draw: &mut Draw) -> [bool; 5] {
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
        let (p, _) = model(0.0, draw);
        let right = binomial(coins, p, draw);
        let (p, rest) = model(self.harm, draw);
        let lost = binomial(right, 1.0 - p, draw) + binomial(easy, 1.0 - rest, draw);
        let gained = binomial(coins - right, p, draw);
        let change = (gained as f64 - lost as f64) / n;
        let square = ((gained + lost) as f64 / n - change * change) / (n - 1.0);

        let mut accuracies = vec![right as f64 / n];
        while accuracies.len() < self.recorded {
            let (p, _) = model(0.0, draw);
            accuracies.push(binomial(coins, p, draw) as f64 / n);
        }
        let count = self.recorded as f64;
        let mean = accuracies.iter().sum::<f64>() / count;
        let variance = accuracies.iter().map(|a| (a - mean).powi(2)).sum::<f64>() / (count - 1.0);
        let between = 2.0 * (variance - 0.5 * square).max(0.0);
        let whole = square + between;
        let z = normal_quantile(1.0 - alpha);
        let satterthwaite = if between > 0.0 {
            t_quantile(
                1.0 - alpha,
                whole * whole / (between * between / (count - 1.0)),
            )
        } else {
            z
        };
        let t = t_quantile(1.0 - alpha, count - 1.0);
        let beyond = change < -MARGIN;
        let to_mean = accuracies[0] + change - mean;
        [
            beyond && change < -z * square.sqrt(),
            beyond && change < -z * whole.sqrt(),
            beyond && change < -satterthwaite * whole.sqrt(),
            beyond && change < -t * whole.sqrt(),
            to_mean < -MARGIN && to_mean < -t * (variance * (1.0 + 1.0 / count)).sqrt(),
        ]
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
