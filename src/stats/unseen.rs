//! Tests of a bounded mean of paired differences, which may come in clusters: exact
//! against all that one more cluster, which was not drawn, could have been.
//!
//! What is assumed: clusters are independent, and one that was not drawn has no more rows
//! than `largest_cluster`, each of which changes by no more than `largest_change`.

use super::Limits;
use super::distribution::{binomial_cdf, normal_quantile};
use super::exponential_sum::{Coefficient, p_not_negative};
use super::power::{Test, ToShow};
use super::root;

/// Distinct clusters up to which what a test sees is worked out from each.
const GROUPS: usize = 200;

/// Clusters that are alike.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Group {
    /// The sum of the differences of one.
    sum: f64,
    /// The rows of one.
    rows: f64,
    /// How many there are.
    count: f64,
}

/// Paired differences of rows, `new` − `old` in the direction in which negative is harm,
/// as sums over clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Differences {
    groups: Vec<Group>,
    /// The largest change of a row that was not drawn, either way.
    largest_change: f64,
    /// The most rows of a cluster that was not drawn.
    largest_cluster: f64,
}

impl Differences {
    /// From whole-number sums and rows of each cluster, a sum of 1 being `unit`. No cluster
    /// that was not drawn has more rows than the largest of these, or than
    /// `largest_cluster`, and none of its rows changes by more than `largest_change`.
    pub fn new(
        clusters: impl IntoIterator<Item = (i64, u64)>,
        unit: f64,
        largest_change: f64,
        largest_cluster: Option<u64>,
    ) -> Self {
        let mut clusters: Vec<(i64, u64)> = clusters.into_iter().collect();
        clusters.sort_unstable();
        let groups: Vec<Group> = clusters
            .chunk_by(|one, other| one == other)
            .map(|alike| Group {
                sum: alike[0].0 as f64 * unit,
                rows: alike[0].1 as f64,
                count: alike.len() as f64,
            })
            .collect();
        let drawn = clusters.iter().map(|cluster| cluster.1).max().unwrap_or(1);
        Self {
            groups,
            largest_change,
            largest_cluster: drawn.max(largest_cluster.unwrap_or(0)) as f64,
        }
    }

    /// How many clusters.
    pub fn clusters(&self) -> f64 {
        self.groups.iter().map(|group| group.count).sum()
    }

    fn rows(&self) -> f64 {
        let groups = self.groups.iter();
        groups.map(|group| group.count * group.rows).sum()
    }

    /// Σ n_g² / N²: the share of the variance of whole clusters that flip together.
    fn concentration(&self) -> f64 {
        let groups = self.groups.iter();
        let squares = groups.map(|group| group.count * group.rows * group.rows);
        squares.sum::<f64>() / (self.rows() * self.rows()).max(1.0)
    }

    /// The mean difference of a row; negative is harm.
    pub fn estimate(&self) -> f64 {
        let sums = self.groups.iter().map(|group| group.count * group.sum);
        sums.sum::<f64>() / self.rows().max(1.0)
    }

    /// Its standard error over clusters; infinite for one.
    ///
    /// Source: Bell & McCaffrey 2002 (their bias reduced linearisation, CR2).
    pub fn error(&self) -> f64 {
        let (estimate, rows) = (self.estimate(), self.rows());
        let squares = self.groups.iter().map(|group| {
            let deviation = group.sum - estimate * group.rows;
            // Equal differences leave a rest of rounding, which is no variance.
            let rounding = 1e-12 * group.sum.abs();
            let deviation = if deviation.abs() <= rounding {
                0.0
            } else {
                deviation
            };
            group.count * deviation * deviation / (1.0 - group.rows / rows)
        });
        if self.clusters() < 2.0 {
            return f64::INFINITY;
        }
        squares.sum::<f64>().sqrt() / rows
    }

    /// The largest change of the mean of a cluster that was drawn, either way.
    pub fn largest_seen(&self) -> f64 {
        let groups = self.groups.iter();
        let changes = groups.map(|group| (group.sum / group.rows).abs());
        changes.fold(0.0, f64::max)
    }

    /// The most rows of a cluster, drawn or declared.
    pub fn largest_cluster(&self) -> f64 {
        self.largest_cluster
    }

