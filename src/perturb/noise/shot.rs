//! Shot noise: of light that arrives as single photons.

use std::sync::{Arc, Mutex, PoisonError};

use ndarray::ArrayViewMutD;

use crate::catalogue::{Parameter, Parameters, PerturbationKind, Scale, SeverityTable};
use crate::perturb::{Depth, Perturbation, PerturbationError, draw, wide};
use crate::seed::Stream;

/// The entry of [`ShotNoise`] in the catalogue.
pub static SHOT_NOISE: PerturbationKind = PerturbationKind {
    name: "shot_noise",
    version: 1,
    about: "Replaces each value by a count of photons whose mean is the value.",
    source: "Hendrycks & Dietterich (2019), arXiv:1903.12261",
    stochastic: true,
    parameters: &[Parameter {
        name: "photons",
        about: "Photons that a value of 1 stands for; fewer are noisier.",
        minimum: 1.0,
        maximum: 1e6,
        integer: false,
        default: None,
    }],
    severities: &[
        SeverityTable {
            scale: Scale::ImagenetC,
            rows: [&[60.0], &[25.0], &[12.0], &[5.0], &[3.0]],
        },
        SeverityTable {
            scale: Scale::Cifar10C,
            rows: [&[500.0], &[250.0], &[100.0], &[75.0], &[50.0]],
        },
    ],
};

/// Poisson(x c) / c with c = `photons`. Zero (and less) gives zero: where no light
/// is, none is counted.
pub struct ShotNoise;

impl Perturbation for ShotNoise {
    fn kind(&self) -> &'static PerturbationKind {
        &SHOT_NOISE
    }

    fn check(&self, _shape: &[usize]) -> Result<(), PerturbationError> {
        Ok(())
    }

    fn apply(
        &self,
        example: ArrayViewMutD<'_, f32>,
        parameters: &Parameters,
        _: Depth,
        stream: &mut Stream,
    ) {
        let photons = parameters.get("photons");
        let mut table = None;
        let (mut levels, mut rates) = ([0; draw::BLOCK], [0.0; draw::BLOCK]);
        draw::each_block(example, stream, |values, words| {
            let levels = &mut levels[..values.len()];
            if photons <= TABLED && find_levels(values, levels) {
                let table = table.get_or_insert_with(|| level_table(photons));
                for ((value, &word), &level) in values.iter_mut().zip(words).zip(&*levels) {
                    *value = table.draw(usize::from(level), word);
                }
            } else {
                let rates = &mut rates[..values.len()];
                for (rate, &value) in rates.iter_mut().zip(&*values) {
                    *rate = f64::from(value) * photons;
                }
                draw::poissons(rates, words);
                for (value, &count) in values.iter_mut().zip(&*rates) {
                    *value = (count / photons) as f32;
                }
            }
        });
    }
}

/// Up to so many photons there are tables: at most 1 MB each.
const TABLED: f64 = 1_000.0;

/// Finds the level of 8 bits that each value is; false where one is not k/255 to the
/// last bit.
fn find_levels(values: &[f32], levels: &mut [u8]) -> bool {
    wide(
        #[inline(always)]
        || {
            let mut all = true;
            for (level, &value) in levels.iter_mut().zip(values) {
                *level = (value * 255.0 + 0.5) as u8;
                all &= f32::from(*level) / 255.0 == value;
            }
            all
        },
    )
}

/// The table of the 256 levels, kept for the next image.
fn level_table(photons: f64) -> Arc<draw::PoissonTable> {
    /// As many as a spec has severities, and some between.
    const KEPT: usize = 8;
    type Kept = Vec<(f64, Arc<draw::PoissonTable>)>;
    static LATEST: Mutex<Kept> = Mutex::new(Vec::new());

    // What a panic left behind is whole: entries come and go as they are.
    let mut latest = LATEST.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, table)) = latest.iter().find(|(of, _)| *of == photons) {
        return Arc::clone(table);
    }
    let rates: [f64; 256] = std::array::from_fn(|level| f64::from(level as f32 / 255.0) * photons);
    let table = Arc::new(draw::PoissonTable::new(&rates, |count| {
        (count / photons) as f32
    }));
    if latest.len() == KEPT {
        latest.remove(0);
    }
    latest.push((photons, Arc::clone(&table)));
    table
}

#[cfg(test)]
mod tests {
    use ndarray::{Array, ArrayD};

    use super::*;
    use crate::perturb::testing::{assert_severities, parameters, perturbed, ramp, stream};
    use crate::seed::uniform;

    #[test]
    fn the_severities_are_the_published_ones() {
        let published = |scale, values| assert_severities(&SHOT_NOISE, scale, values);
        published(Scale::ImagenetC, [60.0, 25.0, 12.0, 5.0, 3.0]);
        published(Scale::Cifar10C, [500.0, 250.0, 100.0, 75.0, 50.0]);
    }

