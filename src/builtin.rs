//! Every built-in kind, gathered.

use crate::catalogue::Catalogue;
use crate::metric::{
    Accuracy, AdaptiveCalibrationError, AreaUnderSeverityCurve, Auroc, BrierScore,
    CORRUPTION_ERROR, ClasswiseCalibrationError, ExpectedCalibrationError, MacroF1, Metric,
    NegativeLogLikelihood, RELATIVE_CORRUPTION_ERROR, WorstSliceAccuracy,
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
pub static METRICS: [&dyn Metric; 12] = [
    &Accuracy,
    &WorstSliceAccuracy,
    &NegativeLogLikelihood,
    &BrierScore,
    &ExpectedCalibrationError,
    &ClasswiseCalibrationError,
    &AdaptiveCalibrationError,
    &MacroF1,
    &Auroc,
    &CORRUPTION_ERROR,
    &RELATIVE_CORRUPTION_ERROR,
    &AreaUnderSeverityCurve,
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
    use crate::metric::Form;
    use crate::spec::{Source, SpecError, Suite, parse_spec};

    /// What is said of a spec with these lines of `[gate]` and `[[metric]]`.
    fn refused(gate: &str, metric: &str) -> Option<String> {
        refused_with("", gate, metric)
    }

    /// Likewise, with these lines in `[data]` and `[gate]`.
    fn refused_with(data: &str, gate: &str, metric: &str) -> Option<String> {
        let text = format!(
            "schema = 1\nseed = 1\n[model]\nonnx = \"m.onnx\"\ngives = \"logits\"\n\
             [data]\npath = \"d.npz\"\ninputs = \"x\"\nlabels = \"y\"\n{data}\n\
             [gate]\nmargin = 0.01\n{gate}\n[[perturbation]]\nkind = \"identity\"\n\
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

    /// A spec of one perturbation.
    fn perturbed(entry: &str) -> Result<crate::spec::Spec, SpecError> {
        let text = format!(
            "schema = 1\nseed = 1\n[model]\nonnx = \"m.onnx\"\ngives = \"logits\"\n\
             [data]\npath = \"d.npz\"\ninputs = \"x\"\nlabels = \"y\"\n\
             [gate]\nmargin = 0.01\n[[perturbation]]\n{entry}\n"
        );
        let source = Arc::new(Source {
            path: "test.toml".to_owned(),
            text,
        });
        parse_spec("test", &source, &Suite::default(), &catalogue())
    }

    /// A parameter of the same name as a key of its table could not be given.
    #[test]
    fn no_parameter_is_named_like_a_key() {
        use crate::spec::grammar::{Key, METRIC, PERTURBATION};

        let clash = |keys: &[Key], parameters: &[crate::catalogue::Parameter]| {
            let named = |name: &str| keys.iter().any(|key| key.name == name);
            let mut parameters = parameters.iter();
            parameters
                .find(|parameter| named(parameter.name))
                .map(|parameter| parameter.name)
        };
        for kind in catalogue().perturbations {
            assert_eq!(clash(PERTURBATION, kind.parameters), None, "{}", kind.name);
        }
        for kind in catalogue().metrics {
            assert_eq!(clash(METRIC, kind.parameters), None, "{}", kind.name);
        }
    }

    #[test]
    fn every_perturbation_can_be_given_by_its_parameters() {
        for kind in catalogue().perturbations {
            let middle = |parameter: &crate::catalogue::Parameter| {
                let value = match parameter.default {
                    Some(value) => value,
                    None => parameter.minimum.max(parameter.maximum.min(1.0)),
                };
                format!("{} = {value}\n", parameter.name)
            };
            let parameters: String = kind.parameters.iter().map(middle).collect();
            let entry = format!("kind = \"{}\"\n{parameters}", kind.name);
            let spec = perturbed(&entry).unwrap_or_else(|error| panic!("{entry}\n{error}"));
            let [(setting, _)] = spec.perturbations[0].settings.as_slice() else {
                panic!("{entry} is not one case");
            };
            if !kind.parameters.is_empty() {
                let crate::spec::Setting::Parameters(found) = setting else {
                    panic!("{entry} is {setting:?}");
                };
                assert_eq!(found.0.len(), kind.parameters.len(), "{entry}");
            }
        }
    }

    #[test]
    fn what_has_no_valid_limit_is_not_asked_about_its_margin() {
        let mut without = 0;
        for kind in catalogue().metrics {
            let classes = if kind.parameters.iter().any(|known| known.default.is_none()) {
                "classes = 3\n"
            } else {
                ""
            };
            let metric = format!("kind = \"{}\"\n{classes}margin = 0.01", kind.name);
            let found = refused("mode = \"prove\"", &metric).unwrap_or_default();
            let told = format!("`{}` has no valid confidence limit", kind.name);
            assert_eq!(found.contains(&told), !kind.has_limits, "{found}");
            // Nor is harm beyond a margin shown of it, whoever asks for that.
            let found = refused("null = \"margin\"", &metric).unwrap_or_default();
            assert_eq!(found.contains(&told), !kind.has_limits, "{found}");
            let cure = "or give [gate] null = \"no_harm\"";
            assert_eq!(found.contains(cure), !kind.has_limits, "{found}");
            without += usize::from(!kind.has_limits);
        }
        assert_eq!(without, 3);
    }

    /// A largest change of the margin would prove anything.
    #[test]
    fn what_is_assumed_of_what_was_not_drawn_must_leave_something_to_prove() {
        let refused = |data: &str, gate: &str, metric: &str| {
            let metric = format!("kind = \"accuracy\"\nmargin = 0.05\n{metric}");
            refused_with(data, gate, &metric).unwrap_or_default()
        };
        let told = "the largest change 0.05 is not above the margin 0.05";
        let equal = "largest_change = 0.05";
        assert!(refused("", equal, "").contains(told));
        assert!(refused("", "", equal).contains(told));
        assert_eq!(refused("", equal, "largest_change = 0.051"), "");
        let rows = "largest_cluster = 40";
        assert!(refused(rows, "", "").contains("says nothing without `cluster`"));
        assert_eq!(refused(&format!("cluster = \"c\"\n{rows}"), "", ""), "");
    }

    #[test]
    fn keys_of_the_gate_that_no_test_heeds_are_refused() {
        let refused = |gate: &str, metric: &str| {
            let metric = format!("kind = \"accuracy\"\n{metric}");
            refused(gate, &metric).unwrap_or_default()
        };
        for null in ["retrain", "margin"] {
            let gate = format!("null = \"{null}\"");
            let prove = format!("mode = \"prove\"\n{gate}");
            for found in [refused(&prove, ""), refused(&gate, "mode = \"prove\"")] {
                assert!(
                    found.contains(&format!(
                        "null = \"{null}\" has no effect in mode \"prove\""
                    )),
                    "{found}"
                );
            }
            // Some test heeds it, or none is there that could.
            let other = "mode = \"prove\"\n[[metric]]\nkind = \"brier_score\"\nmargin = 0.01";
            assert_eq!(refused(&gate, other), "");
            assert_eq!(refused(&prove, "mode = \"detect\""), "");
            assert_eq!(refused(&prove, "report_only = true"), "");
        }
        assert_eq!(refused("mode = \"prove\"\nnull = \"no_harm\"", ""), "");
        let told = "an anchor's margin has no effect with anchor = \"none\"";
        let none = "anchor = \"none\"";
        let margin = "anchor_margin = 0.03";
        for found in [
            refused(&format!("{none}\n{margin}"), ""),
            refused(none, margin),
        ] {
            assert!(
                found.contains(told) && found.lines().count() == 1,
                "{found}"
            );
        }
        assert_eq!(refused(margin, ""), "");
        assert_eq!(refused("anchor = \"first\"", margin), "");
    }

    #[test]
    fn what_no_test_knows_of_is_not_judged_where_the_examples_are_all_there_are() {
        let mut without = 0;
        for metric in METRICS {
            let kind = metric.kind();
            if kind.family.is_some() || kind.needs_slices {
                continue;
            }
            let lines = match kind.name {
                "classwise_calibration_error" => "classes = 3\n",
                _ => "",
            };
            let entry = format!("kind = \"{}\"\n{lines}margin = 0.01", kind.name);
            let found = refused_with("examples = \"exhaustive\"", "", &entry);
            let told = format!("`{}` cannot be judged under examples", kind.name);
            let whole = !matches!(metric.form(), Form::Mean | Form::WorstSlice);
            assert_eq!(found.unwrap_or_default().contains(&told), whole, "{told}");
            let reported = format!("kind = \"{}\"\n{lines}report_only = true", kind.name);
            let found = refused_with("examples = \"exhaustive\"", "", &reported);
            assert_eq!(found, None);
            without += usize::from(whole);
        }
        assert_eq!(without, 5);
    }

    const FIVE: &str = "severity = [1, 2, 3, 4, 5]";

    /// What is said of a spec with gaussian_noise and contrast at these severities, the
    /// cell without a perturbation, and this metric of all of them.
    fn refused_family(noise: &str, contrast: &str, metric: &str) -> String {
        let more = format!(
            "{metric}\n[[perturbation]]\nkind = \"gaussian_noise\"\n{noise}\n\
             [[perturbation]]\nkind = \"contrast\"\n{contrast}"
        );
        refused("mode = \"detect\"", &more).unwrap_or_default()
    }

    #[test]
    fn a_corruption_error_needs_all_severities_and_a_reference_for_each() {
        let error = |more: &str| format!("kind = \"mean_corruption_error\"\nmargin = 0.1\n{more}");
        let alexnet = error("reference = \"alexnet\"");
        assert_eq!(refused_family(FIVE, FIVE, &alexnet), "");
        // What has no severity does not count.
        assert_eq!(refused_family(FIVE, "factor = 0.5", &alexnet), "");
        for (noise, contrast, metric, told) in [
            (
                FIVE,
                "severity = [1, 2, 3]",
                alexnet.clone(),
                "sums over the severities 1 to 5, and `contrast` has others",
            ),
            (
                "std = 0.1",
                "factor = 0.5",
                alexnet.clone(),
                "needs a perturbation with severities",
            ),
            (FIVE, FIVE, error(""), "has no `reference`"),
            (
                FIVE,
                FIVE,
                error("reference = \"alexnett\""),
                "the errors of \"alexnett\" are not known; did you mean \"alexnet\"?",
            ),
            (
                FIVE,
                FIVE,
                error("reference = { gaussian_noise = 0.8 }"),
                "no error of the reference under `contrast` is known",
            ),
            (
                FIVE,
                FIVE,
                error("reference = { gaussian_noise = 0.8, contras = 0.7 }"),
                "`contras` is no perturbation; did you mean `contrast`?",
            ),
            (
                FIVE,
                FIVE,
                error("reference = { gaussian_noise = 80, contrast = 0.7 }"),
                "`gaussian_noise` must be from 0 to 1, not 80",
            ),
            (
                FIVE,
                FIVE,
                error("reference = { gaussian_noise = 0, contrast = 0.7 }"),
                "the reference's error under `gaussian_noise` is zero",
            ),
            (
                FIVE,
                FIVE,
                "kind = \"mean_corruption_error\"\nreference = \"alexnet\"".to_owned(),
                "`mean_corruption_error` is on [0, ∞) and needs a margin of its own",
            ),
            (
                FIVE,
                &format!("{FIVE}\n[[perturbation]]\nkind = \"contrast\"\nname = \"again\"\n{FIVE}"),
                alexnet.clone(),
                "`mean_corruption_error` would count `contrast` twice",
            ),
            (
                FIVE,
                FIVE,
                error("reference = 0.8"),
                "must be the name of a model or a table of errors, not a number",
            ),
        ] {
            let found = refused_family(noise, contrast, &metric);
            assert!(found.contains(told), "{told}\n{found}");
        }
    }

    #[test]
    fn the_relative_form_needs_the_errors_without_a_perturbation() {
        let error = |reference: &str| {
            format!(
                "kind = \"relative_mean_corruption_error\"\nmargin = 0.1\nreference = {reference}"
            )
        };
        assert_eq!(refused_family(FIVE, FIVE, &error("\"alexnet\"")), "");
        let found = refused_family(
            FIVE,
            FIVE,
            &error("{ gaussian_noise = 0.8, contrast = 0.7 }"),
        );
        assert!(
            found.contains("no error of the reference under `identity` is known"),
            "{found}"
        );
        let tame = "{ gaussian_noise = 0.8, contrast = 0.3, identity = 0.3 }";
        let found = refused_family(FIVE, FIVE, &error(tame));
        assert!(
            found.contains(
                "under `contrast`, 0.3, is not above its error without a perturbation, 0.3"
            ),
            "{found}"
        );
    }

    #[test]
    fn a_curve_needs_two_severities() {
        let area = "kind = \"area_under_severity_curve\"";
        assert_eq!(
            refused_family("severity = [1, 5]", "severity = 3", area),
            ""
        );
        let found = refused_family("std = 0.1", "severity = 3", area);
        assert!(
            found.contains("needs a perturbation with two severities"),
            "{found}"
        );
    }

    #[test]
    fn what_must_be_given_is_asked_for() {
        let classwise = refused(
            "mode = \"detect\"",
            "kind = \"classwise_calibration_error\"",
        )
        .unwrap();
        assert!(
            classwise.contains("has no `classes`; classes = …"),
            "{classwise}"
        );
        let slices = refused("mode = \"detect\"", "kind = \"worst_slice_accuracy\"").unwrap();
        assert!(
            slices.contains("[data] names none; [data] slice = "),
            "{slices}"
        );
        assert_eq!(refused("mode = \"detect\"", "kind = \"auroc\""), None);
    }
}
