//! What the cases of one process share: opened data sets and models, and the
//! user's own kinds.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};

use ndarray::{Array2, ArrayD, ArrayViewD, Axis};

use super::RunError;
use super::guard::guarded;
use crate::data::{self, DataError, Dataset};
use crate::digest::{Digest, Hasher};
use crate::fence::Fence;
use crate::file::{self, Refusal};
use crate::model::onnx::Rounding;
use crate::model::{Description, Gives, Model, ModelError, endpoint, onnx, worker};
use crate::permit::{self, Denied};
use crate::perturb::Perturbation;
use crate::provenance::{Commit, ModelIdentity};
use crate::record::Run;
use crate::spec::{Located, ModelOrigin, OnnxSpec, Spec};

/// A user's function that opens a model.
pub type Opener = Box<dyn Fn() -> Result<Box<dyn Model>, ModelError> + Send + Sync>;

/// What a user registers beside the built-in kinds.
#[derive(Default)]
pub struct Registry {
    /// Rust models by name, opened when the first case needs them.
    pub models: BTreeMap<String, Opener>,
    /// Perturbations by their name after `custom::`.
    pub perturbations: BTreeMap<String, Box<dyn Perturbation>>,
}

/// A model that answers.
pub struct LoadedModel {
    model: Box<dyn Model>,
    /// How many batches it may be handed now, where that is bounded.
    turns: Option<Mutex<usize>>,
    given_back: Condvar,
    /// What the model says of itself.
    pub description: Description,
    /// What its answers are.
    pub gives: Gives,
}

impl LoadedModel {
    pub(super) fn new(model: Box<dyn Model>, description: Description, gives: Gives) -> Self {
        Self {
            model,
            turns: description.bound().map(Mutex::new),
            given_back: Condvar::new(),
            description,
            gives,
        }
    }

    /// The model itself.
    pub fn model(&self) -> &dyn Model {
        self.model.as_ref()
    }

    /// Waits until the model may be handed another batch.
    pub fn turn(&self) -> Turn<'_> {
        if let Some(turns) = &self.turns {
            let turns = turns.lock().unwrap_or_else(PoisonError::into_inner);
            let turns = self.given_back.wait_while(turns, |turns| *turns == 0);
            *turns.unwrap_or_else(PoisonError::into_inner) -= 1;
        }
        Turn(self)
    }
}

/// The right to hand a model one batch after another.
pub struct Turn<'a>(&'a LoadedModel);

impl Turn<'_> {
    /// The answers to a batch; a panic is an error with its message.
    pub fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        guarded(|| self.0.model.predict(inputs))
            .unwrap_or_else(|message| Err(ModelError::Panicked(message)))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some(turns) = &self.0.turns {
            *turns.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            self.0.given_back.notify_one();
        }
    }
}

/// What is opened once a process, with the error of a failed attempt.
struct Memo<K, T, E> {
    cells: Mutex<HashMap<K, Arc<Cell<T, E>>>>,
}

/// One remembered attempt.
type Cell<T, E> = OnceLock<Result<Arc<T>, Arc<E>>>;

impl<K: Eq + Hash, T, E> Memo<K, T, E> {
    fn new() -> Self {
        Self {
            cells: Mutex::new(HashMap::new()),
        }
    }

    /// The value of `key`, made by the first who asks while others wait.
    fn get(&self, key: K, make: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, Arc<E>> {
        let cell = {
            let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry(key).or_default())
        };
        cell.get_or_init(|| make().map(Arc::new).map_err(Arc::new))
            .clone()
    }
}

/// What the cases of one process share.
pub struct Context {
    root: PathBuf,
    fence: Fence,
    /// Files that a person named, whatever the specs may reach.
    named: HashSet<PathBuf>,
    registry: Registry,
    /// Where trials are remembered that models pass in processes of their own; `None`: they
    /// are tried in this one.
    trials: Option<PathBuf>,
    datasets: Memo<String, Dataset, DataError>,
    models: Memo<String, LoadedModel, ModelError>,
    digests: Memo<String, Digest, std::io::Error>,
    /// Of cells that a pooled case shares.
    runs: Memo<String, Run, RunError>,
    commit: OnceLock<Option<Commit>>,
}

impl Context {
    /// The context of the repository at `root`.
    pub fn new(root: PathBuf, registry: Registry) -> Self {
        Self {
            fence: Fence::around(&root),
            named: HashSet::new(),
            root,
            registry,
            trials: None,
            datasets: Memo::new(),
            models: Memo::new(),
            digests: Memo::new(),
            runs: Memo::new(),
            commit: OnceLock::new(),
        }
    }

