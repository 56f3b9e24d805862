//! Every built-in kind, gathered.

use crate::catalogue::Catalogue;
use crate::metric::{
    Accuracy, AdaptiveCalibrationError, Auroc, BrierScore, ClasswiseCalibrationError,
    ExpectedCalibrationError, MacroF1, Metric, NegativeLogLikelihood, WorstSliceAccuracy,
};
use crate::perturb::Perturbation;
use crate::perturb::identity::Identity;
use crate::perturb::image::brightness::Brightness;
use crate::perturb::image::contrast::Contrast;
use crate::perturb::noise::gaussian::GaussianNoise;
use crate::perturb::noise::impulse::ImpulseNoise;
use crate::perturb::noise::shot::ShotNoise;

/// The perturbations, in the order in which people read of them.
pub static PERTURBATIONS: [&dyn Perturbation; 6] = [
    &Identity,
    &GaussianNoise,
    &ShotNoise,
    &ImpulseNoise,
    &Brightness,
    &Contrast,
];

/// The metrics, likewise.
pub static METRICS: [&dyn Metric; 9] = [
    &Accuracy,
    &WorstSliceAccuracy,
    &NegativeLogLikelihood,
    &BrierScore,
    &ExpectedCalibrationError,
    &ClasswiseCalibrationError,
    &AdaptiveCalibrationError,
    &MacroF1,
    &Auroc,
];

/// What a spec may name.
pub fn catalogue() -> Catalogue {
    Catalogue {
        perturbations: PERTURBATIONS.iter().map(|kind| kind.kind()).collect(),
        metrics: METRICS.iter().map(|kind| kind.kind()).collect(),
    }
}

/// The built-in perturbation called `name`.
pub fn perturbation(name: &str) -> Option<&'static dyn Perturbation> {
    PERTURBATIONS
        .iter()
        .find(|kind| kind.kind().name == name)
        .copied()
}

/// The built-in metric called `name`.
pub fn metric(name: &str) -> Option<&'static dyn Metric> {
    METRICS
        .iter()
        .find(|kind| kind.kind().name == name)
        .copied()
}
