//! A baseline: as it is, and sealed anew, so that what stands behind its digest is read as well.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast::baseline::{BaselineFile, parse, render};
use steadfast::digest::Digest;

fuzz_target!(|bytes: &[u8]| {
    drop(parse("baselines/fuzz.json", "digits::identity", bytes));
    let Ok(mut file) = serde_json::from_slice::<BaselineFile>(bytes) else {
        return;
    };
    file.inputs_digest = Digest::of_json(&file.inputs);
    file.seal();
    let case = file.case.clone();
    if let Ok(read) = parse("baselines/fuzz.json", &case, render(&file).as_bytes()) {
        assert_eq!(read, file);
        drop(read.run());
    }
});
