//! The numbers of a comparison end to end, from columns of outcomes to p-values, limits and
//! what could have been seen, against the reference file, closed forms and SciPy.

use super::super::pair::{Comparison, smallest_bearable_margin};
use super::super::{Basis, Outlook};
use super::{EXHAUSTIVE, Runs, SHARED, spec};
use crate::spec::{Direction, Exact, Spec, TestSpec};
use crate::stats::distribution::normal_cdf;
use crate::stats::reference::{close, group};

const ACCURACY: &str = "kind = \"accuracy\"";

fn accuracy(gate: &str) -> Spec {
    spec("", "", gate, ACCURACY)
}

fn number(text: &str) -> Exact {
    Exact::parse(text).unwrap()
}

/// The test of the first metric.
fn test_of(spec: &mut Spec) -> &mut TestSpec {
    spec.metrics[0].test.as_mut().unwrap()
}

/// Runs of `replicates` whose rows differ by these, new minus old.
fn differing(spec: Spec, replicates: usize, rows: &[i64]) -> Runs {
    let mut runs = Runs::random(spec, 1, rows.len() / replicates, replicates, 0.0, 0.0);
    let bits = |of: fn(i64) -> bool| rows.iter().map(|&row| u32::from(of(row))).collect();
    runs.old.columns[0].values = bits(|row| row <= 0);
    runs.new.columns[0].values = bits(|row| row >= 0);
    runs
}

/// One replicate: of `n` examples `fall` become wrong and `rise` right.
fn pairs(spec: Spec, fall: usize, rise: usize, n: usize) -> Comparison {
    let mut rows = vec![0; n];
    rows[..fall].fill(-1);
    rows[n - rise..].fill(1);
    differing(spec, 1, &rows).compare()
}

/// `d` of `replicates` outcomes of each example.
fn spread(spec: Spec, replicates: usize, each: &[i64]) -> Runs {
    let rows: Vec<i64> = each
        .iter()
        .flat_map(|&d| {
            let changed = d.unsigned_abs() as usize;
            (0..replicates).map(move |row| if row < changed { d.signum() } else { 0 })
        })
        .collect();
    differing(spec, replicates, &rows)
}

fn near(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-9
}

/// An alpha of the reference file as a spec writes it.
fn literal(alpha: f64) -> Exact {
    let known = [(0.05, "0.05"), (0.01, "0.01"), (0.05 / 75.0, "0.05/75")];
    let found = known
        .iter()
        .find(|(value, _)| (value - alpha).abs() < 1e-12);
    number(found.unwrap().1)
}

#[test]
fn accuracy_of_one_replicate_has_the_references_limits() {
    let group = group("tango_score_paired");
    let cases = group["cases"].as_array().unwrap();
    assert!(cases.len() > 70);
    for case in cases {
        let count = |key: &str| case[key].as_u64().unwrap() as usize;
        let value = |key: &str| case[key].as_f64().unwrap();
        let (b, c, n) = (count("b"), count("c"), count("n"));
        let (lower, upper) = (value("lower"), value("upper"));
        let change = (c as f64 - b as f64) / n as f64;
        for (margin, key) in [("0.01", "T_at_-0.01"), ("0.05", "T_at_-0.05")] {
            let gate = |direction: &str| {
                let mut spec = accuracy(&format!(
                    "margin = {margin}\nmode = \"prove\"\ndirection = \"{direction}\""
                ));
                test_of(&mut spec).alpha = literal(value("alpha_one_sided"));
                spec
            };
            let lower_is_worse = pairs(gate("lower"), b, c, n);
            assert!(close(lower_is_worse.change, change), "{case}");
            let mut detect = accuracy(&format!("margin = {margin}"));
            test_of(&mut detect).alpha = literal(value("alpha_one_sided"));
            let limits = pairs(detect, b, c, n).limits().unwrap();
            assert!(close(limits.0, lower) && close(limits.1, upper), "{case}");
            // A proof is by the normal tail of T, unless too few were drawn to tell
            // (statistics.md II.1).
            let m: f64 = margin.parse().unwrap();
            let unseen = ((1.0 - m) / (1.0 + change)).powf(n as f64).min(1.0);
            let expected = normal_cdf(-value(key)).max(unseen);
            let expected = expected.max(at_most(b.saturating_sub(c), n, m));
            let alpha = lower_is_worse.alpha_side;
            assert_eq!(lower_is_worse.excludes_harm, expected <= alpha, "{case}");
            let p = lower_is_worse.p_margin.unwrap();
            assert!(close(p, expected), "{case}: {p} {expected}");
            // A limit of a proof lies where that p is alpha.
            let limits = lower_is_worse.limits().unwrap();
            assert_eq!(limits.0 > -m, expected < alpha, "{case} {limits:?}");
            // Where a rise is harm, b examples that rise are the same harm, and the
            // interval of the change is turned.
            let higher_is_worse = pairs(gate("higher"), c, b, n);
            assert!(close(higher_is_worse.change, -change), "{case}");
            let turned = higher_is_worse.limits().unwrap();
            assert!(
                close(turned.0, -limits.1) && close(turned.1, -limits.0),
                "{case}"
            );
            assert_eq!(
                Comparison {
                    change,
                    sign: 1.0,
                    ..higher_is_worse
                },
                Comparison {
                    change,
                    ..lower_is_worse
                },
                "{case}"
            );
        }
    }
}

/// P(Bin(n, p) ≤ k), term by term.
fn at_most(k: usize, n: usize, p: f64) -> f64 {
    let (mut term, mut sum) = ((1.0 - p).powf(n as f64), 0.0);
    for i in 0..=k {
        sum += term;
        term *= (n - i) as f64 / (i + 1) as f64 * p / (1.0 - p);
    }
    sum
}

