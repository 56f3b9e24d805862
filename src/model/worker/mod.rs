//! A program that answers over a pipe.

use std::path::PathBuf;
use std::time::Duration;

use ndarray::{Array2, ArrayViewD};

use super::{Description, Model, ModelError};

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
pub struct WorkerModel;

/// Opens it.
pub fn open(_: &Request) -> Result<WorkerModel, ModelError> {
    Err(ModelError::Failed("not in this build yet".to_owned()))
}

impl Model for WorkerModel {
    fn describe(&self) -> Description {
        Description::default()
    }

    fn predict(&self, _: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        Err(ModelError::Failed("not in this build yet".to_owned()))
    }
}
