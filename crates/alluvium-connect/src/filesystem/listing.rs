//! Walking the tree or a part of it, once and in a fixed order, into what is there.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use alluvium_core::change::MediaType;
use alluvium_core::skipped::Skipped;

use super::apart::Apart;
use super::globs::{Globs, Hits};
use super::misnamed::{Base, Misnamed};
use super::read::is_gone;
use super::revisions::Revisions;
use super::root::Root;
use super::scope::Scope;
use super::sidecar::{SUFFIX, is_sidecar, sidecars_of};

/// A file that is a document.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its path beneath the root; it makes the id.
    pub(crate) path: PathBuf,
    /// Where it really lies beneath the root, where that is another place.
    pub(crate) target: Option<PathBuf>,
    /// Whether `path` itself is a link.
    pub(crate) is_link: bool,
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
    /// Files that match and are no documents, by extension: unsupported types, links out of the root.
    pub(crate) skipped: Skipped,
    /// Which patterns matched something.
    pub(crate) hits: Hits,
}

/// A folder to be listed.
#[derive(Debug)]
struct Place {
    /// Its path beneath the root; it begins the ids of what is in it.
    path: PathBuf,
    /// Where it really lies.
    real: PathBuf,
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
    pub(crate) apart: &'a mut Apart,
    pub(crate) revisions: &'a mut Revisions,
    pub(crate) misnamed: &'a mut Misnamed,
    pub(crate) read_dir: ReadDir,
    /// Hears of each folder before it is listed, so that whoever watches it misses nothing.
    pub(crate) on_folder: &'a mut dyn FnMut(&Path),
}

