//! The first spec: what the model and the data turn out to be, and what is written of them.

use std::path::Path;

use ndarray::ArrayView2;
use steadfast::data::Dataset;
use steadfast::engine;
use steadfast::error::{Error, ErrorKind};
use steadfast::judge::smallest_bearable_margin;
use steadfast::model::onnx::OnnxEngine;
use steadfast::model::{Gives, Model};
use steadfast::text::Page;

use super::origin::{Opened, is_probability};
use super::{Arguments, usage};
use crate::unspecified::{self, Chosen};

/// What the model and the data turned out to be.
pub struct Found {
    data: Dataset,
    range: (f64, f64),
    /// What the ids are, where they are not the row numbers.
    ids: Option<String>,
    /// What runs an ONNX file, where it is not the default.
    pub engine: Option<OnnxEngine>,
    /// The output, where one is to be named.
    output: Option<String>,
    gives: Gives,
    /// Of some examples; or why the model was not asked.
    accuracy: Result<f64, String>,
    image: bool,
}

impl Found {
    /// Opens data and model, and asks the model.
    pub fn look(root: &Path, arguments: &Arguments) -> Result<Self, Error> {
        let unspecified::Opened { data, range, ids } =
            arguments.columns.open(root, &arguments.data)?;
        let chosen = unspecified::some(&data)?;
        let Opened {
            model,
            engine,
            output,
        } = arguments.model.open(root, &data)?;
        let (gives, accuracy) = match model {
            Ok(model) => {
                let (gives, accuracy) = ask(model.as_ref(), &data, &chosen, arguments)?;
                (gives, Ok(accuracy))
            }
            Err(reason) => (unasked(arguments, output.as_deref(), &reason)?, Err(reason)),
        };
        Ok(Self {
            image: (2..=3).contains(&data.shape().len()),
            data,
            range,
            ids,
            engine,
            output,
            gives,
            accuracy,
        })
    }

    /// What was found, for a person.
    pub fn words(&self, arguments: &Arguments) -> Page {
        let data = format!(
            "{}: {} examples of shape {:?}",
            arguments.data,
            self.data.len(),
            self.data.shape()
        );
        let (model, gives) = (arguments.model.origin.shown(), self.gives.text());
        match &self.accuracy {
            Ok(accuracy) => Page::of(format_args!(
                "{data}; {model} answers with {gives} and is right on {:.1} % of them",
                100.0 * accuracy
            )),
            Err(reason) => {
                let mut page = Page::of(data);
                page.line(format_args!(
                    "{model} was not asked: the spec has engine = \"ort\", and takes its answers for {gives}"
                ));
                reason
                    .lines()
                    .for_each(|line| page.line(format_args!("  {line}")));
                page
            }
        }
    }

