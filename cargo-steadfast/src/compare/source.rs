//! Where the runs of a model come from: a folder of records, of which nothing but the
//! records is opened, or an ONNX file that the cases of the specs are run with.

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use steadfast::engine::{self, Context, Registry};
use steadfast::error::{Error, ErrorKind};
use steadfast::judge::Design;
use steadfast::provenance::ModelIdentity;
use steadfast::record::{Record, Run};
use steadfast::spec::{
    Case, Direction, Exact, Examples, MetricSpec, ModelOrigin, PerturbationRef, SeedScope, Spec,
    cases,
};

use crate::exit_code::ExitCode;
use crate::repository::{Repository, matches};

/// One model with its runs.
pub struct Source {
    /// `A`.
    pub letter: String,
    /// As the command line has it.
    pub path: String,
    /// Whether it was run now, or recorded.
    pub was_run: bool,
    /// Its runs, by case.
    pub cases: BTreeMap<String, CaseRun>,
    /// What has no run, and why.
    pub left_out: Vec<LeftOut>,
}

/// One case as one model answered it.
pub struct CaseRun {
    /// The outcomes.
    pub run: Run,
    /// How they were drawn.
    pub design: Design,
    /// What is measured.
    pub metrics: Vec<Measured>,
}

/// One metric of a case.
pub struct Measured {
    /// What the spec calls it.
    pub label: String,
    /// `name@version(parameters)`.
    pub identity: String,
    /// The largest tolerable harm, where the spec judges it.
    pub margin: Option<Exact>,
    /// Which change is harm, likewise.
    pub direction: Option<Direction>,
}

/// What is not compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// The case, with the metric where it is only that.
    pub case: String,
    /// Why.
    pub reason: String,
}

impl CaseRun {
    /// Whether it is all cells of a spec together.
    pub fn is_pooled(&self) -> bool {
        self.run.identity.inputs.get("cells").is_some()
    }

    fn new(run: Run, exhaustive: bool, metrics: Vec<Measured>) -> Self {
        let inputs = &run.identity.inputs;
        let cells = inputs.get("cells").and_then(|cells| cells.as_array());
        let scopes = cells.into_iter().flatten().chain([inputs]);
        let shared = |asked: &serde_json::Value| {
            asked
                .get("seed_scope")
                .is_some_and(|scope| scope.as_str() == Some(SeedScope::Shared.text()))
        };
        let seed_scope = if scopes.into_iter().any(shared) {
            SeedScope::Shared
        } else {
            SeedScope::Example
        };
        let examples = if exhaustive {
            Examples::Exhaustive
        } else {
            Examples::Sample
        };
        Self {
            design: Design {
                examples,
                seed_scope,
                largest_cluster: None,
                stochastic_model: false,
            },
            run,
            metrics,
        }
    }
}

impl Source {
    /// Whether a case of that name, or of a spec of that name, was met.
    pub fn knows(&self, filter: &str) -> bool {
        let left_out = self.left_out.iter().map(|left_out| &left_out.case);
        self.cases
            .keys()
            .chain(left_out)
            .any(|name| matches(filter, name))
    }

    /// Spec by spec, the models that answered: one, unless records of several runs
    /// are mixed.
    pub fn models(&self) -> Vec<(String, Vec<&ModelIdentity>)> {
        let mut specs: Vec<(String, Vec<&ModelIdentity>)> = Vec::new();
        for (name, case) in &self.cases {
            let spec = name.split("::").next().unwrap_or(name);
            let model = &case.run.identity.model;
            match specs.iter_mut().find(|(known, _)| known == spec) {
                None => specs.push((spec.to_owned(), vec![model])),
                Some((_, models)) if models.iter().all(|known| *known != model) => {
                    models.push(model);
                }
                Some(_) => {}
            }
        }
        specs
    }
}

/// Opens what the command line names. The repository is opened for ONNX files only.
pub struct Opener<'a> {
    filters: &'a [String],
    repository: OnceCell<Repository>,
}

impl<'a> Opener<'a> {
    /// For cases that any of `filters` matches; all where there is none.
    pub fn new(filters: &'a [String]) -> Self {
        Self {
            filters,
            repository: OnceCell::new(),
        }
    }

    /// The runs of one model.
    pub fn open(&self, path: &Path, letter: String) -> Result<Source, Error> {
        if path.is_dir() {
            self.records(path, letter)
        } else if path.is_file() {
            self.onnx(path, letter)
        } else {
            let message = format!(
                "there is no {}: a model is a folder of records or an ONNX file",
                path.display()
            );
            Err(Error::new(ErrorKind::Usage, message))
        }
    }

