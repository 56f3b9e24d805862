//! The area under the receiver operating characteristic, and the difference of two
//! on the same examples, which may come in clusters.

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

/// The areas of two runs on the same examples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairedAreas {
    /// The area of the old scores.
    pub old: f64,
    /// The area of the new scores.
    pub new: f64,
    /// The variance of the old area.
    pub variance_old: f64,
    /// The variance of the new area.
    pub variance_new: f64,
    /// The covariance of the two.
    pub covariance: f64,
    /// New less old; negative is harm.
    pub difference: f64,
    /// The standard error of the difference.
    pub error: f64,
}

/// The areas of `old` and `new` scores of the same examples with their variances;
/// `clusters` says which examples belong together, or each is its own. `None` where
/// [`auroc`] is, or where fewer than two clusters hold a class.
///
/// With V(x) the share of negatives that a positive x scores above, V(y) the share of
/// positives that score above a negative y, M positives in I₁ clusters, N negatives
/// in I₀ clusters, I clusters in all, and P and Q the sums over a cluster of V − area
/// of its positives and negatives, the covariance of areas r and s is
///
/// I₁/(I₁−1) Σ PᵣPₛ / M² + I₀/(I₀−1) Σ QᵣQₛ / N² + I/(I−1) Σ (PᵣQₛ + PₛQᵣ) / (MN).
///
/// For clusters of one example the last sum is 0, and it is that of DeLong, DeLong &
/// Clarke-Pearson 1988 with no further factor.
///
/// Source: Obuchowski 1997; the sort in place of all pairs is Sun & Xu's (2014).
pub fn paired(
    labels: &[bool],
    old: &[f64],
    new: &[f64],
    clusters: Option<&[u32]>,
) -> Option<PairedAreas> {
    let (before, after) = (placements(labels, old)?, placements(labels, new)?);
    let (group, count) = grouped(labels.len(), clusters)?;
    let mut sums = vec![[Class::default(); 2]; count];
    for (row, &positive) in labels.iter().enumerate() {
        let class = &mut sums[group[row]][usize::from(positive)];
        class.held = true;
        class.old += before.values[row] - before.area;
        class.new += after.values[row] - after.area;
    }
    let held = |class: usize| sums.iter().filter(|classes| classes[class].held).count();
    if held(0) < 2 || held(1) < 2 {
        return None;
    }
    let factor = |clusters: usize| clusters as f64 / (clusters as f64 - 1.0);
    let [negatives, positives] = [before.negatives, before.positives];
    let of_negatives = factor(held(0)) / (negatives * negatives);
    let of_positives = factor(held(1)) / (positives * positives);
    let of_both = factor(count) / (positives * negatives);
    // Of two values of the sums of one class.
    type Value = fn(&Class) -> f64;
    let covariance = |one: Value, other: Value| -> f64 {
        sums.iter()
            .map(|[q, p]| {
                of_positives * one(p) * other(p)
                    + of_negatives * one(q) * other(q)
                    + of_both * (one(p) * other(q) + other(p) * one(q))
            })
            .sum()
    };
    let (old, new): (Value, Value) = (|class| class.old, |class| class.new);
    // Directly, and not from the three others, which nearly cancel.
    let change: Value = |class| class.new - class.old;
    Some(PairedAreas {
        old: before.area,
        new: after.area,
        variance_old: covariance(old, old),
        variance_new: covariance(new, new),
        covariance: covariance(old, new),
        difference: after.area - before.area,
        // The factors differ, so that the last sum can make it negative.
        error: libm::sqrt(covariance(change, change).max(0.0)),
    })
}

/// The sums over the examples of one class in one cluster.
#[derive(Clone, Copy, Default)]
struct Class {
    held: bool,
    old: f64,
    new: f64,
}