#[test]
fn accuracy_of_one_replicate_has_the_references_p() {
    let group = group("mcnemar");
    for case in group["cases"].as_array().unwrap() {
        let count = |key: &str| case[key].as_u64().unwrap() as usize;
        let (b, c) = (count("b"), count("c"));
        let expected = case["midp_one_sided_harm"].as_f64().unwrap();
        let n = b + c + 7;
        let lower = pairs(accuracy("margin = 0.01"), b, c, n);
        assert!(close(lower.p_harm, expected), "{case}");
        let turned = pairs(accuracy("margin = 0.01"), c, b, n);
        assert!(close(turned.p_gain, expected), "{case}");
        let higher = accuracy("margin = 0.01\ndirection = \"higher\"");
        let higher = pairs(higher, c, b, n);
        assert!(close(higher.p_harm, expected), "{case}");
        assert_eq!(higher.p_gain, lower.p_gain, "{case}");
        assert_eq!((lower.p_margin, lower.replicate_share), (None, None));
    }
}

/// Bonett & Price: U < −m is asked of each margin just below and just above −U.
#[test]
fn harm_beyond_the_margin_is_shown_by_the_references_limit() {
    let group = group("paired_difference_other");
    let mut asked = 0;
    for case in group["cases"].as_array().unwrap() {
        let count = |key: &str| case[key].as_u64().unwrap() as usize;
        let (b, c) = (count("b"), count("c"));
        let n = count("a") + b + c + count("d");
        let alpha = case["alpha_two_sided"].as_f64().unwrap() / 2.0;
        let lower = case["bonett_price_unclipped"][0].as_f64().unwrap();
        let upper = case["bonett_price_unclipped"][1].as_f64().unwrap();
        // The lower limit is the upper one of the runs turned.
        for (b, c, upper) in [(b, c, upper), (c, b, -lower)] {
            if !(-1.0..-1e-4).contains(&upper) {
                continue;
            }
            for (times, expected) in [(0.999, true), (1.001, false)] {
                let mut gate = accuracy("margin = 0.01\nnull = \"margin\"");
                let test = test_of(&mut gate);
                test.alpha = number(&format!("{alpha}"));
                test.margin = number(&format!("{:.12}", -upper * times));
                let found = pairs(gate.clone(), b, c, n);
                assert_eq!(found.shows_harm_beyond_margin, expected, "{case}");
                assert_eq!(found.p_margin.unwrap() < alpha, expected, "{case}");
                // Turned again, half of alpha a side: a gain of the same size.
                let test = test_of(&mut gate);
                test.alpha = number(&format!("{}", 2.0 * alpha));
                test.direction = Direction::Both;
                let found = pairs(gate, c, b, n);
                assert_eq!(found.shows_gain_beyond_margin, expected, "{case}");
                assert_eq!(found.p_margin.unwrap() < alpha, expected, "{case}");
                asked += 1;
            }
        }
    }
    assert!(asked >= 4, "{asked}");
}

/// statistics.md II.5, 4: five replicates of 200 examples, of which 1, 3, 10, 180, 5 and 1
/// change by −5, −2, −1, 0, 1 and 2 of them.
#[test]
fn replicates_have_the_designs_p_and_limits() {
    let each: Vec<i64> = [(-5, 1), (-2, 3), (-1, 10), (0, 180), (1, 5), (2, 1)]
        .into_iter()
        .flat_map(|(d, count)| vec![d; count])
        .collect();
    let turned: Vec<i64> = each.iter().map(|d| -d).collect();
    let of = |gate: &str, each: &[i64]| spread(accuracy(gate), 5, each).compare();
    let shown = of("margin = 0.01\nalpha = 0.05", &each);
    assert!(near(shown.p_harm, 0.138_533_146_54) && near(shown.p_gain, 0.995_528_466_13));
    let within = of("margin = 0.05\nmode = \"prove\"", &each);
    assert!(near(within.p_margin.unwrap(), 0.003_533_837_83) && within.excludes_harm);
    let beyond = of("margin = 0.005\nnull = \"margin\"", &each);
    assert!(near(beyond.p_margin.unwrap(), 0.312_131_950_58));
    for (alpha, lower, upper) in [
        ("0.05", -0.034_820_699_11, 0.005_383_942_43),
        ("0.0025", -0.051_879_396_93, 0.020_252_439_20),
    ] {
        let gate = format!("margin = 0.01\nalpha = {alpha}");
        let limits = of(&gate, &each).limits().unwrap();
        assert!(near(limits.0, lower) && near(limits.1, upper), "{limits:?}");
        // Where a rise is harm, the same changes turned are.
        let higher = of(&format!("{gate}\ndirection = \"higher\""), &turned);
        assert!(near(higher.p_harm, shown.p_harm) && near(higher.p_gain, shown.p_gain));
        let limits = higher.limits().unwrap();
        assert!(
            near(limits.0, -upper) && near(limits.1, -lower),
            "{limits:?}"
        );
    }
}

/// The margin is held against the change in whole rows: of 200 examples with five
/// replicates ten rows are exactly 0.01.
#[test]
fn replicates_reach_the_margin_exactly_and_do_not_exceed_it() {
    let exceeds = |harm: usize, gain: usize, direction: &str| {
        let mut each = vec![0; 200];
        each[..harm].fill(-1);
        each[200 - gain..].fill(1);
        let gate = accuracy(&format!("margin = 0.01\ndirection = \"{direction}\""));
        let found = spread(gate, 5, &each).compare();
        [found.harm_exceeds_margin, found.gain_exceeds_margin]
    };
    for (harm, gain, lower) in [
        (10, 0, [false, false]),
        (11, 0, [true, false]),
        (21, 11, [false, false]),
        (22, 11, [true, false]),
        (0, 10, [false, false]),
        (0, 11, [false, true]),
    ] {
        assert_eq!(exceeds(harm, gain, "lower"), lower);
        assert_eq!(exceeds(harm, gain, "both"), lower);
        let [harmed, gained] = lower;
        assert_eq!(exceeds(harm, gain, "higher"), [gained, harmed]);
    }
}

