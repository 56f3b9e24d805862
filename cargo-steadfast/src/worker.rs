//! `worker`: the Python module that a worker imports, of the version of the protocol
//! that this program speaks.

use steadfast::error::Error;
use steadfast::model::worker::PYTHON_MODULE;
use steadfast::text::{Page, print};

use crate::exit_code::ExitCode;

/// Runs the command.
pub fn run() -> Result<ExitCode, Error> {
    let mut page = Page::new();
    page.ours(PYTHON_MODULE);
    print(&page);
    Ok(ExitCode::Good)
}
