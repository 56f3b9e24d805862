//! Two models side by side: the cases that both have answered, and each metric's
//! difference by the statistics of the gate.

use steadfast::builtin::catalogue;
use steadfast::catalogue::{Better, Catalogue};
use steadfast::engine::differing_fields;
use steadfast::judge::{Asked, Comparison, difference, metric_value};
use steadfast::spec::{Direction, Exact, MetricSpec};
use steadfast::stats::multiplicity::{benjamini_hochberg, holm};
use steadfast::stats::permutation::draws_for;

use super::Margin;
use super::sides::{Count, Finding, Side};
use super::source::{CaseRun, LeftOut, Measured, Source};

/// One pair of models.
pub struct Pair {
    /// Which study.
    pub study: usize,
    /// Which of the sources.
    pub a: usize,
    /// Likewise.
    pub b: usize,
    /// What both have.
    pub cases: Vec<CasePair>,
    /// What is not compared, and why.
    pub left_out: Vec<LeftOut>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// One case as both models answered it.
pub struct CasePair {
    /// Its name.
    pub name: String,
    /// Number of examples.
    pub examples: usize,
    /// Draws an example.
    pub replicates: usize,
    /// Whether it is all cells of a spec together.
    pub is_pooled: bool,
    /// Each metric that both have.
    pub metrics: Vec<Compared>,
}

/// One metric of one case.
pub struct Compared {
    /// The metric.
    pub spec: MetricSpec,
    /// Its value of A; of a metric of slices that of the slice that decides.
    pub a: f64,
    /// Its value of B, likewise.
    pub b: f64,
    /// The largest tolerable harm; `None`: none is known.
    pub margin: Option<Exact>,
    /// Whether a rise is harm.
    pub rise_is_harm: bool,
    /// The difference B − A and its two one-sided limits.
    pub comparison: Comparison,
    /// The p-value of harm.
    pub p_harm: f64,
    /// The p-value of gain.
    pub p_gain: f64,
    /// The two-sided p-value.
    pub p: f64,
    /// Adjusted over all tests that are shown, for any mistake.
    pub holm: f64,
    /// Adjusted over all tests that are shown, for the share of mistakes.
    pub benjamini_hochberg: f64,
    /// What it comes to.
    pub finding: Finding,
}

impl Compared {
    /// Its name, with the slice that values and difference are of.
    pub fn label(&self) -> String {
        match &self.comparison.slice {
            Some(slice) => format!("{}, {}", self.spec.label, slice.name),
            None => self.spec.label.clone(),
        }
    }

    /// The difference over the margin: −1 is a fall of all that is tolerable.
    pub fn margin_fraction(&self) -> Option<f64> {
        let margin = self.margin.as_ref()?;
        Some(self.comparison.change / margin.value())
    }
}

/// Wins, ties and losses of one metric over the cells of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The metric.
    pub identity: String,
    /// What is shown.
    pub statistical: Count,
    /// What exceeds the margin.
    pub practical: Count,
    /// Cases without a margin, which `practical` does not count.
    pub without_margin: usize,
}

impl Pair {
    /// The metrics, by identity, in the order in which they are met.
    pub fn identities(&self) -> Vec<String> {
        let mut identities = Vec::new();
        for metric in self.cases.iter().flat_map(|case| &case.metrics) {
            let identity = metric.spec.identity();
            if !identities.contains(&identity) {
                identities.push(identity);
            }
        }
        identities
    }

