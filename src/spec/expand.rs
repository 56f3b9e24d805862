//! From specs to cases, and the error budget that they share. Reads specs only.

use std::sync::Arc;

use num_rational::Ratio;

use super::number::Exact;
use super::value::{Case, MetricSpec, Mode, Spec, Subject, Suite};

/// The last segment of the name of a pooled case.
pub const POOLED: &str = "pooled";

/// The cases of a spec, in the order of the file, and the pooled one last.
pub fn cases(spec: &Arc<Spec>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (perturbation, entry) in spec.perturbations.iter().enumerate() {
        for (setting, (_, segment)) in entry.settings.iter().enumerate() {
            let mut name = format!("{}::{}", spec.name, entry.label);
            if let Some(segment) = segment {
                name.push_str("::");
                name.push_str(segment);
            }
            cases.push(Case {
                name,
                spec: Arc::clone(spec),
                subject: Subject::Cell {
                    perturbation,
                    setting,
                },
            });
        }
    }
    if spec.pooled.is_some() {
        cases.push(Case {
            name: format!("{}::{POOLED}", spec.name),
            spec: Arc::clone(spec),
            subject: Subject::Pooled,
        });
    }
    cases
}

/// How much of the suite's error budget the specs spend.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// Tests that spend: those in detect mode, and those against anchors.
    pub tests: usize,
    /// The sum of their alphas.
    pub spent: f64,
    /// The family's alpha.
    pub budget: f64,
    /// Whether the sum, added exactly, is at most the budget.
    pub balanced: bool,
    /// Whether any test takes its share of the family's alpha, alpha / capacity.
    pub shared: bool,
    /// What each spec spends: name, tests, sum of alphas.
    pub specs: Vec<(String, usize, f64)>,
}

/// The alphas that one metric of one case spends: that of its test in detect mode,
/// and that of its test against the anchor.
fn alphas(metric: &MetricSpec) -> impl Iterator<Item = &Exact> {
    let test = metric.test.as_ref();
    let own = test.filter(|test| test.question.mode() == Mode::Detect);
    let anchor = test.and_then(|test| test.anchor.as_ref());
    own.map(|test| &test.alpha)
        .into_iter()
        .chain(anchor.map(|anchor| &anchor.alpha))
}

/// Adds up the alphas of all tests, anchor tests included. Ignored specs,
/// `report_only` metrics and the proofs of prove mode spend nothing.
pub fn ledger(suite: &Suite, specs: &[Arc<Spec>]) -> Ledger {
    let exact = |(numerator, denominator): (i64, i64)| {
        Ratio::new(i128::from(numerator), i128::from(denominator))
    };
    let budget = exact(suite.alpha.fraction());
    let mut ledger = Ledger {
        tests: 0,
        spent: 0.0,
        budget: suite.alpha.value(),
        balanced: true,
        shared: false,
        specs: Vec::new(),
    };
    // Alphas that are equal are multiplied, so that the exact sum stays small.
    let mut counts: Vec<(Ratio<i128>, i128)> = Vec::new();
    for spec in specs.iter().filter(|spec| spec.ignore.is_none()) {
        let cells: usize = spec
            .perturbations
            .iter()
            .map(|entry| entry.settings.len())
            .sum();
        let pooled = spec.pooled.as_deref().unwrap_or_default();
        let (mut tests, mut sum) = (0, 0.0);
        for (metrics, cases) in [(spec.metrics.as_slice(), cells), (pooled, 1)] {
            for alpha in metrics.iter().flat_map(alphas) {
                tests += cases;
                sum += alpha.value() * cases as f64;
                let alpha = exact(alpha.fraction());
                match counts.iter_mut().find(|(known, _)| *known == alpha) {
                    Some((_, count)) => *count += cases as i128,
                    None => counts.push((alpha, cases as i128)),
                }
            }
        }
        ledger.tests += tests;
        ledger.shared |= spec.shares;
        ledger.spent += sum;
        ledger.specs.push((spec.name.clone(), tests, sum));
    }
    let sum = counts
        .iter()
        .try_fold(Ratio::from_integer(0_i128), |sum, (alpha, count)| {
            use num_rational::Ratio as R;
            let numerator = alpha.numer().checked_mul(*count)?;
            let term = R::new(numerator, *alpha.denom());
            let top = sum
                .numer()
                .checked_mul(*term.denom())?
                .checked_add(term.numer().checked_mul(*sum.denom())?)?;
            Some(R::new(top, sum.denom().checked_mul(*term.denom())?))
        });
    // Alphas too odd to be added exactly are added as doubles, with room for rounding.
    ledger.balanced = match sum {
        Some(sum) => sum <= budget,
        None => ledger.spent <= ledger.budget * (1.0 - 1e-9),
    };
    ledger
}
