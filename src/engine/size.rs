//! Samples that are too small, or alphas too small for the test, to show anything:
//! refused, not passed whatever comes (statistics.md 2.1, 2.2, 2.4, 6b).

use std::collections::HashMap;

use super::{RunError, metric};
use crate::data::Dataset;
use crate::metric::Form;
use crate::spec::{Case, Direction, Exact, Examples, MetricSpec, Mode, Null, TestSpec};
use crate::stats::permutation::{least_sampled_p, least_swap_p};
use crate::stats::sign_flip;

/// The fewest clusters with which anything is proven (statistics.md 2.2).
const FEWEST_TO_PROVE: u64 = 8;

/// More than any reachable p-value needs: one of 2⁻⁴⁰⁹⁶ is no double.
const MANY: u64 = 4096;

/// Refuses a case whose tests cannot show anything, whatever the model does.
pub fn check(case: &Case, data: &Dataset) -> Result<(), RunError> {
    if case.spec.data.examples == Examples::Exhaustive {
        return Ok(());
    }
    for spec in case.metrics() {
        if let Some(test) = &spec.test {
            let units = Units::of(spec, data)?;
            test_of_harm(spec, test, &units)?;
            if let Some(anchor) = &test.anchor {
                let alpha = (&anchor.alpha, one_sided(&anchor.alpha, test, &units));
                let floor = units.floor(spec, "its test against the anchor", alpha)?;
                units.at_least(
                    floor,
                    spec,
                    &anchor.alpha,
                    "no harm since the anchor is shown",
                )?;
            }
        }
    }
    Ok(())
}

fn test_of_harm(spec: &MetricSpec, test: &TestSpec, units: &Units) -> Result<(), RunError> {
    let about_the_margin = test.mode == Mode::Prove || test.null == Null::Margin;
    if about_the_margin && units.what == "cluster" && units.count >= FEWEST_TO_PROVE {
        units.equal_enough(spec)?;
    }
    if test.mode == Mode::Prove {
        return units.at_least(FEWEST_TO_PROVE, spec, &test.alpha, "nothing is proven");
    }
    // Harm beyond the margin is shown by a limit, which is not sampled so finely.
    if test.null == Null::Margin && units.law != Law::Flips {
        return units.at_least(FEWEST_TO_PROVE, spec, &test.alpha, "no harm is shown");
    }
    let alpha = (&test.alpha, one_sided(&test.alpha, test, units));
    let floor = units.floor(spec, "its test", alpha)?;
    if units.law != Law::Flips {
        return units.at_least(floor, spec, &test.alpha, "no harm is shown");
    }
    // A floor of more than half of the answers is no test.
    if units.count < 2 * floor {
        let why = format!(
            "no harm is shown unless {floor} of them become wrong, and those must not be more than half"
        );
        return Err(units.refused(spec, &test.alpha, 2 * floor, &why));
    }
    Ok(())
}

/// The alpha that one side of one slice is held against.
fn one_sided(alpha: &Exact, test: &TestSpec, units: &Units) -> f64 {
    let sides = if test.direction == Direction::Both {
        2.0
    } else {
        1.0
    };
    alpha.value() / (sides * units.slices as f64)
}

/// How small the p-value of harm can become.
#[derive(Clone, Copy, PartialEq)]
enum Law {
    /// Of right and wrong answers: mid-p, exact.
    Flips,
    /// Of the mean of a score: random signs, sampled.
    Scores,
    /// Of all rows together: exchanges of the records, sampled.
    Exchanges,
}

impl Law {
    fn least(self, units: u64, alpha: f64) -> f64 {
        let count = units as usize;
        match self {
            Self::Flips => sign_flip::least_p(count),
            Self::Scores => sign_flip::least_p(count).max(least_sampled_p(alpha)),
            Self::Exchanges => least_swap_p(count, alpha),
        }
    }
}

/// What a metric is a sample of: of slices, of the largest.
struct Units {
    law: Law,
    slices: usize,
    count: u64,
    /// How many of equal size say as much: N² / Σ n², over their rows n.
    equal: f64,
    what: &'static str,
}

