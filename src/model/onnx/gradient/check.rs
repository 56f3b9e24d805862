//! Whether a gradient that was written is one: what each rule sends to a tensor must
//! have that tensor's shape, and along random directions the answers must grow as the
//! gradient says.
//!
//! Differences of float32 answers are coarse, and mean nothing where the answers bend
//! within the step. So a gradient is wrong only where the answers to most examples grow by
//! far more than rounding, as fast at each step and to either side, and to not one as the
//! gradient says. What is found so is a rule that sends cotangents to other places.

use std::collections::{HashMap, HashSet};

use ndarray::{ArrayD, Axis};

use super::super::engine::{Engine, Graph, Input, Value};
use super::super::outputs::{Written, with_outputs};
use super::pass::{Pass, Refusal};
use super::tensors::{self, Size, Tensors, noise};
use super::{Backward, NoRule};

/// Examples that are tried, at least.
pub(super) const EXAMPLES: usize = 4;

/// The part of the examples that must speak against a gradient, by the hundred.
const AGAINST: usize = 75;

/// How far the inputs are moved to either side, as a share of their spread.
const STEPS: [f32; 2] = [1.0 / 128.0, 1.0 / 1024.0];

/// What an example says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    For,
    Against,
    Neither,
}

/// Runs the backward graph, which takes `inputs`, on a batch, and looks at all that its
/// rules make.
pub(super) fn shapes(
    engine: Engine,
    pass: &Pass,
    backward: &Backward,
    inputs: &[&str],
    tensors: &Tensors<'_>,
    (shape, numbers): (&[usize], &[f32]),
) -> Result<(), Refusal> {
    let graph = backward.model.graph.as_ref();
    let nodes = graph.into_iter().flat_map(|graph| &graph.node);
    let made = nodes.flat_map(|node| &node.output).map(String::as_str);
    let made: HashSet<&str> = made.collect();
    let arrivals = backward.arrivals.iter();
    let names = arrivals.map(|arrival| arrival.cotangent.as_str());
    // One tensor may arrive at several.
    let names: HashSet<&str> = names.filter(|name| made.contains(name)).collect();
    if names.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = names.into_iter().collect();
    let bytes = backward.model.write_buf();
    let written = Written {
        model: &backward.model,
        bytes: &bytes.map_err(|error| error.to_string())?,
    };
    let bytes = with_outputs(engine, written, &names, &[])?;
    let graph = Graph::load(engine.as_written(), bytes, inputs, &names)?;

    let (forward, answers, cotangent) = pass.forward(Input::Floats { shape, numbers })?;
    let batch = Input::Floats { shape, numbers };
    let values = graph.run(pass.arguments(forward, batch, &answers, &cotangent)?)?;
    let shapes = values.iter().map(Value::shape);
    let shapes: HashMap<&str, Vec<usize>> = names.into_iter().zip(shapes).collect();
    for arrival in &backward.arrivals {
        let expected = tensors.shape(&arrival.tensor);
        let shape = shapes.get(arrival.cotangent.as_str());
        let (Some(shape), Ok(expected)) = (shape, expected) else {
            continue;
        };
        let expected: Vec<usize> = expected.into_iter().map(Size::in_probe).collect();
        if *shape != expected {
            return Err(Refusal::NoRule(NoRule {
                operator: arrival.operator.clone(),
                node: arrival.node.clone(),
                reason: format!(
                    "what its rule makes for `{}` has the shape {shape:?}, not {expected:?}",
                    arrival.tensor
                ),
            }));
        }
    }
    Ok(())
}

/// Runs a gradient and holds it against the answers, on batches of the shape `shape`; of
/// `examples`, where some are known. The error is a reason for having none.
pub(super) fn differences(
    pass: &Pass,
    shape: &[usize],
    examples: Option<&ArrayD<f32>>,
) -> Result<(), String> {
    let (mut inputs, mut noise) = (tensors::inputs(examples), noise());
    let spread = spread(examples);
    let mut verdicts = Vec::new();
    while verdicts.len() < EXAMPLES {
        verdicts.extend(verdicts_on(pass, shape, &spread, &mut inputs, &mut noise)?);
    }
    let count = |wanted| verdicts.iter().filter(|&&one| one == wanted).count();
    if count(Verdict::For) == 0 && 100 * count(Verdict::Against) >= AGAINST * verdicts.len() {
        return Err(
            "it is not how fast the answers grow (finite differences along random directions): the answers go by steps, or the rule for one of its operators is wrong. In the second case report it; use perturbations that need no gradient"
                .to_owned(),
        );
    }
    Ok(())
}

/// How far each number of an example is spread, over the examples that are known: a column
/// may be years, and the next one shares. What is the same in all is not moved, unless
/// nothing would be.
fn spread(examples: Option<&ArrayD<f32>>) -> Vec<f32> {
    let Some(examples) = examples else {
        return vec![1.0];
    };
    let limits = |limit: fn(f32, f32) -> f32, start| {
        examples.fold_axis(Axis(0), start, move |&found: &f32, &number| {
            limit(found, number)
        })
    };
    let (most, least) = (
        limits(f32::max, f32::NEG_INFINITY),
        limits(f32::min, f32::INFINITY),
    );
    let spread: Vec<f32> = (most - least).into_iter().collect();
    match spread.iter().any(|&spread| spread > 0.0) {
        true => spread,
        // Of one example: a share of each number.
        false => examples
            .index_axis(Axis(0), 0)
            .iter()
            .map(|number| number.abs().max(f32::MIN_POSITIVE))
            .collect(),
    }
}

