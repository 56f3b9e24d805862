//! Accepted outcomes: the file, looking one up, and files that no case asks for.
//!
//! Nothing in this crate calls [`write()`] by itself: only the subcommand's `bless`
//! does.

mod file;
mod folder;

pub use file::{
    Accepted, BaselineError, BaselineFile, BaselineMetric, Counts, Draft, SCHEMA, parse, render,
};
pub use folder::{FOLDER, Lookup, files, look_up, path, total_size, write};
