//! The mean corruption error and its relative form: errors under a family of
//! corruptions, over those of a reference model, one number for all of them.

use super::family::{FamilyCell, Linear};
use super::probability::mean_of_quanta;
use super::{Form, Metric};
use crate::catalogue::{Better, CLEAN, Family, MetricKind, Parameters, Reference, Scale};
use crate::outcome::ColumnSpec;

/// The severities over which a corruption's errors are summed.
const SEVERITIES: f64 = 5.0;

/// AlexNet, by whose errors the field measures: 100 times the metric is what papers
/// print.
pub static ALEXNET: Reference = Reference {
    name: "alexnet",
    about: "AlexNet on ImageNet-C at 224 pixels: the mean errors over five severities by which papers divide.",
    source: "Hendrycks & Dietterich 2019, with the digits of google-research/augmix `imagenet.py`; without a corruption torchvision's `AlexNet_Weights.IMAGENET1K_V1` (top-1 accuracy 56.522 %)",
    scale: Scale::ImagenetC,
    errors: &[
        ("gaussian_noise", 0.886_428),
        ("shot_noise", 0.894_468),
        ("impulse_noise", 0.922_640),
        ("defocus_blur", 0.819_880),
        ("glass_blur", 0.826_268),
        ("motion_blur", 0.785_948),
        ("zoom_blur", 0.798_360),
        ("snow", 0.866_816),
        ("frost", 0.826_572),
        ("fog", 0.819_324),
        ("brightness", 0.564_592),
        ("contrast", 0.853_204),
        ("elastic_transform", 0.646_056),
        ("pixelate", 0.717_840),
        ("jpeg_compression", 0.606_500),
        (CLEAN, 0.434_78),
    ],
};

/// The references that a spec may name.
static KNOWN: [&Reference; 1] = [&ALEXNET];

/// The catalogue's entry.
pub static MEAN_CORRUPTION_ERROR: MetricKind = MetricKind {
    name: "mean_corruption_error",
    version: 1,
    about: "mCE: the errors under a perturbation, summed over its severities 1 to 5, over those of a reference model; the mean over the perturbations with severities, each of which needs all five (what has none, as `identity`, does not count). A ratio: 1 is as robust as the reference, and papers print 100 times it. Judged in the spec's case `pooled`.",
    source: "Hendrycks & Dietterich 2019 (arXiv:1903.12261)",
    better: Better::Lower,
    range: (0.0, f64::INFINITY),
    has_limits: true,
    needs_slices: false,
    family: Some(Family::Reference {
        known: &KNOWN,
        clean: false,
    }),
    parameters: &[],
};

/// The catalogue's entry.
pub static RELATIVE_MEAN_CORRUPTION_ERROR: MetricKind = MetricKind {
    name: "relative_mean_corruption_error",
    version: 1,
    about: "Relative mCE: as `mean_corruption_error`, with the error without a perturbation taken from every error, of the model (its cell `identity`, which the spec must have) and of the reference: what the perturbations cost, whatever the model is worth without them. It can be below zero. Judged in the spec's case `pooled`.",
    source: "Hendrycks & Dietterich 2019 (arXiv:1903.12261)",
    better: Better::Lower,
    range: (f64::NEG_INFINITY, f64::INFINITY),
    has_limits: true,
    needs_slices: false,
    family: Some(Family::Reference {
        known: &KNOWN,
        clean: true,
    }),
    parameters: &[],
};

/// A corruption error, plain or relative.
pub struct CorruptionError {
    kind: &'static MetricKind,
    relative: bool,
}

/// mCE.
pub static CORRUPTION_ERROR: CorruptionError = CorruptionError {
    kind: &MEAN_CORRUPTION_ERROR,
    relative: false,
};

/// Relative mCE.
pub static RELATIVE_CORRUPTION_ERROR: CorruptionError = CorruptionError {
    kind: &RELATIVE_MEAN_CORRUPTION_ERROR,
    relative: true,
};

/// The denominators: the reference's error under each corruption that counts, less its
/// error without one in the relative form.
fn denominators(parameters: &Parameters, relative: bool) -> Vec<(&str, f64)> {
    let clean = if relative { parameters.get(CLEAN) } else { 0.0 };
    let values = parameters.0.iter();
    values
        .filter(|(name, _)| name != CLEAN)
        .map(|(name, error)| (name.as_str(), error - clean))
        .collect()
}

