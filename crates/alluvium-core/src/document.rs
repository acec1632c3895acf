//! A document on its way into the index (`Prepared`), and what the index knows of one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::change::{AccessChange, MediaType, Origin};
use crate::chunk::Chunk;
use crate::extract::{Component, Extracted};
use crate::hash::Sha256;
use crate::id::DocId;
use crate::quarantine::{Cause, Refusal, Stage};
use crate::version::Version;

/// The state of a document's content in a generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DocumentState {
    /// Its chunks are in the table.
    Indexed,
    /// It is gone; the row remembers its version.
    Deleted,
    /// It never had good content, or its source took that back: nothing of it is served.
    Quarantined,
}

impl DocumentState {
    /// The word of the interface.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Indexed => "indexed",
            Self::Deleted => "deleted",
            Self::Quarantined => "quarantined",
        }
    }

    /// Reads the word of the interface.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Indexed, Self::Deleted, Self::Quarantined].into_iter().find(|s| s.as_str() == word)
    }
}

/// A change whose content has been extracted, chunked and embedded: ready for the committer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prepared {
    /// The document.
    pub doc_id: DocId,
    /// The content half.
    pub content: PreparedContent,
    /// The access half.
    pub access: AccessChange,
    /// Where the change came from.
    pub origin: Origin,
}

/// The content half of a prepared change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreparedContent {
    /// Only access changes.
    Unsaid,
    /// New content.
    Indexed(Box<IndexedContent>),
    /// The document is gone.
    Deleted {
        /// The version of the deletion.
        version: Version,
    },
    /// The content was refused.
    Refused(Box<RefusedContent>),
    /// The source says what is new around a text that it left as it was.
    Kept(Box<KeptContent>),
}

impl PreparedContent {
    /// The content's version, where the change says something of content.
    pub fn version(&self) -> Option<&Version> {
        match self {
            Self::Unsaid => None,
            Self::Indexed(content) => Some(&content.version),
            Self::Deleted { version } => Some(version),
            Self::Refused(content) => Some(&content.version),
            Self::Kept(content) => Some(&content.version),
        }
    }

    /// What it weighs in memory: text and vectors.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Indexed(content) => {
                let vectors = content.chunks.iter().map(|chunk| size_of_val(chunk.vector.as_slice()));
                (content.extracted.text.len() + vectors.sum::<usize>()) as u64
            }
            _ => 0,
        }
    }
}

/// Content that can be served.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IndexedContent {
    /// The content's version.
    pub version: Version,
    /// Hash of the source's bytes.
    pub content_hash: Sha256,
    /// How many bytes those are.
    pub bytes: u64,
    /// What processed them.
    pub pipeline_fingerprint: Sha256,
    /// The chunker.
    pub chunker: Component,
    /// Where a person finds the document.
    pub uri: String,
    /// The title to show.
    pub title: String,
    /// When the content was last modified.
    pub modified_at: Option<Timestamp>,
    /// `key=value` pairs.
    pub metadata: Vec<String>,
    /// The text.
    pub extracted: Extracted,
    /// Its chunks.
    pub chunks: Vec<PreparedChunk>,
}

/// A chunk with its vector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreparedChunk {
    /// Where it is.
    pub chunk: Chunk,
    /// Hash of its text.
    pub hash: Sha256,
    /// Its vector.
    #[serde(with = "crate::vector")]
    pub vector: Vec<f32>,
    /// Whether the vector was there before.
    pub reused: bool,
}

/// What a change says of a document whose text it leaves as it was. It is good only where the text is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptContent {
    /// The version of the change.
    pub version: Version,
    /// The title, where the change says one.
    pub title: Option<String>,
    /// Where a person finds the document, where the change says so.
    pub uri: Option<String>,
    /// `key=value` pairs, sorted; all but those of `left`.
    pub metadata: Vec<String>,
    /// Keys of which the change says nothing: their pairs stay.
    pub left: Vec<String>,
    /// What the change does not hold, for people.
    pub missing: String,
}

impl KeptContent {
    /// The pairs after the change, by those before it.
    pub fn metadata_over(&self, known: &[String]) -> Vec<String> {
        let stays = |pair: &&String| {
            let key = pair.split_once('=').map_or(pair.as_str(), |(key, _)| key);
            self.left.iter().any(|left| left == key)
        };
        let mut pairs: Vec<String> = known.iter().filter(stays).chain(&self.metadata).cloned().collect();
        pairs.sort_unstable();
        pairs
    }

    /// Says what is new of content that this change leaves as it is.
    pub fn describe(&self, content: &mut IndexedContent) {
        if let Some(title) = &self.title {
            content.title.clone_from(title);
        }
        if let Some(uri) = &self.uri {
            content.uri.clone_from(uri);
        }
        content.metadata = self.metadata_over(&content.metadata);
    }

    /// Why it can't be taken where the text is not there.
    pub fn refusal(&self) -> Refusal {
        let detail = format!(
            "{}, and the index holds no text of this document: have the source say the whole row once more, by \
             a snapshot or by an update of that column",
            self.missing
        );
        Refusal::new(Stage::Guard, Cause::BadEvent, detail)
    }
}

/// Content that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RefusedContent {
    /// The version that was refused.
    pub version: Version,
    /// Why.
    pub refusal: Refusal,
    /// Hash of the bytes, where they could be read.
    pub content_hash: Option<Sha256>,
    /// What processed them.
    pub pipeline_fingerprint: Sha256,
    /// Where the bytes are.
    pub uri: String,
    /// What the bytes were said to be.
    pub media_type: Option<MediaType>,
    /// Whether the source wants an earlier version out of service meanwhile.
    #[serde(default)]
    pub hide: bool,
    /// The version in which the source had deleted the document before, in the same batch.
    #[serde(default)]
    pub deleted: Option<Version>,
}

impl RefusedContent {
    /// Whether no earlier version is served any more: the source holds nothing to say, or says so.
    pub fn withdraws(&self) -> bool {
        self.hide || self.refusal.cause == Cause::Empty
    }
}

/// What a source needs to know of a document to tell whether it changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownDocument {
    /// Its state.
    pub state: DocumentState,
    /// Hash of the content that was last seen: the good one, or a quarantined one that came after it.
    pub content_hash: Option<Sha256>,
    /// What processed that content.
    pub pipeline_fingerprint: Sha256,
    /// What the source noted of it.
    pub stamp: Option<String>,
    /// Hash of the access list in force.
    pub acl_hash: Option<Sha256>,
    /// Its id is erased: no change of it is taken until that is undone, so none need be made.
    pub erased: bool,
}