/// statistics.md II.5, 5: clusters of 3, 2, 4, … rows whose sums are −2, 0, 1, …; one that
/// was not drawn has four rows, which change by 1 or as is declared.
#[test]
fn clusters_have_the_designs_p() {
    let sizes = [3, 2, 4, 1, 2, 3, 1, 4];
    let sums = [-2_i64, 0, 1, -1, 0, -1, 0, -3];
    let (mut rows, mut clusters) = (Vec::new(), Vec::new());
    for (cluster, (&size, &sum)) in sizes.iter().zip(&sums).enumerate() {
        let changed = sum.unsigned_abs() as usize;
        rows.extend((0..size).map(|row| if row < changed { sum.signum() } else { 0 }));
        clusters.extend(vec![cluster as u32; size]);
    }
    let compare = |gate: &str| {
        let gate = spec("", "cluster = \"c\"", gate, ACCURACY);
        let mut runs = differing(gate, 1, &rows);
        runs.clusters = Some(clusters.clone());
        runs.compare()
    };
    let found = compare("margin = 0.1\nalpha = 0.05");
    assert!(near(found.p_harm, 8017.0 / 25_200.0), "{found:?}");
    // The error by clusters, Σ (D − n d)² / (1 − n / N) / N² with d = −6 / 20.
    let squares = sums.iter().zip(&sizes).map(|(&sum, &size)| {
        let (sum, size) = (sum as f64, size as f64);
        (sum + 0.3 * size).powi(2) / (1.0 - size / 20.0)
    });
    assert!(close(found.error, squares.sum::<f64>().sqrt() / 20.0));
    // The fourth cluster changes by 1: what is declared is not true, and nothing rests on it.
    let declared = compare("margin = 0.1\nalpha = 0.05\nlargest_change = 0.75");
    assert_eq!(declared.p_harm, found.p_harm);
    assert_eq!(declared.assumed.change, Some((0.75, 1.0)));
    assert!(declared.assumed.refuted && !found.assumed.refuted);
    let within = compare("margin = 0.1\nmode = \"prove\"").p_margin.unwrap();
    assert!(near(
        within,
        338_458_488_138_290_533.0 / 347_598_999_169_884_000.0
    ));
}

/// A cluster that was not drawn may be larger than those that were: of G clusters of four
/// rows that all become wrong, p = (n* / (n* + 4))^G, and n* is 4 or as the spec declares it.
#[test]
fn a_larger_cluster_may_not_have_been_drawn() {
    let p = |largest: Option<u64>| {
        let mut gate = spec(
            "",
            "cluster = \"c\"",
            "margin = 0.01\nalpha = 0.05",
            ACCURACY,
        );
        gate.data.largest_cluster = largest;
        let mut runs = differing(gate, 1, &[-1; 40]);
        runs.clusters = Some((0..40).map(|row| row / 4).collect());
        runs.compare().p_harm
    };
    assert!(near(p(None), 0.5_f64.powi(10)) && near(p(Some(3)), 0.5_f64.powi(10)));
    assert!(near(p(Some(12)), 0.75_f64.powi(10)));
}

/// Nine of ten examples are worse in all replicates and one is better, by more than is
/// declared: it counts twice, and P(E₁ + E₂ ≥ E₃ + … + E₁₁) = P(Bin(10, ½) ≤ 1).
#[test]
fn a_change_beyond_the_declared_one_counts() {
    let gate = accuracy("margin = 0.01\nlargest_change = 0.2");
    let found = spread(gate, 5, &[5, -5, -5, -5, -5, -5, -5, -5, -5, -5]).compare();
    assert!(near(found.p_harm, 11.0 / 1024.0), "{found:?}");
}

/// statistics.md 7: the last bit of a platform decides nothing. Of G clusters that all
/// become wrong p is 2^−G.
#[test]
fn a_p_of_exactly_alpha_shows_harm() {
    for (clusters, alpha) in [
        (3, "0.125"),
        (4, "0.0625"),
        (6, "0.015625"),
        (7, "0.0078125"),
    ] {
        let gate = format!("margin = 0.01\nalpha = {alpha}");
        let gate = spec("", "cluster = \"c\"", &gate, ACCURACY);
        let mut runs = differing(gate, 1, &vec![-1; 4 * clusters]);
        runs.clusters = Some((0..4 * clusters as u32).map(|row| row / 4).collect());
        let found = runs.compare();
        assert!(
            found.p_harm <= found.alpha_side,
            "{clusters}: {}",
            found.p_harm
        );
    }
}

/// G clusters of four rows that all become wrong: with those that were not drawn they are
/// harm beyond m with p = ((1 + m) / 2)^G, 0.065 for four and 0.033 for five.
#[test]
fn few_clusters_show_nothing_beyond_the_margin() {
    let found = |count: usize| {
        let gate = "margin = 0.01\nalpha = 0.05\nnull = \"margin\"";
        let gate = spec("", "cluster = \"c\"", gate, ACCURACY);
        let mut runs = differing(gate, 1, &vec![-1; 4 * count]);
        runs.clusters = Some((0..4 * count as u32).map(|row| row / 4).collect());
        let found = runs.compare();
        assert!(near(found.p_margin.unwrap(), 0.505_f64.powi(count as i32)));
        found.shows_harm_beyond_margin
    };
    assert!(!found(4) && found(5));
}

