//! One array in NumPy's format: its header, checked before it is believed,
//! and its elements.
//!
//! The format: `numpy.lib.format`, versions 1.0, 2.0 and 3.0
//! (<https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>).
//! Where the bytes come from is `npz`'s business; what the elements mean is
//! `table`'s.

use std::io::{self, Read};

use super::Problem;
use super::array::{Kind, Values};

/// The longest header that is read. NumPy's own, of plain arrays, have 118 bytes.
const LONGEST_HEADER: usize = 64 * 1024;

/// What an array is, as its header has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub shape: Vec<usize>,
    /// The first axis varies fastest, not the last.
    pub fortran: bool,
    pub kind: Kind,
    /// The type as NumPy names it, for messages.
    pub type_name: String,
    /// NumPy's letter for the type.
    letter: char,
    /// Bytes an element, at least one.
    size: usize,
    big_endian: bool,
}

impl Header {
    /// Reads the header of `array`, and how many bytes it took.
    pub fn read(reader: &mut impl Read, array: &str) -> Result<(Self, usize), Problem> {
        let damaged = |error: io::Error| damaged(array, &error);
        let unsupported = |reason: &str| Problem::UnsupportedHeader {
            array: array.to_owned(),
            reason: reason.to_owned(),
        };

        let mut start = [0; 8];
        reader.read_exact(&mut start).map_err(damaged)?;
        let [magic @ .., major, _minor] = start;
        if magic != *b"\x93NUMPY" {
            return Err(unsupported(
                "it is no NumPy array; save it with numpy.savez",
            ));
        }
        let mut length = [0; 4];
        let length_bytes = match major {
            1 => 2,
            2 | 3 => 4,
            _ => {
                return Err(unsupported(
                    "its version is not 1, 2 or 3; save it with numpy.savez",
                ));
            }
        };
        for byte in length.iter_mut().take(length_bytes) {
            reader
                .read_exact(std::slice::from_mut(byte))
                .map_err(damaged)?;
        }
        let length = u32::from_le_bytes(length) as usize;
        if length > LONGEST_HEADER {
            return Err(unsupported(
                "it is longer than 64 KiB, which no plain array needs",
            ));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text).map_err(damaged)?;

        let (descr, fortran, shape) = std::str::from_utf8(&text)
            .ok()
            .and_then(dictionary)
            .ok_or_else(|| {
                unsupported(
                    "it does not describe a plain array; save one array of numbers or strings \
                     for each field of a structured one",
                )
            })?;
        if descr.contains('O') {
            return Err(Problem::Pickled {
                array: array.to_owned(),
            });
        }
        let header = Self::new(descr, fortran, shape)
            .ok_or_else(|| unsupported(&format!("the type {descr:?} is unknown")))?;
        Ok((header, start.len() + length_bytes + length))
    }

    /// The header of an array of type `descr`: byte order, letter and size, `<f4`.
    fn new(descr: &str, fortran: bool, shape: Vec<usize>) -> Option<Self> {
        let big_endian = match descr.get(..1)? {
            "<" | "|" => false,
            ">" => true,
            _ => return None,
        };
        let letter = descr.chars().nth(1)?;
        let units: usize = descr.get(2..)?.parse().ok().filter(|&units| units > 0)?;
        let bits = units.checked_mul(8)?;
        let (kind, type_name) = match (letter, units) {
            ('f', 4) => (Kind::Float32, "float32".to_owned()),
            ('f', 8) => (Kind::Float64, "float64".to_owned()),
            ('f', _) => (Kind::Other, format!("float{bits}")),
            ('c', _) => (Kind::Other, format!("complex{bits}")),
            ('u', 1) => (Kind::Level, "uint8".to_owned()),
            ('u', 2 | 4 | 8) => (Kind::Integer, format!("uint{bits}")),
            ('i', 1 | 2 | 4 | 8) => (Kind::Integer, format!("int{bits}")),
            ('b', 1) => (Kind::Integer, "bool".to_owned()),
            ('S' | 'U', _) => (Kind::Text, "strings".to_owned()),
            _ => (Kind::Other, format!("{descr:?}")),
        };
        let size = match letter {
            'U' => units.checked_mul(4)?,
            _ => units,
        };
        Some(Self {
            shape,
            fortran,
            kind,
            type_name,
            letter,
            size,
            big_endian,
        })
    }

    /// The bytes of all elements; `None` where they are beyond what can be counted.
    pub fn bytes(&self) -> Option<usize> {
        self.shape
            .iter()
            .try_fold(self.size, |bytes, &length| bytes.checked_mul(length))
    }

