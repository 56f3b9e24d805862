//! Arithmetic with broadcasting: what was repeated on the way forward is summed on
//! the way back.

use rten_onnx::onnx::DataType;

use super::super::super::engine::Numbers;
use super::super::broadcast::unbroadcast;
use super::super::site::Site;
use super::super::writer::Var;

type Done = Result<(), String>;

/// Gives `input` a cotangent of the output's shape.
fn flow(site: &mut Site<'_>, input: usize, cotangent: Var) -> Done {
    let (from, to) = (site.output_shape(0)?, site.shape(input)?);
    let cotangent = unbroadcast(site, cotangent, &from, &to)?;
    site.flow(input, cotangent);
    Ok(())
}

/// a + b + …: the cotangent itself.
pub(super) fn add(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    for input in 0..site.inputs() {
        if site.wants(input) {
            flow(site, input, cotangent)?;
        }
    }
    Ok(())
}

/// (a + b + …) / n.
pub(super) fn mean(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let share = site.scaled(cotangent, 1.0 / site.inputs() as f32);
    for input in 0..site.inputs() {
        if site.wants(input) {
            flow(site, input, share)?;
        }
    }
    Ok(())
}

/// a − b.
pub(super) fn sub(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    if site.wants(0) {
        flow(site, 0, cotangent)?;
    }
    if site.wants(1) {
        let negative = site.op("Neg", &[cotangent]);
        flow(site, 1, negative)?;
    }
    Ok(())
}

/// a·b: the cotangent times the other.
pub(super) fn mul(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    for (input, other) in [(0, 1), (1, 0)] {
        if site.wants(input) {
            let other = site.read(other)?;
            let product = site.op("Mul", &[cotangent, other]);
            flow(site, input, product)?;
        }
    }
    Ok(())
}

/// a / b: g / b, and −g·y / b.
pub(super) fn div(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let divisor = site.read(1)?;
    let quotient = site.op("Div", &[cotangent, divisor]);
    if site.wants(0) {
        flow(site, 0, quotient)?;
    }
    if site.wants(1) {
        let output = site.read_output();
        let product = site.op("Mul", &[quotient, output]);
        let negative = site.op("Neg", &[product]);
        flow(site, 1, negative)?;
    }
    Ok(())
}

/// xᵖ: g·p·xᵖ⁻¹, and g·y·ln x for the exponent. Both are 0 where p is 0, or x is 0 for
/// an exponent, as in PyTorch, and not 0·∞.
pub(super) fn pow(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let base = site.read(0)?;
    if site.wants(0) {
        let known = site.constant(1).map(|known| match known.numbers {
            Numbers::Floats(floats) => (known.shape, floats),
            Numbers::Ints(ints) => (known.shape, ints.iter().map(|&one| one as f32).collect()),
        });
        let derivative = match known {
            Some((_, exponents)) if exponents.iter().all(|&one| one == 2.0) => {
                site.scaled(base, 2.0)
            }
            Some((shape, exponents)) => {
                let less = |&one: &f32| if one == 0.0 { 1.0 } else { one - 1.0 };
                let less: Vec<f32> = exponents.iter().map(less).collect();
                let less = site.constant_floats(&shape, &less);
                let power = site.op("Pow", &[base, less]);
                let exponents = site.constant_floats(&shape, &exponents);
                site.op("Mul", &[power, exponents])
            }
            None => {
                let exponent = site.read_as(1, site.kind(1)?)?;
                let exponent = site.cast(exponent, DataType::FLOAT);
                let (zero, one) = (site.scalar(0.0), site.scalar(1.0));
                let none = site.op("Equal", &[exponent, zero]);
                let less = site.shifted(exponent, -1.0);
                let less = site.op("Where", &[none, one, less]);
                let power = site.op("Pow", &[base, less]);
                site.op("Mul", &[power, exponent])
            }
        };
        let product = site.op("Mul", &[cotangent, derivative]);
        flow(site, 0, product)?;
    }
    if site.wants(1) {
        let output = site.read_output();
        let (zero, one) = (site.scalar(0.0), site.scalar(1.0));
        let none = site.op("Equal", &[base, zero]);
        let base = site.op("Where", &[none, one, base]);
        let logarithm = site.op("Log", &[base]);
        let product = site.op("Mul", &[cotangent, output]);
        let product = site.op("Mul", &[product, logarithm]);
        flow(site, 1, product)?;
    }
    Ok(())
}