/// Four examples with two replicates each.
const ROWS: [i64; 8] = [-1, 0, 0, 0, 0, 1, -1, -1];

/// Of a fixed set every draw is a row of its own. By hand: three rows lose, one gains, and
/// one that was not drawn may gain, so that p is P(Γ₂ ≥ Γ₃), three heads before two tails:
/// 5/16; of gain P(Γ₄ ≥ Γ₁) = 15/16.
#[test]
fn a_fixed_set_has_the_noise_of_its_draws_only() {
    let compare = |gate: &str| {
        let gate = spec("", EXHAUSTIVE, gate, ACCURACY);
        differing(gate, 2, &ROWS).compare()
    };
    let found = compare("margin = 0.24\nalpha = 0.05");
    assert_eq!(found.change, -0.25);
    // Σ (d + ¼)² = 3.5 of eight rows, each of which counts 8/7.
    assert!(near(found.error, 0.25));
    assert!(near(found.p_harm, 5.0 / 16.0) && near(found.p_gain, 15.0 / 16.0));
    assert!(found.harm_exceeds_margin && !found.gain_exceeds_margin);
    assert!(!compare("margin = 0.25").harm_exceeds_margin);
    // Where a rise is harm, all of it is gain.
    let gain = compare("margin = 0.24\nalpha = 0.05\ndirection = \"higher\"");
    assert!(gain.gain_exceeds_margin && !gain.harm_exceeds_margin);
    assert!(near(gain.p_gain, 5.0 / 16.0));
}

/// Harm of 0.02 in both of four draws has p ≥ (1 / 1.02)⁴ = 0.92, however little varies.
#[test]
fn a_fixed_set_of_few_draws_sees_no_more_than_its_p_shows() {
    let gate = spec("", EXHAUSTIVE, "margin = 0.01\nalpha = 0.05", ACCURACY);
    let found = differing(gate, 2, &[0; 4]).compare();
    assert!(!found.sees_what_is_asked(), "{found:?}");
}

/// With one replicate of a fixed set nothing is random: the plain comparison with the margin.
#[test]
fn a_fixed_set_without_draws_is_a_plain_comparison() {
    let compare = |harm: usize| {
        let gate = spec("", EXHAUSTIVE, "margin = 0.02\nalpha = 0.0005", ACCURACY);
        pairs(gate, harm, 0, 100)
    };
    let found = compare(3);
    assert_eq!((found.p_harm, found.p_gain), (0.0, 1.0));
    assert!(found.harm_exceeds_margin);
    assert!(!compare(2).harm_exceeds_margin);
    assert!(!compare(0).harm_exceeds_margin);
    // A change of exactly the margin is neither within it for certain nor beyond it.
    let at = |harm: usize, gain: usize, question: &str| {
        let gate = format!("margin = 0.25\n{question}");
        let found = pairs(spec("", EXHAUSTIVE, &gate, ACCURACY), harm, gain, 100);
        let excludes = [found.excludes_harm, found.excludes_gain];
        let shows = [
            found.shows_harm_beyond_margin,
            found.shows_gain_beyond_margin,
        ];
        (excludes, shows)
    };
    let prove = |harm, gain| at(harm, gain, "mode = \"prove\"").0;
    assert_eq!((prove(24, 0), prove(25, 0)), ([true; 2], [false, true]));
    assert_eq!((prove(0, 24), prove(0, 25)), ([true; 2], [true, false]));
    let beyond = |harm, gain| at(harm, gain, "null = \"margin\"").1;
    let (none, harm, gain) = ([false; 2], [true, false], [false, true]);
    assert_eq!((beyond(25, 0), beyond(26, 0)), (none, harm));
    assert_eq!((beyond(0, 25), beyond(0, 26)), (none, gain));
}

/// All there are of ten scores, of which one rises by 13,107 of 65,535 quanta, which is 0.4
/// of Brier's range of 2: a change of 0.04, for certain.
#[test]
fn scores_of_a_fixed_set_are_in_the_metrics_unit() {
    let brier = "kind = \"brier_score\"\nmargin = 0.03";
    let mut runs = Runs::random(
        spec("", EXHAUSTIVE, "alpha = 0.05", brier),
        1,
        10,
        1,
        0.0,
        0.0,
    );
    runs.old.columns[0].values.fill(20_000);
    runs.new.columns[0].values.fill(20_000);
    runs.new.columns[0].values[3] += 13_107;
    let found = runs.compare();
    assert!(near(found.change, 0.04), "{found:?}");
    assert!(found.harm_exceeds_margin);
}

/// Every example is worse by h = 480 / 65535 of the range R: (R / (R + h))^n is the
/// probability that none was drawn of those that would gain R and make it up.
#[test]
fn small_harm_to_every_score_may_be_made_up_by_what_was_not_drawn() {
    let nll = "kind = \"negative_log_likelihood\"\nmargin = 0.02";
    let compare = |gate: &str, n: usize, quanta: u32| {
        let mut runs = Runs::random(spec("", "", gate, nll), 1, n, 1, 0.0, 0.0);
        runs.old.columns[0].values = vec![20_000; n];
        runs.new.columns[0].values = vec![20_000 + quanta; n];
        runs.compare()
    };
    // Python: R = -log(1e-3); h = 480 / 65535 * R; (R / (R + h))**200, and **500.
    let p = |n| compare("alpha = 0.05", n, 480).p_harm;
    assert!(near(p(200), 0.232_346_015_584_847_38), "{}", p(200));
    assert!(near(p(500), 0.026_021_844_260_698_437), "{}", p(500));
    assert!(!compare("null = \"margin\"\nalpha = 0.05", 200, 480).shows_harm_beyond_margin);
    // log(0.05) / log((R - 0.02) / R) = 1033.2 examples without a difference.
    let proven = |n| compare("mode = \"prove\"", n, 0).excludes_harm;
    assert_eq!((proven(1033), proven(1034)), (false, true));
    assert_eq!(compare("mode = \"prove\"", 500, 0).needed(), Some(1034));
}

