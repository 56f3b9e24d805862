//! What can be wrong with a data set, each with its cure.

use crate::error::{Error, ErrorKind};

/// A data set that cannot be used: the file, as the spec writes it, and the reason.
#[derive(Debug, thiserror::Error)]
#[error("failed to read the data set {file}: {problem}")]
pub struct DataError {
    /// The file, as the spec writes it.
    pub file: String,
    /// What is wrong, and the cure.
    pub problem: Box<Problem>,
}

impl Problem {
    /// The error of a request.
    pub(super) fn of(self, request: &super::Request) -> DataError {
        DataError {
            file: request.shown.clone(),
            problem: Box::new(self),
        }
    }
}

impl DataError {
    /// Whether an input lies outside the range that was asked for.
    pub fn is_outside_range(&self) -> bool {
        matches!(*self.problem, Problem::OutsideRange { .. })
    }
}

impl From<DataError> for Error {
    fn from(error: DataError) -> Self {
        Self::new(ErrorKind::Unavailable, error)
    }
}

/// What is wrong with a data set. Rows of arrays are counted from zero, and an element
/// is written as NumPy indexes it: `x[17, 0, 3]` is in row 17. Lines of a labels file
/// are counted from one, as editors do.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file is missing, or the system does not give its bytes.
    #[error("{0}")]
    Unreadable(std::io::Error),

    /// No reader is known for the file's extension.
    #[error(
        "its name ends neither in .npz (arrays, as numpy.savez writes them) nor in .csv (the \
         labels of a folder of images)"
    )]
    UnknownFormat,

    /// The file is something else than a zip archive.
    #[error("it is not an .npz archive: {0}")]
    NotAnArchive(&'static str),

    /// The container is broken.
    #[error("the archive is truncated or damaged ({0}); write or fetch it again")]
    DamagedArchive(String),

    /// The bytes of one array are broken.
    #[error("the array `{array}` is truncated or damaged ({reason}); write or fetch it again")]
    DamagedArray {
        /// The array.
        array: String,
        /// What was seen.
        reason: String,
    },

    /// The array is encrypted, or compressed by a method that NumPy does not use.
    #[error(
        "the array `{array}` is {found}; save it with numpy.savez or numpy.savez_compressed, \
         which do neither"
    )]
    UnsupportedMember {
        /// The array.
        array: String,
        /// What was seen.
        found: String,
    },

    /// The array's header is none, too long, or describes no plain array.
    #[error("the header of the array `{array}` is not supported: {reason}")]
    UnsupportedHeader {
        /// The array.
        array: String,
        /// What was seen, and the cure.
        reason: String,
    },

    /// A header that asks for another number of bytes than there are.
    #[error(
        "the header of the array `{array}` describes {described} bytes, but the archive holds \
         {held} for it; the file is damaged: write or fetch it again"
    )]
    SizeMismatch {
        /// The array.
        array: String,
        /// The bytes of header and elements, by the header; at most 2⁶⁴ - 1.
        described: u64,
        /// What the archive can hold of it.
        held: u64,
    },

    /// An array of Python objects.
    #[error(
        "the array `{array}` holds pickled Python objects, which are never loaded \
         (`allow_pickle`); save it as a plain array of numbers or strings: `{array}.astype(...)`"
    )]
    Pickled {
        /// The array.
        array: String,
    },

    /// No array has the name that the spec asks for.
    #[error("there is no array `{array}`, which {key} asks for; {there}")]
    MissingArray {
        /// The array.
        array: String,
        /// The key of the spec.
        key: &'static str,
        /// The arrays that there are, and the nearest of them.
        there: String,
    },

    /// Elements of a type that the key does not take.
    #[error(
        "the array `{array}` holds {found}, but {key} takes {wanted}; \
         save `{array}.astype(\"{cure}\")`"
    )]
    WrongType {
        /// The array.
        array: String,
        /// The key of the spec.
        key: &'static str,
        /// The type, as NumPy names it.
        found: String,
        /// What the key takes.
        wanted: &'static str,
        /// The type to convert to.
        cure: &'static str,
    },

    /// A shape that the key does not take.
    #[error("the array `{array}` has the shape {shape:?}, but {key} takes {wanted}")]
    WrongShape {
        /// The array.
        array: String,
        /// The key of the spec.
        key: &'static str,
        /// The shape.
        shape: Vec<usize>,
        /// What the key takes, and the cure.
        wanted: &'static str,
    },

    /// Two arrays with different numbers of rows.
    #[error(
        "the array `{inputs}` has {examples} rows, but `{array}` ({key}) has {rows}; \
         each must have one row an example"
    )]
    DifferentLengths {
        /// The array of inputs.
        inputs: String,
        /// Its rows.
        examples: usize,
        /// The other array.
        array: String,
        /// Its key.
        key: &'static str,
        /// Its rows.
        rows: usize,
    },

    /// NaN, an infinity, or a number beyond float32.
    #[error(
        "`{element}` is {value}, not a finite float32 number; \
         replace such values or leave out their rows before saving"
    )]
    NotFinite {
        /// The element, as NumPy indexes it.
        element: String,
        /// The value.
        value: String,
    },

    /// An input outside `data.range`.
    #[error(
        "`{element}` is {value}, outside data.range = [{low}, {high}]; \
         set data.range to the range of what the model is given, or rescale the array"
    )]
    OutsideRange {
        /// The element, as NumPy indexes it.
        element: String,
        /// The value.
        value: String,
        /// The lower end of the range.
        low: f64,
        /// The upper end of the range.
        high: f64,
    },

    /// A range that is none.
    #[error("data.range = [{0}, {1}] is not two finite float32 numbers, the lower first")]
    InvalidRange(f64, f64),

    /// Labels that are quantities.
    #[error(
        "the labels `{array}` are {type_name}, with fractions or hardly a number twice, as the \
         targets of a regression are; labels are classes, numbered from 0: classifiers only as yet"
    )]
    Regression {
        /// The array.
        array: String,
        /// Its type.
        type_name: String,
    },

    /// A label below zero, or beyond what this machine counts to.
    #[error("the label `{element}` is {value}; number the classes 0, 1, 2 and so on")]
    InvalidLabel {
        /// The element, as NumPy indexes it.
        element: String,
        /// The value.
        value: i128,
    },

    /// A label that no class of the model has.
    #[error(
        "the label {place} is {value}, but the model has {classes} classes, numbered from 0; \
         check that this data set belongs to this model"
    )]
    LabelBeyondClasses {
        /// Where it is.
        place: String,
        /// The value.
        value: usize,
        /// The number of classes of the model.
        classes: usize,
    },

    /// A string that is not valid Unicode.
    #[error("`{element}` is not valid Unicode; save the array as `astype(\"U\")`")]
    InvalidText {
        /// The element, as NumPy indexes it.
        element: String,
    },

    /// Two examples with one id.
    #[error(
        "the id \"{id}\" is given to both {first} and {second}; \
         make ids unique, or leave out data.ids to use the position in the file"
    )]
    DuplicateId {
        /// The id.
        id: String,
        /// Where it is first.
        first: String,
        /// Where it is again.
        second: String,
    },

    /// A limit that cannot be drawn.
    #[error(
        "data.limit = {limit} cannot be drawn from {examples} examples; \
         set it from 1 to {examples}, or leave it out to use them all"
    )]
    Limit {
        /// What the spec asks for.
        limit: usize,
        /// The examples in the file.
        examples: usize,
    },

    /// More than the spec allows.
    #[error(
        "the array `{array}` would take the unpacked arrays to {bytes} bytes, and [data] unpacked_limit allows {limit}. Raise it (unpacked_limit = \"32 GiB\") where the data are as large as that, or save fewer examples"
    )]
    TooLarge {
        /// The array.
        array: String,
        /// What all arrays until then take.
        bytes: u64,
        /// What they may take.
        limit: u64,
    },

    /// More than the machine's memory.
    #[error("the array `{array}` does not fit into memory; save fewer examples")]
    OutOfMemory {
        /// The array.
        array: String,
    },

    /// A labels file without rows.
    #[error("{0}")]
    NoRows(&'static str),

    /// The labels file cannot be told into rows.
    #[error("its rows cannot be read ({0})")]
    UnreadableRows(String),

    /// A row that is not UTF-8 text.
    #[error("line {line} is not valid UTF-8 text; save the file as UTF-8")]
    NotUnicode {
        /// The line.
        line: u64,
    },

    /// No column has the name that the spec asks for.
    #[error("there is no column `{column}`, which {key} asks for; {there}")]
    MissingColumn {
        /// The column.
        column: String,
        /// The key of the spec.
        key: &'static str,
        /// The columns that there are, and the nearest of them.
        there: String,
    },

    /// Two columns have the name that the spec asks for.
    #[error("two columns are called `{column}`; give each its own name")]
    DuplicateColumn {
        /// The name.
        column: String,
    },

    /// A row with another number of values than the header.
    #[error(
        "the header has {columns} columns, and line {line} has {values}; \
         put a value that holds a comma or a quote into double quotes"
    )]
    RaggedRow {
        /// The line.
        line: u64,
        /// The values of the row.
        values: u64,
        /// The names in the header.
        columns: u64,
    },

    /// A row without a value that the spec asks for.
    #[error("line {line} has no value in the column `{column}` ({key}); every row needs one")]
    EmptyValue {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// The key of the spec.
        key: &'static str,
    },

    /// A label that is no class number.
    #[error(
        "the label on line {line} is \"{value}\" (column `{column}`), which is no class number; \
         number the classes 0, 1, 2 and so on"
    )]
    NoClassNumber {
        /// The line.
        line: u64,
        /// The column.
        column: String,
        /// The value.
        value: String,
    },

    /// An image that cannot be used.
    #[error("line {line}: the image {image} {fault}")]
    Image {
        /// The line of the labels file.
        line: u64,
        /// The image, as the labels file writes it.
        image: String,
        /// What is wrong with it, and the cure.
        fault: ImageFault,
    },
}

