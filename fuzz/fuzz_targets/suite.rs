//! `suite.toml`.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use steadfast::spec::{Source, parse_suite};

fuzz_target!(|text: &str| {
    let source = Arc::new(Source {
        path: "robustness-specs/suite.toml".to_owned(),
        text: text.to_owned(),
    });
    if let Err(error) = parse_suite(&source, &steadfast::builtin::catalogue()) {
        drop(error.page().to_string());
    }
});
