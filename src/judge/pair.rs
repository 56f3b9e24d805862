//! Two runs of one metric side by side, and what is found about them: the values that
//! the forms of metrics (`mean`, `ranking`, `whole`, `slices`) start from and give.

use super::sampling::Sampling;
use crate::metric::{Metric, Rows, largest_change};
use crate::seed::Stream;
use crate::spec::{
    Direction, Exact, Examples, MetricSpec, Mode, Null, Question, SeedScope, Spec, TestSpec,
};
use crate::stats::Limits;
use crate::stats::power::{Test, ToShow};
use crate::stats::root;
use crate::stats::shared::Estimate;

/// The seed of the judge's own draws: a verdict is the same on every run.
const SEED: u64 = 0;

/// The numbers that a verdict rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The change of the metric, new minus baseline, in its own unit.
    pub change: f64,
    /// The standard error of the change, over clusters.
    pub error: f64,
    /// The p-value of harm.
    pub p_harm: f64,
    /// The p-value of gain.
    pub p_gain: f64,
    /// What the test asks about the margin: of a proof the p-value of harm of the margin or
    /// more (small: it is shown to be less), with `null = "margin"` that of harm of the
    /// margin or less (small: it is shown to be more), where gain counts as well the smaller
    /// of the two; `None`: nothing.
    pub p_margin: Option<f64>,
    /// What the test asks.
    pub question: Question,
    /// The alpha of each one-sided test.
    pub alpha_side: f64,
    /// Whether the observed harm exceeds the margin.
    pub harm_exceeds_margin: bool,
    /// Whether the observed gain exceeds the margin.
    pub gain_exceeds_margin: bool,
    /// Whether harm beyond the margin is excluded, where that is asked or decides.
    pub excludes_harm: bool,
    /// Whether gain beyond the margin is excluded, likewise.
    pub excludes_gain: bool,
    /// Whether harm beyond the margin is shown, as `null = "margin"` asks.
    pub shows_harm_beyond_margin: bool,
    /// Whether gain beyond the margin is shown, likewise.
    pub shows_gain_beyond_margin: bool,
    /// Whether there are fewer than five shared draws: what would fail only warns.
    pub too_few_replicates: bool,
    /// The share of the squared error that comes from the draws and not from the
    /// examples; `None` where it cannot be told.
    pub replicate_share: Option<f64>,
    /// How many recorded retrains entered, under `null = "retrain"`.
    pub retrains: Option<usize>,
    /// The slice that decided, for a metric of slices.
    pub slice: Option<Decisive>,
    /// What is assumed of what was not drawn.
    pub assumed: Assumed,
    /// How far one more retrain would lie from the accepted ones.
    pub(super) spread: Option<Estimate>,
    /// Whether harm beyond the margin is shown but for that.
    pub(super) harm_without_spread: bool,
    /// −1 where a rise is harm.
    pub(super) sign: f64,
    /// The test whose power is asked for; of slices at their share of alpha.
    pub(super) test: Test,
    /// The harm that must be seen for silence to mean something.
    pub(super) drop: f64,
    /// The largest change that there can be.
    pub(super) largest: f64,
    /// The metric, or each of its slices.
    pub(super) parts: Vec<Part>,
    /// Which of them decided.
    pub(super) decisive: usize,
    /// Number of examples.
    pub(super) examples: usize,
}

/// A metric of some examples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    /// `array = value` of a slice.
    pub(super) name: String,
    /// Number of its examples.
    pub(super) examples: usize,
    /// Its change.
    pub(super) sampling: Sampling,
}

/// The slice that decided about a metric of slices.
#[derive(Clone, Debug, PartialEq)]
pub struct Decisive {
    /// `array = value`, as the data calls it.
    pub name: String,
    /// Its value in the baseline.
    pub before: f64,
    /// Its value in this run.
    pub after: f64,
}

