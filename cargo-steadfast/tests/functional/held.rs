//! Where the gate was once broken: worse models that passed, and good ones that failed.

use crate::repository::Repository;

const CASE: &str = "table::custom::cell::cell_0";
const SPEC: &str = "robustness-specs/table.toml";

/// A repository whose model is a table of scores, judged by `metrics`.
fn scored(labels: &[i64], clusters: &[i64], gate: &str, metrics: &str) -> Repository {
    let repository = Repository::table(1, 1, gate, metrics);
    repository.edit(SPEC, "registered = \"table\"", "registered = \"scores\"");
    repository.edit(SPEC, "labels = \"y\"", "labels = \"y\"\nids = \"id\"");
    let gives = "range = [0, 4096]";
    repository.edit(SPEC, gives, "range = [0, 4096]");
    repository.labelled(labels, clusters);
    repository
}

/// Right answers of positive labels have a positive score.
fn right(count: usize, wrong: impl Fn(usize) -> bool) -> Vec<f32> {
    let score = |row| if wrong(row) { -3.0 } else { 3.0 };
    (0..count).map(score).collect()
}

const AUROC: &str = "[[metric]]\nkind = \"auroc\"\n";

/// 100 positives among 400, which overlap.
fn overlapping(spread: f32) -> (Vec<i64>, Vec<f32>) {
    let labels: Vec<i64> = (0..400).map(|row| i64::from(row % 4 == 0)).collect();
    let scores = (0..400_u32).map(|row| {
        let noise = (row * 7919 % 400) as f32 / 400.0;
        noise + if row % 4 == 0 { spread } else { 0.0 }
    });
    (labels, scores.collect())
}

#[test]
fn worse_ranking_is_seen_on_whatever_scale_the_scores_are() {
    let (labels, good) = overlapping(0.601);
    let (_, bad) = overlapping(0.301);
    for scale in [|score: f32| score, |score: f32| 900.0 * score - 5000.0] {
        let repository = scored(
            &labels,
            &labels,
            "margin = 0.05\nalpha = 0.05\nanchor = \"none\"",
            AUROC,
        );
        repository.scores(&good);
        repository.bless_all();
        let worse: Vec<f32> = bad.iter().map(|&score| scale(score)).collect();
        repository.scores(&worse);
        let ran = repository.test(&[]);
        assert_eq!(ran.code, 101, "{}", ran.all());
        assert_eq!(repository.verdict(CASE), "regressed", "{}", ran.all());
        // The same order on another scale is the same.
        let same: Vec<f32> = good.iter().map(|&score| scale(score)).collect();
        repository.scores(&same);
        let ran = repository.test(&[]);
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert_eq!(repository.verdict(CASE), "identical");
    }
}

/// Log odds of −100 and below are probabilities of 0 in sixteen bits, and of 1e-44 and less.
#[test]
fn rare_events_are_ranked_by_their_own_scores() {
    let labels: Vec<i64> = (0..400).map(|row| i64::from(row % 20 == 0)).collect();
    let ranked = |sign: f32| -> Vec<f32> {
        let score = |row: usize| -150.0 + sign * if row.is_multiple_of(20) { 20.0 } else { 0.0 };
        (0..400)
            .map(|row| score(row) + row as f32 / 400.0)
            .collect()
    };
    let gate = "margin = 0.1\nalpha = 0.05\ndetectable_drop = 0.5";
    let repository = scored(&labels, &labels, gate, AUROC);
    repository.scores(&ranked(1.0));
    repository.bless_all();
    let record = repository.record(CASE);
    assert_eq!(record["metrics"][0]["value"], 1.0, "{record}");
    repository.scores(&ranked(-1.0));
    assert_eq!(repository.test(&[]).code, 101);
    let record = repository.record(CASE);
    assert_eq!(record["metrics"][0]["value"], 0.0, "{record}");
    assert_eq!(record["verdict"], "regressed");
}

/// `count` clusters of `size`.
fn in_clusters(count: i64, size: i64) -> Vec<i64> {
    (0..count * size).map(|row| row / size).collect()
}

/// A repository of accuracy over clusters.
fn clustered(clusters: &[i64], gate: &str) -> Repository {
    let labels = vec![1; clusters.len()];
    let repository = scored(&labels, clusters, gate, "");
    repository.edit(SPEC, "ids = \"id\"", "ids = \"id\"\ncluster = \"part\"");
    repository.scores(&right(clusters.len(), |_| false));
    repository.bless_all();
    repository
}

