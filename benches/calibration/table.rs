//! Rates with exact intervals, and Markdown tables of them.

use std::fmt::Write as _;

use steadfast::stats::proportion::clopper_pearson;

/// How often something happened among independent simulated models.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    pub hits: u64,
    pub of: u64,
}

impl Rate {
    pub fn of(hits: impl IntoIterator<Item = bool>) -> Self {
        hits.into_iter().fold(Self::default(), |rate, hit| Self {
            hits: rate.hits + u64::from(hit),
            of: rate.of + 1,
        })
    }

    /// Several of them as one.
    pub fn pooled<'a>(rates: impl IntoIterator<Item = &'a Self>) -> Self {
        rates.into_iter().fold(Self::default(), |sum, rate| Self {
            hits: sum.hits + rate.hits,
            of: sum.of + rate.of,
        })
    }

    pub fn value(self) -> f64 {
        self.hits as f64 / self.of.max(1) as f64
    }

    /// The exact interval of Clopper & Pearson (1934), `tail` on either side.
    pub fn interval_beyond(self, tail: f64) -> (f64, f64) {
        let limits = clopper_pearson(self.hits, self.of, 2.0 * tail);
        (limits.lower, limits.upper)
    }

    /// The exact 95 % interval.
    pub fn interval(self) -> (f64, f64) {
        self.interval_beyond(0.025)
    }

    /// `.049 [.047, .051]`
    pub fn text(self) -> String {
        let (low, high) = self.interval();
        let digits = digits(high);
        format!(
            "{} [{}, {}]",
            number(self.value(), digits),
            number(low, digits),
            number(high, digits)
        )
    }
}

/// Rates of one row over the cells of a grid.
#[derive(Clone, Debug, Default)]
pub struct Cells(pub Vec<Rate>);

impl Cells {
    pub fn pooled(&self) -> Rate {
        Rate::pooled(&self.0)
    }

    pub fn worst(&self) -> Rate {
        let by_value = |a: &&Rate, b: &&Rate| a.value().total_cmp(&b.value());
        self.0.iter().max_by(by_value).copied().unwrap_or_default()
    }

    pub fn best(&self) -> Rate {
        let by_value = |a: &&Rate, b: &&Rate| a.value().total_cmp(&b.value());
        self.0.iter().min_by(by_value).copied().unwrap_or_default()
    }

    /// `.028 [.027, .030] (.000–.049)`: the mean over cells, its interval, the
    /// smallest and the largest.
    pub fn text(&self) -> String {
        if self.0.is_empty() {
            return "infeasible".to_owned();
        }
        let (low, high) = (self.best().value(), self.worst().value());
        let digits = digits(self.pooled().interval().1);
        format!(
            "{} ({}–{})",
            self.pooled().text(),
            number(low, digits),
            number(high, digits)
        )
    }
}

/// Small rates are shown with more digits.
fn digits(largest: f64) -> usize {
    if largest < 0.01 { 4 } else { 3 }
}

/// `.049`
pub fn number(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    match text.strip_prefix("0.") {
        Some(rest) => format!(".{rest}"),
        None => text,
    }
}

/// Half the width of an interval that does not tell .05 from .10.
const TELLING: f64 = 0.02;

/// Whether a rate keeps a declared bound; `looked_at` is the number of rates among
/// which this is the worst, which its interval allows for.
pub fn against(worst: Rate, bound: f64, looked_at: usize) -> String {
    let excess = worst.value() - bound;
    let (low, _) = worst.interval_beyond(0.025 / looked_at.max(1) as f64);
    let (least, most) = worst.interval();
    let digits = digits(bound);
    if low > bound {
        format!("**exceeds by {}**", number(excess, digits.max(3)))
    } else if most > bound && most - least > 2.0 * TELLING {
        "not shown: too few models".to_owned()
    } else if excess <= 0.0 {
        "on the safe side".to_owned()
    } else {
        format!(
            "within Monte Carlo error (+{})",
            number(excess, digits.max(3))
        )
    }
}

/// A Markdown table.
pub struct Table {
    text: String,
}

impl Table {
    pub fn new(columns: &[&str]) -> Self {
        let mut text = format!("| {} |\n|", columns.join(" | "));
        text.push_str(&"---|".repeat(columns.len()));
        text.push('\n');
        Self { text }
    }

    pub fn row(&mut self, cells: &[String]) {
        let _ = writeln!(self.text, "| {} |", cells.join(" | "));
    }

    pub fn text(self) -> String {
        self.text
    }
}
