//! Comparisons over outcomes by hand, with specs as users write them.

mod changed;
mod numbers;
mod table;
mod verdicts;
mod whole;

use std::sync::Arc;

use proptest::prelude::*;

use super::compare::compare;
use super::pair::{Comparison, Design, Pair};
use crate::metric::Rows;
use crate::outcome::{Column, Outcomes, Per};
use crate::seed::Stream;
use crate::spec::{Source, Spec, Suite, parse_spec};
use crate::stats::power::Test;

/// A spec with these lines of `[gate]`, `[[metric]]` and at the top.
fn spec(top: &str, data: &str, gate: &str, metric: &str) -> Spec {
    let text = format!(
        "schema = 1\nseed = 1\n{top}\n[model]\nonnx = \"m.onnx\"\ngives = \"logits\"\n\
         [data]\npath = \"d.npz\"\ninputs = \"x\"\nlabels = \"y\"\n{data}\n\
         [gate]\n{gate}\n[[perturbation]]\nkind = \"identity\"\n[[metric]]\n{metric}\n"
    );
    let source = Arc::new(Source {
        path: "test.toml".to_owned(),
        text,
    });
    parse_spec(
        "test",
        &source,
        &Suite::default(),
        &crate::builtin::catalogue(),
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

/// Two runs of one metric.
struct Runs {
    spec: Spec,
    labels: Vec<u32>,
    clusters: Option<Vec<u32>>,
    slices: Option<Vec<u32>>,
    old: Outcomes,
    new: Outcomes,
}

impl Runs {
    /// `examples` of three classes with `replicates`, in which a share `churn` of
    /// each run's values is drawn anew, and of the new one's a share `harm` is the
    /// worst.
    fn random(
        spec: Spec,
        seed: u64,
        examples: usize,
        replicates: usize,
        churn: f64,
        harm: f64,
    ) -> Self {
        let mut stream = Stream::new(seed, "test@1", 0, "");
        let metric = &spec.metrics[0];
        let columns = crate::builtin::metric(metric.kind.name)
            .unwrap()
            .columns(&metric.label, &metric.parameters);
        let labels: Vec<u32> = (0..examples).map(|example| (example % 3) as u32).collect();
        let mut chance = |share: f64| stream.below(1_000_000) < (share * 1e6) as u64;
        let mut draw = Stream::new(seed, "test@2", 0, "");
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for spec in columns {
            let rows = match spec.per {
                Per::Replicate => examples * replicates,
                Per::Example => examples,
            };
            let top = match spec.name.as_str() {
                "correct" => 2,
                "class" => 3,
                _ => 65_536,
            };
            let bad = u32::from(metric.kind.better == crate::catalogue::Better::Lower) * 65_535;
            let truth: Vec<u32> = (0..rows)
                .map(|row| match spec.name.as_str() {
                    "class" if !chance(0.2) => labels[row * examples / rows],
                    "correct" if !chance(0.2) => 1,
                    "rank_1" if labels[row * examples / rows] == 1 => {
                        20_000 + draw.below(40_000) as u32
                    }
                    "rank_1" => draw.below(40_000) as u32,
                    _ => draw.below(top) as u32,
                })
                .collect();
            let mut run = |harm: f64| -> Vec<u32> {
                truth
                    .iter()
                    .map(|&value| match (chance(churn), chance(harm)) {
                        (_, true) => bad,
                        (true, _) => draw.below(top) as u32,
                        _ => value,
                    })
                    .collect()
            };
            let [before, after] = [0.0, harm].map(&mut run);
            old.push(Column {
                spec: spec.clone(),
                values: before,
            });
            new.push(Column {
                spec,
                values: after,
            });
        }
        let outcomes = |columns| Outcomes {
            examples,
            replicates,
            columns,
        };
        Self {
            labels,
            clusters: None,
            slices: spec
                .data
                .slice
                .is_some()
                .then(|| (0..examples as u32).map(|i| i % 2).collect()),
            old: outcomes(old),
            new: outcomes(new),
            spec,
        }
    }

    fn compare(&self) -> Comparison {
        let spec = &self.spec.metrics[0];
        let metric = crate::builtin::metric(spec.kind.name).unwrap();
        let columns = metric.columns(&spec.label, &spec.parameters);
        let rows = |outcomes| {
            let rows = Rows::new(outcomes, &columns, &self.labels).unwrap();
            rows.with_slices(self.slices.as_deref())
        };
        compare(&Pair {
            metric,
            spec,
            test: spec.test.as_ref().unwrap(),
            design: Design::of(&self.spec),
            old: &rows(&self.old),
            new: &rows(&self.new),
            is_drawn: self.new.replicates > 1,
            clusters: self.clusters.as_deref(),
            slices: &["north".to_owned(), "south".to_owned()],
            slice_array: self.spec.data.slice.as_deref(),
            classes: 3,
        })
    }
}

const SHARED: &str = "seed_scope = \"shared\"";
const EXHAUSTIVE: &str = "examples = \"exhaustive\"";

/// Every way in which a comparison is made: top, data, metric, clusters.
const SLICES: &str = "kind = \"worst_slice_accuracy\"";
const SITE: &str = "slice = \"site\"";
const EXHAUSTIVE_SITE: &str = "slice = \"site\"\nexamples = \"exhaustive\"";
const FORMS: [(&str, &str, &str, usize, bool); 15] = [
    ("", "", "kind = \"accuracy\"", 1, false),
    ("", "", "kind = \"accuracy\"", 3, false),
    ("", "cluster = \"c\"", "kind = \"accuracy\"", 1, true),
    ("", "", "kind = \"brier_score\"\nmargin = 0.1", 1, false),
    (SHARED, "", "kind = \"accuracy\"", 5, false),
    ("", EXHAUSTIVE, "kind = \"accuracy\"", 4, false),
    ("", "", "kind = \"macro_f1\"", 1, false),
    ("", "", "kind = \"macro_f1\"\nalpha = 0.005", 1, false),
    ("", "cluster = \"c\"", "kind = \"macro_f1\"", 2, true),
    ("", "", "kind = \"auroc\"", 2, false),
    ("", "cluster = \"c\"", "kind = \"auroc\"", 1, true),
    ("", SITE, SLICES, 1, false),
    ("", SITE, SLICES, 3, false),
    (SHARED, SITE, SLICES, 5, false),
    ("", EXHAUSTIVE_SITE, SLICES, 3, false),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn what_is_shown_about_the_margin_agrees_with_the_limits(
        seed in any::<u64>(), form in 0..FORMS.len(), proves in any::<bool>(),
        either in any::<bool>(),
        examples in 60usize..300, churn in 0.0..0.2f64, harm in 0.0..0.3f64,
    ) {
        let (top, data, metric, replicates, clustered) = FORMS[form];
        let both = either && !proves;
        let question = match (proves, both) {
            (true, _) => "mode = \"prove\"",
            (_, true) => "null = \"margin\"\nalpha = 0.05\ndirection = \"both\"",
            (_, false) => "null = \"margin\"\nalpha = 0.05",
        };
        let spec = spec(top, data, &format!("margin = 0.1\n{question}"), metric);
        let mut runs = Runs::random(spec, seed, examples, replicates, churn, harm);
        if both && seed % 2 == 0 {
            std::mem::swap(&mut runs.old, &mut runs.new);
        }
        runs.clusters = clustered.then(|| (0..examples as u32).map(|i| i / 4).collect());
        let found = runs.compare();
        let alpha = found.alpha_side;
        let shown = match proves {
            true => found.excludes_harm,
            false => found.shows_harm_beyond_margin || both && found.shows_gain_beyond_margin,
        };
        let p = found.p_margin.unwrap();
        prop_assert!((0.0..=1.0).contains(&p));
        prop_assert_eq!(p <= alpha, shown, "{:?}", found);
        // Limits that are printed do not contradict what is said to be proven.
        let (low, high) = found.limits().unwrap();
        let (low, high) = if found.sign > 0.0 { (low, high) } else { (-high, -low) };
        if shown && proves {
            prop_assert!(low > -0.1 - 1e-9, "{} {:?}", low, found);
        }
        if shown && !proves {
            prop_assert!(high < -0.1 + 1e-9 || both && low > 0.1 - 1e-9, "{} {} {:?}", low, high, found);
        }
    }
}

#[test]
fn only_a_question_about_the_margin_has_that_p_value() {
    for (gate, expected) in [
        ("margin = 0.1", false),
        ("margin = 0.1\nmode = \"prove\"", true),
        ("margin = 0.1\nnull = \"margin\"", true),
    ] {
        let spec = spec("", "", gate, "kind = \"accuracy\"");
        let found = Runs::random(spec, 1, 200, 1, 0.1, 0.0).compare();
        assert_eq!(found.p_margin.is_some(), expected, "{gate}");
    }
}

/// Slices by hand: of `each` slice's rows the first `harm` become wrong.
fn slices(gate: &str, each: &[(usize, usize)]) -> Comparison {
    let spec = spec(
        "",
        "slice = \"site\"",
        gate,
        "kind = \"worst_slice_accuracy\"",
    );
    let rows: usize = each.iter().map(|slice| slice.0).sum();
    let mut runs = Runs::random(spec, 1, rows, 1, 0.0, 0.0);
    let (mut of, mut after) = (Vec::new(), Vec::new());
    for (number, &(rows, harm)) in each.iter().enumerate() {
        of.extend(vec![number as u32; rows]);
        after.extend((0..rows).map(|row| u32::from(row >= harm)));
    }
    runs.slices = Some(of);
    runs.old.columns[0].values.fill(1);
    runs.new.columns[0].values = after;
    runs.compare()
}

#[test]
fn one_harmed_slice_is_harm_and_is_named() {
    let found = slices("margin = 0.05\nalpha = 0.01", &[(400, 0), (200, 24)]);
    let slice = found.slice.clone().unwrap();
    assert_eq!(
        (slice.name.as_str(), slice.before, slice.after),
        ("site = south", 1.0, 0.88)
    );
    // 24 harms without a gain have a mid-p of 2⁻²⁵; there are two slices.
    assert!((found.p_harm - 2.0 * 0.5_f64.powi(25)).abs() < 1e-12);
    assert!(found.harm_exceeds_margin && (found.change + 0.12).abs() < 1e-12);
    // Small slices see less.
    assert_eq!(found.weakest(), Some("site = south"));
    // What it needs is told in examples of all slices, of which it has a third.
    let alone = Test {
        alpha: 0.005,
        power: 0.8,
        margin: 0.05,
    };
    let needed = 3.0 * alone.pairs_needed(0.1, 0.12 + 0.1).unwrap();
    assert_eq!(found.needed(), Some(needed.ceil() as u64));
}

#[test]
fn a_slice_within_the_margin_and_a_noisy_one_beyond_it_are_no_regression() {
    // North is harmed for certain, by less than the margin; south by more, and
    // not for certain.
    let found = slices("margin = 0.05\nalpha = 0.01", &[(1000, 20), (40, 3)]);
    assert!(
        found.p_harm <= 0.01 && !found.harm_exceeds_margin,
        "{found:?}"
    );
    assert_eq!(found.slice.unwrap().name, "site = north");
}

#[test]
fn the_slice_that_fails_is_named_before_one_that_is_more_certain() {
    // North is harmed for certain within the margin; south less certainly, beyond it.
    let each = [(1000, 40), (100, 16)];
    let found = |gate: &str| slices(&format!("margin = 0.05\nalpha = 0.01\n{gate}"), &each);
    let named = |found: &Comparison| found.slice.as_ref().unwrap().name.clone();
    let failed = found("");
    assert!(named(&failed) == "site = south" && failed.harm_exceeds_margin);
    // The p that is shown is of that slice: 2⁻¹⁷ of one of two, and not north's 2⁻⁴¹.
    assert!(
        (failed.p_harm / 0.5_f64.powi(16) - 1.0).abs() < 1e-9,
        "{failed:?}"
    );
    assert_eq!(named(&found("mode = \"prove\"")), "site = south");
    // 60 of 200 are more than a margin of 0.05 for certain, 50 of 1000 are not.
    let found = slices(
        "margin = 0.05\nalpha = 0.01\nnull = \"margin\"",
        &[(1000, 50), (200, 60)],
    );
    assert!(found.shows_harm_beyond_margin);
    assert_eq!(found.slice.unwrap().name, "site = south");
}

/// Under `both` a gain beyond the margin fails, though another slice is harmed within it.
#[test]
fn a_gain_beyond_the_margin_is_seen_beside_harm_within_it() {
    let gate = "margin = 0.05\nalpha = 0.01\ndirection = \"both\"";
    let mut runs = Runs::random(spec("", SITE, gate, SLICES), 1, 1200, 1, 0.0, 0.0);
    // Of 1000 rows in the north 20 become wrong, of 200 in the south 40 become right.
    runs.slices = Some((0..1200).map(|row| u32::from(row >= 1000)).collect());
    runs.old.columns[0].values = (0..1200).map(|row| u32::from(row < 1160)).collect();
    runs.new.columns[0].values = (0..1200).map(|row| u32::from(row >= 20)).collect();
    let found = runs.compare();
    assert!(
        found.p_gain <= found.alpha_side && found.gain_exceeds_margin,
        "{found:?}"
    );
    assert_eq!(found.slice.unwrap().name, "site = south");
}

/// Each slice is its own rows, replicates and clusters, at its share of alpha.
#[test]
fn a_slice_is_judged_as_its_rows_alone_are() {
    for (clustered, harm) in [(false, 0.0), (true, 0.0), (false, 0.5), (true, 0.5)] {
        let of = |metric: &str, alpha: &str| {
            let clusters = if clustered { "cluster = \"c\"" } else { "" };
            let data = format!("slice = \"site\"\n{clusters}");
            spec(
                "",
                &data,
                &format!("margin = 0.03\nalpha = {alpha}"),
                metric,
            )
        };
        let mut runs = Runs::random(of(SLICES, "0.02"), 4, 240, 2, 0.15, harm);
        // The first 80 are north, and neighbours are of one cluster.
        runs.slices = Some((0..240).map(|row| u32::from(row >= 80)).collect());
        runs.clusters = clustered.then(|| (0..240).map(|row| row / 5).collect());
        // Gain where there is no harm.
        if harm == 0.0 {
            runs.old.columns[0].values[100..400].fill(0);
            runs.new.columns[0].values.fill(1);
        }
        let found = runs.compare();
        let alone = [0..80, 80..240].map(|rows: std::ops::Range<usize>| {
            let part = |outcomes: &Outcomes| {
                let mut part = outcomes.clone();
                part.examples = rows.len();
                part.columns[0].values =
                    outcomes.columns[0].values[2 * rows.start..2 * rows.end].to_vec();
                part
            };
            let clusters = runs.clusters.as_ref();
            let runs = Runs {
                spec: of("kind = \"accuracy\"", "0.01"),
                labels: runs.labels[rows.clone()].to_vec(),
                clusters: clusters.map(|all| {
                    let first = all[rows.start];
                    all[rows.clone()].iter().map(|own| own - first).collect()
                }),
                slices: None,
                old: part(&runs.old),
                new: part(&runs.new),
            };
            runs.compare()
        });
        // Of one of two slices, which is named, are all numbers that are shown.
        let slice = found.slice.clone().unwrap();
        let decisive = &alone[usize::from(slice.name == "site = south")];
        assert_eq!(found.p_harm, (2.0 * decisive.p_harm).min(1.0));
        assert_eq!(found.p_gain, (2.0 * decisive.p_gain).min(1.0));
        assert_eq!(found.change, decisive.change);
        assert_eq!(found.error, decisive.error);
        assert_eq!(found.limits(), decisive.limits());
        let shown = |p: fn(&Comparison) -> f64, beyond: fn(&Comparison) -> bool| {
            alone.iter().any(|one| 2.0 * p(one) <= 0.02 && beyond(one))
        };
        let harmed = shown(|one| one.p_harm, |one| one.harm_exceeds_margin);
        let gained = shown(|one| one.p_gain, |one| one.gain_exceeds_margin);
        assert!(if harm > 0.0 { harmed } else { gained });
        assert_eq!(found.p_harm <= 0.02 && found.harm_exceeds_margin, harmed);
        assert_eq!(found.p_gain <= 0.02 && found.gain_exceeds_margin, gained);
        // What can be seen is what the slice that sees least sees.
        let seen = alone.each_ref().map(Comparison::detectable);
        let weakest = usize::from(seen[1].unwrap_or(1.0) >= seen[0].unwrap_or(1.0));
        assert_eq!(found.detectable(), seen[weakest]);
        let names = ["site = north", "site = south"];
        assert_eq!(found.weakest(), Some(names[weakest]));
    }
    // A gain beyond the margin that is not certain is none.
    let mut runs = Runs::random(
        spec("", SITE, "margin = 0.05\nalpha = 0.01", SLICES),
        1,
        40,
        1,
        0.0,
        0.0,
    );
    runs.old.columns[0].values.fill(1);
    runs.old.columns[0].values[..6].fill(0);
    runs.new.columns[0].values.fill(1);
    assert!(runs.compare().p_gain > 0.01);
}

#[test]
fn every_slice_must_be_proven_at_alpha_itself() {
    let gate = "margin = 0.05\nmode = \"prove\"";
    // 0.95^59 is below alpha, 0.95^58 is not; at half of alpha 72 would be needed.
    assert!(slices(gate, &[(400, 0), (59, 0)]).excludes_harm);
    let found = slices(gate, &[(400, 0), (58, 0)]);
    assert!(!found.excludes_harm);
    assert_eq!(found.slice.unwrap().name, "site = south");
}

#[test]
fn nothing_changed_and_small_slices_are_defined() {
    for each in [
        vec![(1, 0), (1, 1)],
        vec![(3, 3), (2, 2)],
        vec![(50, 0), (50, 0)],
    ] {
        for gate in [
            "margin = 0.05",
            "margin = 0.05\nmode = \"prove\"",
            "margin = 0.05\nnull = \"margin\"",
        ] {
            let found = slices(gate, &each);
            let (low, high) = found.limits().unwrap();
            assert!(
                low <= found.change + 1e-12 && found.change <= high + 1e-12,
                "{found:?}"
            );
            assert!((0.0..=1.0).contains(&found.p_harm) && found.p_gain <= 1.0);
        }
    }
}

#[test]
fn a_whole_metric_without_change_shows_nothing() {
    for metric in [
        "kind = \"auroc\"",
        "kind = \"macro_f1\"",
        "kind = \"adaptive_calibration_error\"",
        "kind = \"classwise_calibration_error\"\nclasses = 3",
    ] {
        let spec = spec("", "", "margin = 0.05", metric);
        let found = Runs::random(spec, 3, 60, 2, 0.0, 0.0).compare();
        assert_eq!(
            (found.change, found.p_harm, found.p_gain),
            (0.0, 1.0, 1.0),
            "{metric}"
        );
        assert!(found.error.abs() < 1e-12, "{metric}: {found:?}");
    }
}

#[test]
fn harm_to_a_ranking_and_to_a_calibration_is_seen() {
    for (metric, margin) in [
        ("kind = \"auroc\"", "0.01"),
        ("kind = \"adaptive_calibration_error\"", "0.01"),
        (
            "kind = \"classwise_calibration_error\"\nclasses = 3",
            "0.01",
        ),
    ] {
        let spec = spec("", "", &format!("margin = {margin}"), metric);
        let mut runs = Runs::random(spec, 3, 600, 1, 0.0, 0.0);
        // Confidences on class 1 where it is true, then all at one value.
        for column in &mut runs.old.columns {
            for (example, value) in column.values.iter_mut().enumerate() {
                let right = runs.labels[example] == 1;
                *value = match column.spec.name.as_str() {
                    "correct" => 1,
                    "confidence" => 60_000,
                    "rank_1" => {
                        if right {
                            50_000 + example as u32
                        } else {
                            example as u32
                        }
                    }
                    _ => 20_000,
                };
            }
        }
        runs.new = runs.old.clone();
        for column in &mut runs.new.columns {
            let flat = match column.spec.name.as_str() {
                "correct" => 1,
                "confidence" => 40_000,
                _ => 30_000,
            };
            column.values.fill(flat);
        }
        let found = runs.compare();
        assert!(
            found.p_harm < 0.001 && found.harm_exceeds_margin,
            "{metric}: {found:?}"
        );
        assert!(found.p_gain > 0.5, "{metric}: {found:?}");
    }
}

/// Run by hand: `cargo test --lib -- --ignored --nocapture how_long`.
#[test]
#[ignore = "a measurement"]
fn how_long_a_large_set_takes() {
    for metric in [
        "kind = \"auroc\"",
        "kind = \"adaptive_calibration_error\"",
        "kind = \"expected_calibration_error\"",
        "kind = \"classwise_calibration_error\"\nclasses = 10",
        "kind = \"macro_f1\"",
    ] {
        for (harm, replicates) in [(0.0, 1), (0.0, 5), (0.002, 1), (0.05, 1)] {
            let spec = spec("", "", "margin = 0.01\nalpha = 0.0005", metric);
            let runs = Runs::random(spec, 5, 10_000, replicates, 0.3, harm);
            let clock = std::time::Instant::now();
            let found = runs.compare();
            println!(
                "{metric:?} replicates {replicates}, harm {harm}: p {:.4}, {:.2} s",
                found.p_harm,
                clock.elapsed().as_secs_f64()
            );
        }
    }
}
