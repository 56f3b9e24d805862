//! What a kind of perturbation or metric is, as values: its name and version, its
//! parameters with their ranges, its severities, its source.
//!
//! Each algorithm's file exports its entry; `builtin` gathers them. The
//! spec is parsed against a catalogue that it is handed, and the JSON Schema and
//! the hints of error messages are made from the same values. What a kind *does*
//! is in `perturb` and `metric`.

use serde_json::{Map, Value};

/// A number that a kind is configured with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Parameter {
    /// The key in a spec.
    pub name: &'static str,
    /// One sentence, with the unit.
    pub about: &'static str,
    /// The smallest value allowed.
    pub minimum: f64,
    /// The largest value allowed.
    pub maximum: f64,
    /// Whether only whole numbers are allowed.
    pub integer: bool,
    /// The value where a spec gives none; `None`: it must be given.
    pub default: Option<f64>,
}

/// Which published table a severity from 1 to 5 refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// ImageNet-C, for images of 64 pixels and more on their shorter side (Hendrycks & Dietterich 2019).
    ImagenetC,
    /// CIFAR-10-C, for smaller images.
    Cifar10C,
}

impl Scale {
    /// Both scales.
    pub const ALL: [Self; 2] = [Self::ImagenetC, Self::Cifar10C];

    /// The name in a spec.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImagenetC => "imagenet_c",
            Self::Cifar10C => "cifar10_c",
        }
    }
}

/// The parameters that the severities 1 to 5 stand for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SeverityTable {
    /// Whose severities these are.
    pub scale: Scale,
    /// One row a severity, one value a parameter, in the kind's order.
    pub rows: [&'static [f64]; 5],
}

/// A kind of perturbation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PerturbationKind {
    /// The name in a spec.
    pub name: &'static str,
    /// Raised by every change that alters the output for any input.
    pub version: u32,
    /// One sentence.
    pub about: &'static str,
    /// The paper or code that defines it.
    pub source: &'static str,
    /// Whether it draws random numbers; a deterministic one has one replicate.
    pub stochastic: bool,
    /// Its parameters; none: it has no severity either.
    pub parameters: &'static [Parameter],
    /// The published severities, if there are any.
    pub severities: &'static [SeverityTable],
}

impl PerturbationKind {
    /// `name@version`.
    pub fn identity(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The parameters at `severity` (1 to 5), interpolated linearly between two
    /// neighbouring rows; `None` where the kind has no table for `scale` or the
    /// severity is outside it.
    pub fn at_severity(&self, scale: Scale, severity: f64) -> Option<Parameters> {
        let table = self.severities.iter().find(|table| table.scale == scale)?;
        if !(1.0..=5.0).contains(&severity) {
            return None;
        }
        let lower = severity.floor();
        let share = severity - lower;
        let row = |step: f64| table.rows.get(step as usize - 1).copied();
        let low = row(lower)?;
        let high = row(severity.ceil())?;
        let values = low.iter().zip(high).map(|(&low, &high)| {
            // A whole step is the table's own value, to the last bit.
            if share == 0.0 {
                low
            } else {
                low + share * (high - low)
            }
        });
        Some(Parameters(
            self.parameters
                .iter()
                .map(|parameter| parameter.name.to_owned())
                .zip(values)
                .collect(),
        ))
    }
}

/// Which way a metric is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// As accuracy.
    Higher,
    /// As a loss.
    Lower,
}

/// A kind of metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MetricKind {
    /// The name in a spec.
    pub name: &'static str,
    /// Raised by every change that alters the value for any outcomes.
    pub version: u32,
    /// One sentence.
    pub about: &'static str,
    /// The paper that defines it.
    pub source: &'static str,
    /// Which way is better.
    pub better: Better,
    /// The smallest and largest value. The margin of `[gate]` is for metrics on
    /// [0, 1]; others need their own.
    pub range: (f64, f64),
    /// Whether confidence limits of its change are valid, so that `prove` and
    /// `null = "margin"` may be asked of it.
    pub has_limits: bool,
    /// Whether it is of slices, so that a spec must name an array of them.
    pub needs_slices: bool,
    /// What it needs of the cells of a spec, where it is one number for all of them
    /// together; `None`: it is measured in each cell.
    pub family: Option<Family>,
    /// Its parameters.
    pub parameters: &'static [Parameter],
}

