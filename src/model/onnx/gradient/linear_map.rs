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

/// How a Resize makes `length` numbers of `size`, in the float32 arithmetic of the
/// embedded engine; `step` is one over the scale.
pub(super) fn resized(
    site: &Site<'_>,
    size: usize,
    length: usize,
    step: f32,
) -> Result<Sources, String> {
    if site.int("antialias").unwrap_or(0) != 0 {
        return Err("there is no rule for antialias = 1".to_owned());
    }
    // Before the operator set 11 there is no choice.
    let (coordinates, rounding) = match site.opset() {
        ..11 => ("asymmetric", "floor"),
        _ => ("half_pixel", "round_prefer_floor"),
    };
    let position: fn(f32, f32, f32, f32) -> f32 = match site
        .text("coordinate_transformation_mode")
        .unwrap_or(coordinates)
    {
        "half_pixel" => |at, step, _, _| step * (at + 0.5) - 0.5,
        "pytorch_half_pixel" => |at, step, _, length| {
            if length > 1.0 {
                step * (at + 0.5) - 0.5
            } else {
                0.0
            }
        },
        "asymmetric" => |at, step, _, _| step * at,
        "align_corners" => |at, _, size, length| {
            if length > 1.0 {
                at * (size - 1.0) / (length - 1.0)
            } else {
                0.0
            }
        },
        other => return Err(format!("there is no rule for {other} coordinates")),
    };
    let last = (size - 1) as f32;
    let mut sources: Sources = vec![Vec::new(); size];
    for output in 0..length {
        let at = position(output as f32, step, size as f32, length as f32);
        match site.text("mode").unwrap_or("nearest") {
            "nearest" => {
                let nearest = match site.text("nearest_mode").unwrap_or(rounding) {
                    "round_prefer_floor" => (at - 0.5).ceil(),
                    "round_prefer_ceil" => (at + 0.5).floor(),
                    "floor" => at.floor(),
                    "ceil" => at.ceil(),
                    other => return Err(format!("there is no rule for nearest_mode {other}")),
                };
                sources[nearest.clamp(0.0, last) as usize].push((output, 1.0));
            }
            "linear" => {
                let at = at.clamp(0.0, last);
                let left = at.floor();
                let right = at - left;
                sources[left as usize].push((output, 1.0 - right));
                if right > 0.0 {
                    sources[left as usize + 1].push((output, right));
                }
            }
            other => {
                return Err(format!(
                    "there is no rule for the mode {other}, only for nearest and linear"
                ));
            }
        }
    }
    Ok(sources)
}
