//! The report as Markdown: all tests, for a comment or a file.

use steadfast::report::plural;
use steadfast::text::markdown::Markdown;

use super::harm::BySize;
use super::rate::{Rate, decimal};
use super::report::Report;
use super::simulate::Level;
use super::text::{doubts, made_of, margins};

/// The whole report.
pub fn render(report: &Report) -> Markdown {
    let mut text = Markdown::new();
    text.heading(1, "Self-test of the suite");
    text.space();
    text.line(format_args!(
        "{} through the judge, the first {} with harm as well, seed {}. Rates have 95 % intervals (Clopper & Pearson).",
        plural(report.models, "simulated model"),
        report.harmed,
        report.seed
    ));
    text.space();
    calm(&mut text, report);
    harm(&mut text, report);
    tests(&mut text, report);
    if !report.left_out.is_empty() {
        text.space();
        text.heading(2, "Not simulated");
        text.space();
        for (case, why) in &report.left_out {
            text.item(0, format_args!("{case}: {why}"));
        }
    }
    text
}

/// Without harm.
fn calm(text: &mut Markdown, report: &Report) {
    text.heading(2, "No change for the worse");
    text.space();
    text.head(&["models", "with any failure", "failing tests a model"]);
    for calm in &report.calm {
        text.row(&[calm.words(), calm.any.words(3), decimal(calm.failing, 3)]);
    }
    if let Some(recorded) = &report.recorded {
        let Rate { count, of } = recorded.any;
        text.row(&["the same, each as it is", &format!("{count} of {of}"), ""]);
    }
    for line in doubts(report) {
        text.space();
        text.line(line);
    }
    text.space();
    text.line(format_args!(
        "The error budget allows {}. By spec, at {}:",
        decimal(report.budget, 3),
        report.harmed_at()
    ));
    text.space();
    text.head(&["spec", "cases", "examples", "models", "with any failure"]);
    for spec in &report.specs {
        text.row(&[
            spec.name.clone(),
            spec.cases.to_string(),
            spec.examples.to_string(),
            made_of(spec, report),
            spec.alarms[report.harmed_at].words(3),
        ]);
    }
}

/// With harm.
fn harm(text: &mut Markdown, report: &Report) {
    text.space();
    text.heading(2, "Harm");
    text.space();
    text.line(format_args!(
        "On top of {}, in margins of one metric; the share of models that fail.",
        report.harmed_at()
    ));
    text.space();
    let [one, two, three] = [0, 1, 2].map(margins);
    text.head(&["where", "fails", &one, &two, &three]);
    for line in &report.levels {
        let place = match line.level {
            Level::Case => "in one case",
            Level::Perturbation => "in one perturbation",
            Level::Everywhere => "everywhere",
        };
        let mut row = |fails: &str, rates| {
            let [one, two, three] = by_size(rates);
            text.row(&[place, fails, &one, &two, &three]);
        };
        if line.level == Level::Case {
            row("that case", &line.there);
        }
        row("any case", &line.anywhere);
    }
}

fn tests(text: &mut Markdown, report: &Report) {
    text.space();
    text.heading(2, "Tests, weakest first");
    text.space();
    let [one, two, three] = [0, 1, 2].map(margins);
    text.head(&[
        "case",
        "metric",
        "margin",
        "without harm",
        &one,
        &two,
        &three,
        "what would mend it",
    ]);
    for test in &report.tests {
        let [one, two, three] = by_size(&test.power);
        text.row(&[
            test.case.clone(),
            test.metric.clone(),
            test.margin.to_string(),
            test.alarm.words(3),
            one,
            two,
            three,
            test.advice().unwrap_or_default(),
        ]);
    }
}

fn by_size(rates: &BySize<Option<Rate>>) -> [String; 3] {
    rates.map(|rate| rate.map_or("not simulated".to_owned(), |rate| rate.words(2)))
}
