//! `doctor`: whether a model runs here, on which engines, how far their answers are
//! apart on some examples, and how fast each is.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ndarray::{Array2, ArrayD, ArrayView2, Axis, IxDyn};
use steadfast::data::Dataset;
use steadfast::engine::{LoadedModel, ask};
use steadfast::error::{Error, ErrorKind};
use steadfast::model::onnx::{self, OnnxEngine};
use steadfast::model::{Gives, Model, ModelError};
use steadfast::seed::{Stream, uniform};
use steadfast::spec::{FOLDER, ModelOrigin, Spec};

use crate::exit_code::ExitCode;
use crate::repository::Repository;
use crate::unspecified::{self, Columns, flagged};

/// The command's arguments.
#[derive(clap::Args)]
pub struct Arguments {
    /// An ONNX file; or a spec, by its name or its file: its model, asked about its data
    model: String,
    /// The labelled data to ask an ONNX file about (.npz, or the .csv that labels a folder
    /// of images); random numbers where not given
    #[arg(long)]
    data: Option<String>,
    #[command(flatten)]
    columns: Columns,
    /// The input tensor of an ONNX file; the only one where not given
    #[arg(long)]
    input: Option<String>,
    /// The output tensor of an ONNX file; the only one where not given
    #[arg(long)]
    output: Option<String>,
}

/// Runs the command.
pub fn run(arguments: &Arguments) -> Result<ExitCode, Error> {
    let path = Path::new(&arguments.model);
    let extension = path.extension().unwrap_or_default();
    if extension == "onnx" || path.is_file() && extension != "toml" {
        return file(arguments);
    }
    let only_for_files = arguments.data.is_some()
        || arguments.columns.inputs.is_some()
        || arguments.columns.labels.is_some()
        || arguments.input.is_some()
        || arguments.output.is_some();
    if only_for_files {
        return Err(usage(
            "--data, --inputs, --labels, --input and --output go with an ONNX file; a spec names its own".to_owned(),
        ));
    }
    let repository = Repository::open().map_err(|error| {
        usage(format!(
            "{} is no ONNX file, and no spec: {error}",
            arguments.model
        ))
    })?;
    of_spec(find(&repository, &arguments.model)?.as_ref(), &repository)
}

fn usage(message: String) -> Error {
    Error::new(ErrorKind::Usage, message)
}

/// The spec of a name, or of a file in the folder of specs.
fn find(repository: &Repository, wanted: &str) -> Result<Arc<Spec>, Error> {
    let path = Path::new(wanted);
    let name = match path
        .extension()
        .is_some_and(|extension| extension == "toml")
    {
        true => path.file_stem().unwrap_or_default().to_string_lossy(),
        false => wanted.into(),
    };
    let specs = &repository.specs;
    if let Some(spec) = specs.specs.iter().find(|spec| spec.name == name) {
        return Ok(Arc::clone(spec));
    }
    if let Some((_, error)) = specs.errors.iter().find(|(stem, _)| *stem == name) {
        return Err(Error::new(ErrorKind::Spec, error.to_string()));
    }
    let known: Vec<&str> = specs.specs.iter().map(|spec| spec.name.as_str()).collect();
    Err(usage(format!(
        "{wanted} is no ONNX file, and no spec in {FOLDER}/; there are {}",
        known.join(", ")
    )))
}

/// An ONNX file of which no spec says anything.
fn file(arguments: &Arguments) -> Result<ExitCode, Error> {
    let here = std::env::current_dir().map_err(|error| usage(error.to_string()))?;
    let mut request = onnx::Request {
        path: here.join(&arguments.model),
        shown: arguments.model.clone(),
        input: arguments.input.clone(),
        output: arguments.output.clone(),
        engine: OnnxEngine::Rten,
        gradient: Some(onnx::Rounding::Refused),
        example: None,
    };
    describe(&request)?;
    let data = match &arguments.data {
        Some(data) => Some(Sample::of(
            &arguments.columns.open(&here, data)?.0,
            data.clone(),
        )?),
        None => None,
    };
    let shape = data.as_ref().map(|sample| sample.inputs.shape());
    request.example = shape.map(|shape| shape[1..].to_vec());
    examine(&on_engines(&request, None), data, None, unspecified::BATCH)
}

