//! The whole lineage of one row: from the source's bytes to the vector, every step with version and hash.

use alluvium_core::fingerprint::GenerationFingerprint;
use alluvium_core::ledger::TableRole;
use alluvium_core::notes::ExtractionNotes;
use jiff::Timestamp;
use serde::Serialize;

use crate::error::Result;
use crate::filter::equals;
use crate::reader::Index;
use crate::rows::{self, ChunkRow, DocumentRow, PolicyRow, timestamp};

/// Where a chunk comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// The chunk.
    pub chunk_id: String,
    /// The document.
    pub doc_id: String,
    /// Where a person finds it.
    pub uri: String,
    /// Its title.
    pub title: String,
    /// First code point in the extracted text, from 0.
    pub char_start: i64,
    /// The code point after the last.
    pub char_end: i64,
    /// First page, from 1.
    pub page_start: Option<i64>,
    /// Last page, inclusive.
    pub page_end: Option<i64>,
    /// Enclosing headings, outermost first.
    pub heading_path: Vec<String>,
    /// The chunk's text.
    pub text: String,
    /// The steps, in order.
    pub steps: Steps,
    /// Who may read it now.
    pub access: AccessStep,
    /// The record that serves it.
    pub live: Live,
}

/// The steps of a chunk's making.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Steps {
    /// The source's bytes.
    pub source: SourceStep,
    /// The text.
    pub extract: ExtractStep,
    /// The chunk.
    pub chunk: ChunkStep,
    /// The vector.
    pub embed: EmbedStep,
}

/// The source's bytes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SourceStep {
    /// The source's name.
    pub name: String,
    /// Where in the source.
    pub position: String,
    /// The content's version, as JSON.
    pub version: String,
    /// SHA-256 of the bytes.
    pub content_hash: String,
    /// How many bytes.
    pub bytes: i64,
    /// When they were last modified.
    pub modified_at: Option<Timestamp>,
    /// When the change happened, as its event says.
    pub event_time: Option<Timestamp>,
    /// The trace of the change.
    pub trace_id: Option<String>,
}

/// The text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExtractStep {
    /// Extractor and version.
    pub extractor: String,
    /// What the bytes turned out to be.
    pub media_type: String,
    /// The document's language, where it declares one.
    pub language: Option<String>,
    /// SHA-256 of the extracted text.
    pub text_hash: String,
    /// The normalization of text.
    pub normalization: String,
    /// Why the text is only a part of the document.
    pub partial: Option<String>,
    /// Sequences of bytes that are no character of the document's charset; each is one U+FFFD in the text.
    pub replaced_characters: u64,
    /// Characters that readers of the document do not see, left out.
    pub hidden_characters: u64,
    /// Bytes of data written as text, left out.
    pub encoded_bytes: u64,
}

/// The chunk.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ChunkStep {
    /// Chunker and version.
    pub chunker: String,
    /// Most tokens of a chunk.
    pub max_tokens: usize,
    /// Tokens shared with the neighbour.
    pub overlap_tokens: usize,
    /// SHA-256 of the chunk's text.
    pub chunk_hash: String,
    /// Its place in the document, from 0.
    pub index: i64,
    /// How many chunks the document has.
    pub of: i64,
    /// Its tokens, special ones included.
    pub tokens: i64,
}

/// The vector.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EmbedStep {
    /// Model name and revision.
    pub model: String,
    /// SHA-256 of the weights.
    pub artifact: String,
    /// SHA-256 of the tokenizer.
    pub tokenizer: String,
    /// Length of the vector.
    pub dimension: usize,
    /// How token vectors became one.
    pub pooling: String,
    /// Whether it has length 1.
    pub normalize: bool,
    /// What was put before the text.
    pub prefix: String,
    /// The model can't read the text: it has no vector, and is found by words only.
    pub words_only: bool,
}

/// Who may read.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AccessStep {
    /// Principals that may.
    pub readers: Vec<String>,
    /// Principals that may not.
    pub denied: Vec<String>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The classification.
    pub classification: Option<String>,
    /// SHA-256 of the access list.
    pub acl_hash: String,
    /// The list's version, as JSON.
    pub version: String,
    /// The ledger sequence that last changed it.
    pub changed_seq: i64,
}

/// The record that serves a row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Live {
    /// Its sequence number.
    pub seq: u64,
    /// The generation.
    pub generation: String,
    /// The pipeline's name.
    pub pipeline: String,
    /// SHA-256 over model, chunker and extractors.
    pub pipeline_fingerprint: String,
    /// When the row was written.
    pub indexed_at: Timestamp,
}

