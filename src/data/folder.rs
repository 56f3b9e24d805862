//! A folder of images beside its labels file.
//!
//! Opening reads and hashes every file once and looks at its header; no pixels are
//! kept. An image is decoded when it is asked for, from bytes that have the digest
//! that they had then: any number of images takes the memory of those in hand.

use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use ndarray::{ArrayD, IxDyn};
use rayon::prelude::*;

use super::image::{self, Shape};
use super::labels::{self, Wanted};
use super::{Columns, ImageFault, Problem, Request, table};
use crate::digest::{Digest, Hasher};
use crate::fence::Fence;
use crate::file::Refusal;

/// The longest image file that is read, in bytes: more than an uncompressed image of
/// the most pixels has.
const LONGEST: u64 = 64 << 20;

/// The images of some rows.
#[derive(Debug)]
pub(super) struct Images {
    fence: Fence,
    folder: PathBuf,
    rows: Vec<Row>,
    shape: Shape,
    /// What each level stands for.
    levels: Box<[f32; 256]>,
}

/// An image as it was when the data set was opened.
#[derive(Clone, Debug)]
struct Row {
    /// Of the labels file, from 1.
    line: u64,
    path: String,
    digest: Digest,
}

/// Opens the data set that the labels file of `request`, which `bytes` are, is of:
/// the images, the other columns, and the digest of them all.
pub(super) fn open(
    bytes: &[u8],
    request: &Request,
    fence: &Fence,
) -> Result<(Images, Columns, Digest), Problem> {
    table::check_range(request.range)?;
    let optional = [
        (table::IDS.key, &request.ids),
        (table::CLUSTER.key, &request.cluster),
        (table::SLICE.key, &request.slice),
    ];
    let mut wanted = vec![
        Wanted {
            key: table::INPUTS.key,
            column: &request.inputs,
        },
        Wanted {
            key: table::LABELS.key,
            column: &request.labels,
        },
    ];
    wanted.extend(optional.iter().filter_map(|(key, column)| {
        let column = column.as_deref()?;
        Some(Wanted { key, column })
    }));
    let labels::Labels { lines, columns } = labels::read(bytes, &wanted)?;
    let mut columns = columns.into_iter();
    let paths = columns.next().unwrap_or_default();
    let classes = classes(&columns.next().unwrap_or_default(), &lines, &request.labels)?;
    let mut next = |column: &Option<String>| column.as_ref().and_then(|_| columns.next());
    let ids = match next(&request.ids) {
        None => (0..paths.len()).map(|row| row.to_string()).collect(),
        Some(ids) => {
            table::check_unique(&ids, |row| line(&lines, row))?;
            ids
        }
    };
    let (clusters, slices) = (next(&request.cluster), next(&request.slice));

    let folder = of(&request.path)?;
    let (rows, shape) = examine(fence, &folder, paths, &lines)?;
    let mut hasher = Hasher::default();
    hasher.update(Digest::of(bytes).to_string().as_bytes());
    for row in &rows {
        hasher.update(row.digest.to_string().as_bytes());
    }
    let images = Images {
        fence: fence.clone(),
        folder,
        rows,
        shape,
        levels: Box::new(std::array::from_fn(|level| {
            table::level(level as u8, request.range)
        })),
    };
    let columns = Columns {
        labels: classes,
        ids,
        clusters,
        slices,
    };
    Ok((images, columns, hasher.finish()))
}

/// The folder that the paths of a labels file are relative to.
pub(super) fn of(labels: &Path) -> Result<PathBuf, Problem> {
    let labels = std::path::absolute(labels).map_err(Problem::Unreadable)?;
    Ok(labels.parent().unwrap_or(&labels).to_owned())
}

/// Where a row is, in words.
fn line(lines: &[u64], row: usize) -> String {
    format!("line {}", lines.get(row).copied().unwrap_or_default())
}

fn classes(values: &[String], lines: &[u64], column: &str) -> Result<Vec<usize>, Problem> {
    values
        .iter()
        .zip(lines)
        .map(|(value, &line)| {
            value.parse().map_err(|_| Problem::NoClassNumber {
                line,
                column: column.to_owned(),
                value: value.clone(),
            })
        })
        .collect()
}

