//! The report for people: Markdown whose tables are aligned, so that a terminal shows
//! it as well as a pull request does.

use steadfast::report::{number, probability};
use steadfast::stats::components::Sources;
use steadfast::text::markdown::Markdown;

use super::Report;
use super::pairs::{Compared, Pair};
use super::sides::Count;
use super::source::{LeftOut, Source};
use super::spread::{Spread, Table};
use super::studies::{FEWEST, OverCases, Pooled};

/// Cases that one line of what is left out names.
const LISTED: usize = 4;

/// The whole report.
pub fn render(report: &Report) -> Markdown {
    let mut text = Markdown::new();
    for source in &report.sources {
        legend(&mut text, source);
    }
    let tests: usize = report
        .pairs
        .iter()
        .flat_map(|pair| &pair.cases)
        .map(|case| case.metrics.len())
        .sum();
    text.space();
    text.line(format_args!("Differences are paired, example by example; intervals are two-sided at {}; p-values are two-sided, Holm's and Benjamini and Hochberg's (BH) adjusted over all {tests} tests shown. A difference is called better or worse where Holm's p is at most {}; whether it matters, the margin alone says.",
        level(report),
        report.alpha,));
    for (place, pair) in report.pairs.iter().enumerate() {
        pair_lines(&mut text, report, place, pair);
    }
    spread_lines(&mut text, report);
    study_lines(&mut text, report);
    text
}

/// Which model a letter stands for.
fn legend(text: &mut Markdown, source: &Source) {
    let how = if source.was_run { "run" } else { "recorded" };
    text.line(format_args!(
        "{} = {} ({}, {how})",
        source.letter,
        source.path,
        cases(source.cases.len())
    ));
    for (spec, models) in source.models() {
        let names: Vec<String> = models
            .iter()
            .map(|model| {
                let digest = model.digest.as_ref().map_or_else(
                    || "content unknown".to_owned(),
                    |digest| format!("sha256:{}…", digest.short()),
                );
                // A file that was run is named on the line above.
                if source.was_run {
                    digest
                } else {
                    format!("{}, {digest}", model.origin)
                }
            })
            .collect();
        let mixed = if models.len() > 1 {
            "; these are records of several models: run all cases of one again"
        } else {
            ""
        };
        text.line(format_args!("    {spec}: {}{mixed}", names.join(" and ")));
    }
}

fn pair_lines(text: &mut Markdown, report: &Report, place: usize, pair: &Pair) {
    let (a, b) = letters(report, pair);
    text.space();
    text.heading(2, format_args!("{b} against {a}"));
    text.space();
    for note in &pair.notes {
        text.line(format_args!("note: {note}"));
    }
    for line in grouped(&pair.left_out) {
        text.line(format_args!("not compared: {line}"));
    }
    if !(pair.notes.is_empty() && pair.left_out.is_empty()) {
        text.space();
    }
    if pair.cases.is_empty() {
        text.line("There is no case to compare.");
        return;
    }
    let change = format!("{b} − {a}");
    let interval = format!("{} interval", level(report));
    let head = [
        "case",
        "metric",
        "n",
        &a,
        &b,
        &change,
        &interval,
        "p",
        "Holm",
        "BH",
        "of margin",
        "finding",
    ];
    let mut rows = Vec::new();
    for case in &pair.cases {
        for metric in &case.metrics {
            let n = match case.replicates {
                1 => case.examples.to_string(),
                replicates => format!("{}×{replicates}", case.examples),
            };
            rows.push(metric_row(&case.name, n, metric));
        }
    }
    text.table(&head, &rows, &[0, 1, 11]);
    text.space();
    text.line(format_args!("{b} against {a}, over cases:"));
    text.space();
    let head = [
        "metric",
        "shown: win",
        "tie",
        "loss",
        "beyond the margin: win",
        "tie",
        "loss",
    ];
    let tallies = pair.tallies();
    let rows: Vec<Vec<String>> = tallies
        .iter()
        .map(|tally| {
            let mut row = vec![tally.identity.clone()];
            row.extend(counts(tally.statistical));
            if tally.practical == Count::default() {
                row.extend(["–", "–", "–"].map(str::to_owned));
            } else {
                row.extend(counts(tally.practical));
            }
            row
        })
        .collect();
    text.table(&head, &rows, &[0]);
    for tally in tallies.iter().filter(|tally| tally.without_margin > 0) {
        text.space();
        text.line(format_args!(
            "{}: no margin is known in {}; --margin {}=… gives one.",
            tally.identity,
            cases(tally.without_margin),
            tally.identity.split('@').next().unwrap_or(&tally.identity)
        ));
    }
    over_cases_lines(text, report, place, &format!("{b} against {a}"));
}

