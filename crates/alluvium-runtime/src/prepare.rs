//! One change on its way to the committer: extract, cut, embed.

use std::collections::HashMap;
use std::sync::Arc;

use alluvium_core::change::{ContentChange, DocumentChange, Upsert};
use alluvium_core::chunk::{Chunk, Chunker, chunk_hash};
use alluvium_core::document::{IndexedContent, Prepared, PreparedChunk, PreparedContent, RefusedContent};
use alluvium_core::embed::{EmbedError, Tokenizer};
use alluvium_core::extract::{ExtractError, ExtractRequest, Extracted, Extractor};
use alluvium_core::hash::Sha256;
use alluvium_core::id::DocId;
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use tokio::sync::Semaphore;

use crate::embedders::{Answer, Embedders, stopped};
use crate::error::RunError;
use crate::flight::Flight;

/// Vectors of a document's chunks that the index holds already.
pub(crate) type Vectors = HashMap<Sha256, Vec<f32>>;

/// What a chunk weighs besides its vector.
const CHUNK_BYTES: usize = 160;

/// The stages between a source and the committer.
pub(crate) struct Preparer {
    pub(crate) extractor: Arc<dyn Extractor>,
    pub(crate) chunker: Arc<dyn Chunker>,
    pub(crate) tokenizer: Arc<dyn Tokenizer>,
    pub(crate) dimension: usize,
    pub(crate) embedders: Embedders,
    pub(crate) fingerprint: Sha256,
    /// Documents that are extracted or cut at once.
    pub(crate) extracting: Semaphore,
    /// Documents that are embedded at once: few, so that the first are finished early, but enough to
    /// keep the sessions' queue filled when each has one chunk only.
    pub(crate) embedding: Semaphore,
}

/// Either half of the way: what a stage made, or why it refused the document.
type Stepped<T> = Result<Result<T, Refusal>, RunError>;

impl Preparer {
    /// Prepares a change. An error stops the run; a refusal is a prepared change.
    pub(crate) async fn prepare(
        &self,
        change: DocumentChange,
        vectors: Vectors,
        flight: &mut Flight,
    ) -> Result<Prepared, RunError> {
        let DocumentChange { doc_id, content, access, origin } = change;
        let content = match content {
            None => PreparedContent::Unsaid,
            Some(ContentChange::Delete { version }) => PreparedContent::Deleted { version },
            Some(ContentChange::Prepared(content)) => *content,
            Some(ContentChange::Refused { version, refusal, hash }) => {
                PreparedContent::Refused(Box::new(RefusedContent {
                    version,
                    refusal,
                    content_hash: hash,
                    pipeline_fingerprint: self.fingerprint.clone(),
                    uri: doc_id.to_string(),
                    media_type: None,
                }))
            }
            Some(ContentChange::Upsert(upsert)) => self.upsert(&doc_id, *upsert, vectors, flight).await?,
        };
        Ok(Prepared { doc_id, content, access, origin })
    }

    async fn upsert(
        &self,
        doc_id: &DocId,
        mut upsert: Upsert,
        vectors: Vectors,
        flight: &mut Flight,
    ) -> Result<PreparedContent, RunError> {
        let bytes = std::mem::take(&mut upsert.bytes);
        let size = bytes.len() as u64;
        let stepped = self.extract_and_cut(&upsert, bytes, flight).await?;
        let (extracted, chunks) = match stepped {
            Ok(stepped) => stepped,
            Err(refusal) => return Ok(self.refuse(upsert, refusal)),
        };
        let weight = extracted.text.len() + chunks.len() * (self.dimension * 4 + CHUNK_BYTES);
        flight.resize(weight as u64);
        let extracted = Arc::new(extracted);
        let embedded = match self.embed(&extracted, chunks, vectors, flight).await? {
            Ok(embedded) => embedded,
            Err(refusal) => return Ok(self.refuse(upsert, refusal)),
        };
        // The sessions are done with the text, so this takes it without a copy.
        let mut extracted = Arc::unwrap_or_clone(extracted);
        if let Some(left_out) = embedded.left_out {
            let LeftOut { chunks, why } = &left_out;
            tracing::warn!(document = %doc_id, chunks, %why, "chunks left out: no vector");
            extracted.partial = Some(left_out.added_to(extracted.partial.take()));
        }
        Ok(PreparedContent::Indexed(Box::new(IndexedContent {
            version: upsert.version,
            content_hash: upsert.hash,
            bytes: size,
            pipeline_fingerprint: self.fingerprint.clone(),
            chunker: self.chunker.component(),
            title: title(upsert.title, &extracted, doc_id),
            uri: upsert.uri,
            modified_at: upsert.modified_at,
            metadata: upsert.metadata,
            extracted,
            chunks: embedded.chunks,
        })))
    }

