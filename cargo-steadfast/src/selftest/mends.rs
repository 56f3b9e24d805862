//! What would let a weak test see more: what the judge says of the first simulated model
//! as of any run that differs from its baseline.

use std::sync::Arc;

use steadfast::judge::Outlook;
use steadfast::metric::Form;
use steadfast::outcome::Outcomes;
use steadfast::spec::{Exact, MetricSpec, TestSpec};

use super::draws::Draws;
use super::family::Family;
use super::simulate::Suite;
use super::subject::Subject;
use super::trial::alone;
use crate::power::cures;

/// Parts of a metric's range that may be declared as the largest change.
const PARTS: [&str; 6] = ["0.5", "0.4", "0.3", "0.2", "0.15", "0.1"];

/// What would let a test see more.
#[derive(Clone, Debug, PartialEq)]
pub struct Mend {
    /// As the judge plans: examples, replicates, margin.
    pub cures: String,
    /// `largest_change` that would do, if no example changes by more.
    pub largest_change: Option<String>,
}

/// What would let a test see more.
pub fn mend(
    suite: &Suite,
    family: &Family,
    place: usize,
    (subject, metric, test): (&Subject, &MetricSpec, &TestSpec),
) -> Mend {
    let outcomes = changed(suite, family, place);
    let outlook = outlook(subject, metric, outcomes.clone());
    Mend {
        cures: match &outlook {
            Some(outlook) => cures(test, outlook),
            None => "more examples or clusters".to_owned(),
        },
        largest_change: PARTS
            .into_iter()
            .find(|part| declared_is_enough(subject, metric, test, part, &outcomes))
            .map(str::to_owned),
    }
}

/// The first simulated model that differs from the baseline.
fn changed(suite: &Suite, family: &Family, place: usize) -> Outcomes {
    let draws = |subject: &Subject| Arc::new(Draws::new(suite.seed, 0, &subject.examples));
    let plans = family.plans(suite.churns[suite.harmed_at], &draws);
    match (family.cells.get(place), &family.pooled) {
        (Some(cell), _) => cell.material.made(&plans[place]),
        (None, Some(pooled)) => pooled.made(&family.cells, &plans),
        (None, None) => Outcomes {
            examples: 0,
            replicates: 1,
            columns: Vec::new(),
        },
    }
}

/// What the test of a metric can see, by what it says of these outcomes.
fn outlook(subject: &Subject, metric: &MetricSpec, outcomes: Outcomes) -> Option<Outlook> {
    let (examples, replicates) = (outcomes.examples as u64, outcomes.replicates);
    let judgement = subject.judgement_as(&alone(&subject.case, Some(metric)), outcomes);
    let comparison = judgement.metrics.first()?.comparison.as_ref()?;
    let test = metric.test.as_ref()?;
    let known = Outlook::of_run(test, comparison, replicates);
    Some(Outlook {
        // What there is already mends nothing.
        replicates: known.replicates.filter(|&more| more > replicates as u64),
        needed: known.needed.filter(|&more| more > examples),
        margin: known.margin.filter(|&wider| wider > test.margin.value()),
        ..known
    })
}

/// Whether the test sees what it is asked to where no example changes by more than a part
/// of its range.
fn declared_is_enough(
    subject: &Subject,
    metric: &MetricSpec,
    test: &TestSpec,
    part: &str,
    outcomes: &Outcomes,
) -> bool {
    let is_mean = steadfast::builtin::metric(metric.kind.name)
        .is_some_and(|algorithm| algorithm.form() == Form::Mean);
    let Ok(largest) = Exact::parse(part) else {
        return false;
    };
    // Up to twice the margin it would be the answer and no assumption; single answers
    // change by 1.
    let is_allowed = test.largest_change.is_none() && largest.value() > 2.0 * test.margin.value();
    if !is_mean || !is_allowed || metric.kind.range != (0.0, 1.0) || outcomes.replicates == 1 {
        return false;
    }
    let declared = MetricSpec {
        test: Some(TestSpec {
            largest_change: Some(largest),
            ..test.clone()
        }),
        ..metric.clone()
    };
    outlook(subject, &declared, outcomes.clone()).is_some_and(|outlook| outlook.is_enough(test))
}

impl Mend {
    /// In words.
    pub fn words(&self) -> String {
        let mut words = self.cures.clone();
        if let Some(largest) = &self.largest_change {
            words.push_str(&format!(
                ", or largest_change = {largest}, if no example's mean over its replicates can change by more"
            ));
        }
        words
    }
}
