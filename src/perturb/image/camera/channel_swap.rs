//! Channel swap: of a decoder that gives blue first where the model was trained on red
//! first.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameters, PerturbationKind};
use crate::perturb::image::{channels, refuse, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::Stream;

/// The entry of [`ChannelSwap`] in the catalogue.
pub static CHANNEL_SWAP: PerturbationKind = PerturbationKind {
    name: "channel_swap",
    version: 1,
    about: "Exchanges red and blue, as where BGR is taken for RGB.",
    source: "by definition; OpenCV decodes to BGR, Pillow and most training code to RGB",
    stochastic: false,
    parameters: &[],
    severities: &[],
};

/// The first and the third of three channels, exchanged.
///
/// Of the six orders, this is the one that deployments meet: libraries differ in it. It
/// has no degree, and hence no severities.
pub struct ChannelSwap;

impl Perturbation for ChannelSwap {
    fn kind(&self) -> &'static PerturbationKind {
        &CHANNEL_SWAP
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        match (shape.len(), channels(shape)) {
            (3, Some(3)) => Ok(()),
            _ => Err(refuse(
                &CHANNEL_SWAP,
                "RGB images, [3 channels, height, width]",
                shape,
            )),
        }
    }

    fn apply(&self, example: ArrayViewMutD<'_, f32>, _: &Parameters, _: Depth, _: &mut Stream) {
        with_planes(example, |mut planes| {
            let mut planes = planes.each();
            if let (Some(red), Some(_), Some(blue)) = (planes.next(), planes.next(), planes.next())
            {
                red.swap_with_slice(blue);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Axis, array};

    use super::*;
    use crate::perturb::testing::{perturbed, ramp};

    #[test]
    fn red_and_blue_are_exchanged() {
        let image = array![[[0.1, 0.2]], [[0.3, 0.4]], [[0.5, 0.6]]].into_dyn();
        let swapped = array![[[0.5, 0.6]], [[0.3, 0.4]], [[0.1, 0.2]]].into_dyn();
        let none = Parameters::default();
        assert_eq!(perturbed(&ChannelSwap, &image, &none, "0"), swapped);
    }

    #[test]
    fn twice_is_not_at_all() {
        let image = ramp(&[3, 5, 4]);
        let none = Parameters::default();
        let once = perturbed(&ChannelSwap, &image, &none, "0");
        assert_eq!(once.index_axis(Axis(0), 1), image.index_axis(Axis(0), 1));
        assert_eq!(perturbed(&ChannelSwap, &once, &none, "0"), image);
    }
}
