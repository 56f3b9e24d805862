//! Data that changed between a baseline and a run (statistics.md II.3): rows that are gone,
//! other labels, clusters and slices.

use proptest::prelude::*;
use serde_json::json;

use super::spec;
use super::verdicts::{
    ACCURACY, DETECT, EXAMPLES, baseline, case, case_of, correct, run, scores, wrong,
};
use crate::baseline::{Anchor, BaselineFile, Common, ExamplesSeen, Lookup, References};
use crate::digest::Digest;
use crate::judge::{Judgement, judge};
use crate::measure::wanted_columns;
use crate::outcome::{Column, ColumnSpec};
use crate::record::{Run, Slices};
use crate::spec::{Case, CriticalSpec, Null, Question};
use crate::verdict::{Status, Verdict};

/// A baseline that knows its examples by `e0`, `e1`, ….
fn remembered(case: &Case, old: &Run) -> BaselineFile {
    let mut file = baseline(case, old, 1);
    file.examples = Some(ExamplesSeen {
        all: None,
        ids: (0..old.outcomes.examples)
            .map(|row| format!("e{row}"))
            .collect(),
        each: Vec::new(),
    });
    file
}

/// The run of data without the rows `gone`, and what it has in common with those before.
fn without(new: &Run, gone: &[usize]) -> (Run, Common) {
    let all = new.outcomes.examples;
    let named = Run {
        ids: Some((0..all).map(|row| format!("e{row}")).collect()),
        ..new.clone()
    };
    let old: Vec<usize> = (0..all).filter(|row| !gone.contains(row)).collect();
    let mut kept = named.examples_at(&old);
    kept.identity.inputs["data"]["digest"] = json!("sha256:other");
    kept.identity.inputs_digest = Digest::of_json(&kept.identity.inputs);
    let common = Common {
        new: (0..old.len()).collect(),
        old,
        vanished: gone.to_vec(),
    };
    (kept, common)
}

/// Judges a run of data without the rows `gone` against a baseline that has them.
fn judged(case: &Case, old: &Run, new: &Run, gone: &[usize]) -> Judgement {
    let (run, common) = without(new, gone);
    let references = References {
        baseline: Lookup::Found(Box::new(remembered(case, old))),
        common: Some(common),
        anchor: Anchor::None,
    };
    judge(case, &run, &references)
}

fn verdict(found: &Judgement) -> (Verdict, Status) {
    (found.verdict, found.status)
}

const STALE: (Verdict, Status) = (Verdict::Stale, Status::Fail);

fn rows(range: std::ops::Range<usize>) -> Vec<usize> {
    range.collect()
}

/// Of 1000 six became wrong, within the margin of 0.01. With five that were right they are
/// eleven, beyond it; with four exactly the margin.
#[test]
fn rows_that_are_gone_count_as_wrong() {
    let gate = case(DETECT);
    let found = |old, gone: Vec<usize>| judged(&gate, &wrong("old", old), &wrong("new", 6), &gone);
    assert_eq!(
        verdict(&found(0, rows(996..1000))),
        (Verdict::Degraded, Status::Warn)
    );
    let stale = found(0, rows(995..1000));
    assert_eq!(verdict(&stale), STALE);
    assert_eq!(
        stale.metrics[0].rule,
        "5 examples of the baseline's 1000 are gone or changed, of which 5 were right; counted as wrong they are harm beyond the margin. Restore them, or bless the new data with the old model first: cargo steadfast bless test::identity --reason \"…\""
    );
    let dropped = stale.dropped.unwrap();
    assert_eq!((dropped.right, dropped.of), (Some(5), EXAMPLES));
    assert_eq!(dropped.ids, ["e995", "e996", "e997", "e998", "e999"]);
    // Those that were wrong in the baseline cost nothing.
    let found = found(6, rows(0..6));
    assert_eq!(verdict(&found), (Verdict::Equivalent, Status::Pass));
    assert_eq!(found.dropped.unwrap().right, Some(0));
}

