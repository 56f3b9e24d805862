//! `init --git`: git is told how baselines are merged that two branches changed. The rule is
//! committed, and what it runs is set in each clone, as git wants it.

use std::path::Path;

use steadfast::baseline::FOLDER;
use steadfast::error::{Error, ErrorKind};
use steadfast::fence::Fence;
use steadfast::file::OWN;

use crate::exit_code::ExitCode;
use crate::repository::Repository;
use crate::resolve::DRIVER;

/// Runs the command.
pub fn run() -> Result<ExitCode, Error> {
    let repository = Repository::open()?;
    add_line(
        &repository,
        ".gitattributes",
        &format!("{FOLDER}/**/*.json merge=steadfast"),
    )?;
    add_line(&repository, ".gitignore", &format!("{OWN}*"))?;
    let failed = |error: git2::Error| {
        Error::new(
            ErrorKind::Usage,
            format!("failed to set git's configuration: {}", error.message()),
        )
    };
    let git = git2::Repository::discover(&repository.root).map_err(failed)?;
    let config = git
        .config()
        .and_then(|config| config.open_level(git2::ConfigLevel::Local));
    let mut config = config.map_err(failed)?;
    let mut set = |key: &str, value: &str| -> Result<(), Error> {
        config.set_str(key, value).map_err(failed)?;
        say!("set: git config {key} \"{value}\"");
        Ok(())
    };
    set("merge.steadfast.name", "steadfast's baselines")?;
    set("merge.steadfast.driver", DRIVER)?;
    say!(
        "git merges baselines that two branches changed with `cargo steadfast resolve` from now on. The configuration is this clone's alone: each one who merges gives the same command once"
    );
    Ok(ExitCode::Good)
}

/// Adds a line to a file of the repository's root that does not have it.
fn add_line(repository: &Repository, name: &str, line: &str) -> Result<(), Error> {
    let fence = Fence::around(&repository.root);
    let path = Path::new(name);
    let failed = |error| {
        Error::new(
            ErrorKind::Usage,
            format!("failed to change {name}: {error}"),
        )
    };
    let mut text = match fence.read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(failed(error)),
    };
    if text
        .split(|&byte| byte == b'\n')
        .any(|known| known == line.as_bytes())
    {
        return Ok(());
    }
    if text.last().is_some_and(|&last| last != b'\n') {
        text.push(b'\n');
    }
    text.extend_from_slice(line.as_bytes());
    text.push(b'\n');
    fence.write(path, &text).map_err(failed)?;
    say!("added to {name}: {line}");
    Ok(())
}
