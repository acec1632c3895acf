//! What part of the tree a scan covers: the root, or some paths with all that is beneath them.

use std::path::{Path, PathBuf};

/// Paths relative to the root, sorted, none of them beneath another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope(Vec<PathBuf>);

impl Scope {
    /// The whole tree.
    pub(crate) fn whole() -> Self {
        Self(vec![PathBuf::new()])
    }

    /// These paths and all that is beneath them.
    pub(crate) fn of(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut paths: Vec<PathBuf> = paths.into_iter().collect();
        paths.sort_unstable();
        // Paths sort by component, so what lies beneath a path comes right after it.
        paths.dedup_by(|path, kept| path.starts_with(kept.as_path()));
        Self(paths)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.0.first().is_some_and(|path| path.as_os_str().is_empty())
    }

    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(PathBuf::as_path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_beneath_is_covered_already() {
        let of = |paths: &[&str]| Scope::of(paths.iter().map(PathBuf::from));
        assert_eq!(of(&["a/b", "a.md", "a", "a/b/c", "a b", "a"]), of(&["a", "a b", "a.md"]));
        assert_eq!(of(&["a", "a b", "a.md"]).paths().count(), 3);
        assert_eq!(of(&["x", "", "y"]), Scope::whole());
        assert!(Scope::whole().is_whole() && !of(&["a"]).is_whole() && !of(&[]).is_whole());
    }
}
