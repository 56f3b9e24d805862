//! Which inputs a case asks its model about: the perturbation with its resolved
//! parameters, and the object that `inputs_digest` is of.

use serde_json::{Map, Value, json};

use super::RunError;
use super::context::{Context, Registry};
use crate::catalogue::{Parameters, PerturbationKind, Scale};
use crate::data::Dataset;
use crate::digest::Digest;
use crate::perturb::Perturbation;
use crate::provenance::{Environment, Identity};
use crate::spec::{Case, ModelOrigin, PerturbationRef, PerturbationSpec, ScaleBy, Setting};

/// Images whose shorter side is below this many pixels have CIFAR-10-C's severities.
const SMALL: usize = 64;

/// A perturbation with all that it needs.
pub struct Resolved<'a> {
    /// What it does.
    pub algorithm: &'a dyn Perturbation,
    /// `name@version`, with `custom::` before a user's own.
    pub identity: String,
    /// The values of its parameters.
    pub parameters: Parameters,
    /// The columns of tabular inputs that it changes.
    pub columns: Option<&'a [usize]>,
    /// What noise is a share of in each of them, where that is not the range of the data.
    pub deviations: Option<Vec<f64>>,
    /// What a severity is of; `None`: there is none.
    pub scale: Option<Scale>,
}

impl Resolved<'_> {
    /// Whether it draws random numbers.
    pub fn stochastic(&self) -> bool {
        self.algorithm.kind().stochastic
    }

    /// Whether examples of this shape can be perturbed.
    pub fn check(&self, shape: &[usize]) -> Result<(), RunError> {
        let Some(columns) = self.columns else {
            return Ok(self.algorithm.check(shape)?);
        };
        let [width] = shape else {
            return Err(RunError::Mismatch(format!(
                "[[perturbation]] columns are of tabular inputs, and an example here has the shape {shape:?}. Remove `columns`"
            )));
        };
        if let Some(column) = columns.iter().find(|&column| column >= width) {
            return Err(RunError::Mismatch(format!(
                "[[perturbation]] columns: there is no column {column}; the inputs have {width}, counted from 0"
            )));
        }
        Ok(self.algorithm.check(&[columns.len()])?)
    }
}

/// Finds the algorithm of a perturbation and the values of its parameters.
pub fn resolve<'a>(
    (entry, setting): (&'a PerturbationSpec, &Setting),
    data: &Dataset,
    registry: &'a Registry,
) -> Result<Resolved<'a>, RunError> {
    let (algorithm, prefix): (&dyn Perturbation, _) = match &entry.kind {
        PerturbationRef::BuiltIn(kind) => {
            let built_in = crate::builtin::perturbation(kind.name).ok_or_else(|| {
                RunError::Mismatch(format!(
                    "the perturbation `{}` is not in this build",
                    kind.name
                ))
            })?;
            (built_in, "")
        }
        PerturbationRef::Custom { name, .. } => match registry.perturbations.get(name) {
            Some(own) => (own.as_ref(), "custom::"),
            None => {
                let known: Vec<&str> = registry.perturbations.keys().map(String::as_str).collect();
                let known = if known.is_empty() {
                    "none is".to_owned()
                } else {
                    format!("registered are {}", known.join(", "))
                };
                return Err(RunError::Mismatch(format!(
                    "no perturbation is registered as \"{name}\"; {known}. In tests/robustness.rs: steadfast::harness().perturbation(\"{name}\", …)"
                )));
            }
        },
    };
    let kind = algorithm.kind();
    let mut of = None;
    let parameters = match (setting, &entry.kind) {
        (Setting::Severity(severity), _) => {
            of = entry.scale.or_else(|| scale_by_size(data.shape()));
            let scale = of.ok_or_else(|| {
                RunError::Mismatch(format!(
                    "a severity of `{}` is of an image corruption benchmark, and an example here has the shape {:?}. Give `scale`, or explicit parameters: {}",
                    kind.name,
                    data.shape(),
                    names(kind)
                ))
            })?;
            kind.at_severity(scale, severity.value()).ok_or_else(|| {
                RunError::Mismatch(format!(
                    "`{}` has no severities on the scale {}",
                    kind.name,
                    scale.name()
                ))
            })?
        }
        (Setting::Parameters(parameters), _) => parameters.clone(),
        (Setting::Plain, PerturbationRef::BuiltIn(_)) => Parameters::default(),
        (Setting::Plain, PerturbationRef::Custom { parameters, .. }) => {
            own_parameters(kind, parameters)?
        }
    };
    Ok(Resolved {
        algorithm,
        identity: match &entry.kind {
            PerturbationRef::BuiltIn(_) => kind.identity(),
            PerturbationRef::Custom { name, .. } => format!("{prefix}{name}@{}", kind.version),
        },
        parameters,
        columns: entry.columns.as_deref(),
        deviations: match entry.scale_by {
            ScaleBy::Range => None,
            ScaleBy::Std => Some(deviations(entry, data)?),
        },
        scale: of,
    })
}

