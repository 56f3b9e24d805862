//! The message in the terminal: headline, place, evidence, what changed, how to
//! reproduce, how to accept.

pub mod curves;

use crate::baseline::{Accepted, BaselineFile};
use crate::diff::changes;
use crate::error::Error;
use crate::judge::{AnchorJudgement, Assumed, Comparison, Flips, Judgement, MetricJudgement};
use crate::record::Run;
use crate::spec::{AnchorAt, Case, MetricSpec, Mode, TestSpec};
use crate::text::Page;
use crate::verdict::{Status, Verdict};
use curves::Curve;

/// The message of a judged case; `curves` are those of its spec, where they are shown.
pub fn judged(
    case: &Case,
    run: &Run,
    baseline: Option<&BaselineFile>,
    judgement: &Judgement,
    curves: &[Curve],
    run_command: &str,
) -> Page {
    let mut page = Page::of(format_args!("{}: {}", case.name, headline(case, judgement)));
    page.line(format_args!("  --> {}", case.place()));
    for (spec, metric) in case.metrics().iter().zip(&judgement.metrics) {
        metric_lines(&mut page, spec, metric, run);
    }
    curves::lines(&mut page, curves);
    if judgement.verdict != Verdict::Missing {
        for note in judgement.notes.iter().chain(&judgement.cautions) {
            page.line(format_args!("      note     {note}"));
        }
    }
    if let Some(flips) = &judgement.flips {
        flip_lines(&mut page, flips, run);
    }
    if let Some(baseline) = baseline {
        let metrics: Vec<String> = case.metrics().iter().map(MetricSpec::identity).collect();
        let changes = changes(baseline, run, &metrics);
        let others = if changes.others.is_some() {
            ""
        } else {
            "; data, spec, algorithms, environment: the same"
        };
        page.line(format_args!("      model    {}{others}", changes.model));
        page.line(format_args!(
            "      baseline {}",
            acceptance(&baseline.accepted)
        ));
        if let Some(diff) = changes.others {
            page.line(format_args!("      changed besides the model:"));
            for line in diff.lines() {
                page.line(format_args!("        {line}"));
            }
        }
    }
    how_to(&mut page, case, judgement.verdict, run_command);
    page
}

/// The message of a case that could not be run.
pub fn errored(case: &Case, error: &Error, run_command: &str) -> Page {
    let mut page = Page::of(format_args!("{}: the case could not be run", case.name));
    page.line(format_args!("  --> {}", case.place()));
    page.indented(6, &error.page());
    reproduce(&mut page, case, run_command);
    page
}

/// A commit's first seven digits, with its mark of a dirty tree.
pub fn short_commit(commit: &str) -> String {
    let mark = if commit.ends_with('+') { "+" } else { "" };
    format!(
        "{}{mark}",
        commit.trim_end_matches('+').get(..7).unwrap_or(commit)
    )
}