    /// The feature of steadfast that a harness needs to open the model.
    pub fn feature(&self, arguments: &Arguments) -> Option<&'static str> {
        let served = arguments.model.origin.endpoint.is_some();
        match self.engine {
            Some(OnnxEngine::Ort) => Some("ort"),
            _ => served.then_some("endpoint"),
        }
    }

    /// Tests of the first spec: the clean case and those below, each against its
    /// baseline and against its anchor.
    fn tests(&self) -> u32 {
        2 * if self.image { 1 + 3 + 2 + 2 } else { 1 + 2 }
    }

    fn capacity(&self) -> u32 {
        let tests = self.tests();
        let steps = [10, 20, 50, 100, 200, 500];
        steps.into_iter().find(|&step| step > tests).unwrap_or(500)
    }

    /// A suite of this spec alone.
    pub fn suite(&self) -> String {
        format!(
            "# What all specs share: the error budget. A test is one metric of one case against\n\
             # its baseline or its anchor; each has the alpha 0.05 / capacity, whatever other\n\
             # specs there are.\n\
             [family]\nalpha = 0.05\ncapacity = {}\n",
            self.capacity()
        )
    }

    /// Whether noise as small as a fiftieth of the range is more than some column varies by.
    fn has_columns_of_other_scales(&self) -> bool {
        let range = self.range.1 - self.range.0;
        let mut deviations = self.data.deviations().unwrap_or_default().iter();
        deviations.any(|&deviation| deviation > 0.0 && deviation < range / 50.0)
    }

    /// The first spec; `alpha` is that of each of its tests.
    pub fn spec(&self, root: &Path, arguments: &Arguments, alpha: f64) -> String {
        let examples = self.data.len();
        let margin = smallest_bearable_margin(examples as u64, alpha);
        let ids = self.ids.as_ref();
        let ids = ids.map_or(String::new(), |ids| format!("ids = {ids:?}\n"));
        let (inputs, labels) = arguments.columns.names(&arguments.data);
        let (low, high) = self.range;
        let (low, high) = (outward(low, -1.0), outward(high, 1.0));
        let range = if self.range == (0.0, 1.0) {
            String::new()
        } else {
            format!(
                "range = [{low}, {high}]           # of this file; set it to what inputs may be\n"
            )
        };
        let perturbations = if self.image {
            "[[perturbation]]\nkind = \"gaussian_noise\"\nseverity = [1, 3, 5]\n\n\
             [[perturbation]]\nkind = \"brightness\"\nseverity = [1, 3]\n\n\
             [[perturbation]]\nkind = \"contrast\"\nseverity = [1, 3]\n"
        } else if self.has_columns_of_other_scales() {
            "# Noise of a share of each column's standard deviation: the columns are of different\n\
             # scales. `columns = [0, 1]` keeps it to the continuous ones.\n\
             [[perturbation]]\nkind = \"gaussian_noise\"\nscale_by = \"std\"\nstd = 0.1\n\n\
             [[perturbation]]\nkind = \"gaussian_noise\"\nscale_by = \"std\"\nstd = 0.3\n"
        } else {
            "# Noise on every column; `columns = [0, 1]` keeps it to the continuous ones.\n\
             [[perturbation]]\nkind = \"gaussian_noise\"\nstd = 0.02\n\n\
             [[perturbation]]\nkind = \"gaussian_noise\"\nstd = 0.1\n"
        };
        format!(
            "schema = 1\nseed = 1\nreplicates = 5\n\n\
             {}\n\
             [data]\npath = {:?}\ninputs = {:?}\nlabels = {:?}\n{ids}{range}\n\
             [gate]\nmargin = {margin}                  # the smallest that {examples} examples bear\n\n\
             [[perturbation]]\nkind = \"identity\"\n\n{perturbations}\n\
             [[metric]]\nkind = \"accuracy\"\n",
            arguments
                .model
                .section(root, self.gives, (self.engine, self.output.as_deref())),
            arguments.data,
            inputs,
            labels,
        )
    }
}

/// What the answers are, and how many of some examples are right.
fn ask(
    model: &dyn Model,
    data: &Dataset,
    chosen: &Chosen,
    arguments: &Arguments,
) -> Result<(Gives, f64), Error> {
    let description = model.describe();
    let given = arguments.gives.as_deref().and_then(Gives::from_text);
    if let (Some(given), Some(declared)) = (given, description.gives)
        && given != declared
    {
        let (given, declared) = (given.text(), declared.text());
        return Err(usage(format!(
            "--gives {given}, and the model declares \"{declared}\". Leave the flag out, or correct the model"
        )));
    }
    let known = given.or(description.gives);
    engine::fit::check_shape(&description, data.shape())?;
    if let Some(gives) = known {
        engine::fit::check(&description, gives, &[], data)?;
    }
    let answers = engine::ask::answers(
        model,
        chosen.inputs.view(),
        unspecified::batch(data.shape()),
    )?;
    let gives = known.unwrap_or_else(|| guess(answers.view()));
    if gives == Gives::PositiveProbability && answers.ncols() > 1 {
        return Err(usage(format!(
            "the model answers with {} numbers an example, one a class, and its answers are said to be \"positive_probability\", which is one number: the probability of class 1 of two. Say logits or probabilities",
            answers.ncols()
        )));
    }
    if answers.ncols() == 1 && !are_probabilities(answers.view()) {
        return Err(usage(
            "the model answers with one number an example, and not from 0 to 1: it is no probability of class 1 of two, and a number a class would be two or more. It may be the quantity that a regression predicts, or the label: classifiers only as yet. Of a classifier name the output of its scores (--output)".to_owned(),
        ));
    }
    if gives != Gives::PositiveProbability && answers.ncols() == 1 {
        return Err(usage(format!(
            "the model answers with one number an example, from 0 to 1, and its answers are said to be \"{}\", which are a number a class. One number is the probability of class 1 of two: positive_probability",
            gives.text()
        )));
    }
    if gives != Gives::Logits && !are_probabilities(answers.view()) {
        return Err(usage(format!(
            "the answers are said to be \"{}\", and are no numbers from 0 to 1 that sum to 1 where there are several. Are they logits?",
            gives.text()
        )));
    }
    if gives == Gives::Logits && description.gives.is_none() && are_probabilities(answers.view()) {
        return Err(usage(
            "--gives logits, and every answer is numbers from 0 to 1 that sum to 1: probabilities. Leave the flag out".to_owned(),
        ));
    }
    let answered = answers.rows().into_iter().zip(&chosen.labels);
    let right = answered.filter(|(answer, label)| unspecified::class(gives, *answer) == **label);
    Ok((gives, right.count() as f64 / chosen.labels.len() as f64))
}

