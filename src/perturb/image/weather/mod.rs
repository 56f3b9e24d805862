//! Weather between the camera and the scene, or on its glass: fog, frost, snow and
//! spatter. What they are made of has files of its own: `distance`, `edges`,
//! `equalise` (on planes that are `framed`), `extremes`, `layer`, `plasma`, `texture`, `zoom`.

mod distance;
mod edges;
mod equalise;
mod extremes;
pub mod fog;
mod framed;
pub mod frost;
mod layer;
mod plasma;
pub mod snow;
pub mod spatter;
mod texture;
mod zoom;

/// The luma of a pixel (ITU-R BT.601).
#[inline(always)]
const fn luma([red, green, blue]: [f32; 3]) -> f32 {
    0.299 * red + 0.587 * green + 0.114 * blue
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::*;
    use crate::catalogue::{Parameters, Scale};
    use crate::perturb::testing::{assert_view_as_copy, perturbed, ramp, stream};
    use crate::perturb::{Depth, Perturbation};

    const WEATHER: [&dyn Perturbation; 4] =
        [&fog::Fog, &frost::Frost, &snow::Snow, &spatter::Spatter];

    /// Every kind, with its parameters at each severity and some in between.
    fn each(mut see: impl FnMut(&dyn Perturbation, &Parameters)) {
        for kind in WEATHER {
            for scale in Scale::ALL {
                for severity in [1.0, 2.0, 2.4, 3.0, 3.6, 4.0, 5.0] {
                    see(kind, &kind.kind().at_severity(scale, severity).unwrap());
                }
            }
        }
    }

    /// What `kind` makes of an image, and the word that comes next in the stream.
    fn with_next_word(
        kind: &dyn Perturbation,
        image: &ArrayD<f32>,
        parameters: &Parameters,
        depth: Depth,
    ) -> (ArrayD<f32>, u64) {
        let (mut image, mut stream) = (image.clone(), stream(kind, "0"));
        kind.apply(image.view_mut(), parameters, depth, &mut stream);
        (image, stream.word())
    }

    #[test]
    fn images_of_every_size_are_perturbed() {
        each(|kind, parameters| {
            for shape in [
                &[3, 1, 1][..],
                &[3, 1, 9],
                &[3, 9, 1],
                &[3, 17, 40],
                &[3, 0, 2],
                &[1, 5, 7],
                &[5, 7],
            ] {
                let found = perturbed(kind, &ramp(shape), parameters, "0");
                assert_eq!(found.shape(), shape);
                assert!(found.iter().all(|value| value.is_finite() && *value >= 0.0));
            }
        });
    }

    #[test]
    fn examples_differ_and_repeat() {
        each(|kind, parameters| {
            let image = ramp(&[3, 50, 60]);
            let of = |id| perturbed(kind, &image, parameters, id);
            assert_eq!(of("0"), of("0"));
            assert_ne!(of("0"), of("1"), "{} {parameters:?}", kind.kind().name);
        });
    }

    /// So that severities share their draws, and examples stay apart.
    #[test]
    fn the_number_of_draws_is_that_of_the_pixels() {
        let image = ramp(&[3, 20, 30]);
        for kind in WEATHER {
            for scale in Scale::ALL {
                let next = |severity, depth| {
                    let parameters = kind.kind().at_severity(scale, severity).unwrap();
                    with_next_word(kind, &image, &parameters, depth).1
                };
                let first = next(1.0, Depth::EightBit);
                for severity in [1.0, 2.5, 5.0] {
                    assert_eq!(next(severity, Depth::Continuous), first);
                }
            }
        }
    }

    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        each(|kind, parameters| {
            assert_view_as_copy(kind, parameters, [13, 21, 3], Depth::Continuous);
        });
    }

    /// An image of equal channels goes as the grey one, but for the colours of frost and
    /// spatter, whose luma the grey one gets.
    #[test]
    fn grey_images_get_the_luma() {
        each(|kind, parameters| {
            let grey = ramp(&[30, 40]);
            let colour = ndarray::stack![ndarray::Axis(0), grey, grey, grey];
            let colour = perturbed(kind, &colour, parameters, "0");
            let grey = perturbed(kind, &grey, parameters, "0");
            let channel = |n: usize| colour.index_axis(ndarray::Axis(0), n).to_owned();
            let luma = 0.299 * channel(0) + 0.587 * channel(1) + 0.114 * channel(2);
            for (luma, grey) in luma.iter().zip(&grey) {
                assert!(
                    (luma - grey).abs() < 0.6 / 255.0,
                    "{}: {luma} {grey}",
                    kind.kind().name
                );
            }
        });
    }

    #[test]
    fn what_is_no_image_is_refused() {
        for kind in WEATHER {
            for shape in [&[][..], &[30], &[1, 3, 4, 4]] {
                let message = kind.check(shape).unwrap_err().to_string();
                assert!(message.contains(kind.kind().name) && message.contains("images"));
            }
        }
        for kind in &WEATHER[1..] {
            assert!(kind.check(&[4, 8, 8]).is_err() && kind.check(&[3, 8, 8]).is_ok());
        }
        assert!(fog::Fog.check(&[12, 8, 8]).is_ok());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn any_image_can_stand_in_the_weather(
            (height, width) in (0_usize..50, 0_usize..50),
            pixels in proptest::collection::vec(
                prop_oneof![Just(0.0_f32), Just(1.0), Just(f32::NAN), 0.0_f32..=1.0],
                1..20,
            ),
            severity in 1.0..=5.0_f64,
            which in 0..4_usize,
            small in any::<bool>(),
            eight_bit in any::<bool>(),
        ) {
            let kind = WEATHER[which];
            let scale = if small { Scale::Cifar10C } else { Scale::ImagenetC };
            let parameters = kind.kind().at_severity(scale, severity).unwrap();
            let depth = if eight_bit { Depth::EightBit } else { Depth::Continuous };
            let mut pixels = pixels.into_iter().cycle();
            let image = ArrayD::from_shape_simple_fn(vec![3, height, width], || pixels.next().unwrap());
            let (found, _) = with_next_word(kind, &image, &parameters, depth);
            // What is no number stays none, and spoils its own pixel at most.
            for y in 0..height {
                for x in 0..width {
                    let pixel = |image: &ArrayD<f32>| [0, 1, 2].map(|c| image[[c, y, x]].is_nan());
                    let (before, after) = (pixel(&image), pixel(&found));
                    prop_assert!(before == after || before.contains(&true));
                }
            }
        }
    }
}