impl Walk<'_> {
    /// What is in the scope. Of the links to folders only those are followed that name a folder beneath their
    /// own ([`super::revisions`]), so the walk ends. The only error is that of the root itself.
    pub(crate) fn list(&mut self, scope: &Scope) -> io::Result<Listing> {
        let mut listing = Listing { hits: self.globs.no_hits(), ..Listing::default() };
        let mut folders = Vec::new();
        for path in scope.paths() {
            self.enter(&mut listing, path, &mut folders);
        }
        while let Some(folder) = folders.pop() {
            self.list_folder(&mut listing, &folder, &mut folders)?;
        }
        listing.documents.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
        Ok(listing)
    }

    /// Begins at `path` as if its folder had been listed.
    fn enter(&mut self, listing: &mut Listing, path: &Path, folders: &mut Vec<Place>) {
        if path.as_os_str().is_empty() {
            folders.push(Place { path: PathBuf::new(), real: PathBuf::new() });
            return;
        }
        // One that can't be looked at counts as there, and hides what it is the list of.
        let there = |sidecar: &PathBuf| !matches!(self.root.kind(&self.revisions.real(sidecar)), Ok(None));
        listing.sidecars.extend(sidecars_of(path).filter(there));
        let real = self.revisions.real(path);
        let kind = match self.root.kind(&real) {
            Ok(Some(kind)) => kind,
            Ok(None) => return self.misnamed.forget(path),
            Err(e) => return listing.leave_out(path.to_owned(), &e),
        };
        match self.apart.holds_at(self.root, self.revisions, path, kind == Kind::Folder) {
            Ok(false) if !self.revisions.hold_at(path) => {
                self.add(listing, Place { path: path.to_owned(), real }, kind, folders)
            }
            Ok(_) => {}
            Err(e) => listing.leave_out(path.to_owned(), &e),
        }
    }

    fn list_folder(
        &mut self,
        listing: &mut Listing,
        folder: &Place,
        folders: &mut Vec<Place>,
    ) -> io::Result<()> {
        let full = self.root.path().join(&folder.real);
        (self.on_folder)(&full);
        let is_root = folder.path.as_os_str().is_empty();
        let listed = (self.read_dir)(&full).and_then(|items| {
            // A folder that may be listed and not entered has no rules that could be read, unless it has some.
            let has_rules = items.iter().any(|(name, _)| self.apart.ignores.is_file(name));
            let ignores = &mut self.apart.ignores;
            if has_rules {
                ignores.enter(self.root, &folder.path, &folder.real)?;
            } else {
                ignores.enter_plain(&folder.path);
            }
            Ok(items)
        });
        let mut items = match listed {
            Ok(items) => items,
            Err(e) if is_root => return Err(e),
            Err(e) if is_gone(&e) => return Ok(()),
            Err(e) => {
                listing.leave_out(folder.path.clone(), &e);
                return Ok(());
            }
        };
        items.sort_unstable_by(|a, b| a.0.cmp(&b.0));
        self.misnamed.note(&folder.path, &self.possible_lists(&items));
        // What links name must be known before any folder is gone into.
        let names: Vec<OsString> = items
            .extract_if(.., |(name, kind)| *kind == Kind::Link && self.is_name(folder, name))
            .map(|(name, _)| name)
            .collect();
        for name in names {
            let path = folder.path.join(name);
            folders.push(Place { real: self.revisions.real(&path), path });
        }
        for (name, kind) in items {
            let place = Place { path: folder.path.join(&name), real: folder.real.join(name) };
            self.add(listing, place, kind, folders);
        }
        Ok(())
    }

    /// What of a folder's items may be an access list, or what one was meant for.
    fn possible_lists(&self, items: &[(OsString, Kind)]) -> Vec<(OsString, Kind)> {
        if !items.iter().any(|(name, _)| name != SUFFIX && Base::of(name).is_some()) {
            return Vec::new();
        }
        let possible = |name: &OsString| !self.apart.is_unmeant(name) || Base::is_of_folder(name);
        items.iter().filter(|(name, _)| possible(name)).cloned().collect()
    }

    /// Whether the link `name` in `folder` names another folder, which is noted then.
    fn is_name(&mut self, folder: &Place, name: &OsStr) -> bool {
        let (path, link) = (folder.path.join(name), folder.real.join(name));
        if self.apart.holds(&path, &link, true) || self.globs.exclude_folder(&path) {
            return false;
        }
        let Ok(target) = self.root.resolve(&link) else { return false };
        let beneath = target != folder.real && target.starts_with(&folder.real);
        beneath
            && matches!(self.root.kind(&target), Ok(Some(Kind::Folder)))
            && !self.apart.is_ours(&target)
            && self.same_lists(&folder.real, &target)
            && self.revisions.name(&path, &target)
    }

    /// Whether no access list lies between a folder and one beneath it, or is likely meant to.
    fn same_lists(&self, folder: &Path, target: &Path) -> bool {
        let mut below = target;
        while let Some(above) = below.parent() {
            let Ok(items) = (self.read_dir)(&self.root.path().join(above)) else { return false };
            let mut lists = Misnamed::default();
            lists.note(above, &items);
            if lists.beside(below).is_some() {
                return false;
            }
            if above == folder {
                return true;
            }
            if items.iter().any(|(name, _)| name == SUFFIX) || lists.inside(above).is_some() {
                return false;
            }
            below = above;
        }
        false
    }

    fn add(&mut self, listing: &mut Listing, place: Place, kind: Kind, folders: &mut Vec<Place>) {
        let sidecar = place.path.file_name().is_some_and(is_sidecar);
        if sidecar {
            listing.sidecars.insert(place.path.clone());
        }
        if self.apart.holds(&place.path, &place.real, kind == Kind::Folder) {
            return;
        }
        match kind {
            Kind::Folder if self.revisions.hold(&place.real) => {}
            Kind::Folder => folders.push(place),
            _ if sidecar || self.misnamed.contains(&place.path) => {}
            _ if !self.globs.admit_noting(&place.path, &mut listing.hits) => {}
            Kind::Other => tracing::debug!(path = %place.path.display(), "neither file nor folder"),
            Kind::File => {
                let target = (place.real != place.path).then_some(place.real);
                listing.add_file(place.path, target, false);
            }
            Kind::Link => self.add_link(listing, place),
        }
    }

    fn add_link(&self, listing: &mut Listing, Place { path, real }: Place) {
        match self.root.resolve(&real) {
            Ok(target) if self.apart.is_ours(&target) => {}
            Ok(target) if self.root.holds_file(&target) => listing.add_file(path, Some(target), true),
            Ok(_) => {
                tracing::debug!(path = %path.display(), "a link to a folder is not followed");
                listing.skipped.add(LINK);
            }
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a link is not followed");
                listing.skipped.add(LINK);
            }
        }
    }
}

impl Listing {
    fn leave_out(&mut self, folder: PathBuf, error: &io::Error) {
        tracing::warn!(folder = %folder.display(), %error, "a folder can't be listed; its documents stay");
        self.unlisted.push(folder);
    }

    fn add_file(&mut self, path: PathBuf, target: Option<PathBuf>, is_link: bool) {
        match media_type(&path) {
            Some(media_type) => self.documents.push(Entry { path, target, is_link, media_type }),
            None => self.skipped.add(&extension(&path)),
        }
    }
}

/// The type that links are counted under which lead to no document.
const LINK: &str = "link";
/// The type of a file whose name has no extension.
const NO_EXTENSION: &str = "no extension";

/// What a file's name ends in, without the dot, in lower case.
fn extension(path: &Path) -> String {
    let extension = path.extension().map(|extension| extension.to_string_lossy().to_lowercase());
    extension.filter(|extension| !extension.is_empty()).unwrap_or_else(|| NO_EXTENSION.to_owned())
}

/// The format that a file's name promises.
pub(crate) fn media_type(path: &Path) -> Option<MediaType> {
    MediaType::of_file_name(&path.file_name()?.to_string_lossy())
}
