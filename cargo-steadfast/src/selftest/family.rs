//! All cases of one spec: its cells, the case that pools them, and the retrains that all of
//! them record.

use std::sync::Arc;

use steadfast::digest::Digest;
use steadfast::report::plural;
use steadfast::spec::{Case, Spec, Subject as About, cases};

use super::draws::Draws;
use super::harm::{BySize, SIZES, shares};
use super::material::Source;
use super::pooled::Pooled;
use super::subject::{Finding, Subject};
use crate::repository::{Repository, matches};

/// Retrains that must be recorded before they are mixed: one says nothing of how far two
/// of them lie apart.
const FEWEST: usize = 2;

/// The cases of one spec.
pub struct Family {
    /// The spec.
    pub spec: Arc<Spec>,
    /// Its cells that can be simulated, in the order of the spec.
    pub cells: Vec<Subject>,
    /// The case over all of them.
    pub pooled: Option<Pooled>,
    /// The recorded retrains that its models are mixed of; none: its churn is declared.
    pub retrains: Vec<Digest>,
    /// Why recorded retrains are not used, where some are recorded.
    pub unused: Option<String>,
    /// In which metrics harm is simulated.
    pub aims: Vec<Aim>,
}

/// A metric in which harm is simulated.
pub struct Aim {
    /// Its name in the spec.
    pub metric: String,
    /// The share of examples of each cell that is harm of each size there; empty: the
    /// metric is of all cells together.
    shares: Vec<BySize<Option<f64>>>,
}

impl Aim {
    /// Whether the metric is of all cells together.
    pub fn is_of_all(&self) -> bool {
        self.shares.is_empty()
    }
}

/// The sources of one simulated model, cell by cell.
pub type Plans = Vec<Vec<Source>>;

impl Family {
    /// The cases of a spec that can be simulated; `left_out` are those that cannot, and why.
    pub fn of(
        repository: &Repository,
        spec: &Arc<Spec>,
        filters: &[String],
        declared: bool,
        seed: u64,
        left_out: &mut Vec<(String, String)>,
    ) -> Self {
        let all = cases(spec);
        let is_chosen = |case: &Case| {
            filters.is_empty() || filters.iter().any(|filter| matches(filter, &case.name))
        };
        let wanted = all.iter().filter(|case| case.cell().is_some()).count();
        let (mut cells, mut over) = (Vec::new(), None);
        for case in &all {
            let subject = Subject::of(repository, case, is_chosen(case), seed);
            let subject = subject.and_then(|subject| match case.subject {
                About::Cell { .. } => {
                    cells.push(subject);
                    Ok(())
                }
                About::Pooled if cells.len() < wanted => {
                    Err("not all of its cells can be simulated".to_owned())
                }
                About::Pooled => {
                    over = Some(Pooled::of(subject, &cells)?);
                    Ok(())
                }
            });
            if let Err(why) = subject
                && is_chosen(case)
            {
                left_out.push((case.name.clone(), why));
            }
        }
        let mut family = Self {
            spec: Arc::clone(spec),
            cells,
            pooled: over,
            retrains: Vec::new(),
            unused: None,
            aims: Vec::new(),
        };
        if !declared {
            family.record();
        }
        family
    }

    /// Finds the retrains that all cases record, and takes outcomes from them.
    fn record(&mut self) {
        let pooled = self.pooled.iter().map(|pooled| &pooled.subject);
        let known = self.cells.iter().chain(pooled).map(Subject::retrains);
        let known: Vec<Vec<Digest>> = known.collect();
        let common = known.iter().cloned().reduce(|mut common, retrains| {
            common.retain(|retrain| retrains.contains(retrain));
            common
        });
        let common = common.unwrap_or_default();
        let most = known.iter().map(Vec::len).max().unwrap_or(0);
        if common.len() < FEWEST {
            self.unused = (most > 0).then(|| {
                let here = known.iter().filter(|known| known.len() == most).count();
                format!(
                    "{} recorded in {here} of {}, and {} in all of them; {FEWEST} are needed (bless --retrain)",
                    plural(most, "retrain"),
                    plural(known.len(), "case"),
                    common.len()
                )
            });
            return;
        }
        self.retrains.clone_from(&common);
        let pooled = self.pooled.iter_mut().map(|pooled| &mut pooled.subject);
        for subject in self.cells.iter_mut().chain(pooled) {
            subject.record(&common);
        }
    }

    /// Whether any of its cases was asked for and can fail.
    pub fn is_judged(&self) -> bool {
        self.judged().next().is_some()
    }

    /// The cases that were asked for and can fail.
    pub fn judged(&self) -> impl Iterator<Item = &Subject> {
        self.subjects().filter(|subject| subject.is_judged)
    }

    /// The cells, and the case over all of them last.
    pub fn subjects(&self) -> impl Iterator<Item = &Subject> {
        let pooled = self.pooled.iter().map(|pooled| &pooled.subject);
        self.cells.iter().chain(pooled)
    }

