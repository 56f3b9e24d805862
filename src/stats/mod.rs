//! Pure numerical functions: distributions, intervals, paired tests, resampling,
//! power. Nothing here knows of models, specs or baselines.
//!
//! Sign convention: a paired difference is negative where the new run is worse
//! (harm), so that `harm` counts are b and `gain` counts are c of a paired table.
//! All functions are defined for small counts, no discordance and rates at 0 or
//! 1, and give no NaN for finite input.
//!
//! References are by author and year; the full list is in `docs/statistics.md`. Numbers such
//! as "statistics.md II.1" are sections of the design, `../shared/design/statistics.md`.

pub mod auroc;
pub mod components;
pub mod discordance;
pub mod distribution;
pub mod exponential_sum;
pub mod jackknife;
pub mod macro_f1;
pub mod mcnemar;
pub mod meta;
pub mod multiplicity;
pub mod normal;
#[cfg(test)]
pub(crate) mod pairs;
pub mod permutation;
pub mod power;
pub mod prediction;
pub mod proportion;
pub mod root;
pub mod shared;
pub mod studentised;
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
    //! The values that independent implementations computed
    //! (`tests/reference/README.md`).

    use serde_json::Value;

    const FILE: &str = include_str!("../../tests/reference/statistics.json");
    const ONE_UNSEEN: &str = include_str!("../../tests/reference/one_unseen.json");
    const MACRO_F1: &str = include_str!("../../tests/reference/macro_f1.json");

    /// A group of the reference files.
    pub fn group(name: &str) -> Value {
        let found = [FILE, ONE_UNSEEN, MACRO_F1].into_iter().find_map(|text| {
            let mut file: Value = serde_json::from_str(text).unwrap();
            Some(file[name].take()).filter(|group| !group.is_null())
        });
        found.unwrap_or_else(|| panic!("there is no group {name} in the reference"))
    }

    /// The numbers of a list.
    pub fn numbers(list: &Value) -> Vec<f64> {
        let items = list.as_array().unwrap().iter();
        items.map(|item| item.as_f64().unwrap()).collect()
    }

    /// Whether two numbers agree to 1e-9, relative: a p-value of 1e-20, too, to its ninth
    /// digit. Zero is met to 1e-12.
    pub fn close(found: f64, expected: f64) -> bool {
        let slack = if expected == 0.0 {
            1e-12
        } else {
            1e-9 * expected.abs()
        };
        (found - expected).abs() <= slack
    }

    /// The copy that is compared with is the one that was designed.
    #[test]
    fn the_reference_is_the_designs() {
        let design = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../shared/design/reference/statistics.json"
        );
        // Only the copy goes with the repository.
        if let Ok(text) = std::fs::read_to_string(design) {
            assert!(text == FILE, "{design} is another one: copy it again");
        }
    }

    #[test]
    fn closeness_is_relative() {
        assert!(close(1e-20, 1e-20) && !close(1.01e-20, 1e-20) && !close(0.0, 1e-20));
        assert!(close(1e-13, 0.0) && !close(1e-9, 0.0));
        assert!(close(1.0 + 9e-10, 1.0) && !close(1.0 + 2e-9, 1.0));
    }
}
