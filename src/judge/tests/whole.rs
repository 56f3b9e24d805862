//! Metrics of all rows together, against their definitions written out: every cluster left
//! out in turn, every exchange of records, every pair of rows, every class's ratio.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::{Runs, spec};
use crate::measure::interval;
use crate::metric::Rows;
use crate::outcome::{Outcomes, QUANTA};
use crate::seed::{Stream, uniform};
use crate::stats::proportion::wilson;

const F1: &str = "kind = \"macro_f1\"";
const AUROC: &str = "kind = \"auroc\"";
const ECE: &str = "kind = \"expected_calibration_error\"\nmargin = 0.05";

/// A metric as its definition has it, of the labels and the columns' values of some rows.
type Definition = fn(&[(u32, Vec<u32>)]) -> f64;

fn macro_f1(rows: &[(u32, Vec<u32>)]) -> f64 {
    let mut each = Vec::new();
    for class in 0..3 {
        let of = |label: bool, predicted: bool| {
            let found = rows.iter().filter(|(known, row)| {
                (*known == class) == label && (row[0] == class) == predicted
            });
            found.count() as f64
        };
        let (hits, all) = (of(true, true), of(true, false) + of(false, true));
        if hits + all > 0.0 {
            each.push(2.0 * hits / (2.0 * hits + all));
        }
    }
    each.iter().sum::<f64>() / each.len() as f64
}

fn auroc(rows: &[(u32, Vec<u32>)]) -> f64 {
    let (mut right, mut pairs) = (0.0, 0.0);
    for positive in rows.iter().filter(|row| row.0 == 1) {
        for negative in rows.iter().filter(|row| row.0 != 1) {
            right += ranked(positive.1[0], negative.1[0]);
            pairs += 1.0;
        }
    }
    right / pairs
}

/// Whether a row of the class ranks before one of the rest; a tie is a half.
fn ranked(positive: u32, negative: u32) -> f64 {
    match positive.cmp(&negative) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    }
}

fn calibration(rows: &[(u32, Vec<u32>)]) -> f64 {
    let mut bins = [0.0; 15];
    for (_, row) in rows {
        let confidence = f64::from(row[1]) / f64::from(QUANTA);
        let bin = (confidence * 15.0).ceil().max(1.0) as usize - 1;
        bins[bin] += f64::from(row[0]) - confidence;
    }
    bins.iter().map(|sum| sum.abs()).sum::<f64>() / rows.len() as f64
}

/// The rows of each cluster.
fn clusters(runs: &Runs, outcomes: &Outcomes) -> Vec<Vec<(u32, Vec<u32>)>> {
    let cluster = |example: usize| match &runs.clusters {
        Some(clusters) => clusters[example] as usize,
        None => example,
    };
    let count = (0..outcomes.examples).map(cluster).max().unwrap() + 1;
    let mut found = vec![Vec::new(); count];
    for row in 0..outcomes.examples * outcomes.replicates {
        let example = row / outcomes.replicates;
        let values = outcomes.columns.iter().map(|column| column.values[row]);
        found[cluster(example)].push((runs.labels[example], values.collect()));
    }
    found
}

fn joined(clusters: &[Vec<(u32, Vec<u32>)>]) -> Vec<(u32, Vec<u32>)> {
    clusters.concat()
}

/// The change, and it with each cluster left out in turn.
fn left_out(runs: &Runs, of: Definition) -> (f64, Vec<f64>) {
    let both = [clusters(runs, &runs.old), clusters(runs, &runs.new)];
    let value = |kept: &dyn Fn(usize) -> bool| {
        let [old, new] = both.each_ref().map(|clusters| {
            let kept = clusters
                .iter()
                .enumerate()
                .filter(|(index, _)| kept(*index));
            of(&joined(
                &kept.map(|(_, rows)| rows.clone()).collect::<Vec<_>>(),
            ))
        });
        new - old
    };
    let each = (0..both[0].len()).map(|out| value(&|index| index != out));
    (value(&|_| true), each.collect())
}

