//! Accepted outcomes: the file, looking one up with its anchor, and files that no
//! case asks for.
//!
//! Nothing in this crate calls [`write()`] by itself: only the subcommand's `bless`
//! does.

mod file;
mod folder;
mod grown;
mod references;
mod stated;
mod tag;

pub use file::{
    Accepted, BaselineError, BaselineFile, BaselineMetric, Blessing, Counts, Draft, Retrain,
    RetrainMetric, SCHEMA, parse, render,
};
pub use folder::{
    ANCHORS, FOLDER, Lookup, anchor_path, files, look_up, path, remove_anchor, total_size, write,
    write_anchor,
};
pub use grown::{Common, ENOUGH, ExamplesSeen, common, is_enough};
pub use references::{Anchor, References};
pub use stated::accepted_metrics;
