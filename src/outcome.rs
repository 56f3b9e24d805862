//! What a run leaves behind of each example: outcomes, their columns, and how
//! they are packed.
//!
//! A column holds whole numbers only: a bit, a class, or a score in fixed point
//! over its declared range, so that two runs are compared in integers. Which
//! columns there are follows from the metrics; what they mean is in `metric`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The largest fixed-point value: the top of a score's range.
pub const QUANTA: u32 = 65_535;

/// Characters a line of packed data.
const LINE: usize = 120;

/// Whether a column has one value a replicate or one an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Per {
    /// One for each replicate of each example.
    Replicate,
    /// One for each example: the mean of its replicates, taken before rounding.
    Example,
}

/// What the numbers of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Encoding {
    /// 0 or 1, eight a byte, lowest bit first.
    Bit,
    /// One byte.
    U8,
    /// Two bytes, little-endian.
    U16,
    /// Four bytes, little-endian.
    U32,
}

/// What a column is, without its values.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnSpec {
    /// Unique within the outcomes.
    pub name: String,
    /// The range that 0..=65535 stands for; `None` for bits, classes, ranks and numbers.
    pub range: Option<(f64, f64)>,
    /// One value a replicate, or one an example.
    pub per: Per,
}

impl ColumnSpec {
    /// Whether the predicted class is the label, by replicate.
    pub fn correct() -> Self {
        Self {
            name: CORRECT.to_owned(),
            range: None,
            per: Per::Replicate,
        }
    }

    /// The predicted class, by replicate.
    pub fn class() -> Self {
        Self {
            name: CLASS.to_owned(),
            range: None,
            per: Per::Replicate,
        }
    }

    /// The label, by example.
    pub fn label() -> Self {
        Self {
            name: LABEL.to_owned(),
            range: None,
            per: Per::Example,
        }
    }

    /// The probability of the predicted class, by replicate.
    pub fn confidence() -> Self {
        Self {
            name: CONFIDENCE.to_owned(),
            range: Some((0.0, 1.0)),
            per: Per::Replicate,
        }
    }

    /// The probability of a class, by replicate.
    pub fn probability(class: usize) -> Self {
        Self {
            name: format!("{PROBABILITY}{class}"),
            range: Some((0.0, 1.0)),
            per: Per::Replicate,
        }
    }

    /// The rank of the score of a class among those of all rows, by replicate: equal scores
    /// have one rank, and the next greater the next.
    pub fn rank(class: usize) -> Self {
        Self {
            name: format!("{RANK}{class}"),
            range: None,
            per: Per::Replicate,
        }
    }

    /// The number of the cluster, by example.
    pub fn cluster() -> Self {
        Self {
            name: CLUSTER.to_owned(),
            range: None,
            per: Per::Example,
        }
    }

    /// The number of the slice, by example.
    pub fn slice() -> Self {
        Self {
            name: SLICE.to_owned(),
            range: None,
            per: Per::Example,
        }
    }

    /// The mean score `name` over the replicates, by example.
    pub fn score(name: &str, range: (f64, f64)) -> Self {
        Self {
            name: name.to_owned(),
            range: Some(range),
            per: Per::Example,
        }
    }

    /// The fixed-point value of `score`; outside the range it is the nearest end.
    pub fn quantise(&self, score: f64) -> u32 {
        let (low, high) = self.range.unwrap_or((0.0, f64::from(QUANTA)));
        let share = ((score - low) / (high - low)).clamp(0.0, 1.0);
        (share * f64::from(QUANTA)).round() as u32
    }
}

/// The column of right and wrong.
pub const CORRECT: &str = "correct";
/// The column of predicted classes.
pub const CLASS: &str = "class";
/// The column of labels.
pub const LABEL: &str = "label";
/// The column of confidences.
pub const CONFIDENCE: &str = "confidence";
/// Columns of the probability of one class: its number follows.
pub const PROBABILITY: &str = "probability_";
/// Columns of the ranks of the scores of one class: its number follows.
pub const RANK: &str = "rank_";
/// The column of clusters.
pub const CLUSTER: &str = "cluster";
/// The column of slices.
pub const SLICE: &str = "slice";

/// Whether columns that are not a metric's score have such a name.
pub fn is_taken(name: &str) -> bool {
    [CORRECT, CLASS, LABEL, CONFIDENCE, CLUSTER, SLICE].contains(&name)
        || name.starts_with(PROBABILITY)
        || name.starts_with(RANK)
}

