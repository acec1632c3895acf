//! Walking the tree or a part of it, once and in a fixed order, into what is there.

use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use alluvium_core::change::MediaType;

use super::globs::Globs;
use super::read::is_gone;
use super::root::Root;
use super::scope::Scope;
use super::sidecar::{is_sidecar, sidecars_of};

/// A file that is a document.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its path beneath the root; it makes the id.
    pub(crate) path: PathBuf,
    /// Where a link at `path` leads to beneath the root.
    pub(crate) target: Option<PathBuf>,
    pub(crate) media_type: MediaType,
}

impl Entry {
    /// The path that is read.
    pub(crate) fn real(&self) -> &Path {
        self.target.as_deref().unwrap_or(&self.path)
    }
}

/// What a walk found. Paths are relative to the root.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// Sorted by path.
    pub(crate) documents: Vec<Entry>,
    /// Every name of a sidecar, whatever lies there.
    pub(crate) sidecars: HashSet<PathBuf>,
    /// Folders that could not be listed: what is known beneath them stays.
    pub(crate) unlisted: Vec<PathBuf>,
    /// Files that match and are no documents: unsupported types, links out of the root.
    pub(crate) skipped: u64,
}

/// What a directory holds under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Folder,
    File,
    Link,
    Other,
}

impl Kind {
    pub(crate) fn of(kind: FileType) -> Self {
        if kind.is_dir() {
            Self::Folder
        } else if kind.is_file() {
            Self::File
        } else if kind.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

/// Lists one directory, whole or not at all: with half of it a sidecar could be missing.
pub(crate) type ReadDir = fn(&Path) -> io::Result<Vec<(OsString, Kind)>>;

pub(crate) fn read_dir(path: &Path) -> io::Result<Vec<(OsString, Kind)>> {
    let mut items = Vec::new();
    for item in std::fs::read_dir(path)? {
        let item = item?;
        let kind = match item.file_type() {
            Ok(kind) => Kind::of(kind),
            Err(e) if is_gone(&e) => continue,
            Err(e) => return Err(e),
        };
        items.push((item.file_name(), kind));
    }
    Ok(items)
}

/// How a walk looks at the tree.
pub(crate) struct Walk<'a> {
    pub(crate) root: &'a Root,
    pub(crate) globs: &'a Globs,
    pub(crate) read_dir: ReadDir,
    /// Hears of each folder before it is listed, so that whoever watches it misses nothing.
    pub(crate) on_folder: &'a mut dyn FnMut(&Path),
}

impl Walk<'_> {
    /// What is in the scope. Links to folders are not followed, so the walk ends. The only error is that
    /// of the root itself.
    pub(crate) fn list(&mut self, scope: &Scope) -> io::Result<Listing> {
        let mut listing = Listing::default();
        let mut folders = Vec::new();
        for path in scope.paths() {
            self.enter(&mut listing, path, &mut folders);
        }
        while let Some(folder) = folders.pop() {
            self.list_folder(&mut listing, folder, &mut folders)?;
        }
        listing.documents.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        Ok(listing)
    }

    /// Begins at `path` as if its folder had been listed.
    fn enter(&self, listing: &mut Listing, path: &Path, folders: &mut Vec<PathBuf>) {
        if path.as_os_str().is_empty() {
            folders.push(PathBuf::new());
            return;
        }
        // One that can't be looked at counts as there, and hides what it is the list of.
        let there = |sidecar: &PathBuf| !matches!(self.root.kind(sidecar), Ok(None));
        listing.sidecars.extend(sidecars_of(path).filter(there));
        match self.root.kind(path) {
            Ok(Some(kind)) => listing.add(self.root, self.globs, path.to_owned(), kind, folders),
            Ok(None) => {}
            Err(e) => listing.leave_out(path.to_owned(), &e),
        }
    }

    fn list_folder(
        &mut self,
        listing: &mut Listing,
        folder: PathBuf,
        folders: &mut Vec<PathBuf>,
    ) -> io::Result<()> {
        let full = self.root.path().join(&folder);
        (self.on_folder)(&full);
        match (self.read_dir)(&full) {
            Ok(items) => {
                for (name, kind) in items {
                    listing.add(self.root, self.globs, folder.join(name), kind, folders);
                }
            }
            Err(e) if folder.as_os_str().is_empty() => return Err(e),
            Err(e) if is_gone(&e) => {}
            Err(e) => listing.leave_out(folder, &e),
        }
        Ok(())
    }
}

impl Listing {
    fn leave_out(&mut self, folder: PathBuf, error: &io::Error) {
        tracing::warn!(folder = %folder.display(), %error, "a folder can't be listed; its documents stay");
        self.unlisted.push(folder);
    }

    fn add(&mut self, root: &Root, globs: &Globs, path: PathBuf, kind: Kind, folders: &mut Vec<PathBuf>) {
        let sidecar = path.file_name().is_some_and(is_sidecar);
        if sidecar {
            self.sidecars.insert(path.clone());
        }
        match kind {
            Kind::Folder => folders.push(path),
            _ if sidecar || !globs.admit(&path) => {}
            Kind::Other => tracing::debug!(path = %path.display(), "neither file nor folder"),
            Kind::File => self.add_file(path, None),
            Kind::Link => match root.resolve(&path) {
                Ok(target) if root.holds_file(&target) => self.add_file(path, Some(target)),
                Ok(_) => {
                    tracing::debug!(path = %path.display(), "a link to a folder is not followed");
                    self.skipped += 1;
                }
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "a link is not followed");
                    self.skipped += 1;
                }
            },
        }
    }

    fn add_file(&mut self, path: PathBuf, target: Option<PathBuf>) {
        match media_type(&path) {
            Some(media_type) => self.documents.push(Entry { path, target, media_type }),
            None => self.skipped += 1,
        }
    }
}

/// The format that a file's name promises.
pub(crate) fn media_type(path: &Path) -> Option<MediaType> {
    MediaType::of_file_name(&path.file_name()?.to_string_lossy())
}
