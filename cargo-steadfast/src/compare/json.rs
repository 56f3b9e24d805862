//! The report as JSON: every number, unrounded. Its shape is in `docs/compare.md`.

use serde_json::{Value, json};
use steadfast::stats::Limits;
use steadfast::stats::components::Sources;
use steadfast::stats::meta::RandomEffects;

use super::Report;
use super::pairs::{Compared, Pair, Tally};
use super::sides::{Count, Side};
use super::source::{LeftOut, Source};
use super::spread::{Spread, Table};
use super::studies::{Mean, Pooled};

/// The version of the shape.
const SCHEMA: u32 = 1;

/// The whole report.
pub fn render(report: &Report) -> Value {
    let letters = |pair: &Pair| {
        let [a, b] = [pair.a, pair.b].map(|place| report.sources[place].letter.clone());
        (a, b)
    };
    let pairs = report.pairs.iter().enumerate().map(|(place, pair)| {
        let (a, b) = letters(pair);
        let over_cases = report.over_cases.iter().filter(|over| over.pair == place);
        let over_cases = over_cases.map(|over| {
            let mut value = pooled(&over.pooled);
            value["metric"] = json!(over.identity);
            value["mean"] = mean(&over.mean, report.alpha.value());
            value
        });
        let cases = pair.cases.iter().map(|case| {
            json!({
                "case": case.name,
                "examples": case.examples,
                "replicates": case.replicates,
                "pooled": case.is_pooled,
                "metrics": case.metrics.iter().map(compared).collect::<Vec<_>>(),
            })
        });
        json!({
            "study": pair.study + 1,
            "a": a,
            "b": b,
            "cases": cases.collect::<Vec<_>>(),
            "left_out": pair.left_out.iter().map(left_out).collect::<Vec<_>>(),
            "notes": pair.notes,
            "tallies": pair.tallies().iter().map(tally).collect::<Vec<_>>(),
            "over_cases": over_cases.collect::<Vec<_>>(),
        })
    });
    let over_studies = report.over_studies.iter().map(|over| {
        let mut value = pooled(&over.pooled);
        value["metric"] = json!(over.identity);
        value
    });
    let tests: usize = report
        .pairs
        .iter()
        .flat_map(|pair| &pair.cases)
        .map(|case| case.metrics.len())
        .sum();
    json!({
        "schema": SCHEMA,
        "alpha": report.alpha.value(),
        "tests": tests,
        "models": report.sources.iter().map(source).collect::<Vec<_>>(),
        "pairs": pairs.collect::<Vec<_>>(),
        "variance_components": report.spreads.iter().map(spread).collect::<Vec<_>>(),
        "over_studies": over_studies.collect::<Vec<_>>(),
    })
}

fn source(source: &Source) -> Value {
    let specs = source.models().into_iter().map(|(spec, models)| {
        let models: Vec<Value> = models
            .iter()
            .map(|model| json!({ "origin": model.origin, "digest": model.digest }))
            .collect();
        json!({ "spec": spec, "models": models })
    });
    json!({
        "name": source.letter,
        "path": source.path,
        "from": if source.was_run { "onnx" } else { "records" },
        "cases": source.cases.len(),
        "specs": specs.collect::<Vec<_>>(),
    })
}

fn left_out(left_out: &LeftOut) -> Value {
    json!({ "case": left_out.case, "reason": left_out.reason })
}

fn compared(compared: &Compared) -> Value {
    let comparison = &compared.comparison;
    json!({
        "metric": compared.spec.label,
        "identity": compared.spec.identity(),
        "slice": comparison.slice.as_ref().map(|slice| &slice.name),
        "a": compared.a,
        "b": compared.b,
        "difference": comparison.change,
        "standard_error": comparison.error,
        "interval": comparison.limits().map(|(lower, upper)| [lower, upper]),
        "harm": if compared.rise_is_harm { "higher" } else { "lower" },
        "p_harm": compared.p_harm,
        "p_gain": compared.p_gain,
        "p": compared.p,
        "p_holm": compared.holm,
        "p_benjamini_hochberg": compared.benjamini_hochberg,
        "margin": compared.margin.as_ref().map(steadfast::spec::Exact::value),
        "margin_fraction": compared.margin_fraction(),
        "statistical": compared.finding.statistical.text(),
        "practical": compared.finding.practical.map(Side::text),
        "equal_within_margin": compared.finding.is_equal,
        "finding": compared.finding.words(),
    })
}