/// N² / Σ n_g² over the rows of clusters.
fn effective_clusters(runs: &Runs) -> f64 {
    let sizes = clusters(runs, &runs.new);
    let sizes = sizes.iter().map(|rows| rows.len() as f64);
    sizes.clone().sum::<f64>().powi(2) / sizes.map(|rows| rows * rows).sum::<f64>()
}

/// Change, its jackknife's standard error, and degrees of freedom. `stratified`: within
/// classes.
fn jackknife(runs: &Runs, of: Definition, stratified: bool) -> (f64, f64, f64) {
    let (change, left_out) = left_out(runs, of);
    let members = clusters(runs, &runs.old);
    let stratum = |cluster: usize| match stratified {
        true => members[cluster][0].0,
        false => 0,
    };
    let (mut variance, mut strata) = (0.0, 0.0);
    for known in 0..3 {
        let own: Vec<f64> = (0..left_out.len())
            .filter(|&cluster| stratum(cluster) == known)
            .map(|cluster| left_out[cluster])
            .collect();
        if own.is_empty() {
            continue;
        }
        let n = own.len() as f64;
        let mean = own.iter().sum::<f64>() / n;
        variance += (n - 1.0) / n * own.iter().map(|v| (v - mean).powi(2)).sum::<f64>();
        strata += 1.0;
    }
    (change, variance.sqrt(), effective_clusters(runs) - strata)
}

/// What each row is of an area: the share of the other class that it is on the right side
/// of, less the area.
fn placements(rows: &[(u32, Vec<u32>)]) -> Vec<f64> {
    let of = |row: &(u32, Vec<u32>)| {
        let others = rows.iter().filter(|other| (other.0 == 1) != (row.0 == 1));
        let placed: Vec<f64> = others
            .map(|other| match row.0 {
                1 => ranked(row.1[0], other.1[0]),
                _ => ranked(other.1[0], row.1[0]),
            })
            .collect();
        placed.iter().sum::<f64>() / placed.len() as f64
    };
    let area = auroc(rows);
    rows.iter().map(|row| of(row) - area).collect()
}

/// The change of an area, or one area, by the formulas of statistics.md II.2.
struct Area {
    estimate: f64,
    error: f64,
    gamma: f64,
    degrees: f64,
    /// Rows of the smaller class, or its clusters, all as large as the largest.
    fewest: f64,
}

impl Area {
    /// `own`: of the new run alone.
    fn of(runs: &Runs, own: bool) -> Self {
        let both = [&runs.old, &runs.new].map(|outcomes| clusters(runs, outcomes));
        let [old, new] = both.each_ref().map(|clusters| joined(clusters));
        let mut parts = placements(&new);
        let size = |class: bool| new.iter().filter(|row| (row.0 == 1) == class).count() as f64;
        for ((part, old), row) in parts.iter_mut().zip(placements(&old)).zip(&new) {
            *part = (*part - if own { 0.0 } else { old }) / size(row.0 == 1);
        }
        let estimate = auroc(&new) - if own { 0.0 } else { auroc(&old) };
        let smaller = size(true) < size(false);
        let mut rows = new.iter().zip(&parts);
        let clusters: Vec<Vec<_>> = both[1]
            .iter()
            .map(|cluster| rows.by_ref().take(cluster.len()).collect())
            .collect();
        let sums = |power: i32| {
            clusters
                .iter()
                .map(move |of: &Vec<(_, &f64)>| of.iter().map(|row| row.1).sum::<f64>().powi(power))
        };
        let n = new.len() as f64;
        let (variance, degrees, fewest);
        if clusters.iter().all(|cluster| cluster.len() == 1) {
            let of = |class: bool| {
                let own = new
                    .iter()
                    .zip(&parts)
                    .filter(|(row, _)| (row.0 == 1) == class);
                let n = size(class);
                own.map(|(_, part)| part * part).sum::<f64>() * n / (n - 1.0)
            };
            let [v, w] = [of(true), of(false)];
            variance = v + w;
            degrees = variance.powi(2) / (v * v / (size(true) - 1.0) + w * w / (size(false) - 1.0));
            fewest = size(smaller);
        } else {
            let each = sums(2).zip(&clusters);
            variance = each.map(|(f, of)| f / (1.0 - of.len() as f64 / n)).sum();
            degrees = effective_clusters(runs) - 1.0;
            let held = |of: &Vec<(&(u32, Vec<u32>), &f64)>| {
                of.iter().filter(|(row, _)| (row.0 == 1) == smaller).count()
            };
            fewest = size(smaller) / clusters.iter().map(held).max().unwrap() as f64;
        }
        Self {
            estimate,
            error: variance.sqrt(),
            gamma: sums(3).sum::<f64>() / variance.powf(1.5),
            degrees,
            fewest,
        }
    }

