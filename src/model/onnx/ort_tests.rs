//! ONNX files by ONNX Runtime. Where its library is not here, the tests say so and
//! are skipped.

use std::io::Write as _;
use std::path::Path;

use ndarray::{ArrayD, Slice};
use rayon::prelude::*;
use rten_onnx::onnx::{AttributeProto, AttributeType, DataType, NodeProto, OperatorSetIdProto};

use super::engine::Numbers;
use super::test_graph::*;
use super::tests::{
    Wrong, assert_answers, attention, attentions, batch, defined_twice, dense, message, noise,
    recurrent, request, wrong_answers,
};
use super::*;

/// Whether there is a library.
pub(super) fn library() -> bool {
    let found = Engine::of(OnnxEngine::Ort);
    if let Err(reason) = &found {
        // Past the capture of a test's output: a test that is skipped says so.
        let _ = writeln!(std::io::stderr(), "skipped: {reason}");
    }
    found.is_ok()
}

fn open_file(path: &Path, engine: OnnxEngine) -> Result<OnnxModel, ModelError> {
    load(&request(path, engine))
}

fn open(model: &ModelProto, engine: OnnxEngine) -> Result<OnnxModel, ModelError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), model.write_buf().unwrap()).unwrap();
    open_file(file.path(), engine)
}

fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn digits() -> ArrayD<f32> {
    let data = crate::data::open(&crate::data::testing::arrays(
        source("data/digits-test.npz"),
        (0.0, 1.0),
    ))
    .unwrap();
    let examples: Vec<_> = (0..data.len())
        .map(|example| data.example(example).unwrap())
        .collect();
    let views: Vec<_> = examples.iter().map(|example| example.view()).collect();
    ndarray::stack(Axis(0), &views).unwrap()
}

#[test]
fn both_engines_give_the_same_logits_to_rounding() {
    if !library() {
        return;
    }
    let inputs = digits();
    let [rten, ort] = [OnnxEngine::Rten, OnnxEngine::Ort].map(|engine| {
        let opened = open_file(&source("models/digits.onnx"), engine).unwrap();
        let name = opened.describe().engine;
        let words: Vec<&str> = name.split(' ').collect();
        assert_eq!(words[0], engine.text());
        assert!(words[1].starts_with(|first: char| first.is_ascii_digit()));
        opened.predict(inputs.view()).unwrap()
    });
    let most = (&rten - &ort)
        .iter()
        .fold(0.0_f32, |most, off| most.max(off.abs()));
    eprintln!("largest difference of {} logits: {most:e}", rten.len());
    assert!(most < 1e-4, "{most:e}");
    assert!(most > 0.0, "two engines, not one twice");
}

#[test]
fn an_answer_depends_on_neither_batch_nor_threads() {
    if !library() {
        return;
    }
    let mut models = vec![
        (
            "attention",
            open(&attention(), OnnxEngine::Ort),
            vec![5, 8],
            1,
        ),
        (
            "recurrent",
            open(&recurrent(), OnnxEngine::Ort),
            vec![5, 8],
            1,
        ),
    ];
    for (name, example, step) in [
        ("digits", vec![1, 8, 8], 1),
        ("digits32", vec![1, 32, 32], 5),
        ("adult", vec![29], 1),
    ] {
        let path = source(&format!("models/{name}.onnx"));
        models.push((name, open_file(&path, OnnxEngine::Ort), example, step));
    }
    for (name, opened, example, step) in models {
        let opened = opened.unwrap();
        let inputs = noise(&[&[64], &example[..]].concat());
        let expected = opened.predict(inputs.view()).unwrap();
        assert_ne!(
            expected.row(0),
            expected.row(1),
            "{name} tells examples apart"
        );
        for threads in [1, 2, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads);
            pool.build().unwrap().install(|| {
                (2..65_usize)
                    .into_par_iter()
                    .step_by(step)
                    .for_each(|size| {
                        // Another offset for every size, so that an example stands at
                        // many positions.
                        let start = (size * 5) % (65 - size);
                        let rows = Slice::from(start..start + size);
                        let answers = opened.predict(inputs.slice_axis(Axis(0), rows)).unwrap();
                        let alone = expected.slice_axis(Axis(0), rows);
                        let mut pairs = answers.iter().zip(alone);
                        assert!(
                            pairs.all(|(a, b)| a.to_bits() == b.to_bits()),
                            "{name}: batch of {size} from {start}, {threads} threads"
                        );
                    });
            });
        }
    }
}

