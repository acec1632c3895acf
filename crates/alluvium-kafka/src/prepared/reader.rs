//! A message of the topic → a change for the committer.

use alluvium_connect::event::EventError;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange};
use alluvium_core::document::{Prepared, PreparedContent};
use alluvium_core::hash::Sha256;
use alluvium_core::id::SourceName;
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::source::SourceError;

use super::message::{Message, PART, SCHEMA};
use super::parts::PartReader;
use crate::convert::Received;
use crate::settings::{KafkaSpec, PreparedSpec};

/// The most parts of a message.
const MOST_PARTS: usize = 100_000;

/// Reads messages of the topic.
pub(crate) struct Reader {
    source: SourceName,
    prepared: PreparedSpec,
    parts: PartReader,
}

impl Reader {
    pub(crate) fn new(spec: &KafkaSpec, prepared: &PreparedSpec) -> Self {
        let (source, prepared) = (spec.name.clone(), prepared.clone());
        Self { source, prepared, parts: PartReader::new(spec.clone()) }
    }

    /// The change of a message; none where it is a part of another one. After an error the message is to be
    /// read again.
    pub(crate) fn change(&mut self, received: &Received<'_>) -> Result<Option<DocumentChange>, SourceError> {
        if is_part(received) {
            return Ok(None);
        }
        let read = self.read(received)?;
        let refused = |error| received.refused(error, &self.source, received.value.map(Sha256::of));
        read.or_else(refused).map(Some)
    }

    fn read(&mut self, received: &Received<'_>) -> Result<Result<DocumentChange, EventError>, SourceError> {
        let message = match parse(received.value.unwrap_or_default()) {
            Ok(message) => message,
            Err(error) => return Ok(Err(error)),
        };
        let Some(parts) = message.parts else { return Ok(self.judge(received, message)) };
        if parts.partition != received.partition || parts.offsets.len() > MOST_PARTS {
            return Ok(Err(EventError::new("its parts can't be those that it names")));
        }
        let whole = self.parts.read(received.topic, &parts)?;
        Ok(whole.and_then(|whole| self.judge(received, parse(&whole)?)))
    }

    fn judge(&self, received: &Received<'_>, message: Message) -> Result<DocumentChange, EventError> {
        let (Some(generation), Some(document)) = (message.generation, message.document) else {
            return Err(EventError::new("the message has neither a document nor parts"));
        };
        let id = document.doc_id.as_str();
        if received.key != Some(id.as_bytes()) {
            return Err(EventError::new(format!("the message's key is not its document's id, {id:?}")));
        }
        if !self.prepared.sources.iter().any(|source| document.doc_id.source() == source.as_str()) {
            return Err(EventError::new(format!("{id:?} is of no source of this pipeline")));
        }
        let dimension = self.prepared.dimension;
        if let PreparedContent::Indexed(content) = &document.content
            && generation == self.prepared.generation
            && !content.chunks.iter().all(|chunk| is_vector(&chunk.vector, dimension))
        {
            let detail = format!("{id:?} has a vector that is none of {dimension} finite numbers");
            return Err(EventError::of(Cause::BadVector, detail));
        }
        Ok(self.change_of(*document, &generation))
    }

    /// What another generation prepared is refused: vectors of two models never share a table. Access and
    /// deletions are of no generation.
    fn change_of(&self, document: Prepared, generation: &Sha256) -> DocumentChange {
        let Prepared { doc_id, content, access, origin } = document;
        let access = canonical(access);
        let other = *generation != self.prepared.generation;
        let content = match content {
            PreparedContent::Unsaid => None,
            PreparedContent::Indexed(content) if other => {
                let detail = format!(
                    "prepared for generation {}, and the index is of {}: run preparers and committer with \
                     the same pipeline file, and send the change again",
                    generation.short(12),
                    self.prepared.generation.short(12)
                );
                Some(ContentChange::Refused {
                    version: content.version,
                    refusal: Refusal::new(Stage::Read, Cause::BadEvent, detail),
                    hash: Some(content.content_hash),
                })
            }
            content => Some(ContentChange::Prepared(Box::new(content))),
        };
        DocumentChange { doc_id, content, access, origin }
    }
}

fn is_vector(vector: &[f32], dimension: usize) -> bool {
    vector.len() == dimension && vector.iter().all(|number| number.is_finite())
}

/// Lists in the form in which they are compared. One that has none hides the document; a default that has none
/// is no default.
fn canonical(access: AccessChange) -> AccessChange {
    match access {
        AccessChange::Unsaid { default: Some(acl) } => AccessChange::Unsaid { default: acl.canonical().ok() },
        AccessChange::Declared { version, acl } => match acl.canonical() {
            Ok(acl) => AccessChange::Declared { version, acl },
            Err(error) => {
                let refusal = Refusal::new(Stage::Access, Cause::BadAccessList, error);
                AccessChange::Unreadable { version, refusal }
            }
        },
        access => access,
    }
}

fn is_part(Received { headers, .. }: &Received<'_>) -> bool {
    headers.as_ref().is_some_and(|headers| headers.iter().any(|(name, _)| *name == PART))
}

fn parse(value: &[u8]) -> Result<Message, EventError> {
    let message: Message = serde_json::from_slice(value).map_err(|e| EventError::new(e.to_string()))?;
    if message.schema != SCHEMA {
        return Err(EventError::new(format!("its schema is {:?}, not {SCHEMA:?}", message.schema)));
    }
    Ok(message)
}