    /// The p-value of a change of `value` or more.
    fn p(&self, value: f64) -> f64 {
        let t = (self.estimate - value) / self.error;
        let cubic = t
            + self.gamma / 6.0
            + self.gamma * t.powi(2) / 3.0
            + self.gamma.powi(2) * t.powi(3) / 27.0;
        let unseen = (1.0 - value) / (1.0 - self.estimate);
        let law = students(self.degrees);
        law.cdf(t)
            .max(law.cdf(cubic))
            .max(unseen.min(1.0).powf(self.fewest))
    }

    fn turned(&self) -> Self {
        Self {
            estimate: -self.estimate,
            gamma: -self.gamma,
            ..*self
        }
    }
}

/// A change of macro F1 by the ratios of its classes: what each cluster does to them, to
/// first order.
fn influences(runs: &Runs) -> Vec<f64> {
    let both = [clusters(runs, &runs.old), clusters(runs, &runs.new)];
    let counts = |rows: &[(u32, Vec<u32>)], class: u32| {
        let right = rows
            .iter()
            .filter(|row| row.0 == class && row.1[0] == class)
            .count() as f64;
        let both = rows
            .iter()
            .map(|row| u32::from(row.0 == class) + u32::from(row.1[0] == class));
        (2.0 * right, f64::from(both.sum::<u32>()))
    };
    let mut found = vec![0.0; both[0].len()];
    for (clusters, sign) in both.iter().zip([-1.0, 1.0]) {
        for class in 0..3 {
            let (right, all) = counts(&joined(clusters), class);
            for (influence, rows) in found.iter_mut().zip(clusters) {
                let (own_right, own_all) = counts(rows, class);
                *influence += sign * (own_right - right / all * own_all) / all / 3.0;
            }
        }
    }
    found
}

fn students(degrees: f64) -> StudentsT {
    StudentsT::new(0.0, 1.0, degrees).unwrap()
}

fn near(found: f64, expected: f64) {
    let error = (found - expected).abs();
    assert!(
        error <= 1e-9 * expected.abs().max(1e-3),
        "{found} {expected}"
    );
}

/// statrs has Student's t to about 1e-8.
fn same_p(found: f64, expected: f64) {
    let slack = 1e-6 * expected + 1e-12;
    assert!((found - expected).abs() <= slack, "{found} {expected}");
}

fn runs(metric: &str, data: &str, examples: usize, replicates: usize, harm: f64) -> Runs {
    let gate = spec("", data, "margin = 0.03\nalpha = 0.005", metric);
    let mut runs = Runs::random(gate, 11, examples, replicates, 0.06, harm);
    runs.clusters = (!data.is_empty()).then(|| (0..examples as u32).map(|i| i / 4).collect());
    runs
}

