//! Demo and tests must share one build of the dependencies.
//!
//! Cargo builds a package once for each set of features that it is asked for. A dev-dependency that
//! asks a shared package for one more feature makes tests build that package, and everything above
//! it, a second time: with LanceDB above it that is a quarter of an hour. So: no package may have
//! other features in tests than without them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, bail};

use crate::cargo::output_of;
use crate::workspace::Workspace;

/// Packages that may differ, because next to nothing is built on them.
const MAY_DIFFER: &[&str] = &["fail"];

/// For each package, the sets of features that it is built with.
type Features = BTreeMap<String, BTreeSet<String>>;

/// Fails with the packages that tests would build anew.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let tree = |edges| {
        let args = ["tree", "--workspace", "--prefix", "none", "--format", "{p}|{f}", "--edges", edges];
        output_of(&mut workspace.cargo(&args)).map(|text| features(&text))
    };
    let twice = built_twice(&tree("normal,build")?, &tree("normal,build,dev")?);
    if twice.is_empty() {
        return Ok(());
    }
    bail!(
        "dev-dependencies ask for features that the build without tests does not have, so that \
         tests would build these again, with all that is above them:\n  {}\n\
         ask for the same features in the dependency itself",
        twice.join("\n  ")
    )
}

fn features(tree: &str) -> Features {
    let mut found = Features::new();
    for line in tree.lines() {
        if let Some((package, features)) = line.trim_end_matches(" (*)").split_once('|') {
            // A path in parentheses stands after packages of this repository: those are cheap.
            if !package.ends_with(')') || package.ends_with("(proc-macro)") {
                found.entry(package.to_owned()).or_default().insert(features.to_owned());
            }
        }
    }
    found
}

fn built_twice(without_tests: &Features, with_tests: &Features) -> Vec<String> {
    let allowed = |package: &str| package.split(' ').next().is_some_and(|name| MAY_DIFFER.contains(&name));
    without_tests
        .iter()
        .filter(|(package, features)| with_tests.get(*package).is_some_and(|tests| tests != *features))
        .map(|(package, _)| package.clone())
        .filter(|package| !allowed(package))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feature_that_only_tests_ask_for_is_found() {
        let build = features("a v1 (/repository/a)|\ntokio v1|rt\nserde v1|derive (*)\nfail v1|");
        let same = features("a v1 (/repository/a)|x\ntokio v1|rt\nserde v1|derive\nproptest v1|std");
        assert!(built_twice(&build, &same).is_empty());
        let more = features("tokio v1|rt,test-util\nserde v1|derive\nfail v1|failpoints");
        assert_eq!(built_twice(&build, &more), ["tokio v1"]);
    }
}