    /// The metric of that identity in each cell: pooled cases hold the others, which
    /// would count twice.
    pub fn cells<'a>(
        &'a self,
        identity: &'a str,
    ) -> impl Iterator<Item = (&'a CasePair, &'a Compared)> + 'a {
        let cells = self.cases.iter().filter(|case| !case.is_pooled);
        cells.flat_map(move |case| {
            let metrics = case.metrics.iter();
            metrics
                .filter(move |metric| metric.spec.identity() == identity)
                .map(move |metric| (case, metric))
        })
    }

    /// The metrics of slices, by identity: the smallest of several means, whose own
    /// spread resampling does not show (statistics.md 2.4).
    pub fn metrics_of_slices(&self) -> Vec<String> {
        let mut identities = self.identities();
        identities.retain(|identity| {
            let mut cells = self.cells(identity);
            cells.any(|(_, metric)| metric.comparison.slice.is_some())
        });
        identities
    }

    /// Counts, metric by metric.
    pub fn tallies(&self) -> Vec<Tally> {
        let mut tallies = Vec::new();
        for identity in self.identities() {
            // A metric of the whole family is of no cell.
            if self.cells(&identity).next().is_none() {
                continue;
            }
            let (mut statistical, mut practical) = (Count::default(), Count::default());
            let mut without_margin = 0;
            for (_, metric) in self.cells(&identity) {
                statistical.add(metric.finding.statistical);
                match metric.finding.practical {
                    Some(side) => practical.add(side),
                    None => without_margin += 1,
                }
            }
            tallies.push(Tally {
                identity,
                statistical,
                practical,
                without_margin,
            });
        }
        tallies
    }
}

/// What all pairs are asked.
pub struct Question<'a> {
    /// The two-sided error rate.
    pub alpha: &'a Exact,
    /// Margins of the command line.
    pub margins: &'a [Margin],
}

