//! Runs against baselines and anchors, to the verdict of a case: the order of
//! statistics.md 1.2 from the top, and what is said beside it.
//!
//! Of 1000 examples all are right in the beginning. Where b of them become wrong and none
//! right, the mid-p value of harm is 2^-(b+1) and the change is −b / 1000.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;

use super::super::{
    Equality, Flips, Judgement, MetricJudgement, Outlook, equality, flips, judge, retrain_metrics,
    worst,
};
use super::spec;
use crate::baseline::{
    Accepted, Anchor, BaselineError, BaselineFile, Blessing, Common, Draft, Lookup, References,
    Retrain, RetrainMetric, accepted_metrics,
};
use crate::digest::Digest;
use crate::measure::wanted_columns;
use crate::outcome::{Column, ColumnSpec, Outcomes};
use crate::provenance::{Environment, Identity, ModelIdentity};
use crate::record::{Run, Slices};
use crate::spec::{Case, CriticalSpec, Spec, Subject};
use crate::verdict::{Status, Verdict};

pub(super) const EXAMPLES: usize = 1000;
pub(super) const ACCURACY: &str = "kind = \"accuracy\"";
pub(super) const DETECT: &str = "margin = 0.01\nalpha = 0.05";

pub(super) fn case_of(spec: Spec) -> Case {
    Case {
        name: "test::identity".to_owned(),
        spec: Arc::new(spec),
        subject: Subject::Cell {
            perturbation: 0,
            setting: 0,
        },
    }
}

pub(super) fn case(gate: &str) -> Case {
    case_of(spec("", "", gate, ACCURACY))
}

/// A run of the model whose bytes are `model`.
pub(super) fn run(model: &str, examples: usize, replicates: usize, columns: Vec<Column>) -> Run {
    let inputs = json!({"data": {"digest": "sha256:0123456789abcdef"}, "seed": 1});
    let labels = Column {
        spec: ColumnSpec::label(),
        values: vec![0; examples],
    };
    Run {
        identity: Identity {
            inputs_digest: Digest::of_json(&inputs),
            inputs,
            ids_digest: Digest::of(b"ids"),
            model: ModelIdentity {
                origin: "onnx m.onnx".to_owned(),
                digest: Some(Digest::of(model.as_bytes())),
                gives: "logits".to_owned(),
                input: None,
                output: None,
            },
            environment: Environment::of_engine("none"),
        },
        outcomes: Outcomes {
            examples,
            replicates,
            columns: columns.into_iter().chain([labels]).collect(),
        },
        ids: None,
        clusters: None,
        slices: None,
        ranked: Vec::new(),
    }
}

pub(super) fn correct(values: Vec<u32>) -> Column {
    Column {
        spec: ColumnSpec::correct(),
        values,
    }
}

/// A run in which the first `wrong` examples are wrong.
pub(super) fn wrong(model: &str, wrong: usize) -> Run {
    let values = (0..EXAMPLES).map(|example| u32::from(example >= wrong));
    run(model, EXAMPLES, 1, vec![correct(values.collect())])
}

/// A run whose Brier scores are these quanta of 2 / 65535.
pub(super) fn scores(model: &str, values: Vec<u32>) -> Run {
    let column = Column {
        spec: ColumnSpec::score("brier_score", (0.0, 2.0)),
        values,
    };
    run(model, column.values.len(), 1, vec![column])
}

fn accepted(at: &str, reason: &str) -> Accepted {
    Accepted {
        by: "A Tester <tester@example.org>".to_owned(),
        at: at.to_owned(),
        commit: None,
        reason: reason.to_owned(),
    }
}

/// A baseline of `run`, accepted on a day of November.
pub(super) fn baseline(case: &Case, run: &Run, day: u32) -> BaselineFile {
    Draft {
        case: case.name.clone(),
        metrics: accepted_metrics(case, run),
        identity: run.identity.clone(),
        outcomes: run.kept(&wanted_columns(case)).unwrap(),
        slices: run.slice_names().to_vec(),
        accepted: accepted(
            &format!("2026-11-{day:02}T08:00:00Z"),
            &format!("day {day}"),
        ),
        history: Vec::new(),
        examples: None,
    }
    .finish()
}

/// A baseline of `examples` right answers.
pub fn accepted_file(examples: usize) -> BaselineFile {
    let run = run("old", examples, 1, vec![correct(vec![1; examples])]);
    baseline(&case(DETECT), &run, 1)
}

pub(super) fn against(case: &Case, run: &Run, baseline: BaselineFile) -> Judgement {
    let references = References::baseline(Lookup::Found(Box::new(baseline)));
    judge(case, run, &references)
}

/// Judges `new` against a baseline of `old`.
fn judged(case: &Case, old: &Run, new: &Run) -> (Verdict, Status) {
    let found = against(case, new, baseline(case, old, 1));
    (found.verdict, found.status)
}

#[test]
fn a_change_of_exactly_the_margin_is_within_it() {
    let found = |harm| judged(&case(DETECT), &wrong("old", 0), &wrong("new", harm));
    assert_eq!(found(10), (Verdict::Degraded, Status::Warn));
    assert_eq!(found(11), (Verdict::Regressed, Status::Fail));
    // Four harms are the fewest that are shown at 0.05 (2^-5, and 2^-4 for three, which
    // are within the margin for certain: Tango's T(−0.01) = 2.22 and −T(0.01) = 3.62).
    assert_eq!(found(4), (Verdict::Degraded, Status::Warn));
    assert_eq!(found(3), (Verdict::Equivalent, Status::Pass));
}

#[test]
fn a_change_of_exactly_the_margin_is_within_it_in_either_direction() {
    let both = format!("{DETECT}\ndirection = \"both\"");
    let gained = |gain| judged(&case(&both), &wrong("old", gain), &wrong("new", 0));
    assert_eq!(gained(10), (Verdict::Improved, Status::Pass));
    assert_eq!(gained(11), (Verdict::Improved, Status::Fail));
    // Each side has half of alpha: 2^-5 is above 0.025, 2^-6 is not.
    assert_eq!(gained(4), (Verdict::NonInferior, Status::Pass));
    assert_eq!(gained(5), (Verdict::Improved, Status::Pass));
    // Against the margin itself a gain is held as harm is, at 0.025 a side. Bonett &
    // Price: (k + 1 − 1) / 1002 less 1.96 errors is 0.01008 for 19 and 0.00929 for 18.
    let beyond = format!("{both}\nnull = \"margin\"");
    let gained = |gain| judged(&case(&beyond), &wrong("old", gain), &wrong("new", 0));
    assert_eq!(gained(18), (Verdict::Improved, Status::Pass));
    assert_eq!(gained(19), (Verdict::Improved, Status::Fail));
    let harmed = |harm| judged(&case(&beyond), &wrong("old", 0), &wrong("new", harm));
    assert_eq!(harmed(18), (Verdict::Degraded, Status::Warn));
    assert_eq!(harmed(19), (Verdict::Regressed, Status::Fail));
    // A rise is harm.
    let higher = format!("{DETECT}\ndirection = \"higher\"");
    let risen = |gain| judged(&case(&higher), &wrong("old", gain), &wrong("new", 0));
    assert_eq!(risen(10), (Verdict::Degraded, Status::Warn));
    assert_eq!(risen(11), (Verdict::Regressed, Status::Fail));
    let fallen = judged(&case(&higher), &wrong("old", 0), &wrong("new", 11));
    assert_eq!(fallen, (Verdict::Improved, Status::Pass));
}