/// What is assumed of examples or clusters that were not drawn, beside what was seen of
/// those that were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Assumed {
    /// `largest_change`, where the spec declares one, and the largest that was seen.
    pub change: Option<(f64, f64)>,
    /// Whether that is beyond the declared one, so that the declaration is not true and the
    /// range of the metric stands in its place.
    pub refuted: bool,
    /// `largest_cluster`, where the spec declares one, and the most examples of a cluster
    /// that was drawn; `None`: all have as many, and nothing is declared.
    pub cluster: Option<(Option<u64>, u64)>,
}

impl Comparison {
    /// One-sided limits of the change at `alpha_side` each; `None`: none is valid. They are
    /// found when they are asked for: no verdict rests on them.
    pub fn limits(&self) -> Option<(f64, f64)> {
        let limits = self
            .parts
            .get(self.decisive)?
            .sampling
            .limits(to_show(self.question), self.test.alpha)?;
        let Limits { lower, upper } = limits;
        Some(if self.sign > 0.0 {
            (lower, upper)
        } else {
            (-upper, -lower)
        })
    }

    /// The alpha of each of these limits: of slices their share of it.
    pub fn alpha_of_limits(&self) -> f64 {
        self.test.alpha
    }

    /// The smallest harm that would be seen with the asked power; of a proof the smallest
    /// margin that an equal model would be shown to keep. `None`: none is.
    pub fn detectable(&self) -> Option<f64> {
        let asked = (to_show(self.question), &self.test);
        let each = self.parts.iter();
        let each = each.map(|part| part.sampling.smallest(asked, self.largest));
        let smallest = each.collect::<Option<Vec<f64>>>()?;
        let smallest = smallest.into_iter().fold(0.0, f64::max);
        let spread = self.spread.as_ref();
        Some(spread.map_or(smallest, |spread| {
            smallest.max(super::retrain::smallest(&self.test, spread))
        }))
    }

    /// Whether harm of the detectable drop would have been seen with the asked power, or an
    /// equal model been shown to keep the margin.
    pub fn sees_what_is_asked(&self) -> bool {
        let asked = (to_show(self.question), &self.test);
        !self.hidden_by_retrains()
            && self
                .parts
                .iter()
                .all(|part| part.sampling.sees(asked, self.drop))
    }

    /// Whether what retrains differ by hides the detectable drop.
    pub fn hidden_by_retrains(&self) -> bool {
        let spread = self.spread.as_ref();
        spread.is_some_and(|spread| super::retrain::smallest(&self.test, spread) > self.drop)
    }

    /// The number of examples with which the detectable drop would be seen, or an equal
    /// model be shown to keep the margin; `None`: no number does it.
    pub fn needed(&self) -> Option<u64> {
        if self.hidden_by_retrains() {
            // The spread of retrains is not what more examples would lessen.
            return None;
        }
        let asked = (to_show(self.question), &self.test);
        let each = self.parts.iter();
        // More examples come with the same slices.
        let each = each.map(|part| part.sampling.more_needed(asked, self.drop));
        let times = each.collect::<Option<Vec<f64>>>()?;
        let times = times.into_iter().fold(0.0, f64::max);
        Some((times * self.examples as f64 - 1e-6).ceil() as u64)
    }

    /// The smallest margin whose double would be seen with the asked power, or of a proof the
    /// smallest that an equal model would be shown to keep; `None`: none.
    pub(super) fn bearable_margin(&self) -> Option<f64> {
        let to_show = to_show(self.question);
        let bears = |margin: f64| {
            let test = Test {
                margin,
                ..self.test
            };
            let mut parts = self.parts.iter();
            parts.all(|part| part.sampling.sees((to_show, &test), 2.0 * margin))
        };
        root::least(bears, 0.0, 0.5 * self.largest)
    }

    /// The slice that sees least, of a metric of slices.
    pub fn weakest(&self) -> Option<&str> {
        self.slice.as_ref()?;
        let asked = (to_show(self.question), &self.test);
        let seen = |part: &Part| {
            let smallest = part.sampling.smallest(asked, self.largest);
            smallest.unwrap_or(f64::INFINITY)
        };
        let weakest = self.parts.iter().map(|part| (seen(part), part));
        let weakest = weakest.max_by(|one, other| one.0.total_cmp(&other.0));
        weakest.map(|(_, part)| part.name.as_str())
    }
}