/// Its error is Σ f² / (1 − n_g / N) of the influences f of clusters.
#[test]
fn a_macro_f1_has_the_error_of_its_ratios() {
    for (data, replicates) in [("", 1), ("", 2), ("cluster = \"c\"", 1)] {
        let mut runs = runs(F1, data, 160, replicates, 0.15);
        let rows = clusters(&runs, &runs.new);
        let n = (160 * replicates) as f64;
        let squares = influences(&runs).into_iter().zip(&rows);
        let error = squares.map(|(f, rows)| f * f / (1.0 - rows.len() as f64 / n));
        let error = error.sum::<f64>().sqrt();
        let value = |outcomes| macro_f1(&joined(&clusters(&runs, outcomes)));
        let change = value(&runs.new) - value(&runs.old);
        for (direction, harm) in [("lower", -change), ("higher", change)] {
            let gate = format!("margin = 0.03\nalpha = 0.005\ndirection = \"{direction}\"");
            runs.spec = spec("", data, &gate, F1);
            let found = runs.compare();
            near(found.change, change);
            near(found.error, error);
            assert_eq!(found.harm_exceeds_margin, harm > 0.03);
            assert_eq!(found.gain_exceeds_margin, -harm > 0.03);
            // No surer than the normal distribution would be.
            let normal = Normal::standard();
            assert!(found.p_harm >= normal.cdf(-harm / error) - 1e-9);
            assert!(found.p_gain >= normal.cdf(harm / error) - 1e-9);
            let (lower, upper) = found.limits().unwrap();
            let reach = normal.inverse_cdf(0.995) * error;
            assert!(lower < change - reach && upper > change + reach);
        }
    }
}

/// A ranking of three kinds: few scores, so that there are ties, and a share of the class
/// that falls to the end.
fn rankings() -> Vec<(&'static str, Runs)> {
    let each = [("", 1), ("", 2), ("cluster = \"c\"", 1)].into_iter();
    let each = each.map(|(data, replicates)| {
        let mut runs = runs(AUROC, data, 160, replicates, 0.0);
        for column in [&mut runs.old.columns[0], &mut runs.new.columns[0]] {
            let scores = column.values.iter_mut();
            scores.for_each(|score| *score -= *score % 4_096);
        }
        for example in (1..160).step_by(12) {
            runs.new.columns[0].values[example * replicates] = 0;
        }
        (data, runs)
    });
    each.collect()
}

#[test]
fn a_ranking_has_the_p_and_limits_of_the_design() {
    for (data, mut runs) in rankings() {
        let area = Area::of(&runs, false);
        assert!(area.estimate < -0.03);
        for higher in ["", "direction = \"higher\"\n"] {
            let mut ask = |gate: &str| {
                let gate = format!("alpha = 0.005\n{higher}{gate}");
                runs.spec = spec("", data, &gate, AUROC);
                runs.compare()
            };
            let harm = if higher.is_empty() {
                area.turned().turned()
            } else {
                area.turned()
            };
            let found = ask("margin = 0.03");
            near(found.change, area.estimate);
            near(found.error, area.error);
            same_p(found.p_harm, harm.p(0.0));
            same_p(found.p_gain, harm.turned().p(0.0));
            let (lower, upper) = found.limits().unwrap();
            same_p(area.p(upper), 0.005);
            same_p(area.turned().p(-lower), 0.005);
            assert_eq!(found.harm_exceeds_margin, harm.estimate < -0.03);
            assert_eq!(found.gain_exceeds_margin, harm.estimate > 0.03);
            // The smallest drop that is observed beyond the margin with power 0.8, and shown.
            let seen = |drop: f64| {
                let estimate = Normal::standard().inverse_cdf(0.8) * harm.error - drop;
                let shown = Area {
                    estimate,
                    ..harm.turned().turned()
                };
                estimate < -0.03 && shown.p(0.0) <= 0.005
            };
            let detectable = found.detectable().unwrap();
            assert!(
                seen(detectable + 1e-6) && !seen(detectable - 1e-6),
                "{detectable}"
            );
            for margin in [0.01, 0.03, 0.1, 0.3] {
                let proof = ask(&format!("margin = {margin}\nmode = \"prove\""));
                let p = harm.turned().p(margin);
                same_p(proof.p_margin.unwrap(), p);
                assert_eq!(proof.excludes_harm, p <= 0.005);
                assert_eq!(proof.excludes_gain, harm.p(margin) <= 0.005);
                let beyond = ask(&format!("margin = {margin}\nnull = \"margin\""));
                let p = harm.p(-margin);
                same_p(beyond.p_margin.unwrap(), p);
                assert_eq!(beyond.shows_harm_beyond_margin, p <= 0.005);
            }
        }
    }
}

