//! One budget for all documents in flight, in bytes and in documents.
//!
//! Only admission waits. A document that was admitted may grow beyond the limit (text and vectors can be
//! larger than the file), which holds up the next admission instead: a document that waited for memory
//! while it holds some could wait for ever. The excess is bounded by what the documents in extraction
//! may become, and the extractor bounds that.
//!
//! Room that was granted to a source counts as taken until its batch is charged. Sources that follow may
//! sit on their room for hours, so that all of it together is at most half of the budget.
//!
//! A source that has a backlog leaves that room to the others and to its own live changes, where sources
//! are followed: a batch for each, taken or not.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alluvium_core::source::Room;
use tokio::sync::{Mutex as Turn, Notify};

use crate::turns::Lane;

/// A source's batch is never asked to be more than this part of the whole, so that stages overlap.
const SHARE: usize = 8;
/// What a change weighs that carries no content.
const LEAST: u64 = 1024;

/// The budget.
pub(crate) struct Budget {
    bytes: u64,
    documents: usize,
    /// What one source is granted at once.
    batch: Room,
    /// Sources that ask at once.
    sources: usize,
    state: Mutex<State>,
    /// One source at a time waits for room, in the order in which they came, and beside it one with a
    /// backlog.
    turn: Turn<()>,
    bulk_turn: Turn<()>,
    freed: Notify,
    /// Woken when admission has to wait.
    pub(crate) starved: Notify,
}

#[derive(Default)]
struct State {
    bytes: u64,
    documents: usize,
    granted_bytes: u64,
    granted_documents: usize,
    live_waits: bool,
    bulk_waits: bool,
}

