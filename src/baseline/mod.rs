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
    ANCHORS, FOLDER, Lookup, anchor_path, case_of, files, find_anchor, has_anchor, look_up,
    look_up_at, path, settle_all, temporary_files, total_size, waiting_anchor_path, write,
    write_beside,
};
#[cfg(feature = "git")]
pub use git::{Sides, find, sides};
pub use git::{is_unmerged, unmerged};
pub use grown::{Common, ENOUGH, ExamplesSeen, common, is_enough};
pub use lock::{Alone, Lock, hold, share};
pub use merge::{Side, joined, merge, merge_alone};
pub use references::{Anchor, References};
pub use stated::accepted_metrics;