/// The standard deviation of each column that an entry perturbs.
fn deviations(entry: &PerturbationSpec, data: &Dataset) -> Result<Vec<f64>, RunError> {
    let all = data.deviations().ok_or_else(|| {
        RunError::Mismatch(format!(
            "[[perturbation]] scale_by = \"std\" is of the columns of tabular inputs, and an example here has the shape {:?}. Remove `scale_by`",
            data.shape()
        ))
    })?;
    let of: Vec<f64> = match &entry.columns {
        None => all.to_vec(),
        Some(columns) => {
            let there = columns.iter().filter_map(|&column| all.get(column));
            there.copied().collect()
        }
    };
    if of.iter().all(|&deviation| deviation == 0.0) {
        return Err(RunError::Mismatch(
            "[[perturbation]] scale_by = \"std\": every column that is perturbed has one value in all examples, so that its standard deviation is 0, and the noise with it. Name others in `columns`".to_owned(),
        ));
    }
    Ok(of)
}

fn scale_by_size(shape: &[usize]) -> Option<Scale> {
    let [.., height, width] = shape else {
        return None;
    };
    Some(if (*height).min(*width) < SMALL {
        Scale::Cifar10C
    } else {
        Scale::ImagenetC
    })
}

fn names(kind: &PerturbationKind) -> String {
    let names: Vec<&str> = kind
        .parameters
        .iter()
        .map(|parameter| parameter.name)
        .collect();
    names.join(", ")
}

/// The parameters of a user's own kind, held against what it declares.
fn own_parameters(kind: &PerturbationKind, given: &Value) -> Result<Parameters, RunError> {
    let empty = Map::new();
    let given = given.as_object().unwrap_or(&empty);
    if let Some(unknown) = given.keys().find(|name| {
        !kind
            .parameters
            .iter()
            .any(|known| known.name == name.as_str())
    }) {
        return Err(RunError::Mismatch(format!(
            "custom::{} has no parameter `{unknown}`; it has {}",
            kind.name,
            if kind.parameters.is_empty() {
                "none".to_owned()
            } else {
                names(kind)
            }
        )));
    }
    let mut values = Vec::new();
    for parameter in kind.parameters {
        let value = match given.get(parameter.name) {
            Some(value) => value.as_f64().ok_or_else(|| {
                RunError::Mismatch(format!(
                    "custom::{}: `{}` must be a number, not {value}",
                    kind.name, parameter.name
                ))
            })?,
            None => parameter.default.ok_or_else(|| {
                RunError::Mismatch(format!(
                    "custom::{} needs `{}`: {}",
                    kind.name, parameter.name, parameter.about
                ))
            })?,
        };
        if !(parameter.minimum..=parameter.maximum).contains(&value) {
            return Err(RunError::Mismatch(format!(
                "custom::{}: `{}` must be from {} to {}, not {value}",
                kind.name, parameter.name, parameter.minimum, parameter.maximum
            )));
        }
        values.push((parameter.name.to_owned(), value));
    }
    Ok(Parameters(values))
}

