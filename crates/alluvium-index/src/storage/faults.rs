//! Faults of storage, for tests: what the disk under an index answers, step by step.
//!
//! While [`Faults`] lives, everything that this process opens under a root goes through it. Tables are
//! then opened by the scheme under which Lance takes no short cut past its object store; the files are
//! the same ones.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use lance::io::{ObjectStoreParams, WrappingObjectStore};
use object_store::ObjectStore;
use object_store::list::PaginatedListStore;

mod store;

use store::Faulty;

/// What is asked of the storage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// An object, or a part of one.
    Read,
    /// A new object.
    Write,
    /// A new name for an object.
    Rename,
    /// The end of an object.
    Delete,
    /// The names of objects.
    List,
    /// That everything written is durable.
    Sync,
}

/// How a step fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// Without having done anything.
    Undone,
    /// After it was done: the answer is lost.
    Done,
    /// With half of it done, where a step can be half done.
    Torn,
}

/// An answer that is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// How the step fails.
    pub how: How,
    /// The number of the system's error, such as 5 for EIO and 28 for ENOSPC.
    pub errno: i32,
}

type Judge = dyn Fn(Step, &str) -> Option<Fault> + Send + Sync;

/// Faults at one root, until they are dropped.
pub struct Faults {
    installed: Arc<Installed>,
}

struct Installed {
    root: PathBuf,
    judge: Box<Judge>,
}

static INSTALLED: Mutex<Vec<Arc<Installed>>> = Mutex::new(Vec::new());

impl Faults {
    /// From now on `judge` is asked about every step at `root`, with the path beneath it.
    pub fn at(root: &Path, judge: impl Fn(Step, &str) -> Option<Fault> + Send + Sync + 'static) -> Self {
        let installed = Arc::new(Installed { root: root.to_owned(), judge: Box::new(judge) });
        INSTALLED.lock().unwrap_or_else(PoisonError::into_inner).push(installed.clone());
        Self { installed }
    }
}

impl Drop for Faults {
    fn drop(&mut self) {
        let mut installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
        installed.retain(|one| !Arc::ptr_eq(one, &self.installed));
    }
}

/// What is installed over a path.
fn over(path: &Path) -> Option<Arc<Installed>> {
    let installed = INSTALLED.lock().unwrap_or_else(PoisonError::into_inner);
    installed.iter().find(|one| path.starts_with(&one.root)).cloned()
}

/// The store of a folder, with the faults over it.
pub(super) fn around_folder(folder: &Path, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
    let Some(installed) = over(folder) else { return store };
    let base = folder.strip_prefix(&installed.root).unwrap_or(folder).to_string_lossy().into_owned();
    Arc::new(Faulty { installed, base, inner: store })
}

/// The place of a table, with the faults over it.
pub(super) fn around_table(path: &Path) -> Option<(String, ObjectStoreParams)> {
    let installed = over(path)?;
    let store = ObjectStoreParams { object_store_wrapper: Some(installed), ..ObjectStoreParams::default() };
    let place = alluvium_core::percent::encode(&path.to_string_lossy());
    Some((format!("file-object-store://{place}"), store))
}

/// The faults over a root that is to be synced.
pub(super) fn at_sync(root: &Path) -> io::Result<()> {
    let fault = over(root).and_then(|installed| (installed.judge)(Step::Sync, ""));
    fault.map_or(Ok(()), |fault| Err(io::Error::from_raw_os_error(fault.errno)))
}

impl std::fmt::Debug for Installed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "faults at {}", self.root.display())
    }
}

impl WrappingObjectStore for Installed {
    fn wrap(&self, _: &str, original: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        let installed = over(&self.root);
        let base = String::new();
        installed.map_or(original.clone(), |installed| Arc::new(Faulty { installed, base, inner: original }))
    }

    fn wrap_paginated(&self, _: &str, _: Arc<dyn PaginatedListStore>) -> Option<Arc<dyn PaginatedListStore>> {
        None
    }
}
