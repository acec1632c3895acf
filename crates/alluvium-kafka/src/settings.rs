//! What is read, and how librdkafka is told.

use std::fmt;
use std::path::PathBuf;

use alluvium_connect::event::EventFormat;
use alluvium_core::access::Acl;
use alluvium_core::id::SourceName;
use alluvium_core::source::SourceError;
use rdkafka::ClientConfig;

/// What is read.
#[derive(Debug, Clone)]
pub struct KafkaSpec {
    /// The source's name.
    pub name: SourceName,
    /// Brokers to ask first, each `host:port`.
    pub brokers: Vec<String>,
    /// The topics.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// What messages are.
    pub format: EventFormat,
    /// The access list of documents that were never given one.
    pub default_acl: Option<Acl>,
    /// Folders that events may take content from by reference.
    pub content_roots: Vec<PathBuf>,
    /// Larger messages are refused, in bytes.
    pub max_event_size: u64,
    /// What to do where the log does not have what comes next.
    pub offset_lost: OffsetLost,
    /// TLS to the brokers; in the clear without.
    pub tls: Option<Tls>,
    /// Who we are to the brokers.
    pub sasl: Option<Sasl>,
    /// Further properties of librdkafka. Some load libraries or run commands: whoever fills this in lets
    /// only harmless ones through.
    pub properties: Vec<(String, String)>,
}

/// TLS to the brokers. Their certificates and host names are always checked. Files are PEM.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    /// Certificates that vouch for those of the brokers; the system's without.
    pub ca: Option<PathBuf>,
    /// What we show the brokers, where they ask.
    pub identity: Option<Identity>,
}

/// Our certificate.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// What opens the key.
    pub key_password: Option<String>,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// Name and password for the brokers.
#[derive(Clone)]
pub struct Sasl {
    /// How the password is shown to be known.
    pub mechanism: SaslMechanism,
    /// The name.
    pub username: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism).finish_non_exhaustive()
    }
}

/// How a password is shown to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaslMechanism {
    /// It is sent.
    Plain,
    /// SCRAM with SHA-256.
    ScramSha256,
    /// SCRAM with SHA-512.
    ScramSha512,
}

/// What to do where the log does not have what comes next: it was removed, or the topic was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetLost {
    /// Stop with an error that says what is lost.
    Stop,
    /// Go on with the earliest message that there is.
    Earliest,
}

/// When a topic has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaMode {
    /// At the ends that its partitions had when it was opened.
    Backfill,
    /// Never.
    Follow,
}

/// What librdkafka may fetch ahead, over all partitions.
const FETCHED_AHEAD_KIB: &str = "16384";

impl KafkaSpec {
    /// The configuration of a consumer. What the source depends on comes last, so that no property can
    /// change it.
    pub(crate) fn config(&self, mode: KafkaMode) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("client.id", "alluvium");
        config.set("queued.max.messages.kbytes", FETCHED_AHEAD_KIB);
        config.set("fetch.wait.max.ms", "100");
        // The group waits so long for a member that died, and its successor with it.
        config.set("session.timeout.ms", "10000");
        for (key, value) in &self.properties {
            config.set(key, value);
        }
        config.set("bootstrap.servers", self.brokers.join(","));
        self.secure(&mut config);
        config.set("group.id", &self.group);
        config.set("partition.assignment.strategy", "cooperative-sticky");
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error");
        config.set("allow.auto.create.topics", "false");
        config.set("enable.partition.eof", if mode == KafkaMode::Backfill { "true" } else { "false" });
        config
    }

    fn secure(&self, config: &mut ClientConfig) {
        let protocol = match (&self.tls, &self.sasl) {
            (None, None) => "plaintext",
            (Some(_), None) => "ssl",
            (None, Some(_)) => "sasl_plaintext",
            (Some(_), Some(_)) => "sasl_ssl",
        };
        config.set("security.protocol", protocol);
        if let Some(Tls { ca, identity }) = &self.tls {
            config.set("enable.ssl.certificate.verification", "true");
            config.set("ssl.endpoint.identification.algorithm", "https");
            set_path(config, "ssl.ca.location", ca.as_ref());
            set_path(config, "ssl.certificate.location", identity.as_ref().map(|own| &own.certificate));
            set_path(config, "ssl.key.location", identity.as_ref().map(|own| &own.key));
            if let Some(password) = identity.as_ref().and_then(|own| own.key_password.as_ref()) {
                config.set("ssl.key.password", password);
            }
        }
        if let Some(Sasl { mechanism, username, password }) = &self.sasl {
            let mechanism = match mechanism {
                SaslMechanism::Plain => "PLAIN",
                SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
                SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            config.set("sasl.mechanisms", mechanism).set("sasl.username", username);
            config.set("sasl.password", password);
        }
    }

    pub(crate) fn broken(&self, message: impl Into<String>) -> SourceError {
        SourceError::Broken { source_name: self.name.to_string(), message: message.into() }
    }

    pub(crate) fn unavailable(&self, message: impl Into<String>) -> SourceError {
        SourceError::Unavailable { source_name: self.name.to_string(), message: message.into() }
    }
}

fn set_path(config: &mut ClientConfig, key: &str, path: Option<&PathBuf>) {
    if let Some(path) = path {
        config.set(key, path.to_string_lossy());
    }
}
