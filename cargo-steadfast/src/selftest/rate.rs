//! A share of simulated models, with the exact interval of Clopper & Pearson.

use steadfast::stats::Limits;
use steadfast::stats::proportion::clopper_pearson;

/// The error rate of intervals.
const ALPHA: f64 = 0.05;

/// So many of so many models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// How many did.
    pub count: u64,
    /// Of how many.
    pub of: u64,
}

impl Rate {
    /// Of models, each of which did or did not.
    pub fn of(models: impl IntoIterator<Item = bool>) -> Self {
        let mut rate = Self::default();
        for did in models {
            rate.count += u64::from(did);
            rate.of += 1;
        }
        rate
    }

    /// The share.
    pub fn share(self) -> f64 {
        self.count as f64 / self.of.max(1) as f64
    }

    /// Its 95 % interval.
    pub fn limits(self) -> Limits {
        clopper_pearson(self.count, self.of, ALPHA)
    }

    /// `.123 [.101, .148]`, with so many places.
    pub fn words(self, places: usize) -> String {
        let Limits { lower, upper } = self.limits();
        let [share, lower, upper] =
            [self.share(), lower, upper].map(|value| decimal(value, places));
        format!("{share} [{lower}, {upper}]")
    }
}

/// A share without its leading zero.
pub fn decimal(value: f64, places: usize) -> String {
    let text = format!("{value:.places$}");
    match text.strip_prefix("0.") {
        Some(rest) => format!(".{rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_said_with_its_interval() {
        let rate = Rate::of((0..10).map(|model| model < 3));
        assert_eq!((rate.count, rate.of), (3, 10));
        // Clopper & Pearson of 3 of 10, as R's binom.test prints it.
        assert_eq!(rate.words(4), ".3000 [.0667, .6525]");
        assert_eq!(Rate::of([true; 10]).words(2), "1.00 [.69, 1.00]");
        assert_eq!(Rate::default().words(2), ".00 [.00, 1.00]");
    }
}
