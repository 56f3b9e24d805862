//! The report for a terminal, within 80 columns.

use steadfast::report::plural;
use steadfast::text::{Page, escaped};

use super::harm::{BySize, SIZES};
use super::rate::{Rate, decimal};
use super::report::{Report, SpecLine, percent};
use super::simulate::Level;

/// Columns of a terminal.
const WIDTH: usize = 80;

/// Tests, and cases, that are listed.
const LISTED: usize = 10;

/// The whole report.
pub fn render(report: &Report) -> Page {
    let mut page = Page::new();
    head(&mut page, report);
    calm(&mut page, report);
    harm(&mut page, report);
    weakest(&mut page, report);
    left_out(&mut page, report);
    page
}

fn head(page: &mut Page, report: &Report) {
    let cases: usize = report.specs.iter().map(|spec| spec.cases).sum();
    page.line(format_args!(
        "{} of {}, {} through the judge, seed {}",
        plural(cases, "case"),
        plural(report.specs.len(), "spec"),
        plural(report.models, "simulated model"),
        report.seed
    ));
    if report.harmed < report.asked {
        wrapped(
            page,
            &format!(
                "Time was up before {} were done: {} without harm, {} with. --models {} takes as long as it takes.",
                report.asked, report.models, report.harmed, report.asked
            ),
            "",
        );
    }
}

/// What the models of a spec are made of.
pub fn made_of(spec: &SpecLine, report: &Report) -> String {
    if spec.retrains > 0 {
        return format!("mixed of {} recorded retrains", spec.retrains);
    }
    let declared = report.calm.iter().filter_map(|calm| calm.churn);
    let short = declared
        .zip(&spec.churn)
        .any(|(churn, &least)| least < churn - 5e-4);
    let least = spec.churn.last().copied().unwrap_or(0.0);
    if short {
        format!(
            "declared churn; in some case at most {} can change",
            percent(least)
        )
    } else {
        "declared churn".to_owned()
    }
}

/// Without harm.
fn calm(page: &mut Page, report: &Report) {
    page.line("");
    page.line("NO CHANGE FOR THE WORSE: does the gate cry wolf?");
    page.line(format_args!(
        "  {:<26}{:<26}failing tests a model",
        "", "models with any failure"
    ));
    for calm in &report.calm {
        let mark = mark(calm.any, report.budget);
        page.line(format_args!(
            "{mark} {:<26}{:<26}{}",
            calm.words(),
            calm.any.words(3),
            decimal(calm.failing, 3)
        ));
    }
    if let Some(recorded) = &report.recorded {
        let mark = if recorded.any.count > 0 { '!' } else { ' ' };
        page.line(format_args!(
            "{mark} {:<26}{} of {}",
            "the same, each as it is", recorded.any.count, recorded.any.of
        ));
    }
    page.line(format_args!(
        "  {:<26}{}",
        "allowed (error budget)",
        decimal(report.budget, 3)
    ));
    page.line("");
    page.line(format_args!("  of which, at {}:", report.harmed_at()));
    for spec in &report.specs {
        page.line(format_args!(
            "  {:<26}{:<26}{}",
            cut(&spec.name, 25),
            spec.alarms[report.harmed_at].words(3),
            plural(spec.cases, "case")
        ));
        page.line(format_args!(
            "    {}, {}",
            plural(spec.examples, "example"),
            made_of(spec, report)
        ));
    }
    if !report.alarms.is_empty() {
        page.line("");
        page.line("  cases that fail most often without harm:");
    }
    for (case, rate) in report.alarms.iter().take(LISTED) {
        page.line(format_args!("  {:<52}{}", cut(case, 51), rate.words(3)));
    }
    for line in doubts(report) {
        page.line("");
        wrapped(page, &line, "  ");
    }
    if report.cries_wolf() {
        page.line("");
        wrapped(
            page,
            "That is more than the budget allows. Retrains differ by more than the examples say: record some (cargo steadfast bless --retrain) and set [gate] null = \"retrain\"; name clusters ([data] cluster); a proof (mode = \"prove\") fails where it has too few examples.",
            "  ",
        );
    }
}

/// What the rates of models without harm do not say.
pub fn doubts(report: &Report) -> Vec<String> {
    let mut doubts = Vec::new();
    if let Some(recorded) = &report.recorded
        && recorded.any.count > 0
    {
        let cases = recorded.cases.iter().take(LISTED);
        let cases = cases.map(|(case, rate)| format!("{case} ({} of {})", rate.count, rate.of));
        let cases: Vec<String> = cases.collect();
        doubts.push(format!(
            "Recorded retrains fail as they came out: {}. Retrains lean one way or another in a case, and that averages out where they are mixed. [gate] null = \"retrain\" (with 3 recorded beside the one that is judged), or a wider margin there, keeps honest ones from failing.",
            cases.join(", ")
        ));
    }
    if report.specs.iter().any(|spec| spec.retrains == 0) {
        doubts.push(
            "Models of a declared churn differ from the baseline at random. Retrains of a pipeline lean one way or another in a case, and fail more often: record several to see how often (cargo steadfast bless --retrain).".to_owned(),
        );
    }
    for spec in &report.specs {
        if let Some(unused) = &spec.unused {
            doubts.push(format!("{}: {unused}.", spec.name));
        }
    }
    doubts
}