/// Either change of a loss fails beyond the margin, and it is the rise that is harm.
#[test]
fn a_loss_that_rises_is_harm_where_either_direction_fails() {
    let brier = "kind = \"brier_score\"\nmargin = 0.1";
    let case = case_of(spec("", "", "alpha = 0.05\ndirection = \"both\"", brier));
    // 0.05 and 0.2 of a range of 2 over 65,535 quanta, a little more for every second one.
    let low = || scores("low", vec![20_000; 400]);
    let high = |quanta: u32| {
        let values = (0..400).map(|example| 20_000 + quanta + example % 2);
        scores("high", values.collect())
    };
    let found = |old: &Run, new: &Run| judged(&case, old, new);
    let (within, beyond) = (high(1638), high(6553));
    assert_eq!(found(&low(), &within), (Verdict::Degraded, Status::Warn));
    assert_eq!(found(&low(), &beyond), (Verdict::Regressed, Status::Fail));
    assert_eq!(found(&within, &low()), (Verdict::Improved, Status::Pass));
    assert_eq!(found(&beyond, &low()), (Verdict::Improved, Status::Fail));
}

#[test]
fn without_a_usable_baseline_nothing_is_decided() {
    let case = case(DETECT);
    let new = wrong("new", 0);
    let found = judge(&case, &new, &References::baseline(Lookup::Missing));
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Missing, Status::Fail)
    );
    assert_eq!(found.notes, ["no baseline yet"]);
    let metric = &found.metrics[0];
    assert_eq!(
        (metric.verdict, metric.status),
        (Some(Verdict::Missing), Status::Fail)
    );
    assert_eq!((metric.value, metric.baseline), (1.0, None));
    assert_eq!((&metric.comparison, &found.flips), (&None, &None));

    let error = BaselineError::Schema {
        path: "baselines/test/identity.json".to_owned(),
        found: 9,
    };
    let said = error.to_string();
    let found = judge(&case, &new, &References::baseline(Lookup::Unusable(error)));
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Error, Status::Fail)
    );
    assert_eq!(found.notes, [said]);
}

#[test]
fn other_inputs_are_stale_and_the_field_is_named() {
    let case = case(DETECT);
    let (old, mut new) = (wrong("old", 0), wrong("new", 500));
    new.identity.inputs["seed"] = json!(2);
    new.identity.inputs_digest = Digest::of_json(&new.identity.inputs);
    let found = against(&case, &new, baseline(&case, &old, 1));
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Stale, Status::Fail)
    );
    // Both values are shown, without a test between them.
    let metric = &found.metrics[0];
    assert_eq!((metric.baseline, metric.value), (Some(1.0), 0.5));
    assert_eq!(metric.comparison, None);
    assert_eq!(
        found.notes,
        ["the baseline was made from other inputs, so that nothing was tested: seed: 1 → 2"]
    );
}

#[test]
fn a_baseline_of_another_size_is_an_error() {
    let case = case(DETECT);
    let new = wrong("new", 0);
    for (examples, replicates) in [(999, 1), (500, 2), (1000, 2)] {
        let values = vec![1; examples * replicates];
        let old = run("old", examples, replicates, vec![correct(values)]);
        assert_eq!(judged(&case, &old, &new), (Verdict::Error, Status::Fail));
    }
    // Damaged outcomes, as well.
    let mut damaged = baseline(&case, &new, 1);
    damaged.columns[0].data.clear();
    let found = against(&case, &wrong("other", 0), damaged);
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Error, Status::Fail)
    );
}

#[test]
fn a_metric_that_the_baseline_lacks_is_missing_and_of_another_version_stale() {
    let case = case(DETECT);
    let (old, new) = (wrong("old", 0), wrong("new", 0));
    let mut lacking = baseline(&case, &old, 1);
    lacking.metrics[0].name = "another".to_owned();
    let found = against(&case, &new, lacking);
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Missing, Status::Fail)
    );
    let mut older = baseline(&case, &old, 1);
    older.metrics[0].identity = "accuracy@0".to_owned();
    let found = against(&case, &new, older);
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Stale, Status::Fail)
    );
    assert_eq!(
        found.metrics[0].rule,
        "the baseline has accuracy@0, and this is accuracy@1"
    );
}

#[test]
fn a_critical_flip_comes_before_all_that_is_measured() {
    let mut spec = spec("", "", DETECT, ACCURACY);
    spec.critical = Some(CriticalSpec {
        examples: vec!["3".to_owned()],
        slices: Vec::new(),
    });
    let case = case_of(spec);
    let critical = (Verdict::Critical, Status::Fail);
    // Before a regression, a change within the margin, a gain, and a model that
    // answers differently from run to run.
    let four = &wrong("new", 4);
    assert_eq!(judged(&case, &wrong("old", 0), four), critical);
    assert_eq!(judged(&case, &wrong("old", 3), four), critical);
    assert_eq!(judged(&case, &wrong("new", 0), four), critical);
    assert_eq!(
        judged(&case, &wrong("old", 0), &wrong("new", 300)),
        critical
    );
    // Another one became wrong; it was wrong before; it became right.
    let found = judged(&case, &wrong("old", 2), &wrong("new", 3));
    assert_eq!(found, (Verdict::Equivalent, Status::Pass));
    let found = judged(&case, &wrong("old", 4), &wrong("new", 5));
    assert_eq!(found, (Verdict::Equivalent, Status::Pass));
    let found = judged(&case, &wrong("old", 4), &wrong("new", 3));
    assert_eq!(found, (Verdict::Equivalent, Status::Pass));
    let found = against(&case, four, baseline(&case, &wrong("old", 0), 1));
    assert_eq!(
        found.notes,
        ["critical examples were right and are wrong: 3"]
    );
}

/// A baseline of scores only, from before anything was marked: nothing would be guarded.
#[test]
fn critical_examples_need_a_baseline_that_knows_what_was_right() {
    let brier = "kind = \"brier_score\"\nmargin = 0.1";
    let mut spec = spec("", "", "alpha = 0.05", brier);
    let old = scores("old", vec![1000; 100]);
    let file = || baseline(&case_of(self::spec("", "", "alpha = 0.05", brier)), &old, 1);
    let mut new = scores("new", vec![1000; 100]);
    new.outcomes.columns.push(correct(vec![0; 100]));
    spec.critical = Some(CriticalSpec {
        examples: vec!["3".to_owned()],
        slices: Vec::new(),
    });
    let found = against(&case_of(spec), &new, file());
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Error, Status::Fail)
    );
    assert!(
        found.notes[0].contains("bless --all test::identity"),
        "{found:?}"
    );
}

