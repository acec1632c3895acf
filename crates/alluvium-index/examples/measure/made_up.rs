//! Documents that nobody wrote, with vectors that no model made.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use alluvium_core::access::Acl;
use alluvium_core::change::{AccessChange, MediaType, Origin};
use alluvium_core::chunk::{Chunk, chunk_hash};
use alluvium_core::clock::Clock;
use alluvium_core::commit::{Batch, Committed, IndexWriter};
use alluvium_core::document::{IndexedContent, Prepared, PreparedChunk, PreparedContent};
use alluvium_core::embed::ModelIdentity;
use alluvium_core::extract::{Component, Extracted};
use alluvium_core::fingerprint::GenerationFingerprint;
use alluvium_core::hash::Sha256;
use alluvium_core::id::{DocId, PipelineName};
use alluvium_core::retention::Retention;
use alluvium_core::version::Version;
use alluvium_index::{Durability, Options, Writer};

use crate::Result;

/// Passages of a document.
pub(crate) const CHUNKS: usize = 10;
/// Numbers of a vector: as many as small models give.
pub(crate) const DIMENSION: usize = 384;
/// Topics that vectors lie around, as those of real texts do.
const TOPICS: u64 = 1_000;
const WORDS: [&str; 16] = [
    "river", "gauge", "winter", "harbour", "ledger", "crane", "valley", "bridge", "lantern", "copper",
    "meadow", "signal", "archive", "barley", "compass", "granite",
];

/// A clock that is set by hand, so that years pass in minutes.
#[derive(Clone)]
pub(crate) struct Hand(Arc<Mutex<jiff::Timestamp>>);

impl Hand {
    pub(crate) fn now_on() -> Self {
        Self(Arc::new(Mutex::new(jiff::Timestamp::now())))
    }

    pub(crate) fn pass(&self, time: Duration) -> Result<()> {
        let mut now = self.0.lock().map_err(|_| "the clock broke")?;
        *now = now.checked_add(time)?;
        Ok(())
    }
}

impl Clock for Hand {
    fn now(&self) -> jiff::Timestamp {
        self.0.lock().map_or(jiff::Timestamp::UNIX_EPOCH, |now| *now)
    }
}

pub(crate) fn pipeline() -> Result<PipelineName> {
    Ok(PipelineName::new("measured")?)
}

/// As the pipeline file has it by default, but for the clock.
pub(crate) fn options(clock: &Hand) -> Options {
    let clock = Arc::new(clock.clone());
    Options { durability: Durability::Power, clock, retention: Retention::default() }
}

pub(crate) async fn writer(root: &Path, clock: &Hand) -> Result<Writer> {
    let model = ModelIdentity {
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
    };
    let fingerprint = GenerationFingerprint::new(model, Component::new("made-up", "1"), 256, 32);
    Ok(Writer::open(root, &pipeline()?, &fingerprint, options(clock)).await?)
}

pub(crate) async fn commit(writer: &mut Writer, changes: Vec<Prepared>) -> Result<Committed> {
    Ok(writer.commit(Batch { changes, deltas: vec![] }).await?)
}

/// A document of [`CHUNKS`] passages that its number and revision make up.
pub(crate) fn document(number: usize, revision: usize) -> Result<Prepared> {
    let mut dice = Dice::of(number, revision);
    let passages: Vec<String> = (0..CHUNKS).map(|_| passage(&mut dice)).collect();
    let text = passages.join("\n\n");
    let mut chunks = Vec::new();
    let mut start = 0;
    for passage in &passages {
        let chunk = Chunk { span: start..start + passage.len(), tokens: 60 };
        let (hash, vector) = (chunk_hash(passage), vector(&mut dice));
        chunks.push(PreparedChunk { chunk, hash, vector, reused: false });
        start += passage.len() + 2;
    }
    let id = id(number);
    let content = IndexedContent {
        version: Version::observed(),
        content_hash: Sha256::of(&text),
        bytes: text.len() as u64,
        pipeline_fingerprint: Sha256::of("made-up"),
        chunker: Component::new("made-up", "1"),
        uri: format!("file:///{id}"),
        title: id,
        modified_at: None,
        metadata: vec![],
        extracted: Extracted {
            text,
            media_type: MediaType::Plain,
            pages: vec![],
            headings: vec![],
            title: None,
            language: None,
            extractor: Component::new("made-up", "1"),
            partial: None,
            notes: Default::default(),
            metadata: vec![],
        },
        chunks,
    };
    prepared(number, PreparedContent::Indexed(Box::new(content)), "group:all")
}

/// The document's passages as they are, for another reader.
pub(crate) fn relisted(number: usize, reader: &str) -> Result<Prepared> {
    prepared(number, PreparedContent::Unsaid, reader)
}

fn prepared(number: usize, content: PreparedContent, reader: &str) -> Result<Prepared> {
    let acl = Acl { readers: vec![reader.to_owned()], ..Acl::default() }.canonical()?;
    let access = AccessChange::Declared { version: Version::observed(), acl };
    let origin = Origin { position: "made up".to_owned(), ..Origin::default() };
    Ok(Prepared { doc_id: DocId::parse(id(number))?, content, access, origin })
}

fn id(number: usize) -> String {
    format!("docs/{:03}/{number}", number % 1000)
}

/// About 60 words.
fn passage(dice: &mut Dice) -> String {
    let words: Vec<&str> =
        (0..60).filter_map(|_| WORDS.get(dice.below(WORDS.len() as u64) as usize)).copied().collect();
    format!("{} {:x}.", words.join(" "), dice.next())
}

/// A unit vector near one of the topics.
fn vector(dice: &mut Dice) -> Vec<f32> {
    let mut topic = Dice(dice.below(TOPICS));
    let raw: Vec<f32> = (0..DIMENSION).map(|_| topic.centred() + 0.7 * dice.centred()).collect();
    let norm = raw.iter().map(|v| v * v).sum::<f32>().sqrt().max(1e-6);
    raw.into_iter().map(|v| v / norm).collect()
}

/// Numbers that look random and are the same on every machine (splitmix64, public domain).
struct Dice(u64);

impl Dice {
    fn of(number: usize, revision: usize) -> Self {
        Self((number as u64) << 24 ^ revision as u64)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    /// Between -1 and 1.
    fn centred(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}
