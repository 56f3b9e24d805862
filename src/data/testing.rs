//! Files for tests, written by the format's description and not by this module's
//! readers.

use std::io::{Cursor, Write};
use std::path::PathBuf;

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::Request;

/// The arrays `x` and `y` of a file, and nothing else of it.
pub(crate) fn arrays(path: PathBuf, range: (f64, f64)) -> Request {
    Request {
        shown: path.display().to_string(),
        path,
        inputs: "x".to_owned(),
        labels: "y".to_owned(),
        ids: None,
        cluster: None,
        slice: None,
        range,
        unpacked_limit: 8 << 30,
        limit: None,
    }
}

/// An array in NumPy's format, version 1.0, as NumPy pads it.
pub(crate) fn npy(descr: &str, fortran: bool, shape: &[usize], data: &[u8]) -> Vec<u8> {
    let lengths: String = shape.iter().map(|length| format!("{length}, ")).collect();
    let order = if fortran { "True" } else { "False" };
    let header =
        format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({lengths}), }}");
    raw_npy([1, 0], &header, data)
}

/// An array with any header, padded with spaces to a multiple of 64 bytes.
pub(crate) fn raw_npy([major, minor]: [u8; 2], header: &str, data: &[u8]) -> Vec<u8> {
    let before = if major == 1 { 10 } else { 12 };
    let length = (before + header.len() + 1).next_multiple_of(64) - before;
    let mut bytes = b"\x93NUMPY".to_vec();
    bytes.extend([major, minor]);
    match major {
        1 => bytes.extend((length as u16).to_le_bytes()),
        _ => bytes.extend((length as u32).to_le_bytes()),
    }
    bytes.extend(format!("{header:<width$}\n", width = length - 1).bytes());
    bytes.extend(data);
    bytes
}

pub(crate) fn float32(shape: &[usize], values: &[f32]) -> Vec<u8> {
    npy(
        "<f4",
        false,
        shape,
        &bytes(values, |value| value.to_le_bytes()),
    )
}

pub(crate) fn float64(shape: &[usize], values: &[f64]) -> Vec<u8> {
    npy(
        "<f8",
        false,
        shape,
        &bytes(values, |value| value.to_le_bytes()),
    )
}

pub(crate) fn int64(values: &[i64]) -> Vec<u8> {
    npy(
        "<i8",
        false,
        &[values.len()],
        &bytes(values, |value| value.to_le_bytes()),
    )
}

/// `<U`: UTF-32, as wide as the longest.
pub(crate) fn unicode(values: &[&str]) -> Vec<u8> {
    let width = values
        .iter()
        .map(|value| value.chars().count())
        .max()
        .unwrap()
        .max(1);
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.chars().chain(std::iter::repeat('\0')).take(width))
        .flat_map(|character| u32::from(character).to_le_bytes())
        .collect();
    npy(&format!("<U{width}"), false, &[values.len()], &data)
}

pub(crate) fn bytes<T: Copy, const N: usize>(values: &[T], to: impl Fn(T) -> [u8; N]) -> Vec<u8> {
    values.iter().flat_map(|&value| to(value)).collect()
}

/// An archive as `numpy.savez` writes it.
pub(crate) fn npz(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    archive(arrays, CompressionMethod::Stored)
}

/// An archive as `numpy.savez_compressed` writes it.
pub(crate) fn npz_compressed(arrays: &[(&str, Vec<u8>)]) -> Vec<u8> {
    archive(arrays, CompressionMethod::Deflated)
}

fn archive(arrays: &[(&str, Vec<u8>)], method: CompressionMethod) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    // NumPy always writes the zip64 fields.
    let options = SimpleFileOptions::default()
        .compression_method(method)
        .large_file(true);
    for (name, bytes) in arrays {
        zip.start_file(format!("{name}.npy"), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}