/// One column with its values: example by example, the replicates of each together.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// What it is.
    pub spec: ColumnSpec,
    /// `examples` × `replicates` values, or `examples`.
    pub values: Vec<u32>,
}

/// The outcomes of one case.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcomes {
    /// Number of examples.
    pub examples: usize,
    /// Random draws an example.
    pub replicates: usize,
    /// In the order in which the metrics ask for them.
    pub columns: Vec<Column>,
}

impl Outcomes {
    /// The values of the column `name`.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.spec.name == name)
    }

    /// The outcomes of the examples at `places`, in that order.
    pub fn examples_at(&self, places: &[usize]) -> Self {
        let columns = self.columns.iter().map(|column| {
            let each = match column.spec.per {
                Per::Replicate => self.replicates,
                Per::Example => 1,
            };
            let values = places
                .iter()
                .filter_map(|&place| column.values.get(place * each..(place + 1) * each));
            Column {
                spec: column.spec.clone(),
                values: values.flatten().copied().collect(),
            }
        });
        Self {
            examples: places.len(),
            replicates: self.replicates,
            columns: columns.collect(),
        }
    }

    /// One replicate of every example: a column kept by example stays as it is.
    pub fn replicate(&self, replicate: usize) -> Self {
        let columns = self.columns.iter().map(|column| Column {
            spec: column.spec.clone(),
            values: match column.spec.per {
                Per::Example => column.values.clone(),
                Per::Replicate => column
                    .values
                    .iter()
                    .skip(replicate)
                    .step_by(self.replicates.max(1))
                    .copied()
                    .collect(),
            },
        });
        Self {
            examples: self.examples,
            replicates: 1,
            columns: columns.collect(),
        }
    }

    /// Only the columns that `names` has, in that order; `None` if one is not there.
    pub fn select(&self, names: &[ColumnSpec]) -> Option<Self> {
        let columns = names.iter().map(|spec| self.column(&spec.name).cloned());
        Some(Self {
            examples: self.examples,
            replicates: self.replicates,
            columns: columns.collect::<Option<_>>()?,
        })
    }
}

/// A column as a file has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackedColumn {
    /// Its name.
    pub name: String,
    /// How a value is written.
    pub kind: Encoding,
    /// The range that fixed-point values stand for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub range: Option<(f64, f64)>,
    /// One value a replicate, or one an example.
    pub per: Per,
    /// Base64 of the packed values, in lines.
    pub data: Vec<String>,
}

/// Why packed outcomes cannot be read.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum UnpackError {
    /// Not base64.
    #[error("the packed column `{column}` is not base64")]
    NotBase64 {
        /// Which.
        column: String,
    },
    /// Too few or too many values.
    #[error(
        "the packed column `{column}` holds {found} bytes and {examples} examples with {replicates} replicates need {wanted}"
    )]
    Length {
        /// Which.
        column: String,
        /// Bytes that are there.
        found: usize,
        /// Bytes that there should be.
        wanted: u64,
        /// As the counts say.
        examples: usize,
        /// As the counts say.
        replicates: usize,
    },
    /// Bits after the last value.
    #[error("the packed column `{column}` has bits set after its last value")]
    Padding {
        /// Which.
        column: String,
    },
    /// A number that no row can have, or a column of replicates that is of examples.
    #[error("the packed column `{column}` is not what its name says: {reason}")]
    Meaning {
        /// Which.
        column: String,
        /// In words.
        reason: &'static str,
    },
    /// Two columns of one name.
    #[error("the column `{column}` is there twice")]
    Twice {
        /// Which.
        column: String,
    },
}

/// Packs columns for a file.
pub fn pack(outcomes: &Outcomes) -> Vec<PackedColumn> {
    outcomes.columns.iter().map(pack_column).collect()
}

fn pack_column(column: &Column) -> PackedColumn {
    let spec = &column.spec;
    // Scores always take 16 bits, all else what its largest value needs.
    let largest = column.values.iter().max().copied().unwrap_or(0);
    let kind = match (spec.range, largest) {
        (None, 0..2) => Encoding::Bit,
        (None, 2..256) => Encoding::U8,
        (None, 65_536..) => Encoding::U32,
        _ => Encoding::U16,
    };
    let bytes: Vec<u8> = match kind {
        Encoding::Bit => column
            .values
            .chunks(8)
            .map(|bits| {
                let bit = |(index, &value): (usize, &u32)| u8::from(value != 0) << index;
                bits.iter().enumerate().map(bit).sum()
            })
            .collect(),
        Encoding::U8 => column.values.iter().map(|&value| value as u8).collect(),
        Encoding::U16 => column
            .values
            .iter()
            .flat_map(|&value| (value as u16).to_le_bytes())
            .collect(),
        Encoding::U32 => column
            .values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
    };
    let text = STANDARD.encode(bytes);
    let data = text
        .as_bytes()
        .chunks(LINE)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    PackedColumn {
        name: spec.name.clone(),
        kind,
        range: spec.range,
        per: spec.per,
        data,
    }
}

