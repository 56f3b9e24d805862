//! The test harness: one libtest trial a case.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     steadfast::harness().run()
//! }
//! ```
//!
//! It prints nothing to stdout but what libtest-mimic prints: cargo-nextest reads
//! the list of tests there. Listing reads specs only.

use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use libtest_mimic::{Arguments, Failed, Trial};

use crate::baseline::{self, BaselineMetric, Lookup, References, accepted_metrics, look_up};
use crate::engine::{self, Context, Registry};
use crate::env;
use crate::error::{Error, chain};
use crate::judge::{Judgement, judge};
use crate::model::{Model, ModelError, onnx};
use crate::perturb::Perturbation;
use crate::provenance::{Host, VERSION};
use crate::record::{self, MetricValue, Record, Run};
use crate::report;
use crate::report::curves::{self, Accuracies, Curve};
use crate::spec::{
    Case, Examples, FOLDER, Ledger, PerturbationRef, PerturbationSpec, Specs, ledger,
};
use crate::text::{self, Page, escaped};
use crate::verdict::{Status, Verdict};

/// How long a case runs before its progress is shown.
const LONG: Duration = Duration::from_secs(2);

/// What libtest exits with when a test fails.
const FAILED: u8 = 101;

/// The harness of a repository's robustness specs. Made by [`crate::harness()`].
pub struct Harness {
    root: PathBuf,
    state: Option<PathBuf>,
    registry: Registry,
}

impl Default for Harness {
    fn default() -> Self {
        Self {
            root: env::root(),
            state: None,
            registry: Registry::default(),
        }
    }
}

impl Harness {
    /// Registers a Rust model for specs that say `registered = "name"`. It is
    /// opened once, when the first case needs it.
    ///
    /// ```no_run
    /// use ndarray::{Array2, ArrayViewD, Axis};
    /// use steadfast::model::{Gives, from_fn};
    ///
    /// fn main() -> std::process::ExitCode {
    ///     steadfast::harness()
    ///         .model("constant", || {
    ///             Ok(from_fn(Gives::Logits, |batch: ArrayViewD<'_, f32>| {
    ///                 Array2::zeros((batch.len_of(Axis(0)), 10))
    ///             }))
    ///         })
    ///         .run()
    /// }
    /// ```
    #[must_use]
    pub fn model<M: Model + 'static>(
        mut self,
        name: &str,
        open: impl Fn() -> Result<M, ModelError> + Send + Sync + 'static,
    ) -> Self {
        let open = move || open().map(|model| Box::new(model) as Box<dyn Model>);
        self.registry.models.insert(name.to_owned(), Box::new(open));
        self
    }

    /// Registers a perturbation for specs that say `kind = "custom::name"`.
    #[must_use]
    pub fn perturbation(mut self, name: &str, perturbation: impl Perturbation + 'static) -> Self {
        self.registry
            .perturbations
            .insert(name.to_owned(), Box::new(perturbation));
        self
    }

    /// The folder that `robustness-specs/` and `baselines/` are in, where it is
    /// not the package's own.
    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }

    /// The folder that records are written to, where it is not in cargo's target
    /// folder.
    #[must_use]
    pub fn state(mut self, folder: impl Into<PathBuf>) -> Self {
        self.state = Some(folder.into());
        self
    }

    /// Lists or judges the cases that the command line asks for, as libtest does,
    /// and says how the process is to end: 0, or 101 where a case failed.
    pub fn run(self) -> ExitCode {
        match self.conclude(&Arguments::from_args()).failed {
            0 => ExitCode::SUCCESS,
            _ => ExitCode::from(FAILED),
        }
    }

    /// Does what `run` does for these arguments, and says what came out.
    pub fn conclude(self, arguments: &Arguments) -> Conclusion {
        if onnx::child::is_asked() {
            onnx::child::serve();
        }
        engine::install_panic_hook();
        // Nobody changes a baseline while cases are held against them.
        let lock = match arguments.list {
            true => None,
            false => Some(baseline::share(&self.root)),
        };
        if let Some(Err(error)) = &lock {
            text::warn(&Page::of(format_args!(
                "Error: failed to lock {}/: {error}",
                baseline::FOLDER
            )));
            return Conclusion {
                failed: 1,
                ..Conclusion::default()
            };
        }
        let specs = Specs::read(&self.root, &crate::builtin::catalogue());
        let state = self.state.unwrap_or_else(|| env::state_folder(&self.root));
        let session = Arc::new(Session::new(self.root, state, self.registry, arguments));
        if arguments.test_threads == Some(0) {
            text::warn(&Page::of(format_args!("Error: {NO_THREADS}")));
            return Conclusion {
                failed: 1,
                ..Conclusion::default()
            };
        }
        let problems = problems(&specs, session.context.root());
        let trials = trials(specs, &problems, &session);
        if env::is_nextest_process()
            && arguments.exact
            && !arguments.list
            && let Some(name) = &arguments.filter
        {
            // libtest passes when `--exact` matches nothing: a false green.
            let matches = trials.iter().filter(|trial| trial.name() == name).count();
            if matches != 1 {
                text::warn(&Page::of(format_args!(
                    "Error: {matches} cases are called {name}; the specs have changed since they were listed"
                )));
                return Conclusion {
                    failed: 1,
                    ..Conclusion::default()
                };
            }
        }
        if !arguments.list {
            session.say_if_unoptimised();
        }
        let tests = libtest_mimic::run(arguments, trials);
        let mut failed = tests.num_failed;
        if !arguments.list {
            // What holds for all cases fails a run that a filter keeps from saying so.
            for (_, message) in problems
                .iter()
                .filter(|(name, _)| is_left_out(name, arguments))
            {
                text::warn(&Page::headed("Error: ", message));
                failed += 1;
            }
            session.summarise(tests.num_ignored);
            let judged = session.verdicts().len();
            if judged == 0 && failed == 0 && !env::is_nextest_process() {
                text::warn(&Page::of(
                    "warning: nothing was judged: no case that is not ignored was asked for",
                ));
            }
        }
        Conclusion {
            failed,
            trials: tests.num_passed + tests.num_failed + tests.num_ignored,
            cases: session.verdicts(),
        }
    }
}

