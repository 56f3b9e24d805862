//! The keys of a spec and of `suite.toml`, as values: name, form, default, what
//! it means.
//!
//! The parser, the JSON Schema and the reference in `docs/spec.md` are all made
//! from these tables, so that they cannot disagree. The parameters of each kind
//! come from the catalogue.

use crate::catalogue::{Family, MetricKind, Reference};

/// What may stand at a key.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// Any string.
    Text,
    /// A string that becomes part of case names: `[a-z0-9_.-]+`.
    Segment,
    /// A path, relative to the repository's root.
    Path,
    /// An amount of memory, as text: `"8 GiB"`.
    Size,
    /// A list of paths.
    Paths,
    /// `true` or `false`.
    Boolean,
    /// A whole number from the first to the second, both included.
    Integer(i64, i64),
    /// A number from the first to the second, both included, or a string `"2/255"`.
    Number(f64, f64),
    /// One such number or a list of them.
    Numbers(f64, f64),
    /// `[low, high]` with low below high.
    Interval,
    /// A list of column numbers.
    Columns,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of strings.
    Texts,
    /// The name of one of these models, or a table of the errors of another: a number
    /// from 0 to 1 a perturbation.
    Reference(&'static [&'static Reference]),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of tables with these keys, and with the parameters of their kind.
    Entries(Role, &'static [Key]),
}

/// Which part of the catalogue an entry's `kind` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `[[perturbation]]`.
    Perturbation,
    /// `[[metric]]`.
    Metric,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What may stand there.
    pub form: Form,
    /// What holds without it.
    pub default: WhenAbsent,
    /// One or two sentences.
    pub about: &'static str,
}

/// What holds where a key is not given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenAbsent {
    /// It must be given.
    Required,
    /// This, in words or as the value is written.
    Is(&'static str),
}

use WhenAbsent::{Is, Required};

const fn key(name: &'static str, form: Form, default: WhenAbsent, about: &'static str) -> Key {
    Key {
        name,
        form,
        default,
        about,
    }
}

/// The largest whole number that TOML and JSON both carry.
const LARGEST: i64 = 9_007_199_254_740_991;

/// The top of a spec.
pub const SPEC: &[Key] = &[
    key(
        "schema",
        Form::Integer(1, 1),
        Required,
        "The version of this format: 1.",
    ),
    key(
        "name",
        Form::Segment,
        Is("the file's stem"),
        "The first segment of the names of all cases. Where it is given, it is the file's stem.",
    ),
    key(
        "description",
        Form::Text,
        Is("none"),
        "What is checked, for people.",
    ),
    key("owner", Form::Text, Is("none"), "Who answers for it."),
    key(
        "seed",
        Form::Integer(0, LARGEST),
        Required,
        "Where all randomness of the spec comes from. Any number; a date is easy to recognise.",
    ),
    key(
        "replicates",
        Form::Integer(1, 10_000),
        Is("5"),
        "Random draws of each stochastic perturbation. Deterministic ones have one.",
    ),
    key(
        "seed_scope",
        Form::Choice(&["example", "shared"]),
        Is("\"example\""),
        "Whether each example has its own draw, or all examples of a replicate share one (one sensor, one patch).",
    ),
    key(
        "ignore",
        Form::Text,
        Is("none"),
        "A reason. The cases are listed as ignored and do not run.",
    ),
    key("model", Form::Table(MODEL), Required, "Which model."),
    key(
        "data",
        Form::Table(DATA),
        Required,
        "Which labelled examples.",
    ),
    key(
        "gate",
        Form::Table(GATE),
        Is("[defaults] of suite.toml"),
        "How much change is tolerable, and what must be shown.",
    ),
    key(
        "critical",
        Form::Table(CRITICAL),
        Is("none"),
        "Examples of which none may become wrong: there any flip from right to wrong fails, whatever the mean does.",
    ),
    key(
        "perturbation",
        Form::Entries(Role::Perturbation, PERTURBATION),
        Required,
        "What is done to the inputs; each entry and severity is a case.",
    ),
    key(
        "metric",
        Form::Entries(Role::Metric, METRIC),
        Is("accuracy"),
        "What is measured and judged in every case, or, of a metric of the whole family, in the case `pooled`.",
    ),
];