/// The cluster of each row, from 0, and their number.
fn grouped(rows: usize, clusters: Option<&[u32]>) -> Option<(Vec<usize>, usize)> {
    let Some(clusters) = clusters else {
        return Some(((0..rows).collect(), rows));
    };
    if clusters.len() != rows {
        return None;
    }
    let mut distinct = clusters.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let group = clusters
        .iter()
        .map(|cluster| distinct.partition_point(|other| other < cluster))
        .collect();
    Some((group, distinct.len()))
}

/// How each example lies among those of the other class.
struct Placements {
    area: f64,
    negatives: f64,
    positives: f64,
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
        negatives,
        positives,
        values,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reference::{close, group};
    use proptest::prelude::*;

    fn numbers(value: &serde_json::Value) -> Vec<f64> {
        let items = value.as_array().unwrap().iter();
        items.map(|item| item.as_f64().unwrap()).collect()
    }

    fn labels(value: &serde_json::Value) -> Vec<bool> {
        numbers(value)
            .into_iter()
            .map(|label| label > 0.5)
            .collect()
    }

    #[test]
    fn agree_with_the_reference() {
        let group = group("ml_metrics");
        let ties = &group["auroc_ties"];
        let area = auroc(&labels(&ties["y"]), &numbers(&ties["s"])).unwrap();
        assert!(close(area, ties["auroc"].as_f64().unwrap()));

        let y = labels(&group["y"]);
        let (a, b) = (numbers(&group["score_a"]), numbers(&group["score_b"]));
        assert!(close(
            auroc(&y, &a).unwrap(),
            group["auroc_a"].as_f64().unwrap()
        ));
        // The reference's difference is a − b.
        let found = paired(&y, &b, &a, None).unwrap();
        for (found, key) in [
            (found.new, "auc_a"),
            (found.old, "auc_b"),
            (found.variance_new, "var_a"),
            (found.variance_old, "var_b"),
            (found.covariance, "cov"),
            (found.difference, "diff"),
            (found.error, "se"),
            (found.difference / found.error, "z"),
        ] {
            let expected = group["delong"][key].as_f64().unwrap();
            assert!(
                (found / expected - 1.0).abs() < 1e-12,
                "{key}: {found} {expected}"
            );
        }
    }

    /// Four examples in clusters that hold both classes, by hand.
    #[test]
    fn a_cluster_of_both_classes_by_hand() {
        let labels = [true, false, true, false];
        let old = [3.0, 1.0, 2.0, 2.0];
        // Areas and placements: (3 > 1, 2), (2 > 1, = 2): 3.5 / 4; V = 1, .75; 1, .75.
        let clusters = [7, 7, 9, 9];
        let found = paired(&labels, &old, &[0.0; 4], Some(&clusters)).unwrap();
        assert_eq!((found.old, found.new), (0.875, 0.5));
        // P = (.125, −.125), Q = (.125, −.125): each sum of squares .03125, factors 2.
        let square = 0.031_25;
        let expected = 2.0 * square / 4.0 + 2.0 * square / 4.0 + 2.0 * 2.0 * square / 4.0;
        assert!(close(found.variance_old, expected), "{found:?}");
        assert_eq!((found.variance_new, found.covariance), (0.0, 0.0));
        assert!(close(found.error * found.error, expected));
        assert_eq!(found.difference, -0.375);
        // The clusters' classes are opposed: the cross term cancels the others.
        let opposed = paired(&labels, &[3.0, 2.0, 2.0, 1.0], &[0.0; 4], Some(&clusters)).unwrap();
        assert!(
            opposed.variance_old.abs() < 1e-15 && opposed.error < 1e-7,
            "{opposed:?}"
        );
        // Of three clusters, two hold negatives: 3/2, 2 and 3/2 are the factors.
        let three = paired(
            &[true, false, true, false, true],
            &[3.0, 1.0, 2.0, 2.0, 1.0],
            &[0.0; 5],
            Some(&[7, 7, 9, 9, 8]),
        )
        .unwrap();
        let area = (2.0 + 1.5 + 0.5) / 6.0;
        assert!(close(three.old, area));
        let p = [1.0 - area, 0.75 - area, 0.25 - area];
        let q = [2.5 / 3.0 - area, 1.5 / 3.0 - area];
        let squares = |values: &[f64]| values.iter().map(|v| v * v).sum::<f64>();
        let cross = 2.0 * (p[0] * q[0] + p[1] * q[1]);
        let expected = 1.5 * squares(&p) / 9.0 + 2.0 * squares(&q) / 4.0 + 1.5 * cross / 6.0;
        assert!(close(three.variance_old, expected), "{three:?}");
    }

