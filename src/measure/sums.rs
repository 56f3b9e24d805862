//! What each cluster adds to the sums of a metric, in one run or in two over the
//! same examples: columns are read once, and only cells that a row touches kept.

use crate::catalogue::Parameters;
use crate::metric::{Metric, Rows, Strata};
use crate::seed::Stream;
use crate::stats::jackknife::Jackknife;

/// Sums that leaving clusters out one by one may visit, for a standard error that
/// no limit rests on: beyond it neighbouring clusters are left out together.
const MOST_VISITS: usize = 200_000_000;

/// A place among the kept sums, and what is added there.
type Term = (u32, i32);

/// The contributions of clusters.
pub struct Sums<'a> {
    metric: &'a dyn Metric,
    parameters: &'a Parameters,
    /// The number of rows of each cluster.
    rows: Vec<usize>,
    /// The stratum of each cluster, where examples are compared within strata.
    strata: Option<Vec<u32>>,
    runs: Vec<Run>,
}

/// Of one run.
struct Run {
    totals: Vec<i64>,
    terms: Vec<Term>,
    /// Where each cluster's terms end.
    ends: Vec<usize>,
}

impl Run {
    fn cluster(&self, cluster: usize) -> &[Term] {
        let start = cluster.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.terms[start..self.ends[cluster]]
    }
}

/// Adds terms to sums, `sign` times.
fn apply(terms: &[Term], sign: i64, sums: &mut [i64]) {
    for &(place, amount) in terms {
        sums[place as usize] += sign * i64::from(amount);
    }
}

