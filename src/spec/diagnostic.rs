//! What is wrong with a spec: file, line, column, a caret under the word, and
//! what to do.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::text::{Page, escaped};
use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode,
};

/// The text of a spec file and its path as people write it.
#[derive(Debug)]
pub struct Source {
    /// `robustness-specs/digits.toml`.
    pub path: String,
    /// What the file held when it was read.
    pub text: String,
}

impl Source {
    /// Line and column of a byte, both from 1.
    pub fn position(&self, byte: usize) -> (usize, usize) {
        let before = self.text.get(..byte).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        (line, column)
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// What is wrong, in one sentence.
    pub message: String,
    /// The words under the caret.
    pub label: String,
    /// Where, in bytes of the file.
    pub span: Range<usize>,
    /// What to do.
    pub help: Option<String>,
    /// Whether what stands there is not to be shown.
    pub secret: bool,
}

/// Everything that is wrong with one file.
#[derive(Debug)]
pub struct SpecError {
    /// The file.
    pub source: Arc<Source>,
    /// At least one problem, in the order of the file.
    pub problems: Vec<Problem>,
}

impl SpecError {
    /// An error of one problem.
    pub fn one(source: &Arc<Source>, problem: Problem) -> Self {
        Self {
            source: Arc::clone(source),
            problems: vec![problem],
        }
    }

    /// The whole diagnosis, with the lines in question; plain text without colours.
    pub fn page(&self) -> Page {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(100)
            .with_links(false);
        let text = self.censored();
        let path = escaped(&self.source.path);
        let mut page = Page::new();
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                page.line("");
            }
            let (line, column) = self.source.position(problem.span.start);
            let one = OneProblem {
                message: format!("{path}:{line}:{column}: {}", escaped(&problem.message)),
                label: escaped(&problem.label),
                help: problem.help.as_deref().map(escaped),
                span: shown_span(&text, &problem.span),
                source: NamedSource::new(&path, shown(&text)),
            };
            let mut rendered = String::new();
            if handler.render_report(&mut rendered, &one).is_err() {
                rendered = one.message;
            }
            page.ours(&rendered);
        }
        page
    }

    /// The file's text, with stars for what is secret.
    fn censored(&self) -> String {
        let mut text = self.source.text.clone();
        for problem in self.problems.iter().filter(|problem| problem.secret) {
            if text.get(problem.span.clone()).is_some() {
                text.replace_range(problem.span.clone(), &"*".repeat(problem.span.len()));
            }
        }
        text
    }
}

/// A file's text as it is shown: each of its lines stays one.
fn shown(text: &str) -> String {
    let lines: Vec<String> = text.split('\n').map(escaped_line).collect();
    lines.join("\n")
}

/// The whole line, however long: the places in it are counted.
fn escaped_line(line: &str) -> String {
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.chars()
        .map(|letter| escaped(letter.encode_utf8(&mut [0; 4])))
        .collect()
}

/// Where a part of the text stands in what is shown of it.
fn shown_span(text: &str, span: &Range<usize>) -> Range<usize> {
    let place = |byte: usize| text.get(..byte).map_or(byte, |before| shown(before).len());
    place(span.start)..place(span.end)
}

impl fmt::Display for SpecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.page())
    }
}

impl std::error::Error for SpecError {}

impl From<SpecError> for crate::error::Error {
    fn from(error: SpecError) -> Self {
        Self::new(crate::error::ErrorKind::Spec, error.page())
    }
}

/// A problem as `miette` wants it.
#[derive(Debug)]
struct OneProblem {
    message: String,
    label: String,
    help: Option<String>,
    span: Range<usize>,
    source: NamedSource<String>,
}

impl fmt::Display for OneProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for OneProblem {}

impl Diagnostic for OneProblem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new(
            Some(self.label.clone()),
            self.span.start,
            self.span.len().max(1),
        );
        Some(Box::new(std::iter::once(label)))
    }
}

/// The known word nearest to `word`, if one is near enough to have been meant.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|&(distance, candidate)| distance <= 1 + candidate.len().max(word.len()) / 3)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, candidate)| candidate)
}