pub(super) fn neg(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let negative = site.op("Neg", &[cotangent]);
    site.flow(0, negative);
    Ok(())
}

/// |x|: 1 above 0, −1 below, and 0 at 0.
pub(super) fn abs(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let input = site.read(0)?;
    let zero = site.scalar(0.0);
    let above = site.op("Greater", &[input, zero]);
    let above = site.as_float(above);
    let below = site.op("Less", &[input, zero]);
    let below = site.as_float(below);
    let sign = site.op("Sub", &[above, below]);
    let product = site.op("Mul", &[cotangent, sign]);
    site.flow(0, product);
    Ok(())
}

/// eˣ: g·y.
pub(super) fn exp(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let output = site.read_output();
    let product = site.op("Mul", &[cotangent, output]);
    site.flow(0, product);
    Ok(())
}

/// ln x: g / x.
pub(super) fn log(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let input = site.read(0)?;
    let quotient = site.op("Div", &[cotangent, input]);
    site.flow(0, quotient);
    Ok(())
}

/// sin x: g·cos x.
pub(super) fn sin(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let input = site.read(0)?;
    let cosine = site.op("Cos", &[input]);
    let product = site.op("Mul", &[cotangent, cosine]);
    site.flow(0, product);
    Ok(())
}

/// cos x: −g·sin x.
pub(super) fn cos(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let input = site.read(0)?;
    let sine = site.op("Sin", &[input]);
    let product = site.op("Mul", &[cotangent, sine]);
    let negative = site.op("Neg", &[product]);
    site.flow(0, negative);
    Ok(())
}

/// √x: g / (2·y).
pub(super) fn sqrt(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let output = site.read_output();
    let quotient = site.op("Div", &[cotangent, output]);
    let half = site.scaled(quotient, 0.5);
    site.flow(0, half);
    Ok(())
}

/// 1 / x: −g·y².
pub(super) fn reciprocal(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let output = site.read_output();
    let square = site.op("Mul", &[output, output]);
    let product = site.op("Mul", &[cotangent, square]);
    let negative = site.op("Neg", &[product]);
    site.flow(0, negative);
    Ok(())
}

/// The larger of two; equal ones share the cotangent.
pub(super) fn max(site: &mut Site<'_>) -> Done {
    larger(site, [0, 1])
}

/// The smaller of two; equal ones share the cotangent.
pub(super) fn min(site: &mut Site<'_>) -> Done {
    larger(site, [1, 0])
}

/// Each of two inputs has the cotangent where it is the larger, in the order that
/// `[0, 1]` names, and half of it where they are equal.
fn larger(site: &mut Site<'_>, order: [usize; 2]) -> Done {
    match site.inputs() {
        1 => return super::shape::same(site),
        2 => {}
        _ => return Err("it has more than two inputs".to_owned()),
    }
    let cotangent = site.cotangent()?;
    let half = site.scaled(cotangent, 0.5);
    for input in [0, 1] {
        if !site.wants(input) {
            continue;
        }
        let (own, other) = (site.read(input)?, site.read(1 - input)?);
        let pair = if order[0] == 0 {
            [own, other]
        } else {
            [other, own]
        };
        let above = site.op("Greater", &pair);
        let above = site.as_float(above);
        let below = site.op("Less", &pair);
        let below = site.as_float(below);
        // 2, 1 or 0 halves.
        let halves = site.op("Sub", &[above, below]);
        let halves = site.shifted(halves, 1.0);
        let product = site.op("Mul", &[half, halves]);
        flow(site, input, product)?;
    }
    Ok(())
}

/// Where the condition holds the cotangent is the first's, elsewhere the second's.
pub(super) fn choose(site: &mut Site<'_>) -> Done {
    let cotangent = site.cotangent()?;
    let condition = site.read_as(0, DataType::BOOL)?;
    let zero = site.scalar(0.0);
    if site.wants(1) {
        let chosen = site.op("Where", &[condition, cotangent, zero]);
        flow(site, 1, chosen)?;
    }
    if site.wants(2) {
        let chosen = site.op("Where", &[condition, zero, cotangent]);
        flow(site, 2, chosen)?;
    }
    Ok(())
}
