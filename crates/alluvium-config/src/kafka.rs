//! `type = "kafka"`.

mod connection;
mod prepared;
mod registry;
mod security;

use std::path::{Path, PathBuf};

use alluvium_core::access::Acl;
use globset::Glob;
use serde::Serialize;

use crate::bucket::{BucketSettings, parse_content_buckets};
use crate::cloudevents::{CloudEventSettings, parse_cloudevents};
use crate::columns::{ColumnSettings, parse_columns};
use crate::error::{ConfigError, Problem};
use crate::parse::size;
use crate::reader::{Reader, Text, quote};
use crate::source::{parse_acl, parse_content_roots};
use crate::units::Reason;
use crate::value::Value;

pub use connection::ConnectionSettings;
pub(crate) use connection::PROPERTIES;
use connection::parse_connection;
#[cfg(test)]
pub(crate) use prepared::PREPARED;
pub use prepared::PreparedSettings;
pub(crate) use prepared::parse_prepared;
#[cfg(test)]
pub(crate) use registry::REGISTRY;
use registry::parse_registry;
pub use registry::{CredentialSettings, RegistrySettings};
pub use security::{IdentitySettings, SaslMechanism, SaslSettings, TlsSettings};

pub(crate) const KAFKA: &[&str] = &[
    "name",
    "type",
    "brokers",
    "topics",
    "group",
    "format",
    "columns",
    "cloudevents",
    "default_acl",
    "content_roots",
    "content_bucket",
    "max_event_size",
    "offset_lost",
    "dead_letter_topic",
    "schema_registry",
    "tls",
    "sasl",
    "properties",
    "on_unreadable",
];

const TOPIC: &str = "the name of a topic, of letters, digits, '-', '_' and '.'";
const TOPICS: &str =
    "the name of a topic, of letters, digits, '-', '_' and '.', or a pattern such as \"docs-*\"";
const GROUP: &str = "the consumer group, such as the pipeline's name";
const FORMAT: &str =
    "a format of events: \"document_change\", \"debezium\", \"cloudevents\" or \"bucket_notifications\"";
const OFFSET_LOST: &str = "\"stop\" or \"earliest\"";

/// `type = "kafka"`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KafkaSettings {
    /// How the brokers are reached.
    #[serde(flatten)]
    pub connection: ConnectionSettings,
    /// The topics, each once; at least one.
    pub topics: Vec<Value<String>>,
    /// The consumer group.
    pub group: Value<String>,
    /// What a message's value is.
    pub format: EventFormat,
    /// The access list of documents that were never given one, canonical.
    pub default_acl: Option<Value<Acl>>,
    /// Folders that events may take content from by reference, joined to that of the pipeline file.
    pub content_roots: Vec<Value<PathBuf>>,
    /// Buckets that events may take content from by reference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub content_buckets: Vec<BucketSettings>,
    /// Larger messages are quarantined, in bytes.
    pub max_event_size: u64,
    /// What to do where the log does not have what comes next.
    pub offset_lost: OffsetLost,
    /// Where refused messages are copied to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_topic: Option<Value<String>>,
    /// What values were written with, where they are framed for a schema registry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema_registry: Option<Box<RegistrySettings>>,
}

/// What a message's value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventFormat {
    /// The native change event.
    DocumentChange,
    /// Row changes as Debezium captures them.
    Debezium(Box<ColumnSettings>),
    /// CloudEvents.
    #[serde(rename = "cloudevents")]
    CloudEvents(Box<CloudEventSettings>),
    /// What S3 and its kin say of their objects.
    BucketNotifications,
}

/// What to do where the log does not have what comes next: it was removed, or the topic was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum OffsetLost {
    /// Stop with an error that says what is lost.
    Stop,
    /// Go on with the earliest message that there is.
    Earliest,
}

pub(crate) fn parse_kafka(reader: &Reader<'_>, folder: &Path) -> Result<KafkaSettings, ConfigError> {
    let connection = parse_connection(reader, folder)?;
    let topics = parse_list(reader, "topics", TOPICS, topics)?;
    Ok(KafkaSettings {
        connection,
        dead_letter_topic: parse_dead_letter_topic(reader, &topics)?,
        schema_registry: parse_registry(reader, folder)?,
        topics,
        group: reader.required("group", GROUP)?.parse(group)?,
        format: parse_format(reader)?,
        default_acl: parse_acl(reader, "default_acl")?,
        content_roots: parse_content_roots(reader, folder)?,
        content_buckets: parse_content_buckets(reader)?,
        max_event_size: size(reader, "max_event_size", 16 << 20, 1)?,
        offset_lost: parse_offset_lost(reader)?,
    })
}

