//! Pieces of a pipeline that cost nothing: a text is its own extraction and one chunk, and its vector is
//! made of its hash, at once or after a while.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alluvium_connect::event::EventFormat;
use alluvium_core::access::Acl;
use alluvium_core::chunk::{Chunk, Chunker};
use alluvium_core::clock::SystemClock;
use alluvium_core::embed::{EmbedError, Embedder, Model, ModelIdentity, Tokenizer};
use alluvium_core::extract::{Component, ExtractError, ExtractRequest, Extracted, Extractor};
use alluvium_core::fingerprint::GenerationFingerprint;
use alluvium_core::hash::Sha256;
use alluvium_core::id::{PipelineName, SourceName};
use alluvium_core::quarantine::Refusal;
use alluvium_core::retention::Retention;
use alluvium_core::stop::Stop;
use alluvium_index::{Durability, Options, Writer};
use alluvium_kafka::{EventsSpec, KafkaSpec, Messages, OffsetLost};
use async_trait::async_trait;

use crate::Result;
use crate::broker::connection;

const DIMENSION: usize = 384;

/// A small change: some forty words.
pub(crate) fn event(number: usize) -> (String, String) {
    let id = format!("d{number}");
    let words = "The rivers rise and the gauges follow, hour by hour, until the winter ends. ".repeat(3);
    let text = format!("Document {number}. {words}");
    let event = serde_json::json!({
        "schema": "alluvium.document_change.v1", "op": "upsert", "id": id, "version": 1,
        "content": {"text": text, "media_type": "text/plain"},
    });
    (id, event.to_string())
}

pub(crate) fn source(broker: &str, topic: &str, group: &str) -> Result<KafkaSpec> {
    Ok(KafkaSpec {
        name: SourceName::new("events")?,
        connection: connection(broker),
        topics: vec![topic.to_owned()],
        group: group.to_owned(),
        messages: Messages::Events(Box::new(EventsSpec {
            format: EventFormat::DocumentChange,
            default_acl: Some(Acl { readers: vec!["group:all".to_owned()], ..Acl::default() }),
            content_roots: vec![],
            content_buckets: vec![],
            max_event_size: 1 << 20,
            schema_registry: None,
        })),
        offset_lost: OffsetLost::Stop,
    })
}

pub(crate) fn fingerprint() -> GenerationFingerprint {
    GenerationFingerprint::new(identity(), Whole.component(), 256, 0)
}

pub(crate) async fn writer(root: &Path) -> Result<Writer> {
    let (durability, clock) = (Durability::Power, Arc::new(SystemClock));
    let options = Options { durability, clock, retention: Retention::default() };
    Ok(Writer::open(root, &PipelineName::new("measured")?, &fingerprint(), options).await?)
}

fn identity() -> ModelIdentity {
    ModelIdentity {
        name: "made-up".to_owned(),
        revision: "1".to_owned(),
        artifact: Sha256::of("made-up").into(),
        tokenizer: Sha256::of("made-up").into(),
        dimension: DIMENSION,
        pooling: "mean".to_owned(),
        normalize: true,
        document_prefix: String::new(),
        query_prefix: String::new(),
        max_tokens: 256,
    }
}

/// Extracts a text from itself.
pub(crate) struct Plain;

#[async_trait]
impl Extractor for Plain {
    fn components(&self) -> Vec<Component> {
        vec![Component::new("plain", "1")]
    }

    async fn extract(&self, request: ExtractRequest) -> std::result::Result<Extracted, ExtractError> {
        Ok(Extracted {
            text: String::from_utf8_lossy(&request.bytes).into_owned(),
            media_type: request.media_type,
            pages: vec![],
            headings: vec![],
            title: None,
            language: None,
            extractor: Component::new("plain", "1"),
            partial: None,
            notes: Default::default(),
            metadata: vec![],
        })
    }
}

/// Cuts a text into one chunk.
pub(crate) struct Whole;

impl Chunker for Whole {
    fn component(&self) -> Component {
        Component::new("whole", "1")
    }

    fn chunk(
        &self,
        extracted: &Extracted,
        _: &dyn Tokenizer,
        _: &Stop,
    ) -> std::result::Result<Vec<Chunk>, Refusal> {
        Ok(vec![Chunk { span: 0..extracted.text.len(), tokens: 60 }])
    }
}

/// Makes vectors up, each after this time.
pub(crate) struct MadeUp {
    identity: ModelIdentity,
    time: Duration,
}

impl MadeUp {
    pub(crate) fn after(time: Duration) -> Self {
        Self { identity: identity(), time }
    }
}

impl Model for MadeUp {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        Arc::new(Words)
    }

    fn session(&self) -> std::result::Result<Box<dyn Embedder>, EmbedError> {
        Ok(Box::new(Session(self.time)))
    }
}

struct Words;

impl Tokenizer for Words {
    fn spans(&self, text: &str) -> std::result::Result<Vec<Range<usize>>, EmbedError> {
        let start = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        Ok(text.split_whitespace().map(|word| start(word)..start(word) + word.len()).collect())
    }

    fn special(&self) -> usize {
        2
    }
}

struct Session(Duration);

impl Embedder for Session {
    #[allow(clippy::disallowed_methods, reason = "stands for a model that computes")]
    fn embed_document(&mut self, text: &str) -> std::result::Result<Vec<f32>, EmbedError> {
        if !self.0.is_zero() {
            std::thread::sleep(self.0);
        }
        let hash = Sha256::of(text);
        let raw: Vec<f32> = hash.as_str().bytes().cycle().take(DIMENSION).map(f32::from).collect();
        let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt();
        Ok(raw.into_iter().map(|v| v / norm).collect())
    }

    fn embed_query(&mut self, text: &str) -> std::result::Result<Vec<f32>, EmbedError> {
        self.embed_document(text)
    }
}
