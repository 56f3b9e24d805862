//! A record: as it is, and without its digest, so that what stands behind that is read as well.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast::record::Record;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.json");
    std::fs::write(&path, bytes).expect("a file");
    drop(Record::open(&path));
    if let Ok(record) = serde_json::from_slice::<Record>(bytes) {
        drop(record.run_in(path));
    }
});
