//! `list`: the cases, one a line; with `--check`, whether each can be run.

use std::collections::HashSet;

use steadfast::engine;
use steadfast::error::Error;
use steadfast::model::Description;
use steadfast::spec::{Case, ModelOrigin};
use steadfast::text::{Page, print};

use crate::exit_code::ExitCode;
use crate::repository::Repository;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Cases by the first segments of their names
    filter: Vec<String>,
    /// Open data and models, and say what would fail before any prediction
    #[arg(long)]
    check: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let repository = Repository::open()?;
    let code = repository.report_spec_errors(&arguments.filter);
    let cases = repository.cases(&arguments.filter)?;
    if arguments.check {
        return Ok(code.and(check(&repository, &cases)));
    }
    for case in cases {
        match &case.spec.ignore {
            Some(reason) => say!("{} (ignored: {reason})", case.name),
            None => say!("{}", case.name),
        }
    }
    Ok(code)
}

/// One line a spec about its model, and one a case that could not be run.
fn check(repository: &Repository, cases: &[Case]) -> ExitCode {
    let mut code = ExitCode::Good;
    let mut seen = HashSet::new();
    for case in cases.iter().filter(|case| case.spec.ignore.is_none()) {
        let spec = &case.spec;
        let first = seen.insert(&spec.name);
        match &spec.model.origin {
            _ if !first => {}
            ModelOrigin::Registered(name) => say!(
                "{}: the model \"{}\" is registered in the test binary, which alone can open it",
                spec.name,
                name.value
            ),
            origin => match engine::check_model(spec, &repository.context) {
                Ok((description, missing)) => {
                    let gradients = match missing {
                        None => "input gradients".to_owned(),
                        Some(reason) => format!("no input gradients ({reason})"),
                    };
                    say!(
                        "{}: {}: {}, {gradients}",
                        spec.name,
                        origin.text(),
                        words(&description)
                    );
                }
                Err(error) => {
                    let head = format!("{}: ", spec.name);
                    print(&Page::headed(head, &Error::from(error).page()));
                    code = code.and(ExitCode::Unavailable);
                }
            },
        }
        if let Err(error) = engine::check(case, &repository.context) {
            let head = format!("{}: ", case.name);
            print(&Page::headed(head, &Error::from(error).page()));
            code = code.and(ExitCode::Unavailable);
        }
    }
    code
}

/// What a model can do.
fn words(description: &Description) -> String {
    let mut words = vec![description.engine.clone()];
    words.extend(
        description
            .gives
            .map(|gives| format!("gives {}", gives.text())),
    );
    words.extend(
        description
            .classes
            .map(|classes| format!("{classes} classes")),
    );
    if !description.concurrent {
        words.push("answers one batch at a time".to_owned());
    }
    words.join(", ")
}