/// Hashes every image and looks at its header. The fault that is reported is the
/// first one's, whatever the threads do.
fn examine(
    fence: &Fence,
    folder: &Path,
    paths: Vec<String>,
    lines: &[u64],
) -> Result<(Vec<Row>, Shape), Problem> {
    let found: Vec<Result<(Digest, Shape), ImageFault>> = paths
        .par_iter()
        .map(|path| {
            let bytes = read(fence, folder, path)?;
            Ok((Digest::of(&bytes), image::shape(&bytes)?))
        })
        .collect();
    let is_missing =
        |found: &&Result<_, ImageFault>| matches!(found, Err(ImageFault::Missing { .. }));
    let missing = found.iter().filter(is_missing).count();
    let mut rows: Vec<Row> = Vec::with_capacity(paths.len());
    let mut first: Option<Shape> = None;
    for ((path, found), &line) in paths.into_iter().zip(found).zip(lines) {
        let first_path = rows.first().map_or("", |row: &Row| &row.path);
        let digest = found.and_then(|(digest, shape)| match *first.get_or_insert(shape) {
            first if first == shape => Ok(digest),
            first => Err(ImageFault::DifferentShape {
                shape: in_words(shape),
                first: first_path.to_owned(),
                first_shape: in_words(first),
            }),
        });
        match digest {
            Ok(digest) => rows.push(Row { line, path, digest }),
            Err(fault) => {
                let fault = match fault {
                    ImageFault::Missing { .. } => ImageFault::Missing { more: missing - 1 },
                    other => other,
                };
                return Err(Problem::Image {
                    line,
                    image: path,
                    fault,
                });
            }
        }
    }
    Ok((rows, first.unwrap_or_default()))
}

fn in_words([channels, height, width]: Shape) -> String {
    let colours = if channels == 1 { "grey" } else { "RGB" };
    format!("{width} × {height} pixels, {colours}")
}

/// The bytes of an image, whose path is relative to `folder` and stays in it; what its
/// links lead to is within the `fence`.
fn read(fence: &Fence, folder: &Path, path: &str) -> Result<Vec<u8>, ImageFault> {
    let path = Path::new(path);
    let stays = path
        .components()
        .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !stays {
        return Err(ImageFault::OutsideFolder);
    }
    let file = fence.open(&folder.join(path)).map_err(unreadable)?;
    let about = file.metadata().map_err(unreadable)?;
    if about.len() > LONGEST {
        return Err(ImageFault::TooLong(about.len()));
    }
    let mut bytes = Vec::with_capacity(about.len() as usize + 1);
    file.take(LONGEST)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    Ok(bytes)
}

fn unreadable(error: io::Error) -> ImageFault {
    match (Refusal::of(&error), error.kind()) {
        (Some(Refusal::Irregular { .. }), _) => ImageFault::NoFile,
        (_, io::ErrorKind::NotFound) => ImageFault::Missing { more: 0 },
        _ => ImageFault::Unreadable(error),
    }
}

impl Images {
    /// `[channels, height, width]`.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Only the images of `rows`.
    pub fn select(self, rows: &[usize]) -> Self {
        Self {
            rows: super::pick(&self.rows, rows),
            ..self
        }
    }

    /// Where a row is, in words.
    pub fn place(&self, row: usize) -> String {
        let line = self.rows.get(row).map_or(0, |row| row.line);
        format!("on line {line}")
    }

    /// The digest of an image's file.
    pub fn digest(&self, row: usize) -> &Digest {
        &self.rows[row].digest
    }

    /// Decodes an image, of [this shape](Self::shape).
    pub fn decode(&self, row: usize) -> Result<ArrayD<f32>, Problem> {
        let row = &self.rows[row];
        self.planes(row).map_err(|fault| Problem::Image {
            line: row.line,
            image: row.path.clone(),
            fault,
        })
    }

    fn planes(&self, row: &Row) -> Result<ArrayD<f32>, ImageFault> {
        let bytes = read(&self.fence, &self.folder, &row.path)?;
        if Digest::of(&bytes) != row.digest {
            return Err(ImageFault::Changed);
        }
        let (levels, shape) = image::decode(&bytes)?;
        let [channels, height, width] = shape;
        let mut values = Vec::with_capacity(levels.len());
        for channel in 0..channels {
            let plane = levels.iter().skip(channel).step_by(channels);
            values.extend(plane.map(|&level| self.levels[usize::from(level)]));
        }
        ArrayD::from_shape_vec(IxDyn(&[channels, height, width]), values)
            .map_err(|error| ImageFault::Damaged(error.to_string()))
    }
}
