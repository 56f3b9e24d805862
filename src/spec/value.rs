//! A spec, a suite and a case as plain values: what was asked for, with every
//! default filled in.

use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::diagnostic::{Problem, Source, SpecError};
use super::model::ModelSpec;
use super::number::Exact;
use super::read::Located;
use crate::catalogue::{
    Better, Catalogue, Family, MetricKind, Parameters, PerturbationKind, Reference, Scale,
};

macro_rules! choice {
    ($(#[$about:meta])* $name:ident { $($(#[$variant_about:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $($(#[$variant_about])* $variant),+
        }

        impl $name {
            /// The value that a spec writes as `text`.
            pub fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// As a spec writes it.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }
        }
    };
}

choice! {
    /// What a test must show (statistics.md 1.3).
    Mode {
        /// Fail when harm beyond the margin is shown.
        Detect = "detect",
        /// Fail unless harm beyond the margin is excluded.
        Prove = "prove",
    }
}
choice! {
    /// Which change of a metric is harm.
    Direction {
        /// A fall.
        Lower = "lower",
        /// A rise.
        Higher = "higher",
        /// Either.
        Both = "both",
    }
}
choice! {
    /// What a test that cannot tell does.
    OnInconclusive {
        /// Passes.
        Pass = "pass",
        /// Passes, and says so.
        Warn = "warn",
        /// Fails.
        Fail = "fail",
    }
}
choice! {
    /// What the harm test is against.
    Null {
        /// No harm at all.
        NoHarm = "no_harm",
        /// Harm equal to the margin.
        Margin = "margin",
        /// A retrain of the same pipeline, whose spread recorded retrains show.
        Retrain = "retrain",
    }
}
choice! {
    /// What one random draw belongs to.
    SeedScope {
        /// Each example of each replicate has its own.
        Example = "example",
        /// All examples of a replicate share one.
        Shared = "shared",
    }
}
choice! {
    /// What the examples are.
    Examples {
        /// A sample of what the model will meet.
        Sample = "sample",
        /// All there are.
        Exhaustive = "exhaustive",
    }
}

/// What a test asks. A proof has no null of its own: it is held against harm of the margin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Is there harm?
    Harm {
        /// What it is held against.
        null: Null,
    },
    /// Is harm beyond the margin excluded?
    Proof,
}

impl Question {
    /// As a spec writes it.
    pub fn mode(self) -> Mode {
        match self {
            Self::Harm { .. } => Mode::Detect,
            Self::Proof => Mode::Prove,
        }
    }

    /// What harm is held against; of a proof, where harm is asked about as well (since the
    /// anchor), no harm at all.
    pub fn null(self) -> Null {
        match self {
            Self::Harm { null } => null,
            Self::Proof => Null::NoHarm,
        }
    }
}

impl Direction {
    /// −1 where a rise is harm, else 1: a change times it is negative where it is harm.
    /// Where either change fails, it is `better` that says which of them is harm.
    pub fn sign(self, better: Better) -> i64 {
        match (self, better) {
            (Self::Lower, _) | (Self::Both, Better::Higher) => 1,
            (Self::Higher, _) | (Self::Both, Better::Lower) => -1,
        }
    }
}

/// One spec file.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The file's stem, the first segment of all case names.
    pub name: String,
    /// The file.
    pub source: Arc<Source>,
    /// For people.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Where all randomness comes from.
    pub seed: u64,
    /// Draws of each stochastic perturbation.
    pub replicates: u32,
    /// What one draw belongs to.
    pub seed_scope: SeedScope,
    /// Why the cases are not run.
    pub ignore: Option<String>,
    /// Which model.
    pub model: ModelSpec,
    /// Which examples.
    pub data: DataSpec,
    /// What is done to the inputs.
    pub perturbations: Vec<PerturbationSpec>,
    /// What is measured in each perturbation case.
    pub metrics: Vec<MetricSpec>,
    /// What is measured in the pooled case, metrics of the whole family last; `None`:
    /// there is no such case.
    pub pooled: Option<Vec<MetricSpec>>,
    /// Where any flip to wrong fails.
    pub critical: Option<CriticalSpec>,
    /// Whether a test takes its share of the suite's alpha, alpha / capacity.
    pub shares: bool,
}