    /// Finds in which metrics harm can be simulated, and how much of it is how much.
    pub fn aim(&mut self) {
        let mut aims: Vec<Aim> = Vec::new();
        for metric in self
            .spec
            .metrics
            .iter()
            .filter(|metric| metric.test.is_some())
        {
            let cells = self.cells.iter().map(|cell| {
                let found = cell.tests().find(|(known, _)| known.label == metric.label);
                found.map_or([None; SIZES.len()], |(metric, test)| {
                    shares(cell, metric, test)
                })
            });
            aims.push(Aim {
                metric: metric.label.clone(),
                shares: cells.collect(),
            });
        }
        let pooled = self
            .pooled
            .as_ref()
            .filter(|pooled| pooled.subject.is_judged);
        let together = pooled.into_iter().flat_map(|pooled| pooled.subject.tests());
        for (metric, _) in together.filter(|(metric, _)| metric.kind.family.is_some()) {
            aims.push(Aim {
                metric: metric.label.clone(),
                shares: Vec::new(),
            });
        }
        self.aims = aims;
    }

    /// The share of examples of each cell that is harm of a size in the `harmed` cells, and
    /// nothing elsewhere; `None`: it cannot be had.
    pub fn shares(&self, aim: &Aim, size: usize, harmed: &[usize]) -> Option<Vec<f64>> {
        let mut shares = vec![0.0; self.cells.len()];
        if aim.is_of_all() {
            let pooled = self.pooled.as_ref()?;
            let share = pooled.share(&aim.metric, SIZES[size], harmed, &self.cells)?;
            for &cell in harmed {
                shares[cell] = share;
            }
            return Some(shares);
        }
        let mut any = false;
        for &cell in harmed {
            if let Some(share) = aim.shares[cell][size] {
                shares[cell] = share;
                any = true;
            }
        }
        any.then_some(shares)
    }

    /// The sources of a model that is as good as the baseline, at a declared churn.
    pub fn plans(&self, churn: f64, draws: &dyn Fn(&Subject) -> Arc<Draws>) -> Plans {
        let cells = self.cells.iter().map(|cell| {
            let draws = draws(cell);
            if self.retrains.is_empty() {
                cell.churn.plan(cell.churn.chance(churn), &draws)
            } else {
                cell.churn.mixed(self.retrains.len(), &draws)
            }
        });
        cells.collect()
    }

    /// The cases that each recorded retrain fails as it came out, held against the baseline
    /// with the others.
    pub fn failed_by_recorded(&self) -> Vec<Vec<&str>> {
        let each = self.retrains.iter().enumerate().map(|(place, retrain)| {
            let cells = self.cells.iter();
            let plans: Plans = cells
                .map(|cell| vec![Source::Recorded(place); cell.examples.count])
                .collect();
            let cells = self.cells.iter().zip(&plans);
            let outcomes = cells.map(|(cell, plan)| (cell, cell.material.made(plan)));
            let over = self.pooled.iter();
            let over = over.map(|pooled| (&pooled.subject, pooled.made(&self.cells, &plans)));
            let judged = outcomes
                .chain(over)
                .filter(|(subject, _)| subject.is_judged);
            let failed = judged
                .filter(|(subject, outcomes)| subject.fails_without(retrain, outcomes.clone()));
            failed
                .map(|(subject, _)| subject.case.name.as_str())
                .collect()
        });
        each.collect()
    }

    /// The same with so many examples of each cell answered wrongly.
    pub fn harmed(
        &self,
        plans: &Plans,
        shares: &[f64],
        draws: &dyn Fn(&Subject) -> Arc<Draws>,
    ) -> Plans {
        let cells = self.cells.iter().zip(plans).zip(shares);
        cells
            .map(|((cell, plan), &share)| match share > 0.0 {
                true => cell.churn.harmed(plan, share, &draws(cell)),
                false => plan.clone(),
            })
            .collect()
    }

    /// What becomes of the tests of a model, subject by subject; `None`: not judged.
    pub fn findings(&self, plans: &Plans) -> Vec<Option<Finding>> {
        let cells = self.cells.iter().zip(plans).map(|(cell, plan)| {
            let judged = cell.is_judged;
            judged.then(|| cell.finding(cell.material.made(plan)))
        });
        let over = self.pooled.iter().map(|pooled| {
            let judged = pooled.subject.is_judged;
            judged.then(|| pooled.subject.finding(pooled.made(&self.cells, plans)))
        });
        cells.chain(over).collect()
    }

    /// Whether one cell of a model fails; `None`: it is not judged.
    pub fn cell_fails(&self, cell: usize, plans: &Plans) -> Option<bool> {
        let subject = &self.cells[cell];
        let judged = subject.is_judged;
        judged.then(|| subject.fails(subject.material.made(&plans[cell])))
    }

    /// Whether the case over all cells of a model fails; `None`: it is not judged.
    pub fn pooled_fails(&self, plans: &Plans) -> Option<bool> {
        let pooled = self.pooled.as_ref()?;
        let judged = pooled.subject.is_judged;
        judged.then(|| pooled.subject.fails(pooled.made(&self.cells, plans)))
    }

    /// The cells of each entry of the spec.
    pub fn entries(&self) -> Vec<Vec<usize>> {
        let mut entries: Vec<(usize, Vec<usize>)> = Vec::new();
        for (place, cell) in self.cells.iter().enumerate() {
            let About::Cell { perturbation, .. } = cell.case.subject else {
                continue;
            };
            match entries.iter_mut().find(|(entry, _)| *entry == perturbation) {
                Some((_, cells)) => cells.push(place),
                None => entries.push((perturbation, vec![place])),
            }
        }
        entries.into_iter().map(|(_, cells)| cells).collect()
    }
}
