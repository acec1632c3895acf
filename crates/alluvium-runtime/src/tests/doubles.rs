//! Small seams in memory. Documents are text, chunks are lines, and a few words make a stage misbehave:
//! `refuse`, `broken`, `panic`, `cropped` (extractor), `endless`, `unread` (chunker), `bad`, `fail` (model), `hold` (the extractor waits for the
//! gate), `linger` (it gives way to others once for each), `stall` (the model waits until it may go on).

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use alluvium_core::access::Acl;
use alluvium_core::change::{AccessChange, ContentChange, DocumentChange, MediaType, Origin, Upsert};
use alluvium_core::checkpoint::CheckpointDelta;
use alluvium_core::chunk::{Chunk, Chunker, chunk_hash};
use alluvium_core::commit::{
    Batch, CommitError, Committed, CountsBySource, IndexWriter, KnownVector, Publish, VectorLookup,
    VectorsByDocument,
};
use alluvium_core::document::{Prepared, PreparedContent};
use alluvium_core::embed::{EmbedError, Embedder, Model, ModelIdentity, Tokenizer};
use alluvium_core::extract::{Component, ExtractError, ExtractRequest, Extracted, Extractor};
use alluvium_core::hash::Sha256;
use alluvium_core::id::{DocId, Generation, SourceName};
use alluvium_core::quarantine::{Cause, Refusal, Stage};
use alluvium_core::source::{Acknowledge, Room, Source, SourceBatch, SourceError};
use alluvium_core::stop::Stop;
use alluvium_core::version::Version;
use async_trait::async_trait;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::{
    FollowEnd, FollowSettings, Health, HealthSnapshot, NoProgress, Pipeline, Report, RunError, Settings,
    SourceRun, backfill, follow,
};

/// What the doubles share: what happened, and what holds them back.
pub(super) struct World {
    /// Texts whose extraction began, and chunks that were embedded, in order.
    pub(super) extracted: Mutex<Vec<String>>,
    pub(super) embedded: Mutex<Vec<String>>,
    pub(super) batches: Mutex<Vec<Batch>>,
    pub(super) rooms: Mutex<Vec<Room>>,
    pub(super) vectors: Mutex<VectorsByDocument>,
    pub(super) maintained: AtomicUsize,
    /// Documents pulled and not yet committed, and the most there ever were.
    pub(super) in_flight: AtomicUsize,
    pub(super) most_in_flight: AtomicUsize,
    /// Extractions that may go on past `hold`.
    pub(super) gate: Semaphore,
    pub(super) cancel: CancellationToken,
    /// The commit of this number, from 0, fails; or cancels the run when it is done.
    pub(super) fail_commit: Mutex<Option<usize>>,
    pub(super) cancel_after_commit: Mutex<Option<usize>>,
    /// Commits fail with an error of storage.
    pub(super) storage_fails: AtomicBool,
    /// Somebody else has published.
    pub(super) superseded: AtomicBool,
    /// Extractions begun.
    pub(super) extracting: AtomicUsize,
    /// The model may go on past `stall`.
    pub(super) unstalled: AtomicBool,
    pub(super) reports: Mutex<Vec<HealthSnapshot>>,
    /// Progress that a source was told is published.
    pub(super) acknowledged: Mutex<Vec<u64>>,
}

