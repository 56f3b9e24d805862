//! A TOML document held against the grammar: every key known, every required key
//! there, every value of its form, each with its place in the file.
//!
//! What the values mean is [`super::parse`]'s business.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Problem, nearest};
use super::grammar::{Form, Key, Role, WhenAbsent, reference};
use super::number::{self, Exact};
use crate::catalogue::{Catalogue, Parameter};

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Bytes of the file.
    pub span: Range<usize>,
}

/// A value that has the form that the grammar asks for.
#[derive(Clone, Debug)]
pub enum Checked {
    /// Text, a path, a segment or a choice.
    Text(String),
    /// True or false.
    Boolean(bool),
    /// A whole number in its range; a size in bytes.
    Integer(i64),
    /// A number in its range.
    Number(Exact),
    /// A list; one number where a list is allowed is a list of one.
    List(Vec<Located<Checked>>),
    /// A table.
    Section(Section),
    /// Whatever a user's own kind was given.
    Opaque(Value),
}

/// The keys of a table that were given and are right.
#[derive(Clone, Debug, Default)]
pub struct Section {
    /// Where the table's head stands.
    pub span: Range<usize>,
    /// By name; the place is the value's.
    pub entries: BTreeMap<String, Located<Checked>>,
    /// The keys in the order in which they were written.
    pub order: Vec<String>,
}

macro_rules! getter {
    ($name:ident, $variant:ident, $kind:ty, $about:literal) => {
        #[doc = $about]
        pub fn $name(&self, key: &str) -> Option<&$kind> {
            match &self.entries.get(key)?.value {
                Checked::$variant(value) => Some(value),
                _ => None,
            }
        }
    };
}

impl Section {
    getter!(text, Text, str, "The text at `key`.");
    getter!(boolean, Boolean, bool, "The truth value at `key`.");
    getter!(integer, Integer, i64, "The whole number at `key`.");
    getter!(number, Number, Exact, "The number at `key`.");
    getter!(list, List, [Located<Checked>], "The list at `key`.");
    getter!(section, Section, Section, "The table at `key`.");

    /// Where the value of `key` stands; the table's head if it is not given.
    pub fn place(&self, key: &str) -> Range<usize> {
        self.entries
            .get(key)
            .map_or(self.span.clone(), |entry| entry.span.clone())
    }

    /// Text with its place.
    pub fn located_text(&self, key: &str) -> Option<Located<String>> {
        self.text(key).map(|text| Located {
            value: text.to_owned(),
            span: self.place(key),
        })
    }
}

/// Reads documents and collects what is wrong with them.
pub struct Reader<'a> {
    /// The kinds that entries may name.
    pub catalogue: &'a Catalogue,
    /// What was found wrong so far.
    pub problems: Vec<Problem>,
}

