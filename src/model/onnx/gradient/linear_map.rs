//! The way back through a linear map along one axis.

use super::site::Site;
use super::writer::{Attribute, Var};

/// For each number along the input's axis: which numbers of the output it went into,
/// and by which factor.
pub(super) type Sources = Vec<Vec<(usize, f32)>>;

/// The cotangent of the input, along `axis` of a tensor of `rank` axes that has `length`
/// numbers there: a Gather where each number went into at most one, else a product.
pub(super) fn along(
    site: &mut Site<'_>,
    cotangent: Var,
    axis: usize,
    rank: usize,
    sources: &Sources,
    length: usize,
) -> Var {
    let picks = |into: &Vec<(usize, f32)>| matches!(into.as_slice(), [] | [(_, 1.0)]);
    if sources.iter().all(picks) {
        // Numbers that went nowhere read a zero behind the last.
        let mut pads = vec![0; 2 * rank];
        pads[rank + axis] = 1;
        let pads = site.list(&pads);
        let padded = site.op("Pad", &[cotangent, pads]);
        let index = |into: &Vec<(usize, f32)>| into.first().map_or(length, |&(at, _)| at) as i64;
        let indices: Vec<i64> = sources.iter().map(index).collect();
        let indices = site.list(&indices);
        let axis = ("axis", Attribute::Int(axis as i64));
        return site.op_with("Gather", &[padded, indices], &[axis]);
    }
    let mut matrix = vec![0.0; length * sources.len()];
    for (column, into) in sources.iter().enumerate() {
        for &(row, factor) in into {
            matrix[row * sources.len() + column] += factor;
        }
    }
    let matrix = site.constant_floats(&[length, sources.len()], &matrix);
    if axis + 1 == rank {
        return site.op("MatMul", &[cotangent, matrix]);
    }
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(axis, rank - 1);
    let order = [("perm", Attribute::Ints(&order))];
    let turned = site.op_with("Transpose", &[cotangent], &order);
    let product = site.op("MatMul", &[turned, matrix]);
    site.op_with("Transpose", &[product], &order)
}