/// Where rows are gone a proof must hold with them as wrong, too.
#[test]
fn a_proof_without_some_rows_is_one_with_them_as_wrong() {
    let gate = case("margin = 0.01\nmode = \"prove\"");
    let found = |gone| {
        verdict(&judged(
            &gate,
            &wrong("old", 0),
            &wrong("new", 0),
            &rows(0..gone),
        ))
    };
    // P(Bin(1000, 0.01) ≤ k) is 0.029 for four and 0.066 for five.
    assert_eq!(found(4), (Verdict::Equivalent, Status::Pass));
    assert_eq!(found(5), STALE);
}

#[test]
fn fewer_than_95_percent_of_the_rows_are_stale() {
    let gate = case(DETECT);
    let found = |gone| judged(&gate, &wrong("old", 60), &wrong("new", 60), &rows(0..gone));
    assert_eq!(verdict(&found(50)), (Verdict::Equivalent, Status::Pass));
    let few = found(51);
    assert_eq!(verdict(&few), STALE);
    assert!(
        few.notes[0].contains("949 of the baseline's 1000 examples"),
        "{few:?}"
    );
}

/// Every form of a mean, with one harmful direction and two.
const FORMS: [(&str, &str, &str, usize); 6] = [
    ("", DETECT, ACCURACY, 1),
    ("", DETECT, ACCURACY, 3),
    ("", "margin = 0.01\nmode = \"prove\"", ACCURACY, 1),
    (
        "",
        "alpha = 0.05\ndirection = \"both\"",
        "kind = \"accuracy\"\nmargin = 0.01",
        1,
    ),
    (
        "",
        "alpha = 0.05",
        "kind = \"brier_score\"\nmargin = 0.05",
        1,
    ),
    (
        "slice = \"site\"",
        DETECT,
        "kind = \"worst_slice_accuracy\"",
        1,
    ),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    /// What fails with all rows never passes without the newly wrong ones, nor without any
    /// others.
    #[test]
    fn deleting_rows_never_turns_a_failure_by_harm_into_a_pass(
        form in 0..FORMS.len(), harm in 4usize..60, gain in 0usize..12,
        exactly in any::<bool>(), more in prop::collection::vec(0usize..600, 0..20),
    ) {
        let (data, gate, metric, replicates) = FORMS[form];
        let case = case_of(spec("", data, gate, metric));
        let is_score = metric.contains("brier");
        // Rows up to `harm` become wrong, or have a score that is 1.5 worse; others gain.
        let of = |model: &str, bad: std::ops::Range<usize>| {
            let mut found = if is_score {
                let quanta = (0..600).map(|row| if bad.contains(&row) { 50_000 } else { 1_000 });
                scores(model, quanta.collect())
            } else {
                let each = (0..600 * replicates).map(|row| u32::from(!bad.contains(&(row / replicates))));
                run(model, 600, replicates, vec![correct(each.collect())])
            };
            found.slices = (!data.is_empty()).then(|| Slices {
                of: (0..600).map(|row| row % 2).collect(),
                names: vec!["north".to_owned(), "south".to_owned()],
            });
            found
        };
        let (old, new) = (of("old", 600 - gain..600), of("new", 0..harm));
        let file = Lookup::Found(Box::new(remembered(&case, &old)));
        let whole = judge(&case, &new, &References::baseline(file));
        prop_assume!(whole.status == Status::Fail && whole.verdict != Verdict::Improved);
        let mut gone = rows(0..harm);
        if !exactly {
            gone.extend(&more);
            gone.retain(|row| row % 3 != 1 || *row > harm);
        }
        gone.sort_unstable();
        gone.dedup();
        let found = judged(&case, &old, &new, &gone);
        prop_assert_eq!(found.status, Status::Fail, "{:?}", found);
    }
}

