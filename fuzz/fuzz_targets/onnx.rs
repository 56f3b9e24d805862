//! An ONNX file, as far as it is read before an engine is given it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use steadfast::model::onnx::inspect;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, bytes).expect("a file");
    drop(inspect(&path, "model.onnx"));
});
