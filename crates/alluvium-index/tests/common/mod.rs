//! Small documents with vectors made from their text, and an index in a temporary folder.
#![allow(dead_code, unused_imports, unreachable_pub, missing_docs, clippy::unwrap_used)]

pub mod disk;
mod dump;
mod steps;

pub mod keeping;

use std::path::Path;
use std::sync::Arc;

use alluvium_core::access::{Acl, Principals};
use alluvium_core::change::{AccessChange, MediaType, Origin};
use alluvium_core::chunk::{Chunk, chunk_hash};
use alluvium_core::clock::{Clock, SystemClock};
use alluvium_core::commit::{Batch, Committed, IndexWriter};
use alluvium_core::document::{IndexedContent, Prepared, PreparedChunk, PreparedContent, RefusedContent};
use alluvium_core::embed::ModelIdentity;
use alluvium_core::extract::{Component, Extracted};
use alluvium_core::fingerprint::GenerationFingerprint;
use alluvium_core::hash::Sha256;
use alluvium_core::id::{DocId, PipelineName};
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::retention::Retention;
use alluvium_core::version::Version;
use alluvium_index::{
    Condition, Durability, Found, Hit, Index, IndexError, Intervention, Options, SearchMode, SearchRequest,
    Writer,
};

pub use dump::{Dump, check_same, check_tags, copy, dump};
pub use steps::{STEPS, first, second};

pub const DIMENSION: usize = 8;

pub fn fingerprint(model: &str) -> GenerationFingerprint {
    let identity = ModelIdentity {
        name: model.to_owned(),
        revision: "1".to_owned(),
        artifact: Sha256::of(model).into(),
        tokenizer: Sha256::of("t").into(),
        dimension: DIMENSION,
        pooling: "mean".to_owned(),
        normalize: true,
        document_prefix: String::new(),
        query_prefix: String::new(),
        max_tokens: 256,
    };
    GenerationFingerprint::new(identity, Component::new("test", "1"), 256, 32)
}

pub async fn writer(root: &Path) -> Writer {
    open_writer(root, "handbook", "model-a").await.unwrap()
}

pub async fn open_writer(
    root: &Path,
    pipeline: &str,
    model: &str,
) -> Result<Writer, alluvium_index::IndexError> {
    let options = options(SystemClock);
    Writer::open(root, &PipelineName::new(pipeline).unwrap(), &fingerprint(model), options).await
}

/// Nothing but the process survives, and nothing is vacuumed.
pub fn options(clock: impl Clock + 'static) -> Options {
    Options { durability: Durability::Process, clock: Arc::new(clock), retention: Retention::default() }
}

/// What a person does, whoever else writes.
pub async fn intervention(root: &Path) -> Intervention {
    let options = options(SystemClock);
    Intervention::open(root, &PipelineName::new("handbook").unwrap(), options).await.unwrap()
}

/// A unit vector that depends on the text alone.
pub fn vector(text: &str) -> Vec<f32> {
    let digest = Sha256::of(text);
    let raw: Vec<f32> = digest.as_str().bytes().take(DIMENSION).map(|b| f32::from(b) - 75.0).collect();
    let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
    raw.into_iter().map(|v| v / norm).collect()
}

pub fn acl(readers: &[&str]) -> AccessChange {
    denying(readers, &[])
}

pub fn denying(readers: &[&str], denied: &[&str]) -> AccessChange {
    let own = |list: &[&str]| list.iter().map(|p| (*p).to_owned()).collect();
    let acl = Acl { readers: own(readers), denied: own(denied), ..Acl::default() }.canonical().unwrap();
    AccessChange::Declared { version: Version::observed(), acl }
}

/// A document whose paragraphs are its chunks.
pub fn upsert(id: &str, text: &str, access: AccessChange) -> Prepared {
    let mut chunks = Vec::new();
    let mut start = 0;
    for paragraph in text.split("\n\n") {
        let chunk = Chunk { span: start..start + paragraph.len(), tokens: 3 };
        let (hash, vector) = (chunk_hash(paragraph), vector(paragraph));
        chunks.push(PreparedChunk { chunk, hash, vector, reused: false });
        start += paragraph.len() + 2;
    }
    let content = IndexedContent {
        version: Version::observed(),
        content_hash: Sha256::of(text),
        bytes: text.len() as u64,
        pipeline_fingerprint: Sha256::of("pipeline"),
        chunker: Component::new("test", "1"),
        uri: format!("file:///{id}"),
        title: id.to_owned(),
        modified_at: None,
        metadata: vec![],
        extracted: Extracted {
            text: text.to_owned(),
            media_type: MediaType::Plain,
            pages: vec![],
            headings: vec![],
            title: None,
            language: None,
            extractor: Component::new("test", "1"),
            partial: None,
            notes: Default::default(),
            metadata: vec![],
        },
        chunks,
    };
    prepared(id, PreparedContent::Indexed(Box::new(content)), access)
}