/// The same against the margin m of 0.02: the product of (R + m) / (R + h) over the examples,
/// with `R = -log(1e-3)` and h of 479 and 481 quanta of R / 65535 in turn, in Python. A loss
/// that falls is a gain of the same size, of which each side has half of alpha.
#[test]
fn what_was_not_drawn_may_keep_a_score_within_its_margin() {
    let nll = "kind = \"negative_log_likelihood\"\nmargin = 0.02";
    let one = "null = \"margin\"\nalpha = 0.05";
    let both = "null = \"margin\"\nalpha = 0.1\ndirection = \"both\"";
    let (none, harm, gain) = ([false; 2], [true, false], [false, true]);
    for (n, p, risen, fallen) in [
        (500, 0.110_442_279_866_358_5, none, none),
        (678, 0.050_407_081_432_147, none, none),
        (680, 0.049_964_793_170_571, harm, gain),
    ] {
        let low = vec![20_000; n];
        let high: Vec<u32> = (0..n).map(|row| 20_479 + 2 * (row % 2) as u32).collect();
        for (gate, old, new, shown) in [(one, &low, &high, risen), (both, &high, &low, fallen)] {
            let mut runs = Runs::random(spec("", "", gate, nll), 1, n, 1, 0.0, 0.0);
            runs.old.columns[0].values.clone_from(old);
            runs.new.columns[0].values.clone_from(new);
            let found = runs.compare();
            let is_shown = [
                found.shows_harm_beyond_margin,
                found.shows_gain_beyond_margin,
            ];
            assert_eq!(is_shown, shown, "{n} {gate}");
            assert!(near(found.p_margin.unwrap(), p), "{found:?}");
        }
    }
}

/// One shared draw is one draw an example: the same numbers as without.
#[test]
fn a_single_shared_draw_is_no_crossed_design() {
    let of = |top: &str| {
        let mut rows = vec![0; 200];
        rows[..20].fill(-1);
        differing(
            spec(top, "", "margin = 0.01\nalpha = 0.05", ACCURACY),
            1,
            &rows,
        )
        .compare()
    };
    assert_eq!(of(SHARED), of(""));
}

/// The same rows as a sample: example means −½, 0, ½, −1 have SE² = (5/4) / 12, of which
/// 1/32 is the draws': a share of 0.3.
#[test]
fn the_share_of_the_draws_is_what_more_replicates_take_away() {
    let found = differing(accuracy("margin = 0.01"), 2, &ROWS).compare();
    assert!(near(found.error * found.error, 1.25 / 12.0));
    assert!(near(found.replicate_share.unwrap(), 0.3), "{found:?}");
    // Nothing varies; nothing but the draws varies.
    let none = differing(accuracy("margin = 0.01"), 2, &[0; 8]).compare();
    assert_eq!(none.replicate_share, None);
    let all = differing(accuracy("margin = 0.01"), 2, &[-1, 1, 1, -1, 1, -1, 0, 0]).compare();
    assert_eq!(all.error, 0.0);
    assert_eq!(all.replicate_share, None);
}

/// Of shared draws whose first makes every example wrong, all noise is of the draws: only
/// more of them would help.
#[test]
fn the_share_of_shared_draws_is_not_taken_for_small() {
    let rows: Vec<i64> = (0..500).map(|row| -i64::from(row % 5 == 0)).collect();
    let gate = spec(SHARED, "", "margin = 0.01", ACCURACY);
    let found = differing(gate, 5, &rows).compare();
    assert!(
        found.replicate_share.is_none_or(|share| share > 0.9),
        "{found:?}"
    );
}

#[test]
fn fewer_than_five_shared_draws_are_too_few() {
    let few = |top: &str, replicates: usize| {
        let gate = spec(top, "", "margin = 0.1", ACCURACY);
        let runs = Runs::random(gate, 1, 60, replicates, 0.1, 0.0);
        runs.compare().too_few_replicates
    };
    assert!(few(SHARED, 2) && few(SHARED, 4));
    assert!(!few(SHARED, 5));
    // A single one has nothing shared; draws of the examples' own are not counted.
    assert!(!few(SHARED, 1) && !few("", 4));
}

/// statistics.md 2.1: nothing is proven below z² (1 − m) / m examples, at alpha 0.05 and
/// m = 0.1 below 24.35, though nothing varies.
#[test]
fn shared_draws_prove_nothing_of_a_tiny_sample() {
    let gate = spec(SHARED, "", "margin = 0.1\nmode = \"prove\"", ACCURACY);
    let found = differing(gate, 5, &[0; 5 * 24]).compare();
    assert!(!found.excludes_harm && !found.excludes_gain, "{found:?}");
    let gate = spec(SHARED, "", "margin = 0.1\nmode = \"prove\"", ACCURACY);
    let found = differing(gate, 5, &[0; 5 * 100]).compare();
    assert!(found.excludes_harm && found.excludes_gain);
    // Of 20 examples that all changed it is (1.1 / 2)^20.
    let gate = spec(SHARED, "", "margin = 0.1\nnull = \"margin\"", ACCURACY);
    let found = differing(gate.clone(), 5, &[-1; 100]).compare();
    assert!(found.shows_harm_beyond_margin && found.p_margin.is_some());
    let found = differing(gate, 5, &[1; 100]).compare();
    assert!(found.shows_gain_beyond_margin && !found.shows_harm_beyond_margin);
}

