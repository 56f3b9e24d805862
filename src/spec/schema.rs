//! The JSON Schema and the Markdown reference of specs, made from the grammar and
//! the catalogue that the parser uses.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::grammar::{
    Form, Key, METRIC, PERTURBATION, Role, SPEC, SUITE, WhenAbsent, reference as of_reference,
};
use crate::catalogue::{Catalogue, Family, MetricKind, Parameter, Reference};

const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The JSON Schema of `robustness-specs/*.toml`, for editors that complete TOML.
pub fn spec_schema(catalogue: &Catalogue) -> Value {
    document("A steadfast robustness spec", SPEC, catalogue)
}

/// The JSON Schema of `robustness-specs/suite.toml`.
pub fn suite_schema(catalogue: &Catalogue) -> Value {
    document(
        "What all steadfast specs of a repository share",
        SUITE,
        catalogue,
    )
}

fn document(title: &str, keys: &[Key], catalogue: &Catalogue) -> Value {
    let mut schema = table(keys, catalogue);
    schema.insert("$schema".to_owned(), DIALECT.into());
    schema.insert("title".to_owned(), title.into());
    Value::Object(schema)
}

fn table(keys: &[Key], catalogue: &Catalogue) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for key in keys {
        let mut schema = form(key.form, catalogue);
        let text = match key.default {
            WhenAbsent::Required => {
                required.push(Value::from(key.name));
                key.about.to_owned()
            }
            WhenAbsent::Is(default) => format!("{} Default: {default}.", key.about),
        };
        schema.insert("description".to_owned(), text.into());
        properties.insert(key.name.to_owned(), Value::Object(schema));
    }
    let mut schema = object(json!({"type": "object", "additionalProperties": false}));
    schema.insert("properties".to_owned(), Value::Object(properties));
    if !required.is_empty() {
        schema.insert("required".to_owned(), required.into());
    }
    schema
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn number(low: f64, high: f64) -> Value {
    json!({"anyOf": [
        {"type": "number", "minimum": low, "maximum": high},
        {"type": "string", "pattern": "^[0-9.eE+-]+(/[0-9.eE+-]+)?$"}
    ]})
}

