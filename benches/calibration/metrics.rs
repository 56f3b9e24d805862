//! Metrics that are no counts of flips: models that answer with probabilities.
//!
//! Four classes; a model sees each class's score with noise, part of which all
//! models share, and answers with the softmax of its scores. With sharpness 1 it
//! is calibrated.

use rayon::prelude::*;
use steadfast::catalogue::Better;
use steadfast::metric::{Metric, Prediction, Rows};
use steadfast::outcome::{
    CLASS, CONFIDENCE, CORRECT, Column, ColumnSpec, LABEL, Outcomes, PROBABILITY, QUANTA,
};

use crate::Effort;
use crate::dependent::Promises;
use crate::gate::{Gate, Groups, Rule, Test};
use crate::simulate::Draw;
use crate::table::{Cells, Rate, Table, number};

const CLASSES: usize = 4;
const SLICES: usize = 4;
const ALPHA: f64 = 0.05;
/// The share of a score's noise that all models have in common.
const SHARED: f64 = 0.95;
/// Rows that stand for the population.
const POPULATION: usize = 100_000;

/// A model, by how well it sees and how sure it is.
#[derive(Clone, Copy, Debug)]
struct Seer {
    signal: f64,
    sharpness: f64,
}

/// How a model gets worse.
#[derive(Clone, Copy, Debug)]
enum Harm {
    /// It sees less.
    Blur,
    /// It is surer than it should be.
    Bluster,
}

/// A metric to look at, by its name in a spec.
struct Probe {
    metric: &'static str,
    /// As a spec writes them.
    parameters: &'static str,
    margin: f64,
    base: Seer,
    harm: Harm,
    rules: &'static [Rule],
    /// Examples, and simulated models.
    sizes: &'static [(usize, u64)],
}

const CALIBRATED: Seer = Seer {
    signal: 2.2,
    sharpness: 1.0,
};
const OVERCONFIDENT: Seer = Seer {
    signal: 2.2,
    sharpness: 1.3,
};

/// New metrics are added here; a column that only they keep gets its values in
/// [`values`].
const PROBES: &[Probe] = &[
    Probe {
        metric: "brier_score",
        parameters: "",
        margin: 0.01,
        base: CALIBRATED,
        harm: Harm::Blur,
        rules: &Rule::PLAIN,
        sizes: &[(1000, 5_000)],
    },
    Probe {
        metric: "negative_log_likelihood",
        parameters: "",
        margin: 0.02,
        base: CALIBRATED,
        harm: Harm::Blur,
        rules: &Rule::PLAIN,
        sizes: &[(200, 2_000), (1000, 2_000), (4000, 500)],
    },
    Probe {
        metric: "auroc",
        parameters: "class = 1",
        margin: 0.01,
        base: CALIBRATED,
        harm: Harm::Blur,
        rules: &Rule::PLAIN,
        sizes: &[(300, 600), (1000, 200)],
    },
    Probe {
        metric: "macro_f1",
        parameters: "",
        margin: 0.01,
        base: CALIBRATED,
        harm: Harm::Blur,
        rules: &Rule::PLAIN,
        sizes: &[(300, 600), (1000, 200)],
    },
    Probe {
        metric: "worst_slice_accuracy",
        parameters: "",
        margin: 0.01,
        base: CALIBRATED,
        harm: Harm::Blur,
        rules: &Rule::PLAIN,
        sizes: &[(1000, 5_000), (4000, 2_000)],
    },
    Probe {
        metric: "expected_calibration_error",
        parameters: "",
        margin: 0.01,
        base: OVERCONFIDENT,
        harm: Harm::Bluster,
        rules: &[Rule::Detect],
        sizes: &[(300, 600), (1000, 300)],
    },
    Probe {
        metric: "adaptive_calibration_error",
        parameters: "",
        margin: 0.01,
        base: OVERCONFIDENT,
        harm: Harm::Bluster,
        rules: &[Rule::Detect],
        sizes: &[(300, 300), (1000, 150)],
    },
    Probe {
        metric: "classwise_calibration_error",
        parameters: "classes = 4",
        margin: 0.005,
        base: OVERCONFIDENT,
        harm: Harm::Bluster,
        rules: &[Rule::Detect],
        sizes: &[(300, 300), (1000, 150)],
    },
];

impl Seer {
    fn worse(self, harm: Harm, by: f64) -> Self {
        match harm {
            Harm::Blur => Self {
                signal: self.signal - by,
                ..self
            },
            Harm::Bluster => Self {
                sharpness: self.sharpness + by,
                ..self
            },
        }
    }