/// In what a recorded identity differs from the tree as it stands; empty: it is of
/// this tree.
pub fn differences_to_tree(
    case: &Case,
    context: &Context,
    recorded: &Identity,
) -> Result<Vec<String>, RunError> {
    let mut differences = input_differences(case, context, &recorded.inputs)?;
    let model = context.model_identity(&case.spec)?;
    // What a server reports of its model is not in the tree.
    let served = matches!(case.spec.model.origin, ModelOrigin::Endpoint(_));
    if recorded.model.digest != model.digest && !served {
        differences.push("the model has changed".to_owned());
    } else if recorded.model.asked() != model.asked() {
        differences.push("[model] gives, input or output has changed".to_owned());
    }
    Ok(differences)
}

/// In what recorded inputs differ from those that the tree asks for. What only the
/// test binary knows (a user's own perturbation) is taken from the record.
pub fn input_differences(
    case: &Case,
    context: &Context,
    recorded: &Value,
) -> Result<Vec<String>, RunError> {
    Ok(differing_fields(
        recorded,
        &tree_inputs(case, context, recorded)?,
    ))
}

/// The inputs that the tree asks for. What only the test binary knows is taken from
/// `recorded`.
pub fn tree_inputs(case: &Case, context: &Context, recorded: &Value) -> Result<Value, RunError> {
    let data = context.dataset(&case.spec)?;
    inputs(case, &data, context.registry(), Some(recorded))
}

/// The most values of a list that a message shows.
const MANY: usize = 8;