impl Question<'_> {
    /// Holds two sources against each other. The p-values are not settled yet.
    pub fn pair(&self, study: usize, (a, b): (usize, usize), sources: &[Source]) -> Pair {
        let (one, other) = (&sources[a], &sources[b]);
        let mut pair = Pair {
            study,
            a,
            b,
            cases: Vec::new(),
            left_out: Vec::new(),
            notes: Vec::new(),
        };
        let catalogue = catalogue();
        for (name, old) in &one.cases {
            let Some(new) = other.cases.get(name) else {
                pair.left_out.push(absent(name, other));
                continue;
            };
            if let Some(reason) = apart(old, new) {
                pair.left_out.push(LeftOut {
                    case: name.clone(),
                    reason,
                });
                continue;
            }
            let metrics = self.metrics(&catalogue, name, (one, old), (other, new), &mut pair);
            if metrics.is_empty() {
                continue;
            }
            pair.cases.push(CasePair {
                name: name.clone(),
                examples: new.run.outcomes.examples,
                replicates: new.run.outcomes.replicates,
                is_pooled: new.is_pooled(),
                metrics,
            });
        }
        for name in other.cases.keys() {
            if !one.cases.contains_key(name) {
                pair.left_out.push(absent(name, one));
            }
        }
        // What neither could be asked.
        for left_out in &one.left_out {
            if !other.cases.contains_key(&left_out.case) {
                pair.left_out.push(left_out.clone());
            }
        }
        if !pair.cases.is_empty() && same_model(&pair, one, other) {
            pair.notes.push(format!(
                "{} and {} are the same model",
                one.letter, other.letter
            ));
        }
        pair
    }

    /// The metrics that both runs of a case have.
    fn metrics(
        &self,
        catalogue: &Catalogue,
        name: &str,
        (one, old): (&Source, &CaseRun),
        (other, new): (&Source, &CaseRun),
        pair: &mut Pair,
    ) -> Vec<Compared> {
        let mut metrics = Vec::new();
        for measured in &old.metrics {
            let left_out = |reason: String| LeftOut {
                case: format!("{name}, {}", measured.label),
                reason,
            };
            let same = new
                .metrics
                .iter()
                .find(|known| known.label == measured.label);
            let found = match same {
                None => Err(left_out(format!("{} does not have the metric", other.letter))),
                Some(same) if same.identity != measured.identity => Err(left_out(format!(
                    "the metric is {} in {} and {} in {}",
                    measured.identity, one.letter, same.identity, other.letter
                ))),
                Some(same) => MetricSpec::from_identity(
                    catalogue,
                    &measured.label,
                    &measured.identity,
                )
                .ok_or_else(|| {
                    left_out(format!(
                        "this steadfast does not have {}. Use the version that made the records, or run the case again",
                        measured.identity
                    ))
                })
                .map(|spec| (spec, same)),
            };
            let (spec, same) = match found {
                Ok(found) => found,
                Err(left_out) => {
                    pair.left_out.push(left_out);
                    continue;
                }
            };
            let margin = self.margin(&spec, measured, same);
            if let (Some(old), Some(new)) = (&measured.margin, &same.margin)
                && old.fraction() != new.fraction()
                && margin.as_ref().is_some_and(|used| used == old)
            {
                let note = format!(
                    "{}: the margin is {old} in {} and {new} in {}: {}'s is used",
                    spec.label, one.letter, other.letter, one.letter
                );
                if !pair.notes.contains(&note) {
                    pair.notes.push(note);
                }
            }
            match self.compared(spec, margin, measured.direction, old, new) {
                Some(compared) => metrics.push(compared),
                None => pair.left_out.push(left_out(
                    "the outcomes that it needs are not recorded".to_owned(),
                )),
            }
        }
        for extra in &new.metrics {
            if !old.metrics.iter().any(|known| known.label == extra.label) {
                pair.left_out.push(LeftOut {
                    case: format!("{name}, {}", extra.label),
                    reason: format!("{} does not have the metric", one.letter),
                });
            }
        }
        metrics
    }

    /// The command line's word for the metric, else A's, else B's, else the command
    /// line's for all.
    fn margin(&self, spec: &MetricSpec, old: &Measured, new: &Measured) -> Option<Exact> {
        let named = |margin: &&Margin| {
            let metric = margin.metric.as_deref();
            metric.is_some_and(|name| name == spec.label || name == spec.kind.name)
        };
        let own = self.margins.iter().find(named);
        let others = self.margins.iter().find(|margin| margin.metric.is_none());
        own.map(|margin| &margin.margin)
            .or(old.margin.as_ref())
            .or(new.margin.as_ref())
            .or(others.map(|margin| &margin.margin))
            .cloned()
    }

    fn compared(
        &self,
        spec: MetricSpec,
        margin: Option<Exact>,
        direction: Option<Direction>,
        old: &CaseRun,
        new: &CaseRun,
    ) -> Option<Compared> {
        let rise_is_harm = match direction {
            Some(Direction::Higher) => true,
            Some(Direction::Lower) => false,
            // Where either change is harm, the metric itself says which is worse.
            Some(Direction::Both) | None => spec.kind.better == Better::Lower,
        };
        let asked = self.asked(margin.as_ref(), rise_is_harm, 1)?;
        let comparison = difference(&spec, &asked, new.design, &old.run, &new.run)?;
        // A metric of slices differs by the slice that decides.
        let (a, b) = match &comparison.slice {
            Some(slice) => (slice.before, slice.after),
            None => (
                metric_value(&spec, &old.run)?,
                metric_value(&spec, &new.run)?,
            ),
        };
        Some(Compared {
            a,
            b,
            spec,
            margin,
            rise_is_harm,
            p_harm: comparison.p_harm,
            p_gain: comparison.p_gain,
            p: 1.0,
            holm: 1.0,
            benjamini_hochberg: 1.0,
            finding: Finding {
                statistical: Side::Tie,
                practical: None,
                is_equal: false,
            },
            comparison,
        })
    }

    /// One side of the error rate, shared by a number of tests.
    fn asked(&self, margin: Option<&Exact>, rise_is_harm: bool, tests: u32) -> Option<Asked> {
        Some(Asked {
            // Nothing that rests on the margin is used where there is none.
            margin: margin.cloned().or_else(|| Exact::parse("1").ok())?,
            alpha_side: self.alpha.divided_by(tests.checked_mul(2)?)?,
            rise_is_harm,
        })
    }

    /// Adjusts the p-values over all tests, and says what each difference comes to.
    pub fn settle(&self, pairs: &mut [Pair], sources: &[Source]) {
        let tests: usize = pairs
            .iter()
            .flat_map(|pair| &pair.cases)
            .map(|case| case.metrics.len())
            .sum();
        self.resolve(pairs, sources, u32::try_from(tests).unwrap_or(u32::MAX));
        let mut all: Vec<&mut Compared> = pairs
            .iter_mut()
            .flat_map(|pair| &mut pair.cases)
            .flat_map(|case| &mut case.metrics)
            .collect();
        for compared in &mut all {
            compared.p = (2.0 * compared.p_harm.min(compared.p_gain)).min(1.0);
        }
        let p: Vec<f64> = all.iter().map(|compared| compared.p).collect();
        let adjusted = holm(&p).into_iter().zip(benjamini_hochberg(&p));
        for (compared, (holm, benjamini_hochberg)) in all.into_iter().zip(adjusted) {
            compared.holm = holm;
            compared.benjamini_hochberg = benjamini_hochberg;
            compared.finding = finding(compared, self.alpha.value());
        }
    }

    /// A sampled p-value is resolved for one test; where so many are shown that their
    /// share of the error rate needs more draws, it is drawn again.
    fn resolve(&self, pairs: &mut [Pair], sources: &[Source], tests: u32) {
        let Some(one) = self.asked(None, false, 1) else {
            return;
        };
        let Some(all) = self.asked(None, false, tests.max(1)) else {
            return;
        };
        if draws_for(all.alpha_side.value()) <= draws_for(one.alpha_side.value()) {
            return;
        }
        for pair in pairs {
            let (a, b) = (&sources[pair.a], &sources[pair.b]);
            for case in &mut pair.cases {
                let (Some(old), Some(new)) = (a.cases.get(&case.name), b.cases.get(&case.name))
                else {
                    continue;
                };
                for compared in &mut case.metrics {
                    let margin = compared.margin.as_ref();
                    let asked = self.asked(margin, compared.rise_is_harm, tests);
                    let again = asked.and_then(|asked| {
                        difference(&compared.spec, &asked, new.design, &old.run, &new.run)
                    });
                    if let Some(again) = again {
                        compared.p_harm = again.p_harm;
                        compared.p_gain = again.p_gain;
                    }
                }
            }
        }
    }
}

