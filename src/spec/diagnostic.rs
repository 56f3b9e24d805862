//! What is wrong with a spec: file, line, column, a caret under the word, and
//! what to do.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

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

    /// The file's text, with stars for what is secret.
    fn shown(&self) -> String {
        let mut text = self.source.text.clone();
        for problem in self.problems.iter().filter(|problem| problem.secret) {
            if text.get(problem.span.clone()).is_some() {
                text.replace_range(problem.span.clone(), &"*".repeat(problem.span.len()));
            }
        }
        text
    }
}

/// The whole diagnosis, with the lines in question; plain text without colours.
impl fmt::Display for SpecError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_width(100)
            .with_links(false);
        let text = self.shown();
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                formatter.write_str("\n")?;
            }
            let (line, column) = self.source.position(problem.span.start);
            let one = OneProblem {
                place: format!("{}:{line}:{column}", self.source.path),
                source: NamedSource::new(&self.source.path, text.clone()),
                problem,
            };
            handler.render_report(formatter, &one)?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecError {}

impl From<SpecError> for crate::error::Error {
    fn from(error: SpecError) -> Self {
        Self::new(crate::error::ErrorKind::Spec, error)
    }
}

/// A problem as `miette` wants it.
#[derive(Debug)]
struct OneProblem<'a> {
    place: String,
    source: NamedSource<String>,
    problem: &'a Problem,
}

impl fmt::Display for OneProblem<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.problem.message)
    }
}

impl std::error::Error for OneProblem<'_> {}

impl Diagnostic for OneProblem<'_> {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.problem.help.as_ref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new(
            Some(self.problem.label.clone()),
            self.problem.span.start,
            self.problem.span.len().max(1),
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