/// The fields in which two JSON objects differ: `data.digest: a → b`.
pub fn differing_fields(old: &Value, new: &Value) -> Vec<String> {
    fn walk(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
        match (old, new) {
            (Value::Object(before), Value::Object(after)) => {
                let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
                keys.sort();
                keys.dedup();
                for key in keys {
                    let path = if path.is_empty() {
                        key.clone()
                    } else {
                        format!("{path}.{key}")
                    };
                    let none = Value::Null;
                    let pair = (
                        before.get(key).unwrap_or(&none),
                        after.get(key).unwrap_or(&none),
                    );
                    walk(&path, pair.0, pair.1, found);
                }
            }
            (Value::Array(before), Value::Array(after))
                if before.len() == after.len() && before.iter().any(Value::is_object) =>
            {
                for (index, pair) in before.iter().zip(after).enumerate() {
                    walk(&format!("{path}.{index}"), pair.0, pair.1, found);
                }
            }
            // Of many numbers the first that differs stands for all.
            (Value::Array(before), Value::Array(after))
                if before.len() == after.len() && before.len() > MANY =>
            {
                let pairs = before.iter().zip(after).enumerate();
                let mut differing = pairs.filter(|(_, (before, after))| before != after);
                if let Some((index, (before, after))) = differing.next() {
                    let more = match differing.count() {
                        0 => String::new(),
                        count => format!(", and {count} more"),
                    };
                    found.push(format!("{path}.{index}: {before} → {after}{more}"));
                }
            }
            (Value::Array(before), Value::Array(after)) if before.iter().any(Value::is_object) => {
                found.push(format!("{path}: {} → {}", before.len(), after.len()));
            }
            (before, after) if before != after => {
                let text = |value: &Value| match value {
                    Value::Null => "none".to_owned(),
                    Value::String(text) if text.starts_with("sha256:") => {
                        text.chars().take(19).collect()
                    }
                    other => other.to_string(),
                };
                found.push(format!("{path}: {} → {}", text(before), text(after)));
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    walk("", old, new, &mut found);
    found
}

/// The identity of a case.
pub fn identify(case: &Case, data: &Dataset, context: &Context) -> Result<Identity, RunError> {
    let inputs = inputs(case, data, context.registry(), None)?;
    let description = &context.model(&case.spec)?.description;
    let mut model = context.model_identity(&case.spec)?;
    if let Some(version) = &description.version {
        model.digest = Some(Digest::of(version.as_bytes()));
    }
    Ok(Identity {
        inputs_digest: Digest::of_json(&inputs),
        inputs,
        ids_digest: data.ids_digest().clone(),
        model,
        environment: Environment::of_engine(&description.engine),
    })
}

/// What the model is asked: the data, and what is done to them, once for a cell
/// and in a list for a pooled case.
fn inputs(
    case: &Case,
    data: &Dataset,
    registry: &Registry,
    recorded: Option<&Value>,
) -> Result<Value, RunError> {
    let mut inputs = Map::new();
    if case.cell().is_some() {
        inputs = asked(case, data, registry, recorded)?;
    } else {
        let recorded = recorded.and_then(|recorded| recorded.get("cells"));
        let cells = super::cells(case);
        let cells = cells.iter().enumerate().map(|(index, cell)| {
            let recorded = recorded.and_then(|cells| cells.get(index));
            asked(cell, data, registry, recorded).map(Value::Object)
        });
        inputs.insert("cells".to_owned(), cells.collect::<Result<_, _>>()?);
    }
    inputs.insert("data".to_owned(), source(case, data));
    Ok(Value::Object(inputs))
}

/// What is done to the examples in one cell.
///
/// A deterministic perturbation draws nothing, so that seed, replicates and seed
/// scope are no part of its inputs.
fn asked(
    case: &Case,
    data: &Dataset,
    registry: &Registry,
    recorded: Option<&Value>,
) -> Result<Map<String, Value>, RunError> {
    let mut inputs = Map::new();
    let Some(cell) = case.cell() else {
        return Ok(inputs);
    };
    let custom = matches!(cell.0.kind, PerturbationRef::Custom { .. });
    if let Some(recorded) = recorded.filter(|_| custom) {
        inputs = recorded.as_object().cloned().unwrap_or_default();
        if inputs.contains_key("seed") {
            draws(case, &mut inputs);
        }
        return Ok(inputs);
    }
    let perturbation = resolve(cell, data, registry)?;
    let mut change = Map::new();
    change.insert("kind".to_owned(), perturbation.identity.clone().into());
    if !perturbation.parameters.0.is_empty() {
        change.insert("parameters".to_owned(), perturbation.parameters.to_json());
    }
    if let Some(columns) = perturbation.columns {
        change.insert("columns".to_owned(), columns.into());
    }
    if let Some(deviations) = &perturbation.deviations {
        change.insert("scale_by".to_owned(), json!({ "std": deviations }));
    }
    inputs.insert("perturbation".to_owned(), change.into());
    if perturbation.stochastic() {
        draws(case, &mut inputs);
    }
    Ok(inputs)
}

/// Which examples.
fn source(case: &Case, data: &Dataset) -> Value {
    let spec = &case.spec.data;
    let mut source = Map::new();
    source.insert("digest".to_owned(), data.digest().to_string().into());
    source.insert("inputs".to_owned(), spec.inputs.clone().into());
    source.insert("labels".to_owned(), spec.labels.clone().into());
    for (key, array) in [
        ("ids", &spec.ids),
        ("cluster", &spec.cluster),
        ("slice", &spec.slice),
    ] {
        if let Some(array) = array {
            source.insert(key.to_owned(), array.clone().into());
        }
    }
    source.insert(
        "ids_digest".to_owned(),
        data.ids_digest().to_string().into(),
    );
    if let Some(limit) = spec.limit {
        source.insert("limit".to_owned(), limit.into());
    }
    let [low, high] = &spec.range;
    source.insert("range".to_owned(), json!([low.value(), high.value()]));
    Value::Object(source)
}

/// Where the random draws come from.
fn draws(case: &Case, inputs: &mut Map<String, Value>) {
    let spec = &case.spec;
    inputs.insert("seed".to_owned(), spec.seed.into());
    inputs.insert("replicates".to_owned(), spec.replicates.into());
    inputs.insert("seed_scope".to_owned(), spec.seed_scope.text().into());
}