#[test]
fn critical_slices_and_many_critical_examples_are_named() {
    let mut spec = spec("", "slice = \"site\"", DETECT, ACCURACY);
    spec.critical = Some(CriticalSpec {
        examples: Vec::new(),
        slices: vec!["night".to_owned()],
    });
    let case = case_of(spec);
    let notes = |harm: usize| {
        let mut new = wrong("new", harm);
        new.slices = Some(Slices {
            of: (0..EXAMPLES).map(|example| (example % 2) as u32).collect(),
            names: vec!["day".to_owned(), "night".to_owned()],
        });
        new.ids = Some((0..EXAMPLES).map(|example| format!("e{example}")).collect());
        let found = against(&case, &new, baseline(&case, &wrong("old", 0), 1));
        (found.verdict, found.notes)
    };
    let listed =
        "critical examples were right and are wrong: e1, e3, e5, e7, e9, e11, e13, e15, e17, e19";
    // The first example is of the day.
    assert_eq!(notes(1), (Verdict::Equivalent, Vec::new()));
    let (verdict, found) = notes(20);
    assert_eq!(
        (verdict, found),
        (Verdict::Critical, vec![listed.to_owned()])
    );
    let (_, found) = notes(22);
    assert_eq!(found, [format!("{listed}, … (11 in all)")]);
    // Those that were wrong before are said, too: 1 of the first three was, 3 is new.
    let mut new = wrong("new", 4);
    new.slices = Some(Slices {
        of: (0..EXAMPLES).map(|example| (example % 2) as u32).collect(),
        names: vec!["day".to_owned(), "night".to_owned()],
    });
    let found = against(&case, &new, baseline(&case, &wrong("old", 3), 1));
    let said = [found.notes, found.cautions].concat();
    let standing = "critical examples are wrong, and were not right in the baseline: 1";
    assert!(said.iter().any(|note| note == standing), "{said:?}");
}

/// Of nine replicates, of three examples: 0 loses one and wins one, 1 loses two, 2 wins
/// one.
#[test]
fn flips_are_counted_by_replicate_and_listed_by_example() {
    let outcomes = |values: [u32; 9]| Outcomes {
        examples: 3,
        replicates: 3,
        columns: vec![correct(values.to_vec())],
    };
    let old = outcomes([1, 0, 1, 1, 1, 0, 0, 1, 1]);
    let new = outcomes([0, 1, 1, 0, 0, 0, 1, 1, 1]);
    let found = flips(&old, &new).unwrap();
    let expected = Flips {
        harm: 3,
        gain: 2,
        worse: vec![1],
        better: vec![2],
        wrong: vec![0, 1],
    };
    assert_eq!(found, expected);
    let moved = expected.at(&[10, 20, 30]);
    assert_eq!((moved.harm, moved.gain), (3, 2));
    assert_eq!(
        (moved.worse, moved.better, moved.wrong),
        (vec![20], vec![30], vec![10, 20])
    );
    let unknown = Outcomes {
        columns: Vec::new(),
        ..old
    };
    assert_eq!(flips(&unknown, &new), None);
}

#[test]
fn the_same_model_that_answers_differently_is_nondeterministic() {
    let gate = case(DETECT);
    let old = wrong("same", 0);
    let nondeterministic = (Verdict::Nondeterministic, Status::Fail);
    // However little differs, for better or for worse.
    assert_eq!(judged(&gate, &old, &wrong("same", 1)), nondeterministic);
    assert_eq!(judged(&gate, &wrong("same", 1), &old), nondeterministic);
    assert_eq!(judged(&gate, &old, &wrong("same", 300)), nondeterministic);
    let found = against(&gate, &wrong("same", 1), baseline(&gate, &old, 1));
    assert!(found.notes[0].contains("stochastic = true"), "{found:?}");

    // Another model, environment or question; a model that nothing identifies; one that
    // is known to vary.
    let regressed = (Verdict::Regressed, Status::Fail);
    let new = wrong("same", 300);
    let with = |change: fn(&mut Run)| {
        let mut new = new.clone();
        change(&mut new);
        judged(&gate, &old, &new)
    };
    let digest = |run: &mut Run| run.identity.model.digest = Some(Digest::of(b"other"));
    assert_eq!(with(digest), regressed);
    let engine = |run: &mut Run| run.identity.environment = Environment::of_engine("other");
    assert_eq!(with(engine), regressed);
    let gives = |run: &mut Run| run.identity.model.gives = "probabilities".to_owned();
    assert_eq!(with(gives), regressed);
    let output = |run: &mut Run| run.identity.model.output = Some("other".to_owned());
    assert_eq!(with(output), regressed);
    // Where it stands is no part of it.
    let moved = |run: &mut Run| run.identity.model.origin = "onnx other.onnx".to_owned();
    assert_eq!(with(moved), nondeterministic);
    let [mut before, mut after] = [old.clone(), new.clone()];
    before.identity.model.digest = None;
    after.identity.model.digest = None;
    assert_eq!(judged(&gate, &before, &after), regressed);
    let mut varying = spec("", "", DETECT, ACCURACY);
    varying.model.stochastic = true;
    assert_eq!(judged(&case_of(varying), &old, &new), regressed);
}

#[test]
fn equal_outcomes_are_identical() {
    let identical = (Verdict::Identical, Status::Pass);
    let detect = case(DETECT);
    assert_eq!(
        judged(&detect, &wrong("old", 9), &wrong("new", 9)),
        identical
    );
    // Without a difference L = −z² / (n + z²) = −0.0027 at alpha 0.05 for 1000 examples:
    // they prove a margin of 0.005, and not one of 0.002, unless the bytes are equal, too.
    let prove = |margin: &str| case(&format!("margin = {margin}\nmode = \"prove\""));
    let found = |margin, old| judged(&prove(margin), &wrong(old, 9), &wrong("new", 9));
    assert_eq!(found("0.005", "old"), identical);
    assert_eq!(found("0.002", "new"), identical);
    assert_eq!(found("0.002", "old"), (Verdict::Inconclusive, Status::Fail));
}

#[test]
fn scores_within_two_quanta_are_equal_but_for_rounding() {
    let metric = "kind = \"brier_score\"\nmargin = 0.1";
    let gate = case_of(spec("", "", DETECT, metric));
    let old = scores("same", vec![1000; 100]);
    let moved = |model, by: i32| {
        let mut values = vec![1000; 100];
        values[7] = (1000 + by) as u32;
        let found = against(&gate, &scores(model, values), baseline(&gate, &old, 1));
        (found.verdict, found.notes)
    };
    let rounding = vec!["equal but for rounding".to_owned()];
    for by in [-2, -1, 1, 2] {
        // Of the same model on the same machine, as well.
        for model in ["same", "other"] {
            assert_eq!(moved(model, by), (Verdict::Identical, rounding.clone()));
        }
    }
    assert_eq!(moved("other", 0), (Verdict::Identical, Vec::new()));
    for by in [-3, 3] {
        assert_eq!(moved("same", by).0, Verdict::Nondeterministic);
        assert_ne!(moved("other", by).0, Verdict::Identical);
    }
    // Right and wrong, and classes, do not round.
    let gate = case(DETECT);
    let found = equality(&gate, &[], &wrong("old", 0).outcomes, &wrong("new", 1));
    assert_eq!(found, Equality::Different);
}

/// A case with an anchor, a baseline and a run that are right but for so many.
fn since(gate: &str, anchor: usize, old: usize, new: usize) -> Judgement {
    let case = case(gate);
    let file = baseline(&case, &wrong("anchor", anchor), 1);
    let references = References {
        baseline: Lookup::Found(Box::new(baseline(&case, &wrong("old", old), 9))),
        common: None,
        anchor: Anchor::Found {
            file: Box::new(file),
            common: None,
        },
    };
    judge(&case, &wrong("new", new), &references)
}

