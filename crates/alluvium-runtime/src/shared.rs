//! What the tasks of a run share.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use alluvium_core::change::{ContentChange, DocumentChange};
use alluvium_core::commit::{VectorLookup, VectorsByDocument};
use alluvium_core::id::DocId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::budget::Budget;
use crate::embedders::Embedders;
use crate::error::RunError;
use crate::flight::Flights;
use crate::health::Watch;
use crate::pipeline::{FollowSettings, Pipeline};
use crate::prepare::Preparer;
use crate::turns::Turns;

/// What the tasks of a run share.
pub(crate) struct Shared {
    pub(crate) preparer: Preparer,
    lookup: Arc<dyn VectorLookup>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) flights: Arc<Flights>,
    pub(crate) watch: Watch,
    /// Of a run that follows its sources.
    pub(crate) follow: Option<FollowSettings>,
    /// Held from numbering a batch until it is announced, so that numbers mean the same to all.
    pub(crate) numbering: tokio::sync::Mutex<Numbering>,
    /// The documents' tasks. Nothing is kept of one that ended.
    pub(crate) tasks: TaskTracker,
    /// Ends all tasks, after a failure or at the end.
    pub(crate) stop: CancellationToken,
    /// Ends pulling; documents in flight go on. Follows from `stop`.
    pub(crate) pulling: CancellationToken,
    failure: Mutex<Option<RunError>>,
}

impl Shared {
    /// Starts the sessions for a run that ends with `stop`.
    pub(crate) fn new(
        pipeline: &Pipeline<'_>,
        follow: Option<FollowSettings>,
        stop: CancellationToken,
    ) -> Result<Self, RunError> {
        let settings = &pipeline.settings;
        let embedders = Embedders::start(&pipeline.model, settings.sessions)?;
        let preparer = Preparer {
            extractor: Arc::clone(&pipeline.extractor),
            chunker: Arc::clone(&pipeline.chunker),
            tokenizer: pipeline.model.tokenizer(),
            dimension: pipeline.model.identity().dimension,
            fingerprint: pipeline.fingerprint.clone(),
            extracting: Turns::new(settings.extract_parallel),
            embedding: Turns::new(embedders.sessions() * 4),
            embedding_live: Turns::new(embedders.sessions() * 4),
            cut_time: settings.cut_time,
            hide_unreadable: pipeline.hide_unreadable.clone(),
            embedders,
        };
        let side_by_side = if follow.is_some() { pipeline.sources.len() } else { 1 };
        let names = pipeline.sources.iter().map(|run| run.source.name().clone());
        Ok(Self {
            preparer,
            lookup: Arc::clone(&pipeline.lookup),
            budget: Budget::new(settings.queue_bytes, settings.queue_documents, side_by_side),
            flights: Arc::default(),
            watch: Watch::new(names),
            follow,
            numbering: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
            pulling: stop.child_token(),
            stop,
            failure: Mutex::new(None),
        })
    }

    /// The vectors of all documents of a batch that bring content.
    pub(crate) async fn look_up(&self, changes: &[DocumentChange]) -> Result<VectorsByDocument, RunError> {
        let upserts = changes.iter().filter(|c| matches!(c.content, Some(ContentChange::Upsert(_))));
        let documents: Vec<DocId> = upserts.map(|c| c.doc_id.clone()).collect();
        if documents.is_empty() {
            return Ok(VectorsByDocument::default());
        }
        Ok(self.lookup.vectors(&documents).await?)
    }

    /// Notes the first failure and ends the run.
    pub(crate) fn fail(&self, error: RunError) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(error);
        self.stop.cancel();
    }

    pub(crate) fn failure(&self) -> Option<RunError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The numbers of changes over all sources, and how many there are to come.
#[derive(Default)]
pub(crate) struct Numbering {
    next: u64,
    expected: BTreeMap<usize, u64>,
}

impl Numbering {
    /// The next change's number.
    pub(crate) fn next(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    /// A source expects so many documents. Gives how many all do that have begun, as far as this one
    /// knows.
    pub(crate) fn expect(&mut self, source: usize, expected: Option<u64>) -> Option<u64> {
        self.expected.insert(source, expected?);
        Some(self.expected.values().sum())
    }
}