fn form(form: Form, catalogue: &Catalogue) -> Map<String, Value> {
    object(match form {
        Form::Text | Form::Path => json!({"type": "string"}),
        Form::Size => json!({"type": "string", "pattern": "^[0-9]+ ?([kMGT]?B|[KMGT]iB)$"}),
        Form::Segment => json!({"type": "string", "pattern": "^[a-z0-9_-][a-z0-9_.-]*$"}),
        Form::Paths | Form::Texts => json!({"type": "array", "items": {"type": "string"}}),
        Form::Boolean => json!({"type": "boolean"}),
        Form::Integer(low, high) => json!({"type": "integer", "minimum": low, "maximum": high}),
        Form::Number(low, high) => number(low, high),
        Form::Numbers(low, high) => json!({"anyOf": [
            number(low, high),
            {"type": "array", "minItems": 1, "items": number(low, high)}
        ]}),
        Form::Interval => {
            json!({"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2})
        }
        Form::Columns => {
            json!({"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 0}})
        }
        Form::Choice(choices) => json!({"enum": choices}),
        Form::Reference(known) => {
            let names: Vec<&str> = known.iter().map(|reference| reference.name).collect();
            json!({"anyOf": [
                {"enum": names},
                {"type": "object", "minProperties": 1, "additionalProperties": number(0.0, 1.0)}
            ]})
        }
        Form::Table(keys) => return table(keys, catalogue),
        Form::Entries(role, keys) => {
            let mut kinds: Vec<Value> = entries(role, catalogue)
                .into_iter()
                .map(|(name, about, parameters)| {
                    let own = metric(role, name, catalogue).and_then(of_reference);
                    let keys: Vec<Key> = keys.iter().copied().chain(own).collect();
                    entry(role, &keys, name, about, parameters, catalogue)
                })
                .collect();
            if role == Role::Perturbation {
                kinds.push(custom(keys, catalogue));
            }
            json!({"type": "array", "minItems": 1, "items": {"oneOf": kinds}})
        }
    })
}

/// The metric of that name, where the role is that of metrics.
fn metric(role: Role, name: &str, catalogue: &Catalogue) -> Option<&'static MetricKind> {
    let named = catalogue.metric(name);
    named.filter(|_| role == Role::Metric)
}

/// Name, description and parameters of each kind of a role.
fn entries(
    role: Role,
    catalogue: &Catalogue,
) -> Vec<(&'static str, &'static str, &'static [Parameter])> {
    match role {
        Role::Perturbation => catalogue
            .perturbations
            .iter()
            .map(|kind| (kind.name, kind.about, kind.parameters))
            .collect(),
        Role::Metric => catalogue
            .metrics
            .iter()
            .map(|kind| (kind.name, kind.about, kind.parameters))
            .collect(),
    }
}

/// One kind's entry: the common keys and its own parameters.
fn entry(
    role: Role,
    keys: &[Key],
    name: &str,
    about: &str,
    parameters: &[Parameter],
    catalogue: &Catalogue,
) -> Value {
    let mut schema = table(keys, catalogue);
    schema.insert("title".to_owned(), name.into());
    schema.insert("description".to_owned(), about.into());
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert("kind".to_owned(), json!({"const": name}));
        for parameter in parameters {
            let mut value = if parameter.integer {
                object(
                    json!({"type": "integer", "minimum": parameter.minimum, "maximum": parameter.maximum}),
                )
            } else {
                object(number(parameter.minimum, parameter.maximum))
            };
            value.insert("description".to_owned(), parameter.about.into());
            if let Some(default) = parameter.default {
                value.insert("default".to_owned(), default.into());
            }
            properties.insert(parameter.name.to_owned(), Value::Object(value));
        }
    }
    // A perturbation's parameters may be given by a severity instead.
    if role == Role::Metric
        && let Some(Value::Array(required)) = schema.get_mut("required")
    {
        let needed = parameters.iter().filter(|known| known.default.is_none());
        required.extend(needed.map(|known| Value::from(known.name)));
    }
    Value::Object(schema)
}

/// A user's own kind: its parameters are its own business.
fn custom(keys: &[Key], catalogue: &Catalogue) -> Value {
    let mut schema = table(keys, catalogue);
    schema.insert("title".to_owned(), "custom::NAME".into());
    schema.insert("additionalProperties".to_owned(), true.into());
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(
            "kind".to_owned(),
            json!({"type": "string", "pattern": "^custom::"}),
        );
    }
    Value::Object(schema)
}

/// `docs/spec.md`: every key and every kind, in tables.
pub fn reference(catalogue: &Catalogue) -> String {
    let mut text = String::from(
        "# Spec reference\n\n\
         Made from the grammar and the catalogue by `cargo steadfast schema reference`; a test holds it fresh.\n\n\
         A spec is a TOML file in `robustness-specs/`. Margins, alphas and severities are read as exact\n\
         decimals, and may be written as a ratio: `\"2/255\"`. A key that is not in these tables is an error.\n",
    );
    section(&mut text, "A spec", SPEC, "");
    section(&mut text, "suite.toml", SUITE, "");
    text.push_str("\n## Kinds of perturbation\n\nThe keys of each entry are those of `[[perturbation]]` and the kind's own parameters.\n");
    for kind in &catalogue.perturbations {
        let _ = write!(
            text,
            "\n### `{}`\n\n{} Source: {}. Version {}, {}.\n",
            kind.name,
            kind.about,
            kind.source,
            kind.version,
            if kind.stochastic {
                "stochastic"
            } else {
                "deterministic"
            }
        );
        parameters(&mut text, kind.parameters, "**required**, or a severity");
        if !kind.severities.is_empty() {
            text.push_str(
                "\n| scale | parameter | 1 | 2 | 3 | 4 | 5 |\n|---|---|---|---|---|---|---|\n",
            );
            for table in kind.severities {
                for (index, parameter) in kind.parameters.iter().enumerate() {
                    let _ = write!(text, "| `{}` | `{}` |", table.scale.name(), parameter.name);
                    for row in table.rows {
                        let _ = write!(text, " {} |", row.get(index).copied().unwrap_or(f64::NAN));
                    }
                    text.push('\n');
                }
            }
        }
    }
    text.push_str("\n## Kinds of metric\n\nThe keys of each entry are those of `[[metric]]` and the kind's own parameters.\n");
    for kind in &catalogue.metrics {
        let _ = write!(
            text,
            "\n### `{}`\n\n{} Source: {}. Version {}, range {}, {}{}.\n",
            kind.name,
            kind.about,
            kind.source,
            kind.version,
            kind.range_text(),
            match kind.better {
                crate::catalogue::Better::Higher => "higher is better",
                crate::catalogue::Better::Lower => "lower is better",
            },
            if kind.has_limits {
                ""
            } else {
                "; has no valid confidence limit, so that `prove` and `null = \"margin\"` are refused"
            }
        );
        parameters(&mut text, kind.parameters, "**required**");
        if let Some(key) = of_reference(kind) {
            let _ = write!(
                text,
                "\n| key | value | default | meaning |\n|---|---|---|---|\n| `{}` | {} | **required** | {} |\n",
                key.name,
                describe(key.form),
                key.about
            );
        }
    }
    references(&mut text, catalogue);
    text
}

/// The errors of the models that a spec may name, each once.
fn references(text: &mut String, catalogue: &Catalogue) {
    let mut known: Vec<&Reference> = Vec::new();
    for kind in &catalogue.metrics {
        if let Some(Family::Reference { known: of_kind, .. }) = kind.family {
            known.extend(of_kind.iter().copied());
        }
    }
    known.dedup_by_key(|reference| reference.name);
    for reference in known {
        let _ = write!(
            text,
            "\n### The reference `{}`\n\n{} Source: {}. Its severities are those of `{}`.\n\n| perturbation | mean error |\n|---|---|\n",
            reference.name,
            reference.about,
            reference.source,
            reference.scale.name()
        );
        for (name, error) in reference.errors {
            let _ = writeln!(text, "| `{name}` | {error} |");
        }
    }
}

fn section(text: &mut String, title: &str, keys: &[Key], path: &str) {
    let _ = write!(
        text,
        "\n## {title}\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
    );
    for key in keys {
        let default = match key.default {
            WhenAbsent::Required => "**required**",
            WhenAbsent::Is(default) => default,
        };
        let _ = writeln!(
            text,
            "| `{path}{}` | {} | {default} | {} |",
            key.name,
            describe(key.form),
            key.about
        );
    }
    for key in keys {
        match key.form {
            Form::Table(keys) => section(text, &format!("`[{}]`", key.name), keys, ""),
            Form::Entries(Role::Perturbation, _) => {
                section(text, "`[[perturbation]]`", PERTURBATION, "")
            }
            Form::Entries(Role::Metric, _) => section(text, "`[[metric]]`", METRIC, ""),
            _ => {}
        }
    }
}

fn parameters(text: &mut String, parameters: &[Parameter], required: &str) {
    if parameters.is_empty() {
        return;
    }
    text.push_str("\n| parameter | range | default | meaning |\n|---|---|---|---|\n");
    for parameter in parameters {
        let default = parameter
            .default
            .map_or(required.to_owned(), |value| value.to_string());
        let whole = if parameter.integer { "whole, " } else { "" };
        let _ = writeln!(
            text,
            "| `{}` | {whole}{} to {} | {default} | {} |",
            parameter.name, parameter.minimum, parameter.maximum, parameter.about
        );
    }
}

fn describe(form: Form) -> String {
    match form {
        Form::Text => "text".to_owned(),
        Form::Segment => "`[a-z0-9_.-]+`".to_owned(),
        Form::Path => "path".to_owned(),
        Form::Size => "amount of memory: `\"8 GiB\"`".to_owned(),
        Form::Paths => "list of paths".to_owned(),
        Form::Texts => "list of text".to_owned(),
        Form::Boolean => "`true`, `false`".to_owned(),
        Form::Integer(low, high) if low == high => format!("{low}"),
        Form::Integer(low, _) => format!("whole number from {low}"),
        Form::Number(low, high) => format!("number, {low} to {high}"),
        Form::Numbers(low, high) => format!("number or list, {low} to {high}"),
        Form::Interval => "`[low, high]`".to_owned(),
        Form::Columns => "list of numbers".to_owned(),
        Form::Choice(choices) => choices
            .iter()
            .map(|choice| format!("`\"{choice}\"`"))
            .collect::<Vec<_>>()
            .join(", "),
        Form::Reference(known) => {
            let names = known.iter();
            let names = names.map(|reference| format!("`\"{}\"`", reference.name));
            let names: Vec<String> = names.collect();
            format!("{}, or a table of numbers from 0 to 1", names.join(", "))
        }
        Form::Table(_) => "table".to_owned(),
        Form::Entries(..) => "tables".to_owned(),
    }
}
