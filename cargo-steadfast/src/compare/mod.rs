//! `compare`: models against each other, case by case, over cases and over
//! repositories. It reads records or runs ONNX files, writes nothing and never gates.

mod json;
mod pairs;
mod sides;
mod source;
mod spread;
mod studies;
mod text;

use std::path::PathBuf;

use steadfast::error::{Error, ErrorKind};
use steadfast::spec::Exact;
use steadfast::text::{Page, print};

use crate::exit_code::ExitCode;
use pairs::{Pair, Question};
use source::{Opener, Source};
use spread::Spread;
use studies::{OverCases, OverStudies};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// Two models or more: each a folder of records (what STEADFAST_DIR named in a run), or
    /// an ONNX file, which is run in place of the specs' models
    #[arg(required = true, num_args = 2.., value_names = ["A", "B"])]
    models: Vec<PathBuf>,
    /// Only these specs, or cases by the first segments of their names
    #[arg(long = "spec", value_name = "NAME")]
    specs: Vec<String>,
    /// A further study: two more models, compared with each other
    #[arg(long = "and", num_args = 2, value_names = ["A2", "B2"])]
    and: Vec<PathBuf>,
    /// The error rate: intervals are of 1 − alpha, adjusted p-values are held against it
    #[arg(long, default_value = "0.05", value_parser = alpha)]
    alpha: Exact,
    /// The margin of all metrics that have none in records or specs (0.02), or of one
    /// metric, whatever they say (accuracy=0.02)
    #[arg(long = "margin", value_name = "[METRIC=]MARGIN", value_parser = margin)]
    margins: Vec<Margin>,
    /// Print all numbers as JSON
    #[arg(long)]
    json: bool,
}

/// A margin of the command line.
#[derive(Clone, Debug)]
struct Margin {
    /// The metric that it is for; `None`: for all that have none.
    metric: Option<String>,
    margin: Exact,
}

fn alpha(text: &str) -> Result<Exact, String> {
    let alpha = Exact::parse(text)?;
    if alpha.value() > 0.0 && alpha.value() < 1.0 {
        Ok(alpha)
    } else {
        Err("an alpha is between 0 and 1".to_owned())
    }
}

fn margin(text: &str) -> Result<Margin, String> {
    let (metric, number) = match text.split_once('=') {
        None => (None, text),
        Some((metric, number)) => (Some(metric.to_owned()), number),
    };
    let margin = Exact::parse(number)?;
    if margin.value() > 0.0 {
        Ok(Margin { metric, margin })
    } else {
        Err("a margin is above 0".to_owned())
    }
}

/// All that is shown.
struct Report {
    alpha: Exact,
    sources: Vec<Source>,
    /// Which of the sources are compared with each other.
    studies: Vec<Vec<usize>>,
    pairs: Vec<Pair>,
    spreads: Vec<Spread>,
    over_cases: Vec<OverCases>,
    over_studies: Vec<OverStudies>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let opener = Opener::new(&arguments.specs);
    let mut sources = Vec::new();
    let mut studies = vec![Vec::new()];
    for (place, path) in arguments.models.iter().enumerate() {
        studies[0].push(sources.len());
        sources.push(opener.open(path, letter(place, 0))?);
    }
    for (study, paths) in arguments.and.chunks(2).enumerate() {
        let first = sources.len();
        for (place, path) in paths.iter().enumerate() {
            sources.push(opener.open(path, letter(place, study + 1))?);
        }
        studies.push((first..sources.len()).collect());
    }
    check_filters(&arguments.specs, &sources)?;
    let question = Question {
        alpha: &arguments.alpha,
        margins: &arguments.margins,
    };
    let mut pairs = Vec::new();
    for (study, members) in studies.iter().enumerate() {
        for (place, &a) in members.iter().enumerate() {
            for &b in &members[place + 1..] {
                pairs.push(question.pair(study, (a, b), &sources));
            }
        }
    }
    question.settle(&mut pairs, &sources);
    if pairs.iter().all(|pair| pair.cases.is_empty()) {
        return Err(nothing_to_compare(&pairs));
    }
    let level = arguments.alpha.value();
    let over_cases = studies::over_cases(&pairs, &sources, level);
    let report = Report {
        alpha: arguments.alpha.clone(),
        spreads: spread::spreads(&studies, &sources),
        over_studies: studies::over_studies(&pairs, &over_cases, &sources, level),
        over_cases,
        sources,
        studies,
        pairs,
    };
    if arguments.json {
        print(&Page::json(&json::render(&report)));
    } else {
        print(text::render(&report).page());
    }
    Ok(ExitCode::Good)
}

/// `A`, `B`, … of the first study, `A2`, `B2` of the next.
fn letter(place: usize, study: usize) -> String {
    let letter = u8::try_from(place)
        .ok()
        .filter(|place| *place < 26)
        .map_or_else(
            || format!("M{}", place + 1),
            |place| char::from(b'A' + place).to_string(),
        );
    if study == 0 {
        letter
    } else {
        format!("{letter}{}", study + 1)
    }
}

/// A name that means nothing is a mistake.
fn check_filters(filters: &[String], sources: &[Source]) -> Result<(), Error> {
    let unknown = filters
        .iter()
        .find(|filter| !sources.iter().any(|source| source.knows(filter)));
    match unknown {
        None => Ok(()),
        Some(filter) => Err(Error::new(
            ErrorKind::Usage,
            format!("--spec {filter}: no case of these models begins with the segments `{filter}`"),
        )),
    }
}

fn nothing_to_compare(pairs: &[Pair]) -> Error {
    let mut message = Page::of("there is no case to compare");
    for pair in pairs {
        for line in text::grouped(&pair.left_out) {
            message.line(format_args!("  {line}"));
        }
    }
    Error::new(ErrorKind::Evidence, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_called_by_letters() {
        assert_eq!(letter(0, 0), "A");
        assert_eq!(letter(25, 0), "Z");
        assert_eq!(letter(26, 0), "M27");
        assert_eq!(letter(1, 1), "B2");
    }

    #[test]
    fn alphas_and_margins_are_checked() {
        assert!(alpha("0.05").is_ok() && alpha("1/20").is_ok());
        assert!(alpha("0").is_err() && alpha("1").is_err() && alpha("x").is_err());
        let one = margin("accuracy=0.02").unwrap();
        assert_eq!(one.metric.as_deref(), Some("accuracy"));
        assert_eq!(margin("2/255").unwrap().metric, None);
        assert!(margin("0").is_err() && margin("accuracy=").is_err());
    }
}
