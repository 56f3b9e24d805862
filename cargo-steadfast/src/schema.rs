//! `schema`: what editors and people read about specs, made from the grammar that
//! the parser uses.

use clap::ValueEnum;
use steadfast::error::Error;
use steadfast::spec::schema;
use steadfast::text::{Page, print};

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
    print(&match arguments.which {
        Which::Spec => Page::json(&schema::spec_schema(&catalogue)),
        Which::Suite => Page::json(&schema::suite_schema(&catalogue)),
        Which::Reference => {
            let mut page = Page::new();
            page.ours(&schema::reference(&catalogue));
            page
        }
    });
    Ok(ExitCode::Good)
}