impl<'a> Sums<'a> {
    /// Reads the rows of `runs`; `clusters` says which examples belong together.
    pub fn new(
        metric: &'a dyn Metric,
        parameters: &'a Parameters,
        runs: &[&Rows<'_>],
        clusters: Option<&[u32]>,
        classes: usize,
    ) -> Self {
        let labels = runs.first().map_or(&[][..], |rows| rows.labels());
        let per_example = runs.first().map_or(1, |rows| rows.per_example);
        let members: Vec<Vec<usize>> = match clusters {
            None => (0..labels.len()).map(|example| vec![example]).collect(),
            Some(clusters) => {
                let count = clusters.iter().max().map_or(0, |&last| last as usize + 1);
                let mut members = vec![Vec::new(); count];
                for (example, &cluster) in clusters.iter().enumerate() {
                    members[cluster as usize].push(example);
                }
                members
            }
        };
        let all = runs
            .iter()
            .map(|rows| metric.sums(rows.sizes(classes), parameters))
            .max()
            .unwrap_or(0);
        let cell = metric.cell();
        let mut touched = vec![false; all.div_ceil(cell)];
        let mut runs: Vec<Run> = runs
            .iter()
            .map(|rows| {
                let (mut terms, mut ends) = (Vec::new(), Vec::with_capacity(members.len()));
                for cluster in &members {
                    for &example in cluster {
                        for row in example * per_example..(example + 1) * per_example {
                            metric.terms(rows.row(row), parameters, &mut |place, amount| {
                                touched[place / cell] = true;
                                push(&mut terms, place as u32, amount);
                            });
                        }
                    }
                    ends.push(terms.len());
                }
                Run {
                    totals: Vec::new(),
                    terms,
                    ends,
                }
            })
            .collect();
        let mut kept = 0;
        let places: Vec<u32> = touched
            .iter()
            .map(|&touched| {
                let place = kept;
                kept += if touched { cell as u32 } else { 0 };
                place
            })
            .collect();
        for run in &mut runs {
            run.totals = vec![0; kept as usize];
            for (place, _) in &mut run.terms {
                let old = *place as usize;
                *place = places[old / cell] + (old % cell) as u32;
            }
            apply(&run.terms, 1, &mut run.totals);
        }
        let strata = metric.strata(parameters);
        let strata = (clusters.is_none() && strata != Strata::All)
            .then(|| labels.iter().map(|&label| strata.of(label)).collect());
        Self {
            metric,
            parameters,
            rows: members
                .iter()
                .map(|cluster| cluster.len() * per_example)
                .collect(),
            strata,
            runs,
        }
    }

    /// Number of clusters.
    pub fn clusters(&self) -> usize {
        self.rows.len()
    }

    /// What values with each cluster [left out](Self::left_out) say.
    pub fn jackknife(&self, left_out: &[f64]) -> Jackknife {
        Jackknife::new(left_out, self.strata.as_deref()).of_sizes(&self.rows)
    }

    /// The sums of a run.
    pub fn totals(&self, run: usize) -> &[i64] {
        &self.runs[run].totals
    }

    /// The metric's value for sums over all rows.
    pub fn value(&self, sums: &[i64]) -> f64 {
        self.value_of(sums, self.rows.iter().sum())
    }

    fn value_of(&self, sums: &[i64], rows: usize) -> f64 {
        self.metric.value(sums, rows, self.parameters)
    }

    /// Of the clusters that add other terms in run 1 than in run 0: what run 1 adds
    /// more, by sum.
    pub fn changes(&self) -> Vec<Vec<Term>> {
        let [old, new] = self.runs.as_slice() else {
            return Vec::new();
        };
        let mut merged: Vec<(u32, i64)> = Vec::new();
        let changes = (0..self.clusters()).map(|cluster| {
            let signed = |terms: &[Term], sign: i64| {
                let signed = terms.iter().map(|term| (term.0, sign * i64::from(term.1)));
                signed.collect::<Vec<_>>()
            };
            merged.clear();
            merged.extend(signed(old.cluster(cluster), -1));
            merged.extend(signed(new.cluster(cluster), 1));
            merged.sort_unstable_by_key(|term| term.0);
            let mut change = Vec::new();
            for terms in merged.chunk_by(|one, other| one.0 == other.0) {
                let amount = terms.iter().map(|term| term.1).sum();
                push(&mut change, terms[0].0, amount);
            }
            change
        });
        changes.filter(|change| !change.is_empty()).collect()
    }

    /// The values of a run with each cluster left out. `exact`: one by one, however
    /// long it takes; the stratum of each value is then its cluster's.
    pub fn left_out(&self, run: usize, exact: bool) -> Vec<f64> {
        let run = &self.runs[run];
        let visits = self.clusters() * run.totals.len();
        let together = if exact {
            1
        } else {
            visits.div_ceil(MOST_VISITS).max(1)
        };
        let all: usize = self.rows.iter().sum();
        let mut sums = run.totals.clone();
        (0..self.clusters())
            .step_by(together)
            .map(|first| {
                let clusters = first..(first + together).min(self.clusters());
                for cluster in clusters.clone() {
                    apply(run.cluster(cluster), -1, &mut sums);
                }
                let left = all - self.rows[clusters.clone()].iter().sum::<usize>();
                let value = self.value_of(&sums, left);
                for cluster in clusters {
                    apply(run.cluster(cluster), 1, &mut sums);
                }
                value
            })
            .collect()
    }
}

/// Draws that an inflation is averaged over: known to a fiftieth of itself, and less.
const FLIPS: usize = 200;

impl Sums<'_> {
    /// By how much chance is expected to raise a run's value, for a metric that is a mean of
    /// absolute gaps: where no gap is more than chance, and around the gaps that were seen.
    /// The sign of what each cluster adds to the gaps is drawn, which keeps its size.
    ///
    /// Source: the wild bootstrap of Wu 1986, with Rademacher's signs.
    pub fn inflation(&self, run: usize, stream: &mut Stream) -> [f64; 2] {
        let run = &self.runs[run];
        let cell = self.metric.cell();
        // The last sum of a cell is its gap; others count rows, which stay.
        let is_gap = |place: usize| place % cell == cell - 1;
        let seen = self.value(&run.totals);
        let mut inflation = [0.0; 2];
        let (mut chance, mut around) = (run.totals.clone(), run.totals.clone());
        for _ in 0..FLIPS {
            for (place, total) in run.totals.iter().enumerate() {
                chance[place] = if is_gap(place) { 0 } else { *total };
            }
            let mut bits = 0;
            for cluster in 0..self.clusters() {
                if cluster % 64 == 0 {
                    bits = stream.word();
                }
                let sign = if bits >> (cluster % 64) & 1 == 1 {
                    1
                } else {
                    -1
                };
                for &(place, amount) in run.cluster(cluster) {
                    if is_gap(place as usize) {
                        chance[place as usize] += sign * i64::from(amount);
                    }
                }
            }
            for (place, total) in run.totals.iter().enumerate() {
                around[place] = if is_gap(place) {
                    total + chance[place]
                } else {
                    *total
                };
            }
            inflation[0] += self.value(&chance) / FLIPS as f64;
            inflation[1] += (self.value(&around) - seen) / FLIPS as f64;
        }
        inflation
    }
}

