//! The same through the harness: a repository with twenty cases over the same
//! examples, its committed baselines, and retrained models that are each judged by
//! a run of the harness as its own process.

use rayon::prelude::*;

use crate::Effort;
use crate::flips::FlipGate;
use crate::gate::{Rule, Test};
use crate::scratch::{Answers, EXAMPLES, FAMILY_ALPHA, LAYOUT, MARGIN, Repository};
use crate::simulate::{Draw, Pair};
use crate::table::{Rate, Table, number};

const PAIR: Pair = Pair {
    accuracy: 0.9,
    drop: 0.0,
    discordance: 0.05,
};

/// A baseline model and a new one that is worse by so many margins in every case.
fn draw(margins: f64, number: u64) -> [Answers; 2] {
    let mut draw = Draw::new("harness", &format!("{margins}"), number);
    LAYOUT.rows(PAIR.latent(), &thresholds(margins), EXAMPLES, &mut draw)
}

fn thresholds(margins: f64) -> Vec<f64> {
    let lower = Pair {
        drop: margins * MARGIN,
        ..PAIR
    };
    vec![lower.latent().new; LAYOUT.cells()]
}

/// Which cases failed, of one model.
type Failed = Vec<bool>;

/// Rates of cases and of families.
struct Rates {
    /// Cases that failed. Those of one model are correlated, so that the interval is
    /// by models: the mean, and 1.96 standard errors.
    cases: (f64, f64),
    family: Rate,
}

impl Rates {
    fn of(failed: &[Failed]) -> Self {
        let count = failed.len() as f64;
        let share = |failed: &Failed| {
            failed.iter().filter(|&&failed| failed).count() as f64 / failed.len() as f64
        };
        let mean = failed.iter().map(share).sum::<f64>() / count;
        let squares: f64 = failed.iter().map(|one| (share(one) - mean).powi(2)).sum();
        Self {
            cases: (mean, (squares / (count - 1.0).max(1.0) / count).sqrt()),
            family: Rate::of(failed.iter().map(|one| one.contains(&true))),
        }
    }

    fn cases_text(&self) -> String {
        let (mean, error) = self.cases;
        format!("{} ± {}", number(mean, 4), number(1.96 * error, 4))
    }
}

pub fn section(effort: Effort) -> String {
    let processes = effort.models(1_000);
    let simulations = effort.models(20_000);
    let alpha = FAMILY_ALPHA / LAYOUT.cells() as f64;
    let gate = FlipGate::new(&[Test::accuracy(MARGIN, alpha, Rule::Detect)]);
    let judged = |tables: &[Answers; 2]| -> Failed {
        let pairs = tables[0].iter().zip(&tables[1]);
        pairs
            .map(|(old, new)| gate.pair(1, old, new)[0].fails)
            .collect()
    };
    let mut table = Table::new(&[
        "retrained models",
        "through",
        "models",
        "a case fails",
        "any of the 20 fails",
    ]);
    let mut notes = String::new();
    for (name, margins) in [("no change", 0.0), ("worse by 2m in every case", 2.0)] {
        // Each process's verdicts, and those of the library on the same tables.
        // A repository a thread; a pair's verdicts do not depend on which.
        let threads = rayon::current_num_threads() as u64;
        let met: Vec<(Failed, Failed)> = (0..threads)
            .into_par_iter()
            .flat_map_iter(|thread| {
                let [first, second] = [0, 1].map(|which| draw(0.0, u64::MAX - which)[0].clone());
                let repository = Repository::new([&first, &second]);
                (thread * processes / threads..(thread + 1) * processes / threads)
                    .map(|number| {
                        let tables = draw(margins, number);
                        (repository.judge(&tables), judged(&tables))
                    })
                    .collect::<Vec<_>>()
            })
            .collect();
        let differing = met.iter().filter(|(process, own)| process != own).count();
        let through: Vec<Failed> = met.into_iter().map(|(process, _)| process).collect();
        let simulated: Vec<Failed> = (0..simulations)
            .into_par_iter()
            // Other models than those of the processes.
            .map(|number| judged(&draw(margins, 1_000_000 + number)))
            .collect();
        let (through, simulated) = (Rates::of(&through), Rates::of(&simulated));
        for (what, models, rates) in [
            ("the harness", processes, &through),
            ("the function", simulations, &simulated),
        ] {
            table.row(&[
                name.to_owned(),
                what.to_owned(),
                models.to_string(),
                rates.cases_text(),
                rates.family.text(),
            ]);
        }
        notes.push_str(&format!(
            "- {name}: {}; of the {processes} processes' own tables, judged by the function too, {differing} have another verdict in any case.\n",
            agreement(&through, &simulated)
        ));
    }
    format!(
        "A scratch repository with 20 cases over the same {EXAMPLES} examples, accuracy, m = .02, family alpha .05 and capacity 20 (alpha {} a case), base accuracy .9, discordance 5 % without harm. \
         Every simulated pair has its own committed baselines and is judged by a run of the harness as its own process; verdicts are read from the records.\n\n{}\n{notes}",
        number(alpha, 4),
        table.text()
    )
}

/// Whether two pairs of rates differ by more than Monte Carlo error, at 1 %.
fn agreement(one: &Rates, other: &Rates) -> String {
    let z = |difference: f64, variance: f64| {
        if variance > 0.0 {
            difference / variance.sqrt()
        } else {
            0.0
        }
    };
    let cases = z(
        one.cases.0 - other.cases.0,
        one.cases.1.powi(2) + other.cases.1.powi(2),
    );
    let pooled = Rate::pooled([&one.family, &other.family]).value();
    let family = z(
        one.family.value() - other.family.value(),
        pooled * (1.0 - pooled) * (1.0 / one.family.of as f64 + 1.0 / other.family.of as f64),
    );
    let agree = cases.abs() < 2.58 && family.abs() < 2.58;
    format!(
        "harness and function {} within Monte Carlo error (z = {cases:.2} for cases, {family:.2} for families)",
        if agree { "agree" } else { "**do not agree**" }
    )
}