impl World {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            extracted: Mutex::default(),
            embedded: Mutex::default(),
            batches: Mutex::default(),
            rooms: Mutex::default(),
            vectors: Mutex::default(),
            maintained: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            gate: Semaphore::new(0),
            cancel: CancellationToken::new(),
            fail_commit: Mutex::default(),
            cancel_after_commit: Mutex::default(),
            storage_fails: AtomicBool::new(false),
            superseded: AtomicBool::new(false),
            extracting: AtomicUsize::new(0),
            unstalled: AtomicBool::new(false),
            reports: Mutex::default(),
            acknowledged: Mutex::default(),
        })
    }

    /// Committed documents with their content, in order.
    pub(super) fn committed(&self) -> Vec<String> {
        let batches = self.batches.lock().unwrap();
        batches.iter().flat_map(|batch| batch.changes.iter().map(show)).collect()
    }

    /// The changes of a batch with their content.
    pub(super) fn show_all(batch: &Batch) -> Vec<String> {
        batch.changes.iter().map(show).collect()
    }

    pub(super) fn recorded(&self) -> Vec<u64> {
        let batches = self.batches.lock().unwrap();
        batches.iter().flat_map(|batch| batch.deltas.iter().map(|delta| delta.through)).collect()
    }

    pub(super) async fn run(self: &Arc<Self>, batches: Vec<SourceBatch>) -> Result<Report, RunError> {
        self.run_with(batches, settings(), false).await
    }

    pub(super) async fn run_with(
        self: &Arc<Self>,
        batches: Vec<SourceBatch>,
        settings: Settings,
        record_first_scan: bool,
    ) -> Result<Report, RunError> {
        let name = SourceName::new("s").unwrap();
        let source = Box::new(Script { world: Arc::clone(self), name, batches: batches.into() });
        let mut writer = Writer(Arc::clone(self));
        let sources = vec![SourceRun { source, record_first_scan, once: false }];
        let run = backfill(self.pipeline(sources, settings, &mut writer));
        tokio::time::timeout(Duration::from_secs(30), run).await.expect("the topology is stuck")
    }

    fn pipeline<'w>(
        self: &Arc<Self>,
        sources: Vec<SourceRun>,
        settings: Settings,
        writer: &'w mut Writer,
    ) -> Pipeline<'w> {
        Pipeline {
            sources,
            extractor: Arc::new(Text(Arc::clone(self))),
            chunker: Arc::new(Lines),
            model: Arc::new(Letters::new(self)),
            lookup: Arc::new(Lookup(Arc::clone(self))),
            writer,
            fingerprint: Sha256::of("pipeline"),
            hide_unreadable: Default::default(),
            settings,
            progress: Arc::new(NoProgress),
            cancel: self.cancel.clone(),
        }
    }

    /// Follows sources that tests feed as they go.
    pub(super) fn follow(
        self: &Arc<Self>,
        sources: Vec<SourceRun>,
        settings: Settings,
        paces: FollowSettings,
    ) -> JoinHandle<Result<FollowEnd, RunError>> {
        let world = Arc::clone(self);
        tokio::spawn(async move {
            let mut writer = Writer(Arc::clone(&world));
            let health = Arc::new(Reports(Arc::clone(&world)));
            Box::pin(follow(world.pipeline(sources, settings, &mut writer), paces, health)).await
        })
    }

    /// Waits until something has come true of this world.
    pub(super) async fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let started = Instant::now();
        while !holds(self) {
            assert!(started.elapsed() < Duration::from_secs(30), "waited in vain until {what}");
            tokio::task::yield_now().await;
        }
    }

    /// Waits until health was reported in which something holds.
    pub(super) async fn until_reported(&self, what: &str, holds: impl Fn(&HealthSnapshot) -> bool) {
        self.reports.lock().unwrap().clear();
        self.until(what, |world| world.reports.lock().unwrap().iter().any(&holds)).await;
    }
}

/// The end of a run that follows.
pub(super) async fn end_of(run: JoinHandle<Result<FollowEnd, RunError>>) -> Result<FollowEnd, RunError> {
    let run = tokio::time::timeout(Duration::from_secs(30), run);
    run.await.expect("the topology is stuck").expect("the run panicked")
}

/// Paces of a run that does nothing by the clock, but asks a source again at once and reports always.
pub(super) fn paces() -> FollowSettings {
    let (never, at_once) = (Duration::from_secs(3600), Duration::from_millis(1));
    FollowSettings {
        progress_interval: never,
        drain_timeout: never,
        health_interval: at_once,
        retry_first: at_once,
        retry_most: at_once,
    }
}

struct Reports(Arc<World>);

