//! Which paths beneath the root are documents.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Include and exclude.
pub(crate) struct Globs {
    include: GlobSet,
    exclude: GlobSet,
}

impl Globs {
    /// The first glob that is none is the error.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self, globset::Error> {
        Ok(Self { include: build(include)?, exclude: build(exclude)? })
    }

    /// Whether a path relative to the root is wanted. An exclude beats every include.
    pub(crate) fn admit(&self, path: &Path) -> bool {
        self.include.is_match(path) && !self.exclude.is_match(path)
    }
}

fn build(globs: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for glob in globs {
        set.add(GlobBuilder::new(glob).literal_separator(true).build()?);
    }
    set.build()
}
