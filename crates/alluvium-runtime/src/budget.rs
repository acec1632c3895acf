//! One budget for all documents in flight, in bytes and in documents.
//!
//! Only admission waits. A document that was admitted may grow beyond the limit (text and vectors can be
//! larger than the file), which holds up the next admission instead: a document that waited for memory
//! while it holds some could wait for ever. The excess is bounded by what the documents in extraction
//! may become, and the extractor bounds that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alluvium_core::source::Room;
use tokio::sync::Notify;

/// A source's batch is never asked to be more than this part of the whole, so that stages overlap.
const SHARE: u64 = 8;
/// What a change weighs that carries no content.
const LEAST: u64 = 1024;

/// The budget.
pub(crate) struct Budget {
    bytes: u64,
    documents: usize,
    state: Mutex<State>,
    freed: Notify,
    /// Woken when admission has to wait.
    pub(crate) starved: Notify,
}

#[derive(Default)]
struct State {
    bytes: u64,
    documents: usize,
    waiting: bool,
}

impl Budget {
    pub(crate) fn new(bytes: u64, documents: usize) -> Arc<Self> {
        Arc::new(Self {
            bytes: bytes.max(1),
            documents: documents.max(1),
            state: Mutex::default(),
            freed: Notify::new(),
            starved: Notify::new(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room for a batch. For one caller at a time.
    pub(crate) async fn room(&self) -> Room {
        loop {
            if let Some(room) = self.try_room() {
                return room;
            }
            self.starved.notify_one();
            self.freed.notified().await;
        }
    }

    fn try_room(&self) -> Option<Room> {
        let mut state = self.state();
        let share = (self.bytes / SHARE).max(1);
        let free = self.bytes.saturating_sub(state.bytes);
        let documents = self.documents.saturating_sub(state.documents);
        let fits = state.documents == 0 || (free >= share && documents > 0);
        state.waiting = !fits;
        let most = (self.documents / SHARE as usize).max(1);
        fits.then(|| Room { bytes: share, changes: documents.clamp(1, most) })
    }

    /// Charges a document.
    pub(crate) fn charge(self: &Arc<Self>, bytes: u64) -> Held {
        let bytes = bytes.max(LEAST);
        let mut state = self.state();
        state.bytes += bytes;
        state.documents += 1;
        Held { budget: Arc::clone(self), bytes }
    }

    /// Whether admission waits while all that is in flight are these documents.
    pub(crate) fn waits_for(&self, documents: usize) -> bool {
        let state = self.state();
        state.waiting && state.documents == documents
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
            self.budget.freed.notify_one();
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
        self.budget.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn admission_waits_for_bytes_and_for_documents() {
        let budget = Budget::new(80 * LEAST, 2);
        let (one, two) = (budget.charge(LEAST), budget.charge(LEAST));
        assert!(budget.try_room().is_none(), "no document fits");
        assert!(budget.waits_for(2));
        drop(one);
        assert_eq!(budget.try_room().map(|room| room.changes), Some(1));
        let mut two = two;
        two.resize(79 * LEAST);
        assert!(budget.try_room().is_none(), "no bytes are free");
        let waiting = tokio::spawn({
            let budget = Arc::clone(&budget);
            async move { budget.room().await.bytes }
        });
        tokio::task::yield_now().await;
        drop(two);
        assert_eq!(waiting.await.unwrap(), 10 * LEAST);
    }

    #[test]
    fn a_document_larger_than_everything_is_admitted_alone() {
        let budget = Budget::new(10, 10);
        assert!(budget.try_room().is_some());
        let huge = budget.charge(1 << 30);
        assert!(budget.try_room().is_none());
        drop(huge);
        assert!(budget.try_room().is_some());
    }
}