/// Without any change eight clusters leave a margin of .05 unproven: (.95)^8 = .66.
#[test]
fn eight_clusters_prove_nothing_that_takes_fifty_nine() {
    let gate = "margin = 0.05\nmode = \"prove\"\nanchor = \"none\"";
    for (count, passes) in [(8, false), (58, false), (60, true)] {
        let clusters = in_clusters(count, 10);
        let repository = clustered(&clusters, gate);
        // Another model (its file differs) with the same answers.
        repository.scores(&vec![4.0; clusters.len()]);
        let ran = repository.test(&[]);
        assert_eq!(ran.code == 0, passes, "{count}: {}", ran.all());
    }
}

/// Each of 200 clusters lost one of ten rows: harm, unless those that gained were not drawn,
/// of which one in eleven would do: (1 / 1.1)^200 = 5e-9. Of 20 it is .15.
#[test]
fn few_clusters_that_all_lose_a_little_may_have_missed_one_that_gained() {
    let gate = "margin = 0.05\ndetectable_drop = 0.4\nanchor = \"none\"";
    for (count, fails) in [(20, false), (200, true)] {
        let clusters = in_clusters(count, 10);
        let repository = clustered(&clusters, gate);
        repository.scores(&right(clusters.len(), |row| row % 10 == 0));
        let ran = repository.test(&[]);
        assert_eq!(ran.code != 0, fails, "{count}: {}", ran.all());
    }
    // A declaration makes it so, and is shown.
    let clusters = in_clusters(20, 10);
    let declared = format!("{gate}\nlargest_change = 0.2");
    let repository = clustered(&clusters, &declared);
    repository.scores(&right(clusters.len(), |row| row % 10 == 0));
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    let words = "assuming largest_change = 0.2000 (the largest seen: 0.1000)";
    assert!(ran.stdout.contains(words), "{}", ran.all());
}

/// One of a hundred clusters lost eight of ten rows where .2 is declared: nothing rests on a
/// declaration that the data refute, and the run says so.
#[test]
fn a_declaration_that_the_data_refute_is_dropped() {
    let gate = "margin = 0.05\nmode = \"prove\"\nlargest_change = 0.2\nanchor = \"none\"";
    let clusters = in_clusters(100, 10);
    let repository = clustered(&clusters, gate);
    // Without the one cluster the declaration stands, and the proof with it.
    repository.scores(&right(clusters.len(), |row| row < 2));
    let kept = repository.test(&[]);
    assert_eq!(kept.code, 0, "{}", kept.all());
    assert!(!kept.all().contains("is not true"), "{}", kept.all());
    repository.scores(&right(clusters.len(), |row| row < 8));
    let ran = repository.test(&[]);
    let words = "largest_change = 0.2 of accuracy is not true: a change of 0.8 was seen";
    assert!(ran.all().contains(words), "{}", ran.all());
    assert!(
        !ran.all().contains("assuming largest_change"),
        "{}",
        ran.all()
    );
}