#[test]
fn two_harmful_directions_share_alpha_unless_both_are_proven() {
    let side = |gate: &str| {
        let gate = accuracy(&format!("margin = 0.01\nalpha = 0.05\n{gate}"));
        pairs(gate, 1, 1, 100).alpha_side
    };
    assert_eq!(side(""), 0.05);
    assert_eq!(side("direction = \"higher\""), 0.05);
    assert_eq!(side("direction = \"both\""), 0.025);
    assert_eq!(side("direction = \"both\"\nmode = \"prove\""), 0.05);
}

/// statistics.md 4: 1080 examples see a drop of 2m where a churn of 5 % is there anyway, and
/// 3162 prove a margin of 0.01.
#[test]
fn what_one_replicate_can_see_is_the_designs() {
    let of = |gate: &str, n: usize| {
        let each = n / 40;
        let gate = accuracy(&format!("margin = 0.01\nalpha = 0.05\n{gate}"));
        pairs(gate, each, each, n)
    };
    let found = of("", 1000);
    assert_eq!(found.needed(), Some(1080));
    // scipy: brentq of Connor's n(d, 0.05 + d) − 1000.
    let detectable = found.detectable().unwrap();
    assert!(
        (detectable - 0.020_917_307_735_267_9).abs() < 1e-9,
        "{detectable}"
    );
    let proof = of("mode = \"prove\"", 1000);
    assert!(proof.needed().unwrap().abs_diff(3162) <= 2, "{proof:?}");
    // Against the margin, with the harm on top of the churn: 0.01 + (z_α + z_β) √((0.05 + h) /
    // 1000) = h by brentq, and (z_α + z_β)² 0.07 / 0.01² = 4327.8 examples (SciPy).
    let margin = of("null = \"margin\"", 1000);
    let detectable = margin.detectable().unwrap();
    assert!(
        (detectable - 0.032_597_929_723_058).abs() < 1e-8,
        "{detectable}"
    );
    assert_eq!(margin.needed(), Some(4328));
}

/// The detectable drop of statistics.md II.1 in Python, over the reference's own contour
/// integral: the larger of that of data moved by z_β √(SE² + h (R − h) / n) − h and of that of
/// data of which as few lose all as are drawn with probability 0.2.
fn sees(found: &Comparison, smallest: f64, needed: f64) {
    let detectable = found.detectable().unwrap();
    assert!(
        (detectable / smallest - 1.0).abs() < 1e-6,
        "{detectable} {smallest}"
    );
    let found = found.needed().unwrap() as f64;
    assert!((found - needed).abs() < 1.5, "{found} {needed}");
}

/// 200 examples with five replicates, of which ten examples are worse in all and ten are
/// better.
#[test]
fn what_replicates_can_see_has_the_harm_on_top() {
    let of = |gate: &str| {
        let mut each = vec![0; 200];
        each[..10].fill(-5);
        each[190..].fill(5);
        let gate = accuracy(&format!("margin = 0.01\nalpha = 0.05\n{gate}"));
        spread(gate, 5, &each).compare()
    };
    let found = of("");
    assert!(near(found.error, 0.022_416_791_983_111_015));
    sees(&found, 0.066_727_028_243_8, 1749.2);
    sees(&of("mode = \"prove\""), 0.061_278_072_962_2, 6385.2);
    sees(&of("null = \"margin\""), 0.078_707_258_507_6, 6786.6);
    // Nothing that varies: (1 − m)^n ≤ alpha takes 298.07 examples all the same.
    let gate = accuracy("margin = 0.01\nalpha = 0.05\nmode = \"prove\"\ndetectable_drop = 0.011");
    let found = spread(gate, 5, &[0; 100]).compare();
    assert_eq!(found.needed(), Some(299));
}

/// 200 scores, of which ten rise by 0.4 of a range of 2 and ten fall by it: e² = 200 / 199 ·
/// 0.1 · 0.16 / 200.
#[test]
fn what_scores_can_see_is_by_their_range() {
    let brier = |margin: &str, gate: &str| {
        let brier = format!("kind = \"brier_score\"\nmargin = {margin}");
        let gate = spec("", "", &format!("alpha = 0.05\n{gate}"), &brier);
        let mut runs = Runs::random(gate, 1, 200, 1, 0.0, 0.0);
        let quanta = 13_107;
        runs.old.columns[0].values = vec![20_000; 200];
        runs.new.columns[0].values = vec![20_000; 200];
        runs.new.columns[0].values[..10].fill(20_000 + quanta);
        runs.new.columns[0].values[190..].fill(20_000 - quanta);
        runs
    };
    let found = brier("0.1", "").compare();
    assert!(near(found.change, 0.0));
    assert!(near(found.error, 0.008_966_716_793_244_406), "{found:?}");
    sees(&found, 0.135_256_021_807, 66.0);
    sees(&brier("0.01", "").compare(), 0.066_752_933_008, 789.5);
    let margin = brier("0.01", "null = \"margin\"").compare();
    sees(&margin, 0.090_055_533_079, 3122.5);
    // A rise is harm, and 0.1 is 3276.75 quanta.
    let moved = |quanta: i64| {
        let mut runs = brier("0.1", "");
        runs.new.columns[0].values = vec![(20_000 + quanta) as u32; 200];
        let found = runs.compare();
        [found.harm_exceeds_margin, found.gain_exceeds_margin]
    };
    assert_eq!((moved(3276), moved(3277)), ([false; 2], [true, false]));
    assert_eq!(moved(-3277), [false, true]);
}

