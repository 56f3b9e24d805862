//! Every built-in kind, gathered.

use crate::catalogue::Catalogue;
use crate::metric::{
    Accuracy, AdaptiveCalibrationError, Auroc, BrierScore, ClasswiseCalibrationError,
    ExpectedCalibrationError, MacroF1, Metric, NegativeLogLikelihood, WorstSliceAccuracy,
};
use crate::perturb::Perturbation;
use crate::perturb::identity::Identity;
use crate::perturb::image::{blur, camera, digital, geometry, weather};
use crate::perturb::noise::gaussian::GaussianNoise;
use crate::perturb::noise::impulse::ImpulseNoise;
use crate::perturb::noise::shot::ShotNoise;
use crate::perturb::noise::speckle::SpeckleNoise;

/// The perturbations, in the order in which people read of them: ImageNet-C's groups,
/// each with its extra one last, then what deployments see.
pub static PERTURBATIONS: [&dyn Perturbation; 30] = [
    &Identity,
    &GaussianNoise,
    &ShotNoise,
    &ImpulseNoise,
    &SpeckleNoise,
    &blur::defocus::DefocusBlur,
    &blur::glass::GlassBlur,
    &blur::motion::MotionBlur,
    &blur::zoom::ZoomBlur,
    &blur::gaussian::GaussianBlur,
    &weather::snow::Snow,
    &weather::frost::Frost,
    &weather::fog::Fog,
    &weather::spatter::Spatter,
    &digital::brightness::Brightness,
    &digital::contrast::Contrast,
    &digital::elastic_transform::ElasticTransform,
    &digital::pixelate::Pixelate,
    &digital::jpeg_compression::JpegCompression,
    &digital::saturate::Saturate,
    &geometry::rotation::Rotation,
    &geometry::translation::Translation,
    &geometry::scale::Rescale,
    &geometry::crop::Crop,
    &geometry::occlusion::Occlusion,
    &camera::channel_swap::ChannelSwap,
    &camera::gamma::Gamma,
    &camera::colour_temperature::ColourTemperature,
    &camera::downsampling::Downsampling,
    &camera::bit_depth::BitDepth,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::spec::{Source, SpecError, Suite, parse_spec};

    /// What is said of a spec with these lines of `[[metric]]`.
    fn refused(mode: &str, metric: &str) -> Option<String> {
        let text = format!(
            "schema = 1\nseed = 1\n[model]\nonnx = \"m.onnx\"\ngives = \"logits\"\n\
             [data]\npath = \"d.npz\"\ninputs = \"x\"\nlabels = \"y\"\n\
             [gate]\nmargin = 0.01\nmode = \"{mode}\"\n[[perturbation]]\nkind = \"identity\"\n\
             [[metric]]\n{metric}\n"
        );
        let source = Arc::new(Source {
            path: "test.toml".to_owned(),
            text,
        });
        let parsed = parse_spec("test", &source, &Suite::default(), &catalogue());
        parsed.err().map(|SpecError { problems, .. }| {
            let said = problems.iter().map(|problem| {
                let help = problem.help.clone().unwrap_or_default();
                format!("{}; {help}", problem.message)
            });
            said.collect::<Vec<_>>().join("\n")
        })
    }

    #[test]
    fn what_has_no_valid_limit_is_not_proven() {
        let mut without = 0;
        for kind in catalogue().metrics {
            let classes = if kind.parameters.iter().any(|known| known.default.is_none()) {
                "classes = 3\n"
            } else {
                ""
            };
            let metric = format!("kind = \"{}\"\n{classes}margin = 0.01", kind.name);
            let found = refused("prove", &metric).unwrap_or_default();
            let told = format!("`{}` has no valid confidence limit", kind.name);
            assert_eq!(found.contains(&told), !kind.has_limits, "{found}");
            without += usize::from(!kind.has_limits);
        }
        assert_eq!(without, 3);
    }

    #[test]
    fn what_must_be_given_is_asked_for() {
        let classwise = refused("detect", "kind = \"classwise_calibration_error\"").unwrap();
        assert!(
            classwise.contains("has no `classes`; classes = …"),
            "{classwise}"
        );
        let slices = refused("detect", "kind = \"worst_slice_accuracy\"").unwrap();
        assert!(
            slices.contains("[data] names none; [data] slice = "),
            "{slices}"
        );
        assert_eq!(refused("detect", "kind = \"auroc\""), None);
    }
}