/// `[critical]`: examples of which none may become wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct CriticalSpec {
    /// Ids of examples.
    pub examples: Vec<String>,
    /// Slices of which every example is critical.
    pub slices: Vec<String>,
}

impl Spec {
    /// The metrics of the whole family.
    pub fn family(&self) -> impl Iterator<Item = &MetricSpec> {
        let pooled = self.pooled.as_deref().unwrap_or_default().iter();
        pooled.filter(|metric| metric.kind.family.is_some())
    }

    /// An error that points at a value of this spec.
    pub fn error_at<T>(&self, at: &Located<T>, message: String, help: &str) -> SpecError {
        SpecError::one(
            &self.source,
            Problem {
                message,
                label: "named here".to_owned(),
                span: at.span.clone(),
                help: Some(help.to_owned()),
                secret: false,
            },
        )
    }
}

choice! {
    /// What the numbers that a model answers with mean.
    Gives {
        /// Unnormalised scores, one a class; their softmax are the probabilities.
        Logits = "logits",
        /// Probabilities, one a class, that sum to one.
        Probabilities = "probabilities",
        /// One number: the probability of class 1 of two.
        PositiveProbability = "positive_probability",
    }
}
choice! {
    /// What runs an ONNX file.
    OnnxEngine {
        /// The embedded engine.
        Rten = "rten",
        /// ONNX Runtime, found at run time (feature `ort`).
        Ort = "ort",
        /// ONNX Runtime with its execution provider of NVIDIA's CUDA.
        OrtCuda = "ort-cuda",
        /// ONNX Runtime with its execution provider of Intel's OpenVINO.
        OrtOpenVino = "ort-openvino",
    }
}

/// `[data]`.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSpec {
    /// The file, relative to the repository's root.
    pub path: Located<String>,
    /// Array names.
    pub inputs: String,
    /// Likewise.
    pub labels: String,
    /// Likewise; row numbers without it.
    pub ids: Option<String>,
    /// Likewise; rows are independent without it.
    pub cluster: Option<String>,
    /// Likewise; there are no slices without it.
    pub slice: Option<String>,
    /// The most examples of a cluster, drawn or not, as the spec assumes it; `None`: those of
    /// the largest that was drawn.
    pub largest_cluster: Option<u64>,
    /// The range of the inputs.
    pub range: [Exact; 2],
    /// The most bytes that the data may take once they are unpacked.
    pub unpacked_limit: u64,
    /// A seeded draw of that many examples.
    pub limit: Option<u64>,
    /// A sample, or all there are.
    pub examples: Examples,
}

impl DataSpec {
    /// The range as numbers.
    pub fn bounds(&self) -> (f64, f64) {
        (self.range[0].value(), self.range[1].value())
    }
}

/// Which perturbation an entry names.
#[derive(Clone, Debug, PartialEq)]
pub enum PerturbationRef {
    /// One of the catalogue.
    BuiltIn(&'static PerturbationKind),
    /// A user's own: its name without `custom::`, and what it was given.
    Custom {
        /// As it is registered.
        name: String,
        /// Its parameters as written.
        parameters: Value,
    },
}

impl PerturbationRef {
    /// As a spec writes it.
    pub fn kind(&self) -> String {
        match self {
            Self::BuiltIn(kind) => kind.name.to_owned(),
            Self::Custom { name, .. } => format!("custom::{name}"),
        }
    }
}

/// How strongly a case perturbs.
#[derive(Clone, Debug, PartialEq)]
pub enum Setting {
    /// There is nothing to set.
    Plain,
    /// A severity of a published table.
    Severity(Exact),
    /// Values of parameters, in the order in which they are written.
    Parameters(Parameters),
}

choice! {
    /// What the noise of a perturbation is a share of.
    ScaleBy {
        /// The range of the inputs.
        Range = "range",
        /// The standard deviation of each column.
        Std = "std",
    }
}

/// One `[[perturbation]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct PerturbationSpec {
    /// Which.
    pub kind: PerturbationRef,
    /// What it is called in case names: `::`-separated segments.
    pub label: String,
    /// One case each: how strongly, and the last segment of the case's name.
    pub settings: Vec<(Setting, Option<String>)>,
    /// Which table the severities mean; by the size of the images without it.
    pub scale: Option<Scale>,
    /// The columns that are perturbed; all without it.
    pub columns: Option<Vec<usize>>,
    /// What its noise is a share of.
    pub scale_by: ScaleBy,
    /// Where the entry stands.
    pub span: Range<usize>,
}

