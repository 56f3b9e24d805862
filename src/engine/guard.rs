//! Panics of a model, turned into messages: a model that panics fails its own
//! case and no other.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::sync::Once;

use crate::text::{Page, warn};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static MESSAGE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Makes guarded panics silent: their message and place go into the case's own
/// failure. Other panics are reported as Rust does, but for what a message may hold of
/// others' words: an engine's threads, which nobody guards, name the tensors of a graph.
pub fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        std::panic::set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                return report(info);
            }
            let place = info.location().map_or(String::new(), |place| {
                format!(" at {}:{}", place.file(), place.line())
            });
            let text = payload_text(info.payload());
            MESSAGE.set(Some(format!("{text}{place}")));
        }));
    });
}

fn report(info: &PanicHookInfo<'_>) {
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("<unnamed>");
    let mut page = Page::of(format_args!("thread '{name}' panicked at {place}:"));
    page.line(payload_text(info.payload()));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        trace.to_string().lines().for_each(|line| page.line(line));
    }
    warn(&page);
}

fn payload_text(payload: &dyn std::any::Any) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "a panic without a message".to_owned()
    }
}

/// Runs `work`; a panic in it becomes `Err` with its message.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    let outer = GUARDED.replace(true);
    MESSAGE.set(None);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.map_err(|payload| {
        MESSAGE
            .take()
            .unwrap_or_else(|| payload_text(payload.as_ref()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message() {
        assert_eq!(guarded(|| 3), Ok(3));
        let text = guarded(|| panic!("out of {}", "luck")).unwrap_err();
        assert!(text.starts_with("out of luck"), "{text}");
    }
}
