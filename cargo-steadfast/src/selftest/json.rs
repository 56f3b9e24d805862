//! The report as JSON: every number, unrounded. Its shape is in `docs/selftest.md`.

use serde_json::{Map, Value, json};

use super::harm::{BySize, SIZES};
use super::rate::Rate;
use super::report::Report;
use super::simulate::Level;

/// The version of the shape.
const SCHEMA: u32 = 1;

/// The whole report.
pub fn render(report: &Report) -> Value {
    let calm = report.calm.iter().enumerate().map(|(place, calm)| {
        let specs = report.specs.iter();
        let specs: Map<String, Value> = specs
            .map(|spec| (spec.name.clone(), rate(spec.alarms[place])))
            .collect();
        json!({
            "churn": calm.churn,
            "any_failure": rate(calm.any),
            "failing_tests": calm.failing,
            "specs": specs,
        })
    });
    let specs = report.specs.iter().map(|spec| {
        json!({
            "name": spec.name,
            "cases": spec.cases,
            "examples": spec.examples,
            "retrains": spec.retrains,
            "retrains_not_used": spec.unused,
            "least_churn": spec.churn,
        })
    });
    let levels = report.levels.iter().map(|line| {
        json!({
            "where": match line.level {
                Level::Case => "case",
                Level::Perturbation => "perturbation",
                Level::Everywhere => "everywhere",
            },
            "harmed_case_fails": by_size(&line.there),
            "any_case_fails": by_size(&line.anywhere),
        })
    });
    let tests = report.tests.iter().map(|test| {
        json!({
            "case": test.case,
            "metric": test.metric,
            "margin": test.margin,
            "detectable_drop": test.asked.0,
            "asked_power": test.asked.1,
            "no_change": rate(test.alarm),
            "harm": by_size(&test.power),
            "mend": test.mend.as_ref().map(|mend| json!({
                "plan": mend.cures,
                "largest_change": mend.largest_change,
            })),
        })
    });
    let left_out = report.left_out.iter();
    let left_out = left_out.map(|(case, why)| json!({ "case": case, "reason": why }));
    let recorded = report.recorded.as_ref().map(|recorded| {
        let cases = recorded.cases.iter();
        let cases: Map<String, Value> = cases.map(|(case, of)| (case.clone(), rate(*of))).collect();
        json!({ "any_failure": rate(recorded.any), "cases": cases })
    });
    json!({
        "schema": SCHEMA,
        "seed": report.seed,
        "models": report.models,
        "harmed_models": report.harmed,
        "asked": report.asked,
        "budget": report.budget,
        "specs": specs.collect::<Vec<_>>(),
        "no_change": calm.collect::<Vec<_>>(),
        "recorded_retrains": recorded,
        "harm_on_top_of_churn": report.calm[report.harmed_at].churn,
        "harm": levels.collect::<Vec<_>>(),
        "tests": tests.collect::<Vec<_>>(),
        "not_simulated": left_out.collect::<Vec<_>>(),
    })
}

fn rate(rate: Rate) -> Value {
    let limits = rate.limits();
    json!({
        "count": rate.count,
        "of": rate.of,
        "rate": rate.share(),
        "interval": [limits.lower, limits.upper],
    })
}

/// By the number of margins; what is not simulated is null.
fn by_size(rates: &BySize<Option<Rate>>) -> Value {
    let sizes = SIZES.iter().zip(rates);
    let entries = sizes.map(|(size, of)| (size.to_string(), of.map_or(Value::Null, rate)));
    Value::Object(entries.collect())
}
