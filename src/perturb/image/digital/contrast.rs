//! Contrast: of fog, of a dirty lens, of paper that has faded.

use ndarray::ArrayViewMutD;

use super::colours;
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The entry of [`Contrast`] in the catalogue.
pub static CONTRAST: PerturbationKind = PerturbationKind {
    name: "contrast",
    version: 1,
    about: "Moves each value towards the mean of its channel, or away from it.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: false,
    parameters: &[Parameter {
        name: "factor",
        about: "What the distance to the channel's mean is multiplied by; 1 changes nothing.",
        minimum: 0.0,
        maximum: 10.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[0.4], &[0.3], &[0.2], &[0.1], &[0.05]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[0.75], &[0.5], &[0.4], &[0.3], &[0.15]],
        },
    ],
};

/// m + `factor` (x - m), with m the mean of the channel in this image.
pub struct Contrast;

impl Perturbation for Contrast {
    fn kind(&self) -> &'static PerturbationKind {
        &CONTRAST
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&CONTRAST, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let factor = parameters.get("factor");
        with_planes(example, |mut planes| {
            if let Some([red, green, blue]) = colours(&mut planes) {
                let sums = sums([&*red, &*green, &*blue]);
                for (channel, sum) in [red, green, blue].into_iter().zip(sums) {
                    scale_about_mean(channel, sum, factor);
                }
            } else {
                for channel in planes.each() {
                    let [sum] = sums([&*channel]);
                    scale_about_mean(channel, sum, factor);
                }
            }
        });
    }
}

/// The sum of each channel, one value after the other: a sum's rounding depends on
/// the order. In each chain of additions one waits for the one before, and so
/// several chains side by side take the time of one.
fn sums<const N: usize>(channels: [&[f32]; N]) -> [f64; N] {
    let length = channels
        .iter()
        .map(|channel| channel.len())
        .min()
        .unwrap_or(0);
    let channels = channels.map(|channel| &channel[..length]);
    let mut sums = [0.0; N];
    for at in 0..length {
        for (sum, channel) in sums.iter_mut().zip(channels) {
            *sum += f64::from(channel[at]);
        }
    }
    sums
}

fn scale_about_mean(channel: &mut [f32], sum: f64, factor: f64) {
    let mean = sum / channel.len() as f64;
    wide(
        #[inline(always)]
        || {
            for value in &mut *channel {
                *value = (mean + factor * (f64::from(*value) - mean)) as f32;
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use ndarray::{ArrayD, arr2, arr3};
    use proptest::prelude::*;

    use super::*;
    use crate::perturb::testing::{
        assert_severities, assert_view_as_copy, parameters, perturbed, ramp,
    };

    fn with(factor: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(&Contrast, image, &parameters(&[("factor", factor)]), "0")
    }

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, values| assert_severities(&CONTRAST, scale, values);
        published(Scale::ImagenetC, [0.4, 0.3, 0.2, 0.1, 0.05]);
        published(Scale::Cifar10C, [0.75, 0.5, 0.4, 0.3, 0.15]);
    }

    #[test]
    fn each_channel_has_its_own_mean() {
        // Means 0.5 and 0.25.
        let image = arr3(&[[[0.0, 1.0]], [[0.25, 0.25]]]).into_dyn();
        assert_eq!(
            with(0.5, &image),
            arr3(&[[[0.25, 0.75]], [[0.25, 0.25]]]).into_dyn()
        );
        assert_eq!(
            with(0.0, &image),
            arr3(&[[[0.5, 0.5]], [[0.25, 0.25]]]).into_dyn()
        );
        // More contrast leaves the unit scale: clipping is not done here.
        assert_eq!(
            with(2.0, &image),
            arr3(&[[[-0.5, 1.5]], [[0.25, 0.25]]]).into_dyn()
        );
    }

    #[test]
    fn images_of_every_size_are_perturbed() {
        assert_eq!(with(0.1, &arr2(&[[0.7]]).into_dyn())[[0, 0]], 0.7);
        for shape in [
            &[1, 9][..],
            &[9, 1],
            &[0, 4],
            &[1, 5, 7],
            &[3, 7, 5],
            &[12, 2, 3],
        ] {
            let image = ramp(shape);
            assert_eq!(with(0.3, &image).shape(), shape);
            assert_eq!(with(1.0, &image), image);
        }
        // Without a channel axis, all is one channel.
        let flat = with(0.3, &ramp(&[4, 6]));
        assert!(flat.iter().eq(with(0.3, &ramp(&[1, 4, 6])).iter()));
    }

    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        let amount = parameters(&[("factor", 0.3)]);
        assert_view_as_copy(&Contrast, &amount, [6, 5, 3], Depth::Continuous);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let message = Contrast.check(&[30]).unwrap_err().to_string();
        assert_eq!(
            message,
            "contrast needs images, [channels, height, width] or [height, width], \
             and an example here has the shape [30]"
        );
        assert!(Contrast.check(&[]).is_err() && Contrast.check(&[2, 3, 4, 5]).is_err());
    }

    proptest! {
        #[test]
        fn the_mean_of_a_channel_is_kept(
            values in proptest::collection::vec(0.0_f32..=1.0, 24),
            factor in 0.0..3.0,
        ) {
            let image = ArrayD::from_shape_vec(vec![2, 3, 4], values).unwrap();
            let (before, after) = (image.clone(), with(factor, &image));
            for (before, after) in before.outer_iter().zip(after.outer_iter()) {
                prop_assert!((before.mean().unwrap() - after.mean().unwrap()).abs() < 1e-6);
            }
        }
    }
}
