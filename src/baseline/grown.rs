//! Data that changed: what a baseline remembers of its examples, and which rows of another
//! data set are the same examples (statistics.md II.3).
//!
//! Of an example its id and its input are remembered. Labels, clusters and slices are
//! columns of the baseline, which `judge` holds against those of a run. Examples that are
//! known by their position are remembered by one digest of all inputs: data that were
//! appended to still begin with them.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::{BaselineFile, WITH_LABELS};
use crate::data::Dataset;
use crate::digest::{Digest, Hasher};
use crate::engine::differing_fields;

/// The share of a baseline's examples that must still be there (statistics.md 6b).
pub const ENOUGH: f64 = 0.95;

/// Whether so many of a baseline's examples are enough for a judgement.
pub fn is_enough(kept: usize, of: usize) -> bool {
    kept as f64 >= ENOUGH * of as f64
}

/// Bytes that the input of an example with an id is remembered by: an input that changed is
/// taken for the same with probability 2⁻⁴⁸.
const FINGERPRINT: usize = 6;

/// Characters a line of packed fingerprints.
const LINE: usize = 120;

/// What the examples of a baseline were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExamplesSeen {
    /// The digest of all inputs, in order, where the examples' ids are their positions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub all: Option<Digest>,
    /// The ids, else.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ids: Vec<String>,
    /// Base64 of six bytes of the digest of each one's input, in lines.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub each: Vec<String>,
}

impl ExamplesSeen {
    /// What is remembered of `data`, `named` where the examples have ids of their own.
    pub fn of(data: &Dataset, named: bool) -> Self {
        if !named {
            return Self {
                all: Some(first(data, data.len())),
                ids: Vec::new(),
                each: Vec::new(),
            };
        }
        let bytes: Vec<u8> = (0..data.len())
            .flat_map(|example| fingerprint(data, example))
            .collect();
        let text = STANDARD.encode(bytes);
        let lines = text.as_bytes().chunks(LINE);
        Self {
            all: None,
            ids: data.ids().to_vec(),
            each: lines
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect(),
        }
    }

    /// The id of an example.
    pub fn id(&self, example: usize) -> String {
        let known = self.ids.get(example).cloned();
        known.unwrap_or_else(|| example.to_string())
    }
}

/// Rows of a baseline and of a run that are the same examples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Positions in the baseline.
    pub old: Vec<usize>,
    /// Positions in the run, in the same order.
    pub new: Vec<usize>,
    /// Positions in the baseline of examples that are gone, or whose input is another.
    pub vanished: Vec<usize>,
}

impl Common {
    /// Examples of the baseline.
    pub fn of(&self) -> usize {
        self.old.len() + self.vanished.len()
    }

    /// Whether they are as many as a judgement takes: 95 % of the baseline's.
    pub fn is_enough(&self) -> bool {
        is_enough(self.old.len(), self.of())
    }

    /// What there is too little of.
    pub fn shortfall(&self) -> String {
        let there = self.old.len();
        let of = self.of();
        if there == 0 {
            return format!(
                "the data do not begin with the baseline's {of} examples, and without ids of their own examples may only be appended ([data] ids names the array of ids)"
            );
        }
        format!(
            "{there} of the baseline's {of} examples are there unchanged, and {} % are needed",
            100.0 * ENOUGH
        )
    }
}

/// The common examples of a baseline and of a run over `new` inputs,
/// [enough](Common::is_enough) or not; `None` where anything but the data differs, or where
/// that cannot be told.
pub fn common(file: &BaselineFile, new: &Value, data: &Dataset) -> Option<Common> {
    let changed = |field: &String| {
        ["data.digest:", "data.ids_digest:"]
            .iter()
            .any(|allowed| field.starts_with(allowed))
    };
    let limited = new.get("data").and_then(|data| data.get("limit")).is_some();
    if file.schema < WITH_LABELS
        || limited
        || !differing_fields(&file.inputs, new).iter().all(changed)
    {
        return None;
    }
    let seen = file.examples.as_ref()?;
    let examples = file.counts.n;
    if let Some(all) = &seen.all {
        let there = examples <= data.len() && first(data, examples) == *all;
        let (kept, vanished) = if there {
            (0..examples, 0..0)
        } else {
            (0..0, 0..examples)
        };
        return Some(Common {
            old: kept.clone().collect(),
            new: kept.collect(),
            vanished: vanished.collect(),
        });
    }
    let bytes = STANDARD.decode(seen.each.concat()).ok()?;
    if bytes.len() != examples * FINGERPRINT || seen.ids.len() != examples {
        return None;
    }
    let ids = data.ids().iter().enumerate();
    let places: HashMap<&str, usize> = ids.map(|(place, id)| (id.as_str(), place)).collect();
    let mut common = Common {
        old: Vec::new(),
        new: Vec::new(),
        vanished: Vec::new(),
    };
    for (example, bytes) in bytes.chunks_exact(FINGERPRINT).enumerate() {
        let place = places.get(seen.ids[example].as_str()).copied();
        match place.filter(|&place| fingerprint(data, place) == bytes) {
            Some(place) => {
                common.old.push(example);
                common.new.push(place);
            }
            None => common.vanished.push(example),
        }
    }
    Some(common)
}

/// The digest of the inputs of the first `count` examples.
fn first(data: &Dataset, count: usize) -> Digest {
    let mut hasher = Hasher::default();
    for example in 0..count {
        data.hash_input(example, &mut hasher);
    }
    hasher.finish()
}