fn finding(compared: &Compared, alpha: f64) -> Finding {
    let comparison = &compared.comparison;
    let statistical = if compared.holm > alpha {
        Side::Tie
    } else if compared.p_harm < compared.p_gain {
        Side::Loss
    } else {
        Side::Win
    };
    let practical = compared.margin.as_ref().map(|_| {
        if comparison.harm_exceeds_margin {
            Side::Loss
        } else if comparison.gain_exceeds_margin {
            Side::Win
        } else {
            Side::Tie
        }
    });
    Finding {
        statistical,
        practical,
        is_equal: compared.margin.is_some() && comparison.excludes_harm && comparison.excludes_gain,
    }
}

/// A case that `source` does not have.
fn absent(name: &str, source: &Source) -> LeftOut {
    let known = source.left_out.iter().find(|known| known.case == name);
    known.cloned().unwrap_or_else(|| LeftOut {
        case: name.to_owned(),
        reason: format!("{} has no run of it", source.letter),
    })
}

/// Why two runs of a case cannot be paired.
fn apart(old: &CaseRun, new: &CaseRun) -> Option<String> {
    let (one, other) = (&old.run.identity, &new.run.identity);
    if one.inputs_digest != other.inputs_digest {
        let fields = differing_fields(&one.inputs, &other.inputs);
        return Some(format!("the inputs differ: {}", fields.join("; ")));
    }
    let (old, new) = (&old.run.outcomes, &new.run.outcomes);
    ((old.examples, old.replicates) != (new.examples, new.replicates)).then(|| {
        format!(
            "{} examples with {} replicates against {} with {}",
            old.examples, old.replicates, new.examples, new.replicates
        )
    })
}

fn same_model(pair: &Pair, one: &Source, other: &Source) -> bool {
    pair.cases.iter().all(|case| {
        let model = |source: &Source| {
            let run = source.cases.get(&case.name)?;
            Some(run.run.identity.model.clone())
        };
        matches!((model(one), model(other)), (Some(one), Some(other)) if one.is_known_same(&other))
    })
}
