//! The gate under test: the library's own judgement of two runs. Nothing of its
//! rules is repeated here; a spec is parsed, a baseline file is drafted, a run is
//! judged, and the verdicts are read.

use std::sync::Arc;

use steadfast::baseline::{
    Accepted, Anchor, BaselineFile, Draft, Lookup, References, Retrain, RetrainMetric,
    accepted_metrics,
};
use steadfast::builtin::catalogue;
use steadfast::catalogue::Parameters;
use steadfast::digest::Digest;
use steadfast::judge::Judgement;
use steadfast::measure::wanted_columns;
use steadfast::metric::Metric;
use steadfast::outcome::{Column, ColumnSpec, Outcomes};
use steadfast::provenance::{Environment, Identity, ModelIdentity};
use steadfast::record::{Run, Slices};
use steadfast::spec::{Case, Source, Suite, cases, parse_spec};
use steadfast::verdict::{Status, Verdict};

/// One test of a spec: a metric with the keys that its entry has beside `kind`.
#[derive(Clone, Debug)]
pub struct Test {
    pub metric: &'static str,
    /// Its parameters, as a spec writes them.
    pub parameters: &'static str,
    pub margin: f64,
    pub alpha: f64,
    pub rule: Rule,
}

impl Test {
    /// Of a metric without parameters.
    pub fn new(metric: &'static str, margin: f64, alpha: f64, rule: Rule) -> Self {
        Self {
            metric,
            parameters: "",
            margin,
            alpha,
            rule,
        }
    }

    pub fn accuracy(margin: f64, alpha: f64, rule: Rule) -> Self {
        Self::new("accuracy", margin, alpha, rule)
    }
}

/// Which examples belong together, and which slice each is in.
#[derive(Clone, Debug, Default)]
pub struct Groups {
    pub clusters: Option<Vec<u32>>,
    pub slices: Option<Vec<u32>>,
}

/// The rules of `[gate]` that are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    Detect,
    DetectMargin,
    DetectRetrain,
    Prove,
}

impl Rule {
    /// Those that need nothing but a baseline.
    pub const PLAIN: [Self; 3] = [Self::Detect, Self::DetectMargin, Self::Prove];

    fn mode(self) -> &'static str {
        match self {
            Self::Detect | Self::DetectMargin | Self::DetectRetrain => "detect",
            Self::Prove => "prove",
        }
    }

    /// The value of `null`, a key of `[gate]`.
    fn null(self) -> &'static str {
        match self {
            Self::Detect | Self::Prove => "no_harm",
            Self::DetectMargin => "margin",
            Self::DetectRetrain => "retrain",
        }
    }
}

/// What one test found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    pub verdict: Verdict,
    pub fails: bool,
}

impl Finding {
    /// Whether the rules of blessing count this as a gain.
    pub fn is_gain(self) -> bool {
        self.verdict == Verdict::Improved
    }
}

/// Tests of one case. A spec has one null, so that they are of several specs.
pub struct Gate {
    specs: Vec<(Case, Vec<usize>)>,
}

/// What a gate's specs are held against.
pub struct Standing(Vec<References>);

impl Standing {
    /// The same with the anchors of another.
    pub fn since(mut self, anchored: Self) -> Self {
        for (own, other) in self.0.iter_mut().zip(anchored.0) {
            own.anchor = other.anchor;
        }
        self
    }
}

impl Gate {
    /// Without an anchor.
    pub fn new(tests: &[Test]) -> Self {
        Self::with(tests, "anchor = \"none\"")
    }

    /// With more keys in `[gate]`.
    pub fn with(tests: &[Test], keys: &str) -> Self {
        let of_null = |null: &str| -> Vec<usize> {
            let all = 0..tests.len();
            all.filter(|&index| tests[index].rule.null() == null)
                .collect()
        };
        let specs = ["no_harm", "margin", "retrain"].map(|null| (null, of_null(null)));
        Self {
            specs: specs
                .into_iter()
                .filter(|(_, chosen)| !chosen.is_empty())
                .map(|(null, chosen)| (case(tests, &chosen, null, keys), chosen))
                .collect(),
        }
    }