impl MetricKind {
    /// `name@version`.
    pub fn identity(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// The range as an interval; an end at infinity is not of it.
    pub fn range_text(&self) -> String {
        let (low, high) = self.range;
        let from = if low.is_finite() {
            format!("[{low}")
        } else {
            "(−∞".to_owned()
        };
        let to = if high.is_finite() {
            format!("{high:.4}]")
        } else {
            "∞)".to_owned()
        };
        format!("{from}, {to}")
    }
}

/// What a metric of a whole family of perturbations needs of the spec's cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Family {
    /// A perturbation at two severities or more.
    Curve,
    /// The severities 1 to 5 of each perturbation that has severities, and the errors
    /// of a reference model under each.
    Reference {
        /// The models that a spec may name.
        known: &'static [&'static Reference],
        /// Whether the errors without a perturbation are needed, too: of the model
        /// in a cell of its own, of the reference as that of `identity`.
        clean: bool,
    },
}

/// The perturbation that leaves an example as it is: errors under it are those without
/// one.
pub const CLEAN: &str = "identity";

/// The perturbations whose noise is added to a value, whatever the value is, so that its
/// unit may be that of each column.
pub const ADDED: [&str; 1] = ["gaussian_noise"];

/// A model whose published errors others are measured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reference {
    /// The name in a spec.
    pub name: &'static str,
    /// One sentence.
    pub about: &'static str,
    /// Where the errors were published.
    pub source: &'static str,
    /// What the severities are of that its errors were found at.
    pub scale: Scale,
    /// Its mean error over the severities 1 to 5 of each perturbation, by the name of
    /// the kind; of [`CLEAN`], its error without one.
    pub errors: &'static [(&'static str, f64)],
}

impl Reference {
    /// Its error under the perturbation called `kind`.
    pub fn error(&self, kind: &str) -> Option<f64> {
        let mut errors = self.errors.iter();
        errors
            .find(|(known, _)| *known == kind)
            .map(|&(_, error)| error)
    }
}

/// Values of parameters, by name, in the order of their kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parameters(pub Vec<(String, f64)>);

impl Parameters {
    /// The value of `name`, or zero where it is not there (a kind is handed all
    /// of its own parameters, so that a kind never sees that).
    pub fn get(&self, name: &str) -> f64 {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map_or(0.0, |&(_, value)| value)
    }

    /// As a JSON object; whole numbers are written without a fraction.
    pub fn to_json(&self) -> Value {
        let number = |value: f64| {
            if value.fract() == 0.0 && value.abs() < 1e15 {
                Value::from(value as i64)
            } else {
                Value::from(value)
            }
        };
        Value::Object(
            self.0
                .iter()
                .map(|(name, value)| (name.clone(), number(*value)))
                .collect::<Map<_, _>>(),
        )
    }
}

/// The kinds that a spec may name.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Perturbations, in the order in which they are listed to people.
    pub perturbations: Vec<&'static PerturbationKind>,
    /// Metrics, likewise.
    pub metrics: Vec<&'static MetricKind>,
}

impl Catalogue {
    /// The perturbation called `name`.
    pub fn perturbation(&self, name: &str) -> Option<&'static PerturbationKind> {
        self.perturbations
            .iter()
            .find(|kind| kind.name == name)
            .copied()
    }

    /// The metric called `name`.
    pub fn metric(&self, name: &str) -> Option<&'static MetricKind> {
        self.metrics.iter().find(|kind| kind.name == name).copied()
    }
}
