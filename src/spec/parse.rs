//! From a checked document to a spec or a suite: defaults filled in, and the
//! rules that tie one key to another.

use std::collections::HashSet;
use std::sync::Arc;

use super::diagnostic::{Problem, Source, SpecError, nearest};
use super::expand::POOLED;
use super::grammar;
use super::number::Exact;
use super::read::{Checked, Located, Reader, Section, is_segment};
use super::value::{
    AnchorAt, AnchorSpec, CriticalSpec, DataSpec, Direction, Examples, MetricSpec, Mode, Null,
    OnInconclusive, PerturbationRef, PerturbationSpec, Question, ScaleBy, SeedScope, Setting, Spec,
    Suite, TestSpec,
};
use crate::catalogue::{
    ADDED, Better, CLEAN, Catalogue, Family, MetricKind, Parameters, Reference, Scale,
};

/// Words that a spec may not be called.
const RESERVED: [&str; 2] = ["suite", "spec"];

/// Names that Windows keeps for devices, with any extension: no file can be called so there.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8",
    "com9", "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// Cases of one spec: more are a mistake, and each would be a file.
const MOST_CASES: usize = 10_000;

/// The names of `suite.toml`'s defaults where it says nothing.
const FAMILY_ALPHA: &str = "0.05";
const CAPACITY: u32 = 20;
/// The alpha of a test in prove mode, which draws on no budget.
const PROVE_ALPHA: &str = "0.05";
const POWER: &str = "0.8";

/// The metrics whose tests take shared draws into account.
const BY_REPLICATE: [&str; 2] = ["accuracy", "worst_slice_accuracy"];

/// The metrics of all rows together: they have no value of an example whose replicates
/// alone could be its error.
const OF_ALL_ROWS: [&str; 5] = [
    "expected_calibration_error",
    "classwise_calibration_error",
    "adaptive_calibration_error",
    "macro_f1",
    "auroc",
];

/// A literal of this module.
fn literal(text: &str) -> Exact {
    Exact::parse(text).unwrap_or_else(|_| unreachable!("{text} is a number"))
}

impl Default for Suite {
    fn default() -> Self {
        Self {
            alpha: literal(FAMILY_ALPHA),
            capacity: CAPACITY,
            defaults: Section::default(),
            approvers: Vec::new(),
        }
    }
}

/// Parses `suite.toml`.
pub fn parse_suite(source: &Arc<Source>, catalogue: &Catalogue) -> Result<Suite, SpecError> {
    let mut reader = Reader {
        catalogue,
        problems: Vec::new(),
    };
    let document = reader.document(&source.text, grammar::SUITE);
    let mut suite = Suite::default();
    if let Some(document) = document {
        if let Some(family) = document.section("family") {
            if let Some(alpha) = family.number("alpha") {
                suite.alpha = alpha.clone();
            }
            if let Some(&capacity) = family.integer("capacity") {
                suite.capacity = u32::try_from(capacity).unwrap_or(u32::MAX);
            }
        }
        if let Some(defaults) = document.section("defaults") {
            suite.defaults = defaults.clone();
        }
        suite.approvers = texts(&document, "approvers")
            .into_iter()
            .map(|text| text.value)
            .collect();
    }
    finish(source, reader.problems, suite)
}

/// Parses the spec `name` (its file's stem) under `suite`.
///
/// # Errors
/// All problems of the file at once, each with its place.
pub fn parse_spec(
    name: &str,
    source: &Arc<Source>,
    suite: &Suite,
    catalogue: &Catalogue,
) -> Result<Spec, SpecError> {
    let mut reader = Reader {
        catalogue,
        problems: Vec::new(),
    };
    let Some(document) = reader.document(&source.text, grammar::SPEC) else {
        return Err(SpecError {
            source: Arc::clone(source),
            problems: reader.problems,
        });
    };
    let spec = Parser {
        reader: &mut reader,
        suite,
        document: &document,
        shares: false,
    }
    .spec(name, source);
    let settings = spec.iter().flat_map(|spec| &spec.perturbations);
    let cases: usize = settings.map(|entry| entry.settings.len()).sum();
    if cases > MOST_CASES {
        reader.report(
            0..0,
            format!("the spec has {cases} cases, and {MOST_CASES} is the most"),
            "this file",
            Some("ask for fewer severities or values, or split the spec".to_owned()),
        );
    }
    finish(source, reader.problems, ()).and_then(|()| {
        spec.ok_or_else(|| {
            SpecError::one(
                source,
                Problem {
                    message: "the spec is incomplete".to_owned(),
                    label: "here".to_owned(),
                    span: 0..0,
                    help: None,
                    secret: false,
                },
            )
        })
    })
}

fn finish<T>(source: &Arc<Source>, mut problems: Vec<Problem>, value: T) -> Result<T, SpecError> {
    if problems.is_empty() {
        return Ok(value);
    }
    problems.sort_by_key(|problem| problem.span.start);
    Err(SpecError {
        source: Arc::clone(source),
        problems,
    })
}

/// The reference that a metric names, where it gives no table of its own.
fn named_reference(section: &Section, kind: &MetricKind) -> Option<&'static Reference> {
    match kind.family? {
        Family::Reference { known, .. } => among(known, section),
        Family::Curve => None,
    }
}