/// statistics.md II.5, 7: by what was not drawn of four rows of the class, (24 / 31)⁴.
#[test]
fn a_small_ranking_has_the_designs_p() {
    let gate = spec("", "", "margin = 0.03\nalpha = 0.005", AUROC);
    let mut runs = Runs::random(gate, 1, 10, 1, 0.0, 0.0);
    runs.labels = vec![1, 1, 1, 1, 0, 0, 0, 0, 0, 0];
    runs.old.columns[0].values = vec![9, 7, 6, 4, 8, 5, 3, 2, 1, 0];
    runs.new.columns[0].values = vec![8, 4, 5, 2, 9, 7, 6, 3, 1, 0];
    let found = runs.compare();
    near(found.change, -7.0 / 24.0);
    near(found.error, 0.015_972_222_222_222_22_f64.sqrt());
    assert!((found.p_harm - 0.359_251_170_25).abs() < 1e-10, "{found:?}");
}

/// Scores that are shifted or scaled alike are the same ranking; harm is seen beside it.
#[test]
fn harm_to_a_ranking_is_seen_however_its_scores_are_scaled() {
    for (_, mut runs) in rankings() {
        let replicates = runs.new.replicates;
        for example in (1..160).step_by(6) {
            runs.new.columns[0].values[example * replicates..][..replicates].fill(0);
        }
        let plain = runs.compare();
        assert!(plain.p_harm < 0.005, "{plain:?}");
        for score in &mut runs.new.columns[0].values {
            *score = 3 * *score + 100_000;
        }
        assert_eq!(runs.compare(), plain);
        // Without harm there is no change at all.
        let old = runs.old.columns[0].values.iter();
        runs.new.columns[0].values = old.map(|score| score / 2 + 7).collect();
        let same = runs.compare();
        assert_eq!((same.change, same.error, same.p_harm), (0.0, 0.0, 1.0));
    }
}

/// ((1 − m) / 1)^n of the smaller class: 149 rows of it prove a margin of 0.02, however many
/// there are of the other; statistics.md II.4.
#[test]
fn few_of_a_class_prove_nothing() {
    let p = |metric: &str, few: usize| {
        let gate = spec("", "", "margin = 0.02\nmode = \"prove\"", metric);
        let mut runs = Runs::random(gate, 1, 1000, 1, 0.0, 0.0);
        let labels = (0..1000)
            .map(|row| u32::from(row < few))
            .collect::<Vec<_>>();
        for outcomes in [&mut runs.old, &mut runs.new] {
            outcomes.columns[0].values.clone_from(&labels);
        }
        runs.labels = labels;
        let found = runs.compare();
        assert_eq!(found.excludes_harm, found.p_margin <= Some(0.05));
        found.p_margin.unwrap()
    };
    for (few, proven) in [(10, false), (148, false), (149, true)] {
        near(p(AUROC, few), 0.98_f64.powi(few as i32));
        assert_eq!(p(AUROC, few) <= 0.05, proven);
    }
    assert!(p(F1, 10) > 0.05 && p(F1, 500) <= 0.05);
}

/// Eight clusters of equal size are enough to know the error of a ranking by, seven say
/// nothing of it.
#[test]
fn seven_clusters_say_nothing_of_a_ranking() {
    let found = |clusters: u32| {
        let gate = spec("", "cluster = \"c\"", "margin = 0.03\nalpha = 0.25", AUROC);
        let mut runs = Runs::random(gate, 1, 168, 1, 0.05, 0.6);
        runs.clusters = Some((0..168).map(|row| row % clusters).collect());
        let found = runs.compare();
        assert!(found.change < -0.1);
        (found.p_harm, found.detectable().is_some())
    };
    let (p, seen) = found(7);
    assert!(p >= 0.5 && !seen, "{p}");
    let (p, seen) = found(8);
    assert!(p < 0.25 && seen, "{p}");
}

