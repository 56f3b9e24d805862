//! Normalisations: by recorded statistics, and by the input's own.

use super::super::site::{Site, axis};
use super::super::sum::mean;
use super::super::tensors::Size;
use super::super::writer::{Attribute, Var, ints};

type Done = Result<(), String>;

const EPSILON: f32 = 1e-5;

/// The numbers of an input that must be constant.
fn constant(site: &Site<'_>, input: usize) -> Result<Vec<f32>, String> {
    let constant = site.constant(input);
    let numbers = constant.as_ref().and_then(|constant| constant.floats());
    numbers
        .map(<[f32]>::to_vec)
        .ok_or_else(|| format!("its input {input} is no constant"))
}

/// One number a channel, as it stands beside a tensor of the rank `rank`.
fn beside(channels: usize, rank: usize) -> Vec<usize> {
    let mut shape = vec![1; rank.max(2) - 1];
    shape[0] = channels;
    shape
}

/// (x − mean)·scale / √(variance + ε) + bias, of recorded mean and variance: the
/// cotangent times scale / √(variance + ε).
pub(super) fn batch(site: &mut Site<'_>) -> Done {
    if site.int("training_mode").unwrap_or(0) != 0 {
        return Err("it is in training mode".to_owned());
    }
    if site.int("spatial") == Some(0) {
        return Err("there is no rule for spatial = 0".to_owned());
    }
    let epsilon = site.float("epsilon").unwrap_or(EPSILON);
    let (scales, variances) = (constant(site, 1)?, constant(site, 4)?);
    let factors: Vec<f32> = scales
        .iter()
        .zip(&variances)
        .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
        .collect();
    let rank = site.shape(0)?.len();
    let cotangent = site.cotangent()?;
    let factors = site.constant_floats(&beside(factors.len(), rank), &factors);
    let back = site.op("Mul", &[cotangent, factors]);
    site.flow(0, back);
    Ok(())
}

/// x̂ = (x − μ) / σ over `axes`, with the cotangent h at x̂: (h − mean h − x̂·mean(h·x̂)) / σ.
fn standardised(
    site: &mut Site<'_>,
    input: Var,
    cotangent: Var,
    shape: &[Size],
    axes: &[usize],
    epsilon: f32,
) -> Result<Var, String> {
    let mean = |site: &mut Site<'_>, tensor: Var| mean(site, tensor, shape, axes);
    let centre = mean(site, input)?;
    let centred = site.op("Sub", &[input, centre]);
    let square = site.op("Mul", &[centred, centred]);
    let variance = mean(site, square)?;
    let variance = site.shifted(variance, epsilon);
    let deviation = site.op("Sqrt", &[variance]);
    let standard = site.op("Div", &[centred, deviation]);
    let first = mean(site, cotangent)?;
    let product = site.op("Mul", &[cotangent, standard]);
    let second = mean(site, product)?;
    let along = site.op("Mul", &[standard, second]);
    let back = site.op("Sub", &[cotangent, first]);
    let back = site.op("Sub", &[back, along]);
    Ok(site.op("Div", &[back, deviation]))
}

/// Over the axes from `axis` on.
pub(super) fn layer(site: &mut Site<'_>) -> Done {
    let epsilon = site.float("epsilon").unwrap_or(EPSILON);
    let shape = site.shape(0)?;
    let first = axis(site.int("axis").unwrap_or(-1), shape.len());
    let axes: Vec<usize> = (first..shape.len()).collect();
    let (cotangent, scale) = (site.cotangent()?, site.read(1)?);
    let input = site.read(0)?;
    let scaled = site.op("Mul", &[cotangent, scale]);
    let back = standardised(site, input, scaled, &shape, &axes, epsilon)?;
    site.flow(0, back);
    Ok(())
}

/// Over each channel of each example.
pub(super) fn instance(site: &mut Site<'_>) -> Done {
    let epsilon = site.float("epsilon").unwrap_or(EPSILON);
    let shape = site.shape(0)?;
    let axes: Vec<usize> = (2..shape.len()).collect();
    let scales = constant(site, 1)?;
    let cotangent = site.cotangent()?;
    let scale = site.constant_floats(&beside(scales.len(), shape.len()), &scales);
    let input = site.read(0)?;
    let scaled = site.op("Mul", &[cotangent, scale]);
    let back = standardised(site, input, scaled, &shape, &axes, epsilon)?;
    site.flow(0, back);
    Ok(())
}

