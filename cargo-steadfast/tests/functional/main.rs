//! The harness and the subcommand as a user runs them: a scratch repository, the
//! built programs, their exit codes and every word that they print.

mod anchor;
mod bless;
mod compare;
mod critical;
mod damage;
mod doctor;
mod endpoint;
mod family;
mod grown;
mod images;
mod init;
mod journey;
mod listing;
mod misbehaviour;
mod onnx_runtime;
mod pooled;
mod power;
mod refusals;
mod repository;
mod retrain;
mod server;
mod show;
mod slices;
mod verdicts;
mod without_package;
mod worker;
