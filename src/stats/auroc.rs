//! The area under the receiver operating characteristic, and the difference of two
//! on the same examples, which may come in clusters.

use std::collections::BTreeMap;

use super::studentised::{Rare, Studentised};

/// The area under the curve: the probability that a positive example scores higher
/// than a negative one, ties counting half; from a sort. Scores of whole numbers up
/// to 2⁵³ are exact. `None` where a class is absent, a score is NaN or the lengths
/// differ.
///
/// Source: Mann & Whitney 1947; Hanley & McNeil 1982.
///
/// ```
/// # use steadfast::stats::auroc::auroc;
/// assert_eq!(auroc(&[false, true, true], &[0.1, 0.1, 0.9]), Some(0.75));
/// ```
pub fn auroc(labels: &[bool], scores: &[f64]) -> Option<f64> {
    Some(placements(labels, scores)?.area)
}

/// The area of the scores with the law of its error, by DeLong's variance; `clusters` says
/// which rows belong together, or each is its own. `None` where [`auroc`] is, or where a
/// class has fewer than two rows.
pub fn area(labels: &[bool], scores: &[f64], clusters: Option<&[u32]>) -> Option<Studentised> {
    let placements = placements(labels, scores)?;
    law(labels, &placements.values, clusters, 1.0)
}

/// The change of the area from `old` to `new` scores of the same rows, with its law:
/// placement changes a_i of positives and b_j of negatives, whose mean is the change.
/// `largest_change` is the largest placement change of an example that was not drawn; one
/// that was drawn counts where it is larger. `None` where [`area`] is.
///
/// For rows that are their own, v = Σ(a − θ)² / (n₊(n₊ − 1)) + Σ(b − θ)² / (n₋(n₋ − 1)), with
/// Satterthwaite's degrees of freedom, and the skewness of the sum
/// (Σ(a − θ)³ / n₊³ + Σ(b − θ)³ / n₋³) / v^1.5; for clusters the same of their sums f_g,
/// v = Σ f_g² / (1 − n_g / N), and N² / Σ n_g² − 1 degrees.
///
/// Fewer than eight effective clusters leave the error unknown: infinite.
///
/// Source: DeLong, DeLong & Clarke-Pearson 1988; of clusters the sums are Obuchowski's
/// (1997); the sort in place of all pairs is Sun & Xu's (2014).
pub fn change(
    labels: &[bool],
    old: &[f64],
    new: &[f64],
    clusters: Option<&[u32]>,
    largest_change: f64,
) -> Option<Studentised> {
    let (before, after) = (placements(labels, old)?, placements(labels, new)?);
    let changes = after.values.iter().zip(&before.values);
    let changes: Vec<f64> = changes.map(|(after, before)| after - before).collect();
    law(labels, &changes, clusters, largest_change)
}

/// Effective clusters below which no error is known well enough to test by.
const FEWEST_CLUSTERS: f64 = 8.0;