/// The same of a score that may be below zero. The reference's error is 0.5 above its clean
/// one, so that the values are from −2 to 2 and 13,107 quanta are 0.8. e² = 200 / 199 · 0.1 ·
/// 0.64 / 200; the limits are where the reference's p of a change of at most 4 is alpha.
#[test]
fn a_score_below_zero_is_judged_by_its_whole_range() {
    let relative = "kind = \"relative_mean_corruption_error\"\nmargin = 0.1\n\
                    reference = { gaussian_noise = 0.6, identity = 0.1 }\n\
                    [[perturbation]]\nkind = \"gaussian_noise\"\n\
                    severity = [1, 2, 3, 4, 5]\nscale = \"imagenet_c\"";
    let mut gate = spec("", "", "alpha = 0.05", relative);
    gate.metrics = gate.pooled.take().unwrap();
    assert_eq!(gate.metrics[0].kind.name, "relative_mean_corruption_error");
    let mut runs = Runs::random(gate, 1, 200, 1, 0.0, 0.0);
    runs.old.columns[0].values = vec![20_000; 200];
    runs.new.columns[0].values = vec![20_000; 200];
    runs.new.columns[0].values[..10].fill(20_000 + 13_107);
    runs.new.columns[0].values[190..].fill(20_000 - 13_107);
    let found = runs.compare();
    assert!(near(found.change, 0.0));
    assert!(near(found.error, 0.017_933_433_586_488_81), "{found:?}");
    let (lower, upper) = found.limits().unwrap();
    assert!(near(lower, -0.067_467_390_658), "{lower}");
    assert!(near(upper, 0.067_467_390_658), "{upper}");
    sees(&found, 0.156_971_110_903, 133.5);
    // A rise of 0.1 is 1638.375 quanta of 4 / 65535.
    for (quanta, beyond) in [(1638, false), (1639, true)] {
        runs.new.columns[0].values = vec![20_000 + quanta; 200];
        assert_eq!(runs.compare().harm_exceeds_margin, beyond);
    }
    let found = runs.compare();
    assert!(near(found.change, 4.0 * 1639.0 / 65_535.0), "{found:?}");
}

/// The least harm that G clusters can show is alpha^(−1/G) − 1: at alpha 0.0025 more than 1 of
/// eight, however many rows they have, and 0.349 of twenty.
#[test]
fn clusters_too_few_for_alpha_see_nothing() {
    let smallest = |clusters: u32| {
        let gate = "margin = 0.1\nalpha = 0.0025";
        let gate = spec("", "cluster = \"c\"", gate, ACCURACY);
        let mut runs = differing(gate, 1, &[0; 400]);
        runs.clusters = Some((0..400).map(|row| row % clusters).collect());
        let found = runs.compare();
        // More clusters would do.
        assert!(found.needed() > Some(400));
        found.detectable()
    };
    assert_eq!(smallest(8), None);
    assert!(smallest(20).unwrap() > 0.349);
}

/// The least n at which 2m is seen with 80 % at a churn of 5 % and the drop on top, by
/// Connor's formula in SciPy: at alpha 0.05 for m = 0.005, 0.01, …: 3707.4, 1079.9, 547.5,
/// 345.7, 186.8, 90.6, 36.5; at 0.0005: 10241.3, 2984.6, 1514.3, 957.0, 518.2, 252.6, 103.1.
#[test]
fn the_usual_margins_have_the_designs_numbers() {
    for (alpha, numbers) in [
        (0.05, [3708, 1080, 548, 346, 187, 91]),
        (0.0005, [10_242, 2985, 1515, 957, 519, 253]),
    ] {
        let usual = [0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1];
        for (place, n) in numbers.into_iter().enumerate() {
            assert_eq!(smallest_bearable_margin(n, alpha), usual[place], "{n}");
            assert_eq!(
                smallest_bearable_margin(n - 1, alpha),
                usual[place + 1],
                "{n}"
            );
        }
        assert_eq!(smallest_bearable_margin(1, alpha), 0.1);
    }
}