fn among(known: &[&'static Reference], section: &Section) -> Option<&'static Reference> {
    let name = section.text("reference")?;
    let mut known = known.iter().copied();
    known.find(|reference| reference.name == name)
}

/// The bytes at `key`.
pub(super) fn size(section: &Section, key: &str, absent: u64) -> u64 {
    let bytes = section.integer(key).copied();
    bytes
        .and_then(|bytes| u64::try_from(bytes).ok())
        .unwrap_or(absent)
}

/// The most bytes that unpacked data take where the spec says nothing.
const LARGEST_UNPACKED: u64 = 8 << 30;

/// The choice at `key`, which the grammar has checked already.
pub(super) fn choice<T>(
    section: &Section,
    key: &str,
    from_text: impl Fn(&str) -> Option<T>,
) -> Option<T> {
    section.text(key).and_then(from_text)
}

pub(super) fn texts(section: &Section, key: &str) -> Vec<Located<String>> {
    let items = section.list(key).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| match &item.value {
            Checked::Text(text) => Some(Located {
                value: text.clone(),
                span: item.span.clone(),
            }),
            _ => None,
        })
        .collect()
}

struct Parser<'a, 'r> {
    reader: &'a mut Reader<'r>,
    suite: &'a Suite,
    document: &'a Section,
    /// Whether a test so far gives no alpha of its own.
    shares: bool,
}

impl Parser<'_, '_> {
    /// Parts that fail have reported why.
    fn spec(&mut self, name: &str, source: &Arc<Source>) -> Option<Spec> {
        self.name(name);
        let document = self.document;
        let model = document
            .section("model")
            .and_then(|section| super::model::parse(self.reader, section));
        let data = document
            .section("data")
            .and_then(|section| self.data(section));
        let perturbations = self.perturbations();
        let metrics = self.metrics(&perturbations);
        self.dependence(&metrics);
        self.slices(&metrics);
        self.without_effect(&metrics);
        let (family, mut metrics): (Vec<_>, Vec<_>) = metrics
            .into_iter()
            .partition(|metric| metric.kind.family.is_some());
        if metrics.is_empty() && !family.is_empty() {
            metrics.extend(self.shown_accuracy());
        }
        let pooled = self.pooled(&perturbations, &mut metrics, family);
        let critical = document
            .section("critical")
            .map(|section| self.critical(section));
        Some(Spec {
            name: name.to_owned(),
            source: Arc::clone(source),
            description: document.text("description").map(str::to_owned),
            owner: document.text("owner").map(str::to_owned),
            seed: u64::try_from(*document.integer("seed")?).ok()?,
            replicates: document
                .integer("replicates")
                .map_or(Some(5), |&replicates| u32::try_from(replicates).ok())?,
            seed_scope: choice(document, "seed_scope", SeedScope::from_text)
                .unwrap_or(SeedScope::Example),
            ignore: document.text("ignore").map(str::to_owned),
            model: model?,
            data: data?,
            perturbations,
            metrics,
            pooled,
            critical,
            shares: self.shares,
        })
    }

    /// Keys of `[gate]` that no test of this spec heeds.
    fn without_effect(&mut self, metrics: &[MetricSpec]) {
        let tests: Vec<&TestSpec> = metrics.iter().filter_map(|it| it.test.as_ref()).collect();
        let Some(gate) = self.document.section("gate").filter(|_| !tests.is_empty()) else {
            return;
        };
        let null = gate.text("null").filter(|null| *null != "no_harm");
        if let Some(null) = null
            && tests.iter().all(|test| test.question == Question::Proof)
        {
            self.reader.report(
                gate.place("null"),
                format!("null = \"{null}\" has no effect in mode \"prove\": a proof is against harm of the margin"),
                "says what `detect` tests",
                Some("remove it, or choose mode = \"detect\"".to_owned()),
            );
        }
        if gate.entries.contains_key("anchor_margin")
            && tests.iter().all(|test| test.anchor.is_none())
        {
            self.idle_anchor_margin(gate);
        }
    }

    fn idle_anchor_margin(&mut self, section: &Section) {
        self.reader.report(
            section.place("anchor_margin"),
            "an anchor's margin has no effect with anchor = \"none\"".to_owned(),
            "the margin of no test",
            Some("remove it, or choose anchor = \"first\"".to_owned()),
        );
    }

    /// What is shown of each cell where only the whole family is judged: the points of
    /// the curves.
    fn shown_accuracy(&self) -> Option<MetricSpec> {
        let kind = self.reader.catalogue.metric("accuracy")?;
        Some(MetricSpec {
            kind,
            label: kind.name.to_owned(),
            parameters: Parameters::default(),
            reference: None,
            test: None,
            span: self.document.place("metric"),
        })
    }

    /// The metrics of the pooled case, where there is one. With `pooled = true` they are
    /// those of the cells: each test takes half of the alpha of that metric's tests in
    /// all cells, and those keep the other half. The metrics of the whole `family` are
    /// judged there in any case, at their own alpha.
    fn pooled(
        &mut self,
        perturbations: &[PerturbationSpec],
        metrics: &mut [MetricSpec],
        family: Vec<MetricSpec>,
    ) -> Option<Vec<MetricSpec>> {
        let gate = self.document.section("gate");
        let wanted = gate
            .and_then(|gate| gate.boolean("pooled"))
            .or_else(|| self.suite.defaults.boolean("pooled"));
        let wanted = wanted == Some(&true);
        if !wanted && family.is_empty() {
            return None;
        }
        if let Some(entry) = perturbations.iter().find(|entry| entry.label == POOLED) {
            let message = format!("`{POOLED}` is the name of the pooled case");
            let help = "give this entry another `name`".to_owned();
            self.reader
                .report(entry.span.clone(), message, "taken", Some(help));
        }
        if !wanted {
            return Some(family);
        }
        let cells: usize = perturbations.iter().map(|entry| entry.settings.len()).sum();
        let share = |alpha: &mut Exact, factor: u32| {
            // Too odd a number to be multiplied: one cell's share is less than all.
            let all = alpha.times(factor).unwrap_or_else(|| alpha.clone());
            *alpha = all.shared_by(2);
        };
        let scaled = |metric: &mut MetricSpec, factor: u32| {
            let Some(test) = &mut metric.test else {
                return;
            };
            if test.question.mode() == Mode::Detect {
                share(&mut test.alpha, factor);
            }
            if let Some(anchor) = &mut test.anchor {
                share(&mut anchor.alpha, factor);
            }
        };
        let mut pooled = metrics.to_vec();
        pooled
            .iter_mut()
            .for_each(|metric| scaled(metric, u32::try_from(cells).unwrap_or(u32::MAX)));
        metrics.iter_mut().for_each(|metric| scaled(metric, 1));
        pooled.extend(family);
        Some(pooled)
    }

    fn critical(&mut self, section: &Section) -> CriticalSpec {
        let list = |key: &str| -> Vec<String> {
            let texts = texts(section, key).into_iter();
            texts.map(|text| text.value).collect()
        };
        let critical = CriticalSpec {
            examples: list("examples"),
            slices: list("slices"),
        };
        if critical.examples.is_empty() && critical.slices.is_empty() {
            self.reader.report(
                section.span.clone(),
                "[critical] marks nothing".to_owned(),
                "examples, slices or both",
                Some("examples = [\"17\", \"42\"]: the ids of examples".to_owned()),
            );
        }
        let data = self.document.section("data");
        let named = data.is_some_and(|data| data.order.iter().any(|key| key == "slice"));
        if !critical.slices.is_empty() && !named {
            self.reader.report(
                section.place("slices"),
                "slices are marked critical, and [data] names none".to_owned(),
                "slices of what?",
                Some(
                    "[data] slice = \"site\": an array that says which slice a row is in"
                        .to_owned(),
                ),
            );
        }
        critical
    }

    /// The test against the anchor; `Err` where what is written is none.
    fn anchor(
        &mut self,
        written: Option<(&str, std::ops::Range<usize>)>,
        margin: Exact,
        alpha: Exact,
    ) -> Option<AnchorSpec> {
        let at = match written {
            None | Some(("first", _)) => AnchorAt::First,
            Some(("none", _)) => return None,
            Some((text, place)) => match text.strip_prefix("tag:").filter(|tag| !tag.is_empty()) {
                Some(tag) => AnchorAt::Tag(tag.to_owned()),
                None => {
                    let message = format!("`{text}` is no anchor");
                    let help = "\"first\", \"tag:v1.2\" for the baseline at a git tag, or \"none\"";
                    self.reader
                        .report(place, message, "which outcomes?", Some(help.to_owned()));
                    return None;
                }
            },
        };
        Some(AnchorSpec { at, margin, alpha })
    }

    fn name(&mut self, stem: &str) {
        let place = self.document.place("name");
        if !is_segment(stem) {
            let help = "rename the file: lower-case letters, digits, `_`, `.` and `-`".to_owned();
            let message = format!("the file's stem `{stem}` cannot be part of a case's name");
            self.reader.report(0..0, message, "this file", Some(help));
        } else if DEVICES.contains(&stem.split('.').next().unwrap_or(stem)) {
            let message = format!(
                "a spec cannot be called `{stem}`: Windows keeps the name for a device, and nobody could check the repository out there"
            );
            let help = Some("rename the file".to_owned());
            self.reader.report(0..0, message, "this file", help);
        } else if RESERVED.contains(&stem) {
            let message = format!("a spec cannot be called `{stem}`: the word is reserved");
            self.reader.report(
                0..0,
                message,
                "this file",
                Some("rename the file".to_owned()),
            );
        }
        if let Some(written) = self.document.text("name")
            && written != stem
        {
            let help = format!(
                "write name = \"{stem}\", leave the key out, or rename the file to {written}.toml"
            );
            self.reader.report(
                place,
                format!("the name is \"{written}\" and the file is {stem}.toml"),
                "must be the file's stem",
                Some(help),
            );
        }
    }

    /// What is known of dependence between rows must be something that the tests
    /// can take into account.
    fn dependence(&mut self, metrics: &[MetricSpec]) {
        let shared = self.document.text("seed_scope") == Some("shared");
        let data = self.document.section("data");
        let exhaustive = data.and_then(|data| data.text("examples")) == Some("exhaustive");
        if let Some(data) = data.filter(|data| data.entries.contains_key("cluster"))
            && (shared || exhaustive)
        {
            let other = if shared {
                "seed_scope = \"shared\""
            } else {
                "examples = \"exhaustive\""
            };
            self.reader.report(
                data.place("cluster"),
                format!("`cluster` and {other} cannot be judged together"),
                "one too many",
                Some("keep the one that dominates".to_owned()),
            );
        }
        if let Some(data) = data
            && data.entries.contains_key("largest_cluster")
            && !data.entries.contains_key("cluster")
        {
            self.reader.report(
                data.place("largest_cluster"),
                "`largest_cluster` says nothing without `cluster`".to_owned(),
                "of which clusters?",
                Some(
                    "name the array that says which rows belong together: cluster = \"…\""
                        .to_owned(),
                ),
            );
        }
        // What a metric must not be judged under, and which metrics those are not.
        let (under, others, cure, is_known): (_, _, _, &dyn Fn(&str) -> bool) = if shared {
            (
                "seed_scope = \"shared\"",
                "only accuracy, of all or of slices, has a test that knows of that",
                "seed_scope = \"example\"",
                &|name| BY_REPLICATE.contains(&name),
            )
        } else if exhaustive {
            (
                "examples = \"exhaustive\"",
                "only metrics that have a value for each example have a test that knows of that",
                "gate accuracy or brier_score instead",
                &|name| !OF_ALL_ROWS.contains(&name),
            )
        } else {
            return;
        };
        for metric in metrics
            .iter()
            .filter(|metric| metric.test.is_some() && !is_known(metric.kind.name))
        {
            self.reader.report(
                metric.span.clone(),
                format!("`{}` cannot be judged under {under}", metric.label),
                others,
                Some(format!("give it report_only = true, or {cure}")),
            );
        }
    }

    /// A metric of slices needs to know of them.
    fn slices(&mut self, metrics: &[MetricSpec]) {
        let data = self.document.section("data");
        // A `slice` that was not understood is reported already.
        if data.is_none_or(|data| data.order.iter().any(|key| key == "slice")) {
            return;
        }
        for metric in metrics.iter().filter(|metric| metric.kind.needs_slices) {
            self.reader.report(
                metric.span.clone(),
                format!("`{}` is of slices, and [data] names none", metric.label),
                "of which slices?",
                Some(
                    "[data] slice = \"site\": an array that says which slice a row is in"
                        .to_owned(),
                ),
            );
        }
    }

    fn data(&mut self, section: &Section) -> Option<DataSpec> {
        let bound = |index: usize, default: &str| match section
            .list("range")
            .and_then(|list| list.get(index))
        {
            Some(Located {
                value: Checked::Number(number),
                ..
            }) => number.clone(),
            _ => literal(default),
        };
        Some(DataSpec {
            path: section.located_text("path")?,
            inputs: section.text("inputs")?.to_owned(),
            labels: section.text("labels")?.to_owned(),
            ids: section.text("ids").map(str::to_owned),
            cluster: section.text("cluster").map(str::to_owned),
            slice: section.text("slice").map(str::to_owned),
            largest_cluster: section
                .integer("largest_cluster")
                .and_then(|&rows| u64::try_from(rows).ok()),
            range: [bound(0, "0"), bound(1, "1")],
            unpacked_limit: size(section, "unpacked_limit", LARGEST_UNPACKED),
            limit: section
                .integer("limit")
                .and_then(|&limit| u64::try_from(limit).ok()),
            examples: choice(section, "examples", Examples::from_text).unwrap_or(Examples::Sample),
        })
    }

    fn sections(&self, key: &str) -> Vec<Section> {
        let items = self.document.list(key).unwrap_or_default();
        items
            .iter()
            .filter_map(|item| match &item.value {
                Checked::Section(section) => Some(section.clone()),
                _ => None,
            })
            .collect()
    }

    fn perturbations(&mut self) -> Vec<PerturbationSpec> {
        let mut entries: Vec<PerturbationSpec> = Vec::new();
        let mut taken = HashSet::new();
        for section in self.sections("perturbation") {
            let Some(entry) = self.perturbation(&section) else {
                continue;
            };
            let cases = |entry: &PerturbationSpec| -> Vec<String> {
                let settings = entry.settings.iter();
                settings
                    .map(|(_, segment)| match segment {
                        Some(segment) => format!("{}::{segment}", entry.label),
                        None => entry.label.clone(),
                    })
                    .collect()
            };
            let mut own = cases(&entry).into_iter();
            let twice = own.find(|name| !taken.insert(name.clone()));
            let equal_settings =
                entry
                    .settings
                    .iter()
                    .enumerate()
                    .find_map(|(index, (setting, segment))| {
                        let same = |(other, _): &(Setting, Option<String>)| match (setting, other) {
                            (Setting::Severity(one), Setting::Severity(two)) => {
                                one.fraction() == two.fraction()
                            }
                            _ => false,
                        };
                        entry.settings[..index]
                            .iter()
                            .any(same)
                            .then(|| segment.clone())
                            .flatten()
                    });
            if let Some(name) = twice.or(equal_settings) {
                self.reader.report(
                    section.place("kind"),
                    format!("two cases of this spec would be called `{name}`"),
                    "the second one",
                    Some("remove one, or give this entry a `name`".to_owned()),
                );
            }
            entries.push(entry);
        }
        entries
    }

    fn perturbation(&mut self, section: &Section) -> Option<PerturbationSpec> {
        let written = section.text("kind")?;
        let kind = match written.strip_prefix("custom::") {
            Some(name) => {
                if !is_segment(name) {
                    let message = format!("`{name}` cannot be part of a case's name");
                    let help = "use lower-case letters, digits, `_`, `.` and `-`".to_owned();
                    self.reader
                        .report(section.place("kind"), message, "custom::NAME", Some(help));
                    return None;
                }
                let parameters =
                    section
                        .entries
                        .iter()
                        .filter_map(|(key, entry)| match &entry.value {
                            Checked::Opaque(value) => Some((key.clone(), value.clone())),
                            _ => None,
                        });
                PerturbationRef::Custom {
                    name: name.to_owned(),
                    parameters: serde_json::Value::Object(parameters.collect()),
                }
            }
            None => PerturbationRef::BuiltIn(self.reader.catalogue.perturbation(written)?),
        };
        let scale_by = choice(section, "scale_by", ScaleBy::from_text);
        if scale_by == Some(ScaleBy::Std) && !ADDED.contains(&written) {
            self.reader.report(
                section.place("scale_by"),
                format!("`{written}` adds no noise that could be a share of a column's deviation"),
                "of no use here",
                Some(format!(
                    "`scale_by = \"std\"` goes with {}",
                    ADDED.join(", ")
                )),
            );
        }
        let label = section
            .text("name")
            .map_or_else(|| written.to_owned(), str::to_owned);
        Some(PerturbationSpec {
            settings: self.settings(section, &kind)?,
            kind,
            label,
            scale: choice(section, "scale", |text| {
                Scale::ALL.into_iter().find(|scale| scale.name() == text)
            }),
            columns: section.list("columns").map(|items| {
                let numbers = items.iter().filter_map(|item| match item.value {
                    Checked::Integer(number) => usize::try_from(number).ok(),
                    _ => None,
                });
                numbers.collect()
            }),
            scale_by: scale_by.unwrap_or(ScaleBy::Range),
            span: section.span.clone(),
        })
    }

    /// The severities, or the explicit parameters.
    fn settings(
        &mut self,
        section: &Section,
        kind: &PerturbationRef,
    ) -> Option<Vec<(Setting, Option<String>)>> {
        let own: Vec<(&String, &Exact)> = section
            .order
            .iter()
            .filter(|key| {
                !grammar::PERTURBATION
                    .iter()
                    .any(|known| known.name == key.as_str())
            })
            .filter_map(|key| section.number(key).map(|number| (key, number)))
            .collect();
        if let Some(severities) = section.list("severity") {
            if let Some((key, _)) = own.first() {
                self.reader.report(
                    section.place(key),
                    format!("both `severity` and `{key}` are given"),
                    "one too many",
                    Some("a severity stands for parameters: keep one of the two".to_owned()),
                );
                return None;
            }
            if let PerturbationRef::BuiltIn(kind) = kind
                && kind.severities.is_empty()
            {
                let message = format!("`{}` has no severities", kind.name);
                self.reader.report(
                    section.place("severity"),
                    message,
                    "of no use here",
                    Some("remove it".to_owned()),
                );
                return None;
            }
            return Some(
                severities
                    .iter()
                    .filter_map(|item| match &item.value {
                        Checked::Number(number) => {
                            let segment = format!("severity_{}", number.segment());
                            Some((Setting::Severity(number.clone()), Some(segment)))
                        }
                        _ => None,
                    })
                    .collect(),
            );
        }
        if section.order.iter().any(|key| key == "severity") {
            return None;
        }
        match kind {
            PerturbationRef::Custom { parameters, .. } => {
                let parts: Vec<String> = section
                    .order
                    .iter()
                    .filter_map(|key| parameters.get(key).map(|value| (key, value)))
                    .filter_map(|(key, value)| {
                        let text = match value {
                            serde_json::Value::String(text) => text.clone(),
                            other => other.to_string(),
                        };
                        let part = format!("{key}_{}", text.replace('/', "_")).to_lowercase();
                        is_segment(&part).then_some(part)
                    })
                    .collect();
                let segment = (!parts.is_empty()).then(|| parts.join("_"));
                Some(vec![(Setting::Plain, segment)])
            }
            PerturbationRef::BuiltIn(kind) if kind.parameters.is_empty() => {
                Some(vec![(Setting::Plain, None)])
            }
            PerturbationRef::BuiltIn(kind) => {
                let failed = section.order.iter().any(|key| {
                    kind.parameters.iter().any(|known| known.name == key)
                        && section.number(key).is_none()
                });
                let mut values = Vec::new();
                for parameter in kind.parameters {
                    match (section.number(parameter.name), parameter.default) {
                        (Some(number), _) => {
                            values.push((parameter.name.to_owned(), number.value()))
                        }
                        (None, Some(default)) => values.push((parameter.name.to_owned(), default)),
                        (None, None) if failed => return None,
                        (None, None) => {
                            let help = if kind.severities.is_empty() {
                                format!("{}: {}", parameter.name, parameter.about)
                            } else {
                                format!("severity = [1, 2, 3, 4, 5], or {} = …", parameter.name)
                            };
                            self.reader.report(
                                section.span.clone(),
                                format!(
                                    "`{}` is given neither a severity nor `{}`",
                                    kind.name, parameter.name
                                ),
                                "how strong?",
                                Some(help),
                            );
                            return None;
                        }
                    }
                }
                let parts: Vec<String> = own
                    .iter()
                    .map(|(key, number)| format!("{key}_{}", number.segment()))
                    .collect();
                let segment = (!parts.is_empty()).then(|| parts.join("_"));
                Some(vec![(Setting::Parameters(Parameters(values)), segment)])
            }
        }
    }

    fn metrics(&mut self, perturbations: &[PerturbationSpec]) -> Vec<MetricSpec> {
        let sections = self.sections("metric");
        if sections.is_empty() && !self.document.order.iter().any(|key| key == "metric") {
            let Some(kind) = self.reader.catalogue.metric("accuracy") else {
                return Vec::new();
            };
            let bare = Section {
                span: self.document.place("gate"),
                ..Section::default()
            };
            return self
                .metric(&bare, kind, perturbations)
                .into_iter()
                .collect();
        }
        let mut metrics: Vec<MetricSpec> = Vec::new();
        for section in sections {
            let kind = section
                .text("kind")
                .and_then(|kind| self.reader.catalogue.metric(kind));
            let Some(metric) = kind.and_then(|kind| self.metric(&section, kind, perturbations))
            else {
                continue;
            };
            if crate::outcome::is_taken(&metric.label) {
                self.reader.report(
                    section.place("name"),
                    format!("no metric can be called `{}`", metric.label),
                    "what is kept of each example has that name",
                    Some("give this entry another `name`".to_owned()),
                );
            }
            if metrics.iter().any(|other| other.label == metric.label) {
                self.reader.report(
                    section.place("kind"),
                    format!(
                        "two metrics of this spec would be called `{}`",
                        metric.label
                    ),
                    "the second one",
                    Some("remove one, or give this entry a `name`".to_owned()),
                );
            }
            metrics.push(metric);
        }
        metrics
    }

    fn metric(
        &mut self,
        section: &Section,
        kind: &'static MetricKind,
        perturbations: &[PerturbationSpec],
    ) -> Option<MetricSpec> {
        let family = kind
            .family
            .map(|family| self.family(section, kind, family, perturbations));
        let mut parameters = Vec::new();
        for parameter in kind.parameters {
            let given = section.number(parameter.name).map(Exact::value);
            let Some(value) = given.or(parameter.default) else {
                if !section.order.iter().any(|key| key == parameter.name) {
                    self.reader.report(
                        section.span.clone(),
                        format!("`{}` has no `{}`", kind.name, parameter.name),
                        "must be given here",
                        Some(format!("{} = …: {}", parameter.name, parameter.about)),
                    );
                }
                return None;
            };
            parameters.push((parameter.name.to_owned(), value));
        }
        let report_only = section.boolean("report_only").copied().unwrap_or(false);
        let test = if report_only {
            None
        } else {
            Some(self.test(section, kind)?)
        };
        if let Some(reference) = family {
            parameters.extend(reference?);
        }
        Some(MetricSpec {
            kind,
            label: section.text("name").unwrap_or(kind.name).to_owned(),
            parameters: Parameters(parameters),
            reference: named_reference(section, kind),
            test,
            span: section.span.clone(),
        })
    }

    /// Checks that the perturbations are such as a metric of all of them needs; the
    /// errors of its reference under each that counts, by name.
    fn family(
        &mut self,
        section: &Section,
        kind: &MetricKind,
        family: Family,
        perturbations: &[PerturbationSpec],
    ) -> Option<Vec<(String, f64)>> {
        let (known, clean) = match family {
            Family::Curve => {
                let mut entries = perturbations.iter();
                if entries.any(|entry| entry.severities().count() > 1) {
                    return Some(Vec::new());
                }
                self.reader.report(
                    section.span.clone(),
                    format!("`{}` needs a perturbation with two severities", kind.name),
                    "over which severities?",
                    Some("severity = [1, 2, 3, 4, 5] in [[perturbation]]".to_owned()),
                );
                return None;
            }
            Family::Reference { known, clean } => (known, clean),
        };
        let curves = perturbations
            .iter()
            .filter(|entry| entry.severities().next().is_some());
        let curves: Vec<&PerturbationSpec> = curves.collect();
        let before = self.reader.problems.len();
        if curves.is_empty() {
            self.reader.report(
                section.span.clone(),
                format!("`{}` needs a perturbation with severities", kind.name),
                "errors under what?",
                Some("severity = [1, 2, 3, 4, 5] in [[perturbation]]".to_owned()),
            );
        }
        for (index, entry) in curves.iter().enumerate() {
            let mut severities: Vec<f64> = entry.severities().map(Exact::value).collect();
            severities.sort_by(f64::total_cmp);
            if severities != [1.0, 2.0, 3.0, 4.0, 5.0] {
                self.reader.report(
                    entry.span.clone(),
                    format!(
                        "`{}` sums over the severities 1 to 5, and `{}` has others",
                        kind.name, entry.label
                    ),
                    "which has none of its own",
                    Some(
                        "severity = [1, 2, 3, 4, 5]; or move this entry to another spec".to_owned(),
                    ),
                );
            }
            let same = |other: &&PerturbationSpec| other.kind.kind() == entry.kind.kind();
            if curves[..index].iter().any(same) {
                self.reader.report(
                    entry.span.clone(),
                    format!("`{}` would count `{}` twice", kind.name, entry.kind.kind()),
                    "the second one",
                    Some("move one of the two to another spec".to_owned()),
                );
            }
        }
        let is_clean = |entry: &PerturbationSpec| entry.kind.kind() == CLEAN;
        if clean && !perturbations.iter().any(is_clean) {
            self.reader.report(
                section.span.clone(),
                format!("`{}` needs the error without a perturbation", kind.name),
                "which no entry gives",
                Some(format!("add [[perturbation]] kind = \"{CLEAN}\"")),
            );
        }
        let names = curves.iter().map(|entry| entry.kind.kind());
        let names = names.chain(clean.then(|| CLEAN.to_owned()));
        let errors = self.reference(section, known, names.collect())?;
        let least = if clean {
            errors.iter().find(|(name, _)| name == CLEAN)
        } else {
            None
        };
        let least = least.map_or(0.0, |&(_, error)| error);
        if let Some((name, error)) = errors
            .iter()
            .find(|(name, error)| name != CLEAN && *error <= least)
        {
            let message = if clean {
                format!(
                    "the reference's error under `{name}`, {error}, is not above its error without a perturbation, {least}"
                )
            } else {
                format!("the reference's error under `{name}` is zero")
            };
            self.reader.report(
                section.place("reference"),
                message,
                "errors are divided by it",
                Some("take a reference that the perturbation harms".to_owned()),
            );
        }
        (self.reader.problems.len() == before).then_some(errors)
    }

    /// The reference's errors under the perturbations called `names`, sorted by name.
    fn reference(
        &mut self,
        section: &Section,
        known: &[&'static Reference],
        mut names: Vec<String>,
    ) -> Option<Vec<(String, f64)>> {
        let place = section.place("reference");
        let own = section.section("reference");
        let named = among(known, section);
        // What is neither was reported when it was read.
        let error = |name: &str| match (own, named) {
            (Some(own), _) => own.number(name).map(Exact::value),
            (None, named) => named.and_then(|reference| reference.error(name)),
        };
        if own.is_none() && named.is_none() {
            return None;
        }
        if let Some(own) = own {
            let kinds = self.reader.catalogue.perturbations.iter();
            let kinds: Vec<&str> = kinds.map(|kind| kind.name).collect();
            let unknown = own
                .order
                .iter()
                .find(|name| !kinds.contains(&name.as_str()) && !name.starts_with("custom::"));
            if let Some(unknown) = unknown {
                let near = nearest(unknown, kinds.iter().copied());
                self.reader.report(
                    own.place(unknown),
                    format!("`{unknown}` is no perturbation"),
                    "an error under what?",
                    near.map(|word| format!("did you mean `{word}`?")),
                );
                return None;
            }
        }
        names.sort_unstable();
        names.dedup();
        let missing: Vec<&String> = names.iter().filter(|name| error(name).is_none()).collect();
        if missing.is_empty() {
            let errors = names.into_iter().filter_map(|name| {
                let error = error(&name)?;
                Some((name, error))
            });
            return Some(errors.collect());
        }
        let of = named.map_or("the reference", |reference| reference.name);
        let missing: Vec<String> = missing.iter().map(|name| format!("`{name}`")).collect();
        let help = match named {
            Some(_) => {
                "move it to another spec, or give a table with the errors of a reference of your own, reference = { … }"
            }
            None => {
                "add its mean error over the severities 1 to 5 (of `identity`, without a perturbation), or move the perturbation to another spec"
            }
        };
        self.reader.report(
            place,
            format!("no error of {of} under {} is known", missing.join(", ")),
            "the errors are divided by it",
            Some(help.to_owned()),
        );
        None
    }

    /// The test of one metric: its own keys, else `[gate]`'s, else `suite.toml`'s.
    fn test(&mut self, metric: &Section, kind: &'static MetricKind) -> Option<TestSpec> {
        let none = Section::default();
        let gate = self.document.section("gate").unwrap_or(&none);
        let defaults = &self.suite.defaults;
        let chain = [metric, gate, defaults];
        let given = |key: &str| {
            chain
                .into_iter()
                .find(|section| section.entries.contains_key(key))
        };
        let number = |key: &str| given(key).and_then(|section| section.number(key)).cloned();

        // A margin in [gate] is in the unit of metrics on [0, 1].
        let unit = kind.range == (0.0, 1.0);
        let in_unit = |key: &str| {
            let own = metric.number(key).cloned();
            if unit {
                own.or_else(|| number(key))
            } else {
                own
            }
        };
        let tried = |key: &str| {
            chain
                .into_iter()
                .any(|section| section.order.iter().any(|known| known == key))
        };
        let margin = match in_unit("margin") {
            Some(margin) => margin,
            None if unit && tried("margin") || metric.order.iter().any(|key| key == "margin") => {
                return None;
            }
            None => {
                let (message, help) = if unit {
                    (
                        format!("no margin is given for `{}`", kind.name),
                        "[gate] margin = 0.01: the largest drop that is tolerable".to_owned(),
                    )
                } else {
                    (
                        format!(
                            "`{}` is on {} and needs a margin of its own",
                            kind.name,
                            kind.range_text()
                        ),
                        "write `margin = …` in this entry, or report_only = true".to_owned(),
                    )
                };
                let place = if unit {
                    gate.span.clone()
                } else {
                    metric.span.clone()
                };
                self.reader
                    .report(place, message, "how much change is tolerable?", Some(help));
                return None;
            }
        };
        let margin_place =
            given("margin").map_or(metric.span.clone(), |section| section.place("margin"));
        if margin.fraction().0 == 0 {
            self.reader.report(
                margin_place,
                "a margin of zero tolerates nothing, and no number of examples shows that"
                    .to_owned(),
                "must be above zero",
                Some("give the smallest harm that you would act on".to_owned()),
            );
            return None;
        }
        let detectable_drop = match in_unit("detectable_drop") {
            Some(drop) => drop,
            None => margin.times(2)?,
        };
        if detectable_drop.value() <= margin.value() {
            let place = given("detectable_drop").map_or(metric.span.clone(), |section| {
                section.place("detectable_drop")
            });
            self.reader.report(
                place,
                format!("the detectable drop {detectable_drop} is not above the margin {margin}"),
                "too small",
                Some("twice the margin is the default".to_owned()),
            );
            return None;
        }
        let largest_change = in_unit("largest_change");
        if let Some(largest) = &largest_change
            && largest.value() <= margin.value()
        {
            let place = given("largest_change").map_or(metric.span.clone(), |section| {
                section.place("largest_change")
            });
            self.reader.report(
                place,
                format!("the largest change {largest} is not above the margin {margin}"),
                "this would prove anything",
                Some("no example, and no cluster of them, may change by more than the largest change; leave the key out where that is not known".to_owned()),
            );
            return None;
        }
        let word = |key: &str| given(key).and_then(|section| section.text(key));
        let mode = word("mode")
            .and_then(Mode::from_text)
            .unwrap_or(Mode::Detect);
        let null = word("null").and_then(Null::from_text);
        let null = null.unwrap_or(Null::NoHarm);
        let question = match mode {
            Mode::Detect => Question::Harm { null },
            Mode::Prove => Question::Proof,
        };
        // Both are questions about the margin, which a limit answers.
        let about_margin = match question {
            Question::Proof => Some((
                "mode",
                "nothing can be proven about it",
                format!("give `{}` mode = \"detect\"", kind.name),
            )),
            Question::Harm { null: Null::Margin } => Some((
                "null",
                "harm beyond the margin cannot be shown",
                "give [gate] null = \"no_harm\"".to_owned(),
            )),
            Question::Harm {
                null: Null::NoHarm | Null::Retrain,
            } => None,
        };
        if let Some((key, why, instead)) = about_margin.filter(|_| !kind.has_limits) {
            let place = given(key).map_or(metric.span.clone(), |section| {
                if std::ptr::eq(section, defaults) {
                    metric.span.clone()
                } else {
                    section.place(key)
                }
            });
            self.reader.report(
                place,
                format!("`{}` has no valid confidence limit, so that {why}", kind.name),
                "asks about the margin",
                Some(format!(
                    "gate brier_score or negative_log_likelihood instead, or {instead} or report_only = true"
                )),
            );
            return None;
        }
        let budgeted = number("alpha").filter(|_| mode == Mode::Detect);
        let is_share = budgeted.is_none();
        let budgeted = budgeted.unwrap_or_else(|| self.suite.test_alpha());
        let alpha = match (number("alpha"), mode) {
            (Some(alpha), _) => alpha,
            (None, Mode::Prove) => literal(PROVE_ALPHA),
            (None, Mode::Detect) => budgeted.clone(),
        };
        let anchor_margin = match in_unit("anchor_margin") {
            Some(margin) => margin,
            None => margin.times(2)?,
        };
        let anchor = given("anchor")
            .and_then(|section| Some((section.text("anchor")?, section.place("anchor"))));
        let direction =
            word("direction")
                .and_then(Direction::from_text)
                .unwrap_or(match kind.better {
                    Better::Higher => Direction::Lower,
                    Better::Lower => Direction::Higher,
                });
        let on_inconclusive = word("on_inconclusive")
            .and_then(OnInconclusive::from_text)
            .unwrap_or(match mode {
                Mode::Detect => OnInconclusive::Warn,
                Mode::Prove => OnInconclusive::Fail,
            });
        let power = number("power").unwrap_or_else(|| literal(POWER));
        if anchor_margin.value() < margin.value() {
            let place = given("anchor_margin").map_or(metric.span.clone(), |section| {
                section.place("anchor_margin")
            });
            self.reader.report(
                place,
                format!("the anchor's margin {anchor_margin} is below the margin {margin}"),
                "too small",
                Some("twice the margin is the default".to_owned()),
            );
            return None;
        }
        if metric.entries.contains_key("anchor_margin") && matches!(anchor, Some(("none", _))) {
            self.idle_anchor_margin(metric);
        }
        let anchor = self.anchor(anchor, anchor_margin, budgeted);
        self.shares |= is_share && (mode == Mode::Detect || anchor.is_some());
        Some(TestSpec {
            margin,
            detectable_drop,
            alpha,
            power,
            question,
            direction,
            largest_change,
            on_inconclusive,
            anchor,
        })
    }
}

impl Suite {
    /// The alpha of a detect test that gives none: the family's over the capacity.
    pub fn test_alpha(&self) -> Exact {
        self.alpha
            .divided_by(self.capacity)
            .unwrap_or_else(|| literal("1e-9"))
    }
}