impl Health for Reports {
    fn report(&self, snapshot: &HealthSnapshot) {
        self.0.reports.lock().unwrap().push(snapshot.clone());
    }
}

/// What a fed source answers.
pub(super) enum Step {
    Batch(SourceBatch),
    Unavailable,
    Broken,
    End,
}

/// A source that says what a test feeds it, and is silent when it was fed nothing.
struct Fed {
    world: Arc<World>,
    name: SourceName,
    steps: mpsc::Receiver<Step>,
}

/// A source, and what feeds it.
pub(super) fn fed(
    world: &Arc<World>,
    name: &str,
    record_first_scan: bool,
) -> (mpsc::Sender<Step>, SourceRun) {
    let (feed, steps) = mpsc::channel(1000);
    let source = Fed { world: Arc::clone(world), name: SourceName::new(name).unwrap(), steps };
    (feed, SourceRun { source: Box::new(source), record_first_scan, once: false })
}

/// The batch, with its progress in the source of this name after `after`.
pub(super) fn of(name: &str, mut batch: SourceBatch, after: Option<u64>) -> Step {
    for delta in &mut batch.deltas {
        delta.source = SourceName::new(name).unwrap();
        delta.after = after;
    }
    Step::Batch(batch)
}

#[async_trait]
impl Source for Fed {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        let (source_name, message) = (self.name.to_string(), "no answer".to_owned());
        match self.steps.recv().await {
            Some(Step::Batch(batch)) => {
                self.world.pulled(room, batch.changes.len());
                Ok(Some(batch))
            }
            Some(Step::Unavailable) => Err(SourceError::Unavailable { source_name, message }),
            Some(Step::Broken) => Err(SourceError::Broken { source_name, message }),
            Some(Step::End) => Ok(None),
            None => std::future::pending().await,
        }
    }

    fn expected(&self) -> Option<u64> {
        None
    }
}

impl World {
    fn pulled(&self, room: Room, changes: usize) {
        self.rooms.lock().unwrap().push(room);
        let now = self.in_flight.fetch_add(changes, Ordering::SeqCst) + changes;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
    }
}

/// An interval that never comes, and room for documents that are held next to those that are not.
pub(super) fn settings() -> Settings {
    let commit_interval = Duration::from_secs(3600);
    Settings { commit_interval, extract_parallel: 8, ..Settings::for_cores(2) }
}

fn show(prepared: &Prepared) -> String {
    let what = match &prepared.content {
        PreparedContent::Indexed(content) => content.extracted.text.clone(),
        PreparedContent::Refused(refused) => refused.refusal.cause.to_string(),
        PreparedContent::Deleted { .. } => "deleted".to_owned(),
        PreparedContent::Kept(_) => "kept".to_owned(),
        PreparedContent::Unsaid => "access".to_owned(),
    };
    format!("{}={what}", prepared.doc_id.local())
}

pub(super) fn doc(local: &str) -> DocId {
    DocId::parse(format!("s/{local}")).unwrap()
}

pub(super) fn upsert(local: &str, text: &str) -> DocumentChange {
    let upsert = Upsert {
        version: Version::observed(),
        bytes: text.as_bytes().to_vec(),
        hash: Sha256::of(text),
        media_type: MediaType::Plain,
        charset: None,
        title: None,
        uri: format!("file:///{local}"),
        modified_at: None,
        metadata: vec![],
    };
    let content = Some(ContentChange::Upsert(Box::new(upsert)));
    let access = AccessChange::Declared { version: Version::observed(), acl: Acl::nobody() };
    DocumentChange { doc_id: doc(local), content, access, origin: Origin::default() }
}

/// A batch of `name=text` changes, followed by progress through `through`.
pub(super) fn batch(changes: &[(&str, &str)], through: Option<u64>) -> SourceBatch {
    let source = SourceName::new("s").unwrap();
    let delta = |through| CheckpointDelta {
        source,
        partition: "scan".to_owned(),
        after: None,
        through,
        watermark: None,
    };
    SourceBatch {
        changes: changes.iter().map(|(local, text)| upsert(local, text)).collect(),
        seen: changes.len() as u64,
        deltas: through.map(delta).into_iter().collect(),
        ..SourceBatch::default()
    }
}

