//! Accepted outcomes: the file, looking one up with its anchor, files that no case asks
//! for, what becomes of two that branches accepted, and the lock over all of them.
//!
//! Nothing in this crate calls [`write()`] by itself: only the subcommand's verbs that
//! change baselines do.

mod file;
mod folder;
mod git;
mod grown;
mod lock;
mod merge;
mod references;
mod stated;

pub use file::{
    Accepted, BaselineError, BaselineFile, BaselineMetric, Blessing, Counts, Draft, Retrain,
    RetrainMetric, SCHEMA, parse, render,
};
pub use folder::{
    ANCHORS, FOLDER, Lookup, anchor_path, case_of, files, look_up, look_up_anchor, look_up_at,
    path, temporary_files, total_size, write, write_beside,
};
#[cfg(feature = "git")]
pub use git::{Sides, find, sides, unmerged};
pub use grown::{Common, ENOUGH, ExamplesSeen, common, is_enough};
pub use lock::{Lock, hold, share};
pub use merge::{Side, join, joined, merge};
pub use references::{Anchor, References};
pub use stated::accepted_metrics;
