//! `power`: what each case can and cannot detect, and the examples, replicates or
//! margin that it would take.

use std::collections::{BTreeMap, BTreeSet};

use steadfast::baseline::{Lookup, look_up};
use steadfast::engine;
use steadfast::error::Error;
use steadfast::judge::{ASSUMED_CHURN, Basis, Comparison, FEWEST_RETRAINS, Outlook};
use steadfast::metric::ACCURACY;
use steadfast::report::{alpha, not_below, number};
use steadfast::spec::{Case, Examples, MetricSpec, Mode, Null, TestSpec};
use steadfast::text::{self, Page};

use crate::cases::{Recorded, recorded};
use crate::exit_code::ExitCode;
use crate::repository::Repository;

/// Shares of examples that are shown where none was observed (statistics.md 4).
const CHURNS: [f64; 3] = [0.02, ASSUMED_CHURN, 0.15];

/// Below this a standard error is a rest of rounding.
const ROUNDING: f64 = 1e-9;

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
    for case in repository.cases(&arguments.filter)? {
        if case.spec.ignore.is_some() {
            continue;
        }
        let checked = engine::check(&case, &repository.context).map_err(Error::from);
        let sight = checked.and_then(|()| {
            let recorded = recorded(&repository, case.clone()).ok();
            Sight::of(&repository, &case, recorded)
        });
        let sight = match sight {
            Ok(sight) => sight,
            Err(error) => {
                say!("{}", case.name);
                text::warn(&Page::headed("Error: ", &error.page()));
                code = code.and(ExitCode::Unavailable);
                continue;
            }
        };
        say!("{}  (n = {})", case.name, sight.examples);
        for (metric, test) in judged(&case) {
            let outlooks = sight.outlooks(&case, metric, test);
            if outlooks.is_empty() {
                let why = if sight.is_exact(metric) {
                    "any change is seen as it is: the examples are all there are, and replicates do not differ"
                } else {
                    "not known until a run differs from the baseline, or retrains are recorded"
                };
                say!("    {}: {why}", metric.label);
            }
            for outlook in outlooks {
                let mark = if outlook.is_enough(test) { ' ' } else { '!' };
                say!("  {mark} {}: {}", metric.label, words(test, &outlook));
            }
        }
    }
    Ok(code)
}

fn judged(case: &Case) -> impl Iterator<Item = (&MetricSpec, &TestSpec)> {
    let metrics = case.metrics().iter();
    metrics.filter_map(|metric| Some((metric, metric.test.as_ref()?)))
}

/// What is known of a case before it is run.
struct Sight {
    /// Whether the examples are a sample of rows that stand for themselves.
    independent: bool,
    /// Whether the examples are all there are.
    exhaustive: bool,
    examples: usize,
    replicates: usize,
    recorded: Option<Recorded>,
    baseline: Option<Box<steadfast::baseline::BaselineFile>>,
}

impl Sight {
    fn of(repository: &Repository, case: &Case, recorded: Option<Recorded>) -> Result<Self, Error> {
        let data = repository
            .context
            .dataset(&case.spec)
            .map_err(Error::from)?;
        let baseline = match look_up(&repository.root, &case.name) {
            Lookup::Found(baseline) => Some(baseline),
            _ => None,
        };
        Ok(Self {
            independent: case.spec.data.cluster.is_none()
                && case.spec.data.examples == Examples::Sample,
            exhaustive: case.spec.data.examples == Examples::Exhaustive,
            examples: data.len(),
            replicates: recorded
                .as_ref()
                .map_or(1, |recorded| recorded.run.outcomes.replicates),
            recorded,
            baseline,
        })
    }

    /// What the last run's verdict about a metric rests on, where it differed.
    fn comparison(&self, metric: &MetricSpec) -> Option<&Comparison> {
        let recorded = self.recorded.iter();
        let mut judged = recorded.flat_map(|recorded| &recorded.judgement.metrics);
        judged
            .find(|judged| judged.name == metric.label)?
            .comparison
            .as_ref()
    }