struct Script {
    world: Arc<World>,
    name: SourceName,
    batches: VecDeque<SourceBatch>,
}

#[async_trait]
impl Source for Script {
    fn name(&self) -> &SourceName {
        &self.name
    }

    async fn next(&mut self, room: Room) -> Result<Option<SourceBatch>, SourceError> {
        let batch = self.batches.pop_front();
        self.world.pulled(room, batch.as_ref().map_or(0, |batch| batch.changes.len()));
        Ok(batch)
    }

    fn expected(&self) -> Option<u64> {
        None
    }

    fn acknowledge(&self) -> Option<Arc<dyn Acknowledge>> {
        Some(Arc::clone(&self.world) as Arc<dyn Acknowledge>)
    }
}

impl Acknowledge for World {
    fn published(&self, progress: &[CheckpointDelta]) {
        self.acknowledged.lock().unwrap().extend(progress.iter().map(|delta| delta.through));
    }
}

struct Text(Arc<World>);

#[async_trait]
impl Extractor for Text {
    fn components(&self) -> Vec<Component> {
        vec![Component::new("text", "1")]
    }

    async fn extract(&self, request: ExtractRequest) -> Result<Extracted, ExtractError> {
        self.0.extracting.fetch_add(1, Ordering::SeqCst);
        let text = String::from_utf8(request.bytes).unwrap();
        self.0.extracted.lock().unwrap().push(text.clone());
        for _ in text.matches("linger") {
            tokio::task::yield_now().await;
        }
        assert!(!text.contains("panic"), "the extractor panics");
        if text.contains("hold") {
            self.0.gate.acquire().await.unwrap().forget();
        }
        if text.contains("refuse") {
            return Err(ExtractError::Refused(Refusal::new(Stage::Extract, Cause::Corrupt, "refused")));
        }
        if text.contains("broken") {
            return Err(ExtractError::Unavailable("no worker".to_owned()));
        }
        Ok(Extracted {
            partial: text.contains("cropped").then(|| "pages after 1".to_owned()),
            notes: Default::default(),
            metadata: vec![],
            text,
            media_type: request.media_type,
            pages: vec![],
            headings: vec![],
            title: None,
            language: None,
            extractor: Component::new("text", "1"),
        })
    }
}

struct Lines;

impl Chunker for Lines {
    fn component(&self) -> Component {
        Component::new("lines", "1")
    }

    fn chunk(&self, extracted: &Extracted, _: &dyn Tokenizer, stop: &Stop) -> Result<Vec<Chunk>, Refusal> {
        while extracted.text == "endless" && !stop.is_set() {
            std::thread::yield_now();
        }
        if stop.is_set() {
            return Err(Refusal::new(Stage::Chunk, Cause::Timeout, "stopped"));
        }
        let mut start = 0;
        let spans = extracted.text.split('\n').map(|line| {
            let span = start..start + line.len();
            start = span.end + 1;
            Chunk { span, tokens: usize::from(!line.starts_with("unread")) }
        });
        Ok(spans.collect())
    }
}

/// A model whose vectors are the lengths of texts.
pub(super) struct Letters {
    world: Arc<World>,
    identity: ModelIdentity,
}

impl Letters {
    fn new(world: &Arc<World>) -> Self {
        let word = String::new;
        let identity = ModelIdentity {
            name: "letters".to_owned(),
            revision: word(),
            artifact: word(),
            tokenizer: word(),
            dimension: 1,
            pooling: word(),
            normalize: false,
            document_prefix: word(),
            query_prefix: word(),
            max_tokens: 1,
        };
        Self { world: Arc::clone(world), identity }
    }
}

impl Tokenizer for Letters {
    fn spans(&self, _: &str) -> Result<Vec<std::ops::Range<usize>>, EmbedError> {
        Ok(vec![])
    }

    fn special(&self) -> usize {
        0
    }
}

