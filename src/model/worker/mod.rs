//! A program in any language that answers over a pipe (docs/worker-protocol.md).
//!
//! Several processes may run side by side; a free one takes the batch. One that dies,
//! hangs or writes what cannot be understood fails what it was asked, and is started
//! anew for what is asked next.

mod failure;
mod frame;
mod group;
mod process;
#[cfg(all(test, unix))]
mod tests;

use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use ndarray::{Array2, ArrayView2, ArrayViewD, Axis, Ix2};

use super::{Description, Gives, Gradients, Model, ModelError};
pub(crate) use failure::last_lines;
pub use failure::{Failure, WorkerError};
pub use frame::{FrameError, Told, Verb};
use process::Process;

/// `steadfast_worker.py`: turns a Python function into a worker.
pub const PYTHON_MODULE: &str = include_str!("../../../python/steadfast_worker.py");

/// The most classes that an answer may have: more are refused before they are read.
const MOST_CLASSES: usize = 1 << 16;

/// What to open.
#[derive(Clone, Debug)]
pub struct Request {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Where it runs.
    pub folder: PathBuf,
    /// Processes side by side.
    pub workers: usize,
    /// How long it may take to start.
    pub start: Duration,
    /// How long it may take to answer a batch.
    pub answer: Duration,
    /// How long it may take to end.
    pub stop: Duration,
}

/// A program that answers over a pipe.
pub struct WorkerModel {
    request: Request,
    told: Told,
    /// The places that are free, each with its process where one runs.
    free: Mutex<Vec<Option<Process>>>,
    freed: Condvar,
}

/// Starts the first worker and asks what it is; more are started when they are needed.
///
/// # Errors
/// Where it cannot be started, or does not say what it is in time.
pub fn open(request: &Request) -> Result<WorkerModel, ModelError> {
    let (process, told) =
        Process::start(request).map_err(|(failure, words)| error(request, failure, words))?;
    let mut free: Vec<_> = (1..request.workers).map(|_| None).collect();
    free.push(Some(process));
    Ok(WorkerModel {
        request: request.clone(),
        told,
        free: Mutex::new(free),
        freed: Condvar::new(),
    })
}

fn error(request: &Request, failure: Failure, words: String) -> ModelError {
    ModelError::Worker(Box::new(WorkerError {
        command: request.command.join(" "),
        failure,
        words,
    }))
}

impl Model for WorkerModel {
    fn describe(&self) -> Description {
        Description {
            gives: Some(self.told.gives),
            classes: self.told.classes,
            input_shape: self.told.input_shape.clone(),
            engine: self.told.engine.clone().unwrap_or("worker".to_owned()),
            at_once: Some(self.request.workers),
            gradient: self.told.gradient,
            ..Description::default()
        }
    }

    fn predict(&self, inputs: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        self.with_worker(|worker| self.answers(worker, Verb::Predict, inputs))
    }

