//! `report`: the last run in one table, in Markdown, with the p-values adjusted for
//! their number. It informs and never gates: verdicts are the cases' own.

use std::sync::Arc;

use steadfast::error::Error;
use steadfast::report::curves::{self, Accuracies};
use steadfast::report::{acceptance, headline, number, plural, probability, signed};
use steadfast::spec::{Spec, ledger};
use steadfast::stats::multiplicity::{benjamini_hochberg, holm};
use steadfast::text::markdown::Markdown;
use steadfast::text::print;
use steadfast::verdict::Status;

use crate::cases::{Recorded, recorded};
use crate::exit_code::ExitCode;
use crate::repository::Repository;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names
    filter: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let (repository, _shared) = Repository::open_shared()?;
    let mut code = repository.report_spec_errors(&arguments.filter);
    let mut cases = Vec::new();
    let mut without = Vec::new();
    for case in repository.judged_cases(&arguments.filter)? {
        if case.spec.ignore.is_some() {
            continue;
        }
        match recorded(&repository, case) {
            Ok(case) => cases.push(case),
            Err(unusable) => without.push(unusable),
        }
    }
    let mut report = Markdown::new();
    report.heading(1, "Robustness report");
    report.space();
    report.line(counts(&cases));
    report.space();
    cases_table(&mut report, &cases);
    report.space();
    tests_table(&mut report, &cases);
    report.space();
    for table in curve_tables(&cases) {
        report.markdown(&table);
        report.space();
    }
    let ledger = ledger(&repository.specs.suite, &repository.specs.specs);
    report.line(format_args!(
        "The error budget: {} spending {:.6} of {}: so many false failures are expected of each model that is no worse. A case fails by its own alpha alone; the adjusted p-values say which of many changes to believe, whatever fails.",
        plural(ledger.tests, "test"),
        ledger.spent,
        ledger.budget
    ));
    report.space();
    baselines(&mut report, &cases);
    report.space();
    if !without.is_empty() {
        report.line("Without a usable record:");
        report.space();
        for unusable in &without {
            report.item(0, unusable.message().trim_end());
        }
        code = code.and(ExitCode::Baseline);
    }
    print(report.page());
    for case in &cases {
        code = code.and(ExitCode::of_verdict(
            case.judgement.verdict,
            case.judgement.status,
        ));
    }
    Ok(code)
}

fn counts(cases: &[Recorded]) -> String {
    let of = |status: Status| {
        let cases = cases.iter();
        cases.filter(|case| case.judgement.status == status).count()
    };
    format!(
        "{}: {} failed, {} passed with a warning, {} passed.",
        plural(cases.len(), "case"),
        of(Status::Fail),
        of(Status::Warn),
        of(Status::Pass)
    )
}

fn cases_table(report: &mut Markdown, cases: &[Recorded]) {
    report.head(&["case", "verdict", ""]);
    for case in cases {
        let mark = match case.judgement.status {
            Status::Fail => "✗ ",
            Status::Warn => "! ",
            Status::Pass => "",
        };
        report.row(&[
            case.case.name.clone(),
            format!("{mark}{}", case.judgement.verdict),
            headline(&case.case, &case.judgement),
        ]);
    }
}

/// Every test that compared anything, with p-values adjusted over all of them.
fn tests_table(report: &mut Markdown, cases: &[Recorded]) {
    let mut rows = Vec::new();
    for case in cases {
        let metrics = case.case.metrics().iter().zip(&case.judgement.metrics);
        for (spec, metric) in metrics {
            let Some(test) = &spec.test else {
                continue;
            };
            if let Some(comparison) = &metric.comparison {
                let margin = test.margin.value();
                rows.push((
                    case,
                    metric,
                    metric.name.clone(),
                    metric.baseline,
                    margin,
                    comparison,
                ));
            }
            if let Some(since) = &metric.anchor {
                let name = format!("{} since the anchor", metric.name);
                let margin = since.margin.value();
                rows.push((
                    case,
                    metric,
                    name,
                    Some(since.value),
                    margin,
                    &since.comparison,
                ));
            }
        }
    }
    if rows.is_empty() {
        report.line(
            "No test was made: no case differs from a baseline that it could be held against.",
        );
        return;
    }
    let p: Vec<f64> = rows.iter().map(|row| row.5.p_harm).collect();
    let (holm, benjamini_hochberg) = (holm(&p), benjamini_hochberg(&p));
    report.head(&[
        "case",
        "metric",
        "baseline",
        "now",
        "change",
        "limits",
        "change / margin",
        "p (harm)",
        "Holm",
        "Benjamini–Hochberg",
    ]);
    for (index, (case, metric, name, before, margin, comparison)) in rows.iter().enumerate() {
        let limits = comparison
            .limits()
            .map_or("none valid".to_owned(), |(lower, upper)| {
                let of = if comparison.has_spread() {
                    " of this model alone"
                } else {
                    ""
                };
                format!("[{}, {}]{of}", signed(lower), signed(upper))
            });
        report.row(&[
            case.case.name.clone(),
            name.clone(),
            before.map_or("none".to_owned(), number),
            number(metric.value),
            signed(comparison.change),
            limits,
            format!("{:.2}", comparison.change / margin),
            probability(p[index]),
            probability(holm[index]),
            probability(benjamini_hochberg[index]),
        ]);
    }
}

/// The severity curves of each spec that has any among these cases.
fn curve_tables(cases: &[Recorded]) -> Vec<Markdown> {
    let mut specs: Vec<&Arc<Spec>> = Vec::new();
    for case in cases {
        if !specs
            .iter()
            .any(|known| Arc::ptr_eq(known, &case.case.spec))
        {
            specs.push(&case.case.spec);
        }
    }
    let tables = specs.into_iter().map(|spec| {
        let curves = curves::curves(spec, |cell| {
            let case = cases.iter().find(|case| case.case.name == cell.name)?;
            let metrics = || case.judgement.metrics.iter();
            let before =
                metrics().filter_map(|metric| Some((metric.identity.as_str(), metric.baseline?)));
            let now = metrics().map(|metric| (metric.identity.as_str(), metric.value));
            Some(Accuracies {
                before: curves::accuracy(before),
                now: curves::accuracy(now)?,
            })
        });
        curves::table(spec, &curves)
    });
    tables.filter(|table| !table.page().is_empty()).collect()
}

/// Which acceptances the cases were held against, each once.
fn baselines(report: &mut Markdown, cases: &[Recorded]) {
    let mut accepted: Vec<String> = cases
        .iter()
        .filter_map(|case| Some(acceptance(&case.baseline()?.accepted)))
        .collect();
    accepted.sort();
    accepted.dedup();
    report
        .line("Held against these acceptances (all models that are judged by one share its luck):");
    report.space();
    for one in accepted {
        report.item(0, one);
    }
}
