//! Pools over windows and over whole images.

use super::super::site::Site;
use super::super::tiles::Tiles;
use super::super::window::Window;
use super::super::writer::{Attribute, Var};

type Done = Result<(), String>;

fn window(site: &Site<'_>) -> Result<Window, String> {
    let kernel = site.ints("kernel_shape").unwrap_or_default();
    let kernel: Vec<usize> = kernel.iter().map(|&size| size.max(1) as usize).collect();
    Window::of(site, kernel, &site.shape(0)?, &site.output_shape(0)?)
}

/// Each channel as an image of its own: [batch · channels, 1, …], with these sizes.
fn apart(site: &mut Site<'_>, tensor: Var, sizes: &[usize]) -> Var {
    let mut shape = vec![-1, 1];
    shape.extend(sizes.iter().map(|&size| size as i64));
    let shape = site.list(&shape);
    site.op("Reshape", &[tensor, shape])
}

/// The mean of each window: its numbers share the cotangent.
pub(super) fn average(site: &mut Site<'_>) -> Done {
    let window = window(site)?;
    let with_padding = site.int("count_include_pad").unwrap_or(0) != 0;
    // How many numbers each window's mean is of, axis by axis.
    let counts = |axis: usize| -> Vec<f32> {
        let (before, from) = (window.before[axis] as i64, window.from[axis] as i64);
        let last = from
            + if with_padding {
                window.behind[axis] as i64
            } else {
                0
            };
        let first = if with_padding { -before } else { 0 };
        let place = |out: usize, cell: usize| {
            (out * window.strides[axis] + cell * window.dilations[axis]) as i64 - before
        };
        (0..window.to[axis])
            .map(|out| {
                let cells = 0..window.kernel[axis];
                cells
                    .filter(|&cell| (first..last).contains(&place(out, cell)))
                    .count()
                    .max(1) as f32
            })
            .collect()
    };
    let counts = (0..window.axes()).fold(vec![1.0], |all: Vec<f32>, axis| {
        let own = counts(axis);
        all.iter()
            .flat_map(|count| own.iter().map(move |own| count * own))
            .collect()
    });
    let shares: Vec<f32> = counts.iter().map(|count| 1.0 / count).collect();
    let cotangent = site.cotangent()?;
    let shape = [&[1, 1], window.to.as_slice()].concat();
    let shares = site.constant_floats(&shape, &shares);
    let shared = site.op("Mul", &[cotangent, shares]);
    let shared = apart(site, shared, &window.to);
    let cells = window.kernel.iter().product();
    let kernel = [&[1, 1], window.kernel.as_slice()].concat();
    let ones = site.constant_floats(&kernel, &vec![1.0; cells]);
    let back = window.scatter(site, shared, ones, 1);
    let shape = site.shape(0)?;
    let back = site.reshape(back, &shape)?;
    site.flow(0, back);
    Ok(())
}

