//! The one error of the public interface: what the typed errors of each module
//! turn into when they reach a user, with the class that decides an exit code.

use std::error::Error as StdError;
use std::fmt;

use crate::text::{Page, escaped};

/// What went wrong, in the terms in which a user or a script reacts to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The command, its arguments or an environment variable.
    Usage,
    /// A spec or `suite.toml`.
    Spec,
    /// A model or data set that cannot be opened, or a case that could not be run.
    Unavailable,
    /// A baseline or record that cannot be read or written.
    Evidence,
    /// A defect of steadfast.
    Defect,
}

/// An error with its class. Displayed, it is the whole message, causes included.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    source: Box<dyn StdError + Send + Sync>,
}

impl Error {
    /// Wraps `source`.
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self {
            kind,
            source: source.into(),
        }
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message as it is printed: one line, unless the error is a [`Page`] itself.
    pub fn page(&self) -> Page {
        match self.source.downcast_ref::<Page>() {
            Some(page) => page.clone(),
            None => Page::of(chain(self.source.as_ref())),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.page().trim_end())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.source()
    }
}

/// How many letters of another program's words are shown: of their beginning, and of
/// their end, where a traceback says what happened.
const WORDS: (usize, usize) = (200, 300);

/// What another program says, fit to stand within a message or a record: on one line,
/// short, with escapes for letters that control a terminal.
pub fn words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    let words = words.join(" ");
    let letters: Vec<char> = words.chars().collect();
    let (first, last) = WORDS;
    let text = |letters: &[char]| escaped(&letters.iter().collect::<String>());
    match letters.as_slice() {
        all if all.len() <= first + last => text(all),
        all => format!(
            "{} … {}",
            text(&all[..first]),
            text(&all[all.len() - last..])
        ),
    }
}

/// An error's message with those of its causes, for a reader who sees only text.
/// A cause that the message already repeats is left out.
pub fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_short_plain_and_on_one_line() {
        assert_eq!(
            words(" a\u{1b}[31m\n\tb\u{7}  c "),
            "a\\u{1b}[31m b\\u{7} c"
        );
        let long = format!("{}END", "é".repeat(10_000));
        let shown = words(&long);
        assert_eq!(shown.chars().count(), 503);
        assert!(shown.starts_with('é') && shown.ends_with("END"), "{shown}");
    }
}