/// Thirteen clusters of 1, 3, 5, … rows say as much as 9.8 of equal size.
#[test]
fn clusters_of_unequal_size_have_fewer_degrees_of_freedom() {
    let mut runs = runs(ECE, "cluster = \"c\"", 169, 1, 0.15);
    runs.clusters = Some((0..169).map(|row: u32| row.isqrt()).collect());
    let (estimate, error, degrees) = jackknife(&runs, calibration, false);
    near(degrees, 169.0_f64.powi(2) / 2925.0 - 1.0);
    let found = runs.compare();
    let t = students(degrees);
    let [rises, falls] = [t.cdf(-estimate / error), t.cdf(estimate / error)];
    assert!(found.p_harm >= rises - 1e-9 && found.p_gain >= falls - 1e-9);
}

/// Four rows that changed have 16 exchanges, of which the share at least as harmful is the
/// p-value, unless the jackknife's is larger.
#[test]
fn every_exchange_of_records_counts() {
    let mut runs = runs(ECE, "", 60, 1, 0.0);
    for outcomes in [&mut runs.old, &mut runs.new] {
        // Right three times of four, and surer of it.
        outcomes.columns[0].values = (0..60).map(|row| u32::from(row % 4 != 0)).collect();
        outcomes.columns[1].values = vec![QUANTA / 100 * 90; 60];
    }
    for row in [1, 14, 27, 50] {
        runs.new.columns[1].values[row] = QUANTA / 100 * 93;
    }
    let both = [clusters(&runs, &runs.old), clusters(&runs, &runs.new)];
    let exchanged = |pattern: usize| {
        let mut sides = both.clone();
        for (bit, row) in [1, 14, 27, 50].into_iter().enumerate() {
            if pattern >> bit & 1 == 1 {
                let [old, new] = &mut sides;
                std::mem::swap(&mut old[row], &mut new[row]);
            }
        }
        calibration(&joined(&sides[1])) - calibration(&joined(&sides[0]))
    };
    let observed = exchanged(0);
    let share = |harmful: &dyn Fn(f64) -> bool| {
        (0..16)
            .filter(|&pattern| harmful(exchanged(pattern)))
            .count() as f64
            / 16.0
    };
    let (estimate, error, degrees) = jackknife(&runs, calibration, false);
    let by_error = |sign: f64| students(degrees).cdf(sign * estimate / error);
    let found = runs.compare();
    let rises = share(&|value| value >= observed - 1e-12);
    assert!(rises > by_error(-1.0), "{rises} {}", by_error(-1.0));
    for (p, exact) in [
        (found.p_harm, rises),
        (
            found.p_gain,
            share(&|value| value <= observed + 1e-12).max(by_error(1.0)),
        ),
    ] {
        // At least 50 draws exceed: 14 % is one standard error.
        assert!((p / exact - 1.0).abs() < 0.5, "{p} {exact}");
    }
}

/// A metric without limits: the jackknife must agree with the exchanges.
#[test]
fn a_calibration_error_is_held_against_its_jackknife_as_well() {
    for fall in [0.0, 0.05, 0.2] {
        let mut runs = runs(ECE, "", 120, 1, 0.0);
        for row in 0..120 {
            let spread = (row % 7) as f64 / 100.0;
            let confidence = |level: f64| ((level + spread) * f64::from(QUANTA)) as u32;
            for (outcomes, level) in [(&mut runs.old, 0.82), (&mut runs.new, 0.52 - fall)] {
                outcomes.columns[0].values[row] = u32::from(row % 10 < 7);
                outcomes.columns[1].values[row] = confidence(level);
            }
        }
        let (estimate, error, degrees) = jackknife(&runs, calibration, false);
        let p = students(degrees).cdf(-estimate / error);
        for (higher, sign) in [("", 1.0), ("direction = \"lower\"", -1.0)] {
            runs.spec = spec("", "", "alpha = 0.005", &format!("{ECE}\n{higher}"));
            let found = runs.compare();
            near(found.change, estimate);
            near(found.error, error);
            assert_eq!((found.limits(), found.p_margin), (None, None));
            assert!(!found.excludes_harm && !found.shows_harm_beyond_margin);
            let [rises, falls] = match sign > 0.0 {
                true => [found.p_harm, found.p_gain],
                false => [found.p_gain, found.p_harm],
            };
            assert!(rises >= p - 1e-9 && falls >= 1.0 - p - 1e-9);
        }
    }
}

