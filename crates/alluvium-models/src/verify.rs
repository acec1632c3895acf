//! Is what lies on disk what was pinned? Every file is hashed, in pieces.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::ModelError;
use crate::hash::sha256_file;
use crate::home::Home;
use crate::registry::ModelSpec;
use crate::runtime::runtime;

/// Checks every file of the model and returns the model's folder.
///
/// # Errors
/// [`ModelError::Missing`], [`ModelError::Empty`] or [`ModelError::Corrupt`] for the first file
/// that is not as pinned, with the command that mends it.
pub fn verify_model(home: &Home, model: &ModelSpec) -> Result<PathBuf, ModelError> {
    let folder = home.model_dir(model.name);
    let of = format!("model {}", model.name);
    let next = format!("run `alluvium models fetch {}`", model.name);
    for artifact in model.artifacts {
        verify_file(&folder.join(artifact.file), artifact.sha256, &of, &next)?;
    }
    Ok(folder)
}

/// Checks the ONNX Runtime library and returns its path.
///
/// # Errors
/// As [`verify_model`]; [`ModelError::UnsupportedPlatform`] where none is pinned and none is there.
pub fn verify_runtime(home: &Home) -> Result<PathBuf, ModelError> {
    let path = home.runtime_library();
    let next = "run `alluvium models fetch`";
    match runtime() {
        Ok(spec) => verify_file(&path, spec.sha256, "ONNX Runtime", next)?,
        // Where no library is pinned, one that a person put there is taken on trust.
        Err(unsupported) => present(&path, "ONNX Runtime", next).map_err(|_| unsupported)?,
    }
    Ok(path)
}

/// Checks one file: there, not empty, and of this hash.
pub(crate) fn verify_file(path: &Path, sha256: &str, of: &str, next: &str) -> Result<(), ModelError> {
    present(path, of, next)?;
    let found = sha256_file(path)?;
    if found == sha256 {
        return Ok(());
    }
    Err(ModelError::Corrupt {
        of: of.to_owned(),
        path: path.to_path_buf(),
        expected: sha256.to_owned(),
        found,
        next: next.to_owned(),
    })
}

fn present(path: &Path, of: &str, next: &str) -> Result<(), ModelError> {
    let (of, next) = (of.to_owned(), next.to_owned());
    match fs::metadata(path) {
        Ok(about) if about.len() == 0 => Err(ModelError::Empty { of, path: path.to_path_buf(), next }),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(ModelError::Missing { of, path: path.to_path_buf(), next })
        }
        Err(error) => Err(ModelError::io("read", path)(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::find;

    fn model_with(file: &str, content: Option<&str>) -> ModelError {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let model = find("gte-small").unwrap();
        fs::create_dir_all(home.model_dir(model.name)).unwrap();
        if let Some(content) = content {
            fs::write(home.model_dir(model.name).join(file), content).unwrap();
        }
        verify_model(&home, model).unwrap_err()
    }

    #[test]
    fn a_missing_file_is_named_with_its_mend() {
        let error = model_with("model.onnx", None);
        assert!(matches!(error, ModelError::Missing { .. }));
        let message = error.to_string();
        assert!(message.contains("gte-small/model.onnx is missing"), "{message}");
        assert!(message.contains("run `alluvium models fetch gte-small`"), "{message}");
    }

    #[test]
    fn an_empty_file_is_named() {
        let error = model_with("model.onnx", Some(""));
        assert!(matches!(error, ModelError::Empty { .. }));
        assert_eq!(error.code(), "model_file_empty");
        assert!(error.path().unwrap().ends_with("gte-small/model.onnx"));
    }

    #[test]
    fn other_bytes_are_named_with_both_hashes() {
        let message = model_with("model.onnx", Some("not a model")).to_string();
        assert!(message.contains("expected 398a29991324"), "{message}");
        assert!(message.contains("has sha256 "), "{message}");
    }

    #[test]
    fn an_empty_or_missing_runtime_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        let error = verify_runtime(&home).unwrap_err();
        assert!(error.to_string().contains("onnxruntime"), "{error}");
        fs::create_dir_all(folder.path().join("lib")).unwrap();
        fs::write(home.runtime_library(), "").unwrap();
        assert!(verify_runtime(&home).is_err());
    }
}