impl PerturbationSpec {
    /// The severities, in the order in which they are written.
    pub fn severities(&self) -> impl Iterator<Item = &Exact> {
        self.settings
            .iter()
            .filter_map(|(setting, _)| match setting {
                Setting::Severity(severity) => Some(severity),
                _ => None,
            })
    }
}

/// One `[[metric]]` with all that its test needs.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSpec {
    /// Which.
    pub kind: &'static MetricKind,
    /// What it is called in messages and baselines.
    pub label: String,
    /// Its parameters.
    pub parameters: Parameters,
    /// The model by whose errors it divides, where the spec names one.
    pub reference: Option<&'static Reference>,
    /// How it is judged; `None`: it is only reported.
    pub test: Option<TestSpec>,
    /// Where the entry stands.
    pub span: Range<usize>,
}

impl MetricSpec {
    /// What a baseline knows it by: name, version and parameters.
    pub fn identity(&self) -> String {
        let identity = self.kind.identity();
        if self.parameters.0.is_empty() {
            return identity;
        }
        let parameters: Vec<String> = self
            .parameters
            .0
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{identity}({})", parameters.join(","))
    }

    /// Where the parameters of a recorded [`MetricSpec::identity`] differ from these:
    /// `fog: 0.82 → 0.8`; `None` where it is no identity of this kind and version.
    pub fn differing_parameters(&self, identity: &str) -> Option<Vec<String>> {
        let (kind, given) = identity.split_once('(')?;
        if kind != self.kind.identity() {
            return None;
        }
        let given = given.strip_suffix(')')?;
        let old: Vec<(&str, &str)> = given
            .split(',')
            .filter_map(|pair| pair.split_once('='))
            .collect();
        let new = self.parameters.0.iter();
        let new: Vec<(&str, String)> = new
            .map(|(name, value)| (name.as_str(), value.to_string()))
            .collect();
        let mut names: Vec<&str> = old.iter().map(|(name, _)| *name).collect();
        names.extend(new.iter().map(|(name, _)| *name));
        names.sort_unstable();
        names.dedup();
        let differing = names.into_iter().filter_map(|name| {
            let before = old.iter().find(|(known, _)| *known == name);
            let before = before.map_or("none", |(_, value)| value);
            let after = new.iter().find(|(known, _)| *known == name);
            let after = after.map_or("none", |(_, value)| value.as_str());
            (before != after).then(|| format!("{name}: {before} → {after}"))
        });
        Some(differing.collect())
    }

    /// The metric called `label` that has this [`MetricSpec::identity`], without a
    /// test; `None` where the catalogue has no such metric of that version with those
    /// parameters.
    pub fn from_identity(catalogue: &Catalogue, label: &str, identity: &str) -> Option<Self> {
        let (kind, given) = match identity.split_once('(') {
            None => (identity, ""),
            Some((kind, rest)) => (kind, rest.strip_suffix(')')?),
        };
        let known = catalogue.metric(kind.split('@').next()?)?;
        let given = given.split(',').filter(|pair| !pair.is_empty());
        let parameters: Option<Vec<(String, f64)>> = given
            .map(|pair| {
                let (name, value) = pair.split_once('=')?;
                Some((name.to_owned(), value.parse().ok()?))
            })
            .collect();
        let spec = Self {
            kind: known,
            label: label.to_owned(),
            parameters: Parameters(parameters?),
            reference: None,
            test: None,
            span: 0..0,
        };
        let names = spec.parameters.0.iter().map(|(name, _)| name.as_str());
        // Those of a reference are named by the perturbations of the spec.
        let free = matches!(known.family, Some(Family::Reference { .. }));
        let whole = free || names.eq(known.parameters.iter().map(|parameter| parameter.name));
        (whole && spec.identity() == identity).then_some(spec)
    }
}

