//! What can go wrong with a worker, in words: what happened, its last words, the cure.

use std::process::ExitStatus;

use super::frame::{FrameError, PROTOCOL, Verb};
use crate::text::{QUOTE, escaped};

/// How many of the last lines of stderr are shown.
const LINES: usize = 12;

/// How much of a line is shown, in characters.
const LINE: usize = 240;

/// A worker that did not start or did not answer.
#[derive(Debug, thiserror::Error)]
#[error("the worker `{command}` {failure}{words}")]
pub struct WorkerError {
    /// The program and its arguments.
    pub command: String,
    /// What happened.
    pub failure: Failure,
    /// Its last lines on stderr, as the message shows them.
    pub words: String,
}

/// What happened.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An empty command.
    #[error("names no program: set [model] worker = [\"program\", \"argument\", …]")]
    NoProgram,
    /// The system did not start the program.
    #[error(
        "cannot be started: {0}. [model] worker has the program, as it is found on PATH or from the repository's root, and its arguments"
    )]
    NotStarted(std::io::Error),
    /// It ended by itself.
    #[error("ended {} ({})", when(*.verb), how(*.status))]
    Ended {
        /// What it had been asked.
        verb: Verb,
        /// How it ended.
        status: Option<ExitStatus>,
    },
    /// It did not answer in time.
    #[error(
        "did not answer within {seconds} s {} and was killed: see what it waits for, or raise [model] {}", when(*.verb), limit(*.verb)
    )]
    Silent {
        /// What it had been asked.
        verb: Verb,
        /// The limit.
        seconds: f64,
    },
    /// What it wrote is not of the protocol.
    #[error("cannot be understood: {0}")]
    Frame(FrameError),
    /// It has closed its stdin.
    #[error("does not read its stdin ({0}): it must read requests until the end")]
    Unwritten(std::io::Error),
    /// It speaks another protocol.
    #[error(
        "speaks {}, and this version of steadfast speaks protocol {PROTOCOL}: `cargo steadfast worker > steadfast_worker.py` writes what speaks it", protocol(*.0)
    )]
    Protocol(Option<u32>),
    /// It does not say what it is.
    #[error("answers `describe` without `model`: see docs/worker-protocol.md")]
    Undescribed,
    /// It says something else than when it was started first.
    #[error("says after a restart that it is another model: it said {before}, and says {now}")]
    Changed {
        /// At first.
        before: String,
        /// Now.
        now: String,
    },
    /// An answer to something else.
    #[error(
        "answers request {found} when request {asked} was asked: one answer a request, with its id"
    )]
    Astray {
        /// The number of the answer.
        found: u64,
        /// The number of the request.
        asked: u64,
    },
    /// An answer of the wrong shape.
    #[error("{}, and {expected} is needed", answered(.found))]
    Shape {
        /// The shape of the answer; `None` where there is no tensor.
        found: Option<Vec<usize>>,
        /// The shape that is needed, with what it means.
        expected: String,
    },
    /// It says that it failed, and goes on.
    #[error("failed: {0}")]
    Refused(String),
    /// A gradient is asked of one that has none.
    #[error("has no gradient: give steadfast_worker.serve a `gradient`, or choose what needs none")]
    NoGradient,
}

impl Failure {
    /// Whether the worker is as good as before: it has said so itself.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::NoGradient)
    }
}

fn when(verb: Verb) -> &'static str {
    match verb {
        Verb::Describe => "before it said what it is",
        Verb::Predict => "when it was asked to predict",
        Verb::Gradient => "when it was asked for the answers of a gradient",
        Verb::Cotangents => "when it was asked for a gradient",
        Verb::Close => "when it was asked to end",
    }
}

/// The key that limits how long it may take.
fn limit(verb: Verb) -> &'static str {
    match verb {
        Verb::Describe => "start_seconds",
        Verb::Close => "stop_seconds",
        _ => "answer_seconds",
    }
}

fn how(status: Option<ExitStatus>) -> String {
    status.map_or("no exit status".to_owned(), |status| status.to_string())
}

fn protocol(theirs: Option<u32>) -> String {
    theirs.map_or("no protocol".to_owned(), |theirs| {
        format!("protocol {theirs}")
    })
}

fn answered(shape: &Option<Vec<usize>>) -> String {
    match shape {
        Some(shape) => format!("answered with the shape {shape:?}"),
        None => "answered without a tensor".to_owned(),
    }
}

/// The last lines of what was written to stderr, as they follow a message.
pub fn last_lines(text: &str) -> String {
    // A line of progress is written over by the next.
    let lines: Vec<String> = text
        .split(['\n', '\r'])
        .filter(|line| !line.trim().is_empty())
        .map(|line| escaped(&line.chars().take(LINE).collect::<String>()))
        .collect();
    if lines.is_empty() {
        return ". It wrote nothing to stderr".to_owned();
    }
    let shown = &lines[lines.len().saturating_sub(LINES)..];
    format!(". Its last words on stderr:{QUOTE}{}", shown.join(QUOTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_few_short_and_plain() {
        let many: String = (0..100).map(|line| format!("line {line}\n")).collect();
        let shown = last_lines(&many);
        assert!(shown.ends_with("\n  | line 98\n  | line 99"), "{shown}");
        assert!(!shown.contains("line 87\n"), "{shown}");
        assert!(last_lines(&"x".repeat(100_000)).len() < 400);
        assert_eq!(last_lines(" \r\n\t\n"), ". It wrote nothing to stderr");
        let progress = last_lines("10 %\r20 %\r\u{1b}[31mboom\u{7}");
        assert!(
            progress.ends_with("20 %\n  | \\u{1b}[31mboom\\u{7}"),
            "{progress}"
        );
    }
}
