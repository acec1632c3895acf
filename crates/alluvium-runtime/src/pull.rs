//! Pulls changes from the sources and sets each on its way.
//!
//! Each source has a pull task of its own. A run over sources that end pulls one after the other; a run
//! that follows them pulls all of them side by side, and asks again where one could not answer.

use std::sync::Arc;

use alluvium_core::brake::Brake;
use alluvium_core::change::DocumentChange;
use alluvium_core::document::Prepared;
use alluvium_core::id::{DocId, SourceName};
use alluvium_core::skipped::Skipped;
use alluvium_core::source::{Room, SourceBatch, SourceError};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::budget::Grant;
use crate::error::RunError;
use crate::flight::{Flight, Outstanding};
use crate::health::SourceState;
use crate::order::Delta;
use crate::pipeline::SourceRun;
use crate::prepare::Vectors;
use crate::retry::Backoff;
use crate::shared::Shared;
use crate::turns::Lane;

/// A batch with more changes than these is never live.
const FEW: usize = 16;
/// Neither is one whose source has more live changes in flight: they are a load of their own.
const MOST_LIVE: usize = 64;

/// What the commit loop hears.
pub(crate) enum Event {
    /// A batch was pulled; it comes before any of its changes.
    Pulled(Box<Pulled>),
    /// A change is ready.
    Finished(Box<Prepared>, Flight),
    /// The source at this place has come to its end.
    Ended(usize),
}

/// A batch without its contents.
pub(crate) struct Pulled {
    /// The source's place in the pipeline.
    pub(crate) source: usize,
    pub(crate) documents: Vec<DocId>,
    pub(crate) deltas: Vec<Delta>,
    pub(crate) seen: u64,
    pub(crate) unchanged: u64,
    pub(crate) skipped: Skipped,
    pub(crate) braked: Option<(SourceName, Brake)>,
    /// Documents to look at in all sources so far, as far as that is known.
    pub(crate) expected: Option<u64>,
}

/// Pulls every source to its end, or until the run is to stop, and waits for all that it set going.
pub(crate) async fn pull(sources: Vec<SourceRun>, shared: Arc<Shared>, events: mpsc::Sender<Event>) {
    pull_all(sources, &shared, &events).await;
    // The commit loop's inbox closes when this and the last document's task have let go of it.
    drop(events);
    shared.tasks.close();
    shared.tasks.wait().await;
}

async fn pull_all(sources: Vec<SourceRun>, shared: &Arc<Shared>, events: &mpsc::Sender<Event>) {
    let side_by_side = if shared.follow.is_some() { sources.len().max(1) } else { 1 };
    let pulls = sources.into_iter().enumerate().map(|(index, run)| {
        let puller = Puller::new(index, run, Arc::clone(shared), events.clone());
        // Spawned when its turn comes.
        async move { tokio::spawn(puller.pull()).await }
    });
    let mut pulls = futures::stream::iter(pulls).buffer_unordered(side_by_side);
    while let Some(pulled) = pulls.next().await {
        let pulled = pulled.map_err(|e| RunError::Internal(format!("pulling from a source: {e}")));
        if let Err(error) = pulled.flatten() {
            shared.fail(error);
        }
    }
}

/// The pull task of one source.
struct Puller {
    index: usize,
    run: SourceRun,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    seen: u64,
    outstanding: Arc<Outstanding>,
    /// Only of a source that is followed: it is asked again where it can't answer.
    backoff: Option<Backoff>,
}

impl Puller {
    fn new(index: usize, run: SourceRun, shared: Arc<Shared>, events: mpsc::Sender<Event>) -> Self {
        let followed = shared.follow.filter(|_| !run.once);
        let backoff = followed.map(|follow| Backoff::new(follow.retry_first, follow.retry_most));
        let outstanding = Arc::default();
        Self { index, run, shared, events, seen: 0, outstanding, backoff }
    }

