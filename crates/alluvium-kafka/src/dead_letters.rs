//! Refused messages, copied to a topic of their own for whoever sent them.
//!
//! Copies are written before the commit that passes their offsets, and acknowledged by the brokers: an
//! offset never passes a message that the dead-letter topic lacks. A commit that then fails has its
//! messages copied again by the next one; their headers say that they are the same.

use alluvium_core::change::AccessChange;
use alluvium_core::commit::{Batch, CommitError, Committed, IndexWriter};
use alluvium_core::document::{Prepared, PreparedContent};
use alluvium_core::quarantine::Refusal;
use alluvium_core::source::SourceError;
use async_trait::async_trait;
use rdkafka::Message as _;

use crate::client::{self, Consumer};
use crate::fetch::{noted_message, place};
use crate::headers::headers;
use crate::producer::{Outgoing, Producer};
use crate::settings::{KafkaMode, KafkaSpec};

/// The most bytes of a copy; of a larger message value, key or headers are left out.
const MOST: usize = 900 << 10;
const MOST_KEY: usize = 32 << 10;
const MOST_HEADERS: usize = 16 << 10;
/// More than the lengths that stand around a header take, so that many empty ones are not nothing.
const FRAME: usize = 16;
/// Begins the names of our own headers.
const OURS: &str = "alluvium-";

/// Where the refused messages of a source go.
#[derive(Debug, Clone)]
pub struct DeadLetterSpec {
    /// The source.
    pub source: KafkaSpec,
    /// The topic.
    pub topic: String,
}

/// A writer that copies what is refused before it commits.
pub struct DeadLetters<'w, W> {
    writer: &'w mut W,
    topics: Vec<DeadLetterTopic>,
}

struct DeadLetterTopic {
    spec: KafkaSpec,
    topic: String,
    producer: Producer,
}

/// A refused message.
struct Letter {
    document: String,
    position: String,
    refusal: Refusal,
}

impl<'w, W> DeadLetters<'w, W> {
    /// In front of `writer`. Nothing is connected yet.
    pub fn new(writer: &'w mut W, specs: Vec<DeadLetterSpec>) -> Result<Self, SourceError> {
        let topic = |DeadLetterSpec { source: spec, topic }| {
            let producer = Producer::new(&spec.connection, &topic, MOST);
            let producer = producer.map_err(|e| spec.broken(e))?;
            Ok(DeadLetterTopic { spec, topic, producer })
        };
        Ok(Self { writer, topics: specs.into_iter().map(topic).collect::<Result<_, SourceError>>()? })
    }

    async fn copy(&self, changes: &[Prepared]) -> Result<(), CommitError> {
        for topic in &self.topics {
            let of_source = |change: &&Prepared| change.doc_id.source() == topic.spec.name.as_str();
            let letters: Vec<Letter> = changes.iter().filter(of_source).filter_map(letter).collect();
            if !letters.is_empty() {
                topic.write(letters).await.map_err(CommitError::Storage)?;
            }
        }
        Ok(())
    }
}

/// What of a change was refused.
fn letter(change: &Prepared) -> Option<Letter> {
    let refusal = match (&change.content, &change.access) {
        (PreparedContent::Refused(content), _) => &content.refusal,
        (_, AccessChange::Unreadable { refusal, .. }) => refusal,
        _ => return None,
    };
    let (document, position) = (change.doc_id.to_string(), change.origin.position.clone());
    Some(Letter { document, position, refusal: refusal.clone() })
}

impl DeadLetterTopic {
    async fn write(&self, letters: Vec<Letter>) -> Result<(), String> {
        let spec = self.spec.clone();
        // It waits for the brokers.
        let read = tokio::task::spawn_blocking(move || read_all(&spec, letters)).await;
        let messages = read.map_err(|e| e.to_string())?.map_err(|e| e.to_string())?;
        let written = self.producer.send(&messages).await;
        written.map(drop).map_err(|e| format!("writing to the dead-letter topic {:?}: {e}", self.topic))
    }
}

fn read_all(spec: &KafkaSpec, letters: Vec<Letter>) -> Result<Vec<Outgoing>, SourceError> {
    let consumer = client::consumer(spec, KafkaMode::Backfill)?;
    letters.into_iter().map(|letter| copy_of(&consumer, spec, letter)).collect()
}

/// The message as it was sent, and what is wrong with it. One that its topic does not have any more is a
/// copy without key and value.
fn copy_of(consumer: &Consumer, spec: &KafkaSpec, letter: Letter) -> Result<Outgoing, SourceError> {
    let Letter { document, position, refusal } = letter;
    let mut ours = vec![
        ("document", document),
        ("cause", refusal.cause.to_string()),
        ("stage", refusal.stage.to_string()),
        ("detail", refusal.detail),
    ];
    let owned = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let mut copy = Outgoing::default();
    if let Some((topic, number, offset)) = place(&position) {
        ours.push(("topic", topic.to_owned()));
        ours.push(("partition", number.to_string()));
        ours.push(("offset", offset.to_string()));
        let all = |message: &rdkafka::message::BorrowedMessage<'_>| Outgoing {
            key: owned(message.key().filter(|key| key.len() <= MOST_KEY)),
            value: owned(message.payload().filter(|value| value.len() <= MOST)),
            headers: theirs(headers(message.headers()).unwrap_or_default()),
        };
        copy = noted_message(consumer, spec, (topic, number, offset), all)?.unwrap_or_default();
    }
    copy.headers.extend(ours.into_iter().map(|(name, text)| (format!("{OURS}{name}"), text.into_bytes())));
    Ok(copy)
}

/// The headers that a message came with. What another copy of it said of itself is not true of this one.
fn theirs(headers: Vec<(&str, &[u8])>) -> Vec<(String, Vec<u8>)> {
    let size: usize = headers.iter().map(|(name, value)| name.len() + value.len() + FRAME).sum();
    let kept = headers.into_iter().filter(|(name, _)| size <= MOST_HEADERS && !name.starts_with(OURS));
    kept.map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

#[async_trait]
impl<W: IndexWriter + Sync> IndexWriter for DeadLetters<'_, W> {
    async fn commit(&mut self, batch: Batch) -> Result<Committed, CommitError> {
        self.copy(&batch.changes).await?;
        self.writer.commit(batch).await
    }

    async fn maintain(&mut self) -> Result<(), CommitError> {
        self.writer.maintain().await
    }

    async fn tend(&mut self) -> Result<(), CommitError> {
        self.writer.tend().await
    }

    async fn superseded(&self) -> Result<bool, CommitError> {
        self.writer.superseded().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_kept_while_a_broker_takes_them() {
        let kept = |header: (&'static str, &'static [u8]), number| theirs(vec![header; number]).len();
        assert_eq!(kept(("a", b"1"), 100), 100);
        assert_eq!(kept(("", b""), 10_000), 0, "each of them takes room, though it is empty");
        assert_eq!(kept(("alluvium-cause", b"old"), 1), 0, "what an earlier copy said");
    }
}
