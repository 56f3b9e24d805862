//! The gradient that burn computes beside that of the ONNX file of the same weights.

mod model;

use ndarray::{Array2, ArrayD, ArrayView2, Axis, IxDyn};
use steadfast::model::onnx::{self, OnnxEngine, Rounding};
use steadfast::model::{Gives, Model, loss};

/// Largest difference, relative to the largest number of an example: sums of at most 144
/// float32 products, in another order in each of four layers.
const ROUNDING: f32 = 2e-5;

fn assert_equal(what: &str, ours: ArrayD<f32>, theirs: ArrayD<f32>) {
    assert_eq!(ours.shape(), theirs.shape(), "{what}");
    for (ours, theirs) in ours.axis_iter(Axis(0)).zip(theirs.axis_iter(Axis(0))) {
        let largest = |numbers: ArrayD<f32>| numbers.fold(0.0_f32, |most, one| most.max(one.abs()));
        let (apart, size) = (largest(&ours - &theirs), largest(theirs.to_owned()));
        assert!(size > 0.0, "{what}: nothing to compare");
        assert!(apart <= ROUNDING * size, "{what}: {apart} of {size}");
    }
}

#[test]
fn answers_and_gradients_are_those_of_the_onnx_file() {
    let ours = model::open().unwrap();
    let theirs = onnx::load(&onnx::Request {
        path: concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/digits.onnx").into(),
        shown: "models/digits.onnx".to_owned(),
        input: None,
        output: None,
        engine: OnnxEngine::Rten,
        gradient: Some(Rounding::Refused),
        examples: None,
        batch: 64,
    })
    .unwrap();
    // Irregular, so that no two neighbours are equal: libraries differ on which of several
    // maxima of a pool the gradient goes to.
    let images = (0..32 * 64).map(|place| (place as f32 * 0.618_034).fract());
    let images = ArrayD::from_shape_vec(IxDyn(&[32, 1, 8, 8]), images.collect()).unwrap();
    let labels: Vec<usize> = (0..32).map(|row| row % 10).collect();
    let cotangents = |answers: ArrayView2<'_, f32>| -> Array2<f32> {
        loss::cross_entropy(Gives::Logits, answers, &labels).unwrap()
    };
    let [ours, theirs] = [&ours as &dyn Model, &theirs]
        .map(|model| model.gradient(images.view(), &cotangents).unwrap());
    assert_equal(
        "answers",
        ours.answers.into_dyn(),
        theirs.answers.into_dyn(),
    );
    assert_equal("gradients", ours.inputs, theirs.inputs);
}