    #[test]
    fn what_has_no_area_is_none() {
        assert_eq!(auroc(&[], &[]), None);
        assert_eq!(auroc(&[true, true], &[1.0, 2.0]), None);
        assert_eq!(auroc(&[false, false], &[1.0, 2.0]), None);
        assert_eq!(auroc(&[false, true], &[1.0, f64::NAN]), None);
        assert_eq!(auroc(&[false, true], &[1.0]), None);
        assert_eq!(auroc(&[false, true], &[-0.0, 0.0]), Some(0.5));
        assert_eq!(
            auroc(&[false, true], &[f64::NEG_INFINITY, f64::INFINITY]),
            Some(1.0)
        );
        // One positive, or one cluster of them, has no variance.
        let labels = [true, true, false, false];
        let scores = [1.0, 2.0, 3.0, 4.0];
        let paired =
            |labels: &[bool], clusters: Option<&[u32]>| paired(labels, &scores, &scores, clusters);
        assert!(paired(&labels, None).is_some());
        assert_eq!(paired(&[true, false, false, false], None), None);
        assert_eq!(paired(&[false, true, true, true], None), None);
        assert_eq!(paired(&labels, Some(&[1, 1, 2, 3])), None);
        assert_eq!(paired(&labels, Some(&[1, 2, 3, 3])), None);
        assert_eq!(paired(&labels, Some(&[1, 2, 3])), None);
        assert!(paired(&labels, Some(&[1, 2, 1, 2])).is_some());
    }

    #[test]
    fn many_rows_are_quick() {
        let labels: Vec<bool> = (0..300_000).map(|row| row % 3 == 0).collect();
        let score = |step: u64| -> Vec<f64> {
            (0..300_000)
                .map(|row| ((row * step) % 10_007) as f64)
                .collect()
        };
        let found = paired(&labels, &score(7_919), &score(104_729), None).unwrap();
        // Scores that know nothing: the variance is near (M + N + 1) / 12MN.
        let null = 300_001.0 / (12.0 * 100_000.0 * 200_000.0);
        assert!((found.variance_old / null - 1.0).abs() < 0.02, "{found:?}");
        assert!((found.old - 0.5).abs() < 0.005);
    }

    fn rows() -> impl Strategy<Value = Vec<(bool, u8, u8, u32)>> {
        prop::collection::vec((any::<bool>(), 0u8..12, 0u8..12, 0u32..6), 4..40)
    }

    type Columns = (Vec<bool>, Vec<f64>, Vec<f64>, Vec<u32>);

    fn columns(rows: &[(bool, u8, u8, u32)]) -> Columns {
        (
            rows.iter().map(|row| row.0).collect(),
            rows.iter().map(|row| row.1.into()).collect(),
            rows.iter().map(|row| row.2.into()).collect(),
            rows.iter().map(|row| row.3).collect(),
        )
    }

    fn near(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-12
    }