/// Two models that are calibrated in every bin, one of which fills one bin and the other
/// fifty: chance gives the other the larger error, and that is no harm.
#[test]
fn chance_in_more_bins_is_no_harm() {
    let mut seems_worse = 0;
    let failing = (0..100).filter(|&draw| {
        let gate = spec(
            "",
            "",
            "margin = 0.001\nalpha = 0.05",
            &format!("{ECE}\nbins = 100"),
        );
        let mut runs = Runs::random(gate, 11, 400, 1, 0.0, 0.0);
        let mut stream = Stream::new(draw, "test@1", 0, "x");
        for row in 0..400 {
            let mut words = [0; 2];
            stream.fill(&mut words);
            let [sure, right] = words.map(uniform);
            let sure = 0.5 + 0.5 * sure;
            let right = u32::from(right < sure);
            for (outcomes, confidence) in [(&mut runs.old, 0.75), (&mut runs.new, sure)] {
                outcomes.columns[0].values[row] = right;
                outcomes.columns[1].values[row] = (confidence * f64::from(QUANTA)) as u32;
            }
        }
        let found = runs.compare();
        seems_worse += usize::from(found.harm_exceeds_margin);
        found.p_harm <= 0.05
    });
    // Of 100 at .05 more than 13 are seen once in 1,500 times.
    let failing = failing.count();
    assert!(
        failing <= 13 && seems_worse >= 95,
        "{failing} {seems_worse}"
    );
}

/// A model that answers all wrong, or ranks all the other way round, is beyond any margin.
#[test]
fn a_collapse_is_beyond_the_margin() {
    let found = |metric: &str, clusters: u32, other: &str| {
        let gate = format!("margin = 0.02\nalpha = 0.0025\nnull = \"margin\"\n{other}");
        let gate = spec("", "cluster = \"c\"", &gate, metric);
        let mut runs = Runs::random(gate, 5, 304, 1, 0.0, 0.0);
        runs.clusters = Some((0..304).map(|row| row % clusters).collect());
        // Of class 1 or not; of each, five rows are wrong at first.
        for (row, label) in runs.labels.iter_mut().enumerate() {
            *label = row as u32 % 2;
            let answers = if row < 10 { 1 - *label } else { *label };
            runs.old.columns[0].values[row] = answers;
            runs.new.columns[0].values[row] = 1 - *label;
        }
        if !other.is_empty() {
            std::mem::swap(&mut runs.old, &mut runs.new);
        }
        runs.compare()
    };
    for metric in [F1, AUROC] {
        let fell = found(metric, 304, "");
        near(fell.change, -294.0 / 304.0);
        assert!(fell.shows_harm_beyond_margin, "{fell:?}");
        assert!(fell.p_margin.unwrap() <= 0.0025 && fell.detectable().is_some());
        let rose = found(metric, 304, "direction = \"both\"");
        assert!(rose.shows_gain_beyond_margin && !rose.shows_harm_beyond_margin);
        assert!(rose.p_margin.unwrap() <= 0.00125);
        // Seven clusters show nothing at this alpha, nor could they: 2⁻⁷ is above it.
        let few = found(metric, 7, "");
        assert!(!few.shows_harm_beyond_margin && few.p_margin.unwrap() > 0.0025);
        assert_eq!(few.detectable(), None);
    }
}

