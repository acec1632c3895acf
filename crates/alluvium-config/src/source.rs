//! `[[source]]`: what each type of source takes.

use std::path::{Path, PathBuf};

use alluvium_core::access::Acl;
use alluvium_core::id::SourceName;
use serde::Serialize;
use toml::de::DeTable;

use crate::bucket::{BucketSettings, parse_content_buckets};
use crate::error::{ConfigError, Problem};
use crate::kafka::{KAFKA, KafkaSettings, parse_kafka};
use crate::parse::size;
use crate::patterns::{parse_exclude, parse_include};
use crate::reader::{Context, Reader, Text, quote};
use crate::units::Reason;
use crate::uri::beneath;
use crate::value::Value;

pub(crate) const FILESYSTEM: &[&str] = &[
    "name",
    "type",
    "root",
    "include",
    "exclude",
    "hidden",
    "gitignore",
    "default_acl",
    "max_file_size",
    "metadata",
    "on_unreadable",
];
pub(crate) const JSONL: &[&str] = &[
    "name",
    "type",
    "path",
    "default_acl",
    "content_roots",
    "content_bucket",
    "max_event_size",
    "on_unreadable",
];
pub(crate) const ACL: &[&str] = &["readers", "denied", "tenant", "classification"];

const NAME: &str = "a name that no other source has, of letters, digits, '-', '_' and '.'";
const TYPE: &str = "a supported type of source: \"filesystem\", \"jsonl\" or \"kafka\"";
const ROOT: &str = "the folder that holds the documents";
const EVENTS: &str = "a file of change events, or \"-\" for standard input";
const CONTENT_ROOT: &str = "a folder that events may take content from";
const ON_UNREADABLE: &str = "\"keep\" or \"hide\"";
const METADATA: &str = "a text without control characters";
const PRINCIPAL: &str = "a principal such as \"group:staff\"";

/// One source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SourceSpec {
    /// Its name, of which there is one in the file; it starts the ids of its documents.
    pub name: Value<SourceName>,
    /// What it reads.
    pub kind: SourceKind,
    /// What becomes of a document whose new content is there and can't be read.
    #[serde(skip_serializing_if = "OnUnreadable::is_keep")]
    pub on_unreadable: OnUnreadable,
}

/// What becomes of a document whose new content is there and can't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnreadable {
    /// Its last good version stays in service.
    Keep,
    /// Nothing of it is served until it can be read again.
    Hide,
}

impl OnUnreadable {
    fn is_keep(&self) -> bool {
        *self == Self::Keep
    }
}

fn parse_on_unreadable(reader: &Reader<'_>) -> Result<OnUnreadable, ConfigError> {
    let words = [("keep", OnUnreadable::Keep), ("hide", OnUnreadable::Hide)];
    let given = reader.text("on_unreadable", ON_UNREADABLE)?.map(|text| text.word(&words)).transpose()?;
    Ok(given.unwrap_or(OnUnreadable::Keep))
}

/// The types of sources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum SourceKind {
    /// Files beneath a folder.
    Filesystem(FilesystemSettings),
    /// Lines of change events.
    Jsonl(JsonlSettings),
    /// Kafka topics of change events.
    Kafka(KafkaSettings),
}

impl SourceKind {
    /// What a source of lines reads; `None` for other sources.
    pub fn event_input(&self) -> Option<&JsonlInput> {
        match self {
            Self::Jsonl(jsonl) => Some(&*jsonl.path),
            Self::Filesystem(_) | Self::Kafka(_) => None,
        }
    }

    /// Whether it can be read once only.
    pub fn reads_stdin(&self) -> bool {
        self.event_input() == Some(&JsonlInput::Stdin)
    }
}

/// `type = "filesystem"`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FilesystemSettings {
    /// The folder, joined to that of the pipeline file.
    pub root: Value<PathBuf>,
    /// Patterns of paths beneath the root, one of which must match ([`alluvium_core::pattern`]).
    pub include: Vec<Value<String>>,
    /// Patterns of paths beneath the root, none of which may match.
    pub exclude: Vec<Value<String>>,
    /// Whether hidden files, and what systems and editors leave beside documents, are documents, too.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub hidden: bool,
    /// Whether what `.gitignore` files leave out is left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub gitignore: bool,
    /// The access list of documents without a sidecar, canonical.
    pub default_acl: Option<Value<Acl>>,
    /// Larger files are quarantined, in bytes.
    pub max_file_size: u64,
    /// `key=value` pairs of every document, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<Value<String>>,
}

/// `type = "jsonl"`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JsonlSettings {
    /// Where the lines come from.
    pub path: Value<JsonlInput>,
    /// The access list of documents that were never given one, canonical.
    pub default_acl: Option<Value<Acl>>,
    /// Folders that events may take content from by reference, joined to that of the pipeline file.
    pub content_roots: Vec<Value<PathBuf>>,
    /// Buckets that events may take content from by reference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_buckets: Vec<BucketSettings>,
    /// Longer lines are quarantined, in bytes.
    pub max_event_size: u64,
}

