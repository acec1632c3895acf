//! ONNX Runtime, loaded once a process from a given file.
//!
//! ort panics where it meets no library or a strange one, unless it is initialized by path first. It is,
//! and whatever still panics on the way becomes an error.

use std::fs::File;
use std::io::Read;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use alluvium_core::embed::EmbedError;
use ort::environment::Environment;

/// The environment of this process and the library that it came from.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

/// The process's environment, over the library at `path`. A process has one library: a second path is
/// an error.
pub(crate) fn load(path: &Path) -> Result<Environment, EmbedError> {
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match loaded.as_ref() {
        Some((from, environment)) if from == path => Ok(environment.clone()),
        Some((from, _)) => {
            let why = format!("this process already runs {}", from.display());
            Err(unusable(path, why))
        }
        None => {
            check_library(path)?;
            let environment = initialize(path)?;
            *loaded = Some((path.to_path_buf(), environment.clone()));
            Ok(environment)
        }
    }
}

fn initialize(path: &Path) -> Result<Environment, EmbedError> {
    let build = || -> Result<Environment, String> {
        let builder = ort::init_from(path).map_err(|e| e.to_string())?;
        builder.with_name("alluvium").with_telemetry(false).build().map_err(|e| e.to_string())
    };
    match catch_unwind(build) {
        Ok(result) => result.map_err(|why| unusable(path, why)),
        Err(_) => Err(unusable(path, "the library does not answer as ONNX Runtime does".to_owned())),
    }
}

/// The system's loader says little of files that are no libraries: this says more.
fn check_library(path: &Path) -> Result<(), EmbedError> {
    let mut magic = [0; 4];
    File::open(path)
        .and_then(|mut file| file.read_exact(&mut magic))
        .map_err(|e| unusable(path, format!("it can't be read: {e}")))?;
    if is_library(magic) { Ok(()) } else { Err(unusable(path, "it is not a shared library".to_owned())) }
}

/// ELF, the Mach-O forms, and PE.
fn is_library(magic: [u8; 4]) -> bool {
    const MACH: [[u8; 4]; 3] = [[0xcf, 0xfa, 0xed, 0xfe], [0xfe, 0xed, 0xfa, 0xcf], [0xca, 0xfe, 0xba, 0xbe]];
    magic == *b"\x7fELF" || magic.starts_with(b"MZ") || MACH.contains(&magic)
}

fn unusable(path: &Path, why: String) -> EmbedError {
    let path = path.display();
    EmbedError::Unavailable(format!(
        "ONNX Runtime at {path} can't be used: {why}; run `alluvium models fetch`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> String {
        match load(path) {
            Err(EmbedError::Unavailable(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_not_a_library_is_named() {
        let folder = std::env::temp_dir().join(format!("alluvium-embed-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let missing = refusal(&folder.join("libmissing.so"));
        assert!(missing.contains("libmissing.so") && missing.contains("can't be read"), "{missing}");
        let garbage = folder.join("libgarbage.so");
        std::fs::write(&garbage, "not a library at all").unwrap();
        let text = refusal(&garbage);
        assert!(text.contains("not a shared library") && text.contains("models fetch"), "{text}");
        std::fs::write(&garbage, b"\x7fELF and then nothing").unwrap();
        assert!(refusal(&garbage).contains("libgarbage.so"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn another_library_is_an_error_and_not_a_panic() {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let libc = maps.split_whitespace().find(|word| word.contains("/libc.so")).unwrap();
        let text = refusal(Path::new(libc));
        assert!(text.contains("OrtGetApiBase"), "{text}");
    }
}
