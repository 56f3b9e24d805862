//! Convolutions of one or more axes. Their weights are constants.

use super::super::site::Site;
use super::super::tensors::fixed;
use super::super::window::Window;
use super::super::writer::{Attribute, ints};

type Done = Result<(), String>;

/// The shape of the weights, which must not depend on the input.
fn weights(site: &Site<'_>) -> Result<Vec<usize>, String> {
    if site.wants(1) {
        return Err("its weights depend on the input".to_owned());
    }
    fixed(&site.shape(1)?)
        .filter(|sizes| sizes.len() > 2)
        .ok_or_else(|| "its weights have no fixed shape of channels and a kernel".to_owned())
}

fn groups(site: &Site<'_>) -> usize {
    usize::try_from(site.int("group").unwrap_or(1))
        .unwrap_or(1)
        .max(1)
}

/// A transposed convolution with the same weights. Of stride one it is also a
/// convolution, with the kernel turned round and the channels exchanged: engines do that
/// faster, unless it [narrows](is_narrowing).
pub(super) fn conv(site: &mut Site<'_>) -> Done {
    let shape = weights(site)?;
    let groups = groups(site);
    let cotangent = site.cotangent()?;
    let (image, result) = (site.shape(0)?, site.output_shape(0)?);
    let window = Window::of(site, shape[2..].to_vec(), &image, &result)?;
    let margins = |padding: &[usize]| -> Option<Vec<i64>> {
        let axes = 0..window.axes();
        axes.map(|axis| {
            let reach = window.dilations[axis] * (window.kernel[axis] - 1);
            Some(reach.checked_sub(padding[axis])? as i64)
        })
        .collect()
    };
    let constant = site.constant(1);
    let numbers = constant.as_ref().and_then(|constant| constant.floats());
    let plain = window.strides.iter().all(|&stride| stride == 1);
    let narrowing = groups == 1 && is_narrowing(shape[0], shape[1], &window.to);
    let (before, behind) = (margins(&window.before), margins(&window.behind));
    let back = match (numbers, before, behind) {
        (Some(numbers), Some(before), Some(behind)) if plain && !narrowing => {
            let (turned, shape) = turned(numbers, &shape, groups);
            let weights = site.constant_floats(&shape, &turned);
            let (kernel, dilations) = (ints(&window.kernel), ints(&window.dilations));
            let pads = [before, behind].concat();
            site.op_with(
                "Conv",
                &[cotangent, weights],
                &[
                    ("kernel_shape", Attribute::Ints(&kernel)),
                    ("dilations", Attribute::Ints(&dilations)),
                    ("pads", Attribute::Ints(&pads)),
                    ("group", Attribute::Int(groups as i64)),
                ],
            )
        }
        _ => {
            let weights = site.read(1)?;
            window.scatter(site, cotangent, weights, groups)
        }
    };
    site.flow(0, back);
    Ok(())
}

/// Whether the way back comes to so few channels that a convolution is slower than a
/// transposed one, by what both engines take for 3 × 3 kernels: few channels leave most
/// of a block of them empty, and half as many halve what is moved, except for images of
/// a few numbers or large matrices.
fn is_narrowing(from: usize, to: usize, image: &[usize]) -> bool {
    to < 8 || 2 * to <= from && to <= 64 && image.iter().product::<usize>() >= 64
}

/// Weights of the shape [out, in / groups, kernel…] as those of the convolution back:
/// [in, out / groups, kernel…], the kernel turned round.
fn turned(numbers: &[f32], shape: &[usize], groups: usize) -> (Vec<f32>, Vec<usize>) {
    let (outs, ins) = (shape[0] / groups, shape[1]);
    let kernel: usize = shape[2..].iter().product();
    let mut turned = Vec::with_capacity(numbers.len());
    for group in 0..groups {
        for channel in 0..ins {
            for out in 0..outs {
                let start = ((group * outs + out) * ins + channel) * kernel;
                turned.extend(numbers[start..start + kernel].iter().rev());
            }
        }
    }
    let shape = [&[groups * ins, outs], &shape[2..]].concat();
    (turned, shape)
}

/// A convolution with the same weights.
pub(super) fn transposed(site: &mut Site<'_>) -> Done {
    let shape = weights(site)?;
    let groups = groups(site);
    if !matches!(site.text("auto_pad"), None | Some("NOTSET" | "" | "VALID")) {
        return Err("its auto_pad is not NOTSET".to_owned());
    }
    if site
        .ints("output_shape")
        .is_some_and(|given| !given.is_empty())
    {
        return Err("it declares an output_shape instead of pads".to_owned());
    }
    let cotangent = site.cotangent()?;
    // The windows slide over what is the output here.
    let (image, result) = (site.output_shape(0)?, site.shape(0)?);
    let window = Window::of(site, shape[2..].to_vec(), &image, &result)?;
    let beyond = (0..window.axes()).any(|axis| {
        let there = window.before[axis] + window.from[axis] + window.behind[axis];
        there >= window.covered(axis) + window.strides[axis]
    });
    if beyond {
        return Err("its output_padding is not below its strides".to_owned());
    }
    let weights = site.read(1)?;
    let (kernel, dilations) = (ints(&window.kernel), ints(&window.dilations));
    let strides = ints(&window.strides);
    let pads = [ints(&window.before), ints(&window.behind)].concat();
    let back = site.op_with(
        "Conv",
        &[cotangent, weights],
        &[
            ("kernel_shape", Attribute::Ints(&kernel)),
            ("strides", Attribute::Ints(&strides)),
            ("dilations", Attribute::Ints(&dilations)),
            ("pads", Attribute::Ints(&pads)),
            ("group", Attribute::Int(groups as i64)),
        ],
    );
    site.flow(0, back);
    Ok(())
}
