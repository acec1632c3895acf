//! What is read, and how librdkafka is told.

use std::path::PathBuf;

use alluvium_connect::event::{BucketSpec, EventFormat, Patience};
use alluvium_core::access::Acl;
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::source::SourceError;
use rdkafka::ClientConfig;

use crate::connection::Connection;
use crate::registry::SchemaRegistrySpec;

/// What is read.
#[derive(Debug, Clone)]
pub struct KafkaSpec {
    /// The source's name.
    pub name: SourceName,
    /// How the brokers are reached.
    pub connection: Connection,
    /// The topics: names, and patterns with `*`, `?`, `[…]` and `{…}`.
    pub topics: Vec<String>,
    /// The consumer group.
    pub group: String,
    /// What messages are.
    pub messages: Messages,
    /// What to do where the log does not have what comes next.
    pub offset_lost: OffsetLost,
}

/// What messages are.
#[derive(Debug, Clone)]
pub enum Messages {
    /// Change events.
    Events(Box<EventsSpec>),
    /// Documents that preparers have prepared.
    Prepared(PreparedSpec),
}

/// Change events.
#[derive(Debug, Clone)]
pub struct EventsSpec {
    /// What messages are.
    pub format: EventFormat,
    /// The access list of documents that were never given one.
    pub default_acl: Option<Acl>,
    /// Folders that events may take content from by reference.
    pub content_roots: Vec<PathBuf>,
    /// Buckets that events may take content from by reference.
    pub content_buckets: Vec<BucketSpec>,
    /// Larger messages are refused, in bytes.
    pub max_event_size: u64,
    /// What values were written with, where they are framed for a schema registry.
    pub schema_registry: Option<SchemaRegistrySpec>,
}

/// Prepared documents.
#[derive(Debug, Clone)]
pub struct PreparedSpec {
    /// The generation that they are to be of.
    pub generation: Sha256,
    /// The numbers of its vectors.
    pub dimension: usize,
    /// The sources that they may come from.
    pub sources: Vec<SourceName>,
}

/// What to do where the log does not have what comes next: it was removed, or the topic was made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetLost {
    /// Stop with an error that says what is lost.
    Stop,
    /// Go on with the earliest message that there is.
    Earliest,
}

/// What of the topics is read, and to when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KafkaMode {
    /// All partitions, to the ends that they had when they were opened.
    Backfill,
    /// The partitions that the group gives us, without end.
    Follow,
    /// The same, each from where the group has committed it: there is no other checkpoint.
    Share,
    /// Only messages that are wanted again.
    Again,
    /// All partitions, without end. Nobody else reads them, so that no group has to notice a death first.
    Alone,
}

impl KafkaMode {
    /// How long one object that can't be read may hold it up.
    pub(crate) fn patience(self) -> Patience {
        match self {
            Self::Backfill => Patience::Once,
            Self::Follow | Self::Share | Self::Again | Self::Alone => Patience::Following,
        }
    }
}

/// What librdkafka may fetch ahead, over all partitions.
const FETCHED_AHEAD_KIB: &str = "16384";

impl KafkaSpec {
    /// The configuration of a consumer. What the source depends on comes last, so that no property can
    /// change it.
    pub(crate) fn config(&self, mode: KafkaMode) -> ClientConfig {
        let mut config = self.connection.config(&[
            ("queued.max.messages.kbytes", FETCHED_AHEAD_KIB),
            ("fetch.wait.max.ms", "100"),
            // The group waits so long for a member that died, and its successor with it.
            ("session.timeout.ms", "6000"),
            ("heartbeat.interval.ms", "2000"),
        ]);
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
