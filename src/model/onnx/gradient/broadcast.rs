//! The way back through broadcasting: what was repeated is summed.

use super::site::Site;
use super::tensors::Size;
use super::writer::{Attribute, Var};

/// Sums `cotangent`, which has the shape `from`, over the axes along which a
/// tensor of the shape `to` was repeated.
pub(super) fn unbroadcast(
    site: &mut Site<'_>,
    cotangent: Var,
    from: &[Size],
    to: &[Size],
) -> Result<Var, String> {
    let ahead = from.len().saturating_sub(to.len());
    let repeated = |&axis: &usize| {
        axis < ahead || (to[axis - ahead] == Size::Fixed(1) && from[axis] != Size::Fixed(1))
    };
    let axes: Vec<i64> = (0..from.len())
        .filter(repeated)
        .map(|axis| axis as i64)
        .collect();
    if axes.is_empty() {
        return Ok(cotangent);
    }
    let axes = site.list(&axes);
    let keep = ("keepdims", Attribute::Int(1));
    let sum = site.op_with("ReduceSum", &[cotangent, axes], &[keep]);
    if ahead == 0 {
        Ok(sum)
    } else {
        site.reshape(sum, to)
    }
}