/// The model of a spec, asked about the data of the spec.
fn of_spec(spec: &Spec, repository: &Repository) -> Result<ExitCode, Error> {
    let data = || {
        let data = repository.context.dataset(spec).map_err(Error::from)?;
        Sample::of(&data, spec.data.path.value.clone()).map(Some)
    };
    let batch = spec.model.batch.max(2);
    match &spec.model.origin {
        ModelOrigin::Onnx(onnx) => {
            let request = repository.context.onnx_request(spec, onnx);
            let request = request.map_err(Error::from)?;
            describe(&request)?;
            let ways = on_engines(&request, Some(request.engine));
            examine(&ways, data()?, spec.model.gives, batch)
        }
        ModelOrigin::Registered(name) => Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "the model \"{}\" is registered in the test binary, which alone can open it: cargo test --test robustness",
                name.value
            ),
        )),
        origin => {
            say!("{}", origin.text());
            let started = Instant::now();
            let opened = repository.context.model(spec).map_err(Error::from)?;
            let description = &opened.description;
            let mut title = description.engine.clone();
            title.extend(
                description
                    .version
                    .iter()
                    .map(|version| format!(" {version}")),
            );
            let missing = (!description.gradient).then(|| "the model declares none".to_owned());
            let (time, gives) = (started.elapsed(), opened.gives);
            let model = Handle::Other(opened);
            let opened = Ok(Opened {
                model,
                missing,
                time,
            });
            examine(&[Way { title, opened }], data()?, Some(gives), batch)
        }
    }
}

/// Says what a file says of itself.
fn describe(request: &onnx::Request) -> Result<(), Error> {
    let contents = onnx::inspect(&request.path, &request.shown)?;
    say!("{}", request.shown);
    line("digest", &contents.digest.to_string());
    line("operators", &contents.operator_sets.join(", "));
    contents
        .inputs
        .iter()
        .for_each(|input| line("input", input));
    contents
        .outputs
        .iter()
        .for_each(|output| line("output", output));
    Ok(())
}

fn line(what: &str, words: &str) {
    say!("  {what:<11} {words}");
}

/// A way to run the model.
struct Way {
    title: String,
    opened: Result<Opened, String>,
}

struct Opened {
    model: Handle,
    /// Why it has no gradients, where it has none.
    missing: Option<String>,
    /// What opening it took.
    time: Duration,
}

enum Handle {
    Onnx(Box<onnx::OnnxModel>),
    Other(Arc<LoadedModel>),
}

impl Handle {
    fn model(&self) -> &dyn Model {
        match self {
            Self::Onnx(model) => model.as_ref(),
            Self::Other(loaded) => loaded.model(),
        }
    }
}

/// Both engines, and the file on each; `named` is the one of the spec, and says with
/// which execution provider ONNX Runtime is asked.
fn on_engines(request: &onnx::Request, named: Option<OnnxEngine>) -> Vec<Way> {
    let other = named.filter(|&engine| engine != OnnxEngine::Rten);
    let engines = [
        (OnnxEngine::Rten, "rten"),
        (other.unwrap_or(OnnxEngine::Ort), "ONNX Runtime"),
    ];
    let ways = engines.map(|(engine, name)| {
        let own = match named == Some(engine) {
            true => " (the spec's)",
            false => "",
        };
        let (words, opened) = match onnx::available(engine) {
            Err(reason) => (name.to_owned(), Err(format!("not here: {reason}"))),
            Ok(words) => {
                let opened = on(engine, request).map_err(|error| match named {
                    Some(_) => Error::from(error),
                    None => flagged(error),
                });
                (words, opened.map_err(|error| error.to_string()))
            }
        };
        Way {
            title: format!("{words}{own}"),
            opened,
        }
    });
    ways.into()
}

fn on(engine: OnnxEngine, request: &onnx::Request) -> Result<Opened, ModelError> {
    let started = Instant::now();
    let (model, missing) = onnx::load_with_gradient(&onnx::Request {
        engine,
        ..request.clone()
    })?;
    Ok(Opened {
        model: Handle::Onnx(Box::new(model)),
        missing: missing.map(|error| Error::from(error).to_string()),
        time: started.elapsed(),
    })
}

/// What a model is asked about.
struct Sample {
    inputs: ArrayD<f32>,
    /// With the ids of the examples.
    labels: Option<(Vec<usize>, Vec<String>)>,
    /// What it is, in words.
    words: String,
}

