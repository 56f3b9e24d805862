//! Colour temperature: of lamplight before a camera that is balanced for daylight.

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::image::{channels, refuse, with_planes};
use crate::perturb::{Depth, Perturbation, PerturbationError, wide};
use crate::seed::Stream;

/// The steps of both scales: light knows nothing of the image's size.
const ROWS: [&[f64]; 5] = [&[5100.0], &[4200.0], &[3500.0], &[3050.0], &[2700.0]];

/// The entry of [`ColourTemperature`] in the catalogue.
pub static COLOUR_TEMPERATURE: PerturbationKind = PerturbationKind {
    name: "colour_temperature",
    version: 1,
    about: "Tints the image as light of another temperature does where the camera is balanced for \
            6500 K: warmer below, bluer above.",
    source: "Planckian locus of Kang et al. (2002), J. Korean Phys. Soc. 41, 865; sRGB: IEC \
             61966-2-1; severities chosen here: about even steps of the reciprocal temperature, \
             from daylight to an incandescent bulb",
    stochastic: false,
    parameters: &[Parameter {
        name: "kelvin",
        about: "The temperature of the light in kelvin; 6500 changes nothing.",
        minimum: 2000.0,
        maximum: 25_000.0,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: ROWS,
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: ROWS,
        },
    ],
};

/// Each channel multiplied by its own gain: what a white surface has in it under a black
/// body of `kelvin` over what it has at 6500 K, at the same luminance of white.
///
/// The gains are those of linear light to the power of 1/2.2: what multiplies encoded
/// values if the encoding is a power of 2.2, as sRGB's nearly is. (Through sRGB's own
/// curve, photographs differ by 0.4 grey levels in the mean at 5100 K and by 1.7 at
/// 2700 K, at most by 6.) That the luminance of white is kept is what an exposure meter
/// does: lamplight makes red brighter, and its highlights clip, as in a camera.
pub struct ColourTemperature;

impl Perturbation for ColourTemperature {
    fn kind(&self) -> &'static PerturbationKind {
        &COLOUR_TEMPERATURE
    }

    fn check(&self, shape: &[usize]) -> Result<(), PerturbationError> {
        match (shape.len(), channels(shape)) {
            (3, Some(3)) => Ok(()),
            _ => Err(refuse(
                &COLOUR_TEMPERATURE,
                "RGB images, [3 channels, height, width]",
                shape,
            )),
        }
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        _: &mut Stream,
    ) {
        let gains = gains(parameters.get("kelvin"));
        with_planes(example, |mut planes| {
            for (plane, gain) in planes.each().zip(gains) {
                wide(
                    #[inline(always)]
                    || plane.iter_mut().for_each(|value| *value *= gain),
                );
            }
        });
    }
}

/// The temperature at which nothing is changed, in kelvin.
const NEUTRAL: f64 = 6500.0;

/// What linear red, green and blue have of the luminance of white.
const LUMINANCE: [f64; 3] = [0.2126, 0.7152, 0.0722];

/// What encoded red, green and blue are multiplied by under light of `kelvin`.
fn gains(kelvin: f64) -> [f32; 3] {
    let (here, neutral) = (white(kelvin), white(NEUTRAL));
    let linear: [f64; 3] = std::array::from_fn(|channel| here[channel] / neutral[channel]);
    let luminance: f64 = LUMINANCE
        .iter()
        .zip(linear)
        .map(|(share, gain)| share * gain)
        .sum();
    linear.map(|gain| libm::pow(gain / luminance, 1.0 / 2.2) as f32)
}

/// Linear sRGB of a black body of `kelvin`, of luminance 1: all of it positive from
/// 1900 K on, below which sRGB has no such blue.
fn white(kelvin: f64) -> [f64; 3] {
    let [x, y] = chromaticity(kelvin);
    let (x, z) = (x / y, (1.0 - x - y) / y);
    [
        3.2406 * x - 1.5372 - 0.4986 * z,
        -0.9689 * x + 1.8758 + 0.0415 * z,
        0.0557 * x - 0.2040 + 1.0570 * z,
    ]
}

/// CIE 1931 (x, y) of a black body of 1667 to 25,000 K (Kang et al. 2002).
fn chromaticity(kelvin: f64) -> [f64; 2] {
    let t = 1000.0 / kelvin;
    let cubic = |[third, second, first, constant]: [f64; 4], at: f64| {
        ((third * at + second) * at + first) * at + constant
    };
    let x = if kelvin <= 4000.0 {
        cubic([-0.266_123_9, -0.234_358_9, 0.877_695_6, 0.179_910], t)
    } else {
        cubic([-3.025_846_9, 2.107_037_9, 0.222_634_7, 0.240_390], t)
    };
    let y = if kelvin <= 2222.0 {
        cubic(
            [-1.106_381_4, -1.348_110_20, 2.185_558_32, -0.202_196_83],
            x,
        )
    } else if kelvin <= 4000.0 {
        cubic(
            [-0.954_947_6, -1.374_185_93, 2.091_370_15, -0.167_488_67],
            x,
        )
    } else {
        cubic([3.081_758_0, -5.873_386_70, 3.751_129_97, -0.370_014_83], x)
    };
    [x, y]
}