    fn gradient(
        &self,
        inputs: ArrayViewD<'_, f32>,
        cotangents: &dyn Fn(ArrayView2<'_, f32>) -> Array2<f32>,
    ) -> Result<Gradients, ModelError> {
        self.with_worker(|worker| {
            if !self.told.gradient {
                return Err(Failure::NoGradient);
            }
            let answers = self.answers(worker, Verb::Gradient, inputs.view())?;
            let wanted = cotangents(answers.view());
            let gradient = worker.ask(
                Verb::Cotangents,
                Some(wanted.view().into_dyn()),
                inputs.len(),
                self.request.answer,
            )?;
            let found = gradient.tensor.ok_or(None);
            let gradient = found
                .and_then(|found| match found.shape() == inputs.shape() {
                    true => Ok(found),
                    false => Err(Some(found.shape().to_vec())),
                })
                .map_err(|found| Failure::Shape {
                    found,
                    expected: format!("that of the inputs, {:?},", inputs.shape()),
                })?;
            Ok(Gradients {
                answers,
                inputs: gradient,
            })
        })
    }
}

impl WorkerModel {
    /// One row an example.
    fn answers(
        &self,
        worker: &mut Process,
        verb: Verb,
        inputs: ArrayViewD<'_, f32>,
    ) -> Result<Array2<f32>, Failure> {
        let rows = inputs.len_of(Axis(0));
        let most = rows.saturating_mul(MOST_CLASSES);
        let answer = worker.ask(verb, Some(inputs), most, self.request.answer)?;
        let columns = match self.told.gives {
            Gives::PositiveProbability => Some(1),
            _ => self.told.classes,
        };
        let found = answer.tensor.ok_or(None);
        found
            .and_then(|found| {
                let shape = found.shape().to_vec();
                let fits = |answers: &Array2<f32>| {
                    answers.nrows() == rows
                        && columns.is_none_or(|columns| answers.ncols() == columns)
                };
                let answers = found.into_dimensionality::<Ix2>().ok();
                answers.filter(fits).ok_or(Some(shape))
            })
            .map_err(|found| {
                let columns = columns.map_or("classes".to_owned(), |columns| columns.to_string());
                Failure::Shape {
                    found,
                    expected: format!("[{rows}, {columns}] (one row an example)"),
                }
            })
    }

    /// Does `work` with a free worker, started where none waits: one that has ended or
    /// spoken since its last answer is no matter of what is asked now. Whatever leaves it
    /// in the middle of something, a panic too, ends it.
    fn with_worker<T>(
        &self,
        work: impl FnOnce(&mut Process) -> Result<T, Failure>,
    ) -> Result<T, ModelError> {
        let mut place = self.place();
        let waiting = place.process.take();
        let waiting = waiting.and_then(|mut worker| worker.waits().then_some(worker));
        let mut worker = match waiting {
            Some(worker) => worker,
            None => self.restart()?,
        };
        match work(&mut worker) {
            Ok(result) => {
                place.process = Some(worker);
                Ok(result)
            }
            Err(failure) if failure.is_harmless() => {
                let words = match failure {
                    Failure::NoGradient => String::new(),
                    _ => worker.last_words(),
                };
                place.process = Some(worker);
                Err(error(&self.request, failure, words))
            }
            Err(failure) => {
                let (failure, words) = worker.end(failure);
                Err(error(&self.request, failure, words))
            }
        }
    }

    fn restart(&self) -> Result<Process, ModelError> {
        let (process, told) = Process::start(&self.request)
            .map_err(|(failure, words)| error(&self.request, failure, words))?;
        if told == self.told {
            return Ok(process);
        }
        let (failure, words) = process.end(Failure::Changed {
            before: format!("{:?}", self.told),
            now: format!("{told:?}"),
        });
        Err(error(&self.request, failure, words))
    }

    /// Waits for a free place; one whose worker runs comes first.
    fn place(&self) -> Place<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free = self
            .freed
            .wait_while(free, |free| free.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        let running = free.iter().position(Option::is_some).unwrap_or(0);
        Place {
            model: self,
            process: free.swap_remove(running),
        }
    }
}

/// A place that is taken; it is free again when this is dropped.
struct Place<'a> {
    model: &'a WorkerModel,
    process: Option<Process>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let free = self.model.free.lock();
        let mut free = free.unwrap_or_else(PoisonError::into_inner);
        free.push(self.process.take());
        self.model.freed.notify_one();
    }
}

impl Drop for WorkerModel {
    /// Lets the workers end by themselves, for as long as they may take, then kills what
    /// is left of them.
    fn drop(&mut self) {
        let free = self.free.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut running: Vec<Process> = free.drain(..).flatten().collect();
        for worker in &mut running {
            worker.dismiss();
        }
        process::wait_until(self.request.stop, || {
            running.iter_mut().all(Process::has_ended)
        });
    }
}
