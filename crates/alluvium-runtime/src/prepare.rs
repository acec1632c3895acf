//! One change on its way to the committer: extract, cut, embed.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use alluvium_core::change::{ContentChange, DocumentChange, Upsert};
use alluvium_core::chunk::{Chunk, Chunker, chunk_hash};
use alluvium_core::commit::KnownVector;
use alluvium_core::document::{IndexedContent, Prepared, PreparedChunk, PreparedContent, RefusedContent};
use alluvium_core::embed::{EmbedError, Tokenizer};
use alluvium_core::extract::{ExtractError, ExtractRequest, Extracted, Extractor};
use alluvium_core::hash::Sha256;
use alluvium_core::id::DocId;
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::stop::Stop;

use crate::embedders::{Answer, Embedders, stopped};
use crate::error::RunError;
use crate::flight::Flight;
use crate::turns::{Lane, Place, Turns};

/// Vectors of a document's chunks that the index holds already.
pub(crate) type Vectors = HashMap<Sha256, KnownVector>;

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
    /// Sources that want nothing served of documents whose content can't be read.
    pub(crate) hide_unreadable: HashSet<String>,
    /// Documents that are extracted or cut at once.
    pub(crate) extracting: Arc<Turns>,
    /// How long a document may take to be cut into chunks.
    pub(crate) cut_time: Duration,
    /// Documents that are embedded at once: few, so that the first are finished early, but enough to
    /// keep the sessions' queue filled when each has one chunk only.
    pub(crate) embedding: Arc<Turns>,
    /// The same for live changes: the others may have chunks for minutes. Chunks take turns.
    pub(crate) embedding_live: Arc<Turns>,
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
                    hide: self.hides(&doc_id),
                    deleted: None,
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
            Err(refusal) => return Ok(self.refuse(doc_id, upsert, refusal)),
        };
        let weight = extracted.text.len() + chunks.len() * (self.dimension * 4 + CHUNK_BYTES);
        flight.resize(weight as u64);
        let extracted = Arc::new(extracted);
        let embedded = match self.embed(&extracted, chunks, vectors, flight).await? {
            Ok(embedded) => embedded,
            Err(refusal) => return Ok(self.refuse(doc_id, upsert, refusal)),
        };
        let words_only = embedded.iter().filter(|chunk| chunk.chunk.is_words_only()).count();
        if words_only > 0 {
            tracing::warn!(
                document = %doc_id, words_only, of = embedded.len(),
                "the model can't read all chunks: these are found by words only"
            );
        }
        // The sessions are done with the text, so this takes it without a copy.
        let mut extracted = Arc::unwrap_or_clone(extracted);
        Ok(PreparedContent::Indexed(Box::new(IndexedContent {
            version: upsert.version,
            content_hash: upsert.hash,
            bytes: size,
            pipeline_fingerprint: self.fingerprint.clone(),
            chunker: self.chunker.component(),
            title: title(upsert.title, &extracted, doc_id),
            uri: upsert.uri,
            modified_at: upsert.modified_at,
            metadata: merged(upsert.metadata, &mut extracted),
            extracted,
            chunks: embedded,
        })))
    }

    async fn extract_and_cut(
        &self,
        upsert: &Upsert,
        bytes: Vec<u8>,
        flight: &Flight,
    ) -> Stepped<(Extracted, Vec<(Chunk, Sha256)>)> {
        let _place = flight.take_turn(&self.extracting).await;
        flight.enter(Some(Stage::Extract));
        let (media_type, charset) = (upsert.media_type, upsert.charset.clone());
        let request = ExtractRequest { bytes, media_type, charset };
        let extracted = match self.extractor.extract(request).await {
            Ok(extracted) => extracted,
            Err(ExtractError::Refused(refusal)) => return Ok(Err(refusal)),
            Err(ExtractError::Unavailable(why)) => return Err(RunError::Extractor(why)),
        };
        flight.enter(Some(Stage::Chunk));
        let cut = self.cut(extracted).await;
        flight.enter(None);
        cut
    }

    /// Cuts a text into chunks, on a thread of its own, for so long as a document may take. Nothing ends that
    /// thread from outside: it is asked to, and looks whether it is.
    async fn cut(&self, extracted: Extracted) -> Stepped<(Extracted, Vec<(Chunk, Sha256)>)> {
        let stop = Stop::new();
        let _ends_with_this = stop.on_drop();
        let (chunker, tokenizer) = (Arc::clone(&self.chunker), Arc::clone(&self.tokenizer));
        let asked = stop.clone();
        let mut cutting = tokio::task::spawn_blocking(move || {
            let chunks = chunker.chunk(&extracted, &*tokenizer, &asked)?;
            let hashed = chunks.into_iter().map(|chunk| {
                let hash = chunk_hash(chunk.text(&extracted.text));
                (chunk, hash)
            });
            let hashed = hashed.collect();
            Ok((extracted, hashed))
        });
        let cut = tokio::select! {
            biased;
            cut = &mut cutting => cut,
            () = tokio::time::sleep(self.cut_time) => {
                stop.set();
                cutting.await
            }
        };
        let cut: Result<_, Refusal> =
            cut.map_err(|e| RunError::Internal(format!("cutting into chunks: {e}")))?;
        Ok(cut.map_err(|refusal| if stop.is_set() { self.took_too_long() } else { refusal }))
    }

    fn took_too_long(&self) -> Refusal {
        let seconds = self.cut_time.as_secs_f64();
        let detail = format!("cutting the text into chunks took more than {seconds} s ([extract] wall)");
        Refusal::new(Stage::Chunk, Cause::Timeout, detail)
    }

    async fn embed(
        &self,
        extracted: &Arc<Extracted>,
        chunks: Vec<(Chunk, Sha256)>,
        vectors: Vectors,
        flight: &Flight,
    ) -> Stepped<Vec<PreparedChunk>> {
        let _place = self.place_to_embed(flight).await;
        flight.enter(Some(Stage::Embed));
        // A vector of other tokens was made of another reading of the same text.
        let held = |chunk: &Chunk, hash: &Sha256| {
            vectors.get(hash).filter(|known| known.tokens == chunk.tokens).map(|known| &known.vector)
        };
        // Equal chunks have equal vectors: each text is embedded once.
        let mut asked: HashMap<&Sha256, Answer> = HashMap::new();
        for (chunk, hash) in chunks.iter().filter(|(chunk, _)| !chunk.is_words_only()) {
            if held(chunk, hash).is_none() && !asked.contains_key(hash) {
                asked.insert(hash, self.submit(extracted, chunk, flight).await?);
            }
        }
        let mut embedded: HashMap<Sha256, Vec<f32>> = HashMap::new();
        let mut prepared = Vec::with_capacity(chunks.len());
        let (mut bad, mut good) = (None, false);
        for (number, (chunk, hash)) in chunks.iter().enumerate() {
            let answer = asked.remove(hash);
            let reused = answer.is_none() && !chunk.is_words_only();
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
            let vector = held(chunk, hash).or_else(|| embedded.get(hash)).cloned();
            let vector = vector.filter(|_| !chunk.is_words_only());
            good |= vector.is_some();
            prepared.push(match vector {
                Some(vector) => PreparedChunk { chunk: chunk.clone(), hash: hash.clone(), vector, reused },
                None => self.words_only(chunk, hash),
            });
        }
        flight.enter(None);
        Ok(match bad {
            // A model that is really broken spoils every chunk.
            Some(refusal) if !good => Err(refusal),
            _ => Ok(prepared),
        })
    }

    /// A chunk that the model can't read, or has no usable vector for: its neighbours are no worse for it.
    fn words_only(&self, chunk: &Chunk, hash: &Sha256) -> PreparedChunk {
        PreparedChunk {
            chunk: Chunk { span: chunk.span.clone(), tokens: 0 },
            hash: hash.clone(),
            vector: vec![0.0; self.dimension],
            reused: false,
        }
    }

    async fn place_to_embed(&self, flight: &Flight) -> Place {
        if flight.lane() == Lane::Bulk {
            tokio::select! {
                biased;
                place = self.embedding.take(Lane::Bulk) => return place,
                () = flight.hurries() => {}
            }
        }
        self.embedding_live.take(Lane::Live).await
    }

    /// Queues a chunk in the lane of its document, which may change while it waits.
    async fn submit(
        &self,
        extracted: &Arc<Extracted>,
        chunk: &Chunk,
        flight: &Flight,
    ) -> Result<Answer, RunError> {
        let submit = |lane| self.embedders.submit(lane, extracted, chunk.span.clone());
        if flight.lane() == Lane::Bulk {
            tokio::select! {
                biased;
                answer = submit(Lane::Bulk) => return answer,
                () = flight.hurries() => {}
            }
        }
        submit(Lane::Live).await
    }

    fn refuse(&self, doc_id: &DocId, upsert: Upsert, refusal: Refusal) -> PreparedContent {
        PreparedContent::Refused(Box::new(RefusedContent {
            version: upsert.version,
            refusal,
            content_hash: Some(upsert.hash),
            pipeline_fingerprint: self.fingerprint.clone(),
            uri: upsert.uri,
            media_type: Some(upsert.media_type),
            hide: self.hides(doc_id),
            deleted: None,
        }))
    }

    /// Whether the source wants nothing served of documents whose content can't be read.
    fn hides(&self, doc_id: &DocId) -> bool {
        self.hide_unreadable.contains(doc_id.source())
    }
}