/// `[model]`.
pub const MODEL: &[Key] = &[
    key(
        "onnx",
        Form::Path,
        Is("none"),
        "An ONNX file. Exactly one of `onnx`, `registered`, `worker` and `endpoint` must be given (docs/models.md).",
    ),
    key(
        "registered",
        Form::Text,
        Is("none"),
        "The name of a Rust model that the harness registers.",
    ),
    key(
        "worker",
        Form::Texts,
        Is("none"),
        "A program and its arguments, run in the repository's root, that answers over a pipe: `[\"python3\", \"model.py\"]`. Whether specs may start programs is the operator's to say: `STEADFAST_ALLOW_WORKERS` (docs/files.md).",
    ),
    key(
        "endpoint",
        Form::Text,
        Is("none"),
        "The URL of a model that is served by the Open Inference Protocol v2: `\"http://host:8080/v2/models/digits\"`.",
    ),
    key(
        "input",
        Form::Text,
        Is("the only one"),
        "The name of the input tensor (ONNX, endpoint).",
    ),
    key(
        "output",
        Form::Text,
        Is("the only one"),
        "The name of the output tensor (ONNX, endpoint).",
    ),
    key(
        "gives",
        Form::Choice(&["logits", "probabilities", "positive_probability"]),
        Is("as the Rust model or the worker declares; required for ONNX and endpoint"),
        "What the answers are. `positive_probability`: one number, the probability of class 1 of two.",
    ),
    key(
        "files",
        Form::Paths,
        Is("none"),
        "The files that identify a registered model or a worker: its digest is theirs.",
    ),
    key(
        "engine",
        Form::Choice(&["rten", "ort", "ort-cuda", "ort-openvino"]),
        Is("\"rten\""),
        "What runs an ONNX file: the embedded engine, or ONNX Runtime, found at run time (feature `ort`), on the CPU or with one of its execution providers.",
    ),
    key(
        "straight_through",
        Form::Boolean,
        Is("false"),
        "Whether input gradients of an ONNX file pass rounding and quantising as if they were not there.",
    ),
    key(
        "batch",
        Form::Integer(1, 65_536),
        Is("64"),
        "Examples a forward pass. A batch of one is padded to two.",
    ),
    key(
        "stochastic",
        Form::Boolean,
        Is("false"),
        "Whether two answers to one input may differ. Nothing is then called nondeterministic.",
    ),
    key(
        "workers",
        Form::Integer(1, 256),
        Is("1"),
        "Processes of a worker that answer side by side.",
    ),
    key(
        "connections",
        Form::Integer(1, 256),
        Is("4"),
        "Requests that an endpoint has in hand at once.",
    ),
    key(
        "retries",
        Form::Integer(0, 100),
        Is("4"),
        "How often a request is sent again to an endpoint that is busy or away for a moment.",
    ),
    key(
        "start_seconds",
        Form::Number(0.001, 86_400.0),
        Is("60"),
        "How long a worker may take to start.",
    ),
    key(
        "answer_seconds",
        Form::Number(0.001, 86_400.0),
        Is("60"),
        "How long a worker or an endpoint may take to answer one batch, retries included.",
    ),
    key(
        "open_memory",
        Form::Size,
        Is("\"8 GiB\""),
        "How much memory the trial of an ONNX file may take, in a process of its own, before the file is used. Not held with CUDA.",
    ),
    key(
        "open_seconds",
        Form::Number(0.001, 86_400.0),
        Is("300"),
        "How long that trial may take.",
    ),
    key(
        "stop_seconds",
        Form::Number(0.001, 86_400.0),
        Is("5"),
        "How long a worker may take to end before it is killed.",
    ),
    key(
        "token_variable",
        Form::Text,
        Is("none"),
        "The environment variable that holds the bearer token of an endpoint. The token is never printed or recorded. Which variables specs may read is the operator's to say: `STEADFAST_TOKEN_VARIABLES` (docs/files.md).",
    ),
];

