//! `reject`: deletes records, so that what they hold is not accepted by accident.

use steadfast::error::{Error, ErrorKind};
use steadfast::{file, record};

use crate::cases::refuse_in_ci;
use crate::exit_code::ExitCode;
use crate::repository::Repository;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names
    #[arg(required = true)]
    filter: Vec<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    refuse_in_ci("reject")?;
    let (repository, _alone) = Repository::open_alone()?;
    let mut rejected = 0;
    for case in repository.cases(&arguments.filter)? {
        if reject(&repository, &case.name)? {
            say!("rejected: {}", case.name);
            rejected += 1;
        }
    }
    say!("{rejected} records deleted; the baselines stand as they were");
    Ok(ExitCode::Good)
}

/// Deletes the record of a case; says whether there was one.
pub fn reject(repository: &Repository, case: &str) -> Result<bool, Error> {
    match file::remove(&record::path(&repository.state, case)) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(Error::new(
            ErrorKind::Evidence,
            format!("failed to delete the record of {case}: {error}"),
        )),
    }
}
