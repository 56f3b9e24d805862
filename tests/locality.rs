//! A case's outcomes, bit for bit, whatever the batch size, the order and the
//! company. (Threads are varied by the functional tests of the subcommand.)

use std::path::Path;
use std::sync::Arc;

use steadfast::engine::{Context, Registry, run};
use steadfast::outcome::Outcomes;
use steadfast::spec::{Case, Source, Suite, cases, parse_spec};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The cases of a spec of the example suite, at another batch size.
fn at_batch(name: &str, batch: usize) -> Vec<Case> {
    let path = format!("robustness-specs/{name}.toml");
    let text = std::fs::read_to_string(root().join(&path)).unwrap();
    let text = text.replace("[model]", &format!("[model]\nbatch = {batch}"));
    let source = Arc::new(Source { path, text });
    let spec = parse_spec(
        name,
        &source,
        &Suite::default(),
        &steadfast::builtin::catalogue(),
    )
    .unwrap();
    cases(&Arc::new(spec))
}

fn outcomes(case: &Case, context: &Context) -> Outcomes {
    run(case, context, &|_, _| {}).unwrap().outcomes.clone()
}

fn context() -> Context {
    Context::new(root().to_path_buf(), Registry::default())
}

fn same_at(name: &str, batches: impl Iterator<Item = usize>) {
    let context = context();
    let chosen = |batch| -> Vec<Case> {
        let all = at_batch(name, batch);
        let last = all.len() - 1;
        [0, last / 2, last].map(|index| all[index].clone()).to_vec()
    };
    let expected: Vec<Outcomes> = chosen(64)
        .iter()
        .map(|case| outcomes(case, &context))
        .collect();
    for batch in batches {
        for (case, expected) in chosen(batch).iter().zip(&expected) {
            assert_eq!(
                outcomes(case, &context),
                *expected,
                "{} at batch {batch}",
                case.name
            );
        }
    }
}

#[test]
fn every_batch_size_gives_the_same_outcomes() {
    same_at("digits", 1..=64);
}

#[test]
fn every_batch_size_gives_the_same_outcomes_on_larger_models_and_data() {
    same_at("digits32", [1, 2, 3, 7, 31, 63].into_iter());
    same_at("adult", [1, 2, 5, 33, 1000].into_iter());
}

#[test]
fn order_and_company_change_nothing() {
    let all = at_batch("digits", 64);
    let shared = context();
    let forward: Vec<Outcomes> = all.iter().map(|case| outcomes(case, &shared)).collect();
    let mut backward: Vec<Outcomes> = all
        .iter()
        .rev()
        .map(|case| outcomes(case, &shared))
        .collect();
    backward.reverse();
    assert_eq!(forward, backward);
    for (case, expected) in all.iter().zip(&forward).step_by(5) {
        assert_eq!(
            outcomes(case, &context()),
            *expected,
            "{} by itself",
            case.name
        );
    }
}

/// A model whose first answers are of ten classes, and the others of seven: what is wrong
/// is neither the data's labels nor the case that is asked next.
#[test]
fn answers_of_another_width_are_told_with_their_place() {
    use ndarray::{Array2, ArrayViewD, Axis};
    use steadfast::model::{Gives, Model, from_fn};

    let path = "robustness-specs/digits.toml";
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let text = text.replace("onnx = \"models/digits.onnx\"", "registered = \"narrow\"");
    let source = Arc::new(Source {
        path: path.to_owned(),
        text: text.replace("[model]", "[model]\nbatch = 100"),
    });
    let catalogue = steadfast::builtin::catalogue();
    let spec = parse_spec("digits", &source, &Suite::default(), &catalogue).unwrap();
    let data = Context::new(root().to_path_buf(), Registry::default());
    let data = data.dataset(&spec).unwrap();
    let first = data.example(0).unwrap().into_owned();
    let answer = move |batch: ArrayViewD<'_, f32>| {
        let width = if batch.index_axis(Axis(0), 0) == first {
            10
        } else {
            7
        };
        Array2::zeros((batch.len_of(Axis(0)), width))
    };
    let model = std::sync::Mutex::new(Some(from_fn(Gives::Logits, answer)));
    let mut registry = Registry::default();
    let open = move || Ok(Box::new(model.lock().unwrap().take().unwrap()) as Box<dyn Model>);
    registry.models.insert("narrow".to_owned(), Box::new(open));
    let context = Context::new(root().to_path_buf(), registry);
    let case = &cases(&Arc::new(spec))[0];
    let error = run(case, &context, &|_, _| {}).err().unwrap().to_string();
    assert!(error.starts_with("example "), "{error}");
    assert!(error.contains("numbers an example, and "), "{error}");
}