#[test]
fn what_rten_computes_wrongly_is_computed_by_the_specification_or_refused() {
    if !library() {
        return;
    }
    let mut refused = Vec::new();
    for case in wrong_answers() {
        let Wrong {
            operator,
            mut model,
            inputs,
            specified,
        } = case;
        let graph = model.graph.as_mut().unwrap();
        // ONNX Runtime takes a name once only.
        for (at, node) in graph.node.iter_mut().enumerate().skip(1) {
            node.name = Some(format!("node_{at}"));
        }
        // Their shapes are of no matter there, and declared as none.
        for output in &mut graph.output {
            output.r#type = None;
        }
        assert!(message(open(&model, OnnxEngine::Rten)).contains(&operator));
        let engine = Engine::of(OnnxEngine::Ort).unwrap();
        let opset = standard::opset(&model).unwrap();
        let bytes = model.write_buf().unwrap();
        let trusted = trust::refuse(&trust::Asked {
            model: &model,
            inputs: &["x"],
            outputs: &["y"],
            opset,
            engine,
            alone: false,
        });
        let trusted = trusted.is_none();
        let graph = Graph::load(engine, bytes, &["x"], &["y"]);
        let graph = graph.unwrap_or_else(|error| panic!("{operator}: {error}"));
        let inputs = Input::Floats {
            shape: inputs.shape(),
            numbers: inputs.as_slice().unwrap(),
        };
        let answers = match graph.run(vec![inputs]).unwrap()[0].numbers() {
            Some(Numbers::Floats(numbers)) => numbers,
            Some(Numbers::Ints(numbers)) => numbers.iter().map(|&number| number as f32).collect(),
            None => panic!("{operator}: no numbers"),
        };
        let mut pairs = answers.iter().zip(&specified);
        let right = answers.len() == specified.len() && pairs.all(|(a, b)| (a - b).abs() < 1e-5);
        assert_eq!(
            right, trusted,
            "{operator}: {answers:?}, by the specification {specified:?}"
        );
        if !trusted {
            refused.push(operator);
        }
    }
    assert_eq!(refused, ["Resize"], "with align_corners");
}

#[test]
fn a_tensor_that_is_defined_twice_is_refused_by_the_engine_itself_too() {
    if !library() {
        return;
    }
    for (twice, tensor) in defined_twice() {
        let engine = Engine::of(OnnxEngine::Ort).unwrap();
        let graph = Graph::load(engine, twice.write_buf().unwrap(), &["x"], &["y"]);
        assert!(graph.is_err(), "{tensor}");
        assert!(message(open(&twice, OnnxEngine::Ort)).contains("defined twice"));
    }
}

#[test]
fn attention_is_the_textbooks() {
    if !library() {
        return;
    }
    for (whole, inputs, expected) in attentions() {
        let opened = open(&whole, OnnxEngine::Ort).unwrap();
        assert_answers(&opened, &inputs, &expected);
    }
}

#[test]
fn what_draws_or_looks_at_neighbours_is_refused_by_any_engine() {
    if !library() {
        return;
    }
    let microsoft = NodeProto {
        domain: Some("com.microsoft".to_owned()),
        ..node("DynamicQuantizeMatMul", &["x", "w", "s"], &["y"])
    };
    for refused in [
        node("RandomNormalLike", &["x"], &["y"]),
        node("DynamicQuantizeLinear", &["x"], &["y", "scale", "zero"]),
        node("BatchNormalization", &["x", "w", "w", "w", "w"], &["y"])
            .with("training_mode", int(1)),
        node("Dropout", &["x", "", "yes"], &["y"]),
        microsoft,
    ] {
        let operator = refused.op_type.clone();
        let weights = vec![floats("w", &[2], &[1.0, 1.0]), bools("yes", &[true])];
        let whole = model(&[-1, 2], &[-1, 2], vec![refused], weights);
        match open(&whole, OnnxEngine::Ort) {
            Err(ModelError::Untrusted {
                operator: named, ..
            }) => assert_eq!(Some(named), operator),
            other => panic!("{operator:?}: {:?}", other.map(|_| ())),
        }
    }
}

#[test]
fn an_answer_that_depends_on_its_neighbours_is_refused() {
    if !library() {
        return;
    }
    let nodes = vec![
        node("Relu", &["x"], &["h"]),
        node("Softmax", &["h"], &["y"]).with("axis", int(0)),
    ];
    let whole = model(&[-1, 2], &[-1, 2], nodes, vec![]);
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), whole.write_buf().unwrap()).unwrap();
    let opened = load(&Request {
        examples: Some(noise(&[5, 2])),
        ..request(file.path(), OnnxEngine::Ort)
    });
    assert!(matches!(opened, Err(ModelError::Mixes { .. })));
    let text = message(opened);
    assert!(text.contains("Softmax (node \"the_softmax\")"), "{text}");
}

