//! What rounds is refused unless it is declared straight-through; what only compares,
//! counts or picks is neither. The numbers are among the cases of PyTorch's.

use ndarray::{Array2, ArrayD, IxDyn};
use rten_onnx::onnx::{DataType, GraphProto, ModelProto, NodeProto, TensorProto};

use super::{engines, open, open_on};
use crate::model::Model;
use crate::model::onnx::test_graph::*;
use crate::model::onnx::{ModelError, OnnxEngine, Rounding};

const INT32: i64 = 6;
const INT64: i64 = 7;
const FLOAT: i64 = 1;

fn graph(nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> ModelProto {
    model(&[-1, 2], &[-1, 2], nodes, weights)
}

fn gradient(graph: &ModelProto, rounding: Rounding, x: &[f32]) -> Vec<f32> {
    let opened = open_on(OnnxEngine::Rten, &graph.write_buf().unwrap(), rounding).unwrap();
    let x = ArrayD::from_shape_vec(IxDyn(&[x.len() / 2, 2]), x.to_vec()).unwrap();
    let gradients = opened.gradient(x.view(), &|answers| Array2::ones(answers.dim()));
    gradients.unwrap().inputs.into_raw_vec_and_offset().0
}

fn refusal(graph: &ModelProto) -> (String, String, String) {
    match open(&graph.write_buf().unwrap()) {
        Err(error) => {
            let text = error.to_string();
            match error {
                ModelError::NoRule { operator, node, .. } => (operator, node, text),
                other => panic!("{other}"),
            }
        }
        Ok(_) => panic!("the model was opened"),
    }
}

#[test]
fn what_rounds_is_refused_by_name_and_with_the_key() {
    let scale = || vec![floats("s", &[], &[0.1]), uint8s("z", &[], &[0])];
    for (nodes, weights) in [
        (vec![node("Round", &["x"], &["y"])], vec![]),
        (vec![node("Floor", &["x"], &["y"])], vec![]),
        (vec![node("Ceil", &["x"], &["y"])], vec![]),
        (
            vec![
                node("Cast", &["x"], &["i"]).with("to", int(INT32)),
                node("Cast", &["i"], &["y"]).with("to", int(FLOAT)),
            ],
            vec![],
        ),
        (
            vec![
                node("QuantizeLinear", &["x", "s", "z"], &["q"]),
                node("DequantizeLinear", &["q", "s", "z"], &["y"]),
            ],
            scale(),
        ),
        // Beside a way that does not round.
        (
            vec![
                node("QuantizeLinear", &["x", "s", "z"], &["q"]),
                node("DequantizeLinear", &["q", "s", "z"], &["d"]),
                node("Add", &["x", "d"], &["y"]),
            ],
            scale(),
        ),
    ] {
        let (first, name) = (nodes[0].op_type.clone(), nodes[0].name.clone());
        let (operator, node, text) = refusal(&graph(nodes, weights));
        assert_eq!((Some(operator), Some(node)), (first, name), "{text}");
        assert!(text.contains("straight_through = true"), "{text}");
    }
}

/// The embedded engine is refused for a Sign whatever the gradient.
#[test]
fn a_sign_is_refused_by_name_and_with_the_key() {
    if !engines().contains(&OnnxEngine::Ort) {
        return;
    }
    let signs = graph(vec![node("Sign", &["x"], &["y"])], vec![]);
    let opened = open_on(
        OnnxEngine::Ort,
        &signs.write_buf().unwrap(),
        Rounding::Refused,
    );
    let Err(ModelError::NoRule {
        operator,
        node,
        reason,
        ..
    }) = opened
    else {
        panic!("the model was opened");
    };
    assert_eq!((operator.as_str(), node.as_str()), ("Sign", "the_sign"));
    assert!(reason.contains("straight_through = true"), "{reason}");
}

#[test]
fn a_comparison_is_no_rounding() {
    // x where it is above 0, by way of integers.
    let masked = graph(
        vec![
            node("Greater", &["x", "zero"], &["t"]),
            node("Cast", &["t"], &["i"]).with("to", int(INT64)),
            node("Cast", &["i"], &["m"]).with("to", int(FLOAT)),
            node("Mul", &["x", "m"], &["y"]),
        ],
        vec![floats("zero", &[], &[0.0])],
    );
    for rounding in [Rounding::Refused, Rounding::StraightThrough] {
        let found = gradient(&masked, rounding, &[1.5, -1.5, 2.0, -0.1]);
        assert_eq!(found, [1.0, 0.0, 1.0, 0.0]);
    }
}

#[test]
fn what_is_rounded_to_compare_it_is_no_number() {
    // 3·x where x, rounded, is above 1.
    let masked = graph(
        vec![
            node("Cast", &["x"], &["i"]).with("to", int(INT32)),
            node("Greater", &["i", "one"], &["t"]),
            node("Cast", &["t"], &["m"]).with("to", int(FLOAT)),
            node("Mul", &["x", "three"], &["h"]),
            node("Mul", &["h", "m"], &["y"]),
        ],
        vec![floats("three", &[], &[3.0]), int32s("one", &[1])],
    );
    for rounding in [Rounding::Refused, Rounding::StraightThrough] {
        let found = gradient(&masked, rounding, &[1.5, 2.5, 0.5, 7.0]);
        assert_eq!(found, [0.0, 3.0, 0.0, 3.0]);
    }
}

#[test]
fn a_category_has_no_gradient_and_refuses_none() {
    // The second number chooses what the first is multiplied by.
    let chosen = model(
        &[-1, 2],
        &[-1, 1],
        vec![
            node("Split", &["x"], &["a", "b"]).with("axis", int(1)),
            node("Floor", &["b"], &["f"]),
            node("Cast", &["f"], &["i"]).with("to", int(INT64)),
            node("Gather", &["w", "i"], &["e"]),
            node("Mul", &["a", "e"], &["y"]),
        ],
        vec![floats("w", &[3], &[2.0, 3.0, 5.0])],
    );
    for rounding in [Rounding::Refused, Rounding::StraightThrough] {
        let found = gradient(&chosen, rounding, &[1.0, 0.0, 1.0, 2.5, 1.0, 1.0]);
        assert_eq!(found, [2.0, 0.0, 5.0, 0.0, 3.0, 0.0]);
    }
}

#[test]
fn integers_that_are_computed_with_have_no_rule() {
    let doubled = graph(
        vec![
            node("Cast", &["x"], &["i"]).with("to", int(INT32)),
            node("Add", &["i", "i"], &["d"]),
            node("Cast", &["d"], &["y"]).with("to", int(FLOAT)),
        ],
        vec![],
    );
    let (operator, _, text) = refusal(&doubled);
    assert_eq!(operator, "Add", "{text}");
    assert!(text.contains("not float32"), "{text}");
}

#[test]
fn an_input_that_a_rule_gives_nothing_to_is_refused() {
    // The bias is the input's own, in batches of one.
    let biased = model(
        &[1, 2, 3],
        &[1, 6],
        vec![
            node("LayerNormalization", &["x", "s", "b"], &["h"]),
            node("Flatten", &["h"], &["y"]),
        ],
        vec![floats("s", &[3], &[1.0; 3]), floats("b", &[3], &[0.0; 3])],
    );
    assert!(open(&biased.write_buf().unwrap()).is_ok());
    let mut own = biased;
    let graph = own.graph.as_mut().unwrap();
    graph.node.insert(
        0,
        node("ReduceMax", &["x"], &["m"])
            .with("axes", list(&[0, 1]))
            .with("keepdims", int(0)),
    );
    graph.node[1].input[2] = "m".to_owned();
    let (operator, name, text) = refusal(&own);
    assert_eq!(
        (operator.as_str(), name.as_str()),
        ("LayerNormalization", "the_layernormalization"),
        "{text}"
    );
    assert!(text.contains("input 2"), "{text}");
}

#[test]
fn a_truth_value_of_integers_is_no_number() {
    // x where its level is above 0.
    let masked = graph(
        vec![
            node("QuantizeLinear", &["x", "s", "z"], &["q"]),
            node("Cast", &["q"], &["i"]).with("to", int(INT32)),
            node("Greater", &["i", "none"], &["t"]),
            node("Where", &["t", "x", "nothing"], &["y"]),
        ],
        vec![
            floats("s", &[], &[1.0]),
            uint8s("z", &[], &[0]),
            int32s("none", &[0]),
            floats("nothing", &[], &[0.0]),
        ],
    );
    for rounding in [Rounding::Refused, Rounding::StraightThrough] {
        let found = gradient(&masked, rounding, &[1.5, -1.5, 0.25, 7.0]);
        assert_eq!(found, [1.0, 0.0, 0.0, 1.0]);
    }
}

#[test]
fn levels_that_a_subgraph_reads_are_numbers() {
    // x, and its integer part by way of an If.
    let branch = || {
        subgraph(GraphProto {
            node: vec![node("Cast", &["i"], &["c"]).with("to", int(FLOAT))],
            output: vec![value("c", DataType::FLOAT, &[-1, 2])],
            ..GraphProto::default()
        })
    };
    let levels = graph(
        vec![
            node("Cast", &["x"], &["i"]).with("to", int(INT32)),
            node("If", &["t"], &["h"])
                .with("then_branch", branch())
                .with("else_branch", branch()),
            node("Add", &["x", "h"], &["y"]),
        ],
        vec![bools("t", &[true])],
    );
    let (operator, _, text) = refusal(&levels);
    assert_eq!(operator, "If", "{text}");
}
