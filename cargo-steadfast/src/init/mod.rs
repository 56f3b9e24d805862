//! `init`: sets up a repository for a model and a data file. It shows what it
//! would write, and overwrites nothing.

mod budget;
mod first_spec;
mod origin;
mod package;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use steadfast::error::{Error, ErrorKind};
use steadfast::fence::Fence;
use steadfast::spec::{FOLDER, SUITE_FILE, is_segment};
use steadfast::text::{self, Page, print};

use self::budget::Budget;
use self::first_spec::Found;
use self::origin::ModelArguments;
use self::package::{HARNESS, ignored, manifest, workflow};
use crate::exit_code::ExitCode;
use crate::unspecified::Columns;

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    model: ModelArguments,
    /// The labelled data (.npz, or the .csv that labels a folder of images), relative to
    /// this folder
    #[arg(long, required_unless_present = "git", default_value = "")]
    data: String,
    #[command(flatten)]
    columns: Columns,
    /// What the model answers with; found out by asking it where not given
    #[arg(long, value_parser = ["logits", "probabilities", "positive_probability"])]
    gives: Option<String>,
    /// The name of the first spec; the model's file name where not given
    #[arg(long)]
    name: Option<String>,
    /// Depend on steadfast in this folder, instead of the published version
    #[arg(long)]
    steadfast: Option<String>,
    /// Write without asking
    #[arg(long)]
    yes: bool,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let root = std::env::current_dir().map_err(|error| Error::new(ErrorKind::Usage, error))?;
    arguments.model.origin.check()?;
    let name = name(arguments)?;
    let above = root
        .ancestors()
        .skip(1)
        .take_while(|folder| folder.parent().is_some());
    let mut above = above.filter(|folder| folder.join(FOLDER).is_dir());
    if let (false, Some(above)) = (root.join("Cargo.toml").is_file(), above.next()) {
        let message = format!(
            "there are specs in {} already, and those below would be another suite: run it there",
            above.join(FOLDER).display()
        );
        return Err(Error::new(ErrorKind::Usage, message));
    }
    let found = Found::look(&root, arguments)?;
    print(&found.words(arguments));
    say!("");
    let fence = Fence::around(&root);
    let spec_path = PathBuf::from(format!("{FOLDER}/{name}.toml"));
    if root.join(&spec_path).exists() {
        let model = arguments.model.origin.shown();
        // A second time with the same model changes nothing.
        let text = read(&fence, &spec_path)?;
        if !model.split_whitespace().all(|word| text.contains(word)) {
            let message = format!(
                "{} is there already, and is of another model than {model}: give the new one a --name",
                spec_path.display()
            );
            return Err(Error::new(ErrorKind::Usage, message));
        }
    }
    let suite_path = Path::new(FOLDER).join(SUITE_FILE);
    let suite = match root.join(&suite_path).exists() {
        true => Some(read(&fence, &suite_path)?),
        false => None,
    };
    let before = Budget::of(suite.clone().unwrap_or_else(|| found.suite()))?;
    let budget = match root.join(&spec_path).exists() {
        // It is kept, and takes no more than it did.
        true => before.clone(),
        false => {
            let draft = found.spec(&root, arguments, before.alpha);
            before.clone().with_room(&root, (&name, &draft))?
        }
    };
    // Without a package the subcommand is the harness.
    let package = root.join("Cargo.toml").is_file();
    let workflow = workflow(package, found.engine);
    let mut files = vec![
        (suite_path.clone(), budget.text.clone()),
        (spec_path, found.spec(&root, arguments, budget.alpha)),
        (PathBuf::from(".github/workflows/robustness.yml"), workflow),
    ];
    let ignored = ignored(&root, package)?;
    let manifest = if package {
        files.insert(
            0,
            (PathBuf::from("tests/robustness.rs"), HARNESS.to_owned()),
        );
        manifest(
            &root,
            arguments.steadfast.as_deref(),
            found.feature(arguments),
        )?
    } else {
        None
    };
    // All or nothing: what cannot be written is known before anything is.
    for (path, _) in &files {
        let folder = fence.resolve(path.parent().unwrap_or(path));
        folder.map_err(|error| unwritten(path, &error))?;
    }
    let mut kept = Vec::new();
    files.retain(|(path, _)| {
        let raised = *path == suite_path && budget.capacity > before.capacity;
        let there = root.join(path).exists() && !raised;
        if there {
            kept.push(path.display().to_string());
        }
        !there
    });
    for (path, text) in &files {
        if *path == suite_path && suite.is_some() {
            print(&raised(&before, &budget));
            continue;
        }
        say!("would write {}:", path.display());
        print(&indent(text));
    }
    match &manifest {
        Some((_, added)) => {
            say!("would add to Cargo.toml:");
            print(&indent(added));
        }
        None if package => kept.push("Cargo.toml".to_owned()),
        None => {}
    }
    if let Some((_, lines)) = &ignored {
        say!("would add to .gitignore:");
        print(&indent(&lines.join("\n")));
    }
    if !kept.is_empty() {
        say!("kept as they are: {}", kept.join(", "));
    }
    if !confirmed(arguments)? {
        say!("nothing was written; --yes writes without asking");
        return Ok(ExitCode::Good);
    }
    files.extend(manifest.map(|(text, _)| (PathBuf::from("Cargo.toml"), text)));
    files.extend(ignored.map(|(text, _)| (PathBuf::from(".gitignore"), text)));
    for (path, text) in &files {
        let written = fence.write(path, text.as_bytes());
        written.map_err(|error| unwritten(path, &error))?;
    }
    let test = match package {
        true => "cargo test --test robustness",
        false => "cargo steadfast test",
    };
    let bless = format!("cargo steadfast bless {name} --reason \"first baseline\"");
    let width = bless.len();
    say!("written. Next:");
    say!("  {test:width$}  # runs the cases: no baseline yet");
    say!("  {bless}  # accepts what they found");
    say!("  {test:width$}  # passes");
    Ok(ExitCode::Good)
}

