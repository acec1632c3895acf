//! `ALLUVIUM_HOME`: the one of this machine, and copies of it to break.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::repository;

/// The home of this machine.
pub(crate) fn home() -> PathBuf {
    std::env::var_os("ALLUVIUM_HOME").map_or_else(|| repository().join(".tools"), PathBuf::from)
}

/// A home of links to the files of this machine's, for one model.
pub(crate) struct Home {
    folder: TempDir,
    model: &'static str,
}

impl Home {
    pub(crate) fn of(model: &'static str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let home = home().canonicalize().unwrap();
        for part in [PathBuf::from("lib"), Path::new("models").join(model)] {
            let copy = folder.path().join(&part);
            fs::create_dir_all(&copy).unwrap();
            for file in fs::read_dir(home.join(part)).unwrap() {
                let file = file.unwrap();
                symlink(file.path(), copy.join(file.file_name())).unwrap();
            }
        }
        Self { folder, model }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file of the model.
    pub(crate) fn model_file(&self, name: &str) -> PathBuf {
        self.path().join("models").join(self.model).join(name)
    }

    /// The ONNX Runtime library.
    pub(crate) fn library(&self) -> PathBuf {
        let files = fs::read_dir(self.path().join("lib")).unwrap().map(|file| file.unwrap().path());
        let is_runtime = |path: &PathBuf| path.to_string_lossy().contains("onnxruntime");
        files.into_iter().find(is_runtime).expect("the home has ONNX Runtime")
    }

    /// Puts other bytes in the place of a file.
    pub(crate) fn replace(&self, file: &Path, bytes: &[u8]) {
        fs::remove_file(file).unwrap();
        fs::write(file, bytes).unwrap();
    }
}