/// The law of the mean of `values` over positives, which is that over negatives, too.
fn law(
    labels: &[bool],
    values: &[f64],
    clusters: Option<&[u32]>,
    largest_change: f64,
) -> Option<Studentised> {
    let count = |class: bool| labels.iter().filter(|&&label| label == class).count() as f64;
    let counts = [count(false), count(true)];
    if counts[0] < 2.0 || counts[1] < 2.0 || clusters.is_some_and(|it| it.len() != labels.len()) {
        return None;
    }
    let rows = || labels.iter().zip(values);
    let positives = rows().filter(|(label, _)| **label).map(|(_, value)| value);
    let estimate = positives.sum::<f64>() / counts[1];
    let contribution = |label: bool, value: f64| (value - estimate) / counts[usize::from(label)];
    let mut sums = BTreeMap::<u32, Cluster>::new();
    for (row, (&label, &value)) in rows().enumerate() {
        let cluster = sums
            .entry(clusters.map_or(row as u32, |of| of[row]))
            .or_default();
        cluster.contribution += contribution(label, value);
        cluster.rows[usize::from(label)] += 1.0;
    }
    let (mut variance, mut cubes, mut squares) = (0.0, 0.0, 0.0);
    let all = counts[0] + counts[1];
    // Of each class, where rows are their own.
    let mut by_class = [0.0; 2];
    for cluster in sums.values() {
        let rows = cluster.rows[0] + cluster.rows[1];
        let square = cluster.contribution * cluster.contribution;
        cubes += square * cluster.contribution;
        variance += square / (1.0 - rows / all);
        squares += rows * rows;
        by_class[usize::from(cluster.rows[1] > 0.0)] += square;
    }
    let smaller = usize::from(counts[1] < counts[0]);
    let (variance, degrees, fewest) = if clusters.is_none() {
        let parts = [0, 1].map(|class| by_class[class] * counts[class] / (counts[class] - 1.0));
        let spread = [0, 1].map(|class| parts[class] * parts[class] / (counts[class] - 1.0));
        let variance = parts[0] + parts[1];
        let degrees = variance * variance / (spread[0] + spread[1]);
        (variance, degrees, counts[smaller])
    } else {
        // Of classes of equal size, the one of fewer clusters.
        let equal = |class: usize| {
            let most = sums.values().map(|cluster| cluster.rows[class]);
            counts[class] / most.fold(1.0, f64::max)
        };
        let fewest = if counts[0] == counts[1] {
            equal(0).min(equal(1))
        } else {
            equal(smaller)
        };
        let effective = all * all / squares;
        // To rounding: eight clusters of equal size are enough.
        let known = effective > FEWEST_CLUSTERS - 1e-9;
        let variance = if known { variance } else { f64::INFINITY };
        (variance, (effective - 1.0).max(1.0), fewest)
    };
    let seen = values.iter().map(|value| value.abs()).fold(0.0, f64::max);
    let known = variance > 0.0;
    Some(Studentised {
        estimate,
        error: libm::sqrt(variance),
        skewness: if known && variance.is_finite() {
            cubes / (variance * libm::sqrt(variance))
        } else {
            0.0
        },
        curvature: 0.0,
        degrees: if known { degrees } else { 1.0 },
        rare: vec![Rare {
            drawn: fewest,
            most: [largest_change.max(seen); 2],
        }],
        largest_seen: seen,
    })
}

/// What the rows of a cluster add up to.
#[derive(Clone, Copy, Default)]
struct Cluster {
    contribution: f64,
    /// By class, negatives first.
    rows: [f64; 2],
}

/// Twice the number of pairs of a positive and a negative that the scores rank right, ties
/// counting one; and the number of pairs. Whole numbers, so that two areas compare exactly.
pub fn twice_ranked_right(labels: &[bool], scores: &[u32]) -> (i128, i128) {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by_key(|&row| scores[row]);
    let (mut negatives, mut positives, mut twice) = (0_i128, 0_i128, 0_i128);
    for ties in order.chunk_by(|&one, &other| scores[one] == scores[other]) {
        let tied = ties.iter().filter(|&&row| labels[row]).count() as i128;
        let others = ties.len() as i128 - tied;
        twice += tied * (2 * negatives + others);
        negatives += others;
        positives += tied;
    }
    (twice, negatives * positives)
}

/// How each example lies among those of the other class.
struct Placements {
    area: f64,
    /// By row: the share of the other class that it is on the right side of.
    values: Vec<f64>,
}

