//! Who may depend on what, checked from `cargo metadata`.
//!
//! Heavy crates are confined to one crate of ours each, so that a change elsewhere does not rebuild
//! the world and no adapter's types leak. Dependencies point from the binary to the adapters to
//! configuration and core.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, PackageId};

use crate::workspace::Workspace;

/// Packages (a trailing `*` stands for any ending) and the only crate that may name them.
const CONFINED: &[(&str, &[&str])] = &[
    ("alluvium-embed", &["fastembed", "ort", "ort-sys"]),
    ("alluvium-kafka", &["rdkafka", "rdkafka-sys", "schema_registry_converter", "apache-avro", "jsonschema"]),
    (
        "alluvium-index",
        &["lancedb", "lance", "lance-*", "arrow", "arrow-*", "datafusion", "datafusion-*", "serde_arrow"],
    ),
    ("alluvium-extract", &["pdf-extract", "lopdf", "pdfboss*", "scraper", "text-splitter"]),
];

const ADAPTER: &[&str] = &["alluvium-core", "alluvium-config", "alluvium-models"];

/// Which of our crates each of our crates may use.
const MAY_USE: &[(&str, &[&str])] = &[
    ("alluvium-core", &[]),
    ("alluvium-models", &[]),
    ("alluvium-config", &["alluvium-core"]),
    ("alluvium-runtime", &["alluvium-core"]),
    ("alluvium-extract", ADAPTER),
    ("alluvium-connect", ADAPTER),
    // It carries the same events as the other sources, and passes their conformance suite.
    ("alluvium-kafka", &["alluvium-core", "alluvium-connect"]),
    ("alluvium-embed", ADAPTER),
    ("alluvium-index", ADAPTER),
    ("alluvium", &["alluvium-*"]),
    ("xtask", &["alluvium-models"]),
];

/// What must not be anywhere beneath the core: it does no IO and knows no storage.
const NOT_IN_CORE: &[&str] =
    &["tokio", "arrow", "arrow-*", "lance", "lance-*", "lancedb", "datafusion*", "object_store", "reqwest"];

/// Fails with every breach at once.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(workspace.root.join("Cargo.toml"))
        .exec()
        .context("cannot read `cargo metadata`")?;
    let members = direct_dependencies(&metadata);
    let mut breaches = breaches(&members);
    let core = reachable(&metadata, "alluvium-core");
    breaches.extend(
        core.iter()
            .filter(|name| matches_any(name, NOT_IN_CORE))
            .map(|name| format!("alluvium-core depends on {name}, directly or not: the core does no IO")),
    );
    if breaches.is_empty() {
        println!("{} crates depend on what they may", members.len());
        return Ok(());
    }
    bail!("dependencies:\n  {}\n(the rules are in xtask/src/confine.rs)", breaches.join("\n  "))
}

/// Each member's direct dependencies, those of tests left out.
fn direct_dependencies(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let of = |package: &cargo_metadata::Package| {
        package
            .dependencies
            .iter()
            .filter(|dependency| dependency.kind != DependencyKind::Development)
            .map(|dependency| dependency.name.to_string())
            .collect()
    };
    metadata.workspace_packages().into_iter().map(|p| (p.name.to_string(), of(p))).collect()
}

fn breaches(members: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut found = Vec::new();
    for (member, dependencies) in members {
        let may_use = MAY_USE.iter().find(|(name, _)| name == member);
        if may_use.is_none() {
            found.push(format!("{member} is new: say in MAY_USE what it may use"));
        }
        let may_use = may_use.map_or(&[][..], |(_, names)| names);
        for dependency in dependencies {
            let confined_to = CONFINED.iter().find(|(_, names)| matches_any(dependency, names));
            if let Some((home, _)) = confined_to.filter(|(home, _)| home != member) {
                found.push(format!("{member} depends on {dependency}, which is for {home} alone"));
            }
            if members.contains_key(dependency) && !matches_any(dependency, may_use) {
                found.push(format!("{member} depends on {dependency}: the direction is wrong"));
            }
        }
    }
    found
}

/// Names of everything that a member needs to run, directly or not.
fn reachable(metadata: &Metadata, member: &str) -> BTreeSet<String> {
    let names: BTreeMap<&PackageId, &str> =
        metadata.packages.iter().map(|package| (&package.id, package.name.as_str())).collect();
    let nodes: BTreeMap<&PackageId, _> =
        metadata.resolve.iter().flat_map(|resolve| &resolve.nodes).map(|n| (&n.id, n)).collect();
    let mut seen = BTreeSet::new();
    let mut next: Vec<&PackageId> =
        names.iter().filter(|(_, name)| **name == member).map(|(id, _)| *id).collect();
    while let Some(id) = next.pop() {
        let used =
            nodes.get(id).into_iter().flat_map(|node| &node.deps).filter(|dependency| {
                dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
            });
        next.extend(used.map(|dependency| &dependency.pkg).filter(|id| seen.insert(*id)));
    }
    seen.into_iter().filter_map(|id| names.get(id)).map(ToString::to_string).collect()
}

fn matches_any(name: &str, patterns: &[&str]) -> bool {
    patterns.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(start) => name.starts_with(start),
        None => name == *pattern,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(members: &[(&str, &[&str])]) -> Vec<String> {
        let set = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        breaches(&members.iter().map(|(name, deps)| (name.to_string(), set(deps))).collect())
    }

    #[test]
    fn the_layout_of_the_design_is_allowed() {
        let members: &[(&str, &[&str])] = &[
            ("alluvium-core", &["serde"]),
            ("alluvium-runtime", &["alluvium-core", "tokio"]),
            ("alluvium-index", &["alluvium-core", "lancedb", "arrow-array"]),
            ("alluvium", &["alluvium-core", "alluvium-index", "alluvium-runtime"]),
        ];
        assert!(found(members).is_empty());
    }

    #[test]
    fn a_heavy_crate_outside_its_home_is_named_with_the_home() {
        let found = found(&[("alluvium-runtime", &["arrow-array"])]);
        assert_eq!(found, ["alluvium-runtime depends on arrow-array, which is for alluvium-index alone"]);
    }

    #[test]
    fn a_wrong_direction_and_a_new_crate_are_named() {
        let members: &[(&str, &[&str])] =
            &[("alluvium-index", &[]), ("alluvium-runtime", &["alluvium-index"]), ("alluvium-novel", &[])];
        let found = found(members);
        assert!(found.iter().any(|line| line.contains("alluvium-novel is new")), "{found:?}");
        assert!(found.iter().any(|line| line.contains("direction is wrong")), "{found:?}");
        assert_eq!(found.len(), 2);
    }

    #[test]
    fn patterns_end_in_a_star_or_are_exact() {
        assert!(matches_any("lance-io", &["lance", "lance-*"]));
        assert!(matches_any("lance", &["lance", "lance-*"]));
        assert!(!matches_any("lancet", &["lance", "lance-*"]));
    }
}
