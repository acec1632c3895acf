//! How the brokers are reached.
//!
//! Some properties of librdkafka load a library or run a command (GHSA-g85h-2988-4cv8), and others would
//! take from us what we depend on, so that a file may set only those in [`PROPERTIES`].

use std::path::Path;

use serde::Serialize;

use super::parse_list;
use super::security::{SaslSettings, TlsSettings, parse_sasl, parse_tls};
use crate::error::{ConfigError, Problem, nearest};
use crate::reader::{Reader, quote};
use crate::units::Reason;
use crate::value::Value;

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
const PROPERTY: &str = "the value of a property of librdkafka, in quotes";

/// How the brokers are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionSettings {
    /// Brokers to ask first, each `host:port`; at least one.
    pub brokers: Vec<Value<String>>,
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

pub(super) fn parse_connection(
    reader: &Reader<'_>,
    folder: &Path,
) -> Result<ConnectionSettings, ConfigError> {
    let tls = parse_tls(reader, folder)?;
    let sasl = parse_sasl(reader, tls.is_some())?;
    Ok(ConnectionSettings {
        brokers: parse_list(reader, "brokers", BROKER, broker)?,
        tls: tls.map(Box::new),
        sasl: sasl.map(Box::new),
        properties: parse_properties(reader)?,
    })
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
