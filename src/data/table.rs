//! What the arrays of a data set mean: inputs, labels, and names of rows, each
//! checked element by element.
//!
//! How arrays are stored is the readers' business.

use std::collections::{HashMap, HashSet};
use std::fmt::Debug;

use ndarray::{ArrayD, IxDyn, ShapeBuilder};

use super::array::{Array, Kind, Role, Values};
use super::npz::Archive;
use super::{Columns, Problem, Request};

/// What `data.inputs` takes.
pub(super) const INPUTS: Role = Role {
    key: "data.inputs",
    kinds: &[Kind::Float32, Kind::Float64, Kind::Level],
    wanted: "float32, float64 or uint8",
    cure: "float32",
};

/// What `data.labels` takes.
pub(super) const LABELS: Role = Role {
    key: "data.labels",
    // Numbers with a fraction are read to say what they are.
    kinds: &[Kind::Level, Kind::Integer, Kind::Float32, Kind::Float64],
    wanted: "integers (of class names, the return_inverse of numpy.unique)",
    cure: "int64",
};

/// What `data.ids` takes.
pub(super) const IDS: Role = Role {
    key: "data.ids",
    kinds: &[Kind::Level, Kind::Integer, Kind::Text],
    wanted: "integers or strings",
    cure: "int64",
};

/// What `data.cluster` takes.
pub(super) const CLUSTER: Role = Role {
    key: "data.cluster",
    ..IDS
};

/// What `data.slice` takes.
pub(super) const SLICE: Role = Role {
    key: "data.slice",
    ..IDS
};

/// Reads the inputs: `[examples, …]`, every value within `range`. Also says
/// whether they were 8-bit levels, which stand for `range` in equal steps.
pub(super) fn inputs(
    archive: &mut Archive<'_>,
    name: &str,
    range: (f64, f64),
) -> Result<(ArrayD<f32>, bool), Problem> {
    check_range(range)?;
    let (low, high) = (range.0 as f32, range.1 as f32);
    let Array {
        name,
        shape,
        fortran,
        type_name,
        values,
    } = archive.array(name, &INPUTS)?;
    if shape.len() < 2 || shape.contains(&0) {
        return Err(Problem::WrongShape {
            array: name,
            key: INPUTS.key,
            shape,
            wanted: "[examples, ...], with at least one example of at least one value",
        });
    }
    let layout = Layout {
        name: &name,
        shape: &shape,
        fortran,
    };
    // What is stored as float32 reaches an end of the range as a float32.
    let single = (f64::from(low), f64::from(high));
    Ok(match values {
        Values::Float32(values) => {
            let checked = |value| finite_within(f64::from(value), single);
            (layout.convert(values, range, checked)?, false)
        }
        Values::Float64(values) => {
            let checked = |value| finite_within(value, range);
            (layout.convert(values, range, checked)?, false)
        }
        Values::Level(values) => {
            let scaled = |value| Ok(level(value, range));
            (layout.convert(values, range, scaled)?, true)
        }
        Values::Integer(_) | Values::Text(_) => return Err(INPUTS.wrong_type(&name, &type_name)),
    })
}

/// Checks that a range is one.
pub(super) fn check_range((low, high): (f64, f64)) -> Result<(), Problem> {
    let (low32, high32) = (low as f32, high as f32);
    if low32.is_finite() && high32.is_finite() && low32 < high32 {
        Ok(())
    } else {
        Err(Problem::InvalidRange(low, high))
    }
}

/// What a level of 8 bits stands for on a range; the ends are exact.
pub(super) fn level(level: u8, (low, high): (f64, f64)) -> f32 {
    match level {
        0 => low as f32,
        255 => high as f32,
        _ => (low + (high - low) * (f64::from(level) / 255.0)) as f32,
    }
}

/// Reads what `request` names beside the inputs, of which there are `examples`.
pub(super) fn columns(
    archive: &mut Archive<'_>,
    request: &Request,
    examples: usize,
) -> Result<Columns, Problem> {
    let check_length = |array: &str, key: &'static str, rows: usize| match rows == examples {
        true => Ok(()),
        false => Err(Problem::DifferentLengths {
            inputs: request.inputs.clone(),
            examples,
            array: array.to_owned(),
            key,
            rows,
        }),
    };
    let labels = labels(archive, &request.labels)?;
    check_length(&request.labels, LABELS.key, labels.len())?;
    let mut named = |array: &Option<String>, role: &Role| match array {
        None => Ok(None),
        Some(name) => {
            let names = names(archive, name, role)?;
            check_length(name, role.key, names.len())?;
            Ok(Some((name.clone(), names)))
        }
    };
    let ids = match named(&request.ids, &IDS)? {
        None => (0..examples).map(|row| row.to_string()).collect(),
        Some((name, ids)) => {
            check_unique(&ids, |row| format!("`{name}[{row}]`"))?;
            ids
        }
    };
    Ok(Columns {
        labels,
        ids,
        clusters: named(&request.cluster, &CLUSTER)?.map(|(_, names)| names),
        slices: named(&request.slice, &SLICE)?.map(|(_, names)| names),
    })
}

