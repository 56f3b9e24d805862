//! The severity curves of a spec: accuracy by severity, perturbation by perturbation,
//! in the baseline and now. One gate is on their area or on the corruption error; the
//! curves themselves are for people (statistics.md 2.4).

use super::number;
use crate::metric::{ACCURACY, AREA_UNDER_SEVERITY_CURVE, MEAN_CORRUPTION_ERROR};
use crate::spec::{Case, MetricSpec, Setting, Spec, cases};
use crate::text::Page;
use crate::text::markdown::Markdown;

/// The accuracy in a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracies {
    /// As it was accepted; `None`: there is nothing to compare with.
    pub before: Option<f64>,
    /// In this run.
    pub now: f64,
}

/// A perturbation over its severities.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// What the spec calls it.
    pub name: String,
    /// Severities, rising, with the accuracy at each.
    pub points: Vec<(f64, Accuracies)>,
    /// The reference's error under it, where the spec divides by one.
    pub reference: Option<f64>,
}

impl Curve {
    /// The area under the curve over its span, before and now.
    fn area(&self) -> Accuracies {
        let area = |of: &dyn Fn(&Accuracies) -> Option<f64>| {
            let mut sum = 0.0;
            for pair in self.points.windows(2) {
                let [low, high] = [&pair[0], &pair[1]];
                sum += (high.0 - low.0) * (of(&low.1)? + of(&high.1)?) / 2.0;
            }
            let [low, .., high] = self.points.as_slice() else {
                return None;
            };
            Some(sum / (high.0 - low.0))
        };
        Accuracies {
            before: area(&|point| point.before),
            now: area(&|point| Some(point.now)).unwrap_or(f64::NAN),
        }
    }

    /// The corruption error by the reference, before and now.
    fn error(&self) -> Option<Accuracies> {
        let reference = self.reference?;
        let count = self.points.len() as f64;
        let points = self.points.iter();
        let before: Option<f64> = points.map(|(_, point)| point.before).sum();
        let now: f64 = self.points.iter().map(|(_, point)| point.now).sum();
        let error = |sum: f64| (1.0 - sum / count) / reference;
        Some(Accuracies {
            before: before.map(error),
            now: error(now),
        })
    }
}

/// The curves of a spec: each perturbation with two severities or more, of which every
/// cell has an accuracy. Empty where there is none.
pub fn curves(spec: &std::sync::Arc<Spec>, of: impl Fn(&Case) -> Option<Accuracies>) -> Vec<Curve> {
    let mut curves: Vec<(usize, Curve)> = Vec::new();
    let mut broken = Vec::new();
    for case in cases(spec) {
        let crate::spec::Subject::Cell { perturbation, .. } = case.subject else {
            continue;
        };
        let Some((entry, Setting::Severity(severity))) = case.cell() else {
            continue;
        };
        if entry.severities().count() < 2 {
            continue;
        }
        let Some(accuracies) = of(&case) else {
            broken.push(perturbation);
            continue;
        };
        let point = (severity.value(), accuracies);
        match curves.iter_mut().find(|(known, _)| *known == perturbation) {
            Some((_, curve)) => curve.points.push(point),
            None => curves.push((
                perturbation,
                Curve {
                    name: entry.label.clone(),
                    points: vec![point],
                    reference: reference(spec, &entry.kind.kind()),
                },
            )),
        }
    }
    curves.retain(|(perturbation, _)| !broken.contains(perturbation));
    let mut curves: Vec<Curve> = curves.into_iter().map(|(_, curve)| curve).collect();
    for curve in &mut curves {
        curve
            .points
            .sort_by(|(one, _), (other, _)| one.total_cmp(other));
    }
    curves
}

/// The reference's error under `kind`, of the spec's mean corruption error.
fn reference(spec: &Spec, kind: &str) -> Option<f64> {
    let metric = spec
        .family()
        .find(|metric| metric.kind.name == MEAN_CORRUPTION_ERROR.name)?;
    let mut errors = metric.parameters.0.iter();
    errors
        .find(|(name, _)| name == kind)
        .map(|&(_, error)| error)
}

/// The accuracy among named values with their identities: of a record, a baseline or
/// a judgement.
pub fn accuracy<'a>(values: impl IntoIterator<Item = (&'a str, f64)>) -> Option<f64> {
    let mut values = values.into_iter();
    values
        .find(|(identity, _)| *identity == ACCURACY.identity())
        .map(|(_, value)| value)
}

/// Whether a message about these metrics shows the curves.
pub fn are_shown(metrics: &[MetricSpec]) -> bool {
    metrics.iter().any(|metric| metric.kind.family.is_some())
}

/// `0.8123 → 0.7911`, or the one where nothing moved.
fn change(of: Accuracies) -> String {
    match of.before {
        Some(before) if number(before) != number(of.now) => {
            format!("{} → {}", number(before), number(of.now))
        }
        _ => number(of.now),
    }
}

/// The curves in the terminal: a line a perturbation.
pub(super) fn lines(page: &mut Page, curves: &[Curve]) {
    for (index, curve) in curves.iter().enumerate() {
        let head = if index == 0 { "curves" } else { "" };
        let points: Vec<String> = curve
            .points
            .iter()
            .map(|(_, point)| format!("{:.3}", point.now))
            .collect();
        let error = curve
            .error()
            .map_or(String::new(), |error| format!(", error {}", change(error)));
        page.line(format_args!(
            "      {head:8} {}: area {}{error}; accuracy {}",
            curve.name,
            change(curve.area()),
            points.join(" "),
        ));
    }
}

/// The curves of a spec as a table in Markdown; empty where there are none.
pub fn table(spec: &Spec, curves: &[Curve]) -> Markdown {
    let mut markdown = Markdown::new();
    if curves.is_empty() {
        return markdown;
    }
    let mut severities: Vec<f64> = curves
        .iter()
        .flat_map(|curve| curve.points.iter().map(|(severity, _)| *severity))
        .collect();
    severities.sort_by(f64::total_cmp);
    severities.dedup();
    let has_error = curves.iter().any(|curve| curve.reference.is_some());
    markdown.line(format_args!(
        "Severity curves of {} (accuracy, baseline → now; area: `{}`{}):",
        spec.name,
        AREA_UNDER_SEVERITY_CURVE.name,
        if has_error {
            format!(
                "; error: of which `{}` is the mean",
                MEAN_CORRUPTION_ERROR.name
            )
        } else {
            String::new()
        }
    ));
    markdown.space();
    let mut head = vec!["perturbation".to_owned()];
    head.extend(severities.iter().map(f64::to_string));
    head.push("area".to_owned());
    head.extend(has_error.then(|| "error".to_owned()));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    markdown.head(&head);
    for curve in curves {
        let mut row = vec![curve.name.clone()];
        for severity in &severities {
            let mut points = curve.points.iter();
            let point = points.find(|(known, _)| known == severity);
            row.push(point.map_or(String::new(), |(_, point)| change(*point)));
        }
        row.push(change(curve.area()));
        if has_error {
            row.push(curve.error().map_or(String::new(), change));
        }
        markdown.row(&row);
    }
    markdown
}