/// Equal answers are not identical, nor is a gain shown: the rows that are gone may have
/// been chosen.
#[test]
fn where_rows_are_gone_nothing_is_identical_or_improved() {
    let gate = case(DETECT);
    let found = |old, new| judged(&gate, &wrong("old", old), &wrong("new", new), &[999]);
    assert_eq!(verdict(&found(9, 9)), (Verdict::Equivalent, Status::Pass));
    let gained = found(30, 0);
    assert_eq!(
        verdict(&gained),
        (Verdict::NonInferior, Status::Pass),
        "{gained:?}"
    );
    assert!(!gained.is_gain);
    // An equal model of which 39 newly wrong rows were taken out.
    let shift = |model: &str, from: usize| {
        let values = (0..EXAMPLES).map(|row| u32::from(!(from..from + 39).contains(&row)));
        run(model, EXAMPLES, 1, vec![correct(values.collect())])
    };
    let found = judged(&gate, &shift("old", 0), &shift("new", 100), &rows(100..139));
    assert_ne!(found.verdict, Verdict::Improved);
    // Additions alone cost nothing.
    let references = References {
        baseline: Lookup::Found(Box::new(remembered(&gate, &wrong("old", 9)))),
        common: Some(without(&wrong("old", 9), &[]).1),
        anchor: Anchor::None,
    };
    let mut grown = wrong("new", 9);
    grown.outcomes.examples += 1;
    for column in &mut grown.outcomes.columns {
        column.values.push(0);
    }
    grown.identity.inputs_digest = Digest::of(b"other");
    assert_eq!(
        verdict(&judge(&gate, &grown, &references)),
        (Verdict::Identical, Status::Pass)
    );
}

/// Under `both` a gain beyond the margin fails, and rows that became right may be gone.
#[test]
fn where_either_change_fails_rows_that_are_gone_count_as_right_as_well() {
    let found = |more: &str| {
        let gate = case(&format!("{DETECT}\n{more}"));
        // 20 became right: without eleven of them nine of 989 are within the margin.
        judged(&gate, &wrong("old", 20), &wrong("new", 0), &rows(0..11))
    };
    let both = found("direction = \"both\"");
    assert_eq!(verdict(&both), STALE);
    let rule = &both.metrics[0].rule;
    assert!(
        rule.contains("counted as right they are a change beyond the margin"),
        "{rule}"
    );
    assert_eq!(found("").status, Status::Pass);
    // What was wrong and is gone is no harm.
    let harm = "direction = \"both\"";
    let gate = case(&format!("{DETECT}\n{harm}"));
    let found = judged(&gate, &wrong("old", 0), &wrong("new", 0), &rows(0..11));
    assert_eq!(verdict(&found), STALE);
    let rule = &found.metrics[0].rule;
    assert!(rule.contains("counted as wrong they are harm"), "{rule}");
}

/// Where a rise is harm, it is rows that became right that may be gone.
#[test]
fn where_a_rise_is_harm_rows_that_are_gone_count_as_right() {
    let gate = case(&format!("{DETECT}\ndirection = \"higher\""));
    let (old, new) = (wrong("old", 20), wrong("new", 0));
    let whole = judged(&gate, &old, &new, &[]);
    assert_eq!(verdict(&whole), (Verdict::Regressed, Status::Fail));
    assert_eq!(verdict(&judged(&gate, &old, &new, &rows(0..11))), STALE);
}

/// A run of a metric whose columns all hold the same, with labels 0 and 1 in turn.
fn plain(case: &Case, model: &str) -> Run {
    let columns = wanted_columns(case).into_iter().map(|spec| Column {
        spec,
        values: vec![1; 200],
    });
    let mut found = run(model, 200, 1, columns.collect());
    let labels = found.outcomes.columns.last_mut().unwrap();
    labels.values = (0..200).map(|row| row % 2).collect();
    found
}

