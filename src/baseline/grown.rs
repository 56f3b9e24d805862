//! Data that grew: what a baseline remembers of its examples, and which rows of
//! another data set are the same examples.
//!
//! Examples that are known by their position are remembered by one digest of all:
//! data that were appended to still begin with them. Examples with ids of their own
//! are remembered one by one.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::Dataset;
use crate::digest::{Digest, Hasher};
use crate::engine::differing_fields;

/// The share of a baseline's examples that must still be there (statistics.md 6b).
const ENOUGH: f64 = 0.95;

/// Bytes that an example with an id is remembered by: among 100,000 examples two are
/// confused with probability 2⁻¹⁵.
const FINGERPRINT: usize = 6;

/// Characters a line of packed fingerprints.
const LINE: usize = 120;

/// What the examples of a baseline were.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExamplesSeen {
    /// The digest of all, in order, where their ids are their positions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub all: Option<Digest>,
    /// Base64 of six bytes of the digest of each, else, in lines.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub each: Vec<String>,
}

impl ExamplesSeen {
    /// What is remembered of `data`, `named` where the examples have ids of their own;
    /// `None` where their clusters are known by order alone.
    pub fn of(data: &Dataset, named: bool) -> Option<Self> {
        if !named {
            return Some(Self {
                all: Some(first(data, data.len())),
                each: Vec::new(),
            });
        }
        if data.clusters().is_some() {
            return None;
        }
        let bytes: Vec<u8> = (0..data.len())
            .flat_map(|example| fingerprint(data, example))
            .collect();
        let text = STANDARD.encode(bytes);
        let lines = text.as_bytes().chunks(LINE);
        Some(Self {
            all: None,
            each: lines
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect(),
        })
    }
}

/// Rows of a baseline and of a run that are the same examples, in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Common {
    /// Positions in the baseline.
    pub old: Vec<usize>,
    /// Positions in the run.
    pub new: Vec<usize>,
    /// Examples of the baseline.
    pub of: usize,
}

impl Common {
    /// Whether they are as many as a judgement takes: 95 % of the baseline's.
    pub fn is_enough(&self) -> bool {
        self.old.len() as f64 >= ENOUGH * self.of as f64
    }

    /// What there is too little of.
    pub fn shortfall(&self) -> String {
        let there = self.old.len();
        if there == 0 {
            return format!(
                "the data do not begin with the baseline's {} examples (without ids of their own, examples may only be appended)",
                self.of
            );
        }
        format!(
            "{there} of the baseline's {} examples are there unchanged, and {} % are needed",
            self.of,
            100.0 * ENOUGH
        )
    }
}

/// The common examples of a baseline of `examples` rows over `old` inputs and of a
/// run over `new` inputs, [enough](Common::is_enough) or not; `None` where anything
/// but the data differs, or where that cannot be told.
pub fn common(
    (old, seen, examples): (&Value, Option<&ExamplesSeen>, usize),
    new: &Value,
    data: &Dataset,
) -> Option<Common> {
    let grew = |field: &String| {
        ["data.digest:", "data.ids_digest:"]
            .iter()
            .any(|allowed| field.starts_with(allowed))
    };
    let limited = new.get("data").and_then(|data| data.get("limit")).is_some();
    if limited || !differing_fields(old, new).iter().all(grew) {
        return None;
    }
    let seen = seen?;
    if let Some(all) = &seen.all {
        let there = examples <= data.len() && first(data, examples) == *all;
        let kept = if there { examples } else { 0 };
        return Some(Common {
            old: (0..kept).collect(),
            new: (0..kept).collect(),
            of: examples,
        });
    }
    let bytes = STANDARD.decode(seen.each.concat()).ok()?;
    if bytes.len() != examples * FINGERPRINT {
        return None;
    }
    let places: HashMap<[u8; FINGERPRINT], usize> = (0..data.len())
        .map(|example| (fingerprint(data, example), example))
        .collect();
    let (old, new): (Vec<usize>, Vec<usize>) = bytes
        .chunks_exact(FINGERPRINT)
        .enumerate()
        .filter_map(|(example, bytes)| Some((example, *places.get(bytes)?)))
        .unzip();
    Some(Common {
        old,
        new,
        of: examples,
    })
}

/// The digest of the first `count` examples.
fn first(data: &Dataset, count: usize) -> Digest {
    let mut hasher = Hasher::default();
    for example in 0..count {
        add(&mut hasher, data, example);
    }
    hasher.finish()
}

fn fingerprint(data: &Dataset, example: usize) -> [u8; FINGERPRINT] {
    let mut hasher = Hasher::default();
    let id = &data.ids()[example];
    hasher.update(&(id.len() as u64).to_le_bytes());
    hasher.update(id.as_bytes());
    add(&mut hasher, data, example);
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

/// Label, cluster, slice and input (of an image, its file) of an example.
fn add(hasher: &mut Hasher, data: &Dataset, example: usize) {
    hasher.update(&(data.labels()[example] as u64).to_le_bytes());
    // Clusters are numbered as they first appear, which appended data do not change.
    if let Some(clusters) = data.clusters() {
        hasher.update(&(clusters[example] as u64).to_le_bytes());
    }
    if let Some(slices) = data.slices() {
        let name = data.slice_names().get(slices[example]);
        let name = name.map_or("", String::as_str);
        hasher.update(&(name.len() as u64).to_le_bytes());
        hasher.update(name.as_bytes());
    }
    data.hash_input(example, hasher);
}
