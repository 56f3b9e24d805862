//! An array as a reader hands it on, and what a key of the spec asks of one.
//!
//! How an array is stored is its reader's business; what its elements mean is
//! `table`'s.

use super::Problem;

/// Which of [`Values`] an array's elements become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Float32,
    Float64,
    Level,
    Integer,
    Text,
    /// What no key takes.
    Other,
}

/// Elements, in the order in which they are stored.
#[derive(Debug, PartialEq)]
pub(super) enum Values {
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    /// uint8, which is what images are made of.
    Level(Vec<u8>),
    /// All other integers, and truth values as 0 and 1.
    Integer(Vec<i128>),
    Text(Vec<String>),
}

/// An array whose elements were read.
#[derive(Debug)]
pub(super) struct Array {
    pub name: String,
    pub shape: Vec<usize>,
    /// The first axis varies fastest, not the last.
    pub fortran: bool,
    /// The type as NumPy names it, for messages.
    pub type_name: String,
    pub values: Values,
}

/// A key of the spec that names an array, and what it takes.
pub(super) struct Role {
    pub key: &'static str,
    pub kinds: &'static [Kind],
    /// `kinds` in words.
    pub wanted: &'static str,
    /// The NumPy type to convert another to.
    pub cure: &'static str,
}

impl Role {
    /// That the array `name` holds `found`, which is none of `kinds`.
    pub fn wrong_type(&self, name: &str, found: &str) -> Problem {
        Problem::WrongType {
            array: name.to_owned(),
            key: self.key,
            found: found.to_owned(),
            wanted: self.wanted,
            cure: self.cure,
        }
    }
}