#[test]
fn a_metric_of_all_rows_is_stale_where_any_is_gone() {
    for metric in [
        "kind = \"auroc\"",
        "kind = \"macro_f1\"",
        "kind = \"expected_calibration_error\"",
        "kind = \"adaptive_calibration_error\"",
    ] {
        let gate = case_of(spec("", "", "margin = 0.1\nalpha = 0.05", metric));
        let (old, new) = (plain(&gate, "old"), plain(&gate, "new"));
        let found = judged(&gate, &old, &new, &[7]);
        assert_eq!(verdict(&found), STALE, "{metric}");
        let rule = &found.metrics[0].rule;
        assert!(
            rule.starts_with("1 example of the baseline's 200 is gone"),
            "{rule}"
        );
        // With another label it is there, and is judged by that of the baseline.
        let mut relabelled = new;
        relabelled.outcomes.columns.last_mut().unwrap().values[7] = 0;
        let found = judged(&gate, &old, &relabelled, &[]);
        assert_eq!(
            verdict(&found),
            (Verdict::Identical, Status::Pass),
            "{metric}"
        );
    }
}

#[test]
fn a_critical_example_that_is_gone_is_critical() {
    let critical = |examples: &[&str], slices: &[&str], gone: usize| {
        let mut spec = spec("", "slice = \"site\"", DETECT, ACCURACY);
        let owned = |of: &[&str]| of.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        spec.critical = Some(CriticalSpec {
            examples: owned(examples),
            slices: owned(slices),
        });
        let with_slices = |mut run: Run| {
            run.slices = Some(Slices {
                of: (0..EXAMPLES).map(|row| u32::from(row >= 500)).collect(),
                names: owned(&["day", "night"]),
            });
            run
        };
        let (old, new) = (with_slices(wrong("old", 0)), with_slices(wrong("new", 0)));
        let found = judged(&case_of(spec), &old, &new, &[gone]);
        (found.verdict, found.notes)
    };
    let gone = |row: usize| {
        let note = format!("critical examples are gone, or their inputs or labels changed: e{row}");
        (Verdict::Critical, vec![note])
    };
    assert_eq!(critical(&["e3"], &[], 3), gone(3));
    assert_eq!(critical(&["e3"], &[], 4).0, Verdict::Equivalent);
    assert_eq!(critical(&[], &["night"], 700), gone(700));
    assert_eq!(critical(&[], &["night"], 300).0, Verdict::Equivalent);
}

/// A run that is right but for the first `errors`, of which the first `renamed` have the
/// label that it gives.
fn relabelled(model: &str, errors: usize, renamed: usize) -> Run {
    let class = (0..EXAMPLES).map(|row| u32::from(row < errors));
    let right = (0..EXAMPLES).map(|row| u32::from(row >= errors || row < renamed));
    let class = Column {
        spec: ColumnSpec::class(),
        values: class.collect(),
    };
    let mut found = run(model, EXAMPLES, 1, vec![class, correct(right.collect())]);
    let labels = found.outcomes.columns.last_mut().unwrap();
    labels.values[..renamed].fill(1);
    found
}

/// Labels of the data now do not excuse, and do not accuse.
#[test]
fn other_labels_are_judged_by_the_baselines() {
    let gate = case(DETECT);
    let found = |errors, renamed| {
        let new = relabelled("new", errors, renamed);
        judged(&gate, &relabelled("old", 0, 0), &new, &[])
    };
    let excused = found(20, 20);
    assert_eq!(verdict(&excused), (Verdict::Regressed, Status::Fail));
    let caution = "labels of these changed: judged by the baseline's until it is blessed anew";
    assert!(
        excused.cautions.iter().any(|said| said == caution),
        "{excused:?}"
    );
    assert_eq!(excused.flips.unwrap().harm, 20);
    // The same answers, of which some are wrong by the new labels.
    let mut accused = relabelled("new", 0, 0);
    for column in &mut accused.outcomes.columns {
        match column.spec.name.as_str() {
            "label" => column.values[..20].fill(1),
            "correct" => column.values[..20].fill(0),
            _ => {}
        }
    }
    let found = judged(&gate, &relabelled("old", 0, 0), &accused, &[]);
    assert_eq!(verdict(&found), (Verdict::Identical, Status::Pass));
    assert!(found.dropped.is_none());
}

