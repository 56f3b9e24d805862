//! Perturbations that know what an image is: `[channels, height, width]`, or
//! `[height, width]`, which is one channel. The corruptions of ImageNet-C are in `blur`,
//! `weather` and `digital`, the shifts that deployments see in `geometry` and `camera`.

pub mod blur;
pub mod camera;
pub mod digital;
mod filter;
pub mod geometry;
mod resample;
pub mod weather;

use ndarray::{ArrayViewMut3, ArrayViewMutD, Axis, Ix3};

use super::PerturbationError;
use crate::catalogue::PerturbationKind;

/// The number of channels of an image of `shape`; `None` where it is no image.
fn channels(shape: &[usize]) -> Option<usize> {
    match shape {
        [_, _] => Some(1),
        [channels, _, _] => Some(*channels),
        _ => None,
    }
}

/// Says that `kind` needs images, in the words `needs`.
fn refuse(kind: &PerturbationKind, needs: &'static str, shape: &[usize]) -> PerturbationError {
    PerturbationError::Shape {
        kind: kind.name,
        needs,
        shape: shape.to_vec(),
    }
}

/// What `check` says for a kind that works on any image, whatever its channels.
fn any_image(kind: &PerturbationKind, shape: &[usize]) -> Result<(), PerturbationError> {
    match channels(shape) {
        Some(_) => Ok(()),
        None => Err(refuse(
            kind,
            "images, [channels, height, width] or [height, width]",
            shape,
        )),
    }
}

/// The same for a kind that knows colours.
fn grey_or_rgb(kind: &PerturbationKind, shape: &[usize]) -> Result<(), PerturbationError> {
    match channels(shape) {
        Some(1 | 3) => Ok(()),
        _ => Err(refuse(
            kind,
            "grey or RGB images, [1 or 3 channels, height, width] or [height, width]",
            shape,
        )),
    }
}

/// The example as `[channels, height, width]`.
///
/// # Panics
///
/// Where the shape is no image's, which `check` has refused.
fn image(example: ArrayViewMutD<'_, f32>) -> ArrayViewMut3<'_, f32> {
    let image = if example.ndim() == 2 {
        example.insert_axis(Axis(0))
    } else {
        example
    };
    match image.into_dimensionality::<Ix3>() {
        Ok(image) => image,
        Err(error) => panic!("an example that is no image was not refused by `check`: {error}"),
    }
}

/// An image in memory as the kernels want it: plane after plane, row after row.
struct Planes<'a> {
    /// Rows of a plane.
    height: usize,
    /// Values of a row.
    width: usize,
    /// `channels × height × width` values.
    values: &'a mut [f32],
}

impl Planes<'_> {
    /// The planes, one a channel, each of `height × width` values.
    ///
    /// An image without pixels has none.
    fn each(&mut self) -> std::slice::ChunksExactMut<'_, f32> {
        let size = (self.height * self.width).max(1);
        self.values.chunks_exact_mut(size)
    }
}

/// Hands the example to `change` as planes, by way of a copy where it lies otherwise.
fn with_planes(example: ArrayViewMutD<'_, f32>, change: impl FnOnce(Planes<'_>)) {
    let mut image = image(example);
    let (_, height, width) = image.dim();
    if let Some(values) = image.as_slice_mut() {
        return change(Planes {
            height,
            width,
            values,
        });
    }
    let mut values: Vec<f32> = image.iter().copied().collect();
    change(Planes {
        height,
        width,
        values: &mut values,
    });
    for (target, value) in image.iter_mut().zip(values) {
        *target = value;
    }
}