/// What happened, in one line.
pub fn headline(case: &Case, judgement: &Judgement) -> String {
    let decisive = case
        .metrics()
        .iter()
        .zip(&judgement.metrics)
        .find(|(_, metric)| {
            metric.verdict == Some(judgement.verdict) && metric.status == judgement.status
        });
    match (judgement.verdict, decisive) {
        (Verdict::Missing | Verdict::Stale | Verdict::Error, Some((_, metric)))
            if judgement.notes.is_empty() =>
        {
            format!("{}: {}", metric.name, metric.rule)
        }
        (Verdict::Error, _) => "the baseline or its anchor cannot be used".to_owned(),
        (Verdict::Regressed | Verdict::Degraded | Verdict::Improved, Some((spec, metric))) => {
            let (Some(before), Some(test)) = (metric.baseline, &spec.test) else {
                return judgement.verdict.words().to_owned();
            };
            let slice = metric
                .comparison
                .as_ref()
                .and_then(|comparison| comparison.slice.as_ref());
            let (place, before, value) = match slice {
                Some(slice) => (
                    format!(" of slice {}", slice.name),
                    slice.before,
                    slice.after,
                ),
                None => (String::new(), before, metric.value),
            };
            let verb = if value < before { "fell" } else { "rose" };
            let few = metric
                .comparison
                .as_ref()
                .is_some_and(|comparison| comparison.too_few_replicates);
            // With null = "margin" the observed change does not decide.
            let beyond = metric
                .comparison
                .as_ref()
                .is_some_and(|comparison| comparison.harm_exceeds_margin);
            let word = if judgement.verdict == Verdict::Regressed && few {
                ", by too few shared draws to fail"
            } else if judgement.verdict == Verdict::Degraded && beyond {
                ", not shown to be beyond the margin"
            } else if judgement.verdict == Verdict::Degraded {
                ", within the margin"
            } else {
                ""
            };
            format!(
                "{}{place} {verb} {} → {}{word} (margin {})",
                metric.name,
                number(before),
                number(value),
                test.margin
            )
        }
        (Verdict::Drifted, Some((_, metric))) => match &metric.anchor {
            Some(since) => format!(
                "{} drifted {} → {} since its anchor (margin {})",
                metric.name,
                number(since.value),
                number(since.value + since.comparison.change),
                since.margin
            ),
            None => judgement.verdict.words().to_owned(),
        },
        (Verdict::Inconclusive, Some((spec, metric))) => {
            let drop =
                spec.test
                    .as_ref()
                    .map_or(String::new(), |test| match test.question.mode() {
                        Mode::Detect => {
                            format!(": a change of {} could not be seen", test.detectable_drop)
                        }
                        Mode::Prove => {
                            format!(": harm of more than {} is not excluded", test.margin)
                        }
                    });
            let change = match metric.baseline {
                Some(before) if number(before) != number(metric.value) => {
                    format!(" ({} → {})", number(before), number(metric.value))
                }
                _ => String::new(),
            };
            format!("cannot tell about {}{change}{drop}", metric.name)
        }
        // Silence means nothing where nothing is asked.
        (Verdict::NoRegression, None) if case.metrics().iter().all(|spec| spec.test.is_none()) => {
            "not judged: its metrics are only reported".to_owned()
        }
        (verdict, _) => verdict.words().to_owned(),
    }
}

fn metric_lines(page: &mut Page, spec: &MetricSpec, metric: &MetricJudgement, run: &Run) {
    let sign = match metric.status {
        Status::Fail => '✗',
        Status::Warn => '!',
        Status::Pass => ' ',
    };
    let value = match metric.baseline {
        Some(before) if number(before) != number(metric.value) => {
            format!("{} → {}", number(before), number(metric.value))
        }
        _ => number(metric.value),
    };
    let verdict = metric.verdict.map_or("only reported", Verdict::text);
    page.line(format_args!(
        "    {sign} {}  {value}  {verdict}",
        metric.name
    ));
    let (Some(comparison), Some(test)) = (&metric.comparison, &spec.test) else {
        if metric.status != Status::Pass && !metric.rule.is_empty() {
            page.line(format_args!("      rule     {}", metric.rule));
        }
        return;
    };
    page.line(format_args!(
        "      change   {}, n = {}{}",
        evidence(comparison, test.margin.value()),
        run.outcomes.examples,
        // A metric of the whole family has one score an example.
        match spec.kind.family {
            Some(_) => String::new(),
            None => format!(", {}", plural(run.outcomes.replicates, "replicate")),
        },
    ));
    if metric.status != Status::Pass || metric.verdict != Some(Verdict::Identical) {
        page.line(format_args!("      rule     {}", metric.rule));
    }
    if metric.verdict == Some(Verdict::Inconclusive) {
        power_line(page, comparison, test, run.outcomes.replicates);
    }
    if let Some(since) = metric.anchor.as_ref().filter(|since| since.drifted) {
        anchor_lines(page, since);
    }
}