    /// Pulls to the end of the source, or until the run stops pulling.
    async fn pull(mut self) -> Result<(), RunError> {
        let ended = self.pull_batches().await;
        self.note_state(SourceState::Ended);
        let expected = self.expected().or((!self.is_followed()).then_some(self.seen));
        self.shared.numbering.lock().await.expect(self.index, expected);
        if ended? {
            // Nobody hears it only when the run has failed already.
            let _ = self.events.send(Event::Ended(self.index)).await;
        }
        Ok(())
    }

    fn is_followed(&self) -> bool {
        self.backoff.is_some()
    }

    /// How many documents there are to come; of a source that is followed nobody knows.
    fn expected(&self) -> Option<u64> {
        self.run.source.expected().filter(|_| !self.is_followed())
    }

    /// False when the run stopped pulling before the end.
    async fn pull_batches(&mut self) -> Result<bool, RunError> {
        let shared = Arc::clone(&self.shared);
        loop {
            let (batch, grant) = tokio::select! {
                biased;
                () = shared.pulling.cancelled() => return Ok(false),
                answer = self.ask() => answer,
            };
            match batch {
                Ok(Some(batch)) => {
                    self.answered(&batch);
                    if !self.pass_on(batch, grant).await? {
                        return Ok(false);
                    }
                    self.note_state(SourceState::Waiting);
                }
                Ok(None) => return Ok(true),
                Err(error) => {
                    drop(grant);
                    self.leave_alone(error).await?;
                }
            }
        }
    }

    /// Asks the source for its next batch when there is room for one. While there is none for its backlog,
    /// it may have live changes.
    async fn ask(&mut self) -> (Result<Option<SourceBatch>, SourceError>, Grant) {
        let shared = Arc::clone(&self.shared);
        let has_backlog = self.shared.follow.is_some() && self.outstanding.count(Lane::Bulk) > 0;
        let lane = if has_backlog { Lane::Bulk } else { Lane::Live };
        let grant = tokio::select! {
            biased;
            grant = shared.budget.room(lane) => grant,
            answer = self.ask_for_live(), if has_backlog => return answer,
        };
        self.note_state(SourceState::Pulling);
        (self.run.source.next(grant.room).await, grant)
    }

    async fn ask_for_live(&mut self) -> (Result<Option<SourceBatch>, SourceError>, Grant) {
        let grant = self.shared.budget.room(Lane::Live).await;
        let room = Room { changes: grant.room.changes.min(FEW), ..grant.room };
        (self.run.source.next_live(room).await, grant)
    }

    /// How a batch is carried: what comes one at a time before what comes in great number.
    fn lane_of(&self, live: bool, changes: usize) -> Lane {
        let flying = self.outstanding.count(Lane::Live);
        let apart = live || self.outstanding.count(Lane::Bulk) == 0;
        let few = changes <= FEW && flying + changes <= MOST_LIVE;
        if self.is_followed() && apart && few { Lane::Live } else { Lane::Bulk }
    }

    fn note_state(&self, state: SourceState) {
        self.shared.watch.note(self.index, |watched| {
            // A source that is being retried is so until it answers.
            let asked_again =
                state == SourceState::Pulling && matches!(watched.state, SourceState::Retrying { .. });
            if !asked_again {
                (watched.state, watched.retry_at) = (state, None);
            }
        });
    }

    /// Notes that the source answered, and with what.
    fn answered(&mut self, batch: &SourceBatch) {
        self.seen += batch.seen;
        let failed = self.backoff.as_mut().map_or(0, Backoff::succeeded);
        if failed > 0 {
            tracing::info!(source = %self.run.source.name(), failed, "the source answers again");
        }
        let newly_braked = batch.braked.is_some();
        let mut told = None;
        self.shared.watch.note(self.index, |watched| {
            watched.state = SourceState::Waiting;
            watched.seen += batch.seen;
            watched.last_batch = Some(Instant::now());
            watched.retry_at = None;
            told = watched.braked;
            // A listing that was complete and not braked releases the brake.
            if newly_braked || !batch.deltas.is_empty() {
                watched.braked = batch.braked;
            }
        });
        if let Some(brake) = batch.braked
            && self.is_followed()
            && told != Some(brake)
        {
            tracing::warn!(source = %self.run.source.name(), "{brake}");
        }
    }