    /// The gates of one cell and of the pooled case of a spec with `cells` cells,
    /// `[gate] pooled = true`, and one test.
    pub fn pooled(test: &Test, cells: usize) -> [Self; 2] {
        let mut text = head("no_harm", "anchor = \"none\"\npooled = true");
        for cell in 0..cells {
            text.push_str(&format!(
                "\n[[perturbation]]\nkind = \"custom::cell\"\ncell = {cell}\n"
            ));
        }
        text.push_str(&entry(0, test));
        let all = parse(text);
        assert_eq!(all.len(), cells + 1);
        [&all[0], &all[cells]].map(|case| Self {
            specs: vec![(case.clone(), vec![0])],
        })
    }

    /// The metric of all tests.
    pub fn metric(&self) -> (&'static dyn Metric, &Parameters) {
        let spec = &self.specs[0].0.metrics()[0];
        let metric = steadfast::builtin::metric(spec.kind.name);
        (metric.expect("a built-in metric"), &spec.parameters)
    }

    /// The columns that the tests need.
    pub fn columns(&self) -> Vec<ColumnSpec> {
        let mut columns: Vec<ColumnSpec> = Vec::new();
        for column in self.specs.iter().flat_map(|(case, _)| wanted_columns(case)) {
            if !columns.contains(&column) {
                columns.push(column);
            }
        }
        columns
    }

    /// The committed baselines that these outcomes would make.
    pub fn baseline(&self, outcomes: &Outcomes) -> Standing {
        let files = self.specs.iter().map(|(case, _)| file(case, outcomes));
        Standing(files.map(found).collect())
    }

    /// The same with an anchor, which other outcomes would make.
    pub fn anchored(&self, anchor: &Outcomes, outcomes: &Outcomes) -> Standing {
        let anchored = |(case, _): &(Case, Vec<usize>)| References {
            anchor: Anchor::Found {
                file: Box::new(file(case, anchor)),
                common: None,
            },
            ..found(file(case, outcomes))
        };
        Standing(self.specs.iter().map(anchored).collect())
    }

    /// The same with recorded retrains of these values.
    pub fn retrained(&self, outcomes: &Outcomes, values: &[f64]) -> Standing {
        let retrained = |(case, _): &(Case, Vec<usize>)| {
            let mut file = file(case, outcomes);
            let retrain = |&value: &f64| Retrain {
                model: Digest::of(b"retrain"),
                accepted: file.accepted.clone(),
                metrics: case
                    .metrics()
                    .iter()
                    .map(|metric| RetrainMetric {
                        identity: metric.identity(),
                        value,
                        error: 0.0,
                    })
                    .collect(),
                columns: Vec::new(),
            };
            file.retrains = values.iter().map(retrain).collect();
            file.seal();
            found(file)
        };
        Standing(self.specs.iter().map(retrained).collect())
    }

    /// What each test finds about a new run, in their order.
    pub fn judge(&self, accepted: &Standing, new: Outcomes) -> Vec<Finding> {
        self.judge_grouped(accepted, new, Groups::default())
    }

    /// The same of examples that are not all by themselves.
    pub fn judge_grouped(
        &self,
        accepted: &Standing,
        new: Outcomes,
        groups: Groups,
    ) -> Vec<Finding> {
        let run = Run {
            identity: identity("new"),
            outcomes: new,
            ids: None,
            clusters: groups.clusters,
            slices: groups.slices.map(|of| {
                let last = of.iter().max().copied().unwrap_or(0);
                Slices {
                    names: (0..=last).map(|slice| slice.to_string()).collect(),
                    of,
                }
            }),
            ranked: Vec::new(),
        };
        let mut findings: Vec<(usize, Finding)> = Vec::new();
        for ((case, chosen), references) in self.specs.iter().zip(&accepted.0) {
            let judgement = call(case, &run, references);
            for (&test, metric) in chosen.iter().zip(&judgement.metrics) {
                let finding = Finding {
                    verdict: metric.verdict.expect("a judged metric"),
                    fails: metric.status == Status::Fail,
                };
                findings.push((test, finding));
            }
        }
        findings.sort_by_key(|(test, _)| *test);
        findings.into_iter().map(|(_, finding)| finding).collect()
    }
}

