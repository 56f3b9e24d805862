//! steadfast makes model robustness a thing that `cargo test` checks.
//!
//! A team commits *specs*: which model, which data, which perturbation at which
//! severity, which metrics, how much drift is tolerable. [`harness()`] turns each
//! into test cases, runs the model on seeded perturbed inputs, and compares the
//! outcome, example by example, with a committed *baseline* by a statistical
//! test. `cargo steadfast bless` accepts a change with a reason.
//!
//! The layers, from the bottom; an import points up this list:
//!
//! - foundation: [`seed`], [`digest`], [`file`](mod@file), [`fence`], [`permit`], [`env`](mod@env), [`error`], [`text`], [`stats`], `wide`
//! - vocabulary: [`catalogue`], [`spec`], [`outcome`], [`verdict`]
//! - domain: [`data`], [`model`], [`perturb`], [`metric`], [`provenance`], [`record`]
//! - execution: [`builtin`], [`measure`], [`engine`]
//! - judgement: [`baseline`], [`judge`](mod@judge), [`diff`]
//! - evidence: [`report`]
//! - interface: [`harness`](mod@harness)

#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod baseline;
pub mod builtin;
pub mod catalogue;
pub mod data;
pub mod diff;
pub mod digest;
pub mod engine;
pub mod env;
pub mod error;
pub mod fence;
pub mod file;
pub mod harness;
pub mod judge;
pub mod measure;
pub mod metric;
pub mod model;
pub mod outcome;
pub mod permit;
pub mod perturb;
pub mod provenance;
pub mod record;
pub mod report;
pub mod seed;
pub mod spec;
pub mod stats;
pub mod text;
pub mod verdict;
mod wide;

/// The harness of the package under test: all that a `tests/robustness.rs` needs.
pub fn harness() -> harness::Harness {
    harness::Harness::default()
}