    /// The repository's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Lets a spec have this file as its model, wherever it is: a person named it.
    pub fn name(&mut self, file: &Path) {
        self.named.insert(self.root.join(file));
    }

    /// Has ONNX models tried in a process of their own, as a program may that calls
    /// [`onnx::child::serve`]; those that passed are remembered in the state folder.
    pub fn try_apart(&mut self, state: &Path) {
        self.trials = Some(state.join("trials"));
    }

    /// What the user registered.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// The outcomes of the case called `name`, run once a process.
    pub(super) fn once(
        &self,
        name: &str,
        run: impl FnOnce() -> Result<Run, RunError>,
    ) -> Result<Arc<Run>, RunError> {
        Ok(self.runs.get(name.to_owned(), run)?)
    }

    /// The repository's commit, looked up once.
    pub fn commit(&self) -> Option<Commit> {
        self.commit
            .get_or_init(|| crate::provenance::commit(&self.root))
            .clone()
    }

    /// The data set of a spec.
    pub fn dataset(&self, spec: &Spec) -> Result<Arc<Dataset>, RunError> {
        self.locate(spec, &spec.data.path, "[data] path")?;
        let request = self.data_request(spec);
        let key = format!("{request:?}");
        let open = || data::open_within(&request, &self.fence);
        Ok(self.datasets.get(key, open)?)
    }

    fn data_request(&self, spec: &Spec) -> data::Request {
        let wanted = &spec.data;
        data::Request {
            path: self.root.join(&wanted.path.value),
            shown: wanted.path.value.clone(),
            inputs: wanted.inputs.clone(),
            labels: wanted.labels.clone(),
            ids: wanted.ids.clone(),
            cluster: wanted.cluster.clone(),
            slice: wanted.slice.clone(),
            range: wanted.bounds(),
            unpacked_limit: wanted.unpacked_limit,
            limit: wanted.limit.map(|examples| data::Limit {
                examples: usize::try_from(examples).unwrap_or(usize::MAX),
                seed: spec.seed,
            }),
        }
    }

    /// The model of a spec.
    pub fn model(&self, spec: &Spec) -> Result<Arc<LoadedModel>, RunError> {
        let wanted = &spec.model;
        let gives = wanted.gives;
        let model = match &wanted.origin {
            ModelOrigin::Onnx(onnx) => {
                let request = onnx::Request {
                    gradient: None,
                    ..self.onnx_request(spec, onnx)?
                };
                // It is tried on the data: with others it is another model.
                let file = onnx::Request {
                    examples: None,
                    ..request.clone()
                };
                self.opened(&(file, self.data_request(spec)), gives, || {
                    let (model, _) = self.load_onnx(&request, onnx)?;
                    boxed(Ok(model))
                })?
            }
            ModelOrigin::Registered(name) => {
                let Some(open) = self.registry.models.get(&name.value) else {
                    return Err(Box::new(self.unregistered(spec, name)).into());
                };
                self.opened(&name.value, gives, open)?
            }
            ModelOrigin::Worker(program) => {
                let allowed = permit::worker();
                allowed.map_err(|denied| refused(spec, &program.command, &denied))?;
                self.locate_all(spec, &wanted.files)?;
                let request = worker::Request {
                    command: program.command.value.clone(),
                    folder: self.root.clone(),
                    workers: program.workers,
                    start: program.start,
                    answer: program.answer,
                    stop: program.stop,
                };
                self.opened(&request, gives, || boxed(worker::open(&request)))?
            }
            ModelOrigin::Endpoint(served) => {
                if let Some(name) = &served.token_variable {
                    let allowed = permit::token(&name.value);
                    allowed.map_err(|denied| refused(spec, name, &denied))?;
                }
                let request = endpoint::Request {
                    url: served.url.value.clone(),
                    input: wanted.input.clone(),
                    output: wanted.output.clone(),
                    connections: served.connections,
                    answer: served.answer,
                    retries: served.retries,
                    token_variable: served
                        .token_variable
                        .as_ref()
                        .map(|name| name.value.clone()),
                };
                self.opened(&request, gives, || boxed(endpoint::open(&request)))?
            }
        };
        if let (Some(written), Some(declared)) = (wanted.gives, model.description.gives)
            && written != declared
        {
            return Err(RunError::Mismatch(format!(
                "[model] gives = \"{}\", and the model declares \"{}\". Correct one of the two",
                written.text(),
                declared.text()
            )));
        }
        Ok(model)
    }

