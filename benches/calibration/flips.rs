//! The gate where one row an example is right or wrong: what it finds depends on
//! how many rows flipped, which is remembered.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use crate::gate::{Finding, Gate, Test, right_or_wrong};

/// A gate for accuracy with one replicate and independent rows. Pairs of runs with
/// the same counts of flips share one judgement, which one in [`CHECKED`] pairs
/// confirms from its own rows.
pub struct FlipGate {
    gate: Gate,
    known: RwLock<HashMap<Counts, Arc<[Finding]>>>,
}

/// Rows, those that became wrong, and those that became right.
type Counts = (usize, usize, usize);

/// How many pairs there are to one that is judged from its own rows.
const CHECKED: u64 = 500;

impl FlipGate {
    pub fn new(tests: &[Test]) -> Self {
        Self::of(Gate::new(tests))
    }

    pub fn of(gate: Gate) -> Self {
        Self {
            gate,
            known: RwLock::default(),
        }
    }

    /// What each test finds about `n` rows of which `harm` became wrong and `gain`
    /// right.
    pub fn flips(&self, n: usize, harm: usize, gain: usize) -> Arc<[Finding]> {
        let key = (n, harm, gain);
        let known = self.known.read().expect("no writer panicked");
        if let Some(findings) = known.get(&key) {
            return Arc::clone(findings);
        }
        drop(known);
        let mut old = vec![1; n];
        let mut new = vec![1; n];
        new[..harm].fill(0);
        old[harm..harm + gain].fill(0);
        let findings: Arc<[Finding]> = self.rows(old, new).into();
        let mut known = self.known.write().expect("no writer panicked");
        known.insert(key, Arc::clone(&findings));
        findings
    }

    /// The same from rows of right and wrong.
    fn rows(&self, old: Vec<u32>, new: Vec<u32>) -> Vec<Finding> {
        let baseline = self.gate.baseline(&right_or_wrong(old, 1));
        self.gate.judge(&baseline, right_or_wrong(new, 1))
    }

    /// What each test finds about two runs; the `number`th pair.
    pub fn pair(&self, number: u64, old: &[u32], new: &[u32]) -> Arc<[Finding]> {
        let (harm, gain) = flips(old, new);
        let findings = self.flips(old.len(), harm, gain);
        if number.is_multiple_of(CHECKED) {
            let own = self.rows(old.to_vec(), new.to_vec());
            assert_eq!(*own, *findings, "more than the flips decides");
        }
        findings
    }
}

/// Rows that became wrong, and that became right.
pub fn flips(old: &[u32], new: &[u32]) -> (usize, usize) {
    old.iter()
        .zip(new)
        .fold((0, 0), |(harm, gain), pair| match pair {
            (1, 0) => (harm + 1, gain),
            (0, 1) => (harm, gain + 1),
            _ => (harm, gain),
        })
}
