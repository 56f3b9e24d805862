//! Frames: what goes over the pipe, in either direction (docs/worker-protocol.md).
//!
//! A frame is eight bytes (the mark, and the header's length), a header in JSON, and
//! the elements of the tensor that the header announces. Sizes are held against
//! limits before anything is allocated.

use std::io::{self, BufRead, Read};

use ndarray::{ArrayD, ArrayViewD, IxDyn};
use serde::{Deserialize, Serialize};

use crate::spec::Gives;

/// The version of the protocol, which a worker says it speaks.
pub const PROTOCOL: u32 = 1;

/// What a frame begins with: no text does.
pub const MARK: [u8; 4] = [0x89, b'S', b'F', b'W'];

/// The longest header, in bytes.
pub const LONGEST_HEADER: u32 = 1 << 16;

/// The most axes of a tensor.
const MOST_AXES: usize = 16;

/// How much is shown of what is no frame, in bytes.
const SHOWN: usize = 120;

/// What a worker is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// What it is.
    Describe,
    /// The answers to a tensor of inputs.
    Predict,
    /// The answers, and then the gradient at the inputs.
    Gradient,
    /// The second half of a gradient: the cotangents at the answers just given.
    Cotangents,
    /// To end.
    Close,
}

/// The header of a frame; each kind of frame has its fields of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// The number of the request; an answer has that of its request.
    pub id: u64,
    /// What is asked: of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ask: Option<Verb>,
    /// The protocol that is spoken: of `describe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<u32>,
    /// The tensor that follows, where one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tensor: Option<TensorHeader>,
    /// What the worker is: of the answer to `describe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<Told>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Type and shape of the tensor that follows a header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TensorHeader {
    /// Always float32.
    pub dtype: Dtype,
    /// Its shape, the first axis the batch; the elements follow in row-major order.
    pub shape: Vec<usize>,
}

/// Types of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Dtype {
    /// IEEE 754 binary32, little-endian.
    #[serde(rename = "f32")]
    Float32,
}

/// What a worker says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// What its answers are.
    pub gives: Gives,
    /// The number of classes, where it is known.
    #[serde(default)]
    pub classes: Option<usize>,
    /// The shape of one example, `null` for a free axis; empty where it is not known.
    #[serde(default)]
    pub input_shape: Vec<Option<usize>>,
    /// Whether it answers `gradient`.
    #[serde(default)]
    pub gradient: bool,
    /// What computes, with versions.
    #[serde(default)]
    pub engine: Option<String>,
}

/// A frame that was read.
#[derive(Debug, PartialEq)]
pub struct Frame {
    /// Its header.
    pub header: Header,
    /// Its tensor, where the header announces one.
    pub tensor: Option<ArrayD<f32>>,
}

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The pipe was closed between two frames.
    #[error("it closed its stdout")]
    Closed,
    /// The pipe was closed within a frame.
    #[error("it ended in the middle of a frame")]
    Truncated,
    /// Something else was written.
    #[error(
        "it wrote what is no frame to its stdout, which is for frames only: {0:?}. Print to stderr; in Python `import steadfast_worker` before anything prints"
    )]
    Garbage(String),
    /// A header beyond its limit.
    #[error(
        "it announced a header of {0} bytes, and {LONGEST_HEADER} are the most; see docs/worker-protocol.md"
    )]
    LongHeader(u32),
    /// A header that says nothing.
    #[error(
        "it wrote a header that cannot be read ({reason}): {header}; see docs/worker-protocol.md"
    )]
    Header {
        /// What was met.
        reason: String,
        /// The header's beginning.
        header: String,
    },
    /// A tensor larger than any answer to what was asked.
    #[error(
        "it announced a tensor of shape {shape:?}, and an answer here has {most} elements at most"
    )]
    LargeTensor {
        /// As announced.
        shape: Vec<usize>,
        /// The limit.
        most: usize,
    },
    /// The system failed to read.
    #[error("its stdout cannot be read: {0}")]
    Unreadable(io::Error),
}

