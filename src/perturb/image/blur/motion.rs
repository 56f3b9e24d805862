//! Motion blur: of a camera that moves during the exposure.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::motion::Motion;
use crate::perturb::image::{any_image, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError};
use crate::seed::{Stream, uniform};

/// The entry of [`MotionBlur`] in the catalogue.
pub static MOTION_BLUR: PerturbationKind = PerturbationKind {
    name: "motion_blur",
    version: 1,
    about: "Blurs along a line whose angle is drawn, at most 45 degrees from the horizontal.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261; MotionBlurImage of ImageMagick",
    stochastic: true,
    parameters: &[
        Parameter {
            name: "radius",
            about: "Half the length of the line, in pixels, rounded up.",
            minimum: 0.0,
            maximum: 200.0,
            integer: false,
            default: None,
        },
        Parameter {
            name: "sigma",
            about: "The standard deviation of the one-sided Gaussian along the line, in pixels.",
            minimum: 0.01,
            maximum: 200.0,
            integer: false,
            default: None,
        },
    ],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [
                &[10.0, 3.0],
                &[15.0, 5.0],
                &[15.0, 8.0],
                &[15.0, 12.0],
                &[20.0, 15.0],
            ],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [
                &[6.0, 1.0],
                &[6.0, 1.5],
                &[6.0, 2.0],
                &[8.0, 2.0],
                &[9.0, 2.5],
            ],
        },
    ],
};

/// The mean of 2 `radius` + 1 points on a line that sets out to the right from the
/// pixel, weighed by one side of a Gaussian; the angle is uniform between 45 degrees up
/// and down, from one word of the stream. Beyond the edge is the nearest value.
pub struct MotionBlur;

impl Perturbation for MotionBlur {
    fn kind(&self) -> &'static PerturbationKind {
        &MOTION_BLUR
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        any_image(&MOTION_BLUR, shape)
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        let mut word = [0];
        stream.fill(&mut word);
        let angle = 90.0 * uniform(word[0]) - 45.0;
        let motion = Motion::new(parameters.get("radius"), parameters.get("sigma"), angle);
        with_planes(example, |mut planes| motion.filter(&mut planes));
    }
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;
    use crate::perturb::testing::{assert_rows, parameters, perturbed, ramp, stream};

    #[test]
    fn the_severities_are_the_published_ones() {
        assert_rows(
            &MOTION_BLUR,
            Scale::ImagenetC,
            [
                &[10.0, 3.0],
                &[15.0, 5.0],
                &[15.0, 8.0],
                &[15.0, 12.0],
                &[20.0, 15.0],
            ],
        );
        assert_rows(
            &MOTION_BLUR,
            Scale::Cifar10C,
            [
                &[6.0, 1.0],
                &[6.0, 1.5],
                &[6.0, 2.0],
                &[8.0, 2.0],
                &[9.0, 2.5],
            ],
        );
    }

    /// The blur moves the light of a point to its left, up or down as the angle is drawn:
    /// by tan(angle) rows a column, which is between -1 and 1 and each as often.
    #[test]
    fn angles_are_drawn_between_45_degrees_up_and_down() {
        let mut impulse = ArrayD::zeros(vec![41, 41]);
        impulse[[20, 20]] = 1.0;
        let amount = parameters(&[("radius", 6.0), ("sigma", 8.0)]);
        let (mut steepest, mut upwards) = (0.0_f32, 0);
        for example in 0..200 {
            let blurred = perturbed(&MotionBlur, &impulse, &amount, &example.to_string());
            let (mut down, mut left) = (0.0, 0.0);
            for ((y, x), value) in blurred
                .into_dimensionality::<ndarray::Ix2>()
                .unwrap()
                .indexed_iter()
            {
                down += value * (y as f32 - 20.0);
                left += value * (20.0 - x as f32);
            }
            assert!(left > 2.0 && down.abs() <= left, "{down} {left}");
            steepest = steepest.max((down / left).abs());
            upwards += u32::from(down < 0.0);
        }
        // 200 even draws: 100 upwards with a standard deviation of 7.
        assert!(
            steepest > 0.9 && (65..=135).contains(&upwards),
            "{steepest} {upwards}"
        );
    }

    #[test]
    fn an_image_takes_one_word() {
        let mut draws = stream(&MotionBlur, "0");
        draws.fill(&mut [0]);
        let expected = draws.word();
        for severity in [1.0, 2.5, 5.0] {
            let amount = MOTION_BLUR.at_severity(Scale::Cifar10C, severity).unwrap();
            let mut draws = stream(&MotionBlur, "0");
            MotionBlur.apply(
                ramp(&[3, 5, 7]).view_mut(),
                &amount,
                Depth::Continuous,
                &mut draws,
            );
            assert_eq!(draws.word(), expected);
        }
    }
}
