//! Folders that links name: what lies at `current -> rev-1f3a` is known as `current/…`, and the folder itself
//! stays out. So what is deployed by switching a link keeps its ids, and is there once.
//!
//! Invariants:
//! - A link is such a name only of a folder beneath the link's own folder, and only if the same access lists
//!   apply on both ways; so the walk never comes back to where it was, and a link lets nobody in.
//! - A folder has one such name, the first that the walk comes upon.
//! - Beside a folder that is named so, those whose names differ from its own in a hash alone are earlier or
//!   coming ones of it, and stay out as well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The named folders of a tree, as the last look found them.
#[derive(Debug, Default)]
pub(crate) struct Revisions {
    /// Link → folder.
    folders: BTreeMap<PathBuf, PathBuf>,
    /// Folder → link.
    names: BTreeMap<PathBuf, PathBuf>,
}

impl Revisions {
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The link at `path` names what really lies at `folder`; false where another names it already.
    pub(crate) fn name(&mut self, path: &Path, folder: &Path) -> bool {
        if self.names.get(folder).is_some_and(|name| name != path) {
            return false;
        }
        if let Some(before) = self.folders.insert(path.to_owned(), folder.to_owned()) {
            self.names.remove(&before);
        }
        self.names.insert(folder.to_owned(), path.to_owned());
        true
    }

    /// Whether a folder stays out, because a link names it or one of its kind.
    pub(crate) fn hold(&self, real: &Path) -> bool {
        if self.names.is_empty() {
            return false;
        }
        if self.names.contains_key(real) {
            return true;
        }
        let (Some(above), Some(shape)) = (real.parent(), shape_of(real)) else { return false };
        let beside = self.names.keys().filter(|folder| folder.parent() == Some(above));
        beside.into_iter().any(|folder| shape_of(folder).as_deref() == Some(shape.as_str()))
    }

    /// Whether what is known by its own path stays out with a folder above it.
    pub(crate) fn hold_at(&self, path: &Path) -> bool {
        let named = |path: &Path| path.ancestors().any(|above| self.folders.contains_key(above));
        !self.names.is_empty() && !named(path) && path.ancestors().any(|above| self.hold(above))
    }

    /// Whether every link still leads where it led.
    pub(crate) fn stand(&self, leads: impl Fn(&Path, &Path) -> bool) -> bool {
        self.folders.iter().all(|(link, folder)| leads(link, folder))
    }

    /// Where the document at `path` really lies.
    pub(crate) fn real(&self, path: &Path) -> PathBuf {
        if self.folders.is_empty() {
            return path.to_owned();
        }
        let named = path.ancestors().find_map(|above| Some((above, self.folders.get(above)?)));
        named.map_or_else(|| path.to_owned(), |(link, folder)| beneath(folder, path, link))
    }

    /// By what name that is known which really lies at `real`; `None` where it is its own.
    pub(crate) fn known_as(&self, real: &Path) -> Option<PathBuf> {
        let named = real.ancestors().find_map(|above| Some((above, self.names.get(above)?)));
        named.map(|(folder, link)| beneath(link, real, folder))
    }

    /// Whether what happened at `path` may have switched a link: only a look at the whole tree tells then.
    pub(crate) fn concern(&self, path: &Path) -> bool {
        let starts = |map: &BTreeMap<PathBuf, PathBuf>| {
            map.range(path.to_owned()..).next().is_some_and(|(other, _)| other.starts_with(path))
        };
        starts(&self.folders) || starts(&self.names)
    }
}

fn beneath(to: &Path, path: &Path, from: &Path) -> PathBuf {
    match path.strip_prefix(from) {
        Ok(rest) if !rest.as_os_str().is_empty() => to.join(rest),
        _ => to.to_owned(),
    }
}

/// A name with a hash in it, without the hash; `None` for a name without one.
fn shape_of(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let mut shape = String::new();
    for word in name.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let letters = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if is_hash(letters) {
            shape.push('#');
            shape.push_str(word.strip_prefix(letters).unwrap_or_default());
        } else {
            shape.push_str(word);
        }
    }
    (shape != name).then_some(shape)
}

/// Words and dates are none.
fn is_hash(word: &str) -> bool {
    let has = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
    word.len() >= 7
        && word.bytes().all(|b| b.is_ascii_hexdigit())
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_alphabetic)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn path(path: &str) -> PathBuf {
        path.into()
    }

    #[test]
    fn a_folder_is_known_by_its_link() {
        let mut revisions = Revisions::default();
        assert!(revisions.name(&path("a/current"), &path("a/rev-1")));
        assert!(!revisions.name(&path("a/other"), &path("a/rev-1")));
        assert_eq!(revisions.real(&path("a/current/b/c.md")), path("a/rev-1/b/c.md"));
        assert_eq!(revisions.real(&path("a/currents/c.md")), path("a/currents/c.md"));
        assert_eq!(revisions.known_as(&path("a/rev-1")), Some(path("a/current")));
        assert_eq!(
            (revisions.known_as(&path("a/rev-1/b")), revisions.known_as(&path("a"))),
            (Some(path("a/current/b")), None)
        );
        assert!(revisions.hold(&path("a/rev-1")) && !revisions.hold(&path("a/rev-2")));
        for switched in ["a", "a/current", "a/rev-1"] {
            assert!(revisions.concern(&path(switched)), "{switched}");
        }
        assert!(!revisions.concern(&path("a/rev-1/b.md")) && !revisions.concern(&path("b")));
        assert!(revisions.name(&path("a/current"), &path("a/rev-2")));
        assert!(revisions.hold(&path("a/rev-2")) && !revisions.hold(&path("a/rev-1")));
    }

    #[test]
    fn others_of_its_kind_stay_out() {
        let mut revisions = Revisions::default();
        revisions.name(&path("current"), &path("rev-1f3a9c0"));
        revisions.name(&path("now"), &path("b/2026-11-27"));
        assert!(revisions.hold(&path("rev-000000b")));
        for other in ["rev-abc", "c/rev-000000b", "tag-1f3a9c0", "b/2025-01-02", "rev-defaced", "rev-1234567"]
        {
            assert!(!revisions.hold(&path(other)), "{other}");
        }
    }
}
