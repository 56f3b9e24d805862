//! From specs to cases, and the error budget that they share. Reads specs only.

use std::sync::Arc;

use num_rational::Ratio;

use super::value::{Case, Mode, Spec, Suite};

/// The cases of a spec, in the order of the file.
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
                perturbation,
                setting,
            });
        }
    }
    cases
}

/// How much of the suite's error budget the specs spend.
#[derive(Clone, Debug, PartialEq)]
pub struct Ledger {
    /// Tests in detect mode.
    pub tests: usize,
    /// The sum of their alphas.
    pub spent: f64,
    /// The family's alpha.
    pub budget: f64,
    /// Whether the sum, added exactly, is at most the budget.
    pub balanced: bool,
    /// What each spec spends: name, tests, sum of alphas.
    pub specs: Vec<(String, usize, f64)>,
}

/// Adds up the alphas of all detect tests. Ignored specs, `report_only` metrics
/// and tests in prove mode spend nothing.
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
        specs: Vec::new(),
    };
    // Alphas that are equal are multiplied, so that the exact sum stays small.
    let mut counts: Vec<(Ratio<i128>, i128)> = Vec::new();
    for spec in specs.iter().filter(|spec| spec.ignore.is_none()) {
        let cases: usize = spec
            .perturbations
            .iter()
            .map(|entry| entry.settings.len())
            .sum();
        let tests: Vec<_> = spec
            .metrics
            .iter()
            .filter_map(|metric| metric.test.as_ref())
            .filter(|test| test.mode == Mode::Detect)
            .collect();
        let mut sum = 0.0;
        for test in &tests {
            let alpha = exact(test.alpha.fraction());
            sum += test.alpha.value() * cases as f64;
            match counts.iter_mut().find(|(known, _)| *known == alpha) {
                Some((_, count)) => *count += cases as i128,
                None => counts.push((alpha, cases as i128)),
            }
        }
        ledger.tests += tests.len() * cases;
        ledger.spent += sum;
        ledger
            .specs
            .push((spec.name.clone(), tests.len() * cases, sum));
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
