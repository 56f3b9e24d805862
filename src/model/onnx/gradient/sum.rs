//! Sums over axes, to the same bits wherever the numbers lie in memory.
//!
//! ONNX Runtime sums neighbouring numbers four at a time, beginning where memory is
//! aligned: of five numbers an example, each example's are grouped in another way. A
//! matrix product groups them in one.

use super::site::Site;
use super::tensors::Size;
use super::writer::{Attribute, Var};

/// The sum of `tensor`, which has the shape `shape`, over `axes`; these stay, of size 1.
pub(super) fn sum(
    site: &mut Site<'_>,
    tensor: Var,
    shape: &[Size],
    axes: &[usize],
) -> Result<Var, String> {
    reduced(site, tensor, shape, axes, "ReduceSum", |_| 1.0)
}

/// The mean in place of the sum.
pub(super) fn mean(
    site: &mut Site<'_>,
    tensor: Var,
    shape: &[Size],
    axes: &[usize],
) -> Result<Var, String> {
    let share = |count| 1.0 / count as f32;
    reduced(site, tensor, shape, axes, "ReduceMean", share)
}

fn reduced(
    site: &mut Site<'_>,
    tensor: Var,
    shape: &[Size],
    axes: &[usize],
    operator: &str,
    share: fn(usize) -> f32,
) -> Result<Var, String> {
    let batch = |&axis: &usize| matches!(shape.get(axis), Some(Size::Batch(_)));
    if axes.iter().any(batch) {
        return Err("it takes sums along the axis of the batch".to_owned());
    }
    let ahead = shape.len().saturating_sub(axes.len());
    let are_last = axes.iter().copied().eq(ahead..shape.len());
    let sizes = shape[ahead..].iter().map(|size| match size {
        Size::Fixed(size) => Some(*size),
        Size::Batch(_) => None,
    });
    let count = sizes.product::<Option<usize>>();
    match count.filter(|count| are_last && count % 4 != 0) {
        Some(count) if site.sums_by_alignment() => {
            let rows = [&shape[..ahead], &[Size::Fixed(count)]].concat();
            let rows = match axes {
                [_] => tensor,
                _ => site.reshape(tensor, &rows)?,
            };
            let weights = site.constant_floats(&[count, 1], &vec![share(count); count]);
            let sums = site.op("MatMul", &[rows, weights]);
            if axes.len() == 1 {
                return Ok(sums);
            }
            let kept = [&shape[..ahead], &vec![Size::Fixed(1); axes.len()]].concat();
            site.reshape(sums, &kept)
        }
        _ => {
            let axes: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
            let axes = site.list(&axes);
            let keep = ("keepdims", Attribute::Int(1));
            Ok(site.op_with(operator, &[tensor, axes], &[keep]))
        }
    }
}