/// A few bytes of the digest of an example's input (of an image, its file).
fn fingerprint(data: &Dataset, example: usize) -> [u8; FINGERPRINT] {
    let mut hasher = Hasher::default();
    data.hash_input(example, &mut hasher);
    let digest = hasher.finish().to_string();
    // The digits after `sha256:`.
    let digits = digest.rsplit(':').next().unwrap_or_default();
    let mut bytes = [0; FINGERPRINT];
    for (index, byte) in bytes.iter_mut().enumerate() {
        let pair = digits.get(2 * index..2 * index + 2).unwrap_or("0");
        *byte = u8::from_str_radix(pair, 16).unwrap_or(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{Accepted, Draft};
    use crate::data::testing::{float32, int64, npz, unicode};
    use crate::data::{Request, open};
    use crate::outcome::Outcomes;
    use crate::provenance::{Environment, Identity, ModelIdentity};
    use serde_json::json;

    /// Examples with these ids, inputs and labels; without ids they are known by position.
    fn data(named: bool, rows: &[(&str, f32, i64)]) -> Dataset {
        let ids: Vec<&str> = rows.iter().map(|row| row.0).collect();
        let inputs: Vec<f32> = rows.iter().map(|row| row.1).collect();
        let labels: Vec<i64> = rows.iter().map(|row| row.2).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("d.npz");
        let arrays = [
            ("x", float32(&[rows.len(), 1], &inputs)),
            ("y", int64(&labels)),
            ("id", unicode(&ids)),
        ];
        std::fs::write(&path, npz(&arrays)).unwrap();
        open(&Request {
            path,
            shown: "d.npz".to_owned(),
            inputs: "x".to_owned(),
            labels: "y".to_owned(),
            ids: named.then(|| "id".to_owned()),
            cluster: None,
            slice: None,
            range: (0.0, 1.0),
            unpacked_limit: 8 << 30,
            limit: None,
        })
        .unwrap()
    }

    fn inputs(digest: &str) -> Value {
        json!({"data": {"digest": digest, "inputs": "x"}, "seed": 1})
    }

    fn baseline(named: bool, data: &Dataset) -> BaselineFile {
        let inputs = inputs("sha256:old");
        let digest = Digest::of(b"x");
        let draft = Draft {
            case: "a::b".to_owned(),
            metrics: Vec::new(),
            identity: Identity {
                inputs_digest: Digest::of_json(&inputs),
                inputs,
                ids_digest: digest.clone(),
                model: ModelIdentity {
                    origin: "onnx m.onnx".to_owned(),
                    digest: Some(digest),
                    gives: "logits".to_owned(),
                    input: None,
                    output: None,
                },
                environment: Environment::of_engine("none"),
            },
            outcomes: Outcomes {
                examples: data.len(),
                replicates: 1,
                columns: Vec::new(),
            },
            slices: Vec::new(),
            accepted: Accepted {
                by: String::new(),
                at: String::new(),
                commit: None,
                reason: String::new(),
            },
            history: Vec::new(),
            examples: Some(ExamplesSeen::of(data, named)),
        };
        draft.finish()
    }

    const OLD: [(&str, f32, i64); 4] = [("a", 0.1, 0), ("b", 0.2, 0), ("c", 0.3, 1), ("d", 0.4, 1)];

    /// In another order `b` has another label, `c` another input, `d` is gone and `e` is new.
    #[test]
    fn an_example_is_known_by_its_id_and_its_input() {
        let file = baseline(true, &data(true, &OLD));
        let new = data(
            true,
            &[("e", 0.4, 1), ("b", 0.2, 1), ("c", 0.35, 1), ("a", 0.1, 0)],
        );
        let found = common(&file, &inputs("sha256:new"), &new).unwrap();
        let expected = Common {
            old: vec![0, 1],
            new: vec![3, 1],
            vanished: vec![2, 3],
        };
        assert_eq!(found, expected);
        assert!(!found.is_enough() && found.of() == 4);
        assert!(
            found
                .shortfall()
                .starts_with("2 of the baseline's 4 examples")
        );
    }

    #[test]
    fn without_ids_examples_may_be_appended() {
        let file = baseline(false, &data(false, &OLD));
        let with = |rows: &[(&str, f32, i64)]| {
            common(&file, &inputs("sha256:new"), &data(false, rows)).unwrap()
        };
        let mut grown = OLD.to_vec();
        grown.push(("e", 0.5, 0));
        grown[1].2 = 1;
        let found = with(&grown);
        assert_eq!((found.old, found.vanished), (vec![0, 1, 2, 3], Vec::new()));
        // One that changed makes all of them unknown, and so does one that is gone.
        grown[1].1 = 0.25;
        for rows in [&grown[..], &OLD[..3]] {
            let found = with(rows);
            assert_eq!((found.vanished.len(), found.is_enough()), (4, false));
            assert!(found.shortfall().contains("[data] ids names"));
        }
    }

    /// Neither where more than the data changed, nor of a baseline that has no labels.
    #[test]
    fn other_questions_and_older_baselines_have_nothing_in_common() {
        let old = data(true, &OLD);
        let mut file = baseline(true, &old);
        assert!(common(&file, &inputs("sha256:new"), &old).is_some());
        let mut limited = inputs("sha256:new");
        limited["data"]["limit"] = json!(3);
        let mut reseeded = inputs("sha256:new");
        reseeded["seed"] = json!(2);
        for other in [limited, reseeded] {
            assert_eq!(common(&file, &other, &old), None);
        }
        file.schema = 1;
        assert_eq!(common(&file, &inputs("sha256:new"), &old), None);
    }
}
