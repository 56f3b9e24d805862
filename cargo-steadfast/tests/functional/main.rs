//! The harness and the subcommand as a user runs them: a scratch repository, the
//! built programs, their exit codes and every word that they print.

mod bless;
mod damage;
mod init;
mod journey;
mod listing;
mod misbehaviour;
mod repository;
mod verdicts;