/// What a question wants shown.
pub(super) fn to_show(question: Question) -> ToShow {
    match question {
        Question::Proof => ToShow::WithinMargin,
        Question::Harm { null: Null::Margin } => ToShow::HarmBeyondMargin,
        Question::Harm {
            null: Null::NoHarm | Null::Retrain,
        } => ToShow::Harm,
    }
}

/// How the rows of a case were drawn: all that the statistics need to know of a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    /// Whether the examples are a sample, or all there are.
    pub examples: Examples,
    /// What one random draw belongs to.
    pub seed_scope: SeedScope,
    /// The most examples of a cluster, drawn or not; `None`: of those that were drawn.
    pub largest_cluster: Option<u64>,
    /// Whether the model draws numbers of its own.
    pub stochastic_model: bool,
}

impl Design {
    /// As a spec says it.
    pub fn of(spec: &Spec) -> Self {
        Self {
            examples: spec.data.examples,
            seed_scope: spec.seed_scope,
            largest_cluster: spec.data.largest_cluster,
            stochastic_model: spec.model.stochastic,
        }
    }
}

/// Two runs of one metric over the same examples.
pub struct Pair<'a> {
    /// How the metric is computed.
    pub metric: &'a dyn Metric,
    /// Its entry in the spec.
    pub spec: &'a MetricSpec,
    /// How it is judged.
    pub test: &'a TestSpec,
    /// How the rows were drawn.
    pub design: Design,
    /// The baseline's rows.
    pub old: &'a Rows<'a>,
    /// This run's rows.
    pub new: &'a Rows<'a>,
    /// Whether another run would differ by chance: its inputs or its model draw numbers.
    pub is_drawn: bool,
    /// Which examples belong together.
    pub clusters: Option<&'a [u32]>,
    /// What the slices are called.
    pub slices: &'a [String],
    /// The array of the data that names them.
    pub slice_array: Option<&'a str>,
    /// Number of classes.
    pub classes: usize,
}

/// What was found about a metric, or about one of its slices: a difference is negative
/// where the new run is worse, and in the unit of the metric.
pub(super) struct Finding {
    pub(super) sampling: Sampling,
    pub(super) replicate_share: Option<f64>,
    pub(super) p_harm: f64,
    pub(super) p_gain: f64,
    /// Whether the observed harm, and gain, is beyond the margin.
    pub(super) beyond: [bool; 2],
    /// The p-values against harm, and gain, of the margin or more; 1 where neither is asked.
    pub(super) p_within: [f64; 2],
    /// Those against harm, and gain, of the margin or less, likewise.
    pub(super) p_beyond: [f64; 2],
}

impl Finding {
    /// What `sampling` says; `beyond`: whether harm, and gain, was observed beyond the
    /// margin.
    pub(super) fn new(pair: &Pair<'_>, sampling: Sampling, beyond: [bool; 2]) -> Self {
        let turned = sampling.turned();
        let (p_harm, p_gain) = (sampling.p_harm(), turned.p_harm());
        let m = pair.margin();
        let sides = [&sampling, &turned];
        let within = pair.spec.kind.has_limits;
        let p_within = sides.map(|side| if within { side.p_within(m) } else { 1.0 });
        let beyond_margin = to_show(pair.test.question) == ToShow::HarmBeyondMargin;
        let p_beyond = sides.map(|side| if beyond_margin { side.p_beyond(m) } else { 1.0 });
        Self {
            sampling,
            replicate_share: None,
            p_harm: rounded(p_harm),
            p_gain: rounded(p_gain),
            beyond,
            p_within: p_within.map(rounded),
            p_beyond: p_beyond.map(rounded),
        }
    }

