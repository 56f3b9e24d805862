//! `selftest`: how often this suite cries wolf, and what it misses. Models are simulated
//! from the suite's own baselines and judged as any other: as good as the baseline, and
//! harmed by so many margins. It informs and never gates.

mod churn;
mod draws;
mod family;
mod harm;
mod harmed;
mod json;
mod markdown;
mod material;
mod mends;
mod pooled;
mod rate;
mod report;
mod simulate;
mod subject;
#[cfg(test)]
mod tests;
mod text;
mod trial;
mod workers;

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use steadfast::error::Error;
use steadfast::judge::ASSUMED_CHURN;
use steadfast::report::plural;
use steadfast::spec::Exact;
use steadfast::text::{Page, print};

use crate::exit_code::ExitCode;
use crate::repository::Repository;
use family::Family;
use report::{Models, Report};
use simulate::Suite;

/// Models that are simulated where nothing is said.
const MODELS: usize = 400;

/// How long that may take.
const PATIENCE: Duration = Duration::from_secs(120);

/// Shares of answers that change, where no retrains are recorded.
const CHURNS: [f64; 3] = [0.01, 0.05, 0.15];

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names
    filter: Vec<String>,
    /// How many models are simulated, however long that takes; without it 400, or as many
    /// as two minutes allow
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    models: Option<u32>,
    /// Where all randomness comes from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Shares of answers that change without harm (0.05, or 5%), instead of those that
    /// recorded retrains change, or of 1, 5 and 15 %
    #[arg(long, value_delimiter = ',', value_parser = churn)]
    churn: Vec<f64>,
    /// How the result is printed; several one after the other
    #[arg(long, value_enum, value_delimiter = ',', default_value = "terminal")]
    format: Vec<Format>,
}

/// How the result is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// The weakest tests, within 80 columns
    Terminal,
    /// All tests, in tables
    Markdown,
    /// Every number
    Json,
}

fn churn(text: &str) -> Result<f64, String> {
    let share = match text.trim().strip_suffix('%') {
        Some(percent) => Exact::parse(percent.trim())?.value() / 100.0,
        None => Exact::parse(text.trim())?.value(),
    };
    if share > 0.0 && share < 1.0 {
        Ok(share)
    } else {
        Err("a churn is a share of the answers, between 0 and 1 (5 % is 0.05)".to_owned())
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let (repository, shared) = Repository::open_shared()?;
    let mut code = repository.report_spec_errors(&arguments.filter);
    let mut left_out = Vec::new();
    let suite = suite(&repository, arguments, &mut left_out)?;
    drop(shared);
    let Some(suite) = suite else {
        warn!("Error: {}", nothing(&left_out));
        return Ok(code.and(ExitCode::Baseline));
    };
    if !left_out.is_empty() {
        code = code.and(ExitCode::Baseline);
    }
    let (asked, patience) = match arguments.models {
        Some(models) => (models as usize, None),
        None => (MODELS, Some(PATIENCE)),
    };
    // False alarms have one half of the time, and harm the other.
    let begun = Instant::now();
    let end = |part: u32| patience.map(|patience| begun + patience * part / 2);
    let bar = bar(asked);
    bar.set_message("models without harm");
    let calm = workers::each(asked, end(1), |model| suite.calm(model), || bar.inc(1));
    bar.reset();
    bar.set_message("models with harm");
    let hurt = |model: usize| suite.hurt(model, &calm[model]);
    let hurt = workers::each(calm.len(), end(2), hurt, || bar.inc(1));
    bar.set_message("what would mend the weakest tests");
    let models = Models {
        suite: &suite,
        calm: &calm,
        hurt: &hurt,
    };
    let budget = repository.specs.suite.alpha.value();
    let report = Report::of(&models, asked, budget, left_out);
    bar.finish_and_clear();
    for format in &arguments.format {
        match format {
            Format::Terminal => print(&text::render(&report)),
            Format::Markdown => print(markdown::render(&report).page()),
            Format::Json => print(&Page::json(&json::render(&report))),
        }
    }
    Ok(code)
}

/// The specs of the cases that were asked for; `None` where nothing can be simulated.
fn suite(
    repository: &Repository,
    arguments: &Arguments,
    left_out: &mut Vec<(String, String)>,
) -> Result<Option<Suite>, Error> {
    let chosen = repository.cases(&arguments.filter)?;
    let mut families: Vec<Family> = Vec::new();
    for case in chosen.iter().filter(|case| case.spec.ignore.is_none()) {
        let known = |family: &Family| std::sync::Arc::ptr_eq(&family.spec, &case.spec);
        if families.iter().any(known) {
            continue;
        }
        families.push(Family::of(
            repository,
            &case.spec,
            &arguments.filter,
            !arguments.churn.is_empty(),
            arguments.seed,
            left_out,
        ));
    }
    families.retain(Family::is_judged);
    if families.is_empty() {
        return Ok(None);
    }
    let mut churns = arguments.churn.clone();
    if churns.is_empty() {
        let declared = families.iter().any(|family| family.retrains.is_empty());
        churns = if declared {
            CHURNS.to_vec()
        } else {
            vec![ASSUMED_CHURN]
        };
    }
    let far = |churn: f64| (churn - ASSUMED_CHURN).abs();
    let nearest = churns.iter().enumerate();
    let nearest = nearest.min_by(|(_, one), (_, other)| far(**one).total_cmp(&far(**other)));
    let harmed_at = nearest.map_or(0, |(place, _)| place);
    let suite = Suite::new(families, churns, harmed_at, arguments.seed);
    Ok(Some(suite))
}

/// Why nothing can be simulated.
fn nothing(left_out: &[(String, String)]) -> String {
    let Some((case, why)) = left_out.first() else {
        return "none of these cases has a test, so that nothing can fail".to_owned();
    };
    let others = match left_out.len() - 1 {
        0 => String::new(),
        more => format!(" (and {} likewise)", plural(more, "other case")),
    };
    format!("no case can be simulated from its baseline. {case}: {why}{others}")
}

/// A line of progress, for a person at a terminal.
fn bar(models: usize) -> ProgressBar {
    let bar = ProgressBar::new(models as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {eta:>5} {msg}") {
        bar.set_style(style);
    }
    bar
}