impl Model for Letters {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn tokenizer(&self) -> Arc<dyn Tokenizer> {
        Arc::new(Self::new(&self.world))
    }

    fn session(&self) -> Result<Box<dyn Embedder>, EmbedError> {
        Ok(Box::new(Session(Arc::clone(&self.world))))
    }
}

struct Session(Arc<World>);

impl Embedder for Session {
    fn embed_document(&mut self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.0.embedded.lock().unwrap().push(text.to_owned());
        let started = Instant::now();
        while text == "stall" && !self.0.unstalled.load(Ordering::SeqCst) {
            assert!(started.elapsed() < Duration::from_secs(30), "the model is stalled for ever");
            std::thread::yield_now();
        }
        match text {
            "bad" => Err(EmbedError::BadVector("NaN".to_owned())),
            "fail" => Err(EmbedError::Failed("out of order".to_owned())),
            _ => Ok(vec![text.len() as f32]),
        }
    }

    fn embed_query(&mut self, text: &str) -> Result<Vec<f32>, EmbedError> {
        self.embed_document(text)
    }
}

struct Lookup(Arc<World>);

#[async_trait]
impl VectorLookup for Lookup {
    async fn vectors(&self, documents: &[DocId]) -> Result<VectorsByDocument, CommitError> {
        let vectors = self.0.vectors.lock().unwrap();
        let found = documents.iter().filter_map(|doc| Some((doc.clone(), vectors.get(doc)?.clone())));
        Ok(found.collect())
    }
}

/// The index holds these lines of a document, each with the vector -1.
pub(super) fn hold_vectors(world: &World, local: &str, lines: &[&str]) {
    hold_vectors_of(world, local, lines, 1);
}

/// The same, of chunks that had so many tokens then.
pub(super) fn hold_vectors_of(world: &World, local: &str, lines: &[&str], tokens: usize) {
    let known = || KnownVector { vector: vec![-1.0], tokens };
    let vectors = lines.iter().map(|line| (chunk_hash(line), known())).collect::<HashMap<_, _>>();
    world.vectors.lock().unwrap().insert(doc(local), vectors);
}

struct Writer(Arc<World>);

#[async_trait]
impl IndexWriter for Writer {
    async fn commit(&mut self, batch: Batch) -> Result<Committed, CommitError> {
        let number = self.0.batches.lock().unwrap().len();
        if *self.0.fail_commit.lock().unwrap() == Some(number) {
            return Err(CommitError::Fenced("another writer".to_owned()));
        }
        if self.0.storage_fails.load(Ordering::SeqCst) {
            return Err(CommitError::Storage("no space".to_owned()));
        }
        let mut by_source = CountsBySource::default();
        for change in &batch.changes {
            let counts = by_source.of(&change.doc_id);
            match &change.content {
                PreparedContent::Indexed(content) => {
                    counts.indexed += 1;
                    counts.chunks_written += content.chunks.len() as u64;
                    let reused = content.chunks.iter().filter(|c| c.reused).count() as u64;
                    counts.chunks_reused += reused;
                    counts.chunks_embedded += content.chunks.len() as u64 - reused;
                }
                PreparedContent::Refused(_) => counts.quarantined += 1,
                _ => {}
            }
        }
        self.0.in_flight.fetch_sub(batch.changes.len(), Ordering::SeqCst);
        self.0.batches.lock().unwrap().push(batch);
        if *self.0.cancel_after_commit.lock().unwrap() == Some(number) {
            self.0.cancel.cancel();
        }
        let generation = Generation::new("g").unwrap();
        Ok(Committed { counts: by_source, published: Some(Publish { seq: number as u64 + 1, generation }) })
    }

    async fn superseded(&self) -> Result<bool, CommitError> {
        Ok(self.0.superseded.load(Ordering::SeqCst))
    }

    async fn maintain(&mut self) -> Result<(), CommitError> {
        self.0.maintained.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    async fn tend(&mut self) -> Result<(), CommitError> {
        Ok(())
    }
}