/// Unpacks the columns of a file.
///
/// # Errors
/// When a column does not hold exactly one value for each of the `examples` ×
/// `replicates` (or `examples`) that the counts promise. Nothing is allocated
/// that the text does not hold.
pub fn unpack(
    examples: usize,
    replicates: usize,
    packed: &[PackedColumn],
) -> Result<Outcomes, UnpackError> {
    let mut columns: Vec<Column> = Vec::new();
    for column in packed {
        let unpacked = unpack_column(examples, replicates, column)?;
        if columns
            .iter()
            .any(|known| known.spec.name == unpacked.spec.name)
        {
            return Err(UnpackError::Twice {
                column: column.name.clone(),
            });
        }
        columns.push(unpacked);
    }
    Ok(Outcomes {
        examples,
        replicates,
        columns,
    })
}

fn unpack_column(
    examples: usize,
    replicates: usize,
    packed: &PackedColumn,
) -> Result<Column, UnpackError> {
    let column = || packed.name.clone();
    let bytes = STANDARD
        .decode(packed.data.concat())
        .map_err(|_| UnpackError::NotBase64 { column: column() })?;
    let count = match packed.per {
        Per::Replicate => examples as u64 * replicates as u64,
        Per::Example => examples as u64,
    };
    let wanted = match packed.kind {
        Encoding::Bit => count.div_ceil(8),
        Encoding::U8 => count,
        Encoding::U16 => count.saturating_mul(2),
        Encoding::U32 => count.saturating_mul(4),
    };
    if bytes.len() as u64 != wanted {
        return Err(UnpackError::Length {
            column: column(),
            found: bytes.len(),
            wanted,
            examples,
            replicates,
        });
    }
    let values = match packed.kind {
        Encoding::Bit => {
            let used = (count % 8) as u32;
            if used > 0 && bytes.last().is_some_and(|&last| last >> used != 0) {
                return Err(UnpackError::Padding { column: column() });
            }
            let bits = bytes
                .iter()
                .flat_map(|&byte| (0..8).map(move |bit| u32::from(byte >> bit & 1)));
            bits.take(count as usize).collect()
        }
        Encoding::U8 => bytes.into_iter().map(u32::from).collect(),
        Encoding::U16 => bytes
            .chunks_exact(2)
            .map(|pair| u32::from(u16::from_le_bytes([pair[0], pair[1]])))
            .collect(),
        Encoding::U32 => bytes
            .chunks_exact(4)
            .map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]))
            .collect(),
    };
    let found = Column {
        spec: ColumnSpec {
            name: column(),
            range: packed.range,
            per: packed.per,
        },
        values,
    };
    match meaning(&found, examples) {
        None => Ok(found),
        Some(reason) => Err(UnpackError::Meaning {
            column: column(),
            reason,
        }),
    }
}

/// Classes are below this: what a model answers with.
const CLASSES: u32 = 65_536;