/// The interval of one run: Wilson's, Student's t of DeLong's error, or the jackknife's,
/// within the range.
#[test]
fn a_run_has_its_own_interval() {
    let of = |runs: &Runs| {
        let spec = &runs.spec.metrics[0];
        let metric = crate::builtin::metric(spec.kind.name).unwrap();
        let columns = metric.columns(&spec.label, &spec.parameters);
        let rows = Rows::new(&runs.new, &columns, &runs.labels).unwrap();
        interval(metric, spec, &rows, runs.clusters.as_deref(), 3)
    };
    let expect = |found: Option<(f64, f64)>, expected: (f64, f64)| {
        let found = found.unwrap();
        near(found.0, expected.0);
        near(found.1, expected.1);
    };
    for (data, replicates) in [("", 1), ("", 2), ("cluster = \"c\"", 1)] {
        let ranking = runs(AUROC, data, 120, replicates, 0.0);
        let area = Area::of(&ranking, true);
        let reach = students(area.degrees).inverse_cdf(0.975) * area.error;
        expect(of(&ranking), (area.estimate - reach, area.estimate + reach));

        let mut f1 = runs(F1, data, 120, replicates, 0.1);
        let value = macro_f1(&joined(&clusters(&f1, &f1.new)));
        // Against a run that is right everywhere, whose value is 1 whoever is left out.
        for (row, class) in f1.old.columns[0].values.iter_mut().enumerate() {
            *class = f1.labels[row / replicates];
        }
        let (_, error, degrees) = jackknife(&f1, macro_f1, data.is_empty());
        let reach = students(degrees).inverse_cdf(0.975) * error;
        expect(of(&f1), (value - reach, value + reach));

        let accuracy = runs("kind = \"accuracy\"", data, 120, replicates, 0.1);
        let right: u64 = accuracy.new.columns[0]
            .values
            .iter()
            .map(|&row| u64::from(row))
            .sum();
        let proportion = wilson(right, 120, 0.05);
        let is_wilson = of(&accuracy) == Some((proportion.lower, proportion.upper));
        assert_eq!(is_wilson, replicates == 1 && data.is_empty());
    }
    // Nothing lies beyond the range of the metric.
    let mut perfect = runs(F1, "", 30, 1, 0.0);
    perfect.new.columns[0].values = perfect.labels.clone();
    assert_eq!(of(&perfect), Some((1.0, 1.0)));
    perfect.new.columns[0].values[3] = 1;
    let (low, high) = of(&perfect).unwrap();
    assert!(low < 1.0 && high == 1.0);
    assert_eq!(of(&runs(ECE, "", 60, 1, 0.0)), None);
    let slices = "kind = \"worst_slice_accuracy\"";
    assert_eq!(of(&runs(slices, "slice = \"site\"", 60, 1, 0.0)), None);
}

/// Of 20 rows of the class and 40 of the rest one that ranks last loses 40 of 800 pairs: a
/// change of exactly 0.05, to rounding. Half a pair more, a tie, is beyond it.
#[test]
fn a_change_of_exactly_the_margin_is_within_it_to_rounding() {
    let gate = spec("", "", "margin = 0.05\nalpha = 0.005", AUROC);
    let exceeds = |tied: bool, turned: bool| {
        let mut runs = Runs::random(gate.clone(), 1, 60, 1, 0.0, 0.0);
        let (old, new) = (&mut runs.old.columns[0], &mut runs.new.columns[0]);
        for column in [&mut *old, &mut *new] {
            let ranks = runs.labels.iter().map(|&known| 10 + u32::from(known == 1));
            column.values = ranks.collect();
        }
        new.values[1] = 0;
        if tied {
            // A row of the rest beside one of the class, and below all others of it.
            let class = new.values.iter_mut().filter(|rank| **rank == 11);
            class.skip(1).for_each(|rank| *rank = 12);
            new.values[0] = 11;
        }
        if turned {
            std::mem::swap(&mut runs.old, &mut runs.new);
        }
        let found = runs.compare();
        [found.harm_exceeds_margin, found.gain_exceeds_margin]
    };
    assert_eq!(exceeds(false, false), [false, false]);
    assert_eq!(exceeds(false, true), [false, false]);
    assert_eq!(exceeds(true, false), [true, false]);
    assert_eq!(exceeds(true, true), [false, true]);
}

/// Limits are those of the change, whichever direction is harm.
#[test]
fn limits_do_not_depend_on_which_direction_is_harm() {
    for metric in [F1, AUROC] {
        let limits = |direction: &str| {
            let gate = format!("margin = 0.03\nalpha = 0.05\ndirection = \"{direction}\"");
            let gate = spec("", "", &gate, metric);
            let runs = Runs::random(gate, 3, 60, 1, 0.1, 0.2);
            runs.compare().limits().unwrap()
        };
        let (lower, higher) = (limits("lower"), limits("higher"));
        near(lower.0, higher.0);
        near(lower.1, higher.1);
    }
}