/// What the answers of a model are that is not here to be asked.
fn unasked(arguments: &Arguments, output: Option<&str>, reason: &str) -> Result<Gives, Error> {
    let given = arguments.gives.as_deref().and_then(Gives::from_text);
    let called = output.filter(|output| is_probability(output));
    given
        .or(called.map(|_| Gives::Probabilities))
        .ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                format!(
                    "{reason}\nOr say what its answers are (--gives): the spec is then written for ONNX Runtime without asking the model"
                ),
            )
        })
}

fn guess(answers: ArrayView2<'_, f32>) -> Gives {
    match (answers.ncols(), are_probabilities(answers)) {
        (1, _) => Gives::PositiveProbability,
        (_, true) => Gives::Probabilities,
        _ => Gives::Logits,
    }
}

/// Whether each answer is one probability, or several that sum to 1, to rounding.
fn are_probabilities(answers: ArrayView2<'_, f32>) -> bool {
    const ROUNDING: f32 = 1e-3;
    let mut numbers = answers.iter();
    let mut rows = answers.rows().into_iter();
    numbers.all(|value| (-ROUNDING..=1.0 + ROUNDING).contains(value))
        && (answers.ncols() == 1 || rows.all(|row| (row.sum() - 1.0).abs() < ROUNDING))
}

/// A bound of a range in seven digits, no further inward than it is. (Specs take fifteen
/// decimal places.)
fn outward(bound: f64, direction: f64) -> String {
    let places = (6.0 - bound.abs().log10().floor()).clamp(0.0, 15.0) as usize;
    let rounded = |bound: f64| format!("{bound:.places$}").parse().unwrap_or(bound);
    let near: f64 = rounded(bound);
    let written = match (near - bound) * direction < 0.0 {
        true => rounded(near + direction * 10_f64.powi(-(places as i32))),
        false => near,
    };
    format!("{written}")
}

#[cfg(test)]
mod tests {
    use steadfast::seed::Stream;
    use steadfast::spec::Exact;

    use super::outward;

    #[test]
    fn a_bound_is_written_outward_and_can_be_read() {
        let mut stream = Stream::new(1, "test", 0, "");
        let drawn = (0..2000).map(|_| {
            let float = f32::from_bits(stream.word() as u32);
            f64::from(float)
        });
        let sized = drawn.filter(|float| float.is_finite() && (1e-12..1e12).contains(&float.abs()));
        let bounds = [0.0, 1.0, -1.0, 255.0, 0.1, 1e9, f64::from(-2.653_842_7_f32)];
        for bound in sized.chain(bounds) {
            for direction in [-1.0, 1.0] {
                let text = outward(bound, direction);
                let read = Exact::parse(&text).unwrap_or_else(|why| panic!("{text}: {why}"));
                let beyond = (read.value() - bound) * direction;
                assert!(beyond >= 0.0, "{bound} as {text}");
                assert!(beyond <= bound.abs() * 2.1e-6 + 2e-15, "{bound} as {text}");
            }
        }
        assert_eq!(outward(255.0, 1.0), "255");
        assert_eq!(outward(-1.0, -1.0), "-1");
    }
}