/// Why no thread can be asked for.
pub const NO_THREADS: &str =
    "--test-threads 0 runs nothing. Ask for 1 or more, or leave the flag out";

/// The trial that checks the environment.
const ENVIRONMENT: &str = "suite::environment";

/// The trial that fails where `suite.toml` does not parse.
const SUITE: &str = "suite::spec";

/// The trial that fails where git could not merge baselines.
const MERGE: &str = "suite::merge";

/// What is wrong with the merge of baselines, if anything is.
fn merge_problem(root: &Path) -> Option<Page> {
    let cases = baseline::unmerged(root);
    (!cases.is_empty()).then(|| {
        let mut page = Page::new();
        for case in cases {
            page.line(baseline::is_unmerged(&case));
        }
        page
    })
}

/// What is wrong for every case, whichever is asked for, and the trial that says so.
fn problems(specs: &Specs, root: &Path) -> Vec<(&'static str, Page)> {
    let environment = env::check(std::env::vars_os()).err();
    let environment = environment.map(|error| (ENVIRONMENT, Page::of(error)));
    let suite = specs.suite_error.as_ref();
    let suite = suite.map(|error| (SUITE, error.page()));
    let merge = merge_problem(root).map(|page| (MERGE, page));
    environment.into_iter().chain(suite).chain(merge).collect()
}

/// Whether these arguments leave out the trial of this name, as libtest reads them.
fn is_left_out(name: &str, arguments: &Arguments) -> bool {
    let matches = |filter: &String| match arguments.exact {
        true => name == filter,
        false => name.contains(filter.as_str()),
    };
    arguments.ignored
        || arguments.filter.as_ref().is_some_and(|it| !matches(it))
        || arguments.skip.iter().any(matches)
}

