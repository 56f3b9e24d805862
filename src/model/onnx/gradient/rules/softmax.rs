//! Softmax and its logarithm.

use super::super::site::{Site, axis};
use super::super::writer::{Attribute, Var};

type Done = Result<(), String>;

/// The axes over which the probabilities sum to one: before the operator set 13 all
/// from `axis` on.
fn axes(site: &Site<'_>) -> Result<Vec<i64>, String> {
    let rank = site.output_shape(0)?.len();
    Ok(if site.opset() < 13 {
        let first = axis(site.int("axis").unwrap_or(1), rank);
        (first as i64..rank as i64).collect()
    } else {
        vec![axis(site.int("axis").unwrap_or(-1), rank) as i64]
    })
}

fn sum(site: &mut Site<'_>, tensor: Var, axes: &[i64]) -> Var {
    let axes = site.list(axes);
    site.op_with(
        "ReduceSum",
        &[tensor, axes],
        &[("keepdims", Attribute::Int(1))],
    )
}

/// y = softmax(x): y·(g − Σ g·y).
pub(super) fn softmax(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let axes = axes(site)?;
    let output = site.read_output();
    let product = site.op("Mul", &[cotangent, output]);
    let total = sum(site, product, &axes);
    let rest = site.op("Sub", &[cotangent, total]);
    let back = site.op("Mul", &[output, rest]);
    site.flow(0, back);
    Ok(())
}

/// y = ln softmax(x): g − eʸ·Σ g.
pub(super) fn log_softmax(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let axes = axes(site)?;
    let output = site.read_output();
    let probability = site.op("Exp", &[output]);
    let total = sum(site, cotangent, &axes);
    let share = site.op("Mul", &[probability, total]);
    let back = site.op("Sub", &[cotangent, share]);
    site.flow(0, back);
    Ok(())
}
