//! Metrics of all rows together, against their definitions written out: every cluster left
//! out in turn, every exchange of records, every pair of rows.

use statrs::distribution::{ContinuousCDF, Normal, StudentsT};

use super::super::pair::Comparison;
use super::super::whole::interval;
use super::{Runs, spec};
use crate::metric::Rows;
use crate::outcome::{Outcomes, QUANTA};
use crate::stats::proportion::wilson;

const F1: &str = "kind = \"macro_f1\"";
const AUROC: &str = "kind = \"auroc\"";
const ECE: &str = "kind = \"expected_calibration_error\"\nmargin = 0.05";

/// A metric as its definition has it, of the labels and the columns' values of some rows.
type Definition = fn(&[(u16, Vec<u16>)]) -> f64;

fn macro_f1(rows: &[(u16, Vec<u16>)]) -> f64 {
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

fn auroc(rows: &[(u16, Vec<u16>)]) -> f64 {
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
fn ranked(positive: u16, negative: u16) -> f64 {
    match positive.cmp(&negative) {
        std::cmp::Ordering::Greater => 1.0,
        std::cmp::Ordering::Equal => 0.5,
        std::cmp::Ordering::Less => 0.0,
    }
}

fn calibration(rows: &[(u16, Vec<u16>)]) -> f64 {
    let mut bins = [0.0; 15];
    for (_, row) in rows {
        let confidence = f64::from(row[1]) / f64::from(QUANTA);
        let bin = (confidence * 15.0).ceil().max(1.0) as usize - 1;
        bins[bin] += f64::from(row[0]) - confidence;
    }
    bins.iter().map(|sum| sum.abs()).sum::<f64>() / rows.len() as f64
}

/// The rows of each cluster.
fn clusters(runs: &Runs, outcomes: &Outcomes) -> Vec<Vec<(u16, Vec<u16>)>> {
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

fn joined(clusters: &[Vec<(u16, Vec<u16>)>]) -> Vec<(u16, Vec<u16>)> {
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

/// Obuchowski's (1997) standard error of the change of an area, or of the new run's own: over
/// all pairs of rows, by cluster; DeLong's where a cluster is one row.
fn area_error(runs: &Runs, own: bool) -> f64 {
    let both = [clusters(runs, &runs.old), clusters(runs, &runs.new)];
    let [old, new] = both.each_ref().map(|clusters| {
        let rows = joined(clusters);
        let area = auroc(&rows);
        let part = |row: &(u16, Vec<u16>)| {
            let others = rows.iter().filter(|other| (other.0 == 1) != (row.0 == 1));
            let placed: Vec<f64> = others
                .map(|other| match row.0 {
                    1 => ranked(row.1[0], other.1[0]),
                    _ => ranked(other.1[0], row.1[0]),
                })
                .collect();
            placed.iter().sum::<f64>() / placed.len() as f64 - area
        };
        let sums = clusters.iter().map(|rows| {
            let of = |class: bool| {
                let rows = rows.iter().filter(|row| (row.0 == 1) == class);
                rows.map(part).sum::<f64>()
            };
            [of(false), of(true)]
        });
        sums.collect::<Vec<_>>()
    });
    let held = |class: bool| {
        let holds = |rows: &&Vec<(u16, Vec<u16>)>| rows.iter().any(|row| (row.0 == 1) == class);
        both[0].iter().filter(holds).count() as f64
    };
    let rows = joined(&both[0]);
    let size = |class: bool| rows.iter().filter(|row| (row.0 == 1) == class).count() as f64;
    let factor = |count: f64| count / (count - 1.0);
    let (mut negatives, mut positives, mut mixed) = (0.0, 0.0, 0.0);
    for (old, new) in old.iter().zip(&new) {
        let from = if own { [0.0; 2] } else { *old };
        let [q, p] = [new[0] - from[0], new[1] - from[1]];
        negatives += q * q;
        positives += p * p;
        mixed += 2.0 * p * q;
    }
    let variance = factor(held(true)) * positives / size(true).powi(2)
        + factor(held(false)) * negatives / size(false).powi(2)
        + factor(both[0].len() as f64) * mixed / (size(true) * size(false));
    variance.sqrt()
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

/// statrs has the normal distribution to about 1e-8.
fn same_p(found: Option<f64>, enough: bool, expected: f64) {
    assert_eq!(found.is_some(), enough);
    if let Some(found) = found {
        assert!(
            (found - expected).abs() <= 1e-6 * expected,
            "{found} {expected}"
        );
    }
}

/// Checks limits, p-values about the margin and what could be seen against an estimate
/// with an error and a distribution, in every question.
fn check(
    runs: &mut Runs,
    metric: &str,
    (estimate, error): (f64, f64),
    quantile: impl Fn(f64) -> f64,
    below: impl Fn(f64) -> f64,
) {
    let count = effective_clusters(runs);
    let data = if runs.clusters.is_some() {
        "cluster = \"c\""
    } else {
        ""
    };
    let mut ask = |gate: &str| -> Comparison {
        let gate = format!("alpha = 0.005\n{gate}");
        runs.spec = spec("", data, &gate, metric);
        runs.compare()
    };
    let normal = Normal::standard();
    let (z_power, z) = (normal.inverse_cdf(0.8), normal.inverse_cdf(0.995));
    let critical = quantile(0.995);
    let enough = |margin: f64| count >= z * z * (1.0 - margin) / margin;
    for higher in ["", "direction = \"higher\"\n"] {
        let sign = if higher.is_empty() { 1.0 } else { -1.0 };
        let found = ask(&format!("margin = 0.03\n{higher}"));
        near(found.change, estimate);
        near(found.error, error);
        let (lower, upper) = found.limits.unwrap();
        near(lower, estimate - critical * error);
        near(upper, estimate + critical * error);
        let detectable = found.detectable.unwrap();
        near(
            detectable,
            ((critical + z_power) * error).max(0.03 + z_power * error),
        );
        let harm = -sign * estimate;
        assert_eq!(found.harm_exceeds_margin, harm > 0.03);
        assert_eq!(found.gain_exceeds_margin, -harm > 0.03);

        // Margins about each limit of the harm, and about the estimate.
        let reach = critical * error;
        for margin in [harm - reach, harm, harm + reach].map(f64::abs) {
            for margin in [margin - 0.002, margin + 0.002] {
                if margin <= 0.0 {
                    continue;
                }
                let proof = ask(&format!("margin = {margin:.9}\nmode = \"prove\"\n{higher}"));
                same_p(
                    proof.p_margin,
                    enough(margin),
                    below((harm - margin) / error),
                );
                assert_eq!(proof.excludes_harm, enough(margin) && harm + reach < margin);
                assert_eq!(proof.excludes_gain, enough(margin) && reach - harm < margin);
                let beyond = ask(&format!(
                    "margin = {margin:.9}\nnull = \"margin\"\n{higher}"
                ));
                // However few the margin's n, once exchanging records shows harm as well.
                let p = below((margin - harm) / error).max(beyond.p_harm);
                same_p(beyond.p_margin, true, p);
                let shown = beyond.p_harm <= 0.005;
                assert_eq!(
                    beyond.shows_harm_beyond_margin,
                    shown && harm - reach > margin
                );
                let shown = beyond.p_gain <= 0.005;
                assert_eq!(
                    beyond.shows_gain_beyond_margin,
                    shown && harm + reach < -margin
                );
                assert_eq!(beyond.harm_exceeds_margin, harm > margin);
                assert_eq!(beyond.gain_exceeds_margin, -harm > margin);
            }
        }
    }
}

fn runs(metric: &str, data: &str, examples: usize, replicates: usize, harm: f64) -> Runs {
    let gate = spec("", data, "margin = 0.03\nalpha = 0.005", metric);
    let mut runs = Runs::random(gate, 11, examples, replicates, 0.06, harm);
    runs.clusters = (!data.is_empty()).then(|| (0..examples as u32).map(|i| i / 4).collect());
    runs
}

#[test]
fn a_macro_f1_has_the_jackknifes_limits_within_classes() {
    for (data, replicates) in [("", 1), ("", 2), ("cluster = \"c\"", 1)] {
        let mut runs = runs(F1, data, 160, replicates, 0.15);
        let (estimate, error, degrees) = jackknife(&runs, macro_f1, data.is_empty());
        assert!(estimate < -0.03);
        let t = students(degrees);
        check(
            &mut runs,
            F1,
            (estimate, error),
            |p| t.inverse_cdf(p),
            |x| t.cdf(x),
        );
    }
}

#[test]
fn a_ranking_has_delongs_limits() {
    for (data, replicates) in [("", 1), ("", 2), ("cluster = \"c\"", 1)] {
        let mut runs = runs(AUROC, data, 160, replicates, 0.0);
        // Few scores, so that there are ties; a share of the class falls to the end.
        for column in [&mut runs.old.columns[0], &mut runs.new.columns[0]] {
            let scores = column.values.iter_mut();
            scores.for_each(|score| *score -= *score % 4_096);
        }
        for example in (1..160).step_by(12) {
            runs.new.columns[0].values[example * replicates] = 0;
        }
        let change = {
            let rows = |outcomes| joined(&clusters(&runs, outcomes));
            auroc(&rows(&runs.new)) - auroc(&rows(&runs.old))
        };
        assert!(change < -0.03);
        let error = area_error(&runs, false);
        let normal = Normal::standard();
        check(
            &mut runs,
            AUROC,
            (change, error),
            |p| normal.inverse_cdf(p),
            |x| normal.cdf(x),
        );
    }
}

/// Thirteen clusters of 1, 3, 5, … rows say as much as 9.8 of equal size.
#[test]
fn clusters_of_unequal_size_have_fewer_degrees_of_freedom() {
    for metric in [F1, ECE] {
        let mut runs = runs(metric, "cluster = \"c\"", 169, 1, 0.15);
        runs.clusters = Some((0..169).map(|row: u32| row.isqrt()).collect());
        let of = if metric == F1 { macro_f1 } else { calibration };
        let (estimate, error, degrees) = jackknife(&runs, of, false);
        near(degrees, 169.0_f64.powi(2) / 2925.0 - 1.0);
        let t = students(degrees);
        if metric == F1 {
            let of = (estimate, error);
            check(&mut runs, F1, of, |p| t.inverse_cdf(p), |x| t.cdf(x));
        } else {
            let found = runs.compare();
            let [rises, falls] = [t.cdf(-estimate / error), t.cdf(estimate / error)];
            assert!(found.p_harm >= rises - 1e-9 && found.p_gain >= falls - 1e-9);
        }
    }
}

/// The bias-corrected and accelerated limits of a change of macro F1 at alpha .05, from
/// 4,000 draws within classes of our own.
fn accelerated(runs: &Runs) -> (f64, f64) {
    let both = [clusters(runs, &runs.old), clusters(runs, &runs.new)];
    let mut stream = crate::seed::Stream::new(5, "test@1", 0, "");
    let mut values: Vec<f64> = (0..4_000)
        .map(|_| {
            let drawn: Vec<usize> = (0..200)
                .map(|row| {
                    // Of the same class: labels are 0, 1, 2, 0, ….
                    let class: usize = row % 3;
                    let count = (200_usize - class).div_ceil(3) as u64;
                    class + 3 * stream.below(count) as usize
                })
                .collect();
            let value = |clusters: &Vec<Vec<(u16, Vec<u16>)>>| {
                let rows: Vec<_> = drawn.iter().map(|&row| clusters[row].clone()).collect();
                macro_f1(&joined(&rows))
            };
            value(&both[1]) - value(&both[0])
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let (change, left_out) = left_out(runs, macro_f1);
    let (mut squares, mut cubes) = (0.0, 0.0);
    for class in 0..3 {
        let own = left_out.iter().skip(class).step_by(3);
        let mean = own.clone().sum::<f64>() / own.len() as f64;
        squares += own.clone().map(|value| (mean - value).powi(2)).sum::<f64>();
        cubes += own.map(|value| (mean - value).powi(3)).sum::<f64>();
    }
    let acceleration = cubes / (6.0 * squares.powf(1.5));
    let below = |slack: f64| values.partition_point(|&value| value < change + slack) as f64;
    let normal = Normal::standard();
    let bias = normal.inverse_cdf((below(-1e-12) + below(1e-12)) / 8_000.0);
    let limit = |p: f64| {
        let z = bias + normal.inverse_cdf(p);
        let share = normal.cdf(bias + z / (1.0 - acceleration * z));
        values[(share * 4_000.0) as usize]
    };
    (limit(0.05), limit(0.95))
}

/// With at least 20 of the 1,999 bootstrap values beyond them limits are the wider ones of
/// the bootstrap and the jackknife's t, and p-values about the margin the larger ones; those
/// of a smaller alpha are the jackknife's alone.
#[test]
fn a_larger_alpha_has_the_wider_limits_of_bootstrap_and_jackknife() {
    // Many changes; and one row in fifty becomes wrong, and none right: skewed.
    let many = runs(F1, "", 200, 1, 0.1);
    let mut few = runs(F1, "", 200, 1, 0.0);
    for row in 0..200 {
        let label = few.labels[row];
        few.old.columns[0].values[row] = label;
        few.new.columns[0].values[row] = (label + u16::from(row % 50 == 7)) % 3;
    }
    for (mut runs, skewed) in [(many, false), (few, true)] {
        let (change, error, degrees) = jackknife(&runs, macro_f1, true);
        let t = students(degrees);
        let (low, high) = accelerated(&runs);
        for (written, bootstrap) in [("0.05", true), ("0.011", true), ("0.01", false)] {
            let mut ask = |gate: &str| {
                let gate = format!("margin = 0.03\nalpha = {written}\n{gate}");
                runs.spec = spec("", "", &gate, F1);
                runs.compare()
            };
            let alpha: f64 = written.parse().unwrap();
            let reach = t.inverse_cdf(1.0 - alpha) * error;
            let (lower, upper) = ask("").limits.unwrap();
            // statrs has Student's t to about 1e-9.
            assert!(lower < change - reach + 1e-8 && upper > change + reach - 1e-8);
            if !bootstrap {
                near(lower, change - reach);
                near(upper, change + reach);
            }
            // A quantile of 1,999 values is known to a tenth of the error.
            if written == "0.05" {
                assert!((lower - low.min(change - reach)).abs() < 0.2 * error);
                assert!((upper - high.max(change + reach)).abs() < 0.2 * error);
            }
            if bootstrap && skewed {
                // A longer tail of harm.
                assert!(
                    lower < change - reach - 0.1 * error,
                    "{lower} {change} {reach}"
                );
                near(upper, change + reach);
            }
            let proof = ask("mode = \"prove\"");
            let p = t.cdf((-0.03 - change) / error);
            if let Some(found) = proof.p_margin {
                assert!(found >= p - 1e-9);
                assert_eq!(found <= alpha, lower > -0.03);
            }
            let beyond = ask("null = \"margin\"");
            let p = t.cdf((change + 0.03) / error);
            let found = beyond.p_margin.unwrap();
            assert!(found >= p - 1e-9);
            assert_eq!(
                beyond.shows_harm_beyond_margin,
                upper < -0.03 && beyond.p_harm <= alpha
            );
        }
    }
}

/// Ten rows that changed have 1,024 exchanges, of which the share at least as harmful is the
/// p-value.
#[test]
fn every_exchange_of_records_counts() {
    for (metric, of, replicates) in [
        (F1, macro_f1 as Definition, 2),
        (AUROC, auroc as Definition, 1),
    ] {
        let mut runs = runs(metric, "", 60, replicates, 0.0);
        runs.new.columns = runs.old.columns.clone();
        let values = &mut runs.new.columns[0].values;
        for (index, example) in (3..60).step_by(6).enumerate() {
            let row = example * replicates;
            values[row] = match metric {
                F1 if index < 7 => (values[row] + 1) % 3,
                F1 => (example % 3) as u16,
                _ if index < 7 => 30_000_u16.saturating_add(values[row]),
                _ => 0,
            };
        }
        let both = [clusters(&runs, &runs.old), clusters(&runs, &runs.new)];
        let changed: Vec<usize> = (0..60).filter(|&i| both[0][i] != both[1][i]).collect();
        let count = changed.len();
        assert!((6..=10).contains(&count), "{count}");
        let exchanged = |pattern: usize| {
            let mut sides = both.clone();
            for (bit, &row) in changed.iter().enumerate() {
                if pattern >> bit & 1 == 1 {
                    let [old, new] = &mut sides;
                    std::mem::swap(&mut old[row], &mut new[row]);
                }
            }
            of(&joined(&sides[1])) - of(&joined(&sides[0]))
        };
        let observed = exchanged(0);
        let share = |harmful: &dyn Fn(f64) -> bool| {
            let found = (0..1 << count).filter(|&pattern| harmful(exchanged(pattern)));
            found.count() as f64 / f64::from(1 << count)
        };
        let found = runs.compare();
        for (p, exact) in [
            (found.p_harm, share(&|value| value <= observed + 1e-12)),
            (found.p_gain, share(&|value| value >= observed - 1e-12)),
        ] {
            // At least 50 draws exceed: 14 % is one standard error.
            assert!((p / exact - 1.0).abs() < 0.5, "{metric}: {p} {exact}");
        }
    }
}

/// A metric without limits: the jackknife must agree with the exchanges.
#[test]
fn a_calibration_error_is_held_against_its_jackknife_as_well() {
    for fall in [0.0, 0.05, 0.2] {
        let mut runs = runs(ECE, "", 120, 1, 0.0);
        for row in 0..120 {
            let spread = (row % 7) as f64 / 100.0;
            let confidence = |level: f64| ((level + spread) * f64::from(QUANTA)) as u16;
            for (outcomes, level) in [(&mut runs.old, 0.82), (&mut runs.new, 0.52 - fall)] {
                outcomes.columns[0].values[row] = u16::from(row % 10 < 7);
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
            assert_eq!((found.limits, found.p_margin), (None, None));
            assert!(!found.excludes_harm && !found.shows_harm_beyond_margin);
            let [rises, falls] = match sign > 0.0 {
                true => [found.p_harm, found.p_gain],
                false => [found.p_gain, found.p_harm],
            };
            assert!(rises >= p - 1e-9 && falls >= 1.0 - p - 1e-9);
            if fall > 0.0 {
                near(falls, 1.0 - p);
            }
        }
    }
}

/// Fewer than eight clusters, or fewer than z² (1 − m) / m, prove and show nothing.
#[test]
fn too_few_clusters_have_limits_that_prove_nothing() {
    let found = |clusters: u32, margin: &str, gate: &str| {
        let gate = format!("margin = {margin}\nalpha = 0.05\n{gate}");
        let gate = spec("", "cluster = \"c\"", &gate, F1);
        let mut runs = Runs::random(gate, 3, 240, 1, 0.0, 0.0);
        runs.clusters = Some((0..240).map(|row| row % clusters).collect());
        runs.compare()
    };
    // 1.6449² · 0.8 / 0.2 = 10.8; of 0.5 it is 2.7.
    for (clusters, margin, enough) in [
        (7, "0.5", false),
        (8, "0.5", true),
        (10, "0.2", false),
        (12, "0.2", true),
    ] {
        let proof = found(clusters, margin, "mode = \"prove\"");
        assert_eq!(proof.excludes_harm, enough, "{clusters} {margin}");
        assert_eq!(proof.p_margin.is_some(), enough, "{clusters} {margin}");
    }
}

/// A model that answers all wrong, or ranks all the other way round, is beyond any
/// margin, also where so few rows could not prove that margin: 7.88 · 0.98 / 0.02 = 386.
#[test]
fn a_collapse_is_beyond_the_margin() {
    let found = |metric: &str, clusters: u32, other: &str| {
        let gate = format!("margin = 0.02\nalpha = 0.0025\nnull = \"margin\"\n{other}");
        let gate = spec("", "cluster = \"c\"", &gate, metric);
        let mut runs = Runs::random(gate, 5, 304, 1, 0.0, 0.0);
        runs.clusters = Some((0..304).map(|row| row % clusters).collect());
        // Of class 1 or not; of each, five rows are wrong at first.
        for (row, label) in runs.labels.iter_mut().enumerate() {
            *label = row as u16 % 2;
            let sure = |class: u16| class * if metric == AUROC { 50_000 } else { 1 };
            let answers = if row < 10 { 1 - *label } else { *label };
            runs.old.columns[0].values[row] = sure(answers);
            runs.new.columns[0].values[row] = sure(1 - *label);
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
        assert!(fell.p_margin.unwrap() <= 0.0025 && fell.detectable.is_some());
        let rose = found(metric, 304, "direction = \"both\"");
        assert!(rose.shows_gain_beyond_margin && !rose.shows_harm_beyond_margin);
        assert!(rose.p_margin.unwrap() <= 0.00125);
        // Seven clusters, and eight at this alpha (2^-8 is above it), show nothing ever.
        let few = found(metric, 7, "");
        assert!(!few.shows_harm_beyond_margin, "{few:?}");
        assert_eq!(
            (few.p_margin, few.detectable, few.needed),
            (None, None, None)
        );
        let few = found(metric, 8, "");
        assert!(!few.shows_harm_beyond_margin && few.p_margin.unwrap() > 0.0025);
        assert_eq!((few.detectable, few.needed), (None, None));
    }
}

/// The interval of one run: Wilson's, DeLong's, or the jackknife's, within the range.
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
    let normal = Normal::standard();
    for (data, replicates) in [("", 1), ("", 2), ("cluster = \"c\"", 1)] {
        let ranking = runs(AUROC, data, 120, replicates, 0.0);
        let area = auroc(&joined(&clusters(&ranking, &ranking.new)));
        let reach = normal.inverse_cdf(0.975) * area_error(&ranking, true);
        expect(of(&ranking), (area - reach, area + reach));

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
            let ranks = runs.labels.iter().map(|&known| 10 + u16::from(known == 1));
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

/// Limits by the bootstrap are those of the change, whichever direction is harm.
#[test]
fn the_bootstraps_limits_do_not_depend_on_which_direction_is_harm() {
    let limits = |direction: &str| {
        let gate = format!("margin = 0.03\nalpha = 0.05\ndirection = \"{direction}\"");
        let gate = spec("", "", &gate, F1);
        Runs::random(gate, 3, 60, 1, 0.1, 0.2)
            .compare()
            .limits
            .unwrap()
    };
    let (lower, higher) = (limits("lower"), limits("higher"));
    near(lower.0, higher.0);
    near(lower.1, higher.1);
}

/// Seven clusters show nothing about a margin, and so see nothing of it.
#[test]
fn too_few_clusters_see_nothing_beyond_the_margin() {
    let found = |clusters: u32| {
        let gate = "margin = 0.03\nalpha = 0.05\nnull = \"margin\"";
        let gate = spec("", "cluster = \"c\"", gate, F1);
        let mut runs = Runs::random(gate, 1, 120, 1, 0.1, 0.1);
        runs.clusters = Some((0..120).map(|row| row % clusters).collect());
        let found = runs.compare();
        (found.detectable.is_some(), found.needed.is_some())
    };
    assert_eq!(found(7), (false, false));
    assert_eq!(found(8), (true, true));
}
