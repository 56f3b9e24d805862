//! A metric of the slice that fares worst (statistics.md 2.4): the minimum is not
//! resampled; each slice is tested by itself. Harm is shown where any slice shows
//! it at alpha over their number (union-intersection); a change is within the
//! margin where every slice's is, at alpha (intersection-union).
//!
//! Source: Roy 1953; Berger 1982.

use super::compare;
use super::mean;
use super::pair::{Comparison, Decisive, Finding, Pair, Part};
use crate::metric::{Accuracy, Metric, Rows};
use crate::outcome::{Column, ColumnSpec, Outcomes};
use crate::spec::{Direction, Mode};

/// What was found about one slice.
struct Slice {
    number: usize,
    examples: usize,
    before: f64,
    after: f64,
    found: Finding,
}

/// Compares the two runs.
pub fn compare(pair: &Pair<'_>) -> Comparison {
    let numbers = pair.new.slices().unwrap_or(&[]);
    let count = numbers.iter().max().map_or(1, |&last| last as usize + 1);
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); count];
    for example in 0..pair.examples() {
        let slice = numbers.get(example).map_or(0, |&slice| slice as usize);
        members[slice].push(example);
    }
    let count = members.iter().filter(|members| !members.is_empty()).count();
    // Each slice has its share of alpha, except where all of them must be shown.
    let mut test = pair.test.clone();
    if test.question.mode() == Mode::Detect {
        test.alpha = test
            .alpha
            .shared_by(u32::try_from(count).unwrap_or(u32::MAX));
    }
    let shared = &Pair {
        test: &test,
        ..*pair
    };
    // A slice of which nothing is left says nothing.
    let members = members.iter().enumerate();
    let members = members.filter(|(_, members)| !members.is_empty());
    let slices = members.map(|(number, members)| one(shared, number, members));
    join(pair, shared, slices.collect())
}

/// Judges one slice by itself.
fn one(pair: &Pair<'_>, number: usize, members: &[usize]) -> Slice {
    let columns = Accuracy.columns(&pair.spec.label, &pair.spec.parameters);
    let labels: Vec<u32> = vec![0; members.len()];
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
        found: mean::judge(&Pair {
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

/// One answer from those about all slices; `shared`: the pair with their share of alpha.
///
/// The numbers are those of the slice that decided: one that failed, else the one of least
/// p, against harm, or against gain where only that is shown.
fn join(pair: &Pair<'_>, shared: &Pair<'_>, slices: Vec<Slice>) -> Comparison {
    let alpha = shared.alpha();
    let proof = pair.test.question.mode() == Mode::Prove;
    let harmed = |found: &Finding| found.p_harm <= alpha;
    let any = |test: &dyn Fn(&Finding) -> bool| slices.iter().any(|slice| test(&slice.found));
    let only_gain = !any(&harmed) && any(&|found| found.p_gain <= alpha);
    let both = pair.test.direction == Direction::Both;
    let rank = |found: &Finding| -> (u8, f64) {
        let fell = harmed(found) && found.beyond[0];
        let rose = both && found.p_gain <= alpha && found.beyond[1];
        match found.p_margin(pair) {
            Some(p) if proof => (u8::from(!fell), -p),
            Some(p) => (u8::from(p > alpha), p),
            None if fell => (0, found.p_harm),
            None if rose => (1, found.p_gain),
            None if only_gain => (2, found.p_gain),
            None => (2, found.p_harm),
        }
    };
    let ranked = slices.iter().enumerate();
    let decisive = ranked
        .map(|(place, slice)| (rank(&slice.found), place))
        .min_by(|(one, _), (other, _)| one.0.cmp(&other.0).then(one.1.total_cmp(&other.1)))
        .map_or(0, |(_, place)| place);
    let count = slices.len() as f64;
    let any_of = |p: f64| (p * count).min(1.0);
    // All must be within the margin; beyond it is one of them.
    let worst = |p: &dyn Fn(&Finding) -> f64| {
        let values = slices.iter().map(|slice| p(&slice.found));
        values.fold(0.0, f64::max)
    };
    let least = |p: &dyn Fn(&Finding) -> f64| {
        let values = slices.iter().map(|slice| p(&slice.found));
        any_of(values.fold(1.0, f64::min))
    };
    let chosen = &slices[decisive].found;
    let found = Finding {
        sampling: chosen.sampling.clone(),
        replicate_share: chosen.replicate_share,
        p_harm: any_of(chosen.p_harm),
        p_gain: any_of(chosen.p_gain),
        beyond: chosen.beyond,
        p_within: [0, 1].map(|side| worst(&|found| found.p_within[side])),
        p_beyond: [0, 1].map(|side| least(&|found| found.p_beyond[side])),
    };
    let name = |slice: &Slice| {
        let known = pair.slices.get(slice.number).cloned();
        let value = known.unwrap_or_else(|| slice.number.to_string());
        match pair.slice_array {
            Some(array) => format!("{array} = {value}"),
            None => value,
        }
    };
    let of = &slices[decisive];
    let shown = Decisive {
        name: name(of),
        before: of.before,
        after: of.after,
    };
    let parts = slices.iter().map(|slice| Part {
        name: name(slice),
        examples: slice.examples,
        sampling: slice.found.sampling.clone(),
    });
    let parts = parts.collect();
    Comparison {
        // Each slice is planned, and has its limits, at its share of alpha.
        test: shared.power(),
        ..compare::of(pair, found, parts, decisive, Some(shown))
    }
}
