//! `schema`: what editors and people read about specs, made from the grammar that
//! the parser uses.

use clap::ValueEnum;
use steadfast::error::{Error, ErrorKind};
use steadfast::spec::schema;

use crate::exit_code::ExitCode;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Which
    #[arg(default_value = "spec")]
    which: Which,
}

/// What is printed.
#[derive(Clone, Copy, ValueEnum)]
enum Which {
    /// The JSON Schema of a spec
    Spec,
    /// The JSON Schema of suite.toml
    Suite,
    /// The reference of keys and kinds, in Markdown
    Reference,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let catalogue = steadfast::builtin::catalogue();
    let json = |value: serde_json::Value| {
        serde_json::to_string_pretty(&value).map_err(|error| Error::new(ErrorKind::Defect, error))
    };
    match arguments.which {
        Which::Spec => say!("{}", json(schema::spec_schema(&catalogue))?),
        Which::Suite => say!("{}", json(schema::suite_schema(&catalogue))?),
        Which::Reference => say!("{}", schema::reference(&catalogue).trim_end()),
    }
    Ok(ExitCode::Good)
}