    /// The probabilities of an example of class `label`.
    fn answer(
        self,
        (label, slice): (usize, u32),
        common: &[f64; CLASSES],
        draw: &mut Draw,
    ) -> [f64; CLASSES] {
        // Later slices are harder.
        let signal = self.signal * (1.0 - 0.05 * f64::from(slice));
        let mut scores = [0.0; CLASSES];
        for (class, (score, common)) in scores.iter_mut().zip(common).enumerate() {
            let noise = SHARED.sqrt() * common + (1.0 - SHARED).sqrt() * draw.normal();
            let seen = if class == label { signal } else { 0.0 };
            *score = self.sharpness * self.signal * (seen + noise);
        }
        let largest = scores.iter().copied().fold(f64::MIN, f64::max);
        let weights = scores.map(|score| libm::exp(score - largest));
        let sum: f64 = weights.iter().sum();
        weights.map(|weight| weight / sum)
    }
}

/// What models answered about `n` examples: labels, slices, and by model its probabilities.
struct Answers {
    labels: Vec<usize>,
    slices: Vec<u32>,
    by_model: [Vec<[f64; CLASSES]>; 2],
}

fn answers(models: [Seer; 2], n: usize, draw: &mut Draw) -> Answers {
    let mut answers = Answers {
        labels: Vec::with_capacity(n),
        slices: Vec::with_capacity(n),
        by_model: [Vec::with_capacity(n), Vec::with_capacity(n)],
    };
    for _ in 0..n {
        let (label, slice) = (draw.below(CLASSES), draw.below(SLICES) as u32);
        let common = [0; CLASSES].map(|_| draw.normal());
        answers.labels.push(label);
        answers.slices.push(slice);
        for (model, given) in models.iter().zip(&mut answers.by_model) {
            given.push(model.answer((label, slice), &common, draw));
        }
    }
    answers
}

impl Answers {
    /// The outcomes that the harness would keep of one model.
    fn outcomes(&self, model: usize, gate: &Gate) -> Outcomes {
        let mut columns = gate.columns();
        columns.push(ColumnSpec::label());
        let predictions: Vec<Prediction<'_>> = self
            .labels
            .iter()
            .zip(&self.by_model[model])
            .map(|(&label, probabilities)| Prediction {
                label,
                class: first_largest(probabilities),
                probabilities,
            })
            .collect();
        let columns = columns.into_iter().map(|spec| Column {
            values: values(&spec, gate, &predictions),
            spec,
        });
        Outcomes {
            examples: self.labels.len(),
            replicates: 1,
            columns: columns.collect(),
        }
    }
}

fn first_largest(probabilities: &[f64]) -> usize {
    let mut best = 0;
    for (class, &probability) in probabilities.iter().enumerate() {
        if probability > probabilities[best] {
            best = class;
        }
    }
    best
}

/// The values of one column.
fn values(spec: &ColumnSpec, gate: &Gate, predictions: &[Prediction<'_>]) -> Vec<u32> {
    let (metric, parameters) = gate.metric();
    let value = |prediction: &Prediction<'_>| match spec.name.as_str() {
        LABEL => prediction.label as u32,
        CLASS => prediction.class as u32,
        CORRECT => u32::from(prediction.class == prediction.label),
        CONFIDENCE => spec.quantise(prediction.probabilities[prediction.class]),
        name if name.starts_with(PROBABILITY) => {
            let class: usize = name[PROBABILITY.len()..].parse().expect("a class");
            spec.quantise(prediction.probabilities[class])
        }
        // The score of a metric that is a mean of scores.
        _ => spec.quantise(metric.score(prediction, parameters)),
    };
    predictions.iter().map(value).collect()
}

/// The metric's value of each model in the population.
fn population(gate: &Gate, models: [Seer; 2]) -> [f64; 2] {
    let answers = answers(
        models,
        POPULATION,
        &mut Draw::new("metrics", "population", 0),
    );
    let (metric, parameters): (&dyn Metric, _) = gate.metric();
    let columns = metric.columns("test_0", parameters);
    [0, 1].map(|model| {
        let outcomes = answers.outcomes(model, gate);
        let labels = outcomes.column(LABEL).expect("labels").values.clone();
        let rows = Rows::new(&outcomes, &columns, &labels).expect("the columns");
        let rows = rows.with_slices(Some(&answers.slices));
        rows.value(metric, parameters, CLASSES)
    })
}

/// The model whose value is worse than the base's by `harm`: by bisection.
fn worse_by(probe: &Probe, gate: &Gate, harm: f64) -> Seer {
    if harm == 0.0 {
        return probe.base;
    }
    let (mut low, mut high) = (0.0, 1.5);
    for _ in 0..24 {
        let middle = 0.5 * (low + high);
        let new = probe.base.worse(probe.harm, middle);
        if harm_of(gate, [probe.base, new]) < harm {
            low = middle;
        } else {
            high = middle;
        }
    }
    probe.base.worse(probe.harm, 0.5 * (low + high))
}

fn harm_of(gate: &Gate, models: [Seer; 2]) -> f64 {
    let [old, new] = population(gate, models);
    match gate.metric().0.kind().better {
        Better::Higher => old - new,
        Better::Lower => new - old,
    }
}