/// Over each group of channels of each example.
pub(super) fn group(site: &mut Site<'_>) -> Done {
    let epsilon = site.float("epsilon").unwrap_or(EPSILON);
    let groups = site
        .int("num_groups")
        .and_then(|groups| usize::try_from(groups).ok());
    let groups = groups
        .filter(|&groups| groups > 0)
        .ok_or("it has no num_groups")?;
    let shape = site.shape(0)?;
    let Some(Size::Fixed(channels)) = shape.get(1).copied() else {
        return Err("its channels are not of a fixed number".to_owned());
    };
    // One scale a channel; before the operator set 21 one a group.
    let given = constant(site, 1)?;
    let each = channels / given.len().max(1);
    let scales = given
        .iter()
        .flat_map(|&scale| std::iter::repeat_n(scale, each));
    let scales: Vec<f32> = scales.collect();
    let cotangent = site.cotangent()?;
    let scale = site.constant_floats(&beside(channels, shape.len()), &scales);
    let scaled = site.op("Mul", &[cotangent, scale]);
    let input = site.read(0)?;
    let size = channels / groups * site.spatial()?.iter().product::<usize>();
    let together = [shape[0], Size::Fixed(groups), Size::Fixed(size)];
    let input = site.reshape(input, &together)?;
    let scaled = site.reshape(scaled, &together)?;
    let back = standardised(site, input, scaled, &together, &[2], epsilon)?;
    let back = site.reshape(back, &shape)?;
    site.flow(0, back);
    Ok(())
}

/// y = x / Dᵝ, where D = bias + α / size · Σ x² over the channels within `size` / 2 of the
/// own: g / Dᵝ − 2αβ / size · x · Σ g·y / D over the same.
pub(super) fn local_response(site: &mut Site<'_>) -> Done {
    let size = site.int("size").and_then(|size| usize::try_from(size).ok());
    let size = size
        .filter(|size| size % 2 == 1)
        .ok_or("its windows are of no odd size")?;
    let share = site.float("alpha").unwrap_or(1e-4) / size as f32;
    let beta = site.float("beta").unwrap_or(0.75);
    let bias = site.float("bias").unwrap_or(1.0);
    let shape = site.shape(0)?;
    let [_, Size::Fixed(channels), place @ ..] = shape.as_slice() else {
        return Err("its channels are not of a fixed number".to_owned());
    };
    // A sum over windows is a convolution of one place, of all channels to all.
    let kernel = vec![1; place.len()];
    let sums = |site: &mut Site<'_>, tensor: Var, factor: f32| {
        let weight = |at: usize| {
            let apart = (at / channels).abs_diff(at % channels);
            if apart <= size / 2 { factor } else { 0.0 }
        };
        let weights: Vec<f32> = (0..channels * channels).map(weight).collect();
        let form = [&[*channels; 2], kernel.as_slice()].concat();
        let weights = site.constant_floats(&form, &weights);
        let kernel = [("kernel_shape", Attribute::Ints(&ints(&kernel)))];
        site.op_with("Conv", &[tensor, weights], &kernel)
    };
    let cotangent = site.cotangent()?;
    let (input, output) = (site.read(0)?, site.read_output());
    let squares = site.op("Mul", &[input, input]);
    let window = sums(site, squares, share);
    let divisor = site.shifted(window, bias);
    let exponent = site.scalar(beta);
    let power = site.op("Pow", &[divisor, exponent]);
    let own = site.op("Div", &[cotangent, power]);
    let product = site.op("Mul", &[cotangent, output]);
    let quotient = site.op("Div", &[product, divisor]);
    let window = sums(site, quotient, 2.0 * share * beta);
    let others = site.op("Mul", &[input, window]);
    let back = site.op("Sub", &[own, others]);
    site.flow(0, back);
    Ok(())
}