/// An upsert of which the model can't read the chunks that start with this.
pub fn unread(id: &str, text: &str, start: &str, access: AccessChange) -> Prepared {
    let mut change = upsert(id, text, access);
    if let PreparedContent::Indexed(content) = &mut change.content {
        for prepared in content.chunks.iter_mut().filter(|c| c.chunk.text(text).starts_with(start)) {
            prepared.chunk.tokens = 0;
            prepared.vector.fill(0.0);
        }
    }
    change
}

/// An upsert with `metadata` and a title.
pub fn described(id: &str, text: &str, metadata: &[&str], access: AccessChange) -> Prepared {
    let mut change = upsert(id, text, access);
    if let PreparedContent::Indexed(content) = &mut change.content {
        content.metadata = metadata.iter().map(|m| (*m).to_owned()).collect();
    }
    change
}

pub fn prepared(id: &str, content: PreparedContent, access: AccessChange) -> Prepared {
    let origin = Origin { position: "scan".to_owned(), ..Origin::default() };
    Prepared { doc_id: DocId::parse(id).unwrap(), content, access, origin }
}

pub fn delete(id: &str) -> Prepared {
    let content = PreparedContent::Deleted { version: Version::observed() };
    prepared(id, content, AccessChange::Unsaid { default: None })
}

pub fn access_only(id: &str, access: AccessChange) -> Prepared {
    prepared(id, PreparedContent::Unsaid, access)
}

pub fn refused(id: &str, text: &str, access: AccessChange) -> Prepared {
    let content = RefusedContent {
        version: Version::observed(),
        refusal: Refusal::new(Stage::Extract, Cause::Corrupt, "no"),
        content_hash: Some(Sha256::of(text)),
        pipeline_fingerprint: Sha256::of("pipeline"),
        uri: format!("file:///{id}"),
        media_type: Some(MediaType::Plain),
        hide: false,
        deleted: None,
    };
    prepared(id, PreparedContent::Refused(Box::new(content)), access)
}

pub async fn commit(writer: &mut Writer, changes: Vec<Prepared>) -> Committed {
    writer.commit(Batch { changes, deltas: vec![] }).await.unwrap()
}

pub fn who(principals: &[&str]) -> Principals {
    Principals::new(principals.iter().map(|p| (*p).to_owned())).unwrap()
}

/// Everything that somebody can find by vector, as sorted `doc_id: text`.
pub async fn found(root: &Path, principals: &[&str]) -> Vec<String> {
    let Some(index) = Index::open(root).await.unwrap() else { return vec![] };
    let ask = Ask { limit: 10_000, ..Ask::by(SearchMode::Vector, "any") };
    sorted(&ask.of(&index, principals).await.hits)
}

pub fn sorted(hits: &[Hit]) -> Vec<String> {
    let mut found: Vec<String> = hits.iter().map(|h| format!("{}: {}", h.doc_id, h.text)).collect();
    found.sort();
    found
}

/// A search whose vector is made from its text.
#[derive(Clone)]
pub struct Ask<'a> {
    pub mode: SearchMode,
    pub text: &'a str,
    pub limit: usize,
    pub per_document: Option<std::num::NonZeroUsize>,
    pub conditions: Vec<Condition>,
}

impl<'a> Ask<'a> {
    pub fn by(mode: SearchMode, text: &'a str) -> Self {
        Self { mode, text, limit: 10, per_document: None, conditions: vec![] }
    }

    pub async fn of(&self, index: &Index, principals: &[&str]) -> Found {
        self.asked(index, principals).await.unwrap()
    }

    pub async fn refused(&self, index: &Index, principals: &[&str]) -> IndexError {
        self.asked(index, principals).await.unwrap_err()
    }

    async fn asked(&self, index: &Index, principals: &[&str]) -> Result<Found, IndexError> {
        let (principals, vector) = (who(principals), vector(self.text));
        let request = SearchRequest {
            principals: &principals,
            mode: self.mode,
            text: self.text,
            vector: Some(&vector),
            limit: self.limit,
            per_document: self.per_document,
            conditions: &self.conditions,
        };
        index.search(&request).await
    }
}