fn mark(rate: Rate, budget: f64) -> char {
    if rate.limits().lower > budget {
        '!'
    } else {
        ' '
    }
}

/// With harm.
fn harm(page: &mut Page, report: &Report) {
    page.line("");
    page.line(format_args!(
        "HARM: what does it miss? (on top of {})",
        report.harmed_at()
    ));
    page.line(by_margin("models with a failure"));
    for line in &report.levels {
        let mut row = |name: &str, rates: &BySize<Option<Rate>>| {
            page.line(format_args!("  {name:<26}{}", by_size(rates)));
        };
        match line.level {
            Level::Case => {
                row("in one case: it fails", &line.there);
                row("             any fails", &line.anywhere);
            }
            Level::Perturbation => row("in one perturbation: any", &line.anywhere),
            Level::Everywhere => row("everywhere: any", &line.anywhere),
        }
    }
}

/// The head of columns of rates.
fn by_margin(what: &str) -> String {
    format!(
        "  {what:<26}{:<17}{:<17}{}",
        margins(0),
        margins(1),
        margins(2)
    )
}

/// `2 margins`.
pub fn margins(size: usize) -> String {
    plural(SIZES[size] as usize, "margin")
}

fn by_size(rates: &BySize<Option<Rate>>) -> String {
    let words = rates.iter().map(|rate| match rate {
        Some(rate) => rate.words(2),
        None => "not simulated".to_owned(),
    });
    let cells: String = words.map(|words| format!("{words:<17}")).collect();
    cells.trim_end().to_owned()
}

/// The tests that see least.
fn weakest(page: &mut Page, report: &Report) {
    let weak = report.tests.iter().filter(|test| test.is_weak()).count();
    if report.tests.is_empty() {
        return;
    }
    page.line("");
    page.line(format_args!(
        "WEAKEST TESTS FIRST: {weak} of {} see 2 margins less often than asked",
        report.tests.len()
    ));
    page.line(by_margin("the case fails"));
    for test in report.tests.iter().take(LISTED) {
        let mark = if test.is_weak() { '!' } else { ' ' };
        let name = format!("{} {}", test.case, test.metric);
        page.line(format_args!("{mark} {}", cut(&name, WIDTH - 2)));
        let margin = format!("margin {}", test.margin);
        page.line(format_args!("    {margin:<24}{}", by_size(&test.power)));
        if let Some(advice) = test.advice() {
            wrapped(page, &advice, "      ");
        }
    }
    if report.tests.len() > LISTED {
        page.line(format_args!(
            "  … and {} more: --format markdown has all",
            report.tests.len() - LISTED
        ));
    }
}

fn left_out(page: &mut Page, report: &Report) {
    if report.left_out.is_empty() {
        return;
    }
    page.line("");
    page.line(format_args!(
        "NOT SIMULATED: {}",
        plural(report.left_out.len(), "case")
    ));
    for (case, why) in report.left_out.iter().take(LISTED) {
        wrapped(page, &format!("{case}: {why}"), "  ");
    }
    if report.left_out.len() > LISTED {
        page.line(format_args!(
            "  … and {} more: --format markdown has all",
            report.left_out.len() - LISTED
        ));
    }
}

/// The first characters of a text that is too long.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// Adds words in lines that fit, behind `indent`.
fn wrapped(page: &mut Page, text: &str, indent: &str) {
    let mut line = indent.to_owned();
    for word in escaped(text).split_whitespace() {
        let begun = line.len() > indent.len();
        if begun && line.chars().count() + 1 + word.chars().count() > WIDTH {
            page.line(line);
            line = format!("{indent}{word}");
        } else {
            if begun {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    page.line(line);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_fit() {
        let mut text = Page::new();
        wrapped(&mut text, &"some words ".repeat(30), "    ");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH));
        assert!(
            text.lines()
                .all(|line| line.starts_with("    some") || line.starts_with("    words"))
        );
        assert_eq!(text.split_whitespace().count(), 60);
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut("abcd", 4), "abcd");
    }

    #[test]
    fn rates_stand_in_columns() {
        let rate = Some(Rate {
            count: 400,
            of: 400,
        });
        assert_eq!(
            by_size(&[rate, None, rate]),
            "1.00 [.99, 1.00] not simulated    1.00 [.99, 1.00]"
        );
    }
}