    /// The p-value against a true change of `value` or more:
    /// P(Σ E_g (D_g − v n_g) + E_0 n* (R − v) ≥ 0), D_g being the sum and n_g the rows of
    /// cluster g, n* the largest number of rows, R the largest change, E independent
    /// exponential numbers; one that was drawn may lie beyond n* (R − v), and then counts.
    ///
    /// Source: Gaffke 2005; that its size is at most alpha, whatever the law of the
    /// differences, Vlassis & Thomas 2026 (arXiv:2607.08415).
    pub fn p_below(&self, value: f64) -> f64 {
        self.p_moved(-value, self.largest_cluster * (self.largest_change - value))
    }

    /// The p-value against a true change of `value` or less.
    pub fn p_above(&self, value: f64) -> f64 {
        self.turned().p_below(-value)
    }

    /// With `shift` added to the difference of each row, and `room` for what was not drawn.
    fn p_moved(&self, shift: f64, room: f64) -> f64 {
        let moved = self.groups.iter().map(|group| Coefficient {
            value: group.sum + shift * group.rows,
            count: group.count,
        });
        let mut coefficients: Vec<Coefficient> = moved.collect();
        let largest = coefficients.iter().map(|it| it.value).fold(room, f64::max);
        if coefficients.iter().all(|it| it.value >= 0.0) {
            return 1.0;
        }
        coefficients.push(Coefficient {
            value: largest,
            count: 1.0,
        });
        p_not_negative(&coefficients)
    }

    /// The same with harm and gain exchanged.
    #[must_use]
    pub fn turned(&self) -> Self {
        let mut turned = self.clone();
        for group in &mut turned.groups {
            group.sum = -group.sum;
        }
        turned
    }

    /// One-sided limits at `alpha` each: where the p-values are alpha.
    pub fn limits(&self, alpha: f64) -> Limits {
        Limits {
            lower: -self.turned().upper(alpha),
            upper: self.upper(alpha),
        }
    }

    fn upper(&self, alpha: f64) -> f64 {
        let p = |value| self.p_below(value);
        root::where_p_is(alpha, p, self.estimate(), self.largest_change)
    }

    /// Whether what is asked would be answered, with its power, by data that vary like
    /// these: harm of `harm` shown, or, of a proof, an equal model passed.
    pub fn shows(&self, to_show: ToShow, test: &Test, harm: f64) -> bool {
        let z_power = normal_quantile(test.power);
        let value = match to_show {
            ToShow::WithinMargin => {
                let low = -z_power * self.error();
                let turned = self.moved_to(low).turned();
                return turned.p_below(test.margin) <= test.alpha;
            }
            ToShow::Harm => 0.0,
            ToShow::HarmBeyondMargin => -test.margin,
        };
        let observed_beyond = |mean: f64| to_show != ToShow::Harm || -mean > test.margin;
        let most = self.largest_change.max(self.largest_seen());
        // As a shift of all, which harms rows one by one, …
        let whole_flips = harm * (most - harm).max(0.0) * self.concentration();
        let error = libm::hypot(self.error(), whole_flips.sqrt());
        let mean = -harm + z_power * error;
        let shift = mean - self.estimate();
        let room = self.largest_cluster * (self.largest_change - value);
        let shifted = observed_beyond(mean) && self.p_moved(shift - value, room) <= test.alpha;
        // … and as whole clusters that lose all, of which few may be drawn.
        shifted && {
            let clusters = self.clusters().round().max(1.0);
            let lost = fewest_drawn(clusters as u64, (harm / most).min(1.0), 1.0 - test.power);
            let lost = lost as f64;
            let mut spoiled = self.moved_to(0.0);
            for group in &mut spoiled.groups {
                group.count *= (clusters - lost) / clusters;
            }
            let rows = self.rows() / clusters;
            spoiled.groups.push(Group {
                sum: -most * rows,
                rows,
                count: lost,
            });
            observed_beyond(-most * lost / clusters) && spoiled.p_moved(-value, room) <= test.alpha
        }
    }

    /// The same differences, each moved so that their mean is `mean`.
    fn moved_to(&self, mean: f64) -> Self {
        let shift = mean - self.estimate();
        let mut moved = self.clone();
        for group in &mut moved.groups {
            group.sum += shift * group.rows;
        }
        moved
    }

