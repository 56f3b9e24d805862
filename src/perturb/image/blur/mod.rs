//! Blurs: linear means of neighbouring pixels, each channel by itself. Only in
//! `glass` pixels change their places too.
//!
//! The filters of which they are made are in `image::filter`.

pub mod defocus;
pub mod gaussian;
pub mod glass;
pub mod motion;
pub mod zoom;

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;
    use proptest::prelude::*;

    use super::defocus::DefocusBlur;
    use super::gaussian::GaussianBlur;
    use super::glass::GlassBlur;
    use super::motion::MotionBlur;
    use super::zoom::ZoomBlur;
    use crate::catalogue::{Parameters, Scale};
    use crate::perturb::testing::{assert_view_as_copy, perturbed, ramp};
    use crate::perturb::{Depth, Perturbation};

    const ALL: [&dyn Perturbation; 5] = [
        &GaussianBlur,
        &DefocusBlur,
        &GlassBlur,
        &MotionBlur,
        &ZoomBlur,
    ];

    fn severity(blur: &dyn Perturbation, scale: Scale, severity: f64) -> Parameters {
        blur.kind().at_severity(scale, severity).unwrap()
    }

    #[test]
    fn images_of_every_size_are_blurred() {
        for blur in ALL {
            for shape in [
                &[1, 1][..],
                &[3, 1, 1],
                &[1, 70],
                &[70, 1],
                &[3, 0, 4],
                &[0, 4, 4],
                &[4, 13, 9],
                &[3, 40, 25],
            ] {
                for step in [1.0, 2.7, 5.0] {
                    let parameters = severity(blur, Scale::ImagenetC, step);
                    let blurred = perturbed(blur, &ramp(shape), &parameters, "0");
                    assert_eq!(blurred.shape(), shape);
                    assert!(blurred.iter().all(|value| (-1e-5..1.02).contains(value)));
                }
            }
        }
    }

    #[test]
    fn stronger_blurs_leave_less_of_a_pattern() {
        let pattern = ArrayD::from_shape_fn(vec![1, 48, 48], |place| {
            ((place[1] / 3 + place[2] / 3) % 2) as f32
        });
        // Glass moves pixels rather than to blur them.
        for blur in [
            &GaussianBlur as &dyn Perturbation,
            &DefocusBlur,
            &MotionBlur,
            &ZoomBlur,
        ] {
            let left = |step| {
                let parameters = severity(blur, Scale::ImagenetC, step);
                perturbed(blur, &pattern, &parameters, "0").std(0.0)
            };
            assert!(
                left(1.0) < 0.45 && left(5.0) < left(1.0),
                "{}",
                blur.kind().name
            );
        }
    }

    /// NaN spreads to where the definition mixes it in, and no further.
    #[test]
    fn what_is_no_number_neither_stops_a_blur_nor_fills_the_image() {
        for blur in ALL {
            let mut image = ramp(&[3, 40, 40]);
            image[[1, 20, 20]] = f32::NAN;
            let blurred = perturbed(blur, &image, &severity(blur, Scale::Cifar10C, 5.0), "0");
            assert!(
                blurred.iter().any(|value| value.is_nan()),
                "{}",
                blur.kind().name
            );
            assert!(!blurred[[1, 1, 1]].is_nan() && !blurred[[0, 20, 20]].is_nan());
        }
    }

    #[test]
    fn a_view_is_blurred_as_its_copy_is() {
        for blur in ALL {
            let parameters = severity(blur, Scale::ImagenetC, 3.0);
            assert_view_as_copy(blur, &parameters, [26, 25, 3], Depth::Continuous);
        }
    }

    #[test]
    fn only_images_are_blurred() {
        let message = GaussianBlur.check(&[30]).unwrap_err().to_string();
        assert_eq!(
            message,
            "gaussian_blur needs images, [channels, height, width] or [height, width], \
             and an example here has the shape [30]"
        );
        for blur in ALL {
            assert!(blur.check(&[12, 5, 5]).is_ok() && blur.check(&[5, 5]).is_ok());
            assert!(blur.check(&[]).is_err() && blur.check(&[2, 3, 4, 4]).is_err());
        }
    }

    proptest! {
        #[test]
        fn what_is_even_stays_even(
            shape in (1_usize..5, 1_usize..40, 1_usize..40),
            value in 0.0_f32..=1.0,
            step in 1.0..=5.0,
        ) {
            let (channels, height, width) = shape;
            let even = ArrayD::from_elem(vec![channels, height, width], value);
            for blur in ALL {
                let parameters = severity(blur, Scale::Cifar10C, step);
                for blurred in perturbed(blur, &even, &parameters, "0") {
                    prop_assert!((blurred - value).abs() < 2e-6, "{} {}", blur.kind().name, blurred);
                }
            }
        }

        /// The severity is continuous: a hundredth of a step is a small change.
        #[test]
        fn between_two_severities_lies_what_is_between(step in 1.0..4.99) {
            let image = ramp(&[1, 40, 40]);
            // The others have radii, counts and drawn neighbours, which go in steps.
            let at = |step| perturbed(&GaussianBlur, &image, &severity(&GaussianBlur, Scale::ImagenetC, step), "0");
            let change = (at(step) - at(step + 0.01)).mapv(f32::abs).mean().unwrap();
            prop_assert!(change < 0.01, "{change}");
        }
    }
}