/// The mean over the corruptions of one over the denominator: the value of a model
/// that is always wrong where the reference's denominators are those. One where there
/// is no corruption.
fn reach(parameters: &Parameters, relative: bool) -> f64 {
    let denominators = denominators(parameters, relative);
    if denominators.is_empty() {
        return 1.0;
    }
    let sum: f64 = denominators.iter().map(|(_, value)| 1.0 / value).sum();
    sum / denominators.len() as f64
}

fn over_cells(
    cells: &[FamilyCell],
    parameters: &Parameters,
    relative: bool,
) -> Result<Linear, String> {
    let denominators = denominators(parameters, relative);
    let mut constant = 0.0;
    let mut right = vec![0.0; cells.len()];
    for (weight, cell) in right.iter_mut().zip(cells) {
        if cell.severity.is_none() {
            continue;
        }
        let Some((_, value)) = denominators.iter().find(|(name, _)| *name == cell.kind) else {
            return Err(format!("the reference gives no error for {}", cell.kind));
        };
        let share = 1.0 / (SEVERITIES * value * denominators.len() as f64);
        constant += share;
        *weight = -share;
    }
    if relative {
        let clean = cells.iter().position(|cell| cell.kind == CLEAN);
        let Some(clean) = clean else {
            return Err(format!("there is no cell {CLEAN}"));
        };
        right[clean] += constant;
        constant = 0.0;
    }
    Ok(Linear { constant, right })
}