/// A score is of the label that it was made with, so that a row with another one is gone. At
/// the worst score 21 of 1000 rows add 21 · 1.97 / 1000 = 0.041, 26 of them 0.051.
#[test]
fn a_score_of_another_label_is_gone() {
    let brier = "kind = \"brier_score\"\nmargin = 0.05";
    let gate = case_of(spec("", "", "alpha = 0.05", brier));
    let found = |renamed: usize| {
        let mut new = scores("new", vec![1_000; EXAMPLES]);
        let labels = new.outcomes.columns.last_mut().unwrap();
        labels.values[..renamed].fill(1);
        judged(&gate, &scores("old", vec![1_000; EXAMPLES]), &new, &[])
    };
    let few = found(21);
    // (1 + 1.97 / 2)^−21 is harm that is shown, and within the margin.
    assert_eq!(few.status, Status::Pass, "{few:?}");
    let dropped = few.dropped.unwrap();
    assert_eq!((dropped.ids.len(), dropped.right), (21, None));
    assert_eq!(verdict(&found(26)), STALE);
}

/// Clusters and slices are the baseline's: other names of the same are no change.
#[test]
fn other_clusters_and_slices_are_judged_by_the_baselines() {
    let data = "cluster = \"c\"\nslice = \"site\"";
    let gate = case_of(spec("", data, DETECT, "kind = \"worst_slice_accuracy\""));
    type Numbers = fn(u32) -> u32;
    let grouped = |mut run: Run, clusters: Numbers, slices: Numbers, names: [&str; 2]| {
        run.clusters = Some((0..EXAMPLES as u32).map(clusters).collect());
        run.slices = Some(Slices {
            of: (0..EXAMPLES as u32).map(slices).collect(),
            names: names.map(str::to_owned).to_vec(),
        });
        run
    };
    let old = || {
        grouped(
            wrong("old", 0),
            |row| row / 4,
            |row| row % 2,
            ["north", "south"],
        )
    };
    let same = judged(
        &gate,
        &old(),
        &grouped(
            wrong("new", 60),
            |row| row / 4,
            |row| row % 2,
            ["north", "south"],
        ),
        &[],
    );
    let said = |found: &Judgement| {
        let mut cautions = found.cautions.iter();
        let caution = cautions.find(|said| said.contains("of these changed"));
        caution
            .and_then(|said| said.split(" of these").next())
            .unwrap_or("")
            .to_owned()
    };
    assert_eq!(
        (same.verdict, said(&same)),
        (Verdict::Regressed, String::new())
    );
    let others: [(Numbers, Numbers, [&str; 2], &str); 5] = [
        // Numbered from the other end, and by other numbers with the same names.
        (|row| 249 - row / 4, |row| row % 2, ["north", "south"], ""),
        (|row| row / 4, |row| 1 - row % 2, ["south", "north"], ""),
        (|row| row / 4, |row| row % 2, ["N", "S"], "slices"),
        (
            |row| row / 40,
            |row| row % 2,
            ["north", "south"],
            "clusters",
        ),
        (
            |row| row / 2,
            |row| u32::from(row > 30),
            ["north", "south"],
            "clusters and slices",
        ),
    ];
    for (clusters, slices, names, expected) in others {
        let new = grouped(wrong("new", 60), clusters, slices, names);
        let found = judged(&gate, &old(), &new, &[]);
        assert_eq!(said(&found), expected);
        // The same numbers, of the slice as the baseline calls it.
        assert_eq!(found.metrics[0].comparison, same.metrics[0].comparison);
        assert_eq!(found.metrics[0].value, same.metrics[0].value);
    }
}

