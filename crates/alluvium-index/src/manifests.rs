//! The manifests of a table, as files: whether one is whole.
//!
//! Lance takes a manifest for whole and panics over one that was cut off. What a record names was synced
//! before, but what stands behind it was not: a loss of power can leave it torn, and a restore reads the
//! newest one there is.

use std::path::Path;
use std::sync::Arc;

use object_store::path::Path as StorePath;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::error::{IndexError, Result};
use crate::ledger::store_error;
use crate::storage;

/// A manifest ends with its offset in the file, two numbers of the format, and four letters.
const TAIL: u64 = 16;
const LETTERS: &[u8] = b"LANC";

/// The manifests of one table.
pub(crate) struct Manifests {
    table: String,
    /// `None` where there is no folder of them.
    store: Option<Arc<dyn ObjectStore>>,
}

impl Manifests {
    pub(crate) fn of(table: &str, path: &Path) -> Result<Self> {
        let folder = path.join("_versions");
        let store = if folder.is_dir() { Some(storage::folder_store(&folder)?) } else { None };
        Ok(Self { table: table.to_owned(), store })
    }

    /// Refuses a version whose manifest is torn. One that is not there is left to Lance to name.
    pub(crate) async fn check(&self, version: u64) -> Result<()> {
        let Some(store) = &self.store else { return Ok(()) };
        let place = place(version);
        match is_whole(&**store, &place).await {
            Ok(true) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Ok(false) => Err(IndexError::MissingVersion {
                table: self.table.clone(),
                version,
                message: format!("its manifest {place} is torn"),
            }),
            Err(error) => Err(self.error(error)),
        }
    }

    /// Removes the torn manifests that are newer than a record's version: no record names them, and
    /// nobody can read them. Says whether any whole one is among the newer ones.
    pub(crate) async fn drop_torn(&self, after: u64) -> Result<bool> {
        let Some(store) = &self.store else { return Ok(false) };
        let (mut torn, mut whole) = (Vec::new(), false);
        for version in after + 1.. {
            match is_whole(&**store, &place(version)).await {
                Ok(true) => whole = true,
                Ok(false) => torn.push(version),
                Err(object_store::Error::NotFound { .. }) => break,
                Err(error) => return Err(self.error(error)),
            }
        }
        // The newest first: what is left has no gap for the next look to stop at.
        for version in torn.into_iter().rev() {
            tracing::warn!(table = self.table, version, "removing a torn manifest that no record names");
            store.delete(&place(version)).await.map_err(|e| self.error(e))?;
        }
        Ok(whole)
    }

    fn error(&self, error: object_store::Error) -> IndexError {
        store_error(&format!("looking at the manifests of table {}", self.table))(error)
    }
}

/// Names count backwards, so that the newest comes first.
fn place(version: u64) -> StorePath {
    StorePath::from(format!("{:020}.manifest", u64::MAX - version))
}

async fn is_whole(store: &dyn ObjectStore, place: &StorePath) -> object_store::Result<bool> {
    let size = store.head(place).await?.size;
    let Some(start) = size.checked_sub(TAIL) else { return Ok(false) };
    let tail = store.get_range(place, start..size).await?;
    let offset = tail.first_chunk::<8>().map(|bytes| u64::from_le_bytes(*bytes));
    Ok(tail.ends_with(LETTERS) && offset.is_some_and(|offset| offset < start))
}