impl Reader<'_> {
    /// Notes a problem.
    pub fn report(
        &mut self,
        span: Range<usize>,
        message: String,
        label: &str,
        help: Option<String>,
    ) {
        self.problems.push(Problem {
            message,
            label: label.to_owned(),
            span,
            help,
            secret: false,
        });
    }

    /// Parses `text`, or reports why it is not TOML.
    pub fn document(&mut self, text: &str, keys: &[Key]) -> Option<Section> {
        match DeTable::parse(text) {
            Ok(table) => Some(self.table(table.get_ref(), 0..0, "", keys, &[])),
            Err(error) => {
                let span = error.span().unwrap_or(0..0);
                self.report(span, error.message().to_owned(), "here", None);
                None
            }
        }
    }

    /// Checks one table; `place` is its path for messages, empty at the top.
    fn table(
        &mut self,
        table: &DeTable<'_>,
        head: Range<usize>,
        place: &str,
        keys: &[Key],
        parameters: &[Parameter],
    ) -> Section {
        let mut section = Section {
            span: head.clone(),
            ..Section::default()
        };
        let mut written: Vec<_> = table.iter().collect();
        written.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in written {
            let name = key.get_ref().as_ref();
            let checked = if let Some(known) = keys.iter().find(|known| known.name == name) {
                self.value(value, known.form, name)
            } else if let Some(parameter) = parameters.iter().find(|known| known.name == name) {
                self.parameter(value, parameter)
            } else {
                let known = keys
                    .iter()
                    .map(|key| key.name)
                    .chain(parameters.iter().map(|parameter| parameter.name));
                let all: Vec<&str> = known.collect();
                let help = match nearest(name, all.iter().copied()) {
                    Some(word) => format!("did you mean `{word}`?"),
                    None => format!("the keys here are {}", words(&all)),
                };
                let of = if place.is_empty() {
                    String::new()
                } else {
                    format!(" of {place}")
                };
                self.report(
                    key.span(),
                    format!("unknown key `{name}`{of}"),
                    "not a key",
                    Some(help),
                );
                None
            };
            section.order.push(name.to_owned());
            if let Some(value_checked) = checked {
                let located = Located {
                    value: value_checked,
                    span: value.span(),
                };
                section.entries.insert(name.to_owned(), located);
            }
        }
        for key in keys {
            if key.default == WhenAbsent::Required
                && !table.keys().any(|given| given.get_ref() == key.name)
            {
                let of = if place.is_empty() {
                    "the spec".to_owned()
                } else {
                    place.to_owned()
                };
                self.report(
                    head.clone(),
                    format!("{of} has no `{}`", key.name),
                    "must be given here",
                    Some(key.about.to_owned()),
                );
            }
        }
        section
    }

    /// Checks one value against a form.
    fn value(&mut self, value: &Spanned<DeValue<'_>>, form: Form, name: &str) -> Option<Checked> {
        let span = value.span();
        match (form, value.get_ref()) {
            (Form::Text, DeValue::String(text)) => Some(Checked::Text(text.to_string())),
            (Form::Segment, DeValue::String(text)) => {
                if is_segment(text) {
                    return Some(Checked::Text(text.to_string()));
                }
                let help = "use lower-case letters, digits, `_`, `.` and `-`".to_owned();
                self.report(
                    span,
                    format!("`{text}` cannot be part of a case's name"),
                    "a name",
                    Some(help),
                );
                None
            }
            (Form::Path, DeValue::String(text)) => {
                if text.trim().is_empty() {
                    self.report(span, format!("`{name}` is empty"), "a path", None);
                    return None;
                }
                Some(Checked::Text(text.to_string()))
            }
            (Form::Size, DeValue::String(text)) => {
                let bytes = number::bytes(text).and_then(|bytes| i64::try_from(bytes).ok());
                if bytes.is_none() {
                    let message = format!("`{name}` is no amount of memory");
                    let help = "a whole number and a unit: \"8 GiB\", \"500 MB\"".to_owned();
                    self.report(span, message, "a size", Some(help));
                }
                bytes.map(Checked::Integer)
            }
            (Form::Boolean, DeValue::Boolean(value)) => Some(Checked::Boolean(*value)),
            (Form::Integer(low, high), DeValue::Integer(integer)) => {
                let parsed =
                    i64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix());
                match parsed {
                    Ok(number) if (low..=high).contains(&number) => Some(Checked::Integer(number)),
                    _ => {
                        let range = if low == high {
                            format!("{low}")
                        } else {
                            format!("a whole number from {low} to {high}")
                        };
                        self.report(
                            span,
                            format!("`{name}` must be {range}, not {integer}"),
                            "out of range",
                            None,
                        );
                        None
                    }
                }
            }
            (Form::Number(low, high), _) => {
                self.number(value, low, high, name).map(Checked::Number)
            }
            (Form::Numbers(low, high), DeValue::Array(items)) => {
                if items.is_empty() {
                    self.report(
                        span,
                        format!("`{name}` is an empty list"),
                        "at least one number",
                        None,
                    );
                    return None;
                }
                self.list(items.iter(), |reader, item| {
                    reader.number(item, low, high, name).map(Checked::Number)
                })
            }
            (Form::Numbers(low, high), _) => {
                let number = self.number(value, low, high, name)?;
                Some(Checked::List(vec![Located {
                    value: Checked::Number(number),
                    span,
                }]))
            }
            (Form::Interval, DeValue::Array(items)) => {
                if items.len() != 2 {
                    self.report(
                        span,
                        format!("`{name}` must be [low, high]"),
                        "two numbers",
                        None,
                    );
                    return None;
                }
                let list = self.list(items.iter(), |reader, item| {
                    reader.number(item, -1e9, 1e9, name).map(Checked::Number)
                })?;
                if let Checked::List(bounds) = &list
                    && let [Checked::Number(low), Checked::Number(high)] =
                        [&bounds[0].value, &bounds[1].value]
                    && low.value() >= high.value()
                {
                    self.report(
                        span,
                        format!("`{name}` must rise: {low} is not below {high}"),
                        "low, then high",
                        None,
                    );
                    return None;
                }
                Some(list)
            }
            (Form::Columns, DeValue::Array(items)) if !items.is_empty() => {
                self.list(items.iter(), |reader, item| {
                    if matches!(item.get_ref(), DeValue::String(_)) {
                        let help =
                            "arrays of a `.npz` file have no column names; count columns from 0"
                                .to_owned();
                        reader.report(
                            item.span(),
                            "a column must be given by number".to_owned(),
                            "a name",
                            Some(help),
                        );
                        return None;
                    }
                    reader.value(item, Form::Integer(0, 1_000_000), name)
                })
            }
            (Form::Paths, DeValue::Array(items)) => self.list(items.iter(), |reader, item| {
                reader.value(item, Form::Path, name)
            }),
            (Form::Texts, DeValue::Array(items)) => self.list(items.iter(), |reader, item| {
                reader.value(item, Form::Text, name)
            }),
            (Form::Choice(choices), DeValue::String(text)) => {
                if choices.contains(&text.as_ref()) {
                    return Some(Checked::Text(text.to_string()));
                }
                let help = match nearest(text, choices.iter().copied()) {
                    Some(word) => format!(
                        "did you mean \"{word}\"? The choices are {}",
                        words(choices)
                    ),
                    None => format!("the choices are {}", words(choices)),
                };
                self.report(
                    span,
                    format!("`{name}` cannot be \"{text}\""),
                    "not a choice",
                    Some(help),
                );
                None
            }
            (Form::Reference(known), DeValue::String(text)) => {
                if known.iter().any(|reference| reference.name == text) {
                    return Some(Checked::Text(text.to_string()));
                }
                let names: Vec<&str> = known.iter().map(|reference| reference.name).collect();
                let near = nearest(text, names.iter().copied());
                let near = near.map_or(String::new(), |word| format!("did you mean \"{word}\"? "));
                let help = format!(
                    "{near}The models whose errors are known are {}; those of another are given as a table, {name} = {{ gaussian_noise = 0.31 }}",
                    words(&names)
                );
                self.report(
                    span,
                    format!("the errors of \"{text}\" are not known"),
                    "not a reference",
                    Some(help),
                );
                None
            }
            (Form::Reference(_), DeValue::Table(table)) => self.errors(table, span),
            (Form::Table(keys), DeValue::Table(table)) => Some(Checked::Section(self.table(
                table,
                span,
                &format!("[{name}]"),
                keys,
                &[],
            ))),
            (Form::Entries(role, keys), DeValue::Array(items))
                if items
                    .iter()
                    .all(|item| matches!(item.get_ref(), DeValue::Table(_))) =>
            {
                self.list(items.iter(), |reader, item| {
                    reader.entry(item, role, keys, name)
                })
            }
            (form, other) => {
                let message = format!(
                    "`{name}` must be {}, not {}",
                    wanted(form, name),
                    met(other)
                );
                self.report(span, message, "wrong type", None);
                None
            }
        }
    }

    /// A table of shares, by names that are not of the grammar.
    fn errors(&mut self, table: &DeTable<'_>, span: Range<usize>) -> Option<Checked> {
        let mut section = Section {
            span,
            ..Section::default()
        };
        let mut right = true;
        for (key, value) in table {
            let name = key.get_ref().to_string();
            section.order.push(name.clone());
            match self.number(value, 0.0, 1.0, &name) {
                Some(number) => {
                    let located = Located {
                        value: Checked::Number(number),
                        span: value.span(),
                    };
                    section.entries.insert(name, located);
                }
                None => right = false,
            }
        }
        right.then_some(Checked::Section(section))
    }

    /// Checks each item, so that all that is wrong is reported; `None` if any is.
    fn list<'v, 'i: 'v>(
        &mut self,
        items: impl Iterator<Item = &'v Spanned<DeValue<'i>>>,
        mut check: impl FnMut(&mut Self, &'v Spanned<DeValue<'i>>) -> Option<Checked>,
    ) -> Option<Checked> {
        let mut all = Some(Vec::new());
        for item in items {
            match (check(self, item), &mut all) {
                (Some(value), Some(list)) => list.push(Located {
                    value,
                    span: item.span(),
                }),
                (Some(_), None) => {}
                (None, _) => all = None,
            }
        }
        all.map(Checked::List)
    }

    /// A number as it is written, or a string with a ratio.
    fn number(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        low: f64,
        high: f64,
        name: &str,
    ) -> Option<Exact> {
        let span = value.span();
        let text = match value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::Float(float) => float.as_str(),
            DeValue::String(text) => text.as_ref(),
            other => {
                let message = format!(
                    "`{name}` must be a number or a string like \"2/255\", not {}",
                    met(other)
                );
                self.report(span, message, "wrong type", None);
                return None;
            }
        };
        match Exact::parse(text) {
            Ok(number) if (low..=high).contains(&number.value()) => Some(number),
            Ok(number) => {
                let message = format!("`{name}` must be from {low} to {high}, not {number}");
                self.report(span, message, "out of range", None);
                None
            }
            Err(reason) => {
                self.report(
                    span,
                    format!("`{name}` cannot be read: {reason}"),
                    "not a number",
                    None,
                );
                None
            }
        }
    }

    /// A parameter of a kind.
    fn parameter(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        parameter: &Parameter,
    ) -> Option<Checked> {
        let number = self.number(value, parameter.minimum, parameter.maximum, parameter.name)?;
        if parameter.integer && number.fraction().1 != 1 {
            let message = format!("`{}` must be a whole number, not {number}", parameter.name);
            self.report(value.span(), message, "not whole", None);
            return None;
        }
        Some(Checked::Number(number))
    }

    /// One `[[perturbation]]` or `[[metric]]`: its kind says which parameters it has.
    fn entry(
        &mut self,
        item: &Spanned<DeValue<'_>>,
        role: Role,
        keys: &[Key],
        name: &str,
    ) -> Option<Checked> {
        let DeValue::Table(table) = item.get_ref() else {
            return None;
        };
        let place = format!("[[{name}]]");
        let kind = table.iter().find_map(|(key, value)| match value.get_ref() {
            DeValue::String(text) if key.get_ref() == "kind" => Some((text.as_ref(), value.span())),
            _ => None,
        });
        let parameters = match kind.clone() {
            Some((kind, _)) if role == Role::Perturbation && kind.starts_with("custom::") => {
                return self.custom_entry(table, item.span(), &place, keys);
            }
            Some((kind, span)) => match self.kind_parameters(role, kind) {
                Ok(parameters) => parameters,
                Err(known) => {
                    let help = match nearest(kind, known.iter().copied()) {
                        Some(word) => format!("did you mean \"{word}\"?"),
                        None => format!("the kinds are {}", words(&known)),
                    };
                    self.report(
                        span,
                        format!("unknown {name} \"{kind}\""),
                        "not a kind",
                        Some(help),
                    );
                    return None;
                }
            },
            None => &[],
        };
        let metric = kind.filter(|_| role == Role::Metric);
        let own = metric
            .and_then(|(kind, _)| self.catalogue.metric(kind))
            .and_then(reference);
        let keys: Vec<Key> = keys.iter().copied().chain(own).collect();
        Some(Checked::Section(self.table(
            table,
            item.span(),
            &place,
            &keys,
            parameters,
        )))
    }

    /// The parameters of a kind, or the names of all kinds.
    fn kind_parameters(
        &self,
        role: Role,
        kind: &str,
    ) -> Result<&'static [Parameter], Vec<&'static str>> {
        match role {
            Role::Perturbation => match self.catalogue.perturbation(kind) {
                Some(kind) => Ok(kind.parameters),
                None => Err(self
                    .catalogue
                    .perturbations
                    .iter()
                    .map(|kind| kind.name)
                    .collect()),
            },
            Role::Metric => match self.catalogue.metric(kind) {
                Some(kind) => Ok(kind.parameters),
                None => Err(self
                    .catalogue
                    .metrics
                    .iter()
                    .map(|kind| kind.name)
                    .collect()),
            },
        }
    }

    /// An entry of a user's own kind: what is not a common key is its business.
    fn custom_entry(
        &mut self,
        table: &DeTable<'_>,
        span: Range<usize>,
        place: &str,
        keys: &[Key],
    ) -> Option<Checked> {
        let common: DeTable<'_> = table
            .iter()
            .filter(|(key, _)| {
                keys.iter()
                    .any(|known| known.name == key.get_ref().as_ref())
            })
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut section = self.table(&common, span, place, keys, &[]);
        let mut own: Vec<_> = table
            .iter()
            .filter(|(key, _)| {
                !keys
                    .iter()
                    .any(|known| known.name == key.get_ref().as_ref())
            })
            .collect();
        own.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in own {
            let name = key.get_ref().to_string();
            section.order.push(name.clone());
            section.entries.insert(
                name,
                Located {
                    value: Checked::Opaque(opaque(value.get_ref())),
                    span: value.span(),
                },
            );
        }
        Some(Checked::Section(section))
    }
}