/// All of 50 Brier scores rise by .18: (2 / 2.18)^50 = .013 is the chance that the one that
/// fell by as much as all was not drawn. A t test would say zero.
#[test]
fn scores_that_all_fall_may_have_missed_one_that_rose() {
    let brier = "[[metric]]\nkind = \"brier_score\"\nmargin = 0.1\ndetectable_drop = 1\n";
    let labels = vec![1; 50];
    let repository = scored(&labels, &labels, "margin = 0.1\nanchor = \"none\"", brier);
    // Probabilities of 1 and of .7: 2 · .3² = .18.
    repository.scores(&[30.0; 50]);
    repository.bless_all();
    repository.scores(&[0.847_297_9; 50]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    let record = repository.record(CASE);
    let evidence = record["metrics"][0]["evidence"].as_str().unwrap();
    assert!(evidence.contains("p = 0.013 (harm)"), "{evidence}");
}

/// Fifty of 1,000 are newly wrong. Taking them out, or relabelling them, hides nothing.
#[test]
fn rows_that_are_newly_wrong_cannot_be_chosen_away() {
    let n = 1000;
    let gate = "margin = 0.02\nanchor = \"none\"";
    let repository = Repository::table(n, 1, gate, "");
    repository.edit(SPEC, "labels = \"y\"", "labels = \"y\"\nids = \"id\"");
    repository.rows(&(0..n).collect::<Vec<_>>(), true);
    repository.wrong(n, &[vec![]]);
    repository.bless_all();
    repository.wrong(n, &[(0..50).collect()]);
    assert_eq!(repository.test(&[]).code, 101);
    assert_eq!(repository.verdict(CASE), "regressed");

    repository.rows(&(50..n).collect::<Vec<_>>(), true);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict(CASE), "stale");
    for words in [
        "50 examples of the baseline's 1000 are gone or changed, of which 50 were right; counted as wrong they are harm beyond the margin",
        "Restore them, or bless the new data with the old model first",
    ] {
        assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
    }

    // All are class 0, as the baseline has them; those that are wrong now say 1.
    let labels: Vec<i64> = (0..n as i64).map(|row| i64::from(row < 50)).collect();
    repository.labelled(&labels, &labels);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict(CASE), "regressed");
    let words = "labels of these changed: judged by the baseline's until it is blessed anew";
    assert!(ran.all().contains(words), "{}", ran.all());
    // A bless that lets rows go lists them, and spends the anchor's margin.
    repository.rows(&(50..n).collect::<Vec<_>>(), true);
    repository.edit(SPEC, "anchor = \"none\"", "anchor = \"first\"");
    repository.test(&[]);
    let ran = repository.steadfast(&["bless", "--reason", "x"]);
    assert_eq!(ran.code, 1, "{}", ran.all());
    let words = "would have lost 0.0500 since its anchor, and 0.04 is tolerable";
    assert!(ran.stderr.contains(words), "{}", ran.all());
    let ran = repository.steadfast(&["bless", "--overdraw", "--reason", "x"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    assert!(ran.stdout.contains("dropped: r0, r1, r2"), "{}", ran.all());
}

/// Slice 0 falls by 5 of 100, slice 1 by 30 of 100 and gains none: its p, twice, is 2^-30.
#[test]
fn the_p_of_the_worst_slice_is_of_the_slice_that_is_named() {
    let n = 200;
    let metric = "[[metric]]\nkind = \"worst_slice_accuracy\"\n";
    let repository = Repository::table(n, 1, "margin = 0.1\nanchor = \"none\"", metric);
    repository.edit(SPEC, "labels = \"y\"", "labels = \"y\"\nslice = \"part\"");
    repository.wrong(n, &[(150..200).collect()]);
    repository.bless_all();
    // Slice 0 loses 25; slice 1 loses 30 and gains 20: the lesser p is slice 0's.
    let wrong = (0..25).chain(100..130).chain(170..200).collect();
    repository.wrong(n, &[wrong]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    // Mid-p of 25 harms is 2^-26, twice that 2^-25 = 3e-8.
    let words = "slice part = 0: -0.2500 against a margin of 0.1000";
    assert!(ran.stdout.contains(words), "{}", ran.all());
    // Its limits are at its half of alpha, the p of both at all of it.
    assert!(
        ran.stdout
            .contains("at alpha 0.00125, p = 3e-8 at alpha 0.0025 (harm)"),
        "{}",
        ran.all()
    );
}

/// Ten positives of 2,000: the smaller class counts, and (.98)^10 = .82.
#[test]
fn a_proof_of_a_ranking_counts_the_smaller_class() {
    let labels: Vec<i64> = (0..2000).map(|row| i64::from(row % 200 == 0)).collect();
    let gate = "margin = 0.02\nmode = \"prove\"\nanchor = \"none\"";
    let repository = scored(&labels, &labels, gate, AUROC);
    let scores = |shift: f32| -> Vec<f32> {
        (0..2000)
            .map(|row: usize| {
                shift
                    + if row.is_multiple_of(200) {
                        5.0
                    } else {
                        row as f32 / 2000.0
                    }
            })
            .collect()
    };
    repository.scores(&scores(0.0));
    repository.bless_all();
    repository.scores(&scores(1.0));
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict(CASE), "inconclusive");
    assert!(
        ran.stdout.contains("p = 0.82 (within the margin)"),
        "{}",
        ran.all()
    );
}

/// A proof has no null of its own: since the anchor it is judged against no harm.
#[test]
fn the_anchor_of_a_proof_is_judged_against_no_harm() {
    let n = 1000;
    let gate = "margin = 0.04\nanchor_margin = 0.05";
    let repository = Repository::table(
        n,
        1,
        gate,
        "[[metric]]\nkind = \"accuracy\"\nmode = \"prove\"\n",
    );
    repository.write(
        "robustness-specs/suite.toml",
        "[defaults]\nnull = \"margin\"\n",
    );
    repository.wrong(n, &[vec![]]);
    repository.bless_all();
    repository.wrong(n, &[(0..30).collect()]);
    repository.test(&[]);
    let ran = repository.steadfast(&["bless", "--all", "--reason", "a step"]);
    assert_eq!(ran.code, 0, "{}", ran.all());
    // .055 since the anchor: beyond .05 as observed, and not shown to be beyond it.
    repository.wrong(n, &[(0..55).collect()]);
    let ran = repository.test(&[]);
    assert_eq!(ran.code, 101, "{}", ran.all());
    assert_eq!(repository.verdict(CASE), "drifted", "{}", ran.all());
}
