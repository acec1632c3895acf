//! What is read, and how librdkafka is told.

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
    /// Further properties of librdkafka. Some load libraries or run commands: whoever fills this in lets
    /// only harmless ones through.
    pub properties: Vec<(String, String)>,
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
        config.set("group.id", &self.group);
        config.set("partition.assignment.strategy", "cooperative-sticky");
        config.set("enable.auto.commit", "false");
        config.set("enable.auto.offset.store", "false");
        config.set("auto.offset.reset", "error");
        config.set("allow.auto.create.topics", "false");
        config.set("enable.partition.eof", if mode == KafkaMode::Backfill { "true" } else { "false" });
        config
    }

    pub(crate) fn broken(&self, message: impl Into<String>) -> SourceError {
        SourceError::Broken { source_name: self.name.to_string(), message: message.into() }
    }

    pub(crate) fn unavailable(&self, message: impl Into<String>) -> SourceError {
        SourceError::Unavailable { source_name: self.name.to_string(), message: message.into() }
    }
}
