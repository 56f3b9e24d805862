//! Draws of baseline and retrained models over the same examples. Every simulated
//! model has its own stream, so that results do not depend on threads.

use steadfast::seed::{Stream, uniform};
use steadfast::stats::distribution::{normal_cdf, normal_quantile};

/// The seed of everything here.
pub const SEED: u64 = 20_260_101;

/// The random numbers of one simulated model.
pub struct Draw {
    stream: Stream,
    words: [u32; 64],
    used: usize,
}

impl Draw {
    /// Those of the `number`th model of an experiment's cell.
    pub fn new(experiment: &str, cell: &str, number: u64) -> Self {
        Self {
            stream: Stream::new(SEED, &format!("calibration_{experiment}@1"), number, cell),
            words: [0; 64],
            used: 64,
        }
    }

    pub fn word(&mut self) -> u32 {
        if self.used == self.words.len() {
            self.stream.fill(&mut self.words);
            self.used = 0;
        }
        self.used += 1;
        self.words[self.used - 1]
    }

    pub fn uniform(&mut self) -> f64 {
        uniform(self.word())
    }

    pub fn normal(&mut self) -> f64 {
        normal_quantile(self.uniform())
    }

    pub fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.word()) * bound as u64) >> 32) as usize
    }
}

/// Two models by their rows: the base's accuracy, how far the new one is below
/// it, and the share of rows on which exactly one is right.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    pub accuracy: f64,
    pub drop: f64,
    pub discordance: f64,
}

impl Pair {
    /// The probability that a row becomes wrong.
    pub fn harm(self) -> f64 {
        0.5 * (self.discordance + self.drop)
    }

    /// The probability that a row becomes right.
    pub fn gain(self) -> f64 {
        (0.5 * (self.discordance - self.drop)).max(0.0)
    }

    /// Whether there is such a pair: a model cannot lose more than it has right,
    /// nor gain more than is left.
    pub fn is_feasible(self) -> bool {
        let slack = 1e-12;
        self.drop <= self.discordance + slack
            && self.harm() <= self.accuracy + slack
            && self.gain() <= 1.0 - self.accuracy + slack
    }

    pub fn name(self) -> String {
        format!("{} {} {}", self.accuracy, self.drop, self.discordance)
    }

    /// `n` independent rows of both.
    pub fn rows(self, n: usize, draw: &mut Draw) -> (Vec<u32>, Vec<u32>) {
        let (harm, gain) = (self.harm(), self.harm() + self.gain());
        let both_right = gain + self.accuracy - self.harm();
        (0..n)
            .map(|_| match draw.uniform() {
                u if u < harm => (1, 0),
                u if u < gain => (0, 1),
                u if u < both_right => (1, 1),
                _ => (0, 0),
            })
            .unzip()
    }

    /// The correlation of two standard normal scores, right below their
    /// thresholds, that has this discordance.
    pub fn latent(self) -> Latent {
        let base = normal_quantile(self.accuracy);
        let new = normal_quantile(self.accuracy - self.drop);
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..60 {
            let middle: f64 = 0.5 * (low + high);
            let both = both_below(base, new, middle);
            if 2.0 * self.accuracy - self.drop - 2.0 * both > self.discordance {
                low = middle;
            } else {
                high = middle;
            }
        }
        Latent {
            base,
            new,
            correlation: 0.5 * (low + high),
        }
    }
}

/// A pair as two thresholds on correlated scores.
#[derive(Clone, Copy, Debug)]
pub struct Latent {
    pub base: f64,
    pub new: f64,
    pub correlation: f64,
}

impl Latent {
    /// A score's share that both models have, and that each has alone.
    pub fn shares(self) -> (f64, f64) {
        (self.correlation.sqrt(), (1.0 - self.correlation).sqrt())
    }
}

/// P(X < a, Y < b) of two standard normals with correlation `r`, by the midpoint
/// rule over X.
fn both_below(a: f64, b: f64, r: f64) -> f64 {
    let steps = 400;
    let rest = (1.0 - r * r).max(1e-12).sqrt();
    let top = normal_cdf(a);
    (0..steps)
        .map(|step| {
            let x = normal_quantile((step as f64 + 0.5) / steps as f64 * top);
            normal_cdf((b - r * x) / rest)
        })
        .sum::<f64>()
        * top
        / steps as f64
}