/// The most random examples, where no data are given.
const RANDOM: usize = 256;

impl Sample {
    fn of(data: &Dataset, shown: String) -> Result<Self, Error> {
        let some = unspecified::some(data)?;
        let ids = some.places.iter().map(|&place| data.ids()[place].clone());
        let share = match some.places.len() {
            all if all == data.len() => format!("all {all}"),
            part => format!("{part} of the {}", data.len()),
        };
        Ok(Self {
            words: format!("{share} examples of {shown}"),
            labels: Some((some.labels, ids.collect())),
            inputs: some.inputs,
        })
    }

    /// Numbers of a fixed seed, where the model declares a shape that fits in memory.
    fn random(model: &dyn Model) -> Option<Self> {
        let shape: Option<Vec<usize>> = model.describe().input_shape.into_iter().collect();
        let shape = shape.filter(|shape| !shape.is_empty())?;
        let count = unspecified::bearable(&shape).min(RANDOM);
        if count < 2 {
            return None;
        }
        let mut words = vec![0; count * shape.iter().product::<usize>()];
        Stream::new(1, "doctor@1", 0, "").fill(&mut words);
        let numbers = words.into_iter().map(|word| uniform(word) as f32);
        let shape = [&[count], shape.as_slice()].concat();
        Some(Self {
            inputs: ArrayD::from_shape_vec(IxDyn(&shape), numbers.collect()).ok()?,
            labels: None,
            words: format!(
                "{count} random examples, each number uniform on [0, 1], of seed 1.\nThey show whether the engines compute the same, and how fast; not whether they agree on\nreal examples, nor whether the answers are right: --data names a file of labelled ones"
            ),
        })
    }
}

/// Asks and times each way, and says how their answers differ.
fn examine(
    ways: &[Way],
    sample: Option<Sample>,
    gives: Option<Gives>,
    batch: usize,
) -> Result<ExitCode, Error> {
    let mut opened = ways.iter().flat_map(|way| &way.opened);
    let sample = match (sample, opened.next()) {
        (None, Some(first)) => Sample::random(first.model.model()),
        (sample, _) => sample,
    };
    if let Some(sample) = &sample {
        say!("\nasked about {}", sample.words);
    }
    let mut runs = false;
    let mut answered = Vec::new();
    for way in ways {
        say!("\n{}", way.title);
        let opened = match &way.opened {
            Ok(opened) => opened,
            Err(reason) => {
                line("cannot run", reason);
                continue;
            }
        };
        line(
            "opened in",
            &format!("{:.0} ms", opened.time.as_secs_f64() * 1e3),
        );
        let Some(sample) = &sample else {
            line(
                "not asked",
                "no random example is made where its shape is not declared, or is vast; --data names a file of real ones",
            );
            runs = true;
            continue;
        };
        let model = opened.model.model();
        match ask::answers(model, sample.inputs.view(), batch) {
            Ok(answers) => {
                runs = true;
                say_answers(answers.view(), sample, gives);
                time(opened, sample, batch);
                answered.push((&way.title, answers));
            }
            Err(error) => line("fails", &Error::from(error).to_string()),
        }
    }
    if let (Some(sample), [(_, one), (_, other)]) = (&sample, answered.as_slice()) {
        say!("\nbetween the two");
        compare(one.view(), other.view(), sample, gives);
    }
    Ok(match runs {
        true => ExitCode::Good,
        false => ExitCode::Unavailable,
    })
}

/// What the answers are: one number is a probability, if nothing else is said.
fn meaning(gives: Option<Gives>, answers: ArrayView2<'_, f32>) -> Gives {
    gives.unwrap_or(match answers.ncols() {
        1 => Gives::PositiveProbability,
        _ => Gives::Logits,
    })
}

fn classes(answers: ArrayView2<'_, f32>, gives: Option<Gives>) -> Vec<usize> {
    let gives = meaning(gives, answers);
    let rows = answers.rows().into_iter();
    rows.map(|answer| unspecified::class(gives, answer))
        .collect()
}

