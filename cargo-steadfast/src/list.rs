//! `list`: the cases, one a line.

use steadfast::error::Error;

use crate::exit_code::ExitCode;
use crate::repository::Repository;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names
    filter: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let repository = Repository::open()?;
    let code = repository.report_spec_errors(&arguments.filter);
    for case in repository.cases(&arguments.filter)? {
        match &case.spec.ignore {
            Some(reason) => say!("{} (ignored: {reason})", case.name),
            None => say!("{}", case.name),
        }
    }
    Ok(code)
}
