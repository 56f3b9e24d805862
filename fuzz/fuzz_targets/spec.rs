//! A spec, and its cases.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use steadfast::spec::{Source, Suite, cases, parse_spec};

fuzz_target!(|text: &str| {
    let source = Arc::new(Source {
        path: "robustness-specs/fuzz.toml".to_owned(),
        text: text.to_owned(),
    });
    let catalogue = steadfast::builtin::catalogue();
    match parse_spec("fuzz", &source, &Suite::default(), &catalogue) {
        Ok(spec) => drop(cases(&Arc::new(spec))),
        Err(error) => drop(error.page().to_string()),
    }
});