/// What is wrong with one image of a folder, to be read after its name.
#[derive(Debug, thiserror::Error)]
pub enum ImageFault {
    /// Its path is absolute, or leads upwards.
    #[error(
        "lies outside the folder of the labels file; write paths relative to that folder, \
         without `..`"
    )]
    OutsideFolder,

    /// There is no such file.
    #[error(
        "is not there{}; paths are relative to the folder of the labels file, and large files \
         may need `git lfs pull`", and_more(*.more)
    )]
    Missing {
        /// How many other images are not there.
        more: usize,
    },

    /// It is a folder or a device.
    #[error("is no file; name the file of one image")]
    NoFile,

    /// The system does not give its bytes.
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),

    /// A file without bytes.
    #[error("is an empty file; write or fetch it again")]
    Empty,

    /// A file that is longer than any image that is read.
    #[error("has {0} bytes, and at most 64 MiB are read; save it smaller")]
    TooLong(u64),

    /// Neither a PNG nor a JPEG file.
    #[error("is neither PNG nor JPEG but {found}; {cure}")]
    Unrecognised {
        /// What it is.
        found: &'static str,
        /// The cure.
        cure: &'static str,
    },

    /// A kind of image that is not read.
    #[error("{found}, and 8-bit grey and RGB are read; {cure}")]
    Unsupported {
        /// What it is.
        found: &'static str,
        /// The cure.
        cure: &'static str,
    },

    /// More pixels than any model takes.
    #[error(
        "has {width} × {height} pixels, and at most 4096 × 4096 are read; save it in the size \
         that the model takes"
    )]
    TooManyPixels {
        /// Pixels.
        width: usize,
        /// Pixels.
        height: usize,
    },

    /// Its bytes are no whole image.
    #[error("is truncated or damaged ({0}); write or fetch it again")]
    Damaged(String),

    /// Another shape than the first image's.
    #[error(
        "has {shape}, but {first} has {first_shape}; bring all images to one size and to grey \
         or RGB"
    )]
    DifferentShape {
        /// Its shape in words.
        shape: String,
        /// The first image.
        first: String,
        /// The first image's shape in words.
        first_shape: String,
    },

    /// The file is another than it was when the data set was opened.
    #[error("was changed while it was in use; let the files be, and run again")]
    Changed,
}

fn and_more(more: usize) -> String {
    match more {
        0 => String::new(),
        more => format!(", and {more} more are not"),
    }
}

/// A clause that lists the names that `holder` holds, and the one that is nearest to
/// `wanted`.
pub(super) fn what_there_is<'a>(
    holder: &str,
    names: impl IntoIterator<Item = &'a str>,
    wanted: &str,
) -> String {
    let names: Vec<String> = names
        .into_iter()
        .map(|name| name.escape_debug().to_string())
        .collect();
    let mut text = format!("{holder} holds `{}`", names.join("`, `"));
    if let [only] = names.as_slice()
        && [";", "\\t", "|"].iter().any(|other| only.contains(other))
    {
        text.push_str(". Values are separated by commas");
    }
    let nearest = names
        .iter()
        .map(|there| {
            let likeness = strsim::jaro_winkler(&there.to_lowercase(), &wanted.to_lowercase());
            (likeness, there)
        })
        .max_by(|(a, _), (b, _)| a.total_cmp(b));
    if let Some((likeness, nearest)) = nearest
        && likeness >= 0.7
        && names.len() > 1
    {
        text.push_str(&format!("; did you mean `{nearest}`?"));
    }
    text
}