/// Adds a term, as several where it is too large for one.
fn push(terms: &mut Vec<Term>, place: u32, mut amount: i64) {
    while amount != 0 {
        let part = amount.clamp(i32::MIN.into(), i32::MAX.into());
        terms.push((place, part as i32));
        amount -= part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::{AdaptiveCalibrationError, Auroc, MacroF1, WorstSliceAccuracy};
    use crate::outcome::{Column, Outcomes};
    use proptest::prelude::*;

    /// Rows of `metric` over `examples` with two replicates, from `values`.
    fn outcomes(metric: &dyn Metric, parameters: &Parameters, values: &[u32]) -> Outcomes {
        let columns = metric.columns("x", parameters).into_iter().enumerate();
        Outcomes {
            examples: values.len() / 2,
            replicates: 2,
            columns: columns
                .map(|(index, spec)| Column {
                    values: values
                        .iter()
                        .map(|value| match spec.name.as_str() {
                            "correct" => value >> index & 1,
                            "class" => value % 3,
                            _ => value * 97,
                        })
                        .collect(),
                    spec,
                })
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn what_is_kept_gives_what_all_rows_give(
            old in prop::collection::vec(0u32..500, 12..40), more in any::<u32>(), which in 0usize..4,
            clustered in any::<bool>(),
        ) {
            let metric: &dyn Metric =
                [&MacroF1 as &dyn Metric, &Auroc, &AdaptiveCalibrationError, &WorstSliceAccuracy][which];
            let parameters = Parameters(vec![("bins".to_owned(), 4.0), ("class".to_owned(), 1.0)]);
            let old = &old[..old.len() / 2 * 2];
            let new: Vec<u32> =
                old.iter().enumerate().map(|(row, value)| (value + more % (row as u32 + 1)) % 500).collect();
            let examples = old.len() / 2;
            let labels: Vec<u32> = (0..examples).map(|example| (example % 3) as u32).collect();
            let slices: Vec<u32> = (0..examples).map(|example| (example % 2) as u32).collect();
            let clusters: Option<Vec<u32>> =
                clustered.then(|| (0..examples as u32).map(|example| example % 4).collect());
            let columns = metric.columns("x", &parameters);
            let runs = [outcomes(metric, &parameters, old), outcomes(metric, &parameters, &new)];
            let [before, after] = [&runs[0], &runs[1]].map(|run| {
                Rows::new(run, &columns, &labels).unwrap().with_slices(Some(&slices))
            });
            let sums = Sums::new(metric, &parameters, &[&before, &after], clusters.as_deref(), 3);
            for (run, rows) in [&before, &after].into_iter().enumerate() {
                let all = rows.value(metric, &parameters, 3);
                prop_assert!((sums.value(sums.totals(run)) - all).abs() < 1e-12);
                // Each cluster left out, by reading the rows that are left.
                let left_out = sums.left_out(run, true);
                prop_assert_eq!(left_out.len(), sums.clusters());
                for (cluster, found) in left_out.iter().enumerate() {
                    let stays = |example: &usize| match &clusters {
                        Some(clusters) => clusters[*example] as usize != cluster,
                        None => *example != cluster,
                    };
                    let places: Vec<usize> = (0..examples).filter(stays).collect();
                    let part = runs[run].examples_at(&places);
                    let labels: Vec<u32> = places.iter().map(|&place| labels[place]).collect();
                    let slices: Vec<u32> = places.iter().map(|&place| slices[place]).collect();
                    let rows = Rows::new(&part, &columns, &labels).unwrap();
                    let expected =
                        rows.with_slices(Some(&slices)).value(metric, &parameters, 3);
                    prop_assert!((found - expected).abs() < 1e-12, "{found} {expected}");
                }
            }
            // All changes taken back, the new run is the old one.
            let mut back = sums.totals(1).to_vec();
            for change in sums.changes() {
                apply(&change, -1, &mut back);
            }
            prop_assert_eq!(back.as_slice(), sums.totals(0));
        }
    }

    #[test]
    fn an_amount_too_large_for_a_term_is_several() {
        let mut terms = Vec::new();
        push(&mut terms, 1, 5_000_000_000);
        push(&mut terms, 0, -5_000_000_000);
        let mut sums = [0, 0];
        apply(&terms, 1, &mut sums);
        assert_eq!(sums, [-5_000_000_000, 5_000_000_000]);
    }
}