/// Where lines come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonlInput {
    /// Standard input; at most one source has it.
    Stdin,
    /// A file, joined to the folder of the pipeline file.
    File(PathBuf),
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
        if kind.reads_stdin()
            && let Some(i) = sources.iter().position(|other| other.kind.reads_stdin())
        {
            let found = format!("\"-\", which source[{i}] reads already");
            let expected = "a file of change events; only one source can read standard input".to_owned();
            return Err(reader.error("path", Problem::Wrong { expected, found, nearest: None }));
        }
        let on_unreadable = parse_on_unreadable(&reader)?;
        sources.push(SourceSpec { name, kind, on_unreadable });
    }
    Ok(sources)
}

#[derive(Clone, Copy)]
enum Type {
    Filesystem,
    Jsonl,
    Kafka,
}

/// The type decides which keys there are, so a type that is not supported is named before its keys are.
fn parse_kind(reader: &Reader<'_>, folder: &Path) -> Result<SourceKind, ConfigError> {
    let words = [("filesystem", Type::Filesystem), ("jsonl", Type::Jsonl), ("kafka", Type::Kafka)];
    match reader.text("type", TYPE)?.map(|text| text.word(&words)).transpose()? {
        Some(Type::Filesystem) => {
            reader.check_keys(FILESYSTEM)?;
            parse_filesystem(reader, folder).map(SourceKind::Filesystem)
        }
        Some(Type::Jsonl) => {
            reader.check_keys(JSONL)?;
            parse_jsonl(reader, folder).map(SourceKind::Jsonl)
        }
        Some(Type::Kafka) => {
            reader.check_keys(KAFKA)?;
            parse_kafka(reader, folder).map(SourceKind::Kafka)
        }
        None => {
            reader.check_keys(FILESYSTEM)?;
            Err(reader.missing("type", TYPE))
        }
    }
}

/// A path of the file, joined to the file's folder.
pub(crate) fn local_path(path: &str, folder: &Path) -> Result<PathBuf, Reason> {
    match path {
        "" => Err("is empty".into()),
        path if path.contains("://") => Err("is not a local path".into()),
        path => beneath(path, folder),
    }
}

fn parse_jsonl(reader: &Reader<'_>, folder: &Path) -> Result<JsonlSettings, ConfigError> {
    let path = reader.required("path", EVENTS)?.parse(|path| match path {
        "-" => Ok(JsonlInput::Stdin),
        path => local_path(path, folder).map(JsonlInput::File),
    })?;
    Ok(JsonlSettings {
        path,
        default_acl: parse_acl(reader, "default_acl")?,
        content_roots: parse_content_roots(reader, folder)?,
        content_buckets: parse_content_buckets(reader)?,
        max_event_size: size(reader, "max_event_size", 64 << 20, 1)?,
    })
}

pub(crate) fn parse_content_roots(
    reader: &Reader<'_>,
    folder: &Path,
) -> Result<Vec<Value<PathBuf>>, ConfigError> {
    let roots = reader.texts("content_roots", CONTENT_ROOT)?.unwrap_or_default();
    let root = |text: Text<'_>| text.parse(|root| local_path(root, folder));
    roots.into_iter().map(root).collect()
}

fn parse_filesystem(reader: &Reader<'_>, folder: &Path) -> Result<FilesystemSettings, ConfigError> {
    let root = reader.required("root", ROOT)?.parse(|root| local_path(root, folder))?;
    let hidden = reader.flag("hidden")?;
    Ok(FilesystemSettings {
        include: parse_include(reader, &root, hidden)?,
        exclude: parse_exclude(reader, &root)?,
        root,
        hidden,
        gitignore: reader.flag("gitignore")?,
        default_acl: parse_acl(reader, "default_acl")?,
        max_file_size: size(reader, "max_file_size", 64 << 20, 1)?,
        metadata: parse_metadata(reader, "metadata")?,
    })
}

/// `key = "value"` → `key=value`, sorted. A key with an equals sign would be read back as another one.
fn parse_metadata(reader: &Reader<'_>, key: &str) -> Result<Vec<Value<String>>, ConfigError> {
    let Some(table) = reader.table(key)? else { return Ok(Vec::new()) };
    let path = reader.path_of(key);
    let metadata = Reader::new(reader.context(), &path, table);
    let mut pairs = Vec::new();
    for (key, text) in metadata.entries(METADATA)? {
        if key.is_empty() || key.contains('=') || key.chars().any(char::is_control) {
            let expected = "a key that is not empty and has neither \"=\" nor control characters".to_owned();
            let problem = Problem::Wrong { expected, found: quote(key), nearest: None };
            return Err(metadata.error(key, problem));
        }
        let value = text.parse(|value| match value.chars().any(char::is_control) {
            true => Err("holds a control character".into()),
            false => Ok(value.to_owned()),
        })?;
        let (written, hidden) = (format!("{key}={}", value.written()), value.is_interpolated());
        pairs.push(Value::new(format!("{key}={}", value.expose()), written, hidden));
    }
    pairs.sort_unstable_by(|a, b| a.expose().cmp(b.expose()));
    Ok(pairs)
}

pub(crate) fn parse_acl(reader: &Reader<'_>, key: &str) -> Result<Option<Value<Acl>>, ConfigError> {
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