    async fn extract_and_cut(
        &self,
        upsert: &Upsert,
        bytes: Vec<u8>,
        flight: &Flight,
    ) -> Stepped<(Extracted, Vec<(Chunk, Sha256)>)> {
        let _permit = self.extracting.acquire().await.map_err(|e| RunError::Internal(e.to_string()))?;
        flight.enter(Some(Stage::Extract));
        let request = ExtractRequest { bytes, media_type: upsert.media_type };
        let extracted = match self.extractor.extract(request).await {
            Ok(extracted) => extracted,
            Err(ExtractError::Refused(refusal)) => return Ok(Err(refusal)),
            Err(ExtractError::Unavailable(why)) => return Err(RunError::Extractor(why)),
        };
        flight.enter(Some(Stage::Chunk));
        let (chunker, tokenizer) = (Arc::clone(&self.chunker), Arc::clone(&self.tokenizer));
        let cut = tokio::task::spawn_blocking(move || {
            let chunks = chunker.chunk(&extracted, &*tokenizer)?;
            let hashed = chunks.into_iter().map(|chunk| {
                let hash = chunk_hash(chunk.text(&extracted.text));
                (chunk, hash)
            });
            let hashed = hashed.collect();
            Ok((extracted, hashed))
        });
        let cut = cut.await.map_err(|e| RunError::Internal(format!("cutting into chunks: {e}")));
        flight.enter(None);
        cut
    }

    async fn embed(
        &self,
        extracted: &Arc<Extracted>,
        chunks: Vec<(Chunk, Sha256)>,
        vectors: Vectors,
        flight: &Flight,
    ) -> Stepped<EmbeddedChunks> {
        let _permit = self.embedding.acquire().await.map_err(|e| RunError::Internal(e.to_string()))?;
        flight.enter(Some(Stage::Embed));
        // Equal chunks have equal vectors: each text is embedded once.
        let mut asked: HashMap<&Sha256, Answer> = HashMap::new();
        for (chunk, hash) in &chunks {
            if !vectors.contains_key(hash) && !asked.contains_key(hash) {
                asked.insert(hash, self.embedders.submit(extracted, chunk.span.clone()).await?);
            }
        }
        let mut embedded: Vectors = HashMap::new();
        let mut prepared = Vec::with_capacity(chunks.len());
        let mut bad = None;
        for (number, (chunk, hash)) in chunks.iter().enumerate() {
            let answer = asked.remove(hash);
            let reused = answer.is_none();
            if let Some(answer) = answer {
                match answer.await.map_err(|_| stopped())? {
                    Ok(vector) => drop(embedded.insert(hash.clone(), vector)),
                    Err(error) => match refusal_of(error, number)? {
                        refusal if refusal.cause == Cause::BadVector => {
                            bad.get_or_insert(refusal);
                        }
                        refusal => return Ok(Err(refusal)),
                    },
                }
            }
            if let Some(vector) = vectors.get(hash).or_else(|| embedded.get(hash)).cloned() {
                prepared.push(PreparedChunk { chunk: chunk.clone(), hash: hash.clone(), vector, reused });
            }
        }
        flight.enter(None);
        Ok(match bad {
            Some(refusal) if prepared.is_empty() => Err(refusal),
            bad => {
                let left_out = bad.map(|why| LeftOut { chunks: chunks.len() - prepared.len(), why });
                Ok(EmbeddedChunks { chunks: prepared, left_out })
            }
        })
    }

    fn refuse(&self, upsert: Upsert, refusal: Refusal) -> PreparedContent {
        PreparedContent::Refused(Box::new(RefusedContent {
            version: upsert.version,
            refusal,
            content_hash: Some(upsert.hash),
            pipeline_fingerprint: self.fingerprint.clone(),
            uri: upsert.uri,
            media_type: Some(upsert.media_type),
        }))
    }
}

/// Chunks with their vectors, and what is missing of them.
struct EmbeddedChunks {
    chunks: Vec<PreparedChunk>,
    left_out: Option<LeftOut>,
}

/// Chunks that got no usable vector. A text without one token that the model knows has none, and its
/// neighbours are no worse for it. A vector that is not finite or too short is treated alike: it would be
/// of no use either, the error does not tell them apart, and a model that is really broken spoils every
/// chunk, which refuses the document.
struct LeftOut {
    chunks: usize,
    /// What was wrong with the first of them.
    why: Refusal,
}

impl LeftOut {
    /// The reason why the document is partial, after the one it may have already.
    fn added_to(&self, reason: Option<String>) -> String {
        let chunks = if self.chunks == 1 { "chunk" } else { "chunks" };
        let own = format!("{} {chunks} left out: no vector", self.chunks);
        reason.into_iter().chain([own]).collect::<Vec<_>>().join("; ")
    }
}

/// A vector that can't be right is the document's fault; a model that does not work is not.
fn refusal_of(error: EmbedError, chunk: usize) -> Result<Refusal, RunError> {
    let cause = match &error {
        EmbedError::BadVector(_) => Cause::BadVector,
        EmbedError::TooLong { .. } => Cause::TooLarge,
        EmbedError::Failed(_) | EmbedError::Unavailable(_) => return Err(RunError::Model(error)),
    };
    Ok(Refusal::new(Stage::Embed, cause, format!("chunk {}: {error}", chunk + 1)))
}

/// The source's title, else the document's own, else its first heading, else its file name.
fn title(source: Option<String>, extracted: &Extracted, doc_id: &DocId) -> String {
    let heading = extracted.headings.first().map(|heading| heading.title.clone());
    let candidates = [source, extracted.title.clone(), heading];
    let named = candidates.into_iter().flatten().find(|title| !title.trim().is_empty());
    named.unwrap_or_else(|| doc_id.local().rsplit('/').next().unwrap_or_default().to_owned())
}