/// The one place that calls the gate.
fn call(case: &Case, run: &Run, references: &References) -> Judgement {
    steadfast::judge::judge(case, run, references)
}

fn found(file: BaselineFile) -> References {
    References::baseline(Lookup::Found(Box::new(file)))
}

/// The baseline file that outcomes would make.
fn file(case: &Case, outcomes: &Outcomes) -> BaselineFile {
    let run = Run {
        identity: identity("baseline"),
        outcomes: outcomes.clone(),
        ids: None,
        clusters: None,
        slices: None,
        ranked: Vec::new(),
    };
    Draft {
        case: case.name.clone(),
        metrics: accepted_metrics(case, &run),
        outcomes: outcomes
            .select(&wanted_columns(case))
            .expect("the columns of the metrics"),
        identity: run.identity,
        accepted: Accepted {
            by: "calibration".to_owned(),
            at: "2000-01-01T00:00:00Z".to_owned(),
            commit: None,
            reason: "simulated".to_owned(),
        },
        history: Vec::new(),
        slices: Vec::new(),
        examples: None,
    }
    .finish()
}

/// The case of a spec with the `chosen` tests.
fn case(tests: &[Test], chosen: &[usize], null: &str, keys: &str) -> Case {
    let mut text = head(null, keys);
    text.push_str("\n[[perturbation]]\nkind = \"identity\"\n");
    for &index in chosen {
        text.push_str(&entry(index, &tests[index]));
    }
    parse(text).swap_remove(0)
}

fn head(null: &str, keys: &str) -> String {
    format!(
        "schema = 1\nseed = 1\n\n[model]\nregistered = \"simulated\"\ngives = \"logits\"\n\n\
         [data]\npath = \"none.npz\"\ninputs = \"x\"\nlabels = \"y\"\nslice = \"s\"\n\n\
         [gate]\nnull = \"{null}\"\n{keys}\n"
    )
}

fn entry(index: usize, test: &Test) -> String {
    format!(
        "\n[[metric]]\nkind = \"{}\"\nname = \"test_{index}\"\nmargin = {}\nalpha = {}\nmode = \"{}\"\n{}\n",
        test.metric,
        decimal(test.margin),
        decimal(test.alpha),
        test.rule.mode(),
        test.parameters
    )
}

fn parse(text: String) -> Vec<Case> {
    let source = Arc::new(Source {
        path: "simulated.toml".to_owned(),
        text,
    });
    let spec = parse_spec("simulated", &source, &Suite::default(), &catalogue());
    let spec = spec.unwrap_or_else(|error| panic!("{:?}\n{}", error.problems, source.text));
    cases(&Arc::new(spec))
}

/// A number as a spec writes it, with at most twelve places.
fn decimal(value: f64) -> String {
    let text = format!("{value:.12}");
    text.trim_end_matches('0').to_owned()
}

/// Two models asked the same.
fn identity(model: &str) -> Identity {
    let inputs = serde_json::Value::Null;
    Identity {
        inputs_digest: Digest::of_json(&inputs),
        inputs,
        ids_digest: Digest::of(b"ids"),
        model: ModelIdentity {
            origin: "registered simulated".to_owned(),
            digest: Some(Digest::of(model.as_bytes())),
            gives: "logits".to_owned(),
            input: None,
            output: None,
        },
        environment: Environment {
            engine: "rust".to_owned(),
            target: "any".to_owned(),
            cpu_features: String::new(),
            accelerator: "none".to_owned(),
        },
    }
}

/// Outcomes of right and wrong alone, `replicates` an example.
pub fn right_or_wrong(correct: Vec<u32>, replicates: usize) -> Outcomes {
    let examples = correct.len() / replicates;
    Outcomes {
        examples,
        replicates,
        columns: vec![
            Column {
                spec: ColumnSpec::correct(),
                values: correct,
            },
            Column {
                spec: ColumnSpec::label(),
                values: vec![0; examples],
            },
        ],
    }
}
