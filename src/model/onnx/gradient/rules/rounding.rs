//! Rounding and quantising: flat almost everywhere, so that only a straight-through
//! estimate (Bengio, Léonard & Courville 2013) lets anything through. The spec says
//! whether it is wanted.

use rten_onnx::onnx::DataType;

use super::super::Rounding;
use super::super::site::{Site, axis};
use super::super::writer::Var;

type Done = Result<(), String>;

fn is_wanted(site: &Site<'_>) -> Done {
    if site.rounding == Rounding::StraightThrough {
        return Ok(());
    }
    Err("its gradient is 0 almost everywhere. Set [model] straight_through = true to let gradients pass as if it were not there".to_owned())
}

pub(super) fn round(site: &mut Site<'_>) -> Done {
    is_wanted(site)?;
    super::shape::same(site)
}

/// The scale as it stands beside the tensor that it scales.
fn scale(site: &mut Site<'_>) -> Result<(Var, Vec<usize>, Vec<f32>), String> {
    let constant = site.constant(1);
    let numbers = constant.as_ref().and_then(|constant| constant.floats());
    let numbers = numbers.ok_or("its scale is no constant")?.to_vec();
    let rank = site.shape(0)?.len();
    let shape = if numbers.len() == 1 {
        Vec::new()
    } else {
        let axis = axis(site.int("axis").unwrap_or(1), rank);
        let mut shape = vec![1; rank - axis];
        shape[0] = numbers.len();
        shape
    };
    Ok((site.constant_floats(&shape, &numbers), shape, numbers))
}

/// x / scale + zero point, rounded and held to the type's range: 1 / scale within it.
pub(super) fn quantise(site: &mut Site<'_>) -> Done {
    is_wanted(site)?;
    let cotangent = site.cotangent()?;
    let (scale, shape, scales) = scale(site)?;
    let (least, most) = match site.has(2).then(|| site.kind(2)).transpose()? {
        None | Some(DataType::UINT8) => (0, 255),
        Some(DataType::INT8) => (-128, 127),
        Some(other) => return Err(format!("it quantises to {other}")),
    };
    let zeros = match site.has(2) {
        true => site.constant_ints(2)?,
        false => vec![0],
    };
    let bound = |level: i64, half: f32| -> Vec<f32> {
        let zeros = zeros.iter().cycle();
        let bounds = scales.iter().zip(zeros);
        bounds
            .map(|(scale, zero)| ((level - zero) as f32 + half) * scale)
            .collect()
    };
    let low = site.constant_floats(&shape, &bound(least, -0.5));
    let high = site.constant_floats(&shape, &bound(most, 0.5));
    let input = site.read(0)?;
    let above = site.op("Greater", &[input, low]);
    let below = site.op("Less", &[input, high]);
    let inside = site.op("And", &[above, below]);
    let inside = site.as_float(inside);
    let quotient = site.op("Div", &[cotangent, scale]);
    let back = site.op("Mul", &[quotient, inside]);
    site.flow(0, back);
    Ok(())
}

/// (q − zero point)·scale: the cotangent times the scale.
pub(super) fn dequantise(site: &mut Site<'_>) -> Done {
    is_wanted(site)?;
    let cotangent = site.cotangent()?;
    let (scale, _, _) = scale(site)?;
    let back = site.op("Mul", &[cotangent, scale]);
    site.flow(0, back);
    Ok(())
}
