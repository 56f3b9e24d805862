//! ONNX Runtime's shared library: where it is looked for, and loading it.
//!
//! It is loaded once a process, when the first spec asks for it. Nothing is
//! downloaded.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use ort::LoadDynamicError;
use ort::environment::Environment;

use crate::error::chain;
use crate::text::{self, Page};

/// The variable that names the library's file.
const VARIABLE: &str = "ORT_DYLIB_PATH";

/// What to do where there is none. Python packages before 1.20 hold no library that can
/// be loaded by itself.
const CURE: &str = "Install it with `pip install \"onnxruntime>=1.20\"`, so that `python3` finds it, or set ORT_DYLIB_PATH to the file of its shared library";

/// What to do where that variable names what is none.
const CURE_OF_VARIABLE: &str = "Set ORT_DYLIB_PATH to the file of ONNX Runtime's shared library, or unset it: then the one in the Python package is taken";

/// Prints the folder of the installed Python package `onnxruntime` without
/// importing it, and without taking a folder of that name here for it.
const PACKAGE: &str = "
import importlib.util, os, sys
sys.path = [folder for folder in sys.path if folder not in ('', os.getcwd())]
found = importlib.util.find_spec('onnxruntime')
print(os.path.dirname(found.origin) if found and found.origin else '')
";

/// A library that is loaded.
pub(in crate::model::onnx) struct Library {
    pub(super) environment: Environment,
    /// As its file's name has it, else the first two numbers: `1.32.0`, `1.32`.
    pub(super) version: String,
    path: PathBuf,
}

impl Library {
    /// The library, looked for and loaded by the first who asks; its path and
    /// version are then said on stderr. The error says why there is none, and what to do.
    pub(super) fn get() -> Result<&'static Self, String> {
        static LIBRARY: LazyLock<Result<Library, String>> = LazyLock::new(|| {
            let named = std::env::var_os(VARIABLE).map(PathBuf::from);
            let named = named.filter(|path| !path.as_os_str().is_empty());
            let cure = match named {
                Some(_) => CURE_OF_VARIABLE,
                None => CURE,
            };
            let library = find(named, in_python)
                .and_then(|path| Library::load(&path))
                .map_err(|reason| format!("{reason}. {cure}"))?;
            text::warn(&Page::of(format_args!("steadfast: {}", library.words())));
            Ok(library)
        });
        LIBRARY.as_ref().map_err(Clone::clone)
    }

    /// What was found: `ONNX Runtime 1.32.0 from /…/libonnxruntime.so.1.32.0`.
    pub(super) fn words(&self) -> String {
        format!("ONNX Runtime {} from {}", self.version, self.path.display())
    }

    fn load(path: &Path) -> Result<Self, String> {
        let builder = ort::init_from(path).map_err(|error| match &error {
            LoadDynamicError::Dlopen { error, path } => {
                format!("{} was not loaded: {}", path.display(), chain(error))
            }
            error => error.to_string(),
        })?;
        let environment = builder.with_name("steadfast").with_telemetry(false).build();
        Ok(Self {
            environment: environment.map_err(|error| error.to_string())?,
            version: version(path, ort::util::probe(path)),
            path: path.to_owned(),
        })
    }
}

/// The library's file: the one that is `named`, else the one in the folder of the
/// Python `package`. The error says what is not there.
fn find(
    named: Option<PathBuf>,
    package: impl FnOnce() -> Option<PathBuf>,
) -> Result<PathBuf, String> {
    if let Some(named) = named {
        let path = std::path::absolute(&named).unwrap_or(named);
        return match path.is_file() {
            true => Ok(path),
            false => Err(format!(
                "{VARIABLE} names {}, which is no file",
                path.display()
            )),
        };
    }
    package()
        .and_then(|folder| library_in(&folder.join("capi")))
        .ok_or_else(|| "its library was not found".to_owned())
}

/// The folder of the package that Python would import.
fn in_python() -> Option<PathBuf> {
    let interpreters = ["python3", "python"].iter();
    let mut folders = interpreters.filter_map(|interpreter| {
        let asked = Command::new(interpreter).args(["-c", PACKAGE]).output();
        let printed = String::from_utf8(asked.ok()?.stdout).ok()?;
        Some(PathBuf::from(printed.trim_end())).filter(|folder| folder.is_absolute())
    });
    folders.next()
}

/// The library among the files of a folder. Its name ends in its version, or in
/// nothing, by the system: `libonnxruntime.so.1.32.0`,
/// `libonnxruntime.1.32.0.dylib`, `onnxruntime.dll`.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let files = crate::file::entries(folder).ok()?;
    let mut found: Vec<PathBuf> = files
        .into_iter()
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libonnxruntime.so")
                || name.starts_with("libonnxruntime.") && name.ends_with(".dylib")
                || name == "onnxruntime.dll"
        })
        .collect();
    found.sort();
    found.pop()
}

/// The version in the name of a library's file, links followed, where the library
/// says the same of itself; else what it says.
fn version(path: &Path, minor: Option<u32>) -> String {
    let said = minor.map_or("1".to_owned(), |minor| format!("1.{minor}"));
    let file = path.canonicalize().unwrap_or(path.to_owned());
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let numbers = name.trim_matches(|letter: char| !letter.is_ascii_digit());
    match numbers.strip_prefix(&format!("{said}.")) {
        Some(patch) if patch.bytes().all(|byte| byte.is_ascii_digit()) => numbers.to_owned(),
        _ => said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_variable_names_goes_before_the_python_package() {
        let folder = tempfile::tempdir().unwrap();
        let capi = folder.path().join("capi");
        std::fs::create_dir(&capi).unwrap();
        let package = || Some(folder.path().to_owned());
        let error = find(None, package).unwrap_err();
        assert!(error.contains("was not found"), "{error}");
        for other in [
            "libonnxruntime_providers_shared.so",
            "onnxruntime_pybind11_state.so",
        ] {
            std::fs::write(capi.join(other), "").unwrap();
        }
        assert!(find(None, package).is_err());
        let library = capi.join("libonnxruntime.so.1.20.1");
        std::fs::write(&library, "").unwrap();
        assert_eq!(find(None, package), Ok(library));
        let named = folder.path().join("named.so");
        let error = find(Some(named.clone()), package).unwrap_err();
        assert!(error.contains("ORT_DYLIB_PATH names"), "{error}");
        std::fs::write(&named, "").unwrap();
        assert_eq!(find(Some(named.clone()), package), Ok(named));
    }

    #[test]
    fn the_version_is_the_one_in_the_name_where_the_library_agrees() {
        for (name, minor, expected) in [
            ("libonnxruntime.so.1.32.0", Some(32), "1.32.0"),
            ("libonnxruntime.1.20.1.dylib", Some(20), "1.20.1"),
            ("libonnxruntime.so.1.32.0", Some(20), "1.20"),
            ("libonnxruntime.so.1", Some(20), "1.20"),
            ("onnxruntime.dll", Some(20), "1.20"),
        ] {
            assert_eq!(version(Path::new(name), minor), expected, "{name}");
        }
    }
}
