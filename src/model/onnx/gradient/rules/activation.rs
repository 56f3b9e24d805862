//! Activations: the cotangent times the derivative, element by element.

use super::super::site::Site;
use super::super::writer::Var;

type Done = Result<(), String>;

/// Sends the cotangent on, times `derivative`.
fn times(site: &mut Site<'_>, derivative: Var) -> Done {
    let cotangent = site.cotangent()?;
    let product = site.op("Mul", &[cotangent, derivative]);
    site.flow(0, product);
    Ok(())
}

/// max(x, 0): 1 where the output is above 0.
pub(super) fn relu(site: &mut Site<'_>) -> Done {
    if site.only_above_zero() {
        let cotangent = site.cotangent()?;
        site.flow(0, cotangent);
        return Ok(());
    }
    let positive = site.output_above_zero();
    let derivative = site.as_float(positive);
    times(site, derivative)
}

/// x, and α·x below 0: 1 or α.
pub(super) fn leaky_relu(site: &mut Site<'_>) -> Done {
    let alpha = site.float("alpha").unwrap_or(0.01);
    let positive = site.input_above_zero(0)?;
    let positive = site.as_float(positive);
    let rise = site.scaled(positive, 1.0 - alpha);
    let derivative = site.shifted(rise, alpha);
    times(site, derivative)
}

/// As LeakyRelu, with a slope of its own for each channel.
pub(super) fn p_relu(site: &mut Site<'_>) -> Done {
    if site.wants(1) {
        return Err("its slope depends on the input".to_owned());
    }
    let slope = site.read(1)?;
    let one = site.scalar(1.0);
    let positive = site.input_above_zero(0)?;
    let derivative = site.op("Where", &[positive, one, slope]);
    times(site, derivative)
}

/// x, and α·(eˣ − 1) below 0: 1 or y + α.
pub(super) fn elu(site: &mut Site<'_>) -> Done {
    let alpha = site.float("alpha").unwrap_or(1.0);
    let output = site.read_output();
    let below = site.shifted(output, alpha);
    one_above_zero(site, below, 1.0)
}

/// γ·x, and γ·α·(eˣ − 1) below 0: γ, or y + γ·α.
pub(super) fn selu(site: &mut Site<'_>) -> Done {
    // The defaults of the ONNX specification.
    let alpha = site.float("alpha").unwrap_or(1.673_263_2);
    let gamma = site.float("gamma").unwrap_or(1.050_701);
    let output = site.read_output();
    let below = site.shifted(output, gamma * alpha);
    one_above_zero(site, below, gamma)
}

/// x, and α·(e^(x/α) − 1) below 0: 1, or y / α + 1.
pub(super) fn celu(site: &mut Site<'_>) -> Done {
    let alpha = site.float("alpha").unwrap_or(1.0);
    let output = site.read_output();
    let scaled = site.scaled(output, 1.0 / alpha);
    let below = site.shifted(scaled, 1.0);
    one_above_zero(site, below, 1.0)
}

/// `slope` where the output is above 0, and `below` elsewhere. Of negative numbers in
/// place of α and γ the output would be above 0 elsewhere.
fn one_above_zero(site: &mut Site<'_>, below: Var, slope: f32) -> Done {
    let positive = |name| site.float(name).is_none_or(|number| number > 0.0);
    if !positive("alpha") || !positive("gamma") {
        return Err("there is no rule for numbers alpha and gamma that are not above 0".to_owned());
    }
    let slope = site.scalar(slope);
    let positive = site.output_above_zero();
    let derivative = site.op("Where", &[positive, slope, below]);
    times(site, derivative)
}

/// x·Φ(x): Φ(x) + x·φ(x); or its approximation by tanh, as declared.
pub(super) fn gelu(site: &mut Site<'_>) -> Done {
    let approximate = site.text("approximate") == Some("tanh");
    let mut input = site.read(0)?;
    if approximate {
        // The derivative is 0 or 1 well before, and the powers of x are finite.
        let (low, high) = (site.scalar(-16.0), site.scalar(16.0));
        input = site.op("Clip", &[input, low, high]);
    }
    let square = site.op("Mul", &[input, input]);
    let derivative = if approximate {
        // u = √(2/π)·(x + 0.044715·x³); y = x·(1 + tanh u) / 2.
        let root = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2;
        let factor = site.scaled(square, 0.044_715 * root);
        let factor = site.shifted(factor, root);
        let inner = site.op("Mul", &[input, factor]);
        let slope = site.scaled(square, 3.0 * 0.044_715 * root);
        let slope = site.shifted(slope, root);
        let tanh = site.op("Tanh", &[inner]);
        let half = site.scaled(tanh, 0.5);
        let half = site.shifted(half, 0.5);
        // sech² u = 4·h·(1 − h), with h = (1 + tanh u) / 2.
        let rest = site.op("Mul", &[half, half]);
        let rest = site.op("Sub", &[half, rest]);
        let rest = site.scaled(rest, 2.0);
        let rest = site.op("Mul", &[rest, slope]);
        let rest = site.op("Mul", &[rest, input]);
        site.op("Add", &[half, rest])
    } else {
        let scaled = site.scaled(input, std::f32::consts::FRAC_1_SQRT_2);
        let erf = site.op("Erf", &[scaled]);
        let cumulative = site.scaled(erf, 0.5);
        let cumulative = site.shifted(cumulative, 0.5);
        let exponent = site.scaled(square, -0.5);
        let density = site.op("Exp", &[exponent]);
        let root = std::f32::consts::FRAC_2_SQRT_PI * std::f32::consts::FRAC_1_SQRT_2 / 2.0;
        let density = site.scaled(density, root);
        let rest = site.op("Mul", &[input, density]);
        site.op("Add", &[cumulative, rest])
    };
    times(site, derivative)
}

