//! steadfast makes model robustness a thing that `cargo test` checks.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod catalogue;
pub mod data;
pub mod digest;
pub mod error;
pub mod file;
pub mod model;
pub mod perturb;
pub mod seed;
pub mod spec;
pub mod stats;
