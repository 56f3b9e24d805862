//! The labels file: comma-separated values with a header row (RFC 4180), of which
//! the columns that a spec names are read as text.
//!
//! What the columns mean is `folder`'s business.

use csv::{ErrorKind, ReaderBuilder, Trim};

use super::Problem;
use super::error::what_there_is;

/// A column that a key of the spec names.
pub(super) struct Wanted<'a> {
    pub key: &'static str,
    pub column: &'a str,
}

/// The rows of a labels file.
#[derive(Debug, Default)]
pub(super) struct Labels {
    /// The line on which each row begins, from 1.
    pub lines: Vec<u64>,
    /// The columns that were wanted, in that order: no value is empty.
    pub columns: Vec<Vec<String>>,
}

/// Reads the columns that are wanted. White space around values and names is no part
/// of them.
pub(super) fn read(bytes: &[u8], wanted: &[Wanted<'_>]) -> Result<Labels, Problem> {
    if bytes.is_empty() {
        return Err(Problem::NoRows(
            "the file is empty; write a header row, and a row for each image",
        ));
    }
    if bytes.starts_with(b"version https://git-lfs") {
        return Err(Problem::NoRows(
            "it is a Git LFS pointer; fetch the file with `git lfs pull`",
        ));
    }
    let mut lines = Lines {
        bytes,
        offset: 0,
        line: 1,
    };
    let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(bytes);
    let header = reader
        .headers()
        .map_err(|error| fault(error, &mut lines))?
        .clone();
    let places = wanted
        .iter()
        .map(|wanted| {
            let mut places = header
                .iter()
                .enumerate()
                .filter(|(_, name)| *name == wanted.column)
                .map(|(place, _)| place);
            match (places.next(), places.next()) {
                (Some(place), None) => Ok(place),
                (Some(_), Some(_)) => Err(Problem::DuplicateColumn {
                    column: wanted.column.to_owned(),
                }),
                (None, _) => Err(Problem::MissingColumn {
                    column: wanted.column.to_owned(),
                    key: wanted.key,
                    there: what_there_is("the header", &header, wanted.column),
                }),
            }
        })
        .collect::<Result<Vec<usize>, _>>()?;

    let mut labels = Labels {
        columns: vec![Vec::new(); wanted.len()],
        ..Labels::default()
    };
    for record in reader.records() {
        let record = record.map_err(|error| fault(error, &mut lines))?;
        let line = lines.at(record.position().map_or(0, csv::Position::byte));
        labels.lines.push(line);
        for ((column, wanted), &place) in labels.columns.iter_mut().zip(wanted).zip(&places) {
            match record.get(place) {
                Some(value) if !value.is_empty() => column.push(value.to_owned()),
                _ => {
                    return Err(Problem::EmptyValue {
                        line,
                        column: wanted.column.to_owned(),
                        key: wanted.key,
                    });
                }
            }
        }
    }
    if labels.lines.is_empty() {
        return Err(Problem::NoRows(
            "there is no row below the header; write one for each image",
        ));
    }
    Ok(labels)
}

fn fault(error: csv::Error, lines: &mut Lines<'_>) -> Problem {
    let mut line = |position: &Option<csv::Position>| {
        lines.at(position.as_ref().map_or(0, csv::Position::byte))
    };
    match error.kind() {
        ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => Problem::RaggedRow {
            line: line(pos),
            values: *len,
            columns: *expected_len,
        },
        ErrorKind::Utf8 { pos, .. } => Problem::NotUnicode { line: line(pos) },
        _ => Problem::UnreadableRows(error.to_string()),
    }
}

/// Counts lines up to rows that come one after the other. The reader's own positions
/// are where the row before ended: before its end of line, and before empty lines.
struct Lines<'a> {
    bytes: &'a [u8],
    offset: usize,
    line: u64,
}

impl Lines<'_> {
    /// The line of the row whose position is at `byte`.
    fn at(&mut self, byte: u64) -> u64 {
        let byte = usize::try_from(byte).unwrap_or(usize::MAX);
        while let Some(&next) = self.bytes.get(self.offset)
            && (self.offset < byte || matches!(next, b'\r' | b'\n'))
        {
            self.offset += 1;
            // A carriage return ends a line, too, by itself or with what follows it.
            let ends =
                next == b'\n' || next == b'\r' && self.bytes.get(self.offset) != Some(&b'\n');
            self.line += u64::from(ends);
        }
        self.line
    }
}