/// `[data]`.
pub const DATA: &[Key] = &[
    key(
        "path",
        Form::Path,
        Required,
        "A `.npz` file of arrays, or the `.csv` file that labels a folder of images (docs/data.md).",
    ),
    key(
        "inputs",
        Form::Text,
        Required,
        "The array of inputs, first axis the examples: float32, float64 or uint8. In a `.csv` the column of image files (PNG or JPEG, 8-bit grey or RGB), relative to its folder.",
    ),
    key(
        "labels",
        Form::Text,
        Required,
        "The array or column of class labels: whole numbers from 0.",
    ),
    key(
        "ids",
        Form::Text,
        Is("row numbers"),
        "The array or column of stable ids of the examples.",
    ),
    key(
        "cluster",
        Form::Text,
        Is("none"),
        "The array or column that says which rows belong together (one patient, one clip) and are not independent.",
    ),
    key(
        "slice",
        Form::Text,
        Is("none"),
        "The array or column that says which slice (a group, a site, a device) a row is in, for `worst_slice_accuracy`.",
    ),
    key(
        "largest_cluster",
        Form::Integer(1, LARGEST),
        Is("the largest that was drawn"),
        "An assumption, recorded and shown with each verdict that rests on it: no cluster, drawn or not, has more examples than this.",
    ),
    key(
        "range",
        Form::Interval,
        Is("[0, 1]"),
        "The range of the inputs. Perturbations work on the unit scale, and perturbed inputs are clipped to the range; uint8 inputs and the levels of images are mapped onto it.",
    ),
    key(
        "unpacked_limit",
        Form::Size,
        Is("\"8 GiB\""),
        "How much memory the arrays of a `.npz` that are used may take once they are unpacked. Larger ones are refused before they are unpacked.",
    ),
    key(
        "limit",
        Form::Integer(1, LARGEST),
        Is("all"),
        "Use a seeded draw of that many examples.",
    ),
    key(
        "examples",
        Form::Choice(&["sample", "exhaustive"]),
        Is("\"sample\""),
        "`exhaustive`: the examples are all there are (a list of known incidents), not a sample of something larger.",
    ),
];

const ANY_MARGIN: Form = Form::Number(0.0, 1e6);
const ALPHA: Form = Form::Number(1e-9, 0.5);
const MODE: Form = Form::Choice(&["detect", "prove"]);
const DIRECTION: Form = Form::Choice(&["lower", "higher", "both"]);
const ON_INCONCLUSIVE: Form = Form::Choice(&["pass", "warn", "fail"]);

/// `[gate]`, and `[defaults]` of `suite.toml`.
pub const GATE: &[Key] = &[
    key(
        "margin",
        Form::Number(0.0, 1.0),
        Is("[defaults] of suite.toml; one of both must say"),
        "The largest harmful change that is tolerable, for metrics on [0, 1]; others need their own.",
    ),
    key(
        "mode",
        MODE,
        Is("\"detect\""),
        "`detect`: fail when harm beyond the margin is shown. `prove`: fail unless harm beyond the margin is excluded.",
    ),
    key(
        "direction",
        DIRECTION,
        Is("the metric's harmful direction"),
        "Which change is harm.",
    ),
    key(
        "on_inconclusive",
        ON_INCONCLUSIVE,
        Is("\"warn\" in detect, \"fail\" in prove"),
        "What a test that cannot tell does.",
    ),
    key(
        "null",
        Form::Choice(&["no_harm", "margin", "retrain"]),
        Is("\"no_harm\""),
        "What the harm test of `detect` is against: no harm at all, harm equal to the margin (needs about four times the examples), or a retrain of the same pipeline (its spread is that of at least 3 retrains recorded by `bless --retrain`).",
    ),
    key(
        "alpha",
        ALPHA,
        Is("suite.toml's alpha / capacity; 0.05 in prove"),
        "The error rate of each test of this spec, literally.",
    ),
    key(
        "power",
        Form::Number(0.5, 0.999),
        Is("0.8"),
        "With what probability the detectable drop is to be seen.",
    ),
    key(
        "detectable_drop",
        ANY_MARGIN,
        Is("twice the margin"),
        "The harm that must be seen with that power for a pass to mean `no_regression`.",
    ),
    key(
        "largest_change",
        ANY_MARGIN,
        Is("1 for accuracy, else the metric's range"),
        "An assumption, recorded and shown with each verdict that rests on it: no example, nor the mean of a cluster, changes by more than this. Means with replicates, clusters or scores, and AUROC, then need fewer examples. Above the margin.",
    ),
    key(
        "anchor",
        Form::Text,
        Is("\"first\""),
        "What each case is compared with beside its baseline, so that accepted changes do not add up to harm: `first`, the outcomes that were blessed first (or last with `--reanchor`); `tag:NAME`, the baseline at that git tag; `none`.",
    ),
    key(
        "anchor_margin",
        ANY_MARGIN,
        Is("twice the margin"),
        "The largest harmful change since the anchor that is tolerable.",
    ),
    key(
        "pooled",
        Form::Boolean,
        Is("false"),
        "Whether the metrics of the perturbation cases are judged over all of them together, too, clustered by example, in one more case `pooled`. It takes half of the alpha that they would take, and they share the other half. (Metrics of the whole family are judged there without it, and take their own alpha.)",
    ),
];

/// `[critical]`.
pub const CRITICAL: &[Key] = &[
    key(
        "examples",
        Form::Texts,
        Is("none"),
        "The ids of examples, as strings (row numbers where the data have no ids).",
    ),
    key(
        "slices",
        Form::Texts,
        Is("none"),
        "Values of the array or column that `[data] slice` names: every example there is critical.",
    ),
];

