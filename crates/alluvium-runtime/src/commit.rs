//! The commit loop: the only place that touches the writer.

use std::sync::Arc;

use alluvium_core::commit::{Batch, IndexWriter};
use alluvium_core::document::{Prepared, PreparedContent};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use crate::acknowledge::Acknowledgements;
use crate::error::RunError;
use crate::flight::Flight;
use crate::following::Following;
use crate::health::HealthSnapshot;
use crate::loading::Loading;
use crate::order::{Delta, Order, add_progress};
use crate::pipeline::{FollowEnd, Progress, Report, Settings};
use crate::pull::{Event, Pulled};
use crate::shared::Shared;
use crate::turns::Lane;

/// How often progress is told while nothing else happens, as in the middle of a huge document.
const TICK: Duration = Duration::from_millis(500);
/// How often a run that follows asks whether somebody else has published.
const SUPERSEDED_TICK: Duration = Duration::from_secs(1);

/// Gathers finished changes and commits them.
pub(crate) struct CommitLoop<'w> {
    pub(crate) writer: &'w mut dyn IndexWriter,
    pub(crate) settings: Settings,
    pub(crate) shared: Arc<Shared>,
    pub(crate) progress: Arc<dyn Progress>,
    /// What a run that follows its sources does besides; `None` in one that ends with them.
    pub(crate) following: Option<Following>,
    pub(crate) acknowledge: Acknowledgements,
    pub(crate) state: State,
}

/// What the loop knows. Nothing of it grows with the documents that are committed.
#[derive(Default)]
pub(crate) struct State {
    order: Order<(Prepared, Flight)>,
    pending: Vec<(Prepared, Flight)>,
    pending_bytes: u64,
    /// Progress that the next commit records.
    ripe: Vec<Delta>,
    /// When the oldest pending change must be committed.
    due_at: Option<Instant>,
    /// Changes committed.
    committed: u64,
    /// Changes refused so far.
    quarantined: u64,
    has_published: bool,
    /// The sources that are read to their ends.
    loading: Loading,
}

impl State {
    /// Of a run over sources of which some are read to their ends.
    pub(crate) fn of(loading: Loading) -> Self {
        Self { loading, ..Self::default() }
    }
}

/// What a run did, and how it ended.
pub(crate) struct Outcome {
    pub(crate) report: Report,
    pub(crate) end: FollowEnd,
}

impl CommitLoop<'_> {
    /// Runs until every sender of events is gone, then commits what is finished.
    pub(crate) async fn run(mut self, events: mpsc::Receiver<Event>) -> Result<Outcome, RunError> {
        let end = self.gather(events).await;
        self.report_health();
        Ok(Outcome { end: end?, report: self.state.loading.report })
    }

    async fn gather(&mut self, mut events: mpsc::Receiver<Event>) -> Result<FollowEnd, RunError> {
        let shared = Arc::clone(&self.shared);
        let drain = self.following.as_ref().map(Following::drain_token).unwrap_or_default();
        let mut ticks = tokio::time::interval(if self.following.is_some() { SUPERSEDED_TICK } else { TICK });
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            // Without a deadline the branch is off, the moment unused.
            let wake_at = self.wake_at();
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                () = tokio::time::sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
                () = shared.budget.starved.notified() => {}
                () = drain.cancelled(), if self.may_drain() => self.drain(),
                _ = ticks.tick() => {
                    if self.is_superseded().await? {
                        return Ok(FollowEnd::Superseded);
                    }
                    self.writer.tend().await?;
                },
            }
            self.tell();
            if self.may_drain() && self.is_loaded() {
                self.drain();
            }
            self.keep_deadlines();
            if self.is_due() {
                self.commit().await?;
            }
        }
        self.finish().await
    }

    /// The next moment at which there is something to do, if nothing happens before.
    fn wake_at(&self) -> Option<Instant> {
        let State { pending, ripe, due_at, .. } = &self.state;
        let following = self.following.as_ref();
        let progress_alone = pending.is_empty() && !ripe.is_empty();
        let progress = following.filter(|_| progress_alone).map(Following::progress_at);
        [*due_at, progress, following.map(Following::wake_at)].into_iter().flatten().min()
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Pulled(pulled) => self.pulled(*pulled),
            Event::Finished(prepared, flight) => {
                let (number, document) = (flight.number(), prepared.doc_id.clone());
                for item in self.state.order.finished(number, &document, (*prepared, flight)) {
                    self.pend(item);
                }
            }
            Event::Ended(source) => self.state.loading.ended(source),
        }
        for delta in self.state.order.ripe() {
            add_progress(&mut self.state.ripe, delta);
        }
    }

    fn pulled(&mut self, pulled: Pulled) {
        let State { loading, order, .. } = &mut self.state;
        loading.pulled(&pulled);
        order.pulled(pulled.source, pulled.documents, pulled.deltas);
    }

    fn pend(&mut self, item: (Prepared, Flight)) {
        let State { pending, pending_bytes, due_at, quarantined, loading, .. } = &mut self.state;
        let interval = self.settings.commit_interval;
        let due = match &self.following {
            Some(following) if item.1.lane() == Lane::Live && self.shared.flights.has_backlog() => {
                following.live_due_at(interval)
            }
            Some(following) => following.due_at(interval),
            None => Instant::now() + interval,
        };
        *due_at = Some(due_at.map_or(due, |earlier| earlier.min(due)));
        *pending_bytes += item.1.bytes();
        loading.ready(&item.0);
        *quarantined += u64::from(matches!(item.0.content, PreparedContent::Refused(_)));
        pending.push(item);
    }

    fn is_due(&self) -> bool {
        if self.following.as_ref().is_some_and(Following::is_over) {
            // All that is finished goes into the last commit: there is no time for many.
            return false;
        }
        let State { pending, pending_bytes, due_at, .. } = &self.state;
        if pending.is_empty() {
            return self.is_progress_due();
        }
        pending.len() >= self.settings.commit_documents()
            || *pending_bytes >= self.settings.commit_bytes()
            || due_at.is_some_and(|due| Instant::now() >= due)
            || self.shared.budget.waits_for(pending.len())
    }

    /// Whether progress alone is worth a commit before the end of the run.
    fn is_progress_due(&self) -> bool {
        let Some(following) = &self.following else { return false };
        let ripe = &self.state.ripe;
        ripe.iter().any(|ripe| ripe.first_scan)
            || (!ripe.is_empty() && Instant::now() >= following.progress_at())
    }

    fn tell(&mut self) {
        let snapshot = &mut self.state.loading.snapshot;
        snapshot.embedded = self.shared.preparer.embedders.embedded();
        self.progress.update(snapshot);
    }

    /// Commits what is pending, and progress with it.
    async fn commit(&mut self) -> Result<(), RunError> {
        let state = &mut self.state;
        let deltas: Vec<_> = std::mem::take(&mut state.ripe).into_iter().map(|ripe| ripe.delta).collect();
        let progress = self.acknowledge.wanted(&deltas);
        // The documents stay charged until they are committed.
        let (changes, flights): (Vec<_>, Vec<_>) = std::mem::take(&mut state.pending).into_iter().unzip();
        state.pending_bytes = 0;
        state.due_at = None;
        let count = changes.len() as u64;
        let batch = Batch { changes, deltas };
        let part = state.loading.part_of(&batch);
        let committed = self.writer.commit(batch).await?;
        drop(flights);
        if committed.published.is_some() {
            self.acknowledge.published(&progress);
        }
        tracing::debug!(changes = count, published = ?committed.published, "committed");
        if let Some(following) = &mut self.following {
            following.committed(committed.published.as_ref());
        }
        let state = &mut self.state;
        state.loading.committed(&part, &committed);
        state.has_published |= committed.published.is_some();
        state.committed += count;
        self.tell();
        Ok(())
    }

    /// The last commit. Progress alone is worth one only if the run published, or if the index does not
    /// know the source yet: a run that found nothing new publishes nothing.
    async fn finish(&mut self) -> Result<FollowEnd, RunError> {
        let progress_is_due = self.is_progress_due();
        let state = &mut self.state;
        state.loading.report.interrupted = !(state.loading.has_ended() && state.order.is_complete());
        if state.pending.is_empty() && !state.has_published && !progress_is_due {
            state.ripe.retain(|ripe| ripe.first_scan);
        }
        let finished: Vec<u64> = state.pending.iter().map(|(_, flight)| flight.number()).collect();
        if !state.pending.is_empty() || !state.ripe.is_empty() {
            self.commit().await?;
        }
        Ok(self.end(&finished))
    }
}

