//! `show`: one example under every perturbation and severity of a spec, as the
//! model is shown it, on a contact sheet (PNG). `picture` makes pixels of an input,
//! `sheet` puts them together, `canvas` draws and encodes.

mod canvas;
mod picture;
mod sheet;

use std::path::PathBuf;
use std::sync::Arc;

use steadfast::data::Dataset;
use steadfast::digest::Digest;
use steadfast::engine::perturbed;
use steadfast::error::{Error, ErrorKind};
use steadfast::file::write_atomically;
use steadfast::spec::{Case, PerturbationRef, Spec, cases, nearest};
use steadfast::text::{self, Page};

use crate::exit_code::ExitCode;
use crate::repository::Repository;
use picture::Picture;
use sheet::{Cell, Sheet};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// The spec, by the stem of its file
    spec: String,
    /// The example, by its id: the data's own, else its position, from 0
    #[arg(long, value_name = "ID")]
    example: String,
    /// Which draw of the stochastic perturbations, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    replicate: u32,
    /// Where the sheet is written; `show/` in the state folder without it
    #[arg(long, value_name = "FILE.png")]
    output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let repository = Repository::open()?;
    let mut code = repository.report_spec_errors(std::slice::from_ref(&arguments.spec));
    let Some(spec) = find(&repository, &arguments.spec)? else {
        return Ok(code);
    };
    if arguments.replicate >= spec.replicates {
        let message = format!(
            "there is no replicate {}: {} draws {}, counted from 0",
            arguments.replicate, spec.name, spec.replicates
        );
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let data = repository.context.dataset(&spec).map_err(Error::from)?;
    let example = position(&data, &arguments.example, spec.data.ids.is_some())?;
    let range = spec.data.bounds();
    let clean = Picture::of(data.example(example)?.view(), range)
        .map_err(|reason| Error::new(ErrorKind::Usage, format!("{}: {reason}", spec.name)))?;

    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut last = None;
    for case in cases(&spec) {
        let Some((entry, _)) = case.cell() else {
            continue;
        };
        if matches!(entry.kind, PerturbationRef::Custom { .. }) {
            say!(
                "not shown: {} ({} is in the program of your tests, which `show` does not run)",
                case.name,
                entry.kind.kind()
            );
            continue;
        }
        let input = perturbed(
            &case,
            &repository.context,
            example,
            arguments.replicate as usize,
        );
        match input {
            Ok(input) => {
                let picture = Picture::of(input.view(), range)
                    .map_err(|reason| Error::new(ErrorKind::Defect, reason))?;
                if last.replace(entry.span.start) != Some(entry.span.start) {
                    rows.push(Vec::new());
                }
                if let Some(row) = rows.last_mut() {
                    row.push(cell(&case, &entry.label, picture));
                }
            }
            Err(error) => {
                let head = format!("Error: {}: ", case.name);
                text::warn(&Page::headed(head, &Error::from(error).page()));
                code = code.and(ExitCode::Unavailable);
            }
        }
    }

    let sheet = Sheet {
        title: title(&spec, arguments),
        clean,
        rows,
    };
    let path = match &arguments.output {
        Some(path) => path.clone(),
        None => repository.state.join("show").join(file_name(arguments)),
    };
    let failed = |error: &dyn std::fmt::Display| {
        let message = format!("failed to write {}: {error}", path.display());
        Error::new(ErrorKind::Unavailable, message)
    };
    let bytes = sheet.png().map_err(|error| failed(&error))?;
    write_atomically(&path, &bytes).map_err(|error| failed(&error))?;
    say!("{}", repository.shown(&path));
    Ok(code)
}

/// The spec called `name`; `None` where it does not parse, which has been said.
fn find(repository: &Repository, name: &str) -> Result<Option<Arc<Spec>>, Error> {
    let specs = &repository.specs;
    if let Some(spec) = specs.specs.iter().find(|spec| spec.name == name) {
        return Ok(Some(Arc::clone(spec)));
    }
    if specs.errors.iter().any(|(stem, _)| stem == name) {
        return Ok(None);
    }
    let known: Vec<&str> = specs.specs.iter().map(|spec| spec.name.as_str()).collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none that parses".to_owned(),
        None => format!("there are {}", known.join(", ")),
    };
    let message = format!("there is no spec `{name}`; {hint}");
    Err(Error::new(ErrorKind::Usage, message))
}

/// How many ids a message lists.
const LISTED: usize = 10;

/// The position of the example called `id`. Ids that are `named` can be mistyped.
fn position(data: &Dataset, id: &str, named: bool) -> Result<usize, Error> {
    let ids = data.ids();
    if let Some(position) = ids.iter().position(|known| known == id) {
        return Ok(position);
    }
    let known = match ids {
        [first @ .., last] if first.len() > LISTED => {
            format!(
                "{}, … {last} ({} in all)",
                first[..LISTED].join(", "),
                ids.len()
            )
        }
        few => few.join(", "),
    };
    let near = nearest(id, ids.iter().map(String::as_str)).filter(|_| named);
    let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
    let message = format!("no example has the id `{id}`: there are {known}{hint}");
    Err(Error::new(ErrorKind::Usage, message))
}

/// A picture with the words above it: what the case's name says after the spec's.
fn cell(case: &Case, label: &str, picture: Picture) -> Cell {
    let prefix = format!("{}::{label}::", case.spec.name);
    Cell {
        label: label.to_owned(),
        setting: case.name.strip_prefix(&prefix).unwrap_or("").to_owned(),
        picture,
    }
}

fn title(spec: &Spec, arguments: &Arguments) -> Vec<String> {
    vec![
        spec.name.clone(),
        format!("example {}", arguments.example),
        format!("seed {}", spec.seed),
        format!("replicate {}", arguments.replicate),
    ]
}

/// The name of the sheet in the state folder: an id may hold what a file's name may not.
fn file_name(arguments: &Arguments) -> String {
    let plain = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => letter,
        _ => '_',
    };
    let mut id: String = arguments.example.chars().map(plain).collect();
    if id != arguments.example {
        // Other ids may look the same.
        id = format!("{id}-{}", Digest::of(arguments.example.as_bytes()).short());
    }
    format!("{}-{id}-{}.png", arguments.spec, arguments.replicate)
}
