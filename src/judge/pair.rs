//! Two runs of one metric side by side, and what is found about them: the values that
//! the forms of metrics (`mean`, `whole`, `slices`) start from and give.

use crate::metric::{Metric, Rows};
use crate::seed::Stream;
use crate::spec::{Direction, Examples, MetricSpec, Mode, Null, SeedScope, Spec, TestSpec};
use crate::stats::Limits;
use crate::stats::distribution::normal_quantile;
use crate::stats::power::{Test, fewest_to_prove, smallest_beyond_margin};

/// The seed of the judge's own draws: a verdict is the same on every run.
const SEED: u64 = 0;

/// Below this number of clusters nothing is proven (statistics.md 2.2); of clusters of
/// unequal size, below this number of effective ones.
pub(super) const FEWEST_CLUSTERS: usize = 8;

/// The numbers that a verdict rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Comparison {
    /// The change of the metric, new minus baseline, in its own unit.
    pub change: f64,
    /// The standard error of the change, over clusters.
    pub error: f64,
    /// One-sided limits of the change at `alpha_side` each; `None`: none is valid.
    pub limits: Option<(f64, f64)>,
    /// The p-value of harm.
    pub p_harm: f64,
    /// The p-value of gain.
    pub p_gain: f64,
    /// What the test asks about the margin: in prove mode the p-value of harm of the
    /// margin or more (small: it is shown to be less), with `null = "margin"` that of
    /// harm of the margin or less (small: it is shown to be more), where gain counts as well the
    /// smaller of the two; `None`: nothing, or there are too few clusters to tell.
    pub p_margin: Option<f64>,
    /// Which of the two `p_margin` is.
    pub mode: Mode,
    /// The alpha of each one-sided test.
    pub alpha_side: f64,
    /// Whether the observed harm exceeds the margin.
    pub harm_exceeds_margin: bool,
    /// Whether the observed gain exceeds the margin.
    pub gain_exceeds_margin: bool,
    /// Whether harm beyond the margin is excluded.
    pub excludes_harm: bool,
    /// Whether gain beyond the margin is excluded.
    pub excludes_gain: bool,
    /// Whether harm beyond the margin is shown, as `null = "margin"` asks.
    pub shows_harm_beyond_margin: bool,
    /// Whether gain beyond the margin is shown, likewise.
    pub shows_gain_beyond_margin: bool,
    /// The smallest harm that would be seen with the asked power.
    pub detectable: Option<f64>,
    /// The number of examples with which the detectable drop would be seen.
    pub needed: Option<u64>,
    /// Whether there are fewer than five shared draws: what would fail only warns.
    pub too_few_replicates: bool,
    /// The share of the squared error that comes from the draws and not from the
    /// examples; `None` where it cannot be told.
    pub replicate_share: Option<f64>,
    /// How many recorded retrains entered, under `null = "retrain"`.
    pub retrains: Option<usize>,
    /// The slice that change and limits are of, for a metric of slices.
    pub slice: Option<Decisive>,
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
    /// The slice that sees least: `error` and `detectable` are its, and `needed` is
    /// for its sake.
    pub weakest: String,
}

/// How the rows of a case were drawn: all that the statistics need to know of a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Design {
    /// Whether the examples are a sample, or all there are.
    pub examples: Examples,
    /// What one random draw belongs to.
    pub seed_scope: SeedScope,
}

impl Design {
    /// As a spec says it.
    pub fn of(spec: &Spec) -> Self {
        Self {
            examples: spec.data.examples,
            seed_scope: spec.seed_scope,
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
    /// Which examples belong together.
    pub clusters: Option<&'a [u32]>,
    /// What the slices are called.
    pub slices: &'a [String],
    /// The array of the data that names them.
    pub slice_array: Option<&'a str>,
    /// Number of classes.
    pub classes: usize,
}

/// Everything in terms of harm: a difference is negative where the new run is
/// worse, and in the unit of the metric.
pub(super) struct Harm {
    pub(super) estimate: f64,
    pub(super) error: f64,
    pub(super) replicate_share: Option<f64>,
    pub(super) limits: Option<Limits>,
    pub(super) p_harm: f64,
    pub(super) p_gain: f64,
    pub(super) p_margin: Option<f64>,
    pub(super) beyond: [bool; 2],
    pub(super) excludes: [bool; 2],
    pub(super) shows_beyond: [bool; 2],
    pub(super) detectable: Option<f64>,
    pub(super) needed: Option<u64>,
    pub(super) slice: Option<Decisive>,
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

    /// The p-value that the test asks for: that the harm is `within` the margin, or
    /// that harm or gain is `beyond` it.
    pub(super) fn p_margin(
        &self,
        within: impl FnOnce() -> f64,
        beyond: impl FnOnce() -> [f64; 2],
    ) -> Option<f64> {
        match (self.test.mode, self.test.null) {
            (Mode::Prove, _) => Some(within()),
            (Mode::Detect, Null::Margin) => {
                let [harm, gain] = beyond();
                let both = self.test.direction == Direction::Both;
                Some(if both { harm.min(gain) } else { harm })
            }
            (Mode::Detect, Null::NoHarm | Null::Retrain) => None,
        }
    }

    /// The test whose power is asked for.
    pub(super) fn power(&self) -> Test {
        Test {
            alpha: self.alpha(),
            power: self.test.power.value(),
            margin: self.margin(),
        }
    }

    pub(super) fn stream(&self, use_of: &str) -> Stream {
        Stream::new(SEED, &format!("{use_of}@1"), 0, &self.spec.identity())
    }

    pub(super) fn examples(&self) -> usize {
        self.new.len() / self.new.per_example.max(1)
    }
}

/// The alpha of each side of a test.
pub(super) fn alpha_side(test: &TestSpec) -> f64 {
    let alpha = test.alpha.value();
    // Two one-sided tests prove equivalence at alpha each (Schuirmann 1987).
    let halved = test.direction == Direction::Both && test.mode == Mode::Detect;
    if halved { alpha / 2.0 } else { alpha }
}

/// What a mean with this standard error can see against a `critical` value, and
/// the number of examples that the question needs. A test whose `least` reachable
/// p-value is above its alpha sees nothing.
pub(super) fn by_error(
    pair: &Pair<'_>,
    error: f64,
    critical: f64,
    least: f64,
) -> (Option<f64>, Option<u64>) {
    let test = pair.power();
    let drop = pair.test.detectable_drop.value();
    let n = pair.examples() as f64;
    let z_power = normal_quantile(test.power);
    let smallest = match pair.test.null {
        Null::NoHarm | Null::Retrain => test.smallest_mean(error, critical),
        Null::Margin => smallest_beyond_margin(critical, test.power, test.margin, error),
    };
    let more = match (pair.test.mode, pair.test.null) {
        (Mode::Prove, _) => Some(((critical + z_power) * error / test.margin).powi(2)),
        (Mode::Detect, Null::NoHarm | Null::Retrain) => test.more_needed(drop, error, critical),
        (Mode::Detect, Null::Margin) => {
            Some(((smallest - test.margin) / (drop - test.margin)).powi(2))
        }
    };
    let fewest = match pair.test.mode {
        Mode::Prove => fewest_to_prove(test.alpha, test.margin),
        Mode::Detect => 0.0,
    };
    if least > test.alpha {
        return (None, None);
    }
    let more = more.filter(|more| more.is_finite());
    let needed = more.map(|more| (n * more).max(fewest).ceil() as u64);
    (smallest.is_finite().then_some(smallest), needed)
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
