//! Which paths beneath the root are wanted, by the source's patterns.

use std::path::Path;

use alluvium_core::pattern::Pattern;
use globset::{Candidate, GlobBuilder, GlobSet, GlobSetBuilder};

/// Include and exclude.
pub(crate) struct Globs {
    include: Patterns,
    exclude: Patterns,
}

/// Which patterns have matched a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hits {
    include: Vec<bool>,
    exclude: Vec<bool>,
}

impl Globs {
    /// The first pattern that is none is the error.
    pub(crate) fn new(include: &[String], exclude: &[String]) -> Result<Self, String> {
        Ok(Self { include: Patterns::build(include)?, exclude: Patterns::build(exclude)? })
    }

    /// Whether a path relative to the root is wanted. An exclude beats every include.
    pub(crate) fn admit(&self, path: &Path) -> bool {
        self.include.set.is_match(path) && !self.exclude.set.is_match(path)
    }

    /// The same, and notes which patterns match.
    pub(crate) fn admit_noting(&self, path: &Path, hits: &mut Hits) -> bool {
        let path = Candidate::new(path);
        let included = self.include.matches(&path, &mut hits.include);
        let excluded = self.exclude.matches(&path, &mut hits.exclude);
        included && !excluded
    }

    /// Whether a folder is left out as a whole.
    pub(crate) fn exclude_folder(&self, path: &Path) -> bool {
        self.exclude.set.is_match(path) && self.exclude.set.is_match(path.join("x"))
    }

    /// No pattern has matched yet.
    pub(crate) fn no_hits(&self) -> Hits {
        let none = |patterns: &Patterns| vec![false; patterns.written.len()];
        Hits { include: none(&self.include), exclude: none(&self.exclude) }
    }

    /// The key and the text of each pattern that matched nothing, though it could.
    pub(crate) fn unmatched<'g>(&'g self, hits: &'g Hits) -> impl Iterator<Item = (&'static str, &'g str)> {
        let include = self.include.unmatched(&hits.include).map(|text| ("include", text));
        include.chain(self.exclude.unmatched(&hits.exclude).map(|text| ("exclude", text)))
    }
}

struct Patterns {
    set: GlobSet,
    /// Which pattern each glob of the set is of.
    of: Vec<usize>,
    written: Vec<Written>,
}

struct Written {
    text: String,
    /// Whether it is no wonder if it matches nothing: it means everything, or what is left out anyway.
    silent: bool,
}

impl Patterns {
    fn build(texts: &[String]) -> Result<Self, String> {
        let (mut set, mut of, mut written) = (GlobSetBuilder::new(), Vec::new(), Vec::new());
        for (i, text) in texts.iter().enumerate() {
            let pattern = Pattern::parse(text).map_err(|e| format!("{text:?} {e}"))?;
            for glob in pattern.globs() {
                let built = GlobBuilder::new(glob).literal_separator(true).build();
                set.add(built.map_err(|e| e.to_string())?);
                of.push(i);
            }
            let everything = pattern.globs().iter().any(|glob| matches!(glob.as_str(), "**" | "**/*"));
            let silent = everything || pattern.unmeant().is_some();
            written.push(Written { text: text.clone(), silent });
        }
        Ok(Self { set: set.build().map_err(|e| e.to_string())?, of, written })
    }

    fn matches(&self, path: &Candidate<'_>, hits: &mut [bool]) -> bool {
        if hits.iter().all(|hit| *hit) {
            return self.set.is_match_candidate(path);
        }
        let matches = self.set.matches_candidate(path);
        for pattern in matches.iter().filter_map(|glob| self.of.get(*glob)) {
            hits.get_mut(*pattern).into_iter().for_each(|hit| *hit = true);
        }
        !matches.is_empty()
    }

    fn unmatched<'p>(&'p self, hits: &'p [bool]) -> impl Iterator<Item = &'p str> {
        let unmatched = self.written.iter().zip(hits).filter(|(written, hit)| !**hit && !written.silent);
        unmatched.map(|(written, _)| written.text.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn patterns_that_matched_nothing_are_told() {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let globs = Globs::new(&own(&["**/*", "guides"]), &own(&["drafts/", "old", ".git/**"])).unwrap();
        let mut hits = globs.no_hits();
        let unmatched =
            |hits: &Hits| globs.unmatched(hits).map(|(_, text)| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(unmatched(&hits), ["guides", "drafts/", "old"]);
        let mut admit = |path: &str| globs.admit_noting(Path::new(path), &mut hits);
        assert!(admit("a.md") && admit("guides/a.md") && !admit("drafts/a/b.md") && admit("a/drafts/x.md"));
        assert_eq!(unmatched(&hits), ["old"]);
        assert!(globs.exclude_folder(Path::new("old")) && !globs.exclude_folder(Path::new("guides")));
    }
}