/// Reads the labels: one class number an example.
fn labels(archive: &mut Archive<'_>, name: &str) -> Result<Vec<usize>, Problem> {
    let array = archive.array(name, &LABELS)?;
    check_vector(&array, &LABELS)?;
    match array.values {
        Values::Level(values) => Ok(values.into_iter().map(usize::from).collect()),
        Values::Integer(values) => values
            .into_iter()
            .enumerate()
            .map(|(row, value)| {
                usize::try_from(value).map_err(|_| Problem::InvalidLabel {
                    element: format!("{name}[{row}]"),
                    value,
                })
            })
            .collect(),
        Values::Float32(values) => {
            no_classes(name, &array.type_name, values.into_iter().map(f64::from))
        }
        Values::Float64(values) => no_classes(name, &array.type_name, values.into_iter()),
        Values::Text(_) => Err(LABELS.wrong_type(name, &array.type_name)),
    }
}

/// Why labels of floating point are none: they are of another type; or the targets of a
/// regression, which have fractions, or of which hardly one is there twice.
fn no_classes(
    name: &str,
    type_name: &str,
    values: impl Iterator<Item = f64>,
) -> Result<Vec<usize>, Problem> {
    let values: Vec<f64> = values.collect();
    let whole = values.iter().all(|value| value.fract() == 0.0);
    let different: HashSet<u64> = values.iter().map(|value| value.to_bits()).collect();
    let many = values.len() >= FEW_ROWS && different.len() > values.len() / 4;
    Err(match whole && !many {
        true => LABELS.wrong_type(name, type_name),
        false => Problem::Regression {
            array: name.to_owned(),
            type_name: type_name.to_owned(),
        },
    })
}

/// Of fewer rows nothing is told by how many labels are different.
const FEW_ROWS: usize = 40;

/// Reads names of rows, such as ids: integers, written as such, or strings.
fn names(archive: &mut Archive<'_>, name: &str, role: &Role) -> Result<Vec<String>, Problem> {
    let array = archive.array(name, role)?;
    check_vector(&array, role)?;
    match array.values {
        Values::Level(values) => Ok(values.iter().map(u8::to_string).collect()),
        Values::Integer(values) => Ok(values.iter().map(i128::to_string).collect()),
        Values::Text(values) => Ok(values),
        _ => Err(role.wrong_type(name, &array.type_name)),
    }
}

/// Checks that no two rows have one id; `place` says where a row is.
pub(super) fn check_unique(ids: &[String], place: impl Fn(usize) -> String) -> Result<(), Problem> {
    let mut rows = HashMap::with_capacity(ids.len());
    for (second, id) in ids.iter().enumerate() {
        if let Some(first) = rows.insert(id, second) {
            return Err(Problem::DuplicateId {
                id: id.clone(),
                first: place(first),
                second: place(second),
            });
        }
    }
    Ok(())
}

/// Numbers names 0, 1, 2, … as they first appear, and lists them in that order.
pub(super) fn number(names: &[String]) -> (Vec<usize>, Vec<String>) {
    let mut numbers = HashMap::new();
    let mut different = Vec::new();
    let each = names
        .iter()
        .map(|name| {
            *numbers.entry(name).or_insert_with(|| {
                different.push(name.clone());
                different.len() - 1
            })
        })
        .collect();
    (each, different)
}

/// What is wrong with an input.
enum Fault {
    NotFinite,
    Outside,
}

/// `value` as a float32, if it is a finite one and within the closed range.
fn finite_within(value: f64, (low, high): (f64, f64)) -> Result<f32, Fault> {
    let single = value as f32;
    if !single.is_finite() {
        Err(Fault::NotFinite)
    } else if value < low || value > high {
        Err(Fault::Outside)
    } else {
        Ok(single)
    }
}

/// How the elements of a stored array are laid out.
struct Layout<'a> {
    name: &'a str,
    shape: &'a [usize],
    fortran: bool,
}

impl Layout<'_> {
    /// `values` through `to_input`, rearranged so that the last axis varies fastest.
    fn convert<T: Copy + Debug>(
        &self,
        values: Vec<T>,
        (low, high): (f64, f64),
        to_input: impl Fn(T) -> Result<f32, Fault>,
    ) -> Result<ArrayD<f32>, Problem> {
        let out_of_memory = |_| Problem::OutOfMemory {
            array: self.name.to_owned(),
        };
        let stored = ArrayD::from_shape_vec(IxDyn(self.shape).set_f(self.fortran), values)
            .map_err(out_of_memory)?;
        let inputs = stored
            .iter()
            .enumerate()
            .map(|(position, &value)| {
                to_input(value).map_err(|fault| {
                    let element = element(self.name, self.shape, position);
                    let value = format!("{value:?}");
                    match fault {
                        Fault::NotFinite => Problem::NotFinite { element, value },
                        Fault::Outside => Problem::OutsideRange {
                            element,
                            value,
                            low,
                            high,
                        },
                    }
                })
            })
            .collect::<Result<Vec<f32>, Problem>>()?;
        ArrayD::from_shape_vec(IxDyn(self.shape), inputs).map_err(out_of_memory)
    }
}

/// The element at `position`, the last axis varying fastest, as NumPy indexes it.
fn element(name: &str, shape: &[usize], mut position: usize) -> String {
    let mut indices: Vec<String> = shape
        .iter()
        .rev()
        .map(|&length| {
            let index = position % length.max(1);
            position /= length.max(1);
            index.to_string()
        })
        .collect();
    indices.reverse();
    format!("{name}[{}]", indices.join(", "))
}

fn check_vector(array: &Array, role: &Role) -> Result<(), Problem> {
    match array.shape.len() {
        1 => Ok(()),
        _ => Err(Problem::WrongShape {
            array: array.name.clone(),
            key: role.key,
            shape: array.shape.clone(),
            wanted: "one axis, the examples; save one column as `.reshape(-1)`, \
                     one-hot labels as `.argmax(axis=1)`",
        }),
    }
}