#[test]
fn accepted_losses_add_up_to_a_drift() {
    let verdict = |gate: &str, anchor, old, new| {
        let found = since(gate, anchor, old, new);
        (found.verdict, found.status)
    };
    let drifted = (Verdict::Drifted, Status::Fail);
    // The anchor's margin is twice the margin: 20 are exactly that, and within it.
    assert_eq!(
        verdict(DETECT, 0, 15, 20),
        (Verdict::Degraded, Status::Warn)
    );
    assert_eq!(verdict(DETECT, 0, 15, 21), drifted);
    // Whatever it is since the baseline: a regression, nothing at all, a gain.
    assert_eq!(verdict(DETECT, 0, 5, 21), drifted);
    assert_eq!(verdict(DETECT, 0, 20, 21), drifted);
    assert_eq!(verdict(DETECT, 0, 40, 21), drifted);
    // Where nothing changed since the baseline, *identical* comes first, in prove mode too.
    let identical = (Verdict::Identical, Status::Pass);
    assert_eq!(verdict(DETECT, 0, 40, 40), identical);
    let prove = "margin = 0.01\nmode = \"prove\"";
    assert_eq!(verdict(prove, 0, 40, 40), identical);
    // A proof since the baseline is none since the anchor: one harm and no gain among 1000
    // have a lower limit near −0.005 (Tango's, scipy: b = 1, c = 0).
    assert_eq!(verdict(prove, 0, 20, 21), drifted);
    // A margin of its own; only the direction that is harm.
    let wide = format!("{DETECT}\nanchor_margin = 0.03");
    assert_eq!(
        verdict(&wide, 0, 29, 30),
        (Verdict::Equivalent, Status::Pass)
    );
    assert_eq!(verdict(&wide, 0, 29, 31), drifted);
    let gain = verdict(DETECT, 40, 1, 0);
    assert_eq!(gain, (Verdict::Equivalent, Status::Pass));
    let both = format!("{DETECT}\ndirection = \"both\"");
    assert_eq!(verdict(&both, 40, 1, 0), drifted);
    assert_eq!(
        verdict(&both, 20, 1, 0),
        (Verdict::Equivalent, Status::Pass)
    );
    assert_eq!(verdict(&both, 0, 40, 41), drifted);
    let higher = format!("{DETECT}\ndirection = \"higher\"");
    assert_eq!(verdict(&higher, 21, 1, 0), drifted);
    assert_eq!(
        verdict(&higher, 0, 40, 41),
        (Verdict::Equivalent, Status::Pass)
    );
    let none = format!("{DETECT}\nanchor = \"none\"");
    assert_eq!(
        verdict(&none, 0, 40, 41),
        (Verdict::Equivalent, Status::Pass)
    );
}

#[test]
fn harm_since_the_anchor_must_be_shown_as_well() {
    // Of ten harms and no gain p is 2^-11 = 0.00049, of nine 2^-10 = 0.00098.
    let gate = "margin = 0.002\nalpha = 0.0005\nanchor_margin = 0.004";
    assert_eq!(since(gate, 0, 8, 9).verdict, Verdict::Inconclusive);
    let found = since(gate, 0, 9, 10);
    assert_eq!(found.verdict, Verdict::Drifted);
    let anchor = found.metrics[0].anchor.as_ref().unwrap();
    assert!(anchor.drifted);
    assert_eq!(anchor.margin.to_string(), "0.004");
    assert_eq!(anchor.value, 1.0);
    assert_eq!(anchor.comparison.change, -0.01);
    assert!((anchor.comparison.p_harm - 0.5_f64.powi(11)).abs() < 1e-15);
    assert_eq!(anchor.accepted.reason, "day 1");
    // The evidence of the step is the baseline's.
    let step = found.metrics[0].comparison.as_ref().unwrap();
    assert!((step.change + 0.001).abs() < 1e-12);
}

/// The test since the anchor detects harm at the suite's alpha, 0.05 / 20, whatever the test
/// since the baseline asks.
#[test]
fn the_test_since_the_anchor_has_its_own_alpha_and_question() {
    let drifted = |more: &str, harm: usize| {
        let gate = format!("margin = 0.002\nmode = \"prove\"\n{more}");
        since(&gate, 0, harm - 1, harm).verdict == Verdict::Drifted
    };
    // 2^-8 = 0.0039 and 2^-9 = 0.00195.
    assert!(!drifted("", 7) && drifted("", 8));
    // Each side of two has half of alpha, as in detect mode: 2^-10 = 0.00098.
    let both = "direction = \"both\"";
    assert!(!drifted(both, 8) && drifted(both, 9));
    // It is of harm, whatever a proof is of.
    let found = since("margin = 0.01\nmode = \"prove\"", 0, 20, 21);
    let anchor = found.metrics[0].anchor.as_ref().unwrap();
    assert_eq!(anchor.comparison.p_margin, None);
    assert!(anchor.comparison.needed().is_some());
}

/// With `null = "margin"` drift is harm that is shown to be beyond the anchor's margin of
/// 0.02. Upper limit of 29 harms and no gain by Bonett & Price 2012, by hand with SciPy:
/// (-29 + norm.ppf(.95) √(31 - 29² / 1002)) / 1002 = -0.01993, of 30 -0.02079.
#[test]
fn a_drift_within_the_margin_by_luck_is_none_where_the_margin_is_the_null() {
    let gate = format!("{DETECT}\nnull = \"margin\"");
    assert_eq!(since(DETECT, 0, 20, 29).verdict, Verdict::Drifted);
    let found = since(&gate, 0, 20, 29);
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Degraded, Status::Warn)
    );
    let found = since(&gate, 0, 20, 30);
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Drifted, Status::Fail)
    );
    let metric = &found.metrics[0];
    assert!(metric.rule.contains("whole interval since the anchor"));
    assert!(metric.anchor.as_ref().unwrap().comparison.p_margin.unwrap() < 0.05);
}

/// Four shared draws are too few to fail by, since the anchor as since the baseline.
#[test]
fn too_few_shared_draws_warn_of_drift() {
    for (replicates, expected) in [(4, Status::Warn), (5, Status::Fail)] {
        let case = case_of(spec("seed_scope = \"shared\"", "", DETECT, ACCURACY));
        let of = |model: &str, wrong: usize| {
            let rows = (0..EXAMPLES * replicates).map(|row| u32::from(row / replicates >= wrong));
            run(model, EXAMPLES, replicates, vec![correct(rows.collect())])
        };
        let references = References {
            baseline: Lookup::Found(Box::new(baseline(&case, &of("old", 200), 2))),
            common: None,
            anchor: Anchor::Found {
                file: Box::new(baseline(&case, &of("anchor", 0), 1)),
                common: None,
            },
        };
        let found = judge(&case, &of("new", 300), &references);
        // Too few draws warn of it, and do not hide it.
        assert_eq!((found.verdict, found.status), (Verdict::Drifted, expected));
    }
}

/// What already fails is not softened by an anchor of which four draws can only warn.
#[test]
fn a_failing_proof_is_not_softened_by_a_warning_of_drift() {
    let gate = format!("{DETECT}\nmode = \"prove\"");
    let case = case_of(spec("seed_scope = \"shared\"", "", &gate, ACCURACY));
    let of = |model: &str, wrong: usize| {
        let rows = (0..EXAMPLES * 4).map(|row| u32::from(row / 4 >= wrong));
        run(model, EXAMPLES, 4, vec![correct(rows.collect())])
    };
    let references = References {
        baseline: Lookup::Found(Box::new(baseline(&case, &of("old", 200), 2))),
        common: None,
        anchor: Anchor::Found {
            file: Box::new(baseline(&case, &of("anchor", 0), 1)),
            common: None,
        },
    };
    let found = judge(&case, &of("new", 300), &references);
    assert_eq!(found.status, Status::Fail);
    assert_ne!(found.verdict, Verdict::Drifted);
}

