//! How many examples must be answered wrongly so that a metric is expected to be worse by
//! so many margins.

use steadfast::judge::metric_value;
use steadfast::metric::Form;
use steadfast::seed::Stream;
use steadfast::spec::{MetricSpec, TestSpec};

use super::material::Source;
use super::subject::Subject;

/// The harm that is simulated, in margins.
pub const SIZES: [u32; 3] = [1, 2, 4];

/// One value for each of them.
pub type BySize<T> = [T; SIZES.len()];

/// Shares of examples at which a metric that is no mean is looked at, and how often.
const POINTS: usize = 16;
const ORDERS: u64 = 8;

/// What the order in which examples are harmed is keyed by.
const ALGORITHM: &str = "selftest_order@1";

/// The share of examples that is harm of each size in a metric of a case; `None`: no share
/// is, however many are answered wrongly.
pub fn shares(subject: &Subject, metric: &MetricSpec, test: &TestSpec) -> BySize<Option<f64>> {
    let curve = curve(subject, metric, test).unwrap_or_default();
    SIZES.map(|size| reached(&curve, f64::from(size) * test.margin.value()))
}

/// The harm in the unit of the metric at some shares, the first of which is 0 with 0.
fn curve(subject: &Subject, metric: &MetricSpec, test: &TestSpec) -> Option<Vec<(f64, f64)>> {
    let sign = test.direction.sign(metric.kind.better) as f64;
    let value = |plan: &[Source]| {
        let run = subject.with(subject.material.made(plan));
        metric_value(metric, &run)
    };
    let examples = subject.examples.count;
    let before = metric_value(metric, subject.run())?;
    let harm = |value: f64| sign * (before - value);
    let mut curve = vec![(0.0, 0.0)];
    if steadfast::builtin::metric(metric.kind.name)?.form() == Form::Mean {
        curve.push((1.0, harm(value(&vec![Source::Harmed; examples])?)));
        return Some(curve);
    }
    let orders: Vec<Vec<usize>> = (0..ORDERS).map(|order| shuffled(subject, order)).collect();
    for point in 1..=POINTS {
        // Small shares matter most, and are closest.
        let share = (point as f64 / POINTS as f64).powi(2);
        let mut sum = 0.0;
        for places in &orders {
            let harmed = |first: &usize| (places[*first] as f64 + 0.5) / examples as f64;
            let plan: Vec<Source> = subject
                .churn
                .first
                .iter()
                .map(|first| match harmed(first) < share {
                    true => Source::Harmed,
                    false => Source::Own,
                })
                .collect();
            sum += harm(value(&plan)?);
        }
        curve.push((share, sum / ORDERS as f64));
    }
    Some(curve)
}

/// The place of each example in a random order.
fn shuffled(subject: &Subject, order: u64) -> Vec<usize> {
    let mut stream = Stream::new(0, ALGORITHM, order, &subject.case.name);
    let mut places: Vec<usize> = (0..subject.examples.count).collect();
    for last in (1..places.len()).rev() {
        places.swap(last, stream.below(last as u64 + 1) as usize);
    }
    places
}

/// The share at which a curve first reaches `harm`, straight between its points.
fn reached(curve: &[(f64, f64)], harm: f64) -> Option<f64> {
    curve.windows(2).find_map(|pair| {
        let [(from, before), (to, after)] = [pair[0], pair[1]];
        (before < harm && harm <= after)
            .then(|| from + (to - from) * (harm - before) / (after - before))
    })
}

#[cfg(test)]
mod tests {
    use steadfast::outcome::{Column, ColumnSpec, Outcomes};

    use super::super::draws::Draws;
    use super::super::subject::testing::{cases_of, subject};
    use super::*;

    #[test]
    fn the_first_crossing_is_found_on_straight_lines() {
        let curve = [(0.0, 0.0), (0.25, -0.1), (0.5, 0.1), (1.0, 0.4)];
        assert_eq!(reached(&curve, 0.1), Some(0.5));
        assert_eq!(reached(&curve, 0.25), Some(0.75));
        assert_eq!(reached(&curve, 0.05), Some(0.4375));
        assert_eq!(reached(&curve, 0.5), None);
    }