/// How one metric of a spec is judged.
#[derive(Clone, Debug, PartialEq)]
pub struct TestSpec {
    /// The largest tolerable harm, in the metric's unit.
    pub margin: Exact,
    /// The harm that must be seen for silence to mean something.
    pub detectable_drop: Exact,
    /// The error rate, literally.
    pub alpha: Exact,
    /// The probability with which the detectable drop is to be seen.
    pub power: Exact,
    /// What it asks.
    pub question: Question,
    /// Which change is harm.
    pub direction: Direction,
    /// The largest change of an example or cluster that was not drawn, as the spec assumes
    /// it; `None`: that of the metric's range, which is no assumption.
    pub largest_change: Option<Exact>,
    /// What a test that cannot tell does.
    pub on_inconclusive: OnInconclusive,
    /// The second test, against an anchor.
    pub anchor: Option<AnchorSpec>,
}

/// The test of a metric against its anchor: a chain of accepted changes, each
/// within the margin, must not add up to harm (statistics.md 5.2).
#[derive(Clone, Debug, PartialEq)]
pub struct AnchorSpec {
    /// Which outcomes.
    pub at: AnchorAt,
    /// The largest tolerable harm since then.
    pub margin: Exact,
    /// The error rate of this test, literally.
    pub alpha: Exact,
}

/// Which outcomes are the anchor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnchorAt {
    /// Those that were blessed first, or last with `--reanchor`.
    First,
    /// The baseline as it is at this git tag.
    Tag(String),
}

impl AnchorAt {
    /// As a spec writes it.
    pub fn text(&self) -> String {
        match self {
            Self::First => "first".to_owned(),
            Self::Tag(tag) => format!("tag:{tag}"),
        }
    }
}

/// `robustness-specs/suite.toml`.
#[derive(Clone, Debug)]
pub struct Suite {
    /// The error budget of all detect tests together.
    pub alpha: Exact,
    /// The number of tests that it is made for.
    pub capacity: u32,
    /// `[defaults]`: keys of `[gate]` for specs that do not give them.
    pub defaults: super::read::Section,
    /// Who may accept a change.
    pub approvers: Vec<String>,
}

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// One perturbation at one setting.
    Cell {
        /// Which of the spec's perturbations.
        perturbation: usize,
        /// Which of that one's settings.
        setting: usize,
    },
    /// All of them together, clustered by example: the pooled metrics of the cells,
    /// and those of the whole family.
    Pooled,
}

/// One trial: a spec's model on its data under one perturbation at one setting, or
/// under all of them.
#[derive(Clone, Debug)]
pub struct Case {
    /// `digits::gaussian_noise::severity_3`.
    pub name: String,
    /// The spec.
    pub spec: Arc<Spec>,
    /// What it is about.
    pub subject: Subject,
}

impl Case {
    /// The perturbation and how strongly it is applied; `None` for a pooled case.
    pub fn cell(&self) -> Option<(&PerturbationSpec, &Setting)> {
        let Subject::Cell {
            perturbation,
            setting,
        } = self.subject
        else {
            return None;
        };
        let entry = self.spec.perturbations.get(perturbation)?;
        Some((entry, &entry.settings.get(setting)?.0))
    }

    /// What is measured, and how each is judged.
    pub fn metrics(&self) -> &[MetricSpec] {
        match (self.subject, &self.spec.pooled) {
            (Subject::Pooled, Some(pooled)) => pooled,
            _ => &self.spec.metrics,
        }
    }

    /// Which anchor its metrics are held against; `None`: none is.
    pub fn anchor(&self) -> Option<&AnchorAt> {
        let mut metrics = self.metrics().iter();
        metrics.find_map(|metric| Some(&metric.test.as_ref()?.anchor.as_ref()?.at))
    }

    /// `robustness-specs/digits.toml:41`: where the case is asked for.
    pub fn place(&self) -> String {
        let start = match self.cell() {
            Some((entry, _)) => entry.span.start,
            None => {
                let mut family = self.spec.family();
                family.next().map_or(0, |metric| metric.span.start)
            }
        };
        let (line, _) = self.spec.source.position(start);
        format!("{}:{line}", self.spec.source.path)
    }
}
