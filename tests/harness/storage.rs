//! An index as it lies on the disk: its records, and what its tables hold beyond them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// The ledger's files, the newest first.
pub(crate) fn records(index: &Path) -> Vec<PathBuf> {
    let Ok(files) = fs::read_dir(index.join("ledger")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "json"));
    files.sort();
    files
}

/// The newest record.
pub(crate) fn head(index: &Path) -> Option<Value> {
    let newest = records(index).into_iter().next()?;
    Some(serde_json::from_slice(&fs::read(newest).unwrap()).unwrap())
}

/// The newest version of each table, by the table's name.
pub(crate) fn newest_versions(index: &Path) -> BTreeMap<String, u64> {
    let mut newest = BTreeMap::new();
    let Ok(items) = fs::read_dir(index) else { return newest };
    for item in items.map(|item| item.unwrap().path()) {
        let Ok(files) = fs::read_dir(item.join("_versions")) else { continue };
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let versions = names.filter_map(|name| version_of(&name)).max();
        let table = item.file_stem().unwrap().to_str().unwrap().to_owned();
        newest.extend(versions.map(|version| (table, version)));
    }
    newest
}

/// Lance names newer manifests so that they sort first.
fn version_of(manifest: &str) -> Option<u64> {
    let digits = manifest.strip_suffix(".manifest")?;
    let number: u64 = digits.parse().ok()?;
    Some(if digits.len() == 20 { u64::MAX - number } else { number })
}

/// Whether some table is ahead of the newest record: somebody is, or was, in the middle of a commit.
pub(crate) fn in_a_commit(index: &Path) -> bool {
    let newest = newest_versions(index);
    let Some(head) = head(index) else { return !newest.is_empty() };
    newest.iter().any(|(table, version)| head["tables"][table].as_u64() != Some(*version))
}

/// The file of a table's version.
pub(crate) fn manifest(table: &Path, version: u64) -> PathBuf {
    table.join(format!("_versions/{:020}.manifest", u64::MAX - version))
}