/// The largest number of each window, which has the cotangent. Equal ones share it: a
/// subgradient, where others give all to the first.
pub(super) fn max(site: &mut Site<'_>) -> Done {
    let window = window(site)?;
    let apart_from_each_other = (0..window.axes()).all(|axis| {
        window.kernel[axis] == window.strides[axis]
            && window.dilations[axis] == 1
            && window.before[axis] == 0
            && window.behind[axis] == 0
            && window.to[axis] * window.strides[axis] == window.from[axis]
    });
    if apart_from_each_other && window.axes() == 2 {
        return max_of_tiles(site, &window);
    }
    let mut input = site.read(0)?;
    let padding: Vec<usize> = (0..window.axes())
        .map(|axis| {
            let there = window.before[axis] + window.from[axis];
            window.covered(axis).saturating_sub(there)
        })
        .collect();
    if window
        .before
        .iter()
        .chain(&padding)
        .any(|&padding| padding > 0)
    {
        let mut pads = vec![0, 0];
        pads.extend(window.before.iter().map(|&padding| padding as i64));
        pads.extend([0, 0]);
        pads.extend(padding.iter().map(|&padding| padding as i64));
        let pads = site.list(&pads);
        let lowest = site.scalar(f32::MIN);
        input = site.op("Pad", &[input, pads, lowest]);
    }
    let padded: Vec<usize> = (0..window.axes())
        .map(|axis| window.before[axis] + window.from[axis] + padding[axis])
        .collect();
    let input = apart(site, input, &padded);
    // The numbers at each place of the windows, one channel a place.
    let cells: usize = window.kernel.iter().product();
    let mut places = Vec::with_capacity(cells);
    let mut kernels = vec![0.0; cells * cells];
    for cell in 0..cells {
        kernels[cell * cells + cell] = 1.0;
        let mut rest = cell;
        let mut cuts = Vec::new();
        for axis in (0..window.axes()).rev() {
            let start = rest % window.kernel[axis] * window.dilations[axis];
            rest /= window.kernel[axis];
            let end = start + (window.to[axis] - 1) * window.strides[axis] + 1;
            cuts.push((
                2 + axis,
                start as i64,
                end as i64,
                window.strides[axis] as i64,
            ));
        }
        places.push(site.cut(input, &cuts));
    }
    let places = site.op_with("Concat", &places, &[("axis", Attribute::Int(1))]);
    let output = site.read_output();
    let output = apart(site, output, &window.to);
    let equal = site.op("Equal", &[places, output]);
    let largest = site.as_float(equal);
    let axis = site.list(&[1]);
    let count = site.op_with(
        "ReduceSum",
        &[largest, axis],
        &[("keepdims", Attribute::Int(1))],
    );
    let cotangent = site.cotangent()?;
    let cotangent = apart(site, cotangent, &window.to);
    let share = site.op("Div", &[cotangent, count]);
    let shares = site.op("Mul", &[largest, share]);
    let kernel = [&[cells, 1], window.kernel.as_slice()].concat();
    let kernels = site.constant_floats(&kernel, &kernels);
    let back = window.scatter(site, shares, kernels, 1);
    let shape = site.shape(0)?;
    let back = site.reshape(back, &shape)?;
    site.flow(0, back);
    Ok(())
}

/// The same for windows that tile the image.
fn max_of_tiles(site: &mut Site<'_>, window: &Window) -> Done {
    let tiles = Tiles::of(site, window)?;
    let input = site.read(0)?;
    let output = site.read_output();
    let enlarged = tiles.enlarge(site, output)?;
    let equal = site.op("Equal", &[input, enlarged]);
    let largest = site.as_float(equal);
    let count = tiles.sum(site, largest)?;
    let mut cotangent = site.cotangent()?;
    // What a Relu held back stays behind: cheaper here, before it is enlarged.
    let rectified = site.is_rectified(0);
    if rectified {
        let positive = site.output_above_zero();
        let positive = site.as_float(positive);
        cotangent = site.op("Mul", &[cotangent, positive]);
    }
    let share = site.op("Div", &[cotangent, count]);
    let share = tiles.enlarge(site, share)?;
    let back = site.op("Mul", &[share, largest]);
    if rectified {
        site.flow_above_zero(0, back);
    } else {
        site.flow(0, back);
    }
    Ok(())
}

/// The mean of each channel.
pub(super) fn global_average(site: &mut Site<'_>) -> Done {
    let sizes = site.spatial()?;
    let cotangent = site.cotangent()?;
    let share = site.scaled(cotangent, 1.0 / sizes.iter().product::<usize>() as f32);
    let mut shape = vec![1, 1];
    shape.extend(sizes.iter().map(|&size| size as i64));
    let shape = site.list(&shape);
    let back = site.op("Expand", &[share, shape]);
    site.flow(0, back);
    Ok(())
}

/// The largest of each channel; equal ones share the cotangent.
pub(super) fn global_max(site: &mut Site<'_>) -> Done {
    let axes: Vec<i64> = (2..2 + site.spatial()?.len() as i64).collect();
    let (cotangent, output) = (site.cotangent()?, site.read_output());
    super::reduction::to_the_equal(site, cotangent, output, &axes)
}
