//! `engine = "ort"`: ONNX Runtime, where its library is and where it is not.

use crate::repository::Repository;
#[cfg(feature = "ort")]
use crate::repository::{Ran, skipped};

/// Of a spec of the digits: one clean case.
const CASE: &str = "digits::identity";

/// The digits' spec by ONNX Runtime.
fn digits() -> Repository {
    let repository = Repository::digits();
    let spec = "robustness-specs/digits.toml";
    repository.edit(spec, "[model]", "[model]\nengine = \"ort\"");
    repository
}

#[cfg(not(feature = "ort"))]
#[test]
fn a_program_without_the_engine_names_the_feature() {
    let ran = digits().steadfast(&["test", "--exact", CASE]);
    assert_eq!(ran.code, 6, "{}", ran.all());
    assert!(ran.stdout.contains("the feature `ort`"), "{}", ran.all());
}

/// Whether the library was found; else it is said why not.
#[cfg(feature = "ort")]
pub fn library(ran: &Ran) -> bool {
    let found = !ran.all().contains("its library was not found");
    if !found {
        skipped("no ONNX Runtime. Install it with pip install \"onnxruntime>=1.20\"");
    }
    found
}

#[cfg(feature = "ort")]
mod with_the_feature {
    use super::*;
    use crate::repository::source;

    /// Copies the example suite's files under a folder.
    fn copy_folder(repository: &Repository, folder: &str) {
        for entry in std::fs::read_dir(source(folder)).unwrap() {
            let entry = entry.unwrap();
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => copy_folder(repository, &path),
                false => repository.copy(&path, &path),
            }
        }
    }

    #[test]
    fn a_library_that_is_missing_or_none_fails_the_case_with_the_cure() {
        let repository = digits();
        let test = ["test", "--exact", CASE];
        let nowhere = [("PATH", "/nowhere"), ("ORT_DYLIB_PATH", "")];
        let ran = repository.steadfast_with(&nowhere, &test);
        assert_eq!(ran.code, 6, "{}", ran.all());
        assert!(
            ran.stdout.contains("pip install \"onnxruntime>=1.20\""),
            "{}",
            ran.all()
        );

        let ran = repository.steadfast_with(&[("ORT_DYLIB_PATH", "lib/none.so")], &test);
        assert_eq!(ran.code, 6, "{}", ran.all());
        assert!(
            ran.stdout.contains("lib/none.so, which is no file"),
            "{}",
            ran.all()
        );

        repository.write("lib/none.so", "no library");
        let ran = repository.steadfast_with(&[("ORT_DYLIB_PATH", "lib/none.so")], &test);
        assert_eq!(ran.code, 6, "{}", ran.all());
        for words in ["lib/none.so was not loaded: ", "Set ORT_DYLIB_PATH"] {
            assert!(ran.stdout.contains(words), "{words}: {}", ran.all());
        }
        if cfg!(target_os = "linux") {
            // The loader's own words.
            assert!(ran.stdout.contains("file too short"), "{}", ran.all());
        }
        assert!(!ran.all().contains("panicked"), "{}", ran.all());
    }

    #[test]
    fn the_engine_is_said_once_and_recorded() {
        let repository = digits();
        let ran = repository.steadfast(&["list", "--check"]);
        if !library(&ran) {
            return;
        }
        assert_eq!(ran.code, 0, "{}", ran.all());
        assert!(
            ran.stdout
                .contains("digits: onnx models/digits.onnx: ort 1."),
            "{}",
            ran.all()
        );
        let ran = repository.steadfast(&["test"]);
        assert_eq!(
            ran.stderr.matches("steadfast: ONNX Runtime 1.").count(),
            1,
            "{}",
            ran.all()
        );
        let record = repository.record(CASE).to_string();
        assert!(record.contains("\"ort 1."), "{record}");
    }

    #[test]
    fn the_example_suite_passes_against_the_baselines_of_the_embedded_engine() {
        let repository = Repository::digits();
        for folder in ["robustness-specs", "models", "data", "baselines"] {
            copy_folder(&repository, folder);
        }
        for name in ["digits", "digits32", "digits32_corruptions", "adult"] {
            let spec = format!("robustness-specs/{name}.toml");
            repository.edit(&spec, "[model]", "[model]\nengine = \"ort\"");
        }
        let ran = repository.steadfast(&["test"]);
        if !library(&ran) {
            return;
        }
        assert_eq!(ran.code, 0, "{}", ran.all());
        let passed = ran.stdout.matches(" ... ok").count();
        assert!(passed > 100, "{passed}: {}", ran.all());
        for case in ["digits::identity", "digits32::identity", "adult::identity"] {
            let record = repository.record(case).to_string();
            assert!(record.contains("\"ort 1."), "{record}");
        }
    }
}