    proptest! {
        /// All pairs, and the covariance of their means as it is written.
        #[test]
        fn areas_and_variances_are_those_of_all_pairs(rows in rows()) {
            let (labels, old, new, _) = columns(&rows);
            let split = |scores: &[f64], class: bool| -> Vec<f64> {
                let of_class = scores.iter().zip(&labels).filter(|(_, label)| **label == class);
                of_class.map(|(score, _)| *score).collect()
            };
            let kernel = |x: f64, y: f64| if x > y { 1.0 } else if x == y { 0.5 } else { 0.0 };
            let parts = |scores: &[f64]| {
                let (xs, ys) = (split(scores, true), split(scores, false));
                let v10: Vec<f64> = xs.iter()
                    .map(|&x| ys.iter().map(|&y| kernel(x, y)).sum::<f64>() / ys.len() as f64)
                    .collect();
                let v01: Vec<f64> = ys.iter()
                    .map(|&y| xs.iter().map(|&x| kernel(x, y)).sum::<f64>() / xs.len() as f64)
                    .collect();
                (v10, v01)
            };
            let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
            let covariance = |one: &[f64], other: &[f64]| {
                let (m, n) = (mean(one), mean(other));
                one.iter().zip(other).map(|(a, b)| (a - m) * (b - n)).sum::<f64>()
                    / (one.len() as f64 - 1.0) / one.len() as f64
            };
            let positives = labels.iter().filter(|&&label| label).count();
            let found = paired(&labels, &old, &new, None);
            if positives < 2 || labels.len() - positives < 2 {
                prop_assert_eq!(found, None);
                return Ok(());
            }
            let found = found.unwrap();
            let ((a10, a01), (b10, b01)) = (parts(&old), parts(&new));
            prop_assert!(near(found.old, mean(&a10)) && near(found.new, mean(&b10)));
            prop_assert!(near(found.variance_old, covariance(&a10, &a10) + covariance(&a01, &a01)));
            prop_assert!(near(found.variance_new, covariance(&b10, &b10) + covariance(&b01, &b01)));
            prop_assert!(near(found.covariance, covariance(&a10, &b10) + covariance(&a01, &b01)));
            let variance = found.variance_old + found.variance_new - 2.0 * found.covariance;
            prop_assert!(near(found.error * found.error, variance));
        }

        #[test]
        fn clusters_of_one_are_none_and_doubled_rows_are_single(rows in rows()) {
            let (labels, old, new, _) = columns(&rows);
            let plain = paired(&labels, &old, &new, None);
            let single: Vec<u32> = (0..labels.len() as u32).rev().collect();
            let same = paired(&labels, &old, &new, Some(&single));
            let double = |index: usize| index / 2;
            let rows = 0..2 * labels.len();
            let doubled = paired(
                &rows.clone().map(|i| labels[double(i)]).collect::<Vec<_>>(),
                &rows.clone().map(|i| old[double(i)]).collect::<Vec<_>>(),
                &rows.clone().map(|i| new[double(i)]).collect::<Vec<_>>(),
                Some(&rows.map(|i| double(i) as u32).collect::<Vec<_>>()),
            );
            let listed = |areas: PairedAreas| [
                areas.old, areas.new, areas.variance_old, areas.variance_new,
                areas.covariance, areas.difference, areas.error * areas.error,
            ];
            for other in [same, doubled] {
                prop_assert_eq!(plain.is_some(), other.is_some());
                if let (Some(one), Some(other)) = (plain, other) {
                    for (one, other) in listed(one).into_iter().zip(listed(other)) {
                        prop_assert!(near(one, other), "{} {}", one, other);
                    }
                }
            }
        }

        #[test]
        fn swapping_the_runs_mirrors(rows in rows()) {
            let (labels, old, new, clusters) = columns(&rows);
            let one = paired(&labels, &old, &new, Some(&clusters));
            let other = paired(&labels, &new, &old, Some(&clusters));
            prop_assert_eq!(one.is_some(), other.is_some());
            if let (Some(one), Some(other)) = (one, other) {
                prop_assert_eq!(one.difference, -other.difference);
                prop_assert!(near(one.covariance, other.covariance));
                prop_assert_eq!(one.variance_old, other.variance_new);
                prop_assert!(near(one.error, other.error) && one.error.is_finite());
            }
        }
    }
}