    /// The model of a spec, and why it has no input gradients, where it has none.
    pub fn model_with_gradient(
        &self,
        spec: &Spec,
    ) -> Result<(Arc<LoadedModel>, Option<String>), RunError> {
        let ModelOrigin::Onnx(onnx) = &spec.model.origin else {
            let model = self.model(spec)?;
            let missing = "the model declares none".to_owned();
            let missing = (!model.description.gradient).then_some(missing);
            return Ok((model, missing));
        };
        let request = self.onnx_request(spec, onnx)?;
        let missing = OnceLock::new();
        let open = || {
            let (model, without) = self.load_onnx(&request, onnx)?;
            if let Some(reason) = without {
                let _ = missing.set(reason.to_string());
            }
            boxed(Ok(model))
        };
        let model = load(open, spec.model.gives).map_err(Arc::new)?;
        Ok((Arc::new(model), missing.into_inner()))
    }

    /// The ONNX file of a spec, as it is asked for with gradients, about examples of the
    /// spec's data, if they can be opened.
    pub fn onnx_request(&self, spec: &Spec, onnx: &OnnxSpec) -> Result<onnx::Request, RunError> {
        Ok(onnx::Request {
            path: self.locate(spec, &onnx.path, "[model] onnx")?,
            shown: onnx.path.value.clone(),
            input: spec.model.input.clone(),
            output: spec.model.output.clone(),
            engine: onnx.engine,
            gradient: Some(match onnx.straight_through {
                true => Rounding::StraightThrough,
                false => Rounding::Refused,
            }),
            examples: self
                .dataset(spec)
                .ok()
                .and_then(|data| tried(&data, spec.model.batch)),
            batch: spec.model.batch,
        })
    }

    fn load_onnx(
        &self,
        request: &onnx::Request,
        spec: &OnnxSpec,
    ) -> Result<(onnx::OnnxModel, Option<ModelError>), ModelError> {
        match &self.trials {
            None => onnx::load_with_gradient(request),
            Some(folder) => onnx::load_apart(
                request,
                &onnx::child::Limits {
                    memory: spec.open_memory,
                    time: spec.open,
                    remembered: Some(folder.clone()),
                },
            ),
        }
    }

    /// The model that a request asks for, opened once a process.
    fn opened(
        &self,
        request: &impl std::fmt::Debug,
        gives: Option<Gives>,
        open: impl Fn() -> Result<Box<dyn Model>, ModelError>,
    ) -> Result<Arc<LoadedModel>, Arc<ModelError>> {
        let key = format!("{request:?} {gives:?}");
        self.models.get(key, || load(open, gives))
    }

    fn unregistered(&self, spec: &Spec, name: &Located<String>) -> crate::spec::SpecError {
        let known: Vec<&str> = self.registry.models.keys().map(String::as_str).collect();
        let registered = if known.is_empty() {
            "none is".to_owned()
        } else {
            format!("registered are {}", known.join(", "))
        };
        spec.error_at(
            name,
            format!("no model is registered as \"{}\"; {registered}", name.value),
            &format!(
                "in tests/robustness.rs: steadfast::harness().model(\"{}\", …)",
                name.value
            ),
        )
    }

    /// Which model a spec names, with the digest of what identifies it in the tree; a
    /// served model has nothing there. The model is not opened.
    pub fn model_identity(&self, spec: &Spec) -> Result<ModelIdentity, RunError> {
        let wanted = &spec.model;
        let digest = match &wanted.origin {
            ModelOrigin::Onnx(onnx) => {
                let file = self.locate(spec, &onnx.path, "[model] onnx")?;
                Some(self.digest(&[(&onnx.path.value, file)])?)
            }
            ModelOrigin::Registered(_) | ModelOrigin::Worker(_) => {
                match self.locate_all(spec, &wanted.files)?.as_slice() {
                    [] => None,
                    files => Some(self.digest(files)?),
                }
            }
            ModelOrigin::Endpoint(_) => None,
        };
        let gives = wanted.gives.map_or("as the model declares", Gives::text);
        Ok(ModelIdentity {
            origin: wanted.origin.text(),
            digest,
            gives: gives.to_owned(),
            input: wanted.input.clone(),
            output: wanted.output.clone(),
        })
    }

    /// The digest of one file, or of the digests of several.
    fn digest(&self, files: &[(&String, PathBuf)]) -> Result<Digest, RunError> {
        let one = |(shown, file): &(&String, PathBuf)| {
            self.digests
                .get((*shown).clone(), || Digest::of_file(file))
                .map_err(|error| RunError::Mismatch(format!("failed to read {shown}: {error}")))
        };
        if let [file] = files {
            return Ok(one(file)?.as_ref().clone());
        }
        let mut hasher = Hasher::default();
        for file in files {
            hasher.update(one(file)?.to_string().as_bytes());
        }
        Ok(hasher.finish())
    }