/// Why a column cannot be what its name says.
fn meaning(column: &Column, examples: usize) -> Option<&'static str> {
    let (per, bound) = match column.spec.name.as_str() {
        CORRECT => (Per::Replicate, 2),
        CLASS => (Per::Replicate, CLASSES),
        LABEL => (Per::Example, CLASSES),
        CLUSTER | SLICE => (Per::Example, examples as u32),
        name if name.starts_with(RANK) => (Per::Replicate, column.values.len() as u32),
        _ => return None,
    };
    if column.spec.range.is_some() {
        Some("it has a range")
    } else if column.spec.per != per {
        Some("it is kept by the wrong unit")
    } else if column.values.iter().any(|&value| value >= bound) {
        Some("a number is too large")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_outcomes() -> impl Strategy<Value = Outcomes> {
        // A name that says nothing of its numbers.
        let numbers = ColumnSpec {
            name: "numbers".to_owned(),
            ..ColumnSpec::class()
        };
        (1usize..40, 1usize..6).prop_flat_map(move |(examples, replicates)| {
            let numbers = numbers.clone();
            let rows = examples * replicates;
            (
                prop::collection::vec(0u32..2, rows),
                prop_oneof![
                    prop::collection::vec(0u32..2, rows),
                    prop::collection::vec(0u32..256, rows),
                    prop::collection::vec(0u32..300, rows),
                    prop::collection::vec(any::<u32>(), rows),
                ],
                prop::collection::vec(0..=QUANTA, rows),
                prop::collection::vec(0..=QUANTA, examples),
            )
                .prop_map(move |(correct, class, confidence, score)| Outcomes {
                    examples,
                    replicates,
                    columns: [
                        (ColumnSpec::correct(), correct),
                        (numbers.clone(), class),
                        (ColumnSpec::confidence(), confidence),
                        (ColumnSpec::score("brier_score", (0.0, 2.0)), score),
                    ]
                    .into_iter()
                    .map(|(spec, values)| Column { spec, values })
                    .collect(),
                })
        })
    }

    proptest! {
        #[test]
        fn packing_loses_nothing(outcomes in any_outcomes()) {
            let packed = pack(&outcomes);
            let text = serde_json::to_string(&packed).unwrap();
            let read: Vec<PackedColumn> = serde_json::from_str(&text).unwrap();
            let unpacked = unpack(outcomes.examples, outcomes.replicates, &read).unwrap();
            prop_assert_eq!(&unpacked, &outcomes);
            prop_assert!(packed.iter().flat_map(|column| &column.data).all(|line| line.len() <= LINE));
        }

        #[test]
        fn counts_that_do_not_fit_are_refused(outcomes in any_outcomes(), more in 1usize..9) {
            let packed = pack(&outcomes);
            let longer = unpack(outcomes.examples + 8 * more, outcomes.replicates, &packed);
            let is_length = matches!(longer, Err(UnpackError::Length { .. }));
            prop_assert!(is_length);
        }

        #[test]
        fn quantising_is_within_half_a_quantum(score in 0.0..2.0f64) {
            let spec = ColumnSpec::score("x", (0.0, 2.0));
            let back = f64::from(spec.quantise(score)) * 2.0 / f64::from(QUANTA);
            prop_assert!((back - score).abs() <= 1.0 / f64::from(QUANTA) + 1e-12);
        }
    }

    #[test]
    fn sizes_are_as_the_format_promises() {
        // 10,000 examples with 5 replicates of correctness: 50,000 bits.
        let outcomes = Outcomes {
            examples: 10_000,
            replicates: 5,
            columns: vec![Column {
                spec: ColumnSpec::correct(),
                values: vec![1; 50_000],
            }],
        };
        let bytes: usize = pack(&outcomes)[0].data.iter().map(String::len).sum();
        assert_eq!(bytes, 8_336);
    }

    #[test]
    fn numbers_that_no_row_can_have_are_refused() {
        let of = |spec: ColumnSpec, values: Vec<u32>| {
            let outcomes = Outcomes {
                examples: 3,
                replicates: 1,
                columns: vec![Column { spec, values }],
            };
            unpack(3, 1, &pack(&outcomes))
        };
        assert!(of(ColumnSpec::rank(1), vec![0, 2, 1]).is_ok());
        let per_example = ColumnSpec {
            per: Per::Example,
            ..ColumnSpec::correct()
        };
        for (spec, values) in [
            (ColumnSpec::rank(1), vec![0, 3, 1]),
            (ColumnSpec::cluster(), vec![0, u32::MAX, 1]),
            (ColumnSpec::slice(), vec![0, 3, 1]),
            (ColumnSpec::class(), vec![65_536, 0, 0]),
            (per_example, vec![0, 1, 1]),
        ] {
            let found = of(spec, values);
            assert!(
                matches!(found, Err(UnpackError::Meaning { .. })),
                "{found:?}"
            );
        }
    }

    #[test]
    fn damage_is_told_apart() {
        let outcomes = Outcomes {
            examples: 3,
            replicates: 1,
            columns: vec![Column {
                spec: ColumnSpec::correct(),
                values: vec![1, 0, 1],
            }],
        };
        let good = pack(&outcomes);
        let with = |data: &str| {
            let mut bad = good.clone();
            bad[0].data = vec![data.to_owned()];
            unpack(3, 1, &bad).unwrap_err()
        };
        assert!(matches!(with("?"), UnpackError::NotBase64 { .. }));
        assert!(matches!(with(""), UnpackError::Length { .. }));
        assert!(matches!(with("/w=="), UnpackError::Padding { .. }));
        let twice = [good[0].clone(), good[0].clone()];
        assert!(matches!(
            unpack(3, 1, &twice),
            Err(UnpackError::Twice { .. })
        ));
    }
}
