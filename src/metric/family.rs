//! A metric of a whole family of perturbations: what it sees of the cells, and how
//! its value follows from the right answers in them.
//!
//! Every such metric here is a weighted sum over the cells, so that it has a value for
//! each example, and its change is a mean of paired differences (statistics.md 2.2):
//! however the cells of an example are correlated, the error is that of a mean over
//! examples.

/// One perturbation at one setting, as a metric of all of them sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct FamilyCell {
    /// The number of the entry in the spec.
    pub entry: usize,
    /// The kind, as a spec writes it.
    pub kind: String,
    /// The severity; `None`: the entry has none.
    pub severity: Option<f64>,
}

/// How the value follows from the share of right answers in each cell:
/// `constant` + Σ `right` × share.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// The value where no answer is right.
    pub constant: f64,
    /// The weight of each cell.
    pub right: Vec<f64>,
}

impl Linear {
    /// The value for these shares of right answers, cell by cell.
    pub fn value(&self, shares: impl IntoIterator<Item = f64>) -> f64 {
        let terms = self.right.iter().zip(shares);
        self.constant + terms.map(|(weight, share)| weight * share).sum::<f64>()
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! Cells by hand.

    use super::FamilyCell;

    /// Perturbations with their severities; one without a severity has none.
    pub(crate) fn cells(entries: &[(&str, &[f64])]) -> Vec<FamilyCell> {
        let mut cells = Vec::new();
        for (entry, (kind, severities)) in entries.iter().enumerate() {
            let cell = |severity| FamilyCell {
                entry,
                kind: (*kind).to_owned(),
                severity,
            };
            if severities.is_empty() {
                cells.push(cell(None));
            }
            cells.extend(severities.iter().map(|&severity| cell(Some(severity))));
        }
        cells
    }
}