/// What a larger capacity means.
fn raised(before: &Budget, after: &Budget) -> Page {
    let mut page = Page::of(format_args!(
        "would raise capacity in {FOLDER}/{SUITE_FILE} from {} to {}: its tests are used up. Each test's",
        before.capacity, after.capacity
    ));
    page.line(format_args!(
        "share of the error budget falls from {} to {}, so that each, of the other specs too, takes",
        before.alpha, after.alpha
    ));
    page.line("more to fail: `cargo steadfast power` says what they can see with their examples");
    page.line("");
    page
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

/// The text of a file that is there.
fn read(fence: &Fence, path: &Path) -> Result<String, Error> {
    let failed = |error| usage(format!("failed to read {}: {error}", path.display()));
    fence.read(path).and_then(package::text).map_err(failed)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("failed to write {}: {error}", path.display()),
    )
}

/// The lines of a file of ours, and an empty one.
fn indent(text: &str) -> Page {
    let mut page = Page::new();
    for line in text.lines() {
        page.line(format_args!("    {line}"));
    }
    page.line("");
    page
}

fn confirmed(arguments: &Arguments) -> Result<bool, Error> {
    if arguments.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Ok(false);
    }
    let failed = |error| Error::new(ErrorKind::Usage, error);
    text::ask("write these? [y/N] ").map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn name(arguments: &Arguments) -> Result<String, Error> {
    let name = arguments.name.clone().unwrap_or_else(|| {
        let name = arguments.model.origin.name();
        name.to_lowercase().replace(' ', "_")
    });
    if is_segment(&name) && !matches!(name.as_str(), "suite" | "spec") {
        return Ok(name);
    }
    Err(Error::new(
        ErrorKind::Usage,
        format!(
            "`{name}` cannot name a spec: give --name of lower-case letters, digits, `_`, `.` and `-`"
        ),
    ))
}
