//! `cargo steadfast`: accept, review, list and check the robustness cases of a
//! repository. One file a verb; all of them work from specs, records and
//! baselines; only `test`, `init`, `doctor`, `list --check`, and `compare` with ONNX
//! files, ask a model anything.

/// Prints one line.
macro_rules! say {
    ($($argument:tt)*) => {
        steadfast::text::print(&steadfast::text::Page::of(format_args!($($argument)*)))
    };
}

/// Prints one line to stderr.
macro_rules! warn {
    ($($argument:tt)*) => {
        steadfast::text::warn(&steadfast::text::Page::of(format_args!($($argument)*)))
    };
}

mod acceptance;
mod anchor;
mod bless;
mod cases;
mod compare;
mod doctor;
mod exit_code;
mod init;
mod list;
mod merge_driver;
mod objection;
mod power;
mod prune;
mod reject;
mod rename;
mod report;
mod repository;
mod resolve;
mod retrain;
mod review;
mod schema;
mod selftest;
mod show;
mod status;
mod test;
mod unspecified;
mod worker;

use clap::{Parser, Subcommand};

use exit_code::ExitCode;
use steadfast::model::onnx;
use steadfast::text::{self, Page, escaped};

/// Model robustness as a thing that `cargo test` checks.
#[derive(Parser)]
#[command(name = "cargo-steadfast", bin_name = "cargo steadfast", version, about)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Set up a repository for a model and a data file
    Init(Init),
    /// Judge the cases, as `cargo test --test robustness` does: no package, no compiler
    Test(test::Arguments),
    /// Walk through what differs: diff, then bless, reject or skip
    Review(review::Arguments),
    /// Accept the last run's outcomes as the new baselines, after showing the diff
    Bless(bless::Arguments),
    /// Delete records, so that what they hold cannot be blessed
    Reject(reject::Arguments),
    /// Give a spec, a perturbation or a case another name, with its baselines
    Rename(rename::Arguments),
    /// Settle the baselines that two branches changed, after a merge that git could not make
    Resolve(resolve::Arguments),
    /// Say which baselines are missing, stale, orphaned or pending
    Status(status::Arguments),
    /// List the cases
    List(list::Arguments),
    /// Say which engines run a model, how their answers differ, and how fast each is
    Doctor(doctor::Arguments),
    /// Compare two models or more, case by case and over cases and repositories
    Compare(compare::Arguments),
    /// Print the last run as Markdown, with p-values adjusted for their number
    Report(report::Arguments),
    /// Say what each case can and cannot detect, and what it would take
    Power(power::Arguments),
    /// Say how often this suite cries wolf, and what it misses, by simulation
    Selftest(selftest::Arguments),
    /// Write a contact sheet of one example under every perturbation of a spec
    Show(show::Arguments),
    /// Print the JSON Schema of specs or of suite.toml, or the spec reference
    Schema(schema::Arguments),
    /// Print steadfast_worker.py, which turns a Python function into a worker
    Worker,
}

#[derive(clap::Args)]
#[command(
    mut_group("Origin", |origin| origin.required(false)),
    mut_arg("model", |model| model.required_unless_present_any(["git", "worker", "endpoint"]))
)]
struct Init {
    #[command(flatten)]
    new: init::Arguments,
    /// Tell git how baselines are merged that two branches changed, and nothing else
    #[arg(long, exclusive = true)]
    git: bool,
}

fn main() -> std::process::ExitCode {
    if onnx::child::is_asked() {
        onnx::child::serve();
    }
    steadfast::engine::install_panic_hook();
    // Cargo hands a subcommand its own name as the first argument.
    let arguments = std::env::args_os().enumerate();
    let arguments = arguments.filter(|(index, argument)| !(*index == 1 && argument == "steadfast"));
    let arguments: Vec<_> = arguments.map(|(_, argument)| argument).collect();
    let arguments = Arguments::try_parse_from(&arguments).unwrap_or_else(|error| {
        // clap repeats what was typed, which a script may have from others.
        let odd = |argument: &std::ffi::OsString| {
            let argument = argument.to_string_lossy();
            escaped(&argument) != argument
        };
        if arguments.iter().any(odd) {
            warn!("Error: {error}");
            std::process::exit(ExitCode::Usage as i32);
        }
        error.exit()
    });
    let result = check_environment().and_then(|()| match arguments.verb {
        Verb::Init(Init { git: true, .. }) => merge_driver::run(),
        Verb::Init(Init { new, .. }) => init::run(&new),
        Verb::Test(arguments) => test::run(&arguments),
        Verb::Review(arguments) => review::run(&arguments),
        Verb::Bless(arguments) => bless::run(&arguments),
        Verb::Reject(arguments) => reject::run(&arguments),
        Verb::Rename(arguments) => rename::run(&arguments),
        Verb::Resolve(arguments) => resolve::run(&arguments),
        Verb::Status(arguments) => status::run(&arguments),
        Verb::List(arguments) => list::run(&arguments),
        Verb::Doctor(arguments) => doctor::run(&arguments),
        Verb::Compare(arguments) => compare::run(&arguments),
        Verb::Report(arguments) => report::run(&arguments),
        Verb::Power(arguments) => power::run(&arguments),
        Verb::Selftest(arguments) => selftest::run(&arguments),
        Verb::Show(arguments) => show::run(&arguments),
        Verb::Schema(arguments) => schema::run(&arguments),
        Verb::Worker => worker::run(),
    });
    match result {
        Ok(code) => code.into(),
        Err(error) => {
            text::warn(&Page::headed("Error: ", &error.page()));
            ExitCode::of(&error).into()
        }
    }
}

fn check_environment() -> Result<(), steadfast::error::Error> {
    Ok(steadfast::env::check(std::env::vars_os())?)
}