/// What each example of a batch says.
fn verdicts_on(
    pass: &Pass,
    shape: &[usize],
    spread: &[f32],
    inputs: &mut dyn Iterator<Item = f32>,
    noise: &mut impl Iterator<Item = f32>,
) -> Result<Vec<Verdict>, String> {
    let (examples, size) = (shape[0], shape[1..].iter().product());
    let mut draw = |count: usize| -> Vec<f32> { noise.take(count).collect() };
    let around = |numbers: Vec<f32>| -> Vec<f32> {
        let numbers = numbers.into_iter();
        numbers.map(|number| 2.0 * number - 1.0).collect()
    };
    let inputs: Vec<f32> = inputs.take(examples * size).collect();
    let mut direction = around(draw(examples * size));
    let ways = direction.iter_mut().zip(spread.iter().cycle());
    ways.for_each(|(way, spread)| *way *= spread);
    let batch = |numbers: &[f32]| pass.forward(Input::Floats { shape, numbers });
    let (forward, _, here) = batch(&inputs)?;
    let cotangent = around(draw(here.len()));
    let numbers = inputs.as_slice();
    let gradient = pass.backward(forward, Input::Floats { shape, numbers }, &cotangent)?;

    let losses = |answers: &[f32]| rows(answers, &cotangent, here.len() / examples);
    let (losses_here, slopes) = (losses(&here), rows(&gradient, &direction, size));
    let mut differences: Vec<Vec<Difference>> = (0..examples).map(|_| Vec::new()).collect();
    for step in STEPS {
        let moved = |step: f32| -> Vec<f32> {
            let pairs = inputs.iter().zip(&direction);
            pairs.map(|(input, along)| input + step * along).collect()
        };
        let (Ok((_, _, ahead)), Ok((_, _, behind))) = (batch(&moved(step)), batch(&moved(-step)))
        else {
            // Not every number need be an input.
            return Ok(vec![Verdict::Neither; examples]);
        };
        let step = f64::from(step);
        let sides = losses(&ahead).into_iter().zip(losses(&behind));
        let sides = sides.zip(&losses_here).zip(&mut differences);
        for (((ahead, behind), here), differences) in sides {
            differences.push(Difference {
                ahead: (ahead.sum - here.sum) / step,
                behind: (here.sum - behind.sum) / step,
                noise: 4.0 * f64::from(f32::EPSILON) * here.size / step,
            });
        }
    }
    let slopes = slopes.iter().zip(&differences);
    Ok(slopes
        .map(|(slope, differences)| judge(slope.sum, differences))
        .collect())
}

/// A sum, and that of the sizes of what it is of.
struct Sum {
    sum: f64,
    size: f64,
}

/// The sums of products, row by row.
fn rows(left: &[f32], right: &[f32], length: usize) -> Vec<Sum> {
    let length = length.max(1);
    let rows = left.chunks(length).zip(right.chunks(length));
    rows.map(|(left, right)| {
        let products = left.iter().zip(right);
        let products = products.map(|(&left, &right)| f64::from(left) * f64::from(right));
        Sum {
            sum: products.clone().sum(),
            size: products.map(f64::abs).sum(),
        }
    })
    .collect()
}

/// How fast a loss grows on either side of an example, and by how much rounding may
/// move that.
struct Difference {
    ahead: f64,
    behind: f64,
    noise: f64,
}

impl Difference {
    fn slope(&self) -> f64 {
        (self.ahead + self.behind) / 2.0
    }
}

/// What the differences of an example say of the slope that its gradient has.
fn judge(slope: f64, differences: &[Difference]) -> Verdict {
    let off = |one: &Difference| (one.slope() - slope).abs();
    let size = |one: &Difference| one.slope().abs().max(slope.abs());
    let sides = differences.iter().flat_map(|one| [one.ahead, one.behind]);
    if !slope.is_finite() || !sides.clone().all(f64::is_finite) {
        return Verdict::Neither;
    }
    if differences
        .iter()
        .any(|one| off(one) <= 0.05 * size(one) + one.noise)
    {
        return Verdict::For;
    }
    let highest = sides.clone().fold(f64::NEG_INFINITY, f64::max);
    let bend = highest - sides.fold(f64::INFINITY, f64::min);
    let is_against = |one: &Difference| {
        one.slope().abs() > 16.0 * one.noise
            && off(one) > 0.1 * size(one)
            && off(one) > 8.0 * bend + 16.0 * one.noise
            && bend < 0.25 * one.slope().abs() + one.noise
    };
    if differences.iter().all(is_against) {
        Verdict::Against
    } else {
        Verdict::Neither
    }
}

#[cfg(test)]
mod tests {
    use ndarray::IxDyn;
    use rten_onnx::onnx::ModelProto;

