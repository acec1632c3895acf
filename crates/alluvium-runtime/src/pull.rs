//! Pulls changes from the sources and sets each on its way.

use std::sync::{Arc, Mutex, PoisonError};

use alluvium_core::brake::Brake;
use alluvium_core::change::{ContentChange, DocumentChange};
use alluvium_core::commit::{VectorLookup, VectorsByDocument};
use alluvium_core::document::Prepared;
use alluvium_core::id::{DocId, SourceName};
use alluvium_core::source::SourceBatch;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::budget::{Budget, Held};
use crate::error::RunError;
use crate::order::Delta;
use crate::pipeline::SourceRun;
use crate::prepare::{Preparer, Vectors};

/// What the commit loop hears.
pub(crate) enum Event {
    /// A batch was pulled; it comes before any of its changes.
    Pulled(Box<Pulled>),
    /// A change is ready.
    Finished(u64, Box<Prepared>, Held),
    /// The last source has ended.
    Ended,
}

/// A batch without its contents.
pub(crate) struct Pulled {
    pub(crate) documents: Vec<DocId>,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) seen: u64,
    pub(crate) unchanged: u64,
    pub(crate) skipped: u64,
    pub(crate) braked: Option<(SourceName, Brake)>,
    /// Documents to look at in all sources so far, as far as that is known.
    pub(crate) expected: Option<u64>,
}

/// What the tasks of a run share.
pub(crate) struct Shared {
    pub(crate) preparer: Preparer,
    pub(crate) lookup: Arc<dyn VectorLookup>,
    pub(crate) budget: Arc<Budget>,
    /// Ends all tasks: cancelled by the user, or after a failure.
    pub(crate) stop: CancellationToken,
    pub(crate) failure: Mutex<Option<RunError>>,
}

impl Shared {
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

/// Pulls every source to its end, or until the run is to stop, and waits for all that it set going.
pub(crate) async fn pull(sources: Vec<SourceRun>, shared: Arc<Shared>, events: mpsc::Sender<Event>) {
    let mut puller = Puller { shared, events, tasks: JoinSet::new(), number: 0, expected: 0 };
    let mut ended = true;
    for run in sources {
        match puller.drain(run).await {
            Ok(true) => {}
            Ok(false) => ended = false,
            Err(error) => {
                puller.shared.fail(error);
                ended = false;
            }
        }
        if !ended {
            break;
        }
    }
    if ended {
        // Nobody hears it only when the run has failed already.
        let _ = puller.events.send(Event::Ended).await;
    }
    while let Some(done) = puller.tasks.join_next().await {
        puller.reap(done);
    }
}

struct Puller {
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    tasks: JoinSet<()>,
    number: u64,
    /// Documents in the sources before the present one.
    expected: u64,
}

impl Puller {
    /// Pulls one source; false when the run is to stop.
    async fn drain(&mut self, mut run: SourceRun) -> Result<bool, RunError> {
        let shared = Arc::clone(&self.shared);
        let mut seen = 0;
        loop {
            let room = tokio::select! {
                biased;
                () = shared.stop.cancelled() => return Ok(false),
                Some(done) = self.tasks.join_next() => {
                    self.reap(done);
                    continue;
                }
                room = shared.budget.room() => room,
            };
            let batch = tokio::select! {
                biased;
                () = shared.stop.cancelled() => return Ok(false),
                batch = run.source.next(room) => batch?,
            };
            let Some(batch) = batch else { break };
            seen += batch.seen;
            let vectors = self.look_up(&batch.changes).await?;
            let (pulled, changes) = self.split(&run, batch);
            if !self.send(pulled, changes, vectors).await {
                return Ok(false);
            }
        }
        self.expected += run.source.expected().unwrap_or(seen);
        Ok(true)
    }

    /// The vectors of all documents of a batch that bring content.
    async fn look_up(&self, changes: &[DocumentChange]) -> Result<VectorsByDocument, RunError> {
        let upserts = changes.iter().filter(|c| matches!(c.content, Some(ContentChange::Upsert(_))));
        let documents: Vec<DocId> = upserts.map(|c| c.doc_id.clone()).collect();
        if documents.is_empty() {
            return Ok(VectorsByDocument::default());
        }
        Ok(self.shared.lookup.vectors(&documents).await?)
    }

    /// Parts a batch into what the commit loop hears of it and the changes themselves.
    fn split(&self, run: &SourceRun, batch: SourceBatch) -> (Pulled, Vec<DocumentChange>) {
        let delta = |delta| Delta { delta, first_scan: run.record_first_scan };
        let now = run.source.expected();
        let pulled = Pulled {
            documents: batch.changes.iter().map(|change| change.doc_id.clone()).collect(),
            deltas: batch.deltas.into_iter().map(delta).collect(),
            seen: batch.seen,
            unchanged: batch.unchanged,
            skipped: batch.skipped,
            braked: batch.braked.map(|brake| (run.source.name().clone(), brake)),
            expected: now.map(|now| self.expected + now),
        };
        (pulled, batch.changes)
    }

    /// Announces a batch, then starts a task for each change; false when nobody listens any more.
    async fn send(
        &mut self,
        pulled: Pulled,
        changes: Vec<DocumentChange>,
        mut vectors: VectorsByDocument,
    ) -> bool {
        if self.events.send(Event::Pulled(Box::new(pulled))).await.is_err() {
            return false;
        }
        for change in changes {
            let vectors = vectors.remove(&change.doc_id).unwrap_or_default();
            self.start(change, vectors);
        }
        true
    }

    fn start(&mut self, change: DocumentChange, vectors: Vectors) {
        let number = self.number;
        self.number += 1;
        let mut held = self.shared.budget.charge(weight(&change, &vectors));
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        self.tasks.spawn(async move {
            let prepared = tokio::select! {
                biased;
                () = shared.stop.cancelled() => return,
                prepared = shared.preparer.prepare(change, vectors, &mut held) => prepared,
            };
            match prepared {
                Ok(prepared) => {
                    let _ = events.send(Event::Finished(number, Box::new(prepared), held)).await;
                }
                Err(error) => shared.fail(error),
            }
        });
    }

    fn reap(&self, done: Result<(), JoinError>) {
        if let Err(error) = done {
            self.shared.fail(RunError::Internal(format!("preparing a document: {error}")));
        }
    }
}

fn weight(change: &DocumentChange, vectors: &Vectors) -> u64 {
    let content = match &change.content {
        Some(ContentChange::Upsert(upsert)) => upsert.bytes.len(),
        _ => 0,
    };
    (content + vectors.values().map(|vector| vector.len() * 4).sum::<usize>()) as u64
}
