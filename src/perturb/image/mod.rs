//! Perturbations that know what an image is: `[channels, height, width]`, or
//! `[height, width]`, which is one channel.

pub mod brightness;
pub mod contrast;

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