fn say_answers(answers: ArrayView2<'_, f32>, sample: &Sample, gives: Option<Gives>) {
    let mut words = match gives {
        Some(gives) => format!("{}, {} an example", gives.text(), answers.ncols()),
        None => format!("{} an example", answers.ncols()),
    };
    if let Some((labels, _)) = &sample.labels {
        let classes = classes(answers, gives);
        let right = classes
            .iter()
            .zip(labels)
            .filter(|(class, label)| class == label);
        let share = 100.0 * right.count() as f64 / labels.len() as f64;
        words += &format!("; the class is the label for {share:.1} %");
    }
    let wild = answers.iter().filter(|number| !number.is_finite()).count();
    if wild > 0 {
        words += &format!("; {wild} are no finite numbers");
    }
    line("answers", &words);
}

/// How long each kind of call is timed.
const TIMED: Duration = Duration::from_millis(500);

/// Times answers and gradients.
fn time(opened: &Opened, sample: &Sample, batch: usize) {
    let model = opened.model.model();
    let bound = model.describe().bound();
    let count = sample.inputs.len_of(Axis(0));
    let rows: Vec<usize> = (0..batch).map(|row| row % count).collect();
    let inputs = sample.inputs.select(Axis(0), &rows);
    let say_rate = |what, rate: Result<ask::Rate, _>| match rate {
        Ok(rate) => line(
            what,
            &format!(
                "{} examples a second, in batches of {batch}, {} at once",
                grouped(rate.calls * batch as f64),
                rate.threads
            ),
        ),
        Err(error) => line(what, &format!("none: {}", Error::from(error))),
    };
    say_rate(
        "speed",
        ask::rate(TIMED, bound, &|| model.predict(inputs.view()).map(drop)),
    );
    if let Some(reason) = &opened.missing {
        return line("gradients", &format!("none: {reason}"));
    }
    let ones = |answers: ArrayView2<'_, f32>| Array2::ones(answers.dim());
    say_rate(
        "gradients",
        ask::rate(TIMED, bound, &|| {
            model.gradient(inputs.view(), &ones).map(drop)
        }),
    );
}

/// A whole number with its thousands apart: 76,900. Three digits are meant.
fn grouped(number: f64) -> String {
    let scale = 10_f64.powf((number.max(1.0).log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (number / scale).round() * scale);
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// How far apart the answers of two engines are.
fn compare(
    one: ArrayView2<'_, f32>,
    other: ArrayView2<'_, f32>,
    sample: &Sample,
    gives: Option<Gives>,
) {
    if one.dim() != other.dim() {
        return line(
            "shape",
            &format!("{:?} answers and {:?}", one.dim(), other.dim()),
        );
    }
    let pairs = one.iter().zip(&other);
    let mut apart: Vec<f32> = pairs.map(|(one, other)| (one - other).abs()).collect();
    let all = apart.len();
    apart.retain(|apart| !apart.is_nan());
    apart.sort_by(f32::total_cmp);
    if let (Some(most), Some(median)) = (apart.last(), apart.get(apart.len() / 2)) {
        let name = gives.map_or("answers", Gives::text);
        let words = match *most == 0.0 {
            true => format!("{name} are equal"),
            false => format!("{name} differ by {most:.1e} at most, by {median:.1e} in the median"),
        };
        line("numbers", &words);
    }
    if apart.len() < all {
        line(
            "not numbers",
            &format!("{} of {all}, with one or with both", all - apart.len()),
        );
    }
    let (one, other) = (classes(one, gives), classes(other, gives));
    let differ: Vec<usize> = (0..one.len()).filter(|&at| one[at] != other[at]).collect();
    let mut words = format!("differ for {} of {} examples", differ.len(), one.len());
    if let Some((_, ids)) = &sample.labels
        && !differ.is_empty()
    {
        let named: Vec<&str> = differ.iter().take(10).map(|&at| ids[at].as_str()).collect();
        let more = if differ.len() > 10 { ", …" } else { "" };
        words += &format!(": {}{more}", named.join(", "));
    }
    line("classes", &words);
}

#[cfg(test)]
mod tests {
    use super::grouped;

    #[test]
    fn rates_have_three_digits() {
        for (number, text) in [
            (0.4, "0"),
            (7.0, "7"),
            (999.6, "1,000"),
            (1234.0, "1,230"),
            (76_949.0, "76,900"),
            (1_234_567.0, "1,230,000"),
        ] {
            assert_eq!(grouped(number), text);
        }
    }
}