#[test]
fn an_anchor_that_cannot_be_compared_warns_and_one_that_cannot_be_read_fails() {
    let gate = case(DETECT);
    let with = |anchor, old, new| {
        let references = References {
            baseline: Lookup::Found(Box::new(baseline(&gate, &wrong("old", old), 1))),
            common: None,
            anchor,
        };
        let found = judge(&gate, &wrong("new", new), &references);
        let said = [found.notes, found.cautions].concat();
        (found.verdict, found.status, said)
    };
    let reason = || "the anchor of 2026-11-01 was made from other inputs".to_owned();
    let (verdict, status, notes) = with(Anchor::Incomparable(reason()), 5, 5);
    assert_eq!((verdict, status), (Verdict::Identical, Status::Warn));
    assert!(
        notes[0].contains("cannot be seen") && notes[0].contains("2026-11-01"),
        "{notes:?}"
    );
    // What fails still does.
    let (verdict, status, _) = with(Anchor::Incomparable(reason()), 0, 11);
    assert_eq!((verdict, status), (Verdict::Regressed, Status::Fail));
    let absent = "the case has no baseline at the tag v1";
    let (verdict, status, notes) = with(Anchor::Absent(absent.to_owned()), 5, 5);
    assert_eq!((verdict, status), (Verdict::Identical, Status::Warn));
    assert_eq!(
        notes,
        [format!("harm since the anchor cannot be seen: {absent}")]
    );
    let (verdict, status, notes) = with(Anchor::Unusable("no tag v9".to_owned()), 5, 5);
    assert_eq!((verdict, status), (Verdict::Error, Status::Fail));
    assert_eq!(notes, ["no tag v9"]);
}

#[test]
fn an_anchor_of_another_version_of_the_metric_says_nothing() {
    let gate = case(DETECT);
    for change in [
        (|file| file.metrics[0].identity = "accuracy@0".to_owned()) as fn(&mut BaselineFile),
        |file| file.metrics[0].name = "another".to_owned(),
    ] {
        let mut file = baseline(&gate, &wrong("anchor", 0), 1);
        change(&mut file);
        let references = References {
            baseline: Lookup::Found(Box::new(baseline(&gate, &wrong("old", 40), 2))),
            common: None,
            anchor: Anchor::Found {
                file: Box::new(file),
                common: None,
            },
        };
        let found = judge(&gate, &wrong("new", 41), &references);
        assert_eq!(found.verdict, Verdict::Equivalent);
        assert!(found.metrics[0].anchor.is_none());
    }
}

#[test]
fn what_was_accepted_since_the_anchor_is_listed_oldest_first() {
    let gate = case(DETECT);
    let anchor = baseline(&gate, &wrong("anchor", 10), 3);
    let blessing = |day: u32, value: f64| Blessing {
        accepted: accepted(
            &format!("2026-11-{day:02}T08:00:00Z"),
            &format!("day {day}"),
        ),
        values: BTreeMap::from([("accuracy".to_owned(), value)]),
    };
    let steps = |history: Vec<Blessing>| {
        let mut file = baseline(&gate, &wrong("old", 40), 9);
        file.history = history;
        let references = References {
            baseline: Lookup::Found(Box::new(file)),
            common: None,
            anchor: Anchor::Found {
                file: Box::new(anchor.clone()),
                common: None,
            },
        };
        let found = judge(&gate, &wrong("new", 41), &references);
        let steps = found.metrics[0].anchor.as_ref().unwrap().steps.clone();
        let steps = steps.into_iter();
        let brief = steps.map(|step| (step.accepted.reason, step.before, step.after));
        brief.collect::<Vec<_>>()
    };
    let step = |day: u32, before, after| (format!("day {day}"), before, after);
    // Straight from the one to the other.
    assert_eq!(steps(Vec::new()), [step(9, 0.99, 0.96)]);
    // What came before the anchor, and the anchor itself, are no steps since.
    let known = || vec![blessing(1, 0.5), blessing(3, 0.99), blessing(5, 0.98)];
    assert_eq!(steps(known()), [step(5, 0.99, 0.98), step(9, 0.98, 0.96)]);
    // An anchor that is not in the history (a tag elsewhere): by the dates.
    let history = vec![blessing(1, 0.5), blessing(5, 0.98), blessing(7, 0.97)];
    assert_eq!(
        steps(history),
        [
            step(5, 0.99, 0.98),
            step(7, 0.98, 0.97),
            step(9, 0.97, 0.96)
        ]
    );
    // A step that says nothing of the metric is left out.
    let mut history = known();
    history[2].values.clear();
    assert_eq!(steps(history), Vec::new());
}

/// Data with 100 new examples before the known ones.
#[test]
fn grown_data_are_judged_on_what_is_common() {
    let gate = case(DETECT);
    let mut new = wrong("new", 100 + 11);
    let values = (0..EXAMPLES + 100).map(|example| u32::from(!(50..111).contains(&example)));
    new = Run {
        outcomes: run("new", EXAMPLES + 100, 1, vec![correct(values.collect())]).outcomes,
        ..new
    };
    new.identity.inputs["data"]["digest"] = json!("sha256:other");
    new.identity.inputs_digest = Digest::of_json(&new.identity.inputs);
    // The last of the old ones is gone.
    let common = Common {
        old: (0..EXAMPLES - 1).collect(),
        new: (100..EXAMPLES + 99).collect(),
        vanished: vec![EXAMPLES - 1],
    };
    let references = References {
        baseline: Lookup::Found(Box::new(baseline(&gate, &wrong("old", 0), 1))),
        common: Some(common.clone()),
        anchor: Anchor::None,
    };
    let found = judge(&gate, &new, &references);
    // Of the known ones 11 became wrong; that new ones are wrong is no harm.
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Regressed, Status::Fail)
    );
    assert_eq!(
        found.cautions,
        [
            "the data changed: judged on the 999 examples that are the baseline's, of its 1000 and of 1100 now",
            "1 example of the baseline's 1000 is gone or changed, of which 1 was right (999): judged without them, and again with them as wrong. No gain is shown while they are gone",
        ]
    );
    let comparison = found.metrics[0].comparison.as_ref().unwrap();
    assert!((comparison.change + 11.0 / 999.0).abs() < 1e-12);
    assert_eq!(found.metrics[0].baseline, Some(1.0));
    // Examples are known by their places in the run.
    let flips = found.flips.unwrap();
    assert_eq!((flips.harm, flips.gain), (11, 0));
    assert_eq!(flips.worse, (100..111).collect::<Vec<_>>());

    // An anchor has its own common examples, and a drift is seen in them.
    let references = References {
        baseline: references.baseline,
        common: Some(common.clone()),
        anchor: Anchor::Found {
            file: Box::new(baseline(&gate, &wrong("anchor", 0), 1)),
            common: Some(common),
        },
    };
    let found = judge(&gate, &new, &references);
    let anchor = found.metrics[0].anchor.as_ref().unwrap();
    assert_eq!((found.verdict, anchor.drifted), (Verdict::Regressed, false));
    assert!((anchor.comparison.change + 11.0 / 999.0).abs() < 1e-12);
}