/// The cases of one pair taken together.
fn over_cases_lines(text: &mut Markdown, report: &Report, place: usize, pair: &str) {
    let over = report.over_cases.iter().filter(|over| over.pair == place);
    let over: Vec<&OverCases> = over.filter(|over| over.mean.cases > 1).collect();
    let slices = report.pairs[place].metrics_of_slices();
    if !slices.is_empty() {
        text.space();
        text.line(format_args!(
            "{}: not taken together over cases: each case's difference is of its own slice.",
            slices.join(", ")
        ));
    }
    if over.is_empty() {
        return;
    }
    text.space();
    text.line(format_args!("{pair}, the mean over cases, in which what each example contributes is averaged over the cases first:"));
    text.space();
    let interval_head = format!("{} interval", level(report));
    let head = [
        "metric",
        "cases",
        "mean difference",
        "standard error",
        &interval_head,
    ];
    let rows: Vec<Vec<String>> = over
        .iter()
        .map(|over| {
            let mark = if over.mean.is_bound { "*" } else { "" };
            vec![
                over.identity.clone(),
                over.mean.cases.to_string(),
                signed(over.mean.effect.estimate),
                format!("{}{mark}", number(over.mean.effect.variance.sqrt())),
                interval(over.mean.limits(report.alpha.value())),
            ]
        })
        .collect();
    text.table(&head, &rows, &[0]);
    if over.iter().any(|over| over.mean.is_bound) {
        text.space();
        text.line("* The largest that it can be: examples that share random draws, or that are all there are, say nothing of how the cases are correlated.");
    }
    if over.iter().any(|over| over.mean.data_sets > 1) {
        text.space();
        text.line("Different data sets are taken for independent. Where they hold the same examples in another form, the standard error is too small.");
    }
    text.space();
    text.line(format_args!(
        "{pair}, cases as if they were independent (random effects):"
    ));
    text.space();
    for over in &over {
        pooled_lines(text, &over.identity, &over.pooled, report, "case");
    }
    not_pooled_lines(
        text,
        over.iter()
            .map(|over| (over.identity.as_str(), &over.pooled)),
    );
    if over.iter().any(|over| over.pooled.found.is_ok()) {
        text.space();
        text.line("Caution: cases of the same examples are correlated, and intervals that take them for independent are too narrow. Trust the mean over cases above; what random effects add is how much cases differ.");
    }
}

/// Why metrics are not pooled, one line a reason.
fn not_pooled_lines<'a>(text: &mut Markdown, over: impl Iterator<Item = (&'a str, &'a Pooled)>) {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for (identity, pooled) in over {
        let Err(reason) = &pooled.found else {
            continue;
        };
        match reasons.iter_mut().find(|(known, _)| known == reason) {
            Some((_, metrics)) => metrics.push(identity),
            None => reasons.push((reason, vec![identity])),
        }
    }
    for (reason, metrics) in reasons {
        text.item(
            0,
            format_args!("{}: not pooled: {reason}.", metrics.join(", ")),
        );
    }
}

fn metric_row(case: &str, n: String, metric: &Compared) -> Vec<String> {
    let comparison = &metric.comparison;
    vec![
        case.to_owned(),
        metric.label(),
        n,
        number(metric.a),
        number(metric.b),
        signed(comparison.change),
        interval(comparison.limits()),
        p_value(metric.p),
        p_value(metric.holm),
        p_value(metric.benjamini_hochberg),
        metric
            .margin_fraction()
            .map_or_else(|| "–".to_owned(), |fraction| format!("{fraction:+.2}")),
        metric.finding.words().to_owned(),
    ]
}

fn counts(count: Count) -> [String; 3] {
    [count.win, count.tie, count.loss].map(|count| count.to_string())
}

