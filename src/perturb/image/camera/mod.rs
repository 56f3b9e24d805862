//! Shifts of the apparatus: another sensor, another light, another decoder than those of
//! the training data. All are deterministic. Where severities were published, they are
//! those; elsewhere they are chosen here, the reasons beside them.

pub mod bit_depth;
pub mod channel_swap;
pub mod colour_temperature;
pub mod downsampling;
pub mod gamma;

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::bit_depth::BitDepth;
    use super::channel_swap::ChannelSwap;
    use super::colour_temperature::ColourTemperature;
    use super::downsampling::Downsampling;
    use super::gamma::Gamma;
    use crate::catalogue::{Parameters, Scale};
    use crate::perturb::testing::{assert_view_as_copy, perturbed, ramp};
    use crate::perturb::{Depth, Perturbation};

    /// Those of any number of channels.
    const ANY: [&dyn Perturbation; 3] = [&Gamma, &Downsampling, &BitDepth];
    const ALL: [&dyn Perturbation; 5] = [
        &Gamma,
        &Downsampling,
        &BitDepth,
        &ChannelSwap,
        &ColourTemperature,
    ];

    /// The parameters at `severity`; none for a kind that has none.
    fn severity(kind: &dyn Perturbation, severity: f64) -> Parameters {
        kind.kind()
            .at_severity(Scale::ImagenetC, severity)
            .unwrap_or_default()
    }

    #[test]
    fn images_of_every_size_are_perturbed() {
        let colours = [
            [3, 1, 1],
            [3, 1, 9],
            [3, 9, 1],
            [3, 5, 7],
            [3, 0, 2],
            [3, 2, 0],
        ];
        let others = [&[1, 1][..], &[5, 7], &[1, 9, 1], &[4, 5, 7], &[0, 2, 3]];
        let colours = colours.iter().map(|shape| (&shape[..], &ALL[..]));
        for (shape, kinds) in colours.chain(others.map(|shape| (shape, &ANY[..]))) {
            for &kind in kinds {
                let changed = perturbed(kind, &ramp(shape), &severity(kind, 5.0), "0");
                assert_eq!(changed.shape(), shape);
            }
        }
    }

    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        for kind in ALL {
            assert_view_as_copy(kind, &severity(kind, 4.0), [6, 5, 3], Depth::Continuous);
        }
    }

    #[test]
    fn what_cannot_be_perturbed_is_refused() {
        for kind in ALL {
            for shape in [&[][..], &[30], &[2, 3, 4, 5]] {
                assert!(kind.check(shape).is_err(), "{shape:?}");
            }
        }
        for kind in [&ChannelSwap as &dyn Perturbation, &ColourTemperature] {
            for shape in [&[5, 5][..], &[1, 5, 5], &[4, 5, 5], &[5, 5, 3]] {
                let message = kind.check(shape).unwrap_err().to_string();
                let needs = format!(
                    "{} needs RGB images, [3 channels, height, width], and an example here has \
                     the shape {shape:?}",
                    kind.kind().name
                );
                assert_eq!(message, needs);
            }
        }
    }

    #[test]
    fn nothing_is_drawn_and_every_example_is_changed_alike() {
        for kind in ALL {
            assert!(!kind.kind().stochastic);
            let image = ramp(&[3, 6, 6]);
            let of = |id| perturbed(kind, &image, &severity(kind, 3.0), id);
            assert_eq!(of("0"), of("1"));
        }
    }

    proptest! {
        #[test]
        fn what_is_no_number_hangs_nothing(
            values in proptest::collection::vec(
                prop_oneof![
                    Just(f32::NAN),
                    Just(f32::INFINITY),
                    Just(f32::NEG_INFINITY),
                    -0.5_f32..=1.5,
                ],
                36,
            ),
            step in 1.0..=5.0,
        ) {
            let image = ArrayD::from_shape_vec(vec![3, 3, 4], values).unwrap();
            for kind in ALL {
                let changed = perturbed(kind, &image, &severity(kind, step), "0");
                prop_assert_eq!(changed.shape(), image.shape());
            }
        }
    }
}