fn parse_offset_lost(reader: &Reader<'_>) -> Result<OffsetLost, ConfigError> {
    let policies = [("stop", OffsetLost::Stop), ("earliest", OffsetLost::Earliest)];
    let lost = reader.text("offset_lost", OFFSET_LOST)?.map(|lost| lost.word(&policies)).transpose()?;
    Ok(lost.unwrap_or(OffsetLost::Stop))
}

/// Whether one of these names and patterns is or matches the topic.
fn is_among(topic: &str, topics: &[Value<String>]) -> bool {
    topics.iter().any(|read| Glob::new(read).is_ok_and(|read| read.compile_matcher().is_match(topic)))
}

/// Not one that is read: what is refused would be refused again for ever.
fn parse_dead_letter_topic(
    reader: &Reader<'_>,
    topics: &[Value<String>],
) -> Result<Option<Value<String>>, ConfigError> {
    let Some(text) = reader.text("dead_letter_topic", TOPIC)? else { return Ok(None) };
    let dead = text.parse(topic)?;
    if is_among(&dead, topics) {
        let expected = "a topic that this source does not read".to_owned();
        let found = quote(dead.written());
        return Err(reader.error("dead_letter_topic", Problem::Wrong { expected, found, nearest: None }));
    }
    Ok(Some(dead))
}

fn parse_format(reader: &Reader<'_>) -> Result<EventFormat, ConfigError> {
    let words = ["document_change", "debezium", "cloudevents", "bucket_notifications"];
    let format = reader.text("format", FORMAT)?;
    let format = format.map(|format| format.word(&words.map(|word| (word, word)))).transpose()?;
    let format = format.unwrap_or("document_change");
    for (table, of) in [("columns", "debezium"), ("cloudevents", "cloudevents")] {
        if format != of && reader.table(table)?.is_some() {
            let expected = format!("no {table}, or format = {of:?}");
            let found = format!("{table} of a format that has none");
            return Err(reader.error(table, Problem::Wrong { expected, found, nearest: None }));
        }
    }
    Ok(match format {
        "debezium" => EventFormat::Debezium(Box::new(parse_columns(reader)?)),
        "cloudevents" => EventFormat::CloudEvents(Box::new(parse_cloudevents(reader)?)),
        "bucket_notifications" => EventFormat::BucketNotifications,
        _ => EventFormat::DocumentChange,
    })
}

/// A list of at least one text, each of which is there once.
fn parse_list<'a>(
    reader: &Reader<'a>,
    key: &str,
    item: &'a str,
    check: fn(&str) -> Result<String, Reason>,
) -> Result<Vec<Value<String>>, ConfigError> {
    let expected = || format!("a list of at least one, each once: {item}");
    let texts = reader.texts(key, item)?.ok_or_else(|| reader.missing(key, &expected()))?;
    let parse = |text: Text<'a>| text.parse(check);
    let list = texts.into_iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let wrong = |found| Problem::Wrong { expected: expected(), found, nearest: None };
    if list.is_empty() {
        return Err(reader.error(key, wrong("an empty list".to_owned())));
    }
    let twice = list.iter().enumerate().find(|(i, one)| list.iter().take(*i).any(|two| **two == ***one));
    match twice {
        Some((_, twice)) => Err(reader.error(key, wrong(format!("{} twice", quote(twice.written()))))),
        None => Ok(list),
    }
}

/// A name, or a pattern of names.
fn topics(text: &str) -> Result<String, Reason> {
    if !text.contains(['*', '?', '[', '{']) {
        return topic(text);
    }
    match Glob::new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Reason::Owned(format!("is no pattern: {}", error.kind()))),
    }
}

/// As Kafka has it.
fn topic(text: &str) -> Result<String, Reason> {
    const LONGEST: usize = 249;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match text {
        "" => Err("is empty".into()),
        "." | ".." => Err("is no name of a topic".into()),
        text if text.len() > LONGEST => Err("is longer than 249 characters".into()),
        text if !text.chars().all(plain) => Err("holds another character".into()),
        text => Ok(text.to_owned()),
    }
}

fn group(text: &str) -> Result<String, Reason> {
    match text {
        text if text.trim().is_empty() => Err("is empty".into()),
        text if text.chars().any(char::is_control) => Err("holds a control character".into()),
        text => Ok(text.to_owned()),
    }
}
