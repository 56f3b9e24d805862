//! Two runs side by side, whichever they are: the statistics of the gate without a
//! verdict, and the parts that analyses of many cases are made of.

use super::metric::paired;
use super::pair::{Comparison, Design};
use crate::measure::{algorithm, value};
use crate::metric::Form;
use crate::outcome::{Per, QUANTA};
use crate::record::Run;
use crate::spec::{Direction, Exact, MetricSpec, Null, OnInconclusive, Question, TestSpec};

/// Groups that are left out, one after the other, of a metric that is no mean: more
/// would cost more and tell little more.
const GROUPS: usize = 200;

/// What a difference is held against.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The largest tolerable harm, in the metric's unit.
    pub margin: Exact,
    /// The error rate of each side: limits at 0.025 are a 95 % interval.
    pub alpha_side: Exact,
    /// Whether a rise is harm.
    pub rise_is_harm: bool,
}

/// The paired difference of a metric, `new` minus `old`, by the procedures that the
/// gate decides by. `None` where the runs are not of as many examples and replicates,
/// or do not have the metric's columns.
pub fn difference(
    spec: &MetricSpec,
    asked: &Asked,
    design: Design,
    old: &Run,
    new: &Run,
) -> Option<Comparison> {
    let size = |run: &Run| (run.outcomes.examples, run.outcomes.replicates);
    if size(old) != size(new) {
        return None;
    }
    let test = TestSpec {
        margin: asked.margin.clone(),
        detectable_drop: asked.margin.times(2)?,
        alpha: asked.alpha_side.clone(),
        power: Exact::parse("0.8").ok()?,
        question: Question::Harm { null: Null::NoHarm },
        direction: if asked.rise_is_harm {
            Direction::Higher
        } else {
            Direction::Lower
        },
        largest_change: None,
        on_inconclusive: OnInconclusive::Warn,
        anchor: None,
    };
    paired(spec, &test, design, (&old.outcomes, new))
}

/// The value of a metric in a run; `None` where its columns are not there.
pub fn metric_value(spec: &MetricSpec, run: &Run) -> Option<f64> {
    value(spec, &run.outcomes, run)
}

/// The value of a metric in each replicate of a run; `None` where it is kept by
/// example only, or its columns are not there.
pub fn replicate_values(spec: &MetricSpec, run: &Run) -> Option<Vec<f64>> {
    let columns = algorithm(spec).columns(&spec.label, &spec.parameters);
    if columns.iter().any(|column| column.per == Per::Example) {
        return None;
    }
    (0..run.outcomes.replicates)
        .map(|replicate| value(spec, &run.outcomes.replicate(replicate), run))
        .collect()
}

/// What each cluster of examples contributes to the difference `new` − `old` of a
/// metric: numbers whose spread over the root of their count is its standard error,
/// so that the contributions of several cases of the same examples can be averaged
/// cluster by cluster, however the cases are correlated.
///
/// Of a mean they are the clusters' own differences, and their mean is the
/// difference; the gate's error is a little larger where clusters are of unequal size,
/// whose sizes it takes into account. Of any other metric they are the jackknife's
/// pseudo-values, of groups of clusters where there are more than 200 (Shao & Tu 1995,
/// 5.1), and their mean is the difference but for its bias.
///
/// `None` where columns are missing, or where there are fewer than two clusters.
pub fn contributions(spec: &MetricSpec, old: &Run, new: &Run) -> Option<Vec<f64>> {
    let examples = new.outcomes.examples;
    if old.outcomes.examples != examples {
        return None;
    }
    let count = match &new.clusters {
        None => examples,
        Some(clusters) => clusters.iter().max().map_or(0, |&last| last as usize + 1),
    };
    if count < 2 {
        return None;
    }
    let cluster = |example: usize| match &new.clusters {
        None => example,
        Some(clusters) => clusters.get(example).map_or(0, |&cluster| cluster as usize),
    };
    if algorithm(spec).form() == Form::Mean {
        let (old, new) = (example_means(spec, old)?, example_means(spec, new)?);
        let differences: Vec<f64> = new.iter().zip(&old).map(|(new, old)| new - old).collect();
        let mean = differences.iter().sum::<f64>() / examples as f64;
        let mut contributions = vec![mean; count];
        let scale = count as f64 / examples as f64;
        for (example, difference) in differences.iter().enumerate() {
            contributions[cluster(example)] += scale * (difference - mean);
        }
        return Some(contributions);
    }
    // Neighbours go into different groups: data are often sorted by class.
    let groups = count.min(GROUPS);
    let whole = metric_value(spec, new)? - metric_value(spec, old)?;
    (0..groups)
        .map(|group| {
            let kept: Vec<usize> = (0..examples)
                .filter(|&example| cluster(example) % groups != group)
                .collect();
            let rest = |run: &Run| metric_value(spec, &run.examples_at(&kept));
            let left_out = rest(new)? - rest(old)?;
            Some(groups as f64 * whole - (groups as f64 - 1.0) * left_out)
        })
        .collect()
}

