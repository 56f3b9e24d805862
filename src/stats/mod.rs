//! Pure numerical functions: distributions, intervals, paired tests, resampling,
//! power. Nothing here knows of models, specs or baselines.
//!
//! Sign convention: a paired difference is negative where the new run is worse
//! (harm), so that `harm` counts are b and `gain` counts are c of a paired table.
//! All functions are defined for small counts, no discordance and rates at 0 or
//! 1, and give no NaN for finite input.
//!
//! References are by author and year; the full list is in `docs/statistics.md`.

pub mod accelerated;
pub mod auroc;
pub mod bootstrap;
pub mod clustered;
pub mod components;
pub mod distribution;
pub mod exhaustive;
pub mod jackknife;
pub mod mcnemar;
pub mod meta;
pub mod multiplicity;
pub mod normal;
pub mod permutation;
pub mod power;
pub mod prediction;
pub mod proportion;
pub mod quantile;
pub mod shared;
pub mod sign_flip;
pub mod tango;
pub mod unseen;

/// One-sided limits of an estimate, at some error rate each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// The lower limit.
    pub lower: f64,
    /// The upper limit.
    pub upper: f64,
}

#[cfg(test)]
pub(crate) mod reference {
    //! The values that an independent implementation computed.

    use serde_json::Value;

    /// The groups of the reference file, or `None`, said on stderr, where it is not there.
    pub fn group(name: &str) -> Option<Value> {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../shared/design/reference/statistics.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("skipped: {path} is not there");
            return None;
        };
        let mut file: Value = serde_json::from_str(&text).unwrap();
        Some(file[name].take())
    }

    /// Whether two numbers agree to 1e-9, relative and absolute.
    pub fn close(found: f64, expected: f64) -> bool {
        (found - expected).abs() <= 1e-9 + 1e-9 * expected.abs()
    }
}