impl Units {
    fn of(spec: &MetricSpec, data: &Dataset) -> Result<Self, RunError> {
        let algorithm = metric(spec)?;
        let columns = algorithm.columns(&spec.label, &spec.parameters);
        let law = match algorithm.form() {
            Form::Whole => Law::Exchanges,
            Form::Mean if columns.iter().any(|column| column.range.is_some()) => Law::Scores,
            Form::Mean | Form::WorstSlice => Law::Flips,
        };
        let slices = match (algorithm.form(), data.slices()) {
            (Form::WorstSlice, Some(slices)) => Some(slices),
            _ => None,
        };
        let names = slices.map_or(1, |_| data.slice_names().len().max(1));
        let slice = |example: usize| slices.map_or(0, |slices| slices[example]);
        let (count, equal) = match data.clusters() {
            None => {
                let mut members = vec![0_u64; names];
                (0..data.len()).for_each(|example| members[slice(example)] += 1);
                let largest = members.into_iter().max().unwrap_or(0);
                (largest, largest as f64)
            }
            Some(clusters) => {
                let mut members = vec![HashMap::<usize, u64>::new(); names];
                for (example, &cluster) in clusters.iter().enumerate() {
                    *members[slice(example)].entry(cluster).or_default() += 1;
                }
                let rows = members.into_iter().max_by_key(HashMap::len);
                let rows = rows.unwrap_or_default();
                let all: u64 = rows.values().sum();
                let squares: u64 = rows.values().map(|rows| rows * rows).sum();
                let equal = (all as f64).powi(2) / squares.max(1) as f64;
                (rows.len() as u64, equal)
            }
        };
        Ok(Self {
            law,
            slices: names,
            count,
            equal,
            what: match data.clusters() {
                Some(_) => "cluster",
                None => "example",
            },
        })
    }

    /// The fewest that reach the alpha of one side; an error where no number does.
    fn floor(
        &self,
        spec: &MetricSpec,
        test: &str,
        (written, alpha): (&Exact, f64),
    ) -> Result<u64, RunError> {
        let reaches = |&units: &u64| self.law.least(units, alpha) <= alpha;
        (1..=MANY).find(reaches).ok_or_else(|| {
            RunError::Mismatch(format!(
                "the p-value of {} is sampled and never below {:.0e}, so that {test} at alpha {written} could not show anything. Give a larger alpha, or the metric report_only = true",
                spec.label,
                least_sampled_p(alpha),
            ))
        })
    }

    /// Refuses clusters that say less about a margin than eight of equal size.
    fn equal_enough(&self, spec: &MetricSpec) -> Result<(), RunError> {
        // To rounding: eight of equal size are enough.
        if self.equal > FEWEST_TO_PROVE as f64 - 1e-9 {
            return Ok(());
        }
        Err(RunError::Mismatch(format!(
            "{} clusters of these sizes say as much as {:.1} of equal size, and a test of {} against its margin needs {FEWEST_TO_PROVE}: whatever the model does, nothing could be shown. Give more clusters, or fewer rows of the largest; or mode = \"detect\" with null = \"no_harm\", which takes any sizes; or give the metric report_only = true",
            self.count, self.equal, spec.label,
        )))
    }

    fn at_least(
        &self,
        needs: u64,
        spec: &MetricSpec,
        alpha: &Exact,
        what: &str,
    ) -> Result<(), RunError> {
        if self.count >= needs {
            return Ok(());
        }
        let why = format!("with fewer {what}, whatever the model does");
        Err(self.refused(spec, alpha, needs, &why))
    }

