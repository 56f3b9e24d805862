//! What changed between a baseline and a run: the model, and whatever else.

use serde_json::{Value, json};
use similar::TextDiff;

use crate::baseline::BaselineFile;
use crate::provenance::{Environment, ModelIdentity};
use crate::record::Run;
use crate::text::escaped;

/// What changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// The model, in words.
    pub model: String,
    /// A unified diff of the two descriptions (data, perturbation, seed,
    /// algorithm versions, environment); `None` where they are equal.
    pub others: Option<String>,
}

/// Compares a baseline's description with a run's. `metrics` are the identities
/// of the spec's metrics.
pub fn changes(baseline: &BaselineFile, run: &Run, metrics: &[String]) -> Changes {
    let known: Vec<String> = baseline
        .metrics
        .iter()
        .map(|metric| metric.identity.clone())
        .collect();
    let old = describe(
        &baseline.inputs,
        &baseline.environment,
        &known,
        &baseline.model,
    );
    let identity = &run.identity;
    let new = describe(
        &identity.inputs,
        &identity.environment,
        metrics,
        &identity.model,
    );
    let others = (old != new).then(|| {
        TextDiff::from_lines(old.as_str(), new.as_str())
            .unified_diff()
            .context_radius(1)
            .header("baseline", "this run")
            .to_string()
    });
    Changes {
        model: model(baseline, run),
        others,
    }
}

fn model(baseline: &BaselineFile, run: &Run) -> String {
    let (old, new) = (&baseline.model, &run.identity.model);
    let short = |digest: &crate::digest::Digest| format!("sha256:{}…", digest.short());
    match (&old.digest, &new.digest) {
        (Some(before), Some(after)) if before == after => format!("{} (the same)", short(after)),
        (Some(before), Some(after)) => format!("{} (baseline {})", short(after), short(before)),
        (None, None) => "unknown: [model] files would identify it".to_owned(),
        (_, Some(after)) => format!("{} (baseline unknown)", short(after)),
        (Some(before), None) => format!("unknown (baseline {})", short(before)),
    }
}

fn describe(
    inputs: &Value,
    environment: &Environment,
    metrics: &[String],
    model: &ModelIdentity,
) -> String {
    let environment = serde_json::to_value(environment).unwrap_or_default();
    let asked = json!({ "gives": model.gives, "input": model.input, "output": model.output });
    let mut lines = Vec::new();
    flatten(
        "",
        &json!({ "model": asked, "environment": environment }),
        &mut lines,
    );
    flatten("", inputs, &mut lines);
    lines.sort();
    let metrics = metrics.iter().map(|metric| escaped(metric));
    lines.extend(metrics.map(|metric| format!("metric: {metric}\n")));
    lines.concat()
}

/// One line a leaf: `data.digest: "sha256:…"`.
fn flatten(path: &str, value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                flatten(&path, value, lines);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (index, value) in items.iter().enumerate() {
                flatten(&format!("{path}.{index}"), value, lines);
            }
        }
        Value::Null => {}
        Value::String(text) => lines.push(format!("{}\n", escaped(&format!("{path}: {text}")))),
        leaf => lines.push(format!("{}\n", escaped(&format!("{path}: {leaf}")))),
    }
}