    /// Whether a change of a metric has no error that could hide it.
    fn is_exact(&self, metric: &MetricSpec) -> bool {
        let no_spread = |comparison: &Comparison| comparison.error <= ROUNDING;
        let once = self.recorded.is_some() && self.replicates == 1;
        self.exhaustive && (once || self.comparison(metric).is_some_and(no_spread))
    }

    /// What is known of a metric: from recorded retrains, else from the last run where it
    /// differed from the baseline, else, for a proportion, at several churns.
    fn outlooks(&self, case: &Case, metric: &MetricSpec, test: &TestSpec) -> Vec<Outlook> {
        let observed = self
            .comparison(metric)
            .filter(|comparison| comparison.error > ROUNDING)
            .map(|comparison| Outlook::of_run(test, comparison, self.replicates));
        let retrained = self
            .baseline
            .as_ref()
            .and_then(|baseline| Outlook::of_retrains(test, baseline, metric, &case.spec));
        // Which model ran last is chance; what was recorded stays.
        if let Some(known) = retrained.or(observed) {
            return vec![known];
        }
        // Churn says nothing of clusters, and a set that is all there is has no sample.
        if metric.kind.name != ACCURACY.name || !self.independent {
            return Vec::new();
        }
        let assumed = CHURNS.into_iter();
        assumed
            .map(|churn| Outlook::assumed(test, self.examples, churn))
            .collect()
    }

    /// The one of them that a warning rests on.
    fn outlook(&self, case: &Case, metric: &MetricSpec, test: &TestSpec) -> Option<Outlook> {
        let outlooks = self.outlooks(case, metric, test).into_iter();
        let usual = |outlook: &Outlook| !matches!(outlook.basis, Basis::Assumed(churn) if churn != ASSUMED_CHURN);
        outlooks.into_iter().find(usual)
    }
}

/// An outlook in words.
fn words(test: &TestSpec, outlook: &Outlook) -> String {
    let alpha = alpha(test.alpha.value());
    let basis = match outlook.basis {
        Basis::Run(error) => format!("standard error {} in the last run", number(error)),
        Basis::Retrains(count, error) => {
            format!(
                "standard error {}, the largest of {count} retrains",
                number(error)
            )
        }
        Basis::Assumed(churn) => format!("if {churn} of the answers change; one replicate"),
    };
    let asked = match test.question.mode() {
        Mode::Detect => &test.detectable_drop,
        Mode::Prove => &test.margin,
    };
    let what = match (test.question.mode(), outlook.smallest) {
        (Mode::Detect, Some(smallest)) => format!("detects a change of {}", not_below(smallest)),
        (Mode::Detect, None) => "detects no change, however large".to_owned(),
        (Mode::Prove, Some(smallest)) => {
            format!("proves an equal model to be within {}", not_below(smallest))
        }
        (Mode::Prove, None) => "proves nothing about an equal model".to_owned(),
    };
    let head = format!("{what} at alpha {alpha}, power {} ({basis})", test.power);
    if outlook.is_enough(test) {
        return format!("{head}; {asked} is asked for");
    }
    let cures = cures(test, outlook);
    format!("{head}; {asked} is asked for: that needs {cures}")
}

/// What would let a test see what it is asked to see.
pub fn cures(test: &TestSpec, outlook: &Outlook) -> String {
    let mut cures = Vec::new();
    if let Some(needed) = outlook.needed {
        cures.push(format!("n = {needed}"));
    }
    if let Some(replicates) = outlook.replicates {
        cures.push(format!("replicates = {replicates}"));
    }
    if let Some(margin) = outlook.margin {
        cures.push(format!("margin = {}", rounded_up(margin)));
    }
    if cures.is_empty() && test.question.null() == Null::Retrain {
        "more retrains, a wider margin, or a larger alpha".to_owned()
    } else if cures.is_empty() {
        "more examples or clusters".to_owned()
    } else {
        cures.join(", or ")
    }
}

