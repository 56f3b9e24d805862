//! The `.npz` container: a zip archive with one member `NAME.npy` for each array
//! (<https://numpy.org/doc/stable/reference/generated/numpy.savez.html>).
//!
//! Nothing is allocated on the word of a header: an array's bytes are computed
//! from its shape and compared with what the member, and so the file, can hold.
//! What is in a member is `npy`'s business.

use std::io::{self, Cursor, Read};

use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::Problem;
use super::array::{Array, Role};
use super::error::what_there_is;
use super::npy::{Header, damaged};
use super::table::INPUTS;

/// The bytes that one byte of DEFLATE can stand for at most: four matches of 258
/// bytes, each of one bit for the length and one for the distance (RFC 1951).
const MOST_EXPANSION: u64 = 4 * 258;

/// An archive whose directory was read.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    length: u64,
    /// The bytes of the arrays that were read.
    unpacked: u64,
    /// The most that they may be.
    limit: u64,
}

impl<'a> Archive<'a> {
    /// Reads the directory of the archive that `bytes` are, of which arrays of `limit` bytes
    /// may be read.
    pub fn open(bytes: &'a [u8], limit: u64) -> Result<Self, Problem> {
        if !bytes.starts_with(b"PK") {
            return Err(Problem::NotAnArchive(if bytes.is_empty() {
                "the file is empty"
            } else if bytes.starts_with(b"\x93NUMPY") {
                "it is a single array (.npy); save it and the labels with numpy.savez"
            } else if bytes.starts_with(b"version https://git-lfs") {
                "it is a Git LFS pointer; fetch the file with `git lfs pull`"
            } else {
                "it does not begin as a zip file does; save the arrays with numpy.savez"
            }));
        }
        let zip = ZipArchive::new(Cursor::new(bytes))
            .map_err(|error| Problem::DamagedArchive(error.to_string()))?;
        if zip.has_duplicate_names() {
            return Err(Problem::DamagedArchive(
                "two arrays have the same name".to_owned(),
            ));
        }
        Ok(Self {
            zip,
            length: bytes.len() as u64,
            unpacked: 0,
            limit,
        })
    }

    /// Reads the array `name` for `role`.
    pub fn array(&mut self, name: &str, role: &Role) -> Result<Array, Problem> {
        let index = [format!("{name}.npy"), name.to_owned()]
            .iter()
            .find_map(|member| self.zip.index_for_name(member));
        let Some(index) = index else {
            return Err(Problem::MissingArray {
                array: name.to_owned(),
                key: role.key,
                there: self.what_there_is(name),
            });
        };
        let (length, limit) = (self.length, self.limit);
        let mut file = self
            .zip
            .by_index(index)
            .map_err(|error| unreadable(name, &error))?;
        let method = file.compression();
        if !matches!(
            method,
            CompressionMethod::Stored | CompressionMethod::Deflated
        ) {
            return Err(Problem::UnsupportedMember {
                array: name.to_owned(),
                found: format!("compressed by another method than deflate ({method})"),
            });
        }
        let (header, header_bytes) = Header::read(&mut file, name)?;
        if !role.kinds.contains(&header.kind) {
            return Err(role.wrong_type(name, &header.type_name));
        }

        // The most that the member can hold, whatever its header and the directory say.
        let held = file
            .compressed_size()
            .min(length)
            .saturating_mul(MOST_EXPANSION)
            .min(file.size());
        let expected = header.bytes().unwrap_or(usize::MAX);
        let described = (expected as u64).saturating_add(header_bytes as u64);
        if described != file.size() || described > held {
            return Err(Problem::SizeMismatch {
                array: name.to_owned(),
                described,
                held,
            });
        }

        // Inputs become float32.
        let elements = header.shape.iter().map(|&size| size as u64);
        let as_floats = elements.fold(4, u64::saturating_mul);
        let takes = match role.key == INPUTS.key {
            true => (expected as u64).max(as_floats),
            false => expected as u64,
        };
        let all = self.unpacked.saturating_add(takes);
        if all > limit {
            return Err(Problem::TooLarge {
                array: name.to_owned(),
                bytes: all,
                limit,
            });
        }
        self.unpacked = all;
        let mut bytes = Vec::new();
        bytes
            .try_reserve_exact(expected)
            .map_err(|_| Problem::OutOfMemory {
                array: name.to_owned(),
            })?;
        // Read to the end, where the checksum is compared.
        file.read_to_end(&mut bytes)
            .map_err(|error| damaged(name, &error))?;
        if bytes.len() != expected {
            return Err(damaged(name, &io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(Array {
            name: name.to_owned(),
            values: header.values(bytes, name)?,
            shape: header.shape,
            fortran: header.fortran,
            type_name: header.type_name,
        })
    }

    /// A clause that lists the arrays, and the one whose name is nearest to `name`.
    fn what_there_is(&self, name: &str) -> String {
        let names = self.zip.file_names_raw().map(|member| {
            let member = String::from_utf8_lossy(member);
            member.strip_suffix(".npy").unwrap_or(&member).to_owned()
        });
        let names: Vec<String> = names.collect();
        match names.is_empty() {
            true => "the file holds no array".to_owned(),
            false => what_there_is("the file", names.iter().map(String::as_str), name),
        }
    }
}

/// Why a member of the archive cannot be read at all.
fn unreadable(name: &str, error: &ZipError) -> Problem {
    let array = name.to_owned();
    match error {
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => Problem::UnsupportedMember {
            array,
            found: "encrypted".to_owned(),
        },
        error => Problem::DamagedArray {
            array,
            reason: error.to_string(),
        },
    }
}
