//! What preparers have instead of an index: they commit to the topic.

use alluvium_core::commit::{Batch, CommitError, Committed, CountsBySource, IndexWriter, Publish};
use alluvium_core::document::{Prepared, PreparedContent};
use alluvium_core::hash::Sha256;
use alluvium_core::id::Generation;
use alluvium_core::source::SourceError;
use async_trait::async_trait;
use rdkafka::error::KafkaError;

use super::message::{Head, PART, Parts, SCHEMA, Whole};
use crate::connection::Connection;
use crate::producer::{Outgoing, Producer};

/// Where prepared documents go.
#[derive(Debug, Clone)]
pub struct PreparedTopicSpec {
    /// How the brokers are reached.
    pub connection: Connection,
    /// The topic.
    pub topic: String,
    /// The most bytes of a message; what is larger goes in parts.
    pub max_message_size: u64,
}

/// Writes prepared documents to the topic.
pub struct PreparedTopic {
    producer: Producer,
    topic: String,
    max: usize,
    fingerprint: Sha256,
    generation: Generation,
    commits: u64,
}

impl PreparedTopic {
    /// For what is prepared for this generation, whose whole hash is `fingerprint`. Nothing is connected
    /// yet.
    pub fn new(
        spec: &PreparedTopicSpec,
        fingerprint: Sha256,
        generation: Generation,
    ) -> Result<Self, SourceError> {
        let max = usize::try_from(spec.max_message_size).unwrap_or(usize::MAX);
        let producer = Producer::new(&spec.connection, &spec.topic, max)
            .map_err(|e| SourceError::Broken { source_name: spec.topic.clone(), message: e })?;
        Ok(Self { producer, topic: spec.topic.clone(), max, fingerprint, generation, commits: 0 })
    }

    /// The message of a change. What it is too large for goes ahead.
    async fn message(&self, document: &Prepared) -> Result<Outgoing, CommitError> {
        let whole = Whole { schema: SCHEMA, generation: &self.fingerprint, document };
        let value = json(&whole)?;
        let key = Some(document.doc_id.as_str().as_bytes().to_vec());
        if value.len() <= self.max {
            return Ok(Outgoing { key, value: Some(value), headers: Vec::new() });
        }
        let cut = value.chunks(self.max).enumerate();
        let parts: Vec<Outgoing> = cut.map(|(i, part)| part_of(key.clone(), i, part)).collect();
        let places = self.producer.send(&parts).await.map_err(|e| self.failed(&e))?;
        let Some(first) = places.first() else {
            return Err(CommitError::Inconsistent("a message in no parts".to_owned()));
        };
        let parts = Parts {
            partition: first.partition,
            offsets: places.iter().map(|place| place.offset).collect(),
            sha256: Sha256::of(&value),
        };
        let head = json(&Head { schema: SCHEMA, parts: &parts })?;
        Ok(Outgoing { key, value: Some(head), headers: Vec::new() })
    }

    fn failed(&self, error: &KafkaError) -> CommitError {
        CommitError::Storage(format!("writing to topic {:?}: {error}", self.topic))
    }
}

fn part_of(key: Option<Vec<u8>>, number: usize, bytes: &[u8]) -> Outgoing {
    Outgoing {
        key,
        value: Some(bytes.to_vec()),
        headers: vec![(PART.to_owned(), number.to_string().into_bytes())],
    }
}

fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, CommitError> {
    serde_json::to_vec(value).map_err(|e| CommitError::Inconsistent(format!("a prepared document: {e}")))
}

#[async_trait]
impl IndexWriter for PreparedTopic {
    /// Done once every message is acknowledged by the brokers.
    async fn commit(&mut self, batch: Batch) -> Result<Committed, CommitError> {
        let mut messages = Vec::with_capacity(batch.changes.len());
        for document in &batch.changes {
            messages.push(self.message(document).await?);
        }
        self.producer.send(&messages).await.map_err(|e| self.failed(&e))?;
        self.commits += 1;
        let published = Some(Publish { seq: self.commits, generation: self.generation.clone() });
        Ok(Committed { counts: counts(&batch.changes), published })
    }

    async fn maintain(&mut self) -> Result<(), CommitError> {
        Ok(())
    }

    async fn tend(&mut self) -> Result<(), CommitError> {
        Ok(())
    }

    /// There may be any number of preparers.
    async fn superseded(&self) -> Result<bool, CommitError> {
        Ok(false)
    }
}

/// What was prepared; what becomes of it is the committer's to say.
fn counts(changes: &[Prepared]) -> CountsBySource {
    let mut by_source = CountsBySource::default();
    for change in changes {
        let counts = by_source.of(&change.doc_id);
        match &change.content {
            PreparedContent::Unsaid => counts.access += 1,
            PreparedContent::Deleted { .. } => counts.deleted += 1,
            PreparedContent::Refused(_) => counts.quarantined += 1,
            PreparedContent::Kept(_) => counts.indexed += 1,
            PreparedContent::Indexed(content) => {
                counts.indexed += 1;
                counts.chunks_written += content.chunks.len() as u64;
            }
        }
    }
    by_source
}
