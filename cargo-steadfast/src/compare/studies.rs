//! Differences taken together: over the cases of one pair of models, and over studies
//! (pairs of models, of one repository or several) by a random-effects analysis.

use steadfast::judge::contributions;
use steadfast::spec::{Examples, SeedScope};
use steadfast::stats::distribution::t_quantile;
use steadfast::stats::meta::{Effect, RandomEffects, random_effects};

use super::pairs::{CasePair, Compared, Pair};
use super::source::Source;

/// Fewer effects are shown one by one only: neither their spread nor an interval
/// would mean anything (statistics.md 6).
pub const FEWEST: usize = 5;

/// One effect with a name.
pub struct Named {
    /// The case, or the pair of models.
    pub name: String,
    /// The difference and its variance.
    pub effect: Effect,
}

/// Effects taken together.
pub struct Pooled {
    /// Each.
    pub effects: Vec<Named>,
    /// All of them, or why not.
    pub found: Result<RandomEffects, String>,
}

/// One metric over the cells of one pair.
pub struct OverCases {
    /// Which pair.
    pub pair: usize,
    /// The metric.
    pub identity: String,
    /// The mean over the cells, however they are correlated.
    pub mean: Mean,
    /// The cells, as if they were independent.
    pub pooled: Pooled,
}

/// One metric over studies.
pub struct OverStudies {
    /// The metric.
    pub identity: String,
    /// The studies: of each the mean over its cells.
    pub pooled: Pooled,
}

/// The mean difference over the cells of a pair.
#[derive(Clone, Copy, Debug)]
pub struct Mean {
    /// The mean and its variance.
    pub effect: Effect,
    /// Degrees of freedom of the variance, at least.
    pub degrees: f64,
    /// Number of cells.
    pub cases: usize,
    /// Sets of examples, taken for independent of each other.
    pub data_sets: usize,
    /// Whether an interval of a change of this metric holds what it promises.
    pub has_limits: bool,
    /// Whether the cells' errors could not be averaged example by example, so that
    /// the variance is the largest that they allow.
    pub is_bound: bool,
}

impl Mean {
    /// Two-sided limits by Student's t; `None` where none is valid, and where nothing
    /// varies, which is not certainty.
    pub fn limits(&self, alpha: f64) -> Option<(f64, f64)> {
        let reach = self.effect.variance.sqrt() * t_quantile(1.0 - alpha / 2.0, self.degrees);
        let estimate = self.effect.estimate;
        (self.has_limits && reach > 0.0).then_some((estimate - reach, estimate + reach))
    }
}

fn pooled(effects: Vec<Named>, has_limits: bool, alpha: f64) -> Pooled {
    let values: Vec<Effect> = effects.iter().map(|named| named.effect).collect();
    let found = if !has_limits {
        Err(
            "its estimate is biased, so that no interval of its change is valid; each effect is shown by itself"
                .to_owned(),
        )
    } else if values.len() < FEWEST {
        Err(format!(
            "{} fewer than {FEWEST}; each is shown by itself",
            match values.len() {
                1 => "1 effect is".to_owned(),
                count => format!("{count} effects are"),
            }
        ))
    } else {
        random_effects(&values, alpha).ok_or_else(|| {
            "in none of the effects anything varies: there is no variance to weigh by".to_owned()
        })
    };
    Pooled { effects, found }
}

/// Each metric of each pair over its cells.
pub fn over_cases(pairs: &[Pair], sources: &[Source], alpha: f64) -> Vec<OverCases> {
    let mut over = Vec::new();
    for (place, pair) in pairs.iter().enumerate() {
        let slices = pair.metrics_of_slices();
        for identity in pair.identities() {
            if slices.contains(&identity) {
                continue;
            }
            let cells: Vec<(&CasePair, &Compared)> = pair.cells(&identity).collect();
            let Some(mean) = mean(&cells, &sources[pair.a], &sources[pair.b]) else {
                continue;
            };
            let effects: Vec<Named> = cells
                .iter()
                .map(|(case, metric)| Named {
                    name: case.name.clone(),
                    effect: Effect {
                        estimate: metric.comparison.change,
                        variance: metric.comparison.error * metric.comparison.error,
                    },
                })
                .collect();
            over.push(OverCases {
                pair: place,
                mean,
                pooled: pooled(effects, mean.has_limits, alpha),
                identity,
            });
        }
    }
    over
}