/// Whether `text` may be part of a case's name.
pub fn is_segment(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('.')
        && text
            .chars()
            .all(|letter| matches!(letter, 'a'..='z' | '0'..='9' | '_' | '.' | '-'))
}

fn opaque(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(integer) => serde_json::from_str(integer.as_str())
            .unwrap_or_else(|_| Value::from(integer.to_string())),
        DeValue::Float(float) => {
            serde_json::from_str(float.as_str()).unwrap_or_else(|_| Value::from(float.to_string()))
        }
        DeValue::Boolean(value) => Value::from(*value),
        DeValue::Datetime(time) => Value::from(time.to_string()),
        DeValue::Array(items) => items.iter().map(|item| opaque(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(
            table
                .iter()
                .map(|(key, value)| (key.get_ref().to_string(), opaque(value.get_ref())))
                .collect(),
        ),
    }
}

fn words(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
    quoted.join(", ")
}

fn wanted(form: Form, name: &str) -> String {
    match form {
        Form::Text | Form::Segment => "a string".to_owned(),
        Form::Path => "a path (a string)".to_owned(),
        Form::Size => "an amount of memory (a string such as \"8 GiB\")".to_owned(),
        Form::Paths => "a list of paths".to_owned(),
        Form::Texts => "a list of strings".to_owned(),
        Form::Boolean => "true or false".to_owned(),
        Form::Integer(..) => "a whole number".to_owned(),
        Form::Number(..) => "a number".to_owned(),
        Form::Numbers(..) => "a number or a list of numbers".to_owned(),
        Form::Interval => "[low, high]".to_owned(),
        Form::Columns => "a list of column numbers".to_owned(),
        Form::Choice(choices) => format!("one of {}", words(choices)),
        Form::Reference(_) => "the name of a model or a table of errors".to_owned(),
        Form::Table(_) => format!("a table [{name}]"),
        Form::Entries(..) => format!("tables [[{name}]]"),
    }
}

fn met(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(items) if items.is_empty() => "an empty list",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