    const EXAMPLES: usize = 400;

    /// Answers to three classes, of which `wrong` in a hundred are wrong, with scores that
    /// say so.
    fn answers(wrong: usize) -> Outcomes {
        let label = |example: usize| (example % 3) as u32;
        let is_wrong = |example: usize| example % 100 < wrong;
        let column = |spec, value: &dyn Fn(usize) -> u32| Column {
            spec,
            values: (0..EXAMPLES).map(value).collect(),
        };
        Outcomes {
            examples: EXAMPLES,
            replicates: 1,
            columns: vec![
                column(ColumnSpec::correct(), &|example| {
                    u32::from(!is_wrong(example))
                }),
                column(ColumnSpec::class(), &|example| {
                    (label(example) + u32::from(is_wrong(example))) % 3
                }),
                column(ColumnSpec::score("brier_score", (0.0, 2.0)), &|example| {
                    let noise = (example * 37 % 100) as u32 * 40;
                    if is_wrong(example) {
                        36_000 + noise
                    } else {
                        noise
                    }
                }),
                column(ColumnSpec::rank(1), &|example| {
                    let noise = (example * 37 % 100) as u32;
                    noise + 60 * u32::from(label(example) == 1)
                }),
                column(ColumnSpec::confidence(), &|example| {
                    if is_wrong(example) { 40_000 } else { 62_000 }
                }),
                column(ColumnSpec::label(), &label),
            ],
        }
    }

    /// The mean over simulated models of the change of each metric is the harm that is
    /// asked for.
    #[test]
    fn harm_of_so_many_margins_is_expected_to_be_that() {
        let metrics = [
            "accuracy",
            "brier_score",
            "macro_f1",
            "auroc",
            "expected_calibration_error",
        ];
        let mut text =
            "[gate]\nanchor = \"none\"\nmargin = 0.04\n\n[[perturbation]]\nkind = \"identity\"\n"
                .to_owned();
        for metric in metrics {
            text.push_str(&format!(
                "\n[[metric]]\nkind = \"{metric}\"\nmargin = 0.04\n"
            ));
        }
        let case = cases_of(&text).remove(0);
        let subject = subject(&case, answers(10));
        let plain = vec![Source::Own; EXAMPLES];
        for (metric, test) in subject.tests() {
            let before = metric_value(metric, subject.run()).unwrap();
            let sign = test.direction.sign(metric.kind.better) as f64;
            for (size, share) in SIZES.iter().zip(shares(&subject, metric, test)) {
                let share = share.unwrap();
                let models = 400;
                let sum: f64 = (0..models)
                    .map(|model| {
                        let draws = Draws::new(1, model, &subject.examples);
                        let plan = subject.churn.harmed(&plain, share, &draws);
                        let run = subject.with(subject.material.made(&plan));
                        sign * (before - metric_value(metric, &run).unwrap())
                    })
                    .sum();
                let (harm, asked) = (sum / models as f64, 0.04 * f64::from(*size));
                assert!(
                    (harm - asked).abs() < 0.05 * asked + 0.002,
                    "{} × {size}: {harm}",
                    metric.label
                );
            }
        }
    }

    #[test]
    fn harm_beyond_what_a_metric_can_lose_is_not_simulated() {
        let text =
            "[gate]\nanchor = \"none\"\nmargin = 0.3\n\n[[perturbation]]\nkind = \"identity\"\n";
        let case = cases_of(text).remove(0);
        let subject = subject(&case, answers(10));
        let (metric, test) = subject.tests().next().unwrap();
        let [one, two, four] = shares(&subject, metric, test);
        // Accuracy is .9: .3 and .6 are a third and two thirds of it, 1.2 is more than all.
        assert!((one.unwrap() - 1.0 / 3.0).abs() < 1e-12);
        assert!((two.unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(four, None);
    }
}