/// What a run that follows its sources does besides.
impl CommitLoop<'_> {
    /// Somebody else has published: nothing in flight may be committed.
    async fn is_superseded(&mut self) -> Result<bool, RunError> {
        if self.following.is_none() {
            return Ok(false);
        }
        Ok(self.writer.superseded().await?)
    }

    /// How the run ended, when these changes were finished for its last commit.
    fn end(&mut self, finished: &[u64]) -> FollowEnd {
        let is_loaded = self.is_loaded();
        let Some(following) = &self.following else { return FollowEnd::Ended };
        match following.end(finished) {
            end if !is_loaded => end,
            FollowEnd::Drained { slow } => FollowEnd::Loaded { report: self.report(), slow },
            _ => FollowEnd::Loaded { report: self.report(), slow: vec![] },
        }
    }

    /// What became of the sources that are read once, all of which have been.
    fn report(&self) -> Box<Report> {
        Box::new(Report { interrupted: false, ..self.state.loading.report.clone() })
    }

    /// Whether all that the sources had which are read once is ready for the last commit.
    fn is_loaded(&self) -> bool {
        self.state.loading.is_complete(&self.state.order)
    }

    fn may_drain(&self) -> bool {
        self.following.as_ref().is_some_and(|following| !following.is_draining())
    }

    /// Pulling stops; what is in flight may finish.
    fn drain(&mut self) {
        if let Some(following) = &mut self.following {
            self.shared.pulling.cancel();
            following.drain();
        }
    }

    /// Aborts what a drain has no more time for, and reports health when that is due.
    fn keep_deadlines(&mut self) {
        let Some(following) = &mut self.following else { return };
        if following.is_drain_over() {
            // Before the tasks let go of them.
            following.abort(self.shared.flights.all());
            self.shared.stop.cancel();
        }
        if following.is_report_due() {
            self.report_health();
        }
    }

    fn report_health(&mut self) {
        let Some(following) = &mut self.following else { return };
        let State { pending, committed, quarantined, .. } = &self.state;
        let (in_flight_documents, in_flight_bytes) = self.shared.budget.in_flight();
        following.report(&HealthSnapshot {
            sources: self.shared.watch.sources(),
            in_flight_documents,
            in_flight_bytes,
            pending: pending.len(),
            oldest: self.shared.flights.oldest(),
            committed: *committed,
            quarantined: *quarantined,
            embedded: self.shared.preparer.embedders.embedded(),
            published: following.published(),
            draining: following.is_draining(),
        });
    }
}