    fn locate_all<'a>(
        &self,
        spec: &Spec,
        files: &'a [Located<String>],
    ) -> Result<Vec<(&'a String, PathBuf)>, RunError> {
        let located = files.iter().map(|path| {
            let file = self.locate(spec, path, "[model] files")?;
            Ok((&path.value, file))
        });
        located.collect()
    }

    /// Where a path of a spec leads. It fails with a caret under the path where that is no
    /// regular file, or none that a spec may reach.
    fn locate(&self, spec: &Spec, path: &Located<String>, key: &str) -> Result<PathBuf, RunError> {
        let written = self.root.join(&path.value);
        let found = match self.named.contains(&written) {
            true => file::open(&written).map(|_| written),
            false => self.fence.locate(&written),
        };
        found.map_err(|error| {
            let (message, help) = match Refusal::of(&error) {
                Some(refusal) => (format!("{key}: {refusal}"), refusal.cure()),
                None if error.kind() == std::io::ErrorKind::NotFound => (
                    format!("{key}: there is no file {}", path.value),
                    "paths are relative to the repository's root, the folder of Cargo.toml; large files may need `git lfs pull`".to_owned(),
                ),
                None => (
                    format!("{key}: failed to open {}: {error}", path.value),
                    "check its permissions".to_owned(),
                ),
            };
            Box::new(spec.error_at(path, message, &help)).into()
        })
    }
}

/// What a spec may not do, with a caret under what asks for it.
fn refused<T>(spec: &Spec, at: &Located<T>, denied: &Denied) -> RunError {
    Box::new(spec.error_at(at, denied.to_string(), &denied.cure())).into()
}

/// The examples that an ONNX model is tried on when it is opened for some data, evenly
/// spread over them, enough for a batch of `batch`; `None` where they cannot be had, which
/// whoever asks for them says.
pub fn tried(data: &Dataset, batch: usize) -> Option<ArrayD<f32>> {
    let count = onnx::TRIED.max(batch).min(data.len());
    let rows = (0..count).map(|at| data.example(at * data.len() / count));
    let rows: Vec<_> = rows.collect::<Result<_, _>>().ok()?;
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    ndarray::stack(Axis(0), &views).ok()
}

fn boxed<M: Model + 'static>(model: Result<M, ModelError>) -> Result<Box<dyn Model>, ModelError> {
    model.map(|model| Box::new(model) as Box<dyn Model>)
}

/// Opens a model; a panic while opening is an error.
fn load(
    open: impl Fn() -> Result<Box<dyn Model>, ModelError>,
    gives: Option<Gives>,
) -> Result<LoadedModel, ModelError> {
    let (model, description) = guarded(|| {
        let model = open()?;
        let description = model.describe();
        Ok((model, description))
    })
    .unwrap_or_else(|message| Err(ModelError::Panicked(message)))?;
    let gives = gives.or(description.gives).ok_or_else(|| {
        ModelError::Failed(
            "neither the spec nor the model says what its answers are: set [model] gives"
                .to_owned(),
        )
    })?;
    Ok(LoadedModel::new(model, description, gives))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Holds how many ask it at once.
    struct Counted {
        now: AtomicUsize,
        most: Arc<AtomicUsize>,
        description: Description,
    }

    impl Model for Counted {
        fn describe(&self) -> Description {
            self.description.clone()
        }

        fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
            let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(now, Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(2));
            self.now.fetch_sub(1, Ordering::SeqCst);
            assert!(inputs.len() != 3, "a panic gives its turn back");
            Ok(Array2::zeros((inputs.len(), 2)))
        }
    }

    #[test]
    fn a_model_is_handed_no_more_batches_than_it_takes() {
        for (concurrent, at_once, bound) in [
            (true, Some(2), 2),
            (true, Some(0), 1),
            (false, None, 1),
            (false, Some(5), 1),
        ] {
            let description = Description {
                gives: Some(Gives::Logits),
                concurrent,
                at_once,
                ..Description::default()
            };
            let most = Arc::new(AtomicUsize::new(0));
            let counted = Counted {
                now: AtomicUsize::new(0),
                most: Arc::clone(&most),
                description: description.clone(),
            };
            let model = LoadedModel::new(Box::new(counted), description, Gives::Logits);
            std::thread::scope(|scope| {
                for length in 1..=8 {
                    let model = &model;
                    scope.spawn(move || {
                        let inputs = ndarray::Array1::zeros(length).into_dyn();
                        let answers = model.turn().predict(inputs.view());
                        assert_eq!(answers.is_err(), length == 3);
                    });
                }
            });
            let most = most.load(Ordering::SeqCst);
            assert!((1..=bound).contains(&most), "{most} of {bound} at once");
        }
    }
}