#[test]
fn a_tree_of_scikit_learn_runs_there_only() {
    // y = 1 where the first number is at most 0.5, else 2.
    if !library() {
        return;
    }
    let floats = |numbers: &[f32]| AttributeProto {
        floats: numbers.to_vec(),
        r#type: Some(AttributeType::FLOATS),
        ..AttributeProto::default()
    };
    let modes = AttributeProto {
        strings: ["BRANCH_LEQ", "LEAF", "LEAF"].map(str::to_owned).into(),
        r#type: Some(AttributeType::STRINGS),
        ..AttributeProto::default()
    };
    let tree = NodeProto {
        domain: Some("ai.onnx.ml".to_owned()),
        ..node("TreeEnsembleRegressor", &["x"], &["y"])
    }
    .with("n_targets", int(1))
    .with("nodes_treeids", list(&[0, 0, 0]))
    .with("nodes_nodeids", list(&[0, 1, 2]))
    .with("nodes_featureids", list(&[0, 0, 0]))
    .with("nodes_values", floats(&[0.5, 0.0, 0.0]))
    .with("nodes_modes", modes)
    .with("nodes_truenodeids", list(&[1, 0, 0]))
    .with("nodes_falsenodeids", list(&[2, 0, 0]))
    .with("target_treeids", list(&[0, 0]))
    .with("target_nodeids", list(&[1, 2]))
    .with("target_ids", list(&[0, 0]))
    .with("target_weights", floats(&[1.0, 2.0]));
    let mut whole = model(&[-1, 2], &[-1, 1], vec![tree], vec![]);
    whole.opset_import.push(OperatorSetIdProto {
        domain: Some("ai.onnx.ml".to_owned()),
        version: Some(3),
    });
    let text = message(open(&whole, OnnxEngine::Rten));
    assert!(text.contains("TreeEnsembleRegressor"), "{text}");
    assert!(text.contains("engine = \"ort\""), "{text}");
    let opened = open(&whole, OnnxEngine::Ort).unwrap();
    let answers = opened.predict(batch(&[2, 2], &[0.0, 9.0, 1.0, 9.0]).view());
    assert_eq!(answers.unwrap(), ndarray::array![[1.0], [2.0]]);
}

#[test]
fn an_operator_that_there_is_nowhere_is_named() {
    if !library() {
        return;
    }
    let whole = model(
        &[-1, 2],
        &[-1, 2],
        vec![node("Blur", &["x"], &["y"])],
        vec![],
    );
    let text = message(open(&whole, OnnxEngine::Ort));
    assert!(
        text.contains("ONNX Runtime") && text.contains("Blur"),
        "{text}"
    );
    assert!(!text.contains("rten"), "{text}");
}

#[test]
fn an_input_that_the_output_does_not_need_is_not_given() {
    if !library() {
        return;
    }
    let mut whole = dense();
    let graph = whole.graph.as_mut().unwrap();
    graph.input.push(value("other", DataType::FLOAT, &[-1, 2]));
    let expected = open(&dense(), OnnxEngine::Ort).unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), whole.write_buf().unwrap()).unwrap();
    let opened = load(&Request {
        path: file.path().to_owned(),
        shown: "m.onnx".to_owned(),
        input: Some("x".to_owned()),
        output: None,
        engine: OnnxEngine::Ort,
        gradient: None,
        examples: None,
        batch: 64,
    });
    let inputs = noise(&[3, 2]);
    assert_eq!(
        opened.unwrap().predict(inputs.view()).unwrap(),
        expected.predict(inputs.view()).unwrap()
    );
}

#[test]
fn answers_in_float64_are_read_on_either_engine() {
    if !library() {
        return;
    }
    let mut whole = model(
        &[-1, 2],
        &[-1, 2],
        vec![node("Cast", &["x"], &["y"]).with("to", int(11))],
        vec![],
    );
    whole.graph.as_mut().unwrap().output[0] = value("y", DataType::DOUBLE, &[-1, 2]);
    for engine in [OnnxEngine::Rten, OnnxEngine::Ort] {
        let inputs = batch(&[2, 2], &[0.1, -2.5, 1e-8, 3.0]);
        let answers = open(&whole, engine)
            .unwrap()
            .predict(inputs.view())
            .unwrap();
        assert_eq!(answers.into_dyn(), inputs, "{engine:?}");
    }
}

/// With the provider's package the answers are those of the CPU to rounding; with another
/// the error says which package has it.
#[test]
fn an_execution_provider_answers_or_says_what_is_missing() {
    if !library() {
        return;
    }
    let digits_model = source("models/digits.onnx");
    let examples = digits();
    let own = open_file(&digits_model, OnnxEngine::Ort).unwrap();
    let own = own.predict(examples.view()).unwrap();
    for (engine, name, package) in [
        (OnnxEngine::OrtOpenVino, "OpenVINO", "onnxruntime-openvino"),
        (OnnxEngine::OrtCuda, "CUDA", "onnxruntime-gpu"),
    ] {
        match open_file(&digits_model, engine) {
            Ok(model) => {
                let described = model.describe().engine;
                assert!(described.ends_with(&format!(" with {name}")), "{described}");
                let answers = model.predict(examples.view()).unwrap();
                for (answer, own) in answers.iter().zip(&own) {
                    assert!((answer - own).abs() < 1e-4, "{name}: {answer} and {own}");
                }
            }
            Err(error) => {
                let message = error.to_string();
                let absent = message.contains("was built without it") && message.contains(package);
                let lacks = message.contains("it does not start: ");
                assert!(absent || lacks, "{message}");
                assert!(message.contains(engine.text()), "{message}");
                assert!(
                    message.ends_with("set engine = \"ort\" for the CPU"),
                    "{message}"
                );
            }
        }
    }
}
