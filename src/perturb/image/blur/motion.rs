//! Motion blur: of a camera that moves during the exposure.

use ndarray::ArrayViewMutD;

use super::any_image;
use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::filter::motion::Motion;
use crate::perturb::image::{levels, with_planes};
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
/// and down. Beyond the edge is the nearest value. 8-bit results are rounded, as
/// ImageMagick's are.
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
        depth: Depth,
        stream: &mut Stream,
    ) {
        let mut word = [0];
        stream.fill(&mut word);
        let angle = 90.0 * uniform(word[0]) - 45.0;
        let motion = Motion::new(parameters.get("radius"), parameters.get("sigma"), angle);
        with_planes(example, |mut planes| {
            motion.filter(&mut planes);
            if depth == Depth::EightBit {
                levels::round(planes.values);
            }
        });
    }
}
