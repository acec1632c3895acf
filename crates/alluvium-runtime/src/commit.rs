//! The commit loop: the only place that touches the writer.

use std::sync::Arc;

use alluvium_core::commit::{Batch, IndexWriter};
use alluvium_core::document::{Prepared, PreparedContent};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};

use crate::budget::Held;
use crate::error::RunError;
use crate::order::{Delta, Order};
use crate::pipeline::{Progress, Report, Settings, Snapshot};
use crate::pull::{Event, Pulled, Shared};

/// How often progress is told while nothing else happens, as in the middle of a huge document.
const TICK: Duration = Duration::from_millis(500);

/// Gathers finished changes and commits them.
pub(crate) struct CommitLoop<'w> {
    pub(crate) writer: &'w mut dyn IndexWriter,
    pub(crate) settings: Settings,
    pub(crate) shared: Arc<Shared>,
    pub(crate) progress: Arc<dyn Progress>,
    pub(crate) state: State,
}

/// What the loop knows.
#[derive(Default)]
pub(crate) struct State {
    order: Order<(Prepared, Held)>,
    pending: Vec<(Prepared, Held)>,
    pending_bytes: u64,
    /// Progress that the next commit records.
    ripe: Vec<Delta>,
    /// When the oldest pending change must be committed.
    due_at: Option<Instant>,
    ended: bool,
    report: Report,
    snapshot: Snapshot,
}

impl CommitLoop<'_> {
    /// Runs until every sender of events is gone, then commits what is finished.
    pub(crate) async fn run(mut self, mut events: mpsc::Receiver<Event>) -> Result<Report, RunError> {
        let shared = Arc::clone(&self.shared);
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            // Without a pending change there is no deadline: the branch is off, the moment unused.
            let due_at = self.state.due_at.unwrap_or_else(Instant::now);
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                () = tokio::time::sleep_until(due_at), if self.state.due_at.is_some() => {}
                () = shared.budget.starved.notified() => {}
                _ = ticks.tick() => {}
            }
            self.tell();
            if self.is_due() {
                self.commit().await?;
            }
        }
        self.finish().await
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Pulled(pulled) => self.pulled(*pulled),
            Event::Finished(number, prepared, held) => {
                let document = prepared.doc_id.clone();
                for item in self.state.order.finished(number, &document, (*prepared, held)) {
                    self.pend(item);
                }
            }
            Event::Ended => self.state.ended = true,
        }
        self.state.ripe.extend(self.state.order.ripe());
    }

    fn pulled(&mut self, pulled: Pulled) {
        let State { report, snapshot, order, .. } = &mut self.state;
        report.seen += pulled.seen;
        report.unchanged += pulled.unchanged;
        report.skipped += pulled.skipped;
        report.braked.extend(pulled.braked);
        snapshot.seen += pulled.seen;
        snapshot.done += pulled.unchanged + pulled.skipped;
        snapshot.expected = pulled.expected;
        order.pulled(pulled.documents, pulled.deltas);
    }

    fn pend(&mut self, item: (Prepared, Held)) {
        let State { pending, pending_bytes, due_at, snapshot, .. } = &mut self.state;
        due_at.get_or_insert_with(|| Instant::now() + self.settings.commit_interval);
        *pending_bytes += item.1.bytes();
        snapshot.done += 1;
        snapshot.quarantined += u64::from(matches!(item.0.content, PreparedContent::Refused(_)));
        pending.push(item);
    }

    fn is_due(&self) -> bool {
        let State { pending, pending_bytes, due_at, .. } = &self.state;
        !pending.is_empty()
            && (pending.len() >= self.settings.commit_documents()
                || *pending_bytes >= self.settings.commit_bytes()
                || due_at.is_some_and(|due| Instant::now() >= due)
                || self.shared.budget.waits_for(pending.len()))
    }

    fn tell(&mut self) {
        self.state.snapshot.embedded = self.shared.preparer.embedders.embedded();
        self.progress.update(&self.state.snapshot);
    }

    /// Commits what is pending, and progress with it.
    async fn commit(&mut self) -> Result<(), RunError> {
        let state = &mut self.state;
        let deltas = std::mem::take(&mut state.ripe).into_iter().map(|ripe| ripe.delta).collect();
        // The documents stay charged until they are committed.
        let (changes, held): (Vec<_>, Vec<_>) = std::mem::take(&mut state.pending).into_iter().unzip();
        state.pending_bytes = 0;
        state.due_at = None;
        let count = changes.len() as u64;
        let committed = self.writer.commit(Batch { changes, deltas }).await?;
        drop(held);
        tracing::debug!(changes = count, published = ?committed.published, "committed");
        let state = &mut self.state;
        state.report.counts += committed.counts;
        state.report.published = committed.published.or(state.report.published.take());
        state.snapshot.committed += count;
        self.tell();
        Ok(())
    }

    /// The last commit. Progress alone is worth one only if the run published, or if the index does not
    /// know the source yet: a run that found nothing new publishes nothing.
    async fn finish(mut self) -> Result<Report, RunError> {
        let state = &mut self.state;
        state.report.interrupted = !(state.ended && state.order.is_complete());
        if state.pending.is_empty() && state.report.published.is_none() {
            state.ripe.retain(|ripe| ripe.first_scan);
        }
        if !state.pending.is_empty() || !state.ripe.is_empty() {
            self.commit().await?;
        }
        Ok(self.state.report)
    }
}