    /// The p-value that is asked for about the margin.
    pub(super) fn p_margin(&self, pair: &Pair<'_>) -> Option<f64> {
        let both = pair.test.direction == Direction::Both;
        match to_show(pair.test.question) {
            ToShow::WithinMargin if both => Some(self.p_within[0].max(self.p_within[1])),
            ToShow::WithinMargin => Some(self.p_within[0]),
            ToShow::HarmBeyondMargin if both => Some(self.p_beyond[0].min(self.p_beyond[1])),
            ToShow::HarmBeyondMargin => Some(self.p_beyond[0]),
            ToShow::Harm => None,
        }
    }
}

/// Twelve significant digits: a p-value that is alpha but for the last bits is alpha
/// (statistics.md 7).
fn rounded(p: f64) -> f64 {
    format!("{p:.11e}").parse().unwrap_or(p)
}

impl Pair<'_> {
    /// −1 where a rise is harm.
    pub(super) fn sign(&self) -> i64 {
        self.test.direction.sign(self.spec.kind.better)
    }

    pub(super) fn margin(&self) -> f64 {
        self.test.margin.value()
    }

    pub(super) fn alpha(&self) -> f64 {
        alpha_side(self.test)
    }

    /// The largest change that an example or cluster may have, that was not drawn: as the
    /// spec declares it, else of the metric's range. A declaration that one which was drawn
    /// goes beyond, by `seen`, is not true, and nothing rests on it.
    pub(super) fn largest_change(&self, seen: f64) -> f64 {
        let declared = self.test.largest_change.as_ref().map(Exact::value);
        let kept = declared.filter(|&declared| !is_beyond(seen, declared));
        kept.unwrap_or(self.range())
    }

    /// What `of` makes of the largest change, with a declared one only where what was
    /// `seen` does not go beyond it.
    pub(super) fn assuming<T>(&self, of: impl Fn(f64) -> T, seen: impl Fn(&T) -> f64) -> T {
        let declared = self.largest_change(0.0);
        let found = of(declared);
        let kept = self.largest_change(seen(&found));
        if kept > declared { of(kept) } else { found }
    }

    /// The largest change that an example's score can have.
    pub(super) fn range(&self) -> f64 {
        largest_change(self.metric, self.spec)
    }

    /// The test whose power is asked for.
    pub(super) fn power(&self) -> Test {
        Test {
            alpha: self.alpha(),
            power: self.test.power.value(),
            margin: self.margin(),
        }
    }

    /// Whether all examples share each draw, so that examples say nothing of the draws.
    pub(super) fn is_crossed(&self) -> bool {
        self.design.seed_scope == SeedScope::Shared && self.is_drawn
    }

    pub(super) fn stream(&self, use_of: &str) -> Stream {
        Stream::new(SEED, &format!("{use_of}@1"), 0, &self.spec.identity())
    }

    pub(super) fn examples(&self) -> usize {
        self.new.len() / self.new.per_example.max(1)
    }
}

/// Whether a change that was seen is beyond a declared one, by more than rounding.
pub(super) fn is_beyond(seen: f64, declared: f64) -> bool {
    seen > declared + 1e-9
}

/// The alpha of each side of a test.
pub(super) fn alpha_side(test: &TestSpec) -> f64 {
    let alpha = test.alpha.value();
    // Two one-sided tests prove equivalence at alpha each (Schuirmann 1987).
    let halved = test.direction == Direction::Both && test.question.mode() == Mode::Detect;
    if halved { alpha / 2.0 } else { alpha }
}

/// The margin that `n` examples bear at `alpha`: the smallest usual one whose
/// double would be seen with power 0.8 at a churn of 5 % (statistics.md 1.3).
pub fn smallest_bearable_margin(n: u64, alpha: f64) -> f64 {
    const USUAL: [f64; 7] = [0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.1];
    let bears = |margin: f64| {
        let test = Test {
            alpha,
            power: 0.8,
            margin,
        };
        test.smallest_drop(n, 0.05)
            .is_some_and(|drop| drop <= 2.0 * margin)
    };
    USUAL
        .into_iter()
        .find(|&margin| bears(margin))
        .unwrap_or(0.1)
}
