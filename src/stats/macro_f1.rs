//! The change of macro F1 between two runs over the same rows, which may come in clusters,
//! with the law of its error.

use std::collections::BTreeMap;

use super::studentised::{Rare, Studentised};

/// What the rows of a cluster add up to.
#[derive(Clone, Default)]
struct Cluster {
    rows: f64,
    /// By the classes that any of its rows is, or is predicted as: no more are kept.
    cells: BTreeMap<usize, Cell>,
}

/// Of one class.
#[derive(Clone, Copy, Default)]
struct Cell {
    labels: f64,
    /// By run, rows of the class that are predicted as such.
    right: [f64; 2],
    /// By run, rows of the class, and rows that are predicted as such.
    both: [f64; 2],
}

/// Of one run, by class.
#[derive(Clone, Default)]
struct Counts {
    right: Vec<f64>,
    both: Vec<f64>,
}

impl Counts {
    fn f1(&self, class: usize) -> f64 {
        if self.both[class] > 0.0 {
            2.0 * self.right[class] / self.both[class]
        } else {
            0.0
        }
    }

    /// What one row of a class that is taken from its predictions costs or spares.
    fn per_row(&self, class: usize) -> f64 {
        if self.both[class] > 0.0 {
            self.f1(class) / self.both[class]
        } else {
            0.0
        }
    }
}