fn placements(labels: &[bool], scores: &[f64]) -> Option<Placements> {
    let positives = labels.iter().filter(|&&positive| positive).count() as f64;
    let negatives = labels.len() as f64 - positives;
    if labels.len() != scores.len()
        || positives == 0.0
        || negatives == 0.0
        || scores.iter().any(|score| score.is_nan())
    {
        return None;
    }
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&one, &other| scores[one].total_cmp(&scores[other]));
    let mut values = vec![0.0; scores.len()];
    let [mut negatives_below, mut positives_below, mut wins] = [0.0; 3];
    for ties in order.chunk_by(|&one, &other| scores[one] == scores[other]) {
        let tied = ties.iter().filter(|&&row| labels[row]).count() as f64;
        let others = ties.len() as f64 - tied;
        // Counts of halves: exact.
        let beaten = negatives_below + 0.5 * others;
        let beating = positives - positives_below - 0.5 * tied;
        for &row in ties {
            values[row] = if labels[row] {
                beaten / negatives
            } else {
                beating / positives
            };
        }
        wins += tied * beaten;
        positives_below += tied;
        negatives_below += others;
    }
    Some(Placements {
        area: wins / (positives * negatives),
        values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::distribution::t_cdf;
    use crate::stats::reference::{close, group, numbers};
    use proptest::prelude::*;
    use serde_json::Value;

    fn labels(list: &Value) -> Vec<bool> {
        numbers(list).iter().map(|&label| label > 0.5).collect()
    }

    /// Dense ranks.
    fn ranks(scores: &[f64]) -> Vec<u32> {
        let mut distinct = scores.to_vec();
        distinct.sort_unstable_by(f64::total_cmp);
        distinct.dedup();
        let rank = |score: &f64| distinct.partition_point(|other| other < score) as u32;
        scores.iter().map(rank).collect()
    }

    #[test]
    fn areas_agree_with_the_reference() {
        let group = group("ml_metrics");
        let ties = &group["auroc_ties"];
        let found = auroc(&labels(&ties["y"]), &numbers(&ties["s"])).unwrap();
        assert!(close(found, ties["auroc"].as_f64().unwrap()));
        let y = labels(&group["y"]);
        let (a, b) = (numbers(&group["score_a"]), numbers(&group["score_b"]));
        let expected = |key: &str| group["delong"][key].as_f64().unwrap();
        assert!(close(auroc(&y, &a).unwrap(), expected("auc_a")));
        let [of_a, of_b] = [&a, &b].map(|scores| area(&y, scores, None).unwrap());
        assert!(close(of_a.error * of_a.error, expected("var_a")));
        assert!(close(of_b.error * of_b.error, expected("var_b")));
        // The reference's difference is a − b.
        let found = change(&y, &b, &a, None, 1.0).unwrap();
        assert!(close(found.estimate, expected("diff")) && close(found.error, expected("se")));
    }

    #[test]
    fn changes_agree_with_the_reference() {
        let group = group("auroc");
        let cases = group["cases"].as_array().unwrap();
        let mut few = 0;
        for case in cases {
            let number = |value: &Value| value.as_f64().unwrap();
            let y = labels(&case["label"]);
            let (old, new) = (numbers(&case["old"]), numbers(&case["new"]));
            let clusters = case["cluster"].as_array().map(|list| -> Vec<u32> {
                let each = list.iter();
                each.map(|cluster| cluster.as_u64().unwrap() as u32)
                    .collect()
            });
            for (scores, key) in [(&old, "two_u_old"), (&new, "two_u_new")] {
                let expected = i128::from(case[key].as_i64().unwrap());
                let pairs =
                    case["n_positive"].as_i64().unwrap() * case["n_negative"].as_i64().unwrap();
                assert_eq!(
                    twice_ranked_right(&y, &ranks(scores)),
                    (expected, pairs.into())
                );
            }
            let largest_change = number(&case["largest_change"]);
            let found = change(&y, &old, &new, clusters.as_deref(), largest_change).unwrap();
            assert!(close(found.estimate, number(&case["theta"])), "{case}");
            let [rare] = found.rare[..] else {
                panic!("{found:?}")
            };
            assert!(close(rare.drawn, number(&case["ns"])), "{case}");
            let most = number(&case["largest_change_used"]);
            assert!(
                close(rare.most[0], most) && close(rare.most[1], most),
                "{case}"
            );
            let degrees = case["df"].as_f64();
            if clusters.is_some() && degrees.unwrap() < 7.0 - 1e-9 {
                // Fewer than eight effective clusters: nothing is known of the error.
                assert_eq!(found.error, f64::INFINITY);
                assert!(found.p_below(0.0) >= 0.5 && found.p_above(0.0) >= 0.5);
                few += 1;
                continue;
            }
            let variance = number(&case["variance"]);
            assert!(close(found.error * found.error, variance), "{case}");
            if variance > 0.0 {
                assert!(close(found.skewness, number(&case["gamma"])), "{case}");
                assert!(close(found.degrees, degrees.unwrap()), "{case}");
            }
            for (law, key) in [
                (found.clone(), "harm"),
                (found.clone(), "beyond"),
                (found.turned(), "gain"),
                (found.turned(), "within"),
            ] {
                let test = &case[key];
                let value = number(&test["value"]);
                assert!(
                    close(law.p_below(value), number(&test["p"])),
                    "{case} {key}"
                );
                if variance > 0.0 {
                    let t = (law.estimate - value) / law.error;
                    assert!(close(t, number(&test["t"])), "{case} {key}");
                    let plain = number(&test["p_t"]);
                    assert!(close(t_cdf(t, law.degrees), plain), "{case} {key}");
                    let by_error = Studentised {
                        rare: vec![],
                        ..law
                    };
                    let expected = plain.max(number(&test["p_hall"]));
                    assert!(close(by_error.p_below(value), expected), "{case} {key}");
                }
            }
            let [alphas, lower, upper] = ["alpha", "lower", "upper"].map(|key| numbers(&case[key]));
            for (index, alpha) in alphas.into_iter().enumerate() {
                let limits = found.limits(alpha);
                for (side, found, expected) in [
                    (0, -limits.lower, -lower[index]),
                    (1, limits.upper, upper[index]),
                ] {
                    // Where p is above alpha at the largest change, that is the reference's
                    // limit.
                    let capped = case["capped"][index][side].as_bool().unwrap();
                    let agree = close(found, expected) || capped && found > expected;
                    assert!(agree, "{case} {alpha}: {limits:?}");
                }
            }
        }
        assert!(cases.len() > 25 && few <= 2);
    }

    #[test]
    fn what_has_no_area_is_none() {
        assert_eq!(auroc(&[], &[]), None);
        assert_eq!(auroc(&[true, true], &[1.0, 2.0]), None);
        assert_eq!(auroc(&[false, false], &[1.0, 2.0]), None);
        assert_eq!(auroc(&[false, true], &[1.0, f64::NAN]), None);
        assert_eq!(auroc(&[false, true], &[1.0]), None);
        assert_eq!(auroc(&[false, true], &[-0.0, 0.0]), Some(0.5));
        let ends = [f64::NEG_INFINITY, f64::INFINITY];
        assert_eq!(auroc(&[false, true], &ends), Some(1.0));
        assert_eq!(twice_ranked_right(&[true], &[1]), (0, 0));
        // One row of a class has no variance.
        let scores = [1.0, 2.0, 3.0, 4.0];
        let change = |labels: &[bool], clusters: Option<&[u32]>| {
            change(labels, &scores, &scores, clusters, 1.0)
        };
        let labels = [true, true, false, false];
        assert!(change(&labels, None).is_some());
        assert_eq!(change(&[true, false, false, false], None), None);
        assert_eq!(change(&[false, true, true, true], None), None);
        assert_eq!(change(&labels, Some(&[1, 2, 3])), None);
        // One cluster of all says nothing.
        let one = change(&labels, Some(&[1, 1, 1, 1])).unwrap();
        assert_eq!(one.error, f64::INFINITY);
        assert!(one.p_below(0.5) >= 0.5 && one.limits(0.05).upper > 0.99);
    }

    /// Eight clusters of one size are enough, seven or eight unequal ones are not.
    #[test]
    fn eight_effective_clusters_are_asked_for() {
        let known = |cluster: &dyn Fn(u32) -> u32| {
            let clusters: Vec<u32> = (0..48).map(cluster).collect();
            let labels: Vec<bool> = (0..48).map(|row| row % 2 == 0).collect();
            let score =
                |step: u32| -> Vec<f64> { (0..48).map(|row| f64::from(row * step % 47)).collect() };
            let found = change(&labels, &score(13), &score(29), Some(&clusters), 1.0);
            found.unwrap().error.is_finite()
        };
        assert!(known(&|row| row % 8));
        assert!(!known(&|row| row % 7));
        assert!(!known(&|row| (row % 9).min(7)));
        assert!(known(&|row| row % 12));
    }

    fn rows() -> impl Strategy<Value = Vec<(bool, u8, u8)>> {
        let row = (any::<bool>(), 0u8..12, 0u8..12);
        prop::collection::vec(row, 4..40).prop_filter("two of each class", |rows| {
            let positives = rows.iter().filter(|row| row.0).count();
            positives >= 2 && rows.len() - positives >= 2
        })
    }

    type Columns = (Vec<bool>, Vec<f64>, Vec<f64>);

    fn columns(rows: &[(bool, u8, u8)]) -> Columns {
        (
            rows.iter().map(|row| row.0).collect(),
            rows.iter().map(|row| row.1.into()).collect(),
            rows.iter().map(|row| row.2.into()).collect(),
        )
    }

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-12
    }

    fn alike(one: &Studentised, other: &Studentised) -> bool {
        near(one.estimate, other.estimate)
            && near(one.error, other.error)
            && (one.error == 0.0
                || (one.skewness - other.skewness).abs() < 1e-9
                    && (one.degrees - other.degrees).abs() < 1e-9 * one.degrees)
    }

    proptest! {
        /// All pairs, as they are written.
        #[test]
        fn areas_and_errors_are_those_of_all_pairs(rows in rows()) {
            let (labels, old, new) = columns(&rows);
            let split = |scores: &[f64], class: bool| -> Vec<f64> {
                let of_class = scores.iter().zip(&labels).filter(|(_, label)| **label == class);
                of_class.map(|(score, _)| *score).collect()
            };
            let kernel = |x: f64, y: f64| if x > y { 1.0 } else if x == y { 0.5 } else { 0.0 };
            let placed = |scores: &[f64]| -> [Vec<f64>; 2] {
                let (xs, ys) = (split(scores, true), split(scores, false));
                let over = |of: &[f64], kernel: &dyn Fn(f64) -> f64| {
                    of.iter().map(|&it| kernel(it)).sum::<f64>() / of.len() as f64
                };
                [
                    xs.iter().map(|&x| over(&ys, &|y| kernel(x, y))).collect(),
                    ys.iter().map(|&y| over(&xs, &|x| kernel(x, y))).collect(),
                ]
            };
            let (before, after) = (placed(&old), placed(&new));
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let part = |class: usize| {
                let changes = after[class].iter().zip(&before[class]);
                let changes: Vec<f64> = changes.map(|(after, before)| after - before).collect();
                let center = mean(&changes);
                let count = changes.len() as f64;
                let squares: f64 = changes.iter().map(|it| (it - center).powi(2)).sum();
                squares / (count * (count - 1.0))
            };
            let found = change(&labels, &old, &new, None, 1.0).unwrap();
            prop_assert!(near(found.estimate, mean(&after[0]) - mean(&before[0])));
            prop_assert!(near(found.error * found.error, part(0) + part(1)));
            for scores in [&old, &new] {
                let (twice, pairs) = twice_ranked_right(&labels, &ranks(scores));
                let found = auroc(&labels, scores).unwrap();
                prop_assert!(near(twice as f64 / (2 * pairs) as f64, found));
            }
        }

        /// Rising functions of a score change nothing; exchanged runs, and classes whose
        /// scores are turned over, mirror or leave all.
        #[test]
        fn only_the_order_counts_and_exchanged_runs_mirror(rows in rows()) {
            let (labels, old, new) = columns(&rows);
            let found = change(&labels, &old, &new, None, 0.5).unwrap();
            let rising: Vec<f64> = new.iter().map(|score| libm::exp(*score) - 3.0).collect();
            prop_assert_eq!(&change(&labels, &old, &rising, None, 0.5).unwrap(), &found);
            let exchanged = change(&labels, &new, &old, None, 0.5).unwrap();
            prop_assert!(alike(&exchanged, &found.turned()));
            let p = [exchanged.p_below(-0.02), found.p_above(0.02)];
            prop_assert!((p[0] - p[1]).abs() < 1e-9, "{:?}", p);
            let others: Vec<bool> = labels.iter().map(|label| !label).collect();
            let turned = |scores: &[f64]| -> Vec<f64> { scores.iter().map(|it| -it).collect() };
            let same = change(&others, &turned(&old), &turned(&new), None, 0.5).unwrap();
            prop_assert!(alike(&same, &found));
            let none = change(&labels, &old, &old, None, 0.5).unwrap();
            prop_assert!(none.estimate == 0.0 && none.error == 0.0 && none.p_below(0.0) == 1.0);
        }

        /// Replicates that agree are as many rows: each example is a cluster.
        #[test]
        fn rows_that_come_twice_count_once(rows in rows()) {
            let (labels, old, new) = columns(&rows);
            let each: Vec<u32> = (0..labels.len() as u32).collect();
            let single = change(&labels, &old, &new, Some(&each), 1.0).unwrap();
            fn twice<T: Copy>(items: &[T]) -> Vec<T> {
                items.iter().flat_map(|&item| [item, item]).collect()
            }
            let (labels, old, new) = (twice(&labels), twice(&old), twice(&new));
            let double = change(&labels, &old, &new, Some(&twice(&each)), 1.0).unwrap();
            prop_assert!(single.error.is_finite() || labels.len() < 16);
            if single.error.is_finite() {
                prop_assert!(alike(&single, &double), "{:?} {:?}", single, double);
                prop_assert!(near(single.rare[0].drawn, double.rare[0].drawn));
            }
        }
    }
}
