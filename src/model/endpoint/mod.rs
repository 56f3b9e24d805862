//! A model that is served by the Open Inference Protocol v2.

use std::time::Duration;

use ndarray::{Array2, ArrayViewD};

use super::{Description, Model, ModelError};

/// What to open.
#[derive(Clone, Debug)]
pub struct Request {
    /// `http://host:8080/v2/models/digits`.
    pub url: String,
    /// The input tensor; the only one where it is `None`.
    pub input: Option<String>,
    /// The output tensor, likewise.
    pub output: Option<String>,
    /// Requests in hand at once.
    pub connections: usize,
    /// How long a batch may take, retries included.
    pub answer: Duration,
    /// How often a request is sent again.
    pub retries: u32,
    /// The environment variable that holds the bearer token.
    pub token_variable: Option<String>,
}

/// A model that is served by the Open Inference Protocol v2.
pub struct EndpointModel;

/// Opens it.
pub fn open(_: &Request) -> Result<EndpointModel, ModelError> {
    Err(ModelError::Failed("not in this build yet".to_owned()))
}

impl Model for EndpointModel {
    fn describe(&self) -> Description {
        Description::default()
    }

    fn predict(&self, _: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
        Err(ModelError::Failed("not in this build yet".to_owned()))
    }
}