/// The change of macro F1 from the first to the second of `predicted`, by row the predicted
/// classes of both runs, over the classes below `classes` that any label or prediction is.
/// Rows of one `clusters` number belong together, such as the replicates of an example.
///
/// F1 of a class is a ratio of means, 2 TP / (labels + predictions), so that an example's
/// influence is known in closed form: f = Σ_k (u_new / S_new − u_old / S_old) / C with
/// u = 2 tp − F s. Variance, skewness and curvature are of their sums over clusters. Each
/// class may be far from what was drawn of it.
///
/// Source: linearisation of a ratio (Cochran 1977, 6.4); degrees of freedom by the kurtosis
/// of the influences (Satterthwaite 1946). Sizes measured in docs/statistics.md.
pub fn change(
    labels: &[u32],
    predicted: [&[u32]; 2],
    clusters: &[u32],
    classes: usize,
) -> Studentised {
    let empty = || Counts {
        right: vec![0.0; classes],
        both: vec![0.0; classes],
    };
    let mut sums = BTreeMap::<u32, Cluster>::new();
    for (row, (&label, &cluster)) in labels.iter().zip(clusters).enumerate() {
        let of = sums.entry(cluster).or_default();
        of.rows += 1.0;
        of.cells.entry(label as usize).or_default().labels += 1.0;
        for (run, predicted) in predicted.iter().enumerate() {
            let own = of.cells.entry(label as usize).or_default();
            own.both[run] += 1.0;
            own.right[run] += f64::from(u8::from(predicted[row] == label));
            let other = of.cells.entry(predicted[row] as usize).or_default();
            other.both[run] += 1.0;
        }
    }
    let mut totals = [empty(), empty()];
    // By class, all rows of it and the most of a cluster.
    let mut drawn = vec![(0.0, 1.0_f64); classes];
    for (&class, cell) in sums.values().flat_map(|cluster| &cluster.cells) {
        for (run, totals) in totals.iter_mut().enumerate() {
            totals.right[class] += cell.right[run];
            totals.both[class] += cell.both[run];
        }
        drawn[class].0 += cell.labels;
        drawn[class].1 = drawn[class].1.max(cell.labels);
    }
    let known = |class: &usize| totals.iter().any(|run| run.both[*class] > 0.0);
    let known: Vec<usize> = (0..classes).filter(known).collect();
    let count = |run: usize| {
        let there = known.iter().filter(|&&class| totals[run].both[class] > 0.0);
        there.count().max(1) as f64
    };
    let mean = |run: usize| {
        let each = known.iter().map(|&class| totals[run].f1(class));
        each.sum::<f64>() / count(run)
    };
    let weights = [-1.0 / count(0), 1.0 / count(1)];
    // What a cell adds to the ratio of its class in a run, but for the ratio's size.
    let residual = |(class, cell): (&usize, &Cell), run: usize| {
        2.0 * cell.right[run] - totals[run].f1(*class) * cell.both[run]
    };
    let influence = |cluster: &Cluster| -> f64 {
        let each = cluster.cells.iter().flat_map(|cell| [(0, cell), (1, cell)]);
        let there = each.filter(|(run, (class, _))| totals[*run].both[**class] > 0.0);
        there
            .map(|(run, cell)| weights[run] * residual(cell, run) / totals[run].both[*cell.0])
            .sum()
    };
    let influences: Vec<f64> = sums.values().map(influence).collect();
    let all = labels.len() as f64;
    let power = |exponent: i32| influences.iter().map(|f| f.powi(exponent)).sum::<f64>();
    let (squares, cubes, fourths) = (power(2), power(3), power(4));
    let variance: f64 = influences
        .iter()
        .zip(sums.values())
        .map(|(f, cluster)| f * f / (1.0 - cluster.rows / all))
        .sum();
    let variance = if sums.len() < 2 {
        f64::INFINITY
    } else {
        variance
    };
    // By run and class, Σ f u and Σ f s.
    let mut with = [vec![(0.0, 0.0); classes], vec![(0.0, 0.0); classes]];
    for (f, cluster) in influences.iter().zip(sums.values()) {
        for cell in &cluster.cells {
            for (run, with) in with.iter_mut().enumerate() {
                with[*cell.0].0 += f * residual(cell, run);
                with[*cell.0].1 += f * cell.1.both[run];
            }
        }
    }
    let mut curvature = 0.0;
    for (run, with) in with.iter().enumerate() {
        for (class, (residuals, sizes)) in with.iter().enumerate() {
            let both = totals[run].both[class];
            if both > 0.0 {
                curvature -= 2.0 * weights[run] * residuals * sizes / (both * both);
            }
        }
    }
    let effective = all * all / sums.values().map(|it| it.rows * it.rows).sum::<f64>();
    let spread = if squares > 0.0 {
        (fourths / (squares * squares) - 1.0 / effective).max(1e-12)
    } else {
        1.0
    };
    let scale = variance * libm::sqrt(variance);
    let standard = |moment: f64| {
        if scale > 0.0 && scale.is_finite() {
            moment / scale
        } else {
            0.0
        }
    };
    // Of a class that is only predicted nothing was drawn, nor could be.
    let labelled = known.iter().filter(|&&class| drawn[class].0 > 0.0);
    let rare = labelled.map(|&class| {
        let (rows, largest) = drawn[class];
        let gain = |from: usize, to: usize| {
            let others = known.iter().filter(|&&other| other != class);
            let others = others.map(|&other| totals[from].per_row(other));
            let won = if totals[to].both[class] > 0.0 {
                2.0 * (1.0 - totals[to].f1(class)) / totals[to].both[class]
            } else {
                0.0
            };
            rows / count(to) * (won + totals[from].per_row(class) + others.fold(0.0, f64::max))
        };
        Rare {
            drawn: rows / largest,
            most: [gain(0, 1), gain(1, 0)],
        }
    });
    Studentised {
        estimate: mean(1) - mean(0),
        error: libm::sqrt(variance),
        skewness: standard(cubes),
        curvature: standard(curvature),
        degrees: (effective - 1.0).min(2.0 / spread).max(1.0),
        largest_seen: influences.iter().map(|f| f.abs() * all).fold(0.0, f64::max),
        rare: rare.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::distribution::t_cdf;
    use crate::stats::reference::{close, group, numbers};
    use proptest::prelude::*;
    use serde_json::Value;

    /// Whole numbers of lists, and of lists in them.
    fn whole(list: &Value) -> Vec<u32> {
        match list.as_array() {
            Some(items) => items.iter().flat_map(whole).collect(),
            None => vec![list.as_u64().unwrap() as u32],
        }
    }

    /// To the twelve digits that are written.
    fn near(found: f64, expected: f64) -> bool {
        close(found, expected)
    }

    #[test]
    fn changes_agree_with_the_reference() {
        let group = group("macro_f1");
        let cases = group["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 5);
        for case in cases {
            let number = |value: &Value| value.as_f64().unwrap();
            let [old, new] = [&case["old"], &case["new"]].map(whole);
            let examples = whole(&case["label"]);
            let replicates = old.len() / examples.len();
            let each = |of: &[u32]| -> Vec<u32> {
                of.iter().flat_map(|&one| vec![one; replicates]).collect()
            };
            let clusters = match &case["cluster"] {
                Value::Null => (0..examples.len() as u32).collect(),
                clusters => whole(clusters),
            };
            let found = change(&each(&examples), [&old, &new], &each(&clusters), 3);
            let scale = found.error.powi(3);
            for (found, expected) in [
                (found.estimate, &case["theta"]),
                (found.error * found.error, &case["variance"]),
                (found.skewness * scale, &case["kappa"]),
                (found.curvature * scale, &case["h"]),
                (found.degrees, &case["df"]),
            ] {
                assert!(near(found, number(expected)), "{case}: {found} {expected}");
            }
            let lists = ["drawn", "most_harm", "most_gain"].map(|key| numbers(&case[key]));
            for (class, rare) in found.rare.iter().enumerate() {
                assert!(near(rare.drawn, lists[0][class]), "{case}");
                assert!(near(rare.most[0], lists[1][class]), "{case}");
                assert!(near(rare.most[1], lists[2][class]), "{case}");
            }
            for (law, key) in [
                (found.clone(), "harm"),
                (found.clone(), "beyond"),
                (found.turned(), "gain"),
                (found.turned(), "within"),
            ] {
                let test = &case[key];
                let value = number(&test["value"]);
                assert!(near(law.p_below(value), number(&test["p"])), "{case} {key}");
                let t = (law.estimate - value) / law.error;
                assert!(near(t, number(&test["t"])), "{case} {key}");
                assert!(
                    near(t_cdf(t, law.degrees), number(&test["p_t"])),
                    "{case} {key}"
                );
                assert!(near(law.skewness, number(&test["gamma"])), "{case} {key}");
                assert!(near(law.curvature, number(&test["eta"])), "{case} {key}");
                let expected = number(&test["p_t"]).max(number(&test["p_x"]));
                let by_error = Studentised {
                    rare: vec![],
                    ..law.clone()
                };
                assert!(near(by_error.p_below(value), expected), "{case} {key}");
                let guard = Studentised { error: 0.0, ..law };
                assert!(
                    near(guard.p_below(value), number(&test["guard"])),
                    "{case} {key}"
                );
            }
        }
    }

    type Rows = Vec<(u32, u32, u32, u32)>;

    fn rows() -> impl Strategy<Value = Rows> {
        let row = (0u32..4, 0u32..4, 0u32..4, 0u32..6);
        prop::collection::vec(row, 3..50).prop_filter("two clusters", |rows| {
            rows.iter().any(|row| row.3 != rows[0].3)
        })
    }

    fn of(rows: &Rows, classes: usize) -> Studentised {
        let column =
            |of: fn(&(u32, u32, u32, u32)) -> u32| -> Vec<u32> { rows.iter().map(of).collect() };
        let (labels, old, new) = (
            column(|row| row.0),
            column(|row| row.1),
            column(|row| row.2),
        );
        change(&labels, [&old, &new], &column(|row| row.3), classes)
    }

    fn same(one: &Studentised, other: &Studentised) -> bool {
        let near = |one: f64, other: f64| (one - other).abs() <= 1e-9 * (1.0 + one.abs());
        near(one.estimate, other.estimate)
            && near(one.error, other.error)
            && (one.error < 1e-9
                || near(one.skewness, other.skewness)
                    && near(one.curvature, other.curvature)
                    && near(one.degrees, other.degrees))
    }

    proptest! {
        /// Over the classes that a label or a prediction is, by counting.
        #[test]
        fn the_estimate_is_the_difference_of_macro_f1(rows in rows()) {
            let f1 = |predicted: fn(&(u32, u32, u32, u32)) -> u32| {
                let count = |holds: &dyn Fn(u32, u32) -> bool| {
                    let held = rows.iter().filter(|row| holds(row.0, predicted(row)));
                    held.count() as f64
                };
                let classes = (0..4).filter_map(|class| {
                    let labels = count(&|label, _| label == class);
                    let predictions = count(&|_, predicted| predicted == class);
                    let right = count(&|label, predicted| label == class && predicted == class);
                    let both = labels + predictions;
                    (both > 0.0).then(|| 2.0 * right / both)
                });
                let classes: Vec<f64> = classes.collect();
                classes.iter().sum::<f64>() / classes.len() as f64
            };
            let found = of(&rows, 4);
            let expected = f1(|row| row.2) - f1(|row| row.1);
            prop_assert!((found.estimate - expected).abs() < 1e-12);
            for value in [-0.1, 0.0, 0.1] {
                prop_assert!((0.0..=1.0).contains(&found.p_below(value)), "{:?}", found);
            }
        }

        /// Exchanged runs mirror; the order of rows and classes, a class that nothing is,
        /// and replicates that agree change nothing.
        #[test]
        fn what_changes_nothing_and_what_mirrors(rows in rows(), turn in 0u32..4) {
            let found = of(&rows, 4);
            let exchanged = rows.iter().map(|row| (row.0, row.2, row.1, row.3)).collect();
            prop_assert!(same(&of(&exchanged, 4), &found.turned()));
            let p = [of(&exchanged, 4).p_below(-0.1), found.p_above(0.1)];
            prop_assert!((p[0] - p[1]).abs() < 1e-9, "{:?}", p);
            let class = |class: u32| (class + turn) % 4;
            let renamed = rows.iter().rev();
            let renamed = renamed.map(|row| (class(row.0), class(row.1), class(row.2), 9 - row.3));
            prop_assert!(same(&of(&renamed.collect(), 4), &found));
            prop_assert!(same(&of(&rows, 7), &found));
            let twice = rows.iter().flat_map(|row| [*row, *row]).collect();
            prop_assert!(same(&of(&twice, 4), &found));
            let unchanged = rows.iter().map(|row| (row.0, row.1, row.1, row.3)).collect();
            let unchanged = of(&unchanged, 4);
            prop_assert!(unchanged.estimate == 0.0 && unchanged.error < 1e-15);
            prop_assert_eq!(unchanged.p_below(0.0), 1.0);
            let guard = Studentised { error: 0.0, ..unchanged.clone() }.p_above(-0.1);
            prop_assert!((unchanged.p_above(-0.1) - guard).abs() < 1e-9, "{:?}", unchanged);
        }
    }

    #[test]
    fn of_nothing_nothing_is_shown() {
        let empty = change(&[], [&[], &[]], &[], 3);
        assert_eq!(empty.estimate, 0.0);
        assert!(empty.p_below(0.0) >= 0.5, "{empty:?}");
    }

    #[test]
    fn what_says_little_is_defined() {
        // One stray prediction of a class that no example has does not switch the test off:
        // what was not drawn is of the classes that there are.
        let predicted: [&[u32]; 2] = [&[0, 0, 0, 0], &[0, 0, 0, 1]];
        let only = change(&[0; 4], predicted, &[0, 1, 2, 3], 2);
        assert_eq!(only.rare.len(), 1);
        assert!(only.p_below(0.0) < 1.0);
        // All in one cluster: nothing is known of the error.
        let predicted: [&[u32]; 2] = [&[0, 1, 0, 2, 2], &[0, 1, 1, 0, 2]];
        let one = change(&[0, 1, 0, 1, 2], predicted, &[5; 5], 3);
        for value in [-0.4, 0.0, 0.4] {
            let p = [one.p_below(value), one.p_above(value)];
            assert!(p.iter().all(|p| *p >= 0.5), "{p:?} {one:?}");
        }
    }
}
