//! Operators that only move and mix numbers, as each engine has them: their gradient is
//! the adjoint map, ⟨c, y(x)⟩ = ⟨gradient, x⟩.

use ndarray::{Array2, ArrayD};
use rten_onnx::onnx::{DataType, NodeProto, TensorProto};

use super::{engines, open_on};
use crate::model::Model;
use crate::model::onnx::test_graph::*;
use crate::model::onnx::tests::noise;
use crate::model::onnx::{ModelError, OnnxEngine, Rounding};

/// How far the two products of a graph of one node are apart, relative to the larger
/// numbers in them.
fn gap(
    engine: OnnxEngine,
    opset: i64,
    input: &[i64],
    moves: &NodeProto,
    weights: &[TensorProto],
) -> Result<f64, ModelError> {
    let nodes = vec![moves.clone(), node("Flatten", &["y"], &["flat"])];
    let mut graph = model(input, &[], nodes, weights.to_vec());
    graph.opset_import[0].version = Some(opset);
    let whole = graph.graph.as_mut().unwrap();
    whole.output = vec![value("flat", DataType::FLOAT, &[-1, -1])];
    let opened = open_on(engine, &graph.write_buf().unwrap(), Rounding::Refused)?;
    let size = |&size: &i64| usize::try_from(size).unwrap_or(4);
    let shape: Vec<usize> = input.iter().map(size).collect();
    let x: ArrayD<f32> = noise(&shape);
    let y = opened.predict(x.view())?;
    let cotangents: Array2<f32> = noise(&[y.nrows(), y.ncols()])
        .into_dimensionality()
        .unwrap();
    let gradient = opened.gradient(x.view(), &|_| cotangents.clone())?.inputs;
    let product = |left: &[f32], right: &[f32]| -> f64 {
        let pairs = left.iter().zip(right);
        pairs
            .map(|(&left, &right)| f64::from(left) * f64::from(right))
            .sum()
    };
    let out = product(cotangents.as_slice().unwrap(), y.as_slice().unwrap());
    let back = product(gradient.as_slice().unwrap(), x.as_slice().unwrap());
    let size: f64 = cotangents
        .iter()
        .zip(&y)
        .map(|(c, y)| f64::from(c * y).abs())
        .sum();
    Ok((out - back).abs() / size)
}

/// The scales among them keep the size, or differ from what the sizes say.
#[test]
fn a_resize_goes_back_as_it_came_on_either_engine() {
    let mut tried = 0;
    for engine in engines() {
        for coordinates in ["half_pixel", "pytorch_half_pixel", "asymmetric"] {
            for (mode, nearest) in [
                ("linear", "floor"),
                ("nearest", "floor"),
                ("nearest", "ceil"),
                ("nearest", "round_prefer_floor"),
                ("nearest", "round_prefer_ceil"),
            ] {
                for scale in [0.3, 0.6, 0.95, 1.04, 1.1, 1.2, 1.7, 2.0, 2.2, 3.3] {
                    let resize = node("Resize", &["x", "", "s"], &["y"])
                        .with("mode", text(mode))
                        .with("nearest_mode", text(nearest))
                        .with("coordinate_transformation_mode", text(coordinates));
                    let scales = floats("s", &[4], &[1.0, 1.0, scale, 1.1]);
                    let gap = gap(engine, 17, &[-1, 2, 9, 11], &resize, &[scales]).unwrap();
                    assert!(
                        gap < 1e-6,
                        "{engine:?} {coordinates} {mode} {nearest} {scale}: {gap:.1e}"
                    );
                    tried += 1;
                }
            }
        }
        for mode in ["linear", "nearest"] {
            let resize = node("Resize", &["x", "", "", "sizes"], &["y"]).with("mode", text(mode));
            let sizes = ints("sizes", &[4, 2, 7, 23]);
            let gap = gap(engine, 17, &[4, 2, 9, 11], &resize, &[sizes]).unwrap();
            assert!(gap < 1e-6, "{engine:?} {mode} to sizes: {gap:.1e}");
        }
    }
    assert!(tried >= 150);
}

#[cfg(feature = "ort")]
#[test]
fn older_and_newer_resizes_go_back_as_they_came_on_onnx_runtime() {
    if !crate::model::onnx::ort_tests::library() {
        return;
    }
    let ort = OnnxEngine::Ort;
    for mode in ["linear", "nearest"] {
        for scale in [0.6, 1.1, 1.7, 2.0, 2.2] {
            let scales = floats("s", &[4], &[1.0, 1.0, scale, 1.1]);
            let resize = node("Resize", &["x", "s"], &["y"]).with("mode", text(mode));
            let gap = gap(ort, 10, &[-1, 2, 9, 11], &resize, &[scales]).unwrap();
            assert!(gap < 1e-6, "{mode} {scale}: {gap:.1e}");
        }
        let resize = node("Resize", &["x", "", "", "sizes"], &["y"])
            .with("mode", text(mode))
            .with("keep_aspect_ratio_policy", text("not_larger"))
            .with("axes", list(&[2, 3]));
        let gap = gap(
            ort,
            18,
            &[-1, 2, 9, 11],
            &resize,
            &[ints("sizes", &[14, 20])],
        )
        .unwrap();
        assert!(gap < 1e-6, "{mode} of one ratio: {gap:.1e}");
    }
}

#[test]
fn a_slice_goes_back_as_it_came_on_either_engine() {
    for engine in engines() {
        for (start, end, step) in [
            (1, 5, 1),
            (-3, i64::MAX, 1),
            (0, i64::MAX, 2),
            (-1, i64::MIN, -1),
            (i64::MAX, i64::MIN, -2),
            (5, -8, -3),
            // Backwards to beyond the end.
            (-1, i64::MAX, -1),
            (2, i64::MAX, -1),
        ] {
            let slice = node("Slice", &["x", "start", "end", "axis", "step"], &["y"]);
            let one = |name, number| ints(name, &[number]);
            let weights = [
                one("start", start),
                one("end", end),
                one("axis", 2),
                one("step", step),
            ];
            match gap(engine, 17, &[-1, 2, 7], &slice, &weights) {
                Ok(gap) => assert!(gap < 1e-6, "{engine:?} {start} {end} {step}: {gap:.1e}"),
                // Of nothing at all.
                Err(error) => assert!(end == i64::MAX && step < 0, "{engine:?} {error}"),
            }
        }
    }
}
