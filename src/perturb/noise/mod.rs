//! Noise on each value by itself: for inputs of any shape, images and rows of a
//! table alike. Noise that follows the image's geometry is in `image`.

pub mod gaussian;
pub mod impulse;
pub mod shot;
pub mod speckle;

#[cfg(test)]
mod tests {
    use ndarray::{Array, ArrayD, Axis, Slice};
    use proptest::prelude::*;

    use super::gaussian::GaussianNoise;
    use super::impulse::ImpulseNoise;
    use super::shot::ShotNoise;
    use super::speckle::SpeckleNoise;
    use crate::catalogue::{Parameters, Scale};
    use crate::perturb::testing::{perturbed, ramp, stream};
    use crate::perturb::{Depth, Perturbation};

    const ALL: [&dyn Perturbation; 4] = [&GaussianNoise, &ShotNoise, &ImpulseNoise, &SpeckleNoise];

    fn severity(noise: &dyn Perturbation, severity: f64) -> Parameters {
        let kind = noise.kind();
        kind.at_severity(Scale::ImagenetC, severity).unwrap()
    }

    #[test]
    fn an_example_has_its_own_noise_and_always_the_same() {
        let example = Array::from_elem([3, 16, 16], 0.5_f32).into_dyn();
        for noise in ALL {
            let parameters = severity(noise, 3.0);
            let once = perturbed(noise, &example, &parameters, "17");
            assert_ne!(once, example);
            assert_eq!(once, perturbed(noise, &example, &parameters, "17"));
            assert_ne!(once, perturbed(noise, &example, &parameters, "18"));
        }
    }

    #[test]
    fn every_shape_is_perturbed() {
        let shapes: [&[usize]; 8] = [
            &[],
            &[0],
            &[1],
            &[30],
            &[1, 1],
            &[1, 9],
            &[3, 5, 7],
            &[2, 3, 4, 5],
        ];
        for noise in ALL {
            for shape in shapes {
                let noisy = perturbed(noise, &ramp(shape), &severity(noise, 5.0), "0");
                assert_eq!(noisy.shape(), shape);
                assert!(noisy.iter().all(|value| value.is_finite()));
            }
        }
    }

    /// The shape and the layout in memory do not matter, only the logical order.
    #[test]
    fn a_view_is_perturbed_as_its_copy_is() {
        for noise in ALL {
            let parameters = severity(noise, 4.0);
            let mut store = ramp(&[6, 5, 8]);
            let mut view = store.view_mut().permuted_axes([2, 0, 1].as_slice());
            view.slice_axis_inplace(Axis(0), Slice::from(..).step_by(-1));
            view.slice_axis_inplace(Axis(1), Slice::from(1..).step_by(2));
            let copy: ArrayD<f32> = view.as_standard_layout().into_owned();
            assert!(!view.is_standard_layout() && copy.len() == 8 * 3 * 5);

            let noisy = perturbed(noise, &copy, &parameters, "0");
            noise.apply(
                view.view_mut(),
                &parameters,
                Depth::Continuous,
                &mut stream(noise, "0"),
            );
            assert_eq!(view, noisy);

            let row = copy.into_shape_with_order([120].as_slice()).unwrap();
            let noisy_row = perturbed(noise, &row, &parameters, "0");
            assert!(noisy_row.iter().eq(noisy.iter()));
        }
    }

    #[test]
    fn a_value_takes_one_word_whatever_the_severity() {
        for noise in ALL {
            let expected = {
                let mut stream = stream(noise, "0");
                stream.fill(&mut [0; 3 * 10]);
                stream.word()
            };
            for step in [1.0, 2.5, 5.0] {
                let mut example = ramp(&[3, 2, 5]);
                let mut stream = stream(noise, "0");
                noise.apply(
                    example.view_mut(),
                    &severity(noise, step),
                    Depth::Continuous,
                    &mut stream,
                );
                assert_eq!(stream.word(), expected, "{}", noise.kind().name);
            }
        }
    }

    #[test]
    fn a_value_does_not_depend_on_its_neighbours() {
        let example = ramp(&[40]);
        let mut other = example.mapv(|value| 1.0 - value);
        other[20] = example[20];
        for noise in ALL {
            let parameters = severity(noise, 5.0);
            let noisy = perturbed(noise, &example, &parameters, "0");
            assert_eq!(noisy[20], perturbed(noise, &other, &parameters, "0")[20]);
        }
    }

    proptest! {
        #[test]
        fn numbers_stay_numbers_beside_what_is_none(
            rows in 0..3_usize,
            columns in 0..700_usize,
            value in prop_oneof![Just(0.0_f32), Just(1.0), Just(0.2), -1.0_f32..2.0],
            step in 1.0..5.0,
        ) {
            let mut example = Array::from_elem([rows, columns], value).into_dyn();
            if let Some(first) = example.first_mut() {
                *first = f32::NAN;
            }
            for noise in ALL {
                let noisy = perturbed(noise, &example, &severity(noise, step), "0");
                prop_assert!(noisy.iter().skip(1).all(|value| value.is_finite()));
            }
        }
    }
}