    /// Waits before the source is asked again; the error of one that is not followed ends the run.
    async fn leave_alone(&mut self, error: SourceError) -> Result<(), RunError> {
        let Some(backoff) = &mut self.backoff else { return Err(error.into()) };
        let wait = backoff.failed();
        let attempts = backoff.attempts();
        let source = self.run.source.name();
        if attempts == 1 {
            tracing::warn!(%source, %error, "the source can't answer; it is asked again until it does");
        } else {
            tracing::debug!(%source, %error, attempts, "the source still can't answer");
        }
        self.shared.watch.note(self.index, |watched| {
            watched.state = SourceState::Retrying { error: error.to_string(), attempts };
            watched.retry_at = Some(Instant::now() + wait);
        });
        tokio::select! {
            () = self.shared.pulling.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
        Ok(())
    }

    /// Parts a batch into what the commit loop hears of it and the changes themselves.
    fn split(&mut self, batch: SourceBatch) -> (Pulled, Vec<DocumentChange>) {
        let first_scan = self.run.record_first_scan;
        // A source that is followed scans again and again, and only once for the first time.
        self.run.record_first_scan &= self.shared.follow.is_none() || batch.deltas.is_empty();
        let pulled = Pulled {
            source: self.index,
            documents: batch.changes.iter().map(|change| change.doc_id.clone()).collect(),
            deltas: batch.deltas.into_iter().map(|delta| Delta { delta, first_scan }).collect(),
            seen: batch.seen,
            unchanged: batch.unchanged,
            skipped: batch.skipped,
            braked: batch.braked.map(|brake| (self.run.source.name().clone(), brake)),
            expected: None,
        };
        (pulled, batch.changes)
    }

    /// Announces a batch, then starts a task for each change; false when nobody listens any more.
    async fn pass_on(&mut self, batch: SourceBatch, grant: Grant) -> Result<bool, RunError> {
        let mut vectors = tokio::select! {
            biased;
            () = self.shared.stop.cancelled() => return Ok(false),
            vectors = self.shared.look_up(&batch.changes) => vectors?,
        };
        let lane = self.lane_of(batch.live, batch.changes.len());
        let (mut pulled, changes) = self.split(batch);
        // Held until the batch is announced: the commit loop counts as the numbers are given.
        let mut numbering = self.shared.numbering.lock().await;
        pulled.expected = numbering.expect(self.index, self.expected());
        if self.events.send(Event::Pulled(Box::new(pulled))).await.is_err() {
            return Ok(false);
        }
        for change in changes {
            let vectors = vectors.remove(&change.doc_id).unwrap_or_default();
            self.start(numbering.next(), change, vectors, lane);
        }
        drop(grant);
        Ok(true)
    }

    fn start(&self, number: u64, change: DocumentChange, vectors: Vectors, lane: Lane) {
        let held = self.shared.budget.charge(weight(&change, &vectors));
        let counted = self.outstanding.begin(lane);
        let mut flight = self.shared.flights.begin(number, change.doc_id.clone(), held, counted);
        let (shared, events) = (Arc::clone(&self.shared), self.events.clone());
        let panics = FailOnPanic(Arc::clone(&shared), change.doc_id.clone());
        self.shared.tasks.spawn(async move {
            // As a whole, or it would be dropped where its last field is used: nowhere.
            let _panics = panics;
            let prepared = tokio::select! {
                biased;
                () = shared.stop.cancelled() => return,
                prepared = shared.preparer.prepare(change, vectors, &mut flight) => prepared,
            };
            match prepared {
                Ok(prepared) => {
                    let _ = events.send(Event::Finished(Box::new(prepared), flight)).await;
                }
                Err(error) => shared.fail(error),
            }
        });
    }
}

/// Fails the run when the task of a document panics: its change would be outstanding for ever.
struct FailOnPanic(Arc<Shared>, DocId);

impl Drop for FailOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(RunError::Internal(format!("preparing {} panicked", self.1)));
        }
    }
}

fn weight(change: &DocumentChange, vectors: &Vectors) -> u64 {
    change.content_bytes() + vectors.values().map(|vector| vector.vector.len() as u64 * 4).sum::<u64>()
}
