//! Changes that the imaging chain makes: of light and of colour (`brightness`,
//! `contrast`, `saturate`), of geometry (`elastic_transform`) and of what is stored
//! (`pixelate`, `jpeg_compression`).
//!
//! What is here is theirs in common: what a colour image is, and an image as the
//! three planes of its colours.

pub mod brightness;
pub mod contrast;
pub mod saturate;

use super::{Planes, channels, refuse};
use crate::catalogue::PerturbationKind;
use crate::perturb::PerturbationError;

/// Refuses what is neither grey nor RGB.
fn check_colours(kind: &PerturbationKind, shape: &[usize]) -> Result<(), PerturbationError> {
    match channels(shape) {
        Some(1 | 3) => Ok(()),
        _ => Err(refuse(
            kind,
            "grey or RGB images, [1 or 3 channels, height, width] or [height, width]",
            shape,
        )),
    }
}

/// Refuses what is no image.
fn check_image(kind: &PerturbationKind, shape: &[usize]) -> Result<(), PerturbationError> {
    match channels(shape) {
        Some(_) => Ok(()),
        None => Err(refuse(
            kind,
            "images, [channels, height, width] or [height, width]",
            shape,
        )),
    }
}

/// The planes of red, green and blue; `None` where there are not three planes with
/// pixels in them.
fn colours<'a>(planes: &'a mut Planes<'_>) -> Option<[&'a mut [f32]; 3]> {
    let mut each = planes.each();
    let colours = [each.next()?, each.next()?, each.next()?];
    each.next().is_none().then_some(colours)
}