/// What became of a metric since its anchor, and the accepted changes in between.
fn anchor_lines(page: &mut Page, since: &AnchorJudgement) {
    page.line(format_args!(
        "      anchor   {} → now: {}",
        number(since.value),
        evidence(&since.comparison, since.margin.value()),
    ));
    page.line(format_args!(
        "               {}",
        acceptance(&since.accepted)
    ));
    for step in &since.steps {
        page.line(format_args!(
            "      {}  {} → {}: {}",
            signed(step.after - step.before),
            number(step.before),
            number(step.after),
            acceptance(&step.accepted)
        ));
    }
}

/// Commit, day, author and reason of what was accepted.
pub fn acceptance(accepted: &Accepted) -> String {
    let commit = accepted
        .commit
        .as_deref()
        .map_or_else(|| "no commit".to_owned(), short_commit);
    let day = accepted.at.get(..10).unwrap_or(&accepted.at);
    format!("{commit}, {day}, {}, \"{}\"", accepted.by, accepted.reason)
}

/// What the test could have seen, and what it would take.
fn power_line(page: &mut Page, comparison: &Comparison, test: &TestSpec, replicates: usize) {
    let seen = match (test.question.mode(), comparison.detectable()) {
        (Mode::Prove, _) => format!(
            "to exclude harm of {} with power {}",
            test.margin, test.power
        ),
        (Mode::Detect, Some(smallest)) => format!(
            "the smallest change that would be seen is {} (power {}), and {} is asked for",
            not_below(smallest),
            test.power,
            test.detectable_drop
        ),
        (Mode::Detect, None) => format!(
            "no change, however large, would be seen at alpha {}",
            alpha(comparison.alpha_side)
        ),
    };
    let needed = match comparison.needed() {
        Some(needed) => {
            let place = comparison.weakest().map_or(String::new(), |slice| {
                format!(" (slice {slice} sees least)")
            });
            let draws = if replicates > 1 {
                ", or more replicates"
            } else {
                ""
            };
            format!(": that needs n = {needed}{place}{draws}, or a wider margin")
        }
        None => match comparison.margin_of_retrains() {
            Some((now, at_best)) => format!(
                ": retrains differ by so much that the recorded ones bear a margin of {} and any number of them one of {}",
                not_below(now),
                not_below(at_best)
            ),
            None => ": that needs more examples or clusters".to_owned(),
        },
    };
    page.line(format_args!("      power    {seen}{needed}"));
}

/// The paired difference in words.
pub fn evidence(comparison: &Comparison, margin: f64) -> String {
    let limits = comparison
        .limits()
        .map_or("no valid limits".to_owned(), |(lower, upper)| {
            let of = if comparison.has_spread() {
                " of this model alone"
            } else {
                ""
            };
            format!("limits{of} [{}, {}]", signed(lower), signed(upper))
        });
    let slice = comparison
        .slice
        .as_ref()
        .map_or(String::new(), |slice| format!("slice {}: ", slice.name));
    let about_margin = comparison.p_margin.map_or(String::new(), |p| {
        let shown = match comparison.question.mode() {
            Mode::Prove => "within the margin",
            Mode::Detect => "beyond the margin",
        };
        format!(", p = {} ({shown})", probability(p))
    });
    let (p, of) = if comparison.p_gain < comparison.p_harm {
        (comparison.p_gain, "gain")
    } else {
        (comparison.p_harm, "harm")
    };
    let beyond = if comparison.has_spread() {
        " beyond the spread of retrains"
    } else {
        ""
    };
    let assumed = assumption(comparison);
    let limits_alpha = comparison.alpha_of_limits();
    // The p-value of slices is of all of them together.
    let at = if limits_alpha == comparison.alpha_side {
        String::new()
    } else {
        format!(" at alpha {}", alpha(comparison.alpha_side))
    };
    format!(
        "{slice}{} against a margin of {}, {limits} at alpha {}, p = {}{at} ({of}{beyond}){about_margin}{assumed}",
        signed(comparison.change),
        number(margin),
        alpha(limits_alpha),
        probability(p),
    )
}