impl Budget {
    /// A budget for so many sources that ask at once. It is never so small that the room of idle ones
    /// would leave none for a busy one.
    pub(crate) fn new(bytes: u64, documents: usize, sources: usize) -> Arc<Self> {
        let sources = sources.max(1);
        let parts = SHARE.max(2 * sources);
        let (bytes, documents) = (bytes.max(parts as u64), documents.max(2 * sources - 1));
        let batch = Room { bytes: bytes / parts as u64, changes: (documents / parts).max(1) };
        Arc::new(Self {
            bytes,
            documents,
            batch,
            sources,
            state: Mutex::default(),
            turn: Turn::new(()),
            bulk_turn: Turn::new(()),
            freed: Notify::new(),
            starved: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for a batch: for one of a backlog less than all of it.
    pub(crate) async fn room(self: &Arc<Self>, lane: Lane) -> Grant {
        let turn = if lane == Lane::Live { &self.turn } else { &self.bulk_turn };
        let _turn = turn.lock().await;
        loop {
            // Before the look, so that nothing is freed unheard between the two.
            let mut freed = std::pin::pin!(self.freed.notified());
            freed.as_mut().enable();
            if let Some(grant) = self.try_room_for(lane) {
                return grant;
            }
            self.starved.notify_one();
            freed.await;
        }
    }

    #[cfg(test)]
    fn try_room(self: &Arc<Self>) -> Option<Grant> {
        self.try_room_for(Lane::Live)
    }

    fn try_room_for(self: &Arc<Self>, lane: Lane) -> Option<Grant> {
        let mut state = self.state();
        let mut free = self.bytes.saturating_sub(state.bytes + state.granted_bytes);
        let mut documents = self.documents.saturating_sub(state.documents + state.granted_documents);
        if lane == Lane::Bulk {
            let kept = self.sources as u64 * self.batch.bytes;
            free = free.saturating_sub(kept.saturating_sub(state.granted_bytes));
            let kept = self.sources * self.batch.changes;
            documents = documents.saturating_sub(kept.saturating_sub(state.granted_documents));
        }
        // A batch that is larger than everything is taken alone.
        let alone = state.documents == 0 && state.granted_documents == 0;
        let fits = alone || (free >= self.batch.bytes && documents > 0);
        match lane {
            Lane::Live => state.live_waits = !fits,
            Lane::Bulk => state.bulk_waits = !fits,
        }
        if !fits {
            return None;
        }
        let room = Room { bytes: self.batch.bytes, changes: documents.clamp(1, self.batch.changes) };
        state.granted_bytes += room.bytes;
        state.granted_documents += room.changes;
        Some(Grant { budget: Arc::clone(self), room })
    }

    /// Charges a document.
    pub(crate) fn charge(self: &Arc<Self>, bytes: u64) -> Held {
        let bytes = bytes.max(LEAST);
        let mut state = self.state();
        state.bytes += bytes;
        state.documents += 1;
        Held { budget: Arc::clone(self), bytes }
    }

    /// Documents in flight, and what they weigh.
    pub(crate) fn in_flight(&self) -> (usize, u64) {
        let state = self.state();
        (state.documents, state.bytes)
    }

    /// Whether admission waits while all that is in flight are these documents.
    pub(crate) fn waits_for(&self, documents: usize) -> bool {
        let state = self.state();
        (state.live_waits || state.bulk_waits) && state.documents == documents
    }
}

/// Room for a batch, taken until this is dropped: after the batch's documents were charged.
pub(crate) struct Grant {
    budget: Arc<Budget>,
    pub(crate) room: Room,
}

impl Drop for Grant {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.granted_bytes = state.granted_bytes.saturating_sub(self.room.bytes);
        state.granted_documents = state.granted_documents.saturating_sub(self.room.changes);
        drop(state);
        self.budget.freed.notify_waiters();
    }
}

/// One document's part of the budget, given back when it is dropped.
pub(crate) struct Held {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Held {
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The document weighs this much now.
    pub(crate) fn resize(&mut self, bytes: u64) {
        let bytes = bytes.max(LEAST);
        let mut state = self.budget.state();
        state.bytes = state.bytes.saturating_sub(self.bytes) + bytes;
        drop(state);
        if bytes < self.bytes {
            self.budget.freed.notify_waiters();
        }
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.budget.state();
        state.bytes = state.bytes.saturating_sub(self.bytes);
        state.documents = state.documents.saturating_sub(1);
        drop(state);
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn admission_waits_for_bytes_and_for_documents() {
        let budget = Budget::new(80 * LEAST, 2, 1);
        let (one, two) = (budget.charge(LEAST), budget.charge(LEAST));
        assert!(budget.try_room().is_none(), "no document fits");
        assert!(budget.waits_for(2));
        drop(one);
        assert_eq!(budget.try_room().map(|grant| grant.room.changes), Some(1));
        let mut two = two;
        two.resize(79 * LEAST);
        assert!(budget.try_room().is_none(), "no bytes are free");
        let waiting = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.room(Lane::Live).await.room.bytes }
        });
        tokio::task::yield_now().await;
        drop(two);
        assert_eq!(waiting.await.unwrap(), 10 * LEAST);
    }

    #[test]
    fn a_document_larger_than_everything_is_admitted_alone() {
        let budget = Budget::new(10, 10, 1);
        assert!(budget.try_room().is_some());
        let huge = budget.charge(1 << 30);
        assert!(budget.try_room().is_none());
        drop(huge);
        assert!(budget.try_room().is_some());
    }

    #[test]
    fn granted_room_is_taken_and_idle_sources_leave_half_to_the_others() {
        for (bytes, documents, sources) in [(1 << 20, 1000, 3), (1 << 20, 1, 5), (10, 7, 20)] {
            let budget = Budget::new(bytes, documents, sources);
            let idle: Vec<Grant> = (1..sources).map(|_| budget.try_room().unwrap()).collect();
            let taken: u64 = idle.iter().map(|grant| grant.room.bytes).sum();
            assert!(taken <= budget.bytes / 2);
            let busy = budget.try_room().expect("there is room for one that is busy");
            assert!(taken + busy.room.bytes <= budget.bytes);
            let documents: usize = idle.iter().chain([&busy]).map(|grant| grant.room.changes).sum();
            assert!(documents <= budget.documents);
        }
        let budget = Budget::new(80 * LEAST, 8, 1);
        let grants: Vec<Grant> = std::iter::from_fn(|| budget.try_room()).collect();
        assert_eq!(grants.len(), 8, "what is granted is not granted twice");
        drop(grants);
        assert_eq!(std::iter::from_fn(|| budget.try_room()).take(99).count(), 99, "and comes back");
    }

    #[test]
    fn a_backlog_leaves_room_for_live_changes() {
        for (bytes, documents, sources) in [(1 << 20, 1000, 1), (1 << 20, 1000, 3), (10, 1, 5), (100, 7, 20)]
        {
            let budget = Budget::new(bytes, documents, sources);
            let mut backlog = Vec::new();
            while let Some(grant) = budget.try_room_for(Lane::Bulk) {
                backlog.extend((0..grant.room.changes).map(|_| budget.charge(LEAST)));
                assert!(backlog.len() <= documents.max(2 * sources), "it ends");
            }
            assert!(!backlog.is_empty(), "it goes on all the same");
            if bytes > 100 {
                let live: Vec<Grant> = std::iter::from_fn(|| budget.try_room()).take(sources).collect();
                assert_eq!(live.len(), sources, "each source has room for a batch");
            }
        }
    }
}