    /// Mean x, variance x/c, third central moment x/c²; n = 16,384 draws. A Poisson
    /// variable of mean m has fourth central moment m + 3 m².
    #[test]
    fn the_moments_are_those_of_counted_photons() {
        for (value, photons) in [(0.1, 3.0), (0.5, 12.0), (1.0, 60.0), (0.75, 500.0)] {
            let flat = Array::from_elem([128, 128], value as f32).into_dyn();
            let value = f64::from(value as f32);
            let noisy = perturbed(&ShotNoise, &flat, &parameters(&[("photons", photons)]), "0");
            let n = noisy.len() as f64;
            let moment = |power| {
                let powers = noisy.iter().map(|&x| (f64::from(x) - value).powi(power));
                powers.sum::<f64>() / n
            };
            let (rate, variance) = (value * photons, value / photons);
            let bound = 4.5 * (variance / n).sqrt();
            assert!(moment(1).abs() < bound, "{value} {photons}: {}", moment(1));
            let bound = 4.5 * ((rate + 2.0 * rate * rate) / n).sqrt() / (photons * photons);
            let error = (moment(2) - variance).abs();
            assert!(error < bound, "{value} {photons}: {}", moment(2));
        }
    }

    #[test]
    fn values_are_whole_numbers_of_photons() {
        let noisy = perturbed(
            &ShotNoise,
            &ramp(&[3, 9, 9]),
            &parameters(&[("photons", 12.0)]),
            "0",
        );
        for &value in &noisy {
            let count = value * 12.0;
            assert!(
                (count - count.round()).abs() < 1e-5 && value >= 0.0,
                "{value}"
            );
        }
    }

    #[test]
    fn darkness_stays_dark_and_what_is_no_number_stays_none() {
        let clean = ndarray::arr1(&[0.0, -0.5, f32::NAN]).into_dyn();
        let noisy = perturbed(&ShotNoise, &clean, &parameters(&[("photons", 60.0)]), "0");
        assert_eq!((noisy[0], noisy[1]), (0.0, 0.0));
        assert!(noisy[2].is_nan());
    }

    /// Levels of 8 bits, which are drawn by table, and other numbers alike.
    #[test]
    fn each_value_is_the_draw_of_its_word() {
        for photons in [1.0, 3.0, 12.5, 60.0, 500.0, 2_000.0] {
            for stretch in [1.0, 0.9991] {
                let clean = Array::from_shape_fn([4, 512], |(row, column)| {
                    ((row * 512 + column * 7) % 256) as f32 / 255.0 * stretch
                })
                .into_dyn();
                let noisy = perturbed(
                    &ShotNoise,
                    &clean,
                    &parameters(&[("photons", photons)]),
                    "0",
                );
                let mut words = vec![0; clean.len()];
                stream(&ShotNoise, "0").fill(&mut words);
                for ((&clean, &noisy), word) in clean.iter().zip(&noisy).zip(words) {
                    let count = draw::poisson(uniform(word), f64::from(clean) * photons);
                    assert_eq!(noisy, (count / photons) as f32, "{photons} {clean} {word}");
                }
            }
        }
    }

    /// A brighter value never counts fewer photons, in every draw.
    #[test]
    fn draws_are_shared_along_brightness() {
        let at = |value: f32| {
            let flat = Array::from_elem([400], value).into_dyn();
            perturbed(&ShotNoise, &flat, &parameters(&[("photons", 60.0)]), "0")
        };
        for step in 0..16_u8 {
            let (dark, bright) = (f32::from(step) / 16.0, f32::from(step + 1) / 16.0);
            let pairs = at(dark).into_iter().zip(at(bright));
            assert!(pairs.into_iter().all(|(dark, bright)| dark <= bright));
        }
    }

    /// Counts of mean 30 and of mean 1.5 that share their uniforms: far from the
    /// correlation of 0 that separate draws have, short of 1 for being rounded.
    #[test]
    fn severities_share_their_draws() {
        let flat = Array::from_elem([2_000], 0.5).into_dyn();
        let noise = |severity| {
            let parameters = SHOT_NOISE.at_severity(Scale::ImagenetC, severity).unwrap();
            perturbed(&ShotNoise, &flat, &parameters, "0") - 0.5
        };
        let first = noise(1.0);
        for severity in [2.0, 3.0, 4.0, 5.0] {
            let other = noise(severity);
            let product = |one: &ArrayD<f32>, other: &ArrayD<f32>| (one * other).sum();
            let scale = product(&first, &first) * product(&other, &other);
            let correlation = product(&first, &other) / scale.sqrt();
            assert!(correlation > 0.9, "{severity}: {correlation}");
        }
    }
}
