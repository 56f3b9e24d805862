//! Specs: the schema, parsing with places in the file, expansion to cases.
//!
//! Nothing here opens a model or a data set.

pub mod address;
mod diagnostic;
mod expand;
mod folder;
pub mod grammar;
mod model;
mod number;
mod parse;
mod read;
pub mod schema;
mod value;

pub use diagnostic::{Problem, Source, SpecError, nearest};
pub use expand::{Ledger, POOLED, cases, ledger};
pub use folder::{FOLDER, SUITE_FILE, Specs};
pub use model::{EndpointSpec, ModelOrigin, ModelSpec, OnnxSpec, WorkerSpec};
pub use number::Exact;
pub use parse::{parse_spec, parse_suite};
pub use read::{Located, is_segment};
pub use value::{
    AnchorAt, AnchorSpec, Case, CriticalSpec, DataSpec, Direction, Examples, Gives, MetricSpec,
    Mode, Null, OnInconclusive, OnnxEngine, PerturbationRef, PerturbationSpec, Question, ScaleBy,
    SeedScope, Setting, Spec, Subject, Suite, TestSpec,
};
