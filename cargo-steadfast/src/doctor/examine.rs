//! Asking a model in the ways that there are: what it answers, how fast, and how far
//! the answers of two engines are apart.

use std::time::Duration;

use ndarray::{Array2, ArrayView2, Axis};
use steadfast::engine::{ask, fit};
use steadfast::error::Error;
use steadfast::model::Gives;
use steadfast::text::{Page, print};

use super::sample::Sample;
use super::{Opened, Way, error_line, line};
use crate::exit_code::ExitCode;
use crate::unspecified;

/// Asks and times each way, and says how their answers differ.
pub fn examine(
    ways: &[Way],
    sample: Option<Sample>,
    gives: Option<Gives>,
    batch: Option<usize>,
) -> ExitCode {
    if let Some(sample) = &sample {
        say!("");
        print(&Page::headed("asked about ", &sample.words));
    }
    // What a spec names must run; else one way is enough.
    let counts = |way: &Way| way.own || !ways.iter().any(|way| way.own);
    let mut runs = false;
    let mut answered = Vec::new();
    for way in ways {
        say!("");
        say!("{}", way.title);
        let opened = match &way.opened {
            Ok(opened) => opened,
            Err(reason) => {
                error_line("cannot run", reason);
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
            continue;
        };
        let model = opened.model.model();
        let shape = &sample.inputs.shape()[1..];
        let batch = batch.unwrap_or_else(|| unspecified::batch(shape));
        if let Err(error) = fit::check_shape(&model.describe(), shape) {
            error_line("fails", &Error::from(error).page());
            continue;
        }
        match ask::answers(model, sample.inputs.view(), batch) {
            Ok(answers) => {
                runs |= counts(way);
                say_answers(answers.view(), sample, gives);
                time(opened, sample, batch);
                answered.push((&way.title, answers));
            }
            Err(error) => error_line("fails", &Error::from(error).page()),
        }
    }
    if let (Some(sample), [(_, one), (_, other)]) = (&sample, answered.as_slice()) {
        say!("");
        say!("between the two");
        compare(one.view(), other.view(), sample, gives);
    }
    match runs {
        true => ExitCode::Good,
        false => ExitCode::Unavailable,
    }
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
