//! The storage seam: one object store that the ledger and every table write through, and the step that
//! makes what was written durable.
//!
//! Tests wrap the store to inject faults; `lance` takes the wrapper through [`StoreSeam::params`].

use std::path::Path;
use std::sync::Arc;

use lance::io::ObjectStoreRegistry;
use lance::session::Session;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use serde::{Deserialize, Serialize};

use crate::error::{IndexError, Result};

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
    let io = |error| IndexError::Io { action: "creating", path: folder.to_owned(), error };
    std::fs::create_dir_all(folder).map_err(io)?;
    let store = LocalFileSystem::new_with_prefix(folder).map_err(|error| IndexError::Storage {
        action: format!("opening {}", folder.display()),
        message: error.to_string(),
    })?;
    Ok(Arc::new(store))
}

/// Bytes of indexes, and of manifests and file footers, that one writer or reader of the index holds. What
/// Lance holds by default, 7 GiB, is more than a daemon may take: each maintenance makes new index files,
/// and the old ones stay until something pushes them out.
const INDEX_CACHE: usize = 64 << 20;
const METADATA_CACHE: usize = 32 << 20;

/// What the tables of one writer or reader share.
pub(crate) fn session() -> Arc<Session> {
    Arc::new(Session::new(INDEX_CACHE, METADATA_CACHE, Arc::new(ObjectStoreRegistry::default())))
}

/// Makes everything on the file system of `path` durable. One call covers every file of a commit.
pub(crate) async fn sync(path: &Path, durability: Durability) -> Result<()> {
    if durability == Durability::Process {
        return Ok(());
    }
    let path = path.to_owned();
    let owned = path.clone();
    let joined = tokio::task::spawn_blocking(move || {
        let folder = std::fs::File::open(&owned)?;
        rustix::fs::syncfs(&folder).map_err(std::io::Error::from)
    })
    .await;
    let result = joined.unwrap_or_else(|e| Err(std::io::Error::other(e)));
    result.map_err(|error| IndexError::Io { action: "syncing", path, error })
}