/// A random-effects analysis in words.
fn pooled_lines(text: &mut Markdown, identity: &str, pooled: &Pooled, report: &Report, of: &str) {
    let Ok(found) = &pooled.found else {
        return;
    };
    let level = level(report);
    let limits = |limits: steadfast::stats::Limits| interval(Some((limits.lower, limits.upper)));
    text.item(
        0,
        format_args!(
            "{identity}: mean difference {} over {} effects",
            signed(found.mean),
            found.count
        ),
    );
    text.item(1, format_args!("{level} interval {} (Hartung and Knapp, never narrower than DerSimonian and Laird's); {} (Hartung and Knapp, plain); {} (DerSimonian and Laird)",
        limits(found.hartung_knapp_guarded.limits),
        limits(found.hartung_knapp.limits),
        limits(found.classical.limits),));
    if let Some(prediction) = found.prediction {
        text.item(
            1,
            format_args!(
                "{level} prediction interval of one more {of}: {}",
                limits(prediction)
            ),
        );
    }
    text.item(
        1,
        format_args!(
            "heterogeneity: Q = {:.2} on {} degrees of freedom (p = {}), I² = {}, tau² = {}",
            found.q,
            found.count - 1,
            p_value(found.q_p),
            percent(found.i_squared),
            small(found.tau_squared),
        ),
    );
}

fn spread_lines(text: &mut Markdown, report: &Report) {
    if report.spreads.is_empty() {
        return;
    }
    text.space();
    text.heading(2, "Where the spread comes from");
    text.space();
    text.line("Components of variance over models, perturbations and seeds; those below 0 count as 0. Below each: the standard deviation that perturbations and seeds, if there were that many, would give the paired difference of two models. The examples' own part is not in it.");
    let (found, not): (Vec<&Spread>, Vec<&Spread>) = report
        .spreads
        .iter()
        .partition(|spread| spread.found.is_ok());
    for spread in found {
        if let Ok(table) = &spread.found {
            let models = report.studies[spread.study]
                .iter()
                .map(|&place| report.sources[place].letter.as_str());
            let models: Vec<&str> = models.collect();
            table_lines(text, spread, table, &models.join(", "));
        }
    }
    if !not.is_empty() {
        text.space();
    }
    for spread in not {
        if let Err(reason) = &spread.found {
            let study = study_word(report, spread.study);
            text.item(
                0,
                format_args!(
                    "{}, {}{study}: not computed: {reason}.",
                    spread.spec, spread.identity
                ),
            );
        }
    }
}

/// Names a study where there are several.
fn study_word(report: &Report, study: usize) -> String {
    if report.studies.len() == 1 {
        String::new()
    } else {
        format!(" (study {})", study + 1)
    }
}

fn table_lines(text: &mut Markdown, spread: &Spread, found: &Table, models: &str) {
    text.space();
    text.heading(
        3,
        format_args!(
            "{}, {}: {models} × {} perturbations × {} replicates",
            spread.spec,
            spread.identity,
            found.cells.len(),
            found.replicates
        ),
    );
    text.space();
    let components = &found.components;
    let rows: Vec<Vec<String>> = listed(&components.raw)
        .into_iter()
        .zip(listed(&components.clipped()))
        .zip(listed(&components.shares()))
        .map(|(((name, raw), (_, clipped)), (_, share))| {
            vec![name.to_owned(), small(raw), small(clipped), percent(share)]
        })
        .collect();
    let head = ["source", "variance (raw)", "clipped at 0", "share"];
    text.table(&head, &rows, &[0]);
    if found.models < 5 {
        text.space();
        text.line(format_args!(
            "The share of models rests on {} of them: it is known roughly at best.",
            found.models
        ));
    }
    text.space();
    let perturbations = found.perturbations_shown();
    let mut head = vec!["replicates".to_owned()];
    head.extend(perturbations.iter().map(|count| match count {
        1 => "1 perturbation".to_owned(),
        count => format!("{count} perturbations"),
    }));
    let rows: Vec<Vec<String>> = found
        .replicates_shown()
        .into_iter()
        .map(|replicates| {
            let mut row = vec![replicates.to_string()];
            row.extend(perturbations.iter().map(|&perturbations| {
                number(
                    components
                        .difference_variance(perturbations, replicates)
                        .sqrt(),
                )
            }));
            row
        })
        .collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    text.table(&head, &rows, &[]);
}