/// Appends a frame to `buffer`.
pub fn write(buffer: &mut Vec<u8>, header: &Header, tensor: Option<ArrayViewD<'_, f32>>) {
    let header = Header {
        tensor: tensor.as_ref().map(|tensor| TensorHeader {
            dtype: Dtype::Float32,
            shape: tensor.shape().to_vec(),
        }),
        ..header.clone()
    };
    let text = serde_json::to_vec(&header).unwrap_or_default();
    buffer.extend(MARK);
    buffer.extend((text.len() as u32).to_le_bytes());
    buffer.extend(text);
    let Some(tensor) = tensor else { return };
    let values = tensor.as_standard_layout();
    let start = buffer.len();
    buffer.resize(start + 4 * values.len(), 0);
    let places = buffer[start..].as_chunks_mut::<4>().0;
    match values.as_slice() {
        Some(values) => fill(places, values.iter()),
        None => fill(places, values.iter()),
    }
}

fn fill<'a>(places: &mut [[u8; 4]], values: impl Iterator<Item = &'a f32>) {
    for (place, value) in places.iter_mut().zip(values) {
        *place = value.to_le_bytes();
    }
}

/// Reads a frame whose tensor has `most` elements at most, looked up when it has begun;
/// `buffer` is kept from frame to frame.
///
/// # Errors
/// Whatever the bytes are, an error says what is wrong with them.
pub fn read(
    source: &mut impl BufRead,
    most: impl Fn() -> usize,
    buffer: &mut Vec<u8>,
) -> Result<Frame, FrameError> {
    if source
        .fill_buf()
        .map_err(FrameError::Unreadable)?
        .is_empty()
    {
        return Err(FrameError::Closed);
    }
    // What is no frame is recognised by its first byte that is wrong: more may never come.
    for (place, mark) in MARK.into_iter().enumerate() {
        let rest = source.fill_buf().map_err(FrameError::Unreadable)?;
        match rest.first() {
            None => return Err(FrameError::Truncated),
            Some(&byte) if byte == mark => source.consume(1),
            Some(_) => {
                let found = [&MARK[..place], &rest[..rest.len().min(SHOWN)]].concat();
                return Err(FrameError::Garbage(shown(&found)));
            }
        }
    }
    let mut length = [0; 4];
    source.read_exact(&mut length).map_err(unread)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST_HEADER {
        return Err(FrameError::LongHeader(length));
    }
    let text = next(source, length as usize, buffer)?;
    let header: Header = serde_json::from_slice(text).map_err(|error| FrameError::Header {
        reason: error.to_string(),
        header: shown(&text[..text.len().min(SHOWN)]),
    })?;
    let tensor = match &header.tensor {
        None => None,
        Some(announced) => Some(elements(source, &announced.shape, most(), buffer)?),
    };
    Ok(Frame { header, tensor })
}

fn elements(
    source: &mut impl Read,
    shape: &[usize],
    most: usize,
    buffer: &mut Vec<u8>,
) -> Result<ArrayD<f32>, FrameError> {
    let large = || FrameError::LargeTensor {
        shape: shape[..shape.len().min(MOST_AXES)].to_vec(),
        most,
    };
    let count = shape
        .iter()
        .try_fold(1_usize, |count, &axis| count.checked_mul(axis))
        .filter(|&count| count <= most && shape.len() <= MOST_AXES)
        .ok_or_else(large)?;
    let bytes = next(source, 4 * count, buffer)?;
    let values = bytes.as_chunks::<4>().0.iter();
    let values = values.map(|&bytes| f32::from_le_bytes(bytes)).collect();
    ArrayD::from_shape_vec(IxDyn(shape), values).map_err(|_| large())
}

/// The next `length` bytes, in `buffer`, which only grows: to clear it costs as much as to
/// read.
fn next<'a>(
    source: &mut impl Read,
    length: usize,
    buffer: &'a mut Vec<u8>,
) -> Result<&'a [u8], FrameError> {
    if buffer.len() < length {
        buffer.resize(length, 0);
    }
    let bytes = &mut buffer[..length];
    source.read_exact(bytes).map_err(unread)?;
    Ok(bytes)
}

fn unread(error: io::Error) -> FrameError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => FrameError::Truncated,
        _ => FrameError::Unreadable(error),
    }
}