#[test]
fn a_gain_beside_no_retrains_may_be_luck() {
    let gate = case(DETECT);
    let notes = |old, new| {
        against(
            &gate,
            &wrong("new", new),
            baseline(&gate, &wrong("old", old), 1),
        )
        .notes
    };
    // Nothing says by how much retrains differ, so that it may be luck.
    let found = notes(20, 0);
    assert!(found[0].contains("one lucky draw is no gain"), "{found:?}");
    assert_eq!(notes(2, 0), Vec::<String>::new());
    // Not where the gain is the failure.
    let both = case(&format!("{DETECT}\ndirection = \"both\""));
    let found = against(
        &both,
        &wrong("new", 0),
        baseline(&both, &wrong("old", 20), 1),
    );
    assert_eq!((found.status, found.notes), (Status::Fail, Vec::new()));
}

/// A metric with a verdict, for `worst`.
fn metric(verdict: Option<Verdict>, status: Status) -> MetricJudgement {
    MetricJudgement {
        name: String::new(),
        identity: String::new(),
        value: 0.0,
        baseline: None,
        verdict,
        status,
        comparison: None,
        rule: String::new(),
        anchor: None,
    }
}

#[test]
fn a_case_says_first_what_made_it_fail() {
    use Status::{Fail, Pass, Warn};
    use Verdict::{Degraded, Identical, Improved, Inconclusive, NoRegression, Regressed};
    let of = |metrics: &[(Verdict, Status)]| {
        let metrics: Vec<_> = metrics
            .iter()
            .map(|&(verdict, status)| metric(Some(verdict), status))
            .collect();
        worst(&metrics, Equality::Different)
    };
    assert_eq!(
        of(&[(Improved, Pass), (Regressed, Fail)]),
        (Regressed, Fail)
    );
    // The worse verdict, of those that fail.
    assert_eq!(
        of(&[(Inconclusive, Fail), (Regressed, Fail)]),
        (Regressed, Fail)
    );
    assert_eq!(
        of(&[(Degraded, Warn), (Inconclusive, Fail)]),
        (Inconclusive, Fail)
    );
    assert_eq!(of(&[(Improved, Pass), (Degraded, Warn)]), (Degraded, Warn));
    assert_eq!(
        of(&[(NoRegression, Pass), (Improved, Pass)]),
        (Improved, Pass)
    );
    // Metrics that are only reported decide nothing.
    let reported = [metric(None, Pass)];
    assert_eq!(worst(&reported, Equality::Different), (NoRegression, Pass));
    assert_eq!(worst(&reported, Equality::Exact), (Identical, Pass));
    assert_eq!(worst(&reported, Equality::Rounding), (Identical, Pass));
}

#[test]
fn a_metric_that_is_only_reported_is_told_and_does_not_fail() {
    let gate = case_of(spec("", "", "", "kind = \"accuracy\"\nreport_only = true"));
    let found = against(
        &gate,
        &wrong("new", 300),
        baseline(&gate, &wrong("old", 0), 1),
    );
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::NoRegression, Status::Pass)
    );
    let metric = &found.metrics[0];
    assert_eq!((metric.value, metric.baseline), (0.7, Some(1.0)));
    assert_eq!(
        (metric.verdict, metric.rule.as_str()),
        (None, "only reported")
    );
}

/// A baseline of accuracy 0.91 with retrains of these accuracies.
fn with_retrains(case: &Case, own: &Run, values: &[f64]) -> BaselineFile {
    let mut file = baseline(case, own, 1);
    let identity = &file.metrics[0].identity;
    file.retrains = values
        .iter()
        .map(|&value| {
            let metric = |identity: &str, value| RetrainMetric {
                identity: identity.to_owned(),
                value,
                error: 0.005,
            };
            Retrain {
                model: Digest::of(b"retrain"),
                accepted: accepted("2026-11-02T08:00:00Z", "seed"),
                // Another metric is nothing to this one, and it counts once a retrain.
                metrics: vec![
                    metric("other@1", 0.1),
                    metric(identity, value),
                    metric(identity, value),
                ],
                columns: Vec::new(),
            }
        })
        .collect();
    file
}

/// Accepted are 0.90, 0.91, 0.92 and the baseline's 0.91: mean 0.91, s² = 2e-4 / 3, and one
/// more differs from their mean with an error of s √(5/4) = 0.0091287, three degrees of
/// freedom. scipy: t.cdf((0.88 - 0.91) / 0.009128709291752777, 3) = 0.02310254567668164.
#[test]
fn a_retrain_is_held_against_the_spread_of_accepted_ones() {
    const P: f64 = 0.023_102_545_676_681_64;
    let gate = |alpha: &str, more: &str| {
        case(&format!(
            "margin = 0.01\nalpha = {alpha}\nnull = \"retrain\"\n{more}"
        ))
    };
    let old = wrong("old", 90);
    let values = [0.90, 0.91, 0.92];
    let found = |case: &Case, new: usize| {
        let found = against(case, &wrong("new", new), with_retrains(case, &old, &values));
        let metric = found.metrics[0].clone();
        (found.verdict, found.status, metric.comparison.unwrap())
    };
    let (verdict, status, comparison) = found(&gate("0.05", ""), 120);
    assert_eq!((verdict, status), (Verdict::Regressed, Status::Fail));
    assert_eq!(comparison.retrains, Some(3));
    assert!((comparison.p_harm - P).abs() < 1e-9, "{comparison:?}");
    assert!(comparison.p_gain > 1.0 - P - 1e-9);
    assert!(comparison.harm_exceeds_margin && !comparison.gain_exceeds_margin);
    // Seen is what t sees: (t.ppf(.95, 3) + norm.ppf(.8)) * 0.009128709291752777, more than
    // the paired test asks for (0.0170 at a churn of 3 %).
    let smallest = comparison.detectable().unwrap();
    assert!(
        (smallest - 0.029_166_086_229_200).abs() < 1e-9,
        "{smallest}"
    );
    // The spread is not what more examples would lessen, where it hides the drop.
    assert_eq!(comparison.needed(), None);
    let (_, _, wide) = found(
        &case("margin = 0.015\nalpha = 0.05\nnull = \"retrain\""),
        120,
    );
    assert!(wide.needed().is_some());
    // Both ask: a gain within the margin beside the baseline is none however much above the
    // retrains it is, and harm likewise.
    for (new, values) in [(85, [0.88; 3]), (95, [0.94; 3])] {
        let case = gate("0.05", "");
        let found = against(
            &case,
            &wrong("new", new),
            with_retrains(&case, &old, &values),
        );
        let comparison = found.metrics[0].comparison.clone().unwrap();
        assert!(!comparison.harm_exceeds_margin && !comparison.gain_exceeds_margin);
    }
    // Where the spread is small, harm must be observed beyond the margin: 0.01 +
    // norm.ppf(.8) s √1.25 with s² = 1e-6 · 2.75 / 3 of 0.910, 0.910, 0.911 and 0.912.
    let case_of_little = gate("0.05", "");
    let file = with_retrains(&case_of_little, &old, &[0.910, 0.911, 0.912]);
    let metric = &case_of_little.spec.metrics[0];
    let little = Outlook::of_retrains(
        metric.test.as_ref().unwrap(),
        &file,
        metric,
        &case_of_little.spec,
    )
    .unwrap();
    let expected = 0.01 + 0.841_621_233_573 * f64::sqrt(1e-6 * 2.75 / 3.0 * 1.25);
    // The paired test's own error of 0.005 sees 0.0142.
    assert!(little.smallest.unwrap() > expected);
    let file = BaselineFile {
        retrains: file
            .retrains
            .into_iter()
            .map(|mut retrain| {
                retrain
                    .metrics
                    .iter_mut()
                    .for_each(|metric| metric.error = 1e-6);
                retrain
            })
            .collect(),
        ..file
    };
    let little = Outlook::of_retrains(
        metric.test.as_ref().unwrap(),
        &file,
        metric,
        &case_of_little.spec,
    )
    .unwrap();
    assert!(
        (little.smallest.unwrap() - expected).abs() < 1e-9,
        "{little:?}"
    );
    // Before there is a run, the outlook says the same, and that no number of examples or
    // margin would do; held against no harm, it is by the error of 0.005 (SciPy: 0.01 +
    // norm.ppf(.8) · 0.005).
    let outlook = |case: &Case| {
        let file = with_retrains(case, &old, &values);
        let spec = &case.spec.metrics[0];
        let found =
            Outlook::of_retrains(spec.test.as_ref().unwrap(), &file, spec, &case.spec).unwrap();
        (
            found.smallest.unwrap(),
            found.needed.is_some(),
            found.margin.unwrap(),
        )
    };
    let (seen, needed, margin) = outlook(&gate("0.05", ""));
    assert!((seen - smallest).abs() < 1e-9 && !needed, "{seen}");
    // The margin whose double is seen, which the margin that is asked for does not change.
    assert!((margin - 0.5 * smallest).abs() < 1e-9, "{margin}");
    for others in [
        case(DETECT),
        case("margin = 0.01\nalpha = 0.05\nmode = \"prove\""),
    ] {
        let (seen, needed, margin) = outlook(&others);
        assert!(seen < 0.0143 && needed && margin < 0.0143, "{seen}");
    }
    let (seen, _, _) = outlook(&case(DETECT));
    assert!((seen - 0.014_208_106_168).abs() < 1e-9, "{seen}");
    // The spread explains it at a smaller alpha, which the paired test's 2^-31 is far below.
    let (verdict, _, _) = found(&gate("0.02", ""), 120);
    assert_eq!(verdict, Verdict::Inconclusive);
    // Gain likewise: 0.94 is as far above.
    let (verdict, _, comparison) = found(&gate("0.05", ""), 60);
    assert_eq!(verdict, Verdict::Improved);
    assert!((comparison.p_gain - P).abs() < 1e-9, "{comparison:?}");
    assert!(comparison.gain_exceeds_margin && !comparison.harm_exceeds_margin);
    // Where a rise is harm, that is the regression.
    let (verdict, _, comparison) = found(&gate("0.05", "direction = \"higher\""), 60);
    assert_eq!(verdict, Verdict::Regressed);
    assert!((comparison.p_harm - P).abs() < 1e-9, "{comparison:?}");
    assert!(comparison.harm_exceeds_margin && !comparison.gain_exceeds_margin);
}

