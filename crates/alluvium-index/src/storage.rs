//! The storage seam: ledger, releases and tables come by their stores here, and only here, and so does the
//! step that makes what was written durable.
//!
//! Tests put faults between us and the disk with `faults`, which is compiled for tests only.

use std::path::Path;
use std::sync::Arc;

use lance::io::ObjectStoreParams;
use lance::session::Session;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use serde::{Deserialize, Serialize};

use crate::error::{IndexError, Result};

#[cfg(feature = "failpoints")]
pub mod faults;
mod place;

/// What a publish survives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Durability {
    /// Power loss: files are synced before the record that names them.
    #[default]
    Power,
    /// The end of the process only.
    Process,
}

/// Opens the store of a folder, which is made if it is missing.
pub(crate) fn folder_store(folder: &Path) -> Result<Arc<dyn ObjectStore>> {
    open_folder(folder, false)
}

/// The store of a folder for those who read: none where there is no folder, and none is made.
pub(crate) fn existing_folder_store(folder: &Path) -> Result<Option<Arc<dyn ObjectStore>>> {
    match folder.metadata() {
        Ok(found) if found.is_dir() => open_folder(folder, false).map(Some),
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(IndexError::Io { action: "looking for", path: folder.to_owned(), error })
        }
        _ => Ok(None),
    }
}

/// The same as [`folder_store`]; what is put there is on the disk before it has its name, so that no loss of power leaves an
/// object that is empty or torn.
pub(crate) fn synced_store(folder: &Path, durability: Durability) -> Result<Arc<dyn ObjectStore>> {
    open_folder(folder, durability == Durability::Power)
}

fn open_folder(folder: &Path, synced: bool) -> Result<Arc<dyn ObjectStore>> {
    let io = |error| IndexError::Io { action: "creating", path: folder.to_owned(), error };
    std::fs::create_dir_all(folder).map_err(io)?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| IndexError::Storage {
        action: format!("opening {}", folder.display()),
        message: error.to_string(),
    })?;
    let store: Arc<dyn ObjectStore> = Arc::new(store.with_fsync(synced));
    #[cfg(feature = "failpoints")]
    let store = faults::around_folder(folder, store);
    Ok(store)
}

/// Where Lance finds a table, and by which store.
pub(crate) fn table_place(path: &Path) -> (String, ObjectStoreParams) {
    #[cfg(feature = "failpoints")]
    if let Some(place) = faults::around_table(path) {
        return place;
    }
    (place::of_table(path), ObjectStoreParams::default())
}

/// Bytes of indexes, and of manifests and file footers, that one writer or reader of the index holds. What
/// Lance holds by default, 7 GiB, is more than a daemon may take: each maintenance makes new index files,
/// and the old ones stay until something pushes them out.
const INDEX_CACHE: usize = 64 << 20;
const METADATA_CACHE: usize = 32 << 20;

/// What the tables of one writer or reader of the index at `root` share. A table's place means what it must
/// only together with the session of its index.
pub(crate) fn session(root: &Path) -> Arc<Session> {
    Arc::new(Session::new(INDEX_CACHE, METADATA_CACHE, Arc::new(place::stores(root))))
}

/// Makes everything on the file system of `path` durable. One call covers every file of a commit.
pub(crate) async fn sync(path: &Path, durability: Durability) -> Result<()> {
    if durability == Durability::Process {
        return Ok(());
    }
    let path = path.to_owned();
    let owned = path.clone();
    let joined = tokio::task::spawn_blocking(move || {
        #[cfg(feature = "failpoints")]
        faults::at_sync(&owned)?;
        let folder = std::fs::File::open(&owned)?;
        rustix::fs::syncfs(&folder).map_err(std::io::Error::from)
    })
    .await;
    let result = joined.unwrap_or_else(|e| Err(std::io::Error::other(e)));
    result.map_err(|error| IndexError::Io { action: "syncing", path, error })
}
