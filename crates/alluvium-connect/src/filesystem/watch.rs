//! Hearing of changes beneath the root as they happen.
//!
//! Each folder is watched alone, and always before it is listed, so that whatever comes into it is either
//! in the listing or heard of. (A watch of the whole tree in one would learn of a new folder only after
//! files may have come into it.) What was heard is kept as a bounded set of paths, never as a queue.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::dirty::{Dirty, Lost};
use super::ignore;
use super::sidecar::subject_of;

/// As many as the system follows.
const MOST_LINKS: usize = 40;

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

    fn note(&self, root: &Path, links: &[PathBuf], event: notify::Result<Event>) {
        match event {
            Ok(event) if event.need_rescan() => self.dirty().lose(Lost::Events),
            Ok(event) if !is_change(event.kind) => return,
            // The root may be another folder now.
            Ok(event) if event.paths.iter().any(|path| links.contains(path)) => {
                self.dirty().lose(Lost::Watch)
            }
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
        if let Some(subject) = subject_of(path).or_else(|| ruled_by(path)) {
            match subject.as_os_str().is_empty() {
                true => dirty.lose(Lost::Events),
                false => dirty.touch(subject, now),
            }
        }
        dirty.touch(path.to_owned(), now);
    }
}

/// The folder that an ignore file is about.
fn ruled_by(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?;
    (name == ignore::OWN || name == ignore::GIT).then(|| path.parent().map(Path::to_owned))?
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
    /// A watch that is on nothing yet but the links by which `named` leads to `root`, which is without links.
    pub(crate) fn start(root: PathBuf, named: &Path, heard: Arc<Heard>) -> notify::Result<Self> {
        let (beneath, links) = (root.clone(), links_on(named));
        let above: BTreeSet<PathBuf> =
            links.iter().filter_map(|link| link.parent()).map(Path::to_owned).collect();
        let watcher = notify::recommended_watcher(move |event| heard.note(&beneath, &links, event))?;
        let mut watch = Self { watcher, root, warned: false };
        above.iter().for_each(|folder| watch.add_as(folder, RecursiveMode::NonRecursive));
        Ok(watch)
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
        self.add_as(folder, mode);
    }

    fn add_as(&mut self, folder: &Path, mode: RecursiveMode) {
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

/// The links on the way to a path, each as it is met.
fn links_on(path: &Path) -> Vec<PathBuf> {
    let Ok(path) = std::path::absolute(path) else { return Vec::new() };
    let parts =
        |path: &Path| path.components().map(|part| part.as_os_str().to_owned()).rev().collect::<Vec<_>>();
    let (mut rest, mut here, mut links) = (parts(&path), PathBuf::new(), Vec::new());
    while let Some(part) = rest.pop() {
        match part.to_str() {
            Some(".") => {}
            Some("..") => drop(here.pop()),
            // The root among them begins anew.
            _ => here.push(part),
        }
        if let Ok(target) = std::fs::read_link(&here) {
            links.push(here.clone());
            if links.len() >= MOST_LINKS {
                break;
            }
            here.pop();
            rest.extend(parts(&target));
        }
    }
    links
}