/// Bytes as text, as far as they are text.
fn shown(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(bytes: &[u8], most: usize) -> Result<Frame, FrameError> {
        read(
            &mut io::BufReader::with_capacity(7, bytes),
            || most,
            &mut Vec::new(),
        )
    }

    fn header() -> Header {
        Header {
            id: 7,
            ask: Some(Verb::Predict),
            ..Header::default()
        }
    }

    #[test]
    fn a_frame_is_what_the_page_says() {
        let values = ndarray::arr2(&[[1.0, -2.5]]).into_dyn();
        let mut bytes = Vec::new();
        write(&mut bytes, &header(), Some(values.view()));
        let text = br#"{"id":7,"ask":"predict","tensor":{"dtype":"f32","shape":[1,2]}}"#;
        // 1 is 0x3f800000 and -2.5 is 0xc0200000 (IEEE 754).
        let elements = [0, 0, 0x80, 0x3f, 0, 0, 0x20, 0xc0];
        let expected = [&b"\x89SFW\x3f\0\0\0"[..], text, &elements].concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn text_is_shown_as_it_is() {
        let error = parse(b"Loading the model\n", 9).unwrap_err();
        let FrameError::Garbage(text) = error else {
            panic!("{error}");
        };
        assert!(
            "Loading the model\n".starts_with(&text) && !text.is_empty(),
            "{text}"
        );
    }

    #[test]
    fn sizes_are_held_against_limits() {
        let frame = |text: &str| {
            let length = (text.len() as u32).to_le_bytes();
            [&MARK[..], &length, text.as_bytes()].concat()
        };
        let announced = |shape: &str| {
            frame(&format!(
                r#"{{"id":1,"tensor":{{"dtype":"f32","shape":{shape}}}}}"#
            ))
        };
        // Were they not, these would ask for all memory there is.
        for shape in [
            "[4611686018427387904,4]",
            "[18446744073709551615,2]",
            "[101]",
        ] {
            assert!(matches!(
                parse(&announced(shape), 100),
                Err(FrameError::LargeTensor { .. })
            ));
        }
        // Zero elements are few, whatever the other axes.
        assert!(
            parse(
                &announced("[0,18446744073709551615,18446744073709551615]"),
                100
            )
            .is_err()
        );
        assert!(matches!(
            parse(&announced("[-1]"), 100),
            Err(FrameError::Header { .. })
        ));
        let long = [&MARK[..], &[0xff; 4]].concat();
        assert!(matches!(parse(&long, 1), Err(FrameError::LongHeader(_))));
        let deep = frame(&"[".repeat(60_000));
        assert!(matches!(parse(&deep, 1), Err(FrameError::Header { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_frame_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200), after in 0..9_usize) {
            let _ = parse(&bytes, 1000);
            let mut marked = [&MARK[..], &bytes].concat();
            let _ = parse(&marked, 1000);
            // With a header's length that is right or nearly.
            let length = (bytes.len() as u32).saturating_sub(after as u32);
            marked.splice(4..4, length.to_le_bytes());
            let _ = parse(&marked, 1000);
        }

        #[test]
        fn a_frame_is_read_as_it_was_written(
            rows in 0..5_usize,
            columns in 0..5_usize,
            values in prop::collection::vec(any::<f32>(), 25),
            transposed: bool,
            cut in 1..500_usize,
            flipped in any::<(usize, u8)>(),
        ) {
            let values = ndarray::Array2::from_shape_fn((rows, columns), |(i, j)| values[5 * i + j]);
            let values = if transposed { values.reversed_axes() } else { values }.into_dyn();
            let mut bytes = Vec::new();
            write(&mut bytes, &header(), Some(values.view()));
            let frame = parse(&bytes, 25).unwrap();
            prop_assert_eq!((frame.header.id, frame.header.ask), (7, Some(Verb::Predict)));
            let found = frame.tensor.unwrap();
            prop_assert_eq!(found.shape(), values.shape());
            prop_assert!(found.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
            // A part of it is an error, and a flipped bit is at most another frame.
            if cut < bytes.len() {
                prop_assert!(matches!(
                    parse(&bytes[..bytes.len() - cut], 25),
                    Err(FrameError::Truncated | FrameError::Closed)
                ));
            }
            let place = flipped.0 % bytes.len();
            bytes[place] ^= flipped.1;
            let _ = parse(&bytes, 25);
        }
    }
}