/// A model that is as badly calibrated as the base, in the other direction.
fn other_way(probe: &Probe, gate: &Gate) -> Seer {
    let (mut low, mut high) = (0.2, 1.0);
    for _ in 0..24 {
        let middle = 0.5 * (low + high);
        let new = Seer {
            sharpness: middle,
            ..probe.base
        };
        if harm_of(gate, [probe.base, new]) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    Seer {
        sharpness: 0.5 * (low + high),
        ..probe.base
    }
}

pub fn section(effort: Effort) -> String {
    let mut table = Table::new(&[
        "metric",
        "true harm",
        "n",
        "new is worse by > m",
        "**detect**",
        "detect, null = \"margin\"",
        "prove",
    ]);
    let mut promises = Promises::new();
    for probe in PROBES {
        let tests: Vec<Test> = probe
            .rules
            .iter()
            .map(|&rule| Test {
                metric: probe.metric,
                parameters: probe.parameters,
                margin: probe.margin,
                alpha: ALPHA,
                rule,
            })
            .collect();
        let gate = Gate::new(&tests);
        let mut worlds: Vec<(f64, &str, Seer)> =
            [(0.0, "0"), (0.5, "m/2"), (1.0, "m"), (2.0, "2m")]
                .map(|(margins, name)| {
                    (
                        margins,
                        name,
                        worse_by(probe, &gate, margins * probe.margin),
                    )
                })
                .to_vec();
        if matches!(probe.harm, Harm::Bluster) {
            let other = other_way(probe, &gate);
            worlds.insert(
                1,
                (
                    0.0,
                    "0, underconfident where the baseline is overconfident",
                    other,
                ),
            );
        }
        for (margins, name, new) in worlds {
            for &(n, models) in probe.sizes {
                let met: Vec<(bool, Vec<bool>)> = (0..effort.models(models))
                    .into_par_iter()
                    .map(|model| {
                        let cell = format!("{} {name} {n}", probe.metric);
                        let mut draw = Draw::new("metrics", &cell, model);
                        meet(probe, &gate, answers([probe.base, new], n, &mut draw))
                    })
                    .collect();
                let threshold = Rate::of(met.iter().map(|(threshold, _)| *threshold));
                let of_rule = |rule: Rule| {
                    let at = probe.rules.iter().position(|&other| other == rule);
                    at.map(|at| Rate::of(met.iter().map(|(_, fails)| fails[at])))
                };
                let rates = Rule::PLAIN.map(of_rule);
                let mut row = vec![
                    format!("{}, m = {}", probe.metric, number(probe.margin, 3)),
                    name.to_owned(),
                    n.to_string(),
                    threshold.text(),
                ];
                row.extend(rates.map(|rate| rate.map_or("refused".to_owned(), Rate::text)));
                table.row(&row);
                let cells = rates.map(|rate| Cells(rate.into_iter().collect()));
                promises.note(
                    margins,
                    &format!("{}, n = {n}, harm {name}", probe.metric),
                    &cells,
                );
            }
        }
    }
    format!(
        "Four classes, four slices of which later ones are harder, models that share 95 % of their noise; harm is what makes the metric of the population worse by that much: less signal, for the calibration error more confidence. alpha = .05. A column is the share of models that fail, or whose value is worse by more than m, as a fixed threshold asks: at no harm the false alarms of detect, at m those of null = \"margin\" and what is left to 1 those of prove, at 2m power. \"refused\": the metric has no valid limit, and the spec is an error. Prove fails nearly all where so few examples cannot prove m. A change of the log likelihood may be as large as its range, R = 6.9: detect needs harm of some 3 R / n, .10 at n = 200, and prove, of a model that is equal by what is observed, some 3 R / m examples, 1034.\n\n{}\n{}",
        table.text(),
        promises.text()
    )
}

/// Whether the value alone is worse by more than the margin, and which tests fail.
fn meet(probe: &Probe, gate: &Gate, answers: Answers) -> (bool, Vec<bool>) {
    let [old, new] = [0, 1].map(|model| answers.outcomes(model, gate));
    let (metric, parameters) = gate.metric();
    let columns = metric.columns("test_0", parameters);
    let value = |outcomes: &Outcomes| {
        let labels = &outcomes.column(LABEL).expect("labels").values;
        let rows = Rows::new(outcomes, &columns, labels).expect("the columns");
        let rows = rows.with_slices(Some(&answers.slices));
        rows.value(metric, parameters, CLASSES)
    };
    let change = value(&new) - value(&old);
    let harm = match metric.kind().better {
        Better::Higher => -change,
        Better::Lower => change,
    };
    let quantum = 0.5 / f64::from(QUANTA);
    let groups = Groups {
        clusters: None,
        slices: Some(answers.slices.clone()),
    };
    let findings = gate.judge_grouped(&gate.baseline(&old), new, groups);
    (
        harm > probe.margin + quantum,
        findings.iter().map(|finding| finding.fails).collect(),
    )
}