    /// `factor` times as many clusters of the same kinds.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let mut scaled = self.clone();
        for group in &mut scaled.groups {
            group.count *= factor;
        }
        scaled
    }

    /// At most 200 kinds of clusters in place of all: what is planned from them
    /// needs no more.
    #[must_use]
    pub fn coarse(&self) -> Self {
        let mut coarse = self.clone();
        let each = self.groups.len().div_ceil(GROUPS);
        if each > 1 {
            let mean = |group: &Group| group.sum / group.rows;
            coarse
                .groups
                .sort_unstable_by(|one, other| mean(one).total_cmp(&mean(other)));
            let joined = coarse.groups.chunks(each).map(|groups| {
                let total = |of: fn(&Group) -> f64| -> f64 {
                    groups.iter().map(|group| group.count * of(group)).sum()
                };
                // As many rows, and as many squares of them: of unequal clusters fewer, larger.
                let all = total(|group| group.rows);
                let rows = total(|group| group.rows * group.rows) / all;
                Group {
                    sum: total(|group| group.sum) / all * rows,
                    rows,
                    count: all / rows,
                }
            });
            coarse.groups = joined.collect();
        }
        coarse
    }
}

/// The number of clusters that are drawn at least, but for a probability of `missed`, of a
/// `share` of all.
fn fewest_drawn(clusters: u64, share: f64, missed: f64) -> u64 {
    let (mut low, mut high) = (0, clusters);
    while low < high {
        let middle = low + (high - low) / 2;
        if binomial_cdf(middle, clusters, share) >= missed {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    low
}

/// What clusters of some sizes can show at all, whatever the model does.
#[derive(Clone, Debug)]
pub struct Floor {
    /// The number of rows of each cluster.
    pub sizes: Vec<u64>,
    /// The largest change of a row.
    pub largest_change: f64,
    /// The most rows of a cluster that was not drawn, where it is declared.
    pub largest_cluster: Option<u64>,
}

impl Floor {
    /// The p-value against a change of `value` or more if every row changes by `change`,
    /// which is below it.
    fn p_of_all(&self, change: f64, value: f64) -> f64 {
        let clusters = self.sizes.iter().map(|&size| (0, size));
        Differences::new(clusters, 1.0, self.largest_change, self.largest_cluster)
            .p_moved_to(change, value)
    }

    /// The least harm beyond `margin` that can be shown at `alpha`; of equal clusters
    /// (R + m) (alpha^(−1/G) − 1) + m. Infinite where not even the largest is.
    pub fn least_harm(&self, margin: f64, alpha: f64) -> f64 {
        if self.p_of_all(-self.largest_change, -margin) > alpha {
            return f64::INFINITY;
        }
        let excess = |harm: f64| libm::log(self.p_of_all(-harm, -margin)) - libm::log(alpha);
        root::of_falling(excess, margin, self.largest_change)
    }
}

impl Differences {
    fn p_moved_to(&self, change: f64, value: f64) -> f64 {
        let room = self.largest_cluster * (self.largest_change - value);
        self.p_moved(change - value, room)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Stream, uniform};
    use crate::stats::pairs::exact_p;
    use crate::stats::reference::{close, group, numbers};
    use proptest::prelude::*;
    use serde_json::Value;

    /// The differences of a case of the reference, whose sums are multiples of a unit.
    fn of(case: &Value) -> Differences {
        let number = |value: &Value| value.as_f64().unwrap();
        let largest_cluster = case["largest_cluster"].as_u64();
        let largest_change = number(&case["largest_change"]);
        if let Some(recipe) = case["recipe"].as_object() {
            let whole = |key: &str| recipe[key].as_i64().unwrap();
            let (modulus, cycle) = (whole("modulus"), whole("rows_cycle"));
            let offset = (number(&recipe["offset"]) * 100.0).round() as i64;
            let clusters = (0..whole("n")).map(|index| {
                let rows = 1 + index * 31 % cycle;
                let place = index * whole("multiplier") % modulus;
                (rows * (100 * place - offset * modulus), rows as u64)
            });
            let unit = number(&recipe["scale"]) / (100 * modulus) as f64;
            return Differences::new(clusters, unit, largest_change, largest_cluster);
        }
        let [sums, rows, counts] = ["sum", "rows", "count"].map(|key| numbers(&case[key]));
        let parts = [1.0, 5.0, 20.0, 3.0, 1e3, 1e6].into_iter().find(|parts| {
            let rest = |sum: &f64| (sum * parts - (sum * parts).round()).abs();
            sums.iter().all(|sum| rest(sum) < 1e-9)
        });
        let parts = parts.unwrap();
        let clusters = sums
            .iter()
            .zip(&rows)
            .zip(&counts)
            .flat_map(|((sum, rows), count)| {
                vec![((sum * parts).round() as i64, *rows as u64); *count as usize]
            });
        Differences::new(clusters, 1.0 / parts, largest_change, largest_cluster)
    }

    /// The case of group `p` that another group names.
    fn named(name: &Value) -> Differences {
        let group = group("p");
        let mut cases = group["cases"].as_array().unwrap().iter();
        of(cases.find(|case| case["name"] == *name).unwrap())
    }

    fn plain(sums: impl IntoIterator<Item = (i64, u64)>, unit: f64) -> Differences {
        Differences::new(sums, unit, 1.0, None)
    }

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-10 * expected.abs()
    }

    #[test]
    fn p_values_agree_with_the_reference() {
        let group_p = group("p");
        let mut count = 0;
        for case in group_p["cases"].as_array().unwrap() {
            let differences = of(case);
            let expected = ["p_harm_beyond", "p_above"].map(|key| numbers(&case[key]));
            for (index, value) in numbers(&case["value"]).into_iter().enumerate() {
                let found = [differences.p_below(value), differences.p_above(value)];
                let expected = [expected[0][index], expected[1][index]];
                assert!(
                    close(found[0], expected[0]) && close(found[1], expected[1]),
                    "{} at {value}: {found:?} {expected:?}",
                    case["name"]
                );
                count += 1;
            }
        }
        assert!(count > 350);
        for case in group("monte_carlo")["cases"].as_array().unwrap() {
            let (differences, value) = (of(case), case["value"].as_f64().unwrap());
            let found = match case["side"].as_str().unwrap() {
                "p_above" => differences.p_above(value),
                _ => differences.p_below(value),
            };
            assert!(close(found, case["p"].as_f64().unwrap()), "{case}: {found}");
        }
    }

    #[test]
    fn limits_agree_with_the_reference() {
        for case in group("limits")["cases"].as_array().unwrap() {
            let differences = named(&case["case"]);
            let [alphas, lower, upper] = ["alpha", "lower", "upper"].map(|key| numbers(&case[key]));
            for (index, alpha) in alphas.into_iter().enumerate() {
                let found = differences.limits(alpha);
                assert!(
                    close(found.lower, lower[index]) && close(found.upper, upper[index]),
                    "{case}: {found:?}"
                );
            }
        }
    }

    #[test]
    fn detectable_drops_agree_with_the_reference() {
        for case in group("detectable")["cases"].as_array().unwrap() {
            let differences = named(&case["case"]);
            let number = |key: &str| case[key].as_f64().unwrap();
            assert!(close(differences.error(), number("standard_error")));
            for (index, alpha) in numbers(&case["alpha"]).into_iter().enumerate() {
                let test = Test {
                    alpha,
                    power: number("power"),
                    margin: number("margin"),
                };
                let shows = |harm| differences.shows(ToShow::Harm, &test, harm);
                let most = differences.largest_change;
                match case["detectable"][index].as_f64() {
                    None => assert!(!shows(most), "{case}"),
                    // A cluster that lost more than is declared says what one may lose; the
                    // reference goes by the declaration.
                    Some(drop) if differences.largest_seen() > most => {
                        assert!(!shows(drop) && shows(2.0 * drop), "{case}");
                    }
                    Some(drop) => assert!(
                        !shows(drop * (1.0 - 1e-6)) && shows(drop * (1.0 + 1e-6)),
                        "{case}"
                    ),
                }
            }
        }
    }

    #[test]
    fn estimates_and_errors_by_hand() {
        // Means −1/2, 0 and 1/2 of 2, 1 and 2 rows; 5 in all.
        let three = plain([(-2, 2), (0, 1), (2, 2)], 0.5);
        assert_eq!((three.estimate(), three.largest_seen()), (0.0, 0.5));
        // Two clusters are enough for an error: Σ D² / (1 − ½) over 4², of sums ±1.
        assert_eq!(plain([(-1, 2), (1, 2)], 1.0).error(), 0.5);
        assert_eq!((three.clusters(), three.largest_cluster()), (3.0, 2.0));
        assert!(near(three.error(), (2.0 / 0.6_f64).sqrt() / 5.0));
        assert_eq!(plain([(-3, 10)], 1.0).error(), f64::INFINITY);
        // A tenth has no exact double: what is left over is no variance.
        assert_eq!(plain([(-1, 1); 7], 0.1).error(), 0.0);
        assert_eq!(plain([], 1.0).estimate(), 0.0);
        let declared = Differences::new([(0, 3)], 1.0, 1.0, Some(2));
        assert_eq!(declared.largest_cluster(), 3.0);
    }

    /// statistics.md II.1: the least harm that can be shown, and the fewest that prove.
    #[test]
    fn floors_are_those_of_the_design() {
        let floor = |clusters: usize| Floor {
            sizes: vec![5; clusters],
            largest_change: 1.0,
            largest_cluster: None,
        };
        for (clusters, ample, strict) in [
            (8, 0.454, f64::INFINITY),
            (20, 0.162, 0.349),
            (40, 0.078, 0.162),
            (100, 0.030, 0.062),
            (200, 0.015, 0.030),
            (400, 0.0075, 0.015),
        ] {
            for (alpha, stated) in [(0.05, ample), (0.0025, strict)] {
                let found = floor(clusters).least_harm(0.0, alpha);
                assert!(
                    found == stated || (found - stated).abs() <= 5.1e-4,
                    "{clusters} {alpha}: {found}"
                );
            }
        }
        assert!(floor(153).least_harm(0.0, 0.0025) <= 0.04);
        assert!(floor(152).least_harm(0.0, 0.0025) > 0.04);
        // (R + m) (alpha^(−1/G) − 1) + m beyond a margin; more, where clusters are unequal.
        let beyond = 1.02 * (libm::pow(0.05, -1.0 / 40.0) - 1.0) + 0.02;
        assert!(near(floor(40).least_harm(0.02, 0.05), beyond));
        let unequal = Floor {
            sizes: (0..40).map(|index| 1 + index % 9).collect(),
            ..floor(0)
        };
        assert!(unequal.least_harm(0.02, 0.05) > beyond);
        let declared = Floor {
            largest_cluster: Some(10),
            ..floor(40)
        };
        assert!(near(
            declared.least_harm(0.0, 0.05),
            2.0 * (libm::pow(0.05, -1.0 / 40.0) - 1.0)
        ));
    }

    #[test]
    fn what_is_planned_without_any_change() {
        let test = Test {
            alpha: 0.05,
            power: 0.8,
            margin: 0.01,
        };
        let proves = |n| plain(vec![(0, 1); n], 1.0).shows(ToShow::WithinMargin, &test, 0.0);
        assert!(proves(299) && !proves(298));
        // One cluster has no error that is known.
        let one = plain([(-3, 10)], 0.1);
        for to_show in [ToShow::Harm, ToShow::HarmBeyondMargin, ToShow::WithinMargin] {
            assert!(!one.shows(to_show, &test, 1.0), "{to_show:?}");
        }
        // Without a margin, harm beyond it is harm.
        let some = plain((0..60).map(|index| (index % 5 - 2, 1)), 0.2);
        let test = Test {
            margin: 0.0,
            ..test
        };
        for harm in [0.05, 0.1, 0.15, 0.2, 0.3, 1.0] {
            assert_eq!(
                some.shows(ToShow::Harm, &test, harm),
                some.shows(ToShow::HarmBeyondMargin, &test, harm)
            );
        }
        assert!(!some.shows(ToShow::Harm, &test, 0.05) && some.shows(ToShow::Harm, &test, 0.3));
    }

    #[test]
    fn more_clusters_of_the_same_kinds_are_those_clusters() {
        let clusters = || (0..90_i64).map(|index| (index * 7_919 % 101 - 52, 1 + index as u64 % 3));
        let twice = plain(clusters().chain(clusters()), 0.01);
        assert_eq!(plain(clusters(), 0.01).scaled(2.0), twice);
    }

    /// Fewer kinds of clusters keep the error, and what would be shown, where clusters are
    /// of one size and where they are not.
    #[test]
    fn coarse_data_are_planned_from_alike() {
        let one_size = |_: u64| 5;
        let three_sizes = |index: u64| 1 + index % 3;
        let skewed_sizes = |index: u64| 1 + index.pow(3) * 30 / 900_u64.pow(3);
        for size in [one_size, three_sizes, skewed_sizes] {
            let clusters = (0..900_u64).map(|index| {
                let mean = (index * 7_919 % 1_009) as i64 - 505;
                (mean * size(index) as i64, size(index))
            });
            let fine = plain(clusters, 1e-3);
            let coarse = fine.coarse();
            assert!(coarse.groups.len() <= GROUPS && fine.groups.len() > 800);
            assert!(near(coarse.estimate(), fine.estimate()) && near(coarse.rows(), fine.rows()));
            let shown = |of: &Differences| {
                let test = Test {
                    alpha: 0.05,
                    power: 0.8,
                    margin: 0.01,
                };
                let shows = |harm: f64| of.shows(ToShow::Harm, &test, harm);
                root::least(shows, 0.0, 1.0).unwrap()
            };
            for (coarse, fine) in [
                (coarse.error(), fine.error()),
                (shown(&coarse), shown(&fine)),
            ] {
                assert!((coarse / fine - 1.0).abs() < 0.02, "{coarse} {fine}");
            }
        }
    }

    /// Clusters as (sum in fifths, rows), the largest change a row, and what is declared.
    type Clusters = (Vec<(i64, u64)>, f64, Option<u64>);

    fn clusters() -> impl Strategy<Value = Clusters> {
        let cluster = (1u64..9).prop_flat_map(|rows| {
            let most = 5 * rows as i64;
            (-most..=most, Just(rows))
        });
        let declared = prop::option::of(1u64..20);
        (prop::collection::vec(cluster, 2..40), 1.0..3.0f64, declared)
    }

    fn with(clusters: &[(i64, u64)], change: f64, declared: Option<u64>) -> Differences {
        Differences::new(clusters.iter().copied(), 0.2, change, declared)
    }

    proptest! {
        #[test]
        fn single_flips_are_mcnemars_exactly(
            harm in 1u64..300, gain in 0u64..300, same in 0u64..2000,
        ) {
            let flips = [(-1, harm), (1, gain), (0, same)];
            let rows = flips.into_iter().flat_map(|(flip, count)| vec![(flip, 1); count as usize]);
            let differences = plain(rows, 1.0);
            let (p, expected) = (differences.p_below(0.0), exact_p(harm, gain));
            prop_assert!(near(p, expected), "{} {}", p, expected);
        }

        #[test]
        fn equal_changes_are_powers(
            harm in 1i64..1000, count in 1usize..3000, change in 1.0..4.0f64,
            margin in 0.001..0.9f64, rows in 1u64..30,
        ) {
            let of = |sum: i64| {
                let each = vec![(sum * rows as i64, rows); count];
                Differences::new(each, 1e-3, change, None)
            };
            let power = |base: f64| libm::pow(base, count as f64);
            let expected = power(change / (change + harm as f64 * 1e-3));
            prop_assert!(close(of(-harm).p_below(0.0), expected));
            prop_assert!(close(of(0).p_above(-margin), power((change - margin) / change)));
            prop_assert!(of(0).p_below(0.0) == 1.0 && of(harm).p_below(0.0) == 1.0);
        }

        #[test]
        fn p_never_rises_when_a_difference_falls(
            (mut rows, change, declared) in clusters(), place in any::<prop::sample::Index>(),
            fall in 1i64..8, value in prop::sample::select(vec![-0.1, 0.0, 0.05]),
            step in 0.0..0.1f64,
        ) {
            let before = with(&rows, change, declared);
            let p = before.p_below(value);
            prop_assert!((0.0..=1.0).contains(&p));
            let slack = 1.0 + 1e-10;
            prop_assert!(before.p_below(value + step) <= p * slack);
            // What may be unseen counts, too.
            prop_assert!(with(&rows, change + step, declared).p_below(value) * slack >= p);
            prop_assert!(with(&rows, change, Some(20)).p_below(value) * slack >= p);
            let place = place.index(rows.len());
            let fall = fall.min(rows[place].0 + 5 * rows[place].1 as i64);
            rows[place].0 -= fall;
            let after = with(&rows, change, declared).p_below(value);
            prop_assert!(after <= p * slack, "{} {}", p, after);
        }

        #[test]
        fn zeros_change_nothing(
            (mut rows, change, declared) in clusters(), more in 1usize..50,
        ) {
            let p = with(&rows, change, declared).p_below(0.0);
            let no_larger = rows.iter().map(|cluster| cluster.1).min().unwrap();
            rows.extend(vec![(0, no_larger); more]);
            let found = with(&rows, change, declared).p_below(0.0);
            // Of gains alone nothing is shown, either way.
            prop_assert!(near(found, p), "{} {}", found, p);
        }

        #[test]
        fn exchanging_the_runs_mirrors(
            (rows, change, declared) in clusters(), value in -0.2..0.2f64,
            alpha in prop::sample::select(vec![0.05, 0.0025]),
        ) {
            let one = with(&rows, change, declared);
            let exchanged: Vec<(i64, u64)> =
                rows.iter().map(|&(sum, rows)| (-sum, rows)).collect();
            let other = with(&exchanged, change, declared);
            prop_assert!(near(other.p_below(value), one.p_above(-value)));
            prop_assert!(near(one.turned().p_below(value), one.p_above(-value)));
            prop_assert!((one.estimate() + other.estimate()).abs() < 1e-15);
            prop_assert!(near(one.error(), other.error()) || one.error() == other.error());
            let (limits, mirrored) = (one.limits(alpha), other.limits(alpha));
            prop_assert!((limits.lower + mirrored.upper).abs() < 1e-9);
            prop_assert!((limits.upper + mirrored.lower).abs() < 1e-9);
            // They are where the p-values are alpha, if not at the largest change.
            let slack = 1e-7 * alpha;
            prop_assert!(limits.lower <= one.estimate() && one.estimate() <= limits.upper);
            prop_assert!(limits.upper > change - 1e-9
                || (one.p_below(limits.upper) - alpha).abs() < slack);
            prop_assert!(limits.lower < 1e-9 - change
                || (one.p_above(limits.lower) - alpha).abs() < slack);
        }
    }

    /// The definition, drawn: P(Σ E_g (D_g − v n_g) + E_0 n* (R − v) ≥ 0).
    #[test]
    fn p_is_that_of_its_definition_drawn() {
        const DRAWS: u32 = 40_000;
        let mut inside = 0;
        for case in 0..40 {
            let mut stream = Stream::new(5, "unseen", case, "");
            let change = [1.0, 1.0, 2.0, 1.5][case as usize % 4];
            let declared = [None, None, Some(12)][case as usize % 3];
            let rows: Vec<(i64, u64)> = (0..3 + stream.below(18))
                .map(|_| {
                    let rows = 1 + stream.below(9);
                    let most = 3 * rows;
                    let sum = stream.below(2 * most + 1) as i64 - most as i64;
                    (sum - stream.below(rows + 1) as i64, rows)
                })
                .collect();
            let value = [0.0, -0.05, 0.1][stream.below(3) as usize];
            let p = with(&rows, change, declared).p_below(value);
            let largest = rows.iter().map(|cluster| cluster.1).max().unwrap();
            let unseen = largest.max(declared.unwrap_or(0)) as f64 * (change - value);
            let mut exponential = || -libm::log(uniform(stream.word() as u32));
            let mut seen = 0;
            for _ in 0..DRAWS {
                let mut sum = unseen * exponential();
                for &(of, rows) in &rows {
                    sum += (0.2 * of as f64 - value * rows as f64) * exponential();
                }
                seen += u32::from(sum >= 0.0);
            }
            let found = f64::from(seen) / f64::from(DRAWS);
            let error = (p * (1.0 - p) / f64::from(DRAWS)).sqrt();
            assert!(
                (found - p).abs() <= 5.0 * error + 1e-12,
                "{case}: {p} {found}"
            );
            inside += u32::from(p > 0.01 && p < 0.99);
        }
        assert!(inside >= 25, "{inside}");
    }

    /// Beyond 5,000 distinct clusters p is rounded up, on either side: not below that of
    /// half as many kinds, each worse, or of the other side better, than what it stands for.
    #[test]
    fn many_distinct_clusters_never_show_more() {
        let values = || (0..6_000_i64).map(|index| index * 7_919 % 6_007 - 3_100);
        let with = |values: &mut dyn Iterator<Item = i64>| plain(values.map(|sum| (sum, 1)), 1e-4);
        let all = with(&mut values());
        let down = with(&mut values().map(|sum| sum.div_euclid(2) * 2));
        let up = with(&mut values().map(|sum| -((-sum).div_euclid(2) * 2)));
        for value in [-0.02, -0.01, -0.008, 0.0, 0.005] {
            for (p, least, most) in [
                (all.p_below(value), down.p_below(value), up.p_below(value)),
                (all.p_above(value), up.p_above(value), down.p_above(value)),
            ] {
                assert!(
                    least < p && p < 1.01 * most.powf(0.95),
                    "{value}: {least} {p} {most}"
                );
            }
        }
    }
}