/// A slice of which all rows were wrong is gone: the others are judged, and their values told.
#[test]
fn a_slice_that_is_gone_says_nothing() {
    let worst = "kind = \"worst_slice_accuracy\"";
    let gate = case_of(spec("", "slice = \"site\"", DETECT, worst));
    let with_slices = |mut run: Run| {
        run.slices = Some(Slices {
            of: (0..EXAMPLES as u32)
                .map(|row| u32::from(row >= 20))
                .collect(),
            names: vec!["closed".to_owned(), "open".to_owned()],
        });
        run
    };
    let old = with_slices(wrong("old", 20));
    let found = judged(&gate, &old, &with_slices(wrong("new", 20)), &rows(0..20));
    let metric = &found.metrics[0];
    assert_eq!((metric.value, metric.baseline), (1.0, Some(1.0)));
    assert_eq!(found.status, Status::Pass, "{found:?}");
}

/// Judges a run of data without the rows `gone` of an anchor, which a baseline in between let
/// go of.
fn since(case: &Case, anchor: &Run, new: &Run, gone: &[usize]) -> Judgement {
    let (run, common) = without(new, gone);
    let mut between = run.clone();
    between.identity.model.digest = Some(Digest::of(b"between"));
    let references = References {
        baseline: Lookup::Found(Box::new(baseline(case, &between, 9))),
        common: None,
        anchor: Anchor::Found {
            file: Box::new(remembered(case, anchor)),
            common: Some(common),
        },
    };
    // One answer is another, so that nothing is identical.
    let mut run = run;
    for column in &mut run.outcomes.columns {
        if column.spec.name != "label" {
            column.values[600] = 0;
        }
    }
    judge(case, &run, &references)
}

/// The anchor keeps its own rows: since then 15 became wrong, within its margin of 0.02; with
/// six that are gone they are 21.
#[test]
fn rows_that_are_gone_since_the_anchor_count_as_wrong() {
    let gate = case(DETECT);
    let found = |gone: usize| {
        since(
            &gate,
            &wrong("anchor", 0),
            &wrong("new", 14),
            &rows(800..800 + gone),
        )
    };
    let within = found(5);
    assert_ne!(within.status, Status::Fail, "{within:?}");
    let stale = found(6);
    assert_eq!(verdict(&stale), STALE);
    let rule = &stale.metrics[0].rule;
    assert!(
        rule.starts_with("since the anchor: 6 examples of the baseline's 1000"),
        "{rule}"
    );
    assert!(rule.contains("--reanchor"), "{rule}");
}

#[test]
fn where_either_drift_fails_rows_that_are_gone_since_the_anchor_count_as_right_as_well() {
    let both = case(&format!("{DETECT}\ndirection = \"both\""));
    // 35 became right, of which 20 are gone: 15 of 980 are within the anchor's margin.
    let found = since(&both, &wrong("anchor", 35), &wrong("new", 0), &rows(0..20));
    assert_eq!(verdict(&found), STALE);
}

#[test]
fn a_ranking_is_stale_where_any_row_of_the_anchor_is_gone() {
    let ranking = case_of(spec(
        "",
        "",
        "margin = 0.1\nalpha = 0.05",
        "kind = \"auroc\"",
    ));
    let of = |model: &str| {
        let rank = Column {
            spec: ColumnSpec::rank(1),
            values: (0..EXAMPLES as u32).map(|row| row % 2).collect(),
        };
        let mut found = run(model, EXAMPLES, 1, vec![rank]);
        let labels = found.outcomes.columns.last_mut().unwrap();
        labels.values = (0..EXAMPLES as u32).map(|row| row % 2).collect();
        found
    };
    let found = since(&ranking, &of("anchor"), &of("new"), &[3]);
    assert_eq!(verdict(&found), STALE);
}

/// A proof is none of harm: since the anchor harm is held against none.
#[test]
fn a_proof_asks_for_harm_since_the_anchor() {
    let gate = case("margin = 0.01\nmode = \"prove\"");
    let found = since(&gate, &wrong("anchor", 0), &wrong("new", 3), &[]);
    let anchor = found.metrics[0].anchor.as_ref().unwrap();
    let null = Null::NoHarm;
    assert_eq!(anchor.comparison.question, Question::Harm { null });
    // Four became wrong since, and none right.
    assert!((anchor.comparison.p_harm - 0.5_f64.powi(5)).abs() < 1e-12);
}