#[cfg(test)]
mod tests {
    use ndarray::ArrayD;

    use super::*;
    use crate::perturb::testing::{assert_severities, parameters, perturbed, ramp};

    fn with(kelvin: f64, image: &ArrayD<f32>) -> ArrayD<f32> {
        perturbed(
            &ColourTemperature,
            image,
            &parameters(&[("kelvin", kelvin)]),
            "0",
        )
    }

    /// Planck's law, weighed by the colour matching functions as Wyman, Sloan & Shirley
    /// (2013) fit them: another way to the same chromaticity.
    fn black_body(kelvin: f64) -> [f64; 2] {
        let lobe = |at: f64, height: f64, centre: f64, below: f64, above: f64| {
            let t = (at - centre) * if at < centre { below } else { above };
            height * libm::exp(-0.5 * t * t)
        };
        let mut sums = [0.0; 3];
        for step in 0..=470 {
            let nanometres = 360.0 + f64::from(step);
            let power = libm::pow(nanometres, -5.0) / libm::expm1(1.4388e7 / (nanometres * kelvin));
            let matching = [
                lobe(nanometres, 1.056, 599.8, 0.0264, 0.0323)
                    + lobe(nanometres, 0.362, 442.0, 0.0624, 0.0374)
                    + lobe(nanometres, -0.065, 501.1, 0.0490, 0.0382),
                lobe(nanometres, 0.821, 568.8, 0.0213, 0.0247)
                    + lobe(nanometres, 0.286, 530.9, 0.0613, 0.0322),
                lobe(nanometres, 1.217, 437.0, 0.0845, 0.0278)
                    + lobe(nanometres, 0.681, 459.0, 0.0385, 0.0725),
            ];
            for (sum, matching) in sums.iter_mut().zip(matching) {
                *sum += power * matching;
            }
        }
        let all: f64 = sums.iter().sum();
        [sums[0] / all, sums[1] / all]
    }

    #[test]
    fn the_severities_go_to_a_bulb_in_even_reciprocal_steps() {
        let steps = [5100.0, 4200.0, 3500.0, 3050.0, 2700.0];
        for scale in Scale::ALL {
            assert_severities(&COLOUR_TEMPERATURE, scale, steps);
        }
        let mired: Vec<f64> = [6500.0]
            .iter()
            .chain(&steps)
            .map(|kelvin| 1e6 / kelvin)
            .collect();
        for pair in mired.windows(2) {
            assert!((pair[1] - pair[0] - 43.0).abs() < 6.0, "{mired:?}");
        }
    }

    #[test]
    fn the_locus_is_that_of_plancks_law() {
        for step in 0..=100 {
            let kelvin = 2000.0 * libm::pow(12.5, f64::from(step) / 100.0);
            let (fit, law) = (chromaticity(kelvin), black_body(kelvin));
            for (fit, law) in fit.iter().zip(law) {
                assert!((fit - law).abs() < 0.004, "{kelvin}: {fit} {law}");
            }
        }
        // CIE's illuminant A is a black body of 2856 K.
        let [x, y] = chromaticity(2856.0);
        assert!(
            (x - 0.44757).abs() < 5e-4 && (y - 0.40745).abs() < 5e-4,
            "{x} {y}"
        );
    }

    #[test]
    fn daylight_changes_nothing() {
        let image = ramp(&[3, 5, 6]);
        assert_eq!(with(6500.0, &image), image);
    }

    #[test]
    fn below_it_gets_warmer_and_above_it_bluer() {
        let mut before = gains(2000.0);
        assert!(before.iter().all(|&gain| gain > 0.0));
        for kelvin in (2100..=25_000).step_by(100) {
            let after = gains(f64::from(kelvin));
            assert!(after[0] < before[0] && after[2] > before[2], "{kelvin}");
            before = after;
        }
    }

    #[test]
    fn the_luminance_of_white_is_kept() {
        for kelvin in [2000.0, 2700.0, 4200.0, 10_000.0, 25_000.0] {
            let white = with(kelvin, &ArrayD::ones(vec![3, 1, 1]))
                .flatten()
                .to_owned();
            let linear = white.mapv(|value| libm::pow(f64::from(value), 2.2));
            let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
            assert!((luminance - 1.0).abs() < 1e-6, "{kelvin}: {luminance}");
        }
    }
}