    /// The elements that `bytes`, all that follows the header of `array`, are.
    pub fn values(&self, mut bytes: Vec<u8>, array: &str) -> Result<Values, Problem> {
        if self.big_endian {
            // What has a byte order is a number, or a character of a string.
            let unit = if self.letter == 'U' { 4 } else { self.size };
            bytes.chunks_exact_mut(unit).for_each(<[u8]>::reverse);
        }
        let items = bytes.chunks_exact(self.size);
        let numbers = items.clone().map(unsigned);
        Ok(match (self.kind, self.letter) {
            (Kind::Float32, _) => {
                Values::Float32(numbers.map(|bits| f32::from_bits(bits as u32)).collect())
            }
            (Kind::Float64, _) => Values::Float64(numbers.map(f64::from_bits).collect()),
            (Kind::Level, _) => Values::Level(bytes),
            (Kind::Integer, 'b') => {
                Values::Integer(numbers.map(|bits| i128::from(bits != 0)).collect())
            }
            (Kind::Integer, 'u') => Values::Integer(numbers.map(i128::from).collect()),
            (Kind::Integer, _) => {
                // Shifted up and down again, the sign fills the upper bytes.
                let unused = 64 - 8 * self.size as u32;
                let signed = |bits: u64| i128::from((bits << unused) as i64 >> unused);
                Values::Integer(numbers.map(signed).collect())
            }
            (Kind::Text, _) => Values::Text(
                items
                    .enumerate()
                    .map(|(row, item)| {
                        self.text(item).ok_or_else(|| Problem::InvalidText {
                            element: format!("{array}[{row}]"),
                        })
                    })
                    .collect::<Result<_, Problem>>()?,
            ),
            (Kind::Other, _) => {
                return Err(Problem::UnsupportedHeader {
                    array: array.to_owned(),
                    reason: format!("it holds {}, not numbers or strings", self.type_name),
                });
            }
        })
    }

    /// A string of fixed width, without the zeros that fill it up.
    fn text(&self, item: &[u8]) -> Option<String> {
        let text: String = match self.letter {
            'S' => std::str::from_utf8(item).ok()?.to_owned(),
            _ => item
                .chunks_exact(4)
                .map(|character| char::from_u32(unsigned(character) as u32))
                .collect::<Option<_>>()?,
        };
        Some(text.trim_end_matches('\0').to_owned())
    }
}

/// The number that bytes stand for, the lowest first.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The bytes of `array` ended early or are not what was written.
pub(super) fn damaged(array: &str, error: &io::Error) -> Problem {
    Problem::DamagedArray {
        array: array.to_owned(),
        reason: match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends early".to_owned(),
            _ => error.to_string(),
        },
    }
}

/// The three entries of a header: type, whether in Fortran order, shape.
///
/// It is a Python dictionary such as
/// `{'descr': '<f4', 'fortran_order': False, 'shape': (500, 64), }`.
fn dictionary(text: &str) -> Option<(&str, bool, Vec<usize>)> {
    let mut rest = Literal(text);
    let (mut descr, mut fortran, mut shape) = (None, None, None);
    rest.expect("{")?;
    while !rest.take("}") {
        let key = rest.string()?;
        rest.expect(":")?;
        match key {
            "descr" => descr = Some(rest.string()?),
            "fortran_order" if rest.take("True") => fortran = Some(true),
            "fortran_order" => fortran = rest.expect("False").map(|()| false),
            "shape" => shape = Some(rest.tuple()?),
            _ => return None,
        }
        if !rest.take(",") {
            rest.expect("}")?;
            break;
        }
    }
    rest.0.trim().is_empty().then_some(())?;
    Some((descr?, fortran?, shape?))
}

/// What is left of a Python literal.
struct Literal<'a>(&'a str);

impl<'a> Literal<'a> {
    /// Takes `token`, and says whether it was there.
    fn take(&mut self, token: &str) -> bool {
        self.0 = self.0.trim_start();
        match self.0.strip_prefix(token) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) -> Option<()> {
        self.take(token).then_some(())
    }

    /// A string without escapes.
    fn string(&mut self) -> Option<&'a str> {
        let quote = ["'", "\""].into_iter().find(|quote| self.take(quote))?;
        let (text, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(text)
    }

    /// A tuple of lengths.
    fn tuple(&mut self) -> Option<Vec<usize>> {
        let mut lengths = Vec::new();
        self.expect("(")?;
        while !self.take(")") {
            self.0 = self.0.trim_start();
            let digits = self.0.bytes().take_while(u8::is_ascii_digit).count();
            let (number, rest) = self.0.split_at_checked(digits)?;
            lengths.push(number.parse().ok()?);
            self.0 = rest;
            if !self.take(",") {
                self.expect(")")?;
                break;
            }
        }
        Some(lengths)
    }
}
