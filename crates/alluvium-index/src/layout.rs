//! Where things stand under an index's root.
//!
//! ```text
//! ROOT/chunks_<generation>.lance     ROOT/documents_<generation>.lance
//! ROOT/policy.lance                  ROOT/quarantine.lance
//! ROOT/ledger/<inverse seq>.json     ROOT/releases/<name>.json
//! ROOT/writer.lock                   ROOT/turn.lock
//! ```

use std::io;
use std::path::{Path, PathBuf};

use alluvium_core::ledger::FOLDER;

use crate::error::{IndexError, Result};

/// The paths of one index.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(crate) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.root.join(FOLDER)
    }

    /// Whether there is an index. One that may not be looked at is an error, not an absence.
    pub(crate) fn has_ledger(&self) -> Result<bool> {
        let path = self.ledger();
        match path.metadata() {
            Ok(found) => Ok(found.is_dir()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(IndexError::Io { action: "looking for", path, error }),
        }
    }

    pub(crate) fn releases(&self) -> PathBuf {
        self.root.join("releases")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.root.join("writer.lock")
    }

    pub(crate) fn turn(&self) -> PathBuf {
        self.root.join("turn.lock")
    }

    /// The path of a table, as LanceDB lays tables out.
    pub(crate) fn table(&self, name: &str) -> PathBuf {
        self.root.join(format!("{name}.lance"))
    }

    /// The names of all tables on storage, of whatever generation, sorted.
    pub(crate) fn tables(&self) -> Result<Vec<String>> {
        let io = |error| IndexError::Io { action: "listing", path: self.root.clone(), error };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(&self.root).map_err(io)? {
            let name = entry.map_err(io)?.file_name();
            names.extend(name.to_str().and_then(|name| name.strip_suffix(".lance")).map(str::to_owned));
        }
        names.sort_unstable();
        Ok(names)
    }
}
