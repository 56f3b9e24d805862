//! The way back through broadcasting: what was repeated is summed.

use super::site::Site;
use super::sum::sum;
use super::tensors::Size;
use super::writer::Var;

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
    let axes: Vec<usize> = (0..from.len()).filter(repeated).collect();
    if axes.is_empty() {
        return Ok(cotangent);
    }
    let sum = sum(site, cotangent, from, &axes)?;
    if ahead == 0 {
        Ok(sum)
    } else {
        site.reshape(sum, to)
    }
}
