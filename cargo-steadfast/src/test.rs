//! `test`: the harness without a package. ONNX, worker and endpoint models need no
//! code of the repository's own, and so no compiler.

use std::ffi::OsString;

use steadfast::error::{Error, ErrorKind};
use steadfast::harness::{Conclusion, NO_THREADS};
use steadfast::verdict::Status;

use crate::exit_code::ExitCode;
use crate::repository::Repository;

/// The command's arguments.
#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Arguments {
    /// A filter and flags, as `cargo test -- …` takes them; --help prints them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    libtest: Vec<OsString>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let program = OsString::from("cargo steadfast test");
    // `cargo steadfast test -- --exact NAME`, out of habit.
    let given = arguments
        .libtest
        .iter()
        .filter(|argument| *argument != "--");
    let libtest = libtest_mimic::Arguments::from_iter([&program].into_iter().chain(given));
    let repository = Repository::open()?;
    if libtest.test_threads == Some(0) {
        return Err(Error::new(ErrorKind::Usage, NO_THREADS));
    }
    if !libtest.list {
        repository.judged_cases(&[])?;
    }
    let conclusion = steadfast::harness()
        .root(&repository.root)
        .state(&repository.state)
        .conclude(&libtest);
    let code = exit_code(&conclusion);
    if conclusion.cases.is_empty() && !libtest.list && code == ExitCode::Good {
        return Err(Error::new(
            ErrorKind::Usage,
            "nothing was judged: the filter matches no case, or ignored ones only. `cargo steadfast list` prints all",
        ));
    }
    Ok(code)
}

/// The gravest of what the cases came to; what failed and is no case is about the
/// specs.
fn exit_code(conclusion: &Conclusion) -> ExitCode {
    let cases = conclusion.cases.iter();
    let failed = cases.clone().filter(|(_, status)| *status == Status::Fail);
    let suite = match conclusion.failed > failed.count() as u64 {
        true => ExitCode::Spec,
        false => ExitCode::Good,
    };
    let codes = cases.map(|&(verdict, status)| ExitCode::of_verdict(verdict, status));
    codes.fold(suite, ExitCode::and)
}