/// A vector that can't be right is the document's fault; a model that does not work is not.
fn refusal_of(error: EmbedError, chunk: usize) -> Result<Refusal, RunError> {
    let cause = match &error {
        EmbedError::BadVector(_) => Cause::BadVector,
        EmbedError::TooLong { .. } => Cause::TooLarge,
        EmbedError::Failed(_) | EmbedError::Unavailable(_) | EmbedError::Stopped => {
            return Err(RunError::Model(error));
        }
    };
    Ok(Refusal::new(Stage::Embed, cause, format!("chunk {}: {error}", chunk + 1)))
}

/// The source's metadata, and what the document says of itself under other keys.
fn merged(mut metadata: Vec<String>, extracted: &mut Extracted) -> Vec<String> {
    let key = |entry: &str| entry.split_once('=').map_or("", |(key, _)| key).to_owned();
    let said: HashSet<String> = metadata.iter().map(|entry| key(entry)).collect();
    metadata.extend(
        std::mem::take(&mut extracted.metadata).into_iter().filter(|entry| !said.contains(&key(entry))),
    );
    metadata
}

/// The source's title, else the document's own, else its first heading, else its file name.
fn title(source: Option<String>, extracted: &Extracted, doc_id: &DocId) -> String {
    let heading = extracted.headings.first().map(|heading| heading.title.clone());
    let candidates = [source, extracted.title.clone(), heading];
    let named = candidates.into_iter().flatten().find(|title| !title.trim().is_empty());
    named.unwrap_or_else(|| doc_id.local().rsplit('/').next().unwrap_or_default().to_owned())
}
