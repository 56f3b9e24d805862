//! Samples that are too small, or alphas too small for the test, to show anything:
//! refused, not passed whatever comes (statistics.md 2.1, 2.2, 2.4, 6b).

use std::collections::HashMap;

use super::{RunError, metric};
use crate::data::Dataset;
use crate::metric::Form;
use crate::spec::{Case, Direction, Exact, Examples, MetricSpec, Mode, Null, TestSpec};
use crate::stats::permutation::{least_sampled_p, least_swap_p};
use crate::stats::sign_flip;

/// The fewest clusters with which anything is proven (statistics.md 2.2).
const FEWEST_TO_PROVE: u64 = 8;

/// More than any reachable p-value needs: one of 2⁻⁴⁰⁹⁶ is no double.
const MANY: u64 = 4096;

/// Refuses a case whose tests cannot show anything, whatever the model does.
pub fn check(case: &Case, data: &Dataset) -> Result<(), RunError> {
    if case.spec.data.examples == Examples::Exhaustive {
        return Ok(());
    }
    for spec in case.metrics() {
        if let Some(test) = &spec.test {
            let units = Units::of(spec, data)?;
            test_of_harm(spec, test, &units)?;
            if let Some(anchor) = &test.anchor {
                let alpha = (&anchor.alpha, one_sided(&anchor.alpha, test, &units));
                let floor = units.floor(spec, "its test against the anchor", alpha)?;
                units.at_least(
                    floor,
                    spec,
                    &anchor.alpha,
                    "no harm since the anchor is shown",
                )?;
            }
        }
    }
    Ok(())
}

fn test_of_harm(spec: &MetricSpec, test: &TestSpec, units: &Units) -> Result<(), RunError> {
    let about_the_margin = test.mode == Mode::Prove || test.null == Null::Margin;
    if about_the_margin && units.what == "cluster" && units.count >= FEWEST_TO_PROVE {
        units.equal_enough(spec)?;
    }
    if test.mode == Mode::Prove {
        return units.at_least(FEWEST_TO_PROVE, spec, &test.alpha, "nothing is proven");
    }
    // Harm beyond the margin is shown by a limit, which is not sampled so finely.
    if test.null == Null::Margin && units.law != Law::Flips {
        return units.at_least(FEWEST_TO_PROVE, spec, &test.alpha, "no harm is shown");
    }
    let alpha = (&test.alpha, one_sided(&test.alpha, test, units));
    let floor = units.floor(spec, "its test", alpha)?;
    if units.law != Law::Flips {
        return units.at_least(floor, spec, &test.alpha, "no harm is shown");
    }
    // A floor of more than half of the answers is no test.
    if units.count < 2 * floor {
        let why = format!(
            "no harm is shown unless {floor} of them become wrong, and those must not be more than half"
        );
        return Err(units.refused(spec, &test.alpha, 2 * floor, &why));
    }
    Ok(())
}

/// The alpha that one side of one slice is held against.
fn one_sided(alpha: &Exact, test: &TestSpec, units: &Units) -> f64 {
    let sides = if test.direction == Direction::Both {
        2.0
    } else {
        1.0
    };
    alpha.value() / (sides * units.slices as f64)
}

/// How small the p-value of harm can become.
#[derive(Clone, Copy, PartialEq)]
enum Law {
    /// Of right and wrong answers: mid-p, exact.
    Flips,
    /// Of the mean of a score: random signs, sampled.
    Scores,
    /// Of all rows together: exchanges of the records, sampled.
    Exchanges,
}

impl Law {
    fn least(self, units: u64, alpha: f64) -> f64 {
        let count = units as usize;
        match self {
            Self::Flips => sign_flip::least_p(count),
            Self::Scores => sign_flip::least_p(count).max(least_sampled_p(alpha)),
            Self::Exchanges => least_swap_p(count, alpha),
        }
    }
}

/// What a metric is a sample of: of slices, of the largest.
struct Units {
    law: Law,
    slices: usize,
    count: u64,
    /// How many of equal size say as much: N² / Σ n², over their rows n.
    equal: f64,
    what: &'static str,
}

