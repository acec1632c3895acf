//! `[[source]]`: what each type of source takes.

use std::path::{Path, PathBuf};

use alluvium_core::access::Acl;
use alluvium_core::id::SourceName;
use globset::GlobBuilder;
use serde::Serialize;
use toml::de::DeTable;

use crate::error::{ConfigError, Problem};
use crate::parse::size;
use crate::reader::{Context, Reader, Text, quote};
use crate::units::Reason;
use crate::value::Value;

pub(crate) const FILESYSTEM: &[&str] =
    &["name", "type", "root", "include", "exclude", "default_acl", "max_file_size"];
pub(crate) const ACL: &[&str] = &["readers", "denied", "tenant", "classification"];

const NAME: &str = "a name that no other source has, of letters, digits, '-', '_' and '.'";
const TYPE: &str = "a supported type of source: \"filesystem\"";
const ROOT: &str = "the folder that holds the documents";
const GLOB: &str = "a glob such as \"**/*.md\"";
const PRINCIPAL: &str = "a principal such as \"group:staff\"";

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceSpec {
    /// Its name, of which there is one in the file; it starts the ids of its documents.
    pub name: Value<SourceName>,
    /// What it reads.
    pub kind: SourceKind,
}

/// The types of sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceKind {
    /// Files beneath a folder.
    Filesystem(FilesystemSettings),
}

/// `type = "filesystem"`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilesystemSettings {
    /// The folder, joined to that of the pipeline file.
    pub root: Value<PathBuf>,
    /// Globs of paths beneath the root, one of which must match. `*` does not cross a slash.
    pub include: Vec<Value<String>>,
    /// Globs of paths beneath the root, none of which may match.
    pub exclude: Vec<Value<String>>,
    /// The access list of documents without a sidecar, canonical.
    pub default_acl: Option<Value<Acl>>,
    /// Larger files are quarantined, in bytes.
    pub max_file_size: u64,
}

pub(crate) fn parse_sources(top: &Reader<'_>, folder: &Path) -> Result<Vec<SourceSpec>, ConfigError> {
    let mut sources: Vec<SourceSpec> = Vec::new();
    for (path, table) in top.tables("source")? {
        let reader = Reader::new(top.context(), &path, table);
        let kind = parse_kind(&reader, folder)?;
        let text = reader.required("name", NAME)?;
        let name = text.parse(|name| SourceName::new(name).map_err(|e| Reason::Owned(e.to_string())))?;
        if let Some(i) = sources.iter().position(|other| *other.name == *name) {
            let found = format!("{}, the name of source[{i}]", quote(name.written()));
            let problem = Problem::Wrong { expected: NAME.to_owned(), found, nearest: None };
            return Err(reader.error("name", problem));
        }
        sources.push(SourceSpec { name, kind });
    }
    Ok(sources)
}

/// The type decides which keys there are, so a type that is not supported is named before its keys are.
fn parse_kind(reader: &Reader<'_>, folder: &Path) -> Result<SourceKind, ConfigError> {
    match reader.text("type", TYPE)? {
        Some(text) => text.word(&[("filesystem", ())])?,
        None => {
            reader.check_keys(FILESYSTEM)?;
            return Err(reader.missing("type", TYPE));
        }
    }
    reader.check_keys(FILESYSTEM)?;
    parse_filesystem(reader, folder).map(SourceKind::Filesystem)
}

fn parse_filesystem(reader: &Reader<'_>, folder: &Path) -> Result<FilesystemSettings, ConfigError> {
    let root = reader.required("root", ROOT)?.parse(|root| match root {
        "" => Err("is empty".into()),
        root if root.contains("://") => Err("is not a local path".into()),
        root => Ok(folder.join(root)),
    })?;
    let include = match reader.texts("include", GLOB)? {
        Some(texts) => parse_globs(texts)?,
        None => vec![Value::new("**/*".to_owned(), "**/*".to_owned(), false)],
    };
    if include.is_empty() {
        let found = "an empty list, which includes nothing".to_owned();
        let expected = "at least one glob".to_owned();
        return Err(reader.error("include", Problem::Wrong { expected, found, nearest: None }));
    }
    Ok(FilesystemSettings {
        root,
        include,
        exclude: parse_globs(reader.texts("exclude", GLOB)?.unwrap_or_default())?,
        default_acl: parse_acl(reader, "default_acl")?,
        max_file_size: size(reader, "max_file_size", 64 << 20, 1)?,
    })
}

fn parse_globs(texts: Vec<Text<'_>>) -> Result<Vec<Value<String>>, ConfigError> {
    let check = |glob: &str| {
        if glob.starts_with('/') || glob.starts_with("./") {
            return Err(Reason::Borrowed("globs are relative to the root and start with neither / nor ./"));
        }
        let built = GlobBuilder::new(glob).literal_separator(true).build();
        built.map(|_| glob.to_owned()).map_err(|e| Reason::Owned(e.kind().to_string()))
    };
    texts.into_iter().map(|text| text.parse(check)).collect()
}

fn parse_acl(reader: &Reader<'_>, key: &str) -> Result<Option<Value<Acl>>, ConfigError> {
    let Some(table) = reader.table(key)? else { return Ok(None) };
    let path = reader.path_of(key);
    parse_acl_table(reader.context(), &path, table).map(Some)
}

fn parse_acl_table(
    context: &Context<'_>,
    path: &str,
    table: &DeTable<'_>,
) -> Result<Value<Acl>, ConfigError> {
    let acl = Reader::new(context, path, table);
    acl.check_keys(ACL)?;
    let readers = acl.texts("readers", PRINCIPAL)?;
    let readers = principals(readers.ok_or_else(|| acl.missing("readers", "a list of principals"))?)?;
    let denied = principals(acl.texts("denied", PRINCIPAL)?.unwrap_or_default())?;
    let tenant = acl.text("tenant", "the name of a tenant")?.map(Text::plain);
    let classification = acl.text("classification", "a label such as \"internal\"")?.map(Text::plain);

    let all = readers.iter().chain(&denied).chain(&tenant).chain(&classification);
    let hidden = all.into_iter().any(Value::is_interpolated);
    let with = |pick: fn(&Value<String>) -> String| Acl {
        readers: readers.iter().map(pick).collect(),
        denied: denied.iter().map(pick).collect(),
        tenant: tenant.as_ref().map(pick),
        classification: classification.as_ref().map(pick),
    };
    let refused = |e: alluvium_core::access::AclError| {
        // Every principal was checked; what is left is their number, and says nothing of their content.
        context.places.error(path, Problem::Rejected(e.to_string()))
    };
    let value = with(|text| text.expose().clone()).canonical().map_err(refused)?;
    let written = with(|text| text.written().to_owned());
    // As written, principals may be no valid ones; only their order matters for printing and hashing.
    let written = written.clone().canonical().unwrap_or(written);
    let written = serde_json::to_string(&written).unwrap_or_default();
    Ok(Value::new(value, written, hidden))
}

/// Each principal alone, so that the error is at the one that is wrong.
fn principals(texts: Vec<Text<'_>>) -> Result<Vec<Value<String>>, ConfigError> {
    let check = |principal: &str| {
        let list = Acl { readers: vec![principal.to_owned()], ..Acl::default() };
        list.canonical().map(|_| principal.to_owned()).map_err(|e| Reason::Owned(e.to_string()))
    };
    texts.into_iter().map(|text| text.parse(check)).collect()
}