/// Each metric over studies: A and B, and every further pair.
pub fn over_studies(
    pairs: &[Pair],
    over_cases: &[OverCases],
    sources: &[Source],
    alpha: f64,
) -> Vec<OverStudies> {
    let mut metrics: Vec<(&str, bool, Vec<Named>)> = Vec::new();
    for over in over_cases {
        let pair = &pairs[over.pair];
        // Of more than two models of a study, the first two are its pair.
        if pairs[..over.pair]
            .iter()
            .any(|other| other.study == pair.study)
        {
            continue;
        }
        let named = Named {
            name: format!(
                "{} against {}",
                sources[pair.b].letter, sources[pair.a].letter
            ),
            effect: over.mean.effect,
        };
        match metrics
            .iter_mut()
            .find(|(identity, _, _)| *identity == over.identity)
        {
            Some((_, _, effects)) => effects.push(named),
            None => metrics.push((&over.identity, over.mean.has_limits, vec![named])),
        }
    }
    metrics
        .into_iter()
        .map(|(identity, has_limits, effects)| OverStudies {
            identity: identity.to_owned(),
            pooled: pooled(effects, has_limits, alpha),
        })
        .collect()
}

/// The mean difference over the cells of a pair. Cells of the same examples are
/// correlated: what each example contributes is averaged over them first. `None`
/// where there is no cell.
fn mean(cells: &[(&CasePair, &Compared)], a: &Source, b: &Source) -> Option<Mean> {
    let mut data_sets: Vec<(&serde_json::Value, Vec<&(&CasePair, &Compared)>)> = Vec::new();
    for cell in cells {
        let data = b.cases.get(&cell.0.name)?.run.identity.inputs.get("data")?;
        match data_sets.iter_mut().find(|(known, _)| *known == data) {
            Some((_, cells)) => cells.push(cell),
            None => data_sets.push((data, vec![cell])),
        }
    }
    let (mut estimate, mut variance, mut is_bound) = (0.0, 0.0, false);
    let mut degrees = f64::INFINITY;
    for (_, own) in &data_sets {
        let share = own.len() as f64 / cells.len() as f64;
        let changes = own.iter().map(|(_, metric)| metric.comparison.change);
        estimate += share * changes.sum::<f64>() / own.len() as f64;
        let (error, count) = match averaged(own, a, b) {
            Some(contributions) => (standard_error(&contributions), contributions.len()),
            None => {
                is_bound = true;
                let errors = own.iter().map(|(_, metric)| metric.comparison.error);
                let examples = own.iter().map(|(case, _)| case.examples).min();
                (
                    errors.sum::<f64>() / own.len() as f64,
                    examples.unwrap_or_default(),
                )
            }
        };
        variance += share * share * error * error;
        degrees = degrees.min((count as f64 - 1.0).max(1.0));
    }
    let (_, first) = cells.first()?;
    Some(Mean {
        effect: Effect { estimate, variance },
        degrees,
        cases: cells.len(),
        data_sets: data_sets.len(),
        has_limits: first.spec.kind.has_limits,
        is_bound,
    })
}

/// What each cluster of examples contributes to the mean difference of the cells;
/// `None` where the examples are no sample, or share random draws, so that they are
/// not what the error comes from.
fn averaged(cells: &[&(&CasePair, &Compared)], a: &Source, b: &Source) -> Option<Vec<f64>> {
    let mut sums: Vec<f64> = Vec::new();
    for (case, metric) in cells {
        let (old, new) = (a.cases.get(&case.name)?, b.cases.get(&case.name)?);
        let shared = new.design.seed_scope == SeedScope::Shared && case.replicates > 1;
        if new.design.examples == Examples::Exhaustive || shared {
            return None;
        }
        let own = contributions(&metric.spec, &old.run, &new.run)?;
        if sums.is_empty() {
            sums = vec![0.0; own.len()];
        }
        if sums.len() != own.len() {
            return None;
        }
        for (sum, own) in sums.iter_mut().zip(own) {
            *sum += own / cells.len() as f64;
        }
    }
    Some(sums)
}

/// The standard error of the mean of independent contributions, two or more.
fn standard_error(contributions: &[f64]) -> f64 {
    let count = contributions.len() as f64;
    let mean = contributions.iter().sum::<f64>() / count;
    let squares: f64 = contributions
        .iter()
        .map(|contribution| (contribution - mean) * (contribution - mean))
        .sum();
    (squares / (count * (count - 1.0))).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_than_five_effects_are_not_pooled() {
        let effects = |count: usize, variance: f64| {
            let named = |place| Named {
                name: format!("case {place}"),
                effect: Effect {
                    estimate: 0.01 * place as f64,
                    variance,
                },
            };
            (0..count).map(named).collect::<Vec<_>>()
        };
        assert!(pooled(effects(4, 1e-4), true, 0.05).found.is_err());
        assert_eq!(
            pooled(effects(5, 1e-4), true, 0.05)
                .found
                .map(|found| found.count),
            Ok(5)
        );
        assert!(pooled(effects(5, 0.0), true, 0.05).found.is_err());
        assert!(pooled(effects(5, 1e-4), false, 0.05).found.is_err());
    }

    #[test]
    fn the_standard_error_is_that_of_a_mean() {
        // Squares of 1, 0, 1 over 3 · 2.
        assert!((standard_error(&[1.0, 2.0, 3.0]) - (1.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    }
}
