//! Softmax and its logarithm.

use super::super::site::{Site, axis};
use super::super::sum::sum;

type Done = Result<(), String>;

/// The axes over which the probabilities sum to one: before the operator set 13 all
/// from `axis` on.
fn axes(site: &Site<'_>, rank: usize) -> Vec<usize> {
    if site.opset() < 13 {
        (axis(site.int("axis").unwrap_or(1), rank)..rank).collect()
    } else {
        vec![axis(site.int("axis").unwrap_or(-1), rank)]
    }
}

/// y = softmax(x): y·(g − Σ g·y).
pub(super) fn softmax(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let shape = site.output_shape(0)?;
    let axes = axes(site, shape.len());
    let output = site.read_output();
    let product = site.op("Mul", &[cotangent, output]);
    let total = sum(site, product, &shape, &axes)?;
    let rest = site.op("Sub", &[cotangent, total]);
    let back = site.op("Mul", &[output, rest]);
    site.flow(0, back);
    Ok(())
}

/// y = ln softmax(x): g − eʸ·Σ g.
pub(super) fn log_softmax(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let shape = site.output_shape(0)?;
    let axes = axes(site, shape.len());
    let output = site.read_output();
    let probability = site.op("Exp", &[output]);
    let total = sum(site, cotangent, &shape, &axes)?;
    let share = site.op("Mul", &[probability, total]);
    let back = site.op("Sub", &[cotangent, share]);
    site.flow(0, back);
    Ok(())
}