/// `[[perturbation]]`, beside the parameters of the kind.
pub const PERTURBATION: &[Key] = &[
    key(
        "kind",
        Form::Text,
        Required,
        "Which perturbation; `custom::NAME` for one that the harness registers.",
    ),
    key(
        "name",
        Form::Segment,
        Is("the kind"),
        "Takes the place of the kind in case names, where two entries would collide.",
    ),
    key(
        "severity",
        Form::Numbers(1.0, 5.0),
        Is("explicit parameters"),
        "One severity or a list, 1 to 5; between two steps the parameters are interpolated. Or give the kind's own parameters.",
    ),
    key(
        "scale",
        Form::Choice(&["imagenet_c", "cifar10_c"]),
        Is("by the shorter side of the images: below 64 pixels cifar10_c"),
        "Which table the severities mean.",
    ),
    key(
        "columns",
        Form::Columns,
        Is("all"),
        "The columns of tabular inputs that are perturbed, by number from 0.",
    ),
    key(
        "scale_by",
        Form::Choice(&["range", "std"]),
        Is("\"range\""),
        "What `std` of `gaussian_noise` is a share of: the range of the inputs; or the standard deviation of each column of tabular inputs, over the examples of the spec, where columns are of different scales. The deviations are recorded with the outcomes.",
    ),
];

/// `[[metric]]`, beside the parameters of the kind.
pub const METRIC: &[Key] = &[
    key("kind", Form::Text, Required, "Which metric."),
    key(
        "name",
        Form::Segment,
        Is("the kind"),
        "Takes the place of the kind, where two entries would collide.",
    ),
    key(
        "margin",
        ANY_MARGIN,
        Is("[gate] margin for metrics on [0, 1]"),
        "The margin of this metric, in its own unit.",
    ),
    key(
        "alpha",
        ALPHA,
        Is("[gate] alpha"),
        "The error rate of this metric's test in each case.",
    ),
    key("mode", MODE, Is("[gate] mode"), "As in [gate]."),
    key(
        "direction",
        DIRECTION,
        Is("[gate] direction"),
        "As in [gate].",
    ),
    key(
        "on_inconclusive",
        ON_INCONCLUSIVE,
        Is("[gate] on_inconclusive"),
        "As in [gate].",
    ),
    key(
        "detectable_drop",
        ANY_MARGIN,
        Is("twice the margin"),
        "As in [gate].",
    ),
    key(
        "anchor_margin",
        ANY_MARGIN,
        Is("twice the margin"),
        "As in [gate].",
    ),
    key(
        "largest_change",
        ANY_MARGIN,
        Is("[gate] largest_change"),
        "As in [gate].",
    ),
    key(
        "report_only",
        Form::Boolean,
        Is("false"),
        "Computed and shown, not judged; takes no alpha.",
    ),
];

/// The key of `[[metric]]` that a metric measured by a reference model has beside the
/// common ones.
pub fn reference(kind: &MetricKind) -> Option<Key> {
    let Some(Family::Reference { known, .. }) = kind.family else {
        return None;
    };
    Some(key(
        "reference",
        Form::Reference(known),
        Required,
        "The model whose errors the errors are divided by: its name, or a table of your own reference's mean errors over the severities 1 to 5, one a perturbation: `{ gaussian_noise = 0.31, contrast = 0.27 }`, with `identity` for its error without one.",
    ))
}

/// The top of `suite.toml`.
pub const SUITE: &[Key] = &[
    key(
        "schema",
        Form::Integer(1, 1),
        Is("1"),
        "The version of this format: 1.",
    ),
    key(
        "family",
        Form::Table(FAMILY),
        Is("{ alpha = 0.05, capacity = 20 }"),
        "The error budget that all specs share.",
    ),
    key(
        "defaults",
        Form::Table(GATE),
        Is("none"),
        "Any key of `[gate]`, for specs that do not give it.",
    ),
    key(
        "approvers",
        Form::Texts,
        Is("none"),
        "Who may accept a change, for people.",
    ),
];

/// `[family]` of `suite.toml`.
pub const FAMILY: &[Key] = &[
    key(
        "alpha",
        ALPHA,
        Is("0.05"),
        "The probability that any test of the suite fails for a model that is not worse.",
    ),
    key(
        "capacity",
        Form::Integer(1, 1_000_000),
        Is("20"),
        "How many tests the alpha is divided by. Adding a spec uses spare capacity and changes no other verdict.",
    ),
];