fn count(count: Count) -> Value {
    json!({ "win": count.win, "tie": count.tie, "loss": count.loss })
}

fn tally(tally: &Tally) -> Value {
    json!({
        "metric": tally.identity,
        "statistical": count(tally.statistical),
        "practical": count(tally.practical),
        "without_margin": tally.without_margin,
    })
}

fn spread(spread: &Spread) -> Value {
    let mut value = json!({
        "study": spread.study + 1,
        "spec": spread.spec,
        "metric": spread.identity,
    });
    match &spread.found {
        Err(reason) => value["not_computed"] = json!(reason),
        Ok(table) => add_table(&mut value, table),
    }
    value
}

fn add_table(value: &mut Value, table: &Table) {
    let components = &table.components;
    let mut decision_study = Vec::new();
    for replicates in table.replicates_shown() {
        for perturbations in table.perturbations_shown() {
            decision_study.push(json!({
                "replicates": replicates,
                "perturbations": perturbations,
                "variance_of_difference": components.difference_variance(perturbations, replicates),
            }));
        }
    }
    value["models"] = json!(table.models);
    value["cells"] = json!(table.cells);
    value["replicates"] = json!(table.replicates);
    value["mean_squares"] = sources(&components.mean_squares);
    value["raw"] = sources(&components.raw);
    value["clipped"] = sources(&components.clipped());
    value["shares"] = sources(&components.shares());
    value["decision_study"] = json!(decision_study);
}

fn sources(sources: &Sources) -> Value {
    json!({
        "model": sources.model,
        "perturbation": sources.perturbation,
        "replicate": sources.replicate,
        "model_perturbation": sources.model_perturbation,
        "model_replicate": sources.model_replicate,
        "perturbation_replicate": sources.perturbation_replicate,
        "rest": sources.rest,
    })
}

fn mean(mean: &Mean, alpha: f64) -> Value {
    json!({
        "difference": mean.effect.estimate,
        "variance": mean.effect.variance,
        "interval": mean.limits(alpha).map(|(lower, upper)| [lower, upper]),
        "cases": mean.cases,
        "data_sets": mean.data_sets,
        "variance_is_a_bound": mean.is_bound,
    })
}

fn pooled(pooled: &Pooled) -> Value {
    let effects = pooled.effects.iter().map(|named| {
        json!({
            "name": named.name,
            "difference": named.effect.estimate,
            "variance": named.effect.variance,
        })
    });
    let effects: Vec<Value> = effects.collect();
    match &pooled.found {
        Err(reason) => json!({ "effects": effects, "not_pooled": reason }),
        Ok(found) => json!({ "effects": effects, "random_effects": random(found) }),
    }
}

fn random(found: &RandomEffects) -> Value {
    let limits = |limits: Limits| [limits.lower, limits.upper];
    let mean = |pooled: steadfast::stats::meta::Pooled| json!({ "standard_error": pooled.error, "interval": limits(pooled.limits) });
    json!({
        "count": found.count,
        "mean": found.mean,
        "dersimonian_laird": mean(found.classical),
        "hartung_knapp": mean(found.hartung_knapp),
        "hartung_knapp_guarded": mean(found.hartung_knapp_guarded),
        "prediction_interval": found.prediction.map(limits),
        "fixed_mean": found.fixed_mean,
        "fixed_standard_error": found.fixed_error,
        "q": found.q,
        "q_p": found.q_p,
        "i_squared": found.i_squared,
        "tau_squared": found.tau_squared,
    })
}