/// 2/√π·e^(−x²).
pub(super) fn erf(site: &mut Site<'_>) -> Done {
    let input = site.read(0)?;
    let square = site.op("Mul", &[input, input]);
    let exponent = site.op("Neg", &[square]);
    let power = site.op("Exp", &[exponent]);
    let derivative = site.scaled(power, std::f32::consts::FRAC_2_SQRT_PI);
    times(site, derivative)
}

/// y·(1 − y).
pub(super) fn sigmoid(site: &mut Site<'_>) -> Done {
    let output = site.read_output();
    let derivative = logistic(site, output);
    times(site, derivative)
}

/// y − y², the derivative of a logistic function whose value is y.
fn logistic(site: &mut Site<'_>, value: Var) -> Var {
    let square = site.op("Mul", &[value, value]);
    site.op("Sub", &[value, square])
}

/// 1 − y².
pub(super) fn tanh(site: &mut Site<'_>) -> Done {
    let output = site.read_output();
    let square = site.op("Mul", &[output, output]);
    let one = site.scalar(1.0);
    let derivative = site.op("Sub", &[one, square]);
    times(site, derivative)
}

/// α·x + β held to [0, 1]: α inside.
pub(super) fn hard_sigmoid(site: &mut Site<'_>) -> Done {
    let alpha = site.float("alpha").unwrap_or(0.2);
    let output = site.read_output();
    let inside = between(site, output, 0.0, 1.0);
    let derivative = site.scaled(inside, alpha);
    times(site, derivative)
}

/// Whether `tensor` is strictly between, as 0 and 1.
fn between(site: &mut Site<'_>, tensor: Var, low: f32, high: f32) -> Var {
    let (low, high) = (site.scalar(low), site.scalar(high));
    let above = site.op("Greater", &[tensor, low]);
    let below = site.op("Less", &[tensor, high]);
    let both = site.op("And", &[above, below]);
    site.as_float(both)
}

/// x·hardsigmoid(x), with α = 1/6 and β = 1/2: x/3 + 1/2 within ±3, then 0 or 1.
pub(super) fn hard_swish(site: &mut Site<'_>) -> Done {
    let input = site.read(0)?;
    let inside = between(site, input, -3.0, 3.0);
    let slope = site.scaled(input, 1.0 / 3.0);
    let slope = site.shifted(slope, 0.5);
    let slope = site.op("Mul", &[slope, inside]);
    // Not below 3, so that 3 itself, which is not inside, has the slope 1.
    let three = site.scalar(3.0);
    let less = site.op("Less", &[input, three]);
    let beyond = site.op("Not", &[less]);
    let beyond = site.as_float(beyond);
    let derivative = site.op("Add", &[slope, beyond]);
    times(site, derivative)
}

/// x held to [low, high]: 1 between, and 0 at both, as ReLU has it at 0 and PyTorch here.
pub(super) fn clip(site: &mut Site<'_>) -> Done {
    let input = site.read(0)?;
    let attribute = site.opset() < 11;
    let mut inside = None;
    for (index, name, operator) in [(1, "min", "Greater"), (2, "max", "Less")] {
        let bound = if attribute {
            site.float(name).map(|bound| site.scalar(bound))
        } else if site.has(index) {
            Some(site.read(index)?)
        } else {
            None
        };
        let Some(bound) = bound else {
            continue;
        };
        let truth = site.op(operator, &[input, bound]);
        inside = Some(match inside {
            None => truth,
            Some(other) => site.op("And", &[other, truth]),
        });
    }
    match inside {
        Some(inside) => {
            let derivative = site.as_float(inside);
            times(site, derivative)
        }
        None => super::shape::same(site),
    }
}

/// ln(1 + eˣ): the logistic function.
pub(super) fn softplus(site: &mut Site<'_>) -> Done {
    let input = site.read(0)?;
    let derivative = site.op("Sigmoid", &[input]);
    times(site, derivative)
}

/// x·tanh(softplus(x)): t + x·(1 − t²)·σ(x).
pub(super) fn mish(site: &mut Site<'_>) -> Done {
    let input = site.read(0)?;
    let softplus = site.op("Softplus", &[input]);
    let tanh = site.op("Tanh", &[softplus]);
    let square = site.op("Mul", &[tanh, tanh]);
    let one = site.scalar(1.0);
    let slope = site.op("Sub", &[one, square]);
    let sigmoid = site.op("Sigmoid", &[input]);
    let rest = site.op("Mul", &[input, sigmoid]);
    let rest = site.op("Mul", &[rest, slope]);
    let derivative = site.op("Add", &[tanh, rest]);
    times(site, derivative)
}