    fn wants(&self, case: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|filter| matches(filter, case))
    }

    fn records(&self, path: &Path, letter: String) -> Result<Source, Error> {
        let inner = path.join("records");
        let folder = if inner.is_dir() { &inner } else { path };
        let files = record_files(folder).map_err(|error| {
            let message = format!("failed to read the folder {}: {error}", folder.display());
            Error::new(ErrorKind::Evidence, message)
        })?;
        if files.is_empty() {
            let message = format!(
                "{} holds no records. A run writes them there with STEADFAST_DIR={} (a relative folder is relative to the repository's root)",
                path.display(),
                path.display()
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
        let mut source = Source {
            letter,
            path: path.display().to_string(),
            was_run: false,
            cases: BTreeMap::new(),
            left_out: Vec::new(),
        };
        for file in files {
            let record = Record::open(&file)?;
            if !self.wants(&record.case) {
                continue;
            }
            let Some(run) = record.run_in(file.clone())? else {
                source.left_out.push(LeftOut {
                    case: record.case,
                    reason: format!("it errored in the run of {}", source.letter),
                });
                continue;
            };
            let case = CaseRun::new(run, record.exhaustive, recorded_metrics(&record, &file)?);
            if source.cases.insert(record.case.clone(), case).is_some() {
                let message = format!(
                    "{} holds two records of {}. Keep one of them",
                    path.display(),
                    record.case
                );
                return Err(Error::new(ErrorKind::Evidence, message));
            }
        }
        Ok(source)
    }

    fn repository(&self) -> Result<&Repository, Error> {
        if let Some(repository) = self.repository.get() {
            return Ok(repository);
        }
        let repository = Repository::open()?;
        if repository.report_spec_errors(self.filters) != ExitCode::Good {
            let message = "an ONNX file is run with the specs, and they are not valid";
            return Err(Error::new(ErrorKind::Spec, message));
        }
        Ok(self.repository.get_or_init(|| repository))
    }

    fn onnx(&self, path: &Path, letter: String) -> Result<Source, Error> {
        let repository = self.repository()?;
        let mut source = Source {
            letter,
            path: path.display().to_string(),
            was_run: true,
            cases: BTreeMap::new(),
            left_out: Vec::new(),
        };
        let file = steadfast::file::open(path).and_then(|_| path.canonicalize());
        let file = file.map_err(|error| {
            let message = format!("failed to open {}: {error}", path.display());
            Error::new(ErrorKind::Unavailable, message)
        })?;
        // A file of the repository is named as its specs name it.
        let root = repository.root.canonicalize().ok();
        let inside = root.and_then(|root| file.strip_prefix(root).ok().map(Path::to_path_buf));
        let file = inside.unwrap_or(file);
        // One context a model: the cells of pooled specs are remembered by their names.
        let mut context = Context::new(repository.root.clone(), Registry::default());
        context.name(&file);
        let wanted = repository.cases(self.filters)?;
        warn!("running {} cases with {}", wanted.len(), path.display());
        let mut specs: Vec<(Arc<Spec>, Vec<Case>)> = Vec::new();
        for case in wanted {
            if let Some(reason) = refusal(&case) {
                source.left_out.push(LeftOut {
                    case: case.name,
                    reason,
                });
                continue;
            }
            let known = specs
                .iter()
                .position(|(spec, _)| Arc::ptr_eq(spec, &case.spec));
            let place = known.unwrap_or_else(|| {
                let spec = Arc::new(with_model(&case.spec, &file));
                let cases = cases(&spec);
                specs.push((Arc::clone(&case.spec), cases));
                specs.len() - 1
            });
            let Some(own) = specs[place].1.iter().find(|own| own.name == case.name) else {
                continue;
            };
            match engine::run(own, &context, &|_, _| {}) {
                Ok(run) => {
                    let exhaustive = own.spec.data.examples == Examples::Exhaustive;
                    let case = CaseRun::new(run.as_ref().clone(), exhaustive, spec_metrics(own));
                    source.cases.insert(own.name.clone(), case);
                }
                Err(error) => source.left_out.push(LeftOut {
                    case: case.name,
                    reason: format!(
                        "{} cannot be run on it: {}",
                        source.letter,
                        Error::from(error)
                    ),
                }),
            }
        }
        Ok(source)
    }
}

/// Why a case is not run with an ONNX file.
fn refusal(case: &Case) -> Option<String> {
    let recorded = "record a run of each model (under STEADFAST_DIR=…) and compare the folders";
    let custom = |kind: &PerturbationRef| matches!(kind, PerturbationRef::Custom { .. });
    let own = match case.cell() {
        Some((entry, _)) => custom(&entry.kind),
        None => case
            .spec
            .perturbations
            .iter()
            .any(|entry| custom(&entry.kind)),
    };
    if let Some(reason) = &case.spec.ignore {
        Some(format!("its spec is ignored: {reason}"))
    } else if !matches!(case.spec.model.origin, ModelOrigin::Onnx(_)) {
        Some(format!(
            "its spec's model is no ONNX file ({}), and one does not take its place: {recorded}",
            case.spec.model.origin.text()
        ))
    } else if own {
        Some(format!(
            "its perturbation is registered in Rust, and only the test binary has it: {recorded}"
        ))
    } else {
        None
    }
}

/// The spec with another ONNX file.
fn with_model(spec: &Spec, file: &Path) -> Spec {
    let mut spec = spec.clone();
    if let ModelOrigin::Onnx(onnx) = &mut spec.model.origin {
        onnx.path.value = file.display().to_string();
    }
    spec
}

fn spec_metrics(case: &Case) -> Vec<Measured> {
    let measured = |metric: &MetricSpec| Measured {
        label: metric.label.clone(),
        identity: metric.identity(),
        margin: metric.test.as_ref().map(|test| test.margin.clone()),
        direction: metric.test.as_ref().map(|test| test.direction),
    };
    case.metrics().iter().map(measured).collect()
}

fn recorded_metrics(record: &Record, file: &Path) -> Result<Vec<Measured>, Error> {
    let mut metrics = Vec::new();
    for metric in &record.metrics {
        let margin = metric.margin.as_deref().map(Exact::parse).transpose();
        let margin = margin.map_err(|reason| {
            let message = format!(
                "failed to parse the record {}: the margin of {}: {reason}. Run the case again",
                file.display(),
                metric.name
            );
            Error::new(ErrorKind::Evidence, message)
        })?;
        metrics.push(Measured {
            label: metric.name.clone(),
            identity: metric.identity.clone(),
            margin: margin.filter(|margin| margin.value() > 0.0),
            direction: metric.direction,
        });
    }
    Ok(metrics)
}

/// All `.json` files under a folder, in order.
fn record_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in steadfast::file::entries(folder)? {
        if path.is_dir() {
            files.extend(record_files(&path)?);
        } else if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}