    fn refused(&self, spec: &MetricSpec, alpha: &Exact, needs: u64, why: &str) -> RunError {
        let (what, verb) = match self.count {
            1 => (self.what.to_owned(), "is"),
            _ => (format!("{}s", self.what), "are"),
        };
        let place = match self.slices {
            1 => String::new(),
            slices => format!(" in the largest of {slices} slices"),
        };
        RunError::Mismatch(format!(
            "{} {what}{place} {verb} too few for a test of {} at alpha {alpha}, which needs {needs}: {why}. Give more, or a larger alpha; or say examples = \"exhaustive\" where these are all there are, mark them [critical], or give the metric report_only = true",
            self.count, spec.label,
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::testing::{float32, int64, npz};
    use crate::data::{Request, open};
    use crate::spec::{Source, Subject, Suite, parse_spec};
    use std::sync::Arc;

    /// Data whose rows are of these slices and clusters.
    #[derive(Clone, Default)]
    struct Rows {
        slices: Option<Vec<i64>>,
        clusters: Option<Vec<i64>>,
        count: usize,
    }

    fn rows(count: usize) -> Rows {
        Rows {
            count,
            ..Rows::default()
        }
    }

    /// One cluster of each of these sizes.
    fn clusters(sizes: &[usize]) -> Rows {
        let each = sizes.iter().enumerate();
        let of: Vec<i64> = each
            .flat_map(|(cluster, &size)| vec![cluster as i64; size])
            .collect();
        Rows {
            count: of.len(),
            clusters: Some(of),
            ..Rows::default()
        }
    }

    /// A slice of each of these sizes.
    fn slices(sizes: &[usize]) -> Rows {
        let of = clusters(sizes);
        Rows {
            slices: of.clusters,
            clusters: None,
            ..of
        }
    }

    impl Rows {
        fn open(&self) -> Dataset {
            let zeros = vec![0; self.count];
            let column = |of: &Option<Vec<i64>>| int64(of.as_ref().unwrap_or(&zeros));
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("d.npz");
            let arrays = [
                ("x", float32(&[self.count, 1], &vec![0.0; self.count])),
                ("y", int64(&zeros)),
                ("c", column(&self.clusters)),
                ("site", column(&self.slices)),
            ];
            std::fs::write(&path, npz(&arrays)).unwrap();
            open(&Request {
                path,
                shown: "d.npz".to_owned(),
                inputs: "x".to_owned(),
                labels: "y".to_owned(),
                ids: None,
                cluster: self.clusters.as_ref().map(|_| "c".to_owned()),
                slice: self.slices.as_ref().map(|_| "site".to_owned()),
                range: (0.0, 1.0),
                limit: None,
            })
            .unwrap()
        }
    }

    /// Why a case with these lines of `[gate]` and `[[metric]]` is refused.
    fn refused(gate: &str, metric: &str, rows: &Rows) -> Option<String> {
        let case = case("", gate, metric);
        check(&case, &rows.open()).err().map(|e| e.to_string())
    }

    fn case(data: &str, gate: &str, metric: &str) -> Case {
        let text = format!(
            "schema = 1\nseed = 1\n[model]\nonnx = \"m.onnx\"\ngives = \"logits\"\n\
             [data]\npath = \"d.npz\"\ninputs = \"x\"\nlabels = \"y\"\nslice = \"site\"\n{data}\n\
             [gate]\nmargin = 0.1\n{gate}\n[[perturbation]]\nkind = \"identity\"\n\
             [[metric]]\n{metric}\n"
        );
        let path = "test.toml".to_owned();
        let source = Arc::new(Source { path, text });
        let catalogue = crate::builtin::catalogue();
        let spec = parse_spec("test", &source, &Suite::default(), &catalogue);
        Case {
            name: "test::identity".to_owned(),
            spec: Arc::new(spec.unwrap_or_else(|error| panic!("{error}"))),
            subject: Subject::Cell {
                perturbation: 0,
                setting: 0,
            },
        }
    }

    const ALONE: &str = "anchor = \"none\"\nalpha = 0.0025";
    const ACCURACY: &str = "kind = \"accuracy\"";
    const BRIER: &str = "kind = \"brier_score\"\nmargin = 0.1";
    const CALIBRATION: &str = "kind = \"expected_calibration_error\"";

    /// Asserts that `enough` of something are taken, and that one fewer are refused with
    /// these words.
    fn least(gate: &str, metric: &str, of: impl Fn(usize) -> Rows, enough: usize, words: &str) {
        let refused = |count| refused(gate, metric, &of(count));
        let said = refused(enough - 1).unwrap();
        let wanted = format!(", which needs {enough}: {words}");
        assert!(said.contains(&wanted), "{said}");
        assert_eq!(refused(enough), None, "{gate}");
    }

    /// A mid-p value of k harms and no gain is 2^-(k + 1); of exchanged records a p-value is
    /// 2^-k. At 0.0025 eight do, and nine; at half of it nine.
    #[test]
    fn as_many_as_reach_alpha_are_enough() {
        let harms = "no harm is shown unless 8 of them become wrong";
        least(ALONE, ACCURACY, rows, 16, harms);
        let both = format!("{ALONE}\ndirection = \"both\"");
        let harms = "no harm is shown unless 9 of them become wrong";
        least(&both, ACCURACY, rows, 18, harms);
        let nothing = "with fewer no harm is shown";
        least(ALONE, BRIER, rows, 8, nothing);
        least(&both, BRIER, rows, 9, nothing);
        least(ALONE, CALIBRATION, rows, 9, nothing);
        // Clusters of one flip together, and any sizes do.
        let one_large = |count: usize| clusters(&[vec![30], vec![1; count - 1]].concat());
        least(ALONE, ACCURACY, one_large, 16, "no harm is shown unless 8");
        let said = refused(ALONE, ACCURACY, &clusters(&[30, 1])).unwrap();
        assert!(said.starts_with("2 clusters are too few"), "{said}");
        let said = refused(ALONE, ACCURACY, &rows(1)).unwrap();
        assert!(said.starts_with("1 example is too few"), "{said}");
        // At 0.25 one harm is shown; one of one is more than half.
        let large = "anchor = \"none\"\nalpha = 0.25";
        least(large, ACCURACY, rows, 2, "no harm is shown unless 1");
    }

    #[test]
    fn what_tests_nothing_or_is_all_there_is_may_be_small() {
        let reported = format!("{ACCURACY}\nreport_only = true");
        assert_eq!(refused("", &reported, &rows(1)), None);
        let all = case("examples = \"exhaustive\"", ALONE, ACCURACY);
        assert!(check(&all, &rows(1).open()).is_ok());
    }

    /// Eight, and of clusters as many as say what eight of equal size do: N² / Σ n².
    #[test]
    fn a_question_about_the_margin_takes_eight() {
        let prove = format!("{ALONE}\nmode = \"prove\"");
        let margin = format!("{ALONE}\nnull = \"margin\"");
        let nothing = "with fewer nothing is proven";
        least(&prove, ACCURACY, rows, 8, nothing);
        least(&prove, BRIER, rows, 8, nothing);
        let pairs = |count: usize| clusters(&vec![2; count]);
        least(&prove, ACCURACY, pairs, 8, nothing);
        // Seven are too few, whatever their sizes.
        let seven = refused(&prove, ACCURACY, &clusters(&[2, 1, 1, 1, 1, 1, 1])).unwrap();
        assert!(seven.contains("7 clusters are too few"), "{seven}");
        // Harm beyond the margin is shown by a limit: of a score eight do, and at an alpha
        // that no sampled p-value reaches.
        let nothing = "with fewer no harm is shown";
        least(&margin, BRIER, rows, 8, nothing);
        let tiny = "anchor = \"none\"\nalpha = 1e-7\nnull = \"margin\"";
        least(tiny, BRIER, rows, 8, nothing);
        let harms = "no harm is shown unless 8 of them become wrong";
        least(&margin, ACCURACY, rows, 16, harms);
        // 9² / 11 = 7.4, 10² / 12 = 8.3, and 45² / 915 = 2.2.
        let said = refused(&prove, ACCURACY, &clusters(&[2, 1, 1, 1, 1, 1, 1, 1])).unwrap();
        let words = "8 clusters of these sizes say as much as 7.4 of equal size";
        assert!(said.starts_with(words), "{said}");
        let nine = clusters(&[2, 1, 1, 1, 1, 1, 1, 1, 1]);
        assert_eq!(refused(&prove, ACCURACY, &nine), None);
        let large = clusters(&[vec![30], vec![1; 15]].concat());
        for gate in [&prove, &margin] {
            let said = refused(gate, ACCURACY, &large).unwrap();
            assert!(said.contains("as much as 2.2 of equal size"), "{said}");
        }
    }

    /// Each of two slices has half of alpha, 0.01: six harms (2^-7), of the largest.
    #[test]
    fn the_largest_slice_must_reach_its_share_of_alpha() {
        let gate = "anchor = \"none\"\nalpha = 0.02";
        let worst = "kind = \"worst_slice_accuracy\"";
        let harms = "no harm is shown unless 6 of them become wrong";
        least(gate, worst, |count| slices(&[3, count]), 12, harms);
        let said = refused(gate, worst, &slices(&[11, 3])).unwrap();
        let words = "11 examples in the largest of 2 slices are too few";
        assert!(said.starts_with(words), "{said}");
        // Of clusters it is the slice with the most of them.
        let both = |count: usize| Rows {
            slices: Some([vec![0; count], vec![1; 30]].concat()),
            ..clusters(&[vec![1; count], vec![30]].concat())
        };
        least(gate, worst, both, 12, harms);
        // Other metrics are of all rows.
        assert_eq!(refused(gate, ACCURACY, &slices(&[5, 7])), None);
    }

    #[test]
    fn a_test_against_the_anchor_is_refused_likewise() {
        let refused = |alpha: &str, count: usize| {
            let mut case = case("", "alpha = 0.05", BRIER);
            let spec = Arc::get_mut(&mut case.spec).unwrap();
            let test = spec.metrics[0].test.as_mut().unwrap();
            test.anchor.as_mut().unwrap().alpha = Exact::parse(alpha).unwrap();
            check(&case, &rows(count).open()).map_err(|error| error.to_string())
        };
        // At 0.05 four are enough (2^-5), at 0.0025 eight.
        let said = refused("0.0025", 7).unwrap_err();
        let words = "which needs 8: with fewer no harm since the anchor is shown";
        assert!(said.contains(words), "{said}");
        assert_eq!(refused("0.0025", 8), Ok(()));
        // 1 / 2,000,000 is the least that sampling gives.
        assert_eq!(refused("5e-7", 100), Ok(()));
        let said = refused("4.9e-7", 100).unwrap_err();
        let words = "sampled and never below 5e-7, so that its test against the anchor at alpha 4.9e-7 could not show anything";
        assert!(said.contains(words), "{said}");
    }
}
