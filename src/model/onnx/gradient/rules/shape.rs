//! Operators that move numbers and leave them as they are.

use rten_onnx::onnx::DataType;

use super::super::broadcast::unbroadcast;
use super::super::site::Site;
use super::super::writer::Attribute;

type Done = Result<(), String>;

/// The output is the input.
pub(super) fn same(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    site.flow(0, cotangent);
    Ok(())
}

/// The same numbers, rounded to integers where the type is one of theirs.
pub(super) fn cast(site: &mut Site<'_>) -> Done {
    let float = |&kind: &DataType| site.int("to") == Some(i64::from(kind.0));
    let floats = [
        DataType::FLOAT,
        DataType::DOUBLE,
        DataType::FLOAT16,
        DataType::BFLOAT16,
    ];
    if site.is_whole(0) || floats.iter().any(float) {
        same(site)
    } else {
        super::rounding::round(site)
    }
}

/// The same numbers in another shape.
pub(super) fn reshaped(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let shape = site.shape(0)?;
    let back = site.reshape(cotangent, &shape)?;
    site.flow(0, back);
    Ok(())
}

/// Axes in another order.
pub(super) fn transpose(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let rank = site.shape(0)?.len();
    let order: Vec<usize> = match site.ints("perm") {
        Some(order) if !order.is_empty() => order.iter().map(|&axis| axis as usize).collect(),
        _ => (0..rank).rev().collect(),
    };
    let mut inverse = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        *inverse.get_mut(from).ok_or("its perm names no axis")? = to as i64;
    }
    let back = site.op_with(
        "Transpose",
        &[cotangent],
        &[("perm", Attribute::Ints(&inverse))],
    );
    site.flow(0, back);
    Ok(())
}

/// Repeated along axes: summed over them.
pub(super) fn expand(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let (from, to) = (site.output_shape(0)?, site.shape(0)?);
    let summed = unbroadcast(site, cotangent, &from, &to)?;
    site.flow(0, summed);
    Ok(())
}