/// Two significant digits, not below the value: a margin that does.
fn rounded_up(value: f64) -> String {
    if value <= 0.0 || !value.is_finite() {
        return number(value);
    }
    let places = (1.0 - value.log10().floor()).max(0.0);
    let scale = 10_f64.powf(places);
    let rounded = (value * scale - 1e-9).ceil() / scale;
    format!("{rounded:.*}", places as usize)
}

/// The tests of one metric of one spec that do not see what they are asked to.
#[derive(Default)]
struct Blind {
    cases: Vec<String>,
    /// Its size, its case, and what is to be said of it.
    worst: Option<(f64, String, String)>,
    prove: bool,
}

/// What `status` says of tests that cannot see what they are asked to: warnings in
/// detect mode, errors in prove mode.
pub fn lint(
    repository: &Repository,
    cases: Vec<(Case, Option<Recorded>)>,
) -> (Vec<String>, ExitCode) {
    let mut blind: BTreeMap<(String, String), Blind> = BTreeMap::new();
    let mut notes = BTreeSet::new();
    for (case, recorded) in cases {
        if case.spec.ignore.is_some() {
            continue;
        }
        notes.extend(doubtful(repository, &case));
        // What is refused is said with the case, and sees nothing.
        let Ok(sight) = engine::check(&case, &repository.context)
            .map_err(Error::from)
            .and_then(|()| Sight::of(repository, &case, recorded))
        else {
            continue;
        };
        for (metric, test) in judged(&case) {
            let Some(outlook) = sight.outlook(&case, metric, test) else {
                continue;
            };
            if outlook.is_enough(test) {
                continue;
            }
            let key = (case.spec.name.clone(), metric.label.clone());
            let entry = blind.entry(key).or_default();
            entry.cases.push(case.name.clone());
            entry.prove |= test.question.mode() == Mode::Prove;
            let size = outlook.smallest.unwrap_or(f64::INFINITY);
            if entry.worst.as_ref().is_none_or(|(worst, ..)| size > *worst) {
                entry.worst = Some((size, case.name.clone(), words(test, &outlook)));
            }
        }
    }
    let mut code = ExitCode::Good;
    let lines = blind.into_iter().map(|((_, metric), blind)| {
        let kind = if blind.prove {
            code = code.and(ExitCode::Inconclusive);
            "Error"
        } else {
            "warning"
        };
        let others = match blind.cases.len() {
            0 | 1 => String::new(),
            count => format!(" and {} more", count - 1),
        };
        let (_, worst, words) = blind.worst.unwrap_or_default();
        format!("{kind}: {worst}{others}: {metric} {words}")
    });
    let lines = lines.chain(notes).collect();
    (lines, code)
}

/// What a spec assumes or asks for without what that takes.
fn doubtful(repository: &Repository, case: &Case) -> Vec<String> {
    let name = &case.spec.name;
    let recorded = match look_up(&repository.root, &case.name) {
        Lookup::Found(baseline) => Some(baseline.retrains.len()),
        _ => None,
    };
    let mut notes = Vec::new();
    for (metric, test) in judged(case) {
        let largest = test.largest_change.as_ref();
        if largest.is_some_and(|largest| largest.value() <= 2.0 * test.margin.value()) {
            notes.push(format!(
                "warning: {name}: {}: largest_change is at most twice the margin, so that nearly anything is proven. Is it true that no example changes by more?",
                metric.label
            ));
        }
        let asked = test.question.null() == Null::Retrain;
        match recorded {
            Some(recorded) if asked && recorded < FEWEST_RETRAINS => notes.push(format!(
                "note: {name}: null = \"retrain\", and fewer than {FEWEST_RETRAINS} retrains are recorded: retrains that differ by chance fail. Record some: cargo steadfast bless --retrain"
            )),
            Some(1..) if !asked => notes.push(format!(
                "note: {name}: retrains are recorded and do not count: [gate] null = \"retrain\" uses them"
            )),
            _ => {}
        }
    }
    notes
}