    use super::super::super::interface::Interface;
    use super::super::super::test_graph::*;
    use super::super::{Rounding, backward};
    use super::*;
    use crate::spec::OnnxEngine;

    /// Three layers with a kink between them.
    fn network(weights: &[f32; 9]) -> (ModelProto, Vec<u8>) {
        let nodes = vec![
            node("MatMul", &["x", "w"], &["a"]),
            node("LeakyRelu", &["a"], &["b"]),
            node("MatMul", &["b", "w"], &["c"]),
            node("Tanh", &["c"], &["y"]),
        ];
        let weights = vec![floats("w", &[3, 3], weights)];
        let model = model(&[-1, 3], &[-1, 3], nodes, weights);
        let bytes = model.write_buf().unwrap();
        (model, bytes)
    }

    /// The pass of a model, and what it was written as.
    fn pass((model, bytes): &(ModelProto, Vec<u8>)) -> (Pass, Backward, Tensors<'_>) {
        let engine = Engine::of(OnnxEngine::Rten).unwrap();
        let interface = Interface::of(model.graph.as_ref().unwrap(), None, None).unwrap();
        let written = Written { model, bytes };
        let tensors = Tensors::of(engine, written, 17, ("x", "y"), &[3], None, None).unwrap();
        let backward = backward(&tensors, "x", "y", Rounding::Refused).unwrap();
        let pass = Pass::new(
            engine,
            written,
            17,
            &interface,
            &[3],
            Rounding::Refused,
            None,
        );
        (pass.ok().unwrap(), backward, tensors)
    }

    #[test]
    fn a_gradient_of_other_weights_is_found() {
        let right = [1.0, -0.5, 0.25, 0.5, 1.0, -1.5, -0.75, 0.5, 1.0];
        let turned = [1.0, 0.5, -0.75, -0.5, 1.0, 0.5, 0.25, -1.5, 1.0];
        let ([right, turned], shape) = ([right, turned].map(|it| network(&it)), [4, 3]);
        let ((right, ..), (turned, ..)) = (pass(&right), pass(&turned));
        assert_eq!(differences(&right, &shape, None), Ok(()));
        // Of columns with spreads of their own too.
        let examples = ArrayD::from_shape_fn(IxDyn(&[6, 3]), |at| {
            (3.7 * at[0] as f32 + at[1] as f32).sin() * [1.0, 0.1, 0.5][at[1]]
        });
        assert_eq!(differences(&right, &shape, Some(&examples)), Ok(()));
        let mixed = right.with_backward_of(turned);
        assert!(differences(&mixed, &shape, Some(&examples)).is_err());
        let error = differences(&mixed, &shape, None).unwrap_err();
        assert!(error.contains("finite differences"), "{error}");
    }

    #[test]
    fn a_cotangent_of_another_shape_is_found_by_its_node() {
        let network = network(&[0.5; 9]);
        let (pass, mut backward, tensors) = pass(&network);
        let engine = Engine::of(OnnxEngine::Rten).unwrap();
        let inputs = [&[backward.cotangent.clone()], backward.saved.as_slice()].concat();
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        assert!(
            shapes(
                engine,
                &pass,
                &backward,
                &inputs,
                &tensors,
                (&[2, 3], &[0.5; 6])
            )
            .is_ok()
        );
        let last = backward.arrivals.last_mut().unwrap();
        last.tensor = "w".to_owned();
        let refusal = shapes(
            engine,
            &pass,
            &backward,
            &inputs,
            &tensors,
            (&[2, 3], &[0.5; 6]),
        );
        let Err(Refusal::NoRule(NoRule { node, reason, .. })) = refusal else {
            panic!("it was not found");
        };
        assert_eq!(node, "the_matmul");
        assert!(reason.contains("[2, 3], not [3, 3]"), "{reason}");
    }

    /// The verdict on a slope of x ↦ `loss` at 0.
    fn verdict(slope: f64, loss: impl Fn(f64) -> f64) -> Verdict {
        let at = |step: f32| {
            let step = f64::from(step);
            Difference {
                ahead: (loss(step) - loss(0.0)) / step,
                behind: (loss(0.0) - loss(-step)) / step,
                noise: 4.0 * f64::from(f32::EPSILON) / step,
            }
        };
        judge(slope, &STEPS.map(at))
    }

    #[test]
    fn only_straight_answers_that_clearly_grow_speak_against_a_slope() {
        assert_eq!(verdict(1.0, |x| x), Verdict::For);
        assert_eq!(verdict(1.0, |x| 2.0 * x), Verdict::Against);
        assert_eq!(verdict(-1.0, |x| x + x * x), Verdict::Against);
        // At a kink, over a step, within a wave, and where nothing moves.
        let wave = |x: f64| (200.0 * x).sin();
        for neither in [f64::abs, f64::signum, wave, |_| 0.0] {
            assert_eq!(verdict(7.0, neither), Verdict::Neither);
        }
        assert_eq!(verdict(0.0, |x| 1e-5 * x), Verdict::For);
        assert_eq!(verdict(f64::NAN, |x| x), Verdict::Neither);
    }
}