/// The new value is held against the anchor's, too: accepted are 0.90, 0.91, 0.92 and the
/// baseline's 0.91, s² = 2e-4 / 3, and two retrains differ with an error of s √2 = 0.011547.
/// scipy: t.cdf((0.88 - 0.92) / 0.011547005, 3) = 0.02025966317691701.
#[test]
fn since_the_anchor_retrains_are_held_against_their_spread_as_well() {
    let found = |alpha: &str, anchor: usize, retrains: &[f64]| {
        let gate = case(&format!(
            "margin = 0.01\nalpha = {alpha}\nnull = \"retrain\""
        ));
        let old = wrong("old", 90);
        let references = References {
            baseline: Lookup::Found(Box::new(with_retrains(&gate, &old, retrains))),
            common: None,
            anchor: Anchor::Found {
                file: Box::new(baseline(&gate, &wrong("anchor", anchor), 1)),
                common: None,
            },
        };
        judge(&gate, &wrong("new", 120), &references)
    };
    let values = [0.90, 0.91, 0.92];
    // The paired test since the anchor has 2^-41.
    let spread = found("0.02", 80, &values);
    assert_eq!(spread.verdict, Verdict::Inconclusive);
    let since = spread.metrics[0].anchor.as_ref().unwrap();
    assert_eq!(since.comparison.retrains, Some(3));
    assert!(
        (since.comparison.p_harm - 0.020_259_663_176_917_01).abs() < 1e-9,
        "{since:?}"
    );
    // At this alpha it is beyond the spread since the anchor, and is not since the baseline.
    let drifted = found("0.021", 80, &values);
    assert_eq!(
        (drifted.verdict, drifted.status),
        (Verdict::Drifted, Status::Fail)
    );
    let rule = &drifted.metrics[0].rule;
    assert!(
        rule.contains("beyond the spread of accepted retrains"),
        "{rule}"
    );
    // 0.02 is the anchor's margin, and no drift however small the spread is.
    let within = found("0.3", 100, &[0.910, 0.910, 0.911]);
    let since = within.metrics[0].anchor.as_ref().unwrap();
    assert!(
        since.comparison.p_harm < 1e-3 && !since.drifted,
        "{since:?}"
    );
    // Two retrains do not tell the spread: as against no harm, and nothing is said of it.
    let few = found("0.02", 80, &values[..2]);
    assert_eq!(few.verdict, Verdict::Drifted);
    let rule = &few.metrics[0].rule;
    assert!(
        rule.contains("harm since the anchor is shown") && !rule.contains("spread"),
        "{rule}"
    );
    let since = few.metrics[0].anchor.as_ref().unwrap();
    assert!(!since.comparison.has_spread());
}

/// Examples that both models get wrong are taken out of the data: the change is over the
/// 950 that are left, and the accepted values are over all 1000. scipy:
/// t.cdf(-30 / 950 / 0.009128709291752777, 3) = 0.0203304084943162.
#[test]
fn retrains_are_held_against_the_change_where_the_data_changed() {
    let gate = case("margin = 0.01\nalpha = 0.05\nnull = \"retrain\"\nanchor = \"none\"");
    let values = (50..EXAMPLES).map(|example| u32::from(example >= 120));
    let mut new = run("new", EXAMPLES - 50, 1, vec![correct(values.collect())]);
    new.identity.inputs["data"]["digest"] = json!("sha256:other");
    new.identity.inputs_digest = Digest::of_json(&new.identity.inputs);
    let file = with_retrains(&gate, &wrong("old", 90), &[0.90, 0.91, 0.92]);
    let references = References {
        baseline: Lookup::Found(Box::new(file)),
        common: Some(Common {
            old: (50..EXAMPLES).collect(),
            new: (0..EXAMPLES - 50).collect(),
            vanished: (0..50).collect(),
        }),
        anchor: Anchor::None,
    };
    let found = judge(&gate, &new, &references);
    assert_eq!(found.verdict, Verdict::Regressed);
    let comparison = found.metrics[0].comparison.as_ref().unwrap();
    assert!(
        (comparison.p_harm - 0.020_330_408_494_316_2).abs() < 1e-9,
        "{comparison:?}"
    );
}