impl Units {
    fn of(spec: &MetricSpec, data: &Dataset) -> Result<Self, RunError> {
        let algorithm = metric(spec)?;
        let columns = algorithm.columns(&spec.label, &spec.parameters);
        let law = match algorithm.form() {
            Form::Whole => Law::Exchanges,
            Form::Mean if columns.iter().any(|column| column.range.is_some()) => Law::Scores,
            Form::Mean | Form::WorstSlice => Law::Flips,
        };
        let slices = match (algorithm.form(), data.slices()) {
            (Form::WorstSlice, Some(slices)) => Some(slices),
            _ => None,
        };
        let names = slices.map_or(1, |_| data.slice_names().len().max(1));
        let slice = |example: usize| slices.map_or(0, |slices| slices[example]);
        let (count, equal) = match data.clusters() {
            None => {
                let mut members = vec![0_u64; names];
                (0..data.len()).for_each(|example| members[slice(example)] += 1);
                let largest = members.into_iter().max().unwrap_or(0);
                (largest, largest as f64)
            }
            Some(clusters) => {
                let mut members = vec![HashMap::<usize, u64>::new(); names];
                for (example, &cluster) in clusters.iter().enumerate() {
                    *members[slice(example)].entry(cluster).or_default() += 1;
                }
                let rows = members.into_iter().max_by_key(HashMap::len);
                let rows = rows.unwrap_or_default();
                let all: u64 = rows.values().sum();
                let squares: u64 = rows.values().map(|rows| rows * rows).sum();
                let equal = (all as f64).powi(2) / squares.max(1) as f64;
                (rows.len() as u64, equal)
            }
        };
        Ok(Self {
            law,
            slices: names,
            count,
            equal,
            what: match data.clusters() {
                Some(_) => "cluster",
                None => "example",
            },
        })
    }

    /// The fewest that reach the alpha of one side; an error where no number does.
    fn floor(
        &self,
        spec: &MetricSpec,
        test: &str,
        (written, alpha): (&Exact, f64),
    ) -> Result<u64, RunError> {
        let reaches = |&units: &u64| self.law.least(units, alpha) <= alpha;
        (1..=MANY).find(reaches).ok_or_else(|| {
            RunError::Mismatch(format!(
                "the p-value of {} is sampled and never below {:.0e}, so that {test} at alpha {written} could not show anything. Give a larger alpha, or the metric report_only = true",
                spec.label,
                least_sampled_p(alpha),
            ))
        })
    }

    /// Refuses clusters that say less about a margin than eight of equal size.
    fn equal_enough(&self, spec: &MetricSpec) -> Result<(), RunError> {
        // To rounding: eight of equal size are enough.
        if self.equal > FEWEST_TO_PROVE as f64 - 1e-9 {
            return Ok(());
        }
        Err(RunError::Mismatch(format!(
            "{} clusters of these sizes say as much as {:.1} of equal size, and a test of {} against its margin needs {FEWEST_TO_PROVE}: whatever the model does, nothing could be shown. Give more clusters, or fewer rows of the largest; or mode = \"detect\" with null = \"no_harm\", which takes any sizes; or give the metric report_only = true",
            self.count, self.equal, spec.label,
        )))
    }

    fn at_least(
        &self,
        needs: u64,
        spec: &MetricSpec,
        alpha: &Exact,
        what: &str,
    ) -> Result<(), RunError> {
        if self.count >= needs {
            return Ok(());
        }
        let why = format!("with fewer {what}, whatever the model does");
        Err(self.refused(spec, alpha, needs, &why))
    }

    fn refused(&self, spec: &MetricSpec, alpha: &Exact, needs: u64, why: &str) -> RunError {
        let (what, verb) = match self.count {
            1 => (self.what.to_owned(), "is"),
            _ => (format!("{}s", self.what), "are"),
        };
        let place = match self.slices {
            1 => String::new(),
            slices => format!(" in the largest of {slices} slices"),
        };
        RunError::Mismatch(format!(
            "{} {what}{place} {verb} too few for a test of {} at alpha {alpha}, which needs {needs}: {why}. Give more, or a larger alpha; or say examples = \"exhaustive\" where these are all there are, mark them [critical], or give the metric report_only = true",
            self.count, spec.label,
        ))
    }
}