/// The value of a mean for each example: the mean of its replicates.
fn example_means(spec: &MetricSpec, run: &Run) -> Option<Vec<f64>> {
    let columns = algorithm(spec).columns(&spec.label, &spec.parameters);
    let wanted = columns.first()?;
    let column = run.outcomes.column(&wanted.name)?;
    if column.spec != *wanted {
        return None;
    }
    let (low, quantum) = wanted.range.map_or((0.0, 1.0), |(low, high)| {
        (low, (high - low) / f64::from(QUANTA))
    });
    let each = (column.values.len() / run.outcomes.examples.max(1)).max(1);
    let mean = |values: &[u32]| {
        let sum: u64 = values.iter().map(|&value| u64::from(value)).sum();
        low + quantum * sum as f64 / each as f64
    };
    Some(column.values.chunks(each).map(mean).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::{METRICS, catalogue};
    use crate::catalogue::Parameters;
    use crate::digest::Digest;
    use crate::metric::{ACCURACY, BRIER_SCORE, MACRO_F1, RELATIVE_MEAN_CORRUPTION_ERROR};
    use crate::outcome::{Column, ColumnSpec, LABEL, Outcomes};
    use crate::provenance::{Environment, Identity, ModelIdentity};
    use crate::seed::Stream;
    use crate::spec::{Examples, SeedScope};
    use crate::stats::jackknife::Jackknife;

    const EXAMPLES: usize = 300;
    const REPLICATES: usize = 3;

    fn metric(kind: &'static crate::catalogue::MetricKind) -> MetricSpec {
        MetricSpec {
            kind,
            label: kind.name.to_owned(),
            parameters: Parameters::default(),
            reference: None,
            test: None,
            span: 0..0,
        }
    }

    fn run(columns: Vec<Column>, clusters: Option<Vec<u32>>) -> Run {
        Run {
            identity: Identity {
                inputs: serde_json::Value::Null,
                inputs_digest: Digest::of(b""),
                ids_digest: Digest::of(b""),
                model: ModelIdentity {
                    origin: String::new(),
                    digest: None,
                    gives: String::new(),
                    input: None,
                    output: None,
                },
                environment: Environment::of_engine("none"),
            },
            outcomes: Outcomes {
                examples: EXAMPLES,
                replicates: REPLICATES,
                columns,
            },
            ids: None,
            clusters,
            slices: None,
            ranked: Vec::new(),
        }
    }

    /// A run that is right with a probability that differs from cluster to cluster.
    fn drawn(seed: u64, right: f64, clusters: Option<&[u32]>) -> Run {
        let mut stream = Stream::new(seed, "test@1", 0, "difference");
        let mut uniform = || stream.below(1 << 20) as f64 / f64::from(1 << 20);
        let hard: Vec<f64> = (0..EXAMPLES).map(|_| 0.2 * uniform()).collect();
        let labels: Vec<u32> = (0..EXAMPLES).map(|example| (example % 3) as u32).collect();
        let mut classes = Vec::new();
        for (example, &label) in labels.iter().enumerate() {
            let cluster = clusters.map_or(example, |clusters| clusters[example] as usize);
            for _ in 0..REPLICATES {
                let is_right = uniform() < right - hard[cluster];
                classes.push(if is_right { label } else { (label + 1) % 3 });
            }
        }
        let correct = classes.iter().enumerate();
        let correct = correct.map(|(row, class)| u32::from(labels[row / REPLICATES] == *class));
        let correct = correct.collect();
        let scores = (0..EXAMPLES).map(|_| (65535.0 * uniform()) as u32);
        let scores = scores.collect();
        let columns = [
            (ColumnSpec::correct(), correct),
            (ColumnSpec::class(), classes),
            (ColumnSpec::score("brier_score", (0.0, 2.0)), scores),
            (ColumnSpec::label(), labels),
        ];
        run(
            columns
                .into_iter()
                .map(|(spec, values)| Column { spec, values })
                .collect(),
            clusters.map(<[u32]>::to_vec),
        )
    }

    fn asked() -> Asked {
        Asked {
            margin: Exact::parse("0.05").unwrap(),
            alpha_side: Exact::parse("0.025").unwrap(),
            rise_is_harm: false,
        }
    }

    const PLAIN: Design = Design {
        examples: Examples::Sample,
        seed_scope: SeedScope::Example,
        largest_cluster: None,
        stochastic_model: false,
    };

    fn mean_and_error(contributions: &[f64]) -> (f64, f64) {
        let count = contributions.len() as f64;
        let mean = contributions.iter().sum::<f64>() / count;
        // The jackknife's error of a mean is that of the mean.
        let left_out: Vec<f64> = contributions
            .iter()
            .map(|own| (count * mean - own) / (count - 1.0))
            .collect();
        (mean, Jackknife::new(&left_out, None).error)
    }

    /// What the cases of a pair are averaged from has the difference and the error
    /// that the gate's own statistics have.
    #[test]
    fn contributions_of_means_have_the_gates_error() {
        let clusters: Vec<u32> = (0..EXAMPLES as u32).map(|row| (row % 100) / 2).collect();
        for clusters in [None, Some(clusters.as_slice())] {
            let (old, new) = (drawn(1, 0.95, clusters), drawn(2, 0.85, clusters));
            for metric in [metric(&ACCURACY), metric(&BRIER_SCORE)] {
                let comparison = difference(&metric, &asked(), PLAIN, &old, &new).unwrap();
                let contributions = contributions(&metric, &old, &new).unwrap();
                let (mean, error) = mean_and_error(&contributions);
                assert!(
                    (mean - comparison.change).abs() < 1e-12,
                    "{mean} {comparison:?}"
                );
                assert!(
                    (error / comparison.error - 1.0).abs() < 1e-9,
                    "{error} {comparison:?}"
                );
            }
        }
    }

    /// Of a score from −1 to 1 a quantum is 2 / 65,535.
    #[test]
    fn contributions_of_a_score_below_zero_are_in_its_unit() {
        let relative = metric(&RELATIVE_MEAN_CORRUPTION_ERROR);
        let of = |quanta: fn(u32) -> u32| {
            let spec = ColumnSpec::score(&relative.label, (-1.0, 1.0));
            let values = (0..EXAMPLES as u32).map(quanta).collect();
            run(vec![Column { spec, values }], None)
        };
        let (old, new) = (of(|_| 20_000), of(|example| 20_000 + example));
        let found = contributions(&relative, &old, &new).unwrap();
        for (example, found) in found.iter().enumerate() {
            let expected = 2.0 * example as f64 / 65_535.0;
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
    }

    /// Two clusters, of 100 and of 200 examples: their own differences, each for its
    /// share of the examples.
    #[test]
    fn a_cluster_contributes_its_own_difference() {
        let clusters: Vec<u32> = (0..EXAMPLES as u32)
            .map(|row| u32::from(row >= 100))
            .collect();
        let (old, new) = (
            drawn(1, 0.95, Some(&clusters)),
            drawn(2, 0.85, Some(&clusters)),
        );
        let accuracy = metric(&ACCURACY);
        let found = contributions(&accuracy, &old, &new).unwrap();
        let right = |run: &Run, examples: std::ops::Range<usize>| {
            let column = run.outcomes.column("correct").unwrap();
            let rows = examples.start * REPLICATES..examples.end * REPLICATES;
            column.values[rows]
                .iter()
                .map(|&row| f64::from(row))
                .sum::<f64>()
        };
        let change = |examples: std::ops::Range<usize>| {
            (right(&new, examples.clone()) - right(&old, examples)) / REPLICATES as f64
        };
        let mean = change(0..EXAMPLES) / EXAMPLES as f64;
        for (found, (own, size)) in found
            .iter()
            .zip([(change(0..100), 100.0), (change(100..EXAMPLES), 200.0)])
        {
            let expected = mean + 2.0 / EXAMPLES as f64 * (own - size * mean);
            assert!((found - expected).abs() < 1e-12, "{found} {expected}");
        }
        assert!((found[0] - found[1]).abs() > 1e-6);
        let one = vec![0; EXAMPLES];
        let (old, new) = (drawn(1, 0.95, Some(&one)), drawn(2, 0.85, Some(&one)));
        assert_eq!(contributions(&accuracy, &old, &new), None);
    }

    #[test]
    fn contributions_of_other_metrics_have_about_its_error() {
        let (old, new) = (drawn(1, 0.95, None), drawn(2, 0.85, None));
        let metric = metric(&MACRO_F1);
        let comparison = difference(&metric, &asked(), PLAIN, &old, &new).unwrap();
        let contributions = contributions(&metric, &old, &new).unwrap();
        assert_eq!(contributions.len(), GROUPS);
        let (mean, error) = mean_and_error(&contributions);
        assert!((mean - comparison.change).abs() < 0.1 * comparison.error);
        assert!(
            (error / comparison.error - 1.0).abs() < 0.2,
            "{error} {comparison:?}"
        );
    }

    #[test]
    fn replicates_average_to_the_whole() {
        let run = drawn(3, 0.9, None);
        let values = replicate_values(&metric(&ACCURACY), &run).unwrap();
        assert_eq!(values.len(), REPLICATES);
        let mean = values.iter().sum::<f64>() / REPLICATES as f64;
        assert!((mean - metric_value(&metric(&ACCURACY), &run).unwrap()).abs() < 1e-12);
        assert_eq!(replicate_values(&metric(&BRIER_SCORE), &run), None);
    }

    #[test]
    fn runs_of_other_sizes_or_columns_are_not_compared() {
        let run = drawn(3, 0.9, None);
        let fewer = run.examples_at(&[1, 2, 3]);
        let accuracy = metric(&ACCURACY);
        assert_eq!(difference(&accuracy, &asked(), PLAIN, &run, &fewer), None);
        assert_eq!(contributions(&accuracy, &run, &fewer), None);
        let mut bare = run.clone();
        bare.outcomes
            .columns
            .retain(|column| column.spec.name == LABEL);
        assert_eq!(difference(&accuracy, &asked(), PLAIN, &bare, &bare), None);
        assert_eq!(contributions(&accuracy, &bare, &bare), None);
    }

    #[test]
    fn metrics_are_known_by_their_identities() {
        for algorithm in METRICS {
            let kind = algorithm.kind();
            let defaults = kind.parameters.iter();
            let defaults = defaults.map(|parameter| {
                let value = parameter.default.unwrap_or(parameter.minimum);
                (parameter.name.to_owned(), value)
            });
            let spec = MetricSpec {
                parameters: Parameters(defaults.collect()),
                ..metric(kind)
            };
            let found = MetricSpec::from_identity(&catalogue(), kind.name, &spec.identity());
            assert_eq!(found, Some(spec));
        }
        for identity in [
            "",
            "accuracy",
            "accuracy@9",
            "accuracy@1(bins=3)",
            "accuracy@1(",
            "recall@1",
            "expected_calibration_error@1",
            "expected_calibration_error@1(bins=x)",
        ] {
            let found = MetricSpec::from_identity(&catalogue(), "m", identity);
            assert_eq!(found, None, "{identity}");
        }
    }
}