/// Harm is what lies below the mean of the accepted ones by more than the margin, too.
#[test]
fn a_lucky_baseline_is_not_what_retrains_are_held_against() {
    let gate = case("margin = 0.01\nalpha = 0.3\nnull = \"retrain\"");
    let old = wrong("old", 70);
    let found = |new: usize| {
        let file = with_retrains(&gate, &old, &[0.92, 0.92, 0.92, 0.92]);
        let found = against(&gate, &wrong("new", new), file);
        (found.verdict, found.metrics[0].comparison.clone().unwrap())
    };
    // The mean is 0.922, s² = 2e-5, the error √(1.2 · 2e-5) = 0.0049: 0.913 lies below it by
    // 0.009, within the margin, though it is 0.017 below the baseline. t = −1.837, of four
    // degrees p is about 0.07.
    let (verdict, comparison) = found(87);
    assert!(comparison.p_harm < 0.1 && !comparison.harm_exceeds_margin);
    assert_eq!(verdict, Verdict::Degraded);
    // 0.911 lies below it by 0.011.
    let (verdict, comparison) = found(89);
    assert!(comparison.harm_exceeds_margin, "{comparison:?}");
    assert_eq!(verdict, Verdict::Regressed);
}

/// Where a rise is harm: accepted are 0.90, 0.91, 0.92 and the baseline's 0.93, of mean 0.915
/// and s² = 5e-4 / 3. scipy: t.cdf((0.915 - 0.97) / sqrt(5e-4 / 3 * 1.25), 3).
#[test]
fn a_rise_is_held_against_the_mean_of_accepted_retrains() {
    let gate = case("margin = 0.01\nalpha = 0.05\nnull = \"retrain\"\ndirection = \"higher\"");
    let file = with_retrains(&gate, &wrong("old", 70), &[0.90, 0.91, 0.92]);
    let found = against(&gate, &wrong("new", 30), file);
    assert_eq!(found.verdict, Verdict::Regressed);
    let comparison = found.metrics[0].comparison.as_ref().unwrap();
    assert!(
        (comparison.p_harm - 0.015_888_490_286_198_164).abs() < 1e-9,
        "{comparison:?}"
    );
}

/// Accepted are 0.375, 0.375, 0.5 and the baseline's 0.75, of mean 0.5: a fall to 0.25 is
/// exactly the margin from them, and a rise to 0.75 from what mirrors them.
#[test]
fn a_change_of_exactly_the_margin_from_the_retrains_is_within_it() {
    let gate = case("margin = 0.25\nalpha = 0.3\nnull = \"retrain\"");
    let exceeds = |own: usize, values: [f64; 3], new: usize| {
        let file = with_retrains(&gate, &wrong("old", own), &values);
        let found = against(&gate, &wrong("new", new), file);
        let comparison = found.metrics[0].comparison.clone().unwrap();
        (
            comparison.harm_exceeds_margin,
            comparison.gain_exceeds_margin,
        )
    };
    let fallen = |new| exceeds(250, [0.375, 0.375, 0.5], new);
    assert_eq!(fallen(750), (false, false));
    assert_eq!(fallen(751), (true, false));
    let risen = |new| exceeds(750, [0.625, 0.625, 0.5], new);
    assert_eq!(risen(250), (false, false));
    assert_eq!(risen(249), (false, true));
}

/// Four harms of 1000 are shown beside the baseline (2^-5), and no more than retrains differ
/// by: then the limits say what they say of any model that is not worse.
#[test]
fn harm_that_the_spread_of_retrains_explains_may_be_within_the_margin() {
    let gate = case("margin = 0.01\nalpha = 0.05\nnull = \"retrain\"");
    let old = wrong("old", 90);
    let file = with_retrains(&gate, &old, &[0.90, 0.91, 0.92]);
    let found = against(&gate, &wrong("new", 94), file);
    let comparison = found.metrics[0].comparison.as_ref().unwrap();
    assert!(comparison.p_harm > 0.3, "{comparison:?}");
    // Tango's T(−0.01) is 1.91, and P(Bin(1000, 0.01) ≤ 4) = 0.029.
    assert_eq!(
        (found.verdict, found.status),
        (Verdict::Equivalent, Status::Pass)
    );
}

#[test]
fn too_few_retrains_change_nothing_and_are_told() {
    let gate = |null: &str| case(&format!("{DETECT}\nnull = \"{null}\""));
    let (retrain, no_harm) = (gate("retrain"), gate("no_harm"));
    let (old, new) = (wrong("old", 90), wrong("new", 120));
    let found = against(&retrain, &new, with_retrains(&retrain, &old, &[0.8, 1.0]));
    let plain = against(&no_harm, &new, baseline(&no_harm, &old, 1));
    assert_eq!(found.verdict, Verdict::Regressed);
    assert!(found.metrics[0].rule.contains("fewer than 3 retrains"));
    let comparison = found.metrics[0].comparison.clone().unwrap();
    assert_eq!(comparison.retrains, Some(2));
    let plain = plain.metrics[0].comparison.clone().unwrap();
    assert_eq!(
        comparison,
        super::super::Comparison {
            retrains: Some(2),
            question: comparison.question,
            ..plain
        }
    );
}

#[test]
fn a_baseline_keeps_what_judging_needs() {
    let names = |case: &Case| -> Vec<String> {
        let columns = wanted_columns(case).into_iter();
        columns.map(|column| column.name).collect()
    };
    let brier = "kind = \"brier_score\"\nmargin = 0.1";
    let mut spec = spec("", "", "alpha = 0.05", brier);
    assert_eq!(names(&case_of(spec.clone())), ["brier_score"]);
    spec.critical = Some(CriticalSpec {
        examples: vec!["1".to_owned()],
        slices: Vec::new(),
    });
    assert_eq!(names(&case_of(spec)), ["correct", "brier_score"]);
    // Each column once.
    let two = super::spec(
        "",
        "",
        DETECT,
        "kind = \"accuracy\"\n[[metric]]\nkind = \"expected_calibration_error\"",
    );
    assert_eq!(names(&case_of(two)), ["correct", "confidence"]);
}

#[test]
fn a_baseline_states_values_with_wilsons_interval() {
    let gate = case(DETECT);
    let found = accepted_metrics(&gate, &wrong("old", 100));
    assert_eq!((found[0].name.as_str(), found[0].value), ("accuracy", 0.9));
    // statsmodels: proportion_confint(900, 1000, 0.05, "wilson").
    let (lower, upper) = found[0].interval.unwrap();
    assert!((lower - 0.879_848_036_804_651_6).abs() < 1e-9, "{lower}");
    assert!((upper - 0.917_090_556_406_904_4).abs() < 1e-9, "{upper}");
}

#[test]
fn a_retrain_is_recorded_with_the_error_of_its_difference() {
    let gate = case(DETECT);
    let file = || baseline(&gate, &wrong("old", 0), 1);
    let found = against(&gate, &wrong("new", 10), file());
    let kept = retrain_metrics(&found.metrics);
    assert_eq!(
        (kept[0].identity.as_str(), kept[0].value),
        ("accuracy@1", 0.99)
    );
    // Of ten differences of −1 and 990 of none: √((0.01 − 0.01²) / 999).
    assert!((kept[0].error - f64::sqrt(0.0099 / 999.0)).abs() < 1e-12);
    // Equal outcomes differ by nothing.
    let found = against(&gate, &wrong("new", 0), file());
    assert_eq!(retrain_metrics(&found.metrics)[0].error, 0.0);
    // Nothing is known where nothing was compared.
    let found = judge(
        &gate,
        &wrong("new", 0),
        &References::baseline(Lookup::Missing),
    );
    assert_eq!(retrain_metrics(&found.metrics), Vec::new());
}
