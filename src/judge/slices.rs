//! A metric of the slice that fares worst (statistics.md 2.4): the minimum is not
//! resampled; each slice is tested by itself. Harm is shown where any slice shows
//! it at alpha over their number (union-intersection); a change is within the
//! margin where every slice's is, at alpha (intersection-union).
//!
//! Source: Roy 1953; Berger 1982.

use super::mean;
use super::pair::{Decisive, Harm, Pair};
use crate::metric::{Accuracy, Metric, Rows};
use crate::outcome::{Column, ColumnSpec, Outcomes};
use crate::spec::Mode;

/// What was found about one slice.
struct Slice {
    number: usize,
    examples: usize,
    before: f64,
    after: f64,
    harm: Harm,
}

/// Judges the pair.
pub fn judge(pair: &Pair<'_>) -> Harm {
    let numbers = pair.new.slices().unwrap_or(&[]);
    let count = numbers.iter().max().map_or(1, |&last| last as usize + 1);
    let mut members = vec![Vec::new(); count];
    for example in 0..pair.examples() {
        let slice = numbers.get(example).map_or(0, |&slice| slice as usize);
        members[slice].push(example);
    }
    // Each slice has its share of alpha, except where all of them must be shown.
    let mut test = pair.test.clone();
    if test.mode == Mode::Detect {
        test.alpha = test
            .alpha
            .shared_by(u32::try_from(count).unwrap_or(u32::MAX));
    }
    let slices: Vec<Slice> = members
        .iter()
        .enumerate()
        .map(|(number, members)| {
            one(
                &Pair {
                    test: &test,
                    ..*pair
                },
                number,
                members,
            )
        })
        .collect();
    join(pair, slices)
}

/// Judges one slice by itself.
fn one(pair: &Pair<'_>, number: usize, members: &[usize]) -> Slice {
    let columns = Accuracy.columns(&pair.spec.label, &pair.spec.parameters);
    let labels: Vec<u16> = vec![0; members.len()];
    let [old, new] = [pair.old, pair.new].map(|rows| part(rows, members, &columns));
    let clusters: Option<Vec<u32>> = pair
        .clusters
        .map(|clusters| members.iter().map(|&example| clusters[example]).collect());
    let rows = |outcomes| Rows::new(outcomes, &columns, &labels);
    let (Some(old), Some(new)) = (rows(&old), rows(&new)) else {
        unreachable!("the columns were made here");
    };
    let value = |rows: &Rows<'_>| rows.value(&Accuracy, &pair.spec.parameters, pair.classes);
    Slice {
        number,
        examples: members.len(),
        before: value(&old),
        after: value(&new),
        harm: mean::judge(&Pair {
            metric: &Accuracy,
            old: &old,
            new: &new,
            clusters: clusters.as_deref(),
            ..*pair
        }),
    }
}

/// The outcomes of some examples.
fn part(rows: &Rows<'_>, examples: &[usize], columns: &[ColumnSpec]) -> Outcomes {
    let per_example = rows.per_example;
    let columns = columns.iter().enumerate().map(|(index, spec)| {
        let column = rows.column(index);
        let values = examples
            .iter()
            .flat_map(|example| &column[example * per_example..(example + 1) * per_example]);
        Column {
            spec: spec.clone(),
            values: values.copied().collect(),
        }
    });
    Outcomes {
        examples: examples.len(),
        replicates: per_example,
        columns: columns.collect(),
    }
}

/// One answer from those about all slices.
fn join(pair: &Pair<'_>, slices: Vec<Slice>) -> Harm {
    let (alpha, count) = (pair.alpha(), slices.len() as f64);
    let any_of = |p: f64| (p * count).min(1.0);
    let smallest = |p: &dyn Fn(&Harm) -> f64| {
        let values = slices.iter().map(|slice| p(&slice.harm));
        values.fold(1.0, f64::min)
    };
    let p_harm = any_of(smallest(&|harm| harm.p_harm));
    let p_gain = any_of(smallest(&|harm| harm.p_gain));
    let largest_margin = slices
        .iter()
        .map(|slice| slice.harm.p_margin)
        .try_fold(0.0, |largest: f64, p| p.map(|p| largest.max(p)));
    let smallest_margin = slices
        .iter()
        .filter_map(|slice| slice.harm.p_margin)
        .reduce(f64::min)
        .map(any_of);
    // A slice shows harm, or gain, and that it is beyond the margin.
    let harmed = |harm: &Harm| any_of(harm.p_harm) <= alpha && harm.beyond[0];
    let gained = |harm: &Harm| any_of(harm.p_gain) <= alpha && harm.beyond[1];
    let all = |test: &dyn Fn(&Harm) -> bool| slices.iter().all(|slice| test(&slice.harm));
    let any = |test: &dyn Fn(&Harm) -> bool| slices.iter().any(|slice| test(&slice.harm));
    let beyond = [any(&harmed), any(&gained)];
    let excludes = [all(&|harm| harm.excludes[0]), all(&|harm| harm.excludes[1])];
    let shows_beyond = [0, 1].map(|side| any(&|harm| harm.shows_beyond[side]));

    // The slice that decided: one that failed, else the nearest to failing.
    let rank = |harm: &Harm| -> (bool, f64) {
        let margin = harm.p_margin.unwrap_or(1.0);
        match (pair.test.mode, harm.p_margin) {
            (Mode::Prove, _) => (!harmed(harm), -margin),
            (Mode::Detect, Some(p)) => (!harm.shows_beyond[0], p),
            (Mode::Detect, None) => (!harmed(harm), harm.p_harm),
        }
    };
    let decisive = slices
        .iter()
        .map(|slice| (rank(&slice.harm), slice))
        .min_by(|(one, _), (other, _)| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))
        .map(|(_, slice)| slice);
    // Harm of the detectable drop is seen in every slice only where it is seen in
    // the weakest, as a rule the smallest. More examples come with the same slices.
    let weakest = slices.iter().max_by(|one, other| {
        let seen = |slice: &Slice| slice.harm.detectable.unwrap_or(f64::INFINITY);
        seen(one).total_cmp(&seen(other))
    });
    let name = |slice: &Slice| {
        let known = pair.slices.get(slice.number).cloned();
        let value = known.unwrap_or_else(|| slice.number.to_string());
        match pair.slice_array {
            Some(array) => format!("{array} = {value}"),
            None => value,
        }
    };
    let of = |value: fn(&Harm) -> f64| decisive.map_or(0.0, |slice| value(&slice.harm));
    Harm {
        estimate: of(|harm| harm.estimate),
        error: weakest.map_or(0.0, |slice| slice.harm.error),
        replicate_share: weakest.and_then(|slice| slice.harm.replicate_share),
        limits: decisive.and_then(|slice| slice.harm.limits),
        p_harm,
        p_gain,
        p_margin: match pair.test.mode {
            Mode::Prove => largest_margin,
            Mode::Detect => smallest_margin,
        },
        beyond,
        excludes,
        shows_beyond,
        detectable: weakest.and_then(|slice| slice.harm.detectable),
        needed: weakest.and_then(|slice| {
            let of_all = pair.examples() as f64 / slice.examples as f64;
            let needed = slice.harm.needed? as f64;
            Some((needed * of_all).ceil() as u64)
        }),
        slice: decisive.zip(weakest).map(|(decisive, weakest)| Decisive {
            name: name(decisive),
            before: decisive.before,
            after: decisive.after,
            weakest: name(weakest),
        }),
    }
}