/// What a p-value rests on that the data do not show.
fn assumption(comparison: &Comparison) -> String {
    let Assumed {
        change,
        refuted,
        cluster,
    } = comparison.assumed;
    let change = change.filter(|_| !refuted).map(|(declared, seen)| {
        format!(
            "largest_change = {} (the largest seen: {})",
            number(declared),
            number(seen)
        )
    });
    let cluster = cluster.map(|(declared, seen)| match declared {
        Some(declared) => format!("largest_cluster = {declared} (the largest seen: {seen})"),
        None => format!("no cluster of more than {seen} examples"),
    });
    let assumed: Vec<String> = change.into_iter().chain(cluster).collect();
    if assumed.is_empty() {
        return String::new();
    }
    format!(", assuming {}", assumed.join(" and "))
}

fn flip_lines(page: &mut Page, flips: &Flips, run: &Run) {
    if flips.harm == 0 && flips.gain == 0 {
        return;
    }
    let unit = if run.outcomes.replicates > 1 {
        " (counted by replicate)"
    } else {
        ""
    };
    page.line(format_args!(
        "      flips    {} newly wrong, {} newly right{unit}",
        flips.harm, flips.gain
    ));
    for (word, examples) in [("wrong", &flips.worse), ("right", &flips.better)] {
        if examples.is_empty() {
            continue;
        }
        page.line(format_args!(
            "               {word}: {}",
            run.listed(examples)
        ));
    }
}

fn reproduce(page: &mut Page, case: &Case, run_command: &str) {
    page.line(format_args!(
        "  reproduce: {run_command} --exact {}",
        case.name
    ));
}

fn how_to(page: &mut Page, case: &Case, verdict: Verdict, run_command: &str) {
    reproduce(page, case, run_command);
    if verdict.moves() {
        if let (Verdict::Drifted, Some(AnchorAt::Tag(tag))) = (verdict, case.anchor()) {
            page.line(format_args!(
                "  accept:    the anchor is the git tag {tag}: name a later tag in [gate] anchor"
            ));
            return;
        }
        let anchor = if verdict == Verdict::Drifted {
            " --reanchor"
        } else {
            ""
        };
        page.line(format_args!(
            "  accept:    cargo steadfast bless {}{anchor} --reason \"…\"",
            case.name
        ));
    }
}

/// A number of things.
pub fn plural(count: usize, word: &str) -> String {
    if count == 1 {
        format!("1 {word}")
    } else {
        format!("{count} {word}s")
    }
}

/// Four decimals, or three significant digits where that shows nothing.
pub fn number(value: f64) -> String {
    if value != 0.0 && value.abs() < 5e-4 {
        format!("{value:.2e}")
    } else {
        format!("{value:.4}")
    }
}

/// As [`number`], with its sign.
pub fn signed(value: f64) -> String {
    let text = number(value);
    if value > 0.0 {
        format!("+{text}")
    } else {
        text
    }
}

/// As [`number`], rounded up: what is said to be enough is.
pub fn not_below(value: f64) -> String {
    if !value.is_finite() || value <= 0.0 {
        return number(value);
    }
    let places = if value < 5e-4 {
        2.0 - value.log10().floor()
    } else {
        4.0
    };
    let scale = 10_f64.powf(places);
    number((value * scale - 1e-9).ceil() / scale)
}

/// Up to four significant digits: an alpha is shown as the spec gives it.
pub fn alpha(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    if rounded >= 1e-4 {
        format!("{rounded}")
    } else {
        format!("{rounded:e}")
    }
}

/// Two significant digits, as p-values are read.
pub fn probability(value: f64) -> String {
    if value >= 0.0995 {
        format!("{value:.2}")
    } else if value >= 1e-4 {
        let digits = (-value.log10()).ceil() as usize + 1;
        let text = format!("{value:.digits$}");
        text.trim_end_matches('0').to_owned()
    } else if value == 0.0 {
        "0".to_owned()
    } else {
        format!("{value:.0e}")
    }
}
