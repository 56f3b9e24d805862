//! The report as Markdown: all tests, for a comment or a file.

use std::fmt::Write as _;

use steadfast::report::plural;

use super::harm::BySize;
use super::rate::{Rate, decimal};
use super::report::Report;
use super::simulate::Level;
use super::text::{doubts, made_of, margins};

/// The whole report.
pub fn render(report: &Report) -> String {
    let mut text = format!(
        "# Self-test of the suite\n\n{} through the judge, the first {} with harm as well, seed {}. Rates have 95 % intervals (Clopper & Pearson).\n\n",
        plural(report.models, "simulated model"),
        report.harmed,
        report.seed
    );
    text.push_str("## No change for the worse\n\n| models | with any failure | failing tests a model |\n|---|---|---|\n");
    for calm in &report.calm {
        let _ = writeln!(
            text,
            "| {} | {} | {} |",
            calm.words(),
            calm.any.words(3),
            decimal(calm.failing, 3)
        );
    }
    if let Some(recorded) = &report.recorded {
        let Rate { count, of } = recorded.any;
        let _ = writeln!(text, "| the same, each as it is | {count} of {of} | |");
    }
    for line in doubts(report) {
        let _ = write!(text, "\n{line}\n");
    }
    let _ = writeln!(
        text,
        "\nThe error budget allows {}. By spec, at {}:\n\n| spec | cases | examples | models | with any failure |\n|---|---|---|---|---|",
        decimal(report.budget, 3),
        report.harmed_at()
    );
    for spec in &report.specs {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            spec.name,
            spec.cases,
            spec.examples,
            made_of(spec, report),
            spec.alarms[report.harmed_at].words(3)
        );
    }
    let _ = writeln!(
        text,
        "\n## Harm\n\nOn top of {}, in margins of one metric; the share of models that fail.\n\n| where | fails | {} | {} | {} |\n|---|---|---|---|---|",
        report.harmed_at(),
        margins(0),
        margins(1),
        margins(2)
    );
    for line in &report.levels {
        let place = match line.level {
            Level::Case => "in one case",
            Level::Perturbation => "in one perturbation",
            Level::Everywhere => "everywhere",
        };
        if line.level == Level::Case {
            let _ = writeln!(text, "| {place} | that case | {} |", by_size(&line.there));
        }
        let _ = writeln!(text, "| {place} | any case | {} |", by_size(&line.anywhere));
    }
    let _ = writeln!(
        text,
        "\n## Tests, weakest first\n\n| case | metric | margin | without harm | {} | {} | {} | what would mend it |\n|---|---|---|---|---|---|---|---|",
        margins(0),
        margins(1),
        margins(2)
    );
    for test in &report.tests {
        let mend = test.advice().unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {mend} |",
            test.case,
            test.metric,
            test.margin,
            test.alarm.words(3),
            by_size(&test.power)
        );
    }
    if !report.left_out.is_empty() {
        text.push_str("\n## Not simulated\n\n");
        for (case, why) in &report.left_out {
            let _ = writeln!(text, "- {case}: {}", why.replace('\n', " "));
        }
    }
    text
}

fn by_size(rates: &BySize<Option<Rate>>) -> String {
    let words = rates.map(|rate| rate.map_or("not simulated".to_owned(), |rate| rate.words(2)));
    words.join(" | ")
}
