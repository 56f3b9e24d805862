//! The area under the severity curve: accuracy over severity, one number for a whole
//! family of perturbations.

use super::family::{FamilyCell, Linear};
use super::probability::mean_of_quanta;
use super::{Form, Metric};
use crate::catalogue::{Better, Family, MetricKind, Parameters};
use crate::outcome::ColumnSpec;

/// The catalogue's entry.
pub static AREA_UNDER_SEVERITY_CURVE: MetricKind = MetricKind {
    name: "area_under_severity_curve",
    version: 1,
    about: "The area under accuracy as a function of severity, by trapezoids over the severities that the spec gives and divided by their span: the accuracy at a severity drawn at random from it. The mean over the perturbations with two severities or more; what has fewer has no curve and does not count. Judged in the spec's case `pooled`.",
    source: "statistics.md 2.2 and 2.4; trapezoidal rule",
    better: Better::Higher,
    range: (0.0, 1.0),
    has_limits: true,
    needs_slices: false,
    family: Some(Family::Curve),
    parameters: &[],
};

/// See the module.
pub struct AreaUnderSeverityCurve;

impl Metric for AreaUnderSeverityCurve {
    fn kind(&self) -> &'static MetricKind {
        &AREA_UNDER_SEVERITY_CURVE
    }

    fn form(&self) -> Form {
        Form::Mean
    }

    fn columns(&self, label: &str, _: &Parameters) -> Vec<ColumnSpec> {
        vec![ColumnSpec::score(label, AREA_UNDER_SEVERITY_CURVE.range)]
    }

    fn over_cells(&self, cells: &[FamilyCell], _: &Parameters) -> Result<Linear, String> {
        let mut right = vec![0.0; cells.len()];
        let mut curves = 0;
        let last = cells.iter().map(|cell| cell.entry).max();
        for entry in 0..=last.unwrap_or(0) {
            let mut points: Vec<(f64, usize)> = cells
                .iter()
                .enumerate()
                .filter(|(_, cell)| cell.entry == entry)
                .filter_map(|(index, cell)| Some((cell.severity?, index)))
                .collect();
            points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
            let [(low, _), .., (high, _)] = points.as_slice() else {
                continue;
            };
            let span = high - low;
            curves += 1;
            for pair in points.windows(2) {
                let half = (pair[1].0 - pair[0].0) / span / 2.0;
                right[pair[0].1] += half;
                right[pair[1].1] += half;
            }
        }
        if curves == 0 {
            return Err("no perturbation has two severities".to_owned());
        }
        right
            .iter_mut()
            .for_each(|weight| *weight /= f64::from(curves));
        Ok(Linear {
            constant: 0.0,
            right,
        })
    }

    fn value(&self, sums: &[i64], rows: usize, _: &Parameters) -> f64 {
        mean_of_quanta(sums[0], rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metric::family::testing::cells;
    use proptest::prelude::*;

    fn area(entries: &[(&str, &[f64])], shares: &[f64]) -> f64 {
        let cells = cells(entries);
        assert_eq!(cells.len(), shares.len());
        let none = Parameters::default();
        let linear = AreaUnderSeverityCurve.over_cells(&cells, &none).unwrap();
        linear.value(shares.iter().copied())
    }

    #[test]
    fn closed_forms() {
        // Two trapezoids of width one over a span of two: (.9 + .7) / 4 + (.7 + .1) / 4.
        let one: (&str, &[f64]) = ("fog", &[1.0, 2.0, 3.0]);
        assert!((area(&[one], &[0.9, 0.7, 0.1]) - 0.6).abs() < 1e-12);
        // In any order, and with a wider step: (.9 + .1) / 2 · 4/4.
        assert!((area(&[("fog", &[5.0, 1.0])], &[0.1, 0.9]) - 0.5).abs() < 1e-12);
        // The mean over perturbations of their curves, whatever the number of severities;
        // what has no curve does not count.
        let entries: [(&str, &[f64]); 4] = [
            one,
            ("identity", &[]),
            ("frost", &[1.0, 5.0]),
            ("snow", &[3.0]),
        ];
        let shares = [0.9, 0.7, 0.1, 0.3, 0.4, 0.2, 1.0];
        assert!((area(&entries, &shares) - 0.45).abs() < 1e-12);
    }

    #[test]
    fn without_a_curve_there_is_no_area() {
        let cells = cells(&[("identity", &[]), ("snow", &[3.0])]);
        let none = Parameters::default();
        assert!(AreaUnderSeverityCurve.over_cells(&cells, &none).is_err());
    }

    proptest! {
        /// A straight line's area is its height in the middle, wherever it is cut.
        #[test]
        fn a_straight_line_has_its_mean(cuts in prop::collection::btree_set(101u32..499, 0..6)) {
            let mut severities = vec![1.0, 5.0];
            severities.extend(cuts.iter().map(|&cut| f64::from(cut) / 100.0));
            let shares: Vec<f64> = severities.iter().map(|severity| 1.0 - severity / 10.0).collect();
            prop_assert!((area(&[("fog", &severities)], &shares) - 0.7).abs() < 1e-12);
        }
    }
}
