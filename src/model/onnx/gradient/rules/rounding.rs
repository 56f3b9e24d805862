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

/// The cotangent itself.
pub(super) fn round(site: &mut Site<'_>) -> Done {
    is_wanted(site)?;
    super::shape::same(site)
}

/// ±1: the cotangent within that range and 0 beyond it, as binarised networks are trained
/// (Courbariaux et al. 2016, arXiv:1602.02830).
pub(super) fn sign(site: &mut Site<'_>) -> Done {
    is_wanted(site)?;
    let cotangent = site.cotangent()?;
    let input = site.read(0)?;
    let size = site.op("Abs", &[input]);
    let one = site.scalar(1.0);
    let inside = site.op("LessOrEqual", &[size, one]);
    let inside = site.as_float(inside);
    let back = site.op("Mul", &[cotangent, inside]);
    site.flow(0, back);
    Ok(())
}

/// The scale as it stands beside the tensor that it scales, and its shape.
fn scale(site: &mut Site<'_>) -> Result<(Var, Vec<usize>), String> {
    if site.int("block_size").unwrap_or(0) != 0 {
        return Err("there is no rule for scales of blocks".to_owned());
    }
    let constant = site.constant(1);
    let numbers = constant.as_ref().and_then(|constant| constant.floats());
    let numbers = numbers.ok_or("its scale is no constant")?;
    let shape = match numbers.len() {
        1 => Vec::new(),
        channels => {
            let rank = site.shape(0)?.len();
            let mut shape = vec![1; rank - axis(site.int("axis").unwrap_or(1), rank)];
            *shape.first_mut().ok_or("its axis is none of the input's")? = channels;
            shape
        }
    };
    Ok((site.constant_floats(&shape, numbers), shape))
}

/// x / scale, rounded, plus the zero point, held to the type's range: 1 / scale for what
/// was within the range once it was rounded, as in PyTorch's fake_quantize.
pub(super) fn quantise(site: &mut Site<'_>) -> Done {
    is_wanted(site)?;
    let cotangent = site.cotangent()?;
    let (scale, shape) = scale(site)?;
    let kind = match site.int("output_dtype") {
        _ if site.has(2) => site.kind(2)?,
        None | Some(0) => DataType::UINT8,
        Some(kind) => DataType(i32::try_from(kind).unwrap_or_default()),
    };
    let (least, most) = match kind {
        DataType::UINT8 => (0, 255),
        DataType::INT8 => (-128, 127),
        DataType::UINT16 => (0, 65_535),
        DataType::INT16 => (-32_768, 32_767),
        other => return Err(format!("there is no rule for quantising to {other}")),
    };
    let zeros = match site.has(2) {
        true => site.constant_ints(2)?,
        false => vec![0],
    };
    let shape = if zeros.len() == 1 { Vec::new() } else { shape };
    let input = site.read(0)?;
    let levels = site.op("Div", &[input, scale]);
    let levels = site.op("Round", &[levels]);
    let mut inside = |level: i64, half: f32, operator: &str| {
        let bounds = zeros.iter().map(|zero| (level - zero) as f32 + half);
        let bounds = site.constant_floats(&shape, &bounds.collect::<Vec<_>>());
        site.op(operator, &[levels, bounds])
    };
    let above = inside(least, -0.5, "Greater");
    let below = inside(most, 0.5, "Less");
    let inside = site.op("And", &[above, below]);
    let inside = site.as_float(inside);
    let quotient = site.op("Div", &[cotangent, scale]);
    let back = site.op("Mul", &[quotient, inside]);
    site.flow(0, back);
    Ok(())
}

/// (q − zero point)·scale: the cotangent times the scale.
pub(super) fn dequantise(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let (scale, _) = scale(site)?;
    let back = site.op("Mul", &[cotangent, scale]);
    site.flow(0, back);
    Ok(())
}