fn listed(sources: &Sources) -> [(&'static str, f64); 7] {
    [
        ("model", sources.model),
        ("perturbation", sources.perturbation),
        ("seed", sources.replicate),
        ("model × perturbation", sources.model_perturbation),
        ("model × seed", sources.model_replicate),
        ("perturbation × seed", sources.perturbation_replicate),
        ("all three, and the rest", sources.rest),
    ]
}

fn study_lines(text: &mut Markdown, report: &Report) {
    text.space();
    text.heading(2, "Over studies");
    text.space();
    if report.studies.len() == 1 {
        text.line(format_args!("There is one study. `--and A2 B2` adds a pair of models, of this repository or another; {FEWEST} and more are pooled."));
        return;
    }
    text.line("A study is a pair of models, and its effect the mean difference over its cases.");
    text.space();
    let effects = report.over_studies.iter().flat_map(|over| {
        let effects = over.pooled.effects.iter();
        effects.map(|named| {
            vec![
                over.identity.clone(),
                named.name.clone(),
                signed(named.effect.estimate),
                number(named.effect.variance.sqrt()),
            ]
        })
    });
    let rows: Vec<Vec<String>> = effects.collect();
    let head = ["metric", "study", "mean difference", "standard error"];
    text.table(&head, &rows, &[0, 1]);
    text.space();
    for over in &report.over_studies {
        pooled_lines(text, &over.identity, &over.pooled, report, "study");
    }
    let over = report.over_studies.iter();
    not_pooled_lines(
        text,
        over.map(|over| (over.identity.as_str(), &over.pooled)),
    );
}

fn letters(report: &Report, pair: &Pair) -> (String, String) {
    let letter = |place: usize| report.sources[place].letter.clone();
    (letter(pair.a), letter(pair.b))
}

/// What is left out for one reason, in one line each.
pub fn grouped(left_out: &[LeftOut]) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for left_out in left_out {
        match reasons
            .iter_mut()
            .find(|(reason, _)| *reason == left_out.reason)
        {
            Some((_, cases)) => cases.push(&left_out.case),
            None => reasons.push((&left_out.reason, vec![&left_out.case])),
        }
    }
    reasons
        .into_iter()
        .map(|(reason, cases)| {
            let more = if cases.len() > LISTED {
                format!(", … ({} in all)", cases.len())
            } else {
                String::new()
            };
            let listed: Vec<&str> = cases.iter().take(LISTED).copied().collect();
            format!("{}{more}: {reason}", listed.join(", "))
        })
        .collect()
}

fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

fn interval(limits: Option<(f64, f64)>) -> String {
    limits.map_or_else(
        || "none valid".to_owned(),
        |(lower, upper)| format!("[{}, {}]", signed(lower), signed(upper)),
    )
}

fn cases(count: usize) -> String {
    match count {
        1 => "1 case".to_owned(),
        count => format!("{count} cases"),
    }
}

/// A p-value; what is lost to rounding is not nothing.
fn p_value(value: f64) -> String {
    if value < 1e-15 {
        "<1e-15".to_owned()
    } else {
        probability(value)
    }
}

/// A variance: three significant digits.
fn small(value: f64) -> String {
    if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.2e}")
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// What the intervals are of: `95 %`, `99.95 %`.
fn level(report: &Report) -> String {
    confidence(report.alpha.value())
}

fn confidence(alpha: f64) -> String {
    let rounded = (1e8 * (1.0 - alpha)).round() / 1e6;
    format!("{rounded} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_for_one_reason_is_one_line() {
        let left_out = |case: &str, reason: &str| LeftOut {
            case: case.to_owned(),
            reason: reason.to_owned(),
        };
        let all: Vec<LeftOut> = ["a", "b", "c", "d", "e"]
            .map(|case| left_out(case, "B has no run of it"))
            .into_iter()
            .chain([left_out("f", "the inputs differ")])
            .collect();
        assert_eq!(
            grouped(&all),
            [
                "a, b, c, d, … (5 in all): B has no run of it",
                "f: the inputs differ"
            ]
        );
    }

    #[test]
    fn levels_are_as_people_write_them() {
        assert_eq!(confidence(0.05), "95 %");
        assert_eq!(confidence(0.0005), "99.95 %");
    }
}
