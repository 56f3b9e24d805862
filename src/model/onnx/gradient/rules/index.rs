//! Operators that pick numbers along axes: what was not picked has the cotangent
//! zero, and what was picked several times the sum of its cotangents.

use super::super::linear_map::{Sources, along};
use super::super::ramp;
use super::super::site::{Site, axis};
use super::super::tensors::Size;
use super::super::writer::{Attribute, Var};

type Done = Result<(), String>;

/// y = [x₁, x₂, …]: each part has its piece of the cotangent.
pub(super) fn concat(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let rank = site.output_shape(0)?.len();
    let axis = axis(site.int("axis").unwrap_or(0), rank);
    let mut start = 0;
    for input in 0..site.inputs() {
        let end = start + fixed(&site.shape(input)?, axis)? as i64;
        if site.wants(input) {
            let piece = site.cut(cotangent, &[(axis, start, end, 1)]);
            site.flow(input, piece);
        }
        start = end;
    }
    Ok(())
}

/// [y₁, y₂, …] = x: the cotangents side by side, zeros where none arrives.
pub(super) fn split(site: &mut Site<'_>) -> Done {
    let shape = site.shape(0)?;
    let axis = axis(site.int("axis").unwrap_or(0), shape.len());
    let size = fixed(&shape, axis)?;
    let all: Option<Vec<Var>> = (0..site.outputs())
        .map(|output| site.cotangent_of(output))
        .collect();
    if let Some(all) = all {
        let whole = site.op_with("Concat", &all, &[("axis", Attribute::Int(axis as i64))]);
        site.flow(0, whole);
        return Ok(());
    }
    let mut start = 0;
    for output in 0..site.outputs() {
        let piece = fixed(&site.output_shape(output)?, axis)?;
        if let Some(cotangent) = site.cotangent_of(output) {
            let mut pads = vec![0; 2 * shape.len()];
            pads[axis] = start as i64;
            pads[shape.len() + axis] = (size - start - piece) as i64;
            let pads = site.list(&pads);
            let padded = site.op("Pad", &[cotangent, pads]);
            site.flow(0, padded);
        }
        start += piece;
    }
    Ok(())
}

/// y = x[start:end:step]: the cotangent where it was taken from, else zero.
pub(super) fn slice(site: &mut Site<'_>) -> Done {
    for input in 1..site.inputs() {
        if site.has(input) {
            site.constant_ints(input)?;
        }
    }
    by_axis(site)
}

/// y = x[indices]: every number has the sum of the cotangents of its copies.
pub(super) fn gather(site: &mut Site<'_>) -> Done {
    let shape = site.shape(0)?;
    let axis = axis(site.int("axis").unwrap_or(0), shape.len());
    let size = fixed(&shape, axis)?;
    let indices = site.constant_ints(1)?;
    let mut sources: Sources = vec![Vec::new(); size];
    for (taken, &index) in indices.iter().enumerate() {
        let index = if index < 0 {
            index + size as i64
        } else {
            index
        };
        let source = usize::try_from(index).ok();
        let source = source.and_then(|index| sources.get_mut(index));
        source
            .ok_or("an index is beyond the axis")?
            .push((taken, 1.0));
    }
    let mut flat = shape.clone();
    flat[axis] = Size::Fixed(indices.len());
    let cotangent = site.cotangent()?;
    let cotangent = site.reshape(cotangent, &flat)?;
    let back = along(site, cotangent, axis, shape.len(), &sources, indices.len());
    site.flow(0, back);
    Ok(())
}

/// y = x within a border: the cotangent without what falls on a constant border, and
/// with what falls on copies of x (`reflect`, `edge`, `wrap`).
pub(super) fn pad(site: &mut Site<'_>) -> Done {
    let shape = site.shape(0)?;
    let pads = match site.ints("pads") {
        Some(pads) => pads.to_vec(),
        None => site.constant_ints(1)?,
    };
    let axes: Vec<i64> = if site.has(3) {
        site.constant_ints(3)?
    } else {
        (0..shape.len() as i64).collect()
    };
    if pads.len() != 2 * axes.len() {
        return Err("its pads are not two numbers an axis".to_owned());
    }
    let mode = site.text("mode").unwrap_or("constant").to_owned();
    let mut back = site.cotangent()?;
    for (at, &one) in axes.iter().enumerate() {
        let (before, behind) = (pads[at], pads[axes.len() + at]);
        if before == 0 && behind == 0 {
            continue;
        }
        let axis = axis(one, shape.len());
        let size = fixed(&shape, axis)? as i64;
        let length = before + size + behind;
        let mut sources: Sources = vec![Vec::new(); size as usize];
        for output in 0..length {
            let from = output - before;
            let from = match mode.as_str() {
                "constant" => from,
                "edge" => from.clamp(0, size - 1),
                "wrap" => from.rem_euclid(size),
                "reflect" if from < 0 => -from,
                "reflect" if from >= size => 2 * (size - 1) - from,
                "reflect" => from,
                _ => return Err(format!("there is no rule for its mode {mode}")),
            };
            if let Some(source) = usize::try_from(from)
                .ok()
                .and_then(|from| sources.get_mut(from))
            {
                source.push((output as usize, 1.0));
            }
        }
        back = along(
            site,
            back,
            axis,
            shape.len(),
            &sources,
            length.max(0) as usize,
        );
    }
    site.flow(0, back);
    Ok(())
}

/// y = the image on a grid of another size; each axis is a matrix M, y = M x, and the
/// cotangent is Mᵀ g.
pub(super) fn resize(site: &mut Site<'_>) -> Done {
    match site.text("mode") {
        None | Some("nearest" | "linear") => {}
        Some(other) => {
            return Err(format!(
                "there is no rule for the mode {other}, only for nearest and linear"
            ));
        }
    }
    if site.int("antialias").unwrap_or(0) != 0 {
        return Err("there is no rule for antialias = 1".to_owned());
    }
    if site.text("coordinate_transformation_mode") == Some("tf_crop_and_resize") {
        return Err("there is no rule for tf_crop_and_resize coordinates".to_owned());
    }
    by_axis(site)
}

/// Along one axis after the other.
fn by_axis(site: &mut Site<'_>) -> Done {
    let rank = site.shape(0)?.len();
    let lengths = site.output_shape(0)?;
    let mut back = site.cotangent()?;
    for axis in 0..rank {
        if let Some(sources) = ramp::sources(site, axis)? {
            let length = fixed(&lengths, axis)?;
            back = along(site, back, axis, rank, &sources, length);
        }
    }
    site.flow(0, back);
    Ok(())
}

/// The size of an axis that the batch does not change.
fn fixed(shape: &[Size], axis: usize) -> Result<usize, String> {
    match shape.get(axis) {
        Some(Size::Fixed(size)) => Ok(*size),
        Some(Size::Batch(_)) => Err("it picks along the axis of the batch".to_owned()),
        None => Err(format!("its input has no axis {axis}")),
    }
}
