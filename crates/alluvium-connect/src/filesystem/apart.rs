//! What stays out of a source whatever its patterns say: files that nobody means, what ignore files name, and
//! our own files.

use std::ffi::OsStr;
use std::io;
use std::path::{Component, Path, PathBuf};

use alluvium_core::unmeant::is_unmeant;

use super::FilesystemSpec;
use super::ignore::Ignores;
use super::revisions::Revisions;
use super::root::Root;
use super::sidecar::SUFFIX;

/// What one scan leaves out.
pub(crate) struct Apart {
    hidden: bool,
    /// Real paths beneath the root that are ours.
    ours: Vec<PathBuf>,
    pub(crate) ignores: Ignores,
}

impl Apart {
    /// A root that lies in what is ours is an error: nothing in it is a document.
    pub(crate) fn new(spec: &FilesystemSpec, root: &Root) -> io::Result<Self> {
        let mut ours = Vec::new();
        for path in &spec.apart {
            let real = place_of(path);
            if root.path().starts_with(&real) {
                let what = format!("it lies in {}, which Alluvium writes itself", real.display());
                return Err(io::Error::other(what));
            }
            ours.extend(real.strip_prefix(root.path()).map(Path::to_owned));
        }
        Ok(Self { hidden: spec.hidden, ours, ignores: Ignores::new(spec.gitignore) })
    }

    /// Whether a name is one that nobody means. A folder's access list is no document, and stays a list.
    pub(crate) fn is_unmeant(&self, name: &OsStr) -> bool {
        !self.hidden && name != SUFFIX && is_unmeant(name.as_encoded_bytes())
    }

    /// Whether what really lies at `real` is ours.
    pub(crate) fn is_ours(&self, real: &Path) -> bool {
        self.ours.iter().any(|ours| real.starts_with(ours))
    }

    /// Whether an item of a folder that was entered is out.
    pub(crate) fn holds(&self, path: &Path, real: &Path, is_folder: bool) -> bool {
        path.file_name().is_some_and(|name| self.is_unmeant(name))
            || self.is_ours(real)
            || self.ignores.leave_out(path, is_folder)
    }

    /// Whether an item is out by itself or with a folder above it, whose rules are read for that.
    pub(crate) fn holds_at(
        &mut self,
        root: &Root,
        revisions: &Revisions,
        path: &Path,
        is_folder: bool,
    ) -> io::Result<bool> {
        let mut above: Vec<&Path> = path.ancestors().skip(1).collect();
        above.reverse();
        for folder in above {
            let real = revisions.real(folder);
            if !folder.as_os_str().is_empty() && self.holds(folder, &real, true) {
                return Ok(true);
            }
            self.ignores.enter(root, folder, &real)?;
        }
        Ok(self.holds(path, &revisions.real(path), is_folder))
    }
}

/// The one absolute path of a place, without links and dots as far as it is there.
pub fn place_of(path: &Path) -> PathBuf {
    if let Ok(real) = path.canonicalize() {
        return real;
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let Some(above) = absolute.parent() else { return absolute };
    match absolute.components().next_back() {
        Some(Component::ParentDir) => {
            place_of(above).parent().map_or_else(|| above.to_owned(), Path::to_owned)
        }
        Some(name) => place_of(above).join(name),
        None => absolute,
    }
}
