//! The parts together, on cases by hand.

use steadfast::outcome::{Column, ColumnSpec, Outcomes};
use steadfast::seed::Stream;

use super::draws::Draws;
use super::harm::shares;
use super::material::Source;
use super::subject::testing::{anchored, cases_of, held_against, run, subject};
use steadfast::outcome::{CLASS, CORRECT};
use steadfast::record::Slices;
use steadfast::verdict::Status;

/// 200 examples of three classes, with two replicates, a fifth of which is wrong.
fn answers() -> Outcomes {
    let mut stream = Stream::new(1, "test@1", 0, "answers");
    let labels: Vec<u32> = (0..200).map(|example| example % 3).collect();
    let classes: Vec<u32> = (0..400)
        .map(|row| (labels[row / 2] + u32::from(stream.below(5) == 0)) % 3)
        .collect();
    let correct = classes.iter().enumerate();
    let correct: Vec<u32> = correct
        .map(|(row, &class)| u32::from(class == labels[row / 2]))
        .collect();
    let confidence = (0..400).map(|_| 40_000 + stream.below(20_000) as u32);
    let confidence = confidence.collect();
    let columns = [
        (ColumnSpec::correct(), correct),
        (ColumnSpec::class(), classes),
        (ColumnSpec::confidence(), confidence),
        (ColumnSpec::label(), labels),
    ];
    Outcomes {
        examples: 200,
        replicates: 2,
        columns: columns
            .into_iter()
            .map(|(spec, values)| Column { spec, values })
            .collect(),
    }
}

const TESTS: &str = "\n[[perturbation]]\nkind = \"identity\"\n\n[[metric]]\nkind = \"accuracy\"\n\n[[metric]]\nkind = \"macro_f1\"\n\n[[metric]]\nkind = \"expected_calibration_error\"\n";

/// Tests one by one, and not asked where they cannot fail, find what the whole case finds.
#[test]
fn a_case_fails_as_the_gate_says() {
    let slices = "\n[[metric]]\nkind = \"worst_slice_accuracy\"\n";
    for gate in [
        "anchor = \"none\"\nmargin = 0.03\nalpha = 0.2",
        "anchor = \"none\"\nmargin = 0.03\nalpha = 0.05\ndirection = \"both\"",
        "anchor = \"none\"\nmargin = 0.03\nalpha = 0.05\non_inconclusive = \"fail\"",
        "margin = 0.03\nanchor_margin = 0.04\nalpha = 0.2",
        "margin = 0.03\nanchor_margin = 0.04\nalpha = 0.2\ndirection = \"both\"",
    ] {
        let case = cases_of(&format!("[gate]\n{gate}\n{TESTS}{slices}")).remove(0);
        let [mut baseline, mut anchor] = [answers(), answers()].map(run);
        for run in [&mut baseline, &mut anchor] {
            run.slices = Some(Slices {
                of: (0..200).map(|example| u32::from(example < 60)).collect(),
                names: vec!["many".to_owned(), "few".to_owned()],
            });
        }
        // The anchor was right a little more often.
        let labels = anchor.labels().to_vec();
        for column in &mut anchor.outcomes.columns {
            for row in 0..14 {
                match column.spec.name.as_str() {
                    CORRECT => column.values[row] = 1,
                    CLASS => column.values[row] = labels[row / 2],
                    _ => {}
                }
            }
        }
        let subject = if gate.starts_with("anchor") {
            held_against(&case, baseline)
        } else {
            anchored(&case, baseline, anchor)
        };
        let (metric, test) = subject.tests().next().unwrap();
        let [one, ..] = shares(&subject, metric, test);
        let mut failed = [0, 0];
        for model in 0..40 {
            let draws = Draws::new(1, model, &subject.examples);
            let plan = subject.churn.plan(subject.churn.chance(0.1), &draws);
            let share = if model % 2 == 0 { one.unwrap() } else { 0.0 };
            let plan = subject.churn.harmed(&plan, share, &draws);
            let outcomes = subject.material.made(&plan);
            let judged = subject.judgement(outcomes.clone());
            let metrics = judged.metrics.iter();
            let failing = metrics
                .filter(|metric| metric.status == Status::Fail)
                .count();
            let found = subject.finding(outcomes.clone());
            assert_eq!(
                (found.fails, found.failing),
                (failing > 0, failing),
                "{gate}"
            );
            assert_eq!(subject.fails(outcomes), judged.status == Status::Fail);
            failed[model % 2] += usize::from(found.fails);
        }
        assert!(
            failed[0] > 3 && failed[0] >= failed[1],
            "{gate}: {failed:?}"
        );
    }
}

/// What changes in one case changes in another over the same examples, and the harm of
/// more margins is of more of the same examples.
#[test]
fn cases_over_the_same_examples_change_together() {
    let case = cases_of(&format!(
        "[gate]\nanchor = \"none\"\nmargin = 0.03\n{TESTS}"
    ))
    .remove(0);
    let [one, other] = [subject(&case, answers()), subject(&case, answers())];
    assert_eq!(one.examples, other.examples);
    for model in 0..10 {
        let draws = Draws::new(1, model, &one.examples);
        assert_eq!(one.churn.plan(0.3, &draws), other.churn.plan(0.3, &draws));
        let plain = vec![Source::Own; 200];
        let less = one.churn.harmed(&plain, 0.1, &draws);
        let more = other.churn.harmed(&plain, 0.2, &draws);
        for (less, more) in less.iter().zip(&more) {
            assert!(*less == Source::Own || *more == Source::Harmed);
        }
    }
}