impl Index {
    /// The lineage of a chunk; `None` where there is no such chunk.
    pub async fn explain(&self, chunk_id: &str) -> Result<Option<Explanation>> {
        let chunks = self.tables.get(TableRole::Chunks)?;
        let batches = chunks.rows(None, Some(equals("chunk_id", chunk_id))).await?;
        let Some(chunk) = rows::from_batches::<ChunkRow>(chunks.name(), &batches)?.into_iter().next() else {
            return Ok(None);
        };
        let document = self.first::<DocumentRow>(TableRole::Documents, &chunk.doc_id).await?;
        let policy = self.first::<PolicyRow>(TableRole::Policy, &chunk.doc_id).await?;
        let (Some(document), Some(policy)) = (document, policy) else { return Ok(None) };
        Ok(Some(self.explanation(chunk, document, policy)))
    }

    async fn first<R: serde::de::DeserializeOwned>(
        &self,
        role: TableRole,
        doc_id: &str,
    ) -> Result<Option<R>> {
        let table = self.tables.get(role)?;
        let batches = table.rows(None, Some(equals("doc_id", doc_id))).await?;
        Ok(rows::from_batches(table.name(), &batches)?.into_iter().next())
    }

    fn explanation(&self, chunk: ChunkRow, document: DocumentRow, policy: PolicyRow) -> Explanation {
        let fingerprint = &self.record.fingerprint;
        let notes: ExtractionNotes =
            document.notes.as_deref().and_then(|notes| serde_json::from_str(notes).ok()).unwrap_or_default();
        Explanation {
            steps: Steps {
                source: source_step(&chunk, &document),
                extract: ExtractStep {
                    extractor: chunk.extractor,
                    media_type: chunk.media_type,
                    language: chunk.language,
                    text_hash: chunk.text_hash,
                    normalization: fingerprint.normalization.clone(),
                    partial: document.partial,
                    replaced_characters: notes.replaced_characters,
                    hidden_characters: notes.hidden_characters,
                    encoded_bytes: notes.encoded_bytes,
                },
                chunk: ChunkStep {
                    chunker: chunk.chunker,
                    max_tokens: fingerprint.chunk_max_tokens,
                    overlap_tokens: fingerprint.chunk_overlap_tokens,
                    chunk_hash: chunk.chunk_hash,
                    index: chunk.chunk_index,
                    of: document.chunk_count,
                    tokens: chunk.tokens,
                },
                embed: embed_step(chunk.model, fingerprint, chunk.tokens == 0),
            },
            access: access_step(policy),
            live: Live {
                seq: self.record.seq,
                generation: self.record.generation.to_string(),
                pipeline: chunk.pipeline,
                pipeline_fingerprint: chunk.pipeline_fingerprint,
                indexed_at: timestamp(chunk.indexed_at),
            },
            chunk_id: chunk.chunk_id,
            doc_id: chunk.doc_id,
            uri: chunk.uri,
            title: chunk.title,
            char_start: chunk.char_start,
            char_end: chunk.char_end,
            page_start: chunk.page_start,
            page_end: chunk.page_end,
            heading_path: chunk.heading_path,
            text: chunk.text,
        }
    }
}

fn source_step(chunk: &ChunkRow, document: &DocumentRow) -> SourceStep {
    SourceStep {
        name: chunk.source.clone(),
        position: chunk.position.clone(),
        version: chunk.doc_version.clone(),
        content_hash: chunk.content_hash.clone(),
        bytes: document.bytes,
        modified_at: chunk.modified_at.map(timestamp),
        event_time: chunk.event_time.map(timestamp),
        trace_id: chunk.trace_id.clone(),
    }
}

fn embed_step(model: String, fingerprint: &GenerationFingerprint, words_only: bool) -> EmbedStep {
    let identity = &fingerprint.model;
    EmbedStep {
        model,
        artifact: identity.artifact.clone(),
        tokenizer: identity.tokenizer.clone(),
        dimension: identity.dimension,
        pooling: identity.pooling.clone(),
        normalize: identity.normalize,
        prefix: identity.document_prefix.clone(),
        words_only,
    }
}

fn access_step(policy: PolicyRow) -> AccessStep {
    AccessStep {
        readers: policy.acl_readers,
        denied: policy.acl_denied,
        tenant: policy.tenant,
        classification: policy.classification,
        acl_hash: policy.acl_hash,
        version: policy.acl_version,
        changed_seq: policy.changed_seq,
    }
}
