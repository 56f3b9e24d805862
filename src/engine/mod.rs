//! Running one case: its identity, its batches, its outcomes.
//!
//! Nothing here knows of baselines. A case's outcomes depend on the case alone,
//! never on which others ran, on threads, batch size or order: each row is made
//! from its own random stream, and its answer is put at its own place.

pub mod ask;
mod batch;
mod context;
pub mod fit;
mod guard;
mod identity;
mod pooled;
mod score;
mod size;
mod threads;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use ndarray::ArrayD;

pub use context::{Context, LoadedModel, Registry, tried};
pub use guard::install_panic_hook;
pub use identity::{differences_to_tree, differing_fields, input_differences, tree_inputs};
pub use pooled::family_cells;

use self::threads::Threads;
use crate::catalogue::Parameters;
use crate::data::{DataError, Dataset};
use crate::error::{Error, ErrorKind};
use crate::metric::{Metric, Strata};
use crate::model::{Description, ModelError};
use crate::outcome::ColumnSpec;
use crate::perturb::PerturbationError;
use crate::provenance::Identity;
use crate::record::{Run, Slices};
use crate::spec::{Case, MetricSpec, ModelOrigin, PerturbationSpec, Setting, Spec, SpecError};

/// Why a case could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A path or name in the spec leads nowhere.
    #[error("{0}")]
    Spec(#[from] Box<SpecError>),
    /// The data set.
    #[error(transparent)]
    Data(#[from] Arc<DataError>),
    /// The model, before it was asked anything.
    #[error(transparent)]
    Model(#[from] Arc<ModelError>),
    /// The perturbation cannot be applied to these examples.
    #[error(transparent)]
    Perturbation(#[from] PerturbationError),
    /// Spec, model and data do not fit together.
    #[error("{0}")]
    Mismatch(String),
    /// The model did not answer, or not usably.
    #[error("{place}: {reason}")]
    Answer {
        /// Which examples and replicates.
        place: String,
        /// What happened, and what to look at.
        reason: String,
    },
    /// An example that cannot be had.
    #[error("example {id}: {error}")]
    Example {
        /// Its id.
        id: String,
        /// Why, and what to do.
        error: DataError,
    },
    /// What another case of this process met in the same cell.
    #[error(transparent)]
    Shared(#[from] Arc<RunError>),
}

impl RunError {
    /// The diagnosis, where a spec is at fault.
    fn diagnosis(&self) -> Option<&SpecError> {
        match self {
            Self::Spec(error) => Some(error),
            Self::Shared(error) => error.diagnosis(),
            _ => None,
        }
    }
}

impl From<RunError> for Error {
    fn from(error: RunError) -> Self {
        match error.diagnosis() {
            Some(diagnosis) => Self::new(ErrorKind::Unavailable, diagnosis.page()),
            None => Self::new(ErrorKind::Unavailable, error),
        }
    }
}

/// What the execution of a case needs, all of it opened and checked.
struct Prepared<'a> {
    case: &'a Case,
    data: Arc<Dataset>,
    model: Arc<context::LoadedModel>,
    perturbation: identity::Resolved<'a>,
    identity: Identity,
    replicates: usize,
}

/// The cells of a pooled case.
fn cells(case: &Case) -> Vec<Case> {
    let mut cells = crate::spec::cases(&case.spec);
    cells.retain(|case| case.cell().is_some());
    cells
}

/// Runs a case. `progress` is told how many rows more are done, and of how many.
///
/// The cells of a spec that is pooled run once a process, whoever asks first.
pub fn run(
    case: &Case,
    context: &Context,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Arc<Run>, RunError> {
    if case.spec.pooled.is_none() {
        return cell(case, context, progress).map(Arc::new);
    }
    if case.cell().is_some() {
        return context.once(&case.name, || cell(case, context, progress));
    }
    let data = context.dataset(&case.spec)?;
    size::check(case, &data, context.registry())?;
    let cells = cells(case);
    // What cannot be computed of the cells is known before any is run.
    let wanted = pooled::Wanted::of(case, &cells)?;
    let runs = run_each(&cells, context, progress)?;
    let identity = identity::identify(case, &data, context)?;
    pooled::pool(identity, &wanted, &runs).map(Arc::new)
}

/// The runs of the cells of a spec that has a pooled case, each run once a process.
pub fn cell_runs(case: &Case, context: &Context) -> Result<Vec<(Case, Arc<Run>)>, RunError> {
    let cells = cells(case);
    let runs = run_each(&cells, context, &|_, _| {})?;
    Ok(cells.into_iter().zip(runs).collect())
}

fn run_each(
    cells: &[Case],
    context: &Context,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Vec<Arc<Run>>, RunError> {
    let runs = cells.iter();
    runs.map(|one| context.once(&one.name, || cell(one, context, progress)))
        .collect()
}

/// What would be refused before the model is asked anything: a sample that cannot show
/// harm, a class that is hardly there, a critical example that is not.
///
/// # Errors
/// What is refused, and what to do.
pub fn check(case: &Case, context: &Context) -> Result<(), RunError> {
    let data = context.dataset(&case.spec)?;
    if case.cell().is_some() {
        check_critical(case, &data)?;
        enough_of_each_class(case, &data)?;
    }
    size::check(case, &data, context.registry())
}

/// Opens the model and the data of a spec, and holds them against each other; the model
/// is asked nothing that counts. Gives what it says of itself, and why it has no input
/// gradients, where it has none.
///
/// # Errors
/// Why a case of the spec would fail before any prediction.
pub fn check_model(
    spec: &Spec,
    context: &Context,
) -> Result<(Description, Option<String>), RunError> {
    let data = context.dataset(spec)?;
    let (model, missing) = context.model_with_gradient(spec)?;
    fit::check(&model.description, model.gives, &spec.metrics, &data)?;
    let description = Description {
        gives: Some(model.gives),
        ..model.description.clone()
    };
    Ok((description, missing))
}

/// What is marked critical must be there: else nothing would be guarded.
fn check_critical(case: &Case, data: &Dataset) -> Result<(), RunError> {
    let Some(critical) = &case.spec.critical else {
        return Ok(());
    };
    let ids: std::collections::HashSet<&str> = data.ids().iter().map(String::as_str).collect();
    let example = critical
        .examples
        .iter()
        .find(|id| !ids.contains(id.as_str()))
        .map(|id| format!("examples: no example has the id {id}"));
    let slice = || {
        let mut slices = critical.slices.iter();
        let unknown = slices.find(|name| !data.slice_names().contains(name))?;
        Some(format!(
            "slices: there is no slice {unknown}; there are {}",
            data.slice_names().join(", ")
        ))
    };
    match example.or_else(slice) {
        None => Ok(()),
        Some(unknown) => Err(RunError::Mismatch(format!(
            "[critical] {unknown}. What is critical must be there: restore it, or correct the list"
        ))),
    }
}

/// What the model is shown of one example (its position) in one replicate of a cell,
/// of the shape and on the range of the data. Deterministic kinds have one replicate,
/// whatever is asked for. The model is not opened.
///
/// # Errors
/// Where the data cannot be read, have no such example, or cannot be perturbed so.
pub fn perturbed(
    case: &Case,
    context: &Context,
    example: usize,
    replicate: usize,
) -> Result<ArrayD<f32>, RunError> {
    let cell = own_cell(case)?;
    let data = context.dataset(&case.spec)?;
    if example >= data.len() {
        return Err(RunError::Mismatch(format!(
            "there is no example {example}: the data have {}, counted from 0",
            data.len()
        )));
    }
    let perturbation = identity::resolve(cell, &data, context.registry())?;
    perturbation.check(data.shape())?;
    let plan = batch::Plan {
        data: &data,
        range: case.spec.data.bounds(),
        perturbation: &perturbation,
        seed: case.spec.seed,
        seed_scope: case.spec.seed_scope,
        replicates: case.spec.replicates as usize,
        size: 1,
    };
    plan.example(example, replicate)
}

/// The errors of a named reference are of severities on one scale.
fn on_the_scale_of_the_reference(
    case: &Case,
    perturbation: &identity::Resolved<'_>,
) -> Result<(), RunError> {
    let named = |spec: &MetricSpec| Some((spec.label.clone(), spec.reference?));
    let Some(scale) = perturbation.scale else {
        return Ok(());
    };
    for (label, reference) in case.spec.family().filter_map(named) {
        if reference.scale != scale {
            return Err(RunError::Mismatch(format!(
                "[[metric]] `{label}`: the errors of {} are on the scale {}, and the severities here are {}. Give the errors of a reference of your own, reference = {{ … }}, or `scale` in [[perturbation]]",
                reference.name,
                reference.scale.name(),
                scale.name()
            )));
        }
    }
    Ok(())
}

/// The perturbation of a case, and how strongly it is applied.
fn own_cell(case: &Case) -> Result<(&PerturbationSpec, &Setting), RunError> {
    case.cell()
        .ok_or_else(|| RunError::Mismatch(format!("{} has no perturbation of its own", case.name)))
}

/// Runs one perturbation at one setting.
fn cell(
    case: &Case,
    context: &Context,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Run, RunError> {
    let cell = own_cell(case)?;
    let data = context.dataset(&case.spec)?;
    let model = context.model(&case.spec)?;
    fit::check(&model.description, model.gives, case.metrics(), &data)?;
    let perturbation = identity::resolve(cell, &data, context.registry())?;
    perturbation.check(data.shape())?;
    on_the_scale_of_the_reference(case, &perturbation)?;
    check(case, context)?;
    let identity = identity::identify(case, &data, context)?;
    let replicates = if perturbation.stochastic() {
        case.spec.replicates as usize
    } else {
        1
    };
    let prepared = Prepared {
        case,
        data,
        model,
        perturbation,
        identity,
        replicates,
    };
    execute(prepared, progress)
}

fn execute(
    prepared: Prepared<'_>,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Result<Run, RunError> {
    let Prepared {
        case,
        data,
        model,
        perturbation,
        identity,
        replicates,
    } = prepared;
    let scores = Scores::of(case)?;
    let scorer = score::Scorer {
        gives: model.gives,
        labels: data.labels(),
        scores: &scores,
    };
    let plan = batch::Plan {
        data: &data,
        range: case.spec.data.bounds(),
        perturbation: &perturbation,
        seed: case.spec.seed,
        seed_scope: case.spec.seed_scope,
        replicates,
        size: case.spec.model.batch,
    };
    let rows = data.len() * replicates;
    // Batches after the first that failed are not begun; the error that is
    // reported is the first one's whatever the threads do.
    let failed = AtomicUsize::new(usize::MAX);
    let widths: Vec<OnceLock<usize>> = vec![OnceLock::new(); plan.batches()];
    let one = |batch: usize| {
        let wanted = || batch <= failed.load(Ordering::Relaxed);
        if !wanted() {
            return None;
        }
        let scored = match plan.predict(batch, &model, wanted) {
            Ok(answers) => {
                let answers = answers?;
                let _ = widths[batch].set(answers.ncols());
                scorer.score(&plan, batch, &answers)
            }
            Err(error) => Err(error),
        };
        match &scored {
            Ok(_) => progress(plan.rows(batch).len(), rows),
            Err(_) => {
                failed.fetch_min(batch, Ordering::Relaxed);
            }
        }
        Some(scored)
    };
    let threads = match case.spec.model.origin {
        ModelOrigin::Onnx(_) => Threads::OfTheEngine,
        _ => Threads::Plain(model.description.bound()),
    };
    let results: Vec<Option<Result<score::Scored, RunError>>> =
        threads::each(plan.batches(), threads, one);
    let mut scored = Vec::with_capacity(results.len());
    for (batch, result) in results.into_iter().flatten().enumerate() {
        // What follows from it is no error of its own.
        if let (Some(first), Some(width)) = (widths[0].get(), widths[batch].get())
            && first != width
        {
            return Err(RunError::Answer {
                place: plan.words_of(&plan.rows(batch)),
                reason: format!(
                    "the model answered {width} numbers an example, and {first} before: every answer must have as many"
                ),
            });
        }
        scored.push(result?);
    }
    let (outcomes, ranked) = score::collect(&scores, scored, &data, replicates)?;
    Ok(Run {
        identity,
        outcomes,
        ids: own_ids(data.ids()),
        clusters: data
            .clusters()
            .map(|clusters| clusters.iter().map(|&cluster| cluster as u32).collect()),
        slices: data.slices().map(|slices| Slices {
            of: slices.iter().map(|&slice| slice as u32).collect(),
            names: data.slice_names().to_vec(),
        }),
        ranked,
    })
}

/// The ids, where they are not 0, 1, 2, ….
fn own_ids(ids: &[String]) -> Option<Vec<String>> {
    let plain = ids
        .iter()
        .enumerate()
        .all(|(row, id)| *id == row.to_string());
    (!plain).then(|| ids.to_vec())
}

/// The fewest examples of a class with which a metric whose examples are compared
/// within classes is judged (statistics.md 6b).
const FEWEST_OF_A_CLASS: usize = 10;

/// Refuses to judge a metric by a class that is hardly there.
fn enough_of_each_class(case: &Case, data: &Dataset) -> Result<(), RunError> {
    for spec in case.metrics().iter().filter(|spec| spec.test.is_some()) {
        let strata = metric(spec)?.strata(&spec.parameters);
        if strata == Strata::All {
            continue;
        }
        let mut counts = BTreeMap::<u32, usize>::new();
        if let Strata::OneAgainstRest(_) = strata {
            counts.extend([(0, 0), (1, 0)]);
        }
        for &label in data.labels() {
            let label = u32::try_from(label).unwrap_or(u32::MAX);
            *counts.entry(strata.of(label)).or_default() += 1;
        }
        let few = counts.iter().find(|(_, count)| **count < FEWEST_OF_A_CLASS);
        if let Some((&stratum, count)) = few {
            return Err(RunError::Mismatch(format!(
                "`{}` is judged within classes, and {} has {count} {}; it takes {FEWEST_OF_A_CLASS}. Use more examples, or give the metric report_only = true",
                spec.label,
                strata.words(stratum),
                if *count == 1 { "example" } else { "examples" },
            )));
        }
    }
    Ok(())
}

/// The algorithm of a metric.
fn metric(spec: &MetricSpec) -> Result<&'static dyn Metric, RunError> {
    crate::builtin::metric(spec.kind.name).ok_or_else(|| {
        RunError::Mismatch(format!(
            "the metric `{}` is not in this build",
            spec.kind.name
        ))
    })
}

/// The columns of a case, with the metric that scores each that is a mean score.
struct Scores {
    columns: Vec<(ColumnSpec, Option<Score>)>,
    /// What the spec calls each metric, and how it is computed.
    metrics: Vec<(String, Score)>,
}

/// A metric with its parameters.
type Score = (&'static dyn Metric, Parameters);

impl Scores {
    fn of(case: &Case) -> Result<Self, RunError> {
        // What says whether an answer is right by another label, too.
        let mut columns: Vec<(ColumnSpec, Option<Score>)> = vec![(ColumnSpec::class(), None)];
        let mut metrics = Vec::new();
        if case.spec.critical.is_some() || case.spec.family().next().is_some() {
            columns.push((ColumnSpec::correct(), None));
        }
        for spec in case.metrics() {
            let metric = metric(spec)?;
            metrics.push((spec.label.clone(), (metric, spec.parameters.clone())));
            for column in metric.columns(&spec.label, &spec.parameters) {
                if columns.iter().any(|(known, _)| known.name == column.name) {
                    continue;
                }
                let scored = column.per == crate::outcome::Per::Example;
                let scorer = scored.then(|| (metric, spec.parameters.clone()));
                columns.push((column, scorer));
            }
        }
        Ok(Self { columns, metrics })
    }
}