/// What a run of the harness came to.
#[derive(Clone, Debug, Default)]
pub struct Conclusion {
    /// Trials that failed: cases, and those that are about the suite itself.
    pub failed: u64,
    /// Trials that the command line asked for; 0 when they were only listed.
    pub trials: u64,
    /// The cases that ran.
    pub cases: Vec<(Verdict, Status)>,
}

/// All trials: the cases, and those that are about the suite itself.
fn trials(specs: Specs, problems: &[(&'static str, Page)], session: &Arc<Session>) -> Vec<Trial> {
    let problem = |name: &str| {
        let mut problems = problems.iter();
        let (_, page) = problems.find(|(of, _)| *of == name)?;
        Some(page.clone())
    };
    let environment = problem(ENVIRONMENT);
    let mut trials = vec![trial(ENVIRONMENT, move || fail_on(environment))];
    if specs.is_empty() {
        let message = Page::of(format_args!(
            "no spec is found in {}: write one, or let `cargo steadfast init` do it",
            session.context.root().join(FOLDER).display()
        ));
        trials.push(trial("suite::no_specs", move || fail_on(Some(message))));
        return trials;
    }
    let ledger = ledger(&specs.suite, &specs.specs);
    trials.push(trial("suite::ledger", move || {
        fail_on(ledger_problem(&ledger))
    }));
    for name in [MERGE, SUITE] {
        if let Some(problem) = problem(name) {
            trials.push(trial(name, move || fail_on(Some(problem))));
        }
    }
    let cases = specs.cases();
    for (stem, error) in specs.errors {
        trials.push(trial(&format!("{stem}::spec"), move || {
            fail_on(Some(error.page()))
        }));
    }
    for case in cases {
        let session = Arc::clone(session);
        let ignored = case.spec.ignore.is_some();
        let name = case.name.clone();
        trials.push(trial(&name, move || session.trial(&case)).with_ignored_flag(ignored));
    }
    trials
}

/// A trial; libtest-mimic prints its name as it is.
fn trial(name: &str, run: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    Trial::test(escaped(name), run)
}

/// What is wrong with the error budget, if anything is.
pub fn ledger_problem(ledger: &Ledger) -> Option<Page> {
    if ledger.balanced {
        return None;
    }
    let cure = if ledger.shared {
        "raise `capacity`, which tests that give no alpha share, or lower the alphas that are given"
    } else {
        "lower the alphas that the specs give; `capacity` is for tests that give none"
    };
    let mut page = Page::of(format_args!(
        "the specs have {} whose alphas add up to {:.6}, and the family's alpha is {} ({FOLDER}/suite.toml): {cure}",
        report::plural(ledger.tests, "test"),
        ledger.spent,
        ledger.budget
    ));
    for (name, tests, spent) in &ledger.specs {
        let tests = report::plural(*tests, "test");
        page.line(format_args!("      {name}: {tests}, {spent:.6}"));
    }
    Some(page)
}

/// Fails a trial with a message. cargo-nextest fills its reports from a block on
/// stderr that begins with `Error: `.
fn fail_on(message: Option<Page>) -> Result<(), Failed> {
    match message {
        None => Ok(()),
        Some(message) if env::is_nextest_process() => {
            text::warn(&Page::headed("Error: ", &message));
            Err(Failed::without_message())
        }
        Some(message) => Err(message.to_string().into()),
    }
}

/// What the trials of one process share.
struct Session {
    context: Context,
    state: PathBuf,
    progress: Option<MultiProgress>,
    findings: Mutex<Vec<Finding>>,
}

/// `name@version` of a perturbation, or the name of a user's own.
fn identity(entry: &PerturbationSpec) -> String {
    match &entry.kind {
        PerturbationRef::BuiltIn(kind) => kind.identity(),
        custom @ PerturbationRef::Custom { .. } => custom.kind(),
    }
}

/// What is said about a case at the end.
struct Finding {
    case: String,
    verdict: Verdict,
    status: Status,
    headline: String,
    /// Whether it gained more than recorded retrains differ by.
    is_gain: bool,
    /// What a pass must not hide.
    cautions: Vec<String>,
}

impl Session {
    fn new(root: PathBuf, state: PathBuf, registry: Registry, arguments: &Arguments) -> Self {
        let mut context = Context::new(root, registry);
        context.try_apart(&state);
        let person = std::io::stderr().is_terminal() && !env::is_ci() && !env::is_nextest_process();
        Self {
            state,
            context,
            progress: (person && !arguments.list).then(MultiProgress::new),
            findings: Mutex::new(Vec::new()),
        }
    }

    /// Says once that inference will be slow.
    fn say_if_unoptimised(&self) {
        let level = env!("BUILT_WITH_OPT_LEVEL");
        if level == "0" && !env::is_nextest_process() {
            text::warn(&Page::of(
                "steadfast: built without optimisation, so that inference is tens of times slower. \
                 The README has the lines for Cargo.toml that mend it",
            ));
        }
    }

    /// One trial: run, judge, record, say.
    fn trial(&self, case: &Case) -> Result<(), Failed> {
        let started = Started::now();
        let (bar, done) = (OnceLock::new(), AtomicU64::new(0));
        let tick = |rows: usize, of: usize| {
            let done = done.fetch_add(rows as u64, Ordering::Relaxed) + rows as u64;
            if started.clock.elapsed() > LONG
                && let Some(bar) = bar.get_or_init(|| self.bar(case, of))
            {
                bar.set_position(done);
            }
        };
        let result = engine::run(case, &self.context, &tick).map_err(Error::from);
        if let Some(Some(bar)) = bar.get() {
            bar.finish_and_clear();
        }
        let run_command = env::run_command(self.context.root());
        let judged = match result {
            Ok(run) => {
                // A run has opened its data already.
                let data = self.context.dataset(&case.spec).ok();
                let references =
                    References::look_up(self.context.root(), case, &run, data.as_deref());
                let judgement = judge(case, &run, &references);
                let found = match &references.baseline {
                    Lookup::Found(baseline) => Some(baseline.as_ref()),
                    _ => None,
                };
                let curves = self.curves(case, judgement.status);
                let message = report::judged(case, &run, found, &judgement, &curves, run_command);
                let headline = report::headline(case, &judgement);
                Judged {
                    verdict: judgement.verdict,
                    status: judgement.status,
                    record: self.record(case, &started, Some((&run, &judgement)), &message),
                    headline,
                    is_gain: judgement.is_gain,
                    cautions: judgement.cautions,
                    message,
                }
            }
            Err(error) => {
                let message = report::errored(case, &error, run_command);
                Judged {
                    verdict: Verdict::Error,
                    status: Status::Fail,
                    record: self.record(case, &started, None, &message),
                    headline: "could not be run".to_owned(),
                    is_gain: false,
                    cautions: Vec::new(),
                    message,
                }
            }
        };
        self.conclude(case, judged)
    }

    /// The severity curves that the message of a case shows.
    fn curves(&self, case: &Case, status: Status) -> Vec<Curve> {
        if status == Status::Pass || !curves::are_shown(case.metrics()) {
            return Vec::new();
        }
        // The cells have been run for the case itself.
        let Ok(runs) = engine::cell_runs(case, &self.context) else {
            return Vec::new();
        };
        curves::curves(&case.spec, |cell| {
            let (_, run) = runs.iter().find(|(own, _)| own.name == cell.name)?;
            let accuracy = |metrics: &[BaselineMetric]| {
                curves::accuracy(
                    metrics
                        .iter()
                        .map(|metric| (metric.identity.as_str(), metric.value)),
                )
            };
            let before = match look_up(self.context.root(), &cell.name) {
                Lookup::Found(file) if file.inputs_digest == run.identity.inputs_digest => {
                    accuracy(&file.metrics)
                }
                _ => None,
            };
            Some(Accuracies {
                before,
                now: accuracy(&accepted_metrics(cell, run))?,
            })
        })
    }

    fn conclude(&self, case: &Case, judged: Judged) -> Result<(), Failed> {
        let written = judged.record.write(&self.state);
        let (verdict, status) = match &written {
            Ok(_) => (judged.verdict, judged.status),
            // What cannot be traced is no pass.
            Err(_) => (Verdict::Error, Status::Fail),
        };
        self.note(Finding {
            case: case.name.clone(),
            verdict,
            status,
            headline: judged.headline,
            is_gain: judged.is_gain,
            cautions: judged.cautions,
        });
        if let Err(error) = written {
            let words = format!("{}: {}", case.name, chain(&error));
            return fail_on(Some(Page::of(words)));
        }
        match judged.status {
            Status::Fail => fail_on(Some(judged.message)),
            Status::Warn | Status::Pass => {
                if env::is_nextest_process() {
                    text::warn(&judged.message);
                }
                Ok(())
            }
        }
    }

    fn findings(&self) -> MutexGuard<'_, Vec<Finding>> {
        self.findings
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn verdicts(&self) -> Vec<(Verdict, Status)> {
        let findings = self.findings();
        findings
            .iter()
            .map(|finding| (finding.verdict, finding.status))
            .collect()
    }

    fn note(&self, finding: Finding) {
        self.findings().push(finding);
    }

    /// A line of progress, for a person at a terminal.
    fn bar(&self, case: &Case, rows: usize) -> Option<ProgressBar> {
        let bars = self.progress.as_ref()?;
        let bar = bars.add(ProgressBar::new(rows as u64).with_elapsed(LONG));
        if let Ok(style) = ProgressStyle::with_template("{bar:24} {pos}/{len} {eta:>5} {msg}") {
            bar.set_style(style);
        }
        bar.set_message(escaped(&case.name));
        Some(bar)
    }

    fn record(
        &self,
        case: &Case,
        started: &Started,
        judged: Option<(&Run, &Judgement)>,
        message: &str,
    ) -> Record {
        let spec = &case.spec;
        let mut algorithms: Vec<String> = match case.cell() {
            Some((entry, _)) => vec![identity(entry)],
            None => spec.perturbations.iter().map(identity).collect(),
        };
        algorithms.extend(case.metrics().iter().map(crate::spec::MetricSpec::identity));
        let judgement = judged.as_ref().map(|(_, judgement)| *judgement);
        let metrics = judgement.map_or_else(Vec::new, |judgement| {
            let pairs = case.metrics().iter().zip(&judgement.metrics);
            pairs
                .map(|(spec, metric)| MetricValue {
                    name: metric.name.clone(),
                    identity: metric.identity.clone(),
                    value: metric.value,
                    verdict: metric.verdict,
                    evidence: metric.comparison.as_ref().zip(spec.test.as_ref()).map(
                        |(comparison, test)| report::evidence(comparison, test.margin.value()),
                    ),
                    margin: spec.test.as_ref().map(|test| test.margin.to_string()),
                    direction: spec.test.as_ref().map(|test| test.direction),
                })
                .collect()
        });
        let status = judgement.map_or(Status::Fail, |judgement| judgement.status);
        let verdict = judgement.map_or(Verdict::Error, |judgement| judgement.verdict);
        let record = Record {
            schema: record::SCHEMA,
            case: case.name.clone(),
            run_id: env::run_id(),
            place: case.place(),
            spec_digest: crate::digest::Digest::of(spec.source.text.as_bytes()),
            seed: spec.seed,
            algorithms,
            steadfast: VERSION.to_owned(),
            commit: self.context.commit(),
            host: Host::this().clone(),
            started: started.text.clone(),
            seconds: started.clock.elapsed().as_secs_f64(),
            verdict,
            status,
            metrics,
            message: (status != Status::Pass).then(|| message.to_owned()),
            identity: None,
            examples: 0,
            replicates: 0,
            ids: None,
            clusters: None,
            exhaustive: spec.data.examples == Examples::Exhaustive,
            slices: None,
            columns: Vec::new(),
            digest: None,
        };
        match judged {
            Some((run, _)) => record.with_run(run),
            None => record,
        }
    }

    /// Says on stderr what came out, and which passes are worth a look.
    fn summarise(&self, ignored: u64) {
        let mut findings = self.findings();
        if findings.is_empty() || env::is_nextest_process() {
            return;
        }
        findings.sort_by(|a, b| a.case.cmp(&b.case));
        let of = |verdict| {
            let findings = findings.iter();
            findings
                .filter(|finding| finding.verdict == verdict)
                .count()
        };
        let counts: Vec<String> = Verdict::WORST_FIRST
            .into_iter()
            .rev()
            .filter(|verdict| *verdict != Verdict::Inconclusive)
            .filter(|verdict| of(*verdict) > 0)
            .map(|verdict| format!("{} {verdict}", of(verdict)))
            // What could not be judged, and what was not, is never passed over.
            .chain([
                format!("{} {}", of(Verdict::Inconclusive), Verdict::Inconclusive),
                format!("{ignored} ignored"),
            ])
            .collect();
        let mut page = Page::new();
        for finding in findings
            .iter()
            .filter(|finding| finding.status == Status::Warn)
        {
            page.line(format_args!(
                "warning: {}: {}",
                finding.case, finding.headline
            ));
        }
        // One line for all cases of which the same is to be said.
        let mut cautions: Vec<(&str, Vec<&str>)> = Vec::new();
        for finding in findings.iter() {
            for caution in &finding.cautions {
                match cautions.iter_mut().find(|(known, _)| *known == caution) {
                    Some((_, cases)) => cases.push(&finding.case),
                    None => cautions.push((caution, vec![&finding.case])),
                }
            }
        }
        for (caution, cases) in cautions {
            let others = match cases.len() {
                1 => String::new(),
                count => format!(" and {} more", count - 1),
            };
            page.line(format_args!("note: {}{others}: {caution}", cases[0]));
        }
        // A gain is held only where nothing else of the spec failed.
        let spec = |case: &str| case.split("::").next().unwrap_or_default().to_owned();
        let failed: HashSet<String> = findings
            .iter()
            .filter(|finding| finding.status == Status::Fail)
            .map(|finding| spec(&finding.case))
            .collect();
        let improved = |is_gain: bool| -> Vec<&str> {
            findings
                .iter()
                .filter(|it| it.verdict == Verdict::Improved && it.status == Status::Pass)
                .filter(|it| it.is_gain == is_gain && !failed.contains(&spec(&it.case)))
                .map(|it| it.case.as_str())
                .collect()
        };
        let others = |cases: &[&str]| match cases.len() {
            1 => String::new(),
            count => format!(" and {} others", count - 1),
        };
        let (gains, draws) = (improved(true), improved(false));
        if let Some(first) = gains.first() {
            page.line(format_args!(
                "note: {first}{}: the baseline is behind the model, by more than recorded retrains differ. To hold what was gained: cargo steadfast bless {} --reason \"…\"",
                others(&gains),
                gains.join(" ")
            ));
        }
        if let Some(first) = draws.first() {
            page.line(format_args!(
                "note: {first}{} improved. One lucky draw is no gain to bless: record retrains first (cargo steadfast bless --retrain), so that what they differ by is known",
                others(&draws)
            ));
        }
        let cases = if findings.len() == 1 { "case" } else { "cases" };
        page.line(format_args!(
            "steadfast: {} {cases}: {}",
            findings.len(),
            counts.join(", ")
        ));
        text::warn(&page);
    }
}

/// What a trial ends with.
struct Judged {
    verdict: Verdict,
    status: Status,
    headline: String,
    is_gain: bool,
    cautions: Vec<String>,
    message: Page,
    record: Record,
}

/// When a case began.
struct Started {
    text: String,
    clock: Instant,
}

impl Started {
    fn now() -> Self {
        Self {
            text: jiff::Timestamp::now()
                .strftime("%Y-%m-%dT%H:%M:%SZ")
                .to_string(),
            clock: Instant::now(),
        }
    }
}
