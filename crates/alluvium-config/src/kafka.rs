//! `type = "kafka"`.
//!
//! Some properties of librdkafka load a library or run a command (GHSA-g85h-2988-4cv8), and others would
//! take from the source what it depends on, so that a file may set only those in [`PROPERTIES`].

mod security;

use std::path::{Path, PathBuf};

use alluvium_core::access::Acl;
use serde::Serialize;

use crate::columns::{ColumnSettings, parse_columns};
use crate::error::{ConfigError, Problem, nearest};
use crate::parse::size;
use crate::reader::{Reader, Text, quote};
use crate::source::{parse_acl, parse_content_roots};
use crate::units::Reason;
use crate::value::Value;

pub use security::{IdentitySettings, SaslMechanism, SaslSettings, TlsSettings};
use security::{parse_sasl, parse_tls};

pub(crate) const KAFKA: &[&str] = &[
    "name",
    "type",
    "brokers",
    "topics",
    "group",
    "format",
    "columns",
    "default_acl",
    "content_roots",
    "max_event_size",
    "offset_lost",
    "tls",
    "sasl",
    "properties",
];

/// What a file may set of librdkafka: paces, sizes and addresses.
pub(crate) const PROPERTIES: &[&str] = &[
    "broker.address.family",
    "broker.address.ttl",
    "check.crcs",
    "client.dns.lookup",
    "client.id",
    "client.rack",
    "connections.max.idle.ms",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.min.bytes",
    "fetch.queue.backoff.ms",
    "fetch.wait.max.ms",
    "group.instance.id",
    "heartbeat.interval.ms",
    "isolation.level",
    "max.partition.fetch.bytes",
    "max.poll.interval.ms",
    "metadata.max.age.ms",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "receive.message.max.bytes",
    "reconnect.backoff.max.ms",
    "reconnect.backoff.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "session.timeout.ms",
    "socket.connection.setup.timeout.ms",
    "socket.keepalive.enable",
    "socket.nagle.disable",
    "socket.receive.buffer.bytes",
    "socket.send.buffer.bytes",
    "socket.timeout.ms",
    "topic.metadata.refresh.fast.interval.ms",
    "topic.metadata.refresh.interval.ms",
];

const BROKER: &str = "a broker such as \"kafka.example.org:9092\"";
const TOPIC: &str = "the name of a topic, of letters, digits, '-', '_' and '.'";
const GROUP: &str = "the consumer group, such as the pipeline's name";
const FORMAT: &str = "a format of events: \"document_change\" or \"debezium\"";
const OFFSET_LOST: &str = "\"stop\" or \"earliest\"";
const PROPERTY: &str = "the value of a property of librdkafka, in quotes";

/// `type = "kafka"`
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KafkaSettings {
    /// Brokers to ask first, each `host:port`; at least one.
    pub brokers: Vec<Value<String>>,
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
    /// Larger messages are quarantined, in bytes.
    pub max_event_size: u64,
    /// What to do where the log does not have what comes next.
    pub offset_lost: OffsetLost,
    /// TLS to the brokers; in the clear without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsSettings>>,
    /// Who we are to the brokers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sasl: Option<Box<SaslSettings>>,
    /// Further properties of librdkafka, all of them harmless, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub properties: Vec<(String, Value<String>)>,
}

/// What a message's value is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EventFormat {
    /// The native change event.
    DocumentChange,
    /// Row changes as Debezium captures them.
    Debezium(Box<ColumnSettings>),
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
    let policies = [("stop", OffsetLost::Stop), ("earliest", OffsetLost::Earliest)];
    let tls = parse_tls(reader, folder)?;
    let sasl = parse_sasl(reader, tls.is_some())?;
    let lost = reader.text("offset_lost", OFFSET_LOST)?.map(|lost| lost.word(&policies)).transpose()?;
    Ok(KafkaSettings {
        brokers: parse_list(reader, "brokers", BROKER, broker)?,
        topics: parse_list(reader, "topics", TOPIC, topic)?,
        group: reader.required("group", GROUP)?.parse(group)?,
        format: parse_format(reader)?,
        default_acl: parse_acl(reader, "default_acl")?,
        content_roots: parse_content_roots(reader, folder)?,
        max_event_size: size(reader, "max_event_size", 16 << 20, 1)?,
        offset_lost: lost.unwrap_or(OffsetLost::Stop),
        tls: tls.map(Box::new),
        sasl: sasl.map(Box::new),
        properties: parse_properties(reader)?,
    })
}

fn parse_format(reader: &Reader<'_>) -> Result<EventFormat, ConfigError> {
    let words = [("document_change", false), ("debezium", true)];
    let rows = reader.text("format", FORMAT)?.map(|format| format.word(&words)).transpose()?;
    if rows == Some(true) {
        return Ok(EventFormat::Debezium(Box::new(parse_columns(reader)?)));
    }
    match reader.table("columns")? {
        None => Ok(EventFormat::DocumentChange),
        Some(_) => {
            let expected = "no columns, or format = \"debezium\"".to_owned();
            let found = "columns of a format that has none".to_owned();
            Err(reader.error("columns", Problem::Wrong { expected, found, nearest: None }))
        }
    }
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

fn broker(text: &str) -> Result<String, Reason> {
    let (host, port) = text.rsplit_once(':').ok_or("has no port: it must read host:port")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let numeric = bracketed.is_some_and(|host| host.parse::<std::net::Ipv6Addr>().is_ok());
    if !numeric && (host.is_empty() || !host.chars().all(plain)) {
        return Err("must read host:port, an IPv6 address in brackets".into());
    }
    match port.parse::<u16>() {
        Ok(1..) => Ok(text.to_owned()),
        _ => Err("has a port that is none".into()),
    }
}

/// As Kafka has it. A pattern, which would begin with `^`, is no name.
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

fn parse_properties(reader: &Reader<'_>) -> Result<Vec<(String, Value<String>)>, ConfigError> {
    let Some(table) = reader.table("properties")? else { return Ok(Vec::new()) };
    let path = reader.path_of("properties");
    let properties = Reader::new(reader.context(), &path, table);
    let mut parsed = Vec::new();
    for (key, text) in properties.entries(PROPERTY)? {
        if !PROPERTIES.contains(&key) {
            let expected = format!("one of the properties that may be set: {}", PROPERTIES.join(", "));
            let nearest = nearest(key, PROPERTIES);
            return Err(properties.error(key, Problem::Wrong { expected, found: quote(key), nearest }));
        }
        let value = text.parse(|value| match value.contains('\0') {
            true => Err("holds a zero byte".into()),
            false => Ok(value.to_owned()),
        })?;
        parsed.push((key.to_owned(), value));
    }
    parsed.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    Ok(parsed)
}
