//! Blurs: linear means of neighbouring pixels, each channel by itself. Only in
//! `glass` pixels change their places too.
//!
//! The filters of which they are made are in `image::filter`.

pub mod defocus;
pub mod gaussian;
pub mod glass;
pub mod motion;
pub mod zoom;

use super::{channels, refuse};
use crate::catalogue::PerturbationKind;
use crate::perturb::PerturbationError;

/// Every image can be blurred, of any number of channels.
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
