//! Shifts of place: the camera is turned, moved, brought nearer or taken away, or
//! something stands before it. The size of the image is kept.
//!
//! - A parameter is how far; the stream decides which way, or where, with the same
//!   words at every strength. Along the severities one and the same change grows.
//! - What lies outside the image is its mirror image (`resample::mirror`). A camera
//!   that is turned goes on seeing the scene; black corners, which torchvision fills
//!   in, are seen by no camera, and would be a second change beside the one in question.
//! - There is no published table of severities for these: they are chosen here, the
//!   reasons beside them. Angles and shares are free of the image's size, so that both
//!   scales have the same.

pub mod crop;
pub mod occlusion;
pub mod rotation;
pub mod scale;
pub mod translation;

use crate::catalogue::{Scale, SeverityTable};
use crate::seed::{Stream, uniform};

/// The same severities on both scales.
const fn on_both_scales(rows: [&'static [f64]; 5]) -> [SeverityTable; 2] {
    [
        SeverityTable {
            scale: Scale::ImagenetC,
            rows,
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows,
        },
    ]
}

/// Where in the image something is, from one end to the other: two words, for the rows
/// and for the columns.
fn place(stream: &mut Stream) -> [f64; 2] {
    let mut words = [0; 2];
    stream.fill(&mut words);
    words.map(uniform)
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::crop::Crop;
    use super::occlusion::Occlusion;
    use super::rotation::Rotation;
    use super::scale::Rescale;
    use super::translation::Translation;
    use crate::catalogue::{Parameters, Scale};
    use crate::perturb::testing::{assert_rows, assert_view_as_copy, perturbed, ramp, stream};
    use crate::perturb::{Depth, Perturbation};

    const ALL: [&dyn Perturbation; 5] = [&Rotation, &Translation, &Rescale, &Crop, &Occlusion];

    fn severity(kind: &dyn Perturbation, severity: f64) -> Parameters {
        kind.kind().at_severity(Scale::ImagenetC, severity).unwrap()
    }

    #[test]
    fn both_scales_are_the_same_and_within_the_ranges() {
        for kind in ALL.map(|kind| kind.kind()) {
            for scale in Scale::ALL {
                assert_rows(kind, scale, kind.severities[0].rows);
            }
        }
    }

    #[test]
    fn images_of_every_size_are_perturbed() {
        for shape in [
            &[1, 1][..],
            &[3, 1, 1],
            &[3, 1, 9],
            &[1, 9, 1],
            &[4, 5, 7],
            &[3, 0, 2],
            &[3, 2, 0],
            &[0, 2, 3],
            &[5, 7],
        ] {
            for kind in ALL {
                let image = ramp(shape);
                let changed = perturbed(kind, &image, &severity(kind, 5.0), "0");
                assert_eq!(changed.shape(), shape);
                assert!(
                    changed
                        .iter()
                        .all(|value| (-1e-6..=1.000_001).contains(value))
                );
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
    fn what_is_no_image_is_refused() {
        for kind in ALL {
            for shape in [&[][..], &[30], &[2, 3, 4, 5]] {
                assert!(kind.check(shape).is_err(), "{shape:?}");
            }
        }
    }

    #[test]
    fn each_channel_is_perturbed_as_if_alone_and_in_the_same_place() {
        for kind in ALL {
            let image = ramp(&[5, 8, 9]);
            let amount = severity(kind, 3.0);
            let together = perturbed(kind, &image, &amount, "0");
            for (channel, together) in image.outer_iter().zip(together.outer_iter()) {
                assert_eq!(perturbed(kind, &channel.to_owned(), &amount, "0"), together);
            }
        }
    }

    #[test]
    fn examples_are_changed_in_their_own_ways() {
        for kind in ALL.into_iter().filter(|kind| kind.kind().stochastic) {
            let image = ramp(&[3, 20, 20]);
            let of = |id: &str| perturbed(kind, &image, &severity(kind, 3.0), id);
            assert_eq!(of("0"), of("0"));
            let different = (1..10).filter(|id| of(&id.to_string()) != of("0")).count();
            assert!(different > 0, "{}", kind.kind().name);
        }
    }

    #[test]
    fn the_words_drawn_are_as_many_whatever_the_strength_and_the_size() {
        for kind in ALL {
            let next = |shape: &[usize], step| {
                let mut stream = stream(kind, "0");
                let mut image = ramp(shape);
                let amount = severity(kind, step);
                kind.apply(image.view_mut(), &amount, Depth::Continuous, &mut stream);
                stream.word()
            };
            assert_eq!(next(&[3, 9, 9], 1.0), next(&[3, 9, 9], 5.0));
            assert_eq!(next(&[3, 9, 9], 1.0), next(&[1, 0, 2], 2.5));
        }
    }

    proptest! {
        #[test]
        fn an_even_image_stays_even_but_for_what_is_before_it(
            height in 1_usize..20,
            width in 1_usize..20,
            level in 0.0_f32..=1.0,
            step in 1.0..=5.0,
            id in 0..50_u32,
        ) {
            let image = ArrayD::from_elem(vec![2, height, width], level);
            for kind in ALL {
                let amount = severity(kind, step);
                let fill = if kind.kind().name == "occlusion" { 0.5 } else { level };
                for value in perturbed(kind, &image, &amount, &id.to_string()) {
                    let same = (value - level).abs() < 1e-6;
                    prop_assert!(same || value == fill, "{}: {value}", kind.kind().name);
                }
            }
        }

        #[test]
        fn what_is_no_number_hangs_nothing(
            values in proptest::collection::vec(
                prop_oneof![Just(f32::NAN), Just(f32::INFINITY), 0.0_f32..=1.0],
                24,
            ),
            step in 1.0..=5.0,
        ) {
            let image = ArrayD::from_shape_vec(vec![2, 3, 4], values).unwrap();
            for kind in ALL {
                let changed = perturbed(kind, &image, &severity(kind, step), "0");
                prop_assert_eq!(changed.shape(), image.shape());
            }
        }
    }
}
