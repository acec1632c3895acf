//! Hearing of changes beneath the root as they happen.
//!
//! Each folder is watched alone, and always before it is listed, so that whatever comes into it is either
//! in the listing or heard of. (A watch of the whole tree in one would learn of a new folder only after
//! files may have come into it.) What was heard is kept as a bounded set of paths, never as a queue.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::dirty::{Dirty, Lost};
use super::sidecar::subject_of;

/// What was heard. The watcher's thread tells it, the source reads it.
#[derive(Default)]
pub(crate) struct Heard {
    dirty: Mutex<Dirty>,
    /// Told after every change of `dirty`.
    pub(crate) news: Notify,
}

impl Heard {
    pub(crate) fn dirty(&self) -> MutexGuard<'_, Dirty> {
        self.dirty.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, root: &Path, event: notify::Result<Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.dirty().lose(Lost::Events),
            Ok(event) if !is_change(event.kind) => return,
            Ok(event) => event.paths.iter().for_each(|path| self.touch(root, path)),
            Err(error) => {
                tracing::warn!(%error, "watching went wrong; the whole tree is scanned");
                self.dirty().lose(Lost::Watch);
            }
        }
        self.news.notify_one();
    }

    fn touch(&self, root: &Path, path: &Path) {
        let Ok(path) = path.strip_prefix(root) else { return };
        let (mut dirty, now) = (self.dirty(), Instant::now());
        if path.as_os_str().is_empty() {
            dirty.lose(Lost::Watch);
            return;
        }
        if let Some(subject) = subject_of(path) {
            match subject.as_os_str().is_empty() {
                true => dirty.lose(Lost::Events),
                false => dirty.touch(subject, now),
            }
        }
        dirty.touch(path.to_owned(), now);
    }
}

/// Reading is none, and our own would be heard without end.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// A watch on the folders of a tree; dropping it ends it.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    root: PathBuf,
    warned: bool,
}

impl Watch {
    /// A watch that is on nothing yet. `root` is without links.
    pub(crate) fn start(root: PathBuf, heard: Arc<Heard>) -> notify::Result<Self> {
        let beneath = root.clone();
        let watcher = notify::recommended_watcher(move |event| heard.note(&beneath, event))?;
        Ok(Self { watcher, root, warned: false })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Watches a folder, also one that was watched before: another may be there now.
    pub(crate) fn add(&mut self, folder: &Path) {
        // Elsewhere than on Linux a watch of the whole tree is what the system has.
        let mode =
            if cfg!(target_os = "linux") { RecursiveMode::NonRecursive } else { RecursiveMode::Recursive };
        if mode == RecursiveMode::Recursive && folder != self.root {
            return;
        }
        let Err(error) = self.watcher.watch(folder, mode) else { return };
        if folder.symlink_metadata().is_err() || std::mem::replace(&mut self.warned, true) {
            tracing::debug!(folder = %folder.display(), %error, "a folder is not watched");
            return;
        }
        let mend = "changes there are found by the scan every run.reconcile_interval; where the limit of \
                    watches is reached, raise fs.inotify.max_user_watches with sysctl";
        tracing::warn!(folder = %folder.display(), %error, "a folder can't be watched, and maybe others: {mend}");
    }
}
