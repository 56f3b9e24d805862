//! A model that is served by the Open Inference Protocol v2 over HTTP, as Triton,
//! KServe and MLServer have it.
//!
//! What is said on the wire is in `protocol`; how it gets there, and with what
//! patience, is in `http`.
//!
//! Source: KServe, "Open Inference Protocol (V2)", and Triton's binary tensor data
//! extension.

use std::time::Duration;

use super::ModelError;
use crate::spec::address::{CURE, Wrong};

#[cfg(feature = "endpoint")]
mod http;
#[cfg(feature = "endpoint")]
mod model;
#[cfg(feature = "endpoint")]
mod protocol;
#[cfg(feature = "endpoint")]
mod token;

#[cfg(feature = "endpoint")]
pub use model::EndpointModel;

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

/// Why an endpoint did not answer, or not usably. What a server says is shortened, and
/// the token taken out of it.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// No URL of a model.
    #[error("model.endpoint: {0}; {CURE}")]
    Address(#[from] Wrong),
    /// A token that is not there, or would be read on the way.
    #[error("model.token_variable: {0}")]
    Token(String),
    /// Authorities that cannot be read.
    #[error(
        "SSL_CERT_FILE={path}: {reason}. Name a file of certificates in PEM, or unset the variable: a server must then lead to one of Mozilla's authorities"
    )]
    Authorities {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing came back in time, or nothing at all.
    #[error(
        "{url} did not answer {limit}: {last}. Look whether the server runs and is ready; [model] answer_seconds and retries say how long to wait"
    )]
    Unreachable {
        /// What was asked.
        url: String,
        /// What was waited for: `within 60 s (3 attempts)`, `in 5 attempts`.
        limit: String,
        /// What happened last.
        last: String,
    },
    /// The server refused.
    #[error("{url} answered {status}: {words}. {cure}")]
    Refused {
        /// What was asked.
        url: String,
        /// The status code.
        status: u16,
        /// The server's words.
        words: String,
        /// What to do.
        cure: &'static str,
    },
    /// What came back cannot be used.
    #[error("{url}: {reason}")]
    Answer {
        /// What was asked.
        url: String,
        /// What is wrong, and the cure.
        reason: String,
    },
}

#[cfg(not(feature = "endpoint"))]
mod absent {
    use ndarray::{Array2, ArrayViewD};

    use crate::model::{Description, Model, ModelError};

    /// No model: this build cannot reach a server.
    pub enum EndpointModel {}

    impl Model for EndpointModel {
        fn describe(&self) -> Description {
            match *self {}
        }

        fn predict(&self, _: ArrayViewD<'_, f32>) -> Result<Array2<f32>, ModelError> {
            match *self {}
        }
    }
}

#[cfg(not(feature = "endpoint"))]
pub use absent::EndpointModel;

/// Asks a server what its model is.
///
/// # Errors
/// Where it does not answer in time, refuses, or has no such model or tensor.
pub fn open(request: &Request) -> Result<EndpointModel, ModelError> {
    #[cfg(feature = "endpoint")]
    {
        Ok(EndpointModel::open(request)?)
    }
    #[cfg(not(feature = "endpoint"))]
    {
        let _ = request;
        Err(ModelError::Failed(
            "[model] endpoint needs the feature `endpoint`, which this build lacks. In Cargo.toml: steadfast = { version = \"…\", features = [\"endpoint\"] }".to_owned(),
        ))
    }
}