/// An error of 0.004 over 2000 examples, margin 0.01, alpha 0.05. SciPy: reach =
/// (norm.ppf(.95) + norm.ppf(.8)) 0.004 = 0.0099459, norm.ppf(.8) 0.004 = 0.0033665.
#[test]
fn an_outlook_is_by_the_error_of_recorded_retrains() {
    use crate::baseline::{BaselineFile, Retrain, RetrainMetric};
    let mut file = super::verdicts::accepted_file(2000);
    // Root mean square of 0.0028 and 0.0049274…: 0.004.
    let errors = [0.0028, f64::sqrt(2.0 * 1.6e-5 - 0.0028 * 0.0028)];
    let retrain = |error: f64| Retrain {
        model: crate::digest::Digest::of(b"retrain"),
        accepted: file.accepted.clone(),
        metrics: vec![
            RetrainMetric {
                identity: "other@1".to_owned(),
                value: 0.9,
                error: 1.0,
            },
            RetrainMetric {
                identity: "accuracy@1".to_owned(),
                value: 0.9,
                error,
            },
        ],
        columns: Vec::new(),
    };
    let of = |file: &BaselineFile, gate: &str| {
        let gate = accuracy(&format!("margin = 0.01\nalpha = 0.05\n{gate}"));
        let spec = &gate.metrics[0];
        Outlook::of_retrains(spec.test.as_ref().unwrap(), file, spec, &gate)
    };
    assert_eq!(of(&file, ""), None);
    file.retrains = errors.map(retrain).to_vec();
    let found = of(&file, "").unwrap();
    let Basis::Retrains(2, error) = found.basis else {
        panic!("{found:?}");
    };
    assert!(near(error, 0.004));
    let known = |found: &Outlook| {
        (
            found.smallest.unwrap(),
            found.needed.unwrap(),
            found.margin.unwrap(),
        )
    };
    let is = |found: (f64, u64, f64), expected: (f64, u64, f64)| {
        assert!(
            (found.0 - expected.0).abs() < 1e-8,
            "{found:?} {expected:?}"
        );
        assert_eq!(found.1, expected.1);
        assert!(
            (found.2 - expected.2).abs() < 1e-8,
            "{found:?} {expected:?}"
        );
    };
    // max(reach, 0.01 + 0.0033665); an error of min(0.02 / 2.4865, 0.01 / 0.84162) is
    // allowed; max(reach / 2, 0.0033665).
    is(known(&found), (0.013_366_484_934, 495, 0.004_972_949_721));
    // The margin that is proven, with the variance at the margin (statistics.md 4) and a
    // churn of 2000 · 0.004²: SciPy's brentq and norm on that formula.
    let proof = of(&file, "mode = \"prove\"").unwrap();
    is(known(&proof), (0.010_227_369_316, 2088, 0.010_227_369_316));
    // Harm of the margin or more: 0.01 + reach.
    let margin = of(&file, "null = \"margin\"").unwrap();
    is(known(&margin), (0.019_945_899_442, 1979, 0.009_945_899_442));
    // Fewer flips than the floor show nothing, however small the error: 4 of 100 at alpha
    // 0.05 (a mid-p of 2⁻⁵).
    let mut few = super::verdicts::accepted_file(100);
    few.retrains = vec![retrain(1e-9)];
    let floor = of(&few, "").unwrap().smallest.unwrap();
    assert!(near(floor, 0.04), "{floor}");
    // To prove, 268 are needed whatever the error: z² (1 − m) / m.
    let proof = of(&few, "mode = \"prove\"").unwrap();
    assert!(
        proof.smallest.unwrap() < 0.04 && proof.needed == Some(268),
        "{proof:?}"
    );
    let enough = |gate: &str, margin: &str| {
        let gate = accuracy(&format!("margin = {margin}\nalpha = 0.05\n{gate}"));
        let spec = &gate.metrics[0];
        let test = spec.test.as_ref().unwrap();
        Outlook::of_retrains(test, &file, spec, &gate)
            .unwrap()
            .is_enough(test)
    };
    // In prove mode the margin itself is asked, in detect mode the detectable drop.
    assert!(enough("mode = \"prove\"", "0.0103") && !enough("mode = \"prove\"", "0.0102"));
    assert!(enough("", "0.005") && !enough("", "0.003"));
}

/// The suggested number of replicates: an error of 0.01 of which 0.6 of the square is the
/// draws', at five; allowed is 0.0080435 (SciPy, as above), whose square is 0.64698 of it:
/// 5 · 0.6 / (0.64698 − 0.4) = 12.15.
#[test]
fn an_outlook_of_a_run_suggests_replicates() {
    let mut gate = accuracy("margin = 0.01\nalpha = 0.05");
    let mut comparison = pairs(gate.clone(), 25, 25, 1000);
    comparison.error = 0.01;
    comparison.replicate_share = Some(0.6);
    let test = test_of(&mut gate);
    let found = Outlook::of_run(test, &comparison, 5);
    assert_eq!(found.replicates, Some(13));
    assert_eq!(found.basis, Basis::Run(0.01));
    assert_eq!(
        (found.smallest, found.needed),
        (comparison.detectable(), comparison.needed())
    );
    assert!(found.margin.is_some());
    // Beside retrains the margin is not told.
    let other = Comparison {
        retrains: Some(3),
        ..comparison.clone()
    };
    assert_eq!(Outlook::of_run(test, &other, 5).margin, None);
    comparison.replicate_share = None;
    assert_eq!(Outlook::of_run(test, &comparison, 5).replicates, None);
}

/// statistics.md 1.3: 3092 examples see 2m beyond the margin at a churn of 5 %. With 1000 it
/// is 0.01 + (norm.ppf(.95) + norm.ppf(.8)) sqrt(.05 / 1000) that is seen (SciPy).
#[test]
fn an_assumed_churn_has_the_designs_number_beyond_the_margin() {
    let mut gate = accuracy("margin = 0.01\nalpha = 0.05\nnull = \"margin\"");
    let found = Outlook::assumed(test_of(&mut gate), 1000, 0.05);
    assert_eq!(found.needed, Some(3092));
    let smallest = found.smallest.unwrap();
    assert!((smallest - 0.027_582_032).abs() < 1e-8, "{smallest}");
    assert_eq!(
        (found.replicates, found.basis),
        (None, Basis::Assumed(0.05))
    );
}

/// 200 examples of which 30 are worse in all of five replicates (the reference's contour
/// integral in Python).
#[test]
fn replicates_show_harm_beyond_the_margin() {
    let found = |margin: &str| {
        let mut each = vec![0; 200];
        each[..30].fill(-5);
        let gate = format!("margin = {margin}\nalpha = 0.05\nnull = \"margin\"");
        let found = spread(accuracy(&gate), 5, &each).compare();
        (found.shows_harm_beyond_margin, found.p_margin.unwrap())
    };
    let (shown, p) = found("0.1");
    assert!(shown && near(p, 0.034_326_013_489_9), "{p}");
    let (shown, p) = found("0.105");
    assert!(!shown && near(p, 0.055_324_025_083_7), "{p}");
}
