//! Sums, means and extremes over axes.

use super::super::site::{Site, axis};
use super::super::tensors::Size;
use super::super::writer::{Attribute, Var};

type Done = Result<(), String>;

/// What is reduced: the axes, how many numbers they hold, and the shape in which the
/// output keeps them.
struct Reduced {
    axes: Vec<i64>,
    count: usize,
    kept: Vec<Size>,
    /// What the kept shape is expanded to: 1 for axes that stay.
    target: Vec<i64>,
}

impl Reduced {
    fn of(site: &Site<'_>) -> Result<Self, String> {
        let shape = site.shape(0)?;
        let given = match site.ints("axes") {
            Some(axes) => axes.to_vec(),
            None if site.has(1) => site.constant_ints(1)?,
            None => Vec::new(),
        };
        let noop = site.int("noop_with_empty_axes").unwrap_or(0) != 0;
        let mut axes: Vec<usize> = given.iter().map(|&one| axis(one, shape.len())).collect();
        if axes.is_empty() && !noop {
            axes = (0..shape.len()).collect();
        }
        let mut reduced = Self {
            axes: Vec::new(),
            count: 1,
            kept: shape.clone(),
            target: vec![1; shape.len()],
        };
        for axis in axes {
            let Some(Size::Fixed(size)) = shape.get(axis).copied() else {
                return Err("it reduces the axis of the batch".to_owned());
            };
            reduced.axes.push(axis as i64);
            reduced.count *= size;
            reduced.kept[axis] = Size::Fixed(1);
            reduced.target[axis] = size as i64;
        }
        Ok(reduced)
    }

    /// The cotangent in the kept shape.
    fn cotangent(&self, site: &mut Site<'_>) -> Result<Var, String> {
        let cotangent = site.cotangent()?;
        site.reshape(cotangent, &self.kept)
    }
}

/// Every number has the cotangent of its sum.
pub(super) fn sum(site: &mut Site<'_>) -> Done {
    shared(site, |_| 1.0)
}

/// Every number has its share of the cotangent of its mean.
pub(super) fn mean(site: &mut Site<'_>) -> Done {
    shared(site, |count| 1.0 / count as f32)
}

fn shared(site: &mut Site<'_>, share: fn(usize) -> f32) -> Done {
    let reduced = Reduced::of(site)?;
    let mut cotangent = reduced.cotangent(site)?;
    let share = share(reduced.count);
    if share != 1.0 {
        cotangent = site.scaled(cotangent, share);
    }
    let target = site.list(&reduced.target);
    let back = site.op("Expand", &[cotangent, target]);
    site.flow(0, back);
    Ok(())
}

/// The largest or smallest number has the cotangent; equal ones share it.
pub(super) fn extreme(site: &mut Site<'_>) -> Done {
    let reduced = Reduced::of(site)?;
    if reduced.axes.is_empty() {
        return super::shape::same(site);
    }
    let cotangent = reduced.cotangent(site)?;
    let output = site.read_output();
    let output = site.reshape(output, &reduced.kept)?;
    to_the_equal(site, cotangent, output, &reduced.axes)
}

/// Shares `cotangent` among the numbers of the input that equal `output` along `axes`.
pub(super) fn to_the_equal(site: &mut Site<'_>, cotangent: Var, output: Var, axes: &[i64]) -> Done {
    let input = site.read(0)?;
    let equal = site.op("Equal", &[input, output]);
    let equal = site.as_float(equal);
    let axes = site.list(axes);
    let count = site.op_with(
        "ReduceSum",
        &[equal, axes],
        &[("keepdims", Attribute::Int(1))],
    );
    let share = site.op("Div", &[cotangent, count]);
    let back = site.op("Mul", &[equal, share]);
    site.flow(0, back);
    Ok(())
}
