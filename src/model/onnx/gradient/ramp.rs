//! What a node does along an axis, as the engine does it: the node is run alone, on
//! numbers that say where they are.
//!
//! Engines differ in the arithmetic of positions (which pixel is the nearest, what a
//! scale of 1.1 makes of 8 pixels); a gradient follows the engine that answers.

use super::linear_map::Sources;
use super::site::Site;
use super::tensors::Size;

/// For each number along `axis` of the first input, which numbers along that of the
/// output it goes into; `None` where each goes to its own place. The node must make
/// each number of its output of at most two neighbours along the axis.
pub(super) fn sources(site: &Site<'_>, axis: usize) -> Result<Option<Sources>, String> {
    let (from, to) = (site.shape(0)?, site.output_shape(0)?);
    let places = Places::of(site, axis)?;
    let size = places.size;
    if places.all.len() == size && (0..size).all(|at| places.all[at] == (at, 0.0)) {
        return Ok(None);
    }
    let (Some(Size::Fixed(_)), Some(Size::Fixed(length))) = (from.get(axis), to.get(axis)) else {
        return Err("it picks along the axis of the batch".to_owned());
    };
    if *length != places.all.len() {
        return Err("alone it makes a tensor of another size".to_owned());
    }
    let mut sources: Sources = vec![Vec::new(); size];
    for (output, &(left, right)) in places.all.iter().enumerate() {
        if right < 1.0 {
            sources[left].push((output, 1.0 - right));
        }
        if right > 0.0 {
            sources[left + 1].push((output, right));
        }
    }
    Ok(Some(sources))
}

/// Which number each of the output is made of, and how much of the next one is in it.
struct Places {
    all: Vec<(usize, f32)>,
    size: usize,
}

impl Places {
    fn of(site: &Site<'_>, axis: usize) -> Result<Self, String> {
        let shape: Vec<usize> = site.shape(0)?.iter().map(|size| size.in_probe()).collect();
        let size = *shape
            .get(axis)
            .ok_or_else(|| format!("its input has no axis {axis}"))?;
        let inner: usize = shape[axis + 1..].iter().product();
        let run = |number: fn(usize) -> f32| {
            let count = shape.iter().product();
            let ramp: Vec<f32> = (0..count).map(|at| number(at / inner % size)).collect();
            line(site.run_alone(&shape, &ramp)?, axis)
        };
        // The place, and more exactly whether it is an even or an odd one.
        let (places, parities) = (run(|at| at as f32)?, run(|at| (at % 2) as f32)?);
        let place = |(&place, &parity): (&f32, &f32)| {
            let last = size.checked_sub(1)?;
            let within = place > -0.01 && place < last as f32 + 0.01;
            let left = (place.max(0.0) as usize).min(last);
            let right = if left % 2 == 0 { parity } else { 1.0 - parity };
            let right = if left == last { 0.0 } else { right };
            (within && (-0.01..1.01).contains(&parity)).then_some((left, right.clamp(0.0, 1.0)))
        };
        let all = places.iter().zip(&parities).map(place);
        let all = all.collect::<Option<_>>();
        let all = all.ok_or("it makes other numbers than those of its input")?;
        Ok(Self { all, size })
    }
}

/// The first numbers along `axis`.
fn line((shape, numbers): (Vec<usize>, Vec<f32>), axis: usize) -> Result<Vec<f32>, String> {
    let (Some(&length), Some(inner)) = (shape.get(axis), shape.get(axis + 1..)) else {
        return Err(format!("its output has no axis {axis}"));
    };
    if numbers.is_empty() {
        return Err("it makes a tensor without numbers".to_owned());
    }
    let inner: usize = inner.iter().product();
    let numbers = numbers.iter().step_by(inner.max(1)).take(length);
    Ok(numbers.copied().collect())
}
