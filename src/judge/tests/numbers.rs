//! The numbers of a comparison end to end, from columns of outcomes to p-values, limits and
//! what could have been seen, against the reference file, closed forms and SciPy.

use super::super::pair::{Comparison, Decisive, smallest_bearable_margin};
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
    let bits = |of: fn(i64) -> bool| rows.iter().map(|&row| u16::from(of(row))).collect();
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
            let limits = lower_is_worse.limits.unwrap();
            assert!(close(limits.0, lower) && close(limits.1, upper), "{case}");
            // The whole distance is excluded at T(−m) ≥ z; its p is the normal tail of T.
            let score = value(key);
            assert_eq!(lower_is_worse.excludes_harm, score >= value("z"), "{case}");
            let p = lower_is_worse.p_margin.unwrap();
            assert!(close(p, normal_cdf(-score)), "{case}: {p}");
            // Where a rise is harm, b examples that rise are the same harm, and the
            // interval of the change is turned.
            let higher_is_worse = pairs(gate("higher"), c, b, n);
            assert!(close(higher_is_worse.change, -change), "{case}");
            let limits = higher_is_worse.limits.unwrap();
            assert!(close(limits.0, -upper) && close(limits.1, -lower), "{case}");
            assert_eq!(
                Comparison {
                    change,
                    error: lower_is_worse.error,
                    limits: lower_is_worse.limits,
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

#[test]
fn replicates_are_flipped_together() {
    let group = group("sign_flip_exact");
    for case in group["cases"].as_array().unwrap() {
        let each: Vec<i64> = case["d"]
            .as_array()
            .unwrap()
            .iter()
            .map(|d| d.as_i64().unwrap())
            .collect();
        let expected = case["midp_one_sided_harm"].as_f64().unwrap();
        let found = spread(accuracy("margin = 0.01"), 8, &each).compare();
        assert!(close(found.p_harm, expected), "{case}: {found:?}");
        let sum: i64 = each.iter().sum();
        assert!(near(found.change, sum as f64 / (8 * each.len()) as f64));
        // Turned, and where a rise is harm.
        let turned: Vec<i64> = each.iter().map(|d| -d).collect();
        let found = spread(accuracy("margin = 0.01"), 8, &turned).compare();
        assert!(close(found.p_gain, expected), "{case}: {found:?}");
        let higher = accuracy("margin = 0.01\ndirection = \"higher\"");
        let found = spread(higher, 8, &turned).compare();
        assert!(close(found.p_harm, expected), "{case}: {found:?}");
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

/// The reference's clusters, by the errors and degrees of freedom that know their sizes
/// (computed with NumPy and SciPy, see `stats::clustered`).
#[test]
fn clusters_of_unequal_size_have_their_error_and_limits() {
    let group = group("paired_mean_and_clusters");
    let case = &group["cluster_case"];
    let list = |key: &str| -> Vec<i64> {
        let values = case[key].as_array().unwrap().iter();
        values.map(|value| value.as_i64().unwrap()).collect()
    };
    let compare = |gate: &str, rows: &[i64], clusters: &[i64]| {
        let gate = spec("", "cluster = \"c\"", gate, ACCURACY);
        let mut runs = differing(gate, 1, rows);
        runs.clusters = Some(clusters.iter().map(|&cluster| cluster as u32).collect());
        runs.compare()
    };
    let prove = |margin: &str, rows: &[i64], clusters: &[i64]| {
        let gate = format!("margin = {margin}\nmode = \"prove\"");
        compare(&gate, rows, clusters)
    };
    // Eight clusters, which say as much as 20² / 60 of equal size: they prove nothing.
    let (rows, clusters) = (list("d"), list("cluster"));
    let found = compare("margin = 0.1\nalpha = 0.05", &rows, &clusters);
    assert!(close(found.error, 0.174_389_568_799_932_37));
    let (lower, upper) = found.limits.unwrap();
    assert!(close(lower, -0.474_067_191_197_416_97), "{lower}");
    assert!(close(upper, 0.213_209_282_662_554_34), "{upper}");
    let found = prove("0.99", &rows, &clusters);
    assert!(!found.excludes_harm && !found.excludes_gain);
    assert_eq!(found.p_margin, None);
    // Twice as many prove what the limits, −0.3541 and 0.0674, exclude.
    let others = clusters.iter().map(|cluster| cluster + 8);
    let clusters: Vec<i64> = clusters.iter().copied().chain(others).collect();
    let rows = [&rows[..], &rows].concat();
    let (lower, upper) = prove("0.1", &rows, &clusters).limits.unwrap();
    assert!(close(lower, -0.354_114_746_423_687_57), "{lower}");
    assert!(close(upper, 0.067_428_724_081_267_8), "{upper}");
    let found = prove("0.355", &rows, &clusters);
    assert!(found.excludes_harm && found.excludes_gain);
    assert!(found.p_margin.unwrap() < 0.05);
    let found = prove("0.354", &rows, &clusters);
    assert!(!found.excludes_harm && found.p_margin.unwrap() > 0.05);
    assert!(prove("0.068", &rows, &clusters).excludes_gain);
    assert!(!prove("0.067", &rows, &clusters).excludes_gain);
}

/// Eight clusters of four rows that all become wrong have a change without variance: with
/// `null = "margin"` seven of them show nothing.
#[test]
fn few_clusters_show_nothing_beyond_the_margin() {
    let found = |count: usize| {
        let gate = "margin = 0.01\nalpha = 0.05\nnull = \"margin\"";
        let gate = spec("", "cluster = \"c\"", gate, ACCURACY);
        let mut runs = differing(gate, 1, &vec![-1; 4 * count]);
        runs.clusters = Some((0..4 * count as u32).map(|row| row / 4).collect());
        let found = runs.compare();
        (found.shows_harm_beyond_margin, found.p_margin.is_some())
    };
    assert_eq!(found(8), (true, true));
    assert_eq!(found(7), (false, false));
}

/// Four examples with two replicates each.
const ROWS: [i64; 8] = [-1, 0, 0, 0, 0, 1, -1, -1];

/// statistics.md 2.3b: SE² = Σ sᵢ² / (K n²), here (½ + ½) / (2 · 16) = 1/32, with two degrees
/// of freedom; t = −¼ √32 = −√2, and t of two degrees has P(T ≤ x) = ½ + x / (2 √(2 + x²)).
#[test]
fn a_fixed_set_has_the_noise_of_its_draws_only() {
    let compare = |gate: &str| {
        let gate = spec("", EXHAUSTIVE, gate, ACCURACY);
        differing(gate, 2, &ROWS).compare()
    };
    let found = compare("margin = 0.24\nalpha = 0.05");
    assert_eq!(found.change, -0.25);
    assert!(near(found.error, f64::sqrt(1.0 / 32.0)));
    let p = 0.5 - f64::sqrt(2.0) / 4.0;
    assert!(near(found.p_harm, p) && near(found.p_gain, 1.0 - p));
    // scipy: -0.25 ∓ t.ppf(0.95, 2) * sqrt(1 / 32).
    let (lower, upper) = found.limits.unwrap();
    assert!(near(lower, -0.766_185_401_208_763_8), "{lower}");
    assert!(near(upper, 0.266_185_401_208_763_77), "{upper}");
    assert!(found.harm_exceeds_margin && !found.gain_exceeds_margin);
    assert!(!compare("margin = 0.25").harm_exceeds_margin);
    assert_eq!(found.replicate_share, None);
    let prove = |margin: &str| {
        let found = compare(&format!("margin = {margin}\nmode = \"prove\""));
        [found.excludes_harm, found.excludes_gain]
    };
    assert_eq!(prove("0.767"), [true, true]);
    assert_eq!(prove("0.766"), [false, true]);
    assert_eq!(prove("0.266"), [false, false]);
    // Against the margin: t = (0.25 − m) √32; beyond it only where U < −m.
    let margin = compare("margin = 0.01\nalpha = 0.05\nnull = \"margin\"");
    assert!(!margin.shows_harm_beyond_margin && margin.p_margin.unwrap() > 0.05);
    let margin = compare("margin = 0.01\nalpha = 0.2\nnull = \"margin\"");
    assert!(margin.shows_harm_beyond_margin && margin.p_margin.unwrap() < 0.2);
    // At alpha 0.2 the upper limit is −0.25 + 1.0607 / √32 = −0.0625: below zero, not below
    // −0.1.
    assert!(!compare("margin = 0.1\nalpha = 0.2\nnull = \"margin\"").shows_harm_beyond_margin);
    // A margin of a half is √2 standard errors off, on either side.
    let below = 0.5 + f64::sqrt(2.0) / 4.0;
    let half = |gate: &str| compare(&format!("margin = 0.5\n{gate}")).p_margin.unwrap();
    assert!(near(half("mode = \"prove\""), 1.0 - below));
    assert!(near(half("null = \"margin\""), below));
    // SciPy: (t.ppf(.95, 2) + norm.ppf(.8)) √(1/32) is seen.
    let detectable = found.detectable.unwrap();
    assert!(
        (detectable - 0.664_964_421_571).abs() < 1e-9,
        "{detectable}"
    );
    // Where a rise is harm, all of it is gain.
    let gain = compare("margin = 0.24\nalpha = 0.05\ndirection = \"higher\"");
    assert!(gain.gain_exceeds_margin && !gain.harm_exceeds_margin);
    assert!(!compare("margin = 0.25\ndirection = \"higher\"").gain_exceeds_margin);
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
    let compare = |gate: &str, n: usize, quanta: u16| {
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
    assert_eq!(compare("mode = \"prove\"", 500, 0).needed, Some(1034));
}

/// The same against the margin m of 0.02, where the scores differ too little for their error
/// to count: ((R + m) / (R + h))^n, with `R = -log(1e-3); h = 480 / 65535 * R` in Python. A
/// loss that falls is a gain of the same size, of which each side has half of alpha.
#[test]
fn what_was_not_drawn_may_keep_a_score_within_its_margin() {
    let nll = "kind = \"negative_log_likelihood\"\nmargin = 0.02";
    let one = "null = \"margin\"\nalpha = 0.05";
    let both = "null = \"margin\"\nalpha = 0.1\ndirection = \"both\"";
    let (none, harm, gain) = ([false; 2], [true, false], [false, true]);
    for (n, p, risen, fallen) in [
        (500, 0.110_442_273_530_723_92, none, none),
        (678, 0.050_407_077_511_064_38, none, none),
        (680, 0.049_964_789_272_428_33, harm, gain),
    ] {
        let low = vec![20_000; n];
        let high: Vec<u16> = (0..n).map(|row| 20_479 + 2 * (row % 2) as u16).collect();
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
    let found = |examples: usize| {
        let gate = spec(SHARED, "", "margin = 0.1\nmode = \"prove\"", ACCURACY);
        let found = differing(gate, 5, &vec![0; 5 * examples]).compare();
        (
            found.excludes_harm,
            found.excludes_gain,
            found.p_margin.is_some(),
        )
    };
    assert_eq!(found(24), (false, false, false));
    assert_eq!(found(25), (true, true, true));
    // The question about the margin in detect mode has no such floor.
    let gate = spec(SHARED, "", "margin = 0.1\nnull = \"margin\"", ACCURACY);
    let found = differing(gate.clone(), 5, &[-1; 50]).compare();
    assert!(found.shows_harm_beyond_margin && found.p_margin.is_some());
    let found = differing(gate, 5, &[1; 50]).compare();
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
    assert_eq!(found.needed, Some(1080));
    // scipy: brentq of Connor's n(d, 0.05 + d) − 1000.
    let detectable = found.detectable.unwrap();
    assert!(
        (detectable - 0.020_917_307_735_267_9).abs() < 1e-9,
        "{detectable}"
    );
    let proof = of("mode = \"prove\"", 1000);
    assert!(proof.needed.unwrap().abs_diff(3162) <= 2, "{proof:?}");
    // Against the margin (SciPy): e² = n / (n − 1) · 0.05 / n + 0.02 · 0.98 / n, and
    // 0.01 + (t.ppf(.95, 999) + norm.ppf(.8)) e; n ((that − 0.01) / 0.01)² examples.
    let margin = of("null = \"margin\"", 1000);
    let detectable = margin.detectable.unwrap();
    assert!(
        (detectable - 0.030_764_016_631_303_1).abs() < 1e-8,
        "{detectable}"
    );
    assert_eq!(margin.needed, Some(4312));
}

/// 200 examples with five replicates, of which ten examples are worse in all and ten are
/// better. SciPy: e² = 200 / 199 · 0.1 / 200 + 0.02 · 0.98 / 200, c = t.ppf(.95, 199),
/// z = norm.ppf(.8): max((c + z) e, 0.01 + z e), and
/// 200 max(((c + z) e / 0.02)², (z e / 0.01)²); to prove, 200 ((c + z) e / 0.01)².
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
    let detectable = found.detectable.unwrap();
    assert!(
        (detectable - 0.061_120_478_853_920_2).abs() < 1e-8,
        "{detectable}"
    );
    assert_eq!(found.needed, Some(1868));
    assert_eq!(of("mode = \"prove\"").needed, Some(7472));
    // Nothing that varies: to prove, z² (1 − m) / m = 267.9 are needed all the same.
    let gate = accuracy("margin = 0.01\nalpha = 0.05\nmode = \"prove\"\ndetectable_drop = 0.011");
    let found = spread(gate, 5, &[0; 100]).compare();
    assert!(found.needed.unwrap() >= 268, "{found:?}");
}

/// 200 scores, of which ten rise by 0.4 and ten fall by it. SciPy: e² = 200 / 199 · 0.1 ·
/// 0.16 / 200; a score takes no harm on top, and max((c + z) e, 0.1 + z e) is seen.
#[test]
fn what_scores_can_see_is_by_their_error() {
    let brier = "kind = \"brier_score\"\nmargin = 0.1";
    let gate = spec("", "", "alpha = 0.05", brier);
    let mut runs = Runs::random(gate, 1, 200, 1, 0.0, 0.0);
    let quanta = 13_107;
    runs.old.columns[0].values = vec![20_000; 200];
    runs.new.columns[0].values = vec![20_000; 200];
    runs.new.columns[0].values[..10].fill(20_000 + quanta);
    runs.new.columns[0].values[190..].fill(20_000 - quanta);
    let found = runs.compare();
    assert!(near(found.change, 0.0));
    assert!(near(found.error, 0.008_966_716_793_244_406), "{found:?}");
    let detectable = found.detectable.unwrap();
    assert!(
        (detectable - 0.107_546_579_248_629_3).abs() < 1e-8,
        "{detectable}"
    );
    // log(20) / log(2.2 / 2) = 31.4: harm of 0.2 in as few could be what was not drawn.
    assert_eq!(found.needed, Some(32));
    // A small harm is hidden by what was not drawn: 2 (0.05^(-1/200) − 1) + z e is seen, and
    // log(20) / log(2.02 / 2) = 301.07 see 0.02; beyond the margin itself it is
    // 2.01 · 0.05^(-1/200) − 2 + z e, and 200 ((c + z) e / 0.01)² = 1000.3.
    for (gate, seen, needed) in [
        ("", 0.037_729_386_693_567_28, 302),
        ("null = \"margin\"", 0.047_880_300_730_791_73, 1001),
    ] {
        let brier = "kind = \"brier_score\"\nmargin = 0.01";
        let mut runs = runs_of(&runs);
        runs.spec = spec("", "", &format!("alpha = 0.05\n{gate}"), brier);
        let found = runs.compare();
        assert!(near(found.detectable.unwrap(), seen), "{found:?}");
        assert_eq!(found.needed, Some(needed));
    }
    // A rise is harm.
    let risen = |quanta: u16| {
        let mut runs = runs_of(&runs);
        runs.new.columns[0].values = vec![20_000 + quanta; 200];
        let found = runs.compare();
        (found.harm_exceeds_margin, found.gain_exceeds_margin)
    };
    // 0.1 is 3276.75 quanta.
    assert_eq!(risen(3276), (false, false));
    assert_eq!(risen(3277), (true, false));
    let mut fallen = runs_of(&runs);
    fallen.new.columns[0].values = vec![20_000 - 3277; 200];
    let fallen = fallen.compare();
    assert!(fallen.gain_exceeds_margin && !fallen.harm_exceeds_margin);
}

/// The same of a score that may be below zero. The reference's error is 0.5 above its clean
/// one, so that the values are from −2 to 2 and 13,107 quanta are 0.8. SciPy: e² = 200 / 199 ·
/// 0.1 · 0.64 / 200; 0.1 + z e is seen; 4 · 0.05^(1/200) − 4 is the limit that 200 examples
/// have of a difference of at most 4, and log(20) / log(4.2 / 4) = 61.4 are needed.
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
    let (lower, upper) = found.limits.unwrap();
    assert!(near(lower, -0.059_468_156_925_088_33), "{lower}");
    assert!(near(upper, 0.059_468_156_925_088_33), "{upper}");
    let detectable = found.detectable.unwrap();
    assert!(near(detectable, 0.115_093_158_497_258_65), "{detectable}");
    assert_eq!(found.needed, Some(62));
    // A rise of 0.1 is 1638.375 quanta of 4 / 65535.
    for (quanta, beyond) in [(1638, false), (1639, true)] {
        runs.new.columns[0].values = vec![20_000 + quanta; 200];
        assert_eq!(runs.compare().harm_exceeds_margin, beyond);
    }
    let found = runs.compare();
    assert!(near(found.change, 4.0 * 1639.0 / 65_535.0), "{found:?}");
}

/// The same runs again.
fn runs_of(runs: &Runs) -> Runs {
    Runs {
        spec: runs.spec.clone(),
        labels: runs.labels.clone(),
        clusters: runs.clusters.clone(),
        slices: runs.slices.clone(),
        old: runs.old.clone(),
        new: runs.new.clone(),
    }
}

/// The mid-p value of clusters that are all harmed is 2^-(G + 1): four of them cannot reach
/// 0.01, and no number of rows in them would do.
#[test]
fn clusters_too_few_for_alpha_see_nothing() {
    let found = |clusters: u32, alpha: &str| {
        let gate = format!("margin = 0.1\nalpha = {alpha}");
        let gate = spec("", "cluster = \"c\"", &gate, ACCURACY);
        let mut rows = vec![0; 200];
        rows[..10].fill(-1);
        rows[190..].fill(1);
        let mut runs = differing(gate, 1, &rows);
        runs.clusters = Some((0..200).map(|row| row % clusters).collect());
        let found = runs.compare();
        (found.detectable.is_some(), found.needed.is_some())
    };
    assert_eq!(found(4, "0.03125"), (true, true));
    assert_eq!(found(4, "0.03"), (false, false));
    assert_eq!(found(5, "0.03"), (true, true));
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
    };
    let of = |file: &BaselineFile, gate: &str| {
        let gate = accuracy(&format!("margin = 0.01\nalpha = 0.05\n{gate}"));
        let spec = &gate.metrics[0];
        Outlook::of_retrains(spec.test.as_ref().unwrap(), file, spec)
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
        Outlook::of_retrains(test, &file, spec)
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
    let found = Outlook::of_run(test, &comparison, 1000, 5);
    assert_eq!(found.replicates, Some(13));
    assert_eq!(found.basis, Basis::Run(0.01));
    assert_eq!(
        (found.smallest, found.needed),
        (comparison.detectable, comparison.needed)
    );
    assert!(found.margin.is_some());
    // Of one slice of several, or beside retrains, the margin is not told.
    let slice = Decisive {
        name: "site = north".to_owned(),
        before: 1.0,
        after: 0.9,
        weakest: "site = north".to_owned(),
    };
    for (slice, retrains) in [(Some(slice), None), (None, Some(3))] {
        let other = Comparison {
            slice,
            retrains,
            ..comparison.clone()
        };
        assert_eq!(Outlook::of_run(test, &other, 1000, 5).margin, None);
    }
    comparison.replicate_share = None;
    assert_eq!(Outlook::of_run(test, &comparison, 1000, 5).replicates, None);
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

/// 200 examples of which 30 are worse in all of five replicates. Whole flips have a design
/// effect of 200 / 199, so that the effective counts are b = 29.85, c = 0 and n = 199, of
/// which Bonett & Price with t.ppf(.95, 199) have U = −0.10546 and P(T ≤ (d + m) / e) = 0.0482
/// and 0.0522 for m = 0.105 and 0.106 (SciPy).
#[test]
fn replicates_show_harm_beyond_the_margin_by_their_effective_counts() {
    let found = |margin: &str| {
        let mut each = vec![0; 200];
        each[..30].fill(-5);
        let gate = format!("margin = {margin}\nalpha = 0.05\nnull = \"margin\"");
        let found = spread(accuracy(&gate), 5, &each).compare();
        (found.shows_harm_beyond_margin, found.p_margin.unwrap())
    };
    let (shown, p) = found("0.105");
    assert!(shown && near(p, 0.048_233_207_481_721_61), "{p}");
    let (shown, p) = found("0.106");
    assert!(!shown && near(p, 0.052_157_904_489_197_6), "{p}");
}
