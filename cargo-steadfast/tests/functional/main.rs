//! The harness and the subcommand as a user runs them: a scratch repository, the
//! built programs, their exit codes and every word that they print.

mod anchor;
mod bless;
mod compare;
mod critical;
mod damage;
#[path = "../../../tests/support/digits.rs"]
mod digits;
mod doctor;
mod endpoint;
mod exit_codes;
mod family;
mod grown;
mod held;
#[path = "../../../tests/hostile/mod.rs"]
mod hostile;
mod images;
mod init;
mod journey;
mod listing;
mod lock;
mod merge;
mod misbehaviour;
#[path = "../../../tests/support/mlserver.rs"]
mod mlserver;
mod onnx_runtime;
mod outside;
mod pages;
mod pooled;
mod power;
mod refusals;
mod rename;
mod repository;
mod retrain;
mod selftest;
mod server;
mod show;
mod slices;
#[expect(dead_code, reason = "the graphs of other tests need more of it")]
#[path = "../../../src/model/onnx/test_graph.rs"]
mod test_graph;
mod trial;
mod verdicts;
mod voice;
mod ways;
mod without_package;
mod worker;