impl Metric for CorruptionError {
    fn kind(&self) -> &'static MetricKind {
        self.kind
    }

    fn form(&self) -> Form {
        Form::Mean
    }

    fn columns(&self, label: &str, parameters: &Parameters) -> Vec<ColumnSpec> {
        let reach = reach(parameters, self.relative);
        let low = if self.relative { -reach } else { 0.0 };
        vec![ColumnSpec::score(label, (low, reach))]
    }

    fn over_cells(&self, cells: &[FamilyCell], parameters: &Parameters) -> Result<Linear, String> {
        over_cells(cells, parameters, self.relative)
    }

    fn value(&self, sums: &[i64], rows: usize, parameters: &Parameters) -> f64 {
        let share = mean_of_quanta(sums[0], rows);
        let of_reach = if self.relative {
            2.0 * share - 1.0
        } else {
            share
        };
        of_reach * reach(parameters, self.relative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::family::testing::cells;
    use crate::metric::testing::parameters;
    use crate::metric::{Rows, testing::outcomes};
    use proptest::prelude::*;

    const CORRUPTIONS: [&str; 15] = [
        "gaussian_noise",
        "shot_noise",
        "impulse_noise",
        "defocus_blur",
        "glass_blur",
        "motion_blur",
        "zoom_blur",
        "snow",
        "frost",
        "fog",
        "brightness",
        "contrast",
        "elastic_transform",
        "pixelate",
        "jpeg_compression",
    ];

    /// Accuracies of 10,000 at the severities 1 to 5, corruption by corruption: RobustBench,
    /// `model_info/imagenet/corruptions/unaggregated_results.csv` at commit 78fcc9e.
    type Accuracies = [[u32; 5]; 15];

    const BY_ALEXNET: Accuracies = [
        [3110, 1814, 724, 214, 58],
        [2944, 1598, 726, 196, 120],
        [2234, 1154, 556, 140, 54],
        [3404, 2620, 1502, 850, 522],
        [3486, 2412, 1126, 800, 636],
        [4174, 2950, 1794, 1022, 698],
        [3028, 2308, 1936, 1630, 1312],
        [2788, 1140, 1320, 850, 502],
        [3788, 1976, 1052, 994, 616],
        [3154, 2324, 1570, 1214, 556],
        [5504, 5140, 4640, 3886, 2906],
        [3496, 2334, 1094, 266, 94],
        [4710, 3022, 4400, 3568, 1898],
        [4754, 4502, 2670, 1288, 858],
        [4858, 4522, 4228, 3488, 2564],
    ];

    const BY_RESNET_50: Accuracies = [
        [6020, 4878, 3124, 1422, 288],
        [5828, 4486, 2856, 1026, 352],
        [4854, 3862, 2904, 1130, 244],
        [5914, 5154, 3808, 2752, 1824],
        [5362, 3974, 1708, 1306, 1034],
        [6360, 5342, 3754, 2158, 1452],
        [5258, 4302, 3560, 2844, 2194],
        [5468, 3120, 3494, 2344, 1650],
        [6106, 4366, 3064, 2864, 2258],
        [6092, 5600, 4674, 4024, 2360],
        [7360, 7222, 6958, 6496, 5886],
        [6428, 5824, 4660, 2098, 542],
        [6684, 4514, 5456, 4122, 1702],
        [6380, 6434, 4598, 2930, 2088],
        [6644, 6234, 6004, 4786, 3254],
    ];

    const BY_AUGMIX: Accuracies = [
        [6720, 6100, 5022, 3368, 1188],
        [6722, 5980, 5022, 3160, 1924],
        [6452, 5760, 5096, 3270, 1274],
        [6450, 6066, 5068, 3854, 2590],
        [6048, 4826, 2686, 2266, 1740],
        [7148, 6734, 5778, 4192, 2966],
        [6198, 5524, 5162, 4328, 3558],
        [6060, 4100, 4256, 3014, 2316],
        [6424, 4870, 3672, 3478, 2776],
        [6362, 5834, 4804, 4162, 2420],
        [7470, 7300, 7060, 6676, 6086],
        [7064, 6764, 6094, 4174, 1560],
        [6938, 4798, 6232, 5190, 2872],
        [6986, 6836, 5978, 4764, 4212],
        [6790, 6496, 6312, 5680, 4844],
    ];

    const BY_SALMAN: Accuracies = [
        [5960, 4670, 2666, 1020, 218],
        [5782, 4284, 2568, 930, 332],
        [3978, 2542, 1630, 558, 162],
        [4592, 3732, 2388, 1560, 1016],
        [5556, 4664, 3780, 3006, 1876],
        [5810, 4854, 3588, 2280, 1668],
        [5200, 4548, 3778, 3338, 2704],
        [5480, 3856, 3734, 2464, 2324],
        [5898, 4248, 2796, 2530, 1810],
        [2386, 1006, 374, 296, 102],
        [6784, 6574, 6150, 5476, 4508],
        [3448, 1498, 256, 54, 54],
        [5858, 4054, 6224, 5854, 4636],
        [6594, 6526, 6252, 5742, 5386],
        [6634, 6534, 6528, 6370, 6158],
    ];

    fn named(
        names: &[&'static str],
        values: impl IntoIterator<Item = f64>,
    ) -> Vec<(&'static str, f64)> {
        names.iter().copied().zip(values).collect()
    }

    /// The reference's errors, sorted by name as a spec has them.
    fn reference(mut errors: Vec<(&'static str, f64)>) -> Parameters {
        errors.sort_by_key(|&(name, _)| name);
        parameters(&errors)
    }

    fn alexnet() -> Parameters {
        let without = ALEXNET.errors.iter().filter(|(name, _)| *name != CLEAN);
        reference(without.copied().collect())
    }

    /// The mean errors of a model by whose accuracies others are measured.
    fn errors(accuracies: &Accuracies) -> Vec<(&'static str, f64)> {
        let errors = accuracies.iter().map(|row| {
            let right: u32 = row.iter().map(|of| of / 2).sum();
            1.0 - f64::from(right) / 25_000.0
        });
        named(&CORRUPTIONS, errors)
    }

    fn shares(accuracies: &Accuracies) -> Vec<f64> {
        let all = accuracies.iter().flatten();
        all.map(|&right| f64::from(right) / 10_000.0).collect()
    }

    /// What papers print: 100 times the metric.
    fn printed(accuracies: &Accuracies, parameters: &Parameters) -> f64 {
        let entries = CORRUPTIONS.map(|kind| (kind, [1.0, 2.0, 3.0, 4.0, 5.0].as_slice()));
        let linear = CORRUPTION_ERROR
            .over_cells(&cells(&entries), parameters)
            .unwrap();
        100.0 * linear.value(shares(accuracies))
    }

    /// RobustBench divides by its own run of AlexNet: `corruptions_mce` of its models.
    #[test]
    fn agrees_with_what_robustbench_publishes() {
        let own = reference(errors(&BY_ALEXNET));
        for (accuracies, published) in [
            (&BY_ALEXNET, 100.0),
            (&BY_RESNET_50, 76.38),
            (&BY_AUGMIX, 64.17),
            (&BY_SALMAN, 80.0),
        ] {
            let found = printed(accuracies, &own);
            assert!((found - published).abs() < 0.005, "{found} {published}");
        }
    }

    /// The same accuracies by the AlexNet of the papers: recomputed outside this crate.
    #[test]
    fn agrees_with_the_constants_of_the_papers() {
        for (accuracies, expected) in [
            (&BY_ALEXNET, 99.97),
            (&BY_RESNET_50, 76.37),
            (&BY_AUGMIX, 64.17),
            (&BY_SALMAN, 79.99),
        ] {
            let found = printed(accuracies, &alexnet());
            assert!((found - expected).abs() < 0.005, "{found} {expected}");
        }
    }

    #[test]
    fn alexnet_has_the_errors_that_were_published_by_severity() {
        // hendrycks/robustness issue 10, over all 50,000 images.
        for (kind, by_severity) in [
            (
                "gaussian_noise",
                [0.695_28, 0.825_42, 0.935_54, 0.981_38, 0.994_52],
            ),
            ("snow", [0.717_26, 0.883_92, 0.864_68, 0.918_7, 0.949_52]),
            (
                "elastic_transform",
                [0.525_96, 0.701_16, 0.556_86, 0.640_76, 0.805_54],
            ),
            (
                "pixelate",
                [0.522_18, 0.546_2, 0.737_28, 0.870_92, 0.912_62],
            ),
        ] {
            let mean = by_severity.iter().sum::<f64>() / 5.0;
            assert!((mean - ALEXNET.error(kind).unwrap()).abs() < 1e-6, "{kind}");
        }
    }

    fn relative(clean: f64, accuracies: &Accuracies, by: (f64, &Accuracies)) -> f64 {
        let mut errors = errors(by.1);
        errors.push((CLEAN, 1.0 - by.0));
        let mut entries: Vec<(&str, &[f64])> = vec![(CLEAN, &[])];
        entries.extend(CORRUPTIONS.map(|kind| (kind, [1.0, 2.0, 3.0, 4.0, 5.0].as_slice())));
        let linear = RELATIVE_CORRUPTION_ERROR
            .over_cells(&cells(&entries), &reference(errors))
            .unwrap();
        linear.value([clean].into_iter().chain(shares(accuracies)))
    }

    /// With RobustBench's accuracies without a corruption, 56.24 and 76.72 %; the second
    /// figure was recomputed outside this crate.
    #[test]
    fn the_relative_form_takes_off_what_is_wrong_anyway() {
        let by = (0.5624, &BY_ALEXNET);
        assert!((relative(0.5624, &BY_ALEXNET, by) - 1.0).abs() < 1e-12);
        assert!((relative(0.7672, &BY_RESNET_50, by) - 1.073_101_08).abs() < 1e-8);
        // What nothing harms costs nothing, and what a corruption helps less than that.
        let (even, better) = ([[6_000; 5]; 15], [[7_000; 5]; 15]);
        assert!(relative(0.6, &even, by).abs() < 1e-12);
        assert!(relative(0.6, &better, by) < 0.0);
    }

    proptest! {
        /// The mean of the kept scores of examples is the metric of their accuracies.
        #[test]
        fn the_mean_over_examples_is_the_metric(
            right in prop::collection::vec(prop::collection::vec(0u8..2, 11), 1..30),
            fog in 0.2..1.0f64,
            snow in 0.2..1.0f64,
        ) {
            let five: &[f64] = &[1.0, 2.0, 3.0, 4.0, 5.0];
            let cells = cells(&[(CLEAN, &[]), ("fog", five), ("snow", five)]);
            let count = right.len() as f64;
            let error = |cell: usize| {
                let wrong = right.iter().filter(|example| example[cell] == 0);
                wrong.count() as f64 / count
            };
            let mean = |first: usize| (first..first + 5).map(error).sum::<f64>() / 5.0;
            let (clean, [by_fog, by_snow]) = (error(0), [mean(1), mean(6)]);
            let own = parameters(&[("fog", fog), (CLEAN, 0.1), ("snow", snow)]);
            let metrics: [(&dyn Metric, f64); 2] = [
                (&CORRUPTION_ERROR, by_fog / fog + by_snow / snow),
                (
                    &RELATIVE_CORRUPTION_ERROR,
                    (by_fog - clean) / (fog - 0.1) + (by_snow - clean) / (snow - 0.1),
                ),
            ];
            for (metric, twice) in metrics {
                let linear = metric.over_cells(&cells, &own).unwrap();
                let scores: Vec<f64> = right
                    .iter()
                    .map(|example| linear.value(example.iter().map(|&right| f64::from(right))))
                    .collect();
                let outcomes = outcomes(metric, &own, &[scores]);
                let labels = vec![0; right.len()];
                let rows = Rows::new(&outcomes, &metric.columns("x", &own), &labels).unwrap();
                let value = rows.value(metric, &own, 2);
                let (low, high) = outcomes.columns[0].spec.range.unwrap();
                prop_assert!((value - twice / 2.0).abs() <= (high - low) / 65_535.0, "{value} {twice}");
            }
        }
    }
}
